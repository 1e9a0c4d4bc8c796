"""Files: uploaded first, brought into a case by the report or the step of work that names them, and handed out as attachments."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import BEARER, Conn, Shouhu, Who, actor, audit_read, part, progress_of, require, subject_of, told
from app.api.need import look
from app.api.reading import content_of as content_of_case
from app.api.strict import StrictRoute
from app.db import tables
from app.db.audit import on_record
from app.db.files import content_of, keep
from app.db.service import Service
from app.db.vault import opened
from app.db.walls import open_door
from app.domain.access import Action, Actor, Deny, may
from app.domain.masking import hidden_from, without
from app.domain.own_part import Part
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused
from app.files.examine import Taken, examine
from app.router import Router

router = Router(tags=["files"], route_class=StrictRoute)
UPLOAD = "/v1/files"
AS_ATTACHMENT = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Download-Options": "noopen",
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
FileName = Annotated[
    str, Header(max_length=1000, description="The file's name, percent-encoded; no address and no log holds it.")
]


class Kept(BaseModel):
    """A file as it is kept: cleaned, under a name that is safe."""

    id: str = Field(description="Name it in `files` of a report or of a step of work, within a day.")
    name: str
    media_type: str = Field(description="Told by the content.")
    size: int = Field(description="Bytes of what is kept, which are never those that came.")


class FileRow(Kept):
    """A file of a case, and the fact that brought it."""

    version: int
    added_at: datetime


@dataclass(frozen=True)
class Sender:
    """Who sends a file: asked for before a byte of it is taken and again once it is here, for no connection to the database waits
    for somebody's telephone or for a decoder."""

    request: Request
    shouhu: Service
    bearer: HTTPAuthorizationCredentials | None
    acting_for: str | None

    @asynccontextmanager
    async def known(self) -> AsyncIterator[tuple[AsyncConnection, Actor]]:
        """A transaction in their sight."""
        async with self.shouhu.engine.begin() as conn:
            yield conn, await actor(self.request, conn, self.shouhu, self.bearer, self.acting_for)


async def sending(
    request: Request, shouhu: Shouhu, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    x_acting_for: Annotated[str | None, Header(description="The absent person whose deputy acts.")] = None,
) -> Sender:  # fmt: skip
    """Nothing is asked of the database yet."""
    return Sender(request, shouhu, bearer, x_acting_for)


Sending = Annotated[Sender, Depends(sending)]


@router.post(UPLOAD, status_code=201, operation_id="add_file", openapi_extra=BODY)
async def add_file(sender: Sending, request: Request, shouhu: Shouhu, x_file_name: FileName = "") -> Kept:
    """The body is the file: a photo, PDF, docx or xlsx of at most 10 MB. Macros are refused; places, authors and scripts are taken out."""
    async with sender.known() as (_, who):
        require(who, Action.ADD_FILE)
    taken = await examine(unquote(x_file_name), await request.body(), shouhu.scanner, whose=who.person_id)
    async with sender.known() as (conn, who):
        return await kept(conn, shouhu, who, taken)


async def kept(conn: AsyncConnection, shouhu: Service, who: Actor, taken: Taken) -> Kept:
    """What was examined waits for a fact that brings it into a case; on record."""
    require(who, Action.ADD_FILE)
    await on_record(conn, who, "add_file", None, ["file"], children=[])
    await open_door(conn)
    return Kept(**await keep(conn, who.person_id, taken, shouhu.ledger.clock()))


@router.get("/v1/cases/{case_id}/files", operation_id="case_files")
async def case_files(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[FileRow]:
    """The files of a case in the order in which they came: all for those who see all of it, else those of the own legs and hand.

    A name in the name of a file is masked like any other; in those of the own office's files, names that it is told.
    """
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CONTENT, subject_of(progress))
    lens = await look(conn, who, "read_content", case_id, ["files"])
    row, shown_part = tables.files.c, await part(conn, who, shouhu, progress)
    query = _with_facts(row.id, row.name, row.media_type, row.size, row.version, row.added_at).where(
        row.stream_id == case_id
    )
    found = (await conn.execute(query.order_by(row.version, row.added_at, row.id))).mappings()
    shown = await opened(conn, [one for one in found if _is_told(shown_part, one["body"])], tables.files)
    content, reporter = await content_of_case(conn, progress)
    see, hidden = lens.over((content, reporter)), hidden_from(reporter, knows=_knows_reporter(who, progress))
    typed = lens.over(((await told(conn, who, shouhu, progress)).of(content),))

    def named(one: Mapping[str, Any]) -> str:
        own = one["body"] is not None and shown_part.by_own_hand(one["body"])
        return typed(one["name"]) if own else see(without(one["name"], hidden))

    return [FileRow(**{**one, "name": named(one)}) for one in shown]


def _with_facts(*columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Files with the event that brought each."""
    row, fact = tables.files.c, tables.events.c
    return select(*columns, fact.body).outerjoin(
        tables.events, (fact.stream_id == row.stream_id) & (fact.version == row.version)
    )


def _is_told(shown: Part, fact: Mapping[str, Any] | None) -> bool:
    return shown.told.whole or (fact is not None and shown.wrote(fact))


def _knows_reporter(who: Actor, progress: Progress) -> bool:
    return not isinstance(may(who, Action.READ_REPORTER, subject_of(progress)), Deny)


@router.get("/v1/files/{file_id}", operation_id="read_file", response_class=Response)
async def read_file(file_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> Response:
    """The file itself, never as a page of this service."""
    row = tables.files.c
    of = (await conn.execute(_with_facts(row.stream_id).where(row.id == file_id))).one_or_none()
    if of is None or of.stream_id is None:
        raise Refused(RefusalCode.FILE_NOT_FOUND)
    progress = await progress_of(conn, who, of.stream_id)
    require(who, Action.READ_CONTENT, subject_of(progress))
    if not _is_told(await part(conn, who, shouhu, progress), of.body):
        raise Refused(RefusalCode.FILE_NOT_FOUND)
    await audit_read(conn, who, "read_file", of.stream_id, [file_id])
    found = await content_of(conn, file_id)
    if found is None:
        raise Refused(RefusalCode.FILE_NOT_FOUND)
    named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}"}
    return Response(found.content, media_type=found.media_type, headers=AS_ATTACHMENT | named)
