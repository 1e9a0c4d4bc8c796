"""The reconciler: every open case has an owner, a next deadline and a live workflow; what is safe is repaired, the rest is shown."""

from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from app.db import tables
from app.relay import tell_anew

VERSION_OF = "TemporalWorkerDeploymentVersion"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be; `repaired` when the reconciler mended it."""

    stream_id: str
    problem: str
    repaired: bool


@dataclass
class Reconciler:
    """Runs in the worker every few minutes, and by hand."""

    engine: AsyncEngine
    client: Client
    build_id: str

    async def run_once(self) -> tuple[Finding, ...]:
        """Compare the ledger with the engine and repair; running it twice gives the same state."""
        live = await self._live()
        async with self.engine.begin() as conn:
            open_ids = [
                stream_id
                for table in (tables.cases, tables.watches)
                for stream_id in (await conn.execute(select(table.c.id).where(table.c.is_open))).scalars()
            ]
            lost = [stream_id for stream_id in open_ids if stream_id not in live]
            await tell_anew(conn, lost)
            await conn.execute(text("NOTIFY ledger"))
            idle = await conn.execute(
                select(tables.cases.c.id).where(tables.cases.c.is_open, tables.cases.c.next_deadline_at.is_(None))
            )
            findings = [Finding(stream_id, "no_live_workflow", repaired=True) for stream_id in lost]
            findings += [Finding(stream_id, "no_next_deadline", repaired=False) for stream_id in idle.scalars()]
        return tuple(findings)

    async def _live(self) -> set[str]:
        """The streams whose workflow runs on a version that a worker serves; those stranded on an old one are ended."""
        live: set[str] = set()
        async for workflow in self.client.list_workflows("ExecutionStatus = 'Running'"):
            live.add(workflow.id)
        return live

    async def bring_home(self) -> int:
        """End the workflows pinned to versions that no worker serves any more; the ledger starts them anew here."""
        stranded = [
            workflow.id
            async for workflow in self.client.list_workflows(
                f"ExecutionStatus = 'Running' AND {VERSION_OF} != 'shouhu:{self.build_id}' AND {VERSION_OF} IS NOT NULL"
            )
        ]
        for workflow_id in stranded:
            await self.client.get_workflow_handle(workflow_id).terminate(
                "its worker version is gone; the ledger resumes it"
            )
        if stranded:
            async with self.engine.begin() as conn:
                await tell_anew(conn, stranded)
                await conn.execute(text("NOTIFY ledger"))
        return len(stranded)
