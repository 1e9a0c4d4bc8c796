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
from tests.faults.canaries import CIVIL, POLICE, STREET, answered, form, kept, leaks, lives, outside, sessions, words
from tests.faults.traffic import REPORTER

PATIENCE = 60
CHILDREN, AT_ONCE = times(2, 200), 4


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


def left_by_a_killed_worker(place):
    """What was written of a book until then."""
    left = place / f"{PLACE}999999999-x"
    left.mkdir()
    (left / "made.xlsx").write_text("of a worker that was killed")
    return left


async def books_are_made(rig, people):
    """By two persons, for of two hundred children it takes them."""
    said = {"act": "export", "parameters": {"ledger": "information"}, "reason": "office_work", "note": "核对填表"}
    proposed = (await people.post(STREET, "/v1/approvals", said))["id"]
    await people.post(STREET.replace("officer", "head"), f"/v1/approvals/{proposed}/approve", {})
    asked = await people.post(STREET, "/v1/ledgers/information/exports", {})
    async with asyncio.timeout(PATIENCE):
        while (await people.get(STREET, f"/v1/sheets/{asked['id']}"))["state"] not in ("done", "refused", "failed"):
            await asyncio.sleep(0.1)


async def test_what_is_said_of_children_is_nowhere_but_in_its_columns(rig, people):
    await rig.agency("EDU", "reject")
    await rig.agency("HEALTH", "hang")
    all_words, left = [words() for _ in range(2 * CHILDREN + 2)], left_by_a_killed_worker(rig.place)
    reported, others = all_words[1 : CHILDREN + 1], all_words[CHILDREN + 1 :]
    await rig.restart("worker", saying=all_words[0]["narrative"])
    await rig.works()
    seated, turn, cases = await sessions(rig, POLICE, CIVIL), asyncio.Semaphore(AT_ONCE), []

    async def one(word, other):
        async with turn:
            cases.append(await lives(rig, people, word, seated))
            await kept(people, other)

    await asyncio.gather(*(one(*both) for both in zip(reported, others[1:], strict=True)))
    await answered(people, others[0])
    case = await everything_fails(rig, people, all_words[0])
    await failed(rig, case)
    await books_are_made(rig, people)
    assert not left.exists()
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


PLACES = ("api.log", "tmp/shouhu-x/made.xlsx", "postgres/base/pgsql_tmp/t", "temporal/x.db")


async def test_control_a_word_that_stands_somewhere_is_found(rig, people):
    """In a file of each kind, and in a row."""
    planted = {rig.data / f"{where}.planted": words() for where in PLACES}
    in_a_row = words()
    for path, word in planted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x{word['content']} {word['phone']},{word['id_no']}")
    async with rig.database() as engine:
        async with engine.begin() as conn:
            row = insert(beats).values(process="planted", build=in_a_row["name"], began_at=func.now(), at=func.now())
            await conn.execute(row)
        found = await leaks(rig, people, [*planted.values(), in_a_row])
        async with engine.begin() as conn:
            await conn.execute(delete(beats).where(beats.c.process == "planted"))
    for path, word in planted.items():
        path.unlink()
        where = str(path.relative_to(rig.data))
        assert {said for name, said in found if name == where} == {word["content"], word["phone"], word["id_no"]}, where
    assert ("beats", in_a_row["name"]) in found


async def test_control_failures_in_clear_are_found_in_temporal(rig, people):
    word = words()
    await rig.agency("EDU", "accept")
    await rig.restart("worker", saying=word["narrative"], clear_failures=True)
    case = (await people.post(REPORTER, "/v1/reports", form(word)))["case_id"]
    await failed(rig, case)
    assert word["narrative"] in {said for name, said in await leaks(rig, people, [word]) if "temporal" in name}
