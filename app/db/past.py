"""What was reported in the past, in codes: the facts that other rules can be tried on."""

from sqlalchemy import ColumnElement, func, not_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.vault import opened, opened_one
from app.domain.facts import ReportFacts


def _unsealed() -> ColumnElement[bool]:
    """A sealed case is in no comparison and no explanation, whoever asks."""
    return func.coalesce(func.jsonb_array_length(tables.cases.c.progress["sealed_for"]), 0) == 0


async def is_sealed(conn: AsyncConnection, case_id: str) -> bool:
    """Whether a case is a compartment."""
    query = select(tables.cases.c.id).where(tables.cases.c.id == case_id, not_(_unsealed()))
    return (await conn.execute(query)).scalar_one_or_none() is not None


async def report_of(conn: AsyncConnection, case_id: str) -> ReportFacts | None:
    """The facts of one report."""
    report = tables.reports.c
    row = (
        (await conn.execute(select(report.case_id, report.facts).where(report.case_id == case_id)))
        .mappings()
        .one_or_none()
    )
    found = await opened_one(conn, row, tables.reports)
    return ReportFacts.model_validate(found["facts"]) if found and found["facts"] else None


async def past_reports(
    conn: AsyncConnection, newest: int | None = None, seen: ColumnElement[bool] | None = None
) -> list[tuple[str, ReportFacts]]:
    """The facts of the newest reports, or of all; neither a name nor a narrative is read."""
    case, report = tables.cases.c, tables.reports
    query = (
        select(report.c.case_id, report.c.facts)
        .join(tables.cases, report.c.case_id == case.id)
        .where(_unsealed(), true() if seen is None else seen)
        .order_by(case.filed_at.desc(), case.id)
        .limit(newest)
    )
    rows = await opened(conn, (await conn.execute(query)).mappings(), report)
    return [(row["case_id"], ReportFacts.model_validate(row["facts"])) for row in rows if row["facts"]]
