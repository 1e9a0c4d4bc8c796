"""The processes may start before their servers: they wait, say so, and go on by themselves."""

import asyncio
import json
import os
import subprocess
import sys
import time

import httpx2
import pytest

from app.db.migrate import migrate
from app.db.session import engine_of
from app.db.walls import APP, WORKER, let_in
from app.embedded import Postgres, Temporal, free_port
from app.process import FIRST_WAIT, LONGEST_WAIT
from app.stack import ROOT
from tests.conftest import KEY_SETTINGS, VAULT

PATIENCE = 60


@pytest.fixture
async def servers(place):
    """Both were there once, and are away."""
    postgres = Postgres(place / "waits" / "postgres", free_port())
    temporal = Temporal(place / "waits" / "temporal", free_port(), free_port())
    postgres.start()
    engine = engine_of(postgres.url, vault=VAULT)
    await migrate(engine)
    async with engine.begin() as conn:
        await let_in(conn, {role: postgres.password_of(role) for role in (APP, WORKER)})
    await engine.dispose()
    postgres.stop()
    yield postgres, temporal
    temporal.stop()
    postgres.stop()


class Waiting:
    """One process of the service, and what it says."""

    def __init__(self, module, environment, log):
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=out, stderr=out
            )

    def said(self, event):
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]

    async def until(self, true):
        end = time.monotonic() + PATIENCE
        while not await true():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            await asyncio.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


async def test_processes_that_start_before_their_servers_wait_for_them_and_say_so(servers, place):
    postgres, temporal = servers
    port = free_port()
    settings = {
        "SHOUHU_DATABASE_URL": postgres.url_as(APP), "SHOUHU_TEMPORAL_ADDRESS": f"127.0.0.1:{temporal.port}",
        "SHOUHU_API_PORT": str(port), "SHOUHU_RECEIPT_SECRET": "of this test", "PYTHONPATH": str(ROOT),
        "SHOUHU_PAYLOAD_KEYS": "k1:c2hvdWh1LXRlc3Qta2V5LTMyLWJ5dGVzLWxvbmctISE=",
        **KEY_SETTINGS, "SHOUHU_AUDIT_KEY": "c2hvdWh1LXRlc3Qta2V5LTMyLWJ5dGVzLWxvbmctISE=",
    }  # fmt: skip
    api = Waiting("app.main", os.environ | settings, place / "waits-api.log")
    as_worker = os.environ | settings | {"SHOUHU_DATABASE_URL": postgres.url_as(WORKER)}
    worker = Waiting("app.worker", as_worker, place / "waits-worker.log")
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5, trust_env=False) as http:

            async def answers(path, status):
                try:
                    return (await http.get(path)).status_code == status
                except httpx2.TransportError:
                    return False

            await api.until(lambda: answers("/healthz", 200))
            for path in ("/readyz", "/v1/me", "/progress"):
                waits = await http.get(path)
                assert (waits.status_code, "retry-after" in waits.headers) == (503, True), waits.text
            tried = [line["seconds"] for line in api.said("waits_for_server")]
            assert tried == [min(FIRST_WAIT * 2**n, LONGEST_WAIT) for n in range(len(tried))]

            async def worker_waits(server):
                return any(line["server"] == server for line in worker.said("waits_for_server"))

            await worker.until(lambda: worker_waits("postgresql"))
            postgres.start()
            await api.until(lambda: answers("/readyz", 200))
            assert (await http.get("/v1/me")).status_code == 401
            await worker.until(lambda: worker_waits("temporal"))
            temporal.start()

            async def worker_is_ready():
                return bool(worker.said("worker_ready"))

            await worker.until(worker_is_ready)
    finally:
        api.stop()
        worker.stop()
