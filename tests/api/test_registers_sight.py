"""Whom an entry of a register tells of a child or a case, and whose record says that it was read."""

import uuid

import pytest
from sqlalchemy import delete, func, insert, select

from app.db import tables
from app.domain.watch import watch_id
from tests.api.test_registers import DAY, entries, made
from tests.api.test_registration import COMMITTEE, DIVISION, STREET, register, verify

CONF, CIVIL, CULTURE, HEAD = "conf.supervisor.1", "civil.supervisor.1", "culture.officer.1", f"street-{DIVISION}.head.1"
WHY = {"need": "verify", "note": "核对"}
VENUE = {
    "name": "某网吧",
    "address": "某路1号",
    "origin": "tip_off",
    "inspected_on": DAY,
    "content": "none",
    "minors": "yes",
}


async def reported(api, person, about, **more):
    form = {"children": [{"residence_division": DIVISION}], "situations": ["living_alone"], "about": about, **more}
    return (await api.report(person, **form))["case_id"]


async def registered(api, **more):
    """A child that its committee has registered, verified."""
    said = {
        "name": f"单小{uuid.uuid4().hex[:3]}（化名）",
        "sex": "male",
        "birth_date": "2017-03-04",
        "residence": "看丹示例路5号",
    }
    done = (await register(api, child={**said, **more})).json()
    assert (await verify(api, STREET, done)).status_code == 200
    return done["child_id"]


async def entered(api, name="assistance"):
    """Such a child with an entry about it, which the street has made."""
    child = await registered(api)
    return child, await made(api, STREET, name, {"child": child, "what": "困境儿童生活保障", "helped_on": DAY})


async def recorded(api, trace):
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        found = await conn.execute(select(row.action, row.children).where(row.trace_id == trace).order_by(row.id))
        return [(one.action, one.children) for one in found]


async def told(api, person, name, entry):
    """Everything that anybody is told of an entry."""
    path = f"/v1/registers/{name}/entries/{entry}"
    due = (await api.get(person, "/v1/registers/due?by=2036-01-01T00:00:00Z")).json()
    totals = (await api.get(person, f"/v1/registers/{name}/totals")).json()
    return {
        "listed": entry in await entries(api, person, name), "read": (await api.get(person, path)).status_code,
        "opened": (await api.post(person, path + "/full-view", WHY)).status_code,
        "due": entry in [row["subject"] for row in due], "stand": sum(row["entries"] for row in totals),
    }  # fmt: skip


@pytest.mark.parametrize("concerned", [CIVIL, CONF])
@pytest.mark.parametrize("way", ["child", "joined", "visit", "case"])
async def test_an_entry_about_a_child_of_a_case_about_the_reader_is_none_for_them(api, concerned, way):
    other = CONF if concerned == CIVIL else CIVIL
    if way == "visit":
        child, entry = await entered(api)
        before = [await told(api, one, "assistance", entry) for one in (concerned, other)]
        visit = {"finding": "at_risk", "situations": ["living_alone"], "note": "独自居住"}
        seen = await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", visit)
        conflict = {"about": [concerned], "note": "利益冲突"}
        said = await api.post("police.officer.1", f"/v1/cases/{seen.json()['report']}/conflict", conflict)
        assert said.status_code == 200, said.text
    elif way == "joined":
        child, entry = await entered(api)
        before = [await told(api, one, "assistance", entry) for one in (concerned, other)]
        hidden = await reported(api, COMMITTEE, [concerned])
        joined = (await api.progress(hidden, other))["children"][0]["id"]
        progress = {"child_id": joined, "version": 1, "policy": "p", "division": DIVISION, "merged_into": child}
        row = {"id": f"file-{joined}", "progress": progress, "is_open": False, "desks": [], **progress}
        async with api.service.engine.begin() as conn:
            await conn.execute(insert(tables.child_files), row)
    else:
        shown, hidden = await reported(api, COMMITTEE, []), await reported(api, COMMITTEE, [concerned])
        children = [(await api.progress(case, other))["children"][0]["id"] for case in (shown, hidden)]
        help_given = {"child": children[way == "child"], "what": "困境儿童生活保障", "helped_on": DAY, "case": hidden}
        before = [await told(api, one, "assistance", "none") for one in (concerned, other)]
        before = [
            {**one, "listed": True, "read": 200, "opened": 201, "due": True, "stand": one["stand"] + 1}
            for one in before
        ]
        help_given |= {} if way == "case" else {"case": None}
        entry = await made(api, COMMITTEE, "assistance", {name: said for name, said in help_given.items() if said})
    after = [await told(api, one, "assistance", entry) for one in (concerned, other)]
    if way == "joined":
        figures = [await api.get(one, "/v1/statistics/outcomes") for one in (concerned, other)]
        assert [one.status_code for one in figures] == [200, 200], "and figures are not made of it"
        async with api.service.engine.begin() as conn:  # as if they were parted
            await conn.execute(delete(tables.child_files).where(tables.child_files.c.child_id == joined))
    nothing = {"listed": False, "read": 404, "opened": 404, "due": False, "stand": before[0]["stand"] - 1}
    assert after == [nothing, before[1]]


async def test_whom_a_case_is_about_is_not_told_of_what_a_venue_was_found_with(api):
    case = await reported(api, CULTURE, [CIVIL], reporter={"class": "state_organ"})
    before = await told(api, CIVIL, "venues", "none")
    entry = await made(api, CULTURE, "venues", {**VENUE, "case": case})
    assert await told(api, CIVIL, "venues", entry) == before
    assert (await told(api, CONF, "venues", entry))["listed"]


async def test_the_case_of_an_entry_which_says_who_reported_it_is_for_whoever_may_know_that(api):
    case = await reported(api, CULTURE, [], reporter={"class": "state_organ"})
    entry, path = await made(api, CULTURE, "venues", {**VENUE, "case": case}), "/v1/registers/venues/entries/"
    for person, knows in ((CULTURE, True), (CIVIL, True), (CONF, False)):
        assert (await api.get(person, f"/v1/cases/{case}")).status_code == (404 if person == CULTURE else 200)
        one = (await api.get(person, path + entry)).json()[-1]["fields"]
        for fields in ((await entries(api, person, "venues"))[entry]["fields"], one):
            assert fields == {**VENUE, **({"case": case} if knows else {})}, person


async def test_whoever_reads_an_entry_stands_in_the_record_of_its_child(api):
    child, entry = await entered(api)
    path = "/v1/registers/assistance/entries"
    for ask, action in (
        ("", "read_register"),
        (f"/{entry}", "read_register"),
        (f"/{entry}/full-view", "open_full_view"),
    ):
        answer = await (api.post(HEAD, path + ask, WHY) if "full" in ask else api.get(HEAD, path + ask))
        ((said, children),) = await recorded(api, answer.headers["X-Trace-Id"])
        assert (said, child in children) == (action, True), ask
    case = await reported(api, CULTURE, [], reporter={"class": "state_organ"})
    venue = await made(api, CULTURE, "venues", {**VENUE, "case": case})
    read = await api.get(CULTURE, f"/v1/registers/venues/entries/{venue}")
    assert await recorded(api, read.headers["X-Trace-Id"]) == [
        ("read_register", [(await api.progress(case))["children"][0]["id"]])
    ]
    untold = await api.get(CONF, f"/v1/registers/venues/entries/{venue}")
    assert await recorded(api, untold.headers["X-Trace-Id"]) == [("read_register", [])]


async def test_children_that_concern_somebody_are_those_of_whom_the_walls_say_so(api):
    """The other way round asks the same of each child."""
    await reported(api, COMMITTEE, [CIVIL])
    child, marks = tables.children.c, [CIVIL]
    async with api.service.engine.connect() as conn:
        each = select(child.id).where(func.shouhu_file_concerned(child.id, marks))
        at_once = (await conn.execute(select(func.shouhu_children_concerning(marks)))).scalar_one()
        assert {*(await conn.execute(each)).scalars()} <= {*at_once}
        assert at_once
