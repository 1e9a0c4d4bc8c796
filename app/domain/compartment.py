"""A sealed case: the agencies that it is sealed for work in it, no other is in it or learns of it, and once closed nobody finds it.

Whoever is outside stands among those whom the case must not reach (`about`), so that lists, counts, searches and packets need no rule
of their own.
"""

from collections.abc import Collection, Iterable
from typing import Any

from app.domain.child_terms import PLACE, FileField
from app.domain.facts import ChildFacts, Known, ReportFacts
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import HEADS, Actor
from app.domain.terms import Agency, Role, Term

Sealed = tuple[Agency, ...]
"""The agencies inside; empty for a case that is not sealed."""


class Ground(Term):
    """On which a sealed record may be opened: the two of 刑事诉讼法 第286条."""

    CASE_HANDLING = "case_handling", "司法机关办案需要", "a court or prosecutor needs it for a case"
    STATE_PROVISION = "state_provision", "有关单位根据国家规定查询", "a unit asks under a provision of the state"


OFFENCE = ("not_prosecuted", "procuratorate_confirms")
"""What is known of a child's offence: it stands in a sealed case or nowhere (预防未成年人犯罪法 第59条)."""


def without_offence(child: ChildFacts) -> ChildFacts:
    """The child as a case may know it that is not sealed."""
    return child.model_copy(update=dict.fromkeys(OFFENCE, Known.UNKNOWN))


def tells_offence(child: ChildFacts) -> tuple[str, ...]:
    """The facts that only a sealed case may hold, as far as something is said."""
    return tuple(name for name in OFFENCE if getattr(child, name) is not Known.UNKNOWN)


def may_open(actor: Actor) -> bool:
    """Procurators, and the heads of procuratorate and court."""
    head = actor.agency in (Agency.PROC, Agency.COURT) and actor.has(*HEADS)
    return head or (actor.agency is Agency.PROC and actor.has(Role.PROCURATOR))


def own_marks(actor: Actor) -> tuple[str, ...]:
    """Under which a sealed record may be about somebody who may open one: of a closed one the agencies inside are kept out as well."""
    return tuple(mark for mark in actor.marks if mark != actor.agency.value)


def outside(sealed_for: Sealed) -> tuple[str, ...]:
    """Whom a sealed case must not reach."""
    return tuple(agency.value for agency in Agency if agency not in sealed_for) if sealed_for else ()


def inside(sealed_for: Sealed, agency: Agency, lead: Agency) -> Agency:
    """Who does what this agency would: in a sealed case, the lead agency for all that are outside."""
    return lead if sealed_for and agency not in sealed_for else agency


def require_inside(sealed_for: Sealed, *agencies: Agency) -> None:
    """Nobody lets an agency in that is outside."""
    if sealed_for and set(agencies) - set(sealed_for):
        raise Refused(RefusalCode.CASE_SEALED)


def require_unsealed(sealed_for: Sealed) -> None:
    """A sealed case is joined with no other."""
    if sealed_for:
        raise Refused(RefusalCode.CASE_SEALED)


TOLD_PLACE = (
    Agency.POLICE, Agency.CIVIL, Agency.CONF, Agency.PROC, Agency.COURT, Agency.STREET, Agency.COMM, Agency.RESCUE, Agency.CWI,
)  # fmt: skip
"""Who protects, places and visits a child whose guardian is a suspect, and who judges; to all others the child lives where it was
reported to live. Default (guide B.8)."""
UNNAMED = "another"
"""Instead of an account that would tell what the reader is not told."""
TOLD_HEALTH = (Agency.HEALTH, Agency.HOSPITAL, Agency.CIVIL, Agency.RESCUE, Agency.CWI)
"""Who treats, supports by it and cares for a child with HIV or a mental illness. To no other is the health of any child told, but as they
entered it themselves: of one alone, what is missing would say that it is ill. Default."""


def asked_of(agency: Agency) -> tuple[FileField, ...]:
    """Fields that may be kept back from this body."""
    place = PLACE if agency not in TOLD_PLACE else ()
    return (*place, *((FileField.HEALTH,) if agency not in TOLD_HEALTH else ()))


def kept_back(agency: Agency, facts: Iterable[ReportFacts], *, suspected: bool = False) -> tuple[FileField, ...]:
    """Fields of the child's file that are not told to this body, by all that is known of its guardians; the health of every child alike.
    `suspected`: one is by a case that is not read."""
    suspect = suspected or is_suspected(facts)
    return tuple(field for field in asked_of(agency) if suspect or field not in PLACE)


def is_suspected(facts: Iterable[ReportFacts]) -> bool:
    """Whether a guardian is a suspect by any of these."""
    return any(one.suspected_of_harm is Known.YES for said in facts for one in said.guardians)


def desk_told(agency: Agency, desk: str) -> str:
    """A desk as a body is told of it with a child: which street verifies or visits says where the child lives."""
    return desk if agency in TOLD_PLACE else desk.partition("-")[0]


def unplaced(told: Any, agency: Agency, local: Collection[str]) -> Any:
    """The same without what else says in which street a child lives now, for a body to which that may be kept back: desks, and the
    accounts of streets and committees, who are `local`. Of every child alike, or what is missing would tell of a suspect."""
    if agency in TOLD_PLACE:
        return told
    if isinstance(told, list):
        return [unplaced(one, agency, local) for one in told]
    if not isinstance(told, dict):
        return told
    return {name: _unplaced(name, value, agency, local) for name, value in told.items()}


def _unplaced(name: str, value: Any, agency: Agency, local: Collection[str]) -> Any:
    if not isinstance(value, str):
        return unplaced(value, agency, local)
    if name == "desk":
        return desk_told(agency, value)
    if value not in local or name not in BY:
        return value
    return UNNAMED if name == BY[0] else None


BY = ("by", "behalf")
"""Whose account stands in a field, and for whom."""
