"""Procedures of the notice: each step has a holder and a clock, each outcome its record, and what it opens is what the rules name."""

import re
from datetime import timedelta

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain.case import decide
from app.domain.facts import ReportFacts
from app.domain.procedure import is_step
from app.domain.procedure_work import begin
from app.domain.stages import closing_obstacles
from app.domain.terms import CloseReason, Rung
from app.policy.loader import HERE, load, texts
from tests.domain.test_case import POLICY
from tests.domain.test_stages import Told, reviewed
from tests.world import at_desk

ALONE = ReportFacts.model_validate({"children": [{"child_id": "ch-1", "age_years": 9}, {"child_id": "ch-2"}]})
DROPOUT = ReportFacts.model_validate(
    {
        "kind": "dropout",
        "reporter_class": "school",
        "children": [{"child_id": "ch-1", "age_years": 12, "attending": "no"}],
    }
)
APPLICATION = ReportFacts.model_validate(
    {
        "kind": "application",
        "reporter_class": "committee",
        "household": {"housing_need": "yes"},
        "children": [{"child_id": "ch-1", "age_years": 9, "disabled": "yes", "unable_to_attend": "yes"}],
    }
)
DETAINED = ReportFacts.model_validate({"kind": "detention_inquiry", "reporter_class": "police"})
BEATEN = ReportFacts.model_validate(
    {"children": [{"child_id": "ch-1", "harmed": "yes"}], "guardians": [{"suspected_of_harm": "yes"}]}
)
DAY = "2026-03-02"
"""Before the first day of every case here."""
FILE = "（2026）京0106民初123号"


class Run(Told):
    """A case in which procedures run."""

    def start(self, procedure, agency, about=""):
        return self.do(c.StartProcedure(by=at_desk(agency), procedure=procedure, about=about))

    def outcome(self, step, outcome, *about, note="", **record):
        desk = at_desk(self.progress.duty(step).desk)
        return c.RecordOutcome(by=desk, code=step, outcome=outcome, record=record, about=about, note=note)

    def end(self, step, outcome, *about, note="", **record):
        return self.do(self.outcome(step, outcome, *about, note=note, **record))

    def leg_ends(self, task, outcome, *about, note="", **record):
        leg = next(r for r in self.progress.open_referrals if r.task == task)
        if leg.state == "sent":
            self.accept(leg)
        self.do(
            c.CompleteReferral(
                by=at_desk(leg.desk), referral_id=leg.id, outcome=outcome, record=record, about=about, note=note
            )
        )

    @property
    def owed(self):
        """The open steps, each with the agency that owes it."""
        return {d.code: d.holder.value for d in self.progress.duties if d.is_open and is_step(d.code)}

    def time_for(self, step):
        return str(self.progress.open_duty(step).clock.spec.budget)


@pytest.mark.parametrize("row", [row for row in load("fengtai-2026.1").file.procedures if row.about != "bill"])
def test_every_procedure_ends_when_each_step_ends_as_it_usually_does(row):
    case = Run(ALONE)
    about = {"child": "ch-1", "agency": "EDU"}.get(row.about, "")
    case.events.append(begin(case.progress, POLICY, case.now, row.code, about))
    case.end_procedures()
    assert case.progress.outcomes[0].step == row.first
    assert case.progress.outcomes[0].subject == (f"{row.first}:{about}" if about else row.first)


@pytest.mark.requirement("R035")
@pytest.mark.requirement("R093")
@pytest.mark.requirement("R039")
@pytest.mark.requirement("R040")
def test_guardians_whom_neither_committee_nor_police_move_lose_the_child_for_a_time_and_are_pursued():
    case = Run(ALONE)
    case.start("guardian_admonition", "COMM-110106101")
    assert case.owed == {"guardian_admonition.admonish": "COMM"}
    case.end("guardian_admonition.admonish", "admonished", done_on=DAY)
    assert case.time_for("guardian_admonition.recheck") == "7 days"
    refused = case.outcome("guardian_admonition.recheck", "not_corrected", seen_on=DAY)
    assert case.refused(refused) == "reasons_needed"
    case.end("guardian_admonition.recheck", "not_corrected", seen_on=DAY, note="仍将儿童独自留在家中")
    assert case.owed == {"guardian_admonition.educate": "POLICE"}
    case.end("guardian_admonition.educate", "warned", done_on=DAY, file="京公丰告诫〔2026〕0012号")
    case.end("guardian_admonition.police_recheck", "not_corrected", seen_on=DAY, note="教育不改")
    assert case.owed == {"temporary_guardianship.take_over": "RESCUE", "parents_liability.file": "POLICE"}
    case.end("temporary_guardianship.take_over", "taken_over", done_on=DAY, handed_over_in_writing=True)
    case.end("parents_liability.file", "filed", filed_on=DAY, file=FILE)
    assert case.owed == {
        "temporary_guardianship.review": "CIVIL", "temporary_guardianship.year": "CIVIL", "parents_liability.conclude": "PROC",
    }  # fmt: skip


def test_guardians_who_do_better_end_the_admonition():
    case = Run(ALONE)
    case.start("guardian_admonition", "STREET-110106101")
    case.end("guardian_admonition.admonish", "admonished", done_on=DAY)
    case.end("guardian_admonition.recheck", "corrected", seen_on=DAY)
    assert case.owed == {}


@pytest.mark.requirement("R059")
def test_a_child_that_does_not_go_home_needs_reasons_why():
    case = reviewed(DROPOUT)
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已处理"))
    case.do(c.FilePostAssessment(by=at_desk("SW"), grade="low"))
    case.wait(days=31)
    case.do(c.FilePostAssessment(by=at_desk("SW"), grade="low"))
    for duty in [d for d in case.progress.duties if d.is_open and d.code.startswith("supervision_reply")]:
        case.do(c.ReplyToSupervision(by=at_desk(duty.desk), code=duty.code))
    away = c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.LONG_TERM_PLACEMENT)
    assert case.refused(away) == "reasons_needed"
    case.do(away.model_copy(update={"note": "父母均无监护能力，亲属无人可以照料"}))
    assert next(iter(CloseReason)) is CloseReason.FAMILY_REUNIFICATION, "what officers are offered first"


@pytest.mark.requirement("R037")
@pytest.mark.requirement("R038")
@pytest.mark.requirement("R102")
def test_temporary_guardianship_is_looked_at_every_month_and_ends_at_home_or_before_the_court():
    case = Run(ALONE)
    case.start("temporary_guardianship", "CIVIL")
    case.end("temporary_guardianship.take_over", "taken_over", done_on=DAY, handed_over_in_writing=True)
    assert case.time_for("temporary_guardianship.review") == "30 days"
    case.end("temporary_guardianship.review", "to_court", note="父母不具备监护能力")
    case.end("guardian_change.apply", "filed", filed_on=DAY, file=FILE)
    case.end("guardian_change.rule", "civil_appointed", ruled_on=DAY, file=FILE)
    assert case.owed["guardian_change.admit"] == "CWI", "the institution of the hukou place"
    case.end("guardian_change.admit", "transferred", done_on=DAY)
    case.end("temporary_guardianship.review", "returned", returned_on=DAY)
    assert case.owed == {"temporary_guardianship.visit_home": "COMM"}, "the year no longer counts"
    case.end("temporary_guardianship.visit_home", "at_risk", visited_on=DAY, note="父亲仍酗酒")
    assert case.owed == {"guardian_admonition.admonish": "COMM"}


def test_a_year_of_temporary_guardianship_asks_for_a_long_term_answer_and_rings_for_nobody_before():
    case = Run(ALONE)
    case.start("temporary_guardianship", "CIVIL")
    case.end("temporary_guardianship.take_over", "taken_over", done_on=DAY, handed_over_in_writing=True)
    year = case.progress.open_duty("temporary_guardianship.year")
    assert (str(year.clock.spec.budget), year.clock.rungs) == ("12 months", ())
    assert case.refused(case.outcome("temporary_guardianship.year", "elapsed")) == "duty_met_by_act"
    case.wait_for("temporary_guardianship.year")
    assert case.owed["temporary_guardianship.long_term"] == "CIVIL"
    over = next(done for done in case.progress.outcomes if done.step == "temporary_guardianship.year")
    assert (over.outcome, over.at) == ("elapsed", year.clock.due_at)


@pytest.mark.requirement("R041")
@pytest.mark.requirement("R042")
def test_the_police_record_each_answer_of_a_detained_person_and_a_refusal_is_looked_into():
    for outcome, record, opened in (
        ("no_children", {}, set()),
        ("needs_carer", {"children": 2}, {"entrustment.arrange"}),
        ("no_answer", {}, {"detention_inquiry.verify"}),
    ):
        case = Run(DETAINED)
        case.leg_ends("ask_detainee", outcome, note="已询问", asked_on=DAY, **record)
        assert set(case.owed) == opened
        assert (case.progress.outcomes[0].outcome, case.progress.outcomes[0].subject) == (outcome, "p-inquiry-1")
    case.end("detention_inquiry.verify", "needs_carer", checked_on=DAY, children=1)
    case.end("entrustment.arrange", "rescue", arranged_on=DAY)
    assert case.owed == {}


@pytest.mark.requirement("R043")
@pytest.mark.requirement("R105")
@pytest.mark.requirement("R106")
def test_justice_asks_the_prison_until_it_answers_and_looks_how_the_children_are():
    case = Run(ALONE)
    case.start("prisoners_children", "JUSTICE")
    case.end("prisoners_children.liaise", "unanswered", asked_on=DAY)
    assert case.owed == {"prisoners_children.screen": "JUSTICE", "prisoners_children.liaise": "JUSTICE"}
    case.end("prisoners_children.screen", "in_need", visited_on=DAY, note="祖母年迈")
    case.end("prisoners_children.liaise", "unanswered", asked_on=DAY)
    assert set(case.owed) == {"entrustment.arrange", "prisoners_children.screen", "prisoners_children.liaise"}


@pytest.mark.requirement("R031")
@pytest.mark.requirement("R087")
def test_a_dropout_is_told_to_family_street_police_and_civil_affairs_and_ends_only_when_the_child_is_seen_at_school():
    case = Run(DROPOUT)
    told = {f"{who}_told_on": DAY for who in ("family", "street", "police", "civil")}
    leg = case.leg("EDU")
    case.accept(leg)
    half = c.CompleteReferral(by=at_desk("EDU"), referral_id=leg.id, outcome="notified", record={"family_told_on": DAY})
    assert case.refused(half) == "record_unfit"
    case.leg_ends("dropout_control", "notified", **told)
    case.end("dropout_control.persuade", "in_vain", visits=3, note="家长要求其打工")
    case.end("dropout_control.order", "ordered", ordered_on=DAY)
    case.end("dropout_control.confirm", "absent", note="未到校")
    assert case.owed == {"dropout_control.order": "EDU"}
    for reason in (CloseReason.NO_RISK_FOUND, CloseReason.NEEDS_MET, CloseReason.POLICE_CLOSED):
        assert "duties_open" in closing_obstacles(case.progress, reason)
    case.end("dropout_control.order", "ordered", ordered_on=DAY)
    case.end("dropout_control.confirm", "returned", seen_on=DAY)
    assert "dropout_control.confirm=returned" in case.progress.happened
    assert "duties_open" not in closing_obstacles(case.progress, CloseReason.NO_RISK_FOUND)


def test_a_leg_that_is_a_step_ends_by_one_of_its_outcomes_and_by_nothing_else():
    case = Run(DROPOUT)
    leg = case.leg("EDU")
    case.accept(leg)
    gone = c.FailReferral(by=at_desk("EDU"), referral_id=leg.id, reason="not_possible")
    assert case.refused(gone) == "outcome_needed"
    street = case.leg("STREET")
    case.accept(street)
    told = c.CompleteReferral(by=at_desk(street.desk), referral_id=street.id, outcome="notified")
    assert case.refused(told) == "outcome_needed", "the leg of the street is a step of nothing"


def test_a_version_from_before_procedures_loads_and_its_bills_have_no_clock():
    written = {name: text for name, text in texts(HERE / "fengtai-2026.1").items() if name != "procedures.yaml"}
    written["routes.yaml"] = re.sub(r", procedure: \w+", "", written["routes.yaml"])
    old = load("fengtai-2025.1", written).with_calendar(POLICY.calendar)
    case = Run(ALONE)
    events = decide(case.progress, c.OpenBill(by=at_desk("CIVIL"), child_id="ch-1", yuan="100"), old, case.now)
    assert [event.kind for event in events] == ["bill_opened"]


@pytest.mark.requirement("R030")
def test_lessons_at_home_come_weekly_and_one_that_is_missed_is_looked_into():
    case = Run(APPLICATION)
    case.leg_ends("one_door", "")
    case.enter("assess")
    plan = {"starts_on": "2026-09-01", "lessons_a_week": 2, "in_school_register": True}
    leg = case.leg("EDU")
    case.accept(leg)
    unnamed = c.CompleteReferral(by=at_desk("EDU"), referral_id=leg.id, outcome="planned", record=plan)
    assert case.refused(unnamed) == "whom_it_is_about"
    case.leg_ends("home_teaching", "planned", "ch-1", **plan)
    lesson = "home_lessons.lesson:ch-1"
    assert (case.owed, case.time_for(lesson)) == ({lesson: "SCHOOL"}, "7 days")
    case.end(lesson, "held", held_on=DAY)
    case.wait(days=9)
    assert Rung.DESK_HEAD in case.progress.open_duty(lesson).clock.fired, "a lesson that nobody records is noticed"
    case.end(lesson, "missed", note="教师请假")
    assert case.owed == {lesson: "SCHOOL", "home_lessons.missed:ch-1": "EDU"}
    case.end("home_lessons.missed:ch-1", "made_up", held_on=DAY)
    case.end(lesson, "term_over", lessons=18)
    assert case.owed == {}


@pytest.mark.requirement("R023")
def test_a_bill_has_a_clock_until_it_is_paid_and_its_rest_finds_help():
    case = Run(ALONE)
    case.do(c.OpenBill(by=at_desk("CIVIL"), child_id="ch-1", yuan="900"))
    case.do(c.OpenBill(by=at_desk("CIVIL"), child_id="ch-2", yuan="100"))
    asks = ("medical_costs.ask:bill-1", "medical_costs.ask:bill-2")
    assert set(case.owed) == set(asks)
    assert case.refused(case.outcome(asks[0], "paid")) == "duty_met_by_act", "a payer's answer ends it, nobody's word"
    began = case.progress.open_duty(asks[1]).clock.due_at
    payers = case.progress.bills[0].payers
    case.wait(days=1)
    case.do(c.RecordPayer(by=at_desk("CIVIL"), bill_id="bill-2", payer=payers[0], approved="50"))
    assert case.progress.open_duty(asks[1]).clock.due_at > began, "the next payer has a time of its own"
    case.do(c.RecordPayer(by=at_desk("CIVIL"), bill_id="bill-2", payer=payers[1], approved="50"))
    assert set(case.owed) == {asks[0]}
    for payer in payers:
        case.do(c.RecordPayer(by=at_desk("CIVIL"), bill_id="bill-1", payer=payer, approved="10"))
    assert case.owed == {"medical_costs.help:bill-1": "CIVIL"}
    assert "duties_open" in closing_obstacles(case.progress, CloseReason.NEEDS_MET)


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


@pytest.mark.requirement("R100")
@pytest.mark.requirement("R104")
def test_legal_aid_is_decided_in_seven_days_and_a_lawyer_assigned_in_three_by_law():
    case = Run(ALONE)
    case.start("legal_aid", "SW", "ch-1")
    assert case.refused(c.StartProcedure(by=at_desk("SW"), procedure="legal_aid", about="ch-1")) == "procedure_runs"
    case.start("legal_aid", "SW", "ch-2")
    assert case.time_for("legal_aid.examine:ch-1") == "7 days"
    case.end("legal_aid.examine:ch-1", "granted", decided_on=DAY)
    assert case.time_for("legal_aid.assign:ch-1") == "3 days"
    assert case.progress.open_duty("legal_aid.assign:ch-1").clock.spec.basis == ("L84", "L85")
    case.end("legal_aid.assign:ch-1", "assigned", assigned_on=DAY, file="丰援2026-0007")
    assert case.refused(case.outcome("legal_aid.examine:ch-2", "refused", decided_on=DAY)) == "reasons_needed"


@pytest.mark.requirement("R099")
@pytest.mark.requirement("R100")
def test_what_a_court_does_is_kept_as_a_number_and_a_status_and_a_child_before_it_has_legal_aid():
    case = Run(BEATEN)
    case.leg_ends("stop_violence", "")
    case.leg_ends("prosecute", "prosecuted", "ch-1", file="丰检刑诉〔2026〕0033号")
    assert case.owed == {"prosecution.trial": "COURT", "legal_aid.examine:ch-1": "JUSTICE"}
    for wrong in ("张三", "123", "110106201501019991", "判决认定其父打伤其左臂"):
        assert case.refused(case.outcome("prosecution.trial", "decided", decided_on=DAY, file=wrong)) == "record_unfit"
    case.end("prosecution.trial", "decided", decided_on=DAY, file="（2026）京0106刑初88号")
    last = case.progress.outcomes[-1]
    assert (last.outcome, last.record) == ("decided", {"decided_on": DAY, "file": "（2026）京0106刑初88号"})


@pytest.mark.requirement("R093")
def test_a_protection_order_is_in_force_for_its_months_at_most_six_and_then_looked_at_again():
    case = Run(ALONE)
    case.events.append(begin(case.progress, POLICY, case.now, "protection_order"))
    ruling = {"ruled_on": DAY, "file": "（2026）京0106民保令5号"}
    for months in (0, 7):
        assert case.refused(case.outcome("protection_order.rule", "issued", months=months, **ruling)) == "record_unfit"
    case.end("protection_order.rule", "issued", months=2, **ruling)
    order = case.progress.open_duty("protection_order.in_force")
    assert (str(order.clock.spec.budget), order.clock.spec.basis) == ("2 months", ("L20",))
    case.wait_for("protection_order.in_force")
    case.end("protection_order.renew", "applied", applied_on=DAY)
    case.end("protection_order.rule", "refused", ruled_on=DAY, note="危险已消除")
    assert case.time_for("protection_order.reconsider") == "5 days"


@pytest.mark.requirement("R057")
@pytest.mark.requirement("R010")
def test_the_joint_conference_has_an_agenda_a_resolution_minutes_and_a_task_for_each_agency_that_it_names():
    case = Run(ALONE)
    case.start("joint_conference", "EDU")
    assert case.refused(case.outcome("joint_conference.agenda", "set", meets_on=DAY, items=2)) == "reasons_needed"
    case.end("joint_conference.agenda", "set", meets_on="2026-12-01", items=2, note="一、认定；二、分工")
    held = {"met_on": DAY, "agencies_present": 7, "recused": 1}
    nobody = case.outcome("joint_conference.meet", "recognised", note="决议全文", **held)
    assert case.refused(nobody) == "whom_it_is_about"
    case.end("joint_conference.meet", "recognised", "EDU", "HEALTH", note="决议全文", **held)
    assert case.owed == {
        "joint_conference.minutes": "CONF", "resolution.carry_out:EDU": "EDU", "resolution.carry_out:HEALTH": "HEALTH",
    }  # fmt: skip
    case.end("joint_conference.minutes", "sent", sent_on=DAY)
    case.end("resolution.carry_out:EDU", "done", done_on=DAY)
    case.end("resolution.carry_out:HEALTH", "not_done", note="床位不足")
    assert case.owed == {"resolution.answer:HEALTH": "CONF"}
    case.end("resolution.answer:HEALTH", "again")
    case.wait(days=30)
    fired = case.progress.open_duty("resolution.carry_out:HEALTH").clock.fired
    assert fired[-1] is Rung.PROCURATORATE, "a resolution climbs the ladder of any task"


@pytest.mark.requirement("R098")
def test_an_agency_replies_to_the_procuratorate_within_a_month_until_the_reply_is_enough():
    case = Run(ALONE)
    not_theirs = c.StartProcedure(by=at_desk("CIVIL"), procedure="procuratorial_supervision", about="EDU")
    assert case.refused(not_theirs) == "not_allowed"
    case.start("procuratorial_supervision", "PROC", "EDU")
    reply = "procuratorial_supervision.reply:EDU"
    assert (case.owed, case.time_for(reply)) == ({reply: "EDU"}, "1 month")
    assert case.progress.open_duty(reply).clock.spec.basis == ("L86",)
    assert case.refused(case.outcome(reply, "replied", replied_on=DAY)) == "reasons_needed", "in writing"
    case.end(reply, "replied", replied_on=DAY, note="书面回复全文")
    case.end("procuratorial_supervision.weigh:EDU", "not_enough", note="未说明整改时限")
    assert case.owed == {reply: "EDU"}


@pytest.mark.requirement("R115")
@pytest.mark.requirement("R080")
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


def test_a_step_that_is_late_climbs_the_ladder_and_nobody_ticks_it_off():
    case = Run(ALONE)
    case.start("guardian_admonition", "CIVIL")
    step = "guardian_admonition.admonish"
    assert case.refused(c.MeetDuty(by=at_desk("COMM-110106"), code=step)) == "duty_met_by_act"
    case.wait(days=40)
    rungs = [ev.rung for ev in case.events if isinstance(ev, e.RungFired) and ev.subject == step]
    assert rungs[-1] is Rung.PROCURATORATE
    assert case.progress.open_duty(f"supervision_reply:{step}").holder == "COMM"


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ({"procedure": "magic"}, "procedure_not_found"),
        ({"procedure": "guardian_admonition", "about": "ch-1"}, "whom_it_is_about"),
        ({"procedure": "legal_aid"}, "whom_it_is_about"),
        ({"procedure": "legal_aid", "about": "ch-9"}, "whom_it_is_about"),
        ({"procedure": "housing"}, "not_allowed"),
    ],
)
def test_nothing_begins_that_the_rules_do_not_know_or_about_a_stranger(command, refusal):
    assert Run(ALONE).refused(c.StartProcedure(by=at_desk("CIVIL"), **command)) == refusal


@pytest.mark.parametrize(
    ("outcome", "record", "refusal"),
    [
        ("vanished", {}, "outcome_needed"),
        ("admonished", {}, "record_unfit"),
        ("admonished", {"done_on": "2099-01-01"}, "record_unfit"),
        ("admonished", {"done_on": "yesterday"}, "record_unfit"),
        ("admonished", {"done_on": DAY, "who": "张三"}, "record_unfit"),
    ],
)
def test_an_outcome_is_one_of_its_step_and_its_record_is_whole(outcome, record, refusal):
    case = Run(ALONE)
    case.start("guardian_admonition", "CIVIL")
    assert case.refused(case.outcome("guardian_admonition.admonish", outcome, **record)) == refusal


def test_a_case_does_not_move_to_rules_that_lack_the_step_that_it_is_in():
    case = Run(ALONE)
    case.start("guardian_admonition", "CIVIL")
    assert POLICY.lacks((), ("guardian_admonition.admonish",)) == ()
    assert POLICY.lacks((), ("guardian_admonition.gone",)) == ("guardian_admonition.gone",)
    assert timedelta(0) < case.progress.open_duty("guardian_admonition.admonish").clock.due_at - case.now
