"""All rows that a step of a transaction changes, written in one statement: one way to the server and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Part:
    sql: str
    """With `{}` where the number of its parameter belongs, and `{count}` where that of its rows does."""
    rows: list[Row]


@dataclass
class Changes:
    """Collected by table; values may be models, instants and enumerations. Rows of one call have the same columns."""

    _parts: dict[str, _Part] = field(default_factory=dict)

    def insert(self, table: Table, rows: Sequence[Row], *, once: bool = False) -> None:
        """New rows; `once` leaves one that stands already as it is."""
        if rows:
            self._add(_insert(table, rows[0]) + (" on conflict do nothing" if once else ""), rows)

    def upsert(self, table: Table, rows: Sequence[Row]) -> None:
        """New rows, or new values for those whose primary key stands already."""
        if rows:
            keys = [column.name for column in table.primary_key]
            values = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in rows[0] if name not in keys)
            conflict = f" on conflict ({_names(keys)}) do update set {values}"
            self._add(_insert(table, rows[0]) + conflict, rows)

    def update(self, table: Table, keys: Sequence[str], rows: Sequence[Row], *, where: str = "true") -> None:
        """New values for the rows with those keys for which the condition holds."""
        if rows:
            values = ", ".join(f"{_quoted(name)} = new.{_quoted(name)}" for name in rows[0] if name not in keys)
            same = " and ".join(f"old.{_quoted(name)} = new.{_quoted(name)}" for name in keys)
            # told how few they are, the planner finds the old ones by their index; else it reads the whole table for a hundred
            new = f"(select * from {_given(table)} limit {{count}})"
            self._add(f"update {table.name} as old set {values} from {new} as new where {same} and ({where})", rows)

    def _add(self, sql: str, rows: Sequence[Row]) -> None:
        """What is done to a table in one way is done at once, for however many streams."""
        self._parts.setdefault(sql, _Part(sql, [])).rows.extend(rows)

    async def write(self, conn: AsyncConnection, channel: str) -> None:
        """Send everything, and wake whoever listens on the channel once it is committed."""
        parts = [
            f"change_{n} as ({part.sql.replace('{}', str(n)).replace('{count}', str(len(part.rows)))})"
            for n, part in enumerate(self._parts.values(), 1)
        ]
        given = tuple(to_json(part.rows, by_alias=False).decode() for part in self._parts.values())
        await conn.exec_driver_sql(f"with {', '.join(parts)} select pg_notify('{channel}', '')", given)
        self._parts.clear()


def _insert(table: Table, row: Row) -> str:
    return _inserting(table, tuple(row))


@cache
def _inserting(table: Table, columns: tuple[str, ...]) -> str:
    names = _names(columns)
    return f"insert into {table.name} ({names}) select {names} from {_given(table)}"


def _given(table: Table) -> str:
    return f"json_populate_recordset(null::{table.name}, ${{}}::json)"


def _names(names: Iterable[str]) -> str:
    return ", ".join(_quoted(name) for name in names)


def _quoted(name: str) -> str:
    return f'"{name}"'
