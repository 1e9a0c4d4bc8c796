"""Numbers of persons and birth dates as they stand in texts: in whatever way people write them, and told from other numbers.

What stays: numbers of cases, papers and receipts, money, dates of events. Digits written as words (一三八) are not found.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable

from app.domain.identity import LENGTH, SERVICE, mask_id, mask_phone, normal_phone
from app.domain.identity import MOBILE as A_MOBILE

GAP = r" \t\u00a0\u00ad\u180e\u2000-\u200f\u202a-\u202f\u205f-\u2064\u3000\ufeff.．·•・\-\u2010-\u2015\u2212－"
"""What people put between the groups of a number: blanks, points and dashes, and what comes along from a chat."""
S, G = f"[{GAP}]{{0,3}}", f"[{GAP}]{{1,3}}"
DIGITS = re.compile(rf"\d{{3}}|\d\d\s*年|\d(?:[{GAP}]\d){{6}}")
"""What every text with a number of a person or a day of birth holds."""
LONG = re.compile(rf"\d(?:[{GAP}()（）\[\]［］【】〔〕]{{0,4}}\d){{9}}")
"""No mobile, landline with its area, or id number has fewer digits."""
HEAD, TAIL = r"(?:(?<![\da-fA-F])|(?<=[g-zG-Z][a-fA-F]))", r"(?:(?![\da-fA-F])|(?=ext)|(?=[a-fA-F]+[g-zG-Z]))"
"""Ids of the service are made of these; whatever else stands around a number, it stays one. A word such as ID, phone or mobile has
other letters beside them."""


def _apart(area: str) -> str:
    """In brackets or without; brackets around the whole number stay."""
    return rf"(?:[(（\[［【〔]{area}[)）\]］】〕]|{area})"


def _form(template: str) -> re.Pattern[str]:
    """Digits between § stand for their full-width forms as well."""
    return re.compile(re.sub("§([^§]+)§", lambda said: f"[{_wide(said[1])}]", template))


def _wide(digits: str) -> str:
    return digits + "".join(chr(ord(one) + 0xFEE0) if one.isdigit() else one for one in digits)


MONTH, DAY_OF_MONTH = "(?:§0§§1-9§|§1§§0-2§)", r"(?:§0§§1-9§|§12§\d|§3§§01§)"
SPREAD = (
    rf"§1-9§(?:{S}\d){{5}}{S}(?:§1§{S}§9§|§2§{S}§0§)(?:{S}\d){{2}}{S}(?:§0§{S}§1-9§|§1§{S}§0-2§)"
    rf"{S}(?:§0§{S}§1-9§|§12§{S}\d|§3§{S}§01§)(?:{S}\d){{3}}{S}[\dXxＸｘ]"
)
"""An id number with gaps anywhere, by its date: other figures beside one another seldom hold one there."""
ID_NO = _form(
    rf"{HEAD}(?:§1-9§\d{{5}}(?:\s?\d){{11}}\s?[\dXxＸｘ]|{SPREAD}|§1-9§\d{{5}}{G}\d{{4}}{S}\d{{4}}{G}\d{{3}}[\dXxＸｘ]){TAIL}"
)
PROVINCE = "(?:§1§§1-5§|§2§§1-3§|§3§§1-7§|§4§§1-6§|§5§§0-4§|§6§§1-5§)"
OLD_ID_NO = _form(rf"{HEAD}{PROVINCE}\d{{4}}{S}\d\d{MONTH}{DAY_OF_MONTH}{S}\d{{3}}{TAIL}")
"""Fifteen digits, as before 1999: with a province and a day in them, as one number in seventy has by chance."""
OLD_LENGTH = 15
ABROAD = rf"(?:[+＋]{S}|§0§§0§)§8§§6§"
COUNTRY = rf"{_apart(f'(?:{ABROAD}|§8§§6§)')}{S}"
NO_MONEY = r"(?!\s?[元万亿块])"
MOBILE = _form(
    rf"{HEAD}(?:{COUNTRY})?(?P<own>§1§§3-9§\d{S}\d{{4}}{S}\d{{4}}|§1§§3-9§\d(?:{G}\d{{3}}{G}\d{{5}}|{G}\d{{5}}{G}\d{{3}}|(?:{G}\d\d){{4}})"
    rf"|§1§§3-9§\d\d(?:{G}\d{{3}}{G}\d{{4}}|{G}\d{{4}}{G}\d{{3}}){NO_MONEY}|§1§{G}§3-9§(?:{G}\d){{9}}){TAIL}"
)
LOCAL = rf"§02-8§\d{{2,3}}{S}\d{{4}}"
AREA = r"(?:§1§§0§|§2§\d|§3-9§\d\d)"
LANDLINE = _form(
    rf"{HEAD}(?:(?P<own>§0§\d{{2,3}}[-－]?\d{{7,8}}|{_apart(f'§0§{AREA}')}{S}{LOCAL})"
    rf"|(?:{_apart(ABROAD)}{S}|§8§§6§{G})(?:{_apart('§0§')})?(?P<abroad>{_apart(AREA)}{S}{LOCAL})"
    rf"|(?:{_apart(ABROAD)}{S}|§8§§6§{G})(?P<home>{_apart(f'§0§{AREA}')}{S}{LOCAL})){TAIL}"
)
CALLS = ("电话", "座机", "固话", "tel", "Tel", "TEL")
CALLED = _form(rf"(?:{'|'.join(CALLS)})[^\d\n，。；,;]{{0,6}}(?P<own>(?:§3-8§\d|§2§§1-9§)\d{{1,2}}{S}\d{{4}}){TAIL}")
"""A number without its area is one where the text says so."""

FEW = 5
"""Digits of a phone that can be looked for in a text; fewer stand in every other number."""
AREA_FIRST = re.compile("^0(?:10|2[0-9]|[3-9][0-9]{2})(?=[0-9]{7,8}$)")

FULL_WIDTH = re.compile("[０-９]")
PARTS = r"[-\u2010-\u2015\u2212－./．／·]"
DAY = re.compile(
    rf"(?<!\d)(?:(?P<year>\d{{4}})\s*(?:年|{PARTS})\s*|(?P<short>\d\d)\s*年\s*)(?P<month>\d{{1,2}})\s*(?:月|{PARTS})\s*(?P<day>\d{{1,2}})"
    r"(?!\d|T\d)(?:\s*[日号])?|" + rf"{HEAD}(?P<figures>\d{{8}}){TAIL}"
)


def without_numbers(text: str, born: Collection[str] = ()) -> str:
    """Without numbers of persons, and without the days in `born` (ISO 8601), of which the year stays."""
    if not DIGITS.search(text):
        return text
    if LONG.search(text):
        for form in (ID_NO, OLD_ID_NO):
            text = form.sub(lambda found: mask_id(_figures(found[0])), text)
        for form in (MOBILE, LANDLINE):
            text = form.sub(_phone, text)
    if any(word in text for word in CALLS):
        text = CALLED.sub(_phone, text)
    if any(day[2:4] in text for day in born) or (born and FULL_WIDTH.search(text)):
        text = DAY.sub(lambda found: _without_birth(found, born), text)
    return text


def without_days(text: str) -> str:
    """2016-**-** for whatever looks like a day; only the year is told."""
    return DAY.sub(lambda found: f"{found['year'] or found['short'] or found['figures'][:4]}-**-**", text)


def births(said: Iterable[str]) -> frozenset[str]:
    """The days (ISO 8601) that birth dates and id numbers hold."""
    days = set[str]()
    for text in said:
        figures = _figures(text)
        if len(figures) == OLD_LENGTH:
            figures = f"{figures[:6]}19{figures[6:]}0"
        if len(figures) == LENGTH:
            days.add(f"{figures[6:10]}-{figures[10:12]}-{figures[12:14]}")
        days.update(day for found in DAY.finditer(text) for day in _days(found))
    return frozenset(days)


def _figures(text: str) -> str:
    """Half-width digits, and the X of an id number."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return re.sub(r"[^0-9X]", "", plain.upper())


def _phone(found: re.Match[str]) -> str:
    before = found[0][: found.start("own") - found.start()] if found.re is CALLED else ""
    return before + mask_phone(_number(found))


def _number(found: re.Match[str]) -> str:
    """Without the country, with the area."""
    said = found.groupdict()
    own = said["own"] or said.get("home")
    return _figures(own) if own else f"0{_figures(said['abroad'])}"


def _days(found: re.Match[str]) -> tuple[str, ...]:
    """Which days may be meant: of a year in two figures one of either century."""
    if found["figures"]:
        year, month, day = found["figures"][:4], found["figures"][4:6], found["figures"][6:]
    else:
        year, month, day = found["year"] or found["short"], found["month"], found["day"]
    years = (int(year),) if len(year) > len("16") else (2000 + int(year), 1900 + int(year))
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return ()
    return tuple(f"{one:04}-{int(month):02}-{int(day):02}" for one in years)


def _without_birth(found: re.Match[str], born: Collection[str]) -> str:
    day = next((day for day in _days(found) if day in born), None)
    return f"{day[:4]}-**-**" if day else found[0]


def phone_forms(typed: str) -> tuple[str, ...]:
    """Expressions that find these phones in a text in whatever form, also without the country or the area; a service number is nobody's."""
    found = [_number(one) for form in (MOBILE, LANDLINE) for one in form.finditer(typed)] or [normal_phone(typed)]
    numbers = (one for one in dict.fromkeys(found) if len(one) >= FEW and not SERVICE.fullmatch(one))
    return tuple(_found_as(one) for one in numbers)


def _found_as(number: str) -> str:
    """A landline also without its area, or with one where it was given without."""
    local = AREA_FIRST.sub("", number)
    area = "" if A_MOBILE.fullmatch(number) else rf"(?:{_apart('§0§?§1-9§[0-9０-９]{1,2}')}{S})?"
    return _form(rf"(?<!\d)(?:{COUNTRY})?{area}{S.join(f'§{digit}§' for digit in local)}(?!\d)").pattern
