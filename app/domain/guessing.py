"""How often somebody may guess at a code or a password from one address, before the next try has to wait."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from app.domain.working_time import Value

WITHIN = timedelta(hours=1)  # default
NOWHERE = "nowhere"


class Allowance(Value):
    """So many wrong tries in any hour; right ones cost nothing, for a whole school may stand behind one address."""

    what: str
    most: int

    def wait(self, wrong_at: Sequence[datetime], now: datetime) -> timedelta | None:
        """How long the next try has to wait after these wrong ones, the oldest first."""
        recent = [at for at in wrong_at if at > now - WITHIN]
        return recent[-self.most] + WITHIN - now if len(recent) >= self.most else None


CODES = Allowance(what="codes", most=5)  # default: Q-S9 asks for five
"""Of receipts and of surveys alike."""
PASSWORDS = Allowance(what="passwords", most=50)  # default
"""Each account slows guessing by itself; this stops whoever tries one password on many accounts."""

INITIALS = Allowance(what="initials", most=60)  # default
"""Searches of one person by two or three letters, whatever they find: enough for a day's work, and no way to read the register."""


NUMBERS = Allowance(what="numbers", most=60)  # default
"""Searches of one person by an id number or a phone that found nobody: enough for mistyped ones, and no way to work a number out."""


def counted_as(address: str | None) -> str:
    """Under what an address is counted: the network of one household or office in IPv6, of which one computer has 2^64."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return NOWHERE
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)
