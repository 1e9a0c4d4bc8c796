"""The page of a case: who it is about, whose clock runs, what each agency owes, what happened and why, who has looked."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import access_record, need, papers
from app.api.context import Conn, Shouhu, subject_of
from app.api.reading import EXPLANATION, NOTES, Reading, reading
from app.api.work import ON_CASE, ON_DUTY, ON_REFERRAL
from app.db.service import Service
from app.domain.access import Action, Actor, Deny, may
from app.domain.clock import Clock
from app.domain.masking import VIEW_LASTS, Need
from app.domain.opening import REPLY, SUPERVISED, is_about
from app.domain.own_part import OF_COMING, Part
from app.domain.policy import Policy
from app.domain.procedure import is_step, step_of
from app.domain.progress import Duty, Progress, Referral, State
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Role, Rung, Stage
from app.policy.explanation import Explained
from app.policy.pack import Pack
from app.policy.procedure_rows import ProcedureRow
from app.router import Router
from app.web import asks, asks_case, outcomes
from app.web.accesses import act, ground, part
from app.web.forms import Form
from app.web.frame import STRICT, page
from app.web.names import speaker
from app.web.said import STATES, code_of, coded, fact_name, fact_value, moment, obstacle
from app.web.staff import Signed, Unattended, show
from app.web.words import Pair

router = Router(include_in_schema=False)
LIGHTS = {
    State.SENT: "a", State.RETURNED: "a", State.COMPLETED: "g", State.FAILED: "r", State.SILENT: "r",
}  # fmt: skip
"""States that want a look, or are in order; all others are neither."""

SAID_TO_ALL = ("closure-proposal", "closure-approval", "closure-rejection")
"""What may be done by what every desk is told, though it stands in no part of the case."""
SHOWN = 3
"""Titles of what is new."""
OPENS, CLIMBS = ("referral_opened", "duty_opened"), ("rung_fired",)
"""Events in which rules decide: what begins, and who is told of a silence."""


class Owed(NamedTuple):
    """A leg or a duty as a row: where its page is, what it is called, who owes it, and the clock that runs."""

    href: str
    title: Pair
    agency: Agency
    desk: str
    holder: str | None
    light: str
    state: Pair
    clock: Clock | None
    is_open: bool
    is_mine: bool
    basis: tuple[str, ...]

    @property
    def paused(self) -> bool:
        """It stands still."""
        return self.clock is not None and self.clock.paused_at is not None


class Opened(NamedTuple):
    """A case that the person may see, with its rules."""

    id: str
    progress: Progress
    """As far as the person is shown it; what they may do is asked of the whole case, `reading.progress`."""
    policy: Policy
    who: Actor
    reading: Reading
    part: Part

    @property
    def path(self) -> str:
        """Where its pages begin."""
        return f"/cases/{self.id}"

    def owed(self) -> list[Owed]:
        """All legs and duties: what is open and mine first, then what is open, by time left; then what has ended."""
        rows = [*map(self.leg, self.progress.referrals), *map(self.duty, self.progress.duties)]
        late = datetime.max.replace(tzinfo=self.progress.filed_at.tzinfo)
        return sorted(rows, key=lambda row: (not row.is_open, not row.is_mine, row.clock.due_at if row.clock else late))

    def leg(self, leg: Referral) -> Owed:
        """A leg as a row."""
        route = self.policy.route(leg.route_id, urgent=leg.urgent)
        clock = next((clock for _, clock in leg.clocks()), None)
        light, state = LIGHTS.get(leg.state, "x"), STATES[leg.state]
        return Owed(
            f"{self.path}/legs/{leg.id}", (route.title_zh, route.title_en), leg.agency, leg.desk, leg.holder, light, state, clock,
            leg.state.is_open and self.progress.is_open, leg.desk == self.who.desk and leg.state.is_open, leg.basis,
        )  # fmt: skip

    def duty(self, duty: Duty) -> Owed:
        """A duty as a row."""
        owes = duty.is_open and self.progress.is_open
        ended = ("x", STATES["dropped"]) if duty.dropped else ("g", STATES["met"])
        light, state = (
            ("r", ("已逾期", "overdue")) if owes and duty.expired else ("x", ("待办", "owed")) if owes else ended
        )
        return Owed(
            f"{self.path}/duties/{duty.code}", self.duty_title(duty.code), duty.holder, duty.desk, None, light, state,
            duty.clock if owes else None, owes, owes and duty.desk == self.who.desk, duty.basis,
        )  # fmt: skip

    def duty_title(self, code: str) -> Pair:
        """What a duty is called; a supervision's reply has no row of its own."""
        name, _, about = code.partition(":")
        named = self.policy.obligation(name, urgent=False)
        of = self.progress.referral(about) or self.progress.duty(about)
        zh, en = self.title_of(about) if about and of else ("", "")
        return (f"{named.title_zh}：{zh}", f"{named.title_en}: {en}") if of else (named.title_zh, named.title_en)

    def title_of(self, subject: str) -> Pair:
        """What a leg or a duty is called."""
        leg = self.progress.referral(subject)
        return self.leg(leg).title if leg else self.duty_title(subject)

    def told(self, entry: Mapping[str, Any]) -> list[Pair]:
        """How a step ended, where an event records that."""
        return outcomes.told(self.policy, entry)

    def called(self, subject: str) -> Pair:
        """The same; of a leg that is not shown, what stands in its place; the code itself of something that is none of these."""
        known = self.progress.referral(subject) or self.progress.duty(subject)
        came = next((leg.id for leg in self.progress.referrals if leg.instead_of == subject), "")
        return self.title_of(subject if known else came) if known or came else (subject, subject)

    def because_of(self, entry: Mapping[str, Any], why: Iterable[Explained]) -> list[Explained]:
        """The rows that made a decision: what the rules found in the report, what opened a task, whose ladder was climbed."""
        at, subject = moment(entry["at"]), entry.get("referral_id") or entry.get("code") or entry.get("subject") or ""
        if entry["kind"] == "report_filed":
            return [one for one in why if one.condition and one.at == at]
        leg = self.progress.referral(subject)
        row = leg.route_id if leg else step_of(subject) if is_step(subject) else subject.partition(":")[0]
        if entry["kind"] in OPENS:
            return [one for one in why if one.row == row and one.at == at]
        return [one for one in why if one.row == row and one.due_at][-1:] if entry["kind"] in CLIMBS else []

    @property
    def startable(self) -> tuple[ProcedureRow, ...]:
        """The procedures that the person's agency may begin in it."""
        rows = self.policy.file.procedures if isinstance(self.policy, Pack) else ()
        return tuple(row for row in rows if self.who.agency in row.started_by)

    def beside(self) -> list[Agency]:
        """Who takes part beside the lead, as far as the person is shown it."""
        others = [] if self.part.whole else [one.agency for one in self.part.beside(self.reading.progress)]
        return [one for one in dict.fromkeys((*self.progress.agencies, *others)) if one is not self.progress.lead]

    def allows(self, action: Action, *, leg: str | None = None, duty: str | None = None) -> bool:
        """Whether the person may do it here."""
        return not isinstance(may(self.who, action, subject_of(self.reading.progress, leg, duty)), Deny)

    def offers(self) -> Iterator[tuple[str, asks.Ask]]:
        """What the person may do with the case as it is shown to them, each with its address: a button tells what it rests on."""
        for verb, ask in asks_case.ON_CASE.items():
            if verb == "procedure" and not self.startable:
                continue
            duty = "answer_outcome" if ON_CASE[verb][1] is Action.ANSWER_REPORTER else None
            stands = self.reading.progress if verb in SAID_TO_ALL else self.progress
            if ask.fits(stands, None) and self.allows(ON_CASE[verb][1], duty=duty):
                yield f"{self.path}/do/{verb}", ask

    def offers_on(self, leg: Referral) -> Iterator[tuple[str, asks.Ask]]:
        """The same for a leg."""
        first = self.policy.route(leg.route_id, urgent=leg.urgent).procedure
        for verb, ask in asks.ON_LEG.items():
            if ask.fits(self.progress, leg) and self.allows(ON_REFERRAL[verb][1], leg=leg.id) and self.progress.is_open:
                yield f"{self.path}/legs/{leg.id}/{'outcome' if first and verb == 'complete' else verb}", ask

    def offers_on_duty(self, duty: Duty) -> Iterator[tuple[str, asks.Ask]]:
        """The same for a duty."""
        if not (duty.is_open and self.progress.is_open):
            return
        is_concerned = is_about(duty.desk, self.reading.progress.about)
        if is_concerned and self.allows(ON_DUTY["reassign"][1], duty=duty.code):
            yield f"{self.path}/duties/{duty.code}/reassign", asks.ON_DUTY["reassign"]
        if not self.allows(ON_DUTY["meet"][1], duty=duty.code):
            return
        if is_step(duty.code):
            if self.policy.step(step_of(duty.code)).by_person:
                yield f"{self.path}/duties/{duty.code}/outcome", asks.ON_LEG["complete"]
            else:
                yield from self._acts(step_of(duty.code))
        elif duty.code in outcomes.BY_ACT:
            yield from self._acts(duty.code)
        else:
            verb = "reply" if duty.code.startswith((REPLY, SUPERVISED)) else "meet"
            yield f"{self.path}/duties/{duty.code}/{verb}", asks.ON_DUTY[verb]

    def _acts(self, code: str) -> Iterator[tuple[str, asks.Ask]]:
        """What fulfils a duty that nobody ticks off; the first is its main action."""
        if code == "duplicate_check":
            yield f"{self.path}/duplicates", outcomes.COMPARE
        offered = {href.rpartition("/")[2]: (href, ask) for href, ask in self.offers()}
        found = [offered[verb] for verb in outcomes.BY_ACT.get(code, ()) if verb in offered]
        for n, (href, ask) in enumerate(found):
            yield href, replace(ask, main=n == 0)

    def hint_on(self, subject: str) -> Pair | None:
        """Why a task of the person's own desk has nothing to press."""
        duty = self.progress.duty(subject)
        if duty is None or not duty.is_open or not self.allows(ON_DUTY["meet"][1], duty=duty.code):
            return None
        waits = is_step(duty.code) and self.policy.step(step_of(duty.code)).waits
        return outcomes.WAITS if waits else outcomes.BY_ITSELF.get(duty.code)


async def opened(conn: AsyncConnection, who: Actor, shouhu: Service, case_id: str) -> Opened:
    """A case that may be seen; CASE_NOT_FOUND for all others."""
    found = await reading(conn, who, shouhu, case_id)
    return Opened(case_id, await found.shown(), await found.rules(), who, found, await found.part())


async def facts_of(case: Opened, tab: str, *beside: str) -> dict[str, Any]:
    """What every page of a case shows, from the API's own answer; `beside` are fields of people that the page reads after it."""
    file = await case.reading.file(*beside, reporter=tab == "report")
    full = case.reading.is_full
    owed = case.owed()
    mine = next((row for row in owed if row.is_mine and row.clock), None)
    return {
        "fact_name": fact_name, "fact_value": fact_value, "code_of": code_of, "obstacle": obstacle, "moment": moment, "coded": coded,
        "title_of": case.called,
        "beside": case.beside(),
        "case": case, "progress": case.progress, "file": file, "full": full, "owed": owed, "mine": mine, "tab": tab,
        "offers": [(href, ask) for href, ask in case.offers()], "stages": tuple(Stage), "at": tuple(Stage).index(case.progress.stage),
        "may_compare": case.allows(Action.LINK_REPORT),
        "may_see_access": not isinstance(may(case.who, Action.READ_AUDIT), Deny),
        "next": mine or next((row for row in owed if row.is_open and row.clock), None),
    }  # fmt: skip


@router.get("/cases/{case_id}")
async def work(
    case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, done: str = ""
) -> Response:  # fmt: skip
    """办理: what everybody owes, and what happened last."""
    case = await opened(conn, who, shouhu, case_id)
    facts = await facts_of(case, "", NOTES)
    timeline = await case.reading.timeline()
    more = {"timeline": timeline[::-1][:8], "done": _done(done)}
    return await show(request, conn, who, "case_work.html", {**facts, **more})


def _done(verb: str) -> Pair | None:
    every = {**asks.ON_LEG, **asks.ON_DUTY, **asks_case.ON_CASE}
    return every[verb].words if verb in every else None


@router.get("/cases/{case_id}/fresh")
async def fresh(
    case_id: str, request: Request, conn: Conn, who: Unattended, shouhu: Shouhu, seen: int = 0
) -> Response:  # fmt: skip
    """What has happened since an open page was read, as it asks by itself: titles alone, so that nothing more is read by waiting."""
    case = await opened(conn, who, shouhu, case_id)
    if case.progress.version <= seen:
        return Response(status_code=204, headers=STRICT)
    form = Form()
    form.show(await shouhu.ledger.since(conn, case_id, seen, case.part))
    if not form.since:
        return Response(status_code=204, headers=STRICT)
    facts = {
        "case": case,
        "by": await speaker(request, conn, who),
        "since": form.since[-SHOWN:],
        "more": len(form.since) > SHOWN,
        "back": case.path,
        "seen": seen,
    }
    return page(request, "case_fresh.html", facts, live=True)


@router.get("/cases/{case_id}/people")
async def people(case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """未成年人与家庭, with what the rules propose for each child."""
    case = await opened(conn, who, shouhu, case_id)
    return await show(request, conn, who, "case_people.html", await facts_of(case, "people"))


@router.get("/cases/{case_id}/full-view")
@router.post("/cases/{case_id}/full-view")
async def full_view(
    case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, tab: Literal["people", "papers"] = "people"
) -> Response:  # fmt: skip
    """查看全文: why the names are needed; then the case is shown in full for some minutes, and one is back on `tab`."""
    case = await opened(conn, who, shouhu, case_id)
    form = await Form.of(request) if request.method == "POST" else Form()
    if request.method == "POST":
        asked = form.valid(need.Asked, {"need": form.one("need"), "note": form.one("note")})
        if asked and await form.attempt(conn, lambda: need.open_case(case_id, asked, conn, who, shouhu)):
            return RedirectResponse(f"{case.path}/{tab}", 303, headers=STRICT)
    facts = {
        "case": case, "form": form, "needs": tuple(Need), "minutes": int(VIEW_LASTS.total_seconds() // 60), "tab": tab,
        "case_no": case.reading.case_no,
    }  # fmt: skip
    return await show(request, conn, who, "full_view.html", facts, status=form.status)


@router.get("/cases/{case_id}/report")
async def report(case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """上报内容 in the reporter's words; who reported is for intake and supervisors alone."""
    case = await opened(conn, who, shouhu, case_id)
    return await show(request, conn, who, "case_report.html", await facts_of(case, "report"))


@router.get("/cases/{case_id}/history")
async def history(case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """流转记录: everything that happened, and why each decision was made."""
    case = await opened(conn, who, shouhu, case_id)
    facts = await facts_of(case, "history", NOTES, EXPLANATION)
    timeline, why = await case.reading.timeline(), await case.reading.explanation()
    return await show(request, conn, who, "case_history.html", {**facts, "timeline": timeline[::-1], "why": why})


@router.get("/cases/{case_id}/access")
async def access(case_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """访问记录 of each child, for those who audit."""
    case = await opened(conn, who, shouhu, case_id)
    facts = await facts_of(case, "access")
    seen = [(child.id, await access_record.access_record(child.id, conn, who)) for child in case.progress.children]
    more = {"seen": seen, "act": act, "part": part, "ground": ground}
    return await show(request, conn, who, "case_access.html", {**facts, **more})


@router.get("/cases/{case_id}/legs/{leg_id}")
async def leg(
    case_id: str, leg_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, done: str = ""
) -> Response:  # fmt: skip
    """One agency's task: its clock and its ladder, what may be done with it, why it is theirs."""
    case = await opened(conn, who, shouhu, case_id)
    found = case.progress.referral(leg_id)
    if found is None:
        raise Refused(RefusalCode.REFERRAL_NOT_FOUND)
    row, offers = case.leg(found), list(case.offers_on(found))
    return await _owed_page(request, conn, case, row, offers, leg_id, _done(done))


@router.get("/cases/{case_id}/duties/{code}")
async def duty(case_id: str, code: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """The same for a duty of the rules."""
    case = await opened(conn, who, shouhu, case_id)
    found = case.progress.duty(code)
    if found is None:
        raise Refused(RefusalCode.DUTY_NOT_FOUND, code_of_duty=code)
    return await _owed_page(request, conn, case, case.duty(found), list(case.offers_on_duty(found)), code)


async def _owed_page(
    request: Request, conn: AsyncConnection, case: Opened, row: Owed, offers: list[Any], subject: str, done: Pair | None = None
) -> Response:  # fmt: skip
    facts = await facts_of(case, "", NOTES, EXPLANATION)
    why = await case.reading.explanation()
    mine = case.progress.referral(subject)
    name = mine.route_id if mine else subject.partition(":")[0]
    timeline = await case.reading.timeline()
    of_it = [
        e for e in timeline if subject in (e.get("referral_id"), e.get("code"), e.get("subject")) or _brought(e, mine)
    ]
    more = {
        "done": done, "row": row, "does": offers, "hint": case.hint_on(subject), "why": [one for one in why if one.row == name],
        "timeline": of_it[::-1],
        "papers": await _papers_of(conn, case, subject),
        "rungs": [(rung, rung in row.clock.fired, _planned(row.clock, rung)) for rung in _ladder(row.clock)] if row.clock else [],
    }  # fmt: skip
    return await show(request, conn, case.who, "case_leg.html", {**facts, **more})


def _brought(entry: Mapping[str, Any], leg: Referral | None) -> bool:
    """Whether by this the leg came from another desk."""
    return bool(leg and leg.instead_of and entry["kind"] in OF_COMING and entry["referral_id"] == leg.instead_of)


async def _papers_of(conn: AsyncConnection, case: Opened, subject: str) -> list[papers.PaperRow]:
    """Those about one leg."""
    if not case.allows(Action.READ_CONTENT):
        return []
    return [
        row
        for row in await papers.case_papers(case.id, conn, case.who, case.reading.shouhu)
        if row.referral_id == subject
    ]


def _ladder(clock: Clock) -> list[Rung]:
    known = {*clock.fired, *(plan.rung for plan in clock.rungs)}
    return [rung for rung in Rung if rung in known]


def _planned(clock: Clock, rung: Rung) -> datetime | None:
    return next((plan.at for plan in clock.rungs if plan.rung is rung), None)


def whom(recipient: str) -> Pair:
    """Somebody who is told, in words: `desk:POLICE`, `supervisor:CIVIL`, a person's account."""
    kind, colon, where = recipient.partition(":")
    code = where.partition("-")[0]
    agency = Agency(code) if code in Agency._value2member_map_ else None
    named = (agency.zh, agency.en) if agency else (where, where)
    if not colon:
        return recipient, recipient
    if kind in Role._value2member_map_:
        return f"{named[0]}{Role(kind).zh}", f"{Role(kind).en}, {named[1]}"
    return named if kind == "desk" else (recipient, recipient)
