"""Files that are about one child, or were found not to be: one belongs to the other until they are parted; nothing is copied."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from app.domain.child_terms import FileField
from app.domain.clock import Clock
from app.domain.commands import Command
from app.domain.policy import Frozen
from app.domain.refusals import RefusalCode, Refused


class FileFact(Frozen):
    """Common to all events of a file."""

    at: datetime
    by: str = "engine"
    behalf: str | None = None
    office: str = ""
    """Whose people read its text as typed; empty of the engine, and before it was kept."""


class Belong(Command):
    """The service does to a file what two persons decided in another: it belongs to `primary`, or stands alone again."""

    child_id: str
    division: str
    primary: str | None


class FindDifferent(Command):
    """不是同一儿童: the suggestion is not made again."""

    child_id: str
    division: str
    other: str


class MoveChanges(Command):
    """The service gives what waits at a desk that a case of the child is about, which may not see the child, to another, and back once
    none is; `about` are all whom these are about."""

    about: tuple[str, ...]


class ChangeMoved(FileFact):
    """The step of a change is another desk's from now on, with all its time."""

    kind: Literal["change_moved"] = "change_moved"
    change: int
    field: FileField
    desk: str
    clock: Clock


class FileBelongs(FileFact):
    """From now on it is read with the file of `primary`, or alone."""

    kind: Literal["file_belongs"] = "file_belongs"
    child_id: str
    division: str
    policy: str
    primary: str | None
    clock: Clock | None = None
    """Of the registration that waits again, from its beginning: nobody could verify it meanwhile. In events of former days it runs on."""


class FoundDifferent(FileFact):
    """A person looked at both children."""

    kind: Literal["found_different"] = "found_different"
    child_id: str
    division: str
    policy: str
    other: str


class Waits(Protocol):
    """A change that waits for a step."""

    @property
    def field(self) -> FileField: ...


class Belonging(Protocol):
    """Of a file, what decides whether it may join or part."""

    @property
    def merged_into(self) -> str | None: ...

    @property
    def absorbed(self) -> tuple[str, ...]: ...

    @property
    def waiting(self) -> Sequence[Waits]: ...


def require_may_join(file: Belonging | None, child_id: str, other: str) -> None:
    """A file joins another once, itself only, and not while it belongs to a third."""
    if child_id == other:
        raise Refused(RefusalCode.SAME_CHILD)
    if file and (file.merged_into or other in file.absorbed):
        raise Refused(RefusalCode.ALREADY_MERGED)


def require_may_part(file: Belonging | None, other: str) -> None:
    """Only what belongs here leaves."""
    if file is None or other not in file.absorbed:
        raise Refused(RefusalCode.NOT_MERGED)


def require_may_belong(file: Belonging | None, primary: str | None) -> None:
    """No chains, and no change is left waiting in a file that nobody opens any more; whether a child is to have a file of its own is
    what joining answers."""
    if file is None:
        return
    if primary and (file.merged_into or file.absorbed):
        raise Refused(RefusalCode.ALREADY_MERGED)
    if primary and any(change.field is not FileField.REGISTRATION for change in file.waiting):
        raise Refused(RefusalCode.CHANGE_WAITS)
