"""文书: what of a case can be printed and sealed, for whom, and whether people stand in it by name; each made when it is asked for."""

from fastapi import Request, Response

from app.api import papers
from app.api.context import Conn, Shouhu
from app.db.need import opened as full_view_of
from app.domain.papers import Paper
from app.router import Router
from app.web.case import facts_of, opened
from app.web.staff import Signed, show

router = Router(include_in_schema=False)


@router.get("/cases/{case_id}/papers")
async def listed(case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Those that this person may have of the case as it stands."""
    case = await opened(conn, who, shouhu, case_id)
    rows = await papers.case_papers(case_id, conn, who, shouhu)
    facts = await facts_of(case, "papers")
    more = {"papers": rows, "in_full": await full_view_of(conn, who, case_id) is not None}
    return await show(request, conn, who, "case_papers.html", facts | more)


@router.get("/cases/{case_id}/papers/{paper}")
async def one(
    case_id: str, paper: Paper, conn: Conn, who: Signed, shouhu: Shouhu, referral_id: str | None = None
) -> Response:
    """For people: as the API makes it."""
    return await papers.read_paper(case_id, paper, conn, who, shouhu, referral_id)
