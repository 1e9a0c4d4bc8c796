"""What two versions of the rules say differently, row by row."""

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from app.domain.terms import Agency
from app.policy.disclosure_rows import TABLE, Difference, Legs, differences, differences_of_rows
from app.policy.disclosure_words import in_a_sentence
from app.policy.pack_file import PackFile
from app.policy.words import Words

KEYS = ("id", "code", "rung")
"""What a row of a list is known by."""
EVERYBODY_ELSE = "others"


class Change(NamedTuple):
    """A row that came, went or moved, or one field of it that says something else; and what an agency would be told more or less."""

    kind: Literal["added", "removed", "moved", "changed", "wider", "narrower"]
    table: str
    row: str
    field: str = ""
    before: Any = None
    after: Any = None


def diff(before: PackFile, after: PackFile) -> tuple[Change, ...]:
    """What agencies would be told more or less, then all changes in the order of the tables; a row is the same as long as it keeps its id."""
    old, new = (file.model_dump(mode="json", exclude_defaults=True) for file in (before, after))
    names = dict.fromkeys([*type(after).model_fields, *old, *new])
    rows = (change for name in names if name != "name" for change in _of_table(name, old.get(name), new.get(name)))
    told = (*differences(before.lists, after.lists), *differences_of_rows(_legs(before), _legs(after)))
    return (*map(_told, sorted(told, key=lambda one: not one.is_more)), *rows)


def digest_of(*compared: tuple[str, str, Iterable[Change]]) -> str:
    """Of comparisons of two versions each, in 40 hexadecimal digits: whoever approves names what they have read."""
    said = [[before, after, [change._asdict() for change in changes]] for before, after, changes in compared]
    return blake2b(json.dumps(said, default=str).encode(), digest_size=20).hexdigest()


def _legs(file: PackFile) -> Legs:
    said = ("agency", "task", "assessment", "fallback")
    routes = {row.id: {name: getattr(row, name) for name in said} for row in file.routes}
    return Legs(file.lists, routes, {row.id: row.lead for row in file.leads})


def sentence(change: Change, file: PackFile) -> Words | None:
    """What a change of what an agency is told means, in words."""
    if change.kind not in ("wider", "narrower"):
        return None
    who, _, rest = change.row.partition(" ")
    task, row = (rest, "") if change.table == TABLE else ("", rest)
    more, agency = change.kind == "wider", None if who == EVERYBODY_ELSE else Agency(who)
    told = Difference(more, agency, task, change.field, tuple(change.after or change.before), change.table, row)
    return in_a_sentence(told, file)


def _told(one: Difference) -> Change:
    place, fields = f"{one.agency or EVERYBODY_ELSE} {one.task or one.row}".strip(), list(one.fields)
    if one.is_more:
        return Change("wider", one.table, place, one.part, after=fields)
    return Change("narrower", one.table, place, one.part, before=fields)


def _of_table(table: str, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    before, after = _rows(old), _rows(new)
    if before is None or after is None:
        yield Change("changed", table, "", "", old, new)
        return
    yield from (Change("removed", table, row, before=before[row]) for row in before if row not in after)
    moved = _moved(list(before), list(after)) if isinstance(new, list) else ()
    for row, now in after.items():
        if row not in before:
            yield Change("added", table, row, after=now)
        elif before[row] != now:
            yield from _of_row(table, row, before[row], now)
        if row in moved:
            yield Change("moved", table, row, "place", list(before).index(row) + 1, list(after).index(row) + 1)


def _moved(before: list[str], after: list[str]) -> set[str]:
    """Rows of both that stand in another order: those outside of the longest runs that the two have in common."""
    both = [row for row in after if row in before]
    blocks = SequenceMatcher(None, [row for row in before if row in after], both, autojunk=False).get_matching_blocks()
    return set(both) - {row for block in blocks for row in both[block.b : block.b + block.size]}


def _of_row(table: str, row: str, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            if old.get(name) != new.get(name):
                yield Change("changed", table, row, name, old.get(name), new.get(name))
        return
    for change in _of_table(table, old, new):
        yield change._replace(row=f"{row} {change.row}".strip())


def _rows(value: Any) -> Mapping[str, Any] | None:
    """The rows of a table by what they are known by; None when it is no table but one value."""
    if value is None:
        return {}
    if isinstance(value, dict) and all(isinstance(one, dict | list) for one in value.values()):
        return value
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        named = {next((str(row[key]) for key in KEYS if key in row), str(n)): row for n, row in enumerate(value)}
        return named if len(named) == len(value) else None
    return None
