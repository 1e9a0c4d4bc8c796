"""Desk work through the API: who may, who was first, what changed meanwhile."""

from datetime import UTC, datetime, timedelta

from tests.api.test_reports import is_problem
from tests.api.test_stalled import rows_of as stalled


async def test_what_one_may_not_see_does_not_exist(api, case):
    for stranger in ("housing.officer.1", "school.reporter.1", "street-110106017.officer.1", "admin.1"):
        is_problem(await api.get(stranger, f"/v1/cases/{case}"), 404, "case_not_found")
        is_problem(await api.post(stranger, f"/v1/cases/{case}/notes", {"note": "x"}), 404, "case_not_found")


async def test_a_claim_never_takes_a_task_from_a_colleague_but_the_head_may_move_it(api, case):
    leg = f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"
    assert (await api.post("police.officer.1", f"{leg}/claim")).status_code == 200
    is_problem(await api.post("police.officer.2", f"{leg}/claim"), 409, "held_by_colleague")
    is_problem(await api.post("police.officer.2", f"{leg}/accept"), 409, "held_by_colleague")
    assert (await api.post("police.head.1", f"{leg}/move", {"to": "police.officer.2"})).status_code == 200
    assert (await api.post("police.officer.2", f"{leg}/accept")).status_code == 200


async def test_a_deputy_acts_for_a_time_and_both_names_stand_in_the_record(api, case):
    leg = f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"
    await api.post("police.officer.1", f"{leg}/claim")
    standing_in = {"X-Acting-For": "police.officer.1"}
    is_problem(await api.post("police.officer.2", f"{leg}/accept", headers=standing_in), 403, "not_allowed")
    now = datetime.now(UTC)
    absence = {
        "person_id": "police.officer.1",
        "deputy_id": "police.officer.2",
        "from_at": now.isoformat(),
        "until_at": (now + timedelta(days=2)).isoformat(),
    }
    row = (await api.post("police.officer.1", "/v1/deputies", absence)).json()["id"]
    assert (await api.post("police.officer.2", f"{leg}/accept", headers=standing_in)).status_code == 200
    timeline = (await api.get("civil.supervisor.1", f"/v1/cases/{case}/timeline")).json()
    accepted = next(entry for entry in timeline if entry["kind"] == "referral_accepted")
    assert (accepted["by"], accepted["behalf"]) == ("police.officer.2", "police.officer.1")
    await api.http.delete(f"/v1/deputies/{row}", headers=api._headers("police.officer.1", None))
    is_problem(await api.post("police.officer.2", f"{leg}/complete", headers=standing_in), 403, "not_allowed")


async def test_a_stale_version_is_refused_with_what_changed(api, case):
    etag = (await api.get("police.officer.1", f"/v1/cases/{case}")).headers["ETag"]
    leg = f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"
    await api.post("police.officer.1", f"{leg}/claim")
    said = is_problem(
        await api.post("police.officer.1", f"{leg}/accept", headers={"If-Match": etag}), 409, "stale_version"
    )
    assert [entry["kind"] for entry in said["since"]] == ["task_claimed"]
    assert (await api.progress(case))["referrals"][1]["state"] == "sent"


async def test_the_same_key_again_changes_nothing(api, case, key):
    leg = f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"
    first = (await api.post("police.officer.1", f"{leg}/accept", headers={"Idempotency-Key": key})).json()
    again = (await api.post("police.officer.1", f"{leg}/accept", headers={"Idempotency-Key": key})).json()
    assert again == first | {"replayed": True}


async def test_tasks_of_a_desk_come_by_time_left_in_pages(api):
    for _ in range(3):
        await api.report()
    seen, cursor = [], ""
    while cursor is not None:
        page = (await api.get("police.officer.1", f"/v1/tasks?limit=2{cursor}")).json()
        seen += [(item["due_at"], item["case_id"], item["subject"]) for item in page["items"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    assert len(seen) == len(set(seen)) >= 3
    assert seen == sorted(seen)


async def test_the_reporters_name_stays_with_intake(api):
    case = (await api.report(reporter={"class": "committee", "name": "报告人甲"}))["case_id"]
    assert (await api.get("police.officer.1", f"/v1/cases/{case}")).json()["reporter"]["name"] == "报*"
    elsewhere = await api.get("street-110106101.officer.1", f"/v1/cases/{case}")
    assert "reporter" not in elsewhere.json()
    assert "报告人甲" not in elsewhere.text


async def test_a_supervisor_sees_urges_and_reassigns_what_stalls(api, case):
    street = await api.leg(case, "STREET")
    row = (await stalled(api, case))[street]
    assert (row["cause"], row["next_rung"]) == ("due_soon", "remind")
    path = f"/v1/cases/{case}/referrals/{street}"
    assert (await api.post("civil.supervisor.1", f"{path}/urge")).status_code == 200
    told = (await api.get("street-110106101.officer.1", "/v1/notices")).json()["items"]
    assert any(notice["kind"] == "referral_urged" and notice["case_id"] == case for notice in told)
    assert (await api.post("civil.supervisor.1", f"{path}/supervise")).status_code == 200
    assert (await api.post("civil.supervisor.1", f"{path}/reassign", {"to": "CIVIL"})).status_code == 200
    assert (await api.get("civil.supervisor.1", "/v1/statistics/on-time?by=agency")).status_code == 200
    is_problem(await api.get("police.officer.1", "/v1/stalled"), 403, "not_allowed")


async def test_a_dry_run_says_what_would_come_and_keeps_nothing(api, key):
    case = (await api.report())["case_id"]
    leg, before = await api.leg(case, "POLICE"), await api.progress(case)
    path = f"/v1/cases/{case}/referrals/{leg}"
    tried = await api.post("police.officer.1", f"{path}/accept?dry_run=true", headers={"Idempotency-Key": key})
    assert tried.status_code == 200, tried.text
    said = tried.json()
    assert await api.progress(case) == before
    moved = {(one["subject"], one["clock"]): (one["before"], one["after"]) for one in said["foreseen"]["deadlines"]}
    done = await api.post("police.officer.1", f"{path}/accept", headers={"Idempotency-Key": key})
    assert (done.json()["events"], done.json()["version"]) == (said["events"], said["version"])
    assert done.json()["foreseen"] is None
    after = next(one for one in (await api.progress(case))["referrals"] if one["id"] == leg)
    assert moved[leg, "accept"][1] is None
    assert abs(
        datetime.fromisoformat(moved[leg, "finish"][1]) - datetime.fromisoformat(after["finish"]["due_at"])
    ) < timedelta(seconds=5)


async def test_a_dry_run_is_refused_as_the_command_would_be(api):
    case = (await api.report())["case_id"]
    leg = await api.leg(case, "POLICE")
    path = f"/v1/cases/{case}/referrals/{leg}"
    assert (await api.post("edu.officer.1", f"{path}/accept?dry_run=true")).status_code in (403, 404)
    declined = await api.post("police.officer.1", f"{path}/decline?dry_run=true", {"reason": "no_capacity"})
    is_problem(declined, 409, "must_not_decline")
    stale = await api.post("police.officer.1", f"{path}/accept?dry_run=true", headers={"If-Match": '"1"'})
    is_problem(stale, 409, "stale_version")
