"""Whether two reports may be about one child: reasons with weights, a suggestion, never a decision."""

import re
import unicodedata
from datetime import date, datetime, timedelta

from app.domain.identity import LENGTH, id_findings, is_document, known_name, normal_id
from app.domain.policy import Frozen

SUGGESTS_AT = 0.55
SAME_INCIDENT = timedelta(days=3)
ONE_DAY = timedelta(days=1)
STREET_CODE = 9
LONG_NAME = 3

NO_SCHOOL = re.compile(r"^(?:未|无|不|没)")
SCHOOL_NOISE = re.compile(r"[\s第校区市]|北京|丰台")
GRADE = re.compile(r"[一二三四五六七八九1-9]年级.*$|[初高]中?[一二三123].*$|(?<=园)[大中小]班.*$|[(][^)]*[)]")
NUMERALS = str.maketrans("123456789", "一二三四五六七八九")


class Candidate(Frozen):
    """What is compared of a child of a report; unknown fields count for nothing."""

    case_id: str
    name: str = ""
    sound_keys: tuple[str, ...] = ()
    birth_date: date | None = None
    sex: str | None = None
    id_no: str | None = None
    phones: tuple[str, ...] = ()
    """The child's and the family's, in one form; the reporter's says who called, and a school calls for many children."""
    division: str | None = None
    school: str | None = None
    reported_at: datetime


class Reason(Frozen):
    """What speaks for one child; what speaks against it has a negative weight and is shown as well."""

    code: str
    zh: str
    en: str
    weight: float


SAME_ID = Reason(code="same_id", zh="身份证号相同", en="same id number", weight=1)
ID_ONE_OFF = Reason(code="id_one_off", zh="身份证号差一位", en="id number differs in one digit", weight=0.6)
IDS_DIFFER = Reason(code="ids_differ", zh="身份证号各自有效且不同", en="two sound, different id numbers", weight=-0.6)
SAME_NAME = Reason(code="same_name", zh="姓名相同", en="same name", weight=0.35)
SOUNDS_ALIKE = Reason(code="name_sounds_alike", zh="姓名音近", en="the names sound alike", weight=0.3)
ONE_CHARACTER = Reason(
    code="name_one_character_off", zh="姓名差一字", en="the names differ in one character", weight=0.05
)
NAMES_DIFFER = Reason(code="names_differ", zh="姓名不同", en="different names", weight=-0.25)
SAME_BIRTH = Reason(code="same_birth_date", zh="出生日期相同", en="same birth date", weight=0.35)
BIRTH_NEAR = Reason(code="birth_date_near", zh="出生日期相近", en="the birth dates nearly agree", weight=0.2)
BIRTHS_DIFFER = Reason(code="birth_dates_differ", zh="出生日期不同", en="different birth dates", weight=-0.25)
SEXES_DIFFER = Reason(code="sexes_differ", zh="性别不同", en="different sexes", weight=-0.3)
SAME_PHONE = Reason(code="same_phone", zh="电话相同", en="same phone", weight=0.35)
SAME_SCHOOL = Reason(code="same_school", zh="学校相同", en="same school", weight=0.15)
SAME_PLACE_AND_TIME = Reason(
    code="same_place_and_time", zh="同街道且报告时间相近", en="same street, about the same time", weight=0.1
)


class Match(Frozen):
    """The answer, with its reasons."""

    score: float
    reasons: tuple[Reason, ...]

    @property
    def suggest(self) -> bool:
        """Worth a person's look."""
        return self.score >= SUGGESTS_AT


def score(a: Candidate, b: Candidate) -> Match:
    """Symmetric, from 0 to 1. A number that speaks for one child is not outweighed; circumstances alone suggest nothing."""
    number = _id(a, b)
    evidence = (number, _name(a, b), _birth(a, b), _sex(a, b), _phone(a, b), _school(a, b), _place(a, b))
    reasons = tuple(reason for reason in evidence if reason)
    least = max(0.0, number.weight) if number else 0.0
    return Match(score=round(min(1.0, max(least, sum(reason.weight for reason in reasons))), 2), reasons=reasons)


def _id(a: Candidate, b: Candidate) -> Reason | None:
    one, other = normal_id(a.id_no or ""), normal_id(b.id_no or "")
    if not (is_document(one) and is_document(other)):
        return None
    if one == other:
        return SAME_ID
    if len(one) == len(other) == LENGTH and sum(x != y for x, y in zip(one, other, strict=True)) == 1:
        return ID_ONE_OFF
    return IDS_DIFFER if _is_own_number(a) and _is_own_number(b) else None


def _is_own_number(child: Candidate) -> bool:
    """A sound number that fits what else is known; a grandmother's number in the child's field does not."""
    return not id_findings(child.id_no or "", child.birth_date, child.sex)


def _name(a: Candidate, b: Candidate) -> Reason | None:
    one, other = known_name(a.name), known_name(b.name)
    if not (one and other):
        return None
    if one == other:
        return SAME_NAME
    if set(a.sound_keys) & set(b.sound_keys):
        return SOUNDS_ALIKE
    comparable = len(one) == len(other) >= LONG_NAME
    one_off = comparable and sum(x != y for x, y in zip(one, other, strict=True)) == 1
    return ONE_CHARACTER if one_off else NAMES_DIFFER


def _birth(a: Candidate, b: Candidate) -> Reason | None:
    if not (a.birth_date and b.birth_date):
        return None
    if a.birth_date == b.birth_date:
        return SAME_BIRTH
    one, other = a.birth_date.isoformat(), b.birth_date.isoformat()
    year, month, day = one.split("-")
    swapped = other == f"{year}-{day}-{month}"
    one_digit = sum(x != y for x, y in zip(one, other, strict=True)) == 1
    near = abs(a.birth_date - b.birth_date) <= ONE_DAY or swapped or one_digit
    return BIRTH_NEAR if near else BIRTHS_DIFFER


def _sex(a: Candidate, b: Candidate) -> Reason | None:
    return SEXES_DIFFER if a.sex and b.sex and a.sex != b.sex else None


def _phone(a: Candidate, b: Candidate) -> Reason | None:
    return SAME_PHONE if set(a.phones) & set(b.phones) else None


def _school(a: Candidate, b: Candidate) -> Reason | None:
    one = school_key(a.school or "")
    return SAME_SCHOOL if one and one == school_key(b.school or "") else None


def school_key(school: str) -> str:
    """One form for 示例第三小学二年级 and 示例三小 二年级: no grade or class, the usual short name; empty for 未在校."""
    plain = GRADE.sub("", unicodedata.normalize("NFKC", school).replace(" ", ""))
    plain = SCHOOL_NOISE.sub("", plain.translate(NUMERALS)).replace("小学", "小").replace("中学", "中")
    return "" if NO_SCHOOL.match(plain) else plain.replace("幼儿园", "幼")


def _place(a: Candidate, b: Candidate) -> Reason | None:
    """The code of the whole district says that the street is not known."""
    if not a.division or a.division != b.division or len(a.division) != STREET_CODE:
        return None
    return SAME_PLACE_AND_TIME if abs(a.reported_at - b.reported_at) <= SAME_INCIDENT else None
