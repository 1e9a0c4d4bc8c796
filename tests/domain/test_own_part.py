"""What a desk is shown that is not told all of a case: its own part, the header, and no word of what its disclosure list does not tell."""

import json

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain.disclosure import Told, told_to
from app.domain.facts import ReportFacts
from app.domain.fold import fold
from app.domain.own_part import APART, UNNAMED, part_of
from app.domain.referral_events import ReferralOpened
from app.domain.terms import Agency, Safety
from app.policy.explanation import NOT_TOLD, as_told, explain, in_full
from app.policy.loader import RELEASE, load
from app.policy.words import names_in
from tests.domain.test_procedures import DAY, Run
from tests.world import at_desk

PACK = load(RELEASE)
VIOLENCE = ReportFacts.model_validate(
    {
        "reporter_class": "school",
        "situations": ["suspected_dv"],
        "children": [
            {"child_id": "ch-1", "age_years": 9, "injured": "yes", "harmed": "yes", "school_stage": "primary"}
        ],
        "guardians": [{"relation": "father", "suspected_of_harm": "yes"}],
    }
)
OWN = "own-leg"
NEVER = (
    "stop_violence", "protection_order", "prosecut", "c-police", "c-women", "suspected_dv", "家庭暴力", "涉嫌加害", "guardian_sentenced",
    "suspected of harm", '"C"', "PROC", "COURT", "reporter_class", "own-school", "处置分支", "treat_first", "R068", "R095",
)  # fmt: skip
"""Codes and words of others' legs, of the event, of the suspect, of the court and of who reported."""
REDUCED = sorted({*Agency} - {Agency.POLICE, Agency.PROC, Agency.COURT, Agency.COMMITTEE, Agency.CIVIL, Agency.CONF})


@pytest.fixture(scope="module")
def lived():
    """Violence, a child that was placed, a guardian sentenced, a prosecution and legal aid under way."""
    case = Run(VIOLENCE)
    case.leg_ends("stop_violence", "")
    case.do(c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-1", safety=Safety.PLACED))
    case.do(c.RecordSentence(by=at_desk("POLICE")))
    case.leg_ends("prosecute", "prosecuted", "ch-1", file="丰检刑诉〔2026〕0033号")
    case.end("prosecution.trial", "decided", decided_on=DAY, file="（2026）京0106刑初88号")
    return case.events


def with_leg(lived, agency, **changes):
    """The same with a plain leg of this agency in it."""
    first = next(one for one in lived if isinstance(one, ReferralOpened))
    desk = f"{agency}-{lived[0].division}" if agency.is_territorial else agency.value
    own = {
        "referral_id": OWN,
        "route_id": "plan-own",
        "agency": agency,
        "desk": desk,
        "task": "own_task",
        "basis": ("R089",),
    }
    more = {"assessment": False, "accept": first.accept.model_copy(update={"fired": ()}), "urgent": False}
    return [*lived, first.model_copy(update={**own, **more, **changes})]


def shown_to(events, agency):
    progress, desk = fold(events), f"{agency}-{events[0].division}" if agency.is_territorial else agency.value
    actor = at_desk(desk)
    part = part_of(actor, progress, told_to(actor, progress, PACK.lists))
    bodies = [one.model_dump(mode="json") | {"version": n} for n, one in enumerate(events, 1)]
    why = as_told(explain({RELEASE: PACK.file}, events), part)
    said = [
        part.header(progress),
        [one for one in map(part.event, bodies) if one],
        [one.model_dump(mode="json") for one in why],
    ]
    ids = [
        {**one, "basis": [source["id"] for source in one["basis"]], "due_basis": []} for one in said[2]
    ]  # a clause speaks of every child
    return part, said, json.dumps([*said[:2], ids], ensure_ascii=False)


@pytest.mark.parametrize("agency", REDUCED)
def test_a_desk_sees_the_header_and_its_own_leg_and_no_word_of_what_others_do_and_why(lived, agency):
    part, (header, events, why), said = shown_to(with_leg(lived, agency), agency)
    assert not part.whole
    own = [leg["id"] for leg in header["referrals"]]
    assert OWN in own
    theirs = {e.agency.value for e in lived if isinstance(e, ReferralOpened) and e.agency is agency} | {agency.value}
    assert {leg["agency"] for leg in header["referrals"]} == theirs == {agency.value}
    assert [one["kind"] for one in events][:1] == ["report_filed"]
    assert OWN in [one.get("referral_id") for one in events]
    assert [one["basis"][0]["id"] for one in why if one["row"] == "plan-own"] == ["R089"], (
        "rule, clause and deadline stay"
    )
    own_words = json.dumps([leg for leg in header["referrals"] if leg["id"] != OWN], ensure_ascii=False)
    assert [word for word in NEVER if word in said and word not in own_words] == []
    hidden = {one for one, told in APART.items() if agency not in told and one is not agency}
    assert hidden.isdisjoint(Agency(one["agency"]) for one in header["beside"])
    assert ("placed" in said) == part.places


def test_whoever_sees_the_whole_case_sees_all_of_it_as_the_control(lived):
    for agency in (Agency.POLICE, Agency.CIVIL, Agency.CONF, Agency.PROC):
        part, (header, events, why), said = shown_to(with_leg(lived, Agency.EDU), agency)
        assert part.whole
        assert [word for word in NEVER if word not in said and word != "own-school"] == []
        assert (len(events), len(why) > 10, header["whole"]) == (len(lived) + 1, True, True)


def test_who_takes_part_is_told_but_where_that_would_tell_what_a_compartment_keeps(lived):
    _, (header, _, _), _ = shown_to(with_leg(lived, Agency.EDU), Agency.EDU)
    assert {one["agency"]: one["is_open"] for one in header["beside"]} == {"POLICE": True, "CIVIL": True, "WF": True}
    kept = with_leg(with_leg(lived, Agency.RESCUE, referral_id="leg-2"), Agency.STREET)
    beside = {one["agency"] for one in shown_to(kept, Agency.STREET)[1][0]["beside"]}
    assert "RESCUE" in beside, "a street protects the child where it was placed"
    assert beside.isdisjoint({"HOSPITAL", "SCHOOL", "PROC", "JUSTICE"})


def test_an_event_that_a_person_recorded_of_anothers_leg_is_not_their_own(lived):
    events = with_leg(lived, Agency.EDU)
    edu = at_desk("EDU")
    events.append(e.RungFired(at=events[-1].at, by=edu.person_id, subject="c-women-1", clock="accept", rung="remind",
                              planned_at=events[-1].at, recipients=("desk:WF",)))  # fmt: skip
    events.append(e.NoteAdded(at=events[-1].at, by=edu.person_id))
    assert [one["kind"] for one in shown_to(events, Agency.EDU)[1][1]][-2:] == ["referral_opened", "note_added"]


def test_what_a_desk_needs_of_others_for_its_work_is_shown(lived):
    """Who sent the own leg on and why, what colleagues did, how the child was found for whoever places it, the own assessment after."""
    passed = [e.ReferralPassedOn(at=lived[-1].at, by="wf.officer.1", referral_id="leg-2", to=Agency.EDU, reason="not_competent"),
              e.ReferralPassedOn(at=lived[-1].at, by="x", referral_id="leg-3", to=Agency.EDU, reason="not_competent")]  # fmt: skip
    came = [*with_leg(lived, Agency.WF, referral_id="leg-2"), *passed]
    came = with_leg(came, Agency.EDU, instead_of="leg-2")
    shown = shown_to(came, Agency.EDU)[1][1]
    assert [(one["by"], one["reason"]) for one in shown if one["kind"] == "referral_passed_on"] == [
        ("wf.officer.1", "not_competent")
    ]
    kept = with_leg([*with_leg(lived, Agency.JUSTICE, referral_id="leg-2"), *passed], Agency.EDU, instead_of="leg-2")
    assert "referral_passed_on" not in [one["kind"] for one in shown_to(kept, Agency.EDU)[1][1]], (
        "not of whom a compartment keeps"
    )
    colleague, other = (at_desk(desk).model_copy(update={"person_id": "colleague"}) for desk in ("HOSPITAL", "EDU"))
    case = Run(VIOLENCE)
    case.events = with_leg(case.events, Agency.HOSPITAL)
    for by in (colleague, other):
        case.do(c.AddNote(by=by))
    case.do(c.ConfirmSafety(by=colleague, child_id="ch-1", safety=Safety.SAFE))
    case.do(c.DeclareConflict(by=colleague, about=("unit-school-9",)))
    part, (_, events, _), _ = shown_to(case.events, Agency.HOSPITAL)
    assert [one["kind"] for one in events if one["by"] == "colleague"] == ["note_added", "safety_confirmed"]
    assert [part.wrote(one) for one in events if one["by"] == "colleague"] == [True, True]
    part, (_, events, _), _ = shown_to(with_leg(lived, Agency.RESCUE), Agency.RESCUE)
    assert [(one["safety"], part.wrote(one)) for one in events if one["kind"] == "safety_confirmed"] == [
        ("placed", False)
    ]
    case.do(c.ConfirmSafety(by=at_desk("POLICE"), child_id="ch-1", safety=Safety.NOT_FOUND))
    case.do(
        c.ConfirmSafety(
            by=at_desk("HOSPITAL").model_copy(update={"unit": "unit-hospital-1"}), child_id="ch-1", safety=Safety.SAFE
        )
    )
    found = [
        one
        for one in shown_to(with_leg(case.events, Agency.STREET), Agency.STREET)[1][1]
        if one["kind"] == "safety_confirmed"
    ]
    assert [(one["safety"], one["by"], one.get("office")) for one in found] == [
        ("safe", UNNAMED, None), ("not_found", at_desk("POLICE").person_id, "POLICE"), ("safe", UNNAMED, None),
    ], "how it was found, and by whom unless that tells of a hospital"  # fmt: skip
    after = e.PostAssessmentFiled(at=lived[-1].at, by="x", code="own-duty", grade="low").model_dump(mode="json")
    mine = part.model_copy(update={"duties": frozenset({"own-duty"})})
    assert [one.event(after).get("code") for one in (part, mine)] == [None, "own-duty"]


def test_a_condition_is_told_where_the_list_tells_all_that_it_names_and_else_it_says_so():
    """Whatever the rows: on whichever facts a decision rests, none that is told by no list of the reader is named."""
    progress = fold(with_leg(Run(VIOLENCE).events, Agency.HEALTH, task="rehabilitation"))
    actor = at_desk("HEALTH")
    part = part_of(actor, progress, told_to(actor, progress, PACK.lists))
    assert part.knows(names_in("disabled && ill || children.exists(c, c.age_years < 6)"))
    for untold in ("suspect", "branch == 'C'", "reporter == 'school'", "hurt && suspect", "guardians.exists(g, g.sentenced == 'yes')",
                   "children.exists(c, c.hiv_affected == 'yes')", "something_new"):  # fmt: skip
        assert not part.knows(names_in(untold)), untold
    rows = in_full(PACK.file, progress.filed_at)
    everything = part.model_copy(update={"rows": frozenset(one.row for one in rows)})
    told = as_told(rows, everything)
    assert {one.withheld for one in told if one.condition_zh == NOT_TOLD.zh} == {"condition_not_told"}
    assert all(everything.knows(names_in(one.condition)) for one in told if one.condition)
    assert [
        one for one in told if one.withheld and (one.condition or one.interpretation or one.interpretation_zh)
    ] == []
    assert {one.row for one in told if one.withheld} >= {"c-police", "p-justice"}
    assert as_told(rows, part.model_copy(update={"whole": True})) == rows


def test_without_its_lists_nothing_of_the_facts_is_known():
    """The control of the lists: a seat that is told everything knows every condition, one that is told nothing knows none on facts."""
    progress = fold(Run(VIOLENCE).events)
    nothing = Told(child=(), kin=(), narrative=False, facts=(), branch=False)
    part = part_of(at_desk("EDU"), progress, nothing)
    assert (part.knows({"hour"}), part.knows({"girl"}), part.knows({"branch"})) == (True, False, False)
    assert part.progress(progress).branch is None
