"""A virus scanner, where there is one: ClamAV's daemon, asked over its socket."""

import asyncio
import struct

from app.files.kinds import BadFile, FileFault

PART = 64 * 1024
PATIENCE = 20.0
"""Seconds for one file."""


async def scan(address: str, content: bytes) -> None:
    """`unix:/path` or `tcp:host:port`. Raises BadFile where it finds something, or gives no clear answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            said = await _asked(address, content)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        raise BadFile(FileFault.NOT_SCANNED) from None
    if said.endswith("FOUND"):
        raise BadFile(FileFault.INFECTED)
    if said != "stream: OK":
        raise BadFile(FileFault.NOT_SCANNED)


async def _asked(address: str, content: bytes) -> str:
    how, _, where = address.partition(":")
    if how == "unix":
        reader, writer = await asyncio.open_unix_connection(where)
    else:
        host, _, port = where.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b"zINSTREAM\0")
        for at in range(0, len(content), PART):
            part = content[at : at + PART]
            writer.write(struct.pack("!I", len(part)) + part)
            await writer.drain()
        writer.write(struct.pack("!I", 0))
        await writer.drain()
        return (await reader.readuntil(b"\0")).rstrip(b"\0").decode("utf-8", "replace").strip()
    finally:
        writer.close()
