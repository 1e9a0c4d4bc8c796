"""A small world for tests: people act on cases through the ledger, a worker conducts them, and time is the test's to move."""

import asyncio
import contextlib
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.gateway import Gateway, open_client
from app.db import tables
from app.db.ledger import Ledger, events_since
from app.db.refold import BATCH
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.events import event_adapter
from app.domain.fold import fold
from app.domain.procedure import is_step, step_of
from app.domain.procedure_work import usual, usual_end
from app.domain.progress import Progress
from app.policy.examples import facts_of
from app.policy.loader import load
from app.reconciler import Reconciler
from app.relay import Relay
from app.settings import Settings
from app.temporal import ensure_deployment, version_of
from app.worker import worker_of
from tests.actors import REPORTER, at_desk

PATIENCE = 30


class World:
    """Its worker and relay serve a task queue of its own; `now` runs as the cases' own clocks do."""

    def __init__(self, engine, env, policy="fengtai-2026.1"):
        self.engine, self.env = engine, env
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.settings = Settings(task_queue=name, deployment=name)
        self.skipped = timedelta()
        self.ledger = Ledger(load, policy, clock=lambda: self.now)
        self.relay = Relay(engine, env.client, self.settings.task_queue)
        self.cases: list[str] = []

    @property
    def now(self):
        return datetime.now(UTC) + self.skipped

    @contextlib.asynccontextmanager
    async def open(self):
        async with open_client() as http:
            self.gateway = Gateway(http)
            async with self.worker():
                await self.make_current()
                yield self

    async def make_current(self, build: str = "") -> None:
        await ensure_deployment(self.env.client, self.settings.model_copy(update={"build": build}))

    def reconciler(self, build: str = "") -> Reconciler:
        version = version_of(self.settings.model_copy(update={"build": build}))
        return Reconciler(self.engine, self.env.client, version, share=BATCH)  # of thousands that other tests left open

    def worker(self, build: str = "", **code) -> Worker:
        settings = self.settings.model_copy(update={"build": build})
        return worker_of(
            self.env.client, self.engine, self.ledger, self.gateway, settings, runner=SandboxedWorkflowRunner(), **code
        )  # fmt: skip

    async def report(self, example="CN-02", *, facts=None, by=REPORTER, tell=True):
        case_id = f"case-{uuid.uuid4().hex}"
        seen = (facts or facts_of(example)).at(self.now)
        async with self.engine.begin() as conn:
            report = {
                "case_id": case_id, "receipt_hash": uuid.uuid4().hex * 2, "filed_by": "reporter", "reporter_unit": "unit-1",
                "reporter": {}, "narrative": "", "family": [], "facts": seen, "findings": [],
            }  # fmt: skip
            filed = c.FileReport(by=by, facts=seen, unit="unit-1")
            await self.ledger.file(conn, case_id, filed, now=self.now, content={tables.reports: [report]})
        self.cases.append(case_id)
        if tell:
            await self.settle(case_id)
        return case_id

    async def do(self, case_id, command, *, tell=True, **options):
        async with self.engine.begin() as conn:
            recorded = await self.ledger.record(conn, case_id, command, **options)
        if tell:
            await self.settle(case_id)
        return recorded

    async def settle(self, case_id):
        """Tell the conductor and wait until it has seen what the ledger has."""
        await self.relay.tell(case_id)
        async with asyncio.timeout(PATIENCE):
            while True:
                conducted, columns = await self.conducted(case_id), await self.columns(case_id)
                if not columns.is_open or (conducted and conducted.version == columns.version):
                    return
                await asyncio.sleep(0.05)

    async def reaches(self, case_id, stage) -> None:
        """Wait until the conductor has moved the case to this stage."""
        async with asyncio.timeout(PATIENCE):
            while (await self.columns(case_id)).stage is not stage:
                await asyncio.sleep(0.05)
        await self.settle(case_id)

    async def sleep(self, case_id, **span):
        """Let the case's own time pass."""
        span = timedelta(**span)
        await self.env.fast_forward(self.handle(case_id), span)
        self.skipped += span
        await self.settle(case_id)

    def handle(self, case_id):
        return self.env.client.get_workflow_handle(case_id)

    async def conducted(self, case_id) -> Progress | None:
        return await self.handle(case_id).query("progress", result_type=Progress | None)

    async def columns(self, case_id) -> Progress:
        async with self.engine.connect() as conn:
            stored = await conn.execute(select(tables.cases.c.progress).where(tables.cases.c.id == case_id))
            return Progress.model_validate(stored.scalar_one())

    async def events(self, case_id):
        async with self.engine.connect() as conn:
            return [event_adapter.validate_python(body) for body in await events_since(conn, case_id, 0)]

    async def fold(self, case_id) -> Progress:
        return fold(await self.events(case_id))

    async def complete_all(self, case_id):
        """Every built-in desk accepts and completes what it has, assessments included."""
        while legs := (await self.columns(case_id)).open_referrals:
            leg, who = legs[0], at_desk(legs[0].desk)
            if leg.state == "sent":
                await self.do(case_id, rc.AcceptReferral(by=who, referral_id=leg.id))
            if leg.assessment:
                await self.do(case_id, c.FileAssessment(by=who, referral_id=leg.id, grade="medium"))
            else:
                now = await self.columns(case_id)
                await self.do(case_id, usual_end(now, load(now.policy), self.now, leg, who))

    async def end_procedures(self, case_id):
        """Every step that a person owes ends as it usually does."""
        while steps := [d for d in (await self.columns(case_id)).duties if d.is_open and is_step(d.code)]:
            for duty in steps:
                now = await self.columns(case_id)
                step = load(now.policy).step(step_of(duty.code))
                if step.waits:
                    await self.sleep(case_id, seconds=(duty.clock.due_at - self.now).total_seconds() + 1)
                else:
                    said = usual(now, load(now.policy), self.now, step)
                    await self.do(case_id, c.RecordOutcome(by=at_desk(duty.desk), code=duty.code, **said))
