"""The child file: what is entered of a child goes its path, verified and where the notice asks for it approved, before it counts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.domain.access import DESK_STAFF
from app.domain.belonging import (
    Belong,
    ChangeMoved,
    FileBelongs,
    FileFact,
    FindDifferent,
    FoundDifferent,
    MoveChanges,
    require_may_belong,
    require_may_join,
    require_may_part,
)
from app.domain.child_terms import LINKS, FileField, Found, NotTaken
from app.domain.clock import Clock
from app.domain.commands import Command, ContentCommand, RecomputeDeadlines
from app.domain.opening import desk_unless, is_about, recipients
from app.domain.policy import Frozen, Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import by_own_hand, office_of
from app.domain.terms import Agency, Grade, Rung

PREFIX = "file-"
DIVISION = r"^\d{6}(\d{3})?$"


class Registration(Frozen):
    """Why a child without a report is registered, and by which grade it will be watched."""

    found: Found
    grade: Grade


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


class ChangeEntered(FileFact):
    """A new value was entered; the value is content of this event's version."""

    kind: Literal["change_entered"] = "change_entered"
    child_id: str
    division: str
    policy: str
    field: FileField
    path: str
    basis: tuple[str, ...]
    steps: tuple[Agency, ...]
    desk: str
    clock: Clock
    moves_to: str | None = None
    community: str | None = None
    registration: Registration | None = None
    other: str | None = None
    unit: str | None = None
    """The school or other unit for which it was entered; none of an office, or of an event from before."""


class ChangePassed(FileFact):
    """A step is done; without a next desk the value counts from now on: a registered child is watched, another file joins or leaves."""

    kind: Literal["change_passed"] = "change_passed"
    change: int
    field: FileField
    desk: str | None = None
    clock: Clock | None = None
    watch_begins: Grade | None = None
    joins: str | None = None
    parts: str | None = None


class ChangeRejected(FileFact):
    """The value is not taken; files that were joined to a registration which is not taken stand alone again."""

    kind: Literal["change_rejected"] = "change_rejected"
    change: int
    field: FileField
    reason: NotTaken
    parts: tuple[str, ...] = ()


class ChangeRungFired(FileFact):
    """One rung of a step that nobody does, once."""

    kind: Literal["change_rung_fired"] = "change_rung_fired"
    change: int
    rung: Rung
    planned_at: datetime
    recipients: tuple[str, ...]


class ChangeRecomputed(FileFact):
    """The calendar changed; the step's clock as it runs now."""

    kind: Literal["change_recomputed"] = "change_recomputed"
    change: int
    calendar_version: str
    reason: str
    clock: Clock


FileEvent = Annotated[
    ChangeEntered
    | ChangePassed
    | ChangeRejected
    | ChangeRungFired
    | ChangeRecomputed
    | ChangeMoved
    | FileBelongs
    | FoundDifferent,
    Field(discriminator="kind"),
]
file_event_adapter: TypeAdapter[FileEvent] = TypeAdapter(FileEvent)


class Change(Frozen):
    """A value that waits for a step; its number is the version of the event that entered it."""

    number: int
    field: FileField
    persons: tuple[str, ...]
    office: str = ""
    """Of whoever entered it."""
    at: datetime
    steps: tuple[Agency, ...]
    done: int = 0
    desk: str
    clock: Clock
    moves_to: str | None = None
    community: str | None = None
    of_street: str | None = None
    """In whose list that community stands."""
    registration: Registration | None = None
    other: str | None = None
    is_overtaken: bool = False
    """Another one of the field has come to count meanwhile."""

    @property
    def step(self) -> Agency:
        """Whose turn it is."""
        return self.steps[self.done]

    @property
    def agency(self) -> Agency:
        """Whose desk it lies at: another's where that one is concerned."""
        return Agency(self.desk.partition("-")[0])


class Value(Frozen):
    """Which entry counts for a field, and since when."""

    version: int
    by: str
    office: str = ""
    at: datetime


class ChildFile(Frozen):
    """Where a file stands: codes only; what was entered is content under the number of its change."""

    child_id: str
    version: int = 0
    policy: str
    division: str
    community: str | None = None
    """The community of that street; none once the child has moved to another."""
    waiting: tuple[Change, ...] = ()
    counts: dict[FileField, Value] = Field(default_factory=dict)
    absorbed: tuple[str, ...] = ()
    """Children whose files are read with this one."""
    merged_into: str | None = None
    set_aside: tuple[Change, ...] = ()
    """The registration that waited when the file was joined to another: it waits again once they are parted."""
    different: tuple[str, ...] = ()
    """Children of whom a person said that they are others."""

    @property
    def is_open(self) -> bool:
        """Whether anybody still owes a step."""
        return bool(self.waiting)

    @property
    def grades_aside(self) -> tuple[Grade, ...]:
        """By which the child was registered where that was set aside."""
        return tuple(one.registration.grade for one in self.set_aside if one.registration)

    def change(self, number: int) -> Change | None:
        """The waiting change of that number."""
        return next((change for change in self.waiting if change.number == number), None)

    def waiting_for(self, field: FileField) -> Change | None:
        """The change of that field that is under way."""
        return next((change for change in self.waiting if change.field is field), None)


def next_file_deadline(file: ChildFile) -> datetime | None:
    """When the next rung of a waiting change is due."""
    return min((change.clock.next_at for change in file.waiting if change.clock.next_at), default=None)


def apply_file(file: ChildFile | None, event: FileEvent) -> ChildFile:
    """The state after one more event."""
    if isinstance(event, ChangeEntered | FileBelongs | FoundDifferent):
        before = file or ChildFile(child_id=event.child_id, policy=event.policy, division=event.division)
        if not isinstance(event, ChangeEntered):
            return _linked(before, event)
        entered = Change(
            number=before.version + 1, field=event.field, persons=_persons(event), office=event.office, at=event.at, steps=event.steps,
            desk=event.desk, clock=event.clock, moves_to=event.moves_to, community=event.community,
            of_street=event.division if event.community else None, registration=event.registration, other=event.other,
        )  # fmt: skip
        update: dict[str, Any] = {"policy": event.policy, "waiting": (*before.waiting, entered)}
        return before.model_copy(update={**update, "version": before.version + 1})
    if file is None or (change := file.change(event.change)) is None:
        raise ValueError("the ledger of a file begins with change_entered, and its steps name a change that waits")
    update = {"version": file.version + 1}
    match event:
        case ChangePassed(desk=str() as desk, clock=Clock() as clock):
            persons = (*change.persons, *_persons(event))
            moved = change.model_copy(
                update={"done": change.done + 1, "desk": desk, "clock": clock, "persons": persons}
            )
            update["waiting"] = _with(file, moved)
        case ChangePassed():
            value = Value(version=change.number, by=change.persons[0], office=change.office, at=event.at)
            update["waiting"] = tuple(
                one.model_copy(update={"is_overtaken": True}) if one.field is change.field else one
                for one in _without(file, change)
            )
            update |= (
                _joined(file, event) if change.field in LINKS else {"counts": {**file.counts, change.field: value}}
            )
            update |= _placed(file, change, update.get("counts", file.counts))
        case ChangeRejected(parts=parts):
            left = tuple(child for child in file.absorbed if child not in parts)
            update |= {"waiting": _without(file, change), "absorbed": left}
        case ChangeRungFired(rung=rung):
            update["waiting"] = _with(file, change.model_copy(update={"clock": change.clock.fire(rung)}))
        case ChangeRecomputed(clock=clock):
            update["waiting"] = _with(file, change.model_copy(update={"clock": clock}))
        case ChangeMoved(desk=desk, clock=clock):
            update["waiting"] = _with(file, change.model_copy(update={"desk": desk, "clock": clock}))
    return file.model_copy(update=update)


def _placed(file: ChildFile, change: Change, counts: dict[FileField, Value]) -> dict[str, Any]:
    """Where the child lives from now on: in another street it is in none of the communities of the one before."""
    if change.community:
        return {"community": change.community}
    if not change.moves_to or change.moves_to == file.division:
        return {}
    left = {field: value for field, value in counts.items() if field is not FileField.COMMUNITY}
    return {"division": change.moves_to, "community": None, "counts": left}


def _linked(file: ChildFile, event: FileBelongs | FoundDifferent) -> ChildFile:
    update: dict[str, Any] = {"version": file.version + 1}
    if isinstance(event, FileBelongs):
        different = tuple(child for child in file.different if child != event.primary)
        anew = {"clock": event.clock} if event.clock else {}
        again = tuple(one.model_copy(update=anew) for one in file.set_aside)
        rests, waits = (file.waiting, ()) if event.primary else ((), (*again, *file.waiting))
        update |= {"set_aside": rests, "waiting": waits, "different": different}
        return file.model_copy(update={**update, "merged_into": event.primary})
    return file.model_copy(update={**update, "different": tuple(dict.fromkeys((*file.different, event.other)))})


def _joined(file: ChildFile, event: ChangePassed) -> dict[str, Any]:
    left = tuple(child for child in file.absorbed if child != event.parts)
    different = tuple(child for child in file.different if child != event.joins)
    return {"absorbed": (*left, event.joins) if event.joins else left, "different": different}


def _persons(event: FileFact) -> tuple[str, ...]:
    return (event.by, *((event.behalf,) if event.behalf else ()))


def _with(file: ChildFile, changed: Change) -> tuple[Change, ...]:
    return tuple(changed if change.number == changed.number else change for change in file.waiting)


def _without(file: ChildFile, gone: Change) -> tuple[Change, ...]:
    return tuple(change for change in file.waiting if change.number != gone.number)


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
            aside = file.set_aside if file and primary is None else ()
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


def file_id(child_id: str) -> str:
    """The id of the one file of a child."""
    return f"{PREFIX}{child_id}"
