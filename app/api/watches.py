"""The watch over children, 监测预防: visits that are due at a desk, what they found, and the end of the watch."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import and_, select

from app.api.answers import ETAG
from app.api.context import Conn, Shouhu, Who, at_desk_of, unconcerned
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.api.work import IfMatch, Key, version_of
from app.db import tables
from app.db.ledger import Recorded
from app.db.visits import Seen, report_of_visit
from app.db.walls import through_the_door
from app.domain.access import DESK_STAFF
from app.domain.commands import Command
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Grade, Trigger
from app.domain.watch import EndReason, EndWatch, Finding, RecordVisit

router = APIRouter(prefix="/v1", tags=["watches"], route_class=StrictRoute)


class Visit(BaseModel):
    """The child was seen in person."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"finding": "well", "note": "孩子在家，情况良好"}}
    )

    finding: Finding
    grade: Grade | None = None
    situations: tuple[Trigger, ...] = Field((), description="What a child at risk is reported for.")
    note: str = Field("", max_length=20_000)


class WatchEnd(BaseModel):
    """Why the watch ends."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "adulthood"}})

    reason: EndReason
    note: str = Field("", max_length=20_000)


class WatchRow(BaseModel):
    """A watch and its next visit."""

    id: str
    case_id: str
    child_id: str
    grade: Grade
    desk: str
    visit_due_at: datetime | None
    version: int


class Watched(BaseModel):
    """The watch after a command."""

    version: int
    visit_due_at: datetime | None
    is_open: bool
    replayed: bool
    report: str | None = Field(default=None, description="The case that the visit's report of a child at risk became.")
    receipt: str | None = None


@router.get("/watches", operation_id="watches")
async def watches(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100) -> Page[WatchRow]:
    """The children under watch by the caller's desk, the next visit first."""
    watch = tables.watches.c
    query = select(*(watch[name] for name in WatchRow.model_fields)).where(
        watch.is_open, at_desk_of(who, watch.desk), unconcerned(who, watch.case_id)
    )
    return await page_of(conn, query, WatchRow, (watch.visit_due_at, watch.id), cursor=cursor, limit=limit)


@router.post("/watches/{watch_id}/visits", operation_id="record_visit", responses={200: {"headers": ETAG}})
async def record_visit(
    watch_id: str, visit: Visit, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """走访: the next one is planned by the grade; a child at risk is a report at once."""
    await _at_its_desk(conn, who, watch_id)
    command = RecordVisit(by=who, finding=visit.finding, grade=visit.grade, note=visit.note)
    if visit.finding is not Finding.AT_RISK:
        return await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)
    seen = Seen(watch_id=watch_id, situations=visit.situations, narrative=visit.note)
    filed = await report_of_visit(conn, shouhu.ledger, shouhu.receipts, seen, who, idempotency_key)
    command = command.model_copy(update={"report": filed.case_id})
    done = await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)
    return done.model_copy(update={"report": filed.case_id, "receipt": filed.receipt})


@router.post("/watches/{watch_id}/end", operation_id="end_watch", responses={200: {"headers": ETAG}})
async def end_watch(
    watch_id: str, end: WatchEnd, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """The watch is over."""
    await _at_its_desk(conn, who, watch_id)
    command = EndWatch(by=who, reason=end.reason, note=end.note)
    return await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)


async def _at_its_desk(conn: Conn, who: Who, watch_id: str) -> None:
    """Only the staff of the desk that watches; to all others there is no such watch."""
    watch = tables.watches.c
    own = and_(watch.id == watch_id, at_desk_of(who, watch.desk), unconcerned(who, watch.case_id))
    desk = (await conn.execute(select(watch.desk, through_the_door()).where(own))).scalar()
    if desk is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    if desk != who.desk or not who.has(*DESK_STAFF):
        raise Refused(RefusalCode.NOT_YOUR_DESK, desk=desk)


async def _perform(
    conn: Conn, shouhu: Shouhu, command: Command, watch_id: str, response: Response, key: str | None,
    if_match: str | None,
) -> Watched:  # fmt: skip
    done: Recorded = await shouhu.ledger.record(conn, watch_id, command, key=key, expected=version_of(if_match))
    response.headers["ETag"] = f'"{done.version}"'
    now = done.progress
    return Watched(version=done.version, visit_due_at=now.visit.due_at, is_open=now.is_open, replayed=done.replayed)
