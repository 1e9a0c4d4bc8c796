"""What is owed outside of a case: opened once, told rung by rung up to the supervisors, settled, and owed again if it comes up again."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.access import ENGINE
from app.domain.agreement import Differs, differences
from app.domain.child_file import Change, ChildFile, Registration
from app.domain.child_record import CaseSeen, ChildRecord, Seen
from app.domain.child_terms import FileField
from app.domain.clock import Clock
from app.domain.determination import ChildFound, Known
from app.domain.owed import Matter, OpenOwed, RaiseDueOwed, Settled, SettleOwed, apply_owed, decide_owed, owed_id
from app.domain.refusals import Refused
from app.domain.terms import Agency, Grade, Rung
from app.domain.visit import VisitRecorded
from app.domain.watch import Watch, watch_id
from tests.domain.in_memory import POLICY

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
NAME = owed_id(Matter.VACANCY, "staff:division-supervisor", "110106007")
OPEN = OpenOwed(
    by=ENGINE, owed_id=NAME, matter=Matter.VACANCY, code="staff:division-supervisor", subject="110106007",
    agency=Agency.STREET, desk="STREET-110106007", division="110106007", time="vacancy",
)  # fmt: skip


def done(state, command, now):
    events = decide_owed(state, command, POLICY, now)
    for event in events:
        state = apply_owed(state, event)
    return state, events


def test_an_empty_post_is_told_upwards_up_to_the_supervisors_and_never_to_the_procuratorate():
    state, (opened,) = done(None, OPEN, NOW)
    assert opened.recipients == ("desk:STREET-110106007",)
    assert state.clock.due_at - NOW > timedelta(days=29)
    told = []
    while state.clock.next_at:
        state, events = done(state, RaiseDueOwed(by=ENGINE), state.clock.next_at)
        told += [(event.rung, event.recipients) for event in events]
    assert [rung for rung, _ in told] == [Rung.REMIND, Rung.DESK_HEAD, Rung.AGENCY_HEAD, Rung.SUPERVISION]
    assert told[-1][1] == ("supervisor:CIVIL",)
    with pytest.raises(Refused):
        decide_owed(state, RaiseDueOwed(by=ENGINE), POLICY, NOW + timedelta(days=400))


def test_of_files_in_two_streets_those_alone_are_told_who_may_compare_them():
    given = {"matter": Matter.DOUBLE, "agency": Agency.CIVIL, "desk": "CIVIL", "time": "change_verify"}
    state, (opened,) = done(None, OPEN.model_copy(update=given), NOW)
    told, rungs = set(opened.recipients), 0
    while state.clock.next_at:
        state, events = done(state, RaiseDueOwed(by=ENGINE), state.clock.next_at)
        told, rungs = told.union(*(event.recipients for event in events)), rungs + len(events)
    assert rungs
    assert told <= {"supervisor:CIVIL", "desk:CONF"}


def test_what_is_settled_rings_no_more_and_may_be_owed_again():
    state, _ = done(None, OPEN, NOW)
    with pytest.raises(Refused):
        decide_owed(state, OPEN, POLICY, NOW)
    state, _ = done(state, SettleOwed(by=ENGINE, how=Settled.FILLED), NOW + timedelta(days=1))
    assert not state.is_open
    assert state.settled_at == NOW + timedelta(days=1)
    for command in (RaiseDueOwed(by=ENGINE), SettleOwed(by=ENGINE, how=Settled.FILLED)):
        with pytest.raises(Refused):
            decide_owed(state, command, POLICY, NOW + timedelta(days=90))
    later = NOW + timedelta(days=100)
    state, _ = done(state, OPEN, later)
    assert (state.is_open, state.opened_at, state.version) == (True, later, 3)


TODAY = date(2026, 3, 2)
CASE = {
    "case_id": "case-1", "stage": "closed", "filed_at": NOW - timedelta(days=90), "closed_at": NOW - timedelta(days=9), "grade": "high",
    "closed_reason": "family_reunification",
}  # fmt: skip
BEFORE = (NOW - timedelta(days=10)).date()
"""The day before that case closed; a visit of it may be sent much later."""


def record(*, watch=None, case=None, born="2016-01-01", lives="110106007", seen=None, on=None):
    said = {FileField.BIRTH_DATE: born, FileField.RESIDENCE_DIVISION: lives}
    cases = ((1, CaseSeen.model_validate(case)),) if case else ()
    clock = Clock.start(POLICY.time("visit_high", urgent=False), NOW, POLICY.calendar)
    made = {"finding": "well", "grade": "high", "visit": clock, "visited_on": on}
    visit = [Seen(version=2, event=VisitRecorded(at=seen, **made))] if seen else []
    return ChildRecord(
        child_id="ch-1", division=lives, reported_at=NOW, case_id="case-1", reported=said, cases=cases, watch=watch,
        visits=tuple(visit),
    )  # fmt: skip


def watched(**changes):
    clock = Clock.start(POLICY.time("visit_high", urgent=False), NOW, POLICY.calendar)
    known = {
        "watch_id": watch_id("ch-1"), "policy": "p", "child_id": "ch-1", "case_id": "case-1", "division": "110106007", "grade": Grade.HIGH,
        "desk": "COMM-110106007", "visit": clock,
    }  # fmt: skip
    return Watch.model_validate(known | changes)


@pytest.mark.parametrize(
    ("child", "wrong"),
    [
        (record(watch=watched(), case=CASE), ()),
        (record(case=CASE), (Differs.NOT_RETURNED,)),
        (record(case=CASE | {"closed_reason": "died"}), ()),
        (record(case=CASE | {"closed_reason": None, "closed_at": None, "stage": "assess"}), ()),
        (record(watch=watched(grade=Grade.LOW), case=CASE), (Differs.GRADE,)),
        (record(watch=watched(division="110106008", desk="COMM-110106008"), case=CASE), (Differs.DIVISION,)),
        (record(watch=watched(), case=CASE, born="2008-03-02"), (Differs.OF_AGE,)),
        (record(watch=watched(), case=CASE, born="2008-03-03"), ()),
        (record(watch=watched(is_open=False)), ()),
        (record(watch=watched(), case=CASE | {"closed_reason": "died"}), (Differs.ENDED,)),
        (record(watch=watched(), case=CASE | {"closed_reason": "died"}, seen=NOW), ()),
        (record(watch=watched(), case=CASE | {"closed_reason": "died"}, seen=NOW, on=BEFORE), (Differs.ENDED,)),
        (record(watch=watched(grade=Grade.LOW), case=CASE, seen=NOW, on=BEFORE), (Differs.GRADE,)),
    ],
)  # fmt: skip
def test_books_cases_and_watch_are_compared(child, wrong):
    assert differences(child, None, TODAY) == wrong


BROTHERS = CASE | {"closed_reason": "died", "children": [{"id": "ch-1"}, {"id": "ch-9"}]}


@pytest.mark.parametrize(
    ("child", "wrong"),
    [
        (record(case=BROTHERS), (Differs.NOT_RETURNED,)),
        (record(case=BROTHERS, born="2008-03-02"), ()),
        (record(case=BROTHERS | {"watch": watch_id("ch-1")}), ()),
        (record(case=BROTHERS | {"children": [{"id": "ch-1"}]}), ()),
        (record(watch=watched(is_open=False), case=BROTHERS), ()),
        (record(watch=watched(case_id="case-0", is_open=False), case=BROTHERS), (Differs.NOT_RETURNED,)),
        (record(watch=watched(), case=BROTHERS), (Differs.ENDED,)),
        (record(watch=watched(), case=BROTHERS, seen=NOW), ()),
    ],
)  # fmt: skip
def test_of_several_children_of_a_case_that_ended_with_one_none_is_left_out(child, wrong):
    """The case does not say who of them has died; who is visited lives, and the watch of the other is ended by hand."""
    assert differences(child, None, TODAY) == wrong


def test_a_watch_that_was_ended_by_hand_is_nothing_to_set_right_every_month():
    ended, alone = watched(is_open=False), ChildFound.model_construct(categories=(), left_behind=Known.YES)
    for case in (CASE, CASE | {"closed_reason": "no_risk_found"}, None):
        assert differences(record(watch=ended, case=case), alone, TODAY) == (), "a person said why"
    elsewhere = watched(case_id="case-0", is_open=False)
    assert differences(record(watch=elsewhere, case=CASE), alone, TODAY) == (Differs.NOT_RETURNED,)
    never = record(case=CASE | {"closed_reason": "no_risk_found"})
    assert differences(never, alone, TODAY) == (Differs.UNWATCHED,)


def joined(watch=None, waits=False, **more):
    """A child whose registration of the day before was set aside as its file was joined to that of a watched one."""
    clock = Clock.start(POLICY.time("change_verify", urgent=False), NOW, POLICY.calendar)
    change = Change(
        number=1, field=FileField.REGISTRATION, persons=("comm",), at=NOW - timedelta(days=1), steps=(Agency.STREET,), desk="STREET-110106007",
        clock=clock, registration=Registration(found="left_behind", grade=Grade.MEDIUM),
    )  # fmt: skip
    known = {"policy": "p", "division": "110106007"}
    own = ChildFile(child_id="ch-1", absorbed=("ch-2",), waiting=(change,) if waits else (), **known)
    other = record().model_copy(
        update={"file": ChildFile(child_id="ch-2", merged_into="ch-1", set_aside=(change,), **known)}
    )
    return record(watch=watch, **more).model_copy(update={"file": own, "joined": (other,)})


BEGAN = {"case_id": None, "began_on": BEFORE, "graded_at": NOW - timedelta(days=10)}


@pytest.mark.parametrize(
    ("child", "wrong"),
    [
        (joined(), (Differs.UNWATCHED,)),
        (joined(waits=True), ()),
        (joined(watched(**BEGAN, is_open=False)), (Differs.UNWATCHED,)),
        (joined(watched(**BEGAN, is_open=False), seen=NOW), ()),
        (joined(watched(**BEGAN, grade=Grade.LOW)), (Differs.GRADE,)),
        (joined(watched(**BEGAN, grade=Grade.HIGH)), ()),
        (joined(watched(**BEGAN | {"graded_at": NOW}, grade=Grade.LOW)), ()),
        (joined(watched(**BEGAN | {"graded_at": None}, grade=Grade.LOW), seen=NOW, on=BEFORE), (Differs.GRADE,)),
        (joined(watched(**BEGAN | {"graded_at": None, "began_on": TODAY}, grade=Grade.LOW)), ()),
        (joined(case=CASE | {"closed_reason": "died"}), (Differs.UNWATCHED,)),
        (joined(case=CASE | {"closed_reason": "died", "closed_at": NOW}), ()),
    ],
)  # fmt: skip
def test_a_registration_that_an_earlier_joining_set_aside_counts_until_somebody_decides(child, wrong):
    assert differences(child, None, TODAY) == wrong
