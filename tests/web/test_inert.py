"""Q-S13: sixty scripts typed into cases, watches, signals and children's files stay text on every page that there is; none runs in a browser.

In `make test` they are spread over one of each; with `make faults` each stands in every such field of its own.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime
from html import unescape
from itertools import cycle
from uuid import uuid4

import httpx2
import pytest

from app.api.context import SESSION
from app.db.accounts import begin_session
from app.demo_people import Refusal
from app.web.frame import ROOM, templates
from tests.faults import LONG
from tests.web.pages import PAGES
from tests.web.payloads import PAYLOADS
from tests.web.seeded import DIVISION, leg_of, report, watch_of

SUPERVISOR, COMMITTEE, REGISTRAR = "civil.supervisor.1", f"comm-{DIVISION}.officer.1", "comm-110106002.officer.1"
STORED = "location.protocol === 'about:' ? 0 : localStorage.length + sessionStorage.length"
SHOWS = ("case-report", "case-people", "case-history", "emergency-reads", "signal", "child-full-view-missing")
"""Pages on which what was typed stands, for the fast version."""


async def typed_everywhere(people, owner, seeded, payloads=PAYLOADS):
    """A case whose report, notes, reasons and answers are scripts, its watch, a signal and a child's file; the ids of them in paths."""
    some = cycle(payloads)
    form = report(next(some), narrative="\n".join(payloads))
    form["children"][0] |= {
        name: next(some) for name in ("school", "residence", "features", "hukou", "phone", "birth_text")
    }
    form["family"][0] |= {"name": next(some), "note": next(some), "relation": next(some)[:20], "phone": next(some)}
    form["reporter"] |= {"name": next(some), "org": next(some), "phone": next(some)}
    form["children"][0]["phone"] = form["family"][0]["phone"] = form["reporter"]["phone"] = next(some)[:20]
    form["children"][0]["birth_text"] = next(some)[:20]
    case_id = (await people.post("school.reporter.1", "/v1/reports", form))["case_id"]
    case = f"/v1/cases/{case_id}"
    leg = await leg_of(people, case_id, "POLICE")
    for person, path, body in (
        ("police.officer.1", f"{case}/referrals/{leg}/return", {"reason": "missing_contact"}),
        ("civil.officer.1", f"{case}/notes", {}), ("civil.officer.1", f"{case}/full-view", {"need": "verify"}),
        (SUPERVISOR, f"{case}/full-view", {"need": "verify"}), (SUPERVISOR, f"{case}/referrals/{leg}/supervise", {}),
        ("housing.officer.1", "/v1/emergency-reads", {"case": case_id, "reason": "medical"}),
        ("civil.head.1", "/v1/approvals", {"act": "export", "parameters": {"case": case_id}, "reason": "verify"}),
    ):  # fmt: skip
        await people.post(person, path, {**body, "note": next(some)})
    with suppress(Refusal):  # a person keeps twenty
        await people.post("police.officer.1", "/v1/task-views", {"name": f"{uuid4().hex[:4]}{next(some)}"[:30]})
    return {name: case_id if is_case(at) else at["case_id"] for name, at in seeded.items()} | {
        "watched": await watched(people, owner, case_id, some), "signal": await noticed(people, some), "changed": await filed(people, some),
    }  # fmt: skip


def is_case(at):
    """Beside what has an id of its own."""
    return "receipt" in at


async def watched(people, owner, case_id, some):
    """The watch over its child, of whose parents somebody writes as well."""
    watch = await watch_of(owner, people, case_id)
    seen = {"finding": "needs_help", "note": next(some), "form": {"guardianship": "nobody"}}
    await people.post(COMMITTEE, f"/v1/watches/{watch}/visits", seen)
    away = {
        "delegate": {"name": next(some)},
        "relation": "grandparent",
        "is_adult": True,
        "is_able": True,
        "leaves_on": "2026-03-01",
    }
    await people.post(COMMITTEE, f"/v1/watches/{watch}/arrangement", away)
    return watch


async def noticed(people, some):
    """A signal that is held."""
    child = {"name": next(some), "residence_division": "110106002"}
    said = {"id": uuid4().hex, "count": 4, "text": next(some), "child": child}
    await people.post("school.reporter.1", "/v1/signals", {"signals": [said]})
    return (await people.get("street-110106002.officer.1", "/v1/signals/held?limit=200"))["items"][-1]["id"]


async def filed(people, some):
    """A child that a committee registers, with a change that waits."""
    child = {"name": next(some), "sex": "female", "birth_date": "2015-08-09", "residence": next(some)}
    given = {"child": child, "found": "in_difficulty", "grade": "low", "evidence": next(some)}
    file = (await people.post(REGISTRAR, "/v1/children", given))["child_id"]
    moved = {"field": "school", "value": next(some), "seen": 0, "evidence": next(some)}
    await people.post(REGISTRAR, f"/v1/children/{file}/changes", moved)
    return file


async def test_what_somebody_typed_is_text_on_every_page(stack, people, seeded, owner):
    at, shown = await typed_everywhere(people, owner, seeded), set()
    async with owner.begin() as conn:
        who = sorted({page.person for page in PAGES if page.person})
        sessions = {person: await begin_session(conn, person, datetime.now(UTC)) for person in who}
    async with httpx2.AsyncClient(base_url=stack.url, timeout=20) as http:
        for page in PAGES:
            path = page.path.format(**at)
            cookie = {"Cookie": f"{SESSION}={sessions[page.person]}"} if page.person else {}
            answer = await http.get(path, headers=cookie)
            assert answer.status_code < 500, (page.name, answer.status_code)
            assert [payload for payload in PAYLOADS if payload in answer.text] == [], page.name
            shown |= {page.name} if any(payload in unescape(answer.text) for payload in PAYLOADS) else set()
    assert set(SHOWS) <= shown, sorted(shown)


class Watched:
    """A visit of somebody, and what a script that ran would have left."""

    def __init__(self, here):
        self.here, self.dialogs = here, []
        here.page.on("dialog", self._asked)

    async def _asked(self, dialog):
        self.dialogs.append(dialog.message)
        await dialog.dismiss()

    async def harm(self):
        """In words; nothing where nothing ran."""
        found = [f"asked {one}" for one in self.here.addresses if one.endswith("/v1/me")]
        found += [f"said {one}" for one in self.dialogs]
        found += ["kept something"] if await self.here.page.evaluate(STORED) else []
        found += ["titled"] if await self.here.page.title() == "harm" else []
        return found + ([f"led to {self.here.page.url}"] if "evil.invalid" in self.here.page.url else [])


@pytest.mark.browser
async def test_nothing_that_was_typed_runs_in_a_browser(staff_page, people, owner, seeded):
    of_each = [[one] for one in PAYLOADS] if LONG else [PAYLOADS]
    typed = [await typed_everywhere(people, owner, seeded, some) for some in of_each]
    asked = [page for page in PAGES if page.person and not page.post and (LONG or page.name in SHOWS)]
    visits = {person: Watched(await staff_page(person)) for person in {page.person for page in asked}}
    for n, at in enumerate(typed):
        for page in asked:
            if n == 0 or "{" in page.path:  # lists show all of them in the last round
                await visits[page.person].here.open(page.path.format(**at))
                assert await visits[page.person].harm() == [], (page.name, n)
    for page in asked:
        await visits[page.person].here.open(page.path.format(**typed[-1]))
        assert await visits[page.person].harm() == [], page.name
    for one in visits.values():
        one.here.is_quiet()


@pytest.mark.browser
async def test_control_where_nothing_holds_them_the_same_scripts_run_and_are_seen(staff_page):
    for payload, seen in ((PAYLOADS[0], "titled"), (PAYLOADS[18], "said 1"), (PAYLOADS[16], "titled")):
        one = Watched(await staff_page())
        await one.here.page.set_content(f"<body>{payload}</body>")
        await one.here.page.wait_for_timeout(100)
        assert seen in await one.harm(), payload


AS_IT_IS = {
    "receipt.html": ["square"],  # a picture that the service draws of its own address
    "person_made.html": ["square"],
    "macros.html": ["more", "'<span class=\"vh\">'", '"</span>"'],  # attributes and tags that stand in templates
}
"""All that a template puts on a page without turning it into text, by the template."""


def raw_in(text):
    """How values get onto a page as something else than text."""
    yield from re.findall(r"""('[^']*'|"[^"]*"|[\w.]+)\s*\|\s*safe\b""", text)
    yield from re.findall("autoescape", text)
    yield from re.findall(r"<script[^>]*>[^<]*{{", text)
    yield from (
        tag for tag in re.findall(r"<[^>{]*\s[a-z-]+={{", text) if tag.count('"') % 2 == 0
    )  # a value without quotes
    yield from re.findall(
        r"""\bui\.(?:field|area|select)\([^{}]*?more=[^'"]""", text
    )  # attributes that are no words of the template


def test_every_value_of_every_template_becomes_text():
    """So no field is left out, also of those into which the tests type nothing."""
    assert templates.env.autoescape is True or templates.env.autoescape("any.html")
    found = {path.name: list(raw_in(path.read_text("utf-8"))) for path in sorted((ROOM / "templates").glob("*"))}
    assert len(found) > 60
    assert {name: raw for name, raw in found.items() if raw} == AS_IT_IS
    assert not [path for path in ROOM.glob("*.py") if "Markup" in path.read_text("utf-8")]
    for planted in (
        "{{ note | safe }}", "{% autoescape false %}", "<script>let x = {{ note }}</script>", "<p title={{ note }}>",
        "{{ ui.field(form, 'x', 'y', more=note) }}",
    ):  # fmt: skip
        assert list(raw_in(planted)), planted
