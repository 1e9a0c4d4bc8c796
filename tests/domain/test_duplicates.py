"""Duplicates in the register: what speaks of the child is weighed, a family alone suggests nothing, and the mistakes of clerks are known."""

from datetime import date

import pytest

from app.db.sounds import sound_keys
from app.domain.child_terms import Section
from app.domain.duplicates import Known, as_told, compare, near_dates, rarity
from tests.bench.match import judged, made

BORN = date(2016, 5, 6)
ID = "110106201605060023"


def known(name="单雨桐", **more):
    return Known(child_id="ch", name=name, sounds=sound_keys(name), **{"birth_date": BORN, "sex": "female", **more})


def codes(a, b):
    return {reason.code for reason in compare(a, b).reasons}


@pytest.mark.parametrize(
    ("one", "other", "reason", "suggested"),
    [
        ({"id_no": ID}, {"id_no": ID, "name": "丹玉童", "birth_date": None}, "same_id", True),
        ({"id_no": ID}, {"id_no": "110106201605060032"}, "id_mistyped", True),
        ({"id_no": ID}, {"id_no": "11010620160506023"}, "id_mistyped", True),
        ({"id_no": ID}, {"id_no": "110106201605060146"}, "ids_differ", False),
        ({}, {"name": "单宇桐"}, "name_sounds_alike", True),
        ({}, {"name": "丹雨桐"}, "name_sounds_alike", True),
        ({}, {"birth_date": date(2016, 6, 5)}, "birth_date_near", True),
        ({}, {"birth_date": date(2013, 1, 30)}, "birth_dates_differ", False),
        ({"birth_date": None, "sex": None}, {"birth_date": None, "sex": None}, "same_name", False),
        (
            {"birth_date": None, "phones": ("13800001234",), "guardians": sound_keys("单建国")},
            {"birth_date": None, "phones": ("13800001234",), "guardians": sound_keys("单健国")},
            "same_guardian",
            True,
        ),
    ],
)
def test_each_reason_is_named_and_weighed(one, other, reason, suggested):
    a, b = known(**one), known(**{"name": "单雨桐", **other})
    assert reason in codes(a, b)
    assert compare(a, b).suggest is suggested
    assert compare(a, b) == compare(b, a)


FAMILY = {"phones": ("13800001234",), "guardians": sound_keys("单建国"), "division": "110106007", "school": "示例一小"}


def test_brothers_sisters_and_twins_are_no_duplicates_and_a_second_file_of_the_family_is():
    child = known(**FAMILY)
    assert not compare(child, known("单雨涵", **FAMILY, sex="female")).suggest, "a twin with the generation's character"
    assert "other_child_of_family" in codes(child, known("单雨涵", **FAMILY))
    assert not compare(child, known("单雨涵", **{**FAMILY, "birth_date": date(2018, 3, 3)})).suggest
    assert compare(child, known("单雨同", **FAMILY)).suggest


def test_a_rare_name_says_more_than_a_common_one():
    def pair(bearers):
        seen = {"rarity": rarity(bearers, 20_000), "birth_date": None, "division": "110106007"}
        return compare(known(**seen), known(**seen))

    assert pair(2).suggest
    assert not pair(60).suggest


def test_a_body_is_told_no_more_by_comparing_than_it_is_told_of_a_file():
    sections = {"identity", "school"}
    one, other = (as_told(known(**FAMILY), {Section(part) for part in sections}) for _ in range(2))
    assert {reason.code for reason in compare(one, other).reasons} == {
        "same_name",
        "same_birth_date",
        "same_school",
        "same_sex",
    }
    assert codes(known(**FAMILY), known(**FAMILY)) >= {"same_phone", "same_guardian", "same_street"}
    assert len({rarity(bearers, 20_000) for bearers in range(40, 60)}) == 1, "one bearer more tells nothing"


@pytest.mark.parametrize(
    ("other", "near"),
    [((2016, 5, 7), True), ((2016, 6, 5), True), ((2015, 5, 6), True), ((2061, 5, 6), True), ((2015, 5, 7), False)],
)
def test_the_slips_of_a_date(other, near):
    assert near_dates(BORN, date(*other)) is near


def test_a_small_synthetic_register_is_found_nearly_whole():
    files, truth = made(7, 3000)
    recall, precision, compared, _ = judged(files, truth)
    assert (len(truth), recall >= 0.97, precision >= 0.96) == (300, True, True), (recall, precision)
    assert compared < 30 * len(files), "the blocks keep what is compared small"
