"""Papers: each holds what its reader and its recipient may know, masked until somebody said why, on record, and kept nowhere."""

import asyncio
import threading

import pytest
from sqlalchemy import select

from app import documents
from app.api import papers
from app.db import tables
from app.domain.papers import Paper
from tests.web.seeded import report

POLICE, CIVIL, SUPERVISOR, SCHOOL = "police.officer.1", "civil.officer.1", "civil.supervisor.1", "edu.officer.1"
NAME, MOTHER, TEACHER, UNIT = "示例甲（化名）", "示例母（化名）", "示例老师（化名）", "school.reporter.1"
SEEN = "连续三天无人接送，示例老师（化名）多次家访。"


@pytest.fixture(scope="module")
async def case(api):
    """Placed by the police, supervised, answered."""
    made = await api.report(UNIT, **report(NAME, narrative=SEEN))
    case, leg = f"/v1/cases/{made['case_id']}", await api.leg(made["case_id"], "POLICE")
    child = (await api.progress(made["case_id"]))["children"][0]["id"]
    for who, path, body in (
        (POLICE, f"/referrals/{leg}/accept", {}),
        (
            POLICE,
            "/safety",
            {"child_id": child, "safety": "placed", "note": f"{NAME}已送至临时监护场所，{TEACHER}陪同"},
        ),
        (SUPERVISOR, f"/referrals/{leg}/supervise", {"note": "请于当日书面回复"}),
        (CIVIL, "/answer", {"note": "孩子已安全"}),
    ):
        done = await api.post(who, f"{case}{path}", body)
        assert done.status_code == 200, done.text
    return {**made, "path": case, "police": leg}


@pytest.fixture
def printed(monkeypatch):
    """What was set in type, as one text, beside the real PDF."""
    said = []
    real = documents.render

    def render(template, facts):
        said.append(str(facts))
        return real(template, facts)

    monkeypatch.setattr(documents, "render", render)
    return said


async def made(api, who, case, row):
    leg = f"?referral_id={row['referral_id']}" if row["referral_id"] else ""
    return await api.get(who, f"{case['path']}/papers/{row['paper']}{leg}")


async def test_every_paper_is_a_pdf_under_its_number_and_on_record(api, case, printed):
    rows = (await api.get(SUPERVISOR, f"{case['path']}/papers")).json()
    assert {row["paper"] for row in rows} == set(Paper)
    assert len({row["number"] for row in rows}) == len(rows)
    for row in rows:
        answer = await made(api, SUPERVISOR, case, row)
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(b"%PDF-")
        assert answer.headers["cache-control"] == "no-store"
        assert "attachment" in answer.headers["content-disposition"]
        assert row["number"] in printed[-1]
    audit = tables.audit.c
    async with api.service.engine.connect() as conn:
        read = (await conn.execute(select(audit.action).where(audit.stream_id == case["case_id"]))).scalars().all()
    assert {f"paper_{paper}" for paper in Paper} <= set(read)


async def test_the_record_of_a_letter_names_what_its_list_tells_beside_the_case(api, case, printed):
    rows = (await api.get(SUPERVISOR, f"{case['path']}/papers")).json()
    letter = next(row for row in rows if row["paper"] == "referral_letter" and row["referral_id"] == case["police"])
    read = await made(api, SUPERVISOR, case, letter)
    row = tables.audit.c
    query = select(row.fields).where(row.trace_id == read.headers["X-Trace-Id"], row.action == "paper_referral_letter")
    async with api.service.engine.connect() as conn:
        fields = (await conn.execute(query)).scalar_one()
    assert fields == ["children", "family", "narrative", "branch"]


async def test_names_are_masked_until_somebody_says_why_and_the_paper_says_so(api, case, printed):
    row = next(
        row for row in (await api.get(POLICE, f"{case['path']}/papers")).json() if row["referral_id"] == case["police"]
    )
    await made(api, POLICE, case, row)
    assert NAME not in printed[-1]
    assert "已遮蔽" in printed[-1]
    told = await api.post(POLICE, f"{case['path']}/full-view", {"need": "hand_in", "note": "报送材料"})
    assert told.status_code == 201, told.text
    await made(api, POLICE, case, row)
    assert NAME in printed[-1]
    assert MOTHER in printed[-1]
    assert "出具或报送材料" in printed[-1]


async def test_no_paper_says_who_reported_not_even_to_whoever_knows(api, case, printed):
    told = await api.post(SUPERVISOR, f"{case['path']}/full-view", {"need": "inspection", "note": "督查"})
    assert told.status_code == 201, told.text
    for row in (await api.get(SUPERVISOR, f"{case['path']}/papers")).json():
        await made(api, SUPERVISOR, case, row)
    whole = "".join(printed)
    assert NAME in whole
    assert "家访" in whole
    for hidden in (TEACHER, UNIT, "unit-school-1", "010-00001234", case["receipt"]):
        assert hidden not in whole


async def test_what_an_office_wrote_without_knowing_who_reported_is_read_in_the_record_and_in_no_paper(
    api, case, printed
):
    """As typed it could name the reporter; cleared, the paper would answer a guess of names."""
    tried = f"核对：{TEACHER}、张三丰（示例）"
    noted = await api.post(CIVIL, f"{case['path']}/notes", {"note": tried})
    assert noted.status_code == 200, noted.text
    for who, knows in ((CIVIL, False), ("civil.officer.2", False), (SUPERVISOR, True)):
        said = [one["note"] for one in (await api.get(who, f"{case['path']}/timeline")).json() if one.get("note")]
        row = next(one for one in (await api.get(who, f"{case['path']}/papers")).json() if one["paper"] == "summary")
        assert (await made(api, who, case, row)).status_code == 200
        assert tried in said, who
        assert ("见流转记录" in printed[-1], "张三丰" in printed[-1]) == (not knows, knows), who
        assert TEACHER not in printed[-1], who


async def test_an_answer_is_printed_as_its_office_typed_it_and_without_the_reporter_for_whoever_else_makes_the_letter(
    api, printed
):
    """Cleared, the letter would answer a guess of whoever typed it; it goes to the reporter, who reads it as typed by the receipt."""
    filed = await api.report(UNIT, **report(NAME, narrative=SEEN))
    path, tried = f"/v1/cases/{filed['case_id']}", f"孩子已安全。核对：{TEACHER}、张三丰（示例）、{MOTHER}"
    for author, said, as_typed in ((CIVIL, tried, (CIVIL, "civil.officer.2")), (SUPERVISOR, f"{TEACHER}：已办结", ())):
        answered = await api.post(author, f"{path}/answer", {"note": said})
        assert answered.status_code == 200, answered.text
        for who in (CIVIL, "civil.officer.2", SUPERVISOR, POLICE):
            assert (await api.get(who, f"{path}/papers/feedback")).status_code == 200
            assert (TEACHER in printed[-1]) == (who in as_typed), (author, who)
        assert (await api.post(None, "/v1/progress/papers/feedback", {"receipt": filed["receipt"]})).status_code == 200
        assert said in printed[-1]


async def test_a_letter_holds_the_packet_of_its_desk_alone(api, case, printed):
    rows = {row["about"]: row for row in (await api.get(SUPERVISOR, f"{case['path']}/papers")).json()
            if row["paper"] == "referral_letter"}  # fmt: skip
    await made(api, SUPERVISOR, case, rows["区教委"])
    assert "家访" not in printed[-1], "education is told which pupil, nothing of the event"
    assert "示例母" not in printed[-1]
    await made(api, SUPERVISOR, case, rows["区公安分局"])
    assert "家访" in printed[-1]
    own = (await api.get(SCHOOL, f"{case['path']}/papers")).json()
    assert {row["about"] for row in own} <= {"", "区教委"}, "a desk that sees a part makes no letters to others"
    asked = await api.get(SCHOOL, f"{case['path']}/papers/referral_letter?referral_id={case['police']}")
    assert asked.status_code == 404
    await made(api, SCHOOL, case, next(row for row in own if row["paper"] == "summary"))
    assert "家访" not in printed[-1]


async def test_what_is_not_so_far_or_not_theirs_is_not_there(api, case):
    fresh = await api.report()
    assert (await api.get(POLICE, f"/v1/cases/{fresh['case_id']}/papers/feedback")).json()["code"] == "paper_not_found"
    for path in ("papers", "papers/summary"):
        assert (await api.get("housing.officer.1", f"{case['path']}/{path}")).status_code == 404
    assert (await api.get(POLICE, f"{case['path']}/papers/referral_letter")).status_code == 404, "of no leg"


async def test_a_reporter_takes_receipt_and_answer_by_the_code(api, case, printed):
    for paper, said in (("receipt", case["receipt"]), ("feedback", "孩子已安全")):
        answer = await api.post(None, f"/v1/progress/papers/{paper}", {"receipt": case["receipt"].lower()})
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(b"%PDF-")
        assert said in printed[-1]
        assert case["receipt"] not in str(answer.headers)
        for hidden in (NAME, "区公安分局", "区民政局", UNIT):
            assert hidden not in printed[-1]
    wrong = await api.post(None, "/v1/progress/papers/receipt", {"receipt": "0000-0000-0000-0000"})
    assert (wrong.status_code, wrong.json()["code"]) == (404, "case_not_found")
    fresh = await api.report()
    early = await api.post(None, "/v1/progress/papers/feedback", {"receipt": fresh["receipt"]})
    assert early.json()["code"] == "paper_not_found"


async def test_the_press_blocks_nobody_and_takes_so_many_at_once(monkeypatch):
    let_go, inside, most = threading.Event(), [], []

    def slow(template, facts):
        inside.append(template)
        most.append(len(inside))
        assert let_go.wait(30)
        inside.pop()
        return b"%PDF-"

    monkeypatch.setattr(documents, "render", slow)
    asked = [asyncio.create_task(documents.printed("x", {})) for _ in range(documents.MOST + 3)]
    await asyncio.sleep(0)  # were the loop held, nobody could let go
    let_go.set()
    made = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in made] == [bytes] * documents.MOST + [documents.PressBusy] * 3
    assert max(most) <= documents.AT_ONCE


async def test_whoever_would_wait_too_long_is_told_when_to_come_back(api, case, monkeypatch):
    monkeypatch.setattr(documents, "_inside", documents.MOST)
    answer = await api.get(POLICE, f"{case['path']}/papers/summary")
    assert (answer.status_code, answer.json()["code"]) == (503, "press_busy")
    assert answer.headers["retry-after"] == str(papers.RETRY)
