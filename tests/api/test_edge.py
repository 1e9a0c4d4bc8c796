"""The edge: one line a request that names nobody, and errors that keep what they were about to themselves."""

import asyncio

import httpx2
from sqlalchemy import text
from structlog.testing import capture_logs

from app.api.edge import Edge
from app.db.session import engine_of
from tests.api.test_reports import is_problem
from tests.conftest import VAULT


async def test_the_log_of_a_request_holds_neither_ids_nor_codes_nor_what_was_typed(api):
    with capture_logs() as lines:
        report = await api.report(narrative="不可记录")
        await api.post(None, "/v1/progress?name=不可记录", {"receipt": report["receipt"]})
        await api.get("police.officer.1", f"/v1/cases/{report['case_id']}")
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["status"]) for line in requests] == [("POST", 201), ("POST", 200), ("GET", 200)]
    assert requests[2]["route"].endswith("/cases/{case_id}")
    for secret in ("不可记录", report["receipt"], report["case_id"]):
        assert secret not in str(lines)


async def test_an_unexpected_error_shows_its_place_in_the_log_and_nothing_outside():
    async def broken(scope, receive, send):
        raise ValueError("孩子的姓名")

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Edge(broken)), base_url="http://shouhu.test") as http:
        with capture_logs() as lines:
            answer = await http.get("/v1/cases/case-1")
    is_problem(answer, 500, "internal_error")
    assert "孩子的姓名" not in answer.text + str(lines)
    assert any("broken" in place for place in lines[0]["at"])


async def test_no_answer_may_be_kept_by_anybody_on_the_way(api):
    for answer in (await api.get(None, "/v1/nowhere"), await api.get("police.officer.1", "/v1/me")):
        assert answer.headers["cache-control"] == "no-store"


async def test_a_connection_that_the_server_closed_is_replaced_before_a_request_meets_it(engine):
    pooled = engine_of(engine.url.render_as_string(hide_password=False), pool=3, vault=VAULT)
    try:
        together = [await pooled.connect() for _ in range(3)]
        backends = [(await conn.execute(text("select pg_backend_pid()"))).scalar_one() for conn in together]
        for conn in together:
            await conn.close()
        async with engine.connect() as conn:
            await conn.execute(
                text("select pg_terminate_backend(pid) from unnest(cast(:ids as int[])) pid"), {"ids": backends}
            )
        await asyncio.sleep(0.3)  # the goodbye of the server has to arrive
        for _ in range(3):
            async with pooled.connect() as conn:
                assert (await conn.execute(text("select pg_backend_pid()"))).scalar_one() not in backends
    finally:
        await pooled.dispose()
