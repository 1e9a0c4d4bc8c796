"""建档: a child whom nobody has reported is registered where it lives; once the street has verified it, the watch begins by its grade."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import Response
from pydantic import ConfigDict, Field
from sqlalchemy import false, insert, select

from app.api import patience
from app.api.answers import ETAG
from app.api.child_changes import Means, perform
from app.api.children import found_of, rules_of, sighted
from app.api.context import Conn, Shouhu, Who, audit_read
from app.api.strict import StrictRoute
from app.api.work import Key
from app.db import tables
from app.db.alike import Alike, alike
from app.db.child_records import records_of
from app.db.intake import child_row, marked_as
from app.db.sounds import sound_keys
from app.db.vault import sealed_row, vault_of
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.child_file import Registration
from app.domain.child_record import MEANS, ChildRecord
from app.domain.child_terms import FileField, Found
from app.domain.compartment import without_offence
from app.domain.duplicates import Known as Sought
from app.domain.facts import HouseholdFacts
from app.domain.file_work import EnterChange
from app.domain.identity import clean_name, mask_name, normal_phones
from app.domain.masking import mask_birth_date
from app.domain.matching import Reason
from app.domain.opening import desk_of
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import divisions, may_register, registers_pupils
from app.domain.submission import FamilyMember, ReportedChild, Reporter, Submission, facts_of
from app.domain.terms import Agency, Grade, ReporterClass
from app.domain.typed import Form, LongText, Text
from app.domain.working_time import day_of
from app.router import Router

router = Router(prefix="/v1", tags=["children"], route_class=StrictRoute)
EXAMPLE = {
    "child": {"name": "示例乙（化名）", "sex": "male", "birth_date": "2018-09-01", "residence": "示例村12号"},
    "family": [{"name": "示例父（化名）", "relation": "父", "facts": {"relation": "father", "whereabouts": "away_for_work"}}],
    "found": "left_behind", "grade": "medium", "evidence": "入户排查",
}  # fmt: skip


class NewChild(Form):
    """A child with the family, as it was found."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    child: ReportedChild
    family: list[FamilyMember] = Field(default_factory=list, max_length=50)
    household: HouseholdFacts = HouseholdFacts()
    found: Found
    grade: Grade = Field(
        description="By which it will be watched; the answer says what the scale of the rules proposes."
    )
    school_class: Text = Field("", description="Entered beside the registration, as a change of its own.")
    evidence: LongText = ""
    note: LongText = ""


class Registered(Form):
    """The child has a file; it is watched once the registration is verified."""

    child_id: str
    version: int
    change: int
    waits_for: str | None
    due_at: datetime | None
    means_change: int | None = Field(
        description="The change that carries the means of the family on their longer path."
    )
    proposed: Grade | None = Field(description="What the scale of the rules would say.")
    replayed: bool


@router.post("/children", status_code=201, operation_id="register_child", responses={201: {"headers": ETAG}})
async def register_child(
    given: NewChild, conn: Conn, who: Who, shouhu: Shouhu, response: Response, idempotency_key: Key = None
) -> Registered:
    """建档登记: entered by the committee or the street, verified by the street; the means of the family go on to the district.

    A school enters a pupil whom its screening has found, with `residence_division`; the street where the child lives verifies it.
    """
    if not may_register(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    await open_door(conn)
    now, division = shouhu.ledger.clock(), await _street(conn, who, given.child)
    child = given.child.model_copy(update={"child_id": _id_for(who, idempotency_key), "residence_division": division})
    facts = facts_of(_as_submission(given, child), [child], now)
    facts = facts.model_copy(update={"reported_at": None, "children": tuple(map(without_offence, facts.children))})
    command = EnterChange(
        by=who, child_id=child.child_id, division=division, field=FileField.REGISTRATION, seen=0, note=given.note,
        registration=Registration(found=given.found, grade=given.grade),
        content={
            "facts": facts.model_dump(mode="json"), "evidence": given.evidence,
            "family": [member.model_dump(mode="json", exclude_none=True) for member in given.family],
        },
    )  # fmt: skip
    done = last = await perform(conn, shouhu, command, child.child_id, None, response, idempotency_key, None)
    if not done.replayed:
        of = marked_as(vault_of(conn), child, [member.phone for member in given.family])
        row = await sealed_row(conn, tables.children, child_row(None, child, now, division, of))
        await conn.execute(insert(tables.children), row)
    means = None
    for field, value in _beside(given).items():
        once = f"{idempotency_key}/{field.value}" if idempotency_key else None
        entered = EnterChange(
            by=who, child_id=child.child_id, division=division, field=field, content={"value": value, "evidence": given.evidence}
        )  # fmt: skip
        last = await perform(conn, shouhu, entered, child.child_id, None, response, once, None)
        means = last.change if field is FileField.MEANS else means
    answer = Registered(**done.model_dump(exclude={"version"}), version=last.version, means_change=means, proposed=None)
    if registers_pupils(who) and not done.replayed:  # the street that the school itself has named
        answer = answer.model_copy(update={"waits_for": desk_of(Agency.STREET, division)})
    if done.replayed and registers_pupils(who):  # what has become of it since is the street's: a school sees no file
        return answer.model_copy(update={"waits_for": None, "due_at": None})
    (record,) = await records_of(conn, [child.child_id], false())
    found = found_of(await rules_of(conn, shouhu), record, day_of(now))
    return answer.model_copy(update={"proposed": found.grade.grade if found else None})


class AlikeFile(Form):
    """A file in the caller's sight that may be about a child before it is registered; masked."""

    child_id: str
    score: float
    reasons: list[Reason]
    name: str
    birth_date: str
    verified: bool = Field(description="Whether its registration was verified, or a report stands behind it.")


@router.post("/children/alike", operation_id="alike_children")
async def alike_children(
    given: NewChild, conn: Conn, who: Who, shouhu: Shouhu, idempotency_key: Key = None
) -> list[AlikeFile]:
    """疑似重复: files like the child that is about to be registered, those among them that wait to be verified too; nothing is stored.
    With the key under which it will be registered, what that has registered already is no double. A number that is none of theirs
    counts as a search that found nobody."""
    if not may_register(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    found = () if registers_pupils(who) else await _alike_to(conn, who, given, idempotency_key)
    ids = [one.child_id for one in found]
    await audit_read(conn, who, "alike_children", None, ["name", "birth_date", "id_no", "family"], children=ids)
    gave = patience.numbers_given(given.child.id_no, given.child.phone, *(one.phone for one in given.family))
    if not registers_pupils(who):
        await patience.compared(conn, who, shouhu, gave, [one.told for one in found])
    return await masked_of(conn, found)


async def _alike_to(conn: Conn, who: Who, given: NewChild, key: str | None) -> Sequence[Alike]:
    """Not for a school, for whether somebody has a file is not its to learn: the street is told as it verifies."""
    await open_door(conn)
    sought = _sought(given, divisions(who)[0], _id_for(who, key))
    return await alike(conn, sought, among=sighted(who), unverified=True)


async def masked_of(conn: Conn, found: Sequence[Alike]) -> list[AlikeFile]:
    """As they are told to whoever compares."""
    records = {
        record.child_id: record
        for record in await records_of(conn, [one.child_id for one in found], false(), whole=False)
    }
    return [
        AlikeFile(
            child_id=one.child_id, score=one.told.score, reasons=list(one.told.reasons),
            name=mask_name(_said(record, FileField.NAME)), birth_date=mask_birth_date(_said(record, FileField.BIRTH_DATE)),
            verified=record.watch is not None or record.case_id is not None,
        )
        for one in found if (record := records.get(one.child_id))
    ]  # fmt: skip


def _said(record: ChildRecord, field: FileField) -> str:
    entry = record.entry(field)
    return str(entry.value) if entry else ""


def _sought(given: NewChild, division: str, child_id: str) -> Sought:
    child, name = given.child, clean_name(given.child.name or "")
    guardians = [key for one in given.family if one.name for key in sound_keys(clean_name(one.name))]
    return Sought(
        child_id=child_id, name=name, sounds=sound_keys(name), birth_date=child.birth_date, sex=child.sex.value if child.sex else None,
        id_no=child.id_no or "", phones=tuple(normal_phones(child.phone or "", *(one.phone or "" for one in given.family))),
        guardians=tuple(guardians), division=division, school=child.school or "",
    )  # fmt: skip


async def _street(conn: Conn, who: Actor, child: ReportedChild) -> str:
    """Where the child is registered: in the caller's street, and by a school where the child lives. Raises Refused."""
    if not registers_pupils(who):
        return divisions(who)[0]
    division = tables.divisions.c
    known = select(division.code).where(division.code == child.residence_division, division.kind != "district")
    if (street := await conn.scalar(known.where(division.valid_to.is_(None)))) is None:
        raise Refused(RefusalCode.STREET_NEEDED)
    return street


def _beside(given: NewChild) -> dict[FileField, Any]:
    """What a registration has no place for, as changes of their own."""
    means = Means.model_validate({name: getattr(given.household, name) for name in MEANS})
    said = {
        FileField.MEANS: means.model_dump(mode="json", exclude_defaults=True),
        FileField.SCHOOL_CLASS: given.school_class,
    }
    return {field: value for field, value in said.items() if value}


def _id_for(who: Actor, key: str | None) -> str:
    """The same key of the same person means the same child."""
    return f"ch-{hashlib.sha256(f'{who.person_id}/{key}'.encode()).hexdigest()[:32] if key else uuid.uuid4().hex}"


def _as_submission(given: NewChild, child: ReportedChild) -> Submission:
    """The rules read a registration as they read a report of the committee."""
    reporter = Reporter.model_validate({"class": ReporterClass.COMMITTEE})
    return Submission(reporter=reporter, children=[child], family=given.family, household=given.household)
