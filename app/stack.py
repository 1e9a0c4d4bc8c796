"""The whole service on one machine: private servers, the API and the worker as processes of their own."""

import asyncio
import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import httpx2
from sqlalchemy import make_url

from app.db.migrate import migrate
from app.db.rotation import require_keys
from app.db.session import engine_of
from app.db.vault import KeyMissing, Vault
from app.db.walls import APP, WORKER, let_in
from app.embedded import (
    BEHIND,
    EmbeddedError,
    Postgres,
    Temporal,
    die_with_parent,
    free_port,
    lock_directory,
    require_free,
)
from app.master_keys import KEY_FILE, FileKeys, make_key_file
from app.seed import seed, tokens_of
from app.settings import SETTINGS_FILE, Settings

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0
ROLES = {"app.main": APP, "app.worker": WORKER}
Say = Callable[[str], None]


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


SECRETS: dict[str, Callable[[], str]] = {
    "payload_keys": lambda: f"k1:{_key()}",
    "receipt_secret": lambda: secrets.token_urlsafe(32),
    "audit_key": _key,
}
"""What an installation must hold and never lose, each with how it is made."""


class Stack:
    """Starts in order, stops in reverse; the data stays in its directory."""

    def __init__(
        self, data: Path, *, api_port: int, temporal_port: int, ui_port: int, policy: str | None = None,
        limits: float | None = None, behind: int = BEHIND,
    ) -> None:  # fmt: skip
        self.data, self.limits, self.behind = data.absolute(), limits, behind
        self.api_port = api_port or free_port()
        self.policy = policy
        self._lock: IO[str] | None = None
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._temporal_ports = (temporal_port, ui_port)
        self.postgres: Postgres | None = None
        self.temporal: Temporal | None = None
        self.tokens: dict[str, str] = {}

    @property
    def is_started(self) -> bool:
        """Whether the service was brought up by this process."""
        return bool(self._processes)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.api_port}"

    def start(self, say: Say) -> None:
        """Everything up and answering; raises EmbeddedError with a sentence for people."""
        self._lock = lock_directory(self.data)
        require_free(self.api_port, "the API")
        self.temporal = Temporal(self.data / "temporal", *self._temporal_ports, behind=self.behind)
        self.temporal.require_ports()
        say("Starting PostgreSQL ...")
        self.postgres = Postgres(self.data / "postgres")
        self.postgres.start()
        say("Starting Temporal ...")
        self.temporal.start()
        say("Preparing the database and the district ...")
        self.tokens = tokens_of(self.data / "tokens.json", wanted=Settings().tokens)
        make_key_file(self.data / KEY_FILE)
        asyncio.run(self._prepare())
        if (
            self.dead() == self.temporal.directory.name
        ):  # it draws ports of its own, and another program was quicker with one
            self.temporal.start()
        self._leave_settings()
        say("Starting the API and the worker ...")
        self.spawn("api", "app.main")
        self.spawn("worker", "app.worker")
        self._wait_for_api()

    def spawn(self, name: str, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        """One process of the service, its log beside the data."""
        with (self.data / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT, env=self.environment_of(module), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM, self.behind if module == "app.worker" else 0),
            )  # fmt: skip
        self._processes[name] = process
        return process

    def process(self, name: str) -> subprocess.Popen[bytes]:
        """The process of that name, for those who test its death."""
        return self._processes[name]

    def environment(self) -> dict[str, str]:
        """The settings of the processes."""
        if self.postgres is None or self.temporal is None:
            raise EmbeddedError("the servers are not started")
        stored = self._secrets()
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SHOUHU_DATABASE_URL": self.postgres.url,
            "SHOUHU_TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal.port}",
            "SHOUHU_API_PORT": str(self.api_port),
            "SHOUHU_PUBLIC_URL": self.url,
            "SHOUHU_DATA_DIR": str(self.data),
            "SHOUHU_PAYLOAD_KEYS": stored["payload_keys"],
            "SHOUHU_RECEIPT_SECRET": stored["receipt_secret"],
            "SHOUHU_AUDIT_KEY": stored["audit_key"],
            "SHOUHU_KEY_FILE": str(self.data / KEY_FILE),
            **({"SHOUHU_POLICY": self.policy} if self.policy else {}),
            **({"SHOUHU_LIMITS": str(self.limits)} if self.limits is not None else {}),
        }

    @property
    def vault(self) -> Vault:
        """The keys of this installation."""
        return Vault(FileKeys(self.data / KEY_FILE))

    def environment_of(self, module: str) -> dict[str, str]:
        """The API and the worker sign in to the database as roles that own nothing."""
        found, role = self.environment(), ROLES.get(module)
        if role and self.postgres:
            address = make_url(found["SHOUHU_DATABASE_URL"]).set(
                username=role, password=self.postgres.password_of(role)
            )
            found["SHOUHU_DATABASE_URL"] = address.render_as_string(hide_password=False)
        return found | ({"SHOUHU_AUDIT_KEY": ""} if role == APP else {})  # only the worker draws seals

    def dead(self) -> str | None:
        """The name of a process that has ended, if one has."""
        servers = {server.directory.name: server.process for server in (self.postgres, self.temporal) if server}
        all_of_them = {**servers, **self._processes}
        return next((name for name, process in all_of_them.items() if process and process.poll() is not None), None)

    def stop(self) -> None:
        """Stop all that was started; safe to call twice."""
        for process in reversed(self._processes.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self._processes.clear()
        for server in (self.temporal, self.postgres):
            if server:
                server.stop()
        if self._lock:
            self._lock.close()
            self._lock = None

    async def _prepare(self) -> None:
        if self.postgres is None:
            raise EmbeddedError("the servers are not started")
        engine = engine_of(self.postgres.url, vault=self.vault)
        try:
            await migrate(engine)
            async with engine.begin() as conn:
                await require_keys(conn)
                await let_in(conn, {role: self.postgres.password_of(role) for role in (APP, WORKER)})
                await seed(conn, tokens=self.tokens)
        except KeyMissing as missing:
            raise EmbeddedError(f"{missing}: without it nobody reads what is stored in {self.data}.") from None
        finally:
            await engine.dispose()

    def _leave_settings(self) -> None:
        """The settings of this run beside its data, for `doctor` and `reconcile`."""
        path = self.data / SETTINGS_FILE
        path.touch(0o600)
        ours = {name: value for name, value in self.environment().items() if name.startswith("SHOUHU_")}
        path.write_text("".join(f"{name}={value}\n" for name, value in ours.items()))

    def _secrets(self) -> dict[str, str]:
        """Made where there are none yet; a folder of an older release gets those that it lacks."""
        path = self.data / "secrets.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        if missing := {name: make() for name, make in SECRETS.items() if name not in known}:
            path.touch(0o600)
            path.write_text(json.dumps(known | missing))
        return known | missing

    def _wait_for_api(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if dead := self.dead():
                raise EmbeddedError(f"The {dead} ended at its start; its log is {self.data}/{dead}.log")
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200:
                    return
            time.sleep(0.1)
        raise EmbeddedError(f"The API did not answer in time; its log is {self.data}/api.log")
