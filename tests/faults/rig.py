"""The whole service, breakable in one line: kill, hang, lost reply, delay, reset, clock step, done but error."""

import asyncio
import base64
import contextlib
import json
import secrets
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psutil
from sqlalchemy import delete, insert

from app.db import tables
from app.db.session import engine_of
from app.db.vault import sealed_row
from app.embedded import free_port
from app.settings import Settings
from app.stack import Stack
from app.temporal import connect
from tests.faults.wire import Wire

PATIENCE = 60
SERVERS = ("postgres", "temporal")
MODULES = {"api": "app.main", "worker": "app.worker"}
REAL, QUICK = "fengtai-2026.1", "fengtai-2026.1+demo"
CARELESS = "tests.faults.api"


class Rig(Stack):
    """The service as processes. Wires stand before the API, and behind the processes that are `wired` from their next start on."""

    def __init__(self, data: Path, *, policy: str = REAL) -> None:
        super().__init__(data, api_port=0, temporal_port=0, ui_port=0, policy=policy, limits=1000, behind=0)
        self.wired: set[str] = set()
        self.place = self.data / "tmp"
        """Where the processes put what is temporary."""
        self._starting, self._workers_before = "", 0
        self.inside: dict[str, Any] = {}
        """Faults inside the worker from its next start on: see tests/faults/worker.py."""
        self.careless = False
        """Guard removed: the API answers before what it read is on record, from its next start on: see tests/faults/api.py."""
        self.agencies: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.wires = {name: Wire(lambda name=name: self.port(name)) for name in ("api", *SERVERS)}

    @contextlib.asynccontextmanager
    async def running(self):
        """Started, and stopped at the end."""
        self.place.mkdir(parents=True, exist_ok=True)
        for wire in self.wires.values():
            await wire.open()
        try:
            await asyncio.to_thread(self.start, lambda _: None)
            yield self
        finally:
            self.resume(*self._processes, *SERVERS)
            for wire in self.wires.values():
                await wire.close()
            await asyncio.to_thread(self.stop)

    def port(self, name: str) -> int:
        """Where that process listens."""
        if name == "api":
            return self.api_port
        return self.agencies[name][0] if name in self.agencies else getattr(self, name).port

    def environment(self) -> dict[str, str]:
        """With the faults that are asked for; through the wires where that is asked for."""
        found = super().environment() | {"TMPDIR": str(self.place)}
        if self._starting in self.wired:
            postgres, temporal = str(self.wires["postgres"].port), str(self.wires["temporal"].port)
            found["SHOUHU_DATABASE_URL"] = found["SHOUHU_DATABASE_URL"].replace(str(self.port("postgres")), postgres)
            found["SHOUHU_TEMPORAL_ADDRESS"] = f"127.0.0.1:{temporal}"
        return {**found, "FAULTS": json.dumps(self.inside)}

    def environment_of(self, module: str) -> dict[str, str]:
        """The careless API signs in to the database as the one that serves does."""
        return super().environment_of("app.main" if module == CARELESS else module)

    def spawn(self, name, module, *arguments):
        """The worker and the API with faults inside are the tests' own; without, they are those that serve."""
        self._workers_before = self._ready_workers() if name == "worker" else self._workers_before
        self._starting, faulty = name, self.inside if name == "worker" else name == "api" and self.careless
        return super().spawn(name, f"tests.faults.{name}" if faulty else module, *arguments)

    # Faults ---------------------------------------------------------------------------------------------------------

    def kill(self, *names: str) -> None:
        """End them and all their children as a power cut would."""
        doomed = [process for name in names for process in self._tree(name)]
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(doomed, timeout=10)
        for name in names:
            if root := self._root(name):
                root.wait()

    def hang(self, *names: str) -> None:
        """They stand still and keep their connections."""
        self._tell(signal.SIGSTOP, names)

    def resume(self, *names: str) -> None:
        """They go on where they stood."""
        self._tell(signal.SIGCONT, names)

    @contextlib.contextmanager
    def hung(self, *names: str):
        """They hang for as long as the block lasts."""
        self.hang(*names)
        try:
            yield
        finally:
            self.resume(*names)

    async def step_clock(self, span: timedelta) -> datetime:
        """The wall clock of the worker with `stepping` inside jumps to so much beside the true time; what it says then."""
        told, read = self.data / "clock", self.data / "clock.read"
        read.unlink(missing_ok=True)
        told.write_text(str(span.total_seconds()))
        async with asyncio.timeout(PATIENCE):
            while not read.exists():
                assert self.process("worker").poll() is None, "the worker has ended"
                await asyncio.sleep(0.1)
        return datetime.fromisoformat(read.read_text())

    async def restart(self, *names: str, **inside: Any) -> None:
        """Kill if need be, and start again; `inside` are the faults of the worker from now on."""
        self.inside = inside or self.inside
        self.resume(*names)
        self.kill(*names)
        for name in dict.fromkeys((*(server for server in SERVERS if server in names), *names)):
            if name in SERVERS:
                await asyncio.to_thread(getattr(self, name).start)
            elif name in self.agencies:
                self.spawn(name, "deploy.simulator", *self.agencies[name][1])
            else:
                self.spawn(name, MODULES[name])
        if "api" in names:
            await self.answers()

    def all_dead(self) -> tuple[str, ...]:
        """Those that have ended."""
        return tuple(name for name in (*SERVERS, *self._processes) if not self._tree(name))

    async def heal(self) -> None:
        """Whatever hangs goes on, whatever is dead, wired or faulty is started as it should be; the API and the worker are ready."""
        self.resume(*self._processes, *SERVERS)
        ill = {*self.all_dead(), *self.wired, *({"worker"} if self.inside else ()), *({"api"} if self.careless else ())}
        self.wired, self.inside, self.careless = set(), {}, False
        await self.restart(*ill)
        await self.answers()
        if "worker" in ill:
            await self.works()

    def processes(self, *names: str) -> list[psutil.Process]:
        """Those that live, with their children; all of them where none is named."""
        return [process for name in names or (*SERVERS, *self._processes) for process in self._tree(name)]

    async def answers(self) -> None:
        """Wait until the API is ready."""
        deadline = time.monotonic() + PATIENCE
        async with httpx2.AsyncClient(base_url=self.url, timeout=5) as http:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx2.TransportError):
                    if (await http.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise TimeoutError("the API does not answer")

    async def works(self) -> None:
        """Wait until the worker that was started last is ready."""
        async with asyncio.timeout(PATIENCE):
            while self._ready_workers() == self._workers_before:
                assert self.process("worker").poll() is None, "the worker has ended"
                await asyncio.sleep(0.1)

    def _ready_workers(self) -> int:
        log = self.data / "worker.log"
        return log.read_bytes().count(b"worker_ready") if log.exists() else 0

    def _root(self, name: str) -> Any:
        return getattr(self, name).process if name in SERVERS else self._processes[name]

    def _tree(self, name: str) -> list[psutil.Process]:
        """The living processes of that name, the parent first: a stopped parent makes no new children."""
        root = self._root(name)
        try:
            parent = psutil.Process(root.pid) if root and root.poll() is None else None
            return [parent, *parent.children(recursive=True)] if parent else []
        except psutil.NoSuchProcess:
            return []

    def _tell(self, sign: signal.Signals, names: tuple[str, ...]) -> None:
        for name in names:
            for process in self._tree(name):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(sign)

    # What stands around it ------------------------------------------------------------------------------------------

    async def agency(self, code: str, behaviour: str, *, delay: float = 0.2, lookup: bool = True) -> Path:
        """A system of that agency behind a wire of its own; its log is what it says that it received."""
        secret, log = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}", self.data / f"{code}.jsonl"
        self.wires[code] = await Wire(lambda: self.port(code)).open()
        port = free_port()
        arguments = (
            "--agency", code, "--port", str(port), "--behaviour", behaviour, "--secret", secret,
            "--callback", self.wires["api"].url, "--log", str(log), "--delay", str(delay),
        )  # fmt: skip
        self.agencies[code] = (port, arguments)
        self.spawn(code, "deploy.simulator", *arguments)
        row = {
            "agency": code, "url": f"{self.wires[code].url}/referrals", "secret": secret, "supports_lookup": lookup,
        }  # fmt: skip
        async with self.database() as engine, engine.begin() as conn:
            await conn.execute(delete(tables.endpoints).where(tables.endpoints.c.agency == code))
            await conn.execute(insert(tables.endpoints), await sealed_row(conn, tables.endpoints, row))
        return log

    async def dismiss(self) -> None:
        """All desks are built in again."""
        self.kill(*self.agencies)
        for code in self.agencies:
            await self.wires.pop(code).close()
            del self._processes[code]
        self.agencies.clear()
        async with self.database() as engine, engine.begin() as conn:
            await conn.execute(delete(tables.endpoints))

    @contextlib.asynccontextmanager
    async def database(self):
        """The database itself, past the wires."""
        engine = engine_of(self.postgres.url, pool=2, vault=self.vault)
        try:
            yield engine
        finally:
            await engine.dispose()

    async def temporal_client(self):
        """Temporal itself, past the wires."""
        return await connect(self.settings())

    def settings(self) -> Settings:
        """Those of the processes, past the wires."""
        ours = super().environment()
        return Settings(**{k.removeprefix("SHOUHU_").lower(): v for k, v in ours.items() if k.startswith("SHOUHU_")})
