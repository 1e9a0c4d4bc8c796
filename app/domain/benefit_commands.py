"""What civil affairs decides of benefits in a case, and the payers of a medical bill: imperatives, each by an actor."""

from datetime import date

from pydantic import Field

from app.domain.benefits import Benefit, Verdict, Yuan
from app.domain.commands import Command


class DecideBenefit(Command):
    """待遇决定 of one child; refusing, cutting and stopping need written reasons (L64, L65)."""

    child_id: str
    benefit: Benefit
    verdict: Verdict
    yuan: Yuan | None = None
    other_policy: bool = False
    """The notice is silent on this beside what the child receives; a person decides under another policy."""


class ChooseHighest(Command):
    """择高: the family's signed choice after it was shown the comparison."""

    child_id: str
    benefit: Benefit
    signed_on: date
    met: tuple[Benefit, ...]
    """The benefits, or parts of them, whose conditions the officer found fulfilled."""
    still_open: tuple[Benefit, ...] = ()
    other_policy: bool = False


class HearFamily(Command):
    """听取意见 before a benefit is cut or stopped."""

    child_id: str
    benefit: Benefit
    heard_on: date


class OpenBill(Command):
    """A medical bill that the family cannot pay."""

    child_id: str
    yuan: Yuan = Field(gt=0)


class RecordPayer(Command):
    """Up to how much the payer whose turn it is pays."""

    bill_id: str
    payer: Benefit
    approved: Yuan
