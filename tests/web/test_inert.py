"""Sixty scripts typed into every field that people fill stay text on every page that there is."""

from datetime import UTC, datetime

import httpx2

from app.api.context import SESSION
from app.db.accounts import begin_session
from tests.web.pages import PAGES
from tests.web.payloads import PAYLOADS
from tests.web.seeded import leg_of, report

SUPERVISOR = "civil.supervisor.1"


async def typed_everywhere(people):
    """A case whose report, notes, reasons and answers are scripts; its id."""
    some = iter(PAYLOADS)
    form = report(next(some), narrative="\n".join(PAYLOADS))
    form["children"][0] |= {name: next(some) for name in ("school", "residence", "features", "hukou")}
    form["family"][0] |= {"name": next(some), "note": next(some)}
    form["reporter"] |= {"name": next(some), "org": next(some)}
    case_id = (await people.post("school.reporter.1", "/v1/reports", form))["case_id"]
    case = f"/v1/cases/{case_id}"
    leg = await leg_of(people, case_id, "POLICE")
    await people.post(
        "police.officer.1", f"{case}/referrals/{leg}/return", {"reason": "missing_contact", "note": next(some)}
    )
    await people.post("civil.officer.1", f"{case}/notes", {"note": next(some)})
    await people.post("civil.officer.1", f"{case}/full-view", {"need": "verify", "note": next(some)})
    await people.post(SUPERVISOR, f"{case}/full-view", {"need": "verify", "note": next(some)})
    await people.post(SUPERVISOR, f"{case}/referrals/{leg}/supervise", {"note": next(some)})
    await people.post(
        "housing.officer.1", "/v1/emergency-reads", {"case": case_id, "reason": "medical", "note": next(some)}
    )
    return case_id


async def test_what_somebody_typed_is_text_on_every_page(stack, people, seeded, owner):
    case_id, shown = await typed_everywhere(people), set()
    async with owner.begin() as conn:
        who = sorted({page.person for page in PAGES if page.person})
        sessions = {person: await begin_session(conn, person, datetime.now(UTC)) for person in who}
    async with httpx2.AsyncClient(base_url=stack.url, timeout=20) as http:
        for page in PAGES:
            path = page.path.format(**dict.fromkeys(seeded, case_id))
            cookie = {"Cookie": f"{SESSION}={sessions[page.person]}"} if page.person else {}
            answer = await http.get(path, headers=cookie)
            assert answer.status_code < 500, (page.name, answer.status_code)
            assert [payload for payload in PAYLOADS if payload in answer.text] == [], page.name
            shown |= {page.name} if "document.title=" in answer.text else set()
    assert {"case-report", "case-people", "emergency-reads"} <= shown, "the scripts are there to be seen"
