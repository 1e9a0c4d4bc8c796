"""What a desk and the engine do with a watch: visits and warnings by the rules of the pack, offers, rungs that fire, the end."""

from datetime import date, datetime, time
from typing import Any, ClassVar

from pydantic import JsonValue

from app.domain.access import ENGINE
from app.domain.arrangement import (
    ArrangeCare,
    ContactRecorded,
    RecordContact,
    RecordReturn,
    contact_clock,
    decide_arrangement,
)
from app.domain.carrying import CarryOver, LeaveCarried, carried, left
from app.domain.clock import Clock, RungPlan
from app.domain.commands import Command, RecomputeDeadlines
from app.domain.determination import Category
from app.domain.facts import Relation
from app.domain.handover import (
    MoveWatch,
    OfferWatch,
    PlaceWatch,
    TakeWatch,
    WatchPlaced,
    WithdrawOffer,
    desk_to_watch,
    moved_away,
    offered,
    taken,
    withdrawn,
)
from app.domain.opening import recipients
from app.domain.policy import Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Grade, Rung
from app.domain.visit import (
    Finding,
    Missed,
    Outcome,
    ParentContact,
    RaiseWarning,
    VisitAttempted,
    VisitForm,
    VisitRecorded,
    WarningOpened,
    WarningVerified,
    WatchRungFired,
    counted_from,
    made_on,
    warned,
)
from app.domain.watch import (
    BACK,
    CONTACT,
    HANDOVER,
    VISIT,
    WARNING,
    EndReason,
    VisitRecomputed,
    VisitRungFired,
    Watch,
    WatchBegan,
    WatchEnded,
    WatchEvent,
    WatchParted,
    WatchResumed,
    WatchSuspended,
    WatchUndone,
    watch_event_adapter,
    watch_id,
)
from app.domain.working_time import day_of, local_instant


class BeginWatch(Command):
    """A closed case gives the child back to the watch, or its registration counts: then there is no case.

    Where nobody graded the child, a watch that is running keeps its grade; a registration never puts off a visit that it owes.
    """

    child_id: str
    case_id: str | None = None
    division: str
    grade: Grade | None = None
    about: tuple[str, ...] = ()
    """Whom the cases of the child are about; none of these watches."""


class RecordVisit(Command):
    """走访; what was found at risk is a report by then, `report` is its case. It was made on `visited_on`, today where that is silent.

    It may have been written where there is no network: what the engine did meanwhile does not stand against it.
    """

    minds: ClassVar[tuple[str, ...] | None] = ("visit_recorded", "watch_ended", "watch_suspended", "watch_taken")
    visited_on: date | None = None
    finding: Finding
    grade: Grade | None = None
    report: str | None = None
    form: VisitForm | None = None
    categories: tuple[str, ...] = ()
    unclear: tuple[Relation, ...] = ()
    """Of whom it says something by a relation that several of the family have."""
    from_book: bool = False
    """It stands in a book that was kept before; only then may it be older than the watch."""
    visitor: str = ""
    """The name of whoever visited, where that is not who records it: content."""

    @property
    def kept(self) -> dict[str, JsonValue]:
        """Who visited, where it is said."""
        return {"visitor": self.visitor} if self.visitor else {}


class VerifyWarning(Command):
    """核实预警; a risk is a report by then, `report` is its case."""

    warning: int
    outcome: Outcome
    report: str | None = None


class EndWatch(Command):
    """The watch is over."""

    reason: EndReason
    of_age: bool | None = None
    """By the birth date that counts, where it is known to the day."""


class SuspendWatch(Command):
    """Two files are about one child, and the other's watch is the stricter: one watch goes on."""

    instead: str


class ResumeWatch(Command):
    """The files are parted: it goes on as it stood, and asks for what fell due meanwhile, one rung at a time."""


class GoByOwn(Command):
    """The files are parted: it goes by the grade and the case that are this child's own (app/domain/parting.py). The visit that is owed
    is put off by neither."""

    grade: Grade
    graded_at: datetime | None
    case_id: str | None


class UndoWatch(Command):
    """The files are parted, and nothing of this child's own says that it is watched."""


class RaiseDueVisit(Command):
    """The engine records every rung of a missed visit that is due."""


def decide_watch(watch: Watch | None, command: Command, policy: Policy, now: datetime) -> tuple[WatchEvent, ...]:
    """The events of a command; raises Refused and changes nothing when the rules say no."""
    head = {"at": now, "by": command.by.person_id, "behalf": command.by.acting_for}
    if isinstance(command, BeginWatch):
        return (_begun(watch, command, policy, now, head),)
    if watch is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    if isinstance(command, ResumeWatch) and watch.suspended_for:
        late = [(about, clock) for about, clock in watch.clocks() if clock.due_rungs(now)]
        return (WatchResumed(**head, anew={about: clock.going_on(now, policy.calendar) for about, clock in late}),)
    if isinstance(command, GoByOwn):
        return (_by_own(watch, command, policy, now, head),)
    if isinstance(command, PlaceWatch):  # also while it rests: it may begin again
        return (WatchPlaced(**head, community=command.community),) if command.community != watch.community else ()
    if isinstance(command, LeaveCarried):  # likewise
        return left(watch.came_from, watch.own_arrangement, command, policy, now, head)
    if not watch.is_open:
        raise Refused(RefusalCode.CASE_CLOSED)
    match command:
        case SuspendWatch(instead=instead):
            return (WatchSuspended(**head, instead=instead),)
        case CarryOver():
            desks = (watch.desk, *((watch.handover.desk,) if watch.handover else ()))
            return tuple(carried(watch.warnings, watch.visit, desks, command, head))
        case RecordVisit():
            return _visited(watch, command, policy, now, head)
        case RaiseWarning():
            return _warning(watch, command, policy, now, head)
        case VerifyWarning():
            return (_verified(watch, command, head),)
        case ArrangeCare() | RecordContact() | RecordReturn():
            return (
                watch_event_adapter.validate_python(decide_arrangement(watch.arrangement, command, policy, now, head)),
            )
        case OfferWatch():
            return (offered(watch.desk, watch.handover, command, policy, now, head),)
        case WithdrawOffer():
            return (withdrawn(watch.handover, head),)
        case MoveWatch():
            return (moved_away(watch.division, watch.desk, command, head),)
        case TakeWatch():
            return (taken(watch.desk, watch.handover, command, head),)
        case UndoWatch():
            return (WatchUndone(**head),)
        case EndWatch():
            return (_ended(watch, command, now, head),)
        case RaiseDueVisit():
            return _missed(watch, now)
        case RecomputeDeadlines(why=why):
            return (_recomputed(watch, why, policy, now, head),)
        case _:
            raise Refused(RefusalCode.WRONG_STAGE)


def _begun(watch: Watch | None, command: BeginWatch, policy: Policy, now: datetime, head: dict[str, Any]) -> WatchBegan:
    """The visits are planned anew, but one that was missed is still owed: nobody has seen the child meanwhile.

    What came due in a watch while another was kept instead starts again: nobody was asked for it, and its whole ladder would ring at once.
    """
    running = watch if watch and watch.is_open else None
    missed = running is not None and running.visit.due_at < now
    grade = command.grade or (running.grade if running else Grade.MEDIUM)
    kept = watch.clocks() if watch and watch.suspended_for else ()
    visit = _visit(policy, now, grade)
    if running and command.case_id is None:
        visit = min(running.visit, visit, key=lambda clock: clock.due_at)
    return WatchBegan(
        **head,
        watch_id=watch_id(command.child_id),
        child_id=command.child_id,
        case_id=command.case_id,
        division=command.division,
        policy=policy.version,
        grade=grade,
        desk=desk_to_watch(command.division, command.about),
        visit=running.visit if running and missed else visit,
        keeps_open=watch is not None and not watch.has_ended,
        anew={
            about: Clock.start(clock.spec, now, policy.calendar)
            for about, clock in kept
            if about != VISIT and clock.due_rungs(now)
        },
        graded_at=now if command.grade else None,
        keeps_case=watch is not None and watch.case_id is not None and command.case_id is None,
    )


def _by_own(watch: Watch, command: GoByOwn, policy: Policy, now: datetime, head: dict[str, Any]) -> WatchParted:
    late = [] if watch.is_open else [(about, clock) for about, clock in watch.clocks() if clock.due_rungs(now)]
    anew = {about: clock.going_on(now, policy.calendar) for about, clock in late}
    owed = (anew.get(VISIT, watch.visit), _visit(policy, now, command.grade))
    said = command.model_dump(include={"grade", "graded_at", "case_id"})
    return WatchParted(**head, **said, visit=min(owed, key=lambda clock: clock.due_at), anew=anew)


def _visited(
    watch: Watch, command: RecordVisit, policy: Policy, now: datetime, head: dict[str, Any]
) -> tuple[WatchEvent, ...]:
    """The next visit is planned by the grade; a risk is never noted without its report, nor does it wait until
    somebody says which of the family was meant; what meets a warning is verified."""
    if (command.finding is Finding.AT_RISK) != (command.report is not None):
        raise Refused(RefusalCode.RISK_NOT_REPORTED)
    form, began_on = command.form or VisitForm(), None if command.from_book else watch.began_on
    day = made_on(command.visited_on, began_on, now)
    if not form.seen_in_person:
        if command.finding is Finding.AT_RISK:
            raise Refused(RefusalCode.CHILD_NOT_SEEN)
        return (VisitAttempted(**head, form=form, visited_on=day),)
    if command.unclear and command.finding is not Finding.AT_RISK:
        raise Refused(RefusalCode.WHICH_OF_FAMILY, relations=command.unclear)
    kept = command.form and command.form.without(command.unclear)
    made = counted_from(day, now)
    grade, graded_at = _graded(watch, command.grade, day, made)
    in_time, missed = _in_time_after_all(watch, day, made)
    before_watch = watch.began_on is not None and day < watch.began_on
    events: list[WatchEvent] = [
        VisitRecorded(
            **head, finding=command.finding, grade=grade, visit=_planned(watch, policy, made, grade, now), report=command.report,
            form=kept, categories=command.categories, visited_on=day, in_time_after_all=in_time, missed=missed, graded_at=graded_at,
            before_watch=before_watch,
        )
    ]  # fmt: skip
    arrangement = watch.arrangement
    if arrangement and form.parent_contact is ParentContact.WEEKLY and made >= arrangement.contact.started_at:
        events.append(ContactRecorded(**head, contact=contact_clock(policy, made, arrangement.leaves_on, known=now)))
    if command.form and not command.report and not before_watch:
        left_behind = watch.arrangement is not None or Category.LB.value in command.categories
        open_rules = tuple(warning.rule for warning in watch.warnings)
        events += warned(command.finding, form, left_behind, open_rules, policy, now)
    return tuple(events)


def _warning(
    watch: Watch, command: RaiseWarning, policy: Policy, now: datetime, head: dict[str, Any]
) -> tuple[WatchEvent, ...]:
    """One of the same rule that waits already is enough."""
    if any(warning.rule == command.rule for warning in watch.warnings):
        return ()
    clock = Clock.start(policy.time("warning_verify", urgent=command.urgent), now, policy.calendar)
    return (WarningOpened(**head, rule=command.rule, basis=command.basis, clock=clock),)


def _verified(watch: Watch, command: VerifyWarning, head: dict[str, Any]) -> WarningVerified:
    """A risk is never noted without its report."""
    warning = watch.warning(command.warning)
    if warning is None:
        raise Refused(RefusalCode.NO_SUCH_WARNING)
    if (command.outcome is Outcome.RISK) != (command.report is not None):
        raise Refused(RefusalCode.RISK_NOT_REPORTED)
    return WarningVerified(
        **head, warning=warning.number, rule=warning.rule, outcome=command.outcome, report=command.report
    )


def _ended(watch: Watch, command: EndWatch, now: datetime, head: dict[str, Any]) -> WatchEnded:
    """A person ends nothing that is still asked for: a warning is verified first, but of a child who has died, nobody comes of age before
    their birthday, and nobody can say that a risk has ended of a child whose visit is overdue, nor without saying why. What a case ends,
    two persons have closed."""
    if command.by.person_id != ENGINE.person_id:
        over = command.reason is EndReason.RISK_ENDED
        if command.reason is EndReason.ADULTHOOD and command.of_age is False:
            raise Refused(RefusalCode.NOT_OF_AGE)
        if watch.warnings and command.reason is not EndReason.DIED:
            raise Refused(RefusalCode.WARNING_WAITS)
        if over and watch.visit.is_overdue(now):
            raise Refused(RefusalCode.VISIT_OWED)
        if over and not command.note.strip():
            raise Refused(RefusalCode.REASONS_NEEDED)
    return WatchEnded(**head, reason=command.reason)


def _recomputed(watch: Watch, why: str, policy: Policy, now: datetime, head: dict[str, Any]) -> VisitRecomputed:
    moved = {about: clock.recompute(policy.calendar, now) for about, clock in watch.clocks()}
    if not any(moved[about].differs_from(clock) for about, clock in watch.clocks()):
        raise Refused(RefusalCode.NOTHING_TO_RECOMPUTE)
    return VisitRecomputed(
        **head, calendar_version=policy.calendar.version, reason=why, visit=moved[VISIT], contact=moved.get(CONTACT),
        back=moved.get(BACK),
        handover=moved.get(HANDOVER),
        warnings=tuple(clock for about, clock in moved.items() if about.startswith(WARNING)),
    )  # fmt: skip


def _visit(policy: Policy, since: datetime, grade: Grade, known: datetime | None = None) -> Clock:
    return Clock.start(policy.time(f"visit_{grade.value}", urgent=False), since, policy.calendar, known)


def _planned(watch: Watch, policy: Policy, made: datetime, grade: Grade, now: datetime) -> Clock:
    """The next visit, by the newest that was made, whichever was sent first: one from before changes nothing."""
    counted = watch.visit.started_at
    if made < counted or (made == counted and grade is watch.grade):
        return watch.visit
    return _visit(policy, made, grade, known=now)


def _graded(watch: Watch, grade: Grade | None, day: date, made: datetime) -> tuple[Grade, datetime | None]:
    """The grade, and since when where this visit decides it: by the newest visit, and by none from before the day of the last decision.

    At what hour of its day a visit was made nobody knows, for one sent today may have been written hours ago without a network: of two
    grades of that day the stricter stands.
    """
    since = local_instant(day, time())
    if grade is None or made < watch.visit.started_at:
        return watch.grade, None
    if watch.graded_at and since < watch.graded_at:
        by_strictness = tuple(Grade).index
        if day < day_of(watch.graded_at) or by_strictness(grade) > by_strictness(watch.grade):
            return watch.grade, None
        return grade, watch.graded_at
    return grade, since


def _in_time_after_all(watch: Watch, day: date, made: datetime) -> tuple[bool, Missed | None]:
    """Whether a visit that stands as missed was made by its day, as is known now; and what stands as missed from now on."""
    visit = watch.visit
    is_late = made > visit.started_at and Rung.DESK_HEAD in visit.fired
    missed = Missed(started_at=visit.started_at, due_at=visit.due_at) if is_late else watch.missed
    in_time = missed is not None and missed.was_made(day, made)
    return in_time, None if in_time else missed


def _missed(watch: Watch, now: datetime) -> tuple[WatchEvent, ...]:
    fired = tuple(_fired(watch, about, plan, now) for about, clock in watch.clocks() for plan in clock.due_rungs(now))
    if not fired:
        raise Refused(RefusalCode.NOTHING_DUE)
    return fired


def _fired(watch: Watch, about: str, plan: RungPlan, now: datetime) -> WatchEvent:
    told = {"at": now, "rung": plan.rung, "planned_at": plan.at}
    desk = watch.handover.desk if about == HANDOVER and watch.handover else watch.desk
    told |= {"recipients": recipients(plan.rung, Agency(desk.partition("-")[0]), desk, None)}
    return VisitRungFired(**told) if about == VISIT else WatchRungFired(**told, about=about)
