"""The progress page for whoever holds a receipt code; the code travels in bodies only, never in an address, a log or a Referer."""

from collections.abc import Mapping

import structlog
from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.edge import Refusal
from app.api.limits import address_of
from app.api.papers import reporters_paper
from app.api.problems import again_after
from app.api.reports import guessed
from app.db.audit import AuditUnavailable
from app.db.guesses import TooManyGuesses
from app.db.receipts import LENGTH, grouped, is_whole, plain
from app.db.service import PROGRESS_PATH, Service
from app.db.session import DATABASE_ERRORS, is_away
from app.domain.disclosure import ForReporter
from app.domain.papers import ReporterPaper
from app.domain.terms import Stage
from app.router import Router
from app.web.frame import keep_choices, language, page, speaking, waiting

log = structlog.get_logger()
router = Router(include_in_schema=False)
STEPS = tuple(Stage)
NEXT = {
    Stage.REPORT: (
        "有关单位正在核实情况、确保孩子安全，随后进入评估。",
        "The agencies are looking into it and making sure that the child is safe; an assessment follows.",
    ),
    Stage.ASSESS: (
        "专业人员正在评估孩子和家庭的需要，随后确定帮扶方案。",
        "Professionals are assessing what the child and the family need; a plan for help follows.",
    ),
    Stage.INTERVENE: (
        "有关单位正在按方案帮扶，之后评估效果。",
        "The agencies are helping as planned; afterwards it is assessed whether the help worked.",
    ),
    Stage.REVIEW: (
        "帮扶已告一段落，正在评估效果，之后办结。",
        "The help has been given; whether it worked is being assessed, then the case is closed.",
    ),
    Stage.CLOSED: (
        "本报告已办结，不需要您再做什么。",
        "This report is closed; nothing more is asked of you.",
    ),
}
WAITING = (
    "正在等待有关单位受理。逾期无人受理，系统会逐级上报。",
    "An agency has yet to accept it. If none does in time, the next higher office is told.",
)
WRONG = {
    404: (
        "没有查到这个回执编号，请对照回执逐位核对",
        "No report has this receipt code. Please compare it with your receipt, character by character.",
    ),
    413: ("提交的内容过大", "What was sent is too large."),
    415: ("请用本页的表单查询", "Please use the form on this page."),
    429: ("尝试过于频繁，请{zh}后再试", "Too many tries; please wait {en}."),
    500: ("系统出错，请稍后再试", "Something went wrong on our side. Please try again later."),
    503: (
        "暂时无法查询，请稍后再试。这不表示报告没有收到",
        "Progress cannot be looked up just now; please try again soon. It does not mean that the report was lost.",
    ),
}
AWAY = 5
"""Seconds."""
EMPTY = ("请填写回执编号", "Please enter the receipt code.")


@router.get(PROGRESS_PATH)
async def ask(request: Request) -> Response:
    """The form; its script does no more than to take a code from behind the # of a receipt's square into the field."""
    return _page(request, "progress.html", {"typed": "", "wrong": None}, live=True)


@router.post(PROGRESS_PATH)
async def show(request: Request) -> Response:
    """Where the report stands, or the form again with what was typed; a choice of language or size stays with the report."""
    found = await _looked_up(request)
    if isinstance(found, Response):
        return found
    code, report, chosen = found
    now = request.app.state.service.ledger.clock()
    facts = {
        "report": report, "code": code, "steps": STEPS, "at": STEPS.index(report.stage), "now": now,
        "next": NEXT[report.stage] if report.accepted or report.closed else WAITING,
        "again": {"action": PROGRESS_PATH, "fields": {"code": code}},
    }  # fmt: skip
    return keep_choices(_page(request, "standing.html", facts | speaking(request, chosen)), chosen)


@router.post(PROGRESS_PATH + "/papers/{paper}")
async def paper(paper: ReporterPaper, request: Request) -> Response:
    """The receipt or the answer on paper, for the same code."""
    found = await _looked_up(request, "paper_by_receipt")
    if isinstance(found, Response):
        return found
    code, report, _ = found
    return await reporters_paper(request.app.state.service, paper, report, code, zh=language(request) == "zh")


async def _looked_up(
    request: Request, action: str = "progress_by_receipt"
) -> tuple[str, ForReporter, Mapping[str, str]] | Response:  # fmt: skip
    """The code, what it opens and what was chosen beside it; or the form with what is wrong."""
    try:
        said = await request.form()
        typed = str(said.get("code") or "").strip()
    except HTTPException as unreadable:
        return _form(request, status=unreadable.status_code, wrong=WRONG.get(unreadable.status_code, EMPTY))
    if not is_whole(typed):
        return _form(request, typed, status=422, wrong=_misshapen(typed))
    shouhu: Service = request.app.state.service
    try:
        found = await guessed(shouhu, address_of(request), typed, action)
    except TooManyGuesses as refusal:
        return _form(request, typed, status=429, wait=refusal.seconds)
    except AuditUnavailable:
        return _form(request, typed, status=503)
    except DATABASE_ERRORS as error:
        if not is_away(error):
            raise
        log.warning("database_unavailable", cause=type(error).__name__)
        return _form(request, typed, status=503)
    if found is None:
        return _form(request, typed, status=404)
    return grouped(plain(typed)), found, {name: str(said[name]) for name in ("lang", "text") if name in said}


def refusal(said: Refusal) -> ASGIApp:
    """What the edge answers here instead of a problem for programs."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await _form(Request(scope), status=said.status, wait=said.wait)(scope, receive, send)

    return answer


def _misshapen(typed: str) -> tuple[str, str]:
    """Only about the form of a code: which codes exist is not told."""
    if not typed:
        return EMPTY
    count = len(plain(typed))
    return (
        f"回执编号是 {LENGTH} 位字母和数字，您填写的是 {count} 位"
        if count != LENGTH
        else "回执编号中有不会出现的字符，请对照回执核对",
        f"A receipt code has {LENGTH} letters and digits; you entered {count}."
        if count != LENGTH
        else "There is a character that no receipt code contains. Please compare it with your receipt.",
    )


def _form(
    request: Request, typed: str = "", *, status: int = 200, wrong: tuple[str, str] | None = None, wait: int | None = None
) -> Response:  # fmt: skip
    wait = AWAY if status == 503 and wait is None else wait
    said = wrong or waiting(WRONG.get(status), wait)
    return _page(request, "progress.html", {"typed": typed, "wrong": said}, status=status, more=again_after(wait))


def _page(
    request: Request,
    name: str,
    facts: Mapping[str, object],
    *,
    status: int = 200,
    more: Mapping[str, str] | None = None,
    live: bool = False,
) -> Response:
    exit_url = request.app.state.service.exit_url
    shown = {"path": PROGRESS_PATH, "exit_url": exit_url, **facts}
    return page(request, name, shown, status=status, more=more, live=live)
