"""排查: what the desk or unit is asked and answers, also that it found nothing; for those who hold a round, who has answered and who not."""

from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import round_answers, rounds
from app.api.context import Conn, Shouhu
from app.db.service import Service
from app.district import DESKS
from app.domain.access import Actor
from app.domain.facts import Sex
from app.domain.refusals import RefusalCode, Refused
from app.domain.rounds import organises
from app.domain.sight import may_register, registers_pupils
from app.domain.terms import Agency, ReporterClass, Role, Trigger
from app.router import Router
from app.web import screened
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.owed import STREETS
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, show, works
from app.web.words import Pair

router = Router(include_in_schema=False)
ROUNDS = "/rounds"
CLASSES = {
    Agency.SCHOOL: ReporterClass.SCHOOL, Agency.COMM: ReporterClass.COMMITTEE, Agency.STREET: ReporterClass.STATE_ORGAN,
}  # fmt: skip
ASKED, HOLD = tuple(CLASSES), (Agency.EDU, Agency.CIVIL, Agency.JUSTICE, Agency.WF)
"""Who is asked and who holds or joins a round by the rules of the release."""
NOBODY, ON_FILE, REPORT = "no", "registered", "yes"
FOUND: list[tuple[str, Pair]] = [
    (NOBODY, ("没有发现", "none")),
    (ON_FILE, ("有，都已登记建档，没有需要上报的", "yes; all are registered, and nothing is to be reported")),
    (REPORT, ("有，随本次报送一并上报", "yes: they are reported with this answer")),
]
"""What a unit found."""
DESK_NAMES = {desk.id: desk.name for desk in DESKS}


def _shown(who: Actor) -> bool:
    of_unit = bool(who.unit) and who.has(Role.REPORTER) and who.agency is Agency.SCHOOL
    return of_unit or (works(who) and (who.agency in (*ASKED, *HOLD) or who.oversees_district))


def _owed(who: Actor) -> Select[Any]:
    return select(rounds.unit.unit).where(rounds.owed_by(who))


ENTRIES.append(Entry(ROUNDS, "排查", "Screening", MY_WORK, _shown, count=_owed, on_phone=6, place=6))


@router.get(ROUNDS)
async def listed(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, cursor: str | None = None) -> Response:
    """What is owed, and the rounds that the office holds, joins or oversees."""
    return await _listed(request, conn, who, shouhu, Form(), cursor)


@router.post(ROUNDS)
async def begin(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """A round out of its turn."""
    form = await Form.of(request)
    asked = form.valid(rounds.NewRound, {"code": form.one("code")})
    if asked is None or not await form.attempt(conn, lambda: rounds.open_round(asked, conn, who, shouhu)):
        return await _listed(request, conn, who, shouhu, form, None)
    return RedirectResponse(ROUNDS, 303, headers=STRICT)


async def _listed(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form, cursor: str | None
) -> Response:
    owed = await rounds.asked(conn, who, shouhu, cursor=None, limit=50)
    answered = await rounds.asked(conn, who, shouhu, answered=True, cursor=None, limit=50)
    held = await rounds.rounds(conn, who, shouhu, code=None, cursor=cursor, limit=20)
    specs = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).rounds.values()
    facts = {
        "path": ROUNDS, "owed": owed.items, "answered": answered.items, "held": held.items, "next": held.next, "form": form,
        "done": request.query_params.get("done") == "registered",
        "opens": [(spec.code, (spec.zh, spec.en)) for spec in specs if organises(who, spec)],
    }  # fmt: skip
    return await show(request, conn, who, "rounds.html", facts, status=form.status)


@router.get(ROUNDS + "/{round_id}")
async def one(
    round_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, cursor: str | None = None, missing: bool = False,
    rates: bool = False,
) -> Response:  # fmt: skip
    """The form of the answer, where one is owed; the units with their answers, and how they answer all rounds of the kind, for those
    who follow the round."""
    return await _one(request, conn, who, shouhu, round_id, Form(), cursor, missing=missing, rates=rates)


@router.post(ROUNDS + "/{round_id}")
async def answer(round_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """报送: nothing found, children who were registered, or children at risk, whose reports are filed with the answer; also a further
    answer, which adds to the first."""
    form = await Form.of(request)
    if form.one(screened.MORE):
        return await _one(request, conn, who, shouhu, round_id, form, None)
    said = _said(form, who)
    given = form.valid(round_answers.Answer, said) if said else None
    beside = {
        RefusalCode.NOTHING_SAID: "found", RefusalCode.CHILD_NOT_REGISTERED: "registered", RefusalCode.CHILD_NAMED: "registered",
    }  # fmt: skip
    done = given and await form.attempt(
        conn, lambda: round_answers.answer(round_id, given, conn, who, shouhu, Response(), form.key), beside
    )
    if not done:
        return await _one(request, conn, who, shouhu, round_id, form, None)
    return RedirectResponse(ROUNDS, 303, headers=STRICT)


def _said(form: Form, who: Actor) -> dict[str, Any] | None:
    """The body of the command."""
    if not form.one("screened").isdecimal():
        form.wrong("screened", "请填写排查人数", "Please say how many children were looked at.")
    said, registered = form.one("found"), form.many("registered")
    if said not in dict(FOUND):
        form.wrong("found", "请说明是否发现", "Please say whether a child was found.")
    if said == NOBODY and registered:
        form.wrong("found", "已勾选建档儿童，请选择“有”", "You have ticked registered children, so somebody was found.")
    if said != REPORT and screened.typed(form):
        form.wrong("found", "已填写要上报的儿童，请选择“有”并上报", "You have written down a child to be reported.")
    if said == ON_FILE and not registered:
        form.wrong(
            "registered",
            "请勾选发现并已建档的儿童；还没有建档的，请先登记建档",
            "Please tick whom you found; register them first where they are not.",
        )
    if who.agency not in CLASSES:
        raise HTTPException(404)
    reporter = {"class": CLASSES[who.agency].value, "org": DESK_NAMES.get(who.desk, who.desk)}
    reports = screened.reports(form, reporter) if said == REPORT else []
    if form.errors:
        return None
    return {
        "unit": who.unit or who.desk, "screened": int(form.one("screened")), "nothing_found": said == NOBODY, "reports": reports,
        "registered": registered, "joined": form.many("joined"), "note": form.one("note"),
    }  # fmt: skip


async def _one(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, round_id: str, form: Form, cursor: str | None, *,
    missing: bool = False, rates: bool = False,
) -> Response:  # fmt: skip
    owed = await rounds.asked(conn, who, shouhu, cursor=None, limit=50)
    answered = await rounds.asked(conn, who, shouhu, answered=True, cursor=None, limit=50)
    mine = next((row for row in (*owed.items, *answered.items) if row.round_id == round_id), None)
    try:
        units = await rounds.units(round_id, conn, who, shouhu, missing=missing, cursor=cursor, limit=100)
    except Refused:
        units = None
    if mine is None and units is None:
        raise HTTPException(404)
    on_file = mine is not None and may_register(who)
    offered = (await round_answers.registered(round_id, conn, who, cursor=None, limit=50)).items if on_file else []
    specs = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).rounds
    code = mine.code if mine else round_id.removeprefix("round-").rsplit("-", 3)[0]
    spec = specs.get(code)
    rated = await rounds.rates(conn, who, shouhu, code) if rates and units else None
    facts = {
        "path": ROUNDS, "round_id": round_id, "mine": mine, "units": units, "missing": missing, "rated": rated, "form": form, "streets": STREETS,
        "spec": spec, "name": (spec.zh, spec.en) if spec else (code, code), "joined": spec.joined if spec else (), "desks": DESK_NAMES,
        "sexes": tuple(Sex), "triggers": tuple(Trigger), "own": who.division or "",
        "founds": [one for one in FOUND if on_file or one[0] != ON_FILE], "on_file": on_file, "offered": offered,
        "pupils": registers_pupils(who),
        "blocks": screened.blocks(form), "most": screened.MOST,
    }  # fmt: skip
    return await show(request, conn, who, "round.html", facts, status=form.status)
