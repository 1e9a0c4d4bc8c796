"""留守儿童 who come in as Excel: the sheet says where the parents are, or the rules would find none of them and no book would hold them."""

import pytest
from sqlalchemy import select

from app.db import tables
from app.db.vault import vault_of
from app.domain.identity import check_digit
from tests.api.test_ledgers import book
from tests.api.workbooks import COMMITTEE, STREET, sheet, state, upload

HEADS = ("姓名", "出生日期", "身份证号", "监护人姓名", "与儿童关系", "建档原因", "建档风险等级", "父母外出情况")
AWAY = "父亲外出务工，母亲无监护能力"


def line(n, away, kin="留祖母（化名）", relation="祖父母或外祖父母", why="排查发现留守儿童"):
    number = f"11010620170607{n}0"
    return (f"留小守{n}（化名）", "2017-06-07", number + check_digit(number), kin, relation, why, "中风险", away)


@pytest.mark.requirement("R011", "R051", "R121")
async def test_a_left_behind_child_of_a_sheet_stands_in_the_books_once_it_is_verified(api, run):
    given = (line(71, ""), line(72, "在外地"), line(73, "", why="走访发现困境儿童"))
    job = await run(await upload(api, COMMITTEE, "information", sheet(HEADS, *given)))
    wrong = [(one["row"], one["column"], one["code"]) for one in (await state(api, COMMITTEE, job))["faults"]]
    assert wrong == [(2, "registration.away", "required"), (3, "registration.away", "no_choice")]
    given = (line(71, "父母双方外出务工"), line(72, AWAY, "留父（化名）、留祖母（化名）", "父、祖父母或外祖父母"))
    job = await run(await upload(api, COMMITTEE, "information", sheet(HEADS, *given)))
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    child, found = tables.children.c, []
    async with api.service.engine.connect() as conn:
        for one in given:
            marked = select(child.id).where(child.marks.contains([vault_of(conn).mark("id_no", one[2])]))
            found += (await conn.execute(marked)).scalars()
    assert len(found) == 2
    for one in found:
        like = (await api.get(STREET, f"/v1/children/{one}/duplicates")).json()["files"]
        waits = (await api.get(COMMITTEE, f"/v1/children/{one}")).json()["fields"]["registration"]["waiting"]
        compared = {"compared": [{"child_id": other["child_id"], "found": "different"} for other in like]}
        passed = await api.post(STREET, f"/v1/children/{one}/changes/{waits['change']}/pass", compared)
        assert passed.status_code == 200, passed.text
    for who, code in ((STREET, "information"), ("wf.officer.1", "left_behind")):
        rows = {row["child_id"]: row for row in (await book(api, who, code))["rows"]}
        assert [rows[one]["categories"] for one in found] == [["留守儿童"]] * 2
    assert [rows[one]["guardian_relations"] for one in found] == [["祖父母或外祖父母"], ["父", "祖父母或外祖父母"]], (
        "a parent whom the sheet does not name is no line of the family"
    )
