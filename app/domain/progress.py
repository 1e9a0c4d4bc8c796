"""Where a case stands: the fold of its events, and the one pure answer to when it must be looked at next."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Literal

from app.domain import events as e
from app.domain.benefits import Benefit
from app.domain.clock import Clock
from app.domain.entitlement import Held
from app.domain.medical_costs import Bill
from app.domain.policy import Frozen
from app.domain.procedure import Ended
from app.domain.terms import Agency, Branch, CloseReason, Grade, ReporterClass, ReportKind, Rung, Safety, Stage, Urgency

ClockName = Literal["accept", "finish", "supply", "duty"]


class State(StrEnum):
    """Where a referral stands."""

    SENT = "sent"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    FAILED = "failed"
    DECLINED = "declined"
    PASSED_ON = "passed_on"
    REASSIGNED = "reassigned"
    SILENT = "silent"
    WITHDRAWN = "withdrawn"

    @property
    def is_open(self) -> bool:
        """Somebody still owes something on it."""
        return self in (State.SENT, State.RETURNED, State.ACCEPTED)


LEFT = (State.DECLINED, State.PASSED_ON, State.REASSIGNED)
"""An agency whose legs all stand so has left the case."""


class Answer(StrEnum):
    """How the answer that is owed to the reporter was settled."""

    GIVEN = "given"
    FOLLOWED = "followed"
    """It was the answer of the case that this report is linked to, and goes when the link goes."""
    WAIVED = "waived"


class Referral(Frozen):
    """One leg of the response at one desk."""

    id: str
    route_id: str
    step: int
    stage: Stage
    agency: Agency
    desk: str
    task: str
    basis: tuple[str, ...]
    urgent: bool
    assessment: bool
    opened_at: datetime
    accept: Clock
    finish: Clock | None = None
    supply: Clock | None = None
    state: State = State.SENT
    holder: str | None = None
    refusals: int = 0
    visited: tuple[Agency, ...] = ()
    instead_of: str | None = None
    delivery: str = ""
    urged: int = 0
    pauses: int = 0
    returns: int = 0

    @property
    def is_taken_back(self) -> bool:
        """Its agency's own system may still work on it, though the leg is another's now, or nobody's."""
        taken = self.state in (State.REASSIGNED, State.SILENT, State.WITHDRAWN)
        return taken and self.delivery in ("delivered", "failing")

    def clocks(self) -> Iterator[tuple[ClockName, Clock]]:
        """Those of its clocks that may still ring."""
        if self.state in (State.SENT, State.SILENT):
            yield "accept", self.accept
        if self.state is State.RETURNED and self.supply:
            yield "supply", self.supply
        if self.state is State.ACCEPTED and self.finish:
            yield "finish", self.finish


class Duty(Frozen):
    """A duty with a clock of its own."""

    code: str
    holder: Agency
    desk: str
    basis: tuple[str, ...]
    opened_at: datetime
    clock: Clock
    is_open: bool = True
    expired: bool = False
    dropped: bool = False


class Child(Frozen):
    """A child of the case, by opaque id."""

    id: str
    safety: Safety = Safety.UNKNOWN


class Progress(Frozen):
    """Where a case stands; `version` is the number of events folded."""

    case_id: str
    version: int = 0
    policy: str
    filed_at: datetime
    report_kind: ReportKind
    reporter_class: ReporterClass
    reporter_unit: str
    division: str
    stage: Stage = Stage.REPORT
    urgency: Urgency
    branch: Branch | None
    lead: Agency
    children: tuple[Child, ...]
    closes_only_when_found: bool
    possible_duplicate: bool
    steps: tuple[e.PlannedStep, ...]
    planned_duties: tuple[e.PlannedDuty, ...]
    dropped_steps: tuple[str, ...] = ()
    referrals: tuple[Referral, ...] = ()
    duties: tuple[Duty, ...] = ()
    happened: tuple[str, ...] = ()
    grade: Grade | None = None
    grade_reviewed: bool = False
    assessment_returns: int = 0
    """How often the committee has sent the assessment back."""
    plan_adopted: bool = False
    post_assessments: int = 0
    post_assessed: bool = False
    informed: bool = False
    answered: bool = False
    answer: Answer | None = None
    linked_to: str | None = None
    followers: tuple[str, ...] = ()
    watch: str | None = None
    about: tuple[str, ...] = ()
    """Units, desks, agencies and persons whom the case is about, and those outside of a sealed case."""
    about_by_link: tuple[str, ...] = ()
    """Those of them whom only another case is about that this one is linked to, for as long as it is."""
    sealed_for: tuple[Agency, ...] = ()
    proposed_by: tuple[str, ...] = ()
    proposed_reason: CloseReason | None = None
    closed_reason: CloseReason | None = None
    rung: Rung | None = None
    closed_at: datetime | None = None
    benefits: tuple[Held, ...] = ()
    bills: tuple[Bill, ...] = ()
    outcomes: tuple[Ended, ...] = ()

    @property
    def own_about(self) -> tuple[str, ...]:
        """Whom the case itself is about, linked or not."""
        return tuple(one for one in self.about if one not in self.about_by_link)

    @property
    def is_open(self) -> bool:
        """Whether anybody still has something to do."""
        return self.stage is not Stage.CLOSED

    @property
    def is_secured(self) -> bool:
        """The child is safe now, or nothing is urgent: assessment may begin."""
        return not self.urgency.around_the_clock or self.all_safe

    @property
    def all_safe(self) -> bool:
        """Every child was found safe or placed by a person."""
        return all(child.safety in (Safety.SAFE, Safety.PLACED) for child in self.children)

    @property
    def post_assessments_planned(self) -> tuple[str, ...]:
        """The duties to look at the child again after the plan has ended, in their order."""
        return tuple(duty.code for duty in self.planned_duties if duty.code.startswith("post_assessment"))

    @property
    def is_helped(self) -> bool:
        """The plan's legs have all ended."""
        return self.plan_adopted and not self.open_referrals

    @property
    def open_referrals(self) -> tuple[Referral, ...]:
        """Legs on which somebody still owes something."""
        return tuple(r for r in self.referrals if r.state.is_open)

    @property
    def agencies(self) -> tuple[Agency, ...]:
        """Those in the case now; one whose every leg was sent away or taken away has left it."""
        legs = (r.agency for r in self.referrals if r.state not in LEFT)
        return tuple(dict.fromkeys([self.lead, *legs, *(d.holder for d in self.duties)]))

    @property
    def desks(self) -> tuple[str, ...]:
        """Likewise."""
        legs = (r.desk for r in self.referrals if r.state not in LEFT)
        return tuple(dict.fromkeys([*legs, *(d.desk for d in self.duties)]))

    def referral(self, referral_id: str) -> Referral | None:
        """The leg with this id."""
        return next((r for r in self.referrals if r.id == referral_id), None)

    def benefits_of(self, child_id: str) -> tuple[Held, ...]:
        """What the child receives by decisions in this case."""
        return tuple(held for held in self.benefits if held.child_id == child_id)

    def held(self, child_id: str, benefit: Benefit) -> Held | None:
        """The decision by which the child receives this benefit."""
        return next((held for held in self.benefits_of(child_id) if held.benefit is benefit), None)

    def bill(self, bill_id: str) -> Bill | None:
        """The medical bill with this id."""
        return next((bill for bill in self.bills if bill.id == bill_id), None)

    def duty(self, code: str) -> Duty | None:
        """The newest duty with this code."""
        return next((d for d in reversed(self.duties) if d.code == code), None)

    def open_duty(self, code: str) -> Duty | None:
        """The duty with this code if it is still owed."""
        return next((d for d in reversed(self.duties) if d.code == code and d.is_open), None)


def running_clocks(progress: Progress) -> Iterator[tuple[str, ClockName, Clock]]:
    """Every clock of the case that may still ring, with its subject."""
    if not progress.is_open:
        return
    for referral in progress.referrals:
        for name, clock in referral.clocks():
            yield referral.id, name, clock
    for duty in progress.duties:
        if duty.is_open:
            yield duty.code, "duty", duty.clock


def next_deadline(progress: Progress) -> datetime | None:
    """The next instant at which a rung fires or a duty expires: the workflow's timer, the lists and the screens ask here."""
    instants = [clock.next_at for _, _, clock in running_clocks(progress) if clock.next_at is not None]
    instants += [d.clock.due_at for d in progress.duties if d.is_open and not d.expired and progress.is_open]
    return min(instants, default=None)
