"""The API in this process, on the real database, as seeded people call it."""

import asyncio
import base64
import uuid
from dataclasses import replace
from datetime import date
from functools import cache
from urllib.parse import quote

import httpx2
import pytest
from sqlalchemy import delete, select, update

from app import bookkeeper
from app.db import tables
from app.db.account_tables import api_keys
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.sealer import Sealer, SealKey
from app.db.service import Service
from app.db.versions import policy_versions
from app.district import PEOPLE
from app.domain.guessing import Allowance
from app.main import create_app
from app.policy.loader import load
from app.seed import seed
from app.settings import Settings
from tests.files.corpus import image

UNHEEDED = Allowance(what="tests", most=1000)
"""Wrong codes; tests/api/test_limits.py has the real allowance."""
UNIT = "unit-school-1"
PHOTO = image()
SEAL_KEY = base64.b64encode(b"a key of tests, 32 bytes long, k").decode()
TOKENS = {person.id: f"token-of-{person.id}" for person in PEOPLE}


def pytest_collection_modifyitems(items):
    """The thousands of questions about the table of access come before other tests of this room fill the lists that they go through."""
    ours = [n for n, item in enumerate(items) if item.nodeid.startswith("tests/api/")]
    ordered = sorted((items[n] for n in ours), key=lambda item: "_matrix.py" not in item.nodeid)
    for n, item in zip(ours, ordered, strict=True):
        items[n] = item


@cache
def described():
    """The paths of the OpenAPI; to make it takes more than a second, so nothing asks for it while tests are collected."""
    return create_app(Settings()).openapi()["paths"]


class Api:
    """Calls as a person; the answer is the response itself. `tokens` are those of a service that runs elsewhere."""

    def __init__(self, http, service, tokens=TOKENS):
        self.http, self.service, self.tokens = http, service, tokens

    def _headers(self, person, more):
        return {"Authorization": f"Bearer {self.tokens[person]}", **(more or {})} if person else dict(more or {})

    async def get(self, person, path, headers=None):
        return await self.http.get(path, headers=self._headers(person, headers))

    async def post(self, person, path, body=None, headers=None):
        return await self.http.post(path, json=body or {}, headers=self._headers(person, headers))

    async def report(self, person="village.reporter.1", **changes):
        form = {
            "reporter": {"class": "committee"},
            "children": [{"residence_division": "110106101"}],
            "situations": ["living_alone"],
            **changes,
        }
        answer = await self.post(person, "/v1/reports", form)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def progress(self, case_id, person="civil.supervisor.1"):
        return (await self.get(person, f"/v1/cases/{case_id}")).json()["progress"]

    async def opened(self, person, path):
        """A case or a file with the names in full, once the person has said why."""
        told = await self.post(person, f"{path}/full-view", {"need": "verify", "note": "核对身份"})
        assert told.status_code == 201, told.text
        return await self.get(person, path)

    async def approved(self, person, second, act, **parameters):
        """What takes two persons, proposed by one and approved by the other."""
        asked = {"act": act, "parameters": parameters, "reason": "verify", "note": "核对"}
        made = await self.post(person, "/v1/approvals", asked)
        assert made.status_code == 201, made.text
        done = await self.post(second, f"/v1/approvals/{made.json()['id']}/approve")
        assert done.status_code == 200, done.text

    async def leg(self, case_id, agency):
        return next(r["id"] for r in (await self.progress(case_id))["referrals"] if r["agency"] == agency)


WITHOUT_RECORD = {
    "keep_task_view", "end_task_view", "read_notice",  # how somebody likes a list, and what they have seen of it
    "simulate_case", "rehearse_case",  # nothing is kept
    "answer_survey",  # it belongs to nobody, and no child is in it
}  # fmt: skip


class Witness:
    """Around the API: under which requests each operation changed something."""

    def __init__(self, app):
        self.app, self.state, self.changed = app, app.state, {}

    async def __call__(self, scope, receive, send):
        async def sends(message):
            if message["type"] == "http.response.start" and message["status"] < 300 and scope["method"] != "GET":
                operation, trace = (
                    getattr(scope.get("route"), "operation_id", None),
                    dict(message["headers"])[b"x-trace-id"],
                )
                if operation:
                    self.changed.setdefault(operation, set()).add(trace.decode())
            await send(message)

        await self.app(scope, receive, sends)

    async def require_all_on_record(self, engine):
        """Each operation, in one of its requests at least: the others may have been repetitions."""
        traces = [trace for of in self.changed.values() for trace in of]
        query = select(tables.audit.c.trace_id).distinct().where(tables.audit.c.trace_id.in_(traces))
        async with engine.connect() as conn:
            known = set((await conn.execute(query)).scalars())
        unseen = {operation for operation, of in self.changed.items() if not of & known} - WITHOUT_RECORD
        assert not unseen, f"not on record: {sorted(unseen)}"


async def upload(api, person, content=PHOTO, name="照片.jpg"):
    """A file of somebody's, which no case has yet."""
    headers = {"Content-Type": "application/octet-stream", "X-File-Name": quote(name)}
    kept = await api.http.post("/v1/files", content=content, headers=api._headers(person, headers))
    assert kept.status_code == 201, kept.text
    return kept.json()["id"]


@pytest.fixture(scope="session")
async def api(engine, walled):
    async with engine.begin() as conn:
        await seed(conn, tokens=TOKENS)
    service = Service(engine, Ledger(load, "fengtai-2026.1"), Receipts(b"secret of the tests"), codes=UNHEEDED)
    sealer = Sealer(engine, SealKey.of(SEAL_KEY))
    while await sealer.seal():  # what other rooms left behind
        pass
    sealing = asyncio.create_task(sealer.run())
    app = create_app(
        Settings(), given=replace(service, engine=walled)
    )  # tests prepare rows as the owner, the API is walled
    witness = Witness(app)
    transport = httpx2.ASGITransport(witness, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shouhu.test") as http:
        yield Api(http, service)
    sealing.cancel()
    await witness.require_all_on_record(engine)


class Machine:
    """Calls with a key."""

    def __init__(self, api, made):
        self.api, self.id, self.headers = api, made["id"], {"Authorization": f"Bearer {made['key']}"}

    async def get(self, path):
        return await self.api.http.get(path, headers=self.headers)

    async def post(self, path, body, headers=None):
        return await self.api.http.post(path, json=body, headers=self.headers | (headers or {}))

    async def is_good(self):
        return (await self.get("/v1/me")).status_code == 200


@pytest.fixture
async def give(api):
    """Keys that the test gives; afterwards there are none."""

    async def give(unit=UNIT, scopes=("report:create", "report:read-own"), by="admin.1"):
        made = await api.post(by, "/v1/keys", {"unit": unit, "scopes": list(scopes), "label": "示例系统"})
        assert made.status_code == 201, made.text
        return Machine(api, made.json())

    yield give
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(api_keys))


@pytest.fixture
def key():
    return uuid.uuid4().hex


@pytest.fixture
async def case(api):
    """A report of its own."""
    return (await api.report())["case_id"]


@pytest.fixture
def run(api, worker_engine, tmp_path):
    """Works on a job as the worker would, under the worker's role."""

    async def work(answer):
        assert answer.status_code == 202, answer.text
        job = answer.json()["id"]
        await bookkeeper.work_on(worker_engine, api.service.ledger, api.service.receipts, job, tmp_path)
        return job

    return work


@pytest.fixture
async def version(api):
    """The name of a version of its own, which afterwards waits for a day that no test reaches: published rules hold for every later test."""
    name = f"fengtai-test.{uuid.uuid4().hex[:8]}"
    yield name
    async with api.service.engine.begin() as conn:
        row = update(policy_versions).where(policy_versions.c.version.startswith(name))
        await conn.execute(row.values(effective_from=date(9999, 1, 1)))
