"""情况有变化吗: what somebody who visits can see of the child and the family and what the categories of the rules depend on.

What is not answered stands as it was known. Each value says in codes what it means, so that the page needs no list of its own
where there is no network: `able=no gravely_ill=yes` of the group that the field's name has.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from app.domain.facts import Known, Relation, Whereabouts
from app.policy.said import fact_name
from app.web.forms import Form
from app.web.words import Pair

FACTS = "facts."
PARENTS = (Relation.FATHER, Relation.MOTHER)
ASKED = {
    "child": ("disabled", "gravely_ill", "attending"),
    "household": ("on_minimum_living", "low_income", "on_destitute_support"),
}
"""What is asked with yes or no; who harms a child, or what an agency resolves, is no answer of a visit."""
CARE: tuple[tuple[str, Pair], ...] = (
    ("able=yes", ("能够监护", "able to be a guardian")),
    (
        "able=yes gravely_ill=no gravely_disabled=no",
        ("能够监护，现无重病、重残", "able, and neither gravely ill nor gravely disabled now"),
    ),
    ("able=no gravely_ill=yes", ("重病，不能监护", "gravely ill, and not able")),
    ("able=no gravely_disabled=yes", ("重残，不能监护", "gravely disabled, and not able")),
    ("able=no", ("其他原因不能监护", "not able for another reason")),
)
CALLED: dict[str, Pair] = {
    "disabled": ("孩子残疾", "The child is disabled"), "gravely_ill": ("孩子患重病", "The child is gravely ill"),
    "attending": ("孩子在园、在校", "The child goes to school or kindergarten"),
}  # fmt: skip
"""Where the words of the rules do not say of whom."""


class Asked(NamedTuple):
    """One question, with values and their words."""

    name: str
    words: Pair
    options: tuple[tuple[str, Pair], ...]


def _asked() -> Iterator[Asked]:
    places = tuple(
        (f"whereabouts={one.value}", (one.zh, one.en)) for one in Whereabouts if one is not Whereabouts.UNKNOWN
    )
    for parent in PARENTS:
        yield Asked(f"{FACTS}{parent.value}.place", (f"{parent.zh}亲现在", f"Where the {parent.en} is"), places)
        yield Asked(
            f"{FACTS}{parent.value}.care", (f"{parent.zh}亲能否监护", f"Whether the {parent.en} can care"), CARE
        )
    for of, facts in ASKED.items():
        for fact in facts:
            answers = tuple((f"{fact}={one.value}", (one.zh, one.en)) for one in (Known.YES, Known.NO))
            yield Asked(f"{FACTS}{of}.{fact}", CALLED.get(fact) or fact_name(fact), answers)


CHANGED = tuple(_asked())
_OFFERED = {one.name: {value for value, _ in one.options} for one in CHANGED}


def changed(form: Form) -> dict[str, Any]:
    """What was answered, as the body of a visit has it; static/visits.js does the same where there is no network."""
    said: dict[str, Any] = {}
    for name, values in _OFFERED.items():
        if (answer := form.one(name)) in values:
            group = name.split(".")[1]
            of = said if group in ASKED else said.setdefault("family", {})
            of.setdefault(group, {}).update(part.split("=") for part in answer.split())
    return said
