"""The way of a report through its pages, as the tests go it."""

from sqlalchemy import select

from app.db import tables
from app.db.vault import opened

UNIT = {
    "unit": "unit-school-1",
    "agency": "SCHOOL",
    "desk": "SCHOOL",
    "reporter_class": "school",
    "name": "示例小学（化名）",
}
TOLD = "今天早上胳膊上有伤，孩子说“不敢回家”。"
NAME = "示例丙（化名）"


async def enter(here, link, name="示例老师（化名）"):
    """By the unit's link as a camera reads it, or by the code where there is no script."""
    await here.open("/report" + link["address"].partition("/report")[2])
    if not await here.page.locator("#code").input_value():
        await here.page.locator("#code").fill(link["code"])
    await here.page.locator("#reporter").fill(name)
    await here.page.locator("#phone").fill("010-00005678")
    await go_on(here)
    assert here.page.url.endswith("/report/now")


async def go_on(here, words="form[action^='/report'] .acts .btn.p"):
    async with here.page.expect_navigation() as navigation:
        await here.page.locator(words).click()
    return (await navigation.value).status


async def tick(here, *values):
    for value in values:
        await here.page.locator(f"main .opt:has([value={value}])").click()


async def fill_in(here, *, photo=None, told=TOLD, name=NAME):
    """All pages up to the check."""
    await tick(here, "hurt", "nobody_tonight")
    await go_on(here)
    await tick(here, "suspected_dv", "family", "no")
    await go_on(here)
    await here.page.locator("#name").fill(name)
    await tick(here, "female")
    await here.page.locator("#age").fill("8")
    await here.page.locator("#division").select_option("110106017")
    await go_on(here)
    await here.page.locator("#narrative").fill(told)
    if photo:
        await here.page.locator("#files").set_input_files(
            [{"name": "照片.jpg", "mimeType": "image/jpeg", "buffer": photo}]
        )
    await go_on(here)
    assert here.page.url.endswith("/report/check"), await here.says()


async def cases_with(owner, told):
    return len(await told_in(owner, told))


async def told_in(owner, told):
    """The cases in whose report this stands, as the service reads it."""
    report = tables.reports
    async with owner.connect() as conn:
        rows = (await conn.execute(select(report.c.case_id, report.c.narrative))).mappings()
        return [row["case_id"] for row in await opened(conn, rows, report) if row["narrative"] == told]


async def stored(here):
    return await here.page.evaluate("[localStorage.length, sessionStorage.length]")
