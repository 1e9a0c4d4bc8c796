"""The rules by version: proposed by one officer, approved by another; compared and tried on past cases before they hold."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from typing import Annotated, Any, cast

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import Conn, Shouhu, Who, numbers_of, require, visible
from app.api.strict import StrictRoute
from app.db.past import past_reports
from app.db.service import Service
from app.db.versions import version_rows
from app.domain.access import Action
from app.domain.policy import Policy
from app.domain.terms import Agency
from app.domain.working_time import BEIJING
from app.policy.case_file import WrittenCase, facts_of_file
from app.policy.coverage import covered
from app.policy.diff import Change, sentence
from app.policy.dry_run import Otherwise, dry_run
from app.policy.examples import with_facts
from app.policy.explanation import Explained, in_full
from app.policy.loader import load
from app.policy.otherwise_words import otherwise_in_words
from app.policy.pack import Pack
from app.policy.rehearsal import Course, NoSuchOutcome, rehearse
from app.policy.simulation import simulate
from app.policy.words import Words
from app.publishing import Neighbours, approve, compared, files_of, neighbours, propose
from app.router import Router

router = Router(prefix="/v1/policy", tags=["policy"], route_class=StrictRoute)
OTHER = Query(description="The version to compare with.", max_length=60)
Against = Annotated[str, OTHER]


class Proposal(BaseModel):
    """A whole pack: the text of each of its files by name."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"files": {"triage.yaml": "name: fengtai-2027.1\n…"}}}
    )

    files: dict[str, str] = Field(max_length=20)


class VersionRow(BaseModel):
    """A version and its two persons."""

    version: str
    title: str
    effective_from: date
    proposed_by: str
    proposed_behalf: str | None = Field(None, description="In whose seat, where a deputy did it.")
    proposed_at: datetime
    approved_by: str | None
    approved_behalf: str | None = None
    approved_at: datetime | None


class ChangeRow(BaseModel):
    """A row of the pack that differs."""

    kind: str
    table: str
    row: str
    field: str
    before: Any
    after: Any
    said_zh: str = Field("", description="In words, where an agency would be told more (`wider`) or less (`narrower`).")
    said_en: str = Field("", examples=["Civil Affairs would now also see: of the children: telephone"])


class ComparedVersions(BaseModel):
    """What a version says differently from another, row by row, and its digest."""

    version: str
    against: str
    digest: str = Field(
        description="Names this comparison; an approval names the one with the version that it will replace, and with `later`.",
        examples=["9f0c2f4be1d07a5d3c6e8a1b2f4d6c8e0a1b3c5d"],
    )
    changes: list[ChangeRow]
    later: str | None = Field(
        None,
        description="The version that is approved to replace this one on a later day, where it is compared as for an approval.",
    )
    undone: list[ChangeRow] = Field([], description="What `later` says differently from this one.")


class Approval(BaseModel):
    """What the second person has read."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"comparison": "9f0c2f4be1d07a5d3c6e8a1b2f4d6c8e0a1b3c5d"}}
    )

    comparison: str = Field(
        pattern="^[0-9a-f]{40}$",
        description="The digest of its comparison with the version that it will replace (`/changes`).",
    )


class CoverRow(BaseModel):
    """A row of the notice and what answers for it: rows of this version, and what the product does beside them."""

    row: str = Field(examples=["R065"])
    clause: str = Field(examples=["三(二)2"])
    text: str
    pack: list[str] = Field(description="Rows of this version that rest on it, each by its table and name.")
    beside: str = Field(description="What realises it outside of the rules; empty where nothing does.")
    is_answered: bool


class OtherwiseRow(BaseModel):
    """A past case that would have gone otherwise, and in what: in codes, and in words."""

    case_id: str
    case_no: str = Field(examples=["WB-2026-000123"])
    what: str
    before: Any
    after: Any
    child_id: str | None = Field(description="Of one child of the case, else null.")
    what_zh: str
    what_en: str = Field(examples=["told to Civil Affairs, prepare a place of temporary protection: of the children"])
    before_zh: str
    before_en: str
    after_zh: str
    after_en: str


class Tried(BaseModel):
    """How many of the newest reports were tried, and all differences."""

    cases: int
    otherwise: list[OtherwiseRow]


class Question(BaseModel):
    """A case file in the form of the worked cases, and the version that is asked; without one, the rules of today."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"case": {"reporter": {"type": "学校"}, "children": [{}]}}}
    )

    case: WrittenCase
    version: str | None = Field(default=None, max_length=60)


class Rehearsal(Question):
    """The same, and who never answers."""

    silent: tuple[Agency, ...] = ()
    outcomes: tuple[Annotated[str, Field(max_length=120)], ...] = Field(
        default=(), max_length=50, description="How steps end instead of as usual, each as `procedure.step=outcome`."
    )


class Answered(BaseModel):
    """The codes of the worked cases; further fields grow with the pack."""

    model_config = ConfigDict(extra="allow")

    policy: str
    triggers: list[str]
    urgency: str


@router.post("/simulations", operation_id="simulate_case")
async def simulate_case(body: Question, conn: Conn, who: Who, shouhu: Shouhu) -> Answered:
    """What the rules answer to a case file; nothing is stored, and no case is touched."""
    rules = await _asked(conn, shouhu, body.version)
    return Answered.model_validate(simulate(_checked(body), Pack(rules.version, rules.file)))


@router.post("/rehearsals", operation_id="rehearse_case")
async def rehearse_case(body: Rehearsal, conn: Conn, who: Who, shouhu: Shouhu) -> Course:
    """The whole course of a case file in virtual time; nothing is stored."""
    rules = await _asked(conn, shouhu, body.version)
    facts = facts_of_file(with_facts(_checked(body)))
    starts_at = facts.reported_at or shouhu.ledger.clock()
    try:
        return rehearse(cast(Policy, rules), facts, starts_at, body.silent, body.outcomes)
    except NoSuchOutcome as wrong:
        said = {"type": "value_error", "loc": ("body", "outcomes"), "msg": str(wrong), "input": None}
        raise RequestValidationError([said]) from None


async def _asked(conn: AsyncConnection, shouhu: Service, version: str | None) -> Pack:
    """A version, proposed ones too, with the calendar in force."""
    today = await _in_force(conn, shouhu)
    return today if version is None else replace(await _pack(conn, version), calendar=today.calendar)


async def _in_force(conn: AsyncConnection, shouhu: Service) -> Pack:
    """The version that new cases follow today."""
    return cast(Pack, await shouhu.ledger.current(conn, shouhu.ledger.clock()))


async def _pack(conn: AsyncConnection, version: str) -> Pack:
    """A version as it was proposed, published or ships; what is older than a table is read as `app.policy.older` says."""
    return load(version, await files_of(conn, version))


def _checked(body: Question) -> dict[str, Any]:
    """The file as it was sent; facts that are none are the caller's to mend."""
    case = body.case.model_dump(mode="json", exclude_unset=True)
    try:
        facts_of_file(with_facts(case))
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("body", "case", "facts", *one["loc"])} for one in error.errors()]
        ) from None
    return case


@router.get("/versions", operation_id="policy_versions")
async def policy_versions(conn: Conn, who: Who) -> list[VersionRow]:
    """All versions that were proposed, the last to take effect first; rules are no secret among staff."""
    return [VersionRow.model_validate(row) for row in await version_rows(conn)]


@router.post("/versions", status_code=201, operation_id="propose_policy")
async def propose_policy(body: Proposal, conn: Conn, who: Who, shouhu: Shouhu) -> VersionRow:
    """The first person's step: the pack is checked as a whole, and every fault is named with its place."""
    return VersionRow.model_validate(await propose(conn, who, body.files, shouhu.ledger.clock()))


@router.post("/versions/{version}/approval", operation_id="approve_policy")
async def approve_policy(version: str, body: Approval, conn: Conn, who: Who, shouhu: Shouhu) -> VersionRow:
    """The second person's step: from its day on new cases follow it. Names the comparison that the person has read, with the
    version that it will replace, the last that is approved for its day, and with the next that is approved for a day after; 409
    `comparison_stale` where either is another by now."""
    now = shouhu.ledger.clock()
    return VersionRow.model_validate(await approve(conn, shouhu.ledger, who, version, now, read=body.comparison))


@router.get("/versions/{version}/rows", operation_id="policy_rows")
async def policy_rows(version: str, conn: Conn, who: Who) -> list[Explained]:
    """A version as people read it: each row with its condition in words and the clauses that it rests on."""
    file = (await _pack(conn, version)).file
    return in_full(file, datetime.combine(file.effective_from, time(), BEIJING))


@router.get("/versions/{version}/coverage", operation_id="policy_coverage")
async def policy_coverage(version: str, conn: Conn, who: Who) -> list[CoverRow]:
    """Each row of the notice with what answers for it in this version; a draft that answers for one less says so before it holds."""
    files = await files_of(conn, version)
    return [
        CoverRow(
            row=one.row, clause=one.clause, text=one.text, pack=list(one.pack), beside=str(one.realised or ""),
            is_answered=bool(one.pack or one.realised),
        )
        for one in await asyncio.to_thread(covered, files, None)
    ]  # fmt: skip


@router.get("/versions/{version}/changes", operation_id="policy_changes")
async def policy_changes(
    version: str, conn: Conn, who: Who, shouhu: Shouhu, against: Annotated[str | None, OTHER] = None
) -> ComparedVersions:  # fmt: skip
    """What this version says differently from another, row by row; without one, from the version that it will replace, as an approval
    asks: then also what a version that is approved for a later day says differently from this one."""
    new = await _pack(conn, version)
    beside = await neighbours(conn, shouhu.ledger, new, shouhu.ledger.clock())
    if against and against != beside.before.version:
        beside = Neighbours(await _pack(conn, against))
    changes, undone, digest = await asyncio.to_thread(compared, new, beside)
    later = beside.later
    return ComparedVersions(
        version=version, against=beside.before.version, digest=digest, changes=_rows(changes, new),
        later=later.version if later else None, undone=_rows(undone, later) if later else [],
    )  # fmt: skip


def _rows(changes: Iterable[Change], after: Pack) -> list[ChangeRow]:
    said = [(change, sentence(change, after.file) or Words("", "")) for change in changes]
    return [ChangeRow(**change._asdict(), said_zh=words.zh, said_en=words.en) for change, words in said]


async def to_replace(version: str, conn: AsyncConnection, shouhu: Service) -> str:
    """The version that this one will replace."""
    return (await neighbours(conn, shouhu.ledger, await _pack(conn, version), shouhu.ledger.clock())).before.version


@router.get("/versions/{version}/dry-run", operation_id="dry_run_policy")
async def dry_run_policy(
    version: str, against: Against, conn: Conn, who: Who, newest: Annotated[int, Query(ge=1, le=10_000)] = 1_000
) -> Tried:
    """Which of the newest cases this version would have taken otherwise; nothing is changed, and whose reports are read is on record."""
    require(who, Action.MANAGE_POLICY)
    packs = [await _pack(conn, name) for name in (against, version)]
    cases = await past_reports(conn, who, newest, visible(who))
    found = await asyncio.to_thread(lambda: list(dry_run(packs[0], packs[1], cases)))
    numbers = await numbers_of(conn, who, (one.case_id for one in found))
    rows = [_otherwise(one, numbers[one.case_id], packs) for one in found]
    return Tried(cases=len(cases), otherwise=rows)


def _otherwise(one: Otherwise, case_no: str, packs: Sequence[Pack]) -> OtherwiseRow:
    said = otherwise_in_words(one, packs[0].file, packs[1].file)
    words = {"what": said.what, "before": said.before, "after": said.after}
    told = {f"{name}_{tongue}": getattr(in_both, tongue) for name, in_both in words.items() for tongue in ("zh", "en")}
    return OtherwiseRow(case_no=case_no, child_id=said.child_id, **one._asdict(), **told)
