"""Who read what of whom: on record before it leaves, or nothing leaves; and what a child's record of access shows."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Row,
    Select,
    TextualSelect,
    and_,
    bindparam,
    column,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import String

from app.db import tables
from app.db.session import is_away
from app.db.walls import row_concerns
from app.domain.access import Actor, scope
from app.domain.child_file import file_id
from app.domain.commands import Command, FileReport
from app.domain.terms import Role, Rung, Term
from app.domain.watch import watch_id

log = structlog.get_logger()
TRACE: ContextVar[str] = ContextVar("trace", default="")
"""The id of the request that is being answered; the log line, the answer and the audit carry the same."""
REFUSED = "refused"
"""How an attempt ended that was shut out."""
ALARM_AFTER = timedelta(seconds=90)
REFUSED_AFTER = timedelta(minutes=15)
"""How long a row may wait for its seal, before it is an alarm and before personal data is read no more; both default."""
WHY = """
    case when c.desks && cast(:desks as varchar[]) then 'own_desk'
         when c.agencies && cast(:agencies as varchar[]) then 'own_agency'
         when :everything then 'oversight'
         when c.rung = :top then 'procuratorate' end
"""
SESSIONS = ("sign_in", "sign_out")
MAKES_REPORTS, BESIDE = ("RecordVisit", "VerifyWarning", "ReturnRound", "SettleOwed"), 100
"""Commands of which a report may be made in the same transaction, and so many rows away its own row stands at most."""
UNSEALED = """
    select extract(epoch from clock_timestamp() - a.at)::float from audit a
    where a.xid >= coalesce((select below from seals order by number desc limit 1), 0) order by a.xid, a.id limit 1
"""
FULL_VIEW = "full_view:"
"""How the reason begins of whoever said why names are needed in full."""
OPEN_VIEW = f"""
    select '{FULL_VIEW}' || v.reason from full_views v
    where v.person_id = :person and v.behalf is not distinct from :behalf and v.stream_id = :view_of and v.until > clock_timestamp()
    order by v.opened_at desc limit 1
"""
READ = f"""
    with theirs as materialized (select {{shown}} from children where case_id = :stream)
    insert into audit (person_id, behalf, agency, action, stream_id, fields, children, why, outcome, trace_id)
    select :person, :behalf, :agency, one.action, :stream, array(select jsonb_array_elements_text(one.fields))::varchar[],
           coalesce(cast(:children as varchar[]), (select array_agg(id order by id) from theirs), '{{{{}}}}'),
           coalesce(:why, ({OPEN_VIEW}), (select {WHY} from cases c where c.id = :stream), 'office'), :outcome, :trace
    from jsonb_each(:acts) one(action, fields)
    returning coalesce(({UNSEALED}), 0) as waited, why,
              (select row(k.stream_id, k.wrapped, k.kek_id) from data_keys k where k.stream_id = :stream) as key,
              action = :main as is_main, case when action = :main then {{children}} end as children,
              case when action = :main then {{report}} end as report
"""
TEXTS = ("person", "behalf", "agency", "main", "stream", "view_of", "why", "outcome", "trace", "top")
CHILDREN = "(select jsonb_agg(to_jsonb(theirs)) from {} theirs)"
REPORT = """
    (select to_jsonb(said) from (select case_id, narrative, family, findings, reporter from reports where case_id = :stream) said)
"""


def _read(shown: str = "id", children: str = "null::jsonb", report: str = "null::jsonb") -> TextualSelect:
    said = text(READ.format(shown=shown, children=children, report=report)).bindparams(
        bindparam("acts", type_=JSONB), *(bindparam(name, type_=ARRAY(String)) for name in ("children", "desks", "agencies")),
        *(bindparam(name, type_=String) for name in TEXTS), bindparam("everything", type_=Boolean),
    )  # fmt: skip
    return said.columns(column("waited"), column("why"), column("key"), column("is_main"), *CONTENT)


CONTENT = column("children", JSONB), column("report", JSONB)
"""Of a case: the rows of its children and of its report, as they are stored."""
CONTENT_OF = text(f"""
    select {CHILDREN.format("(select * from children where case_id = :stream)")} as children, {REPORT} as report
""").columns(*CONTENT)
SAYS, BRINGS = _read(), _read("*", CHILDREN.format(""), REPORT)
"""The second brings that along, for whoever reads it next."""


class AuditUnavailable(Exception):
    """What was to be read cannot be put on record, or nobody seals what is; so it is not read."""


async def on_record(
    conn: AsyncConnection, who: Actor, action: str, stream_id: str | None, fields: Sequence[str], *,
    children: Sequence[str] | None = None, why: str | None = None, outcome: str = "done", view_of: str | None = None,
    also: Mapping[str, Sequence[str]] | None = None, brings: bool = False,
) -> Row[Any]:  # fmt: skip
    """Write the row; `waited` are the seconds that the oldest one has waited for its seal. Children of a case are found where none
    are named.

    `why` is the reason that was given, or that of the full view which the reader has open on `view_of`, or what opens the case to
    them. `also` are further actions of the same moment with their fields, a row each. `brings` the content of the case along.
    """
    allowed = scope(who)
    row: dict[str, Any] = {
        "person": who.person_id, "behalf": who.acting_for, "agency": who.agency.value,
        "acts": {name: [*parts] for name, parts in {action: fields, **(also or {})}.items()},
        "main": action, "stream": stream_id, "view_of": view_of, "children": list(children) if children is not None else None,
        "why": why, "outcome": outcome, "trace": TRACE.get(), "desks": list(allowed.desks), "top": Rung.PROCURATORATE.value,
        "agencies": [agency.value for agency in allowed.agencies], "everything": allowed.everything,
    }  # fmt: skip
    try:
        return next(one for one in await conn.execute(BRINGS if brings else SAYS, row) if one.is_main)
    except DBAPIError as failure:
        if is_away(failure):
            raise
        raise AuditUnavailable from failure


async def before_reading(
    conn: AsyncConnection, who: Actor, action: str, stream_id: str | None, fields: Sequence[str], *,
    children: Sequence[str] | None = None, why: str | None = None, view_of: str | None = None,
    also: Mapping[str, Sequence[str]] | None = None, brings: bool = False,
) -> Row[Any]:  # fmt: skip
    """On record, or AuditUnavailable: `why` is the reason that stands there, `key` the stored key of the stream, if it has one;
    `brings` as in `on_record`.

    Refused as well where rows have waited too long for a seal, for they could be changed unseen.
    """
    row = await on_record(
        conn, who, action, stream_id, fields, children=children, why=why, view_of=view_of, also=also, brings=brings
    )
    waited = timedelta(seconds=row.waited)
    if waited > ALARM_AFTER:
        log.error("audit_not_sealed", seconds=round(waited.total_seconds()))
    if waited > REFUSED_AFTER:
        raise AuditUnavailable
    return row


def row_of(command: Command, stream_id: str, after: Any) -> dict[str, Any]:
    """Of a command, in its own transaction: the children of its stream, or the one that it names, the code of a reason that it gives, and
    what it brings along. Its words are sealed elsewhere."""
    by, reason = command.by, getattr(command, "reason", None)
    here = [one.id for one in getattr(after, "children", ())] or [*filter(None, [getattr(after, "child_id", None)])]
    named, field = getattr(command, "child_id", None), getattr(command, "field", None)
    brought = {"notes": command.note or command.kept, "files": command.files, "facts": isinstance(command, FileReport)}
    return {
        "person_id": by.person_id, "behalf": by.acting_for, "agency": by.agency.value, "action": type(command).__name__,
        "stream_id": stream_id, "version": after.version, "trace_id": TRACE.get(),
        "children": [named] if named in here else here,
        "why": reason.value if isinstance(reason, Term) else "" if by.has(Role.ENGINE) else "office",
        "fields": [*([field.value] if isinstance(field, Term) else ()), *(name for name, is_there in brought.items() if is_there)],
    }  # fmt: skip


async def unsealed_for(conn: AsyncConnection) -> timedelta:
    """How long the oldest row has waited for its seal."""
    waited = (await conn.execute(text(UNSEALED))).scalar_one_or_none()
    return timedelta(seconds=waited or 0)


line = tables.audit.c


def access_to(child_id: str) -> Select[*tuple[Any, ...]]:
    """Whoever read or changed something of this child: in its case, its file or its watch."""
    own = line.stream_id.in_([file_id(child_id), watch_id(child_id)])
    streams = or_(line.stream_id == func.shouhu_case_of(child_id), own)
    return shown().where(or_(line.children.contains([child_id]), streams & (func.cardinality(line.children) == 0)))


def shown() -> Select[*tuple[Any, ...]]:
    """Rows as they are shown; `hidden` are those whose person is, or could tell, who reported, `erased` those of a case that was destroyed."""
    return select(
        line.id, line.at, line.person_id, line.behalf, line.agency, line.action, line.stream_id, line.version, line.fields, line.children,
        line.why, line.outcome, line.trace_id, hidden().label("hidden"), erased().label("erased"),
    )  # fmt: skip


def hidden() -> ColumnElement[bool]:
    """Who filed, by a step that made the report too, in one transaction, for a trace is the caller's to choose; who uploads before filing,
    whoever of the reporter's unit tried the case in vain, for only they know its id, and when those come who report for a unit."""
    filed = tables.audit.alias("filed").c
    beside = filed.id.between(line.id - BESIDE, line.id + BESIDE) & (filed.xid == line.xid)
    made = select(filed.id).where(beside, filed.action == FileReport.__name__).correlate(tables.audit).exists()
    tried = and_(line.outcome == REFUSED, func.shouhu_is_reporter(line.stream_id, line.person_id, type_=Boolean))
    return or_(
        line.action.in_([FileReport.__name__, "add_file"]),
        line.action.in_(MAKES_REPORTS) & made,
        tried,
        comes_to_report(),
    )


def comes_to_report() -> ColumnElement[bool]:
    """Sessions of those who report for a unit, beside whose instants a report was filed."""
    people = tables.people.c
    reports = select(people.id).where(people.id == line.person_id, people.unit.is_not(None)).correlate(tables.audit)
    return line.action.in_(SESSIONS) & reports.exists()


def erased() -> ColumnElement[bool]:
    """Rows of a case whose content was destroyed; from then on nobody is told who reported it."""
    return func.shouhu_erased(line.stream_id, type_=Boolean)


def about(who: Actor) -> ColumnElement[bool]:
    """Rows of a case that is about the actor, or of a child of it."""
    return row_concerns(who, line.stream_id, line.children)
