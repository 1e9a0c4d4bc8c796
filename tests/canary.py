"""A case of which every word is unique: filed straight into a database, read as the service reads it, looked for as in a dump."""

import uuid

from sqlalchemy import select, text

from app.db import tables
from app.db.intake import file
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.vault import opened
from app.domain import commands as c
from app.domain.access import Actor
from app.domain.submission import Submission
from app.policy.loader import load

REPORTER = Actor(
    person_id="hotline.reporter.1", agency="HOTLINE", desk="HOTLINE", roles=("reporter",), unit="unit-hotline-1"
)


def form(word):
    return Submission.model_validate(
        {
            "reporter": {"class": "public", "name": word["reporter"], "phone": word["phone"]},
            "children": [
                {
                    "name": word["name"], "id_no": word["id_no"], "birth_date": "2016-03-04", "residence": word["residence"],
                    "school": word["school"], "features": word["features"], "residence_division": "110106002",
                }
            ],
            "family": [{"name": word["guardian"], "note": word["guardian"]}],
            "narrative": word["narrative"],
        }
    )  # fmt: skip


def words():
    fields = ("reporter", "phone", "name", "id_no", "residence", "school", "features", "guardian", "narrative", "note")
    return {field: f"canary{uuid.uuid4().hex[:14]}" for field in fields}


async def filed(conn, word=None):
    ledger = Ledger(load, "fengtai-2026.1")
    word = word or words()
    case = (await file(conn, ledger, Receipts(b"of the seal"), form(word), REPORTER, uuid.uuid4().hex)).case_id
    await ledger.record(conn, case, c.AddNote(by=REPORTER, note=word["note"]), key=uuid.uuid4().hex)
    return case


async def read(conn, case):
    """What the service itself reads of a case."""
    child, report = tables.children, tables.reports
    children = (await conn.execute(select(child).where(child.c.case_id == case))).mappings()
    reports = (await conn.execute(select(report).where(report.c.case_id == case))).mappings()
    return (await opened(conn, children, child))[0], (await opened(conn, reports, report))[0]


async def in_dump(conn, given):
    """How many rows of all tables hold one of the words, as a dump would show them."""
    names = (
        await conn.execute(
            text("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")
        )
    ).scalars()
    found = {}
    for name in names.all():
        query = text(f'select count(*) from "{name}" t where t::text like any (:words)')
        if rows := (await conn.execute(query, {"words": [f"%{one}%" for one in given]})).scalar_one():
            found[name] = rows
    return found
