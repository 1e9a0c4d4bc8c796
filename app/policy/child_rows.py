"""The tables that are asked of each child: categories, placement with its rejected options, the grading scale, the records owed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from pydantic import Field

from app.domain.determination import Category, Need, PlacementCode, Standing
from app.domain.terms import Agency
from app.policy.child_view import ChildCondition, question, vocabulary
from app.policy.reading import Question, View
from app.policy.rows import Basis, PackModel


class ChildRow(PackModel):
    """A condition over one child, with its sources."""

    id: str
    when: ChildCondition = "true"
    basis: Basis
    interpretation: str = ""


class CategoryRow(ChildRow):
    """One way into a category. While it is open it is shown as `assess` where the hint holds on what has been said."""

    code: Category
    status: Standing = Standing.CONFIRMED
    hint: ChildCondition | None = None


class PlacementRow(ChildRow):
    """The first that holds is proposed."""

    code: PlacementCode
    deciders: tuple[Agency, ...] = ()
    parents_decide: bool = False
    zh: str
    en: str
    next_zh: str = ""
    next_en: str = ""


class TonightRow(ChildRow):
    """Where the child is meanwhile; the first that holds on what has been said."""

    code: PlacementCode


class RejectionRow(ChildRow):
    """An option that is not taken, for the placements named or for all, on what has been said."""

    placements: tuple[PlacementCode, ...] = ()
    zh: str
    en: str
    reason_zh: str
    reason_en: str


class GateRow(ChildRow):
    """What must be done before a later step."""

    before: PlacementCode
    needs: tuple[Need, ...] = Field(min_length=1)


class FactorRow(ChildRow):
    """A factor of risk and its points."""

    points: int = Field(gt=0)


class Scale(PackModel):
    """The product's own scale of risk; the notice names 等级评定 and gives none (guide A.17-9)."""

    name: str
    medium_from: int = Field(gt=0)
    high_from: int = Field(gt=0)
    emergency: ChildCondition
    """A child in an emergency is graded high whatever the points."""
    basis: Basis
    interpretation: str
    factors: tuple[FactorRow, ...]


class RecordRow(ChildRow):
    """A paper or record that is owed, on what has been said."""

    zh: str
    en: str


class Asks(Protocol):
    """A row with a condition over one child."""

    @property
    def id(self) -> str: ...

    @property
    def when(self) -> str: ...


def never_reached(rows: Sequence[Asks]) -> Iterator[Asks]:
    """Of a table whose first row decides, the rows that one before them beats whenever they hold.

    The less is known of a child the fewer rows hold, so each way in which a row holds is tried with all else unknown.
    """
    for n, row in enumerate(rows):
        if not any(_reached(rows[:n], view) for view in _ways(question(row.when))):
            yield row


def _reached(before: Sequence[Asks], view: View) -> bool:
    return not any(question(one.when).read(view).holds for one in before)


def _ways(asked: Question) -> Iterator[View]:
    """What must be known for it to hold, and no more."""
    unknown: View = dict.fromkeys(vocabulary())
    for values, holds in asked.table().items():
        if holds:
            way = dict(zip(asked.names, values, strict=True))
            for name in asked.names:
                less = {**way, name: None}
                way = less if asked.read({**unknown, **less}).holds else way
            yield {**unknown, **way}


class ChildTables(PackModel):
    """As they stand in the pack."""

    same_difficulty: tuple[tuple[Category, ...], ...] = ()
    """Categories that name one difficulty twice, so that both together are not several."""
    categories: tuple[CategoryRow, ...]
    overlaps: tuple[ChildRow, ...]
    """Rules on a child that is of two kinds at once, on what has been found."""
    placements: tuple[PlacementRow, ...]
    tonight: tuple[TonightRow, ...]
    rejections: tuple[RejectionRow, ...]
    gates: tuple[GateRow, ...]
    grading: Scale
    records: tuple[RecordRow, ...]

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """(table, row, reason) of ids that stand twice, a scale that does not rise, and a child who could be left without a place."""
        tables: dict[str, Iterable[ChildRow]] = {
            "categories": self.categories, "overlaps": self.overlaps, "placements": self.placements, "tonight": self.tonight,
            "rejections": self.rejections, "gates": self.gates, "grading": self.grading.factors, "records": self.records,
        }  # fmt: skip
        for table, rows in tables.items():
            names = [row.id for row in rows]
            yield from ((table, name, "this id stands twice") for name in dict.fromkeys(names) if names.count(name) > 1)
        if self.grading.high_from <= self.grading.medium_from:
            yield "grading", self.grading.name, "high begins where medium does or before it"
        if [row.id for row in self.placements if row.when == "true"] != [self.placements[-1].id]:
            yield "placements", self.placements[-1].id, "the last row, and only it, must hold for every child"
        for row in self.categories:
            if row.code is Category.D8 and row.status is Standing.CONFIRMED and row.when != "conference_decided":
                yield "categories", row.id, "the joint conference alone decides D8, so nothing else confirms it"
