"""Need to know on every way out of a case: a desk that is not told all of it comes across no word of what others do there and why."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import pytest
from sqlalchemy import delete, select

from app import documents
from app.api import overview
from app.api.context import SESSION
from app.db import tables, versions
from app.db.accounts import begin_session
from app.db.findings import rebuild_tasks
from app.domain import commands as c
from app.domain.access import ENGINE
from app.domain.working_time import BEIJING, day_of
from tests.actors import at_desk
from tests.api.drafts import pack
from tests.api.test_need import routes
from tests.api.test_reports import is_problem
from tests.api.test_stalled import later, rows_of

HURT = {"residence_division": "110106101", "age_years": 9, "injured": "yes", "harmed": "yes", "school_stage": "primary"}
FAMILY = [{"relation": "父", "facts": {"relation": "father", "suspected_of_harm": "yes"}}]
VIOLENCE = {"situations": ["suspected_dv"], "harm_by": ["family", "schoolmate"], "family": FAMILY}
POLICE, CIVIL, WHOLE = "police.officer.1", "civil.officer.1", "civil.supervisor.1"
DESKS = {"EDU": "edu.officer.1", "WF": "wf.officer.1"}
CODES = (
    "stop_violence", "notify_without_suspect", "temporary_protection", "prosecut", "c-police", "c-civil", "guardian_sentenced",
    "suspected_dv", "own-school", "reporter_class", "TEMP_LIVING", "TEMP_ASSIST", "possible_duplicate", '"placed"', "PROC", '"C"',
)  # fmt: skip
WORDS = (
    "到场制止",
    "排除加害嫌疑人",
    "临时保护床位",
    "审查逮捕",
    "监护人被判刑",
    "疑似遭受家庭暴力",
    "检察院",
    "已临时安置",
    "待遇决定",
    "家庭暴力",
)
"""As codes and on pages: what others do, of the suspect, the proceedings, the placement, the money and who reported."""
TABS = ("", "/people", "/report", "/history", "/flow")


def leg(progress, agency):
    return next(one["id"] for one in progress["referrals"] if one["agency"] == agency)


@pytest.fixture(scope="module")
async def case(api):
    """A pupil beaten at home and by a schoolmate, placed by the police, with a guardian sentenced, a prosecution and a benefit."""
    report = {"class": "school", "name": "不可说"}
    made = (await api.report("school.reporter.1", reporter=report, children=[HURT], **VIOLENCE))["case_id"]
    path, now = f"/v1/cases/{made}", await api.progress(made)
    child, first = now["children"][0]["id"], f"{path}/referrals/{leg(now, 'POLICE')}"
    steps = (
        (POLICE, f"{first}/accept", None),
        (POLICE, f"{path}/safety", {"child_id": child, "safety": "placed"}),
        (POLICE, f"{path}/sentence", None),
        (POLICE, f"{first}/complete", None),
        (
            CIVIL,
            f"{path}/benefit",
            {"child_id": child, "benefit": "TEMP_LIVING", "verdict": "grant", "yuan": "1000.00"},
        ),
        (POLICE, f"{path}/procedure", {"procedure": "legal_aid", "about": child}),
    )
    for person, where, body in steps:
        done = await api.post(person, where, body)
        assert done.status_code == 200, (where, done.text)
    return made, child


@cache
def of_a_case():
    """Every GET of the API that needs a case and nothing else."""
    found = [route for route in routes() if re.findall(r"{(\w+)}", route) == ["case_id"]]
    assert len(found) > 8
    return found


async def said_by_api(api, person, case):
    """All that the answers about this case say, and the lists in which it stands."""
    ways = [
        *(route.format(case_id=case) for route in of_a_case()),
        "/v1/cases",
        "/v1/tasks",
        "/v1/notices",
        "/v1/benefits/touched",
        "/v1/cases?agency=PROC",
    ]
    return [(way, (await api.get(person, way)).text) for way in ways if not way.endswith("/services")]


async def pages(api, person, case, progress):
    async with api.service.engine.begin() as conn:
        own = {"Cookie": f"{SESSION}={await begin_session(conn, person, datetime.now(UTC))}"}
    ways = [
        *TABS,
        *(f"/legs/{one['id']}" for one in progress["referrals"]),
        *(f"/duties/{one['code']}" for one in progress["duties"]),
    ]
    found = [(way, await api.http.get(f"/cases/{case}{way}", headers=own)) for way in ways]
    assert [(way, page.status_code) for way, page in found if page.status_code != 200] == []
    return [(way, re.sub(r"<blockquote>.*?</blockquote>", "", page.text, flags=re.S)) for way, page in found]


@pytest.mark.parametrize("agency", ["EDU", "WF"])
async def test_no_answer_page_or_paper_tells_a_desk_what_its_list_does_not(api, case, agency, monkeypatch):
    person = DESKS[agency]
    made, _ = case
    file = (await api.get(person, f"/v1/cases/{made}")).json()
    now = file["progress"]
    assert now["whole"] is False
    assert {one["agency"] for one in now["referrals"]} == {agency}
    assert ("safety" in now["children"][0], now["benefits"], now["rung"]) == (False, [], None)
    codes = [
        (route, word) for route, said in await said_by_api(api, person, made) for word in CODES if word in _own(said)
    ]
    assert codes == []
    words = [(way, word) for way, page in await pages(api, person, made, now) for word in WORDS if word in page]
    assert words == []
    facts = []
    monkeypatch.setattr(documents, "printed", partial(_set, facts))
    assert (await api.get(person, f"/v1/cases/{made}/papers/summary")).status_code == 200
    assert [word for word in (*WORDS, "报告人类别") if word in str(facts)] == []
    is_problem(await api.get(person, f"/v1/cases/{made}/papers/placement"), 404, "paper_not_found")
    row = next(one for one in (await api.get(person, "/v1/cases?limit=200")).json()["items"] if one["id"] == made)
    assert (row["branch"], row["rung"], row["next_deadline_at"]) == (None, None, None)
    why = (await api.get(person, f"/v1/cases/{made}/explanation")).json()
    assert [one["condition_zh"] for one in why if one["withheld"]] == ["不向本单位告知的条件"]
    assert all(one["basis"] for one in why)


async def _set(facts, template, shown):
    """What would be set in type; of sources, their ids alone."""
    facts.append({name: one for name, one in shown.items() if name != "basis"})
    return b"%PDF-"


def _own(said):
    """Without the texts of clauses, which speak of every child."""
    try:
        body = json.loads(said)
    except ValueError:
        return said
    return json.dumps(_without_clauses(body), ensure_ascii=False)


def _without_clauses(body):
    if isinstance(body, dict):
        return {name: _without_clauses(one) for name, one in body.items() if name not in ("basis", "due_basis")}
    return [_without_clauses(one) for one in body] if isinstance(body, list) else body


async def test_the_walk_finds_every_word_before_whoever_sees_the_whole_case(api, case):
    said = "".join(_own(one) for _, one in await said_by_api(api, WHOLE, case[0]))
    assert [word for word in CODES if word not in said and word not in ("suspected_dv", "TEMP_ASSIST")] == []
    shown = "".join(page for _, page in await pages(api, WHOLE, case[0], await api.progress(case[0])))
    assert [word for word in WORDS if word not in shown] == []


async def test_a_desk_works_on_its_own_leg_and_another_leg_is_not_there(api, case):
    made, _ = case
    person, path = DESKS["EDU"], f"/v1/cases/{made}"
    now = (await api.get(person, path)).json()["progress"]
    whole = await api.progress(made)
    async with api.service.engine.begin() as conn:
        own = {"Cookie": f"{SESSION}={await begin_session(conn, person, datetime.now(UTC))}"}
    other = await api.http.get(f"/cases/{made}/legs/{leg(whole, 'WF')}", headers=own)
    assert other.status_code == 404
    mine = f"{path}/referrals/{leg(now, 'EDU')}"
    tried = await api.post(person, f"{mine}/accept?dry_run=true")
    assert {one["subject"] for one in tried.json()["foreseen"]["deadlines"]} == {leg(now, "EDU")}
    for verb in ("accept", "complete"):
        form = await api.http.get(f"/cases/{made}/legs/{leg(now, 'EDU')}/{verb}", headers=own)
        assert (form.status_code, "c-police" in form.text) == (200, False)
        assert (await api.post(person, f"{mine}/{verb}")).status_code == 200
    after = (await api.get(person, path)).json()["progress"]
    assert [one["state"] for one in after["referrals"]] == ["completed"]
    stale = await api.post(person, f"{path}/notes", {"note": "在校情况"}, headers={"If-Match": '"1"'})
    is_problem(stale, 409, "stale_version")
    since = {one["kind"] for one in stale.json()["since"]}
    assert since & {"guardian_sentenced", "safety_confirmed", "benefit_decided", "duty_opened"} == set()
    assert {"referral_accepted", "referral_completed"} <= since
    seen, away = (await api.get(person, path)).json()["version"], await api.progress(made)
    assert (await api.post(DESKS["WF"], f"/v1/cases/{made}/referrals/{leg(away, 'WF')}/accept")).status_code == 200
    between = await api.post(person, f"{path}/notes", {"note": "已到校"}, headers={"If-Match": f'"{seen}"'})
    assert between.status_code == 200, (
        "what another desk did meanwhile, and this one is not shown, stands against nothing"
    )
    behind = await api.post(WHOLE, f"{path}/notes", {"note": "已核对"}, headers={"If-Match": f'"{seen}"'})
    assert {"referral_accepted", "note_added"} <= {
        one["kind"] for one in is_problem(behind, 409, "stale_version")["since"]
    }
    ahead = await api.http.post(f"/cases/{made}/do/notes", headers=own | {"Origin": str(api.http.base_url).rstrip("/")},
                                data={"version": "999", "note": "家长已来校", "go": "yes"})  # fmt: skip
    assert (ahead.status_code, "您填写的内容仍在" in ahead.text, "家长已来校" in ahead.text) == (409, True, True)
    fresh = await api.http.get(f"/cases/{made}/fresh?seen=1", headers=own)
    assert [word for word in WORDS if word in fresh.text] == []


async def test_a_finding_of_others_is_not_replaced_on_an_older_version_though_it_is_not_shown(api):
    report = {"reporter": {"class": "school"}, "children": [HURT, HURT], **VIOLENCE}
    made = (await api.report("school.reporter.1", **report))["case_id"]
    path = f"/v1/cases/{made}"
    seen = (await api.get(DESKS["EDU"], path)).json()
    found, other = (child["id"] for child in seen["progress"]["children"])
    told = await api.post(POLICE, f"{path}/safety", {"child_id": found, "safety": "placed"})
    assert told.status_code == 200, told.text
    since = {"If-Match": f'"{seen["version"]}"'}
    stale = await api.post(DESKS["EDU"], f"{path}/safety", {"child_id": found, "safety": "safe"}, headers=since)
    assert is_problem(stale, 409, "stale_version")["since"] == []
    beside = await api.post(DESKS["EDU"], f"{path}/safety", {"child_id": other, "safety": "safe"}, headers=since)
    assert beside.status_code == 200, "of another child"
    assert [one["safety"] for one in (await api.progress(made))["children"]] == ["placed", "safe"]
    again = await api.post(DESKS["EDU"], f"{path}/safety", {"child_id": found, "safety": "safe"})
    assert again.status_code == 200


HEADS = {"EDU": "edu.head.1", "WF": "wf.head.1", "STREET": "street-110106101.head.1"}
FOREVER = "2100-01-01T00:00:00Z"


@pytest.fixture
async def as_shipped(api, version):
    """The rules as they ship in force, also on the days ahead: those that other tests publish tell some desks all of a case."""
    row, today = versions.policy_versions.c, day_of(datetime.now(UTC))
    ahead = select(row.effective_from).distinct().where(row.approved_by.is_not(None), row.effective_from > today)
    async with api.service.engine.begin() as conn:
        coming = (await conn.execute(ahead)).scalars().all()
        for day in (today, *coming):
            name = version if day == today else f"{version}-{day}"
            await versions.keep(
                conn, name, "", day, pack(name, effective=day)["files"], at_desk("CIVIL"), datetime.now(UTC)
            )
            await versions.seal(conn, name, at_desk("CONF"), datetime.now(UTC))
    yield
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(versions.policy_versions).where(row.version.like(f"{version}-%")))


async def stalling(api, person, case):
    """Which tasks of this case stand in the list of what stalls, and whose they are."""
    rows = await rows_of(api, case, person=person)
    return {(subject, row["agency"]) for subject, row in rows.items()}


async def figures(api, person):
    """Deadlines that fell due, and rungs, by whose they were, once all there is has come due."""
    rates = (await api.get(person, f"/v1/statistics/on-time?as_of={FOREVER}")).json()
    with later(api, datetime.fromisoformat(FOREVER)):
        cards = (await api.get(person, f"/v1/statistics/scorecard?since=2020-01-01T00:00:00Z&until={FOREVER}")).json()
    rows = [row for card in cards for row in card["agencies"]]
    due = Counter({row["agency"]: row["due"] for row in rates})
    accept, rungs = Counter(), Counter()
    for row in rows:
        accept[row["agency"]] += row["accept_due"]
        rungs[row["agency"]] += sum(row["rungs"].values())
    return due, accept, rungs


async def open_by_agency(api, person):
    """How many tasks are open on the overview of all cases in sight, by whose they are."""
    overview._kept.clear()
    found = Counter()
    for cell in (await api.get(person, "/v1/overview")).json()["cells"]:
        found[cell["agency"]] += cell["open"]
    return found


@pytest.mark.parametrize("agency", HEADS)
async def test_boards_and_figures_tell_a_head_of_a_case_what_the_desk_itself_owes(api, as_shipped, agency):
    """And all of that, also once the content of the case was destroyed: in figures it goes on."""
    head, engine = HEADS[agency], api.service.engine
    before, cells = await figures(api, head), await open_by_agency(api, head)
    said = {"situations": ["living_alone"]} if agency == "STREET" else VIOLENCE
    made = (await api.report("school.reporter.1", reporter={"class": "school"}, children=[HURT], **said))["case_id"]
    legs = (await api.progress(made))["referrals"]
    own, others = [{one["id"] for one in legs if (one["agency"] == agency) is mine} for mine in (True, False)]
    late = max(datetime.fromisoformat(one["accept"]["due_at"]) for one in legs) + timedelta(minutes=1)
    async with engine.begin() as conn:
        await api.service.ledger.record(conn, made, c.RaiseDue(by=ENGINE), now=late)
    fired = [one for one in (await api.get(WHOLE, f"/v1/cases/{made}/timeline")).json() if one["kind"] == "rung_fired"]
    assert {one["subject"] for one in fired} >= own | others, "all of them were silent"
    async with api.service.engine.begin() as conn:
        session = {"Cookie": f"{SESSION}={await begin_session(conn, head, datetime.now(UTC))}"}
    with later(api, late):
        assert await stalling(api, head, made) == {(one, agency) for one in own}
        its = {agency, "COMM"} if agency == "STREET" else {agency}
        more = await open_by_agency(api, head) - cells
        assert set(more) <= its, "a street office keeps its committees"
        assert more[agency] >= len(own)
        shown = (await api.http.get("/oversight", headers=session)).text
        assert set(re.findall(rf"/cases/{made}/legs/([^\"?#/]+)", shown)) <= own
    opened = {
        one: (await api.http.get(f"/cases/{made}/legs/{one}", headers=session)).status_code for one in own | others
    }
    assert opened == dict.fromkeys(own, 200) | dict.fromkeys(others, 404)
    whose = Counter(one["subject"] in own for one in fired)
    for step in ("all of it", "without its tasks"):
        due, accept, rungs = (now - then for now, then in zip(await figures(api, head), before, strict=True))
        assert (due, accept, rungs) == ({agency: len(own)}, {agency: len(own)}, {agency: whose[True]}), step
        async with engine.begin() as conn:  # as a destruction does
            await conn.execute(delete(tables.tasks).where(tables.tasks.c.case_id == made))
    async with engine.begin() as conn:
        await rebuild_tasks(conn, [made])


async def test_whoever_oversees_the_district_finds_on_the_board_what_others_owe(api, case):
    others = {"POLICE", "CIVIL", "PROC", "JUSTICE", "RESCUE"}
    assert {agency for _, agency in await stalling(api, WHOLE, case[0])} & others


async def test_no_button_tells_a_desk_that_a_parent_is_detained_and_whether_there_is_a_judgment(api):
    asked = {"kind": "detention_inquiry", "reporter": {"class": "police"}, "situations": []}
    children = [{"residence_division": "110106101"}]
    made = (await api.report("police.reporter.1", **{**asked, "children": children}))["case_id"]
    street = next(one["desk"] for one in (await api.progress(made))["referrals"] if one["agency"] == "STREET")
    seen = {}
    for person in (f"{street.lower()}.officer.1", POLICE):
        async with api.service.engine.begin() as conn:
            own = {"Cookie": f"{SESSION}={await begin_session(conn, person, datetime.now(UTC))}"}
        page = await api.http.get(f"/cases/{made}", headers=own)
        seen[person] = (page.status_code, f"{made}/do/safety" in page.text, f"{made}/do/sentence" in page.text)
    assert list(seen.values()) == [(200, True, False), (200, True, True)]
    asked = [f"/v1/cases/{made}/sentence", f"/v1/cases/{made}/sentence?dry_run=true"]
    answers = []
    for _ in range(2):
        for path in asked:
            said = is_problem(await api.post(f"{street.lower()}.officer.1", path), 403, "not_allowed")
            answers.append({name: value for name, value in said.items() if name != "instance"})
        assert (await api.post(POLICE, asked[0])).status_code == (200 if len(answers) == len(asked) else 409)
    assert all(said == answers[0] for said in answers), "whether or not one is recorded"


async def test_no_figure_tells_a_head_what_the_case_itself_does_not(api):
    """One more case in sight changed the median hours to safety, and the categories by one: whoever asks before and after reads it."""
    span = "since=2020-01-01T00:00:00Z&until=2099-01-01T00:00:00Z"

    async def told(person):
        outcomes = (await api.get(person, "/v1/statistics/outcomes")).json()
        cards = (await api.get(person, f"/v1/statistics/scorecard?{span}")).json()
        of_reports = [
            (one["division"], one["reports"], one["answered"], one["hours_to_safety"])
            for one in cards
            if one["reports"]
        ]
        return {name: value for name, value in outcomes.items() if name not in ("as_of", "unread")}, of_reports

    people = ("edu.head.1", WHOLE)
    before = [await told(person) for person in people]
    said = {
        "situations": ["suspected_dv"],
        "harm_by": ["family", "schoolmate"],
        "children": [HURT | {"residence_division": "110106010"}],
    }
    made = (await api.report("school.reporter.1", **said))["case_id"]
    one = (await api.progress(made))["children"][0]["id"]
    safe = await api.post(POLICE, f"/v1/cases/{made}/safety", {"child_id": one, "safety": "safe"})
    assert safe.status_code == 200, safe.text
    assert made in (await api.get("edu.head.1", "/v1/cases?limit=200")).text
    after = [await told(person) for person in people]
    assert after[0] == before[0]
    assert all(now != then for now, then in zip(after[1], before[1], strict=True)), (
        "whoever is shown it whole counts it"
    )
    cards = (await api.get("edu.head.1", f"/v1/statistics/scorecard?{span}")).json()
    assert {row["agency"] for card in cards if card["division"] == "110106010" for row in card["agencies"]} <= {"EDU"}


async def test_what_stands_against_the_closing_is_not_said_to_be_nothing_where_it_is_not_told(api, case):
    found = [(await api.get(person, f"/v1/cases/{case[0]}")).json() for person in (DESKS["EDU"], WHOLE)]
    assert (found[0]["closing_obstacles"], bool(found[1]["closing_obstacles"])) == (None, True)


@pytest.mark.parametrize("agency", ["EDU", "WF"])
async def test_the_childs_file_tells_categories_and_not_what_in_a_case_changed_them(api, case, agency):
    file = f"/v1/children/{case[1]}"
    shown = (await api.get(DESKS[agency], file)).json()
    assert {"grade", "benefits", "placement", "cases", "visits"} & set(shown) == set()
    assert [one["code"] for one in shown["categories"]] == ["D2"]
    turns = (await api.get(DESKS[agency], f"{file}/history")).json()
    assert [(one["kind"], one["value"], one["case_id"], one["version"]) for one in turns] == [
        ("found_in_a_case", ["D2"], None, 0)
    ]
    told = datetime.fromisoformat(turns[0]["at"]).astimezone(BEIJING)
    assert (told.day, told.hour, told.minute, told.second, told.microsecond) == (1, 0, 0, 0, 0), "the month alone"
    whole = (await api.get(WHOLE, f"{file}/history")).json()
    assert "guardian_sentenced" in {one["kind"] for one in whole}


async def test_what_a_system_reads_of_a_case_without_its_content_is_on_record(api, case):
    key = await api.post("edu.head.1", "/v1/keys", {"unit": "EDU", "scopes": ["task:read"], "label": "示例系统"})
    assert key.status_code == 201, key.text
    own = {"Authorization": f"Bearer {key.json()['key']}"}
    for way in ("", "/timeline"):
        assert (await api.http.get(f"/v1/cases/{case[0]}{way}", headers=own)).status_code == 200
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        query = select(row.action, row.fields).where(
            row.stream_id == case[0], row.action.in_(["read_case", "read_timeline"])
        )
        rows = (await conn.execute(query.order_by(row.id))).all()
    assert [tuple(one) for one in rows] == [("read_case", ["progress"]), ("read_timeline", ["timeline"])]


async def test_a_leg_duty_or_paper_of_others_is_answered_as_one_that_is_not_there(api, case):
    """A desk that tries every name finds out nothing of who else takes part, nor by the number of its own letter."""
    made, _ = case
    path, person = f"/v1/cases/{made}", DESKS["EDU"]
    everything, own = (await api.progress(made)), (await api.get(person, path)).json()["progress"]
    foreign = [one["id"] for one in everything["referrals"] if one["agency"] != "EDU"]
    owed = {one["code"] for one in everything["duties"]} - {one["code"] for one in own["duties"]}
    assert own["referrals"]
    assert len(foreign) > 3
    assert owed
    tried = [
        f"{path}/referrals/{one}/{act}?dry_run=true"
        for one in ("none", *foreign)
        for act in ("accept", "claim", "complete")
    ]
    answers = {where: await api.post(person, where, {"note": "核对"}) for where in tried}
    assert {(answer.status_code, answer.json()["code"]) for answer in answers.values()} == {(404, "referral_not_found")}
    said = [await api.post(person, f"{path}/duties/{code}/meet?dry_run=true", {}) for code in ("none", *owed)]
    assert len({(answer.status_code, answer.json()["code"]) for answer in said}) == 1
    papers = ["placement", *(f"referral_letter?referral_id={one}" for one in ("none", *foreign))]
    for paper in papers:
        is_problem(await api.get(person, f"{path}/papers/{paper}"), 404, "paper_not_found")
    listed = (await api.get(person, f"{path}/papers")).json()
    assert [one["number"][-7:] for one in listed if one["paper"] == "referral_letter"] == ["转EDU-01"]
