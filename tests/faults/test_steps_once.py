"""Q-R5: workers are killed, replies are lost and work is done but reported as failed; every step happens once, none is missing."""

import asyncio

from app.demo import BEHAVIOURS
from tests.faults import times
from tests.faults.checker import complaints, look, settled
from tests.faults.traffic import Journey

CASES, AT_ONCE, EVERY = times(3, 300), 12, times(3, 5)


async def test_cases_reach_their_end_with_every_effect_once(quick_rig, quick_people):
    rig, people = quick_rig, quick_people  # at the real pace months lie between a case's last two steps
    logs = tuple([await rig.agency(code, "accept") for code in BEHAVIOURS])
    rig.wired = {"worker"}
    await rig.restart("worker", done_but_error=0.1)
    places = asyncio.Semaphore(AT_ONCE)

    async def travel():
        async with places:
            await Journey("CN-02", people).travel()

    journeys = [asyncio.create_task(travel()) for _ in range(CASES)]
    kills = 0
    with rig.wires["postgres"].bad(lost=0.05, having=b"COMMIT"), rig.wires["EDU"].bad(lost=0.1, cut=0.1):
        while not all(journey.done() for journey in journeys):
            await rig.works()
            await asyncio.wait(journeys, timeout=EVERY)
            await rig.restart("worker")
            kills += 1
    await asyncio.gather(*journeys)
    seen, found = await settled(rig, people, logs=logs)
    assert found == []
    assert people.wrong == []
    assert kills >= 2
    assert sum(row["stage"] == "closed" for row in seen.stored.values() if "stage" in row) == CASES


async def test_control_a_ledger_that_takes_what_is_done_is_seen_to_do_it_twice(quick_rig, quick_people):
    rig, people = quick_rig, quick_people
    await rig.restart("worker", done_but_error=0.7, gullible=True)
    journeys = [asyncio.create_task(Journey("CN-02", people).travel()) for _ in range(4)]  # one in forty is spared
    async with asyncio.timeout(90):
        while not any(said.startswith("twice: ('stage_entered'") for said in complaints(await look(rig, people))):
            await asyncio.sleep(0.5)
    for journey in journeys:
        journey.cancel()


async def test_control_an_agency_that_forgets_and_cannot_be_asked_is_seen_to_take_twice(rig, people):
    logs = (await rig.agency("EDU", "forgetful", lookup=False),)
    await rig.restart("worker")
    with rig.wires["EDU"].bad(lost=1):
        report = await people.report()
        async with asyncio.timeout(60):
            while not logs[0].exists() or logs[0].read_text().count(f'"case_id":"{report.case_id}"') < 2:
                await asyncio.sleep(0.2)
    assert any(said.startswith("taken twice") for said in complaints(await look(rig, people, logs=logs)))


async def test_an_agency_that_forgets_but_can_be_asked_takes_once(rig, people):
    log = await rig.agency("EDU", "forgetful")
    await rig.restart("worker")
    with rig.wires["EDU"].bad(lost=0.7):
        await asyncio.gather(*(people.report() for _ in range(6)))
        await asyncio.sleep(3)
    _, found = await settled(rig, people, logs=(log,))
    assert found == []
