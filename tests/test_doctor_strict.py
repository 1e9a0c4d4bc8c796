"""Each check of `doctor --strict` holds where all is as it must be, and fails when that one thing is broken."""

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.db.beats import beats
from app.db.walls import APP, DOOR
from app.doctor_inside import archive_check, inside, link_check, papers_check, scanner_check
from app.doctor_strict import (
    HEADERS,
    ONLY_COME,
    QUIET,
    _of_database,
    clock_check,
    disk_check,
    examine_strictly,
    grants_check,
    headers_check,
    log_check,
    of_settings,
)
from app.documents import require_type
from app.logs import BORN, NAMES, tell
from app.settings import Settings
from tests.files.test_examine import clamd

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def good(tmp_path):
    anchor = tmp_path.parent / f"{tmp_path.name}-elsewhere" / "heads"
    anchor.parent.mkdir()
    anchor.write_text(json.dumps({"number": 7, "head": "00", "at": (NOW - timedelta(hours=1)).isoformat()}) + "\n")
    (tmp_path / "secrets.json").touch(0o600)
    return Settings(
        public_url="https://shouhu.test", trusted_proxies="10.0.0.1", limits=1, receipt_secret=SecretStr("x" * 32),
        audit_key=SecretStr("y"), log_days=180, restore_tested=date(2026, 11, 20), audit_anchor=anchor, data_dir=tmp_path,
    )  # fmt: skip


def failing(settings):
    return {check.what for check in of_settings(settings, NOW) if not check.ok}


def test_a_deployment_that_has_it_all_passes(good):
    assert failing(good) == set()
    assert len(of_settings(good, NOW)) == 10


@pytest.mark.parametrize(("broken", "what"), [
    ({"public_url": "http://shouhu.test"}, "people reach it by TLS"),
    ({"trusted_proxies": ""}, "the reverse proxy is named"), ({"trusted_proxies": "*"}, "the reverse proxy is named"),
    ({"limits": 0}, "requests are limited"), ({"limits": 1000}, "requests are limited"),
    ({"receipt_secret": SecretStr("short")}, "the secrets are there and long enough"),
    ({"audit_key": SecretStr("")}, "the secrets are there and long enough"),
    ({"log_days": 179}, "logs are kept for six months"),
    ({"restore_tested": None}, "a backup was restored lately"), ({"restore_tested": date(2026, 10, 26)}, "a backup was restored lately"),
    ({"restore_tested": date(2026, 12, 2)}, "a backup was restored lately"), ({"audit_anchor": None}, "the audit is anchored"),
])  # fmt: skip
def test_a_setting_that_is_wrong_is_told(good, broken, what):
    assert failing(good.model_copy(update=broken)) == {what}


@pytest.mark.parametrize(
    "line", ["", "no head", json.dumps({"at": (NOW - timedelta(hours=25)).isoformat()}), json.dumps({"at": "x"})]
)
def test_an_anchor_that_is_old_or_none_is_told(good, line):
    good.audit_anchor.write_text(line)
    assert failing(good) == {"the audit is anchored"}


@pytest.fixture
def embedded(good):
    """The same where the private database lies in the data folder, for a year, and the logs beside it."""
    born = good.data_dir / BORN
    born.parent.mkdir()
    born.touch()
    os.utime(born, ((NOW - timedelta(days=365)).timestamp(),) * 2)
    for name in NAMES:
        begins(good, name, timedelta(days=200))
    return good


def begins(good, name, ago):
    line = json.dumps({"event": "worker_ready", "timestamp": (NOW - ago).isoformat()})
    (good.data_dir / name).write_text(f"printed by a library\n{line}\n")


@pytest.mark.parametrize("name", NAMES)
def test_logs_that_were_cut_are_told_whatever_the_setting_says(embedded, name):
    assert failing(embedded.model_copy(update={"log_days": 0})) == set()
    begins(embedded, name, timedelta(days=170))
    assert failing(embedded) == {"logs are kept for six months"}
    (embedded.data_dir / name).unlink()
    assert failing(embedded) == {"logs are kept for six months"}
    os.utime(embedded.data_dir / BORN, (NOW.timestamp(),) * 2)  # a service that is new has none yet
    assert failing(embedded) == set()


def test_a_process_says_at_its_start_that_logs_are_not_kept(good, capsys):
    tell(good, NOW)
    assert "logs_not_kept" not in capsys.readouterr().out
    tell(good.model_copy(update={"log_days": 30}), NOW)
    assert "logs_not_kept" in capsys.readouterr().out


def test_a_file_with_secrets_that_others_may_read_is_told(good):
    (good.data_dir / "secrets.json").chmod(0o640)
    assert failing(good) == {"files with secrets are their owner's alone"}


def test_an_anchor_that_lies_with_the_data_is_told(good):
    good.audit_anchor.rename(good.data_dir / "heads")
    assert failing(good.model_copy(update={"audit_anchor": good.data_dir / "heads"})) == {
        "the anchor lies apart from the data"
    }


def test_a_full_disk_is_told(good, monkeypatch):
    monkeypatch.setattr("app.doctor_strict.FREE_SPACE", 1.1)
    assert not disk_check(good.data_dir).ok


@pytest.mark.parametrize(
    "grant",
    [
        *(f"grant delete on {table} to {APP}" for table in ONLY_COME),
        f"grant insert on seals to {DOOR}",
        f"grant set on parameter session_replication_role to {APP}",
    ],
)
async def test_a_right_too_many_is_told(engine, grant):
    async with engine.connect() as conn:
        assert (await grants_check(conn)).ok
        await conn.execute(text(grant))
        told = await grants_check(conn)
        await conn.rollback()
    assert not told.ok
    assert grant.split()[-1] in told.detail


@pytest.mark.parametrize(("name", "value"), [
    ("log_statement", "all"), ("log_min_duration_statement", "0"), ("log_min_duration_sample", "10"), ("log_error_verbosity", "default"),
    ("log_transaction_sample_rate", "0.5"), ("log_parameter_max_length_on_error", "-1"), ("password_encryption", "md5"),
])  # fmt: skip
async def test_a_database_that_logs_values_is_told(engine, name, value):
    assert name in QUIET
    async with engine.connect() as conn:
        assert (await log_check(conn)).ok
        await conn.execute(text(f"set local {name} = '{value}'"))
        assert name in (await log_check(conn)).detail


BREAKS = {
    "nobody but the owner is a superuser": ["create role doctored superuser login"],
    "what only comes is kept so by its triggers": ["alter table audit disable trigger only_appended", "drop trigger only_appended on seals"],
    "what acts as the owner looks in its own tables alone": ["alter function shouhu_by_token(text) reset search_path"],
    "nobody else makes tables": ["grant create on schema public to public", f"grant create on schema public to {APP}"],
    "system, security and audit each have somebody": [
        f"update people set is_active = false where '{role}' = any(roles)" for role in ("admin", "security_admin", "auditor")
    ],
    "nobody holds two of system, security and audit": ["update people set roles = '{admin,auditor}' where id = 'admin.1'"],
}  # fmt: skip


@pytest.mark.parametrize(("what", "broken"), [(what, one) for what, of in BREAKS.items() for one in of])
async def test_what_is_wrong_inside_the_database_is_told(engine, what, broken):
    async with engine.connect() as conn:
        assert {one.what: one for one in await inside(conn, NOW)}[what].ok
        await conn.execute(text(broken))
        told = {one.what: one for one in await inside(conn, NOW)}[what]
        await conn.rollback()
    assert not told.ok
    assert told.detail


@pytest.mark.parametrize(
    "line", ["host all all 10.0.0.0/8 trust", "host all all 10.0.0.0/8 password", "no line at all"]
)
async def test_a_database_that_asks_nobody_for_a_password_is_told(engine, line):
    """As the file says, before anybody has read it."""
    what = "the database asks everybody for a password"
    async with engine.connect() as conn:
        path = Path((await conn.execute(text("show hba_file"))).scalar_one())
        before = path.read_bytes()
        assert {one.what: one for one in await inside(conn, NOW)}[what].ok
        try:
            path.write_bytes(before + f"\n{line}\n".encode())
            assert not {one.what: one for one in await inside(conn, NOW)}[what].ok
        finally:
            path.write_bytes(before)


async def test_an_engine_that_nobody_compares_with_the_ledger_is_told(engine):
    what = "engine and ledger are compared"
    async with engine.connect() as conn:
        await conn.execute(beats.delete())
        assert not {one.what: one for one in await inside(conn, NOW)}[what].ok
        seen = {
            "process": "doctor",
            "build": "x",
            "began_at": NOW,
            "at": NOW,
            "reconciled_at": NOW - timedelta(minutes=9),
        }
        await conn.execute(beats.insert().values(seen))
        assert {one.what: one for one in await inside(conn, NOW)}[what].ok
        assert not {one.what: one for one in await inside(conn, NOW + timedelta(minutes=2))}[what].ok
        await conn.rollback()


@pytest.mark.parametrize(("archives", "ago", "failed_ago", "ok"), [
    (True, 1, None, True), (True, 1, 2, True), (False, None, None, False), (True, None, None, False), (True, 25, None, False),
    (True, 2, 1, False),
])  # fmt: skip
def test_a_database_that_archives_nothing_is_told(archives, ago, failed_ago, ok):
    at, failed = (hours and NOW - timedelta(hours=hours) for hours in (ago, failed_ago))
    assert archive_check(archives, at, failed, NOW).ok is ok


@pytest.mark.parametrize(
    ("encrypted", "address", "ok"),
    [
        (True, "10.0.0.7", True),
        (False, None, True),
        (False, "127.0.0.1", True),
        (False, "::1", True),
        (False, "10.0.0.7", False),
    ],
)
def test_a_link_in_clear_is_told(encrypted, address, ok):
    assert link_check(encrypted, address).ok is ok


def test_a_machine_without_chinese_type_is_told(monkeypatch):
    assert papers_check().ok
    require_type.cache_clear()
    monkeypatch.setattr("app.documents.FAMILIES", ("No Such Type",))
    assert not papers_check().ok
    require_type.cache_clear()


async def test_a_scanner_that_is_named_and_away_is_told():
    async with clamd() as (address, _):
        assert (await scanner_check(address)).ok
    assert not (await scanner_check(address)).ok
    assert (await scanner_check("")).ok


async def test_clocks_that_differ_are_told(engine):
    async with engine.connect() as conn:
        assert (await clock_check(conn, datetime.now(UTC))).ok
        assert not (await clock_check(conn, datetime.now(UTC) + timedelta(seconds=5))).ok


@pytest.mark.parametrize("missing", [*HEADERS, "content-security-policy"])
def test_an_answer_without_a_header_is_told(missing):
    whole = {**HEADERS, "content-security-policy": "default-src 'none'"}
    assert headers_check([whole, whole]).ok
    told = headers_check([whole, {name: value for name, value in whole.items() if name != missing}])
    assert (told.ok, missing in told.detail) == (False, True)


async def test_what_is_good_only_for_now_is_not_good_enough(postgres, engine, good, monkeypatch):
    """All of it at once on the real database, with a calendar that ends soon."""
    monkeypatch.setattr("app.doctor.CONFIRMED_AHEAD", timedelta(days=36_500))
    found = {
        one.what: one
        for one in await examine_strictly(good.model_copy(update={"database_url": SecretStr(postgres.url)}))
    }
    assert not found["the calendar is confirmed"].ok
    assert found["every walled table is shut"].ok
    assert found["the roles have no right too many"].ok
    assert not found["answers carry their headers"].ok, "nothing answers there"
    assert len(found) >= 36, "and five more where the engine answers and somebody was named"


@pytest.mark.parametrize("broken", ["no such server", "no such database", "another password", "no right to look"])
async def test_a_database_that_cannot_be_looked_at_is_told(postgres, engine, broken):
    """And is no check that was left out."""
    url = {
        "no such server": "postgresql+asyncpg://shouhu:x@127.0.0.1:1/postgres",
        "no such database": postgres.url.rpartition("/")[0] + "/nowhere",
        "another password": postgres.url_as(APP).replace(postgres.password_of(APP), "another"),
        "no right to look": postgres.url_as(APP),
    }[broken]
    found = await _of_database(Settings(database_url=SecretStr(url)))
    assert [(one.what, one.ok) for one in found] == [("the database can be looked at", False)]
    assert found[0].detail.endswith("Error")
