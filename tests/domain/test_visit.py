"""The visit form: what it answers, which day it counts from, and which warnings it opens."""

from datetime import date, timedelta

import pytest

from app.domain import arrangement as a
from app.domain import visit as v
from app.domain import watch as w
from app.domain import watch_work as work
from app.domain.access import ENGINE
from app.domain.facts import Relation
from app.domain.refusals import Refused
from app.domain.terms import Grade, Rung
from app.domain.working_time import day_of
from tests.actors import at_desk
from tests.domain.in_memory import MORNING, POLICY

COMM = "COMM-110106007"
LEAVES = date(2026, 5, 1)


class Watched:
    """A child under watch, and the hour."""

    def __init__(self, grade=Grade.LOW):
        self.state, self.now, self.events = None, MORNING, []
        self.begin(grade=grade)

    def begin(self, case="case-1", division="110106007", grade=Grade.LOW):
        begin = work.BeginWatch(by=ENGINE, child_id="ch-1", case_id=case, division=division, grade=grade)
        return self.do(begin)

    def do(self, command):
        made = work.decide_watch(self.state, command, POLICY, self.now)
        for event in made:
            self.state = w.apply_watch(self.state, w.watch_event_adapter.validate_json(event.model_dump_json()))
            self.events.append(event)
        return made

    def visit(self, finding="well", categories=(), ago=None, grade=None, **form):
        given, on = v.VisitForm(**form) if form else None, None if ago is None else day_of(self.now) - timedelta(ago)
        said = {"finding": finding, "form": given, "categories": categories, "visited_on": on, "grade": grade}
        return self.do(work.RecordVisit(by=at_desk(COMM), **said))

    def arrange(self, **more):
        said = {"relation": Relation.GRANDPARENT, "is_adult": True, "is_able": True, "leaves_on": LEAVES, **more}
        return self.do(a.ArrangeCare(by=at_desk(COMM), content={"name": "示例祖母（化名）"}, **said))

    def refused(self, act):
        before = self.state
        with pytest.raises(Refused) as refusal:
            act()
        assert self.state == before
        return refusal.value

    def climb(self):
        fired = []
        while (due := w.next_visit_deadline(self.state)) and due < self.now + timedelta(days=80):
            self.now = due
            fired += self.do(work.RaiseDueVisit(by=ENGINE))
        return fired


def opened(events):
    return [event.rule for event in events if isinstance(event, v.WarningOpened)]


def test_a_night_of_missed_visits_is_spread_evenly_and_nothing_else_waits():
    child = Watched()
    due = child.state.visit.next_at
    turns = [
        w.next_waking(child.state.model_copy(update={"watch_id": w.watch_id(f"ch-{n}")})) - due for n in range(8000)
    ]
    assert min(turns) >= timedelta()
    assert max(turns) < w.SPREAD
    minutes = [sum(turn // timedelta(minutes=1) == minute for turn in turns) for minute in range(8)]
    assert min(minutes) > 900, "an eighth in each minute, or nearly"
    assert w.next_waking(child.state) == w.next_waking(child.state), "always the same turn"
    child.visit(guardianship="nobody")
    (warning,) = child.state.warnings
    assert w.next_waking(child.state) == warning.clock.next_at == w.next_visit_deadline(child.state)


@pytest.mark.parametrize(
    ("form", "rules"),
    [
        ({"guardianship": "nobody"}, ["a-nobody"]),
        ({"supervision": "admonished"}, ["a-neglect"]),
        ({"acknowledged": "refused"}, ["a-refused"]),
        ({"parent_contact": "seldom"}, []),
        ({"guardianship": "parents", "supervision": "fulfilled", "acknowledged": "signed"}, []),
    ],
)
@pytest.mark.requirement("R032", "R045", "R046", "R055")
def test_what_a_visit_finds_opens_the_warnings_of_the_pack(form, rules):
    watched = Watched()
    assert opened(watched.visit("needs_help", **form)) == rules
    assert [one.rule for one in watched.state.warnings] == rules
    assert opened(watched.visit("needs_help", **form)) == [], "one that is open is not opened twice"


@pytest.mark.requirement("R034")
def test_parents_of_a_left_behind_child_who_do_not_keep_in_touch_are_a_warning():
    watched = Watched()
    assert opened(watched.visit(categories=("LB",), parent_contact="none")) == ["a-contact"]
    other = Watched()
    other.arrange()
    assert opened(other.visit(parent_contact="seldom")) == ["a-contact"]


def test_a_visit_without_the_child_is_an_attempt_and_the_visit_stays_owed():
    watched = Watched()
    due = watched.state.visit
    (attempt,) = watched.visit(seen_in_person=False)
    assert (attempt.kind, watched.state.visit, watched.state.visits) == ("visit_attempted", due, 0)
    at_risk = work.RecordVisit(
        by=at_desk(COMM), finding="at_risk", report="case-2", form=v.VisitForm(seen_in_person=False)
    )
    assert watched.refused(lambda: watched.do(at_risk)).code == "child_not_seen"


@pytest.mark.requirement("R054")
def test_a_visit_counts_from_the_day_on_which_it_was_made_and_not_from_that_on_which_it_was_sent():
    watched = Watched(Grade.HIGH)
    for ahead_or_before, code in ((-1, "visit_ahead"), (1, "visit_before_watch")):
        assert watched.refused(lambda ago=ahead_or_before: watched.visit(ago=ago)).code == code
    began = day_of(watched.now)
    watched.now += timedelta(days=9)
    told = [event.rung for event in watched.do(work.RaiseDueVisit(by=ENGINE))]
    assert told[:2] == [Rung.REMIND, Rung.DESK_HEAD]
    (sent,) = watched.visit(ago=3)
    assert (sent.day, sent.in_time_after_all) == (began + timedelta(days=6), True)
    assert day_of(watched.state.visit.due_at) == began + timedelta(days=13)
    (older,) = watched.visit(ago=5)
    assert (older.in_time_after_all, older.visit) == (False, sent.visit), "the newest that was made plans the next"
    (attempt,) = watched.visit(ago=1, seen_in_person=False)
    assert (attempt.visited_on, watched.state.visit) == (began + timedelta(days=8), sent.visit)
    watched.now += timedelta(days=5)
    watched.do(work.RaiseDueVisit(by=ENGINE))
    (late,) = watched.visit(ago=0)
    assert (late.in_time_after_all, day_of(late.visit.due_at)) == (False, began + timedelta(days=21))
    from_before = late.model_dump(mode="json", exclude={"visited_on", "in_time_after_all"})
    assert w.watch_event_adapter.validate_python(from_before).day == day_of(watched.now)


@pytest.mark.requirement("R054")
def test_a_visit_from_before_the_newest_changes_neither_its_grade_nor_its_running_clock():
    watched = Watched(Grade.MEDIUM)
    watched.now += timedelta(days=3)
    watched.visit(grade=Grade.HIGH)
    watched.now += timedelta(days=10)
    watched.do(work.RaiseDueVisit(by=ENGINE))
    missed = watched.state.visit
    assert Rung.DESK_HEAD in missed.fired
    for ago, grade in ((12, Grade.LOW), (13, Grade.HIGH)):
        (older,) = watched.visit(ago=ago, grade=grade)
        assert (older.grade, older.visit, older.in_time_after_all) == (Grade.HIGH, missed, False)
    assert (watched.state.grade, watched.state.visit, watched.state.visits) == (Grade.HIGH, missed, 3)
    for grade in (Grade.LOW, Grade.MEDIUM):
        (newer,) = watched.visit(ago=1, grade=grade)
        assert (newer.grade, day_of(newer.visit.started_at)) == (grade, day_of(watched.now) - timedelta(days=1))


@pytest.mark.requirement("R054")
def test_a_visit_that_may_be_older_than_what_a_case_decided_does_not_change_the_grade_that_it_gave():
    watched = Watched(Grade.MEDIUM)
    watched.now += timedelta(days=40)
    watched.begin("case-2", grade=Grade.HIGH)
    assert watched.state.visit.is_overdue(watched.now), (
        "a visit is owed, so the clock began long before the case closed"
    )
    for _ in ("from the day before the case closed", "from that day, at an hour that nobody knows"):
        watched.now += timedelta(days=1)
        (visit,) = watched.visit(ago=2, grade=Grade.LOW)
        assert (visit.grade, visit.graded_at, watched.state.grade) == (Grade.HIGH, None, Grade.HIGH)
        assert watched.state.visit.spec.budget.amount == 7, "days, by the grade of the case"
    (visit,) = watched.visit(ago=1, grade=Grade.LOW)
    assert (visit.grade, watched.state.grade) == (Grade.LOW, Grade.LOW), "made on the day after"
    watched.begin("case-3")
    assert watched.state.grade is Grade.LOW, "nobody graded the child, so what the visit decided stands"
    (visit,) = watched.visit(ago=0, grade=Grade.HIGH)
    told = visit.model_dump(mode="json", exclude={"graded_at", "missed"})
    before = watched.state.model_copy(update={"graded_at": None})
    state = w.apply_watch(before, w.watch_event_adapter.validate_python(told))
    assert (state.graded_at, state.missed) == (None, None), "an event of former days says nothing of either"


@pytest.mark.requirement("R054")
@pytest.mark.parametrize("sent", ["the same day", "a day later"])
@pytest.mark.parametrize("before", ["none", "rested", "ended", "running"])
def test_a_visit_of_the_day_on_which_a_case_gave_the_grade_raises_it_and_never_lowers_it(before, sent):
    watched = Watched(Grade.LOW)
    if before == "none":
        watched.state = None
    elif before == "rested":
        watched.do(work.SuspendWatch(by=ENGINE, instead="watch-ch-2"))
    elif before == "ended":
        watched.do(work.EndWatch(by=ENGINE, reason="risk_ended"))
    watched.begin("case-2", grade=Grade.MEDIUM)
    day, later = day_of(watched.now), timedelta(hours=4) if sent == "the same day" else timedelta(days=1)
    watched.now += later
    for grade, stands in (("low", "medium"), ("high", "high"), ("low", "high")):
        (visit,) = watched.do(work.RecordVisit(by=at_desk(COMM), finding="well", visited_on=day, grade=grade))
        assert (visit.grade.value, watched.state.grade.value) == (stands, stands)
        assert watched.state.visit.spec == POLICY.time(f"visit_{stands}", urgent=False)
    watched.now += timedelta(days=1)
    (visit,) = watched.visit(ago=0, grade=Grade.LOW)
    assert visit.grade is Grade.LOW, "of the day after it is known that it came later"
    (visit,) = watched.visit(ago=0, grade=Grade.MEDIUM)
    (visit,) = watched.visit(ago=0, grade=Grade.LOW)
    assert visit.grade is Grade.LOW, "of two visits of a day the one sent last, for nobody else gave a grade on it"


def test_a_watch_that_began_before_its_grade_had_a_time_is_read_as_it_was():
    watched = Watched(Grade.MEDIUM)
    (begun,) = watched.events
    told = begun.model_dump(mode="json", exclude={"graded_at"})
    state = w.apply_watch(None, w.watch_event_adapter.validate_python(told))
    assert state == watched.state.model_copy(update={"graded_at": None})
    dropped = w.watch_event_adapter.validate_python(told | {"graded_at": begun.visit.started_at})
    assert w.apply_watch(state, dropped).graded_at is None, "one of a running watch that did not say that it goes on"


@pytest.mark.requirement("R054", "R136")
def test_a_visit_in_time_takes_the_miss_back_whichever_of_two_was_sent_first():
    orders = []
    for sent in ((3, 0), (0, 3)):
        watched = Watched(Grade.HIGH)
        watched.now += timedelta(days=9)
        watched.do(work.RaiseDueVisit(by=ENGINE))
        seen = [watched.visit(ago=ago)[0].in_time_after_all for ago in sent]
        orders.append((sorted(seen), watched.state.visit.started_at, watched.state.missed))
    assert orders == [([False, True], watched.now, None)] * 2
    watched.now += timedelta(days=9)
    watched.do(work.RaiseDueVisit(by=ENGINE))
    watched.visit()
    watched.visit(ago=0)
    assert watched.state.missed, "it stands until somebody says that a visit was made by its day"
    assert [watched.visit(ago=ago)[0].in_time_after_all for ago in (10, 1, 2, 3)] == [False, False, True, False]


def test_a_visit_of_an_old_book_may_be_older_than_the_watch_and_then_warns_of_nothing():
    watched = Watched(Grade.MEDIUM)
    watched.now += timedelta(days=3)
    alone = v.VisitForm(guardianship="nobody")
    old = {
        "by": at_desk(COMM),
        "finding": "well",
        "form": alone,
        "visited_on": day_of(watched.now) - timedelta(days=700),
    }
    assert watched.refused(lambda: watched.do(work.RecordVisit(**old))).code == "visit_before_watch"
    before = watched.state
    made = work.RecordVisit(**old, from_book=True, visitor="示例走访人（化名）")
    (seen,) = watched.do(made)
    assert (seen.before_watch, seen.visit, seen.grade, watched.state.warnings) == (True, before.visit, before.grade, ())
    assert (made.kept, "示例走访人" in seen.model_dump_json()) == ({"visitor": "示例走访人（化名）"}, False)
    seen, *more = watched.do(made.model_copy(update={"visited_on": day_of(watched.now)}))
    assert (seen.before_watch, [one.rule for one in more]) == (False, ["a-nobody"]), "that one is the newest there is"


def test_of_whom_it_is_not_clear_nothing_is_recorded():
    watched = Watched()
    about = work.RecordVisit(by=at_desk(COMM), finding="well", unclear=(Relation.FATHER,))
    refusal = watched.refused(lambda: watched.do(about))
    assert (refusal.code, refusal.facts["relations"]) == ("which_of_family", ("father",))
    (attempt,) = watched.do(about.model_copy(update={"form": v.VisitForm(seen_in_person=False)}))
    assert attempt.kind == "visit_attempted"


def test_what_is_known_to_be_owed_only_now_climbs_from_now_on():
    watched = Watched(Grade.HIGH)
    watched.now += timedelta(days=20)
    watched.visit(ago=19)
    clock = watched.state.visit
    assert (clock.is_overdue(watched.now), clock.due_rungs(watched.now)) == (True, ())
    assert watched.now < clock.rungs[0].at < watched.now + timedelta(minutes=1)
    assert clock.rungs[1].at - clock.rungs[0].at > timedelta(hours=3), "as far apart as ever"


@pytest.mark.requirement("R055")
def test_a_warning_that_nobody_verifies_climbs_the_ladder_and_one_that_is_verified_does_not():
    watched = Watched()
    watched.visit(guardianship="nobody")
    (warning,) = watched.state.warnings
    assert warning.clock.due_at == watched.now + timedelta(hours=24), "urgent: around the clock"
    fired = [event for event in watched.climb() if isinstance(event, v.WatchRungFired)]
    assert [event.rung for event in fired] == list(Rung)
    assert {event.about for event in fired} == {f"warning:{warning.number}"}
    verify = work.VerifyWarning(by=at_desk(COMM), warning=warning.number, outcome="risk")
    assert watched.refused(lambda: watched.do(verify)).code == "risk_not_reported"
    watched.do(verify.model_copy(update={"report": "case-2"}))
    assert watched.state.warnings == ()
    assert watched.refused(lambda: watched.do(verify)).code == "no_such_warning"


def test_facts_that_a_visit_saw_are_facts():
    v.FactsSeen(
        child={"attending": "no"}, household={"low_income": "yes"}, guardians=[{"whereabouts": "away_for_work"}]
    )
    for wrong in (
        {"child": {"atending": "no"}},
        {"household": {"low_income": "rich"}},
        {"child": {"child_id": "ch-2"}},
    ):
        with pytest.raises(ValueError, match=r"1 validation error|changes no id"):
            v.FactsSeen(**wrong)


@pytest.mark.requirement("R055", "R016")
def test_a_person_ends_no_watch_over_a_warning_or_says_without_a_visit_that_the_risk_has_ended():
    def end(reason, note="母亲已返家", by=None):
        return work.EndWatch(by=by or at_desk(COMM), reason=reason, note=note)

    watched = Watched()
    watched.visit("needs_help", guardianship="nobody")
    for reason in ("risk_ended", "adulthood", "moved_and_handed_over"):
        assert watched.refused(lambda reason=reason: watched.do(end(reason))).code == "warning_waits"
    for command in (end("died", note=""), end("moved_and_handed_over", by=ENGINE)):
        (ended,) = work.decide_watch(watched.state, command, POLICY, watched.now)
        assert ended.reason == command.reason, "of who has died nothing is asked; two persons have closed a case"
    young = Watched()
    assert young.refused(lambda: young.do(end("adulthood").model_copy(update={"of_age": False}))).code == "not_of_age"
    for known in (True, None):  # where nobody knows the birthday, a person says so
        assert work.decide_watch(young.state, end("adulthood").model_copy(update={"of_age": known}), POLICY, young.now)
    late = Watched(Grade.HIGH)
    assert late.refused(lambda: late.do(end("risk_ended", " "))).code == "reasons_needed"
    late.now += timedelta(days=9)
    assert late.refused(lambda: late.do(end("risk_ended"))).code == "visit_owed"
    assert work.decide_watch(late.state, end("moved_and_handed_over"), POLICY, late.now), "who has left is not visited"
    late.visit()
    late.do(end("risk_ended"))
    assert late.state.has_ended
