"""Rules change by two persons, who have read what changes, and for a day to come; a draft is tried and rehearsed before that."""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.api.context import SESSION
from app.db import tables
from app.db.accounts import begin_session
from app.db.versions import keep, policy_versions, seal
from app.main import create_app
from app.policy.examples import examples
from app.settings import Settings
from tests.actors import at_desk
from tests.api.conftest import TOKENS
from tests.api.drafts import OFFICER, SECOND, SUPERVISOR, approval, days, pack, published, read
from tests.api.test_explanation import shouhu
from tests.api.test_reports import is_problem
from tests.api.test_stalled import later


async def test_a_version_needs_two_persons_and_then_holds_for_new_cases_from_its_day(api, version):
    proposed = await api.post(SUPERVISOR, "/v1/policy/versions", pack(version))
    assert (proposed.status_code, proposed.json()["approved_by"]) == (201, None)
    alone = await approval(api, version, SUPERVISOR)
    assert (alone.status_code, alone.json()["code"]) == (409, "second_person_needed")
    unread = await api.post(SECOND, f"/v1/policy/versions/{version}/approval")
    is_problem(unread, 422, "invalid_request")
    approved = await approval(api, version)
    assert approved.json()["approved_by"] == SECOND
    again = await approval(api, version)
    assert again.json()["code"] == "already_done"
    listed = (await api.get(OFFICER, "/v1/policy/versions")).json()
    assert version in [row["version"] for row in listed]
    before = (await api.report())["case_id"]
    with later(api, datetime.now(UTC) + timedelta(days=31)):
        after = (await api.report())["case_id"]
    assert (await api.progress(before))["policy"] == "fengtai-2026.1"
    assert (await api.progress(after))["policy"] == version
    explained = await api.get(OFFICER, f"/v1/cases/{after}/explanation")
    assert explained.status_code == 200


async def test_rules_that_a_deputy_proposed_are_not_approved_by_whom_they_stood_in_for_nor_the_other_way_round(
    api, version
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
    proposed = await api.post(deputy, "/v1/policy/versions", pack(version), for_absent)
    assert (proposed.json()["proposed_by"], proposed.json()["proposed_behalf"]) == (deputy, SUPERVISOR)
    for person, headers in ((SUPERVISOR, {}), (deputy, {}), (deputy, for_absent)):
        is_problem(await approval(api, version, person, headers), 409, "second_person_needed")
    async with api.service.engine.connect() as conn:
        for values in ({"approved_by": SUPERVISOR}, {"approved_by": SECOND, "approved_behalf": deputy}):
            with pytest.raises(IntegrityError, match="two_persons_in_any_seat"):
                await conn.execute(update(policy_versions).where(policy_versions.c.version == version).values(**values))
            await conn.rollback()
        await conn.execute(
            update(policy_versions)
            .where(policy_versions.c.version == version)
            .values(proposed_by=SUPERVISOR, proposed_behalf=None)
        )
        await conn.commit()
    is_problem(await approval(api, version, deputy, for_absent), 409, "second_person_needed")
    assert (await approval(api, version)).status_code == 200, "the control: a third person"
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
async def test_a_bad_pack_or_a_day_that_has_begun_is_refused_with_every_fault(api, version, change, effective, said):
    body = pack(version, *([change] if change else []), effective=effective)
    refused = await api.post(SUPERVISOR, "/v1/policy/versions", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_pack")
    assert [fault for fault in refused.json()["faults"] if said in fault["reason"]]
    assert version not in [row["version"] for row in (await api.get(OFFICER, "/v1/policy/versions")).json()]


@pytest.mark.requirement("R083")
async def test_only_supervisors_change_rules_and_no_version_is_changed(api, version):
    for who in (OFFICER, "village.reporter.1", "street-110106002.officer.1"):
        assert (await api.post(who, "/v1/policy/versions", pack(version))).status_code == 403
    await published(api, pack(version))
    again = await api.post(SUPERVISOR, "/v1/policy/versions", pack(version))
    assert (again.status_code, again.json()["code"]) == (409, "policy_exists")
    shipped = await api.post(SUPERVISOR, "/v1/policy/versions", pack("fengtai-2026.1"))
    assert shipped.json()["code"] == "policy_exists"
    unknown = await api.post(SECOND, "/v1/policy/versions/nothing/approval", await read(api, version))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_policy")


async def test_versions_are_compared_and_tried_on_past_cases(api, version):
    case = (await api.report())["case_id"]
    await published(api, pack(version, ("triage.yaml", "lead: CIVIL", "lead: STREET")))
    path = f"/v1/policy/versions/{version}"
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


async def test_a_draft_says_which_rows_of_the_notice_it_no_longer_answers_for(api, version):
    """The release answers for all; a draft whose health services rest on another row leaves that one bare."""
    release = (await api.get(OFFICER, "/v1/policy/versions/fengtai-2026.1/coverage")).json()
    assert (len(release), all(row["is_answered"] for row in release)) == (139, True)
    alone = next(row for row in release if len(row["pack"]) == 1 and not row["beside"])
    body = pack(version)
    body["files"] = {file: text.replace(alone["row"], "R060") for file, text in body["files"].items()}
    assert (await api.post(SUPERVISOR, "/v1/policy/versions", body)).status_code == 201
    draft = (await api.get(OFFICER, f"/v1/policy/versions/{version}/coverage")).json()
    assert [row["row"] for row in draft if not row["is_answered"]] == [alone["row"]]
    assert (await api.get(OFFICER, "/v1/policy/versions/nothing/coverage")).json()["code"] == "unknown_policy"


@pytest.mark.parametrize("since", [date(2026, 6, 1), days(20)], ids=["in force", "approved for a day to come"])
async def test_whoever_approves_sees_what_changes_against_the_version_that_it_will_replace_and_a_trial_is_against_it(
    api, version, since
):
    """Unasked; where another comparison was asked for, the page leads back to it before it takes the approval."""
    body = pack(version)
    async with api.service.engine.begin() as conn:
        await keep(conn, version, "before", since, body["files"], at_desk("CIVIL", "1"), datetime.now(UTC))
        await seal(conn, version, at_desk("CONF", "2"), datetime.now(UTC))
    draft = f"{version}d"
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
        assert f"与 {version} 的不同" in page
        assert "将增加告知：案件全部内容" in page
        assert f'action="/rules/{draft}/approval"' in page
        beside = (await http.get(f"/rules/{draft}?against=fengtai-2026.1")).text
        assert f'action="/rules/{draft}/approval"' not in beside
        stale = await read(api, draft, "fengtai-2026.1")
        form = {"read": "yes", "against": version, **stale}
        sent = await http.post(f"/rules/{draft}/approval", data=form, headers={"Sec-Fetch-Site": "same-origin"})
        assert (sent.status_code, "所依据的比较不是当前的比较" in sent.text) == (409, True)
        shown = re.search(r'name="comparison" value="(\w+)"', page)[1]
        assert shown == (await read(api, draft))["comparison"] != stale["comparison"], "the page names what it shows"
        assert f"按 {version} 和 {draft} 判断" in (await http.get(f"/rules/{draft}/trial")).text
    refused = await api.post(SECOND, f"/v1/policy/versions/{draft}/approval", stale)
    is_problem(refused, 409, "comparison_stale")
    assert refused.json()["against"] == version
    async with api.service.engine.connect() as conn:
        row = select(policy_versions.c.approved_by).where(policy_versions.c.version == draft)
        assert (await conn.execute(row)).scalar_one() is None


async def test_rules_for_a_day_before_others_that_are_approved_are_read_beside_those_as_well(api, version):
    """The later ones were compared with what stood then, and would undo the earlier ones unseen."""
    draft, changed = f"{version}e", ("triage.yaml", "lead: CIVIL", "lead: STREET")
    async with api.service.engine.begin() as conn:
        files = pack(draft, changed, effective=days(10))["files"]
        await keep(conn, draft, "draft", days(10), files, at_desk("CIVIL", "1"), datetime.now(UTC))
    alone = await read(api, draft)
    async with api.service.engine.begin() as conn:
        files = pack(version, effective=days(20))["files"]
        await keep(conn, version, "later", days(20), files, at_desk("CIVIL", "1"), datetime.now(UTC))
        await seal(conn, version, at_desk("CONF", "2"), datetime.now(UTC))
        token = await begin_session(conn, SECOND, api.service.ledger.clock())
    is_problem(await api.post(SECOND, f"/v1/policy/versions/{draft}/approval", alone), 409, "comparison_stale")
    told = (await api.get(OFFICER, f"/v1/policy/versions/{draft}/changes")).json()
    assert (told["against"], told["later"]) == ("fengtai-2026.1", version)
    assert [[(one["before"], one["after"]) for one in told[part] if one["field"] == "lead"] for part in ("changes", "undone")] == [
        [("CIVIL", "STREET")], [("STREET", "CIVIL")]
    ]  # fmt: skip
    transport = httpx2.ASGITransport(create_app(Settings(), given=api.service), raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://shouhu.test", cookies={SESSION: token}
    ) as http:
        page = (await http.get(f"/rules/{draft}")).text
    assert f"{version} 已批准于其后施行" in page
    assert f'name="comparison" value="{told["digest"]}"' in page
    assert page.count("<code>l-civil</code>") == 2
    assert (await approval(api, draft)).json()["approved_by"] == SECOND


async def test_two_supervisors_publish_by_command(api, postgres, version, tmp_path):
    for file, text in pack(version)["files"].items():
        (tmp_path / file).write_text(text, "utf-8")
    first = shouhu(postgres, "publish", str(tmp_path), "--token", TOKENS[SUPERVISOR])
    assert (first.returncode, "proposed" in first.stdout) == (0, True), first.stderr
    alone = shouhu(postgres, "publish", version, "--token", TOKENS[SUPERVISOR], "--read", "0" * 40)
    assert (alone.returncode, "A second person" in alone.stderr) == (1, True)
    unread = shouhu(postgres, "publish", version, "--token", TOKENS[SECOND])
    digest = unread.stdout.split("--read ")[-1].strip()
    assert (unread.returncode, f"shouhu policy publish {version} --read" in unread.stdout) == (1, True), unread.stderr
    second = shouhu(postgres, "publish", version, "--token", TOKENS[SECOND], "--read", digest)
    assert (second.returncode, "holds for new cases from" in second.stdout) == (0, True)
    nobody = shouhu(postgres, "publish", version, "--token", "nothing", "--read", digest)
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


async def test_a_draft_is_rehearsed_before_it_is_approved(api, version):
    slower = (
        "times.yaml",
        "police_accept: {normal: 4 hours, urgent: 15 minutes",
        "police_accept: {normal: 4 hours, urgent: 45 minutes",
    )
    await api.post(SUPERVISOR, "/v1/policy/versions", pack(version, slower))
    asked = {"case": examples()["CN-02"], "silent": ["POLICE"]}
    today = (await api.post(OFFICER, "/v1/policy/rehearsals", asked)).json()
    draft = (await api.post(OFFICER, "/v1/policy/rehearsals", {**asked, "version": version})).json()
    first = [
        next(one["due_at"] for one in course["happenings"] if one["subject"] == "a-police-1")
        for course in (today, draft)
    ]
    assert datetime.fromisoformat(first[1]) - datetime.fromisoformat(first[0]) == timedelta(minutes=30)
