"""The ladder: who is told on which rung, each once, as planned, whatever slept meanwhile; and what the silent agency owes then."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.clock import Calendar, Clock
from app.domain.terms import Agency, Rung
from app.policy.loader import load
from tests.actors import at_desk
from tests.domain.in_memory import Case

STREET = "STREET-110106101"
NOW = datetime(2026, 4, 8, 2, tzinfo=UTC)
CALENDAR = Calendar(version="1", days={}, confirmed_until=date(2026, 12, 31))


def test_each_rung_is_told_to_somebody_who_can_act_and_to_nobody_elses_office():
    case = Case()
    leg = case.leg("STREET")
    case.do(rc.ClaimTask(by=at_desk(STREET), referral_id=leg.id))
    case.wait(days=3)
    told = {ev.rung: ev.recipients for ev in case.events if isinstance(ev, e.RungFired) and ev.subject == leg.id}
    assert told == {
        Rung.REMIND: ("person:street-110106101.officer",),
        Rung.DESK_HEAD: (f"desk_head:{STREET}",),
        Rung.AGENCY_HEAD: (f"agency_head:{STREET}", "desk:CONF"),
        Rung.SUPERVISION: ("supervisor:CIVIL",),
        Rung.PROCURATORATE: ("desk:PROC",),
    }
    police = {
        ev.rung: ev.recipients for ev in case.events if isinstance(ev, e.RungFired) and ev.subject == "a-police-1"
    }
    assert police[Rung.REMIND] == ("desk:POLICE",)
    assert police[Rung.AGENCY_HEAD] == ("agency_head:POLICE", "desk:CONF")


@pytest.mark.requirement("R098")
def test_after_an_outage_of_days_every_rung_of_every_clock_is_there_once_in_order_as_planned_with_its_recipients():
    awake, asleep = Case("CN-01"), Case("CN-01")
    awake.wait(days=6)
    asleep.now += timedelta(days=6)
    new = asleep.do(c.RaiseDue(by=ENGINE))
    fired = [ev for ev in new if isinstance(ev, e.RungFired)]
    assert [ev.planned_at for ev in fired] == sorted(ev.planned_at for ev in fired)
    assert len({(ev.subject, ev.clock, ev.rung) for ev in fired}) == len(fired)

    def of(case, subjects):
        rungs = [ev for ev in case.events if isinstance(ev, e.RungFired) and ev.subject in subjects]
        return sorted((ev.subject, ev.clock, ev.planned_at, ev.rung, ev.recipients) for ev in rungs)

    subjects = {ev.subject for ev in fired}
    assert len(subjects) > 5
    assert of(asleep, subjects) == of(awake, subjects)
    assert asleep.refused(c.RaiseDue(by=ENGINE)) == "nothing_due"


def test_the_silent_agency_owes_the_procuratorate_a_written_reply():
    case = Case()
    case.wait(days=3)
    leg = case.progress.referrals[[r.agency for r in case.progress.referrals].index("STREET")]
    owed = case.progress.open_duty(f"supervision_reply:{leg.id}")
    assert owed
    assert (owed.holder, owed.desk) == (Agency.STREET, STREET)
    case.do(rc.ReplyToSupervision(by=at_desk(STREET), code=owed.code))
    assert not case.progress.open_duty(owed.code)


@pytest.mark.parametrize("urgent", [True, False])
@pytest.mark.parametrize("name", sorted(load("fengtai-2026.1").file.times))
def test_a_clock_keeps_its_budget_and_ladder_in_one_line_and_reads_it_back(name, urgent):
    spec = load("fengtai-2026.1").time(name, urgent=urgent)
    clock = Clock.start(spec, NOW, CALENDAR)
    kept = json.loads(clock.model_dump_json())
    assert kept["spec"] == spec.written
    assert Clock.model_validate(kept) == clock
    assert Clock.model_validate(kept | {"spec": spec.model_dump(mode="json")}) == clock  # as ledgers wrote it before


def test_clocks_with_the_same_words_share_one_spec():
    spec = load("fengtai-2026.1").time("accept", urgent=True)
    kept = Clock.start(spec, NOW, CALENDAR).model_dump_json()
    assert Clock.model_validate_json(kept).spec is Clock.model_validate_json(kept).spec
