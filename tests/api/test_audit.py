"""What is read of a child is on record before it leaves; where it cannot be, nothing leaves."""

import contextlib
import re
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.api.access_record import _cell
from app.db import audit, tables
from app.db.sealer import Sealer, SealKey
from app.db.service import PROGRESS_PATH
from app.db.vault import DataKey
from app.domain.watch import watch_id
from tests.api.conftest import SEAL_KEY, described
from tests.api.test_need import COMMITTEE, known_child
from tests.api.test_sheet_payloads import payloads

BROKEN = {
    "the row is refused": "create function broken() returns trigger language plpgsql as"
    " $$ begin raise exception 'no' using errcode = 'insufficient_privilege'; end $$",
    "the row fails": "create function broken() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$",
}
CHILD = {"residence_division": "110106101", "residence": "某街1号", "school": "示例小学"}


AT_ONCE = "create trigger broken before insert on audit for each row execute function broken()"
AT_THE_COMMIT = "create constraint trigger broken after insert on audit deferrable initially deferred for each row execute function broken()"


@contextlib.asynccontextmanager
async def broken(engine, how, when=AT_ONCE):
    """While this lasts, no row of the audit can be written."""
    async with engine.begin() as conn:
        await conn.execute(text(BROKEN[how]))
        await conn.execute(text(when))
    try:
        yield
    finally:
        async with engine.begin() as conn:
            await conn.execute(text("drop trigger broken on audit"))
            await conn.execute(text("drop function broken"))


async def _report(api):
    secret = f"canary{uuid.uuid4().hex}"
    child = {**CHILD, "name": secret, "school": secret, "residence": secret}
    filed = await api.report(children=[child], narrative=secret, family=[{"name": secret, "relation": "父"}],
                             reporter={"class": "committee", "name": secret})  # fmt: skip
    await api.post("police.officer.1", f"/v1/cases/{filed['case_id']}/notes", {"note": secret})
    return filed["case_id"], secret


async def _children(api, case_id):
    async with api.service.engine.connect() as conn:
        return list(
            (await conn.execute(select(tables.children.c.id).where(tables.children.c.case_id == case_id))).scalars()
        )


async def _reads(api, case_id):
    """Every GET of the API with the ids of this case."""
    known = {"case_id": case_id, "child_id": (await _children(api, case_id))[0]}
    routes = [path for path, methods in described().items() if "get" in methods]
    assert len(routes) > 15
    for route in routes:
        names = re.findall(r"{(\w+)}", route)
        yield route, route.format(**{name: known.get(name, "1") for name in names})


@pytest.mark.parametrize("how", BROKEN)
async def test_nothing_is_read_that_cannot_be_put_on_record(api, how):
    case_id, secret = await _report(api)
    open_before, shut = {}, {}
    for person in ("civil.supervisor.1", "police.officer.1"):
        await api.opened(person, f"/v1/cases/{case_id}")
        async for route, path in _reads(api, case_id):
            open_before[person, route] = await api.get(person, path)
    holding = {asked for asked, answer in open_before.items() if secret in answer.text}
    assert {route for _, route in holding} >= {"/v1/cases/{case_id}", "/v1/cases/{case_id}/timeline"}
    async with broken(api.service.engine, how):
        for person in ("civil.supervisor.1", "police.officer.1"):
            async for route, path in _reads(api, case_id):
                shut[person, route] = await api.get(person, path)
    assert [asked for asked, answer in shut.items() if secret in answer.text] == []
    assert {shut[asked].status_code for asked in holding} == {503}
    assert {shut[asked].json()["code"] for asked in holding} == {"audit_unavailable"}
    assert all(answer.headers["Retry-After"] for answer in shut.values() if answer.status_code == 503)


ASKED = {
    "/v1/policy/versions/{version}/dry-run": "?against=fengtai-2026.1&newest=5",
}
"""What a route asks for beside its path."""
RULES_ALONE = ("coverage", "rows", "changes")
"""Of a version of the rules; slow, and no child is in them."""
OF_NOBODY = ("saved_views", "people", "accounts", "endpoints", "form_drafts")
"""Sealed, and nothing of a child: how the caller likes a list, a second factor, the address of a system, what the caller typed."""
READERS = ("civil.supervisor.1", COMMITTEE)


@pytest.fixture
def unsealed(monkeypatch):
    """The tables of which a value was opened; to be cleared before each request."""
    tables_read, whole = set(), DataKey.open

    def told(key, sealed, place):
        tables_read.add(place.partition("|")[0])
        return whole(key, sealed, place)

    monkeypatch.setattr(DataKey, "open", told)
    return tables_read


async def _said_everywhere(api):
    """A child of whom something is said in each place that people write about a case, and whom a committee visits."""
    case, child = await known_child(api)
    for person, path, body in (
        ("police.officer.1", f"/v1/cases/{case}/full-view", {"need": "visit", "note": "核对门牌"}),
        ("civil.head.1", "/v1/approvals", {"act": "export", "parameters": {"case": case}, "reason": "hand_in", "note": "上报"}),
        ("civil.supervisor.1", f"/v1/retention/{case}/holds", {"reason": "litigation", "note": "抚养权诉讼未结"}),
        ("hospital.officer.1", "/v1/emergency-reads", {"reason": "child_found", "note": "急诊收治", "case": case}),
    ):  # fmt: skip
        made = await api.post(person, path, body)
        assert made.status_code == 201, made.text
    return case, child


async def test_no_route_opens_what_is_sealed_of_a_child_before_that_is_on_record(api, unsealed):
    """Also where the answer has codes and counts alone, as a trial of rules and the books of the month: what a fixture's words cannot show."""
    case, child = await _said_everywhere(api)
    known = {"case_id": case, "child_id": child, "stream_id": case, "subject_id": case, "version": "fengtai-2026.1", "code": "work",
             "watch_id": watch_id(child)}  # fmt: skip
    routes = [path for path, methods in described().items() if "get" in methods and not path.endswith(RULES_ALONE)]

    async def opening(routes):
        found = set()
        for person in READERS:
            for route in routes:
                path = route.format(**{name: known.get(name, "1") for name in re.findall(r"{(\w+)}", route)})
                unsealed.clear()
                answer = await api.get(person, path + ASKED.get(route, ""))
                if answer.status_code == 200 and unsealed.difference(OF_NOBODY):
                    found.add(route)
        return found

    async with broken(api.service.engine, "the row is refused"):
        assert await opening(routes) == set()
    holding = {
        "/v1/cases/{case_id}", "/v1/cases/{case_id}/timeline", "/v1/children/{child_id}", "/v1/ledgers/due", "/v1/ledgers/{code}",
        "/v1/policy/versions/{version}/dry-run", "/v1/approvals", "/v1/full-views", "/v1/emergency-reads", "/v1/retention/holds",
    }  # fmt: skip
    assert await opening(holding) == holding, "the control"


async def test_a_trial_of_rules_and_the_books_of_the_month_name_the_children_whom_they_read(api):
    _, child = await known_child(api)
    row = tables.audit.c
    for person, path, action in (
        ("civil.supervisor.1", "/v1/policy/versions/fengtai-2026.1/dry-run?against=fengtai-2026.1&newest=1", "dry_run_policy"),
        (COMMITTEE, "/v1/ledgers/due", "ledgers_due"),
    ):  # fmt: skip
        asked = await api.get(person, path)
        query = select(row.children).where(row.trace_id == asked.headers["X-Trace-Id"], row.action == action)
        async with api.service.engine.connect() as conn:
            named = [one for children in (await conn.execute(query)).scalars() for one in children]
        assert child in named, path


async def test_figures_are_made_of_reports_only_once_that_is_on_record(api):
    _, child = await known_child(api)
    read = await api.get("civil.supervisor.1", "/v1/statistics/outcomes")
    assert read.status_code == 200, read.text
    row = tables.audit.c
    query = select(row.children).where(row.trace_id == read.headers["X-Trace-Id"], row.action == "outcomes")
    async with api.service.engine.connect() as conn:
        assert child in (await conn.execute(query)).scalar_one()


async def test_nothing_leaves_before_its_row_is_committed_though_the_answer_is_made_meanwhile(api):
    case_id, secret = await _report(api)
    paths = [f"/v1/cases/{case_id}{part}" for part in ("", "/timeline")]
    await api.opened("civil.supervisor.1", f"/v1/cases/{case_id}")
    before = [(await api.get("civil.supervisor.1", path)).text for path in paths]
    assert [secret in shown for shown in before] == [True, True]
    async with broken(api.service.engine, "the row fails", AT_THE_COMMIT):
        for path in paths:
            answer = await api.get("civil.supervisor.1", path)
            assert (answer.status_code >= 500, secret in answer.text) == (True, False), path


async def test_a_command_that_cannot_be_put_on_record_changes_nothing(api):
    case_id, _ = await _report(api)
    before = (await api.progress(case_id))["version"]
    async with broken(api.service.engine, "the row is refused"):
        answer = await api.post("police.officer.1", f"/v1/cases/{case_id}/notes", {"note": "x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "audit_unavailable")
    assert (await api.progress(case_id))["version"] == before


async def test_each_read_is_one_row_with_its_request_its_children_and_its_why(api):
    case_id, _ = await _report(api)
    children, traces = await _children(api, case_id), []
    for _ in range(20):
        traces.append((await api.get("police.officer.1", f"/v1/cases/{case_id}/timeline")).headers["X-Trace-Id"])
    given = f"{uuid.uuid4().hex}"
    answer = await api.get(
        "civil.supervisor.1", f"/v1/cases/{case_id}/timeline", {"traceparent": f"00-{given}-00f067aa0ba902b7-01"}
    )
    assert answer.headers["X-Trace-Id"] == given
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        query = select(tables.audit).where(row.stream_id == case_id, row.action == "read_content").order_by(row.id)
        rows = (await conn.execute(query)).all()
    assert [one.trace_id for one in rows] == [*traces, given]
    assert {(one.person_id, one.agency, one.why) for one in rows} == {
        ("police.officer.1", "POLICE", "own_desk"), ("civil.supervisor.1", "CIVIL", "oversight"),
    }  # fmt: skip
    assert all(one.children == children and one.fields == ["notes"] and one.outcome == "done" for one in rows)


async def test_each_write_says_which_child_why_and_what_it_brought(api):
    """Of two children of one case whose part it was; a reason by its code, and its words by no more than that there were some."""
    twins = [{**CHILD, "name": name} for name in ("甲某", "乙某")]
    case_id = (await api.report(children=twins))["case_id"]
    both = sorted(await _children(api, case_id))
    path = f"/v1/cases/{case_id}"
    await api.post("police.officer.1", f"{path}/notes", {"note": "已到场"})
    asked = {"reason": "missing_location", "note": "缺门牌"}
    returned = await api.post("police.officer.1", f"{path}/referrals/a-police-1/return", asked)
    assert returned.status_code == 200, returned.text
    safe = await api.post("police.officer.1", f"{path}/safety", {"child_id": both[0], "safety": "safe"})
    assert safe.status_code == 200, safe.text
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        query = select(row.action, row.why, row.fields, row.children).where(row.stream_id == case_id, row.version > 0)
        rows = [(one.action, one.why, one.fields, sorted(one.children)) for one in await conn.execute(query)]
    assert ("FileReport", "office", ["facts"], both) in rows
    assert ("AddNote", "office", ["notes"], both) in rows
    assert ("ConfirmSafety", "office", [], both[:1]) in rows
    said = [one for one in rows if one[1] not in ("", "office")]
    assert said == [("ReturnReferral", "missing_location", ["notes"], both)], rows
    records = [
        (await api.get("civil.supervisor.1", f"/v1/children/{one}/access-record")).json()["items"] for one in both
    ]
    assert [sum(one["action"] == "ConfirmSafety" for one in record) for record in records] == [1, 0]


async def test_no_write_about_a_child_is_without_it(api):
    """Whatever has been written here, by these tests and those before them: in cases, files and watches."""
    case_id, _ = await _report(api)
    nameless = text(
        "select distinct a.action from audit a where a.version is not null and a.children = '{}' and (a.stream_id ~ '^(file|watch)-'"
        " or exists (select from children c where c.case_id = a.stream_id and c.filed_at <= a.at))"
    )
    async with api.service.engine.connect() as conn:
        assert (await conn.execute(nameless)).scalars().all() == []
        assert (
            await conn.execute(text("select count(*) from audit where stream_id = :case"), {"case": case_id})
        ).scalar_one()


async def test_an_answer_by_receipt_is_on_record_of_its_case_and_of_nobody_before_it_leaves(api):
    """Asked by program and by page; a code that there is not leaves no row."""
    filed, said = await api.report(), "已核实，孩子平安"
    case, code = filed["case_id"], filed["receipt"]
    assert (await api.post("civil.officer.1", f"/v1/cases/{case}/answer", {"note": said})).status_code == 200
    row = tables.audit.c
    query = select(row.person_id, row.behalf, row.action, row.fields, row.children, row.why, row.trace_id)

    async def rows():
        async with api.service.engine.connect() as conn:
            return (
                await conn.execute(query.where(row.stream_id == case, row.person_id == "receipt").order_by(row.id))
            ).all()

    async with broken(api.service.engine, "the row is refused"):
        shut = await api.post(None, "/v1/progress", {"receipt": code})
        page = await api.http.post(PROGRESS_PATH, data={"code": code})
    assert (shut.status_code, shut.json()["code"], page.status_code) == (503, "audit_unavailable", 503)
    assert said not in shut.text + page.text
    assert await rows() == []
    told = await api.post(None, "/v1/progress", {"receipt": code})
    page = await api.http.post(PROGRESS_PATH, data={"code": code})
    assert told.json()["answer"] == said
    assert said in page.text
    assert [tuple(one) for one in await rows()] == [
        ("receipt", None, "progress_by_receipt", ["progress", "answer"], [], "receipt", one.headers["X-Trace-Id"])
        for one in (told, page)
    ]
    assert (await api.post(None, "/v1/progress", {"receipt": "0" * 16})).status_code == 404
    assert len(await rows()) == 2
    shown = (await api.get("auditor.1", f"/v1/audit?stream_id={case}&person_id=receipt")).json()["items"]
    assert {(one["person_id"], one["action"]) for one in shown} == {("receipt", "progress_by_receipt")}
    child = (await _children(api, case))[0]
    record = (await api.get("civil.supervisor.1", f"/v1/children/{child}/access-record")).json()["items"]
    assert [one["why"] for one in record].count("receipt") == 2, "whoever asks who learned of the child sees it"


async def test_a_command_is_on_record_under_the_request_that_brought_it(api):
    case_id, _ = await _report(api)
    answer = await api.post("police.officer.1", f"/v1/cases/{case_id}/notes", {"note": "x"})
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        query = select(row.trace_id).where(row.stream_id == case_id, row.version == answer.json()["version"])
        assert (await conn.execute(query)).scalar_one() == answer.headers["X-Trace-Id"]


async def test_rows_that_nobody_seals_end_the_reading(api, monkeypatch):
    case_id, secret = await _report(api)
    monkeypatch.setattr(audit, "REFUSED_AFTER", timedelta(seconds=-1))
    answer = await api.get("police.officer.1", f"/v1/cases/{case_id}")
    assert (answer.status_code, secret in answer.text) == (503, False)
    monkeypatch.undo()
    assert (await api.get("police.officer.1", f"/v1/cases/{case_id}")).status_code == 200


async def test_the_oldest_unsealed_row_is_what_is_waited_for(api):
    await Sealer(api.service.engine, SealKey.of(SEAL_KEY)).seal()
    async with api.service.engine.connect() as conn:
        await conn.execute(text("insert into audit (person_id, agency, action, at, xid) select 'x', 'POLICE', 'x',"
                                " now() - interval '1 hour', below from seals order by number desc limit 1"))  # fmt: skip
        assert await audit.unsealed_for(conn) > timedelta(minutes=59)
        await conn.rollback()


async def test_a_childs_record_of_access_says_who_saw_it_and_who_changed_it(api):
    case_id, secret = await _report(api)
    child = (await _children(api, case_id))[0]
    seen = (await api.get("police.officer.1", f"/v1/cases/{case_id}")).headers["X-Trace-Id"]
    path = f"/v1/children/{child}/access-record"
    rows = (await api.get("civil.supervisor.1", path)).json()["items"]
    assert seen in [
        row["trace_id"] for row in rows if row["action"] == "read_content" and row["person_id"] == "police.officer.1"
    ]
    assert {"FileReport", "AddNote", "read_access_record"} <= {row["action"] for row in rows}
    assert secret not in str(rows)
    assert (await api.get("police.officer.2", path)).status_code == 403
    assert (await api.get("civil.supervisor.1", "/v1/children/ch-none/access-record")).status_code == 404
    table = await api.get("civil.supervisor.1", f"{path}.csv")
    assert table.headers["Content-Disposition"].startswith("attachment")
    assert (
        len(table.text.strip().splitlines()) == len(rows) + 3
    )  # its head, the look at the record just before, and the officer who was refused
    assert seen in table.text


def test_no_cell_of_an_export_is_a_formula():
    for value in payloads():
        assert _cell(value) == f"'{value}"
        assert _cell([value, "b"]) == f"'{value} b"
    assert _cell(["a", "b"]) == "a b"


async def test_data_is_no_page_for_a_browser(api):
    answer = await api.get("civil.supervisor.1", "/v1/me")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
