"""One child of a report as the tables of the pack see it: a flat list of named facts, each known or not, and joint answers over the family."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated

from pydantic import AfterValidator

from app.domain.determination import Category, PlacementCode
from app.domain.facts import (
    ChildFacts,
    FactsModel,
    HarmBy,
    Known,
    ReportFacts,
    SchoolStage,
    Sex,
)  # fmt: skip
from app.domain.policy import Triage
from app.domain.terms import Agency, Branch, ReporterClass, ReportKind, Trigger, Urgency
from app.policy.family import all_of, any_of, family_of, none_or
from app.policy.reading import Question, Value, Vocabulary, faults

PREFIX = "trigger_"
TRIGGERS = tuple((f"{PREFIX}{trigger}", trigger) for trigger in Trigger)
OUTSIDE = frozenset(HarmBy) - {HarmBy.FAMILY}
Answers = dict[str, Value | None]
CATEGORIES = tuple(category for category in Category if category is not Category.LB)
UNDECIDED: Answers = {
    **dict.fromkeys((category.value for category in CATEGORIES), False), "in_category": False, "multi_difficulty": False,
    "placement": "", "tonight": "",
}  # fmt: skip
"""What one table decides for those that come after; before that it says nothing."""
NOTHING_DECIDED = Triage(
    triggers=(), urgency=Urgency.NORMAL, branch=None, left_behind=False, lead=Agency.CIVIL, routes=(), obligations=(),
    must_not_notify=(), closes_only_when_found=False, rows=(),
)  # fmt: skip


def child_view(facts: ReportFacts, child: ChildFacts, triage: Triage, left_behind_max_age: int) -> Answers:
    """All that the tables may ask of this child."""
    family = family_of(facts.guardians)
    return {
        **UNDECIDED,
        **_answers(child),
        **_answers(facts.household),
        "conference_refused": child.conference_refused is Known.YES,
        "disabled": any_of(none_or(child.disabled), child.disability_grade is not None or None),
        **{name: trigger in triage.triggers for name, trigger in TRIGGERS},
        "age": child.age_years,
        "sex": None if child.sex is None else child.sex.value,
        "school_stage": None if child.school_stage is SchoolStage.UNKNOWN else child.school_stage.value,
        "disability_grade": child.disability_grade,
        "kind": facts.kind.value,
        "reporter": facts.reporter_class.value,
        "branch": str(triage.branch or ""),
        "police": bool(triage.branch and triage.branch.is_police),
        "urgent": triage.urgency.around_the_clock,
        "is_subject": child.is_the_subject,
        "has_siblings": len(facts.children) > 1,
        "exploited": none_or(facts.organised_exploitation),
        "harm_by_outsider_alone": bool(facts.harm_by) and OUTSIDE.issuperset(facts.harm_by),
        "possible_duplicate": facts.possible_duplicate,
        "still_missing": Trigger.MISSING in triage.triggers and child.found is not Known.YES,
        "origin_unknown": _origin_unknown(child, triage) and not family.named,
        **family.answers,
        "another_guardian": family.another_guardian() or none_or(facts.household.another_guardian),
        "left_behind": all_of(family.left_behind(), _below(child.age_years, left_behind_max_age)),
    }


def _origin_unknown(child: ChildFacts, triage: Triage) -> bool:
    """Rescued, left somewhere, or nobody at all; whose child it is has to be found out."""
    left = child.abandoned is Known.YES or child.identity_known is Known.NO
    return Trigger.RESCUED_FROM_TRAFFICKING in triage.triggers or left


def _below(age: int | None, limit: int) -> bool | None:
    return None if age is None else age < limit


def _answers(said: FactsModel) -> Answers:
    """The yes-or-no facts under their own names."""
    return {name: none_or(answer) for name, answer in vars(said).items() if type(answer) is Known}


@cache
def vocabulary() -> Vocabulary:
    """Every name of the view and what its fact can be."""
    child = ChildFacts(child_id="anybody")
    names = child_view(ReportFacts(children=(child,)), child, NOTHING_DECIDED, 18)
    wide: Mapping[str, tuple[Value, ...]] = {
        "age": tuple(range(18)),
        "disability_grade": (1, 2, 3, 4),
        "sex": tuple(sex.value for sex in Sex),
        "school_stage": tuple(stage.value for stage in SchoolStage if stage is not SchoolStage.UNKNOWN),
        "branch": ("", *(branch.value for branch in Branch)),
        "kind": tuple(kind.value for kind in ReportKind),
        "reporter": tuple(kind.value for kind in ReporterClass),
        "placement": ("", *(code.value for code in PlacementCode)),
        "tonight": ("", *(code.value for code in PlacementCode)),
    }
    return {name: wide.get(name, (False, True)) for name in names}


@cache
def question(condition: str) -> Question:
    """A condition over one child, compiled once a process."""
    return Question(condition, vocabulary())


def _can_be_asked(condition: str) -> str:
    if found := tuple(faults(condition, vocabulary())):
        raise ValueError("; ".join(found))
    return condition


ChildCondition = Annotated[str, AfterValidator(_can_be_asked)]
"""The condition of a row that is asked of each child."""
