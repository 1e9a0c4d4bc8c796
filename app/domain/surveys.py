"""The public's satisfaction, 社会公众满意度调查: one-time codes, answers that hang on nobody, and results without small numbers."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.domain.working_time import Value

MARKS = (1, 2, 3, 4, 5)
Quarters = Mapping[date, Sequence[Mapping[str, int]]]
"""The answers of quarters that are over, by the first day of each."""


class Question(Value):
    """Answered by a mark from 1, not at all satisfied, to 5, very satisfied; or not at all."""

    code: str
    zh: str
    en: str


class SurveySpec(Value):
    """A questionnaire."""

    code: str
    zh: str
    en: str
    questions: tuple[Question, ...]
    basis: tuple[str, ...]

    def read(self, given: Mapping[str, int]) -> dict[str, int]:
        """The marks by question; raises ValidationError with the place of each fault."""
        asked = {question.code for question in self.questions}
        no_mark = PydanticCustomError("enum", "分值为1至5 · A mark is one of 1 to 5.")
        faults: list[InitErrorDetails] = []
        for code, mark in given.items():
            if code not in asked:
                faults.append({"type": "extra_forbidden", "loc": (code,), "input": None})
            elif mark not in MARKS:
                faults.append({"type": no_mark, "loc": (code,), "input": None})
        if not given:
            faults.append({"type": "missing", "loc": (), "input": None})
        if faults:
            raise ValidationError.from_exception_data(self.code, faults)
        return dict(given)


class Result(Value):
    """How a question was answered. Where few gave one of the marks, marks and mean wait, so they may be of fewer than have answered."""

    code: str
    zh: str
    en: str
    answered: int | None
    marks: dict[str, int | None]
    mean: float | None


class Span(NamedTuple):
    """Quarters of which together enough people have answered a question, by the first day of each, and their marks."""

    first: date
    last: date
    marks: Counter[int]


def results_of(
    spec: SurveySpec, quarters: Quarters, smallest: int, first: date = date.min, last: date = date.max
) -> tuple[Result, ...]:
    """Every question in its order, of the spans that lie in these quarters as a whole. Of what is told no mark of few is."""
    return tuple(_result(question, quarters, smallest, first, last) for question in spec.questions)


def _result(question: Question, quarters: Quarters, smallest: int, first: date, last: date) -> Result:
    def inside(spans: Iterable[Span]) -> Counter[int]:
        return sum((span.marks for span in spans if first <= span.first and span.last <= last), Counter[int]())

    spans = [*_spans(question.code, quarters, smallest)]
    answered, marks = inside(spans).total(), inside(_together(spans, smallest))
    asked = (answer for quarter, answers in quarters.items() if first <= quarter <= last for answer in answers)
    waits = any(question.code in answer for answer in asked)
    told = marks or not waits
    mean = sum(mark * count for mark, count in marks.items()) / marks.total() if marks else None
    return Result(
        **question.model_dump(), answered=answered or (None if waits else 0),
        marks={str(mark): marks[mark] if told else None for mark in MARKS}, mean=None if mean is None else round(mean, 2),
    )  # fmt: skip


def _spans(code: str, quarters: Quarters, smallest: int) -> Iterator[Span]:
    """A quarter in which few have answered is told with those after it, once they are enough. So a span never changes, and no difference
    between two results, of other quarters or of another day, is of fewer people."""
    said = ((one, Counter(answer[code] for answer in quarters[one] if code in answer)) for one in sorted(quarters))
    return _once((Span(one, one, marks) for one, marks in said if marks), lambda marks: marks.total() >= smallest)


def _together(spans: Iterable[Span], smallest: int) -> Iterator[Span]:
    """The marks of a span in which few gave one of them are told with those of the next, once none is given by few: of a sum of such
    spans no other sum takes away all but a few."""
    return _once(spans, lambda marks: all(count >= smallest for count in marks.values()))


def _once(spans: Iterable[Span], enough: Callable[[Counter[int]], bool]) -> Iterator[Span]:
    """Each with those after it until they are enough; what is left of them waits."""
    first, marks = None, Counter[int]()
    for span in spans:
        first, marks = first or span.first, marks + span.marks
        if enough(marks):
            yield Span(first, span.last, marks)
            first, marks = None, Counter[int]()
