"""The family of a report: joint answers over its guardians, each known or not, for triage and for the tables over a child alike."""

from collections.abc import Iterable
from functools import cached_property, lru_cache

from app.domain.facts import GuardianFacts, Known, Relation, Whereabouts

PARENTS = (Relation.FATHER, Relation.MOTHER, Relation.ADOPTIVE_PARENT)
LOCKED_UP = (Whereabouts.DETAINED, Whereabouts.IMPRISONED, Whereabouts.DETOX)
CANNOT_COME = (*LOCKED_UP, Whereabouts.MISSING, Whereabouts.DEAD)
NOBODY_NAMED = GuardianFacts()
"""A parent of whom the report says nothing."""


# The three-valued logic of joint answers, with None for unknown.


def none_or(known: Known) -> bool | None:
    """An answer as the logic wants it."""
    return None if known is Known.UNKNOWN else known is Known.YES


def negation(one: bool | None) -> bool | None:
    """Unknown stays unknown."""
    return None if one is None else not one


def any_of(*answers: bool | None) -> bool | None:
    """Yes as soon as one is; no only when all are known to be no."""
    return True if True in answers else None if None in answers else False


def all_of(*answers: bool | None) -> bool | None:
    """No as soon as one is; yes only when all are known to be yes."""
    return False if False in answers else None if None in answers else True


class Family:
    """The joint answers. Two parents are reckoned with, so what is said of one alone is never said of both."""

    def __init__(self, guardians: tuple[GuardianFacts, ...]) -> None:
        self._listed = guardians
        self.named = [one for one in guardians if one.relation in PARENTS]
        """The parents of whom the report says anything."""
        known, alone = self.named, any(one.relation is Relation.ADOPTIVE_PARENT for one in self.named)
        self._parents = known if alone else [*known, *[NOBODY_NAMED] * (2 - len(known))]
        self._kin = [one for one in guardians if one.relation not in PARENTS]
        self._in_law = [*known, *(one for one in self._kin if one.is_guardian is Known.YES)]

    @cached_property
    def answers(self) -> dict[str, bool | None]:
        """By name."""
        parents, listed, in_law = self._parents, self._listed, self._in_law
        return {
            "orphan": self.orphan(),
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

    def orphan(self) -> bool | None:
        """Both parents are dead."""
        return all_of(*(_is(one, Whereabouts.DEAD) for one in self._parents))

    def locked_up(self) -> bool:
        """Of the parents named, one is in custody and none can come."""
        places = [one.whereabouts for one in self.named]
        return any(place in LOCKED_UP for place in places) and all(place in CANNOT_COME for place in places)

    def nobody_can_come(self) -> bool:
        """Every parent whom the report names is known to be where nobody comes from."""
        return bool(self.named) and all(one.whereabouts in CANNOT_COME for one in self.named)

    def another_guardian(self) -> bool:
        """Somebody named in the report is one beside the parents, and able; that nobody is named says nothing."""
        return _for_certain(all_of(none_or(one.is_guardian), _can_care(one)) for one in self._kin)

    def left_behind(self) -> bool | None:
        """R011: both parents away for work, or one away and the other unable to be a guardian."""
        away = [_is(one, Whereabouts.AWAY_FOR_WORK) for one in self._parents]
        gone = (any_of(_is(one, Whereabouts.AWAY_FOR_WORK), _cannot_care(one)) for one in self._parents)
        return all_of(any_of(*away), all_of(*gone))


@lru_cache(maxsize=64)
def family_of(guardians: tuple[GuardianFacts, ...]) -> Family:
    """Made once: triage and each child ask for it, and so does the version that another is compared with."""
    return Family(guardians)


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
