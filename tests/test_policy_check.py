"""A pack with something wrong in it is refused with the place and the reason; two versions are compared row by row."""

import json
from copy import deepcopy
from datetime import date

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.policy import loader
from app.policy.check import check, too_early
from app.policy.diff import diff
from app.policy.loader import RELEASE, BadPack, load, parse, shipped, tables_of, texts
from app.policy.made import made

WRITTEN = texts(loader.HERE / "fengtai-2026.1")


def changed(*changes):
    """The pack with (file, before, after) in place of what stands there; each must stand there."""
    written = dict(WRITTEN)
    for name, before, after in changes:
        assert before in written[name]
        written[name] = written[name].replace(before, after, 1)
    return written


CIRCLES = {
    "its own step": (
        ("routes.yaml", "gate: {stage: assess, after_step: 3}, finish: assessment", "gate: {stage: assess, after_step: 4}, finish: assessment"),
        "routes.yaml: routes row o-social-work: waits for itself: o-social-work → 4 → o-social-work",
    ),
    "a leg that waits for it": (
        ("routes.yaml", "or_after: [c-women]", "or_after: [c-court]"),
        "routes.yaml: routes row c-court: waits for itself: c-court → c-court",
    ),
    "its own end": (
        ("times.yaml", "basis: [R061], gate: {stage: assess}", "basis: [R061], gate: {events: ['expired:adopt_plan']}"),
        "times.yaml: duties row adopt_plan: waits for itself",
    ),
    "what never happens": (
        ("routes.yaml", "events: [child_found]", "events: [child_fuond]"),
        "routes.yaml: routes row b-found: nothing that happens is called child_fuond",
    ),
    "a duty that acts open": (
        ("times.yaml", "code: closure,", "code: closing,"),
        "times.yaml: duties row closure: this duty is missing, and acts open it",
    ),
    "a fallback on itself": (
        ("routes.yaml", "fallback: HEALTH", "fallback: HOSPITAL"),
        "routes.yaml: routes row own-hospital-treat: falls back on HOSPITAL itself",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), CIRCLES.values(), ids=CIRCLES)
def test_a_pack_in_which_a_row_waits_for_itself_or_for_nothing_is_not_loaded(change, said):
    with pytest.raises(BadPack) as refusal:
        parse(changed(change))
    assert [str(fault) for fault in refusal.value.faults if said in str(fault)]


PROCEDURES = {
    "a step that does not exist": (
        ("opens: [recheck]", "opens: [rechekc]"), "step admonish: outcome admonished opens rechekc, which does not exist",
    ),
    "a step that nothing opens": (("opens: [recheck]", "opens: []"), "step recheck: no outcome opens it"),
    "an unknown time": (("time: take_over, basis: [R039", "time: taek_over, basis: [R039"), "step take_over: there is no time called taek_over"),
    "a missing basis": (("time: admonish, basis: [R035]", "time: admonish, basis: []"), "the basis is empty"),
    "law that is not known to be law": (("basis: [R035, R093]", "basis: [R035, L45]"), "no such source, or none that is law: L45"),
    "an unknown holder": (("holder: RESCUE", "holder: RESCEU"), "procedures row temporary_guardianship: holder"),
    "an unknown kind of record": (("record: {done_on: date}", "record: {done_on: dtae}"), "procedures row guardian_admonition: done_on"),
    "a course that never ends": (
        ("opens: [confirm]},\n          {code: in_vain", "opens: [persuade]},\n          {code: in_vain"),
        "step persuade: following the first outcomes never comes to an end",
    ),
    "months that nobody records": (
        ("file: reference, months: 1..6}", "file: reference}"), "lasts as many months as it does not record: months",
    ),
    "fewer than a count that nobody records": (
        ("recused: 0..<agencies_present", "recused: 0..<members"), "records recused below members, which is no count of it",
    ),
    "a wait without an end": (("{code: elapsed, zh: \"已满\"", "{code: over, zh: \"已满\""), "a step ends by `elapsed` if it waits"),
    "what nothing begins": (("started_by: [PROC]\n", "\n"), "procuratorial_supervision: nothing begins it"),
    "what an act needs": (("{code: rest,", "{code: remainder,"), "acts end step medical_costs.ask by rest"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), PROCEDURES.values(), ids=PROCEDURES)
def test_a_procedure_that_leads_nowhere_or_rests_on_nothing_is_not_loaded(change, said):
    before, after = change
    assert before in WRITTEN["procedures.yaml"]
    written = WRITTEN | {"procedures.yaml": WRITTEN["procedures.yaml"].replace(before, after)}
    with pytest.raises(BadPack) as refusal:
        parse(written)
    assert any(said in str(fault) and str(fault).startswith("procedures.yaml: ") for fault in refusal.value.faults), (
        refusal.value.faults
    )


def test_rows_that_never_hold_and_rows_that_hold_together_are_found_by_trying():
    faults = check(
        changed(
            ("routes.yaml", "when: \"reporter == 'hotline'\"", "when: \"reporter == 'hotline' && reporter == 'rescue'\""),
            ("triage.yaml", "branch in ['B', 'C', 'D', 'E'] || hurt || small_and_alone", "true || hurt"),
            ("triage.yaml", "\nurgencies:", "\nunique: [urgencies]\n\nurgencies:"),
        )
    )  # fmt: skip
    said = [str(fault) for fault in faults]
    assert "routes.yaml: routes row own-hotline: is never reached: it held for none of 4000 reports" in said
    never = "is never reached: whenever it holds, a row before it has decided: u-immediate"
    assert f"triage.yaml: urgencies row u-normal: {never}" in said
    both = "holds together with u-immediate, and of this table one row may hold"
    assert f"triage.yaml: urgencies row u-normal: {both}" in said


def test_a_condition_that_fails_on_reports_of_a_rare_kind_is_found_by_trying_and_a_step_that_nobody_takes():
    rare = "size(guardians) > 2 && guardians[3].able == 'no'"
    registered = "fields: [registration], steps: [STREET"
    faults = check(changed(
        ("routes.yaml", "reporter == 'hotline'", rare), ("ledgers.yaml", registered, f"{registered}, EDU"),
    ))  # fmt: skip
    assert [str(fault).partition(" some ")[0] for fault in faults] == [
        "routes.yaml: routes row own-hotline: when the condition fails on",
        "ledgers.yaml: changes row w-registration: EDU passes no change, so this one would wait there for good",
    ]


def test_a_version_is_not_published_for_a_day_that_has_been():
    file, files = parse(WRITTEN), tables_of(WRITTEN)
    assert too_early(file, files, date(2025, 12, 31)) == ()
    for today in (date(2026, 1, 1), date(2026, 5, 1)):
        assert [str(fault) for fault in too_early(file, files, today)] == [
            f"triage.yaml: effective_from: 2026-01-01 is not after today, {today}"
        ]


def test_what_was_read_is_not_read_again_and_stays_as_it_was():
    before = deepcopy(tables_of(WRITTEN))
    assert parse(WRITTEN) is parse(dict(reversed(WRITTEN.items()))) is load("draft", WRITTEN).file
    assert check(WRITTEN) == ()
    assert tables_of(WRITTEN) == before


def test_a_made_up_report_is_the_same_for_the_same_seed_and_differs_for_another():
    assert made(7) == made(7)
    assert len({made(seed).model_dump_json() for seed in range(200)}) > 150


def test_versions_are_compared_row_by_row():
    lines = WRITTEN["triage.yaml"].splitlines()
    at = next(n for n, line in enumerate(lines) if "id: u-tonight" in line)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    gone = next(line for line in WRITTEN["routes.yaml"].splitlines() if "id: s-women" in line)
    after = changed(
        ("times.yaml", "accept: {normal: 1 working_days", "accept: {normal: 2 working_days"),
        ("times.yaml", "anchor: due, offset: 15 minutes", "anchor: due, offset: 20 minutes"),
        ("routes.yaml", f"{gone}\n", ""),
    )
    after["triage.yaml"] = "\n".join(lines).replace("\nquorum: 3", "\nquorum: 4")
    found = diff(parse(WRITTEN), parse(after))
    assert {(one.kind, one.table, one.row, one.field) for one in found} == {
        ("changed", "quorum", "", ""),
        ("moved", "urgencies", "u-same-day", "place"),
        ("changed", "times", "accept", "normal"),
        ("changed", "ladders", "urgent agency_head", "offset"),
        ("removed", "routes", "s-women", ""),
        ("narrower", "routes", "WF s-women", "children"),
    }
    assert diff(parse(WRITTEN), parse(WRITTEN)) == ()


def test_officers_check_and_compare_by_command(tmp_path):
    for name, text in changed(("routes.yaml", "basis: [R111, R114]", "basis: []")).items():
        (tmp_path / name).write_text(text, "utf-8")
    bad = CliRunner().invoke(app, ["policy", "check", str(tmp_path), "--json"])
    assert bad.exit_code == 1
    assert {"file": "routes.yaml", "table": "routes", "row": "own-hospital-treat"}.items() <= json.loads(bad.output)[
        0
    ].items()
    nowhere = CliRunner().invoke(app, ["policy", "diff", "fengtai-2026.1", str(tmp_path / "nowhere")])
    assert (nowhere.exit_code, "triage.yaml" in nowhere.output) == (1, True)
    for name, text in changed(("triage.yaml", "quorum: 3", "quorum: 5")).items():
        (tmp_path / name).write_text(text, "utf-8")
    compared = CliRunner().invoke(app, ["policy", "diff", "fengtai-2026.1", str(tmp_path), "--json"])
    assert json.loads(compared.output) == [
        {"kind": "changed", "table": "quorum", "row": "", "field": "", "before": 3, "after": 5}
    ]


def test_the_pack_in_force_has_nothing_wrong():
    shown = CliRunner().invoke(app, ["policy", "check"])
    assert (shown.exit_code, shown.output[:2]) == (0, "ok")


def test_a_placement_or_a_benefit_that_a_row_before_it_always_takes_is_found():
    shadow = '  - {id: e-shadow, benefit: B_DIFF, result: candidate, when: "D2 && D3", basis: [R004]}\n'
    faults = check(
        changed(
            ("placement.yaml", 'when: "orphan && (kin_offers || another_guardian)"', 'when: "orphan"'),
            ("entitlements.yaml", "  - {id: e-diff-street,", f"{shadow}  - {{id: e-diff-street,"),
        )
    )
    beaten = "is never reached: whenever it holds, a row before it has decided"
    assert [str(fault) for fault in faults] == [
        *(f"placement.yaml: placements row p-orphan{last}: {beaten}" for last in ("-adopted", "-foster", "")),
        f"entitlements.yaml: entitlements row e-shadow: {beaten}",
    ]


BADLY_WRITTEN = {
    "a key written twice": (("times.yaml", "  accept: {", "  accept: {urgent: 2 hours, "), "times.yaml: pack: urgent stands twice"),
    "a day that is none": (("triage.yaml", "from: 2026-01-01", "from: 2026-13-01"), "triage.yaml: pack: month must be in 1..12"),
    "a need that nobody knows": (
        ("placement.yaml", "needs: [public_notice_60d", "needs: [public_notce"), "placement.yaml: gates row g-adoption: ",
    ),
    "a unique table that is none of a report": (
        ("triage.yaml", "\nurgencies:", "\nunique: [placements]\n\nurgencies:"), "triage.yaml: unique: placements is no table",
    ),
    "a number without a source": (("triage.yaml", "  quorum: [", "  quorums: ["), "triage.yaml: numbers row quorum: says not what"),
    "a deadline of zero": (
        ("times.yaml", "accept: {normal: 1 working_days", "accept: {normal: 0 working_days"), "times.yaml: times row accept: ",
    ),
    "a procedure that a report cannot begin": (
        ("procedures.yaml", "procedure: joint_conference, zh", "procedure: joint_conferance, zh"),
        "procedures.yaml: begins row put-to-conference: there is no procedure called joint_conferance",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), BADLY_WRITTEN.values(), ids=BADLY_WRITTEN)
def test_what_is_badly_written_is_refused_with_its_place(change, said):
    with pytest.raises(BadPack) as refusal:
        parse(changed(change))
    assert any(str(fault).startswith(said) for fault in refusal.value.faults), refusal.value.faults


@pytest.mark.parametrize("name", ["", ".", "..", "v" * 300, "a\0b", "../policy/" + RELEASE])
def test_a_name_that_no_version_has_is_no_way_into_folders(name):
    assert shipped(name) is None
    assert shipped(RELEASE) is not None
