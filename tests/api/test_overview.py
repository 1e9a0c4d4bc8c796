"""The figures at a glance equal those counted by hand over the same tasks, and nobody sees figures of what they may not see."""

from sqlalchemy import text

from app.api import overview as room
from app.domain.access import Actor
from app.domain.terms import Agency, Role
from tests.api.test_reports import is_problem

BY_HAND = text("""
select t.agency, t.stage, count(*) filter (where t.is_open) as open, count(*) filter (where t.is_open and t.due_at <= :now) as overdue
from tasks t join cases c on c.id = t.case_id where not (c.about && :marks) group by 1, 2
""")

OPEN = text("""
select count(*) from cases c where c.is_open and exists (select from tasks t where t.case_id = c.id and t.agency = 'POLICE')
""")

ENDED = text("""
update tasks set opened_at = cast(:at as timestamptz) - interval '5 hours', accepted_at = cast(:at as timestamptz) - interval '3 hours',
                 ended_at = cast(:at as timestamptz), is_open = false
""")


async def figures(api, person):
    room._kept.clear()
    answer = await api.get(person, "/v1/overview")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_figures_are_those_of_the_tasks(api):
    case = (await api.report())["case_id"]
    leg = await api.leg(case, "POLICE")
    await api.post("police.officer.1", f"/v1/cases/{case}/referrals/{leg}/accept")
    shown = await figures(api, "conf.supervisor.1")
    marks = ["conf.supervisor.1", "CONF"]
    async with api.service.engine.connect() as conn:
        rows = (await conn.execute(BY_HAND, {"now": api.service.ledger.clock(), "marks": marks})).mappings().all()
    by_hand = {(row["agency"], row["stage"]): (row["open"], row["overdue"]) for row in rows if row["open"]}
    seen = {(cell["agency"], cell["stage"]): (cell["open"], cell["overdue"]) for cell in shown["cells"] if cell["open"]}
    assert seen == by_hand
    assert shown["overdue"] == sum(late for _, late in by_hand.values())


async def test_the_hours_of_waiting_and_working_are_told_apart(api):
    case = (await api.report())["case_id"]
    leg = await api.leg(case, "POLICE")
    who = Actor(person_id="conf.supervisor.1", agency=Agency.CONF, desk="CONF", roles=(Role.SUPERVISOR,))
    async with api.service.engine.connect() as conn:
        await conn.execute(
            text("delete from tasks where case_id <> :case or subject <> :leg"), {"case": case, "leg": leg}
        )
        await conn.execute(ENDED, {"at": api.service.ledger.clock()})
        (police,) = (await room.counted(conn, who, api.service)).cells
        await conn.rollback()
    assert (police.agency, police.ended, police.open) == (Agency.POLICE, 1, 0)
    assert (police.waiting_hours, police.working_hours) == (2.0, 3.0)


async def test_figures_are_for_those_who_may_read_statistics(api):
    for stranger in ("school.reporter.1", "police.officer.1", "admin.1"):
        is_problem(await api.get(stranger, "/v1/overview"), 403, "not_allowed")
    police = await figures(api, "police.head.1")
    async with api.service.engine.connect() as conn:
        theirs = (await conn.execute(OPEN)).scalar_one()
    assert 0 < police["open_cases"] <= theirs
