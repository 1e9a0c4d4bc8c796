"""One running service for all tests of pages, with cases in several states, and Debian's browser; where there is none, a reason is given,
and CI does not let that pass."""

import asyncio
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import axe_playwright_python
import httpx2
import pytest
from playwright.async_api import async_playwright
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import create_async_engine

from app.api.context import SESSION
from app.db.accounts import begin_session
from app.db.guesses import guesses
from app.demo_people import People
from app.stack import Stack
from app.web.frame import LANGUAGE, NAMES
from tests.api.conftest import api  # noqa: F401
from tests.web.reporting import UNIT
from tests.web.seeded import seed_cases

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESK, PHONE, SMALL = {"width": 1366, "height": 768}, {"width": 390, "height": 844}, {"width": 320, "height": 640}
SIZES = (DESK, PHONE, SMALL)
EVERY_WIDTH = pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size["width"]))
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RUN_AXE = """async ([tags, colours]) => {
  const rules = {"color-contrast": {enabled: colours}};
  const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, rules, resultTypes: ["violations"]});
  return [found.passes.length, found.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("\\n"))];
}"""

WORDS = """() => [...document.querySelectorAll("main, main *")].filter(one => !one.closest("pre, code")).flatMap(one => [
  ...[...one.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data),
  ...["aria-label", "title", "placeholder", "alt"].map(name => one.getAttribute(name) ?? ""),
]).filter(text => text.trim())"""

FOCUSED = """selector => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [style.outlineStyle + style.outlineWidth, at.matches(selector), at.outerHTML.slice(0, 400)];
}"""


@pytest.fixture(scope="package")
async def stack(place):
    """The pages are shown with the pack's real times, so that what is owed is still owed."""
    stack = Stack(place / "web", api_port=0, temporal_port=0, ui_port=0, behind=0)  # many tests share the processors
    try:
        await asyncio.to_thread(stack.start, lambda _: None)
        yield stack
    finally:
        await asyncio.to_thread(stack.stop)


@pytest.fixture(scope="package")
async def people(stack):
    async with httpx2.AsyncClient(base_url=stack.url, timeout=20) as http:
        yield People(http, stack.tokens)


@pytest.fixture(scope="package")
async def owner(stack):
    """The database of the running service, as its owner; it has been gone before, where a test ended it."""
    engine = create_async_engine(stack.postgres.url, pool_pre_ping=True, execution_options={"vault": stack.vault})
    yield engine
    await engine.dispose()


@pytest.fixture(scope="package")
async def seeded(stack, people, owner):
    """Cases in several states, by name; tests that change one make their own."""
    return await seed_cases(stack, people, owner)


@pytest.fixture(scope="module")
async def link(people):
    """By which a school reports without an account."""
    return await people.post("security.1", "/v1/entry-links", UNIT)


@pytest.fixture(scope="package")
async def browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing = "no chromium here; on Debian: apt-get install chromium fonts-noto-cjk"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()


class Visit:
    """One person at one screen; what the browser complains about or asks others for is kept."""

    def __init__(self, page, root):
        self.page, self.root, self.url = page, root, root
        self.complaints, self.addresses, self.missing = [], [], []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type != "log" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("response", self._answered)

    def _answered(self, answer):
        if "/static/" in answer.url and answer.status != 200:
            self.missing.append(answer.url)

    async def open(self, path=""):
        """Go there; without a path to where it last went."""
        self.url = self.root + path if path else self.url
        self.answer = await self.page.goto(self.url)
        return self

    async def press(self, *keys):
        for key in keys:
            await self.page.keyboard.press(key)

    async def submit(self):
        """By the keyboard; the status of the answer."""
        async with self.page.expect_navigation() as navigation:
            await self.page.keyboard.press("Enter")
        return (await navigation.value).status

    async def tab_to(self, selector, most=60):
        """By Tab alone; wherever the focus comes it is seen."""
        for _ in range(most):
            await self.press("Tab")
            outline, is_it, html = await self.page.evaluate(FOCUSED, selector)
            assert outline == "solid3px", html
            if is_it:
                return
        pytest.fail(f"no way to {selector} by keyboard")

    async def says(self):
        return await self.page.locator("main").inner_text()

    async def words(self):
        """All text of the page itself, also what is folded away, only read aloud or shown on hover; no samples of code."""
        return await self.page.evaluate(WORDS)

    async def overflow(self):
        """Pixels by which the page is wider than the screen."""
        return await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    async def barriers(self, *, colours=True):
        """What axe finds against WCAG 2.2 AA, one line each."""
        if not await self.page.evaluate("typeof axe === 'object'"):
            await self.page.evaluate(AXE)
        passed, found = await self.page.evaluate(RUN_AXE, [WCAG, colours])
        assert passed > 5, "the rules did run"
        return found

    async def small_targets(self, least=44):
        """What is smaller to the finger than it may be on a phone; links inside text are free."""
        return await self.page.evaluate(
            """least => [...document.querySelectorAll(".btn, .exit, .mobnav a, select, summary, input:not([type=hidden])")]
            .filter(one => one.checkVisibility() && !one.closest("label, .search"))
            .filter(one => { const box = one.getBoundingClientRect(); return Math.min(box.width, box.height) < least - 0.5; })
            .map(one => one.outerHTML.slice(0, 120))""",
            least,
        )

    def is_quiet(self):
        """Nothing but the status of the page itself was complained of, no policy was broken, and nobody else was asked for anything."""
        own = re.compile(  # whoever is quicker with the Tab key than a page with a first field is not sent there
            r"Failed to load resource: the server responded with a status of (403|404|409|422|503)|Autofocus processing was blocked"
        )
        assert [line for line in self.complaints if not own.match(line)] == []
        assert [address for address in self.addresses if not address.startswith((f"{self.root}/", "data:"))] == []
        assert [address for address in self.addresses if "化名" in unquote(address)] == [], (
            "nobody's name is in an address"
        )
        asked = {address.rpartition("/")[2] for address in self.addresses if "/static/" in address}
        assert {re.sub(r"\.[0-9a-f]{12}\.", ".", name) for name in asked} <= set(NAMES), (
            "each under the name of its content"
        )
        assert self.missing == [], "and the service, which may be older than a file that was edited since, has it"


@pytest.fixture
async def visitor(browser, stack, owner):
    """Opens visits: of somebody who is signed in, or of nobody; and closes them. Nobody has guessed at a code before."""
    contexts = []
    async with owner.begin() as conn:
        await conn.execute(delete(guesses))

    async def begin(person=None, *, size=DESK, language="zh", **options):
        context = await browser.new_context(viewport=size, locale="zh-CN", **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        if person:
            await sign_in(context, stack, person)
        if language != "zh":
            await keep(context, stack, LANGUAGE, language)
        return Visit(await context.new_page(), stack.url)

    yield begin
    for context in contexts:
        await context.close()


async def keep(context, stack, name, value):
    """A cookie as the service sets it."""
    await context.add_cookies(
        [{"name": name, "value": value, "url": f"https{stack.url.removeprefix('http')}", "secure": True}]
    )


_tokens = {}


async def sign_in(context, stack, person):
    """With a session as signing in makes it; a person has one for all tests, as the password takes its time on purpose."""
    if (stack.url, person) not in _tokens:
        engine = create_async_engine(stack.postgres.url)
        async with engine.begin() as conn:
            _tokens[stack.url, person] = await begin_session(conn, person, datetime.now(UTC))
        await engine.dispose()
    await keep(context, stack, SESSION, _tokens[stack.url, person])


@pytest.fixture
def staff_page(visitor):
    """A visit of one of the staff on a desk's screen: `here = await staff_page("civil.officer.1")`."""
    return visitor


@pytest.fixture
def phone_page(visitor):
    """The same on a telephone."""

    async def begin(person=None, **options):
        return await visitor(person, size=PHONE, has_touch=True, is_mobile=True, **options)

    return begin


@pytest.fixture
async def as_person(stack, owner):
    """Requests as the browser of somebody sends them."""
    opened, own = [], {"Sec-Fetch-Site": "same-origin"}

    async def begin(person):
        async with owner.begin() as conn:
            token = await begin_session(conn, person, datetime.now(UTC))
        opened.append(httpx2.AsyncClient(base_url=stack.url, headers=own, cookies={SESSION: token}, timeout=20))
        return opened[-1]

    yield begin
    for http in opened:
        await http.aclose()
