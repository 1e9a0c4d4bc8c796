"""The books of a month as they are handed in: which rows are of the month, and what of a child is missing, late or not verified."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.facts import BEIJING
from app.domain.ledgers import COLUMNS, Line, RowsOf, lines

MONTH = r"^20\d\d-(0[1-9]|1[0-2])$"
EXPECTED = (
    "name", "sex", "birth_date", "id_no", "residence", "hukou_division", "guardian_names", "guardian_phones", "grade", "guardianship",
)  # fmt: skip
"""Columns that a book should not leave empty; product default: the notice names the columns and is silent on which of them must be filled."""


def month_of(at: datetime) -> str:
    """The month of an instant here, such as 2026-11."""
    return at.astimezone(BEIJING).strftime("%Y-%m")


def is_of(line: Line, month: str | None) -> bool:
    """Whether a row belongs to the month: a visit was made in it; whatever else stands in a book stands there as it is now."""
    return month is None or line.visit is None or line.visit.event.day.strftime("%Y-%m") == month


def has_rows(rows_of: RowsOf, line: Line, month: str | None) -> bool:
    """Whether a child that stands in a book has a row in it; one that was never visited has none in a book of visits."""
    return any(is_of(one, month) for one in lines(rows_of, line))


def gaps(codes: Iterable[str], line: Line) -> tuple[str, ...]:
    """The columns in which something is missing."""
    return tuple(code for code in codes if code in EXPECTED and not _is_said(COLUMNS[code].of(line)))


def _is_said(value: object) -> bool:
    return any(map(bool, value)) if isinstance(value, list | tuple) else value not in (None, "", {})


def is_verified(line: Line) -> bool:
    """Whether nothing in the child's file waits for a second person."""
    return not any(one.file and one.file.waiting for one in (line.record, *line.record.joined))


def is_ours(line: Line, desks: Collection[str]) -> bool:
    """Whether one of these desks is to verify something in the child's file."""
    files = (one.file for one in (line.record, *line.record.joined) if one.file)
    return any(change.desk in desks for file in files for change in file.waiting)


def is_late(line: Line, now: datetime) -> bool:
    """Whether a visit is overdue."""
    watch = line.record.watch
    return bool(watch and watch.is_open and watch.visit.due_at <= now)


def needs_work(codes: Iterable[str], line: Line, now: datetime) -> bool:
    """Whether somebody has to look at the child before the book is handed in."""
    return bool(gaps(codes, line)) or not is_verified(line) or is_late(line, now)


@dataclass
class Tally:
    """How a book stands."""

    children: int = 0
    rows: int = 0
    unverified: int = 0
    ours: int = 0
    """Of these, children of whom the office itself is to verify something."""
    late: int = 0
    """Children whose visit is overdue."""
    missing: Counter[str] = field(default_factory=Counter)
    """Children by the column in which something is missing."""

    def add(
        self,
        codes: Collection[str],
        rows_of: RowsOf,
        line: Line,
        month: str,
        now: datetime,
        desks: Collection[str] = (),
    ) -> None:
        """One child that stands in the book of whoever keeps it for these desks."""
        rows = sum(is_of(one, month) for one in lines(rows_of, line))
        if not rows and rows_of is not RowsOf.CHILDREN:
            return
        self.children += 1
        self.rows += rows
        self.unverified += not is_verified(line)
        self.ours += is_ours(line, desks)
        self.late += is_late(line, now)
        self.missing.update(gaps(codes, line))
