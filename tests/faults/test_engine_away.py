"""Q-R3: while Temporal is dead or hangs, reports are taken and people act without delay; afterwards nothing is left behind."""

import asyncio
import time

from sqlalchemy import func, select

from app.db import tables
from tests.faults import times
from tests.faults.checker import settled

REPORTS, CLIENTS = times(100, 500), 4


async def behind(rig, people):
    """How many of these people's cases the engine has not been told of."""
    case, cases = tables.cases.c, [ack.case_id for ack in people.acks]
    async with rig.database() as engine, engine.connect() as conn:
        query = select(func.count()).where(case.id.in_(cases), case.version > case.conducted_version)
        return (await conn.execute(query)).scalar_one()


async def test_reports_while_temporal_is_down_are_all_conducted_once_it_is_back(rig, people):
    rig.kill("temporal")

    async def client():
        for _ in range(REPORTS // CLIENTS):
            await people.report()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    times = sorted(people.times)
    assert times[len(times) * 99 // 100] < 1
    assert await behind(rig, people) == len(people.acks) >= REPORTS  # control: without the relay nothing is conducted

    await asyncio.to_thread(rig.temporal.start)
    back = time.monotonic()
    while await behind(rig, people):
        assert time.monotonic() - back < 60
        await asyncio.sleep(0.5)
    seen, found = await settled(rig, people, within=60 - (time.monotonic() - back))
    assert found == []
    assert {case: len(runs) for case, runs in seen.workflows.items() if case in seen.stored} == dict.fromkeys(
        {ack.case_id for ack in people.acks}, 1
    )
    assert people.wrong == []


async def test_a_person_never_waits_for_an_engine_that_hangs(rig, people):
    first = await people.report()
    with rig.hung("temporal"):
        second = await people.report()
        await asyncio.sleep(1)
        for case in (first.case_id, second.case_id):
            for verb in ("claim", "accept", "complete"):
                await people.post("police.officer.1", f"/v1/cases/{case}/referrals/a-police-1/{verb}")
        assert max(people.times) < 2
    _, found = await settled(rig, people)
    assert found == []
