"""What a row of the audit says in codes, as people say it: what was done, which parts were seen, on what ground."""

from collections.abc import Mapping

from app.api import work
from app.domain.approvals import Act, Reason
from app.domain.emergency import Emergency, Verdict
from app.domain.ledgers import Use
from app.domain.masking import Need
from app.domain.retention import HoldReason, LiftReason
from app.domain.terms import Term
from app.web import asks
from app.web.words import Pair

ACTS: dict[str, Pair] = {
    "compare_cases": ("比对两件上报", "compared two reports"),
    "erase": ("销毁", "erased"),
    "set_legal_hold": ("设置保全", "set a hold"),
    "lift_legal_hold": ("解除保全", "lifted a hold"),
    "FileReport": ("上报", "reported"),
    "EnterChange": ("登记变更", "entered a change"),
    "PassChange": ("核实变更", "verified a change"),
    "RejectChange": ("退回变更", "rejected a change"),
    "BeginWatch": ("纳入监测", "began the watch"),
    "EndWatch": ("结束监测", "ended the watch"),
    "RecordVisit": ("登记走访", "recorded a visit"),
    "VerifyWarning": ("核实预警", "verified a warning"),
    "OpenOwed": ("列入待补", "listed as owed"),
    "SettleOwed": ("办结待补", "settled what was owed"),
    "OpenRound": ("发起排查", "opened a round"),
    "ReturnRound": ("反馈排查", "answered a round"),
    "EnterStage": ("进入下一阶段", "next stage"),
    "RaiseDue": ("逐级督促", "raised to the next rung"),
    "read_content": ("查看案件内容", "read a case"),
    "read_child": ("查看儿童档案", "read a child's file"),
    "read_reporter": ("查看报告人", "read who reported"),
    "read_file": ("打开附件", "opened a file"),
    "read_ledger": ("查看台账", "read a book"),
    "read_register": ("查看登记", "read a register"),
    "read_services": ("查看应享服务", "read what is due"),
    "read_access_record": ("查看访问记录", "read an access record"),
    "search_audit": ("检索审计", "searched the audit"),
    "search_children": ("检索儿童", "searched for a child"),
    "open_full_view": ("查看全文", "opened names in full"),
    "emergency_read": ("紧急调阅", "read in an emergency"),
    "judge_emergency_read": ("复核紧急调阅", "judged an emergency read"),
    "open_sealed": ("启封", "opened a sealed case"),
    "export_ledger": ("导出台账", "exported a book"),
    "import_ledger": ("导入台账", "imported a book"),
    "fetch_sheet": ("下载表格", "fetched a workbook"),
    "add_file": ("上传附件", "brought a file"),
    "issue_key": ("发放密钥", "issued a key"),
    "rotate_key": ("更换密钥", "rotated a key"),
    "revoke_key": ("停用密钥", "revoked a key"),
    "make_entry_link": ("生成上报链接", "made a link"),
    "end_entry_link": ("停用上报链接", "ended a link"),
    "add_person": ("新增人员", "added a person"),
    "renew_account": ("重置账号", "renewed an account"),
    "release_account": ("放行账号", "let an account go"),
    "give_roles": ("授予角色", "gave roles"),
    "move_person": ("调动人员", "moved a person"),
    "end_person": ("停用账号", "ended an account"),
    "return_person": ("恢复账号", "brought an account back"),
    "sign_out_person": ("强制退出", "ended sessions"),
}
PARTS: dict[str, Pair] = {
    "children": ("儿童", "children"),
    "family": ("家庭", "family"),
    "narrative": ("情况经过", "narrative"),
    "reporter": ("报告人", "reporter"),
    "found": ("类别与待遇判断", "what the rules find"),
    "notes": ("文字说明", "notes"),
    "history": ("历史", "history"),
    "files": ("附件", "files"),
    "birth_date": ("出生日期", "birth date"),
    "outcomes": ("处理结果", "outcomes"),
    "services": ("应享服务", "services"),
    "access_record": ("访问记录", "access record"),
    "names": ("姓名", "names"),
}
GROUNDS: dict[str, Pair] = {
    "own_desk": ("本岗位办理", "the desk works on it"),
    "own_agency": ("本单位办理", "the agency works on it"),
    "oversight": ("督查", "oversight"),
    "procuratorate": ("检察监督", "legal supervision"),
    "office": ("职务", "by office"),
    "retention_over": ("保存期满", "kept long enough"),
    "full_view": ("查看全文", "in full"),
    "emergency": ("紧急调阅", "in an emergency"),
}
BY_TWO: dict[str, Pair] = {
    "propose": ("提请", "proposed to"),
    "approve": ("批准", "approved to"),
    "reject": ("驳回", "refused to"),
}
REASONS: tuple[type[Term], ...] = (Need, Emergency, Verdict, HoldReason, LiftReason, Reason, Use)


def _commands() -> Mapping[str, Pair]:
    """A command is called as its form is."""
    tables = ((work.ON_REFERRAL, asks.ON_LEG), (work.ON_DUTY, asks.ON_DUTY), (work.ON_CASE, asks.ON_CASE))
    return {
        command.__name__: forms[verb].words
        for commands, forms in tables
        for verb, (command, _) in commands.items()
        if verb in forms
    }


COMMANDS = _commands()


def act(code: str) -> Pair:
    """What was done; of what takes two persons, by which of them."""
    verb, _, of = code.partition("_")
    if verb in BY_TWO and of in Act._value2member_map_:
        (zh, en), what = BY_TWO[verb], Act(of)
        return f"{zh}{what.zh}", f"{en} {what.en}"
    return ACTS.get(code) or COMMANDS.get(code) or (code, code)


def part(code: str) -> Pair:
    """What was seen."""
    return PARTS.get(code, (code, code))


def ground(code: str | None) -> Pair:
    """Why it was allowed; a reason that somebody gave stands behind it."""
    head, _, reason = (code or "—").partition(":")
    zh, en = GROUNDS.get(head) or _reason(head)
    if not reason:
        return zh, en
    why_zh, why_en = _reason(reason)
    return f"{zh}：{why_zh}", f"{en}: {why_en}"


def _reason(code: str) -> Pair:
    known = next((kind(code) for kind in REASONS if code in kind._value2member_map_), None)
    return (known.zh, known.en) if known else (code, code)
