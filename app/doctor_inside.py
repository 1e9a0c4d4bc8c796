"""What only the database and the machine themselves can say of a deployment: more of `shouhu doctor --strict`."""

import ipaddress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.beats import ARCHIVER
from app.doctor import Check
from app.documents import NoChineseType, require_type
from app.domain.health import ARCHIVED_WITHIN, LOOKED_WITHIN
from app.files.kinds import BadFile
from app.files.scanner import scan


class Look(NamedTuple):
    """A statement whose rows say what is wrong, and what is to be done about it."""

    what: str
    sql: str
    do: str = ""


LOOKS = (
    Look(
        "the database asks everybody for a password",
        "select 'line ' || line_number || ' says ' || coalesce(error, auth_method) from pg_hba_file_rules"
        " where error is not null or auth_method in ('trust', 'password', 'ident') and type <> 'local' or auth_method = 'trust'",
        "pg_hba.conf: scram-sha-256",
    ),
    Look(
        "nobody but the owner is a superuser",
        "select rolname from pg_roles where rolsuper and rolcanlogin and rolname <> current_user",
    ),
    Look(
        "what only comes is kept so by its triggers",
        "select t from unnest(array['audit', 'seals', 'register_entries']) t where not exists (select from pg_trigger"
        " where tgrelid = t::regclass and tgname = 'only_appended' and tgenabled in ('O', 'A'))",
    ),
    Look(
        "what acts as the owner looks in its own tables alone",
        "select oid::regprocedure::text from pg_proc where prosecdef and pronamespace = 'public'::regnamespace"
        " and not exists (select from unnest(proconfig) c where c like 'search_path=%')",
    ),
    Look(
        "nobody else makes tables",
        "select rolname from (select rolname from pg_roles where not rolsuper and rolname not like 'pg\\_%' union select 'public') r"
        " where has_schema_privilege(rolname, 'public', 'create')",
    ),
    Look(
        "system, security and audit each have somebody",
        "select r from unnest(array['admin', 'security_admin', 'auditor']) r"
        " where not exists (select from people where is_active and r = any(roles))",
        "give the role on the page 人员与权限",
    ),
    Look(
        "nobody holds two of system, security and audit",
        "select id from people where is_active and (select count(*) from unnest(roles) r where r in ('admin', 'security_admin', 'auditor')) > 1",
    ),
)


async def inside(conn: AsyncConnection, now: datetime) -> tuple[Check, ...]:
    """As the owner of the database, who may see how it is set up."""
    found: list[Check] = []
    for look in LOOKS:
        wrong = list((await conn.execute(text(look.sql))).scalars())
        found.append(Check(look.what, not wrong, "; ".join([*map(str, wrong), look.do] if wrong else [])))
    archiver = (await conn.execute(ARCHIVER)).one()
    link = (await conn.execute(LINK)).one()
    looked = (await conn.execute(text("select max(reconciled_at) from beats"))).scalar_one()
    return (
        *found,
        archive_check(archiver.archives, archiver.last_archived_time, archiver.last_failed_time, now),
        link_check(link.ssl, link.address),
        compared_check(looked, now),
    )


LINK = text(
    "select s.ssl, host(a.client_addr) as address from pg_stat_ssl s join pg_stat_activity a using (pid) where pid = pg_backend_pid()"
)


def archive_check(archives: bool, at: datetime | None, failed_at: datetime | None, now: datetime) -> Check:
    """Without it a disaster goes back to the last backup."""
    ok = archives and at is not None and now - at <= ARCHIVED_WITHIN and not (failed_at and failed_at > at)
    how = (
        "set archive_mode and archive_command"
        if not archives
        else f"last {at or 'never'}, failed {failed_at or 'never'}"
    )
    return Check("what changes in the database is archived", ok, "" if ok else how)


def link_check(encrypted: bool, address: str | None) -> Check:
    """Names and numbers travel sealed, what is asked for by does not."""
    here = address is None or ipaddress.ip_address(address).is_loopback
    how = "" if encrypted or here else f"from {address} in clear: sslmode=require"
    return Check("the link to the database is encrypted or leaves no machine", encrypted or here, how)


def compared_check(at: datetime | None, now: datetime) -> Check:
    """What was lost between the two is brought back by that alone."""
    ok = at is not None and now - at <= LOOKED_WITHIN
    return Check("engine and ledger are compared", ok, "" if ok else f"last {at or 'never'}: look at the worker's log")


def papers_check() -> Check:
    """Letters, receipts and notices are made with Chinese type."""
    what = "papers can be made"
    try:
        require_type()
    except NoChineseType as missing:
        return Check(what, False, str(missing))
    return Check(what, True)


async def scanner_check(address: str) -> Check:
    """Where one is named, nothing is taken without its word."""
    what = "the virus scanner answers"
    if not address:
        return Check(what, True, "none is named")
    try:
        await scan(address, b"a file of the doctor")
    except BadFile as bad:
        return Check(what, False, f"{address}: {bad.fault.value}")
    return Check(what, True, address)


def apart_check(anchor: Path | None, data: Path) -> Check:
    """Whoever takes the data away takes the heads with it, where they lie together."""
    lies_within = anchor is not None and anchor.resolve().is_relative_to(data.resolve())
    how = f"{anchor} lies in {data}: name a place that another organisation keeps" if lies_within else ""
    return Check("the anchor lies apart from the data", not lies_within, how)
