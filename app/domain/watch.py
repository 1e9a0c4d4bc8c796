"""The watch over a child, 监测预防: what happened in it, where it stands, when it rings."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from zlib import crc32

from pydantic import Field, TypeAdapter

from app.domain.arrangement import Arrangement, CareArranged, ContactRecorded, ParentsReturned
from app.domain.carrying import CareCarried, CarriedLeft, HandoverCarried, VisitCarried, WarningCarried
from app.domain.clock import Clock
from app.domain.handover import Handover, OfferWithdrawn, WatchOffered, WatchPlaced, WatchTaken
from app.domain.policy import Frozen
from app.domain.terms import Grade, Rung, Term
from app.domain.visit import (
    Missed,
    VisitAttempted,
    VisitRecorded,
    Warned,
    WarningOpened,
    WarningVerified,
    WatchFact,
    WatchRungFired,
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
    anew: Mapping[str, Clock] = {}
    """By what they are about, the clocks that came due while the watch rested and start again with it."""
    graded_at: datetime | None = None
    """When a grade was decided with it; silent where none was, and in events of former days that began a watch which was not running."""
    keeps_case: bool = False
    """A registration brought it, so the case that had given the child to the watch before is still the one that it came from."""


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
    """As it stood before; what fell due meanwhile is due, and told rung by rung from now on."""

    kind: Literal["watch_resumed"] = "watch_resumed"
    anew: Mapping[str, Clock] = {}
    """By what they are about, the clocks whose ladder goes on from now; in events of former days each rings all that it has missed."""


class WatchParted(WatchFact):
    """Two files were parted: it goes on by what is this child's own, and keeps nothing of the other's."""

    kind: Literal["watch_parted"] = "watch_parted"
    grade: Grade
    graded_at: datetime | None = None
    case_id: str | None = None
    visit: Clock
    anew: Mapping[str, Clock] = {}
    """By what they are about, the clocks whose ladder goes on from now, where a case of the other had ended the watch."""


class WatchUndone(WatchFact):
    """Two files were parted, and it was the other child who was to be watched: this one is as little as before."""

    kind: Literal["watch_undone"] = "watch_undone"


WatchEvent = Annotated[
    WatchBegan | VisitRecorded | VisitAttempted | VisitRecomputed | VisitRungFired | WatchEnded | WarningOpened
    | WarningVerified | WatchRungFired | CareArranged | ContactRecorded | ParentsReturned
    | WatchSuspended | WatchResumed | WatchParted | WatchUndone | WatchOffered | WatchTaken | WatchPlaced
    | WarningCarried | CareCarried | VisitCarried | HandoverCarried | CarriedLeft | OfferWithdrawn,
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
    graded_at: datetime | None = None
    """When the grade was decided, as far as events say so; a visit made before it changes it no more."""
    desk: str
    community: str | None = None
    """By its entry in the street's list; by it the visits of a street are told apart."""
    began_on: date | None = None
    visit: Clock
    missed: Missed | None = None
    """The last visit that stands as missed, before the one that is owed now."""
    visits: int = 0
    is_open: bool = True
    suspended_for: str | None = None
    """The watch that goes on instead, since two files were joined."""
    warnings: tuple[Warned, ...] = ()
    arrangement: Arrangement | None = None
    arranged_in: str | None = None
    """The watch in which that was entered, where it rests since two files were joined."""
    own_arrangement: Arrangement | None = None
    """What was arranged in this very watch before, where that counts in its place."""
    handover: Handover | None = None

    @property
    def has_ended(self) -> bool:
        """Over, and not only resting while another watch over the same child goes on."""
        return not self.is_open and self.suspended_for is None

    @property
    def came_from(self) -> set[str | None]:
        """The watches that rest from which something is open here."""
        return {self.arranged_in, self.handover.of if self.handover else None, *(one.of for one in self.warnings)}

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
    if watch and event.keeps_case:
        begun["case_id"] = watch.case_id
    begun["community"] = watch.community if watch and watch.division == event.division else None
    begun["began_on"] = (watch.began_on if watch and watch.is_open else None) or day_of(event.at)
    if watch is None or not event.keeps_open:
        is_of_former_days = watch is not None and watch.is_open
        graded_at = None if is_of_former_days else event.graded_at
        return Watch(version=watch.version + 1 if watch else 1, graded_at=graded_at, **begun)
    anew = _on_clocks(watch, event.anew)
    asked = anew["handover"]
    going_on = {
        "version": watch.version + 1, "is_open": True, "suspended_for": None, "graded_at": event.graded_at or watch.graded_at,
        **anew, "visit": event.visit, "handover": asked if asked and asked.desk != event.desk else None,
    }  # fmt: skip
    return watch.model_copy(update=begun | going_on)


def _changed(watch: Watch, event: WatchEvent) -> dict[str, object]:
    match event:
        case VisitRecorded():
            graded_at = event.graded_at or watch.graded_at
            return {
                "visit": event.visit, "grade": event.grade, "graded_at": graded_at, "missed": event.missed,
                "visits": watch.visits + 1,
            }  # fmt: skip
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
            arranged = Arrangement(number=watch.version + 1, contact=event.contact, back=event.back, **given)
            return {"arrangement": arranged, "arranged_in": None, "own_arrangement": None}
        case ContactRecorded(contact=contact):
            return {"arrangement": _contacted(watch, contact)}
        case ParentsReturned():
            return {"arrangement": None, "arranged_in": None, "own_arrangement": None}
        case WarningCarried(of=of, number=there):
            said = event.model_dump(include={"rule", "opened_at", "clock"})
            came = Warned(number=watch.version + 1, of=of, number_there=there, **said)
            return {"warnings": (*watch.warnings, came)}
        case CareCarried(arrangement=arrangement, of=of):
            own = watch.own_arrangement if watch.arranged_in else watch.arrangement
            counts = arrangement.model_copy(update={"number": watch.version + 1})
            return {"arrangement": counts, "arranged_in": of, "own_arrangement": own}
        case CarriedLeft(of=of, own=own):
            back = {"arrangement": own, "arranged_in": None, "own_arrangement": None}
            warnings = tuple(warning for warning in watch.warnings if warning.of not in of)
            asked = None if watch.handover and watch.handover.of in of else watch.handover
            return {"warnings": warnings, "handover": asked, **(back if watch.arranged_in in of else {})}
        case VisitCarried(visit=visit):
            return {"visit": visit}
        case HandoverCarried(of=of, handover=asked):
            return {"handover": asked.model_copy(update={"of": of})}
        case WatchOffered(division=division, desk=desk, clock=clock):
            return {"handover": Handover(division=division, desk=desk, clock=clock)}
        case OfferWithdrawn():
            return {"handover": None}
        case WatchTaken(division=division, desk=desk):
            return {"handover": None, "division": division, "desk": desk, "community": None}
        case WatchPlaced(community=community):
            return {"community": community}
        case WatchEnded() | WatchUndone():
            return {"is_open": False}
        case WatchSuspended(instead=instead):
            return {"is_open": False, "suspended_for": instead}
        case WatchResumed(anew=anew):
            return {"is_open": True, "suspended_for": None, **_on_clocks(watch, anew)}
        case WatchParted(anew=anew):
            own = {name: getattr(event, name) for name in ("grade", "graded_at", "case_id", "visit")}
            return {"is_open": True, **_on_clocks(watch, anew), **own}
        case _:
            return {}


def _asked(watch: Watch, clock: Clock | None) -> Handover | None:
    return watch.handover.model_copy(update={"clock": clock}) if watch.handover and clock else watch.handover


def _contacted(watch: Watch, contact: Clock | None, back: Clock | None = None) -> Arrangement | None:
    moved = {name: clock for name, clock in (("contact", contact), ("back", back)) if clock}
    return watch.arrangement.model_copy(update=moved) if watch.arrangement and moved else watch.arrangement


def _on_clocks(watch: Watch, anew: Mapping[str, Clock]) -> dict[str, Any]:
    """All that may ring, with these clocks instead of those that it has."""
    return {
        "visit": anew.get(VISIT, watch.visit), "handover": _asked(watch, anew.get(HANDOVER)),
        "arrangement": _contacted(watch, anew.get(CONTACT), anew.get(BACK)),
        "warnings": tuple(_on_clock(warning, anew) for warning in watch.warnings),
    }  # fmt: skip


def _on_clock(warning: Warned, anew: Mapping[str, Clock]) -> Warned:
    clock = anew.get(f"{WARNING}{warning.number}")
    return warning.model_copy(update={"clock": clock}) if clock else warning


def _rung(warning: Warned, about: str, rung: Rung) -> Warned:
    mine = about == f"{WARNING}{warning.number}"
    return warning.model_copy(update={"clock": warning.clock.fire(rung)}) if mine else warning


def by_strictness(watches: Iterable[Watch]) -> list[Watch]:
    """Watches over one child, that which asks for most first: by grade, then by the earlier visit."""
    return sorted(watches, key=lambda watch: (tuple(Grade).index(watch.grade), watch.visit.due_at))


def strictest(grades: Iterable[Grade]) -> Grade:
    """Of several grades, that by which a child is visited most often."""
    return min(grades, key=tuple(Grade).index)


def watch_id(child_id: str) -> str:
    """The id of the one watch over a child."""
    return f"watch-{child_id}"


def child_of(watch: str) -> str:
    """The child of a watch's id."""
    return watch.removeprefix("watch-")
