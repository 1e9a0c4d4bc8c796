"""Surveys as rules: marks are read strictly, and results tell of nobody."""

import itertools
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain.surveys import results_of
from app.policy.check import check
from app.policy.loader import HERE, load, texts

SPEC = load("fengtai-2026.1").surveys["satisfaction"]


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ({}, {()}), ({"overall": 6}, {("overall",)}), ({"overall": 0, "crown": 3}, {("overall",), ("crown",)}),
        ({"overall": -1}, {("overall",)}),
    ],
)  # fmt: skip
def test_a_mark_that_is_none_is_told_with_its_place(given, places):
    with pytest.raises(ValidationError) as wrong:
        SPEC.read(given)
    assert {error["loc"] for error in wrong.value.errors()} == places


def test_a_question_may_be_left_out():
    assert SPEC.read({"overall": 5}) == {"overall": 5}


@given(st.lists(st.dictionaries(st.sampled_from(["overall", "help"]), st.integers(1, 5)), max_size=60))
def test_no_result_tells_of_fewer_than_five(answers):
    for result in results_of(SPEC, {date(2026, 1, 1): answers}, 5):
        said = [answer[result.code] for answer in answers if result.code in answer]
        hidden = [mark for mark, count in result.marks.items() if count is None]
        assert all(count is None or count == 0 or count >= 5 for count in result.marks.values())
        assert len(hidden) != 1, "the number answered would give it away"
        if 0 < len(said) < 5:
            assert (result.answered, result.mean, len(hidden)) == (None, None, 5)
        if said and not hidden:
            assert result.mean == round(sum(said) / len(said), 2)
        if hidden:
            assert result.mean is None


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(st.dictionaries(st.sampled_from(["overall", "help"]), st.sampled_from([1, 5])), max_size=14),
        max_size=4,
    )
)
def test_no_two_results_differ_by_fewer_than_five_whatever_quarters_and_on_whatever_day_they_were_asked(answers):
    starts = [date(2026 + n // 4, n % 4 * 3 + 1, 1) for n in range(len(answers))]
    for n, question in ((n, one) for n, one in enumerate(SPEC.questions) if one.code in ("overall", "help")):
        seen = [
            (range(first, last), results_of(SPEC, dict(zip(starts[:day], answers, strict=False)), 5, starts[first], starts[last - 1])[n])
            for day in range(len(starts) + 1) for last in range(1, day + 1) for first in range(last)
        ]  # fmt: skip
        for of, more in itertools.product(seen, seen):
            if {*of[0]} <= {*more[0]}:
                less = (more[1].answered or 0) - (of[1].answered or 0)
                assert less == 0 or less >= 5, question.code
                for mark, count in more[1].marks.items():
                    less = (count or 0) - (of[1].marks[mark] or 0)
                    assert less == 0 or less >= 5, (question.code, mark)
        for _, one in seen:
            rest = (one.answered or 0) - sum(count or 0 for count in one.marks.values())
            assert rest == 0 or rest >= 5, "nor do the marks beside the number of answers tell of few"
        told = results_of(SPEC, dict(zip(starts, answers, strict=True)), 5)[n].answered or 0
        assert sum(question.code in one for quarter in answers for one in quarter) - told < 5, "what waits is few"


def test_a_questionnaire_that_asks_twice_is_refused_with_its_place():
    files = texts(HERE / "fengtai-2026.1")
    twice = files["rounds.yaml"].replace("code: respect", "code: overall")
    faults = check({**files, "rounds.yaml": twice})
    assert [(fault.table, fault.row) for fault in faults] == [("surveys", "satisfaction")]
