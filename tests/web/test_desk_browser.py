"""What a desk does all day, in a real browser: views that are kept, reports side by side, files, and every state of its two main pages."""

import asyncio
import re

import pytest
from sqlalchemy import delete

from app.db import tables
from app.domain.terms import ReturnReason
from tests.files.corpus import image
from tests.web.conftest import PHONE
from tests.web.seeded import called, report

pytestmark = pytest.mark.browser
POLICE = "police.officer.1"


@pytest.fixture
async def twins(people):
    """A report and a second one about the same child; the addresses of both, the second first."""
    first = (await people.post("school.reporter.1", "/v1/reports", report("司马小满（化名）")))["case_id"]
    return (await people.post("school.reporter.1", "/v1/reports", report("司马晓曼（化名）")))["case_id"], first


async def progress_of(people, case):
    return (await people.get("civil.supervisor.1", f"/v1/cases/{case}"))["progress"]


async def test_beside_each_decision_stands_the_clause_that_made_it_and_the_reason_that_was_given(visitor, seeded):
    here = await visitor("conf.supervisor.1")
    await here.open(f"/cases/{seeded['late']['case_id']}/history")
    of = here.page.locator(".tl > li")
    for title in ("收到报告", "转介", "义务开始计时", "升级"):
        decided = of.filter(has=here.page.locator("h3", has_text=re.compile(f"^{title}$")))
        assert await decided.count() == await decided.filter(has=here.page.locator("blockquote")).count() > 0, title
    await here.open(f"/cases/{seeded['returned']['case_id']}/history")
    returned = of.filter(has=here.page.locator("h3", has_text="退回补正"))
    assert ReturnReason.MISSING_CONTACT.zh in await returned.first.inner_text()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_two_reports_are_compared_linked_for_a_reason_and_parted_again(visitor, people, twins, scripts):
    case, other = twins
    here = await (await visitor(POLICE, size=PHONE, java_script_enabled=scripts)).open(f"/cases/{case}/duplicates")
    await here.page.click(f"main a.btn[href$='{other}']")
    says = await here.says()
    assert "姓名音近" in says
    assert "司马*" in says
    assert "小满" not in says
    assert await here.page.locator("tr.v-near, tr.v-same").count() > 2
    await here.page.click("main a.btn.p[href*='/do/link']")
    assert await here.page.input_value("#primary") == other
    await here.page.click("button[value=check]")
    assert await here.page.locator(".sum a[href='#note']").count() == 1, "a decision has its reason"
    await here.page.fill("#note", "两份报告说的是同一个孩子")
    await here.page.click("button[value=check]")
    assert (await progress_of(people, case))["linked_to"] is None, "the consequence first"
    await here.page.click("button[value=yes]")
    assert (await progress_of(people, case))["linked_to"] == other
    await here.open(f"/cases/{case}/duplicates/{other}")
    await here.page.click("main a.btn.d[href$='/do/unlink']")
    await here.page.fill("#note", "核对后不是同一个孩子")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    assert (await progress_of(people, case))["linked_to"] is None
    here.is_quiet()


async def test_a_view_is_kept_opens_the_list_and_is_removed(visitor, owner):
    person = "sw.officer.2"
    here = await (await visitor(person)).open("/tasks?view=desk&due=week")
    await here.page.click(".views summary")
    await here.page.click(".views form.filters button")
    assert await here.page.locator("#name-error").count() == 1
    assert await here.barriers() == []
    await here.page.fill("#name", "本周到期")
    await here.page.check("input[name=is_default]")
    await here.page.click(".views form.filters button")
    await here.open("/tasks")
    assert here.page.url.endswith("/tasks?view=desk&due=week")
    await here.page.click(".views summary")
    assert "本周到期（默认）" in await here.page.inner_text(".views .chip.on")
    await here.page.click(".views button[name=end]")
    await here.open("/tasks")
    assert here.page.url.endswith("/tasks")
    async with owner.begin() as conn:
        await conn.execute(delete(tables.saved_views))


async def test_a_file_is_added_listed_and_handed_out_as_an_attachment(visitor, people, twins):
    case = twins[0]
    here = await (await visitor(POLICE)).open(f"/cases/{case}/files")
    assert "本案还没有附件" in await here.says()
    bad = {"name": "宏.docm", "mimeType": "application/octet-stream", "buffer": b"not a file that is taken"}
    await here.page.set_input_files("#files", bad)
    await here.page.fill("#note", "现场照片")
    async with here.page.expect_navigation() as navigation:
        await here.page.click("form[enctype] .btn")
    assert (await navigation.value).status == 422
    assert await here.page.input_value("#note") == "现场照片"
    await here.page.set_input_files("#files", {"name": "照片.jpg", "mimeType": "image/jpeg", "buffer": image()})
    await here.page.click("form[enctype] .btn")
    assert "照片.jpg" in await here.says()
    async with here.page.expect_download() as loaded:
        await here.page.click("main td a.btn")
    assert (await loaded.value).suggested_filename == "照片.jpg"
    path = await here.page.get_attribute("main td a.btn", "href")
    stranger = await visitor("housing.officer.1")
    assert (await stranger.page.goto(stranger.root + path)).status == 404
    here.is_quiet()


async def test_an_open_case_says_that_it_has_changed_without_a_jump(visitor, people, twins):
    case = twins[0]
    here = await visitor(POLICE, size={"width": 1366, "height": 480})
    await here.page.clock.install()
    await here.open(f"/cases/{case}")
    at = await here.page.evaluate("() => { scrollTo(0, 200); return scrollY; }")
    top = await here.page.evaluate("document.querySelector('.tl').getBoundingClientRect().top")
    async with here.page.expect_response("**/fresh?*") as answer:
        await here.page.clock.fast_forward(31_000)
    assert (await answer.value).status == 204
    await people.post("civil.officer.1", f"/v1/cases/{case}/notes", {"note": "已电话告知"})
    async with here.page.expect_response("**/fresh?*") as answer:
        await here.page.clock.fast_forward(31_000)
    assert (await answer.value).status == 200
    await here.page.locator("#fresh").get_by_text("案件已有更新").wait_for()
    assert await called(people, "civil.officer.1") in await here.page.inner_text("#fresh")
    assert await here.page.evaluate("scrollY") == at > 0
    assert await here.page.evaluate("document.querySelector('.tl').getBoundingClientRect().top") == top
    assert await here.barriers() == []
    await here.page.click("#fresh a")
    assert await here.page.inner_text("#fresh") == ""
    here.is_quiet()


async def test_the_list_and_the_case_say_what_is_wrong_and_go_on_by_themselves(visitor, stack, people, twins, owner):
    """A session that ended, a database that is away, a case that is only to be read: each has its words, and no state is a blank page."""
    case = f"/cases/{twins[1]}"
    here = await visitor(POLICE)
    await here.page.clock.install()
    await here.open("/tasks?view=desk")
    rows = await here.page.locator("#list tbody tr").count()
    cookies = await here.page.context.cookies()
    await asyncio.to_thread(stack.postgres.kill)
    try:
        async with here.page.expect_response("**/tasks/list?**") as answer:
            await here.page.clock.fast_forward(31_000)
        assert (await answer.value).status == 503
        assert await here.page.locator("#list tbody tr").count() == rows, "what was read stays"
        await here.page.locator("#stale:visible").wait_for()
        gone = await visitor(POLICE)
        assert (await gone.page.goto(gone.root + case)).status == 503
        assert "系统暂时不可用" in await gone.says()
    finally:
        await asyncio.to_thread(stack.postgres.start)
    async with here.page.expect_response("**/tasks/list?**") as answer:
        await here.page.clock.fast_forward(31_000)
    assert (await answer.value).status == 200
    await here.page.locator("#stale").wait_for(state="hidden")
    await here.page.context.clear_cookies()
    async with here.page.expect_navigation():
        await here.page.clock.fast_forward(31_000)
    assert "/sign-in" in here.page.url
    await here.page.context.add_cookies(cookies)
    reader = await (await visitor("civil.officer.1")).open(f"{case}/legs/a-police-1")
    assert "不能代办" in await reader.says(), "read-only says so"
