"""登记册 in a browser: an empty post is seen, filled from where it is seen, and stands empty again once it is ended."""

import pytest

DIVISION = "110106005"
STREET = f"street-{DIVISION}.officer.1"


async def send(here, name):
    async with here.page.expect_navigation() as navigation:
        await here.page.get_by_role("button", name=name, exact=True).click()
    return (await navigation.value).status


@pytest.mark.browser
@pytest.mark.requirement("R135")
async def test_a_director_is_appointed_where_the_post_stands_empty_and_the_post_is_empty_again_afterwards(staff_page):
    here = await (await staff_page(STREET)).open("/registers/communities")
    await here.page.locator("[name=name]").fill("示例北社区")
    assert await send(here, "登记") == 200
    await here.open("/registers")
    assert "2 处空缺" in await here.says(), "the supervisor and the director"
    await here.page.get_by_role("link", name="儿童工作人员名册", exact=True).click()
    await here.page.get_by_role("link", name="登记：社区（村）儿童主任 示例北社区").click()
    assert await here.page.locator("[name=post]").input_value() == "director"
    await here.page.locator("[name=name]").fill("示例丁（化名）")
    assert await send(here, "登记") == 422
    assert "请填写或选择" in await here.page.locator("#full_time-error").inner_text()
    assert await here.page.locator("[name=name]").input_value() == "示例丁（化名）"
    await here.page.locator("[name=full_time]").select_option("full")
    assert await send(here, "登记") == 200
    said = await here.says()
    assert all(one in said for one in ("示例丁（化名）", "示例北社区", "儿童主任"))
    assert await here.page.locator("#empty tbody tr").count() == 1, "the supervisor alone"
    await here.page.locator("#rows").get_by_role("link", name="查看").click()
    await here.page.locator("[name=reason]").select_option("replaced")
    assert await send(here, "注销") == 422
    await here.page.locator("[name=sure]").check()
    assert await send(here, "注销") == 200
    assert await here.page.locator("#empty tbody tr").count() == 2
    await here.page.get_by_role("link", name="已注销").click()
    assert "已更换" in await here.says()
    here.is_quiet()


async def test_what_an_entry_names_stays_chosen_when_that_has_ended(as_person, people):
    keeper, books = "street-110106012.officer.1", "/v1/registers"
    place = await people.post(keeper, f"{books}/communities/entries", {"fields": {"name": "示例南社区"}})
    fields = {"post": "director", "community": place["id"], "name": "示例戊（化名）", "full_time": "full"}
    post = await people.post(keeper, f"{books}/staff/entries", {"fields": fields})
    await people.post(keeper, f"{books}/communities/entries/{place['id']}/end", {"reason": "replaced"})
    shown = (await (await as_person(keeper)).get(f"/registers/staff/{post['id']}")).text
    assert f'<option value="{place["id"]}" selected' in shown
