"""A watched child moves to another street: its watch is offered, accepted on a clock, and nothing that is due is lost."""

import pytest

from app.db.ledger import events_since
from app.domain.access import ENGINE
from app.domain.watch import watch_id
from app.domain.watch_work import RaiseDueVisit
from tests.api.test_registration import CHILD, register, verify
from tests.api.test_reports import is_problem

OLD, NEW = "110106009", "110106010"


def officer(agency, division):
    return f"{agency}-{division}.officer.1"


async def rows(api, person, path="/v1/watches?limit=200"):
    page = (await api.get(person, path)).json()
    return {row["child_id"]: row for row in page["items" if "items" in page else "rows"]}


@pytest.fixture
async def moved(api):
    """Watched in the old street, with an open warning and parents away; the street verified that it lives in the new one."""
    made = (await register(api, officer("comm", OLD), child=CHILD, grade="medium")).json()
    child, street = made["child_id"], officer("street", OLD)
    assert (await verify(api, street, made)).status_code == 200
    seen = {"finding": "needs_help", "form": {"guardianship": "nobody"}}
    assert (await api.post(officer("comm", OLD), f"/v1/watches/{watch_id(child)}/visits", seen)).status_code == 200
    entered = {"field": "residence_division", "value": NEW}
    change = (await api.post(officer("comm", OLD), f"/v1/children/{child}/changes", entered)).json()["change"]
    assert (await api.post(street, f"/v1/children/{child}/changes/{change}/pass")).status_code == 200
    return child


@pytest.mark.requirement("R015", "R016")
async def test_the_watch_stays_with_the_old_desk_until_the_new_one_accepts_and_every_due_day_goes_along(api, moved):
    old, new = officer("comm", OLD), officer("comm", NEW)
    before = (await rows(api, old))[moved]
    assert moved not in await rows(api, new)
    assert moved in await rows(api, new, "/v1/watches/offered")
    assert (await api.get(new, f"/v1/children/{moved}")).status_code == 200, "who is to accept may look"
    path = f"/v1/watches/{watch_id(moved)}"
    is_problem(await api.post(old, f"{path}/take"), 403, "not_your_desk")
    is_problem(await api.post(officer("comm", "110106001"), f"{path}/take"), 404, "case_not_found")
    assert (await api.post(new, f"{path}/take", {"note": "已联系家庭"})).status_code == 200
    after = (await rows(api, new))[moved]
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"desk", "version"}, "the visit, the warning and the grade are as they were"
    assert (moved in await rows(api, old), moved in await rows(api, new, "/v1/watches/offered")) == (False, False)
    books = {desk: await rows(api, desk, "/v1/ledgers/work?limit=200") for desk in (old, new)}
    assert (moved in books[old], moved in books[new]) == (False, True), (
        "it stands in the book of the desk that watches it"
    )
    is_problem(await api.post(old, f"{path}/visits", {"finding": "well"}), 404, "case_not_found")
    assert (await api.post(new, f"{path}/visits", {"finding": "well"})).status_code == 200
    is_problem(await api.post(new, f"{path}/take"), 409, "not_offered")


@pytest.mark.requirement("R015")
async def test_who_moves_back_before_the_new_desk_accepts_is_offered_to_nobody(api, moved):
    old, new = officer("comm", OLD), officer("comm", NEW)
    entered = {"field": "residence_division", "value": OLD}
    change = (await api.post(new, f"/v1/children/{moved}/changes", entered)).json()["change"]
    assert moved in await rows(api, new, "/v1/watches/offered"), "until it counts"
    assert (await api.post(officer("street", NEW), f"/v1/children/{moved}/changes/{change}/pass")).status_code == 200
    assert moved not in await rows(api, new, "/v1/watches/offered")
    assert moved in await rows(api, old)
    is_problem(await api.post(new, f"/v1/watches/{watch_id(moved)}/take"), 404, "case_not_found")
    told = (await api.get(new, "/v1/notices?limit=100")).json()["items"]
    assert [one["kind"] for one in told if one["case_id"] == watch_id(moved)][:1] == ["watch_offer_withdrawn"]


@pytest.mark.requirement("R054")
async def test_an_offer_that_nobody_accepts_climbs_from_the_new_desk_upwards(api, moved):
    stream, ledger = watch_id(moved), api.service.ledger
    async with api.service.engine.begin() as conn:
        offer = next(one for one in await events_since(conn, stream, 0) if one["kind"] == "watch_offered")
        due = ledger.clock().fromisoformat(offer["clock"]["due_at"])
        done = await ledger.record(conn, stream, RaiseDueVisit(by=ENGINE), now=due)
    told = {event.rung: event.recipients for event in done.events if getattr(event, "about", "") == "handover"}
    assert (told["remind"], told["desk_head"]) == ((f"desk:COMM-{NEW}",), (f"desk_head:COMM-{NEW}",))
    assert (await api.post(officer("comm", NEW), f"/v1/watches/{stream}/take")).status_code == 200
