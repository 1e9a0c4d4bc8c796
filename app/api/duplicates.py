"""Two files about one child: a person says so and another verifies it; parted again, everything stands as before."""

from datetime import datetime
from enum import StrEnum

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select, true

from app.api import patience
from app.api.answers import ETAG
from app.api.child_changes import FileAnswer, perform
from app.api.children import in_sight, rules_of, sighted
from app.api.context import Conn, Shouhu, Who, audit_read
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.registration import AlikeFile, masked_of
from app.api.strict import StrictRoute
from app.api.work import IfMatch, Key
from app.db import tables
from app.db.alike import (
    alike_files,
    has_absorbed,
    known_of,
    marks_of_known,
    on_file,
    seldom,
    told,
    unsealed,
    waits_to_be_verified,
)
from app.db.child_records import division_of, records_of
from app.db.doubles import compared, doubles_of, find_different, is_told
from app.domain.access import Actor
from app.domain.child_terms import FileField, Section
from app.domain.compartment import TOLD_PLACE
from app.domain.duplicates import as_told, compare
from app.domain.file_sight import may_compare
from app.domain.file_work import EnterChange
from app.domain.matching import Reason
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Grade
from app.domain.typed import LongText
from app.domain.watch import Watch
from app.router import Router

router = Router(prefix="/v1", tags=["children"], route_class=StrictRoute)


class Decision(StrEnum):
    """What a person found: one child, another child, or that what was joined has to be parted."""

    SAME = "same"
    DIFFERENT = "different"
    APART = "apart"


class Decided(BaseModel):
    """Which other child, and what was found."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"other": "ch-9a8b7c6d", "decision": "same", "evidence": "两份档案户口簿一致"}},
    )

    other: str = Field(max_length=80)
    decision: Decision
    evidence: LongText = ""
    note: LongText = ""


class FilesAlike(BaseModel):
    """Two files that may be about one child."""

    one: str
    other: str
    score: float = Field(description="How probable it is, as far as the weights go.")
    found_at: datetime


class FilesLike(BaseModel):
    """Files that may be about one child."""

    files: list[AlikeFile]
    district_compares: bool = Field(
        description="There may be another in a street that the caller does not see: the district compares them."
    )


class FilesCompared(BaseModel):
    """Why two files may be about one child, as both stand now."""

    one: str
    other: str
    score: float
    suggested: bool
    reasons: list[Reason]


class DuplicateAnswer(FileAnswer):
    """The file that is kept after a decision; what has to be verified waits at a desk."""

    decision: Decision


@router.get("/duplicates", operation_id="duplicates")
async def duplicates(
    conn: Conn, who: Who, shouhu: Shouhu, cursor: Cursor = None, limit: Limit = 50
) -> Page[FilesAlike]:
    """疑似重复档案: pairs of which the caller sees both children, the likeliest first, with those whose registration waits to be verified;
    what somebody found different is not among them. For bodies that are told of families; on record, for a pair says how alike they are."""
    _require_may(who)
    if not {Section.FAMILY, Section.RESIDENCE} <= {*await _sections(conn, who, shouhu)}:
        return Page(items=[], next=None)
    pair, child = alike_files.c, tables.children.c
    mine = select(child.id).where(sighted(who), on_file(), unsealed())
    query = select(alike_files).where(pair.one.in_(mine), pair.other.in_(mine))
    page = await page_of(
        conn, who, query, FilesAlike, (pair.score, pair.one, pair.other), cursor=cursor, limit=limit, newest_first=True
    )
    if children := {child for row in page.items for child in (row.one, row.other)}:
        await audit_read(conn, who, "duplicates", None, ["score"], children=sorted(children))
    return page


@router.get("/children/{child_id}/duplicates", operation_id="files_like")
async def files_like(child_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> FilesLike:
    """核实前查重: files in the caller's sight that may be about this very child as they stand now, masked; on record, for it says what
    they have in common."""
    _require_may(who)
    one = await in_sight(conn, who, child_id, to_act=True)
    found = await doubles_of(conn, one, sighted(who), await _sections(conn, who, shouhu))
    ids = [other.child_id for other in found.here]
    fields = ["name", "birth_date", "id_no", "family"]
    await audit_read(conn, who, "compare_children", f"file-{one}", fields, children=[one, *ids])
    gave = patience.numbers_given_by(who, *await records_of(conn, [one], true()))
    await patience.compared(conn, who, shouhu, gave, [other.told for other in (*found.here, *found.elsewhere)])
    elsewhere = await is_told(conn, who, [other.child_id for other in found.elsewhere])
    return FilesLike(files=await masked_of(conn, found.here), district_compares=elsewhere)


@router.get("/children/{child_id}/duplicates/{other}", operation_id="compare_children")
async def compare_children(child_id: str, other: str, conn: Conn, who: Who, shouhu: Shouhu) -> FilesCompared:
    """The reasons for and against, weighed, of what the caller's body is told of both; on record, for it says what two files have in
    common. A number that the caller entered and that is none of the other's counts as a search that found nobody."""
    _require_may(who)
    sections = await _sections(conn, who, shouhu)
    one, second = await in_sight(conn, who, child_id), await in_sight(conn, who, other, to_act=True)
    await audit_read(
        conn, who, "compare_children", f"file-{one}", ["name", "birth_date", "id_no", "family"], children=[one, second]
    )
    records = {record.child_id: record for record in await records_of(conn, [one, second], true())}
    if len(records) != 2:
        raise Refused(RefusalCode.SAME_CHILD)
    known, known_other = (as_told(known_of(records[child]), sections) for child in (one, second))
    rare = known.model_copy(update={"rarity": await seldom(conn, marks_of_known(conn, known).sounds)})
    found = told(known, known_other)
    await patience.compared(conn, who, shouhu, patience.numbers_given_by(who, *records.values()), [found])
    suggested = compare(rare, known_other).suggest
    return FilesCompared(one=one, other=second, score=found.score, suggested=suggested, reasons=list(found.reasons))


async def _sections(conn: Conn, who: Actor, shouhu: Shouhu) -> tuple[Section, ...]:
    """Of what its body sees; whom it may be kept back from where a child lives is told of no street or phone that two have in common."""
    seen = (await rules_of(conn, shouhu)).file.seen_by(who.agency)
    return seen if who.agency in TOLD_PLACE else tuple(one for one in seen if one is not Section.RESIDENCE)


def _require_may(who: Actor) -> None:
    if not may_compare(who):
        raise Refused(RefusalCode.NOT_ALLOWED)


@router.post("/children/{child_id}/duplicates", operation_id="decide_duplicate", responses={200: {"headers": ETAG}})
async def decide_duplicate(
    child_id: str, decided: Decided, conn: Conn, who: Who, shouhu: Shouhu, response: Response,
    idempotency_key: Key = None, if_match: IfMatch = None,
) -> DuplicateAnswer:  # fmt: skip
    """同一儿童与否: one child is joined, or parted, once a second person has verified it; another child is never suggested again."""
    _require_may(who)
    apart = decided.decision is Decision.APART
    other = decided.other if apart else await in_sight(conn, who, decided.other)
    one = await in_sight(conn, who, child_id, to_act=True)
    await _require_open(conn, one, *(() if apart else (other,)))  # of a child out of sight nothing is told
    if decided.decision is Decision.DIFFERENT:
        return await _different(conn, shouhu, who, one, other, decided, response, idempotency_key)
    kept, joined = (one, other) if apart else await _in_order(conn, one, other)
    field = FileField.PARTED if apart else FileField.SAME_AS
    command = EnterChange(
        by=who, child_id=kept, division=await division_of(conn, kept), field=field, other=joined, note=decided.note,
        content={"evidence": decided.evidence},
    )  # fmt: skip
    done = await perform(conn, shouhu, command, kept, None, response, idempotency_key, if_match)
    if not apart:  # after the file, as all others lock them
        await compared(conn, shouhu.ledger, one, who, other)
    return DuplicateAnswer(**done.model_dump(), decision=decided.decision)


async def _different(
    conn: Conn, shouhu: Shouhu, who: Who, one: str, other: str, decided: Decided, response: Response, key: str | None
) -> DuplicateAnswer:
    """Written in both files, so that neither suggests the other."""
    if one == other:
        raise Refused(RefusalCode.SAME_CHILD)
    done = (await find_different(conn, shouhu.ledger, who, one, other, decided.note, key))[one]
    response.headers["ETag"] = f'"{done.version}"'
    return DuplicateAnswer(
        child_id=one, version=done.version, change=done.version, waits_for=None, due_at=None, replayed=done.replayed,
        decision=decided.decision,
    )  # fmt: skip


async def _in_order(conn: Conn, one: str, other: str) -> tuple[str, str]:
    """The file that is kept, then the one that joins it: what others were joined to first, then the stricter watch, then any watch, then
    whoever was verified, then the older child. Of two that others were joined to, those of one are parted first."""
    child, watch = tables.children.c, tables.watches
    of = (
        child.id,
        child.filed_at,
        watch.c.progress,
        waits_to_be_verified().label("waits"),
        has_absorbed().label("kept"),
    )
    query = select(*of).outerjoin(watch, watch.c.child_id == child.id)
    rows = (await conn.execute(query.where(child.id.in_((one, other))))).all()
    if len(rows) != 2:
        raise Refused(RefusalCode.SAME_CHILD)
    grades = {None: len(Grade), **{grade: n for n, grade in enumerate(Grade)}}
    watches = {row.id: Watch.model_validate(row.progress) if row.progress else None for row in rows}
    open_grade = {child: found.grade if found and found.is_open else None for child, found in watches.items()}
    first, second = sorted(
        rows, key=lambda row: (not row.kept, grades[open_grade[row.id]], row.waits, row.filed_at, row.id)
    )
    if second.kept:
        raise Refused(RefusalCode.ALREADY_MERGED)
    return first.id, second.id


async def _require_open(conn: Conn, *children: str) -> None:
    """What a sealed case says of a child is joined with nothing."""
    child, case = tables.children.c, tables.cases.c
    inside = func.coalesce(func.jsonb_array_length(case.progress["sealed_for"]), 0)
    sealed = select(case.id).join(tables.children, child.case_id == case.id).where(child.id.in_(children), inside > 0)
    if (await conn.execute(sealed)).first():
        raise Refused(RefusalCode.CASE_SEALED)
