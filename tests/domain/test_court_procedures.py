"""Procedures before courts and bodies: legal aid, prosecution, protection order, joint conference, supervision."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import ENGINE
from app.domain.determination import Category
from app.domain.facts import ReportFacts
from app.domain.procedure_work import begin
from app.domain.terms import Agency, Role, Rung
from app.domain.working_time import day_of
from app.policy.loader import load
from tests.actors import at_desk
from tests.domain.in_memory import POLICY
from tests.domain.test_procedures import ALONE, BEATEN, DAY, Run

WITNESS = ReportFacts.model_validate(
    {
        "situations": ["suspected_unlawful_harm"],
        "harm_by": ["acquaintance"],
        "household": {"low_income": "no", "on_minimum_living": "no", "hardship_recognised": "no"},
        "guardians": [{"relation": "mother", "whereabouts": "home", "able": "yes", "suspected_of_harm": "no"}],
        "children": [
            {"child_id": "ch-1", "age_years": 9, "abandoned": "yes"},
            {"child_id": "ch-2", "age_years": 12, "is_the_subject": False, "witnessed_harm": "yes"},
        ],
    }
)
"""Of two children one is of a category, and the other saw what happened."""


@pytest.mark.requirement("R100")
@pytest.mark.requirement("R104")
def test_legal_aid_is_decided_in_seven_days_and_a_lawyer_assigned_in_three_by_law():
    case = Run(ALONE)
    case.start("legal_aid", "SW", "ch-1")
    assert case.refused(c.StartProcedure(by=at_desk("SW"), procedure="legal_aid", about="ch-1")) == "procedure_runs"
    case.start("legal_aid", "SW", "ch-2")
    assert case.time_for("legal_aid.examine:ch-1") == "7 days"
    case.end("legal_aid.examine:ch-1", "granted", decided_on=DAY)
    assert case.time_for("legal_aid.assign:ch-1") == "3 days"
    assert case.progress.open_duty("legal_aid.assign:ch-1").clock.spec.basis == ("L84", "L85")
    case.end("legal_aid.assign:ch-1", "assigned", assigned_on=DAY, file="丰援2026-0007")
    assert case.refused(case.outcome("legal_aid.examine:ch-2", "refused", decided_on=DAY)) == "reasons_needed"


@pytest.mark.requirement("R099")
@pytest.mark.requirement("R100")
def test_what_a_court_does_is_kept_as_a_number_and_a_status_and_a_child_before_it_has_legal_aid():
    case = Run(BEATEN)
    case.leg_ends("stop_violence", "")
    case.leg_ends("prosecute", "prosecuted", "ch-1", file="丰检刑诉〔2026〕0033号")
    assert case.owed == {"prosecution.trial": "COURT", "legal_aid.examine:ch-1": "JUSTICE"}
    for wrong in ("张三", "123", "110106201501019991", "判决认定其父打伤其左臂"):
        assert case.refused(case.outcome("prosecution.trial", "decided", decided_on=DAY, file=wrong)) == "record_unfit"
    case.end("prosecution.trial", "decided", decided_on=DAY, file="（2026）京0106刑初88号")
    last = case.progress.outcomes[-1]
    assert (last.outcome, last.record) == ("decided", {"decided_on": DAY, "file": "（2026）京0106刑初88号"})


@pytest.mark.requirement("R093")
def test_a_protection_order_is_in_force_for_its_months_at_most_six_and_then_looked_at_again():
    case = Run(ALONE)
    case.events.append(begin(case.progress, POLICY, case.now, "protection_order"))
    ruling = {"ruled_on": DAY, "file": "（2026）京0106民保令5号"}
    for months in (0, 7):
        assert case.refused(case.outcome("protection_order.rule", "issued", months=months, **ruling)) == "record_unfit"
    case.end("protection_order.rule", "issued", months=2, **ruling)
    order = case.progress.open_duty("protection_order.in_force")
    assert (str(order.clock.spec.budget), order.clock.spec.basis) == ("2 months", ("L20",))
    renew = case.progress.open_duty("protection_order.renew").clock
    assert renew.due_at == order.clock.due_at
    assert order.clock.due_at - renew.rungs[0].at == timedelta(days=15), "while the order can still be renewed"
    case.end("protection_order.renew", "applied", applied_on=DAY)
    case.end("protection_order.rule", "issued", months=3, **ruling)
    longer = case.progress.open_duty("protection_order.in_force").clock
    assert (str(longer.spec.budget), longer.due_at > order.clock.due_at) == ("3 months", True)
    assert set(case.owed) == {"protection_order.in_force", "protection_order.renew"}, "each once"
    case.end("protection_order.renew", "applied", applied_on=DAY)
    case.end("protection_order.rule", "refused", ruled_on=DAY, note="危险已消除")
    assert case.time_for("protection_order.reconsider") == "5 days"


@pytest.mark.requirement("R093")
def test_an_order_counts_from_the_day_of_its_ruling_however_late_somebody_records_it():
    case = Run(ALONE)
    case.events.append(begin(case.progress, POLICY, case.now, "protection_order"))
    case.now = datetime(2026, 4, 20, 2, tzinfo=UTC)
    file = "（2026）京0106民保令5号"
    for day in ("2026-04-21", "2025-10-19", "2016-03-02", "9999-12-31", "0001-01-01"):
        assert (
            case.refused(case.outcome("protection_order.rule", "issued", months=2, ruled_on=day, file=file))
            == "record_unfit"
        )
    case.end("protection_order.rule", "issued", months=2, ruled_on="2026-03-02", file=file)
    order, renew = (case.progress.open_duty(f"protection_order.{step}").clock for step in ("in_force", "renew"))
    assert day_of(order.due_at) == day_of(renew.due_at) == date(2026, 5, 2)
    assert all(one.at > case.now for one in renew.rungs), "nobody is reminded before it was known"
    case.end("protection_order.renew", "applied", applied_on="2026-04-20")
    case.end("protection_order.rule", "issued", months=1, ruled_on="2026-03-02", file=file)
    case.do(c.RaiseDue(by=ENGINE))
    assert "protection_order.in_force" not in case.owed, "what was over when it was recorded is over"


@pytest.mark.requirement("R093")
def test_an_order_runs_out_on_its_day_also_where_another_desk_looks_after_it_and_only_time_to_act_begins_anew():
    case = Run(ALONE)
    case.events.append(begin(case.progress, POLICY, case.now, "protection_order"))
    case.end("protection_order.rule", "issued", months=6, ruled_on=DAY, file="（2026）京0106民保令5号")
    runs_on = ("protection_order.in_force", "protection_order.renew")
    ruled = [case.progress.open_duty(code).clock for code in runs_on]
    case.now = ruled[1].rungs[0].at
    case.do(c.RaiseDue(by=ENGINE))
    case.start("legal_aid", "SW", "ch-1")
    examined = case.progress.open_duty("legal_aid.examine:ch-1").clock
    case.now += timedelta(days=5)
    case.do(c.DeclareConflict(by=ENGINE, about=("POLICE", "WF", "JUSTICE")))
    for code in (*runs_on, "legal_aid.examine:ch-1"):
        case.do(rc.ReassignDuty(by=ENGINE, code=code, to=Agency.CIVIL))
        assert case.owed[code] == "CIVIL"
    assert case.progress.open_duty("legal_aid.examine:ch-1").clock.started_at == case.now > examined.started_at
    in_force, renew = [case.progress.open_duty(code).clock for code in runs_on]
    assert (in_force.due_at, renew.due_at) == (ruled[0].due_at, ruled[1].due_at), "the court said until when"
    assert (renew.started_at, renew.fired) == (ruled[1].started_at, (Rung.REMIND,)), "no rung comes twice"
    case.now = in_force.due_at
    case.do(c.RaiseDue(by=ENGINE))
    assert runs_on[0] not in case.owed, "it has run out"


@pytest.mark.requirement("R093")
def test_an_order_runs_out_on_its_day_also_in_the_case_that_its_own_was_linked_to_and_back_again():
    case, primary = Run(ALONE), Run(ALONE)
    case.events.append(begin(case.progress, POLICY, case.now, "protection_order"))
    case.end("protection_order.rule", "issued", months=2, ruled_on=DAY, file="（2026）京0106民保令5号")
    case.start("legal_aid", "SW", "ch-1")
    codes = ("protection_order.in_force", "protection_order.renew", "legal_aid.examine:ch-1")
    ruled = {code: case.progress.open_duty(code).clock for code in codes}
    case.wait(days=9)
    case.do(c.LinkReport(by=at_desk("POLICE"), primary="case-2"))
    primary.now = case.now
    clocks = {one.code: one.clock for one in case.progress.duties}
    primary.do(c.AddFollower(by=ENGINE, case_id="case-1", procedures=codes, clocks=clocks))
    assert set(codes) <= set(primary.owed)
    for code in codes[:2]:
        clock = primary.progress.open_duty(code).clock
        assert (clock.due_at, clock.started_at) == (ruled[code].due_at, ruled[code].started_at), (
            "the court said until when"
        )
        assert (f"{clock.spec.budget}", clock.rungs, clock.met_at) == ("2 months", ruled[code].rungs, None)
    assert primary.progress.open_duty(codes[2]).clock.started_at == primary.now, "time to act begins anew"
    case.wait(days=10)
    case.do(c.UnlinkReport(by=at_desk("CIVIL", "supervisor", Role.SUPERVISOR)))
    assert case.progress.open_duty(codes[0]).clock.due_at == ruled[codes[0]].due_at
    primary.now = ruled[codes[0]].due_at
    primary.do(c.RaiseDue(by=ENGINE))
    assert codes[0] not in primary.owed, "it has run out"


@pytest.mark.requirement("R093")
def test_an_order_goes_on_by_its_own_dates_in_a_case_that_has_or_awaits_one_itself():
    case, awaits, has = Run(ALONE), Run(ALONE), Run(ALONE)
    for each in (case, awaits, has):
        each.events.append(begin(each.progress, POLICY, each.now, "protection_order"))
    case.end("protection_order.rule", "issued", months=5, ruled_on=DAY, file="（2026）京0106民保令5号")
    case.wait(days=20)
    has.now = awaits.now = case.now
    has.end("protection_order.rule", "issued", months=1, ruled_on=DAY, file="（2026）京0106民保令6号")
    own = has.progress.open_duty("protection_order.in_force").clock
    codes = ("protection_order.in_force", "protection_order.renew")
    clocks = {one.code: one.clock for one in case.progress.duties}
    for primary in (awaits, has):
        primary.do(c.AddFollower(by=ENGINE, case_id="case-1", procedures=codes, clocks=clocks))
        there = [primary.progress.open_duty(f"{code}:2").clock.due_at for code in codes]
        assert there == [clocks[code].due_at for code in codes], "the court said until when"
    has.do(c.RemoveFollower(by=ENGINE, case_id="case-1"))
    has.do(c.AddFollower(by=ENGINE, case_id="case-1", procedures=codes, clocks=clocks))
    both = {*codes, *(f"{code}:2" for code in codes)}
    assert set(has.owed) == both, "a link that is made again brings no order a second time"
    awaits.end("protection_order.rule", "issued", months=1, ruled_on=DAY, file="（2026）京0106民保令7号")
    assert set(awaits.owed) == both, "and a ruling here ends none of another case"
    has.end("protection_order.renew:2", "applied", applied_on=DAY)
    has.now = own.due_at
    has.do(c.RaiseDue(by=ENGINE))
    assert "protection_order.in_force" not in has.owed
    has.end("protection_order.rule:2", "issued", months=3, ruled_on=DAY, file="（2026）京0106民保令8号")
    assert {"protection_order.in_force:2", "protection_order.renew:2"} <= set(has.owed), "each is renewed by itself"


@pytest.mark.requirement("R057")
@pytest.mark.requirement("R010")
def test_the_joint_conference_has_an_agenda_a_resolution_minutes_and_a_task_for_each_agency_that_it_names():
    case = Run(ALONE)
    case.start("joint_conference", "EDU")
    assert case.refused(case.outcome("joint_conference.agenda", "set", meets_on=DAY, items=2)) == "reasons_needed"
    case.end("joint_conference.agenda", "set", meets_on="2026-12-01", items=2, note="一、认定；二、分工")
    held = {"met_on": DAY, "agencies_present": 7, "recused": 1}
    nobody = case.outcome("joint_conference.meet", "recognised", note="决议全文", **held)
    assert case.refused(nobody) == "whom_it_is_about"
    case.end("joint_conference.meet", "recognised", "EDU", "HEALTH", note="决议全文", **held)
    assert case.owed == {
        "joint_conference.minutes": "CONF", "resolution.carry_out:EDU": "EDU", "resolution.carry_out:HEALTH": "HEALTH",
    }  # fmt: skip
    case.end("joint_conference.minutes", "sent", sent_on=DAY)
    case.end("resolution.carry_out:EDU", "done", done_on=DAY)
    case.end("resolution.carry_out:HEALTH", "not_done", note="床位不足")
    assert case.owed == {"resolution.answer:HEALTH": "CONF"}
    case.end("resolution.answer:HEALTH", "again")
    case.wait(days=30)
    fired = case.progress.open_duty("resolution.carry_out:HEALTH").clock.fired
    assert fired[-1] is Rung.PROCURATORATE, "a resolution climbs the ladder of any task"


@pytest.mark.requirement("R010")
def test_a_child_put_forward_has_an_owner_before_anybody_calls_the_conference():
    case = Run(WITNESS)
    assert case.owed == {"joint_conference.agenda": "CONF"}
    clock = case.progress.open_duty("joint_conference.agenda").clock
    assert (str(clock.spec.budget), "default" in clock.spec.basis) == ("5 days", True)
    again = c.StartProcedure(by=at_desk("CIVIL"), procedure="joint_conference")
    assert case.refused(again) == "procedure_runs"
    case.wait(days=30)
    assert case.progress.open_duty("joint_conference.agenda").clock.fired[-1] is Rung.PROCURATORATE
    case.end("joint_conference.agenda", "not_needed", note="该儿童已由其他类别保障")
    assert case.owed == {}
    assert Run(ALONE).owed == {}, "of whom nobody is put forward"


@pytest.mark.requirement("R010")
@pytest.mark.parametrize(("outcome", "now"), [("recognised", "confirmed"), ("not_recognised", None)])
def test_what_the_conference_resolves_is_what_the_rules_find_from_then_on(outcome, now):
    case = Run(WITNESS)
    case.end("joint_conference.agenda", "set", meets_on="2026-12-01", items=1, note="一、认定")
    held = {"met_on": DAY, "agencies_present": 7, "recused": 0}
    about = ("CIVIL",) if outcome == "recognised" else ()
    case.end("joint_conference.meet", outcome, *about, note="决议", **held)
    pack = load("fengtai-2026.1")
    before, after = pack.found(WITNESS), pack.found(WITNESS, case.progress.happened)
    for found, then in ((before, "propose"), (after, now)):
        d8 = [one.category(Category.D8) for one in found]
        assert [one and one.status for one in d8] == [None, then], "of whom it was asked"


@pytest.mark.requirement("R098")
def test_an_agency_replies_to_the_procuratorate_within_a_month_until_the_reply_is_enough():
    case = Run(ALONE)
    not_theirs = c.StartProcedure(by=at_desk("CIVIL"), procedure="procuratorial_supervision", about="EDU")
    assert case.refused(not_theirs) == "not_allowed"
    case.start("procuratorial_supervision", "PROC", "EDU")
    reply = "procuratorial_supervision.reply:EDU"
    assert (case.owed, case.time_for(reply)) == ({reply: "EDU"}, "1 month")
    assert case.progress.open_duty(reply).clock.spec.basis == ("L86",)
    assert case.refused(case.outcome(reply, "replied", replied_on=DAY)) == "reasons_needed", "in writing"
    case.end(reply, "replied", replied_on=DAY, note="书面回复全文")
    case.end("procuratorial_supervision.weigh:EDU", "not_enough", note="未说明整改时限")
    assert case.owed == {reply: "EDU"}


@pytest.mark.requirement("R093")
def test_an_order_that_is_revoked_needs_no_renewal_and_each_body_of_the_law_may_apply_in_a_running_case():
    for agency in ("POLICE", "WF", "COMM-110106101", "RESCUE"):
        case = Run(ALONE)
        case.start("protection_order", agency)
        assert case.owed == {"protection_order.rule": "COURT"}
    case.end("protection_order.rule", "issued", ruled_on=DAY, file="（2026）京0106民保令5号", months=6)
    case.end("protection_order.in_force", "revoked", revoked_on=DAY)
    assert case.owed == {}
    case.start("prosecution", "POLICE")
    assert case.owed == {"prosecution.examine": "PROC"}


@pytest.mark.requirement("R010")
@pytest.mark.parametrize("recused", [7, 8, 60])
def test_nobody_resolves_where_all_are_recused_and_a_refusal_to_recognise_a_child_is_an_answer(recused):
    case = Run(ALONE)
    case.start("joint_conference", "EDU")
    case.end("joint_conference.agenda", "set", meets_on="2026-12-01", items=1, note="一、认定")
    held = {"met_on": DAY, "agencies_present": 7, "recused": recused}
    for outcome, about in (("recognised", ("EDU",)), ("resolved", ("EDU",)), ("not_recognised", ())):
        assert (
            case.refused(case.outcome("joint_conference.meet", outcome, *about, note="决议", **held)) == "record_unfit"
        )
    case.end("joint_conference.meet", "not_recognised", note="不符合认定条件", **held | {"recused": 6})
    assert case.owed == {"joint_conference.minutes": "CONF"}
    assert "joint_conference.meet=not_recognised" in case.progress.happened
