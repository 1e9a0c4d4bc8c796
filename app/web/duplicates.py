"""疑似重复: reports that may be about the same child, and two of them side by side; the decisions are forms of the case."""

from fastapi import Request, Response

from app.api import cases, comparison
from app.api.context import Conn, Shouhu
from app.domain.comparison import Verdict
from app.router import Router
from app.web.case import facts_of, opened
from app.web.staff import Signed, show
from app.web.tasks import STREETS

router = Router(include_in_schema=False)
LIGHTS = {Verdict.SAME: "g", Verdict.NEAR: "a", Verdict.DIFFERENT: "r", Verdict.ONE_SIDED: "x"}
FAMILY = {
    "family_name": ("家庭成员姓名", "Names in the family"),
    "family_phone": ("家庭成员电话", "Phones of the family"),
}
STATES = {
    "open": ("a", ("待判断", "to be decided")),
    "linked": ("x", ("已并案", "linked")),
    "cleared": ("g", ("不是重复", "no duplicate")),
}


@router.get("/cases/{case_id}/duplicates")
async def suggested(case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What was suggested, the likeliest first."""
    case = await opened(conn, who, shouhu, case_id)
    found = await cases.suggested_duplicates(case_id, conn, who)
    numbers = {one["other_id"]: await cases.number_of(conn, who, one["other_id"]) for one in found}
    facts = await facts_of(case, "duplicates")
    more = {"found": found, "numbers": numbers, "decided": STATES}
    return await show(request, conn, who, "duplicates.html", {**facts, **more})


@router.get("/cases/{case_id}/duplicates/{other_id}")
async def side_by_side(
    case_id: str, other_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu
) -> Response:  # fmt: skip
    """Two reports, field by field."""
    case = await opened(conn, who, shouhu, case_id)
    both = await comparison.compare_cases(case_id, other_id, conn, who, shouhu)
    facts = await facts_of(case, "duplicates")
    offered = {href.rpartition("/")[2]: (href, ask) for href, ask in case.offers()}
    more = {"both": both, "lights": LIGHTS, "family": FAMILY, "offered": offered, "decided": STATES, "streets": STREETS}
    return await show(request, conn, who, "duplicate.html", {**facts, **more})
