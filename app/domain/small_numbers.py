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


KEPT_COUNTS = ("accept_due", "finish_due", "rungs")
"""Of the deadlines and silences of one agency in one street."""


def shown_of_agencies(
    counts: Mapping[tuple[str, str], Mapping[str, int]], smallest: int
) -> dict[tuple[str, str], dict[str, int | None]]:
    """The same of each agency in each street. Where nothing of a line can be shown the line itself is not there: that a court had
    something to do in a street tells of one child."""
    streets, agencies = ([*dict.fromkeys(key[n] for key in counts)] for n in (0, 1))
    shown = {
        name: suppressed(
            {street: {one: counts.get((street, one), {}).get(name, 0) for one in agencies} for street in streets},
            smallest,
        )
        for name in KEPT_COUNTS
    }
    lines = {(street, one): {name: shown[name][street][one] for name in KEPT_COUNTS} for street, one in counts}
    return {key: line for key, line in lines.items() if any(line.values())}


def _beside_one_alone(
    line: Iterable[tuple[str, str]],
    table: Mapping[str, Mapping[str, int]],
    shown: Mapping[str, Mapping[str, int | None]],
) -> list[tuple[int, str, str]]:
    """Where one number of a line is left out alone: the others, of which one has to go too."""
    cells = [(table[row][column], row, column) for row, column in line]
    left_out = [cell for cell in cells if shown[cell[1]][cell[2]] is None]
    return [cell for cell in cells if cell not in left_out] if len(left_out) == 1 else []
