"""走访 on a telephone whose network comes and goes: nothing typed is lost, nothing is sent twice, nothing readable stays behind."""

from datetime import UTC, datetime, timedelta

import pytest

from app.db.ledger import Ledger
from app.domain.access import ENGINE
from app.domain.visit import RaiseWarning
from app.domain.watch_work import EndWatch
from app.domain.working_time import day_of
from app.policy.loader import load
from tests.web.conftest import SMALL
from tests.web.seeded import DIVISION, report, watch_of

pytestmark = pytest.mark.browser
COMMITTEE = f"comm-{DIVISION}.officer.1"
SEEN = "孩子在家，祖母照料，作业按时完成"


@pytest.fixture
async def watch(people, owner):
    """A child of its own, watched by the committee for three days."""
    case = (await people.post("school.reporter.1", "/v1/reports", report("示例庚（化名）")))["case_id"]
    return await watch_of(owner, people, case, ago=timedelta(days=3))


async def by_the_engine(owner, watch, command):
    async with owner.begin() as conn:
        await Ledger(load, "fengtai-2026.1").record(conn, watch, command)


async def visits_of(people, watch):
    child = watch.removeprefix("watch-")
    return (await people.get(COMMITTEE, f"/v1/children/{child}"))["visits"]


def stored(here):
    return here.page.evaluate("JSON.stringify(localStorage)")


async def fill(here, watch):
    """The form of one child on the page of the round."""
    form = here.page.locator(f"form[data-visit='{watch}']")
    await here.page.locator(f"li[id='{watch}'] > details > summary").click()
    await form.locator("input[name$=seen_in_person][value=yes]").check()
    await form.locator("input[name$=finding][value=well]").check()
    await form.locator("textarea").fill(SEEN)
    return form


async def test_a_visit_written_without_a_network_is_kept_sealed_and_sent_once_when_it_is_back(
    phone_page, people, owner, watch
):
    here = await (await phone_page(COMMITTEE)).open("/visits")
    await here.page.context.set_offline(True)
    today = day_of(datetime.now(UTC))
    yesterday, date = today - timedelta(days=1), here.page.locator(f"form[data-visit='{watch}'] input[type=date]")
    # as a page that was opened the day before, where what is tapped gets no focus
    await date.evaluate("(one, day) => { one.max = one.defaultValue = one.value = day; }", str(yesterday))
    tapped = here.page.locator(f"form[data-visit='{watch}'] input[name$=seen_in_person][value=yes]")
    await tapped.evaluate("one => { one.checked = true; one.dispatchEvent(new Event('input', {bubbles: true})); }")
    assert [await date.input_value(), await date.get_attribute("max")] == [str(today)] * 2
    form = await fill(here, watch)
    await date.fill("")
    await form.locator(".btn.p").click()
    await form.locator("[data-state]").get_by_text("请填写走访日期").wait_for()
    await date.fill(str(yesterday))
    await form.get_by_text("孩子和家庭情况有变化吗").click()
    for parent in ("father", "mother"):
        await form.locator(f"select[name$='facts.{parent}.place']").select_option("外出务工")
    await form.locator(".btn.p").click()
    warning = RaiseWarning(by=ENGINE, rule="a-nobody", basis=("R055",), urgent=False)
    await by_the_engine(owner, watch, warning)  # what the engine does meanwhile does not stand against it
    await here.page.locator("#unsent").get_by_text("还没有送达").wait_for()
    assert "等待网络" in await form.locator("[data-state]").inner_text()
    assert SEEN not in await stored(here)
    assert watch in await stored(here)
    assert await visits_of(people, watch) == []
    await here.page.context.set_offline(False)
    await here.page.locator(f"li[id='{watch}'] .note.g").wait_for()
    (one,) = await visits_of(people, watch)
    assert (one["note"], one["finding"], one["visited_on"]) == (SEEN, "well", str(yesterday))
    assert "LB" in one["categories"], "both parents have gone away to work"
    assert await stored(here) == "{}"
    assert await here.page.locator("#unsent").is_hidden()
    here.complaints = [line for line in here.complaints if "ERR_INTERNET_DISCONNECTED" not in line]
    here.is_quiet()


async def test_an_answer_that_never_came_is_asked_for_again_and_the_visit_counts_once(phone_page, people, watch):
    here = await (await phone_page(COMMITTEE)).open("/visits")
    lost = []

    async def swallow(route):
        lost.append(await route.fetch())
        await route.abort()

    async def in_flight(route):
        await route.fulfill(status=409, json={"code": "request_in_flight", "title": "正在处理 · In flight"})

    form = await fill(here, watch)
    await form.get_by_text("帮扶需要和等级").click()
    await form.locator("select[name$=grade]").select_option("low")
    await here.page.route("**/v1/watches/*/visits", in_flight, times=1)
    await form.locator(".btn.p").click()
    await form.locator("[data-state]").get_by_text("等待网络").wait_for()
    await here.page.route("**/v1/watches/*/visits", swallow, times=1)
    async with here.page.expect_event("requestfailed"):  # sent by another tab just then, so it is tried again
        await here.page.evaluate("dispatchEvent(new Event('online'))")
    await form.locator("[data-state]").get_by_text("等待网络").wait_for()
    assert [answer.status for answer in lost] == [200]

    async def after_midnight(route):
        answer = await route.fetch()
        await route.fulfill(json=await answer.json() | {"visit_due_at": "2026-12-03T17:00:00Z", "grade": "high"})

    await here.page.route("**/v1/watches/*/visits", after_midnight, times=1)
    await here.open("/visits")  # the page again, as after the telephone has put it away: it sends by itself
    sent = here.page.locator(f"li[id='{watch}'] .note.a")
    await sent.wait_for()
    assert "2026-12-04" in await sent.inner_text(), "as the day is here"
    assert "未采用" in await sent.inner_text(), "another grade than the one that was sent"
    assert len(await visits_of(people, watch)) == 1
    assert await stored(here) == "{}"


async def test_what_somebody_did_meanwhile_is_told_in_words_and_what_was_typed_is_not_lost(
    phone_page, people, owner, watch
):
    here = await (await phone_page(COMMITTEE)).open("/visits")
    form = await fill(here, watch)
    for folded in await form.locator("summary").all():
        await folded.click()
    assert (await here.barriers(), await here.overflow()) == ([], 0), "all of the form unfolded"
    await people.post(COMMITTEE, f"/v1/watches/{watch}/visits", {"finding": "well", "note": "另一次走访"})
    await form.locator(".btn.p").click()
    await form.locator("[data-state]").get_by_text("登记走访").wait_for()
    assert len(await visits_of(people, watch)) == 1
    await people.post(COMMITTEE, f"/v1/watches/{watch}/visits", {"finding": "well", "note": "第三次走访"})

    async def much_else(route):
        answer = await route.fetch()
        await route.fulfill(status=answer.status, json=await answer.json() | {"since": []})

    await here.page.route("**/v1/watches/*/visits", much_else, times=1)
    async with here.page.expect_response("**/v1/watches/*/visits"):
        await form.locator(".btn.p").click()
    said = form.locator("[data-state]").filter(has_not_text="登记走访").filter(has_not_text="正在发送")
    assert (await said.inner_text()).startswith("未发送：内容仍在"), "what it cannot name it does not begin to tell"
    await by_the_engine(owner, watch, EndWatch(by=ENGINE, reason="risk_ended"))
    await form.locator(".btn.p").click()
    await form.locator("[data-state]").get_by_text("结束监测").wait_for()
    await here.open("/visits")
    unsent = here.page.locator("#unsent li")
    await unsent.get_by_text(SEEN).wait_for()
    assert "示*" in await unsent.inner_text()
    await unsent.locator("button").click()
    assert await stored(here) == "{}"


async def test_whoever_is_signed_out_meanwhile_signs_in_and_sends_what_is_still_there(phone_page, people, watch):
    here = await (await phone_page(COMMITTEE)).open("/visits")
    cookies = await here.page.context.cookies()
    form = await fill(here, watch)
    await here.page.context.clear_cookies()
    await form.locator(".btn.p").click()
    await form.locator("[data-state]").get_by_text("登录已过期").wait_for()
    assert await here.page.locator("[data-sign-in]").is_visible()
    await here.page.context.add_cookies(cookies)
    await here.open("/visits")
    await here.page.locator(f"li[id='{watch}'] .note.g").wait_for()
    assert [one["note"] for one in await visits_of(people, watch)] == [SEEN]


async def test_another_person_on_the_same_telephone_reads_nothing_of_it(phone_page, people, watch):
    two = {"facts": {"guardians": [{"relation": "father"}, {"relation": "father"}]}}
    await people.post(COMMITTEE, f"/v1/watches/{watch}/visits", {"finding": "well", "form": two})
    here = await (await phone_page(COMMITTEE)).open("/visits")
    asked = here.page.locator(f"form[data-visit='{watch}']")
    parents = [await asked.locator(f"select[name*='facts.{one}.']").count() for one in ("father", "mother")]
    assert parents == [0, 2], "which of two fathers it was can only be written down"
    date = here.page.locator(f"form[data-visit='{watch}'] input[type=date]")
    await date.evaluate("one => { one.disabled = true; }")  # as a form from before the day was asked for
    form = await fill(here, watch)
    await form.locator("[data-state]").get_by_text("未发送").wait_for()
    other = COMMITTEE.replace("officer", "head")
    there = await phone_page(other)
    await there.page.goto(there.root + "/visits")
    for name, value in (await here.page.evaluate("({...localStorage})")).items():
        await there.page.evaluate("([name, value]) => localStorage.setItem(name, value)", [name, value])
        mine = await there.page.evaluate("document.getElementById('kept').dataset.whose")
        await there.page.evaluate(
            "([name, value]) => localStorage.setItem(name, value)", [f"visit.{mine}.{name.split('.')[2]}", value]
        )
    await there.open("/visits")
    assert await there.page.locator(f"form[data-visit='{watch}'] textarea").input_value() == ""
    assert SEEN not in await stored(there)
    await here.open("/visits")
    await form.locator("[data-state]").get_by_text("请填写走访日期").wait_for()
    assert await form.locator("textarea").input_value() == SEEN
    assert await date.input_value() == "", "not the day on which the page was opened again"


async def test_without_scripts_it_is_a_plain_form_that_keeps_what_was_typed(visitor, people, watch):
    here = await (await visitor(COMMITTEE, size=SMALL, java_script_enabled=False)).open("/visits")
    form = here.page.locator(f"form[data-visit='{watch}']")
    await here.page.locator(f"li[id='{watch}'] > details > summary").click()
    await form.locator("textarea").fill(SEEN)
    await form.locator(".btn.p").click()
    assert await here.page.locator(".sum a[href='#seen_in_person']").count() == 1
    assert await here.page.input_value("#note") == SEEN
    await here.page.check("input[name=seen_in_person][value=yes]")
    await here.page.fill("input[type=date]", "")
    await here.page.check("input[name=finding][value=at_risk]")
    await here.page.click("form[data-visit] .btn.p")
    asked = [await here.page.locator(f".sum a[href='#{name}']").count() for name in ("situations", "visited_on")]
    assert asked == [1, 1]
    await here.page.fill("input[type=date]", str(day_of(datetime.now(UTC))))
    await here.page.check("input[name=situations][value=unguarded]")
    await here.page.check("input[name=seen_in_person][value=no]")
    await here.page.click("form[data-visit] .btn.p")
    assert "发现危险请直接报告" in await here.says(), "a danger is not dropped with the visit that was none"
    assert await here.page.is_checked("input[name=situations][value=unguarded]")
    await here.page.check("input[name=seen_in_person][value=yes]")
    await here.page.check("input[name=finding][value=well]")
    await here.page.click("form[data-visit] .btn.p")
    assert await here.page.locator(".sum a[href='#finding']").count() == 1, "nor what it is, beside another finding"
    await here.page.check("input[name=finding][value=at_risk]")
    await here.page.click("form[data-visit] .btn.p")
    assert "走访已提交" in await here.says()
    (one,) = await visits_of(people, watch)
    assert one["finding"] == "at_risk"
    assert one["report"].startswith("case-")
