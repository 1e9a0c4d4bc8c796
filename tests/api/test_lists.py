"""The lists of a desk: their names, filters and counts, and the number under which people speak of a case."""

from datetime import UTC, datetime

import pytest

from app.domain.case_no import case_no, means, number_in


@pytest.mark.parametrize(("said", "number"), [
    ("WB-2026-000123", 123), ("wb2026-123", 123), ("2026-000123", 123), ("123", 123), ("lxm", None), ("", None), ("12-3-4", None),
])  # fmt: skip
def test_a_case_number_is_read_however_it_is_written(said, number):
    assert number_in(said) == number
    assert case_no(123, datetime(2026, 12, 31, 16, 30, tzinfo=UTC)) == "WB-2027-000123"


@pytest.mark.parametrize(("said", "is_it"), [
    ("WB-2027-000123", True), ("wb2027-123", True), ("123", True), ("WB-2026-000123", False), ("124", False), ("lxm", False),
])  # fmt: skip
def test_a_case_is_meant_by_its_number_and_no_other_year(said, is_it):
    assert means(said, 123, datetime(2026, 12, 31, 16, 30, tzinfo=UTC)) is is_it


async def test_tasks_have_their_names_filters_and_counts(api):
    case_id = (await api.report(children=[{"residence_division": "110106101"}]))["case_id"]
    leg = await api.leg(case_id, "POLICE")

    async def rows(query):
        items, cursor = [], ""
        while cursor is not None:
            page = (await api.get("police.officer.1", f"/v1/tasks?limit=200&{query}{cursor}")).json()
            items += page["items"]
            cursor = f"&cursor={page['next']}" if page["next"] else None
        return {row["subject"]: row for row in items if row["case_id"] == case_id}

    claimable = await rows("view=claimable")
    assert leg in claimable
    assert {row["kind"] for row in claimable.values()} == {"referral"}
    assert claimable[leg]["title_zh"] != claimable[leg]["task"]
    assert claimable[leg]["case_no"].startswith("WB-")
    assert "confirm_safety" in await rows("view=desk&due=week")
    assert leg not in await rows("view=desk&due=overdue")
    assert leg not in await rows("view=desk&stage=review")
    assert leg in await rows(f"view=desk&urgency={claimable[leg]['urgency']}")
    before = (await api.get("police.officer.1", "/v1/tasks/counts")).json()
    await api.post("police.officer.1", f"/v1/cases/{case_id}/referrals/{leg}/claim")
    after = (await api.get("police.officer.1", "/v1/tasks/counts")).json()
    assert after["mine"] - before["mine"] == (1 if before["mine"] < 100 else 0)
    assert leg in await rows("view=mine")
    children = (await api.progress(case_id))["children"]
    await api.post("police.officer.1", f"/v1/cases/{case_id}/safety", {"child_id": children[0]["id"], "safety": "safe"})
    assert "confirm_safety" in await rows("view=done")


async def test_each_filter_says_how_many_tasks_it_leaves_beside_the_others(api):
    person, urgent = "street-110106016.officer.1", "tonight"
    for situations in (["living_alone"], ["living_alone"], ["dropout"]):
        await api.report(children=[{"residence_division": "110106016"}], situations=situations)
    filters = {"stage": ("report", "assess", "intervene", "review"), "due": ("overdue", "soon", "today", "week"),
               "urgency": ("immediate", "tonight", "same_day", "normal")}  # fmt: skip

    async def listed(query):
        answer = (await api.get(person, f"/v1/tasks?limit=200&view=desk{query}")).json()
        assert answer["next"] is None
        return len(answer["items"])

    left = (await api.get(person, f"/v1/tasks/counts?view=desk&urgency={urgent}")).json()["left"]
    assert left["is_whole"]
    for name, codes in filters.items():
        others = "" if name == "urgency" else f"&urgency={urgent}"
        assert left[name] == {code: await listed(f"&{name}={code}{others}") for code in codes}
    assert sum(left["urgency"].values()) == await listed("") > 0
    of_closed = (await api.get(person, "/v1/tasks/counts?view=desk&stage=closed")).json()["left"]
    assert not any([*of_closed["urgency"].values(), *of_closed["due"].values()])


async def test_staff_know_the_names_of_staff_and_nobody_those_of_who_reports(api):
    asked = "/v1/names?id=police.officer.1&id=school.reporter.1&id=nobody"
    (named,) = (await api.get("edu.officer.1", asked)).json()
    assert named["id"] == "police.officer.1"
    assert named["name"].startswith("区公安分局")
    assert (await api.get("school.reporter.1", asked)).status_code == 403


async def test_colleagues_are_those_of_the_own_office(api):
    police = (await api.get("police.officer.1", "/v1/colleagues")).json()
    assert {"police.officer.2", "police.head.1"} <= {one["id"] for one in police}
    assert all(one["desk"] == "POLICE" for one in police)
    street = (await api.get("street-110106007.officer.1", "/v1/colleagues")).json()
    assert {one["desk"] for one in street} == {"STREET-110106007"}
