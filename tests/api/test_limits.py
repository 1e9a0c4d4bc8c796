"""Guesses at codes end after five, whoever sends how many; floods are held off with a time to come back, and never break anything."""

import asyncio
import re
import secrets
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import uvicorn
from sqlalchemy import func, select

from app import main
from app.api import limits, reports
from app.api.limits import AT_ONCE, PERSON, REPORTS, STRANGER, Limit, Limits, described
from app.db import tables
from app.db.guesses import forget, guesses, key_of
from app.db.ledger import Ledger
from app.db.receipts import ALPHABET
from app.db.service import PROGRESS_PATH
from app.domain.guessing import CODES, PASSWORDS, WITHIN, counted_as
from app.embedded import free_port
from app.main import create_app, serving
from app.settings import Settings
from app.web.frame import address
from app.web.sign_in import SIGN_IN
from tests.api.conftest import TOKENS, UNHEEDED
from tests.api.test_reports import is_problem
from tests.faults import LONG, times

GUESSES, PAIRS = times(100, 10_000), times(40, 1_000)
NEAR = 5
"""Milliseconds."""
WRONG = {"receipt": "0000-0000-0000-0000"}
CHILD = {"children": [{}]}


def somewhere():
    """An address that no other test has used."""
    return f"2001:db8:{secrets.randbits(16):x}:{secrets.randbits(16):x}::1"


class Clock:
    """Of the whole module's API; a test moves it on and it goes on from there."""

    moved = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.moved


CLOCK = Clock()


def app_of(api, given=None):
    """The API with the real allowances."""
    ledger = Ledger(api.service.ledger.load, api.service.ledger.policy, clock=CLOCK)
    return create_app(Settings(), given=replace(api.service, codes=CODES, ledger=ledger), limits=given)


@pytest.fixture(scope="module")
async def unlimited(api):
    return app_of(api)


@asynccontextmanager
async def out_of(app, address, *, at=timedelta()):
    """As it is reached from this address, so much later."""
    before, CLOCK.moved = CLOCK.moved, at
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False, client=(address, 4711))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shouhu.test") as http:
        yield http
    CLOCK.moved = before


async def test_after_five_wrong_codes_an_address_waits_an_hour_also_with_the_right_one(api, unlimited):
    receipt, address = (await api.report())["receipt"], somewhere()
    async with out_of(unlimited, address) as http:
        told = [(await http.post("/v1/progress", json=WRONG)).status_code for _ in range(CODES.most)]
        assert told == [404] * CODES.most
        refused = await http.post("/v1/progress", json={"receipt": receipt})
        is_problem(refused, 429, "too_many_guesses")
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
        page = await http.post(PROGRESS_PATH, data={"code": receipt})
        assert (page.status_code, "60 分钟" in page.text) == (429, True)
        assert int(page.headers["retry-after"]) > 3500
        assert receipt in page.text, "what was typed is kept"
    async with out_of(unlimited, somewhere()) as http:
        assert (await http.post("/v1/progress", json={"receipt": receipt})).status_code == 200
    async with out_of(unlimited, address, at=WITHIN + timedelta(seconds=1)) as http:
        assert (await http.post("/v1/progress", json={"receipt": receipt})).status_code == 200


async def test_right_codes_and_misspelt_ones_use_up_nothing(api, unlimited):
    receipt = (await api.report())["receipt"]
    async with out_of(unlimited, somewhere()) as http:
        for _ in range(3 * CODES.most):
            assert (await http.post(PROGRESS_PATH, data={"code": receipt})).status_code == 200
            assert (await http.post(PROGRESS_PATH, data={"code": receipt[:-1]})).status_code == 422
        assert (await http.post("/v1/progress", json=WRONG)).status_code == 404


async def test_guesses_at_once_in_several_processes_and_by_page_and_program_are_counted_one_by_one(api, unlimited):
    address = somewhere()
    async with out_of(unlimited, address) as one, out_of(app_of(api), address) as other:
        tries = [
            one.post("/v1/progress", json=WRONG) if n % 2 else other.post(PROGRESS_PATH, data={"code": "0" * 16})
            for n in range(60)
        ]
        told = Counter(answer.status_code for answer in await asyncio.gather(*tries))
    assert told == {404: CODES.most, 429: 60 - CODES.most}


async def test_the_allowance_is_of_any_hour_and_not_of_each_on_the_clock(unlimited):
    address = somewhere()
    for minutes in (0, 50, 51, 52, 53):
        async with out_of(unlimited, address, at=timedelta(minutes=minutes)) as http:
            assert (await http.post("/v1/progress", json=WRONG)).status_code == 404
    async with out_of(unlimited, address, at=timedelta(minutes=61)) as http:
        assert (await http.post("/v1/progress", json=WRONG)).status_code == 404
        waits = await http.post("/v1/progress", json=WRONG)
    assert waits.status_code == 429
    assert 48 * 60 < int(waits.headers["retry-after"]) <= 49 * 60


async def test_ten_thousand_guesses_hit_nothing_and_the_right_one_among_them_would(api):
    """At the level of what is looked up: five an hour would take a hundred days."""
    receipts, right = api.service.receipts, (await api.report())["receipt"]
    guessed = ["".join(secrets.choice(ALPHABET) for _ in range(16)) for _ in range(10_000)]
    hits = select(func.count()).select_from(tables.reports)
    async with api.service.engine.connect() as conn:
        assert (await conn.execute(select(func.count()).select_from(tables.reports))).scalar_one() > 0
        for codes, expected in ((guessed, 0), ([*guessed, right], 1)):
            hashes = [receipts.hash(code) for code in codes]
            found = await conn.execute(hits.where(tables.reports.c.receipt_hash == func.any(hashes)))
            assert found.scalar_one() == expected


async def test_so_many_guesses_over_the_api_hit_nothing_and_the_right_one_among_them_does(api):
    """Q-S9, without the limit that would end it after five: ten thousand in a long run."""
    right, told = (await api.report())["receipt"], Counter()
    boundless = create_app(Settings(), given=replace(api.service, codes=UNHEEDED))
    for _ in range(0, GUESSES, 100):
        async with out_of(boundless, somewhere()) as http:
            for _ in range(100):
                code = "".join(secrets.choice(ALPHABET) for _ in range(16))
                told[(await http.post("/v1/progress", json={"receipt": code})).status_code] += 1
            assert (await http.post("/v1/progress", json={"receipt": right})).status_code == 200
    assert told == {404: GUESSES}


async def both_kinds(app, receipt):
    """Milliseconds of answers to right and to wrong codes, in turn."""
    took = {True: [], False: []}
    for n in range(PAIRS):
        async with out_of(app, somewhere()) as http:
            for right in (n % 2 == 0, n % 2 == 1):
                began = time.perf_counter()
                await http.post("/v1/progress", json={"receipt": receipt} if right else WRONG)
                took[right].append((time.perf_counter() - began) * 1000)
    return took


def apart(took):
    """How far right and wrong are from each other: in a long run by the slowest twentieth, else by the fastest, for what the machine does
    beside it is in the rest."""
    of = {right: sorted(ms)[len(ms) * 95 // 100 if LONG else 0] for right, ms in took.items()}
    return abs(of[True] - of[False])


async def test_how_long_an_answer_takes_does_not_say_whether_there_is_such_a_code(api, unlimited):
    """Up to three times, for what the machine does beside it differs and a difference of ours would not."""
    receipt, found = (await api.report())["receipt"], []
    while not found or (min(found) >= NEAR and len(found) < 3):
        found.append(apart(await both_kinds(unlimited, receipt)))
    assert min(found) < NEAR, found


async def test_control_an_answer_that_takes_longer_where_there_is_a_code_is_seen(api, unlimited, monkeypatch):
    receipt, look = (await api.report())["receipt"], reports.by_receipt

    async def slowly(conn, **more):
        if found := await look(conn, **more):
            await asyncio.sleep(2 * NEAR / 1000)
        return found

    monkeypatch.setattr(reports, "by_receipt", slowly)
    monkeypatch.setattr(sys.modules[__name__], "PAIRS", 10)
    assert apart(await both_kinds(unlimited, receipt)) > NEAR


async def test_an_address_is_kept_as_a_keyed_hash_and_forgotten_after_an_hour(api, unlimited):
    address = somewhere()
    async with out_of(unlimited, address) as http:
        await http.post("/v1/progress", json=WRONG)
    mine = guesses.c.key == key_of(api.service.receipts, CODES, address)
    async with api.service.engine.connect() as conn:
        rows = [str(tuple(row)) for row in await conn.execute(select(guesses))]
        assert len((await conn.execute(select(guesses).where(mine))).all()) == 1
    assert not any(counted_as(address).partition("/")[0].rstrip(":") in row for row in rows)
    assert await forget(api.service.engine, datetime.now(UTC)) == 0
    assert await forget(api.service.engine, datetime.now(UTC) + 3 * WITHIN) >= len(rows)
    async with api.service.engine.connect() as conn:
        assert (await conn.execute(select(guesses).where(mine))).all() == []


async def test_one_password_tried_on_many_accounts_is_stopped_by_its_address(unlimited, monkeypatch):
    monkeypatch.setattr("app.db.accounts._is_right", lambda stored, password: False)  # argon2 fifty times is 3 s
    headers = {"Origin": "http://shouhu.test"}
    async with out_of(unlimited, somewhere()) as http:
        said = [{"person": f"nobody.{n}", "password": "123456", "code": "000000"} for n in range(PASSWORDS.most + 1)]
        told = [(await http.post(SIGN_IN, data=one, headers=headers)).status_code for one in said]
    assert told == [422] * PASSWORDS.most + [429]


@pytest.mark.parametrize(("given", "counted"), [
    ("203.0.113.9", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("fe80::1%eth0", "fe80::/64"), ("testclient", "nowhere"), (None, "nowhere"), ("", "nowhere"),
])  # fmt: skip
def test_an_address_is_counted_by_the_network_of_its_household(given, counted):
    assert counted_as(given) == counted


@pytest.mark.parametrize(("trusted", "comes_from", "said", "is_taken_as"), [
    ("", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
    ("", "127.0.0.1", "198.51.100.1", "127.0.0.1"),  # no default believes a neighbour on the same machine
    ("10.0.0.0/8", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
    ("10.0.0.0/8", "10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("10.0.0.0/8", "10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),  # what the client itself put before is not believed
])  # fmt: skip
async def test_only_the_named_proxies_are_believed_who_the_client_is(trusted, comes_from, said, is_taken_as):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = serving(Settings(trusted_proxies=trusted), app)
    config.load()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(config.loaded_app, client=(comes_from, 1))) as http:
        await http.get("http://shouhu.test/", headers={"X-Forwarded-For": said})
    assert seen == [is_taken_as]


def few(limit: Limit, monkeypatch) -> Limits:
    """All limits as they are, this one of three a minute."""
    tight = limit._replace(a_minute=3)
    monkeypatch.setattr(limits, limit_name(limit), tight)
    monkeypatch.setattr(limits, "PUBLISHED", tuple(tight if one == limit else one for one in limits.PUBLISHED))
    return Limits(1)


def limit_name(limit):
    return next(name for name, value in vars(limits).items() if value is limit)


async def statuses(http, method, path, times, **said):
    return [(await http.request(method, path, **said)).status_code for _ in range(times)]


def as_person(person):
    return {"Authorization": f"Bearer {TOKENS[person]}"}


@pytest.mark.parametrize(("limit", "person"), [
    (limits.ADDRESS, "edu.officer.1"), (PERSON, "edu.officer.1"), (limits.UNIT, "edu.officer.1"),
])  # fmt: skip
async def test_whoever_asks_too_often_is_told_when_to_come_back_and_nobody_else_is(api, monkeypatch, limit, person):
    async with out_of(app_of(api, few(limit, monkeypatch)), somewhere()) as http:
        assert await statuses(http, "GET", "/v1/me", 3, headers=as_person(person)) == [200] * 3
        refused = await http.get("/v1/me", headers=as_person(person))
        is_problem(refused, 429, "too_many_requests")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        others = await http.get("/v1/me", headers=as_person("housing.officer.1"))
        colleague = await http.get("/v1/me", headers=as_person("edu.head.1"))
    assert others.status_code == (429 if limit.code == "address" else 200)
    assert colleague.status_code == (200 if limit.code == "person" else 429)


@pytest.mark.parametrize("limit", [REPORTS, limits.REPORTS_OF_UNIT])
async def test_reports_have_limits_of_their_own_beside_the_others(api, monkeypatch, limit):
    async with out_of(app_of(api, few(limit, monkeypatch)), somewhere()) as http:
        sent = await statuses(http, "POST", "/v1/reports", 4, headers=as_person("sw.reporter.1"), json=CHILD)
        assert sent == [201] * 3 + [429]
        host = {**as_person("sw.reporter.1"), "Host": "shouhu.test/else"}  # of which an address is put together
        assert await statuses(http, "POST", "/v1/reports", 1, headers=host, json=CHILD) == [429]
        assert (await http.get("/v1/reports", headers=as_person("sw.reporter.1"))).status_code == 200


async def test_without_an_account_the_limit_is_lower_and_pages_say_it_as_pages(api, monkeypatch):
    async with out_of(app_of(api, few(STRANGER, monkeypatch)), somewhere()) as http:
        assert await statuses(http, "GET", PROGRESS_PATH, 3) == [200] * 3
        for path in (PROGRESS_PATH, SIGN_IN):
            page = await http.post(path, data={"code": "x"})
            assert page.status_code == 429
            assert page.headers["content-type"].startswith("text/html")
            assert re.search(r"\d (秒|分钟)", page.text)
            assert 0 < int(page.headers["retry-after"]) <= 60
        assert (await http.get("/v1/me", headers=as_person("edu.officer.1"))).status_code == 200
        for always in ("/healthz", address("app.css")):
            assert (await http.get(always)).status_code == 200


async def test_many_times_as_much_at_once_is_shed_with_a_time_to_come_back_and_reports_last(unlimited):
    """A process answers so many at once; what is more is told so, nothing breaks, and afterwards all is as before."""
    async with out_of(unlimited, somewhere()) as http:
        asked = [http.get("/v1/me", headers=as_person("edu.officer.1")) for _ in range(6 * AT_ONCE)]
        answers = await asyncio.gather(*asked)
        told = Counter(answer.status_code for answer in answers)
        assert set(told) == {200, 503}
        assert told[200] >= AT_ONCE - limits.KEPT_FOR_REPORTS
        for answer in answers:
            if answer.status_code == 503:
                is_problem(answer, 503, "overloaded")
                assert int(answer.headers["retry-after"]) > 0
        # all that pages may take is taken, and a report still comes in
        asked = [http.get("/v1/me", headers=as_person("edu.officer.1")) for _ in range(2 * AT_ONCE)]
        report = http.post("/v1/reports", json=CHILD, headers=as_person("sw.reporter.1"))
        *pages, filed = await asyncio.gather(*asked, report)
        assert {answer.status_code for answer in pages} == {200, 503}
        assert filed.status_code == 201
        assert (await http.get("/v1/me", headers=as_person("edu.officer.1"))).status_code == 200


class Busy:
    """An application that computes and waits in turn; how many requests were inside at most."""

    inside = most = 0

    async def __call__(self, scope, receive, send):
        self.inside += 1
        self.most = max(self.most, self.inside)
        for _ in range(6):
            until = time.perf_counter() + 0.001
            while time.perf_counter() < until:
                pass
            await asyncio.sleep(0.001)
        self.inside -= 1
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def crowd(port, many):
    """So many strangers, each with a connection and a request of their own, before the first is answered; what each is told."""
    strangers = []
    for _ in range(many):
        strangers.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        strangers[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    told = {stranger.recv(12) for stranger in strangers}
    for stranger in strangers:
        stranger.close()
    return told


@pytest.mark.parametrize(("takes", "sees"), [(main.TAKEN_AT_ONCE, range(40, 151)), (1, range(1, 30))])
async def test_a_busy_process_sees_whoever_comes_and_leaves_nobody_in_the_kernel(monkeypatch, takes, sees):
    """The limit of how many are inside holds for those alone who were taken; the control is one socket that listens."""
    monkeypatch.setattr(main, "TAKEN_AT_ONCE", takes)
    busy, port = Busy(), free_port()
    config = serving(Settings(api_port=port), busy)
    config.lifespan = "off"
    server, sockets = uvicorn.Server(config), main.listening(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets})
    thread.start()
    while not server.started:
        await asyncio.sleep(0.01)
    told = await asyncio.to_thread(crowd, port, 150)
    server.should_exit = True
    await asyncio.to_thread(thread.join)
    assert told == {b"HTTP/1.1 204"}
    assert busy.most in sees


async def test_the_limits_are_published_where_callers_look(api):
    document = (await api.get(None, "/openapi.json")).json()
    assert described() in document["info"]["description"]
    for limit in limits.PUBLISHED:
        assert f"{limit.a_minute:,}" in document["info"]["description"]
    assert f"{CODES.most} wrong codes" in document["info"]["description"]
    for item in document["paths"].values():
        for operation in item.values():
            assert "Retry-After" in operation["responses"]["429"]["headers"]
