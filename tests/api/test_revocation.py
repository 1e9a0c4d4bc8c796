"""Whoever is shut out, moved or withdrawn is so at the next request: fifty sessions and ten keys at once, none overlooked."""

import asyncio
import hashlib
import secrets
from contextlib import asynccontextmanager

from sqlalchemy import delete, insert, select, update

from app.api.context import SESSION
from app.db import tables
from app.db.account_tables import api_keys
from app.district import PEOPLE
from app.domain.terms import Role
from tests.api.test_keys import Machine

CASE_DESK = "POLICE"


@asynccontextmanager
async def fifty_sessions(api):
    """Of five police officers, ten each, on as many browsers."""
    now, people = api.service.ledger.clock(), tables.people
    officers = [f"police.extra.{n}" for n in range(5)]
    rows = [{"id": one, "name": "x", "agency": "POLICE", "desk": CASE_DESK, "roles": ["officer"]} for one in officers]
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


async def statuses(api, tokens, path):
    asked = [api.http.get(path, headers={"Cookie": f"{SESSION}={token}"}) for token in tokens]
    return [answer.status_code for answer in await asyncio.gather(*asked)]


async def test_fifty_sessions_of_people_who_are_moved_or_shut_out_are_over_at_the_next_request(api):
    path, people = f"/v1/cases/{(await api.report())['case_id']}", tables.people
    async with fifty_sessions(api) as tokens:
        assert await statuses(api, tokens, path) == [200] * 50
        ours = people.c.id.like("police.extra.%")
        async with api.service.engine.begin() as conn:
            await conn.execute(update(people).where(ours).values(agency="HOUSING", desk="HOUSING"))
        assert await statuses(api, tokens, path) == [404] * 50
        async with api.service.engine.begin() as conn:
            await conn.execute(update(people).where(ours).values(agency="POLICE", desk=CASE_DESK))
        assert await statuses(api, tokens, path) == [200] * 50
        async with api.service.engine.begin() as conn:
            await conn.execute(update(people).where(ours).values(is_active=False))
        assert await statuses(api, tokens, path) == [401] * 50


async def test_a_co_agency_that_is_withdrawn_sees_the_case_no_more(api):
    child = {"residence_division": "110106101", "school_stage": "primary"}
    case = (await api.report(children=[child]))["case_id"]
    officer = "edu.officer.1"
    assert (await api.get(officer, f"/v1/cases/{case}")).status_code == 200
    leg = await api.leg(case, "EDU")
    moved = await api.post("conf.supervisor.1", f"/v1/cases/{case}/referrals/{leg}/reassign", {"to": "CIVIL"})
    assert moved.status_code == 200, moved.text
    assert (await api.get(officer, f"/v1/cases/{case}")).status_code == 404


async def test_ten_keys_are_refused_at_the_next_request_once_revoked(api):
    made = [
        (await api.post("police.head.1", "/v1/keys", {"unit": "POLICE", "scopes": ["task:read"]})).json()
        for _ in range(10)
    ]
    machines = [Machine(api, one) for one in made]
    path = f"/v1/cases/{(await api.report())['case_id']}"
    try:
        assert [(await one.get(path)).status_code for one in machines] == [200] * 10
        for one in machines:
            ended = await api.http.delete(f"/v1/keys/{one.id}", headers=api._headers("security.1", None))
            assert ended.status_code == 204
        assert [(await one.get(path)).status_code for one in machines] == [401] * 10
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(delete(api_keys))


async def test_no_other_way_in_outlives_its_person(api):
    """Whatever names a person in the database is asked at each request, so nothing that was cached can stay good."""
    bearer = [person.id for person in PEOPLE if Role.OFFICER in person.roles][:10]
    people = tables.people
    async with api.service.engine.begin() as conn:
        await conn.execute(update(people).where(people.c.id.in_(bearer)).values(is_active=False))
        assert len((await conn.execute(select(people.c.id).where(~people.c.is_active))).all()) >= len(bearer)
    try:
        assert [(await api.get(person, "/v1/me")).status_code for person in bearer] == [401] * len(bearer)
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(update(people).where(people.c.id.in_(bearer)).values(is_active=True))
