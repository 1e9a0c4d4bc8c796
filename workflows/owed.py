"""What is owed outside of a case: schedules ask the ledger to look, and what it finds climbs the ladder until it is settled."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.messages import CheckOrder, Conducting
    from app.domain.owed import Owed, apply_owed, next_owed_deadline, owed_event_adapter
    from workflows.conductor import PATIENT, Conductor


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class CheckWorkflow:
    """What a schedule starts; tried until everything was looked at."""

    @workflow.run
    async def run(self, order: CheckOrder) -> datetime:
        """Until when everything was looked at; the next run of the schedule begins there."""
        now = workflow.now()
        since = workflow.get_last_completion_result(datetime) if workflow.has_last_completion_result() else None
        await workflow.execute_activity(
            "check_books", order.model_copy(update={"now": now, "since": since}), start_to_close_timeout=timedelta(hours=2),
            heartbeat_timeout=timedelta(minutes=2), retry_policy=PATIENT,
        )  # fmt: skip
        return now


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class OwedWorkflow(Conductor[Owed]):
    """One thing that is owed, until it is settled."""

    adapter = owed_event_adapter
    apply = staticmethod(apply_owed)
    next_deadline = staticmethod(next_owed_deadline)
    raise_due = "raise_due_owed"

    @workflow.run
    async def run(self, start: Conducting) -> None:
        """Sleep until a rung is due or the ledger moves."""
        await self.conduct()
