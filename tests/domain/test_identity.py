"""Id numbers, names and their masks."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.identity import CHECKS, WEIGHTS, clean_name, id_findings, mask_id, mask_name
from app.policy.examples import examples


def numbered(stem):
    return stem + CHECKS[sum(int(d) * w for d, w in zip(stem, WEIGHTS, strict=True)) % 11]


def test_the_sample_of_the_standard_is_valid():
    assert id_findings("11010519491231002X", date(1949, 12, 31), "female") == ()
    assert id_findings("１１０１０５１９４９１２３１００２ｘ") == ()


@pytest.mark.parametrize("case_id", sorted(examples()))
def test_all_numbers_of_the_worked_cases_are_valid(case_id):
    for child in examples()[case_id]["children"]:
        if child["id_no"]:
            sex = {"女": "female", "男": "male"}[child["sex"]]
            assert id_findings(child["id_no"], date.fromisoformat(child["birth_date"]), sex) == ()


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(0, 999), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_never_passes(born, sequence, place, by):
    number = numbered(f"110106{born:%Y%m%d}{sequence:03}")
    if number[place] == "X" or not number[place].isdigit():
        return
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    assert id_findings(number, born) == ()
    assert id_findings(wrong, born) != ()


def test_what_is_wrong_is_named():
    assert id_findings("12345") == ("wrong_length",)
    assert id_findings(numbered("11010620230230123")) == ("impossible_birth_date",)
    assert id_findings("11010519491231002X", date(1949, 12, 30)) == ("birth_date_differs",)


def test_names_are_cleaned_and_masked():
    assert clean_name("林小禾（化名）") == "林小禾"
    assert mask_name("𠮷野家（化名）") == "𠮷*"
    assert mask_id("110106201512029916") == "110106********9916"
