"""A community is asked, answers on a page, and whoever holds the round sees it."""

import re

COMMITTEE, SUPERVISOR = "comm-110106005.officer.1", "civil.supervisor.1"


async def test_a_community_answers_with_a_child_at_risk_and_its_holder_sees_it(as_person, people, seeded):
    path = f"/rounds/{seeded['round']['case_id']}"
    committee, holder = await as_person(COMMITTEE), await as_person(SUPERVISOR)
    assert path in (await committee.get("/rounds")).text
    sent = {
        "idempotency_key": re.search(r'name="idempotency_key" value="([^"]*)"', (await committee.get(path)).text)[1]
    }
    unclear = await committee.post(path, data=sent)
    assert (unclear.status_code, "请填写排查人数" in unclear.text) == (422, True)
    risk = sent | {"screened": "312", "found": "yes", "name": "华小园（化名）", "joined": ["WF"]}
    assert (await committee.post(path, data=risk)).status_code == 422, "which risk?"
    done = await committee.post(path, data=risk | {"situations": ["living_alone"], "narrative": "独自在家"})
    assert done.status_code == 303, done.text
    assert path not in (await committee.get("/rounds")).text
    assert (await committee.get(path)).status_code == 404, "it is answered, and the rest is the holder's"
    (row,) = [one for one in (await people.get(SUPERVISOR, f"/v1{path}/units"))["items"] if one["returned_at"]]
    assert (row["screened"], row["found"], row["joined"]) == (312, 1, ["WF"])
    assert "1 / 26" in (await holder.get("/rounds")).text
    assert "南苑街道" in (await holder.get(path)).text
    assert "南苑街道" not in re.sub(r"<nav.*?</nav>", "", (await holder.get(f"{path}?missing=true")).text, flags=re.S)
