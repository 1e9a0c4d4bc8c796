"""Changes of a child's file on their path: entered, verified by the street, approved by the district where the notice asks for it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, false, select

from app.api.answers import ETAG
from app.api.children import WaitingChange, in_sight, rules_of, sighted
from app.api.context import Conn, Shouhu, Who, audit_read, visible
from app.api.need import Lens
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.api.work import IfMatch, Key, version_of
from app.db import tables
from app.db.child_records import division_of, records_of
from app.db.communities import listed, street_of
from app.db.doubles import (
    compare_again,
    compared,
    doubles_of,
    find_different,
    is_told,
    tell_district,
    was_told,
)
from app.db.joining import about_of
from app.db.ledger import StaleVersion
from app.db.need import open_on
from app.db.people import of_streets
from app.db.streams import followed
from app.db.suspects import with_suspects
from app.domain import child_file as cf
from app.domain import compartment
from app.domain import file_work as fw
from app.domain.access import DESK_STAFF, Actor
from app.domain.child_record import ChildRecord
from app.domain.child_shown import read_by
from app.domain.child_terms import SECTION_OF, WHOLE, FileField, HukouPlace, NotTaken
from app.domain.commands import Command
from app.domain.facts import Known, Sex
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import keeps
from app.domain.submission import FamilyMember
from app.domain.terms import Agency
from app.domain.typed import Form, LongText, Text
from app.router import Router

router = Router(prefix="/v1", tags=["children"], route_class=StrictRoute)


class Means(Form):
    """What a family lives on."""

    on_minimum_living: Known = Known.UNKNOWN
    low_income: Known = Known.UNKNOWN
    on_destitute_support: Known = Known.UNKNOWN
    note: Text = ""


DIVISION = Annotated[str, Field(pattern=r"^(\d{9}|110106)$")]


HUKOU = Annotated[str, Field(pattern=rf"^(\d{{9}}|110106|{HukouPlace.OUTSIDE})$")]


VALUES: dict[FileField, TypeAdapter[Any]] = {
    **{field: TypeAdapter(Text) for field in FileField},
    FileField.SEX: TypeAdapter(Sex), FileField.BIRTH_DATE: TypeAdapter(date), FileField.HEALTH: TypeAdapter(LongText),
    FileField.RESIDENCE_DIVISION: TypeAdapter(DIVISION), FileField.HUKOU_DIVISION: TypeAdapter(HUKOU),
    FileField.GUARDIANS: TypeAdapter(list[FamilyMember]), FileField.MEANS: TypeAdapter(Means),
}  # fmt: skip
"""What each field may hold."""


NOT_LISTED = "不在该街道（乡镇）的社区（村）名录内 · It is not in the list of communities of that street."


class EnteredValue(BaseModel):
    """A new value with what shows that it is so."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"field": "school", "value": "示例小学（化名）", "seen": 0, "evidence": "学籍卡", "note": "转学"}
        },
    )

    field: FileField
    value: JsonValue
    seen: int | None = Field(
        None, ge=0, description="The version of the value that this replaces; 409 when another has come."
    )
    evidence: LongText = ""
    note: LongText = ""


class Comparison(StrEnum):
    """What a comparison of a registration with another file found."""

    DIFFERENT = "different"
    UNCLEAR = "unclear"


class Compared(Form):
    """A file that was compared with the one that is verified; `unclear` leaves the pair among the possible doubles."""

    child_id: str
    found: Comparison


class Taken(BaseModel):
    """A step done."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"note": "已入户核实"}})

    note: LongText = ""
    seen: int | None = Field(
        None, ge=0,
        description="The version of the value that this replaces, where another change of the field waits or was passed meanwhile.",
    )  # fmt: skip
    compared: list[Compared] = Field(
        default=[],
        max_length=200,
        description="Of a registration, each file of `GET …/duplicates`, which is compared before it.",
    )


class Returned(BaseModel):
    """Why the value is not taken."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "not_confirmed"}})

    reason: NotTaken
    note: LongText = ""


class FileAnswer(BaseModel):
    """The file after a command."""

    child_id: str
    version: int
    change: int
    waits_for: str | None = Field(
        description="The desk whose step it is now; null once the value counts or was returned."
    )
    due_at: datetime | None
    replayed: bool


class Passed(FileAnswer):
    """The file after a step."""

    district_compares: bool = Field(
        default=False,
        description="There may be a file of this child in another street: the district was told and compares them.",
    )


class WaitingRow(BaseModel):
    """A file in which changes wait for the caller's desk, with whose it is; masked unless the caller has said why the name is needed."""

    id: str
    child_id: str
    division: str
    version: int
    next_deadline_at: datetime | None
    desks: list[str]
    name: str = ""
    changes: list[WaitingChange] = []


class _Waiting(WaitingRow):
    progress: cf.ChildFile


@router.get("/changes", operation_id="waiting_changes")
async def waiting_changes(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100) -> Page[WaitingRow]:
    """The files in which a change waits for the caller's desk, the most urgent first."""
    file = tables.child_files.c
    mine = file.desks.contains([who.desk]) if keeps(who) and who.has(*DESK_STAFF) else false()
    query = select(*(file[name] for name in _Waiting.model_fields if name in file)).where(file.is_open, mine)
    page = await page_of(conn, who, query, _Waiting, (file.next_deadline_at, file.id), cursor=cursor, limit=limit)
    ids = [row.child_id for row in page.items]
    if ids:
        await audit_read(conn, who, "waiting_changes", None, [FileField.NAME.value], children=ids)
    known = (
        {record.child_id: record for record in await records_of(conn, ids, visible(who), whole=False)} if ids else {}
    )
    full = await open_on(conn, who, [row.id for row in page.items])
    return Page(
        items=[_named(row, who, known.get(row.child_id), Lens(row.id in full)) for row in page.items], next=page.next
    )


def _named(row: _Waiting, who: Actor, record: ChildRecord | None, lens: Lens) -> WaitingRow:
    """As it is shown."""
    entry = record.entry(FileField.NAME) if record else None
    changes = [
        WaitingChange(change=one.number, field=one.field, by=one.persons[0], at=one.at, due_at=one.clock.due_at)
        for one in row.progress.waiting if one.desk == who.desk
    ]  # fmt: skip
    name = lens({"name": entry.value}, record.named)["name"] if entry and record else ""
    return WaitingRow(**row.model_dump(exclude={"progress", "name", "changes"}), name=name, changes=changes)


@router.post("/children/{child_id}/changes", operation_id="enter_change", responses={200: {"headers": ETAG}})
async def enter_change(
    child_id: str, entered: EnteredValue, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> FileAnswer:  # fmt: skip
    """填报: the value counts once it has gone its path; a second one for the same field is told of the first."""
    own = await in_sight(conn, who, child_id, to_act=True)
    pack = await rules_of(conn, shouhu)
    if (
        entered.field in WHOLE
        or not who.has(*DESK_STAFF)
        or (
            entered.field is FileField.COMMUNITY and not who.agency.is_territorial
        )  # else the list would tell of a street kept back
        or SECTION_OF[entered.field] not in pack.file.seen_by(who.agency)
    ):
        raise Refused(RefusalCode.NOT_ALLOWED)
    value, community = _valid(entered), None
    if entered.field is FileField.COMMUNITY:
        community, value = await _community(conn, own, str(value))
    blind = entered.field in compartment.asked_of(who.agency)
    if blind and (same := await _entered_already(conn, who, own, entered.field, value, response)):
        return same
    command = fw.EnterChange(
        by=who, child_id=own, division=await division_of(conn, own), field=entered.field, seen=entered.seen, note=entered.note,
        blind=blind,
        community=community,
        moves_to=str(value) if entered.field is FileField.RESIDENCE_DIVISION else None,
        content={"value": value, "evidence": entered.evidence},
    )  # fmt: skip
    return await perform(conn, shouhu, command, own, None, response, idempotency_key, if_match)


async def _entered_already(
    conn: Conn, who: Actor, child: str, field: FileField, value: JsonValue, response: Response
) -> FileAnswer | None:
    """What the caller's office entered and still waits: the same again is not entered twice."""
    await audit_read(conn, who, "read_child", cf.file_id(child), [SECTION_OF[field].value], children=[child])
    (record,) = await with_suspects(conn, who, await records_of(conn, [child], visible(who)))
    waits = (record := read_by(record, who)).stands_against(field)
    if record.file is None or waits is None or record.contents[waits.number].get("value") != value:
        return None
    response.headers["ETag"] = f'"{record.file.version}"'
    return _answer(who, child, record.file, waits.number, replayed=True)


async def _community(conn: Conn, child: str, said: str) -> tuple[str, str]:
    """The entry of the list of the child's street that is meant, by its id or its name, with that name."""
    known = await listed(conn, await street_of(conn, child))
    found = next(((one, name) for one, name in known.items() if said in (one, name)), None)
    if found is None:
        fault = {"type": "unknown_reference", "loc": ("body", "value"), "msg": NOT_LISTED, "input": said}
        raise RequestValidationError([fault])
    return found


def _valid(entered: EnteredValue) -> JsonValue:
    adapter = VALUES[entered.field]
    try:
        return adapter.dump_python(adapter.validate_python(entered.value), mode="json", exclude_defaults=True)
    except ValidationError as wrong:
        found = [{**one, "loc": ("body", "value", *one["loc"])} for one in wrong.errors()]
        raise RequestValidationError(found) from None


@router.post(
    "/children/{child_id}/changes/{change}/pass", operation_id="pass_change", responses={200: {"headers": ETAG}}
)
async def pass_change(
    child_id: str, change: int, taken: Taken, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> Passed:  # fmt: skip
    """核实 by the street, 审批 by the district where the path has it; never by a person who had a part in it before.

    Before a registration counts, whoever verifies it says of each file that may be the same child's what comparing them has found, and
    the district is told of those in other streets.
    """
    own = await in_sight(conn, who, child_id, to_act=True)
    _require_verifies(who)
    command = fw.PassChange(by=who, change=change, note=taken.note, over=taken.seen)
    if not await _registers(conn, who, own, change):
        done = await perform(conn, shouhu, command, own, change, response, idempotency_key, if_match)
        if done.replayed:  # else the next step would be refused for what they found themselves
            found = await followed(conn, cf.file_id(own), done.version, "found_different", who.person_id)
            _now_at(done, found, response)
        return Passed(**done.model_dump(), district_compares=done.replayed and await was_told(conn, who, own, change))
    doubles = await doubles_of(conn, own, sighted(who))
    found = {one.child_id: one.found for one in taken.compared}
    left = [one.child_id for one in doubles.here if one.child_id not in found]
    if left:
        raise Refused(RefusalCode.DOUBLES_NOT_COMPARED, children=tuple(left))
    others, ledger = [one.child_id for one in doubles.elsewhere], shouhu.ledger
    done = await perform(conn, shouhu, command, own, change, response, idempotency_key, if_match)
    for other in (one.child_id for one in doubles.here if found[one.child_id] is Comparison.DIFFERENT):
        _now_at(done, (await find_different(conn, ledger, who, own, other))[own].version, response)
    # after the pairs, as the nightly look takes them: in the other order each could wait for the other
    await tell_district(conn, ledger, own, await division_of(conn, own), others, ledger.clock())
    return Passed(**done.model_dump(), district_compares=await is_told(conn, who, others))


def _require_verifies(who: Actor) -> None:
    """Nothing waits at bodies to which a place may be kept back; which changes wait, and where, is not theirs to try out."""
    if who.agency not in compartment.TOLD_PLACE:
        raise Refused(RefusalCode.NOT_ALLOWED)


def _now_at(answer: FileAnswer, version: int, response: Response) -> None:
    answer.version = version
    response.headers["ETag"] = f'"{version}"'


async def _registers(conn: Conn, who: Actor, child_id: str, change: int) -> bool:
    """Whether the change is a registration that waits for the caller's desk."""
    waiting = await _waiting(conn, child_id, change, tables.child_files.c.desks.contains([who.desk]))
    return waiting is not None and waiting.field is FileField.REGISTRATION


async def _waiting(conn: Conn, child_id: str, change: int, *more: ColumnElement[bool]) -> cf.Change | None:
    """A change that nobody has decided on yet."""
    file = tables.child_files.c
    stored = await conn.scalar(select(file.progress).where(file.child_id == child_id, *more))
    return cf.ChildFile.model_validate(stored).change(change) if stored else None


@router.post(
    "/children/{child_id}/changes/{change}/reject", operation_id="reject_change", responses={200: {"headers": ETAG}}
)
async def reject_change(
    child_id: str, change: int, returned: Returned, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> FileAnswer:  # fmt: skip
    """退回: the value is not taken, for a reason."""
    own = await in_sight(conn, who, child_id, to_act=True)
    _require_verifies(who)
    command = fw.RejectChange(by=who, change=change, reason=returned.reason, note=returned.note)
    registers, waited = await _registers(conn, who, own, change), await _waiting(conn, own, change)
    done = await perform(conn, shouhu, command, own, change, response, idempotency_key, if_match)
    if registers:  # after the file, as all others lock them
        await compared(conn, shouhu.ledger, own, who)
    if waited and waited.field is FileField.SAME_AS and waited.other:
        await compare_again(conn, shouhu.ledger, own, waited.other)
    return done


async def perform(
    conn: Conn, shouhu: Shouhu, command: Command, child: str, change: int | None, response: Response, key: str | None,
    if_match: str | None,
) -> FileAnswer:  # fmt: skip
    """Record it in the file of the child; no desk that a case of the child is about has a step in it."""
    if isinstance(command, fw.EnterChange | fw.PassChange):
        command = command.model_copy(update={"concerned": await about_of(conn, child)})
    try:
        done = await shouhu.ledger.begin(conn, cf.file_id(child), command, key=key, expected=version_of(if_match))
    except StaleVersion as stale:
        raise StaleVersion(stale.current, await _shown(conn, shouhu, command.by, child, stale.since)) from None
    except Refused as refusal:
        raise _as_told(refusal, command.by.agency) from None
    response.headers["ETag"] = f'"{done.version}"'
    number = change or done.version
    answer = _answer(command.by, child, done.progress, number, replayed=done.replayed)
    return answer.model_copy(update={"version": done.version})  # of one that is repeated the file may have gone on


def _answer(who: Actor, child: str, file: cf.ChildFile, number: int, *, replayed: bool) -> FileAnswer:
    waiting = file.change(number)
    return FileAnswer(
        child_id=child, version=file.version, change=number,
        waits_for=compartment.desk_told(who.agency, waiting.desk) if waiting else None,
        due_at=waiting.clock.due_at if waiting else None, replayed=replayed,
    )  # fmt: skip


def _as_told(refusal: Refused, agency: Agency) -> Refused:
    """The same to a body to which it may be kept back where the child lives: neither whose account nor whose desk it is."""
    if agency in compartment.TOLD_PLACE:
        return refusal
    return Refused(refusal.code, **{name: value for name, value in refusal.facts.items() if name not in ("by", "desk")})


async def _shown(
    conn: Conn, shouhu: Shouhu, who: Actor, child: str, since: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """What has changed of that which the caller's body is shown of the file, and by whom: the field names what is known."""
    sections = (await rules_of(conn, shouhu)).file.seen_by(who.agency)
    kept = compartment.asked_of(who.agency)
    fields = [name for name in FileField if SECTION_OF[name] in sections and name not in kept]
    shown = [dict(row) for row in since if row.get("field") in fields]
    return compartment.unplaced(shown, who.agency, await of_streets(conn, {row["by"] for row in shown}))
