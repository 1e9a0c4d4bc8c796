"""Two reports side by side: of each field what both say, and whether it is the same. A person decides; nothing here does."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from app.domain.identity import clean_name, known_name, normal_id, normal_phone
from app.domain.matching import LONG_NAME, school_key
from app.domain.policy import Frozen
from app.domain.terms import Term

Sounds = Callable[[str], Sequence[str]]
"""How a name may sound; names sound alike where these overlap."""
CHILD = (
    "name",
    "sex",
    "birth_date",
    "birth_text",
    "id_no",
    "phone",
    "residence",
    "hukou",
    "division",
    "school",
    "features",
)
KIN = ("name", "phone")


class Verdict(Term):
    """What two reports say of one thing."""

    SAME = "same", "相同", "the same"
    NEAR = "near", "相近", "nearly the same"
    DIFFERENT = "different", "不同", "different"
    ONE_SIDED = "one_sided", "仅一份写明", "said in one report alone"


class Line(Frozen):
    """One field of a pair of children (`child`, numbered from 1) or of the whole; each side as a list of values."""

    child: int | None
    field: str
    here: tuple[str, ...]
    there: tuple[str, ...]
    verdict: Verdict


def compare(here: Mapping[str, Any], there: Mapping[str, Any], sounds: Sounds) -> tuple[Line, ...]:
    """Of the contents of two reports, as `content_of` has them; what neither says is left out, children are paired by what agrees."""
    pairs = _pairs(list(here.get("children", ())), list(there.get("children", ())), sounds)
    lines = [line for number, (one, other) in enumerate(pairs, 1) for line in _child(number, one, other, sounds)]
    return (*lines, *_family(here.get("family") or (), there.get("family") or (), sounds))


def _pairs(here: list[Any], there: list[Any], sounds: Sounds) -> list[tuple[Any, Any]]:
    """Those who agree most first; in the order of the first report, then whoever stands in one alone."""
    ways = [(_agreement(one, other, sounds), -n, -m) for n, one in enumerate(here) for m, other in enumerate(there)]
    chosen: dict[int, int] = {}
    for _, n, m in sorted(ways, reverse=True):
        if -n not in chosen and -m not in chosen.values():
            chosen[-n] = -m
    alone = [({}, other) for m, other in enumerate(there) if m not in chosen.values()]
    return [*((one, there[chosen[n]] if n in chosen else {}) for n, one in enumerate(here)), *alone]


def _agreement(one: Mapping[str, Any], other: Mapping[str, Any], sounds: Sounds) -> int:
    found = [line.verdict for line in _child(0, one, other, sounds)]
    return 2 * found.count(Verdict.SAME) + found.count(Verdict.NEAR) - found.count(Verdict.DIFFERENT)


def _child(number: int, one: Mapping[str, Any], other: Mapping[str, Any], sounds: Sounds) -> Iterator[Line]:
    for field in CHILD:
        here, there = _said(one.get(field)), _said(other.get(field))
        if here or there:
            yield Line(
                child=number,
                field=field,
                here=_all(here),
                there=_all(there),
                verdict=_verdict(field, here, there, sounds),
            )


def _family(here: Sequence[Any], there: Sequence[Any], sounds: Sounds) -> Iterator[Line]:
    """Of names and of phones: the same where one of them stands in both reports."""
    for field in KIN:
        one, other = (
            [_said(member.get(field)) for member in family if _said(member.get(field))] for family in (here, there)
        )
        if not (one or other):
            continue
        found = {_verdict(field, a, b, sounds) for a in one for b in other}
        verdict = next((say for say in Verdict if say in found), Verdict.ONE_SIDED)
        yield Line(child=None, field=f"family_{field}", here=tuple(one), there=tuple(other), verdict=verdict)


def _verdict(field: str, here: str, there: str, sounds: Sounds) -> Verdict:
    if not (here and there):
        return Verdict.ONE_SIDED
    one, other = (_normal(field, value) for value in (here, there))
    if one == other:
        return Verdict.SAME
    return Verdict.NEAR if _is_near(field, one, other, sounds) else Verdict.DIFFERENT


def _is_near(field: str, one: str, other: str, sounds: Sounds) -> bool:
    """Names that sound alike or differ in one character, dates of one year, numbers in one figure, an address inside the other."""
    match field:
        case "name":
            return bool({*sounds(one)} & {*sounds(other)}) or (len(one) >= LONG_NAME and _one_off(one, other))
        case "birth_date":
            return one[:4] == other[:4]
        case "id_no" | "phone":
            return _one_off(one, other)
        case "school" | "residence" | "hukou":
            return one in other or other in one
        case _:
            return False


def _one_off(one: str, other: str) -> bool:
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def _normal(field: str, value: str) -> str:
    match field:
        case "name":
            return known_name(value) or clean_name(value)
        case "id_no":
            return normal_id(value)
        case "phone":
            return normal_phone(value) or value
        case "school":
            return school_key(value) or value
        case _:
            return "".join(unicodedata.normalize("NFKC", value).split())


def _said(value: Any) -> str:
    return str(value).strip() if value not in (None, "", "unknown") else ""


def _all(value: str) -> tuple[str, ...]:
    return (value,) if value else ()
