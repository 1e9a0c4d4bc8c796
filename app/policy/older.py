"""Versions that were published before a table existed: their files never change, and this is what their silence means.

What a version says is its own: which legs and duties a report opens, by whom and in which time. A table that it does not have at all, and
numbers that it lacks and somebody asks for by name, are read from the version of this release, until the district publishes one that has
them. So is the compartment of a child after an offence, for a release that knows of it must not file such a report as an open case.
And what agencies are told, which stood in the code of the service then; its lists for tasks that the version has no leg for fall away.
And which outcomes of its steps place a child or bring it home, and from which day the months of its steps count, where it says that of none.

A proposal is never completed: it is whole, or it is refused. A name that a condition may ask is never taken away; a version that asks for
one that is gone cannot be read, and is refused with the row that asks.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.domain.policy import DUTIES_BY_ACT

Table = Mapping[str, Any]


def completed(own: Table, release: Table) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The tables of a version with what it is silent about, and the names of that: a table, or `table.row`."""
    silent = tuple(name for name in release if name not in own)
    whole = {**own, **{name: release[name] for name in silent}}
    if "disclosures" in silent:
        whole["disclosures"] = list(_told(release["disclosures"], whole["routes"]))
    placing, rows = _placing(own, release)
    whole |= placing
    counting, counted = _counting(whole, release)
    whole |= counting
    rows = list(dict.fromkeys((*rows, *counted)))
    for table, more in _rows(own, release):
        known = whole[table]
        whole[table] = {**known, **more} if isinstance(known, dict) else [*more, *known]
        rows += [f"{table}.{_name(row)}" for row in more]
    return whole, (*silent, *rows)


LOOKS = ("registers", "rounds", "warnings")


def lacking(own: Table, release: Table) -> tuple[str, ...]:
    """What the release looks for by itself on words of the notice, and a version does not: `table.row`, or `table.row.part`. It stays so until
    the district publishes it: a row may have been left out on purpose, and what a version says is its own."""
    found = list[str]()
    for table in LOOKS:
        known = {_name(row): row for row in own[table]} if isinstance(own.get(table), list) else {}
        for row in (row for row in release[table] if known and any(one.startswith("R") for one in row["basis"])):
            name = f"{table}.{_name(row)}"
            mine = known.get(_name(row))
            found += [name] if mine is None else [f"{name}.{part}" for part in row if part not in mine]
    return tuple(found)


def _rows(own: Table, release: Table) -> Iterator[tuple[str, Any]]:
    """By table, the rows that a version lacks and cannot do without; they come first, where the first that holds decides."""
    if isinstance(times := own.get("times"), dict):
        yield "times", {name: row for name, row in release["times"].items() if name not in times}
    if isinstance(own.get("duties"), list):
        known = {row.get("code") for row in own["duties"]}
        yield "duties", [row for row in release["duties"] if row["code"] in DUTIES_BY_ACT and row["code"] not in known]
    if isinstance(own.get("changes"), list):
        known = {field for row in own["changes"] for field in row.get("fields", ())}
        left = ({**row, "fields": [name for name in row["fields"] if name not in known]} for row in release["changes"])
        yield "changes", [row for row in left if row["fields"]]
    yield from _compartment(own, release)


def _placing(own: Table, release: Table) -> tuple[dict[str, Any], list[str]]:
    """The procedures of a version of which no outcome says what it does to a placement, with what the release says of the same outcomes."""
    if not isinstance(rows := own.get("procedures"), list) or any("places" in one for _, one in _outcomes(rows)):
        return {}, []
    known = {place: {"places": one["places"]} for place, one in _outcomes(release["procedures"]) if "places" in one}
    names = dict.fromkeys(f"procedures.{place[0]}" for place, _ in _outcomes(rows) if place in known)
    return {"procedures": [_placed(row, known) for row in rows]}, list(names)


def _outcomes(rows: Iterable[Table]) -> Iterator[tuple[tuple[str, str, str], Table]]:
    """Each with the codes of its procedure, its step and its own."""
    for row in rows:
        for step in row["steps"]:
            yield from (((row["code"], step["id"], one["code"]), one) for one in step["outcomes"])


def _placed(row: Table, known: Mapping[tuple[str, str, str], Table]) -> Table:
    def ends(step: Table) -> list[Table]:
        return [{**one, **known.get((row["code"], step["id"], one["code"]), {})} for one in step["outcomes"]]

    return {**row, "steps": [{**step, "outcomes": ends(step)} for step in row["steps"]]}


def _counting(own: Table, release: Table) -> tuple[dict[str, Any], list[str]]:
    """The procedures of a version of which no step says from which day its months count, where the release says so and that day is recorded."""
    rows = own["procedures"]
    if not isinstance(rows, list) or any("since" in step for row in rows for step in row["steps"]):
        return {}, []
    days = {
        (row["code"], step["id"]): step["since"]
        for row in release["procedures"]
        for step in row["steps"]
        if "since" in step
    }
    names = list[str]()

    def counted(row: Table, step: Table) -> Table:
        day = days.get((row["code"], step["id"]))
        opening = [one for _, one in _outcomes([row]) if step["id"] in one.get("opens", ())]
        if not day or not step.get("months") or any(one.get("record", {}).get(day) != "date" for one in opening):
            return step
        names.append(f"procedures.{row['code']}")
        return {**step, "since": day}

    whole = [{**row, "steps": [counted(row, step) for step in row["steps"]]} for row in rows]
    return ({"procedures": whole}, names) if names else ({}, [])


def _told(lists: Iterable[Mapping[str, Any]], routes: Any) -> Iterator[Mapping[str, Any]]:
    """The lists as far as they are for legs of these routes."""
    known = {row.get("task") for row in routes} if isinstance(routes, list) else set[Any]()
    for row in lists:
        tasks = [task for task in row.get("tasks", ()) if task in known]
        if tasks or not row.get("tasks"):
            yield {**row, "tasks": tasks}


def _compartment(own: Table, release: Table) -> Iterator[tuple[str, list[Any]]]:
    tables, added = ("branches", "leads", "routes"), list[Any]()
    if not all(isinstance(own.get(table), list) for table in tables) or any(
        "sealed_for" in row for row in own["branches"]
    ):
        return
    sealed = [row for row in release["branches"] if row.get("sealed_for")]
    yield "branches", sealed
    for table in tables[1:]:
        known = {row.get("id") for row in own[table]}
        asks = (row for row in release[table] if any(f"'{branch['branch']}'" in row["when"] for branch in sealed))
        added = [row for row in asks if row["id"] not in known and "!=" not in row["when"]]
        yield table, added
    if isinstance(own.get("procedures"), list):
        known = {row.get("code") for row in own["procedures"]}
        begun = [row["procedure"] for row in added if "procedure" in row]
        yield "procedures", [row for row in release["procedures"] if row["code"] in _all(begun, release) - known]


def _all(begun: list[str], release: Table) -> set[str]:
    """These procedures and all that their outcomes open."""
    rows, found = {row["code"]: row for row in release["procedures"]}, set[str]()
    while new := set(begun) & rows.keys() - found:
        found |= new
        ends = (one for code in new for step in rows[code]["steps"] for one in step["outcomes"])
        begun = [target.partition(".")[0] for one in ends for target in one.get("opens", ())]
    return found


def _name(row: Any) -> str:
    return row if isinstance(row, str) else str(row.get("id") or row.get("code"))
