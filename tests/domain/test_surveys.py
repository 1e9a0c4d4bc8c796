"""Surveys as rules: marks are read strictly, and results tell of nobody."""

import pytest
from hypothesis import given
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
    for result in results_of(SPEC, answers, 5):
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


def test_a_questionnaire_that_asks_twice_is_refused_with_its_place():
    files = texts(HERE / "fengtai-2026.1")
    twice = files["rounds.yaml"].replace("code: respect", "code: overall")
    faults = check({**files, "rounds.yaml": twice})
    assert [(fault.table, fault.row) for fault in faults] == [("surveys", "satisfaction")]
