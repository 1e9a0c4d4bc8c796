"""What a sheet says and an import does not enter: found cell by cell, so that nothing which somebody typed falls away unsaid."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from xlsxwriter.utility import xl_col_to_name

from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.ledgers import COLUMNS, Findings, Ledger, Line, RowsOf, lines, row
from app.domain.sheet_columns import REGISTERING, VISITOR, WATCHED, WHY, SheetColumn
from app.domain.sheet_compared import NAMED_BY, as_day, called
from app.domain.sheets import as_typed, cells
from app.domain.unread import ALREADY, NOT_READ, OF_CHILD, OURS, OWN_COLUMN, SAME_VISIT, STANDS, WHY_NOT

OWN, OPEN_CASES = "own.", "open_cases"
MOST_OTHERWISE = 20
"""Rows of a sheet that may say otherwise of one child than the record; default. Who is in doubt asks for the names in full."""


class Guessed(Exception):
    """So many rows of one child that differ are no book: each would be told apart from what is masked."""

    def __init__(self, child: str) -> None:
        super().__init__()
        self.child = child


def own_columns(heads: Sequence[str], known: Mapping[int, SheetColumn]) -> dict[int, SheetColumn]:
    """The keeper's own columns; the code is the letter, for a heading is the keeper's text and stays in the workbook."""
    return {
        n: SheetColumn(f"{OWN}{xl_col_to_name(n)}", head or xl_col_to_name(n), "", "")
        for n, head in enumerate(heads) if n not in known and head not in OURS
    }  # fmt: skip


def reason(column: SheetColumn) -> str:
    """Why what stands there is not entered."""
    if column in REGISTERING:
        return f"{NOT_READ}{ALREADY}"
    if column.visit == VISITOR:
        return f"{NOT_READ}{SAME_VISIT}"
    if column.visit:
        return f"{NOT_READ}{STANDS}"
    if column.enters:
        return f"{NOT_READ}{OF_CHILD}"
    return f"{NOT_READ}{WHY_NOT.get('delegate_name' if column.care else column.code, OWN_COLUMN)}"


class Unread:
    """Compares what is typed in columns that are not entered with what the book shows there, masked or in full."""

    def __init__(self, ledger: Ledger, findings: Findings, divisions: Mapping[str, str], today: date) -> None:
        self._ledger, self._findings, self._divisions, self._today = ledger, findings, divisions, today

    def of(
        self, typed: Mapping[SheetColumn, Any], record: ChildRecord | None, *, is_new: bool, cares: bool
    ) -> list[SheetColumn]:  # fmt: skip
        """The columns of this row whose cells say something that nobody will find in the child's file; `cares` where its care is the
        sender's to arrange."""
        rows_of = self._ledger.rows_of
        left = [
            column for column, cell in typed.items() if not _enters(column, rows_of, is_new, cares) and as_typed(cell)
        ]
        if not left or record is None:
            return left
        line = self._line(record)
        ones = (line,) if rows_of is RowsOf.CHILDREN else (line, *lines(rows_of, line))
        registered = dict(zip((WHY.code, WATCHED.code), _registered(line), strict=True))
        compared = left = [one for one in left if as_typed(typed[one]) != registered.get(one.code)]
        for masked in (False, True):  # few columns are masked, and a mask costs more than all the rest
            shown = self._shown(compared, ones, masked=masked) if left else {}
            left = [one for one in left if as_typed(typed[one]) not in shown.get(one.code, ())]
        return [one for one in left if one.code != OPEN_CASES or not called(line, as_typed(typed[one]))]

    def differing(
        self, typed: Mapping[SheetColumn, Any], record: ChildRecord, is_one: Callable[[Line], bool] | None = None
    ) -> dict[SheetColumn, str] | None:  # fmt: skip
        """The columns that say something else than the book does of those of this child that the row is about, or of the child itself,
        with what it says, masked; None where there is none."""
        line = self._line(record)
        ones = tuple(one for one in lines(self._ledger.rows_of, line) if is_one(one)) if is_one else (line,)
        if not ones:
            return None
        by = NAMED_BY.get(self._ledger.rows_of, ())  # it is about this one however its number was written
        said = left = [one for one, cell in typed.items() if one.column and one.column not in by and as_typed(cell)]
        for masked in (False, True):
            shown = self._shown(said, ones, masked=masked) if left else {}
            left = [
                column for column in left
                if not shown[column.code] & {text := as_typed(typed[column]), text.upper(), as_day(text)}
            ]  # fmt: skip
        hidden = self._as_shown(said, ones[0], masked=True) if left else {}
        return {column: hidden[column.code] for column in left}

    def _line(self, record: ChildRecord) -> Line:
        return self._findings.line(record, self._today)

    def _shown(self, some: Sequence[SheetColumn], ones: Sequence[Line], *, masked: bool) -> dict[str, set[str]]:
        """Every text that the book has there, by column."""
        found = {column.code: set[str]() for column in some}
        for one in ones:
            for code, text in self._as_shown(some, one, masked=masked).items():
                found[code].add(text)
        return found

    def _as_shown(self, some: Sequence[SheetColumn], one: Line, *, masked: bool) -> dict[str, str]:
        made_by_us = [column for column in some if column.column]
        made = row([column.column for column in made_by_us], one, masked=masked)
        shown = zip(made_by_us, cells(made_by_us, made, self._divisions), strict=True)
        return {column.code: as_typed(cell) for column, cell in shown}


def _registered(line: Line) -> tuple[str, str]:
    """Why it was registered and by which grade it is watched, as far as the child's file knows."""
    waiting = line.record.waiting(FileField.REGISTRATION)
    if waiting and waiting.registration:
        return waiting.registration.found.zh, waiting.registration.grade.zh
    return "", str(COLUMNS["grade"].of(line) or "")


def _enters(column: SheetColumn, rows_of: RowsOf, is_new: bool, cares: bool) -> bool:
    return cares if column.care else column.is_used(rows_of) or (is_new and column in REGISTERING)
