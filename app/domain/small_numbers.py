"""Counts by which nobody can be told: what is small is left out, and what would give it away."""

from collections.abc import Iterable, Mapping


def suppressed(table: Mapping[str, Mapping[str, int]], smallest: int) -> dict[str, dict[str, int | None]]:
    """Counts that nobody can be told by: a number below `smallest` is left out, nought is not.

    Where one number alone is left out of a row or of a column, the sum would give it away, so the next smallest goes as
    well, until no line has just one.
    """
    shown: dict[str, dict[str, int | None]] = {
        row: {column: None if 0 < count < smallest else count for column, count in counts.items()}
        for row, counts in table.items()
    }
    rows = list(table)
    columns = list(dict.fromkeys(column for counts in table.values() for column in counts))
    lines = [[(row, column) for column in columns] for row in rows]
    lines += [[(row, column) for row in rows] for column in columns]
    while rest := next(filter(None, (_beside_one_alone(line, table, shown) for line in lines)), None):
        _, row, column = min(rest, key=lambda one: (one[0] == 0, one))
        shown[row][column] = None
    return shown


def each_alone(
    table: Mapping[str, Mapping[str, int]], columns: Iterable[str], smallest: int
) -> dict[str, dict[str, int | None]]:
    """The same of columns of which none is a part or the sum of another."""
    found: dict[str, dict[str, int | None]] = {row: {} for row in table}
    for column in columns:
        for row, line in suppressed({row: {column: counts[column]} for row, counts in table.items()}, smallest).items():
            found[row] |= line
    return found


KEPT_COUNTS = ("accept_due", "finish_due", "rungs")
"""Of the deadlines and silences of one agency in one street."""
TOGETHER = "合计"
"""In the place of an agency: all of a street."""


def shown_of_agencies(
    counts: Mapping[tuple[str, str], Mapping[str, int]], smallest: int, streets: Iterable[str] = ()
) -> dict[tuple[str, str], dict[str, int | None]]:
    """The same of each agency in each street. Where nothing of a line can be shown the line itself is not there: that a court had
    something to do in a street tells of one child. Of `streets`, where given, the sums are told too, by which one agency could be known."""
    told = dict.fromkeys(streets)
    busy, agencies = (dict.fromkeys(key[n] for key in counts) for n in (0, 1))
    shown: dict[str, dict[str, dict[str, int | None]]] = {}
    for name in KEPT_COUNTS:
        table = {street: {one: counts.get((street, one), {}).get(name, 0) for one in agencies} for street in busy}
        if told:
            table = {street: {**line, TOGETHER: sum(line.values())} for street, line in table.items()}
        shown[name] = suppressed(table, smallest)
    lines = {(street, one): {name: shown[name][street][one] for name in KEPT_COUNTS} for street, one in counts}
    sums = {name: _sums(told, shown[name]) for name in KEPT_COUNTS}
    of_streets = {(street, TOGETHER): {name: sums[name][street] for name in KEPT_COUNTS} for street in told}
    return {key: line for key, line in lines.items() if any(line.values())} | of_streets


def _sums(streets: Iterable[str], shown: Mapping[str, Mapping[str, int | None]]) -> dict[str, int | None]:
    """Of each street, nought of those where nobody had anything to do; one that is left out is never alone."""
    sums = {street: shown[street][TOGETHER] if street in shown else 0 for street in streets}
    silent = [street for street in sums if street not in shown]
    if silent and [*sums.values()].count(None) == 1:
        sums[silent[0]] = None
    return sums


def _beside_one_alone(
    line: Iterable[tuple[str, str]],
    table: Mapping[str, Mapping[str, int]],
    shown: Mapping[str, Mapping[str, int | None]],
) -> list[tuple[int, str, str]]:
    """Where one number of a line is left out alone: the others, of which one has to go too."""
    cells = [(table[row][column], row, column) for row, column in line]
    left_out = [cell for cell in cells if shown[cell[1]][cell[2]] is None]
    return [cell for cell in cells if cell not in left_out] if len(left_out) == 1 else []
