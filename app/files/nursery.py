"""Forks a process for each file that comes through its door: limits that the kernel keeps, and the last place in the queue for a processor."""

import fcntl
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.files.apart import BEGUN
from app.files.cleaning import cleaned
from app.files.kinds import BadFile, FileFault

NOTHING_KEPT = {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
"""It writes no file, and leaves no picture of its memory."""
LAST = 10


def main() -> None:
    """Until the service that opened the door is gone."""
    door_no, cpu, memory = map(int, sys.argv[1:])
    door, limits = socket.socket(fileno=door_no), {resource.RLIMIT_CPU: cpu, resource.RLIMIT_AS: memory, **NOTHING_KEPT}
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        came, lines, *_ = socket.recv_fds(door, 1, 1)
        if not came:
            return
        if not lines:  # the line was lost on its way, and its end tells whoever waits
            continue
        if os.fork() == 0:
            door.close()
            with suppress(BaseException):
                _work(socket.socket(fileno=lines[0]), limits)
            os._exit(0)
        os.close(lines[0])


def _work(line: socket.socket, limits: dict[int, int]) -> None:
    os.nice(LAST)
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    line.sendall(BEGUN)
    content = b"".join(iter(lambda: line.recv(1 << 20), b""))
    with _awaited(line):
        said, kept = _answer(content)
    line.sendall(f"{said} {len(kept)}\n".encode() + kept)


@contextmanager
def _awaited(line: socket.socket) -> Iterator[None]:
    """The kernel ends this process, whatever it is at, as soon as nobody waits at the other end of its line."""
    fcntl.fcntl(line, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(line, fcntl.F_GETFL)
    fcntl.fcntl(line, fcntl.F_SETFL, flags | os.O_ASYNC)
    waits = select.poll()
    waits.register(line, 0)
    if any(state & select.POLLHUP for _, state in waits.poll(0)):
        os._exit(0)
    yield
    fcntl.fcntl(line, fcntl.F_SETFL, flags)


def _answer(content: bytes) -> tuple[str, bytes]:
    """The kind and what is kept, or the fault and nothing."""
    try:
        kept, kind = cleaned(content)
        return kind.value, kept
    except BadFile as bad:
        short = isinstance(bad.__cause__, MemoryError)
        return (FileFault.TOO_COSTLY if short else bad.fault).value, b""
    except MemoryError:
        return FileFault.TOO_COSTLY.value, b""


if __name__ == "__main__":
    main()
