"""What was refused is on record under who asked, the caller is not told what there is, and nobody fills the record by asking."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from app.api import attempts
from app.api.context import SESSION
from app.db import tables
from app.db.account_tables import api_keys
from app.db.audit import REFUSED
from app.domain.watch import watch_id
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import TOKENS
from tests.api.test_keys import UNIT
from tests.api.test_registration import register

STRANGER, POLICE = "housing.officer.1", "police.officer.1"


@pytest.fixture(autouse=True)
def fresh(api):
    """What other tests had refused counts for nothing here."""
    api.http._transport.app.state.attempts = attempts.Attempts()


async def rows_of(api, answer):
    row = tables.audit.c
    query = select(row.person_id, row.agency, row.action, row.stream_id, row.why, row.outcome, row.children).order_by(
        row.id
    )
    async with api.service.engine.connect() as conn:
        found = await conn.execute(query.where(row.trace_id == answer.headers["x-trace-id"], row.outcome == REFUSED))
        return [tuple(one)[:5] for one in found]


async def test_a_hidden_case_and_one_that_there_is_not_are_answered_alike_and_only_the_first_is_on_record(api):
    case = (await api.report())["case_id"]
    child = (await api.progress(case))["children"][0]["id"]
    hidden, none = await api.get(STRANGER, f"/v1/cases/{case}"), await api.get(STRANGER, "/v1/cases/case-none")
    assert {**hidden.json(), "instance": ""} == {**none.json(), "instance": ""}
    assert hidden.headers.keys() == none.headers.keys()
    assert await rows_of(api, hidden) == [(STRANGER, "HOUSING", "read_case", case, "case_not_found")]
    assert await rows_of(api, none) == []
    record = (await api.get("civil.supervisor.1", f"/v1/children/{child}/access-record")).json()["items"]
    assert [row["person_id"] for row in record if row["outcome"] == REFUSED] == [STRANGER], (
        "the child's record shows who tried"
    )


async def test_a_try_to_break_into_a_hidden_case_is_on_record_by_its_id_and_by_its_number(api):
    case = (await api.report(about=["HOSPITAL"]))["case_id"]
    no = (await api.get("civil.supervisor.1", f"/v1/cases/{case}")).json()["case_no"].rpartition("-")[2].lstrip("0")
    why, who = {"reason": "child_found", "note": "急诊收治，须核对身份"}, "hospital.officer.1"
    for said in (case, no):
        tried = await api.post(who, "/v1/emergency-reads", why | {"case": said})
        assert tried.status_code == 404
        assert await rows_of(api, tried) == [(who, "HOSPITAL", "break_glass", case, "case_not_found")]
    assert await rows_of(api, await api.post(who, "/v1/emergency-reads", why | {"case": "case-none"})) == []


async def test_the_file_the_history_and_the_visit_of_a_child_without_a_case_are_on_record_as_hidden_with_the_child(api):
    child = (await register(api)).json()["child_id"]
    file, record = f"/v1/children/{child}", f"/v1/children/{child}/access-record"
    ways = (
        (file, "read_child"),
        (f"{file}/history", "read_child_history"),
        (f"/v1/visits/{watch_id(child)}", "due_visit"),
    )
    for path, action in ways:
        tried, none = await api.get(STRANGER, path), await api.get(STRANGER, path.replace(child, "ch-none"))
        assert (tried.status_code, none.status_code) == (404, 404)
        assert await rows_of(api, tried) == [(STRANGER, "HOUSING", action, f"file-{child}", tried.json()["code"])]
        assert await rows_of(api, none) == []
    shown = (await api.get("civil.supervisor.1", record)).json()["items"]
    assert [row["person_id"] for row in shown if row["outcome"] == REFUSED] == [STRANGER] * len(ways)


async def test_what_somebody_may_not_do_is_on_record_with_the_case(api):
    case = (await api.report())["case_id"]
    refused = await api.post(POLICE, f"/v1/cases/{case}/closure-approval")
    assert refused.status_code == 403
    assert await rows_of(api, refused) == [(POLICE, "POLICE", "case_closure_approval", case, "not_allowed")]
    office = await api.get("admin.1", "/v1/statistics/outcomes")
    assert await rows_of(api, office) == [("admin.1", "CONF", "outcomes", None, "not_allowed")]
    fine = await api.get(POLICE, f"/v1/cases/{case}")
    assert (fine.status_code, await rows_of(api, fine)) == (200, [])


async def test_words_that_were_good_once_are_on_record_and_words_that_never_were_are_not(api):
    now, shut = api.service.ledger.clock(), []
    key = {
        "unit": UNIT,
        "agency": "SCHOOL",
        "desk": "SCHOOL",
        "scopes": [],
        "label": "",
        "made_by": "x",
        "made_at": now,
    }
    ended = [
        {
            **key,
            "id": "key-revoked",
            "digest": hashlib.sha256(b"shk_revoked").hexdigest(),
            "expires_at": now + timedelta(1),
            "revoked_at": now,
        },
        {
            **key,
            "id": "key-ended",
            "digest": hashlib.sha256(b"shk_ended").hexdigest(),
            "expires_at": now,
            "revoked_at": None,
        },
    ]
    session = {
        "token_hash": hashlib.sha256(b"copy").hexdigest(),
        "person_id": STRANGER,
        "began_at": now,
        "seen_at": now,
        "ended_at": now,
    }
    people = tables.people
    inactive = update(people).where(people.c.id == "justice.officer.1")
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(api_keys), ended)
        await conn.execute(insert(tables.sessions), session)
        await conn.execute(inactive.values(is_active=False))
    try:
        for token in ("shk_revoked", "shk_ended", TOKENS["justice.officer.1"], "shk_never", "never"):
            shut.append(await api.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"}))
        shut.append(await api.http.get("/v1/me", headers={"Cookie": f"{SESSION}=copy"}))
        shut.append(await api.http.get("/v1/me"))
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(delete(api_keys))
            await conn.execute(delete(tables.sessions).where(tables.sessions.c.token_hash == session["token_hash"]))
            await conn.execute(inactive.values(is_active=True))
    assert {answer.status_code for answer in shut} == {401}
    assert len({str({**answer.json(), "instance": ""}) for answer in shut}) == 1, "nobody is told what a word once was"
    machine = "unit-school-1.machine"
    assert [await rows_of(api, answer) for answer in shut] == [
        [(machine, "SCHOOL", "me", None, "key_revoked")], [(machine, "SCHOOL", "me", None, "key_ended")],
        [("justice.officer.1", "JUSTICE", "me", None, "inactive")], [], [], [(STRANGER, "HOUSING", "me", None, "session_ended")], [],
    ]  # fmt: skip


async def test_nobody_fills_the_audit_by_asking(api):
    case, noted = (await api.report())["case_id"], 0
    for _ in range(2 * attempts.ON_RECORD.amount):
        noted += len(await rows_of(api, await api.get(STRANGER, f"/v1/cases/{case}")))
    assert noted == attempts.ON_RECORD.amount
    plain = await api.get(STRANGER, "/v1/statistics/outcomes")
    assert len(await rows_of(api, plain)) == 1, "what is forbidden has room of its own"
    other = await api.get("kindergarten.reporter.1", f"/v1/cases/{case}")
    assert len(await rows_of(api, other)) == 1, "another's attempts go on record still"


async def test_the_answer_leaves_before_anything_is_written(api):
    """Else its time would tell a hidden case from none."""
    case, sent = (await api.report())["case_id"], []
    app = create_app(Settings(), given=api.service)

    async def send(message):
        row = tables.audit.c
        async with api.service.engine.connect() as conn:
            query = select(row.id).where(row.stream_id == case, row.outcome == REFUSED)
            sent.append((message["type"], len((await conn.execute(query)).all())))

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    path = f"/v1/cases/{case}"
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
             "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": ("shouhu.test", 80), "client": ("::1", 1),
             "headers": [(b"host", b"shouhu.test"), (b"authorization", f"Bearer {TOKENS[STRANGER]}".encode())]}  # fmt: skip
    await app(scope, receive, send)
    assert [kind for kind, rows in sent] == ["http.response.start", "http.response.body"]
    assert [rows for kind, rows in sent] == [0, 0]
    await send({"type": "after"})
    assert sent[-1] == ("after", 1)
