"""Who may call which route: the access rules as a table that people read, of every route, role and relation to a case."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from app.api import child_matrix
from app.api.child_matrix import CODES, LATER, NOTHING, REFUSED, YES
from app.api.problems import status_of
from app.api.work import ON_CASE, ON_DUTY, ON_REFERRAL
from app.domain import registers
from app.domain.access import DESK_STAFF, STAFF, Action, Actor, CaseSubject, Deny, Leg, Relation, may, scope
from app.domain.approvals import Act, may_propose
from app.domain.deputies import may_know_names
from app.domain.emergency import may_break_glass, may_review
from app.domain.handing_in import sees_every_office
from app.domain.keys import governs, opens, oversees_keys
from app.domain.retention import may_dispose, may_hold
from app.domain.rounds import follows, organises
from app.domain.seats import may_see_seats, sees_every_seat
from app.domain.sight import ADMINS
from app.domain.signals import sends
from app.domain.terms import Agency, KeyScope, Role
from app.policy.loader import RELEASE, load
from app.policy.pack import Pack

ROLES = tuple(role for role in Role if role is not Role.ENGINE)
SEATS = {
    Relation.OWNER: (Agency.CIVIL, "CIVIL", None),
    Relation.CO_AGENCY: (Agency.POLICE, "POLICE", None),
    Relation.FORMER_AGENCY: (Agency.EDU, "EDU", None),
    Relation.SUPERVISOR: (Agency.CONF, "CONF", None),
    Relation.REPORTER: (Agency.HOTLINE, "HOTLINE", "unit-hotline-1"),
    Relation.STRANGER: (Agency.HOUSING, "HOUSING", None),
}
"""One seat for each relation: civil affairs lead, the police have a leg, education has sent its leg away."""
SUBJECT = CaseSubject(
    case_id="case", lead=Agency.CIVIL, agencies=(Agency.CIVIL, Agency.POLICE), desks=("CIVIL", "POLICE"),
    division="110106023", reporter_unit="unit-hotline-1", leg=Leg(agency=Agency.POLICE, desk="POLICE"),
)  # fmt: skip
Rule = Callable[[Actor], str]
TABLE = Path(__file__).parents[2] / "docs" / "access.md"


def seat(relation: Relation, role: Role) -> Actor:
    """Somebody with this role where this relation is."""
    agency, desk, unit = SEATS[relation]
    scopes = tuple(KeyScope) if role is Role.MACHINE else None
    return Actor(
        person_id=f"matrix.{role}.{relation}", agency=agency, desk=desk, roles=(role,), unit=unit, scopes=scopes
    )


def _by(action: Action) -> Rule:
    def asked(actor: Actor) -> str:
        answer = may(actor, action, SUBJECT)
        return CODES[status_of(answer.reason)] if isinstance(answer, Deny) else YES

    return asked


def signed_in(actor: Actor) -> str:
    """Whatever the role."""
    return YES


def _staff(actor: Actor) -> str:
    return YES if actor.has(*STAFF) and not actor.has(*ADMINS) else REFUSED


def _in_a_list(actor: Actor) -> str:
    """A list holds the cases that may be seen, and is empty for whoever sees none."""
    return YES if scope(actor).admits(SUBJECT) else NOTHING


def _on_the_board(actor: Actor) -> str:
    return _in_a_list(actor) if may(actor, Action.READ_STATISTICS).allowed else REFUSED


def _sees_seats(actor: Actor) -> str:
    return YES if may_see_seats(actor) else REFUSED


def _runs_or_oversees(actor: Actor) -> str:
    return YES if sees_every_seat(actor) else REFUSED


def _seat_of_none(action: Action) -> Rule:
    """Of somebody who does not exist."""
    return lambda actor: NOTHING if may(actor, action).allowed else REFUSED


def _overseer(actor: Actor) -> str:
    return YES if actor.oversees_district else REFUSED


def _handed_out(actor: Actor) -> str:
    """What leaves the district is handed out by those who oversee it."""
    return YES if may(actor, Action.READ_STATISTICS).allowed and actor.oversees_district else REFUSED


def _every_office(actor: Actor) -> str:
    return YES if sees_every_office(actor) else REFUSED


def _circular(actor: Actor) -> str:
    """Of a month of which none was made."""
    return NOTHING if may(actor, Action.READ_STATISTICS).allowed else REFUSED


def _on_record(actor: Actor) -> str:
    return _in_a_list(actor) if may(actor, Action.READ_AUDIT).allowed else REFUSED


def _at_the_desk(actor: Actor) -> str:
    works = actor.has(*STAFF) and not actor.has(*ADMINS)
    return YES if works and actor.desk in SUBJECT.desks else NOTHING


def _of_the_unit(actor: Actor) -> str:
    unit = scope(actor).reports_of_unit
    return REFUSED if unit is None else YES if unit == SUBJECT.reporter_unit else NOTHING


def _rights_of_none(actor: Actor) -> str:
    """Of a link that does not exist."""
    return NOTHING if may(actor, Action.MANAGE_RIGHTS).allowed else REFUSED


def _breaks_glass(actor: Actor) -> str:
    """Whoever sees the case already is told so (409)."""
    return REFUSED if not may_break_glass(actor) else LATER if scope(actor).admits(SUBJECT) else YES


def _reviewer(actor: Actor) -> str:
    return YES if may_review(actor) else REFUSED


def _proposer(actor: Actor) -> str:
    return YES if may_propose(actor, Act.EXPORT) else REFUSED


def _knows_names(actor: Actor) -> str:
    return YES if may_know_names(actor) else REFUSED


def _nothing(actor: Actor) -> str:
    """Of another desk, another person or another number, which none of these seats has."""
    return NOTHING


def _compares(actor: Actor) -> str:
    """With a case that there is not."""
    return NOTHING if may(actor, Action.LINK_REPORT, SUBJECT).allowed else _by(Action.LINK_REPORT)(actor)


def _disposes(actor: Actor) -> str:
    return YES if may_dispose(actor) else REFUSED


def _holds(actor: Actor) -> str:
    return YES if may_hold(actor) else REFUSED


def _held(actor: Actor) -> str:
    """A case that is seen; to others there is none."""
    return REFUSED if not may_hold(actor) else YES if scope(actor).admits(SUBJECT) else NOTHING


def _paper(actor: Actor) -> str:
    """One that was never made."""
    return NOTHING if may(actor, Action.READ_AUDIT).allowed else REFUSED


def _destroyed(actor: Actor) -> str:
    """Of a case that is not on the list."""
    return NOTHING if may_dispose(actor) else REFUSED


@cache
def _rules() -> Pack:
    return load(RELEASE)


def _speaks(actor: Actor) -> str:
    speaks = actor.has(Role.MACHINE, Role.REPORTER, *DESK_STAFF) and not actor.has(Role.ADMIN)
    return YES if speaks and sends(actor.agency, _rules().signals.values()) else REFUSED


REGISTER, ROUND = "training", "school_screening"


def _reads_register(actor: Actor) -> str:
    return NOTHING if registers.sight(actor, _rules().registers[REGISTER]).nothing else YES


def _writes_register(actor: Actor) -> str:
    writes = registers.keeps(actor, _rules().registers[REGISTER])
    return NOTHING if _reads_register(actor) == NOTHING else YES if writes else REFUSED


def _follows(actor: Actor) -> str:
    return YES if follows(actor, _rules().rounds[ROUND]) else NOTHING


def _opens_round(actor: Actor) -> str:
    return YES if organises(actor, _rules().rounds[ROUND]) else REFUSED


def _sees_keys(actor: Actor) -> str:
    own = any(governs(actor, one) for one in (actor.unit, actor.desk) if one)
    return YES if own or oversees_keys(actor) else REFUSED


def _gives_key(actor: Actor) -> str:
    return NOTHING if oversees_keys(actor) else REFUSED


RULES: dict[str, tuple[str, Rule]] = {
    "file_report": ("file_report", _by(Action.FILE_REPORT)),
    "own_reports": ("the unit that reported", _of_the_unit),
    "add_file": ("add_file", _by(Action.ADD_FILE)),
    "case_files": ("read_content", _by(Action.READ_CONTENT)),
    **dict.fromkeys(("case_papers", "read_paper"), ("read_content", _by(Action.READ_CONTENT))),
    "read_file": ("read_content", _by(Action.READ_CONTENT)),
    **dict.fromkeys(("entry_links", "make_entry_link"), ("manage_rights", _by(Action.MANAGE_RIGHTS))),
    "end_entry_link": ("manage_rights", _rights_of_none),
    "list_cases": ("sight", _in_a_list),
    "read_case": ("read_case", _by(Action.READ_CASE)),
    "read_case · content": ("read_content", _by(Action.READ_CONTENT)),
    "read_case · reporter": ("read_reporter", _by(Action.READ_REPORTER)),
    "read_case · found": ("adopt_plan", _by(Action.ADOPT_PLAN)),
    "open_case_in_full": ("read_content", _by(Action.READ_CONTENT)),
    "full_views": ("the own cases and views", signed_in),
    "read_timeline": ("read_case", _by(Action.READ_CASE)),
    "case_flow": ("read_case", _by(Action.READ_CASE)),
    "explain_case": ("read_case", _by(Action.READ_CASE)),
    "child_services": ("read_content", _by(Action.READ_CONTENT)),
    "read_benefits": ("read_case", _by(Action.READ_CASE)),
    "read_procedures": ("read_case", _by(Action.READ_CASE)),
    "suggested_duplicates": ("link_report", _by(Action.LINK_REPORT)),
    "compare_cases": ("link_report; the other case is none of theirs", _compares),
    **dict.fromkeys(("task_views", "keep_task_view"), ("the own views", signed_in)),
    "end_task_view": ("the own views", _nothing),
    "touched_benefits": ("sight", _in_a_list),
    "access_record": ("read_audit, sight", _on_record),
    "export_access_record": ("read_audit, sight", _on_record),
    "search_audit": ("read_audit", _by(Action.READ_AUDIT)),
    "tasks": ("the own desk", _at_the_desk),
    "colleagues": ("signed in; of the own office", signed_in),
    "names": ("staff and administrators; not of who reports for a unit", _knows_names),
    "task_counts": ("signed in; of the own desk", signed_in),
    "stalled": ("read_statistics, sight", _on_the_board),
    "stalled_counts": ("read_statistics, sight", _on_the_board),
    "overview": ("read_statistics, sight", _on_the_board),
    "on_time": ("read_statistics, sight", _on_the_board),
    "volumes": ("read_statistics", _by(Action.READ_STATISTICS)),
    "outcomes": ("read_statistics", _by(Action.READ_STATISTICS)),
    "figures_workbook": ("read_statistics", _by(Action.READ_STATISTICS)),
    "scorecard": ("read_statistics", _by(Action.READ_STATISTICS)),
    "anonymised": ("read_statistics, oversight", _handed_out),
    "circulars": ("read_statistics", _by(Action.READ_STATISTICS)),
    "read_circular": ("read_statistics", _circular),
    "ledgers_handed_in": ("civil affairs, oversight", _every_office),
    "signal_rules": ("oversight", _overseer),
    "survey_results": ("oversight", _overseer),
    "invite_to_survey": ("oversight", _overseer),
    "findings": ("read_statistics, sight", _on_the_board),
    "communities": ("staff", _staff),
    "break_glass": ("staff, into a case that is not theirs to see (app/domain/emergency.py)", _breaks_glass),
    "emergency_reads": ("supervisors", _reviewer),
    "judge_emergency_read": ("a supervisor of another desk", lambda actor: NOTHING if may_review(actor) else REFUSED),
    "retention_rules": ("signed in", signed_in),
    **dict.fromkeys(("compliance_papers", "make_compliance_paper"), ("read_audit", _by(Action.READ_AUDIT))),
    "read_compliance_paper": ("read_audit", _paper),
    "retention_due": ("supervisors (app/domain/retention.py)", _disposes),
    "legal_holds": ("supervisors, procuratorate and court", _holds),
    "set_legal_hold": ("supervisors, procuratorate and court; sight", _held),
    **dict.fromkeys(("lift_legal_hold", "erase"), ("supervisors, by two persons", _destroyed)),
    "propose_act": ("staff (app/domain/approvals.py)", _proposer),
    "approvals": ("the own office's proposals", signed_in),
    **dict.fromkeys(("approve_act", "reject_act"), ("another person than the proposer, with the right", _nothing)),
    **dict.fromkeys(("read_signal", "open_signal_in_full", "decide_signal"), ("the desk that holds it", _nothing)),
    **dict.fromkeys(("read_sheet", "confirm_sheet", "fetch_sheet", "fetch_month"), ("the own exports and imports", _nothing)),
    "held_signals": ("the desk that holds it, oversight", signed_in),
    "send_signals": ("units and systems of the agencies that a rule listens to (app/domain/signals.py)", _speaks),
    "search_children": ("staff; the cases that they may read", _staff),
    "appoint_deputy": ("the own office, never for a higher seat (app/domain/deputies.py); here of nobody", lambda actor: REFUSED),
    "registers": ("each register's keepers and readers (app/domain/registers.py)", signed_in),
    "registers_due": ("each register's keepers", signed_in),
    **dict.fromkeys(("entries", "register_totals"), ("the keepers and readers of the register: here of training", _reads_register)),
    "add_entry": ("the keepers of the register: here of training", _writes_register),
    **dict.fromkeys(
        ("entry_history", "change_entry", "end_entry", "open_entry_in_full"), ("the keepers and readers; of no entry", _nothing)
    ),
    "rounds": ("who organises a round, takes part in it or oversees it (app/domain/rounds.py)", signed_in),
    "rounds_asked": ("the own desk or unit", signed_in),
    "round_rates": ("who organises a round, takes part in it or oversees it: here of schools", _follows),
    "open_round": ("heads of the organiser, oversight: here of schools", _opens_round),
    **dict.fromkeys(("round_units", "round_registered", "answer_round"), ("of a round that there is not", _nothing)),
    "sheets": ("the own exports and imports", signed_in),
    "keys": ("people of the unit, heads of the desk, administrators of system and security (app/domain/keys.py)", _sees_keys),
    "issue_key": ("the same; here for a unit that there is not", _gives_key),
    **dict.fromkeys(("rotate_key", "revoke_key"), ("the same; of a key that there is not", _nothing)),
    "open_sealed": ("procurators, heads of procuratorate and court, by two persons; no record is here", _nothing),
    "notices": ("the own notices", _nothing),
    "read_notice": ("the own notices", signed_in),
    "deputies": ("the own absences", signed_in),
    "revoke_deputy": ("the own absences", _nothing),
    "people": ("administrators, supervisors, heads of the own agency", _sees_seats),
    "system_health": ("administrators and supervisors", _runs_or_oversees),
    "add_person": ("manage_accounts", _seat_of_none(Action.MANAGE_ACCOUNTS)),
    **dict.fromkeys(
        ("renew_account", "move_person", "end_person", "return_person"),
        ("manage_accounts, never the own", _seat_of_none(Action.MANAGE_ACCOUNTS)),
    ),
    **dict.fromkeys(
        ("release_account", "give_roles", "sign_out_person"),
        ("manage_rights, never the own", _seat_of_none(Action.MANAGE_RIGHTS)),
    ),
    "confirm_year": ("manage_calendar", _by(Action.MANAGE_CALENDAR)),
    "propose_policy": ("manage_policy", _by(Action.MANAGE_POLICY)),
    "approve_policy": ("manage_policy", _by(Action.MANAGE_POLICY)),
    "dry_run_policy": ("manage_policy", _by(Action.MANAGE_POLICY)),
    **dict.fromkeys(
        (
            "me", "agencies", "desks", "calendar", "simulate_case", "rehearse_case", "policy_versions", "policy_rows", "policy_changes",
            "policy_coverage", "surveys",
        ),
        ("signed in", signed_in),
    ),
}  # fmt: skip
OPEN = {
    "progress_by_receipt": "whoever holds the receipt code",
    "paper_by_receipt": "whoever holds the receipt code",
    "answer_survey": "whoever holds a one-time code of a survey",
    "callback": "an agency's system, by its signature",
}
"""Routes without an account, and what stands in its place."""


def commands() -> Iterator[tuple[str, Action]]:
    """The routes of commands, which name their action where they are made."""
    for prefix, routes in (("referral", ON_REFERRAL), ("duty", ON_DUTY), ("case", ON_CASE)):
        yield from ((f"{prefix}_{verb}".replace("-", "_"), action) for verb, (_, action) in routes.items())


def matrix() -> dict[str, tuple[str, Rule]]:
    """Every route with an account, what it asks for, and the rule that answers."""
    rules = RULES | {name: (action.value, _by(action)) for name, action in commands()}
    return {name: (asks, _by_key(name.partition(" ")[0], rule)) for name, (asks, rule) in rules.items()}


def _by_key(route: str, rule: Rule) -> Rule:
    """A key is asked first whether its scopes open the route."""

    def asked(actor: Actor) -> str:
        return rule(actor) if actor.scopes is None or opens(actor.scopes, route) else REFUSED

    return asked


HEAD = """# Who may call what

Made by `./shouhu access --write` from the one decision function, `may()` in [app/domain/access.py](../app/domain/access.py), and for children
from what their files are read by, [app/domain/file_sight.py](../app/domain/file_sight.py); a test asks every cell of the running API, and a
route without a row fails it.

One row a route, one column a role. The six signs of a cell are what the role is answered as **owner** (the agency that leads
the case), **co-agency** (it has a leg), **former agency** (it sent its leg away), **supervisor** (the joint conference office),
**reporter** and **stranger**, in this order:
`Y` yes · `n` refused (403) · `·` does not exist for them (404, or not in the list) · `s` yes, once the case is so far (409).
A **machine** has a key with every scope; a key opens the routes of its scopes alone (app/domain/keys.py).
Whoever the report is about (利益冲突) reads `······` in every row of a case, whatever the role and relation.
"""


def written() -> str:
    """The table as Markdown."""
    head = ["route", "asks for", *(role.value.replace("_", " ") for role in ROLES)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, (asks, rule) in matrix().items():
        cells = ("".join(rule(seat(relation, role)) for relation in Relation) for role in ROLES)
        lines.append(f"| {name} | {asks} | " + " | ".join(f"`{cell}`" for cell in cells) + " |")
    lines += [child_matrix.HEAD, "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, asks, told in child_matrix.rows():
        cells = ("".join(sign for _, sign in told[role]) for role in ROLES)
        lines.append(f"| {name} | {asks} | " + " | ".join(f"`{cell}`" for cell in cells) + " |")
    without = [f"- {name}: {rule}" for name, rule in OPEN.items()]
    return "\n".join([HEAD, *lines, "", "Without an account:", "", *without, ""])
