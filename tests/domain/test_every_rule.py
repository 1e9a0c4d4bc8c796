"""No rule of the access decision can be taken away unnoticed: the whole table is agreed in a file, and each rule less changes it."""

import contextlib
import os
from collections import defaultdict
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from tests.domain import acting, filing, telling
from tests.domain.decisions import AS_THEY_STAND, RULES, anew, changed, mutants

AGREED = Path(__file__).parent / "decisions.txt"
EQUAL = ("leg is not None", "subject.leg is not None")
"""Of the same meaning without: asked only after `_at_leg`, which refuses where there is no leg."""
MUTANTS = [
    mutant
    for mutant in (*mutants(), *telling.mutants(), *acting.mutants(), *filing.mutants())
    if mutant.name.partition(" without ")[2] not in EQUAL
]

ROOMS = {**telling.TABLES, **acting.TABLES, **filing.TABLES}


@cache
def agreed():
    lines = (line.split("\t") for line in AGREED.read_text("utf-8").splitlines())
    return {row: signs for signs, *rows in lines for row in rows}


def everything(rules):
    return chain(rules.sights(), rules.table())


def test_the_decision_is_what_was_agreed():
    """SHOUHU_AGREE=1 writes it anew: read in the difference what has become allowed, and to whom."""
    rows = [*everything(AS_THEY_STAND), *telling.everything(), *acting.everything(), *filing.everything()]
    now = dict(rows)
    assert len(now) == len(rows), (
        "of two rows of one name the table would keep one, and every change would look as if it were noticed"
    )
    if os.environ.get("SHOUHU_AGREE"):
        alike = defaultdict(list)
        for row, signs in now.items():
            alike[signs].append(row)
        AGREED.write_text("".join("\t".join((signs, *rows)) + "\n" for signs, rows in alike.items()), "utf-8")
    assert now == agreed()


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_rule_that_is_taken_away_changes_the_decision(mutant):
    """Or ends in an error, which is no answer either."""
    with contextlib.suppress(AttributeError, KeyError, NameError, TypeError, ValueError):
        assert any(agreed().get(row) != said for row, said in rows_of(mutant))


def rows_of(mutant):
    """Of a rule about cases first the rows about cases; of a room beside the decision those of its own table."""
    if mutant.module in ROOMS:
        return ROOMS[mutant.module](anew([mutant.module], mutant)[mutant.module])
    rules = changed(mutant)
    return chain(rules.table(mutant.rule), rules.sights()) if mutant.module == RULES[1] else everything(rules)
