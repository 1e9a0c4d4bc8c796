"""The books of a month as they are handed in: which rows are of the month, and what of a child is missing, late or not verified."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from app.domain.child_record import Seen
from app.domain.ledgers import COLUMNS, Line, RowsOf, lines
from app.domain.sight import ADMINS, STAFF, Actor
from app.domain.terms import Agency
from app.domain.working_time import BEIJING

MONTH = r"^20\d\d-(0[1-9]|1[0-2])$"
EXPECTED = (
    "name", "sex", "birth_date", "id_no", "residence", "hukou_division", "guardian_names", "guardian_phones", "grade", "guardianship",
)  # fmt: skip
"""Columns that a book should not leave empty; product default: the notice names the columns and is silent on which of them must be filled."""


def month_of(at: datetime) -> str:
    """The month of an instant here, such as 2026-11."""
    return at.astimezone(BEIJING).strftime("%Y-%m")


def sees_every_office(actor: Actor) -> bool:
    """Whether the actor learns which offices have handed in: civil affairs, and those who oversee the district."""
    civil = actor.agency is Agency.CIVIL and actor.has(*STAFF) and not actor.has(*ADMINS)
    return civil or actor.oversees_district


def _visited_in(seen: Seen) -> str:
    return seen.event.day.strftime("%Y-%m")


def is_of(line: Line, month: str | None) -> bool:
    """Whether a row belongs to the month, else to today's: a visit was made in it, and a child has not died, come of age or moved out before
    it; whatever else stands in a book stands there as it is now."""
    if line.visit:
        return month is None or _visited_in(line.visit) == month
    until = _until(line)
    return until is None or (month or f"{line.today:%Y-%m}") <= until


def _until(line: Line) -> str | None:
    """The last month in which a child stands in the books of children, where it is gone; a case or a benefit of it stays."""
    gone = None if line.case or line.held else line.record.gone
    return month_of(gone[0]) if gone else None


def has_rows(rows_of: RowsOf, line: Line, month: str | None) -> bool:
    """Whether a child that stands in a book has a row in it; one that was never visited has none in a book of visits."""
    return any(is_of(one, month) for one in lines(rows_of, line))


def gaps(codes: Iterable[str], line: Line) -> tuple[str, ...]:
    """The columns in which something is missing."""
    return tuple(code for code in codes if code in EXPECTED and not _is_said(COLUMNS[code].of(line)))


def _is_said(value: object) -> bool:
    return any(map(bool, value)) if isinstance(value, list | tuple) else value not in (None, "", {})


def waits_at(line: Line) -> tuple[str, ...]:
    """The desks that are to verify something in the child's file."""
    files = (one.file for one in (line.record, *line.record.joined) if one.file)
    return tuple(dict.fromkeys(change.desk for file in files for change in file.waiting))


def visit_due(line: Line) -> datetime | None:
    """When the next visit is due."""
    watch = line.record.watch
    return watch.visit.due_at if watch and watch.is_open else None


def is_late(due_at: datetime | None, now: datetime) -> bool:
    """Whether a visit is overdue."""
    return due_at is not None and due_at <= now


def needs_work(codes: Iterable[str], line: Line, now: datetime) -> bool:
    """Whether somebody has to look at the child before the book is handed in."""
    return bool(gaps(codes, line)) or bool(waits_at(line)) or is_late(visit_due(line), now)


class Share(NamedTuple):
    """What one child adds to a book of any month, whoever reads it: counts and codes only."""

    is_of_children: bool
    rows: int
    """Rows that stand in the book of every month."""
    visited: tuple[str, ...]
    """The month of each row that is of a visit, as `is_of` has it."""
    missing: tuple[str, ...]
    """Columns in which something is missing."""
    waits_at: tuple[str, ...]
    due_at: datetime | None
    """Of the next visit."""
    until: str | None
    """The last month in which the child stands there."""


def share_of(codes: Collection[str], rows_of: RowsOf, line: Line) -> Share:
    """Of a child that stands in a book with these columns."""
    every = list(lines(rows_of, line))
    visited = tuple(_visited_in(one.visit) for one in every if one.visit)
    return Share(
        rows_of is RowsOf.CHILDREN,
        len(every) - len(visited),
        visited,
        gaps(codes, line),
        waits_at(line),
        visit_due(line),
        next((until for one in every if not one.visit and (until := _until(one))), None),
    )


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

    def add(self, share: Share, month: str, now: datetime, desks: Collection[str] = ()) -> None:
        """One child that stands in the book of whoever keeps it for these desks."""
        rows = share.rows + share.visited.count(month)
        if (share.until and share.until < month) or (not rows and not share.is_of_children):
            return
        self.children += 1
        self.rows += rows
        self.unverified += bool(share.waits_at)
        self.ours += any(desk in desks for desk in share.waits_at)
        self.late += is_late(share.due_at, now)
        self.missing.update(share.missing)
