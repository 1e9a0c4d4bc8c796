"""The reconciler: every open case has an owner, a next deadline and a live workflow; what is safe is repaired, the rest is shown."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Table, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as DeploymentVersion
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentVersionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode

from app.db.findings import Finding, find, keep, rebuild_tasks
from app.db.refold import BATCH, look, mend, next_streams
from app.db.streams import STREAMS
from app.domain.terms import Fault
from app.relay import TYPES, tell_anew
from app.temporal import pollers

VERSION_OF = "TemporalWorkerDeploymentVersion"
DEPLOYMENT_VERSION = SearchAttributeKey.for_keyword(VERSION_OF)
ASKED_AT_ONCE = 16
SHARE = 2000
"""Streams whose ledgers one run folds, a second's work or two: all of 10,000 open cases within five runs, ten minutes."""
POLLED_WITHIN = timedelta(minutes=2)
MANY, LISTED_WITHIN = 20_000, timedelta(hours=1)
"""So many of one kind are counted, and listed when the count is wrong or the last list that old: 100,000 names are seconds of a core."""


@dataclass
class Reconciler:
    """Runs in the worker every few minutes, and by hand."""

    engine: AsyncEngine
    client: Client
    version: WorkerDeploymentVersion
    polled_within: timedelta = POLLED_WITHIN
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    share: int = SHARE
    many: int = MANY
    folded_to: str = ""
    unreadable: dict[str, Finding] = field(default_factory=dict)
    listed_at: dict[str, datetime] = field(default_factory=dict)
    ran_at: datetime | None = None

    async def run_once(self) -> tuple[Finding, ...]:
        """Compare the ledger with the engine, repair, and keep for the board what was found; twice gives the same state."""
        lost, folds = await self._lost(), await self._refold()
        async with self.engine.begin() as conn:
            await conn.execute(text("select pg_advisory_xact_lock(hashtextextended('reconciler', 0))"))
            found = [Finding(stream_id, Fault.NO_LIVE_WORKFLOW, repaired=True) for stream_id in lost]
            found += [*folds, *await find(conn, self.clock())]
            await tell_anew(conn, lost)
            await conn.execute(text("NOTIFY ledger"))
            await rebuild_tasks(conn, [f.stream_id for f in found if f.problem is Fault.TASKS_DIFFER])
            await keep(conn, found, self.clock())
        self.ran_at = self.clock()
        return tuple(found)

    async def _refold(self) -> list[Finding]:
        """Fold the ledgers of the next share of the open streams, those of all in turn; the stored folds are made equal."""
        found: list[Finding] = []
        for _ in range(0, self.share, BATCH):
            async with self.engine.connect() as conn:
                streams = await next_streams(conn, self.folded_to)
                wrong = await look(conn, streams)
            self.folded_to = streams[-1] if streams else ""
            for stream_id in streams:
                self.unreadable.pop(stream_id, None)
            for stream_id in wrong:
                async with self.engine.begin() as conn:
                    mended = await mend(conn, stream_id)
                if mended and mended.problem is Fault.LEDGER_UNREADABLE:
                    self.unreadable[stream_id] = mended
                elif mended:
                    found.append(mended)
            if len(streams) < BATCH:
                self.folded_to = ""
                break
        return [*found, *self.unreadable.values()]

    async def _lost(self) -> list[str]:
        """Open streams that were told and that no workflow conducts, of every kind."""
        return [stream_id for table in STREAMS for stream_id in await self._lost_of(table)]

    async def _lost_of(self, table: Table) -> list[str]:
        """Of one kind; one of many whose place in the count a stranger took is found within the hour."""
        told = select(table.c.id).where(table.c.is_open, table.c.conducted_version > 0)
        async with self.engine.connect() as conn:
            open_ids = list((await conn.execute(told)).scalars())
        running = f"ExecutionStatus = 'Running' AND WorkflowType = '{TYPES[table.name]}'"
        now, listed_at = self.clock(), self.listed_at.get(table.name)
        is_fresh = listed_at is not None and now < listed_at + LISTED_WITHIN
        if (
            len(open_ids) > self.many
            and is_fresh
            and (await self.client.count_workflows(running)).count == len(open_ids)
        ):
            return []
        live = {workflow.id async for workflow in self.client.list_workflows(running)}
        self.listed_at[table.name] = now
        return await self._not_running([stream_id for stream_id in open_ids if stream_id not in live])

    async def _not_running(self, unlisted: Sequence[str]) -> list[str]:
        """The engine's list lags behind, so each is asked for by name."""
        at_once = asyncio.Semaphore(ASKED_AT_ONCE)
        run = await asyncio.gather(*(self._runs(stream_id, at_once) for stream_id in unlisted))
        return [stream_id for stream_id, runs in zip(unlisted, run, strict=True) if not runs]

    async def _runs(self, stream_id: str, at_once: asyncio.Semaphore) -> bool:
        async with at_once:
            try:
                described = await self.client.get_workflow_handle(stream_id).describe()
            except RPCError as failure:
                if failure.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
        return described.status is WorkflowExecutionStatus.RUNNING

    async def bring_home(self) -> tuple[str, ...]:
        """End the workflows pinned to versions that nobody serves any more; the ledger starts them anew here."""
        ours = f"{self.version.deployment_name}:{self.version.build_id}"
        others = f"ExecutionStatus = 'Running' AND {VERSION_OF} IS NOT NULL AND {VERSION_OF} != '{ours}'"
        stranded = []
        async for workflow in self.client.list_workflows(others):
            if not await self._is_served(workflow.typed_search_attributes.get(DEPLOYMENT_VERSION) or ""):
                stranded.append(workflow.id)
        for workflow_id in stranded:
            await self.client.get_workflow_handle(workflow_id).terminate(
                "its worker version is gone; the ledger resumes it"
            )
        if stranded:
            async with self.engine.begin() as conn:
                await tell_anew(conn, stranded)
                await conn.execute(text("NOTIFY ledger"))
        return tuple(stranded)

    async def _is_served(self, version: str) -> bool:
        """Whether a worker of that version polls a task queue."""
        deployment, _, build = version.rpartition(":")
        request = DescribeWorkerDeploymentVersionRequest(
            namespace=self.client.namespace,
            deployment_version=DeploymentVersion(deployment_name=deployment, build_id=build),
        )
        try:
            answer = await self.client.workflow_service.describe_worker_deployment_version(request)
        except RPCError:
            return False
        queues = answer.worker_deployment_version_info.task_queue_infos
        polled = [await pollers(self.client, queue.name, within=self.polled_within) for queue in queues]
        return any(build in builds for builds in polled)
