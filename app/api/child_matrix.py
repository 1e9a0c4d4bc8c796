"""Who may call which route about a child beside a case, its file, watch and books, as a table: every role and relation to the child."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from app.api.ledgers import is_keeper
from app.api.problems import status_of
from app.domain.access import DESK_STAFF, Actor, CaseSubject
from app.domain.child_file import Change, ChildFile
from app.domain.child_terms import FileField, NotTaken, Section
from app.domain.compartment import TOLD_PLACE
from app.domain.file_sight import ChildSubject, file_scope, may_compare, sees_watch, works_at
from app.domain.file_work import PassChange, RejectChange, decide_file
from app.domain.handover import Handover, TakeWatch, taken
from app.domain.keys import opens
from app.domain.refusals import Refused
from app.domain.sight import keeps, may_register
from app.domain.terms import Agency, KeyScope, Role
from app.policy.loader import RELEASE, load
from app.policy.pack import Pack

YES, REFUSED, NOTHING, LATER = "Y", "n", "·", "s"
CODES = {403: REFUSED, 404: NOTHING, 409: LATER}


class FileRelation(StrEnum):
    """What somebody is to a child."""

    KEEPER = "keeper"
    STREET = "street"
    CASE_BODY = "case_body"
    REGISTERED = "registered"
    OFFERED = "offered"
    FORMER_KEEPER = "former_keeper"
    CONCERNED = "concerned"
    OVERSEER = "overseer"
    STRANGER = "stranger"


LIVES, LIVED, REGISTERS, MOVES, CONCERNS, REPORTED = (f"1101060{n}" for n in ("14", "15", "17", "16", "18", "23"))
"""Streets: where the child lives and lived, where another was registered, to which one has moved, that a case is about, of the reports."""
SEATS = {
    FileRelation.KEEPER: (Agency.COMM, LIVES), FileRelation.STREET: (Agency.STREET, LIVES), FileRelation.CASE_BODY: (Agency.POLICE, None),
    FileRelation.REGISTERED: (Agency.COMM, REGISTERS), FileRelation.OFFERED: (Agency.COMM, MOVES),
    FileRelation.FORMER_KEEPER: (Agency.COMM, LIVED), FileRelation.CONCERNED: (Agency.COMM, CONCERNS),
    FileRelation.OVERSEER: (Agency.CONF, None), FileRelation.STRANGER: (Agency.HOUSING, None),
}  # fmt: skip
_CASE = CaseSubject(
    case_id="case",
    lead=Agency.CIVIL,
    agencies=(Agency.CIVIL, Agency.POLICE),
    desks=("CIVIL", "POLICE"),
    division=REPORTED,
)
WATCHED = ChildSubject(division=LIVES, case=_CASE, watched_at=f"COMM-{LIVES}", waits_at=(f"STREET-{LIVES}",))
"""Reported, watched, with a change that waits for its street."""
SUBJECTS = dict.fromkeys(FileRelation, WATCHED) | {
    FileRelation.REGISTERED: ChildSubject(division=REGISTERS, waits_at=(f"STREET-{REGISTERS}",)),
    FileRelation.OFFERED: ChildSubject(
        division=MOVES, case=_CASE, watched_at=f"COMM-{LIVED}", offered_to=f"COMM-{MOVES}", waits_at=(f"STREET-{MOVES}",)
    ),
    FileRelation.CONCERNED: WATCHED.model_copy(update={"watched_at": f"COMM-{CONCERNS}", "about": (f"COMM-{CONCERNS}",)}),
}  # fmt: skip
"""The child that each of them asks for: nobody has reported the one that was registered, and a case is about who watches the last."""
Rule = Callable[[Actor, ChildSubject], str]
BOOK = "work"
"""The book that communities and streets keep of the children whom they watch."""


def seat(relation: FileRelation, role: Role) -> Actor:
    """Somebody with this role where this relation is."""
    agency, division = SEATS[relation]
    desk = f"{agency}-{division}" if division else agency.value
    scopes = tuple(KeyScope) if role is Role.MACHINE else None
    return Actor(
        person_id=f"file.{role}.{relation}", agency=agency, desk=desk, division=division, roles=(role,), scopes=scopes
    )


@cache
def _rules() -> Pack:
    return load(RELEASE)


_NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


def _sign(decide: Callable[..., object], *given: object) -> str:
    """Of what a decision says that raises its refusal."""
    try:
        decide(*given)
    except Refused as refused:
        return CODES[status_of(refused.code)]
    return YES


def _sees(who: Actor, child: ChildSubject) -> str:
    scope = file_scope(who)
    return YES if scope and scope.admits(child) else NOTHING


def _enters(who: Actor, child: ChildSubject) -> str:
    """A value of a section that the body sees: here the school."""
    enters = who.has(*DESK_STAFF) and Section.SCHOOL in _rules().file.seen_by(who.agency)
    return NOTHING if _sees(who, child) == NOTHING else YES if enters else REFUSED


def _decides(made: Callable[[Actor], Any]) -> Rule:
    """The desk at which the change waits, and nobody who entered it."""

    def asked(who: Actor, child: ChildSubject) -> str:
        if _sees(who, child) == NOTHING:
            return NOTHING
        change = Change.model_construct(
            number=1, field=FileField.SCHOOL, persons=("x",), steps=(Agency.STREET,), desk=child.waits_at[0]
        )
        file = ChildFile(child_id="ch-1", policy=RELEASE, division=child.division, waiting=(change,))
        return _sign(decide_file, file, made(who), _rules(), _NOW) if who.agency in TOLD_PLACE else REFUSED

    return asked


def _has_a_step(who: Actor, child: ChildSubject) -> str:
    return YES if keeps(who) and who.has(*DESK_STAFF) and who.desk in child.waits_at else NOTHING


def _watches(who: Actor, child: ChildSubject) -> str:
    return YES if sees_watch(who, child, child.watched_at) else NOTHING


def _visits(who: Actor, child: ChildSubject) -> str:
    """Staff of the very desk; who sees its work beside them does none of it."""
    own = who.desk == child.watched_at and who.has(*DESK_STAFF)
    return NOTHING if _watches(who, child) == NOTHING else YES if own else REFUSED


def _is_offered(who: Actor, child: ChildSubject) -> str:
    return YES if sees_watch(who, child, child.offered_to) else NOTHING


def _takes(who: Actor, child: ChildSubject) -> str:
    if not sees_watch(who, child, child.offered_to, child.watched_at):
        return NOTHING
    offer = Handover.model_construct(division=child.division, desk=child.offered_to) if child.offered_to else None
    return _sign(taken, child.watched_at, offer, TakeWatch(by=who), {"at": _NOW, "by": who.person_id})


def _compares(then: str = YES) -> Rule:
    """Of a child that is seen; with itself, which is one file."""
    return lambda who, child: REFUSED if not may_compare(who) else then if _sees(who, child) == YES else NOTHING


def _compares_any(who: Actor, child: ChildSubject) -> str:
    return YES if may_compare(who) else REFUSED


def _registers(who: Actor, child: ChildSubject) -> str:
    return YES if may_register(who) else REFUSED


def _keeps_books(who: Actor, child: ChildSubject) -> str:
    return YES if any(is_keeper(who, book.ledger()) for book in _rules().file.ledgers) else NOTHING


def _keeps_book(who: Actor, child: ChildSubject) -> str:
    book = next(one.ledger() for one in _rules().file.ledgers if one.id == BOOK)
    return YES if is_keeper(who, book) else NOTHING


def _in_book(who: Actor, child: ChildSubject) -> str:
    """Who keeps the book has the child in it."""
    own = child.watched_at in keeps(who) and set(who.marks).isdisjoint(child.about)
    return YES if own and _keeps_book(who, child) == YES else NOTHING


def _sends_book(who: Actor, child: ChildSubject) -> str:
    return NOTHING if _keeps_book(who, child) == NOTHING else YES if who.has(*DESK_STAFF) else REFUSED


def _owes(who: Actor, child: ChildSubject) -> str:
    """Something over the child, at the desk that watches it or, of one that was registered, at its committee."""
    desk = child.watched_at or f"COMM-{child.division}"
    sees = who.oversees_district or desk in works_at(who)
    return YES if sees and set(who.marks).isdisjoint(child.about) else NOTHING


def _settles(who: Actor, child: ChildSubject) -> str:
    return NOTHING if _owes(who, child) == NOTHING else YES if who.has(*DESK_STAFF, Role.AGENCY_HEAD) else REFUSED


RULES: dict[str, tuple[str, Rule]] = {
    **dict.fromkeys(("read_child", "read_child_history", "open_child_in_full"), ("the file in sight (app/domain/file_sight.py)", _sees)),
    "enter_change": ("the file in sight; staff, of a section of their body", _enters),
    "pass_change": ("the desk whose step it is (app/domain/file_work.py)", _decides(lambda who: PassChange(by=who, change=1))),
    "reject_change": (
        "the desk whose step it is (app/domain/file_work.py)",
        _decides(lambda who: RejectChange(by=who, change=1, reason=NotTaken.NOT_CONFIRMED)),
    ),
    "waiting_changes": ("the desk whose step it is", _has_a_step),
    **dict.fromkeys(("watches", "due_visits", "due_visit"), ("the desk that watches, the street over its committees", _watches)),
    **dict.fromkeys(
        ("record_visit", "end_watch", "verify_warning", "arrange_care", "record_contact", "record_return"),
        ("staff of the desk that watches", _visits),
    ),
    "offered_watches": ("the desk that is to take it", _is_offered),
    "take_watch": ("staff of the desk that is to take it (app/domain/handover.py)", _takes),
    "files_like": ("the file in sight; staff and oversight", _compares()),
    "compare_children": ("both files in sight; staff and oversight; here a child with itself", _compares(LATER)),
    "decide_duplicate": ("both files in sight; staff and oversight; here a child with itself", _compares(LATER)),
    "duplicates": ("staff and oversight; pairs of files in sight", _compares_any),
    **dict.fromkeys(("register_child", "alike_children"), ("staff of a committee or street; of a school, its pupils", _registers)),
    **dict.fromkeys(("ledgers", "ledgers_due"), ("the body that keeps a book", _keeps_books)),
    "read_ledger": ("the body that keeps the book, the children whom it watches", _in_book),
    **dict.fromkeys(("ledger_template", "export_ledger"), ("the body that keeps the book", _keeps_book)),
    "import_ledger": ("staff of the body that keeps the book", _sends_book),
    **dict.fromkeys(("owed", "read_owed"), ("the desk that owes it, the street over its committees, oversight", _owes)),
    "settle_owed": ("staff of the desk that owes it", _settles),
}  # fmt: skip

HEAD = """
# Who may call what of a child beside a case

The same of a child's file, its watch, the books and what is owed over it. The nine signs of a cell are what the role is answered as
**keeper** (the committee that watches the child), **street** (the street office that verifies what is entered), **case body** (it has a
leg in the child's case), **registered** (the committee that registered a child whom nobody has reported), **offered** (the committee of
the street to which a child has moved), **former keeper** (it watched the child before that), **concerned** (a case of the child is about
the desk that watches it), **overseer** (the joint conference office) and **stranger**, in this order.
"""


def rows() -> Iterator[tuple[str, str, dict[Role, list[tuple[FileRelation, str]]]]]:
    """Every route, what it asks for, and for each role the sign of each relation; a key is asked first whether it opens the route."""
    for name, (asks, rule) in RULES.items():
        yield (
            name,
            asks,
            {
                role: [(one, answer(name, rule, seat(one, role), one)) for one in FileRelation]
                for role in Role
                if role is not Role.ENGINE
            },
        )


def answer(route: str, rule: Rule, who: Actor, relation: FileRelation) -> str:
    """What somebody is answered there."""
    return rule(who, SUBJECTS[relation]) if who.scopes is None or opens(who.scopes, route) else REFUSED
