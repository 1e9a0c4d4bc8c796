"""Signing in on the real database: guessing, replays, sessions that end at once, cookies that no other site can use."""

import asyncio
import secrets
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from argon2 import PasswordHasher
from pyotp.totp import TOTP
from sqlalchemy import delete, func, select, update

from app.api.context import SESSION
from app.db import accounts, tables
from app.db.accounts import begin_session, make_account
from app.db.guesses import guesses
from app.domain.sign_in import ABSOLUTE, IDLE, STEP, WAITS, Guarded, steps_at
from app.main import create_app
from app.settings import Settings
from app.web.sign_in import ACCOUNT, SIGN_IN, SIGN_OUT
from app.web.staff import START
from tests.api.test_stalled import later

PERSON = "edu.officer.1"
HOME = "https://shouhu.test"


class Browser:
    """Keeps cookies and says where its forms come from."""

    def __init__(self, http, account, person):
        self.http, self.account, self.person = http, account, person
        secret = parse_qs(urlsplit(account.authenticator).query)["secret"][0]
        self.totp = TOTP(secret)

    def code(self, at):
        return self.totp.at(at)

    async def sign_in(self, code, password=None):
        said = {"person": self.person, "password": password or self.account.password, "code": code}
        return await self.http.post(SIGN_IN, data=said, headers={"Origin": HOME})

    async def inside(self):
        return (await self.http.get("/v1/me")).status_code == 200


@pytest.fixture
async def open_browser(api):
    """Browsers of one person, whose account is new."""
    app = create_app(Settings(), given=api.service)
    opened = []

    async def another(account=None, person=PERSON):
        if account is None:
            async with api.service.engine.begin() as conn:
                await conn.execute(delete(guesses))  # some were made on days ahead
                account = await make_account(conn, person, api.service.ledger.clock())
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HOME)
        opened.append(http)
        return Browser(http, account, person)

    yield another
    for http in opened:
        await http.aclose()


@pytest.fixture
async def browser(open_browser):
    return await open_browser()


async def test_a_session_is_a_cookie_that_no_script_and_no_other_site_can_use(api, browser):
    answer = await browser.sign_in(browser.code(api.service.ledger.clock()))
    assert (answer.status_code, answer.headers["location"]) == (303, START)
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == SESSION == "__Host-session"
    assert {part.strip().lower() for part in rest.split(";")[1:]} == {"httponly", "path=/", "samesite=strict", "secure"}
    assert await browser.inside()
    assert PERSON in (await browser.http.get(ACCOUNT)).text


async def test_whoever_is_signed_in_begins_with_the_work_of_their_role(api):
    begins = {
        "police.officer.1": "/tasks", "civil.supervisor.1": "/oversight", "police.chief.1": "/oversight",
        "school.reporter.1": "/report", "security.1": "/people",
    }  # fmt: skip
    for person, path in begins.items():
        async with api.service.engine.begin() as conn:
            token = await begin_session(conn, person, api.service.ledger.clock())
        answer = await api.http.get("/", headers={"Cookie": f"{SESSION}={token}"})
        assert (answer.status_code, answer.headers["location"]) == (303, path), person


async def test_without_a_session_a_page_leads_to_the_sign_in_and_the_api_says_so(browser):
    assert (await browser.http.get(ACCOUNT)).headers["location"] == f"{SIGN_IN}?then=%2Faccount"
    assert (await browser.http.get("/v1/me")).status_code == 401


async def test_wrong_tries_are_slowed_and_then_stopped_and_the_right_one_waits_as_well(api, browser):
    now = api.service.ledger.clock()
    with later(api, now):
        wrong = [await browser.sign_in("000000", password="not it") for _ in range(3)]
    assert [answer.status_code for answer in wrong] == [422, 422, 429]
    assert {answer.text.count(browser.account.password) for answer in wrong} == {0}
    at, waited = now, []
    for wait in WAITS:
        with later(api, at):
            right = await browser.sign_in(browser.code(at))
        assert right.status_code == 429, "while it waits, not even the right code is looked at"
        at += wait + timedelta(seconds=1)
        with later(api, at):
            answer = await browser.sign_in("000000")
            waited.append(int(answer.headers["retry-after"]))
    assert waited == [30, 900, 900]
    with later(api, at + WAITS[-1]):
        assert (await browser.sign_in(browser.code(at + WAITS[-1]))).status_code == 303


async def test_the_answer_for_a_stranger_is_the_answer_for_a_wrong_password(api, browser):
    known = await browser.sign_in("000000", password="not it")
    browser.person = "nobody.at.all"
    stranger = await browser.sign_in("000000", password="not it")
    assert stranger.status_code == known.status_code == 422
    assert stranger.text.replace(browser.person, PERSON) == known.text


async def test_a_stranger_is_slowed_like_somebody_who_has_an_account(api, browser):
    """Else the third try would tell which accounts there are, or the first one an hour later."""
    known, at = browser.person, api.service.ledger.clock()
    told = {}
    for person in (known, f"nobody.{secrets.token_hex(4)}"):
        browser.person, told[person] = person, []
        for gap in (0, 0, 0, 1, 6, 31, 1000, 3700, 3701, 5000):
            with later(api, at + timedelta(seconds=gap)):
                answer = await browser.sign_in("000000", password="not it")
                told[person].append((answer.status_code, answer.headers.get("retry-after")))
    assert len({tuple(one) for one in told.values()}) == 1, told
    assert [status for status, _ in told[known]][:4] == [422, 422, 429, 429]
    assert {status for status, _ in told[known][-3:]} == {422, 429}, "some tries are forgotten by then"


async def test_a_code_counts_once_however_often_it_is_sent(api, open_browser, browser):
    now = api.service.ledger.clock()
    others = [await open_browser(browser.account) for _ in range(8)]
    answers = await asyncio.gather(*(one.sign_in(browser.code(now)) for one in (browser, *others)))
    assert sorted(answer.status_code for answer in answers)[0] == 303
    assert [answer.status_code for answer in answers].count(303) == 1
    assert [await one.inside() for one in (browser, *others)].count(True) == 1


async def test_of_a_hundred_who_send_one_code_at_once_one_is_let_in_though_nobody_had_to_wait(api, monkeypatch):
    """Q-S12; the waits are taken away, for after three wrong tries they alone would refuse the rest."""
    monkeypatch.setattr(accounts, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(Guarded, "wait", lambda self, now: None)
    now, engine = api.service.ledger.clock(), api.service.engine
    async with engine.begin() as conn:
        made = await make_account(conn, PERSON, now)
    code = TOTP(parse_qs(urlsplit(made.authenticator).query)["secret"][0]).at(now)

    async def tried(at):
        async with engine.begin() as conn:
            return (await accounts.sign_in(conn, PERSON, made.password, code, at, alias="x")).token

    tokens = await asyncio.gather(*(tried(now) for _ in range(100)))
    assert sum(map(bool, tokens)) == 1
    assert not any([await tried(now + timedelta(seconds=late)) for late in (1, STEP, 2 * STEP, 3 * STEP)])
    monkeypatch.setattr(accounts, "steps_at", lambda now, last_step: steps_at(now, 0))
    assert await tried(now), "the control: were the step not remembered, the same code would let them in again"


async def test_each_sign_in_has_a_token_of_its_own_and_ends_the_one_before(api, browser):
    now = api.service.ledger.clock()
    await browser.sign_in(browser.code(now))
    first = browser.http.cookies[SESSION]
    with later(api, now + timedelta(seconds=STEP)):
        await browser.sign_in(browser.code(now + timedelta(seconds=STEP)))
        assert browser.http.cookies[SESSION] != first
        browser.http.cookies.set(SESSION, first, domain="shouhu.test")
        browser.http.cookies = {SESSION: first}
        assert not await browser.inside()


@pytest.mark.parametrize(("gaps", "inside"), [([IDLE], False), ([IDLE * 0.9] * 12, True), ([IDLE * 0.9] * 23, False)])
async def test_a_session_ends_when_nobody_uses_it_and_after_ten_hours_anyway(api, browser, gaps, inside):
    at = began = api.service.ledger.clock()
    with later(api, at):
        await browser.sign_in(browser.code(at))
    for gap in gaps:
        at += gap
        with later(api, at):
            found = await browser.inside()
    assert found is inside
    assert (at - began >= ABSOLUTE) is (len(gaps) == 23)


async def test_signing_out_ends_the_session_on_the_server_here_or_everywhere(api, open_browser, browser):
    now = api.service.ledger.clock()
    await browser.sign_in(browser.code(now))
    token = browser.http.cookies[SESSION]
    other = await open_browser(browser.account)
    with later(api, now + timedelta(seconds=STEP)):
        await other.sign_in(other.code(now + timedelta(seconds=STEP)))
    left = await browser.http.post(SIGN_OUT, headers={"Origin": HOME})
    assert left.headers["location"] == SIGN_IN
    browser.http.cookies = {SESSION: token}
    assert not await browser.inside(), "a copy of the cookie is worth nothing"
    assert await other.inside()
    await other.http.post(SIGN_OUT, data={"everywhere": "yes"}, headers={"Origin": HOME})
    assert not await other.inside()


async def test_signing_in_in_vain_and_out_is_on_record(api, browser):
    now, row = api.service.ledger.clock(), tables.audit.c
    async with api.service.engine.connect() as conn:
        newest = (await conn.execute(select(func.max(row.id)))).scalar_one() or 0
    assert (await browser.sign_in("000000")).status_code == 422
    assert (await browser.sign_in(browser.code(now))).status_code == 303
    assert (await browser.http.post(SIGN_OUT, headers={"Origin": HOME})).status_code == 303
    async with api.service.engine.connect() as conn:
        mine = select(row.action, row.outcome, row.why).where(row.id > newest, row.person_id == PERSON).order_by(row.id)
        rows = [tuple(one) for one in await conn.execute(mine)]
    assert rows == [("sign_in", "refused", "not_right"), ("sign_in", "done", "office"), ("sign_out", "done", "office")]


async def test_whoever_is_shut_out_is_out_at_the_next_request(api, browser):
    await browser.sign_in(browser.code(api.service.ledger.clock()))
    person = update(tables.people).where(tables.people.c.id == PERSON)
    async with api.service.engine.begin() as conn:
        await conn.execute(person.values(is_active=False))
    try:
        assert not await browser.inside()
        assert (
            await browser.sign_in(browser.code(api.service.ledger.clock() + timedelta(seconds=STEP)))
        ).status_code == 422
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(person.values(is_active=True))


async def test_a_new_account_ends_the_sessions_of_the_old_one(api, open_browser, browser):
    await browser.sign_in(browser.code(api.service.ledger.clock()))
    await open_browser()
    assert not await browser.inside()


FOREIGN = (
    {"Origin": "https://elsewhere.test"},
    {"Origin": "null"},
    {},
    {"Sec-Fetch-Site": "cross-site", "Origin": HOME},
)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_no_other_site_acts_for_somebody_who_is_signed_in(api, browser, headers):
    said = {"person": PERSON, "password": "not it", "code": "000000"}
    assert (await browser.http.post(SIGN_IN, data=said, headers=headers)).status_code == 403
    await browser.sign_in(browser.code(api.service.ledger.clock()))
    answer = await browser.http.post("/v1/deputies", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert (await browser.http.post(SIGN_OUT, headers=headers)).status_code == 403
    assert await browser.inside()
    for own in ({"Origin": HOME}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}):
        assert (await browser.http.post("/v1/deputies", json={}, headers=own)).json()["code"] == "invalid_request"


async def test_a_form_that_says_too_little_keeps_the_account_and_no_password(browser):
    answer = await browser.http.post(
        SIGN_IN, data={"person": PERSON, "password": "secret one"}, headers={"Origin": HOME}
    )
    assert answer.status_code == 422
    assert PERSON in answer.text
    assert "secret one" not in answer.text
