"""Where a child waits, as supervisors see it: every cause through the API, with holder and rungs, and the silent agency too."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from app.api.answers import WhereItStands
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.progress import next_deadline
from app.domain.terms import Rung

SUPERVISOR = "civil.supervisor.1"
STREET = "street-110106101.officer.1"


@contextmanager
def later(api, at):
    """The service's clock shows that instant."""
    ledger, real = api.service.ledger, api.service.ledger.clock
    ledger.clock = lambda: at
    try:
        yield
    finally:
        ledger.clock = real


async def rows_of(api, case, cause=None, person=SUPERVISOR):
    """All rows about this case, page by page."""
    rows, cursor, asked = [], "", f"&cause={cause}" if cause else ""
    while cursor is not None:
        page = (await api.get(person, f"/v1/stalled?limit=200{asked}{cursor}")).json()
        rows += [row for row in page["items"] if row["case_id"] == case]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    return {row["subject"]: row for row in rows}


async def causes(api, case, subject):
    """The one cause that the whole list shows, which the list of that cause shows too, and no other."""
    whole = (await rows_of(api, case)).get(subject)
    single = [
        cause
        for cause in ("delivery_failing", "paused", "awaiting_material", "not_accepted", "overdue", "due_soon")
        if subject in await rows_of(api, case, cause)
    ]
    assert single == ([whole["cause"]] if whole else [])
    return whole["cause"] if whole else None


async def stands(api, case):
    return WhereItStands.model_validate(await api.progress(case))


async def engine(api, case, command, at=None):
    async with api.service.engine.begin() as conn:
        return await api.service.ledger.record(conn, case, command, now=at)


async def act(api, person, case, leg, verb, body=None):
    answer = await api.post(person, f"/v1/cases/{case}/referrals/{leg}/{verb}", body)
    assert answer.status_code == 200, answer.text


async def test_nobody_accepted_with_the_holder_the_rung_reached_and_the_next(api, case):
    leg = await api.leg(case, "STREET")
    await act(api, STREET, case, leg, "claim")
    assert await causes(api, case, leg) == "due_soon"
    due = (await stands(api, case)).referral(leg).accept.due_at
    past = due + timedelta(minutes=1)
    await engine(api, case, c.RaiseDue(by=ENGINE), past)
    with later(api, past):
        assert await causes(api, case, leg) == "not_accepted"
        row = (await rows_of(api, case))[leg]
    assert (row["holder"], row["rung"], row["next_rung"]) == (STREET, "desk_head", "agency_head")
    assert row["age"] == pytest.approx((past - due).total_seconds() + 3600, abs=60)


async def test_waiting_for_material(api, case):
    leg = await api.leg(case, "STREET")
    await act(api, STREET, case, leg, "return", {"reason": "missing_contact"})
    assert await causes(api, case, leg) == "awaiting_material"
    await act(api, "police.officer.1", case, leg, "supply")
    assert await causes(api, case, leg) == "due_soon"


async def test_paused(api, case):
    leg = await api.leg(case, "STREET")
    await act(api, STREET, case, leg, "accept")
    await act(api, STREET, case, leg, "pause", {"reason": "awaiting_material"})
    assert await causes(api, case, leg) == "paused"
    await act(api, STREET, case, leg, "resume")
    assert await causes(api, case, leg) is None


@pytest.mark.parametrize("outcome", ["failing", "rejected"])
async def test_an_agencys_system_fails_until_a_person_takes_the_leg_by_hand(api, case, outcome):
    leg = await api.leg(case, "STREET")
    await engine(api, case, rc.RecordDelivery(by=ENGINE, referral_id=leg, outcome=outcome))
    assert await causes(api, case, leg) == "delivery_failing"
    await act(api, STREET, case, leg, "accept")
    assert await causes(api, case, leg) is None


async def test_work_that_was_accepted_is_overdue_after_its_time(api, case):
    leg = await api.leg(case, "STREET")
    await act(api, STREET, case, leg, "accept")
    finish = (await stands(api, case)).referral(leg).finish
    with later(api, finish.due_at - timedelta(hours=1)):
        assert await causes(api, case, leg) == "due_soon"
    with later(api, finish.due_at + timedelta(minutes=1)):
        assert await causes(api, case, leg) == "overdue"


async def test_whoever_was_left_silent_is_shown_until_the_ladder_has_ended(api, case):
    leg, seen = await api.leg(case, "STREET"), []
    while Rung.PROCURATORATE not in (progress := await stands(api, case)).referral(leg).accept.fired:
        at = next_deadline(progress)
        await engine(api, case, c.RaiseDue(by=ENGINE), at)
        with later(api, at + timedelta(seconds=1)):
            row = (await rows_of(api, case, "not_accepted")).get(leg)
        if row and row["state"] == "silent" and (row["agency"], row["rung"], row["next_rung"]) not in seen:
            seen.append((row["agency"], row["rung"], row["next_rung"]))
    assert seen == [("STREET", "agency_head", "supervision"), ("STREET", "supervision", "procuratorate")]
    with later(api, at + timedelta(seconds=1)):
        assert leg not in await rows_of(api, case)


async def test_no_silent_agency_is_looked_at_in_a_case_that_is_closed(api, case):
    leg = await api.leg(case, "STREET")
    while (progress := await stands(api, case)).referral(leg).state != "silent":
        await engine(api, case, c.RaiseDue(by=ENGINE), next_deadline(progress))
    assert leg in await rows_of(api, case)
    path = f"/v1/cases/{case}"
    for child in progress.children:
        safe = {"child_id": child.id, "safety": "safe"}
        assert (await api.post("police.officer.1", f"{path}/safety", safe)).status_code == 200
    for person, verb, body in (
        ("civil.officer.1", "answer", {"note": "孩子安全"}),
        ("civil.officer.1", "closure-proposal", {"reason": "no_risk_found"}),
        ("civil.head.1", "closure-approval", None),
    ):
        answer = await api.post(person, f"{path}/{verb}", body)
        assert answer.status_code == 200, answer.text
    assert leg not in await rows_of(api, case)
