"""What a desk has of its own: kept views of the list, two reports side by side, and children found by initials."""

import importlib

import pytest
from sqlalchemy import select, text, update

from app.db import tables
from app.db.sounds import initials
from app.domain.guessing import INITIALS
from tests.api.test_reports import is_problem

POLICE, OTHER = "police.officer.1", "police.officer.2"
CHILD = {
    "name": "欧阳清远（化名）",
    "birth_date": "2015-11-06",
    "phone": "13900005581",
    "residence_division": "110106101",
}


async def test_whoever_filed_one_of_two_reports_finds_no_name_of_the_other_in_it(api):
    """Beside the other it was cleared of all that both cases know: a list of names in a report was answered."""
    kin, reporter = "欧阳长林", "赫连守信"
    told = {"children": [CHILD], "family": [{"name": kin, "relation": "父"}]}
    first = (await api.report(**told, reporter={"class": "committee", "name": reporter}))["case_id"]
    tried = f"核对：{reporter}、张三丰、{kin}、李四光"
    again = await api.report(person="civil.officer.1", children=[CHILD], narrative=tried)
    for person, is_typed in (("civil.officer.1", True), ("civil.officer.2", True), ("conf.supervisor.1", False)):
        both = await api.get(person, f"/v1/cases/{again['case_id']}/suggestions/{first}")
        assert both.status_code == 200, both.text
        said = both.json()["here"]["narrative"]
        assert (said == tried, reporter in said, kin in said) == (is_typed,) * 3, person


@pytest.fixture(scope="module")
async def pair(api):
    """Two reports about one child, the second with the name as it sounds."""
    first = (await api.report(children=[CHILD], narrative="欧阳清远三天没来上学"))["case_id"]
    again = {**CHILD, "name": "欧阳青远（化名）", "birth_date": "2015-11-07", "school": "示例小学（化名）"}
    return (await api.report(children=[again], narrative="邻居听到哭声"))["case_id"], first


async def test_views_are_kept_by_each_for_themselves_and_one_is_the_default(api):
    async def names(person):
        return [(one["name"], one["is_default"]) for one in (await api.get(person, "/v1/task-views")).json()]

    made = await api.post(
        POLICE, "/v1/task-views", {"name": "今日到期", "query": {"view": "desk", "due": "today"}, "is_default": True}
    )
    assert made.status_code == 201
    await api.post(POLICE, "/v1/task-views", {"name": "紧急", "query": {"urgency": "immediate"}, "is_default": True})
    assert await names(POLICE) == [("今日到期", False), ("紧急", True)]
    assert await names(OTHER) == []
    end = f"/v1/task-views/{made.json()['id']}/end"
    is_problem(await api.post(OTHER, end), 404, "no_such_view")
    assert (await api.post(POLICE, end)).status_code == 204
    assert await names(POLICE) == [("紧急", True)]
    async with api.service.engine.begin() as conn:
        assert "紧急" not in (await conn.execute(select(tables.saved_views.c.name))).scalars().all()
        of_police = select(tables.saved_views).where(tables.saved_views.c.person_id == POLICE)
        row = (await conn.execute(of_police)).mappings().one()
        many = [{**row, "id": f"view-{n}"} for n in range(20)]
        await conn.execute(tables.saved_views.insert(), many)
    is_problem(await api.post(POLICE, "/v1/task-views", {"name": "又一个"}), 409, "too_many_views")
    async with api.service.engine.begin() as conn:
        await conn.execute(tables.saved_views.delete())


async def test_two_reports_stand_side_by_side_compared_in_clear_and_shown_masked(api, pair):
    case, other = pair
    answer = await api.get(POLICE, f"/v1/cases/{case}/suggestions/{other}")
    assert answer.status_code == 200, answer.text
    both = answer.json()
    lines = {line["field"]: line for line in both["lines"]}
    assert {name: line["verdict"] for name, line in lines.items()} | {"division": "same"} == {
        "name": "near", "birth_date": "near", "phone": "same", "school": "one_sided", "division": "same",
    }  # fmt: skip
    assert lines["name"]["here"] == lines["name"]["there"] == ["欧阳*"]
    assert lines["phone"]["here"] == ["139****5581"]
    assert "清远" not in answer.text
    assert (both["state"], bool(both["reasons"]), both["here"]["linked_to"]) == ("open", True, None)
    is_problem(await api.get(POLICE, f"/v1/cases/{case}/suggestions/{case}"), 404, "case_not_found")
    is_problem(await api.get("housing.officer.1", f"/v1/cases/{case}/suggestions/{other}"), 404, "case_not_found")
    async with api.service.engine.connect() as conn:
        seen = select(tables.audit.c.stream_id).where(tables.audit.c.action == "compare_cases")
        assert {case, other} <= set((await conn.execute(seen)).scalars())


async def test_of_two_reports_neither_shows_whom_the_other_names(api):
    """A neighbour's report names the mother and the one who reported first, both of whom only the first report knows."""
    mother, teacher = "尉迟若兰", "赫连守拙"
    child = {"name": "慕容若水（化名）", "birth_date": "2015-11-06", "residence_division": "110106101"}
    first = await api.report(
        children=[child], family=[{"name": mother, "relation": "母"}], narrative="邻居家有哭声",
        reporter={"class": "school", "name": teacher, "phone": "138-0013-8000"},
    )  # fmt: skip
    said = f"{mother}打孩子，{teacher}（138 0013 8000）也知道，孩子2015年11月6日出生"
    second = await api.report(children=[{"residence_division": "110106101"}], narrative=said)
    both = (await api.get(POLICE, f"/v1/cases/{second['case_id']}/suggestions/{first['case_id']}")).json()
    assert both["here"]["narrative"] == "尉迟*打孩子，***（***）也知道，孩子2015-**-**出生"


async def test_a_child_is_found_by_initials_in_sight_alone_and_not_by_going_through_the_alphabet(api, pair):
    async def found(person, letters):
        answer = await api.post(person, "/v1/search/children", {"initials": letters})
        return [one["case_id"] for one in answer.json()] if answer.status_code == 200 else answer

    assert {*pair} <= {*await found(OTHER, "OYQY")}
    assert await found(OTHER, "oyqx") == []
    assert await found("edu.officer.1", "oyqy") == []
    is_problem(await api.post(OTHER, "/v1/search/children", {"initials": "o"}), 422, "invalid_request")
    is_problem(await api.post(OTHER, "/v1/search/children", {"initials": "oy", "phone": "1"}), 422, "invalid_request")
    for _ in range(INITIALS.most - 2):
        await found(OTHER, "zz")
    is_problem(await found(OTHER, "zz"), 429, "too_many_guesses")
    assert await found(POLICE, "zz") == []


async def test_children_of_an_older_release_are_marked_when_it_is_migrated(api, pair):
    """In a transaction that is undone."""
    child, migration = tables.children.c, importlib.import_module("app.db.migrations.versions.0032_desks")
    vault = api.service.engine.sync_engine.get_execution_options()["vault"]
    mark = vault.mark("initials", initials("欧阳清远")[0])
    mine = select(child.marks).where(child.case_id == pair[1])
    async with api.service.engine.connect() as conn:
        marks = (await conn.execute(mine)).scalar_one()
        assert mark in marks
        await conn.execute(update(tables.children).values(marks=text("array_remove(marks, :mark)")), {"mark": mark})
        assert mark not in (await conn.execute(mine)).scalar_one()
        await conn.run_sync(migration.mark_initials)
        assert sorted((await conn.execute(mine)).scalar_one()) == sorted(marks)
        await conn.run_sync(migration.mark_initials)
        assert len((await conn.execute(mine)).scalar_one()) == len(marks), "again changes nothing"
        await conn.rollback()
