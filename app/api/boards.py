"""What people work from: a desk's tasks, the stalled list with its causes, on-time rates, notices, absences, due visits."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import ColumnElement, Integer, and_, case, cast, func, insert, or_, select, tuple_, update

from app.api.cases import Limit, Page, cursor_of, read_cursor
from app.api.context import Conn, Shouhu, Who, require, visible
from app.db import tables
from app.domain.access import Action
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Cause
from app.domain.watch import EndReason, EndWatch, Finding, Grade, RecordVisit

router = APIRouter(prefix="/v1", tags=["boards"])
DUE_SOON = timedelta(hours=4)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
task = tables.tasks.c


@router.get("/me", operation_id="me")
async def me(who: Who) -> dict[str, Any]:
    """Who the token stands for."""
    return who.model_dump(mode="json")


@router.get("/tasks", operation_id="tasks")
async def tasks(
    conn: Conn, who: Who, view: Literal["mine", "claimable", "desk"] = "desk", cursor: Page = None, limit: Limit = 50
) -> dict[str, Any]:
    """Open tasks of the caller's desk by time left."""
    mine = {"mine": task.holder.in_(who.persons), "claimable": task.holder.is_(None), "desk": True}[view]
    due = func.coalesce(task.due_at, NEVER)
    query = select(tables.tasks).where(task.is_open, task.desk == who.desk, mine)
    if cursor:
        at, case_id, subject = (*read_cursor(cursor), "", "")[:3]
        query = query.where(tuple_(due, task.case_id, task.subject) > (datetime.fromisoformat(at), case_id, subject))
    rows = (await conn.execute(query.order_by(due, task.case_id, task.subject).limit(limit))).mappings().all()
    last = rows[-1] if len(rows) == limit else None
    following = cursor_of((last["due_at"] or NEVER).isoformat(), last["case_id"], last["subject"]) if last else None
    return {"items": [dict(row) for row in rows], "next": following}


def _cause(now: datetime) -> ColumnElement[str | None]:
    return case(
        (task.delivery.in_(["failing", "rejected"]), Cause.DELIVERY_FAILING.value),
        (task.paused, Cause.PAUSED.value),
        (task.state == "returned", Cause.AWAITING_MATERIAL.value),
        (and_(task.state == "sent", task.due_at <= now), Cause.NOT_ACCEPTED.value),
        (task.due_at <= now, Cause.OVERDUE.value),
        (task.due_at <= now + DUE_SOON, Cause.DUE_SOON.value),
        else_=None,
    )


@router.get("/stalled", operation_id="stalled")
async def stalled(
    conn: Conn, who: Who, shouhu: Shouhu, cause: Cause | None = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """Where a child waits: by age in step, with the cause, the holder, the rung reached and the next."""
    require(who, Action.READ_STATISTICS)
    now = shouhu.ledger.clock()
    why = _cause(now)
    query = (
        select(tables.tasks, why.label("cause"), (now - task.opened_at).label("age"))
        .join(tables.cases, tables.cases.c.id == task.case_id)
        .where(task.is_open, visible(who), why.is_not(None))
        .order_by(task.opened_at)
        .limit(limit)
    )
    query = query.where(why == cause.value) if cause else query
    rows = (await conn.execute(query)).mappings()
    return [{**row, "age": row["age"].total_seconds()} for row in rows]


@router.get("/statistics/on-time", operation_id="on_time")
async def on_time(
    conn: Conn, who: Who, shouhu: Shouhu, by: Literal["agency", "stage", "urgency"] = "agency",
    as_of: Annotated[AwareDatetime | None, Query(description="Any instant; the past as it stood then.")] = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Deadlines that were due by then, and how many were met in time, as the ledger stood at that instant."""
    require(who, Action.READ_STATISTICS)
    at, line = as_of or shouhu.ledger.clock(), tables.deadlines.c
    stood = or_(line.valid_to.is_(None), line.valid_to > at, and_(line.met_at.is_not(None), line.met_at <= at))
    met = and_(line.met_at.is_not(None), line.met_at <= at, line.met_at <= line.due_at)
    settled = or_(line.due_at <= at, met)
    group = {"agency": line.agency, "stage": line.stage, "urgency": line.urgency}[by]
    query = (
        select(group.label(by), func.count().label("due"), func.sum(cast(met, Integer)).label("on_time"))
        .join(tables.cases, tables.cases.c.id == line.case_id)
        .where(line.valid_from <= at, stood, settled, visible(who))
        .group_by(group)
        .order_by(group)
    )
    rows = (await conn.execute(query)).mappings()
    return [{**row, "rate": round(row["on_time"] / row["due"], 4)} for row in rows]


@router.get("/notices", operation_id="notices")
async def notices(conn: Conn, who: Who, unread: bool = True, limit: Limit = 50) -> list[dict[str, Any]]:
    """What the caller was told, newest first."""
    table = tables.notices
    query = select(table).where(table.c.person_id == who.person_id)
    query = query.where(table.c.read_at.is_(None)) if unread else query
    return [dict(row) for row in (await conn.execute(query.order_by(table.c.id.desc()).limit(limit))).mappings()]


@router.post("/notices/{notice_id}/read", status_code=204, operation_id="read_notice")
async def read_notice(notice_id: int, conn: Conn, who: Who, shouhu: Shouhu) -> None:
    """The caller has read it."""
    table = tables.notices
    mine = and_(table.c.id == notice_id, table.c.person_id == who.person_id)
    await conn.execute(update(table).where(mine, table.c.read_at.is_(None)).values(read_at=shouhu.ledger.clock()))


class Absence(BaseModel):
    """Who is away from when to when, and who stands in."""

    person_id: str
    deputy_id: str
    from_at: AwareDatetime
    until_at: AwareDatetime


@router.post("/deputies", status_code=201, operation_id="appoint_deputy")
async def appoint(absence: Absence, conn: Conn, who: Who) -> dict[str, int]:
    """One for oneself, or the head for somebody of the own agency."""
    people = tables.people.c
    rows = await conn.execute(
        select(people.id, people.agency).where(people.id.in_([absence.person_id, absence.deputy_id]))
    )
    agencies = {row.id: row.agency for row in rows}
    if len(agencies) != len({absence.person_id, absence.deputy_id}) or len(set(agencies.values())) != 1:
        raise Refused(RefusalCode.NOT_ALLOWED)
    if absence.person_id != who.person_id:
        require(who, Action.MANAGE_DEPUTIES)
        if agencies[absence.person_id] != who.agency.value:
            raise Refused(RefusalCode.NOT_ALLOWED)
    if absence.until_at <= absence.from_at or absence.person_id == absence.deputy_id:
        raise Refused(RefusalCode.NOT_ALLOWED)
    made = await conn.execute(
        insert(tables.deputies).values(**absence.model_dump(), set_by=who.person_id).returning(tables.deputies.c.id)
    )
    return {"id": made.scalar_one()}


@router.delete("/deputies/{deputy_row}", status_code=204, operation_id="revoke_deputy")
async def revoke(deputy_row: int, conn: Conn, who: Who, shouhu: Shouhu) -> None:
    """By whoever is away or set it; at once."""
    table = tables.deputies
    own = or_(table.c.person_id == who.person_id, table.c.set_by == who.person_id)
    await conn.execute(update(table).where(table.c.id == deputy_row, own).values(revoked_at=shouhu.ledger.clock()))


class Visit(BaseModel):
    """The child was seen in person."""

    finding: Finding
    grade: Grade | None = None
    note: str = ""


class WatchEnd(BaseModel):
    """Why the watch ends."""

    reason: EndReason
    note: str = ""


@router.get("/watches", operation_id="watches")
async def watches(conn: Conn, who: Who, limit: Limit = 100) -> list[dict[str, Any]]:
    """The children under watch by the caller's desk, the next visit first."""
    watch = tables.watches.c
    query = select(watch.id, watch.grade, watch.visit_due_at, watch.version).where(
        watch.is_open, watch.desk == who.desk
    )
    return [dict(row) for row in (await conn.execute(query.order_by(watch.visit_due_at).limit(limit))).mappings()]


async def _own_watch(conn: Conn, who: Who, watch_id: str) -> None:
    watch = tables.watches.c
    row = await conn.execute(select(watch.id).where(watch.id == watch_id, watch.desk == who.desk))
    if row.one_or_none() is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)


@router.post("/watches/{watch_id}/visits", operation_id="record_visit")
async def record_visit(watch_id: str, visit: Visit, conn: Conn, who: Who, shouhu: Shouhu) -> dict[str, Any]:
    """走访: the next one is planned by the grade."""
    await _own_watch(conn, who, watch_id)
    command = RecordVisit(by=who, finding=visit.finding, grade=visit.grade, note=visit.note)
    recorded = await shouhu.ledger.record(conn, watch_id, command)
    return {"version": recorded.version, "visit_due_at": recorded.progress.visit.due_at}


@router.post("/watches/{watch_id}/end", operation_id="end_watch")
async def end_watch(watch_id: str, end: WatchEnd, conn: Conn, who: Who, shouhu: Shouhu) -> dict[str, Any]:
    """The watch is over."""
    await _own_watch(conn, who, watch_id)
    recorded = await shouhu.ledger.record(conn, watch_id, EndWatch(by=who, reason=end.reason, note=end.note))
    return {"version": recorded.version}
