"""The times of retention as data; each row cites law or says default."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from app.domain.retention import RetentionRule
from app.policy.basis import cite

FILE = Path(__file__).parent / "retention.yaml"


@cache
def retention_rules(file: Path = FILE) -> tuple[RetentionRule, ...]:
    """All rows, older ones too. ValueError for a row that cites nothing that may be shown, or two for one thing and day."""
    rules = TypeAdapter(tuple[RetentionRule, ...]).validate_python(yaml.safe_load(file.read_text("utf-8")))
    for rule in rules:
        if not rule.basis:
            raise ValueError(f"{rule.code}: no basis")
        for source in rule.basis:
            try:
                cite(source)
            except KeyError:
                raise ValueError(f"{rule.code}: {source} is no source") from None
    if len({(rule.kept, rule.holds_from) for rule in rules}) != len(rules):
        raise ValueError("two rows for one thing begin on one day")
    return rules
