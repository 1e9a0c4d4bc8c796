"""What the parts can do at most on this machine, with nothing of ours between: read it beside the other figures of the run."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import asyncpg
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from app.stack import Stack
from tests.bench.figures import Figure, middle
from tests.bench.load import rate
from tests.bench.receipt import bare, dsn_of, listening, reports, turn_engine
from tests.bench.waits import TurnsWorkflow

RUNS, SECONDS, WORKFLOWS, TURNS, ECHOES = 3, 2.0, 32, 10, {1: 600, 32: 2000}
QUEUE = "bench-turns"
ONE_ROW = "insert into commits default values"


async def measure(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """Commits, workflow tasks and echoes."""
    await turn_engine(stack, on=False)
    return [*await _commits(stack, say), await _workflow_tasks(stack, say), *await _echoes(stack, say)]


async def _commits(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """One small row a transaction."""
    setup = await asyncpg.connect(dsn_of(stack))
    await setup.execute(
        "create table commits (id bigint generated always as identity, at timestamptz not null default now())"
    )
    figures = []
    for clients in (1, 32):
        conns = [await asyncpg.connect(dsn_of(stack)) for _ in range(clients)]
        rates = []
        for run in range(RUNS + 1):  # the first warms up
            say(f"commits, {clients} at once, run {run} of {RUNS}")
            until = time.perf_counter() + SECONDS
            done = await asyncio.gather(*(_insert(conn, until) for conn in conns))
            rates.append(sum(done) / SECONDS)
        figures.append(Figure(f"limit_commits_{clients}", "commits/s", middle(rates[1:])))
        await asyncio.gather(*(conn.close() for conn in conns))
    await setup.execute("drop table commits")
    await setup.close()
    return figures


async def _insert(conn: asyncpg.Connection, until: float) -> int:
    row, done = await conn.prepare(ONE_ROW), 0
    while time.perf_counter() < until:
        await row.fetch()
        done += 1
    return done


async def _workflow_tasks(stack: Stack, say: Callable[[str], None]) -> Figure:
    """Counted in the histories of workflows that are asked and answer, many at once."""
    client, rates = await Client.connect(stack.environment()["SHOUHU_TEMPORAL_ADDRESS"]), []
    async with Worker(client, task_queue=QUEUE, workflows=[TurnsWorkflow]):
        for run in range(RUNS + 1):
            say(f"workflow tasks, run {run} of {RUNS}")
            began = time.perf_counter()
            handles = await asyncio.gather(*(_turns(client) for _ in range(WORKFLOWS)))
            took = time.perf_counter() - began
            events = [event for handle in handles for event in (await handle.fetch_history()).events]
            rates.append(sum(e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for e in events) / took)
    return Figure("limit_workflow_tasks", "tasks/s", middle(rates[1:]))


async def _turns(client: Client) -> WorkflowHandle[Any, None]:
    handle = await client.start_workflow(TurnsWorkflow.run, TURNS, id=f"turns-{uuid.uuid4().hex}", task_queue=QUEUE)
    for _ in range(TURNS):
        await handle.execute_update(TurnsWorkflow.turn)
    await handle.result()
    return handle


async def _echoes(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """A report that comes back from a bare FastAPI route: HTTP and JSON, nothing else."""
    figures, nth = [], reports()
    with bare(stack, {}) as port:
        await listening(port)
        for clients, requests in ECHOES.items():
            rates = []
            for run in range(RUNS + 1):
                say(f"echoes, {clients} at once, run {run} of {RUNS}")
                rates.append(await rate(port, "", "/echo", nth, clients=clients, requests=requests))
            figures.append(Figure(f"limit_echo_{clients}", "requests/s", middle(rates[1:])))
    return figures
