"""Texts without persons: numbers and birth dates in every form that people write, other numbers left alone, no trace of who reported."""

import pytest

from app.domain.masking import HIDDEN, Mask, hidden_from, names_of, texts_without, without

KNOWN = (
    {"birth_date": "2016-03-04", "name": "欧阳玄烨"},
    {"id_no": "340104198507062354"},
    {"field": "id_no", "value": "110106800102123"},
)
MASK = Mask(KNOWN)
NUMBERS = (
    "13800138000", "8613800138000", "+8613800138000", "+86 138 0013 8000", "+86-138-0013-8000", "008613800138000",
    "0086-138-0013-8000",
    "(+86)13800138000", "（86）138 0013 8000", "＋８６１３８００１３８０００", "138.0013.8000", "138·0013·8000",
    "138－0013－8000", "138—0013—8000",
    "138\u30000013\u30008000", "138\u00a00013\u00a08000", "138\u200b0013\u200b8000", "138 - 0013 - 8000",
    "138 001 38000", "138 00138 000",
    "1380 013 8000", "1380-0138-000", "138 00 13 80 00", "1 3 8 0 0 1 3 8 0 0 0", "１３８００１３８０００",
    "１３８ ００１３ ８０００", "tel13800138000",
    "phone13800138000", "Mobile13800138000", "13800138000father", "ID340104201801012355", "idcard340104-20180101-2355",
    "010 87654321", "010-87654321", "010.8765.4321", "(010)87654321", "（010）87654321", "（０１０）８７６５４３２１",
    "【010】8765 4321", "〔010〕87654321",
    "010 8765 4321", "0312 8765432", "0312-876-5432", "+86 10 8765 4321", "86-10-87654321", "+86-010-87654321",
    "0086 10 87654321",
    "电话87654321", "座机：8765 4321", "Tel: 8765-4321", "电话是８７６５４３２１",
    "340104201801012355", "340104 20180101 2355", "340104-20180101-2355", "340104-2018-0101-2355",
    "340104.20180101.2355", "3401 0420 1801 0123 55",
    "３４０１０４２０１８０１０１２３５５", "34010420180101235Ｘ", "340104 20180101 235x", "340104－20180101－2355",
    "3 4 0 1 0 4 2 0 1 8 0 1 0 1 2 3 5 5",
    "340104 2018 0101 2355", "340104180101235", "340104 180101 235", "３４０１０４１８０１０１２３５",
)  # fmt: skip
LEFT = (
    "WB-2026-000123", "WB-2026-000123-转POLICE-02", "回执1234-5678-9012-3456", "回执 0000 1234 5678 9012",
    "京公丰（刑）受案字〔2026〕13800号",
    "（2026）京0106民初12345号", "2026-03-04", "2026年3月14日至2026年4月1日", "2026.3.4-2026.3.5", "2026-03-04 08:30",
    "2026-03-04 2026-03-05 12",
    "20260304", "20260304083015", "1998.12.31 100元", "1985.3.12 2010.5.6", "收入15000-200000元", "共1380 0138 000元",
    "13800元", "138000000元",
    "12345", "110", "4008001234", "电话12345", "电话打了20260304登记的3次", "3只，15 16 17 18 19 20", "编号110106014",
    "ch-13800138000abcdef01",
    "case-3f13800138000", "case-a13800138000b", "999999999999999", "2026年第138期", "1/3、2/5、3/8", "2026-03-04T08:30:00+08:00",
)  # fmt: skip
BIRTHS = (
    "2016年3月4日", "2016-03-04", "2016-3-4", "2016.3.4", "2016/03/04", "2016．3．4", "２０１６年３月４日",
    "2016 年 3 月 4 日", "20160304", "16年3月4日",
    "1985年7月6日", "1980.1.2",
)  # fmt: skip


def figures(text):
    return "".join(one for one in text if one.isdigit())


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_of_a_person_is_hidden_however_it_is_written(number):
    shown = Mask(())(f"母亲（{number}）来过")
    assert (shown[:3], shown[-3:], "*" * 4 in shown) == ("母亲（", "）来过", True)
    assert len(figures(shown)) <= len("3401042355"), shown
    assert "00138" not in figures(shown)


@pytest.mark.parametrize("text", LEFT)
def test_other_numbers_stay(text):
    for said in (text, f"见{text}。", f"{text}，2026-03-05"):
        assert MASK(said) == said


@pytest.mark.parametrize("day", BIRTHS)
def test_the_birth_date_of_whom_the_mask_knows_is_hidden_in_texts_and_no_other_day(day):
    said = f"生于{day}，2016年3月14日入学，2026-03-04走访"
    year = "2016" if "16" in day or "１６" in day else day[:4]
    assert MASK(said) == f"生于{year}-**-**，2016年3月14日入学，2026-03-04走访"
    assert Mask(())(said) == said


def test_a_day_that_is_a_field_of_its_own_stays_and_one_in_words_goes():
    shown = MASK(
        {"leaves_on": "2016-03-04", "at": "2016-03-04T08:00:00Z", "birth_date": "2016-03-04", "note": "2016-03-04"}
    )
    assert shown == {
        "leaves_on": "2016-03-04", "at": "2016-03-04T08:00:00Z", "birth_date": "2016-**-**", "note": "2016-**-**"
    }  # fmt: skip


REPORTER = {
    "class": "school",
    "org": "北京市丰台区示例小学（化名）",
    "name": "赫连守信（化名）",
    "phone": "138-0013-8000",
}
GONE = names_of(REPORTER)


@pytest.mark.parametrize(
    "told",
    [
        "赫连守信", "赫连 守信", "北京市丰台区示例小学", "丰台区示例小学", "示例小学", "北京市丰台区示例小学（化名）",
        "13800138000", "138 0013 8000",
        "+86 138 0013 8000", "１３８００１３８０００", "138.0013.8000", "1 3 8 0 0 1 3 8 0 0 0",
    ],
)  # fmt: skip
def test_a_text_tells_neither_name_nor_unit_nor_phone_of_the_reporter(told):
    assert figures(without(f"由{told}报告", GONE)) == ""
    assert told not in without(f"由{told}报告", GONE)
    assert without(f"由{told}报告", GONE).startswith(f"由{HIDDEN}")


@pytest.mark.parametrize(
    ("phone", "told", "is_hidden"),
    [
        ("010-87654321", "（010）8765 4321", True), ("010-87654321", "87654321", True),
        ("87654321", "010 87654321", True),
        ("010-87654321转802", "8765-4321", True), ("13800138000/13900139000", "139 0013 9000", True),
        ("13800138000 13900139000", "139-0013-9000", True),
        ("+86 10 8765 4321", "010-87654321", True), ("12345", "12345热线", False),
        ("13800138000", "13800138001", False),
        ("13800138000", "WB-2026-000138", False), ("", "2026", False),
    ],
)  # fmt: skip
def test_phones_are_compared_by_their_digits(phone, told, is_hidden):
    assert (without(told, names_of({"phone": phone})) != told) is is_hidden


def test_a_word_for_any_unit_is_nobodys():
    for unit in ("学校", "公众", "丰台区", "邻居", None):
        assert without("学校、公众、丰台区和邻居", names_of({"org": unit})) == "学校、公众、丰台区和邻居"


def test_every_free_text_of_a_case_loses_the_reporter_and_the_childs_own_facts_stay():
    said = "赫连守信（13800138000）见过，示例小学教师"
    content = {
        "children": [{"id": "ch-1", "name": "赫连守信", "phone": "13800138000", "features": said, "birth_text": said,
                      "school": "北京市丰台区示例小学（化名）", "residence": "赫连守信"}],
        "family": [{"name": "赫连守信", "note": said, "relation": "赫连守信的邻居", "facts": {"relation": "mother"}}],
        "narrative": said,
    }  # fmt: skip
    shown = texts_without(content, GONE)
    hidden = f"{HIDDEN}（{HIDDEN}）见过，{HIDDEN}教师"
    (child,), (member,) = shown["children"], shown["family"]
    assert {shown["narrative"], child["features"], child["birth_text"], member["note"]} == {hidden}
    assert member["relation"] == f"{HIDDEN}的邻居"
    assert [child[name] for name in ("name", "phone", "school", "residence")] == [
        "赫连守信", "13800138000", "北京市丰台区示例小学（化名）", "赫连守信"
    ]  # fmt: skip
    assert member["name"] == "赫连守信"


@pytest.mark.parametrize(
    ("name", "home", "told"),
    [
        ("马家堡社区", "马家堡社区12号楼3单元", None), ("方庄", "丰台区方庄芳城园三区2号楼", None), ("马家堡", "马家堡角门2号", None),
        ("丰台区新村街道", "新村街道示例路1号", None), ("李园", "李园小区5号", None), ("李园", "李园西里5号", None),
        ("李园", "李园3号楼", None), ("槐树岭村", "槐树岭村12号", None), ("李园", "李园家隔壁", "***家隔壁"),
        ("李园", "李园路三里东区街坊院", None), ("方庄", "方庄一路5号", None),
        ("马家堡", "找马家堡问", None), ("赫连守信", "赫连守信家南屋", "***家南屋"), ("John Smith", "c/o JOHN SMITH", "c/o ***"),
    ],
)  # fmt: skip
def test_a_place_that_was_entered_as_the_reporters_name_leaves_the_childs_address_whole(name, home, told):
    """And a person's own name goes out of it, in whatever case it was typed."""
    content = {"children": [{"residence": home, "hukou": home, "school": home}]}
    (child,) = texts_without(content, names_of({"name": name}))["children"]
    assert set(child.values()) == {told or home}


@pytest.mark.parametrize(
    ("name", "told", "shown"),
    [
        ("方庄", "方庄说，方庄街道已知情", "***说，方庄街道已知情"), ("马家堡", "找马家堡问，家在马家堡东里", "找***问，家在马家堡东里"),
        ("王佐", "王佐路过时，王佐一路跟到王佐路", "***路过时，***一路跟到王佐路"),
        ("王佐", "王佐区别对待，王佐镇王佐村里", "***区别对待，王佐镇王佐村里"),
        ("Li", "Li told the police: all is well, LI.", "*** told the police: all is well, ***."),
        ("An", "An报告，an old man", "***报告，*** old man"),
        ("An", "Anna and an2", "Anna and ***2"), ("José", "Joséphine, JOSÉ", "Joséphine, ***"),
    ],
)  # fmt: skip
def test_a_name_that_is_also_a_place_or_part_of_words_goes_out_of_texts_and_nothing_else_with_it(name, told, shown):
    said = texts_without({"narrative": told, "children": [{"features": told}]}, names_of({"name": name}))
    assert (said["narrative"], said["children"][0]["features"]) == (shown, shown)


def test_whoever_reported_the_child_before_is_hidden_as_well_and_from_those_who_may_know_who_reports_now():
    both = {"class": "committee", "org": "COMM-110106007", "name": "欧阳示例", "earlier": [REPORTER]}
    told = "赫连守信（13800138000）说，示例小学，欧阳示例"
    assert without(told, names_of(both)) == f"{HIDDEN}（{HIDDEN}）说，{HIDDEN}，{HIDDEN}"
    assert without(told, hidden_from(both, knows=True)) == f"{HIDDEN}（{HIDDEN}）说，{HIDDEN}，欧阳示例"
