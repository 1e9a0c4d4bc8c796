"""A case file is answered with the codes of the worked cases, and other cases as the notice has it; nothing is guessed."""

from collections import Counter

import pytest

from app.policy.examples import examples
from app.policy.simulation import simulate

BENEFITS = {
    "must_not_grant_both",
    "may_grant_both",
    "recompute_when_standard_changes",
    "hear_applicant_before_reduce_or_stop",
}
"""Assertions on benefits, which are decided where benefits are."""
PROSE = ("why", "note", "task", "time_word", "legal", "now", "decider", "reject", "next")


def codes(rows, *names):
    return Counter(tuple(frozenset(row[n]) if isinstance(row[n], list) else row[n] for n in names) for row in rows)


@pytest.mark.parametrize("case_id", sorted(examples()))
@pytest.mark.requirement("R003", "R004", "R005", "R007", "R008", "R010", "R011", "R012", "R036", "R042", "R044", "R068")
def test_a_worked_case_is_answered_as_its_file_expects(case_id):
    case = examples()[case_id]
    expected, said = case["expected"], simulate(case)
    assert Counter(said["triggers"]) == Counter(expected["triggers"])
    assert (said["urgency"], said["police_branch"]) == (expected["urgency"], expected["police_branch"])
    assert said["duplicate_of"] == expected.get("duplicate_of")
    assert said["children"].keys() == expected.get("children", {}).keys()
    for name, child in expected.get("children", {}).items():
        found = said["children"][name]
        assert codes(found["categories"], "code", "status", "basis") == codes(
            child["categories"], "code", "status", "basis"
        )
        for told in ("left_behind", "overlap", "multi_difficulty"):
            assert found.get(told) == child.get(told)
    assert codes(said["routing"], "step", "agency", "basis") == codes(expected["routing"], "step", "agency", "basis")
    assert said["placement"].keys() == expected["placement"].keys()
    for who, place in expected["placement"].items():
        assert {k: said["placement"][who].get(k) for k in place if k not in PROSE} == {
            k: v for k, v in place.items() if k not in PROSE
        }
        assert len(said["placement"][who].get("reject", ())) >= len(place.get("reject", ()))
    assert Counter(said["records"]) == Counter(expected["records"])
    for assertion in expected["assertions"]:
        assert assertion["check"] in BENEFITS or assertion in said["assertions"]
