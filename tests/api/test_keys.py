"""Keys of machines: shown once, bound to a unit and scopes, rotated with an overlap, worthless at the next request once revoked."""

import asyncio
import hashlib
import re
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, insert, select, text, update
from typer.testing import CliRunner

from app.api import child_matrix
from app.api.matrix import commands, matrix
from app.cli import app
from app.db import tables
from app.db.account_tables import api_keys
from app.db.keys import PREFIX
from app.db.people import actor_by_key, actor_by_token, machine_of
from app.domain.access import KEY_ACTIONS, Action, Actor, may, scope
from app.domain.keys import MOST_KEYS, OPEN_TO_ALL, OPENS, TASK_WORK
from app.domain.terms import Agency, KeyScope, Role
from app.embedded import EmbeddedError
from app.settings import Settings
from tests.api.conftest import TOKENS, UNIT, Machine
from tests.api.test_matrix import routes
from tests.api.test_reports import is_problem
from tests.api.test_stalled import later
from tests.sights import as_context, context, parsed

ADMIN, SECURITY, SCHOOL, POLICE_HEAD = "admin.1", "security.1", "school.reporter.1", "police.head.1"
TASKS = ["task:read", "task:work"]


async def test_a_schools_system_reports_and_follows_its_reports_and_opens_nothing_else(api, give):
    school = await give()
    filed = await school.post("/v1/reports", {"children": [{"residence_division": "110106101"}]})
    assert filed.status_code == 201, filed.text
    case = filed.json()["case_id"]
    assert case in (await school.get("/v1/reports")).text
    assert case in (await api.get(SCHOOL, "/v1/reports")).text, "its people see what their system sent"
    assert (await school.get("/v1/me")).json()["person_id"] == "unit-school-1.machine"
    for path in ("/v1/cases", f"/v1/cases/{case}", "/v1/notices", "/v1/keys", "/v1/policy/versions"):
        refused = await school.get(path)
        is_problem(refused, 403, "scope_missing")
        assert case not in refused.text
    is_problem(await school.post("/v1/keys", {"unit": UNIT, "scopes": ["report:create"]}), 403, "scope_missing")


async def test_a_desks_system_works_on_its_tasks_and_reads_no_content(api, give):
    police, case = await give("POLICE", TASKS, POLICE_HEAD), (await api.report(narrative="不可见"))["case_id"]
    leg = await api.leg(case, "POLICE")
    read = await police.get(f"/v1/cases/{case}")
    assert (read.status_code, "content" in read.json(), "不可见" in read.text) == (200, False, False)
    assert (await police.post(f"/v1/cases/{case}/referrals/{leg}/accept", {})).status_code == 200
    housing = await give("HOUSING", TASKS, "housing.head.1")
    is_problem(await housing.get(f"/v1/cases/{case}"), 404, "case_not_found")
    is_problem(await housing.post(f"/v1/cases/{case}/referrals/{leg}/complete", {}), 404, "case_not_found")
    reads_only = await give("POLICE", ["task:read"], POLICE_HEAD)
    is_problem(await reads_only.post(f"/v1/cases/{case}/referrals/{leg}/complete", {}), 403, "scope_missing")


async def test_a_key_is_stored_as_a_hash_alone_and_shown_once(api, give):
    school = await give()
    secret = school.headers["Authorization"].removeprefix("Bearer ")
    assert secret.startswith(PREFIX)
    assert len(secret) > 40
    rows = (await api.get(SCHOOL, "/v1/keys")).json()["items"]
    assert [row["id"] for row in rows] == [school.id]
    async with api.service.engine.connect() as conn:
        stored = (await conn.execute(select(api_keys))).one()
    assert stored.digest == hashlib.sha256(secret.encode()).hexdigest()
    for shown in (str(rows), str(tuple(stored))):
        assert secret not in shown
        assert secret.removeprefix(PREFIX) not in shown


async def test_the_last_use_is_seen_to_the_minute(api, give):
    school, now = await give(), api.service.ledger.clock()
    assert (await api.get(SCHOOL, "/v1/keys")).json()["items"][0]["last_used_at"] is None
    seen = []
    for seconds in (0, 30, 61):
        with later(api, now + timedelta(seconds=seconds)):
            assert await school.is_good()
            seen.append((await api.get(SCHOOL, "/v1/keys")).json()["items"][0]["last_used_at"])
    assert seen[0] == seen[1] < seen[2]


async def test_of_a_key_it_is_seen_that_whoever_gave_it_is_shut_out(api, give):
    school, other, person = await give(), await give("POLICE", TASKS, POLICE_HEAD), tables.people

    async def left(by=SECURITY, query=""):
        return {row["id"]: row["giver_left"] for row in (await api.get(by, f"/v1/keys{query}")).json()["items"]}

    async def give_up(*, back):
        async with api.service.engine.begin() as conn:
            await conn.execute(update(person).where(person.c.id == POLICE_HEAD).values(is_active=back))

    await give_up(back=False)
    try:
        assert await left() == {school.id: False, other.id: True}
        assert await other.is_good(), "a system that stops in the night helps no child"
        assert await left(query=f"?made_by={POLICE_HEAD}") == {other.id: True}
        assert await left(SCHOOL, f"?made_by={POLICE_HEAD}") == {}
    finally:
        await give_up(back=True)
    assert await left(POLICE_HEAD) == {other.id: False}


async def test_a_rotated_key_is_good_for_the_overlap_and_no_longer(api, give):
    old, now = await give(), api.service.ledger.clock()
    rotated = await api.post(SCHOOL, f"/v1/keys/{old.id}/rotation", {"overlap_hours": 2})
    assert rotated.status_code == 201, rotated.text
    new = Machine(api, rotated.json())
    report, key = {"children": [{}]}, {"Idempotency-Key": "sent-twice"}
    first = await old.post("/v1/reports", report, key)
    again = await new.post("/v1/reports", report, key)
    assert first.json()["case_id"] == again.json()["case_id"], "a system that changes its key may repeat what it sent"
    for hours, good in ((0, True), (1.9, True), (2.1, False)):
        with later(api, now + timedelta(hours=hours)):
            assert (await old.is_good(), await new.is_good()) == (good, True)
    is_problem(await api.post(SCHOOL, f"/v1/keys/{old.id}/rotation"), 409, "key_ended")
    kept = (await api.get(SCHOOL, "/v1/keys")).json()["items"]
    assert {row["id"]: row["replaced_by"] for row in kept} == {old.id: new.id, new.id: None}


async def test_a_key_ends_by_itself(api, give):
    school, now = await give(), api.service.ledger.clock()
    for days, good in ((364, True), (366, False)):
        with later(api, now + timedelta(days=days)):
            assert await school.is_good() is good


@pytest.mark.parametrize("by", [SCHOOL, ADMIN, SECURITY])
async def test_a_revoked_key_is_refused_at_the_next_request(api, give, by):
    school, other = await give(), await give()
    assert await school.is_good()
    assert (await api.http.delete(f"/v1/keys/{school.id}", headers=api._headers(by, None))).status_code == 204
    answer = await school.get("/v1/me")
    is_problem(answer, 401, "unauthenticated")
    nobody = await api.http.get("/v1/me", headers={"Authorization": f"Bearer {PREFIX}nobody"})
    assert {**answer.json(), "instance": ""} == {**nobody.json(), "instance": ""}, "nor is it told that it was one"
    assert await other.is_good()


GIVERS = [
    (ADMIN, UNIT, ["report:create", "round:answer"], 201), (ADMIN, "POLICE", ["report:create"], 201),
    (ADMIN, "POLICE", ["task:read"], 403), (ADMIN, UNIT, ["task:read"], 403), (ADMIN, "unit-none", ["report:create"], 404),
    (SECURITY, UNIT, ["report:create"], 403), ("auditor.1", UNIT, ["report:create"], 403),
    (SCHOOL, UNIT, ["report:create"], 201), (SCHOOL, "unit-hospital-1", ["report:create"], 403),
    (SCHOOL, "unit-none", ["report:create"], 403), (SCHOOL, UNIT, ["task:read"], 403), (SCHOOL, "SCHOOL", ["report:create"], 403),
    (POLICE_HEAD, "POLICE", [*TASKS, "report:create"], 201), (POLICE_HEAD, "CIVIL", TASKS, 403),
    ("police.officer.1", "POLICE", TASKS, 403), ("street-110106002.head.1", "STREET-110106002", TASKS, 201),
    ("street-110106002.head.1", "STREET-110106003", TASKS, 403), ("civil.supervisor.1", "POLICE", TASKS, 403),
]  # fmt: skip


@pytest.mark.parametrize(("by", "unit", "scopes", "status"), GIVERS)
async def test_nobody_gives_a_key_that_sees_more_than_they_do(api, give, by, unit, scopes, status):
    made = await api.post(by, "/v1/keys", {"unit": unit, "scopes": scopes})
    assert made.status_code == status, made.text


async def test_in_a_lent_seat_nobody_gives_a_key_that_outlives_the_loan(api, give):
    deputy, seat = "police.officer.2", {"X-Acting-For": POLICE_HEAD}
    head, wanted = await give("POLICE", TASKS, POLICE_HEAD), {"unit": "POLICE", "scopes": TASKS}
    now = api.service.ledger.clock()
    lent = {"from_at": (now - timedelta(hours=1)).isoformat(), "until_at": (now + timedelta(hours=1)).isoformat()}
    made = await api.post(POLICE_HEAD, "/v1/deputies", {"person_id": POLICE_HEAD, "deputy_id": deputy, **lent})
    assert made.status_code == 201, made.text
    try:
        is_problem(await api.post(deputy, "/v1/keys", wanted, seat), 403, "not_allowed")
        is_problem(await api.post(deputy, f"/v1/keys/{head.id}/rotation", {}, seat), 403, "not_allowed")
        ends = await api.http.delete(f"/v1/keys/{head.id}", headers=api._headers(deputy, seat))
        assert ends.status_code == 204, "what leaks can be ended at once"
    finally:
        await api.http.delete(f"/v1/deputies/{made.json()['id']}", headers=api._headers(POLICE_HEAD, None))


async def test_another_units_keys_do_not_exist(api, give):
    school = await give()
    assert (await api.get("hospital.reporter.1", "/v1/keys")).json()["items"] == []
    assert (await api.get("police.head.1", f"/v1/keys?unit={UNIT}")).json()["items"] == []
    is_problem(await api.get("police.officer.1", "/v1/keys"), 403, "not_allowed")
    for person in ("hospital.reporter.1", "police.head.1", "civil.supervisor.1"):
        headers = api._headers(person, None)
        is_problem(await api.http.delete(f"/v1/keys/{school.id}", headers=headers), 404, "key_not_found")
        is_problem(await api.post(person, f"/v1/keys/{school.id}/rotation"), 404, "key_not_found")
    is_problem(await api.post(SECURITY, f"/v1/keys/{school.id}/rotation"), 403, "not_allowed")
    assert await school.is_good()
    for overseer in (ADMIN, SECURITY):
        assert school.id in (await api.get(overseer, "/v1/keys")).text


async def test_a_unit_has_only_so_many_good_keys(api, give):
    for _ in range(MOST_KEYS):
        await give()
    wanted = {"unit": UNIT, "scopes": ["report:create"]}
    is_problem(await api.post(SCHOOL, "/v1/keys", wanted), 409, "too_many_keys")


async def test_giving_changing_and_ending_keys_is_on_record(api, give):
    school = await give()
    await api.post(SCHOOL, f"/v1/keys/{school.id}/rotation")
    await api.http.delete(f"/v1/keys/{school.id}", headers=api._headers(SECURITY, None))
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        rows = await conn.execute(
            select(row.person_id, row.action, row.fields).where(row.stream_id == school.id).order_by(row.id)
        )
    scopes = ["report:create", "report:read-own"]
    assert [tuple(one) for one in rows] == [
        (ADMIN, "issue_key", scopes), (SCHOOL, "rotate_key", scopes), (SECURITY, "revoke_key", []),
    ]  # fmt: skip


async def test_machines_have_no_tokens_of_persons(api):
    """Though the row of an agency's system had one."""
    assert (await api.get("police.machine", "/v1/me")).status_code == 401


@asynccontextmanager
async def key_row(api, **row):
    now = api.service.ledger.clock()
    given = {"id": "key-row", "digest": hashlib.sha256(b"row").hexdigest(), "label": "", "made_by": "x", "made_at": now,
             "expires_at": now + timedelta(1), **row}  # fmt: skip
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(api_keys), given)
    yield
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(api_keys))


BOUND = [
    ("unit-school-1", "SCHOOL", "SCHOOL", None), ("POLICE", "POLICE", "POLICE", None),
    ("STREET-110106002", "STREET", "STREET-110106002", "110106002"), ("STREET-110106", "STREET", "STREET-110106", "110106"),
    ("unit-village-1", "COMM", "COMM-110106101", "110106101"),
]  # fmt: skip


@pytest.mark.parametrize(
    "scopes", [list(KeyScope), ["report:create"], ["task:read"], ["report:read-own", "round:answer"]], ids=str
)
@pytest.mark.parametrize(("unit", "agency", "desk", "division"), BOUND)
async def test_the_database_works_out_the_same_sight_of_a_key_as_the_domain(
    walled, api, unit, agency, desk, division, scopes
):
    async with (
        key_row(api, unit=unit, agency=agency, desk=desk, division=division, scopes=scopes),
        walled.begin() as conn,
    ):
        who = await actor_by_key(conn, "row", api.service.ledger.clock())
        assert parsed(await context(conn)) == as_context(who)
    seen = scope(who)
    assert bool(seen.desks) == (unit == desk and "task:read" in scopes)
    assert seen.agencies == ((Agency.STREET,) if unit == "STREET-110106" and "task:read" in scopes else ())


async def test_the_walls_show_a_person_no_key_of_another_unit(walled, api):
    async with key_row(api, unit="unit-school-1", agency="SCHOOL", desk="SCHOOL", scopes=["report:create"]):
        for person, count in ((SCHOOL, 1), ("hospital.reporter.1", 0), (ADMIN, 0), ("conf.supervisor.1", 0)):
            async with walled.begin() as conn:
                assert await actor_by_token(conn, TOKENS[person])
                assert (await conn.execute(text("select count(*) from api_keys"))).scalar_one() == count, person


def test_every_route_that_a_key_opens_is_a_route_and_task_work_is_what_a_machine_may():
    every = matrix().keys() | child_matrix.RULES.keys()
    assert set(OPENS) | set(OPEN_TO_ALL) <= {name.partition(" ")[0] for name in every}
    assert set(OPENS) | set(OPEN_TO_ALL) <= set(routes())
    assert set(TASK_WORK) == {name for name, action in commands() if action is Action.WORK_REFERRAL}


@pytest.mark.parametrize("scope_", KeyScope)
def test_a_scope_that_names_less_is_allowed_less(scope_, monkeypatch):
    """What a key may do is what its scopes name; an action that is taken out of a scope is refused."""
    key = Actor(person_id="x", agency=Agency.HOTLINE, desk="HOTLINE", roles=(Role.MACHINE,), scopes=(scope_,))
    assert may(key, Action.FILE_REPORT).allowed is (scope_ is KeyScope.REPORT_CREATE)
    monkeypatch.setitem(KEY_ACTIONS, scope_, ())
    assert not may(key, Action.FILE_REPORT).allowed
    assert may(machine_of(Agency.HOTLINE), Action.FILE_REPORT).allowed


async def test_the_command_gives_lists_changes_and_ends_keys(api, engine, monkeypatch):
    """As it runs on the server, with the database's own address."""
    settings = Settings(database_url=SecretStr(engine.url.render_as_string(hide_password=False)))
    monkeypatch.setattr("app.keys_cli.settings_of", lambda data: settings)

    def run(*arguments, code=0):
        done = CliRunner().invoke(app, ["key", *arguments])
        assert (done.exit_code, type(done.exception)) in ((code, type(None)), (1, EmbeddedError)), done.output
        return done.output if code == 0 else str(done.exception)

    async def said(*arguments, **more):
        return await asyncio.to_thread(run, *arguments, **more)

    made = await said("POLICE", "--scope", "task:read", "--label", "警务系统")
    secret, key_id = (re.search(pattern, made)[0] for pattern in (r"shk_\S+", r"key-\w+"))
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await api.http.get("/v1/cases", headers=headers)).status_code == 200
    listed = await said("POLICE", "--list")
    assert (secret in listed, key_id in listed, "used 20" in listed) == (False, True, True)
    assert len(set(re.findall(r"key-\w+", await said("POLICE", "--rotate", key_id)))) == 2
    await said("POLICE", "--revoke", key_id)
    assert (await api.http.get("/v1/cases", headers=headers)).status_code == 401
    assert "no key of CIVIL" in await said("CIVIL", "--revoke", key_id, code=1)
    assert "sees no" in (await said("unit-school-1", "--scope", "task:read", code=1)).replace("see no", "sees no")
    assert "No unit" in await said("unit-none", code=1)
    async with engine.begin() as conn:
        await conn.execute(delete(api_keys))
