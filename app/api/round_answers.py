"""What a unit answers in a screening round: the reports of what it found, and the children whom it registered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    any_,
    cast,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH

from app.api.answers import ETAG
from app.api.children import sighted
from app.api.context import Conn, Shouhu, Who, audit_read
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.rounds import own
from app.api.strict import StrictRoute
from app.api.work import IfMatch, Key, version_of
from app.db import tables
from app.db.child_records import records_of
from app.db.rounds import report_all
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.child_file import PREFIX
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.identity import mask_name
from app.domain.masking import mask_birth_date
from app.domain.refusals import RefusalCode, Refused
from app.domain.rounds import Asked, ReturnRound
from app.domain.sight import divisions, registers_pupils
from app.domain.submission import Submission
from app.domain.terms import Agency
from app.router import Router

router = Router(prefix="/v1/rounds", tags=["rounds"], route_class=StrictRoute)
one, unit, child = tables.rounds.c, tables.round_units.c, tables.children.c


class Answer(BaseModel):
    """A unit's answer: what it looked at, each child for whom it reports and each that it has registered; that nothing was found is
    said in so many words."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"unit": "COMM-110106007", "screened": 312, "nothing_found": True, "joined": ["WF"]}
        },
    )

    unit: str = Field(max_length=80)
    screened: int = Field(ge=0, le=10**6)
    nothing_found: bool = False
    reports: list[Submission] = Field(default_factory=list, max_length=50)
    registered: list[Annotated[str, Field(max_length=80)]] = Field(
        default_factory=list, max_length=50,
        description="Children whom it found and registered, for whom nothing is to be reported: those of /registered.",
    )  # fmt: skip
    joined: list[Agency] = Field(default_factory=list, max_length=10)
    note: str = Field("", max_length=20_000)


class RegisteredChild(BaseModel):
    """A child on file whom nobody has reported; masked."""

    child_id: str
    name: str
    birth_date: str
    registered_at: datetime


class Filed(BaseModel):
    """A report that the answer became."""

    case_id: str
    receipt: str


class AnswerTaken(BaseModel):
    """The answer is kept; what it listed is reported."""

    round_id: str
    version: int
    is_open: bool
    replayed: bool
    reports: list[Filed]


@router.post("/{round_id}/returns", operation_id="answer_round", responses={200: {"headers": ETAG}})
async def answer(
    round_id: str, given: Answer, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> AnswerTaken:  # fmt: skip
    """What was found becomes reports and the round knows it, in one transaction."""
    await _require_asked(conn, who, round_id, given.unit)
    if given.nothing_found == bool(given.reports or given.registered):
        raise Refused(RefusalCode.NOTHING_SAID)
    registered = tuple(dict.fromkeys(given.registered))
    unfit = await _unfit(conn, who, round_id, registered)
    await open_door(conn)
    once = f"{round_id}/{given.unit}/{idempotency_key}" if idempotency_key else None
    filed = await report_all(conn, shouhu.ledger, shouhu.receipts, given.reports, who, once)
    command = ReturnRound(
        by=who, unit=given.unit, screened=given.screened, reports=tuple(report.case_id for report in filed),
        registered=registered, unfit=unfit, joined=tuple(given.joined), note=given.note,
    )  # fmt: skip
    done = await shouhu.ledger.record(conn, round_id, command, key=idempotency_key, expected=version_of(if_match))
    response.headers["ETag"] = f'"{done.version}"'
    return AnswerTaken(
        round_id=round_id, version=done.version, is_open=done.progress.is_open, replayed=done.replayed,
        reports=[Filed(case_id=report.case_id, receipt=report.receipt) for report in filed],
    )  # fmt: skip


@router.get("/{round_id}/registered", operation_id="round_registered")
async def registered(
    round_id: str, conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 50
) -> Page[RegisteredChild]:
    """Whom an answer may name as found beside those whom it reports: the children whom nobody has reported, registered in the caller's
    street or, of a school, by itself within a year, and named in no answer to a round of this kind. The last to be registered first."""
    if not await conn.scalar(select(unit.unit).where(unit.round_id == round_id, own(who))):
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    await _behind_the_door(conn, who)
    query = select(child.id, child.filed_at).where(_on_file(who), child.id.not_in(await _named(conn, round_id)))
    page = await page_of(
        conn, who, query, _OnFile, (child.filed_at, child.id), cursor=cursor, limit=limit, newest_first=True
    )
    ids = [row.id for row in page.items]
    if not ids:
        return Page(items=[], next=None)
    await audit_read(conn, who, "round_registered", None, ["name", "birth_date"], children=ids)
    known = {record.child_id: record for record in await records_of(conn, ids, false(), whole=False)}
    return Page(items=[_masked(row, known[row.id]) for row in page.items if row.id in known], next=page.next)


class _OnFile(BaseModel):
    id: str
    filed_at: datetime


def _masked(row: _OnFile, record: ChildRecord) -> RegisteredChild:
    name, born = (
        (entry and str(entry.value)) or "" for entry in map(record.entry, (FileField.NAME, FileField.BIRTH_DATE))
    )
    return RegisteredChild(
        child_id=row.id, name=mask_name(name), birth_date=mask_birth_date(born), registered_at=row.filed_at
    )


def _on_file(who: Actor) -> ColumnElement[bool]:
    """Registered in the caller's street without a report, and not returned as unfit: it waits to be verified, or is watched."""
    file, watch = tables.child_files.c, tables.watches.c
    waits = exists().where(file.child_id == child.id, file.is_open)
    joined = exists().where(file.child_id == child.id, file.merged_into.is_not(None))
    returned = ~file.progress["counts"].has_key(FileField.REGISTRATION.value) & file.progress["set_aside"][0].is_(None)
    unfit = exists().where(file.child_id == child.id, returned)
    stands = or_(waits, exists().where(watch.child_id == child.id))
    if registers_pupils(who):  # that a pupil's file was joined to another would say that there is one
        return and_(child.case_id.is_(None), _by_school(who), or_(stands, joined & ~unfit))
    return and_(child.case_id.is_(None), child.division.in_(divisions(who)), sighted(who), stands, ~joined)


def _by_school(who: Actor) -> ColumnElement[bool]:
    """Registered for the caller's school within a year; of before it was written for which, by somebody who works there now."""
    event, person, year = tables.events.c, tables.people.c, func.now() - timedelta(days=366)
    colleagues = select(func.array_agg(person.id)).where(person.unit == who.unit, person.agency == who.agency.value)
    whose = any_(func.array_append(colleagues.scalar_subquery(), cast(who.unit, person.id.type), type_=ARRAY(String)))
    entered = select(func.substr(event.stream_id, len(PREFIX) + 1)).where(
        text(tables.REGISTERED), literal_column(tables.REGISTERED_FOR) == whose, event.at > year
    )
    return and_(child.filed_at > year, child.id.in_(entered))


async def _behind_the_door(conn: Conn, who: Actor) -> None:
    """A school sees no files; what it has registered itself it may name."""
    if registers_pupils(who):
        await open_door(conn)


async def _named(conn: Conn, round_id: str, *, by_others: bool = False) -> list[str]:
    """The children whom answers to rounds of this kind have named."""
    path = cast("$.returns[*].registered[*]", JSONPATH)
    query = select(func.jsonb_path_query(one.progress, path, type_=JSONB))
    kind = select(one.code).where(one.id == round_id).scalar_subquery()
    query = query.where(one.code == kind, one.id != round_id if by_others else true())
    return [str(one) for one in (await conn.execute(query)).scalars()]


async def _require_asked(conn: Conn, who: Actor, round_id: str, name: str) -> None:
    """Before anything else is said: what became of a round since an old version is for those who answer it."""
    if not await conn.scalar(select(one.id).where(one.id == round_id)):
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    desk = await conn.scalar(select(unit.desk).where(unit.round_id == round_id, unit.unit == name))
    if desk is None or not Asked(unit=name, desk=desk).answers(who):
        raise Refused(RefusalCode.NOT_ASKED)


async def _unfit(conn: Conn, who: Actor, round_id: str, children: Sequence[str]) -> RefusalCode | None:
    """Each has to be in the caller's sight, and is found once; what this very round knows the ledger asks."""
    if not children:
        return None
    await _behind_the_door(conn, who)
    seen = set((await conn.execute(select(child.id).where(child.id.in_(children), _on_file(who)))).scalars())
    if not seen.issuperset(children):
        return RefusalCode.CHILD_NOT_REGISTERED
    named = await _named(conn, round_id, by_others=True)
    return RefusalCode.CHILD_NAMED if seen.intersection(named) else None
