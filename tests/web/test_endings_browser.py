"""How tasks end, in a real browser: a step by its outcome with all that it asks for, a duty by the act that fulfils it."""

from datetime import UTC, datetime

import pytest

from app.domain.case import BY_ACT
from app.domain.policy import STEPS_BY_ACT
from app.policy.loader import load
from app.web import outcomes
from app.web.asks_case import ON_CASE
from tests.web.conftest import SIZES
from tests.web.seeded import report

EDU, CIVIL, POLICE = "edu.officer.1", "civil.officer.1", "police.officer.1"
STEP = "home_teaching.plan"


def test_every_field_of_an_outcome_has_words_and_every_act_a_page():
    pack = load("fengtai-2026.1")
    fields = {name for step in pack.file.step_rows for one in pack.step(step).outcomes for name in one.record}
    assert fields == set(outcomes.RECORDED)
    assert set(outcomes.BY_ACT) == {*BY_ACT, *STEPS_BY_ACT}
    assert {verb for verbs in outcomes.BY_ACT.values() for verb in verbs} <= set(ON_CASE)


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_a_step_ends_with_what_its_outcome_asks_for_and_the_timeline_tells_it(visitor, people, scripts):
    made = await people.post("school.reporter.1", "/v1/reports", report("示例辛（化名）"))
    case = f"/cases/{made['case_id']}"
    here = await (await visitor(EDU, java_script_enabled=scripts)).open(f"{case}/do/procedure")
    await here.page.select_option("#procedure", "home_teaching")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    await here.open(f"{case}/duties/{STEP}")
    await here.page.click("main .two a.btn.p")
    lessons = here.page.locator("[id='planned.lessons_a_week']")
    assert not await lessons.is_visible(), "what no outcome asks for is not in the way"
    await here.page.check("input[value=planned]")
    await here.page.fill("[id='planned.starts_on']", "2026-12-07")
    await lessons.fill("20")
    for size in SIZES if scripts else ():
        await here.page.set_viewport_size(size)
        assert (await here.overflow(), await here.barriers()) == (0, [])
    await here.page.click("button[value=check]")
    says = await here.says()
    assert "每周授课次数：请填写整数，1 到 14" in says
    assert "这一结果须先做到此项" in says
    assert await here.page.locator("[name='planned.about']").is_checked(), "an only child need not be chosen"
    await lessons.fill("3")
    await here.page.check("[id='planned.in_school_register']")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    assert "done=complete" in here.page.url
    progress = (await people.get(CIVIL, f"/v1{case}"))["progress"]
    child = progress["children"][0]["id"]
    assert f"home_lessons.lesson:{child}" in [duty["code"] for duty in progress["duties"] if duty["clock"]]
    says = await (await here.open(f"{case}/history")).says()
    assert "已制定计划" in says
    assert "每周授课次数：3" in says
    await here.open(f"{case}/duties/{STEP}/outcome")
    assert here.page.url.endswith(f"/duties/{STEP}"), "what has ended is shown, not asked for again"
    here.is_quiet()


@pytest.mark.browser
async def test_a_duty_that_nobody_ticks_off_leads_to_what_fulfils_it(visitor, people, seeded):
    case = f"/cases/{seeded['accepted']['case_id']}"
    here = await (await visitor(CIVIL)).open(f"{case}/duties/answer_outcome")
    assert "已完成" not in await here.page.locator("main .btn").all_inner_texts()
    assert await here.page.get_attribute("main .two a.btn.p", "href") == f"{case}/do/answer"
    made = await people.post("school.reporter.1", "/v1/reports", report("示例壬（化名）", situations=["living_alone"]))
    case = f"/cases/{made['case_id']}"
    duties = (await people.get(CIVIL, f"/v1{case}"))["progress"]["duties"]
    owed = [one["code"] for one in duties if one["desk"] == "POLICE" and one["code"] in BY_ACT]
    here = await visitor(POLICE)
    for code in owed:
        await here.open(f"{case}/duties/{code}")
        assert await here.page.locator("main .two a.btn.p").count() == 1, code
    assert "confirm_safety" in owed
    await here.open(f"{case}/duties/confirm_safety")
    await here.page.click("main .two a.btn.p")
    await here.page.check("input[value=safe]")  # the only child is chosen already
    await here.page.fill("#note", "已当面核实")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    met = {one["code"]: one["clock"]["met_at"] for one in (await people.get(CIVIL, f"/v1{case}"))["progress"]["duties"]}
    assert datetime.fromisoformat(met["confirm_safety"]) <= datetime.now(UTC)


@pytest.mark.browser
async def test_a_bill_is_opened_and_its_payers_answer_one_after_the_other(visitor, people):
    made = await people.post("school.reporter.1", "/v1/reports", report("示例癸（化名）"))
    case = f"/cases/{made['case_id']}"
    here = await (await visitor(CIVIL)).open(f"{case}/do/bill")
    await here.page.fill("#yuan", "12000")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    await here.open(f"{case}/duties/medical_costs.ask:bill-1")
    await here.page.click("main .two a.btn.p")
    assert "账单 1（12000 元，余 12000 元）：城乡居民基本医疗保险" in await here.says()
    await here.page.select_option("#bill", index=1)
    await here.page.fill("#approved", "许多")
    await here.page.click("button[value=check]")
    assert await here.page.locator(".sum a[href='#approved']").count() == 1
    await here.page.fill("#approved", "7000.50")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    (bill,) = (await people.get(CIVIL, f"/v1{case}"))["progress"]["bills"]
    assert [one["payer"] for one in bill["payments"]] == ["MED_BASIC"]
    await here.open(f"{case}/do/conflict")
    await here.page.select_option("#about", "EDU")
    await here.page.fill("#note", "涉事学校的主管单位")
    await here.page.click("button[value=check]")
    await here.page.click("button[value=yes]")
    assert (await people.get(CIVIL, f"/v1{case}"))["progress"]["about"] == ["EDU"]
    here.is_quiet()
