"""Q-R1: PostgreSQL is killed at random while clients submit; every report that was acknowledged is there, once."""

import asyncio
import random
import subprocess
import sys

import httpx2
import pytest
from sqlalchemy import text

from app.stack import ROOT
from tests.faults import times
from tests.faults.checker import settled
from tests.faults.traffic import Stubborn, crowd

KILLS, CLIENTS = times(4, 200), 8


async def storm(rig, people, kills):
    """So many power cuts of the database, each after some more acknowledgements to the eight clients."""
    over = asyncio.Event()
    load = asyncio.create_task(crowd(people, CLIENTS, over))
    for _ in range(kills):
        enough = len(people.acks) + random.randint(5, 40)
        while len(people.acks) < enough:
            await asyncio.sleep(0.005)
        rig.kill("postgres")
        await asyncio.to_thread(rig.postgres.start)
    over.set()
    await load


async def test_no_acknowledged_report_is_lost_and_none_is_doubled(rig, people):
    await storm(rig, people, KILLS)
    _, found = await settled(rig, people)
    assert found == []
    assert people.wrong == []


@pytest.fixture
async def forgetful(rig):
    """The guard removed: the database is told, while the service runs, to acknowledge before it has written."""

    async def setting(*statements):
        async with rig.database() as engine, engine.connect() as conn:
            conn = await conn.execution_options(isolation_level="AUTOCOMMIT")
            for statement in (*statements, "select pg_reload_conf()"):
                await conn.execute(text(statement))

    await setting("alter system set synchronous_commit = off", "alter system set wal_writer_delay = '10s'")
    await rig.restart("postgres")
    yield rig
    await setting("alter system reset synchronous_commit", "alter system reset wal_writer_delay")
    await rig.restart("postgres")


async def test_control_the_same_test_sees_the_loss_when_commits_are_not_durable(forgetful):
    async with httpx2.AsyncClient(base_url=forgetful.url, timeout=10) as http:
        people = Stubborn(http, forgetful.tokens)
        await storm(forgetful, people, 2)
        _, found = await settled(forgetful, people, within=0)
    assert any(said.startswith("lost report") for said in found)


@pytest.mark.parametrize("module", ["app.main", "app.worker"])
async def test_no_process_starts_where_commits_are_not_durable(forgetful, module):
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", module], cwd=ROOT, env=forgetful.environment() | {"SHOUHU_API_PORT": "0"},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode != 0
    assert "not_durable" in done.stdout
