"""Rules change by two persons and for a day to come; running cases stay on their version until a supervisor moves them."""

import hashlib
import re
import uuid
from datetime import UTC, date, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.api.context import SESSION
from app.db import tables
from app.db.accounts import begin_session
from app.db.versions import keep, policy_versions, seal
from app.domain.facts import BEIJING
from app.main import create_app
from app.policy.examples import examples
from app.policy.loader import HERE, texts
from app.settings import Settings
from tests.api.conftest import TOKENS
from tests.api.test_explanation import shouhu
from tests.api.test_reports import is_problem
from tests.api.test_stalled import later
from tests.test_older import FILES
from tests.world import at_desk

STREET = "110106014"
SUPERVISOR, SECOND, OFFICER = "civil.supervisor.1", "conf.supervisor.1", "police.officer.1"


def days(count):
    return (datetime.now(UTC) + timedelta(days=count)).astimezone(BEIJING).date()


def pack(name, *changes, effective=None):
    written = texts(HERE / "fengtai-2026.1")
    head = written["triage.yaml"].replace("name: fengtai-2026.1", f"name: {name}")
    written["triage.yaml"] = head.replace("effective_from: 2026-01-01", f"effective_from: {effective or days(30)}")
    for file, before, after in changes:
        assert before in written[file]
        written[file] = written[file].replace(before, after, 1)
    return {"files": written}


@pytest.fixture
async def name(api):
    """Of a version of its own, which afterwards waits for a day that no test reaches: published rules hold for every later test."""
    name = f"fengtai-test.{uuid.uuid4().hex[:8]}"
    yield name
    async with api.service.engine.begin() as conn:
        row = update(policy_versions).where(policy_versions.c.version.startswith(name))
        await conn.execute(row.values(effective_from=date(9999, 1, 1)))


async def published(api, body):
    proposed = await api.post(SUPERVISOR, "/v1/policy/versions", body)
    assert proposed.status_code == 201, proposed.text
    return await approval(api, proposed.json()["version"])


async def read(api, version, against=None):
    """The digest of a comparison, of the one with the version that it will replace unless another is named."""
    asked = await api.get(OFFICER, f"/v1/policy/versions/{version}/changes{f'?against={against}' if against else ''}")
    return {"comparison": asked.json()["digest"]}


async def approval(api, version, person=SECOND, headers=None):
    return await api.post(person, f"/v1/policy/versions/{version}/approval", await read(api, version), headers)


async def test_a_version_needs_two_persons_and_then_holds_for_new_cases_from_its_day(api, name):
    proposed = await api.post(SUPERVISOR, "/v1/policy/versions", pack(name))
    assert (proposed.status_code, proposed.json()["approved_by"]) == (201, None)
    alone = await approval(api, name, SUPERVISOR)
    assert (alone.status_code, alone.json()["code"]) == (409, "second_person_needed")
    unread = await api.post(SECOND, f"/v1/policy/versions/{name}/approval")
    is_problem(unread, 422, "invalid_request")
    approved = await approval(api, name)
    assert approved.json()["approved_by"] == SECOND
    again = await approval(api, name)
    assert again.json()["code"] == "already_done"
    listed = (await api.get(OFFICER, "/v1/policy/versions")).json()
    assert name in [row["version"] for row in listed]
    before = (await api.report())["case_id"]
    with later(api, datetime.now(UTC) + timedelta(days=31)):
        after = (await api.report())["case_id"]
    assert (await api.progress(before))["policy"] == "fengtai-2026.1"
    assert (await api.progress(after))["policy"] == name
    explained = await api.get(OFFICER, f"/v1/cases/{after}/explanation")
    assert explained.status_code == 200


async def test_rules_that_a_deputy_proposed_are_not_approved_by_whom_they_stood_in_for_nor_the_other_way_round(
    api, name
):
    deputy, now = "civil.supervisor.9", datetime.now(UTC)
    seat = {"id": deputy, "name": "", "agency": "CIVIL", "desk": "CIVIL", "roles": ["supervisor"],
            "token_hash": hashlib.sha256(b"token-of-the-deputy").hexdigest()}  # fmt: skip
    TOKENS[deputy] = "token-of-the-deputy"
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(tables.people), seat)
    until = {"from_at": (now - timedelta(hours=1)).isoformat(), "until_at": (now + timedelta(days=1)).isoformat()}
    lent = await api.post(SUPERVISOR, "/v1/deputies", {"person_id": SUPERVISOR, "deputy_id": deputy, **until})
    assert lent.status_code == 201, lent.text
    for_absent = {"X-Acting-For": SUPERVISOR}
    proposed = await api.post(deputy, "/v1/policy/versions", pack(name), for_absent)
    assert (proposed.json()["proposed_by"], proposed.json()["proposed_behalf"]) == (deputy, SUPERVISOR)
    for person, headers in ((SUPERVISOR, {}), (deputy, {}), (deputy, for_absent)):
        is_problem(await approval(api, name, person, headers), 409, "second_person_needed")
    async with api.service.engine.connect() as conn:
        for values in ({"approved_by": SUPERVISOR}, {"approved_by": SECOND, "approved_behalf": deputy}):
            with pytest.raises(IntegrityError, match="two_persons_in_any_seat"):
                await conn.execute(update(policy_versions).where(policy_versions.c.version == name).values(**values))
            await conn.rollback()
        await conn.execute(
            update(policy_versions)
            .where(policy_versions.c.version == name)
            .values(proposed_by=SUPERVISOR, proposed_behalf=None)
        )
        await conn.commit()
    is_problem(await approval(api, name, deputy, for_absent), 409, "second_person_needed")
    assert (await approval(api, name)).status_code == 200, "the control: a third person"
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(tables.deputies).where(tables.deputies.c.deputy_id == deputy))
        await conn.execute(delete(tables.people).where(tables.people.c.id == deputy))
    del TOKENS[deputy]


@pytest.mark.parametrize(
    ("change", "effective", "said"),
    [
        (("routes.yaml", "basis: [R111, R114]", "basis: []"), None, "basis is empty"),
        (("routes.yaml", "reporter == 'hotline'", "reporter == 'hotline' && hour < 0"), None, "is never reached"),
        (None, days(0), "is not after today"),
    ],
)  # fmt: skip
async def test_a_bad_pack_or_a_day_that_has_begun_is_refused_with_every_fault(api, name, change, effective, said):
    body = pack(name, *([change] if change else []), effective=effective)
    refused = await api.post(SUPERVISOR, "/v1/policy/versions", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_pack")
    assert [fault for fault in refused.json()["faults"] if said in fault["reason"]]
    assert name not in [row["version"] for row in (await api.get(OFFICER, "/v1/policy/versions")).json()]


@pytest.mark.requirement("R083")
async def test_only_supervisors_change_rules_and_no_version_is_changed(api, name):
    for who in (OFFICER, "village.reporter.1", "street-110106002.officer.1"):
        assert (await api.post(who, "/v1/policy/versions", pack(name))).status_code == 403
    await published(api, pack(name))
    again = await api.post(SUPERVISOR, "/v1/policy/versions", pack(name))
    assert (again.status_code, again.json()["code"]) == (409, "policy_exists")
    shipped = await api.post(SUPERVISOR, "/v1/policy/versions", pack("fengtai-2026.1"))
    assert shipped.json()["code"] == "policy_exists"
    unknown = await api.post(SECOND, "/v1/policy/versions/nothing/approval", await read(api, name))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_policy")


async def test_versions_are_compared_and_tried_on_past_cases(api, name):
    case = (await api.report())["case_id"]
    await published(api, pack(name, ("triage.yaml", "lead: CIVIL", "lead: STREET")))
    path = f"/v1/policy/versions/{name}"
    changes = (await api.get(OFFICER, f"{path}/changes?against=fengtai-2026.1")).json()["changes"]
    assert {"table": "leads", "row": "l-civil", "field": "lead", "before": "CIVIL", "after": "STREET"} in [
        {key: one[key] for key in ("table", "row", "field", "before", "after")} for one in changes
    ]
    tried = (await api.get(SUPERVISOR, f"{path}/dry-run?against=fengtai-2026.1")).json()
    mine = [one for one in tried["otherwise"] if one["case_id"] == case]
    assert [{**one, "case_no": one["case_no"][:3]} for one in mine] == [
        {
            "case_id": case, "case_no": "WB-", "child_id": None, "what": "lead", "before": "CIVIL", "after": "STREET",
            "what_zh": "牵头单位", "what_en": "lead agency", "before_zh": "区民政局", "before_en": "Civil Affairs",
            "after_zh": "街道乡镇", "after_en": "Street or Town Office",
        }
    ]  # fmt: skip
    assert (await api.get(OFFICER, f"{path}/dry-run?against=fengtai-2026.1")).status_code == 403


async def test_a_draft_says_which_rows_of_the_notice_it_no_longer_answers_for(api, name):
    """The release answers for all; a draft whose health services rest on another row leaves that one bare."""
    release = (await api.get(OFFICER, "/v1/policy/versions/fengtai-2026.1/coverage")).json()
    assert (len(release), all(row["is_answered"] for row in release)) == (139, True)
    alone = next(row for row in release if len(row["pack"]) == 1 and not row["beside"])
    body = pack(name)
    body["files"] = {file: text.replace(alone["row"], "R060") for file, text in body["files"].items()}
    assert (await api.post(SUPERVISOR, "/v1/policy/versions", body)).status_code == 201
    draft = (await api.get(OFFICER, f"/v1/policy/versions/{name}/coverage")).json()
    assert [row["row"] for row in draft if not row["is_answered"]] == [alone["row"]]
    assert (await api.get(OFFICER, "/v1/policy/versions/nothing/coverage")).json()["code"] == "unknown_policy"


async def test_a_running_case_is_moved_on_purpose_and_the_move_is_recorded(api, name):
    case = (await api.report())["case_id"]
    faster = (
        "times.yaml",
        "  finish: {normal: 10 working_days, urgent: 24",
        "  finish: {normal: 10 working_days, urgent: 12",
    )
    await published(api, pack(name, faster))
    before = await api.progress(case)
    officer = await api.post(OFFICER, f"/v1/cases/{case}/move-policy", {"version": name})
    assert officer.status_code == 403
    unknown = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": "nothing"})
    assert unknown.json()["code"] == "unknown_policy"
    moved = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": name, "note": "新规则更快"})
    assert moved.json()["events"] == ["policy_moved"]
    again = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": name})
    assert again.json()["code"] == "already_done"
    after = await api.progress(case)
    assert (before["policy"], after["policy"]) == ("fengtai-2026.1", name)
    assert before["referrals"] == after["referrals"]
    leg = await api.leg(case, "POLICE")
    await api.post(OFFICER, f"/v1/cases/{case}/referrals/{leg}/accept")
    finish = next(r["finish"] for r in (await api.progress(case))["referrals"] if r["id"] == leg)
    started, due = (datetime.fromisoformat(finish[name]) for name in ("started_at", "due_at"))
    assert due - started == timedelta(hours=12)
    told = (await api.get(SUPERVISOR, f"/v1/cases/{case}/timeline")).json()
    move = next(row for row in told if row["kind"] == "policy_moved")
    assert (move["before"], move["after"], move["by"], move["note"]) == (
        "fengtai-2026.1",
        name,
        SUPERVISOR,
        "新规则更快",
    )
    assert (await api.get(OFFICER, f"/v1/cases/{case}/explanation")).status_code == 200


async def test_what_a_desk_is_told_is_that_of_the_version_which_its_case_follows_and_more_is_said_beforehand(api, name):
    child = {
        "name": "示例甲（化名）",
        "school": "示例小学",
        "phone": "13800001111",
        "school_stage": "primary",
        "residence_division": STREET,
    }
    case = (
        await api.report(
            children=[child], family=[{"name": "示例乙（化名）", "relation": "姑", "phone": "13800002222"}]
        )
    )["case_id"]
    pupil = "name, sex, birth_date, school, division], basis: [R088"
    more = (
        "disclosure.yaml",
        pupil,
        "sex, birth_date, school, division, phone], kin: [name], without_suspects: true, basis: [R088",
    )
    body = pack(name, more)
    await published(api, body)
    changes = (await api.get(OFFICER, f"/v1/policy/versions/{name}/changes?against=fengtai-2026.1")).json()["changes"]
    assert {one["said_en"] for one in changes if one["kind"] == "wider" and one["row"] == "EDU"} >= {
        "Education would now also see: of the children: telephone", "Education would now also see: of the kin to be reached: name",
    }  # fmt: skip
    tried = (await api.get(SUPERVISOR, f"/v1/policy/versions/{name}/dry-run?against=fengtai-2026.1&newest=5")).json()
    assert [
        one["after"] for one in tried["otherwise"] if one["case_id"] == case and one["what"].endswith("told:kin")
    ] == [["name"]]
    rows = (await api.get(OFFICER, f"/v1/policy/versions/{name}/rows")).json()
    (shown,) = [one for one in rows if one["row"] == "tell-education" and one["table"] == "disclosures"]
    assert "电话" in shown["told_zh"]

    async def told():
        content = (await api.get("edu.officer.1", f"/v1/cases/{case}")).json()["content"]
        return set(content["children"][0]), [set(one) for one in content["family"]]

    async def found():
        hits = await api.post("edu.officer.1", "/v1/search/children", {"phone": child["phone"]})
        return [one["name"] for one in hits.json() if one["case_id"] == case]

    before = {"id", "name", "sex", "birth_date", "school", "division"}
    assert await told() == (before, []), "a case stays on the version under which it was opened"
    assert await found() == [], "and the number that its desk is not told is confirmed by no search"
    opened = await api.post("edu.officer.1", f"/v1/cases/{case}/full-view", {"need": "visit", "note": "核对联系方式"})
    assert opened.json()["fields"] == ["children: some"]
    moved = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": name})
    is_problem(moved, 409, "tells_more")
    rows = ["a-education EDU: children.phone", "a-education EDU: kin.name"]
    assert moved.json()["rows"] == str(rows), "a list of the same name may not grow under a case either"
    less = pack(f"{name}l", ("disclosure.yaml", pupil, pupil.removeprefix("name, ")))["files"]
    async with api.service.engine.begin() as conn:
        await keep(conn, f"{name}l", "less", date(9999, 1, 1), less, at_desk("CIVIL", "1"), datetime.now(UTC))
        await seal(conn, f"{name}l", at_desk("CONF", "2"), datetime.now(UTC))
    moved = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": f"{name}l"})
    assert moved.status_code == 200, moved.text
    assert await told() == (before - {"name"}, []), "the control: one that tells less"
    why = (await api.get(OFFICER, f"/v1/cases/{case}/explanation")).json()
    assert [one["row"] for one in why if one["table"] == "disclosures"] == ["tell-education"]


@pytest.mark.parametrize("since", [date(2026, 6, 1), days(20)], ids=["in force", "approved for a day to come"])
async def test_whoever_approves_sees_what_changes_against_the_version_that_it_will_replace_and_a_trial_is_against_it(
    api, name, since
):
    """Unasked; where another comparison was asked for, the page leads back to it before it takes the approval."""
    body = pack(name)
    async with api.service.engine.begin() as conn:
        await keep(conn, name, "before", since, body["files"], at_desk("CIVIL", "1"), datetime.now(UTC))
        await seal(conn, name, at_desk("CONF", "2"), datetime.now(UTC))
    draft = f"{name}d"
    proposed = await api.post(
        SUPERVISOR, "/v1/policy/versions", pack(draft, ("triage.yaml", "lead: CIVIL", "lead: STREET"))
    )
    assert proposed.status_code == 201, proposed.text
    async with api.service.engine.begin() as conn:
        token = await begin_session(conn, SECOND, api.service.ledger.clock())
    transport = httpx2.ASGITransport(create_app(Settings(), given=api.service), raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://shouhu.test", cookies={SESSION: token}
    ) as http:
        page = (await http.get(f"/rules/{draft}")).text
        assert f"与 {name} 的不同" in page
        assert "将增加告知：案件全部内容" in page
        assert f'action="/rules/{draft}/approval"' in page
        beside = (await http.get(f"/rules/{draft}?against=fengtai-2026.1")).text
        assert f'action="/rules/{draft}/approval"' not in beside
        stale = await read(api, draft, "fengtai-2026.1")
        form = {"read": "yes", "against": name, **stale}
        sent = await http.post(f"/rules/{draft}/approval", data=form, headers={"Sec-Fetch-Site": "same-origin"})
        assert (sent.status_code, "所依据的比较不是当前的比较" in sent.text) == (409, True)
        shown = re.search(r'name="comparison" value="(\w+)"', page)[1]
        assert shown == (await read(api, draft))["comparison"] != stale["comparison"], "the page names what it shows"
        assert f"按 {name} 和 {draft} 判断" in (await http.get(f"/rules/{draft}/trial")).text
    refused = await api.post(SECOND, f"/v1/policy/versions/{draft}/approval", stale)
    is_problem(refused, 409, "comparison_stale")
    assert refused.json()["against"] == name
    async with api.service.engine.connect() as conn:
        row = select(policy_versions.c.approved_by).where(policy_versions.c.version == draft)
        assert (await conn.execute(row)).scalar_one() is None


async def test_rules_for_a_day_before_others_that_are_approved_are_read_beside_those_as_well(api, name):
    """The later ones were compared with what stood then, and would undo the earlier ones unseen."""
    draft, changed = f"{name}e", ("triage.yaml", "lead: CIVIL", "lead: STREET")
    async with api.service.engine.begin() as conn:
        files = pack(draft, changed, effective=days(10))["files"]
        await keep(conn, draft, "draft", days(10), files, at_desk("CIVIL", "1"), datetime.now(UTC))
    alone = await read(api, draft)
    async with api.service.engine.begin() as conn:
        files = pack(name, effective=days(20))["files"]
        await keep(conn, name, "later", days(20), files, at_desk("CIVIL", "1"), datetime.now(UTC))
        await seal(conn, name, at_desk("CONF", "2"), datetime.now(UTC))
        token = await begin_session(conn, SECOND, api.service.ledger.clock())
    is_problem(await api.post(SECOND, f"/v1/policy/versions/{draft}/approval", alone), 409, "comparison_stale")
    told = (await api.get(OFFICER, f"/v1/policy/versions/{draft}/changes")).json()
    assert (told["against"], told["later"]) == ("fengtai-2026.1", name)
    assert [[(one["before"], one["after"]) for one in told[part] if one["field"] == "lead"] for part in ("changes", "undone")] == [
        [("CIVIL", "STREET")], [("STREET", "CIVIL")]
    ]  # fmt: skip
    transport = httpx2.ASGITransport(create_app(Settings(), given=api.service), raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://shouhu.test", cookies={SESSION: token}
    ) as http:
        page = (await http.get(f"/rules/{draft}")).text
    assert f"{name} 已批准于其后施行" in page
    assert f'name="comparison" value="{told["digest"]}"' in page
    assert page.count("<code>l-civil</code>") == 2
    assert (await approval(api, draft)).json()["approved_by"] == SECOND


async def test_a_case_is_not_moved_to_rules_that_lack_what_it_waits_for(api, name):
    case = (await api.report())["case_id"]
    row = next(
        line for line in texts(HERE / "fengtai-2026.1")["routes.yaml"].splitlines() if "id: a-social-work" in line
    )
    await published(api, pack(name, ("routes.yaml", f"{row}\n", "")))
    refused = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": name})
    assert (refused.status_code, refused.json()["code"]) == (409, "policy_unfit")
    assert "a-social-work" in str(refused.json()["rows"])


async def test_a_case_is_not_moved_to_rules_where_a_leg_falls_to_a_list_that_tells_more(api, name):
    """Without a list of its own the education commission would have that of all others, which has the child's number and home."""
    child = {"school_stage": "primary", "residence_division": STREET}
    case = (await api.report(children=[child]))["case_id"]
    assert await api.leg(case, "EDU")
    row = next(
        line for line in texts(HERE / "fengtai-2026.1")["disclosure.yaml"].splitlines() if "id: tell-education," in line
    )
    await published(api, pack(name, ("disclosure.yaml", f"{row}\n", "")))
    refused = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": name})
    assert (refused.status_code, refused.json()["code"]) == (409, "tells_more")
    assert "a-education EDU: children.id_no" in refused.json()["rows"]
    assert (await api.progress(case))["policy"] == "fengtai-2026.1"


async def test_two_supervisors_publish_by_command(api, postgres, name, tmp_path):
    for file, text in pack(name)["files"].items():
        (tmp_path / file).write_text(text, "utf-8")
    first = shouhu(postgres, "publish", str(tmp_path), "--token", TOKENS[SUPERVISOR])
    assert (first.returncode, "proposed" in first.stdout) == (0, True), first.stderr
    alone = shouhu(postgres, "publish", name, "--token", TOKENS[SUPERVISOR], "--read", "0" * 40)
    assert (alone.returncode, "A second person" in alone.stderr) == (1, True)
    unread = shouhu(postgres, "publish", name, "--token", TOKENS[SECOND])
    digest = unread.stdout.split("--read ")[-1].strip()
    assert (unread.returncode, f"shouhu policy publish {name} --read" in unread.stdout) == (1, True), unread.stderr
    second = shouhu(postgres, "publish", name, "--token", TOKENS[SECOND], "--read", digest)
    assert (second.returncode, "holds for new cases from" in second.stdout) == (0, True)
    nobody = shouhu(postgres, "publish", name, "--token", "nothing", "--read", digest)
    assert (nobody.returncode, nobody.stderr.strip()) == (1, "Nobody has this token.")


async def test_a_case_file_is_simulated_and_rehearsed_without_a_trace(api):
    case = examples()["CN-02"]
    before = await api.get(SUPERVISOR, "/v1/cases")
    said = (await api.post(OFFICER, "/v1/policy/simulations", {"case": case})).json()
    assert (said["urgency"], said["police_branch"]) == (case["expected"]["urgency"], "A")
    assert said["placement"].keys() == case["expected"]["placement"].keys()
    course = (await api.post(OFFICER, "/v1/policy/rehearsals", {"case": case, "silent": ["EDU"]})).json()
    assert course["still_open"] == ["supervision_reply:a-education-1", "closure"]
    assert (await api.get(SUPERVISOR, "/v1/cases")).json() == before.json()
    bad = await api.post(OFFICER, "/v1/policy/simulations", {"case": {"facts": {"kind": "party"}}})
    assert (bad.status_code, bad.json()["errors"][0]["at"]) == (422, "/case/facts/kind")
    unknown = await api.post(OFFICER, "/v1/policy/rehearsals", {"case": case, "version": "nothing"})
    assert unknown.json()["code"] == "unknown_policy"


async def test_a_draft_is_rehearsed_before_it_is_approved(api, name):
    slower = (
        "times.yaml",
        "police_accept: {normal: 4 hours, urgent: 15 minutes",
        "police_accept: {normal: 4 hours, urgent: 45 minutes",
    )
    await api.post(SUPERVISOR, "/v1/policy/versions", pack(name, slower))
    asked = {"case": examples()["CN-02"], "silent": ["POLICE"]}
    today = (await api.post(OFFICER, "/v1/policy/rehearsals", asked)).json()
    draft = (await api.post(OFFICER, "/v1/policy/rehearsals", {**asked, "version": name})).json()
    first = [
        next(one["due_at"] for one in course["happenings"] if one["subject"] == "a-police-1")
        for course in (today, draft)
    ]
    assert datetime.fromisoformat(first[1]) - datetime.fromisoformat(first[0]) == timedelta(minutes=30)


async def test_cases_run_on_by_a_published_version_that_is_older_than_ledgers_and_procedures(api):
    """Of another release, as it lies in the database; what it is silent about is read from this one."""
    name = "fengtai-2025.9"
    async with api.service.engine.begin() as conn:
        await keep(conn, name, "older", date(2025, 9, 1), FILES, at_desk("CIVIL", "1"), datetime.now(UTC))
        await seal(conn, name, at_desk("CONF", "2"), datetime.now(UTC))
    try:
        case = (await api.report())["case_id"]
        path = f"/v1/cases/{case}"
        progress = await api.progress(case)
        assert progress["policy"] == name
        leg = f"{path}/referrals/{await api.leg(case, 'POLICE')}"
        assert (await api.post(OFFICER, f"{leg}/accept")).status_code == 200
        assert (await api.post(OFFICER, f"{leg}/complete")).status_code == 200
        for told in (
            path,
            f"{path}/explanation",
            f"{path}/procedures",
            f"{path}/services",
            "/v1/ledgers",
            "/v1/registers",
        ):
            answer = await api.get("comm-110106101.officer.1" if told == "/v1/ledgers" else SUPERVISOR, told)
            assert (answer.status_code, bool(answer.json())) == (200, True), (told, answer.text)
        tried = await api.get(SUPERVISOR, f"/v1/policy/versions/{name}/dry-run?against=fengtai-2026.1&newest=5")
        assert tried.json()["cases"] == 5
        changes = await api.get(SUPERVISOR, f"/v1/policy/versions/{name}/changes?against=fengtai-2026.1")
        assert "routes" in {row["table"] for row in changes.json()["changes"]}
        moved = await api.post(SUPERVISOR, f"{path}/move-policy", {"version": "fengtai-2026.1"})
        assert moved.status_code == 200, moved.text
    finally:
        async with api.service.engine.begin() as conn:
            row = update(policy_versions).where(policy_versions.c.version == name)
            await conn.execute(row.values(effective_from=date(9999, 1, 1)))
