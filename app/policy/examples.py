"""The worked cases of the notice: each as its reporter would submit it, and what is expected of the system."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from app.domain.facts import ReportFacts

HERE = Path(__file__).parent / "cases"
SEXES = {"女": "female", "男": "male"}
CARRIED = ("name", "birth_date", "id_no", "hukou", "residence", "school")


@cache
def examples() -> dict[str, dict[str, Any]]:
    """All case files by id."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(HERE.glob("CN-*.json"))}


@cache
def _entered() -> dict[str, dict[str, Any]]:
    return json.loads((HERE / "facts.json").read_text("utf-8"))


def _ticked(case_id: str) -> dict[str, Any]:
    """What the reporter can know: that it is a duplicate is found later."""
    return {name: value for name, value in _entered()[case_id].items() if name != "duplicate_of"}


def with_facts(case_file: Mapping[str, Any]) -> Mapping[str, Any]:
    """A case file with its facts: those of a worked case are shipped beside it, any other brings its own."""
    case_id = str(case_file.get("case_id"))
    shipped = "facts" not in case_file and examples().get(case_id) == case_file
    return {**case_file, "facts": _entered()[case_id]} if shipped else case_file


def submission_of(case_id: str) -> dict[str, Any]:
    """What the reporter of this case enters: the ticked facts, the people, the narrative."""
    case, ticked = examples()[case_id], _ticked(case_id)
    children = [
        {
            **{name: child.get(name) for name in CARRIED},
            **({"birth_text": child["estimated_age"]} if child.get("estimated_age") else {}),
            "sex": SEXES.get(child.get("sex")),
            "residence_division": child.get("residence_division"),
            "age_years": child.get("age_at_report", facts.get("age_years")),
            **{name: value for name, value in facts.items() if name not in ("age_years", "sex")},
        }
        for child, facts in zip(case["children"], ticked["children"], strict=True)
    ]
    reporter = case["reporter"]
    shared = {k: v for k, v in ticked.items() if k not in ("children", "guardians", "reporter_class")}
    family = [
        {
            **{name: member.get(name) for name in ("name", "relation", "birth_date", "id_no", "note")},
            "facts": ticked["guardians"][n] if n < len(ticked["guardians"]) else {},
        }
        for n, member in enumerate(case["family"])
    ]
    return {
        **shared,
        "reporter": {"class": ticked["reporter_class"], **{k: reporter.get(k) for k in ("org", "name", "phone")}},
        "children": children,
        "family": family,
        "narrative": case["narrative"],
        "reported_at": case["reported_at"],
    }


def facts_of(case_id: str, *, possible_duplicate: bool = False) -> ReportFacts:
    """The same as structured facts, for the rules alone."""
    case, ticked = examples()[case_id], _ticked(case_id)
    children = [
        {
            **facts,
            "child_id": f"ch-{case_id.lower()}-{n}",
            "age_years": child.get("age_at_report", facts.get("age_years")),
            "sex": SEXES.get(child.get("sex")),
        }
        for n, (child, facts) in enumerate(zip(case["children"], ticked["children"], strict=True))
    ]
    return ReportFacts.model_validate(
        {
            **ticked, "children": children, "division": case["children"][0]["residence_division"],
            "reported_at": case["reported_at"], "possible_duplicate": possible_duplicate,
        }
    )  # fmt: skip
