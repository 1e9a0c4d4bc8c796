"""全流程: what was planned of each leg and duty, and what became of it, as stretches of time; waiting apart from working. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from app.domain import events as e
from app.domain.clock import Clock
from app.domain.policy import Frozen
from app.domain.progress import Progress, State
from app.domain.terms import Agency, Rung, Stage

Kind = Literal["waiting", "returned", "working", "paused"]
"""Nobody has taken it; the sender has to complete it; somebody works on it; its clock stands still."""


class Stretch(Frozen):
    """Some time of one kind; no end while it lasts."""

    kind: Kind
    begins_at: datetime
    ends_at: datetime | None = None


class Promise(Frozen):
    """What was planned when a clock began: until when, and where the clock stands by now after pauses and extensions."""

    kind: Literal["waiting", "working"]
    begins_at: datetime
    due_at: datetime
    now_due_at: datetime


class Reached(Frozen):
    """A rung of the ladder."""

    rung: Rung
    at: datetime


class Lane(Frozen):
    """One leg or duty from its beginning."""

    subject: str
    stage: Stage
    agency: Agency
    desk: str
    state: str
    """As tasks are listed: a leg by its state, a duty as `open`, `met` or `dropped`."""
    opened_at: datetime
    ended_at: datetime | None = None
    planned: tuple[Promise, ...]
    actual: tuple[Stretch, ...]
    rungs: tuple[Reached, ...] = ()

    def spent(self, *kinds: Kind, now: datetime) -> timedelta:
        """How long it was in these."""
        return sum(((one.ends_at or now) - one.begins_at for one in self.actual if one.kind in kinds), timedelta())


class StageSpan(Frozen):
    """When the case was in a stage."""

    stage: Stage
    begins_at: datetime
    ends_at: datetime | None = None


def stage_spans(progress: Progress, events: Sequence[e.Event]) -> tuple[StageSpan, ...]:
    """The stages that were entered, in their order; closing ends the last."""
    entered = [
        (event.stage if isinstance(event, e.StageEntered) else Stage.REPORT, event.at)
        for event in events
        if isinstance(event, e.ReportFiled | e.StageEntered)
    ]
    ends = [*(at for _, at in entered[1:]), _closed(progress)]
    spans = zip(entered, ends, strict=True)
    return tuple(StageSpan(stage=stage, begins_at=at, ends_at=end) for (stage, at), end in spans)


def lanes(progress: Progress, events: Sequence[e.Event]) -> tuple[Lane, ...]:
    """Every leg and duty in the order in which they began; `progress` is the fold of these events."""
    return tuple(sorted([*_legs(progress, events), *_duties(progress, events)], key=lambda lane: lane.opened_at))


NEXT: dict[type, Kind | None] = {
    e.ReferralAccepted: "working", e.ReferralReturned: "returned", e.MaterialSupplied: "waiting", e.ClockPaused: "paused",
    e.ClockResumed: "working", e.AssessmentFiled: None, e.ReferralCompleted: None, e.ReferralFailed: None, e.ReferralDeclined: None,
    e.ReferralPassedOn: None, e.ReferralReassigned: None, e.ReferralLeftSilent: None, e.ReferralWithdrawn: None,
}  # fmt: skip
"""What a leg is in after an event; None has ended it."""


def _legs(progress: Progress, events: Sequence[e.Event]) -> Iterator[Lane]:
    for leg in progress.referrals:
        own = [event for event in events if getattr(event, "referral_id", None) == leg.id]
        opened = next(event for event in own if isinstance(event, e.ReferralOpened))
        turns: list[tuple[Kind | None, datetime]] = [
            (NEXT[type(event)], event.at) for event in own if type(event) in NEXT
        ]
        taken = next((event for event in own if isinstance(event, e.ReferralAccepted)), None)
        planned = [_promise("waiting", opened.at, opened.accept, leg.accept)]
        planned += [_promise("working", taken.at, taken.finish, leg.finish or taken.finish)] if taken else []
        ended = next((at for kind, at in turns if kind is None), None)
        yield Lane(
            subject=leg.id, stage=leg.stage, agency=leg.agency, desk=leg.desk, state=leg.state.value, opened_at=opened.at,
            ended_at=ended if not leg.state.is_open else _closed(progress), planned=tuple(planned),
            actual=_stretches("waiting", opened.at, turns, _closed(progress)), rungs=_rungs(leg.id, events),
        )  # fmt: skip


def _duties(progress: Progress, events: Sequence[e.Event]) -> Iterator[Lane]:
    """A code may be owed again; each time is a lane of its own, with the rungs of its own time."""
    stage, begun = Stage.REPORT, list[tuple[int, Stage, e.DutyOpened]]()
    for n, event in enumerate(events):
        stage = event.stage if isinstance(event, e.StageEntered) else stage
        begun += [(n, stage, event)] if isinstance(event, e.DutyOpened) else []
    for duty, (n, stage, opened) in zip(progress.duties, begun, strict=True):
        again = next((later.at for _, _, later in begun if later.code == duty.code and later.at > opened.at), None)
        ends = (later for later in events[n:] if isinstance(later, e.DutyMet | e.DutyDropped))
        end = next((one.at for one in ends if one.code == duty.code), None) if not duty.is_open else _closed(progress)
        own = tuple(
            one for one in _rungs(duty.code, events) if one.at >= opened.at and (again is None or one.at < again)
        )
        yield Lane(
            subject=duty.code, stage=stage, agency=duty.holder, desk=duty.desk,
            state="open" if duty.is_open else "dropped" if duty.dropped else "met", opened_at=opened.at, ended_at=end,
            planned=(_promise("working", opened.at, opened.clock, duty.clock),),
            actual=(Stretch(kind="working", begins_at=opened.at, ends_at=end),), rungs=own,
        )  # fmt: skip


def _promise(kind: Literal["waiting", "working"], at: datetime, first: Clock, now: Clock) -> Promise:
    return Promise(kind=kind, begins_at=at, due_at=first.due_at, now_due_at=now.due_at)


def _stretches(
    kind: Kind, at: datetime, turns: Sequence[tuple[Kind | None, datetime]], closed_at: datetime | None
) -> tuple[Stretch, ...]:  # fmt: skip
    made: list[Stretch] = []
    running: Kind | None = kind
    for turned, then in turns:
        if running is not None:
            made.append(Stretch(kind=running, begins_at=at, ends_at=then))
        running, at = turned, then
    if running is not None:
        made.append(Stretch(kind=running, begins_at=at, ends_at=closed_at))
    return tuple(made)


def _rungs(subject: str, events: Sequence[e.Event]) -> tuple[Reached, ...]:
    fired = (event for event in events if isinstance(event, e.RungFired) and event.subject == subject)
    return tuple(Reached(rung=event.rung, at=event.at) for event in fired)


def _closed(progress: Progress) -> datetime | None:
    return None if progress.is_open else progress.closed_at


def never_begun(progress: Progress) -> tuple[e.PlannedStep, ...]:
    """Planned legs that nobody has been asked for."""
    asked = {leg.route_id for leg in progress.referrals if leg.state is not State.WITHDRAWN}
    gone = {*asked, *progress.dropped_steps}
    return tuple(step for step in progress.steps if step.route_id not in gone) if progress.is_open else ()
