"""What decides over a child's file: a change is entered, passed or returned by the desk whose step it is, and climbs where it waits."""

from datetime import datetime
from typing import Any

from pydantic import Field

from app.domain.access import DESK_STAFF
from app.domain.belonging import (
    Belong,
    ChangeMoved,
    FileBelongs,
    FindDifferent,
    FoundDifferent,
    MoveChanges,
    require_may_belong,
    require_may_join,
    require_may_part,
)
from app.domain.child_file import (
    DIVISION,
    Change,
    ChangeEntered,
    ChangePassed,
    ChangeRecomputed,
    ChangeRejected,
    ChangeRungFired,
    ChildFile,
    FileEvent,
    Registration,
    Value,
)
from app.domain.child_terms import LINKS, FileField, NotTaken
from app.domain.clock import Clock
from app.domain.commands import Command, ContentCommand, RecomputeDeadlines
from app.domain.opening import desk_unless, is_about, recipients
from app.domain.policy import Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import by_own_hand, office_of


class EnterChange(ContentCommand):
    """填报: `content` holds the value and its evidence; `seen` is the version of the value that it was meant to replace."""

    child_id: str
    division: str
    field: FileField
    seen: int | None = None
    blind: bool = False
    """The field may be kept back from whoever enters it, so neither what counts there nor what waits is told by a refusal: this waits beside."""
    moves_to: str | None = Field(default=None, pattern=DIVISION)
    """The new street, where that is what changes: a code, which the file goes by."""
    community: str | None = None
    """The entry of the street's own list, where that is what changes: the watch goes by it, and `content` holds its name."""
    registration: Registration | None = None
    """With the field of that name, and never without it."""
    other: str | None = None
    """The child whose file is joined or parted."""
    concerned: tuple[str, ...] = ()
    """Whom cases of the child are about; the service says so, for their desks have no step in its file."""


class PassChange(Command):
    """核实 or 审批 by the desk whose step it is."""

    change: int
    over: int | None = None
    """The version of the value that stood there for whoever passes it, where another of the field waits or was passed meanwhile."""
    concerned: tuple[str, ...] = ()


class RejectChange(Command):
    """退回 by the desk whose step it is."""

    change: int
    reason: NotTaken


class RaiseDueChanges(Command):
    """The engine records every rung of a change that waits too long."""


def decide_file(file: ChildFile | None, command: Command, policy: Policy, now: datetime) -> tuple[FileEvent, ...]:
    """The events of a command; raises Refused and changes nothing when the rules say no."""
    by = command.by
    head = {"at": now, "by": by.person_id, "behalf": by.acting_for, "office": office_of(by)}
    start = {**head, "policy": policy.version}
    match command:
        case EnterChange():
            return (_entered(file, command, policy, now, head),)
        case Belong(child_id=child, division=division, primary=primary):
            require_may_belong(file, primary)
            aside = file.set_aside if file else ()
            clock = next((Clock.start(one.clock.spec, now, policy.calendar) for one in aside), None)
            return (FileBelongs(**start, child_id=child, division=division, primary=primary, clock=clock),)
        case FindDifferent(child_id=child, division=division, other=other):
            if file and other in (*file.different, *file.absorbed):
                raise Refused(RefusalCode.ALREADY_DONE)
            return (FoundDifferent(**start, child_id=child, division=division, other=other),)
        case _:
            pass
    if file is None:
        raise Refused(RefusalCode.CHILD_NOT_FOUND)
    match command:
        case PassChange(change=number, over=over):
            change = _mine(file, number, command)
            _require_looked(file, change, over)
            return (_passed(file, change, policy, now, head, command.concerned),)
        case RejectChange(change=number, reason=reason):
            change = _mine(file, number, command)
            parts = file.absorbed if change.field is FileField.REGISTRATION else ()
            return (ChangeRejected(**head, change=number, field=change.field, reason=reason, parts=parts),)
        case RaiseDueChanges():
            return _late(file, now)
        case MoveChanges(about=about):
            return _moved(file, about, policy, now, head)
        case RecomputeDeadlines(why=why):
            return _recomputed(file, why, policy, now, head)
        case _:
            raise Refused(RefusalCode.WRONG_STAGE)


def _entered(
    file: ChildFile | None, command: EnterChange, policy: Policy, now: datetime, head: dict[str, Any]
) -> ChangeEntered:
    """One change of a field at a time; whoever saw an older value is told who changed it and when."""
    field = command.field
    if (field is FileField.REGISTRATION) != (command.registration is not None):
        raise Refused(RefusalCode.WRONG_STAGE)
    if (field is FileField.COMMUNITY) != (command.community is not None):
        raise Refused(RefusalCode.WRONG_STAGE)
    _require_link(file, command)
    waiting = (
        next((one for one in file.waiting if one.field is field and _is_known(one, command)), None) if file else None
    )
    if waiting:
        raise _waits(waiting)
    counts = file.counts.get(field) if file else None
    if not command.blind and command.seen is not None and command.seen != (counts.version if counts else 0):
        raise _changed(field, counts)
    path = policy.change_path(field)
    division = file.division if file else command.division
    return ChangeEntered(
        **head, child_id=command.child_id, division=division, policy=policy.version, field=field, path=path.id,
        basis=path.basis, steps=path.steps, desk=desk_unless(path.steps[0], division, command.concerned), moves_to=command.moves_to,
        community=command.community, registration=command.registration, other=command.other, unit=command.by.unit,
        clock=Clock.start(policy.time(TIMES[0], urgent=False), now, policy.calendar),
    )  # fmt: skip


def _is_known(waiting: Change, command: EnterChange) -> bool:
    """Whether whoever enters a change is told of this one: of what may be kept back, of that of their own office alone."""
    return not command.blind or by_own_hand(command.by, waiting.persons[0], waiting.office)


def _require_link(file: ChildFile | None, command: EnterChange) -> None:
    if (command.field in LINKS) != (command.other is not None):
        raise Refused(RefusalCode.WRONG_STAGE)
    if command.other and command.field is FileField.SAME_AS:
        require_may_join(file, command.child_id, command.other)
    elif command.other:
        require_may_part(file, command.other)


TIMES = ("change_verify", "change_approve")
"""The time of the first step, and of those after it."""


def _mine(file: ChildFile, number: int, command: Command) -> Change:
    """The change, if its step lies at the actor's desk and none of the actor's persons has had it before."""
    change = file.change(number)
    if change is None:
        raise Refused(RefusalCode.NO_SUCH_CHANGE)
    if command.by.desk != change.desk or not command.by.has(*DESK_STAFF):
        raise Refused(RefusalCode.NOT_YOUR_DESK, desk=change.desk)
    if command.by.is_behind(change.persons):
        raise Refused(RefusalCode.SECOND_PERSON_NEEDED)
    return change


def _require_looked(file: ChildFile, change: Change, over: int | None) -> None:
    """Of two changes of one field none is passed by who did not look: the later would replace the other without a word."""
    counts = file.counts.get(change.field)
    if change.is_overtaken and over != (counts.version if counts else 0):
        raise _changed(change.field, counts)
    for one in file.waiting:
        if one.field is change.field and one.number != change.number and over is None:
            raise _waits(one)


def _waits(waiting: Change) -> Refused:
    told = {"change": waiting.number, "by": waiting.persons[0], "at": waiting.at}
    return Refused(RefusalCode.CHANGE_WAITS, field=waiting.field.value, **told)


def _changed(field: FileField, counts: Value | None) -> Refused:
    told = counts.model_dump(mode="json", exclude={"office"}) if counts else {"version": 0}
    return Refused(RefusalCode.VALUE_CHANGED, field=field.value, **told)


def _passed(
    file: ChildFile, change: Change, policy: Policy, now: datetime, head: dict[str, Any], concerned: tuple[str, ...]
) -> ChangePassed:
    step = {**head, "change": change.number, "field": change.field}
    if change.of_street and change.of_street != file.division:  # the child has moved meanwhile: only to be returned
        raise _changed(FileField.RESIDENCE_DIVISION, file.counts.get(FileField.RESIDENCE_DIVISION))
    if change.done + 1 == len(change.steps):
        step |= {"watch_begins": change.registration.grade if change.registration else None}
        step |= {"joins": change.other if change.field is FileField.SAME_AS else None}
        step |= {"parts": change.other if change.field is FileField.PARTED else None}
        return ChangePassed(**step)
    clock = Clock.start(policy.time(TIMES[1], urgent=False), now, policy.calendar)
    return ChangePassed(**step, desk=desk_unless(change.steps[change.done + 1], file.division, concerned), clock=clock)


def _moved(
    file: ChildFile, about: tuple[str, ...], policy: Policy, now: datetime, head: dict[str, Any]
) -> tuple[FileEvent, ...]:
    """From a desk that is concerned, and back from one that verifies for another which is so no more."""
    moved = tuple(
        ChangeMoved(
            **head, change=one.number, field=one.field, desk=to, clock=Clock.start(one.clock.spec, now, policy.calendar)
        )
        for one in file.waiting
        if (is_about(one.desk, about) or one.agency is not one.step)
        and (to := desk_unless(one.step, file.division, about)) != one.desk and not is_about(to, about)
    )  # fmt: skip
    if not moved:
        raise Refused(RefusalCode.ALREADY_DONE)
    return moved


def _late(file: ChildFile, now: datetime) -> tuple[FileEvent, ...]:
    fired = tuple(
        ChangeRungFired(
            at=now, change=change.number, rung=plan.rung, planned_at=plan.at,
            recipients=recipients(plan.rung, change.agency, change.desk, None),
        )
        for change in file.waiting for plan in change.clock.due_rungs(now)
    )  # fmt: skip
    if not fired:
        raise Refused(RefusalCode.NOTHING_DUE)
    return fired


def _recomputed(
    file: ChildFile, why: str, policy: Policy, now: datetime, head: dict[str, Any]
) -> tuple[FileEvent, ...]:
    moved = tuple(
        ChangeRecomputed(
            **head, change=change.number, calendar_version=policy.calendar.version, reason=why, clock=clock
        )
        for change in file.waiting
        if (clock := change.clock.recompute(policy.calendar, now)).differs_from(change.clock)
    )
    if not moved:
        raise Refused(RefusalCode.NOTHING_TO_RECOMPUTE)
    return moved
