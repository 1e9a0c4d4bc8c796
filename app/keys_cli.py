"""The command of machine keys: `shouhu key UNIT`, for whoever runs the server; people of a unit use /v1/keys."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.connect import database
from app.domain.keys import LASTS, LONGEST_OVERLAP, OVERLAP, REPORTING
from app.domain.refusals import Refused
from app.domain.sight import OPERATOR
from app.domain.terms import KeyScope
from app.embedded import EmbeddedError
from app.settings import DATA, Settings, settings_of

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

console = Console()
HOUR = timedelta(hours=1)
Data = Annotated[
    Path, typer.Option(help="Where the data is kept.", envvar="SHOUHU_DATA_DIR", show_default=".shouhu beside ./shouhu")
]


def key(
    unit: Annotated[str, typer.Argument(help="A reporting unit as in unit-school-1, or a desk as in POLICE")],
    scope: Annotated[list[KeyScope] | None, typer.Option(help="What it opens; else what reporting needs.")] = None,
    label: Annotated[str, typer.Option(help="The system that holds it.")] = "",
    days: Annotated[int, typer.Option(min=1, help="How long it is good.")] = LASTS.days,
    rotate: Annotated[str | None, typer.Option(help="A new key in place of this one, by its id.")] = None,
    overlap: Annotated[int, typer.Option(min=0, max=LONGEST_OVERLAP // HOUR, help="Hours both are good.")] = OVERLAP // HOUR,
    revoke: Annotated[str | None, typer.Option(help="End this one now, by its id.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only show those that there are.")] = False,
    data: Data = DATA,
) -> None:  # fmt: skip
    """Give a unit's system a key, change it or end it; without a choice, a new one for reporting."""

    async def run(settings: Settings) -> None:
        async with database(settings) as engine, engine.begin() as conn:
            if revoke:
                await _revoke(conn, unit, revoke)
            elif rotate:
                await _rotate(conn, unit, rotate, timedelta(days=days), overlap * HOUR)
            elif not listed:
                await _issue(conn, unit, tuple(scope or REPORTING[:2]), label, timedelta(days=days))
            await _list(conn, unit)

    try:
        asyncio.run(run(settings_of(data)))
    except Refused as refusal:
        raise EmbeddedError(f"{refusal.code.zh} · {refusal.code.en}") from None


async def _issue(
    conn: "AsyncConnection", unit: str, scopes: tuple[KeyScope, ...], label: str, lasts: timedelta
) -> None:
    from app.db import keys
    from app.db.audit import on_record

    bound = await keys.bound_to(conn, unit)
    if bound is None:
        raise EmbeddedError(f"No unit and no desk is called {unit}.")
    if not bound.is_desk and not set(scopes) <= set(REPORTING):
        raise EmbeddedError(f"{unit} is one unit among others at {bound.desk}: its keys see no cases.")
    now = datetime.now(UTC)
    made = await keys.issue(conn, bound, scopes, label, by=OPERATOR.person_id, now=now, expires_at=now + lasts)
    await on_record(conn, OPERATOR, "issue_key", made.id, list(scopes))
    _show(made.secret)


async def _rotate(conn: "AsyncConnection", unit: str, key_id: str, lasts: timedelta, overlap: timedelta) -> None:
    from app.db import keys
    from app.db.audit import on_record

    row, now = await _of(conn, unit, key_id), datetime.now(UTC)
    made = await keys.rotate(conn, row, by=OPERATOR.person_id, now=now, lasts=lasts, overlap=overlap)
    await on_record(conn, OPERATOR, "rotate_key", key_id, list(row.scopes))
    _show(made.secret)


async def _revoke(conn: "AsyncConnection", unit: str, key_id: str) -> None:
    from app.db import keys
    from app.db.audit import on_record

    await _of(conn, unit, key_id)
    await keys.revoke(conn, key_id, datetime.now(UTC))
    await on_record(conn, OPERATOR, "revoke_key", key_id, [])


async def _of(conn: "AsyncConnection", unit: str, key_id: str) -> "Row":
    from app.db import keys

    row = await keys.found(conn, key_id)
    if row.unit != unit:
        raise EmbeddedError(f"{key_id} is no key of {unit}.")
    return row


async def _list(conn: "AsyncConnection", unit: str) -> None:
    from app.db import keys

    now, query = datetime.now(UTC), keys.listed(unit).order_by(keys.key.made_at)
    for row in await conn.execute(query):
        state = (
            "revoked"
            if row.revoked_at
            else "ended"
            if row.expires_at <= now
            else f"good until {row.expires_at:%Y-%m-%d}"
        )
        used = f"used {row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never used"
        console.print(
            f"  {row.id}  {' '.join(row.scopes)}  {state}, {used}  {row.label}", soft_wrap=True, highlight=False
        )


def _show(secret: str) -> None:
    console.print(f"  Key  {secret}", soft_wrap=True, highlight=False)
    console.print("  Shown this once. The system sends it as Authorization: Bearer.")
