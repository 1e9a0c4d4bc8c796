"""Whom a signal is about neither reads nor decides it: another office does, and the report made of it is about them too."""

import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, select, text, update

from app.api import attempts
from app.api.need import full_views
from app.db import signals, tables
from app.db.audit import REFUSED
from app.db.findings import find, keep
from app.db.people import actor_by_token
from app.db.signal_desks import is_concerned
from app.db.walls import APP
from app.domain.access import Actor
from app.domain.identity import clean_name
from app.domain.terms import Agency, Fault, Role
from app.domain.watch import watch_id
from tests.api.test_registration import CHILD, register, verify
from tests.api.test_reports import is_problem

DIVISION = "110106016"
COMMITTEE, STREET, HEAD = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.officer.1", f"street-{DIVISION}.head.1"
OFFICE, CIVIL = f"STREET-{DIVISION}", "civil.officer.1"
PROC, NO_OWNER = "proc.officer.1", Fault.NO_OWNER


@pytest.fixture(scope="module", autouse=True)
async def _nothing_is_left(engine):
    yield
    async with engine.begin() as conn:
        await conn.execute(delete(signals.signals))
        await conn.execute(delete(tables.owed))


@pytest.fixture
async def hotline(give):
    return await give("unit-hotline-1", ["signal:send"], "hotline.reporter.1")


async def sent(machine, **said):
    child = {"name": f"任小{uuid.uuid4().hex[:4]}（化名）", "birth_date": "2016-02-03", "residence_division": DIVISION}
    said = {"id": uuid.uuid4().hex, "text": "邻居打孩子", "child": child, **said}
    answer = await machine.post("/v1/signals", {"signals": [said]})
    assert answer.status_code == 200, answer.text
    return said


async def kept(engine, said):
    async with engine.connect() as conn:
        return (await conn.execute(select(signals.signals).where(signals.row.sent_id == said["id"]))).one()


async def told(api, person, signal):
    """By whatever way somebody may hear of a signal: itself, the list, what is owed for it."""
    paths = "/v1/signals/held?limit=200", "/v1/owed?matter=signal&limit=200"
    found = [signal in (await api.get(person, path)).text for path in paths]
    one = f"/v1/signals/{signal}"
    return [(await api.get(person, one)).status_code == 200, *found]


async def seen_in_database(api, engine, person, signal):
    async with engine.connect() as conn:
        await conn.execute(text(f"set local role {APP}"))
        assert await actor_by_token(conn, api.tokens[person])
        owed = select(tables.owed.c.id).where(tables.owed.c.subject == signal)
        return [bool((await conn.execute(one)).all()) for one in (select(1).where(signals.row.id == signal), owed)]


@pytest.mark.parametrize("whom", [OFFICE, STREET, "STREET"])
async def test_whom_a_signal_is_about_does_not_see_it_and_another_office_decides(api, hotline, engine, whom):
    row = await kept(engine, await sent(hotline, about=[whom]))
    assert (row.desk, row.state) == ("CIVIL", "held")
    api.http._transport.app.state.attempts = attempts.Attempts()
    for person in (STREET, HEAD):
        assert await told(api, person, row.id) == [False] * 3
        assert await seen_in_database(api, engine, person, row.id) == [False] * 2
        decided = await api.post(person, f"/v1/signals/{row.id}/decision", {"outcome": "false_alarm"})
        is_problem(decided, 404, "signal_not_found")
    async with engine.connect() as conn:
        line = tables.audit.c
        refused = select(line.person_id, line.action).where(line.stream_id == row.id, line.outcome == REFUSED)
        refused = {tuple(one) for one in await conn.execute(refused)}
    assert refused == {(one, act) for one in (STREET, HEAD) for act in ("read_signal", "decide_signal")}
    assert await told(api, CIVIL, row.id) == [True] * 3
    assert await seen_in_database(api, engine, CIVIL, row.id) == [True] * 2
    assert (await api.get(CIVIL, f"/v1/signals/{row.id}")).json()["about"] == [whom]
    found = {"outcome": "report", "situations": ["unguarded"]}
    case = (await api.post(CIVIL, f"/v1/signals/{row.id}/decision", found)).json()["case_id"]
    assert whom in (await api.progress(case, "police.officer.1"))["about"]
    is_problem(await api.get(STREET, f"/v1/cases/{case}"), 404, "case_not_found")


async def test_somebody_of_the_office_that_decides_in_place_of_the_street_is_kept_out_alone(api, hotline, engine):
    row = await kept(engine, await sent(hotline, about=[OFFICE, CIVIL]))
    assert row.desk == "CIVIL"
    assert await told(api, CIVIL, row.id) == [False] * 3
    assert await seen_in_database(api, engine, CIVIL, row.id) == [False] * 2
    assert await told(api, "civil.supervisor.1", row.id) == [True] * 3


@pytest.mark.parametrize("said", [{"outcome": "own_office"}, {"outcome": "false_alarm", "about": [STREET]}])
async def test_who_decides_says_that_it_is_about_its_office_and_nothing_is_wiped(api, hotline, engine, said):
    given = await sent(hotline)
    before = await kept(engine, given)
    assert before.desk == OFFICE
    path = f"/v1/signals/{before.id}/decision"
    done = await api.post(STREET, path, said)
    assert (done.status_code, done.json()["outcome"]) == (200, "own_office"), done.text
    after = await kept(engine, given)
    assert (after.desk, after.state, after.outcome, after.marks) == ("CIVIL", "held", None, before.marks)
    assert await told(api, STREET, after.id) == [False] * 3
    assert (await api.get(CIVIL, f"/v1/signals/{after.id}")).json()["said"]["text"] == given["text"]
    assert await told(api, CIVIL, after.id) == [True] * 3
    line = tables.audit.c
    async with engine.connect() as conn:
        rows = (await conn.execute(select(line.action, line.person_id).where(line.person_id == STREET))).all()
    assert {"decide_signal", "SettleOwed"} <= {one.action for one in rows}
    assert (await api.post(CIVIL, path, {"outcome": "unknown"})).status_code == 200


@pytest.mark.parametrize("words", [f"{STREET}打孩子", "居委会主任 打孩子", "{name}打孩子", "{dotted}打孩子"])
async def test_whom_the_words_alone_name_does_not_read_them_first_and_a_person_says_whom_it_is_about(
    api, hotline, engine, words
):
    async with engine.connect() as conn:
        name = await conn.scalar(select(tables.people.c.name).where(tables.people.c.id == STREET))
    name = clean_name(name)
    row = await kept(engine, await sent(hotline, text=words.format(name=name, dotted=f"{name[:2]} • {name[2:]}")))
    assert (row.desk, row.state, row.about) == ("CIVIL", "held", [])
    assert await told(api, STREET, row.id) == [False] * 3
    assert await told(api, CIVIL, row.id) == [True] * 3
    found = {"outcome": "report", "situations": ["unguarded"], "about": [STREET]}
    done = (await api.post(CIVIL, f"/v1/signals/{row.id}/decision", found)).json()
    is_problem(await api.get(STREET, f"/v1/cases/{done['case_id']}"), 404, "case_not_found")


async def test_a_repetition_and_a_signal_of_a_watched_child_whose_words_name_an_office_wait_there_for_nobody(
    api, hotline, engine
):
    first = await sent(hotline)
    assert (await kept(engine, first)).desk == OFFICE
    await sent(hotline, child=first["child"], text="民政局干部和街道干部打孩子")
    assert ((row := await kept(engine, first)).desk, row.times) == ("CONF", 2), "nor at the office over it"
    pupil = {"name": "任小言（化名）", "birth_date": "2017-03-05", "id_no": "110106201703056112"}
    made = (await register(api, COMMITTEE, child={**CHILD, **pupil, "residence_division": None})).json()
    assert (await verify(api, STREET, made)).status_code == 200
    row = await kept(
        engine, await sent(hotline, child={**pupil, "residence_division": DIVISION}, text="居委会主任打孩子")
    )
    assert (row.state, row.desk, row.about) == ("held", "CIVIL", [])


@pytest.mark.parametrize("way", ["sender", "one person", "one after another"])
async def test_one_that_is_about_everybody_who_could_decide_waits_at_the_procuratorate(api, hotline, engine, way):
    everybody = ["CONF", "CIVIL", "STREET", "PROC"]
    given = await sent(hotline, about=everybody if way == "sender" else [])
    row = await kept(engine, given)
    path = f"/v1/signals/{row.id}/decision"
    if way == "one person":
        assert (await api.post(STREET, path, {"outcome": "own_office", "about": everybody})).status_code == 200
    elif way == "one after another":
        for person in (STREET, CIVIL, "conf.officer.1", PROC):
            assert (await api.post(person, path, {"outcome": "own_office"})).status_code == 200
    row = await kept(engine, given)
    assert (row.desk, row.state) == ("PROC", "held")
    for person in (STREET, CIVIL, "civil.supervisor.1", "conf.officer.1", "conf.supervisor.1"):
        assert await told(api, person, row.id) == [False] * 3
        assert await seen_in_database(api, engine, person, row.id) == [False] * 2
    assert await told(api, PROC, row.id) == [True] * 3
    assert await seen_in_database(api, engine, PROC, row.id) == [True] * 2
    found = {"outcome": "report", "situations": ["unguarded"]}
    case = (await api.post(PROC, path, found)).json()["case_id"]
    is_problem(await api.get("conf.supervisor.1", f"/v1/cases/{case}"), 404, "case_not_found")


async def test_a_full_view_of_a_signal_is_not_told_to_whom_it_is_about_also_without_the_second_wall(
    api, hotline, engine
):
    given = await sent(hotline, about=[STREET])
    signal = (await kept(engine, given)).id
    view = await api.post(CIVIL, f"/v1/signals/{signal}/full-view", {"need": "verify", "note": "核对"})
    assert view.status_code == 201, view.text
    for sees in (True, False):
        assert (view.json()["id"] in (await api.get(CIVIL, "/v1/full-views?limit=200")).text) == sees
        who = Actor(person_id=CIVIL, agency=Agency.CIVIL, desk="CIVIL", roles=(Role.OFFICER,))
        async with api.service.engine.connect() as conn:
            shown = await full_views(conn, who, limit=200)
        assert (view.json()["id"] in [one.id for one in shown.items]) == sees
        await sent(hotline, child=given["child"], text="又打孩子", about=[CIVIL])


async def test_a_desk_of_which_everybody_is_named_is_passed_over(api, hotline, engine):
    async with engine.connect() as conn:
        people = tables.people.c
        named = (await conn.execute(select(people.id).where(people.desk == "CIVIL"))).scalars().all()
    row = await kept(engine, await sent(hotline, about=[OFFICE, *named]))
    assert (row.desk, await told(api, "conf.officer.1", row.id)) == ("CONF", [True] * 3)


async def test_a_held_signal_that_nobody_takes_is_found(api, hotline, engine):
    row = await kept(engine, await sent(hotline, about=[STREET]))
    for about, desk, faults in ((row.about, "CIVIL", []), (["CIVIL"], "CIVIL", [NO_OWNER]), ([], "NONE", [NO_OWNER])):
        async with engine.begin() as conn:
            await conn.execute(update(signals.signals).where(signals.row.id == row.id).values(about=about, desk=desk))
            found = await find(conn, datetime.now(UTC))
            await keep(conn, found, datetime.now(UTC))
        assert [one.problem for one in found if one.stream_id == row.id] == faults
        shown = (await api.get("conf.supervisor.1", "/v1/findings?limit=200")).text
        assert (row.id in shown) == bool(faults)


async def test_a_repetition_that_says_whom_it_is_about_takes_the_signal_from_them(api, hotline, engine):
    first = await sent(hotline)
    await sent(hotline, child=first["child"], text="又打孩子", about=[STREET])
    row = await kept(engine, first)
    assert (row.times, row.desk) == (2, "CIVIL")
    assert await told(api, STREET, row.id) == [False] * 3
    assert "又打孩子" in (await api.get(CIVIL, f"/v1/signals/{row.id}")).text


@pytest.mark.parametrize("by", ["sender", "decider"])
async def test_no_names_push_whom_a_signal_is_about_out_of_its_report(api, hotline, engine, by):
    first, nobody = await sent(hotline, about=[STREET]), [f"nobody-{n}" for n in range(20)]
    if by == "sender":
        await sent(hotline, child=first["child"], text="又打孩子", about=nobody)
        await sent(hotline, child=first["child"], text="还打孩子", about=["CONF"])
    row = await kept(engine, first)
    path, found = f"/v1/signals/{row.id}", {"outcome": "report", "situations": ["unguarded"]}
    shown = (await api.get(CIVIL, path)).json()["about"]
    assert shown == ([STREET, *nobody[:19], "CONF"] if by == "sender" else [STREET])
    is_problem(await api.post(CIVIL, f"{path}/decision", found | {"about": [*nobody, "CONF"]}), 422, "invalid_request")
    found |= {"about": nobody} if by == "decider" else {}
    case = (await api.post(CIVIL, f"{path}/decision", found)).json()["case_id"]
    assert {STREET, OFFICE, *shown} <= set((await api.progress(case, "police.officer.1"))["about"])
    is_problem(await api.get(STREET, f"/v1/cases/{case}"), 404, "case_not_found")


async def test_a_signal_about_whoever_watches_the_child_opens_no_warning_there(api, hotline, engine):
    pupil = {"name": "任小看（化名）", "birth_date": "2017-03-04", "id_no": "110106201703045245"}
    made = (await register(api, COMMITTEE, child={**CHILD, **pupil, "residence_division": None})).json()
    assert (await verify(api, STREET, made)).status_code == 200
    watch, child = watch_id(made["child_id"]), {**pupil, "residence_division": DIVISION}
    plain = await sent(hotline, child=child, text="没人管")
    assert (await kept(engine, plain)).state == "warned"
    for whom, desk in ((COMMITTEE, OFFICE), (OFFICE, "CIVIL")):
        said = await sent(hotline, child=child, text=f"{whom}打孩子", about=[whom])
        row = await kept(engine, said)
        assert (row.state, row.child_id, row.desk) == ("held", None, desk)
        assert "打孩子" not in (await api.get(COMMITTEE, f"/v1/visits/{watch}")).text
        decides, path = STREET if desk == OFFICE else CIVIL, f"/v1/signals/{row.id}/decision"
        if decides == STREET:
            found = {"outcome": "child", "child_id": made["child_id"]}
            is_problem(await api.post(STREET, path, found), 409, "watch_concerned")
        assert (await api.post(decides, path, {"outcome": "unknown"})).status_code == 200
    async with engine.connect() as conn:
        over = await signals.watch_over(conn, made["child_id"])
        for desk, about, concerned in (
            (over.desk, OFFICE, True), (OFFICE, f"COMM-{DIVISION}", False), ("CIVIL", CIVIL, True), ("CIVIL", PROC, False),
        ):  # fmt: skip
            assert await is_concerned(conn, over.model_copy(update={"desk": desk}), [about]) is concerned
