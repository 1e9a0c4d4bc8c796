"""A case outlives deployments: it moves to the newer version at its next wake, and comes home when its version is gone."""

import asyncio
import contextlib
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select
from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.service import RPCError

from activities.messages import Conducting
from app.db import tables
from app.domain import commands as c
from app.domain.terms import Role, Stage
from app.reconciler import LISTED_WITHIN
from tests.actors import at_desk
from workflows.case import CaseWorkflow
from workflows.child_watch import ChildWatchWorkflow


@workflow.defn(name="CaseWorkflow", versioning_behavior=VersioningBehavior.PINNED, sandboxed=False)
class CaseOfTomorrow(CaseWorkflow):
    """Later code that no history of today replays on: it takes a breath before anything else."""

    @workflow.init
    def __init__(self, start: Conducting) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: Conducting) -> None:
        await workflow.sleep(0.5)
        await super().run(start)


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


async def test_cases_of_two_versions_with_different_code_all_end_on_the_newer(world):
    old = [await world.report("CN-02") for _ in range(4)]
    today = {await version_of_case(world, case) for case in old}
    async with world.worker("tomorrow", workflows=(CaseOfTomorrow, ChildWatchWorkflow)):
        await world.make_current("tomorrow")
        new = [await world.report("CN-02") for _ in range(2)]
        await asyncio.gather(*(finish(world, case) for case in (*old, *new)))
        assert {await version_of_case(world, case) for case in (*old, *new)} == {"tomorrow"} != today
        for case in (*old, *new):
            history = await world.handle(case).fetch_history()
            assert not [e for e in history.events if e.HasField("workflow_task_failed_event_attributes")]
            assert await world.fold(case) == await world.columns(case) == await world.conducted(case)


async def finish(world, case):
    """From the report to the closure, a note whenever it has to be woken."""
    await world.do(case, c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-cn-02-0", safety="safe"))
    await world.reaches(case, Stage.ASSESS)
    async with asyncio.timeout(60):
        while await version_of_case(world, case) != "tomorrow":
            await world.do(case, c.AddNote(by=at_desk("POLICE")))
            await asyncio.sleep(0.3)
    await world.do(case, c.AnswerReporter(by=at_desk("CIVIL"), note="已处理"))
    await world.do(case, c.ProposeClosure(by=at_desk("CIVIL"), reason="no_risk_found"))
    await world.do(case, c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    await world.handle(case).result()


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
    found: list[str] = []
    async with asyncio.timeout(60):
        while not set(cases) <= set(found):  # the engine's list learns of each end in its own time
            found += [f.stream_id for f in await world.reconciler().run_once() if f.problem == "no_live_workflow"]
    assert all(found.count(case) == 1 for case in cases)
    async with world.engine.connect() as conn:
        shown = select(tables.findings.c.stream_id).where(tables.findings.c.problem == "no_live_workflow")
        assert set(cases) <= set((await conn.execute(shown)).scalars())
    for case in cases:
        await world.settle(case)
    async with asyncio.timeout(60):
        while set(cases) & {finding.stream_id for finding in await world.reconciler().run_once()}:
            await asyncio.sleep(0.2)


async def test_one_of_many_is_missed_by_the_count_and_behind_a_stranger_within_the_hour(world):
    case, stranger = await world.report("CN-02"), f"case-{uuid.uuid4().hex}"
    reconciler, clock = world.reconciler(), [world.now]
    reconciler.many, reconciler.clock = 0, lambda: clock[0]
    await in_step(world, reconciler)
    await world.handle(case).terminate("lost")
    start = Conducting(stream_id=stranger, resumed=False)
    await world.env.client.start_workflow(CaseWorkflow.run, start, id=stranger, task_queue="nobody")
    async with asyncio.timeout(60):
        while await running(world) != {*await told(world), stranger} - {case}:
            await asyncio.sleep(0.2)
    assert case not in await lost(reconciler)  # as many run as are open
    clock[0] += LISTED_WITHIN
    assert case in await lost(reconciler)

    await world.settle(case)
    await in_step(world, reconciler)
    await world.handle(case).terminate("lost again")
    async with asyncio.timeout(60):
        while case not in await lost(reconciler):
            await asyncio.sleep(0.2)


async def in_step(world, reconciler):
    """Everything that is open runs and nothing else does, whatever other tests left behind."""
    async with asyncio.timeout(60):
        while await running(world) != await told(world):
            for stranger in await running(world) - await told(world):
                with contextlib.suppress(RPCError):
                    await world.handle(stranger).terminate("left behind")
            await reconciler.run_once()
            await asyncio.sleep(0.2)
    reconciler.listed_at.clear()
    await reconciler.run_once()


async def running(world):
    listed = world.env.client.list_workflows("ExecutionStatus = 'Running' AND WorkflowType = 'CaseWorkflow'")
    return {workflow.id async for workflow in listed}


async def told(world):
    async with world.engine.connect() as conn:
        case = tables.cases.c
        return set((await conn.execute(select(case.id).where(case.is_open, case.conducted_version > 0))).scalars())


async def lost(reconciler):
    return {f.stream_id for f in await reconciler.run_once() if f.problem == "no_live_workflow"}
