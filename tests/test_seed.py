"""Entering the district: twice is as good as once, tokens stay private, an edited calendar is left alone."""

import json
import stat
from datetime import date

from sqlalchemy import func, select, update

from app.db import tables
from app.db.people import actor_by_token, machine_of
from app.district import ALIASES, DESKS, DIVISIONS, PEOPLE
from app.doctor_strict import tokens_check
from app.domain.terms import Agency, Role
from app.policy import calendars
from app.seed import seed, tokens_for, tokens_of

BY_ID = {person.id: person for person in PEOPLE}
REGISTERS = (tables.divisions, tables.agencies, tables.desks, tables.people, tables.calendar_days)


def test_every_agency_has_a_system_that_speaks_for_it():
    assert {machine_of(agency).person_id for agency in Agency} <= BY_ID.keys()


def test_no_alias_names_two_agencies():
    aliases = [alias for names in ALIASES.values() for alias in names]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & {agency.zh for agency in Agency}


def test_tokens_are_private_kept_and_completed(tmp_path):
    path = tmp_path / "tokens.json"
    first = tokens_for(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.keys() == {person.id for person in PEOPLE if Role.MACHINE not in person.roles}
    assert len(set(first.values())) == len(first)
    assert tokens_for(path) == first
    path.write_text(json.dumps({"police.officer.1": "kept"}))
    path.chmod(0o644)
    again = tokens_for(path)
    assert again["police.officer.1"] == "kept"
    assert again.keys() == first.keys()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["tokens.json"]
    assert tokens_of(path, wanted=True) == again
    assert tokens_of(path, wanted=False) == {}
    assert not path.exists()


async def _counts(conn):
    return [(await conn.execute(select(func.count()).select_from(table))).scalar_one() for table in REGISTERS]


async def test_entering_the_district_again_mends_it_and_leaves_the_calendar_alone(engine):
    """Rolled back, so that other tests keep their tokens."""
    people, days, edited = tables.people, tables.calendar_days, date(2026, 10, 1)
    async with engine.connect() as conn:
        await seed(conn, tokens={})
        before = await _counts(conn)
        assert before[:4] == [len(DIVISIONS), len(Agency), len(DESKS), len(PEOPLE)]
        assert before[4] >= len([row for row in calendars.seed().rows if row.confirmed])
        await conn.execute(update(people).where(people.c.id == "police.officer.1").values(name="x", is_active=False))
        await conn.execute(update(days).where(days.c.day == edited).values(name="改"))
        await seed(conn, tokens={"police.officer.1": "t-1", "police.officer.2": "t-2"})
        assert await _counts(conn) == before
        row = (await conn.execute(select(people).where(people.c.id == "police.officer.1"))).one()
        assert (row.name, row.is_active) == ("x", False), "as the administrators left it"
        assert (await conn.execute(select(days.c.name).where(days.c.day == edited))).scalar_one() == "改"
        assert await actor_by_token(conn, "t-1") is None
        officer = await actor_by_token(conn, "t-2")
        assert officer is not None
        assert officer.desk == "POLICE"
        assert not (await tokens_check(conn)).ok
        await seed(conn, tokens={})  # as `SHOUHU_TOKENS=false shouhu seed`
        assert await actor_by_token(conn, "t-2") is None
        assert (await tokens_check(conn)).ok
        await conn.rollback()
