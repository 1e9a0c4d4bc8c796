"""A change in a child's file that nobody verifies climbs the ladder; once it is passed its conductor ends and the next starts anew."""

import asyncio
import uuid

import pytest

from app.db.ledger import events_since
from app.domain.child_file import ChildFile, file_id
from app.domain.file_work import EnterChange, PassChange
from app.domain.terms import Rung
from tests.actors import at_desk
from tests.world import PATIENCE


@pytest.mark.requirement("R051")
async def test_a_change_that_nobody_verifies_climbs_the_ladder_until_somebody_does(world):
    child = f"ch-{uuid.uuid4().hex}"
    stream, who = file_id(child), at_desk("COMM-110106101")
    enter = EnterChange(by=who, child_id=child, division="110106101", field="phone", content={"value": "010-00001234"})

    async def do(command):
        async with world.engine.begin() as conn:
            done = await world.ledger.begin(conn, stream, command, now=world.now)
        await world.relay.tell(stream)
        return done

    first = await do(enter)
    await world.env.fast_forward(world.handle(stream), 45 * 86400)
    async with world.engine.connect() as conn:
        fired = [body["rung"] for body in await events_since(conn, stream, first.version)]
    assert fired == list(Rung)
    await do(PassChange(by=at_desk("STREET-110106101"), change=first.version))
    await world.handle(stream).result()
    second = await do(enter)
    conducted = None
    async with asyncio.timeout(PATIENCE):
        while conducted is None:
            conducted = await world.handle(stream).query("progress", result_type=ChildFile | None)
    assert conducted == second.progress
