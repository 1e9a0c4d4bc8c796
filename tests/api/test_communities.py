"""A street has many communities: each child's file knows its own, and visits, books and sheets are told apart by it."""

import io

import pytest
from python_calamine import CalamineWorkbook

from app.domain.watch import watch_id
from tests.api.test_compartments import FAMILY, child_of
from tests.api.test_handover import officer
from tests.api.test_ledgers import book
from tests.api.test_registers import made
from tests.api.test_registration import CHILD, register
from tests.api.test_reports import is_problem
from tests.api.workbooks import WORK, by_column, opened, sheet, state, upload

HERE, NEXT = "110106018", "110106020"
COMMITTEE, STREET = officer("comm", HERE), officer("street", HERE)
OTHER = f"comm-{HERE}.head.1"
LIST = "/v1/registers/communities/entries"


async def watched(api, name, **more):
    given = (await register(api, COMMITTEE, child={**CHILD, "name": name, **more}, family=[], grade="medium")).json()
    path = f"/v1/children/{given['child_id']}/changes"
    assert (await api.post(STREET, f"{path}/{given['change']}/pass")).status_code == 200
    return given["child_id"]


async def enter(api, child, value, person=COMMITTEE):
    return await api.post(person, f"/v1/children/{child}/changes", {"field": "community", "value": value})


async def placed(api, child, value, person=COMMITTEE, street=STREET):
    answer = await enter(api, child, value, person)
    assert answer.status_code == 200, answer.text
    path = f"/v1/children/{child}/changes/{answer.json()['change']}/pass"
    assert (await api.post(street, path)).status_code == 200


async def due(api, community, person=COMMITTEE):
    rows = (await api.get(person, f"/v1/visits?limit=200{f'&community={community}' if community else ''}")).json()
    return {row["child_id"]: row["community"] for row in rows["items"]}


@pytest.fixture
async def listed(api):
    return [await made(api, STREET, "communities", {"name": name}) for name in ("看丹一社区", "看丹二社区")]


@pytest.mark.requirement("R135", "R053")
async def test_visits_and_books_are_cut_to_a_community_which_goes_the_path_of_every_change(api, listed, engine):
    one, two = listed
    director = {
        "post": "director",
        "community": two,
        "name": "主任（化名）",
        "full_time": "full",
        "checked_on": "2026-01-05",
    }
    is_problem(
        await api.post(STREET, "/v1/registers/staff/entries", {"fields": {**director, "account": officer("comm", NEXT)}}),
        422, "invalid_request",
    )  # fmt: skip
    await made(api, STREET, "staff", {**director, "account": COMMITTEE})
    told = {row["id"]: row["mine"] for row in (await api.get(COMMITTEE, "/v1/communities")).json()}
    assert (next(iter(told)), told[one], told[two]) == (two, False, True), "the own one first"
    assert not any(row["mine"] for row in (await api.get(OTHER, "/v1/communities")).json())
    is_problem(await api.get("school.reporter.1", "/v1/communities"), 403, "not_allowed")

    names = {"鲁春雨（化名）": "2011-03-10", "牛望山（化名）": "2014-08-21", "褚一帆（化名）": "2017-12-02"}
    first, second, third = [await watched(api, name, birth_date=born) for name, born in names.items()]
    is_problem(await enter(api, first, "没有的社区"), 422, "invalid_request")
    is_problem(await enter(api, first, "看丹一社区", "civil.officer.1"), 404, "child_not_found")
    await placed(api, first, "看丹一社区")
    await placed(api, second, two)
    everybody = await due(api, None)
    assert {first, second, third} <= set(everybody), "nothing is taken from the desk of the street"
    assert (everybody[first], everybody[third]) == ("看丹一***", ""), "masked as the address is"
    cut = {name: set(await due(api, name)) & {first, second, third} for name in (one, two, "none")}
    assert cut == {one: {first}, two: {second}, "none": {third}}
    assert set(await due(api, one, officer("street", HERE).replace("officer", "head"))) == {first}, "its head likewise"
    assert await due(api, one, officer("comm", NEXT)) == {}
    file = (await api.opened(COMMITTEE, f"/v1/children/{first}")).json()["fields"]["community"]
    assert (file["value"], file["by"]) == ("看丹一社区", COMMITTEE)

    book = (await api.get(COMMITTEE, f"/v1/ledgers/work?limit=200&community={one}")).json()["rows"]
    assert [row["child_id"] for row in book] == [first]
    left = (await api.get(COMMITTEE, "/v1/ledgers/work?limit=200&community=none")).json()["rows"]
    assert {third} == {row["child_id"] for row in left} & {first, second, third}

    await api.post(STREET, f"{LIST}/{one}/end", {"reason": "replaced"})
    assert first in await due(api, "none"), "of a community that is listed no more it stands in no other list"
    is_problem(await enter(api, third, one), 422, "invalid_request")


@pytest.mark.requirement("R015")
async def test_in_the_next_street_it_is_in_no_community_until_one_of_that_street_counts(api, listed, key):
    child = await watched(api, "祝远行（化名）", birth_date="2016-01-02")
    await placed(api, child, listed[0])
    beyond = await made(api, officer("street", NEXT), "communities", {"name": "隔壁社区"})
    entered = await api.post(COMMITTEE, f"/v1/children/{child}/changes", {"field": "residence_division", "value": NEXT})
    await api.post(STREET, f"/v1/children/{child}/changes/{entered.json()['change']}/pass")
    assert child in await due(api, listed[0]), "whoever has the watch goes on as before"
    assert "community" not in (await api.get(COMMITTEE, f"/v1/children/{child}")).json()["fields"]
    there, street = officer("comm", NEXT), officer("street", NEXT)
    await placed(api, child, beyond, there, street)
    assert child not in await due(api, beyond, there), "the watch is not there yet"
    path = f"/v1/watches/{watch_id(child)}"
    first, again = [await api.post(there, f"{path}/take", {}, {"Idempotency-Key": key}) for _ in range(2)]
    assert (first.status_code, again.headers["etag"]) == (200, first.headers["etag"])
    assert child in await due(api, beyond, there)
    same = {"If-Match": again.headers["etag"]}
    is_problem(await api.post(there, f"{path}/end", {"reason": "adulthood"}, same), 409, "not_of_age")
    ended = await api.post(there, f"{path}/end", {"reason": "moved_and_handed_over"}, same)
    assert ended.status_code == 200, "it was put into the list with that, and nobody else has done anything"


async def test_no_list_is_cut_for_those_who_are_not_told_where_a_child_was_moved_to(api):
    """Its father is a suspect; each of them keeps a book in which it stands, without its place."""
    there, street = officer("comm", NEXT), officer("street", NEXT)
    place = await made(api, street, "communities", {"name": "寄养所在社区"})
    (father,) = FAMILY
    away = [
        {**father, "facts": {**father["facts"], "whereabouts": "away_for_work"}},
        {"name": "乙某", "relation": "母", "facts": {"relation": "mother", "whereabouts": "away_for_work"}},
    ]
    _, child = await child_of(api, "SW", "WF", "EDU", family=away)
    await placed(api, child, place, there, street)
    cut = (await api.get(there, f"/v1/ledgers/work?limit=200&community={place}")).json()["rows"]
    assert [row["child_id"] for row in cut] == [child]
    for person, code in (("wf.officer.1", "left_behind"), ("sw.officer.1", "social_work"), ("edu.officer.1", "school")):
        rows = await book(api, person, code)
        (row,) = [row for row in rows["rows"] if row["child_id"] == child]
        assert "寄养" not in str(row), code
        for asked in (place, "none", "not-listed"):
            is_problem(await api.get(person, f"/v1/ledgers/{code}?limit=200&community={asked}"), 403, "not_allowed")
        is_problem(await api.get(person, f"/v1/visits?community={place}"), 403, "not_allowed")
        is_problem(await api.get(person, f"/v1/watches?community={place}"), 403, "not_allowed")


async def test_a_sheet_names_the_community_out_of_the_streets_own_list(api, listed, run):
    child = await watched(api, "米如初（化名）", birth_date="2012-07-08")
    template = await api.get(COMMITTEE, "/v1/ledgers/personal/template")
    picks = CalamineWorkbook.from_filelike(io.BytesIO(template.content)).get_sheet_by_name("选项").to_python()
    assert {"看丹一社区", "看丹二社区"} <= {cell for row in picks for cell in row}
    wrong = await run(
        await upload(api, COMMITTEE, "information", sheet(["编号", "所在社区（村）"], [child, "隔壁社区"]))
    )
    assert [fault["code"] for fault in (await state(api, COMMITTEE, wrong))["faults"]] == ["not_listed"]
    lines = sheet(["编号", "所在社区（村）"], [child, "看丹二社区"])
    sent = await run(await upload(api, COMMITTEE, "information", lines))
    await run(await api.post(COMMITTEE, f"/v1/sheets/{sent}/confirm"))
    waits = (await api.opened(STREET, f"/v1/children/{child}")).json()["fields"]["community"]["waiting"]
    assert waits["value"] == "看丹二社区"
    await api.post(STREET, f"/v1/children/{child}/changes/{waits['change']}/pass")
    assert child in await due(api, listed[1])
    job = await run(await api.post(COMMITTEE, f"/v1/ledgers/{WORK}/exports", {"use": "visit"}))
    pages, _ = await opened(api, COMMITTEE, job)
    rows = {row["编号"]: row["所在社区（村）"] for row in by_column(next(iter(pages.values())))}
    assert rows[child] == "看丹二社区"
    again = await run(await upload(api, COMMITTEE, "information", lines))
    assert (await state(api, COMMITTEE, again))["counts"]["same"] == 1
