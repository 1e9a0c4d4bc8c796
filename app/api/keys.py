"""Keys of machines: issued, rotated and revoked by the unit's own people or the system administrator."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.api.context import Conn, Shouhu, Who
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import keys
from app.db.account_tables import api_keys
from app.db.audit import on_record
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.keys import LASTS, LONGEST_OVERLAP, OVERLAP, governs, may_issue, may_look_after, oversees_keys
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import KeyScope
from app.router import Router

router = Router(prefix="/v1/keys", tags=["keys"], route_class=StrictRoute)
EXAMPLE = {"unit": "unit-school-1", "scopes": ["report:create", "report:read-own"], "label": "学籍管理系统"}
HOURS = timedelta(hours=1)


class Wanted(BaseModel):
    """For which unit, or desk of an agency, and what the key may do."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    unit: str = Field(min_length=1, max_length=80)
    scopes: tuple[KeyScope, ...] = Field(min_length=1, max_length=len(KeyScope))
    label: str = Field(default="", max_length=60, pattern=r"^[^\x00-\x1f]*$")
    """The system that holds it; no person's name."""
    days: int = Field(default=LASTS.days, ge=1, le=2 * LASTS.days)


class Rotation(BaseModel):
    """For how long the old key is good beside the new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"overlap_hours": 24}})

    overlap_hours: int = Field(default=OVERLAP // HOURS, ge=0, le=LONGEST_OVERLAP // HOURS)


class KeyRow(BaseModel):
    """A key without its secret, which nobody can read any more."""

    id: str
    unit: str
    agency: str
    scopes: list[KeyScope]
    label: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    replaced_by: str | None
    last_used_at: datetime | None
    giver_left: bool = Field(description="Whoever gave it is shut out, and has seen it: renew it.")


class ShownOnce(BaseModel):
    """The key itself, this once; it goes into `Authorization: Bearer`."""

    id: str
    key: str
    says: str = "请立即保存，系统不再显示。"


@router.get("", operation_id="keys")
async def all_keys(
    conn: Conn, who: Who, unit: Annotated[str | None, Field(max_length=80)] = None,
    made_by: Annotated[str | None, Field(max_length=80)] = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[KeyRow]:  # fmt: skip
    """Those of the own unit or desk, or of all units for whoever oversees keys."""
    if oversees_keys(who):
        await open_door(conn)
    elif not any(governs(who, own) for own in (who.unit, who.desk) if own):
        raise Refused(RefusalCode.NOT_ALLOWED)
    by = (api_keys.c.made_at, api_keys.c.id)
    return await page_of(
        conn, who, keys.listed(unit, made_by), KeyRow, by, cursor=cursor, limit=limit, newest_first=True
    )


@router.post("", status_code=201, operation_id="issue_key")
async def issue(wanted: Wanted, conn: Conn, who: Who, shouhu: Shouhu) -> ShownOnce:
    """A new key. The system administrator issues keys for reporting alone; those that see cases are the desk heads' to give."""
    bound = await keys.bound_to(conn, wanted.unit)
    if bound is None and not oversees_keys(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    if bound is None:
        raise Refused(RefusalCode.UNIT_NOT_FOUND)
    if not may_issue(who, bound, wanted.scopes):
        raise Refused(RefusalCode.NOT_ALLOWED)
    await open_door(conn)
    now = shouhu.ledger.clock()
    lasts = timedelta(days=wanted.days)
    made = await keys.issue(conn, bound, wanted.scopes, wanted.label, by=who.person_id, now=now, expires_at=now + lasts)
    await on_record(conn, who, "issue_key", made.id, list(wanted.scopes))
    return ShownOnce(id=made.id, key=made.secret)


@router.post("/{key_id}/rotation", status_code=201, operation_id="rotate_key")
async def rotate(key_id: str, rotation: Rotation, conn: Conn, who: Who, shouhu: Shouhu) -> ShownOnce:
    """A new key with the same scopes; the old one is good for the overlap, so that the system can change without a pause."""
    row = await _mine(conn, who, key_id)
    now, scopes = shouhu.ledger.clock(), tuple(KeyScope(scope) for scope in row.scopes)
    if row.revoked_at is not None or row.expires_at <= now or row.replaced_by is not None:
        raise Refused(RefusalCode.KEY_ENDED)
    if not may_issue(who, keys.bound_of(row), scopes):
        raise Refused(RefusalCode.NOT_ALLOWED)
    overlap = rotation.overlap_hours * HOURS
    made = await keys.rotate(conn, row, by=who.person_id, now=now, lasts=LASTS, overlap=overlap)
    await on_record(conn, who, "rotate_key", key_id, list(scopes))
    return ShownOnce(id=made.id, key=made.secret)


@router.delete("/{key_id}", status_code=204, operation_id="revoke_key")
async def revoke(key_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> None:
    """It is refused at its next request."""
    await _mine(conn, who, key_id)
    await keys.revoke(conn, key_id, shouhu.ledger.clock())
    await on_record(conn, who, "revoke_key", key_id, [])


async def _mine(conn: Conn, who: Actor, key_id: str) -> keys.Row:
    """Somebody else's key does not exist; whoever looks after it has passed the door."""
    if oversees_keys(who):
        await open_door(conn)
    row = await keys.found(conn, key_id)
    if not may_look_after(who, row.unit):
        raise Refused(RefusalCode.KEY_NOT_FOUND)
    await open_door(conn)
    return row
