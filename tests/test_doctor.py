"""Each check of the doctor is true of the real servers, and fails when what it looks at is broken."""

import asyncio
import base64
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import text, update

from app.db import tables
from app.db.migrate import head, migrate
from app.db.session import engine_of
from app.db.versions import keep, seal
from app.doctor import calendar_check, examine, walls_check
from app.seed import seed
from app.settings import Settings
from tests.actors import at_desk
from tests.conftest import KEYS, VAULT
from tests.test_older import FILES, left_out
from tests.world import World


async def verdicts(url, address="127.0.0.1:1", **settings):
    keys = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in KEYS.items())
    given = {"payload_keys": SecretStr(keys), "task_queue": "nobody-asks"} | settings
    found = Settings(database_url=SecretStr(url), temporal_address=address, **given)
    return {check.what: check for check in await examine(found, quick=False)}


@pytest.fixture
async def other(postgres, engine):
    """An empty database on the same server."""
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text("create database doctored"))
    yield postgres.url.rpartition("/")[0] + "/doctored"
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text("drop database doctored with (force)"))


async def test_an_unmigrated_an_unsafe_and_an_unseeded_database_are_each_told(other, engine):
    found = await verdicts(other)
    schema = found["the schema is at its newest revision"]
    assert not schema.ok
    assert f"instead of {head()}" in schema.detail
    ours = engine_of(other, vault=VAULT)
    await migrate(ours)
    async with ours.begin() as conn:
        await conn.execute(text("alter database doctored set synchronous_commit = off"))
    await ours.dispose()
    found = await verdicts(other)
    assert found["the schema is at its newest revision"].ok
    assert not found["synchronous_commit is on"].ok
    assert found["fsync is on"].ok
    assert not found["the calendar is confirmed"].ok


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_a_server_that_could_lose_what_was_acknowledged_is_told(other, engine, setting):
    """These two are of the server and not of a database."""
    assert (await verdicts(other))[f"{setting} is on"].ok
    async with engine.connect() as free:
        conn = await free.execution_options(isolation_level="AUTOCOMMIT")

        async def put(change, value):
            await conn.execute(text(f"alter system {change}"))
            await conn.execute(text("select pg_reload_conf()"))
            while (await conn.execute(text(f"show {setting}"))).scalar_one() != value:
                await asyncio.sleep(0.01)

        try:
            await put(f"set {setting} = off", "off")
            assert not (await verdicts(other))[f"{setting} is on"].ok
        finally:
            await put(f"reset {setting}", "on")


async def test_a_wall_that_was_opened_and_a_role_that_may_pass_it_are_told(other, engine):
    ours = engine_of(other, vault=VAULT)
    await migrate(ours)
    found = await verdicts(other)
    assert found["every walled table is shut"].ok
    assert found["the roles own nothing"].ok
    async with ours.begin() as conn:
        await conn.execute(text("alter table children no force row level security"))
        await conn.execute(text("alter role shouhu_door bypassrls"))
    try:
        found = await verdicts(other)
    finally:
        async with engine.begin() as conn:
            await conn.execute(text("alter role shouhu_door nobypassrls"))
        await ours.dispose()
    assert "children" in found["every walled table is shut"].detail
    assert not found["every walled table is shut"].ok
    assert "shouhu_door" in found["the roles own nothing"].detail
    assert not found["the roles own nothing"].ok


@pytest.mark.parametrize(("statement", "what", "told"), [
    ("create policy more on children to shouhu_app using (true)", "every walled table is shut", "children by more"),
    ("alter policy sight on cases using (true)", "every walled table is shut", "cases by sight"),
    ("alter policy service on reports to public", "every walled table is shut", "reports by service"),
    ("alter policy district on notes to shouhu_app", "every walled table is shut", "notes by district"),
    ("grant shouhu_worker to shouhu_app", "the roles own nothing", "shouhu_app as shouhu_worker"),
    ("grant pg_read_all_data to shouhu_worker", "the roles own nothing", "shouhu_worker as pg_read_all_data"),
    ("alter role shouhu_app replication", "the roles own nothing", "shouhu_app"),
])  # fmt: skip
async def test_a_rule_too_wide_and_a_membership_too_many_are_told(engine, statement, what, told):
    async with engine.connect() as conn:
        assert all(one.ok for one in await walls_check(conn)), await walls_check(conn)
        await conn.execute(text(statement))
        found = {one.what: one for one in await walls_check(conn)}
        await conn.rollback()
    assert not found[what].ok
    assert told in found[what].detail


async def test_a_conductor_that_is_not_told_is_late(other, temporal):
    ours = engine_of(other, vault=VAULT)
    await migrate(ours)
    async with ours.begin() as conn:
        await seed(conn, tokens={})
    assert (await verdicts(other))["the conductor is in step"].ok
    case_id = await World(ours, temporal).report(tell=False)
    assert (await verdicts(other))["the conductor is in step"].ok  # a moment is no lag
    async with ours.begin() as conn:
        events = update(tables.events).where(tables.events.c.stream_id == case_id)
        await conn.execute(events.values(at=tables.events.c.at - timedelta(minutes=5)))
    await ours.dispose()
    late = (await verdicts(other))["the conductor is in step"]
    assert not late.ok
    assert "1 behind, the oldest for 30" in late.detail


async def test_temporal_without_a_worker_and_with_one(postgres, engine, temporal):
    address = temporal.client.service_client.config.target_host
    nobody = await verdicts(postgres.url, address)
    assert nobody["Temporal answers"].ok
    assert not nobody["a worker polls"].ok
    async with World(engine, temporal).open() as world:
        await world.report()
        found = await verdicts(postgres.url, address, task_queue=world.settings.task_queue)
    assert found["a worker polls"].ok, found


async def test_servers_that_are_away_and_keys_that_are_none(postgres):
    found = await verdicts("postgresql+asyncpg://shouhu:x@127.0.0.1:1/postgres")
    assert not found["the database answers"].ok
    assert not found["Temporal answers"].ok
    keyless = await verdicts(postgres.url, payload_keys=SecretStr("k1:nonsense"))
    assert "SHOUHU_PAYLOAD_KEYS" in keyless["Temporal answers"].detail
    assert "nonsense" not in keyless["Temporal answers"].detail
    unset = await verdicts("", payload_keys=SecretStr(""))
    assert not any(check.ok for check in unset.values())
    assert "SHOUHU_DATABASE_URL" in unset["the database answers"].detail
    assert "not set" in unset["Temporal answers"].detail


def test_the_calendar_is_announced_before_it_ends_and_fails_when_it_has():
    until = date(2026, 12, 31)
    early, soon, past = (calendar_check(until, until - timedelta(days=days)) for days in (61, 60, -1))
    assert (early.ok, early.soon) == (True, False)
    assert (calendar_check(until, until - timedelta(days=59)).ok, soon.ok) == (True, True)
    assert calendar_check(until, until - timedelta(days=59)).soon
    assert not past.ok
    assert "2027" in past.detail


async def test_a_version_that_is_older_than_a_table_is_told_and_one_that_cannot_be_read_is_a_fault(other, engine):
    ours = engine_of(other)
    await migrate(ours)
    for name, files, ok, said in (
        ("fengtai-2025.9", FILES, True, "fengtai-2025.9 is silent about"),
        ("fengtai-2025.13", left_out(), True, "fengtai-2025.13 lacks registers.schools, registers.departures.review, "),
        ("fengtai-2025.8", FILES | {"times.yaml": "times: 3"}, False, "fengtai-2025.8: times.yaml: "),
    ):
        async with ours.begin() as conn:
            await keep(conn, name, "t", date(2025, 9, 1), files, at_desk("CONF", "a"), datetime.now(UTC))
            await seal(conn, name, at_desk("CONF", "b"), datetime.now(UTC))
        read = (await verdicts(other))["the published rules can be read"]
        assert (read.ok, read.soon) == (ok, ok), read.detail
        assert said in read.detail
    await ours.dispose()
