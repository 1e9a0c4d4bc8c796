"""合规审计 and 个人信息保护影响评估: papers about the service itself, made from its rules, rights and counts, each year and when asked for."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, cast

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import matrix
from app.api.context import Conn, Shouhu, Who, require
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.db import compliance as kept
from app.db.audit import on_record
from app.db.columns import metadata
from app.db.files import WAITS
from app.db.ledger import Ledger
from app.db.sheet_jobs import KEPT
from app.db.vault import sealing
from app.db.walls import open_door
from app.documents import render
from app.domain.access import Action, Relation
from app.domain.approvals import Act
from app.domain.emergency import Emergency
from app.domain.masking import VIEW_LASTS, Need
from app.domain.retention import HoldReason
from app.domain.sign_in import ABSOLUTE, IDLE
from app.domain.terms import Agency, Role, Term
from app.domain.working_time import BEIJING
from app.policy.basis import cite
from app.policy.disclosure_words import told_in_words, whose
from app.policy.pack import Pack
from app.policy.pack_file import PackFile
from app.policy.retention import retention_rules
from app.router import Router

router = Router(prefix="/v1/compliance", tags=["compliance"], route_class=StrictRoute)
PDF = "application/pdf"
TEMPLATE = "compliance"
KEPT_YEARS = 3
"""个人信息保护法 第56条 (L94): an assessment and its records are kept for three years at least; here none is ever deleted."""
LOG_DAYS = 180
LAW = ("L90", "L91", "L92", "L93", "L94", "L95", "L96", "L97", "L98", "L99")
Section = dict[str, Any]


class PaperKind(Term):
    """Which of the two."""

    AUDIT = "audit", "未成年人个人信息保护合规审计资料", "the yearly audit of minors' data"
    IMPACT = "impact", "个人信息保护影响评估", "the impact assessment"


class ComplianceRow(BaseModel):
    """A paper that was made."""

    id: str
    kind: PaperKind
    year: int = Field(examples=[2026])
    made_at: datetime
    made_by: str = Field(examples=["engine"])


class WantedPaper(BaseModel):
    """Which paper, and of which year; of this one where none is named."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"kind": "impact"}})

    kind: PaperKind
    year: Annotated[int, Field(ge=2017, le=2999)] | None = None


@router.get("", operation_id="compliance_papers")
async def listed(conn: Conn, who: Who) -> list[ComplianceRow]:
    """Newest first; for supervisors and whoever reads the audit."""
    require(who, Action.READ_AUDIT)
    row = kept.papers.c
    query = select(row.id, row.kind, row.year, row.made_at, row.made_by).order_by(row.made_at.desc(), row.id)
    return [ComplianceRow.model_validate(dict(one)) for one in (await conn.execute(query)).mappings()]


@router.post("", status_code=201, operation_id="make_compliance_paper")
async def make(wanted: WantedPaper, conn: Conn, who: Who, shouhu: Shouhu) -> ComplianceRow:
    """As everything stands now; what was made before stays. It names nobody. The audit of a year that runs counts the months that are
    over: of this minute, it would tell whoever knows their own figures of each report that they do not see."""
    require(who, Action.READ_AUDIT)
    now = shouhu.ledger.clock()
    year = wanted.year or now.astimezone(BEIJING).year
    await open_door(conn)
    made = await made_paper(conn, shouhu.ledger, wanted.kind, year, who.person_id, now)
    await on_record(conn, who, "make_compliance_paper", None, [wanted.kind.value], children=[])
    return ComplianceRow(id=made, kind=wanted.kind, year=year, made_at=now, made_by=who.person_id)


@router.get(
    "/{paper_id}", operation_id="read_compliance_paper", response_class=Response,
    responses={200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}, "description": "A PDF."}},
)  # fmt: skip
async def read(paper_id: str, conn: Conn, who: Who) -> Response:
    """As it was made."""
    require(who, Action.READ_AUDIT)
    body = (await conn.execute(select(kept.papers.c.body).where(kept.papers.c.id == paper_id))).scalar_one_or_none()
    if body is None:
        raise Problem(404, "paper_not_found", "没有此份材料 · There is no such paper.")
    named = {"Content-Disposition": f'attachment; filename="{paper_id}.pdf"'}
    return Response(body, media_type=PDF, headers=named)


async def made_paper(
    conn: AsyncConnection, ledger: Ledger, kind: PaperKind, year: int, by: str, now: datetime
) -> str:  # fmt: skip
    """The id of a new paper; for the service, which sees all that is counted."""
    facts = await facts_of(conn, ledger, kind, year, now)
    body = await asyncio.to_thread(render, TEMPLATE, facts)
    return await kept.keep(conn, kind.value, year, by, body, now)


async def make_yearly(conn: AsyncConnection, ledger: Ledger) -> list[str]:
    """What the schedule asks for: the audit of the year that has ended, and an assessment of how all stands, once a year."""
    now = ledger.clock()
    year = now.astimezone(BEIJING).year
    wanted = ((PaperKind.AUDIT, year - 1), (PaperKind.IMPACT, year))
    return [
        await made_paper(conn, ledger, kind, of, "engine", now)
        for kind, of in wanted
        if not await kept.has_paper(conn, kind, of)
    ]


async def facts_of(
    conn: AsyncConnection, ledger: Ledger, kind: PaperKind, year: int, now: datetime
) -> dict[str, Any]:  # fmt: skip
    """What the template shows."""
    today = now.astimezone(BEIJING)
    since, until = _counted(year, today)
    sections = (
        await _audit(conn, since, until)
        if kind is PaperKind.AUDIT
        else await _impact(conn, cast(Pack, await ledger.current(conn, now)).file)
    )
    whole = f"{year}年1月1日至{until.month}月{until.day}日" if until > since else f"{year}年（尚无已结束的月份）"
    period = whole if kind is PaperKind.AUDIT else f"截至{today:%Y年%m月%d日}"
    return {
        "title": f"丰台区未成年人保护平台{kind.zh}（{year}年）", "stamp": "内部资料", "period": period,
        "date": [today.year, today.month, today.day], "sections": [*sections, _law(), *_opinion(kind)],
        "note": f"由系统按实际配置和记录自动汇总，不含任何个人的姓名、号码或住址；本份材料至少保存{KEPT_YEARS}年，系统不予删除。",
    }  # fmt: skip


def _section(title: str, columns: Sequence[str], rows: kept.Rows, text: str = "") -> Section:
    empty = [["—", *[""] * (len(columns) - 1)]]
    return {"title": title, "text": text, "columns": list(columns), "rows": rows or empty}


def _counted(year: int, today: datetime) -> tuple[datetime, datetime]:
    """The first and the last instant of the year, or of those months of it that are over; the last before the first where none is."""
    begin, following, month = (
        datetime.combine(day, datetime.min.time(), BEIJING) for day in (date(year, 1, 1), date(year + 1, 1, 1), today.date().replace(day=1))
    )  # fmt: skip
    return begin, min(following, month) - timedelta(microseconds=1)


async def _audit(conn: AsyncConnection, since: datetime, until: datetime) -> list[Section]:
    span = (conn, since, until)
    return [
        _section("一、个案", ("项目", "数量"), await kept.cases_of(*span)),
        _section("二、查阅与操作留痕（次数最多的）", ("操作", "次数", "人数", "儿童人次"), await kept.reads_of(*span)),
        _section("三、全名全号查看", ("理由", "次数", "人数"), _said(Need, await kept.views_of(*span))),
        _section(
            "四、紧急调阅及复核",
            ("理由", "结论", "次数", "超时复核"),
            _said(Emergency, await kept.emergencies_of(*span)),
        ),
        _section("五、两人审批", ("事项", "提请", "批准", "驳回", "已办"), _said(Act, await kept.approvals_of(*span))),
        _section("六、被拒绝的尝试", ("结果", "次数", "人数"), await kept.refused_of(*span)),
        _section("七、到期销毁", ("规则", "待办", "其中保全", "本年销毁"), await kept.destroyed_of(*span)),
        _section(
            "八、留存保全", ("理由", "本年设置", "本年解除", "现有"), _said(HoldReason, await kept.holds_of(*span))
        ),
        _section("九、账号（按角色）", ("角色", "在用账号", "其中一人多号"), _said(Role, await kept.people_of(conn))),
        _section("十、密钥与审计封印", ("项目", "数量"), await kept.keys_of(*span)),
    ]


def _said(term: type[Term], rows: kept.Rows) -> kept.Rows:
    """The code in front in official words."""
    return [[term(row[0]).zh if row[0] in term._value2member_map_ else row[0], *row[1:]] for row in rows]


async def _impact(conn: AsyncConnection, rules: PackFile) -> list[Section]:
    walls, shut = await kept.walls_of(conn)
    systems = await kept.systems_of(conn)
    at_systems = "、".join(Agency(one).zh for one in systems) or "无"
    return [
        _section("一、处理哪些个人信息", ("内容", "密钥", "加密的列"), _sealed(),
                 "下列各列以每案一把的密钥加密存储，密钥由库外的主密钥包裹；其余各列只有代码、编号和时间。"),
        _section("二、谁能做什么", ("角色", *(_RELATIONS[one] for one in Relation)), _rights(),
                 f"每格为该角色在该关系下可用的接口数，共{len(matrix.matrix())}个；全表见 docs/access.md。"
                 f"数据库另设行级安全：应有{walls}张表，实有{shut}张。"),
        _section("三、向各单位提供的信息", ("单位", "提供的内容", "依据"), _told(rules), f"现行规则{rules.name}的告知清单。"
                 f"以自有系统接收的单位：{at_systems}。"),
        _section("四、保存期限", ("内容", "期限", "依据"), _times()),
        _section("五、自动化建议", ("事项", "做法"), [
            ["等级、待遇、安置", "系统只提出建议并列明依据，由承办人决定；当事人可要求说明（L95）"],
            ["疑似重复、同一儿童", "系统提示，由人判断；合并儿童档案由另一人核实"],
        ]),
        _section("六、须两人办理的事项", ("事项",), [[one] for one in ("办结个案", "发布规则", *(act.zh for act in Act))]),
        _section("七、账号（按角色）", ("角色", "在用账号", "其中一人多号"), _said(Role, await kept.people_of(conn))),
    ]  # fmt: skip


_RELATIONS = {
    Relation.OWNER: "牵头单位", Relation.CO_AGENCY: "协办单位", Relation.FORMER_AGENCY: "曾办单位", Relation.SUPERVISOR: "监督单位",
    Relation.REPORTER: "报告单位", Relation.STRANGER: "无关单位",
}  # fmt: skip


_NAMES = {
    "accounts": "登录账号", "approvals": "两人审批事由", "children": "儿童", "contents": "儿童档案内容", "drafts": "报告草稿",
    "emergency_reads": "紧急调阅事由", "endpoints": "单位系统密码", "files": "附件", "form_drafts": "表单草稿",
    "saved_views": "视图名称", "full_views": "全名查看事由", "legal_holds": "保全事由",
    "notes": "办理记录", "signals": "系统预警信号", "register_entries": "登记簿", "reports": "报告", "sheet_parts": "导入导出的工作簿",
}  # fmt: skip
"""A table that has no name here yet stands under its own."""


def _sealed() -> kept.Rows:
    """From the tables themselves."""
    found = [
        (table, sealing(table).columns) for table in metadata.sorted_tables if any("sealed" in c.info for c in table.c)
    ]
    of_service = ("accounts", "endpoints", "saved_views")
    return [
        [
            f"{_NAMES.get(table.name, '')} {table.name}".strip(), "本系统一把" if table.name in of_service else "每案（对象）一把",
            "、".join(columns),
        ]
        for table, columns in found
    ]  # fmt: skip


def _rights() -> kept.Rows:
    """From the rules that answer requests."""
    rules = [rule for _, rule in matrix.matrix().values()]
    return [
        [
            role.zh,
            *(str(sum(rule(matrix.seat(relation, role)) == matrix.YES for rule in rules)) for relation in Relation),
        ]
        for role in matrix.ROLES
    ]


def _told(rules: PackFile) -> kept.Rows:
    """From the disclosure lists of the rules in force."""
    rows = [(row, told_in_words(row).zh, row.tasks) for row in rules.disclosures]
    rows += [(row, "其参与的案件的全部内容", ()) for row in rules.whole_sights]
    return [
        [whose(row.agencies, tasks, rules).zh, told, "；".join(cite(source).clause for source in row.basis)]
        for row, told, tasks in rows
    ]


def _times() -> kept.Rows:
    """The rows of retention, and what the service forgets by itself."""
    rows = [
        [rule.kept.zh, f"最后一项记录满{rule.years}年且最小儿童满{rule.until_age}周岁（自{rule.holds_from}）",
         "；".join(cite(source).clause for source in rule.basis)]
        for rule in retention_rules()
    ]  # fmt: skip
    default = cite("default").clause
    hours = timedelta(hours=1)
    return [
        *rows, ["未提交的报告草稿和附件", f"{WAITS // hours}小时", default], ["导入导出的工作簿", f"{KEPT // hours}小时", default],
        ["登录会话", f"闲置{IDLE.seconds // 60}分钟，最长{ABSOLUTE // hours}小时", default],
        ["全名全号查看", f"{VIEW_LASTS.seconds // 60}分钟", default], ["系统日志", f"不少于{LOG_DAYS}天", cite("L98").clause],
        ["本类材料", f"不少于{KEPT_YEARS}年", f"{cite('L94').clause}、第56条"],
    ]  # fmt: skip


def _law() -> Section:
    return _section("附、法律依据", ("编号", "条文", "原文"), [[one, cite(one).clause, cite(one).text] for one in LAW])


def _opinion(kind: PaperKind) -> list[Section]:
    """What a person has to write; the service judges nothing of this."""
    asked = (
        ("审计意见", "整改要求")
        if kind is PaperKind.AUDIT
        else ("目的方式是否合法正当必要", "对个人权益的影响", "措施是否相适应")
    )
    return [_section("附、须由负责人填写", ("事项", "意见"), [[one, ""] for one in (*asked, "负责人签字、日期")])]
