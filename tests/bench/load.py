"""A client that costs next to nothing, so that the server is what is measured: HTTP/1.1 over kept connections, nothing else."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Failed(RuntimeError):
    """The server did not answer as it must; a benchmark of errors measures nothing."""


@dataclass
class Wire:
    """One kept connection."""

    port: int
    token: str = ""
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON; raises Failed unless the status is 2xx."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        payload = json.dumps(body, ensure_ascii=False).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(payload)}\r\n"
        head += f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        head += "Content-Type: application/json\r\n\r\n" if payload else "\r\n"
        writer.write(head.encode() + payload)
        answer = await reader.readuntil(b"\r\n\r\n")
        headers = answer.lower()
        length = int(headers.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        content = await reader.readexactly(length)
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise Failed(f"{method} {path}: {answer.splitlines()[0].decode()} {content[:300].decode()}")
        return json.loads(content)

    def close(self) -> None:
        """Hang up."""
        if self._streams:
            self._streams[1].close()


async def rate(port: int, token: str, path: str, body: Callable[[int], Any], *, clients: int, requests: int) -> float:
    """Requests a second of that many clients, who post without pause."""
    wires = [Wire(port, token) for _ in range(clients)]
    numbers = iter(range(requests))

    async def work(wire: Wire) -> None:
        for number in numbers:
            await wire.call("POST", path, body(number))

    began = time.perf_counter()
    try:
        await asyncio.gather(*(work(wire) for wire in wires))
    finally:
        for wire in wires:
            wire.close()
    return requests / (time.perf_counter() - began)
