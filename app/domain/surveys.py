"""The public's satisfaction, 社会公众满意度调查: one-time codes, answers that hang on nobody, and results without small numbers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.domain.small_numbers import suppressed
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
    """How a question was answered; where few have answered it, neither marks nor mean are told."""

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
    spans = _spans(question.code, quarters, smallest)
    marks = sum((span.marks for span in spans if first <= span.first and span.last <= last), Counter[int]())
    counts = {str(mark): marks[mark] for mark in MARKS}
    asked = (answer for quarter, answers in quarters.items() if first <= quarter <= last for answer in answers)
    enough = bool(marks)
    waits = not enough and any(question.code in answer for answer in asked)
    shown = dict.fromkeys(counts) if waits else suppressed({question.code: counts}, smallest)[question.code]
    told = enough and None not in shown.values()
    mean = sum(mark * count for mark, count in marks.items()) / marks.total() if told else None
    return Result(
        **question.model_dump(), answered=None if waits else marks.total(), marks=shown,
        mean=None if mean is None else round(mean, 2),
    )  # fmt: skip


def _spans(code: str, quarters: Quarters, smallest: int) -> Iterator[Span]:
    """A quarter in which few have answered is told with those after it, once they are enough. So a span never changes, and no difference
    between two results, of other quarters or of another day, is of fewer people."""
    first, marks = None, Counter[int]()
    for quarter in sorted(quarters):
        said = Counter(answer[code] for answer in quarters[quarter] if code in answer)
        first, marks = (first or quarter if said else first), marks + said
        if first and marks.total() >= smallest:
            yield Span(first, quarter, marks)
            first, marks = None, Counter[int]()
