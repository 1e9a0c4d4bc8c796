"""Procedures about guardians: admonition, temporary guardianship, change of guardian, parents who are locked up."""

from datetime import timedelta

import pytest

from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.facts import ReportFacts
from app.domain.terms import CloseReason
from tests.actors import at_desk
from tests.domain.test_procedures import ALONE, DAY, DETAINED, FILE, Run

POLICE = at_desk("POLICE")

TAKEN = {"done_on": DAY, "ground_of_article_92": 4, "handed_over_in_writing": True}
WARNED = {"done_on": DAY, "file": "京公丰告诫〔2026〕0012号", "served_on_both": DAY, "committee_told_on": DAY}
DETAINED_WITH_CHILD = DETAINED.model_copy(update={"children": ALONE.children})


@pytest.mark.requirement("R007")
def test_a_temporary_difficulty_is_looked_at_again_when_its_time_is_over_as_often_as_it_goes_on():
    away = [{"relation": relation, "whereabouts": "detained"} for relation in ("father", "mother")]
    case = Run(
        ReportFacts.model_validate({"situations": ["unguarded"], "children": [{"child_id": "ch-1"}], "guardians": away})
    )
    review = "temporary_difficulty.review"
    assert (case.owed[review], case.time_for(review)) == ("CIVIL", "90 days")
    clock = case.progress.open_duty(review).clock
    assert ("R007" in clock.spec.basis, "default" in clock.spec.basis) == (True, True)
    assert clock.due_at - clock.rungs[0].at == timedelta(days=7), "its holder is told in time"
    case.wait(days=91)
    assert case.progress.open_duty(review).expired
    case.end(review, "goes_on", seen_on=DAY, note="父母仍被羁押")
    assert case.progress.open_duty(review).clock.due_at > clock.due_at
    case.end(review, "lasting", decided_on=DAY, note="已判刑")
    assert review not in case.owed


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
    case.end("guardian_admonition.educate", "warned", **WARNED)
    case.end("guardian_admonition.police_recheck", "not_corrected", seen_on=DAY, note="教育不改")
    assert case.owed == {
        "guardian_admonition.visit_warned": "COMM", "temporary_guardianship.take_over": "RESCUE", "parents_liability.file": "POLICE",
    }  # fmt: skip
    case.end("guardian_admonition.visit_warned", "keeps_it", visited_on=DAY)
    case.end("temporary_guardianship.take_over", "taken_over", **TAKEN)
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


@pytest.mark.requirement("R037")
@pytest.mark.requirement("R038")
@pytest.mark.requirement("R102")
def test_temporary_guardianship_is_looked_at_every_month_and_ends_at_home_or_before_the_court():
    case = Run(ALONE)
    case.start("temporary_guardianship", "CIVIL")
    case.end("temporary_guardianship.take_over", "taken_over", **TAKEN)
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
    case.end("temporary_guardianship.take_over", "taken_over", **TAKEN)
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
        case = Run(DETAINED_WITH_CHILD)
        case.leg_ends("ask_detainee", outcome, note="已询问", asked_on=DAY, **record)
        assert {step for step in case.owed if step.startswith(("entrust", "detention"))} == opened
        assert (case.progress.outcomes[0].outcome, case.progress.outcomes[0].subject) == (outcome, "p-inquiry-1")
    case.end("detention_inquiry.verify", "needs_carer", checked_on=DAY, children=1)
    case.end("entrustment.arrange", "rescue", arranged_on=DAY)
    assert set(case.owed) == {"temporary_guardianship.review", "temporary_guardianship.year"}, (
        "a child in an institution is looked at again"
    )


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


@pytest.mark.requirement("R093")
def test_a_written_warning_reaches_both_and_the_committee_which_visits_like_the_police_by_law():
    case = Run(ALONE)
    case.start("guardian_admonition", "COMM-110106101")
    case.end("guardian_admonition.admonish", "not_reached", note="拒不开门")
    untold = {name: value for name, value in WARNED.items() if name != "committee_told_on"}
    assert case.refused(case.outcome("guardian_admonition.educate", "warned", **untold)) == "record_unfit"
    case.end("guardian_admonition.educate", "warned", **WARNED)
    assert case.owed == {"guardian_admonition.police_recheck": "POLICE", "guardian_admonition.visit_warned": "COMM"}
    assert "L17" in case.progress.open_duty("guardian_admonition.visit_warned").basis
    case.end("guardian_admonition.police_recheck", "corrected", seen_on=DAY)
    case.end("guardian_admonition.visit_warned", "again", visited_on=DAY, note="再次殴打")
    assert case.owed == {"guardian_admonition.educate": "POLICE"}


def test_a_child_that_usually_lives_elsewhere_is_handed_over_there_and_every_ground_is_one_of_the_seven():
    case = Run(ALONE)
    case.start("temporary_guardianship", "CIVIL")
    wrong = case.outcome("temporary_guardianship.take_over", "taken_over", **TAKEN | {"ground_of_article_92": 8})
    assert case.refused(wrong) == "record_unfit"
    there = {"done_on": DAY, "handed_over_in_writing": True}
    case.end("temporary_guardianship.take_over", "transferred", note="经常居住地在大兴区", **there)
    assert case.owed == {}


def test_after_a_year_it_goes_on_with_another_year_or_before_the_court_never_without_an_end():
    case = Run(ALONE)
    case.start("temporary_guardianship", "CIVIL")
    case.end("temporary_guardianship.take_over", "taken_over", **TAKEN)
    case.wait_for("temporary_guardianship.year")
    case.end("temporary_guardianship.long_term", "goes_on", decided_on=DAY, note="父亲治疗中")
    assert "temporary_guardianship.year" in case.owed
    case.wait_for("temporary_guardianship.year")
    case.end("temporary_guardianship.long_term", "to_court", decided_on=DAY, note="父亲不治")
    assert case.owed["guardian_change.apply"] == "CIVIL"


@pytest.mark.requirement("R042")
def test_a_delegate_is_vetted_before_the_children_go_there():
    case = Run(DETAINED_WITH_CHILD)
    case.leg_ends("ask_detainee", "needs_carer", asked_on=DAY, children=2)
    assert case.refused(case.outcome("entrustment.arrange", "kin", arranged_on=DAY)) == "record_unfit"
    assert case.refused(case.outcome("entrustment.arrange", "kin", arranged_on=DAY, vetted=False)) == "record_unfit"
    case.end("entrustment.arrange", "kin", arranged_on=DAY, vetted=True)
    assert case.owed == {}


@pytest.mark.requirement("R041")
def test_an_inquiry_is_not_closed_without_its_answer_and_children_who_need_care_are_reported_and_linked():
    case = Run(DETAINED)
    assert case.time_of_leg("ask_detainee") == "24 hours"
    case.do(c.AnswerReporter(by=POLICE, note="已处理"))
    assert case.refused(c.ProposeClosure(by=POLICE, reason=CloseReason.POLICE_CLOSED)) == "cannot_close"
    leg = case.leg("POLICE")
    needs = rc.CompleteReferral(
        by=POLICE, referral_id=leg.id, outcome="needs_carer", record={"asked_on": DAY, "children": 1}
    )
    assert case.refused(needs) == "children_not_reported"
    case.leg_ends("ask_detainee", "no_answer", asked_on=DAY, note="拒绝回答")
    linked = next(
        event for event in case.do(c.LinkReport(by=POLICE, primary="case-2")) if event.kind == "report_linked"
    )
    primary = Run(DETAINED_WITH_CHILD)
    primary.leg_ends("ask_detainee", "needs_carer", asked_on=DAY, children=2)
    primary.do(c.AddFollower(by=at_desk("CONF"), case_id="case-1", procedures=linked.procedures))
    assert set(primary.owed) == {"detention_inquiry.verify", "entrustment.arrange"}
