"""A trail of its own with three seals, what its owner can do to it, and the verdict of the verifier."""

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, text

from app.db import tables
from app.db.migrate import migrate
from app.db.sealer import ROWS, Sealer, SealKey, head, leaf, root, trail, written
from app.db.session import engine_of
from tests.conftest import VAULT

VERIFIER = Path(__file__).parents[1] / "deploy" / "verify_audit.py"
KEY = SealKey.of(base64.b64encode(bytes(range(32))).decode())
OWNER = "set local session_replication_role = replica"
"""What the owner of the database can do, and nobody else: write without the trigger that lets rows only come."""
ROW = {"person_id": "police.officer.1", "agency": "POLICE", "action": "read_content", "stream_id": "case-1"}


@contextlib.asynccontextmanager
async def sealed_trail(postgres, place):
    """A database of these tests alone, with three seals over thirty rows and the heads that another organisation holds.

    What an attacker does is rolled back once it was found; what the service does stays.
    """
    name = f"sealed_{os.urandom(4).hex()}"
    await _database(postgres, f"create database {name}")
    engine = engine_of(_url(postgres, name), pool=8, vault=VAULT)
    await migrate(engine)
    sealer = Sealer(engine, KEY, place / f"anchors_{name}")
    for _ in range(3):
        await write(engine, 10)
        await sealer.seal()
    await sealer.anchor_head()
    yield sealer
    await engine.dispose()


@contextlib.asynccontextmanager
async def as_owner(sealer, *statements):
    """As whoever owns the database, for as long as this lasts."""
    async with sealer.engine.connect() as conn:
        await conn.execute(text(OWNER))
        for statement in statements:
            assert (await conn.execute(text(statement))).rowcount
        yield conn
        await conn.rollback()


def _url(postgres, name):
    return postgres.url.rpartition("/")[0] + f"/{name}"


async def _database(postgres, statement):
    engine = engine_of(postgres.url, pool=1)
    async with engine.connect() as conn:
        await (await conn.execution_options(isolation_level="AUTOCOMMIT")).execute(text(statement))
    await engine.dispose()


async def write(engine, rows):
    for _ in range(rows):
        async with engine.begin() as conn:
            await conn.execute(insert(tables.audit), ROW)


async def verdict(conn, place, *anchors, roots=None):
    file = place / f"trail-{os.urandom(4).hex()}.jsonl"
    file.write_text("\n".join([line async for line in trail(conn)]))
    more = [part for anchor in anchors for part in ("--anchors", str(anchor))]
    more += ["--tsa-roots", str(roots)] if roots else []
    command = [sys.executable, "-I", str(VERIFIER), str(file), "--key", KEY.public.hex(), *more]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


async def verdict_now(sealer, place):
    async with sealer.engine.connect() as conn:
        return await verdict(conn, place, sealer.anchor)


async def drawn_anew(conn, key, ago=timedelta()):
    """One seal over everything, made by whoever holds this key, as if it had been drawn so long ago."""
    await conn.execute(text("delete from seals"))
    rows = (await conn.execute(ROWS)).all()
    below, at = max(row.xid for row in rows) + 1, datetime.now(UTC) - ago
    tree = root(leaf(written(row)) for row in rows)
    made = head(bytes(32), 1, at, below, len(rows), tree)
    seal = {"number": 1, "at": at, "below": below, "rows": len(rows), "root": tree, "head": made, "key_id": key.id,
            "signature": key.private.sign(made)}  # fmt: skip
    await conn.execute(insert(tables.seals), seal)
    return json.dumps({"number": 1, "head": made.hex()})
