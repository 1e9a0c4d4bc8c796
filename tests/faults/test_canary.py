"""Q-S7: what is said of children is nowhere but in its columns: not in Temporal, logs, temporary files, the disk of the database or the
processes' own, also where everything fails. In `make test` some children, with `make faults` two hundred."""

import asyncio
import contextlib

import asyncpg
import psutil
import pytest
from sqlalchemy import delete, func, insert, select
from temporalio.service import RPCError

from app.bookkeeper import PLACE
from app.db import tables
from app.db.beats import beats
from app.db.vault import opened
from tests.faults import times
from tests.faults.canaries import CIVIL, POLICE, form, leaks, lives, outside, sessions, words
from tests.faults.traffic import REPORTER

PATIENCE = 60
CHILDREN, AT_ONCE = times(3, 200), 4
STREET = "street-110106101.officer.1"


@pytest.fixture
async def in_own_place(rig, monkeypatch):
    """The service with a place for temporary files where they are looked for."""
    place = rig.data / "tmp"
    place.mkdir(exist_ok=True)
    monkeypatch.setenv("TMPDIR", str(place))
    return place


async def everything_fails(rig, people, word):
    """A report whose way leads through errors of the client, the database, the agencies and the worker."""
    filing = asyncio.create_task(people.post(REPORTER, "/v1/reports", form(word)))
    rig.kill("postgres")
    await asyncio.sleep(0.5)
    await rig.restart("postgres")
    case = (await filing)["case_id"]
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


async def books_are_made(rig, people, place):
    """A workbook while its worker is killed: what it had written goes with the next one."""
    left = place / f"{PLACE}999999999-x"
    left.mkdir()
    (left / "made.xlsx").write_text("of a worker that was killed")
    asked = await people.post(STREET, "/v1/ledgers/information/exports", {})
    await rig.restart("worker")
    async with asyncio.timeout(PATIENCE):
        while (await people.get(STREET, f"/v1/sheets/{asked['id']}"))["state"] not in ("done", "refused", "failed"):
            await asyncio.sleep(0.1)
    assert not left.exists()


async def test_what_is_said_of_children_is_nowhere_but_in_its_columns(rig, people, in_own_place):
    await rig.agency("EDU", "reject")
    await rig.agency("HEALTH", "hang")
    all_words = [words() for _ in range(CHILDREN + 1)]
    await rig.restart("api")
    await rig.restart("worker", saying=all_words[0]["narrative"])
    await rig.works()
    seated, turn, cases = await sessions(rig, POLICE, CIVIL), asyncio.Semaphore(AT_ONCE), []

    async def one(word):
        async with turn:
            cases.append(await lives(rig, people, word, seated))

    await asyncio.gather(*(one(word) for word in all_words[1:]))
    case = await everything_fails(rig, people, all_words[0])
    await failed(rig, case)
    await books_are_made(rig, people, in_own_place)
    assert await leaks(rig, people, all_words) == []
    assert len(cases) == CHILDREN
    everywhere = b"".join(path.read_bytes() for name, path in outside(rig).items() if name.parts[0] != "postgres")
    assert case.encode() in everywhere, "the search sees what is there"
    async with rig.database() as engine, engine.connect() as conn:
        child = (await conn.execute(select(tables.children).where(tables.children.c.case_id == case))).mappings().one()
        assert (await opened(conn, [child], tables.children))[0]["name"] == all_words[0]["name"]
    alive = rig.processes("api")
    assert len(alive) >= 2, "with the one that reads files"
    assert {process.rlimit(psutil.RLIMIT_CORE) for process in alive} == {(0, 0)}, (
        "nobody is left a picture of its memory"
    )


@pytest.mark.parametrize("where", ["api.log", "tmp/shouhu-x/made.xlsx", "postgres/base/pgsql_tmp/t", "temporal/x.db"])
async def test_control_a_word_that_stands_somewhere_is_found(rig, people, where):
    word, path = words(), rig.data / f"{where}.planted"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"x{word['content']} {word['phone']},{word['id_no']}")
    found = await leaks(rig, people, [word])
    path.unlink()
    assert {said for _, said in found} == {word["content"], word["phone"], word["id_no"]}


async def test_control_a_word_in_a_row_is_found(rig, people):
    word = words()
    async with rig.database() as engine:
        async with engine.begin() as conn:
            await conn.execute(
                insert(beats).values(process="planted", build=word["name"], began_at=func.now(), at=func.now())
            )
        found = await leaks(rig, people, [word])
        async with engine.begin() as conn:
            await conn.execute(delete(beats).where(beats.c.process == "planted"))
    assert ("beats", word["name"]) in found


async def test_control_failures_in_clear_are_found_in_temporal(rig, people):
    word = words()
    await rig.agency("EDU", "accept")
    await rig.restart("worker", saying=word["narrative"], clear_failures=True)
    case = (await people.post(REPORTER, "/v1/reports", form(word)))["case_id"]
    await failed(rig, case)
    assert word["narrative"] in {said for name, said in await leaks(rig, people, [word]) if "temporal" in name}
