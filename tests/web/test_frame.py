"""What every page stands on: the policy of the browser, languages, size of text, sessions that end, refusals and conflicts."""

import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pyotp.totp import TOTP

from app.api.context import SESSION
from app.db.accounts import begin_session, make_account
from app.web.frame import address
from app.web.tasks import TASKS
from app.web.words import left
from app.web.wrong import inside
from tests.web.conftest import PHONE
from tests.web.seeded import leg_of, report

OFFICER, COLLEAGUE = "police.officer.1", "police.officer.2"
INJECT = """([nonce, from]) => {
  const bad = document.createElement("div");
  bad.setAttribute("hx-get", from);
  bad.setAttribute("hx-trigger", "load");
  if (nonce) bad.setAttribute("hx-nonce", document.querySelector("script[nonce]").nonce);
  document.body.append(bad);
  htmx.process(bad);
}"""
WRITES = """() => {
  try { document.body.insertAdjacentHTML("beforeend", "<b>x</b>"); return "written"; } catch (error) { return error.name; }
}"""


@pytest.fixture
async def signed_in(stack, owner):
    """A browser without a screen: plain requests of an officer, as a page of this service sends them."""
    async with owner.begin() as conn:
        token = await begin_session(conn, OFFICER, datetime.now(UTC))
    own = {"Sec-Fetch-Site": "same-origin"}
    async with httpx2.AsyncClient(base_url=stack.url, headers=own, cookies={SESSION: token}, timeout=20) as http:
        yield http


@pytest.fixture
async def waiting(people):
    """A new case that lies with the police: its case_id and its leg."""
    made = (await people.post("school.reporter.1", "/v1/reports", report()))["case_id"]
    return made, await leg_of(people, made, "POLICE")


@pytest.mark.browser
async def test_what_was_injected_asks_for_nothing_and_what_the_service_wrote_does(staff_page):
    here = await (await staff_page(OFFICER)).open(TASKS)
    await here.page.evaluate(INJECT, [False, "/v1/me?injected"])
    async with here.page.expect_request("**/v1/me?meant"):
        await here.page.evaluate(INJECT, [True, "/v1/me?meant"])
    assert not [one for one in here.addresses if "injected" in one]
    assert await here.page.evaluate(WRITES) == "TypeError", "trusted types hold"
    assert any("hx-csp] blocked" in said for said in here.complaints)


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_language_and_size_of_text_are_chosen_on_the_page_and_stay(phone_page, scripts):
    here = await (await phone_page(OFFICER, java_script_enabled=scripts)).open(f"{TASKS}?view=claimable")
    before = await here.page.locator("h1").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    for name in ("lang", "text"):
        await here.page.locator(".me summary").click()
        async with here.page.expect_navigation():
            await here.page.locator(f".menu button[name={name}]").click()
        assert here.page.url == here.url
    assert await here.page.locator("html").get_attribute("lang") == "en"
    assert await here.page.locator("h1").inner_text() == "Tasks"
    larger = await here.page.locator("h1").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert larger == pytest.approx(before * 1.25, rel=0.01)
    await here.page.set_viewport_size({"width": 320, "height": 640})
    assert await here.overflow() == 0
    assert {cookie["name"] for cookie in await here.page.context.cookies()} == {SESSION, "__Host-lang", "__Host-text"}


@pytest.mark.browser
async def test_whose_session_ended_signs_in_and_comes_back(visitor, owner):
    async with owner.begin() as conn:
        made = await make_account(conn, "edu.officer.1", datetime.now(UTC))
    here = await (await visitor(size=PHONE, java_script_enabled=False)).open(f"{TASKS}?view=claimable")
    assert urlsplit(here.page.url).path == "/sign-in"
    secret = parse_qs(urlsplit(made.authenticator).query)["secret"][0]
    said = {"person": "edu.officer.1", "password": made.password, "code": TOTP(secret).at(time.time())}
    for name, value in said.items():
        await here.page.locator(f"#{name}").fill(value)
    assert await here.submit() == 200
    assert here.page.url == here.url


@pytest.mark.browser
async def test_a_refusal_stands_on_the_page_in_the_words_of_the_api(staff_page, people, waiting):
    case_id, leg = waiting
    path = f"/v1/cases/{case_id}/referrals/{leg}"
    here = await (await staff_page(OFFICER)).open(f"{TASKS}?view=claimable")
    await people.post(COLLEAGUE, f"{path}/claim")
    row = here.page.locator(f"button[value='{case_id}|{leg}']")
    async with here.page.expect_navigation() as navigation:
        await row.click()
    assert (await navigation.value).status == 409
    assert "同事正在办理" in await here.page.locator(".sum:focus").inner_text()
    here.is_quiet()


async def test_a_conflict_shows_what_changed_keeps_what_was_typed_and_goes_on_from_there(signed_in, people, waiting):
    case_id, leg = waiting
    typed = {"one": f"{case_id}|{leg}", "version": "1", "idempotency_key": "first-of-it"}
    answer = await signed_in.post(f"{TASKS}?view=claimable", data=typed)
    assert answer.status_code == 409
    assert "案件已有更新" in answer.text
    assert "转介" in answer.text
    now = (await people.get("civil.supervisor.1", f"/v1/cases/{case_id}"))["version"]
    assert f'name="version" value="{now}"' in answer.text
    again = {**typed, "version": str(now)}
    assert (await signed_in.post(TASKS, data=again)).status_code == 303
    assert (await signed_in.post(TASKS, data=again)).status_code == 303, "sent twice is done once"
    kinds = [row["kind"] for row in await people.get(OFFICER, f"/v1/cases/{case_id}/timeline")]
    assert kinds.count("task_claimed") == 1


async def test_what_cannot_be_a_command_is_said_and_nothing_is_done(signed_in, waiting):
    answer = await signed_in.post(TASKS, data={"task": ""})
    assert answer.status_code == 422
    assert "请先勾选" in answer.text
    answer = await signed_in.post("/absences", data={"deputy_id": "police.officer.2"})
    assert answer.status_code == 422
    assert "请填写或选择" in answer.text
    answer = await signed_in.post(TASKS, data={"one": f"{waiting[0]}|no-such"})
    assert answer.status_code == 404
    answer = await signed_in.post(TASKS, data={"one": "case-of-nobody|x"})
    assert answer.status_code == 404
    assert "案件不存在" in answer.text


async def test_no_other_site_sends_a_form_and_no_page_leads_to_one(signed_in, waiting):
    sent = {"one": "|".join(waiting)}
    for path, data in ((TASKS, sent), ("/preferences", {"lang": "en"})):
        answer = await signed_in.post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("text/html")
        assert "set-cookie" not in answer.headers
    back = await signed_in.post("/preferences", data={"lang": "en", "back": "//elsewhere.test/x"})
    assert back.headers["location"] == "/"


@pytest.mark.parametrize("path", ["https://x.test", "//x.test", "/\\x.test", "/a\n/b", "x", "", "/v1/me"])
def test_only_pages_of_this_service_are_come_back_to(path):
    assert inside(path, "/tasks") == "/tasks"
    assert inside("/cases/case-1?tab=files", "/tasks") == "/cases/case-1?tab=files"


async def test_what_is_missing_is_a_page_to_people_and_a_problem_to_programs(signed_in):
    page, problem = await signed_in.get("/nowhere"), await signed_in.get("/v1/nowhere")
    assert (page.status_code, problem.status_code) == (404, 404)
    assert "没有这个页面" in page.text
    assert problem.json()["code"] == "not_found"
    assert (await signed_in.post(TASKS, json={})).status_code == 415
    assert (await signed_in.request("DELETE", TASKS)).status_code == 405


async def test_static_files_are_kept_for_ever_under_a_name_that_holds_for_their_content(signed_in):
    answer = await signed_in.get(address("htmx.min.js"), headers={"Accept-Encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.content) / 2
    assert (await signed_in.get("/static/htmx.min.js")).status_code == 404


AT = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "light", "zh", "en"), [
    (48 * 60, "a", "剩 48 分", "48 min left"), (192 * 60, "a", "剩 3 小时 12 分", "3 h 12 min left"),
    (28 * 3600, "g", "剩 1 天 4 小时", "1 d 4 h left"), (86_400, "g", "剩 1 天", "1 d left"), (30, "a", "剩 0 分", "0 min left"),
    (0, "r", "超期 0 分", "0 min overdue"), (-7200, "r", "超期 2 小时", "2 h overdue"),
])  # fmt: skip
def test_time_left_is_said_as_people_say_it(seconds, light, zh, en):
    assert left(datetime.fromtimestamp(AT.timestamp() + seconds, UTC), AT) == (light, (zh, en))
