"""What was destroyed is read from no backup of before, once the master key is renewed; and the list of what is due comes by a schedule."""

import asyncio
import secrets
import subprocess
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text, update

from app.db import rotation, tables
from app.db.erasure import erase, owed
from app.db.session import engine_of
from app.db.vault import KeyMissing, Vault, vault_of
from app.domain.access import ENGINE
from app.domain.retention import Dossier
from app.master_keys import FileKeys
from app.schedules import NIGHT, RETENTION, keep_retention
from tests.canary import filed, read
from tests.world import PATIENCE, World


def run(postgres, tool, *arguments):
    url = postgres.url.replace("+asyncpg", "")
    done = subprocess.run([str(postgres.bin / tool), *arguments], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr.replace(url, "")


async def test_a_dump_of_before_opens_nothing_of_what_was_destroyed(district, keys, postgres, tmp_path):
    """pg_dump, destroy, renew the master key, pg_restore into a database of its own; the control is the same dump before that."""
    url = district.url.render_as_string(hide_password=False).replace("+asyncpg", "")
    async with district.begin() as conn:
        gone, kept = await filed(conn), await filed(conn)
        await conn.execute(update(tables.cases).where(tables.cases.c.id == gone).values(is_open=False))
        line = {
            "subject_id": gone, "kept": "case", "case_id": gone, "rule": "x", "due_on": datetime.now(UTC).date(), "held": False,
            "listed_at": datetime.now(UTC),
        }  # fmt: skip
        await conn.execute(insert(tables.disposals), line)
    dump, export = tmp_path / "backup.dump", tmp_path / "keys.jsonl"
    await asyncio.to_thread(run, postgres, "pg_dump", "-Fc", "-f", str(dump), url)
    name = f"restored_{secrets.token_hex(4)}"
    address = url.rpartition("/")[0] + f"/{name}"
    restored = engine_of(
        address.replace("postgresql:", "postgresql+asyncpg:"), pool=2, vault=Vault(FileKeys(keys.path))
    )
    async with district.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text(f"create database {name}"))
    try:
        await asyncio.to_thread(run, postgres, "pg_restore", "-d", address, str(dump))
        async with restored.begin() as conn:  # the control: until then the backup opens it
            assert (await read(conn, gone))[0]["name"].startswith("canary")
        async with district.begin() as conn:
            assert (await erase(conn, ENGINE, gone, Dossier.CASE, "approval-x", datetime.now(UTC))).streams == 1
            assert await owed(conn) == 1
        current = keys.renew()
        await rotation.rotate(district, lambda done, whole: None)
        keys.keep_only(current)
        async with district.begin() as conn:
            assert await owed(conn) == 0
            export.write_text("\n".join(await rotation.exported(conn)))
        async with restored.begin() as conn:
            for case in (gone, kept):
                with pytest.raises(KeyMissing):
                    await read(conn, case)
            await rotation.restored(conn, export.read_text().splitlines())
            assert (await read(conn, kept))[0]["name"].startswith("canary"), (
                "what was kept is read with the newest export"
            )
            child, report = await read(conn, gone)
            assert (child["name"], child["id_no"], report["narrative"], report["reporter"]) == (None, None, None, None)
            assert await vault_of(conn).keys(conn, [gone]) == {gone: None}
    finally:
        await restored.dispose()
        async with district.connect() as conn:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            await conn.execute(text(f"drop database {name} with (force)"))


async def test_a_schedule_lists_what_is_due_every_night(engine, temporal):
    """The real schedule starts the real workflow; a line that is not due any more is gone after it."""
    async with World(engine, temporal).open() as world:
        case = await world.report("CN-02")
        stale = {
            "subject_id": case, "kept": "case", "case_id": case, "rule": "x", "due_on": datetime.now(UTC).date(), "held": False,
            "listed_at": datetime.now(UTC),
        }  # fmt: skip
        async with engine.begin() as conn:
            await conn.execute(insert(tables.disposals), stale)
        await keep_retention(world.env.client, world.settings.task_queue)
        handle = world.env.client.get_schedule_handle(f"{RETENTION}{world.settings.task_queue}")
        hours = {(at.hour, at.minute) for at in (await handle.describe()).info.next_action_times}
        assert hours == {((NIGHT - 8) % 24, 0)}, "three in the morning in Beijing"
        await handle.trigger()
        line = select(tables.disposals).where(tables.disposals.c.subject_id == case)
        async with asyncio.timeout(PATIENCE):
            while True:
                async with engine.connect() as conn:
                    if (await conn.execute(line)).first() is None:
                        break
                await asyncio.sleep(0.1)
        await handle.delete()
