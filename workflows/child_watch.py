"""The watch over one child: visits by grade; a missed visit climbs the ladder."""

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.messages import Conducting
    from app.domain.watch import Watch, apply_watch, next_waking, watch_event_adapter
    from workflows.conductor import Conductor


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class ChildWatchWorkflow(Conductor[Watch]):
    """One child under watch, until the watch ends."""

    adapter = watch_event_adapter
    apply = staticmethod(apply_watch)
    next_deadline = staticmethod(next_waking)
    raise_due = "raise_due_visit"

    @workflow.run
    async def run(self, start: Conducting) -> None:
        """Sleep until a visit is missed or the ledger moves."""
        await self.conduct()
