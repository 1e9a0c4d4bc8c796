"""What a reporter takes along: the receipt on a page and as a square to scan, and the way out in a hurry."""

import segno
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import Shouhu
from app.api.papers import reporters_paper
from app.db.receipts import asked_by_receipt
from app.db.service import PROGRESS_PATH, REPORT_PATH, Service
from app.db.streams import progress_of
from app.domain.disclosure import ForReporter, for_reporter
from app.domain.papers import ReporterPaper
from app.router import Router
from app.web.frame import STRICT, language, page
from app.web.report import COOKIE, KEPT, LEAVE, RECEIPT, here_of

router = Router(include_in_schema=False)


@router.get(RECEIPT)
async def receipt(request: Request, shouhu: Shouhu) -> Response:
    """For whoever has the draft that was filed, as long as its cookie lives; no address holds the code."""
    async with shouhu.engine.begin() as conn:
        here = await here_of(request, conn, shouhu)
        if here is None or here.by is None or here.draft.case_id is None:
            return RedirectResponse(REPORT_PATH, 303, headers=STRICT)
        report = await _standing(conn, here.draft.case_id, "progress_by_receipt")
    code = shouhu.receipts.code(here.draft.case_id)
    facts = {
        "code": code, "report": report, "square": _square(shouhu, code), "progress": PROGRESS_PATH, "path": REPORT_PATH,
        "has_account": here.draft.person_id is not None, "exit_url": LEAVE,
    }  # fmt: skip
    return page(request, "receipt.html", facts, live=True)


@router.get(RECEIPT + "/paper")
async def paper(request: Request, shouhu: Shouhu) -> Response:
    """The receipt as PDF, for the same draft."""
    async with shouhu.engine.begin() as conn:
        here = await here_of(request, conn, shouhu)
        if here is None or here.by is None or here.draft.case_id is None:
            return RedirectResponse(REPORT_PATH, 303, headers=STRICT)
        report = await _standing(conn, here.draft.case_id, "paper_by_receipt")
    code = shouhu.receipts.code(here.draft.case_id)
    return await reporters_paper(shouhu, ReporterPaper.RECEIPT, report, code, zh=language(request) == "zh")


async def _standing(conn: AsyncConnection, case_id: str, action: str) -> ForReporter:
    """On record as by its receipt, which is what the page shows; the answer is asked for by the code alone."""
    progress = await progress_of(conn, case_id)
    await asked_by_receipt(conn, progress, action, ["progress"])
    return for_reporter(progress, None)


def _square(shouhu: Service, code: str) -> str:
    """What stands behind # goes to no server; the page of the progress reads it and takes it out of the address."""
    made = segno.make(f"{shouhu.progress_page}#{code}", error="m")
    return made.svg_inline(scale=4, border=2, dark="#1b2430", light="#fff")


@router.get(LEAVE)
async def leave(request: Request, shouhu: Shouhu) -> Response:
    """Out, to a site that says nothing about this one; the browser forgets the draft, and the server drops it within a day."""
    outside = RedirectResponse(shouhu.exit_url or PROGRESS_PATH, 303, headers=STRICT)
    outside.delete_cookie(COOKIE, **KEPT)
    return outside
