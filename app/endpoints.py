"""The register of agencies' own systems: who is reached where, and with which key both sides sign."""

import base64
import re
import secrets
from collections.abc import Sequence

from pydantic import SecretStr, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.gateway import AgencyEndpoint
from app.db import tables
from app.db.audit import on_record
from app.db.vault import sealed_row
from app.domain.sight import OPERATOR
from app.domain.terms import Agency
from app.embedded import EmbeddedError

KEY = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
SHORTEST_KEY = 24
"""Bytes; the Standard Webhooks ask for it."""


def new_secret() -> str:
    """A key of the Standard Webhooks."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(SHORTEST_KEY)).decode()}"


def parse(text: str, secret: str, *, lookup: bool) -> AgencyEndpoint:
    """`AGENCY=URL`; raises a sentence that holds no secret."""
    agency, _, url = text.partition("=")
    if agency not in list(Agency):
        raise EmbeddedError(f"{agency} is no agency; the codes are {', '.join(Agency)}.")
    if not KEY.fullmatch(secret) or len(base64.b64decode(secret.removeprefix("whsec_"))) < SHORTEST_KEY:
        raise EmbeddedError(f"{agency}: a key is whsec_ and the base64 of at least {SHORTEST_KEY} random bytes.")
    try:
        return AgencyEndpoint(agency=Agency(agency), url=url, secret=SecretStr(secret), supports_lookup=lookup)
    except ValidationError as wrong:
        why = "; ".join(error["msg"].removeprefix("Value error, ") for error in wrong.errors())
        raise EmbeddedError(f"{agency}: {why}.") from None


async def enter(conn: AsyncConnection, endpoint: AgencyEndpoint) -> None:
    """From now on the agency's referrals go to this address; callbacks are checked with this key."""
    said = {
        "url": endpoint.url, "secret": endpoint.secret.get_secret_value(), "supports_lookup": endpoint.supports_lookup
    }  # fmt: skip
    row = await sealed_row(conn, tables.endpoints, {"agency": endpoint.agency.value, **said})
    entering = upsert(tables.endpoints).values(row)
    await conn.execute(entering.on_conflict_do_update(index_elements=["agency"], set_=row))


async def entered(
    conn: AsyncConnection, systems: Sequence[str], *, secret: str | None, lookup: bool, remove: Sequence[Agency]
) -> list[str]:
    """Enter these and remove those, all or none; the lines that show each key that was made here, the only time."""
    made = []
    for text in systems:
        endpoint = parse(text, secret or new_secret(), lookup=lookup)
        await enter(conn, endpoint)
        await on_record(conn, OPERATOR, "enter_endpoint", None, [f"agency:{endpoint.agency}"], children=[])
        if secret is None:
            made.append(f"{endpoint.agency}: give this key to the agency: {endpoint.secret.get_secret_value()}")
    for agency in remove:
        await conn.execute(delete(tables.endpoints).where(tables.endpoints.c.agency == agency.value))
        await on_record(conn, OPERATOR, "remove_endpoint", None, [f"agency:{agency}"], children=[])
    return made


async def listed(conn: AsyncConnection) -> list[str]:
    """One line for each agency that is reached at its own system."""
    rows = (await conn.execute(select(tables.endpoints).order_by(tables.endpoints.c.agency))).all()
    if not rows:
        return ["No agency has a system of its own; all work at their built-in desks."]
    return [f"{row.agency} {Agency(row.agency).zh}  {row.url}" for row in rows]
