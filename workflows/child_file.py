"""The path of changes in one child's file: a step that nobody does climbs the ladder."""

from contextlib import suppress

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.messages import Conducting, Moved
    from app.domain.child_file import ChildFile, apply_file, file_event_adapter, next_file_deadline
    from workflows.conductor import Conductor, StreamUnknown


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class ChildFileWorkflow(Conductor[ChildFile]):
    """One child's file, for as long as a change in it waits for a step; the next change starts it again."""

    adapter = file_event_adapter
    apply = staticmethod(apply_file)
    next_deadline = staticmethod(next_file_deadline)
    raise_due = "raise_due_changes"

    @workflow.init
    def __init__(self, start: Conducting) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: Conducting) -> None:
        """Sleep until a step is late or the ledger moves."""
        with suppress(StreamUnknown):
            while (await self.know()).is_open:
                await self.move()

    @workflow.signal
    def moved(self, moved: Moved) -> None:
        """The relay tells what the ledger has recorded."""
        self.hear(moved)

    @workflow.query
    def progress(self) -> ChildFile | None:
        """The cached fold, for tests and operators."""
        return self.state
