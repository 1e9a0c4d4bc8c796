"""The one table of what takes two persons. A route that does such an act asks `spend`, which refuses unless another person has approved.

    await spend(conn, who, Act.EXPORT, {"book": code, "children": 73}, now)      # raises Refused(SECOND_PERSON_NEEDED)
    if count > MOST_CHILDREN: await spend(...)                                   # an export of few needs nobody

The parameters name exactly what is done, in codes and ids: the proposal was made and approved for these and no others. It is spent
in the transaction of the act, so an act that fails leaves it unspent, and one that was done is not done again by the same approval.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Row, String, cast, func, insert, not_, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import on_record
from app.db.vault import sealed_row
from app.db.walls import child_concerns, open_door
from app.domain.access import Actor
from app.domain.approvals import HOLDS, WAITS, Act, Proposal, Reason, digest_of, may_propose, require_second
from app.domain.compartment import may_open, own_marks
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import reads_with
from app.domain.terms import Agency

approval = tables.approvals.c


def told_to(who: Actor) -> ColumnElement[bool]:
    """Which proposals a person is told at all: one to open a sealed record names its case, so those alone who may open one are, unless
    it is about them; one that is about a child, nobody whom a case of the child is about."""
    clear = not_(child_concerns(who, func.shouhu_child_named(approval.parameters)))
    is_other = or_(approval.act != Act.UNSEAL.value, approval.person_id == who.person_id)
    if not may_open(who):
        return clear & is_other
    own = cast(list(own_marks(who)), ARRAY(String))
    return clear & or_(is_other, not_(func.shouhu_concerned(approval.parameters["case"].astext, own, type_=Boolean)))


async def propose(
    conn: AsyncConnection, who: Actor, act: Act, parameters: Mapping[str, Any], reason: Reason, note: str, now: datetime, *,
    case_id: str | None = None,
) -> Row:  # fmt: skip
    """The first person's step; on record. `case_id` lets the wall keep it from whom the case is about, and its
    key seal the reason; it is one that the person sees."""
    if not may_propose(who, act):
        raise Refused(RefusalCode.NOT_ALLOWED)
    await open_door(conn)
    row = {
        "id": f"approval-{uuid.uuid4().hex}", "act": act.value, "parameters": dict(parameters), "digest": digest_of(act, parameters),
        "case_id": case_id, "reason": reason.value, "note": note, "office": reads_with(who), "proposed_by": list(who.persons),
        "person_id": who.person_id, "behalf": who.acting_for, "agency": who.agency.value, "desk": who.desk, "proposed_at": now,
        "expires_at": now + WAITS,
    }  # fmt: skip
    stored = await sealed_row(conn, tables.approvals, row)
    made = (await conn.execute(insert(tables.approvals).values(stored).returning(tables.approvals))).one()
    await on_record(conn, who, f"propose_{act}", case_id, [made.id[:40]], children=[], why=reason.value)
    return made


async def decide(conn: AsyncConnection, who: Actor, approval_id: str, now: datetime, *, approve: bool) -> Row:
    """The second person's step. APPROVAL_NOT_FOUND for whoever does not see it, SECOND_PERSON_NEEDED for the first in any guise."""
    seen = await conn.execute(select(approval.id).where(approval.id == approval_id, told_to(who)))
    if seen.scalar_one_or_none() is None:
        raise Refused(RefusalCode.APPROVAL_NOT_FOUND)
    await open_door(conn)
    row = (await conn.execute(select(tables.approvals).where(approval.id == approval_id).with_for_update())).one()
    if row.rejected_at is not None:
        raise Refused(RefusalCode.ALREADY_DONE)
    require_second(who, _proposal(row), now)
    if approve:
        values = {
            "approved_by": who.person_id,
            "approved_behalf": who.acting_for,
            "approved_at": now,
            "expires_at": now + HOLDS,
        }
    else:
        values = {"rejected_by": who.person_id, "rejected_at": now}
    done = update(tables.approvals).where(approval.id == approval_id).values(**values).returning(tables.approvals)
    verb = "approve" if approve else "reject"
    await on_record(conn, who, f"{verb}_{row.act}", row.case_id, [row.id[:40]], children=[], why=row.reason)
    return (await conn.execute(done)).one()


async def spend(conn: AsyncConnection, who: Actor, act: Act, parameters: Mapping[str, Any], now: datetime) -> str:
    """The id of the approval by which this person may do this now, in the seat in which it was asked; used up unless the act is a list
    that is turned page by page.

    An act leaves the transaction as the service's, for whoever acts has passed the door; a list is read with the person's own sight.
    """
    if act.is_spent_at_once:
        await open_door(conn)
    fit = (
        approval.act == act.value, approval.digest == digest_of(act, parameters), approval.person_id == who.person_id,
        approval.behalf.is_not_distinct_from(who.acting_for), approval.agency == who.agency.value, approval.desk == who.desk,
        approval.approved_at.is_not(None), approval.used_at.is_(None), approval.expires_at > now,
    )  # fmt: skip
    query = select(approval.id).where(*fit).order_by(approval.approved_at).limit(1)
    query = query.with_for_update() if act.is_spent_at_once else query
    found = (await conn.execute(query)).scalar_one_or_none()
    if found is None:
        raise Refused(RefusalCode.SECOND_PERSON_NEEDED, act=act.value)
    if act.is_spent_at_once:
        await conn.execute(update(tables.approvals).where(approval.id == found).values(used_at=now))
    return found


def _proposal(row: Row) -> Proposal:
    return Proposal(
        id=row.id, act=Act(row.act), digest=row.digest, proposed_by=tuple(row.proposed_by), agency=Agency(row.agency), desk=row.desk,
        expires_at=row.expires_at, approved=row.approved_at is not None, used=row.used_at is not None,
    )  # fmt: skip
