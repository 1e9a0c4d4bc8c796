"""What stands on each paper: the facts that the templates of app/typst set in type. Pure; what may be known was decided before."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.disclosure import ForReporter
from app.domain.opening import desk_of
from app.domain.papers import Paper, paper_no
from app.domain.policy import Policy
from app.domain.progress import Duty, Progress, Referral
from app.domain.terms import Agency, Rung, Safety, Stage
from app.domain.working_time import BEIJING
from app.policy.basis import NOTICE, on_paper
from app.policy.said import STATES, STREETS, fact_name, fact_value

Facts = dict[str, Any]
IN_RECORD = "见流转记录"
"""Instead of what the own office wrote without being told who reported."""
DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
CHILD = (
    "name", "sex", "birth_date", "birth_text", "id_no", "school", "hukou", "residence", "division", "features", "phone",
)  # fmt: skip
"""In the order of official forms; what else is known of a child is in no paper."""
ALWAYS = ("name", "sex", "birth_date")
SECRECY = "L99"
OF_THE_REPORT = ("报告人类别", "报告类型", "处置分支", "答复报告人")
"""Of a summary, what a desk is not told that is shown its own part of the case alone."""
CAREFUL = "以上信息仅限办理本事项使用，请依法保护未成年人隐私和个人信息。"
AFTER_HANDOVER = ("R068", "R085")
ANSWERED, ANSWER_BASIS = "关于上报事项处理结果的反馈函", ("L02", "L06")
PLATFORM = "未成年人保护协同办理平台"


@dataclass(frozen=True)
class Sheet:
    """What all papers of a case are made from."""

    progress: Progress
    case_no: str
    rules: Policy
    offices: Mapping[str, str]
    """Desks by id, as their door says."""
    people: Mapping[str, str]
    """Names of the staff by account."""
    at: datetime
    stamp: str
    whole: bool = True
    """Whether it is made for somebody who is shown all of the case."""

    def office(self, desk: str) -> str:
        """As it signs: the offices of the district bear its name."""
        name = self.offices.get(desk, desk)
        return f"丰台{name}" if name.startswith("区") else name

    @property
    def lead(self) -> str:
        """The desk of the agency that leads."""
        return desk_of(self.progress.lead, self.progress.division)

    def sender_of(self, leg: Referral) -> str:
        """Whoever had the leg before, else who leads; a lead agency has it from the joint conference office."""
        before = self.progress.referral(leg.instead_of) if leg.instead_of else None
        desk = before.desk if before else self.lead
        return self.office(desk if desk != leg.desk else Agency.CONF.value)

    def task(self, leg: Referral) -> str:
        """What the leg asks for."""
        return self.rules.route(leg.route_id, urgent=leg.urgent).title_zh

    def owed(self, duty: Duty) -> str:
        """What a duty asks for."""
        return self.rules.obligation(duty.code.partition(":")[0], urgent=False).title_zh

    def person(self, person_id: str) -> str:
        """Somebody of the staff by name."""
        return "系统" if person_id == "engine" else self.people.get(person_id, person_id)

    def head(self, paper: Paper, title: str, sender: str, basis: Iterable[str], leg: Referral | None = None) -> Facts:
        """What every paper has."""
        number, day = paper_no(self.case_no, paper, self.progress, leg), self.at.astimezone(BEIJING)
        return {
            "title": title, "number": number, "date": [day.year, day.month, day.day], "sender": sender, "stamp": self.stamp,
            "basis": on_paper(basis), "signs": [], "before": [], "parts": [], "after": [], "seal": True,
        }  # fmt: skip


def referral_letter(sheet: Sheet, leg: Referral, packet: Mapping[str, Any]) -> Facts:
    """转介函: the packet of the leg, what is asked and by when; never who reported."""
    until = leg.finish.due_at if leg.finish else None
    asked = [
        ("案件编号", sheet.case_no), ("转介事项", sheet.task(leg)), ("紧急程度", sheet.progress.urgency.zh),
        ("签收时限", zh_time(leg.accept.due_at)), ("办结时限", zh_time(until) if until else "自签收起按规定时限计算"),
    ]  # fmt: skip
    return sheet.head(
        Paper.REFERRAL_LETTER, "关于转介未成年人保护事项的函", sheet.sender_of(leg), [*leg.basis, *leg.accept.spec.basis, SECRECY], leg
    ) | {
        "to": sheet.office(leg.desk),
        "before": [f"根据{NOTICE}文件规定的转介机制，现将下列未成年人保护事项转请你单位办理，有关情况如下："],
        "parts": [{"title": "一、转介事项", "pairs": asked}, *_numbered(_people(packet), start=2)],
        "after": [
            "请在上列时限内签收办理，并反馈办理结果；不属于你单位职责的，请退回并说明理由。逾期未签收的，将逐级报告，直至提请检察监督。",
            CAREFUL, "特此函达。",
        ],
    }  # fmt: skip


def handover(sheet: Sheet, leg: Referral, packet: Mapping[str, Any]) -> Facts:
    """交接单: who brings which child to whom; what only the moment itself shows is written by hand."""
    giving, taking = sheet.sender_of(leg), sheet.office(leg.desk)
    blanks = [
        ("移交时间", 7, "年　月　日　时　分"), ("移交地点", 7, ""), ("身体状况", 12, "伤情、疾病、用药、过敏"), ("情绪与需要", 9, ""),
        ("随身物品", 11, "名称、数量"), ("材料清单", 11, "证件、病历、询问记录等，注明份数"), ("须知事项", 9, "安全风险、不得接触的人员等"),
    ]  # fmt: skip
    return sheet.head(Paper.HANDOVER, "未成年人交接单", giving, [*leg.basis, *AFTER_HANDOVER, SECRECY], leg) | {
        "parts": _numbered([
            {"title": "交接事项", "pairs": [("案件编号", sheet.case_no), ("事项", sheet.task(leg)), ("移交单位", giving), ("接收单位", taking)]},
            *children_parts(packet.get("children") or ()), {"title": "交接情况", "blanks": blanks},
        ]),
        "signs": [f"移交人：{giving}", f"接收人：{taking}", "见证人"],
    }  # fmt: skip


def supervision(sheet: Sheet, leg: Referral, duty: Duty, demand: str, by: str) -> Facts:
    """督办单: what a supervisor demands of the desk that is silent, and until when it answers in writing."""
    clock = next((clock for _, clock in leg.clocks()), leg.finish or leg.accept)
    rungs = [rung.zh for rung in Rung if rung in {*leg.accept.fired, *(leg.finish.fired if leg.finish else ())}]
    standing = [
        ("案件编号", sheet.case_no), ("督办事项", sheet.task(leg)), ("承办单位", sheet.office(leg.desk)), ("目前状态", STATES[leg.state][0]),
        ("原定时限", zh_time(clock.due_at)), ("已有督促", "、".join(rungs)),
    ]  # fmt: skip
    asked = [
        ("督办单位", sheet.office(by)),
        ("发出时间", zh_time(duty.opened_at)),
        ("回复时限", zh_time(duty.clock.due_at)),
    ]
    return sheet.head(Paper.SUPERVISION, "督办单", sheet.office(by), [*duty.basis, *leg.basis], leg) | {
        "parts": _numbered([
            {"title": "督办事项", "pairs": standing}, {"title": "督办要求", "pairs": asked},
            {"title": "具体要求", "text": _lines(demand or "请立即办理，并书面说明逾期原因和下一步措施。")},
            {"title": "承办单位回复", "blanks": [("办理情况", 24, ""), ("逾期原因", 14, ""), ("整改措施", 14, "")]},
        ]),
        "signs": [f"督办单位：{sheet.office(by)}", f"承办单位：{sheet.office(leg.desk)}"],
    }  # fmt: skip


def placement(
    sheet: Sheet, content: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], proposals: Sequence[Mapping[str, Any]]
) -> Facts:  # fmt: skip
    """安置记录: how each child was found and where the rules would have it live; the place itself is kept in no paper."""
    names = {child["id"]: child.get("name") or "姓名不详" for child in content["children"]}
    found = [
        [_brief(one["at"]), names.get(one["child_id"], "—"), Safety(one["safety"]).zh, sheet.person(one["by"]), one.get("note") or ""]
        for one in findings
    ]  # fmt: skip
    proposed = [
        [names.get(one["child_id"], "—"), one["placement"]["now_zh"], one["placement"].get("next_zh") or ""] for one in proposals
    ]  # fmt: skip
    sources = [source for one in proposals for source in one["placement"]["basis"]] or AFTER_HANDOVER
    blanks = [
        ("安置方式", 6, ""), ("照护人或机构", 6, ""), ("安置地点", 6, "监护人涉嫌侵害的，地址另册保密，不在此填写"),
        ("起止时间", 6, "年　月　日至　　年　月　日"),
        ("照护安排", 9, "就学、就医、探视、联系人"), ("下次核查", 6, ""),
    ]  # fmt: skip
    parts: list[Facts] = [
        *children_parts(content["children"]),
        {
            "title": "安全核实与安置经过",
            "columns": ["时间", "未成年人", "核实结果", "核实人", "说明"],
            "rows": found,
            "widths": [3, 2.2, 2, 3, 3.6],
        },
    ]
    if proposed:
        shown = {"columns": ["未成年人", "目前", "后续"], "rows": proposed, "widths": [2, 5, 5]}
        parts.append({"title": "规则提出的安置意见（由人员决定）", **shown})
    return sheet.head(Paper.PLACEMENT, "安置记录", sheet.office(sheet.lead), [*sources, SECRECY]) | {
        "parts": _numbered([
            {"title": "案件", "pairs": [("案件编号", sheet.case_no), ("牵头单位", sheet.office(sheet.lead))]}, *parts,
            {"title": "安置情况", "blanks": blanks},
        ]),
        "signs": ["经办人", "接收（照护）方", "审批人"],
    }  # fmt: skip


def feedback(sheet: Sheet, answer: str) -> Facts:
    """反馈函: the answer that is owed to the reporter, with neither the child nor any agency's findings."""
    duty = sheet.progress.duty("answer_outcome")
    sender = sheet.office(duty.desk if duty else sheet.lead)
    head = sheet.head(Paper.FEEDBACK, ANSWERED, sender, duty.basis if duty else ANSWER_BASIS)
    return head | _answered(sheet.progress.filed_at, answer)


def own_feedback(received_at: datetime, answer: str, at: datetime) -> Facts:
    """The same for the reporter to keep: no number, no office and no seal."""
    day = at.astimezone(BEIJING)
    return {
        "title": ANSWERED, "number": "", "date": [day.year, day.month, day.day], "sender": PLATFORM, "stamp": "本函不含儿童及其家庭的信息",
        "basis": on_paper(ANSWER_BASIS), "parts": [], **_answered(received_at, answer), "seal": False,
    }  # fmt: skip


def _answered(filed_at: datetime, answer: str) -> Facts:
    return {
        "to": "报告人", "before": [f"您于{zh_day(filed_at)}上报的事项已依法受理、处置，现将处理结果反馈如下：", *_lines(answer)],
        "after": [
            "您的信息依法予以保密；儿童及其家庭的情况不在此函中说明。如发现新的情况，请再次报告；孩子正处于危险之中的，请立即拨打110。",
            "感谢您对未成年人的保护。特此反馈。",
        ],
    }  # fmt: skip


def summary(sheet: Sheet, content: Mapping[str, Any], timeline: Sequence[Mapping[str, Any]]) -> Facts:
    """案件摘要: where the case stands, as whoever asks may know it."""
    now = sheet.progress
    stands = [
        ("案件编号", sheet.case_no), ("上报时间", zh_time(now.filed_at)), ("报告人类别", now.reporter_class.zh),
        ("报告类型", now.report_kind.zh),
        ("紧急程度", now.urgency.zh), ("处置分支", now.branch.zh if now.branch else ""), ("牵头单位", sheet.office(sheet.lead)),
        ("街道乡镇", STREETS.get(now.division, now.division)), ("办理阶段", now.stage.zh), ("风险等级", now.grade.zh if now.grade else "未评定"),
        ("答复报告人", "已答复" if now.answered else "未答复"), ("办结时间", zh_time(now.closed_at) if now.closed_at else ""),
    ]  # fmt: skip
    stands = [one for one in stands if sheet.whole or one[0] not in OF_THE_REPORT]
    legs = [
        [sheet.task(leg), sheet.office(leg.desk), STATES[leg.state][0], _brief(leg.opened_at), _due(leg)] for leg in now.referrals
    ]  # fmt: skip
    owed = [
        [sheet.owed(duty), sheet.office(duty.desk),
         STATES["open" if duty.is_open else "dropped" if duty.dropped else "met"][0], _brief(duty.opened_at), _brief(duty.clock.due_at)]
        for duty in now.duties
    ]  # fmt: skip
    passed = [[_brief(one["at"]), _happened(sheet, one), _who(sheet, one), one.get("note") or ""] for one in timeline]
    parts: list[Facts] = [
        {"title": "案件", "pairs": stands, "across": 2},
        *_people(content),
        {
            "title": "各单位任务" if sheet.whole else "本单位任务",
            "columns": ["任务", "责任单位", "状态", "开始", "时限"],
            "rows": legs + owed,
            "widths": [4.2, 3.6, 1.9, 3.4, 3.4],
        },
        {
            "title": "办理经过",
            "columns": ["时间", "事项", "办理人", "说明"],
            "rows": passed,
            "widths": [3, 5, 3.4, 3.6],
        },
    ]
    rows = dict.fromkeys(source for leg in now.referrals for source in leg.basis)
    return sheet.head(Paper.SUMMARY, "案件摘要", sheet.office(sheet.lead), rows) | {"parts": _numbered(parts)}


def receipt(report: ForReporter, code: str, square: str, page: str, at: datetime, *, zh: bool) -> Facts:
    """回执, in the language that the reporter reads."""
    due = report.answer_due_at
    known = zh_time if zh else lambda at: f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M}"
    owed = known(due) if due else ("办理后答复" if zh else "after it was dealt with")
    day = at.astimezone(BEIJING)
    words = RECEIPT[zh]
    return {
        "zh": zh, "date": [day.year, day.month, day.day], "code": code, "square": square, "stamp": words["stamp"],
        "title": words["title"], "sender": words["sender"],
        "code-name": words["code"], "where": words["where"].format(page=page), "square-says": words["square"],
        "pairs": [(words["received"], known(report.received_at)), (words["stage"], report.stage.zh if zh else report.stage.en.capitalize()),
                  (words["answer"], owed)],
        "next-title": words["next-title"], "next": words["next"], "keep": words["keep"],
        "basis": on_paper(("L01", "L02", "L06")) if zh else [],
    }  # fmt: skip


RECEIPT: Mapping[bool, Mapping[str, Any]] = {
    True: {
        "title": "上报回执", "sender": PLATFORM, "code": "回执编号", "where": "凭此编号查询进度和答复：{page}，或扫描右侧二维码。",
        "square": "查询进度的二维码",
        "received": "收到时间", "stage": "办理阶段", "answer": "最迟答复", "next-title": "接下来",
        "next": ["有关单位马上收到，先确保孩子安全。", "逾期没人受理，系统会逐级上报。", "办理结果将答复您，请凭回执编号查看。"],
        "keep": "编号就是凭证，知道编号的人都能看到进度：请妥善保管，不要转发。请不要自行调查，"
                "也不要把上报的事告诉孩子家里。孩子正处于危险之中，请立即拨打 110。",
        "stamp": "回执不含儿童、家庭和报告人的信息",
    },
    False: {
        "title": "Receipt of your report", "sender": "Protection of minors", "code": "Receipt code",
        "where": "See progress and answer with this code: {page}, or scan the square.",
        "square": "A square that leads to the progress", "received": "Received", "stage": "Stage", "answer": "Answer by",
        "next-title": "What happens next",
        "next": ["The agencies have it now, and first make sure that the child is safe.",
                 "If nobody takes it up in time, the next higher office is told.",
                 "You will have an answer; read it with the receipt code."],
        "keep": "Whoever has the code can see the progress: keep it to yourself. Please do not investigate, and do not tell the family of this "
                "report. A child in danger now? Call 110 at once.",
        "stamp": "Nothing about the child, the family or you stands on this receipt.",
    },
}  # fmt: skip


def _people(known: Mapping[str, Any]) -> list[Facts]:
    """The children, the family, the household and the words of the report, as far as they are told."""
    parts = children_parts(known.get("children") or ())
    if family := known.get("family") or known.get("kin"):
        rows = [
            [one.get("relation"), one.get("name"), one.get("phone") or one.get("id_no"),
             fact_value(one["facts"])[0] if one.get("facts") else one.get("note")]
            for one in family
        ]  # fmt: skip
        columns = ["关系", "姓名", "电话或证件", "情况"]
        parts.append({"title": "家庭成员", "columns": columns, "rows": rows, "widths": [2, 2.4, 3.4, 5]})
    conditions = [fact_value(one)[0] for one in known.get("conditions") or ()]
    if any(conditions):
        parts.append({"title": "健康状况", "text": [one for one in conditions if one]})
    if household := known.get("household"):
        parts.append({"title": "家庭情况", "text": [fact_value(household)[0]]})
    if narrative := known.get("narrative"):
        parts.append({"title": "报告内容", "text": _lines(narrative)})
    return parts


def children_parts(children: Sequence[Mapping[str, Any]]) -> list[Facts]:
    """A table for each child."""
    many = len(children) > 1
    return [
        {"title": f"未成年人（{_zh_number(n)}）" if many else "未成年人",
         "pairs": [(fact_name(key)[0], _value(key, child.get(key))) for key in CHILD if child.get(key) or (key in ALWAYS and key in child)],
         "across": 2}
        for n, child in enumerate(children, 1)
    ]  # fmt: skip


def _value(key: str, value: Any) -> str:
    if value in (None, "", []):
        return ""
    whole = DAY.fullmatch(str(value))
    return zh_date(*whole.groups()) if whole else fact_value(value, key)[0]


def _numbered(parts: Sequence[Facts], start: int = 1) -> list[Facts]:
    """一、二、三、"""
    return [part | {"title": f"{_zh_number(n)}、{part['title']}"} for n, part in enumerate(parts, start)]


def _zh_number(n: int) -> str:
    digits = "零一二三四五六七八九"
    tens, ones = divmod(n, 10)
    return (("" if tens == 1 else digits[tens]) + "十" if tens else "") + (digits[ones] if ones or not tens else "")


def _happened(sheet: Sheet, one: Mapping[str, Any]) -> str:
    """An event in words, with the desk, duty, stage, rung or finding that it is about."""
    subject = one.get("referral_id") or one.get("subject") or one.get("code") or ""
    leg, duty = sheet.progress.referral(subject), sheet.progress.duty(subject)
    about = sheet.office(leg.desk) if leg else sheet.owed(duty) if duty else ""
    kinds = {"stage_entered": ("stage", Stage), "rung_fired": ("rung", Rung), "safety_confirmed": ("safety", Safety)}
    name, kind = kinds.get(one["kind"], ("", Stage))
    more = kind(one[name]).zh if name else ""
    return "：".join(filter(None, (one["title_zh"], "，".join(filter(None, (about, more))))))


def _who(sheet: Sheet, one: Mapping[str, Any]) -> str:
    """Who did it; whoever reported is named in no paper."""
    return "报告人" if one["kind"] == "report_filed" else sheet.person(one["by"])


def _due(leg: Referral) -> str:
    clock = next((clock for _, clock in leg.clocks()), None)
    return _brief(clock.due_at) if clock else ""


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def zh_date(year: int | str, month: int | str, day: int | str) -> str:
    """2026年3月12日"""
    return f"{int(year)}年{int(month)}月{int(day)}日"


def zh_day(at: datetime) -> str:
    """The day in Beijing."""
    day = at.astimezone(BEIJING)
    return zh_date(day.year, day.month, day.day)


def zh_time(at: datetime) -> str:
    """2026年3月12日 09:40"""
    return f"{zh_day(at)} {at.astimezone(BEIJING):%H:%M}"


def _brief(at: datetime | str) -> str:
    """2026-03-12 09:40, as columns have it."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M}"
