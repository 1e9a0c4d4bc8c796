"""An officer works on a case in the real browser: takes a task, returns one, meets a colleague's change, with and without scripts."""

import asyncio

import pytest

from tests.web.conftest import DESK, PHONE, SMALL
from tests.web.seeded import called, leg_of, report

pytestmark = pytest.mark.browser
POLICE = "police.officer.1"


@pytest.fixture
async def case(people):
    """A case of its own that waits for the police; its address and the leg's."""
    made = await people.post("school.reporter.1", "/v1/reports", report("示例己（化名）"))
    return f"/cases/{made['case_id']}", await leg_of(people, made["case_id"], "POLICE")


async def state_of(people, case, leg):
    progress = (await people.get("civil.supervisor.1", f"/v1{case}"))["progress"]
    return next(one for one in progress["referrals"] if one["id"] == leg)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_a_task_is_taken_after_its_new_deadline_was_seen(visitor, people, case, scripts):
    path, leg = case
    here = await (await visitor(POLICE, size=PHONE, java_script_enabled=scripts)).open(path)
    await here.page.click(f"main a[href='{path}/legs/{leg}']")
    await here.page.click("main a.btn.p:has-text('受理')")
    foreseen = here.page.locator("section[role=status]")
    assert "告知报告人已受理" in await foreseen.inner_text()
    promised = await foreseen.locator("b time").first.get_attribute("datetime")
    assert (await state_of(people, path, leg))["state"] == "sent"  # looking at it did nothing
    await here.page.click("button[value=yes]")
    assert "已办：受理" in await here.says()
    taken = await state_of(people, path, leg)
    assert (taken["state"], taken["holder"]) == ("accepted", POLICE)
    assert promised[:16] == taken["finish"]["due_at"][:16].replace("Z", "")
    here.is_quiet()


async def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_stays(visitor, people, case):
    path, leg = case
    here = await (await visitor(POLICE, size=DESK)).open(f"{path}/legs/{leg}/return")
    await here.page.fill("#note", "请补充联系电话")
    await here.page.click("button[value=check]")
    assert await here.page.locator(".sum a[href='#reason']").count() == 1
    assert await here.page.input_value("#note") == "请补充联系电话"
    await here.page.check("input[value=missing_contact]")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    assert (await state_of(people, path, leg))["state"] == "returned"


async def test_a_colleagues_change_is_shown_and_nothing_typed_is_lost(visitor, people, case):
    path, leg = case
    here = await (await visitor(POLICE, size=DESK)).open(f"{path}/legs/{leg}/return")
    await here.page.check("input[value=missing_contact]")
    await here.page.fill("#note", "请补充联系电话")
    await people.post("civil.officer.1", f"/v1{path}/notes", {"note": "已电话告知"})
    await here.page.click("button[value=check]")
    says = await here.says()
    assert "案件已有更新" in says
    assert await called(people, "civil.officer.1") in says
    assert await here.page.input_value("#note") == "请补充联系电话"
    await here.page.click("button[value=check]")  # now on what is shown
    await here.page.click("button[value=yes]")
    assert (await state_of(people, path, leg))["state"] == "returned"


async def test_who_was_too_late_is_told_whose_it_is(visitor, people, case):
    path, leg = case
    here = await (await visitor(POLICE)).open(f"{path}/legs/{leg}/accept")
    await people.post("police.officer.2", f"/v1{path}/referrals/{leg}/accept")
    await here.page.click("button[value=yes]")
    assert "同事正在办理" in await here.says()
    assert (await state_of(people, path, leg))["holder"] == "police.officer.2"


async def test_the_whole_of_it_by_keyboard(visitor, people, case):
    path, leg = case
    here = await (await visitor(POLICE, size=DESK)).open(f"{path}/legs/{leg}/accept")
    await here.tab_to("button[value=yes]")
    await here.page.keyboard.press("Enter")
    await here.page.wait_for_url(f"**{path}/legs/{leg}?done=accept")
    assert (await state_of(people, path, leg))["state"] == "accepted"


async def test_a_duty_that_an_act_fulfils_leads_to_the_act(visitor, people, case):
    path, _ = case
    here = await (await visitor(POLICE, size=PHONE)).open(f"{path}/duties/confirm_safety")
    await here.page.click("main .two a.btn.p")
    assert here.page.url.endswith(f"{path}/do/safety")
    assert await here.page.locator("input[name=child_id]").is_checked(), "the only child is chosen"
    await here.page.check("input[name=safety][value=safe]")
    await here.page.fill("#note", "当面核实，孩子安全")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    assert "本单位还有" in await here.says(), "what the desk still owes comes next"


async def test_whoever_ends_a_task_is_told_what_else_the_desk_owes(visitor, people, case):
    path, leg = case
    await people.post(POLICE, f"/v1{path}/referrals/{leg}/accept")
    here = await (await visitor(POLICE, size=PHONE)).open(f"{path}/legs/{leg}/complete")
    owed = here.page.locator(f"main .note a[href='{path}/duties/confirm_safety']")
    assert await owed.count() == 1, "this one does not settle it"
    assert await here.overflow() == 0


async def test_a_stranger_finds_no_page_and_an_officer_elsewhere_no_button(visitor, case):
    path, leg = case
    there = await visitor("housing.officer.1")
    for address in (path, f"{path}/people", f"{path}/legs/{leg}", f"{path}/legs/{leg}/accept"):
        assert (await there.page.goto(there.root + address)).status == 404
    civil = await (await visitor("civil.officer.1")).open(f"{path}/legs/{leg}")
    assert await civil.page.locator("main a.btn:has-text('受理')").count() == 0


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_a_task_is_accepted_and_completed_by_keyboard_alone(visitor, people, case, scripts):
    path, _ = case
    leg = await leg_of(people, path.rpartition("/")[2], "EDU")
    here = await (await visitor("edu.officer.1", size=DESK, java_script_enabled=scripts)).open(path)
    await here.tab_to(f"main a[href='{path}/legs/{leg}']")
    assert await here.submit() == 200
    await here.tab_to(f"main a[href='{path}/legs/{leg}/accept']")
    assert await here.submit() == 200
    await here.tab_to("button[value=yes]")
    assert await here.submit() == 200
    assert (await state_of(people, path, leg))["state"] == "accepted"
    assert here.page.url.endswith(f"{path}/legs/{leg}?done=accept"), "one stays at the task"
    await here.tab_to("main a[href$='/complete'], main a[href$='/outcome']")
    assert await here.submit() == 200
    await here.tab_to("button[value=check]")
    assert await here.submit() == 422, "nothing is done without a word on what was done"
    await here.tab_to("#note")
    await here.page.keyboard.type("已联系学校，孩子在校，安排心理辅导")
    await here.tab_to("button[value=check]")
    assert await here.submit() == 200
    await here.tab_to("button[value=yes]")
    assert await here.submit() == 200
    assert (await state_of(people, path, leg))["state"] == "completed"
    here.is_quiet()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_what_an_assessment_found_is_chosen_line_by_line_and_the_rules_follow_it(visitor, people, scripts):
    made = await people.post("school.reporter.1", "/v1/reports", report("示例庚（化名）", situations=["living_alone"]))
    path, case_id = f"/cases/{made['case_id']}", made["case_id"]
    (child,) = (await people.get("civil.supervisor.1", f"/v1{path}"))["progress"]["children"]
    await people.post(POLICE, f"/v1{path}/safety", {"child_id": child["id"], "safety": "safe"})
    leg = await appears(people, case_id, "SW")
    await people.post("sw.officer.1", f"/v1{path}/referrals/{leg}/accept")
    here = await (await visitor("sw.officer.1", size=DESK, java_script_enabled=scripts)).open(
        f"{path}/legs/{leg}/assess"
    )
    await here.page.check("input[name=grade][value=high]")
    await here.page.fill("#note", "入户评估")
    await here.page.click("summary:has-text('查明的情况')")
    for size in (SMALL, PHONE, DESK) if scripts else ():
        await here.page.set_viewport_size(size)
        assert (
            await here.overflow(),
            await here.barriers(),
            await here.small_targets() if size is not DESK else [],
        ) == (0, [], [])
    for n, (whom, fact, known) in enumerate(
        (("", "child.lost_family_support", "yes"), ("", "home.on_minimum_living", ""), ("new:father", "guardian.whereabouts=detained", "")), 1
    ):  # fmt: skip
        await here.page.select_option(f"#whom_{n}", whom)
        await here.page.select_option(f"#fact_{n}", fact)
        await here.page.select_option(f"#known_{n}", known)
    await here.page.click("button[value=check]")
    assert await here.page.locator(".sum a[href='#known_2']").count() == 1
    assert await here.page.locator("#fact_3").is_visible(), "what was chosen stays open"
    await here.page.select_option("#known_2", "yes")
    await here.page.click("button[value=check]")
    assert await here.page.locator(".sum a[href='#override']").count() == 1, "the scale already counts what was found"
    await here.page.select_option("#override", index=1)
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    assert "done=assess" in here.page.url
    (found,) = (await people.get("civil.officer.1", f"/v1{path}"))["found"]
    assert {"D1", "D5"} <= {one["code"] for one in found["categories"] if one["status"] == "confirmed"}
    here.is_quiet()


async def appears(people, case_id, agency):
    """The leg of that agency, once the engine has opened it."""
    async with asyncio.timeout(30):
        while True:
            progress = (await people.get("civil.supervisor.1", f"/v1/cases/{case_id}"))["progress"]
            legs = [leg["id"] for leg in progress["referrals"] if leg["agency"] == agency]
            if legs:
                return legs[-1]
            await asyncio.sleep(0.2)
