"""建档 in a row of a sheet: why a child is registered, by which grade it will be watched, and where its parents are."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.child_terms import Found
from app.domain.facts import Known, Relation, Whereabouts
from app.domain.sheet_columns import AWAY, BOTH_AWAY, FATHER_AWAY, MOTHER_AWAY, WATCHED, WHY, SheetColumn
from app.domain.sheets import Fault, Wrong, as_typed, choice
from app.domain.submission import FamilyMember
from app.domain.terms import Grade

_GONE, _UNABLE = {"whereabouts": Whereabouts.AWAY_FOR_WORK.value}, {"able": Known.NO.value}
PARENTS_AWAY: dict[str, dict[str, dict[str, str]]] = {
    away: {Relation.FATHER.value: father, Relation.MOTHER.value: mother}
    for away, father, mother in (
        (BOTH_AWAY, _GONE, _GONE),
        (FATHER_AWAY, _GONE, _UNABLE),
        (MOTHER_AWAY, _UNABLE, _GONE),
    )
}
"""What makes a child one left behind (R011), as facts of its father and its mother."""


def read_registration(row: Mapping[SheetColumn, Any]) -> tuple[Found | None, Grade | None, str, list[Fault]]:
    """Why a new child is registered, by which grade it will be watched, and of one left behind where the parents are: without that the
    rules find it no left-behind child, and it stands in no book of them. Nobody guesses any of it."""
    found, grade = choice(Found, as_typed(row.get(WHY))), choice(Grade, as_typed(row.get(WATCHED)))
    faults = [
        Fault(column.code, Wrong.NO_CHOICE if as_typed(row.get(column)) else Wrong.REQUIRED)
        for column, said in ((WHY, found), (WATCHED, grade)) if said is None
    ]  # fmt: skip
    away = as_typed(row.get(AWAY))
    if away and away not in AWAY.picks:
        faults.append(Fault(AWAY.code, Wrong.NO_CHOICE))
    elif not away and found is Found.LEFT_BEHIND:
        faults.append(Fault(AWAY.code, Wrong.REQUIRED))
    return found, grade, away, faults


def family_of(named: Sequence[dict[str, Any]], away: str) -> list[FamilyMember]:
    """With where the parents are; of one whom the row does not name that is all that is known, and stands last."""
    members = [_kin(one) for one in named]
    known = PARENTS_AWAY.get(away, {})
    of = [one.get("facts", {}).get("relation", "") for one in members]
    said = [
        {**one, "facts": {**one.get("facts", {}), **known.get(relation, {})}}
        for one, relation in zip(members, of, strict=True)
    ]
    more = [{"facts": {"relation": relation, **facts}} for relation, facts in known.items() if relation not in of]
    return [FamilyMember.model_validate(one) for one in (*said, *more)]


def _kin(member: dict[str, Any]) -> dict[str, Any]:
    """With the relation as a fact, where its word is the official one."""
    relation = next((one.value for one in Relation if one.zh == member.get("relation")), None)
    return {**member, "facts": {"relation": relation}} if relation else member
