"""What was reported in the past, in codes: the facts that other rules can be tried on."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, not_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import before_reading
from app.db.vault import Keys, opened, opened_one
from app.domain.access import Actor
from app.domain.facts import ChildSeen, ReportFacts

IN_A_ROW = 500
"""Reports that one row of the audit names the children of."""


def _unsealed() -> ColumnElement[bool]:
    """A sealed case is in no comparison and no explanation, whoever asks."""
    return func.coalesce(func.jsonb_array_length(tables.cases.c.progress["sealed_for"]), 0) == 0


async def is_sealed(conn: AsyncConnection, case_id: str) -> bool:
    """Whether a case is a compartment."""
    query = select(tables.cases.c.id).where(tables.cases.c.id == case_id, not_(_unsealed()))
    return (await conn.execute(query)).scalar_one_or_none() is not None


class Assessed(NamedTuple):
    """What one assessment found, with the version of the case that it made and when."""

    version: int
    at: datetime
    seen: tuple[ChildSeen, ...]


async def report_of(conn: AsyncConnection, case_id: str, keys: Keys | None = None) -> ReportFacts | None:
    """The facts of one report, with what assessments have found since; `keys` are those at hand."""
    report = tables.reports.c
    row = (
        (await conn.execute(select(report.case_id, report.facts).where(report.case_id == case_id)))
        .mappings()
        .one_or_none()
    )
    found = await opened_one(conn, row, tables.reports, keys=keys)
    if not found or not found["facts"]:
        return None
    assessed = await assessed_of(conn, [case_id], keys)
    return with_assessed(ReportFacts.model_validate(found["facts"]), assessed.get(case_id, ()))


async def assessed_of(
    conn: AsyncConnection, case_ids: Collection[str], keys: Keys | None = None
) -> dict[str, tuple[Assessed, ...]]:
    """What assessments of these cases found of the children, the oldest first."""
    found: defaultdict[str, tuple[Assessed, ...]] = defaultdict(tuple)
    if not case_ids:
        return found
    content, event = tables.contents.c, tables.events.c
    query = (
        select(content.stream_id, content.version, content.body, event.at)
        .join(tables.events, (event.stream_id == content.stream_id) & (event.version == content.version))
        .where(content.stream_id.in_(case_ids), event.kind == "assessment_filed")
    )
    rows = (await conn.execute(query.order_by(content.stream_id, content.version))).mappings()
    for row in await opened(conn, rows, tables.contents, keys=keys):
        seen = tuple(ChildSeen.model_validate(one) for one in (row["body"] or {}).get("seen", ()))
        found[row["stream_id"]] += (Assessed(row["version"], row["at"], seen),)
    return found


def with_assessed(facts: ReportFacts, assessed: Iterable[Assessed], until: int | None = None) -> ReportFacts:
    """The report as it was assessed, up to a version of its case."""
    for found in assessed:
        for one in found.seen if until is None or found.version <= until else ():
            facts = facts.with_seen(one.child_id, one)
    return facts


async def past_reports(
    conn: AsyncConnection, reader: Actor, newest: int | None = None, seen: ColumnElement[bool] | None = None
) -> list[tuple[str, ReportFacts]]:
    """The facts of the newest reports, or of all; neither a name nor a narrative is read. On record first with all
    their children, or AuditUnavailable."""
    case, report, child = tables.cases.c, tables.reports, tables.children.c
    query = (
        select(report.c.case_id, report.c.facts)
        .join(tables.cases, report.c.case_id == case.id)
        .where(_unsealed(), true() if seen is None else seen)
        .order_by(case.filed_at.desc(), case.id)
        .limit(newest)
    )
    stored = (await conn.execute(query)).mappings().all()
    for at in range(0, len(stored), IN_A_ROW):
        some = [row["case_id"] for row in stored[at : at + IN_A_ROW]]
        of_them = select(child.id).where(child.case_id.in_(some)).order_by(child.id)
        children = list((await conn.execute(of_them)).scalars())
        await before_reading(conn, reader, "dry_run_policy", None, ["facts"], children=children)
    rows = await opened(conn, stored, report)
    return [(row["case_id"], ReportFacts.model_validate(row["facts"])) for row in rows if row["facts"]]
