"""The path of changes in one child's file: a step that nobody does climbs the ladder."""

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.messages import Conducting
    from app.domain.child_file import ChildFile, apply_file, file_event_adapter, next_file_deadline
    from workflows.conductor import Conductor


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class ChildFileWorkflow(Conductor[ChildFile]):
    """One child's file, for as long as a change in it waits for a step; the next change starts it again."""

    adapter = file_event_adapter
    apply = staticmethod(apply_file)
    next_deadline = staticmethod(next_file_deadline)
    raise_due = "raise_due_changes"

    @workflow.run
    async def run(self, start: Conducting) -> None:
        """Sleep until a step is late or the ledger moves."""
        await self.conduct()
