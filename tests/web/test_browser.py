"""The progress page in a real browser against the running service: by keyboard, without scripts, on a desk and on a phone."""

import asyncio

import pytest
from playwright.async_api import Error

from app.db.service import PROGRESS_PATH
from tests.web.conftest import DESK, EVERY_WIDTH, PHONE

pytestmark = pytest.mark.browser
UNKNOWN = "0000-0000-0000-0000"
LONG = "已核实。" * 60 + "https://example.invalid/" + "x" * 120
SAME_CHARACTERS = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 40, height: 40});
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.font = "32px " + getComputedStyle(document.querySelector("h1")).fontFamily;
  const drawn = [..."守护未成年人\\u{10ffff}"].map(char => {
    pen.clearRect(0, 0, 40, 40);
    pen.fillText(char, 2, 34);
    return pen.getImageData(0, 0, 40, 40).data.join();
  });
  return drawn.length - new Set(drawn).size;
}"""


@pytest.fixture(scope="module")
async def receipts(people):
    """One report that waits, one that is accepted, one that is answered at length."""
    form = {
        "reporter": {"class": "committee"},
        "children": [{"residence_division": "110106101"}],
        "situations": ["living_alone"],
    }
    filed = [await people.post("village.reporter.1", "/v1/reports", form) for _ in range(3)]
    for report in filed[1:]:
        await people.post("police.officer.1", f"/v1/cases/{report['case_id']}/referrals/a-police-1/accept")
    await people.post("civil.officer.1", f"/v1/cases/{filed[2]['case_id']}/answer", {"note": LONG})
    return dict(zip(("waiting", "accepted", "answered"), [report["receipt"] for report in filed], strict=True))


@pytest.fixture
async def visit(visitor):
    """Opens the page."""

    async def begin(size=DESK, **options):
        return await (await visitor(size=size, **options)).open(PROGRESS_PATH)

    return begin


async def look_up(here, code):
    await here.page.locator("#code").fill(code)
    await here.page.locator("#code").focus()
    return await here.submit()


@EVERY_WIDTH
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_the_whole_journey_by_keyboard_alone(visit, receipts, stack, size, scripts):
    here = await visit(size, java_script_enabled=scripts)
    await here.tab_to("#code")
    await here.page.keyboard.type(UNKNOWN)
    assert await here.submit() == 404
    assert "没有查到" in await here.says()
    assert await here.page.locator("#code").input_value() == UNKNOWN

    await here.tab_to("main a[href='#code']")
    await here.press("Enter")
    assert await here.page.locator("#code:focus").count() == 1
    await here.press("Control+a")
    await here.page.keyboard.type(receipts["accepted"].lower().replace("-", " "))
    assert await here.submit() == 200
    assert "已受理" in await here.says()
    assert receipts["accepted"] in await here.says()

    await here.tab_to("main button")
    assert await here.submit() == 200
    assert "已受理" in await here.says()
    await here.tab_to("main a.btn")
    assert await here.submit() == 200
    assert await here.page.locator("#code").input_value() == ""

    assert here.page.url == here.url
    here.is_quiet()
    assert receipts["accepted"] not in (stack.data / "api.log").read_text()


@EVERY_WIDTH
async def test_no_page_has_a_barrier_or_is_wider_than_the_screen(visit, receipts, size):
    here = await visit(size)
    for code, status in [(None, 200), ("x", 422), (UNKNOWN, 404), *((code, 200) for code in receipts.values())]:
        if code:
            await here.open()
            assert await look_up(here, code) == status
        assert await here.overflow() == 0, code
        assert await here.barriers() == []
        for box in [await one.bounding_box() for one in await here.page.locator("input:visible, .btn, .exit").all()]:
            assert min(box["height"], box["width"]) >= 44
    here.is_quiet()


async def test_the_answer_is_read_whole_and_stays_nowhere(visit, receipts):
    here = await visit(PHONE)
    await look_up(here, receipts["answered"])
    assert LONG in await here.says()
    kept = await here.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie.length]")
    assert kept == [0, 0, 0]
    assert await here.page.context.cookies() == []
    await here.page.goto("about:blank")
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        await here.page.go_back()


async def test_chinese_is_drawn_as_characters_and_not_as_boxes(visit):
    here = await visit()
    assert await here.page.evaluate(SAME_CHARACTERS) == 0


async def test_on_paper_stands_the_answer_without_the_buttons(visit, receipts):
    here = await visit()
    await look_up(here, receipts["answered"])
    await here.page.emulate_media(media="print")
    assert await here.page.locator(".btn:visible, .exit:visible").count() == 0
    assert await here.page.locator("text=已核实").is_visible()
    assert await here.page.locator("footer").is_visible()
    assert (await here.page.pdf(format="A4")).startswith(b"%PDF")


async def test_when_the_database_dies_what_was_typed_stays_and_nothing_false_is_said(visit, receipts, stack):
    here = await visit(PHONE, java_script_enabled=False)
    typed = receipts["accepted"].lower()
    await asyncio.to_thread(stack.postgres.kill)
    try:
        for _ in range(2):
            assert await look_up(here, typed) == 503
            assert "不表示报告没有收到" in await here.says()
            assert "没有查到" not in await here.says()
            assert await here.page.locator("#code").input_value() == typed
            assert await here.overflow() == 0
    finally:
        await asyncio.to_thread(stack.postgres.start)
    await here.page.locator("#code").focus()
    assert await here.submit() == 200
    assert "已受理" in await here.says()
    here.is_quiet()
