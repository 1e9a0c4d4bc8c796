"""What an agency's system says back, played hostile: forged, replayed, late, about the wrong case or another's referral."""

import base64
import json
import secrets
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert
from standardwebhooks import Webhook
from temporalio.testing import ActivityEnvironment

from activities.gateway import Delivered, Gateway
from activities.messages import Order
from activities.referral import ReferralActivities
from app.db import tables
from app.db.vault import sealed_row
from app.domain import commands as c
from app.domain.access import ENGINE
from deploy.simulator import ended as ended_by_simulator
from tests.api.test_reports import is_problem

SECRET = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


@pytest.fixture
async def systems(engine):
    rows = [
        {"agency": agency, "url": "http://127.0.0.1:9/referrals", "secret": SECRET, "supports_lookup": False}
        for agency in ("EDU", "STREET", "HOUSING")
    ]
    async with engine.begin() as conn:
        await conn.execute(insert(tables.endpoints), [await sealed_row(conn, tables.endpoints, row) for row in rows])
    yield
    async with engine.begin() as conn:
        await conn.execute(delete(tables.endpoints))


@pytest.fixture
async def case(api, systems):
    return (await api.report(children=[{"residence_division": "110106101", "school_stage": "primary"}]))["case_id"]


class System:
    """An agency's own system that signs what it sends."""

    def __init__(self, api, agency, secret=SECRET):
        self.api, self.agency, self.secret = api, agency, secret

    async def says(self, case, referral, verb, *, message_id="", at=None, **more):
        body = json.dumps({"case_id": case, "referral_id": referral, "verb": verb, **more})
        at, message_id = at or datetime.now(UTC), message_id or f"m-{uuid.uuid4().hex}"
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(message_id, at, body),
        }
        return await self.api.http.post(f"/v1/callbacks/{self.agency}", content=body, headers=headers)


async def state_of(api, case, referral):
    return next(r["state"] for r in (await api.progress(case))["referrals"] if r["id"] == referral)


async def test_a_system_accepts_what_its_agency_was_sent_and_a_replay_changes_nothing(api, case):
    leg, system = await api.leg(case, "EDU"), System(api, "EDU")
    first = await system.says(case, leg, "accept", message_id="m-1")
    again = await system.says(case, leg, "accept", message_id="m-1")
    assert first.status_code == again.status_code == 200, first.text
    assert again.json() == first.json() | {"replayed": True}
    is_problem(await system.says(case, leg, "complete", message_id="m-1"), 422, "key_reused")
    assert await state_of(api, case, leg) == "accepted"


async def test_a_district_wide_system_speaks_for_the_street_of_the_case(api, case):
    leg = await api.leg(case, "STREET")
    answer = await System(api, "STREET").says(case, leg, "accept")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("fault", ["wrong key", "too old", "too early", "other agency's address", "changed body"])
async def test_what_is_not_signed_by_that_agency_now_changes_nothing(api, case, fault):
    leg, now = await api.leg(case, "EDU"), datetime.now(UTC)
    if fault == "wrong key":
        other = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
        answer = await System(api, "EDU", other).says(case, leg, "accept")
    elif fault == "changed body":
        headers = {"webhook-id": "m", "webhook-timestamp": str(int(now.timestamp()))}
        headers["webhook-signature"] = Webhook(SECRET).sign("m", now, "{}")
        answer = await api.post(
            None, "/v1/callbacks/EDU", {"case_id": case, "referral_id": leg, "verb": "accept"}, headers
        )
    elif fault == "other agency's address":
        answer = await System(api, "POLICE").says(case, leg, "accept")
        is_problem(answer, 404, "not_found")
    else:
        at = now + timedelta(minutes=6) * (1 if fault == "too early" else -1)
        answer = await System(api, "EDU").says(case, leg, "accept", at=at)
    if fault != "other agency's address":
        is_problem(answer, 401, "bad_signature")
    assert await state_of(api, case, leg) == "sent"


async def test_an_agency_cannot_touch_another_agencys_referral_nor_a_case_it_has_nothing_to_do_with(api, case):
    police = await api.leg(case, "POLICE")
    is_problem(await System(api, "EDU").says(case, police, "accept"), 404, "referral_not_found")
    is_problem(await System(api, "HOUSING").says(case, police, "accept"), 404, "case_not_found")
    is_problem(await System(api, "EDU").says(case, "nothing-1", "accept"), 404, "referral_not_found")
    is_problem(await System(api, "EDU").says("case-nowhere", police, "accept"), 404, "case_not_found")
    assert await state_of(api, case, police) == "sent"


async def test_a_late_word_about_a_leg_that_another_has_is_refused_by_name(api, case):
    leg = await api.leg(case, "EDU")
    moved = await api.post("civil.supervisor.1", f"/v1/cases/{case}/referrals/{leg}/reassign", {"to": "CIVIL"})
    assert moved.status_code == 200
    said = is_problem(await System(api, "EDU").says(case, leg, "accept"), 409, "referral_ended")
    assert said["state"] == "reassigned"


async def test_a_word_about_a_closed_case_is_refused_by_name(api, case):
    leg = await api.leg(case, "EDU")
    await close_early(api, case)
    is_problem(await System(api, "EDU").says(case, leg, "accept"), 409, "case_closed")


async def close_early(api, case):
    """No risk was found: the shortest lawful way to the end."""
    child = (await api.progress(case))["children"][0]["id"]
    for person, what, body in (
        ("police.officer.1", "safety", {"child_id": child, "safety": "safe"}),
        ("civil.officer.1", "answer", {"note": "儿童安全"}),
        ("civil.officer.1", "closure-proposal", {"reason": "no_risk_found"}),
        ("civil.head.1", "closure-approval", {}),
    ):
        answer = await api.post(person, f"/v1/cases/{case}/{what}", body)
        assert answer.status_code == 200, answer.text


class Outbox(Gateway):
    """Keeps what would go out."""

    def __init__(self):
        self.sent = []

    async def deliver(self, endpoint, message_id, packet):
        self.sent.append(packet)
        return Delivered(status=202, reference=None)


async def sent_to(api, agency, case, leg):
    outbox = Outbox()
    order = Order(stream_id=case, version=1, now=datetime.now(UTC), referral_id=leg, agency=agency)
    await ActivityEnvironment().run(ReferralActivities(api.service.engine, api.service.ledger, outbox).refer, order)
    return outbox.sent[0]


async def test_a_system_is_told_with_the_referral_how_its_step_may_end_and_ends_it_without_asking(api, systems):
    child = {"residence_division": "110106101", "disabled": "yes", "unable_to_attend": "yes"}
    form = {"kind": "application", "children": [child], "situations": [], "reporter": {"class": "public"}}
    case, system = (await api.report(**form))["case_id"], System(api, "STREET")
    door = await api.leg(case, "STREET")
    assert "outcomes" not in await sent_to(api, "STREET", case, door), "a plain task is done when it is done"
    assert (await system.says(case, door, "accept")).status_code == 200
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, case, c.EnterStage(by=ENGINE, stage="assess"))
    leg, system = await api.leg(case, "EDU"), System(api, "EDU")
    message = await sent_to(api, "EDU", case, leg)
    first = message["outcomes"][0]
    assert [one["code"] for one in message["outcomes"]] == ["planned", "at_school"]
    assert (first["title_zh"], first["note"], first["about"]) == ("已制定计划", False, "child")
    assert {name: field["kind"] for name, field in first["record"].items()} == {
        "starts_on": "day", "lessons_a_week": "count", "in_school_register": "confirmed",
    }  # fmt: skip
    assert message["children"] == [one["id"] for one in (await api.progress(case))["children"]]
    listed = (await api.get("edu.officer.1", "/v1/tasks?limit=200")).json()["items"]
    row = next(row for row in listed if (row["case_id"], row["subject"]) == (case, leg))
    assert row["outcomes"] == message["outcomes"], "people are told the same"
    assert (await system.says(case, leg, "accept")).status_code == 200
    said = await system.says(case, leg, "complete", **ended_by_simulator(message))
    assert said.json()["events"][:2] == ["outcome_recorded", "referral_completed"], said.text


async def test_a_system_says_how_a_step_ended_or_is_told_which_outcomes_there_are(api, systems):
    child = {"residence_division": "110106101", "school_stage": "primary", "attending": "no"}
    report = await api.report(kind="dropout", children=[child], situations=[])
    case, system = report["case_id"], System(api, "EDU")
    leg = await api.leg(case, "EDU")
    assert (await system.says(case, leg, "accept")).status_code == 200
    told = is_problem(await system.says(case, leg, "complete"), 409, "outcome_needed")
    assert told["outcomes"] == ["notified", "back_already"]
    back = {"outcome": "back_already", "record": {"back_on": "2026-03-02"}}
    said = await system.says(case, leg, "complete", **back)
    assert said.json()["events"][:2] == ["outcome_recorded", "referral_completed"]


async def test_what_an_agencys_system_sends_the_desk_reads_as_it_was_sent(api, systems):
    """Else whoever holds its secret tries names through it, and a colleague at the desk sees which are masked."""
    kin, tried = "欧阳长林", "核对：赫连守信、张三丰、欧阳长林、李四光"
    filed = await api.report(
        children=[{"residence_division": "110106101", "school_stage": "primary"}], family=[{"name": kin, "relation": "父"}],
        reporter={"class": "committee", "name": "赫连守信"},
    )  # fmt: skip
    case = filed["case_id"]
    for agency, reader in (("EDU", "edu.officer.1"), ("STREET", "street-110106101.officer.1")):
        taken = await System(api, agency).says(case, await api.leg(case, agency), "accept", note=tried)
        assert taken.status_code == 200, taken.text
        said = [row.get("note") for row in (await api.get(reader, f"/v1/cases/{case}/timeline")).json()]
        assert tried in said, reader
    others = (await api.get("civil.officer.1", f"/v1/cases/{case}/timeline")).text
    assert ("赫连守信" in others, kin in others) == (False, False), "to all others it is masked as before"
