"""Q-S4: whoever is shown something of a child is on record before it leaves: every read a row, also where the API dies in between."""

import asyncio
import random
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select

from app.api.context import SESSION
from app.db import tables
from app.db.accounts import begin_session
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.service import Service
from app.domain.handing_in import month_of
from app.domain.watch import watch_id
from app.policy.loader import load
from tests.api.conftest import Api, upload
from tests.api.test_need import COMMITTEE, HOME, KIN, KIN_PHONE, NAME, WHY, known_child
from tests.api.test_sealed import closed_and_sealed
from tests.faults import times
from tests.web.pages import PAGES

READS, KILLS = times(60, 2_000), times(3, 50)
READERS, BOOK = 4, "work"
SUPERVISOR, POLICE, KEEPER = "civil.supervisor.1", "police.officer.1", "wf.officer.1"
NEAR = (
    SUPERVISOR,
    "conf.supervisor.1",
    POLICE,
    "civil.officer.1",
    "edu.officer.1",
    COMMITTEE,
    KEEPER,
    "auditor.1",
    "school.reporter.1",
)
"""Those to whom the child means something; every second reader is one of them, the others are anybody."""
SHOWS = re.compile("欧阳|宛平城|340104|138(1234|\\*{4})1234")
"""What answers say of the child and its family, in full or masked; nobody else here has such a name, number or home."""
ROW = {
    "read_case": "read_content", "read_timeline": "read_content", "explain_case": "explain_case",
    "case_flow": "case_flow", "read_procedures": "read_procedures", "read_benefits": "read_benefits",
    "case_files": "read_content", "read_file": "read_file", "read_paper": "paper_summary",
    "child_services": "read_services", "read_child": "read_child", "read_child_history": "read_child",
    "due_visits": "due_visits", "watches": "due_visits", "offered_watches": "due_visits", "due_visit": "read_child",
    "access_record": "read_access_record", "read_ledger": "read_ledger",
    "export_access_record": "read_access_record", "search_audit": "search_audit", "search_children": "search_children",
    "entries": "read_register", "entry_history": "read_register", "read_signal": "read_signal",
    "compare_children": "compare_children", "files_like": "compare_children",
    "open_case_in_full": "open_full_view", "open_child_in_full": "open_full_view", "compare_cases": "compare_cases",
    "fetch_sheet": "fetch_sheet", "fetch_month": "fetch_sheet", "break_glass": "emergency_read", "open_sealed": "open_sealed",
}  # fmt: skip
"""The reading routes, and the action under which a read of each stands on record: once, or once for each of two cases."""
UNSEALS = {"ground": "case_handling", "request": "（2026）京0106刑初90号"}
TWO = ("proc.head.1", "proc.procurator.1")
LISTS = (
    "ledgers_due", "approvals", "full_views", "emergency_reads", "legal_holds", "touched_benefits", "waiting_changes", "round_registered",
    "owed", "read_owed", "duplicates",
)  # fmt: skip
WITH = {
    "read_case": {"read_reporter"}, "read_paper": {"read_content"}, "registers_due": {"read_register"}, "outcomes": {"outcomes"},
    "read_signal": {"compare_children"}, "anonymised": {"outcomes"}, "figures_workbook": {"outcomes"}, **{name: {name} for name in LISTS},
}  # fmt: skip
"""What may stand beside it, for it is read as well; and what stands for a list or a figure as often as files were opened for it."""


@pytest.fixture(scope="module")
async def everybody(real):
    """All people over the API of the running service; rows are prepared as the owner of its database."""
    async with real.database() as engine, httpx2.AsyncClient(base_url=real.url, timeout=20) as http:
        service = Service(engine, Ledger(load, real.policy or ""), Receipts(b"of the tests"))
        yield Api(http, service, real.tokens)


@pytest.fixture(scope="module")
async def ids(everybody):
    """One child in every place where something of it is read, by the names of the ids in paths."""
    case, child = await known_child(everybody)
    photo = await upload(everybody, POLICE)
    noted = await everybody.post(POLICE, f"/v1/cases/{case}/notes", {"note": "现场照片", "files": [photo]})
    assert noted.status_code == 200, noted.text
    entry = {"family": KIN, "address": HOME, "phone": KIN_PHONE, "checked_on": "2026-01-05"}
    kept = await everybody.post(KEEPER, "/v1/registers/loving_families/entries", {"fields": entry})
    said = {
        "id": uuid4().hex,
        "count": 4,
        "text": f"{NAME}连续四日无故缺勤",
        "child": {"name": NAME, "residence_division": "110106014"},
    }
    sent = await everybody.post("school.reporter.1", "/v1/signals", {"signals": [said]})
    assert (kept.status_code, sent.status_code) == (201, 200), (kept.text, sent.text)
    twin = (await everybody.report("hotline.reporter.1", children=[said["child"]]))["case_id"]
    month = {"use": "hand_in", "month": month_of(datetime.now(UTC))}
    sheet = (await everybody.post(COMMITTEE, f"/v1/ledgers/{BOOK}/exports", month)).json()["id"]
    async with asyncio.timeout(60):
        while (await everybody.get(COMMITTEE, f"/v1/sheets/{sheet}")).json()["state"] != "done":
            await asyncio.sleep(0.1)
    (held,) = (await everybody.get("street-110106014.officer.1", "/v1/signals/held")).json()["items"][:1]
    return {
        "case_id": case, "child_id": child, "other_id": twin, "watch_id": watch_id(child), "file_id": photo, "paper": "summary",
        "entry_id": kept.json()["id"], "signal_id": held["id"], "sheet_id": sheet,
        "other": (await everybody.progress(twin))["children"][0]["id"], "sealed": await closed_and_sealed(everybody),
    }  # fmt: skip


async def routes(everybody, ids):
    """Every GET, the search and the full views: the name of each, its method, path and body. Ids of other things name none here."""
    document, found = (await everybody.get(None, "/openapi.json")).json(), []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = operation["operationId"]
            if method == "get" or name in ROW:
                codes = {"ledgers": BOOK, "registers": "loving_families"}
                known = {"code": codes.get(path.split("/")[2], ""), **ids}
                known |= {"case_id": ids["sealed"]} if name == "open_sealed" else {}
                glass = {"case": ids["case_id"], "reason": "medical", "note": "核对"}
                body = (
                    UNSEALS
                    if name == "open_sealed"
                    else (
                        WHY
                        if name.startswith("open_")
                        else glass
                        if name == "break_glass"
                        else {"name": NAME, "birth_year": 2018}
                    )
                )
                at = re.sub(r"{(\w+)}", lambda one, known=known: known.get(one[1], "none"), path)
                found.append((name, method, at, body if method == "post" else None))
    assert {name for name, *_ in found} > set(ROW)
    return found


async def walk(everybody, ids):
    """So many reads of anybody over any route: of each who, what and the answer; only what was answered counts."""
    asked, found = await routes(everybody, ids), []
    weights = [4 if name in ROW else 1 for name, *_ in asked]
    while sum(name in ROW for _, name, _ in found) < READS:
        (name, method, path, body) = random.choices(asked, weights)[0]
        person = random.choice(NEAR) if random.random() < 0.7 else random.choice([*everybody.tokens])
        if name == "open_sealed" and random.random() < 0.5:
            person, second = random.sample(TWO, 2)
            await everybody.approved(person, second, "unseal", case=ids["sealed"], **UNSEALS)
        answer = await everybody.http.request(method, path, json=body, headers=everybody._headers(person, None))
        assert answer.status_code < 500, (name, answer.text)
        if answer.status_code < 300:
            found.append((person, name, answer))
    return found


async def recorded(everybody, since):
    """The rows of the audit about what was read since, by their trace."""
    row, found = tables.audit.c, defaultdict(list)
    query = select(tables.audit).where(row.id > since, row.outcome == "done", row.version.is_(None)).order_by(row.id)
    query = query.where(row.action.not_in(("propose_unseal", "approve_unseal")))  # for two of them, and no read
    async with everybody.service.engine.connect() as conn:
        for one in await conn.execute(query):
            found[one.trace_id].append(one)
    return found


async def last_row(everybody):
    async with everybody.service.engine.connect() as conn:
        return (await conn.execute(select(func.max(tables.audit.c.id)))).scalar_one()


def must_be_on_record(name, answer):
    """How many rows a read has; None where it has one or none, for the answer does not tell who sees content."""
    if name not in ROW:
        return 0
    if name == "read_case":
        return int("content" in answer.json())
    if name in ("read_timeline", "entries", "entry_history"):
        return 1 if SHOWS.search(answer.text) else None
    return int(bool(answer.json()["items"])) if ROW[name] == "due_visits" else 2 if name == "compare_cases" else 1


def faults_of(person, name, answer, rows, children=()):
    """What is wrong with the rows of one read."""
    most = must_be_on_record(name, answer)
    actions = Counter(one.action for one in rows)
    counted = actions.pop(ROW.get(name, ""), 0)
    if counted != most and not (most is None and counted <= 1):
        yield f"{counted} rows, not {most}"
    if not set(actions) <= WITH.get(name, set()):
        yield f"also {set(actions)}"
    if SHOWS.search(answer.text) and not rows:
        yield "shown, and not on record"
    named = {child for one in rows for child in one.children}
    if name != "search_audit" and (untold := {one for one in children if one in answer.text} - named):
        yield f"told of {untold}, whom no row names"
    for one in rows:
        if one.person_id != person or not one.why or not (one.fields or name == "search_audit"):
            yield f"{one.person_id} for {one.why} saw {one.fields}"


async def test_as_many_rows_as_reads_each_with_its_person_its_trace_and_its_fields(everybody, ids):
    since = await last_row(everybody)
    found = await walk(everybody, ids)
    rows, wrong = await recorded(everybody, since), []
    for person, name, answer in found:
        mine = rows.pop(answer.headers["X-Trace-Id"], [])
        children = (ids["child_id"], ids["other"])
        wrong += [(person, name, said) for said in faults_of(person, name, answer, mine, children)]
    assert wrong == []
    assert dict(rows) == {}, "a row is on record of something that nobody was answered"
    assert len({name for _, name, _ in found} & set(ROW)) > len(ROW) / times(3, 1) - 1


async def test_no_page_shows_a_child_without_a_row(everybody, ids):
    """The pages of the staff by the session of a browser, each as whoever opens it and as those who work with the child."""
    since, shown, traces = await last_row(everybody), set(), {}
    known = dict.fromkeys(("accepted", "waiting", "late", "answered", "long"), ids["case_id"])
    known |= {"watched": ids["watch_id"], "signal": ids["signal_id"]}
    asked = {
        (one.path, one.person) for one in PAGES if one.person and set(re.findall(r"{(\w+)}", one.path)) <= set(known)
    }
    asked |= {(path, person) for path, _ in asked if "{" in path or "visits" in path for person in (POLICE, COMMITTEE)}
    async with everybody.service.engine.begin() as conn:
        sessions = {
            person: await begin_session(conn, person, datetime.now(UTC)) for person in {person for _, person in asked}
        }
    for path, person in sorted(asked):
        answer = await everybody.http.get(path.format(**known), headers={"Cookie": f"{SESSION}={sessions[person]}"})
        assert answer.status_code < 500, path
        if SHOWS.search(answer.text):
            shown.add(path)
            traces[answer.headers["X-Trace-Id"]] = (path, person)
    rows = await recorded(everybody, since)
    assert [asked for trace, asked in traces.items() if trace not in rows] == []
    assert len(shown) > 5, shown


class Reader:
    """Reads without pause under traces of its own; which it asked for, and of which something of the child came."""

    def __init__(self, rig, ids):
        self.rig, self.asked, self.seen = rig, set(), set()
        self.paths = (
            f"/v1/cases/{ids['case_id']}",
            f"/v1/children/{ids['child_id']}",
            f"/v1/cases/{ids['case_id']}/timeline",
        )

    async def until_it_dies(self):
        """Each read as anybody who sees the case, until the connection ends."""
        async with httpx2.AsyncClient(base_url=self.rig.url, timeout=20) as http:
            while True:
                trace, person = uuid4().hex, random.choice((SUPERVISOR, POLICE, "civil.officer.1"))
                headers = {
                    "Authorization": f"Bearer {self.rig.tokens[person]}",
                    "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
                }
                self.asked.add(trace)
                try:
                    async with http.stream("GET", random.choice(self.paths), headers=headers) as answer:
                        assert answer.status_code == 200
                        async for piece in answer.aiter_bytes():
                            if piece:
                                self.seen.add(trace)
                except httpx2.TransportError:
                    return

    async def all_of_it(self):
        """So many at once."""
        await asyncio.gather(*(self.until_it_dies() for _ in range(READERS)))


async def kill_at_the_commit(rig, reader):
    """PostgreSQL has committed the row and says so; the API dies before it hears of it."""
    with rig.wires["postgres"].bad(lost=1, having=b"COMMIT", meanwhile=lambda: rig.kill("api")):
        await reader.all_of_it()


async def kill_at_any_moment(rig, reader):
    reading = asyncio.create_task(reader.all_of_it())
    before = len(reader.seen)
    while len(reader.seen) < before + 8:
        await asyncio.sleep(0.005)
    await asyncio.sleep(random.uniform(0, 0.05))
    rig.kill("api")
    await reading


async def missing_and_more(everybody, reader, since):
    """Reads that somebody saw and nobody recorded, and rows of reads that nobody saw."""
    rows = await recorded(everybody, since)
    return reader.seen - set(rows), (reader.asked - reader.seen) & set(rows)


async def test_an_api_that_dies_between_the_row_and_the_answer_leaves_rows_too_many_and_none_too_few(
    rig, everybody, ids
):
    rig.wired, reader, since = {"api"}, Reader(rig, ids), await last_row(everybody)
    for n in range(KILLS):
        await rig.restart("api")
        await (kill_at_any_moment if n % 2 else kill_at_the_commit)(rig, reader)
    missing, more = await missing_and_more(everybody, reader, since)
    assert missing == set()
    assert len(more) >= (KILLS + 1) // 2, "each of these left a row whose answer nobody had"
    assert len(reader.seen) >= 8 * (KILLS // 2)


async def test_control_an_api_that_answers_first_is_seen_to_miss_a_row(rig, everybody, ids):
    rig.careless, reader, since = True, Reader(rig, ids), await last_row(everybody)
    await rig.restart("api")
    await kill_at_any_moment(rig, reader)
    missing, _ = await missing_and_more(everybody, reader, since)
    assert missing
