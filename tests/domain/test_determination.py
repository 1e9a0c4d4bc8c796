"""What must be true of every determination, whatever the report: held on reports made up at random."""

from dataclasses import replace
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from app.domain.determination import Category, PlacementCode, Standing
from app.domain.facts import ChildFacts, Known, Relation, ReportFacts
from app.domain.terms import Agency, Grade
from app.policy.child_rows import ChildTables
from app.policy.loader import load
from app.policy.made import made

PACK = load("fengtai-2026.1")
SEEDS = st.integers(0, 100_000)
PARENTS = (Relation.FATHER, Relation.MOTHER, Relation.ADOPTIVE_PARENT)
WITH_KIN = (PlacementCode.P_DELEGATE_KIN, PlacementCode.P_KIN_CARE)
WITH_PARENTS = (
    PlacementCode.P_HOME_WITH_SUPPORT, PlacementCode.P_RETURN_TO_FAMILY, PlacementCode.P_PARENT_RETURN_OR_DELEGATE,
)  # fmt: skip
many = settings(max_examples=150, deadline=None)


def found_in(facts):
    return PACK.determine(facts, PACK.triage(facts))


def completed(value, draw):
    """The same with every unknown answer given: what may become known later."""
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: completed(answer, draw) for name, answer in value})
    if isinstance(value, tuple):
        return tuple(completed(one, draw) for one in value)
    if isinstance(value, Enum) and value.value == "unknown":
        kind = type(value)
        return draw.choice([one for one in kind if one is not value])
    return value


@many
@given(SEEDS)
@pytest.mark.requirement("R068")
def test_a_suspect_never_cares_for_a_child(seed):
    facts = made(seed)
    suspects = [one for one in facts.guardians if one.suspected_of_harm is Known.YES]
    harmless = [
        one for one in facts.guardians
        if one not in suspects and one.lives_with_suspect is not Known.YES and one.relation not in PARENTS
        and (one.willing is Known.YES or one.is_guardian is Known.YES or one.delegated is Known.YES)
    ]  # fmt: skip
    for child in found_in(facts):
        if suspects:
            assert child.placement.code not in WITH_PARENTS
            assert any(one.row == "x-suspect" for one in child.placement.rejected)
        if child.placement.code in WITH_KIN:
            assert harmless or facts.household.another_guardian is Known.YES


@many
@given(SEEDS)
def test_no_emergency_waits_for_a_meeting_and_no_child_is_without_an_owner(seed):
    facts = made(seed)
    triage = PACK.triage(facts)
    meetings = (Agency.COMMITTEE, Agency.CONF)
    assert not [route for route in triage.routes if route.urgent and route.agency in meetings]
    assert triage.lead
    put = {"joint_conference.agenda"} & {duty.code for duty in triage.obligations}
    found = PACK.determine(facts, triage)
    proposed = [child for child in found if (d8 := child.category(Category.D8)) and d8.status is Standing.PROPOSE]
    assert bool(put) is bool(proposed), "whoever is put forward has an owner"
    assert triage.routes or not facts.children
    assert [child.child_id for child in found] == [child.child_id for child in facts.children]
    assert all(child.placement.basis and child.placement.now_zh for child in found)


@many
@given(SEEDS, st.randoms(use_true_random=False))
def test_what_is_confirmed_stays_so_whatever_becomes_known(seed, draw):
    facts = made(seed)
    for before, after in zip(found_in(facts), found_in(completed(facts, draw)), strict=True):
        for one in before.categories:
            then = after.category(one.code)
            assert one.status is not Standing.CONFIRMED or (then and then.status is Standing.CONFIRMED)


@many
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_category_that_nobody_spoke_of_and_that_turns_out_was_nearly_one(seed, draw):
    facts = made(seed)
    full = completed(facts, draw)
    if PACK.triage(full).triggers != PACK.triage(facts).triggers:
        return
    for before, after in zip(found_in(facts), found_in(full), strict=True):
        near = {one.row for one in before.near}
        for one in after.categories:
            told = before.category(one.code)
            if one.status is Standing.CONFIRMED and not (told and told.status is Standing.CONFIRMED):
                assert near & set(one.rows)


@given(st.sampled_from([{}, {"kind": "missing_child"}, {"kind": "application"}]))
def test_of_a_child_of_whom_nothing_is_known_nothing_is_confirmed(said):
    facts = ReportFacts.model_validate({**said, "children": ({"child_id": "ch-1"},)})
    (child,) = found_in(facts)
    assert not [one for one in child.categories if one.status is not Standing.ASSESS]
    assert child.near


@pytest.mark.requirement("R010")
@many
@given(SEEDS)
def test_the_joint_conference_alone_confirms_d8(seed):
    facts = made(seed)
    for said, child in zip(facts.children, found_in(facts), strict=True):
        decided = said.conference_decided is Known.YES
        d8 = child.category(Category.D8)
        assert decided is bool(d8 and d8.status is Standing.CONFIRMED)


@pytest.mark.requirement("R128")
def test_the_grade_rises_with_what_is_known_and_an_emergency_is_high():
    def graded(**child):
        facts = ReportFacts(children=(ChildFacts.model_validate({"child_id": "ch-1", **child}),))
        return found_in(facts)[0].grade

    nothing, harmed = graded(), graded(harmed="yes")
    assert (nothing.grade, nothing.at_most, nothing.emergency) == (Grade.LOW, Grade.HIGH, False)
    assert nothing.missing
    assert harmed.grade is Grade.MEDIUM
    assert graded(harmed="yes", lives_alone="yes").grade is Grade.HIGH
    missing = ReportFacts.model_validate({"kind": "missing_child", "children": ({"child_id": "ch-1"},)})
    assert found_in(missing)[0].grade.grade is Grade.HIGH


def changed(table, **change):
    tables = PACK.file.model_dump(mode="json", include=set(ChildTables.model_fields))
    tables[table][0] |= change
    return tables


@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("categories", {"when": "on_minimum_livng"}, "nothing is called on_minimum_livng"),
        ("categories", {"basis": ["L71C"]}, "no such source"),
        ("categories", {"when": "disability_grade > 'x'"}, "fails"),
        ("placements", {"code": "P_MOON"}, "P_DELEGATE_KIN"),
        ("records", {"when": "branch == 'Z'"}, "can be Z"),
        ("gates", {"needs": []}, "at least 1"),
    ],
)
def test_a_table_with_a_bad_row_is_refused(table, change, reason):
    with pytest.raises(ValidationError, match=reason):
        ChildTables.model_validate(changed(table, **change))


@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("placements", {"when": "true"}, "last row"),
        ("records", {"id": "k-intake"}, "stands twice"),
        ("categories", {"code": "D8"}, "joint conference alone"),
    ],
)
def test_tables_that_contradict_themselves_are_found(table, change, reason):
    tables = ChildTables.model_validate(changed(table, **change))
    assert any(reason in why for _, _, why in tables.faults())


KIN = {
    "relation": "grandparent", "willing": "yes", "able": "yes", "reachable": "yes", "fit": "yes",
    "suspected_of_harm": "no", "lives_with_suspect": "no", "whereabouts": "home",
}  # fmt: skip
CAUSES = {
    "dead": {"whereabouts": "dead"},
    "detained": {"whereabouts": "detained"},
    "imprisoned": {"whereabouts": "imprisoned", "sentenced": "yes"},
    "unable": {"able": "no", "whereabouts": "home"},
}
INSTITUTIONS = (PlacementCode.P_INSTITUTION, PlacementCode.P_HUKOU_INSTITUTION, PlacementCode.P_ENTRUST_INSTITUTION)


@pytest.mark.requirement("R001")
@pytest.mark.parametrize("cause", CAUSES)
def test_the_family_comes_before_the_state_whatever_keeps_the_parents_from_caring(cause):
    """The same case with and without a grandparent who is willing, able and vetted."""
    parents = [{"relation": parent, "suspected_of_harm": "no"} | CAUSES[cause] for parent in ("father", "mother")]
    codes = {}
    for kin in ((), (KIN,)):
        facts = ReportFacts.model_validate(
            {
                "children": [{"child_id": "ch-1", "age_years": 9, "harmed": "no", "injured": "no"}],
                "guardians": [*parents, *kin],
                "household": {"another_guardian": "no", "carer_available_tonight": "yes"},
            }
        )
        (codes[len(kin)],) = (child.placement.code for child in found_in(facts))
    assert codes[1] in WITH_KIN
    assert codes[0] in INSTITUTIONS


@pytest.mark.requirement("R050")
def test_the_scale_of_risk_is_a_version_of_its_own_and_a_grade_says_by_which_it_was_made():
    """Another scale grades the same child otherwise; each grade names its scale and the factors that made its points."""
    facts = ReportFacts.model_validate({"children": [{"child_id": "ch-1", "age_years": 5, "gravely_ill": "yes"}]})
    triage = PACK.triage(facts)
    scale = PACK.file.grading.model_copy(update={"name": "fengtai-2027", "medium_from": 1, "high_from": 2})
    other = replace(PACK, file=PACK.file.model_copy(update={"grading": scale}))
    (now,), (then,) = PACK.determine(facts, triage), other.determine(facts, triage)
    assert (now.grade.scale, then.grade.scale) == ("fengtai-default-1", "fengtai-2027")
    assert (now.grade.points, now.grade.rows) == (then.grade.points, then.grade.rows)
    assert now.grade.grade is not then.grade.grade
    assert sum(factor.points for factor in scale.factors if factor.id in now.grade.rows) == now.grade.points
