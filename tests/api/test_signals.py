"""Signals of other systems: taken once, matched to a watched child or held for a person, and false alarms counted by rule."""

import asyncio
import uuid
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import delete, func, select, text

from app.db import dismissed, signals, tables
from app.domain import watch_work
from app.domain.access import ENGINE, Actor
from app.domain.carrying import WarningCarried, carried
from app.domain.signals import SignalEnd
from app.domain.terms import Agency, Role
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.domain.working_time import BEIJING
from tests.api.test_registration import CHILD, register, verify
from tests.api.test_reports import is_problem
from tests.api.test_same_child import decided_by_two

DIVISION = "110106018"
COMMITTEE, STREET, OTHER = (
    f"{who}.officer.1" for who in (f"comm-{DIVISION}", f"street-{DIVISION}", "street-110106017")
)
SUPERVISOR = "civil.supervisor.1"
PUPIL = {
    "name": "华小信（化名）",
    "birth_date": "2017-03-04",
    "id_no": "110106201703049987",
    "residence_division": DIVISION,
}


@pytest.fixture(scope="module")
async def watched(api, engine):
    """A child under watch, with its number; afterwards no signal is left."""
    made = (await register(api, COMMITTEE, child={**CHILD, **PUPIL, "residence_division": None})).json()
    passed = await verify(api, STREET, made)
    assert passed.status_code == 200, passed.text
    yield made["child_id"]
    async with engine.begin() as conn:
        await conn.execute(delete(signals.signals))
        await conn.execute(delete(tables.owed))


def absent(**changes):
    return {"id": uuid.uuid4().hex, "count": 3, "child": PUPIL, "text": "连续三日缺勤", **changes}


async def sent(machine, *given):
    answer = await machine.post("/v1/signals", {"signals": list(given)})
    assert answer.status_code == 200, answer.text
    return [one["state"] for one in answer.json()["signals"]]


async def warnings(api, child):
    rows = (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"]
    return next(row["warnings"] for row in rows if row["child_id"] == child)


async def filed(engine):
    event = tables.events.c
    async with engine.connect() as conn:
        return await conn.scalar(select(func.count()).where(event.kind == "report_filed"))


async def held(api, person=STREET):
    return (await api.get(person, "/v1/signals/held")).json()["items"]


async def fares(api, rule):
    return next(row for row in (await api.get("civil.supervisor.1", "/v1/signals/rules")).json() if row["rule"] == rule)


@pytest.mark.requirement("R014", "R055")
async def test_a_schools_signal_about_a_watched_child_opens_one_warning_and_is_taken_once(api, give, watched):
    school, before = await give(scopes=["signal:send"]), await fares(api, "s-absent")
    first = absent()
    assert await sent(school, first, absent(count=2), absent(text="昨日缺勤")) == ["taken", "no_rule", "taken"]
    assert await sent(school, first) == ["taken"]
    other = await give("unit-kindergarten-1", ["signal:send"], "kindergarten.reporter.1")
    assert await sent(other, absent(), absent()) == ["taken"] * 2, "nothing tells that the school has sent it too"
    (warning,) = await warnings(api, watched)
    assert warning["rule"] == "s-absent"
    path = f"/v1/watches/{watch_id(watched)}/warnings/{warning['number']}/verify"
    assert (await api.post(COMMITTEE, path, {"outcome": "no_risk", "note": "病假"})).status_code == 200
    after = await fares(api, "s-absent")
    counted = {name: after[name] - before[name] for name in ("received", "repeated", "warned", "false_alarms", "risks")}
    assert counted == {"received": 1, "repeated": 3, "warned": 1, "false_alarms": 1, "risks": 0}
    assert 0 < after["false_alarm_rate"] <= 1


@pytest.mark.requirement("R014", "R055")
async def test_what_comes_again_is_the_same_only_while_the_first_waits_and_opens_anew_after_it(api, give, watched):
    hotline = await give("unit-hotline-1", ["signal:send"], "hotline.reporter.1")
    for heard in ("没人管", "没人管，又打来", "打孩子，流血"):
        assert await sent(hotline, absent(count=0, text=heard)) == ["taken"]
        (warning,) = await warnings(api, watched)
        if heard != "没人管":
            path = f"/v1/watches/{watch_id(watched)}/warnings/{warning['number']}/verify"
            assert (await api.post(COMMITTEE, path, {"outcome": "no_risk"})).status_code == 200
    assert await held(api) == []


@pytest.mark.requirement("R055")
async def test_what_a_repetition_says_is_read_masked_by_whoever_decides_and_stands_in_the_report(api, give, engine):
    hotline = await give("unit-hotline-1", ["signal:send"], "hotline.reporter.1")
    stranger = {"name": "华小添（化名）", "birth_date": "2016-02-03", "residence_division": DIVISION}
    first, second = "邻居孩子没人管", "华小添（化名）的父亲打孩子，电话13912345678"
    for heard in (first, second, second, first):
        assert await sent(hotline, absent(child=stranger, count=0, text=heard)) == ["taken"]
    (row,) = await held(api)
    path = f"/v1/signals/{row['id']}"
    (again,) = (await api.get(STREET, path)).json()["said"]["again"]
    assert (row["times"], "打孩子" in again["text"]) == (4, True)
    assert "华小添" not in again["text"]
    assert "13912345678" not in again["text"]
    assert (await api.opened(STREET, path)).json()["said"]["again"][0]["text"] == second
    done = await api.post(STREET, f"{path}/decision", {"outcome": "report", "situations": ["unguarded"]})
    case = (await api.get("police.officer.1", f"/v1/cases/{done.json()['case_id']}?full=true")).json()
    assert "打孩子" in str(case)
    assert await sent(hotline, absent(child=stranger, count=0, text="又没人管")) == ["taken"]
    (later,) = await held(api)
    assert later["times"] == 1
    assert (await api.post(STREET, f"/v1/signals/{later['id']}/decision", {"outcome": "unknown"})).status_code == 200


def test_of_what_comes_on_and_on_the_newest_words_are_kept():
    said = signals.Said.model_validate(absent(text="0"))
    for n in range(1, signals.MOST_REPEATED + 3):
        said = said.with_one_more(signals.Signal.model_validate(absent(text=str(n))), datetime.now(UTC))
    assert [one.text for one in said.again] == [str(n) for n in range(3, signals.MOST_REPEATED + 3)]
    assert said.told("核实").split("\n")[:3] == ["0", "核实", "3"]


@pytest.mark.requirement("R055", "R113")
async def test_a_signal_that_nobody_is_certain_of_waits_at_the_street_for_a_person(api, give, watched):
    hospital = await give("unit-hospital-1", ["signal:send"], "hospital.reporter.1")
    heard = {"name": "华晓信（化名）", "birth_date": "2017-03-05", "residence_division": DIVISION}
    assert await sent(hospital, absent(child=heard, family_phones=["13900005678"], text="手臂烫伤，母亲有癫痫")) == [
        "taken"
    ]
    assert await held(api, OTHER) == []
    (row,) = await held(api)
    assert (row["rule"], row["desk"]) == ("s-injury", f"STREET-{DIVISION}")
    assert "华" not in str(row)
    owed = (await api.get(STREET, "/v1/owed?matter=signal")).json()["items"]
    assert [(one["subject"], one["zh"]) for one in owed] == [(row["id"], row["zh"])]
    path = f"/v1/signals/{row['id']}"
    is_problem(await api.get(OTHER, path), 404, "signal_not_found")
    shown = (await api.get(STREET, path)).json()
    assert (shown["full"], shown["said"]["child"]["name"]) == (False, "华*")
    assert (await api.opened(STREET, path)).json()["said"]["child"]["name"] == "华晓信（化名）"
    await _is_told_of_no_illness(api, give, path, heard)
    (likely,) = shown["likely"]
    assert (likely["child_id"], likely["watched"]) == (watched, True)
    assert {reason["code"] for reason in likely["reasons"]} >= {"name_sounds_alike", "birth_date_near"}
    is_problem(await api.post(OTHER, f"{path}/decision", {"outcome": "unknown"}), 404, "signal_not_found")
    done = await api.post(STREET, f"{path}/decision", {"outcome": "child", "child_id": watched})
    assert (done.status_code, done.json()["watch_id"]) == (200, watch_id(watched)), done.text
    assert [one["rule"] for one in await warnings(api, watched)] == ["s-injury"]
    assert await held(api) == (await api.get(STREET, "/v1/owed?matter=signal")).json()["items"] == []


async def _is_told_of_no_illness(api, give, path, child):
    """The street reads of what a hospital says how often, when and of whom, also in full; whoever is told of illnesses all of it."""
    hospital = await give("unit-hospital-1", ["signal:send"], "hospital.reporter.1")
    again = absent(child=child, text="又烫伤，癫痫发作", happened_on="2026-03-11")
    assert await sent(hospital, again) == ["taken"]
    for answer in (await api.get(STREET, path), await api.opened(STREET, path)):
        assert ("烫伤" in answer.text, "癫痫" in answer.text, answer.json()["kept_back"]) == (False, False, True)
        said = answer.json()["said"]
        assert (said["count"], said["again"][0]["happened_on"]) == (3, "2026-03-11")
    answer = (await api.get(SUPERVISOR, path)).json()
    assert (answer["said"]["text"], answer["kept_back"]) == ("手臂烫伤，母亲有癫痫", False)


@pytest.mark.requirement("R055", "R105")
async def test_the_list_of_prisoners_children_that_justice_holds_reaches_each_street_once(api, watched):
    def listed(name, division):
        child = {"name": name, "birth_date": "2015-04-06", "residence_division": division}
        return absent(child=child, count=0, text="父亲服刑")

    own, other = listed("华小寻（化名）", DIVISION), listed("华小找（化名）", OTHER.split("-")[1].split(".")[0])
    given = {"signals": [own, {**own, "id": f"{own['id']}-again"}, other]}
    assert (await api.post("justice.officer.1", "/v1/signals", given)).status_code == 200
    is_problem(await api.post("finance.officer.1", "/v1/signals", given), 403, "not_allowed")
    for street in (STREET, OTHER):
        (row,) = [one for one in await held(api, street) if one["rule"] == "s-prisoner"]
        found = {"outcome": "unknown", "note": "已入户，未居住在本辖区"}
        assert (await api.post(street, f"/v1/signals/{row['id']}/decision", found)).status_code == 200


@pytest.mark.requirement("R055")
async def _is_told_as_by_nobody(api, case, signal):
    """Of which signal a report was made is who made it: neither trace nor instant brings the two together for who is not to know."""
    rows, settled = {}, {}
    for person in (STREET.replace("officer", "head"), "conf.supervisor.1", "civil.supervisor.1"):
        owed = (await api.get(person, "/v1/owed?settled=true&matter=signal&limit=200")).json()["items"]
        settled[person] = next(one for one in owed if one["subject"] == signal)
        if person.startswith("street"):
            continue
        audit = (await api.get(person, "/v1/audit?limit=60")).json()["items"]
        filed = next(one for one in audit if one["action"] == "FileReport" and one["stream_id"] == case)
        rows[person] = [one["action"] for one in audit if one["trace_id"] == filed["trace_id"]]
        of_owed = (await api.get(person, f"/v1/audit?stream_id={settled[person]['id']}&limit=50")).json()["items"]
        assert ("SettleOwed" in {one["action"] for one in of_owed}) == person.startswith("civil"), person
    assert "SettleOwed" in rows["civil.supervisor.1"]
    assert "SettleOwed" not in rows["conf.supervisor.1"]
    assert datetime.fromisoformat(settled["conf.supervisor.1"]["settled_at"]).astimezone(BEIJING).time() == time()
    assert datetime.fromisoformat(settled[STREET.replace("officer", "head")]["settled_at"]).microsecond


async def test_a_signal_becomes_a_report_in_one_step_and_of_a_false_alarm_nobody_keeps_or_wipes_words_alone(
    api, give, watched, engine
):
    hotline = await give("unit-hotline-1", ["signal:send"], "hotline.reporter.1")
    stranger = {"name": "某某（化名）", "residence_division": DIVISION}
    assert (
        await sent(hotline, absent(child=stranger, text="邻居孩子没人管"), absent(child={}, text="有人打孩子"))
        == ["taken"] * 2
    )
    (row,) = await held(api)
    found = {"outcome": "report", "situations": ["unguarded"], "note": "居委会核实"}
    done = (await api.post(STREET, f"/v1/signals/{row['id']}/decision", found)).json()
    progress = await api.progress(done["case_id"])
    assert (progress["division"], progress["branch"] is not None) == (DIVISION, True)
    await _is_told_as_by_nobody(api, done["case_id"], row["id"])
    nameless = next(one for one in await held(api, "civil.officer.1") if one["desk"] == "CIVIL")
    ended = await api.post("civil.officer.1", f"/v1/signals/{nameless['id']}/decision", {"outcome": "false_alarm"})
    assert ended.status_code == 200, ended.text
    path, listed = f"/v1/signals/{nameless['id']}", "/v1/signals/held?dismissed=true&limit=200"
    assert (await api.get(SUPERVISOR, path)).json()["said"]["text"] == "有人打孩子", "one person wipes nothing alone"
    assert nameless["id"] in [one["id"] for one in (await api.get(SUPERVISOR, listed)).json()["items"]]
    assert (await api.get(SUPERVISOR, f"/v1/signals/{row['id']}")).status_code == 404, "it became a report"
    is_problem(await api.get("civil.officer.1", path), 404, "signal_not_found")
    is_problem(await api.get("civil.officer.1", listed), 403, "not_allowed")
    is_problem(await api.post(SUPERVISOR, f"{path}/decision", {"outcome": "unknown"}), 404, "signal_not_found")
    now = datetime.now(UTC)
    async with engine.begin() as conn:
        assert await dismissed.forget(conn, now + dismissed.KEPT - timedelta(minutes=1)) == 0
        assert await dismissed.forget(conn, now + dismissed.KEPT) >= 1
    is_problem(await api.get(SUPERVISOR, path), 404, "signal_not_found")
    async with engine.begin() as conn:
        kept = {one.id: one for one in await conn.execute(select(signals.signals))}
        keys = select(tables.data_keys.c.wrapped).where(tables.data_keys.c.stream_id == nameless["id"])
        assert (kept[nameless["id"]].said, kept[nameless["id"]].marks, (await conn.execute(keys)).first()) == (
            None,
            [],
            None,
        )
    assert (kept[row["id"]].case_id, kept[row["id"]].said is not None) == (done["case_id"], True)


async def test_of_two_officers_at_the_same_moment_one_decides_and_of_two_batches_one_is_taken(api, give, engine):
    hotline = await give("unit-hotline-1", ["signal:send"], "hotline.reporter.1")
    told = absent(child={"name": "某乙（化名）", "residence_division": DIVISION}, text="听说没人管")
    answers = await asyncio.gather(*(sent(hotline, told, {**told, "id": f"{n}"}) for n in range(4)))
    assert [state for answer in answers for state in answer] == ["taken"] * 8
    assert len(await held(api)) == 5
    for other in (await held(api))[1:]:
        done = await api.post(STREET, f"/v1/signals/{other['id']}/decision", {"outcome": "unknown"})
        assert done.status_code == 200, done.text
    (row,) = await held(api)
    found, before = {"outcome": "report", "situations": ["unguarded"]}, await filed(engine)
    decided = await asyncio.gather(*(api.post(STREET, f"/v1/signals/{row['id']}/decision", found) for _ in range(4)))
    assert sorted(answer.status_code for answer in decided) == [200, 404, 404, 404]
    assert await filed(engine) - before == 1


async def waits(engine, query, task):
    """Until somebody waits for a lock; a task that ended without having waited is seen by what it answers."""
    async with engine.connect() as conn:
        while (
            not task.done()
            and not (await conn.execute(text(f"select 1 from pg_locks where not granted and {query}"))).first()
        ):
            await conn.rollback()
            await asyncio.sleep(0.01)


async def test_of_two_units_that_signal_one_child_in_the_same_instant_the_second_repeats_the_first(api, engine):
    ledger, now, name = (
        api.service.ledger,
        api.service.ledger.clock(),
        {"name": "华小同（化名）", "birth_date": "2015-01-02"},
    )
    systems = [
        Actor(person_id=unit, unit=unit, agency=Agency.SCHOOL, desk="SCHOOL", roles=(Role.MACHINE,))
        for unit in ("unit-school-1", "unit-kindergarten-1")
    ]
    told = [signals.Signal.model_validate(absent(child=name | {"residence_division": DIVISION}))]

    async def take(conn, by):
        return [one.state for one in await signals.take_all(conn, ledger, told, by, now)]

    async with engine.connect() as first, engine.connect() as second:
        assert await take(first, systems[0]) == ["taken"]
        later = asyncio.create_task(take(second, systems[1]))
        await waits(engine, "locktype = 'advisory'", later)
        await first.commit()
        assert await later == ["taken"], "nobody is told that another unit has sent the same"
        await second.commit()
    (row,) = await held(api)
    assert row["times"] == 2
    assert (await api.post(STREET, f"/v1/signals/{row['id']}/decision", {"outcome": "unknown"})).status_code == 200


async def test_a_signal_that_is_decided_while_somebody_opens_it_is_there_no_more(api, engine, give):
    hotline = await give("unit-hotline-1", ["signal:send"], "hotline.reporter.1")
    told = absent(child={"name": "某戊（化名）", "residence_division": DIVISION}, text="听说没人管")
    assert await sent(hotline, told) == ["taken"]
    (row,) = await held(api)
    async with engine.begin() as conn:
        await conn.execute(text("lock table audit in share row exclusive mode"))  # whoever reads is on record first
        opened = asyncio.create_task(api.get(STREET, f"/v1/signals/{row['id']}"))
        await waits(engine, "relation = 'audit'::regclass", opened)
        signal = await signals.waiting(conn, row["id"], to_decide=True)
        await signals.end(conn, api.service.ledger, signal, SignalEnd.UNKNOWN, ENGINE, api.service.ledger.clock())
    is_problem(await opened, 404, "signal_not_found")


async def test_a_false_alarm_is_counted_also_where_the_watch_goes_on_under_a_joined_file(api, give, watched, engine):
    ids = []
    for _ in range(2):
        case = (await api.report(children=[{"residence_division": DIVISION, "name": "华小并（化名）"}]))["case_id"]
        ids += [one["id"] for one in (await api.progress(case))["children"]]
    kept = await decided_by_two(api, *ids, people=(COMMITTEE, STREET))
    (joined,) = {*ids} - {kept}
    begin = BeginWatch(by=ENGINE, child_id=joined, division=DIVISION, grade="low")
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(joined), begin)
    hotline, before = await give("unit-hotline-1", ["signal:send"], "hotline.reporter.1"), await fares(api, "s-hotline")
    told = absent(child={"name": "某丙（化名）", "residence_division": DIVISION}, text="没人管")
    assert await sent(hotline, told) == ["taken"]
    (row,) = await held(api)
    path, found = f"/v1/signals/{row['id']}/decision", {"outcome": "child", "child_id": kept}
    done = (await api.post(STREET, path, found)).json()
    assert done["watch_id"] == watch_id(joined)
    verified = f"/v1/watches/{watch_id(joined)}/warnings/{done['warning']}/verify"
    path = f"/v1/signals/{row['id']}"
    is_problem(await api.get(SUPERVISOR, path), 404, "signal_not_found")
    assert (await api.post(COMMITTEE, verified, {"outcome": "no_risk", "note": "邻里误会"})).status_code == 200
    assert (await fares(api, "s-hotline"))["false_alarms"] - before["false_alarms"] == 1
    assert (await api.get(SUPERVISOR, path)).json()["said"]["text"] == "没人管", (
        "whoever verified it wipes nothing alone"
    )
    async with engine.begin() as conn:
        assert await dismissed.forget(conn, datetime.now(UTC) + dismissed.KEPT) >= 1
        words = await conn.scalar(select(signals.row.said).where(signals.row.id == row["id"]))
    assert words is None, "and nobody keeps them"


async def _is_told_whoever_verifies(api, engine, child, number, text):
    """How often, both times that it came, to the desk that watches alone and on record; never its words, which may be about that desk."""
    path, line = f"/v1/visits/{watch_id(child)}", tables.audit.c

    async def heard(person=COMMITTEE):
        return [(one["warning"], one["count"]) for one in (await api.get(person, path)).json()["heard"]]

    async with engine.connect() as conn:
        since = await conn.scalar(select(func.max(line.id)))
    assert await heard() == [(number, 3), (number, 3)]
    head = STREET.replace("officer", "head")
    assert await heard(head) == [], "it sees the visit, and has no such task"
    elsewhere = OTHER.replace("street", "comm")
    is_problem(await api.get(elsewhere, path), 404, "case_not_found")
    async with engine.connect() as conn:
        read = (await conn.execute(select(line.person_id, line.fields).where(line.id > since).order_by(line.id))).all()
    assert [(one.person_id, "said" in one.fields) for one in read] == [
        (COMMITTEE, True),
        (head, False),
        (elsewhere, False),
    ]
    why = {"need": "visit", "note": "入户核实"}
    assert (await api.post(COMMITTEE, f"/v1/children/{child}/full-view", why)).status_code == 201
    assert "要求保密" in text
    assert "要求保密" not in (await api.get(COMMITTEE, path)).text


@pytest.mark.requirement("R051", "R055")
@pytest.mark.parametrize(
    ("name", "id_no", "other", "old"),
    [
        ("钮小合（化名）", "110106201603049984", "端木青（化名）", False),
        ("巫小旧（化名）", "110106201506149988", "司徒蓝（化名）", True),
    ],
)
async def test_a_warning_of_a_signal_is_known_by_it_where_it_goes_on_since_two_files_were_joined(
    api, give, engine, monkeypatch, name, id_no, other, old
):
    """Also of former days, when none was carried with its number there."""

    def without_number(*said):
        came = carried(*said)
        return [one.model_copy(update={"number": None}) if isinstance(one, WarningCarried) else one for one in came]

    if old:
        monkeypatch.setattr(watch_work, "carried", without_number)
    pupil = {**PUPIL, "name": name, "id_no": id_no, "birth_date": f"{id_no[6:10]}-{id_no[10:12]}-{id_no[12:14]}"}
    ids = []
    for named, grade in ((pupil, "low"), ({**pupil, "name": other, "id_no": None}, "high")):
        child = {**CHILD, **named, "residence_division": None}
        made = (await register(api, COMMITTEE, child=child, grade=grade)).json()
        assert (await verify(api, STREET, made)).status_code == 200
        ids.append(made["child_id"])
    await api.post(COMMITTEE, f"/v1/watches/{watch_id(ids[1])}/visits", {"finding": "well"})
    school, before = await give(scopes=["signal:send"]), await fares(api, "s-absent")
    text = "连续三日缺勤，邻居来电称居委会不管，要求保密"
    assert await sent(school, absent(child=pupil, text=text)) == ["taken"]
    (first,) = await warnings(api, ids[0])
    await decided_by_two(api, *ids, people=(COMMITTEE, STREET))
    (came,) = await warnings(api, ids[1])
    assert came["number"] != first["number"]
    assert await sent(school, absent(child=pupil)) == ["taken"]
    await _is_told_whoever_verifies(api, engine, ids[1], came["number"], text)
    verified = f"/v1/watches/{watch_id(ids[1])}/warnings/{came['number']}/verify"
    assert (await api.post(COMMITTEE, verified, {"outcome": "no_risk"})).status_code == 200
    after = await fares(api, "s-absent")
    counted = {name: after[name] - before[name] for name in ("received", "repeated", "false_alarms")}
    assert counted == {"received": 1, "repeated": 1, "false_alarms": 1}


async def test_who_sends_needs_the_scope_and_a_rule_that_listens(api, give):
    reports = await give()
    is_problem(await reports.post("/v1/signals", {"signals": [absent()]}), 403, "scope_missing")
    is_problem(await api.post("culture.officer.1", "/v1/signals", {"signals": [absent()]}), 403, "not_allowed")
    is_problem(await api.post("school.reporter.1", "/v1/signals", {"signals": []}), 422, "invalid_request")
    is_problem(await api.get(STREET, "/v1/signals/rules"), 403, "not_allowed")
