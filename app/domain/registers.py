"""The registers of what no software can do itself: kinds as data, what an entry holds, who keeps and sees it, what falls due."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.domain.access import ADMINS, DESK_STAFF, STAFF, Actor, scope
from app.domain.benefits import Yuan
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Role, Term
from app.domain.working_time import Budget, Calendar, Value, day_of, local_instant


class Kind(Term):
    """What a line of an entry's history says."""

    ADDED = "added", "登记", "added"
    CHANGED = "changed", "变更", "changed or reviewed"
    ENDED = "ended", "注销", "ended"


class EndOfEntry(Term):
    """Why an entry ends; what it said stays readable."""

    OVER = "over", "已结束", "it is over"
    REPLACED = "replaced", "已更换", "replaced by another"
    NO_LONGER_FIT = "no_longer_fit", "不再符合条件", "no longer fit for it"
    MISTAKE = "mistake", "误登", "entered by mistake"


class FieldType(StrEnum):
    """What a field may hold; the last five name what the service knows: a child, a case, an entry, a row of the catalogue, an account.
    A unit is the code by which accounts report for it, also one that has none yet."""

    TEXT = "text"
    COUNT = "count"
    YUAN = "yuan"
    DAY = "day"
    CODE = "code"
    UNIT = "unit"
    CHILD = "child"
    CASE = "case"
    ENTRY = "entry"
    SERVICE = "service"
    PERSON = "person"


Text = Annotated[str, Field(min_length=1, max_length=2000)]
UnitId = Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Reference = Annotated[str, Field(min_length=1, max_length=80)]
TYPES: Mapping[FieldType, Any] = {
    FieldType.TEXT: Text, FieldType.COUNT: Annotated[int, Field(ge=0, le=10**9, strict=True)], FieldType.YUAN: Yuan,
    FieldType.DAY: date, FieldType.UNIT: UnitId, FieldType.CHILD: Reference, FieldType.CASE: Reference, FieldType.ENTRY: Reference,
    FieldType.SERVICE: Reference, FieldType.PERSON: Reference,
}  # fmt: skip
SUMMED = (FieldType.COUNT, FieldType.YUAN)
NAMING = (FieldType.UNIT, FieldType.CHILD, FieldType.CASE, FieldType.ENTRY, FieldType.PERSON)
"""What a field says of these is a number of ours."""


class Choice(Value):
    """One code that a field may hold."""

    code: str
    zh: str
    en: str


class FieldSpec(Value):
    """One field of a register; what is private is for the keeping desk and those who oversee it, and a case always is: it says who
    reported it."""

    code: str
    zh: str
    en: str
    type: FieldType = FieldType.TEXT
    required: bool = False
    private: bool = False
    past: bool = False
    """A day that cannot lie ahead."""
    choices: tuple[Choice, ...] = ()
    book: str = ""
    """The register in which an entry that is named stands."""
    required_if: Mapping[str, str] = {}
    """Required where other fields hold these codes."""

    @model_validator(mode="after")
    def _keeps_cases(self) -> Self:
        if self.type is FieldType.CASE and not self.private:
            raise ValueError(f"{self.code} names a case and has to be private")
        return self

    @property
    def annotation(self) -> Any:
        """As pydantic wants it."""
        if self.type is FieldType.CODE:
            return Literal[tuple(choice.code for choice in self.choices)]
        return TYPES[self.type]


class Review(Value):
    """An entry is looked at again so long after its day `since`, or after its last line where no such day is named."""

    every: Annotated[Budget, BeforeValidator(lambda value: Budget.parse(value) if isinstance(value, str) else value)]
    since: str = ""
    having: Mapping[str, str] = {}
    """Only of entries that hold these codes."""
    passed: str = ""
    """The day after which such an entry is owed to somebody, and not only listed as due."""
    time: str = ""
    """By when it is set right then."""
    basis: tuple[str, ...]


class Expected(Value):
    """An entry that should stand once for each street or town, each keeping desk, or each entry of another register."""

    each: str
    through: str = ""
    """The field that names the entry of the other register."""
    having: Mapping[str, str] = {}
    zh: str
    en: str
    time: str = ""
    """By when an empty post is filled; where none is named, it is listed and nobody is told."""
    basis: tuple[str, ...]

    @property
    def code(self) -> str:
        """What is expected, in a word."""
        return "-".join((self.each, *self.having.values()))


DIVISION, DESK = "division", "desk"


class Register(Value):
    """A kind of register: who keeps it, what stands in it, and when it is looked at again."""

    code: str
    zh: str
    en: str
    keepers: tuple[Agency, ...]
    readers: tuple[Agency, ...] = ()
    """Agencies that see every entry without its private fields."""
    basis: tuple[str, ...]
    fields: tuple[FieldSpec, ...]
    review: Review | None = None
    expects: tuple[Expected, ...] = ()

    @cached_property
    def form(self) -> type[BaseModel]:
        """What an entry has to look like."""
        fields: dict[str, Any] = {
            spec.code: (spec.annotation, ...) if spec.required else (spec.annotation | None, None)
            for spec in self.fields
        }
        strict = ConfigDict(extra="forbid", str_strip_whitespace=True)
        return create_model(f"Entry_{self.code}", __config__=strict, **fields)

    @property
    def private(self) -> tuple[str, ...]:
        """The fields that hold persons, addresses and numbers."""
        return tuple(spec.code for spec in self.fields if spec.private)

    @property
    def names_families(self) -> bool:
        """Whether the persons in it are those of children, and not of offices."""
        return any(spec.private for spec in self.of_type(FieldType.CHILD))

    def of_type(self, *types: FieldType) -> list[FieldSpec]:
        """The fields that hold one of these."""
        return [spec for spec in self.fields if spec.type in types]

    def named(self, lines: Iterable[Mapping[str, Any]], kind: FieldType) -> list[str]:
        """What the fields of this kind hold in these lines, each once."""
        codes = [spec.code for spec in self.of_type(kind)]
        return list(dict.fromkeys(str(line[code]) for line in lines for code in codes if line.get(code)))

    def said(self, fields: Mapping[str, Any], services: Mapping[str, str]) -> str:
        """An entry in one line, without what is private and numbers of ours; `services` are the words of the catalogue."""
        words = (
            {one.code: one.zh for one in spec.choices} if spec.choices else services if spec.type is FieldType.SERVICE else {}
            for spec in self.fields
        )  # fmt: skip
        said = [
            str(known.get(value, value))
            for spec, known in zip(self.fields, words, strict=True)
            if not spec.private and spec.type not in NAMING and (value := fields.get(spec.code)) not in (None, "")
        ]
        return " ".join(f"{self.zh}：{'，'.join(said)}".split())

    def is_overdue(self, entry: "Entry", today: date) -> bool:
        """Whether the day has passed by which what this entry says had to be otherwise."""
        review = self.review
        if not review or not review.passed or not entry.is_open or not _has(entry.fields, review.having):
            return False
        return date.fromisoformat(entry.fields[review.passed]) < today

    def read(self, given: Mapping[str, Any], today: date) -> dict[str, Any]:
        """The fields as they are kept; raises ValidationError with the place of each fault."""
        form = self.form.model_validate(dict(given))
        kept = form.model_dump(mode="json", exclude_none=True)
        faults = list(self._faults(form, kept, today))
        if faults:
            raise ValidationError.from_exception_data(self.code, faults)
        return kept

    def _faults(self, form: BaseModel, kept: Mapping[str, Any], today: date) -> Iterator[InitErrorDetails]:
        for spec in self.fields:
            value = getattr(form, spec.code)
            if spec.required_if and _has(kept, spec.required_if) and value is None:
                yield {"type": "missing", "loc": (spec.code,), "input": None}
            if spec.past and value is not None and value > today:
                late = PydanticCustomError("date_in_future", "日期不能晚于今天 · The day lies ahead.")
                yield {"type": late, "loc": (spec.code,), "input": None}


def _has(fields: Mapping[str, Any], codes: Mapping[str, str]) -> bool:
    return all(fields.get(name) == code for name, code in codes.items())


class Entry(Value):
    """One line of an entry's history; the newest says how the entry stands."""

    id: str
    version: int
    book: str
    """The code of its register."""
    desk: str
    division: str
    kind: Kind
    reason: EndOfEntry | None = None
    fields: dict[str, Any]
    review_at: datetime | None
    at: datetime
    by: str
    behalf: str | None

    @property
    def is_open(self) -> bool:
        """Whether it still holds."""
        return self.kind is not Kind.ENDED


class Sight(Value):
    """Which entries of a register an actor sees, as data for a WHERE clause."""

    everything: bool = False
    desks: tuple[str, ...] = ()
    """Those whose entries are seen with their private fields; where `open_book`, of everything."""
    open_book: bool = False

    @property
    def nothing(self) -> bool:
        """To this actor the register does not exist."""
        return not self.everything and not self.desks

    def shows_private(self, desk: str) -> bool:
        """Whether the private fields of an entry of that desk are seen."""
        return self.open_book or desk in self.desks


def sight(actor: Actor, register: Register) -> Sight:
    """The keeping desk, the street over its committees, those who oversee the district, and the readers of the register."""
    if actor.has(*ADMINS) or not actor.has(*STAFF):
        return Sight()
    if actor.oversees_district:
        return Sight(everything=True, open_book=True)
    allowed = scope(actor).desks
    keepers = {agency.value for agency in register.keepers}
    desks = tuple(desk for desk in allowed if desk.partition("-")[0] in keepers)
    return Sight(everything=actor.agency in register.readers, desks=desks)


def keeps(actor: Actor, register: Register) -> bool:
    """Whether the actor's desk writes in this register."""
    return actor.agency in register.keepers and actor.has(*DESK_STAFF, Role.AGENCY_HEAD) and not actor.has(*ADMINS)


def written(
    register: Register, before: Entry | None, entry_id: str, given: Mapping[str, Any], division: str, by: Actor,
    now: datetime, calendar: Calendar,
) -> Entry:  # fmt: skip
    """A new entry, or the next line of one that stands: changed, or the same again because it was reviewed."""
    _may_write(register, before, by)
    if before is None and by.agency.is_territorial and division != by.division:
        raise Refused(RefusalCode.NOT_YOUR_DESK)
    fields = register.read(given, day_of(now))
    return _line(
        before, id=entry_id, book=register.code, desk=by.desk, division=before.division if before else division,
        kind=Kind.CHANGED if before else Kind.ADDED, fields=fields, at=now, by=by.person_id, behalf=by.acting_for,
        review_at=_review_at(register.review, fields, now, calendar),
    )  # fmt: skip


def ended(register: Register, before: Entry, reason: EndOfEntry, by: Actor, now: datetime) -> Entry:
    """The last line of an entry."""
    _may_write(register, before, by)
    kept = before.model_dump(include={"id", "book", "desk", "division", "fields"})
    last = {"kind": Kind.ENDED, "reason": reason, "review_at": None}
    return _line(before, **kept, **last, at=now, by=by.person_id, behalf=by.acting_for)


def _line(before: Entry | None, **values: Any) -> Entry:
    return Entry(version=before.version + 1 if before else 1, **values)


def _may_write(register: Register, before: Entry | None, by: Actor) -> None:
    if not keeps(by, register):
        raise Refused(RefusalCode.NOT_ALLOWED)
    if before is None:
        return
    if before.desk != by.desk:
        raise Refused(RefusalCode.NOT_YOUR_DESK)
    if not before.is_open:
        raise Refused(RefusalCode.ENTRY_ENDED)


def _review_at(review: Review | None, fields: Mapping[str, Any], now: datetime, calendar: Calendar) -> datetime | None:
    """Days of the calendar in force at the writing; a day `since` that is not known yet counts from the writing."""
    if review is None or not _has(fields, review.having):
        return None
    day = fields.get(review.since)
    since = local_instant(date.fromisoformat(day), time.min) if day else now
    return review.every.ends(since, calendar)


class Post(Value):
    """Something for which an entry is expected: a street, a desk, or an entry of another register."""

    id: str
    desk: str
    division: str
    since: datetime | None = None


def post_of(expected: Expected, entry: Entry, posts: Mapping[str, Post]) -> Post | None:
    """Of the posts by their ids, the street, desk or entry of another register for which this entry stands. It does for that of its own
    desk alone, and of another register's for that of its own street: nobody else has filled a post that is theirs."""
    if not _has(entry.fields, expected.having):
        return None
    ids = {DIVISION: entry.division, DESK: entry.desk}
    post = posts.get(ids.get(expected.each) or entry.fields.get(expected.through, ""))
    if post is None:
        return None
    own = entry.desk == post.desk if expected.each in ids else entry.desk.partition("-")[2] == post.division
    return post if own else None


class Vacancy(Value):
    """An expected entry that does not stand, since the last one ended."""

    post: Post
    expected: Expected
    since: datetime | None


def vacancies(expected: Expected, posts: Sequence[Post], entries: Iterable[Entry]) -> tuple[Vacancy, ...]:
    """The posts without an entry that holds; `entries` are the newest lines of the register, ended ones too."""
    held: set[str] = set()
    left: dict[str, datetime] = {}
    by_id = {post.id: post for post in posts}
    for entry in entries:
        post = post_of(expected, entry, by_id)
        if post is None:
            continue
        if entry.is_open:
            held.add(post.id)
        else:
            left[post.id] = max(entry.at, left.get(post.id, entry.at))
    return tuple(
        Vacancy(post=post, expected=expected, since=left.get(post.id, post.since))
        for post in posts if post.id not in held
    )  # fmt: skip
