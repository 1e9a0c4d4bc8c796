"""A condition is said in words, a case explains itself, and other rules are tried on past cases."""

import re

import pytest

from app.domain.case import file_report
from app.domain.commands import FileReport
from app.domain.procedure import is_step
from app.policy import loader
from app.policy.basis import NOT_LAW
from app.policy.calendars import seed
from app.policy.conditions import BOUND, compiled, view
from app.policy.dry_run import dry_run
from app.policy.examples import examples, facts_of
from app.policy.explanation import TABLES, explain, readings
from app.policy.loader import load, parse, texts
from app.policy.pack import Pack
from app.policy.pack_file import CONDITIONED
from app.policy.words import NAMES, in_words
from tests.actors import REPORTER

PACK = load("fengtai-2026.1")
CALENDAR = seed().calendar()


def rows():
    return [row for table in CONDITIONED for row in getattr(PACK.file, table)]


def filed(case_id):
    facts = facts_of(case_id)
    command = FileReport(by=REPORTER, facts=facts, unit="unit-1")
    return file_report("case-1", command, PACK.with_calendar(CALENDAR), facts.reported_at)


def notes(value):
    """What rows of a pack say of how they read the notice."""
    if isinstance(value, dict):
        yield from [value["interpretation"]] if value.get("interpretation") else []
        value = list(value.values())
    for one in value if isinstance(value, list | tuple) else ():
        yield from notes(one)


def test_how_a_row_reads_the_notice_is_said_in_chinese():
    assert set(notes(PACK.file.model_dump(mode="json"))) == readings().keys()
    assert not [said for said in readings().values() if re.search("[A-Za-z]", said)]


def test_a_condition_is_said_in_two_languages():
    said = in_words(
        "'A' in branches && !(kind in ['missing_child', 'rescue']) || guardians.exists(g, g.whereabouts == 'dead')"
    )
    assert said.zh == "处置分支含单独居住且非（报告类型属于〔失踪报案、解救〕）或任一监护人（去向为死亡）"
    assert said.en == (
        "the branches include living alone and not (the kind of report is one of [missing child, rescued child])"
        " or some guardian (whereabouts is dead)"
    )
    assert in_words("true").zh == "所有报告"


def test_everything_that_a_condition_may_ask_has_words():
    assert set(view(facts_of("CN-01"), 16)) == set(NAMES)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_no_condition_keeps_a_word_of_the_machine(row):
    names = {name for name in compiled(row.when).variables() if name != "urgent"} | set(BOUND.findall(row.when))
    said = in_words(row.when)
    assert not re.search(r"[a-z_]{2,}|&&|\|\||==|!=", said.zh)
    assert not re.search(r"_|&&|\|\||==|!=", said.en)
    assert not [name for name in names if "_" in name and name in said.en]


@pytest.mark.requirement("R139")
@pytest.mark.parametrize("case_id", sorted(examples()))
def test_every_decision_of_a_case_has_its_row_its_condition_and_the_text_it_rests_on(case_id):
    events = filed(case_id)
    explained = explain({PACK.version: PACK.file}, events)
    decided = [one for one in explained if one.condition is not None]
    assert {one.row for one in decided} == {
        *events[0].rows,
        *(duty.code for duty in events[0].duties if not is_step(duty.code)),
    }
    assert {one.table for one in explained} <= {*TABLES, "procedures"}
    for one in explained:
        assert one.basis
        for source in (*one.basis, *one.due_basis):
            assert source.clause
            assert source.text
            assert source.status not in NOT_LAW
    opened = [event for event in events if event.kind in ("referral_opened", "duty_opened")]
    assert len([one for one in explained if one.due_at]) == len(opened) > 0


def test_a_dry_run_names_the_cases_that_would_have_gone_otherwise_and_how():
    written = texts(loader.HERE / "fengtai-2026.1")
    written["triage.yaml"] = written["triage.yaml"].replace("urgency: tonight", "urgency: immediate")
    written["routes.yaml"] = written["routes.yaml"].replace("{id: s-women, step: 3", "{id: s-women, step: 4")
    other = Pack("other", parse(written))
    cases = [(case_id, facts_of(case_id)) for case_id in examples()]
    found = list(dry_run(PACK, other, cases))
    hours = {case_id: facts.local_hour for case_id, facts in cases}
    at_night = [one.case_id for one in found if one.what == "urgency"]
    assert at_night == [case_id for case_id in examples() if PACK.triage(facts_of(case_id)).urgency == "tonight"]
    assert all(hours[case_id] >= 18 or hours[case_id] < 6 for case_id in at_night)
    assert {one.what for one in found if one.case_id == "CN-05"} <= {"urgency", "route s-women"}
    assert list(dry_run(PACK, PACK, cases)) == []


def test_other_rules_are_tried_on_the_children_of_past_cases_as_well():
    written = texts(loader.HERE / "fengtai-2026.1")
    written["categories.yaml"] = written["categories.yaml"].replace(
        'when: "on_minimum_living || low_income', 'when: "low_income'
    )
    written["placement.yaml"] = written["placement.yaml"].replace(
        "- {id: p-home-support, code: P_HOME_WITH_SUPPORT", "- {id: p-home-support, code: P_TO_BE_ASSESSED"
    )
    other = Pack("other", parse(written))
    facts = facts_of("CN-07")
    child = facts.children[0].child_id
    found = {one.what: (one.before, one.after) for one in dry_run(PACK, other, [("case-1", facts)])}
    assert found[f"{child} category D1"] == ("confirmed", None)
    assert found[f"{child} multi_difficulty"] == (True, False)
