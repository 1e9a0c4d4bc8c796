"""A case is simulated and rehearsed by command: the whole course with its days, before a rule touches a child."""

import json
import re
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.domain.clock import Clock
from app.domain.facts import ReportFacts
from app.domain.terms import Agency, Rung
from app.policy.calendars import seed
from app.policy.examples import HERE, examples, facts_of
from app.policy.loader import load
from app.policy.rehearsal import NoSuchOutcome, outcomes_of, rehearse
from app.policy.simulation import simulate

CALENDAR = seed().calendar()
POLICY = load("fengtai-2026.1").with_calendar(CALENDAR)


def played(case_id, *silent):
    facts = facts_of(case_id)
    return rehearse(POLICY, facts, facts.reported_at, silent)


@pytest.mark.parametrize("case_id", sorted(examples()))
def test_where_everybody_answers_a_case_is_closed_and_nobody_is_told_on(case_id):
    course = played(case_id)
    assert (course.stage, course.still_open) == ("closed", ())
    assert [one for one in course.happenings if one.rung] == []
    assert [one.at for one in course.happenings] == sorted(one.at for one in course.happenings)


def test_a_silent_desk_climbs_every_rung_on_the_day_that_the_ladder_names():
    course = played("CN-02", Agency.EDU)
    start = facts_of("CN-02").reported_at
    clock = Clock.start(POLICY.time("accept", urgent=True), start, CALENDAR)
    fired = {one.rung: one.at for one in course.happenings if one.subject == "a-education-1" and one.rung}
    assert fired == {plan.rung: plan.at for plan in clock.rungs}
    assert list(fired) == list(Rung)
    taken = next(one for one in course.happenings if one.kind == "referral_opened" and one.subject == "a-education-2")
    assert (taken.who, taken.at) == ("CIVIL", fired[Rung.AGENCY_HEAD])
    assert course.still_open == ("supervision_reply:a-education-1", "closure")


def test_when_nobody_answers_every_leg_and_every_duty_reaches_its_last_rung():
    course = played("CN-01", *Agency)
    asked = {one.subject for one in course.happenings if one.due_at}
    top = {one.subject for one in course.happenings if one.rung == Rung.PROCURATORATE}
    assert asked == top
    assert course.stage == "report"
    assert course.ends_at - facts_of("CN-01").reported_at > timedelta(days=30)


def run(*arguments):
    return CliRunner().invoke(app, ["policy", *arguments], terminal_width=300)


@pytest.mark.parametrize("case_id", sorted(examples()))
def test_officers_simulate_a_case_file_by_command(case_id):
    file = str(HERE / f"{case_id}.json")
    answered = run("simulate", file, "--json")
    assert answered.exit_code == 0
    assert json.loads(answered.stdout) == json.loads(json.dumps(simulate(examples()[case_id]), default=str))
    shown = run("simulate", file)
    assert (shown.exit_code, "routing" in shown.stdout) == (0, True)


def test_officers_rehearse_a_case_file_by_command():
    file = str(HERE / "CN-02.json")
    course = json.loads(run("rehearse", file, "--silent", "EDU", "--json").stdout)
    assert (course["silent"], course["stage"]) == (["EDU"], "review")
    shown = run("rehearse", file, "--silent", "EDU").stdout
    assert "提请检察监督" in shown
    assert "still open: supervision_reply:a-education-1, closure" in shown


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "line 1 column 2"),
        ("[]", ": : Input should be"),
        ('{"children": {}}', "children: Input should be a valid list"),
        ('{"children": [1]}', "children.0: Input should be a valid dictionary"),
        ('{"facts": {"kind": "party"}}', "kind: Input should be"),
        ('{"children": [{}], "facts": {"children": [{"attending": "often"}]}}', "children.0.attending: Input should be"),
        ('{"reported_at": "yesterday"}', "reported_at: Input should be a valid datetime"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["simulate", "rehearse"])
def test_a_bad_case_file_is_refused_with_the_place(tmp_path, command, text, place):
    file = tmp_path / "case.json"
    file.write_text(text, "utf-8")
    refused = run(command, str(file))
    assert refused.exit_code == 1
    assert place in str(refused.exception)


DROPOUT = ReportFacts.model_validate({"kind": "dropout", "children": [{"child_id": "ch-1", "attending": "no"}]})


def ends(course, procedure):
    return [
        (one.subject.partition(":")[0], one.title_zh.partition("：")[2])
        for one in course.happenings
        if one.kind == "outcome_recorded" and one.subject.startswith(procedure)
    ]


def test_other_outcomes_than_the_usual_ones_are_played_in_their_order_and_then_the_usual_ones_again():
    said = (
        "dropout_control.confirm=absent",
        "dropout_control.confirm=kept_away",
        "guardian_admonition.admonish=not_reached",
    )
    course = rehearse(POLICY, DROPOUT, facts_of("CN-02").reported_at, (), said)
    assert ends(course, "dropout_control.confirm") == [
        ("dropout_control.confirm", end) for end in ("仍未复学", "监护人拒不送其入学", "已在校就读")
    ]
    assert ends(course, "guardian_admonition")[:2] == [
        ("guardian_admonition.admonish", "无法联系或不听劝阻"), ("guardian_admonition.educate", "已训诫"),
    ]  # fmt: skip
    assert (course.stage, course.still_open, course.not_met) == ("closed", (), ())
    usual = rehearse(POLICY, DROPOUT, facts_of("CN-02").reported_at)
    assert len(usual.happenings) < len(course.happenings)


def test_the_first_step_of_a_leg_ends_otherwise_as_well_and_what_the_course_never_came_to_is_named():
    facts = facts_of("CN-05")
    said = ("detention_inquiry.ask=no_answer", "detention_inquiry.verify=none_found", "housing.apply=taken")
    course = rehearse(POLICY, facts, facts.reported_at, (), said)
    assert [end for _, end in ends(course, ("p-inquiry", "detention_inquiry"))] == ["拒绝回答，另行核查", "未发现"]
    assert course.not_met == ("housing.apply=taken",)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("dropout_control.confirm=vanished", "absent 仍未复学"),
        ("dropout_control.confirm", "dropout_control.confirm 没有结果 -"),
        ("dropout_control.nothing=absent", "没有步骤 dropout_control.nothing"),
        ("temporary_guardianship.year=elapsed", "没有结果 elapsed"),
        ("=", "没有步骤"),
        ("post_assessment=done", "没有步骤 post_assessment"),
    ],
)
def test_an_outcome_that_no_step_has_is_refused_with_those_that_it_has(said, told):
    with pytest.raises(NoSuchOutcome, match=re.escape(told)):
        outcomes_of(POLICY, (said,))


def test_officers_play_other_outcomes_by_command(tmp_path):
    case = tmp_path / "dropout.json"
    case.write_text(json.dumps({"facts": DROPOUT.model_dump(mode="json", exclude_defaults=True)}), "utf-8")
    played = run(
        "rehearse", str(case), "--outcome", "dropout_control.confirm=absent", "--outcome", "housing.apply=taken"
    )
    assert played.exit_code == 0, played.output
    assert "记录办理结果：仍未复学" in played.output
    assert "没有走到 never came to  housing.apply=taken" in played.output
    wrong = run("rehearse", str(case), "--outcome", "dropout_control.confirm=gone")
    assert wrong.exit_code == 1
    assert "returned 已在校就读" in str(wrong.exception)
