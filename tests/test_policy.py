"""The pack answers the worked cases as their files expect."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.clock import Clock
from app.domain.facts import ChildFacts, GuardianFacts, HouseholdFacts, Known, ReportFacts
from app.domain.policy import Gate
from app.domain.terms import Rung, Trigger
from app.domain.working_time import day_of
from app.policy import loader
from app.policy.calendars import seed
from app.policy.examples import examples, facts_of
from app.policy.loader import BadPack, load, read

PACK = load("fengtai-2026.1")


def _people(kind, **fixed):
    return st.builds(
        kind, **{name: st.from_type(field.annotation) for name, field in kind.model_fields.items()} | fixed
    )


AGES, GRADES = st.none() | st.integers(0, 17), st.none() | st.integers(1, 4)
CHILDREN = st.lists(
    _people(ChildFacts, child_id=st.uuids().map(str), age_years=AGES, disability_grade=GRADES), max_size=3
)
ANY_FACTS = _people(
    ReportFacts,
    division=st.just("110106"),
    reported_at=st.none() | st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1900 < at.year < 9000),
    situations=st.lists(st.sampled_from(Trigger), max_size=3).map(tuple),
    nine_situations=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    children=CHILDREN.map(tuple),
    guardians=st.lists(_people(GuardianFacts), max_size=3).map(tuple),
    household=_people(HouseholdFacts),
)


def routing(triage):
    """What opens or may open, without what waits for a duplicate check or for an expiry."""
    held = {"duplicate_cleared", "expired:duplicate_check", "expired:parents_return_or_delegate"}
    return Counter(
        (r.step, str(r.agency), frozenset(b for b in r.basis if b.startswith("R")))
        for r in triage.routes
        if not held & set(r.gate.events)
    )


@pytest.mark.requirement("R066")
def test_nobody_is_ordered_to_return_when_both_parents_are_dead():
    dead = [{"relation": relation, "whereabouts": "dead"} for relation in ("father", "mother")]
    for guardians, task, returns in (
        (dead, "secure_the_child", False),
        ([dead[0], {"relation": "mother", "whereabouts": "missing"}], "order_return", True),
        (dead[:1], "order_return", True),  # of the other one nothing is known
    ):
        triage = PACK.triage(
            ReportFacts.model_validate(
                {
                    "children": [{"child_id": "c", "lives_alone": "yes"}],
                    "guardians": guardians,
                    "situations": ["living_alone"],
                }
            )
        )
        police = [route for route in triage.routes if route.agency == "POLICE"]
        assert [(route.task, route.urgent, route.gate) for route in police] == [(task, True, Gate())]
        assert ("parents_return_or_delegate" in {duty.code for duty in triage.obligations}) is returns
        assert any(route.task == "care_tonight" for route in triage.routes)


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
    assert {row.id for row in PACK.file.routes if row.urgent} >= {
        "a-police",
        "b-police",
        "c-police",
        "d-police",
        "e-police",
    }
    assert not [row.id for row in PACK.file.routes if row.urgent and row.gate != Gate()]
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
        ("routes.yaml", ("reporter == 'hotline'\"", 'reporter == "'), "row own-hotline: when the condition is no CEL"),
        (
            "routes.yaml",
            ("branch == 'B' && !possible", "branhc == 'B' && !possible"),
            "row b-police: when nothing is called branhc",
        ),
        (
            "routes.yaml",
            ("reporter == 'hotline'", "reporter == 'hotlien'"),
            "row own-hotline: when no code is called hotlien",
        ),
        ("routes.yaml", ("reporter == 'hotline'", "size(nine)"), "row own-hotline: when the condition answers 0"),
        ("routes.yaml", ("finish: protection_order", "finish: soon"), "row c-women: there is no time called soon"),
        (
            "triage.yaml",
            ("not_found", "children.exists(c, c.fuond == 'no')"),
            "row t-missing: when no fact is called fuond",
        ),
        (
            "triage.yaml",
            ("not_found", "children.exists(c, c.age_years < 8)"),
            "row t-missing: when the condition fails on some reports",
        ),
        ("triage.yaml", ('when: "true"', 'when: "urgent"'), "no row holds for every report"),
        ("times.yaml", ("anchor: due, before: true", "anchor: die, before: true"), "ladders row urgent"),
        ("times.yaml", ("rung: remind", "rung: supervision"), "ladders row urgent: "),
        ("routes.yaml", ("id: own-school,", "id: own-hotline,"), "row own-hotline: this id stands twice"),
        ("times.yaml", ("urgent: 15 minutes", "urgent: 0 minutes"), "row police_accept"),
        (
            "routes.yaml",
            (
                "when: \"'C' in branches\", accept: police_accept",
                "gate: {stage: assess}, when: \"'C' in branches\", accept: police_accept",
            ),
            "row c-police: an emergency leg waits for nothing",
        ),
        (
            "routes.yaml",
            ("or_after: [c-women]", "or_after: [c-woman]"),
            "row c-court: there is no route called c-woman",
        ),
    ],
)
def test_a_bad_pack_is_refused_with_place_and_reason(tmp_path, table, change, said):
    for name in loader.FILES:
        text = (loader.HERE / "fengtai-2026.1" / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace(*change, 1) if name == table else text, "utf-8")
    with pytest.raises(BadPack) as refusal:
        read(tmp_path)
    assert str(refusal.value).startswith(f"{table}: ")
    assert said in str(refusal.value)


CHILD = {"child_id": "ch-1"}
OTHER_REPORTS = {
    "a schoolmate beat a pupil": (
        {"reporter_class": "school", "situations": ("suspected_unlawful_harm",), "harm_by": ("schoolmate",),
         "children": ({**CHILD, "injured": "yes", "attending": "yes"},)},
        ("immediate", "D"), {(1, "SCHOOL"), (1, "HOSPITAL"), (2, "POLICE"), (3, "CIVIL"), (3, "EDU"), (4, "SW"), (5, "PROC")},
    ),
    "a kindergarten sees that a parent beats, and ticks nothing": (
        {"reporter_class": "kindergarten", "children": ({**CHILD, "injured": "yes", "age_years": 4},),
         "guardians": ({"relation": "mother", "suspected_of_harm": "yes"},)},
        ("immediate", "C"), {(1, "SCHOOL"), (1, "HOSPITAL"), (2, "POLICE"), (3, "CIVIL"), (4, "WF"), (5, "COURT")},
    ),
    "an accident in the casualty department": (
        {"reporter_class": "medical", "situations": ("suspected_accident",), "children": ({**CHILD, "injured": "yes"},),
         "guardians": ({"relation": "mother", "whereabouts": "home", "suspected_of_harm": "no"},)},
        ("immediate", "D"), {(1, "HOSPITAL"), (2, "POLICE"), (3, "CIVIL"), (4, "SW")},
    ),
    "children who beg for somebody": (
        {"nine_situations": (8,), "organised_exploitation": "yes", "children": ({**CHILD, "identity_known": "no"},)},
        ("immediate", "E"), {(2, "POLICE"), (2, "RESCUE"), (3, "CIVIL"), (4, "SW"), (5, "PROC")},
    ),
    "a girl who no longer goes to school and works": (
        {"kind": "dropout", "reporter_class": "school",
         "children": ({**CHILD, "sex": "female", "attending": "no", "working": "yes"},)},
        ("normal", "DROPOUT"), {(1, "SCHOOL"), (2, "EDU"), (2, "STREET"), (2, "POLICE"), (3, "WF"), (3, "HR"), (4, "SW")},
    ),
    "both parents in prison and nobody tonight": (
        {"situations": ("unguarded",), "children": (CHILD,), "household": {"carer_available_tonight": "no"},
         "guardians": ({"relation": "father", "whereabouts": "imprisoned"}, {"relation": "mother", "whereabouts": "dead"})},
        ("same_day", "DETAINED_PARENT"), {(1, "POLICE"), (2, "CIVIL"), (2, "EXEC"), (3, "JUSTICE"), (3, "STREET"), (3, "SW")},
    ),
    "an application of a poor family without disability": (
        {"kind": "application", "reporter_class": "public", "household": {"on_minimum_living": "yes", "housing_need": "yes"},
         "children": ({**CHILD, "attending": "yes", "school_stage": "primary"},)},
        ("normal", "APPLICATION"), {(1, "STREET"), (2, "CIVIL"), (2, "EDU"), (3, "HOUSING"), (4, "SW")},
    ),
    "a small child alone in the morning": (
        {"situations": ("living_alone",), "children": ({**CHILD, "age_years": 5, "alone_now": "yes"},)},
        ("immediate", "A"), {(2, "POLICE"), (2, "STREET"), (3, "CIVIL"), (5, "SW")},
    ),
    "a child whose illness the family cannot pay, told by a hospital": (
        {"reporter_class": "medical", "children": ({**CHILD, "gravely_ill": "yes", "needs_treatment": "yes"},),
         "household": {"cannot_pay_treatment": "yes"}},
        ("immediate", "None"), {(1, "HOSPITAL"), (2, "CIVIL"), (2, "HEALTH"), (2, "STREET"), (3, "SW")},
    ),
    "a foundling": (
        {"nine_situations": (6,), "children": ({**CHILD, "identity_known": "no"},)},
        ("immediate", "D"), {(1, "HOSPITAL"), (1, "POLICE"), (2, "CIVIL"), (2, "RESCUE"), (3, "HEALTH"), (4, "CIVIL")},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "answer", "legs"), OTHER_REPORTS.values(), ids=OTHER_REPORTS.keys())
def test_a_report_of_a_kind_that_no_file_holds_finds_its_agencies(said, answer, legs):
    triage = PACK.triage(ReportFacts.model_validate(said))
    assert (str(triage.urgency), str(triage.branch)) == answer
    assert {(r.step, str(r.agency)) for r in triage.routes} >= legs


@pytest.mark.requirement("R114")
def test_the_police_are_called_to_an_ill_child_only_where_something_points_to_a_situation_of_theirs():
    ill = {"child_id": "c", "gravely_ill": "yes", "needs_treatment": "yes"}
    alone = PACK.triage(ReportFacts.model_validate({"reporter_class": "medical", "children": [ill]}))
    assert "POLICE" not in {leg.agency for leg in alone.routes}
    assert "POLICE" not in {duty.holder for duty in alone.obligations}
    (treat,) = [leg for leg in alone.routes if leg.agency == "HOSPITAL"]
    assert (treat.task, treat.gate, treat.urgent) == ("treat_first", Gate(), True)
    assert {"confirm_treated": "HOSPITAL"}.items() <= {duty.code: duty.holder for duty in alone.obligations}.items()
    for more in (
        {"children": [{**ill, "injured": "yes"}]},
        {"children": [{**ill, "alone_now": "yes"}]},
        {"children": [{"child_id": "c", "needs_treatment": "yes"}]},  # nobody knows of what
        {"children": [{**ill, "identity_known": "no"}]},
        {"children": [ill], "nine_situations": [5]},
        {"children": [ill], "situations": ["suspected_accident"]},
        {"children": [ill], "guardians": [{"relation": "father", "neglects": "yes"}]},
        {"children": [ill], "guardians": [{"relation": "father", "whereabouts": "missing"}]},
        {"children": [ill], "household": {"carer_available_tonight": "no"}},
    ):
        triage = PACK.triage(ReportFacts.model_validate({"reporter_class": "medical", **more}))
        assert "POLICE" in {leg.agency for leg in triage.routes}, more


@pytest.mark.requirement("R068")
def test_when_two_situations_meet_neither_is_lost():
    triage = PACK.triage(ReportFacts(situations=(Trigger.MISSING, Trigger.SUSPECTED_DV)))
    assert triage.branch == "B"
    assert {"b-police", "c-police", "c-civil"} <= {r.id for r in triage.routes}
    assert sum(r.assessment for r in triage.routes) == 1


def test_a_detained_parent_who_beat_the_child_is_a_case_of_violence_first():
    said = {"kind": "detention_inquiry", "situations": ["suspected_dv"], "children": [{**CHILD, "injured": "yes"}]}
    triage = PACK.triage(ReportFacts.model_validate(said))
    assert triage.branch == "C"
    assert {"first-hospital", "c-police", "p-inquiry", "p-contact"} <= {r.id for r in triage.routes}


def test_a_check_after_finding_waits_for_the_child_even_when_the_duplicate_check_expires():
    triage = PACK.triage(facts_of("CN-04", possible_duplicate=True))
    check = next(r for r in triage.routes if r.id == "b-found")
    assert check.gate.stage == "assess"
    assert "expired:duplicate_check" in check.gate.events


@given(facts=ANY_FACTS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_report_is_refused_left_alone_or_kept_waiting(facts):
    triage = PACK.triage(facts)
    legs = [r for r in triage.routes if r.gate == Gate()]
    assert legs
    assert len({r.id for r in triage.routes}) == len(triage.routes)
    assert sum(r.assessment for r in triage.routes) <= 1
    if triage.branch and triage.branch.is_police:
        assert triage.urgency.around_the_clock
        assert any(r.agency == "POLICE" and r.accept.around_the_clock for r in legs)
    suspects = {f"guardian:{n}" for n, g in enumerate(facts.guardians) if g.suspected_of_harm is Known.YES}
    assert set(triage.must_not_notify) == suspects
    assert PACK.triage(facts) == triage


@pytest.mark.parametrize("version", ["fengtai-2026.1", "fengtai-2026.1+demo"])
def test_every_row_makes_a_leg_or_a_duty_with_a_ladder_up_to_the_procuratorate(version):
    pack = load(version)
    for row in pack.file.routes:
        for urgent in (True, False):
            leg = pack.route(row.id, urgent=urgent)
            assert [spec.rung for spec in leg.accept.ladder] == list(Rung)
            assert [spec.rung for spec in leg.finish.ladder] == list(Rung)
    for duty in pack.file.duties:
        assert pack.obligation(duty.code, urgent=True).time.ladder


def test_the_demonstration_climbs_the_whole_ladder_in_a_quarter_of_a_minute():
    calendar, sunday_night = seed().calendar(), datetime(2026, 4, 12, 15, tzinfo=UTC)
    pack = load("fengtai-2026.1+demo")
    for urgent in (True, False):
        clock = Clock.start(pack.time("accept", urgent=urgent), sunday_night, calendar)
        assert max(plan.at for plan in clock.rungs) - sunday_night <= timedelta(seconds=16)


NIGHTS = {
    "Sunday night": datetime(2026, 4, 12, 15, tzinfo=UTC),
    "Spring Festival": datetime(2026, 2, 17, 3, tzinfo=UTC),
}


@pytest.mark.parametrize("now", NIGHTS.values(), ids=NIGHTS.keys())
@pytest.mark.parametrize("case_id", sorted(examples()))
def test_in_the_demonstration_no_clock_waits_for_working_time(case_id, now):
    calendar, pack = seed().calendar(), load("fengtai-2026.1+demo")
    assert not calendar.is_working(day_of(now))
    triage = pack.triage(facts_of(case_id))
    urgent = triage.urgency.around_the_clock
    by_act = [pack.obligation(duty.code, urgent=urgent) for duty in pack.file.duties if duty.gate is None]
    specs = [spec for route in triage.routes for spec in (route.accept, route.finish)]
    specs += [duty.time for duty in (*triage.obligations, *by_act)]
    assert len(specs) > 2 * len(triage.routes) > 0
    for spec in specs:
        clock = Clock.start(spec, now, calendar)
        assert now < clock.due_at <= now + timedelta(minutes=1)
        assert clock.rungs[-1].at <= now + timedelta(minutes=1)
