"""督查考核通报: once a month a schedule asks for the circular of the month that has ended."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from workflows.conductor import PATIENT


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class CircularWorkflow:
    """What the schedule starts; tried until the document is kept."""

    @workflow.run
    async def run(self) -> str:
        """The month."""
        return await workflow.execute_activity(
            "make_circular", workflow.now(), result_type=str, start_to_close_timeout=timedelta(minutes=2),
            retry_policy=PATIENT,
        )  # fmt: skip
