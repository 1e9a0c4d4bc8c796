"""Delivery of a referral to an agency's own system: load what that agency may know, send it signed, record how it was taken."""

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio import activity

from activities.gateway import AgencyEndpoint, AgencyRejected, AgencyUnavailable, Gateway
from activities.ledger import news
from activities.messages import Moved, Order
from app.db import tables
from app.db.audit import on_record
from app.db.ledger import Ledger
from app.db.past import report_of
from app.db.people import machine_of
from app.db.streams import progress_of
from app.db.vault import opened, opened_one
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.disclosure import View, as_known, packet
from app.domain.masking import hidden_from, texts_without
from app.domain.policy import Policy
from app.domain.procedure import About
from app.domain.procedure_work import allowed
from app.domain.progress import Progress, Referral, State
from app.domain.refusals import Refused
from app.domain.sight import INTAKE_DESK

FAILING_AFTER = 3
"""Tries after which a person sees that the agency's system is failing; the tries go on."""


async def view_of(conn: AsyncConnection, case_id: str, *, knows_reporter: bool) -> View:
    """What is known of a case, for the disclosure lists to choose from; no text of it names a reporter to whoever is not to know."""
    children = await conn.execute(select(tables.children).where(tables.children.c.case_id == case_id))
    report = await conn.execute(select(tables.reports).where(tables.reports.c.case_id == case_id))
    row = (await opened(conn, [report.mappings().one()], tables.reports))[0]
    facts = await report_of(conn, case_id)
    known = {**as_known(row, facts), "children": await opened(conn, children.mappings(), tables.children)}
    said = texts_without(known, hidden_from(row["reporter"] or {}, knows=knows_reporter))
    return View(
        children=tuple(said["children"]),
        family=tuple(said["family"]),
        narrative=said["narrative"],
        facts=facts.model_dump(mode="json") if facts else {},
    )


@dataclass
class Delivery:
    """The shared path; each agency's activities add their own verb, and the row of the leg says how much is told."""

    engine: AsyncEngine
    ledger: Ledger
    gateway: Gateway

    async def send(self, order: Order) -> Moved:
        """One try. A rejection is recorded for a person; an outage is retried by Temporal and shown after some tries."""
        async with self.engine.begin() as conn:
            loaded = await self._load(conn, order)
        if loaded is None:
            return await self._news(order)
        endpoint, message = loaded
        taken_back = "withdrawn" in message
        key = f"{order.stream_id}:{order.referral_id}" + (":withdrawn" if taken_back else "")
        try:
            earlier = await self.gateway.lookup(endpoint, key) if activity.info().attempt > 1 else None
            taken = earlier or await self.gateway.deliver(endpoint, key, message)
        except AgencyRejected as rejected:
            return await self._record(order, "rejected", code=rejected.code)
        except AgencyUnavailable as unavailable:
            if activity.info().attempt >= FAILING_AFTER:
                await self._record(order, "failing", code=unavailable.cause)
            raise
        return await self._record(order, "withdrawn" if taken_back else "delivered", reference=taken.reference or "")

    async def _load(self, conn: AsyncConnection, order: Order) -> tuple[AgencyEndpoint, dict[str, Any]] | None:
        query = select(tables.endpoints).where(tables.endpoints.c.agency == order.agency.value)
        row = await opened_one(conn, (await conn.execute(query)).mappings().one_or_none(), tables.endpoints)
        progress = await progress_of(conn, order.stream_id)
        referral = progress.referral(order.referral_id)
        if row is None or referral is None:
            return None
        endpoint = AgencyEndpoint(
            agency=order.agency, url=row["url"], secret=SecretStr(row["secret"]), supports_lookup=row["supports_lookup"]
        )
        message: dict[str, Any] = {"referral_id": referral.id, "case_id": progress.case_id}
        if referral.is_taken_back:
            return endpoint, message | {"withdrawn": referral.state.value}
        if referral.state is not State.SENT:
            return None
        if {order.agency.value, referral.desk} & set(progress.about):
            return None
        rules = await self.ledger.rules(conn, progress.policy)
        told_to, told = machine_of(order.agency), rules.lists.of(referral.agency, referral.task)
        await on_record(conn, told_to, "packet_sent", order.stream_id, told.parts, why=f"task:{referral.task}"[:40])
        at_intake = referral.desk == INTAKE_DESK
        view = await view_of(conn, order.stream_id, knows_reporter=at_intake)
        message |= {
            "task": referral.task,
            "agency": referral.agency.value,
            "urgency": progress.urgency.value,
            "accept_by": referral.accept.due_at.isoformat(),
            "packet": packet(told, progress, view),
        }
        return endpoint, message | self._how_it_may_end(rules, progress, referral)

    def _how_it_may_end(self, rules: Policy, progress: Progress, referral: Referral) -> dict[str, Any]:
        """Of a leg that is a step: its outcomes, and the children by id where one of these has to name some."""
        step = rules.route(referral.route_id, urgent=referral.urgent).procedure
        ends = allowed(rules, step) if step else ()
        named = any(one.about is About.CHILD for one in ends)
        return {
            **({"outcomes": [one.model_dump(mode="json") for one in ends]} if ends else {}),
            **({"children": [child.id for child in progress.children]} if named else {}),
        }

    async def _record(self, order: Order, outcome: rc.Outcome, *, code: str = "", reference: str = "") -> Moved:
        command = rc.RecordDelivery(
            by=ENGINE, referral_id=order.referral_id, outcome=outcome, code=code, reference=reference
        )
        try:
            async with self.engine.begin() as conn:
                await self.ledger.record(conn, order.stream_id, command)
        except Refused:
            pass
        return await self._news(order)

    async def _news(self, order: Order) -> Moved:
        async with self.engine.connect() as conn:
            return await news(conn, order.stream_id, order.version)
