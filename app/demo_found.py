"""What the rules found of the children of a played case, held against its file: categories, placement, benefits and records."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from app.policy.case_file import name_of
from app.policy.loader import load

Found = list[dict[str, Any]]


def found_as_expected(example: Mapping[str, Any], case: Mapping[str, Any], policy: str) -> dict[str, bool]:
    """Each thing that the file expects of the children, and whether the case shows it."""
    expected, found = example["expected"], case["found"]
    names = {child["id"]: name_of(child) for child in case["content"]["children"]}
    titles = {row.id: row.zh for row in load(policy).file.records}
    by_name = {names[child["child_id"]]: child for child in found}
    checks = {
        f"{what} {name}": _of_child(by_name[name], said)[what]
        for name, said in expected.get("children", {}).items()
        for what in ("categories", "overlap", "multi_difficulty")
    }
    if "duplicate_of" not in expected:
        placed = {(name, child["placement"]["code"], _notice(child["placement"])) for name, child in by_name.items()}
        wanted = {
            (name, said["code"], frozenset(said["basis"]))
            for who, said in expected["placement"].items() for name in who.split("+")
        }  # fmt: skip
        checks["placement"] = placed == wanted
        due = {(said["benefit"], said["result"], frozenset(said["basis"])) for said in expected["entitlements"]}
        # The system has no amounts until a district enters them, so it may leave one more pair of benefits to a person.
        checks["entitlements"] = due <= _due(found) and all(one[1] == "notice_silent" for one in _due(found) - due)
    owed = {titles[row] for child in found for row in child["records"]}
    checks["records"] = owed == set(expected["records"])
    return checks


def _of_child(child: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, bool]:
    wanted = Counter((one["code"], one["status"], frozenset(one["basis"])) for one in said["categories"])
    return {
        "categories": Counter((one["code"], one["status"], _notice(one)) for one in child["categories"]) == wanted,
        "overlap": child["overlap"] == said.get("overlap", []),
        "multi_difficulty": child["multi_difficulty"] is said.get("multi_difficulty", False),
    }


def _due(found: Found) -> set[tuple[str, str, frozenset[str]]]:
    return {
        (one["benefit"], one["result"], _notice(one)) for child in found for one in child["benefits"]["entitlements"]
    }


def _notice(based: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(source for source in based["basis"] if source.startswith("R"))


def _together(found: Found) -> bool:
    return len(found) > 1 and len({child["placement"]["row"] for child in found}) == 1


def _excluded(found: Found, row: str) -> bool:
    return all(any(one["row"] == row for one in child["placement"]["rejected"]) for child in found)


def _owes(found: Found, row: str) -> bool:
    return all(row in child["records"] for child in found)


ASSERTED: dict[str, Callable[[Found, Mapping[str, Any]], bool]] = {
    "siblings_placed_together": lambda found, _: _together(found),
    "buyer_family_excluded_as_carer": lambda found, _: _excluded(found, "x-buyer"),
    "photo_release_requires_approval": lambda found, _: _owes(found, "k-photo"),
    "gate": lambda found, said: all(set(said["needs"]) <= set(child["placement"]["gates"]) for child in found),
    "may_grant_both": lambda found, said: any(
        benefit == f"{said['a']}+{said['b']}" and result == "allowed" for benefit, result, _ in _due(found)
    ),
    "must_not_grant_both": lambda found, said: any(
        {said["a"], said["b"]} <= set(benefit[benefit.find("{") + 1 : -1].split(",")) and result == "choose_highest"
        for benefit, result, _ in _due(found)
    ),
}
"""Assertions on what was found, by the name of their check."""
