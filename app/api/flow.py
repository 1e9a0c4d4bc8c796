"""全流程: a case from its beginning, each leg and duty as it was planned and as it went, for programs and for the picture."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from app.api.context import Conn, Shouhu, Who, audit_read, part, progress_of, require, subject_of
from app.api.strict import StrictRoute
from app.db.ledger import events_since
from app.domain.access import Action
from app.domain.events import Event, event_adapter
from app.domain.flow import Kind, Lane, StageSpan, lanes, never_begun, stage_spans
from app.domain.policy import Policy
from app.domain.progress import Progress
from app.domain.terms import Agency, Stage
from app.router import Router

router = Router(prefix="/v1", tags=["cases"], route_class=StrictRoute)


class NamedLane(Lane):
    """The same with its name, and its times in seconds until now."""

    title_zh: str = Field(examples=["责令送回或委托照护"])
    title_en: str
    waiting: float = Field(description="Until it was taken up; without the time in which the sender completed it.")
    returned: float
    working: float
    paused: float


class Ahead(BaseModel):
    """A leg that the rules foresee and that nobody has been asked for."""

    route_id: str
    stage: Stage
    agency: Agency
    title_zh: str
    title_en: str


class Flow(BaseModel):
    """The whole of it, as of `at`."""

    at: datetime
    stages: list[StageSpan]
    lanes: list[NamedLane]
    ahead: list[Ahead]


@router.get("/cases/{case_id}/flow", operation_id="case_flow")
async def case_flow(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> Flow:
    """Waiting and working apart, with every rung that was reached; codes and instants alone, of nobody. Whoever is not shown all of the
    case has the lanes of their own tasks."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CASE, subject_of(progress))
    await audit_read(conn, who, "case_flow", case_id, ["timeline"])
    events = [event_adapter.validate_python(body) for body in await events_since(conn, case_id, 0)]
    flow = flow_of(progress, events, await shouhu.ledger.rules(conn, progress.policy), shouhu.ledger.clock())
    shown = await part(conn, who, shouhu, progress)
    if shown.whole:
        return flow
    own = {step.route_id for step in shown.progress(progress).steps}
    lanes = [lane for lane in flow.lanes if lane.subject in shown.legs | shown.duties]
    return flow.model_copy(update={"lanes": lanes, "ahead": [one for one in flow.ahead if one.route_id in own]})


def flow_of(progress: Progress, events: Sequence[Event], rules: Policy, now: datetime) -> Flow:
    """With the names of the rules."""
    ahead = [(step, rules.route(step.route_id, urgent=False)) for step in never_begun(progress)]
    return Flow(
        at=now, stages=list(stage_spans(progress, events)), lanes=[_named(lane, progress, rules, now) for lane in lanes(progress, events)],
        ahead=[
            Ahead(route_id=step.route_id, stage=step.gate.stage, agency=step.agency, title_zh=row.title_zh, title_en=row.title_en)
            for step, row in ahead
        ],
    )  # fmt: skip


def _named(lane: Lane, progress: Progress, rules: Policy, now: datetime) -> NamedLane:
    leg = progress.referral(lane.subject)
    row = (
        rules.route(leg.route_id, urgent=leg.urgent)
        if leg
        else rules.obligation(lane.subject.partition(":")[0], urgent=False)
    )
    named = {"title_zh": row.title_zh, "title_en": row.title_en}
    kinds: tuple[Kind, ...] = ("waiting", "returned", "working", "paused")
    spent = {kind: lane.spent(kind, now=now).total_seconds() for kind in kinds}
    return NamedLane.model_validate(lane.model_dump() | named | spent)
