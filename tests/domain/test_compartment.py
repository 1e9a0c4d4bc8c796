"""Guidance of a child after an offence runs in a sealed compartment: its steps, its set period, and nobody from outside."""

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.case import file_report
from app.domain.child_terms import FileField
from app.domain.compartment import PLACE, asked_of, kept_back
from app.domain.facts import ReportFacts
from app.domain.refusals import Refused
from app.domain.terms import Agency, ReportKind, Stage
from app.policy.loader import HERE, load, texts
from tests.actors import at_desk
from tests.domain.in_memory import MORNING, POLICY
from tests.domain.test_procedures import DAY, Run

OFFENCE = ReportFacts.model_validate(
    {
        "kind": "juvenile",
        "reporter_class": "state_organ",
        "situations": ["living_alone"],
        "children": [{"child_id": "ch-1", "age_years": 16, "lives_alone": "yes", "not_prosecuted": "yes"}],
        "guardians": [{"relation": "father", "whereabouts": "away_for_work"}],
    }
)
INSIDE = {"PROC", "COURT", "JUSTICE", "POLICE"}
NUMBER = "丰检未附不诉〔2026〕0008号"
AFTER = {
    "convicted_not_arrested": ("juvenile_diversion.proceedings", "legal_aid_defence.notify"),
    "suspended_sentence": ("juvenile_diversion.correction", "juvenile_diversion.seal_conviction"),
    "released": ("juvenile_diversion.seal_conviction",),
}


class Sealed(Run):
    """Filed by the procuratorate."""

    def __init__(self):
        self.now = MORNING
        report = c.FileReport(by=at_desk("PROC"), facts=OFFENCE, unit="PROC")
        self.events = list(file_report("case-1", report, POLICY, self.now))


def everybody(case):
    progress = case.progress
    told = {to for event in case.events if isinstance(event, e.RungFired) for to in event.recipients}
    return {*progress.agencies, *progress.desks, *(one.rpartition(":")[2] for one in told)}


@pytest.mark.requirement("R096")
def test_a_child_under_conditions_is_guided_for_the_months_that_the_law_allows():
    case = Sealed()
    decided = {"decided_on": DAY, "file": NUMBER}
    leg = case.leg("PROC")
    case.accept(leg)
    for months in (5, 13):
        asked = rc.CompleteReferral(
            by=at_desk("PROC"), referral_id=leg.id, outcome="conditional_non_prosecution", record=decided | {"months": months}
        )  # fmt: skip
        assert case.refused(asked) == "record_unfit"
    case.leg_ends("juvenile_diversion", "conditional_non_prosecution", months=8, **decided)
    period = case.progress.open_duty("juvenile_diversion.probation").clock
    assert (str(period.spec.budget), period.spec.basis) == ("8 months", ("L80",))
    assert case.time_for("juvenile_diversion.serve") == "3 days"
    case.end("juvenile_diversion.serve", "served", served_on=DAY)
    case.wait_for("juvenile_diversion.probation")
    case.end("juvenile_diversion.conclude", "not_prosecuted", **decided)
    case.end("juvenile_diversion.seal", "sealed", sealed_on=DAY)
    assert {step.partition(".")[0] for step in case.owed} == {"reintegration"}


@pytest.mark.requirement("R096")
@pytest.mark.parametrize(
    "why", ["convicted_not_arrested", "relative_non_prosecution", "released", "non_local", "suspended_sentence"]
)
def test_each_reason_to_take_a_child_in_opens_the_help(why):
    case = Sealed()
    file = {} if why in ("released", "non_local") else {"file": NUMBER}
    case.leg_ends("juvenile_diversion", why, decided_on=DAY, **file)
    after = AFTER.get(why, ("juvenile_diversion.seal",))
    assert set(case.owed) == {"reintegration.plan", *after}


@pytest.mark.requirement("R097")
@pytest.mark.requirement("R107")
@pytest.mark.requirement("R104")
def test_the_child_is_helped_back_and_the_correction_plan_stays_where_it_is():
    case = Sealed()
    case.leg_ends("juvenile_diversion", "suspended_sentence", decided_on=DAY, file=NUMBER)
    case.end("reintegration.plan", "planned", made_on=DAY, note="方案全文")
    assert {step: holder for step, holder in case.owed.items() if step.startswith("reintegration")} == {
        "reintegration.living": "PROC", "reintegration.training": "JUSTICE", "reintegration.counselling": "PROC",
    }  # fmt: skip
    case.end("juvenile_diversion.correction", "linked", plan="丰矫〔2026〕0031号", months=10)
    assert case.progress.outcomes[-1].record == {"plan": "丰矫〔2026〕0031号", "months": 10}
    correction = case.progress.open_duty("juvenile_diversion.corrected").clock.spec
    assert (str(correction.budget), correction.basis) == ("10 months", ("R107", "default")), (
        "by its own length, no other law"
    )
    case.start("legal_aid_defence", "PROC")
    assert case.time_for("legal_aid_defence.notify") == "3 days"
    case.end("legal_aid_defence.notify", "notified", "ch-1", notified_on=DAY)
    assert (case.owed["legal_aid.assign:ch-1"], case.time_for("legal_aid.assign:ch-1")) == ("JUSTICE", "3 days")


@pytest.mark.requirement("R101")
def test_nobody_from_outside_is_asked_told_or_let_in_however_long_it_is_silent():
    case = Sealed()
    assert set(case.progress.about) == {agency.value for agency in Agency} - INSIDE
    case.wait(days=120)
    assert everybody(case) == {"PROC"}, "what others would owe elsewhere is owed by the agency that leads"
    case = Sealed()
    case.leg_ends("juvenile_diversion", "released", decided_on=DAY)
    case.enter(Stage.ASSESS)
    leg = case.progress.referrals[0].id
    for command in (
        c.AdoptPlan(by=at_desk("PROC"), items=(c.PlanItem(agency="EDU", service="education_support"),)),
        c.AdoptPlan(by=at_desk("PROC"), lead=Agency.CIVIL),
        c.LinkReport(by=at_desk("PROC"), primary="case-2"),
        c.AddFollower(by=at_desk("PROC"), case_id="case-2"),
    ):
        assert case.refused(command) == "case_sealed"
    case.start("guardian_admonition", "POLICE")
    assert case.owed["guardian_admonition.admonish"] == "PROC", "the committee never learns of it"
    again = Sealed()
    away = rc.ReassignReferral(by=at_desk("PROC"), referral_id=leg, to="STREET")
    assert again.refused(away) == "case_sealed"


def test_a_compartment_is_opened_from_inside():
    for desk in ("CIVIL", "COMM-110106101", "SCHOOL"):
        with pytest.raises(Refused, match="case_sealed"):
            file_report("case-1", c.FileReport(by=at_desk(desk), facts=OFFENCE, unit=desk), POLICY, MORNING)


@pytest.mark.requirement("R101")
@pytest.mark.requirement("R096")
def test_what_was_prosecuted_after_all_is_tried_defended_and_sealed_by_the_court():
    case = Sealed()
    case.leg_ends("juvenile_diversion", "conditional_non_prosecution", decided_on=DAY, file=NUMBER, months=6)
    case.end("juvenile_diversion.probation", "revoked", revoked_on=DAY, file=NUMBER, note="再次犯罪")
    assert case.owed["juvenile_diversion.trial"] == "COURT"
    assert case.owed["legal_aid_defence.notify"] == "PROC"
    assert "juvenile_diversion.seal" not in case.owed, "nothing is sealed as not prosecuted that is"
    case.end("juvenile_diversion.trial", "suspended", decided_on=DAY, file="（2026）京0106刑初88号")
    assert case.owed["juvenile_diversion.seal_conviction"] == "COURT", "R101 is the court's"
    assert case.owed["juvenile_diversion.correction"] == "JUSTICE"


@pytest.mark.requirement("R096")
def test_that_a_child_is_not_for_this_guidance_is_an_answer_with_its_reasons():
    case = Sealed()
    leg = case.leg("PROC")
    case.accept(leg)
    said = rc.CompleteReferral(
        by=at_desk("PROC"), referral_id=leg.id, outcome="not_taken_in", record={"decided_on": DAY}
    )
    assert case.refused(said) == "reasons_needed"
    case.leg_ends("juvenile_diversion", "not_taken_in", decided_on=DAY, note="本地未实施犯罪行为")
    assert case.owed == {}


@pytest.mark.parametrize("when", ["kind == 'application'", "'application' in triggers"])
def test_which_reports_are_sealed_says_the_pack_and_nothing_else(when):
    written = texts(HERE / "fengtai-2026.1")
    other = written | {"triage.yaml": written["triage.yaml"].replace("kind == 'juvenile'", when, 1)}
    pack, application = load("fengtai-x", other), OFFENCE.model_copy(update={"kind": ReportKind.APPLICATION})
    assert pack.sealed_for(application) == pack.triage(application).sealed_for == ("PROC", "COURT", "JUSTICE", "POLICE")
    assert pack.sealed_for(OFFENCE) == pack.triage(OFFENCE).sealed_for == ()
    assert set(load("fengtai-2026.1").sealed_for(OFFENCE)) == INSIDE


TREATS = ("HEALTH", "HOSPITAL", "CIVIL", "RESCUE", "CWI")
PROTECTS = ("POLICE", "CIVIL", "CONF", "PROC", "COURT", "STREET", "COMM", "RESCUE", "CWI")


@pytest.mark.parametrize("fact", ["hiv_affected", "impaired", None])
@pytest.mark.parametrize("agency", Agency)
def test_the_health_of_every_child_is_told_to_whom_treats_supports_and_cares_alone(agency, fact):
    """Of the ill alone, what is missing would say who is ill."""
    said = {"children": [{"child_id": "ch-1"}, {"child_id": "ch-2", **({fact: "yes"} if fact else {})}]}
    known = [ReportFacts(), ReportFacts.model_validate(said)]
    assert kept_back(agency, known) == (() if agency in TREATS else (FileField.HEALTH,))


@pytest.mark.parametrize("agency", Agency)
def test_a_place_is_told_to_whom_protects_places_visits_and_judges_while_a_guardian_is_a_suspect(agency):
    known = [ReportFacts(), ReportFacts.model_validate({"guardians": [{}, {"suspected_of_harm": "yes"}]})]
    health = () if agency in TREATS else (FileField.HEALTH,)
    assert kept_back(agency, known) == (health if agency in PROTECTS else (*PLACE, *health))
    assert kept_back(agency, known[:1]) == health
    assert kept_back(agency, known) == asked_of(agency) == kept_back(agency, known[:1], suspected=True)
