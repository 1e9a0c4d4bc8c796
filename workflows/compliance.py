"""合规审计与影响评估: once a year a schedule asks for the papers; more may be made at any time."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from workflows.conductor import PATIENT


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class ComplianceWorkflow:
    """What the schedule starts; tried until the papers are kept."""

    @workflow.run
    async def run(self) -> int:
        """How many were made."""
        return await workflow.execute_activity(
            "make_compliance_papers", result_type=int, start_to_close_timeout=timedelta(minutes=5), retry_policy=PATIENT
        )
