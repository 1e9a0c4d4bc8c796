"""What each command asks of a person: its words, its consequence, when it fits, and the fields of its form.

One table for all forms of a case; the rules themselves refuse what does not hold, so a line here only says what is worth offering.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.domain import terms as t
from app.domain.progress import Progress, Referral, State
from app.web.forms import Form
from app.web.words import Pair

Options = Iterable[t.Term]


@dataclass(frozen=True)
class Asked:
    """One field: `kind` names the macro that shows it; options are official terms."""

    name: str
    words: Pair
    kind: str = "select"
    options: tuple[t.Term, ...] = ()
    hint: Pair = ("", "")
    blank: Pair = ("请选择", "Please choose")
    optional: bool = False


@dataclass(frozen=True)
class Ask:
    """One command as a form. `needs_note` says what the text has to hold; else it is a remark that may be left out."""

    words: Pair
    does: Pair
    fits: Callable[[Progress, Referral | None], bool] = lambda _progress, _leg: True
    takes: tuple[Asked, ...] = ()
    needs_note: Pair | None = None
    kind: str = ""
    main: bool = False
    """Offered as the one main action."""
    fields: Callable[[Form], dict[str, object]] = field(default=lambda _form: {})
    """Fields that are not one input each."""


def one_of(
    name: str,
    words: Pair,
    options: Options,
    hint: Pair = ("", ""),
    blank: Pair = ("请选择", "Please choose"),
    *,
    optional: bool = False,
) -> Asked:
    return Asked(name, words, options=tuple(options), hint=hint, blank=blank, optional=optional)


def _is(*states: State) -> Callable[[Progress, Referral | None], bool]:
    return lambda _progress, leg: leg is not None and leg.state in states


def _working(progress: Progress, leg: Referral | None) -> bool:
    return leg is not None and leg.state is State.ACCEPTED


def _running(progress: Progress, leg: Referral | None) -> bool:
    return leg is not None and leg.state is State.ACCEPTED and leg.finish is not None and leg.finish.paused_at is None


def _paused(progress: Progress, leg: Referral | None) -> bool:
    return leg is not None and leg.finish is not None and leg.finish.paused_at is not None


def _open(progress: Progress, leg: Referral | None) -> bool:
    return leg is not None and leg.state.is_open


def _by_budget(form: Form) -> dict[str, object]:
    days = form.one("days")
    if not days.isdecimal() or not 0 < int(days) <= 99:
        form.wrong("days", "请填写 1 到 99 的整数", "Please enter a whole number from 1 to 99.")
        return {}
    return {"by_budget": {"amount": int(days), "unit": "working_days"}}


GRADE = one_of("grade", ("风险等级", "Grade of risk"), t.Grade)
OVERRIDE = one_of(
    "override",
    ("与量表不同的理由", "Why it is not the scale's grade"),
    t.OverrideReason,
    ("仅在您的判断与量表提出的等级不同时填写", "Only where you grade otherwise than the scale proposes."),
    ("与量表一致", "As the scale proposes"),
    optional=True,
)

ON_LEG: dict[str, Ask] = {
    "accept": Ask(
        ("受理", "Accept"),
        (
            "本单位受理并开始办理，由您承办；办理时限从现在起算，报告人会得到受理告知。",
            "Your agency takes it up and you hold it. The time to finish it begins now, and the reporter is told.",
        ),
        _is(State.SENT),
        main=True,
    ),
    "claim": Ask(
        ("领取", "Claim"),
        ("由您承办；时限不变。", "You hold it from now on; no deadline changes."),
        lambda progress, leg: (
            _open(progress, leg) and leg is not None and leg.holder is None and leg.state is not State.SENT
        ),
    ),
    "complete": Ask(
        ("完成", "Complete"),
        (
            "本单位的任务办结，时限停止；可查看全案的单位看得到，其他协办单位至多知道本单位已无待办。",
            "Your agency's task is done, its clock stops. Who sees the whole case sees this; others at most that you owe no more.",
        ),
        lambda progress, leg: _running(progress, leg) and leg is not None and not leg.assessment,
        needs_note=("办理情况", "What was done and found"),
        main=True,
    ),
    "assess": Ask(
        ("提交评估报告", "File the assessment"),
        (
            "评估任务办结；等级决定走访间隔，帮扶方案据此确定。",
            "Ends the assessment. The grade sets the interval of visits, and the plan builds on it.",
        ),
        lambda progress, leg: _running(progress, leg) and leg is not None and leg.assessment,
        (GRADE, OVERRIDE),
        ("评估报告", "The assessment"),
        main=True,
    ),
    "supply": Ask(
        ("补正", "Supply what is missing"),
        (
            "材料补齐，退回的单位重新开始受理时限。",
            "Answers what was missing; the time to accept begins anew for the agency that returned it.",
        ),
        _is(State.RETURNED),
        needs_note=("补充的材料或说明", "What is supplied"),
        main=True,
    ),
    "resume": Ask(
        ("恢复", "Resume"),
        ("时限从停下处继续计算。", "The clock goes on from where it stopped."),
        _paused,
        main=True,
    ),
    "return": Ask(
        ("退回补正", "Return for completion"),
        (
            "退回转来单位补正；补正期间由对方计时，您的受理时限停止。",
            "Goes back to whoever sent it; their clock runs and yours stands still until it is answered.",
        ),
        _is(State.SENT),
        (one_of("reason", ("缺少什么", "What is missing"), t.ReturnReason),),
        ("请对方补什么", "What they should supply"),
    ),
    "pass-on": Ask(
        ("转办", "Pass on"),
        (
            "转给有职责的单位，对方重新开始受理时限；本单位退出本案。",
            "Goes to the agency that is competent, with a new time to accept; your agency leaves the case.",
        ),
        _is(State.SENT),
        (
            one_of("to", ("转给", "To"), t.Agency),
            one_of(
                "reason",
                ("理由", "Reason"),
                t.DeclineReason,
                blank=("不属本单位职责", "Not this agency's competence"),
                optional=True,
            ),
        ),
        ("说明", "Why it is theirs"),
    ),
    "decline": Ask(
        ("不受案", "Decline"),
        (
            "本单位不受理；按规则自动转给下一单位，孩子不会无人负责。紧急事项公安不得拒绝。",
            "Your agency does not take it. It goes to the next one by rule, so the child is never without one. The police decline no emergency.",
        ),
        _is(State.SENT),
        (one_of("reason", ("理由", "Reason"), t.DeclineReason),),
        ("说明理由", "The reasons"),
        "d",
    ),
    "extend": Ask(
        ("延期", "Extend"),
        ("办理时限延长；延期记录在案，督查可见。", "Moves the deadline; it is on record and the supervisors see it."),
        _working,
        (
            one_of("reason", ("理由", "Reason"), t.ExtendReason),
            Asked("days", ("延长几个工作日", "Working days on top"), "number"),
        ),
        ("说明理由", "The reasons"),
        fields=_by_budget,
    ),
    "pause": Ask(
        ("中止", "Pause"),
        (
            "时限停下，恢复后继续计算；停多久督查都能看到。",
            "The clock stands still until it is resumed; supervisors see how long.",
        ),
        _running,
        (one_of("reason", ("理由", "Reason"), t.PauseReason),),
        ("在等什么", "What is waited for"),
    ),
    "hand-back": Ask(
        ("交回", "Hand back"),
        ("任务回到本单位待领取，时限不变。", "Goes back to the desk for somebody else to claim; no deadline changes."),
        lambda progress, leg: _open(progress, leg) and leg is not None and leg.holder is not None,
    ),
    "move": Ask(
        ("移交同事", "Move to a colleague"),
        ("由您指定的同事承办，时限不变。", "The colleague holds it from now on; no deadline changes."),
        _open,
        (Asked("to", ("移交给", "To"), "colleague", hint=("本科室的同事", "Somebody of your desk")),),
    ),
    "fail": Ask(
        ("无法完成", "Cannot be done"),
        (
            "任务以未完成结束；牵头单位会被告知并决定下一步。",
            "Ends the task without its result; the lead agency is told and decides what comes next.",
        ),
        _working,
        (one_of("reason", ("理由", "Reason"), t.FailReason),),
        ("说明", "What was tried"),
        "d",
    ),
    "urge": Ask(
        ("催办", "Urge"),
        ("提醒承办单位和负责人；计入催办次数。", "Reminds the desk and its heads, and is counted."),
        _open,
    ),
    "supervise": Ask(
        ("督办", "Supervise"),
        ("列入督办，承办单位须在规定时限内书面答复。", "The agency owes a written reply within a time of its own."),
        _open,
        needs_note=("督办要求", "What is demanded"),
    ),
    "reassign": Ask(
        ("改派", "Reassign"),
        (
            "交给另一单位办理，重新开始受理时限；原单位退出。",
            "Another agency takes it, with a new time to accept; the present one leaves.",
        ),
        _open,
        (one_of("to", ("改派给", "To"), t.Agency),),
        ("理由", "The reasons"),
        "d",
    ),
}
ON_DUTY: dict[str, Ask] = {
    "meet": Ask(
        ("已完成", "Done"),
        ("此项义务完成，时限停止。", "The duty is met and its clock stops."),
        needs_note=("办理情况", "What was done"),
        main=True,
    ),
    "reply": Ask(
        ("书面答复", "Reply in writing"),
        ("答复督办或检察监督，时限停止。", "Answers the supervision, and its clock stops."),
        needs_note=("答复内容", "The reply"),
        main=True,
    ),
    "reassign": Ask(
        ("改派", "Reassign"),
        (
            "承办单位须回避本案：交给另一单位办理，办理时限重新计算，等候期满的照旧。",
            "The case is about the desk that owes it: another one does, with all its time to act; what waits for a day still does.",
        ),
        takes=(one_of("to", ("改派给", "To"), t.Agency),),
        needs_note=("理由", "The reasons"),
    ),
}
