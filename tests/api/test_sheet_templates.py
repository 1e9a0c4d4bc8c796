"""The template of a book that another test does not send: one column of one child is filled in, sent back and waits to be verified."""

import io
import uuid

import pytest
from python_calamine import CalamineWorkbook

from app.domain.access import ENGINE
from app.domain.commands import EnterStage
from app.domain.ledgers import COLUMNS
from app.domain.rounds import Asked, OpenRound, round_id
from app.domain.terms import Stage
from tests.api.test_registration import verify
from tests.api.test_reports import is_problem
from tests.api.test_rounds import answer
from tests.api.workbooks import COMMITTEE, DIVISION, child_here, entered, sheet, state, upload


async def poor(api):
    return await child_here(api, "未同学（化名）", "2012-03-04", None)


async def with_social_work(api):
    """A child whose case has a leg of social work, which has accepted it."""
    said = {"residence_division": DIVISION, "name": "申同学（化名）", "birth_date": "2012-04-05"}
    case = (await api.report(children=[said], situations=["unguarded"]))["case_id"]
    (child,) = [one["id"] for one in (await api.progress(case))["children"]]
    safe = await api.post("police.officer.1", f"/v1/cases/{case}/safety", {"child_id": child, "safety": "safe"})
    assert safe.status_code == 200, safe.text
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, case, EnterStage(by=ENGINE, stage=Stage.ASSESS))
    accepted = await api.post("sw.officer.1", f"/v1/cases/{case}/referrals/{await api.leg(case, 'SW')}/accept")
    assert accepted.status_code == 200, accepted.text
    return child


async def asked_of_kindergarten(api):
    """A round of its own for each test."""
    now, code, unit = api.service.ledger.clock(), "school_screening", "unit-kindergarten-1"
    name = round_id(code, f"{now:%Y-%m-%d}-{uuid.uuid4().hex[:6]}")
    opened = OpenRound(
        by=ENGINE, round_id=name, code=code, division="110106", units=(Asked(unit=unit, desk="EDU"),)
    )  # fmt: skip
    async with api.service.engine.begin() as conn:
        return unit, (await api.service.ledger.open_round(conn, opened, now)).stream_id


async def screened(api, situation="dropout", born="2021-05-06"):
    """A child whom a kindergarten has named in its answer to the round, with a case in which education has a part."""
    unit, asked = await asked_of_kindergarten(api)
    pupil = {
        "residence_division": DIVISION,
        "name": "酉同学（化名）",
        "birth_date": born,
        "school": "示例幼儿园（化名）",
    }
    report = {
        "reporter": {"class": "kindergarten"},
        "children": [pupil],
        "situations": [situation],
        "household": {"on_minimum_living": "yes"},
    }
    done = await answer(api, "kindergarten.reporter.1", asked, unit, {"screened": 90, "reports": [report]})
    assert done.status_code == 200, done.text
    return (await api.progress(done.json()["reports"][0]["case_id"]))["children"][0]["id"]


async def screened_apart(api):
    """Another, in whose case education has no part."""
    child = await screened(api, "unguarded", "2021-05-07")
    is_problem(await api.get("edu.officer.1", f"/v1/children/{child}"), 404, "child_not_found")
    return child


async def registered(api):
    """Another, whom nobody has reported."""
    unit, asked = await asked_of_kindergarten(api)
    pupil = {"name": "戌同学（化名）", "birth_date": "2021-05-08", "residence_division": DIVISION}
    given = {"child": pupil, "found": "in_difficulty", "grade": "low", "school_class": "小班", "evidence": "学期排查"}
    made = (await api.post("kindergarten.reporter.1", "/v1/children", given)).json()
    assert (await verify(api, f"street-{DIVISION}.officer.1", made)).status_code == 200
    named = {"screened": 90, "registered": [made["child_id"]]}
    assert (await answer(api, "kindergarten.reporter.1", asked, unit, named)).status_code == 200
    return made["child_id"]


@pytest.mark.parametrize(
    ("code", "person", "child_of", "column", "value"),
    [
        ("family", COMMITTEE, poor, "household", "祖孙三代同住，租房"),
        ("social_work", "sw.officer.1", with_social_work, "school", "示例九小（化名）"),
        ("school", "edu.officer.1", screened, "school_class", "大班"),
        ("school", "edu.officer.1", screened_apart, "school_class", "中班"),
        ("school", "edu.officer.1", registered, "school", "示例五幼（化名）"),
    ],
)
async def test_a_template_that_was_filled_in_is_an_import(api, run, code, person, child_of, column, value):
    child, answered = await child_of(api), await api.get(person, f"/v1/ledgers/{code}/template")
    page = CalamineWorkbook.from_filelike(io.BytesIO(answered.content)).get_sheet_by_name("填报").to_python()
    heads = [str(head).split("\n")[0] for head in page[0]]
    line = [{"编号": child, COLUMNS[column].zh: value}.get(head, "") for head in heads]
    assert value in line
    job = await run(await upload(api, person, code, sheet(heads, line)))
    shown = await state(api, person, job)
    assert (shown["state"], shown["faults"], shown["counts"]["changed"]) == ("ready", [], 1)
    await run(await api.post(person, f"/v1/sheets/{job}/confirm"))
    assert (await state(api, person, job))["state"] == "done"
    assert await entered(api, child, column) == value
