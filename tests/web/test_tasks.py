"""待办 in a real browser: claiming by keyboard and without scripts, a list that renews itself without a jump, two hundred rows."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect
from sqlalchemy import select, text, update

from app.db import tables
from app.web.tasks import TASKS
from tests.web.conftest import PHONE, SMALL
from tests.web.seeded import called, leg_of, report

OFFICER = "police.officer.1"
CLAIMABLE = f"{TASKS}?view=claimable&limit=200"
QUIET = "urban.officer.1"
"""At a desk to which no report of these tests leads."""


@pytest.fixture
async def waiting(people):
    """The value of the box of a new case that lies with the police."""
    case_id = (await people.post("school.reporter.1", "/v1/reports", report()))["case_id"]
    return f"{case_id}|{await leg_of(people, case_id, 'POLICE')}"


async def holder_of(people, pair):
    case_id, _, leg = pair.partition("|")
    progress = (await people.get("civil.supervisor.1", f"/v1/cases/{case_id}"))["progress"]
    return next(one["holder"] for one in progress["referrals"] if one["id"] == leg)


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_tasks_are_claimed_by_keyboard_alone(staff_page, people, waiting, scripts):
    here = await (await staff_page(OFFICER, java_script_enabled=scripts)).open(CLAIMABLE)
    await here.tab_to("#claims .btn.p", most=80)
    assert await here.submit() == 422
    assert "请先勾选" in await here.says()
    await here.tab_to(f"input[value='{waiting}']", most=900)  # the newest stands last
    await here.press("Space")
    await here.page.locator("#claims .btn.p").focus()
    assert await here.submit() == 200
    assert "已领取 1 项" in await here.says()
    assert await holder_of(people, waiting) == OFFICER
    here.is_quiet()


@pytest.mark.browser
async def test_one_is_claimed_on_a_telephone_by_its_button_and_all_by_one_box(phone_page, people, waiting):
    here = await (await phone_page(OFFICER)).open(CLAIMABLE)
    await here.page.locator("[data-all]").check()
    boxes = here.page.locator("input[name=task]")
    assert await boxes.count() == await here.page.locator("input[name=task]:checked").count() > 0
    await here.page.locator("[data-all]").uncheck()
    async with here.page.expect_navigation():
        await here.page.locator(f"button[value='{waiting}']").click()
    assert await holder_of(people, waiting) == OFFICER
    assert "已领取 1 项" in await here.says()


@pytest.mark.browser
async def test_the_list_renews_itself_without_a_jump_and_keeps_nobody_signed_in(staff_page, people, owner, waiting):
    here = await staff_page(OFFICER, size={"width": 1366, "height": 420})
    await here.page.clock.install()
    await here.open(CLAIMABLE)
    box = here.page.locator(f"input[value='{waiting}']")
    await box.check()
    at = await here.page.evaluate("() => { scrollTo(0, 160); return scrollY; }")
    session, long_ago = tables.sessions.c, datetime.now(UTC) - timedelta(minutes=10)
    mine = session.person_id == OFFICER
    async with owner.begin() as conn:
        await conn.execute(update(tables.sessions).where(mine).values(seen_at=long_ago))
    before = await here.page.locator(".count").inner_text()
    new = (await people.post("school.reporter.1", "/v1/reports", report()))["case_id"]
    async with here.page.expect_response("**/tasks/list?**") as answer:
        await here.page.clock.fast_forward(31_000)
    assert (await answer.value).status == 200
    await here.page.locator(f"input[value^='{new}']").wait_for()
    assert await box.is_checked()
    assert await here.page.evaluate("document.activeElement.value") == waiting
    assert at > 0
    assert await here.page.evaluate("scrollY") == at
    assert await here.page.locator(".count").inner_text() != before
    assert await here.page.locator(".count").get_attribute("role") == "status"
    async with owner.connect() as conn:
        seen = (await conn.execute(select(session.seen_at).where(mine))).scalars().all()
    assert set(seen) == {long_ago}
    here.is_quiet()


@pytest.fixture
async def crowded(owner, people, waiting):
    """A desk with 230 open tasks, copies of one."""
    case_id = waiting.partition("|")[0]
    names = [one.name for one in tables.tasks.columns if one.name not in ("subject", "desk", "agency")]
    copied = ", ".join(f'"{name}"' for name in names)
    copies = f"""insert into tasks (subject, desk, agency, {copied}) select 'copy-' || n, 'URBAN', 'URBAN', {copied}
                 from tasks, generate_series(1, 230) n where case_id = :case and subject = :leg"""
    seen = "update cases set desks = desks || array['URBAN']::varchar[] where id = :case"
    async with owner.begin() as conn:
        await conn.execute(text(copies), {"case": case_id, "leg": waiting.partition("|")[2]})
        await conn.execute(text(seen), {"case": case_id})
    yield
    async with owner.begin() as conn:
        await conn.execute(text("delete from tasks where desk = 'URBAN'"))


@pytest.mark.browser
async def test_two_hundred_rows_are_read_and_turned_over(visitor, crowded):
    here = await (await visitor(QUIET, size=SMALL)).open(CLAIMABLE)
    rows = here.page.locator("input[name=task]")
    first = await rows.evaluate_all("all => all.map(one => one.value)")
    assert len(first) == 200
    assert await here.overflow() == 0
    assert "99+" in await here.says()
    async with here.page.expect_navigation():
        await here.page.locator("a[rel=next]").click()
    second = await rows.evaluate_all("all => all.map(one => one.value)")
    assert len(set(first) | set(second)) == 230
    assert await here.page.locator("#list").get_attribute("hx-get") is None, "a later page stays as it is"
    here.is_quiet()


@pytest.mark.browser
async def test_a_search_is_one_key_away_and_stands_in_no_address(staff_page, people, waiting):
    here = await (await staff_page(OFFICER)).open(TASKS)
    case_id = waiting.partition("|")[0]
    items = (await people.get(OFFICER, "/v1/tasks?view=claimable&limit=200"))["items"]
    await here.press("Control+k")
    await here.page.keyboard.type(next(row["case_no"] for row in items if row["case_id"] == case_id))
    async with here.page.expect_navigation():
        await here.press("Enter")
    assert here.page.url.endswith("/search")
    assert await here.page.locator(f"a[href='/cases/{case_id}']").count() == 1
    here.is_quiet()


@pytest.mark.browser
async def test_from_a_search_to_a_tab_of_the_case_and_back_by_keyboard_alone(staff_page, people, waiting):
    here = await (await staff_page(OFFICER)).open(TASKS)
    case_id = waiting.partition("|")[0]
    items = (await people.get(OFFICER, "/v1/tasks?view=claimable&limit=200"))["items"]
    number = next(row["case_no"] for row in items if row["case_id"] == case_id)
    await here.tab_to("#search")
    await here.page.keyboard.type(number)
    assert await here.submit() == 200
    await here.page.locator("main form .btn").focus()  # the picker of a date takes the focus to itself for once
    await here.tab_to(f"main a[href='/cases/{case_id}']")
    assert await here.submit() == 200
    await here.tab_to(f".tabs a[href='/cases/{case_id}/history']")
    assert await here.submit() == 200
    assert await here.page.locator(".tabs [aria-current=page]").get_attribute("href") == f"/cases/{case_id}/history"
    await here.tab_to(".tl details > summary", most=80)
    await here.press("Enter")
    assert await here.page.locator(".tl details[open] .why").first.is_visible()
    await here.page.go_back()  # the keys for it are the browser's own
    assert here.page.url.endswith(f"/cases/{case_id}")
    await here.tab_to(f".tabs a[href='/cases/{case_id}/history']")
    here.is_quiet()


@pytest.mark.browser
async def test_a_filter_says_how_many_it_leaves(staff_page, people, waiting):
    here = await (await staff_page(OFFICER)).open(f"{TASKS}?view=desk&urgency=same_day")
    left = (await people.get(OFFICER, "/v1/tasks/counts?view=desk&urgency=same_day"))["left"]
    said = await here.page.locator("select[name=due] option").all_inner_texts()
    assert said[1:] == [
        f"{words}（{min(n, 99)}{'+' if n > 99 else ''}）"
        for words, n in zip(("已超期", "4 小时内", "今日到期", "7 天内"), left["due"].values(), strict=True)
    ]
    await here.page.select_option("select[name=stage]", "report")
    async with here.page.expect_navigation():
        await here.page.click("form.filters .btn")
    await expect(here.page.locator("#list tbody tr")).to_have_count(min(left["stage"]["report"], 50))


@pytest.mark.browser
@pytest.mark.parametrize("size", [PHONE, SMALL], ids=["390", "320"])
async def test_a_supervisors_bar_has_five_places_and_the_rest_behind_the_last(visitor, size):
    here = await (await visitor("civil.supervisor.1", size=size, has_touch=True, is_mobile=True)).open(
        "/oversight/agencies"
    )
    shown = await here.page.locator(".mobnav > a, .rest > summary").all_inner_texts()
    assert [one.split()[0] for one in shown] == ["待办", "督办台", "通知", "检索", "更多"]
    there = await here.page.locator("nav.side a").evaluate_all("all => all.map(one => one.pathname)")
    await here.page.locator(".rest > summary").tap()
    bar = await here.page.locator(".mobnav a").evaluate_all("all => all.map(one => one.pathname)")
    assert sorted(bar) == sorted(there), "whatever a desk leads to, a phone does"
    assert await here.page.locator(".rest [aria-current]").is_visible()
    assert (await here.overflow(), await here.barriers(), await here.small_targets()) == (0, [], [])
    await here.press("Escape")
    assert await here.page.locator(".rest .menu").is_hidden()
    here.is_quiet()


@pytest.mark.browser
async def test_a_deputy_is_named_sits_in_the_seat_and_leaves_it(visitor, people):
    head, other = "rescue.head.1", "rescue.officer.1"
    here = await (await visitor(head, size=PHONE, java_script_enabled=False)).open("/absences")
    today = datetime.now(UTC).astimezone(tz=None).date()
    await here.page.locator("#deputy_id").select_option(other)
    await here.page.locator("#from_at").fill(str(today - timedelta(days=1)))
    await here.page.locator("#until_at").fill(str(today + timedelta(days=2)))
    async with here.page.expect_navigation():
        await here.page.locator("main form:has(#deputy_id) button").click()
    assert "生效中" in await here.says()
    there = await (await visitor(other)).open("/absences")
    async with there.page.expect_navigation():
        await there.page.locator("main form:has(input[name=absent]) button").click()
    await there.open("/absences")
    assert "您正在代理" in await there.says()
    await there.open("/tasks")
    assert await there.page.locator("header .me summary").get_by_text("代理中").is_visible(), "on every page"
    printed = await there.page.locator(".printed").text_content()
    assert f"{await called(people, other)}（代 {await called(people, head)}）" in printed
    async with here.page.expect_navigation():
        await here.page.locator("button[name=revoke]").click()
    await there.open("/absences")
    assert "您正在代理" not in await there.says(), "the seat ends with the absence"
