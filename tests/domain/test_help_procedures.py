"""Procedures that help: back to school, lessons at home, the payers of a bill, public housing, venues and applications."""

import pytest

from app.domain import benefit_commands as bc
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.case import decide
from app.domain.refusals import Refused
from app.domain.stages import closing_obstacles
from app.domain.terms import CloseReason, Rung
from tests.actors import at_desk
from tests.domain.in_memory import POLICY
from tests.domain.test_procedures import ALONE, APPLICATION, DAY, DROPOUT, Run

POLICE = at_desk("POLICE")


@pytest.mark.requirement("R031")
@pytest.mark.requirement("R087")
def test_a_dropout_is_told_to_family_street_police_and_civil_affairs_and_ends_only_when_the_child_is_seen_at_school():
    case = Run(DROPOUT)
    told = {f"{who}_told_on": DAY for who in ("family", "street", "police", "civil")}
    leg = case.leg("EDU")
    case.accept(leg)
    half = rc.CompleteReferral(
        by=at_desk("EDU"), referral_id=leg.id, outcome="notified", record={"family_told_on": DAY}
    )
    assert case.refused(half) == "record_unfit"
    case.leg_ends("dropout_control", "notified", **told)
    case.end("dropout_control.persuade", "in_vain", visits=3, reported_in_writing_on=DAY, note="家长要求其打工")
    case.end("dropout_control.order", "ordered", ordered_on=DAY)
    case.end("dropout_control.confirm", "absent", note="未到校")
    assert case.owed == {"dropout_control.order": "EDU"}
    for reason in (CloseReason.NO_RISK_FOUND, CloseReason.NEEDS_MET, CloseReason.POLICE_CLOSED):
        assert "duties_open" in closing_obstacles(case.progress, reason, POLICY)
    case.end("dropout_control.order", "ordered", ordered_on=DAY)
    case.end("dropout_control.confirm", "returned", seen_on=DAY)
    assert "dropout_control.confirm=returned" in case.progress.happened
    assert "duties_open" not in closing_obstacles(case.progress, CloseReason.NO_RISK_FOUND, POLICY)


@pytest.mark.requirement("R030")
def test_lessons_at_home_come_weekly_and_one_that_is_missed_is_looked_into():
    case = Run(APPLICATION)
    case.leg_ends("one_door", "")
    case.enter("assess")
    plan = {"starts_on": "2026-09-01", "lessons_a_week": 2, "in_school_register": True}
    leg = case.leg("EDU")
    case.accept(leg)
    unnamed = rc.CompleteReferral(by=at_desk("EDU"), referral_id=leg.id, outcome="planned", record=plan)
    assert case.refused(unnamed) == "whom_it_is_about"
    case.leg_ends("home_teaching", "planned", "ch-1", **plan)
    lesson = "home_lessons.lesson:ch-1"
    assert (case.owed, case.time_for(lesson)) == ({lesson: "SCHOOL"}, "7 days")
    case.end(lesson, "held", last_held_on=DAY, lessons=2)
    case.wait(days=9)
    assert Rung.DESK_HEAD in case.progress.open_duty(lesson).clock.fired, "a lesson that nobody records is noticed"
    case.end(lesson, "missed", lessons=1, note="教师请假")
    assert case.owed == {lesson: "SCHOOL", "home_lessons.missed:ch-1": "EDU"}
    case.end("home_lessons.missed:ch-1", "made_up", held_on=DAY)
    case.end(lesson, "term_over", lessons=18)
    assert case.owed == {}


@pytest.mark.requirement("R023")
def test_a_bill_has_a_clock_until_it_is_paid_and_its_rest_finds_help():
    case = Run(ALONE)
    case.do(bc.OpenBill(by=at_desk("CIVIL"), child_id="ch-1", yuan="900"))
    case.do(bc.OpenBill(by=at_desk("CIVIL"), child_id="ch-2", yuan="100"))
    asks = ("medical_costs.ask:bill-1", "medical_costs.ask:bill-2")
    assert set(case.owed) == set(asks)
    assert case.refused(case.outcome(asks[0], "paid")) == "duty_met_by_act", "a payer's answer ends it, nobody's word"
    began = case.progress.open_duty(asks[1]).clock.due_at
    payers = case.progress.bills[0].payers
    case.wait(days=1)
    case.do(bc.RecordPayer(by=at_desk("CIVIL"), bill_id="bill-2", payer=payers[0], approved="50"))
    assert case.progress.open_duty(asks[1]).clock.due_at > began, "the next payer has a time of its own"
    case.do(bc.RecordPayer(by=at_desk("CIVIL"), bill_id="bill-2", payer=payers[1], approved="50"))
    assert set(case.owed) == {asks[0]}
    for payer in payers:
        case.do(bc.RecordPayer(by=at_desk("CIVIL"), bill_id="bill-1", payer=payer, approved="10"))
    assert case.owed == {"medical_costs.help:bill-1": "CIVIL"}
    assert "duties_open" in closing_obstacles(case.progress, CloseReason.NEEDS_MET, POLICY)


@pytest.mark.requirement("R109")
def test_housing_passes_three_reviews_and_two_publications_that_do_not_show_the_childs_category():
    case = Run(APPLICATION)
    case.leg_ends("one_door", "")
    case.enter("assess")
    case.leg_ends("housing", "taken", file="丰保房2026-0042")
    case.end("housing.first_review", "passed", reviewed_on=DAY)
    shown = case.outcome("housing.first_publication", "published", published_on=DAY, category_not_shown=False)
    assert case.refused(shown) == "record_unfit"
    case.end("housing.first_publication", "published", published_on=DAY, category_not_shown=True)
    case.end("housing.first_standing", "objected", note="收入存疑")
    assert case.owed == {"housing.first_review": "STREET"}, "an objection brings it back to its review"
    case.end("housing.first_review", "passed", reviewed_on=DAY)
    case.end("housing.first_publication", "published", published_on=DAY, category_not_shown=True)
    case.wait_for("housing.first_standing")
    case.end("housing.second_review", "passed", reviewed_on=DAY)
    case.end("housing.second_publication", "published", published_on=DAY, category_not_shown=True)
    case.wait_for("housing.second_standing")
    case.end("housing.third_review", "passed", reviewed_on=DAY)
    case.end("housing.allocate", "waiting", place=12)
    assert case.owed == {"housing.allocate": "HOUSING"}


@pytest.mark.requirement("R115", "R080", "R131")
def test_a_venue_is_inspected_and_a_family_is_helped_to_apply():
    case = Run(ALONE)
    case.start("venue_inspection", "POLICE")
    case.start("assisted_application", "COMM-110106101", "ch-1")
    assert case.owed == {"venue_inspection.inspect": "CULTURE", "assisted_application.help:ch-1": "COMM"}
    case.end("venue_inspection.inspect", "penalised", inspected_on=DAY, file="丰文执罚〔2026〕0009号")
    case.end("assisted_application.help:ch-1", "applied", applied_on=DAY)
    assert case.refused(case.outcome("assisted_application.answer:ch-1", "refused", decided_on=DAY)) == "reasons_needed"
    case.end("assisted_application.answer:ch-1", "granted", decided_on=DAY)
    assert case.owed == {}
    case.start("assisted_application", "SW", "ch-2")
    case.wait(days=40)
    fired = case.progress.open_duty("assisted_application.help:ch-2").clock.fired
    assert fired[-1] is Rung.PROCURATORATE, "what a social worker has asked for in a child's name is not forgotten"


@pytest.mark.requirement("R031")
def test_no_dropout_case_closes_before_the_first_step_has_been_answered_for():
    case = Run(DROPOUT)
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已处理"))
    close = c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.NO_RISK_FOUND)
    for accepted in (False, True):
        assert closing_obstacles(case.progress, close.reason, POLICY) == ("procedures_open",)
        assert case.refused(close) == "cannot_close"
        if not accepted:
            case.accept(case.leg("EDU"))
    case.leg_ends("dropout_control", "back_already", back_on=DAY)
    assert case.refused(close) == "cannot_close"
    gone = c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.MOVED_AND_HANDED_OVER)
    assert case.refused(gone) == "reasons_needed", "to whom the open steps were handed over"
    case.end("dropout_control.confirm", "returned", seen_on=DAY)
    case.do(close)


@pytest.mark.requirement("R031")
def test_a_dropout_that_is_linked_with_another_report_is_owed_there_and_comes_back_with_an_unlink():
    case, primary = Run(DROPOUT), Run(ALONE)
    case.leg_ends("dropout_control", "back_already", back_on=DAY)
    case.wait(hours=1)
    linked = next(ev for ev in case.do(c.LinkReport(by=POLICE, primary="case-2")) if ev.kind == "report_linked")
    assert (linked.procedures, case.owed) == (("dropout_control.confirm",), {})
    primary.do(c.AddFollower(by=at_desk("CONF"), case_id="case-1", procedures=linked.procedures))
    assert primary.owed == {"dropout_control.confirm": "SCHOOL"}
    case.do(c.UnlinkReport(by=POLICE))
    assert case.owed == {"dropout_control.confirm": "SCHOOL"}
    first = Run(DROPOUT)
    before = next(ev for ev in first.do(c.LinkReport(by=POLICE, primary="case-2")) if ev.kind == "report_linked")
    assert before.procedures == ("dropout_control.notify",), "a leg that was not answered for yet counts as well"
    other = Run(DROPOUT)
    other.do(c.AddFollower(by=at_desk("CONF"), case_id="case-1", procedures=before.procedures))
    assert other.owed == {}, "it runs there already, as a leg"
    with pytest.raises(Refused, match="policy_unfit"):
        decide(
            primary.progress, c.AddFollower(by=POLICE, case_id="case-3", procedures=("gone.step",)), POLICY, case.now
        )


@pytest.mark.requirement("R031")
def test_guardians_who_keep_a_child_from_school_are_admonished_beside_the_order():
    case = Run(ALONE)
    case.start("dropout_control", "EDU")
    case.end("dropout_control.notify", "back_already", back_on=DAY)
    assert case.refused(c.StartProcedure(by=at_desk("SCHOOL"), procedure="dropout_control")) == "procedure_runs"
    case.end("dropout_control.confirm", "kept_away", note="要求其打工")
    assert case.owed == {"dropout_control.order": "EDU", "guardian_admonition.admonish": "COMM"}


def test_what_a_leg_is_already_is_not_begun_a_second_time_by_hand():
    assert Run(DROPOUT).refused(c.StartProcedure(by=at_desk("EDU"), procedure="dropout_control")) == "procedure_runs"
    waits = Run(APPLICATION)
    assert waits.refused(c.StartProcedure(by=at_desk("CIVIL"), procedure="housing")) == "procedure_runs", "planned"
