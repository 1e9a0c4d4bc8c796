"""The survey of the public: codes are handed out, whoever holds one answers without an account, and results name nobody."""

import secrets
from collections.abc import Mapping
from datetime import date

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import Conn, Shouhu, Who
from app.api.limits import address_of
from app.api.strict import StrictRoute
from app.db import surveys
from app.db.audit import on_record
from app.db.guesses import guess, key_of
from app.db.service import SURVEY_PATH
from app.domain.access import Actor
from app.domain.policy import Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.surveys import Result, SurveySpec, results_of
from app.domain.working_time import day_of
from app.router import Router

router = Router(prefix="/v1/surveys", tags=["surveys"], route_class=StrictRoute)


class Wanted(BaseModel):
    """How many codes are to be handed out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"count": 50}})

    count: int = Field(ge=1, le=500)


class Codes(BaseModel):
    """The codes, shown this once; only their hashes are kept."""

    survey: str
    codes: list[str]
    links: list[str] = Field(description="With each code behind #, which no browser sends.")


class Questionnaire(BaseModel):
    """What is asked."""

    code: str
    zh: str
    en: str
    questions: list[dict[str, str]]


class FilledIn(BaseModel):
    """The code stands in the body, so that no address or log holds it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"code": "8F3K-72QD-0M5T-PX1A", "marks": {"reporting": 5, "response": 4}}},
    )

    code: str = Field(max_length=200)
    marks: dict[str, int] = Field(max_length=40)


class Thanks(BaseModel):
    """The answer is kept, and the code is worth nothing any more."""

    says: str = "已收到，谢谢。您的回答不与任何个人信息关联。"


class Results(BaseModel):
    """Every question; null where a number would be too small to tell."""

    survey: str
    smallest_shown: int
    questions: list[Result]


@router.get("", operation_id="surveys")
async def questionnaires(conn: Conn, who: Who, shouhu: Shouhu) -> list[Questionnaire]:
    """The questionnaires of the rules in force."""
    rules = await _rules(conn, shouhu)
    return [Questionnaire.model_validate(spec.model_dump(exclude={"basis"})) for spec in rules.surveys.values()]


@router.post("/{survey}/invitations", status_code=201, operation_id="invite_to_survey")
async def invite(survey: str, wanted: Wanted, conn: Conn, who: Who, shouhu: Shouhu) -> Codes:
    """By those who oversee the district; whoever hands the codes out keeps no list."""
    _require(who)
    spec = await _survey(conn, shouhu, survey)
    codes = [shouhu.receipts.code(f"survey-{secrets.token_hex(16)}") for _ in range(wanted.count)]
    today = day_of(shouhu.ledger.clock())
    await on_record(conn, who, "invite_to_survey", None, [spec.code[:40]], children=[])
    await surveys.issue(conn, spec.code, [shouhu.receipts.hash(code) for code in codes], who.person_id, today)
    page = f"{shouhu.public_url.rstrip('/')}{SURVEY_PATH}/{spec.code}"
    return Codes(survey=spec.code, codes=codes, links=[f"{page}#{code}" for code in codes])


@router.post("/answers", status_code=201, operation_id="answer_survey")
async def answer(given: FilledIn, request: Request, shouhu: Shouhu) -> Thanks:
    """For whoever holds a code; a code that is wrong and one that was used are refused alike, and counted as guesses. Marks are read
    before the code: a refusal of them would else say, and use nothing up, that the code is good."""
    key = key_of(shouhu.receipts, shouhu.codes, address_of(request))

    async def take(conn: AsyncConnection) -> Thanks | None:
        fits = _taking(await _rules(conn, shouhu), given.marks)
        survey = await surveys.redeem(conn, shouhu.receipts.hash(given.code), fits)
        if survey is None:
            return None
        await surveys.keep(conn, survey, given.marks, day_of(shouhu.ledger.clock()))
        return Thanks()

    thanks = await guess(shouhu.engine, key, shouhu.codes, shouhu.ledger.clock(), take)
    if thanks is None:
        raise Refused(RefusalCode.INVITATION_NOT_FOUND)
    return thanks


def _taking(rules: Policy, marks: Mapping[str, int]) -> list[str]:
    """The questionnaires that these marks fit. RequestValidationError where they fit none, by the one that they are nearest to."""
    fits, wrong = list[str](), list[list[ErrorDetails]]()
    for spec in rules.surveys.values():
        try:
            spec.read(marks)
            fits.append(spec.code)
        except ValidationError as unfit:
            wrong.append(unfit.errors())
    if wrong and not fits:
        raise RequestValidationError(
            [{**fault, "loc": ("body", "marks", *fault["loc"])} for fault in min(wrong, key=len)]
        )
    return fits


@router.get("/{survey}/results", operation_id="survey_results")
async def results(
    survey: str, conn: Conn, who: Who, shouhu: Shouhu, first: date | None = None, last: date | None = None
) -> Results:
    """For those who oversee the district and whom they show it to. By whole quarters that are over, those in which the two days lie and
    all between; one in which few have answered is told with the next, and so are its marks where few gave one of them: the difference
    between two results would tell of these few else."""
    _require(who)
    spec, smallest = await _survey(conn, shouhu, survey), (await _rules(conn, shouhu)).figures.smallest_shown
    quarters = await surveys.answers_of(conn, survey, day_of(shouhu.ledger.clock()))
    since, until = (day and surveys.quarter_of(day) for day in (first, last))
    told = results_of(spec, quarters, smallest, since or date.min, until or date.max)
    return Results(survey=survey, smallest_shown=smallest, questions=list(told))


def _require(who: Actor) -> None:
    if not who.oversees_district:
        raise Refused(RefusalCode.NOT_ALLOWED)


async def _rules(conn: Conn, shouhu: Shouhu) -> Policy:
    return await shouhu.ledger.current(conn, shouhu.ledger.clock())


async def _survey(conn: Conn, shouhu: Shouhu, code: str) -> SurveySpec:
    spec = (await _rules(conn, shouhu)).surveys.get(code)
    if spec is None:
        raise Refused(RefusalCode.SURVEY_NOT_FOUND)
    return spec
