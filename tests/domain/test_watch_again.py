"""A watch that begins again: what is open in it goes on, and what it missed while it rested is not told all at once."""

from datetime import date, timedelta

import pytest

from app.domain import watch as w
from app.domain import watch_work as work
from app.domain.access import ENGINE
from app.domain.carrying import CarryOver, LeaveCarried
from app.domain.handover import OfferWatch
from app.domain.terms import Grade, Rung
from app.domain.working_time import day_of
from tests.actors import at_desk
from tests.domain.in_memory import MORNING
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
    watched.do(work.EndWatch(by=at_desk(COMM), reason="risk_ended", note="母亲已返家"))
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


def carry(rests, to, arranged_at=None):
    return to.do(
        CarryOver(
            by=ENGINE, of=rests.watch_id, warnings=rests.warnings, arrangement=rests.arrangement if arranged_at else None,
            arranged_in=rests.arranged_in, arranged_at=arranged_at, content={"name": "示例祖母（化名）"},
        )
    )  # fmt: skip


@pytest.mark.requirement("R033", "R055")
def test_what_is_open_in_a_watch_that_rests_goes_on_in_the_other_by_its_own_clock_and_back_once_parted():
    loose, strict = Watched(), Watched(Grade.HIGH)
    loose.visit("needs_help", guardianship="nobody", supervision="admonished")
    loose.arrange(returns_on=date(2026, 12, 31))
    rests = loose.state.model_copy(update={"watch_id": "watch-ch-2"})
    strict.visit("needs_help", supervision="admonished")
    strict.now += timedelta(days=2)
    before = strict.state
    assert len(carry(rests, strict, MORNING)) == 2, "one of a rule is enough"
    assert [one.rule for one in strict.state.warnings] == ["a-neglect", "a-nobody"]
    came = strict.state.warnings[1]
    assert (came.clock, came.opened_at, came.of) == (rests.warnings[0].clock, MORNING, "watch-ch-2")
    assert strict.state.arrangement == rests.arrangement.model_copy(update={"number": before.version + 1})
    assert w.next_visit_deadline(strict.state) == min(clock.next_at for _, clock in rests.clocks() if clock.next_at)
    assert {one.about for one in strict.do(work.RaiseDueVisit(by=ENGINE)) if one.kind == "watch_rung_fired"} >= {
        f"{w.WARNING}{came.number}"
    }
    strict.do(LeaveCarried(by=ENGINE, of=("watch-ch-2",)))
    assert ([one.rule for one in strict.state.warnings], strict.state.arrangement) == (["a-neglect"], None)
    assert strict.do(LeaveCarried(by=ENGINE, of=("watch-ch-2",))) == ()


def test_of_two_arrangements_the_one_that_was_carried_counts_until_the_files_are_parted_or_a_new_one_is_made():
    loose, strict = Watched(), Watched()
    loose.arrange(told_school=True)
    strict.arrange()
    own, rests = strict.state.arrangement, loose.state.model_copy(update={"watch_id": "watch-ch-2"})
    strict.now += timedelta(days=30)
    carry(rests, strict)
    assert (strict.state.arrangement, strict.events[-1].kind) == (own, "care_arranged"), "the other was entered before"
    carry(rests, strict, MORNING)
    assert strict.state.arrangement.told_school
    third = Watched()
    third.arrange()
    carry(third.state.model_copy(update={"watch_id": "watch-ch-3"}), strict, MORNING)
    both = strict.state
    strict.do(LeaveCarried(by=ENGINE, of=("watch-ch-2", "watch-ch-3")))
    again = strict.state.arrangement
    assert (again.number, again.contact.due_at) == (own.number, own.contact.due_at), "its own counts again, and is late"
    assert strict.refused(lambda: strict.do(work.RaiseDueVisit(by=ENGINE))).code == "nothing_due", "not all at once"
    strict.state = both
    strict.arrange()
    entered = strict.state
    assert strict.do(LeaveCarried(by=ENGINE, of=("watch-ch-2", "watch-ch-3"))) == ()
    assert strict.state == entered


@pytest.mark.requirement("R015", "R054")
def test_of_two_watches_the_visit_that_is_due_first_is_owed_as_late_as_it_was_and_an_offer_goes_along_and_back():
    loose, strict = Watched(), Watched(Grade.HIGH)
    loose.do(OfferWatch(by=ENGINE, division="110106008"))
    loose.climb()
    rests, strict.now = loose.state.model_copy(update={"watch_id": "watch-ch-2"}), loose.now
    strict.visit()
    own = strict.state
    said = {"of": rests.watch_id, "warnings": (), "visit": rests.visit, "handover": rests.handover}
    carried = CarryOver(by=ENGINE, content={}, **said)
    assert [one.kind for one in strict.do(carried)] == ["visit_carried", "handover_carried"]
    assert (strict.state.visit, strict.state.handover) == (
        rests.visit,
        rests.handover.model_copy(update={"of": "watch-ch-2"}),
    )
    assert strict.do(carried.model_copy(update={"of": "watch-ch-3", "visit": own.visit})) == (), "one is enough of each"
    strict.do(LeaveCarried(by=ENGINE, of=("watch-ch-2",)))
    assert strict.state == own.model_copy(update={"version": strict.state.version, "visit": rests.visit}), (
        "the visit stays owed"
    )
