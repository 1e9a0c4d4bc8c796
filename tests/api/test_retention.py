"""Q-S18: what is due is listed, two persons approve, the key is destroyed and the files are gone; a hold stops all of it."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select, text, update

from app.db import tables
from app.db.entries import entries_of, line, register_entries
from app.db.outcome_facts import case_outcomes
from app.db.vault import opened, sealed_row, vault_of
from tests.api.conftest import upload
from tests.api.due import LIST, ONE, OTHER, TELEPHONE, TWO, WORDS, in_the_past, lines, listed, told
from tests.api.test_reports import is_problem
from tests.api.test_watches import begin, close
from tests.canary import in_dump


@pytest.fixture(scope="module")
async def old(api):
    """A case of long ago with a note, a file, a watch with a visit, a full view and an entry of a register; its child and receipt."""
    told_ = await told(api)
    case = told_["case_id"]
    photo = await upload(api, "police.officer.1", name=f"{WORDS[6]}.jpg")
    noted = {"note": WORDS[4], "files": [photo]}
    assert (await api.post("police.officer.1", f"/v1/cases/{case}/notes", noted)).status_code == 200
    await api.post("civil.officer.1", f"/v1/cases/{case}/full-view", {"need": "verify", "note": WORDS[5]})
    await close(api, case, "no_risk_found")
    assert (await api.get(ONE, "/v1/statistics/outcomes")).status_code == 200  # keeps what the rules find of its child
    watch = await begin(api, case)
    visited = {"finding": "well", "note": WORDS[4]}
    assert (await api.post("comm-110106007.officer.1", f"/v1/watches/{watch}/visits", visited)).status_code == 200
    ended = await api.post("comm-110106007.officer.1", f"/v1/watches/{watch}/end", {"reason": "moved_and_handed_over"})
    assert ended.status_code == 200, ended.text
    (child,) = await in_the_past(api, case)
    async with api.service.engine.begin() as conn:
        row = {
            "id": f"entry-{child}", "version": 1, "book": "services", "desk": "CIVIL", "division": "110106", "kind": "added",
            "fields": {}, "private": {"child": child, "by": WORDS[7]}, "marks": [vault_of(conn).mark("child", child)],
            "at": datetime.now(UTC), "by": "civil.officer.1",
        }  # fmt: skip
        await conn.execute(insert(register_entries).values(await sealed_row(conn, register_entries, row)))
    return {**told_, "child": child, "photo": photo}


async def test_a_case_is_listed_once_it_is_due_and_goes_from_the_list_when_it_is_in_use_again(api, old):
    young, case = (await told(api))["case_id"], old["case_id"]
    await close(api, young, "no_risk_found")
    await listed(api)
    row = (await lines(api))[case]
    assert (row["kept"], row["rule"], row["held"], row["due_on"]) == ("case", "case_10y_21", False, "2025-03-04")
    assert young not in await lines(api)
    is_problem(await api.post(ONE, f"{LIST}/{young}/erase"), 404, "not_listed")
    mine = update(tables.watches).where(tables.watches.c.child_id == old["child"])
    for is_open in (True, False):
        async with api.service.engine.begin() as conn:
            await conn.execute(mine.values(is_open=is_open))
        if is_open:
            is_problem(await api.post(ONE, f"{LIST}/{case}/erase"), 409, "not_due")
        await listed(api)
        assert (case in await lines(api)) is not is_open


async def test_the_list_is_the_supervisors_and_the_rules_are_everybodys(api, old):
    assert [rule["basis"][-1]["id"] for rule in (await api.get(OTHER, f"{LIST}/rules")).json()] == ["default"] * 2
    for path in (LIST, f"{LIST}/holds"):
        is_problem(await api.get(OTHER, path), 403, "not_allowed")
    for path, body in (
        (f"{old['case_id']}/erase", {}),
        (f"{old['case_id']}/holds", {"reason": "audit", "note": "核对"}),
    ):
        is_problem(await api.post(OTHER, f"{LIST}/{path}", body), 403, "not_allowed")
    assert WORDS[0] not in (await api.get(ONE, LIST)).text


async def test_whom_the_case_is_about_neither_destroys_nor_holds_it_nor_approves(api, old):
    case, ours = old["case_id"], tables.cases
    mine = update(ours).where(ours.c.id == case)
    async with api.service.engine.begin() as conn:
        await conn.execute(mine.values(about=[TWO]))
    try:
        assert case not in (await api.get(TWO, LIST)).text
        is_problem(await api.post(TWO, f"{LIST}/{case}/erase"), 404, "case_not_found")
        is_problem(
            await api.post(TWO, f"{LIST}/{case}/holds", {"reason": "audit", "note": "核对"}), 404, "case_not_found"
        )
        made = (await api.post(ONE, "/v1/approvals", asked(case))).json()["id"]
        is_problem(await api.post(TWO, f"/v1/approvals/{made}/approve"), 404, "approval_not_found")
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(mine.values(about=[]))


def asked(case):
    return {"act": "delete", "parameters": {"case": case}, "reason": "retention_over", "note": WORDS[5]}


async def test_a_hold_stops_it_whatever_was_approved_and_is_lifted_by_two(api, old):
    case = old["case_id"]
    await listed(api)
    held = await api.post(ONE, f"{LIST}/{case}/holds", {"reason": "litigation", "note": WORDS[5]})
    assert held.status_code == 201, held.text
    hold = held.json()["id"]
    assert (await lines(api, "held")).keys() == {case}
    assert WORDS[5] in (await api.get(TWO, f"{LIST}/holds")).text
    await listed(api)
    assert case in await lines(api, "held"), "the next night changes nothing"
    await api.approved(ONE, TWO, "delete", case=case)
    is_problem(await api.post(ONE, f"{LIST}/{case}/erase"), 409, "on_hold")
    lifting = (ONE, f"{LIST}/holds/{hold}/lift", {"reason": "ended"})
    is_problem(await api.post(*lifting), 409, "second_person_needed")
    own = await api.post(ONE, "/v1/approvals", {**asked(case), "act": "hold", "parameters": {"hold": hold}})
    is_problem(await api.post(ONE, f"/v1/approvals/{own.json()['id']}/approve"), 409, "second_person_needed")
    lifted = {"act": "hold", "parameters": {"hold": hold}, "reason": "by_law", "note": f"{WORDS[0]}的诉讼已结"}
    said = (await api.post(ONE, "/v1/approvals", lifted)).json()
    waits = {one["id"]: one for one in (await api.get(TWO, "/v1/approvals?limit=200")).json()["items"]}
    for row in (said, waits[said["id"]]):
        assert row["case_id"] == case
        assert WORDS[0] not in row["note"]
        assert "的诉讼已结" in row["note"]
    await api.approved(ONE, TWO, "hold", hold=hold)
    assert (await api.post(*lifting)).status_code == 200
    is_problem(await api.post(ONE, f"{LIST}/holds/hold-none/lift", {"reason": "ended"}), 404, "hold_not_found")
    assert case in await lines(api)
    async with api.service.engine.connect() as conn:
        row = (await conn.execute(select(tables.legal_holds).where(tables.legal_holds.c.id == hold))).mappings().one()
    assert (row["lifted_by"], row["lift_reason"]) == (ONE, "ended")
    assert WORDS[5] not in str(row)


async def test_two_persons_destroy_it_and_nothing_says_any_more_who_it_was(api, old):
    case, child = old["case_id"], old["child"]
    async with api.service.engine.begin() as conn:
        await conn.execute(
            update(tables.approvals).where(tables.approvals.c.case_id == case).values(used_at=func.now())
        )
    await listed(api)
    is_problem(await api.post(ONE, f"{LIST}/{case}/erase"), 409, "second_person_needed")
    await api.approved(ONE, TWO, "delete", case=case)
    is_problem(await api.post(TWO, f"{LIST}/{case}/erase"), 409, "second_person_needed")  # whoever proposed does it
    before = await kept_of(api, case)
    done = await api.post(ONE, f"{LIST}/{case}/erase")
    assert done.status_code == 200, done.text
    # the case, its watch, its photograph and the entry of the register
    assert (done.json()["streams"], done.json()["files"]) == (4, 1)
    assert done.json()["backups"] >= 4
    is_problem(await api.post(ONE, f"{LIST}/{case}/erase"), 404, "case_not_found")
    line_ = (await lines(api, "erased"))[case]
    assert (line_["erased_by"], line_["approval_id"] is not None) == (ONE, True)
    after = await kept_of(api, case)
    assert after["events"] == before["events"]
    assert after["audit"][:-1] == before["audit"], "what was on record stays"
    assert after["audit"][-1][1:] == (ONE, "erase", "retention_over")
    async with api.service.engine.connect() as conn:
        assert await in_dump(conn, WORDS) == {}
        for table, column in (
            (tables.notes, "stream_id"), (tables.contents, "stream_id"), (tables.files, "stream_id"), (tables.children, "case_id"),
            (tables.tasks, "case_id"), (tables.notices, "case_id"), (case_outcomes, "case_id"),
        ):  # fmt: skip
            found = select(func.count()).where(table.c[column].in_([case, f"watch-{child}", f"file-{child}"]))
            assert (await conn.execute(found)).scalar_one() == 0, table.name
        keys = await vault_of(conn).keys(conn, [case, f"watch-{child}", old["photo"], f"entry-{child}"])
        assert set(keys.values()) == {None}
        for table in (tables.full_views, tables.approvals):
            rows = (await conn.execute(select(table).where(table.c.case_id == case))).mappings().all()
            assert rows
            assert {row["note"] for row in await opened(conn, rows, table)} == {None}
        (entry,) = await entries_of(conn, select(register_entries).where(line.id == f"entry-{child}"))
        assert entry.fields == {}


async def kept_of(api, case):
    row, event = tables.audit.c, tables.events.c
    async with api.service.engine.connect() as conn:
        query = select(row.id, row.person_id, row.action, row.why).where(row.stream_id == case).order_by(row.id)
        events = (await conn.execute(select(event.version, event.kind).where(event.stream_id == case))).all()
        return {"audit": (await conn.execute(query)).all(), "events": sorted(events)}


async def test_for_people_it_does_not_exist_and_nothing_breaks_over_it(api, old):
    case, child, photo = old["case_id"], old["child"], old["photo"]
    assert (await lines(api, "erased"))[case]["erased_at"], "the test before has destroyed it"
    for person in ("police.officer.1", "civil.officer.1", ONE, TWO, "comm-110106007.officer.1"):
        for path in (
            f"/v1/cases/{case}", f"/v1/cases/{case}/timeline", f"/v1/cases/{case}/explanation", f"/v1/cases/{case}/files",
            f"/v1/children/{child}", f"/v1/files/{photo}",
        ):  # fmt: skip
            answer = await api.get(person, path)
            assert answer.status_code in (403, 404), (person, path, answer.text)
        for path in (
            "/v1/cases?open_only=false&limit=200", "/v1/tasks?view=done&limit=200", "/v1/watches?limit=200", "/v1/notices?limit=200",
        ):  # fmt: skip
            answer = await api.get(person, path)
            assert answer.status_code == 200, (path, answer.text)
            assert case not in answer.text, path
    for path in (
        "/v1/stalled",
        "/v1/overview",
        "/v1/statistics/volumes",
        "/v1/statistics/outcomes",
        "/v1/statistics/anonymised",
        "/v1/approvals?waiting=false",
        "/v1/full-views",
    ):
        assert (await api.get(ONE, path)).status_code == 200, path
    assert (await api.get(ONE, "/v1/statistics/anonymised")).json()["unread"] == 0, "nothing of it is left to be read"
    is_problem(await api.post("health.officer.1", "/v1/emergency-reads", {"case": case, "reason": "medical", "note": "核对"}),
               404, "case_not_found")  # fmt: skip
    assert (await api.post(None, "/v1/progress", {"receipt": old["receipt"]})).status_code == 404
    found = await api.post(ONE, "/v1/search/children", {"phone": TELEPHONE})
    assert case not in found.text
    is_problem(await api.post(ONE, f"/v1/cases/{case}/notes", {"note": "x"}), 404, "case_not_found")
    made = (await api.post(ONE, "/v1/approvals", asked(case))).json()
    assert made["case_id"] is None, "there is no such case"


async def test_who_reported_is_told_to_nobody_and_stands_in_what_never_changes_alone(api, key):
    """The ledger and the audit keep the account and the unit, by the right that nobody has to change them; every other table is without."""
    form = {"children": [{"name": WORDS[0], "birth_date": "2004-03-04", "residence_division": "110106007"}]}
    sent = {"Idempotency-Key": key}
    case = (await api.post("school.reporter.1", "/v1/reports", form, sent)).json()["case_id"]
    assert (await api.get("school.reporter.1", f"/v1/cases/{case}")).status_code == 404, (
        "an attempt of the reporter's own"
    )
    search = (f"/v1/audit?stream_id={case}&limit=200", f"/v1/audit?stream_id={case}&person_id=school.reporter.1")
    assert "school.reporter.1" in (await api.get(ONE, search[0])).text, "the control: civil affairs is told until then"
    before = await naming(api, case)
    assert before >= {"events", "audit", "cases", "reports", "submissions"}
    await close(api, case, "no_risk_found")
    await in_the_past(api, case)
    await listed(api)
    await api.approved(TWO, ONE, "delete", case=case)
    assert (await api.post(TWO, f"{LIST}/{case}/erase")).status_code == 200
    assert await naming(api, case) == {"events", "audit"}
    for person in (ONE, TWO, "auditor.1"):
        for path in search:
            answer = await api.get(person, path)
            assert answer.status_code == 200
            assert "school.reporter.1" not in answer.text.replace("person_id=school.reporter.1", ""), (person, path)
    again = await api.post("school.reporter.1", "/v1/reports", form, sent)
    assert again.json()["case_id"] == case


async def naming(api, case):
    """The tables in which a row of the case names the account or the unit of whoever reported it."""
    async with api.service.engine.connect() as conn:
        names = (
            (await conn.execute(text("select tablename from pg_tables where schemaname = 'public'"))).scalars().all()
        )
        asked = "select count(*) from {} t where t::text like :case and t::text ~ 'school.reporter.1|unit-school-1'"
        found = {
            name: (await conn.execute(text(asked.format(name)), {"case": f"%{case}%"})).scalar_one() for name in names
        }
    return {name for name, rows in found.items() if rows}


async def test_a_report_that_is_sent_again_after_it_was_destroyed_is_answered(api, key):
    sent = {"Idempotency-Key": key}
    form = {"children": [{"name": WORDS[0], "birth_date": "2004-03-04", "residence_division": "110106007"}]}
    first = (await api.post("village.reporter.1", "/v1/reports", form, sent)).json()
    await close(api, first["case_id"], "no_risk_found")
    await in_the_past(api, first["case_id"])
    await listed(api)
    await api.approved(TWO, ONE, "delete", case=first["case_id"])
    assert (await api.post(TWO, f"{LIST}/{first['case_id']}/erase")).status_code == 200
    again = await api.post("village.reporter.1", "/v1/reports", form, sent)
    assert (again.status_code, again.json()["receipt"]) == (201, first["receipt"]), again.text
