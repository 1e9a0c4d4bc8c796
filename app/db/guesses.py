"""Wrong guesses at codes and passwords, counted in PostgreSQL by address, so that neither a restart nor a second process forgets them.

An address is kept as a keyed hash, for an hour.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from math import ceil
from typing import TypeVar

from sqlalchemy import ARRAY, Column, Index, String, Table, bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.columns import Instant, metadata
from app.db.receipts import Receipts
from app.domain.guessing import WITHIN, Allowance, counted_as

guesses = Table(
    "guesses",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("wrong_at", ARRAY(Instant), nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index(None, "seen_at"),
    comment="Instants of wrong guesses by a keyed hash of the address; rows go an hour after the last.",
)
MINE = """
    insert into guesses (key, wrong_at, seen_at) values (:key, cast(:wrong as timestamptz[]), :now)
    on conflict (key) do update set seen_at = :now, wrong_at =
        (select coalesce(array_agg(w order by w), '{}') from unnest(guesses.wrong_at || excluded.wrong_at) w where w > :since)
    returning wrong_at
"""
TAKE = text(MINE).bindparams(bindparam("wrong", type_=ARRAY(Instant)))
"""Two at the same address come one after the other from here on, until their transactions end."""
FORGET = delete(guesses).where(
    guesses.c.key.in_(
        select(guesses.c.key)
        .where(guesses.c.seen_at < bindparam("before"))
        .limit(10_000)
        .with_for_update(skip_locked=True)
    )
)
Found = TypeVar("Found")


class TooManyGuesses(Exception):
    """The address has to wait, also with a right code: else it would be told which one is right."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait

    @property
    def seconds(self) -> int:
        """Whole ones, for Retry-After."""
        return ceil(self.wait.total_seconds())


def key_of(receipts: Receipts, allowance: Allowance, address: str | None) -> str:
    """What is stored of an address."""
    return receipts.alias(f"{allowance.what}:{counted_as(address)}")


async def guess(
    engine: AsyncEngine, key: str, allowance: Allowance, now: datetime, look: Callable[[AsyncConnection], Awaitable[Found | None]]
) -> Found | None:  # fmt: skip
    """What `look` finds; None is counted as a wrong guess. TooManyGuesses without a look once the allowance is used up.

    However many come at once, each is counted before the next one looks; a right and a wrong guess do the same work.
    """
    async with engine.begin() as conn:
        await require_patience(conn, key, allowance, now)
        wrong = await _take(conn, key, now)
        if wait := allowance.wait(wrong, now):
            raise TooManyGuesses(wait)
        found = await look(conn)
        await _take(conn, key, now, wrong=found is None)
        return found


async def require_patience(conn: AsyncConnection, key: str, allowance: Allowance, now: datetime) -> None:
    """TooManyGuesses where the allowance is used up."""
    stored = await conn.execute(select(guesses.c.wrong_at).where(guesses.c.key == key))
    if wait := allowance.wait(stored.scalar_one_or_none() or (), now):
        raise TooManyGuesses(wait)


async def count_wrong(conn: AsyncConnection, key: str, now: datetime) -> None:
    """One more."""
    await _take(conn, key, now, wrong=True)


async def wrong_before(conn: AsyncConnection, key: str, now: datetime) -> list[datetime]:
    """The wrong ones of the last hour; whoever asks comes after those who have asked before, until their transactions end."""
    return await _take(conn, key, now)


async def forgive(conn: AsyncConnection, key: str) -> None:
    """A right one makes the wrong ones before it forgotten."""
    await conn.execute(delete(guesses).where(guesses.c.key == key))


async def forget(engine: AsyncEngine, now: datetime) -> int:
    """What is older than an hour; how many addresses that were."""
    async with engine.begin() as conn:
        return (await conn.execute(FORGET, {"before": now - WITHIN})).rowcount


async def _take(conn: AsyncConnection, key: str, now: datetime, *, wrong: bool = False) -> list[datetime]:
    given = {"key": key, "wrong": [now] if wrong else [], "now": now, "since": now - WITHIN}
    return (await conn.execute(TAKE, given)).scalar_one()
