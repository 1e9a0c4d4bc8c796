"""`shouhu retention` and `shouhu compliance`: what is due and by which rules, and the papers of data protection; nothing is destroyed here."""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.connect import database
from app.domain.sight import OPERATOR
from app.domain.working_time import BEIJING
from app.embedded import EmbeddedError
from app.settings import DATA, Settings, settings_of

console = Console()
Data = Annotated[
    Path, typer.Option(help="Where the data is kept.", envvar="SHOUHU_DATA_DIR", show_default=".shouhu beside ./shouhu")
]


class Paper(StrEnum):
    """Which of the two."""

    AUDIT = "audit"
    IMPACT = "impact"


def retention(
    now: Annotated[bool, typer.Option("--now", help="Make the list now instead of at night.")] = False,
    data: Data = DATA,
) -> None:
    """How long what is kept stays, and how much is due, held and destroyed; two supervisors destroy it on the page /retention."""
    from app.policy.retention import retention_rules

    for rule in retention_rules():
        times = f"{rule.years} years after the last fact, the youngest child being {rule.until_age}"
        said = f"{rule.code}  {rule.kept.en}, from {rule.holds_from}: {times}  [{', '.join(rule.basis)}]"
        console.print(said, soft_wrap=True, highlight=False, markup=False)
    for state, number in asyncio.run(_standing(settings_of(data), now=now)).items():
        console.print(f"{state}: {number}", highlight=False)


async def _standing(settings: Settings, *, now: bool) -> dict[str, int]:
    from sqlalchemy import func, select

    from app.db.erasure import owed
    from app.db.retention import in_state, list_due
    from app.db.retention_tables import disposals
    from app.policy.retention import retention_rules

    async with database(settings) as engine, engine.begin() as conn:
        if now:
            await list_due(conn, retention_rules(), datetime.now(UTC))
        count = select(func.count()).select_from(disposals)
        states = {state: count.where(in_state(state)) for state in ("due", "held", "erased")}
        found = {state: (await conn.execute(query)).scalar_one() for state, query in states.items()}
        return {**found, "destroyed keys that older backups open": await owed(conn)}


def compliance(
    kind: Paper, file: Path, year: Annotated[int | None, typer.Option(help="Else this one.")] = None, data: Data = DATA
) -> None:
    """Make the yearly audit of minors' data or the impact assessment as it stands now; it is kept, and written into the file."""
    if file.exists():
        raise EmbeddedError(f"{file} exists already.")
    file.write_bytes(asyncio.run(_paper(settings_of(data), kind, year)))
    console.print(f"{file}", soft_wrap=True, highlight=False)


async def _paper(settings: Settings, kind: Paper, year: int | None) -> bytes:
    from sqlalchemy import select

    from app.api.compliance import PaperKind, made_paper
    from app.db.audit import on_record
    from app.db.compliance import papers
    from app.db.ledger import Ledger
    from app.documents import NoChineseType
    from app.policy.loader import load

    now = datetime.now(UTC)
    try:
        async with database(settings) as engine, engine.begin() as conn:
            of = year or now.astimezone(BEIJING).year
            await on_record(conn, OPERATOR, "make_compliance_paper", None, [kind.value], children=[])
            made = await made_paper(
                conn, Ledger(load, settings.policy), PaperKind(kind.value), of, OPERATOR.person_id, now
            )
            return (await conn.execute(select(papers.c.body).where(papers.c.id == made))).scalar_one()
    except NoChineseType as missing:
        raise EmbeddedError(str(missing)) from None
