"""The watch over a child, 监测预防: visits by grade, a missed visit that climbs the ladder, the end of the watch."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.domain.clock import Clock
from app.domain.commands import Command, RecomputeDeadlines
from app.domain.opening import desk_of, recipients
from app.domain.policy import Frozen, Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Grade, Rung, Term


class Finding(Term):
    """What a visit found; the child was seen in person or it is not a visit."""

    WELL = "well", "情况良好", "the child is well"
    NEEDS_HELP = "needs_help", "需要帮扶", "needs help"
    AT_RISK = "at_risk", "存在风险", "at risk: a report follows"


class EndReason(Term):
    """Why a watch ends."""

    ADULTHOOD = "adulthood", "成年", "came of age"
    MOVED_AND_HANDED_OVER = "moved_and_handed_over", "迁出并移交", "moved and handed over"
    RISK_ENDED = "risk_ended", "风险消除", "the risk has ended"
    DIED = "died", "死亡", "died"


class BeginWatch(Command):
    """A closed case gives the child back to the watch."""

    child_id: str
    case_id: str
    division: str
    grade: Grade


class RecordVisit(Command):
    """走访; what was found at risk is a report by then, `report` is its case."""

    finding: Finding
    grade: Grade | None = None
    report: str | None = None


class EndWatch(Command):
    """The watch is over."""

    reason: EndReason


class RaiseDueVisit(Command):
    """The engine records every rung of a missed visit that is due."""


class WatchFact(Frozen):
    """Common to all events of a watch."""

    at: datetime
    by: str = "engine"
    behalf: str | None = None


class WatchBegan(WatchFact):
    """The watch began or began again."""

    kind: Literal["watch_began"] = "watch_began"
    watch_id: str
    child_id: str
    case_id: str
    division: str
    policy: str
    grade: Grade
    desk: str
    visit: Clock


class VisitRecorded(WatchFact):
    """The child was seen; the next visit is planned."""

    kind: Literal["visit_recorded"] = "visit_recorded"
    finding: Finding
    grade: Grade
    visit: Clock
    report: str | None = None


class VisitRecomputed(WatchFact):
    """The calendar changed; the visit's clock as it runs now."""

    kind: Literal["visit_recomputed"] = "visit_recomputed"
    calendar_version: str
    reason: str
    visit: Clock


class VisitRungFired(WatchFact):
    """One rung of a missed visit, once."""

    kind: Literal["visit_rung_fired"] = "visit_rung_fired"
    rung: Rung
    planned_at: datetime
    recipients: tuple[str, ...]


class WatchEnded(WatchFact):
    """The watch is over."""

    kind: Literal["watch_ended"] = "watch_ended"
    reason: EndReason


WatchEvent = Annotated[
    WatchBegan | VisitRecorded | VisitRecomputed | VisitRungFired | WatchEnded, Field(discriminator="kind")
]
watch_event_adapter: TypeAdapter[WatchEvent] = TypeAdapter(WatchEvent)


class Watch(Frozen):
    """Where a watch stands."""

    watch_id: str
    version: int = 0
    policy: str
    child_id: str
    case_id: str
    division: str
    grade: Grade
    desk: str
    visit: Clock
    visits: int = 0
    is_open: bool = True


def next_visit_deadline(watch: Watch) -> datetime | None:
    """When the next rung of a missed visit is due."""
    return watch.visit.next_at if watch.is_open else None


def apply_watch(watch: Watch | None, event: WatchEvent) -> Watch:
    """The state after one more event."""
    if isinstance(event, WatchBegan):
        return Watch(
            version=watch.version + 1 if watch else 1,
            **event.model_dump(include={"watch_id", "policy", "child_id", "case_id", "division", "grade", "desk"}),
            visit=event.visit,
        )
    if watch is None:
        raise ValueError("the ledger of a watch begins with watch_began")
    match event:
        case VisitRecorded():
            change: dict[str, object] = {"visit": event.visit, "grade": event.grade, "visits": watch.visits + 1}
        case VisitRecomputed():
            change = {"visit": event.visit}
        case VisitRungFired():
            change = {"visit": watch.visit.fire(event.rung)}
        case WatchEnded():
            change = {"is_open": False}
    return watch.model_copy(update={**change, "version": watch.version + 1})


def decide_watch(watch: Watch | None, command: Command, policy: Policy, now: datetime) -> tuple[WatchEvent, ...]:
    """The events of a command; raises Refused and changes nothing when the rules say no."""
    head = {"at": now, "by": command.by.person_id, "behalf": command.by.acting_for}
    if isinstance(command, BeginWatch):
        return (_begun(command, policy, now, head),)
    if watch is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    if not watch.is_open:
        raise Refused(RefusalCode.CASE_CLOSED)
    match command:
        case RecordVisit():
            return (_visited(watch, command, policy, now, head),)
        case EndWatch(reason=reason):
            return (WatchEnded(**head, reason=reason),)
        case RaiseDueVisit():
            return _missed(watch, now)
        case RecomputeDeadlines(why=why):
            return (_recomputed(watch, why, policy, now, head),)
        case _:
            raise Refused(RefusalCode.WRONG_STAGE)


def _begun(command: BeginWatch, policy: Policy, now: datetime, head: dict[str, Any]) -> WatchBegan:
    return WatchBegan(
        **head,
        watch_id=watch_id(command.child_id),
        child_id=command.child_id,
        case_id=command.case_id,
        division=command.division,
        policy=policy.version,
        grade=command.grade,
        desk=desk_of(Agency.COMM, command.division),
        visit=_visit(policy, now, command.grade),
    )


def _visited(watch: Watch, command: RecordVisit, policy: Policy, now: datetime, head: dict[str, Any]) -> VisitRecorded:
    """The next visit is planned by the grade; a risk is never noted without its report."""
    if (command.finding is Finding.AT_RISK) != (command.report is not None):
        raise Refused(RefusalCode.RISK_NOT_REPORTED)
    grade = command.grade or watch.grade
    return VisitRecorded(
        **head, finding=command.finding, grade=grade, visit=_visit(policy, now, grade), report=command.report
    )


def _recomputed(watch: Watch, why: str, policy: Policy, now: datetime, head: dict[str, Any]) -> VisitRecomputed:
    visit = watch.visit.recompute(policy.calendar, now)
    if not visit.differs_from(watch.visit):
        raise Refused(RefusalCode.NOTHING_TO_RECOMPUTE)
    return VisitRecomputed(**head, calendar_version=policy.calendar.version, reason=why, visit=visit)


def _visit(policy: Policy, now: datetime, grade: Grade) -> Clock:
    return Clock.start(policy.time(f"visit_{grade.value}", urgent=False), now, policy.calendar)


def _missed(watch: Watch, now: datetime) -> tuple[WatchEvent, ...]:
    fired = tuple(
        VisitRungFired(
            at=now, rung=plan.rung, planned_at=plan.at,
            recipients=recipients(plan.rung, Agency.COMM, watch.desk, None),
        )
        for plan in watch.visit.due_rungs(now)
    )  # fmt: skip
    if not fired:
        raise Refused(RefusalCode.NOTHING_DUE)
    return fired


def watch_id(child_id: str) -> str:
    """The id of the one watch over a child."""
    return f"watch-{child_id}"


def child_of(watch: str) -> str:
    """The child of a watch's id."""
    return watch.removeprefix("watch-")
