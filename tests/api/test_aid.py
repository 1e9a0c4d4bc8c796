"""The file of aid to poor families (R077): every child of them has a row, with what it receives and what help was entered of it."""

import pytest
from sqlalchemy import event, true

from app.db.child_records import records_of
from app.db.given import with_given
from app.db.walls import open_door
from app.policy.loader import load
from tests.actors import at_desk
from tests.api.test_ledgers import book, of
from tests.api.test_registers import DAY, made
from tests.api.workbooks import COMMITTEE, DIVISION, STREET, child_here, opened, sheet, state, upload

CIVIL = "civil.officer.1"
REGISTERS = "/v1/registers/{}/entries/{}/end"


async def aided(api, child):
    """What committee, street and district entered of a child, by the register; with an entry that was a mistake and one of another child."""
    service = {"service": "y-company", "child": child, "given_on": DAY, "note": "不外传"}
    asked = {"child": child, "what": "代艾小满（化名）申请助学金", "helped_on": DAY}
    pair = {"helper": "某企业", "child": child, "form": "助学"}
    gift = {"donor": "某基金会", "kind": "goods", "received_on": DAY, "yuan": "300", "receipt": "J-7", "child": child}
    wrong = await made(api, COMMITTEE, "assistance", {**asked, "what": "误登的事项"})
    assert (await api.post(COMMITTEE, REGISTERS.format("assistance", wrong), {"reason": "mistake"})).is_success
    over = await made(api, COMMITTEE, "services", service)
    assert (await api.post(COMMITTEE, REGISTERS.format("services", over), {"reason": "over"})).is_success
    await made(api, COMMITTEE, "assistance", asked)
    await made(api, STREET, "pairings", pair)
    await made(api, STREET, "donations", gift)
    await made(api, CIVIL, "pairings", {**pair, "form": "民政部门的结对"})


@pytest.mark.requirement("R077", "R126", "R080")
async def test_a_poor_child_without_a_decided_benefit_has_a_row_with_the_help_that_its_keeper_may_read(api, run):
    rows = [(await api.get(person, "/v1/ledgers/due")).json() for person in (COMMITTEE, STREET)]
    before = [next(one["rows"] for one in due if one["code"] == "aid") for due in rows]
    child = await child_here(api, "艾小满（化名）", "2015-08-09", None)
    other = await child_here(api, "艾小雪（化名）", "2015-08-10", None)
    means = {"field": "means", "value": {"on_minimum_living": "yes"}, "evidence": "低保证"}
    change = (await api.post(COMMITTEE, f"/v1/children/{child}/changes", means)).json()["change"]
    for person in (STREET, CIVIL):
        assert (await api.post(person, f"/v1/children/{child}/changes/{change}/pass")).is_success
    await aided(api, child)
    rows = [(await api.get(person, "/v1/ledgers/due")).json() for person in (COMMITTEE, STREET)]
    assert [next(one["rows"] for one in due if one["code"] == "aid") for due in rows] == [n + 2 for n in before]

    (row,) = of(await book(api, COMMITTEE, "aid"), child)
    assert (row["name"], row["means"]["on_minimum_living"], row["benefit"], row["case_number"]) == (
        "艾*",
        "yes",
        None,
        None,
    )
    given = [f"服务记录：志愿陪伴，{DAY}", f"协助落实保障政策：代艾*申请助学金，{DAY}"]
    assert row["services"] == given
    (row,) = of(await book(api, STREET, "aid"), child)
    of_street = ["一对一帮扶：某企业，助学", f"捐赠与公益项目：某基金会，物资，{DAY}，300，J-7"]
    assert row["services"] == [*given, *of_street], "of its own and of its committee's; of another body nothing"
    assert of(await book(api, STREET, "personal"), child)[0]["services"] == row["services"], "one column, one meaning"
    (row,) = of(await book(api, STREET, "aid"), other)
    assert (row["benefit"], row["services"]) == (None, [])


async def test_the_file_of_aid_comes_back_as_it_was_exported_and_says_what_is_otherwise(api, run):
    child = await child_here(api, "艾小虎（化名）", "2015-08-11", None)
    await aided(api, child)

    async def exported():
        job = await run(await api.post(STREET, "/v1/ledgers/aid/exports", {}))
        heads, *lines = (await opened(api, STREET, job))[0]["贫困家庭及未成年子女帮扶档案"]
        return [str(head).split("\n")[0] for head in heads], [line for line in lines if line[0] == child]

    async def sent(heads, *lines):
        return await state(api, STREET, await run(await upload(api, STREET, "aid", sheet(heads, *lines))))

    heads, lines = await exported()
    (line,) = lines
    assert line[heads.index("已提供服务")].count("、") == 3, "as many as on the page"
    for _ in range(2):
        back = await sent(heads, line)
        assert (back["problem"], back["counts"]) == ("sheet_only_compared", {"agrees": 1, "differs": 0, "wrong": 0})
        assert await exported() == (heads, [line]), "and nothing is there twice"
    await made(api, COMMITTEE, "assistance", {"child": child, "what": "申请临时救助", "helped_on": DAY})
    back = await sent(heads, line)
    assert [(one["column"], one["code"]) for one in back["faults"]] == [("services", "differs")]
    case = (await api.get("civil.supervisor.1", f"/v1/children/{child}")).json()["cases"][0]["id"]
    granted = {"child_id": child, "benefit": "TEMP_LIVING", "verdict": "grant", "yuan": "1000.00", "note": "依申请"}
    assert (await api.post(CIVIL, f"/v1/cases/{case}/benefit", granted)).is_success
    heads, (row,) = await exported()
    assert (row[heads.index("待遇名称")], row[heads.index("已提供服务")].count("、")) == ("临时性生活保障", 4)
    back = await sent(heads, row, line)
    assert back["counts"] == {"agrees": 1, "differs": 1, "wrong": 0}
    assert [(one["row"], one["column"], one["code"]) for one in back["faults"]] == [(3, "benefit", "required")]


async def test_the_help_of_a_page_of_children_is_one_statement(api):
    children = [await child_here(api, f"艾小{n}（化名）", f"2015-09-0{n}", None) for n in (1, 2)]
    await made(api, COMMITTEE, "assistance", {"child": children[1], "what": "申请低保", "helped_on": DAY})
    rules, street = load("fengtai-2026.1"), at_desk(f"STREET-{DIVISION}")
    ledger = next(one for one in rules.file.ledgers if one.id == "aid").ledger()
    asked = []
    event.listen(api.service.engine.sync_engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    async with api.service.engine.begin() as conn:
        await open_door(conn)
        records = await records_of(conn, children, true())
        asked.clear()
        found = await with_given(conn, street, rules, ledger, ["name", "services"], records)
        assert len(asked) == 1
        assert [one.given for one in found] == [(), (f"协助落实保障政策：申请低保，{DAY}",)]
        assert await with_given(conn, street, rules, ledger, ["name"], records) == records
        others = at_desk("STREET-110106015")
        assert [one.given for one in await with_given(conn, others, rules, ledger, ["services"], records)] == [(), ()]
        assert len(asked) == 2, "nothing is asked for a column that is not there"
