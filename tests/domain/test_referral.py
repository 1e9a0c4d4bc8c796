"""Referrals at their desks, played hostile: nobody takes what a colleague holds, nothing goes back and forth, no clock is cheated."""

from datetime import timedelta
from itertools import pairwise

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.progress import State
from app.domain.terms import Agency, CloseReason, DeclineReason, Role, Rung, Safety, Stage
from tests.actors import at_desk
from tests.domain.in_memory import POLICY, Case

STREET = "STREET-110106101"
SUPERVISOR = at_desk("CIVIL", "supervisor", Role.SUPERVISOR)
POLICE_HEAD = at_desk("POLICE", "head", Role.DESK_HEAD)


def deputy_of(actor, person):
    return actor.model_copy(update={"person_id": person, "acting_for": actor.person_id})


def last(case, kind):
    return next(ev for ev in reversed(case.events) if isinstance(ev, kind))


def decline(case, leg, reason=DeclineReason.NO_CAPACITY):
    return case.do(rc.DeclineReferral(by=at_desk(leg.desk), referral_id=leg.id, reason=reason))


# Claim, hand back, move


@pytest.mark.parametrize(
    "command",
    [
        rc.AcceptReferral, rc.ClaimTask, lambda **k: rc.ReturnReferral(reason="missing_contact", **k),
        lambda **k: rc.DeclineReferral(reason="already_handled", **k), lambda **k: rc.PassOnReferral(to="WF", **k),
    ],
)  # fmt: skip
def test_a_colleague_can_do_nothing_with_a_task_that_is_held_before_it_is_accepted(command):
    case = Case()
    leg = case.leg("STREET")
    case.do(rc.ClaimTask(by=at_desk(STREET), referral_id=leg.id))
    assert case.refused(command(by=at_desk(STREET, "other"), referral_id=leg.id)) == "held_by_colleague"


@pytest.mark.parametrize(
    "command",
    [
        rc.CompleteReferral, lambda **k: rc.FailReferral(reason="not_possible", **k), rc.ResumeReferral,
        lambda **k: rc.PauseReferral(reason="awaiting_material", **k), lambda **k: c.FileAssessment(grade="low", **k),
    ],
)  # fmt: skip
def test_nor_after_it_is_accepted(command):
    case = Case()
    leg = case.leg("STREET")
    case.do(rc.AcceptReferral(by=at_desk(STREET), referral_id=leg.id))
    assert case.refused(command(by=at_desk(STREET, "other"), referral_id=leg.id)) == "held_by_colleague"


def test_a_task_is_handed_back_by_its_holder_alone_and_then_anybody_at_the_desk_may_take_it():
    case = Case()
    leg = case.leg("POLICE")
    case.do(rc.ClaimTask(by=at_desk("POLICE"), referral_id=leg.id))
    assert case.refused(rc.ClaimTask(by=at_desk("POLICE"), referral_id=leg.id)) == "already_done"
    assert case.refused(rc.HandBackTask(by=at_desk("POLICE", "other"), referral_id=leg.id)) == "not_the_holder"
    assert case.refused(rc.HandBackTask(by=at_desk("CIVIL"), referral_id=leg.id)) == "not_your_desk"
    case.do(rc.HandBackTask(by=at_desk("POLICE"), referral_id=leg.id))
    case.do(rc.ClaimTask(by=at_desk("POLICE", "other"), referral_id=leg.id))
    assert case.leg("POLICE").holder == "police.other"


def test_the_desks_head_and_a_supervisor_move_a_task_and_nobody_else():
    case = Case()
    leg = case.leg("POLICE")
    case.do(rc.ClaimTask(by=at_desk("POLICE"), referral_id=leg.id))
    for actor, code in (
        (at_desk("POLICE", "other"), "not_allowed"),
        (at_desk("CIVIL", "h", Role.DESK_HEAD), "not_your_desk"),
    ):
        assert case.refused(rc.MoveTask(by=actor, referral_id=leg.id, to="police.other")) == code
    case.do(rc.MoveTask(by=POLICE_HEAD, referral_id=leg.id, to="police.other"))
    assert case.leg("POLICE").holder == "police.other"
    case.do(rc.MoveTask(by=SUPERVISOR, referral_id=leg.id, to="police.third"))
    assert (case.leg("POLICE").holder, last(case, e.TaskMoved).by) == ("police.third", "civil.supervisor")


@pytest.mark.parametrize("take", [rc.ClaimTask, rc.AcceptReferral])
def test_what_a_deputy_takes_lies_in_the_seat_of_the_absent_person_under_both_names(take):
    case = Case()
    deputy = deputy_of(at_desk("POLICE"), "police.other")
    case.do(take(by=deputy, referral_id=case.leg("POLICE").id))
    claimed = last(case, e.TaskClaimed)
    assert (claimed.holder, claimed.by, claimed.behalf) == ("police.officer", "police.other", "police.officer")
    case.do(rc.HandBackTask(by=at_desk("POLICE"), referral_id=case.leg("POLICE").id))


# Return, decline, pass on


def test_a_returned_referral_waits_for_the_sender_whose_silence_climbs_to_the_lead_agency():
    case = Case("CN-07")
    leg = case.leg("STREET")
    desk = at_desk(leg.desk)
    case.do(rc.ReturnReferral(by=desk, referral_id=leg.id, reason="missing_contact"))
    assert case.refused(rc.ReturnReferral(by=desk, referral_id=leg.id, reason="missing_contact")) == "already_done"
    case.wait(days=3)
    late = [ev for ev in case.events if isinstance(ev, e.RungFired) and ev.subject == leg.id]
    assert {ev.clock for ev in late} == {"supply"}
    assert late[0].recipients == ("desk:CIVIL",)
    case.do(rc.SupplyMaterial(by=at_desk("POLICE"), referral_id=leg.id))
    assert case.progress.referral(leg.id).accept.next_at > case.now
    assert case.refused(rc.SupplyMaterial(by=at_desk("POLICE"), referral_id=leg.id)) == "referral_not_returned"


def test_refusals_are_counted_up_to_the_joint_conference_office():
    case = Case("CN-01")
    leg = case.leg("HOSPITAL")
    way = [leg.agency]
    while leg.agency is not Agency.CONF:
        decline(case, leg)
        leg = case.progress.referrals[-1]
        way.append(leg.agency)
    assert way == [Agency.HOSPITAL, Agency.HEALTH, Agency.CIVIL, Agency.CONF]
    assert (leg.refusals, POLICY.refusals_before_conference) == (3, 3)


def test_the_last_pass_on_before_the_limit_goes_to_the_joint_conference_office_whatever_was_asked():
    case = Case()
    leg, asked = case.leg("STREET"), ("WF", "YL", "DPF")
    for to in asked:
        case.do(rc.PassOnReferral(by=at_desk(leg.desk), referral_id=leg.id, to=to))
        leg = case.progress.referrals[-1]
    assert leg.agency is Agency.CONF
    assert last(case, e.ReferralPassedOn).to is Agency.CONF


def test_two_agencies_cannot_play_ping_pong_however_they_try():
    case = Case()
    first = case.leg("STREET")
    case.do(rc.PassOnReferral(by=at_desk(STREET), referral_id=first.id, to="WF"))
    second = case.progress.referrals[-1]
    back = rc.PassOnReferral(by=at_desk("WF"), referral_id=second.id, to="STREET")
    assert case.refused(back) == "no_ping_pong"
    assert case.refused(back.model_copy(update={"to": Agency.WF})) == "no_ping_pong"
    decline(case, second)
    assert case.progress.referrals[-1].agency is Agency.CIVIL
    for referral in case.progress.referrals:
        assert len(set(referral.visited)) == len(referral.visited)


def test_what_the_joint_conference_office_has_assigned_can_be_neither_declined_nor_passed_on():
    case = Case()
    leg = case.leg("STREET")
    while leg.agency is not Agency.CONF:
        decline(case, leg)
        leg = case.progress.referrals[-1]
    assert (
        case.refused(rc.DeclineReferral(by=at_desk("CONF"), referral_id=leg.id, reason="no_capacity"))
        == "must_not_decline"
    )
    case.do(rc.PassOnReferral(by=at_desk("CONF"), referral_id=leg.id, to="WF"))
    assigned = case.progress.referrals[-1]
    assert assigned.agency is Agency.WF
    for command in (
        rc.DeclineReferral(by=at_desk("WF"), referral_id=assigned.id, reason="not_competent"),
        rc.PassOnReferral(by=at_desk("WF"), referral_id=assigned.id, to="YL"),
    ):
        assert case.refused(command) == "must_not_decline"


@pytest.mark.requirement("R065")
def test_the_police_get_rid_of_an_emergency_neither_by_declining_nor_by_passing_it_on():
    case = Case()
    leg = case.leg("POLICE")
    for reason in (DeclineReason.NO_CAPACITY, DeclineReason.NOT_COMPETENT):
        for command in (
            rc.DeclineReferral(by=at_desk("POLICE"), referral_id=leg.id, reason=reason),
            rc.PassOnReferral(by=at_desk("POLICE"), referral_id=leg.id, to="WF", reason=reason),
        ):
            assert case.refused(command) == "must_not_decline"


def test_being_relieved_by_a_supervisor_is_no_refusal():
    case = Case()
    case.do(rc.ReassignReferral(by=SUPERVISOR, referral_id=case.leg("STREET").id, to="WF"))
    assert case.progress.referrals[-1].refusals == 0
    again = rc.ReassignReferral(by=SUPERVISOR, referral_id=case.progress.referrals[-1].id, to="WF")
    assert case.refused(again) == "no_ping_pong"


def test_an_agency_that_wakes_up_after_its_leg_was_re_routed_is_told_that_it_has_ended():
    case = Case()
    leg = case.leg("STREET")
    case.wait(hours=2)
    assert case.progress.referral(leg.id).state is State.SILENT
    assert case.refused(rc.AcceptReferral(by=at_desk(STREET), referral_id=leg.id)) == "referral_ended"
    assert case.refused(rc.ReassignReferral(by=SUPERVISOR, referral_id=leg.id, to="WF")) == "referral_ended"
    assert [r.agency for r in case.progress.referrals if r.instead_of == leg.id] == [Agency.CIVIL]


def test_silence_counts_as_a_refusal_and_the_conference_cannot_hand_its_own_silence_on():
    case = Case("CN-01")
    leg = case.leg("HOSPITAL")
    case.wait(days=4)
    legs = [r for r in case.progress.referrals if r.route_id == leg.route_id]
    assert [(r.agency, r.refusals) for r in legs] == [("HOSPITAL", 0), ("HEALTH", 1), ("CIVIL", 2), ("CONF", 3)]
    assert [r.state for r in legs] == [State.SILENT] * 3 + [State.SENT]
    assert case.rungs(legs[-1].id)[-1] is Rung.PROCURATORATE


# Extend, pause, resume


def accepted(case_id="CN-07"):
    case = Case(case_id)
    leg = case.leg("STREET")
    head = at_desk(leg.desk, "head", Role.DESK_HEAD)
    case.do(rc.AcceptReferral(by=head, referral_id=leg.id))
    return case, leg.id, head


def extension(by, leg, amount=5, unit="working_days"):
    return rc.ExtendReferral(by=by, referral_id=leg, reason="complex_facts", by_budget={"amount": amount, "unit": unit})


def test_nobody_goes_past_the_cap_not_even_a_supervisor_and_not_in_a_pause():
    case, leg, head = accepted()
    case.do(extension(SUPERVISOR, leg))
    case.do(rc.PauseReferral(by=head, referral_id=leg, reason="awaiting_material"))
    case.do(extension(head, leg))
    for by in (head, SUPERVISOR):
        assert case.refused(extension(by, leg)) == "extension_cap"
    case.do(rc.ResumeReferral(by=head, referral_id=leg))
    assert case.refused(extension(SUPERVISOR, leg)) == "extension_cap"
    made = [ev for ev in case.events if isinstance(ev, e.ClockExtended)]
    assert [(ev.by, ev.reason) for ev in made] == [
        ("civil.supervisor", "complex_facts"),
        (head.person_id, "complex_facts"),
    ]


def test_an_extension_has_a_longest_length_and_an_author_other_than_the_officer():
    case, leg, head = accepted()
    assert case.refused(extension(head, leg, 11)) == "extension_too_long"
    assert case.refused(extension(SUPERVISOR, leg, 15, "days")) == "extension_too_long"
    assert case.refused(extension(at_desk(head.desk), leg)) == "not_allowed"
    assert case.refused(extension(POLICE_HEAD, leg)) == "not_your_desk"
    waiting = Case()
    assert waiting.refused(extension(SUPERVISOR, waiting.leg("STREET").id)) == "referral_not_accepted"


def test_an_extension_in_a_pause_is_on_top_of_what_was_left():
    case, leg, head = accepted()
    before = case.progress.referral(leg).finish.due_at
    case.do(rc.PauseReferral(by=head, referral_id=leg, reason="awaiting_material"))
    case.do(extension(head, leg, 1))
    assert case.progress.referral(leg).finish.paused_at == case.now
    case.do(rc.ResumeReferral(by=head, referral_id=leg))
    finish = case.progress.referral(leg).finish
    assert before < finish.due_at <= before + timedelta(days=3)
    assert finish.extended_times == 1


def test_pauses_are_counted_so_that_no_loop_of_them_stops_a_clock_for_good():
    case, leg, head = accepted()
    before = case.progress.referral(leg).finish.due_at
    for _ in range(POLICY.pause_cap):
        case.do(rc.PauseReferral(by=head, referral_id=leg, reason="awaiting_material"))
        assert case.refused(rc.PauseReferral(by=head, referral_id=leg, reason="awaiting_material")) == "already_paused"
        case.do(rc.ResumeReferral(by=head, referral_id=leg))
        assert case.refused(rc.ResumeReferral(by=head, referral_id=leg)) == "not_paused"
    assert case.progress.referral(leg).finish.due_at == before
    assert case.refused(rc.PauseReferral(by=head, referral_id=leg, reason="awaiting_material")) == "pause_cap"


def test_returns_are_counted_so_that_no_loop_of_them_keeps_a_referral_from_being_taken():
    case = Case()
    leg = case.progress.referrals[0]
    desk, sender = at_desk(leg.desk), at_desk("CIVIL")
    again = rc.ReturnReferral(by=desk, referral_id=leg.id, reason="missing_material")
    for _ in range(POLICY.return_cap):
        case.do(again)
        case.do(rc.SupplyMaterial(by=sender, referral_id=leg.id))
    assert case.refused(again) == "return_cap"
    case.do(rc.AcceptReferral(by=desk, referral_id=leg.id))


def test_a_resume_after_weeks_fires_nothing_and_the_ladder_keeps_its_spacing():
    case, leg, head = accepted()
    ladder = [plan.at for plan in case.progress.referral(leg).finish.rungs]
    case.do(rc.PauseReferral(by=head, referral_id=leg, reason="awaiting_material"))
    case.wait(days=60)
    assert case.rungs(leg) == []
    case.do(rc.ResumeReferral(by=head, referral_id=leg))
    case.refused(c.RaiseDue(by=ENGINE))
    later = [plan.at for plan in case.progress.referral(leg).finish.rungs]
    assert later[0] > case.now
    assert len(later) == len(ladder) == len(Rung)
    assert all(first < second for first, second in pairwise(later))


# Duties, closed and linked cases, unknown legs


@pytest.mark.parametrize("code", ["answer_outcome", "confirm_safety"])
def test_a_duty_that_asks_for_an_act_cannot_be_ticked_off(code):
    case = Case()
    assert case.refused(c.MeetDuty(by=at_desk("CIVIL"), code=code)) == "duty_met_by_act"
    assert case.refused(rc.ReplyToSupervision(by=at_desk("CIVIL"), code=code)) == "duty_not_found"
    assert case.progress.open_duty(code)


def test_the_check_for_a_duplicate_is_done_once_a_person_has_decided():
    case = Case("CN-04", possible_duplicate=True)
    assert case.progress.open_duty("duplicate_check")
    case.do(c.ClearDuplicate(by=at_desk("POLICE")))
    assert not case.progress.open_duty("duplicate_check")


def test_an_agency_under_supervision_replies_and_the_clock_of_the_supervision_ends():
    case = Case()
    leg = case.leg("STREET").id
    case.do(rc.SuperviseReferral(by=SUPERVISOR, referral_id=leg))
    assert case.refused(rc.SuperviseReferral(by=SUPERVISOR, referral_id=leg)) == "already_done"
    assert case.refused(c.MeetDuty(by=at_desk(STREET), code=f"supervised:{leg}")) == "duty_met_by_act"
    assert case.refused(rc.ReplyToSupervision(by=at_desk("POLICE"), code=f"supervised:{leg}")) == "not_your_desk"
    case.do(rc.ReplyToSupervision(by=at_desk(STREET), code=f"supervised:{leg}"))
    assert not case.progress.open_duty(f"supervised:{leg}")


ON_A_LEG = [
    rc.AcceptReferral, rc.SupplyMaterial, rc.CompleteReferral, rc.ResumeReferral, rc.ClaimTask, rc.HandBackTask, rc.UrgeReferral,
    rc.SuperviseReferral, lambda **k: rc.ReturnReferral(reason="missing_contact", **k),
    lambda **k: rc.DeclineReferral(reason="no_capacity", **k), lambda **k: rc.PassOnReferral(to="WF", **k),
    lambda **k: rc.FailReferral(reason="not_possible", **k), lambda **k: rc.PauseReferral(reason="awaiting_material", **k),
    lambda **k: rc.MoveTask(to="x", **k), lambda **k: rc.ReassignReferral(to="WF", **k),
    lambda **k: c.FileAssessment(grade="low", **k), lambda by, referral_id: extension(by, referral_id),
    lambda **k: rc.RecordDelivery(outcome="delivered", **k),
]  # fmt: skip


@pytest.mark.parametrize("command", ON_A_LEG)
def test_every_command_on_a_leg_is_refused_by_name_when_the_leg_is_unknown_or_the_case_is_over(command):
    case = Case()
    leg = case.leg("POLICE").id
    assert case.refused(command(by=POLICE_HEAD, referral_id="nothing-1")) == "referral_not_found"
    case.do(c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-cn-02-0", safety=Safety.SAFE))
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已安全"))
    case.do(c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.NO_RISK_FOUND))
    case.do(c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    assert case.progress.referral(leg).state is State.WITHDRAWN
    assert case.refused(command(by=POLICE_HEAD, referral_id=leg)) == "case_closed"


@pytest.mark.parametrize("command", ON_A_LEG[:-1])
def test_on_a_linked_case_people_are_sent_to_the_case_it_follows(command):
    case = Case("CN-04", possible_duplicate=True)
    leg = case.leg("POLICE").id
    case.do(c.LinkReport(by=at_desk("POLICE"), primary="case-2"))
    assert case.refused(command(by=POLICE_HEAD, referral_id=leg)) == "case_linked"


def test_a_follower_closes_with_its_primary_and_nothing_stays_open_on_it():
    case = Case("CN-04", possible_duplicate=True)
    case.do(c.LinkReport(by=at_desk("POLICE"), primary="case-2"))
    case.do(c.FollowPrimary(by=ENGINE, answered=True, closed=CloseReason.NEEDS_MET))
    assert case.progress.stage is Stage.CLOSED
    assert case.progress.answered
    assert not [duty.code for duty in case.progress.duties if duty.is_open]
