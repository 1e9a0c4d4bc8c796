"""A risk that a visit has verified becomes a report at the one door, in the transaction that records the visit."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.child_records import own_id, records_of, registered
from app.db.intake import Filed, file
from app.db.joining import about_of
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.vault import opened
from app.domain.access import Actor
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.masking import names_of
from app.domain.submission import FamilyMember, ReportedChild, Reporter, Submission
from app.domain.terms import ReporterClass, Trigger
from app.domain.watch import child_of

KNOWN = ("name", "sex", "birth_date", "birth_text", "id_no", "phone", "hukou", "residence", "school", "features")


@dataclass(frozen=True)
class Seen:
    """What the visitor saw of a child at risk."""

    watch_id: str
    situations: tuple[Trigger, ...]
    narrative: str


async def _row(conn: AsyncConnection, child_id: str) -> Any:
    child, report = tables.children, tables.reports
    query = select(child, report.c.family, report.c.reporter).outerjoin(report, report.c.case_id == child.c.case_id)
    row = (await conn.execute(query.where(child.c.id == child_id))).mappings().one()
    return (await opened(conn, [row], child, report))[0]


def _corrected(record: ChildRecord) -> dict[str, Any]:
    """What has been passed into the file since the child was first reported."""
    counts = record.file.counts if record.file else {}
    entries = {field: record.entry(field) for field in counts if field.value in KNOWN}
    return {field.value: entry.value for field, entry in entries.items() if entry}


async def report_of_visit(
    conn: AsyncConnection, ledger: Ledger, receipts: Receipts, seen: Seen, actor: Actor, key: str | None
) -> Filed:
    """Who the child and the family are is known; what is the matter with them is what was seen now, not what was once reported.

    What is known is kept as it was said, so whoever said it is hidden in what is told of this report as well. From whom another case keeps
    the child, this one is kept too: it names the child, and its legs would lie at their desk.
    """
    (record,) = await records_of(conn, [await own_id(conn, child_of(seen.watch_id))], true())
    row = await _row(conn, record.child_id)
    known = {name: row[name] or None for name in KNOWN} | _corrected(record)
    counts = record.file.counts if record.file else {}
    if guardians := record.entry(FileField.GUARDIANS) if FileField.GUARDIANS in counts else None:
        members: Any = guardians.value
    else:
        family = row["family"] or registered(record.contents).get("family", ())
        members = [{**one, "facts": {"relation": one.get("facts", {}).get("relation", "unknown")}} for one in family]
    submission = Submission(
        reporter=Reporter.model_validate({"class": ReporterClass.COMMITTEE, "org": actor.desk}),
        children=[ReportedChild.model_validate({**known, "residence_division": record.division})],
        family=[FamilyMember.model_validate(member) for member in members],
        situations=seen.situations,
        narrative=seen.narrative,
    )
    once = sha256(f"{seen.watch_id}/{key}".encode()).hexdigest() if key else None
    before = row["reporter"] or {}
    return await file(
        conn, ledger, receipts, submission, actor, once, seen.watch_id, earlier=[before] if names_of(before) else (),
        concerned=await about_of(conn, child_of(seen.watch_id)),
    )  # fmt: skip
