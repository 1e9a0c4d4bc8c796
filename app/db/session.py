"""Connections to PostgreSQL: one engine a process, and a refusal to run where an acknowledged report could be lost."""

import json
from typing import Any

import structlog
from asyncpg import PostgresConnectionError
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.db.vault import Vault

log = structlog.get_logger()
DURABLE = ("synchronous_commit", "fsync", "full_page_writes")
PLANS = "force_generic_plan"
"""A statement is planned once a connection: planning a step of the ledger anew each time cost as much as running it."""
FORGETFUL = ("off", "local")

AWAY = ("08", "40", "53", "55P03", "57")
"""SQLSTATEs after which the same request may succeed: no connection, rolled back, no room, locked, going down."""
DATABASE_ERRORS = (DBAPIError, OSError, PostgresConnectionError, NoConnectionFree)


class NotDurable(RuntimeError):
    """PostgreSQL may forget what it has acknowledged."""


def engine_of(url: str, *, pool: int = 20, vault: Vault | None = None) -> AsyncEngine:
    """The engine of this process with its keys; statements give up on a lock after 10 s, JSON keeps Chinese readable."""
    engine = create_async_engine(
        url,
        pool_size=pool,
        max_overflow=0,  # an overflowing connection is closed after one use, and opening one costs more than most requests
        hide_parameters=True,
        execution_options={"vault": vault},
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        connect_args={
            "server_settings": {
                "lock_timeout": "10s",
                "jit": "off",
                "plan_cache_mode": PLANS,
                "application_name": "shouhu",
            }
        },
    )
    event.listen(engine.sync_engine.pool, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """A connection that the server has hung up on is replaced before it is used; to ask the server itself cost a way there and back."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


async def require_durable(engine: AsyncEngine) -> None:
    """Raise NotDurable unless commits are on disk before they are acknowledged."""
    async with engine.connect() as connection:
        for name in DURABLE:
            value = (await connection.execute(text("select current_setting(:name)"), {"name": name})).scalar_one()
            if value in FORGETFUL:
                log.error("not_durable", setting=name, value=value)
                raise NotDurable(f"PostgreSQL runs with {name}={value}: an acknowledged report could be lost")


def sqlstate(error: Exception) -> str:
    """PostgreSQL's code for what went wrong; empty when it could not say."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def is_away(error: Exception) -> bool:
    """Whether one of DATABASE_ERRORS means an absence, after which another try is worth it."""
    state = sqlstate(error)
    gone = isinstance(error, DBAPIError) and (error.connection_invalidated or state.startswith(AWAY) or not state)
    return gone or isinstance(error, OSError | PostgresConnectionError | NoConnectionFree)
