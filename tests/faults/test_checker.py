"""The checker is checked: it says nothing about a sound world, and complains of each world that is broken in one place."""

import copy
from collections import Counter
from datetime import UTC, datetime

import pytest

from app.db.projections import task_rows
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.case import decide, file_report
from app.domain.fold import fold
from app.policy.calendars import seed
from app.policy.examples import facts_of
from app.policy.loader import load
from tests.actors import REPORTER, at_desk
from tests.faults.checker import Seen, complaints
from tests.faults.traffic import Ack

CASE = "case-1"
POLICY = load("fengtai-2026.1").with_calendar(seed().calendar())


def lived():
    """The events of a report, a delivery and an acceptance."""
    now = datetime.now(UTC)
    filing = c.FileReport(by=REPORTER, facts=facts_of("CN-02").at(now), unit="u")
    events = file_report(CASE, filing, POLICY, now)
    for command in (
        rc.RecordDelivery(by=at_desk("EDU"), referral_id="a-education-1", outcome="delivered"),
        rc.AcceptReferral(by=at_desk("POLICE"), referral_id="a-police-1"),
    ):
        events += decide(fold(events), command, POLICY, now)
    return events


@pytest.fixture
def seen():
    """A sound world with one case in it."""
    events, case = lived(), CASE
    progress = fold(events)
    bodies = [event.model_dump(mode="json") | {"version": n} for n, event in enumerate(events, 1)]
    leg = next(r.id for r in progress.referrals if r.agency == "EDU")
    return Seen(
        acks=[
            Ack("/v1/reports", "k1", {"case_id": case}, "word"),
            Ack("/accept", "k2", {"case_id": case, "version": len(bodies), "events": [bodies[-1]["kind"]]}),
        ],
        events={case: bodies},
        stored={
            case: {
                "version": len(bodies), "conducted_version": len(bodies), "is_open": True,
                "progress": progress.model_dump(mode="json"),
            }
        },
        tasks={case: list(task_rows(progress).values())},
        tokens={"word": [case]},
        notices=Counter({("person", case, "rung_fired", leg, "remind"): 1}),
        workflows={case: ["RUNNING", "CONTINUED_AS_NEW"]},
        conducted={case: len(bodies)},
        received=[{"message_id": f"{case}:{leg}", "answered": 202}],
    )  # fmt: skip


def again(seen, kind):
    event = next(event for event in seen.events[CASE] if event["kind"] == kind)
    seen.events[CASE].append(copy.deepcopy(event) | {"version": len(seen.events[CASE]) + 1})


def rung(seen, planned):
    last = seen.events[CASE][-1]
    seen.events[CASE].append(
        {"kind": "rung_fired", "at": last["at"], "planned_at": planned, "subject": "x", "clock": "accept", "rung": "remind"}
        | {"version": last["version"] + 1}
    )  # fmt: skip


BROKEN = {
    "lost report": lambda s: (s.stored.clear(), s.events.clear()),
    "lost fact": lambda s: s.events[CASE].pop(),
    "duplicate": lambda s: s.tokens["word"].append("case-2"),
    "gap": lambda s: s.events[CASE].pop(3),
    "twice: ('referral_opened'": lambda s: again(s, "referral_opened"),
    "twice: ('referral_accepted'": lambda s: again(s, "referral_accepted"),
    "twice: notice": lambda s: s.notices.update([next(iter(s.notices))]),
    "early": lambda s: rung(s, "2999-01-01T00:00:00+00:00"),
    "unreadable": lambda s: s.events[CASE].pop(0),
    "lost ledger": lambda s: s.events.clear(),
    "apart: the stored fold": lambda s: s.stored[CASE]["progress"].update(stage="closed"),
    "apart: the tasks": lambda s: s.tasks[CASE].pop(),
    "untold": lambda s: s.stored[CASE].update(conducted_version=1),
    "no workflow": lambda s: s.workflows.clear(),
    "not conducted": lambda s: s.conducted.update({CASE: 1}),
    "ended badly": lambda s: s.workflows[CASE].append("FAILED"),
    "not ended": lambda s: s.stored[CASE].update(is_open=False),
    "taken twice": lambda s: s.received.append(s.received[0]),
    "never arrived": lambda s: s.received.clear(),
    "taken, not recorded": lambda s: s.received.append({"message_id": f"{CASE}:a-street-1", "answered": 202}),
}


def test_a_sound_world_is_not_complained_of(seen):
    assert complaints(seen) == []


@pytest.mark.parametrize("complaint", BROKEN)
def test_control_a_broken_world_is_complained_of(seen, complaint):
    BROKEN[complaint](seen)
    assert any(said.startswith(complaint) for said in complaints(seen))
