"""The children at risk whom an answer to a round reports: a block of fields for each, and one more without scripts."""

from collections.abc import Mapping
from typing import Any

from app.domain.submission import ReportedChild
from app.web.forms import Form

MOST = 10
"""Children that a page offers; more are sent by the API, or added to the answer afterwards."""
COUNT, MORE = "children", "more"
CHILD, SITUATIONS, NARRATIVE = ("name", "sex", "birth_date", "residence_division"), "situations", "narrative"
GIVEN = "residence_division"
"""Filled in before anybody types."""


def name_of(part: str, block: int) -> str:
    """What a field of a block is called."""
    return part if block == 1 else f"{part}_{block}"


def blocks(form: Form) -> range:
    """Those that the page shows: as many as were sent, and one more where it was asked for."""
    said = form.one(COUNT)
    count = int(said) if said.isdecimal() and len(said) < 3 else 1
    return range(1, min(MOST, max(1, count) + bool(form.one(MORE))) + 1)


def reports(form: Form, reporter: Mapping[str, str]) -> list[dict[str, Any]]:
    """A report for each block in which something stands; what is wrong is said beside the field of its block."""
    return [_report(form, block, reporter) for block in typed(form) or [1]]


def typed(form: Form) -> list[int]:
    """The blocks in which something stands."""
    return [block for block in blocks(form) if _is_typed(form, block)]


def _is_typed(form: Form, block: int) -> bool:
    parts = (*(part for part in CHILD if part != GIVEN), SITUATIONS, NARRATIVE)
    return any(form.many(name_of(part, block)) for part in parts)


def _report(form: Form, block: int, reporter: Mapping[str, str]) -> dict[str, Any]:
    child = {part: form.one(name_of(part, block)) for part in CHILD if form.one(name_of(part, block))}
    situations, each = form.many(name_of(SITUATIONS, block)), Form()
    each.valid(ReportedChild, child)
    for part, words in each.errors.items():
        form.wrong(name_of(part, block), *words)
    if not situations:
        form.wrong(name_of(SITUATIONS, block), "请选择情形", "Please choose what the risk is.")
    return {
        "reporter": dict(reporter), "children": [child], "situations": situations,
        "narrative": form.one(name_of(NARRATIVE, block)),
    }  # fmt: skip
