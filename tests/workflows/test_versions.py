"""A case outlives deployments: it moves to the newer version at its next wake, and comes home when its version is gone."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import tables
from app.domain import commands as c
from tests.world import World, at_desk


@pytest.fixture
async def world(engine, temporal):
    async with World(engine, temporal).open() as world:
        yield world


async def version_of_case(world, case):
    described = await world.handle(case).describe()
    return described.raw_description.workflow_execution_info.versioning_info.deployment_version.build_id


async def test_a_pinned_case_moves_to_the_new_version_by_continue_as_new(world):
    case = await world.report("CN-02")
    old = await version_of_case(world, case)
    async with world.worker("newer"):
        await world.make_current("newer")
        async with asyncio.timeout(60):
            while await version_of_case(world, case) != "newer":
                await world.do(case, c.AddNote(by=at_desk("POLICE")))
                await asyncio.sleep(0.3)
        assert old != "newer"
        assert await world.fold(case) == await world.columns(case) == await world.conducted(case)


async def test_a_case_whose_version_nobody_serves_comes_home_from_the_ledger(world):
    case = None
    async with contextlib.AsyncExitStack() as gone:
        await gone.enter_async_context(world.worker("gone"))
        await world.make_current("gone")
        case = await world.report("CN-02")
        assert await version_of_case(world, case) == "gone"
    await world.make_current()
    reconciler = world.reconciler()
    reconciler.polled_within = timedelta()
    assert case in await reconciler.bring_home()
    await world.do(case, c.AddNote(by=at_desk("POLICE")))
    assert await version_of_case(world, case) != "gone"
    assert await world.fold(case) == await world.conducted(case)


@pytest.mark.requirement("R061")
async def test_the_reconciler_finds_every_lost_workflow_and_repairs_it_once(world):
    cases = [await world.report("CN-02") for _ in range(3)]
    for case in cases:
        await world.handle(case).terminate("lost")
    async with asyncio.timeout(20):
        while not set(cases) <= {
            f.stream_id for f in await world.reconciler().run_once() if f.problem == "no_live_workflow"
        }:
            await asyncio.sleep(0.2)
    async with world.engine.connect() as conn:
        open_ones = select(tables.findings.c.stream_id).where(tables.findings.c.ended_at.is_(None))
        assert set(cases) <= set((await conn.execute(open_ones)).scalars())
    for case in cases:
        await world.settle(case)
    async with asyncio.timeout(20):
        while set(cases) & {finding.stream_id for finding in await world.reconciler().run_once()}:
            await asyncio.sleep(0.2)
