"""How often somebody may ask: by address, person and unit, with what is left to wait; and how many are answered at once.

Counted in the memory of each API process: a flood has to cost less than the rows that it would write. With several processes a limit is
so many times as large. What must hold exactly, guesses at codes, is counted in the database (app/db/guesses.py).
"""

import time
from collections.abc import Mapping
from math import ceil
from typing import NamedTuple

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.api.problems import EXAMPLES, Problem
from app.domain.access import Actor
from app.domain.guessing import counted_as


class Limit(NamedTuple):
    """So many requests a minute, and whose."""

    code: str
    a_minute: int
    whose: str


STRANGER = Limit("stranger", 300, "an address, without an account")  # default
ADDRESS = Limit("address", 6_000, "an address, with an account or key: a whole office stands behind one")  # default
PERSON = Limit("person", 600, "a person or key")  # default
UNIT = Limit("unit", 3_000, "a unit, or a desk where there is none")  # default
REPORTS = Limit("reports", 300, "reports of a person or key")  # default
REPORTS_OF_UNIT = Limit("reports_of_unit", 600, "reports of a unit")  # default
PUBLISHED = (STRANGER, ADDRESS, PERSON, UNIT, REPORTS, REPORTS_OF_UNIT)
"""Generous: a school that enters its whole screening at once is not held up, a loop that ran wild is."""
AT_ONCE = 128  # default
"""Requests that are answered at once; more would only wait for the same connections. The last quarter is kept for reports."""
KEPT_FOR_REPORTS = AT_ONCE // 4
REPORT_PATH = "/v1/reports"


def described() -> str:
    """The limits for whoever reads the OpenAPI document."""
    lines = [f"- {limit.a_minute:,} requests a minute of {limit.whose}" for limit in PUBLISHED]
    said = [
        "Limits, each answered with 429 and `Retry-After`:", "", *lines, "- 5 wrong codes of receipts or surveys an hour and address", "",
        f"A process that answers {AT_ONCE} requests at once says 503 with `Retry-After` to more; reports are taken longest.",
    ]  # fmt: skip
    return "\n".join(said)


class Limits:
    """What each has used up. `scale` multiplies all limits; 0 is none."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._counted = FixedWindowRateLimiter(MemoryStorage())
        self._items = {limit: RateLimitItemPerMinute(max(1, round(limit.a_minute * scale))) for limit in PUBLISHED}
        self.inside = 0

    def spend(self, limit: Limit, whose: str) -> int | None:
        """One request; None, or the seconds to wait for the next."""
        if not self._scale or self._counted.hit(self._items[limit], limit.code, whose):
            return None
        ends = self._counted.get_window_stats(self._items[limit], limit.code, whose).reset_time
        return max(1, ceil(ends - time.time()))

    def at_the_edge(self, address: str | None, headers: Mapping[bytes, bytes]) -> int | None:
        """Before anything is looked up; a wrong token is found out later, and costs one look."""
        known = b"authorization" in headers or b"__Host-session=" in headers.get(b"cookie", b"")
        return self.spend(ADDRESS if known else STRANGER, counted_as(address))

    def is_full(self, path: str) -> bool:
        """Whether one more would have to wait; a report may still come in where a page may not."""
        return self.inside >= (AT_ONCE if path == REPORT_PATH else AT_ONCE - KEPT_FOR_REPORTS)


def too_many(wait: int) -> Problem:
    """429, and when to come back."""
    return Problem(429, *EXAMPLES[429], wait=wait)


def spend_as(request: Request, who: Actor) -> None:
    """Of the person and of the unit; reports have limits of their own beside these."""
    limits: Limits = request.app.state.limits
    unit, is_report = who.unit or who.desk, request.method == "POST" and path_of(request) == REPORT_PATH
    spent = [(PERSON, who.person_id), (UNIT, unit)]
    spent += [(REPORTS, who.person_id), (REPORTS_OF_UNIT, unit)] if is_report else []
    for limit, whose in spent:
        if wait := limits.spend(limit, whose):
            raise too_many(wait)


def address_of(request: Request) -> str | None:
    """Of the client; behind a reverse proxy what that proxy says, if it is one that the settings trust."""
    return request.client.host if request.client else None


def path_of(request: Request) -> str:
    """What was asked for; `request.url` is put together with the Host that the caller names, which may hold a path as well."""
    return request.scope["path"]
