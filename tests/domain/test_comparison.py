"""Two reports side by side: what is equal however it was written, what is near, what differs, and which child stands beside which."""

from app.db.sounds import initials, sound_keys
from app.domain.comparison import Verdict, compare


def verdicts(here, there):
    return {(line.child, line.field): line.verdict for line in compare(here, there, sound_keys)}


def test_the_same_is_the_same_however_it_was_written():
    one = {
        "name": "示例甲（化名）",
        "id_no": "11010620160304001x",
        "phone": "+86 139-0000-1111",
        "school": "示例第三小学二年级",
    }
    other = {
        "name": "示例 甲",
        "id_no": "１１０１０６２０１６０３０４００１X",
        "phone": "13900001111",
        "school": "示例三小",
    }
    assert set(verdicts({"children": [one]}, {"children": [other]}).values()) == {Verdict.SAME}


def test_near_different_and_said_by_one_alone():
    one = {
        "name": "张小雨",
        "birth_date": "2016-03-04",
        "sex": "female",
        "phone": "13900001111",
        "features": "左手有疤",
    }
    other = {"name": "章晓宇", "birth_date": "2016-04-03", "sex": "male", "phone": "13900001112", "features": None}
    found = verdicts({"children": [one]}, {"children": [other]})
    assert found == {
        (1, "name"): Verdict.NEAR, (1, "birth_date"): Verdict.NEAR, (1, "sex"): Verdict.DIFFERENT, (1, "phone"): Verdict.NEAR,
        (1, "features"): Verdict.ONE_SIDED,
    }  # fmt: skip


def test_children_are_paired_by_what_agrees_and_the_family_is_the_same_where_one_of_it_is():
    here = {
        "children": [{"name": "李一"}, {"name": "李二"}],
        "family": [{"name": "李父", "phone": "13900002222"}, {"name": "李母"}],
    }
    there = {"children": [{"name": "李二"}, {"name": "李三"}], "family": [{"name": "李 父", "phone": ""}]}
    found = verdicts(here, there)
    assert found[2, "name"] is Verdict.SAME
    assert found[1, "name"] is Verdict.DIFFERENT
    assert (found[None, "family_name"], found[None, "family_phone"]) == (Verdict.SAME, Verdict.ONE_SIDED)


def test_initials_are_those_of_each_reading_and_of_chinese_names_alone():
    assert initials("张小雨") == ("zxy",)
    assert {"zxy", "sxy"} >= set(initials("张小雨"))
    assert set(initials("单小雨")) >= {"sxy"}
    assert initials("John") == initials("") == ()
