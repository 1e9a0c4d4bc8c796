"""How fast the rules answer: a case file, a pack that is loaded, and ten thousand past cases, beside the bare CEL evaluations."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cel

from app.domain.facts import ChildFacts, ReportFacts
from app.domain.policy import Triage
from app.policy.case_file import facts_of_file
from app.policy.child_view import child_view, vocabulary
from app.policy.conditions import compiled, view
from app.policy.determination import Tables
from app.policy.dry_run import dry_run
from app.policy.examples import examples, with_facts
from app.policy.loader import load
from app.policy.made import made
from app.policy.pack import Pack
from app.policy.pack_file import CONDITIONED
from app.policy.simulation import simulate
from app.stack import Stack
from tests.bench.figures import Figure, middle, percentile

ROUNDS, LOADS, PAST = 40, 9, 10_000
FRESH = "import time, app.policy.loader as l; t = time.perf_counter(); l.load('fengtai-2026.1'); print(time.perf_counter() - t)"
"""Loading in a process that has loaded nothing: imports are not counted, parsing, CEL and every check of the loader are."""


async def measure(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """The allowed: 5 ms a case, 200 ms a pack, 60 s for ten thousand cases; three times the bare evaluations."""
    pack = load("fengtai-2026.1")
    say("simulating")
    cases = list(examples().values()) * ROUNDS
    answered = [_timed(partial(simulate, case, pack)) for case in cases]
    bare = [_timed(bare) for bare in [_bare(pack, facts_of_file(with_facts(case))) for case in cases]]
    half = percentile(answered, 0.5)
    say("loading")
    loads = [await asyncio.to_thread(_fresh) for _ in range(LOADS)]
    say(f"trying {PAST} past cases")
    other = Pack(
        "other", pack.file.model_copy(update={"left_behind_max_age": 14})
    )  # so that every child is looked at twice
    past = [(f"case-{n}", made(n)) for n in range(PAST)]
    tried = _timed(lambda: list(dry_run(pack, other, past)))
    evaluated = 2 * sum(_timed(_bare(pack, facts)) for _, facts in past)
    return [
        Figure("simulate_p50", "ms", 1000 * half, most=5),
        Figure("simulate_against_cel", "ms", 1000 * half, 1000 * percentile(bare, 0.5)),
        Figure("load_and_validate", "ms", 1000 * middle(loads), most=200),
        Figure("dry_run_10000", "s", tried, most=60),
        Figure("dry_run_against_cel", "s", tried, evaluated, most=3),
    ]


def _fresh() -> float:
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _timed(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _bare(pack: Pack, facts: ReportFacts) -> Callable[[], None]:
    """Each condition once, of the report and of each child, compiled; the facts are handed to CEL, and nothing else is done."""
    triage = pack.triage(facts)
    asked = [compiled(row.when) for table in CONDITIONED for row in getattr(pack.file, table)]
    known = [(asked, view(facts, pack.file.left_behind_max_age))]
    known += [(_of_children(pack), _completed(facts, child, triage, pack)) for child in facts.children]
    return lambda: _evaluate(known)


def _of_children(pack: Pack) -> list[Any]:
    tables = [getattr(pack.file, name) for name in Tables.model_fields]
    rows = [row for table in tables if isinstance(table, tuple) for row in table if hasattr(row, "when")]
    return [compiled(row.when) for row in rows]


def _completed(facts: ReportFacts, child: ChildFacts, triage: Triage, pack: Pack) -> dict[str, Any]:
    """One of the ways in which the unknown may turn out."""
    seen, possible = child_view(facts, child, triage, pack.file.left_behind_max_age), vocabulary()
    return {name: possible[name][0] if seen.get(name) is None else seen[name] for name in possible}


def _evaluate(known: Sequence[tuple[Sequence[Any], dict[str, Any]]]) -> None:
    for conditions, facts in known:
        context = cel.Context(variables=facts)
        for condition in conditions:
            condition.execute(context)
