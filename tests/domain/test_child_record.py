"""What a child's record says on a day: the means that were recognised and the age, in the order of time with what else was said."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.child_file import ChangeEntered, ChangePassed, ChangeRejected, Value, apply_file
from app.domain.child_joined import together
from app.domain.child_record import CaseSeen, ChildRecord, tells_of
from app.domain.child_terms import FileField, NotTaken
from app.domain.clock import Clock
from app.domain.facts import ChildFacts, FactsSeen, GuardianFacts, HouseholdFacts, Known, ReportFacts
from app.domain.ledgers import Findings, categories
from app.domain.progress import Child
from app.domain.terms import CloseReason, Stage
from app.domain.watch import EndReason, Watch, WatchEnded
from app.policy.loader import load

PACK = load("fengtai-2026.1")
AT = datetime(2026, 3, 1, tzinfo=UTC)
AWAY = tuple(
    GuardianFacts(relation=one, whereabouts="away_for_work", is_guardian=Known.YES) for one in ("father", "mother")
)


def days(n):
    return AT + timedelta(days=n)


def file_of(*decided):
    """By each decision: the day, what was claimed, and whether it was recognised."""
    file, contents = None, {}
    for day, said, taken in decided:
        clock = Clock.model_construct(next_at=None)
        entered = ChangeEntered.model_construct(
            at=days(day), by="a", child_id="ch-1", division="110106007", policy="p", field=FileField.MEANS, steps=("CIVIL",),
            desk="CIVIL", clock=clock,
        )  # fmt: skip
        file = apply_file(file, entered)
        number = file.version
        contents[number] = {"value": said}
        head = {"at": days(day), "by": "b", "change": number, "field": FileField.MEANS}
        file = apply_file(
            file, ChangePassed(**head) if taken else ChangeRejected(**head, reason=NotTaken.EVIDENCE_MISSING)
        )
    return {"file": file, "contents": contents}


def record(household=None, family=(), later=(), born=None, age=None, **known):
    facts = ReportFacts(
        children=(ChildFacts(child_id="ch-1", age_years=age),),
        guardians=family,
        household=household or HouseholdFacts(),
    )
    reported = {FileField.BIRTH_DATE: born} if born else {}
    return ChildRecord(
        child_id="ch-1", division="110106007", reported_at=AT, case_id=None, reported=reported, facts=facts, later=later, **known
    )  # fmt: skip


def found(of, day=date(2026, 6, 1)):
    return set(categories(Findings(PACK).of(of, day)))


LIVING, LOW = ({name: "yes"} for name in ("on_minimum_living", "low_income"))
POOR = HouseholdFacts(on_minimum_living=Known.YES)


@pytest.mark.requirement("R003")
@pytest.mark.parametrize(
    ("household", "decided", "is_poor"),
    [
        (None, [(3, LIVING, True)], True), (POOR, [(3, LIVING, False)], False), (POOR, [(3, {"on_minimum_living": "no"}, True)], False),
        (POOR, [(3, LIVING, True), (4, LIVING, False)], True), (POOR, [(3, LIVING, False), (4, LOW, False)], False),
        (POOR, [(3, {"on_minimum_living": "no"}, False)], True), (POOR, [(3, {"note": "x"}, True)], True), (None, [(3, LIVING, False)], False),
    ],
)  # fmt: skip
def test_of_the_means_of_a_family_counts_what_was_decided_of_them(household, decided, is_poor):
    assert ("D1" in found(record(household, **file_of(*decided)))) is is_poor


def test_means_stand_in_the_order_of_time_with_what_else_was_said_and_in_the_past_as_they_stood_then():
    ended = (days(5), FactsSeen(household={"on_minimum_living": "no"}))
    one = record(**file_of((3, LIVING, True)))
    assert one.facts_with(ended).household.on_minimum_living is Known.NO
    early = one.model_copy(update={"later": (ended, (days(2), FactsSeen(household={"low_income": "no"})))[1:]})
    assert early.facts_with().household.on_minimum_living is Known.YES
    then = [one.facts_at(days(n), ()).household.on_minimum_living for n in (2, 4)]
    assert then == [Known.UNKNOWN, Known.YES]


@pytest.mark.requirement("R002", "R121")
def test_the_rules_see_the_age_of_the_day_by_the_birth_date_that_counts_in_the_file():
    behind = record(family=AWAY, age=12, born="2013-06-02")
    assert [("LB" in found(behind, day)) for day in (date(2026, 3, 1), date(2029, 6, 1), date(2029, 6, 2))] == [
        True, True, False,
    ]  # fmt: skip
    passed = Value(version=1, by="a", at=AT)
    corrected = {"file": file_of((3, {}, True))["file"].model_copy(update={"counts": {FileField.BIRTH_DATE: passed}})}
    older = behind.model_copy(update={**corrected, "contents": {1: {"value": "2009-01-02"}}})
    assert "LB" not in found(older, date(2026, 3, 1)), "a correction that was passed counts"
    assert [behind.facts_on(day).children[0].age_years for day in (date(2026, 3, 1), date(2040, 1, 1))] == [12, 17]
    for words in (None, "大约十岁"):
        assert record(age=12, born=words).facts_on(date(2040, 1, 1)).children[0].age_years == 12, "nobody knows the day"
    assert record(born="2020-01-01").facts_on(date(2026, 1, 1)).children[0].age_years == 6
    assert behind.facts_at(datetime(2030, 1, 1, tzinfo=UTC), ()).children[0].age_years == 16


def case_closed(day, reason, children=1):
    return (1, CaseSeen.model_construct(
        case_id="case-1", stage=Stage.CLOSED, closed_at=days(day), closed_reason=reason,
        children=tuple(Child.model_construct(id=f"ch-of-case-{n}") for n in range(children)),
    ))  # fmt: skip


DIED, RISK = EndReason.DIED, EndReason.RISK_ENDED


@pytest.mark.requirement("R051")
@pytest.mark.parametrize(
    ("ended", "cases", "gone"),
    [
        ((5, DIED), (), DIED), ((5, RISK), (), None), (None, (case_closed(3, CloseReason.DIED),), DIED),
        (None, (case_closed(3, CloseReason.DIED, 2),), None), (None, (case_closed(3, CloseReason.NEEDS_MET),), None),
        ((2, RISK), (case_closed(3, CloseReason.ADULTHOOD),), EndReason.ADULTHOOD), ((5, RISK), (case_closed(3, CloseReason.DIED),), None),
    ],
)  # fmt: skip
def test_a_child_is_gone_by_what_ended_last_and_of_several_in_a_case_nobody_can_say_which(ended, cases, gone):
    one = record().model_copy(update={"cases": cases})
    if ended:
        watch = Watch.model_construct(is_open=False, suspended_for=None)
        event = WatchEnded.model_construct(at=days(ended[0]), reason=ended[1])
        one = one.model_copy(update={"watch": watch, "ended": event})
        for going_on in ({"is_open": True}, {"suspended_for": "watch-2"}):
            assert one.model_copy(update={"watch": watch.model_copy(update=going_on)}).gone is None
    assert (one.gone and one.gone[1]) == gone


def test_what_a_case_closed_with_is_said_of_its_one_child_in_however_many_files_that_stands():
    _, two = case_closed(3, CloseReason.DIED, 2)
    assert not tells_of(two, ("ch-of-case-0",))
    assert tells_of(two, ("ch-of-case-0", "ch-of-case-1"))
    assert tells_of(two.model_copy(update={"watch": "watch-ch-of-case-0"}), ("ch-of-case-0",)), "a visit made it"


def test_of_files_that_are_one_the_watch_is_the_open_one_or_that_which_went_on_until_it_ended():
    """The one that is kept may rest for the other: then the child would be watched by nobody and gone for no reason."""
    resting, over, going_on = (
        Watch.model_construct(is_open=is_open, suspended_for=rests)
        for is_open, rests in ((False, "watch-2"), (False, None), (True, None))
    )
    for watches, counts in (
        ([resting, over], over),
        ([over, resting], over),
        ([resting, over, going_on], going_on),
        ([resting], resting),
    ):
        kept, *others = (record().model_copy(update={"watch": watch}) for watch in (*watches, None))
        assert together(kept, tuple(others)).watch is counts


def test_of_several_watches_that_have_ended_the_last_says_how():
    over = Watch.model_construct(is_open=False, suspended_for=None)
    first, last = (
        record().model_copy(update={"watch": over, "ended": WatchEnded.model_construct(at=days(day), reason=reason)})
        for day, reason in ((2, RISK), (5, DIED))
    )
    assert [together(one, (other,)).gone for one, other in ((first, last), (last, first))] == [(days(5), DIED)] * 2


def test_what_was_decided_in_a_joined_file_was_said_of_the_child():
    other = record().model_copy(update=file_of((6, {"low_income": "yes"}, True)))
    whole = together(record(), (other,))
    assert [whole.last_said(days(day)) for day in (5, 9)] == [record().reported_at, days(6)]
