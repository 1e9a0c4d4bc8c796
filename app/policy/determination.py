"""What the tables find of each child of a report; pure, and with the rows that nearly held and the facts they wait for."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import combinations

from app.domain.catalogue import Served
from app.domain.determination import (
    BenefitsFound,
    Category,
    CategoryFound,
    ChildFound,
    Graded,
    NearMiss,
    Placement,
    Rejected,
    Standing,
    category_found,
    near_miss,
)  # fmt: skip
from app.domain.facts import ChildFacts, Known, ReportFacts
from app.domain.policy import Triage
from app.domain.terms import Grade
from app.policy.catalogue import Catalogue
from app.policy.child_rows import CategoryRow, ChildRow, ChildTables, PlacementRow, Scale
from app.policy.child_view import CATEGORIES, Answers, child_view, question
from app.policy.entitlement_rows import BenefitTables
from app.policy.entitlements import entitled
from app.policy.family import none_or
from app.policy.reading import Reading

SETTLED = (Standing.CONFIRMED, Standing.PROPOSE, Standing.PENDING, Standing.ASSESS)


class Tables(ChildTables, BenefitTables, Catalogue):
    """All that is asked of each child."""


def determine(
    tables: Tables, facts: ReportFacts, triage: Triage, left_behind_max_age: int, day: date
) -> tuple[ChildFound, ...]:
    """Every child of the report, in its order, with what each is due at the amounts of that day."""
    return tuple(
        _found(tables, child, child_view(facts, child, triage, left_behind_max_age), day) for child in facts.children
    )


def put_forward(tables: Tables, facts: ReportFacts, triage: Triage, left_behind_max_age: int) -> tuple[str, ...]:
    """The children whom the joint conference has to decide on: D8 is proposed of them, and nobody else decides it."""
    ways = [row for row in tables.categories if row.code is Category.D8 and row.status is Standing.PROPOSE]
    return tuple(
        child.child_id
        for child in facts.children
        if _may_meet(child, ways)
        and _Child(tables, child_view(facts, child, triage, left_behind_max_age)).is_put_forward()
    )


def _may_meet(child: ChildFacts, ways: Iterable[CategoryRow]) -> bool:
    """Whether by what is said of the child itself one of these rows can hold: of few children it can, and it costs little to see."""
    asked = [question(row.when) for row in ways]
    said = ((name, getattr(child, name, None)) for one in asked for name in one.names)
    view = {name: none_or(fact) if isinstance(fact, Known) else None for name, fact in said}
    return any(one.read(view).answer is not Known.NO for one in asked)


def served(tables: Tables, child: ChildFacts, view: Answers) -> tuple[Served, ...]:
    """Every service of the catalogue, and whether it fits the child once all tables have spoken."""
    one = _Child(tables, view)
    one.found(child)
    readings = [(row, question(row.when).read(one.view)) for row in tables.catalogue]
    return tuple(
        Served(
            service=row.id, agency=row.agency, zh=row.zh, en=row.en, basis=row.basis, from_months=row.from_months,
            until_months=row.until_months, at_months=row.at_months, fits=reading.answer, missing=reading.missing,
        )
        for row, reading in readings
    )  # fmt: skip


def _found(tables: Tables, child: ChildFacts, view: Answers, day: date) -> ChildFound:
    one = _Child(tables, view)
    return one.found(child, lambda: entitled(tables, one.view, day))


class _Child:
    """One child on its way through the tables."""

    def __init__(self, tables: ChildTables, view: Answers) -> None:
        self._tables, self._view = tables, view
        self._near: list[NearMiss] = []

    def found(self, child: ChildFacts, due: Callable[[], BenefitsFound] = BenefitsFound) -> ChildFound:
        """All of it; each table knows what those before it decided, and what is `due` knows all."""
        categories = self._categories()
        left_behind = categories.pop(Category.LB, None)
        placement = self._placement()
        grade = self._grade(self._tables.grading)
        return ChildFound(
            child_id=child.child_id,
            categories=tuple(categories[code] for code in CATEGORIES if code in categories),
            left_behind=_known(left_behind),
            overlap=tuple(source for row in self._tables.overlaps if self._said(row) for source in row.basis),
            multi_difficulty=self._view["multi_difficulty"] is True,
            placement=placement,
            grade=grade,
            records=tuple(row.id for row in self._tables.records if self._said(row)),
            benefits=due(),
            near=tuple(self._near),
        )

    def is_put_forward(self) -> bool:
        """Whether D8 is proposed of the child: the other categories only say whether it is in any."""
        others = self._ways(row for row in self._tables.categories if row.code not in (Category.D8, Category.LB))
        self._view["in_category"] = any(one.status in SETTLED for one in others)
        found = _merged(self._ways(row for row in self._tables.categories if row.code is Category.D8)).get(Category.D8)
        return found is not None and found.status is Standing.PROPOSE

    @property
    def view(self) -> Answers:
        """The child with all that has been decided."""
        return self._view

    def _categories(self) -> dict[Category, CategoryFound]:
        rows = self._tables.categories
        found = _merged(self._ways([row for row in rows if row.code is not Category.D8]))
        self._view["in_category"] = any(one.status in SETTLED for code, one in found.items() if code is not Category.LB)
        found |= _merged(self._ways([row for row in rows if row.code is Category.D8]))
        for code in CATEGORIES:
            self._view[code.value] = _holds(found.get(code))
        self._view["multi_difficulty"] = self._is_several(found)
        return found

    def _ways(self, rows: Iterable[CategoryRow]) -> Iterator[CategoryFound]:
        """Each row that speaks of the child: it holds, or it is open and somebody has said what points to it."""
        for row in rows:
            reading = self._read("categories", row)
            missing = reading.missing if reading.is_open else ()
            if reading.holds or (reading.is_open and row.hint and question(row.hint).as_known(self._view)):
                status = row.status if reading.holds else Standing.ASSESS
                yield category_found(row.code, status, row.basis, (row.id,), missing)

    def _is_several(self, found: dict[Category, CategoryFound]) -> bool:
        """Two confirmed categories that are not two names of one difficulty."""
        confirmed = [code for code in CATEGORIES if code in found and found[code].status is Standing.CONFIRMED]
        same = [set(pair) for pair in self._tables.same_difficulty]
        return any(set(pair) not in same for pair in combinations(confirmed, 2))

    def _placement(self) -> Placement:
        row = next(row for row in self._tables.placements if self._read("placements", row).holds)
        self._view["placement"] = row.code.value
        tonight = next((one.code for one in self._tables.tonight if self._said(one)), None)
        self._view["tonight"] = "" if tonight is None else tonight.value
        return Placement(
            code=row.code, row=row.id, basis=row.basis, deciders=row.deciders, parents_decide=row.parents_decide,
            now_zh=row.zh, now_en=row.en, next_zh=row.next_zh, next_en=row.next_en, tonight=tonight,
            rejected=tuple(self._rejected(row)),
            gates=tuple(need for gate in self._tables.gates if self._said(gate) for need in gate.needs),
        )  # fmt: skip

    def _rejected(self, chosen: PlacementRow) -> Iterator[Rejected]:
        for row in self._tables.rejections:
            if (not row.placements or chosen.code in row.placements) and self._said(row):
                yield Rejected(
                    row=row.id, zh=row.zh, en=row.en, reason_zh=row.reason_zh, reason_en=row.reason_en, basis=row.basis
                )

    def _grade(self, scale: Scale) -> Graded:
        """The points of what is settled; what is open could only add to them."""
        readings = [(row, question(row.when).read(self._view)) for row in scale.factors]
        points = sum(row.points for row, reading in readings if reading.holds)
        at_most = points + sum(row.points for row, reading in readings if reading.is_open)
        emergency = question(scale.emergency).as_known(self._view)
        missing = sorted({fact for _, reading in readings for fact in reading.missing})
        grade = Grade.HIGH if emergency else _band(scale, points)
        return Graded(
            scale=scale.name, grade=grade, at_most=Grade.HIGH if emergency else _band(scale, at_most), points=points,
            emergency=emergency, rows=tuple(row.id for row, reading in readings if reading.holds),
            missing=() if grade is Grade.HIGH else tuple(missing),
        )  # fmt: skip

    def _read(self, table: str, row: ChildRow) -> Reading:
        reading = question(row.when).read(self._view)
        if reading.is_open:
            self._near.append(near_miss(table, row.id, reading.missing))
        return reading

    def _said(self, row: ChildRow) -> bool:
        """For what follows from what has been said, not from what may be."""
        return question(row.when).as_known(self._view)


def _merged(ways: Iterable[CategoryFound]) -> dict[Category, CategoryFound]:
    """The best standing that a category has reached, with all rows that reached it."""
    by_code: defaultdict[Category, list[CategoryFound]] = defaultdict(list)
    for one in ways:
        by_code[one.code].append(one)
    return {code: _best(found) for code, found in by_code.items()}


def _best(found: list[CategoryFound]) -> CategoryFound:
    status = min((one.status for one in found), key=list(Standing).index)
    best = [one for one in found if one.status is status]
    if len(best) == 1:
        return best[0]
    return category_found(
        best[0].code, status, tuple(dict.fromkeys(source for one in best for source in one.basis)),
        tuple(row for one in best for row in one.rows), tuple(dict.fromkeys(fact for one in best for fact in one.missing)),
    )  # fmt: skip


def _holds(found: CategoryFound | None) -> bool | None:
    """For the tables that come after: yes when confirmed, open while it is looked into."""
    if found is None or found.status is Standing.NOT_YET:
        return False
    return True if found.status is Standing.CONFIRMED else None


def _known(left_behind: CategoryFound | None) -> Known:
    if left_behind is None:
        return Known.NO
    return Known.YES if left_behind.status is Standing.CONFIRMED else Known.UNKNOWN


def _band(scale: Scale, points: int) -> Grade:
    if points >= scale.high_from:
        return Grade.HIGH
    return Grade.MEDIUM if points >= scale.medium_from else Grade.LOW
