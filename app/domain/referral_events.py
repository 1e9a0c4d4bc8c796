"""What happens to a referral and its clock: the events of a desk's work, past tense, codes and ids and instants only."""

from datetime import datetime
from typing import Literal

from app.domain.clock import Clock
from app.domain.policy import Frozen
from app.domain.terms import (
    Agency,
    DeclineReason,
    ExtendReason,
    FailReason,
    PauseReason,
    ReturnReason,
    Stage,
)

ENGINE = "engine"


class Fact(Frozen):
    """Common to all events: when, by whom, and for whom when a deputy acted."""

    at: datetime
    by: str = ENGINE
    behalf: str | None = None


class CaseFact(Fact):
    """The same in a case, of which reports alone name no office: the unit, else the desk, of whoever did it, whose colleagues read its text
    as typed, but for those who are not told who reported where the author may be. Empty of others, and before it was kept."""

    office: str = ""
    knows_reporter: bool = False


class ReferralOpened(CaseFact):
    """A referral lies on a desk, with the absolute instants of its acceptance and its ladder."""

    kind: Literal["referral_opened"] = "referral_opened"
    referral_id: str
    route_id: str
    step: int
    stage: Stage
    agency: Agency
    desk: str
    task: str
    basis: tuple[str, ...]
    urgent: bool
    assessment: bool = False
    accept: Clock
    instead_of: str | None = None
    refusals: int = 0
    visited: tuple[Agency, ...] = ()


class ReferralAccepted(CaseFact):
    """受案: the desk took it; the finish clock starts."""

    kind: Literal["referral_accepted"] = "referral_accepted"
    referral_id: str
    finish: Clock


class ReferralReturned(CaseFact):
    """退回补正: the acceptance clock stands still while the sender completes it."""

    kind: Literal["referral_returned"] = "referral_returned"
    referral_id: str
    reason: ReturnReason
    accept: Clock
    supply: Clock


class MaterialSupplied(CaseFact):
    """补正: the sender supplied what was missing; the acceptance clock runs on."""

    kind: Literal["material_supplied"] = "material_supplied"
    referral_id: str
    accept: Clock


class ReferralDeclined(CaseFact):
    """不受案, with its coded reason."""

    kind: Literal["referral_declined"] = "referral_declined"
    referral_id: str
    reason: DeclineReason


class ReferralPassedOn(CaseFact):
    """再转: the desk knows the right agency."""

    kind: Literal["referral_passed_on"] = "referral_passed_on"
    referral_id: str
    to: Agency
    reason: DeclineReason


class ReferralReassigned(CaseFact):
    """改派 by a supervisor."""

    kind: Literal["referral_reassigned"] = "referral_reassigned"
    referral_id: str
    to: Agency


class ReferralLeftSilent(CaseFact):
    """Nobody answered up to the rung of re-routing: another agency helps the child, the ladder of this one climbs on."""

    kind: Literal["referral_left_silent"] = "referral_left_silent"
    referral_id: str


class ReferralCompleted(CaseFact):
    """The task is done."""

    kind: Literal["referral_completed"] = "referral_completed"
    referral_id: str


class ReferralFailed(CaseFact):
    """The task ended without its result."""

    kind: Literal["referral_failed"] = "referral_failed"
    referral_id: str
    reason: FailReason


class ReferralWithdrawn(CaseFact):
    """The referral is no longer needed: the case was linked or closed."""

    kind: Literal["referral_withdrawn"] = "referral_withdrawn"
    referral_id: str
    why: Literal["linked", "closed"]


class ClockExtended(CaseFact):
    """延期 of a finish clock."""

    kind: Literal["clock_extended"] = "clock_extended"
    referral_id: str
    reason: ExtendReason
    finish: Clock


class ClockPaused(CaseFact):
    """中止: the budget that is left is kept."""

    kind: Literal["clock_paused"] = "clock_paused"
    referral_id: str
    reason: PauseReason
    finish: Clock


class ClockResumed(CaseFact):
    """恢复: due instant and rungs are moved by the pause."""

    kind: Literal["clock_resumed"] = "clock_resumed"
    referral_id: str
    finish: Clock


class TaskClaimed(CaseFact):
    """领取: a person of the desk holds the task."""

    kind: Literal["task_claimed"] = "task_claimed"
    referral_id: str
    holder: str


class TaskHandedBack(CaseFact):
    """交回 to the desk."""

    kind: Literal["task_handed_back"] = "task_handed_back"
    referral_id: str


class TaskMoved(CaseFact):
    """移交 to a colleague by the head."""

    kind: Literal["task_moved"] = "task_moved"
    referral_id: str
    holder: str


class DeliveryRecorded(CaseFact):
    """How the referral reached the agency's own system."""

    kind: Literal["delivery_recorded"] = "delivery_recorded"
    referral_id: str
    outcome: Literal["delivered", "failing", "rejected", "withdrawn"]
    code: str = ""
    reference: str = ""
    recipients: tuple[str, ...] = ()


class ReferralUrged(CaseFact):
    """催办 by a supervisor."""

    kind: Literal["referral_urged"] = "referral_urged"
    referral_id: str
    recipients: tuple[str, ...]
