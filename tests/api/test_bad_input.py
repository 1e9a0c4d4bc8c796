"""Whatever is typed gets a clear problem: nothing lost, nothing half done, nothing echoed, nothing inside shown."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert
from standardwebhooks import Webhook

from app.db import tables
from app.db.vault import sealed_row
from app.domain.working_time import day_of
from tests.api.test_reports import is_problem

SECRET = "whsec_c2hvdWh1LXRlc3RzLWtleS1vZi10aGUtYWdlbmN5ISE="


async def test_a_nul_character_is_told_wherever_it_stands(api, case):
    is_problem(await api.post("police.officer.1", f"/v1/cases/{case}/notes", {"note": "a\x00b"}), 422, "invalid_value")
    is_problem(await api.get("police.officer.1", "/v1/cases/a%00b"), 422, "invalid_value")


async def test_half_a_surrogate_pair_is_told(api):
    headers = api._headers("school.reporter.1", {"content-type": "application/json"})
    for body in (b'{"children": [{"name": "\\ud83d"}]}', b'{"children": [{}], "\\ud83d": 1}'):
        is_problem(await api.http.post("/v1/reports", content=body, headers=headers), 422, "invalid_request")


@pytest.mark.parametrize(
    "path",
    ["/v1/cases?cursor=%21", "/v1/cases?cursor=MjAyMC0wMS0wMXx4", "/v1/tasks?cursor=eHx5fHo=", "/v1/tasks?cursor=eA=="],
)
async def test_a_page_that_does_not_exist_is_a_problem(api, path):
    is_problem(await api.get("police.officer.1", path), 422, "invalid_cursor")


async def test_numbers_beyond_all_bounds_are_problems(api):
    is_problem(await api.post("police.officer.1", f"/v1/notices/{10**30}/read"), 422, "invalid_value")
    is_problem(await api.get("police.officer.1", "/v1/calendar?year=0"), 422, "invalid_request")


@pytest.mark.parametrize("body", [b"{nonsense", b'"\xff\xfe"', b"[" * 100_000])
async def test_what_is_no_json_is_malformed(api, body):
    headers = api._headers("school.reporter.1", {"content-type": "application/json"})
    is_problem(await api.http.post("/v1/reports", content=body, headers=headers), 400, "malformed_json")


async def test_only_json_is_taken(api):
    headers = api._headers("school.reporter.1", {"content-type": "text/plain"})
    answer = await api.http.post("/v1/reports", content=b'{"children": [{}]}', headers=headers)
    is_problem(answer, 415, "unsupported_media_type")


async def test_a_body_without_a_length_stops_at_the_limit(api):
    async def endless():
        for _ in range(10_000):
            yield b" " * 65_536

    headers = api._headers("school.reporter.1", {"content-type": "application/json"})
    is_problem(await api.http.post("/v1/reports", content=endless(), headers=headers), 413, "body_too_large")


async def test_a_method_that_does_not_exist_and_the_shape_of_every_problem(api):
    said = is_problem(await api.http.put("/v1/reports", json={}), 405, "method_not_allowed")
    assert said["type"] == "/problems/method_not_allowed"
    assert said["status"] == 405
    assert said["instance"].startswith("urn:uuid:")


async def test_nothing_that_was_typed_comes_back_in_a_problem(api):
    form = {
        "children": [{"name": "张三丰", "sex": "张三丰", "birth_date": "张三丰", "age_years": "张三丰"}],
        "kind": "张三丰",
    }
    answer = await api.post("school.reporter.1", "/v1/reports", form)
    is_problem(answer, 422, "invalid_request")
    assert "张三丰" not in answer.text


async def test_two_children_of_whom_no_name_is_known_are_two_children(api):
    await api.report(children=[{"name": "未知"}, {"name": "未知"}])
    await api.report(children=[{"name": "王某"}, {"name": "王某"}])


async def test_a_child_born_today_in_beijing_is_no_child_of_the_future(api):
    today = day_of(datetime.now(UTC))
    await api.report(children=[{"birth_date": today.isoformat()}])
    form = {"children": [{"birth_date": (today + timedelta(days=1)).isoformat()}]}
    is_problem(await api.post("school.reporter.1", "/v1/reports", form), 422, "invalid_request")


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+08:00"])
async def test_an_impossible_instant_of_the_report_is_told(api, at):
    form = {"children": [{}], "reported_at": at}
    is_problem(await api.post("school.reporter.1", "/v1/reports", form), 422, "invalid_request")


async def test_a_command_on_a_closed_case_is_refused(api, case):
    leg = f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"
    progress = f"/v1/cases/{case}"
    async with api.service.engine.begin() as conn:
        row = (await conn.execute(tables.cases.select().where(tables.cases.c.id == case))).mappings().one()
        closed = row["progress"] | {"stage": "closed"}
        await conn.execute(tables.cases.update().where(tables.cases.c.id == case).values(progress=closed))
    is_problem(await api.post("police.officer.1", f"{leg}/accept"), 409, "case_closed")
    is_problem(await api.post("police.officer.1", f"{progress}/answer", {"note": "x"}), 409, "case_closed")


async def test_an_unknown_code_in_a_command_is_told_with_its_place(api, case):
    leg = f"/v1/cases/{case}/referrals/{await api.leg(case, 'POLICE')}"
    said = is_problem(
        await api.post("police.officer.1", f"{leg}/return", {"reason": "because"}), 422, "invalid_request"
    )
    assert [error["at"] for error in said["errors"]] == ["/reason"]
    nothing = await api.post("police.officer.1", f"/v1/cases/{case}/referrals/none-1/accept")
    is_problem(nothing, 404, "referral_not_found")


@pytest.fixture
async def call(api):
    """A callback of the city's education system, signed."""
    async with api.service.engine.begin() as conn:
        await conn.execute(tables.endpoints.delete())
        row = {"agency": "EDU", "url": "http://127.0.0.1:9/x", "secret": SECRET, "supports_lookup": False}
        await conn.execute(insert(tables.endpoints), await sealed_row(conn, tables.endpoints, row))

    async def send(body, message_id="cb-1"):
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json", "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(message_id, now, body),
        }  # fmt: skip
        return await api.http.post("/v1/callbacks/EDU", content=body.encode(), headers=headers)

    yield send
    async with api.service.engine.begin() as conn:
        await conn.execute(tables.endpoints.delete())


async def test_a_callback_speaks_for_its_own_agency_alone(api, call, case):
    police = await api.leg(case, "POLICE")
    body = f'{{"case_id": "{case}", "referral_id": "{police}", "verb": "accept"}}'
    answer = await call(body)
    assert answer.status_code in (403, 404), answer.text
    assert next(r for r in (await api.progress(case))["referrals"] if r["id"] == police)["state"] == "sent"


@pytest.mark.parametrize("body", ["{}", '{"case_id": "c", "referral_id": "r", "verb": "dance"}'])
async def test_a_signed_callback_that_says_nothing_is_a_problem(call, body):
    is_problem(await call(body), 422, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b'{"children": [{}], "narrative": "first", "narrative": "second"}',
        b'{"children": [{"name": "a", "name": "b"}]}',
        b'{"children": [{"age_years": NaN}]}',
        b'{"children": [{"age_years": -Infinity}]}',
    ],
)
async def test_a_body_of_which_something_would_be_lost_is_no_json(api, body):
    headers = api._headers("school.reporter.1", {"content-type": "application/json"})
    is_problem(await api.http.post("/v1/reports", content=body, headers=headers), 400, "malformed_json")


async def test_a_compressed_body_is_told_to_come_plain(api):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = await api.http.post(
        "/v1/reports", content=gzip.compress(b'{"children": [{}]}'), headers=api._headers("school.reporter.1", headers)
    )
    is_problem(answer, 415, "unsupported_media_type")


async def test_a_narrative_that_is_too_long_is_told_its_limit_and_a_shorter_one_is_kept_whole(api):
    form = {"children": [{}], "narrative": "长" * 34_000}
    said = is_problem(await api.post("school.reporter.1", "/v1/reports", form), 422, "invalid_request")
    assert [(e["at"], e["code"], e["limit"]) for e in said["errors"]] == [("/narrative", "too_long", 20_000)]
    assert said["errors"][0]["said"].startswith("过长")
    report = await api.report(narrative="长" * 20_000)
    case = (await api.get("police.officer.1", f"/v1/cases/{report['case_id']}")).json()
    assert len(case["content"]["narrative"]) == 20_000


@pytest.mark.parametrize("name", ["𫖯𬭎", "㛃", "阿卜杜热合曼·买买提", "欧阳·𠮷", "😀", "e\u0301", "A" * 500])
async def test_names_of_every_script_are_kept_as_they_were_typed(api, name):
    report = await api.report(children=[{"name": name}])
    case = (await api.opened("police.officer.1", f"/v1/cases/{report['case_id']}")).json()
    assert case["content"]["children"][0]["name"] == name


@pytest.mark.parametrize("text", ["\x00", "\ud83d"])
async def test_text_of_a_command_that_cannot_be_kept_is_told_and_changes_nothing(api, case, text):
    before = (await api.progress(case))["version"]
    body = json.dumps({"note": f"a{text}b"}).encode()
    headers = api._headers("police.officer.1", {"content-type": "application/json"})
    for what in ("notes", "answer"):
        person = {"notes": "police.officer.1", "answer": "civil.officer.1"}[what]
        headers |= api._headers(person, None)
        answer = await api.http.post(f"/v1/cases/{case}/{what}", content=body, headers=headers)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.progress(case))["version"] == before


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00%2B23:59"])
@pytest.mark.parametrize("path", [
    "/v1/registers/due?by=", "/v1/statistics/outcomes?as_of=", "/v1/registers/venues/totals?as_of=",
])  # fmt: skip
async def test_an_instant_beyond_every_calendar_is_a_wrong_one(api, path, at):
    is_problem(await api.get("civil.supervisor.1", path + at), 422, "invalid_request")
