"""The disclosure lists of a pack: each with its sources, and what two versions of them tell differently."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator

from app.domain.disclosure_lists import DisclosureList, Lists, WholeSight
from app.domain.terms import Agency, Service
from app.policy.rows import PackModel, known_sources

T = TypeVar("T", DisclosureList, WholeSight)
TABLE = "disclosures"


def _sourced(row: T) -> T:
    known_sources(row.basis)
    return row


class DisclosureTables(PackModel):
    """As they stand in the pack."""

    disclosures: tuple[Annotated[DisclosureList, AfterValidator(_sourced)], ...]
    whole_sights: tuple[Annotated[WholeSight, AfterValidator(_sourced)], ...]

    @cached_property
    def lists(self) -> Lists:
        """As the domain asks them."""
        return Lists(
            rows=self.disclosures, see_all=frozenset(agency for row in self.whole_sights for agency in row.agencies)
        )

    def faults_of_disclosures(self, tasks: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """(table, row, reason) of lists that nobody reads, of which two are for the same, or that nobody falls back on."""
        for table in (TABLE, "whole_sights"):
            ids = Counter(row.id for row in getattr(self, table))
            yield from ((table, name, "this id stands twice") for name, times in ids.items() if times > 1)
        known = {*tasks, *(service.value for service in Service)}
        first: dict[tuple[Agency | None, str], str] = {}
        for row in self.disclosures:
            for task in row.tasks:
                if task not in known:
                    yield TABLE, row.id, f"there is no task called {task}"
            if row.tasks and not row.agencies:
                yield TABLE, row.id, "names a task and not whose"
            if row.family and row.kin:
                yield TABLE, row.id, "tells of the family twice, as family and as kin"
            if row.without_suspects and not row.people:
                yield TABLE, row.id, "leaves suspects out of nobody"
            for place in _places(row):
                if place in first:
                    yield TABLE, row.id, f"is for the same as {first[place]}: {_named(place)}"
                first.setdefault(place, row.id)
        if (None, "") not in first:
            yield TABLE, "-", "no list is without agencies, so one that has none of its own would be told nothing"
        seen = Counter(agency for row in self.whole_sights for agency in row.agencies)
        yield from (("whole_sights", agency.value, "stands twice") for agency, times in seen.items() if times > 1)


def _places(row: DisclosureList) -> Iterator[tuple[Agency | None, str]]:
    for agency in row.agencies or (None,):
        yield from ((agency, task) for task in row.tasks or ("",))


def _named(place: tuple[Agency | None, str]) -> str:
    agency, task = place
    return f"{agency or 'all others'}{f' {task}' if task else ''}"


class Difference(NamedTuple):
    """What an agency would be told more or less of one part; without a task, for all tasks that no list is for by name."""

    is_more: bool
    agency: Agency | None
    task: str
    part: str
    fields: tuple[str, ...]
    table: str = TABLE
    row: str = ""
    """Where not a list says otherwise but what it is for: the leg or the lead whose row does, and its table."""


def differences(before: Lists, after: Lists) -> tuple[Difference, ...]:
    """What is told more first. Whatever row says so: a list that goes leaves its agency to another one, which may tell more."""
    agencies = dict.fromkeys(agency for lists in (before, after) for row in lists.rows for agency in row.agencies)
    tasks = dict.fromkeys(
        place for lists in (before, after) for row in lists.rows for place in _places(row) if place[1]
    )
    found: list[Difference] = []
    for agency in (None, *agencies):
        found += _between(agency, "", before.for_all_tasks(agency), after.for_all_tasks(agency))
    for agency, task in tasks:
        if agency:
            found += _between(agency, task, before.of(agency, task), after.of(agency, task))
    found += _whole(before, after)
    return tuple(sorted(found, key=lambda one: not one.is_more))


class Legs(NamedTuple):
    """What a version tells by its rows of legs and leads, beside its lists."""

    lists: Lists
    routes: Mapping[str, Mapping[str, Any]]
    """By id: `agency`, `task`, `assessment` and `fallback`, who takes the leg where the agency does not."""
    leads: Mapping[str, Agency]


def differences_of_rows(before: Legs, after: Legs) -> tuple[Difference, ...]:
    """What a leg or a lead is told more or less because its row says otherwise: another task has another list, whoever assesses or leads
    sees all. Of rows that say the same the lists alone decide."""
    found: list[Difference] = []
    for route in dict.fromkeys([*after.routes, *before.routes]):
        was, now = before.routes.get(route), after.routes.get(route)
        if was != now:
            found += _by_whom(_of_route(before.lists, was), _of_route(after.lists, now), "routes", route)
    for row in dict.fromkeys([*after.leads, *before.leads]):
        was, now = before.leads.get(row), after.leads.get(row)
        if was != now:
            found += _by_whom(_of_lead(was), _of_lead(now), "leads", row)
    return tuple(sorted(found, key=lambda one: not one.is_more))


WHOLE = {"everything": ("everything",)}
Fields = Mapping[str, tuple[str, ...]]


def _of_lead(lead: Agency | None) -> dict[Agency, Fields]:
    return {lead: WHOLE} if lead else {}


def _of_route(lists: Lists, row: Mapping[str, Any] | None) -> dict[Agency, Fields]:
    takers = (row["agency"], row["fallback"]) if row else ()
    return {one: lists.of_leg(one, row["task"], assessment=row["assessment"]) for one in takers if row and one}


def _by_whom(was: Mapping[Agency, Fields], now: Mapping[Agency, Fields], table: str, row: str) -> Iterator[Difference]:
    for agency in dict.fromkeys([*now, *was]):
        for one in _parts(agency, "", was.get(agency, {}), now.get(agency, {})):
            yield one._replace(table=table, row=row)


def _between(agency: Agency | None, task: str, was: DisclosureList, now: DisclosureList) -> Iterator[Difference]:
    yield from _parts(agency, task, was.told, now.told)


def _parts(agency: Agency | None, task: str, old: Fields, new: Fields) -> Iterator[Difference]:
    for part in dict.fromkeys([*new, *old]):
        for is_more, one, other in ((True, new, old), (False, old, new)):
            if fields := tuple(field for field in one.get(part, ()) if field not in other.get(part, ())):
                yield Difference(is_more, agency, task, part, fields)


def _whole(before: Lists, after: Lists) -> Sequence[Difference]:
    return [
        Difference(agency in after.see_all, agency, "", "everything", ("everything",))
        for agency in Agency
        if (agency in after.see_all) is not (agency in before.see_all)
    ]
