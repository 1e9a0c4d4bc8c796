"""Every page at three widths in both languages: no barrier, no sideways scroll, no broken policy, nothing from elsewhere.

Colours, which take axe longer than all the rest, are measured at each width in one of the languages, the narrowest in English.

With SHOUHU_SCREENSHOTS=folder (make screenshots) each is drawn there at desk and phone width.
"""

import functools
import hashlib
import inspect
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from app.api.context import SESSION
from app.db.accounts import begin_session
from app.domain.approvals import Act
from app.domain.commands import Command
from app.domain.progress import State
from app.domain.stages import closing_obstacles
from app.domain.terms import Role
from app.main import create_app
from app.settings import Settings
from app.web.accesses import act, ground, part, whole
from app.web.asks import ON_LEG
from app.web.frame import LANGUAGE, ROOM
from app.web.said import OBSTACLES, STATES, by, in_the_way
from app.web.wrong import is_page
from tests.api.conftest import described
from tests.web.conftest import DESK, PHONE, SIZES, SMALL, Visit, keep, sign_in
from tests.web.pages import NO_PAGE, PAGES
from tests.web.seeded import INERT, LONG_NAME, LONG_TEXT

CODE = re.compile(r"(?<![A-Za-z0-9_])(?:[a-z][a-z0-9]*(?:_[a-z0-9]+)+|11\d{7}|[a-z]{3,})(?![A-Za-z0-9_])")
NAMED = re.compile(
    r"(?:[\w-]+\.)+\d+"  # an account, by which people sign in and are sought: police.officer.1
    r"|unit-[a-z-]+-\d+"  # a unit, as its key and its link name it
    r"|fengtai-\d{4}\.\d+"  # a version of the rules
    r"|case-…"  # how an internal number begins, where it is asked for
)
PLAIN = {
    "archive_mode", "archive_command", "deploy",  # settings of the database and the folder, for whoever runs it
    "files", "holidays", "zxm",  # a field of the API, the library of the calendar, initials to type
}  # fmt: skip
DRAWN = os.environ.get("SHOUHU_SCREENSHOTS")


def test_every_page_route_is_looked_at():
    app = create_app(Settings())
    routes = {route.path for route in _routes(app) if is_page(route.path)}
    assert routes == {page.route for page in PAGES if page.route} | set(NO_PAGE)
    assert len({page.name for page in PAGES}) == len(PAGES)


def _routes(app):
    """Also of routers that were included."""
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        yield from _routes(inner) if inner is not None else (route,) if hasattr(route, "path") else ()


def test_every_state_of_a_leg_has_words():
    assert {state.value for state in State} <= STATES.keys()


def test_whatever_stands_against_closing_has_words():
    named = set(re.findall(r'^        "(\w+)": ', inspect.getsource(closing_obstacles), re.MULTILINE))
    assert named == OBSTACLES.keys()
    assert in_the_way({"obstacles": ["referrals_open", "duties_open"]})[0] == "：还有单位的任务未完成；还有义务未完成"
    assert in_the_way({}) == ("", "")


def test_a_row_of_the_audit_is_said_in_words():
    assert (act("AcceptReferral"), act("read_content")) == (ON_LEG["accept"].words, ("查看案件内容", "read a case"))
    assert ground("full_view:visit")[0] == "查看全文：入户走访或到场处置"
    assert act("propose_delete") == ("提请" + Act.DELETE.zh, f"proposed to {Act.DELETE.en}")
    assert ground("own_desk")[0] == "本岗位办理"
    assert (ground(None)[0], act("unheard_of")[0]) == ("—", "unheard_of")
    assert (part("approval-4bf92f35aa")[0], part("person_id=police.officer.1")[0]) == (
        "审批 4BF9-2F35",
        "人员 police.officer.1",
    )
    assert (part("role:officer")[0], whole("file-ch-2f6d8a1c9b8c")[0]) == (
        "角色 " + Role.OFFICER.zh,
        "儿童档案 2F6D-8A1C",
    )


def test_who_came_by_a_link_is_no_code():
    assert by("link-4bf92f35aa") == ("上报链接 4BF9-2F35", "link 4BF9-2F35")


def test_a_book_stands_in_the_audit_by_its_name():
    books = {"work": ("留守儿童工作台账", "the book"), "community_survey": ("社区（村）全面排查", "the survey")}
    assert whole("ledger-work", books)[0] == "台账 留守儿童工作台账"
    assert whole("round-community_survey-2026-04-10", books)[0] == "排查 社区（村）全面排查 2026-04-10"
    assert whole("file-ch-2f6d8a1c9b8c", books)[0] == "儿童档案 2F6D-8A1C"


def test_whatever_is_on_record_has_words():
    """Commands, and operations, which stand on record where they were refused."""
    operations = {one["operationId"] for path in described().values() for one in path.values()}
    kinds = {kind.__name__ for kind in _below(Command) if not kind.__subclasses__()}
    assert [code for code in sorted(operations | kinds) if act(code)[0] == code] == []
    assert [one for one in ("预警", "委托照护", "移交") if one not in act("LeaveCarried")[0]] == [], (
        "what went along, goes back"
    )


def _below(kind):
    for one in kind.__subclasses__():
        yield from (one, *_below(one))


def test_what_is_vendored_is_what_was_published():
    lines = [line.split() for line in (ROOM / "static" / "vendored.sha256").read_text().splitlines() if line[0] != "#"]
    assert {name for _, name in lines} == {"htmx.min.js", "hx-csp.min.js"}
    for digest, name in lines:
        assert hashlib.sha256((ROOM / "static" / name).read_bytes()).hexdigest() == digest, name


def test_no_template_has_a_style_a_script_or_an_address_of_its_own():
    for path in (ROOM / "templates").glob("*.html"):
        text = path.read_text()
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|https?://", text), path.name
        for script in re.findall(r"<script[^>]*>", text):
            assert re.fullmatch(r'<script nonce="{{ nonce }}" src="[^"]+" defer>', script), path.name
        for element in re.findall(r"<[^<>]*\shx-(?!nonce)[^<>]*>", re.sub(r"\{#.*?#\}", "", text, flags=re.S)):
            assert "hx-nonce" in element or "ui.live()" in element, (path.name, element)


def test_a_bare_code_is_found():
    said = ["依据 reporter_class", "街道 110106002", "状态：accepted", "police.officer.1 受理 fengtai-2026.1", INERT]
    assert bare(said) == {"reporter_class", "110106002", "accepted"}


@pytest.fixture(scope="module")
async def tab_of(browser, stack):
    """One tab a person, in which page follows page as for people: to open a tab took longer than to look at what is in it."""
    tabs = {}

    async def tab_of(person):
        if person not in tabs:
            context = await browser.new_context(viewport=DESK, locale="zh-CN")
            context.set_default_timeout(20_000)
            tabs[person] = Visit(await context.new_page(), stack.url)
        here = tabs[person]
        await here.page.context.clear_cookies()
        if person:
            await sign_in(here.page.context, stack, person)
        await here.page.mouse.move(0, 0)
        for heard in (here.complaints, here.addresses, here.missing):
            heard.clear()
        return here

    yield tab_of
    for here in tabs.values():
        await here.page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_a_page_has_no_barrier_in_either_language_at_any_width(tab_of, stack, seeded, page):
    path = page.path.format(**{name: made["case_id"] for name, made in seeded.items()})
    here = await tab_of(page.person)
    for language in ("zh", "en"):
        if language == "en":
            await keep(here.page.context, stack, LANGUAGE, "en")
        await here.page.set_viewport_size(DESK)
        await here.open(path)
        status = await _post(here, page, seeded) if page.post or page.status == 422 else here.answer.status
        assert status == page.status
        assert here.page.url == here.url, "led elsewhere"
        if language == "zh":
            assert bare(await here.words()) == set(), page.name
        for size in SIZES:
            await here.page.set_viewport_size(size)
            assert await here.overflow() == 0, (language, size)
            assert await here.barriers(colours=(language == "en") == (size is SMALL)) == [], (language, size)
            if size["width"] < 800:
                assert await here.small_targets() == [], (language, size)
            if DRAWN and (language == "zh" or size is DESK) and size in (DESK, PHONE):
                await _draw(here, f"{page.name}.{language}.{'desk' if size is DESK else 'phone'}.png")
    await here.page.evaluate("localStorage.clear()")
    here.is_quiet()


async def test_a_stranger_is_answered_on_every_page_of_a_case_as_if_there_were_none(stack, seeded, owner):
    async with owner.begin() as conn:
        token = await begin_session(conn, "housing.head.1", datetime.now(UTC))
    own = {"Sec-Fetch-Site": "same-origin"}
    async with httpx2.AsyncClient(base_url=stack.url, headers=own, cookies={SESSION: token}, timeout=20) as http:
        for page in PAGES:
            if "{" in page.path:
                made = {name: one["case_id"] for name, one in seeded.items()}
                answers = [
                    await http.get(page.path.format(**names)) for names in (made, dict.fromkeys(made, "case-none"))
                ]
                assert [answer.status_code for answer in answers] == [404, 404], page.name
                assert not any(
                    case_id in re.sub(r'name="back" value="[^"]*"', "", answers[0].text) for case_id in made.values()
                )


def bare(texts):
    """Codes that a Chinese page shows as they are: words with an underscore, numbers of streets, lower-case words of English."""
    own = (LONG_TEXT, LONG_NAME, INERT)
    said = [functools.reduce(lambda text, typed: text.replace(typed, ""), own, one) for one in texts]
    return {code for one in said for code in CODE.findall(NAMED.sub("", one))} - PLAIN


async def _post(here, page, seeded):
    """Fill the form of the page and send it, a seeded case by its receipt; the status of the answer."""
    receipts = {name: made.get("receipt", "") for name, made in seeded.items()}
    for name, value in page.post.items():
        await here.page.locator(f"main [name={name}]").fill(value.format(**receipts))
    async with here.page.expect_navigation() as navigation:
        await here.page.locator(page.send).first.click()
    return (await navigation.value).status


async def _draw(here, name):
    folder = Path(DRAWN)
    folder.mkdir(parents=True, exist_ok=True)
    await here.page.screenshot(path=folder / name, full_page=True)
