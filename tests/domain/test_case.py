"""The rules of a case, without any server: what follows from each command, at once and in time."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.progress import State, next_deadline
from app.domain.stages import closing_obstacles
from app.domain.terms import Agency, CloseReason, DeclineReason, Grade, Role, Rung, Safety, Stage
from tests.actors import REPORTER, at_desk
from tests.domain.in_memory import MORNING, POLICY, Case


@pytest.mark.requirement("R065")
def test_police_legs_open_with_the_report():
    case = Case()
    assert {r.agency for r in case.progress.referrals} >= {"POLICE", "STREET", "CIVIL"}
    assert case.progress.stage is Stage.REPORT
    assert case.leg("POLICE").accept.due_at == MORNING + timedelta(minutes=15)


@pytest.mark.requirement("R098")
def test_silent_desk_climbs_rung_by_rung_to_the_procuratorate_each_once():
    case = Case()
    leg = case.leg("STREET")
    case.wait(days=3)
    assert case.rungs(leg.id) == list(Rung)
    assert case.progress.referral(leg.id).state is State.SILENT
    assert any(r.instead_of == leg.id for r in case.progress.referrals)
    top = next(ev for ev in case.events if isinstance(ev, e.RungFired) and ev.rung is Rung.PROCURATORATE)
    assert top.recipients == ("desk:PROC",)


def test_after_an_outage_every_rung_is_recorded_once_as_planned():
    case, same = Case(), Case()
    case.wait(days=2)
    same.now += timedelta(days=2)
    same.do(c.RaiseDue(by=ENGINE))
    leg = case.leg("POLICE").id
    planned = [(ev.rung, ev.planned_at) for ev in case.events if isinstance(ev, e.RungFired) and ev.subject == leg]
    assert planned == [
        (ev.rung, ev.planned_at) for ev in same.events if isinstance(ev, e.RungFired) and ev.subject == leg
    ]


def test_a_claim_never_takes_a_task_from_a_colleague():
    case = Case()
    leg = case.leg("POLICE")
    case.do(rc.ClaimTask(by=at_desk("POLICE"), referral_id=leg.id))
    assert case.refused(rc.ClaimTask(by=at_desk("POLICE", "other"), referral_id=leg.id)) == "held_by_colleague"
    assert case.refused(rc.AcceptReferral(by=at_desk("POLICE", "other"), referral_id=leg.id)) == "held_by_colleague"
    assert case.refused(rc.AcceptReferral(by=at_desk("CIVIL"), referral_id=leg.id)) == "not_your_desk"
    deputy = at_desk("POLICE", "other").model_copy(update={"acting_for": "police.officer"})
    case.do(rc.AcceptReferral(by=deputy, referral_id=leg.id))
    accepted = next(ev for ev in reversed(case.events) if isinstance(ev, e.ReferralAccepted))
    assert (accepted.by, accepted.behalf) == ("police.other", "police.officer")


def test_refusals_go_to_the_lead_then_to_the_joint_conference_and_never_back():
    case = Case()
    case.do(
        rc.DeclineReferral(
            by=at_desk("STREET-110106101"), referral_id=case.leg("STREET").id, reason=DeclineReason.NO_CAPACITY
        )
    )
    civil = case.progress.referrals[-1]
    assert civil.agency == "CIVIL"
    assert (
        case.refused(rc.PassOnReferral(by=at_desk("CIVIL"), referral_id=civil.id, to=Agency.STREET)) == "no_ping_pong"
    )
    case.do(rc.DeclineReferral(by=at_desk("CIVIL"), referral_id=civil.id, reason=DeclineReason.NOT_COMPETENT))
    conference = case.progress.referrals[-1]
    assert conference.agency == "CONF"
    assert (
        case.refused(
            rc.DeclineReferral(by=at_desk("CONF"), referral_id=conference.id, reason=DeclineReason.NO_CAPACITY)
        )
        == "must_not_decline"
    )


def test_police_cannot_decline_an_emergency():
    case = Case()
    decline = rc.DeclineReferral(
        by=at_desk("POLICE"), referral_id=case.leg("POLICE").id, reason=DeclineReason.NO_CAPACITY
    )
    assert case.refused(decline) == "must_not_decline"


@pytest.mark.requirement("R066")
def test_when_the_parents_do_not_come_an_institution_is_asked():
    case = Case()
    case.wait(hours=25)
    assert any(r.route_id == "a-expired" and r.agency == "CIVIL" for r in case.progress.referrals)


def test_a_possible_duplicate_goes_to_the_police_but_starts_no_second_search():
    case = Case("CN-04", possible_duplicate=True)
    assert {r.agency for r in case.progress.referrals} == {"HOTLINE", "POLICE"}
    case.do(c.ClearDuplicate(by=at_desk("POLICE")))
    assert {"STREET", "RESCUE"} <= {r.agency for r in case.progress.referrals}


def test_linking_is_reversible():
    case = Case("CN-04", possible_duplicate=True)
    case.do(c.LinkReport(by=at_desk("POLICE"), primary="case-2"))
    assert not case.progress.open_referrals
    assert case.refused(c.ConfirmSafety(by=at_desk("POLICE"), child_id="x", safety=Safety.SAFE)) == "case_linked"
    case.do(c.UnlinkReport(by=at_desk("POLICE")))
    assert {"HOTLINE", "POLICE", "STREET"} <= {r.agency for r in case.progress.open_referrals}


@pytest.mark.requirement("R060")
@pytest.mark.requirement("R132")
def test_the_four_stages_end_with_two_persons_and_an_answer():
    case = Case()
    for desk in ("COMM-110106101", "POLICE", "STREET-110106101", "CIVIL", "EDU"):
        for leg in [r for r in case.progress.open_referrals if r.desk == desk]:
            case.do(rc.AcceptReferral(by=at_desk(desk), referral_id=leg.id))
            case.do(rc.CompleteReferral(by=at_desk(desk), referral_id=leg.id))
    assert case.refused(c.EnterStage(by=ENGINE, stage=Stage.ASSESS)) == "wrong_stage"
    case.do(c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-cn-02-0", safety=Safety.SAFE))
    case.do(c.EnterStage(by=ENGINE, stage=Stage.ASSESS))
    social = case.leg("SW")
    case.do(rc.AcceptReferral(by=at_desk("SW"), referral_id=social.id))
    assert case.refused(c.AdoptPlan(by=at_desk("CIVIL"))) == "no_assessment"
    case.do(c.FileAssessment(by=at_desk("SW"), referral_id=social.id, grade=Grade.MEDIUM))
    written = case.leg("COMM")
    case.do(rc.AcceptReferral(by=at_desk("COMM-110106101"), referral_id=written.id))
    case.do(rc.CompleteReferral(by=at_desk("COMM-110106101"), referral_id=written.id))
    case.do(c.AdoptPlan(by=at_desk("CIVIL"), items=(c.PlanItem(agency=Agency.EDU, service="psychological_help"),)))
    case.do(c.EnterStage(by=ENGINE, stage=Stage.INTERVENE))
    item = case.leg("EDU")
    assert item.task == "psychological_help"
    case.do(rc.AcceptReferral(by=at_desk("EDU"), referral_id=item.id))
    case.do(rc.CompleteReferral(by=at_desk("EDU"), referral_id=item.id))
    case.do(c.EnterStage(by=ENGINE, stage=Stage.REVIEW))
    case.do(c.FilePostAssessment(by=at_desk("SW"), grade=Grade.LOW))
    close = c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.FAMILY_REUNIFICATION)
    assert case.refused(close) == "cannot_close"
    owed = ["reporter_not_answered", "post_assessment_missing", "duties_open"]
    assert list(closing_obstacles(case.progress, close.reason, POLICY)) == owed
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="The child is safe."))
    case.do(c.ReviewGrade(by=at_desk("COMMITTEE"), grade=Grade.MEDIUM, present=5))
    assert list(closing_obstacles(case.progress, close.reason, POLICY)) == owed[1:]
    for code, desk in (("interim_adult_present", "CIVIL"), ("parents_return_or_delegate", "POLICE")):
        case.do(c.MeetDuty(by=at_desk(desk), code=code))
    assert list(closing_obstacles(case.progress, close.reason, POLICY)) == owed[1:2]
    case.wait(days=30)
    case.do(c.FilePostAssessment(by=at_desk("SW"), grade=Grade.LOW))
    case.do(close)
    assert case.refused(c.ApproveClosure(by=at_desk("CIVIL"))) == "second_person_needed"
    case.do(c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    assert case.progress.stage is Stage.CLOSED
    assert next_deadline(case.progress) is None
    assert case.refused(c.AddNote(by=at_desk("CIVIL"))) == "case_closed"
    assert not [d for d in case.progress.duties if d.is_open]


def test_a_pause_keeps_the_budget_and_an_extension_has_a_cap():
    case = Case("CN-07")
    leg = case.leg("STREET")
    me = at_desk("STREET-110106007", "head", Role.DESK_HEAD)
    case.do(rc.AcceptReferral(by=me, referral_id=leg.id))
    case.do(rc.PauseReferral(by=me, referral_id=leg.id, reason="awaiting_material"))
    assert next_deadline(case.progress) is not None  # other duties run on
    case.now += timedelta(days=14)
    case.do(rc.ResumeReferral(by=me, referral_id=leg.id))
    # Ten working days after 22 April 2026: the May holiday in between, the last of them a make-up Saturday.
    assert case.leg("STREET").finish.due_at == datetime(2026, 5, 9, 15, 59, 59, tzinfo=UTC)
    for _ in range(2):
        case.do(
            rc.ExtendReferral(
                by=me, referral_id=leg.id, reason="complex_facts", by_budget={"amount": 5, "unit": "working_days"}
            )
        )
    again = rc.ExtendReferral(
        by=me, referral_id=leg.id, reason="complex_facts", by_budget={"amount": 1, "unit": "days"}
    )
    assert case.refused(again) == "extension_cap"


def test_returned_for_completion_waits_for_the_sender():
    case = Case()
    leg = case.leg("CIVIL")
    case.do(rc.ReturnReferral(by=at_desk("CIVIL"), referral_id=leg.id, reason="missing_contact"))
    assert case.leg("CIVIL").state is State.RETURNED
    case.now += timedelta(hours=1)
    case.do(rc.SupplyMaterial(by=REPORTER, referral_id=leg.id))
    assert case.leg("CIVIL").accept.due_at == leg.accept.due_at + timedelta(hours=1)
