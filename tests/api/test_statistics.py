"""On-time rates as of any instant, against a count of the bare events that knows nothing of the projections."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.api.boards import on_time
from app.db import tables
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.scorecard import kept_on_time
from app.db.service import Service
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import ENGINE, Actor
from app.domain.clock import Budget, Unit
from app.domain.refusals import Refused
from app.domain.terms import Agency, CloseReason, ExtendReason, Role, Safety
from app.policy.examples import facts_of
from app.policy.loader import load
from tests.actors import REPORTER, at_desk

BEGIN = datetime(2025, 3, 3, 1, tzinfo=UTC)
SUPERVISOR = Actor(person_id="civil.supervisor.1", agency=Agency.CIVIL, desk="CIVIL", roles=(Role.SUPERVISOR,))
EXAMPLES = ("CN-01", "CN-02", "CN-05", "CN-07", "CN-08")


class History:
    """One case to which people and time do things at random."""

    def __init__(self, ledger, conn, chance, number):
        self.ledger, self.conn, self.chance = ledger, conn, chance
        self.id, self.now = f"case-chance-{number}", BEGIN + timedelta(hours=chance.randint(0, 200))

    async def live(self):
        facts = facts_of(self.chance.choice(EXAMPLES)).at(self.now)
        filed = await self.ledger.file(
            self.conn, self.id, c.FileReport(by=REPORTER, facts=facts, unit="u"), now=self.now
        )
        state = filed.progress
        for _ in range(self.chance.randint(5, 30)):
            self.now += timedelta(minutes=self.chance.choice((1, 20, 90, 300, 1500, 6000, 20000)))
            state = await self.do(c.RaiseDue(by=ENGINE)) or state
            state = await self.do(self.something(state)) or state
            if not state.is_open:
                return

    async def do(self, command):
        try:
            return (await self.ledger.record(self.conn, self.id, command, now=self.now)).progress
        except Refused:
            return None

    def something(self, state):
        leg = self.chance.choice(state.open_referrals or state.referrals)
        who = at_desk(leg.desk, "officer", Role.OFFICER, Role.DESK_HEAD)
        on_leg = {"by": who, "referral_id": leg.id}
        owed = self.chance.choice([d for d in state.duties if d.is_open] or state.duties)
        more = Budget(amount=self.chance.randint(1, 5), unit=Unit.WORKING_DAYS)
        work = [
            rc.AcceptReferral(**on_leg), rc.AcceptReferral(**on_leg), rc.CompleteReferral(**on_leg),
            rc.ReturnReferral(**on_leg, reason="missing_contact"), rc.SupplyMaterial(**on_leg),
            rc.DeclineReferral(**on_leg, reason="not_competent"), rc.PassOnReferral(**on_leg, to="DPF"),
            rc.ReassignReferral(by=SUPERVISOR, referral_id=leg.id, to=self.chance.choice((Agency.WF, Agency.HEALTH))),
            rc.FailReferral(**on_leg, reason="family_moved"), c.FileAssessment(**on_leg, grade="medium"),
            rc.ExtendReferral(**on_leg, reason=ExtendReason.COMPLEX_FACTS, by_budget=more),
            rc.PauseReferral(**on_leg, reason="awaiting_material"), rc.ResumeReferral(**on_leg),
            rc.SuperviseReferral(by=SUPERVISOR, referral_id=leg.id),
            rc.ReplyToSupervision(by=at_desk(owed.desk), code=owed.code), c.MeetDuty(by=at_desk(owed.desk), code=owed.code),
            c.ConfirmSafety(by=at_desk("POLICE"), child_id=state.children[0].id, safety=Safety.SAFE),
            c.AnswerReporter(by=at_desk("CIVIL"), note="已办理"),
            c.ProposeClosure(by=at_desk("CIVIL"), reason=CloseReason.ADULTHOOD),
            c.ApproveClosure(by=at_desk("CIVIL", "head", Role.DESK_HEAD)),
        ]  # fmt: skip
        return self.chance.choice(work)


class Owed:
    """A deadline as the events tell it: when it was due, and what became of it."""

    def __init__(self, group, due, begun):
        self.group, self.due, self.begun = group, due, begun
        self.done_at = self.moved_at = self.stopped_at = None

    def counts(self, at):
        if self.due > at or self.begun > at:
            return None
        if self.done_at and self.done_at <= self.due:
            return True
        if self.moved_at and self.moved_at <= self.due:
            return None
        return None if self.stopped_at and self.stopped_at <= self.due else False


def instant(clock):
    return datetime.fromisoformat(clock["due_at"])


class Count:
    """All deadlines of one case, from its events alone."""

    def __init__(self, bodies):
        self.every, self.running, self.stage = [], {}, "report"
        self.urgency, self.lead = bodies[0]["urgency"], bodies[0]["lead"]
        self.legs, self.duties = {}, {}
        for body in bodies:
            self.take(body, body["kind"], datetime.fromisoformat(body["at"]))

    def start(self, subject, clock, agency, stage, at):
        owed = Owed({"agency": agency, "stage": stage, "urgency": self.urgency}, instant(clock), at)
        self.running[subject] = owed
        self.every.append(owed)

    def move(self, subject, clock, at):
        before = self.running[subject]
        if instant(clock) != before.due:
            before.moved_at = at
            group = before.group
            self.start(subject, clock, group["agency"], group["stage"], at)
        self.running[subject].stopped_at = None

    def end(self, subject, at, *, done):
        owed = self.running.pop(subject, None)
        if owed is not None:
            owed.done_at, owed.moved_at = (at, None) if done else (None, at)

    def take(self, body, kind, at):
        rid = body.get("referral_id")
        accept, finish, supply = (rid, "accept"), (rid, "finish"), (rid, "supply")
        match kind:
            case "plan_adopted":
                self.lead = body["lead"]
            case "stage_entered":
                self.stage = body["stage"]
            case "referral_opened":
                self.legs[rid] = body["agency"], body["stage"]
                self.start(accept, body["accept"], body["agency"], body["stage"], at)
            case "referral_accepted":
                self.end(accept, at, done=True)
                self.end(supply, at, done=True)
                self.start(finish, body["finish"], *self.legs[rid], at)
            case "referral_returned":
                self.running[accept].stopped_at = at
                self.start(supply, body["supply"], self.lead, self.legs[rid][1], at)
            case "material_supplied":
                self.end(supply, at, done=True)
                self.move(accept, body["accept"], at)
            case "clock_extended":
                stopped = self.running[finish].stopped_at
                self.move(finish, body["finish"], at)
                self.running[finish].stopped_at = stopped
            case "clock_paused":
                self.running[finish].stopped_at = at
            case "clock_resumed":
                self.move(finish, body["finish"], at)
            case (
                "referral_declined"
                | "referral_passed_on"
                | "referral_completed"
                | "referral_failed"
                | "assessment_filed"
            ):
                for subject in (accept, finish, supply):
                    self.end(subject, at, done=True)
            case "referral_reassigned" | "referral_withdrawn":
                for subject in (accept, finish, supply):
                    self.end(subject, at, done=False)
            case "duty_opened":
                self.start(body["code"], body["clock"], body["holder"], self.stage, at)
            case "duty_met" | "duty_dropped":
                self.end(body["code"], at, done=kind == "duty_met")
            case "case_closed":
                for subject in list(self.running):
                    self.end(subject, at, done=False)
            case _:
                pass

    def rates(self, by, at, due, met):
        for owed in self.every:
            if (outcome := owed.counts(at)) is not None:
                due[owed.group[by]] += 1
                met[owed.group[by]] += outcome


@pytest.mark.parametrize("chance", range(4))
async def test_the_rates_are_those_of_the_events_at_every_instant(engine, chance):
    chance = random.Random(chance)
    ledger = Ledger(load, "fengtai-2026.1")
    service = Service(engine, ledger, Receipts(b"x"))
    async with engine.connect() as conn:
        transaction = await conn.begin()
        await conn.execute(tables.deadlines.delete())  # those of other tests; all this is rolled back
        lives = [History(ledger, conn, chance, n) for n in range(12)]
        for life in lives:
            await life.live()
        event = tables.events.c
        counts = []
        for life in lives:
            rows = await conn.execute(select(event.body).where(event.stream_id == life.id).order_by(event.version))
            counts.append(Count(list(rows.scalars())))
        seen = 0
        for _ in range(12):
            at = BEGIN + timedelta(minutes=chance.randint(0, 200_000))
            for by in ("agency", "stage", "urgency"):
                due, met = Counter(), Counter()
                for count in counts:
                    count.rates(by, at, due, met)
                said = await on_time(conn, SUPERVISOR, service, by=by, as_of=at)
                assert {getattr(row, by): (row.due, row.on_time) for row in said} == {
                    group: (due[group], met[group]) for group in due
                }
                seen += sum(due.values())
        assert seen > 500
        await transaction.rollback()


def nodes(plan):
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


async def test_whether_a_clock_stood_still_is_looked_up_of_the_deadlines_that_are_counted_alone(engine):
    """All events of the case were read for every deadline of the district, and then a desk's own were kept: 45 seconds."""
    ledger, chance = Ledger(load, "fengtai-2026.1"), random.Random(5)
    async with engine.connect() as conn:
        await conn.begin()
        lives = [History(ledger, conn, chance, f"{n}-clocks") for n in range(4)]
        for life in lives:
            await life.live()
        own, line = tables.cases.c.id.contains("-2-clocks"), tables.deadlines.c
        query = kept_on_time("agency", BEGIN + timedelta(days=300)).where(own)
        sql = query.compile(engine.sync_engine, compile_kwargs={"literal_binds": True})
        await conn.exec_driver_sql(
            "set local enable_seqscan = off"
        )  # the table of a test is smaller than a page of its index
        plan = (await conn.exec_driver_sql(f"explain (analyze, format json) {sql}")).scalar_one()[0]["Plan"]
        asked = [one for one in nodes(plan) if one.get("Relation Name") == "events"]
        its = await conn.scalar(select(func.count()).where(line.case_id == lives[2].id))
        await conn.rollback()
    assert [one["Index Name"] for one in asked] == ["ix_events_clocks"]
    assert 0 < asked[0]["Actual Loops"] <= its
