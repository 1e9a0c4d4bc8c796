"""What parents arrange before they leave: whom they entrust, a word every week, and the day on which they mean to be back."""

from datetime import date, time, timedelta

import pytest

from app.domain import arrangement as a
from app.domain import visit as v
from app.domain import watch as w
from app.domain import watch_work as work
from app.domain.access import ENGINE
from app.domain.terms import Rung
from app.domain.working_time import day_of, local_instant
from app.policy.loader import load
from tests.actors import at_desk
from tests.domain.test_visit import COMM, LEAVES, Watched


@pytest.mark.requirement("R052")
@pytest.mark.parametrize("ground", a.Ground)
def test_nobody_is_entrusted_whom_the_law_excludes(ground):
    watched = Watched()
    refusal = watched.refused(lambda: watched.arrange(grounds=(ground,)))
    assert (refusal.code, refusal.facts["grounds"]) == ("delegate_unfit", (ground.value,))
    for unfit in ({"is_adult": False}, {"is_able": False}):
        assert watched.refused(lambda unfit=unfit: watched.arrange(**unfit)).code == "delegate_unfit"


@pytest.mark.requirement("R033", "R034")
def test_an_arrangement_owes_a_word_every_week_until_the_parents_are_back():
    watched = Watched()
    assert watched.refused(lambda: watched.do(a.RecordReturn(by=at_desk(COMM)))).code == "no_arrangement"
    (made,) = watched.arrange(leaves_on=day_of(watched.now), returns_on=date(2026, 12, 31))
    assert not made.late
    due = watched.state.arrangement.contact.due_at
    assert timedelta(days=7) <= due - watched.now < timedelta(days=8)
    watched.now += timedelta(days=3)
    watched.visit(parent_contact="weekly")
    spoken = watched.state.arrangement.contact
    assert (spoken.started_at, spoken.due_at > due) == (watched.now, True)
    watched.now += timedelta(days=2)
    watched.do(a.RecordContact(by=at_desk(COMM)))
    assert watched.state.arrangement.contact.started_at == watched.now
    fired = [event for event in watched.climb() if isinstance(event, v.WatchRungFired)]
    assert [event.rung for event in fired] == list(Rung)
    watched.do(a.RecordReturn(by=at_desk(COMM)))
    assert watched.state.arrangement is None
    early = date(2026, 4, 1)
    assert watched.refused(lambda: watched.arrange(returns_on=early)).code == "return_before_leaving"
    assert watched.arrange(leaves_on=early)[0].late


@pytest.mark.requirement("R034")
def test_the_weekly_word_is_owed_from_the_day_of_leaving_and_by_a_second_entry_no_later():
    watched = Watched()
    watched.arrange()
    clock = watched.state.arrangement.contact
    assert (clock.started_at, day_of(clock.due_at)) == (local_instant(LEAVES, time()), LEAVES + timedelta(days=7))
    watched.visit(parent_contact="weekly")
    watched.do(a.RecordContact(by=at_desk(COMM)))
    assert watched.state.arrangement.contact.due_at == clock.due_at, "nothing was owed yet"
    watched.now = clock.due_at + timedelta(hours=1)
    watched.do(work.RaiseDueVisit(by=ENGINE))
    overdue = watched.state.arrangement.contact
    watched.arrange(returns_on=date(2026, 12, 31))
    assert watched.state.arrangement.contact == overdue, "what rang has rung, and is owed as before"
    watched.do(a.RecordContact(by=at_desk(COMM)))
    assert watched.state.arrangement.contact.started_at == watched.now


@pytest.mark.requirement("R034", "R052")
def test_parents_who_are_not_back_by_the_day_they_named_are_asked_after_until_they_are_or_name_another():
    watched = Watched()
    watched.arrange(returns_on=date(2026, 6, 30))
    back = watched.state.arrangement.back
    assert back.started_at.date() == date(2026, 6, 30)
    watched.now = back.due_at
    asked = [event for event in watched.climb() if getattr(event, "about", "") == w.BACK]
    assert [event.rung for event in asked] == list(Rung)
    assert asked[0].recipients == (f"desk:{COMM}",)
    watched.arrange(returns_on=date(2026, 12, 31))
    assert watched.state.arrangement.back.started_at.date() == date(2026, 12, 31)
    watched.do(a.RecordReturn(by=at_desk(COMM)))
    assert w.BACK not in dict(watched.state.clocks())
    watched.arrange()
    assert watched.state.arrangement.back is None, "no day was named"


@pytest.mark.requirement("R034")
def test_the_week_between_two_words_is_the_laws():
    assert load("fengtai-2026.1").file.times["parent_contact"].basis == ("L33", "R034")
    assert str(load("fengtai-2026.1").file.times["parent_contact"].normal) == "7 days"


def test_no_event_names_the_delegate():
    watched = Watched()
    watched.arrange()
    assert "示例祖母" not in "".join(event.model_dump_json() for event in watched.events)
