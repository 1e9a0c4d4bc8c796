"""What the API answers, typed; fields that grow with the events of a case are open."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain.determination import ChildFound
from app.domain.entitlement import Held
from app.domain.events import PlannedStep
from app.domain.matching import Reason
from app.domain.medical_costs import Bill
from app.domain.own_part import Beside
from app.domain.procedure import Allowed, Ended
from app.domain.progress import Duty, Progress, Referral
from app.domain.terms import Agency, Branch, Cause, Fault, Grade, Rung, Safety, Stage, Urgency
from app.policy.basis import Citation

ETAG = {"ETag": {"description": "The version, for If-Match.", "schema": {"type": "string", "examples": ['"12"']}}}
"""A header of answers."""


class CaseRow(BaseModel):
    """A case in a list: no child, no reporter."""

    id: str = Field(examples=["case-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11"])
    number: int
    version: int
    stage: Stage
    urgency: Urgency
    branch: Branch | None
    lead: Agency
    division: str = Field(examples=["110106017"])
    rung: Rung | None
    filed_at: datetime
    closed_at: datetime | None
    next_deadline_at: datetime | None
    linked_to: str | None


class ReportRow(BaseModel):
    """A report of the caller's own unit: where it stands and whether it was answered, not who is in it."""

    id: str
    number: int
    stage: Stage
    filed_at: datetime
    is_open: bool
    answered: bool
    answer_due_at: datetime | None = Field(description="While an answer is owed to the unit.")


class ChildSeen(BaseModel):
    """A child of the case, by opaque id."""

    id: str
    safety: Safety | None = Field(None, description="Before those who may know that a child was placed.")


class WhereItStands(Progress):
    """Where a case stands, before those who are shown all of it."""

    whole: Literal[True]
    referrals_open: int


class OwnPart(BaseModel):
    """The same before every other desk: the common header, its own referrals, duties, steps and outcomes, and who else takes part."""

    model_config = ConfigDict(extra="forbid")

    whole: Literal[False]
    case_id: str
    version: int
    policy: str
    filed_at: datetime
    division: str
    stage: Stage
    urgency: Urgency
    lead: Agency
    branch: Branch | None = Field(None, description="Where the disclosure list tells it.")
    grade: Grade | None
    plan_adopted: bool
    linked_to: str | None
    closed_at: datetime | None
    children: list[ChildSeen]
    referrals: list[Referral]
    referrals_open: int = Field(description="Of these.")
    duties: list[Duty]
    steps: list[PlannedStep]
    benefits: list[Held]
    bills: list[Bill] = Field(description="Before those who pay, insure or treat.")
    outcomes: list[Ended]
    rung: Rung | None = Field(description="The highest of its own ladders.")
    beside: list[Beside] = Field(
        description="Other agencies that take part, where that tells nothing that a compartment keeps."
    )


class CaseFile(BaseModel):
    """A case. `content` stands only before those who may read it, `reporter` only before intake and supervisors."""

    model_config = ConfigDict(extra="forbid")

    id: str
    case_no: str = Field(examples=["WB-2026-000123"], description="The number as people say it.")
    version: int = Field(description="Also the ETag.")
    progress: WhereItStands | OwnPart = Field(
        description="The fold of the events: referrals, duties, children by id, link, closure; `whole` says whether it is all of it."
    )
    planned: list[PlannedStep]
    closing_obstacles: list[str] | None = Field(
        description="What stands against closing it; null where it is not told."
    )
    content: dict[str, Any] | None = None
    found: list[ChildFound] | None = Field(
        None, description="What the rules propose for each child, before those who adopt the plan."
    )
    sources: list[Citation] | None = Field(None, description="The clauses that `found` rests on.")
    reporter: dict[str, Any] | None = None


class TimelineEntry(BaseModel):
    """One event: further fields are those of its kind, such as `planned_at` and `recipients` of a rung."""

    model_config = ConfigDict(extra="allow")

    version: int
    kind: str = Field(examples=["referral_accepted"])
    title_zh: str = Field(examples=["受理"])
    title_en: str = Field(examples=["accepted"])
    at: datetime
    by: str = Field(examples=["police.officer.1"])
    behalf: str | None = Field(None, description="The absent person, when a deputy acted.")
    due_at: datetime | None
    note: str | None = None


class Suggestion(BaseModel):
    """Another report that may be about the same child."""

    other_id: str
    score: float
    reasons: list[Reason]
    state: str = Field(examples=["open"])


class TaskRow(BaseModel):
    """What a desk owes: a referral or a duty."""

    case_id: str
    subject: str
    kind: str
    task: str
    agency: Agency
    desk: str
    stage: Stage
    step: int
    basis: list[str]
    urgency: Urgency
    division: str
    state: str
    is_open: bool
    holder: str | None
    opened_at: datetime
    accepted_at: datetime | None
    due_at: datetime | None
    next_rung_at: datetime | None
    rung: Rung | None
    next_rung: Rung | None
    paused: bool
    provisional: bool
    delivery: str
    urged: int
    ended_at: datetime | None
    outcomes: list[Allowed] = Field(
        [], description="Of a step of a procedure: how it may end, with the fields that each end needs."
    )


class NamedTask(TaskRow):
    """The same with its name, and with the number of its case as people say it."""

    title_zh: str = Field(examples=["责令送回或委托照护"])
    title_en: str
    case_no: str = Field(examples=["WB-2026-000123"])


class TasksLeft(BaseModel):
    """By value of each filter: how many tasks of the view it leaves, beside the other filters that are set."""

    stage: dict[Stage, int]
    urgency: dict[Urgency, int]
    due: dict[Literal["overdue", "soon", "today", "week"], int]
    is_whole: bool = Field(
        description="False where the view is so long that only its first 500 tasks were looked through."
    )


class CauseCount(BaseModel):
    """How many tasks stall because of one cause."""

    cause: Cause
    tasks: int = Field(description="Counted up to 100.")


class TaskCounts(BaseModel):
    """How many wait in each view; no further than 100, which means 100 or more."""

    mine: int
    claimable: int
    desk: int
    overdue: int = Field(description="Of the whole desk.")
    notices: int = Field(description="Unread.")
    left: TasksLeft


class StalledRow(NamedTask):
    """Where a child waits, why, and for how many seconds in this step."""

    cause: Cause
    age: float


class Rate(BaseModel):
    """Of the deadlines that fell due, those met in time; one of the three names is set."""

    agency: Agency | None = None
    stage: Stage | None = None
    urgency: Urgency | None = None
    due: int
    on_time: int
    rate: float = Field(examples=[0.9167])


class FindingRow(BaseModel):
    """Something that is not as it must be with an open case, or with the watch after it; `repaired` if the service mended it."""

    id: int
    stream_id: str = Field(description="The case, or the watch of one of its children.")
    case_id: str
    problem: Fault
    repaired: bool
    found_at: datetime
    ended_at: datetime | None


class Notice(BaseModel):
    """Something a person was told."""

    id: int
    person_id: str
    case_id: str
    version: int
    kind: str
    title_zh: str = Field(examples=["催办"])
    title_en: str
    case_no: str | None = Field(None, examples=["WB-2026-000123"], description="Where it is about a case in sight.")
    subject: str
    rung: Rung | None
    at: datetime
    read_at: datetime | None


class AgencyRow(BaseModel):
    """An agency, with the names it had."""

    code: Agency
    name_zh: str
    name_en: str
    aliases: list[str]


class CalendarDay(BaseModel):
    """An exception to the week."""

    day: date
    kind: str
    name: str
    source: str
    confirmed: bool


class Year(BaseModel):
    """The exceptions of a year; deadlines beyond `confirmed_until` are provisional."""

    confirmed_until: date
    days: list[CalendarDay]


class Confirmed(BaseModel):
    """The new calendar, and how many cases have a deadline that it moved."""

    calendar_version: int
    cases_moved: int
    watches_moved: int
