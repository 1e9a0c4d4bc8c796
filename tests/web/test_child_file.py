"""建档 and 变更 in a browser: doubles are shown before a child counts, what was typed stays, and who was faster is named."""

import pytest

from tests.web.seeded import INERT

pytestmark = pytest.mark.browser
DIVISION = "110106004"
OFFICER, OTHER = f"comm-{DIVISION}.officer.1", f"comm-{DIVISION}.head.1"
STREET = f"street-{DIVISION}.officer.1"


async def fill(here, name="华知行（化名）"):
    """The form of a registration, but for the evidence."""
    page = here.page
    for field, value in {"name": name, "birth_date": "2016-04-05", "residence": f"示例路8号 {INERT}", "school": "示例小学（化名）",
                         "kin_name_1": "华远（化名）", "kin_phone_1": "13900002222"}.items():  # fmt: skip
        await page.locator(f"[name={field}]").fill(value)
    for field, value in {
        "sex": "male", "hukou_division": DIVISION, "kin_relation_1": "father", "kin_whereabouts_1": "away_for_work",
        "on_minimum_living": "yes",
    }.items():  # fmt: skip
        await page.locator(f"[name={field}]").select_option(value)
    for field, value in {"found": "left_behind", "grade": "medium"}.items():
        await page.locator(f"[name={field}][value={value}]").check()


async def send(here, words):
    async with here.page.expect_navigation() as navigation:
        await here.page.get_by_role("button", name=words).click()
    return (await navigation.value).status


async def register(here, name="华知行（化名）"):
    """A child by page; its id."""
    await here.open("/children/new")
    await fill(here, name)
    await here.page.locator("[name=evidence]").fill("入户排查")
    assert await send(here, "查重并提交建档") == 200
    return here.page.url.partition("?")[0].rpartition("/")[2]


async def test_a_child_is_registered_by_page_and_a_double_is_shown_before_it_counts(staff_page, people):
    here = await (await staff_page(OFFICER)).open("/visits")
    await here.page.get_by_role("link", name="登记建档").click()
    await fill(here)
    await here.page.locator("[name=id_no]").fill("11010620160405001")
    assert await send(here, "查重并提交建档") == 422
    assert "身份证号应为18位" in await here.page.locator("#id_no-error").inner_text()
    assert "请写明依据" in await here.page.locator("#evidence-error").inner_text()
    assert await here.page.locator("[name=residence]").input_value() == f"示例路8号 {INERT}"
    await here.page.locator("[name=id_no]").fill("")
    await here.page.locator("[name=evidence]").fill("入户排查")
    assert await send(here, "查重并提交建档") == 200
    said = await here.says()
    assert all(
        one in said
        for one in (
            "已登记建档",
            "街道（乡镇）核实，然后区民政局审批",
            "核实后按此等级走访：中风险",
            "户籍所在区划",
            "剩",
        )
    )
    child = here.page.url.partition("?")[0].rpartition("/")[2]
    changes = await people.get(STREET, f"/v1/children/{child}/history")
    assert {row["field"] for row in changes} == {"registration", "means", "hukou_division"}
    there = await (await staff_page(STREET)).open("/children/new")
    await fill(there, "华知行（化名）")
    await there.page.locator("[name=evidence]").fill("家庭申请")
    assert await send(there, "查重并提交建档") == 422
    said = await there.says()
    assert all(one in said for one in ("可能已有这个孩子的档案", "姓名相同", "建档待核实", "华*"))
    assert await there.page.locator("[name=kin_name_1]").input_value() == "华远（化名）"
    await there.page.locator(f"[name=alike][value={child}]").check()
    assert await send(there, "查重并提交建档") == 200
    assert child not in there.page.url
    here.is_quiet()
    there.is_quiet()


async def test_who_was_faster_is_named_and_what_was_typed_stays(staff_page, people):
    here = await staff_page(OFFICER)
    child = await register(here, "华致远（化名）")
    waiting = (await people.get(STREET, f"/v1/children/{child}"))["fields"]["registration"]["waiting"]["change"]
    await people.post(STREET, f"/v1/children/{child}/changes/{waiting}/pass")
    await here.open(f"/children/{child}")
    await here.page.get_by_role("link", name="转学、升学").click()
    assert "示例小学（化名）" in await here.says()
    await here.page.locator("[name=school]").fill("示例三小（化名）")
    await here.page.locator("[name=evidence]").fill("学籍卡")
    faster = {"field": "school", "value": "示例二小（化名）", "seen": 0, "evidence": "转学证明"}
    entered = await people.post(OTHER, f"/v1/children/{child}/changes", faster)
    assert await send(here, "提交变更") == 409
    said = await here.says()
    assert all(one in said for one in ("这份档案有了变动", "已填报为 示例二小（化名）", "您填写的内容仍在下面"))
    assert await here.page.locator("[name=school]").input_value() == "示例三小（化名）"
    await people.post(STREET, f"/v1/children/{child}/changes/{entered['change']}/pass")
    await here.page.locator("[name=seen_school]").evaluate("field => { field.value = '0'; }")
    assert await send(here, "提交变更") == 409, "the value has changed since it was read"
    assert "示例二小（化名）。仍要改为您填写的内容" in await here.says()
    assert await here.page.locator("[name=evidence]").input_value() == "学籍卡"
    assert await send(here, "提交变更") == 200
    said = await here.says()
    assert all(one in said for one in ("变更已填报", "示例三小（化名）", "示例二小（化名）"))
    here.is_quiet()
