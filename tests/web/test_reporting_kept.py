"""What was typed in a report is kept and sent once: in an outage, without a network, after a session, and by nobody who leaves in a hurry."""

import asyncio

import pytest
from sqlalchemy import select

from app.db import tables
from app.db.vault import opened
from app.web.report import COOKIE
from tests.faults import times
from tests.web.conftest import PHONE, keep
from tests.web.reporting import cases_with, enter, fill_in, go_on, stored, told_in

pytestmark = pytest.mark.browser
THRICE = """() => {
  const form = document.querySelector("main form");
  for (let i = 0; i < 3; i++) HTMLFormElement.prototype.submit.call(form);
}"""


async def test_a_double_tap_makes_one_case_and_so_do_two_windows(visitor, link, owner):
    here, told = await visitor(size=PHONE), "连点两次。"
    await enter(here, link)
    await fill_in(here, told=told)
    other = await here.page.context.new_page()
    await other.goto(here.page.url)
    await asyncio.gather(
        here.page.evaluate(THRICE),
        other.evaluate("() => HTMLFormElement.prototype.submit.call(document.querySelector('main form'))"),
    )
    await here.page.wait_for_url("**/report/receipt")
    await other.wait_for_url("**/report/receipt")
    assert await here.page.locator(".big").inner_text() == await other.locator(".big").inner_text()
    assert await cases_with(owner, told) == 1


@pytest.mark.parametrize("run", range(times(3, 50)))
async def test_the_database_dies_between_typing_and_sending_and_no_word_is_lost(visitor, link, owner, stack, run):
    """Scripts in every second run. Nothing false is said, the text is still there, and once it is back there is one case."""
    here, told = await visitor(size=PHONE, java_script_enabled=bool(run % 2)), f"数据库中断第 {run} 次。"
    await enter(here, link)
    for _ in range(3):
        await go_on(here)
    await here.page.locator("#narrative").fill(told)
    await asyncio.to_thread(stack.postgres.kill)
    try:
        assert await go_on(here) == 503
        assert await here.page.locator("#narrative").input_value() == told
        assert "内容都还在" in await here.says()
        assert await here.page.locator(".taken").count() == 0
    finally:
        await asyncio.to_thread(stack.postgres.start)
    assert await go_on(here) == 200
    await asyncio.to_thread(stack.postgres.kill)
    try:
        assert await go_on(here) == 503
        assert await here.page.locator(".taken").count() == 0
        assert await cases_or_none(owner, told) in (0, None)
    finally:
        await asyncio.to_thread(stack.postgres.start)
    assert await go_on(here) == 200
    assert "已收到" in await here.says()
    assert await cases_with(owner, told) == 1
    if run % 2:
        assert await stored(here) == [0, 0]


async def cases_or_none(owner, told):
    try:
        return await cases_with(owner, told)
    except Exception:
        return None


async def test_without_a_network_what_was_typed_stays_and_goes_through_when_it_is_back(visitor, link, owner):
    here, told = await visitor(size=PHONE), "没有网络的时候写的。"
    await enter(here, link)
    for _ in range(3):
        await go_on(here)
    await here.page.locator("#narrative").fill(told)
    await here.page.context.set_offline(True)
    await here.page.locator("main .acts .btn.p").click()
    await here.page.locator("#offline:visible").wait_for()
    assert await here.page.locator("#narrative").input_value() == told
    await here.page.context.set_offline(False)
    await go_on(here)
    assert told in await here.says()


async def test_what_was_typed_is_saved_by_itself_and_when_the_page_is_left(visitor, link):
    here = await visitor(size=PHONE)
    await enter(here, link)
    await here.page.clock.install()
    await here.open("/report/child")
    await here.page.locator("#name").fill("每十秒（化名）")
    await here.page.clock.run_for(11_000)
    await here.page.locator(".saved:has-text('草稿已保存')").wait_for()
    await here.page.locator("#age").fill("9")
    await here.open("/progress")
    async with asyncio.timeout(10):  # what the page sends when it is left comes by itself, behind the next request
        while await (await here.open("/report/child")).page.locator("#age").input_value() != "9":
            await asyncio.sleep(0.1)
    assert await here.page.locator("#name").input_value() == "每十秒（化名）"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_out_in_a_hurry_leaves_no_draft_in_the_browser(visitor, link, scripts):
    here = await visitor(size=PHONE, java_script_enabled=scripts)
    await enter(here, link)
    assert COOKIE in [cookie["name"] for cookie in await here.page.context.cookies()]
    outside = []

    async def only_so_far(route):
        """The way out is read, and not gone: the tests ask nobody else for anything."""
        answer = await route.fetch(max_redirects=0)
        outside.append(answer.headers["location"])
        await route.fulfill(response=answer, status=200, body="elsewhere")

    await here.page.route("**/leave", only_so_far)
    async with here.page.expect_navigation(url="**/leave"):
        if scripts:
            await here.press("Shift", "Shift", "Shift")
        else:
            await here.page.locator(".exit").click()
    assert outside == ["https://www.beijing.gov.cn/"]
    assert COOKIE not in [cookie["name"] for cookie in await here.page.context.cookies()]
    await here.open("/report/now")
    assert here.page.url.endswith("/report")


async def test_somebody_with_an_account_reports_and_an_expired_session_keeps_the_draft(visitor, stack, owner):
    here, told = await visitor("hospital.reporter.1", size=PHONE), "账号上报。"
    await here.open("/report")
    await here.page.locator("#reporter").fill("示例医生（化名）")
    await go_on(here)
    await fill_in(here, told=told)
    cookies = await here.page.context.cookies()
    await here.page.context.clear_cookies(name="__Host-session")
    said = {"narrative": told, "to": "next", "files": {"name": "x.exe", "mimeType": "x/x", "buffer": b"MZ"}}
    headers = {"Sec-Fetch-Site": "same-origin"}
    wrong = await here.page.request.post(f"{stack.url}/report/seen", multipart=said, headers=headers, max_redirects=0)
    assert (wrong.status, wrong.headers["location"]) == (303, "/sign-in?then=/report/seen"), "nothing of it is shown"
    async with here.page.expect_navigation():
        await here.page.locator("main .acts .btn.p").click()
    assert "/sign-in" in here.page.url
    assert await cases_with(owner, told) == 0
    for cookie in cookies:
        if cookie["name"] == "__Host-session":
            await keep(here.page.context, stack, cookie["name"], cookie["value"])
    await here.open("/report/check")
    assert told in await here.says()
    await go_on(here)
    assert await cases_with(owner, told) == 1
    async with owner.connect() as conn:
        report = tables.reports
        rows = (await conn.execute(select(report).where(report.c.case_id.in_(await told_in(owner, told))))).mappings()
        (one,) = await opened(conn, rows, report)
        assert (one["filed_by"], one["reporter"]["reporter_class"]) == ("hospital.reporter.1", "medical")
