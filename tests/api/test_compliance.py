"""The yearly audit and the impact assessment: from what the service is configured to do and what is on record, of nobody, kept as made."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from app.api import compliance
from app.api.compliance import PaperKind, facts_of, make_yearly
from app.db import compliance as kept
from app.db import tables
from app.db.columns import metadata
from app.db.walls import APP, DOOR, WALLED, WORKER
from app.domain.terms import Role
from app.domain.working_time import BEIJING
from app.schedules import COMPLIANCE, COMPLIANCE_DAY, keep_compliance
from tests.api.test_reports import is_problem
from tests.world import PATIENCE, World

SUPERVISOR = "civil.supervisor.1"
PATH = "/v1/compliance"
MONTH = timedelta(days=32)
"""After which what is of today is of a month that is over."""


@pytest.fixture(scope="module")
async def auditor(api):
    """Whoever reads the audit."""
    async with api.service.engine.connect() as conn:
        found = select(tables.people.c.id).where(tables.people.c.roles.contains([Role.AUDITOR.value]))
        return (await conn.execute(found.order_by(tables.people.c.id).limit(1))).scalar_one()


def table_of(facts, title):
    (section,) = [one for one in facts["sections"] if title in one["title"]]
    return {row[0]: row[1:] for row in section["rows"]}


async def facts(api, kind, year=None, after=timedelta()):
    now = api.service.ledger.clock()
    async with api.service.engine.connect() as conn:
        return await facts_of(conn, api.service.ledger, kind, year or now.astimezone(BEIJING).year, now + after)


async def test_the_assessment_is_drawn_from_the_tables_the_rights_and_the_rules_themselves(api, monkeypatch):
    found = await facts(api, PaperKind.IMPACT)
    sealed = {table.name for table in metadata.sorted_tables if any("sealed" in column.info for column in table.c)}
    assert {name.rpartition(" ")[2] for name in table_of(found, "哪些个人信息")} == sealed
    assert "birth_date" in table_of(found, "哪些个人信息")["儿童 children"][1]
    rights = table_of(found, "谁能做什么")
    assert set(rights) == {role.zh for role in compliance.matrix.ROLES}
    assert int(rights[Role.SUPERVISOR.zh][3]) > int(rights[Role.OFFICER.zh][5]) > 0
    assert f"应有{len(WALLED)}张表，实有{len(WALLED)}张" in str(found)
    times = table_of(found, "保存期限")
    assert times["个案"][0].startswith("最后一项记录满10年")
    assert times["系统日志"] == ["不少于180天", "网络安全法 (2025 am.) 第23条"]
    assert "children" not in str(table_of(found, "向各单位提供"))
    monkeypatch.setitem(compliance.matrix.RULES, "break_glass", ("nobody", compliance.matrix._nothing))
    fewer = table_of(await facts(api, PaperKind.IMPACT), "谁能做什么")
    assert fewer[Role.OFFICER.zh] != rights[Role.OFFICER.zh], "a right that is taken away changes the paper"
    async with api.service.engine.connect() as conn:
        await conn.execute(text("alter table notes no force row level security"))
        now = api.service.ledger.clock()
        assert f"实有{len(WALLED) - 1}张" in str(await facts_of(conn, api.service.ledger, PaperKind.IMPACT, 2026, now))
        await conn.rollback()


async def test_the_audit_counts_what_is_on_record_of_that_year_and_names_nobody(api):
    here = api.service.ledger.clock().astimezone(BEIJING)
    year, ended = here.year, here.replace(day=1) - timedelta(days=1)
    before, today = [await facts(api, PaperKind.AUDIT, year, after) for after in (MONTH, timedelta())]
    case = (await api.report(children=[{"name": "无名示例（化名）", "residence_division": "110106101"}]))["case_id"]
    for _ in range(3):
        await api.post("civil.officer.1", f"/v1/cases/{case}/full-view", {"need": "decide", "note": "核对"})
    await api.post(SUPERVISOR, "/v1/approvals", {
        "act": "delete", "parameters": {"case": case}, "reason": "retention_over", "note": "核对",
    })  # fmt: skip
    after = await facts(api, PaperKind.AUDIT, year, MONTH)
    for title, row, n, more in (
        ("个案", "收到报告", 0, 1),
        ("全名全号", "审批决定", 0, 3),
        ("两人审批", "删除案件内容", 0, 1),
    ):
        was = table_of(before, title).get(row, ["0"])
        assert int(table_of(after, title)[row][n]) == int(was[n]) + more, title
    now = await facts(api, PaperKind.AUDIT, year)
    assert now == today, "of the month that runs nothing: one report more would tell of itself"
    assert now["period"] in (f"{year}年（尚无已结束的月份）", f"{year}年1月1日至{ended.month}月{ended.day}日")
    assert table_of(await facts(api, PaperKind.AUDIT, year - 9), "全名全号") == {"—": ["", ""]}
    for words in ("无名示例", "civil.officer.1", case):
        assert words not in str(after)


async def test_papers_are_made_when_asked_for_kept_and_read_by_those_who_read_the_audit(api, auditor):
    is_problem(await api.get("police.head.1", PATH), 403, "not_allowed")
    is_problem(await api.post("civil.head.1", PATH, {"kind": "audit"}), 403, "not_allowed")
    made = await api.post(auditor, PATH, {"kind": "audit", "year": 2025})
    assert made.status_code == 201, made.text
    row = made.json()
    assert (row["kind"], row["year"], row["made_by"]) == ("audit", 2025, auditor)
    body = await api.get(SUPERVISOR, f"{PATH}/{row['id']}")
    assert body.headers["content-type"] == "application/pdf"
    assert body.content.startswith(b"%PDF-")
    assert row["id"] in {one["id"] for one in (await api.get(auditor, PATH)).json()}
    is_problem(await api.get(auditor, f"{PATH}/paper-none"), 404, "paper_not_found")
    async with api.service.engine.connect() as conn:
        for role in (APP, DOOR, WORKER):
            for change in (delete(kept.papers), update(kept.papers).values(year=1)):
                await conn.execute(text(f"set local role {role}"))
                with pytest.raises(DBAPIError, match="permission denied"):
                    await conn.execute(change)
                await conn.rollback()


async def test_a_schedule_makes_both_once_a_year(api, temporal):
    """The real schedule, workflow and activity; a second time makes no more."""
    engine, year = api.service.engine, api.service.ledger.clock().astimezone(BEIJING).year
    async with engine.begin() as conn:
        await conn.execute(delete(kept.papers))
    async with World(engine, temporal).open() as world:
        await keep_compliance(world.env.client, world.settings.task_queue)
        handle = world.env.client.get_schedule_handle(f"{COMPLIANCE}{world.settings.task_queue}")
        days = {(at.month, at.day, at.hour) for at in (await handle.describe()).info.next_action_times}
        assert days == {(*COMPLIANCE_DAY, 1)}, "nine in the morning in Beijing"
        await handle.trigger()
        async with asyncio.timeout(PATIENCE):
            while True:
                async with engine.connect() as conn:
                    rows = (await conn.execute(select(kept.papers.c.kind, kept.papers.c.year))).all()
                if len(rows) == 2:
                    break
                await asyncio.sleep(0.1)
        await handle.delete()
    assert set(rows) == {("audit", year - 1), ("impact", year)}
    async with engine.begin() as conn:
        assert await make_yearly(conn, api.service.ledger) == []
        assert (await conn.execute(select(func.count()).select_from(kept.papers))).scalar_one() == 2
