"""A wire between two processes that can be made bad: replies are lost, cut short or late, connections are reset."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CHUNK = 65_536


@dataclass
class Badness:
    """How bad the wire is now: shares of the replies from the far end, and seconds that each of them takes longer."""

    lost: float = 0
    """The request has been carried out; instead of the answer comes a reset."""
    cut: float = 0
    """Half of the answer comes, then a reset."""
    delay: float = 0
    refused: float = 0
    """Share of new connections that are reset before a byte has passed."""
    having: bytes = b""
    """Only answers with these bytes are touched, such as the word by which a database confirms a commit."""
    meanwhile: Callable[[], None] | None = None
    """Done when an answer is lost, before anybody learns of it."""


@dataclass
class Wire:
    """Listens on a free port of the loopback and passes bytes to wherever `to` says at that moment."""

    to: Callable[[], int]
    badness: Badness = field(default_factory=Badness)
    port: int = 0
    lost: int = 0
    """Answers that were lost or cut so far."""
    seed: int = 1

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """For those who speak HTTP."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> "Wire":
        """Listen."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        """Listen no more and reset what is open."""
        if self._server:
            self._server.close()
        self.reset()

    def reset(self) -> None:
        """Reset every connection now."""
        for writer in tuple(self._open):
            writer.transport.abort()

    @contextlib.contextmanager
    def bad(self, **badness: Any):
        """Bad for as long as the block lasts."""
        before, self.badness = self.badness, Badness(**badness)
        try:
            yield self
        finally:
            self.badness = before

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        ends = [back]
        self._open.add(back)
        try:
            if self._happens(self.badness.refused):
                return
            far, there = await asyncio.open_connection("127.0.0.1", self.to(), limit=CHUNK)
            ends.append(there)
            self._open.add(there)
            pumps = [asyncio.create_task(self._ask(near, there)), asyncio.create_task(self._answer(far, back))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass
        finally:
            for end in ends:
                self._open.discard(end)
                end.transport.abort()

    async def _ask(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(CHUNK):
            sink.write(chunk)
            await sink.drain()

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(CHUNK):
            bad = self.badness
            if bad.delay:
                await asyncio.sleep(bad.delay)
            if bad.having in chunk and self._happens(bad.lost + bad.cut):
                self.lost += 1
                if bad.meanwhile:
                    bad.meanwhile()
                if self._happens(bad.cut / (bad.lost + bad.cut)):
                    sink.write(chunk[: len(chunk) // 2])
                    await sink.drain()
                return
            sink.write(chunk)
            await sink.drain()

    def _happens(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share
