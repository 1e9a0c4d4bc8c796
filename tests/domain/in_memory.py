"""A case in memory, by the rules of the pack: what the tests of the domain do with it, the ledger does with rows."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain.access import ENGINE
from app.domain.case import decide, file_report
from app.domain.fold import fold
from app.domain.progress import next_deadline
from app.domain.refusals import Refused
from app.policy.calendars import seed
from app.policy.examples import facts_of
from app.policy.loader import load
from tests.actors import REPORTER

POLICY = load("fengtai-2026.1").with_calendar(seed().calendar())
MORNING = datetime(2026, 4, 8, 1, 20, tzinfo=UTC)


class Case:
    """One case in memory, with a clock that the test moves."""

    def __init__(self, case_id="CN-02", *, possible_duplicate=False):
        self.now = MORNING
        report = c.FileReport(
            by=REPORTER, facts=facts_of(case_id, possible_duplicate=possible_duplicate), unit="unit-1"
        )
        self.events = list(file_report("case-1", report, POLICY, self.now))

    @property
    def progress(self):
        return fold(self.events)

    def do(self, command):
        new = decide(self.progress, command, POLICY, self.now)
        self.events += new
        return new

    def wait(self, **span):
        """Let time pass, waking at each deadline as the conductor does."""
        end = self.now + timedelta(**span)
        while (due := next_deadline(self.progress)) is not None and due <= end:
            self.now = max(due, self.now)
            self.do(c.RaiseDue(by=ENGINE))
        self.now = end

    def leg(self, agency):
        return next(r for r in reversed(self.progress.referrals) if r.agency == agency)

    def rungs(self, subject):
        return [ev.rung for ev in self.events if isinstance(ev, e.RungFired) and ev.subject == subject]

    def refused(self, command):
        before = len(self.events)
        with pytest.raises(Refused) as refusal:
            self.do(command)
        assert len(self.events) == before
        return refusal.value.code.value
