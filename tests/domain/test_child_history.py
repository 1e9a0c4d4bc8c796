"""How a child's grade, categories, benefits and placement have changed: each with its days, and of a brother nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.domain import benefit_commands as bc
from app.domain import commands as c
from app.domain.benefits import Verdict
from app.domain.child_history import KINDS, Happening, turns
from app.domain.child_record import CaseSeen, ChildRecord
from app.domain.child_terms import FileField, Section
from app.domain.facts import ChildSeen, FactsSeen, Known, ReportFacts
from app.domain.terms import Grade
from app.domain.watch import watch_id
from app.policy.loader import load
from tests.actors import at_desk
from tests.domain.test_benefit_work import DB, DIFF, LIVING, NURSING, Family
from tests.domain.test_guardian_procedures import TAKEN
from tests.domain.test_procedures import ALONE, Run
from tests.domain.test_visit import Watched

PACK = load("fengtai-2026.1")


def told_of(child, case, visited=None, **more):
    """The history of this child of a case, and of its watch."""
    seen = CaseSeen.model_validate_json(case.progress.model_dump_json())
    record = ChildRecord(
        child_id=child, division="110106007", reported_at=case.now, case_id=seen.case_id, reported={}, cases=((1, seen),), **more
    )  # fmt: skip
    streams = ((seen.case_id, case.events), (watch_id(child), visited.events if visited else []))
    told = [
        Happening(stream_id=stream, version=n, event=event)
        for stream, events in streams for n, event in enumerate(events, 1) if event.kind in KINDS
    ]  # fmt: skip
    told.sort(key=lambda one: one.event.at)
    return turns(record, told, lambda at, resolved: None, PACK)


def of(section, found):
    return [(turn.zh, str(turn.since or ""), str(turn.until or "")) for turn in found if turn.section is section]


def test_a_benefit_stands_with_the_days_on_which_it_was_changed_stopped_and_replaced():
    family = Family()
    first = family.now.date()
    family.do(family.verdict(Verdict.GRANT, DB, yuan=Decimal(1400)))
    family.do(family.choice(DIFF, DIFF, LIVING, NURSING))
    family.now += timedelta(days=30)
    family.do(family.verdict(Verdict.CHANGE, DB, yuan=Decimal(1500)))
    family.do(family.hears(DB))
    family.now += timedelta(days=30)
    family.do(family.verdict(Verdict.STOP, DB, note="不再符合条件"))
    second, third = (str(first + timedelta(days=days)) for days in (30, 60))
    assert of(Section.BENEFITS, told_of(family.child, family)) == [
        (f"{DB.zh}：批准，1400 元", str(first), second), (f"{DIFF.zh}：择高选择，1900 元", str(first), ""),
        (f"{DB.zh}：调整，1500 元", second, third), (f"{DB.zh}：终止", third, ""),
    ]  # fmt: skip
    case = Run(ALONE)
    case.do(bc.DecideBenefit(by=at_desk("CIVIL"), child_id="ch-1", verdict="grant", benefit=DB, yuan=Decimal(1400)))
    assert [len(of(Section.BENEFITS, told_of(child, case))) for child in ("ch-1", "ch-2")] == [1, 0]


def test_a_placement_stands_from_when_it_was_made_until_the_child_is_home():
    case = Run(ALONE)
    police = {"by": at_desk("POLICE"), "child_id": "ch-1"}
    case.do(c.ConfirmSafety(**police, safety="placed"))
    placed = str(case.now.date())
    case.start("temporary_guardianship", "CIVIL")
    case.now += timedelta(days=3)
    taken, home = str(case.now.date() - timedelta(days=1)), str(case.now.date())
    case.end("temporary_guardianship.take_over", "taken_over", **TAKEN | {"done_on": taken})
    case.end("temporary_guardianship.review", "returned", returned_on=home)
    assert of(Section.PLACEMENT, told_of("ch-1", case)) == [
        ("已临时安置", placed, taken), ("已接收", taken, home), ("经评估送回家庭", "", ""),
    ]  # fmt: skip
    assert [zh for zh, _, _ in of(Section.PLACEMENT, told_of("ch-2", case))] == ["已接收", "经评估送回家庭"]
    hidden = told_of("ch-1", case, kept_back=(FileField.RESIDENCE,))
    assert [zh for zh, _, _ in of(Section.PLACEMENT, hidden)] == ["已临时安置"]


def test_of_the_grade_stands_what_began_with_it_and_what_changed_it_and_of_categories_what_each_visit_found():
    visited = Watched(Grade.LOW)
    visited.visit(categories=("LB",), guardian_met=True)
    visited.visit()
    visited.now += timedelta(days=1)
    visited.begin("case-2", grade=Grade.HIGH)
    found = told_of("ch-1", Run(ALONE), visited)
    assert [(turn.value, turn.kind) for turn in found if turn.section is Section.GRADE] == [
        ("low", "watch_began"), ("high", "watch_began"),
    ]  # fmt: skip
    assert [(turn.value, turn.zh) for turn in found if turn.section is Section.CATEGORIES] == [(["LB"], "留守儿童")]


def test_categories_are_asked_of_what_was_known_on_their_day():
    report = ReportFacts.model_validate({"children": [{"child_id": "ch-1"}]})
    again = ReportFacts.model_validate({"children": [{"child_id": "ch-1", "disabled": "yes"}]})
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3, 4, 5)]
    detained = ({"relation": "father", "whereabouts": "detained"},)
    poor = ChildSeen(child_id="ch-1", household={"low_income": "yes"}, guardians=detained)
    record = ChildRecord(
        child_id="ch-1", division="110106007", reported_at=days[0], case_id="case-1", reported={}, facts=report,
        later=((days[1], poor), (days[2], again), (days[3], None)),
    )  # fmt: skip
    known = [record.facts_at(day, [days[3]]) for day in days]
    assert [one.household.low_income for one in known] == ["unknown", "yes", "yes", "yes"]
    assert [one.children[0].disabled for one in known] == ["unknown", "unknown", "yes", "yes"]
    assert [one.guardians[0].sentenced for one in known[1:]] == ["unknown", "unknown", "yes"]
    assert record.facts_with() == known[-1]
    richer = FactsSeen(household={"low_income": "no"})
    for at, low in ((days[0], "yes"), (days[3], "no")):
        assert record.facts_with((at, richer)).household.low_income == low, "what was seen later stands"
    assert record.facts_at(days[3], []).guardians[0].sentenced is Known.UNKNOWN
