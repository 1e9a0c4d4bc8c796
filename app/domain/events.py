"""What has happened to a case: the events of its ledger, past tense, codes and ids and instants only."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from app.domain.benefit_events import BenefitDecided, BillOpened, FamilyHeard, HighestChosen, PayerAnswered
from app.domain.clock import Clock
from app.domain.policy import Frozen, Gate
from app.domain.procedure import Recorded
from app.domain.referral_events import (
    CaseFact,
    ClockExtended,
    ClockPaused,
    ClockResumed,
    DeliveryRecorded,
    Fact,
    MaterialSupplied,
    ReferralAccepted,
    ReferralCompleted,
    ReferralDeclined,
    ReferralFailed,
    ReferralLeftSilent,
    ReferralOpened,
    ReferralPassedOn,
    ReferralReassigned,
    ReferralReturned,
    ReferralUrged,
    ReferralWithdrawn,
    TaskClaimed,
    TaskHandedBack,
    TaskMoved,
)
from app.domain.terms import (
    Agency,
    Branch,
    CloseReason,
    Grade,
    OverrideReason,
    ReporterClass,
    ReportKind,
    Rung,
    Safety,
    Stage,
    Trigger,
    Urgency,
    WaiveReason,
)


class PlannedStep(Frozen):
    """A leg that the rules foresee; the row stands in the pinned policy version."""

    route_id: str
    step: int
    agency: Agency
    gate: Gate


class PlannedDuty(Frozen):
    """A duty that the rules foresee."""

    code: str
    gate: Gate


class ReportFiled(Fact):
    """A report became a case; the pack's whole answer is pinned here."""

    kind: Literal["report_filed"] = "report_filed"
    case_id: str
    report_kind: ReportKind
    reporter_class: ReporterClass
    reporter_unit: str
    division: str
    children: tuple[str, ...]
    policy: str
    triggers: tuple[Trigger, ...]
    urgency: Urgency
    branch: Branch | None
    left_behind: bool
    lead: Agency
    must_not_notify: tuple[str, ...]
    closes_only_when_found: bool
    possible_duplicate: bool
    steps: tuple[PlannedStep, ...]
    duties: tuple[PlannedDuty, ...]
    rows: tuple[str, ...]
    watch: str | None = None
    about: tuple[str, ...] = ()
    """Units, desks, agencies and persons whom the report is about, and those outside of a sealed case; none of them learns of it."""
    named: tuple[str, ...] = ()
    """Those of them whom the report names itself; with the others somebody works, or reports."""
    sealed_for: tuple[Agency, ...] = ()


class RungFired(CaseFact):
    """One rung of one ladder, once; `subject` is a referral id or the code of a duty."""

    kind: Literal["rung_fired"] = "rung_fired"
    subject: str
    clock: Literal["accept", "finish", "supply", "duty"]
    rung: Rung
    planned_at: datetime
    recipients: tuple[str, ...]


class PolicyMoved(CaseFact):
    """From now on the case goes by another version of the rules."""

    kind: Literal["policy_moved"] = "policy_moved"
    before: str
    after: str


class DutyOpened(CaseFact):
    """A duty with a clock of its own began."""

    kind: Literal["duty_opened"] = "duty_opened"
    code: str
    holder: Agency
    desk: str
    basis: tuple[str, ...]
    clock: Clock


class DutyMet(CaseFact):
    """The duty is done."""

    kind: Literal["duty_met"] = "duty_met"
    code: str


class DutyExpired(CaseFact):
    """The duty's time ran out; what the rules foresee for that opens."""

    kind: Literal["duty_expired"] = "duty_expired"
    code: str


class DutyDropped(CaseFact):
    """The duty fell away: the case was linked or closed."""

    kind: Literal["duty_dropped"] = "duty_dropped"
    code: str


class OutcomeRecorded(CaseFact):
    """办理结果: a step of a procedure ended so; `subject` is its duty or its leg, the record holds dates, counts and file numbers only."""

    kind: Literal["outcome_recorded"] = "outcome_recorded"
    subject: str
    step: str
    outcome: str
    record: Recorded


class SafetyConfirmed(CaseFact):
    """A person on the spot says how the child is now."""

    kind: Literal["safety_confirmed"] = "safety_confirmed"
    child_id: str
    safety: Safety


class GuardianSentenced(CaseFact):
    """A judgment against a guardian arrived."""

    kind: Literal["guardian_sentenced"] = "guardian_sentenced"


class AssessmentFiled(CaseFact):
    """评估: the social worker's report and grade, beside what the scale proposed and why it is another."""

    kind: Literal["assessment_filed"] = "assessment_filed"
    referral_id: str
    grade: Grade
    scale: str = ""
    proposed: Grade | None = None
    override: OverrideReason | None = None
    facts: bool = False
    """Whether it found facts of the children to be otherwise; they are content of this version."""


class GradeReviewed(CaseFact):
    """审议: the committee's grade."""

    kind: Literal["grade_reviewed"] = "grade_reviewed"
    grade: Grade
    scale: str = ""
    proposed: Grade | None = None
    override: OverrideReason | None = None
    present: int
    recused: int


class AssessmentReturned(CaseFact):
    """审议: the committee has sent the assessment back; its reasons are a note."""

    kind: Literal["assessment_returned"] = "assessment_returned"
    referral_id: str
    present: int
    recused: int


class PlanAdopted(CaseFact):
    """方案: one lead agency, the items as planned legs."""

    kind: Literal["plan_adopted"] = "plan_adopted"
    lead: Agency
    added: tuple[PlannedStep, ...]
    dropped: tuple[str, ...]


class StageEntered(CaseFact):
    """The case moved to the next stage of the chain."""

    kind: Literal["stage_entered"] = "stage_entered"
    stage: Stage


class PostAssessmentFiled(CaseFact):
    """后期评估报告; `code` is the duty that it fulfils."""

    kind: Literal["post_assessment_filed"] = "post_assessment_filed"
    code: str = ""
    grade: Grade


class ReporterInformed(CaseFact):
    """The reporter can read that the report was accepted."""

    kind: Literal["reporter_informed"] = "reporter_informed"


class ReporterAnswered(CaseFact):
    """The reporter has the answer; its text is content."""

    kind: Literal["reporter_answered"] = "reporter_answered"


class AnswerWaived(CaseFact):
    """The reporter is not answered, for a recorded reason."""

    kind: Literal["answer_waived"] = "answer_waived"
    reason: WaiveReason


class ReportLinked(CaseFact):
    """A person confirmed that this report is about the incident of another case."""

    kind: Literal["report_linked"] = "report_linked"
    primary: str
    procedures: tuple[str, ...] = ()
    """Steps that were owed here; the other case owes them from now on."""


class ReportUnlinked(CaseFact):
    """The link was a mistake; the report is a case of its own again, open even if it was closed with the other."""

    kind: Literal["report_unlinked"] = "report_unlinked"
    primary: str


class FollowerAdded(CaseFact):
    """Another report on the same incident follows this case."""

    kind: Literal["follower_added"] = "follower_added"
    case_id: str
    settles: bool = False
    """It was the last that this case had to be compared with, so nothing waits for that any more."""


class FollowerRemoved(CaseFact):
    """The other report no longer follows."""

    kind: Literal["follower_removed"] = "follower_removed"
    case_id: str


class DuplicateCleared(CaseFact):
    """A person found that the suggested duplicate is none."""

    kind: Literal["duplicate_cleared"] = "duplicate_cleared"


class DuplicateSuspected(CaseFact):
    """可能重复: a later report may be about the same. Said of this case alone, where people who see that one do not see this one."""

    kind: Literal["duplicate_suspected"] = "duplicate_suspected"


class NoteAdded(CaseFact):
    """A note; its text is content."""

    kind: Literal["note_added"] = "note_added"


class ConflictDeclared(CaseFact):
    """利益冲突: these units, desks, agencies or persons turned out to be what the case is about."""

    kind: Literal["conflict_declared"] = "conflict_declared"
    about: tuple[str, ...]
    named: tuple[str, ...] = ()
    """Those of them whom a person declared; with the others somebody works, or reports."""
    is_own: bool = False
    """Said by the service itself, and not for a link, as it did before links had a fact of their own."""


class KeptOutByLink(CaseFact):
    """并案期间回避: whom linked cases are about, beside its own; all of them by now, none once the link is taken back."""

    kind: Literal["kept_out_by_link"] = "kept_out_by_link"
    about: tuple[str, ...]


class ClosureProposed(CaseFact):
    """办结 proposed by the first person."""

    kind: Literal["closure_proposed"] = "closure_proposed"
    reason: CloseReason


class ClosureRejected(CaseFact):
    """The second person disagrees."""

    kind: Literal["closure_rejected"] = "closure_rejected"


class CaseClosed(CaseFact):
    """办结 approved by the second person; the children go back to the watch with this grade."""

    kind: Literal["case_closed"] = "case_closed"
    reason: CloseReason
    grade: Grade | None
    proposed_by: str


class MovedClock(Frozen):
    """A clock that a calendar edit moved."""

    subject: str
    clock: Literal["accept", "finish", "supply", "duty"]
    moved: Clock


class DeadlinesRecomputed(CaseFact):
    """The calendar changed; open deadlines follow it, and the reason stands here."""

    kind: Literal["deadlines_recomputed"] = "deadlines_recomputed"
    calendar_version: str
    reason: str
    clocks: tuple[MovedClock, ...]


Event = Annotated[
    ReportFiled
    | ReferralOpened
    | ReferralAccepted
    | ReferralReturned
    | MaterialSupplied
    | ReferralDeclined
    | ReferralPassedOn
    | ReferralReassigned
    | ReferralLeftSilent
    | ReferralCompleted
    | ReferralFailed
    | ReferralWithdrawn
    | ClockExtended
    | ClockPaused
    | ClockResumed
    | TaskClaimed
    | TaskHandedBack
    | TaskMoved
    | DeliveryRecorded
    | RungFired
    | DutyOpened
    | DutyMet
    | DutyExpired
    | DutyDropped
    | OutcomeRecorded
    | SafetyConfirmed
    | GuardianSentenced
    | AssessmentFiled
    | GradeReviewed
    | AssessmentReturned
    | PlanAdopted
    | StageEntered
    | PostAssessmentFiled
    | ReporterInformed
    | ReporterAnswered
    | AnswerWaived
    | ReportLinked
    | ReportUnlinked
    | FollowerAdded
    | FollowerRemoved
    | DuplicateCleared
    | DuplicateSuspected
    | ReferralUrged
    | NoteAdded
    | ConflictDeclared
    | KeptOutByLink
    | ClosureProposed
    | ClosureRejected
    | CaseClosed
    | DeadlinesRecomputed
    | BenefitDecided
    | HighestChosen
    | FamilyHeard
    | BillOpened
    | PayerAnswered
    | PolicyMoved,
    Field(discriminator="kind"),
]
event_adapter: TypeAdapter[Event] = TypeAdapter(Event)
