"""The kinds of streams that the ledger keeps: for each its table, its state and its pure functions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import BaseModel, TypeAdapter
from sqlalchemy import Select, Table, Text, bindparam, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import projections, tables
from app.domain import events as e
from app.domain.case import decide
from app.domain.child_file import ChildFile, apply_file, file_event_adapter, next_file_deadline
from app.domain.file_work import decide_file
from app.domain.fold import fold
from app.domain.owed import Owed, apply_owed, decide_owed, next_owed_deadline, owed_event_adapter
from app.domain.progress import Progress, next_deadline
from app.domain.rounds import Round, apply_round, decide_round, next_round_deadline, round_event_adapter
from app.domain.watch import Watch, apply_watch, next_visit_deadline, watch_event_adapter
from app.domain.watch_work import decide_watch

NEWEST_CALENDAR = select(func.coalesce(func.max(tables.calendars.c.version), 0))


def _folding(apply: Callable[[Any, Any], Any], first: str) -> Callable[..., Any]:
    """The fold of a kind of stream, whose ledger begins with that event."""

    def folded(events: Sequence[Any], start: Any) -> Any:
        for event in events:
            start = apply(start, event)
        if start is None:
            raise ValueError(f"this ledger begins with {first}")
        return start

    return folded


@dataclass(frozen=True)
class Kind:
    """A kind of stream: its table, its state and its pure functions."""

    table: Table
    state: type[BaseModel]
    adapter: TypeAdapter[Any]
    decide: Callable[..., tuple[Any, ...]]
    fold: Callable[..., Any]
    next_deadline: Callable[[Any], datetime | None]
    columns: Callable[[Any], dict[str, Any]]

    @cached_property
    def lock(self) -> Select[*tuple[Any, ...]]:
        """One stream, with the number of the newest calendar."""
        table = self.table.c
        query = select(
            cast(table.progress, Text).label("progress"),
            table.policy,
            NEWEST_CALENDAR.scalar_subquery().label("newest"),
        )
        return query.where(table.id == bindparam("stream_id")).with_for_update(of=self.table)


CASE = Kind(tables.cases, Progress, e.event_adapter, decide, fold, next_deadline, projections.case_columns)
WATCH = Kind(
    tables.watches, Watch, watch_event_adapter, decide_watch, _folding(apply_watch, "watch_began"), next_visit_deadline,
    projections.watch_columns,
)  # fmt: skip
ROUND = Kind(
    tables.rounds, Round, round_event_adapter, decide_round, _folding(apply_round, "round_opened"), next_round_deadline,
    projections.round_columns,
)  # fmt: skip
FILE = Kind(
    tables.child_files, ChildFile, file_event_adapter, decide_file, _folding(apply_file, "change_entered"), next_file_deadline,
    projections.file_columns,
)  # fmt: skip
OWED = Kind(
    tables.owed, Owed, owed_event_adapter, decide_owed, _folding(apply_owed, "owed_opened"), next_owed_deadline,
    projections.owed_columns,
)  # fmt: skip
BY_PREFIX = {"watch": WATCH, "round": ROUND, "file": FILE, "owed": OWED}


def kind_of(stream_id: str) -> Kind:
    """By the prefix of the id."""
    return BY_PREFIX.get(stream_id.partition("-")[0], CASE)


async def progress_of(conn: AsyncConnection, case_id: str) -> Progress:
    """Where a case stands, which has to be there."""
    stored = select(tables.cases.c.progress).where(tables.cases.c.id == case_id)
    return Progress.model_validate((await conn.execute(stored)).scalar_one())


async def followed(conn: AsyncConnection, stream_id: str, version: int, kind: str, by: str) -> int:
    """The version after such events of that author as follow that one at once: what a step brought along, and whoever took it knows."""
    event = tables.events.c
    query = select(event.version, event.kind, event.by).where(event.stream_id == stream_id, event.version > version)
    for row in await conn.execute(query.order_by(event.version).limit(MOST_FOLLOW)):
        if (row.kind, row.by) != (kind, by):
            break
        version = row.version
    return version


MOST_FOLLOW = 100
"""More than one step brings along."""
STREAMS = (CASE.table, WATCH.table, ROUND.table, FILE.table, OWED.table)
"""What is conducted: told by the relay, watched over by the reconciler."""


def stream_row(kind: Kind, after: Any, stream_id: str) -> dict[str, Any]:
    """The stored fold."""
    return {
        "id": stream_id,
        "version": after.version,
        "policy": after.policy,
        "progress": after,
        "next_deadline_at": kind.next_deadline(after),
        **kind.columns(after),
    }
