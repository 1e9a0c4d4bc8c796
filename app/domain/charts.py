"""The charts of the statistics: what each is called, and which of its numbers are of so few children that they are left out."""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.small_numbers import suppressed
from app.domain.terms import Term

Cell = str | int | float | None


class Chart(Term):
    """One chart with its table."""

    MONTHS = "months", "每月报告", "reports by month"
    ON_TIME = "on_time", "各单位按时率", "on time, by agency"
    CATEGORIES = "categories", "困境类别", "children by category"
    GRADES = "grades", "风险等级", "children by grade"
    TO_SAFETY = "to_safety", "到核实安全的时间", "hours until a child was found safe"
    RUNGS = "rungs", "催督到哪一级", "rungs reached by silences"
    STREETS = "streets", "各街道乡镇", "by street"
    KEPT = "kept", "各街道乡镇各单位", "by street and agency"


class Row(NamedTuple):
    """A line of a table: its name in two languages and its numbers; None where there is none, or where it is not shown."""

    words: tuple[str, str]
    cells: tuple[Cell, ...]


class ChartTable(NamedTuple):
    """A chart as a table; the first column names the lines."""

    chart: Chart
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


def shown(counts: Mapping[str, int], smallest: int) -> Mapping[str, int | None]:
    """Counts of children without small ones; one row, so two are left out where one would be found from the sum."""
    return suppressed({"": counts}, smallest)[""] if counts else {}
