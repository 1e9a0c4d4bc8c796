"""Signing in with a real browser: by keyboard, with and without scripts, on a desk and on a phone."""

import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from pyotp.totp import TOTP

from app.api.context import SESSION
from app.db.accounts import make_account
from app.db.session import engine_of
from app.web.sign_in import ACCOUNT, SIGN_IN
from app.web.tasks import TASKS
from tests.web.conftest import DESK, EVERY_WIDTH

pytestmark = pytest.mark.browser
PERSON = "health.officer.1"


@pytest.fixture
async def account(stack):
    engine = engine_of(stack.postgres.url, pool=1, vault=stack.vault)
    async with engine.begin() as conn:
        made = await make_account(conn, PERSON, datetime.now(UTC))
    await engine.dispose()
    return made


def code(account):
    """What the authenticator shows now."""
    return TOTP(parse_qs(urlsplit(account.authenticator).query)["secret"][0]).at(time.time())


@pytest.fixture
async def visit(visitor):
    async def begin(size=DESK, **options):
        return await (await visitor(size=size, **options)).open(SIGN_IN)

    return begin


@EVERY_WIDTH
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_in_and_out_by_keyboard_alone(visit, account, stack, size, scripts):
    here = await visit(size, java_script_enabled=scripts)
    await here.tab_to("#person")
    await here.page.keyboard.type(PERSON)
    await here.tab_to("#password")
    await here.page.keyboard.type("not it")
    await here.tab_to("#code")
    await here.page.keyboard.type("000000")
    assert await here.submit() == 422
    assert "不正确" in await here.says()
    assert await here.page.locator("#person").input_value() == PERSON
    assert await here.page.locator("#password").input_value() == ""
    await here.tab_to("#password")
    await here.page.keyboard.type(account.password)
    await here.tab_to("#code")
    await here.page.keyboard.type(code(account))
    assert await here.submit() == 200
    assert here.page.url == stack.url + TASKS, "where the day begins"
    await here.page.goto(stack.url + ACCOUNT)
    assert PERSON in await here.says()
    assert await here.overflow() == 0
    (kept,) = await here.page.context.cookies()
    assert (kept["name"], kept["httpOnly"], kept["secure"], kept["sameSite"]) == (SESSION, True, True, "Strict")
    await here.tab_to("main button")
    assert await here.submit() == 200
    assert here.page.url == stack.url + SIGN_IN
    await here.page.goto(stack.url + ACCOUNT)
    assert here.page.url == f"{stack.url}{SIGN_IN}?then=%2Faccount"
    log = (stack.data / "api.log").read_text()
    assert account.password not in log
    assert PERSON not in log


@EVERY_WIDTH
async def test_no_page_has_a_barrier_or_is_wider_than_the_screen(visit, account, size):
    here = await visit(size)
    for filled, status in (
        ({}, 422),
        ({"#person": PERSON, "#password": account.password, "#code": code(account)}, 200),
    ):
        await here.open()
        for field, text in filled.items():
            await here.page.locator(field).fill(text)
        await here.page.locator("#code").focus()
        assert await here.submit() == status
        assert await here.overflow() == 0
        assert await here.barriers() == []
        assert await here.small_targets(44 if size["width"] < 800 or status != 200 else 32) == []
