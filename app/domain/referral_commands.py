"""What a desk, its head, a supervisor or an agency's system does with a referral: imperatives, each by an actor."""

from typing import Literal

from pydantic import Field

from app.domain.clock import Budget
from app.domain.commands import Code, Command, Record, Whom
from app.domain.terms import Agency, DeclineReason, ExtendReason, FailReason, PauseReason, ReturnReason


class AcceptReferral(Command):
    """受案."""

    referral_id: str


class ReturnReferral(Command):
    """退回补正."""

    referral_id: str
    reason: ReturnReason


class SupplyMaterial(Command):
    """补正."""

    referral_id: str


class DeclineReferral(Command):
    """不受案."""

    referral_id: str
    reason: DeclineReason


class PassOnReferral(Command):
    """再转 to the agency that is competent."""

    referral_id: str
    to: Agency
    reason: DeclineReason = DeclineReason.NOT_COMPETENT


class CompleteReferral(Command):
    """完成; a leg that is the first step of a procedure needs its outcome, as in RecordOutcome."""

    referral_id: str
    outcome: Code = ""
    record: Record = Field(default_factory=dict)
    about: Whom = ()


class FailReferral(Command):
    """The task cannot reach its result."""

    referral_id: str
    reason: FailReason


class ExtendReferral(Command):
    """延期."""

    referral_id: str
    reason: ExtendReason
    by_budget: Budget


class PauseReferral(Command):
    """中止."""

    referral_id: str
    reason: PauseReason


class ResumeReferral(Command):
    """恢复."""

    referral_id: str


class ClaimTask(Command):
    """领取."""

    referral_id: str


class HandBackTask(Command):
    """交回."""

    referral_id: str


class MoveTask(Command):
    """移交 by the head."""

    referral_id: str
    to: str


class ReassignReferral(Command):
    """改派 by a supervisor."""

    referral_id: str
    to: Agency


class ReassignDuty(Command):
    """改派 of a duty by a supervisor, from a desk that the case is about to one that it is not."""

    code: str
    to: Agency


class UrgeReferral(Command):
    """催办 by a supervisor."""

    referral_id: str


class SuperviseReferral(Command):
    """督办: the agency owes a written reply within a time of its own."""

    referral_id: str


class ReplyToSupervision(Command):
    """The agency's reply to 督办 or 检察监督."""

    code: str


Outcome = Literal["delivered", "failing", "rejected", "withdrawn"]


class RecordDelivery(Command):
    """The engine records how an agency's system answered."""

    referral_id: str
    outcome: Outcome
    code: str = Field(default="", max_length=64)
    reference: str = Field(default="", max_length=128)
