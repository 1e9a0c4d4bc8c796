"""What each answer looks like: a worked case, filed by the product's own rules at a fixed hour, as the API would show it."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from pydantic_core import to_jsonable_python

from app.api.flow import flow_of
from app.api.procedures import procedures_of
from app.db.projections import case_columns, task_rows
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import Actor
from app.domain.benefits import Benefit
from app.domain.case import decide, file_report
from app.domain.case_no import case_no
from app.domain.disclosure import for_reporter
from app.domain.entitlement import Move
from app.domain.fold import fold
from app.domain.procedure_work import begin
from app.domain.progress import next_deadline
from app.domain.terms import Agency, Role
from app.domain.titles import TITLES
from app.policy.basis import cite
from app.policy.calendars import seed
from app.policy.examples import examples as worked
from app.policy.examples import facts_of
from app.policy.explanation import explain
from app.policy.loader import load
from app.policy.rehearsal import rehearse
from app.policy.simulation import simulate

CASE = "case-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11"
OTHER = "case-7c2b9a4d5e8f4a1b8c3d2e1f0a9b8c7d"
CHILD = "ch-2f6d8a1c9b8c7d6e5f4a3b2c1d0e9f8a"
FILED = datetime(2026, 3, 12, 1, 40, tzinfo=UTC)
ACCEPTED = FILED + timedelta(minutes=6)
REPORTER = Actor(
    person_id="village.reporter.1", agency=Agency.COMM, desk="COMM-110106101", roles=(Role.REPORTER,),
    unit="COMM-110106101",
)  # fmt: skip
LEFT = {
    "stage": {"report": 5, "assess": 11, "intervene": 6, "review": 1},
    "urgency": {"immediate": 1, "tonight": 0, "same_day": 4, "normal": 18},
    "due": {"overdue": 1, "soon": 3, "today": 6, "week": 19}, "is_whole": True,
}  # fmt: skip
CHANGE = {"kind": "changed", "table": "times", "row": "accept", "field": "urgent",
          "before": {"amount": 1, "unit": "hours"}, "after": {"amount": 30, "unit": "minutes"}}  # fmt: skip
OFFICER = Actor(person_id="police.officer.1", agency=Agency.POLICE, desk="POLICE", roles=(Role.OFFICER,))


@cache
def examples() -> dict[str, Any]:
    """One by the name of each answer's model."""
    policy = load("fengtai-2026.1").with_calendar(seed().calendar())
    report = c.FileReport(by=REPORTER, facts=facts_of("CN-02").at(FILED), unit=REPORTER.desk)
    filed = file_report(CASE, report, policy, FILED)
    accept = rc.AcceptReferral(by=OFFICER, referral_id="a-police-1")
    accepted = decide(fold(filed), accept, policy, ACCEPTED)
    now = fold([*filed, *accepted])
    begun = fold([begin(now, policy, ACCEPTED, "guardian_admonition")], now)
    columns = {**case_columns(now), "id": CASE, "number": 1024, "version": now.version}
    tasks = task_rows(now)
    seen = {"whole": True, **now.model_dump(mode="json"), "referrals_open": len(now.open_referrals)}
    stalled = {**tasks["a-street-1"], "cause": "not_accepted", "age": 7_260.0}
    event, (zh, en) = accepted[0], TITLES["referral_accepted"]
    received = {"child_id": "ch-0d0f4b1e", "benefit": "TEMP_LIVING", "title_zh": Benefit.TEMP_LIVING.zh,
                "title_en": Benefit.TEMP_LIVING.en, "yuan": "1200.00", "since": FILED.date(), "heard_on": None,
                "comparison": None, "move": Move.STAY, "move_zh": Move.STAY.zh, "move_en": Move.STAY.en,
                "would_be": None, "offer": []}  # fmt: skip
    unit_row = {
        "round_id": "round-community_survey-2026-04-10",
        "unit": "COMM-110106007",
        "desk": "COMM-110106007",
        "due_at": FILED + timedelta(days=21),
        "returned_at": ACCEPTED,
        "late": False,
        "screened": 312,
        "found": 1,
        "joined": ["WF"],
    }
    watch_row = {
        "id": "watch-2f6d8a1c",
        "case_id": CASE,
        "child_id": "ch-2f6d8a1c",
        "grade": "medium",
        "desk": "COMM-110106101",
        "visit_due_at": FILED + timedelta(days=30),
        "version": 1,
    }
    side = {"case_id": CASE, "case_no": case_no(1024, FILED), "version": 4, "stage": now.stage, "is_open": True, "filed_at": FILED,
            "closed_at": None, "lead": now.lead, "reporter_class": now.reporter_class, "linked_to": None,
            "narrative": "连续三天无人接送"}  # fmt: skip
    answers = {
        "Receipt": {"case_id": CASE, "receipt": "8F3K-72QD-0M5T-PX1A", "findings": [
            {"child": 0, "field": "id_no", "code": "check_digit"}],
            "progress_page": "http://127.0.0.1:8000/progress", "says": "已收到。怀疑即可上报，无需证据。请保存回执编号。"},
        "ForReporter": for_reporter(now, None),
        "ReportRow": {"id": CASE, "number": 1024, "stage": now.stage, "filed_at": FILED, "is_open": True, "answered": False,
                      "answer_due_at": ACCEPTED},
        "CaseRow": {**columns, "next_deadline_at": next_deadline(now)},
        "CaseFile": {"id": CASE, "case_no": "WB-2026-000123", "version": now.version, "progress": seen, "planned": now.steps,
                     "closing_obstacles": ["reporter_not_answered", "referrals_open"]},
        "TimelineEntry": {"version": len(filed) + 1, "kind": event.kind, "title_zh": zh, "title_en": en, "at": ACCEPTED,
                          "by": OFFICER.person_id, "behalf": None, "due_at": tasks["a-police-1"]["due_at"],
                          "referral_id": "a-police-1"},
        "Flow": flow_of(now, [*filed, *accepted], policy, ACCEPTED),
        "Explained": next(row for row in explain({policy.version: load(policy.version).file}, filed) if row.row == "a-police"),
        "Answered": simulate(worked()["CN-02"]),
        "Course": {**(course := rehearse(policy, report.facts, FILED, (Agency.EDU,))).model_dump(mode="json"),
                   "happenings": course.happenings[:3]},
        "VersionRow": {"version": "fengtai-2027.1", "title": "丰政发〔2017〕17号", "effective_from": date(2027, 1, 1),
                       "proposed_by": "civil.supervisor.1", "proposed_at": FILED, "approved_by": "conf.supervisor.1",
                       "approved_at": ACCEPTED},
        "CoverRow": {"row": "R065", "clause": cite("R065").clause, "text": cite("R065").text, "pack": ["routes a-police"], "beside": "",
                     "is_answered": True},
        "ChangeRow": CHANGE,
        "ComparedVersions": {"version": "fengtai-2027.1", "against": "fengtai-2026.1", "digest": "9f0c2f4be1d07a5d3c6e8a1b2f4d6c8e0a1b3c5d",
                       "changes": [CHANGE]},
        "Tried": {"cases": 1000, "otherwise": [
            {"case_id": CASE, "case_no": case_no(1024, FILED), "what": "urgency", "before": "tonight", "after": "immediate",
             "child_id": None, "what_zh": "紧急程度", "what_en": "urgency", "before_zh": "当晚", "before_en": "tonight", "after_zh": "立即",
             "after_en": "immediate"}]},
        "ComparedCases": {
            "here": side, "there": {**side, "case_id": OTHER, "case_no": case_no(1025, FILED)}, "score": 0.93, "reasons": [], "state": "open",
            "lines": [{"child": 1, "field": "name", "here": ["示*"], "there": ["示*"], "verdict": "near"}]},
        "TaskView": {"id": "view-5b1c", "name": "今日到期", "query": {"view": "desk", "due": "today"}, "is_default": False},
        "Suggestion": {"other_id": OTHER, "score": 0.93, "state": "open", "reasons": []},
        "Received": received,
        "TouchedCase": {"id": CASE, "number": 1024, "touched": [received]},
        "SealedRecord": {"case_id": CASE, "closed_at": ACCEPTED, "closed_reason": "needs_met", "outcomes": [
            {"subject": "juvenile_diversion.seal", "step": "juvenile_diversion.seal", "outcome": "sealed",
             "record": {"sealed_on": "2026-03-12"}, "at": ACCEPTED}]},
        "Procedures": procedures_of(begun, load("fengtai-2026.1"), Agency.POLICE, ACCEPTED),
        "TaskRow": tasks["a-police-1"],
        "NamedTask": {**tasks["a-police-1"], "title_zh": "责令送回或委托照护", "title_en": "order the return or a delegation of care",
                      "case_no": case_no(1024, FILED)},
        "TasksLeft": LEFT,
        "TaskCounts": {"mine": 7, "claimable": 4, "desk": 23, "overdue": 1, "notices": 2, "left": LEFT},
        "StalledRow": stalled | {"title_zh": "责令送回或委托照护", "title_en": "order the return or a delegation of care",
                                 "case_no": case_no(1024, FILED)},
        "CauseCount": {"cause": "not_accepted", "tasks": 3},
        "Overview": {"at": ACCEPTED, "open_cases": 46, "overdue": 3, "due_soon": 6, "not_accepted": 1, "on_time": 0.964,
                     "cells": [{"agency": "POLICE", "stage": "report", "open": 6, "overdue": 1, "waiting_hours": 0.2,
                                "working_hours": 5.2, "ended": 41}]},
        "Month": {"month": "2026-11", "reports": 24, "closed": 19},
        "Rate": {"agency": "POLICE", "due": 24, "on_time": 22, "rate": 0.9167},
        "FindingRow": {"id": 7, "stream_id": CASE, "case_id": CASE, "problem": "no_live_workflow", "repaired": True,
                       "found_at": ACCEPTED, "ended_at": None},
        "Notice": {"id": 311, "person_id": "street.officer.1", "case_id": CASE, "version": 14, "kind": "rung_fired",
                   "title_zh": "升级", "title_en": "escalated", "case_no": case_no(1024, FILED),
                   "subject": "a-street-1", "rung": "remind", "at": tasks["a-street-1"]["due_at"], "read_at": None},
        "Done": {"case_id": CASE, "version": now.version, "events": [e.kind for e in accepted], "replayed": False},
        "Actor": OFFICER,
        "Made": {"id": 42},
        "Named": {"id": "police.officer.2", "name": "民警乙（化名）"},
        "Colleague": {"id": "police.officer.2", "name": "民警乙（化名）", "desk": "POLICE", "roles": ["officer"]},
        "Deputyship": {"id": 42, "person_id": "police.officer.1", "deputy_id": "police.officer.2", "set_by": "police.head.1",
                       "from_at": FILED, "until_at": FILED + timedelta(days=7), "revoked_at": None},
        "WatchRow": watch_row,
        "DueVisit": (due_visit := {**watch_row, "name": "示*", "residence": "北京市丰台区卢沟桥街道***", "community": "示例一***",
                                   "is_full": False}),
        "OneVisit": {**due_visit, "heard": [{"warning": 7, "count": 3, "happened_on": "2026-04-09"}]},
        "CommunityRow": {"id": "entry-91aa", "name": "示例一社区", "mine": True},
        "Watched": {"version": 2, "visit_due_at": FILED + timedelta(days=60), "is_open": True, "grade": "low",
                    "replayed": False},
        "RegisterKind": {**(book := policy.registers["childrens_homes"]).model_dump(mode="json"), "keeps": True},
        "EntryRow": {"id": "entry-5b1c", "version": 2, "desk": "STREET-110106007", "division": "110106007", "kind": "changed",
                     "reason": None, "fields": {"community": "entry-91aa", "address": "社区服务中心一层", "places": 40},
                     "review_at": FILED + timedelta(days=365), "at": FILED, "by": "street-110106007.officer.1"},
        "Entered": {"id": "entry-5b1c", "version": 2, "review_at": FILED + timedelta(days=365), "replayed": False},
        "DueRow": {"what": "vacancy", "book": book.code, "zh": book.zh, "en": book.en, "desk": "STREET-110106007",
                   "division": "110106007", "subject": "entry-91aa", "since": FILED, "basis": ["R027"]},
        "TotalRow": {"division": "110106007", "entries": 3, "sums": {"places": 120}},
        "RoundRow": {"id": "round-community_survey-2026-04-10", "code": "community_survey", "zh": "社区（村）全面排查",
                     "en": "survey of the communities", "basis": ["R081"], "organiser": "CIVIL", "opened_at": FILED,
                     "due_at": FILED + timedelta(days=21), "closed_at": None, "is_open": True, "version": 9, "asked": 26,
                     "returned": 8, "rate": None, "screened": 2310, "found": 3},
        "UnitRow": unit_row,
        "AskedRow": {**unit_row, "code": "community_survey", "version": 3, "zh": "社区（村）全面排查", "en": "survey of the communities",
                     "basis": ["R081", "R120", "default"]},
        "RateRow": {"unit": "unit-school-1", "name": "示例小学", "desk": "SCHOOL", "asked": 4, "returned": 3, "on_time": 2, "rate": 0.75,
                    "last_returned_at": ACCEPTED, "running": True},
        "RegisteredChild": {"child_id": "ch-0d0f4b1e", "name": "示**", "birth_date": "2018", "registered_at": FILED},
        "AnswerTaken": {"round_id": "round-community_survey-2026-04-10", "version": 10, "is_open": True, "replayed": False,
                        "reports": [{"case_id": CASE, "receipt": "8F3K-72QD-0M5T-PX1A"}]},
        "Opened": {"id": "view-4bf92f35", "until": ACCEPTED + timedelta(minutes=10), "fields": ["children", "family"]},
        "InEmergency": {"id": "glass-4bf92f35", "case_id": CASE, "stage": now.stage, "desks": ["POLICE"], "content": {"children": []},
                        "review_by": ACCEPTED + timedelta(hours=24)},
        "EmergencyRead": {"id": "glass-4bf92f35", "case_id": CASE, "person_id": "hospital.officer.1", "behalf": None, "agency": "HOSPITAL",
                          "desk": "HOSPITAL", "reason": "medical", "note": "急诊核对身份", "read_at": ACCEPTED, "overdue": False,
                          "review_by": ACCEPTED + timedelta(hours=24), "verdict": None, "reviewed_by": None, "review_note": None,
                          "reviewed_at": None},
        "ApprovalRow": {"id": "approval-4bf92f35", "act": "unmask_list", "case_id": None, "case_no": None,
                        "parameters": {"ledger": "work", "use": "hand_in"},
                        "reason": "hand_in", "note": "季度上报", "person_id": "street-110106007.officer.1", "behalf": None,
                        "agency": "STREET", "desk": "STREET-110106007", "proposed_at": FILED, "expires_at": FILED + timedelta(hours=1),
                        "approved_by": "street-110106007.head.1", "approved_at": ACCEPTED, "rejected_by": None, "rejected_at": None,
                        "used_at": None},
        "RetentionRow": {"code": "case_10y_21", "kept": "case", "holds_from": date(2026, 1, 1), "years": 10, "until_age": 21,
                         "why": "最后一项记录满十年",
                         "basis": [{"id": "default", "clause": "产品默认", "text": "product default, not law", "status": ""}]},
        "DisposalRow": {"subject_id": CASE, "kept": "case", "rule": "case_10y_21", "due_on": date(2037, 3, 4), "held": False, "listed_at": FILED,
                   "erased_at": None, "erased_by": None, "approval_id": None, "streams": None, "files": None},
        "HoldRow": {"id": "hold-4bf92f35", "subject_id": CASE, "case_id": CASE, "reason": "litigation", "note": "抚养权诉讼未结",
                    "set_by": "civil.supervisor.1", "set_at": FILED, "lift_reason": None, "lifted_by": None, "lifted_at": None},
        "Erased": {"subject_id": CASE, "streams": 3, "files": 1, "backups": 3},
        "ComplianceRow": {"id": "paper-4bf92f35", "kind": "impact", "year": 2026, "made_at": FILED, "made_by": "engine"},
        "FullViewRow": {"id": "view-4bf92f35", "case_id": CASE, "stream_id": CASE, "person_id": "police.officer.1", "behalf": None,
                        "agency": "POLICE", "desk": "POLICE", "reason": "visit", "note": "今日入户，须核对门牌", "fields": ["children"],
                        "opened_at": ACCEPTED, "until": ACCEPTED + timedelta(minutes=10)},
        "AccessRow": {"id": 902, "at": ACCEPTED, "person_id": "police.officer.1", "behalf": None, "agency": "POLICE",
                      "action": "read_content", "stream_id": CASE, "version": None, "fields": ["children", "narrative"], "children": [CHILD],
                      "why": "own_desk", "outcome": "done", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        "Outcomes": {"as_of": FILED, "target": date(2030, 12, 31), "unread": 0, "children": 3, "categories": {"D1": 1, "D2": 2},
                     "grades": {"high": 1, "medium": 1, "low": 0, "none": 1}, "left_behind_guarded": 0.5, "closed_cases": 4,
                     "again_by_visit": 1, "again_by_visit_rate": 0.25, "completeness": 0.82, "days_to_discovery": 6.0,
                     "hours_to_first_action": 0.1, "before": None},
        "Anonymous": {"as_of": FILED, "smallest_shown": 5, "unread": 0, "categories": {"110106007": {"D1": 12, "D2": None, "D3": None}},
                      "grades": {"110106007": {"high": None, "low": 9, "medium": None}}},
        "LedgerKind": (book := {"code": "work", "zh": "工作台账", "en": "work ledger", "basis": ["R015", "R013", "R016"]})
        | (rows := {"rows_of": "children", "is_entered": True}),
        "LedgerDue": {**book, **rows, "month": "2026-03", "children": 41, "rows": 41, "unverified": 2, "ours": 1, "registered": 3, "late": 1,
                      "missing": [{"code": "id_no", "zh": "身份证号", "en": "id number", "children": 3}], "is_whole": True,
                      "handed": [{"desk": "COMM-110106007", "by": "comm-110106007.officer.1", "at": FILED, "rows": 41, "fetched_at": ACCEPTED}]},
        "OfficeHandedIn": {"desk": "STREET-110106007", "agency": "STREET", "division": "110106007", "month": "2026-03", "books": 8,
                           "exported": 8, "fetched": 7, "missing": ["aid"], "last_at": FILED},
        "LedgerPage": {**book, "masked": True, "next": None, "rows": [{"child_id": CHILD, "name": "华*", "last_visit": None}],
                       "columns": [{"code": "name", "zh": "姓名", "en": "name"},
                                   {"code": "last_visit", "zh": "最近走访", "en": "last visit"}]},
        "ChildPage": {"id": CHILD, "version": 2, "division": "110106101", "masked": True, "watch": {
            "id": f"watch-{CHILD}", "desk": "COMM-110106101", "grade": "medium", "visit_due_at": FILED + timedelta(days=30)},
            "fields": {"school": {"zh": "就读学校", "en": "school", "value": "示例小学（化名）", "version": 1, "by": "comm-110106101.officer.1",
            "at": ACCEPTED}}},
        "HistoryRow": {"section": "school", "version": 1, "kind": "change_entered", "title_zh": "填报变更", "title_en": "change entered",
                       "field": "school", "change": 1, "by": "comm-110106101.officer.1", "behalf": None, "at": ACCEPTED,
                       "value": "示例小学（化名）", "evidence": "学籍卡", "reason": None, "note": ""},
        "SheetJob": {"id": "sheet-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11", "step": "preview", "book": "information", "why": None,
                     "state": "refused", "percent": 100, "done": 3, "total": 3, "problem": "sheet_has_errors",
                     "counts": {"new": 1, "changed": 1, "same": 0, "wrong": 1}, "at": FILED, "ended_at": ACCEPTED,
                     "kept_until": FILED + timedelta(days=1),
                     "title": "有错误，整表未导入 · Nothing was imported.",
                     "faults": [{"row": 4, "column": "birth_date", "code": "future_date", "zh": "日期晚于今天", "en": "lies ahead"}],
                     "unread": [{"column": "last_visit", "zh": "最近走访", "en": "last visit", "why": "不导入：…", "cells": 2}]},
        "WaitingRow": {"id": f"file-{CHILD}", "child_id": CHILD, "division": "110106101", "version": 1,
                       "next_deadline_at": FILED + timedelta(days=7), "desks": ["STREET-110106101"], "name": "示*",
                       "changes": [{"change": 1, "field": "school", "by": "comm-110106101.officer.1", "at": FILED,
                                    "due_at": FILED + timedelta(days=7)}]},
        "FoundChild": {"case_no": case_no(1024, FILED), "child_id": CHILD, "case_id": CASE, "number": 17, "stage": "report",
                       "is_open": True, "name": "示*"},
        "FileAnswer": {"child_id": CHILD, "version": 1, "change": 1, "waits_for": "STREET-110106101",
                       "due_at": FILED + timedelta(days=7), "replayed": False},
        "Passed": {"child_id": CHILD, "version": 2, "change": 1, "waits_for": None, "due_at": None, "replayed": False,
                   "district_compares": False},
        "Registered": {"child_id": CHILD, "version": 1, "change": 1, "waits_for": "STREET-110106101", "proposed": "low",
                       "due_at": FILED + timedelta(days=7), "means_change": None, "replayed": False},
        "DuplicateAnswer": {"child_id": CHILD, "version": 2, "change": 2, "waits_for": "STREET-110106101", "replayed": False,
                            "due_at": FILED + timedelta(days=7), "decision": "same"},
        "ChildServices": {"child_id": "ch-0d0f4b1e", "file_id": "ch-0d0f4b1e", "services": [
            {"service": "h-preschool", "agency": "HEALTH", "zh": "学龄前儿童健康检查", "en": "check before school", "basis": ["R024"],
             "due": "yes", "at_months": 60, "next_months": 72, "given": [], "missing": []}]},
        "Questionnaire": {"code": "satisfaction", "zh": "社会公众满意度调查", "en": "how satisfied the public is", "questions": [
            {"code": "overall", "zh": "总体满意度", "en": "satisfied on the whole"}]},
        "Codes": {"survey": "satisfaction", "codes": ["8F3K-72QD-0M5T-PX1A"],
                  "links": ["https://shouhu.example/survey/satisfaction#8F3K-72QD-0M5T-PX1A"]},
        "OwedRow": {"id": "owed-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11", "version": 1, "matter": "vacancy", "code": "staff:division-supervisor",
                    "zh": "街道（乡镇）儿童督导员", "en": "supervisor of a street or town", "basis": ["R135"], "subject": "110106007",
                    "agency": "STREET", "desk": "STREET-110106007", "division": "110106007", "opened_at": FILED,
                    "due_at": FILED + timedelta(days=30), "rung": None, "is_open": True, "settled_at": None},
        "OwedAnswer": {"id": "owed-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11", "version": 2, "how": "explained", "replayed": False},
        "AllTaken": {"signals": [{"id": "kq-2026-0311", "state": "taken"}]},
        "HeldRow": (held := {"id": "signal-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11", "rule": "s-absent", "zh": "连续无故缺勤",
                             "en": "absent from school without a word", "agency": "SCHOOL", "unit": "unit-school-1", "times": 1,
                             "division": "110106007", "desk": "STREET-110106007", "happened_on": FILED.date(), "received_at": FILED}),
        "HeldSignal": {**held, "said": {"child": {"name": "示*"}, "count": 3}, "about": [], "full": False, "kept_back": False, "likely": [
            {"child_id": CHILD, "score": 0.74, "watched": True, "reasons": [
                {"code": "same_name", "zh": "姓名相同", "en": "same name", "weight": 8}]}]},
        "FoundAnswer": {"id": held["id"], "outcome": "child", "watch_id": f"watch-{CHILD}", "warning": 4, "case_id": None},
        "RuleRow": {"rule": "s-absent", "zh": "连续无故缺勤", "en": "absent from school without a word", "basis": ["R055", "R031", "default"],
                    "received": 21, "repeated": 6, "warned": 12, "held": 2, "reported": 3, "false_alarms": 9, "unknown": 1, "risks": 5,
                    "false_alarm_rate": 0.5},
        "FilesAlike": {"one": CHILD, "other": "ch-9a8b7c6d", "score": 0.97, "found_at": FILED},
        "AlikeFile": (like := {"child_id": CHILD, "score": 0.97, "name": "示*", "birth_date": "2016-**-**", "verified": True, "reasons": [
            {"code": "same_name", "zh": "姓名相同", "en": "same name", "weight": 8}]}),
        "FilesLike": {"files": [like], "district_compares": True},
        "FilesCompared": {"one": CHILD, "other": "ch-9a8b7c6d", "score": 0.97, "suggested": True, "reasons": [
            {"code": "same_birth_date", "zh": "出生日期相同", "en": "same birth date", "weight": 10}]},
        "Thanks": {"says": "已收到，谢谢。您的回答不与任何个人信息关联。"},
        "Results": {"survey": "satisfaction", "smallest_shown": 5, "questions": [
            {"code": "overall", "zh": "总体满意度", "en": "satisfied on the whole", "answered": 43, "mean": 4.26,
             "marks": {"1": 0, "2": 0, "3": 8, "4": 16, "5": 19}}]},
        "Card": {"division": "110106007", "reports": 14, "reported_again": 1, "answered": 13, "hours_to_safety": 5.2,
                 "rungs": {"remind": 6, "desk_head": 1},
                 "visits": 31, "visits_missed": 1, "visits_overdue": 2, "asked": 2, "returned": 2},
        "Kept": (kept := {"id": "upload-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11", "name": "照片.jpg", "media_type": "image/jpeg",
                          "size": 482113}),
        "PaperRow": {"paper": "referral_letter", "title_zh": "转介函", "title_en": "referral letter",
                 "number": f"{case_no(1024, FILED)}-转POLICE-01", "referral_id": "a-police-1", "about": "区公安分局"},
        "FileRow": {**kept, "version": 1, "added_at": FILED},
        "NewLink": {"id": "link-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11", "code": "7Q2M-4KXA-90TD",
                    "address": "http://127.0.0.1:8000/report#7Q2M-4KXA-90TD"},
        "LinkRow": {"id": "link-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11", "unit": "unit-school-1", "agency": "SCHOOL",
                    "reporter_class": "school", "name": "示例小学（化名）", "made_by": "security.1", "made_at": FILED, "ended_at": None},
        "AgencyRow": {"code": "HEALTH", "name_zh": "区卫生健康委", "name_en": "health commission", "aliases": ["区卫计委"]},
        "Health": {"at": FILED, "light": "wrong", "signs": [
            {"vital": "restore", "title_zh": "备份恢复演练", "title_en": "a backup was restored", "light": "wrong", "zh": "最近演练 从未",
             "en": "last on no day", "do_zh": "请恢复一次到另一台机器，并把日期写入 SHOUHU_RESTORE_TESTED。",
             "do_en": "Restore one on another machine and enter the day as SHOUHU_RESTORE_TESTED."}]},
        "Credentials": {"id": "civil.officer.3", "password": "9v3nQx0fT2mLkA7c", "held": False,
                        "authenticator": "otpauth://totp/Shouhu:civil.officer.3?secret=JBSWY3DPEHPK3PXP&issuer=Shouhu"},
        "DeskRow": {"id": "STREET-110106007", "agency": "STREET", "division": "110106007", "name_zh": "东铁匠营街道办事处", "people": 2,
                    "heads": 1},
        "SeatRow": {"id": "civil.officer.3", "name": "示例丙（化名）", "agency": "CIVIL", "desk": "CIVIL", "desk_name": "区民政局",
                    "roles": ["officer"], "division": None, "unit": None, "is_active": True, "account_at": FILED, "held_at": None,
                    "away_until": None, "seen_at": ACCEPTED, "by_provider": False},
        "Year": {"confirmed_until": date(2026, 12, 31), "days": [
            {"day": date(2026, 10, 10), "kind": "make_up", "name": "国庆节调休", "source": "holidays", "confirmed": True}]},
        "KeyRow": {"id": "key-5b1c0d9e8f7a6b3c", "unit": "unit-school-1", "agency": "SCHOOL", "scopes": ["report:create"],
                   "label": "学籍管理系统", "made_by": "school.reporter.1", "made_at": FILED, "replaced_by": None,
                   "expires_at": FILED + timedelta(days=365), "revoked_at": None, "last_used_at": ACCEPTED, "giver_left": False},
        "ShownOnce": {"id": "key-5b1c0d9e8f7a6b3c", "key": "shk_43-characters-of-chance", "says": "请立即保存，系统不再显示。"},
        "Confirmed": {"calendar_version": 2, "cases_moved": 18, "watches_moved": 3},
    }  # fmt: skip
    return to_jsonable_python(answers, by_alias=False)


def add_to(schemas: dict[str, Any]) -> None:
    """An example for each answer among the schemas; a page shows one item."""
    known = examples()
    for name, schema in schemas.items():
        item = name.removeprefix("Page_").removesuffix("_")
        if name in known:
            schema["example"] = known[name]
        elif name.startswith("Page_") and item in known:
            schema["example"] = {"items": [known[item]], "next": None}
