"""Temporal dies at its start; the worker, then Temporal die in the middle of a case: it goes on, nothing is lost, no rung is doubled."""

import asyncio
import os
import signal

import httpx2
import pytest

from app.demo_people import People
from app.domain.terms import Rung
from app.policy.examples import submission_of
from tests.e2e.conftest import running

PATIENCE = 90


def kill_at_the_start(stack, said):
    """As Temporal ends where another program is quicker with one of the ports that it draws."""
    if said.startswith("Preparing"):
        stack.temporal.kill()


@pytest.fixture
async def stack(place):
    async with running(place / "kills", kill_at_the_start) as stack:
        yield stack


@pytest.fixture
async def people(stack):
    async with httpx2.AsyncClient(base_url=stack.url, timeout=20, trust_env=False) as http:
        yield People(http, stack.tokens)


async def rungs(people, case_id, subject):
    timeline = await people.get("civil.supervisor.1", f"/v1/cases/{case_id}/timeline")
    return [row["rung"] for row in timeline if row["kind"] == "rung_fired" and row["subject"] == subject]


@pytest.mark.requirement("R098")
async def test_a_case_survives_the_death_of_the_worker_and_of_temporal(stack, people):
    report = await people.post("village.reporter.1", "/v1/reports", submission_of("CN-02"))
    case_id = report["case_id"]
    await asyncio.sleep(1)

    os.killpg(stack.process("worker").pid, signal.SIGKILL)
    accepted = await people.post("police.officer.1", f"/v1/cases/{case_id}/referrals/a-police-1/accept")
    assert "referral_accepted" in accepted["events"]  # a person never waits for the engine
    await asyncio.sleep(2)
    stack.spawn("worker", "app.worker")
    await asyncio.sleep(3)

    stack.temporal.kill()
    second = await people.post("village.reporter.1", "/v1/reports", submission_of("CN-02"))
    await asyncio.sleep(2)
    await asyncio.to_thread(stack.temporal.start)

    async with asyncio.timeout(PATIENCE):
        for case in (case_id, second["case_id"]):
            while len(await rungs(people, case, "a-street-1")) < len(Rung):
                await asyncio.sleep(0.3)
    await asyncio.sleep(2)
    for case in (case_id, second["case_id"]):
        assert await rungs(people, case, "a-street-1") == [rung.value for rung in Rung]
        timeline = await people.get("civil.supervisor.1", f"/v1/cases/{case}/timeline")
        fired = [(r["subject"], r["clock"], r["rung"]) for r in timeline if r["kind"] == "rung_fired"]
        assert len(fired) == len(set(fired))
        assert [row["version"] for row in timeline] == list(range(1, len(timeline) + 1))
    told = await people.get("proc.officer.1", "/v1/notices")
    assert {case_id, second["case_id"]} <= {n["case_id"] for n in told["items"] if n["rung"] == "procuratorate"}
