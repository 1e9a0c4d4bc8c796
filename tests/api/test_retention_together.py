"""What belongs together is due together and destroyed in one order, and whoever was never reported is destroyed the same way."""

from sqlalchemy import insert, select, text, update

from app.db import tables
from app.db.vault import opened, vault_of
from tests.api.due import LIST, ONE, TELEPHONE, TWO, WORDS, in_the_past, lines, listed, told
from tests.api.test_reports import is_problem
from tests.api.test_watches import COMMITTEE, FOUND, begin, close


async def test_what_a_visit_reported_is_destroyed_first_for_it_holds_who_reported_the_case_before(api):
    """Both are due on one day; were the first destroyed alone, its reporter would stand readable with the second."""
    first = (await told(api))["case_id"]
    await close(api, first, "no_risk_found")
    watch = await begin(api, first)
    second = (await api.post(COMMITTEE, f"/v1/watches/{watch}/visits", FOUND)).json()["report"]
    await close(api, second, "no_risk_found")
    ended = await api.post(COMMITTEE, f"/v1/watches/{watch}/end", {"reason": "moved_and_handed_over"})
    assert ended.status_code == 200, ended.text
    for case in (first, second):
        await in_the_past(api, case)
    for case in (second, first):
        await listed(api)
        assert {first, second} & (await lines(api)).keys() == {case}
        await api.approved(ONE, TWO, "delete", case=case)
        done = await api.post(ONE, f"{LIST}/{case}/erase")
        assert done.status_code == 200, done.text
    async with api.service.engine.connect() as conn:
        assert await vault_of(conn).keys(conn, [first, second]) == {first: None, second: None}


async def test_joined_files_fall_due_together_and_one_hold_keeps_both(api):
    """The case of one is in use, so nothing of the other is due."""
    cases = [(await told(api))["case_id"] for _ in range(2)]
    children = []
    for case in cases:
        await close(api, case, "no_risk_found")
        children += await in_the_past(api, case)
    async with api.service.engine.begin() as conn:
        progress = {
            "child_id": children[1],
            "version": 1,
            "policy": "p",
            "division": "110106007",
            "merged_into": children[0],
        }
        row = {
            "id": f"file-{children[1]}", "version": 1, "policy": "p", "progress": progress, "is_open": False, "division": "110106007",
            "child_id": children[1], "desks": [], "merged_into": children[0],
        }  # fmt: skip
        await conn.execute(insert(tables.child_files), row)
    await listed(api)
    assert set(cases) <= (await lines(api)).keys()
    held = await api.post(ONE, f"{LIST}/{cases[0]}/holds", {"reason": "audit", "note": "核对"})
    assert set(cases) <= (await lines(api, "held")).keys()
    await api.approved(ONE, TWO, "delete", case=cases[1])
    is_problem(await api.post(ONE, f"{LIST}/{cases[1]}/erase"), 409, "on_hold")
    await api.approved(ONE, TWO, "hold", hold=held.json()["id"])
    await api.post(ONE, f"{LIST}/holds/{held.json()['id']}/lift", {"reason": "mistake"})
    async with api.service.engine.begin() as conn:
        await conn.execute(update(tables.cases).where(tables.cases.c.id == cases[0]).values(is_open=True))
    await listed(api)
    assert not set(cases) & (await lines(api)).keys()
    async with api.service.engine.begin() as conn:
        await conn.execute(update(tables.cases).where(tables.cases.c.id == cases[0]).values(is_open=False))


async def test_a_child_who_was_registered_without_a_report_is_destroyed_the_same_way(api):
    person = "comm-110106007.officer.1"
    body = {
        "child": {"name": WORDS[0], "birth_date": "2004-03-04", "phone": TELEPHONE, "residence_division": "110106007"},
        "found": "left_behind", "grade": "low",
    }  # fmt: skip
    made = await api.post(person, "/v1/children", body)
    assert made.status_code in (200, 201), made.text
    child = made.json()["child_id"]
    opened_ = await api.post(person, f"/v1/children/{child}/full-view", {"need": "visit", "note": WORDS[5]})
    assert opened_.status_code == 201, opened_.text
    async with api.service.engine.begin() as conn:
        back = text("interval '15 years'")
        ours = tables.events.c
        await conn.execute(update(tables.events).where(ours.stream_id == f"file-{child}").values(at=ours.at - back))
        await conn.execute(
            update(tables.children)
            .where(tables.children.c.id == child)
            .values(filed_at=tables.children.c.filed_at - back)
        )
        await conn.execute(
            update(tables.child_files).where(tables.child_files.c.child_id == child).values(is_open=False)
        )
    await listed(api)
    assert (await lines(api))[child]["kept"] == "child"
    is_problem(await api.post("civil.head.1", f"{LIST}/{child}/erase"), 403, "not_allowed")
    hold = (await api.post(ONE, f"{LIST}/{child}/holds", {"reason": "litigation", "note": "诉讼"})).json()["id"]
    for act, parameters in (("hold", {"hold": hold}), ("delete", {"child": child})):
        asked = {"act": act, "parameters": parameters, "reason": "by_law", "note": f"{WORDS[0]}一案已结"}
        said = (await api.post(ONE, "/v1/approvals", asked)).json()
        waits = {one["id"]: one for one in (await api.get(TWO, "/v1/approvals?limit=200")).json()["items"]}
        for row in (said, waits[said["id"]]):
            assert WORDS[0] not in row["note"]
            assert "一案已结" in row["note"]
    await api.approved(ONE, TWO, "hold", hold=hold)
    assert (await api.post(ONE, f"{LIST}/holds/{hold}/lift", {"reason": "ended"})).status_code == 200
    await api.approved(ONE, TWO, "delete", child=child)
    done = await api.post(ONE, f"{LIST}/{child}/erase")
    assert done.status_code == 200, done.text
    assert (await api.get(person, f"/v1/children/{child}")).status_code == 404
    async with api.service.engine.connect() as conn:
        views = select(tables.full_views).where(tables.full_views.c.stream_id == f"file-{child}")
        (view,) = await opened(conn, (await conn.execute(views)).mappings(), tables.full_views)
        assert view["note"] in ("", None), "said under the installation's own key"
        assert (await vault_of(conn).keys(conn, [f"file-{child}"])) == {f"file-{child}": None}
