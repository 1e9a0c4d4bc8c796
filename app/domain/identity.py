"""Citizen id numbers by GB 11643-1999, phones, names and their masks. A wrong number is told, never refused."""

import re
import unicodedata
from datetime import date
from functools import lru_cache

from app.domain.surnames import surname_of

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
LENGTH = 18
OLDEST = 1900
LAST = 64
"""Names of which it is remembered how they are compared: whoever goes through many children asks it several times of each."""
BLANKS = re.compile(r"[\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
"""White space, and the invisible marks that come along when text is pasted from a chat."""
DOCUMENT = re.compile(r"[0-9A-Z]{8,}")
DASHES = re.compile(r"[-\u2010-\u2015\u2212]")

REMARK = re.compile(r"[（(【\[][^（()）【】\[\]]*(?:[）)】\]]|$)")
REGISTERED_AS = re.compile(r"登记名[:：]\s*([^，,；;、）)]+)")
DOTS = re.compile(r"[·•・‧∙⋅.]")
VARIANTS = re.compile(r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
UNKNOWN_NAME = re.compile(r"未知|不详|不明|不清楚|无名氏?|姓名不[详明]|待查|佚名|无|unknown|n/a|[?？\-—*]+|.?某+.?")

EXTENSION = re.compile(r"(?:转|分机|ext|[#x]).*$|(?<=[0-9]{7})-[0-9]{1,6}$", re.IGNORECASE)
MOBILE = re.compile(r"1[3-9][0-9]{9}")
LANDLINE = re.compile(r"(010|02[0-57-9]|0[3-9][0-9]{2})([2-8][0-9]{6,7})")
FICTIONAL = re.compile(r"0100000[0-9]{4}")
"""Local numbers do not begin with 0: 010-0000xxxx is nobody's, and the worked cases use it."""
SERVICE = re.compile(r"1[0-9]{2}|12[0-9]{3}|9[56][0-9]{3,4}|[48]00[0-9]{7}")


def normal_id(text: str) -> str:
    """Half-width, no blanks or dashes, capital X."""
    return DASHES.sub("", BLANKS.sub("", unicodedata.normalize("NFKC", text))).upper()


def is_document(number: str) -> bool:
    """Not 不详, 0 or 111111111111111111; a passport's number counts."""
    return DOCUMENT.fullmatch(number) is not None and len(set(number)) > 1


def id_findings(id_no: str, birth_date: date | None = None, sex: str | None = None) -> tuple[str, ...]:
    """What is wrong with a number, as codes: wrong_length, wrong_check_digit, impossible_birth_date, birth_date_differs, sex_differs."""
    number = normal_id(id_no)
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return ("wrong_length",)
    found = []
    if check_digit(number) != number[17]:
        found.append("wrong_check_digit")
    born = _born(number)
    if born is None:
        found.append("impossible_birth_date")
    elif birth_date is not None and born != birth_date:
        found.append("birth_date_differs")
    if sex is not None and (int(number[16]) % 2 == 1) != (sex == "male"):
        found.append("sex_differs")
    return tuple(found)


def check_digit(number: str) -> str:
    """The eighteenth character that belongs to the first seventeen."""
    return CHECKS[sum(int(digit) * weight for digit, weight in zip(number[:17], WEIGHTS, strict=True)) % 11]


def _born(number: str) -> date | None:
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None
    return born if born.year >= OLDEST else None


def normal_phone(text: str) -> str:
    """Digits alone, without the country and without an extension."""
    plain = EXTENSION.sub("", BLANKS.sub("", unicodedata.normalize("NFKC", text)))
    digits = re.sub(r"[^0-9]", "", plain)
    if not (plain.startswith(("+86", "0086")) or re.fullmatch(f"86{MOBILE.pattern}", digits)):
        return digits
    home = digits.removeprefix("00").removeprefix("86")
    return home if MOBILE.fullmatch(home) or home.startswith("0") else f"0{home}"


def normal_phones(*typed: str | None) -> tuple[str, ...]:
    """Each number once, in the form in which they are compared; what has no digit is none."""
    return tuple(dict.fromkeys(digits for phone in typed if phone and (digits := normal_phone(phone))))


def phone_findings(phone: str) -> tuple[str, ...]:
    """`not_a_phone` unless it is a mobile, a landline with its area code, a local number of Beijing, or a service number."""
    digits = normal_phone(phone)
    local = re.fullmatch(r"[2-8][0-9]{7}", digits)
    known = local or any(form.fullmatch(digits) for form in (MOBILE, LANDLINE, FICTIONAL, SERVICE))
    return () if known else ("not_a_phone",)


@lru_cache(LAST)
def clean_name(name: str) -> str:
    """The name without remarks in brackets and blanks, composed; rare characters stay as they are.

    Where the name itself is unknown but a remark says under which name the child was registered, it is that one.
    """
    plain, composed = _without_remarks(name), unicodedata.normalize("NFC", name)
    registered = REGISTERED_AS.search(composed)
    return BLANKS.sub("", registered[1]) if registered and UNKNOWN_NAME.fullmatch(plain) else plain


def _without_remarks(name: str) -> str:
    before, after = "", unicodedata.normalize("NFC", name)
    while before != after:
        before, after = after, REMARK.sub("", after)
    return BLANKS.sub("", after)


@lru_cache(LAST)
def known_name(name: str) -> str:
    """What is compared: one form for all ways of writing a name; empty for 未知, 李某 and the like, which name nobody."""
    plain = BLANKS.sub("", unicodedata.normalize("NFKC", VARIANTS.sub("", clean_name(name)))).casefold()
    return "" if UNKNOWN_NAME.fullmatch(plain) else DOTS.sub("", plain)


def mask_name(name: str) -> str:
    """李*, 欧阳*; of a single character nothing is shown, for it would be the whole name."""
    plain = clean_name(name)
    return f"{surname_of(plain)}*" if len(plain) > 1 else "*" * len(plain)


def mask_id(id_no: str) -> str:
    """110106********1234"""
    number = normal_id(id_no)
    return f"{number[:6]}{'*' * 8}{number[-4:]}" if len(number) == LENGTH else "*" * len(number)


def mask_phone(phone: str) -> str:
    """138****1234, 010****1234; a service number is nobody's own."""
    digits = normal_phone(phone)
    if SERVICE.fullmatch(digits):
        return digits
    if MOBILE.fullmatch(digits) or FICTIONAL.fullmatch(digits):
        return f"{digits[:3]}****{digits[-4:]}"
    landline = LANDLINE.fullmatch(digits)
    return f"{landline[1]}****{digits[-4:]}" if landline else "*" * len(digits)
