"""The pack answers the worked cases as their files expect."""

from collections import Counter

import pytest

from app.domain.facts import ReportFacts
from app.policy.examples import examples, facts_of
from app.policy.loader import BadPack, load, read

PACK = load("fengtai-2026.1")


def routing(triage):
    """What opens or may open, without what waits for a duplicate check or for an expiry."""
    held = {"duplicate_cleared", "expired:duplicate_check", "expired:parents_return_or_delegate"}
    return Counter(
        (r.step, str(r.agency), frozenset(b for b in r.basis if b.startswith("R")))
        for r in triage.routes
        if not held & set(r.gate.events)
    )


@pytest.mark.parametrize("case_id", sorted(examples()))
@pytest.mark.requirement("R064")
def test_a_worked_case_is_triaged_as_its_file_expects(case_id):
    case = examples()[case_id]
    expected = case["expected"]
    triage = PACK.triage(facts_of(case_id, possible_duplicate="duplicate_of" in expected))
    assert {str(t) for t in triage.triggers} == set(expected["triggers"])
    assert triage.urgency == expected["urgency"]
    branch = str(triage.branch) if triage.branch and triage.branch.is_police else None
    assert branch == expected["police_branch"]
    wanted = Counter((r["step"], r["agency"], frozenset(r["basis"])) for r in expected["routing"])
    assert routing(triage) == wanted
    for child in expected.get("children", {}).values():
        assert triage.left_behind == child["left_behind"]


def test_the_emptiest_report_finds_somebody_to_look():
    triage = PACK.triage(ReportFacts())
    assert [str(r.agency) for r in triage.routes] == ["POLICE", "STREET", "SW"]
    assert triage.urgency.around_the_clock


@pytest.mark.requirement("R067")
def test_a_missing_child_is_searched_for_without_waiting():
    police = next(r for r in PACK.triage(facts_of("CN-03")).routes if r.id == "b-police")
    assert police.gate.stage == "report"
    assert not police.gate.events
    assert police.accept.around_the_clock


@pytest.mark.requirement("R129")
def test_no_emergency_leg_waits_for_assessment_or_committee():
    for case_id in ("CN-01", "CN-02", "CN-03", "CN-08"):
        for route in PACK.triage(facts_of(case_id)).routes:
            if route.agency == "POLICE" and route.id != "b-found":
                assert route.gate.stage == "report"
                assert not route.gate.events


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("routes.yaml", ("agency: HOSPITAL", "agency: HOSPITEL"), "row own-hospital-treat"),
        ("routes.yaml", ("basis: [R111, R114]", "basis: []"), "basis is empty"),
        ("routes.yaml", ("basis: [R111, R114]", "basis: [L10]"), "none that is law: L10"),
        ("routes.yaml", ("basis: [R111, R114]", "basis: [R999]"), "R999"),
        ("routes.yaml", ("reporter == 'medical' && police", "reporter == 'medical' &&"), "no CEL"),
        ("routes.yaml", ("id: own-school", "id: own-hotline"), "twice"),
        ("times.yaml", ("urgent: 15 minutes", "urgent: 0 minutes"), "row police_accept"),
    ],
)
def test_a_bad_pack_is_refused_with_place_and_reason(tmp_path, table, change, said):
    from app.policy import loader

    for name in loader.FILES:
        text = (loader.HERE / "fengtai-2026.1" / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace(*change, 1) if name == table else text, "utf-8")
    with pytest.raises(BadPack) as refusal:
        read(tmp_path)
    assert table in str(refusal.value) or "twice" in said
    assert said in str(refusal.value)
