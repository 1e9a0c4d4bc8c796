"""What one may not see does not exist: a stranger is answered as if there were no case, on every GET route there is."""

from datetime import UTC, datetime, timedelta

from fastapi.routing import iter_route_contexts
from sqlalchemy import insert

from app.api import overview
from app.db import tables
from app.db.ledger import Ledger
from app.domain import benefit_commands as bc
from app.domain.access import ENGINE
from app.domain.handover import OfferWatch
from app.domain.terms import Fault, Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.main import create_app
from app.settings import Settings
from app.web.wrong import is_page
from tests.api.conftest import upload
from tests.api.test_benefits import CHOICE, invented
from tests.api.test_stalled import later

STRANGERS = ("street-110106002.officer.1", "housing.head.1", "kindergarten.reporter.1")
POLICE, SUPERVISOR, REPORTER = "police.officer.1", "civil.supervisor.1", "village.reporter.1"
LEDGER = "/v1/ledgers/{code}"
"""Every street has its own copy, so that of another is no secret; only its rows are."""
RECORD = "/v1/children/{child_id}/access-record"
"""For supervisors alone: the role is asked before the child."""
INSIDERS = {
    "/v1/cases": POLICE,
    "/v1/cases/{case_id}": POLICE,
    "/v1/cases/{case_id}/timeline": POLICE,
    "/v1/cases/{case_id}/suggestions": POLICE,
    "/v1/cases/{case_id}/explanation": POLICE,
    "/v1/cases/{case_id}/flow": POLICE,
    "/v1/cases/{case_id}/papers": POLICE,
    "/v1/cases/{case_id}/papers/{paper}": POLICE,
    "/v1/cases/{case_id}/benefits": POLICE,
    "/v1/cases/{case_id}/procedures": POLICE,
    "/v1/cases/{case_id}/services": POLICE,
    "/v1/audit": SUPERVISOR,
    RECORD: SUPERVISOR,
    f"{RECORD}.csv": SUPERVISOR,
    "/v1/statistics/outcomes": SUPERVISOR,
    "/v1/statistics/scorecard": SUPERVISOR,
    "/v1/statistics/workbook": SUPERVISOR,
    "/v1/children/{child_id}": "comm-110106025.officer.1",
    "/v1/children/{child_id}/history": "comm-110106025.officer.1",
    LEDGER: "comm-110106025.officer.1",
    "/v1/changes": "street-110106025.officer.1",
    "/v1/benefits/touched": SUPERVISOR,
    "/v1/tasks": "street-110106025.officer.1",
    "/v1/tasks/counts": "street-110106025.officer.1",
    "/v1/reports": REPORTER,
    "/v1/watches": "comm-110106025.officer.1",
    "/v1/watches/offered": "comm-110106024.officer.1",
    "/v1/visits": "comm-110106025.officer.1",
    "/v1/visits/{watch_id}": "comm-110106025.officer.1",
    "/v1/stalled": "street-110106025.head.1",
    "/v1/stalled/counts": "street-110106025.head.1",
    "/v1/findings": SUPERVISOR,
    "/v1/statistics/on-time": SUPERVISOR,
    "/v1/statistics/volumes": SUPERVISOR,
    "/v1/overview": SUPERVISOR,
    "/v1/notices": "street-110106025.officer.1",
    "/v1/cases/{case_id}/files": POLICE,
    "/v1/files/{file_id}": POLICE,
    "/v1/full-views": SUPERVISOR,
    "/v1/approvals": SUPERVISOR,
    "/v1/emergency-reads": SUPERVISOR,
}
"""Whom each route tells something of the case."""
QUERIES = {
    "/v1/statistics/volumes": "?months=24",
    "/v1/approvals": "?waiting=false",
    "/v1/emergency-reads": "?limit=200",
    "/v1/statistics/scorecard": "?since=2026-01-01T00:00:00Z&until=2030-01-01T00:00:00Z",
}
OF_NO_CASE = {
    "/v1/statistics/circulars", "/v1/statistics/circulars/{month}",
    "/v1/ledgers", "/v1/ledgers/{code}/template", "/v1/sheets", "/v1/sheets/{sheet_id}", "/v1/sheets/{sheet_id}/workbook",
    "/v1/ledgers/due/workbooks",
    "/v1/rounds", "/v1/rounds/asked", "/v1/rounds/rates", "/v1/rounds/{round_id}/units",
    "/v1/entry-links", "/static/{name}", "/healthz", "/readyz", "/openapi.json", "/docs", "/docs/oauth2-redirect",
    "/v1/statistics/anonymised", "/v1/surveys", "/v1/surveys/{survey}/results",
    "/v1/me", "/v1/colleagues", "/v1/names", "/v1/agencies", "/v1/calendar", "/v1/deputies", "/v1/policy/versions",
    "/v1/registers", "/v1/registers/due", "/v1/registers/{code}/entries", "/v1/registers/{code}/entries/{entry_id}",
    "/v1/registers/{code}/totals", "/v1/keys", "/v1/policy/versions/{version}/changes",
    "/v1/policy/versions/{version}/rows", "/v1/policy/versions/{version}/coverage", "/v1/policy/versions/{version}/dry-run",
    "/v1/compliance", "/v1/compliance/{paper_id}", "/v1/desks", "/v1/people", "/v1/retention/rules", "/v1/signals/rules",
    "/v1/system/health", "/v1/task-views", "/v1/communities",
}  # fmt: skip
"""Routes that tell nobody anything of a case."""
WITH_ROWS_OF_THEIR_OWN = {
    "/v1/cases/{case_id}/suggestions/{other_id}": "test_desk_views",
    "/v1/children/{child_id}/duplicates": "test_rounds",
    "/v1/children/{child_id}/duplicates/{other}": "test_alike",
    "/v1/duplicates": "test_alike",
    "/v1/ledgers/due": "test_ledgers",
    "/v1/ledgers/handed-in": "test_ledgers",
    "/v1/owed": "test_owed",
    "/v1/owed/{owed_id}": "test_owed",
    "/v1/retention": "test_retention",
    "/v1/retention/holds": "test_retention",
    "/v1/rounds/{round_id}/registered": "test_rounds",
    "/v1/signals/held": "test_signals",
    "/v1/signals/{signal_id}": "test_signals",
}
"""Routes over what has to be made first, with the room in which strangers are turned away from it."""
NEVER = {"case_id": "case-none", "receipt": "0000-0000-0000-0000", "child_id": "ch-none", "code": "work",
         "file_id": "upload-none", "paper": "summary", "watch_id": "watch-none"}  # fmt: skip


def test_every_get_route_stands_in_the_matrix():
    routes = {r.path for r in iter_route_contexts(create_app(Settings()).routes) if "GET" in (r.methods or ())}
    assert {
        path for path in routes if not is_page(path)
    } == INSIDERS.keys() | OF_NO_CASE | WITH_ROWS_OF_THEIR_OWN.keys()  # pages: tests/web/test_every_page.py


async def told(api, person, path, names, at):
    """Status and words of the answer; a year from now, so that every clock has run out. A problem's own number is left out."""
    with later(api, at):
        answer = await api.get(person, path.format(**names) + QUERIES.get(path, ""))
    said = answer.json() if "json" in answer.headers["content-type"] else answer.text
    if answer.status_code != 200:
        said.pop("instance")
    return answer.status_code, said


async def everything(api, names, at):
    overview._kept.clear()  # or the figures of a minute ago would be told
    return {
        (person, path): await told(api, person, path, names, at)
        for path, insider in INSIDERS.items()
        for person in (insider, *STRANGERS)
    }


async def a_case_with_all_there_is(api):
    """In a street of its own, whose lists are short; with a watch, a notice, a finding of the reconciler and a choice whose amounts are gone."""
    photo = await upload(api, REPORTER)
    filed = await api.report(children=[{"residence_division": "110106025"}], files=[photo])
    case = filed["case_id"]
    child = (await api.progress(case))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case, division="110106025", grade=Grade.HIGH)
    wrong = {
        "stream_id": case,
        "problem": Fault.NO_OWNER,
        "repaired": False,
        "found_at": datetime(2020, 1, 1, tzinfo=UTC),
    }
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(child), begin)
        await api.service.ledger.record(conn, watch_id(child), OfferWatch(by=ENGINE, division="110106024"))
        await conn.execute(insert(tables.findings), wrong)
    rules = Ledger(invented({}), "fengtai-2026.1")
    choice = bc.ChooseHighest(by=ENGINE, child_id=child, **CHOICE)
    async with api.service.engine.begin() as conn:
        await rules.record(conn, case, choice)
    await api.post(SUPERVISOR, f"/v1/cases/{case}/referrals/{await api.leg(case, 'STREET')}/urge")
    asked = {"act": "delete", "parameters": {"case": case}, "reason": "by_law", "note": "依法"}
    assert (await api.post(SUPERVISOR, "/v1/approvals", asked)).status_code == 201
    urgent = {"case": case, "reason": "medical", "note": "急诊"}
    assert (await api.post("hospital.officer.1", "/v1/emergency-reads", urgent)).status_code == 201
    opened = await api.post(POLICE, f"/v1/cases/{case}/full-view", {"need": "visit", "note": "入户"})
    assert opened.status_code == 201, opened.text
    changed = {"field": "school", "value": "示例小学（化名）"}
    entered = await api.post("comm-110106025.officer.1", f"/v1/children/{child}/changes", changed)
    assert entered.status_code == 200, entered.text
    return {"case_id": case, "receipt": filed["receipt"], "child_id": child, "code": "work", "file_id": photo,
            "paper": "summary", "watch_id": watch_id(child)}  # fmt: skip


async def test_a_stranger_is_answered_as_if_there_were_no_case(api):
    at = datetime.now(UTC) + timedelta(days=366)
    before = await everything(api, NEVER, at)
    case = await a_case_with_all_there_is(api)
    after = await everything(api, case, at)
    guessed = {**case, "receipt": NEVER["receipt"]}
    for (person, path), answer in before.items():
        if person in STRANGERS:
            now = await told(api, person, path, guessed, at)
            assert now == answer, (person, path)
            assert now[0] in ((404,) if "{" in path and not path.startswith((LEDGER, RECORD)) else (200, 403, 404)), (
                person,
                path,
            )
            assert case["case_id"] not in str(now), (person, path)
            assert case["child_id"] not in str(now), (person, path)
        else:
            assert after[person, path] != answer, (person, path)
            assert after[person, path][0] == 200, (person, path)
