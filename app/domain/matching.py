"""Whether two reports may be about one child: reasons with weights, a suggestion, never a decision."""

import re
from datetime import date, datetime, timedelta
from difflib import SequenceMatcher

from app.domain.policy import Frozen

SUGGESTS_AT = 0.55
SAME_INCIDENT = timedelta(days=3)
ONE_DAY = timedelta(days=1)
ALIKE = 0.6


class Candidate(Frozen):
    """What is compared of a child of a report; unknown fields count for nothing."""

    case_id: str
    name: str = ""
    sound_keys: tuple[str, ...] = ()
    birth_date: date | None = None
    sex: str | None = None
    id_no: str | None = None
    phone: str | None = None
    division: str | None = None
    school: str | None = None
    reported_at: datetime


class Reason(Frozen):
    """Why they may be the same."""

    code: str
    zh: str
    en: str
    weight: float


class Match(Frozen):
    """The answer, with its reasons."""

    score: float
    reasons: tuple[Reason, ...]

    @property
    def suggest(self) -> bool:
        """Worth a person's look."""
        return self.score >= SUGGESTS_AT


def score(a: Candidate, b: Candidate) -> Match:
    """Symmetric; 1 is certain."""
    if a.sex and b.sex and a.sex != b.sex and a.id_no != b.id_no:
        return Match(score=0, reasons=())
    reasons = tuple(
        reason for reason in (_id(a, b), _name(a, b), _birth(a, b), _phone(a, b), _school(a, b), _place(a, b)) if reason
    )
    return Match(score=min(1.0, sum(reason.weight for reason in reasons)), reasons=reasons)


def _id(a: Candidate, b: Candidate) -> Reason | None:
    if not (a.id_no and b.id_no):
        return None
    if a.id_no == b.id_no:
        return Reason(code="same_id", zh="身份证号相同", en="same id number", weight=1)
    one_off = len(a.id_no) == len(b.id_no) and sum(x != y for x, y in zip(a.id_no, b.id_no, strict=True)) == 1
    return (
        Reason(code="id_one_off", zh="身份证号差一位", en="id number differs in one digit", weight=0.6)
        if one_off
        else None
    )


def _name(a: Candidate, b: Candidate) -> Reason | None:
    if a.name and a.name == b.name:
        return Reason(code="same_name", zh="姓名相同", en="same name", weight=0.35)
    if set(a.sound_keys) & set(b.sound_keys):
        return Reason(code="name_sounds_alike", zh="姓名音近", en="the names sound alike", weight=0.3)
    return None


def _birth(a: Candidate, b: Candidate) -> Reason | None:
    if not (a.birth_date and b.birth_date):
        return None
    if a.birth_date == b.birth_date:
        return Reason(code="same_birth_date", zh="出生日期相同", en="same birth date", weight=0.35)
    swapped = (a.birth_date.year, a.birth_date.month, a.birth_date.day) == (
        b.birth_date.year,
        b.birth_date.day,
        b.birth_date.month,
    )
    digits = sum(x != y for x, y in zip(a.birth_date.isoformat(), b.birth_date.isoformat(), strict=True))
    if abs(a.birth_date - b.birth_date) <= ONE_DAY or swapped or digits == 1:
        return Reason(code="birth_date_near", zh="出生日期相近", en="the birth dates nearly agree", weight=0.2)
    return None


def _phone(a: Candidate, b: Candidate) -> Reason | None:
    same = a.phone and a.phone == b.phone
    return Reason(code="same_phone", zh="电话相同", en="same phone", weight=0.35) if same else None


def _school(a: Candidate, b: Candidate) -> Reason | None:
    if not (a.school and b.school):
        return None
    one, other = (re.sub(r"[\s（）()]|第|学", "", school) for school in (a.school, b.school))
    alike = SequenceMatcher(None, one, other).ratio() >= ALIKE
    return Reason(code="same_school", zh="学校相同", en="same school", weight=0.15) if alike else None


def _place(a: Candidate, b: Candidate) -> Reason | None:
    near = a.division and a.division == b.division and abs(a.reported_at - b.reported_at) <= SAME_INCIDENT
    return (
        Reason(code="same_place_and_time", zh="同街道且报告时间相近", en="same street, about the same time", weight=0.1)
        if near
        else None
    )
