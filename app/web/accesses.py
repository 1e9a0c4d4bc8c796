"""What a row of the audit says in codes, as people say it: what was done, which parts were seen, on what ground."""

from collections.abc import Mapping

from app.api import work
from app.domain.approvals import Act, Reason
from app.domain.child_terms import FileField, NotTaken, Section
from app.domain.emergency import Emergency, Verdict
from app.domain.keys import KeyScope
from app.domain.ledgers import Use
from app.domain.masking import Need
from app.domain.papers import Paper
from app.domain.refusals import RefusalCode
from app.domain.retention import HoldReason, LiftReason
from app.domain.terms import (
    CloseReason,
    DeclineReason,
    ExtendReason,
    FailReason,
    PauseReason,
    ReturnReason,
    Role,
    Term,
    WaiveReason,
)
from app.domain.watch import EndReason
from app.web import asks, asks_case
from app.web.acts import ACTS, FURTHER
from app.web.said import fact_name, short
from app.web.words import Pair

PARTS: dict[str, Pair] = {
    "children": ("儿童", "children"),
    "family": ("家庭", "family"),
    "narrative": ("情况经过", "narrative"),
    "reporter": ("报告人", "reporter"),
    "progress": ("办理进度", "progress"),
    "answer": ("处理结果答复", "answer"),
    "found": ("类别与待遇判断", "what the rules find"),
    "notes": ("文字说明", "notes"),
    "timeline": ("流转记录", "the timeline"),
    "procedures": ("程序", "procedures"),
    "benefits": ("待遇", "benefits"),
    "explanation": ("决定理由", "why it was decided"),
    "history": ("历史", "history"),
    "files": ("附件", "files"),
    "birth_date": ("出生日期", "birth date"),
    "outcomes": ("处理结果", "outcomes"),
    "services": ("应享服务", "services"),
    "access_record": ("访问记录", "access record"),
    "names": ("姓名", "names"),
    "said": ("信号内容", "what was said"),
    "facts": ("上报事实", "facts of the report"),
    "household": ("家庭状况", "household"),
    "conditions": ("健康和就学", "health and school"),
    "branch": ("处置分支", "how the police respond"),
    "note": ("说明", "note"),
    "review_note": ("评议说明", "note of the review"),
}
SOUGHT: dict[str, Pair] = {
    "person_id": ("人员", "person"),
    "child_id": ("儿童", "child"),
    "stream_id": ("对象", "of"),
    "action": ("事项", "act"),
    "outcome": ("结果", "outcome"),
    "since": ("自", "from"),
    "until": ("至", "to"),
    "desk": ("岗位", "desk"),
    "role": ("角色", "role"),
    "deputy": ("代理人", "deputy"),
    "agency": ("单位", "agency"),
}
"""Before a value: by what somebody searched the audit, and what was given to a person."""
KINDS: dict[str, Pair] = {
    "case": ("案件", "case"),
    "ch": ("儿童", "child"),
    "file": ("儿童档案", "child's file"),
    "watch": ("监测", "watch"),
    "approval": ("审批", "approval"),
    "glass": ("紧急调阅", "emergency read"),
    "hold": ("保全", "hold"),
    "link": ("上报链接", "link"),
    "key": ("密钥", "key"),
    "view": ("查看全文", "full view"),
    "sheet": ("表格", "workbook"),
    "paper": ("文书", "paper"),
    "upload": ("附件", "attachment"),
    "signal": ("信号", "signal"),
    "owed": ("待补事项", "what is owed"),
    "round": ("排查", "round"),
    "register": ("登记", "register"),
    "entry": ("登记", "entry"),
    "ledger": ("台账", "book"),
    "rules": ("规则", "rules"),
}
"""By how an id begins, what it is the id of."""
NAMED = ("register", "ledger", "round", "rules")
"""Of what has a name instead of a number."""
GROUNDS: dict[str, Pair] = {
    "own_desk": ("本岗位办理", "the desk works on it"),
    "own_agency": ("本单位办理", "the agency works on it"),
    "oversight": ("督查", "oversight"),
    "procuratorate": ("检察监督", "legal supervision"),
    "office": ("职务", "by office"),
    "receipt": ("凭回执编号", "by receipt code"),
    "retention_over": ("保存期满", "kept long enough"),
    "full_view": ("查看全文", "in full"),
    "emergency": ("紧急调阅", "in an emergency"),
}
BY_TWO: dict[str, Pair] = {
    "propose": ("提请", "proposed to"),
    "approve": ("批准", "approved to"),
    "reject": ("驳回", "refused to"),
}
OUTCOMES: dict[str, Pair] = {"done": ("完成", "done"), "refused": ("被拒绝", "refused")}
SEEN: tuple[type[Term], ...] = (FileField, Section, KeyScope)
ENDED: dict[str, Pair] = {
    "session_ended": ("登录已过期", "the session had ended"),
    "inactive": ("账号已停用", "the account had ended"),
    "key_ended": ("密钥已到期", "the key had ended"),
    "key_revoked": ("密钥已停用", "the key was ended"),
    "not_found": ("不存在", "there is no such thing"),
    "unauthenticated": ("未登录", "nobody was signed in"),
    "not_right": ("口令或动态码不正确", "the password or the code was not right"),
}
"""Why the service itself refused."""
REASONS: tuple[type[Term], ...] = (
    Need, Emergency, Verdict, HoldReason, LiftReason, Reason, Use, RefusalCode, CloseReason, DeclineReason, ExtendReason, FailReason,
    PauseReason, ReturnReason, WaiveReason, NotTaken, EndReason,
)  # fmt: skip


FORMS = (
    ("referral", work.ON_REFERRAL, asks.ON_LEG),
    ("duty", work.ON_DUTY, asks.ON_DUTY),
    ("case", work.ON_CASE, asks_case.ON_CASE),
)
"""A command is called as its form is."""
COMMANDS: Mapping[str, Pair] = {
    command.__name__: forms[verb].words
    for _, commands, forms in FORMS
    for verb, (command, _) in commands.items()
    if verb in forms
}
TRIED: Mapping[str, Pair] = {
    f"{of}_{verb.replace('-', '_')}": forms[verb].words
    for of, commands, forms in FORMS
    for verb in commands
    if verb in forms
}
"""The same where it was refused: then the operation stands on record."""


def act(code: str) -> Pair:
    """What was done; of what takes two persons, by which of them."""
    verb, _, of = code.partition("_")
    if verb in BY_TWO and of in Act._value2member_map_:
        (zh, en), what = BY_TWO[verb], Act(of)
        return f"{zh}{what.zh}", f"{en} {what.en}"
    if verb == "paper" and of in Paper._value2member_map_:
        return f"出具{Paper(of).zh}", f"made a {Paper(of).en}"
    return ACTS.get(code) or COMMANDS.get(code) or TRIED.get(code) or FURTHER.get(code) or (code, code)


def part(code: str) -> Pair:
    """What was seen, given or sought; the id of something by what it is and the first letters of it."""
    name, between, value = code.partition("=") if "=" in code else code.partition(":")
    if between and name in SOUGHT:
        (zh, en), (value_zh, value_en) = SOUGHT[name], _value(name, value)
        return f"{zh} {value_zh}".strip(), f"{en} {value_en}".strip()
    return PARTS.get(code) or SOUGHT.get(code) or _term(SEEN, code) or _id(code) or fact_name(code)


def seen(code: str, books: Mapping[str, Pair]) -> Pair:
    """The same where it may be a book or one of its columns, whose names are in `books`."""
    said = part(code)
    return books.get(code, said) if said == (code, code) else said


def whole(code: str, books: Mapping[str, Pair] | None = None) -> Pair:
    """Of what something was done: a case, a file, a book by its name among `books`."""
    kind, _, rest = code.partition("-")
    name, dash, day = rest.partition("-") if kind == "round" else (rest, "", "")
    if kind in NAMED and books and name in books:
        (zh, en), (of_zh, of_en) = books[name], KINDS[kind]
        return f"{of_zh} {zh}{dash and ' '}{day}", f"{of_en}: {en}{dash and ' '}{day}"
    return _id(code) or (code, code)


def _value(name: str, value: str) -> Pair:
    if name == "action":
        return act(value)
    if name == "outcome":
        return OUTCOMES.get(value, (value, value))
    return _term((Role,), value) or _id(value) or (value, value)


def _id(code: str) -> Pair | None:
    kind, _, rest = code.partition("-")
    if not rest or kind not in KINDS:
        return None
    zh, en = KINDS[kind]
    number = rest if kind in NAMED else short(rest)
    return f"{zh} {number}", f"{en} {number}"


def ground(code: str | None) -> Pair:
    """Why it was allowed; a reason that somebody gave stands behind it."""
    head, _, reason = (code or "—").partition(":")
    zh, en = GROUNDS.get(head) or _reason(head)
    if not reason:
        return zh, en
    why_zh, why_en = _reason(reason)
    return f"{zh}：{why_zh}", f"{en}: {why_en}"


def _reason(code: str) -> Pair:
    return _term(REASONS, code) or ENDED.get(code) or (code, code)


def _term(kinds: tuple[type[Term], ...], code: str) -> Pair | None:
    known = next((kind(code) for kind in kinds if code in kind._value2member_map_), None)
    return (known.zh, known.en) if known else None
