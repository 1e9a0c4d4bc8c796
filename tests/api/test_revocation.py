"""Q-S3: whoever is shut out, moved or withdrawn is so at the next request: fifty sessions and ten tokens or keys, none overlooked."""

import asyncio
import hashlib
import secrets
import time
from contextlib import asynccontextmanager

from sqlalchemy import delete, insert, update

from app.api import context
from app.db import tables
from app.db.account_tables import api_keys
from tests.api.conftest import Machine

SESSION = context.SESSION
AT_ONCE = 1.0
"""Seconds from what was changed to the next answer."""


@asynccontextmanager
async def fifty_sessions(api, desk="POLICE"):
    """Of five officers of a desk, ten each, on as many browsers."""
    now, people = api.service.ledger.clock(), tables.people
    officers = [f"{desk.lower()}.extra.{n}" for n in range(5)]
    rows = [{"id": one, "name": "x", "agency": desk, "desk": desk, "roles": ["officer"]} for one in officers]
    tokens = {secrets.token_hex(16): officers[n % 5] for n in range(50)}
    sessions = [
        {"token_hash": hashlib.sha256(token.encode()).hexdigest(), "person_id": person, "began_at": now, "seen_at": now}
        for token, person in tokens.items()
    ]
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(people), rows)
        await conn.execute(insert(tables.sessions), sessions)
    yield tokens
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(tables.sessions).where(tables.sessions.c.person_id.in_(officers)))
        await conn.execute(delete(people).where(people.c.id.in_(officers)))


@asynccontextmanager
async def ten_keys(api, desk):
    """Of as many systems of a desk."""
    asked = {"unit": desk, "scopes": ["task:read"]}
    made = [(await api.post(f"{desk.lower()}.head.1", "/v1/keys", asked)).json() for _ in range(10)]
    yield [Machine(api, one) for one in made]
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(api_keys))


async def of_keys(machines, path):
    return [answer.status_code for answer in await asyncio.gather(*(one.get(path) for one in machines))]


async def statuses(api, tokens, path):
    asked = [api.http.get(path, headers={"Cookie": f"{SESSION}={token}"}) for token in tokens]
    return [answer.status_code for answer in await asyncio.gather(*asked)]


async def turned_away_at_once(api, tokens, path):
    """How long the first of them waits for the answer, and what all are told."""
    began = time.monotonic()
    first = await statuses(api, [next(iter(tokens))], path)
    assert time.monotonic() - began < AT_ONCE
    return first + await statuses(api, list(tokens)[1:], path)


async def change(api, officers, **values):
    people = tables.people
    async with api.service.engine.begin() as conn:
        await conn.execute(update(people).where(people.c.id.in_(officers)).values(**values))


async def test_fifty_sessions_of_people_who_are_moved_or_shut_out_are_over_at_the_next_request(api):
    path = f"/v1/cases/{(await api.report())['case_id']}"
    async with fifty_sessions(api) as tokens:
        officers = set(tokens.values())
        assert await statuses(api, tokens, path) == [200] * 50
        for values, told in (
            ({"agency": "HOUSING", "desk": "HOUSING"}, 404), ({"agency": "POLICE", "desk": "POLICE"}, 200), ({"is_active": False}, 401),
        ):  # fmt: skip
            await change(api, officers, **values)
            assert await turned_away_at_once(api, tokens, path) == [told] * 50


async def test_control_an_actor_that_is_remembered_is_seen(api, monkeypatch):
    path, asked = "/v1/me", context.actor_by_session
    known = {}

    async def remembered(conn, token, now, **more):
        known[token] = known.get(token) or await asked(conn, token, now, **more)
        return known[token]

    monkeypatch.setattr(context, "actor_by_session", remembered)
    async with fifty_sessions(api) as tokens:
        assert await statuses(api, tokens, path) == [200] * 50
        await change(api, set(tokens.values()), is_active=False)
        assert await statuses(api, tokens, path) != [401] * 50


async def test_fifty_sessions_and_ten_keys_of_a_co_agency_that_is_withdrawn_see_the_case_no_more(api):
    child = {"residence_division": "110106101", "school_stage": "primary"}
    case = (await api.report(children=[child]))["case_id"]
    path, leg = f"/v1/cases/{case}", await api.leg(case, "EDU")
    async with fifty_sessions(api, "EDU") as tokens, ten_keys(api, "EDU") as machines:
        assert (await statuses(api, tokens, path), await of_keys(machines, path)) == ([200] * 50, [200] * 10)
        moved = await api.post("conf.supervisor.1", f"{path}/referrals/{leg}/reassign", {"to": "CIVIL"})
        assert moved.status_code == 200, moved.text
        assert await turned_away_at_once(api, tokens, path) == [404] * 50
        assert await of_keys(machines, path) == [404] * 10


async def test_ten_keys_are_refused_at_the_next_request_once_revoked(api):
    path = f"/v1/cases/{(await api.report())['case_id']}"
    async with ten_keys(api, "POLICE") as machines:
        assert await of_keys(machines, path) == [200] * 10
        for one in machines:
            ended = await api.http.delete(f"/v1/keys/{one.id}", headers=api._headers("security.1", None))
            assert ended.status_code == 204
        assert await of_keys(machines, path) == [401] * 10


async def test_ten_tokens_of_people_who_are_moved_or_shut_out_are_over_at_the_next_request(api):
    """Whatever names a person in the database is asked at each request, so nothing that was cached can stay good."""
    path, people = f"/v1/cases/{(await api.report())['case_id']}", tables.people
    extra = {f"police.token.{n}": secrets.token_hex(16) for n in range(10)}
    row = {"name": "x", "agency": "POLICE", "desk": "POLICE", "roles": ["officer"]}
    rows = [
        {**row, "id": one, "token_hash": hashlib.sha256(token.encode()).hexdigest()} for one, token in extra.items()
    ]

    async def told():
        asked = [api.http.get(path, headers={"Authorization": f"Bearer {token}"}) for token in extra.values()]
        return [answer.status_code for answer in await asyncio.gather(*asked)]

    async with api.service.engine.begin() as conn:
        await conn.execute(insert(people), rows)
    try:
        assert await told() == [200] * 10
        await change(api, extra, agency="HOUSING", desk="HOUSING")
        assert await told() == [404] * 10
        await change(api, extra, is_active=False)
        assert await told() == [401] * 10
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(delete(people).where(people.c.id.in_(extra)))
