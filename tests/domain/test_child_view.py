"""What the tables see of one child: nothing is said of both parents while one is unknown, and what is settled stays settled."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.domain.facts import ChildFacts, GuardianFacts, HouseholdFacts, Known, ReportFacts
from app.policy.child_view import NOTHING_DECIDED, ChildCondition, child_view, vocabulary
from app.policy.child_words import asked_in_words
from app.policy.conditions import view
from app.policy.made import made

FATHER, MOTHER = {"relation": "father"}, {"relation": "mother"}


def seen(*guardians, child=None, household=None):
    subject = ChildFacts.model_validate({"child_id": "ch-1"} | (child or {}))
    facts = ReportFacts(
        children=(subject,), guardians=tuple(GuardianFacts.model_validate(one) for one in guardians),
        household=HouseholdFacts.model_validate(household or {}),
    )  # fmt: skip
    return child_view(facts, subject, NOTHING_DECIDED, 16)


def test_of_a_child_of_whom_nothing_is_known_nothing_is_settled_but_that_nobody_has_offered():
    view = seen()
    assert {view[name] for name in ("orphan", "parents_cannot_care", "suspect", "left_behind", "disabled", "age")} == {
        None
    }
    assert view["kin_offers"] is False


def test_one_dead_parent_makes_no_orphan():
    assert seen(FATHER | {"whereabouts": "dead"})["orphan"] is None
    assert seen(FATHER | {"whereabouts": "dead"}, MOTHER | {"whereabouts": "home"})["orphan"] is False
    assert seen(FATHER | {"whereabouts": "dead"}, MOTHER | {"whereabouts": "dead"})["orphan"] is True
    assert seen({"relation": "adoptive_parent", "whereabouts": "dead"})["orphan"] is True


@pytest.mark.requirement("R011")
@pytest.mark.parametrize(
    ("father", "mother", "age", "answer"),
    [
        ({"whereabouts": "away_for_work"}, {"whereabouts": "away_for_work"}, 10, True),
        ({"whereabouts": "away_for_work"}, {"able": "no"}, 10, True),
        ({"whereabouts": "away_for_work"}, {"able": "yes", "whereabouts": "home"}, 10, False),
        ({"whereabouts": "away_for_work"}, {"whereabouts": "home"}, 10, None),
        ({"whereabouts": "away"}, {"whereabouts": "away_for_work"}, 10, None),
        ({"whereabouts": "away_for_work"}, {"whereabouts": "away_for_work"}, 16, False),
        ({"whereabouts": "away_for_work"}, {"whereabouts": "away_for_work"}, None, None),
    ],
)
def test_left_behind_is_both_away_for_work_or_one_and_the_other_unable(father, mother, age, answer):
    assert seen(FATHER | father, MOTHER | mother, child={"age_years": age})["left_behind"] is answer


def test_an_offer_of_a_suspect_or_of_a_suspects_household_is_none():
    aunt = {"relation": "aunt_or_uncle", "willing": "yes"}
    assert seen(aunt)["kin_offers"] is True
    for against in (
        {"suspected_of_harm": "yes"},
        {"lives_with_suspect": "yes"},
        {"fit": "no"},
        {"whereabouts": "dead"},
    ):
        assert seen(aunt | against)["kin_offers"] is False


def test_a_row_may_ask_only_what_the_view_knows():
    ask = TypeAdapter(ChildCondition).validate_python
    assert ask("disabled && disability_grade <= 2 && school_stage == 'primary'")
    for wrong in ("disabeld", "school_stage == 'primry'", "age > 17"):
        with pytest.raises(ValidationError):
            ask(wrong)


def test_everything_that_the_tables_may_ask_has_words():
    for name in vocabulary():
        words = asked_in_words(name)
        assert not re.search("[a-z_]", words.zh), name
        assert "_" not in words.en


AS_SAID = {
    "kin_offers",
    "kin_fit",
    "delegated",
    "parent_in_doubt",
    "another_guardian",
    "conference_refused",
    "origin_unknown",
    "still_missing",
}
"""About what has been said so far: an offer that nobody has made is none, and it falls when something is known against it."""


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_what_is_settled_stays_settled_when_one_more_answer_comes_in(seed, data):
    facts = made(seed)
    for child in facts.children:
        before = child_view(facts, child, NOTHING_DECIDED, 16)
        open_facts = [name for name, answer in child if answer is Known.UNKNOWN]
        if not open_facts:
            continue
        more = child.model_copy(update={data.draw(st.sampled_from(open_facts)): data.draw(st.sampled_from(Known))})
        after = child_view(facts, more, NOTHING_DECIDED, 16)
        changed = {name for name, value in before.items() if value is not None and after[name] != value}
        assert not changed - AS_SAID
        assert all(value is None or value in vocabulary()[name] for name, value in after.items())


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000))
def test_triage_and_the_tables_over_a_child_say_the_same_of_the_family(seed):
    facts = made(seed)
    asked, children = view(facts, 16), [child_view(facts, c, NOTHING_DECIDED, 16) for c in facts.children]
    behind = {child["left_behind"] for child in children if child["age"] is not None}
    if all(child.age_years is not None for child in facts.children):
        assert asked["left_behind"] == (True in behind)
    assert asked["left_behind"] >= (True in behind)
    if children:
        assert asked["parents_dead"] == (children[0]["orphan"] is True)


def test_triage_acts_in_doubt_for_a_child_whose_age_nobody_knows():
    away = [GuardianFacts.model_validate(one | {"whereabouts": "away_for_work"}) for one in (FATHER, MOTHER)]
    for age, answer in ((None, True), (15, True), (16, False)):
        facts = ReportFacts(children=(ChildFacts(child_id="ch-1", age_years=age),), guardians=tuple(away))
        assert view(facts, 16)["left_behind"] is answer
