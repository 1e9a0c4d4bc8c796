"""The second wall: what PostgreSQL itself shows, were the code to forget; who the roles are, and that every table stands behind it."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from app.db import entries, tables, walls
from app.db.alike import alike_files
from app.db.intake import file
from app.db.ledger import Ledger
from app.db.migrate import migrate
from app.db.people import actor_by_token, deputy
from app.db.receipts import Receipts
from app.db.session import engine_of
from app.db.sheet_jobs import sheet_jobs, sheet_parts
from app.db.signals import signals
from app.db.vault import sealed_row
from app.db.walls import APP, DOOR, ROLES, WALLED, WIDE, NotWalled, require_walled
from app.district import PEOPLE
from app.domain.access import Actor, scope
from app.domain.sight import divisions, keeps
from app.domain.submission import Submission
from app.domain.terms import Role
from app.policy.loader import load
from app.seed import seed
from tests.conftest import VAULT

TOKENS = {person.id: f"wall-{person.id}" for person in PEOPLE}
OF_PERSONS = ("case_id", "child_id", "person_id", "stream_id", "name", "phone", "id_no", "reporter_unit")
"""Columns that say of whom a row is."""
NO_WALL = {
    "events": "codes, ids and instants; a database of its own would hold no personal data either (DECISIONS 10)",
    "deadlines": "codes, ids and instants",
    "commands": "digests and keys",
    "findings": "codes and ids",
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


@pytest.fixture(scope="module")
async def people(engine):
    """Everybody of the district with a token."""
    async with engine.begin() as conn:
        rows = await conn.execute(select(tables.people.c.id, tables.people.c.token_hash))
        before = {row.id: row.token_hash for row in rows}
        await seed(conn, tokens=TOKENS)
    yield TOKENS
    async with engine.begin() as conn:
        for person, digest in before.items():
            await conn.execute(tables.people.update().where(tables.people.c.id == person).values(token_hash=digest))


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


@pytest.mark.parametrize("table", WALLED)
async def test_without_a_person_there_is_no_row(walled, forty, people, table):
    async with walled.connect() as conn:
        assert (await conn.execute(text(f"select count(*) from {table}"))).scalar_one() == 0
        await conn.rollback()
        assert await actor_by_token(conn, "nobody's token") is None
        assert (await conn.execute(text(f"select count(*) from {table}"))).scalar_one() == 0


async def test_a_thousand_reuses_of_pooled_connections_show_no_foreign_row(walled, forty, people):
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
        people = list(officers)
        for n in range(25):
            await look(people[(turn + n) % len(people)])

    await asyncio.gather(*(work(turn) for turn in range(40)))
    assert not wrong, wrong[:3]


async def test_control_a_sight_that_outlives_its_transaction_is_seen(walled, forty, people):
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


async def test_the_door_is_shut_again_when_the_transaction_ends(walled, forty, people):
    async with walled.connect() as conn:
        await walls.open_door(conn)
        assert (await conn.execute(text("select count(*) from cases where id like 'case-wall-%'"))).scalar_one() == 40
        await conn.rollback()
        assert (await conn.execute(text("select count(*) from cases"))).scalar_one() == 0
        assert (await conn.execute(text("select current_user"))).scalar_one() == APP


async def test_who_has_handed_in_is_told_to_whoever_keeps_the_book_or_oversees_the_district(engine, walled, people):
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


async def test_a_person_without_the_door_changes_nothing(walled, forty, people):
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


SETTINGS = ("person", "desks", "agencies", "unit", "procurator", "marks", "keeps", "streets", "desk")


async def context(conn):
    asked = ", ".join(f"coalesce(current_setting('shouhu.{name}', true), '') as {name}" for name in SETTINGS)
    return (await conn.execute(text(f"select current_user as role, {asked}"))).one()


def as_context(actor: Actor):
    """What the domain's rule says of this actor, in the words of the database."""
    seen = scope(actor)
    return {
        "role": WIDE if seen.everything else APP, "person": actor.person_id, "desks": set(seen.desks),
        "agencies": set(seen.agencies), "unit": seen.reports_of_unit or "", "procurator": "on" if seen.at_procuratorate else "",
        "marks": set(actor.marks), "keeps": set(keeps(actor)), "streets": set(divisions(actor)),
        "desk": actor.desk if keeps(actor) else "",
    }  # fmt: skip


def parsed(found):
    lists = {
        name: set(filter(None, getattr(found, name).split(",")))
        for name in ("desks", "agencies", "marks", "keeps", "streets")
    }
    return {name: getattr(found, name) for name in ("role", "person", "unit", "procurator", "desk")} | lists


async def test_the_database_works_out_the_same_sight_as_the_domain_for_everybody(walled, people):
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


async def test_a_deputy_sits_in_the_seat_and_is_concerned_as_both(walled, engine, people):
    now = datetime.now(UTC)
    row = {"person_id": "street-110106002.head.1", "deputy_id": "street-110106002.officer.1", "from_at": now - timedelta(1),
           "until_at": now + timedelta(1), "set_by": "street-110106002.head.1"}  # fmt: skip
    async with engine.begin() as conn:
        made = (await conn.execute(insert(tables.deputies).values(**row).returning(tables.deputies.c.id))).scalar_one()
    try:
        async with walled.begin() as conn:
            who = await actor_by_token(conn, TOKENS["street-110106002.officer.1"])
            sitting = await deputy(conn, who, "street-110106002.head.1", now)
            assert parsed(await context(conn)) == as_context(sitting)
            assert await deputy(conn, who, "police.head.1", now) is None
    finally:
        async with engine.begin() as conn:
            await conn.execute(tables.deputies.delete().where(tables.deputies.c.id == made))


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
async def test_a_case_and_its_tasks_are_behind_the_same_wall(walled, engine, people, sight, task, seen_by):
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


async def test_whoever_sees_the_district_reads_a_list_of_tasks_without_reading_its_cases(walled, people):
    asked = text("explain select * from tasks order by opened_at limit 50")
    async with walled.begin() as conn:
        await actor_by_token(conn, TOKENS["civil.supervisor.1"])
        plan = "\n".join((await conn.execute(asked)).scalars())
    assert "<> ALL ((" in plan, "the wall is there"
    assert " on cases" not in plan


@pytest.fixture(scope="module")
async def of_all(engine):
    """A case of which every walled table holds a row that the police, or its committee, may see; afterwards nothing of it but the report."""
    ledger, receipts = Ledger(load, "fengtai-2026.1"), Receipts(b"secret of the walls")
    hotline = Actor(
        person_id="hotline.reporter.1", agency="HOTLINE", desk="HOTLINE", roles=("reporter",), unit="unit-hotline-1"
    )
    child = {"name": "示例（化名）", "residence_division": "110106002"}
    made = []

    async def put(table, rows):
        for row in rows if isinstance(rows, list) else [rows]:
            key = await conn.execute(insert(table).returning(*table.primary_key), row)
            made.append((table, key.one()))

    async with engine.begin() as conn:
        filed = await file(conn, ledger, receipts, Submission.model_validate({"children": [child]}), hotline, None)
        case = filed.case_id
        await put(tables.notes, {"stream_id": case, "version": 99, "kind": "k", "body": "x"})
        other = {"case_id": case, "other_id": "case-none", "score": 1.0, "reasons": [], "state": "open"}
        await put(tables.suggestions, other)
        notice = {
            "person_id": "police.officer.1",
            "case_id": case,
            "version": 99,
            "kind": "k",
            "subject": "s",
            "at": datetime.now(UTC),
        }
        await put(tables.notices, notice)
        watch = {"id": f"watch-{case}", "version": 1, "policy": "p", "progress": {}, "is_open": True, "division": "110106002",
                 "child_id": f"ch-{case}", "case_id": case, "grade": "low", "desk": "POLICE"}  # fmt: skip
        await put(tables.watches, watch)
        file_row = {name: watch[name] for name in ("version", "policy", "progress", "is_open", "division", "child_id")}
        await put(tables.child_files, file_row | {"id": f"file-{case}", "desks": ["POLICE", "CONF"]})
        await put(tables.contents, {"stream_id": f"file-{case}", "version": 1, "body": "x"})
        key = {
            "agency": "POLICE",
            "scopes": [],
            "label": case,
            "made_by": "x",
            "made_at": notice["at"],
            "expires_at": notice["at"],
        }
        keys = [key | {"id": f"key-{desk}", "digest": desk, "unit": desk, "desk": desk} for desk in ("POLICE", "CONF")]
        await put(tables.api_keys, keys)
        upload = {"id": f"upload-{case}", "owner": "x", "stream_id": case, "version": 1, "name": "x", "media_type": "image/png",
                  "size": 1, "content": b"x", "added_at": datetime.now(UTC)}  # fmt: skip
        await put(tables.files, upload)
        draft = {"id": f"draft-{case}", "token_hash": case, "said": "x", "case_id": case, "began_at": datetime.now(UTC),
                 "seen_at": datetime.now(UTC)}  # fmt: skip
        await put(tables.drafts, draft)
        for person in ("police.officer.1", "conf.officer.1"):
            typed = {
                "person_id": person,
                "case_id": case,
                "form": "x",
                "said": "x",
                "version": 1,
                "saved_at": datetime.now(UTC),
            }
            await put(tables.form_drafts, typed)
            kept = {"id": f"{case}|{person}", "person_id": person, "name": "x", "query": {}, "is_default": False}
            await put(tables.saved_views, kept | {"made_at": datetime.now(UTC)})
            job = {
                "id": f"sheet-{person}",
                "step": "export",
                "book": case,
                "person_id": person,
                "actor": {},
                "state": "done",
            }
            await put(sheet_jobs, job | {"at": datetime.now(UTC)})
            await put(sheet_parts, {"job_id": job["id"], "name": "made", "number": 0, "body": b"x"})
        entry = {"id": f"entry-{case}", "version": 1, "book": case, "desk": "POLICE", "division": "110106", "kind": "added", "fields": {},
                 "private": "x", "at": datetime.now(UTC), "by": "x"}  # fmt: skip
        await conn.execute(
            insert(entries.register_entries), entry
        )  # lines only come; this one is of a register that nobody has
        opened = {"id": f"view-{case}", "person_id": "civil.officer.1", "agency": "CIVIL", "desk": "CIVIL", "stream_id": case,
                  "case_id": case, "reason": "visit", "note": "x", "fields": [], "opened_at": datetime.now(UTC),
                  "until": datetime.now(UTC)}  # fmt: skip
        await put(tables.full_views, await sealed_row(conn, tables.full_views, opened))
        asked = {"id": f"approval-{case}", "act": "export", "parameters": {}, "digest": "", "case_id": case, "reason": "verify",
                 "note": "x", "person_id": "police.officer.2", "proposed_by": ["police.officer.2"], "agency": "POLICE",
                 "desk": "POLICE", "proposed_at": datetime.now(UTC), "expires_at": datetime.now(UTC)}  # fmt: skip
        await put(tables.approvals, await sealed_row(conn, tables.approvals, asked))
        owing = {name: watch[name] for name in ("version", "policy", "progress", "is_open", "division", "desk")}
        owing |= {"id": f"owed-{case}", "matter": "signal", "code": "x", "subject": case, "agency": "POLICE"}
        await put(tables.owed, owing | {"opened_at": datetime.now(UTC), "due_at": datetime.now(UTC)})
        heard = {"id": f"signal-{case}", "unit": "x", "agency": "POLICE", "sent_id": case, "rule": "x", "policy": "p", "state": "held",
                 "division": "110106", "desk": "POLICE", "case_id": case, "received_at": datetime.now(UTC)}  # fmt: skip
        await put(signals, heard)
        mine = (await conn.execute(select(tables.children.c.id).where(tables.children.c.case_id == case))).scalar_one()
        alike = {"one": mine, "other": mine, "score": 1.0, "found_at": datetime.now(UTC)}
        await put(alike_files, alike)
        glass = {"id": f"glass-{case}", "case_id": case, "person_id": "police.officer.1", "accounts": ["police.officer.1"], "agency": "POLICE",
                 "desk": "POLICE", "reason": "medical", "note": "x", "read_at": datetime.now(UTC), "review_by": datetime.now(UTC)}  # fmt: skip
        await put(tables.emergency_reads, await sealed_row(conn, tables.emergency_reads, glass))
        due = {"subject_id": case, "kept": "case", "case_id": case, "rule": "x", "due_on": glass["read_at"].date(), "held": True,
               "listed_at": glass["read_at"]}  # fmt: skip
        await put(tables.disposals, due)
        held = {"id": f"hold-{case}", "subject_id": case, "case_id": case, "reason": "audit", "note": "x", "set_by": "police.officer.1",
                "set_at": glass["read_at"]}  # fmt: skip
        await put(tables.legal_holds, await sealed_row(conn, tables.legal_holds, held))
    yield case
    async with engine.begin() as conn:
        for table, key in reversed(made):
            own = (column == value for column, value in zip(table.primary_key, key, strict=True))
            gone = await conn.execute(table.delete().where(*own))
            assert gone.rowcount == 1, table.name


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


OF_CASE = {
    "alike": "shouhu_case_of(one)",
    "owed": "subject",
    "api_keys": "label",
    "cases": "id",
    "child_files": "replace(id, 'file-', '')",
    "contents": "replace(stream_id, 'file-', '')",
    "register_entries": "book",
    "files": "stream_id",
    "data_keys": "stream_id",
    "notes": "stream_id",
    "people": "'police.officer.1'",
    "saved_views": "split_part(id, '|', 1)",
    "sheet_jobs": "book",
    "sheet_parts": "(select book from sheet_jobs where id = job_id)",
}
NOBODYS = ("drafts",)
"""Tables of which no person sees a row, only the service."""
VIEWERS = {"sight": "police.officer.1", "district": "conf.officer.1", "service": None}


async def shown(conn, table, policy, case):
    """How many rows of the case the role behind this policy sees."""
    person, key = VIEWERS[policy], OF_CASE.get(table, "case_id")
    if person:
        await conn.execute(text(f"set local role {APP}"))
        assert await actor_by_token(conn, TOKENS[person])
    else:
        await conn.execute(text(f"set local role {DOOR}"))
    if person and table == "notices":
        await conn.execute(text("select set_config('shouhu.person', :p, true)"), {"p": "police.officer.1"})
    found = text(f"select count(*) from {table} where {key} = :case")
    wanted = "police.officer.1" if table == "people" else case
    return (await conn.execute(found, {"case": wanted})).scalar_one()


@pytest.mark.parametrize(
    ("table", "policy"), [(t, p) for t in WALLED for p in VIEWERS if t not in NOBODYS or p == "service"]
)
async def test_a_policy_that_is_taken_away_is_missed(engine, of_all, people, table, policy):
    """In a transaction that is rolled back: with it the rows are there, without it nobody of that role sees one."""
    async with engine.connect() as conn:
        assert await shown(conn, table, policy, of_all)
        await conn.rollback()
        await conn.execute(text(f"drop policy {policy} on {table}"))
        assert await shown(conn, table, policy, of_all) == 0
        await conn.rollback()
