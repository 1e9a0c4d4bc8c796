"""The public's satisfaction, 社会公众满意度调查: one-time codes, answers that hang on nobody, and results without small numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.domain.small_numbers import suppressed
from app.domain.working_time import Value

MARKS = (1, 2, 3, 4, 5)


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


def results_of(spec: SurveySpec, answers: Sequence[Mapping[str, int]], smallest: int) -> tuple[Result, ...]:
    """Every question in its order. What few have answered in all is not broken down; of the rest no mark of few is told."""
    found = []
    for question in spec.questions:
        marks = Counter(answer[question.code] for answer in answers if question.code in answer)
        counts = {str(mark): marks[mark] for mark in MARKS}
        enough = marks.total() >= smallest
        shown = suppressed({question.code: counts}, smallest)[question.code] if enough else dict.fromkeys(counts)
        told = enough and None not in shown.values()
        mean = sum(mark * count for mark, count in marks.items()) / marks.total() if told else None
        found.append(
            Result(
                **question.model_dump(), answered=marks.total() if enough or not marks else None, marks=shown,
                mean=None if mean is None else round(mean, 2),
            )
        )  # fmt: skip
    return tuple(found)
