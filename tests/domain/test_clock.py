"""Clocks and their ladders: pauses, extensions and new calendars, by example and by the bugs of others."""

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest

from app.domain.clock import Budget, Calendar, Clock, ClockError, DayKind, Remaining, RungSpec, TimeSpec, Unit
from app.domain.terms import Rung
from tests.domain.days import CALENDAR, CHINA, china

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def local(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%m-%d %a %H:%M:%S")


def rung(name: str, anchor: str, offset: str = "", *, before: bool = False) -> RungSpec:
    budget = Budget.parse(offset) if offset else None
    return RungSpec.model_validate({"rung": name, "anchor": anchor, "offset": budget, "before": before})


LADDER = (
    rung("remind", "due", "1 working day", before=True),
    rung("desk_head", "due"),
    rung("agency_head", "due", "1 working day"),
    rung("supervision", "due", "3 working days"),
    rung("procuratorate", "due", "5 working days"),
)
URGENT_LADDER = (
    rung("remind", "due", "5 minutes", before=True),
    rung("desk_head", "due"),
    rung("agency_head", "due", "15 minutes"),
    rung("supervision", "due", "1 hour"),
    rung("procuratorate", "due", "1 day"),
)
EARLY_LADDER = (
    rung("remind", "start", "1 day"),
    rung("desk_head", "start", "2 working days"),
    rung("agency_head", "due", "2 hours"),
    rung("procuratorate", "due", "30 hours"),
)


def spec(budget: str, ladder: tuple[RungSpec, ...] = LADDER, *, around_the_clock: bool = False) -> TimeSpec:
    return TimeSpec(budget=Budget.parse(budget), around_the_clock=around_the_clock, basis=("default",), ladder=ladder)


def started(at: str, budget: str, ladder: tuple[RungSpec, ...] = LADDER, *, around_the_clock: bool = False) -> Clock:
    return Clock.start(spec(budget, ladder, around_the_clock=around_the_clock), china(at), CALENDAR)


def times(clock: Clock) -> list[str]:
    return [local(plan.at) for plan in clock.rungs]


def is_working_moment(at: datetime) -> bool:
    there = at.astimezone(CHINA)
    return CALENDAR.is_working(there.date()) and there.time() >= time(9)


def check(clock: Clock, now: datetime) -> None:
    """What must hold of every plan made at `now`."""
    order = [rung_spec.rung for rung_spec in clock.spec.ladder if rung_spec.rung not in clock.fired]
    assert [plan.rung for plan in clock.rungs] == order
    instants = [now, *(plan.at for plan in clock.rungs)]
    assert all(earlier < later for earlier, later in pairwise(instants)), "a rung is past, or out of order"
    if not clock.spec.around_the_clock:
        assert all(is_working_moment(plan.at) for plan in clock.rungs), "a rung is spent on a day off or at night"
    assert not clock.due_rungs(now)
    assert Clock.model_validate_json(clock.model_dump_json()) == clock


# The bugs that others shipped


def test_one_working_day_is_not_24_working_hours() -> None:
    clock = started("2026-03-05 16:00", "1 working day")
    assert local(clock.due_at) == "03-06 Fri 23:59:59"
    assert not clock.is_overdue(china("2026-03-06 16:01"))


@pytest.mark.parametrize(
    ("start", "budget", "offset", "reminded", "due"),
    [
        ("2026-03-04 10:00", "3 days", "1 day", "03-09 Mon 09:00:00", "03-09 Mon 23:59:59"),
        ("2026-03-04 10:00", "3 working days", "1 working day", "03-06 Fri 09:00:00", "03-09 Mon 23:59:59"),
        ("2026-03-05 12:00", "48 hours", "2 hours", "03-06 Fri 09:00:00", "03-07 Sat 12:00:00"),
        ("2026-03-06 17:00", "24 hours", "4 hours", "03-06 Fri 20:29:59", "03-07 Sat 17:00:00"),
        ("2026-09-28 10:00", "3 working days", "2 days", "10-08 Thu 09:00:00", "10-08 Thu 23:59:59"),
    ],
)
def test_no_reminder_is_spent_on_a_day_off(start: str, budget: str, offset: str, reminded: str, due: str) -> None:
    clock = started(start, budget, (rung("remind", "due", offset, before=True), rung("desk_head", "due")))
    assert (times(clock)[0], local(clock.due_at)) == (reminded, due)


def test_a_reminder_with_no_working_moment_left_comes_first_thing_with_the_next_rung_behind_it() -> None:
    clock = started("2026-03-07 10:00", "24 hours", (rung("remind", "due", "2 hours", before=True), *LADDER[1:2]))
    assert times(clock) == ["03-09 Mon 09:00:00", "03-09 Mon 09:00:01"]


def resume_that_forgets_the_ladder(clock: Clock) -> Clock:
    return clock.model_copy(update={"paused_at": None, "remaining": None})


def assert_silent_after(resumed: Clock, now: datetime) -> None:
    assert resumed.due_rungs(now) == resumed.due_rungs(now + timedelta(hours=1)) == ()
    check(resumed, now)


def test_a_resume_fires_nothing_and_keeps_the_spacing_of_the_ladder() -> None:
    now = china("2026-04-14 10:00")
    resumed = (
        started("2026-03-02 10:00", "5 working days").pause(china("2026-03-04 10:00"), CALENDAR).resume(now, CALENDAR)
    )
    assert_silent_after(resumed, now)
    assert local(resumed.due_at) == "04-17 Fri 23:59:59"
    assert times(resumed) == [
        *("04-16 Thu 09:00:00", "04-17 Fri 23:59:59", "04-20 Mon 23:59:59", "04-22 Wed 23:59:59", "04-24 Fri 23:59:59")
    ]


def test_a_resume_that_fires_every_timer_at_once_would_be_seen() -> None:
    paused = started("2026-03-02 10:00", "5 working days").pause(china("2026-03-04 10:00"), CALENDAR)
    with pytest.raises(AssertionError):
        assert_silent_after(resume_that_forgets_the_ladder(paused), china("2026-04-14 10:00"))


def test_a_deadline_on_the_last_second_of_a_make_up_saturday() -> None:
    clock = started("2026-02-13 10:00", "1 working day")
    assert CALENDAR.kind(date(2026, 2, 14)) is DayKind.MAKE_UP
    assert local(clock.due_at) == "02-14 Sat 23:59:59"
    assert [plan.rung for plan in clock.due_rungs(clock.due_at)] == [Rung.REMIND, Rung.DESK_HEAD]
    assert [plan.rung for plan in clock.due_rungs(clock.due_at - SECOND)] == [Rung.REMIND]
    assert not clock.is_overdue(clock.due_at)
    assert clock.is_overdue(clock.due_at + SECOND)
    assert times(clock)[2] == "02-24 Tue 23:59:59"


# Ladders


def test_a_full_ladder_over_national_day() -> None:
    clock = started("2026-09-28 15:00", "2 working days")
    assert times(clock) == [
        *("09-29 Tue 09:00:00", "09-30 Wed 23:59:59", "10-08 Thu 23:59:59", "10-10 Sat 23:59:59", "10-13 Tue 23:59:59")
    ]


def test_an_urgent_ladder_fires_to_the_minute_on_a_holiday_night() -> None:
    clock = started("2026-10-01 23:40", "15 minutes", URGENT_LADDER, around_the_clock=True)
    assert times(clock)[:4] == ["10-01 Thu 23:50:00", "10-01 Thu 23:55:00", "10-02 Fri 00:10:00", "10-02 Fri 00:55:00"]
    assert not clock.provisional


def test_an_elapsed_budget_in_working_time_ends_at_night_but_rings_in_the_morning() -> None:
    clock = started("2026-03-06 20:00", "6 hours", LADDER[:2])
    assert local(clock.due_at) == "03-07 Sat 02:00:00"
    assert times(clock)[1] == "03-09 Mon 09:00:00"


def test_a_reminder_longer_than_the_budget_goes_half_way() -> None:
    clock = started("2026-03-03 10:00", "10 minutes", (rung("remind", "due", "1 hour", before=True),))
    assert times(clock) == ["03-03 Tue 10:05:00"]


def test_half_way_is_a_working_morning() -> None:
    clock = started("2026-03-02 10:00", "5 working days", (rung("remind", "due", "9 working days", before=True),))
    assert times(clock) == ["03-06 Fri 09:00:00"]


def test_rungs_at_one_instant_are_told_one_after_the_other() -> None:
    ladder = (rung("desk_head", "due"), rung("agency_head", "due"), rung("supervision", "due"))
    assert times(started("2026-03-03 10:00", "1 hour", ladder)) == [
        *("03-03 Tue 11:00:00", "03-03 Tue 11:00:01", "03-03 Tue 11:00:02")
    ]
    assert times(started("2026-03-05 10:00", "1 working day", ladder)) == [
        *("03-06 Fri 23:59:59", "03-09 Mon 09:00:00", "03-09 Mon 09:00:01")
    ]


def test_fired_rungs_leave_the_plan_and_never_fire_again() -> None:
    clock = started("2026-03-02 10:00", "5 working days")
    fired = clock.fire(Rung.REMIND)
    assert (fired.fired, fired.rungs, fired.next_at) == ((Rung.REMIND,), clock.rungs[1:], clock.rungs[1].at)
    with pytest.raises(ClockError, match="was climbed before"):
        fired.fire(Rung.REMIND)
    extended = fired.extend(Budget.parse("5 working days"), china("2026-03-09 10:00"), CALENDAR)
    assert Rung.REMIND not in [plan.rung for plan in extended.rungs]


def test_after_an_outage_all_rungs_that_are_due_are_named_lowest_first() -> None:
    clock = started("2026-03-02 10:00", "5 working days")
    assert [plan.rung for plan in clock.due_rungs(china("2026-03-12 10:00"))] == list(Rung)[:3]


# Pauses


def test_a_pause_keeps_the_seconds_that_are_left() -> None:
    paused = started("2026-03-03 10:00", "1 hour").pause(china("2026-03-03 10:20"), CALENDAR)
    assert paused.remaining == Remaining(amount=2400, unit=Unit.SECONDS)
    assert (paused.next_at, paused.due_rungs(china("2026-04-03 10:00"))) == (None, ())
    assert not paused.is_overdue(china("2026-04-03 10:00"))
    assert local(paused.resume(china("2026-03-10 09:00"), CALENDAR).due_at) == "03-10 Tue 09:40:00"


def test_a_begun_second_is_left_to_the_desk() -> None:
    paused = started("2026-03-03 10:00", "1 hour").pause(china("2026-03-03 10:20:00.5"), CALENDAR)
    assert paused.remaining == Remaining(amount=2400, unit=Unit.SECONDS)


def test_a_pause_keeps_the_days_after_the_day_of_the_pause() -> None:
    clock = started("2026-03-02 10:00", "5 working days")
    paused = clock.pause(china("2026-03-04 10:00"), CALENDAR)
    assert paused.remaining == Remaining(amount=3, unit=Unit.WORKING_DAYS)
    resumed = paused.resume(china("2026-03-04 18:00"), CALENDAR)
    assert (resumed.due_at, resumed.rungs) == (clock.due_at, clock.rungs)
    in_days = started("2026-03-02 10:00", "10 days").pause(china("2026-03-07 10:00"), CALENDAR)
    assert in_days.remaining == Remaining(amount=5, unit=Unit.DAYS)


@pytest.mark.parametrize(("resumed", "due"), [("2026-03-11 10:00", "03-11 Wed"), ("2026-03-14 10:00", "03-16 Mon")])
def test_nought_days_left_is_the_end_of_the_day_of_the_resume(resumed: str, due: str) -> None:
    paused = started("2026-03-02 10:00", "2 working days").pause(china("2026-03-04 10:00"), CALENDAR)
    assert paused.remaining == Remaining(amount=0, unit=Unit.WORKING_DAYS)
    clock = paused.resume(china(resumed), CALENDAR)
    assert local(clock.due_at) == f"{due} 23:59:59"
    check(clock, china(resumed))


def test_a_pause_does_not_cure_an_overdue_duty() -> None:
    clock = started("2026-03-02 10:00", "2 working days").fire(Rung.REMIND).fire(Rung.DESK_HEAD)
    paused = clock.pause(china("2026-03-05 10:00"), CALENDAR)
    assert paused.remaining == Remaining(amount=0, unit=Unit.SECONDS)
    assert paused.is_overdue(china("2026-03-05 10:00"))
    now = china("2026-03-12 10:00")
    resumed = paused.resume(now, CALENDAR)
    assert resumed.due_at == clock.due_at
    assert [plan.at - old.at for plan, old in zip(resumed.rungs, clock.rungs, strict=True)] == [timedelta(days=7)] * 3
    assert resumed.is_overdue(now)
    check(resumed, now)


def test_an_extension_ends_the_lag_of_a_ladder() -> None:
    paused = started("2026-03-02 10:00", "2 working days").pause(china("2026-03-05 10:00"), CALENDAR)
    resumed = paused.resume(china("2026-03-12 10:00"), CALENDAR)
    extended = resumed.extend(Budget.parse("2 working days"), china("2026-03-12 10:00"), CALENDAR)
    assert times(extended)[:2] == ["03-13 Fri 09:00:00", "03-16 Mon 23:59:59"]


def test_what_hangs_on_the_start_waits_for_the_rest_of_its_time() -> None:
    clock = started("2026-03-06 10:00", "6 working days", EARLY_LADDER).fire(Rung.REMIND)
    assert times(clock)[0] == "03-10 Tue 23:59:59"
    resumed = clock.pause(china("2026-03-09 10:00"), CALENDAR).resume(china("2026-03-18 10:00"), CALENDAR)
    assert times(resumed)[0] == "03-19 Thu 23:59:59"


# Extensions


def test_an_extension_is_counted_from_the_due_instant_and_moves_the_ladder() -> None:
    clock = started("2026-03-02 10:00", "5 working days")
    extended = clock.extend(Budget.parse("3 working days"), china("2026-03-09 09:30"), CALENDAR)
    assert (local(extended.due_at), extended.extended_times) == ("03-12 Thu 23:59:59", 1)
    assert times(extended)[0] == "03-11 Wed 09:00:00"
    assert len(extended.rungs) == 5
    check(extended, china("2026-03-09 09:30"))


def test_a_late_extension_gives_its_whole_time_from_now() -> None:
    now = china("2026-03-18 10:00")
    extended = started("2026-03-02 10:00", "5 working days").extend(Budget.parse("2 working days"), now, CALENDAR)
    assert local(extended.due_at) == "03-20 Fri 23:59:59"
    check(extended, now)


def test_an_extension_in_a_pause_is_added_to_what_is_left() -> None:
    paused = started("2026-03-02 10:00", "5 working days").pause(china("2026-03-04 10:00"), CALENDAR)
    extended = paused.extend(Budget.parse("2 working days"), china("2026-03-05 10:00"), CALENDAR)
    assert (extended.remaining, extended.extended_times) == (Remaining(amount=5, unit=Unit.WORKING_DAYS), 1)
    assert local(extended.resume(china("2026-03-09 10:00"), CALENDAR).due_at) == "03-16 Mon 23:59:59"


def test_an_extension_of_another_unit_survives_a_pause() -> None:
    clock = started("2026-03-02 10:00", "24 hours", around_the_clock=True)
    extended = clock.extend(Budget.parse("1 working day"), china("2026-03-02 12:00"), CALENDAR)
    assert local(extended.due_at) == "03-04 Wed 23:59:59"
    paused = extended.pause(china("2026-03-02 22:00"), CALENDAR)
    assert paused.remaining == Remaining(amount=12 * 3600, unit=Unit.SECONDS)
    assert local(paused.resume(china("2026-03-05 10:00"), CALENDAR).due_at) == "03-06 Fri 23:59:59"
    within = extended.pause(china("2026-03-03 22:00"), CALENDAR)
    assert within.remaining == Remaining(amount=1, unit=Unit.WORKING_DAYS)


def test_an_overdue_duty_extended_in_its_pause_is_no_longer_overdue() -> None:
    paused = started("2026-03-02 10:00", "2 working days").pause(china("2026-03-09 10:00"), CALENDAR)
    extended = paused.extend(Budget.parse("2 working days"), china("2026-03-10 10:00"), CALENDAR)
    assert not extended.is_overdue(china("2026-03-10 10:00"))
    assert local(extended.resume(china("2026-03-16 10:00"), CALENDAR).due_at) == "03-18 Wed 23:59:59"


# Calendars that are confirmed later

CONFIRMED = CALENDAR.model_copy(
    update={
        "version": "CN-2027-confirmed",
        "days": {**CALENDAR.days, date(2027, 1, 4): DayKind.HOLIDAY, date(2027, 1, 9): DayKind.MAKE_UP},
        "confirmed_until": date(2027, 12, 31),
    }
)


def test_over_new_year_a_deadline_is_provisional_until_the_year_is_confirmed() -> None:
    clock = started("2026-12-28 10:00", "5 working days").fire(Rung.REMIND)
    assert (local(clock.due_at), clock.provisional, clock.due_provisional) == ("01-05 Tue 23:59:59", True, True)
    now = china("2026-12-30 10:00")
    confirmed = clock.recompute(CONFIRMED, now)
    assert (local(confirmed.due_at), confirmed.provisional) == ("01-06 Wed 23:59:59", False)
    assert confirmed.calendar_version == "CN-2027-confirmed"
    assert times(confirmed)[-1] == "01-12 Tue 23:59:59", "the make-up Saturday counts"
    check_plan(confirmed, now)


def check_plan(clock: Clock, now: datetime) -> None:
    assert all(now < a < b for a, b in pairwise(plan.at for plan in clock.rungs))
    assert not set(clock.fired) & {plan.rung for plan in clock.rungs}


def test_the_calendar_in_force_changes_nothing() -> None:
    clock = started("2026-12-28 10:00", "5 working days")
    assert clock.recompute(CALENDAR, china("2027-06-01 10:00")) is clock


def test_a_deadline_before_new_year_with_rungs_behind_it_says_which_is_provisional() -> None:
    clock = started("2026-12-28 10:00", "3 working days")
    assert (local(clock.due_at), clock.provisional, clock.due_provisional) == ("12-31 Thu 23:59:59", True, False)
    assert not started("2026-12-01 10:00", "3 working days").provisional


@pytest.mark.parametrize(
    ("budget", "around_the_clock", "provisional"),
    [
        ("80 hours", True, False),
        ("10 days", True, False),
        ("10 days", False, True),
        ("10 working days", True, True),
        ("80 hours", False, False),
    ],
)
def test_only_what_the_calendar_can_move_is_provisional(budget: str, around_the_clock: bool, provisional: bool) -> None:
    clock = started("2026-12-29 10:00", budget, (), around_the_clock=around_the_clock)
    assert clock.due_at.year == 2027
    assert clock.due_provisional is clock.provisional is provisional


def test_a_deadline_that_turns_out_to_be_past_keeps_the_spacing_of_its_ladder() -> None:
    shorter = CALENDAR.model_copy(update={"version": "v2", "days": {date(2026, 10, 10): DayKind.MAKE_UP}})
    clock = started("2026-09-30 10:00", "5 working days").fire(Rung.REMIND)
    now = china("2026-10-12 10:00")
    again = clock.recompute(shorter, now)
    assert local(again.due_at) == "10-07 Wed 23:59:59"
    assert (again.rungs[0].rung, again.rungs[0].at) == (Rung.DESK_HEAD, now + SECOND)
    assert all(later.at - earlier.at > timedelta(hours=20) for earlier, later in pairwise(again.rungs))


def test_pauses_and_extensions_are_kept_by_a_new_calendar() -> None:
    def lived(calendar: Calendar) -> Clock:
        clock = Clock.start(spec("30 working days"), china("2026-11-02 10:00"), calendar)
        clock = clock.pause(china("2026-11-05 10:00"), calendar).resume(china("2026-11-16 10:00"), calendar)
        return clock.extend(Budget.parse("5 working days"), china("2026-11-20 10:00"), calendar)

    before, replayed = lived(CALENDAR), lived(CONFIRMED)
    again = before.recompute(CONFIRMED, china("2026-12-01 10:00"))
    assert (again.due_at, again.rungs, again.extended_times) == (replayed.due_at, replayed.rungs, 1)
    assert (local(before.due_at), local(again.due_at)) == ("12-30 Wed 23:59:59", "12-30 Wed 23:59:59")


def test_paused_and_met_clocks_wait_out_a_new_calendar() -> None:
    paused = started("2026-12-28 10:00", "5 working days").pause(china("2026-12-29 10:00"), CALENDAR)
    again = paused.recompute(CONFIRMED, china("2026-12-30 10:00"))
    assert (again.remaining, again.paused_at) == (paused.remaining, paused.paused_at)
    assert local(again.resume(china("2026-12-31 10:00"), CONFIRMED).due_at) == "01-08 Fri 23:59:59"
    met = paused.meet(china("2026-12-30 10:00"))
    assert met.recompute(CONFIRMED, china("2027-01-30 10:00")) is met
