"""Each policy of the wall, on each table: taken away, it is missed."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text

from app.db import entries, tables
from app.db.alike import alike_files
from app.db.intake import file
from app.db.ledger import Ledger
from app.db.people import actor_by_token
from app.db.receipts import Receipts
from app.db.sheet_jobs import sheet_jobs, sheet_parts
from app.db.signals import signals
from app.db.vault import sealed_row
from app.db.walls import APP, DOOR, WALLED
from app.domain.access import Actor
from app.domain.submission import Submission
from app.policy.loader import load
from tests.conftest import TOKENS


@pytest.fixture(scope="module")
async def of_all(engine):
    """A case of which every walled table holds a row that the police, or its committee, may see; afterwards nothing of it but the report."""
    ledger, receipts = Ledger(load, "fengtai-2026.1"), Receipts(b"secret of the walls")
    hotline = Actor(
        person_id="hotline.reporter.1", agency="HOTLINE", desk="HOTLINE", roles=("reporter",), unit="unit-hotline-1"
    )
    child = {"name": "示例（化名）", "residence_division": "110106002"}
    made = []

    async def put(table, rows):
        for row in rows if isinstance(rows, list) else [rows]:
            key = await conn.execute(insert(table).returning(*table.primary_key), row)
            made.append((table, key.one()))

    async with engine.begin() as conn:
        filed = await file(conn, ledger, receipts, Submission.model_validate({"children": [child]}), hotline, None)
        case = filed.case_id
        await put(tables.notes, {"stream_id": case, "version": 99, "kind": "k", "body": "x"})
        other = {"case_id": case, "other_id": "case-none", "score": 1.0, "reasons": [], "state": "open"}
        await put(tables.suggestions, other)
        notice = {
            "person_id": "police.officer.1",
            "case_id": case,
            "version": 99,
            "kind": "k",
            "subject": "s",
            "at": datetime.now(UTC),
        }
        await put(tables.notices, notice)
        watch = {"id": f"watch-{case}", "version": 1, "policy": "p", "progress": {}, "is_open": True, "division": "110106002",
                 "child_id": f"ch-{case}", "case_id": case, "grade": "low", "desk": "POLICE"}  # fmt: skip
        await put(tables.watches, watch)
        file_row = {name: watch[name] for name in ("version", "policy", "progress", "is_open", "division", "child_id")}
        await put(tables.child_files, file_row | {"id": f"file-{case}", "desks": ["POLICE", "CONF"]})
        await put(tables.contents, {"stream_id": f"file-{case}", "version": 1, "body": "x"})
        key = {
            "agency": "POLICE",
            "scopes": [],
            "label": case,
            "made_by": "x",
            "made_at": notice["at"],
            "expires_at": notice["at"],
        }
        keys = [key | {"id": f"key-{desk}", "digest": desk, "unit": desk, "desk": desk} for desk in ("POLICE", "CONF")]
        await put(tables.api_keys, keys)
        upload = {"id": f"upload-{case}", "owner": "x", "stream_id": case, "version": 1, "name": "x", "media_type": "image/png",
                  "size": 1, "content": b"x", "added_at": datetime.now(UTC)}  # fmt: skip
        await put(tables.files, upload)
        draft = {"id": f"draft-{case}", "token_hash": case, "said": "x", "case_id": case, "began_at": datetime.now(UTC),
                 "seen_at": datetime.now(UTC)}  # fmt: skip
        await put(tables.drafts, draft)
        for person in ("police.officer.1", "conf.officer.1"):
            typed = {
                "person_id": person,
                "case_id": case,
                "form": "x",
                "said": "x",
                "version": 1,
                "saved_at": datetime.now(UTC),
            }
            await put(tables.form_drafts, typed)
            kept = {"id": f"{case}|{person}", "person_id": person, "name": "x", "query": {}, "is_default": False}
            await put(tables.saved_views, kept | {"made_at": datetime.now(UTC)})
            job = {
                "id": f"sheet-{person}",
                "step": "export",
                "book": case,
                "person_id": person,
                "actor": {},
                "state": "done",
            }
            await put(sheet_jobs, job | {"at": datetime.now(UTC)})
            await put(sheet_parts, {"job_id": job["id"], "name": "made", "number": 0, "body": b"x"})
        entry = {"id": f"entry-{case}", "version": 1, "book": case, "desk": "POLICE", "division": "110106", "kind": "added", "fields": {},
                 "private": "x", "at": datetime.now(UTC), "by": "x"}  # fmt: skip
        await conn.execute(
            insert(entries.register_entries), entry
        )  # lines only come; this one is of a register that nobody has
        opened = {"id": f"view-{case}", "person_id": "civil.officer.1", "agency": "CIVIL", "desk": "CIVIL", "stream_id": case,
                  "case_id": case, "reason": "visit", "note": "x", "fields": [], "opened_at": datetime.now(UTC),
                  "until": datetime.now(UTC)}  # fmt: skip
        await put(tables.full_views, await sealed_row(conn, tables.full_views, opened))
        asked = {"id": f"approval-{case}", "act": "export", "parameters": {}, "digest": "", "case_id": case, "reason": "verify",
                 "note": "x", "person_id": "police.officer.2", "proposed_by": ["police.officer.2"], "agency": "POLICE",
                 "desk": "POLICE", "proposed_at": datetime.now(UTC), "expires_at": datetime.now(UTC)}  # fmt: skip
        await put(tables.approvals, await sealed_row(conn, tables.approvals, asked))
        owing = {name: watch[name] for name in ("version", "policy", "progress", "is_open", "division", "desk")}
        owing |= {"id": f"owed-{case}", "matter": "signal", "code": "x", "subject": case, "agency": "POLICE"}
        await put(tables.owed, owing | {"opened_at": datetime.now(UTC), "due_at": datetime.now(UTC)})
        heard = {"id": f"signal-{case}", "unit": "x", "agency": "POLICE", "sent_id": case, "rule": "x", "policy": "p", "state": "held",
                 "division": "110106", "desk": "POLICE", "case_id": case, "received_at": datetime.now(UTC)}  # fmt: skip
        await put(signals, heard)
        mine = (await conn.execute(select(tables.children.c.id).where(tables.children.c.case_id == case))).scalar_one()
        alike = {"one": mine, "other": mine, "score": 1.0, "found_at": datetime.now(UTC)}
        await put(alike_files, alike)
        glass = {"id": f"glass-{case}", "case_id": case, "person_id": "police.officer.1", "accounts": ["police.officer.1"], "agency": "POLICE",
                 "desk": "POLICE", "reason": "medical", "note": "x", "read_at": datetime.now(UTC), "review_by": datetime.now(UTC)}  # fmt: skip
        await put(tables.emergency_reads, await sealed_row(conn, tables.emergency_reads, glass))
        due = {"subject_id": case, "kept": "case", "case_id": case, "rule": "x", "due_on": glass["read_at"].date(), "held": True,
               "listed_at": glass["read_at"]}  # fmt: skip
        await put(tables.disposals, due)
        wrong = {"stream_id": case, "problem": "no_owner", "repaired": True, "found_at": glass["read_at"]}
        await put(tables.findings, wrong)
        held = {"id": f"hold-{case}", "subject_id": case, "case_id": case, "reason": "audit", "note": "x", "set_by": "police.officer.1",
                "set_at": glass["read_at"]}  # fmt: skip
        await put(tables.legal_holds, await sealed_row(conn, tables.legal_holds, held))
    yield case
    async with engine.begin() as conn:
        for table, key in reversed(made):
            own = (column == value for column, value in zip(table.primary_key, key, strict=True))
            gone = await conn.execute(table.delete().where(*own))
            assert gone.rowcount == 1, table.name


OF_CASE = {
    "alike": "shouhu_case_of(one)",
    "owed": "subject",
    "api_keys": "label",
    "cases": "id",
    "child_files": "replace(id, 'file-', '')",
    "contents": "replace(stream_id, 'file-', '')",
    "register_entries": "book",
    "files": "stream_id",
    "findings": "stream_id",
    "data_keys": "stream_id",
    "notes": "stream_id",
    "people": "'police.officer.1'",
    "saved_views": "split_part(id, '|', 1)",
    "sheet_jobs": "book",
    "sheet_parts": "(select book from sheet_jobs where id = job_id)",
}
NOBODYS = ("drafts",)
"""Tables of which no person sees a row, only the service."""
VIEWERS = {"sight": "police.officer.1", "district": "conf.officer.1", "service": None}


async def shown(conn, table, policy, case):
    """How many rows of the case the role behind this policy sees."""
    person, key = VIEWERS[policy], OF_CASE.get(table, "case_id")
    if person:
        await conn.execute(text(f"set local role {APP}"))
        assert await actor_by_token(conn, TOKENS[person])
    else:
        await conn.execute(text(f"set local role {DOOR}"))
    if person and table == "notices":
        await conn.execute(text("select set_config('shouhu.person', :p, true)"), {"p": "police.officer.1"})
    found = text(f"select count(*) from {table} where {key} = :case")
    wanted = "police.officer.1" if table == "people" else case
    return (await conn.execute(found, {"case": wanted})).scalar_one()


@pytest.mark.parametrize(
    ("table", "policy"), [(t, p) for t in WALLED for p in VIEWERS if t not in NOBODYS or p == "service"]
)
async def test_a_policy_that_is_taken_away_is_missed(engine, of_all, tokens, table, policy):
    """In a transaction that is rolled back: with it the rows are there, without it nobody of that role sees one."""
    async with engine.connect() as conn:
        assert await shown(conn, table, policy, of_all)
        await conn.rollback()
        await conn.execute(text(f"drop policy {policy} on {table}"))
        assert await shown(conn, table, policy, of_all) == 0
        await conn.rollback()
