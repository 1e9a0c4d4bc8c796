"""The whole chain on the running service: screened, watched, missed, found at risk, reported, helped, closed, and watched again."""

import asyncio

import pytest

from app import demo
from app.demo import Play
from app.domain.watch import watch_id

PATIENCE = 60
DIVISION = "110106101"
COMMITTEE, HEAD = f"comm-{DIVISION}.officer.1", f"comm-{DIVISION}.head.1"
CHILD = {
    "name": "丰小禾（化名）", "sex": "female", "birth_date": "2016-03-04", "residence": "王佐示例路8号", "residence_division": DIVISION,
}  # fmt: skip


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
    first = await screened(people, opened["id"])
    child, grade = await helped(people, first)

    async def watch():
        rows = (await people.get(COMMITTEE, "/v1/watches?limit=200"))["items"]
        return next((row for row in rows if row["child_id"] == child), None)

    before = await until(watch)
    assert (before["grade"], before["case_id"]) == (grade, first["case_id"]), "the case of what the round had found"
    reminded, missed = [
        await told(people, who, first["case_id"], rung) for who, rung in ((COMMITTEE, "remind"), (HEAD, "desk_head"))
    ]
    assert reminded["at"] < missed["at"], "first who visits, then above them"
    risk = {"finding": "at_risk", "situations": ["unguarded"], "note": "独自在家三天"}
    visited = await people.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", risk)
    again = {"case_id": visited["report"], "receipt": visited["receipt"]}
    assert await helped(people, again) == (child, grade)
    after = await until(watch)
    assert (after["case_id"], after["grade"]) == (visited["report"], grade)
    assert after["visit_due_at"] > before["visit_due_at"]


async def screened(people, round_id):
    """The committee's answer to the round. A child at risk that it lists is a report by then: that is the way from a round to the watch,
    for what is merely in difficulty the committee registers by itself, and no answer of a round names it."""
    found = {
        "reporter": {"class": "committee"},
        "children": [CHILD],
        "situations": ["unguarded"],
        "narrative": "入户排查时独自在家",
    }
    answer = {"unit": f"COMM-{DIVISION}", "screened": 212, "reports": [found]}
    (filed,) = (await people.post(COMMITTEE, f"/v1/rounds/{round_id}/returns", answer))["reports"]
    units = (await people.get("civil.supervisor.1", f"/v1/rounds/{round_id}/units?limit=200"))["items"]
    assert [(row["unit"], row["screened"], row["found"]) for row in units if row["returned_at"]] == [
        (answer["unit"], 212, 1)
    ]
    return filed


async def helped(people, filed):
    """Everybody does their part until the case is closed; its child and the grade with which it goes back."""
    play = Play("CN-02", people)
    play.case_id, play.receipt = filed["case_id"], filed["receipt"]
    async with asyncio.timeout(PATIENCE):
        await play.run({})
    progress = (await people.get("civil.supervisor.1", f"/v1/cases/{play.case_id}"))["progress"]
    assert (progress["stage"], progress["grade"]) == ("closed", "low")
    (child,) = progress["children"]
    own = await people.get("civil.supervisor.1", f"/v1/children/{child['id']}")  # a later report names it anew
    return own["id"], progress["grade"]


async def told(people, person, case, rung):
    """What this person was told of the missed visit at that rung, once; it names the case that the watch is from."""

    async def notices():
        rows = (await people.get(person, "/v1/notices?limit=200"))["items"]
        return [one for one in rows if (one["case_id"], one["kind"], one["rung"]) == (case, "visit_rung_fired", rung)]

    (one,) = await until(notices)
    return one
