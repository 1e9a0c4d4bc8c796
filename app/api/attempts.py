"""Refused attempts on record: who was refused what, after the answer has left, so that nobody can tell from its time what there is.

So many an hour of one person and kind, or the audit could be filled by asking.
"""

from typing import NamedTuple

import structlog
from fastapi import Request, Response
from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import String, cast, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.background import BackgroundTask

from app.db import signals, tables
from app.db.audit import REFUSED, AuditUnavailable, on_record
from app.db.service import Service
from app.db.session import DATABASE_ERRORS
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.child_file import file_id
from app.domain.sign_in import token_hash
from app.domain.terms import Agency
from app.domain.watch import child_of

ON_RECORD, TOLD = RateLimitItemPerHour(20), RateLimitItemPerHour(1)  # default
"""Of one person in one process, of what is hidden and of all else, so that harmless refusals use up no room of the others."""
SHUT_OUT = text("select * from shouhu_shut_out(:digest, :at)")
log = structlog.get_logger()


class Attempts:
    """Of one process."""

    def __init__(self) -> None:
        self._counted = FixedWindowRateLimiter(MemoryStorage())

    def may_be_noted(self, person: str, *, hidden: bool) -> bool:
        """Whether this one still goes on record."""
        if self._counted.hit(ON_RECORD, person, str(hidden)):
            return True
        if self._counted.hit(TOLD, "told", person):
            log.warning("attempts_not_recorded", more_than=ON_RECORD.amount)
        return False


class About(NamedTuple):
    """What was asked for, by the id of a case, of a child or of the watch over one, of a signal, or of what is owed."""

    stream_id: str | None
    children: list[str] | None
    """Where there is no case; else those of the case are meant."""
    exists: bool


def noted(request: Request, answer: Response, code: str) -> Response:
    """The same answer; what it refused goes on record once it has left."""
    if answer.status_code in (401, 403, 404):
        answer.background = BackgroundTask(_note, request, answer.status_code, code)
    return answer


async def _note(request: Request, status: int, code: str) -> None:
    shouhu: Service = request.app.state.service
    try:
        async with shouhu.engine.begin() as conn:
            who, why = getattr(request.state, "who", None), code
            if status == 401:
                who, why = await _shut_out(conn, request, shouhu)
            if who is None:
                return
            await open_door(conn)
            about = await _about(conn, request.path_params, getattr(request.state, "tried", ""))
            hidden = status == 404
            if hidden and not about.exists:
                return
            if not request.app.state.attempts.may_be_noted(who.person_id, hidden=hidden):
                return
            action = getattr(request.scope.get("route"), "operation_id", None) or "page"
            await on_record(conn, who, action, about.stream_id, [], children=about.children, why=why, outcome=REFUSED)
    except (*DATABASE_ERRORS, AuditUnavailable) as failure:
        log.warning("attempt_not_recorded", cause=type(failure).__name__)


async def _shut_out(conn: AsyncConnection, request: Request, shouhu: Service) -> tuple[Actor | None, str]:
    """Whose token, key or session it was before it ended; a word that nobody ever had is nobody's."""
    said = getattr(request.state, "said", None)
    found = said and await conn.execute(SHUT_OUT, {"digest": token_hash(said), "at": shouhu.ledger.clock()})
    row = found.first() if found else None
    if row is None:
        return None, ""
    return Actor(person_id=row.person, agency=Agency(row.agency), desk=row.desk, roles=()), row.why


async def _about(conn: AsyncConnection, ids: dict[str, str], tried: str) -> About:
    """By the path; `tried` is the id or the number of a case in the body."""
    case, child, named = tables.cases.c, tables.children.c, ids.get("child_id") or child_of(ids.get("watch_id", ""))
    if tried or "case_id" in ids:
        is_it = or_(case.id == tried, cast(case.number, String) == tried) if tried else case.id == ids["case_id"]
        found = (await conn.execute(select(case.id).where(is_it))).scalar_one_or_none()
        return About(found, None, exists=found is not None)
    for name, known in (("signal_id", signals.row.id), ("owed_id", tables.owed.c.id)):
        if name in ids:
            found = (await conn.execute(select(known).where(known == ids[name]))).scalar_one_or_none()
            return About(found, [], exists=found is not None)
    row = (
        (await conn.execute(select(child.id, child.case_id).where(child.id == named))).one_or_none() if named else None
    )
    if row is None:
        return About(None, None, exists=False)
    return About(row.case_id, None, exists=True) if row.case_id else About(file_id(row.id), [row.id], exists=True)
