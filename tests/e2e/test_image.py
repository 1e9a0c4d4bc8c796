"""The image without a container engine: each process of the Compose file, with its command and its settings, from what the Dockerfile copies."""

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time

import asyncpg
import pytest
import yaml

from app.db.walls import APP, WORKER
from app.embedded import Postgres, Temporal, free_port
from app.endpoints import new_secret
from app.stack import ROOT

PATIENCE = 60
COPIED = re.compile(r"^COPY (?!--from)(?P<sources>.+) (?P<target>\S+)$", re.MULTILINE)
WITHOUT_THE_REST = """
import sys
from importlib.metadata import packages_distributions
locked = set(sys.argv[1].split())
absent = {
    name for name, sources in packages_distributions().items()
    if not locked & {source.lower().replace("_", "-").replace(".", "-") for source in sources}
}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
assert "pytest" in absent and "pydantic" not in absent
import app.cli, app.demo, app.doctor, app.endpoints, app.main, app.seed, app.stack, app.worker, deploy.simulator
"""
KEY = base64.b64encode(bytes(32)).decode()


@pytest.fixture(scope="module")
def image(place):
    """The files of the image, nothing else of the tree."""
    root = place / "image"
    for found in COPIED.finditer((ROOT / "deploy" / "Dockerfile").read_text()):
        for source in found["sources"].split():
            if source != "deploy/requirements.lock":
                target = root / found["target"] / (source.rpartition("/")[2] if found["target"].endswith("/") else "")
                target.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, target)
    return root


@pytest.fixture(scope="module")
def servers(place):
    """What the image finds in its networks: an empty PostgreSQL and a Temporal with nothing in it."""
    postgres, temporal = Postgres(place / "compose" / "postgres"), Temporal(place / "compose" / "temporal")
    try:
        postgres.start()
        asyncio.run(_roles(postgres))
        temporal.start()
        yield postgres, temporal
    finally:
        temporal.stop()
        postgres.stop()


async def _roles(postgres):
    """The lines of the Compose file's own script about the roles that own nothing; the owner is there already."""
    script = (ROOT / "deploy" / "postgres" / "10-roles.sql").read_text()
    lines = [line for line in script.splitlines() if re.match(r"(CREATE ROLE|GRANT) shouhu_", line)]
    connection = await asyncpg.connect(postgres.url.replace("+asyncpg", ""))
    for line in lines:
        name = re.search(r":'(\w+)_password'", line)
        password = postgres.password_of(f"shouhu_{name[1]}") if name else ""
        await connection.execute(re.sub(r":'\w+_password'", f"'{password}'", line))
    await connection.close()


@pytest.fixture(scope="module")
def compose(image, servers, place):
    """Run a service of the Compose file as a process; the names of other services become addresses of this machine."""
    postgres, temporal = servers
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    simulator = free_port()
    values = {
        "SHOUHU_DB_PASSWORD": "in-the-address", "SHOUHU_APP_DB_PASSWORD": "in-the-address",
        "SHOUHU_WORKER_DB_PASSWORD": "in-the-address",
        "SHOUHU_RECEIPT_SECRET": "r" * 32, "SHOUHU_AUDIT_KEY": KEY, "SIMULATOR_SECRET": new_secret(),
        "SHOUHU_PAYLOAD_KEYS": f"k1:{base64.b64encode(os.urandom(32)).decode()}",
        "SHOUHU_MASTER_KEYS": f"m1:{base64.b64encode(os.urandom(32)).decode()}",
        "SHOUHU_MARK_KEY": base64.b64encode(os.urandom(32)).decode(),
    }  # fmt: skip
    there = {
        "postgresql+asyncpg://shouhu:in-the-address@postgres:5432/shouhu": postgres.url,
        **{f"postgresql+asyncpg://{role}:in-the-address@postgres:5432/shouhu": postgres.url_as(role) for role in (APP, WORKER)},
        "temporal:7233": f"127.0.0.1:{temporal.port}",
        "0.0.0.0": "127.0.0.1", "8100": str(simulator), "/var/lib/shouhu": str(place / "tokens"),
    }  # fmt: skip
    api = free_port()
    running = []

    def filled(text):
        text = re.sub(r"\$\{(\w+)(?::[?-]([^}]*))?\}", lambda found: values.get(found[1], found[2]), text)
        text = re.sub(r"http://simulator-[a-z-]+:8100", f"http://127.0.0.1:{simulator}", text)
        return there.get(text, text.replace("http://api:8000", f"http://127.0.0.1:{api}"))

    def start(name, *command):
        service = services[name]
        settings = {key: filled(value) for key, value in service["environment"].items()} | {"SHOUHU_API_PORT": str(api)}
        entry = service.get("entrypoint", ["python", "-m", "app.cli"])
        arguments = [filled(word) for word in (*entry, *(command or service["command"]))]
        process = subprocess.Popen(
            [sys.executable, *arguments[1:]], cwd=image, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **settings},
        )  # fmt: skip
        running.append(process)
        return process

    start.api, start.simulator, start.services = api, simulator, services
    yield start
    for process in running:
        process.kill()
        process.communicate()


def ends_well(process):
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    return said


def becomes_well(code):
    """Whether a health check of the Compose file succeeds in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=30).returncode == 0:
            return True
        time.sleep(0.2)
    return False


def test_every_process_of_the_compose_file_becomes_ready(compose, place):
    assert "up to date" in ends_well(compose("migrate"))
    ends_well(compose("seed"))
    tokens = json.loads((place / "tokens" / "tokens.json").read_text())
    assert (place / "tokens" / "tokens.json").stat().st_mode & 0o077 == 0
    compose("api")
    code = compose.services["api"]["healthcheck"]["test"][3].replace("127.0.0.1:8000", f"127.0.0.1:{compose.api}")
    assert becomes_well(code)

    assert compose("worker", "doctor", "--quick").wait(PATIENCE) == 1  # nobody polls yet
    compose("worker")
    probe = compose.services["worker"]["healthcheck"]["test"][4:]
    end = time.monotonic() + PATIENCE
    while (health := compose("worker", *probe)).wait(PATIENCE) and time.monotonic() < end:
        time.sleep(0.5)
    assert health.returncode == 0, health.communicate()[0]

    simulator = compose("simulator-accepts")
    assert "ready" in simulator.stdout.readline()
    code = compose.services["simulator-accepts"]["healthcheck"]["test"][3]
    assert becomes_well(code.replace("127.0.0.1:8100", f"127.0.0.1:{compose.simulator}"))
    said = ends_well(compose("enter-simulators"))
    assert {line.split()[0] for line in said.splitlines()} == {"DPF", "HOUSING", "UNION", "JUSTICE"}
    assert "whsec_" not in said
    assert tokens["civil.supervisor.1"]


def test_the_processes_need_nothing_that_the_image_does_not_install():
    lock = (ROOT / "deploy" / "requirements.lock").read_text()
    locked = " ".join(name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    command = [sys.executable, "-c", WITHOUT_THE_REST, locked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def test_each_simulator_is_entered_at_the_address_where_it_listens(compose):
    entered = dict(word.split("=") for word in compose.services["enter-simulators"]["command"] if "=" in word)
    listening = {
        service["command"][1]: f"http://{name}:{service['entrypoint'][-3]}/referrals"
        for name, service in compose.services.items()
        if name.startswith("simulator-")
    }
    assert entered == listening
