"""Lives of cases that nobody wrote down: people act at random, time passes, and the three truths stay one.

`SHOUHU_RECORD=1 make test TEST_ARGS=tests/workflows` plays 200 of them and keeps their histories, for the code of tomorrow.
"""

import asyncio
import contextlib
import os
import random

import pytest

from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import Role
from app.domain.clock import Budget
from app.domain.procedure import is_step, step_of
from app.domain.procedure_work import usual, usual_end
from app.domain.progress import State
from app.domain.refusals import Refused
from app.policy.examples import examples
from app.policy.loader import load
from tests.actors import at_desk
from tests.workflows.archive import keep

LIVES = 200 if os.environ.get("SHOUHU_RECORD") else 7
ACTS, AT_ONCE = 12, 8


PACK = load("fengtai-2026.1")


def choices(case, now):
    """What somebody could do now, some of it refused by the rules."""
    for leg in case.open_referrals:
        desk, head = at_desk(leg.desk), at_desk(leg.desk, "head", Role.DESK_HEAD)
        about = {"by": desk, "referral_id": leg.id}
        if leg.state is State.RETURNED:
            yield rc.SupplyMaterial(**about | {"by": at_desk("CIVIL")})
        elif leg.state is State.SENT:
            yield from (rc.AcceptReferral(**about), rc.AcceptReferral(**about), rc.ClaimTask(**about))
            yield rc.ReturnReferral(**about, reason="missing_contact")
            yield rc.DeclineReferral(**about, reason="no_capacity")
            yield rc.PassOnReferral(**about, to="CIVIL")
        else:
            yield c.FileAssessment(**about, grade="medium") if leg.assessment else usual_end(case, PACK, now, leg, desk)
            yield from (rc.PauseReferral(**about, reason="awaiting_material"), rc.ResumeReferral(**about))
            longer = Budget(amount=2, unit="working_days")
            yield rc.ExtendReferral(**about | {"by": head}, reason="complex_facts", by_budget=longer)
    for child in case.children:
        yield c.ConfirmSafety(by=at_desk("POLICE"), child_id=child.id, safety="safe")
    yield c.StartProcedure(by=at_desk("CIVIL"), procedure="guardian_admonition")
    for duty in (duty for duty in case.duties if duty.is_open and is_step(duty.code)):
        said = usual(case, PACK, now, PACK.step(step_of(duty.code)))
        yield c.RecordOutcome(by=at_desk(duty.desk), code=duty.code, **said)
    yield c.AddNote(by=at_desk("POLICE"))
    yield c.AnswerReporter(by=at_desk("CIVIL"), note="已处理")
    if not case.plan_adopted:
        yield c.AdoptPlan(by=at_desk("CIVIL"), items=(c.PlanItem(agency="EDU", service="psychological_help"),))
    yield c.ReviewGrade(by=at_desk("COMMITTEE"), grade="low", present=5)
    yield c.FilePostAssessment(by=at_desk("SW"), grade="low")


async def live(world, example, chance):
    """Some acts of people, some hours of waiting, and the end where the rules allow one."""
    case = await world.report(example)
    for _ in range(ACTS):
        if chance.random() < 0.15:
            await world.sleep(case, hours=chance.choice((1, 5, 30)))
        await attempt(world, case, chance.choice(tuple(choices(await world.columns(case), world.now))))
    for closing in (
        c.AnswerReporter(by=at_desk("CIVIL"), note="已处理"),
        c.ProposeClosure(by=at_desk("CIVIL"), reason="no_risk_found"),
        c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)),
    ):
        await attempt(world, case, closing)
    return case


async def attempt(world, case, command):
    with contextlib.suppress(Refused):
        await world.do(case, command)


@pytest.mark.timeout(900)
async def test_lives_at_random_keep_the_three_truths_one(world):
    few = asyncio.Semaphore(AT_ONCE)

    async def one(n):
        async with few:
            return await live(world, sorted(examples())[n % 7], random.Random(n))

    cases = await asyncio.gather(*(one(n) for n in range(LIVES)))
    for case in cases:
        assert await world.fold(case) == await world.columns(case) == await world.conducted(case)
        history = await world.handle(case).fetch_history()
        assert not [e for e in history.events if e.HasField("workflow_task_failed_event_attributes")]
    if os.environ.get("SHOUHU_RECORD"):
        await keep(world, "lives", cases)
