"""Whole lives of clocks by chance: what must hold of every plan, whatever was paused, extended or recomputed before."""

import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain.clock import Budget, Clock, ClockError, DayKind, RungPlan, RungSpec, TimeSpec, Unit
from app.domain.ladder import faults_of
from app.domain.terms import Rung
from tests.domain.days import CALENDAR, CHINA, china, works

OTHER = CALENDAR.model_copy(
    update={
        "version": "another",
        "days": {day: kind for day, kind in CALENDAR.days.items() if day.day % 3} | {date(2026, 3, 3): DayKind.HOLIDAY},
    }
)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)

Pauses = list[tuple[datetime, datetime]]


def may_ring(at: datetime) -> bool:
    return works(at.astimezone(CHINA).date()) and at.astimezone(CHINA).hour >= 9


def budgets() -> st.SearchStrategy[Budget]:
    longest = {
        Unit.SECONDS: 9000,
        Unit.MINUTES: 3000,
        Unit.HOURS: 200,
        Unit.DAYS: 40,
        Unit.WORKING_DAYS: 30,
        Unit.MONTHS: 2,
    }
    of_a_unit = st.sampled_from(list(Unit)).flatmap(lambda u: st.tuples(st.integers(1, longest[u]), st.just(u)))
    return of_a_unit.map(lambda pair: Budget(amount=pair[0], unit=pair[1]))


@st.composite
def specs(draw: st.DrawFn) -> TimeSpec:
    """Any ladder that climbs: a reminder before, then rungs on the start or on the due instant."""
    ladder = [RungSpec(rung=Rung.REMIND, anchor="due", offset=draw(budgets()), before=True)]
    for rung in draw(
        st.lists(st.sampled_from(list(Rung)[1:]), unique=True).map(lambda r: sorted(r, key=list(Rung).index))
    ):
        starts = draw(st.integers(0, 3)) == 3
        offset = draw(st.none() | budgets())
        ladder.append(RungSpec(rung=rung, anchor="start" if starts else "due", offset=offset))
    return TimeSpec(budget=draw(budgets()), around_the_clock=draw(st.booleans()), basis=("x",), ladder=tuple(ladder))


INSTANTS = st.datetimes(datetime(2025, 9, 1), datetime(2026, 6, 30), timezones=st.just(CHINA))  # noqa: DTZ001 - bounds
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pause", "resume", "extend", "recompute", "fire"]),
        st.timedeltas(timedelta(0), timedelta(days=12)),
        budgets(),
    ),
    max_size=9,
)


def check(clock: Clock, now: datetime, calendar: object = CALENDAR) -> None:
    """What must hold of a plan just made at `now`."""
    order = [spec.rung for spec in clock.spec.ladder]
    assert [plan.rung for plan in clock.rungs] == [rung for rung in order if rung not in clock.fired]
    instants = [now, *(plan.at for plan in clock.rungs)]
    assert all(earlier < later for earlier, later in pairwise(instants)), "a rung is past, or out of order"
    assert Clock.model_validate_json(clock.model_dump_json()) == clock
    if calendar is not CALENDAR or clock.spec.around_the_clock:
        return
    assert all(may_ring(plan.at) for plan in clock.rungs), "a rung is spent on a day off or at night"
    if clock.rungs and clock.rungs[0].rung is Rung.REMIND and now < clock.due_at and reachable(now, clock.due_at):
        assert clock.rungs[0].at < clock.due_at, "the reminder misses its deadline"


def reachable(now: datetime, due: datetime) -> bool:
    """Whether somebody works between the two: walk by the quarter of an hour."""
    at = now + timedelta(minutes=15)
    while at < due:
        if may_ring(at):
            return True
        at += timedelta(minutes=15)
    return False


def fired_up_to(clock: Clock, now: datetime) -> Clock:
    for plan in clock.due_rungs(now):
        clock = clock.fire(plan.rung)
    return clock


@settings(max_examples=500, deadline=None, derandomize=True)
@given(specs(), INSTANTS, STEPS)
def test_whatever_happens_no_rung_is_past_doubled_lost_or_out_of_order(
    spec: TimeSpec, now: datetime, steps: list[tuple[str, timedelta, Budget]]
) -> None:
    clock, calendar = Clock.start(spec, now, CALENDAR), CALENDAR
    check(clock, now, calendar)
    for verb, passed, budget in steps:
        now += passed
        if verb == "fire":
            clock = fired_up_to(clock, now)
        elif verb == "pause" and clock.paused_at is None:
            clock = clock.pause(now, calendar)
        elif verb == "resume" and clock.paused_at is not None:
            clock = clock.resume(now, calendar)
            check(clock, now, calendar)
        elif verb == "extend":
            extended = clock.extend(budget, now, calendar)
            assert extended.due_at > max(clock.due_at, now)
            clock = extended
        elif verb == "recompute":
            calendar = OTHER if calendar is CALENDAR else CALENDAR
            clock = clock.recompute(calendar, now)
            assert clock.calendar_version == calendar.version
        if clock.paused_at is None and verb in ("extend", "recompute"):
            check(clock, now, calendar)
    assert sorted([*clock.fired, *(plan.rung for plan in clock.rungs)]) == sorted(r.rung for r in spec.ladder)


def due_by_walking(start: datetime, amount: int, unit: str, pauses: Pauses) -> datetime:
    """The oracle: walk the days, skip those that began a run of the clock or lay in a pause, count the others."""
    runs = list(zip([start, *(end for _, end in pauses)], [*(begin for begin, _ in pauses), None], strict=True))
    left, last = amount, start.astimezone(CHINA).date()
    for begin, end in runs:
        day = begin.astimezone(CHINA).date()
        while left and (end is None or day < end.astimezone(CHINA).date()):
            day += DAY
            left -= 1 if unit == "days" or works(day) else 0
        last = day
    while not works(last):
        last += DAY
    return datetime.combine(last, time(23, 59, 59), CHINA)


def lives(count: int, units: tuple[str, ...]) -> list[tuple[datetime, Budget, Pauses]]:
    chance, made = random.Random(203), []
    for _ in range(count):
        start = at = china("2016-01-01") + timedelta(minutes=chance.randrange(10 * 365 * 1440))
        budget = Budget(amount=chance.randint(1, 30), unit=Unit(chance.choice(units)))
        pauses: Pauses = []
        for _ in range(chance.randint(1, 4)):
            begin = at + timedelta(minutes=chance.randrange(5 * 1440))
            at = begin + timedelta(minutes=chance.choice((0, 60, chance.randrange(20 * 1440))))
            pauses.append((begin, at))
        made.append((start, budget, pauses))
    return made


def paused_and_resumed(start: datetime, budget: Budget, pauses: Pauses) -> Clock | None:
    """The clock after its pauses, or None when it ran out before one of them."""
    clock = Clock.start(TimeSpec(budget=budget, around_the_clock=False, basis=("x",)), start, CALENDAR)
    for begin, end in pauses:
        if begin > clock.due_at:
            return None
        clock = clock.pause(begin, CALENDAR).resume(end, CALENDAR)
    return clock


def test_pauses_leave_the_days_that_an_oracle_counts() -> None:
    compared = 0
    for start, budget, pauses in lives(2_000, ("days", "working_days")):
        clock = paused_and_resumed(start, budget, pauses)
        if clock is not None:
            assert clock.due_at == due_by_walking(start, budget.amount, budget.unit, pauses), (start, budget, pauses)
            compared += 1
    assert compared > 1_000


def test_pauses_move_elapsed_deadlines_by_their_length() -> None:
    for start, budget, pauses in lives(500, ("hours",)):
        clock = paused_and_resumed(start, budget, pauses)
        if clock is not None:
            stood = sum((end - begin for begin, end in pauses), timedelta())
            assert clock.due_at == start + timedelta(hours=budget.amount) + stood


@settings(max_examples=300, deadline=None, derandomize=True)
@given(specs(), INSTANTS, STEPS, st.timedeltas(timedelta(0), timedelta(days=5)))
def test_a_new_version_of_the_same_calendar_moves_nothing(
    spec: TimeSpec, now: datetime, steps: list[tuple[str, timedelta, Budget]], passed: timedelta
) -> None:
    clock = Clock.start(spec, now, CALENDAR)
    for verb, step, budget in steps:
        now += step
        clock = fired_up_to(clock, now)
        if verb == "pause" and clock.paused_at is None:
            clock = clock.pause(now, CALENDAR)
        elif verb == "resume" and clock.paused_at is not None:
            clock = clock.resume(now, CALENDAR)
        elif verb == "extend":
            clock = clock.extend(budget, now, CALENDAR)
    clock = clock.resume(now, CALENDAR) if clock.paused_at else clock
    clock = fired_up_to(clock, now + passed)
    again = clock.recompute(CALENDAR.model_copy(update={"version": "the same again"}), now + passed)
    assert again == clock.model_copy(update={"calendar_version": "the same again"})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(specs(), INSTANTS, st.timedeltas(timedelta(0), timedelta(days=20)), budgets())
def test_recomputing_there_and_back_is_as_if_nothing_happened(
    spec: TimeSpec, start: datetime, passed: timedelta, added: Budget
) -> None:
    clock = Clock.start(spec, start, CALENDAR).extend(added, start, CALENDAR)
    there_and_back = clock.recompute(OTHER, start).recompute(CALENDAR, start)
    assert there_and_back.due_at == clock.due_at
    later = start + passed
    if not clock.due_rungs(later):
        check(clock.recompute(OTHER, later).recompute(CALENDAR, later), later)


def test_a_pause_of_an_overdue_duty_moves_what_hangs_on_the_start_as_well() -> None:
    ladder = (
        RungSpec(rung=Rung.DESK_HEAD, anchor="start", offset=Budget.parse("8 days")),
        RungSpec(rung=Rung.AGENCY_HEAD, anchor="due"),
        RungSpec(rung=Rung.SUPERVISION, anchor="due", offset=Budget.parse("20 days")),
    )
    spec = TimeSpec(budget=Budget.parse("1 hour"), around_the_clock=True, basis=("x",), ladder=ladder)
    clock, begin = Clock.start(spec, china("2026-03-02 10:00"), CALENDAR), china("2026-03-04 10:00")
    assert clock.pause(begin, CALENDAR).resume(begin, CALENDAR).rungs == clock.rungs
    resumed = clock.pause(begin, CALENDAR).resume(begin + 7 * DAY, CALENDAR)
    assert [plan.at - old.at for plan, old in zip(resumed.rungs, clock.rungs, strict=True)] == [7 * DAY] * 3


def forgets_the_pause(clock: Clock) -> Clock:
    return clock.model_copy(update={"paused_at": None})


def restarts_the_budget(clock: Clock) -> Clock:
    return Clock.start(clock.spec, clock.paused_at or clock.started_at, CALENDAR)


@pytest.mark.parametrize("wrong", [forgets_the_pause, restarts_the_budget])
def test_the_oracle_sees_a_wrong_resume(wrong: Callable[[Clock], Clock]) -> None:
    spec = TimeSpec(budget=Budget.parse("5 working days"), around_the_clock=False, basis=("x",))
    start, begin, end = china("2026-03-02 10:00"), china("2026-03-04 10:00"), china("2026-03-16 10:00")
    paused = Clock.start(spec, start, CALENDAR).pause(begin, CALENDAR)
    expected = due_by_walking(start, 5, "working_days", [(begin, end)])
    assert paused.resume(end, CALENDAR).due_at == expected != wrong(paused).due_at


# Bad input


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "extend", "recompute", "meet", "due_rungs", "is_overdue"])
def test_naive_instants_are_refused_everywhere(verb: str) -> None:
    naive, spec = datetime(2026, 3, 3, 10), TimeSpec(budget=Budget.parse("1 day"), around_the_clock=True, basis=())  # noqa: DTZ001
    clock = Clock.start(spec, china("2026-03-02 10:00"), CALENDAR)
    calls: dict[str, Callable[[], object]] = {
        "start": lambda: Clock.start(spec, naive, CALENDAR),
        "pause": lambda: clock.pause(naive, CALENDAR),
        "resume": lambda: clock.pause(china("2026-03-02 11:00"), CALENDAR).resume(naive, CALENDAR),
        "extend": lambda: clock.extend(Budget.parse("1 day"), naive, CALENDAR),
        "recompute": lambda: clock.recompute(OTHER, naive),
        "meet": lambda: clock.meet(naive),
        "due_rungs": lambda: clock.due_rungs(naive),
        "is_overdue": lambda: clock.is_overdue(naive),
    }
    with pytest.raises(ClockError, match="has no time zone"):
        calls[verb]()


def test_a_stored_naive_instant_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone_aware"):
        RungPlan.model_validate({"rung": "remind", "at": "2026-03-03T10:00:00"})


def test_a_clock_does_only_what_its_state_allows() -> None:
    spec = TimeSpec(budget=Budget.parse("1 day"), around_the_clock=True, basis=())
    now = china("2026-03-02 10:00")
    clock = Clock.start(spec, now, CALENDAR)
    paused, met = clock.pause(now, CALENDAR), clock.meet(now)
    for refused in (
        lambda: clock.resume(now, CALENDAR),
        lambda: paused.pause(now, CALENDAR),
        lambda: paused.fire(Rung.REMIND),
        lambda: met.pause(now, CALENDAR),
        lambda: met.extend(Budget.parse("1 day"), now, CALENDAR),
        lambda: met.meet(now),
        lambda: clock.fire(Rung.REMIND),
    ):
        with pytest.raises(ClockError):
            refused()
    assert paused.meet(now).paused_at is None
    assert (met.next_at, met.due_rungs(now + 9 * DAY), met.is_overdue(now + 9 * DAY)) == (None, (), False)


def test_a_server_clock_that_is_a_little_behind_does_no_harm() -> None:
    spec = TimeSpec(budget=Budget.parse("1 hour"), around_the_clock=True, basis=())
    now = china("2026-03-02 10:00")
    resumed = Clock.start(spec, now, CALENDAR).pause(now - SECOND, CALENDAR).resume(now - 2 * SECOND, CALENDAR)
    assert resumed.due_at == now + timedelta(hours=1)


@pytest.mark.parametrize(
    "ladder",
    [
        [{"rung": "desk_head", "anchor": "due"}, {"rung": "remind", "anchor": "start"}],
        [{"rung": "remind", "anchor": "due"}, {"rung": "remind", "anchor": "start"}],
        [{"rung": "remind", "anchor": "due", "before": True}],
        [{"rung": "remind", "anchor": "start", "offset": {"amount": 1, "unit": "days"}, "before": True}],
    ],
)
def test_ladders_that_cannot_be_climbed_are_refused(ladder: list[dict[str, object]]) -> None:
    assert tuple(faults_of([RungSpec.model_validate(rung) for rung in ladder]))


def test_a_rung_hangs_on_the_start_or_on_the_due_instant() -> None:
    with pytest.raises(ValidationError):
        RungSpec.model_validate({"rung": "remind", "anchor": "middle"})
