"""The whole chain on the running service: screened, watched, missed, found at risk, reported, helped, closed, and watched again."""

import asyncio

import pytest

from app import demo
from app.demo import Play
from app.domain.watch import watch_id

PATIENCE = 60
DIVISION = "110106101"
COMMITTEE, HEAD, STREET = f"comm-{DIVISION}.officer.1", f"comm-{DIVISION}.head.1", f"street-{DIVISION}.officer.1"
CHILD = {"name": "丰小禾（化名）", "sex": "female", "birth_date": "2016-03-04", "residence": "王佐示例路8号"}


async def until(look):
    """What is found once it is there."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await look()):
            await asyncio.sleep(0.2)
    return found


@pytest.mark.requirement("R013", "R016", "R048", "R055", "R081")
async def test_a_screened_child_is_watched_missed_reported_helped_and_watched_again(people, monkeypatch):
    monkeypatch.setattr(demo, "BEHAVIOURS", {})  # every desk works by hand
    opened = await people.post("civil.supervisor.1", "/v1/rounds", {"code": "community_survey"})
    found = {"child": CHILD, "found": "in_difficulty", "grade": "high", "evidence": "入户排查"}
    entered = await people.post(COMMITTEE, "/v1/children", found)
    answer = {"unit": f"COMM-{DIVISION}", "screened": 212, "nothing_found": True}
    await people.post(COMMITTEE, f"/v1/rounds/{opened['id']}/returns", answer)
    child = entered["child_id"]
    await people.post(STREET, f"/v1/children/{child}/changes/{entered['change']}/pass")

    async def watch():
        rows = (await people.get(COMMITTEE, "/v1/watches?limit=200"))["items"]
        return next((row for row in rows if row["child_id"] == child), None)

    before = await until(watch)
    assert (before["grade"], before["case_id"]) == ("high", None)

    async def escalated():
        told = (await people.get(HEAD, "/v1/notices?limit=200"))["items"]
        return [one for one in told if one["case_id"] == watch_id(child) and one["rung"] == "desk_head"]

    (missed,) = await until(escalated)
    assert missed["kind"] == "visit_rung_fired"
    risk = {"finding": "at_risk", "situations": ["unguarded"], "note": "独自在家三天"}
    visited = await people.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", risk)
    play = Play("CN-02", people)
    play.case_id, play.receipt = visited["report"], visited["receipt"]
    async with asyncio.timeout(PATIENCE):
        await play.run({})
    progress = (await people.get("civil.supervisor.1", f"/v1/cases/{play.case_id}"))["progress"]
    assert (progress["stage"], progress["grade"]) == ("closed", "low")
    after = await until(watch)
    assert (after["case_id"], after["grade"]) == (play.case_id, progress["grade"])
    assert after["visit_due_at"] > before["visit_due_at"]
    rounds = (await people.get("civil.supervisor.1", "/v1/rounds?code=community_survey"))["items"]
    assert (rounds[0]["returned"], rounds[0]["screened"]) == (1, 212)
