"""Referrals to agencies' own systems: signed, once, and every way of answering ends on the record."""

import asyncio
import base64
import json
import secrets
import subprocess
import sys

import pytest
from sqlalchemy import delete

from app.db import tables
from app.db.session import engine_of
from app.endpoints import enter, parse
from app.policy.examples import submission_of
from app.stack import ROOT

PATIENCE = 30


@pytest.fixture
async def agency(stack):
    """Start an agency's system; the test says how it behaves."""
    started = []

    async def start(code, behaviour, *arguments):
        secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
        log = stack.data / f"{code}-{behaviour}.jsonl"
        command = ["--agency", code, "--port", "0", "--behaviour", behaviour, "--secret", secret]
        command += ["--callback", stack.url, "--log", str(log), "--delay", "0.2", *arguments]
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.simulator", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )  # fmt: skip
        started.append(process)
        port = (await asyncio.to_thread(process.stdout.readline)).strip().rpartition("port=")[2]
        engine = engine_of(stack.postgres.url, pool=1, vault=stack.vault)
        async with engine.begin() as conn:
            await conn.execute(delete(tables.endpoints))
            await enter(conn, parse(f"{code}=http://127.0.0.1:{port}/referrals", secret, lookup=True))
        await engine.dispose()
        return log

    yield start
    for process in started:
        process.terminate()


async def events_of(people, example, wanted):
    report = await people.post("village.reporter.1", "/v1/reports", submission_of(example))
    path = f"/v1/cases/{report['case_id']}/timeline"
    async with asyncio.timeout(PATIENCE):
        while True:
            timeline = await people.get("civil.supervisor.1", path)
            found = [row for row in timeline if wanted(row)]
            if found:
                return found[0], timeline
            await asyncio.sleep(0.2)


async def test_an_agency_system_accepts_and_completes_what_it_got_once(people, agency):
    log = await agency("EDU", "accept")
    done, timeline = await events_of(
        people, "CN-02", lambda r: r["kind"] == "referral_completed" and r["by"] == "edu.machine"
    )
    assert done["referral_id"] == "a-education-1"
    assert [r["outcome"] for r in timeline if r["kind"] == "delivery_recorded"] == ["delivered"]
    received = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(received) == 1


async def test_a_coded_refusal_sends_the_leg_to_the_lead_agency(people, agency):
    await agency("EDU", "decline", "--reason", "no_capacity")
    opened, _ = await events_of(people, "CN-02", lambda r: r.get("instead_of") == "a-education-1")
    assert opened["agency"] == "CIVIL"


async def test_a_rejection_is_seen_by_a_person_and_the_clock_runs_on(people, agency):
    await agency("EDU", "reject")
    recorded, _ = await events_of(people, "CN-02", lambda r: r["kind"] == "delivery_recorded")
    assert recorded["outcome"] == "rejected"
    rows = await people.get("civil.supervisor.1", "/v1/stalled?cause=delivery_failing")
    assert any(row["subject"] == "a-education-1" for row in rows["items"])


async def test_an_outage_is_retried_shown_and_ends_in_one_delivery(people, agency):
    log = await agency("EDU", "flaky", "--failures", "3")
    _, timeline = await events_of(
        people, "CN-02", lambda r: r["kind"] == "delivery_recorded" and r["outcome"] == "delivered"
    )
    assert [r["outcome"] for r in timeline if r["kind"] == "delivery_recorded"] == ["failing", "delivered"]
    taken = [json.loads(line) for line in log.read_text().splitlines()]
    assert len({entry.get("message_id") or entry.get("webhook_id") for entry in taken}) == 1


async def test_a_callback_with_a_wrong_signature_changes_nothing(people, agency):
    await agency("EDU", "silent")
    headers = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    answer = await people.http.post("/v1/callbacks/EDU", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")


async def delivered(people, example="CN-02"):
    """A case whose education leg lies at the agency's own system."""
    _, timeline = await events_of(people, example, lambda r: r["kind"] == "delivery_recorded")
    return timeline[0]["case_id"]


@pytest.mark.parametrize("way", ["reassigned", "linked"])
async def test_a_system_that_had_a_referral_is_told_when_it_is_taken_back(people, agency, way):
    log = await agency("EDU", "silent")
    case = await delivered(people)
    if way == "reassigned":
        await people.post("civil.supervisor.1", f"/v1/cases/{case}/referrals/a-education-1/reassign", {"to": "CIVIL"})
    else:
        other = await people.post("village.reporter.1", "/v1/reports", submission_of("CN-02"))
        await people.post("police.officer.1", f"/v1/cases/{case}/link", {"primary": other["case_id"]})
    async with asyncio.timeout(PATIENCE):
        while True:
            timeline = await people.get("civil.supervisor.1", f"/v1/cases/{case}/timeline")
            told = [
                r["outcome"]
                for r in timeline
                if r["kind"] == "delivery_recorded" and r["referral_id"] == "a-education-1"
            ]
            if "withdrawn" in told:
                break
            await asyncio.sleep(0.2)
    assert told == ["delivered", "withdrawn"]
    of_case = [row for row in map(json.loads, log.read_text().splitlines()) if row["case_id"] == case]
    key = f"{case}:a-education-1"
    assert [row["message_id"] for row in of_case] == [key, f"{key}:withdrawn"]
