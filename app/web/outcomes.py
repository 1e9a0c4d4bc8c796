"""How a task ends: the acts that fulfil a duty nobody ticks off, and the outcomes of a step with the fields that each asks for, in words."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from app.domain.policy import Policy
from app.domain.procedure import About, Kind, Outcome, RecordField
from app.domain.procedure_work import allowed
from app.domain.progress import Progress
from app.domain.terms import Agency
from app.web.asks import Ask
from app.web.forms import Form
from app.web.words import Pair

COMPARE = Ask(
    ("对照两份报告，作出决定", "Compare the reports and decide"),
    ("并排查看，再决定是否并案。", "Side by side, then link them or not."),
    main=True,
)
BY_ACT: dict[str, tuple[str, ...]] = {
    "answer_outcome": ("answer", "waive-answer"),
    "confirm_safety": ("safety",),
    "confirm_treated": ("safety",),
    "committee_review": ("grade-review", "assessment-return"),
    "adopt_plan": ("plan",),
    "post_assessment": ("post-assessment",),
    "post_assessment_later": ("post-assessment",),
    "closure": ("closure-approval", "closure-rejection", "closure-proposal"),
    "duplicate_check": (),
    "answer_acceptance": (),
    "medical_costs.ask": ("bill-payer",),
}
"""Duties that nobody ticks off, each with the commands on the case that fulfil it."""
BY_ITSELF: dict[str, Pair] = {
    "answer_acceptance": (
        "有单位受理后，系统自动告知报告人，此项随即完成。",
        "The reporter is told, and this is done, as soon as an agency accepts.",
    ),
    "answer_outcome": (
        "报告人先得到受理告知；有单位受理后，在这里答复处理结果。",
        "The reporter is told of the acceptance first; the outcome is answered here once an agency has accepted.",
    ),
    "closure": (
        "各单位任务、答复报告人和后期评估完成后，在这里提请办结。",
        "The closure is proposed here once the agencies are done, the reporter is answered and the child was seen again.",
    ),
}
"""What is done, or may be done, only once others have done their part."""
WAITS: Pair = ("等候期满，期满后自动结束，不需要办理。", "Time only has to pass; it ends by itself.")
RECORDED: dict[str, Pair] = {
    "agencies_present": ("到会单位数", "Agencies present"),
    "answered_on": ("答复日期", "Answered on"),
    "applied_on": ("申请日期", "Applied on"),
    "arranged_on": ("落实日期", "Arranged on"),
    "asked_on": ("询问日期", "Asked on"),
    "assigned_on": ("指派日期", "Assigned on"),
    "back_on": ("返校日期", "Back at school on"),
    "category_not_shown": ("公示内容未披露儿童类别", "The category of the child was not shown"),
    "checked_on": ("核查日期", "Checked on"),
    "children": ("未成年子女人数", "Number of children"),
    "civil_told_on": ("通报民政部门日期", "Civil affairs told on"),
    "committee_told_on": ("通报居（村）委会日期", "Committee told on"),
    "decided_on": ("决定日期", "Decided on"),
    "done_on": ("办理日期", "Done on"),
    "ended_on": ("结束日期", "Ended on"),
    "family_told_on": ("通报家庭日期", "Family told on"),
    "file": ("文书编号", "Number of the file"),
    "filed_on": ("立案或受理日期", "Opened on"),
    "ground_of_article_92": ("依据未成年人保护法第九十二条第几项", "Ground of article 92, by its number"),
    "handed_over_in_writing": ("已办理书面交接", "It was handed over in writing"),
    "held_on": ("补课日期", "Made up on"),
    "in_school_register": ("已纳入学籍管理", "The child is in the school register"),
    "inspected_on": ("检查日期", "Inspected on"),
    "items": ("议题数", "Items on the agenda"),
    "kin_told_on": ("通报亲属日期", "Kin told on"),
    "last_held_on": ("最近一次授课日期", "Last lesson on"),
    "lessons": ("授课次数", "Lessons held"),
    "lessons_a_week": ("每周授课次数", "Lessons a week"),
    "made_on": ("制定日期", "Made on"),
    "meets_on": ("开会日期", "Meets on"),
    "met_on": ("会议日期", "Met on"),
    "months": ("期限（几个月）", "For how many months"),
    "notified_on": ("通知日期", "Notified on"),
    "ordered_on": ("责令日期", "Ordered on"),
    "place": ("轮候序号", "Place in the queue"),
    "plan": ("方案编号", "Number of the plan"),
    "police_told_on": ("通报公安机关日期", "Police told on"),
    "published_on": ("公示日期", "Published on"),
    "received_on": ("签收日期", "Received on"),
    "recused": ("回避单位数", "Agencies recused"),
    "replied_on": ("书面回复日期", "Replied on"),
    "reported_in_writing_on": ("书面报告日期", "Reported in writing on"),
    "returned_on": ("送回或移交日期", "Returned on"),
    "reviewed_on": ("审核日期", "Reviewed on"),
    "revoked_on": ("撤销日期", "Revoked on"),
    "ruled_on": ("裁判日期", "Ruled on"),
    "sealed_on": ("封存日期", "Sealed on"),
    "seen_on": ("查看日期", "Seen on"),
    "sent_on": ("印发日期", "Sent on"),
    "served_on": ("送达日期", "Served on"),
    "served_on_both": ("送达双方日期", "Served on both on"),
    "settled_on": ("解决日期", "Settled on"),
    "starts_on": ("开始日期", "Starts on"),
    "street_told_on": ("通报街道乡镇日期", "Street told on"),
    "vetted": ("已核验照护能力", "The carer was vetted"),
    "visited_on": ("走访日期", "Visited on"),
    "visits": ("上门劝返次数", "Visits to persuade"),
    "weighed_on": ("研究日期", "Weighed on"),
}
"""The fields of an outcome; one that a later version adds and nobody named is shown as its code in words."""
WHOM: dict[About, Pair] = {
    About.CHILD: ("涉及哪些孩子", "Which children"),
    About.AGENCY: ("涉及哪些单位", "Which agencies"),
    About.BILL: ("涉及哪些账单", "Which bills"),
}


class Way(NamedTuple):
    """One way in which a step ends: the outcome, its fields, and whom it has to name besides: words with pairs of a value and its name."""

    outcome: Outcome
    fields: tuple[tuple[str, str, Pair, Pair, Kind], ...]
    whom: tuple[str, Pair, list[tuple[str, Pair]]] | None


def ways(policy: Policy, progress: Progress, step: str, names: Mapping[str, str]) -> list[Way]:
    """Those that a person may record; `names` are of children whose names may be seen."""
    about = {one.code: one.about for one in allowed(policy, step)}
    return [
        Way(one, tuple(_field(one, name) for name in one.record), _whom(one, about[one.code], progress, names))
        for one in policy.step(step).by_person
    ]


def labels(found: Sequence[Way]) -> dict[str, Pair]:
    """What each field of the form is called, by its place."""
    named = {place: words for way in found for place, _, words, *_ in way.fields}
    return named | {way.whom[0]: way.whom[1] for way in found if way.whom}


def _field(one: Outcome, name: str) -> tuple[str, str, Pair, Pair, Kind]:
    """Its place in the form, its code, its words, what may be written in it, and its kind."""
    field = one.record[name]
    return f"{one.code}.{name}", name, called(name), _hint(field), field.kind


def called(name: str) -> Pair:
    """What a field of an outcome is called."""
    plain = name.replace("_", " ")
    return RECORDED.get(name, (plain, plain))


def _hint(field: RecordField) -> Pair:
    if field.kind is Kind.REFERENCE:
        return (
            "至少含四位数字，不含空格，如 丰公立字〔2026〕0012号；不写证件号。",
            "At least four digits, no space, such as 丰公立字〔2026〕0012号; no identity number.",
        )
    if field.within:
        return (
            f"期限自这一天起算：不能晚于今天，也不能早于{field.within}个月前。",
            f"The term counts from this day: not after today, and not more than {field.within} months ago.",
        )
    if field.kind is Kind.COUNT and field.below:
        zh, en = called(field.below)
        return f"{field.low} 或以上，少于{zh}", f"{field.low} or more, and less than: {en.lower()}"
    if field.kind is Kind.COUNT and field.high < RecordField(kind=Kind.COUNT).high:
        return f"{field.low} 到 {field.high}", f"{field.low} to {field.high}"
    return "", ""


def children(progress: Progress, names: Mapping[str, str]) -> list[tuple[str, Pair]]:
    """Those of a case, by name where it may be seen and is known."""
    numbered = [(child.id, f"孩子 {n}", f"child {n}") for n, child in enumerate(progress.children, 1)]
    return [(key, (names.get(key, zh), names.get(key, en))) for key, zh, en in numbered]


def _whom(
    one: Outcome, about: About | None, progress: Progress, names: Mapping[str, str]
) -> tuple[str, Pair, list[tuple[str, Pair]]] | None:
    if about is None:
        return None
    of: dict[About, list[tuple[str, Pair]]] = {
        About.CHILD: children(progress, names),
        About.AGENCY: [(agency.value, (agency.zh, agency.en)) for agency in Agency],
        About.BILL: [(bill.id, (f"账单 {n}", f"bill {n}")) for n, bill in enumerate(progress.bills, 1)],
    }
    return f"{one.code}.about", WHOM[about], of[about]


def ended(found: Sequence[Way], form: Form, today: date) -> dict[str, Any]:
    """How a step ended, with the fields that this outcome asks for; what does not fit is said beside its field."""
    way = next((one for one in found if one.outcome.code == form.one("outcome")), None)
    if way is None:
        form.wrong("outcome", "请选择办理结果", "Please choose how it ended.")
        return {}
    if way.outcome.reasons and not form.one("note"):
        form.wrong("note", "这一结果须说明理由", "This outcome needs its reasons.")
    record = {name: _value(form, place, way.outcome.record[name], today) for place, name, *_ in way.fields}
    said: dict[str, Any] = {"outcome": way.outcome.code, "record": record}
    if way.whom:
        place, _, options = way.whom
        chosen = [key for key, _ in options if key in form.many(place) or len(options) == 1]
        if not chosen:
            form.wrong(place, "请至少选择一项", "Please choose at least one.")
        said["about"] = tuple(chosen)
    return said


def _value(form: Form, place: str, field: RecordField, today: date) -> bool | int | str:
    typed, kind = form.one(place), field.kind
    value: bool | int | str = typed
    if kind is Kind.CONFIRMED:
        value = typed == "yes"
    elif kind is Kind.COUNT and typed.isdecimal():
        value = int(typed)
    if not field.fits(value, today):
        form.wrong(place, *_wrong(field, bool(typed)))
    return value


def _wrong(field: RecordField, typed: bool) -> Pair:
    if field.kind is Kind.CONFIRMED:
        return "这一结果须先做到此项；做到后请勾选", "This outcome needs it to be so; tick it once it is."
    if not typed:
        return "请填写此项", "Please fill this in."
    if field.within:
        zh, en = _hint(field)
        return f"请核对日期。{zh}", f"Please look at the day again. {en}"
    if field.kind is Kind.DATE:
        return "请填写日期，不能晚于今天", "Please enter a day that is not after today."
    if field.kind is Kind.DAY:
        return "请填写日期", "Please enter a day."
    zh, en = _hint(field)
    if field.kind is Kind.COUNT:
        return f"请填写整数{'，' if zh else ''}{zh}", f"Please enter a whole number{', ' if en else ''}{en}."
    return f"格式不符：{zh}", f"That is no such number. {en}"


def told(policy: Policy, entry: Mapping[str, Any]) -> list[Pair]:
    """What a recorded outcome says, as a timeline tells it: how the step ended, and its fields; nothing of any other event."""
    if entry["kind"] != "outcome_recorded":
        return []
    one = next((one for one in policy.step(entry["step"]).outcomes if one.code == entry["outcome"]), None)
    if one is None:
        return []
    fields = [(called(name), value) for name, value in entry["record"].items()]
    named = [(zh, en) if value is True else (f"{zh}：{value}", f"{en}: {value}") for (zh, en), value in fields]
    return [(one.title_zh, one.title_en), *named]
