"""The watch over a child: a visit that is missed climbs the ladder, a visit that is made plans the next."""

import uuid
from datetime import timedelta

import pytest

from app.db.ledger import Ledger, events_since
from app.domain.access import ENGINE
from app.domain.refusals import Refused
from app.domain.terms import Rung
from app.domain.watch import VisitRungFired, watch_event_adapter, watch_id
from app.domain.watch_work import BeginWatch, EndWatch, RecordVisit
from tests.actors import at_desk

COMMITTEE = "COMM-110106101"


async def begin(world, grade="high"):
    case = await world.report("CN-02")
    child = f"ch-{uuid.uuid4().hex}"
    ledger: Ledger = world.ledger
    async with world.engine.begin() as conn:
        command = BeginWatch(by=ENGINE, child_id=child, case_id=case, division="110106101", grade=grade)
        await ledger.begin(conn, watch_id(child), command, now=world.now)
    await world.relay.tell(watch_id(child))
    return watch_id(child)


async def fired(world, watch):
    async with world.engine.connect() as conn:
        events = [watch_event_adapter.validate_python(body) for body in await events_since(conn, watch, 0)]
    return [event.rung for event in events if isinstance(event, VisitRungFired)]


@pytest.mark.requirement("R016")
@pytest.mark.requirement("R054")
async def test_a_missed_visit_climbs_the_ladder_each_rung_once(world):
    watch = await begin(world)
    await world.env.fast_forward(world.handle(watch), 45 * 86400)
    assert await fired(world, watch) == list(Rung)


@pytest.mark.requirement("R013")
async def test_a_visit_plans_the_next_by_the_grade_and_no_rung_fires(world):
    watch = await begin(world, "high")
    await world.env.fast_forward(world.handle(watch), 3 * 86400)
    visit = RecordVisit(by=at_desk(COMMITTEE), finding="well", grade="low")
    async with world.engine.begin() as conn:
        recorded = await world.ledger.record(conn, watch, visit, now=world.now + timedelta(days=3))
    assert (recorded.progress.visit.due_at - recorded.progress.visit.started_at).days >= 89
    await world.relay.tell(watch)
    await world.env.fast_forward(world.handle(watch), 30 * 86400)
    assert await fired(world, watch) == []


async def test_a_watch_that_has_ended_takes_no_visit(world):
    watch = await begin(world)
    async with world.engine.begin() as conn:
        await world.ledger.record(conn, watch, EndWatch(by=at_desk(COMMITTEE), reason="adulthood"))
    await world.relay.tell(watch)
    await world.handle(watch).result()
    with pytest.raises(Refused):
        async with world.engine.begin() as conn:
            await world.ledger.record(conn, watch, RecordVisit(by=at_desk(COMMITTEE), finding="well"))
