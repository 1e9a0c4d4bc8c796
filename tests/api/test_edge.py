"""The edge: one line a request that names nobody, and errors that keep what they were about to themselves."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn
from sqlalchemy import text
from structlog.testing import capture_logs

from app.api.edge import Edge
from app.db.session import engine_of
from app.main import serving
from app.settings import Settings
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


@asynccontextmanager
async def served(app):
    """By the server of the API itself; its address."""
    server = uvicorn.Server(serving(Settings(api_port=0), app))
    running = asyncio.create_task(server.serve())
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    await running


@pytest.mark.parametrize(
    "lengths", ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
)
async def test_a_request_of_two_lengths_is_refused_and_nothing_that_follows_it_is_read(lengths):
    """What a proxy before this takes for the rest of the body would be a request of somebody else's making here."""
    reached = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            reached.append(scope["path"])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    hidden = "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: shouhu\r\n\r\n"
    async with served(Edge(app)) as (host, port):
        for said, answered in ((lengths, b"HTTP/1.1 400"), ("Transfer-Encoding: chunked", b"HTTP/1.1 204")):
            reader, writer = await asyncio.open_connection(host, port)
            head = f"POST /v1/reports HTTP/1.1\r\nHost: shouhu\r\nContent-Type: application/json\r\n{said}\r\n\r\n"
            writer.write((head + hidden).encode())
            async with asyncio.timeout(10):
                answer = await (reader.read() if said == lengths else reader.readuntil(b"\r\n\r\n"))
                if said != lengths:
                    await reader.readuntil(b"\r\n\r\n")
            writer.close()
            assert answer.startswith(answered)
            if said == lengths:
                assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "two_lengths"
                assert reached == []
    assert reached == ["/v1/reports", "/hidden"], "with one length it is a request like any other"
