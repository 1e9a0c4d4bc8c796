"""A case or a benefit in a row of a sheet: which of the child's it is. It is compared with what stands there and never entered."""

from collections.abc import Callable, Mapping
from datetime import date

from app.domain.case_no import means
from app.domain.ledgers import COLUMNS, Line, RowsOf
from app.domain.sheets import SPLIT, Fault, Wrong, as_typed, read_day

NAMED_BY: Mapping[RowsOf, tuple[str, ...]] = {
    RowsOf.CASES: ("case_number", "filed_on"),
    RowsOf.BENEFITS: ("benefit", "benefit_since", "case_number"),
}
"""By what a row names the case or the benefit; each that is filled in has to fit, and the first may be missing where another is there."""
MISSING: Mapping[RowsOf, Fault] = {
    RowsOf.CASES: Fault("case_number", Wrong.NO_CASE),
    RowsOf.BENEFITS: Fault("benefit", Wrong.NO_BENEFIT),
}


def missing(rows_of: RowsOf, said: Mapping[str, str]) -> Fault:
    """What is wrong with a row of which the child has nothing; one that says of no benefit is about one of those that there are."""
    unsaid = rows_of is RowsOf.BENEFITS and not said.get("benefit")
    return Fault("benefit", Wrong.REQUIRED) if unsaid else MISSING[rows_of]


def as_day(text: str) -> str:
    """A day as it stands in a book, in whichever way it was typed; any other text as it is."""
    return read_day(text, text, date.max)[0] or text


def named(rows_of: RowsOf, said: Mapping[str, str]) -> Callable[[Line], bool] | Fault:
    """Which lines of the child the row is about; a fault where it names none. A row without any word of a benefit is that of a child that
    has none."""
    names = {code: as_day(said[code]) for code in NAMED_BY[rows_of] if said.get(code)}
    if rows_of is RowsOf.BENEFITS and not names:
        return lambda line: line.held is None
    if not names or (rows_of is RowsOf.BENEFITS and "benefit" not in names):
        return Fault(NAMED_BY[rows_of][0], Wrong.REQUIRED)
    return lambda line: all(_is(line, code, text) for code, text in names.items())


def called(line: Line, text: str) -> bool:
    """Whether cases of the child alone are named there, however: a book of former days has their running numbers, and one that was open as
    it left may be closed by now."""
    said = [part for part in SPLIT.split(text) if part.strip()]
    return bool(said) and all(any(means(part, no, case.filed_at) for no, case in line.record.cases) for part in said)


def _is(line: Line, code: str, text: str) -> bool:
    """A case is also called by its running number alone."""
    if code == "case_number" and line.case:
        return means(text, line.case[0], line.case[1].filed_at)
    return as_typed(COLUMNS[code].of(line)) == text
