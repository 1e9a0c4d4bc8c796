"""登记册 in a browser: an empty post is seen, filled from where it is seen, and stands empty again once it is ended."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from app.db import tables

DIVISION = "110106005"
STREET, AUDITS = f"street-{DIVISION}.officer.1", "civil.supervisor.1"


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
    assert "请填写或选择" in await here.page.locator("#checked_on-error").inner_text(), (
        "a criminal record is looked up first"
    )
    await here.page.locator("[name=checked_on]").fill("2026-01-05")
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
    fields = {
        "post": "director",
        "community": place["id"],
        "name": "示例戊（化名）",
        "full_time": "full",
        "checked_on": "2026-01-05",
    }
    post = await people.post(keeper, f"{books}/staff/entries", {"fields": fields})
    await people.post(keeper, f"{books}/communities/entries/{place['id']}/end", {"reason": "replaced"})
    shown = (await (await as_person(keeper)).get(f"/registers/staff/{post['id']}")).text
    assert f'<option value="{place["id"]}" selected' in shown


async def test_a_case_is_named_by_its_number_and_one_out_of_sight_is_told_like_none(as_person, people, seeded, owner):
    keeper, book = await as_person(STREET), "/registers/assistance"
    asks = {
        "kind": "application",
        "children": [{"residence_division": DIVISION}],
        "situations": ["application"],
        "reporter": {"class": "committee"},
    }
    filed = (await people.post(f"comm-{DIVISION}.officer.1", "/v1/reports", asks))["case_id"]
    case = await people.get(STREET, f"/v1/cases/{filed}")
    hidden = await people.get(AUDITS, f"/v1/cases/{seeded['waiting']['case_id']}")
    child, day = case["progress"]["children"][0]["id"], datetime.now(UTC).date().isoformat()
    given = {"child": child, "what": "生活保障", "helped_on": day}
    last_year = case["case_no"].replace(f"-{day[:4]}-", "-2020-")
    unknown = "没有您可以查看的这个案件"
    for typed, words in (
        (filed, "请填写案件编号"), ("WB-2026-999999", unknown), (hidden["case_no"], unknown), (last_year, unknown),
    ):  # fmt: skip
        wrong = await keeper.post(book, data=given | {"case": typed})
        assert (wrong.status_code, f'value="{typed}"' in wrong.text) == (422, True), "what was typed stays"
        assert words in re.search(r'id="case-error">(.*?)</p>', wrong.text)[1]
    running = case["case_no"].rpartition("-")[2].lstrip("0")
    assert (await keeper.post(book, data=given | {"case": running})).status_code == 303
    shown = f'<a href="/cases/{filed}">{case["case_no"]}</a>'
    page = (await keeper.get(book)).text
    assert shown in page
    (entry,) = set(re.findall(rf'href="({book}/[^"]+)"', page))
    page = (await keeper.get(entry)).text
    assert (shown in page, f'value="{case["case_no"]}"' in page) == (True, True), "also in the form of a change"
    known = dict(re.findall(r'name="(idempotency_key|version)" value="([^"]+)"', page))
    again = given | {"verb": "change", "case": case["case_no"]} | known
    assert (await keeper.post(entry, data=again)).status_code == 303
    ours = update(tables.cases).where(tables.cases.c.id == filed)
    async with owner.begin() as conn:
        await conn.execute(ours.values(desks=[], agencies=[]))
    page = (await keeper.get(entry)).text
    assert (shown in page, f'value="{filed}"' in page) == (False, True)
    for typed, status in ((case["case_no"], 422), (filed[:-1] + "x", 422), (filed, 303)):
        known = dict(re.findall(r'name="(idempotency_key|version)" value="([^"]+)"', page))
        again = given | {"verb": "change", "case": typed} | known
        assert (await keeper.post(entry, data=again)).status_code == status, (
            "what stood there and was left is looked at again"
        )
    async with owner.begin() as conn:
        await conn.execute(ours.values(about=[STREET]))
    assert (await keeper.get(entry)).status_code == 404, "it would tell its own desk of a case about them"


async def test_an_inspection_names_the_case_that_its_own_agency_has_reported_and_may_not_see(as_person, people):
    inspector, told = "culture.officer.1", {"children": [{"residence_division": DIVISION}], "situations": ["unguarded"]}
    own = (await people.post(inspector, "/v1/reports", told | {"reporter": {"class": "state_organ"}}))["case_id"]
    number = (await people.get(AUDITS, f"/v1/cases/{own}"))["case_no"]
    keeper, day = await as_person(inspector), datetime.now(UTC).date().isoformat()
    venue = {
        "name": "某网吧",
        "address": "某路5号",
        "origin": "tip_off",
        "inspected_on": day,
        "content": "none",
        "minors": "yes",
    }
    assert (await keeper.post("/registers/venues", data=venue | {"case": number})).status_code == 303
    entry = re.search(r'href="(/registers/venues/[^"]+)"', (await keeper.get("/registers/venues")).text)[1]
    page = (await keeper.get(entry)).text
    assert (f"<dd>{number}</dd>" in page, f'value="{number}"' in page, f'href="/cases/{own}"' in page) == (
        True,
        True,
        False,
    )


async def test_a_register_adds_up_by_street_now_and_as_it_stood(as_person, people):
    finance, line = await as_person("finance.officer.1"), {"title": "儿童保障", "year": "2026", "source": "district"}
    for division, yuan in (("110106008", "1200.50"), ("110106008", "800"), ("110106009", "500")):
        fields = {"fields": line | {"yuan": yuan}, "division": division}
        await people.post("finance.officer.1", "/v1/registers/budget/entries", fields)
    assert (
        re.search(
            r'>儿童保障预算</strong></a>.*?</td>\s*<td data-l="在册"><div>(\d+)</div>',
            (await finance.get("/registers")).text,
            re.S,
        )[1]
        == "3"
    )
    page = (await finance.get("/registers/budget")).text
    totals = re.findall(r"<td[^>]*><div>(?:<strong>)?([^<]*)", re.search(r'id="totals".*?</table>', page, re.S)[0])
    assert totals == ["六里桥街道", "2", "2,000.50", "丰台街道", "1", "500.00", "合计", "3", "2,500.50"]
    assert "没有在册的登记" in (await finance.get("/registers/budget?totals_on=2020-01-01")).text
    some = (await finance.get("/registers/budget?totals_of=source:district")).text
    assert ("2,500.50" in some, 'value="source:district" selected' in some) == (True, True)
    wrong = await finance.get("/registers/budget?totals_on=gestern")
    assert (wrong.status_code, 'id="totals_on-error"' in wrong.text) == (422, True)
