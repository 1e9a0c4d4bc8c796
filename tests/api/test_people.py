"""Who sits where: three administrators share what one alone could misuse, and a person who leaves is out at the next request."""

from contextlib import nullcontext
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import delete, select

from app.api.problems import Problem
from app.bookkeeper import still_seated
from app.db import tables
from app.db.account_tables import accounts, sessions
from app.db.accounts import sign_in
from app.db.people import actors_of
from app.db.projections import people_at
from app.domain.refusals import Refused
from app.domain.seats import require_fit
from app.domain.terms import Agency, Role
from tests.api.test_reports import is_problem

ADMIN, SECURITY, AUDITOR = "admin.1", "security.1", "auditor.1"
NEW = {"id": "civil.officer.9", "name": "示例新人（化名）", "desk": "CIVIL"}


@pytest.fixture
async def newcomer(api):
    """Somebody new, whom the test may change; afterwards nobody knows them."""
    made = await api.post(ADMIN, "/v1/people", NEW)
    assert made.status_code == 201, made.text
    yield made.json()
    async with api.service.engine.begin() as conn:
        for table, column in (
            (sessions, sessions.c.person_id),
            (accounts, accounts.c.person_id),
            (tables.people, tables.people.c.id),
        ):
            await conn.execute(delete(table).where(column == NEW["id"]))


async def enters(api, made):
    """The session that these credentials open, if they do."""
    code = pyotp.parse_uri(made["authenticator"]).now()
    async with api.service.engine.begin() as conn:
        return (await sign_in(conn, made["id"], made["password"], code, api.service.ledger.clock(), alias="x")).token


async def as_session(api, token, path):
    return await api.http.get(path, headers={"Cookie": f"__Host-session={token}"})


async def seat(api, person=NEW["id"]):
    rows = (await api.get(SECURITY, "/v1/people?agency=CIVIL&limit=200")).json()["items"]
    return next((row for row in rows if row["id"] == person), None)


async def test_a_newcomer_sees_nothing_before_the_other_administrator_gives_roles(api, newcomer):
    case = (await api.report())["case_id"]
    token = await enters(api, newcomer)
    assert token
    assert (await as_session(api, token, f"/v1/cases/{case}")).status_code == 404
    assert is_problem(
        await api.post(ADMIN, f"/v1/people/{NEW['id']}/roles", {"roles": ["officer"]}), 403, "not_allowed"
    )
    waiting = (await api.get(SECURITY, "/v1/people?waiting=true")).json()["items"]
    assert NEW["id"] in [row["id"] for row in waiting]
    assert (await api.post(SECURITY, f"/v1/people/{NEW['id']}/roles", {"roles": ["officer"]})).status_code == 204
    assert (await as_session(api, token, f"/v1/cases/{case}")).status_code == 200
    assert (await seat(api))["roles"] == ["officer"]


async def test_nobody_takes_over_a_seat_by_renewing_its_account(api, newcomer):
    await api.post(SECURITY, f"/v1/people/{NEW['id']}/roles", {"roles": ["officer"]})
    renewed = (await api.post(ADMIN, f"/v1/people/{NEW['id']}/account")).json()
    assert renewed["held"]
    assert not await enters(api, renewed)
    assert (await seat(api))["held_at"]
    assert is_problem(await api.post(ADMIN, f"/v1/people/{NEW['id']}/release"), 403, "not_allowed")
    assert (await api.post(SECURITY, f"/v1/people/{NEW['id']}/release")).status_code == 204
    assert await enters(api, renewed)
    assert is_problem(await api.post(SECURITY, f"/v1/people/{NEW['id']}/release"), 409, "already_done")


async def test_who_leaves_is_out_at_the_next_request_and_comes_back_without_roles(api, newcomer):
    await api.post(SECURITY, f"/v1/people/{NEW['id']}/roles", {"roles": ["officer", "desk_head"]})
    token = await enters(api, newcomer)
    assert (await as_session(api, token, "/v1/me")).status_code == 200
    assert (await api.post(ADMIN, f"/v1/people/{NEW['id']}/end")).status_code == 204
    assert (await as_session(api, token, "/v1/me")).status_code == 401
    assert is_problem(await api.post(ADMIN, f"/v1/people/{NEW['id']}/end"), 409, "already_done")
    assert (await api.post(ADMIN, f"/v1/people/{NEW['id']}/return")).status_code == 204
    back = await seat(api)
    assert (back["is_active"], back["roles"]) == (True, [])


async def test_whoever_changes_the_desk_leaves_the_roles_behind(api, newcomer):
    await api.post(SECURITY, f"/v1/people/{NEW['id']}/roles", {"roles": ["officer"]})
    token = await enters(api, newcomer)
    assert (await api.post(ADMIN, f"/v1/people/{NEW['id']}/seat", {"desk": "POLICE"})).status_code == 204
    me = (await as_session(api, token, "/v1/me")).json()
    assert (me["desk"], me["agency"], me["roles"]) == ("POLICE", "POLICE", [])
    assert is_problem(await api.post(ADMIN, f"/v1/people/{NEW['id']}/seat", {"desk": "x"}), 404, "desk_not_found")
    assert (await api.post(SECURITY, f"/v1/people/{NEW['id']}/sign-out")).status_code == 204
    assert (await as_session(api, token, "/v1/me")).status_code == 401


@pytest.mark.parametrize(
    ("desk", "roles", "of"),
    [
        ("CIVIL", ["officer"], "civil.officer.1"),
        ("EDU", ["officer"], None),
        ("CIVIL", ["auditor"], None),
        ("CIVIL", [], None),
    ],
)
async def test_a_lent_seat_is_given_back_by_whoever_leaves_the_office_or_works_there_no_more(
    api, newcomer, desk, roles, of
):
    """The absence was entered while both worked there, and nobody has revoked it."""
    path, now = f"/v1/people/{NEW['id']}", api.service.ledger.clock()
    assert (await api.post(SECURITY, f"{path}/roles", {"roles": ["officer"]})).status_code == 204
    times = {"from_at": (now - timedelta(hours=1)).isoformat(), "until_at": (now + timedelta(hours=1)).isoformat()}
    lent = {"person_id": "civil.officer.1", "deputy_id": NEW["id"], **times}
    row = (await api.post("civil.officer.1", "/v1/deputies", lent)).json()["id"]
    token = await enters(api, newcomer)
    assert (await api.post(ADMIN, f"{path}/seat", {"desk": desk})).status_code == 204
    assert (await api.post(SECURITY, f"{path}/roles", {"roles": roles})).status_code == 204
    seated = {"Cookie": f"__Host-session={token}", "X-Acting-For": "civil.officer.1"}
    answer = await api.http.get("/v1/me", headers=seated)
    assert answer.status_code == (200 if of else 403)
    assert answer.json().get("acting_for") == of
    async with api.service.engine.begin() as conn:
        absent = (await actors_of(conn, ["civil.officer.1"]))["civil.officer.1"]
        asked = absent.model_copy(update={"person_id": NEW["id"], "acting_for": absent.person_id})
        with nullcontext() if of else pytest.raises(Problem, match="not_allowed"):
            await still_seated(conn, asked, now)  # a job of the books that was asked for in the seat
        assert (NEW["id"] in await people_at(conn, [f"person:{absent.person_id}"], now, ())) == bool(of)  # who is told
        await conn.execute(delete(tables.deputies).where(tables.deputies.c.id == row))


async def test_nobody_changes_their_own_and_every_change_is_on_record(api, newcomer):
    for person, path in ((ADMIN, "account"), (ADMIN, "end"), (SECURITY, "release"), (SECURITY, "sign-out")):
        answer = await api.post(person, f"/v1/people/{person}/{path}")
        assert is_problem(answer, 409, "second_person_needed"), path
    own = await api.post(SECURITY, f"/v1/people/{SECURITY}/roles", {"roles": ["admin"]})
    assert is_problem(own, 409, "second_person_needed")
    await api.post(SECURITY, f"/v1/people/{NEW['id']}/roles", {"roles": ["officer"]})
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        asked = select(row.person_id, row.action, row.fields).where(row.stream_id == NEW["id"]).order_by(row.id.desc())
        written = [tuple(one) for one in await conn.execute(asked.limit(2))]
    assert written == [(SECURITY, "give_roles", ["role:officer"]), (ADMIN, "add_person", [])]


async def test_heads_see_their_own_agency_and_desks_say_how_many_sit_there(api):
    rows = (await api.get("police.head.1", "/v1/people?limit=200")).json()["items"]
    assert {row["agency"] for row in rows} == {"POLICE"}
    street = (await api.get("street-110106007.head.1", "/v1/people?limit=200")).json()["items"]
    assert {row["desk"] for row in street} == {"STREET-110106007"}
    assert is_problem(await api.get("police.officer.1", "/v1/people"), 403, "not_allowed")
    every, cursor = [], ""
    while cursor is not None:
        page = (await api.get(AUDITOR, f"/v1/people?limit=100{cursor}")).json()
        every += page["items"]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    assert not [row for row in every if "machine" in row["roles"]]
    desks = {row["id"]: row for row in (await api.get("police.officer.1", "/v1/desks")).json()}
    at_police = [row for row in every if row["desk"] == "POLICE" and row["is_active"]]
    assert desks["POLICE"]["people"] == len(at_police)
    assert desks["POLICE"]["heads"] == 2


async def test_an_account_is_one_persons(api, newcomer):
    assert is_problem(await api.post(ADMIN, "/v1/people", NEW), 409, "person_exists")
    assert is_problem(await api.post(ADMIN, "/v1/people", {**NEW, "id": "NO SPACES"}), 422, "invalid_request")
    unit = {**NEW, "id": "unit-school-1.machine"}
    assert is_problem(await api.post(ADMIN, "/v1/people", unit), 409, "systems_name"), "nobody could tell them apart"
    assert is_problem(await api.post("conf.supervisor.1", "/v1/people", NEW), 403, "not_allowed")


@pytest.mark.parametrize(("roles", "agency", "unit", "fits"), [
    (("admin",), Agency.CONF, None, True), (("admin", "auditor"), Agency.CONF, None, False), (("admin", "officer"), Agency.CONF, None, False),
    (("officer", "desk_head"), Agency.POLICE, None, True), (("procurator",), Agency.POLICE, None, False),
    (("procurator", "officer"), Agency.PROC, None, True), (("reporter",), Agency.SCHOOL, None, False),
    (("reporter",), Agency.SCHOOL, "unit-school-1", True), (("reporter", "officer"), Agency.SCHOOL, "unit-school-1", False),
    (("machine",), Agency.POLICE, None, False), (("engine",), Agency.CONF, None, False), ((), Agency.CONF, None, True),
])  # fmt: skip
def test_which_roles_one_person_may_have(roles, agency, unit, fits):
    given = [Role(role) for role in roles]
    if fits:
        require_fit(given, agency, unit)
    else:
        with pytest.raises(Refused, match="roles_unfit"):
            require_fit(given, agency, unit)
