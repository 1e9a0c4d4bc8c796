"""What a route needs: the ledger and a connection in one transaction, who asks, and what a case is to them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import ColumnElement, and_, false, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api.limits import spend_as
from app.api.problems import Problem
from app.db import tables
from app.db.audit import before_reading
from app.db.keys import PREFIX
from app.db.people import actor_by_key, actor_by_session, actor_by_token, deputy
from app.db.service import Service
from app.db.walls import OF_ONE, WIDELY, child_concerns, concerns, of_one_thing, through_the_door
from app.domain.access import Action, Actor, CaseSubject, Deny, may, scope
from app.domain.case_no import case_no
from app.domain.disclosure import Told, told_to
from app.domain.file_sight import works_at
from app.domain.keys import opens
from app.domain.own_part import Part, part_of
from app.domain.own_part import subject_of as subject_of
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Rung

BEARER = HTTPBearer(
    auto_error=False, scheme_name="token", description="The token of a person, or the key of a unit's system."
)


async def service(request: Request) -> Service:
    """The one of this process; a coroutine, for a plain function would be sent to a thread."""
    return request.app.state.service


async def connection(request: Request) -> AsyncIterator[AsyncConnection]:
    """One transaction a request; it is committed before the answer leaves."""
    async with request.app.state.service.engine.begin() as conn:
        try:
            yield conn
        finally:
            if ending := getattr(request.state, "ending", None):
                await ending


async def commit_meanwhile(request: Request, conn: AsyncConnection) -> None:
    """All is read: the commit, which waits for the disk, goes on while the answer is made. `connection` waits for it, and raises what
    it raises, so nothing leaves before."""
    request.state.ending = asyncio.create_task(conn.commit())
    await asyncio.sleep(0)  # one turn of the loop, in which the word is sent


Conn = Annotated[AsyncConnection, Depends(connection, scope="function")]
Shouhu = Annotated[Service, Depends(service)]


SESSION = "__Host-session"
SAFE = ("GET", "HEAD", "OPTIONS")


def is_same_origin(request: Request) -> bool:
    """Whether a page of this service sent the request; a browser that does not say so is not believed."""
    if said := request.headers.get("sec-fetch-site"):  # of a page that sends no Referer, the Origin is `null`
        return said == "same-origin"
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")


async def by_session(request: Request, conn: AsyncConnection, now: datetime, *, is_seen: bool = True) -> Actor | None:
    """The person of the browser's session; what changes something has to come from a page of this service."""
    token = request.cookies.get(SESSION)
    if token is None:
        return None
    if request.method not in SAFE and not is_same_origin(request):
        raise Problem(
            403, "cross_site", "请求不是从本系统页面发出 · The request does not come from a page of this service."
        )
    return await actor_by_session(conn, token, now, is_seen=is_seen, plans=_plans_of(request))


async def _by_bearer(request: Request, conn: AsyncConnection, said: str, now: datetime) -> Actor | None:
    if said.startswith(PREFIX):
        return await actor_by_key(conn, said, now)
    return await actor_by_token(conn, said, plans=_plans_of(request))


def _plans_of(request: Request) -> str:
    """Of a path that names one case, what follows is found by its keys, and planning it for each person took longer than finding it."""
    return OF_ONE if "case_id" in request.path_params else WIDELY


def route_of(request: Request) -> str:
    """The name of the route in the API."""
    return getattr(request.scope.get("route"), "operation_id", None) or ""


async def actor(
    request: Request,
    conn: Conn,
    shouhu: Shouhu,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    x_acting_for: Annotated[str | None, Header(description="The absent person whose deputy acts.")] = None,
) -> Actor:
    """The person behind the bearer token or the session, in the seat of whom they stand in for."""
    now = shouhu.ledger.clock()
    request.state.said = bearer.credentials if bearer else request.cookies.get(SESSION)
    found = await (_by_bearer(request, conn, bearer.credentials, now) if bearer else by_session(request, conn, now))
    if found is None:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    request.state.who = found
    spend_as(request, found)
    if found.scopes is not None and not opens(found.scopes, route_of(request)):
        raise Refused(RefusalCode.SCOPE_MISSING)
    if x_acting_for is None:
        return found
    standing_in = await deputy(conn, found, x_acting_for, now)
    if standing_in is None:
        raise Refused(RefusalCode.NOT_ALLOWED)
    return standing_in


Who = Annotated[Actor, Depends(actor, scope="function")]


def visible(who: Actor) -> ColumnElement[bool]:
    """The access rule as a condition on `cases`: what one may not see does not exist."""
    allowed, case = scope(who), tables.cases.c
    unconcerned = not_(case.about.overlap(list(allowed.marks))) if allowed.marks else true()
    if allowed.everything:
        return unconcerned
    parts: list[ColumnElement[bool]] = []
    if allowed.desks:
        parts.append(case.desks.overlap(list(allowed.desks)))
    if allowed.agencies:
        parts.append(case.agencies.overlap([agency.value for agency in allowed.agencies]))
    if allowed.at_procuratorate:
        parts.append(case.rung == Rung.PROCURATORATE.value)
    return and_(or_(*parts), unconcerned) if parts else false()


def is_kept() -> ColumnElement[bool]:
    """Its content has not been destroyed; for people it is there no more, in figures it goes on."""
    return tables.cases.c.erased_at.is_(None)


def unconcerned(who: Actor, case_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The case behind a row of a desk, a unit or a person is not about the actor."""
    return not_(concerns(who, case_id))


def unconcerned_by_watch(who: Actor) -> ColumnElement[bool]:
    """Neither the case behind a watch nor any of the child's, or of who is the same child, is about the actor."""
    watch = tables.watches.c
    return and_(unconcerned(who, watch.case_id), not_(child_concerns(who, watch.child_id)))


def at_desk_of(who: Actor, desk: ColumnElement[str]) -> ColumnElement[bool]:
    """The desk whose work the actor sees, or those of its committees; a reporter or an administrator there sees none."""
    desks = works_at(who)  # one desk is read in the order of its index, a list is sorted
    return desk.in_(desks) if desks else false()


class Found(NamedTuple):
    """Where a case stands, and what people call it."""

    progress: Progress
    case_no: str


async def found(conn: AsyncConnection, who: Actor, case_id: str, *, to_act: bool = False) -> Found:
    """A visible case; CASE_NOT_FOUND for all others. Whoever sees it `to_act` on it has passed the door."""
    case = tables.cases.c
    query = select(case.progress, case.number, case.filed_at, through_the_door() if to_act else of_one_thing())
    row = (await conn.execute(query.where(case.id == case_id, visible(who), is_kept()))).one_or_none()
    if row is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    return Found(Progress.model_validate(row.progress), case_no(row.number, row.filed_at))


async def progress_of(conn: AsyncConnection, who: Actor, case_id: str, *, to_act: bool = False) -> Progress:
    """Where it stands."""
    return (await found(conn, who, case_id, to_act=to_act)).progress


async def numbers_of(conn: AsyncConnection, who: Actor, case_ids: Iterable[str]) -> dict[str, str]:
    """What these cases are called, as far as the caller may see them: also behind a door that was opened for something else."""
    case = tables.cases.c
    query = select(case.id, case.number, case.filed_at).where(case.id.in_(set(case_ids)), visible(who))
    found = await conn.execute(query)
    return {row.id: case_no(row.number, row.filed_at) for row in found}


async def told(conn: AsyncConnection, who: Actor, shouhu: Service, progress: Progress) -> Told:
    """What a person is told of those whom the case is about, by the disclosure lists of the version that the case follows."""
    return told_to(who, progress, (await shouhu.ledger.pack(conn, progress.policy)).lists)


async def part(conn: AsyncConnection, who: Actor, shouhu: Service, progress: Progress) -> Part:
    """How much of a case a person is shown: all of it, or the header and what they owe themselves."""
    return part_of(who, progress, await told(conn, who, shouhu, progress))


def require(who: Actor, action: Action, subject: CaseSubject | None = None) -> None:
    """Raise the refusal that the access rule names."""
    answer = may(who, action, subject)
    if isinstance(answer, Deny):
        raise Refused(answer.reason)


async def audit_read(
    conn: AsyncConnection, who: Actor, action: str, case_id: str | None, fields: list[str], *,
    children: Sequence[str] | None = None, why: str | None = None,
) -> None:  # fmt: skip
    """Call it before personal data is read: it is on record before it leaves, for the transaction ends before the answer."""
    await before_reading(conn, who, action, case_id, fields, children=children, why=why)
