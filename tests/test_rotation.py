"""Q-S8: the master key is renewed while the service runs, and what was destroyed is read from no older backup after that."""

import asyncio
import base64
import contextlib
import itertools
import json
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from app.db import rotation, tables
from app.db.vault import Destroyed, KeyMissing, Vault, sealed_row, sealing, vault_of
from app.master_keys import GivenKeys
from tests.canary import filed, read
from tests.faults import times

ROWS, A_SECOND = times(2_000, 10_000), 20


@contextlib.asynccontextmanager
async def load_of(engine, cases, errors, done):
    """Twenty requests a second that read, and new reports among them, whether or not the last was answered."""

    async def one(n):
        try:
            async with engine.begin() as conn:
                made = [await filed(conn)] if n % 5 == 0 else []
                child, _ = await read(conn, (made or cases)[n % len(made or cases)])
                assert child["name"].startswith("canary")
            cases.extend(made)
        except Exception as failure:
            errors.append(failure)
        done.append(n)

    async def go():
        began = time.monotonic()
        async with asyncio.TaskGroup() as asked:
            for n in itertools.count():
                asked.create_task(one(n))
                if over.is_set():
                    return
                await asyncio.sleep(max(0.0, began + (n + 1) / A_SECOND - time.monotonic()))

    over = asyncio.Event()
    at_work = asyncio.create_task(go())
    try:
        yield
    finally:
        over.set()
        await at_work


async def test_the_master_key_is_renewed_under_load_and_the_old_one_opens_nothing_more(district, keys, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 100)
    before = keys.current()
    stale = Vault(GivenKeys({before: base64.b64decode(json.loads(keys.path.read_text())["master"][before])}, b"k" * 32))
    async with district.begin() as conn:
        cases = [await filed(conn) for _ in range(3)]
        await conn.execute(insert(tables.data_keys), [vault_of(conn).new_key(f"case-many-{n}")[1] for n in range(ROWS)])
    errors, done, told, began = [], [], [], time.monotonic()
    async with load_of(district, cases, errors, done):
        after = keys.renew()
        turned = await rotation.rotate(district, lambda done, whole: told.append((done, whole)))
        assert keys.keep_only(after) == [before]
        await asyncio.sleep(0.2)
        spent = time.monotonic() - began
    assert errors == []
    assert len(done) > 10
    assert len(done) > 0.8 * A_SECOND * spent, "so many a second"
    assert turned >= ROWS + 3
    assert told[0][0] == 100
    assert told[-1][0] == told[-1][1] == turned
    async with district.begin() as conn:
        assert (await rotation.standing(conn)).by_master.keys() == {after}
        assert [(await read(conn, case))[0]["name"][:6] for case in cases] == ["canary"] * len(cases)
        await rotation.require_keys(conn)
    with pytest.raises(IntegrityError):  # a process that still wraps with the old key loses nothing: it is refused
        async with district.begin() as conn:
            await conn.execute(insert(tables.data_keys), stale.new_key("case-late")[1])


async def test_control_a_master_key_that_goes_before_all_is_wrapped_anew_is_missed(district, keys):
    async with district.begin() as conn:
        case = await filed(conn)
    keys.keep_only(keys.renew())
    async with district.begin() as conn:
        with pytest.raises(KeyMissing):
            await read(conn, case)
        with pytest.raises(KeyMissing):
            await rotation.require_keys(conn)


async def test_a_destroyed_case_is_read_by_nobody_nor_from_an_older_backup_once_the_master_key_is_renewed(
    district, keys
):
    async with district.begin() as conn:
        gone, kept = await filed(conn), await filed(conn)
        backup = [dict(row) for row in (await conn.execute(select(tables.data_keys))).mappings()]
    async with district.begin() as conn:
        assert await rotation.destroy(conn, [gone], datetime.now(UTC)) == 1
    async with district.begin() as conn:
        child, report = await read(conn, gone)
        assert {child[name] for name in sealing(tables.children).columns} == {None}
        assert (report["narrative"], report["reporter"]) == (None, None)
        assert (await read(conn, kept))[0]["name"].startswith("canary")
        assert (await rotation.standing(conn)).since_rotation == 1
    with pytest.raises(Destroyed):
        async with district.begin() as conn:
            await sealed_row(conn, tables.notes, {"stream_id": gone, "version": 9, "body": "x"})

    async def restored(conn, streams):
        """The rows of the older backup in place of those of now."""
        for row in backup:
            if row["stream_id"] in streams:
                held = {"id": row["kek_id"], "since": datetime.now(UTC)}
                await conn.execute(text("insert into master_keys values (:id, :since) on conflict do nothing"), held)
                mine = update(tables.data_keys).where(tables.data_keys.c.stream_id == row["stream_id"])
                await conn.execute(mine.values(**row))

    async with district.begin() as conn:  # until then the backup still opens it: said in SECURITY.md
        await restored(conn, [gone])
        assert (await read(conn, gone))[0]["name"].startswith("canary")
        await conn.rollback()
    after = keys.renew()
    await rotation.rotate(district, lambda done, whole: None)
    keys.keep_only(after)
    async with district.begin() as conn:
        assert (await rotation.standing(conn)).since_rotation == 0
        assert (await read(conn, kept))[0]["name"].startswith(
            "canary"
        )  # its content is as old as the backup, its key of now
        await restored(conn, [gone, kept])
        for case in (gone, kept):
            with pytest.raises(KeyMissing):
                await read(conn, case)
        await conn.rollback()
