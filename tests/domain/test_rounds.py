"""A screening round as rules: every unit answers for itself, nothing found is an answer too, and the silent climb the ladder together."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.access import ENGINE, Actor
from app.domain.refusals import Refused
from app.domain.rounds import (
    Asked,
    CloseRound,
    OpenRound,
    RaiseDueRound,
    ReturnRound,
    RoundClosed,
    RoundRungFired,
    apply_round,
    decide_round,
    follows,
    next_round_deadline,
    organises,
)  # fmt: skip
from app.domain.terms import Agency, Role, Rung
from app.policy.calendars import seed
from app.policy.check import check
from app.policy.loader import HERE, load, texts

POLICY = load("fengtai-2026.1").with_calendar(seed().calendar())
NOW = datetime(2026, 3, 5, 1, tzinfo=UTC)
SCHOOLS = tuple(Asked(unit=f"unit-{n}", desk="SCHOOL") for n in range(3))
DESKS = tuple(Asked(unit=f"COMM-11010600{n}", desk=f"COMM-11010600{n}") for n in range(1, 4))


def teacher(n, *roles):
    return Actor(
        person_id=f"t{n}", agency=Agency.SCHOOL, desk="SCHOOL", roles=roles or (Role.REPORTER,), unit=f"unit-{n}"
    )


def officer(asked, role=Role.OFFICER):
    return Actor(person_id=f"p-{asked.desk}", agency=Agency.COMM, desk=asked.desk, roles=(role,))


class Life:
    """A round and all its events."""

    def __init__(self, code="school_screening", units=SCHOOLS):
        self.state, self.events = None, []
        self.do(OpenRound(by=ENGINE, round_id="round-x", code=code, division="110106", units=units), NOW)

    def do(self, command, now):
        events = decide_round(self.state, command, POLICY, now)
        for event in events:
            self.state = apply_round(self.state, event)
        self.events += events
        return events

    def climb(self):
        rungs = []
        while (due := next_round_deadline(self.state)) is not None:
            rungs += self.do(RaiseDueRound(by=ENGINE), due)
        return rungs


@pytest.mark.requirement("R048")
def test_the_silent_units_climb_every_rung_once_and_who_has_answered_is_named_in_none():
    life = Life()
    life.do(ReturnRound(by=teacher(1), unit="unit-1", screened=400), NOW + timedelta(hours=1))
    rungs = life.climb()
    assert [fired.rung for fired in rungs] == list(Rung)
    assert {fired.missing for fired in rungs} == {("unit-0", "unit-2")}
    assert rungs[0].recipients == ("unit:unit-0", "unit:unit-2")
    assert rungs[1].recipients == ("desk_head:EDU",), "above a school stands who holds the round"
    assert rungs[2].recipients == ("agency_head:EDU", "desk:CONF")
    assert rungs[4].recipients == ("desk:PROC",)


def test_above_a_committee_stand_its_own_heads():
    life = Life("community_survey", DESKS)
    first, second, *_ = life.climb()
    assert first.recipients == tuple(f"desk:{asked.desk}" for asked in DESKS)
    assert second.recipients == tuple(f"desk_head:{asked.desk}" for asked in DESKS)


def test_the_last_answer_ends_the_round_and_a_later_one_is_told_that_it_is_over():
    life = Life()
    for n in range(3):
        life.do(ReturnRound(by=teacher(n), unit=f"unit-{n}", screened=10), NOW + timedelta(days=n))
    assert isinstance(life.events[-1], RoundClosed)
    assert (life.events[-1].reason, life.state.missing, next_round_deadline(life.state)) == ("complete", (), None)
    with pytest.raises(Refused) as over:
        life.do(ReturnRound(by=teacher(1), unit="unit-1", screened=1), NOW + timedelta(days=5))
    assert over.value.code == "round_closed"


def test_a_second_answer_adds_to_the_first_and_a_late_one_says_so():
    life = Life()
    life.do(ReturnRound(by=teacher(0), unit="unit-0", screened=400), NOW + timedelta(hours=1))
    life.do(ReturnRound(by=teacher(0), unit="unit-0", screened=5, reports=("case-1",)), NOW + timedelta(hours=2))
    late = life.state.clock.due_at + timedelta(seconds=1)
    life.do(ReturnRound(by=teacher(1), unit="unit-1", screened=7), late)
    first, second = life.state.returns
    assert (first.screened, first.reports, first.at, first.late) == (405, ("case-1",), NOW + timedelta(hours=1), False)
    assert (second.at, second.late) == (late, True)


@pytest.mark.parametrize(
    ("by", "unit"),
    [
        (teacher(1), "unit-0"), (teacher(0, Role.OFFICER), "unit-0"), (teacher(0), "unit-9"),
        (Actor(person_id="e", agency=Agency.EDU, desk="EDU", roles=(Role.OFFICER,)), "unit-0"),
    ],
)  # fmt: skip
def test_nobody_answers_for_another_unit(by, unit):
    with pytest.raises(Refused) as no:
        Life().do(ReturnRound(by=by, unit=unit, screened=1), NOW)
    assert no.value.code == "not_asked"


@pytest.mark.requirement("R120")
def test_the_womens_federation_takes_part_in_the_survey_of_the_communities_and_in_no_screening_by_schools():
    survey = Life("community_survey", DESKS)
    survey.do(ReturnRound(by=officer(DESKS[0]), unit=DESKS[0].unit, screened=90, joined=("WF",)), NOW)
    assert survey.state.returned(DESKS[0].unit).joined == (Agency.WF,)
    with pytest.raises(Refused):
        Life().do(ReturnRound(by=teacher(0), unit="unit-0", screened=1, joined=("WF",)), NOW)
    federation = Actor(person_id="w", agency=Agency.WF, desk="WF", roles=(Role.OFFICER,))
    assert follows(federation, POLICY.rounds["community_survey"])
    assert not follows(federation, POLICY.rounds["school_screening"])


def test_who_may_open_a_round_out_of_its_turn():
    spec = POLICY.rounds["school_screening"]
    for desk, roles, may in (
        ("EDU", (Role.DESK_HEAD,), True), ("EDU", (Role.OFFICER,), False), ("CIVIL", (Role.SUPERVISOR,), True),
        ("HEALTH", (Role.AGENCY_HEAD,), False), ("CONF", (Role.OFFICER,), False), ("CONF", (Role.ADMIN, Role.SUPERVISOR), False),
    ):  # fmt: skip
        assert organises(Actor(person_id="x", agency=Agency(desk), desk=desk, roles=roles), spec) is may, (desk, roles)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40)), max_size=8))
def test_whatever_the_order_a_unit_is_missing_exactly_until_it_has_answered(answers):
    life, said = Life(), set()
    for n, day in sorted(answers, key=lambda answer: answer[1]):
        if not life.state.is_open:
            break
        life.do(ReturnRound(by=teacher(n), unit=f"unit-{n}", screened=1), NOW + timedelta(days=day))
        said.add(f"unit-{n}")
        assert {asked.unit for asked in life.state.missing} == {"unit-0", "unit-1", "unit-2"} - said
    assert life.state.is_open is (len(said) < 3)
    if life.state.is_open:
        life.do(CloseRound(by=ENGINE), NOW + timedelta(days=60))
        assert set(life.events[-1].missing) == {"unit-0", "unit-1", "unit-2"} - said
        assert not any(isinstance(event, RoundRungFired) for event in life.events)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("time: round_return", "time: someday", "there is no time called someday"),
        ("basis: [R105, default]", "basis: [R999]", "no such source"),
        ("listed: schools", "listed: staff", "there is no register of units called staff"),
        ("each: unit", "each: desk", "there is no register of units called schools"),
        ("code: community_survey", "code: school_screening", "this code stands twice"),
        ("opens: [{month: 6, day: 1}, {month: 12, day: 1}]", "opens: []", "it never begins"),
        ("{month: 6, day: 1}", "{month: 2, day: 30}", "less than or equal to 28"),
    ],
)  # fmt: skip
def test_a_round_that_cannot_run_is_refused_with_its_place(before, after, said):
    files = texts(HERE / "fengtai-2026.1")
    assert before in files["rounds.yaml"]
    faults = check({**files, "rounds.yaml": files["rounds.yaml"].replace(before, after, 1)})
    assert any(said in fault.reason and fault.file == "rounds.yaml" for fault in faults), faults
