"""The one door: a submission becomes a case, its content and its receipt, once, in one transaction."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import ColumnElement, CompoundSelect, Select, bindparam, func, select, text, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.ledger import KeyReused, Ledger
from app.db.marks import Marks, marks_of
from app.db.people import units_of
from app.db.receipts import Receipts
from app.db.vault import Vault, opened, vault_of
from app.db.walls import open_door
from app.domain import commands as c
from app.domain.access import Actor
from app.domain.compartment import tells_offence, without_offence
from app.domain.facts import BEIJING, ChildFacts, GuardianFacts, HarmBy, HouseholdFacts, Known, ReportFacts
from app.domain.identity import clean_name, id_findings, known_name, normal_id
from app.domain.masking import EARLIER
from app.domain.matching import Candidate, Match, score
from app.domain.terms import ReporterClass, ReportKind, Trigger

LOOK_BACK = timedelta(days=30)
MOST_CANDIDATES = 50
EARLIEST, LATEST = 1900, 9999
CHILD_CONTENT = (
    "name",
    "birth_date",
    "birth_text",
    "id_no",
    "phone",
    "hukou",
    "residence",
    "residence_division",
    "school",
    "features",
)

EXAMPLE = {
    "kind": "concern",
    "reporter": {"class": "school", "org": "示例小学（化名）", "name": "示例老师（化名）", "phone": "010-00001234"},
    "children": [
        {
            "name": "示例甲（化名）",
            "sex": "female",
            "birth_text": "约八岁",
            "residence_division": "110106017",
            "alone_now": "yes",
        }
    ],
    "family": [{"relation": "母", "facts": {"relation": "mother", "whereabouts": "missing", "reachable": "no"}}],
    "situations": ["unguarded"],
    "narrative": "连续三天无人接送，电话无人接听。",
}


class InFlight(Exception):
    """The same submission is being received right now."""


def _can_be_kept(value: object) -> object:
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("含有无法保存的空字符 · a NUL character cannot be kept")
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("含有不完整的字符 · half a character cannot be kept")
    return value


Text = Annotated[str, BeforeValidator(_can_be_kept), Field(max_length=500)]
LongText = Annotated[str, BeforeValidator(_can_be_kept), Field(max_length=20_000)]


class Form(BaseModel):
    """A part of the form; a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid")


class Reporter(Form):
    """Who reports."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    reporter_class: ReporterClass = Field(ReporterClass.PUBLIC, alias="class")
    org: Text | None = None
    name: Text | None = None
    phone: Text | None = None


class ReportedChild(ChildFacts):
    """A child as the reporter knows it: nothing need be known."""

    child_id: str = ""
    name: Text | None = None
    birth_date: date | None = None
    birth_text: Text | None = None
    id_no: Text | None = None
    phone: Text | None = None
    hukou: Text | None = None
    residence: Text | None = None
    residence_division: str | None = Field(default=None, pattern=r"^(\d{9}|110106)$")
    school: Text | None = None
    features: Text | None = None


class FamilyMember(Form):
    """A parent or carer."""

    name: Text | None = None
    relation: Text | None = None
    birth_date: date | None = None
    id_no: Text | None = None
    phone: Text | None = None
    note: Text | None = None
    facts: GuardianFacts = GuardianFacts()


class Submission(Form):
    """A report. Only a child has to stand in it, and the child may be wholly unknown.

    An inquiry of the police into a detained person's children is kept as well when there is none.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE, {"children": [{}]}]})

    kind: ReportKind = ReportKind.CONCERN
    reporter: Reporter = Reporter.model_validate({})
    children: list[ReportedChild] = Field(max_length=50)
    family: list[FamilyMember] = Field(default_factory=list, max_length=50)
    situations: tuple[Trigger, ...] = ()
    nine_situations: tuple[Annotated[int, Field(ge=1, le=9)], ...] = ()
    harm_by: tuple[HarmBy, ...] = ()
    organised_exploitation: Known = Known.UNKNOWN
    household: HouseholdFacts = HouseholdFacts()
    narrative: LongText = ""
    about: tuple[c.Concerned, ...] = Field(default=(), max_length=20)
    """Codes of units, desks, agencies or persons whom the report is about, such as a teacher; neither they nor those persons' units see it."""
    reported_at: datetime | None = None
    """When the reporter turned to the door, if that was before the entry; shown, never a start of a clock."""
    happened_on: date | None = None
    """The day of the event, as far as it is known."""
    files: tuple[c.FileId, ...] = Field(default=(), max_length=10)
    """Ids of uploads by whoever reports."""

    @field_validator("children")
    @classmethod
    def _no_child_twice(cls, children: list[ReportedChild], given: ValidationInfo) -> list[ReportedChild]:
        if not children and given.data.get("kind") is not ReportKind.DETENTION_INQUIRY:
            raise ValueError("至少填写一名儿童，可以全部留空 · at least one child, of whom nothing need be known")
        known = [
            (known_name(child.name), child.birth_date, child.id_no)
            for child in children
            if child.name and known_name(child.name)
        ]
        if len(set(known)) != len(known):
            raise ValueError("同一儿童在本报告中出现两次 · the same child stands twice in this report")
        if any(child.birth_date and child.birth_date > datetime.now(BEIJING).date() for child in children):
            raise ValueError("出生日期晚于今天 · a birth date lies in the future")
        return children

    @field_validator("reported_at")
    @classmethod
    def _in_living_memory(cls, at: datetime | None) -> datetime | None:
        """An instant without a zone is meant in local time."""
        if at is None:
            return None
        if not EARLIEST <= at.year < LATEST:
            raise ValueError("时间不可能 · this instant is impossible")
        local = at if at.tzinfo else at.replace(tzinfo=BEIJING)
        if local > datetime.now(UTC) + timedelta(days=1):
            raise ValueError("时间晚于现在 · this instant lies in the future")
        return local

    @field_validator("happened_on")
    @classmethod
    def _has_happened(cls, day: date | None) -> date | None:
        if day and not EARLIEST <= day.year <= datetime.now(BEIJING).year:
            raise ValueError("日期不可能 · this day is impossible")
        if day and day > datetime.now(BEIJING).date():
            raise ValueError("日期晚于今天 · this day lies in the future")
        return day


@dataclass(frozen=True)
class Filed:
    """The answer to a submission."""

    case_id: str
    receipt: str
    findings: list[dict[str, Any]]
    replayed: bool = False


async def file(
    conn: AsyncConnection, ledger: Ledger, receipts: Receipts, submission: Submission, actor: Actor, key: str | None,
    watch: str | None = None, *, earlier: Sequence[Mapping[str, Any]] = (),
) -> Filed:  # fmt: skip
    """Raises InFlight, KeyReused, Refused; nothing is half done. `earlier` reported the child before, and are hidden in its texts too."""
    now, unit = ledger.clock(), actor.unit or actor.desk
    vault = vault_of(conn)
    hashed = hashlib.sha256(submission.model_dump_json().encode()).hexdigest() if key else ""
    body_hash = vault.digest(hashed) if key else ""
    await open_door(conn)
    if key and (before := await _submitted(conn, receipts, unit, key, body_hash, submission)):
        return before
    case_id = f"case-{uuid.uuid4().hex}"
    children = [child.model_copy(update={"child_id": f"ch-{uuid.uuid4().hex}"}) for child in submission.children]
    of_family = [member.phone for member in submission.family]
    marked = [marked_as(vault, child, of_family) for child in children]
    candidates = [_candidate(case_id, child, of, now) for child, of in zip(children, marked, strict=True)]
    rules, facts, findings = await ledger.current(conn, now), facts_of(submission, children, now), _findings(children)
    left_out = list[dict[str, Any]]()
    if not rules.sealed_for(facts):
        left_out = _offence_left_out(facts.children)
        matches = await _matches(conn, candidates, marked, now)
        kept = tuple(map(without_offence, facts.children))
        facts = facts.model_copy(update={"children": kept, "possible_duplicate": bool(matches)})
    else:
        matches = {}
    code = receipts.code(case_id)
    reporter = submission.reporter.model_dump(mode="json") | ({EARLIER: list(earlier)} if earlier else {})
    report = {
        "case_id": case_id, "receipt_hash": receipts.hash(code), "filed_by": actor.person_id, "reporter_unit": unit,
        "happened_on": facts.happened_on, "reporter": reporter, "narrative": submission.narrative, "family": submission.family,
        "facts": facts, "findings": findings,
    }  # fmt: skip
    submitted = {"scope": unit, "key": key, "body_hash": body_hash, "case_id": case_id, "at": now}
    content = {
        tables.reports: [report],
        tables.children: [
            child_row(case_id, child, now, facts.division, of) for child, of in zip(children, marked, strict=True)
        ],
        tables.suggestions: [_suggestion(case_id, other, match) for other, match in matches.items()],
        tables.submissions: [submitted] if key else [],
    }
    about = (*submission.about, *(await units_of(conn, submission.about) if submission.about else ()))
    command = c.FileReport(by=actor, facts=facts, unit=unit, watch=watch, about=about, files=submission.files)
    await ledger.file(conn, case_id, command, now=now, content=content, rules=rules)
    return Filed(case_id, code, findings + left_out)


async def _submitted(
    conn: AsyncConnection, receipts: Receipts, scope: str, key: str, body_hash: str, again: Submission
) -> Filed | None:  # fmt: skip
    lock = text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    if not (await conn.execute(lock, {"name": f"{scope}/{key}"})).scalar_one():
        raise InFlight
    table = tables.submissions.c
    scopes = (scope, vault_of(conn).digest(scope))  # the second of what was destroyed
    row = (
        await conn.execute(select(table.case_id, table.body_hash).where(table.scope.in_(scopes), table.key == key))
    ).one_or_none()
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise KeyReused(key)
    report, case = tables.reports.c, tables.cases.c
    stored = select(report.findings, case.progress["sealed_for"].label("sealed_for")).where(
        report.case_id == row.case_id, case.id == report.case_id
    )
    kept = (await conn.execute(stored)).one()
    findings = kept.findings + ([] if kept.sealed_for else _offence_left_out(again.children))
    return Filed(row.case_id, receipts.code(row.case_id), findings, replayed=True)


def facts_of(
    submission: Submission, children: list[ReportedChild], now: datetime, *, possible_duplicate: bool = False
) -> ReportFacts:
    """What the rules see: codes alone."""
    division = next((child.residence_division for child in children if child.residence_division), "110106")
    facts = [
        ChildFacts.model_validate(child.model_dump(exclude=set(CHILD_CONTENT)) | {"age_years": _age(child, now)})
        for child in children
    ]
    return ReportFacts(
        kind=submission.kind, reporter_class=submission.reporter.reporter_class, division=division,
        reported_at=submission.reported_at or now, happened_on=submission.happened_on,
        situations=submission.situations, nine_situations=submission.nine_situations, harm_by=submission.harm_by,
        organised_exploitation=submission.organised_exploitation, children=tuple(facts),
        guardians=tuple(member.facts for member in submission.family), household=submission.household,
    )  # fmt: skip


def _age(child: ReportedChild, now: datetime) -> int | None:
    if child.age_years is not None or child.birth_date is None:
        return child.age_years
    born, today = child.birth_date, now.astimezone(BEIJING).date()
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age if age < 18 else None


def _findings(children: list[ReportedChild]) -> list[dict[str, Any]]:
    found = []
    for n, child in enumerate(children):
        if child.id_no:
            codes = id_findings(child.id_no, child.birth_date, child.sex.value if child.sex else None)
            found += [{"child": n, "field": "id_no", "code": code} for code in codes]
    return found


def _offence_left_out(children: Sequence[ChildFacts]) -> list[dict[str, Any]]:
    """Nothing is refused for it, and the reporter is told where it belongs; kept nowhere, for it says that there was something to leave out."""
    told = ((n, field) for n, child in enumerate(children) for field in tells_offence(child))
    return [{"child": n, "field": field, "code": "kept_in_sealed_cases_only"} for n, field in told]


def marked_as(vault: Vault, child: ReportedChild, of_family: list[str | None]) -> Marks:
    """By what a child is found among others."""
    return marks_of(
        vault, name=child.name or "", born=child.birth_date, id_no=child.id_no, phones=(child.phone, *of_family)
    )


def _candidate(case_id: str, child: ReportedChild, of: Marks, now: datetime) -> Candidate:
    return Candidate(
        case_id=case_id, name=clean_name(child.name or ""), sound_keys=of.sounds, birth_date=child.birth_date,
        sex=child.sex.value if child.sex else None, id_no=normal_id(child.id_no) if child.id_no else None,
        phones=of.phones, division=child.residence_division, school=child.school, reported_at=now,
    )  # fmt: skip


async def _matches(
    conn: AsyncConnection, candidates: list[Candidate], marked: list[Marks], now: datetime
) -> dict[str, Match]:
    """Other open cases that may be about one of these children, the best match of each."""
    best: dict[str, Match] = {}
    for candidate, of in zip(candidates, marked, strict=True):
        for other in await _near(conn, of, now):
            match = score(candidate, other)
            if match.suggest and (other.case_id not in best or match.score > best[other.case_id].score):
                best[other.case_id] = match
    return await _without_sealed(conn, best) if best else best


async def _without_sealed(conn: AsyncConnection, best: dict[str, Match]) -> dict[str, Match]:
    """A sealed case is found by no search, not even by one of the service's own."""
    case = tables.cases.c
    inside = func.coalesce(func.jsonb_array_length(case.progress["sealed_for"]), 0)
    sealed = set((await conn.execute(select(case.id).where(case.id.in_(best), inside > 0))).scalars())
    return {case_id: match for case_id, match in best.items() if case_id not in sealed}


async def _near(conn: AsyncConnection, of: Marks, now: datetime) -> list[Candidate]:
    """Only what the marks have found is opened, and what is spoilt there stops no report.

    Of another child all marks stand for its sounds and phones: kinds never meet.
    """
    if not of.all:
        return []
    wanted = {"same": list(of.number), "alike": [*of.sounds, *of.born, *of.phones], "since": now - LOOK_BACK}
    rows = await opened(conn, (await conn.execute(NEAR, wanted)).mappings(), tables.children, lenient=True)
    return [
        Candidate(
            **{name: value for name, value in row.items() if name not in ("id", "marks")} | {
                "name": clean_name(row["name"] or ""), "sound_keys": tuple(row["marks"]), "phones": tuple(row["marks"]),
            }
        )
        for row in rows
    ]  # fmt: skip


def _near_ones() -> CompoundSelect[*tuple[Any, ...]]:
    """Children of other open cases who share a sound, the birth date or a phone, the newest, and all who share the id number.

    What is unknown matches nobody.
    """
    child, case = tables.children.c, tables.cases

    def sharing(name: str) -> ColumnElement[bool]:
        return child.marks.overlap(bindparam(name, type_=child.marks.type))

    def of_open_case(name: str, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        near = (
            select(child.id, child.case_id, child.name, child.marks, child.birth_date, child.sex, child.id_no,
                   child.division, child.school, child.filed_at.label("reported_at"))
            .where(*conditions)
            .cte(name).prefix_with("MATERIALIZED")  # else a planner without statistics looks at the children of every open case
        )  # fmt: skip
        return select(near).join(case, case.c.id == near.c.case_id).where(case.c.is_open, case.c.linked_to.is_(None))

    newest = of_open_case("alike", sharing("alike"), child.filed_at > bindparam("since"))
    newest = newest.order_by(newest.selected_columns.reported_at.desc()).limit(MOST_CANDIDATES)
    return union(of_open_case("same_id", sharing("same")), newest)


NEAR = _near_ones()


def child_row(case_id: str | None, child: ReportedChild, now: datetime, division: str, of: Marks) -> dict[str, Any]:
    """The content of a child as it was first named; without a case where nobody has reported it."""
    return {
        "id": child.child_id, "case_id": case_id, "name": child.name or "", "sex": child.sex.value if child.sex else None,
        "birth_date": child.birth_date, "birth_text": child.birth_text,
        "id_no": normal_id(child.id_no) if child.id_no else None, "phone": child.phone, "hukou": child.hukou,
        "residence": child.residence, "school": child.school, "features": child.features,
        "division": child.residence_division or division, "marks": of.all, "filed_at": now,
    }  # fmt: skip


def _suggestion(case_id: str, other: str, match: Match) -> dict[str, Any]:
    reasons = [reason.model_dump() for reason in match.reasons]
    return {"case_id": case_id, "other_id": other, "score": match.score, "reasons": reasons, "state": "open"}


async def decide_suggestions(conn: AsyncConnection, case_id: str, command: c.Command) -> None:
    """What a person's decision means for the suggestions of a case: linked, or cleared, also when a link was a mistake."""
    table = tables.suggestions
    of_case = update(table).where(table.c.case_id == case_id)
    match command:
        case c.LinkReport(primary=primary):
            chosen = of_case.where(table.c.other_id == primary)
            await conn.execute(chosen.values(state="linked", decided_by=command.by.person_id))
        case c.ClearDuplicate():
            undecided = of_case.where(table.c.state == "open")
            await conn.execute(undecided.values(state="cleared", decided_by=command.by.person_id))
        case c.UnlinkReport():
            linked = of_case.where(table.c.state == "linked")
            await conn.execute(linked.values(state="cleared", decided_by=command.by.person_id))
        case _:
            pass
