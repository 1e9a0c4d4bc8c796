"""The child file: what is entered of a child goes its path, verified and where the notice asks for it approved, before it counts."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.domain.belonging import (
    ChangeMoved,
    FileBelongs,
    FileFact,
    FoundDifferent,
)
from app.domain.child_terms import GUARDED, LINKS, FileField, Found, NotTaken
from app.domain.clock import Clock
from app.domain.policy import Frozen
from app.domain.terms import Agency, Grade, Rung

PREFIX = "file-"
DIVISION = r"^\d{6}(\d{3})?$"


class Registration(Frozen):
    """Why a child without a report is registered, and by which grade it will be watched."""

    found: Found
    grade: Grade


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


class MeansDecided(Frozen):
    """Whether what a change said of the means of the family was recognised, and when."""

    version: int
    at: datetime
    taken: bool


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
    means: tuple[MeansDecided, ...] = ()
    """What was decided of the means, in its order: more than what counts now, for what is not recognised ends what was said before."""
    before: dict[FileField, tuple[Value, ...]] = Field(default_factory=dict)
    """Of what may be kept back, what counted before of each other office, the newest first: to itself its own stands for the field."""
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
            update |= _joined(file, event) if change.field in LINKS else counted(file, change.field, value)
            update |= _placed(file, change, update.get("counts", file.counts))
            update |= _decided(file, change, event, taken=True)
        case ChangeRejected(parts=parts):
            left = tuple(child for child in file.absorbed if child not in parts)
            update |= {"waiting": _without(file, change), "absorbed": left} | _decided(file, change, event, taken=False)
        case ChangeRungFired(rung=rung):
            update["waiting"] = _with(file, change.model_copy(update={"clock": change.clock.fire(rung)}))
        case ChangeRecomputed(clock=clock):
            update["waiting"] = _with(file, change.model_copy(update={"clock": clock}))
        case ChangeMoved(desk=desk, clock=clock):
            update["waiting"] = _with(file, change.model_copy(update={"desk": desk, "clock": clock}))
    return file.model_copy(update=update)


def counted(file: ChildFile, field: FileField, value: Value) -> dict[str, Any]:
    """With what the value replaces, where that is another office's; of none of them more than the newest."""
    counts = {"counts": {**file.counts, field: value}}
    if field not in GUARDED or not (replaced := file.counts.get(field)):
        return counts
    others = (replaced, *(one for one in file.before.get(field, ()) if _whose(one) != _whose(replaced)))
    return counts | {"before": {**file.before, field: tuple(one for one in others if _whose(one) != _whose(value))}}


def _whose(value: Value) -> str:
    return value.office or value.by


def _placed(file: ChildFile, change: Change, counts: dict[FileField, Value]) -> dict[str, Any]:
    """Where the child lives from now on: in another street it is in none of the communities of the one before."""
    if change.community:
        return {"community": change.community}
    if not change.moves_to or change.moves_to == file.division:
        return {}
    left = {field: value for field, value in counts.items() if field is not FileField.COMMUNITY}
    return {"division": change.moves_to, "community": None, "counts": left}


def _decided(file: ChildFile, change: Change, event: FileFact, *, taken: bool) -> dict[str, Any]:
    if change.field is not FileField.MEANS:
        return {}
    return {"means": (*file.means, MeansDecided(version=change.number, at=event.at, taken=taken))}


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


def file_id(child_id: str) -> str:
    """The id of the one file of a child."""
    return f"{PREFIX}{child_id}"
