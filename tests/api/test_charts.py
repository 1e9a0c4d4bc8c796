"""The charts as a workbook: the numbers of the page, without those by which a child could be told, marked with who took them along."""

from io import BytesIO
from zipfile import ZipFile

import pytest

from app.api.charts import HOURS, kept_table, streets_table
from app.api.statistics import Card, KeptBy
from app.domain.charts import Chart, shown
from app.domain.determination import Category
from app.workbook import MEDIA_TYPE
from app.workbook import rows as rows_of_sheet

SUPERVISOR = "civil.supervisor.1"


@pytest.fixture(scope="module")
async def reports(api):
    """Few of one street, more of another."""
    for division, number in (("110106101", 2), ("110106017", 6)):
        for _ in range(number):
            await api.report(children=[{"residence_division": division}])


def rows(whole, sheet):
    return [*rows_of_sheet(whole, sheet)[1]]


async def book(api, query="", who=SUPERVISOR):
    answer = await api.get(who, f"/v1/statistics/workbook{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    return answer.content


async def test_each_chart_is_a_sheet_with_the_numbers_of_the_api(api, reports):
    whole = await book(api)
    months = (await api.get(SUPERVISOR, "/v1/statistics/volumes")).json()
    assert [row[1] for row in rows(whole, Chart.MONTHS.zh)[1:]] == [one["reports"] for one in months]
    counts = (await api.get(SUPERVISOR, "/v1/statistics/outcomes")).json()["categories"]
    found = dict(rows(whole, Chart.CATEGORIES.zh)[1:])
    assert found == {Category(code).zh: "—" if n is None else n for code, n in shown(counts, 5).items()}
    for chart in Chart:
        assert rows(await book(api, f"?chart={chart}"), chart.zh) == rows(whole, chart.zh)


async def test_a_street_with_few_reports_shows_none_of_them(api, reports):
    cards = {row[0]: row for row in rows(await book(api), Chart.STREETS.zh)}
    assert cards["王佐镇"][1:5:3] == ["—", "—"] or cards["王佐镇"][1] >= 5
    assert cards["卢沟桥街道"][1] == "—" or cards["卢沟桥街道"][1] >= 5


def test_of_an_agency_in_a_street_nothing_of_few_is_shown():
    """Also where the street has many reports, or none at all this month while an earlier case goes on."""

    def of(agency, due, met):
        return KeptBy(agency=agency, accept_due=due, accept_on_time=met, finish_due=0, finish_on_time=0, rungs={})

    many = [of("POLICE", 9, 8), of("EDU", 7, 7), of("COURT", 1, 0), of("WF", 2, 2)]
    busy = Card(division="110106017", reports=12, accept_due=19, accept_on_time=17, rungs={}, agencies=many)
    silent = Card(
        division="110106101", accept_due=3, accept_on_time=1, rungs={}, agencies=[of("COURT", 1, 1), of("WF", 2, 0)]
    )
    other = Card(division="110106102", reports=6, accept_due=8, accept_on_time=8, rungs={})
    cards = [busy, silent, other]
    streets = streets_table(cards, 5)
    assert [row.cells[9:11] for row in streets.rows] == [(17, 19), (None, None), (None, None)], "nor by the sum of all"
    shown = {row.words[0]: row.cells for row in kept_table(cards, streets, 5).rows}
    assert shown == {
        "卢沟桥街道 · 区公安分局": (8, 9, 0, 0, 0), "卢沟桥街道 · 区教委": (7, 7, 0, 0, 0),
    }  # fmt: skip


def test_visits_of_few_are_not_told_beside_reports_that_are_hidden():
    """One visit, one missed, an hour until the one child was found safe: each is that child's."""
    counts = [(2, 1, 1, 2, 1), (6, 3, 0, 0, 1), (9, 40, 7, 8, 9), (8, 12, 6, 5, 5)]
    divisions = ("110106101", "110106102", "110106017", "110106018")
    cards = [
        Card(division=division, reports=n, visits=visits, visits_missed=missed, visits_overdue=overdue, found_safe=safe,
             hours_to_safety=3.0, rungs={})
        for division, (n, visits, missed, overdue, safe) in zip(divisions, counts, strict=True)
    ]  # fmt: skip
    shown = [(row.cells[0], row.cells[HOURS], *row.cells[4:7]) for row in streets_table(cards, 5).rows]
    assert shown == [
        (None, None, None, None, None), (None, None, None, 0, 0), (9, 3.0, 40, 7, 8), (8, 3.0, 12, None, None),
    ]  # fmt: skip


def test_one_small_number_takes_a_second_with_it():
    assert shown({"D1": 12, "D2": 3, "D3": 9, "D4": 0}, 5) == {"D1": 12, "D2": None, "D3": None, "D4": 0}
    assert shown({}, 5) == {}


async def test_it_says_who_took_it_along_and_only_those_who_see_the_figures_have_it(api, reports):
    with ZipFile(BytesIO(await book(api))) as parts:
        headers = [parts.read(name).decode() for name in parts.namelist() if "worksheets/sheet" in name]
    assert len(headers) == len(Chart) + 1
    assert all(SUPERVISOR in one for one in headers)
    assert (await api.get("police.officer.1", "/v1/statistics/workbook")).status_code == 403
    assert (await api.get(SUPERVISOR, "/v1/statistics/workbook?month=x")).status_code == 422
