"""The health of the service as its API says it, from rows that a worker, the reconciler and deliveries leave."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, update

from app.db import tables
from app.db.beats import beat, beats
from tests.api.test_reports import is_problem

PATH = "/v1/system/health"


async def signs(api, person="admin.1"):
    answer = await api.get(person, PATH)
    assert answer.status_code == 200, answer.text
    return {sign["vital"]: sign for sign in answer.json()["signs"]}


async def test_those_who_run_or_oversee_it_may_know_and_nobody_else(api):
    for person in ("admin.1", "security.1", "auditor.1", "civil.supervisor.1", "conf.supervisor.1"):
        assert (await api.get(person, PATH)).status_code == 200
    for person in ("police.officer.1", "police.head.1", "school.reporter.1"):
        assert is_problem(await api.get(person, PATH), 403, "not_allowed")


async def test_a_worker_is_heard_and_missed_when_it_falls_silent(api):
    now = api.service.ledger.clock()
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(beats))
    assert (await signs(api))["worker"]["light"] == "wrong"
    async with api.service.engine.begin() as conn:
        await beat(conn, "worker-a", "b1", now, engine=True, reconciled_at=now)
        await beat(conn, "worker-b", "b1", now - timedelta(minutes=5), engine=False, reconciled_at=None)
    found = await signs(api)
    assert [found[name]["light"] for name in ("worker", "engine", "reconciler")] == ["good"] * 3
    assert found["worker"]["zh"].startswith("1 个在运行")
    async with api.service.engine.begin() as conn:
        await beat(conn, "worker-a", "b1", now, engine=False, reconciled_at=now)
        await conn.execute(update(beats).values(at=now - timedelta(minutes=2), engine_at=now - timedelta(minutes=2)))
    found = await signs(api)
    assert [found[name]["light"] for name in ("worker", "engine", "reconciler")] == ["wrong", "wrong", "good"]
    assert "docker compose up -d worker" in found["worker"]["do_zh"]
    async with api.service.engine.begin() as conn:
        await beat(conn, "worker-c", "b2", now + timedelta(days=2), engine=True, reconciled_at=now)
        left = (await conn.execute(beats.select())).all()
        await conn.execute(delete(beats))
    assert [row.process for row in left] == ["worker-c"]


@pytest.fixture
async def trouble(api):
    """A case that nobody owns and whose delivery fails; taken back afterwards."""
    case = (await api.report())["case_id"]
    row = {"stream_id": case, "problem": "no_owner", "repaired": False, "found_at": api.service.ledger.clock()}
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(tables.findings), row)
        await conn.execute(
            update(tables.tasks)
            .where(tables.tasks.c.case_id == case, tables.tasks.c.agency == "POLICE")
            .values(delivery="failing")
        )
    yield case
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(tables.findings).where(tables.findings.c.stream_id == case))
        await conn.execute(update(tables.tasks).where(tables.tasks.c.case_id == case).values(delivery="none"))


async def test_what_is_wrong_with_cases_is_counted_and_never_named(api, trouble):
    answer = await api.get("auditor.1", PATH)
    found = {sign["vital"]: sign for sign in answer.json()["signs"]}
    assert found["findings"]["light"] == found["deliveries"]["light"] == "wrong"
    assert "无人负责" in found["findings"]["zh"]
    assert "区公安分局" in found["deliveries"]["zh"]
    assert answer.json()["light"] == "wrong"
    assert trouble not in answer.text
