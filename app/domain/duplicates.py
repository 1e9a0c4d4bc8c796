"""Whether two files of the register are about one child: reasons weighed in bits, a suggestion with its reasons, never a decision.

What speaks of the child itself (number, name, birth date, sex) is kept apart from what speaks of the family: brothers and sisters share
the latter, and twins the birth date as well.
"""

from collections.abc import Collection
from datetime import date, timedelta
from math import log2
from typing import Any

from app.domain.child_terms import Section
from app.domain.identity import id_findings, is_document, known_name, normal_id
from app.domain.matching import Match, Reason, school_key
from app.domain.policy import Frozen
from app.domain.surnames import surname_of

PRIOR = 10.5
"""Bits that have to be overcome: of two files that share a sound, a day or a phone, one pair in some two thousand is one child."""
FAMILY_MOST = 8.0
"""However much of a family is the same, it is the same family and no more."""
FOURFOLD = 2
"""Bits."""
TWINS = -9.5
"""Another given name in the same family on the same birthday."""


class Known(Frozen):
    """What is compared of a child's file; what is unknown counts for nothing."""

    child_id: str
    name: str = ""
    sounds: tuple[str, ...] = ()
    rarity: float | None = None
    """Bits: how seldom a name that sounds like this one is in the register; None where nobody has counted."""
    birth_date: date | None = None
    sex: str | None = None
    id_no: str = ""
    phones: tuple[str, ...] = ()
    guardians: tuple[str, ...] = ()
    """How their names sound."""
    division: str = ""
    school: str = ""


def as_told(known: Known, sections: Collection[Section] | None) -> Known:
    """No more than a body with these sections is told of a file, or all of it: what is weighed is confirmed to whoever guesses it."""
    if sections is None:
        return known
    kept: dict[str, Any] = {}
    if Section.FAMILY not in sections:
        kept |= {"guardians": ()}
    if not {Section.FAMILY, Section.RESIDENCE} <= {*sections}:
        kept |= {"phones": ()}
    if Section.RESIDENCE not in sections:
        kept |= {"division": ""}
    if Section.SCHOOL not in sections:
        kept |= {"school": ""}
    return known.model_copy(update=kept)


NAME_LEAST, NAME_MOST, COINCIDENCE, MISHEARD = 6.0, 10.5, 3.0, 2.0
"""A common name says less than a rare one, within bounds; a rare one may still have two bearers, and a similar sound says less."""


def _reason(code: str, zh: str, en: str, weight: float) -> Reason:
    return Reason(code=code, zh=zh, en=en, weight=weight)


SAME_ID = _reason("same_id", "身份证号相同", "same id number", 22)
ID_MISTYPED = _reason("id_mistyped", "身份证号疑似录错", "one id number looks like the other mistyped", 14)
IDS_DIFFER = _reason("ids_differ", "身份证号各自有效且不同", "two sound, different id numbers", -14)
SAME_NAME = _reason("same_name", "姓名相同", "same name", 8)
SOUNDS_ALIKE = _reason("name_sounds_alike", "姓名音近", "the names sound alike", 6)
ONE_CHARACTER = _reason("name_one_character_off", "姓名差一字", "the names differ in one character", 1)
NAMES_DIFFER = _reason("names_differ", "姓名不同", "different names", -7)
SURNAMES_DIFFER = _reason("surnames_differ", "姓氏不同", "different surnames", -9)
SAME_BIRTH = _reason("same_birth_date", "出生日期相同", "same birth date", 10)
BIRTH_NEAR = _reason("birth_date_near", "出生日期相近", "the birth dates nearly agree", 4.5)
BIRTHS_DIFFER = _reason("birth_dates_differ", "出生日期不同", "different birth dates", -8)
SAME_SEX = _reason("same_sex", "性别相同", "same sex", 0.8)
SEXES_DIFFER = _reason("sexes_differ", "性别不同", "different sexes", -5)
SAME_PHONE = _reason("same_phone", "电话相同", "same phone", 6)
PHONES_DIFFER = _reason("phones_differ", "电话不同", "different phones", -0.8)
SAME_GUARDIAN = _reason("same_guardian", "监护人姓名音同", "the guardians' names sound alike", 5)
GUARDIANS_DIFFER = _reason("guardians_differ", "监护人不同", "different guardians", -1.5)
SAME_SCHOOL = _reason("same_school", "学校相同", "same school", 3)
SAME_STREET = _reason("same_street", "同街道", "same street", 1.5)
SIBLINGS = _reason(
    "other_child_of_family", "疑为同胞（同家庭、名不同）", "looks like another child of the family", TWINS
)


def compare(a: Known, b: Known) -> Match:
    """Symmetric where both names are equally rare; the score is how probable it is, as far as the weights go."""
    name, birth = _name(a, b), _birth(a, b)
    child = tuple(reason for reason in (_id(a, b), name, birth, _sex(a, b)) if reason)
    family = tuple(reason for reason in (_phone(a, b), _guardian(a, b), _school(a, b), _street(a, b)) if reason)
    kin = min(FAMILY_MOST, sum(reason.weight for reason in family))
    reasons = (*child, *family)
    bits = sum(reason.weight for reason in child) + kin
    if _other_child(name, birth, reasons):
        reasons, bits = (*reasons, SIBLINGS), bits + SIBLINGS.weight
    return Match(score=round(1 / (1 + 2 ** (PRIOR - bits)), 4), reasons=reasons)


def _other_child(name: Reason | None, birth: Reason | None, reasons: tuple[Reason, ...]) -> bool:
    """Another name on one birthday in one family, and no number that says otherwise."""
    differs = name in (ONE_CHARACTER, NAMES_DIFFER) and birth is SAME_BIRTH
    codes = {reason.code for reason in reasons}
    return (
        differs and bool(codes & {SAME_PHONE.code, SAME_GUARDIAN.code}) and not codes & {SAME_ID.code, ID_MISTYPED.code}
    )


def _id(a: Known, b: Known) -> Reason | None:
    one, other = normal_id(a.id_no), normal_id(b.id_no)
    if not (is_document(one) and is_document(other)):
        return None
    if one == other:
        return SAME_ID
    sound = [not id_findings(number) for number in (one, other)]
    if all(sound):
        return IDS_DIFFER
    return ID_MISTYPED if any(sound) and _is_slip(one, other) else None


def _is_slip(one: str, other: str) -> bool:
    """One digit off, two neighbours swapped, or a digit left out or typed twice."""
    if len(one) == len(other):
        off = [n for n, (x, y) in enumerate(zip(one, other, strict=True)) if x != y]
        swapped = (
            len(off) == 2 and off[1] == off[0] + 1 and one[off[0]] == other[off[1]] and one[off[1]] == other[off[0]]
        )
        return len(off) == 1 or swapped
    long, short = (one, other) if len(one) > len(other) else (other, one)
    return len(long) - len(short) == 1 and any(long[:n] + long[n + 1 :] == short for n in range(len(long)))


def _name(a: Known, b: Known) -> Reason | None:
    one, other = known_name(a.name), known_name(b.name)
    if not (one and other):
        return None
    if one == other:
        return _by_rarity(SAME_NAME, a, 0)
    if set(a.sounds) & set(b.sounds):
        return _by_rarity(SOUNDS_ALIKE, a, MISHEARD)
    if len(one) == len(other) and sum(x != y for x, y in zip(one, other, strict=True)) == 1 and len(one) > 2:
        return ONE_CHARACTER
    return NAMES_DIFFER if surname_of(one) == surname_of(other) else SURNAMES_DIFFER


def _by_rarity(reason: Reason, known: Known, less: float) -> Reason:
    if known.rarity is None:
        return reason
    weight = max(NAME_LEAST, min(NAME_MOST, known.rarity - COINCIDENCE)) - less
    return reason.model_copy(update={"weight": round(weight, 1)})


def rarity(bearers: int, files: int) -> float:
    """Of a name that so many of so many files bear, in steps of four times as many: one bearer more is not to be told from it."""
    return FOURFOLD * round(log2(files / max(1, bearers)) / FOURFOLD) if files else 0.0


def _birth(a: Known, b: Known) -> Reason | None:
    if not (a.birth_date and b.birth_date):
        return None
    if a.birth_date == b.birth_date:
        return SAME_BIRTH
    return BIRTH_NEAR if near_dates(a.birth_date, b.birth_date) else BIRTHS_DIFFER


def near_dates(a: date, b: date) -> bool:
    """A day apart, day and month swapped, one digit off, or two neighbouring digits swapped."""
    one, other = a.isoformat(), b.isoformat()
    year, month, day = one.split("-")
    return abs(a - b) <= timedelta(days=1) or other == f"{year}-{day}-{month}" or _is_slip(one, other)


def _sex(a: Known, b: Known) -> Reason | None:
    if not (a.sex and b.sex):
        return None
    return SAME_SEX if a.sex == b.sex else SEXES_DIFFER


def _phone(a: Known, b: Known) -> Reason | None:
    if not (a.phones and b.phones):
        return None
    return SAME_PHONE if set(a.phones) & set(b.phones) else PHONES_DIFFER


def _guardian(a: Known, b: Known) -> Reason | None:
    if not (a.guardians and b.guardians):
        return None
    return SAME_GUARDIAN if set(a.guardians) & set(b.guardians) else GUARDIANS_DIFFER


def _school(a: Known, b: Known) -> Reason | None:
    one = school_key(a.school)
    return SAME_SCHOOL if one and one == school_key(b.school) else None


def _street(a: Known, b: Known) -> Reason | None:
    return SAME_STREET if a.division and a.division == b.division else None
