"""What an installation must have, checked on the running system."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.service import RPCError

from app.db import tables
from app.db.session import DURABLE, engine_of
from app.settings import Settings
from app.temporal import connect

CONFIRMED_AHEAD = timedelta(days=60)


@dataclass(frozen=True)
class Check:
    """One answer."""

    what: str
    ok: bool
    detail: str = ""


async def examine(settings: Settings, *, quick: bool) -> tuple[Check, ...]:
    """All checks, in the order in which one would look."""
    return (*await _database(settings, quick=quick), await _engine(settings))


async def _database(settings: Settings, *, quick: bool) -> tuple[Check, ...]:
    url = settings.database_url.get_secret_value()
    if not url:
        return (Check("database", False, "SHOUHU_DATABASE_URL is not set"),)
    engine = engine_of(url, pool=1)
    try:
        async with engine.connect() as conn:
            version = (await conn.execute(text("show server_version"))).scalar_one()
            found = [Check("database answers", True, f"PostgreSQL {version}")]
            return (*found, *(() if quick else await _inside(conn)))
    except (SQLAlchemyError, OSError) as failure:
        return (Check("database answers", False, type(failure).__name__),)
    finally:
        await engine.dispose()


async def _inside(conn: AsyncConnection) -> list[Check]:
    checks = []
    for name in DURABLE:
        value = (await conn.execute(text("select current_setting(:name)"), {"name": name})).scalar_one()
        checks.append(Check(f"{name} is on", value not in ("off", "local"), value))
    until = (await conn.execute(select(func.max(tables.calendars.c.confirmed_until)))).scalar_one()
    ahead = bool(until) and until >= (datetime.now(UTC) + CONFIRMED_AHEAD).date()
    checks.append(Check("the calendar is confirmed 60 days ahead", ahead, str(until)))
    behind = select(func.count()).where(tables.cases.c.version > tables.cases.c.conducted_version)
    waiting = (await conn.execute(behind)).scalar_one()
    checks.append(Check("the conductor is in step", waiting == 0, f"{waiting} cases behind"))
    return checks


async def _engine(settings: Settings) -> Check:
    try:
        client = await connect(settings)
        await client.service_client.check_health()
    except (RPCError, RuntimeError, ValueError) as failure:
        return Check("Temporal answers", False, type(failure).__name__)
    return Check("Temporal answers", True, settings.temporal_address)
