"""Which warning a signal opened, wherever that waits: how it was verified, and what is heard of the signal there."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.signals import Said, opened_at, row, signals
from app.db.vault import opened
from app.domain.watch import Watch, child_of


def how_verified(what: ColumnElement[Any] = tables.events.c.body["outcome"].astext) -> ColumnElement[Any]:
    """Of the warning that a signal opened, or `what` else that event says: in the watch over its child, or in that where it went on since two
    files were joined."""
    event, came = tables.events.c, tables.events.alias("came").c
    own, number = func.concat("watch-", row.child_id), event.body["warning"].as_integer()
    family = select(func.concat("watch-", func.unnest(func.shouhu_family(row.child_id)))).correlate(signals)
    known = came.body["number"].as_integer()
    there = exists().where(
        came.stream_id == event.stream_id, came.version == number, came.kind == "warning_carried",
        came.body["of"].astext == own,
        or_(known == row.warning, and_(known.is_(None), opened_at(came.body["opened_at"].astext))),
    ).correlate(signals, tables.events)  # fmt: skip
    ways = and_(event.stream_id == own, number == row.warning), and_(event.stream_id.in_(family), there)
    query = select(what).where(event.kind == "warning_verified").limit(1)
    return func.coalesce(*(query.where(way).scalar_subquery() for way in ways))


async def behind(conn: AsyncConnection, watch: Watch) -> list[tuple[int, Said]]:
    """What the signals said that opened the warnings which wait in this watch, the oldest first, each with the number of its warning."""
    old = await _numbers_there(conn, watch)
    asked = {
        (
            child_of(one.of or watch.watch_id),
            (one.number_there or old.get(one.number)) if one.of else one.number,
        ): one.number
        for one in watch.warnings
    }
    query = select(signals).where(row.child_id.in_([child for child, _ in asked]), row.said.is_not(None))
    found = (
        await conn.execute(query.where(tuple_(row.child_id, row.warning).in_(asked)).order_by(row.received_at))
    ).mappings()
    return [
        (asked[signal["child_id"], signal["warning"]], Said.model_validate(signal["said"]))
        for signal in await opened(conn, found, signals)
    ]


async def _numbers_there(conn: AsyncConnection, watch: Watch) -> dict[int, int]:
    """Of the warnings that went along in former days, by their number here."""
    first = tables.events.c
    old = {(one.of, one.rule, one.opened_at): one.number for one in watch.warnings if one.of and not one.number_there}
    if not old:
        return {}
    rule = first.body["rule"].astext
    query = select(first.stream_id, rule, first.at, first.version).where(first.kind == "warning_opened")
    rows = await conn.execute(query.where(tuple_(first.stream_id, rule, first.at).in_(old)))
    return {old[stream, code, at]: version for stream, code, at, version in rows}
