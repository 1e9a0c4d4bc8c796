"""A screening round on the running engine: its schedule opens it, the silent climb the ladder, the last answer ends it."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import tables
from app.db.ledger import events_since
from app.domain.access import Actor
from app.domain.rounds import ReturnRound, RoundRungFired, round_event_adapter
from app.domain.terms import Agency, Role, Rung
from app.policy.loader import load
from app.schedules import keep_schedules, schedule_id
from tests.world import PATIENCE, World

HISTORIES = Path(__file__).parent / "histories"
CODE = "prisoners_children"
ROUNDS = load("fengtai-2026.1").rounds


@pytest.fixture
async def world(engine, temporal):
    async with World(engine, temporal).open() as world:
        yield world
        await keep_schedules(world.env.client, world.settings.task_queue, {})


async def events(world, stream):
    async with world.engine.connect() as conn:
        return [round_event_adapter.validate_python(body) for body in await events_since(conn, stream, 0)]


async def opened_by_schedule(world):
    """The day of the schedule has come."""
    queue = world.settings.task_queue
    await keep_schedules(world.env.client, queue, ROUNDS)
    await keep_schedules(world.env.client, queue, ROUNDS)  # safe to repeat
    schedule = world.env.client.get_schedule_handle(schedule_id(queue, CODE))
    days = {(at.month, at.day, at.hour) for at in (await schedule.describe()).info.next_action_times}
    assert days == {(6, 1, 1), (12, 1, 1)}, "nine in the morning in Beijing"
    await schedule.trigger()
    table = tables.rounds.c
    async with asyncio.timeout(PATIENCE):
        while True:
            async with world.engine.connect() as conn:
                found = await conn.scalar(select(table.id).where(table.code == CODE, table.is_open))
            if found:
                return found
            await asyncio.sleep(0.05)


@pytest.mark.requirement("R105")
async def test_a_schedule_opens_the_round_the_silent_climb_the_ladder_and_the_last_answer_ends_it(world):
    stream = await opened_by_schedule(world)
    await world.relay.tell(stream)
    opened = (await events(world, stream))[0]
    assert len(opened.units) == 26
    *answered, silent = opened.units
    for asked in answered:
        await returned(world, stream, asked)
    await world.relay.tell(stream)
    await world.env.fast_forward(world.handle(stream), 60 * 86400)
    fired = [event for event in await events(world, stream) if isinstance(event, RoundRungFired)]
    assert [event.rung for event in fired] == list(Rung)
    assert {event.missing for event in fired} == {(silent.unit,)}
    await returned(world, stream, silent)
    await world.relay.tell(stream)
    await world.handle(stream).result()
    last = (await events(world, stream))[-1]
    assert (last.kind, last.reason) == ("round_closed", "complete")
    if os.environ.get("SHOUHU_RECORD"):
        history = await world.handle(stream).fetch_history()
        (HISTORIES / "round-the_silent_climb_the_ladder.json").write_text(history.to_json())


async def returned(world, stream, asked):
    by = Actor(person_id=f"{asked.desk}.1", agency=Agency.STREET, desk=asked.desk, roles=(Role.OFFICER,))
    async with world.engine.begin() as conn:
        await world.ledger.record(conn, stream, ReturnRound(by=by, unit=asked.unit, screened=3))
