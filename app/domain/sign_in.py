"""The rules of signing in with an account of this service: when guessing is slowed and stopped, and how long a session lasts."""

import hashlib
from datetime import datetime, timedelta

from app.domain.working_time import Value

IDLE = timedelta(minutes=30)  # default
ABSOLUTE = timedelta(hours=10)  # default
"""From the sign-in on, however busy the session was."""
FREE_TRIES = 3  # default
"""Wrong tries before the next one has to wait."""
WAITS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=15))  # default
"""After the third wrong try, the fourth, and each later one: a lock opens by itself, so that nobody shuts another out for good."""
STEP = 30
"""Seconds that a one-time code lasts (RFC 6238)."""
DRIFT = 1
"""Steps by which a telephone's clock may be wrong."""


def token_hash(token: str) -> str:
    """What is kept of a token, a key or a code: nobody has thought it up, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class Guarded(Value):
    """What has to be remembered of a name between two tries."""

    failures: int = 0
    waits_until: datetime | None = None

    def wait(self, now: datetime) -> timedelta | None:
        """How long the next try has to wait."""
        return self.waits_until - now if self.waits_until is not None and now < self.waits_until else None

    def failed(self, now: datetime) -> "Guarded":
        """After a wrong password or code."""
        failures = self.failures + 1
        late = failures - FREE_TRIES
        until = now + WAITS[min(late, len(WAITS) - 1)] if late >= 0 else None
        return Guarded(failures=failures, waits_until=until)


def steps_at(now: datetime, last_step: int) -> tuple[int, ...]:
    """The steps whose code is good now and was not used, the likeliest first."""
    current = int(now.timestamp()) // STEP
    near = (current, *(current + by for drift in range(1, DRIFT + 1) for by in (-drift, drift)))
    return tuple(step for step in near if step > last_step)
