"""One child of a report as the tables of the pack see it: a flat list of named facts, each known or not, and joint answers over the family."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated

from pydantic import AfterValidator

from app.domain.determination import Category, PlacementCode
from app.domain.facts import (
    ChildFacts,
    FactsModel,
    GuardianFacts,
    HarmBy,
    Known,
    Relation,
    ReportFacts,
    SchoolStage,
    Sex,
    Whereabouts,
)  # fmt: skip
from app.domain.policy import Triage
from app.domain.terms import Agency, Branch, ReporterClass, ReportKind, Trigger, Urgency
from app.policy.reading import Question, Value, Vocabulary, all_of, any_of, faults, negation, none_or

PARENTS = (Relation.FATHER, Relation.MOTHER, Relation.ADOPTIVE_PARENT)
LOCKED_UP = (Whereabouts.DETAINED, Whereabouts.IMPRISONED, Whereabouts.DETOX)
CANNOT_COME = (*LOCKED_UP, Whereabouts.MISSING, Whereabouts.DEAD)
PREFIX = "trigger_"
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
    family = _Family(facts)
    return {
        **UNDECIDED,
        **_answers(child),
        **_answers(facts.household),
        "disabled": any_of(none_or(child.disabled), child.disability_grade is not None or None),
        **{f"{PREFIX}{trigger}": trigger in triage.triggers for trigger in Trigger},
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
        "origin_unknown": _origin_unknown(child, triage) and not family.has_parents,
        **family.answers(),
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
    return {name: none_or(answer) for name, answer in said if isinstance(answer, Known)}


class _Family:
    """The joint answers. Two parents are reckoned with, so what is said of one alone is never said of both."""

    def __init__(self, facts: ReportFacts) -> None:
        self._listed = facts.guardians
        known = [one for one in facts.guardians if one.relation in PARENTS]
        alone = any(one.relation is Relation.ADOPTIVE_PARENT for one in known)
        self.has_parents = bool(known)
        self._parents = known if alone else [*known, *[GuardianFacts()] * (2 - len(known))]
        self._kin = [one for one in facts.guardians if one.relation not in PARENTS]
        self._in_law = [*known, *(one for one in self._kin if one.is_guardian is Known.YES)]

    def answers(self) -> Answers:
        """By name."""
        parents, listed, in_law = self._parents, self._listed, self._in_law
        return {
            "orphan": all_of(*(_is(one, Whereabouts.DEAD) for one in parents)),
            "guardian_dead": _some(_is(one, Whereabouts.DEAD) for one in listed if _guards(one)),
            "parents_detained": all_of(
                any_of(*(_is(one, Whereabouts.DETAINED) for one in parents)),
                all_of(*(_is(one, *CANNOT_COME, Whereabouts.HOSPITAL) for one in parents)),
            ),
            "parents_hospitalised": all_of(
                any_of(*(_is(one, Whereabouts.HOSPITAL) for one in parents)),
                all_of(*(_is(one, *CANNOT_COME, Whereabouts.HOSPITAL) for one in parents)),
            ),
            "parents_imprisoned": all_of(
                any_of(*(_is(one, Whereabouts.IMPRISONED, Whereabouts.DETOX) for one in parents)),
                all_of(*(_is(one, *CANNOT_COME) for one in parents)),
            ),
            "guardian_detained": _some(_is(one, Whereabouts.DETAINED) for one in in_law),
            "guardian_sentenced": _some(_sentenced(one) for one in in_law),
            "parents_unsupporting": all_of(*map(_unsupporting, parents)),
            "parents_cannot_care": all_of(*map(_cannot_care, parents)),
            "parent_in_doubt": True in map(_in_doubt, parents),
            "parent_missing": _some(_is(one, Whereabouts.MISSING) for one in parents),
            "guardianship_cause": _some(_cause(one) for one in in_law),
            "suspect": _some(none_or(one.suspected_of_harm) for one in listed),
            "guardian_fault": _some(any_of(none_or(one.suspected_of_harm), none_or(one.neglects)) for one in listed),
            "persists_after_police": _some(none_or(one.persists_after_police) for one in in_law),
            "revoked": _some(none_or(one.revoked) for one in in_law),
            "parent_away_for_work": _some(_is(one, Whereabouts.AWAY_FOR_WORK) for one in parents),
            "safe_parent": any_of(*map(_safe, parents)),
            "parent_can_care": any_of(*map(_can_care, parents)),
            "parent_at_home": any_of(*(all_of(_is(one, Whereabouts.HOME), _can_care(one)) for one in parents)),
            "kin_offers": _for_certain(_offers(one) for one in self._kin),
            "kin_fit": _for_certain(all_of(_offers(one), none_or(one.fit)) for one in self._kin),
            "delegated": _for_certain(all_of(none_or(one.delegated), _can_care(one)) for one in self._kin),
            "carer_seeks_work": _some(none_or(one.seeks_work) for one in listed),
        }

    def another_guardian(self) -> bool:
        """Somebody named in the report is one beside the parents, and able; that nobody is named says nothing."""
        return _for_certain(all_of(none_or(one.is_guardian), _can_care(one)) for one in self._kin)

    def left_behind(self) -> bool | None:
        """R011: both parents away for work, or one away and the other unable to be a guardian."""
        away = [_is(one, Whereabouts.AWAY_FOR_WORK) for one in self._parents]
        gone = (any_of(_is(one, Whereabouts.AWAY_FOR_WORK), _cannot_care(one)) for one in self._parents)
        return all_of(any_of(*away), all_of(*gone))


def _some(answers: Iterable[bool | None]) -> bool | None:
    """Whether it is so of anybody listed; of nobody listed nothing is known."""
    return any_of(*(tuple(answers) or (None,)))


def _for_certain(answers: Iterable[bool | None]) -> bool:
    """Whether it is so of somebody: an offer that nobody has made is none."""
    return True in tuple(answers)


def _is(one: GuardianFacts, *places: Whereabouts) -> bool | None:
    return None if one.whereabouts is Whereabouts.UNKNOWN else one.whereabouts in places


def _guards(one: GuardianFacts) -> bool:
    return one.relation in (*PARENTS, Relation.FOSTER_PARENT) or one.is_guardian is Known.YES


def _sentenced(one: GuardianFacts) -> bool | None:
    return any_of(none_or(one.sentenced), none_or(one.community_correction), _is(one, Whereabouts.IMPRISONED))


def _cause(one: GuardianFacts) -> bool | None:
    """R004: serving, drugs, grave illness, grave disability."""
    ill = (none_or(one.gravely_ill), none_or(one.gravely_disabled), none_or(one.uses_drugs))
    return any_of(_is(one, Whereabouts.IMPRISONED, Whereabouts.DETOX), *ill)


def _unsupporting(one: GuardianFacts) -> bool | None:
    """What counts of each parent where a child is in fact supported by nobody (L57)."""
    missing = all_of(_is(one, Whereabouts.MISSING), none_or(one.absence_verified))
    out = _is(one, Whereabouts.DEAD, Whereabouts.IMPRISONED, Whereabouts.DETOX)
    ill = any_of(none_or(one.gravely_ill), none_or(one.gravely_disabled))
    return any_of(out, missing, ill if one.able is not Known.YES else bool(ill), _revoked(one))


def _cannot_care(one: GuardianFacts) -> bool | None:
    """Unable, deprived of the guardianship, or unable to come."""
    return any_of(_is(one, *CANNOT_COME), negation(none_or(one.able)), _revoked(one))


def _in_doubt(one: GuardianFacts) -> bool | None:
    """Something speaks against this parent's being a guardian."""
    doubtful = _is(one, Whereabouts.MISSING, Whereabouts.IMPRISONED, Whereabouts.DETOX)
    return any_of(doubtful, _cause(one), negation(none_or(one.able)), _revoked(one))


def _can_care(one: GuardianFacts) -> bool | None:
    """Able, and neither a suspect nor out of reach; a hospital bed is out of reach."""
    here = negation(_is(one, *CANNOT_COME, Whereabouts.HOSPITAL))
    return all_of(none_or(one.able), here, one.suspected_of_harm is not Known.YES, not _revoked(one))


def _safe(one: GuardianFacts) -> bool | None:
    """Known to be no suspect, within reach, and free to come."""
    free = negation(_is(one, *CANNOT_COME))
    return all_of(negation(none_or(one.suspected_of_harm)), none_or(one.reachable), free, one.able is not Known.NO)


def _revoked(one: GuardianFacts) -> bool:
    """Only a judgment does that, so not to know of one is to have none."""
    return one.revoked is Known.YES


def _offers(one: GuardianFacts) -> bool | None:
    """Willing, and not known to be unfit, unable, a suspect or of a suspect's household."""
    against = Known.YES in (one.suspected_of_harm, one.lives_with_suspect)
    barred = against or Known.NO in (one.able, one.fit) or one.whereabouts in CANNOT_COME
    return all_of(none_or(one.willing), not barred)


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
