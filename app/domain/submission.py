"""A report as it comes in at the one door, and what the rules see of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from app.domain import commands as c
from app.domain.facts import ChildFacts, GuardianFacts, HarmBy, HouseholdFacts, Known, ReportFacts
from app.domain.identity import known_name
from app.domain.terms import ReporterClass, ReportKind, Trigger
from app.domain.typed import Form, LongText, Text
from app.domain.working_time import BEIJING, day_of

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
    """Codes of units, desks, agencies or persons whom the report is about, such as a teacher; neither they nor those persons' units see it.
    Where nobody who oversees the district would be left, the procuratorate is not kept out."""
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
    born, today = child.birth_date, day_of(now)
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age if age < 18 else None
