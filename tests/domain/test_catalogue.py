"""The catalogue of services: by age, in months where the birth date is known, and by the facts; nothing is guessed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.catalogue import Born, Served, due_of
from app.domain.facts import ChildFacts, GuardianFacts, HouseholdFacts, Known, ReportFacts
from app.policy.check import check
from app.policy.checklist import checklist
from app.policy.loader import HERE, load, texts

PACK = load("fengtai-2026.1")
TODAY = date(2026, 3, 12)


def services(child, **facts):
    report = ReportFacts(children=(ChildFacts(child_id="c", **child),), **facts)
    return checklist(PACK.file, report)["c"]


def due(born, given=(), child=(), **facts):
    found = due_of(services(dict(child), **facts), born, dict(given), TODAY)
    return {one.service: one for one in found}


def on(day):
    return Born.of(date.fromisoformat(day), None, TODAY)


@pytest.mark.requirement("R024")
@pytest.mark.parametrize(
    ("born", "services"),
    [
        ("2026-03-01", {"h-newborn": 0, "h-vaccination": 0}),
        ("2025-09-12", {"h-vaccination": 6, "h-infant": 6}),
        ("2025-09-13", {"h-vaccination": 5, "h-infant": 3}),
        ("2022-03-12", {"h-vaccination": 48, "h-preschool": 48}),
        ("2014-06-01", {"h-pupil": 132}),
        ("2008-03-12", {}),
    ],
)
def test_public_health_services_are_due_by_the_month_of_age(born, services):
    found = due(on(born))
    shown = {name: one.at_months for name, one in found.items() if one.agency == "HEALTH"}
    assert shown == services
    assert all(one.due is Known.YES and "R024" in one.basis for one in found.values() if one.agency == "HEALTH")


def test_what_was_given_is_due_no_more_until_the_next_age():
    born = on("2025-09-12")
    assert due(born, {"h-infant": [date(2026, 3, 12)]})["h-infant"].due is Known.NO
    assert due(born, {"h-infant": [date(2026, 3, 11)]})["h-infant"].due is Known.YES, "that was for the third month"
    shown = due(born, {"h-infant": [date(2026, 3, 12)]})["h-infant"]
    assert (shown.given, shown.next_months) == ((date(2026, 3, 12),), 8)


@pytest.mark.requirement("R118")
def test_mass_organisations_serve_by_the_facts_and_what_is_not_known_stays_open():
    poor = {"household": HouseholdFacts(on_minimum_living="yes")}
    girl = due(on("2016-01-01"), child={"sex": "female"}.items(), **poor)
    assert {girl[name].due for name in ("w-family", "w-girl", "y-company")} == {Known.YES}
    assert "R118" in girl["w-girl"].basis
    assert "w-girl" not in due(on("2016-01-01"), child={"sex": "male"}.items(), **poor)
    unknown = due(on("2016-01-01"), **poor)["w-girl"]
    assert (unknown.due, unknown.missing) == (Known.UNKNOWN, ("sex",))
    away = [GuardianFacts(relation=name, whereabouts="away_for_work") for name in ("father", "mother")]
    behind = due(on("2016-01-01"), child={"age_years": 10, "disabled": "yes"}.items(), guardians=tuple(away))
    assert {behind[name].agency.value for name in ("u-workers", "d-rehabilitation")} == {"UNION", "DPF"}
    assert behind["d-rehabilitation"].due is Known.YES


def test_an_age_in_years_alone_decides_what_every_child_of_that_age_would_get():
    six = Born.of(None, 6, TODAY)
    assert due(six)["h-preschool"].due is Known.YES
    assert "h-newborn" not in due(six)
    five_or_seven = Born.of(None, 2, TODAY)
    open_one = due(five_or_seven)["h-infant"]
    assert open_one.due is Known.YES
    assert due(None)["h-pupil"].missing == ("age",)


ROW = {"service": "s", "agency": "HEALTH", "zh": "", "en": "", "basis": (), "fits": "yes"}


@given(st.integers(0, 6500), st.integers(0, 400), st.integers(0, 215), st.integers(0, 215))
def test_whoever_may_be_older_or_younger_gets_nothing_that_one_of_them_would_not(born, apart, start, end):
    start, end = sorted((start, end))
    first = date.fromordinal(TODAY.toordinal() - born - apart)
    last = date.fromordinal(TODAY.toordinal() - born)
    one = Served(**ROW, from_months=start, until_months=end)

    def answer(a, b):
        found = due_of([one], Born(first=a, last=b), {}, TODAY)
        return found[0].due if found else Known.NO

    both = answer(first, last)
    each = {answer(first, first), answer(last, last)}
    if both is not Known.UNKNOWN:
        assert each == {both}
    else:
        assert Known.UNKNOWN not in each


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("from_months: 36, until_months: 83", "from_months: 84, until_months: 83", "no child is ever of this age"),
        ("at_months: [36, 48, 60, 72]", "at_months: [36, 48, 60, 99]", "an age lies outside"),
        ("at_months: [1, 3, 6, 8, 12, 18, 24, 30]", "at_months: [3, 1]", "do not follow each other"),
        ('when: "harmed"', 'when: "haarmed"', "nothing is called haarmed"),
        ("basis: [R118, R058]", "basis: [L60]", "none that is law"),
    ],
)
def test_a_service_that_can_never_be_due_is_refused_with_its_place(before, after, said):
    files = texts(HERE / "fengtai-2026.1")
    assert before in files["catalogue.yaml"]
    faults = check({**files, "catalogue.yaml": files["catalogue.yaml"].replace(before, after, 1)})
    assert any(said in fault.reason and fault.file == "catalogue.yaml" for fault in faults), faults
