"""The process of one case: report, assess, intervene, review. It conducts; the ledger holds the record."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.messages import Conducting, Moved, Order, StageAt
    from app.domain.events import event_adapter
    from app.domain.fold import apply
    from app.domain.progress import Progress, Referral, State, next_deadline
    from app.domain.terms import Agency, Stage
    from workflows.conductor import PATIENT, Conductor, StreamUnknown

VERBS = {
    Agency.POLICE: "police_respond",
    Agency.CIVIL: "civil_affairs_arrange_care",
    Agency.EDU: "education_support_schooling",
    Agency.HEALTH: "health_treat",
}
FOR_TASK = {
    (Agency.POLICE, "ask_detainee"): "police_reach_kin",
    (Agency.POLICE, "contact_kin"): "police_reach_kin",
    (Agency.POLICE, "notify_without_suspect"): "police_reach_kin",
    (Agency.POLICE, "note_dropout"): "police_take_note",
    (Agency.CIVIL, "check_support"): "civil_affairs_check_support",
    (Agency.CIVIL, "check_hardship"): "civil_affairs_check_support",
    (Agency.EDU, "dropout_control"): "education_bring_back",
    (Agency.HEALTH, "rehabilitation"): "health_rehabilitate",
}
LONGEST_WITHDRAWAL = timedelta(days=1)
"""How long an agency's system is told that a referral is taken back; a closed case waits for it no longer."""
OTHERS = "refer"


def verb_of(agency: Agency, task: str) -> str:
    """What the agency is asked to do; how much it is told for that stands in the disclosure lists of the rules."""
    return FOR_TASK.get((agency, task)) or VERBS.get(agency, OTHERS)


@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)
class CaseWorkflow(Conductor[Progress]):
    """One case from its report to its closure. Never raises out of `run`: a silent agency is an outcome, not an error."""

    adapter = event_adapter
    apply = staticmethod(apply)
    next_deadline = staticmethod(next_deadline)
    raise_due = "raise_due"

    @workflow.init
    def __init__(self, start: Conducting) -> None:
        super().__init__(start)
        self.sent: dict[str, asyncio.Task[None]] = {}

    @workflow.run
    async def run(self, start: Conducting) -> None:
        """The four stages, in the order of the notice."""
        with suppress(StreamUnknown):
            await self._secure_the_child()
            await self._assess_and_refer()
            await self._help_and_intervene()
            await self._review_afterwards()
        await workflow.wait_condition(lambda: self.errands == 0)

    async def _secure_the_child(self) -> None:
        await self._until(lambda case: case.is_secured)

    async def _assess_and_refer(self) -> None:
        await self._enter(Stage.ASSESS)
        await self._until(lambda case: case.plan_adopted)

    async def _help_and_intervene(self) -> None:
        await self._enter(Stage.INTERVENE)
        await self._until(lambda case: case.is_helped)

    async def _review_afterwards(self) -> None:
        await self._enter(Stage.REVIEW)
        await self._until(lambda case: False)

    async def _until(self, done: Callable[[Progress], bool]) -> None:
        """Work off the clock and the referrals until the case is so far, or closed."""
        while True:
            case = await self.know()
            self._send_to_systems(case)
            if not case.is_open or (done(case) and case.linked_to is None):
                return
            await self.move()

    async def _enter(self, stage: Stage) -> None:
        """Ask for the next stage unless a person, or an earlier run, has been there."""
        case = await self.know()
        stages = tuple(Stage)
        if case.is_open and stages.index(case.stage) < stages.index(stage):
            await self.ask("enter_stage", StageAt(**self.at().model_dump(), stage=stage))

    def _send_to_systems(self, case: Progress) -> None:
        for referral in case.referrals:
            errand = f"{referral.id}:withdrawn" if referral.is_taken_back else referral.id
            if self._goes_out(referral) and errand not in self.sent:
                self.errands += 1
                self.sent[errand] = asyncio.create_task(self._send(referral))

    def _goes_out(self, referral: Referral) -> bool:
        """A new referral, and word that one is taken back: the system that had it must not go on working on it."""
        fresh = referral.state is State.SENT and referral.delivery in ("", "failing")
        return (fresh or referral.is_taken_back) and referral.agency in self.systems

    async def _send(self, referral: Referral) -> None:
        """Deliver one referral; the activity records how the agency's system took it."""
        order = Order(**self.at().model_dump(), referral_id=referral.id, agency=referral.agency)
        verb = verb_of(referral.agency, referral.task)
        try:
            answer = await workflow.execute_activity(
                verb, order, result_type=Moved, start_to_close_timeout=timedelta(seconds=60), retry_policy=PATIENT,
                schedule_to_close_timeout=LONGEST_WITHDRAWAL if referral.is_taken_back else None,
            )  # fmt: skip
            self.hear(answer)
        except ActivityError:
            workflow.logger.warning("withdrawal_given_up")
        finally:
            self.errands -= 1
