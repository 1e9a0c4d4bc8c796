"""A running case keeps its version of the rules until a supervisor moves it, and moves to none that lacks what it waits for or tells more."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import update

from app.db.versions import keep, policy_versions, seal
from app.policy.loader import HERE, texts
from tests.actors import at_desk
from tests.api.drafts import OFFICER, SUPERVISOR, pack, published
from tests.api.test_reports import is_problem
from tests.test_older import FILES

STREET = "110106014"


async def test_a_running_case_is_moved_on_purpose_and_the_move_is_recorded(api, version):
    case = (await api.report())["case_id"]
    faster = (
        "times.yaml",
        "  finish: {normal: 10 working_days, urgent: 24",
        "  finish: {normal: 10 working_days, urgent: 12",
    )
    await published(api, pack(version, faster))
    before = await api.progress(case)
    officer = await api.post(OFFICER, f"/v1/cases/{case}/move-policy", {"version": version})
    assert officer.status_code == 403
    unknown = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": "nothing"})
    assert unknown.json()["code"] == "unknown_policy"
    moved = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": version, "note": "新规则更快"})
    assert moved.json()["events"] == ["policy_moved"]
    again = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": version})
    assert again.json()["code"] == "already_done"
    after = await api.progress(case)
    assert (before["policy"], after["policy"]) == ("fengtai-2026.1", version)
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
        version,
        SUPERVISOR,
        "新规则更快",
    )
    assert (await api.get(OFFICER, f"/v1/cases/{case}/explanation")).status_code == 200


async def test_what_a_desk_is_told_is_that_of_the_version_which_its_case_follows_and_more_is_said_beforehand(
    api, version
):
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
    body = pack(version, more)
    await published(api, body)
    changes = (await api.get(OFFICER, f"/v1/policy/versions/{version}/changes?against=fengtai-2026.1")).json()[
        "changes"
    ]
    assert {one["said_en"] for one in changes if one["kind"] == "wider" and one["row"] == "EDU"} >= {
        "Education would now also see: of the children: telephone", "Education would now also see: of the kin to be reached: name",
    }  # fmt: skip
    tried = (await api.get(SUPERVISOR, f"/v1/policy/versions/{version}/dry-run?against=fengtai-2026.1&newest=5")).json()
    assert [
        one["after"] for one in tried["otherwise"] if one["case_id"] == case and one["what"].endswith("told:kin")
    ] == [["name"]]
    rows = (await api.get(OFFICER, f"/v1/policy/versions/{version}/rows")).json()
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
    moved = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": version})
    is_problem(moved, 409, "tells_more")
    rows = ["a-education EDU: children.phone", "a-education EDU: kin.name"]
    assert moved.json()["rows"] == str(rows), "a list of the same name may not grow under a case either"
    less = pack(f"{version}l", ("disclosure.yaml", pupil, pupil.removeprefix("name, ")))["files"]
    async with api.service.engine.begin() as conn:
        await keep(conn, f"{version}l", "less", date(9999, 1, 1), less, at_desk("CIVIL", "1"), datetime.now(UTC))
        await seal(conn, f"{version}l", at_desk("CONF", "2"), datetime.now(UTC))
    moved = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": f"{version}l"})
    assert moved.status_code == 200, moved.text
    assert await told() == (before - {"name"}, []), "the control: one that tells less"
    why = (await api.get(OFFICER, f"/v1/cases/{case}/explanation")).json()
    assert [one["row"] for one in why if one["table"] == "disclosures"] == ["tell-education"]


async def test_a_case_is_not_moved_to_rules_that_lack_what_it_waits_for(api, version):
    case = (await api.report())["case_id"]
    row = next(
        line for line in texts(HERE / "fengtai-2026.1")["routes.yaml"].splitlines() if "id: a-social-work" in line
    )
    await published(api, pack(version, ("routes.yaml", f"{row}\n", "")))
    refused = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": version})
    assert (refused.status_code, refused.json()["code"]) == (409, "policy_unfit")
    assert "a-social-work" in str(refused.json()["rows"])


async def test_a_case_is_not_moved_to_rules_where_a_leg_falls_to_a_list_that_tells_more(api, version):
    """Without a list of its own the education commission would have that of all others, which has the child's number and home."""
    child = {"school_stage": "primary", "residence_division": STREET}
    case = (await api.report(children=[child]))["case_id"]
    assert await api.leg(case, "EDU")
    row = next(
        line for line in texts(HERE / "fengtai-2026.1")["disclosure.yaml"].splitlines() if "id: tell-education," in line
    )
    await published(api, pack(version, ("disclosure.yaml", f"{row}\n", "")))
    refused = await api.post(SUPERVISOR, f"/v1/cases/{case}/move-policy", {"version": version})
    assert (refused.status_code, refused.json()["code"]) == (409, "tells_more")
    assert "a-education EDU: children.id_no" in refused.json()["rows"]
    assert (await api.progress(case))["policy"] == "fengtai-2026.1"


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
