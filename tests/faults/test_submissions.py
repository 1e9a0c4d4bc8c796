"""Q-R2: one submission makes one case, whatever the client, the wire and the API do."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import httpx2

from app.api.context import Service
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.main import create_app
from app.policy.loader import load
from tests.faults import times
from tests.faults.checker import complaints, look, settled
from tests.faults.traffic import REPORTER, Stubborn

KEYS, TIMES = times(5, 200), 20
FORM = {"children": [{"residence_division": "110106101"}], "situations": ["living_alone"]}


async def test_twenty_clicks_at_once_make_one_case_each(rig, people):
    async def click(key, word):
        return await people.post(REPORTER, "/v1/reports", FORM | {"narrative": word}, key=key)

    for _ in range(KEYS):
        key = word = uuid.uuid4().hex
        answers = await asyncio.gather(*(click(key, word) for _ in range(TIMES)))
        assert all(answer == answers[0] for answer in answers)
    seen = await look(rig, people)
    assert len(seen.stored) == KEYS
    assert people.wrong == []


async def test_a_lost_reply_and_a_dead_api_make_no_second_case(rig, people):
    rig.wired = {"api"}
    await rig.restart("api")

    async def client():
        for _ in range(12):
            await people.report()

    with rig.wires["api"].bad(lost=0.2, cut=0.1), rig.wires["postgres"].bad(lost=0.15, having=b"COMMIT"):
        clients = [asyncio.create_task(client()) for _ in range(4)]
        for _ in range(2):
            await asyncio.sleep(1)
            await rig.restart("api")
        await asyncio.gather(*clients)
    assert rig.wires["api"].lost > 0 < rig.wires["postgres"].lost
    _, found = await settled(rig, people)
    assert found == []
    assert people.wrong == []


async def test_control_without_keys_the_same_faults_are_seen_as_duplicates(rig, people):
    people.keyed = False
    with rig.wires["api"].bad(lost=0.5):
        await asyncio.gather(*(people.report() for _ in range(12)))
    assert any(said.startswith("duplicate") for said in complaints(await look(rig, people)))


async def test_the_same_receipt_comes_back_after_a_month(rig):
    late = timedelta()
    async with rig.database() as engine:
        ledger = Ledger(load, rig.policy or "", clock=lambda: datetime.now(UTC) + late)
        secret = rig.settings().receipt_secret.get_secret_value().encode()
        app = create_app(rig.settings(), given=Service(engine, ledger, Receipts(secret)))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://shouhu.test") as http:
            people, key = Stubborn(http, rig.tokens), uuid.uuid4().hex
            first = await people.post(REPORTER, "/v1/reports", FORM, key=key)
            for late in (timedelta(seconds=1), timedelta(hours=1), timedelta(days=30)):  # noqa: B007 - the clock reads it
                assert await people.post(REPORTER, "/v1/reports", FORM, key=key) == first
            shown = await people.post(None, "/v1/progress", {"receipt": first["receipt"]})
    assert shown["stage"] == "report"


async def test_a_key_answers_for_one_body_of_one_unit_alone(rig, people):
    key, body = uuid.uuid4().hex, FORM | {"narrative": uuid.uuid4().hex}

    async def send(person, form):
        headers = {"Authorization": f"Bearer {rig.tokens[person]}", "Idempotency-Key": key}
        return await people.http.post("/v1/reports", json=form, headers=headers)

    first = await send(REPORTER, body)
    other = await send(REPORTER, body | {"narrative": "another"})
    elsewhere = await send("school.reporter.1", body)
    assert (first.status_code, other.status_code, other.json()["code"]) == (201, 422, "key_reused")
    assert elsewhere.json()["case_id"] != first.json()["case_id"]
    assert first.json()["case_id"] not in other.text


async def test_while_one_is_being_received_the_same_is_told_to_wait(rig, people):
    key, body = uuid.uuid4().hex, FORM | {"narrative": uuid.uuid4().hex}
    headers = {"Authorization": f"Bearer {rig.tokens[REPORTER]}", "Idempotency-Key": key}
    async with rig.database() as engine, engine.connect() as conn:
        await conn.exec_driver_sql("lock table reports in share mode")
        both = [asyncio.create_task(people.http.post("/v1/reports", json=body, headers=headers)) for _ in range(2)]
        told, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        second = told.pop().result()
        assert (second.json()["code"], second.headers["Retry-After"]) == ("request_in_flight", "1")
    assert (await waiting.pop()).status_code == 201
