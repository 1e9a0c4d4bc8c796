"""The worker process: workflows, activities, the relay, the reconciler, the sealer and the bookkeeper."""

import asyncio
import contextlib
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig, WorkflowRunner

from activities.circular import CircularActivities
from activities.civil_affairs import CivilAffairsActivities
from activities.compliance import ComplianceActivities
from activities.education import EducationActivities
from activities.gateway import Gateway, open_client
from activities.health import HealthActivities
from activities.ledger import LedgerActivities
from activities.owed import OwedActivities
from activities.police import PoliceActivities
from activities.referral import ReferralActivities
from activities.retention import RetentionActivities
from app.api.compliance import make_yearly
from app.bookkeeper import Bookkeeper
from app.db import dismissed, form_drafts
from app.db.beats import beat
from app.db.colleagues import give_to_others, keep_colleagues_out
from app.db.drafts import forget
from app.db.ledger import Ledger
from app.db.linked import keep_all_apart
from app.db.sealer import Sealer, SealKey
from app.db.session import DATABASE_ERRORS, engine_of, is_away, require_durable
from app.domain.policy import RoundSpec
from app.logs import tell
from app.master_keys import require_vault
from app.policy.loader import load
from app.process import begin, patiently
from app.reconciler import POLLED_WITHIN, Reconciler
from app.relay import Relay
from app.schedules import keep_checks, keep_circular, keep_compliance, keep_retention, keep_schedules
from app.settings import Settings
from app.temporal import connect, ensure_deployment, is_unreached, pollers, version_of
from app.timestamps import Authority
from workflows.case import CaseWorkflow
from workflows.child_file import ChildFileWorkflow
from workflows.child_watch import ChildWatchWorkflow
from workflows.circular import CircularWorkflow
from workflows.compliance import ComplianceWorkflow
from workflows.owed import CheckWorkflow, OwedWorkflow
from workflows.retention import RetentionWorkflow
from workflows.screening_round import OpenRoundWorkflow, RoundWorkflow

log = structlog.get_logger()
WORKFLOWS = (
    CaseWorkflow, ChildWatchWorkflow, RoundWorkflow, OpenRoundWorkflow, ChildFileWorkflow, CircularWorkflow, OwedWorkflow, CheckWorkflow,
    RetentionWorkflow, ComplianceWorkflow,
)  # fmt: skip
GARBAGE = (20_000, 5, 2)
"""A conductor that left memory is a ring of old objects, which only a full collection frees: one for every few hundred cases."""
RECONCILE_EVERY, RESTS = timedelta(minutes=2), 3
"""It rests three times as long as it worked, so a large district has most of its machine for people."""
BEAT_EVERY, BEAT_SOON = timedelta(seconds=20), timedelta(seconds=3)
"""A worker says that it lives, and sooner again while it does not reach the engine."""
FORGET_EVERY = timedelta(minutes=10)
MOST_CACHED = 500
"""Conductors kept in memory, some 50 MiB; one that left comes back from its history, which is short, for the ledger holds the rest."""
MOST_AT_WORK = 12
"""Workflow tasks at once, and commands of theirs to the ledger: more would wait for each other past the 10 s of a task, not go faster."""


def worker_of(
    client: Client, engine: AsyncEngine, ledger: Ledger, gateway: Gateway, settings: Settings, *,
    workflows: Sequence[type] = WORKFLOWS, runner: WorkflowRunner | None = None,
) -> Worker:  # fmt: skip
    """A worker with every workflow and activity, pinned to the version of its code.

    Temporal's sandbox finds code that would not replay. It costs a quarter of the CPU of a case, so tests run in it
    (`runner`), and the service runs what passed.
    """
    recording = LedgerActivities(engine, ledger)
    means = (engine, ledger, gateway)
    police, civil = PoliceActivities(*means), CivilAffairsActivities(*means)
    education, health = EducationActivities(*means), HealthActivities(*means)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=workflows,
        activities=[
            recording.catch_up, recording.enter_stage, recording.raise_due, recording.raise_due_visit,
            recording.raise_due_round, recording.open_round, recording.raise_due_changes,
            recording.raise_due_owed, OwedActivities(engine, ledger).check_books,
            police.respond, police.reach_kin, police.take_note, civil.arrange_care, civil.check_support,
            education.support_schooling, education.bring_back, health.treat, health.rehabilitate,
            ReferralActivities(*means).refer, CircularActivities(engine, ledger).make_circular,
            RetentionActivities(engine, ledger.clock).list_due,
            ComplianceActivities(engine, ledger, make_yearly).make_compliance_papers,
        ],
        deployment_config=WorkerDeploymentConfig(version=version_of(settings), use_worker_versioning=True),
        graceful_shutdown_timeout=timedelta(seconds=5),
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
        max_cached_workflows=MOST_CACHED,
        max_concurrent_workflow_tasks=MOST_AT_WORK,
        max_concurrent_local_activities=MOST_AT_WORK,
    )  # fmt: skip


async def serve(settings: Settings, ready: asyncio.Event | None = None, *, client: Client | None = None) -> None:
    """Run until cancelled; `client` is given where its connection is made elsewhere."""
    engine = engine_of(settings.database_url.get_secret_value(), vault=require_vault(settings))
    if not settings.audit_key.get_secret_value():
        raise ValueError("SHOUHU_AUDIT_KEY is not set")
    tell(settings, datetime.now(UTC))
    stamp = Authority.of(settings.audit_tsa, settings.audit_tsa_roots).stamp if settings.audit_tsa_roots else None
    sealer = Sealer(engine, SealKey.of(settings.audit_key.get_secret_value()), settings.audit_anchor, stamp)
    await patiently("postgresql", lambda: require_durable(engine), is_away)
    client = client or await patiently("temporal", lambda: connect(settings), is_unreached)
    ledger = Ledger(load, settings.policy)
    async with open_client() as http, contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(worker_of(client, engine, ledger, Gateway(http), settings))
        await patiently("temporal", lambda: ensure_deployment(client, settings), is_unreached)
        reconciler = Reconciler(engine, client, version_of(settings))
        tasks = [
            asyncio.create_task(Relay(engine, client, settings.task_queue).run()),
            asyncio.create_task(_reconcile(reconciler, engine, ledger)),
            asyncio.create_task(_forget(engine, ledger)),
            asyncio.create_task(_beat(client, engine, settings, reconciler)),
            asyncio.create_task(_keep_rounds(client, engine, ledger, settings.task_queue)),
            asyncio.create_task(sealer.run()),
            asyncio.create_task(Bookkeeper(engine, ledger).run()),
        ]
        stack.callback(lambda: [task.cancel() for task in tasks])
        log.info("worker_ready", build=version_of(settings).build_id)
        if ready:
            ready.set()
        await asyncio.gather(*tasks)


async def _reconcile(reconciler: Reconciler, engine: AsyncEngine, ledger: Ledger) -> None:
    while True:
        began = time.monotonic()
        try:
            moved = await reconciler.bring_home()
            findings = await reconciler.run_once()
            await keep_colleagues_out(engine, ledger)
            await keep_all_apart(engine, ledger)
            await give_to_others(engine, ledger)
            if moved or findings:
                log.info("reconciled", brought_home=len(moved), findings=len(findings))
        except Exception as failure:  # tried again next time; a failing check must not end the worker
            log.warning("reconciler_waits", cause=type(failure).__name__)
        await asyncio.sleep(max(RECONCILE_EVERY.total_seconds(), RESTS * (time.monotonic() - began)))


async def _beat(client: Client, engine: AsyncEngine, settings: Settings, reconciler: Reconciler) -> None:
    """The API knows by it that a worker lives, reaches the engine and compares it with the ledger."""
    process, build = f"worker-{uuid.uuid4().hex[:12]}", version_of(settings).build_id
    while True:
        polls = False
        with contextlib.suppress(RPCError, OSError):
            async with asyncio.timeout(BEAT_SOON.total_seconds()):
                polls = build in await pollers(client, settings.task_queue, within=POLLED_WITHIN)
        with contextlib.suppress(*DATABASE_ERRORS):
            async with engine.begin() as conn:
                now = datetime.now(UTC)
                await beat(conn, process, build, now, engine=polls, reconciled_at=reconciler.ran_at)
        await asyncio.sleep((BEAT_EVERY if polls and reconciler.ran_at else BEAT_SOON).total_seconds())


async def _forget(engine: AsyncEngine, ledger: Ledger) -> None:
    """Drafts and files that nobody went on with leave the database, and what signals said behind which nothing was found."""
    while True:
        with contextlib.suppress(*DATABASE_ERRORS):
            async with engine.begin() as conn:
                now = ledger.clock()
                if gone := await forget(conn, now) + await form_drafts.forget(conn, now):
                    log.info("forgotten", drafts_and_files=gone)
                if words := await dismissed.forget(conn, now):
                    log.info("forgotten", signals=words)
        await asyncio.sleep(FORGET_EVERY.total_seconds())


async def _keep_rounds(client: Client, engine: AsyncEngine, ledger: Ledger, task_queue: str) -> None:
    """The schedules of the rounds follow the rules in force, which change with a day."""
    kept: Mapping[str, RoundSpec] | None = None
    while True:
        try:
            async with engine.connect() as conn:
                rounds = (await ledger.current(conn, ledger.clock())).rounds
            if kept is None:
                await keep_circular(client, task_queue)
                await keep_checks(client, task_queue)
                await keep_retention(client, task_queue)
                await keep_compliance(client, task_queue)
            if rounds != kept:
                await keep_schedules(client, task_queue, rounds)
                kept = rounds
        except Exception as failure:  # tried again next time; what exists goes on
            log.warning("rounds_wait", cause=type(failure).__name__)
        await asyncio.sleep(RECONCILE_EVERY.total_seconds())


def main() -> None:
    """The process: stops on SIGTERM and SIGINT within its grace."""

    settings = Settings()
    begin(settings.log_level, garbage=GARBAGE)

    async def until_stopped() -> None:
        task = asyncio.create_task(serve(settings))
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(until_stopped())


if __name__ == "__main__":
    main()
