"""What a district under watch weighs: many watched children with one pending visit each, and a night on which many visits fall due at once."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any

import asyncpg
import psutil
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as Version
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentVersionRequest
from temporalio.client import Client

from app.db.ledger import Ledger
from app.db.session import engine_of
from app.domain.access import ENGINE
from app.domain.terms import Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch, RecordVisit
from app.policy.loader import load
from app.settings import Settings
from app.stack import Stack
from app.temporal import connect, version_of
from tests.bench import excel
from tests.bench.case import BILLED, at_desk
from tests.bench.figures import Figure, middle, percentile
from tests.bench.load import Wire
from tests.bench.receipt import dsn_of

WATCHED = 100_000
FIFTH = 5
"""One in so many is due on the same night: 20,000 of 100,000."""
STREETS = [f"110106{n:03}" for n in (*range(1, 19), *range(20, 26))]
ELSEWHERE = STREETS[1:]
OFFICER = f"comm-{STREETS[0]}.officer.1"
WITHIN_MINUTES, LIST_MS, UNHARMED = 10.0, 20.0, 1.5
LEAD = timedelta(seconds=45)
DUE, OF_DESK = "/v1/visits", "watch-ch-{}-%"
"""The list by name and home, as its page shows it; the children of the desk that reads it are there whole."""
SHOWN, RUNS, VISITS = 100, 3, 4
PACE = 0.1
"""Seconds from call to call: ten a second are sixty times the visits of the district's working hours."""
FIRED = "select count(*) from events where kind = 'visit_rung_fired'"
COPIES = (
    """insert into watches (id, version, conducted_version, policy, progress, is_open, next_deadline_at, division,
                            child_id, grade, desk, visit_due_at)
       select 'watch-' || $1 || n, 1, 0, w.policy, w.progress || jsonb_build_object('watch_id', 'watch-' || $1 || n, 'child_id', $1 || n,
              'division', ($4::text[])[1 + n % $5], 'desk', 'COMM-' || ($4::text[])[1 + n % $5]), true, w.next_deadline_at,
              ($4::text[])[1 + n % $5], $1 || n, w.grade, 'COMM-' || ($4::text[])[1 + n % $5], w.visit_due_at
       from watches w, generate_series(1, $3::int) n where w.id = $2""",
    """insert into events (stream_id, version, kind, at, by, body)
       select 'watch-' || $1 || n, 1, e.kind, e.at, e.by, e.body || jsonb_build_object('watch_id', 'watch-' || $1 || n, 'child_id', $1 || n,
              'division', ($4::text[])[1 + n % $5], 'desk', 'COMM-' || ($4::text[])[1 + n % $5])
       from events e, generate_series(1, $3::int) n where e.stream_id = $2 and e.version = 1""",
)
"""Copies of one watch, over all streets but one: what its first event says, each under its own name."""


class District:
    """The whole service with its watches."""

    def __init__(self, stack: Stack, conn: asyncpg.Connection, say: Callable[[str], None]) -> None:
        self.stack, self.conn, self.say = stack, conn, say
        self.engine = engine_of(stack.environment()["SHOUHU_DATABASE_URL"], vault=stack.vault)
        self.ledger = Ledger(load, "fengtai-2026.1")
        given = {
            name.removeprefix("SHOUHU_").lower(): value
            for name, value in stack.environment().items()
            if name.startswith("SHOUHU_")
        }
        self.settings = Settings.model_validate(given)
        self.client: Client | None = None

    async def fill(self, name: str, count: int, due_at: datetime | None = None) -> float:
        """So many more watches, all conducted; how many a second. Where `due_at` is given, a rung of each falls due then."""
        begin = BeginWatch(by=ENGINE, child_id=f"{name}-0", division=ELSEWHERE[0], grade=Grade.MEDIUM)
        pattern, here = watch_id(begin.child_id), count // len(STREETS)
        async with self.engine.begin() as conn:
            await self.ledger.begin(conn, pattern, begin)
        await excel.fill(self.engine, excel.children(here, len(name)), self.say, name, STREETS[0])
        if due_at:
            await self._due(pattern, due_at, 1)
            await self._due(OF_DESK.format(name), due_at, here)
        for copies in COPIES:
            await self.conn.execute(copies, f"{name}-", pattern, count - here, ELSEWHERE, len(ELSEWHERE))
        await self.conn.execute("analyze watches; analyze events; notify ledger")
        began = time.perf_counter()
        while behind := await self.conn.fetchval(excel.BEHIND) or await self._waiting():
            self.say(f"{behind} of {count} watches not conducted yet")
            await asyncio.sleep(1)
        return count / (time.perf_counter() - began)

    async def _waiting(self) -> int:
        """What the engine has been told and no worker has looked at yet."""
        self.client = self.client or await connect(self.settings)
        version = version_of(self.settings)
        asked = DescribeWorkerDeploymentVersionRequest(
            namespace=self.client.namespace, report_task_queue_stats=True,
            deployment_version=Version(deployment_name=version.deployment_name, build_id=version.build_id),
        )  # fmt: skip
        found = await self.client.workflow_service.describe_worker_deployment_version(asked)
        return sum(queue.stats.approximate_backlog_count for queue in found.version_task_queues)

    async def _due(self, pattern: str, due_at: datetime, count: int) -> None:
        """The next rung of so many visits is planned for that instant."""
        at = json.dumps(due_at.isoformat().replace("+00:00", "Z"))
        for table, column, key, first in (
            ("watches", "progress", "id", "true"),
            ("events", "body", "stream_id", "version = 1"),
        ):
            moved = f"jsonb_set({column}, '{{visit,rungs,0,at}}', $2::jsonb)"
            done = await self.conn.execute(
                f"update {table} set {column} = {moved} where {key} like $1 and {first}", pattern, at
            )
            assert done == f"UPDATE {count}"
        await self.conn.execute("update watches set next_deadline_at = $2 where id like $1", pattern, due_at)

    def memory(self) -> tuple[float, float]:
        """MiB of Temporal and of the worker."""
        assert self.stack.temporal
        assert self.stack.temporal.process
        servers = (self.stack.temporal.process, self.stack.process("worker"))
        temporal, worker = (psutil.Process(server.pid).memory_info().rss / 2**20 for server in servers)
        return temporal, worker

    async def list_p95(self) -> float:
        """Milliseconds of the list of due visits of a committee."""
        return middle([await self._p95(["GET", DUE]) for _ in range(RUNS)])

    async def visit_p95(self) -> float:
        """Milliseconds of an officer's record of a visit, each of another child."""
        quiet = "select id from watches where id like $1 order by random() limit $2"  # what is due tonight stays due
        children = [row["id"] for row in await self.conn.fetch(quiet, OF_DESK.format("quiet"), SHOWN)]
        return await self._p95(*(["POST", f"/v1/watches/{child}/visits", {"finding": "well"}] for child in children))

    async def _p95(self, *calls: Sequence[Any]) -> float:
        wire, spans = Wire(self.stack.api_port, self.stack.tokens[OFFICER]), []
        for call in islice(cycle(calls), SHOWN):
            began = time.perf_counter()
            await wire.call(*call)
            spans.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(max(0.0, PACE - spans[-1] / 1000))
        wire.close()
        return percentile(spans[10:], 0.95)

    async def night(self, due: int, due_at: datetime) -> tuple[float, list[float], list[float]]:
        """Minutes until every rung has fired, and the p95 of visits that officers record and of the list that they read meanwhile."""
        before, visits, lists = await self.conn.fetchval(FIRED), list[float](), list[float]()
        await asyncio.sleep(max(0.0, (due_at - datetime.now(UTC)).total_seconds()))
        began = time.perf_counter()
        while (fired := await self.conn.fetchval(FIRED) - before) < due:
            self.say(f"{fired} of {due} missed visits recorded")
            visits.append(await self.visit_p95())
            lists.append(await self._p95(["GET", DUE]))
        return (time.perf_counter() - began) / 60, visits, lists

    async def actions(self) -> float:
        """Billed actions of one child in a year at medium risk: the start, and a visit every thirty days."""
        child, officer = "counted-0", at_desk(f"COMM-{STREETS[0]}")
        begin = BeginWatch(by=ENGINE, child_id=child, division=STREETS[0], grade=Grade.MEDIUM)
        async with self.engine.begin() as conn:
            await self.ledger.begin(conn, watch_id(child), begin)
        counts = [await self._billed(watch_id(child))]
        for _ in range(VISITS):
            async with self.engine.begin() as conn:
                await self.ledger.record(conn, watch_id(child), RecordVisit(by=officer, finding="well"))
            counts.append(await self._billed(watch_id(child)))
        return counts[0] + (counts[-1] - counts[0]) / VISITS * 365 / 30

    async def _billed(self, stream: str) -> int:
        while await self.conn.fetchval("select version > conducted_version from watches where id = $1", stream):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        self.client = self.client or await connect(self.settings)
        history = await self.client.get_workflow_handle(stream).fetch_history()
        return sum(event.event_type in BILLED for event in history.events)


async def measure(stack: Stack, say: Callable[[str], None], *, watched: int = WATCHED) -> list[Figure]:
    """The engine empty, then full, then at work on one night."""
    conn = await asyncpg.connect(dsn_of(stack))
    district, due = District(stack, conn, say), watched // FIFTH
    before = district.memory()
    actions = await district.actions()
    rate = await district.fill("quiet", watched - due)
    due_at = datetime.now(UTC) + timedelta(seconds=1.3 * due / rate) + LEAD
    await district.fill("night", due, due_at)
    temporal, worker = district.memory()
    listed, idle = await district.list_p95(), await district.visit_p95()
    say(f"{due} visits fall due at {due_at:%H:%M:%S}")
    minutes, busy, read = await district.night(due, due_at)
    await conn.close()
    await district.engine.dispose()
    return [
        Figure(f"watches_conducted_{watched}", "watches/s", rate),
        Figure(f"temporal_memory_with_{watched}_watched", "MiB", temporal, before[0]),
        Figure(f"worker_memory_with_{watched}_watched", "MiB", worker, before[1]),
        Figure("actions_a_child_and_year", "actions", actions),
        Figure(f"due_visits_p95_at_{watched}_watched", "ms", listed, most=LIST_MS),
        Figure(f"night_of_{due}_due_visits", "min", minutes, most=WITHIN_MINUTES),
        Figure("visit_p95_in_that_night", "ms", middle(busy), idle, most=UNHARMED),
        Figure("due_visits_p95_in_that_night", "ms", middle(read), listed, most=UNHARMED),
    ]
