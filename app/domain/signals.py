"""Signals from other systems: attendance, triage, police contacts and 12345, by rule turned into what somebody verifies (R055)."""

from collections.abc import Iterable
from datetime import timedelta

from app.domain.compartment import TOLD_HEALTH
from app.domain.terms import Agency, Term
from app.domain.working_time import Value


class SignalSpec(Value):
    """A rule over what a system sends: from whom, with which words or from which count on, and what counts as the same again."""

    code: str
    zh: str
    en: str
    sources: tuple[Agency, ...]
    words: tuple[str, ...] = ()
    at_least: int = 0
    urgent: bool = False
    again: timedelta
    """So long the same child and rule are the same signal."""
    basis: tuple[str, ...]

    def meets(self, agency: Agency, text: str, count: int) -> bool:
        """Whether a signal of this agency is one of this rule."""
        return (
            agency in self.sources
            and count >= self.at_least
            and (not self.words or any(word in text for word in self.words))
        )


TELL_ILLNESS = (Agency.HOSPITAL, Agency.HEALTH, Agency.POLICE)
"""Whose words may name an illness."""


def tells_words(sender: Agency, reader: Agency) -> bool:
    """Whether the words of a signal are for this agency: those that may name an illness are for who is told of one, and for no street."""
    return sender not in TELL_ILLNESS or reader in TOLD_HEALTH


class OfficeHolders(Value):
    """How people call those who hold office at an agency's desks."""

    agency: Agency
    words: tuple[str, ...]
    basis: tuple[str, ...]


class SignalState(Term):
    """Where a signal stands."""

    WARNED = "warned", "已转入预警核实", "a warning over a watched child waits to be verified"
    HELD = "held", "待人工核对", "held for a person"
    ENDED = "ended", "已处理", "somebody decided"


class SignalEnd(Term):
    """What a person found behind a signal that was held."""

    CHILD = "child", "属于在册监测儿童，转入预警核实", "it is about a watched child: a warning is opened"
    REPORT = "report", "存在风险，转为报告", "a risk: it becomes a report"
    FALSE_ALARM = "false_alarm", "误报", "a false alarm"
    UNKNOWN = "unknown", "查无此儿童", "no such child was found"
    OWN_OFFICE = (
        "own_office",
        "涉及本单位或本单位人员，转其他单位核对",
        "about our own office: it goes to another, undecided",
    )


def met(rules: Iterable[SignalSpec], agency: Agency, text: str, count: int) -> SignalSpec | None:
    """The first rule that a signal meets."""
    return next((rule for rule in rules if rule.meets(agency, text, count)), None)


def sends(agency: Agency, rules: Iterable[SignalSpec]) -> bool:
    """Whether any rule listens to this agency."""
    return any(agency in rule.sources for rule in rules)
