"""What is decided of benefits in a case: the events of granting, hearing and paying, codes, amounts and dates only."""

from datetime import date
from typing import Literal

from app.domain.benefits import Benefit, Verdict, Yuan
from app.domain.entitlement import Comparison
from app.domain.medical_costs import Bill
from app.domain.referral_events import CaseFact


class BenefitDecided(CaseFact):
    """A benefit was granted, refused, changed or stopped; the written reasons are content."""

    kind: Literal["benefit_decided"] = "benefit_decided"
    child_id: str
    benefit: Benefit
    verdict: Verdict
    yuan: Yuan | None
    since: date
    other_policy: bool
    """Decided by a person under another policy, for the notice is silent on it."""


class HighestChosen(CaseFact):
    """择高: the family signed for one of the group; the comparison that it was shown stands here."""

    kind: Literal["highest_chosen"] = "highest_chosen"
    child_id: str
    benefit: Benefit
    yuan: Yuan
    since: date
    signed_on: date
    comparison: Comparison
    other_policy: bool


class FamilyHeard(CaseFact):
    """The family was heard before a benefit is cut or stopped; what it said is content."""

    kind: Literal["family_heard"] = "family_heard"
    child_id: str
    benefit: Benefit
    heard_on: date


class BillOpened(CaseFact):
    """A medical bill that the family cannot pay goes through its payers."""

    kind: Literal["bill_opened"] = "bill_opened"
    bill: Bill


class PayerAnswered(CaseFact):
    """A payer said up to how much it pays."""

    kind: Literal["payer_answered"] = "payer_answered"
    bill_id: str
    payer: Benefit
    approved: Yuan
