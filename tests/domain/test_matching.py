"""Whether two reports may be about one child."""

from datetime import UTC, date, datetime

from app.db.sounds import sound_keys
from app.domain.matching import Candidate, score

NOW = datetime(2026, 5, 19, 11, tzinfo=UTC)


def child(name, born, **known):
    return Candidate(
        case_id=name,
        name=name,
        sound_keys=sound_keys(name),
        birth_date=date.fromisoformat(born),
        reported_at=NOW,
        **known,
    )


MISSING = child("凌小树", "2018-01-27", sex="male", division="110106003", school="示例第三小学二年级")
CALLED = child("林小书", "2018-01-28", sex="male", division="110106003", school="示例三小 二年级")


def test_the_same_child_heard_differently_is_suggested_with_reasons():
    match = score(MISSING, CALLED)
    assert match.suggest
    assert {r.code for r in match.reasons} == {
        "name_sounds_alike",
        "birth_date_near",
        "same_school",
        "same_place_and_time",
    }
    assert score(CALLED, MISSING).score == match.score


def test_other_children_are_not_suggested():
    assert not score(
        MISSING, child("王大明", "2015-03-02", sex="male", division="110106003", school="示例第三小学")
    ).suggest
    assert not score(MISSING, child("凌小树", "2011-09-09", division="110106017")).suggest
    assert not score(MISSING, child("凌小舒", "2018-01-27", sex="female", division="110106003")).suggest


def test_a_number_decides_and_one_wrong_digit_nearly_does():
    one = child("甲", "2018-01-27", id_no="110106201801279911")
    assert score(one, child("乙", "2010-01-01", id_no="110106201801279911")).suggest
    assert score(one, child("甲", "2018-01-27", id_no="110106201801279912")).suggest


def test_a_surname_with_two_readings_is_found_under_both():
    assert set(sound_keys("单明")) & set(sound_keys("山明"))
    assert set(sound_keys("曾宁")) & set(sound_keys("增林"))
    assert sound_keys("（化名）") == ()
