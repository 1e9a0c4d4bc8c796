"""What a deployment with real children must have beyond what makes the service run: `shouhu doctor --strict`."""

import json
import shutil
import stat
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx2
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.session import engine_of
from app.db.walls import ROLES, WORKER
from app.doctor import Check, examine
from app.doctor_inside import apart_check, inside, papers_check, scanner_check
from app.domain.health import RESTORED_WITHIN
from app.logs import kept
from app.settings import SETTINGS_FILE, Settings

ANCHORED_WITHIN = timedelta(hours=24)  # default
CLOCKS_APART = timedelta(seconds=2)  # default
FREE_SPACE = 0.1  # default
SHORTEST_SECRET = 32
PRIVATE = (SETTINGS_FILE, "secrets.json", "tokens.json")
ONLY_COME = ("events", "commands", "audit", "seals")
QUIET = {
    "log_statement": "none", "log_min_duration_statement": "-1", "log_min_duration_sample": "-1", "log_transaction_sample_rate": "0",
    "log_parameter_max_length_on_error": "0", "log_error_verbosity": "terse", "password_encryption": "scram-sha-256",
}  # fmt: skip
"""What the database's own log must not hold, and how it keeps passwords."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


async def examine_strictly(settings: Settings) -> tuple[Check, ...]:
    """All checks of the doctor and those of a deployment; what is good only for now is not good enough."""
    usual = [Check(one.what, one.ok and not one.soon, one.detail) for one in await examine(settings, quick=False)]
    return (
        *usual,
        *of_settings(settings, datetime.now(UTC)),
        *await _of_database(settings),
        papers_check(),
        await scanner_check(settings.clamav),
        await _of_answers(settings),
    )


def of_settings(settings: Settings, now: datetime) -> tuple[Check, ...]:
    """What the settings and the files beside them say."""
    return (
        tls_check(settings), proxy_check(settings), limits_check(settings), secret_check(settings), logs_check(settings, now),
        restore_check(settings.restore_tested, now.date()), anchor_check(settings.audit_anchor, now),
        apart_check(settings.audit_anchor, settings.data_dir), files_check(settings.data_dir), disk_check(settings.data_dir),
    )  # fmt: skip


def tls_check(settings: Settings) -> Check:
    """Whatever people reach goes by the reverse proxy, which holds the certificate."""
    ok = settings.public_url.startswith("https://")
    return Check(
        "people reach it by TLS", ok, settings.public_url if ok else "SHOUHU_PUBLIC_URL is no https:// address"
    )


def proxy_check(settings: Settings) -> Check:
    """Without it everybody comes from one address; with `*` everybody says where they come from."""
    named = [one.strip() for one in settings.trusted_proxies.split(",") if one.strip()]
    ok = bool(named) and "*" not in named
    return Check(
        "the reverse proxy is named", ok, ", ".join(named) if ok else "set SHOUHU_TRUSTED_PROXIES to its address"
    )


def limits_check(settings: Settings) -> Check:
    """They were taken away for measuring, perhaps."""
    ok = 0 < settings.limits <= 10
    return Check(
        "requests are limited",
        ok,
        f"{settings.limits} times the published limits" if ok else "SHOUHU_LIMITS is not usual",
    )


def secret_check(settings: Settings) -> Check:
    """The content of a secret is never shown."""
    long = len(settings.receipt_secret.get_secret_value()) >= SHORTEST_SECRET
    lacking = [name for name, there in (("SHOUHU_RECEIPT_SECRET", long), ("SHOUHU_AUDIT_KEY", bool(settings.audit_key.get_secret_value())))
               if not there]  # fmt: skip
    return Check(
        "the secrets are there and long enough",
        not lacking,
        f"short or missing: {', '.join(lacking)}" if lacking else "",
    )


def logs_check(settings: Settings, now: datetime) -> Check:
    """As they lie beside the data, else as the operator says of the platform."""
    return Check("logs are kept for six months", *kept(settings, now))


def restore_check(tested: date | None, today: date) -> Check:
    """A backup that nobody has restored is a hope."""
    ok = tested is not None and today - RESTORED_WITHIN <= tested <= today
    how = str(tested) if ok else f"{tested or 'never'}: restore one, and enter the day as SHOUHU_RESTORE_TESTED"
    return Check("a backup was restored lately", ok, how)


def anchor_check(file: Path | None, now: datetime) -> Check:
    """The newest head that another organisation holds."""
    what = "the audit is anchored"
    if file is None or not file.exists():
        return Check(what, False, "SHOUHU_AUDIT_ANCHOR names no file with heads")
    try:
        at = datetime.fromisoformat(json.loads(file.read_text("utf-8").splitlines()[-1])["at"])
    except (ValueError, KeyError, IndexError, OSError):
        return Check(what, False, f"the last line of {file} is no head")
    ok = now - ANCHORED_WITHIN <= at <= now + CLOCKS_APART
    return Check(what, ok, f"last at {at:%Y-%m-%d %H:%M}")


def files_check(folder: Path) -> Check:
    """Those with secrets in the data folder."""
    found = [folder / name for name in PRIVATE if (folder / name).exists()]
    open_ones = [path.name for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]
    how = f"chmod 600 {' '.join(open_ones)}" if open_ones else f"{len(found)} files"
    return Check("files with secrets are their owner's alone", not open_ones, how)


def disk_check(folder: Path) -> Check:
    """Where the data lies, as far as it lies here."""
    usage = shutil.disk_usage(folder if folder.exists() else Path("/"))
    return Check(
        "there is room on the disk", usage.free >= FREE_SPACE * usage.total, f"{usage.free / usage.total:.0%} free"
    )


async def _of_database(settings: Settings) -> tuple[Check, ...]:
    url = settings.database_url.get_secret_value()
    if not url:
        return ()
    engine = engine_of(url, pool=1)
    try:
        async with engine.connect() as conn:
            now = datetime.now(UTC)
            return (
                await grants_check(conn),
                await tokens_check(conn),
                await log_check(conn),
                await clock_check(conn, now),
                *await inside(conn, now),
            )
    except (SQLAlchemyError, OSError) as failure:
        return (Check("the database can be looked at", False, type(failure).__name__),)
    finally:
        await engine.dispose()


async def grants_check(conn: AsyncConnection) -> Check:
    """Rows that only come, and seals that only the worker draws."""
    asked = text(
        "select r || ' may ' || p || ' ' || t from unnest(cast(:roles as text[])) r, unnest(cast(:tables as text[])) t,"
        " unnest(array['update', 'delete', 'truncate']) p where has_table_privilege(r, t, p)"
        " union all select r || ' may draw seals' from unnest(cast(:others as text[])) r where has_table_privilege(r, 'seals', 'insert')"
        " union all select r || ' may switch off triggers' from unnest(cast(:roles as text[])) r"
        " where has_parameter_privilege(r, 'session_replication_role', 'set')"
    )
    others = [role for role in ROLES if role != WORKER]
    found = (await conn.execute(asked, {"roles": list(ROLES), "tables": list(ONLY_COME), "others": others})).scalars()
    wrong = list(found)
    return Check("the roles have no right too many", not wrong, "; ".join(wrong))


async def tokens_check(conn: AsyncConnection) -> Check:
    """A token of a person needs no second factor and ends by itself never: it is for trying the service."""
    people = tables.people.c
    query = select(func.count()).where(people.is_active, people.token_hash.is_not(None))
    held = (await conn.execute(query)).scalar_one()
    how = f"{held} people come in by a token without an end: SHOUHU_TOKENS=false, then run shouhu seed" if held else ""
    return Check("nobody comes in by a token without an end", not held, how)


async def log_check(conn: AsyncConnection) -> Check:
    """Statements and their values hold names."""
    query = text("select name, setting from pg_settings where name = any(:names)")
    found = {row.name: row.setting for row in await conn.execute(query, {"names": list(QUIET)})}
    wrong = [f"{name} is {found.get(name)}" for name, wanted in QUIET.items() if found.get(name) != wanted]
    return Check("the database's log holds no values", not wrong, "; ".join(wrong))


async def clock_check(conn: AsyncConnection, now: datetime) -> Check:
    """This machine's against the database's."""
    theirs = (await conn.execute(text("select clock_timestamp()"))).scalar_one()
    apart = abs(theirs - now)
    return Check("the clocks agree", apart <= CLOCKS_APART, f"{apart.total_seconds():.1f} s apart")


async def _of_answers(settings: Settings) -> Check:
    host = "127.0.0.1" if settings.api_host in ("0.0.0.0", "::") else settings.api_host
    try:
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
            answers = [await http.get(f"http://{host}:{settings.api_port}{path}") for path in ("/progress", "/v1/me")]
    except httpx2.HTTPError as failure:
        return Check("answers carry their headers", False, f"the API does not answer here: {type(failure).__name__}")
    return headers_check([answer.headers for answer in answers])


def headers_check(answers: list[Mapping[str, str]]) -> Check:
    """Of a page and of a refusal."""
    wrong = {name for headers in answers for name, value in HEADERS.items() if headers.get(name) != value}
    wrong |= {
        "content-security-policy"
        for headers in answers
        if "default-src 'none'" not in headers.get("content-security-policy", "")
    }
    return Check(
        "answers carry their headers", not wrong, f"wrong or missing: {', '.join(sorted(wrong))}" if wrong else ""
    )
