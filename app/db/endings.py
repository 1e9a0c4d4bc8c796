"""Why watches over children have ended: read of those alone that have, all in one question."""

from collections.abc import Collection

from sqlalchemy import String, Text, any_, cast, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.domain.child_record import ChildRecord
from app.domain.watch import WatchEnded


async def with_endings(conn: AsyncConnection, records: list[ChildRecord]) -> list[ChildRecord]:
    """The same children, each whose watch is over with how it ended last."""
    over = [one.watch.watch_id for one in records if one.watch and one.watch.has_ended]
    if not over:
        return records
    ended = await endings(conn, over)
    return [
        one.model_copy(update={"ended_as": ended[one.watch.watch_id][0], "ended": ended[one.watch.watch_id][1]})
        if one.watch and one.watch.watch_id in ended
        else one
        for one in records
    ]


async def endings(conn: AsyncConnection, watches: Collection[str]) -> dict[str, tuple[int, WatchEnded]]:
    """By watch, how it ended last, with the version of that."""
    event = tables.events.c
    query = select(event.stream_id, event.version, cast(event.body, Text)).where(event.kind == "watch_ended")
    query = query.where(event.stream_id == any_(cast([*watches], ARRAY(String))))
    rows = await conn.execute(query.order_by(event.stream_id, event.version))
    return {stream: (version, WatchEnded.model_validate_json(body)) for stream, version, body in rows}
