"""How a child is watched by what is its own: read from events of today and of former days alike."""

from datetime import timedelta

from app.domain import watch_work as work
from app.domain.access import ENGINE
from app.domain.parting import Given, own_watch
from app.domain.terms import Grade
from app.domain.visit import VisitRecorded
from tests.domain.in_memory import MORNING
from tests.domain.test_visit import Watched

BEGAN = Given(at=MORNING, grade=Grade.LOW, case_id="case-1")


def joined(grade=Grade.HIGH):
    """A child that a case had given back; an hour later a registration of another raised its grade."""
    watched = Watched()
    watched.now += timedelta(hours=1)
    watched.begin(case=None, grade=grade)
    return watched, Given(at=watched.now, grade=grade)


def own(watched, other, *given):
    return own_watch(watched.events, [BEGAN, *given], [other], MORNING + timedelta(hours=1))


def test_a_visit_of_former_days_decided_a_grade_where_it_changed_it():
    watched, other = joined()
    watched.now += timedelta(days=2)
    watched.visit(grade=Grade.MEDIUM)
    events = [
        event.model_copy(update={"graded_at": None}) if isinstance(event, VisitRecorded) else event
        for event in watched.events
    ]
    assert own_watch(events, [BEGAN], [other], MORNING).grade is Grade.MEDIUM
    watched, other = joined()
    watched.now += timedelta(days=2)
    watched.visit()
    assert own(watched, other).grade is Grade.LOW, "one that said nothing of it did not"


def test_a_case_that_graded_nobody_leaves_the_own_grade_and_not_the_others():
    watched, other = joined()
    watched.now += timedelta(days=2)
    watched.do(work.BeginWatch(by=ENGINE, child_id="ch-1", case_id="case-2", division="110106007"))
    found = own(watched, other, Given(at=watched.now, case_id="case-2"))
    assert (watched.state.grade, found.grade, found.case_id) == (Grade.HIGH, Grade.LOW, "case-2")
    elsewhere = own(joined()[0], other, Given(at=watched.now, case_id="case-2"))
    assert (elsewhere.grade, elsewhere.case_id) == (Grade.LOW, "case-2"), "and where it closed into the other's watch"


def test_what_was_parted_once_is_not_raised_again_by_what_was_taken_out_then():
    watched, other = joined()
    found = own(watched, other)
    watched.do(work.GoByOwn(by=ENGINE, grade=found.grade, graded_at=found.graded_at, case_id=found.case_id))
    third = Given(at=watched.now + timedelta(days=1), grade=Grade.HIGH)
    again = own_watch(watched.events, [BEGAN], [third], third.at)
    assert (again.is_open, again.grade, again.case_id) == (True, Grade.LOW, "case-1")
