"""A bill goes through its payers in order; together they never pay more than it, and what is left is somebody's task."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.benefits import Benefit
from app.domain.medical_costs import Bill
from app.domain.refusals import RefusalCode, Refused

pytestmark = [pytest.mark.requirement("R023"), pytest.mark.requirement("R114")]
PAYERS = (Benefit.MED_BASIC, Benefit.MED_SERIOUS, Benefit.MED_ASSIST, Benefit.TEMP_AID, Benefit.CHARITY)


def bill_of(yuan: Decimal) -> Bill:
    return Bill(id="bill-1", child_id="ch-1", yuan=yuan, payers=PAYERS)


money = st.decimals(min_value=0, max_value=1_000_000, places=2)


def paid(bill: Bill, approved: list[Decimal]) -> Bill:
    for yuan in approved:
        if bill.next_payer:
            bill = bill.answered(bill.next_payer, yuan)
    return bill


@given(money, st.lists(money, max_size=8))
def test_the_payers_never_pay_more_than_the_bill_nor_less_than_nothing(yuan: Decimal, approved: list[Decimal]) -> None:
    bill = paid(bill_of(yuan), approved)
    assert sum(step.paid for step in bill.payments) + bill.left == yuan
    assert all(0 <= step.paid <= step.approved for step in bill.payments)
    lefts = [yuan, *(step.left for step in bill.payments)]
    assert lefts == sorted(lefts, reverse=True)
    assert lefts[-1] >= 0
    assert tuple(step.payer for step in bill.payments) == PAYERS[: len(bill.payments)]
    assert bill.unpaid_by_all == (len(bill.payments) == len(PAYERS) and bill.left > 0)


def test_each_step_shows_what_it_left_and_the_next_payer_is_asked() -> None:
    bill = paid(bill_of(Decimal(10_000)), [Decimal(5500), Decimal(1500), Decimal(2000)])
    assert [(step.payer, step.left) for step in bill.payments] == list(zip(PAYERS, (4500, 3000, 1000), strict=False))
    assert bill.next_payer is Benefit.TEMP_AID
    assert paid(bill, [Decimal(0), Decimal(400)]).unpaid_by_all
    whole = paid(bill, [Decimal(4000)])
    assert (whole.left, whole.next_payer, whole.payments[-1].paid) == (0, None, 1000)


def test_charity_does_not_pay_before_the_insurance_has_answered() -> None:
    with pytest.raises(Refused) as refused:
        bill_of(Decimal(100)).answered(Benefit.CHARITY, Decimal(100))
    assert refused.value.code is RefusalCode.PAYER_OUT_OF_TURN
    assert refused.value.facts == {"next": "MED_BASIC"}
