"""Each sign of health turns where it must, and whatever is not well says what to do in both languages."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.health import Light, Measured, Vital, judge
from app.domain.terms import Fault

NOW = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
WELL = Measured(
    heard_at=NOW, engine_at=NOW, reconciled_at=NOW, workers=1, confirmed_until=date(2027, 12, 31), archives=True, archived_at=NOW,
    restored_on=date(2026, 11, 1),
)  # fmt: skip
S, M, D = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def light(vital, **changes):
    signs = {sign.vital: sign for sign in judge(WELL.model_copy(update=changes), NOW)}
    others = [sign.vital for sign in signs.values() if sign.vital is not vital and sign.light is not Light.GOOD]
    assert others == []
    said = signs[vital]
    assert bool(said.do_zh) == bool(said.do_en) == (said.light is not Light.GOOD), "what is not well says what to do"
    assert said.zh
    assert said.en
    return said.light


def test_a_service_that_is_well_has_nothing_to_do():
    assert [sign.light for sign in judge(WELL, NOW)] == [Light.GOOD] * len(Vital)


@pytest.mark.parametrize(("vital", "well", "ill"), [
    (Vital.WORKER, {"heard_at": NOW - 90 * S}, {"heard_at": NOW - 91 * S}),
    (Vital.WORKER, {}, {"heard_at": None}),
    (Vital.ENGINE, {"engine_at": NOW - 90 * S}, {"engine_at": NOW - 91 * S}),
    (Vital.RELAY, {"behind": 4, "behind_since": NOW - 30 * S}, {"behind": 4, "behind_since": NOW - 31 * S}),
    (Vital.RECONCILER, {"reconciled_at": NOW - 10 * M}, {"reconciled_at": NOW - 11 * M}),
    (Vital.FINDINGS, {"findings": {}}, {"findings": {Fault.NO_OWNER: 1}}),
    (Vital.DELIVERIES, {"failing": {}}, {"failing": {"区教委": 2}}),
    (Vital.SEALS, {"unsealed": 90 * S}, {"unsealed": 91 * S}),
    (Vital.KEYS, {}, {"keys_at_hand": False}),
    (Vital.CALENDAR, {}, {"confirmed_until": date(2026, 11, 22)}),
    (Vital.CALENDAR, {}, {"confirmed_until": None}),
    (Vital.ARCHIVE, {"archive_failed_at": NOW - D}, {"archive_failed_at": NOW + S}),
    (Vital.ARCHIVE, {"archived_at": NOW - D}, {"archived_at": NOW - D - S}),
    (Vital.RESTORE, {"restored_on": date(2026, 10, 19)}, {"restored_on": None}),
])  # fmt: skip
def test_a_sign_turns_at_its_limit(vital, well, ill):
    assert light(vital, **well) is Light.GOOD
    assert light(vital, **ill) is Light.WRONG


@pytest.mark.parametrize(("vital", "changes"), [
    (Vital.KEYS, {"keys_since_rotation": 1}), (Vital.CALENDAR, {"confirmed_until": date(2027, 1, 21)}),
    (Vital.ARCHIVE, {"archives": False, "archived_at": None}), (Vital.RESTORE, {"restored_on": date(2026, 10, 18)}),
])  # fmt: skip
def test_what_is_good_only_for_now_is_to_be_seen_to(vital, changes):
    assert light(vital, **changes) is Light.SOON


def test_numbers_are_said_by_kind_and_by_agency():
    found = judge(
        WELL.model_copy(update={"findings": {Fault.NO_OWNER: 2, Fault.NO_NEXT_DEADLINE: 5}, "failing": {"区教委": 3}}),
        NOW,
    )
    said = {sign.vital: sign.zh for sign in found}
    assert said[Vital.FINDINGS] == "没有下一时限 5 件；无人负责 2 件"
    assert said[Vital.DELIVERIES] == "3 项送不出去：区教委 3"
