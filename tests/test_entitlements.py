"""What a child is due, in cases written from the notice: of the exclusive group one, of the unknown nothing, of silence no answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.benefits import Result
from app.domain.determination import ChildFound, Standing
from app.policy.child_view import Answers, child_view, vocabulary
from app.policy.entitlements import entitled
from app.policy.examples import examples
from app.policy.loader import HERE, BadPack, load, parse, texts
from app.policy.made import DAY, made
from app.policy.simulation import simulate

PACK = load("fengtai-2026.1")
GROUP = PACK.benefits.group
HOME = {"relation": "mother", "whereabouts": "home", "able": "yes"}
FATHER = {"relation": "father", "whereabouts": "home", "able": "yes"}
DEAD = [{"relation": "father", "whereabouts": "dead"}, {"relation": "mother", "whereabouts": "dead"}]
GRANDMOTHER = {"relation": "grandparent", "whereabouts": "home", "able": "yes", "willing": "yes"}
AWAY = [{**HOME, "whereabouts": "away_for_work"}, {**FATHER, "whereabouts": "away_for_work"}]
PUPIL = {
    "age_years": 10,
    "school_stage": "primary",
    "attending": "yes",
    "unable_to_attend": "no",
    "identity_known": "yes",
}
ALLOWANCE = {"on_minimum_living": "yes"}
Case = dict[str, Any]
AMOUNT = "{id: a-1, benefit: B_DIFF, yuan: 100, effective_from: 2026-07-01, source: test, fictional: true}"
STANDS = {Standing.CONFIRMED: True, Standing.NOT_YET: False}
"""Whatever else a category is, it is open."""


def case(
    child: dict[str, Any], guardians: list[dict[str, Any]] | None = None, household: dict[str, Any] | None = None,
    amounts: dict[str, Any] | None = None, kind: str = "application", **more: Any,
) -> Case:  # fmt: skip
    """A case file of one child whose facts are these; what is not said stays unknown."""
    facts = {"kind": kind, "children": [child], "guardians": guardians or [HOME, FATHER], "household": household or {}}
    file: Case = {
        "reporter": {"type": "居民委员会"}, "reported_at": "2026-05-06T10:00:00+08:00", "children": [{"name": "甲"}],
        "facts": facts | more,
    }  # fmt: skip
    return file | ({"test_amounts": amounts} if amounts else {})


def answers(file: Case) -> dict[str, tuple[str, list[str]]]:
    """Result and rows of the notice, by benefit."""
    said = simulate(file)["entitlements"]
    assert len({one["benefit"] for one in said}) == len(said), "one answer a benefit"
    return {one["benefit"]: (one["result"], one["basis"]) for one in said}


@pytest.mark.requirement("R004", "R006", "R017")
def test_an_orphan_with_relatives_is_a_candidate_of_the_living_support() -> None:
    found = answers(case(PUPIL, [*DEAD, GRANDMOTHER]))
    assert found["B_DIFF"] == ("candidate", ["R004", "R006"])
    assert not {"TEMP_LIVING", "MED_ASSIST"} & set(found), (
        "medical assistance by reference is for orphans in institutions"
    )


@pytest.mark.requirement("R022")
@pytest.mark.parametrize(
    ("child", "guardians"),
    [
        ({**PUPIL, "in_institution": "yes"}, DEAD),
        ({**PUPIL, "in_institution": "yes", "abandoned": "yes"}, None),
        (PUPIL, [DEAD[0], {"relation": "mother", "whereabouts": "imprisoned"}]),
    ],
)
def test_medical_assistance_by_reference_for_orphans_in_institutions_and_those_in_fact_supported_by_nobody(
    child: dict[str, Any], guardians: list[dict[str, Any]] | None
) -> None:
    assert answers(case(child, guardians))["MED_ASSIST"] == ("grant_by_reference", ["R022"])


@pytest.mark.requirement("R017")
def test_destitute_support_beside_the_allowance_is_what_the_notice_is_silent_on() -> None:
    found = answers(case(PUPIL, household={**ALLOWANCE, "on_destitute_support": "yes"}))
    assert found["B_TK"] == ("existing", ["R017"])
    assert found["B_DB"] == ("keep", ["R018"])
    assert found["B_DB+B_TK"] == ("notice_silent", ["R017"])


@pytest.mark.requirement("R017", "R018")
@pytest.mark.parametrize(
    ("living_support", "highest", "joined"), [(1900, "B_DIFF", "allowed"), (300, "B_DIS2", "notice_silent")]
)
def test_grade_three_on_the_allowance_compares_with_the_one_subsidy_that_it_meets(
    living_support: int, highest: str, joined: str
) -> None:
    amounts = {"B_DIFF": living_support, "B_DIS2": {"困难残疾人生活补贴": 400, "重度残疾人护理补贴": 500, "sum": 900}}
    file = case(
        {**PUPIL, "disability_grade": 3}, household={**ALLOWANCE, "on_destitute_support": "no"}, amounts=amounts
    )
    found = answers(file)
    assert found["EXCLUSIVE{B_DIFF,B_DIS2,B_TK}"] == ("choose_highest", ["R017"])
    (comparison,) = simulate(file)["comparisons"].values()
    assert comparison["highest"] == [highest]
    assert [line["yuan_a_month"] for line in comparison["lines"]] == [str(living_support), "400", "0"]
    assert found[f"B_DB+{highest}"][0] == joined
    assert not {"B_DIFF", "B_DIS2", "B_TK"} & set(found)


@pytest.mark.requirement("R017")
def test_without_amounts_the_comparison_names_them_and_every_end_stays_open() -> None:
    said = simulate(case({**PUPIL, "disability_grade": 1}, household=ALLOWANCE))
    (comparison,) = said["comparisons"].values()
    assert comparison["highest"] == []
    assert comparison["missing_amounts"] == ["B_DIFF", "B_DIS_LIVING", "B_DIS_NURSING"]
    assert {"B_DB+B_DIFF", "B_DB+B_TK", "B_DB+B_DIS2"} <= {one["benefit"] for one in said["entitlements"]}


@pytest.mark.requirement("R021", "R023", "R112", "R114")
def test_a_gravely_ill_child_of_a_family_with_low_income() -> None:
    ill = {**PUPIL, "gravely_ill": "yes"}
    found = answers(case(ill, household={"low_income": "yes", "cannot_pay_treatment": "yes"}))
    assert found["MED_PREF"] == ("refer", ["R021"])
    assert found["MED_ASSIST_WATERFALL"] == ("open", ["R023", "R114"])
    assert found["FEE_WAIVER"] == ("refer", ["R112"])
    assert found["B_DIFF"] == ("candidate", ["R003", "R005"])
    assert "MED_ASSIST_WATERFALL" not in answers(case(ill, household={"cannot_pay_treatment": "no"}))


@pytest.mark.requirement("R012", "R019", "R025")
def test_a_left_behind_child_gets_care_and_once_in_temporary_difficulty_the_temporary_support() -> None:
    alone = case(PUPIL, AWAY, kind="concern", situations=["living_alone"])
    before, after = answers(alone), answers(case({**PUPIL, "lost_family_support": "yes"}, AWAY, kind="concern"))
    assert before["LB_CARE"] == after["LB_CARE"] == ("grant", ["R121", "R122", "R025"])
    assert (before["TEMP_LIVING"], after["TEMP_LIVING"]) == (("candidate", ["R019"]), ("grant", ["R019"]))
    assert (before["B_DIFF"], after["B_DIFF"]) == (("excluded_now", ["R012"]), ("assess_later", ["R007"]))
    poor = answers(case(PUPIL, AWAY, household=ALLOWANCE))
    assert poor["B_DIFF"] == ("assess", ["R003"]), "in difficulty as well, so the left-behind child is let in"


@pytest.mark.requirement("R020", "R039")
def test_children_under_intervention_get_the_temporary_support() -> None:
    harmed = {**PUPIL, "harmed": "yes"}
    beaten = case(harmed, [{**HOME, "suspected_of_harm": "yes"}, FATHER], kind="concern", situations=["suspected_dv"])
    neglected = case(PUPIL, [{**HOME, "neglects": "yes", "persists_after_police": "yes"}, FATHER], kind="concern")
    for file in (beaten, neglected):
        assert answers(file)["TEMP_LIVING"] == ("grant", ["R020"])
    assert answers(beaten)["PSYCH"] == ("plan", ["R062"])
    by_stranger = case(harmed, kind="concern", harm_by=["stranger"])
    assert "TEMP_LIVING" not in answers(by_stranger), "harmed by an outsider, guarded by the parents"


@pytest.mark.requirement("R022", "R036")
def test_adoption_of_a_rescued_child_waits_for_the_search_and_the_notice() -> None:
    infant = {"age_years": 1, "identity_known": "no", "found": "yes"}
    rescued: dict[str, Any] = {"kind": "rescue", "situations": ["rescued_from_trafficking"]}

    def adoption(**known: str) -> tuple[str, list[str]]:
        file = case({**infant, **known}, **rescued)
        file["facts"]["guardians"] = []
        found = answers(file)
        assert found["MED_ASSIST"][0] == "grant_by_reference"
        return found["ADOPTION"]

    assert adoption() == adoption(notice_served="no") == ("blocked_until_gate", ["R036"])
    assert adoption(parents_not_found="yes") == ("blocked_until_gate", ["R036"])
    assert adoption(parents_not_found="yes", notice_served="yes") == ("assess", ["R036"])


@pytest.mark.requirement("R028", "R031", "R119")
def test_education_aid_goes_by_stage_and_an_absent_girl_is_brought_back() -> None:
    def found(**child: Any) -> dict[str, tuple[str, list[str]]]:
        return answers(case({**PUPIL, **child}, household=ALLOWANCE))

    for stage in ("kindergarten", "primary", "junior"):
        assert found(school_stage=stage)["EDU_AID"] == ("grant", ["R028"])
    assert found(school_stage="senior", age_years=16)["EDU_AID"] == ("assess", ["R028"])
    assert "EDU_AID" not in found(school_stage="none")
    absent = found(attending="no", sex="female")
    assert absent["SCHOOLING_KEPT"] == ("open", ["R031"])
    assert absent["GIRL_SCHOOLING"] == ("refer", ["R119"])
    assert "GIRL_SCHOOLING" not in found(attending="no", sex="male")
    offered = simulate(case(PUPIL, [*DEAD, GRANDMOTHER]))["offers"]
    assert "EDU_AID" in {one["benefit"] for one in offered}, "other categories: for the plan"


@pytest.mark.requirement("R029", "R030", "R123")
def test_disabled_children_are_taught_in_class_or_at_home() -> None:
    def found(**child: Any) -> dict[str, tuple[str, list[str]]]:
        return answers(case({**PUPIL, "disabled": "yes", **child}))

    in_class = found(disability_grade=3)
    assert in_class["INCLUSIVE_SCHOOLING"] == ("grant", ["R029"])
    assert in_class["REHAB"] == ("refer", ["R123"])
    at_home = {"attending": "no", "unable_to_attend": "yes"}
    assert found(disability_grade=2, **at_home)["HOME_TEACHING"] == ("grant", ["R030"])
    assert found(disability_grade=3, **at_home)["HOME_TEACHING"] == ("assess", ["R030"])
    said = simulate(case({**PUPIL, "disabled": "yes", **at_home}))["entitlements"]
    (unknown,) = (one for one in said if one["benefit"] == "HOME_TEACHING")
    assert (unknown["result"], unknown["decided_by"]) == ("assess", ["disability_grade"])
    assert "INCLUSIVE_SCHOOLING" not in found(**at_home)


@pytest.mark.requirement("R110")
def test_housing_work_and_legal_aid_are_referred() -> None:
    found = answers(
        case(PUPIL, [{**HOME, "seeks_work": "yes"}, FATHER], household={**ALLOWANCE, "housing_need": "yes"})
    )
    assert found["HOUSING"] == ("refer", ["R109"])
    assert found["GUARDIAN_EMPLOYMENT"] == ("refer", ["R110"])
    assert answers(case({**PUPIL, "not_prosecuted": "yes"}))["LEGAL_AID"] == ("refer", ["R104", "R100"])


@pytest.mark.requirement("R025")
def test_services_that_a_plan_may_take_up_are_offered_to_every_child_in_difficulty() -> None:
    offered = {one["benefit"] for one in simulate(case(PUPIL, household=ALLOWANCE))["offers"]}
    assert {"FAMILY_EDU", "VOLUNTEER", "PAIRING", "PUBLIC_HEALTH"} <= offered
    assert not simulate(case(PUPIL, [HOME, FATHER], household={"on_minimum_living": "no"}))["offers"]


def test_a_file_without_facts_is_due_nothing_and_says_what_would_decide() -> None:
    said = simulate(case({}, household={}))
    assert said["entitlements"] == []
    (nearly,) = said["entitlements_nearly"].values()
    assert {"on_minimum_living", "disabled", "on_destitute_support"} <= {
        fact for row in nearly for fact in row["missing"]
    }


def _children(seed: int) -> Iterator[tuple[ChildFound, Answers]]:
    report = made(seed)
    triage = PACK.triage(report)
    for child, found in zip(report.children, PACK.determine(report, triage), strict=True):
        yield found, child_view(report, child, triage, PACK.file.left_behind_max_age)


@pytest.mark.requirement("R017", "R018", "R139")
@given(st.integers(0, 100_000))
@settings(max_examples=150, deadline=None)
def test_of_any_report_no_two_of_the_group_are_given_and_silence_stays_silence(seed: int) -> None:
    for child, _ in _children(seed):
        due = child.benefits.entitlements
        alone = [one.benefit for one in due if one.benefit in GROUP and one.result is not Result.EXCLUDED_NOW]
        assert len(alone) <= 1 or child.benefits.comparison is None
        met = child.benefits.comparison.met if child.benefits.comparison else ()
        assert not (met and alone), "what is to be chosen is not answered beside the choice"
        assert len(alone) <= 1 or not any(one.result.gives for one in due if one.benefit in alone)
        for one in due:
            assert any(source.startswith("R") for source in one.basis)
            if {"B_DB", "B_TK"} == set(one.benefit.split("+")) or {"B_DB", "B_DIS2"} == set(one.benefit.split("+")):
                assert one.result is Result.NOTICE_SILENT


@given(st.integers(0, 100_000), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_an_unknown_fact_never_gives_for_what_is_given_stays_given_however_it_turns_out(seed: int, draw: Any) -> None:
    for child, view in _children(seed):
        for category in child.categories:
            view[category.code.value] = STANDS.get(category.status)
        view["in_category"] = any(one.status is not Standing.NOT_YET for one in child.categories)
        given_before = _given(view)
        complete = {
            name: draw.choice(vocabulary()[name]) if value is None else value for name, value in sorted(view.items())
        }
        assert given_before <= _given(complete)


def _given(view: Answers) -> set[str]:
    found = entitled(PACK.file, view, DAY.date())
    return {one.benefit for one in found.entitlements if one.result.gives}


def test_every_row_speaks_of_somebody() -> None:
    """Each row of entitlements and offers is the reason of an answer in a worked case or for some made-up report."""
    wanted = {row.id for table in (PACK.file.entitlements, PACK.file.offers) for row in table}
    said = (simulate(file) for file in examples().values())
    spoken = {row["row"] for answer in said for row in (*answer["entitlements"], *answer["offers"])}
    for seed in range(4000):
        if wanted <= spoken:
            break
        for child, _ in _children(seed):
            spoken |= {one.row for one in (*child.benefits.entitlements, *child.benefits.offers)}
    assert not wanted - spoken


@pytest.mark.parametrize(
    ("said", "instead", "reason"),
    [
        ("result: grant, while_open: candidate", "result: grant, while_open: grant", "an unknown fact never gives a benefit"),
        ("- {id: s-db-tk, benefits: [B_DB, B_TK]", "- {id: s-db-tk, benefits: [B_DB, B_DIFF]", "B_TK with B_DB has no row"),
        ("[B_DB, B_DIS2], result: notice_silent", "[B_DB, B_DIS2], result: grant", "grant is no answer on benefits together"),
        ("part: B_TK, result: existing", "part: B_DB, result: existing", "B_DB is no part of B_TK"),
        ("id: s-db-diff", "id: s-highest", "this id stands twice"),
        ("payers: [MED_BASIC, MED_SERIOUS", "payers: [MED_BASIC, MED_BASIC", "each payer stands once"),
        ("amounts: []", f"amounts: [{AMOUNT}, {AMOUNT.replace('a-1', 'a-2')}]", "B_DIFF has two amounts from 2026-07-01"),
        ("amounts: []", f"amounts: [{AMOUNT.replace('100', '-100')}]", "greater than or equal to 0"),
    ],
)  # fmt: skip
def test_a_table_of_benefits_that_contradicts_itself_is_refused_with_its_place(
    said: str, instead: str, reason: str
) -> None:
    written = texts(HERE / "fengtai-2026.1")
    assert said in written["entitlements.yaml"]
    written["entitlements.yaml"] = written["entitlements.yaml"].replace(said, instead, 1)
    with pytest.raises(BadPack) as refused:
        parse(written)
    found = [fault.reason for fault in refused.value.faults if fault.file == "entitlements.yaml"]
    assert any(reason in one for one in found), refused.value
