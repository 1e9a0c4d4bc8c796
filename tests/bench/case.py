"""Figures 3 and 4: a whole case beside a bare workflow with the same waits, and what it leaves in Temporal's history."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from activities.gateway import Gateway, open_client
from app.db.ledger import Ledger
from app.db.session import engine_of
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import Actor
from app.domain.progress import Progress
from app.domain.terms import Agency, CloseReason, Role, Safety
from app.policy.examples import facts_of
from app.policy.loader import load
from app.process import begin
from app.relay import Relay
from app.settings import Settings
from app.stack import Stack
from app.temporal import connect, ensure_deployment
from app.worker import worker_of
from tests.bench.figures import Figure, middle
from tests.bench.waits import TASKS, BareCaseWorkflow

RUNS, CASES, AT_ONCE = 3, 64, 32
QUEUE = "bench-bare"
MOST_EVENTS = 25
BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_TIMER_STARTED, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_MARKER_RECORDED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
}  # fmt: skip
"""What Temporal's price list counts as an action."""


def at_desk(desk: str, person: str = "officer", *roles: Role) -> Actor:
    """Somebody who works there."""
    agency = Agency(desk.partition("-")[0])
    return Actor(person_id=f"{desk.lower()}.{person}", agency=agency, desk=desk, roles=roles or (Role.OFFICER,))


REPORTER = Actor(person_id="reporter", agency=Agency.POLICE, desk="POLICE", roles=(Role.REPORTER,), unit="unit-1")
LEAD, SECOND = at_desk("CIVIL"), at_desk("CIVIL", "head", Role.DESK_HEAD)


class Chain:
    """People's facts go to the ledger, the relay tells the worker: all in this process."""

    def __init__(self, engine: AsyncEngine, client: Client) -> None:
        self.engine, self.client = engine, client
        self.ledger = Ledger(load, "fengtai-2026.1")
        self.facts = facts_of("CN-05").model_copy(update={"children": facts_of("CN-05").children[:1]})

    async def case(self) -> str:
        """Report, four tasks, closure; returns once the workflow has ended."""
        case_id = f"case-{uuid.uuid4().hex}"
        filed = c.FileReport(by=REPORTER, facts=self.facts.at(datetime.now(UTC)), unit="unit-1")
        async with self.engine.begin() as conn:
            progress: Progress = (await self.ledger.file(conn, case_id, filed)).progress
        legs = progress.open_referrals
        assert len(legs) == TASKS
        for leg in legs:
            await self._do(case_id, rc.AcceptReferral(by=at_desk(leg.desk), referral_id=leg.id))
        for leg in legs:
            asked = leg.task == "ask_detainee"
            record = {"asked_on": "2026-01-01", "children": 1} if asked else {}
            await self._do(
                case_id,
                rc.CompleteReferral(
                    by=at_desk(leg.desk), referral_id=leg.id, outcome="no_need" if asked else "", record=record, note="无需"
                ),
            )  # fmt: skip
        await self._do(case_id, c.ConfirmSafety(by=LEAD, child_id=progress.children[0].id, safety=Safety.SAFE))
        await self._do(case_id, c.AnswerReporter(by=LEAD, note="已核实，儿童安全。"))
        await self._do(case_id, c.ProposeClosure(by=LEAD, reason=CloseReason.NO_RISK_FOUND))
        await self._do(case_id, c.ApproveClosure(by=SECOND))
        await _ended(self.client, case_id)
        return case_id

    async def _do(self, case_id: str, command: c.Command) -> None:
        async with self.engine.begin() as conn:
            await self.ledger.record(conn, case_id, command)


class Bare:
    """The same facts by signal."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def case(self) -> str:
        """Start, signal, wait for the end."""
        started = await self.client.start_workflow(
            BareCaseWorkflow.run, id=f"bare-{uuid.uuid4().hex}", task_queue=QUEUE
        )
        for n in range(TASKS):
            await started.signal(BareCaseWorkflow.fact, f"accepted-{n}")
        for n in range(TASKS):
            await started.signal(BareCaseWorkflow.fact, f"completed-{n}")
        for name in ("safe", "answered", "proposed", "approved"):
            await started.signal(BareCaseWorkflow.fact, name)
        await started.result()
        return started.id


async def _ended(client: Client, workflow_id: str) -> None:
    """The case is closed in the ledger; the engine follows."""
    handle = client.get_workflow_handle(workflow_id)
    while True:
        try:
            await handle.result()
            return
        except Exception as failure:  # not started yet: the relay is on its way
            if "not found" not in str(failure).lower():
                raise
            await asyncio.sleep(0.01)


@asynccontextmanager
async def chain(stack: Stack) -> AsyncIterator[Chain]:
    """Worker and relay of ours in this process, on the stack's servers."""
    env = stack.environment()
    settings = Settings.model_validate(
        {name.removeprefix("SHOUHU_").lower(): value for name, value in env.items() if name.startswith("SHOUHU_")}
        | {"task_queue": "bench", "deployment": "bench"}
    )
    engine, client = engine_of(env["SHOUHU_DATABASE_URL"], pool=20, vault=stack.vault), await connect(settings)
    ours = Chain(engine, client)
    async with open_client() as http, worker_of(client, engine, ours.ledger, Gateway(http), settings):
        await ensure_deployment(client, settings)
        relay = asyncio.create_task(Relay(engine, client, settings.task_queue).run())
        try:
            yield ours
        finally:
            relay.cancel()
            with suppress(asyncio.CancelledError):
                await relay
            await engine.dispose()


async def _rate(case: Callable[[], Awaitable[str]]) -> float:
    """Cases a second with as many at once as there are officers at work."""
    numbers = iter(range(CASES))

    async def work() -> None:
        for _ in numbers:
            await case()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return CASES / (time.perf_counter() - began)


async def _alone(case: Callable[[], Awaitable[str]]) -> float:
    """Milliseconds of one case when nothing else happens: the median."""
    spans = []
    for _ in range(15):
        began = time.perf_counter()
        await case()
        spans.append((time.perf_counter() - began) * 1000)
    return middle(spans)


async def _history(client: Client, workflow_id: str) -> tuple[int, int, int]:
    """Events, actions that are billed, and bytes."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    kinds = Counter(event.event_type for event in history.events)
    return len(history.events), sum(kinds[kind] for kind in BILLED), sum(event.ByteSize() for event in history.events)


async def _histories(client: Client, case: Callable[[], Awaitable[str]]) -> list[float]:
    """The medians of three."""
    return [middle(counts) for counts in zip(*[await _history(client, await case()) for _ in range(3)], strict=True)]


async def measure(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """Ours and the bare one take turns."""
    stack.process("worker").terminate()
    begin("warning")
    async with chain(stack) as ours, Worker(ours.client, task_queue=QUEUE, workflows=[BareCaseWorkflow]):
        bare = Bare(ours.client)
        rates: tuple[list[float], list[float]] = ([], [])
        spans: tuple[list[float], list[float]] = ([], [])
        for run in range(RUNS + 1):  # the first warms up
            for side, case in enumerate((ours.case, bare.case)):
                say(f"whole cases, {('ours', 'bare')[side]}, run {run} of {RUNS}")
                rates[side].append(await _rate(case))
                spans[side].append(await _alone(case))
        mine, theirs = [await _histories(ours.client, case) for case in (ours.case, bare.case)]
    return [
        Figure("case_rate", "cases/s", middle(rates[0][1:]), middle(rates[1][1:]), least=0.8),
        Figure("case_alone_p50", "ms", middle(spans[0][1:]), middle(spans[1][1:])),
        Figure("case_history_events", "events", mine[0], most=MOST_EVENTS),
        Figure("case_history_events_beside_bare", "events", mine[0], theirs[0]),
        Figure("case_billed_actions", "actions", mine[1], theirs[1]),
        Figure("case_history_bytes", "bytes", mine[2], theirs[2]),
    ]
