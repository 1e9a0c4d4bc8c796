"""A record that is sealed: in no list, search or count, and opened by the procuratorate or the court on a ground of law alone."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import func, not_, select

from app.api.context import Conn, Shouhu, Who, audit_read, is_kept
from app.api.strict import StrictRoute
from app.db import tables
from app.db.approvals import spend
from app.db.walls import open_door
from app.domain.approvals import Act
from app.domain.compartment import Ground, may_open, own_marks
from app.domain.procedure import REFERENCE, Ended
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import CloseReason
from app.router import Router

router = Router(prefix="/v1", tags=["sealed"], route_class=StrictRoute)


class OnGround(BaseModel):
    """Why a sealed record is opened; the number is that of the request or of the case for which it is needed."""

    ground: Ground
    request: str = Field(
        min_length=4, max_length=23, description="At least four digits and no space: a file's number, not a name."
    )

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"ground": "case_handling", "request": "（2026）京0106刑初88号"}}
    )

    @field_validator("request")
    @classmethod
    def _is_a_number(cls, request: str) -> str:
        """It stands in the audit, which holds no names."""
        if not REFERENCE.fullmatch(request):
            raise ValueError("须为文书或案件编号 · the number of a request or of a case")
        return request


class SealedRecord(BaseModel):
    """What a sealed record holds: how its steps ended."""

    case_id: str
    closed_at: datetime
    closed_reason: CloseReason
    outcomes: list[Ended]


@router.post("/sealed/{case_id}", operation_id="open_sealed")
async def open_sealed(case_id: str, asked: OnGround, conn: Conn, who: Who, shouhu: Shouhu) -> SealedRecord:
    """By two persons (`unseal` with the case, the ground and the request); the look is on record with its ground before anything leaves.

    For all others the record does not exist, and for whoever it is about.
    """
    if not may_open(who):
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    await open_door(conn)  # nobody's sight reaches it any more; the ground does
    case = tables.cases.c
    sealed = func.coalesce(func.jsonb_array_length(case.progress["sealed_for"]), 0) > 0
    about_them = case.about.overlap(list(own_marks(who)))
    query = select(case.progress).where(
        case.id == case_id, sealed, case.is_open.is_(False), is_kept(), not_(about_them)
    )
    stored = (await conn.execute(query)).scalar_one_or_none()
    if stored is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    parameters = {"case": case_id, "ground": asked.ground.value, "request": asked.request}
    await spend(conn, who, Act.UNSEAL, parameters, shouhu.ledger.clock())
    await audit_read(conn, who, "open_sealed", case_id, ["outcomes"], why=f"{asked.ground}: {asked.request}")
    progress = Progress.model_validate(stored)
    if progress.closed_at is None or progress.closed_reason is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    return SealedRecord(
        case_id=case_id, closed_at=progress.closed_at, closed_reason=progress.closed_reason,
        outcomes=list(progress.outcomes),
    )  # fmt: skip
