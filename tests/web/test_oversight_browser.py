"""A supervisor sees where a child waits, and acts on many at once; what cannot be done is said and the rest is done."""

import pytest

from tests.web.conftest import DESK

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
    assert "已催办 2 项" in says, says
    assert await urged() >= before + 2
    here.is_quiet()


async def test_a_supervision_says_what_is_demanded(visitor, seeded):
    here = await (await visitor(SUPERVISOR)).open("/oversight")
    await here.page.locator("input[name=task]").first.check()
    await here.page.click("button[value=supervise]")
    assert "督办须写明要求" in await here.says()


async def test_who_oversees_nothing_has_no_board(visitor):
    there = await visitor("police.officer.1")
    assert (await there.page.goto(there.root + "/oversight")).status == 403
    assert await there.page.locator("nav.side a[href='/oversight']").count() == 0
