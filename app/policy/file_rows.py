"""The tables of the child file: whom a change goes through, what each body sees, and the books that are read from it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from app.domain.child_terms import FileField, Section
from app.domain.determination import Category
from app.domain.ledgers import COLUMNS, Ledger, Line, Reach, RowsOf, view
from app.domain.policy import ChangePath, WarningSpec
from app.domain.terms import Agency, Grade
from app.domain.visit import Acknowledgement, Finding, Guardianship, ParentContact, Supervision
from app.policy.reading import TRUTH, Question, Vocabulary, faults
from app.policy.rows import Basis, PackModel


class FileRow(PackModel):
    """A row with its sources."""

    id: str
    basis: Basis
    interpretation: str = ""


class ChangeRow(FileRow):
    """Fields and whom a new value of theirs goes through; the first verifies, those after it approve."""

    fields: tuple[FileField, ...] = Field(min_length=1)
    steps: tuple[Agency, ...] = Field(min_length=1)


class SightRow(FileRow):
    """The sections that these agencies see."""

    agencies: tuple[Agency, ...] = Field(min_length=1)
    sections: tuple[Section, ...] = Field(min_length=1)


LEDGER_VOCABULARY: Vocabulary = {
    **dict.fromkeys((*(category.value for category in Category), "in_category", "watched", "has_case"), TRUTH),
    "grade": ("", *(grade.value for grade in Grade)),
}
"""What the condition of a ledger may ask of a child."""


def _can_be_asked(condition: str) -> str:
    if found := tuple(faults(condition, LEDGER_VOCABULARY)):
        raise ValueError("; ".join(found))
    return condition


def _is_a_column(code: str) -> str:
    if code not in COLUMNS:
        raise ValueError(f"there is no column called {code}")
    return code


@cache
def _asked(condition: str) -> Question:
    return Question(condition, LEDGER_VOCABULARY)


class LedgerRow(FileRow):
    """A book: whose it is, which children stand in it, and what is written of each."""

    zh: str
    en: str
    keepers: tuple[Agency, ...] = Field(min_length=1)
    reach: Reach = Reach.KEPT
    rows: RowsOf = RowsOf.CHILDREN
    when: Annotated[str, AfterValidator(_can_be_asked)] = "true"
    columns: tuple[Annotated[str, AfterValidator(_is_a_column)], ...] = Field(min_length=1)

    def ledger(self) -> Ledger:
        """As the projector wants it."""
        return Ledger(
            code=self.id, zh=self.zh, en=self.en, keepers=self.keepers, reach=self.reach, rows_of=self.rows,
            columns=self.columns, basis=self.basis,
        )  # fmt: skip

    def holds(self, line: Line) -> bool:
        """Whether the child stands in this book."""
        return _asked(self.when).read(view(line)).holds


VISIT_VOCABULARY: Vocabulary = {
    "finding": tuple(finding.value for finding in Finding),
    **dict.fromkeys(("left_behind", "guardian_met", "has_needs", "benefit_stopped"), TRUTH),
    "parent_contact": ("", *(one.value for one in ParentContact)), "guardianship": ("", *(one.value for one in Guardianship)),
    "supervision": ("", *(one.value for one in Supervision)), "acknowledged": ("", *(one.value for one in Acknowledgement)),
}  # fmt: skip
"""What the condition of a warning may ask of a visit; `benefit_stopped` is asked when one of the family is stopped, and holds at no visit."""


def _asks_a_visit(condition: str) -> str:
    if found := tuple(faults(condition, VISIT_VOCABULARY)):
        raise ValueError("; ".join(found))
    return condition


@cache
def _of_visit(condition: str) -> Question:
    return Question(condition, VISIT_VOCABULARY)


class WarningRow(FileRow):
    """A rule of early warning over what a visit found."""

    zh: str
    en: str
    when: Annotated[str, AfterValidator(_asks_a_visit)]
    urgent: bool = False


class FileTables(PackModel):
    """As they stand in the pack."""

    warnings: tuple[WarningRow, ...]
    changes: tuple[ChangeRow, ...]
    sights: tuple[SightRow, ...]
    ledgers: tuple[LedgerRow, ...]

    def faults_of_files(self) -> Iterator[tuple[str, str, str]]:
        """(table, row, reason) of fields without a path or with two, and of agencies that stand twice."""
        fields = Counter(field for row in self.changes for field in row.fields)
        for field in FileField:
            if fields[field] != 1:
                yield (
                    "changes",
                    field.value,
                    f"{fields[field]} rows say whom a change of this field goes through, not one",
                )
        for table in ("ledgers", "warnings"):
            ids = Counter(row.id for row in getattr(self, table))
            yield from ((table, name, "this id stands twice") for name, times in ids.items() if times > 1)
        agencies = Counter(agency for row in self.sights for agency in row.agencies)
        yield from (("sights", agency.value, "stands twice") for agency, times in agencies.items() if times > 1)

    def seen_by(self, agency: Agency) -> tuple[Section, ...]:
        """The sections that an agency sees."""
        rows = (row.sections for row in self.sights if agency in row.agencies)
        return next(rows, (Section.IDENTITY,))


class Cabinet:
    """The same as the domain asks a pack for it."""

    file: Any

    def change_path(self, field: str) -> ChangePath:
        """Whom a change of a child file goes through."""
        row = next(row for row in self.file.changes if field in row.fields)
        return ChangePath(id=row.id, steps=row.steps, basis=row.basis)

    def warnings(self, answers: Mapping[str, bool | str]) -> tuple[WarningSpec, ...]:
        """The rules of early warning that a visit with these answers meets."""
        met = (row for row in self.file.warnings if _of_visit(row.when).read(answers).holds)
        return tuple(WarningSpec(id=row.id, urgent=row.urgent, basis=row.basis) for row in met)
