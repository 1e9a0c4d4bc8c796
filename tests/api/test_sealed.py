"""A sealed case exists for those inside alone; once it is closed, for nobody but on a ground of law."""

import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, true

from app.api.context import SESSION
from app.db import approvals as two
from app.db import tables
from app.db.accounts import begin_session
from app.db.intake import file
from app.db.ledger import Ledger
from app.db.past import past_reports, report_of
from app.db.people import actors_of
from app.domain.facts import Known
from app.domain.sight import OPERATOR
from app.domain.submission import Submission
from app.policy.loader import HERE, load, texts
from tests.actors import at_desk
from tests.api.test_audit import BROKEN, broken
from tests.api.test_reports import is_problem
from tests.api.test_stalled import later

OFFENCE = {
    "kind": "juvenile",
    "reporter": {"class": "state_organ"},
    "situations": [],
    "children": [
        {"name": "封存童", "birth_date": "2010-02-03", "residence_division": "110106101", "not_prosecuted": "yes"}
    ],
}
OUTSIDE = (
    "civil.supervisor.1",
    "conf.officer.1",
    "street-110106101.head.1",
    "comm-110106101.officer.1",
    "sw.officer.1",
)


async def found_by(api, person, case):
    lists = [(await api.get(person, f"/v1/{name}?limit=200")).json()["items"] for name in ("cases", "tasks", "notices")]
    one = await api.get(person, f"/v1/cases/{case}")
    return one.status_code != 404 or any(case in (row.get("id"), row.get("case_id")) for rows in lists for row in rows)


async def closed_and_sealed(api, **more):
    """A report of the procuratorate on its way to the end; its number, and what its reporter was given."""
    filed = await api.report("proc.officer.1", **OFFENCE, **more)
    path = f"/v1/cases/{filed['case_id']}"
    leg = f"{path}/referrals/{(await api.progress(filed['case_id'], 'proc.officer.1'))['referrals'][0]['id']}"
    for person, where, body in (
        ("proc.officer.1", f"{leg}/accept", None),
        ("proc.officer.1", f"{leg}/complete", {"outcome": "released", "record": {"decided_on": "2026-03-02"}}),
        ("proc.officer.1", f"{path}/answer", {"note": "已纳入帮教"}),
        ("proc.officer.1", f"{path}/closure-proposal", {"reason": "adulthood", "note": "已成年，移送成年社区矫正"}),
        ("proc.head.1", f"{path}/closure-approval", None),
    ):
        done = await api.post(person, where, body)
        assert done.status_code == 200, done.text
    return filed["case_id"]


@pytest.mark.requirement("R101")
async def test_a_sealed_record_is_not_opened_where_that_cannot_be_put_on_record(api):
    """Q-S4, for the one read behind its own door: nothing leaves, the approval is not spent, and a read is a row under its trace."""
    case = await closed_and_sealed(api)
    asked = {"ground": "case_handling", "request": "（2026）京0106刑初89号"}
    await api.approved("proc.head.1", "proc.procurator.1", "unseal", case=case, **asked)
    for how in BROKEN:
        async with broken(api.service.engine, how):
            refused = await api.post("proc.head.1", f"/v1/sealed/{case}", asked)
        is_problem(refused, 503, "audit_unavailable")
        assert "released" not in refused.text
    read = await api.post("proc.head.1", f"/v1/sealed/{case}", asked)
    assert read.json()["outcomes"][0]["outcome"] == "released"
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        mine = select(row.person_id, row.trace_id, row.fields).where(row.stream_id == case, row.action == "open_sealed")
        rows = (await conn.execute(mine.where(row.outcome == "done"))).all()
    assert rows == [("proc.head.1", read.headers["X-Trace-Id"], ["outcomes"])]


async def test_a_proposal_to_open_a_sealed_record_is_told_to_those_alone_who_may_open_one(api, monkeypatch):
    """It names the case and the ground. By the query, and by the wall where the query forgets."""
    parameters = {"case": "case-sealed", "ground": "case_handling", "request": "（2026）京0106刑初91号"}
    asked = {"act": "unseal", "parameters": parameters, "reason": "by_law", "note": "查询未成年人记录"}
    made = (await api.post("proc.head.1", "/v1/approvals", asked)).json()["id"]

    async def told():
        return {one for one in EVERYBODY if made in (await api.get(one, "/v1/approvals?limit=200")).text}

    assert await told() == MAY_OPEN
    for person in ("civil.supervisor.1", "conf.supervisor.1"):
        is_problem(await api.post(person, f"/v1/approvals/{made}/approve"), 404, "approval_not_found")
    async with api.service.engine.begin() as conn:
        who = (await actors_of(conn, {"civil.supervisor.1"}))["civil.supervisor.1"]
        seen = select(tables.approvals.c.id).where(two.told_to(who), tables.approvals.c.id == made)
        assert (await conn.execute(seen)).all() == [], "by the query alone, for no wall stands before the owner"
    monkeypatch.setattr(two, "told_to", lambda who: true())
    assert await told() == MAY_OPEN, "by the wall alone"


async def test_whoever_a_sealed_record_is_about_neither_opens_it_nor_is_told_that_somebody_wants_to(api, monkeypatch):
    """Procurators may open one, and one of them may be its subject. By the query, and by the wall where the query forgets."""
    subject, asked = "proc.procurator.1", {"ground": "case_handling", "request": "（2026）京0106刑初92号"}
    case = await closed_and_sealed(api, about=[subject])
    is_problem(await api.post("proc.head.1", f"/v1/sealed/{case}", asked), 409, "second_person_needed")
    is_problem(await api.post(subject, f"/v1/sealed/{case}", asked), 404, "case_not_found")
    body = {"act": "unseal", "parameters": {"case": case, **asked}, "reason": "by_law", "note": "查询未成年人记录"}
    made = (await api.post("proc.head.1", "/v1/approvals", body)).json()["id"]

    async def told():
        return {one for one in EVERYBODY if made in (await api.get(one, "/v1/approvals?limit=200")).text}

    assert await told() == {"proc.head.1"}
    for way in ("approve", "reject"):
        is_problem(await api.post(subject, f"/v1/approvals/{made}/{way}"), 404, "approval_not_found")
    async with api.service.engine.begin() as conn:
        who = (await actors_of(conn, {subject}))[subject]
        seen = select(tables.approvals.c.id).where(two.told_to(who), tables.approvals.c.id == made)
        assert (await conn.execute(seen)).all() == [], "by the query alone"
    monkeypatch.setattr(two, "told_to", lambda who: true())
    assert await told() == {"proc.head.1"}, "by the wall alone"


EVERYBODY = (*OUTSIDE, "conf.supervisor.1", "proc.officer.1", "proc.head.1", "proc.procurator.1")
MAY_OPEN = {"proc.head.1", "proc.procurator.1"}


@pytest.mark.requirement("R096")
@pytest.mark.requirement("R101")
async def test_a_sealed_case_exists_for_those_inside_and_once_closed_on_a_ground_of_law_alone(api):
    filed = await api.report("proc.officer.1", **OFFENCE)
    case = filed["case_id"]
    path = f"/v1/cases/{case}"
    for person in OUTSIDE:
        assert not await found_by(api, person, case), person
    assert await found_by(api, "proc.officer.1", case)
    same = await api.report("village.reporter.1", children=OFFENCE["children"], situations=["living_alone"])
    assert (await api.progress(same["case_id"]))["possible_duplicate"] is False, "no search finds it"
    leg = f"{path}/referrals/{(await api.progress(case, 'proc.officer.1'))['referrals'][0]['id']}"
    released = {"outcome": "released", "record": {"decided_on": "2026-03-02"}}
    for where, body in (
        (f"{leg}/accept", None),
        (f"{leg}/complete", released),
        (f"{path}/answer", {"note": "已纳入帮教"}),
        (f"{path}/closure-proposal", {"reason": "adulthood", "note": "已成年，移送成年社区矫正"}),
    ):
        done = await api.post("proc.officer.1", where, body)
        assert done.status_code == 200, done.text
    closed = await api.post("proc.head.1", f"{path}/closure-approval")
    assert closed.status_code == 200, closed.text
    for person in (*OUTSIDE, "proc.officer.1", "proc.head.1", "justice.officer.1"):
        assert not await found_by(api, person, case), person
    is_problem(await api.post(None, "/v1/progress", {"receipt": filed["receipt"]}), 404, "case_not_found")
    asked = {"ground": "case_handling", "request": "（2026）京0106刑初88号"}
    for person in (*OUTSIDE, "justice.officer.1"):
        is_problem(await api.post(person, f"/v1/sealed/{case}", asked), 404, "case_not_found")
    is_problem(
        await api.post("proc.head.1", f"/v1/sealed/{case}", {"ground": "curiosity", "request": "0000"}),
        422,
        "invalid_request",
    )
    for request in (
        "王某某申请查询记录",
        "2026 0001",
        "（2026）京0106刑初88号（2026）京0106刑初99号（2026）京0106刑初77号",
    ):
        named = {"ground": "state_provision", "request": request}
        is_problem(await api.post("proc.head.1", f"/v1/sealed/{case}", named), 422, "invalid_request")
    is_problem(await api.post("proc.head.1", f"/v1/sealed/{same['case_id']}", asked), 404, "case_not_found")
    longest = {"ground": "state_provision", "request": "丰检未附不诉〔2026〕0008号之一之二补充"}
    for request in (longest, asked):
        is_problem(await api.post("proc.head.1", f"/v1/sealed/{case}", request), 409, "second_person_needed")
        await api.approved("proc.head.1", "proc.procurator.1", "unseal", case=case, **request)
    assert (await api.post("proc.head.1", f"/v1/sealed/{case}", longest)).status_code == 200, "the audit holds it whole"
    record = (await api.post("proc.head.1", f"/v1/sealed/{case}", asked)).json()
    assert [(one["step"], one["outcome"]) for one in record["outcomes"]] == [("juvenile_diversion.intake", "released")]
    is_problem(await api.post("proc.head.1", f"/v1/sealed/{case}", asked), 409, "second_person_needed")
    async with api.service.engine.connect() as conn:
        looked = (
            select(tables.audit.c.why)
            .where(
                tables.audit.c.stream_id == case,
                tables.audit.c.action == "open_sealed",
                tables.audit.c.outcome == "done",
            )
            .order_by(tables.audit.c.id)
        )
        assert (await conn.execute(looked)).scalars().all() == [
            f"state_provision: {longest['request']}", "case_handling: （2026）京0106刑初88号",
        ]  # fmt: skip
        watched = select(tables.watches.c.id).where(tables.watches.c.case_id == case)
        assert (await conn.execute(watched)).all() == [], "nothing of an offence reaches a committee"


async def test_a_sealed_report_about_all_four_inside_stays_with_the_procuratorate_and_is_told_outside_without_content(
    api,
):
    """Else nobody in the district would know of it, and its silence climbed to people who may not see it."""
    four = ["POLICE", "PROC", "COURT", "JUSTICE"]
    about = [*four, "proc.procurator.1", "conf.supervisor.1", "civil.supervisor.1"]
    case = (await api.report("police.officer.1", **OFFENCE, about=about))["case_id"]
    assert await found_by(api, "proc.chief.1", case)
    for person in (*OUTSIDE, "police.officer.1", "court.chief.1", "justice.chief.1", "proc.procurator.1"):
        one = await api.get(person, f"/v1/cases/{case}")
        is_problem(one, 404, "case_not_found")
    rows = (await api.get("conf.officer.1", "/v1/owed?matter=recusal&limit=200")).json()["items"]
    (owed,) = [row for row in rows if row["subject"] == case]
    assert (owed["desk"], owed["division"], owed["code"], owed["basis"]) == (
        "CONF", "110106", "designation", ["default"],
    )  # fmt: skip
    told = [
        row for row in (await api.get("conf.officer.1", "/v1/notices")).json()["items"] if row["case_id"] == owed["id"]
    ]
    assert [row["kind"] for row in told] == ["owed_opened"]
    for person in ("conf.supervisor.1", "civil.supervisor.1"):
        is_problem(await api.get(person, f"/v1/owed/{owed['id']}"), 404, "owed_not_found")
    async with api.service.engine.connect() as conn:
        known = select(tables.notices.c.person_id).where(tables.notices.c.case_id == owed["id"])
        assert "conf.supervisor.1" not in (await conn.execute(known)).scalars().all(), (
            "whom it is about is not told of it"
        )
    async with api.service.engine.begin() as conn:
        own = {"Cookie": f"{SESSION}={await begin_session(conn, 'conf.officer.1', datetime.now(UTC))}"}
    page = await api.http.get(f"/owed/{owed['id']}", headers=own)
    assert (page.status_code, "上级机关" in page.text, OFFENCE["children"][0]["name"] in page.text) == (
        200,
        True,
        False,
    )
    path = f"/v1/owed/{owed['id']}/settle"
    is_problem(await api.post("civil.officer.1", path, {"note": "x"}), 404, "owed_not_found")
    is_problem(await api.post("conf.officer.1", path, {"note": "x", "how": "explained"}), 403, "not_allowed")
    done = await api.post("conf.officer.1", path, {"note": "已函请市检察院指定办理"})
    assert (done.status_code, done.json()["how"]) == (200, "designated"), done.text
    one_left = (await api.report("police.officer.1", **OFFENCE, about=["POLICE", "COURT", "JUSTICE"]))["case_id"]
    rows = (await api.get("conf.officer.1", "/v1/owed?matter=recusal&limit=200")).json()["items"]
    assert not [row for row in rows if row["subject"] in (case, one_left)], (
        "nobody has to be asked where somebody is left"
    )
    conflict = f"/v1/cases/{one_left}/conflict"
    is_problem(await api.post("proc.head.1", conflict, {"about": ["PROC"]}), 409, "nobody_oversees")
    assert (await api.post("proc.head.1", conflict, {"about": ["proc.procurator.1"]})).status_code == 200
    is_problem(await api.post("proc.head.1", conflict, {"about": ["proc.chief.1"]}), 409, "nobody_oversees")


async def test_nobody_opens_a_compartment_from_outside(api):
    answer = await api.post("school.reporter.1", "/v1/reports", OFFENCE)
    is_problem(answer, 409, "case_sealed")


OF_THE_LOOK = {"/v1/audit", "/v1/system/health"}
"""What everybody does stands there, and so these looks themselves."""
MOVES = ("as_of", "age", "unread")
"""What differs from one look to the next whatever happens."""
ASKED = {"/v1/statistics/scorecard": "?since=2026-01-01T00:00:00Z&until=2030-01-01T00:00:00Z"}


def still(answer):
    if isinstance(answer, dict):
        return {name: still(value) for name, value in answer.items() if name not in MOVES}
    return [still(one) for one in answer] if isinstance(answer, list) else answer


async def world_of(api, person):
    """All that anybody is told without naming a case: every list, count, register and book."""
    paths = (await api.get(None, "/openapi.json")).json()["paths"]
    lists = [path for path, verbs in paths.items() if path.startswith("/v1/") and "get" in verbs and "{" not in path]
    lists += [f"/v1/{kind}/{row['code']}{more}" for kind, more in (("ledgers", ""), ("registers", "/entries"))
              for row in (await api.get(person, f"/v1/{kind}")).json()]  # fmt: skip
    told = {}
    for path in lists:
        answer = await api.get(person, f"{path}{ASKED.get(path, '')}")
        if answer.headers["content-type"].endswith(
            "json"
        ):  # workbooks and papers say the same, with who took them along
            told[path] = still(answer.json()) if answer.status_code == 200 else answer.status_code
    return told


@pytest.mark.requirement("R101")
async def test_the_world_of_everybody_outside_is_the_same_before_and_after(api):
    with later(api, api.service.ledger.clock()):  # meanwhile nothing comes due
        before = {person: await world_of(api, person) for person in OUTSIDE}
        assert sum(not isinstance(told, int) for told in before["civil.supervisor.1"].values()) > 15, (
            "much is looked at"
        )
        case = (await api.report("proc.officer.1", **OFFENCE))["case_id"]
        given = {"procedure": "joint_conference", "note": "议题"}
        assert (await api.post("proc.officer.1", f"/v1/cases/{case}/procedure", given)).status_code in (200, 403)
        for person in OUTSIDE:
            after = await world_of(api, person)
            assert {path for path, told in after.items() if told != before[person][path]} <= OF_THE_LOOK, person
            assert case not in str([after[path] for path in OF_THE_LOOK])
    async with api.service.engine.connect() as conn:
        assert case not in {tried for tried, _ in await past_reports(conn, OPERATOR)}, "no dry run shows it"


@pytest.mark.requirement("R101")
async def test_no_number_in_a_body_or_a_search_tells_outside_that_there_is_a_sealed_case(api):
    """Whoever knows the ids from before is answered as if they had made them up."""
    case = (await api.report("proc.officer.1", **OFFENCE))["case_id"]
    child = (await api.progress(case, "proc.officer.1"))["children"][0]["id"]
    own = (await api.report(children=[{"residence_division": "110106101"}]))["case_id"]
    mine = (await api.progress(own))["children"][0]["id"]
    apart = {"decision": "apart", "evidence": "核对", "note": "核对"}

    async def told(person, case, child):
        asked = {"act": "export", "parameters": {"case": case, "child": child}, "reason": "verify", "note": "核对"}
        proposed = (await api.post(person, "/v1/approvals", asked)).json()
        answers = [
            await api.post(person, f"/v1/children/{mine}/duplicates", {"other": child, **apart}),
            await api.post(person, f"/v1/cases/{own}/link", {"primary": case}),
            await api.post(person, f"/v1/cases/{own}/safety", {"child_id": child, "safety": "safe"}),
            *[
                await api.get(person, f"/v1/audit?{name}={one}")
                for name, one in (("stream_id", case), ("child_id", child)) * 2
            ],
        ]
        return proposed.get("case_id"), [
            (one.status_code, one.json().get("code"), one.json().get("items")) for one in answers
        ]

    for person in OUTSIDE:
        assert await told(person, case, child) == await told(person, "case-" + "a" * 32, "ch-" + "a" * 32), person


@pytest.mark.requirement("R101")
async def test_an_offence_that_is_told_with_any_other_report_is_not_kept_in_it(api):
    """预防未成年人犯罪法 第59条: the street that works on the report would read it."""
    told = {"not_prosecuted": "yes", "procuratorate_confirms": "yes", "residence_division": "110106101"}
    form = {"reporter": {"class": "committee"}, "children": [told], "situations": ["living_alone"]}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    filed = (await api.post("village.reporter.1", "/v1/reports", form, key)).json()
    assert [(one["child"], one["field"], one["code"]) for one in filed["findings"]] == [
        (0, "not_prosecuted", "kept_in_sealed_cases_only"), (0, "procuratorate_confirms", "kept_in_sealed_cases_only"),
    ]  # fmt: skip
    again = await api.post("village.reporter.1", "/v1/reports", form, key)
    assert again.json() == filed, "and the same key tells the same"
    for person in ("civil.supervisor.1", "police.officer.1", "comm-110106101.officer.1"):
        seen = await api.get(person, f"/v1/cases/{filed['case_id']}")
        assert (seen.status_code, seen.json()["content"]["findings"]) == (200, []), person
        assert not [name for name in ("not_prosecuted", "kept_in_sealed") if name in str(seen.json()["content"])], (
            person
        )
    async with api.service.engine.connect() as conn:
        kept = await report_of(conn, filed["case_id"])
        sealed = await report_of(conn, (await api.report("proc.officer.1", **OFFENCE))["case_id"])
    assert (kept.children[0].not_prosecuted, kept.children[0].procuratorate_confirms) == (Known.UNKNOWN, Known.UNKNOWN)
    assert sealed.children[0].not_prosecuted is Known.YES
    found = (await api.get("civil.supervisor.1", f"/v1/cases/{filed['case_id']}")).json()["found"]
    assert "D7" not in {one["code"] for child in found for one in child["categories"]}


async def test_intake_asks_the_rules_which_reports_are_sealed_and_looks_for_no_other_case_of_their_children(api):
    child = {"name": "重名童", "birth_date": "2011-02-03", "residence_division": "110106101"}
    await api.report("village.reporter.1", children=[child])
    written = texts(HERE / "fengtai-2026.1")
    other = written | {"triage.yaml": written["triage.yaml"].replace("kind == 'juvenile'", "kind == 'application'", 1)}
    ledger = Ledger(lambda version, _: load(version, other), "fengtai-other")
    async with api.service.engine.begin() as conn:
        for kind, alike in (("application", False), ("juvenile", True)):
            submission = Submission.model_validate({"kind": kind, "children": [child]})
            filed = await file(conn, ledger, api.service.receipts, submission, at_desk("PROC"), None)
            assert (await report_of(conn, filed.case_id)).possible_duplicate is alike, kind
        await conn.rollback()
