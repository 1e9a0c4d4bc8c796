"""What the policy pack tells the domain: planned routes, obligations, budgets and ladders, each with its basis."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from app.domain.clock import Budget, Calendar, TimeSpec
from app.domain.disclosure_lists import Lists
from app.domain.entitlement import BenefitRules
from app.domain.facts import ReportFacts
from app.domain.procedure import Procedure, Step
from app.domain.registers import Register
from app.domain.signals import SignalSpec
from app.domain.surveys import SurveySpec
from app.domain.terms import Agency, Branch, Rung, Stage, Trigger, Urgency


class Frozen(BaseModel):
    """A value: immutable, strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


HAPPENINGS = ("child_safe", "child_found", "guardian_sentenced", "plan_adopted", "duplicate_cleared")
"""What a gate may wait for, besides a duty that has expired."""


SENTENCED, RECOGNISED, REFUSED = TURNS = (
    "guardian_sentenced",
    "joint_conference.meet=recognised",
    "joint_conference.meet=not_recognised",
)
"""What happens in a case and changes what the rules find in its report."""
DUTIES_BY_ACT = ("answer_outcome", "committee_review", "closure", "supervised", "supervision_reply")
STEPS_BY_ACT = {"medical_costs.ask": ("paid", "next", "rest")}
TIMES_BY_ACT = (
    "supply",
    "visit_high",
    "visit_medium",
    "visit_low",
    "change_verify",
    "change_approve",
    "warning_verify",
    "parent_contact",
    "parents_back",
    "books_check",
    "signal_check",
    "help",
)
"""What the engine asks every version for by name."""


class Gate(Frozen):
    """When a planned route opens: in `stage`, once the routes of step `after_step` are accepted, or once one of `events` has happened.

    `or_after` opens it before its stage, once one of these routes is completed: what the law hurries waits for no plan. A step that
    nobody plans is joined at the last planned step below it.

    Any one of `events` will do: one of HAPPENINGS, a duty's code with the prefix `expired:`, or a step's name with `=` and its outcome.
    An emergency route has stage REPORT and neither of the others.
    """

    stage: Stage = Stage.REPORT
    after_step: int | None = None
    or_after: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


class PlannedRoute(Frozen):
    """One leg of the response, decided by the pack when the report is filed and pinned to the case."""

    id: str
    step: int
    agency: Agency
    task: str
    title_zh: str
    title_en: str
    basis: tuple[str, ...]
    gate: Gate
    accept: TimeSpec
    finish: TimeSpec
    urgent: bool
    assessment: bool = False
    fallback: Agency | None = None
    search: bool = False
    procedure: str = ""
    """The step that this leg is: the first of a procedure, and done when its outcome is recorded."""


class ObligationSpec(Frozen):
    """A duty with a clock of its own that is no referral: the answer to the reporter, the parents' return, the post-assessment."""

    code: str
    holder: Agency | None
    """None: the agency that leads the case."""
    title_zh: str
    title_en: str
    time: TimeSpec
    basis: tuple[str, ...]
    gate: Gate


class Opening(Frozen):
    """A day of the year on which a round begins, at nine in the morning."""

    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=28)


class RoundSpec(Frozen):
    """A screening round: who holds it, which units are asked and when, and by when they answer."""

    code: str
    zh: str
    en: str
    organiser: Agency
    asked: Agency
    each: Literal["desk", "unit"]
    """Every desk of the agency asked, or every reporting unit of it, such as one school."""
    listed: str = ""
    """The register in which such units stand, those that have no account as well."""
    joined: tuple[Agency, ...] = ()
    """Who takes part at the side of the units."""
    opens: tuple[Opening, ...]
    time: str
    basis: tuple[str, ...]


class FigureRules(Frozen):
    """How outcome figures are shown."""

    target: date
    """By when the outcome of 一(二) is to be reached."""
    smallest_shown: int
    """Smaller numbers of children are not given to third parties."""


class Triage(Frozen):
    """The pack's answer to a report, with the rows that made it."""

    triggers: tuple[Trigger, ...]
    urgency: Urgency
    branch: Branch | None
    left_behind: bool
    lead: Agency
    routes: tuple[PlannedRoute, ...]
    obligations: tuple[ObligationSpec, ...]
    must_not_notify: tuple[str, ...]
    closes_only_when_found: bool
    rows: tuple[str, ...]
    sealed_for: tuple[Agency, ...] = ()
    """The agencies inside of a sealed compartment; empty when the case is none."""


class WarningSpec(Frozen):
    """A rule of early warning that holds; an urgent one is verified around the clock."""

    id: str
    urgent: bool
    basis: tuple[str, ...]


class ChangePath(Frozen):
    """Who must pass a change of a child file, in their order."""

    id: str
    steps: tuple[Agency, ...]
    basis: tuple[str, ...]


class Courses(Protocol):
    """The procedures of a version of the rules."""

    def procedure(self, code: str) -> Procedure | None:
        """A procedure by its code."""
        ...

    def step(self, name: str) -> Step:
        """A step by its full name, `procedure.step`; its duty is an obligation of that name."""
        ...


class Policy(Courses, Protocol):
    """One effective version of the rules, with the calendar in force."""

    @property
    def version(self) -> str: ...

    @property
    def calendar(self) -> Calendar: ...

    @property
    def refusals_before_conference(self) -> int:
        """After so many refusals a leg goes to the joint conference office."""
        ...

    @property
    def extension_cap(self) -> int:
        """How often one clock may be extended."""
        ...

    @property
    def extension_limit(self) -> Budget:
        """The longest single extension."""
        ...

    @property
    def pause_cap(self) -> int:
        """How often one clock may be paused: the day of a resume is not counted, so endless pauses would stop it for good."""
        ...

    @property
    def return_cap(self) -> int:
        """How often a desk may return one referral for completion: each time its acceptance clock stands still."""
        ...

    @property
    def deputy_limit(self) -> Budget:
        """The longest time for which one appointment lends a seat."""
        ...

    @property
    def post_assessments_apart(self) -> Budget:
        """How long after one post-assessment the next may be filed: a later look is no second copy of the first."""
        ...

    @property
    def silence_reroutes_at(self) -> Rung:
        """The rung of the acceptance ladder at which another agency takes the leg of a silent one."""
        ...

    @property
    def quorum(self) -> int:
        """How many members of the committee must be present, those recused not counted."""
        ...

    @property
    def benefits(self) -> BenefitRules:
        """Which benefits exclude or may join each other, the amounts by date, and the payers of a medical bill."""
        ...

    @property
    def registers(self) -> Mapping[str, Register]:
        """The registers that the district keeps, by code."""
        ...

    @property
    def rounds(self) -> Mapping[str, RoundSpec]:
        """The screening rounds, by code."""
        ...

    @property
    def signals(self) -> Mapping[str, SignalSpec]:
        """What is heard of other systems, by code; the first that a signal meets counts."""
        ...

    @property
    def office_holders(self) -> Mapping[Agency, tuple[str, ...]]:
        """How people call those who hold office at an agency's desks: a signal that says so is not read there first."""
        ...

    @property
    def surveys(self) -> Mapping[str, SurveySpec]:
        """The questionnaires, by code."""
        ...

    @property
    def catalogue(self) -> tuple[str, ...]:
        """The services for children, by code."""
        ...

    @property
    def figures(self) -> FigureRules:
        """How outcome figures are shown."""
        ...

    @property
    def lists(self) -> Lists:
        """What each agency is told."""
        ...

    def triage(self, facts: ReportFacts) -> Triage: ...

    def sealed_for(self, facts: ReportFacts) -> tuple[Agency, ...]:
        """For which agencies alone a report with these facts is a compartment; nobody where it is none."""
        ...

    def lacks(self, routes: tuple[str, ...], duties: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the rows that this version does not have."""
        ...

    def route(self, route_id: str, *, urgent: bool) -> PlannedRoute:
        """A row by its id, also `plan:AGENCY:service` for an item of a plan."""
        ...

    def obligation(self, code: str, *, urgent: bool) -> ObligationSpec:
        """A named duty by its code, such as `answer_outcome`, `post_assessment`, `committee_review`, `visit`, `supervision_reply`."""
        ...

    def months(self, amount: int) -> Budget:
        """So many months, at the pace of this version."""
        ...

    def warnings(self, answers: Mapping[str, bool | str]) -> tuple[WarningSpec, ...]:
        """The rules of early warning that a visit with these answers meets."""
        ...

    def change_path(self, field: str) -> ChangePath:
        """Whom a change of this field of a child file goes through."""
        ...

    def time(self, name: str, *, urgent: bool) -> TimeSpec:
        """A named pair of budget and ladder, such as `rerouted_accept` or `rerouted_finish`."""
        ...
