"""What a person sees by the domain's rule, and what the database works out for the same person."""

from sqlalchemy import text

from app.db.walls import APP, WIDE
from app.domain.access import Actor, scope
from app.domain.sight import divisions, keeps

SETTINGS = ("person", "desks", "agencies", "unit", "procurator", "marks", "keeps", "streets", "desk")


async def context(conn):
    asked = ", ".join(f"coalesce(current_setting('shouhu.{name}', true), '') as {name}" for name in SETTINGS)
    return (await conn.execute(text(f"select current_user as role, {asked}"))).one()


def as_context(actor: Actor):
    """What the domain's rule says of this actor, in the words of the database."""
    seen = scope(actor)
    return {
        "role": WIDE if seen.everything else APP, "person": actor.person_id, "desks": set(seen.desks),
        "agencies": set(seen.agencies), "unit": seen.reports_of_unit or "", "procurator": "on" if seen.at_procuratorate else "",
        "marks": set(actor.marks), "keeps": set(keeps(actor)), "streets": set(divisions(actor)),
        "desk": actor.desk if keeps(actor) else "",
    }  # fmt: skip


def parsed(found):
    lists = {
        name: set(filter(None, getattr(found, name).split(",")))
        for name in ("desks", "agencies", "marks", "keeps", "streets")
    }
    return {name: getattr(found, name) for name in ("role", "person", "unit", "procurator", "desk")} | lists
