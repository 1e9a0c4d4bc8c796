"""Need to know: no whole name, number or address leaves by default; a reason opens it for minutes, on record and told to the owner."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from activities.delivery import view_of
from app.db import tables
from app.domain.access import ENGINE
from app.domain.disclosure import packet
from app.domain.progress import Progress
from app.domain.terms import Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.policy.loader import load
from tests.api.conftest import described, upload

STREET = "110106014"
NAME, KIN, REPORTER = "欧阳玄烨", "欧阳长林", "赫连守信"
ID_NO, PHONE, KIN_PHONE, HOME = "340104201801012355", "13812341234", "13987650001", "宛平城示例胡同九号院"
WHOLE = (NAME, KIN, REPORTER, ID_NO, PHONE, KIN_PHONE, HOME, "2018-01-01", "138 1234 1234")
SAID = f"邻居说{NAME}（身份证{ID_NO}）住{HOME}，父亲{KIN}电话138 1234 1234"
STAFF = (
    "civil.supervisor.1", "conf.officer.1", "police.officer.1", "civil.officer.1", "edu.officer.1", f"street-{STREET}.head.1",
    f"comm-{STREET}.officer.1",
)  # fmt: skip
COMMITTEE = f"comm-{STREET}.officer.1"
WHY = {"need": "visit", "note": "今日入户，须核对门牌"}


async def known_child(api):
    """Named in every place that takes a text: the report, notes, a visit, the file, a register; and under watch."""
    child = {"residence_division": STREET, "name": NAME, "id_no": ID_NO, "phone": PHONE, "residence": HOME, "hukou": HOME,
             "birth_date": "2018-01-01", "school_stage": "primary", "features": f"{REPORTER}见其左臂有疤"}  # fmt: skip
    family = [{"name": KIN, "relation": "父", "phone": KIN_PHONE, "note": f"{NAME}之父，{REPORTER}说"}]
    filed = await api.report(children=[child], family=family, narrative=f"{SAID}，报告人{REPORTER}",
                             reporter={"class": "committee", "name": REPORTER, "phone": PHONE})  # fmt: skip
    case = filed["case_id"]
    for person in ("police.officer.1", "civil.officer.1"):
        noted = await api.post(person, f"/v1/cases/{case}/notes", {"note": SAID})
        assert noted.status_code == 200, noted.text
    own = (await api.progress(case))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=own, case_id=case, division=STREET, grade=Grade.HIGH)
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(own), begin)
    visited = await api.post(COMMITTEE, f"/v1/watches/{watch_id(own)}/visits", {"finding": "well", "note": SAID})
    assert visited.status_code == 200, visited.text
    for field, value in (("name", NAME), ("household", SAID), ("health", SAID)):
        entered = {"field": field, "value": value, "evidence": SAID, "note": SAID}
        assert (await api.post(COMMITTEE, f"/v1/children/{own}/changes", entered)).status_code == 200
    return case, own


@pytest.fixture(scope="module")
async def child(api):
    return await known_child(api)


def routes():
    return [path for path, methods in described().items() if "get" in methods]


async def everything(api, person, case, child):
    """Every GET of the API with the ids of the child, each ledger and register by its code."""
    books = {
        "/v1/ledgers/{code}": [one["code"] for one in (await api.get(person, "/v1/ledgers")).json()],
        "/v1/registers/{code}/entries": [one["code"] for one in (await api.get(person, "/v1/registers")).json()],
    }
    known = {"case_id": case, "child_id": child, "stream_id": case}
    for route in routes():
        for code in books.get(route, ["work"]):
            names = re.findall(r"{(\w+)}", route)
            path = route.format(**{name: known.get(name, code if name == "code" else "1") for name in names})
            yield route, await api.get(person, path)


@pytest.mark.parametrize("person", STAFF)
async def test_no_route_shows_staff_a_whole_name_number_or_address(api, child, person):
    seen = [(route, answer.text) async for route, answer in everything(api, person, *child)]
    assert len(seen) > 30
    leaks = [(route, word) for route, said in seen for word in WHOLE if word in said]
    assert leaks == []


async def test_the_walk_finds_what_a_mask_would_have_hidden(api, child):
    """The control: with the view open, the same walk finds the child on the case and on the file."""
    case, own = child
    for path in (f"/v1/cases/{case}/full-view", f"/v1/children/{own}/full-view"):
        assert (await api.post("civil.supervisor.1", path, WHY)).status_code == 201
    seen = [(route, answer.text) async for route, answer in everything(api, "civil.supervisor.1", *child)]
    assert {route for route, said in seen if NAME in said} == {
        "/v1/cases/{case_id}", "/v1/cases/{case_id}/timeline", "/v1/children/{child_id}", "/v1/children/{child_id}/history",
    }  # fmt: skip
    await shut(api)


async def shut(api):
    async with api.service.engine.begin() as conn:
        await conn.execute(update(tables.full_views).values(until=text("now() - interval '1 second'")))


async def test_masks_have_the_forms_that_people_know(api, child):
    content = (await api.get("civil.supervisor.1", f"/v1/cases/{child[0]}")).json()["content"]
    (one,) = content["children"]
    assert (one["name"], one["id_no"], one["phone"]) == ("欧阳*", "340104********2355", "138****1234")
    assert (one["residence"], one["birth_date"]) == ("宛平城***", "2018-**-**")
    assert content["narrative"].startswith(
        "邻居说欧阳*（身份证340104********2355）住宛平城***，父亲欧阳*电话138****1234"
    )


async def test_a_full_view_is_one_step_ends_by_itself_and_is_on_record_and_told_to_the_owner(api):
    case, own = await known_child(api)
    path = f"/v1/cases/{case}"
    assert (await api.post("police.officer.1", f"{path}/full-view", {"need": "visit", "note": ""})).status_code == 422
    named = f"{WHY['note']}：{NAME}，{REPORTER}告知，{KIN_PHONE}"
    opened = (await api.post("police.officer.1", f"{path}/full-view", {**WHY, "note": named})).json()
    content = (await api.get("police.officer.1", path)).json()["content"]
    assert (content["children"][0]["name"], content["children"][0]["residence"]) == (NAME, HOME)
    assert NAME not in (await api.get("civil.officer.1", path)).text, "open for its person alone"
    assert NAME not in (await api.get("police.officer.1", f"/v1/children/{own}")).text, "and for what was asked"
    async with api.service.engine.connect() as conn:
        row = tables.audit.c
        query = select(row.action, row.why, row.fields).where(row.stream_id == case, row.why == "full_view:visit")
        found = {one.action: one.fields for one in await conn.execute(query.order_by(row.id))}
    assert found["open_full_view"] == opened["fields"] == ["children", "family", "narrative"]
    assert found["read_content"]
    lead = (await api.progress(case))["lead"].lower()
    told = (await api.get(f"{lead}.head.1", "/v1/notices")).json()["items"]
    assert (told[0]["kind"], told[0]["subject"], told[0]["case_id"]) == ("full_view", opened["id"], case)
    listed = (await api.get(f"{lead}.head.1", "/v1/full-views")).json()["items"]
    assert [(one["person_id"], one["reason"], one["note"]) for one in listed if one["case_id"] == case] == [
        ("police.officer.1", "visit", f"{WHY['note']}：欧阳*，***告知，139****0001")
    ], "a reason names nobody to those who have given none"
    proposed = {"act": "export", "parameters": {"case": case}, "reason": "verify", "note": named}
    shown = [await api.post("civil.head.1", "/v1/approvals", proposed), await api.get("civil.head.1", "/v1/approvals")]
    held = await api.post("civil.supervisor.1", f"/v1/retention/{case}/holds", {"reason": "litigation", "note": named})
    shown += [held, await api.get("conf.supervisor.1", "/v1/retention/holds")]
    assert [(case in one.text, "欧阳*" in one.text, NAME in one.text) for one in shown] == [(True, True, False)] * 4
    assert [REPORTER in one.text for one in shown] == [True, True, True, False], (
        "whoever wrote it reads what they wrote"
    )
    assert case not in (await api.get("edu.officer.1", "/v1/full-views")).text
    await shut(api)
    assert NAME not in (await api.get("police.officer.1", path)).text


async def test_a_full_view_ends_with_the_roles_for_which_it_was_opened_and_does_not_come_back_with_them(api, child):
    path, roles = f"/v1/cases/{child[0]}", "/v1/people/civil.officer.1/roles"
    opened = await api.post("civil.officer.1", f"{path}/full-view", WHY)
    assert (opened.status_code, NAME in (await api.get("civil.officer.1", path)).text) == (201, True)
    try:
        assert (await api.post("security.1", roles, {"roles": []})).status_code == 204
    finally:
        assert (await api.post("security.1", roles, {"roles": ["officer"]})).status_code == 204
    again = await api.get("civil.officer.1", path)
    assert (again.status_code, NAME in again.text) == (200, False)


async def test_a_full_view_ends_with_the_loan_of_the_seat_in_which_it_was_opened(api, child):
    path, (absent, deputy) = f"/v1/cases/{child[0]}", ("police.officer.1", "police.officer.2")
    seat = {"X-Acting-For": absent}

    async def lent(**ends):
        now = datetime.now(UTC)
        of = {"person_id": absent, "deputy_id": deputy, "from_at": (now - timedelta(hours=1)).isoformat()}
        made = await api.post(absent, "/v1/deputies", of | {"until_at": (now + timedelta(**ends)).isoformat()})
        assert made.status_code == 201, made.text
        return f"/v1/deputies/{made.json()['id']}"

    async def is_open(headers=None):
        return NAME in (await api.get(deputy, path, headers=headers)).text

    first = await lent(hours=1)
    assert (await api.post(deputy, f"{path}/full-view", WHY, seat)).status_code == 201
    assert (await is_open(seat), await is_open()) == (True, False), "what is open in a lent seat is masked in the own"
    assert (await api.http.delete(first, headers=api._headers(absent, None))).status_code == 204
    short = await lent(minutes=2)
    assert not await is_open(seat), "given back and lent again"
    opened = (await api.post(deputy, f"{path}/full-view", WHY, seat)).json()
    assert datetime.fromisoformat(opened["until"]) <= datetime.now(UTC) + timedelta(minutes=2)
    assert (await api.post("security.1", f"/v1/people/{absent}/roles", {"roles": []})).status_code == 204
    assert (await api.post("security.1", f"/v1/people/{absent}/roles", {"roles": ["officer"]})).status_code == 204
    assert not await is_open(seat), "whose seat it was has had another in between"
    assert (await api.http.delete(short, headers=api._headers(absent, None))).status_code == 204
    assert (await api.post(deputy, f"{path}/full-view", WHY)).status_code == 201
    assert await is_open()
    await shut(api)


async def test_a_desk_sees_in_full_what_the_row_of_its_leg_tells_and_nothing_more(api):
    case, _ = await known_child(api)
    path, school = f"/v1/cases/{case}", "edu.officer.1"
    assert (await api.post(school, f"{path}/full-view", WHY)).json()["fields"] == ["children: some"]
    content = (await api.get(school, path)).json()["content"]
    assert content["children"][0]["name"] == NAME
    assert content["children"][0].keys() == {"id", "sex", "division", "name", "birth_date", "school"}
    assert (content["family"], "narrative" in content) == ([], False)
    assert SAID not in (await api.get(school, f"{path}/timeline")).text, "what another desk wrote is not of its leg"
    mine = f"联系家长{uuid.uuid4().hex}"
    await api.post(school, f"{path}/notes", {"note": mine})
    assert mine in (await api.get(school, f"{path}/timeline")).text


async def test_whoever_is_not_to_know_the_reporter_finds_no_trace_of_them_in_a_full_view_either(api):
    case, own = await known_child(api)
    path = f"/v1/cases/{case}"
    for person, knows in (("conf.supervisor.1", False), ("civil.officer.1", False), ("civil.supervisor.1", True)):
        assert (await api.post(person, f"{path}/full-view", WHY)).status_code == 201
        said = (await api.get(person, path)).text + (await api.get(person, f"{path}/timeline")).text
        if person != "civil.officer.1":
            said += (await api.get(person, f"/v1/children/{own}/access-record")).text
        assert (REPORTER in said, "unit-village-1" in said, "village.reporter.1" in said) == (knows, knows, knows), (
            person
        )


async def test_no_text_that_leaves_for_an_agencys_system_names_the_reporter_but_to_intake(api):
    case, _ = await known_child(api)
    async with api.service.engine.connect() as conn:
        said = {knows: str(await view_of(conn, case, knows_reporter=knows)) for knows in (True, False)}
    assert {knows: (NAME in text, text.count(REPORTER)) for knows, text in said.items()} == {
        True: (True, 3),
        False: (True, 0),
    }


async def test_no_list_of_the_rules_tells_an_agency_the_name_unit_or_phone_of_who_reported(api):
    unit, told = "示例第九小学", ("138 0013 8000", "１３８００１３８０００", "+86-138-0013-8000")
    said = f"示例第九小学的{REPORTER}老师（{{}}）说的"
    filed = await api.report(
        children=[{"residence_division": STREET, "name": NAME, "features": said.format(told[0])}],
        family=[{"name": KIN, "relation": f"{REPORTER}的邻居", "note": said.format(told[1])}], narrative=said.format(told[2]),
        reporter={"class": "school", "org": unit, "name": REPORTER, "phone": "138-0013-8000"},
    )  # fmt: skip
    async with api.service.engine.connect() as conn:
        stored = select(tables.cases.c.progress).where(tables.cases.c.id == filed["case_id"])
        progress = Progress.model_validate((await conn.execute(stored)).scalar_one())
    lists = load("fengtai-2026.1").file.disclosures
    for knows in (False, True):
        async with api.service.engine.connect() as conn:
            view = await view_of(conn, filed["case_id"], knows_reporter=knows)
        sent = "".join(json.dumps(packet(row, progress, view), ensure_ascii=False) for row in lists)
        assert [trace in sent for trace in (unit, REPORTER, *told)] == [knows] * 5
        assert NAME in sent


async def test_a_family_in_a_register_is_masked_in_the_list_and_opened_by_the_entry(api, child):
    entry = {"family": KIN, "address": HOME, "phone": KIN_PHONE, "checked_on": "2026-01-05"}
    path, keeper = "/v1/registers/loving_families/entries", "wf.officer.1"
    made = (await api.post(keeper, path, {"fields": entry})).json()["id"]
    for seen in ((await api.get(keeper, path)).text, (await api.get(keeper, f"{path}/{made}")).text):
        assert "欧阳*" in seen
        assert [word for word in WHOLE if word in seen] == []
    (line,) = (await api.opened(keeper, f"{path}/{made}")).json()
    assert line["fields"] == entry
    assert (await api.post("finance.officer.1", f"{path}/{made}/full-view", WHY)).status_code in (403, 404)


async def test_strangers_open_nothing(api, child):
    case, own = child
    for person in ("housing.head.1", "admin.1", "village.reporter.1", "street-110106002.officer.1"):
        assert (await api.post(person, f"/v1/cases/{case}/full-view", WHY)).status_code == 404
        assert (await api.post(person, f"/v1/children/{own}/full-view", WHY)).status_code == 404


async def test_a_text_that_tries_names_comes_back_as_it_was_typed(api, child):
    """Whoever is told nothing of the reporter, the family and the home finds none of them by what a mask takes out of their own words."""
    case, own = child
    tried = f"核对：{REPORTER}、张三丰、{KIN}、李四光、{HOME}、东大街9号"
    school, path = "edu.officer.1", f"/v1/cases/{case}"
    noted = await api.post(school, f"{path}/notes", {"note": tried})
    entered = await api.post(
        school, f"/v1/children/{own}/changes", {"field": "school", "value": "示例九小（化名）", "evidence": tried}
    )
    photo, leg = await upload(api, school, name=f"{tried}.jpg"), f"{path}/referrals/{await api.leg(case, 'EDU')}"
    taken = await api.post(school, f"{leg}/accept", {"note": tried, "files": [photo]})
    assert [one.status_code for one in (noted, entered, taken)] == [200] * 3, (noted.text, entered.text, taken.text)
    for who in (school, "edu.head.1"):
        said = [row for row in (await api.get(who, f"{path}/timeline")).json() if row.get("note") == tried]
        assert len(said) == 2, who
        assert ["office" in row for row in said] == [row["kind"] == "note_added" for row in said]
        (name,) = [one["name"] for one in (await api.get(who, f"{path}/files")).json() if one["id"] == photo]
        assert [word for word in (REPORTER, KIN, HOME) if word not in name] == [], who
    for who in (school, "edu.head.1"):
        history = (await api.get(who, f"/v1/children/{own}/history")).json()
        assert tried in [row["evidence"] for row in history], who
    others = (await api.get("police.officer.1", f"{path}/timeline")).text
    assert REPORTER not in others
    assert KIN not in others, "to all others it is masked as before"
    opened = await api.post(school, f"{path}/full-view", {"need": "visit", "note": tried})
    assert opened.status_code == 201, opened.text
    mine = (await api.get(school, "/v1/full-views")).json()["items"]
    assert [row["note"] for row in mine if row["id"] == opened.json()["id"]] == [tried]


async def test_what_those_wrote_who_are_told_who_reported_is_masked_for_their_colleagues_who_are_not(api, child):
    """No mask answers a guess of theirs, and as typed it would name the reporter at their desks."""
    case, _ = child
    path = f"/v1/cases/{case}"
    for author, untold, told in (
        ("civil.supervisor.1", "civil.officer.1", "civil.supervisor.1"),
        ("police.officer.1", "police.chief.1", "police.officer.2"),
    ):
        said, photo = f"{REPORTER}补充{uuid.uuid4().hex[:6]}", await upload(api, author, name=f"{REPORTER}.jpg")
        noted = await api.post(author, f"{path}/notes", {"note": said, "files": [photo]})
        assert noted.status_code == 200, noted.text
        for reader, is_told in ((untold, False), (told, True), (author, True)):
            line = next(row for row in reversed((await api.get(reader, f"{path}/timeline")).json()) if row.get("note"))
            files = {one["id"]: one["name"] for one in (await api.get(reader, f"{path}/files")).json()}
            assert [REPORTER in text for text in (line["note"], files[photo])] == [is_told] * 2, (author, reader)
            assert "knows_reporter" not in line


async def test_a_field_that_tries_names_stands_in_the_file_as_its_office_typed_it(api):
    """While it waits, and once it counts."""
    _, own = await known_child(api)
    school, path, tried = "edu.officer.1", f"/v1/children/{own}", f"示例九小；{KIN}、李四光、{HOME}"
    entered = await api.post(school, f"{path}/changes", {"field": "school", "value": tried, "evidence": "学籍卡"})
    assert entered.status_code == 200, entered.text
    change = entered.json()["change"]
    readers = ((school, True), ("edu.head.1", True), (COMMITTEE, False))
    for who, is_typed in readers:
        waiting = (await api.get(who, path)).json()["fields"]["school"]["waiting"]
        assert ([waiting["value"] == tried, KIN in waiting["value"]], "office" in waiting) == ([is_typed] * 2, False), (
            who
        )
    desk = waiting["desk"]  # as the committee is told, who may know in which street the child lives
    while desk:
        done = await api.post(f"{desk.lower()}.officer.1", f"{path}/changes/{change}/pass", {})
        assert done.status_code == 200, done.text
        desk = done.json()["waits_for"]
    for who, is_typed in readers:
        said = (await api.get(who, path)).json()["fields"]["school"]
        assert ([said["value"] == tried, KIN in said["value"]], "office" in said) == ([is_typed] * 2, False), who


async def test_a_reason_that_tries_names_is_read_as_typed_by_the_office_that_gave_it(api):
    """And of before offices were kept by its author alone; of whoever is told who reported, by them alone as well."""
    case, _ = await known_child(api)
    lead, tried = (await api.progress(case))["lead"].lower(), f"核对：{REPORTER}、张三丰、{KIN}、李四光"
    officer, head, other = f"{lead}.officer.1", f"{lead}.head.1", "conf.supervisor.1"
    proposed = await api.post(
        officer, "/v1/approvals", {"act": "export", "parameters": {"case": case}, "reason": "verify", "note": tried}
    )
    opened = await api.post(officer, f"/v1/cases/{case}/full-view", {"need": "visit", "note": tried})
    assert (proposed.status_code, opened.status_code) == (201, 201), (proposed.text, opened.text)
    ids = {"/v1/approvals": proposed.json()["id"], "/v1/full-views": opened.json()["id"]}

    async def note_of(who, path):
        (note,) = [one["note"] for one in (await api.get(who, path)).json()["items"] if one["id"] == ids[path]]
        return note

    for path in ids:
        assert [await note_of(who, path) == tried for who in (officer, head, other)] == [True, True, False], path
    rejected = await api.post(head, f"/v1/approvals/{proposed.json()['id']}/reject")
    assert rejected.json()["note"] == tried
    assert "office" not in rejected.json()
    async with api.service.engine.begin() as conn:
        await conn.execute(
            update(tables.full_views).values(office=None).where(tables.full_views.c.id == ids["/v1/full-views"])
        )
    assert [await note_of(who, "/v1/full-views") == tried for who in (officer, head)] == [True, False]
    named = await api.post("civil.supervisor.1", f"/v1/cases/{case}/full-view", {"need": "visit", "note": tried})
    ids["/v1/full-views"] = named.json()["id"]
    told = [REPORTER in await note_of(who, "/v1/full-views") for who in ("civil.supervisor.1", other)]
    assert told == [True, False]
    if lead == "civil":
        assert REPORTER not in await note_of(officer, "/v1/full-views")
