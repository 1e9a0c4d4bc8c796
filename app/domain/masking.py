"""What hides a person until somebody says why they need to know: names, numbers, phones, addresses, also where they stand in a text.

A child's birth date is the middle of the id number, so it is hidden with it. A mask is for the eyes of staff, not for publication.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from app.domain.identity import clean_name, mask_id, mask_name, mask_phone
from app.domain.numbers import DIGITS, births, phone_forms, without_days, without_numbers
from app.domain.terms import STREETS, ReporterClass, Term


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
ONE_DAY = re.compile(r"\d{4}-\d\d-\d\d")
SHORTEST = 2
"""A known word of one character would be taken out of every other word."""


def mask_address(value: object) -> str:
    """北京市***"""
    return f"{str(value)[:SHOWN]}{HIDDEN}"


def mask_birth_date(value: object) -> str:
    """2016-**-**"""
    return f"{str(value)[:4]}-**-**"


def _birth_text(value: object) -> str:
    return without_numbers(without_days(str(value)))


MASKS: Mapping[str, Callable[[Any], str]] = {
    **dict.fromkeys(("name", "family", "guardian_names", "delegate_name"), lambda value: mask_name(str(value))),
    "id_no": lambda value: mask_id(str(value)),
    **dict.fromkeys(("phone", "guardian_phones", "delegate_phone"), lambda value: mask_phone(str(value))),
    **dict.fromkeys(("residence", "community", "hukou", "address", "parents_at"), mask_address),
    "birth_date": mask_birth_date,
    "birth_text": _birth_text,
}
"""By the name of the field, wherever in an answer it stands."""
WORDS = ("name", "family", "residence", "community", "hukou", "address", "parents_at")
"""Fields whose values are looked for in texts as well; numbers are found by their form."""
INSIDE = ("value", "waiting")
"""Where the value of a field of the child file stands: now, and while a change is under way."""
BORN = ("birth_date", "birth_text", "id_no")
"""Fields that say on which day somebody was born; texts lose these days, and keep all others."""
ABOUT = frozenset((*WORDS, *BORN, *INSIDE))
SAID = (None, "narrative", "note", "evidence", *INSIDE)
"""Where a day that stands alone was written by somebody; elsewhere it is a field of its own, such as the day of an event."""
PEOPLE = ("children", "family")
NOTED = ("note", "relation", "features", "birth_text")
"""Fields of a person of a case into which anything may have been written."""
PLACES = ("school", "residence", "hukou")
OF_DISTRICT = re.compile(r"^(?:北京市?\s*)?(?:丰台区?\s*)?")
"""How units of the district begin, where they are written out."""
ANYBODY = frozenset(
    (*(kind.zh for kind in ReporterClass), "小学", "中学", "医院", "社区", "居委会", "村委会", "派出所", "街道", "街道办", "街道办事处",
     "民政局", "教委", "教育局", "检察院", "法院", "热线", "邻居", "群众", "老师", "个人", "匿名",
     "北京", "北京市", "丰台", "丰台区", "北京市丰台区", "未知", "不详")
)  # fmt: skip
"""Entered as a name or unit, these give nobody away, and a text without them would say less."""
OFFICE = re.compile(
    "(?:街道|街道办|办事处|社区|小区|家园|委员会|居委会|村委会|学校|小学|中学|幼儿园|医院|中心|派出所|分局|办公室|服务站|工作站|公司|.{3}[镇乡村庄])$"
)
"""How the name of a unit or a place ends, where one was entered as the person's."""
HERE = frozenset(re.sub("(?:街道|镇)$", "", street) for _, street in STREETS)
"""Entered as a person's name, these may be one (方庄, 王佐), and are where the child lives or learns more often."""
LATIN = "A-Za-zÀ-ɏ"
"""Letters that make words which only blanks part: a reporter called Li is not in police."""
DOES = "路过|路经|路遇|路见|一路[跟陪送追走跑]|区别|区分|里面|里头|里边|街坊|营救"
"""Words that begin like the end of an address and are none: 王佐路过 is somebody."""
NO_PLACE = (
    rf"(?!(?!\s*(?:{DOES}))\s*[东南西北中一二三四五六七八九十\d]{{0,2}}(?:小区|社区|街道|大街|胡同|家园|花园|公寓|大厦|嘉园|路|街|里|园|苑|村|庄|镇|乡|桥|巷|屯|营|区"
    r"|学校|小学|中学|幼儿园)|\s*\d+\s*(?:号|栋|幢|弄|单元|组|队))"
)
"""What comes after a word that is part of an address, and not the name of somebody."""
PLAIN, STRUCTURE, SEVERAL = (bool, int, float, type(None)), (dict, Mapping), (list, tuple)


class Mask:
    """Hides persons in an answer. `known` are structures in which the persons of the case or child are named."""

    def __init__(self, known: Iterable[object]) -> None:
        named = list[tuple[str, str]]()
        for one in known:
            _named(one, None, named)
        words = {word: MASKS[field](word) for field, word in named if field in WORDS}
        words |= {clean_name(word): mask for word, mask in words.items()}
        fit = sorted((word for word in words if len(word) >= SHORTEST), key=len, reverse=True)
        self._words = {word: words[word] for word in fit}
        self._ascii = [word for word in fit if word.isascii()]
        self._born = births(word for field, word in named if field in BORN)
        self._hidden = dict[str, str]()

    @cached_property
    def _any(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._words)))

    def __call__(self, value: Any) -> Any:
        """The same structure with nobody in it who could be found by it."""
        return self._hide(value, None)

    def text(self, text: str) -> str:
        """A text without the known names, addresses and birth dates, and without anything that looks like a number of a person."""
        words = self._ascii if text.isascii() else self._words
        if any(word in text for word in words):  # seldom; making the expression costs more than all the rest
            text = self._any.sub(lambda found: self._words[found[0]], text)
        return without_numbers(text, self._born)

    def _hide(self, value: Any, field: str | None) -> Any:
        if isinstance(value, str):
            return self._hide_text(value, field) if value else value
        if isinstance(value, PLAIN):
            return value
        if isinstance(value, SEVERAL):
            return [self._hide(one, field) for one in value]
        if isinstance(value, STRUCTURE):
            return {name: self._hide(one, _field(value, name, field)) for name, one in value.items()}
        return MASKS[field](value) if field is not None and field in MASKS else value

    def _hide_text(self, text: str, field: str | None) -> str:
        if field is not None and field in MASKS:
            return MASKS[field](text)
        if (hidden := self._hidden.get(text)) is not None:  # the same few words stand beside everybody
            return hidden
        if ONE_DAY.fullmatch(text):
            return self.text(text) if field in SAID else text
        hidden = self._hidden[text] = self.text(text)
        return hidden


def _field(of: Mapping[Any, Any], name: str, field: str | None) -> str | None:
    """Which field a part of a structure is about: its own name, or that of the entry around it."""
    if name in INSIDE:
        told = of.get("field")
        return str(told) if told else field
    return name


def _named(value: object, field: str | None, named: list[tuple[str, str]]) -> None:
    if isinstance(value, str):
        if value and field in ABOUT:
            named.append((field, value))
    elif isinstance(value, date):
        if field in BORN:
            named.append((field, value.isoformat()))
    elif isinstance(value, STRUCTURE):
        for name, one in value.items():
            if name in ABOUT if isinstance(one, str) else one is not None:
                _named(one, _field(value, name, field), named)
    elif isinstance(value, (*SEVERAL, set)):
        for one in value:
            _named(one, field, named)


EARLIER = "earlier"
"""Beside a reporter, who reported the child before, where what they said was taken over; told to nobody."""


class Trace(NamedTuple):
    """By what a text would give somebody away: an expression, and what a text has to hold for it to be looked for at all."""

    form: str
    letters: str = ""
    fact: bool = False
    """Whether it may be a fact of the child as well: a unit its own school, a name the place where it lives."""

    def gone(self, text: str) -> str:
        """The text without it, for good, in whatever case it was typed."""
        typed = text.casefold() if self.letters else ""
        is_there = all(one in typed for one in self.letters) if self.letters else DIGITS.search(text)
        return re.sub(self.form, HIDDEN, text, flags=re.IGNORECASE) if is_there else text

    @property
    def in_address(self) -> "Trace":
        """The same where it may be part of a place: 李园小区 does not tell 李园."""
        return self._replace(form=f"(?:{self.form}){NO_PLACE}") if self.letters else self


def names_of(reporter: Mapping[str, Any]) -> tuple[Trace, ...]:
    """By what a text would give the reporter away to those who are not to know, in a full view too: name, unit, phone; and whoever
    reported the child before, as far as the report was made of that one."""
    name, unit, phone = (str(reporter.get(part) or "") for part in ("name", "org", "phone"))
    called = OF_DISTRICT.sub("", clean_name(name))
    is_unit, is_here = bool(OFFICE.search(called)), called in HERE
    names = () if is_unit else _longest(name, clean_name(name))
    units = _longest(unit, OF_DISTRICT.sub("", clean_name(unit)), *((name, called) if is_unit else ()))
    return (
        *(_trace(word, fact=is_here).in_address if is_here else _trace(word) for word in names if word not in ANYBODY),
        *(_trace(word, fact=True) for word in units if _is_unit(word)),
        *map(Trace, phone_forms(phone)),
        *names_before(reporter),
    )


def names_before(reporter: Mapping[str, Any]) -> tuple[Trace, ...]:
    """Of whoever reported the child before."""
    return tuple(trace for before in reporter.get(EARLIER) or () for trace in names_of(before))


def hidden_from(reporter: Mapping[str, Any], *, knows: bool) -> tuple[Trace, ...]:
    """What texts lose for a reader: who may know the reporter of this report is not told who reported an earlier one."""
    return names_before(reporter) if knows else names_of(reporter)


def _longest(*words: str) -> list[str]:
    said = {word.strip() for word in words}
    return sorted((word for word in said if len(word) >= SHORTEST), key=lambda word: (-len(word), word))


def _is_unit(word: str) -> bool:
    return len(word) > SHORTEST and word not in ANYBODY


def _trace(word: str, *, fact: bool = False) -> Trace:
    """Also with blanks in it, and never within a longer word of letters; a fact with or without its town and district."""
    letters = "".join(word.split())
    form = r"\s*".join(map(re.escape, letters))
    before, after = (re.match(f"[{LATIN}]", one) for one in (letters[0], letters[-1]))
    form = (f"(?<![{LATIN}])" if before else "") + form + (f"(?![{LATIN}])" if after else "")
    return Trace(OF_DISTRICT.pattern.removeprefix("^") + form if fact else form, letters.casefold(), fact)


def texts_without(content: Mapping[str, Any], traces: Iterable[Trace]) -> dict[str, Any]:
    """A case's content whose texts, the report's own and those about its children and its family, have lost these traces."""
    gone = tuple(traces)
    people = {part: [_person(one, gone) for one in content.get(part) or ()] for part in PEOPLE if part in content}
    return {**content, "narrative": without(content.get("narrative") or "", gone), **people}


def _person(one: Mapping[str, Any], gone: tuple[Trace, ...]) -> dict[str, Any]:
    """Where somebody lives or learns is a fact of the child, also where it is the reporter's unit or name as a whole."""
    said = {field: without(one[field], gone) for field in NOTED if one.get(field)}
    of_name = tuple(trace.in_address for trace in gone if not trace.fact)
    placed = {field: without(one[field], of_name) for field in PLACES if one.get(field)}
    return {**one, **said, **{field: text for field, text in placed.items() if text != HIDDEN}}


def without(text: str, traces: Iterable[Trace]) -> str:
    """A text from which these traces are gone for good, such as those of a reporter whom the reader is not to know."""
    for one in traces:
        text = one.gone(text)
    return text
