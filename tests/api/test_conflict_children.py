"""利益冲突, for the child: who may not see a case finds no row, file or watch of its child, and what lies with them goes to others."""

from datetime import datetime

import pytest
from sqlalchemy import delete, insert, select, text, update

from app.db import tables
from app.db.colleagues import give_to_others
from app.db.findings import find
from app.db.joining import belong, given_back
from app.db.ledger import progress_of
from app.db.owed import designation, open_all, opening
from app.db.people import actor_by_token
from app.domain.access import ENGINE
from app.domain.handover import OfferWatch
from app.domain.owed import Matter
from app.domain.terms import CloseReason, Fault, Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from tests.api.test_conflict import STREET, a_report
from tests.api.test_conflict_links import link
from tests.api.test_reports import is_problem
from tests.api.workbooks import sheet, state, upload


async def two_of_one(api, concerned, *, keeps_shown=True):
    """A case about the person and another, the files of whose children were joined, so that that of the shown one is kept or that of
    the hidden; both cases and children."""
    hidden, shown = await a_report(api, about=[concerned]), await a_report(api)
    of_hidden, of_shown = [
        (await api.progress(one, "conf.supervisor.1"))["children"][0]["id"] for one in (hidden, shown)
    ]
    joined, kept = (of_hidden, of_shown) if keeps_shown else (of_shown, of_hidden)
    progress = {"child_id": joined, "version": 1, "policy": "p", "division": STREET, "merged_into": kept}
    row = {
        "id": f"file-{joined}", "version": 1, "policy": "p", "progress": progress, "is_open": False, "division": STREET,
        "child_id": joined, "desks": [], "merged_into": kept,
    }  # fmt: skip
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(tables.child_files), row)
    return hidden, of_hidden, shown, of_shown


async def test_what_is_wrong_or_owed_for_a_child_tells_nobody_that_a_case_is_about_them(api, walled):
    """Of the same child under the other id as well, and behind the wall, where the hidden child is not there to be asked about."""
    concerned, other = "civil.supervisor.1", "conf.supervisor.1"
    hidden, child, _, same = await two_of_one(api, concerned)
    third = await a_report(api)
    of_third = (await api.progress(third, other))["children"][0]["id"]
    asked = [opening(Matter.BOOKS, "of_age", one, f"COMM-{STREET}", STREET, "books_check") for one in (child, same)]
    asked += [opening(Matter.DOUBLE, child, of_third, "CONF", STREET, "books_check"), designation(hidden)]
    streams = [hidden, f"file-{child}", f"file-{same}", f"watch-{same}", *(one.owed_id for one in asked)]
    wrong, engine, now = tables.findings, api.service.engine, api.service.ledger.clock()
    said = {"problem": Fault.ENGINE_STANDS_STILL, "repaired": False, "found_at": now}
    async with engine.begin() as conn:
        await open_all(conn, api.service.ledger, asked, now)
        await conn.execute(insert(wrong), [{**said, "stream_id": one} for one in streams])
        before = {"person_id": concerned, "version": 99, "kind": "owed_opened", "subject": "owed", "at": now}
        await conn.execute(insert(tables.notices), [{**before, "case_id": one} for one in streams[1:]])
    rows = {"findings": "stream_id", "owed": "id", "notices": "case_id"}
    try:
        told = {}
        for person in (concerned, other):
            listed = [(await api.get(person, f"/v1/{one}?limit=200")).json()["items"] for one in rows]
            told[person] = {row.get("id") for row in listed[1]} | {row.get("case_id") for row in listed[0] + listed[2]}
            told[person] = len(told[person] & {*streams})
            async with walled.begin() as conn:
                assert await actor_by_token(conn, api.tokens[person])
                for table, key in rows.items():
                    query = text(f"select count(*) from {table} where {key} = any(:all)")
                    told[person, table] = (await conn.execute(query, {"all": streams})).scalar_one()
        assert told == {
            concerned: 0, (concerned, "findings"): 0, (concerned, "owed"): 0, (concerned, "notices"): 0,
            other: 1 + len(asked), (other, "findings"): len(streams), (other, "owed"): len(asked), (other, "notices"): 2,
        }  # fmt: skip
        double = next(one.owed_id for one in asked if one.matter is Matter.DOUBLE)
        said = {"note": "其中一份档案已不在册"}
        is_problem(await api.post("civil.officer.1", f"/v1/owed/{double}/settle", said), 404, "owed_not_found")
        is_problem(await api.post(other, f"/v1/owed/{double}/settle", said), 409, "doubles_not_compared")
        await link(api, third, await a_report(api))
        settled = await api.post(other, f"/v1/owed/{double}/settle", said)
        assert settled.status_code == 200, "whoever is told of it ends it where nothing is left to compare"
    finally:
        async with engine.begin() as conn:
            await conn.execute(delete(wrong).where(wrong.c.stream_id.in_(streams)))
            await conn.execute(delete(tables.notices).where(tables.notices.c.case_id.in_(streams)))
            await conn.execute(delete(tables.owed).where(tables.owed.c.id.in_([one.owed_id for one in asked])))


@pytest.mark.parametrize("keeps_shown", [True, False])
async def test_a_file_with_which_that_of_a_hidden_case_was_joined_is_as_hidden_and_nothing_names_it(api, keeps_shown):
    concerned, other = "police.officer.1", "police.officer.2"
    _, of_hidden, shown, of_shown = await two_of_one(api, concerned, keeps_shown=keeps_shown)
    path, files = f"/v1/children/{of_shown}", {concerned: of_shown, other: of_shown if keeps_shown else of_hidden}
    assert (await api.get(other, path)).status_code == 200
    is_problem(await api.get(concerned, path), 404, "child_not_found")
    for person, file in files.items():
        (services,) = (await api.get(person, f"/v1/cases/{shown}/services")).json()
        assert (services["child_id"], services["file_id"]) == (of_shown, file), person


VILLAGE = "110106101"
AT = {"COMM": f"comm-{VILLAGE}.officer.1", "STREET": f"street-{VILLAGE}.officer.1", "CIVIL": "civil.officer.1"}


async def a_watch(api, division):
    """A case of that street and its child, whom its committee watches."""
    case_id, ledger = await a_report(api, division), api.service.ledger
    child = (await api.progress(case_id))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case_id, division=division, grade=Grade.MEDIUM)
    async with api.service.engine.begin() as conn:
        await ledger.begin(conn, watch_id(child), begin)
    return case_id, child


async def watched_by(api, child):
    """The desks at which the visit is on the list, those who may record one, and where the children's page is open."""
    path, lists, record = f"/v1/watches/{watch_id(child)}/visits", set(), set()
    for desk, person in AT.items():
        answer = await api.get(person, "/v1/visits?limit=200")
        assert answer.status_code == 200, answer.text
        lists |= {desk} & {
            desk for row in answer.json()["items"] if row["child_id"] == child and row["desk"].startswith(desk)
        }
        record |= {desk} if (await api.post(person, path, {"finding": "well"})).status_code == 200 else set()
    return lists, record


async def test_no_child_is_watched_by_a_desk_that_may_not_see_it(api):
    """While the watch runs it goes on at the next office; a case that closes begins it there; what still lies at such a desk is found."""
    ledger, engine = api.service.ledger, api.service.engine
    case_id, child = await a_watch(api, VILLAGE)
    assert await watched_by(api, child) == ({"COMM"}, {"COMM"})
    for about, desk in (("unit-village-1", "STREET"), (f"STREET-{VILLAGE}", "CIVIL")):
        path = f"/v1/cases/{case_id}/conflict"
        assert (await api.post("conf.supervisor.1", path, {"about": [about]})).status_code == 200
        assert await watched_by(api, child) == ({desk}, {desk})
    closes = await a_report(api, VILLAGE, about=["unit-village-1"])
    given = (await api.progress(closes))["children"][0]["id"]
    async with engine.begin() as conn:
        now = ledger.clock()
        await given_back(ledger, conn, await progress_of(conn, closes), CloseReason.NEEDS_MET, now)
        assert closes in {one.stream_id for one in await find(conn, now) if one.problem is Fault.DESK_CONCERNED}
    assert await watched_by(api, given) == ({"STREET"}, {"STREET"})
    async with engine.begin() as conn:  # as an earlier build left it
        watch = tables.watches.c
        stored = (await conn.execute(select(watch.progress).where(watch.child_id == given))).scalar_one()
        at = {"desk": f"COMM-{VILLAGE}"}
        await conn.execute(update(tables.watches).where(watch.child_id == given).values(**at, progress=stored | at))
    assert await watched_by(api, given) == (set(), set())
    await give_to_others(engine, ledger)
    assert await watched_by(api, given) == ({"STREET"}, {"STREET"})
    task = tables.tasks.c
    query = select(task.kind, task.desk).where(
        task.case_id == closes, task.is_open, task.agency.in_(["COMM", "STREET"])
    )
    async with engine.connect() as conn:
        legs = {row.desk for row in await conn.execute(query) if row.kind == "referral"}
    assert legs == {f"STREET-{VILLAGE}"}, "its leg went to the street office with it"


async def shut_out(api, case_id, about):
    done = await api.post("conf.supervisor.1", f"/v1/cases/{case_id}/conflict", {"about": [about]})
    assert done.status_code == 200, done.text


async def told(api, person, *kinds):
    rows = (await api.get(person, "/v1/notices?limit=200")).json()["items"]
    return [(row["case_id"], row["kind"], row["subject"]) for row in rows if row["kind"] in kinds]


async def test_a_watch_that_a_link_took_from_its_committee_goes_back_once_the_link_is_taken_back(api):
    case_id, child = await a_watch(api, VILLAGE)
    primary = await a_report(api, VILLAGE, about=["unit-village-1"])
    await link(api, case_id, primary)
    assert await watched_by(api, child) == ({"STREET"}, {"STREET"})
    undone = await api.post("police.officer.1", f"/v1/cases/{case_id}/unlink", {"note": "有误"})
    assert undone.status_code == 200, undone.text
    assert await watched_by(api, child) == ({"COMM"}, {"COMM"})
    assert (case_id, "watch_taken", "visit") in await told(api, AT["COMM"], "watch_taken")


async def test_a_watch_of_before_goes_back_to_its_committee_as_well(api):
    ledger, watch = api.service.ledger, tables.watches.c
    _, child = await a_watch(api, VILLAGE)
    async with api.service.engine.begin() as conn:
        stored = (await conn.execute(select(watch.progress).where(watch.child_id == child))).scalar_one()
        at = {"desk": f"STREET-{VILLAGE}"}
        await conn.execute(update(tables.watches).where(watch.child_id == child).values(**at, progress=stored | at))
    await give_to_others(api.service.engine, ledger)
    assert await watched_by(api, child) == ({"COMM"}, {"COMM"})


async def enter(api, person, child, **value):
    entered = await api.post(person, f"/v1/children/{child}/changes", value)
    assert entered.status_code == 200, entered.text
    return entered.json()


async def waiting_for(api, child):
    """The desks in whose list of changes the child stands."""
    lists = {desk: (await api.get(person, "/v1/changes?limit=200")).json()["items"] for desk, person in AT.items()}
    return {desk for desk, rows in lists.items() if child in {row["child_id"] for row in rows}}


async def test_a_change_is_verified_by_a_desk_that_may_see_the_child(api, run):
    """One that waits goes there with all its time when its desk is shut out, and back when it is so no more; a later one at once."""
    engine, now = api.service.engine, api.service.ledger.clock
    case_id, child = await a_watch(api, VILLAGE)
    first = await enter(api, AT["COMM"], child, field="school", value="示例三小（化名）")
    assert (first["waits_for"], await waiting_for(api, child)) == (f"STREET-{VILLAGE}", {"STREET"})
    primary = await a_report(api, VILLAGE, about=[f"STREET-{VILLAGE}"])
    await link(api, case_id, primary)
    assert await waiting_for(api, child) == {"CIVIL"}
    assert (await api.post("police.officer.1", f"/v1/cases/{case_id}/unlink", {"note": "有误"})).status_code == 200
    assert await waiting_for(api, child) == {"STREET"}
    await shut_out(api, case_id, f"STREET-{VILLAGE}")
    assert await waiting_for(api, child) == {"CIVIL"}
    async with engine.begin() as conn:
        file = tables.child_files.c
        stored = (await conn.execute(select(file.progress).where(file.child_id == child))).scalar_one()
        assert datetime.fromisoformat(stored["waiting"][0]["clock"]["started_at"]) > datetime.fromisoformat(
            stored["waiting"][0]["at"]
        )
        wrong = [one for one in await find(conn, now()) if one.problem is Fault.DESK_CONCERNED]
    assert f"file-{child}" not in {one.stream_id for one in wrong}
    assert (f"file-{child}", "change_moved", "child_file") in await told(api, AT["CIVIL"], "change_moved")
    step = f"/v1/children/{child}/changes/{first['change']}/pass"
    is_problem(await api.post(AT["STREET"], step, {"note": "已核实"}), 404, "child_not_found")
    passed = await api.post(AT["CIVIL"], step, {"note": "已核实"})
    assert (passed.status_code, passed.json()["waits_for"]) == (200, None), passed.text
    later = await enter(api, AT["COMM"], child, field="school", value="示例四小（化名）")
    assert later["waits_for"] == "CIVIL"
    returned = await api.post(
        AT["CIVIL"], f"/v1/children/{child}/changes/{later['change']}/reject", {"reason": "not_confirmed"}
    )
    assert returned.status_code == 200, returned.text
    said = sheet(["编号", "就读学校"], [child, "示例五小（化名）"])
    job = await run(await upload(api, AT["COMM"], "personal", said))
    await run(await api.post(AT["COMM"], f"/v1/sheets/{job}/confirm"))
    done = await state(api, AT["COMM"], job)
    assert (done["state"], done["counts"]["changed"], done["faults"]) == ("done", 1, [])
    assert await waiting_for(api, child) == {"CIVIL"}, "what a sheet brings as well"


async def test_what_waited_at_a_concerned_desk_before_the_rule_is_given_on(api):
    engine, file = api.service.engine, tables.child_files.c
    case_id, child = await a_watch(api, VILLAGE)
    await shut_out(api, case_id, f"STREET-{VILLAGE}")
    await enter(api, AT["COMM"], child, field="school", value="示例三小（化名）")
    async with engine.begin() as conn:  # as an earlier build left it
        stored = (await conn.execute(select(file.progress).where(file.child_id == child))).scalar_one()
        stored["waiting"][0]["desk"] = f"STREET-{VILLAGE}"
        at = {"desks": [f"STREET-{VILLAGE}"], "progress": stored}
        await conn.execute(update(tables.child_files).where(file.child_id == child).values(**at))
    assert await waiting_for(api, child) == set()
    await give_to_others(engine, api.service.ledger)
    assert await waiting_for(api, child) == {"CIVIL"}


async def test_a_change_goes_back_once_the_file_of_the_child_that_was_hidden_is_parted_from_it(api):
    """No case of either says a word then: whoever stands in is found by what lies there."""
    ledger, engine = api.service.ledger, api.service.engine
    (_, child), hidden = await a_watch(api, VILLAGE), await a_report(api, VILLAGE, about=[f"STREET-{VILLAGE}"])
    other = (await api.progress(hidden, "conf.supervisor.1"))["children"][0]["id"]
    await enter(api, AT["COMM"], child, field="school", value="示例三小（化名）")
    for primary, desk in ((child, "CIVIL"), (None, "STREET")):
        async with engine.begin() as conn:
            await belong(ledger, conn, other, primary, ledger.clock())
        for _ in range(2):  # what stays is looked at again and left alone
            await give_to_others(engine, ledger)
            assert await waiting_for(api, child) == {desk}


async def test_a_desk_that_the_service_gives_a_watch_is_told_so(api):
    """Also where a case that closes begins it; whoever takes over what was offered knows it."""
    ledger, kinds = api.service.ledger, ("watch_taken", "watch_began")
    case_id, _ = await a_watch(api, VILLAGE)
    await shut_out(api, case_id, "unit-village-1")
    closes = await a_report(api, VILLAGE, about=["unit-village-1"])
    async with api.service.engine.begin() as conn:
        await given_back(ledger, conn, await progress_of(conn, closes), CloseReason.NEEDS_MET, ledger.clock())
    given = {(case_id, "watch_taken", "visit"), (closes, "watch_began", "visit")}
    assert given <= set(await told(api, AT["STREET"], *kinds))
    assert not given & set(await told(api, AT["COMM"], *kinds))
    await shut_out(api, case_id, f"STREET-{VILLAGE}")
    assert (case_id, "watch_taken", "visit") in await told(api, AT["CIVIL"], *kinds)
    assert (case_id, "watch_taken", "visit") not in await told(api, AT["STREET"], *kinds)


async def test_a_watch_that_is_offered_to_a_desk_which_is_shut_out_then_is_offered_to_another(api):
    ledger, engine = api.service.ledger, api.service.engine
    case_id, child = await a_watch(api, STREET)
    async with engine.begin() as conn:
        await ledger.record(conn, watch_id(child), OfferWatch(by=ENGINE, division=VILLAGE))
    declared = await api.post("conf.supervisor.1", f"/v1/cases/{case_id}/conflict", {"about": ["unit-village-1"]})
    assert declared.status_code == 200, declared.text
    await give_to_others(engine, ledger)
    watch = tables.watches.c
    async with engine.connect() as conn:
        at = (await conn.execute(select(watch.desk, watch.offered_to).where(watch.child_id == child))).one()
    assert tuple(at) == (f"COMM-{STREET}", f"STREET-{VILLAGE}")
