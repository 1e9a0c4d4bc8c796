"""What a reporter may say, and what is refused: unknown is always an answer, a misspelt fact never is."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from app.domain.facts import ChildFacts, FactsSeen, GuardianFacts, GuardianSeen, Known, ReportFacts
from app.domain.terms import Trigger


def test_nothing_need_be_known():
    facts = ReportFacts()
    child, guardian = ChildFacts(child_id="ch-1"), GuardianFacts()
    assert facts.situations == ()
    assert facts.local_hour is None
    assert child.age_years is None
    assert {child.injured, child.identity_known, guardian.able, facts.household.low_income} == {Known.UNKNOWN}


@pytest.mark.parametrize(
    "said",
    [
        {"children": [{"child_id": "ch-1", "injurd": "yes"}]},
        {"children": [{"child_id": "ch-1", "injured": "perhaps"}]},
        {"children": [{"child_id": "ch-1", "age_years": 18}]},
        {"children": [{"child_id": "ch-1"}, {"child_id": "ch-1"}]},
        {"children": [{"child_id": ""}]},
        {"nine_situations": [10]},
        {"situations": ["lost"]},
        {"division": "310101"},
        {"reported_at": "2026-03-12T21:40:00"},
        {"narrative": "words drive no rule"},
    ],
)
def test_a_fact_that_is_none_is_refused(said):
    with pytest.raises(ValidationError):
        ReportFacts.model_validate(said)


def test_what_is_ticked_twice_is_ticked_once():
    facts = ReportFacts(situations=(Trigger.MISSING, Trigger.MISSING), nine_situations=(7, 7))
    assert facts.situations == (Trigger.MISSING,)
    assert facts.nine_situations == (7,)


def test_the_hour_is_that_of_beijing():
    assert ReportFacts().at(datetime(2026, 3, 12, 23, 30, tzinfo=UTC)).local_hour == 7


def test_facts_survive_the_wire():
    facts = ReportFacts(children=(ChildFacts(child_id="ch-1", injured=Known.YES),)).at(datetime(2026, 1, 1, tzinfo=UTC))
    assert ReportFacts.model_validate_json(facts.model_dump_json()) == facts


@pytest.mark.parametrize(
    ("family", "after"),
    [
        (["mother"], [("mother", "unknown"), ("father", "dead")]),
        (["father", "mother"], [("father", "dead"), ("mother", "unknown")]),
        (["father", "father"], [("father", "unknown"), ("father", "unknown")]),
    ],
)
def test_what_is_seen_of_a_father_is_said_of_the_only_one_and_of_two_of_neither(family, after):
    report = ReportFacts.model_validate({"guardians": [{"relation": one} for one in family]})
    seen = FactsSeen.model_validate({"family": {"father": {"whereabouts": "dead"}}})
    known = report.with_seen("ch-1", seen)
    assert [(one.relation, one.whereabouts) for one in known.guardians] == after
    assert report.unclear(seen) == (("father",) if family.count("father") > 1 else ())
    whole = seen.model_copy(update={"guardians": (GuardianSeen(relation="father"),)})
    assert report.unclear(whole) == (), "a family that is given anew stands for the one before"


def test_a_later_report_adds_what_it_says_and_leaves_what_it_does_not():
    first = ReportFacts.model_validate({
        "situations": ["living_alone"], "household": {"low_income": "yes"},
        "children": [{"child_id": "ch-1", "disabled": "yes", "found": "yes", "age_years": 9}, {"child_id": "ch-2"}],
        "guardians": [{"relation": "father", "whereabouts": "home", "able": "no"}, {"relation": "grandparent"}, {"relation": "grandparent"}],
    })  # fmt: skip
    later = ReportFacts.model_validate({
        "situations": ["missing", "living_alone"], "organised_exploitation": "no", "household": {"rural": "yes"},
        "children": [{"child_id": "ch-1", "attending": "no", "age_years": 10}],
        "guardians": [
            {"relation": "father", "whereabouts": "detained"}, {"relation": "mother", "whereabouts": "missing"}, {"relation": "grandparent"},
        ],
    })  # fmt: skip
    known = first.with_later("ch-1", later)
    child, sibling = known.children
    assert (child.disabled, child.attending, child.age_years, child.found) == ("yes", "no", 10, "unknown")
    assert sibling == first.children[1]
    assert [(one.relation, one.whereabouts, one.able) for one in known.guardians] == [
        ("father", "detained", "no"), ("grandparent", "unknown", "unknown"), ("grandparent", "unknown", "unknown"),
        ("mother", "missing", "unknown"),
    ]  # fmt: skip
    assert (known.household.low_income, known.household.rural) == ("yes", "yes")
    assert (known.situations, known.organised_exploitation) == (("living_alone", "missing"), "no")
    assert first.with_later("ch-1", ReportFacts(children=(ChildFacts(child_id="ch-1"),))) == first
