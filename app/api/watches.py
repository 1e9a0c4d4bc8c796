"""The watch over children, 监测预防: visits that are due at a desk, what they found, and the end of the watch."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Select, and_, literal_column, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB

from app.api.answers import ETAG
from app.api.children import found_of, rules_of
from app.api.communities import Community, placed_in
from app.api.context import Conn, Shouhu, Who, at_desk_of, unconcerned_by_watch
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.api.work import IfMatch, Key, version_of
from app.db import tables
from app.db.audit import before_reading
from app.db.child_records import booked_visits, own_id, records_of
from app.db.ledger import Recorded
from app.db.streams import followed
from app.db.visits import Seen, report_of_visit
from app.db.walls import through_the_door
from app.domain.access import DESK_STAFF, ENGINE, Actor
from app.domain.agreement import MAJORITY
from app.domain.arrangement import ArrangeCare, Ground, RecordContact, RecordReturn
from app.domain.child_record import ChildRecord
from app.domain.commands import Command
from app.domain.facts import FactsSeen, Relation
from app.domain.handover import TakeWatch
from app.domain.identity import clean_name
from app.domain.ledgers import categories
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Grade, Trigger
from app.domain.typed import Text
from app.domain.visit import Finding, Outcome, VisitForm, VisitRecorded, counted_from
from app.domain.watch import EndReason, Watch, child_of
from app.domain.watch_work import EndWatch, RecordVisit, VerifyWarning
from app.domain.working_time import day_of
from app.router import Router

router = Router(prefix="/v1", tags=["watches"], route_class=StrictRoute)


class Visit(BaseModel):
    """The child was seen in person."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"finding": "well", "note": "孩子在家，情况良好"}}
    )

    finding: Finding
    visited_on: date | None = Field(None, description="The day of the visit in Beijing, where it was not today.")
    grade: Grade | None = Field(
        None,
        description="From this visit on; where one was decided after it, or may have been, that grade stands: `grade` of the answer.",
    )
    form: VisitForm | None = None
    situations: tuple[Trigger, ...] = Field((), description="What a child at risk is reported for.")
    note: str = Field("", max_length=20_000)
    another: bool = Field(
        default=False,
        description="It is another one than that of the day which a book has brought, by the same person or as found.",
    )


class Verified(BaseModel):
    """How a warning turned out; a risk is a report at once."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"outcome": "no_risk", "note": "已入户核实，祖母在家照料"}}
    )

    outcome: Outcome
    situations: tuple[Trigger, ...] = Field((), description="What a child at risk is reported for.")
    note: str = Field("", max_length=20_000)


class Delegate(BaseModel):
    """Whom the parents entrust, and where they go."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    phone: Text = ""
    address: Text = ""
    parents_at: Text = ""


class Arranged(BaseModel):
    """外出前监护安排: who cares, whether the law lets them, and from when to when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "delegate": {"name": "示例祖母（化名）", "phone": "010-00001234"}, "relation": "grandparent", "is_adult": True,
                "is_able": True, "leaves_on": "2027-02-20", "returns_on": "2027-12-31", "told_school": True,
            }
        },
    )  # fmt: skip

    delegate: Delegate
    relation: Relation
    is_adult: bool
    is_able: bool
    grounds: tuple[Ground, ...] = Field((), description="What forbids to entrust this person (未成年人保护法 第22条).")
    leaves_on: date
    returns_on: date | None = None
    told_school: bool = False
    note: str = Field("", max_length=20_000)


class Noted(BaseModel):
    """Nothing to say but that it is so."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"note": "视频通话"}})

    note: str = Field("", max_length=20_000)


class OpenWarning(BaseModel):
    """A finding that has to be verified in time."""

    number: int
    rule: str
    due_at: datetime


class WatchEnd(BaseModel):
    """Why the watch ends."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "adulthood"}})

    reason: EndReason
    note: str = Field("", max_length=20_000, description="Needed where the risk has ended.")


class WatchRow(BaseModel):
    """A watch and its next visit."""

    id: str
    case_id: str | None = Field(description="Null where the child was registered without a report.")
    child_id: str
    grade: Grade
    desk: str
    visit_due_at: datetime | None
    version: int
    warnings: list[OpenWarning] = []
    returns_on: date | None = Field(
        None, description="When parents who are away mean to be back; asked after once it has passed."
    )
    contact_due_at: datetime | None = Field(
        None, description="When parents who are away owe the next word with the child."
    )


_WARNINGS = """
    coalesce((select jsonb_agg(jsonb_build_object('number', w -> 'number', 'rule', w -> 'rule', 'due_at', w #> '{clock,due_at}'))
              from jsonb_array_elements(watches.progress -> 'warnings') w), '[]')
"""
SHOWN: tuple[ColumnElement[Any], ...] = (
    *(tables.watches.c[name] for name in WatchRow.model_fields if name in tables.watches.c),
    literal_column(_WARNINGS, JSONB).label("warnings"),
    tables.watches.c.progress["arrangement", "contact", "due_at"].astext.label("contact_due_at"),
    tables.watches.c.progress["arrangement", "returns_on"].astext.label("returns_on"),
)
"""What a row shows of the stored watch, whose whole fold took longer to read than all the rest."""


class Watched(BaseModel):
    """The watch after a command."""

    version: int
    visit_due_at: datetime | None
    is_open: bool
    grade: Grade
    replayed: bool
    warnings: list[OpenWarning] = []
    left_out: list[Relation] = Field(
        default=[],
        description="Of whom what was seen is not kept: several of the family are that, and a child at risk is not refused for it.",
    )
    report: str | None = Field(default=None, description="The case that the visit's report of a child at risk became.")
    receipt: str | None = None


@router.get("/watches", operation_id="watches")
async def watches(
    conn: Conn, who: Who, community: Community = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[WatchRow]:
    """The children under watch by the caller's desk, the next visit first; on wish of one community."""
    watch = tables.watches.c
    query = select(*SHOWN)
    query = query.where(watch.is_open, at_desk_of(who, watch.desk), unconcerned_by_watch(who))
    query = query.where(await placed_in(conn, who, watch.community, community))
    return await _shown(conn, who, query, cursor, limit)


async def _shown(conn: Conn, who: Actor, query: Select[Any], cursor: str | None, limit: int) -> Page[WatchRow]:
    """On record before it leaves: a grade says something of a child, though nobody is named."""
    watch = tables.watches.c
    page = await page_of(conn, who, query, WatchRow, (watch.visit_due_at, watch.id), cursor=cursor, limit=limit)
    if page.items:
        told = ["grade", "warnings"]
        await before_reading(conn, who, "due_visits", None, told, children=[row.child_id for row in page.items])
    return page


def _warnings(watch: Watch) -> list[OpenWarning]:
    return [OpenWarning(number=one.number, rule=one.rule, due_at=one.clock.due_at) for one in watch.warnings]


@router.get("/watches/offered", operation_id="offered_watches")
async def offered_watches(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100) -> Page[WatchRow]:
    """Children who have moved to the caller's street and whose watch waits to be accepted, the next visit first."""
    watch = tables.watches.c
    query = select(*SHOWN)
    query = query.where(watch.is_open, at_desk_of(who, watch.offered_to), unconcerned_by_watch(who))
    return await _shown(conn, who, query, cursor, limit)


@router.post("/watches/{watch_id}/take", operation_id="take_watch", responses={200: {"headers": ETAG}})
async def take_watch(
    watch_id: str, noted: Noted, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """接收: the visits are the caller's desk's from now on, each due when it was due."""
    watch = tables.watches.c
    offer = or_(at_desk_of(who, watch.offered_to), at_desk_of(who, watch.desk))
    query = select(watch.id, through_the_door()).where(watch.id == watch_id, offer, unconcerned_by_watch(who))
    if (await conn.execute(query)).scalar() is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    taking = TakeWatch(by=who, note=noted.note)
    done = await _perform(conn, shouhu, taking, watch_id, response, idempotency_key, if_match)
    done.version = await followed(conn, watch_id, done.version, "watch_placed", ENGINE.person_id)
    response.headers["ETag"] = f'"{done.version}"'
    return done


@router.post("/watches/{watch_id}/visits", operation_id="record_visit", responses={200: {"headers": ETAG}})
async def record_visit(
    watch_id: str, visit: Visit, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """走访: the next one is planned by the grade, from the day on which this one was made; a child at risk is a report at once.

    It may come late, from where there was no network: `If-Match` refuses it only where another visit was recorded since, or the watch
    ended or went to another desk.
    """
    await _at_its_desk(conn, who, watch_id)
    said = visit.model_dump(include={"finding", "grade", "note", "visited_on"})
    command = RecordVisit(by=who, **said, form=visit.form)
    child = await own_id(conn, child_of(watch_id))
    if not visit.another:
        await _require_not_in_book(conn, shouhu, child, command)
    if visit.form:
        (record,) = await records_of(conn, [child], true())
        command = await _with_what_is_known(conn, shouhu, record, command, visit.form.facts)
    if visit.finding is not Finding.AT_RISK:
        return await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)
    seen = Seen(watch_id=watch_id, situations=visit.situations, narrative=visit.note)
    return await _reported(conn, shouhu, who, command, seen, response, idempotency_key, if_match)


async def _require_not_in_book(conn: Conn, shouhu: Shouhu, child: str, command: RecordVisit) -> None:
    """One that a book has brought is not counted again when its visitor types it: who visited is known there by name alone. A risk is
    reported whatever stands there, and an attempt is no visit."""
    if command.finding is Finding.AT_RISK or (command.form and not command.form.seen_in_person):
        return
    day = command.visited_on or day_of(shouhu.ledger.clock())
    from_book = await booked_visits(conn, child, day)
    if not from_book:
        return
    person = tables.people.c
    named = (await conn.execute(select(person.name).where(person.id == command.by.person_id))).scalar_one_or_none()
    by_name = [seen for seen in from_book if clean_name(seen.visitor) == clean_name(named or "")]
    if by_name or any(seen.event.finding is command.finding for seen in from_book):
        raise Refused(RefusalCode.VISIT_IN_BOOK, visited_on=day.isoformat())


async def _with_what_is_known(
    conn: Conn, shouhu: Shouhu, record: ChildRecord, command: RecordVisit, seen: FactsSeen
) -> RecordVisit:
    """The categories are asked anew at each visit, of all that is known with what was seen on its day."""
    now, known = shouhu.ledger.clock(), record.facts_with()
    made = counted_from(command.visited_on or day_of(now), now)
    found = categories(found_of(await rules_of(conn, shouhu), record, day_of(now), (made, seen)))
    return command.model_copy(update={"categories": found, "unclear": known.unclear(seen) if known else ()})


@router.post(
    "/watches/{watch_id}/warnings/{number}/verify", operation_id="verify_warning", responses={200: {"headers": ETAG}}
)
async def verify_warning(
    watch_id: str, number: int, verified: Verified, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """核实预警: no risk, help, or a risk, which is a report in the same step."""
    await _at_its_desk(conn, who, watch_id)
    command = VerifyWarning(by=who, warning=number, outcome=verified.outcome, note=verified.note)
    if verified.outcome is not Outcome.RISK:
        return await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)
    seen = Seen(watch_id=watch_id, situations=verified.situations, narrative=verified.note)
    return await _reported(conn, shouhu, who, command, seen, response, idempotency_key, if_match)


@router.post("/watches/{watch_id}/arrangement", operation_id="arrange_care", responses={200: {"headers": ETAG}})
async def arrange_care(
    watch_id: str, arranged: Arranged, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """外出前监护安排: a delegate whom the law does not exclude, with dates; from then on a word with the child is due every week."""
    await _at_its_desk(conn, who, watch_id)
    said = arranged.model_dump(exclude={"delegate"})
    command = ArrangeCare(by=who, content=arranged.delegate.model_dump(), **said)
    return await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)


@router.post("/watches/{watch_id}/contacts", operation_id="record_contact", responses={200: {"headers": ETAG}})
async def record_contact(
    watch_id: str, noted: Noted, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """The parents have spoken with the child; the next word is due a week from now."""
    await _at_its_desk(conn, who, watch_id)
    command = RecordContact(by=who, note=noted.note)
    return await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)


@router.post("/watches/{watch_id}/return", operation_id="record_return", responses={200: {"headers": ETAG}})
async def record_return(
    watch_id: str, noted: Noted, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """A parent is back: the arrangement ends."""
    await _at_its_desk(conn, who, watch_id)
    command = RecordReturn(by=who, note=noted.note)
    return await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)


async def _reported(
    conn: Conn, shouhu: Shouhu, who: Who, command: RecordVisit | VerifyWarning, seen: Seen, response: Response,
    key: str | None, if_match: str | None,
) -> Watched:  # fmt: skip
    """The report and what found it are one transaction."""
    filed = await report_of_visit(conn, shouhu.ledger, shouhu.receipts, seen, who, key)
    command = command.model_copy(update={"report": filed.case_id})
    done = await _perform(conn, shouhu, command, seen.watch_id, response, key, if_match)
    return done.model_copy(update={"report": filed.case_id, "receipt": filed.receipt})


@router.post("/watches/{watch_id}/end", operation_id="end_watch", responses={200: {"headers": ETAG}})
async def end_watch(
    watch_id: str, end: WatchEnd, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Watched:  # fmt: skip
    """The watch is over, and the heads of its desk and of the street are told. A warning that waits is verified first, but of a child who
    has died; nobody comes of age before the birthday on file; that a risk has ended nobody says of a child whose visit is overdue, nor
    without saying why."""
    await _at_its_desk(conn, who, watch_id)
    command = EndWatch(by=who, reason=end.reason, note=end.note)
    if end.reason is EndReason.ADULTHOOD:
        (record,) = await records_of(conn, [await own_id(conn, child_of(watch_id))], true())
        age = record.age_on(day_of(shouhu.ledger.clock()))
        command = command.model_copy(update={"of_age": None if age is None else age >= MAJORITY})
    return await _perform(conn, shouhu, command, watch_id, response, idempotency_key, if_match)


async def _at_its_desk(conn: Conn, who: Who, watch_id: str) -> None:
    """Only the staff of the desk that watches; to all others there is no such watch."""
    watch = tables.watches.c
    own = and_(watch.id == watch_id, at_desk_of(who, watch.desk), unconcerned_by_watch(who))
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
    return Watched(
        version=done.version, visit_due_at=now.visit.due_at, is_open=now.is_open, grade=now.grade, replayed=done.replayed,
        warnings=_warnings(now), left_out=_left_out(command, done.events),
    )  # fmt: skip


def _left_out(command: Command, events: Iterable[Any]) -> list[Relation]:
    said = command.form.facts.family if isinstance(command, RecordVisit) and command.form else {}
    kept = next((one.form.facts.family for one in events if isinstance(one, VisitRecorded) and one.form), said)
    return [one for one in said if one not in kept]
