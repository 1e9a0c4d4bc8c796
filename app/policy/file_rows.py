"""The tables of the child file: whom a change goes through, and what each body sees."""

from collections import Counter
from collections.abc import Iterator

from pydantic import Field

from app.domain.child_terms import FileField, Section
from app.domain.policy import ChangePath
from app.domain.terms import Agency
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


class FileTables(PackModel):
    """As they stand in the pack."""

    changes: tuple[ChangeRow, ...]
    sights: tuple[SightRow, ...]

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
        agencies = Counter(agency for row in self.sights for agency in row.agencies)
        yield from (("sights", agency.value, "stands twice") for agency, times in agencies.items() if times > 1)

    def path_of(self, field: str) -> ChangePath:
        """Whom a change of this field goes through."""
        row = next(row for row in self.changes if field in row.fields)
        return ChangePath(id=row.id, steps=row.steps, basis=row.basis)

    def seen_by(self, agency: Agency) -> tuple[Section, ...]:
        """The sections that an agency sees."""
        rows = (row.sections for row in self.sights if agency in row.agencies)
        return next(rows, (Section.IDENTITY,))
