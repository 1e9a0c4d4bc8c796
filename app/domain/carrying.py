"""Two files are about one child: what is open in the watch that rests goes on in the one that goes on, and back once they are parted."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from app.domain.arrangement import Arrangement
from app.domain.clock import Clock
from app.domain.commands import Command, ContentCommand
from app.domain.policy import Policy
from app.domain.visit import Warned, WatchFact


class CarryOver(ContentCommand):
    """Of that watch: its warnings, one of a rule, and what the parents have arranged, of which `content` names the delegate."""

    of: str
    warnings: tuple[Warned, ...]
    arrangement: Arrangement | None = None
    """Where it counts, and not one that is in this watch."""
    arranged_in: str | None = None
    arranged_at: datetime | None = None


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


class CarriedLeft(WatchFact):
    """What was carried from these watches and is still open goes on there, and no longer here."""

    kind: Literal["carried_left"] = "carried_left"
    of: tuple[str, ...]
    own: Arrangement | None = None
    """What was arranged in this watch itself, where that counts again."""


def carried(
    open_here: tuple[Warned, ...], command: CarryOver, head: dict[str, Any]
) -> Iterator[CareCarried | WarningCarried]:
    """With their clocks: the child is one, and nothing that is owed to it waits anew. The arrangement comes first, for its content does."""
    if command.arrangement and command.arranged_at:
        of = command.arranged_in or command.of
        yield CareCarried(**head, of=of, arrangement=command.arrangement, arranged_at=command.arranged_at)
    rules = {warning.rule for warning in open_here}
    for one in command.warnings:
        if one.rule not in rules:
            first = (one.of, one.number_there) if one.of else (command.of, one.number)
            said = {"rule": one.rule, "opened_at": one.opened_at, "clock": one.clock}
            yield WarningCarried(**head, of=first[0], number=first[1], **said)


def left(
    open_here: tuple[Warned, ...], arranged_in: str | None, own: Arrangement | None, command: LeaveCarried, policy: Policy,
    now: datetime, head: dict[str, Any],
) -> tuple[CarriedLeft, ...]:  # fmt: skip
    """Nothing where nothing is left of it. What counts again was asked of nobody meanwhile: it tells one rung of what it missed."""
    if not {arranged_in, *(warning.of for warning in open_here)}.intersection(command.of):
        return ()
    if own:
        clocks = {"contact": own.contact, "back": own.back}
        late = {name: clock for name, clock in clocks.items() if clock and clock.due_rungs(now)}
        own = own.model_copy(update={name: clock.going_on(now, policy.calendar) for name, clock in late.items()})
    return (CarriedLeft(**head, of=command.of, own=own),)
