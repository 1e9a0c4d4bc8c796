"""保存期限: every night a schedule asks what is due for destruction; people decide on what it lists."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from workflows.conductor import PATIENT


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class RetentionWorkflow:
    """What the schedule starts; tried until the list stands."""

    @workflow.run
    async def run(self) -> int:
        """How many wait for two persons."""
        return await workflow.execute_activity(
            "list_due", result_type=int, start_to_close_timeout=timedelta(minutes=30), retry_policy=PATIENT
        )
