"""The health of the service, for whoever runs it or oversees it: what is well, what is not, and what to do."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.context import Conn, Shouhu, Who
from app.api.strict import StrictRoute
from app.db.beats import measure
from app.db.walls import open_door
from app.domain.health import Light, Vital, judge
from app.domain.refusals import RefusalCode, Refused
from app.domain.seats import sees_every_seat
from app.router import Router

router = Router(prefix="/v1", tags=["system"], route_class=StrictRoute)


class SignShown(BaseModel):
    """One judgement; `do_zh` and `do_en` are empty where there is nothing to do."""

    vital: Vital
    title_zh: str
    title_en: str
    light: Light
    zh: str
    en: str
    do_zh: str
    do_en: str


class Health(BaseModel):
    """As it stood at `at`; `light` is the worst of all."""

    at: datetime
    light: Light
    signs: list[SignShown] = Field(description="In the order in which one would look.")


@router.get("/system/health", operation_id="system_health")
async def health(conn: Conn, who: Who, shouhu: Shouhu) -> Health:
    """Numbers and words alone, of no case and no person."""
    if not sees_every_seat(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    await open_door(conn)
    now = shouhu.ledger.clock()
    signs = judge(await measure(conn, now, shouhu.restore_tested), now)
    shown = [SignShown(**sign.model_dump(), title_zh=sign.vital.zh, title_en=sign.vital.en) for sign in signs]
    order = tuple(Light)
    return Health(at=now, light=max((sign.light for sign in signs), key=order.index), signs=shown)
