"""The ladder of a duty: where its rungs hang, and the instants at which they fire."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer

from app.domain.terms import Rung
from app.domain.working_time import (
    LAST_SECOND,
    OPENS,
    SECOND,
    Budget,
    Calendar,
    Instant,
    Remaining,
    Unit,
    Value,
    day_of,
    local_instant,
)

NOTHING = timedelta()
RUNGS = tuple(Rung)


class RungSpec(Value):
    """Where one rung hangs: `offset` before or after the start or the due instant, or at it."""

    rung: Rung
    anchor: Literal["start", "due"]
    offset: Budget | None = None
    before: bool = False

    def __str__(self) -> str:
        sign = "-" if self.before else "+"
        return f"{self.rung}={self.anchor}" + (f"{sign}{self.offset}" if self.offset else "")


class TimeSpec(Value):
    """A budget with its ladder and the clauses it rests on."""

    budget: Budget
    around_the_clock: bool
    basis: tuple[str, ...]
    ladder: tuple[RungSpec, ...] = ()

    @cached_property
    def written(self) -> str:
        """In one line, as a clock keeps it."""
        hours = "24h" if self.around_the_clock else "working"
        return "|".join((str(self.budget), hours, " ".join(self.basis), ",".join(map(str, self.ladder))))


@cache
def _read(written: str) -> TimeSpec:
    budget, hours, basis, ladder = written.split("|")
    return TimeSpec(
        budget=Budget.parse(budget),
        around_the_clock=hours == "24h",
        basis=tuple(basis.split()),
        ladder=tuple(_rung(text) for text in ladder.split(",") if text),
    )


def _rung(written: str) -> RungSpec:
    rung, place = written.split("=")
    before, after = place.partition("-"), place.partition("+")
    anchor, sign, offset = before if before[1] else after
    return RungSpec.model_validate(
        {"rung": rung, "anchor": anchor, "before": sign == "-", "offset": Budget.parse(offset) if sign else None}
    )


KeptSpec = Annotated[
    TimeSpec,
    BeforeValidator(lambda given: _read(given) if isinstance(given, str) else given),
    PlainSerializer(lambda spec: spec.written, return_type=str),
    Field(
        description="Budget, 24h or working time, clauses and ladder, in one line.",
        examples=["15 minutes|24h|R065 default|remind=due-5 minutes,desk_head=due,agency_head=due+15 minutes"],
    ),
]
"""One line, and one object for all clocks with the same words: a pack has few of them, a ledger millions."""


def faults_of(ladder: Sequence[RungSpec]) -> Iterator[str]:
    """Why a ladder cannot be climbed; asked when rules are written, not each time that a clock is read."""
    heights = [RUNGS.index(spec.rung) for spec in ladder]
    if heights != sorted(set(heights)):
        yield "a ladder names each rung once, from the lowest to the highest"
    for spec in ladder:
        if spec.before and (spec.anchor == "start" or spec.offset is None):
            yield f"rung {spec.rung}: only an offset from the due instant can lie before its anchor"


class RungPlan(Value):
    """When one rung is due."""

    rung: Rung
    at: Instant


class StartCount(Value):
    """What is left until a rung that hangs on the start, counted from `since`."""

    rung: Rung
    left: Remaining
    since: Instant

    def resumed(self, paused_at: datetime, now: datetime, calendar: Calendar) -> Self:
        """Count on from `now` what was left at the pause."""
        return self.model_copy(update={"left": self.left.left_at(paused_at, self.since, calendar), "since": now})


@dataclass(frozen=True, slots=True)
class Ladder:
    """Hangs unfired rungs on a due instant, each after `after` and the one below it, in working time if need be."""

    spec: TimeSpec
    due_at: datetime
    after: datetime
    calendar: Calendar
    lag: timedelta
    counts: dict[Rung, StartCount]
    kept: dict[Rung, datetime]

    def hang(self, fired: tuple[Rung, ...]) -> tuple[tuple[RungPlan, ...], timedelta]:
        """The plan, and by how much the ladder lags behind a due instant that has passed."""
        wanted = [(spec, self._wanted(spec)) for spec in self.spec.ladder if spec.rung not in fired]
        late = self._lateness(wanted)
        plans: list[RungPlan] = []
        last = self.after
        for spec, at in wanted:
            placed = self._placed(spec, at + late, last)
            last = placed if placed > last else self._working_moment(last + SECOND)
            plans.append(RungPlan(rung=spec.rung, at=last))
        return tuple(plans), self.lag + late

    def is_uncertain(self, plan: RungPlan) -> bool:
        """Whether its instant counts a day that is not confirmed."""
        if day_of(plan.at) <= self.calendar.confirmed_until:
            return False
        offset = next(spec.offset for spec in self.spec.ladder if spec.rung is plan.rung)
        return not self.spec.around_the_clock or (offset is not None and offset.unit is Unit.WORKING_DAYS)

    def _lateness(self, wanted: list[tuple[RungSpec, datetime]]) -> timedelta:
        """How far all must move together so that the lowest comes now, when the due instant and its own have passed."""
        if self.due_at > self.after:
            return NOTHING
        missed: list[datetime] = []
        for spec, at in wanted:
            if self._working_moment(at) > self.after or self._planned(spec):
                break
            missed.append(at)
        return self.after - min(missed) if missed else NOTHING

    def _planned(self, spec: RungSpec) -> datetime | None:
        """The instant it already had, if that is still to come, still a working moment and no reminder too late."""
        at = self.kept.get(spec.rung)
        fits = at is not None and at > self.after and self._working_moment(at) == at and self._reminds(spec, at)
        return at if fits else None

    def _reminds(self, spec: RungSpec, at: datetime) -> bool:
        """Whether it comes while there is still time; only what hangs before the due instant must."""
        return not spec.before or at < self.due_at or self.due_at <= self.after

    def _wanted(self, spec: RungSpec) -> datetime:
        """Where the spec hangs the rung, past or not, working time or not."""
        around_the_clock = self.spec.around_the_clock
        if spec.anchor == "start":
            count = self.counts[spec.rung]
            return count.left.ends(count.since, self.calendar, around_the_clock=around_the_clock) + self.lag
        if spec.offset is None:
            return self.due_at + self.lag
        count_from = spec.offset.leads_to if spec.before else spec.offset.ends
        return count_from(self.due_at, self.calendar, around_the_clock=around_the_clock) + self.lag

    def _placed(self, spec: RungSpec, wanted: datetime, last: datetime) -> datetime:
        """The moment for it; one that would be past, or a reminder that would miss the due instant, goes in between."""
        at, planned = self._working_moment(wanted), self._planned(spec)
        if at > last and self._reminds(spec, at):
            return at
        if planned and planned > last:
            return planned
        if self.due_at <= self.after or (at > self.after and self._reminds(spec, at)):
            return at
        if at <= self.after:
            half_way = self._working_moment(last + (self.due_at - last) / 2)
            if half_way < self.due_at:
                return half_way
        return self._last_chance(last) or at

    def _last_chance(self, last: datetime) -> datetime | None:
        """A moment on the last working day before the due instant, if it lies after `last`."""
        day = day_of(self.due_at)
        if not self.calendar.is_working(day) or local_instant(day, OPENS) >= self.due_at:
            day = self.calendar.previous_working_day(day)
        opens, closes = local_instant(day, OPENS), min(local_instant(day, LAST_SECOND), self.due_at)
        if opens > last:
            return opens
        return last + (closes - last) / 2 if last < closes else None

    def _working_moment(self, at: datetime) -> datetime:
        """`at`, or the next opening hour of a working day when working time binds and `at` is outside it."""
        if self.spec.around_the_clock:
            return at
        day = day_of(at)
        if not self.calendar.is_working(day):
            return local_instant(self.calendar.next_working_day(day), OPENS)
        return max(at, local_instant(day, OPENS))
