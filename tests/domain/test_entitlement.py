"""One of an exclusive group and the highest, for every combination of conditions and amounts; nothing falls unheard."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.benefits import Amount, Benefit, Result, Standards
from app.domain.entitlement import (
    BenefitRules,
    Comparison,
    Held,
    Line,
    Move,
    Part,
    Stacking,
    change_amount,
    choose,
    compare,
    look_again,
    recompute,
)
from app.domain.facts import Known
from app.domain.refusals import RefusalCode, Refused

pytestmark = pytest.mark.requirement("R017")
DIFF, DIS2, TK, DB = Benefit.B_DIFF, Benefit.B_DIS2, Benefit.B_TK, Benefit.B_DB
LIVING, NURSING = Benefit.B_DIS_LIVING, Benefit.B_DIS_NURSING
GROUP = (DIFF, DIS2, TK)
PARTS = {DIFF: (DIFF,), DIS2: (LIVING, NURSING), TK: (TK,)}
DAY = date(2026, 5, 1)
RULES = BenefitRules(
    stackings=(
        Stacking(id="s-one", benefits=GROUP, result=Result.CHOOSE_HIGHEST, basis=("R017",)),
        Stacking(id="s-diff", benefits=(DB, DIFF), result=Result.ALLOWED, basis=("R018",)),
    )
)


def line(benefit: Benefit, met: Known, **parts: Known) -> Line:
    made = tuple(Part(benefit=part, met=parts.get(part.value, met)) for part in PARTS[benefit])
    return Line(benefit=benefit, met=met, parts=made)


def standards(since: date = DAY, **yuan: int) -> Standards:
    return Standards(
        amounts=tuple(
            Amount(benefit=Benefit(code), yuan=Decimal(sum_), effective_from=since, source="test", fictional=True)
            for code, sum_ in yuan.items()
        )
    )


OF_THE_CASE = standards(B_DIFF=1900, B_DIS_LIVING=400, B_DIS_NURSING=500, B_TK=2100)
NIANNIAN = (line(DIFF, Known.YES), line(DIS2, Known.YES), line(TK, Known.UNKNOWN))

answers = st.sampled_from(list(Known))
claims = st.tuples(*(st.builds(line, st.just(benefit), answers) for benefit in GROUP))
sums = st.one_of(st.none(), st.integers(0, 5000))
tables = st.fixed_dictionaries({b.value: sums for b in (DIFF, LIVING, NURSING, TK)}).map(
    lambda found: standards(**{code: yuan for code, yuan in found.items() if yuan is not None})
)


def refusal_of(comparison: Comparison, benefit: Benefit) -> Refused:
    with pytest.raises(Refused) as refused:
        choose(comparison, benefit)
    return refused.value


def may_choose(comparison: Comparison, benefit: Benefit) -> bool:
    try:
        choose(comparison, benefit)
    except Refused:
        return False
    return True


def test_the_living_support_is_above_the_two_subsidies_until_extreme_hardship_is_confirmed() -> None:
    comparison = compare(NIANNIAN, OF_THE_CASE, DAY)
    assert comparison.is_due
    assert comparison.highest == (DIFF,)
    assert choose(comparison, DIFF) == 1900
    assert [found.total for found in comparison.lines] == [1900, 900, None]
    assert comparison.may_win == (DIFF, TK)
    confirmed = compare((*NIANNIAN[:2], line(TK, Known.YES)), OF_THE_CASE, DAY)
    assert confirmed.highest == (TK,)
    assert choose(confirmed, TK) == 2100
    assert refusal_of(confirmed, DIFF).code is RefusalCode.NOT_THE_HIGHEST


def test_two_of_the_three_are_enough_to_exclude_each_other() -> None:
    assert not compare((line(DIFF, Known.YES), line(DIS2, Known.NO)), OF_THE_CASE, DAY).is_due
    assert compare((line(DIFF, Known.NO), line(DIS2, Known.YES), line(TK, Known.YES)), OF_THE_CASE, DAY).is_due


def test_only_the_subsidies_that_the_child_meets_are_summed() -> None:
    mild = line(DIS2, Known.YES, B_DIS_NURSING=Known.NO)
    grade_unknown = line(DIS2, Known.YES, B_DIS_NURSING=Known.UNKNOWN)
    comparison = compare((mild, grade_unknown), OF_THE_CASE, DAY)
    assert [found.total for found in comparison.lines] == [400, None]


def test_without_an_amount_the_comparison_says_which_is_missing() -> None:
    comparison = compare(NIANNIAN, standards(B_DIFF=1900, B_DIS_LIVING=400), DAY)
    assert comparison.highest == ()
    assert comparison.missing == (NURSING,)
    refused = refusal_of(comparison, DIFF)
    assert refused.code is RefusalCode.COMPARISON_INCOMPLETE
    assert refused.facts["amounts"] == ("B_DIS_NURSING",)
    assert comparison.may_win == GROUP


def test_an_amount_counts_from_its_date_and_is_marked_when_it_is_invented() -> None:
    both = Standards(amounts=(*OF_THE_CASE.amounts, *standards(DAY + timedelta(days=31), B_DIFF=2000).amounts))
    assert both.of(DIFF, DAY - timedelta(days=1)) is None
    in_force = [both.of(DIFF, day) for day in (DAY, DAY + timedelta(days=31))]
    assert [amount and amount.yuan for amount in in_force] == [1900, 2000]
    assert all(part.fictional for part in compare(NIANNIAN, both, DAY).lines[0].parts)
    with pytest.raises(ValueError, match="two amounts from the same date: B_DIFF 2026-05-01"):
        Standards(amounts=OF_THE_CASE.amounts * 2)


@given(claims, tables)
def test_what_the_family_may_sign_for_is_met_and_nothing_met_is_above_it(
    lines: tuple[Line, ...], amounts: Standards
) -> None:
    comparison = compare(lines, amounts, DAY)
    for benefit in GROUP:
        if may_choose(comparison, benefit):
            chosen = choose(comparison, benefit)
            totals = [found.total for found in comparison.met]
            assert all(total is not None and total <= chosen for total in totals)
            line = comparison.line(benefit)
            assert line
            assert line.met is Known.YES
    assert set(comparison.highest) <= set(comparison.may_win)


@given(claims, tables)
def test_an_unknown_condition_or_amount_is_never_chosen(lines: tuple[Line, ...], amounts: Standards) -> None:
    comparison = compare(lines, amounts, DAY)
    for found in comparison.lines:
        if found.met is not Known.YES or comparison.missing:
            assert not may_choose(comparison, found.benefit)


@given(st.sampled_from(list(Benefit)), st.sampled_from(list(Benefit)))
@pytest.mark.requirement("R018")
def test_two_of_the_group_never_stand_together_and_silence_is_never_decided(one: Benefit, other: Benefit) -> None:
    result = RULES.together(one, other)
    assert result is RULES.together(other, one)
    supports = {DB, *GROUP}
    if one is other or not {one, other} <= supports:
        return
    if {one, other} <= set(GROUP):
        assert result is Result.CHOOSE_HIGHEST
    else:
        assert result is (Result.ALLOWED if {one, other} == {DB, DIFF} else Result.NOTICE_SILENT)


held_sums = st.integers(0, 5000).map(Decimal)


@given(claims, tables, st.sampled_from(GROUP), held_sums, st.sampled_from(list(PARTS)), st.integers(0, 3000))
def test_raising_a_standard_never_lowers_what_a_family_gets(
    lines: tuple[Line, ...], amounts: Standards, benefit: Benefit, yuan: Decimal, raised: Benefit, by: int
) -> None:
    higher = Standards(
        amounts=tuple(
            amount.model_copy(update={"yuan": amount.yuan + by}) if amount.benefit in PARTS[raised] else amount
            for amount in amounts.amounts
        )
    )
    held = Held(child_id="ch-1", benefit=benefit, yuan=yuan, since=DAY)
    before, after = (recompute(held, compare(lines, table, DAY)) for table in (amounts, higher))
    assert before.yuan is not None
    assert after.yuan is not None
    assert after.yuan >= before.yuan >= yuan
    if after.move is Move.OFFER_HIGHER:
        assert after.would_be is not None
        assert after.would_be > after.yuan


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (OF_THE_CASE, (Move.STAY, 1900)),
        (standards(B_DIFF=2000, B_DIS_LIVING=400, B_DIS_NURSING=500), (Move.RAISE, 2000)),
        (standards(B_DIFF=1900, B_DIS_LIVING=1500, B_DIS_NURSING=500), (Move.OFFER_HIGHER, 1900)),
        (standards(B_DIFF=1800, B_DIS_LIVING=400, B_DIS_NURSING=500), (Move.HEAR_BEFORE_CUT, 1900)),
        (standards(B_DIS_LIVING=400, B_DIS_NURSING=500), (Move.ASK, 1900)),
    ],
)
def test_a_new_standard_says_which_decisions_it_touches(amounts: Standards, expected: tuple[Move, int]) -> None:
    held = Held(child_id="ch-1", benefit=DIFF, yuan=Decimal(1900), since=DAY)
    comparison = compare(NIANNIAN, amounts, DAY)
    found = recompute(held, comparison)
    assert (found.move, found.yuan) == expected
    signed = held.model_copy(update={"comparison": compare(NIANNIAN, OF_THE_CASE, DAY)})
    again = look_again(signed, RULES.model_copy(update={"standards": amounts}), DAY)
    assert again == found, "what was signed under is compared again at the amounts of today"


def test_who_no_longer_meets_the_conditions_is_heard_before_the_stop() -> None:
    held = Held(child_id="ch-1", benefit=DIFF, yuan=Decimal(1900), since=DAY)
    found = recompute(held, compare((line(DIFF, Known.NO), line(DIS2, Known.YES)), OF_THE_CASE, DAY))
    assert (found.move, found.yuan, found.offer) == (Move.HEAR_BEFORE_STOP, 1900, (DIS2,))


@given(st.one_of(st.none(), held_sums), held_sums, st.one_of(st.none(), st.integers(-40, 40)))
def test_less_or_nothing_needs_a_hearing_between_the_decision_and_today(
    before: Decimal | None, after: Decimal, heard: int | None
) -> None:
    heard_on = None if heard is None else DAY + timedelta(days=heard)
    held = Held(child_id="ch-1", benefit=DIFF, yuan=before, since=DAY, heard_on=heard_on)
    today = DAY + timedelta(days=30)
    was_heard = heard is not None and 0 <= heard <= 30
    is_cut = after == 0 or (before is not None and after < before)
    if is_cut and not was_heard:
        with pytest.raises(Refused) as refused:
            change_amount(held, after, today)
        assert refused.value.code is RefusalCode.HEARING_NEEDED
    else:
        changed = change_amount(held, after, today)
        assert (changed.yuan if changed else 0) == after
