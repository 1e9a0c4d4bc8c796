"""Nobody but the worker seals, and nobody stops the audit: tried as every role of the service; what can only be seen is seen in time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from app.db.audit import ALARM_AFTER, REFUSED_AFTER
from app.db.sealer import Sealer, SealKey
from app.db.walls import APP, DOOR, ROLES, WIDE, WORKER
from app.doctor import sealed_check
from tests.api.conftest import SEAL_KEY, api  # noqa: F401

SEAL = "insert into seals values (999999, now(), 1, 0, '', '', '', '')"
STOPS = {
    "change a row": "update audit set why = 'x'",
    "delete rows": "delete from audit",
    "truncate": "truncate audit",
    "truncate the seals": "truncate seals",
    "delete a seal": "delete from seals",
    "drop the table": "drop table audit cascade",
    "drop the trigger": "drop trigger only_appended on audit",
    "disable the trigger": "alter table audit disable trigger all",
    "skip triggers": "set session_replication_role = replica",
    "lock everybody out": "lock table audit in share mode",
    "become a superuser": "alter role current_user superuser",
    "shut the worker out": "alter role shouhu_worker nologin",
    "make a role": "create role intruder superuser",
    "replace the trigger's function": "create or replace function only_appended() returns trigger language plpgsql as 'begin return new; end'",
    "change the database's settings": "alter database postgres set session_replication_role = replica",
    "run a program": "copy audit to program 'true'",
    "become the owner": "set session authorization shouhu",
}


async def attempt(conn, role, statement):
    """None where it is refused for want of a right, else what happened."""
    if role in (WIDE, DOOR):
        await conn.execute(text(f"set local role {role}"))
    try:
        await conn.execute(text(statement.replace("current_user", role)))
    except DBAPIError as refused:
        return None if refused.orig.sqlstate == "42501" else refused.orig.sqlstate
    finally:
        await conn.rollback()
    return "done"


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_of_the_service_stops_or_changes_the_audit(walled, worker_engine, role):
    async with (worker_engine if role == WORKER else walled).connect() as conn:
        wrong = {what: got for what, statement in STOPS.items() if (got := await attempt(conn, role, statement))}
        if role != WORKER:
            others = {"draw a seal": SEAL, "become the worker": f"set role {WORKER}",
                      "change the worker's password": f"alter role {WORKER} password 'x'"}  # fmt: skip
            wrong |= {what: got for what, statement in others.items() if (got := await attempt(conn, role, statement))}
    assert wrong == {}


async def test_what_is_refused_without_an_error_changes_nothing_either(walled):
    """PostgreSQL only warns of a right that somebody takes away who has not given it; settings of the server have no transaction."""
    async with walled.connect() as free:
        conn = await free.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text(f"revoke insert on audit from {DOOR}"))
        kept = text(f"select has_table_privilege('{DOOR}', 'audit', 'insert')")
        assert (await conn.execute(kept)).scalar_one()
        with pytest.raises(DBAPIError, match="permission denied"):
            await conn.execute(text("alter system set fsync = off"))


CONTROLS = [
    (f"grant update on audit to {APP}", STOPS["lock everybody out"]),
    (f"grant set on parameter session_replication_role to {APP}", STOPS["skip triggers"]),
    (f"grant insert on seals to {APP}", SEAL),
    (f"grant {WORKER} to {APP}", f"set role {WORKER}"),
]


@pytest.mark.parametrize(("grant", "statement"), CONTROLS)
async def test_a_right_too_many_would_be_noticed(engine, grant, statement):
    """In a transaction that is rolled back."""
    async with engine.connect() as conn:
        await conn.execute(text(grant))
        await conn.execute(text(f"set local session authorization {APP}"))
        assert await attempt(conn, APP, statement) == "done"


async def test_the_api_cannot_end_the_connections_of_the_worker(walled, worker_engine):
    async with worker_engine.connect() as theirs, walled.connect() as ours:
        pid = (await theirs.execute(text("select pg_backend_pid()"))).scalar_one()
        for how in ("pg_cancel_backend", "pg_terminate_backend"):
            assert await attempt(ours, APP, f"select {how}({pid})") is None
        assert (await theirs.execute(text("select 1"))).scalar_one() == 1


async def aged(conn, age):
    """Every row that no seal covers is so old."""
    await conn.execute(text("alter table audit disable trigger only_appended"))
    unsealed = text("update audit set at = :at where xid >= (select coalesce(max(below), 0) from seals)")
    await conn.execute(unsealed, {"at": datetime.now(UTC) - age})
    await conn.execute(text("alter table audit enable trigger only_appended"))


async def test_a_stopped_sealer_is_an_alarm_in_two_minutes_and_ends_reading_after_fifteen(api, engine, walled):  # noqa: F811
    """It is stopped by the one thing that a role of the service can do: hold the lock by which sealers take turns."""
    assert timedelta(minutes=2) >= ALARM_AFTER
    assert timedelta(minutes=15) == REFUSED_AFTER
    sealer, case = Sealer(engine, SealKey.of(SEAL_KEY)), f"/v1/cases/{(await api.report())['case_id']}"

    async def seen():
        with capture_logs() as lines:
            read = (await api.get("police.officer.1", case)).status_code
        async with engine.connect() as conn:
            doctor = (await sealed_check(conn)).ok
        health = (await api.http.get("/readyz")).json()["audit"]
        return read, doctor, health, any(line["event"] == "audit_not_sealed" for line in lines)

    assert await seen() == (200, True, "sealed", False)
    async with walled.connect() as intruder:
        await intruder.execute(text("select pg_advisory_lock(hashtextextended('sealer', 0))"))
        for age, expected in (
            (ALARM_AFTER - timedelta(seconds=20), (200, True, "sealed", False)),
            (ALARM_AFTER + timedelta(seconds=1), (200, False, "not sealed", True)),
            (REFUSED_AFTER + timedelta(seconds=1), (503, False, "not sealed", True)),
        ):
            assert await sealer.seal() == 0
            async with engine.begin() as conn:
                await aged(conn, age)
            assert await seen() == expected, age
            filed = await api.post("village.reporter.1", "/v1/reports", {"children": [{}]})
            assert filed.status_code == 201, "a report is taken all the same"
        await intruder.execute(text("select pg_advisory_unlock_all()"))
        await intruder.rollback()
    await sealer.seal()
    assert await seen() == (200, True, "sealed", False)
