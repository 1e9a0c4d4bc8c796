"""Personal data is nowhere but in its columns: unique words are entered everywhere, then searched for outside."""

import asyncio
import uuid

import asyncpg
from sqlalchemy import select

from app.db import tables
from app.db.session import engine_of
from app.db.vault import opened
from app.settings import Settings
from app.temporal import connect

CANARIES = {
    field: f"canary{uuid.uuid4().hex[:12]}"
    for field in (
        "name",
        "reporter",
        "school",
        "residence",
        "features",
        "guardian",
        "narrative",
        "note",
        "phone",
        "answer",
    )
}


async def test_no_personal_data_in_temporal_or_logs(stack, people):
    word = CANARIES
    form = {
        "reporter": {"class": "committee", "name": word["reporter"], "phone": word["phone"]},
        "children": [
            {
                "name": word["name"],
                "school": word["school"],
                "residence": word["residence"],
                "features": word["features"],
                "residence_division": "110106101",
            }
        ],
        "family": [{"name": word["guardian"], "relation": "父", "note": word["guardian"]}],
        "situations": ["living_alone"],
        "narrative": word["narrative"],
    }
    report = await people.post("village.reporter.1", "/v1/reports", form)
    path = f"/v1/cases/{report['case_id']}"
    await people.post("police.officer.1", f"{path}/referrals/a-police-1/accept", {"note": word["note"]})
    await people.post("civil.officer.1", f"{path}/answer", {"note": word["answer"]})
    await people.http.post("/v1/reports", json={"children": [{"name": word["name"], "sex": word["name"]}]})
    await people.http.post("/v1/progress", json={"receipt": word["name"]})
    await people.http.post("/progress", data={"code": word["name"]})
    fired: set[str] = set()
    async with asyncio.timeout(60):
        while not {"remind", "desk_head", "agency_head"} <= fired:  # so that the conductor has had its say as well
            await asyncio.sleep(0.2)
            timeline = await people.get("civil.supervisor.1", f"{path}/timeline")
            fired = {row["rung"] for row in timeline if row["kind"] == "rung_fired"}

    outside = b"".join(
        path.read_bytes()
        for path in stack.data.rglob("*")
        if path.is_file() and "postgres/" not in f"{path.relative_to(stack.data)}"
    )
    assert [field for field, secret in word.items() if secret.encode() in outside] == []
    assert report["case_id"].encode() in outside  # the search itself sees what is there

    history = await _history(stack, report["case_id"])
    assert [field for field, secret in word.items() if secret in history] == []
    assert await _in_events(stack, list(word.values())) == 0
    assert await _in_content(stack, report["case_id"]) == word["name"]


async def _history(stack, case_id):
    environment = {
        k.removeprefix("SHOUHU_").lower(): v for k, v in stack.environment().items() if k.startswith("SHOUHU_")
    }
    client = await connect(Settings(**environment))
    return str(await client.get_workflow_handle(case_id).fetch_history())


async def _in_events(stack, words):
    connection = await asyncpg.connect(stack.postgres.url.replace("+asyncpg", ""))
    try:
        tables = ("events", "cases", "tasks", "audit", "deadlines", "notices", "commands")
        counts = [
            await connection.fetchval(
                f"select count(*) from {table} t where t::text like any($1)", [f"%{w}%" for w in words]
            )
            for table in tables
        ]
        return sum(counts)
    finally:
        await connection.close()


async def _in_content(stack, case_id):
    """The name as the service itself reads it."""
    engine = engine_of(stack.postgres.url, pool=1, vault=stack.vault)
    async with engine.connect() as conn:
        child = tables.children
        row = (await conn.execute(select(child).where(child.c.case_id == case_id))).mappings().one()
        (shown,) = await opened(conn, [row], child)
    await engine.dispose()
    return shown["name"]
