"""The watch over a child, 监测预防: visits by grade, a missed visit that climbs the ladder, the end of the watch."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from zlib import crc32

from pydantic import Field, TypeAdapter

from app.domain.arrangement import (
    ArrangeCare,
    Arrangement,
    CareArranged,
    ContactRecorded,
    ParentsReturned,
    RecordContact,
    RecordReturn,
    contact_clock,
    decide_arrangement,
)
from app.domain.clock import Clock, RungPlan
from app.domain.commands import Command, RecomputeDeadlines
from app.domain.determination import Category
from app.domain.facts import Relation
from app.domain.handover import Handover, OfferWatch, TakeWatch, WatchOffered, WatchTaken, offered, taken
from app.domain.opening import desk_of, recipients
from app.domain.policy import Frozen, Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Grade, Rung, Term
from app.domain.visit import (
    Finding,
    Outcome,
    ParentContact,
    RaiseWarning,
    VisitAttempted,
    VisitForm,
    VisitRecorded,
    Warned,
    WarningOpened,
    WarningVerified,
    WatchFact,
    WatchRungFired,
    counted_from,
    made_on,
    warned,
)
from app.domain.working_time import day_of

VISIT, CONTACT, BACK, WARNING, HANDOVER = "visit", "contact", "back", "warning:", "handover"
"""What a clock of a watch is about; a warning has its number behind."""


class EndReason(Term):
    """Why a watch ends."""

    ADULTHOOD = "adulthood", "成年", "came of age"
    MOVED_AND_HANDED_OVER = "moved_and_handed_over", "迁出并移交", "moved and handed over"
    RISK_ENDED = "risk_ended", "风险消除", "the risk has ended"
    DIED = "died", "死亡", "died"


SPREAD = timedelta(minutes=8)
"""Product default: the visits of a day fall due in one instant, and the engine records over so long which of them were missed.
They count in days, and a district's night must not slow a desk; what is late for whom is told by the deadline, never by this."""


class BeginWatch(Command):
    """A closed case gives the child back to the watch, or its registration was verified: then there is no case."""

    child_id: str
    case_id: str | None = None
    division: str
    grade: Grade


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


class VerifyWarning(Command):
    """核实预警; a risk is a report by then, `report` is its case."""

    warning: int
    outcome: Outcome
    report: str | None = None


class EndWatch(Command):
    """The watch is over."""

    reason: EndReason


class SuspendWatch(Command):
    """Two files are about one child, and the other's watch is the stricter: one watch goes on."""

    instead: str


class ResumeWatch(Command):
    """The files are parted: it goes on as it stood."""


class RaiseDueVisit(Command):
    """The engine records every rung of a missed visit that is due."""


class WatchBegan(WatchFact):
    """The watch began or began again."""

    kind: Literal["watch_began"] = "watch_began"
    watch_id: str
    child_id: str
    case_id: str | None = None
    division: str
    policy: str
    grade: Grade
    desk: str
    visit: Clock
    keeps_open: bool = False
    """It goes on with all that is open in it; where an event is silent, as those of former days are, what was open had been dropped."""


class VisitRecomputed(WatchFact):
    """The calendar changed; the visit's clock as it runs now."""

    kind: Literal["visit_recomputed"] = "visit_recomputed"
    calendar_version: str
    reason: str
    visit: Clock
    warnings: tuple[Clock, ...] = ()
    contact: Clock | None = None
    back: Clock | None = None
    handover: Clock | None = None


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


class WatchSuspended(WatchFact):
    """Another watch over the same child goes on instead; the visit's clock stays as it is."""

    kind: Literal["watch_suspended"] = "watch_suspended"
    instead: str


class WatchResumed(WatchFact):
    """As it stood before; what fell due meanwhile is due."""

    kind: Literal["watch_resumed"] = "watch_resumed"


WatchEvent = Annotated[
    WatchBegan | VisitRecorded | VisitAttempted | VisitRecomputed | VisitRungFired | WatchEnded | WarningOpened
    | WarningVerified | WatchRungFired | CareArranged | ContactRecorded | ParentsReturned
    | WatchSuspended | WatchResumed | WatchOffered | WatchTaken,
    Field(discriminator="kind"),
]  # fmt: skip
watch_event_adapter: TypeAdapter[WatchEvent] = TypeAdapter(WatchEvent)


BEGINS = ("watch_id", "policy", "child_id", "case_id", "division", "grade", "desk", "visit")
"""What the beginning of a watch says of it, also of one that begins again."""


class Watch(Frozen):
    """Where a watch stands."""

    watch_id: str
    version: int = 0
    policy: str
    child_id: str
    case_id: str | None = None
    division: str
    grade: Grade
    desk: str
    began_on: date | None = None
    visit: Clock
    visits: int = 0
    is_open: bool = True
    suspended_for: str | None = None
    """The watch that goes on instead, since two files were joined."""
    warnings: tuple[Warned, ...] = ()
    arrangement: Arrangement | None = None
    handover: Handover | None = None

    @property
    def has_ended(self) -> bool:
        """Over, and not only resting while another watch over the same child goes on."""
        return not self.is_open and self.suspended_for is None

    def warning(self, number: int) -> Warned | None:
        """The open warning of that number."""
        return next((warning for warning in self.warnings if warning.number == number), None)

    def clocks(self) -> Iterator[tuple[str, Clock]]:
        """All that may ring, by what it is about."""
        yield VISIT, self.visit
        yield from ((f"{WARNING}{warning.number}", warning.clock) for warning in self.warnings)
        if self.arrangement:
            yield CONTACT, self.arrangement.contact
            if self.arrangement.back:
                yield BACK, self.arrangement.back
        if self.handover:
            yield HANDOVER, self.handover.clock


def next_visit_deadline(watch: Watch) -> datetime | None:
    """When the next rung of a missed visit, a warning or a contact is due."""
    instants = [clock.next_at for _, clock in watch.clocks() if clock.next_at]
    return min(instants, default=None) if watch.is_open else None


def next_waking(watch: Watch) -> datetime | None:
    """When the engine looks next: at the next deadline, but at a missed visit in this watch's turn of `SPREAD`.

    Where visits fall due every few seconds, as in the demonstration, the turns are a hundredth of that.
    """
    spread = min(SPREAD, (watch.visit.due_at - watch.visit.started_at) / 100)
    late = {VISIT: spread * (crc32(watch.watch_id.encode()) / 2**32)}
    instants = [clock.next_at + late.get(about, timedelta()) for about, clock in watch.clocks() if clock.next_at]
    return min(instants, default=None) if watch.is_open else None


def apply_watch(watch: Watch | None, event: WatchEvent) -> Watch:
    """The state after one more event."""
    if isinstance(event, WatchBegan):
        return _began(watch, event)
    if watch is None:
        raise ValueError("the ledger of a watch begins with watch_began")
    return watch.model_copy(update={**_changed(watch, event), "version": watch.version + 1})


def _began(watch: Watch | None, event: WatchBegan) -> Watch:
    """It begins anew, or goes on with all that is open in it where the event says so."""
    begun: dict[str, Any] = {name: getattr(event, name) for name in BEGINS}
    begun["began_on"] = (watch.began_on if watch and watch.is_open else None) or day_of(event.at)
    if watch is None or not event.keeps_open:
        return Watch(version=watch.version + 1 if watch else 1, **begun)
    asked = watch.handover if watch.handover and watch.handover.desk != event.desk else None
    going_on = {"version": watch.version + 1, "is_open": True, "suspended_for": None, "handover": asked}
    return watch.model_copy(update=begun | going_on)


def _changed(watch: Watch, event: WatchEvent) -> dict[str, object]:
    match event:
        case VisitRecorded():
            return {"visit": event.visit, "grade": event.grade, "visits": watch.visits + 1}
        case VisitRecomputed():
            clocks = event.warnings or tuple(warning.clock for warning in watch.warnings)
            moved = zip(watch.warnings, clocks, strict=True)
            return {
                "visit": event.visit,
                "warnings": tuple(warning.model_copy(update={"clock": clock}) for warning, clock in moved),
                "arrangement": _contacted(watch, event.contact, event.back),
                "handover": _asked(watch, event.handover),
            }
        case VisitRungFired():
            return {"visit": watch.visit.fire(event.rung)}
        case WatchRungFired(about=about, rung=rung) if about == CONTACT and watch.arrangement:
            return {"arrangement": _contacted(watch, watch.arrangement.contact.fire(rung))}
        case WatchRungFired(about=about, rung=rung) if about == BACK and watch.arrangement and watch.arrangement.back:
            return {"arrangement": _contacted(watch, None, watch.arrangement.back.fire(rung))}
        case WatchRungFired(about=about, rung=rung) if about == HANDOVER and watch.handover:
            return {"handover": _asked(watch, watch.handover.clock.fire(rung))}
        case WatchRungFired(about=about, rung=rung):
            return {"warnings": tuple(_rung(warning, about, rung) for warning in watch.warnings)}
        case WarningOpened():
            opened = Warned(number=watch.version + 1, rule=event.rule, opened_at=event.at, clock=event.clock)
            return {"warnings": (*watch.warnings, opened)}
        case WarningVerified(warning=number):
            return {"warnings": tuple(warning for warning in watch.warnings if warning.number != number)}
        case CareArranged():
            given = event.model_dump(include={"relation", "leaves_on", "returns_on", "told_school"})
            return {
                "arrangement": Arrangement(number=watch.version + 1, contact=event.contact, back=event.back, **given)
            }
        case ContactRecorded(contact=contact):
            return {"arrangement": _contacted(watch, contact)}
        case ParentsReturned():
            return {"arrangement": None}
        case WatchOffered(division=division, desk=desk, clock=clock):
            return {"handover": Handover(division=division, desk=desk, clock=clock)}
        case WatchTaken(division=division, desk=desk):
            return {"handover": None, "division": division, "desk": desk}
        case WatchEnded():
            return {"is_open": False}
        case WatchSuspended(instead=instead):
            return {"is_open": False, "suspended_for": instead}
        case WatchResumed():
            return {"is_open": True, "suspended_for": None}
        case _:
            return {}


def _asked(watch: Watch, clock: Clock | None) -> Handover | None:
    return watch.handover.model_copy(update={"clock": clock}) if watch.handover and clock else watch.handover


def _contacted(watch: Watch, contact: Clock | None, back: Clock | None = None) -> Arrangement | None:
    moved = {name: clock for name, clock in (("contact", contact), ("back", back)) if clock}
    return watch.arrangement.model_copy(update=moved) if watch.arrangement and moved else watch.arrangement


def _rung(warning: Warned, about: str, rung: Rung) -> Warned:
    mine = about == f"{WARNING}{warning.number}"
    return warning.model_copy(update={"clock": warning.clock.fire(rung)}) if mine else warning


def decide_watch(watch: Watch | None, command: Command, policy: Policy, now: datetime) -> tuple[WatchEvent, ...]:
    """The events of a command; raises Refused and changes nothing when the rules say no."""
    head = {"at": now, "by": command.by.person_id, "behalf": command.by.acting_for}
    if isinstance(command, BeginWatch):
        return (_begun(watch, command, policy, now, head),)
    if watch is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    if isinstance(command, ResumeWatch) and watch.suspended_for:
        return (WatchResumed(**head),)
    if not watch.is_open:
        raise Refused(RefusalCode.CASE_CLOSED)
    match command:
        case SuspendWatch(instead=instead):
            return (WatchSuspended(**head, instead=instead),)
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
        case TakeWatch():
            return (taken(watch.desk, watch.handover, command, head),)
        case EndWatch(reason=reason):
            return (WatchEnded(**head, reason=reason),)
        case RaiseDueVisit():
            return _missed(watch, now)
        case RecomputeDeadlines(why=why):
            return (_recomputed(watch, why, policy, now, head),)
        case _:
            raise Refused(RefusalCode.WRONG_STAGE)


def _begun(watch: Watch | None, command: BeginWatch, policy: Policy, now: datetime, head: dict[str, Any]) -> WatchBegan:
    """The visits are planned anew, but one that was missed is still owed: nobody has seen the child meanwhile."""
    missed = watch is not None and watch.is_open and watch.visit.due_at < now
    return WatchBegan(
        **head,
        watch_id=watch_id(command.child_id),
        child_id=command.child_id,
        case_id=command.case_id,
        division=command.division,
        policy=policy.version,
        grade=command.grade,
        desk=desk_of(Agency.COMM, command.division),
        visit=watch.visit if watch and missed else _visit(policy, now, command.grade),
        keeps_open=watch is not None and not watch.has_ended,
    )


def _visited(
    watch: Watch, command: RecordVisit, policy: Policy, now: datetime, head: dict[str, Any]
) -> tuple[WatchEvent, ...]:
    """The next visit is planned by the grade; a risk is never noted without its report; what meets a warning is verified."""
    if (command.finding is Finding.AT_RISK) != (command.report is not None):
        raise Refused(RefusalCode.RISK_NOT_REPORTED)
    form, day = command.form or VisitForm(), made_on(command.visited_on, watch.began_on, now)
    if not form.seen_in_person:
        if command.finding is Finding.AT_RISK:
            raise Refused(RefusalCode.CHILD_NOT_SEEN)
        return (VisitAttempted(**head, form=form, visited_on=day),)
    if command.unclear:
        raise Refused(RefusalCode.WHICH_OF_FAMILY, relations=command.unclear)
    made = counted_from(day, now)
    grade, visit = _planned(watch, policy, made, command.grade or watch.grade, now)
    missed = Rung.DESK_HEAD in watch.visit.fired and made > watch.visit.started_at
    events: list[WatchEvent] = [
        VisitRecorded(
            **head, finding=command.finding, grade=grade, visit=visit, report=command.report, form=command.form, categories=command.categories,
            visited_on=day, in_time_after_all=missed and day <= day_of(watch.visit.due_at),
        )
    ]  # fmt: skip
    arrangement = watch.arrangement
    if arrangement and form.parent_contact is ParentContact.WEEKLY and made >= arrangement.contact.started_at:
        events.append(ContactRecorded(**head, contact=contact_clock(policy, made, known=now)))
    if command.form and not command.report:
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


def _planned(watch: Watch, policy: Policy, made: datetime, grade: Grade, now: datetime) -> tuple[Grade, Clock]:
    """The grade and the next visit, by the newest that was made, whichever was sent first: one from before changes neither."""
    counted = watch.visit.started_at
    if made < counted or (made == counted and grade is watch.grade):
        return watch.grade, watch.visit
    return grade, _visit(policy, made, grade, known=now)


def _missed(watch: Watch, now: datetime) -> tuple[WatchEvent, ...]:
    fired = tuple(_fired(watch, about, plan, now) for about, clock in watch.clocks() for plan in clock.due_rungs(now))
    if not fired:
        raise Refused(RefusalCode.NOTHING_DUE)
    return fired


def _fired(watch: Watch, about: str, plan: RungPlan, now: datetime) -> WatchEvent:
    told = {"at": now, "rung": plan.rung, "planned_at": plan.at}
    desk = watch.handover.desk if about == HANDOVER and watch.handover else watch.desk
    told |= {"recipients": recipients(plan.rung, Agency.COMM, desk, None)}
    return VisitRungFired(**told) if about == VISIT else WatchRungFired(**told, about=about)


def looser(one: Watch, other: Watch) -> Watch:
    """Of two watches over one child, that which asks for less: by grade, then by the later visit."""
    return max(one, other, key=lambda watch: (tuple(Grade).index(watch.grade), watch.visit.due_at))


def watch_id(child_id: str) -> str:
    """The id of the one watch over a child."""
    return f"watch-{child_id}"


def child_of(watch: str) -> str:
    """The child of a watch's id."""
    return watch.removeprefix("watch-")
