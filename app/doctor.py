"""What an installation must have, checked on the running system; what is not so says what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client
from temporalio.service import RPCError

from app.db import tables
from app.db.audit import ALARM_AFTER, REFUSED_AFTER, unsealed_for
from app.db.beats import behind
from app.db.migrate import head, revision
from app.db.rotation import require_keys, standing
from app.db.session import DURABLE, FORGETFUL, engine_of
from app.db.vault import KeyMissing, NoVault, Vault
from app.db.versions import IN_FORCE, version
from app.db.walls import APP, DOOR, ROLES, WALLED, WIDE, WORKER
from app.domain.health import CONFIRMED_AHEAD, TOLD_WITHIN
from app.domain.working_time import BEIJING
from app.master_keys import vault_for
from app.policy.loader import RELEASE, BadPack, load
from app.policy.pack import Pack
from app.settings import Settings
from app.temporal import connect, pollers, version_of

POLLED_WITHIN = timedelta(seconds=75)
"""A worker asks anew at least every minute."""


SIGHT = ("sight", "district")
DOORS_OF = {"service": {WORKER, DOOR}, "sight": {APP}, "district": {WIDE}}
"""Whom each rule of a walled table is for; `owner` is for the owner alone, and there is no other."""
DOORS = text(
    "select p.tablename, p.policyname, p.roles::text[] as roles, t.tableowner, coalesce(p.qual, p.with_check) = 'true' as is_open"
    " from pg_policies p join pg_tables t using (schemaname, tablename)"
    " where p.schemaname = 'public' and p.permissive = 'PERMISSIVE' and p.tablename = any(:names) order by 1, 2"
)
MEMBERS = text(
    "select m.member::regrole::text as who, m.roleid::regrole::text as what from pg_auth_members m"
    " where m.member::regrole::text = any(:names) order by 1, 2"
)
MAY_BECOME = ((APP, WIDE), (APP, DOOR))


@dataclass(frozen=True)
class Check:
    """One answer; `soon` is good today and will not be before long."""

    what: str
    ok: bool
    detail: str = ""
    soon: bool = False


async def examine(settings: Settings, *, quick: bool) -> tuple[Check, ...]:
    """All checks, in the order in which one would look."""
    return (*await _database(settings, quick=quick), *await _engine(settings))


@asynccontextmanager
async def _connection(url: str, vault: Vault | None) -> AsyncIterator[AsyncConnection]:
    engine = engine_of(url, pool=1, vault=vault)
    try:
        async with engine.connect() as conn:
            yield conn
    finally:
        await engine.dispose()


async def _database(settings: Settings, *, quick: bool) -> tuple[Check, ...]:
    url = settings.database_url.get_secret_value()
    if not url:
        where = f"nothing runs on {settings.data_dir}, and SHOUHU_DATABASE_URL is not set"
        return (Check("the database answers", False, where),)
    try:
        async with _connection(url, vault_for(settings)) as conn:
            version = (await conn.execute(text("show server_version"))).scalar_one()
            answers = Check("the database answers", True, f"PostgreSQL {version}")
            return (answers,) if quick else (answers, *await _inside(conn, settings))
    except (SQLAlchemyError, OSError) as failure:
        return (Check("the database answers", False, f"{type(failure).__name__}; is it running?"),)


async def _inside(conn: AsyncConnection, settings: Settings) -> list[Check]:
    checks = []
    for name in DURABLE:
        value = (await conn.execute(text("select current_setting(:name)"), {"name": name})).scalar_one()
        safe = value not in FORGETFUL
        checks.append(Check(f"{name} is on", safe, value if safe else f"{value}: an acknowledged report could be lost"))
    found, newest = await revision(conn), head()
    migrated = Check("the schema is at its newest revision", found == newest, f"{found or 'none'}")
    if not migrated.ok:
        return [*checks, Check(migrated.what, False, f"{migrated.detail} instead of {newest}: run shouhu migrate")]
    today = datetime.now(BEIJING).date()
    until = (await conn.execute(select(func.max(tables.calendars.c.confirmed_until)))).scalar_one()
    return [
        *checks,
        migrated,
        *await walls_check(conn),
        await keys_check(conn, settings),
        calendar_check(until, today),
        await _published(conn),
        await _relay(conn),
        await sealed_check(conn),
    ]


async def _published(conn: AsyncConnection) -> Check:
    """Cases stay on the version under which they began, so every one has to be readable by this release."""
    what, packs = "the published rules can be read", dict[str, Pack]()
    rows = await conn.execute(select(version.version, version.files).where(version.approved_by.is_not(None)))
    for name, files in rows:
        try:
            packs[name] = load(name, files)
        except BadPack as bad:
            return Check(what, False, f"{name}: {bad.faults[0]}")
    older = [f"{name} is silent about {', '.join(one.silent_about)}" for name, one in packs.items() if one.silent_about]
    how = [f"{'; '.join(older)}: read from {RELEASE} until a version is published that has them"] if older else []
    live = (await conn.execute(IN_FORCE, {"today": datetime.now(BEIJING).date()})).one().version
    if live in packs and packs[live].left_out:
        how.append(
            f"{live} lacks {', '.join(packs[live].left_out)}, so nobody is asked for these until a version is published that has them"
        )
    return Check(what, True, "; ".join(how) or f"{len(packs)} versions", soon=bool(how))


def calendar_check(until: date | None, today: date) -> Check:
    """Past the confirmed day every deadline in working days is provisional."""
    what = "the calendar is confirmed"
    if until is None:
        return Check(what, False, "it is empty: run shouhu seed")
    how = f"until {until}; once the holidays of {until.year + 1} are announced, post /v1/calendar/confirmations"
    if until < today:
        return Check(what, False, how)
    soon = until < today + CONFIRMED_AHEAD
    return Check(what, True, how if soon else f"until {until}", soon=soon)


async def sealed_check(conn: AsyncConnection) -> Check:
    """What waits for its seal could still be changed unseen."""
    waited = round((await unsealed_for(conn)).total_seconds())
    what, late = "the audit is sealed", waited > ALARM_AFTER.total_seconds()
    how = f"a row has waited for {waited} s: is the worker running? Personal data is read no more after "
    return Check(
        what, not late, how + f"{round(REFUSED_AFTER.total_seconds())} s" if late else "nothing waits for long"
    )


async def walls_check(conn: AsyncConnection) -> list[Check]:
    """Row-level security, and the roles of the API and the worker, which must own nothing and pass no wall by themselves."""
    shut = text("select relname from pg_class where relname = any(:names) and relrowsecurity and relforcerowsecurity")
    found = set((await conn.execute(shut, {"names": list(WALLED)})).scalars())
    open_ones = [name for name in WALLED if name not in found]
    for row in await conn.execute(DOORS, {"names": list(WALLED)}):
        if set(row.roles) != DOORS_OF.get(row.policyname, {row.tableowner}) or (
            row.policyname in SIGHT and row.is_open
        ):
            open_ones.append(f"{row.tablename} by {row.policyname}")
    strong = text(
        "select rolname from pg_roles where rolname = any(:names) and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb"
        " or rolreplication or rolinherit or exists (select from pg_class where relowner = pg_roles.oid))"
    )
    there = set((await conn.execute(text("select rolname from pg_roles"))).scalars())
    wrong = [*(await conn.execute(strong, {"names": list(ROLES)})).scalars(), *(r for r in ROLES if r not in there)]
    members = (await conn.execute(MEMBERS, {"names": list(ROLES)})).all()
    wrong += [f"{row.who} as {row.what}" for row in members if (row.who, row.what) not in MAY_BECOME]
    return [
        Check(
            "every walled table is shut",
            not open_ones,
            f"not shut: {', '.join(open_ones)}" if open_ones else f"{len(WALLED)} tables",
        ),
        Check(
            "the roles own nothing",
            not wrong,
            f"missing or too strong: {', '.join(wrong)}" if wrong else ", ".join(ROLES),
        ),
    ]


async def keys_check(conn: AsyncConnection, settings: Settings) -> Check:
    """The master keys of what is stored are at hand, and in a file that nobody else reads."""
    what, path = "the keys of content are at hand", settings.key_file
    try:
        await require_keys(conn)
        open_to_others = path is not None and bool(path.stat().st_mode & 0o077)
    except (KeyMissing, NoVault, OSError) as missing:
        return Check(what, False, f"{missing}: what is stored cannot be read")
    if open_to_others:
        return Check(what, False, f"others may read {path}: chmod 600 {path}")
    found = await standing(conn)
    said = f"{len(found.by_master)} master key, {sum(found.by_master.values())} keys, {found.destroyed} destroyed"
    how = f"{said}; backups still open {found.since_rotation} of these: run shouhu keys rotate"
    return Check(what, True, how if found.since_rotation else said, soon=found.since_rotation > 0)


async def _relay(conn: AsyncConnection) -> Check:
    """How long the oldest event has waited that the conductor was not told of."""
    streams, oldest = await behind(conn)
    lag = datetime.now(UTC) - oldest if oldest else timedelta()
    said = f"{streams} behind, the oldest for {max(0, round(lag.total_seconds()))} s" if streams else "nothing behind"
    late = lag > TOLD_WITHIN
    return Check("the conductor is in step", not late, f"{said}: look at the worker's log" if late else said)


async def _engine(settings: Settings) -> tuple[Check, ...]:
    what, where = "Temporal answers", settings.temporal_address
    if not settings.payload_keys.get_secret_value():
        return (Check(what, False, "SHOUHU_PAYLOAD_KEYS is not set"),)
    try:
        client = await connect(settings)
        return (Check(what, True, where), await _worker(client, settings))
    except (RPCError, RuntimeError) as failure:
        return (Check(what, False, f"{where}: {type(failure).__name__}; is it running?"),)
    except ValueError:  # said by the keys, whose text must not be shown
        return (Check(what, False, "SHOUHU_PAYLOAD_KEYS is not of the form id:base64,id:base64"),)


async def _worker(client: Client, settings: Settings) -> Check:
    builds = await pollers(client, settings.task_queue, within=POLLED_WITHIN)
    ours = version_of(settings).build_id
    if not builds:
        return Check("a worker polls", False, f"nobody takes work from {settings.task_queue}: start shouhu worker")
    others = "" if ours in builds else f"; this program is {ours}"
    return Check("a worker polls", True, f"version {', '.join(sorted(builds))}{others}")
