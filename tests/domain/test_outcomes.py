"""Outcome figures as rules: who is counted, once; what a guardian is; and no number that gives a child away."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.determination import Category, CategoryFound
from app.domain.ledgers import categories
from app.domain.outcomes import CaseThen, ChildOutcome, WatchThen, counted_with, figures, outcomes_of
from app.domain.small_numbers import TOGETHER, shown_of_agencies, suppressed
from app.policy.examples import facts_of
from app.policy.loader import load

FILED = datetime(2026, 3, 12, 2, tzinfo=UTC)
PACK = load("fengtai-2026.1")


def case(number, **then):
    return CaseThen(**{"case_id": f"case-{number}", "division": "110106007", "policy": "p", "filed_at": FILED, **then})


def child(number, *categories, guarded="unknown", known=5):
    return ChildOutcome(child_id=f"ch-{number}", categories=categories, guarded=guarded, known=known, asked=10)


def of(cases, children, *watches):
    found, by_file = {name: tuple(those) for name, those in children.items()}, {w.child_id: w for w in watches}
    files = {name: [one.child_id for one in those] for name, those in found.items()}
    return figures(cases, found, by_file, counted_with(cases, files, by_file))


@pytest.mark.requirement("R002")
def test_children_of_open_cases_and_under_watch_are_counted_once_by_category_and_grade():
    closed, again = FILED + timedelta(days=9), FILED + timedelta(days=60)
    cases = [
        case(1, grade="high"), case(2, closed_at=closed, grade="low"), case(3, closed_at=closed), case(4, linked=True),
        case(5, filed_at=again, watch="watch-ch-2", grade="medium"),
    ]  # fmt: skip
    children = {
        "case-1": [child(1, Category.D1, Category.LB, guarded="yes")], "case-2": [child(2, Category.D2)],
        "case-3": [child(3, Category.D2)], "case-4": [child(4, Category.D3)],
        "case-5": [child(2, Category.D2, Category.LB, guarded="no")],
    }  # fmt: skip
    seen = of(cases, children, WatchThen(child_id="ch-2", division="110106021", grade="low", is_open=True))
    assert (seen.children, seen.categories["D1"], seen.categories["D2"], seen.categories["D3"]) == (2, 1, 1, 0)
    assert seen.grades == {"high": 1, "medium": 1, "low": 0, "none": 0}
    assert (seen.left_behind_guarded, seen.closed_cases, seen.again_by_visit) == (0.5, 2, 1)
    assert seen.again_by_visit_rate == 0.5
    later = [*cases[:4], cases[4].model_copy(update={"filed_at": closed + timedelta(days=91)})]
    assert of(later, children).again_by_visit == 0
    assert of([], {}).again_by_visit_rate is None


@pytest.mark.requirement("R056")
def test_how_complete_and_how_early_children_are_known():
    cases = [
        case(1, happened_on=date(2026, 3, 2), first_action_at=FILED + timedelta(minutes=30)),
        case(2, happened_on=date(2026, 3, 10), first_action_at=FILED + timedelta(hours=2)),
        case(3),
    ]
    children = {f"case-{n}": [child(n, known=known)] for n, known in ((1, 10), (2, 5), (3, 0))}
    seen = of(cases, children)
    assert (seen.completeness, seen.days_to_discovery, seen.hours_to_first_action) == (0.5, 6.0, 1.25)
    assert of([case(3)], {"case-3": [child(3)]}).days_to_discovery is None


@pytest.mark.parametrize(
    ("guardian", "guarded"),
    [
        ({"whereabouts": "home", "able": "yes"}, "yes"), ({"whereabouts": "home", "able": "unknown"}, "unknown"),
        ({"whereabouts": "home", "able": "yes", "suspected_of_harm": "yes"}, "no"),
        ({"whereabouts": "away_for_work", "able": "yes"}, "no"), ({"delegated": "yes", "fit": "yes"}, "yes"),
        ({"whereabouts": "home", "able": "yes", "revoked": "yes"}, "no"), ({}, "unknown"),
    ],
)  # fmt: skip
def test_whoever_is_able_and_at_hand_guards_and_nobody_else(guardian, guarded):
    facts = facts_of("CN-02").at(FILED)
    one = type(facts.guardians[0]).model_validate(guardian)
    alone = facts.model_copy(update={"guardians": (one,)})
    assert {found.guarded for found in outcomes_of(alone, PACK.found(alone))} == {guarded}


def test_of_a_child_the_categories_of_the_books_are_counted():
    facts = facts_of("CN-02").at(FILED)
    (found,) = PACK.found(facts)
    (outcome,) = outcomes_of(facts, [found])
    assert outcome.categories[-1] is Category.LB
    assert 0 < outcome.known < outcome.asked
    for status, counts in (
        ("confirmed", True),
        ("propose", True),
        ("pending", True),
        ("assess", False),
        ("not_yet", False),
    ):
        one = CategoryFound(code=Category.D2, status=status, basis=(), rows=())
        (outcome,) = outcomes_of(facts, [found.model_copy(update={"categories": (one,), "left_behind": "no"})])
        assert outcome.categories == categories(found.model_copy(update={"categories": (one,), "left_behind": "no"}))
        assert (outcome.categories == (Category.D2,)) is counts, status


@pytest.mark.requirement("R002")
def test_a_left_behind_child_whose_parents_have_arranged_who_cares_is_guarded_while_that_stands():
    one, watch = case(1), WatchThen(child_id="ch-1", division="110106021", grade="low", is_open=True, entrusted=True)
    behind = {"case-1": [child(1, Category.LB, guarded="no")]}
    stands = [watch, watch.model_copy(update={"entrusted": False}), watch.model_copy(update={"is_open": False})]
    assert [of([one], behind, then).left_behind_guarded for then in stands] == [1.0, 0.0, 0.0]


def test_a_third_report_is_counted_after_the_second_closure():
    closed, again = FILED + timedelta(days=9), FILED + timedelta(days=60)
    second = case(2, filed_at=again, watch="watch-ch-1", closed_at=again + timedelta(days=60))
    third = case(3, filed_at=again + timedelta(days=100), watch="watch-ch-1")
    children = {f"case-{n}": [child(1)] for n in (1, 2, 3)}
    assert of([case(1, closed_at=closed), second, third], children).again_by_visit == 2


def test_a_child_of_several_cases_counts_with_the_open_one_and_under_watch_with_the_first():
    over, watch = FILED + timedelta(days=9), WatchThen(child_id="ch-1", division="110106021", grade="low", is_open=True)
    registered = case(3, registered=True, filed_at=FILED - timedelta(days=9))
    for cases, counts in (
        ([registered, case(2), case(1)], "case-1"),
        ([case(1, closed_at=over), case(2, watch="watch-ch-1")], "case-2"),
        ([case(2, closed_at=over, watch="watch-ch-1"), case(1, filed_at=over, closed_at=over)], "case-1"),
        ([registered, case(1, closed_at=over)], "case-3"),
        ([case(1, linked=True), registered], "case-3"),
    ):
        assert counted_with(cases, {one.case_id: ["ch-1"] for one in cases}, {"ch-1": watch}) == {"ch-1": counts}
    rests = {"ch-1": watch.model_copy(update={"is_open": False})}
    assert counted_with([registered, case(1, closed_at=over)], {"case-1": ["ch-1"], "case-3": ["ch-1"]}, rests) == {}


TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 12), min_size=width, max_size=width), min_size=1, max_size=5)
)


@pytest.mark.requirement("R137")
@given(TABLES)
def test_no_number_is_shown_by_which_somebody_could_be_told(counts):
    table = {f"r{n}": {f"c{m}": count for m, count in enumerate(row)} for n, row in enumerate(counts)}
    shown = suppressed(table, 5)
    assert [list(row) for row in shown.values()] == [list(row) for row in table.values()]
    for name, row in shown.items():
        for column, number in row.items():
            assert number is None or number == table[name][column]
            assert number is None or number == 0 or number >= 5
    lines = [list(row.values()) for row in shown.values()]
    lines += [[row[column] for row in shown.values()] for column in next(iter(shown.values()))]
    assert not any(line.count(None) == 1 for line in lines if len(line) > 1)


def test_where_nothing_is_small_nothing_is_left_out():
    table = {"a": {"x": 5, "y": 0}, "b": {"x": 70, "y": 8}}
    assert suppressed(table, 5) == table


def test_of_an_agency_in_a_street_nobody_learns_that_it_had_one_child_there():
    numbers = {"a": {"POLICE": 9, "EDU": 7, "COURT": 1, "WF": 2}, "b": {"POLICE": 8, "EDU": 8, "COURT": 2, "WF": 3}}
    counts = {
        (street, one): {"accept_due": n, "finish_due": 9 if one == "WF" else 0, "rungs": 0}
        for street, row in numbers.items() for one, n in row.items()
    }  # fmt: skip
    shown = shown_of_agencies(counts, 5)
    assert {key for key in counts if key not in shown} == {("a", "COURT"), ("b", "COURT")}, "the line alone would tell"
    assert shown["a", "WF"] == {"accept_due": None, "finish_due": 9, "rungs": 0}
    assert shown["a", "POLICE"] == {"accept_due": 9, "finish_due": 0, "rungs": 0}
    alone = shown_of_agencies({key: line for key, line in counts.items() if key[1] in ("POLICE", "COURT")}, 9)
    assert alone == {}, "the sum of the street would tell the one by the other"
    few = {("a", "COURT"): {"accept_due": 3}, ("b", "POLICE"): {"accept_due": 9}, ("b", "EDU"): {"accept_due": 8}}
    for streets in ("abc", "bca", "ac"):
        told = shown_of_agencies({key: line for key, line in few.items() if key[0] in streets}, 5, streets)
        sums = {street: told[street, TOGETHER]["accept_due"] for street in streets}
        assert (sums.get("a"), [*sums.values()].count(None) > 1) == (None, True), "the sum of all streets is told"
