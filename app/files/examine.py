"""A file at the door: looked at, cleaned of what is not its picture or text, or refused with a reason."""

import asyncio
from collections import Counter
from typing import NamedTuple

from app.files.apart import cleaned_apart
from app.files.kinds import LARGEST, BadFile, FileFault, Kind, kept_name
from app.files.scanner import scan

AT_ONCE = 2
"""Decoding a large photo takes up to 500 MB; more at once would not go faster. A default."""
MOST_WAITING, MOST_OF_ONE = 16, 4
"""Who comes then is told to come back, so that nobody waits for ever behind files that take their time; so many of them may be one
sender's, or one could keep out all others. Defaults."""
_turn = asyncio.Semaphore(AT_ONCE)
_inside = Counter[str]()


class Taken(NamedTuple):
    """What is kept: never the bytes that came."""

    name: str
    kind: Kind
    content: bytes


async def examine(name: str, content: bytes, scanner: str = "", *, whose: str) -> Taken:
    """Raises BadFile. `whose` is the account or the draft that sends it."""
    if not content:
        raise BadFile(FileFault.EMPTY)
    if len(content) > LARGEST:
        raise BadFile(FileFault.TOO_LARGE)
    if _inside.total() >= AT_ONCE + MOST_WAITING or _inside[whose] >= MOST_OF_ONE:
        raise BadFile(FileFault.BUSY)
    _inside[whose] += 1
    try:
        if scanner:
            await scan(scanner, content)
        async with _turn:
            kept, kind = await cleaned_apart(content)
    finally:
        _inside[whose] -= 1
        if not _inside[whose]:
            del _inside[whose]
    return Taken(kept_name(name, kind), kind, kept)
