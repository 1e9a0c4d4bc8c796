"""The clock of a duty: a budget and its ladder as instants, and what pauses, extensions and calendars do to them."""

from datetime import datetime, timedelta
from typing import Any, Self

from app.domain.ladder import NOTHING, KeptSpec, Ladder, RungPlan, RungSpec, StartCount, TimeSpec
from app.domain.terms import Rung
from app.domain.working_time import (
    Budget,
    Calendar,
    ClockError,
    DayKind,
    Instant,
    Remaining,
    Unit,
    Value,
    day_of,
    utc,
)

__all__ = [
    "Budget",
    "Calendar",
    "Clock",
    "ClockError",
    "DayKind",
    "Remaining",
    "RungPlan",
    "RungSpec",
    "TimeSpec",
    "Unit",
]


_LAST: dict[tuple[str, datetime, str], tuple[Calendar, Any]] = {}
"""The last clock that was set going: of a sheet with thousands of changes each begins the same one at the same instant."""


class Leg(Value):
    """One stretch of a count: it begins where the stretch before it ends, or at `since` if that is later."""

    left: Remaining
    since: Instant


class Clock(Value):
    """One running duty. Every change returns a new clock; instants are UTC; `rungs` are those not yet fired, in order.

    `provisional` says that the due instant or a rung counts days of a year that is not confirmed, `due_provisional`
    that the due instant does. While paused, `due_at` and `rungs` are those of the moment of the pause, and `remaining`
    is what is left. `legs`, `start_counts` and `ladder_lag` are what all instants are counted from, kept so that
    another calendar can count them again.
    """

    spec: KeptSpec
    started_at: Instant
    due_at: Instant
    provisional: bool
    due_provisional: bool
    calendar_version: str
    rungs: tuple[RungPlan, ...]
    fired: tuple[Rung, ...] = ()
    paused_at: Instant | None = None
    remaining: Remaining | None = None
    extended_times: int = 0
    met_at: Instant | None = None
    legs: tuple[Leg, ...]
    start_counts: tuple[StartCount, ...] = ()
    ladder_lag: timedelta = NOTHING

    @classmethod
    def start(cls, spec: TimeSpec, now: datetime, calendar: Calendar, known: datetime | None = None) -> Self:
        """Set the clock going; no rung is planned at or before `now`, nor before it is `known` that it runs."""
        if known is not None and known > now:
            return cls._started(spec, utc(now), calendar, utc(known))
        key = (spec.written, utc(now), calendar.version)
        last = _LAST.get(key)
        if last is None or last[0] is not calendar:
            _LAST.clear()
            _LAST[key] = last = (calendar, cls._started(spec, utc(now), calendar))
        return last[1]

    @classmethod
    def _started(cls, spec: TimeSpec, now: datetime, calendar: Calendar, known: datetime | None = None) -> Self:
        leg = Leg(left=Remaining(amount=spec.budget.amount, unit=spec.budget.unit), since=now)
        counts = tuple(
            StartCount(rung=rung.rung, left=_left_of(rung.offset), since=now)
            for rung in spec.ladder
            if rung.anchor == "start"
        )
        unplanned = cls(
            spec=spec,
            started_at=now,
            due_at=now,
            provisional=False,
            due_provisional=False,
            calendar_version=calendar.version,
            rungs=(),
            legs=(leg,),
            start_counts=counts,
        )
        return unplanned._planned(known or now, calendar)

    def pause(self, now: datetime, calendar: Calendar) -> Self:
        """Stop counting and keep what is left; a pause does not undo that the due instant has passed."""
        self._refuse_unless_running("paused")
        now = max(utc(now), self.legs[0].since)
        legs = self._legs_left(now, calendar)
        return self.model_copy(update={"paused_at": now, "remaining": legs[0].left, "legs": legs})

    def resume(self, now: datetime, calendar: Calendar) -> Self:
        """Count on from `now` with what was left, and plan every unfired rung anew, all of them after `now`.

        A clock that was overdue when paused keeps its due instant; its ladder goes on, later by the pause.
        """
        if self.paused_at is None or self.met_at is not None:
            raise ClockError("only a paused clock can be resumed")
        now = max(utc(now), self.paused_at)
        if self.paused_at > self.due_at:
            legs, counts = (Leg(left=_left_of(None), since=self.due_at),), self.start_counts
            lag = self.ladder_lag + (now - self.paused_at)
        else:
            legs, lag = (Leg(left=self.legs[0].left, since=now), *self.legs[1:]), NOTHING
            counts = tuple(count.resumed(self.paused_at, now, calendar) for count in self.start_counts)
        resumed = {"paused_at": None, "remaining": None, "legs": legs, "start_counts": counts, "ladder_lag": lag}
        return self.model_copy(update=resumed)._planned(now, calendar)

    def extend(self, budget: Budget, now: datetime, calendar: Calendar) -> Self:
        """Grant `budget` on top, counted from the due instant, or from `now` when that has passed."""
        if self.met_at is not None:
            raise ClockError("a clock that was met cannot be extended")
        now = utc(now)
        added = Leg(left=Remaining(amount=budget.amount, unit=budget.unit), since=now)
        changes: dict[str, object] = {"extended_times": self.extended_times + 1}
        if self.paused_at is None:
            return self.model_copy(update=changes | {"legs": (*self.legs, added)})._planned(now, calendar)
        legs = _merged((*self.legs, added), now, calendar)
        due_at = budget.ends(max(self.due_at, now), calendar, around_the_clock=self.spec.around_the_clock)
        return self.model_copy(update=changes | {"legs": legs, "remaining": legs[0].left, "due_at": due_at})

    def recompute(self, calendar: Calendar, now: datetime) -> Self:
        """Count again by another calendar, with all pauses and extensions; the same calendar changes nothing.

        A paused clock is counted again when it is resumed; one that was met stays as it was.
        """
        now = utc(now)
        if calendar.version == self.calendar_version or self.met_at is not None:
            return self
        if self.paused_at is not None:
            return self.model_copy(update={"calendar_version": calendar.version})
        return self._planned(now, calendar, kept=self.rungs)

    def going_on(self, now: datetime, calendar: Calendar) -> Self:
        """Where several rungs have come due while nobody could hear them, the lowest comes now, the others as far behind as they were
        planned; the due instant stays what it was."""
        return self._planned(utc(now), calendar) if len(self.due_rungs(now)) > 1 else self

    def again(self, now: datetime, calendar: Calendar) -> Self:
        """Of a duty that was dropped and goes on elsewhere: what has passed has passed."""
        return self.model_copy(update={"met_at": None}).recompute(calendar, now).going_on(now, calendar)

    def differs_from(self, before: "Clock") -> bool:
        """Whether the due instant, a rung, or how certain they are has changed."""
        return (self.due_at, self.rungs, self.provisional) != (before.due_at, before.rungs, before.provisional)

    def fire(self, rung: Rung) -> Self:
        """Take a planned rung as climbed; each can be climbed once, and none while the clock stands."""
        self._refuse_unless_running("escalated")
        left = tuple(plan for plan in self.rungs if plan.rung is not rung)
        if len(left) == len(self.rungs):
            raise ClockError(f"rung {rung} is not planned, or was climbed before")
        return self.model_copy(update={"rungs": left, "fired": (*self.fired, rung)})

    def meet(self, now: datetime) -> Self:
        """The duty is done: nothing is due any more, and the clock never runs again."""
        if self.met_at is not None:
            raise ClockError("a clock is met once")
        return self.model_copy(update={"met_at": utc(now), "paused_at": None, "remaining": None})

    @property
    def next_at(self) -> datetime | None:
        """When the next unfired rung is due; None while paused, once met, or when no rung is left."""
        return self.rungs[0].at if self.rungs and self._is_running else None

    def due_rungs(self, now: datetime) -> tuple[RungPlan, ...]:
        """The unfired rungs whose time has come, lowest first."""
        now = utc(now)
        return tuple(plan for plan in self.rungs if plan.at <= now) if self._is_running else ()

    def is_overdue(self, now: datetime) -> bool:
        """Whether the due instant has passed undone; time in a pause does not count, and a met clock is not overdue."""
        now = utc(now)
        return self.met_at is None and (self.paused_at or now) > self.due_at

    @property
    def _is_running(self) -> bool:
        return self.paused_at is None and self.met_at is None

    def _refuse_unless_running(self, what: str) -> None:
        if not self._is_running:
            raise ClockError(f"a clock that is {'paused' if self.paused_at else 'met'} cannot be {what}")

    def _legs_left(self, now: datetime, calendar: Calendar) -> tuple[Leg, ...]:
        """The legs that `now` leaves, the first of them shortened to what is left of it."""
        if now > self.due_at:
            return (Leg(left=_left_of(None), since=now),)
        end = self.legs[0].since
        for passed, leg in enumerate(self.legs):
            begin = max(end, leg.since)
            end = leg.left.ends(begin, calendar, around_the_clock=self.spec.around_the_clock)
            if now <= end or passed == len(self.legs) - 1:
                left = Leg(left=leg.left.left_at(now, begin, calendar), since=now)
                return _merged((left, *self.legs[passed + 1 :]), now, calendar)
        raise ClockError("a clock has at least one leg")

    def _planned(self, now: datetime, calendar: Calendar, kept: tuple[RungPlan, ...] = ()) -> Self:
        """Count the legs, and hang every unfired rung on the outcome, after `now`."""
        around_the_clock = self.spec.around_the_clock
        due_at, uncertain = self.legs[0].since, False
        for leg in self.legs:
            due_at = leg.left.ends(max(due_at, leg.since), calendar, around_the_clock=around_the_clock)
            counted = leg.left.depends_on_calendar(around_the_clock=around_the_clock)
            uncertain |= counted and day_of(due_at) > calendar.confirmed_until
        ladder = Ladder(
            spec=self.spec,
            due_at=due_at,
            after=now,
            calendar=calendar,
            lag=self.ladder_lag if due_at <= now else NOTHING,
            counts={count.rung: count for count in self.start_counts},
            kept={plan.rung: plan.at for plan in kept} if due_at == self.due_at else {},
        )
        rungs, lag = ladder.hang(self.fired)
        changes: dict[str, object] = {
            "due_at": due_at,
            "due_provisional": uncertain,
            "provisional": uncertain or any(ladder.is_uncertain(plan) for plan in rungs),
            "calendar_version": calendar.version,
            "rungs": rungs,
            "ladder_lag": lag,
        }
        return self.model_copy(update=changes)


def _left_of(budget: Budget | None) -> Remaining:
    return Remaining(amount=budget.amount, unit=budget.unit) if budget else Remaining(amount=0, unit=Unit.SECONDS)


def _merged(legs: tuple[Leg, ...], now: datetime, calendar: Calendar) -> tuple[Leg, ...]:
    """Add up what is left with the extensions of the same unit behind it, where the sum counts to the same end."""
    first, *later = legs
    left = first.left
    while later and left.unit is not Unit.DAYS:
        behind = later[0].left.left_at(now, now, calendar)
        if behind.unit is not left.unit:
            break
        left = Remaining(amount=left.amount + behind.amount, unit=left.unit)
        del later[0]
    return (Leg(left=left, since=first.since), *later)
