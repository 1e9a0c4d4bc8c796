"""Faults: in `make test` each a few times, enough to be seen; at the length that was promised with `make faults`."""

import os

LONG = os.environ.get("SHOUHU_LONG") == "1"


def times(fast: int, long: int) -> int:
    """How often."""
    return long if LONG else fast
