"""A case file is answered with the codes of the worked cases, and other cases as the notice has it; nothing is guessed."""

import json
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.policy.examples import examples
from app.policy.simulation import simulate

PROSE = ("why", "note", "task", "time_word", "legal", "now", "decider", "reject", "next")


def codes(rows, *names):
    return Counter(tuple(frozenset(row[n]) if isinstance(row[n], list) else row[n] for n in names) for row in rows)


@pytest.mark.parametrize("case_id", sorted(examples()))
@pytest.mark.requirement("R003", "R004", "R005", "R007", "R008", "R010", "R011", "R012", "R036")
@pytest.mark.requirement("R042", "R044", "R068", "R017", "R018", "R019", "R020", "R021", "R022", "R030")
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
        assert assertion in said["assertions"]
    assert codes(said["entitlements"], "benefit", "result", "basis") == codes(
        expected["entitlements"], "benefit", "result", "basis"
    )


FURTHER = json.loads((Path(__file__).parent / "further_cases.json").read_text("utf-8"))


@pytest.mark.parametrize("case", FURTHER, ids=[case["case_id"] for case in FURTHER])
@pytest.mark.requirement("R006", "R009", "R033", "R037", "R038", "R039", "R041", "R043", "R094")
def test_a_further_case_is_answered_as_the_notice_has_it(case):
    expected, said = case["expected"], simulate(case)
    for told in ("urgency", "police_branch"):
        assert said[told] == expected.get(told, said[told])
    for name, wanted in expected.get("categories", {}).items():
        child = said["children"][name]
        assert [f"{one['code']} {one['status']}" for one in child["categories"]] == wanted
        assert child["left_behind"] is expected.get("left_behind", False)
        assert child.get("multi_difficulty", False) is expected.get("multi_difficulty", False)
        assert child.get("overlap", []) == expected.get("overlap", [])
        for code, facts in expected.get("decided_by", {}).items():
            assert [one["decided_by"] for one in child["categories"] if one["code"] == code] == [facts]
    for who, (code, basis) in expected["placement"].items():
        place = said["placement"][who]
        assert (place["code"], basis in place["basis"]) == (code, True)
        assert place["tonight"] == expected.get("tonight", place["tonight"])
    for agency, basis in expected.get("legs", ()):
        assert any(leg["agency"] == agency and basis in leg["basis"] for leg in said["routing"]), (agency, basis)
    for benefit, result in expected.get("benefits", {}).items():
        assert result in [one["result"] for one in said["entitlements"] if one["benefit"] == benefit], benefit
    found = [one for child in said["children"].values() for one in child["categories"]]
    shown = [*found, *said["routing"], *said["placement"].values()]
    overlaps = [rule for child in said["children"].values() for rule in child.get("overlap", ())]
    lived = ["R011"] if expected.get("left_behind") else []
    assert set(expected["rows"]) <= {source for one in shown for source in one["basis"]} | {*overlaps, *lived}
    assert set(expected.get("records", ())) <= set(said["records"])
    assert "check" not in expected or expected["check"] in {one["check"] for one in said["assertions"]}
    assert said["routing"]


def test_words_drive_no_rule():
    case = next(case for case in FURTHER if case["case_id"] == "X-silent")
    loud = {**case, "narrative": "爸爸打，孤儿，低保，失踪", "children": [{"name": "巳", "note": "残疾一级"}]}
    assert simulate(loud) == simulate(case)


def test_a_misspelt_fact_is_refused():
    with pytest.raises(ValidationError, match="orphn"):
        simulate({"children": [{"name": "午"}], "facts": {"children": [{"orphn": "yes"}]}})
