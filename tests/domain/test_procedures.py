"""Procedures of the notice: each step has a holder and a clock, each outcome its record, and what it opens is what the rules name."""

import re
from datetime import timedelta

import pytest

from app.domain import benefit_commands as bc
from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.case import decide
from app.domain.facts import ReportFacts
from app.domain.procedure import is_step
from app.domain.procedure_work import begin
from app.domain.terms import CloseReason, Rung
from app.policy.loader import HERE, load, texts
from tests.actors import at_desk
from tests.domain.in_memory import POLICY
from tests.domain.test_stages import Told, reviewed

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
            rc.CompleteReferral(
                by=at_desk(leg.desk), referral_id=leg.id, outcome=outcome, record=record, about=about, note=note
            )
        )

    @property
    def owed(self):
        """The open steps, each with the agency that owes it."""
        return {d.code: d.holder.value for d in self.progress.duties if d.is_open and is_step(d.code)}

    def time_of_leg(self, task):
        leg = next(r for r in self.progress.open_referrals if r.task == task)
        if leg.state == "sent":
            self.accept(leg)
        return str(self.progress.referral(leg.id).finish.spec.budget)

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


@pytest.mark.requirement("R091")
def test_a_police_notice_is_done_once_the_committee_and_civil_affairs_have_signed_for_it():
    case = Run(BEATEN)
    leg = next(r for r in case.progress.open_referrals if r.task == "notify_without_suspect")
    case.accept(leg)
    done = rc.CompleteReferral(by=at_desk("POLICE"), referral_id=leg.id)
    assert case.refused(done) == "outcome_needed"
    told = {"kin_told_on": DAY, "committee_told_on": DAY}
    half = done.model_copy(update={"outcome": "notified", "record": told})
    assert case.refused(half) == "record_unfit", "all three"
    silent = done.model_copy(
        update={"outcome": "kin_kept_out", "record": {"committee_told_on": DAY, "civil_told_on": DAY}}
    )
    assert case.refused(silent) == "reasons_needed"
    case.do(silent.model_copy(update={"note": "父亲涉嫌加害，母亲失联"}))
    receipts = {"police_notice.committee_receipt": "COMM", "police_notice.civil_receipt": "CIVIL"}
    assert case.owed == receipts
    assert case.time_for("police_notice.civil_receipt") == "4 hours"
    case.wait(days=3)
    for receipt in receipts:
        assert case.progress.open_duty(receipt).clock.fired[-1] is Rung.PROCURATORATE
        case.end(receipt, "received", received_on=DAY)
    assert case.owed == {}


@pytest.mark.requirement("R059")
def test_a_child_that_does_not_go_home_needs_reasons_why():
    case = reviewed(DROPOUT)
    case.do(c.AnswerReporter(by=at_desk("CIVIL"), note="已处理"))
    case.do(c.FilePostAssessment(by=at_desk("SW"), grade="low"))
    case.wait(days=31)
    case.do(c.FilePostAssessment(by=at_desk("SW"), grade="low"))
    for duty in [d for d in case.progress.duties if d.is_open and d.code.startswith("supervision_reply")]:
        case.do(rc.ReplyToSupervision(by=at_desk(duty.desk), code=duty.code))
    away = c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.LONG_TERM_PLACEMENT)
    assert case.refused(away) == "reasons_needed"
    case.do(away.model_copy(update={"note": "父母均无监护能力，亲属无人可以照料"}))
    assert next(iter(CloseReason)) is CloseReason.FAMILY_REUNIFICATION, "what officers are offered first"


def test_a_leg_that_is_a_step_ends_by_one_of_its_outcomes_and_by_nothing_else():
    case = Run(DROPOUT)
    leg = case.leg("EDU")
    case.accept(leg)
    gone = rc.FailReferral(by=at_desk("EDU"), referral_id=leg.id, reason="not_possible")
    assert case.refused(gone) == "outcome_needed"
    street = case.leg("STREET")
    case.accept(street)
    told = rc.CompleteReferral(by=at_desk(street.desk), referral_id=street.id, outcome="notified")
    assert case.refused(told) == "outcome_needed", "the leg of the street is a step of nothing"


def test_a_bill_in_a_case_of_a_version_from_before_procedures_is_owed_by_the_steps_of_the_release():
    written = {name: text for name, text in texts(HERE / "fengtai-2026.1").items() if name != "procedures.yaml"}
    written["routes.yaml"] = re.sub(r", procedure: (?!juvenile)\w+", "", written["routes.yaml"])
    old = load("fengtai-2025.1", written).with_calendar(POLICY.calendar)
    case = Run(ALONE)
    events = decide(case.progress, bc.OpenBill(by=at_desk("CIVIL"), child_id="ch-1", yuan="100"), old, case.now)
    assert [event.kind for event in events] == ["bill_opened", "duty_opened"]


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
        ({"procedure": "procuratorial_supervision", "about": "EDU"}, "not_allowed"),
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
