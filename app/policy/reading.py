"""Three-valued answers: a condition over facts of which some are unknown holds, does not, or is open until named facts are known."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from operator import itemgetter
from typing import Any, NamedTuple

import cel

from app.domain.facts import Known
from app.policy.conditions import FAILURES, WRITTEN

Value = bool | int | str
Values = tuple[Value | None, ...]
View = Mapping[str, Value | None]
"""What is known by name; None is unknown."""
Vocabulary = Mapping[str, tuple[Value, ...]]
"""Every name that a condition may ask, and all that its fact can be."""
TRUTH = (False, True)
MOST = 4096
"""Completions that one condition may have: it is tried on all of them when the pack is loaded."""


class Reading(NamedTuple):
    """The answer to a condition; while it is open, the facts that can still turn it."""

    answer: Known
    missing: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whatever the unknown facts may be."""
        return self.answer is Known.YES

    @property
    def is_open(self) -> bool:
        """Some of what may be would make it hold, some would not."""
        return self.answer is Known.UNKNOWN


def _picking(names: tuple[str, ...]) -> Callable[[View], Values]:
    """What takes these facts out of a view, in their order."""
    if len(names) > 1:
        return itemgetter(*names)
    if names:
        (name,) = names
        return lambda view: (view[name],)
    return lambda _: ()


class Question:
    """A condition, compiled once; each answer is worked out once as well, for a condition names few facts."""

    def __init__(self, condition: str, vocabulary: Vocabulary) -> None:
        self._program = cel.compile(condition)
        self.names: tuple[str, ...] = tuple(sorted(self._program.variables()))
        self._vocabulary = vocabulary
        self._asked = _picking(self.names)
        self._answers: dict[Values, Reading] = {}
        self._said: dict[Values, bool] = {}

    def read(self, view: View) -> Reading:
        """The answer over everything that the unknown facts may still be; nothing is guessed."""
        values = self._asked(view)
        found = self._answers.get(values)
        if found is None:
            found = self._answers[values] = self._worked_out(values)
        return found

    def as_known(self, view: View) -> bool:
        """Whether it holds on what has been said: what nobody has said yes to counts as no."""
        values = self._asked(view)
        found = self._said.get(values)
        if found is None:
            said = (
                False if value is None and self._vocabulary[name] == TRUTH else value
                for name, value in zip(self.names, values, strict=True)
            )  # fmt: skip
            found = self._said[values] = self._worked_out(tuple(said)).holds
        return found

    def table(self, values: Values | None = None) -> dict[tuple[Value, ...], Any]:
        """The plain answer for each completion of these values, or of nothing known at all."""
        given = values or (None,) * len(self.names)
        possible = (
            self._vocabulary[name] if value is None else (value,)
            for name, value in zip(self.names, given, strict=True)
        )  # fmt: skip
        return {each: self._plain(each) for each in product(*possible)}

    def _plain(self, values: tuple[Value, ...]) -> Any:
        return self._program.execute(dict(zip(self.names, values, strict=True)))

    def _worked_out(self, values: Values) -> Reading:
        answers = self.table(values)
        if len(set(answers.values())) == 1:
            return Reading(Known.YES if next(iter(answers.values())) else Known.NO)
        unknown = [n for n, value in enumerate(values) if value is None]
        return Reading(Known.UNKNOWN, tuple(self.names[n] for n in unknown if _turns(n, answers)))


def _turns(n: int, answers: Mapping[tuple[Value, ...], Any]) -> bool:
    """Whether two completions that differ in this fact alone have different answers."""
    seen: dict[tuple[Value, ...], Any] = {}
    return any(seen.setdefault(each[:n] + each[n + 1 :], answer) != answer for each, answer in answers.items())


def faults(condition: str, vocabulary: Vocabulary) -> Iterator[str]:
    """Why a condition must not stand in a pack; those that name facts of the vocabulary are tried on every completion."""
    try:
        program = cel.compile(condition)
    except ValueError as error:
        yield f"the condition is no CEL: {str(error).splitlines()[0]}"
        return
    names = program.variables()
    if unknown := sorted(set(names) - set(vocabulary)):
        yield from (f"nothing is called {name}" for name in unknown)
        return
    codes = {value for name in names for value in vocabulary[name]}
    yield from (
        f"no fact asked here can be {code}" for code in map("".join, WRITTEN.findall(condition)) if code not in codes
    )
    size = 1
    for name in names:
        size *= len(vocabulary[name])
    if size > MOST:
        yield f"the condition asks too much at once: {size} possibilities, at most {MOST}"
        return
    yield from _faults_of_answers(condition, vocabulary)


def _faults_of_answers(condition: str, vocabulary: Vocabulary) -> Iterator[str]:
    try:
        answers = set(Question(condition, vocabulary).table().values())
    except FAILURES as error:
        yield f"the condition fails for some facts: {str(error).splitlines()[0]}"
        return
    if other := [answer for answer in answers if not isinstance(answer, bool)]:
        yield f"the condition answers {other[0]!r}, not yes or no"
    elif answers == {False}:
        yield "the condition never holds, whatever the facts"
