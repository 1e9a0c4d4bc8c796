"""What people work from: a desk's tasks, the stalled list with its causes, on-time rates, notices."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, and_, case, false, func, not_, or_, select, text, tuple_, update

from app.api import answers
from app.api.answers import FindingRow, Notice, Rate, StalledRow, TaskRow
from app.api.cases import Limit, Page, cursor_of, read_cursor
from app.api.context import Conn, Shouhu, Who, at_desk_of, require, visible
from app.api.strict import StrictRoute
from app.db import tables
from app.domain.access import Action, Actor
from app.domain.terms import Cause

router = APIRouter(prefix="/v1", tags=["boards"], route_class=StrictRoute)
DUE_SOON = timedelta(hours=4)
STOPS = ("clock_paused", "referral_returned")
GOES_ON = ("clock_resumed", "material_supplied", "referral_accepted")
task = tables.tasks.c


@router.get("/me", operation_id="me")
async def me(who: Who) -> Actor:
    """Who the token stands for."""
    return who


@router.get("/tasks", operation_id="tasks")
async def tasks(
    conn: Conn, who: Who, view: Literal["mine", "claimable", "desk"] = "desk", cursor: Page = None, limit: Limit = 50
) -> answers.Page[TaskRow]:
    """Open tasks of the caller's desk by time left."""
    mine = {"mine": task.holder.in_(who.persons), "claimable": task.holder.is_(None), "desk": True}[view]
    query = select(tables.tasks).where(task.is_open, at_desk_of(who, task.desk), mine)
    if cursor:
        query = query.where(tuple_(task.due_at, task.case_id, task.subject) > read_cursor(cursor, 3))
    rows = (await conn.execute(query.order_by(task.due_at, task.case_id, task.subject).limit(limit))).mappings().all()
    last = rows[-1] if len(rows) == limit else None
    following = cursor_of(last["due_at"].isoformat(), last["case_id"], last["subject"]) if last else None
    return answers.Page(items=[TaskRow.model_validate(dict(row)) for row in rows], next=following)


def _causes(now: datetime) -> dict[Cause, ColumnElement[bool]]:
    """Why a child waits; of several causes the first counts. Each can be found by an index."""
    standing = text(tables.STANDING)
    return {
        Cause.DELIVERY_FAILING: and_(standing, task.state == "sent", task.delivery.in_(["failing", "rejected"])),
        Cause.PAUSED: and_(standing, task.paused),
        Cause.AWAITING_MATERIAL: and_(standing, task.state == "returned"),
        Cause.NOT_ACCEPTED: and_(task.state == "sent", task.due_at <= now),
        Cause.OVERDUE: task.due_at <= now,
        Cause.DUE_SOON: and_(task.due_at > now, task.due_at <= now + DUE_SOON),
    }


@router.get("/stalled", operation_id="stalled")
async def stalled(
    conn: Conn, who: Who, shouhu: Shouhu, cause: Cause | None = None, limit: Limit = 100
) -> list[StalledRow]:
    """Where a child waits: by age in step, with the cause, the holder, the rung reached and the next."""
    require(who, Action.READ_STATISTICS)
    now = shouhu.ledger.clock()
    causes = _causes(now)
    why = case(*((condition, name.value) for name, condition in causes.items()), else_=None)
    asked = and_(causes[cause], why == cause.value) if cause else or_(*causes.values())
    query = (
        select(tables.tasks, why.label("cause"), (now - task.opened_at).label("age"))
        .join(tables.cases, tables.cases.c.id == task.case_id)
        .where(task.is_open, visible(who), asked)
        .order_by(task.opened_at)
        .limit(limit)
    )
    rows = (await conn.execute(query)).mappings()
    return [StalledRow.model_validate({**row, "age": row["age"].total_seconds()}) for row in rows]


def _paused_when_due() -> ColumnElement[bool]:
    """The clock stood still as the instant came: nothing was missed."""
    ledger, line = tables.events.c, tables.deadlines.c
    last = (
        select(ledger.kind)
        .where(
            ledger.stream_id == line.case_id, ledger.body["referral_id"].astext == line.subject, ledger.at <= line.due_at,
            ledger.kind.in_([*STOPS, *GOES_ON]), line.clock != "supply",
        )
        .order_by(ledger.version.desc())
        .limit(1)
        .correlate(tables.deadlines)
        .scalar_subquery()
    )  # fmt: skip
    return func.coalesce(last.in_(STOPS), false())


@router.get("/statistics/on-time", operation_id="on_time", response_model_exclude_unset=True)
async def on_time(
    conn: Conn, who: Who, shouhu: Shouhu, by: Literal["agency", "stage", "urgency"] = "agency",
    as_of: Annotated[AwareDatetime | None, Query(description="Any instant; the past as it stood then.")] = None,
) -> list[Rate]:  # fmt: skip
    """Deadlines that fell due by then, and how many were met in time.

    One that was moved before it fell due counts at its new instant alone; one that was moved too late was missed.
    """
    require(who, Action.READ_STATISTICS)
    at, line = as_of or shouhu.ledger.clock(), tables.deadlines.c
    stood = or_(line.valid_to.is_(None), line.valid_to > line.due_at, line.met_at.is_not(None))
    met = and_(line.met_at.is_not(None), line.met_at <= line.due_at)
    group = {"agency": line.agency, "stage": line.stage, "urgency": line.urgency}[by]
    query = (
        select(group.label(by), func.count().label("due"), func.count().filter(met).label("on_time"))
        .join(tables.cases, tables.cases.c.id == line.case_id)
        .where(line.valid_from <= at, line.due_at <= at, stood, or_(met, not_(_paused_when_due())), visible(who))
        .group_by(group)
        .order_by(group)
    )
    rows = (await conn.execute(query)).mappings()
    return [Rate.model_validate({**row, "rate": round(row["on_time"] / row["due"], 4)}) for row in rows]


@router.get("/findings", operation_id="findings")
async def findings(conn: Conn, who: Who, ended: bool = False, limit: Limit = 100) -> list[FindingRow]:
    """What the reconciler finds wrong: an open case without owner, deadline or live workflow; the oldest first."""
    require(who, Action.READ_STATISTICS)
    found, watch, case = tables.findings, tables.watches.c, tables.cases.c
    query = (
        select(found, func.coalesce(watch.case_id, found.c.stream_id).label("case_id"))
        .outerjoin(tables.watches, watch.id == found.c.stream_id)
        .join(tables.cases, case.id == func.coalesce(watch.case_id, found.c.stream_id))
        .where(visible(who), found.c.ended_at.is_not(None) if ended else found.c.ended_at.is_(None))
        .order_by(found.c.found_at, found.c.id)
    )
    rows = (await conn.execute(query.limit(limit))).mappings()
    return [FindingRow.model_validate(dict(row)) for row in rows]


@router.get("/notices", operation_id="notices")
async def notices(conn: Conn, who: Who, unread: bool = True, limit: Limit = 50) -> list[Notice]:
    """What the caller was told, newest first."""
    table = tables.notices
    query = select(table).where(table.c.person_id == who.person_id)
    query = query.where(table.c.read_at.is_(None)) if unread else query
    rows = (await conn.execute(query.order_by(table.c.id.desc()).limit(limit))).mappings()
    return [Notice.model_validate(dict(row)) for row in rows]


@router.post("/notices/{notice_id}/read", status_code=204, operation_id="read_notice")
async def read_notice(notice_id: int, conn: Conn, who: Who, shouhu: Shouhu) -> None:
    """The caller has read it."""
    table = tables.notices
    mine = and_(table.c.id == notice_id, table.c.person_id == who.person_id)
    await conn.execute(update(table).where(mine, table.c.read_at.is_(None)).values(read_at=shouhu.ledger.clock()))
