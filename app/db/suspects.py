"""Whether a guardian is a suspect by any case of a child, whoever may see that case: where the child lives hangs on it.

The service itself asks. A yes or no comes of it, and nothing else of a case that the reader does not see.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.child_records import cases_of, reports_of
from app.db.past import assessed_of, with_assessed
from app.db.vault import vault_of
from app.db.walls import as_service
from app.domain.access import Actor
from app.domain.child_record import ChildRecord
from app.domain.compartment import TOLD_PLACE, is_suspected


async def with_suspects(conn: AsyncConnection, who: Actor, records: Sequence[ChildRecord]) -> list[ChildRecord]:
    """These children for a body from which their place may be kept back. What of a case stands in the record says so itself; asked are
    those that the reader does not see, and those about several children, which are read with none."""
    if not records or who.agency in TOLD_PLACE:
        return list(records)
    rows = {one.child_id: {"case_id": one.case_id} for record in records for one in (record, *record.joined)}
    async with as_service(conn):
        of = dict.fromkeys(rows, frozenset[str]())
        for child, (case_id,) in await cases_of(conn, rows, true(), tables.cases.c.id):
            of[child] |= {case_id}
        asked = {
            one.child_id: frozenset[str]().union(*(of[child] for child in one.ids)) - _read(one) for one in records
        }
        suspected = await _suspected(conn, frozenset[str]().union(*asked.values()))
    return [
        one.model_copy(update={"suspected": not suspected.isdisjoint(asked[one.child_id])})
        if asked[one.child_id]
        else one
        for one in records
    ]


def _read(record: ChildRecord) -> frozenset[str]:
    """The cases that have reported the child, as far as the reader sees them."""
    own = {one.case_id for one in (record, *record.joined) if one.facts}
    return frozenset(case.case_id for _, case in record.cases if case.case_id in own)


async def _suspected(conn: AsyncConnection, case_ids: Collection[str]) -> frozenset[str]:
    """Of these cases those whose report, or an assessment since, names a suspect."""
    if not case_ids:
        return frozenset()
    keys = await vault_of(conn).keys(conn, case_ids)
    reports, assessed = await reports_of(conn, case_ids, keys), await assessed_of(conn, case_ids, keys)
    return frozenset(
        case_id
        for case_id, facts in reports.items()
        if is_suspected((facts, with_assessed(facts, assessed.get(case_id, ()))))
    )
