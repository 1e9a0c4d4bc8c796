"""What each command on a case as a whole asks of a person, as app.web.asks says it of tasks."""

from app.domain import terms as t
from app.domain.benefits import Benefit, Verdict
from app.domain.progress import Progress, Referral
from app.web.asks import GRADE, OVERRIDE, Ask, Asked, one_of
from app.web.forms import Form

ITEMS = range(1, 7)
"""Lines of a plan that its form offers; a plan may be adopted again with more."""


def _items(form: Form) -> dict[str, object]:
    lines = [(form.one(f"service_{n}"), form.one(f"agency_{n}"), n) for n in ITEMS]
    for service, agency, n in lines:
        if bool(service) != bool(agency):
            missing = "agency" if service else "service"
            form.wrong(f"{missing}_{n}", "请把服务和承办单位都选上", "Please choose both the service and the agency.")
    if form.errors:
        return {}
    return {"items": [{"service": service, "agency": agency} for service, agency, _ in lines if service]}


def _is_open(progress: Progress, leg: Referral | None) -> bool:
    return progress.is_open


def _payer(form: Form) -> dict[str, object]:
    """The bill and whose turn it is, as one choice."""
    bill, _, payer = form.one("bill").partition("|")
    return {"bill_id": bill, "payer": payer}


CHILD = Asked("child_id", ("哪个孩子", "Which child"), "child")
BENEFIT = one_of("benefit", ("待遇", "Benefit"), Benefit)
SAFETY = Ask(
    ("核实儿童安全", "Confirm a child's safety"),
    (
        "记录您当面核实的情况；全部孩子安全后才进入评估。",
        "Records what you found on the spot; assessment begins once every child is safe.",
    ),
    lambda progress, _: progress.is_open,
    (CHILD, one_of("safety", ("孩子现在", "The child is"), t.Safety)),
    ("核实情况", "What was found"),
)
ON_CASE: dict[str, Ask] = {
    "plan": Ask(
        ("确定帮扶方案", "Adopt the plan"),
        ("方案中的每一项成为一个单位的任务，各有时限。", "Each line becomes a task of its agency, with a deadline."),
        lambda progress, _: progress.stage in (t.Stage.ASSESS, t.Stage.INTERVENE) and not progress.plan_adopted,
        (Asked("items", ("帮扶内容", "Services"), "plan"),),
        ("方案说明", "The plan in words"),
        fields=_items,
    ),
    "grade-review": Ask(
        ("审议等级", "Review the grade"),
        ("委员会审议后的等级取代评估等级。", "The grade as the committee finds it replaces the assessment's."),
        lambda progress, _: progress.grade is not None and not progress.grade_reviewed,
        (
            GRADE,
            OVERRIDE,
            Asked("present", ("到会人数", "Members present"), "number"),
            Asked("recused", ("回避人数", "Members recused"), "number"),
        ),
        ("审议意见", "The resolution"),
    ),
    "assessment-return": Ask(
        ("退回评估", "Return the assessment"),
        (
            "评估单位重新评估后再审议；紧急处置不等待。",
            "Whoever assessed does so again, and the committee reviews it anew; what is urgent waits for neither.",
        ),
        lambda progress, _: progress.open_duty("committee_review") is not None,
        (
            Asked("present", ("到会人数", "Members present"), "number"),
            Asked("recused", ("回避人数", "Members recused"), "number"),
        ),
        ("退回理由", "Why"),
    ),
    "answer": Ask(
        ("告知报告人", "Answer the reporter"),
        (
            "报告人凭回执编号看到这段话；不要写孩子和家庭的信息。",
            "The reporter reads these words by receipt code; nothing about the child or the family belongs in them.",
        ),
        lambda progress, _: progress.informed and not progress.answered,
        needs_note=("给报告人的答复", "The answer to the reporter"),
    ),
    "waive-answer": Ask(
        ("不予告知", "Waive the answer"),
        ("报告人不会得到答复；理由记录在案。", "The reporter gets no answer; the reason is on record."),
        lambda progress, _: not progress.answered,
        (one_of("reason", ("理由", "Reason"), t.WaiveReason),),
        ("说明", "Why"),
        "d",
    ),
    "post-assessment": Ask(
        ("后期评估", "Post-assessment"),
        ("记录孩子现在的情况和等级。", "Records how the child is now, with the grade."),
        lambda progress, _: progress.stage in (t.Stage.INTERVENE, t.Stage.REVIEW),
        (GRADE,),
        ("评估报告", "The assessment"),
    ),
    "closure-proposal": Ask(
        ("提请办结", "Propose the closure"),
        ("须由另一人审批后才办结。", "The case closes once another person approves."),
        lambda progress, _: progress.is_open and not progress.proposed_by,
        (one_of("reason", ("办结理由", "Reason"), t.CloseReason),),
        ("办结报告", "The closing report"),
    ),
    "closure-approval": Ask(
        ("审批办结", "Approve the closure"),
        ("案件办结，孩子转入日常监测。", "The case closes and the child goes on being watched."),
        lambda progress, _: bool(progress.proposed_by),
        main=True,
    ),
    "closure-rejection": Ask(
        ("退回办结", "Reject the closure"),
        ("案件继续办理。", "The case goes on."),
        lambda progress, _: bool(progress.proposed_by),
        needs_note=("退回理由", "The reasons"),
    ),
    "notes": Ask(
        ("添加记录", "Add a note"),
        (
            "记入案件，本单位以及牵头、督查等可查看全案的单位可见，其他协办单位看不到。",
            "Goes into the file. Your office sees it, and whoever sees the whole case, as its lead; other desks do not.",
        ),
        lambda progress, _: progress.is_open,
        needs_note=("记录", "The note"),
    ),
    "conflict": Ask(
        ("申报利益冲突", "Declare a conflict of interest"),
        ("所填单位或人员从此看不到本案。", "Those named no longer see the case."),
        lambda progress, _: progress.is_open,
        (Asked("about", ("与本案有利害关系的人员或单位", "The person or agency that is concerned"), "concerned"),),
        ("说明", "Why"),
        "d",
        fields=lambda form: {"about": [form.one("about")] if form.one("about") else []},
    ),
    "link": Ask(
        ("并案", "Link to another case"),
        (
            "本报告并入另一案件，报告人仍会得到答复；可以撤销。",
            "This report follows the other case; its reporter is still answered. It can be undone.",
        ),
        lambda progress, _: progress.is_open and progress.possible_duplicate and progress.linked_to is None,
        (
            Asked(
                "primary",
                ("与哪一案件并案", "The other case"),
                "suggested",
                hint=(
                    "先在“疑似重复”中对照两份报告；所选案件的报告较晚时，由其并入本案",
                    "Compare the two under Duplicates first; where the other report is the later one, it follows this case.",
                ),
            ),
        ),
        ("理由", "The reasons"),
    ),
    "clear-duplicate": Ask(
        ("不是重复", "No duplicate"),
        ("本报告单独办理，等待的任务立即开始。", "The report goes on by itself; what waited for this begins at once."),
        lambda progress, _: progress.is_open and progress.possible_duplicate,
        needs_note=("理由", "The reasons"),
    ),
    "unlink": Ask(
        ("撤销并案", "Undo the link"),
        (
            "两份报告不再并案，本报告重新单独办理；报告人会重新得到答复。",
            "The reports are parted and this one goes on by itself; its reporter is owed an answer again.",
        ),
        lambda progress, _: progress.linked_to is not None,
        needs_note=("理由", "The reasons"),
        kind="d",
    ),
    "safety": SAFETY,
    "procedure": Ask(
        ("启动程序", "Begin a procedure"),
        (
            "所选程序的第一步成为有职责单位的任务，有时限。",
            "Its first step becomes a task of the agency that owes it, with a deadline.",
        ),
        _is_open,
        (
            Asked("procedure", ("哪一程序", "Which procedure"), "startable"),
            Asked("about", ("针对", "About"), "about", blank=("全案", "The whole case"), optional=True),
        ),
    ),
    "sentence": Ask(
        ("登记监护人被判刑", "Record a guardian's sentence"),
        (
            "司法行政单位随即收到任务，对接监狱办理委托照护。",
            "The justice bureau is given its task at once: liaison with the prison.",
        ),
        lambda progress, _: (
            progress.is_open
            and progress.branch is t.Branch.DETAINED_PARENT
            and "guardian_sentenced" not in progress.happened
        ),
        needs_note=("判决情况", "What was decided"),
    ),
    "benefit": Ask(
        ("决定待遇", "Decide on a benefit"),
        (
            "记录对一名孩子一项待遇的决定；不予批准、调减或终止须写明理由，调减、终止前须听取家庭意见。",
            "Records what is decided for one child. A refusal, a cut or an end needs its reasons, a cut or an end the family's hearing first.",
        ),
        takes=(
            CHILD,
            BENEFIT,
            one_of("verdict", ("决定", "Decision"), Verdict),
            Asked(
                "yuan",
                ("每月金额（元）", "Yuan a month"),
                "money",
                hint=("按标准发放或属于服务的，可不填", "Empty for a service, or where the standard is given"),
                optional=True,
            ),
        ),
    ),
    "benefit-hearing": Ask(
        ("登记听取家庭意见", "Record that the family was heard"),
        ("调减或终止待遇前须听取意见。", "Needed before a benefit is cut or ended."),
        lambda progress, _: bool(progress.benefits),
        (CHILD, BENEFIT, Asked("heard_on", ("听取日期", "Heard on"), "date")),
        ("家庭的意见", "What the family said"),
    ),
    "bill": Ask(
        ("登记医疗费用", "Open a medical bill"),
        (
            "按顺序请各支付方答复；救治不等待付款。",
            "The payers are asked one after the other; treatment does not wait for them.",
        ),
        _is_open,
        (CHILD, Asked("yuan", ("费用（元）", "Yuan"), "money")),
    ),
    "bill-payer": Ask(
        ("登记支付方答复", "Record a payer's answer"),
        (
            "记录这一支付方同意支付多少；还有余额的，自动转下一支付方。",
            "Records how much this payer takes; what is left goes on to the next.",
        ),
        lambda progress, _: progress.is_open and any(bill.next_payer for bill in progress.bills),
        (
            Asked("bill", ("哪笔费用、哪个支付方", "Which bill and payer"), "bill"),
            Asked("approved", ("同意支付（元）", "Yuan that it pays"), "money", hint=("不支付填 0", "0 if nothing")),
        ),
        fields=_payer,
    ),
}
