"""What a condition of the pack may ask of a report, and the check that it asks nothing else and cannot fail."""

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

import cel

from app.domain import facts as f
from app.domain import terms
from app.domain.facts import ChildFacts, GuardianFacts, Known, ReportFacts
from app.domain.terms import ReporterClass, ReportKind
from app.policy.family import family_of

UNDECIDED: dict[str, Any] = {
    "triggers": [], "branches": [], "branch": "", "police": False, "origin_unknown": False, "urgent": False,
    "put_forward": False,
}  # fmt: skip
"""What triage adds to the facts as it goes, each for the tables that come after; before that it says nothing."""
AT_RISK = (
    "injured", "harmed", "witnessed_harm", "abandoned", "alone_now", "lives_alone", "on_the_street", "working",
)  # fmt: skip
"""What of a child, besides an illness, calls for somebody to look at once."""
BOUND = re.compile(r"\.(?:exists|exists_one|all|filter|map)\(\s*(\w+)\s*,")
FIELD = re.compile(r"\.(\w+)\b(?!\s*\()")
WRITTEN = re.compile(r"'([^']*)'|\"([^\"]*)\"")
FAILURES = (TypeError, KeyError, ValueError, RuntimeError, IndexError, ArithmeticError)
"""What CEL raises when a condition has no answer."""


@cache
def compiled(condition: str) -> Any:
    """The program, made once a process; ValueError when the text is no CEL."""
    return cel.compile(condition)


def view(facts: ReportFacts, left_behind_max_age: int) -> dict[str, Any]:
    """The facts as codes, and the few joint answers that many rows ask for."""
    children = [child.model_dump(mode="json") for child in facts.children]
    guardians = [guardian.model_dump(mode="json") for guardian in facts.guardians]
    ticked = [str(t) for t in facts.situations]
    hour, family = facts.local_hour, family_of(facts.guardians)
    return {
        **UNDECIDED,
        "kind": facts.kind.value,
        "reporter": facts.reporter_class.value,
        "hour": 12 if hour is None else hour,
        "nine": list(facts.nine_situations),
        "ticked": ticked,
        "triggers": ticked,
        "harm_by": [str(by) for by in facts.harm_by],
        "children": children,
        "guardians": guardians,
        "exploited": facts.organised_exploitation is Known.YES,
        "possible_duplicate": facts.possible_duplicate,
        "carer": facts.household.carer_available_tonight.value,
        "housing_need": facts.household.housing_need.value,
        "left_behind": family.left_behind() is True
        and any(_may_be_below(c, left_behind_max_age) for c in facts.children),
        **_of_children(children),
        **_of_guardians(guardians),
        "illness_alone": not family.nobody_can_come() and _illness_alone(facts),
        "parents_locked_up": family.locked_up(),
        "parents_dead": family.orphan() is True,
        "foundling": 6 in facts.nine_situations
        and not guardians
        and any(c["identity_known"] == "no" for c in children),
    }


def _of_children(children: list[dict[str, Any]]) -> dict[str, bool]:
    yes = Known.YES.value
    return {
        "has_children": bool(children),
        "pupil": any(c["attending"] == yes or c["school_stage"] in ("primary", "junior", "senior") for c in children),
        "hurt": any(c["injured"] == yes or c["needs_treatment"] == yes for c in children),
        "disabled": any(c["disabled"] == yes or c["disability_grade"] for c in children),
        "ill": any(c["gravely_ill"] == yes for c in children),
        "cannot_attend": any(c["unable_to_attend"] == yes for c in children),
        "out_of_school": any(_out_of_school(c) for c in children),
        "girl": any(c["sex"] == "female" for c in children),
        "working": any(c["working"] == yes for c in children),
        "not_found": any(c["found"] == "no" for c in children),
        "lives_alone": any(c["lives_alone"] == yes for c in children),
        "sibling_alone": any(not c["is_the_subject"] and c["alone_now"] == yes for c in children),
        "small_and_alone": any(
            (c["alone_now"] == yes or c["lives_alone"] == yes) and c["age_years"] is not None and c["age_years"] < 8
            for c in children
        ),
    }


def _of_guardians(guardians: list[dict[str, Any]]) -> dict[str, bool]:
    doubtful = ("missing", "dead", "imprisoned", "detox")
    return {
        "suspect": any(g["suspected_of_harm"] == "yes" for g in guardians),
        "guardians_in_doubt": any(g["whereabouts"] in doubtful or g["able"] == "no" for g in guardians),
        "carer_at_home": any(g["whereabouts"] == "home" and g["able"] != "no" for g in guardians),
        "detained": any(g["whereabouts"] == "detained" for g in guardians),
        "sentenced": any(g["whereabouts"] in ("imprisoned", "detox") for g in guardians),
        "persists_after_police": any(g["persists_after_police"] == "yes" for g in guardians),
    }


def _illness_alone(facts: ReportFacts) -> bool:
    """R114: a hospital tells of an ill child, or anybody of one whose treatment the family cannot pay, and nothing that was said
    points to one of the situations in which the police are called (R064).
    """
    household, yes = facts.household, Known.YES
    cannot_pay = household.cannot_pay_treatment is yes
    patient = facts.reporter_class is ReporterClass.MEDICAL or cannot_pay
    ill = any((c.gravely_ill is yes and patient) or (c.needs_treatment is yes and cannot_pay) for c in facts.children)
    event = facts.situations or facts.nine_situations or facts.harm_by or facts.organised_exploitation is yes
    if not ill or event or facts.kind is not ReportKind.CONCERN or household.carer_available_tonight is Known.NO:
        return False
    at_risk = any(yes in (getattr(c, name) for name in AT_RISK) or c.identity_known is Known.NO for c in facts.children)
    return not at_risk and not any(
        yes in (g.suspected_of_harm, g.neglects, g.persists_after_police) for g in facts.guardians
    )


def _may_be_below(child: ChildFacts, age: int) -> bool:
    """Triage acts in doubt: a child whose age nobody knows may be small."""
    return child.age_years is None or child.age_years < age


def _out_of_school(child: dict[str, Any]) -> bool:
    """Of the age of compulsory education (L76), not going, and not kept away by illness or disability."""
    age = child["age_years"]
    compulsory = child["school_stage"] in ("primary", "junior") or (age is not None and 6 <= age < 16)
    return compulsory and child["attending"] == "no" and child["unable_to_attend"] != "yes"


def conjuncts(condition: str) -> tuple[str, ...]:
    """The parts of a condition that must all hold: it split at each && outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for piece in re.split(r"(&&|\|\||[()\[\]'\"])", condition):
        if piece in ("'", '"') and quote in ("", piece):
            quote = "" if quote else piece
        elif not quote:
            depth += (piece in ("(", "[")) - (piece in (")", "]"))
            if depth == 0 and piece == "||":
                return (condition,)
            if depth == 0 and piece == "&&":
                parts.append("")
                continue
        parts[-1] += piece
    return tuple(part.strip() for part in parts)


def faults(condition: str) -> Iterator[str]:
    """Why a condition must not stand in a pack: no CEL, an unknown name, field or code, or an answer that is not yes or no."""
    try:
        program = compiled(condition)
    except ValueError as error:
        yield f"the condition is no CEL: {str(error).splitlines()[0]}"
        return
    known = _names() | set(BOUND.findall(condition))
    bare = WRITTEN.sub("''", condition)
    yield from (f"nothing is called {name}" for name in program.variables() if name not in known)
    yield from (f"no fact is called {name}" for name in FIELD.findall(bare) if name not in _fields())
    codes = ("".join(pair) for pair in WRITTEN.findall(condition))
    yield from (f"no code is called {code}" for code in codes if code and code not in _codes())
    for probe in _probes():
        try:
            answer = program.execute(probe)
        except FAILURES as error:
            yield f"the condition fails on some reports: {str(error).splitlines()[0]}"
            return
        if not isinstance(answer, bool):
            yield f"the condition answers {answer!r}, not yes or no"
            return


@cache
def _names() -> frozenset[str]:
    return frozenset(view(ReportFacts(), 18))


@cache
def _fields() -> frozenset[str]:
    return frozenset(ChildFacts.model_fields) | frozenset(GuardianFacts.model_fields)


@cache
def _codes() -> frozenset[str]:
    kinds = [
        kind for room in (terms, f) for kind in vars(room).values() if isinstance(kind, type) and issubclass(kind, Enum)
    ]
    return frozenset(code.value for kind in kinds for code in kind)


@cache
def _probes() -> tuple[cel.Context, ...]:
    """A report that says nothing, one with people of whom nothing is known, and one that says much."""
    child, guardian = ChildFacts(child_id="ch-1"), GuardianFacts()
    full = ChildFacts(child_id="ch-2", age_years=9, disability_grade=2, is_the_subject=False)
    reports = (
        ReportFacts(),
        ReportFacts(children=(child,), guardians=(guardian,)),
        ReportFacts(children=(full, child), guardians=(guardian, guardian), nine_situations=(1, 9)),
    )
    return tuple(cel.Context(variables=view(report, 18)) for report in reports)
