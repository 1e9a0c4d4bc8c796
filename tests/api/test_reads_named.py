"""Whoever is told of a child without its name stands in its record of access as well."""

from uuid import uuid4

from app.db.alike import suggest
from app.domain.watch import watch_id
from tests.api.test_registers_sight import CIVIL, recorded, registered
from tests.api.test_registration import COMMITTEE, DIVISION, STREET


async def read(api, person, path):
    answer = await api.get(person, path)
    assert answer.status_code == 200, answer.text
    return answer.json(), await recorded(api, answer.headers["X-Trace-Id"])


async def test_what_is_owed_for_a_child_is_read_on_record(api):
    child = await registered(api)
    found = {"finding": "needs_help", "note": "需要帮扶"}
    assert (await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", found)).status_code == 200
    page, ((action, children),) = await read(api, COMMITTEE, "/v1/owed?matter=help&limit=200")
    (owed,) = [row["id"] for row in page["items"] if row["subject"] == child]
    assert (action, child in children) == ("owed", True)
    _, rows = await read(api, CIVIL, f"/v1/owed/{owed}")
    assert rows == [("read_owed", [child])]
    _, rows = await read(api, CIVIL, "/v1/owed?matter=signal&limit=200")
    assert rows == [], "of a signal it says nothing of anybody"
    (record, _) = await read(api, CIVIL, f"/v1/children/{child}/access-record")
    assert {("owed", COMMITTEE), ("read_owed", CIVIL)} <= {(row["action"], row["person_id"]) for row in record["items"]}


async def test_pairs_of_files_are_read_on_record(api):
    one, other = [await registered(api, name="单小双（化名）", birth_date="2015-04-05") for _ in range(2)]
    async with api.service.engine.begin() as conn:
        await suggest(conn, [one, other], api.service.ledger.clock())
    page, ((action, children),) = await read(api, STREET, "/v1/duplicates?limit=200")
    assert {one, other} in [{row["one"], row["other"]} for row in page["items"]]
    assert (action, {one, other} <= {*children}) == ("duplicates", True)


async def test_whom_a_signal_may_be_about_stands_in_the_row_of_its_reader(api, give):
    name = f"单小{uuid4().hex[:2]}"
    child, machine = await registered(api, name=name, birth_date="2016-04-05"), await give(scopes=("signal:send",))
    said = {"name": name, "birth_date": "2016-04-06", "sex": "male", "residence_division": DIVISION}
    sent = {"signals": [{"id": uuid4().hex, "count": 4, "text": "连续四日无故缺勤", "child": said}]}
    assert (await machine.post("/v1/signals", sent)).status_code == 200
    held = (await api.get(STREET, "/v1/signals/held?limit=200")).json()["items"][-1]["id"]
    signal, rows = await read(api, STREET, f"/v1/signals/{held}")
    likely = [one["child_id"] for one in signal["likely"]]
    assert child in likely
    assert rows == [("read_signal", []), ("compare_children", likely)]
