"""Registers as rules: what an entry has to hold, who keeps and sees it, when it is looked at again, which posts stand empty."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain.access import Actor
from app.domain.refusals import Refused
from app.domain.registers import EndOfEntry, Kind, Post, ended, keeps, sight, vacancies, written
from app.domain.terms import Agency, Role
from app.policy.calendars import seed
from app.policy.check import check
from app.policy.loader import HERE, load, texts

REGISTERS = load("fengtai-2026.1").registers
CALENDAR = seed().calendar()
NOW = datetime(2026, 3, 12, 2, tzinfo=UTC)
DIRECTOR = {
    "post": "director",
    "community": "entry-c1",
    "name": "某某（化名）",
    "full_time": "full",
    "checked_on": "2026-01-05",
}
SUPERVISOR = {"post": "supervisor", "name": "某某（化名）", "full_time": "part", "checked_on": "2026-01-05"}


def at(desk, *roles):
    agency, _, division = desk.partition("-")
    return Actor(
        person_id=f"{desk}.1",
        agency=Agency(agency),
        desk=desk,
        roles=roles or (Role.OFFICER,),
        division=division or None,
    )


def enter(register, fields, desk="STREET-110106007", before=None, now=NOW, division="110106007"):
    return written(REGISTERS[register], before, "entry-1", fields, division, at(desk), now, CALENDAR)


def test_what_is_entered_is_typed_and_each_fault_has_its_place():
    with pytest.raises(ValidationError) as wrong:
        enter("staff", {"post": "king", "phone": 5, "crown": "gold"})
    assert {error["loc"] for error in wrong.value.errors()} == {
        ("post",), ("name",), ("full_time",), ("phone",), ("crown",), ("checked_on",)
    }  # fmt: skip
    with pytest.raises(ValidationError) as wrong:
        enter("staff", {**DIRECTOR, "community": None, "checked_on": "2026-03-13"})
    assert {(error["loc"], error["type"]) for error in wrong.value.errors()} == {
        (("community",), "missing"), (("checked_on",), "date_in_future")
    }  # fmt: skip
    for register, fields in (("staff", SUPERVISOR), ("volunteers", {"name": "志愿者（化名）", "serves": "ch-1"})):
        with pytest.raises(ValidationError) as wrong:
            enter(register, {**fields, "checked_on": None})
        assert [error["loc"] for error in wrong.value.errors()] == [("checked_on",)], "未成年人保护法 第62条"
    with pytest.raises(ValidationError):
        enter("payments", {"line": "entry-1", "purpose": "x", "state": "paid", "yuan": "-1"})


def test_only_a_keeping_desk_writes_and_only_in_its_own_entries_and_division():
    entry = enter("staff", SUPERVISOR)
    for desk, register, before, division in (
        ("POLICE", "staff", None, "110106"), ("STREET-110106008", "staff", entry, "110106008"),
        ("STREET-110106008", "staff", None, "110106007"),
    ):  # fmt: skip
        with pytest.raises(Refused):
            enter(register, SUPERVISOR, desk, before, division=division)
    for role in (Role.REPORTER, Role.MACHINE):
        assert not keeps(at("STREET-110106007", role), REGISTERS["staff"])
    assert not keeps(at("STREET-110106007", Role.OFFICER, Role.ADMIN), REGISTERS["staff"])


def test_an_entry_that_has_ended_stays_ended():
    entry = enter("staff", SUPERVISOR)
    last = ended(REGISTERS["staff"], entry, EndOfEntry.REPLACED, at("STREET-110106007"), NOW)
    assert (last.version, last.kind, last.fields, last.review_at) == (2, Kind.ENDED, entry.fields, None)
    with pytest.raises(Refused) as no:
        enter("staff", SUPERVISOR, before=last)
    assert no.value.code == "entry_ended"


def test_a_register_does_not_exist_for_those_who_neither_keep_nor_read_nor_oversee_it():
    def seen(desk, register, *roles):
        allowed = sight(at(desk, *roles), REGISTERS[register])
        return allowed.everything, allowed.desks, allowed.shows_private("COMM-110106007")

    committee = "COMM-110106007"
    assert seen(committee, "staff") == (False, (committee,), True)
    assert seen("STREET-110106007", "staff", Role.DESK_HEAD) == (False, ("STREET-110106007", committee), True)
    assert seen("STREET-110106008", "staff", Role.DESK_HEAD)[2] is False
    assert seen("CIVIL", "staff", Role.SUPERVISOR) == (True, (), True)
    assert seen("POLICE", "shelters") == (True, (), False)
    for desk, roles in (("POLICE", ()), (committee, (Role.REPORTER,)), ("CONF", (Role.ADMIN,))):
        assert sight(at(desk, *roles), REGISTERS["staff"]).nothing


def test_a_review_falls_due_by_its_interval_from_the_day_that_it_names():
    assert enter("shelters", SHELTER).review_at - NOW >= timedelta(days=29)
    checked = enter("staff", {**SUPERVISOR, "checked_on": "2025-06-01"})
    assert checked.review_at.astimezone(UTC).date().isoformat() == "2026-06-01", "未成年人保护法 第62条: every year"
    missing = {"family": "某家（化名）", "leaves_on": "2026-04-01", "urged_on": "2026-03-12", "arranged": "missing"}
    leave = enter("departures", missing, "COMM-110106007")
    assert leave.review_at is not None
    assert leave.review_at < datetime(2026, 4, 1, tzinfo=UTC), "it comes back before the parents have left"
    stated = {**missing, "arranged": "delegated", "stated": "由祖母照护"}
    assert enter("departures", stated, "COMM-110106007", before=leave).review_at is None


SHELTER = {"name": "某庇护点", "address": "某路1号", "phone": "010-00000000", "suited": "any", "beds": 4, "taken": 1}


@pytest.mark.requirement("R135")
def test_each_street_has_a_supervisor_and_each_community_a_director_or_the_post_is_vacant():
    streets, communities = REGISTERS["staff"].expects
    posts = [Post(id=code, desk=f"STREET-{code}", division=code) for code in ("110106007", "110106008")]
    entry = enter("staff", SUPERVISOR)
    assert [v.post.id for v in vacancies(streets, posts, [entry])] == ["110106008"]
    gone = ended(REGISTERS["staff"], entry, EndOfEntry.OVER, at("STREET-110106007"), NOW + timedelta(days=3))
    left = vacancies(streets, posts, [gone])
    assert [(v.post.id, v.since) for v in left] == [("110106007", gone.at), ("110106008", None)]
    villages = [Post(id="entry-c1", desk="STREET-110106007", division="110106007", since=NOW)]
    assert vacancies(communities, villages, [enter("staff", DIRECTOR)]) == ()
    assert [v.since for v in vacancies(communities, villages, [entry])] == [NOW]
    mine = enter("staff", DIRECTOR, "COMM-110106007")
    assert vacancies(communities, villages, [mine]) == ()
    others = [one.model_copy(update={"desk": desk}) for one in (entry, mine) for desk in ("SW", "COMM-110106008")]
    assert len(vacancies(streets, posts, others)) == 2, "nobody but the street itself has filled its post"
    assert len(vacancies(communities, villages, others)) == 1, "nor that of a community of another"


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c"])), st.lists(st.sampled_from(["a", "b", "c"])))
def test_a_post_is_vacant_exactly_while_no_entry_holds_it(held, gone):
    (plan,) = REGISTERS["work_plans"].expects
    posts = [Post(id=desk, desk=desk, division="110106") for desk in ("a", "b", "c")]
    entry = enter("work_plans", {"title": "方案", "adopted_on": "2026-03-01", "measures": "…"}, "POLICE")
    lines = [entry.model_copy(update={"desk": desk}) for desk in held]
    lines += [entry.model_copy(update={"desk": desk, "kind": Kind.ENDED}) for desk in gone]
    assert {v.post.id for v in vacancies(plan, posts, lines)} == {"a", "b", "c"} - set(held)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("basis: [R027]", "basis: [R999]", "no such source"),
        ("book: organisations", "book: nowhere", "there is no register called nowhere"),
        ("required_if: {post: director}", "required_if: {post: king}", "post is never king"),
        ("since: inspected_on", "since: name", "there is no day called name"),
        ("each: communities, through: community, zh: 社区儿童", "each: communities, through: places, zh: 社区儿童", "no field places"),
        ("code: shelters", "code: staff", "this code stands twice"),
    ],
)  # fmt: skip
def test_a_register_that_leads_nowhere_is_refused_with_its_place(before, after, said):
    files = texts(HERE / "fengtai-2026.1")
    assert before in files["registers.yaml"]
    faults = check({**files, "registers.yaml": files["registers.yaml"].replace(before, after, 1)})
    assert any(said in fault.reason and fault.file == "registers.yaml" for fault in faults), faults
