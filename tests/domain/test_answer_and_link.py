"""The answer owed to the reporter, and what a link between two reports gives and takes back."""

import pytest
from pydantic import ValidationError

from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.progress import Answer, next_deadline
from app.domain.terms import CloseReason, DeclineReason, Role, WaiveReason
from tests.actors import at_desk
from tests.domain.in_memory import Case

POLICE = at_desk("POLICE")
SUPERVISOR = at_desk("CIVIL", "supervisor", Role.SUPERVISOR)


@pytest.mark.parametrize("said", ["", "  \n"])
def test_an_empty_answer_is_none(said):
    with pytest.raises(ValidationError):
        c.AnswerReporter(by=at_desk("CIVIL"), note=said)


@pytest.mark.parametrize("code", ["answer_outcome", "answer_acceptance", "confirm_safety", "supervised:a-police-1"])
def test_a_duty_that_is_met_by_an_act_cannot_be_ticked_off(code):
    case = Case()
    case.do(rc.SuperviseReferral(by=at_desk("CIVIL"), referral_id=case.leg("POLICE").id))
    code = code if ":" not in code else f"supervised:{case.leg('POLICE').id}"
    assert case.refused(c.MeetDuty(by=at_desk(case.progress.duty(code).desk), code=code)) == "duty_met_by_act"
    case.do(c.MeetDuty(by=at_desk("POLICE"), code="parents_return_or_delegate"))
    assert case.progress.open_duty(code)


def test_a_cleared_duplicate_is_the_check_that_was_owed():
    case = Case("CN-04", possible_duplicate=True)
    assert case.progress.open_duty("duplicate_check")
    case.do(c.ClearDuplicate(by=POLICE))
    assert not case.progress.open_duty("duplicate_check")


def test_an_answer_that_came_with_the_link_goes_with_it_and_is_owed_again():
    case = Case("CN-04", possible_duplicate=True)
    case.do(c.LinkReport(by=POLICE, primary="case-2"))
    case.do(c.FollowPrimary(by=ENGINE, answered=True))
    assert case.progress.answer is Answer.FOLLOWED
    assert not case.progress.open_duty("answer_outcome")
    case.do(c.UnlinkReport(by=POLICE))
    assert not case.progress.answered
    assert case.progress.open_duty("answer_outcome")


def test_an_own_answer_stays_when_the_link_goes():
    case = Case("CN-04", possible_duplicate=True)
    case.do(c.LinkReport(by=POLICE, primary="case-2"))
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已核实"))
    case.do(c.UnlinkReport(by=POLICE))
    assert case.progress.answer is Answer.GIVEN
    assert not case.progress.open_duty("answer_outcome")


def test_a_linked_report_does_not_end_with_the_other_case_before_its_own_reporter_is_answered():
    case = Case("CN-04", possible_duplicate=True)
    case.do(c.LinkReport(by=POLICE, primary="case-2"))
    case.do(c.FollowPrimary(by=ENGINE, closed=CloseReason.NEEDS_MET))
    assert case.progress.is_open
    assert case.progress.open_duty("answer_outcome")
    case.do(c.WaiveAnswer(by=at_desk("CIVIL"), reason=WaiveReason.ANONYMOUS))
    case.do(c.FollowPrimary(by=ENGINE, closed=CloseReason.NEEDS_MET))
    assert not case.progress.is_open


def test_a_report_that_was_closed_with_another_case_is_opened_again_by_a_supervisor_alone():
    case = Case("CN-04", possible_duplicate=True)
    case.do(c.ClearDuplicate(by=POLICE))
    before = {(r.route_id, r.agency) for r in case.progress.open_referrals}
    case.do(c.LinkReport(by=POLICE, primary="case-2"))
    case.do(c.FollowPrimary(by=ENGINE, answered=True, closed=CloseReason.NEEDS_MET))
    assert not case.progress.is_open
    assert case.refused(c.UnlinkReport(by=POLICE)) == "not_allowed"
    assert case.refused(c.AddNote(by=SUPERVISOR)) == "case_closed"
    case.do(c.UnlinkReport(by=SUPERVISOR))
    now = case.progress
    assert (now.is_open, now.linked_to, now.closed_reason, now.closed_at) == (True, None, None, None)
    assert {(r.route_id, r.agency) for r in now.open_referrals} == before
    assert now.open_duty("answer_outcome")
    assert next_deadline(now)
    assert case.refused(c.UnlinkReport(by=SUPERVISOR)) == "not_linked"


def test_a_case_that_was_closed_on_its_own_stays_closed():
    case = Case("CN-07")
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已核实"))
    case.do(c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.NO_RISK_FOUND))
    case.do(c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    assert case.refused(c.UnlinkReport(by=SUPERVISOR)) == "case_closed"
    assert case.refused(c.DeclareConflict(by=SUPERVISOR, about=("COMM-110106007",))) == "case_closed"
    case.do(c.DeclareConflict(by=ENGINE, about=("COMM-110106007",)))
    assert case.progress.own_about == ("COMM-110106007",), "it can still be read, and no link brought it"


def test_an_unlinked_report_gets_its_legs_back_where_they_were():
    case = Case("CN-07")
    first = case.leg("STREET")
    case.do(
        rc.PassOnReferral(by=at_desk(first.desk), referral_id=first.id, to="DPF", reason=DeclineReason.NOT_COMPETENT)
    )
    passed = case.leg("DPF")
    before = {(r.route_id, r.agency) for r in case.progress.open_referrals}
    case.do(c.LinkReport(by=POLICE, primary="case-2"))
    case.do(c.UnlinkReport(by=POLICE))
    assert {(r.route_id, r.agency) for r in case.progress.open_referrals} == before
    assert (case.leg("DPF").visited, case.leg("DPF").refusals) == (passed.visited, passed.refusals)
