"""Q-S11: every act that takes two persons, tried by one of them in four ways: the page, the API, what was sent before, another account."""

import hashlib

import httpx2
import pytest
from sqlalchemy import delete, insert, select, update

from app.db import approvals as two
from app.db import tables
from app.db.accounts import begin_session
from app.db.identities import enter_staff_no
from app.domain.approvals import Act
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import TOKENS

SESSION = "__Host-session"
PROPOSER = {Act.UNSEAL: "proc.head.1", Act.DELETE: "civil.supervisor.1", Act.HOLD: "civil.supervisor.1"}
OTHERS = "civil.head.1"
CLOSING = "close"
ACTS = [*Act, CLOSING]


def first_of(act):
    return PROPOSER.get(act, OTHERS)


@pytest.fixture(scope="module")
async def twins(api):
    """Another account of each proposer, with the same seat and the same staff number; by the first."""
    people, made = tables.people, {}
    async with api.service.engine.begin() as conn:
        for n, first in enumerate(sorted({first_of(act) for act in ACTS})):
            row = (await conn.execute(select(people).where(people.c.id == first))).mappings().one()
            twin = made[first] = first.replace(".1", ".twin")
            TOKENS[twin] = f"token-of-{twin}"
            digest = hashlib.sha256(TOKENS[twin].encode()).hexdigest()
            await conn.execute(insert(people), {**row, "id": twin, "staff_no": None, "also": [], "token_hash": digest})
            assert [await enter_staff_no(conn, one, f"110106-9{n}") for one in (first, twin)] == [True, True]
    yield made
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(tables.sessions).where(tables.sessions.c.person_id.in_([*made, *made.values()])))
        await conn.execute(delete(people).where(people.c.id.in_(made.values())))
        await conn.execute(update(people).where(people.c.id.in_(made)).values(staff_no=None, also=[]))
    for twin in made.values():
        del TOKENS[twin]


async def proposed(api, act):
    """The path at which it is approved, and the form of the page that does so."""
    first = first_of(act)
    if act is CLOSING:
        case = (await api.report())["case_id"]
        for child in (await api.progress(case))["children"]:
            await api.post("police.officer.1", f"/v1/cases/{case}/safety", {"child_id": child["id"], "safety": "safe"})
        await api.post("civil.officer.1", f"/v1/cases/{case}/answer", {"note": "已核实"})
        asked = await api.post(first, f"/v1/cases/{case}/closure-proposal", {"reason": "no_risk_found"})
        assert asked.status_code == 200, asked.text
        return f"/v1/cases/{case}/closure-approval", f"/cases/{case}/do/closure-approval", {}
    body = {"act": act, "parameters": {"x": "1"}, "reason": "verify", "note": "核对"}
    made = await api.post(first, "/v1/approvals", body)
    assert made.status_code == 201, made.text
    return f"/v1/approvals/{made.json()['id']}/approve", "/books", {"verb": "approve", "one": made.json()["id"]}


@pytest.fixture(scope="module")
async def pages(api):
    """As a browser sends what a page asks for."""
    transport = httpx2.ASGITransport(create_app(Settings(), given=api.service))
    async with httpx2.AsyncClient(transport=transport, base_url="https://shouhu.test") as http:

        async def send(person, path, form):
            async with api.service.engine.begin() as conn:
                token = await begin_session(conn, person, api.service.ledger.clock())
            said = {"Cookie": f"{SESSION}={token}", "Sec-Fetch-Site": "same-origin"}
            return await http.post(path, data=form, headers=said)

        yield send


async def is_done(api, path):
    """Whether the ledger or the table says that somebody approved."""
    async with api.service.engine.connect() as conn:
        if "closure" in path:
            case = tables.cases.c
            open_ = await conn.execute(select(case.is_open).where(case.id == path.split("/")[3]))
            return not open_.scalar_one()
        by = await conn.execute(select(two.approval.approved_by).where(two.approval.id == path.split("/")[3]))
        return by.scalar_one() is not None


async def in_all_ways(api, pages, act, twin):
    """Nothing of what one person tries; how many tries there were."""
    path, page, form = await proposed(api, act)
    first, key, tried = first_of(act), {"Idempotency-Key": f"own-{act}"}, 0
    for person in (first, twin):
        for _ in range(2):  # the second is what was sent before
            assert (await api.post(person, path, None, key)).status_code == 409, (act, person)
            tried += 1
        answer = await pages(person, page, form)
        assert answer.status_code in (403, 404, 409, 422), (act, person, answer.status_code)
        tried += 1
    return path, tried


@pytest.mark.parametrize("act", ACTS)
async def test_nobody_approves_their_own_request(api, twins, pages, act):
    path, tried = await in_all_ways(api, pages, act, twins[first_of(act)])
    assert tried == 6
    assert not await is_done(api, path)
    second = {Act.UNSEAL: "proc.procurator.1", Act.DELETE: "conf.supervisor.1", Act.HOLD: "conf.supervisor.1"}
    done = await api.post(second.get(act, "civil.chief.1"), path)
    assert done.status_code == 200, done.text
    assert await is_done(api, path), "the control: another person does it by the same request"


async def test_control_without_the_rule_the_same_walk_fails(api, twins, pages, monkeypatch):
    """The table itself refuses the first person then, with an error that is no answer."""
    monkeypatch.setattr(two, "require_second", lambda who, proposal, now: None)
    with pytest.raises(AssertionError):
        await in_all_ways(api, pages, Act.EXPORT, twins[OTHERS])
