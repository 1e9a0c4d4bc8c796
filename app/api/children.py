"""The file of a child: what is known, who entered and who passed it, and the changes that wait for a desk."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy import ColumnElement, and_, exists, false, or_, select, true

from app.api.answers import ETAG
from app.api.context import Conn, Shouhu, Who, unconcerned, visible
from app.api.need import Asked, Lens, Opened, look, open_view, owner_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.child_records import own_id, records_of
from app.db.people import of_streets
from app.db.rules import Pack
from app.db.suspects import with_suspects
from app.db.vault import with_notes
from app.db.walls import child_concerns, through_the_door
from app.domain import child_file as cf
from app.domain.access import Actor
from app.domain.child_record import ChildRecord
from app.domain.child_shown import read_by, shown
from app.domain.child_terms import SECTION_OF, FileField, Section
from app.domain.compartment import TOLD_PLACE, desk_told, unplaced
from app.domain.determination import ChildFound
from app.domain.facts import FactsSeen
from app.domain.file_sight import file_scope
from app.domain.opening import desk_of
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Grade, Role
from app.domain.watch import EndReason
from app.domain.working_time import day_of
from app.router import Router

router = Router(prefix="/v1", tags=["children"], route_class=StrictRoute)


class ChildWatch(BaseModel):
    """Who visits the child next, and by when."""

    id: str
    desk: str
    grade: Grade
    visit_due_at: datetime


class WatchOver(BaseModel):
    """How the watch ended, with the words of whoever ended it."""

    reason: EndReason
    at: datetime
    note: str


class ChildPage(BaseModel):
    """The file of a child; the sections that the caller's body does not see are left out."""

    model_config = ConfigDict(extra="allow")

    id: str
    version: int
    division: str
    masked: bool
    watch: ChildWatch | None = Field(None, description="The watch that goes on; for bodies that see the visits.")
    ended: WatchOver | None = Field(
        None, description="Where it is over; for bodies that see the visits and are told where children live."
    )
    joined: list[str] = Field(
        [], description="Other files that two persons found to be about this child; they can be parted again."
    )
    fields: dict[str, Any]


class WaitingChange(BaseModel):
    """A change that waits for the caller's desk; its value stands in the file."""

    change: int
    field: FileField
    by: str
    at: datetime
    due_at: datetime


@router.get(
    "/children/{child_id}", operation_id="read_child", response_model=ChildPage, responses={200: {"headers": ETAG}}
)
async def read_child(child_id: str, conn: Conn, who: Who, shouhu: Shouhu, response: Response) -> dict[str, Any]:
    """All that is known of a child, by what the caller's body may see; on record before it leaves."""
    pack = await rules_of(conn, shouhu)
    sections = pack.file.seen_by(who.agency)
    record, lens = await record_of(conn, who, child_id, [section.value for section in sections])
    found = found_of(pack, record, day_of(shouhu.ledger.clock()))
    file = shown(record, sections, found)
    is_told = Section.VISITS in sections and who.agency in TOLD_PLACE  # that it moved tells something of where it is
    over = await _over(conn, record) if is_told else None
    answer = lens({**file, "ended": over}, record.named) | {"masked": not lens.full}
    answer["fields"] |= _own_words(record, lens.over(known_to(record, sections)), file["fields"], answer["fields"])
    local = await of_streets(conn, record.authors) if who.agency not in TOLD_PLACE else ()
    answer = unplaced(answer, who.agency, local)
    answer |= {"watch": _going_on(record, who.agency) if Section.VISITS in sections else None}
    answer |= {"joined": [one.child_id for one in record.joined]}
    response.headers["ETag"] = f'"{answer["version"]}"'
    return answer


def known_to(record: ChildRecord, sections: Sequence[Section]) -> tuple[dict[str, JsonValue], ...]:
    """By field what a body with these sections is told, now and by changes under way: all that a mask may know for words of its own, or it
    would answer guesses."""
    told = [one for one in FileField if SECTION_OF[one] in sections]
    now = {one.value: entry.value for one in told if (entry := record.entry(one))}
    return now, *({one.value: record.waiting_value(change)} for one in told for change in record.all_waiting(one))


def _own_words(
    record: ChildRecord, see: Callable[[Any], Any], file: Mapping[str, Any], masked: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields with the values that the reader or their office entered."""
    found = {}
    for name, said in file.items():
        own = {"value": see({"field": name, "value": said["value"]})["value"]} if name in record.own else {}
        if "waiting" in said:
            own["waiting"] = _own_word(record, see, name, said["waiting"], masked[name]["waiting"])
        if "beside" in said:
            both = zip(said["beside"], masked[name]["beside"], strict=True)
            own["beside"] = [_own_word(record, see, name, typed, shown) for typed, shown in both]
        found[name] = masked[name] | own
    return found


def _own_word(
    record: ChildRecord, see: Callable[[Any], Any], name: str, typed: Mapping[str, Any], shown: Mapping[str, Any]
) -> Mapping[str, Any]:
    if typed["change"] not in record.own_changes:
        return shown
    return {**shown, "value": see({"field": name, "value": typed["value"]})["value"]}


def _going_on(record: ChildRecord, agency: Agency) -> ChildWatch | None:
    watch = record.watch
    if watch is None or not watch.is_open:
        return None
    desk = desk_told(agency, watch.desk)
    return ChildWatch(id=watch.watch_id, desk=desk, grade=watch.grade, visit_due_at=watch.visit.due_at)


async def _over(conn: Conn, record: ChildRecord) -> dict[str, Any] | None:
    if record.ended is None or record.watch is None:
        return None
    note = tables.notes.c
    of_it = and_(note.stream_id == record.watch.watch_id, note.version == record.ended_as)
    query = select(note.stream_id, note.version, note.body.label("note")).where(of_it)
    said = await with_notes(conn, query)
    return {"reason": record.ended.reason, "at": record.ended.at, "note": said[0]["note"] if said else ""}


async def rules_of(conn: Conn, shouhu: Shouhu) -> Pack:
    """The rules of today, by which files and ledgers are read."""
    return await shouhu.ledger.pack(conn, (await shouhu.ledger.current(conn, shouhu.ledger.clock())).version)


def found_of(pack: Pack, record: ChildRecord, today: date, *seen: tuple[datetime, FactsSeen]) -> ChildFound | None:
    """What the rules find today of the child in all that has been said of it, and in what was `seen` and is not in its file yet."""
    facts = record.facts_on(today, *seen)
    found = pack.found(facts, record.happened) if facts else ()
    return next((one for one in found if one.child_id == record.child_id), None)


async def record_of(conn: Conn, who: Actor, child_id: str, fields: list[str]) -> tuple[ChildRecord, Lens]:
    """The child with all that the caller's body is told, once it is on record that the caller reads it, and how the caller sees it."""
    own = await in_sight(conn, who, child_id)
    lens = await look(conn, who, "read_child", cf.file_id(own), fields, children=[own])
    (record,) = await with_suspects(conn, who, await records_of(conn, [own], visible(who)))
    return read_by(record, who), lens


@router.post("/children/{child_id}/full-view", status_code=201, operation_id="open_child_in_full")
async def open_child(child_id: str, asked: Asked, conn: Conn, who: Who, shouhu: Shouhu) -> Opened:
    """The caller's sections of the file in full for some minutes; the desk that keeps the file, or leads the case, is told."""
    own = await in_sight(conn, who, child_id, to_act=True)
    fields = [section.value for section in (await rules_of(conn, shouhu)).file.seen_by(who.agency)]
    child, watch, case = tables.children.c, tables.watches.c, tables.cases.c
    query = select(child.case_id, child.division, watch.desk, case.progress).outerjoin(
        tables.cases, case.id == child.case_id
    )
    query = query.outerjoin(tables.watches, watch.child_id == child.id).where(child.id == own)
    found = (await conn.execute(query)).one()
    desk = found.desk or (None if found.progress else desk_of(Agency.STREET, found.division))
    owner = f"{Role.DESK_HEAD}:{desk}" if desk else owner_of(Progress.model_validate(found.progress))
    made = await open_view(
        conn, who, cf.file_id(own), found.case_id, asked.need, asked.note, fields, owner, children=[own]
    )  # fmt: skip
    return Opened(id=made.id, until=made.until, fields=fields)


async def in_sight(conn: Conn, who: Actor, child_id: str, *, to_act: bool = False) -> str:
    """The child, if the caller keeps its file, registered it, has its case, or has a step to do in it; to all others there is none.

    Whoever sees it `to_act` on it has passed the door.
    """
    own = await own_id(conn, child_id)
    child = tables.children.c
    query = select(child.id).where(and_(child.id == own, sighted(who, child_id)))
    query = query.add_columns(through_the_door()) if to_act else query
    if (await conn.execute(query)).first() is None:
        raise Refused(RefusalCode.CHILD_NOT_FOUND)
    return own


async def is_in_sight(conn: Conn, who: Actor, child_id: str) -> bool:
    """Whether there is a file of the child for the caller."""
    with suppress(Refused):
        return bool(await in_sight(conn, who, child_id))
    return False


def sighted(who: Actor, child_id: str | None = None) -> ColumnElement[bool]:
    """The same as a condition on `children`; `child_id` may be the same child under the id of a later report."""
    sees = file_scope(who)
    if sees is None:
        return false()
    child, watch, file, case = tables.children.c, tables.watches.c, tables.child_files.c, tables.cases.c
    asked, joined = (
        tables.children.alias("asked").c,
        and_(file.merged_into == child.id, watch.child_id == file.child_id),
    )
    ways = or_(
        exists().where(case.id == child.case_id, visible(who)),
        exists().where(asked.id == child_id, case.id == asked.case_id, visible(who)),
        exists().where(watch.child_id == child.id, watch.desk.in_(sees.desks)),
        exists().where(joined, watch.desk.in_(sees.desks)),
        exists().where(watch.child_id == child.id, watch.offered_to == sees.desk),
        exists().where(file.child_id == child.id, file.desks.contains([sees.desk])),
        and_(child.case_id.is_(None), true() if sees.unreported_anywhere else child.division.in_(sees.divisions)),
    )
    return and_(ways, unconcerned(who, child.case_id), ~child_concerns(who, child.id))
