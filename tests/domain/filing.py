"""What is done to the file of a child and its watch, as a table for each room of rules: whose step a change is and what happens then, which
files join and part, who sees them, and to whom a watch goes."""

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from itertools import chain, product
from typing import Any

from app.domain import belonging, child_file, file_sight, file_work, handover
from app.domain.access import CaseSubject
from app.domain.child_file import Registration
from app.domain.child_terms import FileField, Found, NotTaken
from app.domain.clock import Clock
from app.domain.refusals import Refused
from app.domain.sight import ENGINE
from app.domain.terms import Agency, Grade, Role
from app.domain.working_time import DayKind
from tests.actors import at_desk
from tests.domain.acting import NOW, STREET, outcome, policy
from tests.domain.decisions import Mutant
from tests.domain.decisions import mutants as less
from tests.domain.telling import SEATS, pack, refusal, signs

COMM = "COMM-110106007"

ABOUT = ((), (COMM,), ("COMM", "STREET"), ("COMM", "STREET", "CIVIL"), ("COMM", "STREET", "CIVIL", "CONF"))
"""Whom cases of a child may be about, more and more."""


def of_handover(rules: Any) -> Iterator[tuple[str, str]]:
    """To whom a watch is offered or goes at once, and who takes it."""
    head = {"at": NOW, "by": "x"}
    offer = rules.Handover(division="110106007", desk=COMM, clock=_clock())
    for desk, about in product((COMM, STREET, "CIVIL", "CONF", "COMM-110106023"), ABOUT):
        move = rules.MoveWatch(by=at_desk("CONF"), about=about)
        yield f"goes at once · {desk} · {' '.join(about)}", said(rules.moved_away, "110106007", desk, move, head)
        ask = rules.OfferWatch(by=at_desk("CONF"), division="110106007", about=about)
        for before in (None, offer):
            offers = said(rules.offered, desk, before, ask, policy(), NOW, head)
            yield f"is offered · {desk} · {' '.join(about)} · {bool(before)}", offers
    for before in (None, offer):
        yield f"is taken back · {bool(before)}", said(rules.withdrawn, before, head)
    people = [*SEATS.values(), *(at_desk(COMM, f"{role}", role) for role in Role)]
    for before in (None, offer):
        takes = (refusal(rules.taken, "CIVIL", before, rules.TakeWatch(by=who), head) for who in people)
        yield f"takes · {bool(before)}", signs(takes)


def _clock() -> Clock:
    return Clock.start(policy().time("accept", urgent=False), NOW, policy().calendar)


def of_belonging(rules: Any) -> Iterator[tuple[str, str]]:
    """Which files may join, part and belong."""
    files = _files() | _linked()
    for (stage, file), other in product(files.items(), ("ch-1", "ch-2", "ch-3")):
        asked = (
            refusal(rules.require_may_join, file, "ch-1", other), refusal(rules.require_may_part, file, other),
            *(refusal(rules.require_may_belong, file, primary) for primary in (other, None)),
        )  # fmt: skip
        yield f"joins, parts, belongs · {stage} · {other}", " ".join(asked)


def said(act: Callable[..., Any], *given: Any) -> str:
    """What happens, with all that it says, or what refuses it and why."""
    try:
        made = act(*given)
    except Refused as refused:
        return " ".join((refused.code.value, *(f"{name}={fact}" for name, fact in refused.facts.items())))
    return "; ".join(map(_told, made if isinstance(made, tuple) else (made,)))


def _told(event: Any) -> str:
    left_out = {"kind", "at", "basis", "policy", "clock"}
    told = [
        f"{name}={one}" for name, one in event.model_dump(mode="json", exclude_defaults=True, exclude=left_out).items()
    ]
    due = event.clock.due_at if getattr(event, "clock", None) else "-"
    return " ".join((event.kind, *told, f"{due}"))


def of_file_work(rules: Any) -> Iterator[tuple[str, str]]:
    """Whose step a change of a child's file is, what is entered, passed and returned by nobody, and all that happens then."""
    yield from _of_all_file_work(rules)
    by, files = at_desk(COMM, "me"), _files()
    others: tuple[dict[str, Any], ...] = (
        {"acting_for": by.person_id},
        {"also": (by.person_id,)},
        {"person_id": by.person_id},
    )
    seated = [
        *SEATS.values(), *(at_desk(STREET, f"{role}", role) for role in Role), at_desk(COMM),
        *(at_desk(STREET, "other").model_copy(update=other) for other in others),
    ]  # fmt: skip
    for name, number, command in product(("waits", "none"), (1, 7), ("PassChange", "RejectChange")):
        more = {"reason": NotTaken.NOT_CONFIRMED} if command == "RejectChange" else {}
        made = (getattr(rules, command)(by=who, change=number, **more) for who in seated)
        yield (
            f"{command} · {name} {number}",
            signs(refusal(rules.decide_file, files[name], one, policy(), NOW) for one in made),
        )
    fields: dict[str, dict[str, Any]] = {
        "plain": {}, "another": {"field": FileField.GUARDIANS}, "stale": {"seen": 0}, "seen": {"seen": 2}, "blind": {"blind": True},
        "blind, stale": {"blind": True, "seen": 0}, "registers nothing": {"field": FileField.REGISTRATION},
        "no community": {"field": FileField.COMMUNITY}, "a community": {"community": "c"}, "a link": {"other": "ch-2"},
        "joins nobody": {"field": FileField.SAME_AS}, "joins itself": {"field": FileField.SAME_AS, "other": "ch-1"},
        "joins": {"field": FileField.SAME_AS, "other": "ch-2"}, "parts": {"field": FileField.PARTED, "other": "ch-2"},
    }  # fmt: skip
    for (stage, file), (name, more), who in product(files.items(), fields.items(), (by, at_desk("EDU", "other"))):
        yield (
            f"enters · {stage} · {name} · {who.desk}",
            outcome(rules.decide_file, file, rules.EnterChange(by=who, **SCHOOL | more)),
        )
    for stage, number, over in product(files, (1, 2), (None, 0, 1, 2)):
        command = rules.PassChange(by=at_desk(STREET), change=number, over=over)
        yield f"passes · {stage} {number} over {over}", outcome(rules.decide_file, files[stage], command)


def _of_all_file_work(rules: Any) -> Iterator[tuple[str, str]]:
    """Each command over each file, with what its event or its refusal says."""
    street, lent = at_desk(STREET), at_desk(STREET).model_copy(update={"acting_for": "absent"})
    enter = {"by": lent, **SCHOOL}
    one = {"by": lent, "child_id": "ch-1", "division": SCHOOL["division"]}
    commands = {
        "enters": rules.EnterChange(**enter), "enters elsewhere": rules.EnterChange(**enter | {"division": "110106023"}),
        "enters what changed": rules.EnterChange(**enter, seen=9),
        "enters what a case is about": rules.EnterChange(**enter, concerned=(STREET,)),
        **{f"passes {n}": rules.PassChange(by=lent, change=n, over=1) for n in (1, 2, 3)},
        "passes for a concerned desk": rules.PassChange(by=street, change=1, concerned=("CIVIL",)),
        **{f"returns {n}": rules.RejectChange(by=lent, change=n, reason=NotTaken.NOT_CONFIRMED) for n in (1, 3)},
        "belongs": rules.Belong(**one, primary="ch-9"), "stands alone": rules.Belong(**one, primary=None),
        **{f"is not {other}": rules.FindDifferent(**one, other=other) for other in ("ch-2", "ch-3", "ch-4")},
        **{f"moves from {' '.join(about)}": rules.MoveChanges(by=lent, about=about) for about in (*ABOUT, (STREET,), (STREET, "CIVIL"))},
        "is late": rules.RaiseDueChanges(by=lent),
        "counts anew": rules.RecomputeDeadlines(by=lent, why="r"),
    }  # fmt: skip
    files = _files() | _linked()
    for (stage, file), (name, command) in product(files.items(), commands.items()):
        for calendar in ("", "later") if name == "counts anew" else ("",):
            by = _another_calendar() if calendar else policy()
            at = NOW + timedelta(days=60) if name == "is late" and stage != "waits" else NOW
            yield f"does · {stage} · {name} {calendar}", said(rules.decide_file, file, command, by, at)


SCHOOL = {"child_id": "ch-1", "division": "110106007", "field": FileField.SCHOOL, "content": {"value": "x"}}


def done(file: Any, command: Any) -> Any:
    """The file after a command, by the rules as they are."""
    for event in file_work.decide_file(file, command, policy(), NOW):
        file = child_file.apply_file(file, event)
    return file


def _another_calendar() -> Any:
    """The day on which the first step is due has become a holiday."""
    due = Clock.start(policy().time("change_verify", urgent=False), NOW, policy().calendar).due_at.date()
    calendar = policy().calendar
    made = calendar.model_copy(update={"version": "later", "days": {**calendar.days, due: DayKind.HOLIDAY}})
    return pack().with_calendar(made)


@cache
def _linked() -> dict[str, Any]:
    """Files that wait for a second step, stand in, have moved, were registered, joined or told apart."""
    by, street = at_desk(COMM, "me"), at_desk(STREET)

    def entered(file: Any, field: FileField, **more: Any) -> Any:
        return done(file, file_work.EnterChange(by=by, **SCHOOL | {"field": field, **more}))

    def passed(file: Any, change: int, who: Any = street) -> Any:
        return done(file, file_work.PassChange(by=who, change=change, over=0))

    def belongs(file: Any, to: str | None) -> Any:
        return done(file, file_work.Belong(by=ENGINE, child_id="ch-1", division=SCHOOL["division"], primary=to))

    means = entered(None, FileField.MEANS)
    found = Registration(found=next(iter(Found)), grade=Grade.HIGH)
    registered = entered(None, FileField.REGISTRATION, registration=found)
    joins = entered(None, FileField.SAME_AS, other="ch-2")
    absorbs = passed(joins, 1)
    community = entered(None, FileField.COMMUNITY, community="c")
    leaves = entered(community, FileField.RESIDENCE_DIVISION, moves_to="110106023")
    waits = entered(None, FileField.SCHOOL)
    return {
        "means": means, "means, seen": passed(means, 1), "registered": registered, "set aside": belongs(registered, "ch-9"),
        "registered, absorbs": passed(entered(registered, FileField.SAME_AS, other="ch-2"), 2), "joins": joins, "absorbs": absorbs,
        "parts": entered(absorbs, FileField.PARTED, other="ch-2"), "belongs": belongs(None, "ch-9"),
        "community": community, "moved away": passed(leaves, 2),
        "told apart": done(None, file_work.FindDifferent(by=by, child_id="ch-1", division=SCHOOL["division"], other="ch-3")),
        "stood in": done(waits, file_work.MoveChanges(by=ENGINE, about=(STREET,))),
    }  # fmt: skip


@cache
def _files() -> dict[str, Any]:
    """The file of a child as it comes to stand."""
    waits = done(None, file_work.EnterChange(by=at_desk(COMM, "me"), **SCHOOL))
    two = done(waits, file_work.EnterChange(by=at_desk("EDU"), **SCHOOL, blind=True))
    overtaken = done(two, file_work.PassChange(by=at_desk(STREET), change=2, over=0))
    return {
        "none": None, "waits": waits, "passed": done(waits, file_work.PassChange(by=at_desk(STREET), change=1)), "two wait": two,
        "two fields": done(waits, file_work.EnterChange(by=at_desk(COMM, "me"), **SCHOOL | {"field": FileField.GUARDIANS})),
        "overtaken": overtaken, "overtaken by none": overtaken.model_copy(update={"counts": {}}),
    }  # fmt: skip


def of_file_sight(rules: Any) -> Iterator[tuple[str, str]]:
    """Whose file and watch somebody sees, whose work, and who compares."""
    case = CaseSubject(
        case_id="case", lead=Agency.CIVIL, agencies=(Agency.CIVIL, Agency.POLICE), desks=("CIVIL", "POLICE")
    )
    here, there = "110106023", "110106101"
    elsewhere = {"division": there, "case": case.model_copy(update={"agencies": (), "desks": ()})}
    children: dict[str, dict[str, Any]] = {
        "reported": elsewhere, "of a case": {"division": there, "case": case}, "unreported": {"division": there},
        "unreported here": {"division": here}, "of a street": elsewhere | {"division": here},
        "watched": elsewhere | {"watched_at": f"COMM-{here}"}, "offered": elsewhere | {"offered_to": f"COMM-{here}"},
        "waits": elsewhere | {"waits_at": (f"STREET-{here}", "POLICE")},
        "watched twice": {"division": here, "case": case, "watched_at": "POLICE", "offered_to": "POLICE", "waits_at": ("POLICE",)},
    }  # fmt: skip
    for (name, said), about in product(children.items(), ((), ("POLICE", f"STREET-{here}", "CONF"))):
        child = rules.ChildSubject(**said, about=about)
        scopes = [rules.file_scope(who) for who in SEATS.values()]
        yield f"file · {name} · {len(about)}", signs(one is not None and one.admits(child) for one in scopes)
        seen = (rules.sees_watch(who, child, child.watched_at, child.offered_to) for who in SEATS.values())
        yield f"watch · {name} · {len(about)}", signs(seen)
    yield "works at", " ".join(",".join(rules.works_at(who)) or "-" for who in SEATS.values())
    yield "compares", signs(rules.may_compare(who) for who in SEATS.values())


TABLES: Mapping[str, Callable[[Any], Iterator[tuple[str, str]]]] = {
    file_work.__name__: of_file_work, file_sight.__name__: of_file_sight, handover.__name__: of_handover, belonging.__name__: of_belonging,
}  # fmt: skip
EQUAL = {("_require_link", "without command.other")}
"""Of the same meaning without: a link has another child, as was asked before."""


def mutants() -> Iterator[Mutant]:
    """Each of these rooms with a rule less."""
    return (one for one in less(TABLES) if (one.rule, one.name.partition(" ")[2]) not in EQUAL)


def everything() -> Iterator[tuple[str, str]]:
    """By the rules as they stand."""
    return chain.from_iterable(table(sys.modules[name]) for name, table in TABLES.items())
