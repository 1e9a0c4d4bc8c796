"""Desks through the API, played hostile: two at once, keys used twice, deputies beyond their time, tasks moved to nobody."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.test_callbacks import close_early
from tests.api.test_reports import is_problem


@pytest.fixture
async def leg(api, case):
    return f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"


def keyed(key):
    return {"Idempotency-Key": key}


# Keys and versions


async def test_one_key_used_at_once_many_times_acts_once(api, case, leg, key):
    answers = await asyncio.gather(
        *(api.post("police.officer.1", f"{leg}/accept", headers=keyed(key)) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({(answer.json()["version"], *answer.json()["events"]) for answer in answers}) == 1
    assert [answer.json()["replayed"] for answer in answers].count(False) == 1
    timeline = (await api.get("civil.supervisor.1", f"/v1/cases/{case}/timeline")).json()
    assert [entry["kind"] for entry in timeline].count("referral_accepted") == 1


async def test_a_key_with_another_command_another_leg_or_another_body_is_told(api, case, leg, key):
    assert (await api.post("police.officer.1", f"/v1/cases/{case}/notes", {"note": "a"}, keyed(key))).status_code == 200
    is_problem(await api.post("police.officer.1", f"{leg}/claim", {}, keyed(key)), 422, "key_reused")
    is_problem(
        await api.post("police.officer.1", f"/v1/cases/{case}/notes", {"note": "b"}, keyed(key)), 422, "key_reused"
    )
    street = f"/v1/cases/{case}/referrals/{await api.leg(case, 'STREET')}"
    assert (await api.post("civil.supervisor.1", f"{street}/urge", {}, keyed(key))).status_code == 200
    is_problem(await api.post("civil.supervisor.1", f"{leg}/urge", {}, keyed(key)), 422, "key_reused")


async def test_a_key_counts_for_one_person_in_one_case(api, case, leg, key):
    other = (await api.report())["case_id"]
    first = await api.post("police.officer.1", f"{leg}/claim", {}, keyed(key))
    assert first.json()["replayed"] is False
    is_problem(await api.post("police.officer.2", f"{leg}/claim", {}, keyed(key)), 409, "held_by_colleague")
    elsewhere = f"/v1/cases/{other}/referrals/{await api.leg(other, 'POLICE')}/claim"
    second = (await api.post("police.officer.1", elsewhere, {}, keyed(key))).json()
    assert (second["case_id"], second["replayed"]) == (other, False)


async def test_a_repeated_key_gets_the_first_answer_also_where_the_command_would_be_refused_now(api, case, leg, key):
    await api.post("police.officer.1", f"{leg}/claim")
    first = (await api.post("police.officer.1", f"{leg}/hand-back", {}, keyed(key))).json()
    assert (await api.post("police.officer.2", f"{leg}/claim")).status_code == 200
    again = await api.post("police.officer.1", f"{leg}/hand-back", {}, keyed(key))
    assert again.json() == first | {"replayed": True}


async def test_of_two_commands_on_one_version_one_wins_and_the_other_is_shown_what_changed(api, case, leg):
    etag = (await api.get("police.officer.1", f"/v1/cases/{case}")).headers["ETag"]
    one, two = await asyncio.gather(
        api.post("police.officer.1", f"{leg}/claim", {}, {"If-Match": etag}),
        api.post("civil.supervisor.1", f"/v1/cases/{case}/notes", {"note": "已核对"}, {"If-Match": etag}),
    )
    assert sorted((one.status_code, two.status_code)) == [200, 409]
    lost, done = (one, "note_added") if one.status_code == 409 else (two, "task_claimed")
    assert [entry["kind"] for entry in is_problem(lost, 409, "stale_version")["since"]] == [done]


async def test_two_colleagues_who_claim_at_once_do_not_both_get_it(api, case, leg):
    answers = await asyncio.gather(
        api.post("police.officer.1", f"{leg}/claim"), api.post("police.officer.2", f"{leg}/claim")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


# Moving, extending, unknown, closed, linked


@pytest.mark.parametrize(
    "nobody", ["police.officer.9", "civil.officer.1", "police.reporter.1", "police.machine", "x" * 300]
)
async def test_a_task_is_moved_only_to_somebody_who_works_at_its_desk(api, leg, nobody):
    await api.post("police.officer.1", f"{leg}/claim")
    is_problem(await api.post("police.head.1", f"{leg}/move", {"to": nobody}), 409, "person_not_at_desk")


async def test_a_supervisor_moves_a_task_within_its_desk_and_the_new_holder_is_told(api, case, leg):
    await api.post("police.officer.1", f"{leg}/claim")
    assert (await api.post("civil.supervisor.1", f"{leg}/move", {"to": "police.officer.2"})).status_code == 200
    told = (await api.get("police.officer.2", "/v1/notices")).json()["items"]
    assert any((notice["kind"], notice["case_id"]) == ("task_moved", case) for notice in told)
    assert (await api.post("police.officer.2", f"{leg}/accept")).status_code == 200


async def test_extension_by_a_supervisor_ends_at_the_cap(api, case, leg):
    await api.post("police.officer.1", f"{leg}/accept")
    more = {"reason": "complex_facts", "by_budget": {"amount": 1, "unit": "days"}}
    is_problem(await api.post("police.officer.1", f"{leg}/extend", more), 403, "not_allowed")
    for _ in range(2):
        assert (await api.post("civil.supervisor.1", f"{leg}/extend", more)).status_code == 200
    for person in ("civil.supervisor.1", "conf.supervisor.1", "police.head.1"):
        is_problem(await api.post(person, f"{leg}/extend", more), 409, "extension_cap")
    endless = {"reason": "complex_facts", "by_budget": {"amount": 10**12, "unit": "days"}}
    is_problem(await api.post("civil.supervisor.1", f"{leg}/extend", endless), 422, "invalid_request")


COMMANDS = {
    "accept": {}, "return": {"reason": "missing_contact"}, "supply": {}, "decline": {"reason": "no_capacity"},
    "pass-on": {"to": "WF"}, "complete": {}, "fail": {"reason": "not_possible"}, "assess": {"grade": "low"},
    "extend": {"reason": "complex_facts", "by_budget": {"amount": 1, "unit": "days"}}, "pause": {"reason": "awaiting_material"},
    "resume": {}, "claim": {}, "hand-back": {}, "move": {"to": "police.officer.2"}, "reassign": {"to": "WF"}, "urge": {},
    "supervise": {},
}  # fmt: skip


@pytest.mark.parametrize("person", ["police.officer.1", "police.head.1", "civil.supervisor.1"])
async def test_an_unknown_referral_is_a_404_for_every_verb_that_the_person_may_use(api, case, person):
    codes = set()
    for verb, body in COMMANDS.items():
        answer = await api.post(person, f"/v1/cases/{case}/referrals/nothing-1/{verb}", body)
        codes.add((answer.status_code, answer.json()["code"]))
    assert codes <= {(404, "referral_not_found"), (403, "not_allowed")}
    assert (404, "referral_not_found") in codes


async def test_a_closed_case_takes_no_command_and_loses_nothing(api, case, leg):
    await close_early(api, case)
    before = await api.progress(case)
    for verb, body in COMMANDS.items():
        person = (
            "civil.supervisor.1" if verb in ("urge", "supervise", "reassign", "move", "extend") else "police.officer.1"
        )
        answer = await api.post(person, f"{leg}/{verb}", body)
        assert answer.json()["code"] in ("case_closed", "not_the_holder"), (verb, answer.text)
        assert answer.status_code in (403, 409)
    is_problem(await api.post("police.officer.1", f"/v1/cases/{case}/notes", {"note": "x"}), 409, "case_closed")
    assert await api.progress(case) == before


async def test_a_linked_case_sends_people_to_the_case_that_it_follows(api, case, leg):
    primary = (await api.report())["case_id"]
    assert (await api.post("police.officer.1", f"/v1/cases/{case}/link", {"primary": primary})).status_code == 200
    said = is_problem(await api.post("police.officer.1", f"{leg}/accept"), 409, "case_linked")
    assert said["primary"] == primary
    told = (await api.get("police.officer.1", "/v1/notices?limit=200")).json()["items"]
    assert any((notice["kind"], notice["case_id"]) == ("referral_withdrawn", case) for notice in told)


# Deputies


def absence(person, deputy, since=-1.0, until=24.0):
    now = datetime.now(UTC)
    return {
        "person_id": person, "deputy_id": deputy, "from_at": (now + timedelta(hours=since)).isoformat(),
        "until_at": (now + timedelta(hours=until)).isoformat(),
    }  # fmt: skip


def for_(person):
    return {"X-Acting-For": person}


@pytest.mark.parametrize(("since", "until"), [(1, 2), (-2, -1)])
async def test_outside_the_time_box_a_deputy_is_nobodys_deputy(api, leg, since, until):
    made = await api.post("sw.officer.1", "/v1/deputies", absence("sw.officer.1", "sw.officer.2", since, until))
    assert made.status_code == 201
    is_problem(await api.get("sw.officer.2", "/v1/me", for_("sw.officer.1")), 403, "not_allowed")


async def test_no_seat_is_lent_for_longer_than_the_rules_allow(api):
    for days, said in ((31, "deputyship_too_long"), (365 * 90, "deputyship_too_long"), (30, None)):
        body = absence("sw.officer.1", "sw.officer.2", since=48, until=48 + 24 * days)
        answer = await api.post("sw.officer.1", "/v1/deputies", body)
        if said:
            assert is_problem(answer, 409, said)["limit"] == "30 days"
        else:
            assert answer.status_code == 201


async def test_a_deputy_of_a_deputy_is_no_deputy_and_a_lent_seat_is_not_lent_on(api):
    for person, deputy in (("civil.officer.1", "civil.officer.2"), ("civil.officer.2", "civil.head.1")):
        assert (await api.post(person, "/v1/deputies", absence(person, deputy))).status_code == 201
    assert (await api.get("civil.officer.2", "/v1/me", for_("civil.officer.1"))).json()[
        "acting_for"
    ] == "civil.officer.1"
    is_problem(await api.get("civil.head.1", "/v1/me", for_("civil.officer.1")), 403, "not_allowed")
    assert (await api.post("proc.head.1", "/v1/deputies", absence("proc.head.1", "proc.officer.1"))).status_code == 201
    lent_on = absence("proc.head.1", "proc.chief.1")
    is_problem(await api.post("proc.officer.1", "/v1/deputies", lent_on, for_("proc.head.1")), 403, "not_allowed")
    is_problem(await api.post("proc.officer.1", "/v1/deputies", lent_on), 403, "not_allowed")


@pytest.mark.parametrize(
    ("by", "person", "deputy"),
    [
        ("civil.head.1", "civil.supervisor.1", "civil.head.1"),
        ("police.head.1", "police.chief.1", "police.head.1"),
        ("admin.1", "conf.supervisor.1", "admin.1"),
        ("conf.supervisor.1", "conf.supervisor.1", "admin.1"),
        ("police.officer.1", "police.officer.1", "civil.officer.1"),
        ("police.officer.1", "police.officer.1", "police.reporter.1"),
        ("police.officer.1", "police.officer.1", "police.machine"),
        ("police.officer.1", "police.officer.2", "police.officer.1"),
        ("street-110106101.head.1", "street-110106001.officer.1", "street-110106001.head.1"),
        ("street-110106101.officer.1", "street-110106101.officer.1", "street-110106001.officer.1"),
    ],
)
async def test_no_seat_is_lent_upwards_across_offices_or_to_somebody_who_is_no_staff(api, by, person, deputy):
    is_problem(await api.post(by, "/v1/deputies", absence(person, deputy)), 403, "not_allowed")


async def test_a_head_sets_a_deputy_for_an_officer_who_is_suddenly_away(api):
    made = await api.post("sw.head.1", "/v1/deputies", absence("sw.officer.1", "sw.officer.2"))
    assert made.status_code == 201
    seen = (await api.get("sw.officer.2", "/v1/me", for_("sw.officer.1"))).json()
    assert (seen["person_id"], seen["acting_for"]) == ("sw.officer.2", "sw.officer.1")


async def test_notices_for_an_absent_holder_reach_the_deputy_only_while_the_absence_lasts(api, case):
    street = f"/v1/cases/{case}/referrals/{await api.leg(case, 'STREET')}"
    await api.post("street-110106101.officer.1", f"{street}/claim")
    given = absence("street-110106101.officer.1", "street-110106101.head.1")
    row = (await api.post("street-110106101.officer.1", "/v1/deputies", given)).json()["id"]

    async def told(person):
        notices = (await api.get(person, "/v1/notices?limit=200")).json()["items"]
        return [n for n in notices if (n["kind"], n["case_id"]) == ("referral_urged", case)]

    await api.post("civil.supervisor.1", f"{street}/urge")
    assert len(await told("street-110106101.officer.1")) == len(await told("street-110106101.head.1")) == 1
    revoked = await api.http.delete(f"/v1/deputies/{row}", headers=api._headers("street-110106101.officer.1", None))
    assert revoked.status_code == 204
    await api.post("civil.supervisor.1", f"{street}/urge")
    assert (len(await told("street-110106101.officer.1")), len(await told("street-110106101.head.1"))) == (2, 1)
