"""保存期限: how long what is kept of a child stays, from which day it may be destroyed, and what stops that; pure.

What belongs to one child stays together: while a case, a watch or a file of it is in use, nothing of it falls due, and then the last
fact of all counts.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from app.domain.approvals import Act, may_propose
from app.domain.compartment import may_open
from app.domain.policy import Frozen
from app.domain.sight import Actor
from app.domain.terms import Term


class Dossier(Term):
    """What is kept, and destroyed as one."""

    CASE = "case", "个案", "a case with its files, notes, visits and the files of its children"
    CHILD = "child", "未立案儿童档案", "a child registered without a report, with its watch"


class HoldReason(Term):
    """Why something must not be destroyed though its time is over."""

    LITIGATION = "litigation", "诉讼、仲裁未结", "a court case is pending"
    INVESTIGATION = "investigation", "侦查、检察监督需要", "an investigation or the procuratorate needs it"
    COMPLAINT = "complaint", "信访、复议未结", "a complaint or review is pending"
    AUDIT = "audit", "审计、督查需要", "an audit or inspection needs it"
    REQUEST = "request", "当事人要求保留", "whom it is about asks that it be kept"


class LiftReason(Term):
    """Why a hold ends."""

    ENDED = "ended", "事由已消除", "what it was set for is over"
    MISTAKE = "mistake", "设置有误", "it was set by mistake"


class RetentionRule(Frozen):
    """One row: it holds from its day until a later row for the same thing. A number is law, or its basis says default."""

    code: str
    kept: Dossier
    holds_from: date
    years: int
    """After the last fact."""
    until_age: int
    """And never before the youngest child of it is so old."""
    basis: tuple[str, ...]
    why: str


class Life(Frozen):
    """What decides of something that is kept."""

    last_on: date
    """Of its last fact, and of everything that belongs to the same child."""
    in_use: bool
    born: tuple[date, ...]
    """Of each child; whose birth date nobody knows counts as born on the day of the report, which is the latest that is possible."""
    held: bool = False


def rule_for(rules: Sequence[RetentionRule], kept: Dossier, today: date) -> RetentionRule | None:
    """The row that holds today."""
    held = [rule for rule in rules if rule.kept is kept and rule.holds_from <= today]
    return max(held, key=lambda rule: rule.holds_from, default=None)


def due_on(rule: RetentionRule, life: Life) -> date:
    """From this day it may be destroyed, were it not in use or held."""
    return max(years_after(life.last_on, rule.years), *_grown(rule, life.born))


def is_due(rule: RetentionRule, life: Life, today: date) -> bool:
    """Whether it may be destroyed today."""
    return not life.in_use and not life.held and due_on(rule, life) <= today


def _grown(rule: RetentionRule, born: Iterable[date]) -> tuple[date, ...]:
    return tuple(years_after(day, rule.until_age) for day in born) or (date.min,)


def years_after(day: date, years: int) -> date:
    """The same day of that year; the 29th of February is the 1st of March where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def may_dispose(actor: Actor) -> bool:
    """Who keeps the list of what is due: those who may propose a deletion."""
    return may_propose(actor, Act.DELETE)


def may_hold(actor: Actor) -> bool:
    """Who may stop a destruction, alone and at once: supervisors, procurators, the heads of procuratorate and court."""
    return may_dispose(actor) or may_open(actor)
