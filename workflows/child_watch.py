"""The watch over one child: visits by grade; a missed visit climbs the ladder."""

from contextlib import suppress

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.messages import Conducting, Moved
    from app.domain.watch import Watch, apply_watch, next_visit_deadline, watch_event_adapter
    from workflows.conductor import Conductor, StreamUnknown


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class ChildWatchWorkflow(Conductor[Watch]):
    """One child under watch, until the watch ends."""

    adapter = watch_event_adapter
    apply = staticmethod(apply_watch)
    next_deadline = staticmethod(next_visit_deadline)
    raise_due = "raise_due_visit"

    @workflow.init
    def __init__(self, start: Conducting) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: Conducting) -> None:
        """Sleep until a visit is missed or the ledger moves."""
        with suppress(StreamUnknown):
            while (await self.know()).is_open:
                await self.move()

    @workflow.signal
    def moved(self, moved: Moved) -> None:
        """The relay tells what the ledger has recorded."""
        self.hear(moved)

    @workflow.query
    def progress(self) -> Watch | None:
        """The cached fold, for tests and operators."""
        return self.state
