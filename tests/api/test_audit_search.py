"""The audit is sought by person, child, case, act and time; it gives no reporter away, and shows nobody their own matter."""

import csv
import io

import pytest
from sqlalchemy import insert

from app.db import tables
from app.db.account_tables import sessions
from app.db.audit import on_record
from app.db.people import actors_of
from app.domain.sign_in import token_hash
from tests.api.test_ledgers import watched
from tests.api.test_registration import COMMITTEE, register
from tests.api.test_reports import is_problem

REPORTER = "hotline.reporter.1"
CIVIL, CONF, AUDITOR = "civil.supervisor.1", "conf.supervisor.1", "auditor.1"


async def found(api, person, **sought):
    answer = await api.get(person, "/v1/audit?limit=200&" + "&".join(f"{k}={v}" for k, v in sought.items()))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.fixture(scope="module")
async def case(api):
    """Reported by the hotline, which has tried to open it; read by the police; an uninvited hospital was refused."""
    case_id = (await api.report(REPORTER))["case_id"]
    await api.get(REPORTER, f"/v1/cases/{case_id}")
    await api.get("police.officer.1", f"/v1/cases/{case_id}")
    await api.get("hospital.officer.1", f"/v1/cases/{case_id}")
    return case_id


async def test_the_audit_is_sought_by_who_and_what_and_when(api, case):
    child = (await api.progress(case))["children"][0]["id"]
    rows = await found(api, CIVIL, stream_id=case)
    assert {(row["person_id"], row["action"], row["outcome"]) for row in rows} >= {
        (REPORTER, "FileReport", "done"), ("police.officer.1", "read_content", "done"), ("hospital.officer.1", "read_case", "refused"),
    }  # fmt: skip
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    own = await found(api, AUDITOR, person_id="police.officer.1", stream_id=case)
    assert {row["person_id"] for row in own} == {"police.officer.1"}
    of_child = {row["action"] for row in await found(api, AUDITOR, child_id=child)}
    assert of_child >= {"FileReport", "read_content"}, "what changed the case as well as what was read of the child"
    assert {row["outcome"] for row in await found(api, AUDITOR, stream_id=case, outcome="refused")} == {"refused"}
    at = rows[-1]["at"].replace("+", "%2B")
    assert await found(api, CIVIL, stream_id=case, until=at) == []
    assert len(await found(api, CIVIL, stream_id=case, since=at)) >= len(rows)
    page = (await api.get(CIVIL, f"/v1/audit?stream_id={case}&limit=1")).json()
    more = (await api.get(CIVIL, f"/v1/audit?stream_id={case}&limit=1&cursor={page['next']}")).json()
    assert more["items"][0]["id"] < page["items"][0]["id"]


async def test_only_whoever_reads_the_audit_does_and_no_text_is_sought(api, case):
    for person in ("admin.1", "security.1", "police.head.1", "civil.officer.1", REPORTER):
        is_problem(await api.get(person, "/v1/audit"), 403, "not_allowed")
    is_problem(await api.get(CIVIL, "/v1/audit?person_id=某 某"), 422, "invalid_request")


async def test_a_search_is_itself_on_record(api, case):
    await found(api, AUDITOR, person_id="police.officer.1", stream_id=case)
    (row, *_) = await found(api, CIVIL, person_id=AUDITOR, action="search_audit")
    assert row["stream_id"] == case
    assert "person_id=police.officer.1" in row["fields"]


@pytest.mark.parametrize("person", [CONF, AUDITOR])
async def test_no_row_tells_who_reported_also_not_by_a_refused_attempt_or_by_being_sought(api, case, person):
    """The control is civil affairs, who may know."""
    for path in (f"stream_id={case}", f"stream_id={case}&outcome=refused", f"stream_id={case}&person_id={REPORTER}"):
        assert REPORTER not in str((await api.get(person, f"/v1/audit?{path}")).json()), path
        assert REPORTER in str((await api.get(CIVIL, f"/v1/audit?{path}")).json()), path
    child = (await api.progress(case))["children"][0]["id"]
    if person == CONF:
        for path in (f"/v1/children/{child}/access-record", f"/v1/children/{child}/access-record.csv"):
            assert REPORTER not in (await api.get(CONF, path)).text
            assert REPORTER in (await api.get(CIVIL, path)).text


async def test_nobody_reads_the_audit_of_a_case_about_them(api):
    about = (await api.report(about=[AUDITOR]))["case_id"]
    child = (await api.progress(about))["children"][0]["id"]
    async with api.service.engine.begin() as conn:
        for stream, children in ((f"file-{child}", []), ("ledger-work", [child])):
            row = {
                "person_id": "x",
                "agency": "POLICE",
                "action": "read_child",
                "stream_id": stream,
                "children": children,
            }
            await conn.execute(insert(tables.audit), row)
    for sought in ({"stream_id": about}, {"child_id": child}, {"stream_id": f"file-{child}"}):
        assert await found(api, CIVIL, **sought)
        rows = await found(api, AUDITOR, **sought)
        assert {row["action"] for row in rows} <= {"search_audit"}, (sought, rows)


async def test_the_record_of_a_child_names_no_other_child_and_no_case_about_its_reader(api):
    """Of a search that found several; whoever reads it may be whom the case of another is about."""
    mine, hidden = (await api.report())["case_id"], (await api.report(about=[CIVIL]))["case_id"]
    child, other = [(await api.progress(one, CONF))["children"][0]["id"] for one in (mine, hidden)]
    both = {"person_id": "x", "agency": "POLICE", "children": [child, other]}
    async with api.service.engine.begin() as conn:
        for action, stream in (("search_children", None), ("compare_cases", hidden)):
            await conn.execute(insert(tables.audit), {**both, "action": action, "stream_id": stream})
    path = f"/v1/children/{child}/access-record"
    rows = {row["action"]: row for row in (await api.get(CIVIL, path)).json()["items"]}
    assert rows["search_children"]["children"] == [child]
    assert "compare_cases" not in rows
    for said in (await api.get(CIVIL, path), await api.get(CIVIL, f"{path}.csv")):
        assert child in said.text
        assert other not in said.text
        assert hidden not in said.text
    assert "compare_cases" in (await api.get(CONF, path)).text


async def test_the_record_of_a_child_holds_its_file_and_its_watch_and_is_exported_whole(api):
    child = await watched(api)
    entered = {"field": "school", "value": "示例四小（化名）", "evidence": "学籍卡"}
    assert (await api.post("comm-110106022.officer.1", f"/v1/children/{child}/changes", entered)).status_code == 200
    rows = (await api.get(CIVIL, f"/v1/children/{child}/access-record?limit=200")).json()["items"]
    assert {"EnterChange", "BeginWatch", "FileReport"} <= {row["action"] for row in rows}
    table = list(
        csv.DictReader(io.StringIO((await api.get(CIVIL, f"/v1/children/{child}/access-record.csv")).text[1:]))
    )
    assert [int(row["id"]) for row in table][1:] == [row["id"] for row in rows]
    assert {"at", "person_id", "agency", "why", "fields"} <= set(table[0])


async def test_a_child_that_nobody_has_reported_has_a_record_of_access_as_well(api):
    child = (await register(api)).json()["child_id"]
    assert (await api.get(COMMITTEE, f"/v1/children/{child}")).status_code == 200
    rows = (await api.get(CIVIL, f"/v1/children/{child}/access-record")).json()["items"]
    assert {"EnterChange", "read_child"} <= {row["action"] for row in rows}, rows


async def test_when_those_come_who_report_is_told_to_the_auditor_who_sees_no_case(api):
    """Beside its instant a report was filed; who reports for no unit is told of to every reader."""
    reporter, officer = "village.reporter.1", "police.officer.1"
    async with api.service.engine.begin() as conn:
        for who in (await actors_of(conn, [reporter, officer])).values():
            await on_record(conn, who, "sign_in", None, [], children=[])
    for person, names in ((AUDITOR, {reporter, officer}), (CIVIL, {reporter, officer}), (CONF, {officer})):
        rows = await found(api, person, action="sign_in")
        assert {row["person_id"] for row in rows} & {reporter, officer} == names, person
        assert bool(await found(api, person, action="sign_in", person_id=reporter)) == (reporter in names), person


async def test_when_those_were_last_here_who_report_is_for_administrators(api):
    reporter, officer, now = "village.reporter.1", "comm-110106101.officer.1", api.service.ledger.clock()
    rows = [
        {"token_hash": token_hash(f"s-{one}"), "person_id": one, "began_at": now, "seen_at": now}
        for one in (reporter, officer)
    ]
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(sessions), rows)
    for person, seen in (("comm-110106101.head.1", {officer}), (CONF, {officer}), ("admin.1", {officer, reporter})):
        people = (await api.get(person, "/v1/people?desk=COMM-110106101&limit=200")).json()["items"]
        assert {one["id"] for one in people if one["seen_at"]} == seen, person
        assert {officer, reporter} <= {one["id"] for one in people}
