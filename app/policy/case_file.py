"""A case file, in the form of the worked cases, as facts. Narrative and notes drive no rule.

Beside the structured fields a file may bring `facts`: the fields of a report (`ReportFacts`), with `children` and `guardians` in the order of
`children` and `family`. `cases/facts.json` has those of the worked cases; what is not said is unknown, and a misspelt fact is refused.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from itertools import zip_longest
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.domain.facts import ReportFacts
from app.domain.terms import ReporterClass

NICKNAME = re.compile(r"[（(][^（）()]*[）)]")
REGISTERED = re.compile(r"登记名[：:]\s*([^，,（）()]+)")
DISTRICT = "丰台"
SEXES = {"女": "female", "男": "male"}
RELATIONS = {
    "父": "father", "母": "mother", "继父": "step_parent", "继母": "step_parent", "养父": "adoptive_parent",
    "养母": "adoptive_parent", "祖父": "grandparent", "祖母": "grandparent", "外祖父": "grandparent",
    "外祖母": "grandparent", "爷爷": "grandparent", "奶奶": "grandparent", "姥爷": "grandparent", "姥姥": "grandparent",
    "兄": "sibling", "姐": "sibling", "伯": "aunt_or_uncle", "叔": "aunt_or_uncle", "姑": "aunt_or_uncle",
    "舅": "aunt_or_uncle", "姨": "aunt_or_uncle", "姨母": "aunt_or_uncle", "寄养": "foster_parent",
}  # fmt: skip
"""How a family says who somebody is; the longest that the word begins with counts."""
REPORTERS: dict[str, ReporterClass] = {
    **{term.zh: term for term in ReporterClass},
    "村民委员会": ReporterClass.COMMITTEE, "居民委员会": ReporterClass.COMMITTEE, "居委会": ReporterClass.COMMITTEE,
    "村委会": ReporterClass.COMMITTEE, "救助": ReporterClass.RESCUE, "福利": ReporterClass.WELFARE,
    "社会工作": ReporterClass.SOCIAL_WORK, "社工": ReporterClass.SOCIAL_WORK, "12345": ReporterClass.HOTLINE,
    "检察": ReporterClass.STATE_ORGAN, "法院": ReporterClass.STATE_ORGAN, "医院": ReporterClass.MEDICAL,
    "幼儿园": ReporterClass.KINDERGARTEN,
}  # fmt: skip


class WrittenCase(BaseModel):
    """The outer shape of a case file; what stands inside is checked as facts."""

    model_config = ConfigDict(extra="allow")

    case_id: str | None = None
    reported_at: AwareDatetime | None = None
    reporter: dict[str, Any] = {}
    children: list[dict[str, Any]] = []
    family: list[dict[str, Any]] = []
    facts: dict[str, Any] | None = None


def facts_of_file(case_file: Mapping[str, Any]) -> ReportFacts:
    """What the rules may see of it; whatever is not said stays unknown."""
    said = dict(case_file.get("facts") or {})
    children = _beside(case_file.get("children", ()), said.pop("children", ()))
    guardians = _beside(case_file.get("family", ()), said.pop("guardians", ()))
    if said.pop("duplicate_of", None):
        said["possible_duplicate"] = True
    reported_at = case_file.get("reported_at")
    shared: dict[str, Any] = {
        "reporter_class": reporter_class(case_file.get("reporter", {}).get("type", "")),
        "reported_at": reported_at,
        "children": [
            _child(child, reported_at) | {"child_id": f"child-{n}"} | _given(facts)
            for n, (child, facts) in enumerate(children)
        ],
        "guardians": [_guardian(member) | _given(facts) for member, facts in guardians],
    }
    if divisions := [child["residence_division"] for child, _ in children if child.get("residence_division")]:
        shared["division"] = divisions[0]
    return ReportFacts.model_validate(shared | said)


def name_of(child: Mapping[str, Any]) -> str:
    """The name that a child goes by, without what the register adds to it."""
    name = str(child.get("name") or "")
    registered = REGISTERED.search(name)
    return registered.group(1).strip() if registered else NICKNAME.sub("", name).strip() or name


def persons_of(case_file: Mapping[str, Any]) -> list[str]:
    """The family by name and relation, as an assertion of a case names them."""
    return [f"{_bare(str(one.get('name', '')))}（{one.get('relation', '')}）" for one in case_file.get("family", ())]


def reporter_class(said: str) -> ReporterClass:
    """By the words of the file: an official term or a telling part of one, the longest that stands in it; else anybody."""
    found = [word for word in REPORTERS if word in said]
    return REPORTERS[max(found, key=len)] if found else ReporterClass.PUBLIC


def _bare(name: str) -> str:
    return re.split(r"[（(]", name)[0]


def _beside(people: Any, facts: Any) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each person with the facts that stand at the same place; facts may go on where the list of people ends."""
    return list(zip_longest(people, facts, fillvalue={}))


def _given(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _child(child: Mapping[str, Any], reported_at: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "age_years": child.get("age_at_report", _age(child.get("birth_date"), reported_at)),
        "sex": SEXES.get(child.get("sex") or ""),
    }
    hukou = child.get("hukou") or ""
    if DISTRICT in hukou:
        found["hukou_in_district"] = "yes"
    elif re.search(r"[省市区县]", hukou):
        found["hukou_in_district"] = "no"
    return found


def _age(born: str | None, reported_at: str | None) -> int | None:
    if not born or not reported_at:
        return None
    day, birth = datetime.fromisoformat(reported_at).date(), date.fromisoformat(born)
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _guardian(member: Mapping[str, Any]) -> dict[str, Any]:
    said = str(member.get("relation") or "")
    known = [word for word in RELATIONS if said.startswith(word)]
    return {"relation": RELATIONS[max(known, key=len)]} if known else {}
