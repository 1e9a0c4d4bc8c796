"""An answer that is slow, in a real browser: the page says so without a jump, and a second tap on the same form sends nothing."""

import asyncio
import base64
import os
from pathlib import Path

import pytest

from tests.web.conftest import AXE, DESK, PHONE, WCAG
from tests.web.seeded import leg_of, report

pytestmark = pytest.mark.browser
POLICE = "police.officer.1"
DRAWN = os.environ.get("SHOUHU_SCREENSHOTS")
PLACES = "[...document.querySelectorAll('main *')].map(one => one.getBoundingClientRect().top)"
WATCH = f"""async ([button, tags]) => {{
  const line = document.getElementById("busy"), {{form}} = document.querySelector(button), before = {PLACES};
  while (!line.innerText) await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done, 300));
  const {{violations}} = await axe.run(document, {{runOnly: {{type: "tag", values: tags}}, resultTypes: ["violations"]}});
  return {{
    words: line.innerText, busy: form.getAttribute("aria-busy"), moved: {PLACES}.some((at, n) => at !== before[n]), sent: window.sent,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth, barriers: violations.map((one) => one.id),
  }};
}}"""
"""What the page that waits says of itself: a browser asks nothing more of a page that is being left, so it is asked before."""


@pytest.fixture
def slow():
    """Holds back the answers to a path: what was asked for, and the event that lets it go on."""

    async def begin(page, pattern, method):
        asked, goes_on = [], asyncio.Event()

        async def hold(route):
            if route.request.method == method:
                asked.append(route.request.url)
                await goes_on.wait()
            await route.continue_()

        await page.route(pattern, hold)
        return asked, goes_on

    return begin


async def places(page):
    """Where everything stands."""
    return await page.evaluate(PLACES)


async def drawn(here, name):
    """By the browser itself, as a page that is being left answers nobody."""
    Path(DRAWN).mkdir(parents=True, exist_ok=True)
    shot = await (await here.page.context.new_cdp_session(here.page)).send("Page.captureScreenshot")
    (Path(DRAWN) / name).write_bytes(base64.b64decode(shot["data"]))


async def watched(page, selector):
    """Begins to watch the form of that button; the task says what was seen while it waited."""
    await page.evaluate(AXE)
    await page.evaluate(
        "window.sent = 0; addEventListener('submit', event => { window.sent += !event.defaultPrevented; })"
    )
    seen = asyncio.create_task(page.evaluate(WATCH, [selector, WCAG]))
    await asyncio.sleep(0)  # until it is asked
    return seen


async def tap(page, selector, times=1):
    """With the mouse, which waits for no answer."""
    box = await page.evaluate("selector => document.querySelector(selector).getBoundingClientRect().toJSON()", selector)
    seen = await watched(page, selector)
    for _ in range(times):
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    return seen


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_form_that_is_slow_says_so_and_is_sent_once_however_often_it_is_tapped(visitor, people, slow, size):
    case_id = (await people.post("school.reporter.1", "/v1/reports", report("示例辛（化名）")))["case_id"]
    path = f"/cases/{case_id}/legs/{await leg_of(people, case_id, 'POLICE')}/accept"
    here = await (await visitor(POLICE, size=size)).open(path)
    asked, goes_on = await slow(here.page, "**/accept", "POST")
    await here.page.locator("button[value=yes]").scroll_into_view_if_needed()
    assert await here.page.evaluate("document.getElementById('busy').matches(':empty[role=status]')")
    seen = await tap(here.page, "button[value=yes]", 2)
    await here.press("Enter")
    said = await seen
    if DRAWN:
        await drawn(here, f"slow.{'desk' if size is DESK else 'phone'}.png")
    assert "正在提交" in said.pop("words")
    assert said == {"busy": "true", "moved": False, "sent": 1, "overflow": 0, "barriers": []}
    goes_on.set()
    await here.page.wait_for_url(f"**/cases/{case_id}/legs/*?done=accept")
    assert len(asked) == 1
    assert await here.page.locator("#busy").inner_text() == ""
    here.is_quiet()


async def test_a_page_that_one_comes_back_to_can_be_sent_again(visitor, slow):
    here = await (await visitor(POLICE)).open("/search")
    asked, goes_on = await slow(here.page, "**/search", "POST")
    await here.page.fill("main #q", "WB-2026-999999")
    seen = await tap(here.page, "main form .btn.p")
    assert "正在提交" in (await seen)["words"]
    goes_on.set()
    await here.page.locator("text=没有找到").first.wait_for()
    await here.page.go_back()
    assert await here.page.locator("[aria-busy]").count() == 0
    await here.page.fill("main #q", "WB-2026-999998")
    async with here.page.expect_navigation():
        await here.page.click("main form .btn.p")
    assert len(asked) == 2


async def test_a_list_that_renews_itself_slowly_says_so_and_stays_where_it_is(visitor, slow, seeded):
    here = await visitor(POLICE)
    await here.page.clock.install()
    await here.open("/tasks?view=desk")
    asked, goes_on = await slow(here.page, "**/tasks/list?**", "GET")
    before, line = await places(here.page), here.page.locator("#busy")
    async with here.page.expect_request("**/tasks/list?**"):
        await here.page.clock.fast_forward(31_000)
    assert await line.inner_text() == "", "what is quick is not spoken of"
    await here.page.clock.fast_forward(1_100)
    await line.get_by_text("正在更新").wait_for()
    assert await here.page.locator("#list").get_attribute("aria-busy") == "true"
    assert await places(here.page) == before
    async with here.page.expect_response("**/tasks/list?**"):
        goes_on.set()
    await here.page.locator("#list:not([aria-busy])").wait_for()
    assert await line.inner_text() == ""
    assert len(asked) == 1
    here.is_quiet()
