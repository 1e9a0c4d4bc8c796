"""The one door: a submission becomes a case, its content and its receipt, once, in one transaction."""

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.ledger import KeyReused, Ledger
from app.db.marks import Marks, marks_of
from app.db.owed import designation, open_all
from app.db.people import kept_out, unknown_among
from app.db.receipts import Receipts
from app.db.suggestions import candidate_of, hidden_from_staff, matching, suggestion_row
from app.db.vault import Vault, vault_of
from app.db.walls import open_door
from app.domain import commands as c
from app.domain.access import ENGINE, Actor
from app.domain.compartment import tells_offence, without_offence
from app.domain.facts import ChildFacts
from app.domain.identity import id_findings, normal_id
from app.domain.masking import EARLIER
from app.domain.refusals import Refused
from app.domain.sight import reads_with
from app.domain.submission import ReportedChild, Submission, facts_of

UNKNOWN = "unknown_concerned"
"""Of a word for whom a report is about that is nobody's code, so that it keeps nobody out. Whoever reports is not told: it would say
which codes there are."""


class InFlight(Exception):
    """The same submission is being received right now."""


@dataclass(frozen=True)
class Filed:
    """The answer to a submission."""

    case_id: str
    receipt: str
    findings: list[dict[str, Any]]
    replayed: bool = False


async def file(
    conn: AsyncConnection, ledger: Ledger, receipts: Receipts, submission: Submission, actor: Actor, key: str | None,
    watch: str | None = None, *, earlier: Sequence[Mapping[str, Any]] = (), concerned: Collection[str] = (),
) -> Filed:  # fmt: skip
    """Raises InFlight, KeyReused, Refused; nothing is half done. `earlier` reported the child before, and are hidden in its texts too;
    `concerned` are known already as whom it is about, beside those whom it names."""
    now, unit = ledger.clock(), actor.unit or actor.desk
    vault = vault_of(conn)
    hashed = hashlib.sha256(submission.model_dump_json().encode()).hexdigest() if key else ""
    body_hash = vault.digest(hashed) if key else ""
    await open_door(conn)
    if key and (before := await _submitted(conn, receipts, unit, key, body_hash, submission)):
        return before
    case_id = f"case-{uuid.uuid4().hex}"
    children = [child.model_copy(update={"child_id": f"ch-{uuid.uuid4().hex}"}) for child in submission.children]
    of_family = [member.phone for member in submission.family]
    marked = [marked_as(vault, child, of_family) for child in children]
    candidates = [candidate_of(case_id, child, of, now) for child, of in zip(children, marked, strict=True)]
    rules, facts, findings = await ledger.current(conn, now), facts_of(submission, children, now), _findings(children)
    left_out, hidden = list[dict[str, Any]](), set[str]()
    sealed = bool(rules.sealed_for(facts))
    if not sealed:
        left_out = _offence_left_out(facts.children)
        matches = await matching(conn, candidates, marked, now)
        kept = tuple(map(without_offence, facts.children))
        hidden = await hidden_from_staff(conn, matches) if matches else hidden
        facts = facts.model_copy(update={"children": kept, "possible_duplicate": bool(matches.keys() - hidden)})
    else:
        matches = {}
    named = await unknown_among(conn, submission.about) if submission.about else []
    nobody = [{"field": "about", "code": UNKNOWN, "value": one} for one in named]
    code = receipts.code(case_id)
    reporter = submission.reporter.model_dump(mode="json") | ({EARLIER: list(earlier)} if earlier else {})
    report = {
        "case_id": case_id, "receipt_hash": receipts.hash(code), "filed_by": actor.person_id, "office": reads_with(actor), "reporter_unit": unit,
        "happened_on": facts.happened_on, "reporter": reporter, "narrative": submission.narrative, "family": submission.family,
        "facts": facts, "findings": findings + nobody,
    }  # fmt: skip
    submitted = {"scope": unit, "key": key, "body_hash": body_hash, "case_id": case_id, "at": now}
    content = {
        tables.reports: [report],
        tables.children: [
            child_row(case_id, child, now, facts.division, of) for child, of in zip(children, marked, strict=True)
        ],
        tables.suggestions: [
            suggestion_row(other, case_id, match) if other in hidden else suggestion_row(case_id, other, match)
            for other, match in matches.items()
        ],
        tables.submissions: [submitted] if key else [],
    }
    concerned = (*submission.about, *concerned)
    about = await kept_out(conn, concerned, sealed=sealed) if concerned else ()
    command = c.FileReport(
        by=actor, facts=facts, unit=unit, watch=watch, about=about, named=submission.about, files=submission.files
    )
    await ledger.file(conn, case_id, command, now=now, content=content, rules=rules)
    for other in sorted(hidden):
        with suppress(Refused):  # closed, or linked, at this moment
            await ledger.record(conn, other, c.SuspectDuplicate(by=ENGINE), now=now)
    if sealed and not set(concerned).issubset(about):
        await open_all(conn, ledger, [designation(case_id)], now)
    return Filed(case_id, code, findings + left_out)


async def _submitted(
    conn: AsyncConnection, receipts: Receipts, scope: str, key: str, body_hash: str, again: Submission
) -> Filed | None:  # fmt: skip
    lock = text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    if not (await conn.execute(lock, {"name": f"{scope}/{key}"})).scalar_one():
        raise InFlight
    table = tables.submissions.c
    scopes = (scope, vault_of(conn).digest(scope))  # the second of what was destroyed
    row = (
        await conn.execute(select(table.case_id, table.body_hash).where(table.scope.in_(scopes), table.key == key))
    ).one_or_none()
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise KeyReused(key)
    report, case = tables.reports.c, tables.cases.c
    stored = select(report.findings, case.progress["sealed_for"].label("sealed_for")).where(
        report.case_id == row.case_id, case.id == report.case_id
    )
    kept = (await conn.execute(stored)).one()
    findings = [one for one in kept.findings if one["code"] != UNKNOWN]
    findings += [] if kept.sealed_for else _offence_left_out(again.children)
    return Filed(row.case_id, receipts.code(row.case_id), findings, replayed=True)


def _findings(children: list[ReportedChild]) -> list[dict[str, Any]]:
    found = []
    for n, child in enumerate(children):
        if child.id_no:
            codes = id_findings(child.id_no, child.birth_date, child.sex.value if child.sex else None)
            found += [{"child": n, "field": "id_no", "code": code} for code in codes]
    return found


def _offence_left_out(children: Sequence[ChildFacts]) -> list[dict[str, Any]]:
    """Nothing is refused for it, and the reporter is told where it belongs; kept nowhere, for it says that there was something to leave out."""
    told = ((n, field) for n, child in enumerate(children) for field in tells_offence(child))
    return [{"child": n, "field": field, "code": "kept_in_sealed_cases_only"} for n, field in told]


def marked_as(vault: Vault, child: ReportedChild, of_family: list[str | None]) -> Marks:
    """By what a child is found among others."""
    return marks_of(
        vault, name=child.name or "", born=child.birth_date, id_no=child.id_no, phones=(child.phone, *of_family)
    )


def child_row(case_id: str | None, child: ReportedChild, now: datetime, division: str, of: Marks) -> dict[str, Any]:
    """The content of a child as it was first named; without a case where nobody has reported it."""
    return {
        "id": child.child_id, "case_id": case_id, "name": child.name or "", "sex": child.sex.value if child.sex else None,
        "birth_date": child.birth_date, "birth_text": child.birth_text,
        "id_no": normal_id(child.id_no) if child.id_no else None, "phone": child.phone, "hukou": child.hukou,
        "residence": child.residence, "school": child.school, "features": child.features,
        "division": child.residence_division or division, "marks": of.all, "filed_at": now,
    }  # fmt: skip
