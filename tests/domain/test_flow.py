"""The flow of a case is its events laid out in time: nothing of a leg is lost between waiting, the sender, working and standing still."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import ENGINE, Actor
from app.domain.case import decide, file_report
from app.domain.flow import lanes, never_begun, stage_spans
from app.domain.fold import fold
from app.domain.terms import Agency, PauseReason, ReturnReason, Role, Rung, Stage
from app.policy.calendars import seed
from app.policy.examples import facts_of
from app.policy.loader import load
from app.web.gantt import Axis, rungs_of

POLICY = load("fengtai-2026.1").with_calendar(seed().calendar())
FILED = datetime(2026, 3, 12, 1, 40, tzinfo=UTC)
POLICE = Actor(person_id="police.officer.1", agency=Agency.POLICE, desk="POLICE", roles=(Role.OFFICER,))
LEG = "a-police-1"


class Case:
    """Plays commands at minutes after the report."""

    def __init__(self):
        reporter = POLICE.model_copy(update={"person_id": "village.reporter.1", "roles": (Role.REPORTER,)})
        self.events = list(
            file_report(
                "case-1",
                c.FileReport(by=reporter, facts=facts_of("CN-02").at(FILED), unit="COMM-110106101"),
                POLICY,
                FILED,
            )
        )

    @property
    def progress(self):
        return fold(self.events)

    def at(self, minutes, command):
        self.events += decide(self.progress, command, POLICY, FILED + timedelta(minutes=minutes))

    def lane(self, subject=LEG):
        return next(lane for lane in lanes(self.progress, self.events) if lane.subject == subject)


@pytest.fixture
def case():
    return Case()


def minutes(stretches):
    return [(one.kind, (one.begins_at - FILED) // timedelta(minutes=1),
             one.ends_at and (one.ends_at - FILED) // timedelta(minutes=1)) for one in stretches]  # fmt: skip


def test_waiting_the_sender_working_and_standing_still_are_apart_and_leave_no_gap(case):
    case.at(3, rc.ReturnReferral(by=POLICE, referral_id=LEG, reason=ReturnReason.MISSING_CONTACT))
    case.at(5, rc.SupplyMaterial(by=POLICE, referral_id=LEG))
    case.at(8, rc.AcceptReferral(by=POLICE, referral_id=LEG))
    case.at(20, rc.PauseReferral(by=POLICE, referral_id=LEG, reason=PauseReason.CHILD_IN_HOSPITAL))
    case.at(50, rc.ResumeReferral(by=POLICE, referral_id=LEG))
    lane = case.lane()
    assert minutes(lane.actual) == [
        ("waiting", 0, 3), ("returned", 3, 5), ("waiting", 5, 8), ("working", 8, 20), ("paused", 20, 50), ("working", 50, None),
    ]  # fmt: skip
    assert [one.kind for one in lane.planned] == ["waiting", "working"]
    assert lane.planned[1].now_due_at - lane.planned[1].due_at == timedelta(minutes=30), "the pause has moved it"
    now = FILED + timedelta(minutes=60)
    assert lane.spent("waiting", now=now) == timedelta(minutes=6)
    assert lane.spent("working", now=now) == timedelta(minutes=22)
    case.at(70, rc.CompleteReferral(by=POLICE, referral_id=LEG))
    assert minutes(case.lane().actual)[-1] == ("working", 50, 70)
    assert case.lane().ended_at == FILED + timedelta(minutes=70)


def test_the_rungs_of_a_silence_stand_on_its_lane_and_on_no_other(case):
    planned = [plan for plan in case.progress.referral(LEG).accept.rungs if plan.rung in (Rung.REMIND, Rung.DESK_HEAD)]
    for plan in planned:
        case.events += decide(case.progress, c.RaiseDue(by=ENGINE), POLICY, plan.at)
    assert [one.rung for one in case.lane().rungs][:2] == [Rung.REMIND, Rung.DESK_HEAD]
    for lane in lanes(case.progress, case.events):
        fired = {e.rung for e in case.events if e.kind == "rung_fired" and e.subject == lane.subject}
        assert {one.rung for one in lane.rungs} == fired


def test_every_leg_and_duty_has_its_lane_and_what_nobody_was_asked_for_stands_ahead(case):
    progress = case.progress
    assert {lane.subject for lane in lanes(progress, case.events)} == {
        *(leg.id for leg in progress.referrals), *(duty.code for duty in progress.duties)
    }  # fmt: skip
    assert stage_spans(progress, case.events)[0].stage is Stage.REPORT
    asked = {leg.route_id for leg in progress.referrals}
    assert asked.isdisjoint(step.route_id for step in never_begun(progress))
    assert len(asked) + len(never_begun(progress)) == len(progress.steps)


def test_of_rungs_that_would_hide_each_other_the_highest_is_drawn(case):
    axis = Axis(FILED, FILED + timedelta(hours=24))
    assert list(rungs_of(axis, case.lane())) == []
    for plan in case.progress.referral(LEG).accept.rungs[:2]:
        case.events += decide(case.progress, c.RaiseDue(by=ENGINE), POLICY, plan.at)
    assert [mark.words for mark in rungs_of(axis, case.lane())] == ["2"]
    assert [mark.words for mark in rungs_of(Axis(FILED, FILED + timedelta(hours=1)), case.lane())] == ["1", "2"]
