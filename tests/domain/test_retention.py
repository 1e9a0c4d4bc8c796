"""When what is kept may be destroyed: to the day, by the row that holds that day, and never while any of it is in use or held."""

from datetime import date

import pytest

from app.domain.retention import (
    Dossier,
    Life,
    RetentionRule,
    due_on,
    is_due,
    may_dispose,
    may_hold,
    rule_for,
    years_after,
)
from app.domain.sight import Actor
from app.policy.retention import retention_rules

RULE = RetentionRule(
    code="r", kept=Dossier.CASE, holds_from=date(2026, 1, 1), years=10, until_age=21, basis=("default",), why=""
)
LIFE = Life(last_on=date(2026, 11, 29), in_use=False, born=(date(2010, 5, 4), date(2012, 2, 29)))


@pytest.mark.parametrize(
    ("changed", "day"),
    [
        ({}, date(2036, 11, 29)),
        ({"born": ()}, date(2036, 11, 29)),
        ({"born": (date(2016, 3, 4), date(2010, 1, 1))}, date(2037, 3, 4)),  # the youngest
        ({"born": (date(2020, 2, 29),)}, date(2041, 3, 1)),
        ({"last_on": date(2028, 2, 29)}, date(2038, 3, 1)),
    ],
)
def test_it_is_due_on_the_day_and_not_on_the_day_before(changed, day):
    life = LIFE.model_copy(update=changed)
    assert due_on(RULE, life) == day
    assert is_due(RULE, life, day)
    assert not is_due(RULE, life, date.fromordinal(day.toordinal() - 1))
    for stopped in ({"in_use": True}, {"held": True}):
        assert not is_due(RULE, life.model_copy(update=stopped), date(2999, 1, 1))


def test_the_row_of_the_day_holds_and_a_later_one_takes_its_place():
    later = RULE.model_copy(update={"code": "later", "holds_from": date(2030, 1, 1), "years": 30})
    other = RULE.model_copy(update={"code": "other", "kept": Dossier.CHILD})
    rows = (RULE, later, other)
    days = {
        date(2025, 12, 31): None, date(2026, 1, 1): "r", date(2029, 12, 31): "r", date(2030, 1, 1): "later",
    }  # fmt: skip
    for day, code in days.items():
        found = rule_for(rows, Dossier.CASE, day)
        assert (found and found.code) == code
    assert years_after(date(2024, 2, 29), -1) == date(2023, 3, 1)


def test_the_rows_that_ship_cite_what_may_be_shown_and_cover_everything():
    assert {rule.kept for rule in retention_rules()} == set(Dossier)
    assert all(rule.basis for rule in retention_rules())


@pytest.mark.parametrize("wrong", [
    "basis: []", "basis: [memory]", "basis: [default]\n  more: 1",
])  # fmt: skip
def test_a_row_without_a_basis_is_refused(tmp_path, wrong):
    file = tmp_path / "retention.yaml"
    file.write_text(
        f"- code: x\n  kept: case\n  holds_from: 2026-01-01\n  years: 1\n  until_age: 18\n  why: x\n  {wrong}\n"
    )
    with pytest.raises(ValueError):
        retention_rules(file)


def test_who_keeps_the_list_and_who_may_stop_a_destruction():
    seats = {
        name: Actor(person_id=name, agency=agency, desk=agency, roles=(role,))
        for name, agency, role in (
            ("supervisor", "CIVIL", "supervisor"), ("conf", "CONF", "supervisor"), ("head", "CIVIL", "agency_head"),
            ("officer", "CONF", "officer"), ("procurator", "PROC", "procurator"), ("court", "COURT", "desk_head"),
            ("police", "POLICE", "supervisor"), ("admin", "CONF", "admin"), ("auditor", "CONF", "auditor"),
        )
    }  # fmt: skip
    assert {name for name, who in seats.items() if may_dispose(who)} == {"supervisor", "conf"}
    assert {name for name, who in seats.items() if may_hold(who)} == {"supervisor", "conf", "procurator", "court"}
