"""Screening rounds: a schedule opens one, and its conductor chases the units that have not answered."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.messages import Conducting, RoundOrder
    from app.domain.rounds import Round, apply_round, next_round_deadline, round_event_adapter
    from workflows.conductor import PATIENT, Conductor


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class OpenRoundWorkflow:
    """What a schedule starts: the round stands in the ledger, and the relay starts its conductor."""

    @workflow.run
    async def run(self, order: RoundOrder) -> None:
        """The same order on the same day opens nothing twice."""
        ordered = order.model_copy(update={"now": workflow.now()})
        await workflow.execute_activity(
            "open_round", ordered, start_to_close_timeout=timedelta(seconds=30), retry_policy=PATIENT
        )


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class RoundWorkflow(Conductor[Round]):
    """One round, until every unit has answered or the next one begins."""

    adapter = round_event_adapter
    apply = staticmethod(apply_round)
    next_deadline = staticmethod(next_round_deadline)
    raise_due = "raise_due_round"

    @workflow.run
    async def run(self, start: Conducting) -> None:
        """Sleep until a rung is due or the ledger moves."""
        await self.conduct()
