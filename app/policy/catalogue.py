"""The catalogue of services in the pack: for which children, at which ages, by which clause."""

from typing import Self

from pydantic import Field, model_validator

from app.domain.terms import Agency
from app.policy.child_rows import ChildRow
from app.policy.rows import PackModel

GROWN = 216
"""Months at which a child comes of age."""


class CatalogueRow(ChildRow):
    """A service: once while the child is of the age, or again at each of the ages named."""

    agency: Agency
    zh: str
    en: str
    from_months: int = Field(default=0, ge=0)
    until_months: int = Field(default=GROWN - 1, lt=GROWN)
    at_months: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _comes_due_at_its_age(self) -> Self:
        if self.from_months > self.until_months:
            raise ValueError("no child is ever of this age")
        if list(self.at_months) != sorted(set(self.at_months)):
            raise ValueError("the ages do not follow each other")
        if any(not self.from_months <= month <= self.until_months for month in self.at_months):
            raise ValueError("an age lies outside of the ages of the service")
        return self


class Catalogue(PackModel):
    """All services."""

    catalogue: tuple[CatalogueRow, ...] = ()
