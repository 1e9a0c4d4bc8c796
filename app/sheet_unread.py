"""What a sheet says and an import does not enter: found cell by cell, so that nothing which somebody typed falls away unsaid."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from xlsxwriter.utility import xl_col_to_name

from app.domain.access import Actor
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.ledgers import COLUMNS, Findings, Ledger, Line, lines, row
from app.domain.sheet_columns import WATCHED, WHY, SheetColumn
from app.domain.sheets import as_typed, cells
from app.domain.unread import ALREADY, NOT_READ, OURS, OWN_COLUMN, WHY_NOT

OWN = "own."


def own_columns(heads: Sequence[str], known: Mapping[int, SheetColumn]) -> dict[int, SheetColumn]:
    """The keeper's own columns; the code is the letter, for a heading is the keeper's text and stays in the workbook."""
    return {
        n: SheetColumn(f"{OWN}{xl_col_to_name(n)}", head or xl_col_to_name(n), "", "")
        for n, head in enumerate(heads) if n not in known and head not in OURS
    }  # fmt: skip


def reason(column: SheetColumn) -> str:
    """Why what stands there is not entered."""
    if column in (WHY, WATCHED):
        return f"{NOT_READ}{ALREADY}"
    return f"{NOT_READ}{WHY_NOT.get('delegate_name' if column.care else column.code, OWN_COLUMN)}"


class Unread:
    """Compares what is typed in columns that are not entered with what the book shows there, masked or in full."""

    def __init__(
        self, who: Actor, ledger: Ledger, findings: Findings, divisions: Mapping[str, str], today: date
    ) -> None:
        self._who, self._ledger, self._findings = who, ledger, findings
        self._divisions, self._today = divisions, today

    def of(
        self, typed: Mapping[SheetColumn, Any], record: ChildRecord | None, *, is_new: bool, cares: bool
    ) -> list[SheetColumn]:  # fmt: skip
        """The columns of this row whose cells say something that nobody will find in the child's file; `cares` where its care is the
        sender's to arrange."""
        left = [column for column, cell in typed.items() if not _enters(column, is_new, cares) and as_typed(cell)]
        shown = self._shown(left, record) if left and record else {}
        return [column for column in left if as_typed(typed[column]) not in shown.get(column.code, ())]

    def _shown(self, some: Sequence[SheetColumn], record: ChildRecord) -> dict[str, set[str]]:
        """Every text that the book has for this child, by column."""
        found = {column.code: set[str]() for column in some}
        made_by_us = [column for column in some if column.code in WHY_NOT]
        line = Line(record.told(self._who.agency), self._findings.of(record), self._today)
        for one in lines(self._ledger.rows_of, line):
            for masked in (True, False):
                made = row([column.code for column in made_by_us], one, masked=masked)
                for column, cell in zip(made_by_us, cells(made_by_us, made, self._divisions), strict=True):
                    found[column.code].add(as_typed(cell))
        for column, said in zip((WHY, WATCHED), _registered(line), strict=True):
            found[column.code] = {said}
        return found


def _registered(line: Line) -> tuple[str, str]:
    """Why it was registered and by which grade it is watched, as far as the child's file knows."""
    waiting = line.record.waiting(FileField.REGISTRATION)
    if waiting and waiting.registration:
        return waiting.registration.found.zh, waiting.registration.grade.zh
    return "", str(COLUMNS["grade"].of(line) or "")


def _enters(column: SheetColumn, is_new: bool, cares: bool) -> bool:
    return cares if column.care else column.is_read or (is_new and column in (WHY, WATCHED))
