"""The progress page: the truth of the JSON route, nothing more, with the code in bodies only."""

import html
import re
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx2
import pytest
from structlog.testing import capture_logs

from app.api.edge import BODY_LIMIT
from app.db.ledger import Ledger
from app.db.receipts import Receipts, is_whole
from app.db.service import PROGRESS_PATH, Service
from app.db.session import engine_of
from app.main import create_app
from app.policy.loader import load
from app.settings import Settings
from app.web.frame import address

LIVE = ("script-src 'nonce-", "connect-src", "require-trusted-types-for", "trusted-types")
"""Rules of the form alone, which reads a code from behind the #."""
POLICY = {
    "default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
}  # fmt: skip


@asynccontextmanager
async def at(service):
    """The same pages on another service."""
    transport = httpx2.ASGITransport(create_app(Settings(), given=service), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shouhu.test") as http:
        yield http


async def look_up(api, code):
    return await api.http.post(PROGRESS_PATH, data={"code": code})


def text_of(answer):
    """What a person reads."""
    body = answer.text.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", body)))


def typed_in(answer):
    return html.unescape(re.search(r'name="code" value="([^"]*)"', answer.text)[1])


async def test_the_page_says_what_the_json_route_says_at_each_step_and_no_more(api):
    report = await api.report(children=[{"name": "不可见", "residence_division": "110106101"}], narrative="不可说")
    case = f"/v1/cases/{report['case_id']}"

    waiting = await look_up(api, report["receipt"])
    assert waiting.status_code == 200
    assert "等待受理" in text_of(waiting)
    due = (await api.post(None, "/v1/progress", {"receipt": report["receipt"]})).json()["answer_due_at"]
    assert f'<time datetime="{due}">'.replace("Z", "+00:00") in waiting.text

    await api.post("police.officer.1", f"{case}/referrals/{await api.leg(report['case_id'], 'POLICE')}/accept")
    accepted = await look_up(api, report["receipt"])
    assert "已受理" in text_of(accepted)
    assert "等待受理" not in text_of(accepted)

    await api.post("civil.officer.1", f"{case}/answer", {"note": "已<处理>\n谢谢您"})
    answered = await look_up(api, report["receipt"])
    assert "已<处理> 谢谢您" in text_of(answered)
    assert "已答复" in text_of(answered)
    for answer in (waiting, accepted, answered):
        for hidden in ("不可见", "不可说", report["case_id"], "POLICE", "区公安分局", "living"):
            assert hidden not in answer.text


async def test_an_answer_that_is_owed_too_long_is_called_overdue(api):
    report = await api.report()
    due = (await api.post(None, "/v1/progress", {"receipt": report["receipt"]})).json()["answer_due_at"]
    late = Ledger(load, "fengtai-2026.1", clock=lambda: datetime.fromisoformat(due) + timedelta(minutes=1))
    service = Service(api.service.engine, late, api.service.receipts)
    async with at(service) as http:
        answer = await http.post(PROGRESS_PATH, data={"code": report["receipt"]})
    assert "已超期" in text_of(answer)
    assert "已超期" not in text_of(await look_up(api, report["receipt"]))


async def test_a_report_without_an_answer_and_a_closed_one_are_shown_as_they_are(api):
    report = await api.report()
    case = f"/v1/cases/{report['case_id']}"
    child = (await api.progress(report["case_id"]))["children"][0]["id"]
    await api.post("police.officer.1", f"{case}/referrals/{await api.leg(report['case_id'], 'POLICE')}/accept")
    await api.post("police.officer.1", f"{case}/safety", {"child_id": child, "safety": "safe"})
    await api.post("civil.officer.1", f"{case}/waive-answer", {"reason": "anonymous"})
    waived = await look_up(api, report["receipt"])
    assert "答复环节已结束" in text_of(waived)
    assert "已答复" not in text_of(waived)
    assert "已办结" not in text_of(waived)

    await api.post("civil.officer.1", f"{case}/closure-proposal", {"reason": "no_risk_found"})
    await api.post("civil.head.1", f"{case}/closure-approval")
    assert (await api.post(None, "/v1/progress", {"receipt": report["receipt"]})).json()["closed"]
    closed = await look_up(api, report["receipt"])
    assert "本报告已办结" in text_of(closed)
    assert "第 5 步，共 5 步" in text_of(closed)
    assert "已完成" not in text_of(closed)  # it went from the first stage to the end; the others are not claimed


@pytest.mark.requirement("R084")
async def test_each_of_two_linked_reports_is_shown_by_its_own_receipt(api):
    first, second = await api.report(), await api.report()
    before = (await api.post(None, "/v1/progress", {"receipt": second["receipt"]})).json()["received_at"]
    await api.post("police.officer.1", f"/v1/cases/{second['case_id']}/link", {"primary": first["case_id"]})
    await api.post("civil.officer.1", f"/v1/cases/{first['case_id']}/answer", {"note": "孩子平安"})
    shown = await look_up(api, second["receipt"])
    assert "孩子平安" in text_of(shown)
    assert f'datetime="{before}"'.replace("Z", "+00:00") in shown.text
    assert second["receipt"] in text_of(shown)
    assert first["receipt"] not in shown.text


@pytest.mark.requirement("R084")
async def test_whoever_is_told_nothing_does_not_read_the_answer_to_another(api):
    first, second = await api.report(), await api.report()
    await api.post("police.officer.1", f"/v1/cases/{second['case_id']}/link", {"primary": first["case_id"]})
    waived = await api.post(
        "civil.officer.1", f"/v1/cases/{second['case_id']}/waive-answer", {"reason": "would_endanger_child"}
    )
    assert waived.status_code == 200, waived.text
    await api.post("civil.officer.1", f"/v1/cases/{first['case_id']}/answer", {"note": "已送往临时住处"})
    assert "已送往临时住处" in text_of(await look_up(api, first["receipt"]))
    assert "已送往临时住处" not in (await look_up(api, second["receipt"])).text
    assert (await api.post(None, "/v1/progress", {"receipt": second["receipt"]})).json()["answer"] is None


@pytest.mark.parametrize("other", [
    str.lower, lambda code: code.replace("-", " "), lambda code: f"  {code.replace('-', '')}\n",
    lambda code: code.replace("0", "o").replace("1", "l"), lambda code: code.replace("-", "——").replace("1", "I"),
    lambda code: "".join(chr(ord(char) + 0xFEE0) for char in code),
])  # fmt: skip
async def test_the_code_is_taken_as_it_was_meant(api, other):
    receipt = (await api.report())["receipt"]
    shown = await look_up(api, other(receipt))
    assert shown.status_code == 200
    assert receipt in text_of(shown)


@pytest.mark.parametrize(("typed", "status", "said"), [
    ("", 422, "请填写回执编号"), ("8F3K-72QD", 422, "您填写的是 8 位"), ("8F3K-72QD-0M5T-PX1U", 422, "不会出现的字符"),
    ("0000-0000-0000-0000", 404, "没有查到"), ('"><script>alert(1)</script>', 422, "16 位"), ("\x00\ud7ff" + "龘" * 15, 422, "16 位"),
])  # fmt: skip
async def test_a_wrong_code_is_told_clearly_and_kept(api, typed, status, said):
    answer = await look_up(api, typed)
    assert answer.status_code == status
    assert said in text_of(answer)
    assert typed_in(answer) == typed
    assert "<script" not in answer.text


async def test_a_near_code_is_answered_like_any_other(api):
    receipt = (await api.report())["receipt"]
    near = receipt[:-1] + ("0" if receipt[-1] != "0" else "2")
    answers = [await look_up(api, code) for code in (near, "7777-7777-7777-7777")]
    assert [answer.status_code for answer in answers] == [404, 404]
    first, second = (answer.text.replace(typed_in(answer), "") for answer in answers)
    assert first == second


async def test_every_answer_is_strict_and_kept_by_nobody(api):
    receipt = (await api.report())["receipt"]
    answers = {
        "form": await api.http.get(PROGRESS_PATH),
        "standing": await look_up(api, receipt),
        "wrong": await look_up(api, "x"),
        "unknown": await look_up(api, "0" * 16),
        "too large": await look_up(api, "x" * BODY_LIMIT),
        "no form": await api.http.post(PROGRESS_PATH, json={"code": receipt}),
        "style": await api.http.get(address("app.css")),
        "icon": await api.http.get(address("icon.svg")),
    }
    assert [answer.status_code for answer in answers.values()] == [200, 200, 422, 404, 413, 415, 200, 200]
    for what, answer in answers.items():
        policy = set(answer.headers["content-security-policy"].split("; "))
        assert {rule for rule in policy if what != "form" or not rule.startswith(LIVE)} == POLICY, what
        assert answer.headers["x-content-type-options"] == "nosniff", what
        assert answer.headers["referrer-policy"] == "no-referrer", what
        kept = "public, max-age=31536000, immutable" if what in ("style", "icon") else "no-store"
        assert answer.headers["cache-control"] == kept, what
        assert "set-cookie" not in answer.headers, what
        if what not in ("style", "icon"):
            assert answer.headers["content-type"] == "text/html; charset=utf-8", what
            assert what == "form" or "<script" not in answer.text, what
            assert not re.search(r"\sstyle=|\son\w+=", answer.text), what
            assert not re.findall(r'(?:src|action)="(?!/)|<link[^>]+href="(?!/)', answer.text), what


async def test_a_body_without_a_length_is_limited_too(api):
    async def endless():
        for _ in range(BODY_LIMIT // 65_536 + 2):
            yield b"code=" + b"x" * 65_536

    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await api.http.post(PROGRESS_PATH, content=endless(), headers=headers)
    assert answer.status_code == 413
    assert "过大" in text_of(answer)


async def test_the_code_is_in_no_log_and_no_address(api):
    receipt = (await api.report())["receipt"]
    with capture_logs() as lines:
        answer = await look_up(api, receipt)
    assert [(line["route"], line["status"]) for line in lines] == [(PROGRESS_PATH, 200)]
    assert receipt not in str(lines)
    assert f"?code={receipt}" not in answer.text
    assert 'method="post"' in answer.text


async def test_a_database_that_is_away_is_no_answer_about_the_report(api):
    nowhere = engine_of("postgresql+asyncpg://nobody:x@127.0.0.1:9/none")
    async with at(Service(nowhere, api.service.ledger, Receipts(b"x"))) as http:
        answer = await http.post(PROGRESS_PATH, data={"code": "8f3k 72qd 0m5t px1a"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert typed_in(answer) == "8f3k 72qd 0m5t px1a"
    assert "不表示报告没有收到" in text_of(answer)
    assert "没有查到" not in text_of(answer)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_an_error_inside_is_a_page_and_not_its_text(api):
    class Broken(Receipts):
        def hash(self, code):
            raise RuntimeError("孩子的姓名")

    async with at(Service(api.service.engine, api.service.ledger, Broken(b"x"))) as http:
        answer = await http.post(PROGRESS_PATH, data={"code": "8F3K-72QD-0M5T-PX1A"})
    assert answer.status_code == 500
    assert "系统出错" in text_of(answer)
    assert "孩子的姓名" not in answer.text


async def test_the_receipt_names_the_page(api):
    report = await api.report()
    assert report["progress_page"].endswith(PROGRESS_PATH)
    assert report["receipt"] not in report["progress_page"]
    assert (await api.http.get(report["progress_page"])).status_code == 200


def test_a_code_of_the_right_form_is_whole_whether_or_not_it_exists():
    assert is_whole(Receipts(b"x").code("case-1"))
    assert not is_whole("8F3K-72QD-0M5T-PX1")


async def test_a_person_with_the_bare_address_comes_to_the_form(api):
    answer = await api.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, PROGRESS_PATH)
    assert "回执编号" in (await api.http.get(answer.headers["location"])).text
