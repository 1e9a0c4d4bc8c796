"""The second wall: what PostgreSQL itself shows, were the code to forget; who the roles are, and that every table stands behind it."""

import asyncio
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from app.db import tables, walls
from app.db.migrate import migrate
from app.db.people import actor_by_token, deputy
from app.db.session import engine_of
from app.db.sheet_jobs import sheet_jobs
from app.db.walls import APP, ROLES, WALLED, WIDE, NotWalled, as_service, require_walled
from app.district import PEOPLE
from app.domain.terms import Role
from tests.conftest import TOKENS, VAULT
from tests.sights import SETTINGS, as_context, context, parsed

OF_PERSONS = ("case_id", "child_id", "person_id", "stream_id", "name", "phone", "id_no", "reporter_unit")
"""Columns that say of whom a row is."""
NO_WALL = {
    "events": "codes, ids and instants; a database of its own would hold no personal data either (DECISIONS 10)",
    "deadlines": "codes, ids and instants",
    "commands": "digests and keys",
    "submissions": "digests and keys",
    "audit": "ids and codes; only comes, sealed (SECURITY.md)",
    "deputies": "who stands in for whom, shown to those concerned",
    "divisions": "official names of streets",
    "calendar_days": "names of holidays",
    "rounds": "codes and ids of rounds and units",
    "round_units": "codes and ids of rounds and units",
    "case_outcomes": "what the rules find in a report, in codes",
    "identities": "subjects of an identity provider, asked for before anybody is known",
    "accounts": "hashes, asked for before anybody is known",
    "sessions": "hashes, likewise",
    "entry_links": "names of units, that stand on their posters",
}
"""Tables with such a column that need no wall, and why."""


FUNCTIONS = text("select proname, prosrc from pg_proc where proname like 'shouhu%'")
CALLERS = text("""select coalesce(qual, '') || coalesce(with_check, '') from pg_policies
  union all select pg_get_triggerdef(oid) from pg_trigger union all select indexdef from pg_indexes
  union all select definition from pg_views where schemaname = 'public'
  union all select pg_get_expr(adbin, adrelid) from pg_attrdef""")


def case_row(case_id, **sight):
    row = {
        "id": case_id, "version": 1, "conducted_version": 1, "policy": "p", "progress": {}, "is_open": False, "division": "110106",
        "stage": "report", "urgency": "normal", "lead": "CIVIL", "reporter_unit": "unit-none", "filed_at": datetime.now(UTC),
        "agencies": [], "desks": [], "about": [],
    }  # fmt: skip
    return row | sight


@pytest.fixture(scope="module")
async def forty(engine):
    """A case with its child at each of forty desks; the desks by case."""
    desks = sorted({person.desk for person in PEOPLE if person.desk not in ("CONF",)})[:40]
    cases = {f"case-wall-{n}-{secrets.token_hex(4)}": desk for n, desk in enumerate(desks)}
    agency = {desk: desk.partition("-")[0] for desk in desks}
    async with engine.begin() as conn:
        await conn.execute(
            insert(tables.cases),
            [case_row(case, desks=[desk], agencies=[agency[desk]], lead=agency[desk]) for case, desk in cases.items()],
        )
        await conn.execute(
            insert(tables.children),
            [
                {"id": f"ch-{case}", "case_id": case, "name": "x",
                 "division": "110106", "filed_at": datetime.now(UTC)}
                for case in cases
            ],
        )  # fmt: skip
        await conn.execute(
            insert(tables.notes), [{"stream_id": c, "version": 1, "kind": "k", "body": "x"} for c in cases]
        )
    yield cases
    async with engine.begin() as conn:
        for table, key in ((tables.notes, "stream_id"), (tables.children, "case_id"), (tables.cases, "id")):
            await conn.execute(table.delete().where(table.c[key].in_(cases)))


async def test_the_api_does_not_start_as_somebody_whom_no_wall_stops(engine, walled):
    await require_walled(walled)
    with pytest.raises(NotWalled):
        await require_walled(engine)


async def test_the_roles_own_nothing_and_no_wall_has_a_door_for_them(engine):
    attributes = text(
        "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit from pg_roles where rolname = any(:r)"
    )
    owned = text("select count(*) from pg_class where relowner in (select oid from pg_roles where rolname = any(:r))")
    async with engine.connect() as conn:
        found = {row.rolname: row for row in await conn.execute(attributes, {"r": list(ROLES)})}
        assert (await conn.execute(owned, {"r": list(ROLES)})).scalar_one() == 0
    assert set(found) == set(ROLES)
    assert not any(value for row in found.values() for value in tuple(row)[1:])


async def test_every_table_that_says_of_whom_a_row_is_stands_behind_the_wall_or_says_why_not(engine):
    """From the catalogue, so that a new table cannot be forgotten."""
    with_persons = text(
        "select distinct c.relname, c.relrowsecurity, c.relforcerowsecurity from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attname = any(:names) and not a.attisdropped"
    )
    async with engine.connect() as conn:
        found = {row.relname: row for row in await conn.execute(with_persons, {"names": list(OF_PERSONS)})}
        every = set((await conn.execute(text("select relname from pg_class where relrowsecurity"))).scalars())
    unwalled = {name for name, row in found.items() if not (row.relrowsecurity and row.relforcerowsecurity)}
    assert unwalled == set(NO_WALL) & set(found)
    assert unwalled <= set(NO_WALL)
    assert set(WALLED) <= every


async def test_every_function_in_the_database_has_a_caller(engine):
    """What answers about children and is asked by nobody is changed by nobody either, when the rule changes."""
    room = Path(walls.__file__).parents[1]
    said = "".join(one.read_text("utf-8") for one in room.rglob("*.py") if "migrations" not in one.parts)
    async with engine.connect() as conn:
        bodies = {row.proname: row.prosrc for row in await conn.execute(FUNCTIONS)}
        said += "".join(filter(None, (await conn.execute(CALLERS)).scalars()))
    assert len(bodies) > 20
    assert [
        name
        for name in bodies
        if not re.search(rf"\b{name}\b", said + "".join(body for one, body in bodies.items() if one != name))
    ] == []


@pytest.mark.parametrize("table", WALLED)
async def test_without_a_person_there_is_no_row(walled, forty, tokens, table):
    async with walled.connect() as conn:
        assert (await conn.execute(text(f"select count(*) from {table}"))).scalar_one() == 0
        await conn.rollback()
        assert await actor_by_token(conn, "nobody's token") is None
        assert (await conn.execute(text(f"select count(*) from {table}"))).scalar_one() == 0


async def test_a_thousand_reuses_of_pooled_connections_show_no_foreign_row(walled, forty, tokens):
    """Each asks for everything there is, as code that had forgotten the rule would."""
    officers = {f"{desk.lower()}.officer.1": desk for desk in forty.values()}
    own = {desk: {case for case, at in forty.items() if at == desk} for desk in forty.values()}
    wrong = []

    async def look(person):
        async with walled.begin() as conn:
            assert await actor_by_token(conn, TOKENS[person])
            cases, children, notes = [
                set((await conn.execute(text(f"select {of} from {table} where {of} = any(:all)"), {"all": [*forty]})).scalars())
                for table, of in (("cases", "id"), ("children", "case_id"), ("notes", "stream_id"))
            ]  # fmt: skip
        if not cases == children == notes == own[officers[person]]:
            wrong.append((person, cases, children, notes))

    async def work(turn):
        tokens = list(officers)
        for n in range(25):
            await look(tokens[(turn + n) % len(tokens)])

    await asyncio.gather(*(work(turn) for turn in range(40)))
    assert not wrong, wrong[:3]


async def test_control_a_sight_that_outlives_its_transaction_is_seen(walled, forty, tokens):
    """Were it set for the connection, as `set` alone does, whoever comes next on it would see what the one before saw."""
    seen = text("select count(*) from cases where id = any(:all)")
    kept = text(
        "select set_config('shouhu.' || n, current_setting('shouhu.' || n, true), false) from unnest(cast(:names as text[])) n"
    )
    async with walled.connect() as conn:
        assert await actor_by_token(conn, TOKENS["comm-110106001.officer.1"])
        mine = (await conn.execute(seen, {"all": [*forty]})).scalar_one()
        await conn.execute(kept, {"names": list(SETTINGS)})
        await conn.commit()
        assert (await conn.execute(seen, {"all": [*forty]})).scalar_one() == mine == 1
        await conn.invalidate()


async def test_the_door_is_shut_again_when_the_transaction_ends(walled, forty, tokens):
    async with walled.connect() as conn:
        await walls.open_door(conn)
        assert (await conn.execute(text("select count(*) from cases where id like 'case-wall-%'"))).scalar_one() == 40
        await conn.rollback()
        assert (await conn.execute(text("select count(*) from cases"))).scalar_one() == 0
        assert (await conn.execute(text("select current_user"))).scalar_one() == APP


async def test_who_has_handed_in_is_told_to_whoever_keeps_the_book_or_oversees_the_district(engine, walled, tokens):
    desks = ("COMM-110106009", "STREET-110106009", "STREET-110106010")
    at = {
        "at": datetime.now(UTC),
        "why": "hand_in",
        "month": "2019-01",
        "step": "export",
        "book": "work",
        "state": "done",
    }
    async with engine.begin() as conn:
        rows = [{**at, "id": f"sheet-{desk}", "person_id": desk, "actor": {"desk": desk}} for desk in desks]
        await conn.execute(insert(sheet_jobs), rows)
    told = {}
    for person in (
        "street-110106009.officer.1",
        "street-110106010.officer.1",
        "police.head.1",
        "admin.1",
        "civil.officer.1",
        "conf.officer.1",
    ):
        async with walled.begin() as conn:
            assert await actor_by_token(conn, TOKENS[person])
            found = await conn.execute(text("select desk from shouhu_handed('2019-01') order by desk"))
            told[person] = tuple(found.scalars())
    async with engine.begin() as conn:
        await conn.execute(sheet_jobs.delete().where(sheet_jobs.c.month == "2019-01"))
    own = {"street-110106009.officer.1": desks[:2], "street-110106010.officer.1": desks[2:]}
    assert told == {**own, "police.head.1": (), "admin.1": (), "civil.officer.1": desks, "conf.officer.1": desks}


async def test_a_person_without_the_door_changes_nothing(walled, forty, tokens):
    async with walled.connect() as conn:
        assert await actor_by_token(conn, TOKENS["police.officer.1"])
        changed = await conn.execute(text("update cases set lead = 'CIVIL' where id like 'case-wall-%'"))
        assert changed.rowcount <= 1
        await conn.rollback()
        for statement in (
            "update events set by = 'x'", "delete from events", "delete from commands", "update audit set person_id = 'x'",
            "truncate cases", "drop table cases", "alter table cases disable row level security", "set role shouhu_worker",
            "create table loot (x int)", "delete from alembic_version",
        ):  # fmt: skip
            with pytest.raises(DBAPIError):
                await conn.execute(text(statement))
            await conn.rollback()


async def test_the_worker_sees_what_the_process_needs(worker_engine, forty):
    async with worker_engine.connect() as conn:
        assert (await conn.execute(text("select count(*) from cases where id like 'case-wall-%'"))).scalar_one() == 40


async def test_the_database_works_out_the_same_sight_as_the_domain_for_everybody(walled, tokens):
    systems = {person.id for person in PEOPLE if Role.MACHINE in person.roles}  # of keys: tests/api/test_keys.py
    for person, token in TOKENS.items():
        async with walled.begin() as conn:
            if person in systems:
                assert await actor_by_token(conn, token) is None
                continue
            who = await actor_by_token(conn, token)
            expected, got = as_context(who), parsed(await context(conn))
        if expected["role"] == WIDE:
            expected |= {"desks": got["desks"], "agencies": got["agencies"], "procurator": got["procurator"]}
        assert got == expected, person


ITSELF = tables.people.update().where(tables.people.c.id == "street-110106002.officer.1")


async def test_a_deputy_sits_in_the_seat_and_is_concerned_as_both(walled, engine, tokens):
    """Also by the unit for which the deputy works, though the seat is of none."""
    now = datetime.now(UTC)
    row = {"person_id": "street-110106002.head.1", "deputy_id": "street-110106002.officer.1", "from_at": now - timedelta(1),
           "until_at": now + timedelta(1), "set_by": "street-110106002.head.1"}  # fmt: skip
    async with engine.begin() as conn:
        made = (await conn.execute(insert(tables.deputies).values(**row).returning(tables.deputies.c.id))).scalar_one()
        await conn.execute(ITSELF.values(unit="unit-hall-1"))
    try:
        async with walled.begin() as conn:
            who = await actor_by_token(conn, TOKENS["street-110106002.officer.1"])
            sitting = await deputy(conn, who, "street-110106002.head.1", now)
            assert {"unit-hall-1", "STREET-110106002"} <= {*sitting.marks}
            assert parsed(await context(conn)) == as_context(sitting)
            assert await deputy(conn, who, "police.head.1", now) is None
    finally:
        async with engine.begin() as conn:
            await conn.execute(tables.deputies.delete().where(tables.deputies.c.id == made))
            await conn.execute(ITSELF.values(unit=None))


def task_row(case_id, **changes):
    row = {
        "case_id": case_id, "subject": "a-police-1", "kind": "referral", "task": "t", "agency": "POLICE", "desk": "POLICE",
        "stage": "report", "step": 1, "basis": [], "urgency": "normal", "division": "110106", "state": "sent", "is_open": True,
        "opened_at": datetime.now(UTC), "due_at": datetime.now(UTC), "paused": False, "provisional": False, "delivery": "none",
        "urged": 0,
    }  # fmt: skip
    return row | changes


ABOUT_THEM = {"desks": ["POLICE"], "about": ["POLICE", "conf.supervisor.1"]}
LEFT = {"desks": ["CIVIL"], "about": ["conf.supervisor.1"]}


@pytest.mark.parametrize(
    ("sight", "task", "seen_by"),
    [
        (ABOUT_THEM, {}, {"civil.supervisor.1"}),
        (LEFT, {"is_open": False, "state": "declined"}, {"civil.supervisor.1"}),
        ({"desks": ["POLICE"]}, {}, {"police.officer.1", "police.chief.1", "conf.supervisor.1", "civil.supervisor.1"}),
    ],
    ids=["about them", "the desk has left", "their own"],
)
async def test_a_case_and_its_tasks_are_behind_the_same_wall(walled, engine, tokens, sight, task, seen_by):
    case = f"case-wall-about-{secrets.token_hex(4)}"
    async with engine.begin() as conn:
        agencies = sight["desks"]
        await conn.execute(insert(tables.cases), case_row(case, agencies=agencies, **sight))
        await conn.execute(insert(tables.tasks), task_row(case, **task))
    try:
        for person in ("police.officer.1", "police.chief.1", "conf.supervisor.1", "civil.supervisor.1"):
            async with walled.begin() as conn:
                await actor_by_token(conn, TOKENS[person])
                found = [
                    (
                        await conn.execute(text(f"select count(*) from {table} where {key} = :id"), {"id": case})
                    ).scalar_one()
                    for table, key in (("cases", "id"), ("tasks", "case_id"))
                ]
            assert found == [person in seen_by] * 2, person
    finally:
        async with engine.begin() as conn:
            await conn.execute(tables.tasks.delete().where(tables.tasks.c.case_id == case))
            await conn.execute(tables.cases.delete().where(tables.cases.c.id == case))


async def test_whoever_sees_the_district_reads_a_list_of_tasks_without_reading_its_cases(walled, tokens):
    asked = text("explain select * from tasks order by opened_at limit 50")
    async with walled.begin() as conn:
        await actor_by_token(conn, TOKENS["civil.supervisor.1"])
        plan = "\n".join((await conn.execute(asked)).scalars())
    assert "<> ALL ((" in plan, "the wall is there"
    assert " on cases" not in plan


async def test_an_owner_who_is_no_superuser_migrates_and_the_wall_stands_before_everybody_else(engine, postgres):
    """As in the Compose file: its owner may neither make roles nor pass a wall, and forced security holds for owners too."""
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text("create role plain login password 'plain'"))
        await conn.execute(text("create database plain owner plain"))
    plain = engine_of(f"postgresql+asyncpg://plain:plain@127.0.0.1:{postgres.port}/plain", vault=VAULT)
    walled = engine_of(postgres.url_as(APP).rpartition("/")[0] + "/plain")
    try:
        await migrate(plain)
        async with plain.begin() as conn:
            await conn.execute(insert(tables.cases), case_row("case-plain"))
            assert (await conn.execute(text("select count(*) from cases"))).scalar_one() == 1
        async with walled.connect() as conn:
            assert (await conn.execute(text("select count(*) from cases"))).scalar_one() == 0
        async with plain.begin() as conn:
            await conn.execute(text("drop policy owner on cases"))
            assert (await conn.execute(text("select count(*) from cases"))).scalar_one() == 0
    finally:
        await plain.dispose()
        await walled.dispose()
        async with engine.connect() as conn:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            await conn.execute(text("drop database plain with (force)"))
            await conn.execute(text("drop role plain"))


async def test_what_the_service_asks_for_itself_leaves_the_sight_as_it_was(walled, forty, tokens):
    """Also where what it asks goes wrong."""
    count = select(func.count()).select_from(tables.cases)
    async with walled.begin() as conn:
        assert await actor_by_token(conn, tokens["sw.officer.1"])
        before = await conn.scalar(count)
        with suppress(ValueError):
            async with as_service(conn):
                assert await conn.scalar(count) > before
                raise ValueError
        assert await conn.scalar(count) == before
