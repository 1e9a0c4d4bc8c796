"""满意度调查: whoever holds a one-time link answers without an account; nothing leads from the answer to a case or a person."""

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import surveys
from app.api.context import Conn, Shouhu
from app.db.guesses import TooManyGuesses
from app.db.service import SURVEY_PATH, Service
from app.domain.refusals import RefusalCode, Refused
from app.domain.surveys import MARKS, SurveySpec
from app.router import Router
from app.web.forms import Form
from app.web.frame import page

router = Router(include_in_schema=False)


@router.get(SURVEY_PATH + "/{survey}")
async def ask(request: Request, conn: Conn, shouhu: Shouhu, survey: str) -> Response:
    """The questions; the code of the link stands behind #, and so was never sent."""
    return _asked(request, await _spec(conn, shouhu, survey), Form())


@router.post(SURVEY_PATH + "/{survey}")
async def answer(request: Request, conn: Conn, shouhu: Shouhu, survey: str) -> Response:
    """Once; a question may be left out."""
    spec, form = await _spec(conn, shouhu, survey), await Form.of(request)
    marks = {one.code: form.one(one.code) for one in spec.questions if form.one(one.code)}
    given = form.valid(surveys.FilledIn, {"code": form.one("code"), "marks": marks})
    if not marks:
        form.wrong(spec.questions[0].code, "请至少回答一题", "Please answer one question at least.")
    if given is None or form.errors:
        return _asked(request, spec, form)
    try:
        await surveys.answer(given, request, shouhu)
    except Refused:
        form.wrong("code", "此链接无效或已经用过", "This link is not valid, or was used already.")
    except TooManyGuesses:
        form.wrong("code", "尝试过于频繁，请稍后再试", "Too many tries; please wait.")
    if form.errors:
        return _asked(request, spec, form)
    return page(request, "survey.html", {"spec": spec, "done": True, "form": form, "marks": MARKS})


async def _spec(conn: AsyncConnection, shouhu: Service, survey: str) -> SurveySpec:
    spec = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).surveys.get(survey)
    if spec is None:
        raise Refused(RefusalCode.SURVEY_NOT_FOUND)
    return spec


def _asked(request: Request, spec: SurveySpec, form: Form) -> Response:
    facts: dict[str, Any] = {"spec": spec, "done": False, "form": form, "marks": MARKS}
    return page(request, "survey.html", facts, status=form.status, live=True)
