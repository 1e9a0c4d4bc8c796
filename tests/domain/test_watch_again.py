"""A watch that begins again: what is open in it goes on, and what it missed while it rested is not told all at once."""

from datetime import date, timedelta

import pytest

from app.domain import watch as w
from app.domain import watch_work as work
from app.domain.access import ENGINE
from app.domain.handover import OfferWatch
from app.domain.terms import Grade, Rung
from app.domain.working_time import day_of
from tests.actors import at_desk
from tests.domain.test_visit import COMM, Watched


@pytest.mark.requirement("R055")
def test_what_came_due_in_a_watch_that_rested_starts_again_with_it():
    watched = Watched()
    watched.visit(guardianship="nobody")
    watched.arrange(returns_on=date(2026, 12, 31))
    watched.do(OfferWatch(by=ENGINE, division="110106008"))
    rested = watched.state
    watched.do(work.SuspendWatch(by=ENGINE, instead="watch-ch-2"))
    watched.now += timedelta(days=90)
    watched.begin("case-2", grade=Grade.HIGH)
    clocks = dict(watched.state.clocks())
    assert clocks[w.BACK] == rested.arrangement.back, "that day is ahead"
    assert {about: clock.started_at for about, clock in clocks.items() if about != w.BACK} == dict.fromkeys(
        (w.VISIT, f"{w.WARNING}{rested.warnings[0].number}", w.CONTACT, w.HANDOVER), watched.now
    )
    assert watched.refused(lambda: watched.do(work.RaiseDueVisit(by=ENGINE))).code == "nothing_due"


def test_a_watch_that_is_given_back_tells_one_rung_of_what_it_missed_and_the_others_in_their_turn():
    watched = Watched()
    watched.visit(guardianship="nobody")
    watched.arrange()
    rested = watched.state
    watched.do(work.SuspendWatch(by=ENGINE, instead="watch-ch-2"))
    watched.now += timedelta(days=400)
    (resumed,) = watched.do(work.ResumeWatch(by=ENGINE))
    abouts = (w.VISIT, f"{w.WARNING}{rested.warnings[0].number}", w.CONTACT)
    assert set(resumed.anew) == set(abouts)
    before, after = dict(rested.clocks()), dict(watched.state.clocks())
    assert [after[about].due_at for about in abouts] == [before[about].due_at for about in abouts], "late all the same"
    watched.now += timedelta(minutes=1)
    first = watched.do(work.RaiseDueVisit(by=ENGINE))
    assert [one.rung for one in first] == [before[about].rungs[0].rung for about in abouts]
    fired = [one for one in watched.climb() if isinstance(one, w.VisitRungFired)]
    assert [one.rung for one in fired] == [one.rung for one in rested.visit.rungs[1:]]
    apart = rested.visit.rungs[1].at - rested.visit.rungs[0].at - (fired[0].planned_at - first[0].planned_at)
    assert abs(apart) <= timedelta(seconds=1), "as far behind as they were planned"
    told = w.watch_event_adapter.validate_python({**resumed.model_dump(mode="json"), "anew": {}})
    as_it_was = rested.model_copy(update={"is_open": False, "suspended_for": "watch-ch-2"})
    assert w.apply_watch(as_it_was, told).visit == rested.visit, "an event of former days is read as it was"


def test_a_watch_that_goes_on_began_when_it_first_did_and_one_that_had_ended_begins_anew():
    watched = Watched()
    began, begin = (
        day_of(watched.now),
        work.BeginWatch(by=ENGINE, child_id="ch-1", division="110106007", grade=Grade.LOW),
    )
    watched.now += timedelta(days=4)
    watched.do(begin)
    assert watched.state.began_on == began
    watched.do(work.EndWatch(by=at_desk(COMM), reason="risk_ended"))
    (event,) = watched.do(begin)
    assert watched.state.began_on == began + timedelta(days=4)
    assert (watched.state.case_id, event.case_id) == ("case-1", None), "whom that case is about is kept out as before"
    owed = watched.state.visit
    watched.now = owed.due_at - timedelta(days=2)
    watched.do(begin.model_copy(update={"grade": Grade.HIGH}))
    assert (watched.state.grade, watched.state.visit) == (Grade.HIGH, owed), "no registration puts a visit off"


@pytest.mark.requirement("R013", "R033", "R055")
def test_a_watch_that_a_closed_case_begins_again_goes_on_with_what_is_open_in_it():
    watched = Watched()
    watched.visit(guardianship="nobody")
    watched.arrange(returns_on=date(2026, 6, 30))
    watched.do(OfferWatch(by=ENGINE, division="110106008"))
    before, watched.now = watched.state, watched.now + timedelta(days=5)
    (begun,) = watched.begin("case-2", grade=Grade.HIGH)
    again = {
        "version": before.version + 1,
        "case_id": "case-2",
        "grade": Grade.HIGH,
        "graded_at": watched.now,
        "visit": begun.visit,
    }
    assert watched.state == before.model_copy(update=again)
    assert begun.visit.started_at == watched.now
    watched.begin("case-3", division="110106008")
    assert (watched.state.desk, watched.state.handover) == ("COMM-110106008", None), "it has come to who was asked"
    watched.do(work.SuspendWatch(by=ENGINE, instead="watch-ch-2"))
    watched.begin("case-4")
    assert watched.state.arrangement == before.arrangement
    watched.do(work.EndWatch(by=ENGINE, reason="risk_ended"))
    watched.begin("case-5")
    assert (watched.state.warnings, watched.state.arrangement, watched.state.visits) == ((), None, 0)


def test_a_visit_that_was_missed_is_still_owed_when_a_case_closes():
    watched = Watched(Grade.HIGH)
    watched.climb()
    missed = watched.state.visit
    assert Rung.SUPERVISION in missed.fired
    watched.begin("case-2")
    assert watched.state.visit == missed
    watched.visit()
    assert watched.state.visit.started_at == watched.now


def test_an_event_of_the_days_when_a_closed_case_dropped_what_was_open_is_read_as_it_was():
    watched = Watched()
    watched.visit(guardianship="nobody")
    watched.arrange()
    before, watched.now = watched.state, watched.now + timedelta(days=5)
    (begun,) = watched.begin("case-2")
    assert watched.state.warnings == before.warnings
    told = begun.model_dump(mode="json", exclude={"keeps_open"})
    state = w.apply_watch(before, w.watch_event_adapter.validate_python(told))
    assert (state.warnings, state.arrangement, state.visits) == ((), None, 0)
    assert (state.version, state.case_id, state.began_on) == (before.version + 1, "case-2", before.began_on)
