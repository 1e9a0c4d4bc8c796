"""The procedures of a case: which steps are owed by whom and how each may end, what has been recorded, what the caller may begin."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.api.context import Conn, Shouhu, Who, audit_read, part, progress_of, require, subject_of
from app.api.strict import StrictRoute
from app.domain.access import Action
from app.domain.clock import Clock
from app.domain.procedure import About, Ended, Outcome, is_step, step_of
from app.domain.procedure_work import usual
from app.domain.progress import Progress, State
from app.domain.terms import Agency
from app.policy.pack import Pack
from app.router import Router

router = Router(prefix="/v1", tags=["procedures"], route_class=StrictRoute)


class OpenStep(BaseModel):
    """A step that is owed: a duty, ended at its `outcome`, or a leg, ended by its `complete`."""

    subject: str = Field(examples=["dropout_control.persuade"])
    is_leg: bool
    procedure: str
    procedure_zh: str
    procedure_en: str
    title_zh: str
    title_en: str
    agency: Agency
    desk: str
    due_at: datetime
    outcomes: list[Outcome] = Field(description="Those that a person may record, with the fields that each needs.")
    usual: dict[str, Any] = Field(description="The usual outcome with a record that fits, as the body of the command.")


class Startable(BaseModel):
    """A procedure that the caller's agency may begin."""

    code: str
    title_zh: str
    title_en: str
    about: About


class Procedures(BaseModel):
    """All of a case."""

    open: list[OpenStep]
    done: list[Ended]
    may_start: list[Startable]


@router.get("/cases/{case_id}/procedures", operation_id="read_procedures")
async def read_procedures(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> Procedures:
    """Open steps with their outcomes, ended ones with their records, and what the caller may begin; of others' steps nothing to whoever
    is not shown all of the case."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CASE, subject_of(progress))
    pack = Pack(progress.policy, (await shouhu.ledger.pack(conn, progress.policy)).file)
    shown = (await part(conn, who, shouhu, progress)).progress(progress)
    await audit_read(conn, who, "read_procedures", case_id, ["procedures"])
    return procedures_of(shown, pack, who.agency, shouhu.ledger.clock())


def procedures_of(progress: Progress, pack: Pack, agency: Agency, now: datetime) -> Procedures:
    """As the API shows them."""
    mine = [row for row in pack.file.procedures if agency in row.started_by and progress.is_open]
    return Procedures(
        open=list(_open(progress, pack, now)),
        done=list(progress.outcomes),
        may_start=[Startable(code=row.code, title_zh=row.zh, title_en=row.en, about=row.about) for row in mine],
    )


def _open(progress: Progress, pack: Pack, now: datetime) -> Iterator[OpenStep]:
    for leg in progress.open_referrals:
        first = pack.route(leg.route_id, urgent=leg.urgent).procedure
        if first and leg.state is State.ACCEPTED and leg.finish:
            yield _step(progress, pack, now, leg.id, first, leg.agency, leg.desk, leg.finish)
    for duty in progress.duties:
        if duty.is_open and progress.is_open and is_step(duty.code):
            yield _step(progress, pack, now, duty.code, step_of(duty.code), duty.holder, duty.desk, duty.clock)


def _step(
    progress: Progress, pack: Pack, now: datetime, subject: str, name: str, agency: Agency, desk: str, clock: Clock
) -> OpenStep:
    row, step = pack.file.step_rows[name], pack.step(name)
    whole = next(one for one in pack.file.procedures if one.code == name.partition(".")[0])
    return OpenStep(
        subject=subject, is_leg=subject != name and not is_step(subject), procedure=whole.code, procedure_zh=whole.zh,
        procedure_en=whole.en, title_zh=row.zh, title_en=row.en, agency=agency, desk=desk, due_at=clock.due_at,
        outcomes=list(step.by_person), usual=usual(progress, pack, now, step) if step.by_person else {},
    )  # fmt: skip
