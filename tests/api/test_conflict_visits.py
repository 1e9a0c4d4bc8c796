"""利益冲突 of a case that a visit has made, which calls the child by an id of its own: it is the child's case all the same."""

import uuid

import pytest
from sqlalchemy import select, text, update

from app.db import tables
from app.db.colleagues import give_to_others
from app.db.joining import belong
from app.db.people import actor_by_token
from app.domain.watch import watch_id
from tests.api.test_conflict_children import enter
from tests.api.test_registration import CHILD, COMMITTEE, DIVISION, STREET, register, verify, watched
from tests.api.test_reports import is_problem

CIVIL, CONF, OFFICER = "civil.supervisor.1", "conf.supervisor.1", "civil.officer.1"
RISK = {"situations": ["living_alone"], "note": "独自居住，夜里无人照看"}
AT = {f"STREET-{DIVISION}": STREET, f"COMM-{DIVISION}": COMMITTEE, CIVIL: CIVIL, CONF: CONF}


async def a_child(api, **more):
    """Registered without a report, and watched."""
    made = (await register(api, child=CHILD | {"name": f"单小{uuid.uuid4().hex[:3]}（化名）"} | more)).json()
    assert (await verify(api, STREET, made)).status_code == 200
    return made["child_id"]


async def visited(api, child, by=COMMITTEE):
    """The case that a visit makes."""
    done = await api.post(by, f"/v1/watches/{watch_id(child)}/visits", {"finding": "at_risk", **RISK})
    assert done.status_code == 200, done.text
    return done.json()["report"]


async def concerning(api, case, *about):
    said = await api.post("police.officer.1", f"/v1/cases/{case}/conflict", {"about": about, "note": "利益冲突"})
    assert said.status_code == 200, said.text


async def behind_the_wall(api, walled, person, child):
    async with walled.begin() as conn:
        assert await actor_by_token(conn, api.tokens[person])
        asked = {"children": "id", "child_files": "child_id", "watches": "child_id", "notes": "stream_id"}
        names = {"stream_id": [watch_id(child)]}
        found = {}
        for table, key in asked.items():
            query = text(f"select count(*) from {table} where {key} = any(:all)")
            found[table] = await conn.scalar(query, {"all": names.get(key, [child])})
    return found


async def finds(api, person, child, case):
    """Where the person comes across the child or its case."""
    file = f"/v1/children/{child}"
    own = [file, f"{file}/history", f"/v1/visits/{watch_id(child)}", f"{file}/duplicates"]
    found = {path for path in own if (await api.get(person, path)).status_code == 200}
    lists = ["watches", "visits", "owed", "notices", "ledgers/work", "ledgers/personal", f"audit?child_id={child}"]
    for name in lists:
        told = (await api.get(person, f"/v1/{name}{'&' if '?' in name else '?'}limit=200")).text
        found |= {name} if child in told or case in told else set()
    view = await api.post(person, f"{file}/full-view", {"need": "verify", "note": "核对"})
    return {path.replace(child, "") for path in found} | ({"full"} if view.status_code == 201 else set())


@pytest.mark.parametrize("concerned", AT)
async def test_whom_a_case_that_a_visit_made_is_about_finds_nothing_of_the_child(api, walled, concerned):
    reader = AT[concerned]
    child = await a_child(api)
    case = await visited(api, child)
    assert len(await finds(api, reader, child, case)) > 4, "the control"
    assert all((await behind_the_wall(api, walled, reader, child)).values())
    await concerning(api, case, concerned)
    assert await finds(api, reader, child, case) == set()
    assert not any((await behind_the_wall(api, walled, reader, child)).values())
    others = {CIVIL, CONF} - {reader}
    for one in others:
        assert (await api.get(one, f"/v1/children/{child}")).status_code == 200, one


async def test_the_next_case_that_a_visit_makes_is_kept_from_whom_an_earlier_one_is_about(api):
    """Its legs as well: they go to an office that is not concerned."""
    child, about = await a_child(api), [f"STREET-{DIVISION}", f"COMM-{DIVISION}"]
    shown = await visited(api, child)
    tasks = select(tables.tasks.c.desk).where(tables.tasks.c.case_id == shown, tables.tasks.c.is_open)
    async with api.service.engine.connect() as conn:
        assert set(about) & set((await conn.execute(tasks)).scalars()), "the control: what such a case asks of them"
    await concerning(api, shown, *about)
    case = await visited(api, child, OFFICER)
    for person in (STREET, COMMITTEE):
        is_problem(await api.get(person, f"/v1/cases/{case}"), 404, "case_not_found")
        assert case not in (await api.get(person, "/v1/tasks?limit=200")).text
    await give_to_others(api.service.engine, api.service.ledger)
    progress = await api.progress(case, OFFICER)
    assert set(about) <= set(progress["about"])
    at = {one["desk"] for one in progress["referrals"] if one["state"] in ("sent", "accepted")}
    assert at
    assert at.isdisjoint(about)


async def test_a_case_that_a_verified_warning_made_hides_the_child_as_well(api, give):
    number = "110106201708271165"
    child = await a_child(api, id_no=number, name="仲孙小雨（化名）", birth_date="2017-08-27")
    machine = await give(scopes=("signal:send",))
    known = {"name": "仲孙小雨（化名）", "birth_date": "2017-08-27", "id_no": number, "residence_division": DIVISION}
    said = {"id": uuid.uuid4().hex, "count": 4, "text": "连续四日无故缺勤", "child": known}
    await machine.post("/v1/signals", {"signals": [said]})
    (warning,) = (await watched(api))[child]["warnings"]
    path = f"/v1/watches/{watch_id(child)}/warnings/{warning['number']}/verify"
    case = (await api.post(COMMITTEE, path, {"outcome": "risk", **RISK})).json()["report"]
    await concerning(api, case, f"STREET-{DIVISION}")
    assert await finds(api, STREET, child, case) == set()


@pytest.mark.parametrize("later", [False, True], ids=["declared", "of an earlier build"])
async def test_what_lies_at_the_desk_that_it_is_about_goes_to_another(api, later):
    """The watch, and a change of the file that waits there; what such a desk has still is found by the worker."""
    child = await a_child(api)
    case = await visited(api, child)
    await enter(api, COMMITTEE, child, field="school", value="示例三小（化名）")
    about = [f"STREET-{DIVISION}", f"COMM-{DIVISION}"]
    if later:
        row = tables.cases.c
        async with api.service.engine.begin() as conn:
            await conn.execute(update(tables.cases).where(row.id == case).values(about=about))
        await give_to_others(api.service.engine, api.service.ledger)
    else:
        await concerning(api, case, *about)
    path = f"/v1/watches/{watch_id(child)}/visits"
    assert (await watched(api, OFFICER))[child]["desk"] == "CIVIL"
    for person in (COMMITTEE, STREET):
        is_problem(await api.post(person, path, {"finding": "well", "note": "一切正常"}), 404, "case_not_found")
    waits = (await api.get(OFFICER, "/v1/changes?limit=200")).json()["items"]
    assert child in {one["child_id"] for one in waits}


async def test_from_a_child_and_from_its_cases_the_same_are_each_others(api):
    """What hides a child, and what moves when a case comes to be about somebody, ask from both ends: of files that were joined too."""
    child, other = await a_child(api), await a_child(api)
    cases = [await visited(api, child), await visited(api, other), (await api.report())["case_id"]]
    file, case_of = tables.child_files, tables.cases.c.id
    async with api.service.engine.connect() as conn:
        await conn.execute(update(file).where(file.c.child_id == other).values(merged_into=child))
        for number, case in enumerate(cases):
            await conn.execute(update(tables.cases).where(case_of == case).values(about=[f"mark-{number}"]))
        asked = text("select shouhu_children_of(:id)")
        ends = [{*await conn.scalar(asked, {"id": case})} for case in cases]
        for one in set().union(*ends):
            about = set(await conn.scalar(text("select shouhu_about(:id)"), {"id": one}))
            assert about == {f"mark-{number}" for number, some in enumerate(ends) if one in some}, one
        await conn.rollback()
    assert (ends[0] & ends[1], ends[0] & ends[2]) == ({child, other}, set())


@pytest.mark.parametrize("way", ["visit", "joined"])
@pytest.mark.parametrize("concerned", [CIVIL, CONF])
async def test_what_is_kept_of_a_child_without_a_case_is_kept_from_whom_a_case_of_the_child_is_about(
    api, way, concerned
):
    """Holds, full views, proposals and the access record: of a child that a visit reported, or that was joined with one of a case."""
    child, other = await a_child(api), CONF if concerned == CIVIL else CIVIL
    hold, view = {"reason": "litigation", "note": "诉讼未结"}, {"need": "verify", "note": "核对"}
    held = (await api.post(other, f"/v1/retention/{child}/holds", hold)).json()["id"]
    lift = {"act": "hold", "parameters": {"hold": held}, "reason": "verify", "note": "诉讼已结"}
    asked = {"act": "delete", "parameters": {"child": child}, "reason": "retention_over", "note": "期满"}
    made = [await api.post(other, "/v1/approvals", one) for one in (lift, asked)]
    made.append(await api.post(COMMITTEE, f"/v1/children/{child}/full-view", view))
    assert [one.status_code for one in made] == [201] * 3, [one.text for one in made]
    ids = {held, *(one.json()["id"] for one in made)}
    lists = ("retention/holds", "approvals", "full-views")

    async def told(person):
        pages = [(await api.get(person, f"/v1/{name}?limit=200")).json()["items"] for name in lists]
        return ids & {one["id"] for page in pages for one in page}

    assert await told(concerned) == ids, "the control"
    if way == "visit":
        await concerning(api, await visited(api, child), concerned)
    else:
        case = (await api.report(children=[{"residence_division": DIVISION}], about=[concerned]))["case_id"]
        joined, now = (await api.progress(case, other))["children"][0]["id"], api.service.ledger.clock()
        async with api.service.engine.begin() as conn:
            await belong(api.service.ledger, conn, joined, child, now)
    assert (await told(concerned), await told(other)) == (set(), ids)
    is_problem(await api.post(concerned, f"/v1/retention/{child}/holds", hold), 404, "child_not_found")
    is_problem(
        await api.post(concerned, f"/v1/retention/holds/{held}/lift", {"reason": "ended"}), 404, "hold_not_found"
    )
    is_problem(await api.post(concerned, f"/v1/approvals/{made[1].json()['id']}/approve"), 404, "approval_not_found")
    for path in ("access-record", "access-record.csv"):
        is_problem(await api.get(concerned, f"/v1/children/{child}/{path}"), 404, "child_not_found")
    assert (await api.get(concerned, f"/v1/audit?child_id={child}&limit=200")).json()["items"] == []
    figures = await api.get(concerned, "/v1/statistics/outcomes")
    assert figures.status_code == 200, "the row of a child is not there without its key"
