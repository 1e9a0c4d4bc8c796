"""A change of a child file counts once it has gone its path, each step by another person; nobody's change is lost to another's."""

from datetime import timedelta

import pytest

from app.domain import child_file as cf
from app.domain import file_work as fw
from app.domain.access import ENGINE
from app.domain.belonging import Belong, MoveChanges
from app.domain.child_terms import FileField, Found, NotTaken
from app.domain.refusals import Refused
from app.domain.terms import Agency, Grade, Role, Rung
from tests.actors import at_desk
from tests.domain.in_memory import MORNING, POLICY

STREET, COMM = "STREET-110106007", "COMM-110106007"


class File:
    """One file and the person whose turn it is."""

    def __init__(self):
        self.state, self.now, self.events = None, MORNING, []

    def do(self, command):
        events = fw.decide_file(self.state, command, POLICY, self.now)
        for event in events:
            self.state = cf.apply_file(self.state, event)
            self.events.append(event)
        return events

    def enter(self, field="school", by=None, **more):
        who = by or at_desk(COMM)
        self.do(
            fw.EnterChange(
                by=who,
                child_id="ch-1",
                division="110106007",
                field=field,
                content={"value": "示例小学（化名）"},
                **more,
            )
        )
        return self.state.version

    def refused(self, command):
        with pytest.raises(Refused) as refusal:
            self.do(command)
        return refusal.value

    def passed(self, change, desk, person="officer"):
        return self.do(fw.PassChange(by=at_desk(desk, person), change=change))


@pytest.mark.requirement("R051")
def test_what_the_committee_entered_counts_when_the_street_has_verified_it():
    file = File()
    change = file.enter()
    assert file.state.counts == {}
    assert (file.state.waiting[0].desk, file.state.is_open) == (STREET, True)
    assert file.refused(fw.PassChange(by=at_desk(COMM, "head", Role.DESK_HEAD), change=change)).code == "not_your_desk"
    file.now += timedelta(hours=1)
    file.passed(change, STREET)
    assert file.state.counts[FileField.SCHOOL] == cf.Value(
        version=change, by=at_desk(COMM).person_id, office=COMM, at=file.now
    )
    assert (file.state.is_open, cf.next_file_deadline(file.state)) == (False, None)


@pytest.mark.requirement("R003")
def test_the_means_of_a_family_count_when_civil_affairs_have_recognised_them():
    file = File()
    change = file.enter("means")
    verified = file.passed(change, STREET)[0]
    assert (verified.desk, file.state.waiting[0].step, file.state.counts) == ("CIVIL", Agency.CIVIL, {})
    assert verified.clock.due_at > file.now
    file.passed(change, "CIVIL")
    assert file.state.counts[FileField.MEANS].version == change


def test_nobody_passes_what_they_entered_nor_stands_in_for_who_did():
    file = File()
    entered = at_desk(STREET)
    change = file.enter(by=entered)
    assert file.refused(fw.PassChange(by=entered, change=change)).code == "second_person_needed"
    deputy = at_desk(STREET, "other").model_copy(update={"acting_for": entered.person_id})
    assert file.refused(fw.PassChange(by=deputy, change=change)).code == "second_person_needed"
    file.passed(change, STREET, "other")


def test_a_second_change_of_a_field_is_told_of_the_first_and_one_of_another_field_is_not():
    file = File()
    first = file.enter()
    late = fw.EnterChange(
        by=at_desk(COMM, "other"), child_id="ch-1", division="110106007", field="school", content={"value": ""}
    )
    refusal = file.refused(late)
    assert (refusal.code, refusal.facts["change"], refusal.facts["by"]) == (
        "change_waits",
        first,
        at_desk(COMM).person_id,
    )
    assert file.enter("phone") == first + 1
    file.passed(first, STREET)
    stale = late.model_copy(update={"seen": 0})
    refusal = file.refused(stale)
    assert (refusal.code, refusal.facts["version"]) == ("value_changed", first)
    file.do(late.model_copy(update={"seen": first}))


def test_a_change_that_is_returned_leaves_the_value_as_it_was():
    file = File()
    first = file.enter()
    file.passed(first, STREET)
    second = file.enter()
    file.do(fw.RejectChange(by=at_desk(STREET), change=second, reason=NotTaken.NOT_CONFIRMED))
    assert (file.state.counts[FileField.SCHOOL].version, file.state.is_open) == (first, False)
    assert file.refused(fw.PassChange(by=at_desk(STREET), change=second)).code == "no_such_change"


def test_a_child_that_moves_is_the_next_streets_once_the_change_counts():
    file = File()
    change = file.enter("residence_division", moves_to="110106001")
    assert file.enter("phone") == change + 1
    assert file.state.waiting[1].desk == STREET
    file.passed(change, STREET)
    assert file.state.division == "110106001"
    file.passed(change + 1, STREET)
    file.enter("phone")
    assert file.state.waiting[0].desk == "STREET-110106001"


def test_a_child_is_in_a_community_of_the_street_where_it_lives_and_in_none_once_it_has_moved():
    file = File()
    with pytest.raises(Refused, match="wrong_stage"):
        file.enter("community")
    file.passed(file.enter("community", community="entry-1"), STREET)
    assert (file.state.community, file.state.counts[FileField.COMMUNITY].version) == ("entry-1", 1)
    file.passed(file.enter("residence_division", moves_to="110106007"), STREET)
    assert file.state.community == "entry-1", "it moved within the street"
    late, away = file.enter("community", community="entry-2"), file.enter("residence_division", moves_to="110106001")
    file.passed(away, STREET)
    assert (file.state.community, FileField.COMMUNITY in file.state.counts) == (None, False)
    refusal = file.refused(fw.PassChange(by=at_desk(STREET), change=late))
    assert (refusal.code, "office" in refusal.facts) == ("value_changed", False)
    file.do(fw.RejectChange(by=at_desk(STREET), change=late, reason=NotTaken.NOT_CONFIRMED))
    assert not file.state.is_open


def test_a_step_that_nobody_does_climbs_the_ladder_each_rung_once():
    file = File()
    file.enter()
    for _ in range(400):
        due = cf.next_file_deadline(file.state)
        if due is None:
            break
        file.now = due
        file.do(fw.RaiseDueChanges(by=ENGINE))
    fired = [event for event in file.events if isinstance(event, cf.ChangeRungFired)]
    assert [event.rung for event in fired] == list(Rung)
    assert fired[0].recipients == (f"desk:{STREET}",)
    assert file.refused(fw.RaiseDueChanges(by=ENGINE)).code == "nothing_due"


def test_of_a_late_step_the_heads_of_the_desk_that_stands_in_are_told_and_not_those_who_are_concerned():
    file = File()
    file.passed(file.enter("name"), STREET)
    file.do(MoveChanges(by=ENGINE, about=("CIVIL",)))
    assert (file.state.waiting[0].desk, file.state.waiting[0].step) == ("CONF", "CIVIL")
    file.now += timedelta(weeks=12)
    told = {event.rung: event.recipients for event in file.do(fw.RaiseDueChanges(by=ENGINE))}
    assert told[Rung.AGENCY_HEAD][0] == "agency_head:CONF"


def test_a_registration_that_waits_again_after_its_file_was_parted_has_all_its_time():
    file = File()
    change = file.enter("registration", registration=cf.Registration(found=Found.LEFT_BEHIND, grade=Grade.HIGH))
    belong = Belong(by=ENGINE, child_id="ch-1", division="110106007", primary="ch-2")
    budget = file.state.waiting[0].clock.due_at - file.now
    file.do(belong)
    assert (file.state.waiting, cf.next_file_deadline(file.state)) == ((), None)
    file.now += timedelta(weeks=12)
    (parted,) = file.do(belong.model_copy(update={"primary": None}))
    (again,) = file.state.waiting
    assert (again.number, again.clock.started_at, again.clock.due_at - file.now) == (change, file.now, budget)
    assert file.refused(fw.RaiseDueChanges(by=ENGINE)).code == "nothing_due", "not every rung of the months before"
    file.do(belong)
    assert file.do(belong.model_copy(update={"primary": None})), "as often as it is joined"
    told = {**parted.model_dump(mode="json"), "clock": None}
    before = file.state.model_copy(update={"waiting": (), "set_aside": (again,)})
    state = cf.apply_file(before, cf.file_event_adapter.validate_python(told))
    assert state.waiting == (again,), "an event of former days says nothing of the time"
    file.passed(change, STREET)
    assert not file.state.is_open


def test_no_event_holds_what_was_entered():
    file = File()
    change = file.enter()
    file.passed(change, STREET)
    assert "示例小学" not in "".join(event.model_dump_json() for event in file.events)


def test_of_two_changes_of_a_field_none_is_passed_without_a_look_and_none_is_overtaken_without_a_word():
    file, blind = File(), at_desk("SW")
    first = file.enter("residence")
    second = file.enter("residence", by=blind, blind=True)
    again = fw.EnterChange(
        by=blind, child_id="ch-1", division="110106007", field="residence", blind=True, content={"value": "又"}
    )
    assert file.refused(again).facts["change"] == second, "of its own office it is told"
    verifier = at_desk(STREET)
    for one, other in ((first, second), (second, first)):
        refusal = file.refused(fw.PassChange(by=verifier, change=one))
        assert (refusal.code, refusal.facts["change"]) == ("change_waits", other)
    file.do(fw.PassChange(by=verifier, change=first, over=0))
    for over in (None, 0):
        refusal = file.refused(fw.PassChange(by=verifier, change=second, over=over))
        assert (refusal.code, refusal.facts["version"]) == ("value_changed", first)
        assert "office" not in refusal.facts
    file.do(fw.PassChange(by=verifier, change=second, over=first))
    assert file.state.counts[FileField.RESIDENCE].version == second
