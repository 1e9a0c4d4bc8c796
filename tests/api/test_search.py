"""Exact search by marks: it finds by every trait however it was typed, only in sight, and each search is on record."""

import pytest
from sqlalchemy import select

from app.db import tables
from tests.api.test_reports import is_problem

CHILD = {
    "name": "上官云舒（化名）", "birth_date": "2015-11-06", "id_no": "11010620151106003X", "phone": "13900004471",
    "residence_division": "110106101",
}  # fmt: skip
POLICE = "police.officer.1"


async def search(api, person=POLICE, **wanted):
    return await api.post(person, "/v1/search/children", wanted)


@pytest.fixture
async def case(api):
    return (await api.report(children=[CHILD], family=[{"name": "上官父（化名）", "phone": "010-66004471"}]))["case_id"]


async def test_each_trait_finds_the_child_however_it_was_typed(api, case):
    for wanted in (
        {"id_no": "１１０１０６２０１５１１０６００３x"}, {"phone": "+86 139-0000-4471"}, {"phone": "(010)66004471"},
        {"name": "上官 云舒", "birth_date": "2015-11-06"}, {"name": "上官芸书", "birth_year": 2015},
    ):  # fmt: skip
        found = (await search(api, **wanted)).json()
        assert case in [one["case_id"] for one in found], wanted
        assert {one["name"] for one in found} == {"上官*"}, wanted
    for wanted in (
        {"id_no": "110106201511060031"}, {"phone": "13900004472"}, {"name": "上官云舒", "birth_date": "2015-11-07"},
        {"name": "上官云舒", "birth_year": 2016}, {"name": "上官云", "birth_date": "2015-11-06"},
    ):  # fmt: skip
        assert (await search(api, **wanted)).json() == [], wanted


async def test_nobody_finds_a_child_out_of_sight_or_is_told_that_there_is_one(api, case):
    for person in ("street-110106002.officer.1", "housing.head.1"):
        assert (await search(api, person, phone=CHILD["phone"])).json() == []
    for person in ("village.reporter.1", "admin.1", "auditor.1"):
        answer = await search(api, person, phone=CHILD["phone"])
        assert answer.status_code == 403, person


async def test_a_search_is_on_record_with_what_was_asked_and_whom_it_found(api, case):
    assert (await search(api, phone=CHILD["phone"])).status_code == 200
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        mine = select(tables.children.c.id).where(tables.children.c.case_id == case)
        child = (await conn.execute(mine)).scalar_one()
        last = select(row.person_id, row.fields, row.children).where(row.action == "search_children")
        said = (await conn.execute(last.order_by(row.id.desc()).limit(1))).one()
    assert (said.person_id, said.fields) == (POLICE, ["phone"])
    assert child in said.children


@pytest.mark.parametrize(
    "wanted",
    [{}, {"name": "上官云舒"}, {"birth_date": "2015-11-06"}, {"phone": "1", "id_no": "1"}, {"name": "未知", "birth_year": 2015},
     {"name": "上官云舒", "birth_date": "2015-11-06", "birth_year": 2015}, {"phone": "1", "birth_year": 2015}],
)  # fmt: skip
async def test_what_would_find_everybody_is_refused(api, wanted):
    is_problem(await search(api, **wanted), 422, "invalid_request")
