"""Disclosure lists are rules: what they may not name is refused, what would be told more is said, older versions have those of the release."""

import re

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import app
from app.domain.disclosure_lists import NEVER, VOCABULARY, DisclosureList
from app.domain.events import PolicyMoved
from app.domain.facts import ChildFacts, GuardianFacts
from app.domain.refusals import RefusalCode, Refused
from app.domain.supervision import require_no_wider
from app.domain.terms import Agency
from app.policy.diff import diff, sentence
from app.policy.disclosure_words import fields_in_words
from app.policy.dry_run import dry_run
from app.policy.examples import examples, facts_of
from app.policy.explanation import LISTS, explain, in_full
from app.policy.loader import HERE, RELEASE, BadPack, load, parse, texts
from app.policy.otherwise_words import otherwise_in_words
from app.policy.pack import Pack
from tests.domain.in_memory import MORNING, Case
from tests.test_explanation import filed
from tests.test_older import FILES, OLD

WRITTEN = texts(HERE / RELEASE)
PACK = load(RELEASE)
CIVIL = "{id: tell-civil, agencies: [CIVIL], children: [name, "
KIN = "{id: tell-police-kin, agencies: [POLICE], tasks: [ask_detainee, "


def changed(*changes):
    """The rules with (before, after) in their lists; each must stand there."""
    text = WRITTEN["disclosure.yaml"]
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return WRITTEN | {"disclosure.yaml": text}


def faults(files):
    with pytest.raises(BadPack) as refusal:
        parse(files)
    return [str(fault) for fault in refusal.value.faults]


def without(name):
    return "\n".join(line for line in WRITTEN["disclosure.yaml"].splitlines() if f"id: {name}," not in line)


ROW = "disclosure.yaml: disclosures row "
REFUSED = {
    "an agency that nobody knows": (
        ("agencies: [EDU, SCHOOL]", "agencies: [EDU, SCHOOLS]"),
        f"{ROW}tell-education: 1 Input should be 'POLICE'",
    ),
    "a task that nobody has": (
        ("[note_dropout]", "[note_dropuot]"),
        f"{ROW}tell-police-dropout: there is no task called note_dropuot",
    ),
    "a task of nobody": (
        ("id: tell-others,", "id: tell-others, tasks: [rehabilitation],"),
        f"{ROW}tell-others: names a task and not whose",
    ),
    "a field that nobody knows": (
        (CIVIL, f"{CIVIL}nmae, "),
        f"{ROW}tell-civil: children nmae is nothing that can be told here; that are name, sex",
    ),
    "a field twice": ((CIVIL, f"{CIVIL}name, "), f"{ROW}tell-civil: children names name twice"),
    "everything at once": (
        (CIVIL, "{id: tell-civil, agencies: [CIVIL], children: all, x: [name, "),
        f"{ROW}tell-civil: children Input should be a valid tuple",
    ),
    "a part that there is not": (
        (CIVIL, CIVIL.replace("children", "files: true, children")),
        f"{ROW}tell-civil: files Extra inputs",
    ),
    "nothing of the children": (
        ("children: [name, sex, birth_date, school, division], basis: [R088", "children: [], basis: [R088"),
        f"{ROW}tell-education: children Tuple should have at least 1",
    ),
    "texts among whom to reach": (
        ("kin: [name, relation, phone], without", "kin: [name, note], without"),
        f"{ROW}tell-police-kin: kin note is nothing that can",
    ),
    "family and kin": (
        ("kin: [name, relation, phone], without", "kin: [name], family: [name], without"),
        f"{ROW}tell-police-kin: tells of the family twice",
    ),
    "suspects of nobody": (
        ("kin: [name, relation, phone], without", "without"),
        f"{ROW}tell-police-kin: leaves suspects out of nobody",
    ),
    "two lists for one task": (
        (KIN, f"{KIN}note_dropout, "),
        f"{ROW}tell-police-dropout: is for the same as tell-police-kin: POLICE note_dropout",
    ),
    "two lists for all others": (
        ("agencies: [EDU, SCHOOL], ", ""),
        f"{ROW}tell-education: is for the same as tell-others: all others",
    ),
    "one id for two": (
        ("id: tell-health-rehabilitation", "id: tell-health"),
        f"{ROW}tell-health: this id stands twice",
    ),
    "no source": (
        ("basis: [R111, L92, default]", "basis: []"),
        f"{ROW}tell-health: no such source, or none that is law: the basis is empty",
    ),
    "a source that is no law": (
        ("basis: [R111, L92", "basis: [R999, L92"),
        f"{ROW}tell-health: no such source, or none that is law: R999",
    ),
    "seen whole by nobody": (
        ("agencies: [COMMITTEE]", "agencies: []"),
        "disclosure.yaml: whole_sights row see-committee: agencies Tuple should have",
    ),
    "seen whole twice": (("[PROC, COURT]", "[PROC, POLICE]"), "disclosure.yaml: whole_sights row POLICE: stands twice"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_a_list_that_is_badly_written_is_refused_with_its_place(change, said):
    found = faults(changed(change))
    assert any(fault.startswith(said) for fault in found), found


def test_a_pack_without_its_lists_or_without_the_list_for_all_others_is_refused():
    assert f"{ROW}-: no list is without agencies" in faults(WRITTEN | {"disclosure.yaml": without("tell-others")})[0]
    alone = {name: text for name, text in WRITTEN.items() if name != "disclosure.yaml"}
    assert faults(alone) == ["pack: disclosures: Field required", "pack: whole_sights: Field required"]


@pytest.mark.requirement("R101")
@pytest.mark.parametrize("field", NEVER)
def test_what_a_compartment_holds_stands_in_no_list_whatever_its_part(field):
    why = f"{field}: {NEVER[field]}"
    assert faults(changed((CIVIL, f"{CIVIL}{field}, "))) == [f"{ROW}tell-civil: children {why}"]
    row = {"id": "tell-x", "children": ["name"], "basis": ["default"]}
    assert DisclosureList.model_validate(row)
    for more in (*({part: [field]} for part in VOCABULARY), {field: True}):
        with pytest.raises(ValidationError, match=re.escape(why)):
            DisclosureList.model_validate(row | more)


def test_the_vocabulary_holds_nothing_of_a_compartment_and_has_words_for_all_that_may_be_told():
    assert {name for fields in VOCABULARY.values() for name in fields}.isdisjoint(NEVER)
    assert set(VOCABULARY["conditions"]) <= set(ChildFacts.model_fields)
    assert {"suspected_of_harm"} <= set(GuardianFacts.model_fields), "by which a suspect is left out"
    said = [fields_in_words(part, [field]) for part, fields in VOCABULARY.items() for field in fields]
    assert not [
        one for one in said if "_" in one.zh + one.en or any(letter.isascii() and letter.isalpha() for letter in one.zh)
    ]


def test_what_would_be_told_more_is_said_of_whom_it_is_told_also_where_only_a_list_went():
    after = parse(
        changed((CIVIL, f"{CIVIL}phone, "), ("[PROC, COURT]", "[PROC, WF]"), ("without_suspects: true, ", ""))
    )
    found = {sentence(one, after).en for one in diff(PACK.file, after) if one.kind == "wider"}
    assert found == {
        "Civil Affairs would now also see: of the children: telephone",
        "Women's Federation would now also see: all of the case",
        *(f"Police ({task}) would now also see: whoever is suspected of harm" for task in (
            "ask and record whether children need a carer", "contact the kin and get the delegation in writing",
            "notify family, committee and civil affairs",
        )),
    }  # fmt: skip
    assert [sentence(one, after).zh for one in diff(PACK.file, after) if one.kind == "narrower"] == [
        "区法院将不再告知：案件全部内容"
    ]
    kinds = [one.kind for one in diff(PACK.file, after)]
    assert kinds[: kinds.count("wider")] == ["wider"] * kinds.count("wider"), "and it comes first"
    gone = parse(WRITTEN | {"disclosure.yaml": without("tell-police-dropout")})
    more = [one for one in diff(PACK.file, gone) if one.kind == "wider" and one.row == "POLICE note_dropout"]
    assert {one.field: one.after for one in more}["narrative"] == ["narrative"]
    assert ("removed", "tell-police-dropout") in {(one.kind, one.row) for one in diff(PACK.file, gone)}
    assert [one for one in diff(gone, PACK.file) if one.kind == "wider"] == []


def test_officers_see_by_command_what_would_be_told_more(tmp_path):
    for name, text in changed((CIVIL, f"{CIVIL}phone, ")).items():
        (tmp_path / name).write_text(text, "utf-8")
    shown = CliRunner().invoke(app, ["policy", "diff", RELEASE, str(tmp_path)]).output
    assert (
        "! disclosures CIVIL  区民政局将增加告知：儿童：电话 · Civil Affairs would now also see: of the children: telephone"
        in shown
    )
    bad = changed((CIVIL, f"{CIVIL}reporter_name, "))["disclosure.yaml"]
    (tmp_path / "disclosure.yaml").write_text(bad, "utf-8")
    refused = CliRunner().invoke(app, ["policy", "check", str(tmp_path)])
    assert (refused.exit_code, "reporter_name: who reported is told by no list" in refused.output) == (1, True)


def test_a_dry_run_names_the_legs_whose_agency_would_be_told_otherwise():
    other = Pack("other", parse(changed((CIVIL, f"{CIVIL}phone, "))))
    found = list(dry_run(PACK, other, [(name, facts_of(name)) for name in examples()]))
    assert found
    for one in found:
        leg, what, part = one.what.split(":")
        route = next(row for row in PACK.file.routes if row.id == leg)
        assert (what, part, route.agency, set(one.after) - set(one.before)) == (
            "told",
            "children",
            Agency.CIVIL,
            {"phone"},
        )


def test_what_a_trial_finds_is_said_in_words_and_no_code_is_left():
    files = changed((CIVIL, f"{CIVIL}phone, ")) | {
        "triage.yaml": WRITTEN["triage.yaml"].replace("urgency: tonight", "urgency: immediate").replace("lead: CIVIL", "lead: STREET"),
        "routes.yaml": WRITTEN["routes.yaml"].replace(NOTIFY, NOTIFY.replace("notify_without_suspect", "secure_the_child"))
        .replace("{id: c-civil, step: 3", "{id: c-civil, fallback: WF, step: 4").replace("{id: a-education,", "{id: a-education-2,"),
        "categories.yaml": WRITTEN["categories.yaml"].replace('when: "on_minimum_living || low_income', 'when: "low_income'),
        "times.yaml": WRITTEN["times.yaml"].replace("answer_acceptance: {normal: 3 ", "answer_acceptance: {normal: 5 "),
    }  # fmt: skip
    other = Pack("other", parse(files))
    found = list(dry_run(PACK, other, [(name, facts_of(name)) for name in examples()]))
    said = [otherwise_in_words(one, PACK.file, other.file) for one in found]
    words = {(one.what.zh, one.before.zh, one.after.zh) for one in said}
    kinds = {
        one.what.partition(" ")[0] if " " in one.what else one.what.rpartition(":")[1] or one.what for one in found
    }
    assert kinds >= {"urgency", "lead", "route", "duty", ":"}, "of each kind"
    assert ("紧急程度", "当夜", "立即") in words
    assert any(
        what.startswith("告知：区民政局：") and "电话" in after and "电话" not in before
        for what, before, after in words
    )
    assert (
        "转介：区民政局：准备临时保护床位并接收",
        "拒绝或逾期时由谁接手：无；次序：3",
        "拒绝或逾期时由谁接手：区妇联；次序：4",
    ) in words
    assert ("法定事项：告知报告人受理情况", "时限：3个工作日", "时限：5个工作日") in words
    assert any(what == "告知：区妇联（代区民政局）：准备临时保护床位并接收：儿童" for what, *_ in words)
    assert any("无此任务" in (before, after) for _, before, after in words)
    assert any(one.child_id and one.what.zh.startswith("困境类别：") and one.before.zh == "符合" for one in said)
    for one in said:
        for told in (one.what, one.before, one.after):
            assert not re.search("[A-Za-z_]{2,}", re.sub("HIV|12345", "", told.zh)), told.zh
            assert not re.search(r"\w_\w|:told:|[\u4e00-\u9fff]", told.en), told.en


def rows_changed(before, after):
    assert before in WRITTEN["routes.yaml"]
    return parse(WRITTEN | {"routes.yaml": WRITTEN["routes.yaml"].replace(before, after, 1)})


NOTIFY = "{id: c-notify, step: 3, agency: POLICE, task: notify_without_suspect"
SCHOOL = "{id: a-education, step: 3, agency: EDU, "


def test_what_a_leg_is_told_more_by_its_own_row_is_said_though_no_list_changed():
    """Another task has another list; whoever assesses, and another agency or lead, sees what it did not."""
    other = rows_changed(NOTIFY, NOTIFY.replace("notify_without_suspect", "secure_the_child"))
    more = [one for one in diff(PACK.file, other) if one.kind == "wider"]
    assert {(one.table, one.row) for one in more} == {("routes", "POLICE c-notify")}
    assert {"suspects", "narrative", "family"} <= {one.field for one in more}
    assert "Police (notify the committee and the family, not the suspect) would now also see: whoever is suspected of harm" in [
        sentence(one, other).en for one in more
    ]  # fmt: skip
    assert {one.kind for one in diff(other, PACK.file) if one.table == "routes" and one.row == "POLICE c-notify"} >= {
        "narrower"
    }
    assesses = rows_changed(SCHOOL, f"{SCHOOL}assessment: true, ")
    (whole,) = [one for one in diff(PACK.file, assesses) if one.kind == "wider"]
    assert sentence(whole, assesses).zh == "区教委（学校知会、心理关注、课后托管）将增加告知：案件全部内容"
    moved = rows_changed(SCHOOL, SCHOOL.replace("EDU", "WF"))
    assert "WF a-education" in {one.row for one in diff(PACK.file, moved) if one.kind == "wider"}
    led = parse(WRITTEN | {"triage.yaml": WRITTEN["triage.yaml"].replace("lead: CIVIL", "lead: STREET", 1)})
    (lead,) = [one for one in diff(PACK.file, led) if one.kind == "wider"]
    assert (lead.table, lead.row.split()[0], lead.after) == ("leads", "STREET", ["everything"])


def refused_to(before, after, case):
    """What a move of the case to other rules would tell more; nothing where it may be moved."""
    try:
        require_no_wider(case, Pack("before", before), Pack("after", after))
    except Refused as refused:
        return refused.facts["rows"] if refused.code is RefusalCode.TELLS_MORE else refused
    return []


def test_no_case_moves_to_rules_that_tell_an_agency_more_of_it_and_any_may_move_to_those_that_tell_less():
    """Whatever makes it more: whole sight, a list of the same name that grew, the row of a leg that is planned, the list of all others."""
    case = Case().progress
    legs = {leg.route_id: leg.agency for leg in case.referrals} | {step.route_id: step.agency for step in case.steps}
    assert legs["a-education"] is Agency.EDU
    saw = parse(changed(("[PROC, COURT]", "[PROC, COURT, EDU]")))
    assert refused_to(PACK.file, saw, case) == ["a-education EDU: everything"]
    assert refused_to(saw, PACK.file, case) == []
    grew = parse(changed(("school, division], basis: [R088", "school, division, phone], basis: [R088")))
    assert refused_to(PACK.file, grew, case) == ["a-education EDU: children.phone"]
    assert refused_to(saw, grew, case) == [], "who saw everything is told nothing more"
    assert refused_to(grew, PACK.file, case) == []
    by_row = rows_changed(SCHOOL, f"{SCHOOL}assessment: true, ")
    planned = case.model_copy(
        update={"referrals": tuple(leg for leg in case.referrals if leg.route_id != "a-education")}
    )
    assert refused_to(PACK.file, by_row, planned) == ["a-education EDU: everything"]
    assert refused_to(PACK.file, by_row, case) == [], "a leg that has begun keeps what its row said"
    taken = rows_changed(SCHOOL, f"{SCHOOL}fallback: WF, ")
    assert {one.split(":")[0] for one in refused_to(PACK.file, taken, planned)} == {"a-education WF"}
    more = parse(changed(("residence, division], basis: [R133", "residence, division, school], basis: [R133")))
    owing = case.model_copy(update={"duties": (*case.duties, case.duties[0].model_copy(update={"holder": Agency.DPF}))})
    assert "duty DPF: children.school" in refused_to(PACK.file, more, owing)
    led = parse(changed((CIVIL, f"{CIVIL}phone, ")))
    assert case.lead is Agency.CIVIL
    assert refused_to(PACK.file, led, case) == [], "whoever leads sees everything by either"


def test_a_dry_run_names_the_legs_that_are_told_more_by_their_own_row():
    cases = [(name, facts_of(name)) for name in examples()]
    found = dry_run(
        PACK, Pack("other", rows_changed(NOTIFY, NOTIFY.replace("notify_without_suspect", "secure_the_child"))), cases
    )
    told = {one.what: one.after for one in found}
    assert told["c-notify:told:narrative"] == ("narrative",)
    assert told["route c-notify"]["code"] == "secure_the_child"
    taken = {
        one.what: (one.before, one.after)
        for one in dry_run(PACK, Pack("other", rows_changed(SCHOOL, f"{SCHOOL}fallback: WF, ")), cases)
    }
    was, now = taken["route a-education"]
    assert (was["fallback"], now["fallback"]) == (None, Agency.WF), "who takes it from an agency that refuses"
    assert taken["a-education:fallback:WF:told:children"] == (None, PACK.lists.of_others.children)
    assesses = {
        one.what: one.after
        for one in dry_run(PACK, Pack("other", rows_changed(SCHOOL, f"{SCHOOL}assessment: true, ")), cases)
    }
    assert assesses["a-education:told:everything"] == ("everything",)


def test_a_case_explains_what_its_agencies_are_told_and_what_a_move_to_other_rules_changed():
    events, moved = (
        filed("CN-02"),
        parse(changed(("school, division], basis: [R088", "school, division, phone], basis: [R088"))),
    )
    legs = [one for one in explain({RELEASE: PACK.file}, events) if one.due_at and one.table == "routes"]
    assert {one.row for one in legs if "报告内容" in one.told_zh} == {"a-police"}
    assert all(one.told_zh.startswith("儿童：姓名") and one.told_en.startswith("of the children: name") for one in legs)
    move = PolicyMoved(at=MORNING, by="x", before=RELEASE, after="other")
    (told,) = [
        one for one in explain({RELEASE: PACK.file, "other": moved}, [*events, move]) if one.table == "disclosures"
    ]
    assert (told.row, told.title_zh, told.told_zh[-2:], told.at) == (
        "tell-education",
        "告知清单：区教委、学校幼儿园",
        "电话",
        MORNING,
    )
    assert [source.id for source in told.basis] == ["R088", "R089", "L92", "default"]


def test_the_rules_show_every_list_in_words_with_its_sources():
    shown = [one for one in in_full(PACK.file, MORNING) if one.table in LISTS]
    assert [one.row for one in shown] == [row.id for table in LISTS for row in getattr(PACK.file, table)]
    for one in shown:
        assert one.basis
        assert "_" not in one.told_zh + one.told_en + one.title_zh + one.title_en


def test_a_version_from_before_there_were_lists_has_those_of_the_release_as_far_as_it_has_their_tasks():
    assert {"disclosures", "whole_sights"} <= set(OLD.silent_about)
    tasks = {row.task for row in OLD.file.routes}
    for agency in Agency:
        for task in (*tasks, "anything"):
            assert OLD.lists.of(agency, task).told == PACK.lists.of(agency, task).told
    assert OLD.lists.see_all == PACK.lists.see_all
    fewer = FILES["routes.yaml"].replace("task: check_hardship", "task: look_at_hardship")
    assert fewer != FILES["routes.yaml"]
    own = load("fengtai-2025.9", FILES | {"routes.yaml": fewer})
    assert own.lists.of(Agency.CIVIL, "check_support").id == "tell-civil-means"
    assert own.lists.of(Agency.CIVIL, "look_at_hardship").id == "tell-civil"
    assert not any("check_hardship" in row.tasks for row in own.file.disclosures)
