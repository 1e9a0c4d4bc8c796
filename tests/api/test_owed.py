"""What desks owe outside of cases over the API: seen by the desk and those above it, explained by the desk, and by nobody else."""

import uuid

import pytest
from sqlalchemy import delete

from app.db import tables
from app.db.owed import open_all, opening
from app.domain.owed import Matter
from tests.api.test_reports import is_problem

DIVISION = "110106009"
COMM, STREET, OTHER = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.head.1", "comm-110106010.officer.1"


@pytest.fixture
async def wrong(api, engine):
    """Books that differ about a child, at the desk of its committee; the id."""
    asked = opening(Matter.BOOKS, "of_age", f"ch-{uuid.uuid4().hex}", f"COMM-{DIVISION}", DIVISION, "books_check")
    async with engine.begin() as conn:
        await open_all(conn, api.service.ledger, [asked, asked], api.service.ledger.clock())
    yield asked.owed_id
    async with engine.begin() as conn:
        await conn.execute(delete(tables.owed).where(tables.owed.c.id == asked.owed_id))


async def seen(api, person, query=""):
    return {row["id"]: row for row in (await api.get(person, f"/v1/owed?limit=200{query}")).json()["items"]}


@pytest.mark.requirement("R015")
async def test_books_that_differ_are_seen_and_explained_by_the_desk_alone(api, wrong):
    for person, sees in (
        (COMM, True),
        (STREET, True),
        ("civil.supervisor.1", True),
        (OTHER, False),
        ("admin.1", False),
    ):
        assert (wrong in await seen(api, person)) is sees, person
    row = (await seen(api, COMM, "&matter=books"))[wrong]
    assert (row["zh"], row["desk"], row["basis"]) == ("已满十八周岁仍在监测", f"COMM-{DIVISION}", ["R015", "default"])
    is_problem(await api.get(OTHER, f"/v1/owed/{wrong}"), 404, "owed_not_found")
    path = f"/v1/owed/{wrong}/settle"
    is_problem(await api.post(OTHER, path, {"note": "x"}), 404, "owed_not_found")
    is_problem(await api.post(COMM, path, {"note": "x", "how": "filled"}), 403, "not_allowed")
    is_problem(await api.post(COMM, path, {}), 422, "invalid_request")
    key = {"Idempotency-Key": uuid.uuid4().hex}
    done = await api.post(COMM, path, {"note": "已移交成年人救助"}, key)
    assert (done.status_code, done.json()["how"]) == (200, "explained"), done.text
    assert (await api.post(COMM, path, {"note": "已移交成年人救助"}, key)).json()["replayed"]
    is_problem(await api.post(COMM, path, {"note": "x"}), 409, "already_done")
    assert wrong not in await seen(api, COMM)
    assert (await seen(api, COMM, "&settled=true"))[wrong]["settled_at"]
