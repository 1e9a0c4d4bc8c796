"""A process apart for what reads files: a hostile one costs so much time and memory, delays nothing, and meets no key of the service.

The process (app/files/nursery.py) has the decoders and nothing else of the service, and forks one of its own for each file.
"""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import structlog

from app.files.kinds import LARGEST, BadFile, FileFault, Kind

MOST_CPU = 10
"""Seconds of a processor for one file; the largest photos that are taken need three. A default."""
MOST_MEMORY = 2 * 2**30
"""Bytes of address space; the largest photo that is taken needs less than half. A default."""
MOST_KEPT = 4 * LARGEST
"""Bytes of an answer; a picture that is packed anew may grow. A default."""
PATIENCE = 60.0
"""Seconds by the clock, where the processors are busy with what matters more. A default."""
BEGUN = b"."
"""What the process of a file says first."""
ROOT = Path(__file__).parents[2]
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
"""All that it is given of ours: settings, and so secrets, stand in the environment."""
log = structlog.get_logger()
_nursery: tuple[subprocess.Popen[bytes], socket.socket] | None = None


async def cleaned_apart(content: bytes) -> tuple[bytes, Kind]:
    """What `cleaned` says of it. Raises BadFile."""
    answer = await _answered(content) or await _answered(content)  # none at all: the process that forks has ended
    if not answer:
        log.error("files_cannot_be_read")
        raise BadFile(FileFault.BUSY)
    head, _, kept = answer.removeprefix(BEGUN).partition(b"\n")
    said, _, size = head.decode().partition(" ")
    if not size or int(size) != len(kept):  # it was ended before it could say all of it
        raise BadFile(FileFault.TOO_COSTLY)
    if fault := next((one for one in FileFault if one.value == said), None):
        raise BadFile(fault)
    return kept, Kind(said)


async def _answered(content: bytes) -> bytes:
    try:
        async with asyncio.timeout(PATIENCE):
            return await _asked(_handed_over(), content)
    except TimeoutError:
        return BEGUN
    except ConnectionError:
        return b""


async def _asked(line: socket.socket, content: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(sock=line)
    try:
        writer.write(content)
        await writer.drain()
        writer.write_eof()
        answer = bytearray()
        while part := await reader.read(2**20):
            answer += part
            if len(answer) > MOST_KEPT:
                return BEGUN
        return bytes(answer)
    finally:
        writer.close()  # which ends the process, wherever it is


def _handed_over() -> socket.socket:
    """Our end of a line to a process of this file's own."""
    global _nursery
    ours, theirs = socket.socketpair()
    with theirs:
        for _ in range(2):
            try:
                if _nursery is None or _nursery[0].poll() is not None:
                    _nursery = _started()
                socket.send_fds(_nursery[1], [b"f"], [theirs.fileno()])
                return ours
            except OSError:  # it has ended this moment, or none can be begun
                _nursery = None
    ours.close()
    raise ConnectionError


def _started() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Ends by itself with this process."""
    ours, theirs = socket.socketpair()
    plain = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    with theirs:
        door = theirs.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "app.files.nursery", *map(str, (door, MOST_CPU, MOST_MEMORY))], cwd=ROOT, env=plain,
            pass_fds=[door], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    return process, ours
