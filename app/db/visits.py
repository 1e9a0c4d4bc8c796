"""A risk that a visit has verified becomes a report at the one door, in the transaction that records the visit."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.intake import FamilyMember, Filed, ReportedChild, Reporter, Submission, file
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.domain.access import Actor
from app.domain.terms import ReporterClass, Trigger
from app.domain.watch import child_of

KNOWN = ("name", "sex", "birth_date", "birth_text", "id_no", "phone", "hukou", "residence", "school", "features")


@dataclass(frozen=True)
class Seen:
    """What the visitor saw of a child at risk."""

    watch_id: str
    situations: tuple[Trigger, ...]
    narrative: str


async def report_of_visit(
    conn: AsyncConnection, ledger: Ledger, receipts: Receipts, seen: Seen, actor: Actor, key: str | None
) -> Filed:
    """Who the child and the family are is known; what is the matter with them is what was seen now, not what was once reported."""
    child, report = tables.children, tables.reports
    query = select(child, report.c.family.label("family")).join(report, report.c.case_id == child.c.case_id)
    row: Any = (await conn.execute(query.where(child.c.id == child_of(seen.watch_id)))).mappings().one()
    known = {name: row[name] or None for name in KNOWN}
    members = [{**one, "facts": {"relation": one["facts"]["relation"]}} for one in row["family"]]
    submission = Submission(
        reporter=Reporter.model_validate({"class": ReporterClass.COMMITTEE, "org": actor.desk}),
        children=[ReportedChild.model_validate({**known, "residence_division": row["division"]})],
        family=[FamilyMember.model_validate(member) for member in members],
        situations=seen.situations,
        narrative=seen.narrative,
    )
    once = sha256(f"{seen.watch_id}/{key}".encode()).hexdigest() if key else None
    return await file(conn, ledger, receipts, submission, actor, once, seen.watch_id)
