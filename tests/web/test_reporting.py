"""A report from the first page to the receipt, in a real browser: on a phone, by keyboard, without scripts, in an outage."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import tables
from app.db.vault import opened
from app.web.report import COOKIE
from tests.files.corpus import BAD, image, located
from tests.web.conftest import DESK, PHONE, SIZES, SMALL, keep
from tests.web.payloads import PAYLOADS

pytestmark = pytest.mark.browser
DRAWN = os.environ.get("SHOUHU_SCREENSHOTS")
UNIT = {
    "unit": "unit-school-1",
    "agency": "SCHOOL",
    "desk": "SCHOOL",
    "reporter_class": "school",
    "name": "示例小学（化名）",
}
THRICE = """() => {
  const form = document.querySelector("main form");
  for (let i = 0; i < 3; i++) HTMLFormElement.prototype.submit.call(form);
}"""
TOLD = "今天早上胳膊上有伤，孩子说“不敢回家”。"
NAME = "示例丙（化名）"


@pytest.fixture(scope="module")
async def link(people):
    return await people.post("security.1", "/v1/entry-links", UNIT)


async def draw(here, name):
    if DRAWN:
        Path(DRAWN).mkdir(parents=True, exist_ok=True)
        await here.page.screenshot(path=Path(DRAWN) / name, full_page=True)


async def enter(here, link, name="示例老师（化名）"):
    """By the unit's link as a camera reads it, or by the code where there is no script."""
    await here.open("/report" + link["address"].partition("/report")[2])
    if not await here.page.locator("#code").input_value():
        await here.page.locator("#code").fill(link["code"])
    await here.page.locator("#reporter").fill(name)
    await here.page.locator("#phone").fill("010-00005678")
    await go_on(here)
    assert here.page.url.endswith("/report/now")


async def go_on(here, words="form[action^='/report'] .acts .btn.p"):
    async with here.page.expect_navigation() as navigation:
        await here.page.locator(words).click()
    return (await navigation.value).status


async def tick(here, *values):
    for value in values:
        await here.page.locator(f"main .opt:has([value={value}])").click()


async def fill_in(here, *, photo=None, told=TOLD, name=NAME):
    """All pages up to the check."""
    await tick(here, "hurt", "nobody_tonight")
    await go_on(here)
    await tick(here, "suspected_dv", "family", "no")
    await go_on(here)
    await here.page.locator("#name").fill(name)
    await tick(here, "female")
    await here.page.locator("#age").fill("8")
    await here.page.locator("#division").select_option("110106017")
    await go_on(here)
    await here.page.locator("#narrative").fill(told)
    if photo:
        await here.page.locator("#files").set_input_files(
            [{"name": "照片.jpg", "mimeType": "image/jpeg", "buffer": photo}]
        )
    await go_on(here)
    assert here.page.url.endswith("/report/check"), await here.says()


async def cases_with(owner, told):
    return len(await told_in(owner, told))


async def told_in(owner, told):
    """The cases in whose report this stands, as the service reads it."""
    report = tables.reports
    async with owner.connect() as conn:
        rows = (await conn.execute(select(report.c.case_id, report.c.narrative))).mappings()
        return [row["case_id"] for row in await opened(conn, rows, report) if row["narrative"] == told]


async def stored(here):
    return await here.page.evaluate("[localStorage.length, sessionStorage.length]")


async def test_a_teacher_reports_on_a_phone_and_the_desk_has_it_at_once(phone_page, link, people, stack, owner):
    here = await phone_page()
    await enter(here, link)
    assert link["code"] not in here.page.url
    await fill_in(here, photo=located())
    says = await here.says()
    assert NAME in says
    assert "照片.jpg" in says
    assert says.count(UNIT["name"]) >= 3, "for whom, where the child goes to school, and whose teacher tells it"
    assert await go_on(here) == 200
    assert here.page.url.endswith("/report/receipt")
    code = await here.page.locator(".big").inner_text()
    assert "已收到您的上报" in await here.says()
    assert await here.page.locator(".square svg").is_visible()
    async with here.page.expect_download() as coming:
        await here.page.click("main a[href$='/paper']")
    assert (await coming.value).suggested_filename == "上报回执.pdf"
    assert await stored(here) == [0, 0]
    (case,) = await told_in(owner, TOLD)
    told = await people.get("police.officer.1", f"/v1/cases/{case}")
    assert told["reporter"]["org"] == UNIT["name"]
    files = await people.get("police.officer.1", f"/v1/cases/{case}/files")
    assert [row["name"] for row in files] == ["照片.jpg"]
    await here.page.go_back()
    assert here.page.url.endswith("/report/receipt"), "what is sent cannot be sent again"
    await go_on(here, "text=查看进度")
    assert code in await here.says()
    log = (stack.data / "api.log").read_text()
    assert not [word for word in (code, link["code"], NAME, "示例老师") if word in log]
    here.is_quiet()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_page_of_the_way_is_without_barriers_at_every_width(visitor, link, stack, language):
    here = await visitor(language=language)

    async def look(name):
        for size in SIZES:
            await here.page.set_viewport_size(size)
            assert await here.overflow() == 0, (name, size)
            assert await here.barriers() == [], (name, size)
            if size["width"] < 800:
                assert await here.small_targets() == [], (name, size)
            if size in (DESK, PHONE):
                await draw(here, f"{name}.{language}.{'desk' if size is DESK else 'phone'}.png")
        await here.page.set_viewport_size(DESK)

    await enter(here, link)
    for step, choose in (("now", "hurt"), ("what", "suspected_dv"), ("child", "female")):
        assert here.page.url.endswith(step)
        await tick(here, choose)
        await look(f"report-{step}")
        await go_on(here)
    await here.page.locator("#narrative").fill(TOLD * 3)
    await here.page.locator("#happened_on").fill("2999-01-01")
    bad = {"name": "x.svg", "mimeType": "image/svg+xml", "buffer": BAD["drawing.svg"][0]}
    await here.page.locator("#files").set_input_files(
        [bad, {"name": "照片.png", "mimeType": "image/png", "buffer": image("PNG")}]
    )
    assert await go_on(here) == 422
    assert await here.page.locator("#narrative").input_value() == TOLD * 3
    assert "照片.png" in await here.says()
    await look("report-seen-wrong")
    await here.page.locator("#happened_on").fill("2026-01-02")
    await go_on(here)
    await look("report-check")
    await here.page.locator("main header a.btn").first.click()
    await go_on(here)
    assert here.page.url.endswith("/report/check"), "who changes one answer is back at once"
    await go_on(here)
    await look("report-receipt")
    here.is_quiet()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_the_whole_way_by_keyboard_on_a_small_screen(visitor, link, owner, scripts):
    here, told = (
        await visitor(size=SMALL, java_script_enabled=scripts),
        f"键盘上报，{'有' if scripts else '没有'}脚本。",
    )
    await here.open("/report")
    await here.tab_to("#code")
    await here.page.keyboard.type(link["code"].lower().replace("-", " "))
    await here.tab_to("main .acts .btn.p")
    assert await here.submit() == 200
    for field in ("[value=unsure]", "[value=unsure]"):
        await here.tab_to(field)
        await here.press("Space")
        await here.tab_to("main .acts .btn.p")
        assert await here.submit() == 200
    await here.tab_to("#name")
    assert await here.submit() == 200, "Enter in a field goes on"
    await here.tab_to("#narrative")
    await here.page.keyboard.type(told)
    for _ in range(9):  # the picker of a date takes the focus to itself for once
        await here.press("Tab")
        if await here.page.locator("main .acts .btn:not(.p):focus").count():
            break
    assert await here.submit() == 200
    assert here.page.url.endswith("/report/child")
    await here.tab_to("main .acts .btn.p")
    assert await here.submit() == 200
    assert await here.page.locator("#narrative").input_value() == told, "going back loses nothing"
    await here.page.locator("#files").focus()
    await here.tab_to("main .acts .btn.p")
    assert await here.submit() == 200
    assert await here.overflow() == 0
    await here.tab_to("main .acts .btn.p")
    assert await here.submit() == 200
    assert "已收到" in await here.says()
    assert await cases_with(owner, told) == 1


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


RUNS = 50 if os.environ.get("SHOUHU_LONG") else 3


@pytest.mark.parametrize("run", range(RUNS))
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


async def test_what_is_about_the_own_unit_is_hidden_from_it(visitor, link, owner):
    here, told = await visitor(size=PHONE), "与本校老师有关。"
    await enter(here, link)
    await go_on(here)
    await tick(here, "suspected_unlawful_harm", "school_staff", "yes")
    for _ in range(2):
        await go_on(here)
    await here.page.locator("#narrative").fill(told)
    for _ in range(2):
        await go_on(here)
    (case,) = await told_in(owner, told)
    async with owner.connect() as conn:
        about = (await conn.execute(select(tables.cases.c.about).where(tables.cases.c.id == case))).scalar_one()
    assert "unit-school-1" in about


async def test_sixty_scripts_that_are_typed_stay_text_before_the_reporter_and_before_the_desk(visitor, link, owner):
    """All in the narrative, and some in every other field."""
    here, told = await visitor(size=PHONE), "\n".join(PAYLOADS)
    assert len(PAYLOADS) == 60
    await enter(here, link, name=PAYLOADS[0])
    for _ in range(2):
        await go_on(here)
    for field, payload in zip(
        ("name", "age", "school", "residence", "carer", "carer_phone"), PAYLOADS[1::9], strict=False
    ):
        await here.page.locator(f"#{field}").fill(payload[:40])
    await go_on(here)
    await here.page.locator("#narrative").fill(told)
    await go_on(here)
    await look_for_harm(here)
    await here.open("/report/seen")
    assert await here.page.locator("#narrative").input_value() == told
    await look_for_harm(here)
    await here.open("/report/check")
    await go_on(here)
    async with owner.connect() as conn:
        newest = select(tables.reports.c.case_id).join(tables.cases, tables.cases.c.id == tables.reports.c.case_id)
        case = (await conn.execute(newest.order_by(tables.cases.c.number.desc()).limit(1))).scalar_one()
    desk = await visitor("police.officer.1")
    await desk.open(f"/cases/{case}?tab=report")
    assert desk.answer.status == 200
    await look_for_harm(desk)


async def look_for_harm(here):
    assert await here.page.title() != "harm"
    assert not [address for address in here.addresses if "/v1/me" in address or "evil" in address]
    assert await here.page.locator("main script, main iframe, main img").count() == 0
    here.is_quiet()


async def test_a_code_is_not_guessed(visitor, link):
    here = await visitor(size=PHONE)
    for n in range(6):
        await here.open("/report")
        await here.page.locator("#code").fill(f"0000-0000-000{n}")
        status = await go_on(here)
    assert status == 429
    assert "频繁" in await here.says()
