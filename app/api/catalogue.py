"""The catalogue of services for the children of a case: what is due by age and facts, what was given, by which clause."""

from datetime import date

from pydantic import BaseModel, Field
from sqlalchemy import func, select

from app.api.children import is_in_sight
from app.api.context import Conn, Shouhu, Who, audit_read, progress_of, require, subject_of, told
from app.api.strict import StrictRoute
from app.db import entries, tables
from app.db.past import report_of
from app.db.vault import opened
from app.db.walls import reaching
from app.domain.access import Action
from app.domain.catalogue import Born, Due, due_of
from app.domain.registers import Kind
from app.domain.working_time import day_of
from app.policy.checklist import checklist
from app.router import Router

router = Router(prefix="/v1", tags=["services"], route_class=StrictRoute)
SERVICES = "services"
"""The register in which the agencies enter what they gave."""


class ChildServices(BaseModel):
    """The checklist of one child."""

    child_id: str
    file_id: str = Field(
        description="Under which the caller reads the file of the child: another where an earlier report began it."
    )
    services: list[Due]


@router.get("/cases/{case_id}/services", operation_id="child_services")
async def child_services(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[ChildServices]:
    """Due, open until the named facts are known, or given; what a child has outgrown or not reached is left out. Whoever does not see
    the whole case is shown the services of their own agency, and those that are due by age alone: others say what was found of a child."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CONTENT, subject_of(progress))
    await audit_read(conn, who, "read_services", case_id, ["birth_date", SERVICES])
    facts = await report_of(conn, case_id)
    if facts is None:
        return []
    pack = await shouhu.ledger.pack(conn, progress.policy)
    child = tables.children.c
    own = func.shouhu_own_child(child.id).label("file_id")
    births = await conn.execute(select(child.id, child.case_id, child.birth_date, own).where(child.case_id == case_id))
    known = {row["id"]: dict(row) for row in await opened(conn, births.mappings(), tables.children, lenient=True)}
    for name, row in known.items():
        if row["file_id"] != name and not await is_in_sight(conn, who, name):
            row["file_id"] = name
    born = {name: row["birth_date"] for name, row in known.items()}
    today = day_of(shouhu.ledger.clock())
    seen_on = day_of(progress.filed_at)
    given = await _given(conn, [one.child_id for one in facts.children])
    fits, sees = checklist(pack.file, pack.since(facts, progress.happened)), await told(conn, who, shouhu, progress)
    by_facts = {row.id for row in pack.file.catalogue if row.when != "true"}
    fits = {
        child: [one for one in services if sees.whole or one.agency is who.agency or one.service not in by_facts]
        for child, services in fits.items()
    }
    return [
        ChildServices(
            child_id=one.child_id, file_id=known[one.child_id]["file_id"] if one.child_id in known else one.child_id,
            services=list(
                due_of(
                    fits[one.child_id], Born.of(born.get(one.child_id), one.age_years, seen_on),
                    given.get(one.child_id, {}), today,
                )
            ),
        )
        for one in facts.children
    ]  # fmt: skip


async def _given(conn: Conn, children: list[str]) -> dict[str, dict[str, list[date]]]:
    """What the agencies have entered, by child and service."""
    await reaching(conn, books=[SERVICES])  # of this child, whichever desk has given them
    line = entries.line
    marked = [entries.of_child(conn, child) for child in children]
    kept = entries.newest(line.book == SERVICES, line.kind != Kind.ENDED.value, line.marks.overlap(marked))
    found: dict[str, dict[str, list[date]]] = {}
    for entry in await entries.entries_of(conn, kept):
        of_child = found.setdefault(entry.fields["child"], {})
        of_child.setdefault(entry.fields["service"], []).append(date.fromisoformat(entry.fields["given_on"]))
    return found
