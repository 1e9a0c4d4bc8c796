"""Q-S7: failures of every kind carry no personal data out of its columns: not to Temporal, nor to the log of any process."""

import asyncio
import contextlib
import uuid

import asyncpg
import pytest
from sqlalchemy import select, text
from temporalio.service import RPCError

from app.db import tables
from app.db.vault import opened
from tests.faults.traffic import PUPIL, REPORTER

PATIENCE = 60


@pytest.fixture
def words():
    """A unique word for every place where a person is named."""
    fields = ("reporter", "phone", "name", "school", "residence", "features", "guardian", "narrative", "note", "path")
    return {field: f"canary{uuid.uuid4().hex[:16]}" for field in fields}


def form(word):
    return {
        "reporter": {"class": "committee", "name": word["reporter"], "phone": word["phone"]},
        "children": [
            {
                "name": word["name"], "school": word["school"], "residence": word["residence"],
                "features": word["features"], **PUPIL,
            }
        ],
        "family": [{"name": word["guardian"], "relation": "父", "note": word["guardian"]}],
        "situations": ["living_alone"],
        "narrative": word["narrative"],
    }  # fmt: skip


async def everything_fails(rig, people, word):
    """A report whose way leads through errors of the client, the database, the agencies and the worker."""
    http, signed = people.http, {"Authorization": f"Bearer {rig.tokens[REPORTER]}"}
    for wrong in ({"children": [{"name": word["name"], "sex": word["name"]}]}, {"narrative": word["narrative"]}):
        await http.post("/v1/reports", json=wrong, headers=signed)
    await http.post("/v1/reports", content=b'{"narrative": "' + word["narrative"].encode(), headers=signed)
    await http.post("/v1/progress", json={"receipt": word["path"]})
    await http.get(f"/v1/{word['path']}?name={word['name']}", headers=signed)
    filing = asyncio.create_task(people.post(REPORTER, "/v1/reports", form(word)))
    rig.kill("postgres")
    await asyncio.sleep(0.5)
    await rig.restart("postgres")
    case = (await filing)["case_id"]
    accept = f"/v1/cases/{case}/referrals/a-police-1/accept"
    await people.post("police.officer.1", accept, {"note": word["note"]})
    await http.post(accept, json={"note": word["note"]}, headers={**signed, "If-Match": f'"{word["note"]}"'})
    connection = await asyncpg.connect(rig.postgres.url.replace("+asyncpg", ""))
    with pytest.raises(asyncpg.NotNullViolationError):  # whose detail quotes the row
        await connection.execute("insert into children (id, case_id, name) values ('x', $1, $2)", case, word["name"])
    await connection.close()
    return case


async def failed(rig, case):
    """Wait until Temporal has seen an activity of the case fail several times."""
    client, tried = await rig.temporal_client(), 0
    async with asyncio.timeout(PATIENCE):
        while tried <= 2:
            await asyncio.sleep(0.5)
            with contextlib.suppress(RPCError):  # it is not yet there
                described = await client.get_workflow_handle(case).describe()
                tried = max((p.attempt for p in described.raw_description.pending_activities), default=0)


def outside(rig):
    """All that lies outside the database: Temporal's files, the logs of all processes, what agencies log, settings."""
    inside = rig.data / "postgres"
    files = [path for path in rig.data.rglob("*") if path.is_file() and inside not in path.parents]
    return b"".join(path.read_bytes() for path in files)


async def leaks(rig, words):
    """Where one of the words stands that should not."""
    found = [("outside", field) for field, word in words.items() if word.encode() in outside(rig)]
    async with rig.database() as engine, engine.connect() as conn:
        for table in tables.metadata.tables:
            for field, word in words.items():
                query = text(f'select count(*) from "{table}" t where t::text like :word')
                if (await conn.execute(query, {"word": f"%{word}%"})).scalar_one():
                    found.append((table, field))
    return found


async def test_no_failure_carries_a_person_out(rig, people, words):
    await rig.agency("EDU", "reject")
    await rig.agency("HEALTH", "hang")
    await rig.restart("worker", saying=words["narrative"])
    await rig.works()
    case = await everything_fails(rig, people, words)
    await failed(rig, case)
    assert await leaks(rig, words) == []
    assert case.encode() in outside(rig)  # the search sees what is there
    async with rig.database() as engine, engine.connect() as conn:
        child = (await conn.execute(select(tables.children).where(tables.children.c.case_id == case))).mappings().one()
        assert (await opened(conn, [child], tables.children))[0]["name"] == words["name"]


async def test_control_failures_in_clear_are_found_in_temporal(rig, people, words):
    await rig.agency("EDU", "accept")
    await rig.restart("worker", saying=words["narrative"], clear_failures=True)
    case = (await people.post(REPORTER, "/v1/reports", form(words)))["case_id"]
    await failed(rig, case)
    assert ("outside", "narrative") in await leaks(rig, words)
