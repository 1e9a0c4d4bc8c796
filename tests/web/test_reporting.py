"""A report from the first page to the receipt, in a real browser: on a phone, by keyboard, without scripts."""

import os
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import tables
from tests.files.corpus import BAD, image, located
from tests.web.conftest import DESK, PHONE, SIZES, SMALL
from tests.web.payloads import PAYLOADS
from tests.web.reporting import NAME, TOLD, UNIT, cases_with, enter, fill_in, go_on, stored, tick, told_in

pytestmark = pytest.mark.browser
DRAWN = os.environ.get("SHOUHU_SCREENSHOTS")


async def draw(here, name):
    if DRAWN:
        Path(DRAWN).mkdir(parents=True, exist_ok=True)
        await here.page.screenshot(path=Path(DRAWN) / name, full_page=True)


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
