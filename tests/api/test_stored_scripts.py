"""What an attacker has typed into any field stands as text on every page of staff that the application has, so none is forgotten."""

import html
import re

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from app.api.context import SESSION
from app.db.accounts import begin_session
from app.domain.access import ENGINE
from app.domain.terms import Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.main import create_app
from app.settings import Settings
from app.web.wrong import is_page
from tests.api.conftest import upload
from tests.web.payloads import PAYLOADS

STREET = "110106018"
READERS = ("police.officer.1", "civil.supervisor.1", f"comm-{STREET}.officer.1", f"street-{STREET}.head.1")
ALL = "\n".join(PAYLOADS)


@pytest.fixture(scope="module")
async def told(api):
    """A case with the payloads in every text that there is: report, notes, files, visit, file of the child, reasons, absences, keys."""
    child = {
        "name": PAYLOADS[0],
        "residence_division": STREET,
        "residence": PAYLOADS[1],
        "school": PAYLOADS[2],
        "features": PAYLOADS[3],
    }
    family = [{"name": PAYLOADS[4], "relation": PAYLOADS[5][:20], "phone": PAYLOADS[6][:20], "note": PAYLOADS[7]}]
    reporter = {"class": "committee", "name": PAYLOADS[8], "phone": PAYLOADS[9][:20]}
    photo = await upload(api, "village.reporter.1", name=f"{PAYLOADS[10]}.jpg")
    case = (await api.report(children=[child], family=family, reporter=reporter, narrative=ALL, files=[photo]))[
        "case_id"
    ]
    own = (await api.progress(case))["children"][0]["id"]
    async with api.service.engine.begin() as conn:
        begin = BeginWatch(by=ENGINE, child_id=own, case_id=case, division=STREET, grade=Grade.HIGH)
        await api.service.ledger.begin(conn, watch_id(own), begin)
    leg = await api.leg(case, "POLICE")
    sent = (
        ("police.officer.1", f"/v1/cases/{case}/notes", {"note": ALL}),
        ("police.officer.1", f"/v1/cases/{case}/referrals/{leg}/accept", {"note": ALL}),
        ("civil.supervisor.1", f"/v1/cases/{case}/referrals/{leg}/urge", {"note": ALL}),
        ("civil.supervisor.1", f"/v1/cases/{case}/referrals/{leg}/supervise", {"note": ALL}),
        (READERS[2], f"/v1/watches/{watch_id(own)}/visits", {"finding": "needs_help", "note": ALL}),
        (READERS[2], f"/v1/children/{own}/changes", {"field": "household", "value": PAYLOADS[11], "evidence": ALL, "note": ALL}),
        ("hospital.officer.1", "/v1/emergency-reads", {"case": case, "reason": "medical", "note": ALL}),
        (READERS[3], "/v1/keys", {"unit": f"STREET-{STREET}", "scopes": ["task:read"], "label": PAYLOADS[12][:60]}),
        *((person, f"/v1/cases/{case}/full-view", {"need": "visit", "note": ALL}) for person in READERS[:2]),
    )  # fmt: skip
    for person, path, body in sent:
        answer = await api.post(person, path, body)
        assert answer.status_code in (200, 201), (path, answer.text)
    return {"case_id": case, "leg_id": leg, "watch_id": watch_id(own), "file_id": photo, "verb": "complete"}


def pages():
    routes = iter_route_contexts(create_app(Settings()).routes)
    return sorted({route.path for route in routes if "GET" in (route.methods or ()) and is_page(route.path)})


@pytest.mark.parametrize("person", READERS)
async def test_no_page_takes_what_was_typed_for_its_own(api, told, person):
    async with api.service.engine.begin() as conn:
        token = await begin_session(conn, person, api.service.ledger.clock())
    app, seen = create_app(Settings(), given=api.service), set()
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://shouhu.test", cookies={SESSION: token}
    ) as http:
        for path in pages():
            names = re.findall(r"{(\w+)}", path)
            asked = path.format(**{name: told.get(name, "none") for name in names})
            if path.startswith(("/leave", "/sign-in", "/files")):
                continue
            answer = await http.get(asked, headers={"Accept": "text/html"})
            assert answer.status_code < 500, path
            taken = [payload for payload in PAYLOADS if payload in answer.text]
            assert taken == [], (path, taken)
            if any(
                html.escape(payload).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in answer.text
                for payload in PAYLOADS
            ):
                seen.add(path)
    assert seen or person in READERS[2:], "the control: as text they are there; desks of a street see names masked"
    if person == "police.officer.1":
        assert seen >= {"/cases/{case_id}/report", "/cases/{case_id}/history"}
