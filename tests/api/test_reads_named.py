"""Whoever is told of a child without its name stands in its record of access as well; who is told of what is owed for it."""

from datetime import timedelta
from uuid import uuid4

from app.db.alike import suggest
from app.db.owed import keep_departures, settle
from app.domain.access import ENGINE
from app.domain.owed import DEPARTURES, Matter, Settled, opening
from app.domain.watch import watch_id
from app.domain.working_time import day_of
from tests.api.test_registers import DAY
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


async def test_a_departure_is_owed_by_the_desk_that_watches_once_the_watch_has_moved(api):
    """Else the one of before would be told when another made its arrangement, and whoever watches of nothing."""
    child, to, today = await registered(api), "110106024", day_of(api.service.ledger.clock())
    new, ledger = f"comm-{to}.officer.1", api.service.ledger
    left = {"child": child, "family": "某家（化名）", "urged_on": DAY, "arranged": "missing"}
    left |= {"leaves_on": (today - timedelta(days=1)).isoformat()}
    assert (await api.post(COMMITTEE, "/v1/registers/departures/entries", {"fields": left})).status_code == 201

    async def owing(settled="false"):
        async for _ in keep_departures(api.service.engine, ledger, ledger.clock()):
            pass
        pages = [
            await read(api, one, f"/v1/owed?matter=departure&settled={settled}&limit=200") for one in (COMMITTEE, new)
        ]
        return [
            [(row["desk"], row["division"]) for row in page["items"] if row["subject"] == child] for page, _ in pages
        ]

    assert await owing() == [[(f"COMM-{DIVISION}", DIVISION)], []]
    moves = {"field": "residence_division", "value": to, "evidence": "居住证"}
    entered = (await api.post(COMMITTEE, f"/v1/children/{child}/changes", moves)).json()["change"]
    passed = await api.post(STREET, f"/v1/children/{child}/changes/{entered}/pass", {"note": "核实"})
    took = await api.post(new, f"/v1/watches/{watch_id(child)}/take", {"note": "接收"})
    assert (passed.status_code, took.status_code) == (200, 200)
    assert await owing() == [[], [(f"COMM-{to}", to)]]
    async with api.service.engine.begin() as conn:  # as before it went along with the watch
        review = (await ledger.current(conn, ledger.clock())).registers[DEPARTURES].review
        opened = opening(Matter.DEPARTURE, DEPARTURES, child, f"COMM-{DIVISION}", DIVISION, review.time)
        await settle(conn, ledger, opened.owed_id, Settled.HANDED_OVER, ENGINE, ledger.clock())
        await ledger.begin(conn, opened.owed_id, opened)
    assert await owing() == [[], [(f"COMM-{to}", to)]]
    care = {"delegate": {"name": "方祖母（化名）"}, "relation": "grandparent", "is_adult": True, "is_able": True}
    path = f"/v1/watches/{watch_id(child)}/arrangement"
    assert (await api.post(new, path, {**care, "leaves_on": today.isoformat()})).status_code == 200
    assert (await owing(), (await owing("true"))[0]) == ([[], []], [])
