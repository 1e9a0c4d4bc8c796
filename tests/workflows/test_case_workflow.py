"""The conducted case on the real server, in its own skipped time."""

import asyncio
import os
import uuid
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from temporalio import activity, client
from temporalio.api.enums.v1 import EventType
from temporalio.worker import ActivityInboundInterceptor, Interceptor

from activities.messages import Conducting, Moved
from app.db.ledger import events_since
from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.progress import Progress
from app.domain.terms import Role, Rung, Stage
from tests.actors import at_desk
from tests.world import PATIENCE, World
from workflows.conductor import ASKED


@pytest.fixture
async def world(engine, temporal, request):
    async with World(engine, temporal).open() as world:
        yield world
        if os.environ.get("SHOUHU_RECORD"):
            await record(world, request.node.name)


async def record(world, name):
    """Keep what this run wrote, for the code of tomorrow to replay."""
    folder = Path(__file__).parent / "histories"
    folder.mkdir(exist_ok=True)
    for n, case in enumerate(world.cases):
        history = await world.handle(case).fetch_history()
        (folder / f"case-{name.removeprefix('test_')[:40]}-{n}.json").write_text(history.to_json())


async def same_everywhere(world, case):
    assert await world.fold(case) == await world.columns(case) == await world.conducted(case)


@pytest.mark.requirement("R098")
async def test_silent_desk_is_escalated_rung_by_rung_up_to_the_procuratorate(world):
    case = await world.report("CN-02")
    leg = next(r for r in (await world.columns(case)).referrals if r.agency == "STREET")
    await world.sleep(case, days=3)
    rungs = [ev for ev in await world.events(case) if isinstance(ev, e.RungFired) and ev.subject == leg.id]
    assert [ev.rung for ev in rungs] == list(Rung)
    assert all((ev.at - ev.planned_at).total_seconds() < 60 for ev in rungs)
    await same_everywhere(world, case)


@pytest.mark.requirement("R060")
async def test_a_report_that_was_closed_with_a_mistaken_other_is_conducted_again(world):
    first, second = await world.report("CN-07"), await world.report("CN-07")
    await world.do(second, c.LinkReport(by=at_desk("POLICE"), primary=first))
    await world.do(first, c.AnswerReporter(by=at_desk("CIVIL"), note="已核实"))
    await world.do(first, c.ProposeClosure(by=at_desk("CIVIL"), reason="no_risk_found"))
    await world.do(first, c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    await world.relay.tell(second)
    await world.handle(second).result()
    assert not (await world.columns(second)).is_open
    await world.do(second, c.UnlinkReport(by=at_desk("CIVIL", "supervisor", Role.SUPERVISOR)))
    await world.complete_all(second)
    await world.reaches(second, Stage.ASSESS)
    await same_everywhere(world, second)


async def test_a_case_goes_through_its_four_stages_and_back_to_the_watch(world):
    case = await world.report("CN-02")
    await world.complete_all(case)
    await world.do(case, c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-cn-02-0", safety="safe"))
    await world.reaches(case, Stage.ASSESS)
    await world.complete_all(case)
    await world.do(
        case, c.AdoptPlan(by=at_desk("CIVIL"), items=(c.PlanItem(agency="EDU", service="psychological_help"),))
    )
    await world.reaches(case, Stage.INTERVENE)
    await world.complete_all(case)
    await world.reaches(case, Stage.REVIEW)
    await same_everywhere(world, case)
    await world.do(case, c.FilePostAssessment(by=at_desk("SW"), grade="low"))
    await world.do(case, c.ReviewGrade(by=at_desk("COMMITTEE"), grade="low", present=5))
    for code, desk in (("interim_adult_present", "CIVIL"), ("parents_return_or_delegate", "POLICE")):
        await world.do(case, c.MeetDuty(by=at_desk(desk), code=code))
    await world.do(case, c.AnswerReporter(by=at_desk("CIVIL"), note="已安全"))
    await world.sleep(case, days=31)
    await world.do(case, c.FilePostAssessment(by=at_desk("SW"), grade="low"))
    await world.do(case, c.ProposeClosure(by=at_desk("CIVIL"), reason="family_reunification"))
    await world.do(case, c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    await world.handle(case).result()
    await same_everywhere(world, case)
    watch = "watch-ch-cn-02-0"
    await world.relay.tell(watch)
    assert (await world.handle(watch).describe()).status.name == "RUNNING"


async def test_a_lost_workflow_comes_back_from_the_ledger(world):
    from app.relay import tell_anew

    case = await world.report("CN-02")
    await world.handle(case).terminate("lost")
    await world.do(case, c.AddNote(by=at_desk("POLICE")), tell=False)
    async with world.engine.begin() as conn:
        await tell_anew(conn, [case])
    await world.settle(case)
    await same_everywhere(world, case)


async def test_the_same_key_again_returns_the_first_answer(world):
    case = await world.report("CN-02")
    leg = next(r for r in (await world.columns(case)).referrals if r.agency == "POLICE")
    accept = rc.AcceptReferral(by=at_desk("POLICE"), referral_id=leg.id)
    first = await world.do(case, accept, key="k-1")
    again = await world.do(case, accept, key="k-1")
    assert again.replayed
    assert (again.version, [ev.kind for ev in again.events]) == (first.version, [ev.kind for ev in first.events])


async def test_the_engine_never_fails_on_a_case_that_a_person_moved_first(world):
    case = await world.report("CN-07")
    await world.reaches(case, Stage.ASSESS)
    await world.do(case, c.AddNote(by=ENGINE))
    assert (await world.handle(case).describe()).status.name == "RUNNING"


class LocalFails(client.Interceptor, Interceptor):
    """What the engine asks in place always fails, as while the database is away."""

    def intercept_activity(self, next):
        return FailsInPlace(next)


class FailsInPlace(ActivityInboundInterceptor):
    async def execute_activity(self, input):
        if activity.info().is_local:
            raise ConnectionError("away")
        return await super().execute_activity(input)


async def test_what_failed_in_place_fails_alike_for_a_worker_that_reads_it_from_the_history(
    engine, temporal, monkeypatch
):
    monkeypatch.setattr("app.worker.MOST_CACHED", 0)  # nothing is remembered: each task replays all that was before
    world = World(engine, temporal)
    failing = client.Client(**{**temporal.client.config(), "interceptors": [LocalFails()]})
    monkeypatch.setattr(world, "env", SimpleNamespace(client=failing, fast_forward=temporal.fast_forward))
    async with world.open():
        case = await world.report("CN-07")
        await world.reaches(case, Stage.ASSESS)
        await same_everywhere(world, case)
        kinds = await kinds_of(world.handle(case))
        assert kinds[EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED]
        assert not kinds[EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED]
        assert (await world.handle(case).describe()).status.name == "RUNNING"
        await world.handle(case).terminate("the test is over")


@pytest.mark.parametrize(("workflow", "kind"), [("CaseWorkflow", "case"), ("ChildWatchWorkflow", "watch")])
async def test_a_stream_that_never_comes_back_is_given_up_without_an_error(world, workflow, kind):
    unknown = f"{kind}-{uuid.uuid4().hex}"
    resumed = Conducting(stream_id=unknown, resumed=True)
    queue = world.settings.task_queue
    handle = await world.env.client.start_workflow(workflow, resumed, id=unknown, task_queue=queue)
    await world.env.fast_forward(handle, timedelta(minutes=20))
    async with asyncio.timeout(PATIENCE):
        await handle.result()
    kinds = await kinds_of(handle)
    assert kinds[EventType.EVENT_TYPE_TIMER_FIRED] == ASKED
    assert not kinds[EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED]


async def test_a_resumed_case_that_the_ledger_does_not_know_waits_a_breath_between_its_questions(world):
    case = await world.report("CN-02", tell=False)
    unknown = f"case-{uuid.uuid4().hex}"
    resumed = Conducting(stream_id=unknown, resumed=True)
    queue = world.settings.task_queue
    handle = await world.env.client.start_workflow("CaseWorkflow", resumed, id=unknown, task_queue=queue)
    async with asyncio.timeout(PATIENCE):
        while not (kinds := await kinds_of(handle))[EventType.EVENT_TYPE_TIMER_FIRED]:
            await asyncio.sleep(0.05)
    asked = kinds[EventType.EVENT_TYPE_MARKER_RECORDED]
    assert asked <= kinds[EventType.EVENT_TYPE_TIMER_STARTED] + 1
    async with world.engine.connect() as conn:
        told = Moved(since=0, events=tuple(await events_since(conn, case, 0)))
    await handle.signal("moved", told)
    async with asyncio.timeout(PATIENCE):
        while await handle.query("progress", result_type=Progress | None) is None:
            await asyncio.sleep(0.05)
    await handle.terminate("the test is over")


async def kinds_of(handle):
    return Counter(event.event_type for event in (await handle.fetch_history()).events)
