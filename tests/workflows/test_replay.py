"""Histories that earlier code has written replay on the code of today; a planted break does not.

`SHOUHU_RECORD=1 make test TEST_ARGS=tests/workflows` writes the histories of the run into `histories/`.
"""

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from activities.messages import Conducting
from app.temporal import data_converter
from app.worker import WORKFLOWS
from tests.conftest import KEYS
from tests.workflows.archive import kept
from workflows.case import CaseWorkflow

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def history(path):
    return WorkflowHistory.from_json(path.stem, path.read_text())


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_committed_history_replays(path):
    replayer = Replayer(workflows=WORKFLOWS, data_converter=data_converter(KEYS))
    await replayer.replay_workflow(history(path))


async def test_the_archived_lives_replay():
    """One by one, so that the name of the one that fails is told; the sandbox, in which the others replay, is built anew for each.

    How long a step takes is not asked (`debug_mode`): a busy machine passes the two seconds after which one counts as stuck.
    """
    replayer = Replayer(
        workflows=WORKFLOWS, data_converter=data_converter(KEYS), workflow_runner=UnsandboxedWorkflowRunner(), debug_mode=True,
    )  # fmt: skip
    archived = list(kept())
    assert len(archived) >= 200
    for life in archived:
        replayed = await replayer.replay_workflow(life, raise_on_replay_failure=False)
        assert replayed.replay_failure is None, life.workflow_id


@workflow.defn(name="CaseWorkflow", sandboxed=False)
class BrokenWorkflow(CaseWorkflow):
    """Waits before it does anything, as no history says."""

    @workflow.init
    def __init__(self, start: Conducting) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: Conducting) -> None:
        await workflow.sleep(1)
        await super().run(start)


async def test_a_planted_break_fails():
    replayer = Replayer(
        workflows=[BrokenWorkflow], data_converter=data_converter(KEYS), workflow_runner=UnsandboxedWorkflowRunner()
    )
    cases = [path for path in HISTORIES if path.stem.startswith("case")]
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(history(cases[0]))
