"""Every cell of the table about children in docs/access.md is asked of the running API, over children who came there by its commands."""

from contextlib import suppress
from itertools import product
from types import SimpleNamespace

import pytest
from sqlalchemy import String, and_, cast, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BooleanClauseList, Grouping

from app.api import child_matrix as table
from app.api import ledgers
from app.api import signals as held
from app.api.boards import _may_be_told
from app.api.child_matrix import CONCERNS, LIVED, LIVES, MOVES, REGISTERS, REPORTED, FileRelation
from app.api.children import sighted
from app.api.matrix import ROLES
from app.api.owed import seen_by
from app.db import tables
from app.db.owed import open_all, opening
from app.db.signals import signals
from app.domain.access import ENGINE
from app.domain.child_file import file_id
from app.domain.ledgers import Reach
from app.domain.owed import Matter
from app.domain.rounds import OpenRound, ReturnRound
from app.domain.terms import Grade, Role
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from tests.actors import at_desk
from tests.api.test_matrix import NEVER_SO_FAR, PASSED, routes, seating
from tests.api.test_registration import FOUND
from tests.domain.decisions import mutants

LISTS = ("waiting_changes", "watches", "offered_watches", "due_visits", "read_ledger", "owed")
NOT_DONE = ("register_child", "export_ledger", "import_ledger")
"""Asked of those alone who may not: nothing holds them back from what would be there for every later test."""
VIEW = {"need": "verify", "note": "核对"}
BODIES = {
    "open_child_in_full": VIEW, "enter_change": {"field": "school", "value": "示例二小（化名）"}, "reject_change": {"reason": "not_confirmed"},
    "record_visit": {"finding": "well"}, "end_watch": {"reason": "moved_and_handed_over"}, "verify_warning": {"outcome": "no_risk"},
    "arrange_care": {"delegate": {"name": "x"}, "relation": "grandparent", "is_adult": True, "is_able": True, "leaves_on": "2099-01-01"},
    **dict.fromkeys(("register_child", "alike_children"), FOUND), "settle_owed": {"note": "核对"},
}  # fmt: skip


def officer(agency, division):
    return f"{agency}-{division}.officer.1"


async def done(answer):
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def watched(api, division):
    """Reported, with a leg at the police, and watched in this street."""
    child = {"residence_division": REPORTED, "school_stage": "primary"}
    case = (await api.report("hotline.reporter.1", children=[child], situations=["living_alone"]))["case_id"]
    child = (await api.progress(case))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case, division=division, grade=Grade.HIGH)
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(child), begin)
    return child, case


async def entered(api, child, by, **value):
    return (await done(await api.post(by, f"/v1/children/{child}/changes", value)))["change"]


async def moved(api, to):
    """Watched in another street before, and offered to this one."""
    child, _ = await watched(api, LIVED)
    change = await entered(api, child, officer("comm", LIVED), field="residence_division", value=to)
    await done(await api.post(officer("street", REPORTED), f"/v1/children/{child}/changes/{change}/pass"))
    return child


@pytest.fixture(scope="module")
async def world(api):
    """By relation the child that is asked for, its change that waits and what is owed over it."""
    children = dict.fromkeys(FileRelation, await moved(api, LIVES))
    mine = children[FileRelation.KEEPER]
    await done(await api.post(officer("comm", LIVES), f"/v1/watches/{watch_id(mine)}/take"))
    children[FileRelation.OFFERED] = await moved(api, MOVES)
    made = await done(await api.post(officer("comm", REGISTERS), "/v1/children", FOUND))
    children[FileRelation.REGISTERED] = made["child_id"]
    child, case = await watched(api, CONCERNS)
    children[FileRelation.CONCERNED] = child
    changes = {made["child_id"]: made["change"]}
    for one, street in ((mine, LIVES), (children[FileRelation.OFFERED], LIVED), (child, CONCERNS)):
        changes[one] = await entered(api, one, officer("comm", street), field="school", value="示例一小（化名）")
    at = {mine: LIVES, made["child_id"]: REGISTERS, child: CONCERNS, children[FileRelation.OFFERED]: LIVED}
    owed = {
        one: opening(Matter.BOOKS, "of_age", one, f"COMM-{street}", street, "books_check") for one, street in at.items()
    }
    async with api.service.engine.begin() as conn:
        await open_all(conn, api.service.ledger, [*owed.values()], api.service.ledger.clock())
    await done(await api.post("civil.supervisor.1", f"/v1/cases/{case}/conflict", {"about": [f"COMM-{CONCERNS}"]}))
    moved_to = await watched_by(api, child, f"COMM-{CONCERNS}")
    yield {one: (child, changes[child], owed[child].owed_id) for one, child in children.items()}
    await watched_by(api, child, moved_to)


async def watched_by(api, child, desk):
    """As before the service took the watch from whom a case is about; the desk from which it is taken now."""
    watch = tables.watches
    async with api.service.engine.begin() as conn:
        before = await conn.scalar(select(watch.c.desk).where(watch.c.child_id == child))
        await conn.execute(update(watch).where(watch.c.child_id == child).values(desk=desk))
    return before


class Caller:
    """Calls a route by its name, as somebody, about a child."""

    def __init__(self, api, seated):
        self.http, self.seated, self.names = api.http, seated, routes()

    async def __call__(self, who, name, asked, expected):
        """Whoever may is told that the version has passed, so that nothing happens; all others ask as if it were in earnest."""
        child, change, owed = asked
        path, method = self.names[name]
        about = {
            "child_id": child,
            "other": child,
            "watch_id": watch_id(child),
            "change": change,
            "number": 1,
            "owed_id": owed,
            "code": table.BOOK,
        }
        body = {"other": child, "decision": "different"} if name == "decide_duplicate" else BODIES.get(name, {})
        headers = self.seated[who.person_id] | (NEVER_SO_FAR if expected == table.YES else {})
        if name == "import_ledger":
            return await self.http.post(path, params={"book": table.BOOK}, content=b"PK", headers=headers)
        params = {"limit": 200} if name in LISTS and name != "due_visits" else {}
        while True:
            answer = await self.http.request(
                method, path.format(**about), headers=headers, params=params, json=body if method == "POST" else None
            )
            further = name in LISTS and answer.status_code == 200 and self.tells(answer, asked) is False
            cursor = answer.json().get("next") if further else None
            if cursor is None:
                return answer
            params["cursor"] = cursor

    @staticmethod
    def tells(answer, asked):
        return asked[0] in answer.text or asked[2] in answer.text

    def sign(self, name, answer, asked):
        if answer.status_code in (404, 409) and answer.json()["code"] in PASSED:
            return table.YES
        if answer.status_code not in (200, 201):
            return table.CODES.get(answer.status_code, f"{answer.status_code}")
        if name in LISTS:
            return table.YES if self.tells(answer, asked) else table.NOTHING
        return table.YES if name not in ("ledgers", "ledgers_due") or answer.json() else table.NOTHING


@pytest.mark.timeout(400)
async def test_the_running_api_answers_every_cell_about_a_child_as_the_table_says(api, world):
    seats = {(one, role): table.seat(one, role) for one in FileRelation for role in ROLES}
    wrong = []
    async with seating(api, seats.values()) as seated:
        call = Caller(api, seated)
        for (relation, role), who in seats.items():
            for name, (_, rule) in table.RULES.items():
                asked, expected = world[relation], table.answer(name, rule, who, relation)
                is_dear = name == "ledger_template" and role is not Role.OFFICER
                if expected == table.YES and (name in NOT_DONE or is_dear):
                    continue
                answer = await call(who, name, asked, expected)
                if (got := call.sign(name, answer, asked)) != expected:
                    wrong.append((who.person_id, name, expected, got, answer.status_code, answer.text[:150]))
    assert not wrong, (len(wrong), wrong[:12])


def less(condition, at=""):
    """Each part of a condition by its place, and the condition without it."""
    condition = condition.element if isinstance(condition, Grouping) else condition
    if not isinstance(condition, BooleanClauseList):
        return
    join, parts = and_ if condition.operator is operators.and_ else or_, list(condition.clauses)
    for n, part in enumerate(parts):
        yield f"{at}{n}", join(*parts[:n], *parts[n + 1 :])
        yield from ((place, join(*parts[:n], smaller, *parts[n + 1 :])) for place, smaller in less(part, f"{at}{n}."))


@pytest.fixture
async def apart(api, world):
    """The same children, each of which one part alone opens or shuts to somebody; as they were afterwards."""
    mine, offered, registered, concerned = (
        world[one][0]
        for one in (FileRelation.KEEPER, FileRelation.OFFERED, FileRelation.REGISTERED, FileRelation.CONCERNED)
    )
    file, owed, child, notice = tables.child_files.c, tables.owed.c, tables.children.c, tables.notices
    async with api.service.engine.connect() as conn:
        await conn.execute(update(tables.child_files).where(file.child_id == mine).values(desks=["HOUSING"]))
        await conn.execute(update(tables.child_files).where(file.child_id == offered).values(merged_into=registered))
        await conn.execute(update(tables.child_files).where(file.child_id == concerned).values(merged_into=registered))
        await conn.execute(update(tables.children).where(child.id == mine).values(division=REGISTERS))
        await conn.execute(update(tables.owed).where(owed.subject == mine).values(matter=Matter.DOUBLE.value))
        case = await conn.scalar(select(child.case_id).where(child.id == concerned))
        row = {"person_id": "matrix", "version": 1, "kind": "x", "subject": "", "at": api.service.ledger.clock()}
        told = [row | {"case_id": of} for of in (case, file_id(concerned), watch_id(concerned))]
        await conn.execute(insert(notice), told)
        yield conn, mine, select(notice.c.case_id).where(notice.c.person_id == "matrix")
        await conn.rollback()


async def unnoticed(conn, of, conditions):
    """The places of the parts without which each of these conditions, one for each seat, reads the same of these rows."""
    noticed = {}
    for whole in conditions:
        before = set((await conn.execute(of.where(whole))).scalars())
        for place, smaller in less(whole):
            now = set((await conn.execute(of.where(smaller))).scalars())
            noticed[place] = noticed.get(place, False) or now != before
    assert noticed
    return [place for place, is_so in noticed.items() if not is_so]


async def test_each_part_of_what_postgresql_is_asked_opens_or_shuts_something(apart, world):
    """The conditions of the files in sight, of what is owed, of what a notice may tell and of held signals, with one part less each."""
    conn, mine, told = apart
    seats = [table.seat(one, role) for one in FileRelation for role in (Role.OFFICER, Role.DESK_HEAD)]
    ours = select(tables.children.c.id).where(tables.children.c.id.in_([child for child, *_ in world.values()]))
    owed = select(tables.owed.c.id).where(tables.owed.c.id.in_([owed for *_, owed in world.values()]))
    by_any_name = [sighted(who, name) for who in seats for name in (mine, "ch-none")]
    assert await unnoticed(conn, ours, by_any_name) == ["1"], (
        "a case of the report is a case of the child: the sooner found"
    )
    assert await unnoticed(conn, owed, map(seen_by, seats)) == []
    assert await unnoticed(conn, told, map(_may_be_told, seats)) == ["1.0"], "a case is a stream: likewise"
    keeper = table.seat(FileRelation.KEEPER, Role.OFFICER)
    heard = await of_desks(conn, keeper.desk, "HOUSING")
    assert await unnoticed(conn, heard, map(held.seen_by, seats)) == []
    overseer = at_desk("CONF")
    assert overseer.oversees_district
    both = [set((await conn.execute(heard.where(held.seen_by(who)))).scalars()) for who in (keeper, overseer)]
    assert both == [{"signal-mine"}, {"signal-mine", "signal-other", "signal-of-mine"}]


async def of_desks(conn, mine, other):
    """A signal that this desk holds, one of another's, one that is about the desk that holds it, and one about who oversees the district."""
    row = dict.fromkeys(("unit", "rule", "policy"), "x") | {"agency": "EDU", "state": "held", "division": "110106"}
    made = {"mine": (mine, []), "other": (other, []), "of-mine": (mine, [mine]), "of-conf": (other, ["CONF"])}
    now = {"received_at": await conn.scalar(select(func.now()))}
    rows = [
        row | now | {"id": f"signal-{name}", "sent_id": name, "desk": desk, "about": about}
        for name, (desk, about) in made.items()
    ]
    await conn.execute(insert(signals), rows)
    return select(signals.c.id).where(signals.c.unit == "x", signals.c.agency == "EDU")


REACHES = [SimpleNamespace(reach=reach) for reach in Reach]
IN_BOOKS = ("within", "_screened")
ALIKE = ["event.kind == 'unit_returned'", "unconcerned(who, child.case_id)"]
"""Without which a book is the same: a case of the report is a case of the child, and no other event of a round names a unit."""


@pytest.fixture
async def booked(api, world):
    """The same children: one watched, one whose watch rests for a case, one to whom a watched one was joined; two were named by a school."""
    mine, rests, registered, joined = (
        world[one][0]
        for one in (FileRelation.KEEPER, FileRelation.OFFERED, FileRelation.REGISTERED, FileRelation.CONCERNED)
    )
    watch, file, ledger, now = tables.watches, tables.child_files, api.service.ledger, api.service.ledger.clock()
    async with api.service.engine.connect() as conn:
        for_a_case = func.jsonb_set(watch.c.progress, cast(["suspended_for"], ARRAY(String)), cast("case", JSONB))
        await conn.execute(update(watch).where(watch.c.child_id == rests).values(progress=for_a_case))
        await conn.execute(update(watch).where(watch.c.child_id == joined).values(desk=f"COMM-{MOVES}"))
        await conn.execute(update(file).where(file.c.child_id == joined).values(merged_into=registered))
        case = await conn.scalar(select(tables.children.c.case_id).where(tables.children.c.id == mine))
        teacher = at_desk("SCHOOL", "teacher", Role.REPORTER).model_copy(update={"unit": "unit-a"})
        named = ReturnRound(by=teacher, unit="unit-a", screened=9, registered=(registered,), reports=(case,))
        for n, asked in enumerate(({"unit-a": "SCHOOL", "unit-b": "SCHOOL"}, {"unit-a": "HOUSING"})):
            units = [{"unit": unit, "desk": desk} for unit, desk in asked.items()]
            opened = OpenRound(
                by=ENGINE, round_id=f"round-{n}", code="school_screening", division="110106", units=units
            )
            await ledger.open_round(conn, opened, now)
            if n == 0:
                await ledger.record(conn, f"round-{n}", named, now=now)
        yield conn
        await conn.rollback()


def without(mutant):
    """The two functions alone, one of them with a rule less: to read the whole module again took longer than to ask."""
    found, tree = dict(vars(ledgers)), mutant.tree
    tree.body = [one for one in tree.body if getattr(one, "name", "") in IN_BOOKS]
    exec(compile(tree, mutant.name, "exec"), found)
    return found


async def test_each_part_of_who_stands_in_a_book_opens_or_shuts_something(booked, world):
    """Of the books of each reach, read by whoever keeps, oversees, has the case, was asked in a round or is a stranger."""
    at = {"POLICE": REPORTED, f"COMM-{REPORTED}": REPORTED, "EDU": None, "SCHOOL": None}
    seats = [table.seat(one, Role.OFFICER) for one in FileRelation]
    seats += [at_desk(desk).model_copy(update={"division": division}) for desk, division in at.items()]
    units = (("SCHOOL", "unit-a"), ("SCHOOL", "unit-b"), ("HOSPITAL", "unit-a"))
    seats += [at_desk(desk).model_copy(update={"unit": unit}) for desk, unit in units]
    ours = select(tables.children.c.id).where(tables.children.c.id.in_([child for child, *_ in world.values()]))

    asked = list(product(seats, REACHES))

    async def read(rules, who, book):
        return set((await booked.execute(ours.where(rules.within(who, book)))).scalars())

    async def is_noticed(rules):
        for one, before in zip(asked, as_they_stand, strict=True):
            with suppress(ValueError):  # no answer is another one
                if await read(rules, *one) == before:
                    continue
            return True
        return False

    as_they_stand = [await read(ledgers, *one) for one in asked]
    less = [one for one in mutants([ledgers.__name__]) if one.rule in IN_BOOKS]
    alike = [one.name for one in less if not await is_noticed(SimpleNamespace(**without(one)))]
    assert sorted(name.partition(" without ")[2] for name in alike) == ALIKE
