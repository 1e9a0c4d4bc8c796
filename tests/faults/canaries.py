"""Children of whom every word is unique, all that somebody does with one over the API and the pages, and where such words are found again."""

import asyncio
import re
import uuid
from datetime import UTC, datetime
from random import SystemRandom
from urllib.parse import quote

from sqlalchemy import text

from app.api.context import SESSION
from app.db import tables
from app.db.accounts import begin_session
from app.workbook import MEDIA_TYPE
from tests.api.workbooks import sheet
from tests.faults.traffic import PUPIL, REPORTER
from tests.files.corpus import office
from tests.files.test_examine import unpacked

WORD = re.compile(rb"canary[0-9a-f]{16}|7{4}\d{14}|7{3}\d{8}")
"""Also an id number and a telephone, which are digits."""
IN_A_ROW = "canary[0-9a-f]{16}|7{4}[0-9]{14}|7{3}[0-9]{8}"
FIELDS = ("reporter", "org", "name", "school", "residence", "hukou", "features", "guardian", "narrative", "note", "need", "typed", "asked",
          "file", "content", "path")  # fmt: skip
POLICE, CIVIL, BORN = "police.officer.1", "civil.officer.1", "2016-03-04"
COMMITTEE, STREET = "comm-110106101.officer.1", "street-110106101.officer.1"
HEADS = ("姓名", "性别", "出生日期", "现居住地址", "建档原因", "建档风险等级")
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
digits = SystemRandom()


def words():
    """A unique word for every place where a person is named."""
    numbers = {"id_no": f"7777{digits.randrange(10**14):014d}"}
    numbers |= {name: f"777{digits.randrange(10**8):08d}" for name in ("phone", "reporter_phone", "guardian_phone")}
    return {field: f"canary{uuid.uuid4().hex[:16]}" for field in FIELDS} | numbers


def form(word, files=()):
    """A report that says all of them."""
    child = {name: word[name] for name in ("name", "school", "residence", "hukou", "features", "id_no", "phone")}
    return {
        "reporter": {"class": "committee", "name": word["reporter"], "org": word["org"], "phone": word["reporter_phone"]},
        "children": [{**PUPIL, "birth_date": BORN, "age_years": None, **child}],
        "family": [{"name": word["guardian"], "relation": "父", "note": word["guardian"], "phone": word["guardian_phone"]}],
        "situations": ["living_alone"], "narrative": word["narrative"], "files": list(files),
    }  # fmt: skip


async def sessions(rig, *people):
    """The cookie of each."""
    async with rig.database() as engine, engine.begin() as conn:
        return {one: {"Cookie": f"{SESSION}={await begin_session(conn, one, datetime.now(UTC))}"} for one in people}


async def lives(rig, people, word, seated):
    """One child on all its ways: reported with a file, worked on, looked for, read, printed, typed into forms, and refused. Its case."""
    http, signed = people.http, {"Authorization": f"Bearer {rig.tokens[REPORTER]}"}
    police = {"Authorization": f"Bearer {rig.tokens[POLICE]}"}
    named = {"Content-Type": "application/octet-stream", "X-File-Name": quote(f"{word['file']}.docx")}
    sent = await http.post("/v1/files", content=office(text=word["content"]), headers=signed | named)
    assert sent.status_code == 201, sent.text
    case = (await people.post(REPORTER, "/v1/reports", form(word, [sent.json()["id"]])))["case_id"]
    path = f"/v1/cases/{case}"
    await people.post(POLICE, f"{path}/referrals/a-police-1/accept", {"note": word["note"]})
    await people.post(POLICE, f"{path}/full-view", {"need": "verify", "note": word["need"]})
    read = await http.get(path, headers=police)
    assert word["name"] in read.text
    for part in ("/timeline", "/files", "/papers/summary"):
        assert (await http.get(path + part, headers=police)).status_code == 200, part
    kept = await http.get(f"/v1/files/{sent.json()['id']}", headers=police)
    assert word["content"].encode() in unpacked(kept.content)
    for asked in ({"name": word["name"], "birth_date": BORN}, {"phone": word["phone"]}, {"id_no": word["id_no"]}):
        found = await http.post("/v1/search/children", json=asked, headers=police)
        assert case in {one["case_id"] for one in found.json()}, found.text
    for page in ("", "/people", "/report", "/files", "/history"):
        assert (await http.get(f"/cases/{case}{page}", headers=seated[POLICE])).status_code == 200, page
    told = {"q": word["name"], "birth_date": BORN}
    assert case in (await http.post("/search", data=told, headers=seated[POLICE] | OWN_PAGE)).text
    typed = {"keep": "1", "note": word["typed"]}
    await http.post(f"/cases/{case}/legs/a-police-1/complete", data=typed, headers=seated[POLICE] | OWN_PAGE)
    await http.post(
        "/sign-in", data={"person": word["asked"], "password": word["asked"], "code": "1"}, headers=OWN_PAGE
    )
    await refused(http, signed, path, word)
    return case


async def kept(people, word):
    """One child on the ways that no case knows: registered, verified, visited and changed, in a register, a signal, a sheet and an answer
    of a round."""
    child = {name: word[name] for name in ("name", "school", "residence", "hukou", "features", "id_no", "phone")}
    family = [{"name": word["guardian"], "relation": "父", "note": word["guardian"], "phone": word["guardian_phone"]}]
    found = {"found": "in_difficulty", "grade": "low", "evidence": word["typed"], "note": word["note"]}
    child |= {"residence_division": PUPIL["residence_division"], "birth_date": BORN}
    made = await people.post(COMMITTEE, "/v1/children", {"child": child, "family": family, **found})
    file = f"/v1/children/{made['child_id']}"
    like = (await people.get(STREET, f"{file}/duplicates"))["files"]
    compared = [{"child_id": one["child_id"], "found": "unclear"} for one in like]
    await people.post(STREET, f"{file}/changes/{made['change']}/pass", {"compared": compared, "note": word["need"]})
    visit = {"finding": "at_risk", "situations": ["unguarded"], "note": word["narrative"]}
    await people.post(COMMITTEE, f"/v1/watches/watch-{made['child_id']}/visits", visit)
    moved = {"field": "residence", "value": word["path"], "evidence": word["file"], "note": word["content"]}
    change = (await people.post(COMMITTEE, f"{file}/changes", moved))["change"]
    await people.post(STREET, f"{file}/changes/{change}/pass", {"note": word["need"]})
    home = {
        "family": word["reporter"],
        "address": word["org"],
        "phone": word["reporter_phone"],
        "checked_on": "2026-01-05",
    }
    await people.post("wf.officer.1", "/v1/registers/loving_families/entries", {"fields": home})
    seen = {
        "id": uuid.uuid4().hex,
        "count": 4,
        "text": word["asked"],
        "child": {"name": word["name"], "residence_division": STREET[7:16]},
    }
    await people.post("school.reporter.1", "/v1/signals", {"signals": [seen]})
    await sent(
        people, "information", sheet(HEADS, (word["name"], "女", BORN, word["hukou"], "走访发现困境儿童", "低风险"))
    )
    return made["child_id"]


async def sent(people, book, body):
    """A filled-in sheet, looked at and entered."""
    signed = {"Authorization": f"Bearer {people.tokens[COMMITTEE]}", "Content-Type": MEDIA_TYPE}
    answer = await people.http.post(f"/v1/sheets?book={book}", content=body, headers=signed)
    assert answer.status_code == 202, answer.text
    path = f"/v1/sheets/{answer.json()['id']}"
    await until(people, path, "ready")
    await people.post(COMMITTEE, f"{path}/confirm")
    await until(people, path, "done")


async def until(people, path, state):
    """The job has come so far."""
    async with asyncio.timeout(60):
        while (found := await people.get(COMMITTEE, path))["state"] != state:
            assert found["state"] not in ("failed", "refused"), found
            await asyncio.sleep(0.1)


async def answered(people, word):
    """A round whose answer reports a child, and a survey; once, for both are of everybody."""
    opened = await people.post("civil.supervisor.1", "/v1/rounds", {"code": "community_survey"})
    unit = COMMITTEE.partition(".")[0].upper()
    listed = {"unit": unit, "screened": 3, "reports": [form(word)]}
    await people.post(COMMITTEE, f"/v1/rounds/{opened['id']}/returns", listed)
    survey = "/v1/surveys/satisfaction"
    codes = (await people.post("civil.supervisor.1", f"{survey}/invitations", {"count": 1}))["codes"]
    said = {"code": codes[0], "marks": {"overall": 4, "help": 4}}
    assert (await people.http.post("/v1/surveys/answers", json=said)).is_success


async def refused(http, signed, path, word):
    """What is wrong with a request never comes back from a log."""
    for wrong in ({"children": [{"name": word["name"], "sex": word["name"]}]}, {"narrative": word["narrative"]}):
        await http.post("/v1/reports", json=wrong, headers=signed)
    await http.post("/v1/reports", content=b'{"narrative": "' + word["narrative"].encode(), headers=signed)
    await http.post("/v1/progress", json={"receipt": word["path"]})
    await http.get(f"/v1/{word['path']}?name={word['name']}", headers=signed)
    await http.get(f"/cases/{word['path']}?name={word['name']}")
    for odd in ({"If-Match": f'"{word["note"]}"'}, {"Idempotency-Key": word["path"]}, {"X-Acting-For": word["path"]}):
        await http.post(f"{path}/notes", json={"note": word["note"]}, headers={**signed, **odd})


def outside(rig):
    """All files of the service: logs, Temporal's, temporary ones, settings, what agencies log, and the database's as they lie on the disk."""
    return {path.relative_to(rig.data): path for path in rig.data.rglob("*") if path.is_file()}


async def leaks(rig, people, all_words):
    """Where one of the words stands that should not."""
    ours = {word.encode() for one in all_words for word in one.values()}
    found = []
    for name, path in outside(rig).items():
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # the servers work meanwhile
            continue
        found += [(str(name), word.decode()) for word in ours & set(WORD.findall(content))]
    for process in rig.processes():
        given = {
            name: value for name, value in process.environ().items() if name != "FAULTS"
        }  # which are these tests' own
        said = " ".join([*process.cmdline(), *given.values()]).encode()
        found += [(f"process {process.name()}", word.decode()) for word in ours & set(WORD.findall(said))]
    found += await _in_rows(rig, ours)
    for path in ("/readyz", "/healthz", "/openapi.json", "/v1/system/health"):
        answer = await people.http.get(path, headers={"Authorization": f"Bearer {rig.tokens['admin.1']}"})
        found += [(path, word.decode()) for word in ours & set(WORD.findall(answer.content))]
    return found


async def _in_rows(rig, ours):
    """As a dump would show them."""
    found = []
    async with rig.database() as engine, engine.connect() as conn:
        for table in tables.metadata.tables:
            rows = await conn.execute(
                text(f'select t::text from "{table}" t where t::text ~ :word'), {"word": IN_A_ROW}
            )
            found += [(table, word.decode()) for row in rows for word in ours & set(WORD.findall(row[0].encode()))]
    return found
