"""From assessment to closure: what waits for what, what must not wait, and what still stands against closing."""

from datetime import datetime, timedelta

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.case import file_report
from app.domain.facts import ReportFacts
from app.domain.procedure import is_step, step_of
from app.domain.procedure_work import usual, usual_end
from app.domain.stages import closing_obstacles
from app.domain.terms import Agency, CloseReason, DeclineReason, Grade, Role, Rung, Safety, Stage
from tests.actors import REPORTER, at_desk
from tests.domain.in_memory import POLICY, Case

LOOKED_AGAIN = c.FilePostAssessment(by=at_desk("SW"), grade=Grade.LOW)

CHILD = {"child_id": "ch-1"}
APPLICATION = ReportFacts.model_validate(
    {"kind": "application", "reporter_class": "public", "household": {"on_minimum_living": "yes", "housing_need": "yes"},
     "guardians": [{"relation": "mother", "whereabouts": "home"}],
     "children": [{**CHILD, "disabled": "yes", "attending": "yes", "school_stage": "primary"}]}
)  # fmt: skip
DROPOUT = ReportFacts.model_validate(
    {"kind": "dropout", "reporter_class": "school", "children": [{**CHILD, "sex": "female", "attending": "no"}]}
)


class Told(Case):
    """A case from facts of its own."""

    def __init__(self, facts: ReportFacts) -> None:
        super().__init__()
        report = c.FileReport(by=REPORTER, facts=facts, unit="unit-1")
        self.events = list(file_report("case-1", report, POLICY, self.now))

    def agencies(self, *steps: int) -> set[str]:
        return {str(r.agency) for r in self.progress.open_referrals if r.step in steps}

    def accept(self, leg) -> None:
        self.do(rc.AcceptReferral(by=at_desk(leg.desk), referral_id=leg.id))

    def finish(self, leg) -> None:
        if leg.state == "sent":
            self.accept(leg)
        if leg.assessment:
            self.do(c.FileAssessment(by=at_desk(leg.desk), referral_id=leg.id, grade=Grade.LOW))
        else:
            self.do(usual_end(self.progress, POLICY, self.now, leg, at_desk(leg.desk)))

    def finish_all(self) -> None:
        while self.progress.open_referrals:
            self.finish(self.progress.open_referrals[0])

    def wait_for(self, step) -> None:
        """Until the time of a step is over."""
        self.wait(seconds=(self.progress.open_duty(step).clock.due_at - self.now).total_seconds() + 1)

    def end_procedures(self) -> None:
        """Each step as it usually ends; those that only wait by the conductor's clock."""
        while steps := [d.code for d in self.progress.duties if d.is_open and is_step(d.code)]:
            step = POLICY.step(step_of(steps[0]))
            if step.waits:
                self.wait_for(steps[0])
            else:
                said = usual(self.progress, POLICY, self.now, step)
                self.do(c.RecordOutcome(by=at_desk("CIVIL"), code=steps[0], **said))

    def enter(self, stage: Stage) -> None:
        self.do(c.EnterStage(by=ENGINE, stage=stage))


def reviewed(facts: ReportFacts) -> Told:
    """A case whose plan has ended, with nothing left but the post-assessments, the answer and the closure."""
    case = Told(facts)
    case.enter(Stage.ASSESS)
    case.finish_all()
    case.do(c.ReviewGrade(by=at_desk("COMMITTEE"), grade=Grade.LOW, present=5))
    case.do(c.AdoptPlan(by=at_desk("CIVIL"), items=(c.PlanItem(agency=Agency.EDU, service="education_support"),)))
    case.enter(Stage.INTERVENE)
    case.finish_all()
    case.end_procedures()
    case.enter(Stage.REVIEW)
    return case


@pytest.mark.requirement("R084")
def test_legs_of_a_step_run_in_parallel_and_the_next_joins_them():
    case = Told(APPLICATION)
    case.enter(Stage.ASSESS)
    assert case.agencies(1) == {"STREET"}
    assert not case.agencies(2, 3, 4)
    case.accept(case.leg("STREET"))
    assert case.agencies(2) == {"CIVIL", "DPF", "EDU", "HEALTH"}
    assert case.agencies(3) == {"HOUSING"}
    for agency in ("CIVIL", "DPF", "EDU"):
        case.accept(case.leg(agency))
    assert case.agencies(3) == {"HOUSING"}, "the fourth of the parallel legs is not taken up yet"
    health = case.leg("HEALTH")
    case.do(rc.DeclineReferral(by=at_desk("HEALTH"), referral_id=health.id, reason=DeclineReason.NOT_COMPETENT))
    assert case.agencies(3) == {"HOUSING"}, "a refusal is no acceptance; who takes its place joins for it"
    case.accept(next(r for r in case.progress.open_referrals if r.instead_of == health.id))
    assert case.agencies(3) == {"HOUSING", "HR"}
    for agency in ("HOUSING", "HR"):
        assert not case.agencies(4)
        case.accept(case.leg(agency))
    assert case.agencies(4) == {"SW"}


def test_a_join_on_a_step_that_nobody_plans_waits_for_the_step_below():
    plain = ReportFacts.model_validate({"kind": "application", "reporter_class": "public", "children": [CHILD]})
    case = Told(plain)
    case.enter(Stage.ASSESS)
    assert case.agencies(1, 2, 3, 4) == {"STREET"}
    case.accept(case.leg("STREET"))
    assert case.agencies(2, 3, 4) == {"CIVIL"}
    case.accept(case.leg("CIVIL"))
    assert case.agencies(4) == {"SW"}


@pytest.mark.requirement("R129")
def test_the_committee_reviews_before_the_plan_of_an_ordinary_case():
    case = Told(DROPOUT)
    case.enter(Stage.ASSESS)
    plan = c.AdoptPlan(by=at_desk("CIVIL"))
    assert case.refused(c.ReviewGrade(by=at_desk("COMMITTEE"), grade=Grade.LOW, present=5)) == "no_assessment"
    case.finish_all()
    assert case.progress.open_duty("committee_review").holder == "COMMITTEE"
    assert case.refused(plan) == "committee_review_pending"
    few = c.ReviewGrade(by=at_desk("COMMITTEE"), grade=Grade.MEDIUM, present=4, recused=2)
    assert case.refused(few) == "quorum_not_met"
    case.do(c.ReviewGrade(by=at_desk("COMMITTEE"), grade=Grade.MEDIUM, present=5, recused=2))
    assert not case.progress.open_duty("committee_review")
    assert case.progress.grade is Grade.MEDIUM
    case.do(plan)


RETURNED = c.ReturnAssessment(by=at_desk("COMMITTEE"), present=5, recused=1, note="未走访祖父母，请补充评估")


@pytest.mark.requirement("R129")
def test_the_committee_returns_an_assessment_which_is_made_again_and_reviewed_anew():
    case = Told(DROPOUT)
    case.enter(Stage.ASSESS)
    assert case.refused(RETURNED) == "no_assessment"
    case.finish_all()
    assert case.refused(RETURNED.model_copy(update={"recused": 3})) == "quorum_not_met"
    assert case.refused(RETURNED.model_copy(update={"note": " "})) == "reasons_needed"
    first = case.leg("SW")
    case.do(RETURNED)
    again = case.leg("SW")
    assert (again.instead_of, again.assessment, again.state, again.refusals) == (first.id, True, "sent", 0)
    assert case.progress.open_duty("committee_review") is None
    assert case.refused(RETURNED) == "already_done", "until it has been made again"
    plan = c.AdoptPlan(by=at_desk("CIVIL"))
    assert case.refused(plan) == "committee_review_pending"
    case.finish_all()
    case.do(RETURNED)
    case.finish_all()
    assert case.refused(RETURNED) == "return_cap", "a child waits for no third one"
    assert case.refused(plan) == "committee_review_pending"
    case.do(c.ReviewGrade(by=at_desk("COMMITTEE"), grade=Grade.LOW, present=5))
    assert case.refused(RETURNED) == "already_done"
    case.do(plan)


@pytest.mark.requirement("R129")
def test_an_emergency_plan_waits_for_no_assessment_that_the_committee_has_returned():
    case = Case("CN-02")
    case.do(c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-cn-02-0", safety=Safety.SAFE))
    case.do(c.EnterStage(by=ENGINE, stage=Stage.ASSESS))
    case.do(rc.AcceptReferral(by=at_desk("SW"), referral_id=case.leg("SW").id))
    case.do(c.FileAssessment(by=at_desk("SW"), referral_id=case.leg("SW").id, grade=Grade.HIGH))
    case.do(RETURNED)
    case.do(c.AdoptPlan(by=at_desk("CIVIL")))
    assert case.leg("SW").state == "sent", "it is still owed, on its clock"


@pytest.mark.requirement("R129")
def test_an_emergency_plan_waits_for_no_committee_which_still_owes_its_review():
    case = Case("CN-02")
    case.do(c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-cn-02-0", safety=Safety.SAFE))
    case.do(c.EnterStage(by=ENGINE, stage=Stage.ASSESS))
    social = case.leg("SW")
    case.do(rc.AcceptReferral(by=at_desk("SW"), referral_id=social.id))
    case.do(c.FileAssessment(by=at_desk("SW"), referral_id=social.id, grade=Grade.HIGH))
    assert case.progress.open_duty("committee_review")
    case.do(c.AdoptPlan(by=at_desk("CIVIL")))
    assert case.progress.open_duty("committee_review")


@pytest.mark.requirement("R062")
def test_the_plan_names_the_lead_agency_which_from_then_on_answers_for_what_nobody_takes():
    case = Told(DROPOUT)
    case.enter(Stage.ASSESS)
    case.finish_all()
    case.do(c.ReviewGrade(by=at_desk("COMMITTEE"), grade=Grade.LOW, present=5))
    item = c.PlanItem(agency=Agency.WF, service="psychological_help")
    case.do(c.AdoptPlan(by=at_desk("CIVIL"), items=(item, item), lead=Agency.EDU))
    assert case.progress.lead is Agency.EDU
    case.enter(Stage.INTERVENE)
    assert [r.agency for r in case.progress.open_referrals] == ["WF"], "the same service of the same agency is one leg"
    leg = case.leg("WF")
    case.do(rc.DeclineReferral(by=at_desk("WF"), referral_id=leg.id, reason=DeclineReason.NO_CAPACITY))
    assert case.leg("EDU").instead_of == leg.id
    case.finish_all()
    case.enter(Stage.REVIEW)
    look_again_twice(case)
    assert case.progress.open_duty("closure").holder is Agency.EDU


def look_again_twice(case):
    case.do(LOOKED_AGAIN)
    case.wait(days=30)
    case.do(LOOKED_AGAIN)


@pytest.mark.requirement("R132")
def test_the_second_look_after_90_days_is_not_filed_together_with_the_first():
    case = reviewed(DROPOUT)
    case.do(LOOKED_AGAIN)
    assert case.refused(LOOKED_AGAIN) == "post_assessment_too_early"
    case.wait(days=29, hours=23)
    assert case.refused(LOOKED_AGAIN) == "post_assessment_too_early"
    case.wait(hours=1)
    case.do(LOOKED_AGAIN)
    filed = [event.code for event in case.events if isinstance(event, e.PostAssessmentFiled)]
    assert filed == ["post_assessment", "post_assessment_later"], "each says which look it was"


@pytest.mark.requirement("R132")
def test_the_child_is_looked_at_again_30_and_90_days_after_the_plan_has_ended():
    case = reviewed(DROPOUT)
    # Guide B.7, product defaults. The plan ended on 8 April 2026; 90 days later is Tuesday 7 July, 30 days Friday 8 May.
    ends = {code: case.progress.open_duty(code).clock.due_at for code in ("post_assessment", "post_assessment_later")}
    assert ends["post_assessment"] == datetime.fromisoformat("2026-05-08T23:59:59+08:00")
    assert ends["post_assessment_later"] == datetime.fromisoformat("2026-07-07T23:59:59+08:00")
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已安全"))
    case.do(LOOKED_AGAIN)
    assert not case.progress.open_duty("post_assessment")
    close = c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.NEEDS_MET)
    assert case.refused(close) == "cannot_close"
    case.wait(days=91)
    assert case.rungs("post_assessment") == []
    assert case.rungs("post_assessment_later")[:2] == [Rung.REMIND, Rung.DESK_HEAD]
    case.do(LOOKED_AGAIN)
    assert case.refused(LOOKED_AGAIN) == "already_done"
    case.do(close)


@pytest.mark.requirement("R098")
def test_a_case_stays_open_while_an_agency_owes_a_written_reply_to_the_procuratorate():
    case = Told(DROPOUT)
    leg = case.leg("EDU")
    case.wait(days=40)
    owed = case.progress.open_duty(f"supervision_reply:{leg.id}")
    assert owed.holder is Agency.EDU
    assert (str(owed.clock.spec.budget), owed.basis) == ("1 month", ("R098", "L86")), "未成年人保护法 第114条"
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已安全"))
    close = c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.NO_RISK_FOUND)
    assert case.refused(close) == "cannot_close"
    for duty in [d for d in case.progress.duties if d.is_open and d.code.startswith("supervision_reply")]:
        case.do(rc.ReplyToSupervision(by=at_desk(duty.desk), code=duty.code))
    assert closing_obstacles(case.progress, close.reason, POLICY) == ("procedures_open",)
    case.finish(next(r for r in case.progress.open_referrals if r.task == "dropout_control"))
    case.end_procedures()
    case.do(close)
    assert case.refused(c.ApproveClosure(by=at_desk("CIVIL"))) == "second_person_needed"
    deputy = at_desk("CIVIL", "head", Role.DESK_HEAD).model_copy(update={"acting_for": "civil.officer"})
    assert case.refused(c.ApproveClosure(by=deputy)) == "second_person_needed"
    case.do(c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)))
    assert case.progress.stage is Stage.CLOSED


def test_what_came_up_between_proposal_and_approval_stops_the_closure():
    case = reviewed(DROPOUT)
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已安全"))
    look_again_twice(case)
    case.do(c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.NEEDS_MET))
    leg = case.progress.referrals[0]
    supervisor = at_desk("CIVIL", "supervisor", Role.SUPERVISOR)
    case.do(rc.SuperviseReferral(by=supervisor, referral_id=leg.id))
    assert case.refused(c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD))) == "cannot_close"


def test_parents_who_never_came_do_not_keep_the_case_of_a_placed_child_open():
    case = Case("CN-02")
    case.wait(hours=25)
    assert any(r.route_id == "a-expired" for r in case.progress.referrals)
    assert case.progress.open_duty("parents_return_or_delegate").expired
    duty = case.progress.open_duty("parents_return_or_delegate")
    alone = case.progress.model_copy(update={"duties": (duty,)})
    assert "duties_open" not in closing_obstacles(alone, CloseReason.LONG_TERM_PLACEMENT, POLICY)
    running = alone.model_copy(update={"duties": (duty.model_copy(update={"expired": False}),)})
    assert "duties_open" in closing_obstacles(running, CloseReason.LONG_TERM_PLACEMENT, POLICY)


@pytest.mark.requirement("R102")
@pytest.mark.requirement("R095")
def test_court_and_prosecution_act_on_application_and_not_on_a_plan():
    case = Told(ReportFacts.model_validate(
        {"reporter_class": "medical", "situations": ["suspected_dv"], "children": [{**CHILD, "injured": "yes"}],
         "guardians": [{"relation": "father", "suspected_of_harm": "yes"}]}
    ))  # fmt: skip
    assert not case.agencies(5)
    case.finish(next(r for r in case.progress.referrals if r.route_id == "c-women"))
    court = case.leg("COURT")
    case.accept(court)
    # L19: within 24 hours where it is urgent.
    assert case.leg("COURT").finish.due_at == case.now + timedelta(hours=24)
    case.finish(next(r for r in case.progress.referrals if r.route_id == "c-police"))
    assert case.leg("PROC").route_id == "c-prosecution"
    assert case.progress.stage is Stage.REPORT
    assert not any(isinstance(ev, e.AssessmentFiled) for ev in case.events)
