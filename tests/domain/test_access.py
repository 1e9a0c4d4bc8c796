"""Who may see and do what: the whole table of actions and actors, the narrow rules one by one, and the scope as data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.district import DESKS, PEOPLE
from app.domain.access import (
    CASE_RULES,
    ENGINE,
    OFFICE_RULES,
    Action,
    Actor,
    CaseSubject,
    Leg,
    may,
    scope,
)
from app.domain.refusals import RefusalCode
from app.domain.terms import Agency, Role

STREET, OTHER_STREET = "110106017", "110106003"
CASE_ACTIONS = tuple(action for action in Action if action not in OFFICE_RULES)


def at(desk, *roles, person=None, **more):
    agency, _, division = desk.partition("-")
    name = person or f"{desk.lower()}.{'-'.join(roles)}"
    return Actor(person_id=name, agency=Agency(agency), desk=desk, roles=roles, division=division or None, **more)


ACTORS = {
    "police officer": at("POLICE", Role.OFFICER, person="po"),
    "police head": at("POLICE", Role.DESK_HEAD),
    "police chief": at("POLICE", Role.AGENCY_HEAD),
    "police system": at("POLICE", Role.MACHINE),
    "civil officer": at("CIVIL", Role.OFFICER),
    "civil head": at("CIVIL", Role.DESK_HEAD),
    "civil supervisor": at("CIVIL", Role.SUPERVISOR),
    "conference officer": at("CONF", Role.OFFICER),
    "conference supervisor": at("CONF", Role.SUPERVISOR),
    "street officer": at(f"STREET-{STREET}", Role.OFFICER),
    "street head": at(f"STREET-{STREET}", Role.DESK_HEAD, Role.AGENCY_HEAD),
    "social worker": at("SW", Role.OFFICER),
    "committee chair": at("COMMITTEE", Role.AGENCY_HEAD),
    "procurator": at("PROC", Role.PROCURATOR),
    "stranger": at("HEALTH", Role.OFFICER),
    "other street head": at(f"STREET-{OTHER_STREET}", Role.DESK_HEAD, Role.AGENCY_HEAD),
    "reporter": at("SCHOOL", Role.REPORTER, unit="unit-school-1"),
    "other reporter": at("HOSPITAL", Role.REPORTER, unit="unit-hospital-1"),
    "administrator": at("CONF", Role.ADMIN),
    "security administrator": at("CONF", Role.SECURITY_ADMIN),
    "auditor": at("CONF", Role.AUDITOR),
    "engine": ENGINE,
}

CASE = CaseSubject(
    case_id="case-1",
    lead=Agency.CIVIL,
    agencies=(Agency.POLICE, Agency.CIVIL, Agency.STREET, Agency.SW, Agency.COMMITTEE),
    desks=("POLICE", "CIVIL", f"STREET-{STREET}", "SW", "COMMITTEE"),
    division=STREET,
    reporter_unit="unit-school-1",
    at_procuratorate=True,
    leg=Leg(agency=Agency.POLICE, desk="POLICE"),
    closure_proposed_by=("sw.officer",),
)

ADMINISTRATORS = ("administrator", "security administrator", "auditor")
POLICE = ("police officer", "police head", "police chief", "police system")
SUPERVISORS = ("civil supervisor", "conference supervisor")
STAFF_ON_THE_CASE = (
    "police officer", "police head", "police chief", "civil officer", "civil head", "civil supervisor", "conference officer",
    "conference supervisor", "street officer", "street head", "social worker", "committee chair", "procurator",
)  # fmt: skip
CIVIL = ("civil officer", "civil head", "civil supervisor")
AT_INTAKE_OR_LEAD = ("police officer", "police head", "police chief", *CIVIL, "conference supervisor")

TABLE = {
    Action.FILE_REPORT: tuple(name for name in ACTORS if name not in ADMINISTRATORS),
    Action.ADD_FILE: tuple(name for name in ACTORS if name not in ADMINISTRATORS),
    Action.READ_STATISTICS: (
        "police head", "police chief", "civil head", *SUPERVISORS, "conference officer", "street head", "other street head",
        "committee chair", "procurator",
    ),
    Action.MANAGE_CALENDAR: (*SUPERVISORS, "administrator"),
    Action.MANAGE_POLICY: SUPERVISORS,
    Action.MANAGE_DEPUTIES: (
        "police head", "police chief", "civil head", "street head", "other street head", "committee chair", "administrator",
    ),
    Action.READ_AUDIT: (*SUPERVISORS, "auditor"),
    Action.MANAGE_ACCOUNTS: ("administrator",),
    Action.MANAGE_RIGHTS: ("security administrator",),
    Action.READ_PROGRESS: (*STAFF_ON_THE_CASE, "police system", "reporter", "engine"),
    Action.READ_CASE: (*STAFF_ON_THE_CASE, "police system", "engine"),
    Action.READ_CONTENT: (*STAFF_ON_THE_CASE, "engine"),
    Action.READ_REPORTER: ("police officer", "police head", "civil supervisor", "engine"),
    Action.ADD_NOTE: STAFF_ON_THE_CASE,
    Action.SUPPLY_MATERIAL: AT_INTAKE_OR_LEAD,
    Action.WORK_REFERRAL: ("police officer", "police head", "police system"),
    Action.CLAIM: ("police officer", "police head"),
    Action.HAND_BACK: (),
    Action.MOVE_TASK: ("police head", *SUPERVISORS),
    Action.EXTEND: ("police head", *SUPERVISORS),
    Action.URGE: ("civil head", *SUPERVISORS),
    Action.SUPERVISE: SUPERVISORS,
    Action.REASSIGN: (*SUPERVISORS, "engine"),
    Action.LINK_REPORT: AT_INTAKE_OR_LEAD,
    Action.DECLARE_CONFLICT: AT_INTAKE_OR_LEAD,
    Action.ANSWER_REPORTER: AT_INTAKE_OR_LEAD,
    Action.START_PROCEDURE: STAFF_ON_THE_CASE,
    Action.CONFIRM_SAFETY: (
        "police officer", "police head", "civil officer", "civil head", "street officer", "street head", "social worker",
    ),
    Action.REVIEW_GRADE: ("committee chair",),
    Action.ADOPT_PLAN: (*CIVIL, "conference officer", "conference supervisor"),
    Action.DECIDE_BENEFIT: CIVIL,
    Action.SETTLE_BILL: CIVIL,
    Action.CLOSE_PROPOSE: (*CIVIL, "social worker"),
    Action.CLOSE_REJECT: ("civil head", "civil supervisor"),
    Action.CLOSE_APPROVE: ("civil head", "civil supervisor"),
}  # fmt: skip


def test_every_action_has_a_row_and_a_rule():
    assert set(TABLE) == set(Action)
    assert set(CASE_RULES) | set(OFFICE_RULES) | {Action.READ_PROGRESS} == set(Action)


@pytest.mark.parametrize("action", list(Action))
def test_exactly_these_may(action):
    allowed = {name for name, actor in ACTORS.items() if may(actor, action, CASE).allowed}
    assert allowed == set(TABLE[action])


def refused(actor, action, subject=CASE, **changes):
    answer = may(actor, action, subject.model_copy(update=changes))
    return None if answer.allowed else answer.reason


@pytest.mark.parametrize("action", CASE_ACTIONS)
@pytest.mark.parametrize("name", ["stranger", "other street head", "other reporter", *ADMINISTRATORS])
def test_what_one_may_not_see_does_not_exist(name, action):
    assert refused(ACTORS[name], action) is RefusalCode.CASE_NOT_FOUND


@pytest.mark.parametrize("action", [action for action in CASE_ACTIONS if action is not Action.READ_PROGRESS])
def test_a_reporter_sees_the_progress_of_the_own_report_and_nothing_else(action):
    assert refused(ACTORS["reporter"], action) is RefusalCode.CASE_NOT_FOUND
    assert refused(ACTORS["reporter"], Action.READ_PROGRESS) is None
    nobody = at("SCHOOL", Role.REPORTER)
    assert refused(nobody, Action.READ_PROGRESS, reporter_unit=None) is RefusalCode.CASE_NOT_FOUND


def test_an_administrator_who_is_also_an_officer_still_sees_no_case():
    both = at("POLICE", Role.OFFICER, Role.ADMIN)
    assert not scope(both).admits(CASE)
    assert not may(both, Action.READ_AUDIT).allowed


@pytest.mark.parametrize("second", [Role.ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR])
def test_whoever_has_two_of_the_three_offices_of_administration_has_neither_power(second):
    both = at("CONF", Role.SECURITY_ADMIN, Role.ADMIN if second is Role.SECURITY_ADMIN else second)
    assert not may(both, Action.MANAGE_RIGHTS).allowed
    assert not may(both, Action.MANAGE_ACCOUNTS).allowed
    assert not may(both, Action.READ_AUDIT).allowed
    assert not may(both, Action.FILE_REPORT).allowed
    assert not may(both, Action.READ_STATISTICS).allowed


CONCERNED = {
    "the desk": ("police officer", "POLICE"),
    "the agency of a chief": ("police chief", "POLICE"),
    "the agency's system": ("police system", "POLICE"),
    "a supervisor in person": ("civil supervisor", "civil.supervisor"),
    "the office of the one who sees everything": ("conference supervisor", "CONF"),
    "the unit that reported": ("reporter", "unit-school-1"),
    "a procurator": ("procurator", "PROC"),
}


@pytest.mark.parametrize("action", CASE_ACTIONS)
@pytest.mark.parametrize("why", CONCERNED)
def test_whoever_the_report_is_about_sees_neither_case_nor_reporter_whatever_the_role(why, action):
    name, about = CONCERNED[why]
    assert refused(ACTORS[name], action, about=(about, "unit-elsewhere")) is RefusalCode.CASE_NOT_FOUND


def test_a_deputy_of_somebody_concerned_is_concerned_and_the_service_never_is():
    deputy = at("POLICE", Role.OFFICER, person="deputy", acting_for="po")
    assert refused(deputy, Action.READ_CASE) is None
    assert refused(deputy, Action.READ_CASE, about=("po",)) is RefusalCode.CASE_NOT_FOUND
    assert refused(ENGINE, Action.READ_CASE, about=("CONF", "engine")) is None


@pytest.mark.requirement("R098")
def test_a_case_comes_to_the_procuratorate_when_its_ladder_reaches_the_top():
    procurator = ACTORS["procurator"]
    assert refused(procurator, Action.READ_CASE, at_procuratorate=False) is RefusalCode.CASE_NOT_FOUND
    assert refused(procurator, Action.READ_CASE, at_procuratorate=True) is None
    assert refused(procurator, Action.READ_CASE, at_procuratorate=False, agencies=(Agency.PROC,)) is None


@pytest.mark.requirement("R082")
def test_the_head_of_a_street_sees_what_its_committees_do_and_no_other_streets():
    subject = CASE.model_copy(update={"agencies": (Agency.COMM,), "desks": (f"COMM-{STREET}",)})
    assert refused(ACTORS["street head"], Action.READ_CASE, subject) is None
    assert refused(ACTORS["street officer"], Action.READ_CASE, subject) is RefusalCode.CASE_NOT_FOUND
    assert refused(ACTORS["other street head"], Action.READ_CASE, subject) is RefusalCode.CASE_NOT_FOUND


def test_a_desk_in_the_case_cannot_work_on_the_legs_of_others():
    assert refused(ACTORS["street officer"], Action.READ_CASE) is None
    assert refused(ACTORS["street officer"], Action.WORK_REFERRAL) is RefusalCode.NOT_YOUR_DESK


HELD = Leg(agency=Agency.POLICE, desk="POLICE", holder="po")
COLLEAGUE = at("POLICE", Role.OFFICER, person="po2")


@pytest.mark.parametrize(
    ("actor", "action", "reason"),
    [
        (ACTORS["police officer"], Action.CLAIM, None),
        (ACTORS["police officer"], Action.WORK_REFERRAL, None),
        (ACTORS["police officer"], Action.HAND_BACK, None),
        (COLLEAGUE, Action.CLAIM, RefusalCode.HELD_BY_COLLEAGUE),
        (COLLEAGUE, Action.WORK_REFERRAL, RefusalCode.HELD_BY_COLLEAGUE),
        (COLLEAGUE, Action.EXTEND, RefusalCode.NOT_ALLOWED),
        (COLLEAGUE, Action.HAND_BACK, RefusalCode.NOT_THE_HOLDER),
        (COLLEAGUE, Action.MOVE_TASK, RefusalCode.NOT_ALLOWED),
        (ACTORS["police head"], Action.CLAIM, RefusalCode.HELD_BY_COLLEAGUE),
        (ACTORS["police head"], Action.MOVE_TASK, None),
        (ACTORS["police head"], Action.EXTEND, None),
        (ACTORS["civil head"], Action.MOVE_TASK, RefusalCode.NOT_YOUR_DESK),
        (ACTORS["civil supervisor"], Action.MOVE_TASK, None),
        (ACTORS["police system"], Action.WORK_REFERRAL, None),
        (at("POLICE", Role.OFFICER, person="deputy", acting_for="po"), Action.WORK_REFERRAL, None),
        (at("POLICE", Role.OFFICER, person="deputy", acting_for="po"), Action.HAND_BACK, None),
    ],
)
def test_a_claimed_task_is_the_holders_until_it_is_handed_back_or_moved(actor, action, reason):
    assert refused(actor, action, leg=HELD) is reason


@pytest.mark.parametrize(
    "action", [Action.WORK_REFERRAL, Action.CLAIM, Action.HAND_BACK, Action.MOVE_TASK, Action.EXTEND]
)
@pytest.mark.parametrize("name", ["police head", "civil supervisor"])
def test_without_a_leg_there_is_nothing_to_work_on(name, action):
    assert refused(ACTORS[name], action, leg=None) is RefusalCode.REFERRAL_NOT_FOUND


def test_the_desk_that_owes_the_answer_may_give_it():
    owed = Leg(agency=Agency.SW, desk="SW")
    assert refused(ACTORS["social worker"], Action.ANSWER_REPORTER) is RefusalCode.NOT_ALLOWED
    assert refused(ACTORS["social worker"], Action.ANSWER_REPORTER, leg=owed) is None


def test_the_reporters_name_stays_at_the_desk_that_took_the_report():
    assert refused(ACTORS["street officer"], Action.READ_REPORTER) is RefusalCode.NOT_ALLOWED
    assert refused(ACTORS["street officer"], Action.READ_REPORTER, intake_desk=f"STREET-{STREET}") is None
    assert (
        refused(ACTORS["police officer"], Action.READ_REPORTER, intake_desk=f"STREET-{STREET}")
        is RefusalCode.NOT_ALLOWED
    )


HEAD = at("CIVIL", Role.DESK_HEAD, person="a")


@pytest.mark.parametrize(
    ("proposed_by", "approver", "reason"),
    [
        (("b",), HEAD, None),
        ((), HEAD, RefusalCode.CLOSURE_NOT_PROPOSED),
        (("a",), HEAD, RefusalCode.SECOND_PERSON_NEEDED),
        (("b", "a"), HEAD, RefusalCode.SECOND_PERSON_NEEDED),
        (("a",), at("CIVIL", Role.DESK_HEAD, person="b", acting_for="a"), RefusalCode.SECOND_PERSON_NEEDED),
        (("b",), at("CIVIL", Role.DESK_HEAD, person="b", acting_for="a"), RefusalCode.SECOND_PERSON_NEEDED),
        (("c",), at("CIVIL", Role.DESK_HEAD, person="b", acting_for="a"), None),
        (("b",), at("CIVIL", Role.OFFICER, person="a"), RefusalCode.NOT_ALLOWED),
        (("b",), at("POLICE", Role.AGENCY_HEAD, person="a"), RefusalCode.NOT_ALLOWED),
    ],
)
def test_a_closure_needs_two_persons_and_a_deputy_counts_as_both(proposed_by, approver, reason):
    assert refused(approver, Action.CLOSE_APPROVE, closure_proposed_by=proposed_by) is reason


PERSONS = st.sampled_from(["a", "b", "c"])


@given(PERSONS, st.none() | PERSONS, PERSONS, st.none() | PERSONS)
def test_nobody_approves_what_they_proposed_in_whatever_seat(proposer, for_whom, approver, in_whose_seat):
    proposal = at("SW", Role.OFFICER, person=proposer, acting_for=for_whom)
    approval = at("CIVIL", Role.SUPERVISOR, person=approver, acting_for=in_whose_seat)
    answer = refused(approval, Action.CLOSE_APPROVE, closure_proposed_by=proposal.persons)
    involved = {proposer, for_whom} & {approver, in_whose_seat} - {None}
    assert answer is (RefusalCode.SECOND_PERSON_NEEDED if involved else None)


def test_where_a_street_leads_it_is_the_street_of_the_case_not_another_that_has_a_leg():
    both = (f"STREET-{STREET}", f"STREET-{OTHER_STREET}")
    changes = {"lead": Agency.STREET, "desks": both}
    assert refused(ACTORS["street head"], Action.CLOSE_APPROVE, **changes) is None
    assert refused(ACTORS["other street head"], Action.READ_CASE, **changes) is None
    assert refused(ACTORS["other street head"], Action.CLOSE_APPROVE, **changes) is RefusalCode.NOT_ALLOWED


HUMAN_DECISIONS = (
    Action.WORK_REFERRAL, Action.CLAIM, Action.LINK_REPORT, Action.CONFIRM_SAFETY, Action.REVIEW_GRADE, Action.ADOPT_PLAN,
    Action.CLOSE_PROPOSE, Action.CLOSE_APPROVE, Action.ANSWER_REPORTER,
)  # fmt: skip


@pytest.mark.parametrize("action", HUMAN_DECISIONS)
def test_the_service_decides_nothing_in_a_persons_place(action):
    assert refused(ENGINE, action) is RefusalCode.NOT_ALLOWED


def test_an_action_on_no_case_is_an_action_on_a_case_that_does_not_exist():
    for action in CASE_ACTIONS:
        answer = may(ENGINE, action)
        assert not answer.allowed
        assert answer.reason is RefusalCode.CASE_NOT_FOUND


SEEDED = st.sampled_from(PEOPLE).map(
    lambda p: Actor(person_id=p.id, agency=p.agency, desk=p.desk, roles=p.roles, division=p.division, unit=p.unit)
)
INVENTED = st.builds(
    lambda desk, roles: at(desk.id, *roles, person="x"),
    st.sampled_from(DESKS),
    st.lists(st.sampled_from(list(Role)), min_size=1, max_size=3, unique=True),
)


@st.composite
def subjects(draw):
    desks = draw(st.lists(st.sampled_from(DESKS), max_size=5))
    return CaseSubject(
        case_id="case-1",
        lead=draw(st.sampled_from(list(Agency))),
        agencies=tuple(dict.fromkeys(desk.agency for desk in desks)),
        desks=tuple(dict.fromkeys(desk.id for desk in desks)),
        division=draw(st.sampled_from((STREET, OTHER_STREET, "110106"))),
        reporter_unit=draw(st.sampled_from((None, "unit-school-1", "unit-hospital-1"))),
        at_procuratorate=draw(st.booleans()),
        leg=draw(
            st.none() | st.sampled_from(desks).map(lambda d: Leg(agency=d.agency, desk=d.id)) if desks else st.none()
        ),
    )


def seen_by(actor, subject):
    """The rule of sight in the words of the brief, written a second time."""
    is_one = set(actor.roles).__contains__
    if is_one(Role.ADMIN) or is_one(Role.SECURITY_ADMIN) or is_one(Role.AUDITOR):
        return False
    working = any(map(is_one, (Role.OFFICER, Role.DESK_HEAD, Role.AGENCY_HEAD, Role.SUPERVISOR, Role.PROCURATOR)))
    heads = any(map(is_one, (Role.DESK_HEAD, Role.AGENCY_HEAD, Role.SUPERVISOR)))
    one_office = actor.agency not in (Agency.STREET, Agency.COMM)
    return (
        is_one(Role.ENGINE)
        or (actor.agency is Agency.CONF and working)
        or (actor.agency is Agency.CIVIL and is_one(Role.SUPERVISOR))
        or ((working or is_one(Role.MACHINE)) and actor.desk in subject.desks)
        or (one_office and (is_one(Role.AGENCY_HEAD) or is_one(Role.SUPERVISOR)) and actor.agency in subject.agencies)
        or (not one_office and is_one(Role.MACHINE) and actor.agency in subject.agencies)
        or (actor.agency is Agency.STREET and heads and actor.desk.replace("STREET", "COMM") in subject.desks)
        or (actor.agency is Agency.COMMITTEE and working and Agency.COMMITTEE in subject.agencies)
        or (
            actor.agency is Agency.PROC
            and is_one(Role.PROCURATOR)
            and (subject.at_procuratorate or Agency.PROC in subject.agencies)
        )
    )


@given(SEEDED | INVENTED, subjects())
def test_the_scope_the_rule_and_its_words_agree(actor, subject):
    assert may(actor, Action.READ_CASE, subject).allowed == scope(actor).admits(subject) == seen_by(actor, subject)


@given(SEEDED | INVENTED, st.sampled_from(CASE_ACTIONS), subjects())
def test_nothing_can_be_done_with_a_case_that_cannot_be_seen(actor, action, subject):
    if action is not Action.READ_PROGRESS and may(actor, action, subject).allowed:
        assert scope(actor).admits(subject)


@given(SEEDED | INVENTED, subjects())
def test_whoever_sees_the_case_sees_its_progress(actor, subject):
    if scope(actor).admits(subject):
        assert may(actor, Action.READ_PROGRESS, subject).allowed
