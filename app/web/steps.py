"""One form for each command on a case: filled in, tried by the rules so that its consequence and new deadline are seen, then confirmed."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api.context import Conn, Shouhu
from app.api.limits import path_of
from app.api.work import ON_CASE, ON_DUTY, ON_REFERRAL, foresee
from app.db import form_drafts
from app.db.past import report_of
from app.db.service import Service
from app.domain import commands as c
from app.domain.access import Action
from app.domain.facts import Known, ReportFacts
from app.domain.procedure import Kind, is_step, step_of
from app.domain.progress import State
from app.domain.refusals import RefusalCode
from app.domain.terms import Agency
from app.domain.terms import Service as Help
from app.domain.titles import TITLES
from app.domain.working_time import day_of
from app.router import Router
from app.web import choices, facts_seen, outcomes
from app.web.asks import ON_DUTY as DUTY_ASKS
from app.web.asks import ON_LEG as LEG_ASKS
from app.web.asks import Ask
from app.web.asks_case import ITEMS
from app.web.asks_case import ON_CASE as CASE_ASKS
from app.web.case import Opened, facts_of, opened, whom
from app.web.forms import KEY, OVERALL, VERSION, Form
from app.web.frame import STRICT
from app.web.staff import Signed, show
from app.web.words import Pair

router = Router(include_in_schema=False)
BESIDE = {
    RefusalCode.REASONS_NEEDED: "note", RefusalCode.OVERRIDE_NEEDS_REASON: "override", RefusalCode.PERSON_NOT_AT_DESK: "to",
    RefusalCode.EXTENSION_TOO_LONG: "days", RefusalCode.EXTENSION_CAP: "days", RefusalCode.OUTCOME_NEEDED: "outcome",
    RefusalCode.QUORUM_NOT_MET: "present", RefusalCode.SAME_CASE: "primary", RefusalCode.LINK_CHAIN: "primary",
    RefusalCode.RECORD_UNFIT: "outcome", RefusalCode.WHOM_IT_IS_ABOUT: "about",
}  # fmt: skip

REMARK: Pair = ("备注", "Remark")
NOT_TYPED = (KEY, VERSION, "keep", "go")
"""What a form sends of itself."""
STAYS = ("accept", "claim", "supply", "pause", "resume", "extend", "urge", "supervise")
"""After these the task goes on where it is, so one stays at it."""
CLOCKS: dict[str, Pair] = {
    "accept": ("受理时限", "time to accept"), "finish": ("办理时限", "time to finish"), "supply": ("补正时限", "time to supply"),
    "duty": ("时限", "deadline"),
}  # fmt: skip


class Doing(NamedTuple):
    """A command that somebody is about to give: its words, the class behind it, and what it is about."""

    case: Opened
    ask: Ask
    command: type[c.Command]
    action: Action
    named: Mapping[str, str]
    about: Mapping[str, str]
    back: str
    step: str = ""
    """Its name, of a command that ends one."""
    known: ReportFacts | None = None
    """Of an assessment: what was reported and found before."""

    def ways(self, names: Mapping[str, str]) -> list[outcomes.Way]:
        """How the step may end; children by their names where these may be seen."""
        return outcomes.ways(self.case.policy, self.case.progress, self.step, names) if self.step else []

    @property
    def children(self) -> list[str]:
        """Those of whom an assessment may find something."""
        return [child.child_id for child in self.known.children] if self.known else []


@router.get("/cases/{case_id}/legs/{leg_id}/{verb}")
@router.post("/cases/{case_id}/legs/{leg_id}/{verb}")
async def on_leg(
    case_id: str, leg_id: str, verb: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu
) -> Response:
    """A command on an agency's task."""
    case = await opened(conn, who, shouhu, case_id)
    step = _first_of(case, leg_id) if verb == "outcome" else ""
    name = "complete" if verb == "outcome" else verb
    if name not in LEG_ASKS or case.progress.referral(leg_id) is None:
        raise HTTPException(404)
    command, action = ON_REFERRAL[name]
    about = {"referral_id": leg_id}
    back = f"{case.path}/legs/{leg_id}"
    if verb == "outcome" and not step:
        return await _over(request, back)
    known = await report_of(conn, case_id) if name == "assess" and case.allows(action, leg=leg_id) else None
    doing = Doing(case, LEG_ASKS[name], command, action, about, about, back, step, known)
    return await _answer(request, conn, shouhu, doing, name)


@router.get("/cases/{case_id}/duties/{code}/{verb}")
@router.post("/cases/{case_id}/duties/{code}/{verb}")
async def on_duty(
    case_id: str, code: str, verb: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu
) -> Response:
    """A command on a duty of the rules, or on a step of a procedure."""
    case = await opened(conn, who, shouhu, case_id)
    step = step_of(code) if verb == "outcome" and is_step(code) and case.progress.open_duty(code) else ""
    ask = LEG_ASKS["complete"] if verb == "outcome" else DUTY_ASKS.get(verb)
    if ask is None or case.progress.duty(code) is None:
        raise HTTPException(404)
    command, action = ON_DUTY[verb]
    if verb == "outcome" and not step:
        return await _over(request, f"{case.path}/duties/{code}")
    doing = Doing(case, ask, command, action, {"code": code}, {"duty": code}, f"{case.path}/duties/{code}", step)
    return await _answer(request, conn, shouhu, doing, "complete" if step else verb)


@router.get("/cases/{case_id}/do/{verb}")
@router.post("/cases/{case_id}/do/{verb}")
async def on_case(case_id: str, verb: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """A command on the case as a whole."""
    case = await opened(conn, who, shouhu, case_id)
    if verb not in CASE_ASKS:
        raise HTTPException(404)
    if verb == "link" and (later := await _later(request, conn, case)):
        await _carry(request, conn, shouhu, case, later)
        return RedirectResponse(f"/cases/{later}/do/link?primary={case.id}", 303, headers=STRICT)
    command, action = ON_CASE[verb]
    about = {"duty": "answer_outcome"} if action is Action.ANSWER_REPORTER else {}
    return await _answer(
        request, conn, shouhu, Doing(case, CASE_ASKS[verb], command, action, {}, about, case.path), verb
    )


async def _later(request: Request, conn: AsyncConnection, case: Opened) -> str | None:
    """The case that was chosen, if its report is the later one: it follows this one then, which goes on with all that is under way."""
    typed = await request.form() if request.method == "POST" else request.query_params
    chosen = str(typed.get("primary") or "")
    return chosen if chosen and not typed.get("keep") and await choices.is_later(conn, case, chosen) else None


async def _carry(request: Request, conn: AsyncConnection, shouhu: Service, case: Opened, later: str) -> None:
    """The reasons that were typed go along to the form of the other case, as a draft there: no address says them."""
    form = await Form.of(request) if request.method == "POST" else Form()
    if form.one("note"):
        await form_drafts.drop(conn, _place(request, case))
        there = await opened(conn, case.who, shouhu, later)
        place = form_drafts.Place(case.who.person_id, later, "do/link")
        said = {"primary": [case.id], "note": form.many("note")}
        await form_drafts.save(conn, place, said, there.progress.version, form.key, shouhu.ledger.clock())


async def _over(request: Request, back: str) -> Response:
    """The step has ended, perhaps by this very form: its page shows how. What would only be kept is not."""
    if request.method == "POST" and (await request.form()).get("keep"):
        return Response(status_code=409, headers=STRICT)
    return RedirectResponse(back, 303, headers=STRICT)


def _first_of(case: Opened, leg_id: str) -> str:
    """The step of a procedure that a leg under way is; empty for one that is none."""
    leg = case.progress.referral(leg_id)
    return case.policy.route(leg.route_id, urgent=leg.urgent).procedure if leg and leg.state is State.ACCEPTED else ""


async def _answer(request: Request, conn: AsyncConnection, shouhu: Service, doing: Doing, verb: str) -> Response:
    """The form, the form with what it would do, or the case once it is done. What is typed waits on the server until it was sent."""
    case, place = doing.case, _place(request, doing.case)
    if request.method == "GET":
        form = await _begun(request, conn, shouhu, case, place)
        if form.saved_at:
            return await _page(request, conn, shouhu, doing, form, None)
        first = not (doing.ask.takes or doing.ask.needs_note or doing.step)
        return await _page(
            request, conn, shouhu, doing, form, await _tried(conn, shouhu, doing, form) if first else None
        )
    form = await Form.of(request)
    if form.one("forget"):
        await form_drafts.drop(conn, place)
        return RedirectResponse(path_of(request), 303, headers=STRICT)
    kept = await _keep(conn, shouhu, case, place, form)
    if form.one("keep"):
        return Response(status_code=204 if kept else 409, headers=STRICT)
    asked = _built(doing, form, day_of(shouhu.ledger.clock()))
    if form.one("go") != "yes" and asked is not None:
        return await _page(request, conn, shouhu, doing, form, await _tried(conn, shouhu, doing, form, asked))
    done = await form.perform(
        conn, shouhu, case.who, case.id, asked, doing.action, beside=BESIDE,
        referral_id=doing.about.get("referral_id"), duty=doing.about.get("duty"),
    )  # fmt: skip
    if done is None:
        return await _page(request, conn, shouhu, doing, form, None)
    await form_drafts.drop(conn, place)
    return RedirectResponse(f"{doing.back if verb in STAYS else case.path}?done={verb}", 303, headers=STRICT)


def _place(request: Request, case: Opened) -> form_drafts.Place:
    """One draft of each form, whoever's seat the person sits in."""
    return form_drafts.Place(case.who.person_id, case.id, path_of(request).removeprefix(f"{case.path}/"))


async def _begun(
    request: Request, conn: AsyncConnection, shouhu: Service, case: Opened, place: form_drafts.Place
) -> Form:
    """An empty form, with what the link to it says; or what was typed before and not sent, with what has changed in the case since."""
    waits = await form_drafts.typed(conn, place, shouhu.ledger.clock())
    if waits is None:
        return Form({name: [value] for name, value in request.query_params.items()}, version=case.progress.version)
    form = Form(waits.said, version=case.progress.version)
    form.saved_at = waits.saved_at
    if waits.version < case.progress.version:
        form.show(await shouhu.ledger.since(conn, case.id, waits.version, case.part))
    return form


async def _keep(conn: AsyncConnection, shouhu: Service, case: Opened, place: form_drafts.Place, form: Form) -> bool:
    said = {name: values for name, values in form.typed.items() if name not in NOT_TYPED and any(values)}
    if not said:
        await form_drafts.drop(conn, place)
        return True
    version = form.version if form.version is not None else case.progress.version
    return await form_drafts.save(conn, place, said, version, form.key, shouhu.ledger.clock())


async def _tried(
    conn: AsyncConnection, shouhu: Service, doing: Doing, form: Form, asked: c.Command | None = None
) -> dict[str, Any] | None:
    """What the rules make of it, in words; None with the refusal in the form."""
    case = doing.case
    asked = asked or _built(doing, form, day_of(shouhu.ledger.clock()))
    if asked is None:
        return None
    done = await form.attempt(
        conn,
        lambda: foresee(
            conn, shouhu, case.who, case.id, asked, doing.action, if_match=str(form.version) if form.version is not None else None,
            **doing.about,
        ),
        BESIDE,
    )  # fmt: skip
    if done is None:
        return None
    return {
        "events": [TITLES[kind] for kind in dict.fromkeys(done.events)],
        "clocks": [
            (_title(case, one.subject), CLOCKS[one.clock], one.before, one.after) for one in done.foreseen.deadlines
        ],
        "told": [whom(recipient) for recipient in done.foreseen.told],
    }


def _title(case: Opened, subject: str) -> tuple[str, str]:
    """A leg that the command opens is not in the case yet."""
    if case.progress.referral(subject) or case.progress.duty(subject):
        return case.title_of(subject)
    return ("接办单位的新任务", "the new task of the agency that takes it")


def _built(doing: Doing, form: Form, today: date) -> c.Command | None:
    for name in _needed(doing):
        if not form.one(name):
            form.wrong(name, "请填写或选择", "Please fill this in.")
    plain = {
        asked.name: form.one(asked.name)
        for asked in doing.ask.takes
        if asked.kind not in ("plan", "bill") and asked.name != "days"
    }
    special = {
        **doing.ask.fields(form),
        **(outcomes.ended(doing.ways({}), form, today) if doing.step else {}),
        **(facts_seen.seen(form, doing.children, doing.known.guardians) if doing.known else {}),
    }
    if form.errors:
        return None
    return form.built(doing.command, by=doing.case.who, note=form.one("note"), **doing.named, **{**plain, **special})


def _needed(doing: Doing) -> list[str]:
    """Fields without which there is nothing to try."""
    chosen = [one.name for one in doing.ask.takes if one.kind not in ("plan", "number") and not one.optional]
    return [*chosen, *(["note"] if doing.ask.needs_note and not doing.step else [])]


def _may_be_found(doing: Doing, named: list[tuple[str, Pair]]) -> dict[str, Any]:
    """What the lines of an assessment offer."""
    of_case = [(key, name) for key, name in named if key in doing.children]
    family = doing.known.guardians if doing.known else ()
    return {
        "may_be_found": facts_seen.facts(),
        "subjects": facts_seen.subjects(of_case, family),
        "found_lines": facts_seen.LINES,
        "answers": tuple(Known),
    }


async def _page(
    request: Request, conn: AsyncConnection, shouhu: Service, doing: Doing, form: Form, tried: dict[str, Any] | None
) -> Response:
    facts = await facts_of(doing.case, "")
    children = (facts["file"].get("content") or {}).get("children", [])
    names = {child["id"]: child["name"] for child in children if child.get("name")}
    named = outcomes.children(doing.case.progress, names)
    subject = doing.about.get("referral_id") or (doing.named.get("code") and doing.about.get("duty"))
    offered = await choices.offered(conn, doing.case, doing.ask, doing.named.get("referral_id", ""), form, names)
    ways = doing.ways(names)
    more = {
        "labels": {
            **{one.name: one.words for one in doing.ask.takes}, "note": doing.ask.needs_note or REMARK, **outcomes.labels(ways),
        },
        "doing": doing, "ends": LEG_ASKS["complete"],
        "form": form, "tried": tried, "subject": doing.case.title_of(subject) if subject else None, "overall": OVERALL,
        "agencies": tuple(Agency), "services": tuple(Help), "lines": ITEMS, "kinds": Kind, "ways": ways, "today": day_of(shouhu.ledger.clock()),
        "child_options": named, "choices": offered, **(_may_be_found(doing, named) if doing.known else {}),
    }  # fmt: skip
    return await show(request, conn, doing.case.who, "step.html", {**facts, **more}, status=form.status)
