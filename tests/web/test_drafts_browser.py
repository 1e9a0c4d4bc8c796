"""A form of a case keeps what was typed: on the server while it is written, on the page through every error, and nowhere once it was sent."""

import asyncio

import pytest
from sqlalchemy import delete, func, select

from app.db import tables
from tests.web.conftest import PHONE
from tests.web.seeded import called, leg_of, report

pytestmark = pytest.mark.browser
POLICE = "police.officer.1"
TOLD = "请补充监护人联系电话和现住址"


@pytest.fixture
async def form(people, owner):
    """The address of a form on a case of its own."""
    made = await people.post("school.reporter.1", "/v1/reports", report("示例辛（化名）"))
    yield f"/cases/{made['case_id']}/legs/{await leg_of(people, made['case_id'], 'POLICE')}/return"
    async with owner.begin() as conn:
        await conn.execute(delete(tables.form_drafts))


async def drafts(owner):
    async with owner.connect() as conn:
        return (await conn.execute(select(tables.form_drafts.c.said))).scalars().all()


async def state_of(people, form):
    _, _, case, _, leg, _ = form.split("/")
    progress = (await people.get("civil.supervisor.1", f"/v1/cases/{case}"))["progress"]
    return next(one["state"] for one in progress["referrals"] if one["id"] == leg)


async def send(here):
    """Check, confirm."""
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")


async def test_what_was_typed_is_saved_by_itself_offered_again_and_gone_once_sent(visitor, people, owner, form):
    here = await (await visitor(POLICE)).open(form)
    await here.page.check("input[value=missing_contact]")
    await here.page.fill("#note", TOLD)
    await here.page.locator("#drafted").get_by_text("已自动保存").wait_for()
    (said,) = await drafts(owner)
    assert TOLD not in said, "sealed like all content"
    await people.post("civil.officer.1", f"/v1{form.partition('/legs')[0]}/notes", {"note": "已电话告知"})
    there = await (await visitor(POLICE, size=PHONE, java_script_enabled=False)).open(form)
    says = await there.says()
    assert "已恢复您" in says
    assert await called(people, "civil.officer.1") in says, "what has changed since is shown"
    assert await there.page.input_value("#note") == TOLD
    assert await there.page.is_checked("input[value=missing_contact]")
    another = await (await visitor("police.head.1")).open(form)
    assert await another.page.input_value("#note") == "", "a draft is its writer's alone"
    await send(there)
    assert await state_of(people, form) == "returned"
    assert await drafts(owner) == []
    here.is_quiet()


async def test_a_page_that_is_left_saves_and_what_is_discarded_does_not_come_back(visitor, owner, form):
    here = await (await visitor(POLICE)).open(form)
    await here.page.clock.install()
    await here.open(form)
    await here.page.fill("#note", TOLD)
    await here.open("/tasks")
    async with asyncio.timeout(20):
        while not await drafts(
            owner
        ):  # what a page sends as it goes overtakes nobody: the next page may be answered before
            await asyncio.sleep(0.05)
    await here.open(form)
    assert await here.page.input_value("#note") == TOLD
    async with here.page.expect_navigation():
        await here.page.click("button[name=forget]")
    assert await here.page.input_value("#note") == ""
    assert await drafts(owner) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_whoever_was_signed_out_signs_in_elsewhere_and_sends_what_is_still_on_the_page(
    visitor, people, form, scripts
):
    here = await (await visitor(POLICE, java_script_enabled=scripts)).open(form)
    cookies = await here.page.context.cookies()
    await here.page.context.clear_cookies()
    await here.page.check("input[value=missing_contact]")
    await here.page.fill("#note", TOLD)
    if scripts:
        await here.page.locator("[data-sign-in] a").wait_for()
    async with here.page.expect_navigation() as navigation:
        await here.page.click("button[value=check]")
    assert (await navigation.value).status == 401
    assert TOLD in await here.says()
    assert await here.barriers() == [] if scripts else True
    await here.page.context.add_cookies(cookies)
    await here.page.click("form.acts button")
    await here.page.click("button[value=yes]")
    assert await state_of(people, form) == "returned"


async def test_the_database_dies_between_typing_and_sending_and_no_word_is_lost(visitor, people, stack, form):
    here = await (await visitor(POLICE, java_script_enabled=False)).open(form)
    await here.page.check("input[value=missing_contact]")
    await here.page.fill("#note", TOLD)
    await asyncio.to_thread(stack.postgres.kill)
    try:
        async with here.page.expect_navigation() as navigation:
            await here.page.click("button[value=check]")
        assert (await navigation.value).status == 503
        assert TOLD in await here.says()
    finally:
        await asyncio.to_thread(stack.postgres.start)
    await here.page.click("form.acts button")
    await here.page.click("button[value=yes]")
    assert await state_of(people, form) == "returned"


async def test_another_site_gets_nothing_offered_to_be_sent(stack):
    import httpx2

    foreign = {"Sec-Fetch-Site": "cross-site"}
    async with httpx2.AsyncClient(base_url=stack.url, headers=foreign) as http:
        answer = await http.post("/cases/case-x/do/notes", data={"note": TOLD})
    assert answer.status_code in (303, 403)
    assert TOLD not in answer.text


async def test_enter_that_chooses_a_word_sends_nothing(visitor, owner, form):
    here = await (await visitor(POLICE)).open("/search")
    await here.page.focus("main #q")
    typing = await here.page.context.new_cdp_session(here.page)
    await typing.send("Input.imeSetComposition", {"text": "nihao", "selectionStart": 5, "selectionEnd": 5})
    enter = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    await typing.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await typing.send("Input.insertText", {"text": "你好"})
    assert here.page.url.endswith("/search")
    assert await here.page.input_value("main #q") == "你好"
    async with owner.connect() as conn:
        assert (await conn.execute(select(func.count()).select_from(tables.form_drafts))).scalar_one() == 0
