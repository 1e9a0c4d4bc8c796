"""The registers and screening rounds of a pack: each with its sources, and nothing in them that leads nowhere."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from app.domain.policy import FigureRules, RoundSpec
from app.domain.registers import DESK, DIVISION, Expected, FieldType, Register
from app.domain.signals import OfficeHolders, SignalSpec
from app.domain.surveys import SurveySpec
from app.domain.terms import Agency
from app.policy.rows import PackModel, known_sources

T = TypeVar("T", RoundSpec, SurveySpec, SignalSpec, OfficeHolders)


def _sourced(register: Register) -> Register:
    known_sources(register.basis)
    for part in (*register.expects, *([register.review] if register.review else ())):
        known_sources(part.basis)
    return register


def _spec_sourced(spec: T) -> T:
    known_sources(spec.basis)
    return spec


class Books(PackModel):
    """What the district keeps besides its cases."""

    registers: tuple[Annotated[Register, AfterValidator(_sourced)], ...] = ()
    outcome_target: date = date(2030, 12, 31)
    """By when the outcome of 一(二) is to be reached; the year of the notice, 2020, is past."""
    smallest_shown: int = Field(default=5, ge=2)
    """Smaller numbers of children are not given to third parties."""
    rounds: tuple[Annotated[RoundSpec, AfterValidator(_spec_sourced)], ...] = ()

    surveys: tuple[Annotated[SurveySpec, AfterValidator(_spec_sourced)], ...] = ()
    signals: tuple[Annotated[SignalSpec, AfterValidator(_spec_sourced)], ...] = ()
    office_holders: tuple[Annotated[OfficeHolders, AfterValidator(_spec_sourced)], ...] = ()

    def faults_of_signals(self, warnings: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """The same of signals; a warning over a child is called by one name, whoever noticed it."""
        codes = [*warnings, *(spec.code for spec in self.signals)]
        for spec in self.signals:
            if codes.count(spec.code) > 1:
                yield "signals", spec.code, "this code stands twice"
            if not spec.sources or not (spec.words or spec.at_least):
                yield "signals", spec.code, "it hears nobody, or everything"
        named = [row.agency for row in self.office_holders]
        for row in self.office_holders:
            if named.count(row.agency) > 1 or not row.words or not all(word.strip() for word in row.words):
                yield "office_holders", row.agency.value, "it stands twice, or says no words"

    def faults_of_surveys(self) -> Iterator[tuple[str, str, str]]:
        """The same of questionnaires."""
        for spec in self.surveys:
            asked = [question.code for question in spec.questions]
            if not asked or len(set(asked)) < len(asked):
                yield "surveys", spec.code, "it asks nothing, or something twice"

    def faults_of_rounds(self, times: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """The same of rounds."""
        codes = [spec.code for spec in self.rounds]
        for spec in self.rounds:
            if codes.count(spec.code) > 1:
                yield "rounds", spec.code, "this code stands twice"
            if spec.time not in times:
                yield "rounds", spec.code, f"there is no time called {spec.time}"
            if not spec.opens:
                yield "rounds", spec.code, "it never begins"
            if spec.listed and not (spec.each == FieldType.UNIT and spec.listed in self._of_units()):
                yield "rounds", spec.code, f"there is no register of units called {spec.listed}"

    def _of_units(self) -> set[str]:
        return {
            register.code
            for register in self.registers
            for spec in register.fields
            if spec.code == spec.type == FieldType.UNIT and spec.required
        }

    def faults_of_registers(self, times: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """(table, row, reason) of doubles and of names that lead nowhere."""
        for register in self.registers:
            for one in register.expects:
                if one.time and one.time not in times:
                    yield "registers", register.code, f"there is no time called {one.time}"
            if register.review and register.review.time and register.review.time not in times:
                yield "registers", register.code, f"there is no time called {register.review.time}"
        codes = [register.code for register in self.registers]
        for code in dict.fromkeys(codes):
            if codes.count(code) > 1:
                yield "registers", code, "this code stands twice"
        for register in self.registers:
            yield from (("registers", register.code, fault) for fault in _faults(register, codes))


def _faults(register: Register, registers: list[str]) -> Iterator[str]:
    fields = {spec.code: spec for spec in register.fields}
    if len(fields) < len(register.fields):
        yield "a field stands twice"
    for spec in register.fields:
        if (spec.type is FieldType.CODE) != bool(spec.choices):
            yield f"{spec.code}: a code needs its choices, and nothing else has any"
        if (spec.type is FieldType.ENTRY) != (spec.book in registers):
            yield f"{spec.code}: there is no register called {spec.book or 'nothing'}"
        if spec.past and spec.type is not FieldType.DAY:
            yield f"{spec.code}: only a day can lie ahead"
        yield from (f"{spec.code}: {fault}" for fault in _unknown(register, spec.required_if))
    review = register.review
    yield from (f"review: {fault}" for fault in _unknown(register, review.having if review else {}))
    if review and review.since and (review.since not in fields or fields[review.since].type is not FieldType.DAY):
        yield f"review: there is no day called {review.since}"
    if review and bool(review.passed) != bool(review.time):
        yield "review: what is owed once a day has passed needs a time, and nothing else has one"
    if (
        review
        and review.passed
        and not (
            review.passed in fields and fields[review.passed].type is FieldType.DAY and fields[review.passed].required
        )
    ):
        yield f"review: there is no day called {review.passed} that each entry has"
    for expected in register.expects:
        yield from _faults_of_expected(register, expected, registers)


def _faults_of_expected(register: Register, expected: Expected, registers: list[str]) -> Iterator[str]:
    yield from (f"expects: {fault}" for fault in _unknown(register, expected.having))
    if expected.each in (DIVISION, DESK):
        return
    if expected.each not in registers:
        yield f"expects: there is no register called {expected.each}"
    if not any(spec.code == expected.through and spec.book == expected.each for spec in register.fields):
        yield f"expects: no field {expected.through or 'at all'} names an entry of {expected.each}"


def _unknown(register: Register, codes: Mapping[str, str]) -> Iterator[str]:
    known = {spec.code: [choice.code for choice in spec.choices] for spec in register.fields}
    for name, code in codes.items():
        if code not in known.get(name, ()):
            yield f"{name} is never {code}"


class Shelf:
    """The same as the domain asks a pack for it."""

    file: Any

    @cached_property
    def registers(self) -> Mapping[str, Register]:
        return {register.code: register for register in self.file.registers}

    @cached_property
    def rounds(self) -> Mapping[str, RoundSpec]:
        return {spec.code: spec for spec in self.file.rounds}

    @cached_property
    def signals(self) -> Mapping[str, SignalSpec]:
        return {spec.code: spec for spec in self.file.signals}

    @cached_property
    def office_holders(self) -> Mapping[Agency, tuple[str, ...]]:
        return {row.agency: row.words for row in self.file.office_holders}

    @cached_property
    def surveys(self) -> Mapping[str, SurveySpec]:
        return {spec.code: spec for spec in self.file.surveys}

    @cached_property
    def catalogue(self) -> tuple[str, ...]:
        return tuple(row.id for row in self.file.catalogue)

    @property
    def figures(self) -> FigureRules:
        return FigureRules(target=self.file.outcome_target, smallest_shown=self.file.smallest_shown)
