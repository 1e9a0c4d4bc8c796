"""What hides a person until somebody says why they need to know: names, numbers, phones, addresses, also where they stand in a text.

A child's birth date is the middle of the id number, so it is hidden with it. A mask is for the eyes of staff, not for publication.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any

from app.domain.identity import clean_name, mask_id, mask_name, mask_phone, normal_id, normal_phone
from app.domain.terms import Term


class Need(Term):
    """Why somebody needs a person's name, numbers and address in full."""

    VISIT = "visit", "入户走访或到场处置", "to go there"
    CONTACT = "contact", "联系儿童或家庭", "to reach the child or the family"
    VERIFY = "verify", "核对身份", "to be sure who it is"
    HAND_IN = "hand_in", "出具或报送材料", "for a paper that has to name them"
    DECIDE = "decide", "审批决定", "to decide"
    INSPECTION = "inspection", "督查", "for an inspection"


VIEW_LASTS = timedelta(minutes=10)
"""How long a full view stays open; default."""
HIDDEN = "***"
SHOWN = 3
"""Characters of an address that say where about; the house number is nobody's who did not ask for it."""
ID_NO = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{5}(?:\s?\d){11}\s?[\dXx](?![0-9A-Za-z])")
MOBILE = re.compile(r"(?<![0-9A-Za-z])1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![0-9A-Za-z])")
LANDLINE = re.compile(r"(?<![0-9A-Za-z])0\d{2,3}-?\d{7,8}(?![0-9A-Za-z])")
DIGITS = re.compile(r"\d{3}")
"""How every number of a person begins."""
DAY = re.compile(r"(\d{4})\s*[-年./]\s*\d{1,2}\s*[-月./]\s*\d{1,2}\s*日?")
SHORTEST = 2
"""A known word of one character would be taken out of every other word."""


def mask_address(value: object) -> str:
    """北京市***"""
    return f"{str(value)[:SHOWN]}{HIDDEN}"


def mask_birth_date(value: object) -> str:
    """2016-**-**"""
    return f"{str(value)[:4]}-**-**"


def _birth_text(value: object) -> str:
    return DAY.sub(lambda found: mask_birth_date(found[1]), str(value))


MASKS: Mapping[str, Callable[[Any], str]] = {
    **dict.fromkeys(("name", "family", "guardian_names", "delegate_name"), lambda value: mask_name(str(value))),
    "id_no": lambda value: mask_id(str(value)),
    **dict.fromkeys(("phone", "guardian_phones", "delegate_phone"), lambda value: mask_phone(str(value))),
    **dict.fromkeys(("residence", "hukou", "address", "parents_at"), mask_address),
    "birth_date": mask_birth_date,
    "birth_text": _birth_text,
}
"""By the name of the field, wherever in an answer it stands."""
WORDS = ("name", "family", "residence", "hukou", "address", "parents_at")
"""Fields whose values are looked for in texts as well; numbers are found by their form."""
INSIDE = ("value", "waiting")
"""Where the value of a field of the child file stands: now, and while a change is under way."""
ABOUT = frozenset((*WORDS, *INSIDE))
PLAIN, STRUCTURE, SEVERAL = (bool, int, float, type(None)), (dict, Mapping), (list, tuple)


class Mask:
    """Hides persons in an answer. `known` are structures in which the persons of the case or child are named."""

    def __init__(self, known: Iterable[object]) -> None:
        named = list[tuple[str, str]]()
        for one in known:
            _named(one, None, named)
        words = {word: MASKS[field](word) for field, word in named}
        words |= {clean_name(word): mask for word, mask in words.items()}
        fit = sorted((word for word in words if len(word) >= SHORTEST), key=len, reverse=True)
        self._words = {word: words[word] for word in fit}
        self._ascii = [word for word in fit if word.isascii()]

    @cached_property
    def _any(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._words)))

    def __call__(self, value: Any) -> Any:
        """The same structure with nobody in it who could be found by it."""
        return self._hide(value, None)

    def text(self, text: str) -> str:
        """A text without the known names and addresses, and without anything that looks like a number of a person."""
        words = self._ascii if text.isascii() else self._words
        if any(word in text for word in words):  # seldom; making the expression costs more than all the rest
            text = self._any.sub(lambda found: self._words[found[0]], text)
        if not DIGITS.search(text):
            return text
        text = ID_NO.sub(lambda found: mask_id(normal_id(found[0])), text)
        for form in (MOBILE, LANDLINE):
            text = form.sub(lambda found: mask_phone(normal_phone(found[0])), text)
        return text

    def _hide(self, value: Any, field: str | None) -> Any:
        if value == "" or isinstance(value, PLAIN):
            return value
        if isinstance(value, STRUCTURE):
            return {name: self._hide(one, _field(value, name, field)) for name, one in value.items()}
        if isinstance(value, SEVERAL):
            return [self._hide(one, field) for one in value]
        if field is not None and field in MASKS:
            return MASKS[field](value)
        return self.text(value) if isinstance(value, str) else value


def _field(of: Mapping[Any, Any], name: str, field: str | None) -> str | None:
    """Which field a part of a structure is about: its own name, or that of the entry around it."""
    if name in INSIDE:
        told = of.get("field")
        return str(told) if told else field
    return str(name)


def _named(value: object, field: str | None, named: list[tuple[str, str]]) -> None:
    if isinstance(value, str):
        if value and field in WORDS:
            named.append((field, value))
    elif isinstance(value, STRUCTURE):
        for name, one in value.items():
            if not isinstance(one, PLAIN) and (name in ABOUT or not isinstance(one, str)):
                _named(one, _field(value, name, field), named)
    elif isinstance(value, (*SEVERAL, set)):
        for one in value:
            _named(one, field, named)


def names_of(reporter: Mapping[str, Any]) -> tuple[str, ...]:
    """By what a text would give the reporter away to those who are not to know, in a full view too."""
    name, phone = reporter.get("name") or "", reporter.get("phone") or ""
    return name, clean_name(name), phone, normal_phone(phone)


def texts_without(content: Mapping[str, Any], words: Iterable[str]) -> dict[str, Any]:
    """A case's content whose texts, the report's own and those about its family, have lost these words."""
    gone = tuple(words)
    family = [
        {**one, "note": without(one["note"], gone)} if one.get("note") else one for one in content.get("family") or ()
    ]
    return {**content, "narrative": without(content.get("narrative") or "", gone), "family": family}


def without(text: str, words: Iterable[str | None]) -> str:
    """A text from which these words are gone for good, such as the name of a reporter whom the reader is not to know."""
    for word in sorted((one for one in words if one and len(one) >= SHORTEST), key=len, reverse=True):
        text = text.replace(word, HIDDEN)
    return text
