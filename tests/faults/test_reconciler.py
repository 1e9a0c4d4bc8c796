"""Q-R8: workflows ended, tasks deleted, unassigned and moved, stored folds changed by hand: all are listed, mended and shown, twice as once."""

import asyncio

from sqlalchemy import bindparam, text

from app.domain.terms import Fault
from app.reconciler import Reconciler
from app.temporal import version_of
from tests.faults import times
from tests.faults.checker import complaints, look, settled

EACH = times(5, 50)
DAMAGE = {
    Fault.TASKS_DIFFER: "delete from tasks where case_id in :cases and is_open and subject = 'a-police-1'",
    "unassigned": "update tasks set holder = null, desk = 'CIVIL' where case_id in :cases and subject = 'a-police-1'",
    Fault.FOLD_DIFFERS: "update cases set stage = 'review', version = version + 1 where id in :cases",
}


async def test_every_damage_by_hand_is_listed_mended_and_shown(rig, people):
    cases = [(await people.report()).case_id for _ in range(EACH * 4)]
    _, found = await settled(rig, people)
    assert found == []
    parts = [cases[n::4] for n in range(4)]
    client = await rig.temporal_client()
    for case in parts[0]:
        await client.get_workflow_handle(case).terminate("by hand")
    async with rig.database() as engine:
        reconciler = Reconciler(engine, client, version_of(rig.settings()))
        for damage, part in zip(DAMAGE.values(), parts[1:], strict=True):
            async with engine.begin() as conn:
                await conn.execute(text(damage).bindparams(bindparam("cases", expanding=True)), {"cases": part})
        assert complaints(await look(rig, people)) != []  # control: without the reconciler nothing mends it

        wanted = {(case, Fault.NO_LIVE_WORKFLOW) for case in parts[0]}
        wanted |= {(case, Fault.TASKS_DIFFER) for case in (*parts[1], *parts[2])}
        wanted |= {(case, Fault.FOLD_DIFFERS) for case in parts[3]}
        async with asyncio.timeout(60):
            while not wanted <= await shown(people):
                await reconciler.run_once()
        _, found = await settled(rig, people)
        assert [said for said in found if not said.startswith("ended badly")] == []  # those that were ended by hand
        assert {(f.stream_id, f.problem) for f in await reconciler.run_once() if f.stream_id in cases} == set()
    assert not {problem for case, problem in await shown(people, "false") if case in cases}


async def shown(people, *ended):
    """What a supervisor sees of it, over or not, page by page: other tests leave hundreds behind."""
    seen = set()
    for e in ended or ("true", "false"):
        cursor = ""
        while cursor is not None:
            page = await people.get("civil.supervisor.1", f"/v1/findings?limit=200&ended={e}{cursor}")
            seen |= {(row["case_id"], row["problem"]) for row in page["items"]}
            cursor = f"&cursor={page['next']}" if page["next"] else None
    return seen


async def test_a_case_that_nobody_owns_is_shown_until_somebody_does(rig, people):
    case = (await people.report()).case_id
    await settled(rig, people)
    staff = text("update people set is_active = :on where desk = 'STREET-110106101'")
    async with rig.database() as engine:
        reconciler = Reconciler(engine, await rig.temporal_client(), version_of(rig.settings()))

        async def seat(on):
            async with engine.begin() as conn:
                await conn.execute(staff, {"on": on})
            await reconciler.run_once()
            return (case, Fault.NO_OWNER) in await shown(people, "false")

        try:
            assert await seat(on=False)
        finally:
            assert not await seat(on=True)
