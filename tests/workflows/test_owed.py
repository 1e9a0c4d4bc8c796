"""Empty posts and books on the running engine: schedules look, what is found climbs the ladder, and setting it right ends it."""

import asyncio
import os
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from app.db import entries, tables
from app.db.ledger import events_since
from app.db.owed import filled
from app.db.vault import sealed_row
from app.domain.access import ENGINE
from app.domain.agreement import Differs
from app.domain.owed import Matter, OwedRungFired, owed_event_adapter, owed_id
from app.domain.registers import EndOfEntry, ended, written
from app.domain.terms import Rung
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.domain.working_time import BEIJING
from app.schedules import check_id, keep_checks
from tests.actors import at_desk
from tests.world import PATIENCE, World

HISTORIES = Path(__file__).parent / "histories"
STREET = "110106101"
VACANT = owed_id(Matter.VACANCY, "staff:division-supervisor", STREET)
UNLISTED = owed_id(Matter.VACANCY, "communities:division", STREET)
owed = tables.owed.c


@pytest.fixture
async def world(engine, temporal):
    async with World(engine, temporal).open() as world:
        await keep_checks(world.env.client, world.settings.task_queue)
        yield world
        for what in ("posts", "books", "duplicates"):
            await world.env.client.get_schedule_handle(check_id(world.settings.task_queue, what)).delete()
    async with engine.begin() as conn:
        await conn.execute(delete(tables.owed))


async def looked(world, what, until):
    """The day of the schedule has come, and what it asked for is done."""
    await world.env.client.get_schedule_handle(check_id(world.settings.task_queue, what)).trigger()
    async with asyncio.timeout(PATIENCE):
        while True:
            async with world.engine.connect() as conn:
                rows = {row.id: row for row in await conn.execute(select(tables.owed))}
            if until(rows):
                return rows
            await asyncio.sleep(0.05)


@pytest.mark.requirement("R056", "R135")
async def test_posts_and_doubles_are_looked_for_every_day_and_books_on_the_first_of_a_month(world):
    hours, days = {"posts": 6, "books": 5, "duplicates": 4}, {}
    for what, hour in hours.items():
        handle = world.env.client.get_schedule_handle(check_id(world.settings.task_queue, what))
        times = [at.astimezone(BEIJING) for at in (await handle.describe()).info.next_action_times]
        assert {(at.hour, at.minute) for at in times} == {(hour, 0)}, what
        days[what] = [at.date() for at in times]
    assert {day.day for day in days.pop("books")} == {1}
    for what, found in days.items():
        assert [day - found[0] for day in found] == [timedelta(days=n) for n in range(len(found))], what


async def events(world, stream):
    async with world.engine.connect() as conn:
        return [owed_event_adapter.validate_python(body) for body in await events_since(conn, stream, 0)]


@pytest.mark.requirement("R135")
async def test_a_street_without_a_supervisor_is_told_rung_by_rung_until_somebody_is_in_the_post(world):
    rows = await looked(world, "posts", lambda rows: VACANT in rows)
    assert rows[UNLISTED].desk == f"STREET-{STREET}", "a street that has listed no community would owe no director"
    assert (rows[VACANT].desk, rows[VACANT].is_open) == (f"STREET-{STREET}", True)
    await world.relay.tell(VACANT)
    await world.env.fast_forward(world.handle(VACANT), 60 * 86400)
    fired = [event for event in await events(world, VACANT) if isinstance(event, OwedRungFired)]
    assert [event.rung for event in fired] == [rung for rung in Rung if rung is not Rung.PROCURATORATE]
    async with world.engine.begin() as conn:
        told = await conn.execute(select(tables.notices.c.person_id).where(tables.notices.c.case_id == VACANT))
        assert {f"street-{STREET}.head.1", "conf.officer.1", "civil.supervisor.1"} <= set(told.scalars())
        register = (await world.ledger.current(conn, world.now)).registers["staff"]
        who = at_desk(f"STREET-{STREET}").model_copy(update={"division": STREET})
        person = {"post": "supervisor", "name": "督导员（化名）", "full_time": "full", "checked_on": "2026-01-05"}
        rules = await world.ledger.current(conn, world.now)
        name = f"entry-{uuid.uuid4().hex}"
        entry = written(register, None, name, person, STREET, who, world.now, rules.calendar)
        await entries.append(conn, register, entry, who, None, person)
        await filled(conn, world.ledger, register, entry, who, world.now)
    await world.relay.tell(VACANT)
    await world.handle(VACANT).result()
    assert (await events(world, VACANT))[-1].how == "filled"
    if os.environ.get("SHOUHU_RECORD"):
        history = await world.handle(VACANT).fetch_history()
        (HISTORIES / "owed-an_empty_post_climbs_the_ladder.json").write_text(history.to_json())
    async with world.engine.begin() as conn:
        over = ended(register, entry, EndOfEntry.OVER, who, world.now)
        await entries.append(conn, register, over, who, None, {})


@pytest.mark.requirement("R015")
async def test_books_that_differ_from_the_watch_are_somebodys_to_set_right_and_end_once_they_agree(world, engine):
    case, child = await world.report("CN-02"), f"ch-{uuid.uuid4().hex}"
    async with engine.begin() as conn:
        row = {"id": child, "case_id": case, "name": "", "division": STREET, "filed_at": world.now}
        await conn.execute(insert(tables.children), await sealed_row(conn, tables.children, row))
        begin = BeginWatch(by=ENGINE, child_id=child, case_id=case, division="110106100", grade="high")
        await world.ledger.begin(conn, watch_id(child), begin, now=world.now)
        await conn.execute(update(tables.cases).where(tables.cases.c.id == case).values(
            progress=tables.cases.c.progress.op("||")({"stage": "closed", "closed_reason": "family_reunification"})
        ))  # fmt: skip
    wrong = owed_id(Matter.BOOKS, Differs.DIVISION.value, child)
    rows = await looked(world, "books", lambda rows: wrong in rows)
    assert (rows[wrong].desk, rows[wrong].subject) == ("COMM-110106100", child)
    async with engine.begin() as conn:
        await conn.execute(update(tables.children).where(tables.children.c.id == child).values(division="110106100"))
    rows = await looked(world, "books", lambda rows: not rows[wrong].is_open)
    assert (await events(world, wrong))[-1].how == "agrees"
