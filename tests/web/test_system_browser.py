"""What administrators look at: the health of the running service with the real worker, and the audit of who saw whom."""

import asyncio

import pytest
from sqlalchemy import func, select

from app.db.beats import beats

pytestmark = pytest.mark.browser


async def test_the_worker_that_runs_is_heard_and_what_is_missing_says_what_to_do(visitor, owner):
    heard = select(func.count()).where(beats.c.engine_at.is_not(None), beats.c.reconciled_at.is_not(None))
    async with asyncio.timeout(30), owner.connect() as conn:
        while not (await conn.execute(heard)).scalar_one():
            await asyncio.sleep(0.5)
            await conn.rollback()
    here = await (await visitor("admin.1")).open("/system")
    well = here.page.locator("table tbody tr")
    names = [await row.locator("td").first.inner_text() for row in await well.all()]
    assert {"后台进程", "流程引擎（Temporal）", "自动核对", "访问记录封存", "内容密钥"} <= set(names)
    says = await here.says()
    assert "SHOUHU_RESTORE_TESTED" in says
    here.is_quiet()
    english = await (await visitor("conf.supervisor.1", language="en", java_script_enabled=False)).open("/system")
    assert "What to do: " in await english.says()
    there = await visitor("police.officer.1")
    assert (await there.page.goto(there.root + "/system")).status == 403


async def test_who_audits_finds_what_one_person_did_and_no_address_says_whom_they_sought(visitor, seeded):
    here = await (await visitor("auditor.1", java_script_enabled=False)).open("/audit")
    assert await here.page.locator("main tbody tr").count() > 1
    await here.tab_to("#person_id")
    await here.page.keyboard.type("housing.officer.1")
    await here.page.select_option("#action", "emergency_read")
    await here.page.locator("#person_id").focus()
    assert await here.submit() == 200
    assert here.page.url == here.url
    rows = await here.page.locator("main tbody tr").all_inner_texts()
    assert rows
    assert all("housing.officer.1" in row and "紧急调阅" in row for row in rows)
    assert await here.page.locator("main tbody a").count() == 0, "whoever audits sees no case"
    await here.page.fill("#since", "2030-01-01")
    await here.page.locator("#since").focus()
    assert await here.submit() == 200
    assert "没有符合条件的记录" in await here.says()
    there = await visitor("police.officer.1")
    assert (await there.page.goto(there.root + "/audit")).status == 403
    here.is_quiet()
