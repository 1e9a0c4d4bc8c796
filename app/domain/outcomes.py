"""The outcome figures of 一(二) and 三(二)2 as of any instant, from the ledger alone, and the same for third parties without small numbers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from app.domain.determination import Category, ChildFound
from app.domain.facts import ChildFacts, GuardianFacts, Known, ReportFacts, SchoolStage, Whereabouts
from app.domain.ledgers import categories
from app.domain.policy import Frozen
from app.domain.terms import Grade
from app.domain.watch import child_of
from app.domain.working_time import day_of

AGAIN_WITHIN = timedelta(days=90)
"""A report on a child so soon after a closed case is a second one; the product's default."""


class ChildOutcome(Frozen):
    """What is known of one child and what the rules say of it, as far as figures need it: its categories as in books, those that hold and
    those that wait for whoever decides them. The id is that of the file in which it was read then."""

    child_id: str
    categories: tuple[Category, ...]
    guarded: Known
    known: int
    asked: int
    """Of so many facts that the notice wants known (底数清、情况明), `known` are."""


def outcomes_of(facts: ReportFacts, found: Iterable[ChildFound]) -> tuple[ChildOutcome, ...]:
    """Of every child of a report."""
    return tuple(_outcome(facts, child, of) for child, of in zip(facts.children, found, strict=True))


def _outcome(facts: ReportFacts, child: ChildFacts, found: ChildFound) -> ChildOutcome:
    said = (
        child.age_years is not None, child.sex is not None, child.identity_known is not Known.UNKNOWN,
        child.hukou_in_district is not Known.UNKNOWN, child.school_stage is not SchoolStage.UNKNOWN,
        child.attending is not Known.UNKNOWN, child.disabled is not Known.UNKNOWN, bool(facts.guardians),
        any(g.whereabouts is not Whereabouts.UNKNOWN for g in facts.guardians),
        any(g.able is not Known.UNKNOWN for g in facts.guardians), len(facts.division) > len("110106"),
    )  # fmt: skip
    settled = categories(found)
    return ChildOutcome(
        child_id=child.child_id, categories=tuple(code for code in Category if code.value in settled),
        guarded=_guarded(facts.guardians), known=sum(said), asked=len(said),
    )  # fmt: skip


def _guarded(guardians: Iterable[GuardianFacts]) -> Known:
    """Whether somebody who is able, at hand or entrusted in writing, and neither suspected nor deprived, answers for the child."""
    answers = [_answers(guardian) for guardian in guardians]
    if Known.YES in answers:
        return Known.YES
    return Known.NO if answers and Known.UNKNOWN not in answers else Known.UNKNOWN


def _answers(guardian: GuardianFacts) -> Known:
    if Known.YES in (guardian.suspected_of_harm, guardian.revoked) or guardian.able is Known.NO:
        return Known.NO
    at_hand = guardian.whereabouts is Whereabouts.HOME or Known.YES in (guardian.lives_with_child, guardian.delegated)
    if at_hand:
        return Known.YES if guardian.able is Known.YES or guardian.fit is Known.YES else Known.UNKNOWN
    elsewhere = guardian.whereabouts not in (Whereabouts.UNKNOWN, Whereabouts.AWAY)
    return Known.NO if elsewhere else Known.UNKNOWN


class CaseThen(Frozen):
    """A case as it stood at the instant that is asked about, or a child that was registered without one."""

    case_id: str
    """Of a registered child its own id."""
    registered: bool = False
    division: str
    policy: str
    filed_at: datetime
    happened_on: date | None = None
    watch: str | None = None
    sealed: bool = False
    erased: bool = False
    """What was reported has been destroyed since, so nobody is found in it."""
    linked: bool = False
    linked_to: str | None = None
    since: tuple[str, ...] = ()
    """What had happened by then that changes what the rules find in the report."""
    assessed: int = 0
    """The version of the last assessment that found facts to be otherwise."""
    grade: Grade | None = None
    first_action_at: datetime | None = None
    closed_at: datetime | None = None


class WatchThen(Frozen):
    """A watch over a child as it stood then."""

    child_id: str
    division: str
    grade: Grade
    is_open: bool
    seen: int = 0
    """The version of its last visit."""
    entrusted: bool = False
    """Whether the parents have arranged who cares while they are away, and are not back."""


class Figures(Frozen):
    """The indicators; a share is None where nothing is counted."""

    children: int
    categories: dict[str, int]
    """Of the children whose case or watch is open, those of each category; a child may stand in several."""
    grades: dict[str, int]
    left_behind_guarded: float | None
    closed_cases: int
    again_by_visit: int
    """Reports by a visit within 90 days after a closed case of the same child; the scorecard counts those of anybody (`reported_again`)."""
    again_by_visit_rate: float | None
    """Of the closed cases."""
    completeness: float | None
    days_to_discovery: float | None
    """Median, from the event to the report, of the reports that name the day of the event."""
    hours_to_first_action: float | None
    """Median, from the report to the first acceptance or the first child found safe."""


def figures(
    cases: Iterable[CaseThen], children: Mapping[str, tuple[ChildOutcome, ...]], watches: Mapping[str, WatchThen], counted: Mapping[str, str]
) -> Figures:  # fmt: skip
    """Linked reports are counted with the case that they are linked to, and nowhere else; children as `counted` says."""
    own = [case for case in cases if not case.linked]
    now = living(own, children, counted)
    behind = [_guarded_then(child, watches) for _, child in now if Category.LB in child.categories]
    grades = Counter(grade_of(case, child, watches) for case, child in now)
    closed = [case for case in own if case.closed_at]
    again = _again(own, children)
    known, asked = (sum(getattr(child, name) for _, child in now) for name in ("known", "asked"))
    return Figures(
        children=len(now),
        categories={code.value: sum(code in child.categories for _, child in now) for code in Category},
        grades={grade: grades[grade] for grade in (*(grade.value for grade in Grade), "none")},
        left_behind_guarded=_share(behind.count(Known.YES), len(behind)),
        closed_cases=len(closed), again_by_visit=again, again_by_visit_rate=_share(again, len(closed)),
        completeness=_share(known, asked),
        days_to_discovery=_median([(day_of(c.filed_at) - c.happened_on).days for c in own if c.happened_on]),
        hours_to_first_action=_median(
            [(c.first_action_at - c.filed_at) / timedelta(hours=1) for c in own if c.first_action_at]
        ),
    )  # fmt: skip


def counted_with(
    cases: Iterable[CaseThen], files: Mapping[str, Iterable[str]], watches: Mapping[str, WatchThen]
) -> dict[str, str]:
    """By the file of each child that is in work or under watch, reported or registered, the case with which it counts once: an open one,
    before that of a watched child. `files` are those of each case, `watches` by file."""
    found = dict[str, str]()
    for case in sorted(cases, key=lambda case: (not _in_work(case), case.filed_at, case.case_id)):
        for file in () if case.linked else files.get(case.case_id, ()):
            watch = watches.get(file)
            if _in_work(case) or (watch is not None and watch.is_open and not case.watch):
                found.setdefault(file, case.case_id)
    return found


def _in_work(case: CaseThen) -> bool:
    return case.closed_at is None and not case.registered


def living(
    cases: Iterable[CaseThen], children: Mapping[str, tuple[ChildOutcome, ...]], counted: Mapping[str, str]
) -> list[tuple[CaseThen, ChildOutcome]]:
    """The children that count with one of these cases."""
    return [
        (case, child)
        for case in cases for child in children.get(case.case_id, ())
        if counted.get(child.child_id) == case.case_id
    ]  # fmt: skip


def grade_of(case: CaseThen, child: ChildOutcome, watches: Mapping[str, WatchThen]) -> str:
    """The grade of the watch, else of the case, as where a visit has made it; `none` where nobody has graded yet."""
    watch = None if case.watch else watches.get(child.child_id)
    grade = watch.grade if watch else case.grade
    return grade.value if grade else "none"


def _guarded_then(child: ChildOutcome, watches: Mapping[str, WatchThen]) -> Known:
    """A delegate who was found fit (L32) answers for the child while the arrangement stands."""
    watch = watches.get(child.child_id)
    return Known.YES if watch and watch.is_open and watch.entrusted else child.guarded


def own_child(case: CaseThen, child_id: str) -> str:
    """Under which id the child's own file is: that of the watch, where a visit has made the case."""
    return child_of(case.watch) if case.watch else child_id


def _again(cases: Iterable[CaseThen], children: Mapping[str, tuple[ChildOutcome, ...]]) -> int:
    """Reports on a watched child within the time after a case of the same child."""
    closed = defaultdict[str, list[datetime]](list)
    for case in cases:
        if at := case.closed_at:
            for child in children.get(case.case_id, ()):
                closed[child.child_id].append(at)
    before = (
        (case.filed_at, [at for child in children.get(case.case_id, ()) for at in closed[child.child_id]])
        for case in cases if case.watch
    )  # fmt: skip
    return sum(any(timedelta() <= filed - at <= AGAIN_WITHIN for at in some) for filed, some in before)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _median(values: list[float]) -> float | None:
    if not values:
        return None
    ordered, middle = sorted(values), len(values) // 2
    return round(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2, 2)
