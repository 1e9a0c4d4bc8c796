"""The named procedures are reports too: each is played from its report to its closure on the real engine."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import tables
from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.facts import ReportFacts
from app.domain.terms import Branch, Role, Stage
from app.policy.examples import facts_of
from tests.actors import at_desk

DROPOUT = ReportFacts.model_validate(
    {"kind": "dropout", "reporter_class": "school", "division": "110106007",
     "children": [{"child_id": "ch-dropout-0", "sex": "female", "age_years": 13, "attending": "no", "working": "yes"}]}
)  # fmt: skip
ASKED = ReportFacts.model_validate({"kind": "detention_inquiry", "reporter_class": "police", "children": []})
COURSE = (
    "report_filed",
    "assessment_filed",
    "grade_reviewed",
    "plan_adopted",
    "post_assessment_filed",
    "closure_proposed",
    "case_closed",
)


async def play(world, facts, *, grade="medium", after_report=None):
    """Every desk does its part; time passes as it would; two persons close."""
    case = await world.report(facts=facts)
    if after_report:
        await after_report(case)
    for child in facts.children:
        if (await world.columns(case)).urgency.around_the_clock:
            await world.do(case, c.ConfirmSafety(by=at_desk("POLICE"), child_id=child.child_id, safety="safe"))
    await world.reaches(case, Stage.ASSESS)
    await world.complete_all(case)
    await world.do(case, c.ReviewGrade(by=at_desk("COMMITTEE"), grade="high", present=5, recused=1))
    items = (
        c.PlanItem(agency="WF", service="psychological_help"),
        c.PlanItem(agency="EDU", service="education_support"),
    )
    await world.do(case, c.AdoptPlan(by=at_desk("CIVIL"), items=items))
    await world.reaches(case, Stage.INTERVENE)
    helping = {r.agency for r in (await world.columns(case)).open_referrals}
    assert helping >= {"WF", "EDU"}, "the plan's legs run in parallel"
    await world.complete_all(case)
    await world.end_procedures(case)
    await world.reaches(case, Stage.REVIEW)
    for days in (29, 60):
        await world.sleep(case, days=days)
        await world.do(case, c.FilePostAssessment(by=at_desk("SW"), grade=grade))
    await close(world, case)
    return case


async def close(world, case):
    """What is still owed is done; one person proposes, another approves."""
    now = await world.columns(case)
    await world.do(case, c.AnswerReporter(by=at_desk("CIVIL"), note="已处理"))
    for duty in [d for d in now.duties if d.is_open and d.code.startswith("supervision_reply")]:
        await world.do(case, rc.ReplyToSupervision(by=at_desk(duty.desk), code=duty.code))
    for duty in [
        d for d in now.duties if d.is_open and d.code in ("interim_adult_present", "parents_return_or_delegate")
    ]:
        await world.do(case, c.MeetDuty(by=at_desk(duty.desk), code=duty.code))
    await world.do(case, c.ProposeClosure(by=at_desk("CIVIL"), reason="needs_met"))
    await world.do(case, c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    await world.handle(case).result()


async def closed_in_order(world, case, course=COURSE):
    events, now = await world.events(case), await world.columns(case)
    kinds = [event.kind for event in events]
    assert [kind for kind in dict.fromkeys(kinds) if kind in COURSE] == list(course)
    assert await world.fold(case) == now == await world.conducted(case)
    assert not [r for r in now.referrals if r.state.is_open]
    assert not [d for d in now.duties if d.is_open]
    closed = next(event for event in events if isinstance(event, e.CaseClosed))
    assert closed.by != closed.proposed_by
    return events


async def watched(world, child):
    async with world.engine.connect() as conn:
        query = select(tables.watches).where(tables.watches.c.child_id == child)
        return (await conn.execute(query)).mappings().one()


@pytest.mark.requirement("R041")
@pytest.mark.requirement("R042")
@pytest.mark.requirement("R043")
@pytest.mark.requirement("R105")
async def test_a_detained_parent_is_a_report_and_a_sentence_brings_in_justice(world):
    facts = facts_of("CN-05")

    async def sentenced(case):
        now = await world.columns(case)
        assert now.branch is Branch.DETAINED_PARENT
        asked = {r.task: r for r in now.referrals}
        assert {"ask_detainee", "contact_kin"} <= set(asked)
        assert asked["ask_detainee"].agency == "POLICE"
        assert all(asked[task].urgent for task in ("ask_detainee", "contact_kin"))
        assert not any(r.agency == "JUSTICE" for r in now.referrals)
        await world.do(case, c.RecordSentence(by=at_desk("POLICE")))
        assert any(r.agency == "JUSTICE" for r in (await world.columns(case)).open_referrals)

    case = await play(world, facts, after_report=sentenced)
    await closed_in_order(world, case)
    assert len(facts.children) == 2
    for child in facts.children:
        assert (await watched(world, child.child_id))["is_open"]


@pytest.mark.requirement("R041")
@pytest.mark.requirement("R042")
async def test_that_no_child_needs_a_carer_is_an_answer_too_and_the_police_close_the_case(world):
    case = await world.report(facts=ASKED)
    now = await world.columns(case)
    assert (now.lead, now.branch, now.children) == ("POLICE", Branch.DETAINED_PARENT, ())
    asked = {"by": at_desk("POLICE"), "referral_id": now.open_referrals[0].id}
    await world.do(case, rc.AcceptReferral(**asked))
    none = {"outcome": "no_children", "record": {"asked_on": "2026-03-02"}}
    await world.do(case, rc.CompleteReferral(**asked, **none))
    await world.sleep(case, days=1)
    await world.do(case, c.AnswerReporter(by=at_desk("POLICE"), note="无未成年子女需要委托监护"))
    await world.do(case, c.ProposeClosure(by=at_desk("POLICE"), reason="police_closed"))
    await world.do(case, c.ApproveClosure(by=at_desk("POLICE", "head", Role.DESK_HEAD)))
    await world.handle(case).result()
    events = await closed_in_order(world, case, ("report_filed", "closure_proposed", "case_closed"))
    opened = [event.agency for event in events if isinstance(event, e.ReferralOpened)]
    owed = {event.holder for event in events if isinstance(event, e.DutyOpened)}
    assert (opened, owed) == (["POLICE"], {"POLICE"}), "nobody else is asked for anything"


@pytest.mark.requirement("R031")
@pytest.mark.requirement("R087")
@pytest.mark.requirement("R119")
async def test_a_dropout_is_a_report_that_school_street_and_labour_work_on_at_once(world):
    async def together(case):
        now = await world.columns(case)
        assert now.branch is Branch.DROPOUT
        assert {(r.agency.value, r.task) for r in now.open_referrals} >= {
            ("EDU", "dropout_control"), ("STREET", "visit_family"), ("CIVIL", "check_hardship"), ("POLICE", "note_dropout"),
            ("WF", "support_girl"), ("HR", "stop_child_labour"),
        }  # fmt: skip

    case = await play(world, DROPOUT, grade="low", after_report=together)
    events = await closed_in_order(world, case)
    watch, closed = await watched(world, "ch-dropout-0"), events[-1].at
    due = watch["visit_due_at"]
    assert timedelta(days=90) <= due - closed < timedelta(days=100), (
        "back to the watch with the interval of the last grade"
    )
    assert (watch["grade"], watch["desk"], watch["case_id"]) == ("low", "COMM-110106007", case)


@pytest.mark.requirement("R039")
async def test_a_year_of_temporary_guardianship_passes_by_the_conductors_clock_and_late_reviews_climb(world):
    """Nobody does anything: the step that waits ends by itself, and what is owed is heard of by the procuratorate."""
    case = await world.report(facts=DROPOUT)
    await world.do(case, c.StartProcedure(by=at_desk("CIVIL"), procedure="temporary_guardianship"))
    taken = {
        "outcome": "taken_over",
        "record": {"done_on": "2026-03-02", "ground_of_article_92": 4, "handed_over_in_writing": True},
    }
    await world.do(case, c.RecordOutcome(by=at_desk("RESCUE"), code="temporary_guardianship.take_over", **taken))
    await world.sleep(case, days=60)
    rungs = [ev.rung for ev in await world.events(case) if isinstance(ev, e.RungFired) and "review" in ev.subject]
    assert rungs[-1] == "procuratorate"
    await world.sleep(case, days=310)
    now = await world.columns(case)
    ends = [done.outcome for done in now.outcomes if done.step == "temporary_guardianship.year"]
    assert (ends, now.open_duty("temporary_guardianship.long_term").holder) == (["elapsed"], "CIVIL")
    assert await world.fold(case) == now == await world.conducted(case)


@pytest.mark.requirement("R084")
@pytest.mark.requirement("R030")
@pytest.mark.requirement("R123")
@pytest.mark.requirement("R131")
async def test_an_application_is_one_door_whose_agencies_run_in_parallel_and_join(world):
    case = await play(world, facts_of("CN-07"))
    events = await closed_in_order(world, case)
    opened = {ev.route_id: n for n, ev in enumerate(events) if isinstance(ev, e.ReferralOpened)}
    taken = {ev.referral_id: n for n, ev in enumerate(events) if isinstance(ev, e.ReferralAccepted)}
    parallel = ("o-civil", "o-disabled", "o-teaching", "o-health")
    assert all(taken["o-street-1"] < opened[route] for route in parallel)
    assert (
        len({opened[route] for route in parallel})
        == max(opened[r] for r in parallel) - min(opened[r] for r in parallel) + 1
    )
    last = max(taken[f"{route}-1"] for route in (*parallel, "o-work") if route in opened)
    assert opened["o-social-work"] > last
