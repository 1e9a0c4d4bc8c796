"""利益冲突 and linked reports: whoever one of them is about finds none, for as long as the link stands."""

import asyncio
from importlib import import_module

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.db import tables
from app.db.findings import find, keep
from app.db.linked import keep_all_apart, lock_together
from app.db.projections import event_rows
from app.db.refold import look, mend
from app.domain import events as e
from app.domain.access import ENGINE
from app.domain.commands import DeclareConflict
from app.domain.fold import fold
from app.domain.progress import Progress
from tests.api.test_conflict import STREET, a_report, found


@pytest.mark.parametrize("about_the_first", [True, False])
async def test_whoever_one_of_two_linked_reports_is_about_finds_neither(api, about_the_first):
    """The other would name it, and they would go on working on the same child; also where it is found out later."""
    concerned, later = f"street-{STREET}.officer.1", f"comm-{STREET}.officer.1"
    first = await a_report(api, **({"about": [concerned]} if about_the_first else {}))
    second = await a_report(api, **({} if about_the_first else {"about": [concerned]}))
    visible = second if about_the_first else first
    assert await found(api, concerned, visible)
    linked = await api.post("police.officer.1", f"/v1/cases/{second}/link", {"primary": first, "note": "同一事件"})
    assert linked.status_code == 200, linked.text
    for case in (first, second):
        assert not await found(api, concerned, case)
    assert await found(api, later, first)
    path, more = f"/v1/cases/{second if about_the_first else first}/conflict", {"about": [later]}
    assert (await api.post("police.officer.1", path, more)).status_code == 200
    for case in (first, second):
        assert not await found(api, later, case)
        assert await found(api, "police.officer.1", case)


async def link(api, case_id, primary):
    done = await api.post("police.officer.1", f"/v1/cases/{case_id}/link", {"primary": primary, "note": "同一事件"})
    assert done.status_code == 200, done.text


async def test_a_link_taken_back_gives_each_case_back_to_whom_only_another_was_about(api):
    """Also what a third case brought along goes with it; what a case is about itself stays."""
    of_one, of_two, both = f"street-{STREET}.officer.1", "edu.officer.1", f"comm-{STREET}.officer.1"
    primary, one = await a_report(api, about=[both]), await a_report(api, about=[of_one, both])
    two = await a_report(api, about=[of_two])
    for case in (one, two):
        await link(api, case, primary)
    concerned = (of_one, of_two, both)
    for case in (primary, one, two):
        assert [await found(api, person, case) for person in concerned] == [set()] * 3
    assert (await api.post("police.officer.1", f"/v1/cases/{one}/unlink", {"note": "有误"})).status_code == 200
    seen = {
        case: [bool(await found(api, person, case)) for person in concerned]
        for case in (primary, one, two)
    }  # fmt: skip
    assert seen == {primary: [True, False, False], one: [False, True, False], two: [True, False, False]}


async def test_links_of_before_are_kept_apart_as_well(api):
    concerned = f"street-{STREET}.officer.1"
    primary, follower = await a_report(api, about=[concerned]), await a_report(api)
    case, events = tables.cases.c, tables.events.c
    await link(api, follower, primary)
    unreadable = await a_report(api)
    await link(api, unreadable, await a_report(api, about=[concerned]))
    engine = api.service.engine
    async with engine.begin() as conn:  # as if nothing had been said of it when the link was made
        last = (
            await conn.execute(
                select(events.kind).where(events.stream_id == follower, events.kind == "kept_out_by_link")
            )
        ).all()
        assert len(last) == 1
        stored = (await conn.execute(select(case.progress).where(case.id == follower))).scalar_one()
        for one, progress in ((follower, stored), (unreadable, {"stage": "nowhere"})):
            row = {"about": [], "progress": {**progress, "about": [], "about_by_link": []}}
            await conn.execute(update(tables.cases).where(case.id == one).values(**row))
    assert await found(api, concerned, follower)
    await keep_all_apart(engine, api.service.ledger)
    assert not await found(api, concerned, follower), "another one that cannot be read holds nothing up"
    async with engine.begin() as conn:
        assert (await mend(conn, unreadable)).repaired
    assert not await found(api, concerned, unreadable)


async def declared_for_a_link(conn, case_id, about):
    """As the service said it, and kept it, before what a link brings stood apart."""
    case = tables.cases.c
    before = Progress.model_validate((await conn.execute(select(case.progress).where(case.id == case_id))).scalar_one())
    event = e.ConflictDeclared(at=before.filed_at, by="engine", about=(about,))
    after = fold([event], before)
    (line,) = event_rows(case_id, after.version, [event])
    await conn.execute(insert(tables.events), {**line, "body": event.model_dump(mode="json")})
    row = {
        "about": [about],
        "progress": after.model_dump(mode="json", exclude={"about_by_link"}),
        "version": after.version,
    }
    await conn.execute(update(tables.cases).where(case.id == case_id).values(**row))


async def test_what_a_link_of_before_brought_is_given_back_though_the_family_goes_on(api):
    """The one that it brought was taken back before the rule; another of the family stands, and a third is alone."""
    concerned, engine = f"street-{STREET}.officer.1", api.service.engine
    primary, follower, alone = [await a_report(api) for _ in range(3)]
    await link(api, follower, primary)
    by_link = import_module("app.db.migrations.versions.0068_kept_out_before").BY_LINK
    family = (primary, follower, alone)
    async with engine.begin() as conn:
        for case_id in family:
            await declared_for_a_link(conn, case_id, concerned)
    seen = {}
    for step in ("as it stood", "once it was found"):
        await keep_all_apart(engine, api.service.ledger)
        seen[step] = [bool(await found(api, concerned, case_id)) for case_id in family]
        async with engine.begin() as conn:
            await conn.execute(text(by_link))
            assert await look(conn, family) == []
    assert seen == {"as it stood": [False] * 3, "once it was found": [True] * 3}


async def test_a_link_that_nobody_could_oversee_is_shown_to_those_who_can_take_it_back(api):
    one, other = await a_report(api), await a_report(api)
    await link(api, one, other)
    case, engine = tables.cases.c, api.service.engine
    async with engine.begin() as conn:  # of before the rule
        for case_id, about in ((one, ["CIVIL"]), (other, ["CONF"])):
            stored = (await conn.execute(select(case.progress).where(case.id == case_id))).scalar_one()
            row = {"about": about, "progress": {**stored, "about": about}}
            await conn.execute(update(tables.cases).where(case.id == case_id).values(**row))
    shown = {}
    for step in ("stands", "gone"):
        await keep_all_apart(engine, api.service.ledger)
        async with engine.begin() as conn:
            await keep(conn, await find(conn, api.service.ledger.clock()), api.service.ledger.clock())
        for person in ("conf.supervisor.1", "civil.supervisor.1", "police.chief.1"):
            rows = (await api.get(person, "/v1/findings?limit=200")).json()["items"]
            shown[step, person] = {row["case_id"] for row in rows if row["problem"] == "link_stands_open"} & {
                one,
                other,
            }
        if step == "stands":
            done = await api.post("police.officer.1", f"/v1/cases/{one}/unlink", {"note": "有误"})
            assert done.status_code == 200, done.text
    nobody = {key: set() for key in shown}
    assert shown == nobody | {("stands", "conf.supervisor.1"): {one}, ("stands", "civil.supervisor.1"): {other}}
    async with engine.begin() as conn:
        for case_id in (one, other):
            await mend(conn, case_id)


async def waiting(conn, number):
    """Until so many wait for a lock of others."""
    for _ in range(500):
        held = text(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        if (await conn.execute(held)).scalar_one() >= number:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_a_declaration_locks_linked_cases_in_order_and_two_at_once_leave_somebody_who_oversees(api):
    one, other = await a_report(api), await a_report(api)
    await link(api, one, other)
    low, high = sorted((one, other))
    case, engine = tables.cases.c, api.service.engine
    async with engine.connect() as conn, engine.connect() as watch:
        watch = await watch.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(select(case.id).where(case.id == low).with_for_update())
        asked = [
            asyncio.create_task(api.post("police.officer.1", f"/v1/cases/{case_id}/conflict", {"about": [about]}))
            for case_id, about in ((high, "CIVIL"), (low, "CONF"))
        ]
        await waiting(watch, 2)
        await conn.execute(select(case.id).where(case.id == high).with_for_update(nowait=True))
        await conn.rollback()
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
    for case_id in (low, high):
        assert await found(api, "civil.supervisor.1", case_id) or await found(api, "conf.supervisor.1", case_id)


async def test_a_case_that_came_into_the_family_meanwhile_is_locked_in_its_order(api):
    low, high = sorted([await a_report(api), await a_report(api)])
    case, engine = tables.cases.c, api.service.engine
    joins = update(tables.cases).where(case.id == low).values(linked_to=high)
    async with engine.connect() as links, engine.connect() as waits, engine.connect() as watch:
        watch = await watch.execution_options(isolation_level="AUTOCOMMIT")
        await links.execute(select(case.id).where(case.id == high).with_for_update())
        asked = asyncio.create_task(lock_together(waits, high, DeclareConflict(by=ENGINE, about=("x",))))
        await waiting(watch, 1)
        await links.execute(joins)
        await links.commit()
        await asked
        await links.execute(text("set local lock_timeout = '20ms'"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await links.execute(select(case.id).where(case.id == low).with_for_update())
        await links.rollback()
        await waits.rollback()
        await watch.execute(joins.values(linked_to=None))
