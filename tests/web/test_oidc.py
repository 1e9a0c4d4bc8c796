"""Signing in by OpenID Connect, against a provider that is a process of its own and can be told to misbehave."""

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from sqlalchemy import select, update

from app.api.context import SESSION
from app.db import tables
from app.db.identities import bind, enter_staff_no, vouched_for
from app.embedded import free_port
from app.main import create_app
from app.oidc import WITHIN, Client, Provider
from app.settings import Settings
from app.web.oidc import BACK, LEAVE, PENDING
from app.web.sign_in import ACCOUNT, SIGN_IN
from app.web.staff import START

HOME, SUBJECT, PERSON = "https://shouhu.test", "8f2c-subject", "edu.officer.1"
SECRET = "for-development-only"


async def answers(http):
    while True:
        try:
            return await http.get("/keys")
        except httpx2.TransportError:
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def issuer():
    port = free_port()
    arguments = ["--port", str(port), "--redirect-uri", HOME + BACK, "--client-secret", SECRET]
    process = subprocess.Popen([sys.executable, "-m", "deploy.issuer", *arguments])
    address = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient(base_url=address, trust_env=False) as http:
            async with asyncio.timeout(30):
                await answers(http)
            yield http
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
async def service(api, issuer):
    provider = Provider(Client(str(issuer.base_url).rstrip("/"), "shouhu", SECRET, HOME + BACK), b"secret of the tests")
    await issuer.put("/fault/none")
    async with api.service.engine.begin() as conn:
        assert await bind(conn, PERSON, provider.client.issuer, SUBJECT)
    yield replace(api.service, provider=provider)
    await provider.close()


@pytest.fixture
async def browser(service):
    """A browser that keeps cookies; where it is sent is looked at before it goes there."""
    transport = httpx2.ASGITransport(create_app(Settings(), given=service))
    async with httpx2.AsyncClient(transport=transport, base_url=HOME) as http:
        yield http


async def at_the_provider(issuer, browser, subject=SUBJECT):
    """What the provider sends the browser back with."""
    left = await browser.get(LEAVE)
    assert left.status_code == 303, left.text
    sent = await issuer.get(left.headers["location"], params=[*asked_of(left), ("subject", subject)])
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))


def asked_of(left):
    return parse_qsl(urlsplit(left.headers["location"]).query)


async def is_inside(browser):
    return (await browser.get("/v1/me")).status_code == 200


async def test_whom_the_provider_vouches_for_is_in_with_a_session_of_their_own(issuer, browser):
    answer = await browser.get(BACK, params=await at_the_provider(issuer, browser))
    assert answer.status_code == 200
    assert f"0; url={START}" in answer.text
    cookie = next(said for said in answer.headers.get_list("set-cookie") if said.startswith(SESSION + "="))
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert PERSON in (await browser.get(ACCOUNT)).text
    assert PENDING not in browser.cookies


async def test_nothing_but_a_digest_of_the_verifier_leaves_before_the_code_is_redeemed(browser):
    left = await browser.get(LEAVE)
    asked = dict(asked_of(left))
    assert asked["code_challenge_method"] == "S256"
    assert {"response_type": "code", "scope": "openid", "redirect_uri": HOME + BACK}.items() <= asked.items()
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert not any(value in left.headers["set-cookie"] for value in (asked["state"], asked["nonce"]))


@pytest.mark.parametrize(
    "fault",
    ["other_nonce", "other_audience", "other_issuer", "expired", "other_key", "shared_secret", "unsigned"],
)
async def test_a_token_that_does_not_hold_lets_nobody_in(issuer, browser, fault):
    await issuer.put(f"/fault/{fault}")
    answer = await browser.get(BACK, params=await at_the_provider(issuer, browser))
    assert answer.status_code == 422
    assert SESSION not in browser.cookies
    assert not await is_inside(browser)


async def test_keys_that_the_provider_changed_are_fetched_again(issuer, browser, monkeypatch):
    assert (await browser.get(BACK, params=await at_the_provider(issuer, browser))).status_code == 200
    monkeypatch.setattr("app.oidc.AGAIN", 0.0)
    await issuer.put("/fault/new_key")
    assert (await browser.get(BACK, params=await at_the_provider(issuer, browser))).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [{"state": "x" * 43}, {"iss": "http://127.0.0.1:9"}, {"code": "guessed"}, {"error": "access_denied"}, {"code": ""}],
    ids=["state", "issuer", "code", "refused", "no code"],
)
async def test_an_answer_that_was_changed_on_its_way_lets_nobody_in(issuer, browser, changed):
    back = await at_the_provider(issuer, browser)
    assert (await browser.get(BACK, params={**back, **changed})).status_code == 422
    assert not await is_inside(browser)


async def test_an_answer_without_its_issuer_is_not_believed(issuer, browser):
    back = await at_the_provider(issuer, browser)
    assert (await browser.get(BACK, params={k: v for k, v in back.items() if k != "iss"})).status_code == 422


async def test_an_answer_counts_once_and_in_the_browser_that_asked(issuer, browser, service):
    back = await at_the_provider(issuer, browser)
    transport = httpx2.ASGITransport(create_app(Settings(), given=service))
    async with httpx2.AsyncClient(transport=transport, base_url=HOME) as other:
        assert (await other.get(BACK, params=back)).status_code == 422  # somebody was sent a link with another's code
    kept = browser.cookies[PENDING]
    assert (await browser.get(BACK, params=back)).status_code == 200
    browser.cookies.set(PENDING, kept, domain="shouhu.test")
    assert (await browser.get(BACK, params=back)).status_code == 422


async def test_a_sign_in_that_took_too_long_begins_anew(issuer, browser, service):
    back = await at_the_provider(issuer, browser)
    old = service.provider._fernet.encrypt_at_time(
        service.provider._fernet.decrypt(browser.cookies[PENDING]), int(time.time()) - int(WITHIN.total_seconds()) - 1
    )
    browser.cookies.set(PENDING, old.decode(), domain="shouhu.test")
    assert (await browser.get(BACK, params=back)).status_code == 422


async def test_who_has_no_account_here_or_was_shut_out_is_told_so(api, issuer, browser):
    stranger = await browser.get(BACK, params=await at_the_provider(issuer, browser, subject="a stranger"))
    assert (stranger.status_code, SESSION in browser.cookies) == (403, False)
    people = tables.people.c
    async with api.service.engine.begin() as conn:
        await conn.execute(update(tables.people).where(people.id == PERSON).values(is_active=False))
    try:
        shut_out = await browser.get(BACK, params=await at_the_provider(issuer, browser))
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(update(tables.people).where(people.id == PERSON).values(is_active=True))
    assert (shut_out.status_code, SESSION in browser.cookies) == (403, False)


async def test_an_account_is_one_person_and_a_person_has_one_account_there(api, service):
    issuer = service.provider.client.issuer
    async with api.service.engine.begin() as conn:
        assert await bind(conn, PERSON, issuer, "another")
        assert not await bind(conn, "nobody", issuer, "x")
        assert await vouched_for(conn, issuer, SUBJECT) is None
        assert await vouched_for(conn, issuer, "another") == PERSON


async def test_two_accounts_with_one_staff_number_are_one_person_and_a_claim_never_parts_them(
    api, issuer, browser, service
):
    """The claim of the provider counts once it is named in the settings; a number that stands is changed by an administrator alone."""

    async def numbers():
        async with api.service.engine.connect() as conn:
            rows = await conn.execute(select(people.c.id, people.c.staff_no, people.c.also).where(people.c.id.in_(two)))
            return {row.id: (row.staff_no, row.also) for row in rows}

    people, two, provider = tables.people, (PERSON, "edu.head.1"), service.provider
    async with api.service.engine.begin() as conn:
        await bind(conn, PERSON, provider.client.issuer, f"{SUBJECT}#１１ 0106a")
        assert await enter_staff_no(conn, two[1], "110106A")
        assert not await enter_staff_no(conn, "nobody", "1")
    try:
        asked = await at_the_provider(issuer, browser, f"{SUBJECT}#１１ 0106a")
        assert (await browser.get(BACK, params=asked)).status_code == 200
        assert (await numbers())[PERSON] == (None, []), "no claim is named"
        provider.client = replace(provider.client, staff_claim="staff_no")
        asked = await at_the_provider(issuer, browser, f"{SUBJECT}#１１ 0106a")
        assert (await browser.get(BACK, params=asked)).status_code == 200
        found = await numbers()
        assert found[PERSON] == (found[two[1]][0], [two[1]])
        assert "110106" not in found[PERSON][0]
        async with api.service.engine.begin() as conn:
            await bind(conn, PERSON, provider.client.issuer, f"{SUBJECT}#2")
        asked = await at_the_provider(issuer, browser, f"{SUBJECT}#2")
        assert (await browser.get(BACK, params=asked)).status_code == 200
        assert await numbers() == found
    finally:
        async with api.service.engine.begin() as conn:
            assert [await enter_staff_no(conn, one, "") for one in two] == [True, True]
    assert list((await numbers()).values()) == [(None, []), (None, [])]


async def test_the_session_from_before_ends_with_the_new_one(issuer, browser):
    await browser.get(BACK, params=await at_the_provider(issuer, browser))
    first = browser.cookies[SESSION]
    await browser.get(BACK, params=await at_the_provider(issuer, browser))
    assert browser.cookies[SESSION] != first
    browser.cookies.set(SESSION, first, domain="shouhu.test")
    assert not await is_inside(browser)


async def test_a_provider_that_is_away_is_said_so_and_nothing_is_lost(api):
    provider = Provider(Client(f"http://127.0.0.1:{free_port()}", "shouhu", SECRET, HOME + BACK), b"x" * 16)
    transport = httpx2.ASGITransport(create_app(Settings(), given=replace(api.service, provider=provider)))
    async with httpx2.AsyncClient(transport=transport, base_url=HOME) as http:
        answer = await http.get(LEAVE)
    await provider.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "统一身份认证暂时无法使用" in answer.text


async def test_passwords_can_be_switched_off_once_everybody_comes_from_the_provider(service):
    given = replace(service, local_accounts=False)
    transport = httpx2.ASGITransport(create_app(Settings(), given=given))
    async with httpx2.AsyncClient(transport=transport, base_url=HOME) as http:
        shown = (await http.get(SIGN_IN)).text
        assert LEAVE in shown
        assert 'name="password"' not in shown
        said = urlencode({"person": PERSON, "password": "x", "code": "1"})
        headers = {"Origin": HOME, "Content-Type": "application/x-www-form-urlencoded"}
        assert (await http.post(SIGN_IN, content=said, headers=headers)).status_code == 403


async def test_without_a_provider_there_is_no_way_to_it(api):
    transport = httpx2.ASGITransport(create_app(Settings(), given=api.service))
    async with httpx2.AsyncClient(transport=transport, base_url=HOME) as http:
        assert (await http.get(LEAVE)).status_code == 404
        assert LEAVE not in (await http.get(SIGN_IN)).text
