"""The sealer: every few seconds one signed seal over the audit rows that nobody can still add to, chained to the seal before."""

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import tables
from app.db.session import DATABASE_ERRORS

log = structlog.get_logger()
EVERY = timedelta(seconds=5)
ANCHORED_EVERY = timedelta(minutes=1)
"""Both default; a seal is promised within ten seconds."""
QUIET = timedelta(minutes=10)
"""So often a seal says that nothing happened, else a row could later be laid into a quiet hour; default."""
MOST = 50_000
"""Rows of one seal, and so of what is held in memory."""
NOTHING = bytes(32)
COLUMNS = ("id", "at", "person_id", "behalf", "agency", "action", "stream_id", "version", "fields", "children", "why",
           "outcome", "trace_id", "xid", "salt")  # fmt: skip
ROWS = select(*(tables.audit.c[name] for name in COLUMNS)).order_by(tables.audit.c.id)
OURS_ALONE = text("select pg_try_advisory_xact_lock(hashtextextended('sealer', 0))")
SETTLED = text("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
"""Below it every transaction has ended, so no row can come any more."""
LAST = select(tables.seals).order_by(tables.seals.c.number.desc()).limit(1)


def micros(at: datetime) -> int:
    """Since 1970, whole; no float, which could not hold them."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def written(row: Sequence[Any]) -> list[Any]:
    """A row as it is hashed and handed out: in the order of COLUMNS, JSON values only."""
    return [
        micros(value) if isinstance(value, datetime) else value if isinstance(value, str | int | list | None) else value.hex
        for value in row
    ]  # fmt: skip


def leaf(row: Sequence[Any]) -> bytes:
    """Of a written row; its salt keeps what little it says from being guessed from the hash."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(b"\0" + text.encode()).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Of the Merkle tree; a node without a neighbour moves up as it is."""
    level = list(leaves)
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0] if level else NOTHING


def head(before: bytes, number: int, at: datetime, below: int, rows: int, root: bytes) -> bytes:
    """What is signed and anchored: it stands for every row up to here."""
    numbers = b"".join(value.to_bytes(8) for value in (number, micros(at), below, rows))
    return hashlib.sha256(b"\2" + before + numbers + root).digest()


@dataclass(frozen=True)
class SealKey:
    """The private key of the seals; its public half is for whoever checks them."""

    private: Ed25519PrivateKey

    @classmethod
    def of(cls, encoded: str) -> "SealKey":
        """From 32 bytes in base64."""
        return cls(Ed25519PrivateKey.from_private_bytes(base64.b64decode(encoded, validate=True)))

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        """Short, of the public key."""
        return hashlib.sha256(self.public).hexdigest()[:16]


@dataclass
class Sealer:
    """Runs in every worker; an advisory lock lets one at a time draw a seal."""

    engine: AsyncEngine
    key: SealKey
    anchor: Path | None = None
    """A file that another organisation keeps; heads are appended to it."""
    stamp: Callable[[bytes], Awaitable[str]] | None = None
    """A time stamp over a head, from an authority outside; raises OSError where there is none."""
    anchored: int = 0

    async def run(self) -> None:
        """For ever; what fails is tried again, and the waiting rows raise the alarm elsewhere."""
        told = asyncio.get_running_loop().time()
        while True:
            try:
                while await self.seal():
                    pass
                if self.anchor and asyncio.get_running_loop().time() >= told:
                    await self.anchor_head()
                    told += ANCHORED_EVERY.total_seconds()
            except (*DATABASE_ERRORS, OSError) as failure:
                log.error("sealer_waits", cause=type(failure).__name__)
            await asyncio.sleep(EVERY.total_seconds())

    async def seal(self) -> int:
        """One seal over what has settled; 0 when nothing is left, or another worker is at it. Its instant is that up to which it speaks."""
        async with self.engine.begin() as conn:
            if not (await conn.execute(OURS_ALONE)).scalar_one():
                return 0
            last = (await conn.execute(LAST)).one_or_none()
            settled, floor = (await conn.execute(SETTLED)).scalar_one(), last.below if last else 0
            if settled < floor:
                log.error("transactions_ran_backwards", below=floor, now=settled)
                return 0
            below = await _bound(conn, floor, settled)
            row = tables.audit.c
            rows = (await conn.execute(ROWS.where(row.xid >= floor, row.xid < below))).all()
            now = datetime.now(UTC)
            if not rows and last and now - last.at < QUIET:
                return 0
            tree = await asyncio.to_thread(lambda: root(leaf(written(one)) for one in rows))
            number, at = (last.number + 1 if last else 1), (now if below == settled else max(one.at for one in rows))
            made = head(last.head if last else NOTHING, number, at, below, len(rows), tree)
            seal = {
                "number": number, "at": at, "below": below, "rows": len(rows), "root": tree, "head": made,
                "key_id": self.key.id, "signature": self.key.private.sign(made),
            }  # fmt: skip
            await conn.execute(insert(tables.seals), seal)
            return len(rows) if below < settled else 0

    async def anchor_head(self) -> None:
        """Append the newest head to the file of the other organisation, if it is a new one; without a stamp where none was to be had."""
        async with self.engine.connect() as conn:
            last = (await conn.execute(LAST)).one_or_none()
        if last and self.anchor and last.number > self.anchored:
            line = {"number": last.number, "head": last.head.hex(), "at": last.at.isoformat()}
            if self.stamp:
                try:
                    line["stamp"] = await self.stamp(last.head)
                except OSError as failure:
                    log.error("head_not_stamped", number=last.number, cause=str(failure))
            await asyncio.to_thread(_append, self.anchor, json.dumps(line))
            self.anchored = last.number


def _append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


async def _bound(conn: AsyncConnection, floor: int, settled: int) -> int:
    """All that has settled, or as many whole transactions as one seal takes."""
    row = tables.audit.c
    within = select(row.xid).where(row.xid >= floor, row.xid < settled).order_by(row.xid).offset(MOST).limit(1)
    beyond = (await conn.execute(within)).scalar_one_or_none()
    return settled if beyond is None else max(beyond, floor + 1)


async def trail(conn: AsyncConnection) -> AsyncIterator[str]:
    """The whole audit as lines for the verifier: each seal, then its rows; last the rows that wait for one."""
    floor, row = 0, tables.audit.c
    async for seal in await conn.stream(select(tables.seals).order_by(tables.seals.c.number)):
        said = [seal.number, micros(seal.at), seal.below, seal.rows, seal.root.hex(), seal.head.hex(), seal.key_id,
                seal.signature.hex()]  # fmt: skip
        yield json.dumps({"seal": said})
        async for one in await conn.stream(ROWS.where(row.xid >= floor, row.xid < seal.below)):
            yield json.dumps({"row": written(one)}, ensure_ascii=False)
        floor = seal.below
    async for one in await conn.stream(ROWS.where(row.xid >= floor)):
        yield json.dumps({"row": written(one)}, ensure_ascii=False)
