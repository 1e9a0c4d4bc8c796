"""Calendar only, for the moment."""
from sqlalchemy.dialects.postgresql import insert
from app.db import tables
from app.policy.calendars import seed as calendar_seed


async def seed(conn, *, tokens):
    s = calendar_seed()
    rows = [{"day": r.day, "kind": r.kind.value, "name": r.name, "source": r.source, "confirmed": r.confirmed} for r in s.rows]
    await conn.execute(insert(tables.calendar_days).on_conflict_do_nothing(), rows)
    from datetime import UTC, datetime
    await conn.execute(insert(tables.calendars).on_conflict_do_nothing(), {"version": 1, "confirmed_until": s.confirmed_until, "reason": "seed", "set_by": "engine", "at": datetime.now(UTC)})


def tokens_for(path):
    return {}
