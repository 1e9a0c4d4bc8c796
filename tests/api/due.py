"""Cases of long ago, and the list of what is due to be destroyed."""

from sqlalchemy import select, text, update

from activities.retention import RetentionActivities
from app.db import tables

ONE, TWO, OTHER = "civil.supervisor.1", "conf.supervisor.1", "police.head.1"
LIST = "/v1/retention"
WORDS = (
    "濮阳小禾",
    "13900000772",
    "虚构路七十二号",
    "濮阳报告",
    "走访所见七十二",
    "销毁前查看七十二",
    "附件七十二",
    "志愿者七十二",
)
TELEPHONE = WORDS[1]


async def told(api, **changes):
    child = {
        "name": WORDS[0], "phone": TELEPHONE, "residence": WORDS[2], "birth_date": "2004-03-04", "residence_division": "110106007",
    }  # fmt: skip
    reporter = {"class": "committee", "name": WORDS[3], "phone": "13900000773"}
    return await api.report(children=[child], reporter=reporter, narrative=WORDS[2], **changes)


async def in_the_past(api, case, years=15):
    """As if it had all happened then; what waits for people is not asked by the rules."""
    async with api.service.engine.begin() as conn:
        children = (
            (await conn.execute(select(tables.children.c.id).where(tables.children.c.case_id == case))).scalars().all()
        )
        streams = [case, *(f"{prefix}-{child}" for child in children for prefix in ("watch", "file"))]
        back = text(f"interval '{years} years'")
        await conn.execute(
            update(tables.events).where(tables.events.c.stream_id.in_(streams)).values(at=tables.events.c.at - back)
        )
        ours = tables.cases.c
        await conn.execute(
            update(tables.cases)
            .where(ours.id == case)
            .values(closed_at=ours.closed_at - back, filed_at=ours.filed_at - back)
        )
    return children


async def listed(api):
    return await RetentionActivities(api.service.engine, api.service.ledger.clock).list_due()


async def lines(api, state="due"):
    page = (await api.get(ONE, f"{LIST}?state={state}&limit=200")).json()
    return {row["subject_id"]: row for row in page["items"]}
