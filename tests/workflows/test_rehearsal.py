"""The rehearsal is the truth: the workflow, on a server that skips time, rings the same rungs at the same instants."""

from datetime import timedelta

from app.domain.terms import Agency
from app.policy.calendars import seed
from app.policy.examples import facts_of
from app.policy.loader import load
from app.policy.rehearsal import rehearse

NEAR = timedelta(minutes=1)
"""Where time is skipped, the engine takes the moments that it takes; in rehearsal it takes none."""


async def test_a_case_that_nobody_answers_runs_in_life_as_in_rehearsal(world):
    case = await world.report("CN-02")
    await world.sleep(case, days=45)
    lived = await world.events(case)
    policy = load("fengtai-2026.1").with_calendar(seed().calendar())
    course = rehearse(policy, facts_of("CN-02"), lived[0].at, tuple(Agency))
    rungs = {(event.subject, event.rung): event.planned_at for event in lived if event.kind == "rung_fired"}
    rehearsed = {(one.subject, one.rung): one.at for one in course.happenings if one.rung}
    assert rehearsed.keys() == rungs.keys()
    assert all(abs(at - rungs[rung]) < NEAR for rung, at in rehearsed.items())
    asked = [one.subject for one in course.happenings if one.kind == "referral_opened"]
    assert asked == [event.referral_id for event in lived if event.kind == "referral_opened"]
    assert course.stage == (await world.columns(case)).stage
