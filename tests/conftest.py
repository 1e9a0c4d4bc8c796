"""Real servers for every test above the unit: one PostgreSQL and one Temporal with virtual time for the whole run."""

import base64
import gc
import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import select, text
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment
from xdist.scheduler import LoadScopeScheduling

from app.db import tables
from app.db.migrate import migrate
from app.db.session import engine_of
from app.db.vault import Vault
from app.db.walls import APP, WORKER, let_in
from app.district import PEOPLE
from app.embedded import Postgres
from app.master_keys import FileKeys, GivenKeys, make_key_file
from app.seed import seed
from app.temporal import data_converter
from tests.faults import LONG

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of a hundred processes would compile the service anew
os.environ.setdefault("SHOUHU_LIMITS", "1000")  # tests ask more often than people; those of the limits set their own
PARTS = {"web": "pages", "e2e": "processes", "workflows": "processes", "faults": "processes"} | dict.fromkeys(
    ("domain", "files", "test_coverage.py", "test_deploy.py", "test_disclosure.py", "test_disclosure_shown.py", "test_entitlements.py",
     "test_explanation.py", "test_older.py", "test_policy.py", "test_policy_check.py", "test_rehearsal.py", "test_simulation.py",
     "test_supply.py"),
    "rules",
) | dict.fromkeys(("api/test_matrix.py", "api/test_child_matrix.py", "api/test_fuzz.py"), "asked")  # fmt: skip
"""Which part of a whole run a room or a file belongs to; what is in none is the rest. The three long parts begin at once, each in a process
with servers of its own, of which one mostly waits; whoever is done first takes the two walks over all that the API is asked, then the
rules, which need no server."""
ORDER = ("rest", "processes", "pages", "asked", "rules")
KEYS = {"test": base64.b64decode("c2hvdWh1LXRlc3Qta2V5LTMyLWJ5dGVzLWxvbmctISE=")}
assert len(KEYS["test"]) == 32
TOKENS = {person.id: f"wall-{person.id}" for person in PEOPLE}
MASTER, MARKS = b"a master key of tests, 32 bytes!", b"a key of marks of tests, 32 byte"
VAULT = Vault(GivenKeys({"m-test": MASTER}, MARKS))
KEY_SETTINGS = {
    "SHOUHU_MASTER_KEYS": f"m-test:{base64.b64encode(MASTER).decode()}",
    "SHOUHU_MARK_KEY": base64.b64encode(MARKS).decode(),
}
"""The same for processes."""
DYNAMIC = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    # A timer rings up to so much late, a second unless told otherwise, and a ladder has dozens of them.
    'history.timerProcessorMaxTimeShift="1ms"',
)


class Parts(LoadScopeScheduling):
    """Each part in its order: no test meets other neighbours of its part than when the part runs alone."""

    def _split_scope(self, nodeid: str) -> str:
        _, room, *file = nodeid.partition("::")[0].split("/")
        return PARTS.get("/".join((room, *file))) or PARTS.get(room, "rest")

    def _assign_work_unit(self, node):
        """The longest first, or it would be waited for; how many tests a part has says nothing of that."""
        self.workqueue.move_to_end(min(self.workqueue, key=ORDER.index), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config, log):
    """A whole run goes over three processes by parts."""
    return Parts(config, log)


def pytest_collection_finish():
    """As when the service begins: what is imported by now is never garbage."""
    gc.freeze()


def pytest_collection_modifyitems(items):
    """At the promised length tests take their time (`make faults`)."""
    for item in items if LONG else ():
        item.add_marker(pytest.mark.timeout(7200))


@pytest.fixture(scope="session")
def place():
    """A directory that PostgreSQL's account may enter."""
    with tempfile.TemporaryDirectory(prefix="shouhu-test-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def postgres(place):
    server = Postgres(place / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def engine(postgres):
    """Migrated and seeded; tests make cases of their own and never share one."""
    engine = engine_of(postgres.url, vault=VAULT)
    await migrate(engine)
    async with engine.begin() as conn:
        await let_in(conn, {role: postgres.password_of(role) for role in (APP, WORKER)})
        await seed(conn, tokens={})
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
async def walled(postgres, engine):
    """As the API's role, which sees what its person may see and nothing without one."""
    walled = engine_of(postgres.url_as(APP), vault=VAULT)
    yield walled
    await walled.dispose()


@pytest.fixture(scope="session")
async def worker_engine(postgres, engine):
    """As the worker's role."""
    ours = engine_of(postgres.url_as(WORKER), vault=VAULT)
    yield ours
    await ours.dispose()


@pytest.fixture(scope="module")
async def tokens(engine):
    """Everybody of the district has a token, by account; afterwards they have what they had."""
    async with engine.begin() as conn:
        rows = await conn.execute(select(tables.people.c.id, tables.people.c.token_hash))
        before = {row.id: row.token_hash for row in rows}
        await seed(conn, tokens=TOKENS)
    yield TOKENS
    async with engine.begin() as conn:
        for person, digest in before.items():
            await conn.execute(tables.people.update().where(tables.people.c.id == person).values(token_hash=digest))


@pytest.fixture
def keys(tmp_path):
    """A key file."""
    path = tmp_path / "keys.json"
    make_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return FileKeys(path)


@pytest.fixture
async def own_database(postgres, engine, keys):
    """A database of its own with the keys of that file."""
    name = f"sealed_{secrets.token_hex(4)}"
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text(f"create database {name}"))
    ours = engine_of(postgres.url.rpartition("/")[0] + f"/{name}", pool=8, vault=Vault(FileKeys(keys.path)))
    yield ours
    await ours.dispose()
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text(f"drop database {name} with (force)"))


@pytest.fixture
async def district(own_database):
    """The same, migrated and seeded."""
    await migrate(own_database)
    async with own_database.begin() as conn:
        await seed(conn, tokens={})
    return own_database


@pytest.fixture(scope="session")
async def temporal():
    """Temporal's own server; every workflow has its own clock, which skips what nobody waits for."""
    env = await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(enabled=False),
        data_converter=data_converter(KEYS),
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_extra_args=[part for setting in DYNAMIC for part in ("--dynamic-config-value", setting)],
    )
    yield env
    await env.shutdown()
