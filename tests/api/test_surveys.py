"""The survey over the API: whoever holds a code answers once and without an account, and nothing leads from the answer to anybody."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.db.surveys import quarter_of, survey_answers, survey_invitations
from app.domain.working_time import day_of
from tests.api.test_reports import is_problem
from tests.api.test_stalled import later

CIVIL, SURVEY = "civil.supervisor.1", "/v1/surveys/satisfaction"


@pytest.fixture(scope="module")
async def codes(api):
    made = await api.post(CIVIL, f"{SURVEY}/invitations", {"count": 20})
    assert made.status_code == 201, made.text
    given = made.json()
    assert given["links"] == [f"/survey/satisfaction#{code}" for code in given["codes"]]
    return given["codes"]


async def answer(api, code, **marks):
    return await api.post(None, "/v1/surveys/answers", {"code": code, "marks": marks})


async def told(api, asked=""):
    return {one["code"]: one for one in (await api.get(CIVIL, f"{SURVEY}/results?{asked}")).json()["questions"]}


@pytest.mark.requirement("R137")
async def test_a_code_answers_once_without_an_account_and_results_name_nobody(api, codes):
    before = (await api.get(CIVIL, f"{SURVEY}/results")).json()
    assert all(question["answered"] in (0, None) for question in before["questions"])
    for n, code in enumerate(codes[:9]):
        typed = code.lower().replace("-", " ")
        assert (await answer(api, typed, overall=5 if n < 5 else 1, help=4)).status_code == 201
    now = (await api.get(CIVIL, f"{SURVEY}/results")).json()
    assert now == before, "the quarter is not over: two looks would differ by the few who answered in between"
    day = day_of(api.service.ledger.clock())
    with later(api, datetime.now(UTC) + timedelta(days=92)):
        few = await told(api)
        assert few["help"]["marks"] == {"1": 0, "2": 0, "3": 0, "4": 9, "5": 0}
        assert (few["help"]["answered"], few["help"]["mean"]) == (9, 4.0)
        assert few["overall"]["answered"] == 9
        assert {*few["overall"]["marks"].values()} == {few["overall"]["mean"]} == {None}, "four people are too few"
        before = quarter_of(day) - timedelta(1)
        for asked, counts in ((f"first={day}", 9), (f"last={day}", 9), (f"first={before}&last={before}", 0)):
            assert (await told(api, asked))["help"]["answered"] == counts, "whole quarters"
    async with api.service.engine.connect() as conn:
        columns = {column.name for column in survey_answers.c}
        assert columns == {"id", "survey", "month", "marks"}
        used = (await conn.execute(select(survey_invitations).where(survey_invitations.c.used))).mappings().all()
        assert len(used) == 9
        assert {name for row in used for name, value in row.items() if value in (True, *codes)} == {"used"}
        assert all(day.day == 1 for day in (await conn.execute(select(survey_answers.c.month))).scalars())


async def test_a_used_and_a_wrong_code_are_refused_alike_and_two_at_once_are_one(api, codes):
    code = codes[10]
    both = await asyncio.gather(answer(api, code, overall=3), answer(api, code, overall=3))
    assert sorted(one.status_code for one in both) == [201, 404]
    for wrong in (code, "0000-0000-0000-0000", "x", ""):
        is_problem(await answer(api, wrong, overall=3), 404, "invitation_not_found")


async def test_a_bad_answer_costs_no_code(api, codes):
    said = is_problem(await answer(api, codes[11], overall=9, crown=1), 422, "invalid_request")
    assert {e["at"] for e in said["errors"]} == {"/marks/overall", "/marks/crown"}
    is_problem(await answer(api, codes[11]), 422, "invalid_request")
    untrue = await answer(api, "1111-1111-1111-1111", overall=9, crown=1)
    assert (untrue.status_code, untrue.json()["errors"]) == (422, said["errors"]), (
        "and tells of none whether it is good"
    )
    assert (await answer(api, codes[11], overall=2)).status_code == 201


async def test_only_those_who_oversee_the_district_hand_out_codes_and_read_results(api):
    for person in ("police.officer.1", "street-110106007.head.1", "civil.officer.1", "admin.1"):
        is_problem(await api.post(person, f"{SURVEY}/invitations", {"count": 1}), 403, "not_allowed")
        is_problem(await api.get(person, f"{SURVEY}/results"), 403, "not_allowed")
    is_problem(await api.get(CIVIL, "/v1/surveys/no-such/results"), 404, "survey_not_found")
    is_problem(await api.post(CIVIL, f"{SURVEY}/invitations", {"count": 501}), 422, "invalid_request")
    shown = (await api.get("police.officer.1", "/v1/surveys")).json()
    assert [question["code"] for question in shown[0]["questions"]][-1] == "overall"
