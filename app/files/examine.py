"""A file at the door: looked at, cleaned of what is not its picture or text, or refused with a reason."""

import asyncio
from typing import NamedTuple

from app.files.images import FORMATS, clean_image
from app.files.kinds import LARGEST, BadFile, FileFault, Kind, kept_name, kind_of
from app.files.office import OLD, PACKED, clean_office
from app.files.pdf import clean_pdf
from app.files.scanner import scan

AT_ONCE = asyncio.Semaphore(2)
"""Decoding a large photo takes up to 300 MB; more at once would not go faster."""


class Taken(NamedTuple):
    """What is kept: never the bytes that came."""

    name: str
    kind: Kind
    content: bytes


async def examine(name: str, content: bytes, scanner: str = "") -> Taken:
    """Raises BadFile."""
    if not content:
        raise BadFile(FileFault.EMPTY)
    if len(content) > LARGEST:
        raise BadFile(FileFault.TOO_LARGE)
    if scanner:
        await scan(scanner, content)
    async with AT_ONCE:
        kept, kind = await asyncio.to_thread(cleaned, content)
    return Taken(kept_name(name, kind), kind, kept)


def cleaned(content: bytes) -> tuple[bytes, Kind]:
    """The content as it may be kept, and what it is. Raises BadFile."""
    if content.startswith(OLD):
        raise BadFile(FileFault.OLD_OFFICE)
    if content.startswith(PACKED):
        return clean_office(content)
    kind = kind_of(content)
    if kind and kind in FORMATS:
        return clean_image(content, kind)
    if kind is Kind.PDF:
        return clean_pdf(content), kind
    raise BadFile(FileFault.TYPE)
