"""Figure 5: what 10,000 open cases weigh, how fast commands are then, and how soon a returning worker fires what is due."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import psutil

from app.db.intake import file
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.session import engine_of
from app.domain import commands as c
from app.domain.submission import Submission
from app.policy.examples import facts_of, submission_of
from app.policy.loader import load
from app.stack import Stack
from tests.bench import case
from tests.bench.figures import Figure, middle, percentile
from tests.bench.load import Wire
from tests.bench.receipt import dsn_of, reports, turn_engine
from tests.bench.waits import TASKS

RUNS, FEW, AT_ONCE, SAID = 3, 100, 8, 500
LOOKED_AT = FEW // RUNS
IN_SECONDS = "fengtai-2026.1+demo"
"""The same rules with seconds for minutes and days: some of its deadlines come while the worker is away."""
BEHIND = "select count(*) from cases where version > conducted_version"
NEWEST = "select id from cases where is_open order by number desc limit $1"
FIRED = "select count(*) from events where kind = 'rung_fired' and stream_id = any($1)"
DUE = "select min(next_deadline_at) from cases where id = any($1)"


def dropouts() -> Callable[[int], dict[str, Any]]:
    """Reports that open a task at four agencies, none of them due within the hour: nothing but the load changes the measure."""
    family = {"kind": "dropout", "situations": ["dropout"], "reporter": {"class": "public"}}
    return reports(base=submission_of("CN-07") | family)


@dataclass(frozen=True)
class Weight:
    """MiB of memory and bytes on disk."""

    temporal: float
    worker: float
    temporal_disk: int
    database_disk: int


async def rest(stack: Stack, conn: asyncpg.Connection, behind: str, say: Callable[[str], None]) -> None:
    """Until the engine has heard everything, which `behind` counts, and its worker takes less than 15 per cent of a processor."""
    worker, quiet = psutil.Process(stack.process("worker").pid), 0
    worker.cpu_percent()
    while quiet < 3:
        await asyncio.sleep(1)
        left, busy = await conn.fetchval(behind), worker.cpu_percent()
        say(f"{left} not conducted yet, worker at {busy:.0f} %")
        quiet = quiet + 1 if left == 0 and busy < 15 else 0


@dataclass
class District:
    """The whole service with so many open cases."""

    stack: Stack
    conn: asyncpg.Connection
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self.nth, self.filed = dropouts(), itertools.count()
        self.open_cases = 0

    async def fill(self, upto: int) -> None:
        """Reports by the one door, without HTTP, which would only take longer; returns once the engine conducts every case and rests."""
        env = self.stack.environment()
        engine, receipts = (
            engine_of(env["SHOUHU_DATABASE_URL"], vault=self.stack.vault),
            Receipts(env["SHOUHU_RECEIPT_SECRET"].encode()),
        )
        ledger, left = Ledger(load, "fengtai-2026.1"), iter(range(upto - self.open_cases))

        async def report() -> None:
            for _ in left:
                submission = Submission.model_validate(self.nth(next(self.filed)))
                async with engine.begin() as conn:
                    await file(conn, ledger, receipts, submission, case.REPORTER, None)
                self.open_cases += 1
                if self.open_cases % SAID == 0:
                    behind = await self.conn.fetchval(BEHIND)
                    self.say(f"{self.open_cases} of {upto} cases filed, {behind} not conducted yet")

        await asyncio.gather(*(report() for _ in range(AT_ONCE)))
        await engine.dispose()
        await self.conn.execute("analyze")
        await rest(self.stack, self.conn, BEHIND, lambda said: self.say(f"{self.open_cases} open cases: {said}"))

    async def weigh(self) -> Weight:
        """Memory and files, after the database has written down what it keeps."""
        assert self.stack.temporal
        assert self.stack.temporal.process
        await self.conn.execute("checkpoint")
        servers = (self.stack.temporal.process, self.stack.process("worker"))
        temporal, worker = (psutil.Process(server.pid).memory_info().rss / 2**20 for server in servers)
        files = sum(path.stat().st_size for path in self.stack.temporal.directory.iterdir())
        database = await self.conn.fetchrow("select pg_database_size(current_database()) as size")
        return Weight(temporal, worker, files, database["size"] if database else 0)

    async def commands(self) -> tuple[list[float], list[float]]:
        """p50 and p95 of each run in ms: four desks accept and complete what the newest cases ask of them."""
        ids = [row["id"] for row in await self.conn.fetch(NEWEST, LOOKED_AT * RUNS)]
        halves, tails = [], []
        for run in range(RUNS):
            self.say(f"commands with {self.open_cases} open, run {run + 1} of {RUNS}")
            spans = [span for one in ids[run::RUNS] for span in await self._works(one)]
            halves.append(percentile(spans, 0.5))
            tails.append(percentile(spans, 0.95))
        return halves, tails

    async def _works(self, case_id: str) -> list[float]:
        supervisor = Wire(self.stack.api_port, self.stack.tokens["civil.supervisor.1"])
        shown = await supervisor.call("GET", f"/v1/cases/{case_id}")
        supervisor.close()
        spans = []
        legs = [leg for leg in shown["progress"]["referrals"] if leg["state"] == "sent" and not leg["assessment"]]
        assert len(legs) >= TASKS
        for leg in legs:
            officer = Wire(self.stack.api_port, self.stack.tokens[f"{leg['desk'].lower()}.officer.1"])
            await officer.call("GET", "/healthz")  # connected before the clock starts
            for verb in ("accept", "complete"):
                began = time.perf_counter()
                await officer.call("POST", f"/v1/cases/{case_id}/referrals/{leg['id']}/{verb}", {})
                spans.append((time.perf_counter() - began) * 1000)
            officer.close()
        return spans

    async def first_rungs(self) -> list[float]:
        """Seconds from the start of a worker to the first rung that came due while there was none, run by run."""
        spans = []
        for run in range(RUNS):
            self.say(f"a worker returns to {self.open_cases} open cases, run {run + 1} of {RUNS}")
            ids = await self._in_seconds()
            while await self.conn.fetchval(BEHIND + " and id = any($1)", ids):
                await asyncio.sleep(0.05)
            await turn_engine(self.stack, on=False)
            due, before = await self.conn.fetchval(DUE, ids), await self.conn.fetchval(FIRED, ids)
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()) + 0.5)
            began = time.perf_counter()
            await turn_engine(self.stack, on=True)
            while await self.conn.fetchval(FIRED, ids) == before:
                await asyncio.sleep(0.005)
            spans.append(time.perf_counter() - began)
            self.say(f"{spans[-1]:.2f} s to the first rung")
        return spans

    async def _in_seconds(self) -> list[str]:
        """Cases whose deadlines are seconds away."""
        engine, ledger = (
            engine_of(self.stack.environment()["SHOUHU_DATABASE_URL"], vault=self.stack.vault),
            Ledger(load, IN_SECONDS),
        )
        ids = [f"case-{uuid.uuid4().hex}" for _ in range(3)]
        async with engine.begin() as conn:
            for one in ids:
                filed = c.FileReport(by=case.REPORTER, facts=facts_of("CN-05").at(datetime.now(UTC)), unit="unit-1")
                await ledger.file(conn, one, filed)
        await engine.dispose()
        return ids


async def measure(stack: Stack, say: Callable[[str], None], *, open_cases: int = 10_000) -> list[Figure]:
    """The same with few and with many."""
    conn = await asyncpg.connect(dsn_of(stack))
    district = District(stack, conn, say)
    weights, commands, rungs = [], [], []
    for count in (FEW, open_cases):
        await district.fill(count)
        weights.append(await district.weigh())
        commands.append(await district.commands())
        rungs.append(await district.first_rungs())
    await conn.close()
    (few, many), more, at = weights, open_cases - FEW, f"with_{open_cases}_open"
    (few_p50, few_p95), (many_p50, many_p95) = commands
    return [
        Figure(f"temporal_memory_{at}", "MiB", many.temporal, few.temporal),
        Figure(f"worker_memory_{at}", "MiB", many.worker, few.worker),
        Figure("temporal_bytes_per_open_case", "bytes", (many.temporal_disk - few.temporal_disk) / more),
        Figure("database_bytes_per_open_case", "bytes", (many.database_disk - few.database_disk) / more),
        Figure(f"command_p50_{at}", "ms", middle(many_p50), middle(few_p50)),
        Figure(f"command_p95_{at}", "ms", middle(many_p95), middle(few_p95), most=1.5),
        Figure(f"worker_start_to_first_due_rung_{at}", "s", middle(rungs[1]), middle(rungs[0])),
    ]
