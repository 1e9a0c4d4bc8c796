"""Why a command is refused: stable codes with the sentence that a person reads."""

from app.domain.terms import Term


class RefusalCode(Term):
    """The stable code of a refusal; the API shows it as the problem's code."""

    CASE_NOT_FOUND = "case_not_found", "案件不存在", "There is no such case."
    CASE_CLOSED = "case_closed", "案件已办结", "The case is closed."
    CASE_LINKED = (
        "case_linked",
        "本报告已并入另一案件，请在该案件办理",
        "This report is linked to another case; act there.",
    )
    ALREADY_FILED = "already_filed", "该报告已登记", "This report is already filed."
    WRONG_STAGE = "wrong_stage", "当前阶段不能办理此事项", "The case is not in the stage for this."
    REFERRAL_NOT_FOUND = "referral_not_found", "转介事项不存在", "There is no such referral."
    REFERRAL_ENDED = "referral_ended", "转介事项已结束", "The referral has ended."
    REFERRAL_NOT_ACCEPTED = "referral_not_accepted", "尚未受理", "The referral has not been accepted yet."
    REFERRAL_ALREADY_ACCEPTED = "referral_already_accepted", "已经受理", "The referral is already accepted."
    REFERRAL_NOT_RETURNED = "referral_not_returned", "该事项未被退回", "The referral was not returned."
    NOT_YOUR_DESK = "not_your_desk", "不是本单位的事项", "This belongs to another desk."
    HELD_BY_COLLEAGUE = (
        "held_by_colleague",
        "同事正在办理，请其交回或由负责人移交",
        "A colleague holds this task; it can be handed back, or moved by the head.",
    )
    NOT_THE_HOLDER = "not_the_holder", "您不是办理人", "You do not hold this task."
    PERSON_NOT_AT_DESK = "person_not_at_desk", "该科室没有此工作人员", "Nobody of that name works at this desk."
    NOT_ALLOWED = "not_allowed", "无权办理此事项", "You may not do this."
    MUST_NOT_DECLINE = (
        "must_not_decline",
        "法定职责，不得拒绝",
        "This is a statutory duty and cannot be declined for this reason.",
    )
    NO_PING_PONG = (
        "no_ping_pong",
        "该单位已经手此事项，不得来回推转",
        "That agency has already had this referral; it must not go back and forth.",
    )
    ALREADY_PAUSED = "already_paused", "已经中止", "The clock is already paused."
    NOT_PAUSED = "not_paused", "未中止", "The clock is not paused."
    PAUSE_CAP = "pause_cap", "中止次数已达上限", "The clock cannot be paused again."
    RETURN_CAP = "return_cap", "退回补正次数已达上限", "The referral cannot be returned again."
    EXTENSION_CAP = "extension_cap", "延期次数已达上限", "The clock cannot be extended again."
    EXTENSION_TOO_LONG = "extension_too_long", "延期超过上限", "The extension is longer than the rules allow."
    DEPUTYSHIP_TOO_LONG = (
        "deputyship_too_long",
        "代理期限超过上限",
        "Nobody stands in for so long; a later appointment may follow.",
    )
    FILE_NOT_FOUND = "file_not_found", "文件不存在", "There is no such file."
    LINK_NOT_FOUND = "link_not_found", "上报链接不存在", "There is no such link."
    CHILD_NOT_FOUND = "child_not_found", "该案件没有此儿童", "There is no such child in this case."
    NO_ASSESSMENT = "no_assessment", "评估尚未完成", "The assessment is not finished."
    DECIDED_ELSEWHERE = (
        "decided_elsewhere",
        "该事实由检察院、联席会议或法院认定",
        "The procuratorate, the joint conference or a court decides this fact.",
    )
    COMMITTEE_REVIEW_PENDING = (
        "committee_review_pending",
        "等待委员会审议",
        "The committee has not reviewed the grade yet.",
    )
    OVERRIDE_NEEDS_REASON = (
        "override_needs_reason",
        "与量表提出的等级不同，请说明理由",
        "This is not the grade that the scale proposes; say why.",
    )
    QUORUM_NOT_MET = "quorum_not_met", "未达法定人数", "The quorum is not met."
    PLAN_ALREADY_ADOPTED = "plan_already_adopted", "帮扶方案已确定", "The plan is already adopted."
    ALREADY_DONE = "already_done", "该事项已完成", "This has already been done."
    POST_ASSESSMENT_TOO_EARLY = (
        "post_assessment_too_early",
        "距上次后期评估时间过短",
        "The child was looked at again only recently; the next post-assessment comes later.",
    )
    CANNOT_CLOSE = "cannot_close", "尚不能办结", "The case cannot be closed yet."
    CLOSURE_NOT_PROPOSED = "closure_not_proposed", "尚未提出办结", "Nobody has proposed the closure."
    SECOND_PERSON_NEEDED = "second_person_needed", "须由另一人审批", "A second person has to approve this."
    NO_EMERGENCY_NEEDED = (
        "no_emergency_needed",
        "您有权查看本案，无需紧急调阅",
        "You may see this case; no emergency is needed.",
    )
    READ_NOT_FOUND = "read_not_found", "没有此紧急调阅", "There is no such emergency read."
    NOBODY_OVERSEES = (
        "nobody_oversees",
        "申报后将无人监督本案，请只列确有利害关系的人员或单位",
        "Nobody would oversee this case any more; name those alone whom it is about.",
    )
    PERSON_NOT_FOUND = "person_not_found", "没有此人员", "There is nobody of that account."
    DESK_NOT_FOUND = "desk_not_found", "没有此科室", "There is no such desk."
    SYSTEMS_NAME = (
        "systems_name",
        "以 .machine 结尾的账号留给单位系统",
        "An account that ends in .machine is that of an agency's system.",
    )
    PERSON_EXISTS = "person_exists", "该账号已有人使用", "Somebody has this account already."
    ROLES_UNFIT = (
        "roles_unfit",
        "这些角色不能由同一人在此岗位担任：三员须分立且不办案，检察官须在检察院，报告人须有单位且不兼经办",
        "One person cannot hold these roles here: the three administrators are three persons who work on no case, prosecutors sit"
        " at the procuratorate, and reporters belong to a unit.",
    )
    APPROVAL_NOT_FOUND = "approval_not_found", "没有此审批事项", "There is no such proposal."
    APPROVAL_EXPIRED = "approval_expired", "审批已过期，请重新提出", "The proposal has expired; make it anew."
    NOT_LISTED = "not_listed", "不在销毁清册上", "This is not on the list of what is due for destruction."
    NOT_DUE = "not_due", "保存期限未满或仍在使用", "Its time is not over, or it is still in use."
    ON_HOLD = "on_hold", "已设置留存保全，不得销毁", "It is held and must not be destroyed."
    HOLD_NOT_FOUND = "hold_not_found", "没有此留存保全", "There is no such hold."
    SAME_CASE = "same_case", "不能与自身关联", "A report cannot be linked to itself."
    LINK_CHAIN = "link_chain", "目标案件本身已并入他案", "The other case is itself linked to another one."
    NOT_LINKED = "not_linked", "未关联", "The report is not linked."
    DUTY_MET_BY_ACT = (
        "duty_met_by_act",
        "此项义务须以办理结果完成，不能勾选了结",
        "This duty is met by doing what it asks for, not by ticking it off.",
    )
    DUTY_STAYS = (
        "duty_stays",
        "只有须回避单位的义务可以改派给无须回避的单位，且须是其他单位也可办理的",
        "Only what others may do as well goes from a desk that the case is about to one that it is not about.",
    )
    DUTY_NOT_FOUND = "duty_not_found", "没有此项义务", "There is no such open duty."
    RISK_NOT_REPORTED = (
        "risk_not_reported",
        "走访发现的风险须同时报告",
        "A risk that a visit found has to be reported with it.",
    )
    NOTHING_DUE = "nothing_due", "没有到期事项", "Nothing is due."
    BENEFIT_NOT_MET = "benefit_not_met", "不符合该项待遇的条件", "The conditions of this benefit are not fulfilled."
    COMPARISON_INCOMPLETE = (
        "comparison_incomplete",
        "比较所需的标准或事实尚缺",
        "Amounts or facts that the comparison needs are missing.",
    )
    NOT_THE_HIGHEST = (
        "not_the_highest",
        "择高享受，所选并非最高项",
        "The highest of the group is due, and this is not it.",
    )
    HEARING_NEEDED = (
        "hearing_needed",
        "调减或终止前须先听取意见",
        "The family is heard before a benefit is cut or stopped.",
    )
    BENEFIT_HELD = "benefit_held", "该儿童已享受此项待遇", "The child receives this benefit already."
    BENEFIT_NOT_HELD = "benefit_not_held", "该儿童未享受此项待遇", "The child does not receive this benefit."
    EXCLUSIVE_GROUP = (
        "exclusive_group",
        "与已享受的待遇不可兼得，请择高选择",
        "This excludes what the child receives; the family chooses the highest.",
    )
    NOTICE_IS_SILENT = (
        "notice_is_silent",
        "本通知未规定能否同时享受，须依其他政策人工决定",
        "The notice is silent on receiving both; a person decides under another policy.",
    )
    NOTHING_TO_CHOOSE = (
        "nothing_to_choose",
        "符合条件的不足两项，无需择高",
        "Fewer than two are met; nothing is to be chosen.",
    )
    AMOUNT_NEEDED = "amount_needed", "请填写金额", "The new amount is missing."
    REASONS_NEEDED = "reasons_needed", "须书面说明理由", "Written reasons are needed."
    DATE_IN_FUTURE = "date_in_future", "日期不能晚于今天", "The date is in the future."
    BILL_NOT_FOUND = "bill_not_found", "没有此医疗费用", "There is no such bill."
    PAYER_OUT_OF_TURN = "payer_out_of_turn", "未轮到该支付方", "Another payer is asked before this one."
    REGISTER_NOT_FOUND = "register_not_found", "没有此登记簿", "There is no such register."
    ENTRY_NOT_FOUND = "entry_not_found", "没有此登记", "There is no such entry."
    ENTRY_ENDED = "entry_ended", "该登记已注销", "The entry has ended."
    SIGNAL_NOT_FOUND = "signal_not_found", "没有此待核对信号", "There is no such signal that waits."
    CHILD_NOT_WATCHED = (
        "child_not_watched",
        "该儿童不在监测中；如有风险请转为报告",
        "The child is not watched; where there is a risk, make it a report.",
    )
    WATCH_CONCERNED = (
        "watch_concerned",
        "该信号涉及监测该儿童的单位；如有风险请转为报告",
        "The signal is about whoever watches the child; where there is a risk, make it a report.",
    )
    OWED_NOT_FOUND = "owed_not_found", "没有此事项", "There is nothing owed of this id."
    ROUND_NOT_FOUND = "round_not_found", "没有此轮排查", "There is no such round."
    ROUND_CLOSED = "round_closed", "本轮排查已结束", "The round is over."
    NOT_ASKED = "not_asked", "本轮排查未要求该单位报送", "This unit is not asked in this round, or not by you."
    NOTHING_SAID = (
        "nothing_said",
        "未列出儿童的，须明确填报“未发现”",
        "Where no child is listed, say that nothing was found.",
    )
    CHILD_NOT_REGISTERED = (
        "child_not_registered",
        "所列儿童不是本辖区登记建档、没有上报过的",
        "Somebody listed is no child whom your street has registered and nobody has reported.",
    )
    CHILD_NAMED = (
        "child_named",
        "该儿童已在同类排查中报送",
        "An answer to a round of this kind has named this child already.",
    )
    SURVEY_NOT_FOUND = "survey_not_found", "没有此问卷", "There is no such survey."
    INVITATION_NOT_FOUND = "invitation_not_found", "问卷码无效或已使用", "This code is wrong, or was used."
    UNKNOWN_POLICY = "unknown_policy", "没有此政策版本", "There is no such version of the rules."
    POLICY_EXISTS = "policy_exists", "已有同名政策版本", "A version of this name exists; versions never change."
    COMPARISON_STALE = (
        "comparison_stale",
        "请先看与将被取代的版本（及已批准、其后施行的版本）的不同：所依据的比较不是当前的比较",
        "Read what it changes against the version that it will replace, and what one approved for later changes: this is the digest of "
        "another comparison.",
    )
    POLICY_UNFIT = (
        "policy_unfit",
        "新版本缺少本案待办的事项",
        "That version lacks rows that this case still needs.",
    )
    TELLS_MORE = (
        "tells_more",
        "新版本将向有关单位告知本案更多内容，在办案件不得改用",
        "That version would tell agencies more of this case than they are told today; it stays on its own.",
    )
    CASE_SEALED = (
        "case_sealed",
        "封存案件只由指定单位办理，不得转出或并案",
        "A sealed case stays with the agencies that it is sealed for and is joined with no other.",
    )
    PROCEDURE_NOT_FOUND = "procedure_not_found", "没有此程序", "There is no such procedure."
    PROCEDURE_RUNS = "procedure_runs", "该程序正在进行", "This procedure is running already."
    OUTCOME_NEEDED = "outcome_needed", "请选择本步骤的办理结果", "Say how this step ended, by one of its outcomes."
    RECORD_UNFIT = (
        "record_unfit",
        "办理结果的记录项缺少或不符",
        "Fields of the record are missing, unknown or do not fit.",
    )
    CHILDREN_NOT_REPORTED = (
        "children_not_reported",
        "本案没有儿童：请先就需照料的儿童提交报告，再将本案与之关联",
        "No child stands in this case: report the children who need care, then link this case to that report.",
    )
    WHOM_IT_IS_ABOUT = (
        "whom_it_is_about",
        "请指明本案中的对象",
        "Name those whom the next step is about, and nobody where it is about the case.",
    )
    CHANGE_WAITS = (
        "change_waits",
        "该项已有变更待核实",
        "A change of this field is under way; it is passed or returned first.",
    )
    VALUE_CHANGED = "value_changed", "该项内容已被更新", "The value has changed since you read it."
    NOT_OFFERED = "not_offered", "没有待接收的移交", "Nothing is offered to be taken over."
    SAME_CHILD = "same_child", "两份档案是同一份", "This is one and the same file."
    DOUBLES_NOT_COMPARED = (
        "doubles_not_compared",
        "可能已有这个孩子的档案：请先比对，说明是否另一个孩子",
        "There may be a file of this child already: compare them first, and say of each whether it is another child's.",
    )
    ALREADY_MERGED = (
        "already_merged",
        "该档案已与另一档案合并，请先拆分",
        "This file belongs together with another one already; part them first.",
    )
    NOT_MERGED = "not_merged", "两份档案未合并", "These files do not belong together."
    NO_SUCH_WARNING = "no_such_warning", "没有此项待核实预警", "There is no such warning to verify."
    WARNING_WAITS = (
        "warning_waits",
        "有预警待核实，请先核实预警，再结束监测",
        "A warning waits to be verified; verify it first, then end the watch.",
    )
    VISIT_OWED = (
        "visit_owed",
        "走访已逾期，须先见到儿童本人，才能以“风险消除”结束监测",
        "The visit is overdue: the child is seen in person before anybody says that the risk has ended.",
    )
    NOT_OF_AGE = (
        "not_of_age",
        "按档案中的出生日期尚未满十八周岁；出生日期有误的，请先更正",
        "By the birth date on file the child is not yet eighteen; where that is wrong, correct it first.",
    )
    VISIT_IN_BOOK = (
        "visit_in_book",
        "当日的走访已由台账导入，走访人或走访结果相同：是同一次的不必再登记；确为另一次的，请勾选“这是另一次走访”后提交",
        "A visit of that day came in with a book, by the same person or with the same finding: leave this one, or say that it was another.",
    )
    CHILD_NOT_SEEN = (
        "child_not_seen",
        "未见到儿童本人；发现危险请直接报告",
        "The child was not seen; a danger is reported at the one door.",
    )
    STREET_NEEDED = (
        "street_needed",
        "请选择现居住的街乡（镇）",
        "Say in which street or town of the district the child lives.",
    )
    VISIT_AHEAD = "visit_ahead", "走访日期不能晚于今天", "A visit cannot lie ahead."
    VISIT_BEFORE_WATCH = (
        "visit_before_watch",
        "走访日期早于纳入监测之日",
        "The visit is from before the watch began.",
    )
    WHICH_OF_FAMILY = (
        "which_of_family",
        "档案中该关系的家庭成员不止一位，请勿在此填写，在走访记录中写明是哪一位",
        "Several of the family are that to the child; leave this open, and say in words which of them it is.",
    )
    NO_ARRANGEMENT = "no_arrangement", "没有外出监护安排", "Nothing is arranged for an absence of the parents."
    DELEGATE_UNFIT = (
        "delegate_unfit",
        "依法不得作为被委托人",
        "By law this person must not be entrusted with the child.",
    )
    RETURN_BEFORE_LEAVING = (
        "return_before_leaving",
        "返回日期早于外出日期",
        "The parents would return before they leave.",
    )
    NO_SUCH_CHANGE = "no_such_change", "没有此项待办变更", "There is no such change under way."
    KEY_NOT_FOUND = "key_not_found", "密钥不存在", "There is no such key."
    KEY_ENDED = "key_ended", "密钥已失效或已更换", "The key has ended or was replaced."
    TOO_MANY_KEYS = "too_many_keys", "该单位有效密钥过多，请先停用", "The unit has enough keys; revoke one first."
    UNIT_NOT_FOUND = "unit_not_found", "没有此单位", "There is no such unit."
    SCOPE_MISSING = "scope_missing", "密钥没有此项权限", "The key does not open this."
    NOTHING_TO_RECOMPUTE = "nothing_to_recompute", "没有需要重新计算的时限", "No deadline changes."


class Refused(Exception):
    """A command that the rules do not allow now; nothing was changed.

    `facts` are codes, ids and instants that explain the refusal; never personal data.
    """

    def __init__(self, code: RefusalCode, **facts: object) -> None:
        super().__init__(code.value)
        self.code = code
        self.facts = facts
