"""A supervisor sees where a child waits, and acts on many at once; what cannot be done is said and the rest is done."""

from datetime import timedelta

import pytest

from tests.web.conftest import DESK
from tests.web.seeded import in_the_past, leg_of, report

pytestmark = pytest.mark.browser
SUPERVISOR = "civil.supervisor.1"


async def test_the_longest_wait_comes_first_with_its_cause_its_holder_and_its_next_rung(visitor, people, seeded):
    here = await (await visitor(SUPERVISOR)).open("/oversight")
    first = here.page.locator("#tasks tbody tr").first
    assert await first.locator(f"a[href='/cases/{seeded['late']['case_id']}']").count() == 1
    listed = (await people.get(SUPERVISOR, "/v1/stalled?limit=50"))["items"]
    assert await here.page.locator("#tasks tbody tr").count() == len(listed)
    assert listed[0]["case_id"] == seeded["late"]["case_id"]
    here.is_quiet()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_many_are_urged_at_once(visitor, people, seeded, scripts):
    here = await (await visitor(SUPERVISOR, size=DESK, java_script_enabled=scripts)).open("/oversight")

    async def urged():
        rows = (await people.get(SUPERVISOR, "/v1/stalled?limit=200"))["items"]
        return sum(row["urged"] for row in rows)

    before = await urged()
    boxes = here.page.locator("input[name=task]")
    for number in range(2):
        await boxes.nth(number).check()
    await here.page.click("button[value=urge]")
    says = await here.says()
    assert "已催办 2 项：" in says, says
    assert "提醒承办单位和负责人" in says, "what follows"
    assert await boxes.count() < await here.page.locator("#tasks tbody tr").count(), "duties are among them"
    assert "法定义务，由责任单位办结" in says
    assert await urged() >= before + 2
    here.is_quiet()


async def test_one_is_urged_and_one_moved_by_keyboard_alone(visitor, people, owner, stack):
    late = in_the_past(stack, owner, timedelta(days=4))
    case_id = (await late.post("school.reporter.1", "/v1/reports", report("示例子（化名）")))["case_id"]
    leg = await leg_of(people, case_id, "POLICE")
    here = await (await visitor(SUPERVISOR)).open("/oversight?cause=not_accepted")
    await here.tab_to(f"input[value='{case_id}/{leg}']", most=200)
    await here.press("Space")
    await here.page.locator("#note").focus()
    await here.tab_to("button[value=urge]")
    assert await here.submit() == 200
    assert "已催办 1 项" in await here.says()
    await here.open("/oversight?cause=not_accepted")
    await here.tab_to(f"input[value='{case_id}/{leg}']", most=200)
    await here.press("Space")
    await here.page.locator("#tasks input[name=task]").last.focus()
    await here.tab_to("#note")
    await here.page.keyboard.type("公安多日未受理")
    await here.tab_to("details.wide summary")
    await here.press("Enter")
    await here.tab_to("#to")
    for _ in range(40):
        await here.press("ArrowDown")
        if await here.page.input_value("#to") == "CIVIL":
            break
    await here.tab_to("button[value=reassign]")
    assert await here.submit() == 200
    assert "可以办" in await here.says(), "the consequence first"
    await here.tab_to("button[value=reassign]")
    assert await here.submit() == 200
    assert "已改派 1 项" in await here.says()
    assert (await leg_now(people, case_id, leg))["state"] == "reassigned"
    here.is_quiet()


async def test_a_supervision_says_what_is_demanded(visitor, seeded):
    here = await (await visitor(SUPERVISOR)).open("/oversight")
    await here.page.locator("input[name=task]").first.check()
    await here.page.click("button[value=supervise]")
    assert "督办须写明要求" in await here.says()
    await here.page.locator("input[name=task]").first.check()
    await here.page.click("details.wide summary")
    await here.page.click("button[value=extend]")
    assert await here.page.locator("#days").is_visible(), "what was open is open again, with the errors in it"
    assert "延长几个工作日：" in await here.page.inner_text(".sum")
    await here.open("/oversight?cause=paused")
    assert "没有“已中止”的任务" in await here.says()
    await here.open("/oversight?cause=due_soon")
    assert "停滞最久（临期）" in await here.page.inner_text("section.worst")


async def test_who_oversees_nothing_has_no_board(visitor):
    there = await visitor("police.officer.1")
    assert (await there.page.goto(there.root + "/oversight")).status == 403
    assert await there.page.locator("nav.side a[href='/oversight']").count() == 0


async def test_the_longest_wait_stands_first_in_words_and_is_one_step_away(visitor, people, seeded):
    here = await (await visitor(SUPERVISOR)).open("/oversight")
    worst = here.page.locator("section.worst")
    (first, *_) = (await people.get(SUPERVISOR, "/v1/stalled?limit=1"))["items"]
    says = await worst.inner_text()
    assert "停滞最久" in says
    assert first["case_no"] in says
    box = await worst.bounding_box()
    assert box["y"] + box["height"] < DESK["height"], "seen without scrolling"
    await here.tab_to("section.worst a.btn.p")
    await here.submit()
    assert here.page.url.endswith(f"/{first['subject']}")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_a_deadline_moves_and_a_task_changes_hands_only_after_both_were_seen(
    visitor, people, owner, stack, scripts
):
    late = in_the_past(stack, owner, timedelta(days=2))
    made = [await late.post("school.reporter.1", "/v1/reports", report("示例壬（化名）")) for _ in range(2)]
    legs = [await leg_of(people, one["case_id"], "POLICE") for one in made]
    await late.post("police.officer.1", f"/v1/cases/{made[0]['case_id']}/referrals/{legs[0]}/accept")
    await here_extends(await visitor(SUPERVISOR, java_script_enabled=scripts), people, made, legs)


def without_rungs(leg):
    return {**leg, "finish": {**leg["finish"], "rungs": None, "fired": None}}


async def here_extends(here, people, made, legs):
    await here.open("/oversight")
    values = [f"{one['case_id']}/{leg}" for one, leg in zip(made, legs, strict=True)]
    before = await leg_now(people, *values[0].split("/"))
    for value in values:
        await here.page.locator(f"input[value='{value}']").check()
    await here.page.locator("details.wide summary").click()
    await here.page.fill("#note", "等待鉴定结果")
    await here.page.select_option("#reason", "complex_facts")
    await here.page.fill("#days", "3")
    await here.page.click("button[value=extend]")
    says = await here.says()
    assert "可以办" in says
    assert "不能办" in says, "nobody extends what nobody has accepted"
    now = await leg_now(people, *values[0].split("/"))
    assert without_rungs(now) == without_rungs(before), (
        "looking at it did nothing"
    )  # what is late the engine goes on to tell upwards
    await here.page.click("button[value=extend]")
    assert "已延期 1 项" in await here.says()
    after = await leg_now(people, *values[0].split("/"))
    assert after["finish"]["due_at"] > before["finish"]["due_at"]
    await here.open("/oversight")
    await here.page.locator(f"input[value='{values[1]}']").check()
    await here.page.locator("details.wide summary").click()
    await here.page.fill("#note", "公安多日未受理")
    await here.page.select_option("#to", "CIVIL")
    await here.page.click("button[value=reassign]")
    await here.page.click("button[value=reassign]")
    assert "已改派 1 项" in await here.says()
    assert (await leg_now(people, *values[1].split("/")))["state"] == "reassigned"
    here.is_quiet()


async def leg_now(people, case_id, leg):
    progress = (await people.get(SUPERVISOR, f"/v1/cases/{case_id}"))["progress"]
    return next(one for one in progress["referrals"] if one["id"] == leg)


async def test_an_emergency_read_is_judged_by_another_desk_and_by_nobody_else(visitor, people, seeded):
    made = await people.post("school.reporter.1", "/v1/reports", report("示例癸（化名）"))
    asked = {"case": made["case_id"], "reason": "medical", "note": "急诊接诊，须核对监护人"}
    glass = await people.post("housing.officer.1", "/v1/emergency-reads", asked)
    here = await (await visitor("conf.supervisor.1", java_script_enabled=False)).open("/oversight/emergency")
    card = here.page.locator(f"#{glass['id']}")
    assert "急诊接诊" in await card.inner_text()
    await card.locator("input[value=unjustified]").focus()
    await here.press("Space")
    await here.tab_to(f"#{glass['id']} textarea")
    await here.page.keyboard.type("可先联系经办单位")
    await here.tab_to(f"#{glass['id']} .btn.p")
    assert await here.submit() == 200
    assert "复核结论已记录" in await here.says()
    assert await here.page.locator(f"#{glass['id']}").count() == 0
    rows = (await people.get("conf.supervisor.1", "/v1/emergency-reads?waiting=false&limit=200"))["items"]
    assert next(row["verdict"] for row in rows if row["id"] == glass["id"]) == "unjustified"
    there = await visitor("police.officer.1")
    assert (await there.page.goto(there.root + "/oversight/emergency")).status == 403
