"""Which children's files are in somebody's sight, and which desks' work: the same rule as data for the reads, as `Scope` is for cases."""

from pydantic import BaseModel

from app.domain.sight import ADMINS, DESK_STAFF, STAFF, Actor, CaseSubject, Scope, divisions, keeps, scope
from app.domain.terms import Role


class ChildSubject(BaseModel, frozen=True, extra="forbid"):
    """What access to a child's file and watch depends on."""

    division: str
    case: CaseSubject | None = None
    """Of the report; None where nobody has reported the child."""
    watched_at: str | None = None
    """The desk that visits it, or a child whose file was joined to its own."""
    offered_to: str | None = None
    """The desk of the street to which it has moved."""
    waits_at: tuple[str, ...] = ()
    """The desks that have a step to do in its file."""
    about: tuple[str, ...] = ()
    """Whom its cases are about, or those of a file that was joined to its own."""


class FileScope(BaseModel, frozen=True):
    """Which files an actor sees: the union of its parts."""

    cases: Scope
    desk: str
    """To which a watch may be offered, and at which a change may wait."""
    desks: tuple[str, ...]
    """Whose watched children they are."""
    unreported_anywhere: bool
    divisions: tuple[str, ...]
    """Where those are seen whom nobody has reported."""
    marks: tuple[str, ...]
    """A child whose case is about one of these is in no sight, whatever else opens it."""

    def admits(self, child: ChildSubject) -> bool:
        """Whether there is a file of the child for the actor."""
        unreported = child.case is None and (self.unreported_anywhere or child.division in self.divisions)
        of_case = child.case is not None and self.cases.admits(child.case)
        at_desk = child.watched_at in self.desks or child.offered_to == self.desk or self.desk in child.waits_at
        return (of_case or at_desk or unreported) and set(self.marks).isdisjoint(child.about)


def file_scope(actor: Actor) -> FileScope | None:
    """Who keeps the file, registered the child, has its case or a step to do in it; None for who sees no file at all."""
    if not keeps(actor):
        return None
    return FileScope(
        cases=scope(actor), desk=actor.desk, desks=keeps(actor), unreported_anywhere=actor.oversees_district,
        divisions=divisions(actor), marks=actor.marks,
    )  # fmt: skip


def works_at(actor: Actor) -> tuple[str, ...]:
    """The desks whose work the actor sees, with a street's head those of its committees; a reporter or an administrator there sees none."""
    works = actor.has(*STAFF) and not actor.has(*ADMINS)
    return tuple(dict.fromkeys([actor.desk, *scope(actor).desks])) if works else ()


def sees_watch(actor: Actor, child: ChildSubject, *desks: str | None) -> bool:
    """Whether one of these desks is the actor's to see, and no case of the child is about the actor."""
    return any(desk in works_at(actor) for desk in desks) and set(actor.marks).isdisjoint(child.about)


def may_compare(actor: Actor) -> bool:
    """Staff of desks, and those who oversee the district; of the files that they see."""
    return (actor.has(*DESK_STAFF) or actor.oversees_district) and not actor.has(Role.ADMIN)
