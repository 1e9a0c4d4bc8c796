"""What a visit finds: a child at risk is a report at once, through the same door; the calendar moves visits too."""

from datetime import UTC, datetime, timedelta
from importlib import import_module as load_module
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select, text, update

from activities.delivery import view_of
from app.db import tables
from app.db.ledger import Ledger, events_since
from app.db.owed import keep_help
from app.db.receipts import Receipts
from app.db.refold import look, mend
from app.db.service import Service
from app.db.vault import opened
from app.domain.access import ENGINE
from app.domain.belonging import Belong
from app.domain.child_file import file_id
from app.domain.clock import Clock
from app.domain.handover import OfferWatch
from app.domain.terms import Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch, EndWatch
from app.domain.working_time import day_of
from app.main import create_app
from app.policy.loader import load
from app.settings import Settings
from tests.api.conftest import Api
from tests.api.test_reports import is_problem

COMMITTEE = "comm-110106007.officer.1"
FOUND = {"finding": "at_risk", "situations": ["unguarded"], "note": "父亲三天未归，家中无人"}


SAID = {"residence": "赵守义家隔壁", "features": "赵守义常见其独自在家"}
"""Of the child, with the name of whoever reported it."""


async def begin(api, case, grade=Grade.HIGH):
    child = (await api.progress(case))["children"][0]["id"]
    command = BeginWatch(by=ENGINE, child_id=child, case_id=case, division="110106007", grade=grade)
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(child), command)
    return f"watch-{child}"


@pytest.fixture
async def watch(api):
    child = {"residence_division": "110106007", "name": "华小满（化名）", "birth_text": "约九岁", **SAID}
    family = [{"name": "华某（化名）", "facts": {"relation": "father"}}]
    reporter = {"class": "committee", "name": "赵守义（化名）"}
    case = (await api.report(children=[child], family=family, reporter=reporter))["case_id"]
    await close(api, case, "no_risk_found")
    return await begin(api, case)


async def close(api, case, reason):
    path = f"/v1/cases/{case}"
    for child in (await api.progress(case))["children"]:
        await api.post("police.officer.1", f"{path}/safety", {"child_id": child["id"], "safety": "safe"})
    await api.post("civil.officer.1", f"{path}/answer", {"note": "已核实"})
    proposed = await api.post("civil.officer.1", f"{path}/closure-proposal", {"reason": reason})
    assert proposed.status_code == 200, proposed.text
    closed = await api.post("civil.head.1", f"{path}/closure-approval")
    assert closed.status_code == 200, closed.text


async def state_of(api, watch):
    async with api.service.engine.connect() as conn:
        row = await conn.execute(select(tables.watches).where(tables.watches.c.id == watch))
        return row.mappings().one(), await events_since(conn, watch, 0)


@pytest.mark.requirement("R055")
@pytest.mark.requirement("R063")
async def test_a_risk_that_a_visit_verified_is_a_report_with_a_police_leg_and_a_receipt(api, watch):
    done = (await api.post(COMMITTEE, f"/v1/watches/{watch}/visits", FOUND)).json()
    case = await api.progress(done["report"])
    assert (case["watch"], case["reporter_class"], case["branch"]) == (watch, "committee", "A")
    assert {r["agency"] for r in case["referrals"]} >= {"POLICE", "STREET", "CIVIL"}
    seen = (await api.post(None, "/v1/progress", {"receipt": done["receipt"]})).json()
    assert (seen["stage"], seen["answered"]) == ("report", False)
    _, events = await state_of(api, watch)
    assert (events[-1]["finding"], events[-1]["report"]) == ("at_risk", done["report"])
    async with api.service.engine.connect() as conn:
        child = tables.children
        rows = (await conn.execute(select(child).where(child.c.case_id == done["report"]))).mappings()
        (kept,) = await opened(conn, rows, child)
        filed = text(
            "select count(distinct xmin::text) from events where stream_id = :case or (stream_id = :watch and version = :v)"
        )
        known = {"case": done["report"], "watch": watch, "v": done["version"]}
        assert await conn.scalar(filed, known) == 1, "the visit and its report are one transaction"
    assert {name: kept[name] for name in ("name", *SAID)} == {"name": "华小满（化名）", **SAID}, "as it was once said"
    told = (await api.opened("civil.officer.1", f"/v1/cases/{done['report']}")).text
    assert ("常见其独自在家" in told, "赵守义" in told) == (True, False), "nor does this report tell who once reported"
    await require_untold(api, watch, done["report"])
    # who may know that the committee reported this is not told who reported the case before
    known = (await api.opened("civil.supervisor.1", f"/v1/cases/{done['report']}")).json()
    assert (known["content"]["children"][0]["features"], "earlier" in known["reporter"]) == ("***常见其独自在家", False)
    async with api.service.engine.connect() as conn:
        assert "赵守义" not in str(await view_of(conn, done["report"], knows_reporter=True)), "intake, neither"


async def test_a_visitor_who_tries_names_reads_the_report_that_the_visit_made_as_typed(api, watch):
    """It is cleared of who reported the child before for all but the office that typed it."""
    tried = "核对：赵守义、张三丰（示例）"
    done = (await api.post(COMMITTEE, f"/v1/watches/{watch}/visits", FOUND | {"note": tried})).json()
    async with api.service.engine.begin() as conn:  # as where civil affairs visits in the place of a committee
        report = update(tables.reports).where(tables.reports.c.case_id == done["report"])
        assert (await conn.execute(report.values(filed_by="civil.officer.1", office="CIVIL"))).rowcount == 1
    for person, is_typed in (("civil.officer.1", True), ("civil.officer.2", True), ("conf.officer.1", False)):
        said = (await api.get(person, f"/v1/cases/{done['report']}")).json()["content"]["narrative"]
        assert (said == tried, "赵守义" in said, "张三丰" in said) == (is_typed, is_typed, True), person


async def test_whose_words_a_report_is_is_said_by_where_it_was_typed_not_by_where_its_author_sits_since(api, watch):
    tried = "核对：赵守义（示例）"
    done = (await api.post(COMMITTEE, f"/v1/watches/{watch}/visits", FOUND | {"note": tried})).json()
    async with api.service.engine.begin() as conn:
        report, person = tables.reports, tables.people
        of_case = report.c.case_id == done["report"]
        assert await conn.scalar(select(report.c.office).where(of_case)) == COMMITTEE.partition(".")[0].upper()
        # it was typed at civil affairs, by somebody who sits at the joint conference office today
        await conn.execute(update(report).where(of_case).values(filed_by="civil.officer.2", office="CIVIL"))
        moved = update(person).where(person.c.id == "civil.officer.2")
        await conn.execute(moved.values(desk="CONF", agency="CONF"))
    try:
        for reader, is_typed in (("civil.officer.1", True), ("conf.officer.1", False), ("civil.officer.2", True)):
            said = (await api.get(reader, f"/v1/cases/{done['report']}")).json()["content"]["narrative"]
            assert ("赵守义" in said) == is_typed, reader
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(moved.values(desk="CIVIL", agency="CIVIL"))


async def require_untold(api, watch, case):
    """Of a visit that made a report neither the file nor the audit tells who made it, but to the committee, and to who may know reporters."""
    for person, is_told in ((COMMITTEE, True), ("civil.officer.1", False), ("conf.officer.1", False)):
        child = (await api.get(person, f"/v1/children/{watch.removeprefix('watch-')}")).json()
        assert [one["by"] == COMMITTEE for one in child["visits"] if one["report"] == case] == [is_told], person
    for person, is_told in (("civil.supervisor.1", True), ("conf.supervisor.1", False), ("auditor.1", False)):
        rows = (await api.get(person, f"/v1/audit?stream_id={watch}&action=RecordVisit")).json()["items"]
        assert (rows[0]["person_id"] == COMMITTEE) == is_told, person
        sought = await api.get(person, f"/v1/audit?stream_id={watch}&action=RecordVisit&person_id={COMMITTEE}")
        assert bool(sought.json()["items"]) == is_told, person


async def test_a_visit_at_risk_sent_twice_or_on_an_old_version_makes_no_second_report(api, watch, key):
    path, twice = f"/v1/watches/{watch}/visits", {"Idempotency-Key": key}
    first = (await api.post(COMMITTEE, path, FOUND, twice)).json()
    again = (await api.post(COMMITTEE, path, FOUND, twice)).json()
    assert (again["report"], again["receipt"], again["replayed"]) == (first["report"], first["receipt"], True)
    before = await cases(api, watch)
    is_problem(await api.post(COMMITTEE, path, FOUND, {"If-Match": '"1"'}), 409, "stale_version")
    is_problem(await api.post("comm-110106001.officer.1", path, FOUND), 404, "case_not_found")
    assert await cases(api, watch) == before == 1


async def cases(api, watch):
    async with api.service.engine.connect() as conn:
        came = tables.cases.c.progress["watch"].astext == watch
        return await conn.scalar(select(func.count()).select_from(tables.cases).where(came))


@pytest.mark.requirement("R013")
async def test_the_child_of_such_a_report_goes_back_to_the_same_watch(api, watch):
    for reason, open_after in (("no_risk_found", True), ("died", False)):
        case = (await api.post(COMMITTEE, f"/v1/watches/{watch}/visits", FOUND)).json()["report"]
        child = (await api.progress(case))["children"][0]["id"]
        await close(api, case, reason)
        row, _ = await state_of(api, watch)
        assert row["is_open"] is open_after
        async with api.service.engine.connect() as conn:
            assert not await conn.scalar(select(tables.watches.c.id).where(tables.watches.c.child_id == child))


async def test_the_day_on_which_a_watch_began_is_found_for_watches_from_before_it_was_kept(api, watch):
    began = load_module("app.db.migrations.versions.0057_day_of_a_watch").BEGAN
    again = BeginWatch(by=ENGINE, child_id=watch[len("watch-") :], division="110106007", grade=Grade.LOW)
    end, later = EndWatch(by=ENGINE, reason="risk_ended"), api.service.ledger.clock()
    async with api.service.engine.begin() as conn:
        for days, command in ((2, end), (3, again), (5, again)):
            done = await api.service.ledger.begin(conn, watch, command, now=later + timedelta(days=days))
        assert done.progress.began_on == day_of(later + timedelta(days=3))
        assert await look(conn, [watch]) == []
        await conn.execute(text("update watches set progress = progress - 'began_on'"))
        assert await look(conn, [watch]) == [watch]
        await conn.execute(text(began))
        assert await look(conn, [watch]) == [], "of others the tests may have set back when their events happened"


@pytest.mark.requirement("R013")
@pytest.mark.requirement("R033")
async def test_a_case_that_closes_leaves_the_running_watch_what_is_open_in_it_and_where_it_is(api, watch):
    path, form = f"/v1/watches/{watch}", {"guardianship": "nobody"}
    arranged = {"relation": "grandparent", "is_adult": True, "is_able": True, "leaves_on": "2027-02-20"}
    await api.post(COMMITTEE, f"{path}/visits", {"finding": "needs_help", "form": form, "note": "独自在家"})
    await api.post(COMMITTEE, f"{path}/arrangement", {"delegate": {"name": "示例祖母（化名）"}, **arranged})
    case = (await api.post(COMMITTEE, f"{path}/visits", FOUND)).json()["report"]
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, watch, OfferWatch(by=ENGINE, division="110106008"))
    taken = await api.post("comm-110106008.officer.1", f"{path}/take", {})
    assert taken.status_code == 200, taken.text
    before, _ = await state_of(api, watch)
    await close(api, case, "police_closed")
    after, events = await state_of(api, watch)
    assert (events[-1]["kind"], events[-1]["case_id"], events[-1]["grade"]) == ("watch_began", case, "high")
    open_still = ("desk", "division", "warnings", "arrangement", "visits", "grade")
    assert {name: after["progress"][name] for name in open_still} == {
        name: before["progress"][name] for name in open_still
    }
    assert len(after["progress"]["warnings"]) == 1
    assert after["progress"]["arrangement"]["leaves_on"] == "2027-02-20"
    wiped = after["progress"] | {"warnings": [], "arrangement": None, "visits": 0}
    async with api.service.engine.begin() as conn:
        await conn.execute(update(tables.watches).where(tables.watches.c.id == watch).values(progress=wiped))
        assert await look(conn, [watch]) == [watch]
        assert (await mend(conn, watch)).repaired
    assert (await state_of(api, watch))[0]["progress"] == after["progress"]


async def test_a_case_of_one_watched_child_that_ends_with_the_child_ends_its_watch_whoever_reported_it(api, watch):
    other = (await api.report(children=[{"residence_division": "110106007"}]))["case_id"]
    child, again = watch.removeprefix("watch-"), (await api.progress(other))["children"][0]["id"]
    async with api.service.engine.begin() as conn:
        belongs = Belong(by=ENGINE, child_id=again, division="110106007", primary=child)
        await api.service.ledger.begin(conn, file_id(again), belongs)
    await close(api, other, "moved_and_handed_over")
    row, events = await state_of(api, watch)
    assert (row["is_open"], events[-1]["kind"], events[-1]["reason"]) == (False, "watch_ended", "moved_and_handed_over")


@pytest.mark.requirement("R013")
async def test_of_several_children_of_a_case_that_ends_with_one_all_go_back_until_somebody_has_said_whose_watch_ends(
    api,
):
    children = [{"residence_division": "110106007", "name": f"华{name}（化名）"} for name in ("小川", "小溪")]
    case = (await api.report(children=children))["case_id"]
    one, other = [child["id"] for child in (await api.progress(case))["children"]]
    await close(api, case, "died")
    for child in (one, other):
        row, _ = await state_of(api, watch_id(child))
        assert (row["is_open"], row["case_id"], row["desk"]) == (True, case, "COMM-110106007")
    ended = await api.post(COMMITTEE, f"/v1/watches/{watch_id(one)}/end", {"reason": "died"})
    assert ended.status_code == 200, ended.text
    assert [(await state_of(api, watch_id(child)))[0]["is_open"] for child in (one, other)] == [False, True]
    path = f"/v1/watches/{watch_id(other)}"
    for step, said in (("visits", {"finding": "needs_help"}), ("end", {"reason": "risk_ended", "note": "母亲已返家"})):
        assert (await api.post(COMMITTEE, f"{path}/{step}", said)).status_code == 200
    async for _ in keep_help(api.service.engine, api.service.ledger, api.service.ledger.clock()):
        pass
    owed = (await api.get(COMMITTEE, "/v1/owed?matter=help&limit=200")).json()["items"]
    assert other in {row["subject"] for row in owed}, "a child whose risk has ended is still there to be helped"


@pytest.fixture
async def late(api):
    """The same service three days before the confirmed calendar ends."""
    async with api.service.engine.connect() as conn:
        until = await conn.scalar(select(func.max(tables.calendars.c.confirmed_until)))
    now = datetime(until.year, 12, 29, 2, tzinfo=UTC)
    service = Service(api.service.engine, Ledger(load, "fengtai-2026.1", lambda: now), Receipts(b"secret of the tests"))
    transport = httpx2.ASGITransport(create_app(Settings(), given=service), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shouhu.test") as http:
        yield Api(http, service), until.year + 1


async def test_confirming_a_year_moves_provisional_deadlines_of_cases_and_watches_and_says_why(late):
    api, year = late
    case = (await api.report("school.reporter.1", reporter={"class": "school"}, kind="dropout", situations=[]))[
        "case_id"
    ]
    watch = await begin(api, case, Grade.MEDIUM)
    duty = duty_of(await api.progress(case))
    visit, _ = await state_of(api, watch)
    assert duty.due_provisional
    assert visit["progress"]["visit"]["due_provisional"]
    # The statutory days, and as a holiday the very days on which the answer and the visit were due.
    days = {f"{year}-01-01", *(str((due + timedelta(hours=8)).date()) for due in (duty.due_at, visit["visit_due_at"]))}
    given = {
        "year": year,
        "reason": "国务院办公厅已公布",
        "days": [{"day": d, "kind": "holiday", "name": "调整"} for d in sorted(days)],
    }
    is_problem(await api.post("police.officer.1", "/v1/calendar/confirmations", given), 403, "not_allowed")
    made = (await api.post("civil.supervisor.1", "/v1/calendar/confirmations", given)).json()
    assert (await api.get("police.officer.1", f"/v1/calendar?year={year}")).json()["confirmed_until"] == f"{year}-12-31"
    assert made["cases_moved"] >= 1
    assert made["watches_moved"] >= 1
    moved = duty_of(await api.progress(case))
    assert moved.due_at > duty.due_at
    assert not moved.due_provisional
    async with api.service.engine.connect() as conn:
        told = [body for body in await events_since(conn, case, 0) if body["kind"] == "deadlines_recomputed"]
        task = tables.tasks.c
        due = await conn.scalar(select(task.due_at).where(task.case_id == case, task.subject == "answer_outcome"))
    assert [(body["reason"], body["calendar_version"]) for body in told] == [
        (given["reason"], str(made["calendar_version"]))
    ]
    assert due == moved.due_at
    later, events = await state_of(api, watch)
    assert later["visit_due_at"] > visit["visit_due_at"]
    assert (events[-1]["kind"], events[-1]["reason"]) == ("visit_recomputed", given["reason"])
    again = (await api.post("civil.supervisor.1", "/v1/calendar/confirmations", given)).json()
    assert (again["cases_moved"], again["watches_moved"]) == (0, 0), "the same calendar moves nothing"


def duty_of(progress):
    return Clock.model_validate(next(d for d in progress["duties"] if d["code"] == "answer_outcome")["clock"])


async def test_no_visit_is_hidden_by_a_report_that_its_visitor_sends_with_the_same_trace(api, watch):
    """Who sends it chooses the trace; the control is the visit that made the report."""
    headers = {"traceparent": f"00-{uuid4().hex}-00f067aa0ba902b7-01"}
    for said in ({"finding": "well"}, FOUND):
        answer = await api.http.post(
            f"/v1/watches/{watch}/visits",
            json=said,
            headers=headers | {"Authorization": f"Bearer {api.tokens[COMMITTEE]}"},
        )
        assert answer.status_code == 200, answer.text
    rows = (await api.get("conf.supervisor.1", f"/v1/audit?limit=200&stream_id={watch}&action=RecordVisit")).json()[
        "items"
    ]
    assert [row["person_id"] == COMMITTEE for row in sorted(rows, key=lambda row: row["at"])] == [True, False]
