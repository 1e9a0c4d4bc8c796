"""Who acts beside the access decision, as a table for each room of rules: who stands in, breaks the glass, holds a destruction, gives seats
and answers a round."""

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain, product
from typing import Any

from app.domain import (
    deputies,
    emergency,
    handing_in,
    retention,
    rounds,
    seats,
    signals,
)
from app.domain.clock import Clock
from app.domain.refusals import Refused
from app.domain.terms import Agency, Role
from app.policy.calendars import seed
from tests.actors import at_desk
from tests.domain.decisions import Mutant
from tests.domain.decisions import mutants as less
from tests.domain.telling import SEATS, pack, refusal, signs

STREET = "STREET-110106007"
NOW = datetime(2026, 3, 5, 1, tzinfo=UTC)


@cache
def policy() -> Any:
    """The rules that ship, with their calendar."""
    return pack().with_calendar(seed().calendar())


OFFICES = ("POLICE", "EDU", STREET, "STREET-110106023", "POLICE-2")
PEOPLE = [at_desk(desk, f"{role}", role) for desk, role in product(OFFICES[:3], Role)]
PEOPLE += [
    at_desk(desk, "lent", role).model_copy(update={"acting_for": "x"})
    for desk, role in product(OFFICES, (Role.DESK_HEAD, Role.ADMIN))
]
PEOPLE += [
    at_desk("POLICE", f"{role}.two", role, Role.OFFICER) for role in (Role.ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR)
]
PEOPLE += [at_desk("POLICE", "both", Role.DESK_HEAD, Role.SUPERVISOR), *map(at_desk, OFFICES[3:])]
"""Whoever may be absent, stand in, or say so."""


def of_deputies(rules: Any) -> Iterator[tuple[str, str]]:
    """Who is set to stand in for whom, and who knows whom by name."""
    name = {id(who): f"{' '.join(who.roles)}@{who.desk}{' lent' if who.acting_for else ''}" for who in PEOPLE}
    for absent in PEOPLE:
        yield f"stands in · {name[id(absent)]}", signs(rules.may_stand_in(absent, who) for who in PEOPLE)
        deputy = at_desk(absent.desk, "deputy")
        yield f"appoints · {name[id(absent)]}", signs(rules.may_appoint(who, absent, deputy) for who in PEOPLE)
        yield (
            f"appoints a stranger · {name[id(absent)]}",
            signs(rules.may_appoint(who, absent, at_desk("CONF")) for who in PEOPLE),
        )
    yield "knows names", signs(rules.may_know_names(who) for who in SEATS.values())


def of_emergency(rules: Any) -> Iterator[tuple[str, str]]:
    """Who breaks the glass, and who judges that."""
    people = [*SEATS.values(), at_desk("POLICE", "me", Role.OFFICER, Role.MACHINE)]
    yield "breaks the glass", signs(rules.may_break_glass(who) for who in people)
    yield "reviews", signs(rules.may_review(who) for who in people)
    for desk, accounts, reviewed in product(
        ("POLICE", "CIVIL"), (("x",), ("me",), ("absent",), ("other-account",)), (False, True)
    ):
        read = rules.Read(accounts=accounts, desk=desk, reviewed=reviewed)
        yield (
            f"judges · {desk} {accounts[0]} {reviewed}",
            signs(refusal(rules.require_reviewer, who, read) for who in people),
        )
    times = (None, NOW - timedelta(1), NOW + timedelta(1))
    yield "overdue", signs(rules.overdue(by, at, NOW) for by, at in product(times[1:], times))


def of_retention(rules: Any) -> Iterator[tuple[str, str]]:
    """Who destroys and who stops it, and what is due."""
    yield "destroys", signs(rules.may_dispose(who) for who in SEATS.values())
    yield "holds", signs(rules.may_hold(who) for who in SEATS.values())
    made = {"until_age": 21, "basis": ("default",), "why": ""}
    rows = [
        rules.RetentionRule(code=f"{kept}{year}", kept=kept, holds_from=date(year, 1, 1), years=year - 2010, **made)
        for kept, year in product(rules.Dossier, (2020, 2022, 2030))
    ]
    for day in (date(2019, 1, 1), date(2021, 1, 1), date(2026, 1, 1), date(2036, 2, 29), date(2050, 1, 1)):
        held = [rules.rule_for(rows, kept, day) for kept in rules.Dossier]
        yield f"row of · {day}", " ".join(rule.code if rule else "-" for rule in held)
        for in_use, held_back, born in product(
            (False, True), (False, True), ((), (date(2016, 2, 29), date(2010, 1, 1)))
        ):
            life = rules.Life(last_on=date(2024, 2, 29), in_use=in_use, born=born, held=held_back)
            yield (
                f"due · {day} {in_use} {held_back} {len(born)}",
                f"{rules.is_due(rows[0], life, day)} {rules.due_on(rows[0], life)}",
            )


def of_handing_in(rules: Any) -> Iterator[tuple[str, str]]:
    """Who learns which offices have handed in."""
    yield "sees every office", signs(rules.sees_every_office(who) for who in SEATS.values())


def of_seats(rules: Any) -> Iterator[tuple[str, str]]:
    """Who sees seats, whose own they are, and which roles one person may have."""
    yield "sees seats", signs(rules.may_see_seats(who) for who in SEATS.values())
    yield "sees every seat", signs(rules.sees_every_seat(who) for who in SEATS.values())
    for person in ("me", "absent", "other-account", "x"):
        yield f"another · {person}", signs(refusal(rules.require_another, who, person) for who in SEATS.values())
    for agency, unit in product((Agency.PROC, Agency.EDU), (None, "unit-1")):
        sets = [(), *((role,) for role in Role), *product((Role.ADMIN, Role.REPORTER, Role.OFFICER), Role)]
        fits = (refusal(rules.require_fit, roles, agency, unit) for roles in sets)
        yield f"fits · {agency} {unit}", signs(fits)


def of_signals(rules: Any) -> Iterator[tuple[str, str]]:
    """Which signal of which agency a rule listens to, and who is shown its words."""
    made = {"zh": "甲", "en": "a", "again": timedelta(1), "basis": ("default",)}
    rows = [
        rules.SignalSpec(code="words", sources=(Agency.POLICE,), words=("走失", "受伤"), **made),
        rules.SignalSpec(code="count", sources=(Agency.EDU, Agency.SCHOOL), at_least=3, **made),
        rules.SignalSpec(code="both", sources=(Agency.HOSPITAL,), words=("受伤",), at_least=2, **made),
    ]
    for agency in Agency:
        found = (rules.met(rows, agency, text, count) for text, count in product(("", "走失", "受伤"), (0, 2, 3)))
        yield (
            f"listens · {agency}",
            f"{rules.sends(agency, rows)} " + " ".join(one.code if one else "-" for one in found),
        )
        shown = (reader.value for reader in Agency if rules.tells_words(agency, reader))
        yield f"words · {agency}", " ".join(shown)


ASKED = (("unit-hotline-1", "HOTLINE"), ("POLICE", "POLICE"), ("COMM-110106023", "COMM-110106023"))


def of_rounds(rules: Any) -> Iterator[tuple[str, str]]:
    """Who opens, follows and answers a round, and what no answer may say."""
    people = [*SEATS.values(), at_desk("WF")]
    for code in ("school_screening", "community_survey"):
        spec = policy().rounds[code]
        yield f"organises · {code}", signs(rules.organises(who, spec) for who in people)
        yield f"follows · {code}", signs(rules.follows(who, spec) for who in people)
    units = tuple(rules.Asked(unit=unit, desk=desk) for unit, desk in ASKED)
    for one in units:
        yield f"answers · {one.unit}", signs(one.answers(who) for who in people)
    for code, asked in (("school_screening", units), ("no-such", units), ("school_screening", ())):
        ask = rules.OpenRound(by=at_desk("EDU"), round_id="round-x", code=code, division="110106", units=asked)
        yield f"opens · {code} {len(asked)}", outcome(rules.decide_round, None, ask)
    clock = Clock.start(policy().time(policy().rounds["school_screening"].time, urgent=False), NOW, policy().calendar)
    state = rules.Round(
        round_id="round-x", code="school_screening", policy="", division="110106", organiser=Agency.EDU, agency=Agency.SCHOOL,
        opened_at=NOW, units=units, clock=clock,
    )  # fmt: skip
    first = rules.Returned(unit="POLICE", at=NOW, late=False, screened=1, reports=(), registered=("ch-1",), joined=())
    states = {
        "none": None, "open": state, "named": state.model_copy(update={"returns": (first,)}),
        "last": state.model_copy(update={"units": units[1:2]}), "over": state.model_copy(update={"closed_at": NOW}),
    }  # fmt: skip
    said: dict[str, dict[str, Any]] = {
        "plain": {}, "another unit": {"unit": "unit-hotline-1"}, "no unit": {"unit": "none"}, "joined": {"joined": (Agency.WF,)},
        "unfit": {"unfit": "child_not_found"}, "a child": {"registered": ("ch-1",)},
        "in a lent seat": {"by": at_desk("POLICE", "two").model_copy(update={"acting_for": "one"})},
    }  # fmt: skip
    for (stage, at), (name, more) in product(states.items(), said.items()):
        answer = rules.ReturnRound(**{"by": at_desk("POLICE"), "unit": "POLICE", "screened": 1, **more})
        yield f"returns · {stage} · {name}", outcome(rules.decide_round, at, answer)


def outcome(decide: Any, state: Any, command: Any) -> str:
    """What happens and by whom, or what refuses it."""
    try:
        return " ".join(f"{one.kind} {one.by} {one.behalf}" for one in decide(state, command, policy(), NOW))
    except Refused as refused:
        return refused.code.value


TABLES: Mapping[str, Callable[[Any], Iterator[tuple[str, str]]]] = {
    deputies.__name__: of_deputies, emergency.__name__: of_emergency, retention.__name__: of_retention, handing_in.__name__: of_handing_in,
    seats.__name__: of_seats, signals.__name__: of_signals, rounds.__name__: of_rounds,
}  # fmt: skip
OF_CONDUCT = {
    handing_in.__name__: ("sees_every_office",),
    rounds.__name__: ("Asked", "organises", "follows", "decide_round", "_opened", "_answered"),
}
"""Of rooms that say more: the rules that decide over somebody. The rest says what a book or a round looks like."""


def mutants() -> Iterator[Mutant]:
    """Each of these rooms with a rule less."""
    return (one for one in less(TABLES) if one.rule in OF_CONDUCT.get(one.module, (one.rule,)))


def everything() -> Iterator[tuple[str, str]]:
    """By the rules as they stand."""
    return chain.from_iterable(table(sys.modules[name]) for name, table in TABLES.items())
