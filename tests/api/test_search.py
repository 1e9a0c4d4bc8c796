"""Exact search by marks: it finds by every trait however it was typed, only in sight, and each search is on record."""

import pytest
from sqlalchemy import select

from app.api import search as finding
from app.db import tables
from app.domain.guessing import Allowance
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


async def test_a_search_confirms_no_trait_that_the_list_of_the_desk_does_not_tell(api):
    """Of a pupil who stays away the education commission is told name, birth date and phones of the family; not its own, nor its number."""
    mother = {"name": "上官母（化名）", "relation": "母", "phone": "13900004479"}
    case = (await api.report(kind="dropout", situations=[], children=[CHILD], family=[mother]))["case_id"]
    asked = (
        {"id_no": CHILD["id_no"]}, {"phone": CHILD["phone"]}, {"phone": mother["phone"]},
        {"name": "上官云舒", "birth_date": "2015-11-06"}, {"initials": "sgys"},
    )  # fmt: skip
    found = {
        person: [case in [one["case_id"] for one in (await search(api, person, **wanted)).json()] for wanted in asked]
        for person in ("civil.supervisor.1", "edu.officer.1")
    }
    assert found == {"civil.supervisor.1": [True] * 5, "edu.officer.1": [False, False, True, True, True]}


async def test_nobody_works_out_a_number_by_asking_for_what_it_may_be(api, case, monkeypatch):
    monkeypatch.setattr(finding, "NUMBERS", Allowance(what="numbers of a test", most=2))
    asked = ["110106201511060021", CHILD["id_no"], "110106201511060048", CHILD["id_no"]]
    answers = [await search(api, id_no=one) for one in asked]
    assert [len(one.json()) > 0 for one in answers[:3]] == [False, True, False], "what is found uses up nothing"
    is_problem(answers[3], 429, "too_many_guesses")


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
