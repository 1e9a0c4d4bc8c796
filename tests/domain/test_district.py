"""The seeded district is whole: every agency has desks, every desk and every role has somebody, and nobody stands twice."""

from collections import Counter

import pytest

from app.district import DESKS, DISTRICT, DIVISIONS, PEOPLE
from app.domain.opening import desk_of
from app.domain.terms import Agency, Role

STREETS = [division for division in DIVISIONS if division.code != DISTRICT]


@pytest.mark.requirement("R072")
def test_the_district_has_its_twenty_four_streets_and_two_towns():
    assert Counter(division.kind for division in DIVISIONS) == {"district": 1, "street": 24, "town": 2}
    assert all(len(division.code) == 9 and division.code.startswith(DISTRICT) for division in STREETS)
    names = {division.code: division.name for division in STREETS}
    assert (names["110106001"], names["110106017"], names["110106101"]) == ("右安门街道", "卢沟桥街道", "王佐镇")


@pytest.mark.requirement("R072")
@pytest.mark.parametrize("agency", list(Agency))
def test_every_agency_of_the_notice_has_a_desk_wherever_a_report_can_be_routed(agency):
    for division in DIVISIONS:
        assert [desk.agency for desk in DESKS if desk.id == desk_of(agency, division.code)] == [agency]


@pytest.mark.requirement("R079")
@pytest.mark.requirement("R135")
@pytest.mark.parametrize("desk", DESKS, ids=lambda desk: desk.id)
def test_every_desk_has_an_officer_and_everybody_whom_the_ladder_tells(desk):
    roles = {role for person in PEOPLE if person.desk == desk.id for role in person.roles}
    assert {Role.OFFICER, Role.DESK_HEAD, Role.AGENCY_HEAD} <= roles


def test_every_role_has_somebody():
    held = {role for person in PEOPLE for role in person.roles}
    assert held == set(Role) - {Role.ENGINE}, "the engine is the service itself, not a person"


@pytest.mark.parametrize("agency", [Agency.POLICE, Agency.CIVIL])
def test_a_second_officer_can_be_shown_where_two_persons_are_needed(agency):
    assert sum(person.agency is agency and person.roles == (Role.OFFICER,) for person in PEOPLE) >= 2


@pytest.mark.requirement("R063")
def test_all_seven_reporter_classes_of_the_notice_can_sign_in():
    reporters = {person.id.partition(".")[0] for person in PEOPLE if Role.REPORTER in person.roles}
    assert reporters >= {"school", "kindergarten", "hospital", "committee", "village", "sw", "rescue", "cwi"}


def test_every_reporter_has_a_unit_of_their_own_to_follow():
    units = [person.unit for person in PEOPLE if Role.REPORTER in person.roles]
    assert None not in units
    assert len(set(units)) == len(units)


def test_nobody_and_no_desk_stands_twice_and_names_tell_people_apart():
    for values in ([p.id for p in PEOPLE], [p.name for p in PEOPLE], [d.id for d in DESKS], [d.name for d in DESKS]):
        assert [value for value, count in Counter(values).items() if count > 1] == []


def test_everybody_is_marked_as_fictional_and_sits_at_a_desk_of_their_agency_and_division():
    desks = {desk.id: desk for desk in DESKS}
    for person in PEOPLE:
        assert "（化名）" in person.name
        assert (person.agency, person.division) == (desks[person.desk].agency, desks[person.desk].division)
