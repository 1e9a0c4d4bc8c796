"""What cannot be undone takes two persons: the same natural person approves nothing of their own, by whatever way, account or seat."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from app.db import approvals as two
from app.db import tables
from app.db.identities import enter_staff_no
from app.db.people import actor_by_token, actors_of
from app.db.refold import mend
from app.db.vault import Broken, opened
from app.domain.approvals import HOLDS, WAITS, Act, Proposal, may_propose, require_second
from app.domain.refusals import Refused
from app.domain.sight import Actor
from app.domain.terms import Agency
from tests.api.conftest import TOKENS
from tests.api.test_reports import is_problem
from tests.api.test_stalled import later

FIRST, SECOND, SUPERVISOR = "civil.head.1", "civil.chief.1", "civil.supervisor.1"
ASKED = {"act": "export", "parameters": {"book": "work", "children": 73}, "reason": "hand_in", "note": "季度上报"}


@pytest.fixture(scope="module")
async def second_account(api):
    """`civil.head.9`: another account of the person behind `civil.head.1`, found by the same staff number."""
    row = {"id": "civil.head.9", "name": "", "agency": "CIVIL", "desk": "CIVIL", "roles": ["desk_head", "agency_head"],
           "token_hash": hashlib.sha256(b"token-of-civil.head.9").hexdigest()}  # fmt: skip
    TOKENS["civil.head.9"] = "token-of-civil.head.9"
    people = tables.people
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(people), row)
        assert [await enter_staff_no(conn, one, "110106-73") for one in (FIRST, row["id"])] == [True, True]
    yield row["id"]
    del TOKENS["civil.head.9"]
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(tables.deputies).where(tables.deputies.c.person_id.in_([FIRST, row["id"], SECOND])))
        await conn.execute(delete(people).where(people.c.id == row["id"]))
        await conn.execute(update(people).where(people.c.id == FIRST).values(staff_no=None))


async def proposed(api, person=FIRST, **changes):
    made = await api.post(person, "/v1/approvals", ASKED | changes)
    assert made.status_code == 201, made.text
    return made.json()["id"]


async def absence(api, person, deputy, by):
    now = datetime.now(UTC)
    body = {"person_id": person, "deputy_id": deputy, "from_at": (now - timedelta(hours=1)).isoformat(),
            "until_at": (now + timedelta(days=1)).isoformat()}  # fmt: skip
    made = await api.post(by, "/v1/deputies", body)
    assert made.status_code == 201, made.text


async def test_the_same_person_approves_nothing_of_their_own_by_any_way(api, second_account):
    """Q-S11: by the API, again with the same token, by a second account, as a deputy, for the absent proposer, and in the table itself."""
    await absence(api, SECOND, FIRST, SECOND)
    await absence(api, second_account, "civil.officer.1", second_account)
    ways = [
        (FIRST, {}), (FIRST, {"Idempotency-Key": "again"}), (second_account, {}), (FIRST, {"X-Acting-For": SECOND}),
    ]  # fmt: skip
    ids, succeeded = [await proposed(api) for _ in range(5)], 0
    for one in ids:
        for person, headers in ways:
            answer = await api.post(person, f"/v1/approvals/{one}/approve", None, headers)
            succeeded += answer.status_code == 200
            is_problem(answer, 409, "second_person_needed")
    assert succeeded == 0
    async with api.service.engine.connect() as conn:
        for account in (FIRST, second_account):
            with pytest.raises(IntegrityError):
                await conn.execute(
                    update(tables.approvals).where(two.approval.id == ids[0]).values(approved_by=account)
                )
            await conn.rollback()
    behalf = await proposed(api, FIRST)
    assert (await api.post(SECOND, f"/v1/approvals/{behalf}/approve")).status_code == 200
    as_deputy = await api.post(FIRST, "/v1/approvals", ASKED, {"X-Acting-For": SECOND})
    is_problem(await api.post(SECOND, f"/v1/approvals/{as_deputy.json()['id']}/approve"), 409, "second_person_needed")


async def test_a_case_is_not_closed_by_two_accounts_of_one_person(api, second_account):
    """The same link holds where the proposal stands in the ledger."""
    async with api.service.engine.begin() as conn:
        found = await actors_of(conn, {FIRST, second_account})
    assert set(found[FIRST].persons) == set(found[second_account].persons) == {FIRST, second_account}
    case = (await api.report())["case_id"]
    for child in (await api.progress(case))["children"]:
        await api.post("police.officer.1", f"/v1/cases/{case}/safety", {"child_id": child["id"], "safety": "safe"})
    await api.post("civil.officer.1", f"/v1/cases/{case}/answer", {"note": "已核实"})
    asked = {"reason": "no_risk_found"}
    assert (await api.post(FIRST, f"/v1/cases/{case}/closure-proposal", asked)).status_code == 200
    for person in (FIRST, second_account):
        is_problem(await api.post(person, f"/v1/cases/{case}/closure-approval"), 409, "second_person_needed")
    assert (await api.post(SECOND, f"/v1/cases/{case}/closure-approval")).status_code == 200


async def test_what_was_approved_is_done_once_as_it_was_asked_and_by_whoever_asked(api, second_account):
    asked, now = {"book": "work", "children": 99}, datetime.now(UTC)
    one = await proposed(api, parameters=asked)
    assert one in {row["id"] for row in (await api.get(SECOND, "/v1/approvals")).json()["items"]}
    assert one not in (await api.get("police.head.1", "/v1/approvals")).text
    is_problem(await api.post("police.head.1", f"/v1/approvals/{one}/approve"), 404, "approval_not_found")
    is_problem(await api.post("civil.officer.2", f"/v1/approvals/{one}/approve"), 403, "not_allowed")

    async def spend(person, parameters, at, **seat):
        async with api.service.engine.begin() as conn:
            who = (await actors_of(conn, {person}))[person].model_copy(update=seat)
            return await two.spend(conn, who, Act.EXPORT, parameters, at)

    with pytest.raises(Refused, match="second_person_needed"):
        await spend(FIRST, asked, now)
    assert (await api.post(SECOND, f"/v1/approvals/{one}/approve")).json()["approved_by"] == SECOND
    for person, parameters, at in (
        (FIRST, {"book": "work", "children": 100}, now),
        (SECOND, asked, now),
        (FIRST, asked, now + HOLDS + timedelta(minutes=1)),
    ):
        with pytest.raises(Refused, match="second_person_needed"):
            await spend(person, parameters, at)
    for seat in ({"acting_for": SECOND}, {"desk": "SW"}, {"agency": Agency.STREET}):
        with pytest.raises(Refused, match="second_person_needed"):
            await spend(FIRST, asked, now, **seat)
    assert await spend(FIRST, asked, now) == one
    with pytest.raises(Refused, match="second_person_needed"):
        await spend(FIRST, asked, now)
    is_problem(await api.post(SECOND, f"/v1/approvals/{one}/approve"), 409, "already_done")


async def test_a_rejected_or_late_proposal_opens_nothing(api):
    one, other = await proposed(api), await proposed(api)
    assert (await api.post(SECOND, f"/v1/approvals/{one}/reject")).json()["rejected_by"] == SECOND
    is_problem(await api.post(SECOND, f"/v1/approvals/{one}/approve"), 409, "already_done")
    with later(api, datetime.now(UTC) + WAITS):
        is_problem(await api.post(SECOND, f"/v1/approvals/{other}/approve"), 409, "approval_expired")


async def test_a_list_is_not_unmasked_without_the_second_person(api):
    person = "comm-110106014.officer.1"
    path = "/v1/ledgers/work?use=visit"
    is_problem(await api.get(person, path), 409, "second_person_needed")
    await api.approved(person, "street-110106014.head.1", "unmask_list", ledger="work", use="visit")
    for _ in range(2):
        assert (await api.get(person, path)).json()["masked"] is False
    is_problem(await api.get(person, "/v1/ledgers/work?use=verify"), 409, "second_person_needed")


async def test_a_second_account_is_concerned_by_what_concerns_the_first(api, second_account, walled):
    async with walled.begin() as conn:
        who = await actor_by_token(conn, TOKENS[second_account])
        marks = await conn.scalar(text("select current_setting('shouhu.marks')"))
    assert set(marks.split(",")) == set(who.marks) >= {FIRST, second_account}


def refusal(who, proposal, now):
    try:
        return require_second(who, proposal, now)
    except Refused as refused:
        return refused.code


@pytest.mark.parametrize("act", Act)
def test_who_may_propose_and_who_may_approve(act):
    seat = {
        name: Actor(person_id=name, agency=agency, desk=desk, roles=(role,))
        for name, agency, desk, role in (
            ("officer", "CIVIL", "CIVIL", "officer"), ("head", "CIVIL", "CIVIL", "desk_head"), ("machine", "CIVIL", "CIVIL", "machine"),
            ("admin", "CONF", "CONF", "admin"), ("other", "POLICE", "POLICE", "desk_head"), ("supervisor", "CONF", "CONF", "supervisor"),
            ("procurator", "PROC", "PROC", "procurator"), ("court", "COURT", "COURT", "desk_head"),
        )
    }  # fmt: skip
    proposes = {name for name, who in seat.items() if may_propose(who, act)}
    staff = {"officer", "head", "other", "supervisor", "procurator", "court"}
    wanted = {Act.UNSEAL: {"procurator", "court"}, Act.DELETE: {"supervisor"}, Act.HOLD: {"supervisor"}}
    assert proposes == wanted.get(act, staff)
    now = datetime.now(UTC)
    made = Proposal(
        id="a", act=act, digest="", proposed_by=("x",), agency="CIVIL", desk="CIVIL", expires_at=now + WAITS
    )
    may = {name for name, who in seat.items() if refusal(who, made, now) is None}
    assert may == {Act.UNSEAL: {"procurator", "court"}}.get(
        act, {"supervisor"} | ({"head"} if act not in wanted else set())
    )


async def test_every_step_is_on_record(api):
    one = await proposed(api)
    await api.post(SECOND, f"/v1/approvals/{one}/approve")
    async with api.service.engine.connect() as conn:
        row = tables.audit.c
        query = select(row.person_id, row.action, row.why).where(row.fields.contains([one[:40]])).order_by(row.id)
        assert (await conn.execute(query)).all() == [
            (FIRST, "propose_export", "hand_in"), (SECOND, "approve_export", "hand_in"),
        ]  # fmt: skip


async def test_what_was_written_as_the_reason_is_sealed_with_the_key_of_its_case(api):
    """In the table it is nobody's to read, to whoever is shown the row it is in clear; an act about a case that there is not has none."""
    case, said = (await api.report())["case_id"], "住址为虚构路七号"
    for person, path, body in (
        ("civil.officer.1", f"/v1/cases/{case}/full-view", {"need": "visit", "note": said}),
        (FIRST, "/v1/approvals", {**ASKED, "parameters": {"case": case}, "note": said}),
        ("health.officer.1", "/v1/emergency-reads", {"case": case, "reason": "medical", "note": said}),
        (FIRST, "/v1/approvals", {**ASKED, "parameters": {"case": "case-none"}, "note": said}),
    ):
        assert (await api.post(person, path, body)).status_code == 201
    read = tables.emergency_reads.c
    async with api.service.engine.connect() as conn:
        one = (await conn.execute(select(read.id).where(read.case_id == case))).scalar_one()
    judged = await api.post(SUPERVISOR, f"/v1/emergency-reads/{one}/verdict", {"verdict": "justified", "note": said})
    assert (judged.json()["note"], judged.json()["review_note"]) == (said, said)
    async with api.service.engine.connect() as conn:
        for table in (tables.full_views, tables.approvals, tables.emergency_reads):
            rows = (await conn.execute(select(table).order_by(table.c.id))).mappings().all()
            assert said not in str(rows)
            names = [row["case_id"] for row in rows]
            assert case in names
            assert "case-none" not in names
            of_case = [row for row in rows if row["case_id"] == case]
            with pytest.raises(Broken):
                await opened(conn, [{**row, "id": "another"} for row in of_case], table)
    assert said in (await api.get("civil.officer.1", "/v1/full-views")).text
    shown = (await api.get(SECOND, "/v1/approvals?limit=2")).json()["items"]
    assert [(row["note"], row["case_id"]) for row in shown] == [(said, None), (said, case)]
    assert said in (await api.get(SUPERVISOR, "/v1/emergency-reads?waiting=false&limit=200")).text


async def test_a_page_behind_the_door_names_no_case_that_its_reader_does_not_see(api):
    """To find whose words are to be masked the service opens the door; what a case is called is not looked up behind it."""
    officer, case, row = "civil.officer.1", (await api.report())["case_id"], tables.cases.c
    async with (
        api.service.engine.begin() as conn
    ):  # of others alone: it is in the sight of the supervisor, who proposes
        await conn.execute(update(tables.cases).where(row.id == case).values(desks=["POLICE"], agencies=["POLICE"]))
    is_problem(await api.get(officer, f"/v1/cases/{case}"), 404, "case_not_found")
    for asked in ({"parameters": {"case": case}}, {"act": "delete", "parameters": {"child": "ch-none"}}):
        await proposed(api, SUPERVISOR, **asked)
    for person, is_named in ((officer, False), ("civil.supervisor.1", True)):
        of_child, of_case = (await api.get(person, "/v1/approvals?limit=2")).json()["items"]
        assert (of_child["act"], of_child["case_id"], of_case["case_id"]) == ("delete", None, case)
        assert (of_case["case_no"] is not None) == is_named
    async with api.service.engine.begin() as conn:
        await mend(conn, case)
