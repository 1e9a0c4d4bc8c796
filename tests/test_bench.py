"""The benchmarks' own arithmetic: ratios, aims and comparisons say what they are read as."""

from io import StringIO

import pytest
from rich.console import Console

from tests.bench.figures import Figure, compare, middle, percentile, read, save, show


def shown(print_on):
    console = Console(file=StringIO(), width=120)
    print_on(console)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("at_least", "x", 50, 100, least=0.5), True),
        (Figure("too_little", "x", 49.9, 100, least=0.5), False),
        (Figure("at_most", "ms", 150, 100, most=1.5), True),
        (Figure("too_much", "ms", 151, 100, most=1.5), False),
        (Figure("plain", "events", 25, most=25), True),
        (Figure("plain_too_much", "events", 26, most=25), False),
        (Figure("no_aim", "MiB", 3, 2), None),
    ],
)
def test_an_aim_is_for_the_ratio_and_for_ours_where_there_is_no_reference(figure, met):
    assert figure.met is met


def test_a_line_is_as_programs_read_it():
    assert Figure("a", "x", 30, 60).line() == "figure=a ours=30 reference=60 ratio=0.500"
    assert Figure("b", "x", 7).line() == "figure=b ours=7 reference=- ratio=-"


def test_runs_are_judged_by_their_middle_and_tails_by_what_few_exceed():
    assert middle([9, 1, 2]) == 2
    spans = list(range(100, 0, -1))
    assert (percentile(spans, 0.5), percentile(spans, 0.95), percentile(spans, 1)) == (51, 96, 100)


def test_the_table_says_what_was_missed():
    table = shown(lambda console: show([Figure("slow", "x", 1, 10, least=0.5), Figure("fast", "x", 9, 10, least=0.5)], console))  # fmt: skip
    verdict = {line.split()[0]: line.split()[-1] for line in table.splitlines()[1:]}
    assert verdict == {"slow": "missed", "fast": "met"}


def test_two_files_are_compared_by_ratio_where_there_is_one(tmp_path):
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    save([Figure("rate", "x/s", 50, 100, least=0.5), Figure("memory", "MiB", 200), Figure("gone", "ms", 1)], before)
    save([Figure("rate", "x/s", 30, 40, least=0.5), Figure("memory", "MiB", 150), Figure("new", "ms", 2)], after)
    assert read(before)["rate"] == Figure("rate", "x/s", 50, 100, least=0.5)
    table = shown(lambda console: compare(before, after, console))
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:]}
    assert rows == {
        "rate": ["0.5", "0.75", "ratio", "+50%"],
        "memory": ["200", "150", "MiB", "-25%"],
        "gone": ["1", "-", "ms"],
        "new": ["-", "2", "ms"],
    }
