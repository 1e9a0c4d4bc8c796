"""The relay keeps the conductor in step: whatever the ledger has recorded is told, and telling starts what does not run yet."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from activities.ledger import news
from activities.messages import Conducting, Moved
from app.db.ledger import CHANNEL
from app.db.streams import BY_PREFIX, STREAMS, kind_of
from workflows.case import CaseWorkflow
from workflows.child_file import ChildFileWorkflow
from workflows.child_watch import ChildWatchWorkflow
from workflows.owed import OwedWorkflow
from workflows.screening_round import RoundWorkflow

log = structlog.get_logger()
POLL = timedelta(seconds=5)
BREATH = timedelta(milliseconds=20)
"""Waited before telling, so that facts which come together are told together; no person waits for the conductor."""
CONDUCTORS: dict[str, Any] = {
    "watch": ChildWatchWorkflow, "round": RoundWorkflow, "file": ChildFileWorkflow, "owed": OwedWorkflow,
}  # fmt: skip
"""By the prefix of the stream's id; all others are cases."""
TYPES: dict[str, str] = {
    table.name: next(
        (CONDUCTORS[prefix] for prefix, kind in BY_PREFIX.items() if kind.table is table), CaseWorkflow
    ).__name__
    for table in STREAMS
}
"""What the engine calls the conductor of a kind, by its table."""
BATCH = 50
AT_ONCE = 10
"""Each telling holds a connection, and the conductor's own commands need some too."""
GIVE_UP = timedelta(seconds=10)
"""On one telling, when Temporal hangs; it is tried again."""


@dataclass
class Relay:
    """Safe to run in several workers: a stream is told under a lock that the others skip and that no person waits for."""

    engine: AsyncEngine
    client: Client
    task_queue: str

    async def run(self) -> None:
        """Until cancelled: tell all that is behind, then sleep until woken by the ledger or by the slow poll."""
        woken = asyncio.Event()
        listener = asyncio.create_task(self._listen(woken))
        try:
            while True:
                woken.clear()
                try:
                    while await self.tell_some() == BATCH:
                        pass
                except (RPCError, OSError, asyncpg.PostgresError) as failure:
                    log.warning("relay_waits", cause=type(failure).__name__)
                    await asyncio.sleep(1)
                except Exception as failure:  # the relay outlives whatever a driver may raise while a server restarts
                    log.warning("relay_waits", cause=type(failure).__name__)
                    await asyncio.sleep(1)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), POLL.total_seconds())
                    await asyncio.sleep(BREATH.total_seconds())
        finally:
            listener.cancel()

    async def _listen(self, woken: asyncio.Event) -> None:
        url = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                connection = await asyncpg.connect(url)
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await connection.add_listener(CHANNEL, lambda *_: woken.set())
                await lost.wait()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(1)

    async def tell_some(self) -> int:
        """Tell up to a batch of streams; how many were behind."""
        told, places = 0, asyncio.Semaphore(AT_ONCE)

        async def tell(stream_id: str) -> None:
            async with places:
                await self.tell(stream_id)

        for table in STREAMS:
            async with self.engine.connect() as conn:
                behind = select(table.c.id).where(table.c.version > table.c.conducted_version).limit(BATCH)
                ids = list((await conn.execute(behind)).scalars())
            await asyncio.gather(*(tell(stream_id) for stream_id in ids))
            told += len(ids)
        return min(told, BATCH)

    async def tell(self, stream_id: str) -> None:
        """Signal-with-start with the events since the last telling; start, resume and recovery are this one call."""
        table = kind_of(stream_id).table
        mine = func.pg_try_advisory_xact_lock(func.hashtextextended(f"relay:{stream_id}", 0))
        async with self.engine.begin() as conn:
            behind = select(table.c.version, table.c.conducted_version).where(
                table.c.id == stream_id, table.c.version > table.c.conducted_version, mine
            )
            stream = (await conn.execute(behind)).one_or_none()
            if stream is None:
                return
            moved = await news(conn, stream_id, stream.conducted_version)
            await self._signal(stream_id, moved)
            told = update(table).where(table.c.id == stream_id, table.c.conducted_version == stream.conducted_version)
            await conn.execute(told.values(conducted_version=stream.version))

    async def _signal(self, stream_id: str, moved: Moved) -> None:
        workflow: Any = CONDUCTORS.get(stream_id.partition("-")[0], CaseWorkflow).run
        await self.client.start_workflow(
            workflow,
            Conducting(stream_id=stream_id, resumed=moved.since > 0),
            id=stream_id,
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal="moved",
            start_signal_args=[moved],
            rpc_timeout=GIVE_UP,
        )


async def tell_anew(conn: AsyncConnection, stream_ids: list[str]) -> None:
    """Let the relay tell these streams from their first event: how a lost workflow comes back."""
    for table in STREAMS:
        await conn.execute(update(table).where(table.c.id.in_(stream_ids)).values(conducted_version=0))
