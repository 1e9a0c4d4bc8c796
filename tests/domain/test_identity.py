"""Numbers, phones and names as people type them: told when wrong, masked when shown, equal when they name one person."""

import string
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.identity import (
    check_digit,
    clean_name,
    id_findings,
    known_name,
    mask_id,
    mask_name,
    mask_phone,
    normal_id,
    normal_phone,
    phone_findings,
)
from app.policy.examples import SEXES, examples

FULL_WIDTH = str.maketrans("0123456789Xx-", "０１２３４５６７８９Ｘｘ－")


@st.composite
def numbers(draw):
    """A sound number with the birth date and the sex that it says."""
    born, order = draw(st.dates(date(1900, 1, 1), date(2026, 12, 31))), draw(st.integers(0, 999))
    first = f"{draw(st.integers(110000, 659999))}{born:%Y%m%d}{order:03}"
    return first + check_digit(first), born, "male" if order % 2 else "female"


def test_the_sample_of_the_standard_is_sound():
    assert id_findings("11010519491231002X", date(1949, 12, 31), "female") == ()
    assert id_findings("１１０１０５１９４９１２３１００２ｘ") == ()


@pytest.mark.parametrize("case_id", sorted(examples()))
def test_every_number_of_the_worked_cases_is_sound(case_id):
    people = examples()[case_id]["children"] + examples()[case_id]["family"]
    for person in people:
        if person.get("id_no"):
            born = date.fromisoformat(person["birth_date"])
            assert id_findings(person["id_no"], born, SEXES[person["sex"]]) == ()


@given(numbers())
def test_a_sound_number_agrees_with_the_birth_date_and_sex_inside_it(made):
    number, born, sex = made
    assert id_findings(number, born, sex) == ()
    assert id_findings(number, date.fromordinal(born.toordinal() + 1)) == ("birth_date_differs",)
    assert id_findings(number, born, "female" if sex == "male" else "male") == ("sex_differs",)


@given(numbers(), st.integers(0, 17), st.sampled_from(string.digits + "X"))
def test_one_wrong_character_never_passes(made, place, wrong):
    number = made[0]
    changed = number[:place] + wrong + number[place + 1 :]
    assert (id_findings(changed) == ()) == (changed == number)


@given(numbers(), st.sampled_from(["", " ", "\u200b", "\ufeff", "-"]))
def test_full_width_blanks_and_small_x_are_the_same_number(made, between):
    number = made[0]
    assert normal_id(between.join(number.lower().translate(FULL_WIDTH))) == number


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("", ("wrong_length",)),
        ("12345", ("wrong_length",)),
        ("11010620180127991", ("wrong_length",)),
        ("1101062018012799111", ("wrong_length",)),
        ("X10106201801279911", ("wrong_length",)),
        ("١١٠١٠٦٢٠١٨٠١٢٧٩٩١١", ("wrong_length",)),
        ("110106201801279912", ("wrong_check_digit",)),
        ("110106201802309917", ("wrong_check_digit", "impossible_birth_date")),
        ("11010620230230123" + check_digit("11010620230230123"), ("impossible_birth_date",)),
        ("11010618990101991" + check_digit("11010618990101991"), ("impossible_birth_date",)),
    ],
)
def test_what_is_wrong_is_told_in_codes(number, found):
    assert id_findings(number) == found


@given(st.text(max_size=60))
def test_no_text_whatever_raises(text):
    for answer in (id_findings, phone_findings):
        assert all(code.isidentifier() for code in answer(text))
    for form in (normal_id, normal_phone, clean_name, known_name, mask_name, mask_id, mask_phone):
        assert isinstance(form(text), str)


@pytest.mark.parametrize(
    ("typed", "phone"),
    [
        ("138 0013 8000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("（010）63811234转801", "01063811234"),
        ("010-63811234-801", "01063811234"),
        ("+86 10 63811234", "01063811234"),
        ("0351-6381123", "03516381123"),
        ("010-00000003", "01000000003"),
        ("63811234", "63811234"),
        ("12345", "12345"),
        ("110", "110"),
        ("400-810-1234", "4008101234"),
    ],
)
def test_a_phone_has_one_form_however_it_is_typed(typed, phone):
    assert normal_phone(typed) == phone
    assert phone_findings(typed) == ()


@pytest.mark.parametrize("typed", ["", "不知道", "1380013800", "138001380000", "12800138000", "010-10000003", "099"])
def test_what_is_no_phone_is_told(typed):
    assert phone_findings(typed) == ("not_a_phone",)


@pytest.mark.parametrize("case_id", sorted(examples()))
def test_the_fictional_phones_of_the_worked_cases_pass(case_id):
    assert phone_findings(examples()[case_id]["reporter"]["phone"]) == ()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("林小禾（化名）", "林小禾"),
        ("林小书（电话记录，音近）", "林小书"),
        ("林小书(化名", "林小书"),
        ("李（又名（小名）小宝）明", "李明"),
        (" 李\u3000小\u200b树 ", "李小树"),
        ("未知（登记名：丰八月，化名）", "丰八月"),
        ("𠮷野家𪚥", "𠮷野家𪚥"),
        ("李\ufa19", "李神"),
    ],
)
def test_remarks_fall_off_and_rare_characters_stay(typed, name):
    assert clean_name(typed) == name


@pytest.mark.parametrize(
    "typed", ["", "未知", "不详", "某", "李某", "李某某（化名）", "无名氏", "？", "***", "（化名）"]
)
def test_a_placeholder_names_nobody(typed):
    assert known_name(typed) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("买买提·吐尔逊", "买买提•吐尔逊"),
        ("Alice Lee", "ＡＬＩＣＥ　ＬＥＥ"),
        ("葛\U000e0100小树", "葛小树"),
        ("⼩树", "小树"),
        (unicodedata.normalize("NFD", "Zoë"), "Zoë"),
    ],
)
def test_ways_of_writing_a_name_are_compared_as_one(one, other):
    assert known_name(one) == known_name(other) != ""


def test_masks_show_no_more_than_they_should():
    masks = {"李小树（化名）": "李*", "欧阳小树": "欧阳*", "欧阳": "欧*", "𠮷野家（化名）": "𠮷*", "": ""}
    assert {name: mask_name(name) for name in masks} == masks
    assert mask_id("３４０１０４２０１８０１０１１２３４") == "340104********1234"
    assert mask_id("34010420180101123") == "*" * 17
    assert mask_phone("138 1234 1234") == "138****1234"
    assert mask_phone("0351-6381123") == "0351****1123"
    assert mask_phone("63811234") == "********"


@given(numbers())
def test_a_masked_number_hides_the_birth_date(made):
    assert mask_id(made[0])[6:14] == "*" * 8
