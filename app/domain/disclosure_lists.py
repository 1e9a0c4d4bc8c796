"""Disclosure lists: what an agency is told for a task, as data; the vocabulary of what may be told at all, and what no list may name."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from app.domain.compartment import OFFENCE
from app.domain.facts import HouseholdFacts
from app.domain.terms import Agency

VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "children": (
        "name", "sex", "birth_date", "birth_text", "id_no", "phone", "hukou", "residence", "division", "school", "features",
    ),
    "family": ("name", "relation", "birth_date", "id_no", "phone", "note", "facts"),
    "kin": ("name", "relation", "birth_date", "id_no", "phone"),
    "conditions": (
        "age_years", "injured", "needs_treatment", "gravely_ill", "disabled", "disability_grade", "disability_certificate",
        "needs_rehabilitation", "school_stage", "attending", "unable_to_attend",
    ),
    "household": tuple(HouseholdFacts.model_fields),
}  # fmt: skip
"""By part of a list, all that it may name. `family` are those whose care is weighed, `kin` those whom somebody has to reach."""
SWITCHES = ("branch", "narrative")
"""Parts that are told as a whole or not at all: how the police answer, and the words of the report."""
PARTS = ("children", "branch", "family", "kin", "household", "conditions", "narrative")
"""In the order in which they are sent."""
NEVER: Mapping[str, str] = {
    **dict.fromkeys(
        ("reporter", "reporter_name", "reporter_phone", "reporter_unit", "reporter_class", "filed_by"),
        "who reported is told by no list",
    ),
    **dict.fromkeys(
        ("placement", "placement_address", "placed_with", "address", "in_institution", "foster_family", "adopter"),
        "where a child was placed is told by no list, for a guardian may be the suspect",
    ),
    **dict.fromkeys(
        (*OFFENCE, "needs_guidance", "offence"), "a child's offence stands in a sealed case and is told by no list"
    ),
    **dict.fromkeys(
        ("hiv_affected", "hiv", "impaired", "mental_health", "mental_illness"),
        "HIV and mental illness are told by no list, but by the child's file to whom treats and cares",
    ),
}
"""What the compartments hold, and why (app/domain/compartment.py); their own rules say who is told."""


class DisclosureList(BaseModel):
    """What these agencies are told for these tasks; without tasks, for all that no other list is for, and without agencies, all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    agencies: tuple[Agency, ...] = ()
    tasks: tuple[str, ...] = ()
    children: tuple[str, ...] = Field(min_length=1)
    family: tuple[str, ...] = ()
    kin: tuple[str, ...] = ()
    without_suspects: bool = False
    """Of family or kin, nobody who is suspected of having harmed the child."""
    household: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    branch: bool = False
    narrative: bool = False
    basis: tuple[str, ...]
    interpretation: str = ""

    @model_validator(mode="before")
    @classmethod
    def _no_compartment(cls, row: Any) -> Any:
        for name in row if isinstance(row, dict) else ():
            if name in NEVER:
                raise ValueError(f"{name}: {NEVER[name]}")
        return row

    @field_validator(*VOCABULARY)
    @classmethod
    def _may_be_told(cls, named: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = VOCABULARY[info.field_name or ""]
        for field in named:
            if field in NEVER:
                raise ValueError(f"{field}: {NEVER[field]}")
            if field not in known:
                raise ValueError(f"{field} is nothing that can be told here; that are {', '.join(known)}")
        if twice := [field for field in dict.fromkeys(named) if named.count(field) > 1]:
            raise ValueError(f"names {', '.join(twice)} twice")
        return named

    @property
    def people(self) -> tuple[str, ...]:
        """What is told of those around the child."""
        return self.family or self.kin

    @property
    def parts(self) -> tuple[str, ...]:
        """Which parts are told, by name."""
        return tuple(part for part in PARTS if getattr(self, part))

    @property
    def told(self) -> dict[str, tuple[str, ...]]:
        """By part, each field; a part that is told as a whole is a field of its own, and suspects are one while they are not left out."""
        parts = {part: getattr(self, part) for part in self.parts if part not in SWITCHES}
        whole = {part: (part,) for part in self.parts if part in SWITCHES}
        return parts | whole | ({"suspects": ("suspects",)} if self.people and not self.without_suspects else {})


class WholeSight(BaseModel):
    """Agencies that see all of a case in which they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    agencies: tuple[Agency, ...] = Field(min_length=1)
    basis: tuple[str, ...]
    interpretation: str = ""


class Lists(BaseModel):
    """The lists of one version of the rules; one of them is for whoever has none of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[DisclosureList, ...]
    see_all: frozenset[Agency] = frozenset()

    def of(self, agency: Agency, task: str) -> DisclosureList:
        """The list of a leg, whether a system is told or a person at the desk looks."""
        return self._by_task.get((agency, task)) or self.for_all_tasks(agency)

    def of_leg(self, agency: Agency, task: str, *, assessment: bool) -> dict[str, tuple[str, ...]]:
        """All that a leg is told, by part: what its list sends to the system, and whether its desk sees the whole case."""
        whole = {"everything": ("everything",)} if assessment or agency in self.see_all else {}
        return self.of(agency, task).told | whole

    def of_no_leg(self, agency: Agency) -> dict[str, tuple[str, ...]]:
        """Likewise what an agency is told that is in a case by a duty alone."""
        return self.of_others.told | ({"everything": ("everything",)} if agency in self.see_all else {})

    def for_all_tasks(self, agency: Agency | None) -> DisclosureList:
        """The list for whatever no list names as a task; nobody is whoever has none of its own."""
        return (self._by_agency.get(agency) if agency else None) or self.of_others

    @cached_property
    def of_others(self) -> DisclosureList:
        """For whoever has no list of its own."""
        return next(row for row in self.rows if not row.agencies)

    @cached_property
    def _by_task(self) -> dict[tuple[Agency, str], DisclosureList]:
        return {(agency, task): row for row in self.rows for agency in row.agencies for task in row.tasks}

    @cached_property
    def _by_agency(self) -> dict[Agency, DisclosureList]:
        return {agency: row for row in self.rows if not row.tasks for agency in row.agencies}
