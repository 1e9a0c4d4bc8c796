"""What is wrong with an open stream, asked of the database: nobody owns it, nothing is due, the engine stands still, its tasks differ."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.changes import Changes
from app.db.joining import ANY, CONCERNED, WAITS_FOR_CONCERNED
from app.db.ledger import CHANNEL
from app.db.projections import task_rows
from app.domain.access import STAFF
from app.domain.progress import Progress
from app.domain.terms import Fault
from app.domain.watch import SPREAD

GRACE = timedelta(minutes=5)
"""How long after a deadline the engine may take to record it; a missed visit has its turn of `SPREAD` before, and no other clock has."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be; `repaired` when the reconciler mended it."""

    stream_id: str
    problem: Fault
    repaired: bool


_NOBODY_AT = "not exists (select 1 from people p where p.desk = {desk} and p.is_active and p.roles && :staff)"
_QUERIES: dict[Fault, str] = {
    Fault.NO_NEXT_DEADLINE: """
        select id from cases where is_open and linked_to is null and next_deadline_at is null
        union all select id from watches where is_open and next_deadline_at is null
        union all select id from child_files where is_open and next_deadline_at is null""",
    Fault.ENGINE_STANDS_STILL: """
        select id from cases where is_open and next_deadline_at < :late
        union all select id from watches where is_open and next_deadline_at < :late and (next_deadline_at < :turned
            or (progress->'visit'->'rungs'->0->>'at')::timestamptz is distinct from next_deadline_at)
        union all select id from rounds where is_open and next_deadline_at < :late
        union all select id from child_files where is_open and next_deadline_at < :late
        union all select id from owed where is_open and next_deadline_at < :late""",
    Fault.NO_OWNER: f"""
        select c.id from cases c where c.is_open and c.linked_to is null
        and not exists (select 1 from tasks t where t.case_id = c.id and t.is_open)
        union select t.case_id from tasks t join cases c on c.id = t.case_id
        where c.is_open and c.linked_to is null and t.is_open and (
            {_NOBODY_AT.format(desk="t.desk")}
            or t.holder is not null and not exists (select 1 from people p where p.id = t.holder and p.is_active))
        union select w.id from watches w where w.is_open and {_NOBODY_AT.format(desk="w.desk")}
        union select f.id from child_files f, unnest(f.desks) d where f.is_open and {_NOBODY_AT.format(desk="d")}
        union select s.id from signals s where s.state = 'held' and not exists (
            select 1 from people p where p.desk = s.desk and p.is_active and p.roles && :staff
            and not s.about && (p.also || p.also_at || array[p.id, p.desk, p.agency, p.unit]::varchar[]))""",
    Fault.TASKS_DIFFER: """
        with owed as (
            select c.id, r->>'id' as subject, r->>'desk' as desk, r->>'holder' as holder
            from cases c, jsonb_array_elements(c.progress->'referrals') r
            where c.is_open and r->>'state' in ('sent', 'returned', 'accepted')
            union all select c.id, d->>'code', d->>'desk', null
            from cases c, jsonb_array_elements(c.progress->'duties') d
            where c.is_open and (d->>'is_open')::boolean),
        listed as (
            select t.case_id as id, t.subject, t.desk, t.holder
            from tasks t join cases c on c.id = t.case_id where c.is_open and t.is_open)
        select id from ((table owed except table listed) union (table listed except table owed)) as differing
        group by id""",
    Fault.DESK_CONCERNED: f"""
        select t.case_id from tasks t join cases c on c.id = t.case_id where t.is_open and c.is_open and c.linked_to is null
        and c.about && array[t.desk, split_part(t.desk, '-', 1)]::varchar[] union {CONCERNED.format(which=ANY)}
        union {WAITS_FOR_CONCERNED.format(which=ANY)}""",
    Fault.EMERGENCY_UNREVIEWED: """
        select distinct case_id from emergency_reads where reviewed_at is null and review_by < :now""",
    Fault.LINK_STANDS_OPEN: """
        select distinct unnest(array[f.id, p.id]) from cases f join cases p on p.id = f.linked_to
        where not (f.about @> p.about and p.about @> f.about)""",
}


async def find(conn: AsyncConnection, now: datetime) -> list[Finding]:
    """All that the database alone can tell."""
    given = {"now": now, "late": now - GRACE, "turned": now - GRACE - SPREAD, "staff": [role.value for role in STAFF]}
    found: list[Finding] = []
    for fault, query in _QUERIES.items():
        wanted = {name: value for name, value in given.items() if f":{name}" in query}
        ids = (await conn.execute(text(query), wanted)).scalars()
        found += [Finding(stream_id, fault, repaired=fault is Fault.TASKS_DIFFER) for stream_id in ids]
    return found


async def rebuild_tasks(conn: AsyncConnection, case_ids: Iterable[str]) -> None:
    """The list of tasks of these cases, made anew from where they stand."""
    case, changes = tables.cases.c, Changes()
    for case_id in case_ids:
        locked = select(case.progress).where(case.id == case_id).with_for_update()
        progress = Progress.model_validate((await conn.execute(locked)).scalar_one())
        await conn.execute(delete(tables.tasks).where(tables.tasks.c.case_id == case_id))
        changes.insert(tables.tasks, list(task_rows(progress).values()))
        await changes.write(conn, CHANNEL)


async def keep(conn: AsyncConnection, found: Collection[Finding], now: datetime) -> None:
    """Let the board show what is wrong now; what was mended or went away has ended."""
    table = tables.findings
    wrong = {(finding.stream_id, finding.problem.value) for finding in found}
    shown = await conn.execute(
        select(table.c.id, table.c.stream_id, table.c.problem).where(table.c.ended_at.is_(None)).with_for_update()
    )
    over = [row.id for row in shown if (row.stream_id, row.problem) not in wrong]
    if over:
        await conn.execute(update(table).where(table.c.id.in_(over)).values(ended_at=now))
    rows = [
        {"stream_id": f.stream_id, "problem": f.problem.value, "repaired": f.repaired, "found_at": now} for f in found
    ]
    if rows:
        await conn.execute(insert(table).on_conflict_do_nothing(), rows)
