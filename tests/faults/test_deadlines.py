"""Q-R7: rungs fire once, never early and at most a minute late, across an outage of everything and jumps of the wall clock."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.db import tables
from tests.faults import times
from tests.faults.checker import complaints, look, settled
from tests.faults.rig import MODULES, SERVERS

TIMERS, LATE, DOWN = 200, timedelta(seconds=60), times(8, 180)
STEP = timedelta(hours=2)


async def firings(rig, people):
    """Every rung by case, subject, clock and name: when it was planned, and when the database says that it was written."""
    seen, written = await look(rig, people), {}
    async with rig.database() as engine, engine.connect() as conn:
        for row in await conn.execute(select(tables.audit.c.stream_id, tables.audit.c.version, tables.audit.c.at)):
            written[row.stream_id, row.version] = row.at
    fired = {}
    for case, events in seen.events.items():
        for event in (event for event in events if event["kind"] == "rung_fired"):
            last = min(v for stream, v in written if stream == case and v and v >= event["version"])
            planned = datetime.fromisoformat(event["planned_at"])
            fired[case, event["subject"], event["clock"], event["rung"]] = (planned, written[case, last])
    return fired, complaints(seen)


async def planned_before(rig, people, instant):
    """The rungs that are due before then, as the cases stand now."""
    seen = await look(rig, people)
    return {
        (case, leg["id"], "accept", plan["rung"])
        for case, row in seen.stored.items()
        for leg in row["progress"]["referrals"]
        for plan in leg["accept"]["rungs"]
        if datetime.fromisoformat(plan["at"]) < instant
    }


async def test_two_hundred_timers_that_fell_due_while_all_was_down_fire_once(quick_rig, quick_people):
    await asyncio.gather(*(quick_people.report() for _ in range(TIMERS // 11)))
    due = await planned_before(quick_rig, quick_people, datetime.now(UTC) + timedelta(seconds=DOWN))
    quick_rig.kill(*MODULES, *SERVERS)
    assert len(due) >= TIMERS
    await asyncio.sleep(DOWN)
    await quick_rig.restart(*MODULES, *SERVERS)
    back = datetime.now(UTC)
    async with asyncio.timeout(LATE.total_seconds() * 2):
        while due - set((await firings(quick_rig, quick_people))[0]):
            await asyncio.sleep(1)
    fired, found = await firings(quick_rig, quick_people)
    late = max(written - max(planned, back) for what, (planned, written) in fired.items() if what in due)
    assert late <= LATE
    assert [said for said in found if said.startswith(("twice", "early", "gap", "lost"))] == []
    assert all(written >= planned for planned, written in fired.values())


async def run_with_stepped_clock(rig, people, step, **inside):
    """Three cases climb while the worker's wall clock is wrong; when each rung was planned and truly written."""
    await rig.restart("worker", stepping=True, **inside)
    await asyncio.gather(*(people.report() for _ in range(3)))
    read = await rig.step_clock(step)
    assert abs(read - datetime.now(UTC) - step) < timedelta(seconds=5)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        fired, found = await firings(rig, people)
        if sum(rung == "desk_head" for *_, rung in fired) >= 15:
            break
        await asyncio.sleep(0.5)
    assert [said for said in found if said.startswith(("twice", "early", "gap", "lost"))] == []
    return list(fired.values())


@pytest.mark.parametrize("step", [STEP, -STEP], ids=["forward", "back"])
async def test_a_jump_of_the_wall_clock_moves_no_rung(quick_rig, quick_people, step):
    fired = await run_with_stepped_clock(quick_rig, quick_people, step)
    assert len(fired) >= 3 * 5 * 2
    assert all(timedelta() <= written - planned <= LATE for planned, written in fired)


async def test_control_an_engine_that_trusts_its_wall_clock_is_seen_to_be_early(quick_rig, quick_people):
    fired = await run_with_stepped_clock(quick_rig, quick_people, STEP, trusting=True)
    assert any(written < planned for planned, written in fired)


async def test_a_wrong_clock_delays_a_delivery_and_loses_none(rig, people):
    log = await rig.agency("EDU", "accept")
    await rig.restart("worker", stepping=True)
    await rig.works()
    await rig.step_clock(STEP)
    report = await people.report()

    async def outcomes():
        events = (await look(rig, people)).events[report.case_id]
        return [event["outcome"] for event in events if event["kind"] == "delivery_recorded"]

    async with asyncio.timeout(60):
        while await outcomes() != ["failing"]:
            await asyncio.sleep(0.5)
        await rig.step_clock(timedelta())
        while await outcomes() != ["failing", "delivered"]:
            await asyncio.sleep(0.5)
    _, found = await settled(rig, people, logs=(log,))
    assert found == []
