"""A case's whole flow as a picture drawn here, planned above actual, on one axis of time; its table says the same in words."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Annotated, Literal, NamedTuple

from fastapi import Query, Request, Response

from app.api.context import Conn, Shouhu
from app.api.flow import Flow, NamedLane, case_flow
from app.domain.flow import Lane
from app.domain.terms import Rung, Stage
from app.domain.working_time import BEIJING
from app.router import Router
from app.web.case import facts_of, opened
from app.web.staff import Signed, show
from app.web.words import Pair, span

router = Router(include_in_schema=False)
Window = Literal["day", "week", "month", "all"]
WINDOWS: dict[Window, tuple[Pair, timedelta | None]] = {
    "day": (("首日", "First day"), timedelta(days=1)), "week": (("首周", "First week"), timedelta(days=7)),
    "month": (("首月", "First month"), timedelta(days=30)), "all": (("全程", "All of it"), None),
}  # fmt: skip
ROOM = 1.04
"""What follows the last instant on the axis."""
LEAST = 0.7
"""Percent of the width; shorter than that nothing could be seen."""
TICKS = (
    (timedelta(hours=4), "%H:%M"), (timedelta(days=1), "%m-%d"), (timedelta(days=5), "%m-%d"), (timedelta(days=10), "%m-%d"),
    (timedelta(days=30), "%y-%m"), (timedelta(days=60), "%y-%m"), (timedelta(days=180), "%y-%m"), (timedelta(days=365), "%Y"),
)  # fmt: skip
APART = 1.8
"""Percent of the width that two rungs need."""
MOST_TICKS = 8
RUNGS = {rung: n for n, rung in enumerate(Rung, 1)}


class Bar(NamedTuple):
    """A part of a lane, in percent of the width."""

    kind: str
    x: float
    width: float


class Mark(NamedTuple):
    """Something at one instant: a tick with its words, or a rung by its number."""

    x: float
    words: str


class Drawn(NamedTuple):
    """A lane with what is to be drawn of it."""

    lane: NamedLane
    planned: list[Bar]
    actual: list[Bar]
    late: list[Bar]
    rungs: list[Mark]


class Axis:
    """From instants to percent of the width."""

    def __init__(self, begins_at: datetime, ends_at: datetime) -> None:
        self.begins_at, self.ends_at = begins_at, ends_at

    def x(self, at: datetime) -> float:
        """Cut off at both ends."""
        part = (at - self.begins_at) / (self.ends_at - self.begins_at) * 100
        return round(min(max(part, 0.0), 100.0), 2)

    def bar(self, kind: str, begins_at: datetime, ends_at: datetime) -> Iterator[Bar]:
        """None of what lies outside."""
        if begins_at < self.ends_at and ends_at >= begins_at:
            x = self.x(begins_at)
            yield Bar(kind, min(x, 100 - LEAST), max(round(self.x(ends_at) - x, 2), LEAST))

    def ticks(self) -> list[Mark]:
        """Even steps of days or hours in Beijing, as many as can be read."""
        whole = self.ends_at - self.begins_at
        step, words = next((one for one in TICKS if whole / one[0] <= MOST_TICKS), TICKS[-1])
        midnight = self.begins_at.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
        instants = (midnight + step * n for n in range(int(whole / step) + 8))
        return [Mark(self.x(at), at.strftime(words)) for at in instants if self.begins_at <= at < self.ends_at]


@router.get("/cases/{case_id}/flow")
async def picture(
    case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, window: Annotated[Window | None, Query()] = None
) -> Response:  # fmt: skip
    """As much of the time as the case has lived, or as much as was chosen."""
    case = await opened(conn, who, shouhu, case_id)
    flow = await case_flow(case_id, conn, who, shouhu)
    begins_at = flow.stages[0].begins_at
    chosen = window or _lived(flow, begins_at)
    length = WINDOWS[chosen][1]
    axis = Axis(begins_at, begins_at + length if length else begins_at + (_last(flow) - begins_at) * ROOM)
    drawn = [_drawn(axis, lane, flow.at) for lane in flow.lanes]
    facts = {
        "flow": flow, "chosen": chosen, "windows": [(name, words) for name, (words, _) in WINDOWS.items()], "ticks": axis.ticks(),
        "now_x": axis.x(flow.at) if case.progress.is_open and flow.at < axis.ends_at else None,
        "by_stage": [(stage, [one for one in drawn if one.lane.stage is stage], [one for one in flow.ahead if one.stage is stage],
                      next((one for one in flow.stages if one.stage is stage), None)) for stage in tuple(Stage)[:-1]],
        "numbers": RUNGS, "length": lambda seconds: span(timedelta(seconds=seconds)) if seconds >= 60 else None,
    }  # fmt: skip
    return await show(request, conn, who, "case_flow.html", await facts_of(case, "flow") | facts)


def _lived(flow: Flow, begins_at: datetime) -> Window:
    """The shortest window that holds what has happened so far."""
    ends = flow.stages[-1].ends_at or flow.at
    for name, (_, length) in WINDOWS.items():
        if length and ends - begins_at <= length * 0.9:
            return name
    return "all"


def _last(flow: Flow) -> datetime:
    """The last instant that is known or promised."""
    known = [flow.stages[-1].ends_at or flow.at]
    known += [promise.now_due_at for lane in flow.lanes if lane.ended_at is None for promise in lane.planned]
    known += [one.ends_at for lane in flow.lanes for one in lane.actual if one.ends_at]
    return max(known) if max(known) > flow.stages[0].begins_at else flow.stages[0].begins_at + timedelta(hours=1)


def _drawn(axis: Axis, lane: NamedLane, now: datetime) -> Drawn:
    last = lane.actual[-1]
    stands = last.begins_at if last.ends_at is None and last.kind in ("paused", "returned") else None
    ends = stands or lane.ended_at or now
    planned = [bar for one in lane.planned for bar in axis.bar(one.kind, one.begins_at, max(one.due_at, one.begins_at))]
    actual = [bar for one in lane.actual for bar in axis.bar(one.kind, one.begins_at, one.ends_at or now)]
    late: list[Bar] = []
    for promise, until in zip(lane.planned, [*(one.begins_at for one in lane.planned[1:]), ends], strict=True):
        if until > promise.now_due_at:
            late += axis.bar("late", promise.now_due_at, until)
    return Drawn(lane, planned, actual, late, list(rungs_of(axis, lane)))


def rungs_of(axis: Axis, lane: Lane) -> Iterator[Mark]:
    """By their numbers; of those that would hide each other, the highest."""
    marks = [Mark(axis.x(one.at), str(RUNGS[one.rung])) for one in lane.rungs if one.at < axis.ends_at]
    return (mark for mark, higher in zip_longest(marks, marks[1:]) if higher is None or higher.x - mark.x > APART)
