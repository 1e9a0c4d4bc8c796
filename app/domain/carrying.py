"""Two files are about one child: what is open in the watch that rests goes on in the one that goes on, and back once they are parted."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Literal

from app.domain.arrangement import Arrangement
from app.domain.clock import Clock
from app.domain.commands import Command, ContentCommand
from app.domain.handover import Handover
from app.domain.policy import Policy
from app.domain.visit import Warned, WatchFact


class CarryOver(ContentCommand):
    """Of that watch: its warnings, one of a rule, what the parents have arranged, of which `content` names the delegate, the visit that is
    owed, where nobody has seen the child since in this one, and that it is offered where the child lives."""

    of: str
    warnings: tuple[Warned, ...]
    arrangement: Arrangement | None = None
    """Where it counts, and not one that is in this watch."""
    arranged_in: str | None = None
    arranged_at: datetime | None = None
    visit: Clock | None = None
    handover: Handover | None = None


class LeaveCarried(Command):
    """The files are parted: what was carried from these watches and nobody has dealt with is theirs again."""

    of: tuple[str, ...]


class WarningCarried(WatchFact):
    """It was opened in `of`, which rests, and waits in this watch; its clock runs on."""

    kind: Literal["warning_carried"] = "warning_carried"
    of: str
    number: int | None = None
    """By which it is known there."""
    rule: str
    opened_at: datetime
    clock: Clock


class CareCarried(WatchFact):
    """Likewise what the parents had arranged, with the clock of their weekly word; it was entered in `of`."""

    kind: Literal["care_carried"] = "care_carried"
    of: str
    arrangement: Arrangement
    arranged_at: datetime


class VisitCarried(WatchFact):
    """The visit that `of` owed was due before the one of this watch: it is the one that is owed, as late as it was."""

    kind: Literal["visit_carried"] = "visit_carried"
    of: str
    visit: Clock


class HandoverCarried(WatchFact):
    """`of` was offered to that desk, which is asked for this watch from now on; its clock runs on."""

    kind: Literal["handover_carried"] = "handover_carried"
    of: str
    handover: Handover


class CarriedLeft(WatchFact):
    """What was carried from these watches and is still open goes on there, and no longer here."""

    kind: Literal["carried_left"] = "carried_left"
    of: tuple[str, ...]
    own: Arrangement | None = None
    """What was arranged in this watch itself, where that counts again."""


def carried(
    open_here: tuple[Warned, ...], visit: Clock, desks: Collection[str], command: CarryOver, head: dict[str, Any]
) -> Iterator[CareCarried | WarningCarried | VisitCarried | HandoverCarried]:
    """With their clocks: the child is one, and nothing that is owed to it waits anew. The arrangement comes first, for its content does.
    `desks` are the one that watches here and the one that is asked already, if any."""
    if command.arrangement and command.arranged_at:
        of = command.arranged_in or command.of
        yield CareCarried(**head, of=of, arrangement=command.arrangement, arranged_at=command.arranged_at)
    rules = {warning.rule for warning in open_here}
    for one in command.warnings:
        if one.rule not in rules:
            first = (one.of, one.number_there) if one.of else (command.of, one.number)
            said = {"rule": one.rule, "opened_at": one.opened_at, "clock": one.clock}
            yield WarningCarried(**head, of=first[0], number=first[1], **said)
    if command.visit and command.visit.due_at < visit.due_at:
        yield VisitCarried(**head, of=command.of, visit=command.visit)
    if command.handover and len(desks) == 1 and command.handover.desk not in desks:
        yield HandoverCarried(**head, of=command.handover.of or command.of, handover=command.handover)


def left(
    came_from: Collection[str | None], own: Arrangement | None, command: LeaveCarried, policy: Policy, now: datetime,
    head: dict[str, Any],
) -> tuple[CarriedLeft, ...]:  # fmt: skip
    """Nothing where nothing is left of it. What counts again was asked of nobody meanwhile: it tells one rung of what it missed. A visit
    that came along stays owed here as well."""
    if not {*came_from}.intersection(command.of):
        return ()
    if own:
        clocks = {"contact": own.contact, "back": own.back}
        late = {name: clock for name, clock in clocks.items() if clock and clock.due_rungs(now)}
        own = own.model_copy(update={name: clock.going_on(now, policy.calendar) for name, clock in late.items()})
    return (CarriedLeft(**head, of=command.of, own=own),)
