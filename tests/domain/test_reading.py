"""A condition over facts of which some are unknown: it holds, it does not, or it says which facts would decide it."""

from itertools import product

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.facts import Known
from app.policy.family import all_of, any_of, negation
from app.policy.reading import Question, faults

WORDS = {"a": (False, True), "b": (False, True), "c": (False, True), "age": (0, 1, 2, 3), "stage": ("young", "old")}
NOTHING = dict.fromkeys(WORDS)


def read(condition, **known):
    return Question(condition, WORDS).read(NOTHING | known)


def test_what_is_known_is_answered_plainly():
    assert read("a && age > 1", a=True, age=2) == (Known.YES, ())
    assert read("a && age > 1", a=True, age=1) == (Known.NO, ())


def test_what_holds_either_way_does_not_wait_for_the_fact():
    assert read("a || !a").answer is Known.YES
    assert read("a && b", a=False).answer is Known.NO
    assert read("age >= 0").answer is Known.YES


def test_an_open_condition_names_the_facts_that_would_decide_it_and_no_others():
    assert read("a && b", a=True) == (Known.UNKNOWN, ("b",))
    assert read("(a && b) || (a && !b)") == (Known.UNKNOWN, ("a",))
    assert read("age > 1 && stage == 'old'", stage="old") == (Known.UNKNOWN, ("age",))


CONDITIONS = st.recursive(
    st.sampled_from(["a", "b", "c", "age < 2", "stage == 'old'"]),
    lambda inner: st.builds("!({})".format, inner) | st.builds("({} && {})".format, inner, inner)
    | st.builds("({} || {})".format, inner, inner),
    max_leaves=6,
)  # fmt: skip
FULL = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in WORDS.items()})


@given(CONDITIONS, FULL, st.sets(st.sampled_from(sorted(WORDS))))
def test_no_fact_that_comes_later_contradicts_an_answer(condition, full, unknown):
    plain = cel.compile(condition).execute(full)
    reading = read(condition, **{name: value for name, value in full.items() if name not in unknown})
    assert reading.is_open or reading.holds is plain
    if reading.is_open:
        assert set(reading.missing) <= unknown
        decided = {name: full[name] for name in reading.missing}
        again = {name: value for name, value in full.items() if name not in unknown} | decided
        assert read(condition, **again) == (Known.YES if plain else Known.NO, ())


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("a &&", "no CEL"),
        ("d", "nothing is called d"),
        ("stage == 'odl'", "can be odl"),
        ("age", "not yes or no"),
        ("a && 1 / age > 0", "fails"),
        ("a && !a", "never holds"),
        ("age > 1 && age < 2", "never holds"),
    ],
)
def test_a_condition_without_an_answer_is_refused(condition, reason):
    assert any(reason in fault for fault in faults(condition, WORDS))


def test_a_condition_that_asks_too_much_at_once_is_refused():
    many = {f"x{n}": (False, True) for n in range(13)}
    assert "too much" in next(faults(" || ".join(many), many))


@given(st.lists(st.sampled_from([True, False, None]), max_size=6))
def test_joint_answers_agree_with_every_way_the_unknown_may_turn_out(answers):
    worlds = list(product(*((True, False) if answer is None else (answer,) for answer in answers)))
    for joint, plain in ((all_of, all), (any_of, any)):
        possible = {plain(world) for world in worlds}
        assert joint(*answers) is (possible.pop() if len(possible) == 1 else None)
    assert negation(all_of(*answers)) is any_of(*map(negation, answers))
