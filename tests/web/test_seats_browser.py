"""Three administrators at their pages: one brings somebody in, another gives roles, and neither takes a seat over."""

import pyotp
import pytest

from tests.web.conftest import DESK, PHONE

pytestmark = pytest.mark.browser
ADMIN, SECURITY = "admin.1", "security.1"


async def signs_in(here, made):
    await here.open("/sign-in")
    said = {"person": made[0], "password": made[1], "code": pyotp.parse_uri(made[2]).now()}
    for name, value in said.items():
        await here.page.fill(f"#{name}", value)
    await here.page.locator("#code").focus()
    return await here.submit()


async def shown_once(here):
    codes = here.page.locator("main code")
    return await codes.nth(0).inner_text(), await codes.nth(1).inner_text()


async def test_somebody_comes_is_given_a_role_works_and_leaves(visitor):
    account = "police.officer.7"
    admin = await (await visitor(ADMIN, size=DESK)).open("/people/new")
    await admin.tab_to("#id")
    await admin.page.keyboard.type(account)
    await admin.press("Tab")
    await admin.page.keyboard.type("<b>示例新人</b>（化名）")
    await admin.page.select_option("#desk", "POLICE")
    await admin.tab_to("main .btn.p")
    assert await admin.submit() == 200
    made = (account, *await shown_once(admin))
    assert await admin.page.locator(".square svg").is_visible()
    newcomer = await visitor(size=PHONE)
    assert await signs_in(newcomer, made) == 200
    assert (await newcomer.page.goto(newcomer.root + "/tasks")).status == 200
    assert await newcomer.page.locator("nav.mobnav a").count() <= 1

    security = await (await visitor(SECURITY, java_script_enabled=False)).open("/people")
    assert await security.page.locator("nav.side a[href='/people'] .n").count() == 1
    await security.page.click("main a[href='/people?waiting=true']")
    await security.page.click(f"main a[href='/people/{account}'] >> nth=0")
    assert "<b>示例新人</b>" in await security.says()
    await security.page.check("input[value=officer]")
    await security.page.check("input[value=auditor]")
    await security.page.click("button[value=roles]")
    assert "三员须分立" in await security.says()
    await security.page.uncheck("input[value=auditor]")
    await security.page.click("button[value=roles]")
    assert "角色已更新" in await security.says()
    await newcomer.open("/tasks")
    assert "我的" in await newcomer.says()

    await admin.open(f"/people/{account}")
    await admin.page.click("button[value=end]")
    assert "请先勾选确认" in await admin.says()
    await admin.page.check("#sure")
    await admin.page.click("button[value=end]")
    assert "账号已停用" in await admin.says()
    await newcomer.open("/tasks")
    assert "/sign-in" in newcomer.page.url
    for one in (admin, security):
        one.is_quiet()


async def test_a_renewed_account_waits_for_the_other_administrator(visitor):
    admin = await (await visitor(ADMIN)).open("/people/finance.officer.1")
    assert await admin.page.locator("button[value=roles], button[value=release]").count() == 0
    await admin.page.check("#sure")
    await admin.page.click("button[value=account]")
    made = ("finance.officer.1", *await shown_once(admin))
    await admin.open("/people/finance.officer.1")
    assert "新密码待放行" in await admin.says()
    there = await visitor()
    assert await signs_in(there, made) != 200
    security = await (await visitor(SECURITY)).open("/people/finance.officer.1")
    assert await security.page.locator("button[value=account], button[value=end], button[value=move]").count() == 0
    await security.page.click("button[value=release]")
    assert "新密码已放行" in await security.says()
    assert await signs_in(there, made) == 200
    for path in ("/people", "/people/admin.1", "/people/new"):
        assert (await there.page.goto(there.root + path)).status == 403
    own = await (await visitor(SECURITY)).open("/people/security.1")
    assert await own.page.locator("main form").count() == 0
