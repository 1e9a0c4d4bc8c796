"""One child's whole way through the pages: reported on a phone, accepted, a silent agency escalates and is supervised, closed, answered."""

import asyncio

import pytest
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import tables
from app.demo import Play
from tests.web.conftest import DESK, PHONE, browser, visitor  # noqa: F401
from tests.web.reporting import UNIT, enter, go_on, tick

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
PATIENCE = 60
TOLD = "孩子一个人住了好几天，邻居送饭。"
ANSWER = "孩子已安全，后续帮扶已落实。感谢您的报告。"
CONFIRM = "button[name=go][value=yes]"
BY_PAGE = ("post-assessment", "answer", "closure-proposal", "closure-approval")
SILENT = "STREET"


class Rest(Play):
    """Everybody else does their part by the API; what the pages are for is left to people at pages, and one agency stays silent."""

    async def _act(self, person, what, body=None):
        if what not in BY_PAGE:
            await super()._act(person, what, body)

    async def _desk_works(self, referral):
        if referral["agency"] != SILENT:
            await super()._desk_works(referral)


@pytest.fixture
async def owner(stack):
    """No agency has a system of its own: all work at their desks here."""
    engine = create_async_engine(stack.postgres.url, execution_options={"vault": stack.vault})
    async with engine.begin() as conn:
        await conn.execute(delete(tables.endpoints))
    yield engine
    await engine.dispose()


async def reported(here, link):
    """On a phone, by the link that the school prints; the code of the receipt."""
    await enter(here, link)
    await tick(here, "nobody_tonight")
    await go_on(here)
    await tick(here, "living_alone", "unguarded")
    await go_on(here)
    await here.page.fill("#name", "示例丙（化名）")
    await here.page.fill("#age", "10")
    await here.page.fill("#school", "示例小学（化名）")
    await here.page.select_option("#division", "110106101")
    await go_on(here)
    await here.page.fill("#narrative", TOLD)
    await go_on(here)
    assert await go_on(here) == 200
    return await here.page.locator(".big").inner_text()


async def step(here, path, *, choose=(), note=""):
    """One command at its page: filled in, looked at, confirmed; again where the case was moved by others meanwhile, or it is too early."""

    async def done():
        await here.open(path)
        for field, value in choose:
            if await here.page.locator(f"main select[name={field}]").count():
                await here.page.select_option(f"#{field}", value)
            else:
                await here.page.locator(f"main [name={field}][value={value}]").check()
        if note:
            await here.page.fill("#note", note)
        if not await here.page.locator(CONFIRM).count():
            await go_on(here, "button[value=check]")
        if not await here.page.locator(CONFIRM).count():
            return False
        await go_on(here, CONFIRM)
        return "done=" in here.page.url

    await until(done, f"{path} is done")


async def until(look, what):
    try:
        async with asyncio.timeout(PATIENCE):
            while not (found := await look()):
                await asyncio.sleep(0.3)
    except TimeoutError:
        pytest.fail(f"never came: {what}")
    return found


async def test_a_child_goes_the_whole_way_through_the_pages_of_all_three_groups(stack, people, owner, visitor):  # noqa: F811
    link = await people.post("security.1", "/v1/entry-links", UNIT)
    phone = await visitor(size=PHONE, has_touch=True, is_mobile=True)
    code = await reported(phone, link)

    async with owner.connect() as conn:
        case_id = (
            (await conn.execute(select(tables.cases.c.id).order_by(tables.cases.c.number.desc()))).scalars().first()
        )
    police = await (await visitor("police.officer.1", size=DESK)).open("/tasks?view=claimable")
    case = f"/cases/{case_id}"
    assert await police.page.locator(f"table tbody tr a.whole[href^='{case}']").count()

    async def now():
        return (await people.get("civil.supervisor.1", f"/v1/cases/{case_id}"))["progress"]

    leg = next(one["id"] for one in (await now())["referrals"] if one["agency"] == "POLICE")
    await step(police, f"{case}/legs/{leg}/accept")
    assert TOLD in await (await police.open(f"{case}/report")).says()

    rest = Rest("journey", people)
    rest.case_id, rest.receipt = case_id, code
    others = asyncio.create_task(rest.run({}))
    try:
        silent = next(one["id"] for one in (await now())["referrals"] if one["agency"] == SILENT)

        async def climbed():
            found = next(one for one in (await now())["referrals"] if one["id"] == silent)
            return "procuratorate" in found["accept"]["fired"]

        await until(climbed, "the silent agency's ladder reaches the top")
        board = await (await visitor("civil.supervisor.1", size=DESK)).open("/oversight")
        await board.open(f"{case}/legs/{silent}")
        assert "提请检察监督" in await board.says()
        await step(board, f"{case}/legs/{silent}/supervise", note="请说明为何未受理，并立即核实孩子就学情况")

        async def at_review():
            return (await now())["stage"] == "review"

        await until(at_review, "the plan is carried out")
        worker = await visitor("sw.officer.1", size=DESK)
        for _ in range(2):  # after 30 days and after 90, of a district where time flies
            await step(worker, f"{case}/do/post-assessment", choose=[("grade", "low")], note="已回访，孩子安全")
        civil = await visitor("civil.officer.1", size=DESK)
        await step(civil, f"{case}/do/answer", note=ANSWER)

        async def all_replied():
            owed = [one for one in (await now())["duties"] if one["is_open"] and one["code"].startswith("superv")]
            for one in owed:
                desk = one["desk"].lower()
                await step(
                    await visitor(f"{desk}.officer.1"), f"{case}/duties/{one['code']}/reply", note="已整改，孩子在校"
                )
            return not owed

        await until(all_replied, "the silent agency answers")

        why = [("reason", "family_reunification")]
        await step(civil, f"{case}/do/closure-proposal", choose=why, note="孩子已回归家庭")
        await step(await visitor("civil.head.1", size=DESK), f"{case}/do/closure-approval")
        await asyncio.wait_for(others, PATIENCE)
    finally:
        others.cancel()
    assert (await now())["stage"] == "closed"

    await phone.open("/progress")
    await phone.page.fill("#code", code)
    await phone.page.locator("#code").focus()
    assert await phone.submit() == 200
    says = await phone.says()
    assert ANSWER in says
    assert "示例丙" not in says
    for one in (phone, police, board, civil):
        one.is_quiet()
