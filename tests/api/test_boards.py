"""What people work from: each sees the own desk's, and figures show the past as it stood."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from app.db import tables
from app.domain.access import ENGINE
from app.domain.terms import Cause, Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from tests.api.test_reports import is_problem
from tests.api.test_stalled import rows_of


async def test_a_seat_without_a_desks_work_sees_no_task_of_the_desk(api):
    await api.report("school.reporter.1", reporter={"class": "school"}, situations=["dropout"], kind="dropout")
    assert (await api.get("school.officer.1", "/v1/tasks")).json()["items"]
    for stranger in ("school.reporter.1", "admin.1"):
        assert (await api.get(stranger, "/v1/tasks")).json()["items"] == []


@pytest.fixture
async def watch(api):
    case = (await api.report(children=[{"residence_division": "110106007"}]))["case_id"]
    child = (await api.progress(case))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case, division="110106007", grade=Grade.HIGH)
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(begin.child_id), begin)
    return f"watch-{child}"


async def test_only_the_committees_staff_visits_and_ends_a_watch(api, watch):
    visit, end = {"finding": "well"}, {"reason": "risk_ended", "note": "父亲已返京照料，三次走访均良好"}
    for stranger in ("committee.reporter.1", "comm-110106001.officer.1"):
        assert watch not in (await api.get(stranger, "/v1/watches")).text
        is_problem(await api.post(stranger, f"/v1/watches/{watch}/visits", visit), 404, "case_not_found")
        is_problem(await api.post(stranger, f"/v1/watches/{watch}/end", end), 404, "case_not_found")
    assert watch in (await api.get("comm-110106007.officer.1", "/v1/watches")).text
    assert (await api.post("comm-110106007.officer.1", f"/v1/watches/{watch}/visits", visit)).json()["version"] == 2
    ended = await api.post("comm-110106007.officer.1", f"/v1/watches/{watch}/end", end)
    assert ended.status_code == 200, ended.text
    for head, is_told in (
        ("comm-110106007.head.1", True),
        ("street-110106007.head.1", True),
        ("street-110106001.head.1", False),
    ):
        told = (await api.get(head, "/v1/notices?limit=200")).json()["items"]
        assert any(one["kind"] == "watch_ended" for one in told) == is_told, head
    again = await api.post("comm-110106007.officer.1", f"/v1/watches/{watch}/visits", visit)
    is_problem(again, 409, "case_closed")


async def test_a_visit_sent_twice_is_recorded_once(api, watch, key):
    path, visit, twice = f"/v1/watches/{watch}/visits", {"finding": "well"}, {"Idempotency-Key": key}
    first = (await api.post("comm-110106007.officer.1", path, visit, twice)).json()
    assert (await api.post("comm-110106007.officer.1", path, visit, twice)).json()["version"] == first["version"]


async def _rates(api, at):
    answer = await api.get("civil.supervisor.1", f"/v1/statistics/on-time?by=agency&as_of={at:%Y-%m-%dT%H:%M:%SZ}")
    return {row["agency"]: (row["due"], row["on_time"]) for row in answer.json()}.get("CULTURE", (0, 0))


async def test_on_time_rates_are_those_of_the_past_and_a_late_extension_hides_nothing(api):
    case = (await api.report())["case_id"]
    start = datetime(2020, 1, 1, tzinfo=UTC)

    def line(due, until=None, met=None, begun=0):
        day = [start + timedelta(days=n) if n is not None else None for n in (due, begun, until, met)]
        return dict(
            zip(("due_at", "valid_from", "valid_to", "met_at"), day, strict=True), case_id=case, subject="t",
            clock="finish", agency="CULTURE", stage="assess", urgency="normal",
        )  # fmt: skip

    lines = [
        line(2, until=1, met=1),  # met before it was due
        line(2, until=3, met=3),  # met late
        line(2, until=5), line(9, begun=5, until=6, met=6),  # extended when it was already late: missed once, met once
        line(4, until=1), line(9, begun=1),  # extended in time: the first deadline no longer stood
    ]  # fmt: skip
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(tables.deadlines), lines)
    assert await _rates(api, start + timedelta(days=1, hours=12)) == (0, 0)
    for day in (2.5, 4.5, 7):
        assert await _rates(api, start + timedelta(days=day)) == (3, 1)
    assert await _rates(api, start + timedelta(days=10)) == (5, 2)


async def test_stalled_names_no_case_that_the_head_may_not_see(api):
    case = (await api.report())["case_id"]
    assert await rows_of(api, case)
    assert not await rows_of(api, case, person="housing.head.1")


@pytest.mark.parametrize("person", ["civil.supervisor.1", "police.head.1"])
async def test_each_cause_is_counted_as_its_list_is_long(api, person):
    counts = {one["cause"]: one["tasks"] for one in (await api.get(person, "/v1/stalled/counts")).json()}
    for cause in Cause:
        listed = (await api.get(person, f"/v1/stalled?cause={cause.value}&limit=100")).json()["items"]
        assert counts[cause.value] == len(listed), cause
    assert sum(counts.values()) > 0


async def test_absences_are_listed_and_only_sensible_ones_are_taken(api):
    now = datetime.now(UTC)
    absence = {
        "person_id": "health.officer.1",
        "deputy_id": "health.head.1",
        "from_at": now.isoformat(),
        "until_at": (now + timedelta(days=1)).isoformat(),
    }
    backwards = absence | {"until_at": (now - timedelta(days=1)).isoformat()}
    is_problem(await api.post("health.officer.1", "/v1/deputies", backwards), 422, "invalid_request")
    foreign = absence | {"deputy_id": "edu.officer.1"}
    is_problem(await api.post("health.officer.1", "/v1/deputies", foreign), 403, "not_allowed")
    made = (await api.post("health.officer.1", "/v1/deputies", absence)).json()["id"]
    for person in ("health.officer.1", "health.head.1"):
        assert made in {row["id"] for row in (await api.get(person, "/v1/deputies")).json()["items"]}
    assert made not in {row["id"] for row in (await api.get("edu.head.1", "/v1/deputies")).json()["items"]}
    foreigner = api._headers("edu.head.1", None)
    is_problem(await api.http.delete(f"/v1/deputies/{made}", headers=foreigner), 404, "not_found")


async def test_a_year_is_confirmed_in_order_and_each_day_once(api):
    async with api.service.engine.begin() as conn:
        until = await conn.scalar(
            select(tables.calendars.c.confirmed_until).order_by(tables.calendars.c.version.desc())
        )
    given = {"year": until.year + 2, "days": [], "reason": "公告"}
    path = "/v1/calendar/confirmations"
    is_problem(await api.post("civil.supervisor.1", path, given), 422, "year_out_of_order")
    day = {"day": f"{until.year}-10-01", "kind": "holiday", "name": "国庆节"}
    twice = {"year": until.year, "days": [day, day], "reason": "公告"}
    is_problem(await api.post("civil.supervisor.1", path, twice), 422, "invalid_request")
    other = {"year": until.year, "days": [day | {"day": "2001-10-01"}], "reason": "公告"}
    is_problem(await api.post("civil.supervisor.1", path, other), 422, "invalid_request")
