"""Were the first wall forgotten before files, books and registers, PostgreSQL would show a stranger nothing of them either."""

import pytest
from sqlalchemy import delete, insert, select, true

from app.api import children, duplicates, ledgers, registers
from app.api.pages import page_of
from app.db import tables
from app.db.alike import alike_files
from app.db.walls import open_door
from app.domain.registers import Sight
from app.domain.watch import watch_id
from tests.api.test_ledgers import CHILD, COMMITTEE, STREET, WOMEN, book, of, watched
from tests.api.test_registers import DAY, made
from tests.api.test_registration import COMMITTEE as REGISTRAR
from tests.api.test_registration import register

STRANGERS = ("comm-110106001.officer.1", "street-110106001.head.1", "housing.officer.1", "hospital.head.1", "admin.1")
STRANGER = STRANGERS[0]
WHY = {"need": "verify", "note": "核对"}


@pytest.fixture(scope="module")
async def child(api):
    child = await watched(api)
    change = {"field": "school", "value": "示例五小（化名）", "evidence": "学籍卡"}
    assert (await api.post(COMMITTEE, f"/v1/children/{child}/changes", change)).status_code == 200
    visited = await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", {"finding": "well", "note": "已见"})
    assert visited.status_code == 200
    return child


@pytest.fixture
def no_first_wall(monkeypatch):
    """Everybody sights every child, stands in every book and reads every register, as far as the code says."""
    monkeypatch.setattr(children, "sighted", lambda who, child_id=None: true())
    monkeypatch.setattr(ledgers, "within", lambda who, ledger: true())
    monkeypatch.setattr(ledgers, "chosen_by_columns", _everybody)
    monkeypatch.setattr(ledgers, "is_keeper", lambda who, ledger: True)
    monkeypatch.setattr(registers, "sight", lambda actor, register: Sight(everything=True, open_book=True))
    monkeypatch.setattr(registers.kept, "seen", _every_line)


@pytest.mark.parametrize("person", STRANGERS)
async def test_a_child_of_others_is_no_child_for_a_stranger(api, child, no_first_wall, person):
    for path in (f"/v1/children/{child}", f"/v1/children/{child}/history"):
        assert (await api.get(person, path)).status_code == 404, path
    for path, body in (("changes", {"field": "school", "value": "x"}), ("full-view", WHY), ("changes/1/pass", {})):
        assert (await api.post(person, f"/v1/children/{child}/{path}", body)).status_code == 404, path


async def test_no_book_holds_a_child_of_others_and_the_keepers_still_does(api, child, no_first_wall):
    for person in STRANGERS[:2]:
        assert not of(await book(api, person, "work"), child), person
    assert of(await book(api, COMMITTEE, "work"), child)
    assert of(await book(api, STREET, "work"), child)


async def test_who_keeps_registers_or_has_a_step_reads_by_the_wall_alone(api, child, no_first_wall):
    for person in (COMMITTEE, STREET, "civil.supervisor.1"):
        told = (await api.get(person, f"/v1/children/{child}")).json()
        assert told["fields"]["school"]["value"] == CHILD["school"], person
    own = (await register(api)).json()["child_id"]
    assert (await api.get(REGISTRAR, f"/v1/children/{own}")).status_code == 200
    assert (await api.get(COMMITTEE, f"/v1/children/{own}")).status_code == 404


async def test_an_entry_of_another_desk_is_not_there_unless_the_register_is_read_whole(api, monkeypatch, no_first_wall):
    street, other = "street-110106012.officer.1", "street-110106013.officer.1"
    entry = await made(
        api, street, "activities", {"kind": "education", "title": "安全教育", "held_on": DAY, "children": 3}
    )
    monkeypatch.setattr(registers, "open_books", lambda conn, who, register: _nothing())
    path = "/v1/registers/activities/entries"
    assert entry in (await api.get(street, f"{path}?limit=200")).text
    assert entry not in (await api.get(other, f"{path}?limit=200")).text
    assert (await api.get(other, f"{path}/{entry}")).status_code == 404


async def _everybody(conn, who, ledger, cursor, limit):
    """A page of all children there are."""
    child = tables.children.c
    by = (child.filed_at, child.id)
    return await page_of(conn, who, select(*by), ledgers.Listed, by, cursor=cursor, limit=limit)


async def _every_line(conn, who, register):
    """No rule is asked."""
    return true()


async def _nothing():
    """No book is opened."""


async def test_the_wall_is_what_holds(api, child, no_first_wall, monkeypatch):
    """The control: through the door, the same stranger reads the same child, and finds it in the book."""
    known, reach = children.own_id, ledgers.reaching

    async def through(conn, *given, **more):
        await open_door(conn)
        return await known(conn, *given)

    async def opened(conn, **more):
        await reach(conn, **more)
        await open_door(conn)

    monkeypatch.setattr(children, "own_id", through)
    monkeypatch.setattr(ledgers, "reaching", opened)
    assert (await api.get(STRANGER, f"/v1/children/{child}")).json()["id"] == child
    assert of(await book(api, STRANGER, "work"), child)


async def test_a_book_over_the_district_reaches_no_further_than_its_page(api, child):
    """The women's federation reads children of everybody while it turns that page, and none by any other way."""
    assert await book(api, WOMEN, "left_behind")
    assert (await api.get(WOMEN, f"/v1/children/{child}")).status_code == 404


async def test_a_pair_of_alike_files_is_there_for_whoever_sees_both_children(api, child, no_first_wall, monkeypatch):
    """The list decides by the wall before it reads: for a stranger there is no pair, unless a door is opened first, which is the control."""
    monkeypatch.setattr(duplicates, "sighted", lambda who, child_id=None: true())
    other = await watched(api)
    pair = {"one": min(child, other), "other": max(child, other), "score": 99.0, "found_at": api.service.ledger.clock()}
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(alike_files), pair)

    async def sees(person):
        items = (await api.get(person, "/v1/duplicates?limit=200")).json()["items"]
        return (pair["one"], pair["other"]) in {(row["one"], row["other"]) for row in items}

    assert [await sees(person) for person in (COMMITTEE, STREET, "civil.supervisor.1")] == [True] * 3
    assert [await sees(person) for person in STRANGERS[:4]] == [False] * 4
    monkeypatch.setattr(duplicates, "page_of", _through)
    assert await sees(STRANGER)
    async with api.service.engine.begin() as conn:
        await conn.execute(
            delete(alike_files).where(alike_files.c.one == pair["one"], alike_files.c.other == pair["other"])
        )


async def _through(conn, *given, **more):
    await open_door(conn)
    return await page_of(conn, *given, **more)
