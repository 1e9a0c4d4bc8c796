"""What people are called on the pages of the staff: an account by the name of whoever has it, as `names` of the API tells it."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import people
from app.domain.access import Actor
from app.domain.deputies import may_know_names
from app.web.said import by
from app.web.words import Pair

FRESH = 60.0
"""Seconds for which a process remembers names; default."""


class Known(NamedTuple):
    """The names of all staff, and when they were read."""

    names: dict[str, str]
    at: float


async def speaker(request: Request, conn: AsyncConnection, who: Actor) -> Callable[[str], Pair]:
    """Says an account as a name in Chinese; in English, and to whoever may not know names, as it is."""
    if not may_know_names(who):
        return by
    state = request.app.state
    known: Known | None = getattr(state, "names", None)
    if known is None or monotonic() - known.at > FRESH:
        state.names = known = Known(await people.names(conn), monotonic())
    names = known.names

    def called(account: str) -> Pair:
        return (names[account], account) if account in names else by(account)

    return called
