"""The stored fold of a stream against the fold of its ledger: a share at a time, and made anew where somebody changed it by hand."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Text, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.changes import Changes
from app.db.findings import Finding
from app.db.ledger import CHANNEL
from app.db.streams import STREAMS, Kind, kind_of, stream_row
from app.domain.terms import Fault

BATCH = 100


async def next_streams(conn: AsyncConnection, after: str) -> list[str]:
    """The next open streams by id; empty behind the last."""
    found: list[str] = []
    for table in STREAMS:
        query = select(table.c.id).where(table.c.is_open, table.c.id > after).order_by(table.c.id).limit(BATCH)
        found += (await conn.execute(query)).scalars()
    return sorted(found)[:BATCH]


async def look(conn: AsyncConnection, streams: Sequence[str]) -> list[str]:
    """Those whose stored fold is not the fold of their ledger; takes no lock, so it may see a command half way."""
    ledger = tables.events.c
    written = select(ledger.stream_id, cast(ledger.body, Text).label("body"))
    rows = await conn.execute(written.where(ledger.stream_id.in_(streams)).order_by(ledger.stream_id, ledger.version))
    bodies = {stream_id: [row.body for row in one] for stream_id, one in groupby(rows, lambda row: row.stream_id)}
    wrong: list[str] = []
    for kind in {kind_of(stream_id) for stream_id in streams}:
        query = select(kind.table).where(kind.table.c.id.in_(streams))
        for stored in (await conn.execute(query)).mappings():
            if _difference(kind, stored, bodies.get(stored["id"], []))[0]:
                wrong.append(stored["id"])
    return wrong


async def mend(conn: AsyncConnection, stream_id: str) -> Finding | None:
    """Look again under a lock, and make the stored fold equal; what was wrong, None for nothing."""
    kind, ledger = kind_of(stream_id), tables.events.c
    stored = await conn.execute(select(kind.table).where(kind.table.c.id == stream_id).with_for_update())
    written = select(cast(ledger.body, Text)).where(ledger.stream_id == stream_id).order_by(ledger.version)
    fault, wanted = _difference(kind, stored.mappings().one(), [*(await conn.execute(written)).scalars()])
    if fault is Fault.FOLD_DIFFERS:
        changes = Changes()
        changes.update(kind.table, ["id"], [{**wanted, "conducted_version": 0}])  # what was told of it may be wrong too
        await changes.write(conn, CHANNEL)
    return Finding(stream_id, fault, repaired=fault is Fault.FOLD_DIFFERS) if fault else None


def _difference(kind: Kind, stored: Mapping[Any, Any], bodies: Sequence[str]) -> tuple[Fault | None, dict[str, Any]]:
    """What is wrong with a stored fold, and what should stand there."""
    try:
        folded = kind.fold([kind.adapter.validate_json(body) for body in bodies], None)
    except ValueError:
        return Fault.LEDGER_UNREADABLE, {}
    wanted = stream_row(kind, folded, stored["id"])
    return (None if _same(kind, dict(stored), wanted) else Fault.FOLD_DIFFERS), wanted


def _same(kind: Kind, stored: dict[str, Any], wanted: dict[str, Any]) -> bool:
    try:
        stored["progress"] = kind.state.model_validate(stored["progress"])
    except ValueError:
        return False
    return all(stored[name] == value for name, value in wanted.items())
