"""利益冲突, by other ways: neither a comparison of files nor a sheet of before tells whom a case is about that there is one."""

from sqlalchemy import insert, select

from app.db import tables
from tests.api.test_conflict import STREET, a_report
from tests.api.test_reports import is_problem
from tests.api.workbooks import sheet, state, upload

FOUND = {"found": "left_behind", "grade": "high", "evidence": "入户排查"}


async def test_what_the_district_compares_tells_nobody_that_a_case_is_about_them(api, key):
    """Whoever registers a child of whom there is such a case; the street office, which sees the case, is the control."""
    committee, office = f"comm-{STREET}.officer.1", f"street-{STREET}.officer.1"
    child = {"name": f"独孤同名{key[:4]}", "birth_date": "2015-08-09", "sex": "female"}
    made = (await api.post(committee, "/v1/children", {"child": child, **FOUND})).json()
    like = f"/v1/children/{made['child_id']}/duplicates"
    before = (await api.get(committee, like)).json()
    case = (await api.report(about=[committee], children=[{**child, "residence_division": STREET}]))["case_id"]
    is_problem(await api.get(committee, f"/v1/cases/{case}"), 404, "case_not_found")
    assert (await api.get(committee, like)).json() == before == {"files": [], "district_compares": False}
    await api.report(children=[{**child, "residence_division": "110106003"}])
    assert (await api.get(committee, like)).json()["district_compares"], "of any other it is told"
    assert len((await api.get(office, like)).json()["files"]) == 1


async def test_a_sheet_of_before_neither_reads_nor_writes_a_child_whose_case_is_about_the_desk(api, run, key):
    committee, other = f"comm-{STREET}.officer.1", "conf.supervisor.1"
    heads = ["姓名", "出生日期", "就读学校", "建档原因", "建档风险等级"]
    line = [f"独孤旧表{key[:4]}", "2016-03-09", "一小（化名）", "走访发现困境儿童", "中风险"]

    async def sent(*line):
        job = await run(await upload(api, committee, "information", sheet(heads, line)))
        return job, [name for name, rows in (await state(api, committee, job))["counts"].items() if rows]

    job, _ = await sent(*line)
    await run(await api.post(committee, f"/v1/sheets/{job}/confirm"))
    assert (await sent(*line))[1] == ["same"]
    child = tables.children.c
    async with api.service.engine.begin() as conn:
        last = select(child.id).where(child.case_id.is_(None)).order_by(child.filed_at.desc()).limit(1)
        own = (await conn.execute(last)).scalar_one()
    hidden = await a_report(api, about=[committee])
    same = (await api.progress(hidden, "conf.supervisor.1"))["children"][0]["id"]
    progress = {"child_id": same, "version": 1, "policy": "p", "division": STREET, "merged_into": own}
    joined = {
        "id": f"file-{same}", "version": 1, "policy": "p", "progress": progress, "is_open": False, "division": STREET,
        "child_id": same, "desks": [], "merged_into": own,
    }  # fmt: skip
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(tables.child_files), joined)
    is_problem(await api.get(committee, f"/v1/children/{own}"), 404, "child_not_found")
    job, found = await sent(*line[:2], "二小（化名）", *line[3:])
    assert found == ["new"], "as if there were none"
    await run(await api.post(committee, f"/v1/sheets/{job}/confirm"))
    read = await api.get(other, f"/v1/children/{own}")
    assert (read.status_code, "二小" in read.text) == (200, False)
