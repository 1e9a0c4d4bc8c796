"""The stored fold of a stream against the fold of its ledger: a share at a time, and made anew where somebody changed it by hand."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.changes import Changes
from app.db.findings import Finding
from app.db.ledger import CHANNEL, events_since
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


async def refold(conn: AsyncConnection, stream_id: str, *, mend: bool) -> Finding | None:
    """What is wrong with the stored fold of this stream; a look takes no lock and may see a command half way, so mending looks again."""
    kind = kind_of(stream_id)
    query = select(kind.table).where(kind.table.c.id == stream_id)
    stored = (await conn.execute(query.with_for_update() if mend else query)).mappings().one()
    try:
        folded = kind.fold(
            [kind.adapter.validate_python(body) for body in await events_since(conn, stream_id, 0)], None
        )
    except ValueError:
        return Finding(stream_id, Fault.LEDGER_UNREADABLE, repaired=False)
    wanted = stream_row(kind, folded, stream_id)
    if _same(kind, dict(stored), wanted):
        return None
    if mend:
        changes = Changes()
        changes.update(kind.table, ["id"], [{**wanted, "conducted_version": 0}])  # what was told of it may be wrong too
        await changes.write(conn, CHANNEL)
    return Finding(stream_id, Fault.FOLD_DIFFERS, repaired=mend)


def _same(kind: Kind, stored: dict[str, Any], wanted: dict[str, Any]) -> bool:
    try:
        stored["progress"] = kind.state.model_validate(stored["progress"])
    except ValueError:
        return False
    return all(stored[name] == value for name, value in wanted.items())
