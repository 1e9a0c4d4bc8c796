"""附件: the files of a case, handed out as attachments, and new ones, each brought in by a remark of the case."""

from collections.abc import Sequence

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile

from app.api import files
from app.api.context import Conn, Shouhu
from app.api.edge import UPLOAD_LIMIT
from app.api.work import ON_CASE
from app.db.service import Service
from app.domain.access import Action, Actor
from app.files.examine import Taken, examine
from app.files.kinds import ACCEPT, AGAIN_SOON, MOST_FILES, BadFile
from app.router import Router
from app.web.case import Opened, facts_of, opened
from app.web.forms import OVERALL, Form
from app.web.frame import STRICT
from app.web.staff import Signed, person, show

router = Router(include_in_schema=False)


def is_upload(path: str) -> bool:
    """Whether files are sent there."""
    return path.startswith("/cases/") and path.endswith("/files")


@router.get("/cases/{case_id}/files")
async def listed(case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """In the order in which they came."""
    case = await opened(conn, who, shouhu, case_id)
    return await _page(request, conn, shouhu, case, Form(version=case.progress.version))


@router.post("/cases/{case_id}/files")
async def added(case_id: str, request: Request, shouhu: Shouhu) -> Response:
    """Examined, cleaned, and brought into the case by a remark; no connection to the database waits for what is sent or decoded."""
    async with shouhu.engine.begin() as conn:
        sender = await person(request, conn, shouhu)
        await opened(conn, sender, shouhu, case_id)
    said = await request.form(max_files=MOST_FILES, max_part_size=UPLOAD_LIMIT)
    form = Form({name: [one for one in said.getlist(name) if isinstance(one, str)] for name in said})
    came = [one for one in said.getlist("files") if isinstance(one, UploadFile) and one.filename]
    if not came:
        form.wrong("files", "请选择文件", "Please choose a file.")
    taken = [one for sent in came if (one := await _taken(shouhu, sent, form, sender.person_id))]
    async with shouhu.engine.begin() as conn:
        who = await person(request, conn, shouhu)
        return await _brought(request, conn, shouhu, who, case_id, form, taken)


async def _brought(
    request: Request, conn: AsyncConnection, shouhu: Service, who: Actor, case_id: str, form: Form, taken: Sequence[Taken]
) -> Response:  # fmt: skip
    case = await opened(conn, who, shouhu, case_id)
    kept = [] if form.errors else await form.attempt(conn, lambda: _kept(conn, shouhu, case, taken, form))
    command, action = ON_CASE["notes"]
    asked = None if form.errors else form.built(command, by=who, note=form.one("note"), files=kept)
    done = await form.perform(conn, shouhu, who, case.id, asked, action)
    if done is None:
        return await _page(request, conn, shouhu, case, form)
    return RedirectResponse(f"{case.path}/files", 303, headers=STRICT)


async def _taken(shouhu: Service, sent: UploadFile, form: Form, whose: str) -> Taken | None:
    """What is not taken is said beside the field."""
    try:
        return await examine(sent.filename or "", await sent.read(), shouhu.scanner, whose=whose)
    except BadFile as bad:
        form.wrong("files", f"{sent.filename}：{bad.fault.zh}", f"{sent.filename}: {bad.fault.en}")
        form.status = 503 if bad.fault in AGAIN_SOON else form.status
    return None


async def _kept(conn: AsyncConnection, shouhu: Service, case: Opened, taken: Sequence[Taken], form: Form) -> list[str]:
    """The ids under which they wait for the remark."""
    try:
        return [(await files.kept(conn, shouhu, case.who, one)).id for one in taken]
    except BadFile as bad:
        form.wrong("files", bad.fault.zh, bad.fault.en)
    return []


async def _page(request: Request, conn: AsyncConnection, shouhu: Service, case: Opened, form: Form) -> Response:
    facts = await facts_of(case, "files")
    may_read = case.allows(Action.READ_CONTENT)
    more = {
        "form": form, "accept": ACCEPT, "most": MOST_FILES,
        "files": await files.case_files(case.id, conn, case.who, shouhu) if may_read else None,
        "adds": may_read and case.progress.is_open and case.allows(Action.ADD_NOTE), "overall": OVERALL,
        "brought": {one["version"]: one for one in await case.reading.timeline()},
    }  # fmt: skip
    return await show(request, conn, case.who, "case_files.html", {**facts, **more}, status=form.status)
