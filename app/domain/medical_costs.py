"""A medical bill through its payers in the order of the notice (R023): each pays from what the one before it left."""

from decimal import Decimal

from app.domain.benefits import Benefit, Yuan
from app.domain.refusals import RefusalCode, Refused
from app.domain.working_time import Value


class Payment(Value):
    """A payer's answer: it would pay up to `approved`, pays `paid`, and leaves `left` to the next."""

    payer: Benefit
    approved: Yuan
    paid: Yuan
    left: Yuan


class Bill(Value):
    """What a treatment costs and who has answered; treatment itself never waits for it (R111)."""

    id: str
    child_id: str
    yuan: Yuan
    payers: tuple[Benefit, ...]
    payments: tuple[Payment, ...] = ()

    @property
    def left(self) -> Decimal:
        """Not yet paid by anybody."""
        return self.payments[-1].left if self.payments else self.yuan

    @property
    def next_payer(self) -> Benefit | None:
        """Who is asked next; nobody once all is paid or all have answered."""
        asked = len(self.payments)
        return self.payers[asked] if self.left and asked < len(self.payers) else None

    @property
    def unpaid_by_all(self) -> bool:
        """Every payer has answered and something is left: a person looks for help, the family is not simply sent the rest."""
        return bool(self.left) and self.next_payer is None

    def answered(self, payer: Benefit, approved: Decimal) -> "Bill":
        """The bill after that payer's answer; refused out of turn, so that nobody later pays for one who was not asked."""
        if payer is not self.next_payer:
            raise Refused(RefusalCode.PAYER_OUT_OF_TURN, next=self.next_payer.value if self.next_payer else None)
        paid = min(approved, self.left)
        payment = Payment(payer=payer, approved=approved, paid=paid, left=self.left - paid)
        return self.model_copy(update={"payments": (*self.payments, payment)})
