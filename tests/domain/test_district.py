"""The seeded district: every agency has a desk, every desk somebody, every role somebody."""

import pytest

from app.district import DESKS, DIVISIONS, PEOPLE
from app.domain.terms import Agency, Role


@pytest.mark.requirement("R072")
def test_the_district_has_its_26_streets_and_towns():
    assert sum(d.kind in ("street", "town") for d in DIVISIONS) == 26
    assert {d.code for d in DIVISIONS} >= {"110106", "110106001", "110106101"}


@pytest.mark.requirement("R079")
@pytest.mark.requirement("R135")
def test_every_agency_has_a_desk_and_every_desk_an_officer_and_a_head():
    assert {desk.agency for desk in DESKS} == set(Agency)
    for desk in DESKS:
        roles = {role for person in PEOPLE if person.desk == desk.id for role in person.roles}
        assert {Role.OFFICER, Role.DESK_HEAD} <= roles, desk.id


def test_every_role_is_held_and_ids_are_unique():
    held = {role for person in PEOPLE for role in person.roles}
    assert held == set(Role) - {Role.ENGINE}
    assert len({person.id for person in PEOPLE}) == len(PEOPLE)
