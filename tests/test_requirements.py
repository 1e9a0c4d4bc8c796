"""The rows of the notice that the chain realises: each is proven by a test that carries its number."""

import pytest

from app.district import DESKS
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.facts import ReportFacts
from app.domain.terms import Grade, Safety, Stage
from app.policy.examples import examples, facts_of
from app.policy.loader import load
from tests.actors import at_desk
from tests.domain.test_stages import Told

CHILD = {"child_id": "ch-1", "age_years": 9}
FATHER = {"relation": "father", "whereabouts": "home"}
ALONE = {"situations": ["living_alone"], "children": [{**CHILD, "attending": "yes"}]}
BEATEN = {
    "situations": ["suspected_dv"],
    "children": [{**CHILD, "injured": "yes"}],
    "guardians": [{**FATHER, "suspected_of_harm": "yes"}],
}
FOUNDLING = {"nine_situations": [6], "children": [{"child_id": "ch-1", "identity_known": "no"}]}
BEGGING = {"nine_situations": [8], "organised_exploitation": "yes", "children": [CHILD]}
PUPIL_HARMED = {
    **BEATEN,
    "situations": ["suspected_unlawful_harm"],
    "guardians": [],
    "harm_by": ["schoolmate"],
    "reporter_class": "school",
}
PATIENT = {**BEATEN, "reporter_class": "medical"}
POOR = {**PATIENT, "household": {"cannot_pay_treatment": "yes"}}
IMPRISONED = {
    **ALONE,
    "guardians": [{"relation": "father", "whereabouts": "imprisoned"}, {"relation": "mother", "whereabouts": "away"}],
}
AT_ONCE = {
    "R014": (ALONE, "STREET", "verify_carer"), "R033": (ALONE, "STREET", "verify_carer"),
    "R035": (ALONE, "POLICE", "order_return"), "R085": (BEATEN, "CIVIL", "temporary_protection"),
    "R086": (BEGGING, "RESCUE", "receive"), "R094": (BEGGING, "RESCUE", "receive"),
    "R088": (PUPIL_HARMED, "SCHOOL", "give_what_is_known"), "R089": (PUPIL_HARMED, "EDU", "support_at_school"),
    "R090": (FOUNDLING, "POLICE", "find_parents"), "R092": (BEGGING, "POLICE", "free_and_investigate"),
    "R093": (BEATEN, "WF", "protection_order"), "R111": (BEATEN, "HOSPITAL", "treat_first"),
    "R113": (PATIENT, "HOSPITAL", "report_completed"), "R114": (POOR, "HOSPITAL", "treat_first"),
}  # fmt: skip
"""Row of the notice: the report, the agency that has to act on it at once, and what it is asked."""


@pytest.mark.parametrize(
    ("row", "said", "agency", "task"), [(row, *answer) for row, answer in AT_ONCE.items()], ids=AT_ONCE
)
@pytest.mark.requirement(
    "R014", "R033", "R035", "R085", "R086", "R088", "R089", "R090", "R092", "R093", "R094", "R111", "R113", "R114"
)
def test_the_agency_that_the_notice_names_has_its_task_with_the_report_on_its_clock(row, said, agency, task):
    case = Told(ReportFacts.model_validate(said))
    leg = next(r for r in case.progress.referrals if (r.agency, r.task) == (agency, task))
    assert row in leg.basis
    assert leg.opened_at == case.now
    assert leg.accept.due_at > case.now
    assert leg.accept.rungs[-1].rung == "procuratorate"


@pytest.mark.requirement("R127")
@pytest.mark.requirement("R128")
def test_a_social_worker_assesses_and_grades_once_the_child_is_safe():
    case = Told(ReportFacts.model_validate(BEATEN))
    assert not case.agencies(4) & {"SW"}, "an emergency waits for no assessment, nor an assessment for a plan"
    assert case.refused(c.EnterStage(by=ENGINE, stage=Stage.ASSESS)) == "wrong_stage"
    case.do(c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-1", safety=Safety.PLACED))
    case.enter(Stage.ASSESS)
    leg = case.leg("SW")
    assert {"R127", "R128"} <= set(leg.basis)
    case.accept(leg)
    assert case.refused(rc.CompleteReferral(by=at_desk("SW"), referral_id=leg.id)) == "no_assessment"
    case.do(c.FileAssessment(by=at_desk("SW"), referral_id=leg.id, grade=Grade.HIGH))
    assert case.progress.grade is Grade.HIGH


@pytest.mark.requirement("R103")
def test_the_court_is_hurried_by_law():
    ruling = load("fengtai-2026.1").file.times["protection_ruling"]
    assert (str(ruling.normal), str(ruling.urgent), ruling.basis) == ("72 hours", "24 hours", ("L19",))


@pytest.mark.requirement("R106")
def test_justice_liaises_with_the_prison_of_a_sentenced_parent():
    case = Told(ReportFacts.model_validate(IMPRISONED))
    case.do(c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-1", safety=Safety.SAFE))
    case.enter(Stage.ASSESS)
    assert case.leg("JUSTICE").task == "prison_liaison"


def test_every_number_is_law_or_says_that_it_is_a_default():
    for name, row in load("fengtai-2026.1").file.times.items():
        assert any(source == "default" or source.startswith("L") for source in row.basis), name


@pytest.mark.requirement("R071")
@pytest.mark.parametrize("case_id", sorted(examples()))
def test_every_leg_and_every_duty_lies_on_one_desk_of_the_agency_that_answers_for_it(case_id):
    case = Told(facts_of(case_id))
    owed = [(r.agency, r.desk) for r in case.progress.referrals] + [(d.holder, d.desk) for d in case.progress.duties]
    assert owed
    desks = {desk.id: desk.agency for desk in DESKS}
    assert [(agency, desk) for agency, desk in owed if desks.get(desk) is not agency] == []
