"""A watched child moves to another street: its watch is offered there, and stays where it is until that desk has accepted it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from app.domain.access import DESK_STAFF
from app.domain.clock import Clock
from app.domain.commands import Command
from app.domain.opening import desk_unless, is_about
from app.domain.policy import Frozen, Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency
from app.domain.visit import WatchFact


class OfferWatch(Command):
    """The service offers it once the new residence counts; not to whom a case of the child is about."""

    division: str
    about: tuple[str, ...] = ()


class WithdrawOffer(Command):
    """The service takes an offer back: the child lives again where it is watched."""


class TakeWatch(Command):
    """接收: the desk of the new residence accepts the child."""


class MoveWatch(Command):
    """The service takes it from a desk that a case of the child is about, which may not see the child, and gives it back once none is;
    `about` are all whom these are about."""

    about: tuple[str, ...]


class PlaceWatch(Command):
    """The service says in which community the child lives, once that counts in its file."""

    community: str | None


class WatchPlaced(WatchFact):
    """The child lives in this community of the street, or nobody knows in which; visits are listed by it."""

    kind: Literal["watch_placed"] = "watch_placed"
    community: str | None = None


class WatchOffered(WatchFact):
    """The new desk is asked, on a clock; until it accepts, the old one goes on visiting."""

    kind: Literal["watch_offered"] = "watch_offered"
    division: str
    desk: str
    clock: Clock


class OfferWithdrawn(WatchFact):
    """That desk is asked no more; whoever watches goes on."""

    kind: Literal["watch_offer_withdrawn"] = "watch_offer_withdrawn"
    desk: str


class WatchTaken(WatchFact):
    """From now on the visits are the new desk's; what is due stays due, and warnings and arrangements go along."""

    kind: Literal["watch_taken"] = "watch_taken"
    division: str
    desk: str
    from_desk: str


class Handover(Frozen):
    """Where it stands."""

    division: str
    desk: str
    clock: Clock
    of: str | None = None
    """The watch that was offered, where that rests since two files were joined."""


def desk_to_watch(division: str, about: Collection[str] = ()) -> str:
    """The committee of the street, or who takes its place where a case of the child is about it."""
    return desk_unless(Agency.COMM, division, about)


def moved_away(division: str, desk: str, command: MoveWatch, head: dict[str, Any]) -> WatchTaken:
    """At once, for nobody at the old desk may visit any more, or it visits for another that may again."""
    to = desk_to_watch(division, command.about)
    if to == desk or is_about(to, command.about):
        raise Refused(RefusalCode.ALREADY_DONE)
    return WatchTaken(**head, division=division, desk=to, from_desk=desk)


def offered(
    desk: str, handover: Handover | None, command: OfferWatch, policy: Policy, now: datetime, head: dict[str, Any]
) -> WatchOffered:
    """To the committee of the new street, or who watches in its place; nothing is offered twice, nor to who has it."""
    to = desk_to_watch(command.division, command.about)
    if to == (handover.desk if handover else desk):
        raise Refused(RefusalCode.ALREADY_DONE)
    clock = Clock.start(policy.time("accept", urgent=False), now, policy.calendar)
    return WatchOffered(**head, division=command.division, desk=to, clock=clock)


def withdrawn(handover: Handover | None, head: dict[str, Any]) -> OfferWithdrawn:
    """What was offered."""
    if handover is None:
        raise Refused(RefusalCode.ALREADY_DONE)
    return OfferWithdrawn(**head, desk=handover.desk)


def taken(desk: str, handover: Handover | None, command: TakeWatch, head: dict[str, Any]) -> WatchTaken:
    """Only by the desk that was asked."""
    if handover is None:
        raise Refused(RefusalCode.NOT_OFFERED)
    if command.by.desk != handover.desk or not command.by.has(*DESK_STAFF):
        raise Refused(RefusalCode.NOT_YOUR_DESK, desk=handover.desk)
    return WatchTaken(**head, division=handover.division, desk=handover.desk, from_desk=desk)
