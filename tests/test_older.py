"""A version that was published before a table existed is read as it was written, and its silence has a meaning; `older` holds a real one."""

import re
from pathlib import Path

import pytest

from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.case import decide, file_report
from app.domain.facts import ReportFacts
from app.domain.fold import fold
from app.policy.case_file import facts_of_file
from app.policy.diff import diff
from app.policy.dry_run import dry_run
from app.policy.examples import examples, with_facts
from app.policy.loader import HERE, RELEASE, BadPack, load, parse, tables_of, texts
from tests.actors import REPORTER, at_desk
from tests.domain.in_memory import MORNING, POLICY

OLDER = Path(__file__).parent / "older"
FILES = {path.name: path.read_text("utf-8") for path in sorted(OLDER.glob("*.yaml"))}
"""Three files from before benefits, children, procedures, registers, rounds and ledgers, byte for byte but for name and day."""
OLD = load("fengtai-2025.9", FILES)


def test_what_it_says_is_its_own_and_what_it_is_silent_about_is_named_and_read_from_the_release():
    assert {"ledgers", "registers", "categories", "placements", "times.warning_verify"} <= set(OLD.silent_about)
    now = load(RELEASE)
    assert (OLD.file.ledgers, OLD.file.registers) == (now.file.ledgers, now.file.registers)
    for table in ("triggers", "urgencies", "branches", "leads", "routes"):
        own = [row["id"] for row in tables_of(FILES).whole[table]]
        assert [row.id for row in getattr(OLD.file, table) if f"{table}.{row.id}" not in OLD.silent_about] == own
    assert all(OLD.time(name, urgent=False) for name in ("warning_verify", "visit_high", "change_verify"))
    assert now.silent_about == ()
    assert diff(OLD.file, now.file)


@pytest.mark.parametrize("case", examples())
def test_it_answers_all_the_worked_cases_and_its_cases_owe_what_it_says(case):
    facts = facts_of_file(with_facts(examples()[case])).at(MORNING)
    rules = OLD.with_calendar(POLICY.calendar)
    progress = fold(file_report("case-1", c.FileReport(by=REPORTER, facts=facts, unit="u"), rules, MORNING))
    assert progress.referrals
    assert len(OLD.found(facts)) == len(facts.children), "proposals are those of the release"
    assert list(dry_run(OLD, load(RELEASE), [("case-1", facts)]))
    assert not any(route.procedure for route in OLD.triage(facts).routes), "its legs are done when they are done"
    for leg in progress.open_referrals[:1]:
        accepted = decide(progress, rc.AcceptReferral(by=at_desk(leg.desk), referral_id=leg.id), rules, MORNING)
        done = rc.CompleteReferral(by=at_desk(leg.desk), referral_id=leg.id)
        assert decide(fold(accepted, progress), done, rules, MORNING)[0].kind == "referral_completed"


def left_out():
    """The release without the list of schools, and without what departures and stopped benefits ask for."""
    written = texts(HERE / RELEASE)
    lines = written["ledgers.yaml"].splitlines(keepends=True)
    registers = written["registers.yaml"].replace(
        "    review: {every: 3 days, having: {arranged: missing}, passed: leaves_on, time: departure, basis: [default]}\n",
        "",
    )
    before, schools = registers.split("  - code: schools\n")
    registers = before + schools[schools.index("  - code: staff\n") :]
    return written | {
        "registers.yaml": registers, "rounds.yaml": written["rounds.yaml"].replace("    listed: schools\n", ""),
        "ledgers.yaml": "".join(line for line in lines if "id: a-benefit-stopped" not in line),
    }  # fmt: skip


def test_what_the_release_looks_for_by_itself_and_a_version_does_not_is_named_and_stays_out_of_it():
    pack = load("fengtai-2025.13", left_out())
    assert pack.left_out == (
        "registers.schools", "registers.departures.review", "rounds.school_screening.listed", "warnings.a-benefit-stopped",
    )  # fmt: skip
    assert "a-benefit-stopped" not in [rule.id for rule in pack.file.warnings]
    assert (OLD.left_out, load(RELEASE, texts(HERE / RELEASE)).left_out) == ((), ())


def test_a_field_of_the_file_that_came_later_is_changed_as_the_release_has_it():
    written = texts(HERE / RELEASE)
    row = next(line for line in written["ledgers.yaml"].splitlines() if "fields: [registration]" in line)
    pack = load("fengtai-2025.10", written | {"ledgers.yaml": written["ledgers.yaml"].replace(f"{row}\n", "")})
    assert pack.silent_about == ("changes.w-registration",)
    assert pack.change_path("registration") == load(RELEASE).change_path("registration")


def test_which_outcomes_place_a_child_is_that_of_the_release_where_a_version_says_it_of_none():
    written = texts(HERE / RELEASE)
    silent = re.sub(r"places: (?:begins|ends), ", "", written["procedures.yaml"])
    pack = load("fengtai-2025.11", written | {"procedures.yaml": silent})
    assert pack.file.procedures == load(RELEASE).file.procedures
    assert "procedures.temporary_guardianship" in pack.silent_about
    one = written["procedures.yaml"].replace("{code: taken_over, places: begins, ", "{code: taken_over, ")
    assert load("fengtai-2025.12", written | {"procedures.yaml": one}).silent_about == (), (
        "what it left out on purpose stays out"
    )


def test_from_which_day_months_count_is_that_of_the_release_where_a_version_says_it_of_none():
    written = texts(HERE / RELEASE)
    silent = re.sub(r"since: [a-z_]+, ", "", written["procedures.yaml"])
    pack = load("fengtai-2025.13", written | {"procedures.yaml": silent})
    assert pack.file.procedures == load(RELEASE).file.procedures
    assert pack.silent_about == ("procedures.protection_order", "procedures.juvenile_diversion")
    undated = silent.replace("{ruled_on: date, file: reference, months: 1..6}", "{file: reference, months: 1..6}")
    assert load("fengtai-2025.14", written | {"procedures.yaml": undated}).silent_about == (
        "procedures.juvenile_diversion",
    )


def test_a_proposal_is_never_completed_and_names_that_are_gone_are_refused_with_their_row():
    with pytest.raises(BadPack) as refusal:
        parse(FILES)
    assert "ledgers: Field required" in str(refusal.value)
    gone = FILES["routes.yaml"].replace("reporter == 'hotline'", "caller == 'hotline'")
    with pytest.raises(BadPack, match=r"routes\.yaml: routes row own-hotline: when nothing is called caller"):
        load("fengtai-2025.9", FILES | {"routes.yaml": gone})


@pytest.mark.requirement("R101")
def test_a_child_after_an_offence_is_in_a_compartment_also_where_the_version_knew_of_none():
    offence = ReportFacts.model_validate({"kind": "juvenile", "children": [{"child_id": "ch-1"}]})
    report = c.FileReport(by=at_desk("PROC"), facts=offence, unit="PROC")
    case = fold(file_report("case-1", report, OLD.with_calendar(POLICY.calendar), MORNING))
    assert case.sealed_for == OLD.sealed_for(offence) == load(RELEASE).sealed_for(offence)
    assert (case.agencies, [leg.task for leg in case.open_referrals]) == (("PROC",), ["juvenile_diversion"])
    without = [row for row in FILES["triage.yaml"].splitlines() if "b-application" not in row]
    own = load("fengtai-2025.9", FILES | {"triage.yaml": "\n".join(without)})
    assert "branches.b-application" not in own.silent_about, "what a version left out on purpose stays out"
