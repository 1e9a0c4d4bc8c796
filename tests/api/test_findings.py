"""What the reconciler finds is shown to a supervisor until it is over; what is safe to mend is mended, and twice is as once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from app.db import tables
from app.db.findings import GRACE, find, keep, rebuild_tasks
from app.domain.terms import Fault
from app.domain.watch import SPREAD
from tests.api.test_reports import is_problem


async def looked(engine, case, *, at=None):
    """One look at the database, as the reconciler takes it; the faults of this case."""
    now = at or datetime.now(UTC)
    async with engine.begin() as conn:
        found = await find(conn, now)
        await rebuild_tasks(conn, [f.stream_id for f in found if f.problem is Fault.TASKS_DIFFER])
        await keep(conn, found, now)
    return sorted(f.problem for f in found if f.stream_id == case)


async def shown(api, case, path="/v1/findings?limit=200", person="civil.supervisor.1"):
    rows = (await api.get(person, path)).json()["items"]
    return sorted((row["problem"], row["repaired"]) for row in rows if row["case_id"] == case)


async def change(engine, statement):
    async with engine.begin() as conn:
        await conn.execute(statement)


@pytest.mark.requirement("R136")
async def test_a_sound_case_is_no_finding(api, engine, case):
    assert await looked(engine, case) == []
    assert await shown(api, case) == []


async def test_a_deleted_or_unassigned_task_is_found_shown_and_made_anew_once(api, engine, case):
    leg = f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"
    assert (await api.post("police.officer.1", f"{leg}/claim")).status_code == 200
    task = tables.tasks.c
    async with engine.connect() as conn:
        rows = select(tables.tasks).where(task.case_id == case).order_by(task.subject)
        before = (await conn.execute(rows)).all()
    for damage in (
        delete(tables.tasks).where(task.case_id == case, task.agency == "STREET"),
        update(tables.tasks).where(task.case_id == case, task.holder.is_not(None)).values(holder=None),
        update(tables.tasks).where(task.case_id == case, task.agency == "STREET").values(is_open=False),
    ):
        await change(engine, damage)
        assert await looked(engine, case) == [Fault.TASKS_DIFFER]
        assert await shown(api, case) == [("tasks_differ", True)]
        async with engine.connect() as conn:
            assert (await conn.execute(rows)).all() == before
        assert await looked(engine, case) == []
        assert await shown(api, case) == []
    assert len(await shown(api, case, "/v1/findings?ended=true&limit=200")) == 3


async def test_a_case_whose_holder_has_left_is_shown_until_the_task_is_moved(api, engine, case):
    leg = f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"
    await api.post("police.officer.2", f"{leg}/claim")
    people = tables.people.c
    gone = update(tables.people).where(people.id == "police.officer.2")
    await change(engine, gone.values(is_active=False))
    try:
        assert await looked(engine, case) == [Fault.NO_OWNER]
        assert await looked(engine, case) == [Fault.NO_OWNER]
        assert await shown(api, case) == [("no_owner", False)]
        assert await shown(api, case, person="police.head.1") == [("no_owner", False)]
        moved = await api.post("police.head.1", f"{leg}/move", {"to": "police.officer.1"})
        assert moved.status_code == 200
        assert await looked(engine, case) == []
    finally:
        await change(engine, gone.values(is_active=True))


async def test_a_desk_at_which_nobody_works_owns_nothing(api, engine, case):
    staff = update(tables.people).where(tables.people.c.desk == "STREET-110106101")
    await change(engine, staff.values(is_active=False))
    try:
        assert Fault.NO_OWNER in await looked(engine, case)
    finally:
        await change(engine, staff.values(is_active=True))


async def test_a_case_without_a_deadline_or_with_one_that_the_engine_missed_is_shown(api, engine, case):
    stored = update(tables.cases).where(tables.cases.c.id == case)
    await change(engine, stored.values(next_deadline_at=None))
    assert await looked(engine, case) == [Fault.NO_NEXT_DEADLINE]
    await change(engine, stored.values(next_deadline_at=datetime.now(UTC) - timedelta(minutes=6)))
    assert await looked(engine, case) == [Fault.ENGINE_STANDS_STILL]
    assert await shown(api, case) == [("engine_stands_still", False)]


@pytest.mark.parametrize(
    ("late", "visit_after", "found"),
    [
        (GRACE + SPREAD * 0.9, timedelta(), []), (GRACE + SPREAD * 1.1, timedelta(), [Fault.ENGINE_STANDS_STILL]),
        (GRACE * 1.1, timedelta(days=7), [Fault.ENGINE_STANDS_STILL]), (GRACE * 0.9, timedelta(days=7), []),
    ],
)  # fmt: skip
async def test_a_missed_visit_may_wait_for_its_turn_in_the_night_and_no_longer_and_no_warning_may(
    engine, late, visit_after, found
):
    now = datetime.now(UTC)
    visit = {"rungs": [{"rung": "remind", "at": (now - late + visit_after).isoformat()}]}
    watch = {
        "id": "watch-of-a-night", "version": 1, "policy": "fengtai-2026.1", "progress": {"visit": visit}, "is_open": True,
        "child_id": "ch-of-a-night", "next_deadline_at": now - late,
        "visit_due_at": now - late, "division": "110106101", "grade": "low", "desk": "COMM-110106101",
    }  # fmt: skip
    await change(engine, insert(tables.watches).values(watch))
    try:
        assert await looked(engine, watch["id"], at=now) == found
    finally:
        await change(engine, delete(tables.watches).where(tables.watches.c.id == watch["id"]))


async def test_findings_are_for_those_who_oversee(api, engine, case):
    await change(engine, update(tables.cases).where(tables.cases.c.id == case).values(next_deadline_at=None))
    await looked(engine, case)
    is_problem(await api.get("police.officer.1", "/v1/findings"), 403, "not_allowed")
    is_problem(await api.get("village.reporter.1", "/v1/findings"), 403, "not_allowed")
    assert await shown(api, case, person="edu.head.1") == []
