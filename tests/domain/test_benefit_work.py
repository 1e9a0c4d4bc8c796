"""Decisions on benefits in a case: one of the group, signed for; nothing cut unheard; the notice's silence left to a person."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import benefit_commands as bc
from app.domain import commands as c
from app.domain import events as e
from app.domain.benefits import Benefit, Result, Verdict
from app.domain.case import decide
from app.domain.refusals import Refused
from app.domain.stages import closing_obstacles
from app.domain.terms import CloseReason, Role
from app.policy.calendars import seed
from app.policy.entitlement_rows import AmountRow
from app.policy.loader import load
from tests.actors import at_desk
from tests.domain.in_memory import Case

DIFF, DIS2, TK, DB = Benefit.B_DIFF, Benefit.B_DIS2, Benefit.B_TK, Benefit.B_DB
LIVING, NURSING = Benefit.B_DIS_LIVING, Benefit.B_DIS_NURSING
OFFICER = at_desk("CIVIL")
PACK = load("fengtai-2026.1")
YUAN = {DIFF: 1900, LIVING: 400, NURSING: 500, TK: 2100}


def with_amounts(**later: int):
    """The pack with the invented amounts of CN-07, and others from May on."""
    dated = [(b.value, yuan, date(2026, 1, 1)) for b, yuan in YUAN.items()]
    dated += [(code, yuan, date(2026, 5, 1)) for code, yuan in later.items()]
    rows = tuple(
        AmountRow(
            id=f"a-{n}", benefit=Benefit(code), yuan=Decimal(yuan), effective_from=since, source="test", fictional=True
        )
        for n, (code, yuan, since) in enumerate(dated)
    )
    return replace(PACK, file=PACK.file.model_copy(update={"amounts": rows})).with_calendar(seed().calendar())


class Family(Case):
    """The child of CN-07 and what civil affairs decides for it."""

    def __init__(self, policy=None) -> None:
        super().__init__("CN-07")
        self.policy = policy or with_amounts()
        self.child = self.progress.children[0].id

    def do(self, command):
        new = decide(self.progress, command, self.policy, self.now)
        self.events += new
        return new

    def verdict(self, verdict: Verdict, benefit: Benefit, **more):
        return bc.DecideBenefit(by=OFFICER, child_id=self.child, verdict=verdict, benefit=benefit, **more)

    def choice(self, benefit: Benefit, *met: Benefit, still_open=(TK,), **more):
        signed = self.now.date()
        return bc.ChooseHighest(
            by=OFFICER, child_id=self.child, benefit=benefit, signed_on=signed, met=met, still_open=still_open, **more
        )  # fmt: skip

    def hears(self, benefit: Benefit, **ago: int):
        heard = self.now.date() - timedelta(**ago)
        return bc.HearFamily(by=OFFICER, child_id=self.child, benefit=benefit, heard_on=heard, note="家庭同意")

    @property
    def receives(self) -> dict[Benefit, int | None]:
        return {held.benefit: held.yuan and int(held.yuan) for held in self.progress.benefits}


def test_what_a_child_receives_is_decided_after_its_case_is_closed_and_nothing_new_is_given_there():
    family = Family()
    family.do(family.verdict(Verdict.GRANT, DB, yuan=Decimal(1400)))
    proposed = c.ProposeClosure(by=OFFICER, reason="moved_and_handed_over")
    family.do(c.AnswerReporter(by=OFFICER, note="已答复"))
    family.do(proposed)
    family.do(c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    assert not family.progress.is_open
    assert family.refused(family.verdict(Verdict.GRANT, DIFF, yuan=Decimal(100))) == "case_closed"
    assert family.refused(c.AddNote(by=OFFICER)) == "case_closed"
    family.do(family.verdict(Verdict.CHANGE, DB, yuan=Decimal(1500)))
    cut = family.verdict(Verdict.STOP, DB, note="已年满十八周岁")
    assert family.refused(cut) == "hearing_needed"
    family.do(family.hears(DB))
    family.do(cut)
    assert (family.receives, family.progress.is_open) == ({}, False)
    assert family.refused(family.hears(DB)) == "case_closed"


@pytest.mark.requirement("R017")
@pytest.mark.requirement("R018")
def test_the_family_signs_for_the_highest_beside_the_minimum_living_allowance() -> None:
    family = Family()
    family.do(family.verdict(Verdict.GRANT, DB, yuan=Decimal(1400)))
    (chosen,) = family.do(family.choice(DIFF, DIFF, LIVING, NURSING))
    assert family.receives == {DB: 1400, DIFF: 1900}
    assert [(line.benefit, line.total) for line in chosen.comparison.lines] == [(DIFF, 1900), (DIS2, 900), (TK, None)]
    assert family.refused(family.verdict(Verdict.GRANT, DIS2)) == "exclusive_group"
    assert family.refused(family.choice(DIS2, DIFF, LIVING, NURSING)) == "not_the_highest"
    assert family.refused(family.choice(DIFF, DIFF)) == "nothing_to_choose"
    assert family.refused(family.choice(TK, DIFF, LIVING)) == "benefit_not_met"


@pytest.mark.requirement("R017")
def test_extreme_hardship_confirmed_later_replaces_it_and_beside_the_allowance_a_person_says_by_which_policy() -> None:
    family = Family()
    family.do(family.verdict(Verdict.GRANT, DB, yuan=Decimal(1400)))
    family.do(family.choice(DIFF, DIFF, LIVING, NURSING))
    confirmed = {"met": (DIFF, LIVING, NURSING, TK), "still_open": ()}
    assert family.refused(family.choice(TK).model_copy(update=confirmed)) == "notice_is_silent"
    family.do(family.choice(TK).model_copy(update={**confirmed, "other_policy": True}))
    assert family.receives == {DB: 1400, TK: 2100}
    assert family.events[-1].other_policy


def test_without_amounts_nothing_can_be_compared() -> None:
    family = Family(PACK.with_calendar(seed().calendar()))
    assert family.refused(family.choice(DIFF, DIFF, LIVING)) == "comparison_incomplete"


@pytest.mark.requirement("R017")
def test_nothing_is_cut_or_stopped_before_the_family_was_heard_and_told_why() -> None:
    family = Family()
    family.do(family.verdict(Verdict.GRANT, DIFF))
    assert family.receives == {DIFF: 1900}
    family.now += timedelta(days=30)
    cut = family.verdict(Verdict.CHANGE, DIFF, yuan=Decimal(1000), note="标准下调")
    stop = family.verdict(Verdict.STOP, DIFF, note="不再符合条件")
    assert family.refused(cut) == family.refused(stop) == "hearing_needed"
    assert family.refused(family.hears(DIFF, days=-1)) == "date_in_future"
    family.do(family.hears(DIFF, days=60))
    assert family.refused(cut) == "hearing_needed", "heard before it was granted"
    family.do(family.hears(DIFF, days=2))
    assert family.refused(cut.model_copy(update={"note": " "})) == "reasons_needed"
    family.do(cut)
    assert family.receives == {DIFF: 1000}
    assert family.refused(stop) == "hearing_needed", "one hearing, one decision"
    family.do(family.hears(DIFF))
    family.do(stop)
    assert family.receives == {}


@pytest.mark.requirement("R017")
def test_a_choice_that_gives_less_than_before_needs_the_hearing_too() -> None:
    family = Family()
    family.do(family.choice(TK, DIFF, LIVING, TK, still_open=()))
    family.now += timedelta(days=30)
    less = family.choice(DIFF, DIFF, LIVING, still_open=())
    assert family.refused(less) == "hearing_needed"
    family.do(family.hears(TK))
    family.do(less)
    assert family.receives == {DIFF: 1900}


def test_a_raise_needs_nobody_to_be_heard_and_a_standard_counts_from_its_date() -> None:
    family = Family(with_amounts(B_DIFF=2000))
    family.do(family.verdict(Verdict.GRANT, DIFF))
    assert family.receives == {DIFF: 1900}
    assert family.refused(family.verdict(Verdict.CHANGE, DIFF)) == "amount_needed"
    family.do(family.verdict(Verdict.CHANGE, DIFF, yuan=Decimal(1950)))
    family.now += timedelta(days=30)
    family.do(family.choice(DIFF, DIFF, LIVING))
    assert family.receives == {DIFF: 2000}


def test_what_is_not_received_is_not_changed_and_what_is_received_not_granted_again() -> None:
    family = Family()
    for verdict in (Verdict.CHANGE, Verdict.STOP):
        assert family.refused(family.verdict(verdict, DIFF, yuan=Decimal(1), note="理由")) == "benefit_not_held"
    assert family.refused(family.hears(DIFF)) == "benefit_not_held"
    assert family.refused(family.verdict(Verdict.REFUSE, DIFF)) == "reasons_needed"
    family.do(family.verdict(Verdict.REFUSE, DIFF, note="条件不符"))
    assert family.receives == {}
    family.do(family.verdict(Verdict.GRANT, Benefit.HOME_TEACHING))
    assert family.refused(family.verdict(Verdict.GRANT, Benefit.HOME_TEACHING)) == "benefit_held"
    other = family.verdict(Verdict.GRANT, DIFF).model_copy(update={"child_id": "ch-of-nobody"})
    assert family.refused(other) == "child_not_found"


@pytest.mark.requirement("R019", "R020")
def test_a_case_does_not_close_while_the_temporary_support_runs() -> None:
    family = Family()
    family.do(family.verdict(Verdict.GRANT, Benefit.TEMP_LIVING, yuan=Decimal(800)))
    assert "temporary_support_runs" in closing_obstacles(
        family.progress, CloseReason.FAMILY_REUNIFICATION, family.policy
    )
    assert "temporary_support_runs" not in closing_obstacles(family.progress, CloseReason.DIED, family.policy)
    family.do(family.hears(Benefit.TEMP_LIVING))
    family.do(family.verdict(Verdict.STOP, Benefit.TEMP_LIVING, note="已回归家庭"))
    assert "temporary_support_runs" not in closing_obstacles(
        family.progress, CloseReason.FAMILY_REUNIFICATION, family.policy
    )


@pytest.mark.requirement("R023")
@pytest.mark.requirement("R114")
def test_a_bill_goes_through_its_payers_in_the_order_of_the_notice() -> None:
    family = Family()
    family.do(bc.OpenBill(by=OFFICER, child_id=family.child, yuan=Decimal(10_000)))

    def pays(payer: Benefit, approved: int):
        return bc.RecordPayer(by=OFFICER, bill_id="bill-1", payer=payer, approved=Decimal(approved))

    assert family.refused(pays(Benefit.CHARITY, 100)) == "payer_out_of_turn"
    family.do(pays(Benefit.MED_BASIC, 6000))
    family.do(pays(Benefit.MED_SERIOUS, 9000))
    (bill,) = family.progress.bills
    assert [(step.payer.value, step.paid, step.left) for step in bill.payments] == [
        ("MED_BASIC", 6000, 4000), ("MED_SERIOUS", 4000, 0),
    ]  # fmt: skip
    assert family.refused(pays(Benefit.MED_ASSIST, 100)) == "payer_out_of_turn"
    assert family.refused(pays(Benefit.MED_BASIC, 1).model_copy(update={"bill_id": "bill-2"})) == "bill_not_found"


acts = st.lists(
    st.one_of(
        st.tuples(st.just("verdict"), st.sampled_from(list(Verdict)), st.sampled_from((DB, DIFF, DIS2, TK)), st.integers(0, 3000)),
        st.tuples(st.just("choice"), st.sampled_from((DIFF, DIS2, TK)), st.sets(st.sampled_from((DIFF, LIVING, NURSING, TK)))),
        st.tuples(st.just("hears"), st.sampled_from((DB, DIFF, DIS2, TK))),
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.requirement("R017")
@given(acts)
@settings(max_examples=60, deadline=None)
def test_whatever_is_asked_a_child_never_receives_two_of_the_group_nor_less_unheard(asked) -> None:
    family = Family()
    heard: set[Benefit] = set()
    for kind, *act in asked:
        before = family.receives
        try:
            if kind == "verdict":
                family.do(family.verdict(act[0], act[1], yuan=Decimal(act[2]), note="理由"))
            elif kind == "choice":
                family.do(family.choice(act[0], *act[1], still_open=()))
            else:
                family.do(family.hears(act[0]))
                heard.add(act[0])
        except Refused:
            assert family.receives == before
        after = family.receives
        assert len(set(after) & {DIFF, DIS2, TK}) <= 1
        assert not any(
            PACK.benefits.together(one, other) is Result.NOTICE_SILENT
            for one in after
            for other in after
            if one is not other
        )
        if kind != "hears" and sum(y or 0 for y in after.values()) < sum(y or 0 for y in before.values()):
            assert heard & set(before)
    kinds = {type(event) for event in family.events}
    assert kinds.isdisjoint({e.BillOpened, e.PayerAnswered})
