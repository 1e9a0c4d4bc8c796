"""The vocabulary: every official term of the field, in Chinese and English, once."""

from enum import StrEnum
from typing import Self


class Term(StrEnum):
    """A stable code with its Chinese official term and its English rendering."""

    zh: str
    en: str

    def __new__(cls, code: str, zh: str, en: str) -> Self:
        """Make the code the value and hang both names on it."""
        term = str.__new__(cls, code)
        term._value_ = code
        term.zh = zh
        term.en = en
        return term


class Stage(Term):
    """The four-stage chain of the notice, 三(二)4, and its end."""

    REPORT = "report", "发现报告", "report"
    ASSESS = "assess", "评估转介", "assess and refer"
    INTERVENE = "intervene", "帮扶干预", "help and intervene"
    REVIEW = "review", "后期评估", "post-assessment"
    CLOSED = "closed", "办结", "closed"


class ReportKind(Term):
    """Why somebody turns to the one door (一门受理)."""

    CONCERN = "concern", "强制报告", "report of concern"
    MISSING_CHILD = "missing_child", "失踪报案", "missing child"
    RESCUE = "rescue", "解救", "rescued child"
    DETENTION_INQUIRY = "detention_inquiry", "拘留询问", "detained-parent inquiry"
    DROPOUT = "dropout", "辍学", "dropout"
    APPLICATION = "application", "申请", "application for support"
    HOTLINE = "hotline", "热线来电", "hotline call"
    JUVENILE = "juvenile", "涉罪帮教", "guidance after an offence"


class Trigger(Term):
    """What obliges to report: the six of 三(二)4, and what opens the named procedures."""

    UNGUARDED = "unguarded", "脱离监护", "unguarded"
    LIVING_ALONE = "living_alone", "单独居住生活", "living alone"
    MISSING = "missing", "失踪", "missing"
    SUSPECTED_DV = "suspected_dv", "疑似遭受家庭暴力", "suspected domestic violence"
    SUSPECTED_ACCIDENT = "suspected_accident", "疑似遭受意外伤害", "suspected accidental injury"
    SUSPECTED_UNLAWFUL_HARM = "suspected_unlawful_harm", "疑似遭受不法侵害", "suspected unlawful harm"
    RESCUED_FROM_TRAFFICKING = "rescued_from_trafficking", "打拐解救", "rescued from trafficking"
    BEGGING = "begging", "流浪乞讨", "street begging"
    DROPOUT = "dropout", "辍学", "dropped out of school"
    APPLICATION = "application", "申请救助", "application for support"


class Urgency(Term):
    """How fast the first response must be; only NORMAL waits for working time."""

    IMMEDIATE = "immediate", "立即", "immediate"
    TONIGHT = "tonight", "当夜", "tonight"
    SAME_DAY = "same_day", "当日", "same day"
    NORMAL = "normal", "普通", "normal"

    @property
    def around_the_clock(self) -> bool:
        """Urgent cases run 24 x 7."""
        return self is not Urgency.NORMAL


class Branch(Term):
    """Police emergency branches of 三(二)4 and the named procedures."""

    A = "A", "单独居住", "living alone"
    B = "B", "失踪失联", "missing"
    C = "C", "家庭暴力", "domestic violence"
    D = "D", "不法侵害或意外伤害", "other harm or accident"
    E = "E", "组织利用未成年人", "organised exploitation"
    DETAINED_PARENT = "DETAINED_PARENT", "拘留父母询问", "detained-parent inquiry"
    DROPOUT = "DROPOUT", "控辍保学", "dropout control"
    APPLICATION = "APPLICATION", "一门受理", "one-door application"
    JUVENILE_DIVERSION = "JUVENILE_DIVERSION", "涉罪未成年人帮教", "juvenile diversion"

    @property
    def is_police(self) -> bool:
        """Branches A to E belong to the police."""
        return len(self.value) == 1


class Agency(Term):
    """Every agency of the notice, by its code; today's name where the name of 2017 has changed (guide B.5)."""

    POLICE = "POLICE", "区公安分局", "Police"
    CIVIL = "CIVIL", "区民政局", "Civil Affairs"
    EDU = "EDU", "区教委", "Education"
    SCHOOL = "SCHOOL", "学校幼儿园", "School"
    HEALTH = "HEALTH", "区卫生健康委", "Health"
    HOSPITAL = "HOSPITAL", "医疗机构", "Hospital"
    PROC = "PROC", "区检察院", "Procuratorate"
    COURT = "COURT", "区法院", "Court"
    JUSTICE = "JUSTICE", "区司法局", "Justice Bureau"
    FINANCE = "FINANCE", "区财政局", "Finance"
    HOUSING = "HOUSING", "区房管局", "Housing"
    HR = "HR", "区人力资源和社会保障局", "Human Resources"
    CULTURE = "CULTURE", "区文化和旅游局", "Culture"
    URBAN = "URBAN", "区城管", "Urban Management"
    UNION = "UNION", "区总工会", "Trade Union"
    WF = "WF", "区妇联", "Women's Federation"
    YL = "YL", "团区委", "Youth League"
    DPF = "DPF", "区残联", "Disabled Persons' Federation"
    STREET = "STREET", "街道乡镇", "Street or Town Office"
    COMM = "COMM", "居（村）民委员会", "Residents' or Village Committee"
    SW = "SW", "专业社会工作机构", "Social Work Agency"
    RESCUE = "RESCUE", "救助管理机构", "Rescue Station"
    CWI = "CWI", "儿童福利机构", "Child Welfare Institution"
    HOTLINE = "HOTLINE", "12345热线", "12345 Hotline"
    EXEC = "EXEC", "执行机关", "Executing Authority"
    CONF = "CONF", "联席会议办公室", "Joint Conference Office"
    COMMITTEE = "COMMITTEE", "困境儿童和留守儿童保护委员会", "Child Protection Committee"
    INSURANCE = "INSURANCE", "区医疗保障局", "Medical Insurance"

    @property
    def is_territorial(self) -> bool:
        """One desk per street or town instead of one for the district."""
        return self in (Agency.STREET, Agency.COMM)


class ReporterClass(Term):
    """Who reports: the seven classes of 三(二)4, those the law adds, and the public."""

    SCHOOL = "school", "学校", "school"
    KINDERGARTEN = "kindergarten", "幼儿园", "kindergarten"
    MEDICAL = "medical", "医疗机构", "medical institution"
    COMMITTEE = "committee", "居（村）民委员会", "residents' or village committee"
    SOCIAL_WORK = "social_work", "社会工作服务机构", "social-work agency"
    RESCUE = "rescue", "救助管理机构", "rescue station"
    WELFARE = "welfare", "社会福利机构", "welfare institution"
    POLICE = "police", "公安机关", "police"
    STATE_ORGAN = "state_organ", "国家机关", "state organ"
    CLOSE_CONTACT = "close_contact", "密切接触未成年人的单位", "unit in close contact with children"
    HOTEL = "hotel", "旅馆", "hotel"
    HOTLINE = "hotline", "12345热线", "12345 hotline"
    PUBLIC = "public", "公众", "member of the public"


OWN_AGENCY = {
    ReporterClass.SCHOOL: Agency.SCHOOL,
    ReporterClass.KINDERGARTEN: Agency.SCHOOL,
    ReporterClass.MEDICAL: Agency.HOSPITAL,
    ReporterClass.COMMITTEE: Agency.COMM,
    ReporterClass.SOCIAL_WORK: Agency.SW,
    ReporterClass.RESCUE: Agency.RESCUE,
    ReporterClass.WELFARE: Agency.CWI,
    ReporterClass.POLICE: Agency.POLICE,
    ReporterClass.HOTLINE: Agency.HOTLINE,
}
"""The agency whose desk does what the reporter's own unit has to do."""


class Role(Term):
    """What a person may be at a desk."""

    REPORTER = "reporter", "报告人", "mandatory reporter"
    OFFICER = "officer", "经办人", "desk officer"
    DESK_HEAD = "desk_head", "科室负责人", "desk head"
    AGENCY_HEAD = "agency_head", "单位负责人", "agency head"
    SUPERVISOR = "supervisor", "督查员", "supervisor"
    PROCURATOR = "procurator", "检察官", "procurator"
    ADMIN = "admin", "系统管理员", "system administrator"
    SECURITY_ADMIN = "security_admin", "安全管理员", "security administrator"
    AUDITOR = "auditor", "审计管理员", "audit administrator"
    MACHINE = "machine", "单位系统", "agency system"
    ENGINE = "engine", "系统", "the service itself"


class KeyScope(Term):
    """What a machine's key opens."""

    REPORT_CREATE = "report:create", "上报", "file reports"
    REPORT_READ_OWN = "report:read-own", "查询本单位报告", "see the unit's own reports"
    ROUND_ANSWER = "round:answer", "填报排查", "answer screening rounds"
    SIGNAL_SEND = "signal:send", "推送预警信号", "send signals"
    TASK_READ = "task:read", "查询本单位案件", "see the desk's cases"
    TASK_WORK = "task:work", "办理本单位事项", "work on the desk's tasks"


class Rung(Term):
    """The ladder: who is told of a silence, rung by rung; the top is 三(三)2(4) 检察监督."""

    REMIND = "remind", "提醒经办人", "remind the holder"
    DESK_HEAD = "desk_head", "告知科室负责人", "tell the desk head"
    AGENCY_HEAD = (
        "agency_head",
        "告知单位负责人和联席会议办公室",
        "tell the agency head and the joint conference office",
    )
    SUPERVISION = "supervision", "列入督查名单", "put on the supervision list"
    PROCURATORATE = "procuratorate", "提请检察监督", "ask for legal supervision by the procuratorate"


class DeclineReason(Term):
    """Why a desk does not take a referral (不受案)."""

    NOT_COMPETENT = "not_competent", "不属本单位职责", "not this agency's competence"
    WRONG_DIVISION = "wrong_division", "不属本辖区", "not this division"
    ALREADY_HANDLED = "already_handled", "已由本单位办理", "already being handled here"
    CONDITIONS_NOT_MET = "conditions_not_met", "不符合条件", "conditions are not met"
    NO_CAPACITY = "no_capacity", "无承接能力", "no capacity"
    CONFLICT_OF_INTEREST = "conflict_of_interest", "需要回避", "conflict of interest"


class ReturnReason(Term):
    """What is missing when a desk returns a referral for completion (退回补正)."""

    MISSING_CONTACT = "missing_contact", "缺少联系方式", "contact is missing"
    MISSING_LOCATION = "missing_location", "缺少地址", "location is missing"
    MISSING_MATERIAL = "missing_material", "缺少材料", "material is missing"
    UNCLEAR_REQUEST = "unclear_request", "请求事项不明", "the request is unclear"


class ExtendReason(Term):
    """Why a deadline is moved (延期)."""

    COMPLEX_FACTS = "complex_facts", "案情复杂", "complex facts"
    AWAITING_AGENCY = "awaiting_agency", "等待其他单位", "waiting for another agency"
    CHILD_UNAVAILABLE = "child_unavailable", "暂时无法接触儿童", "the child cannot be reached"
    FORCE_MAJEURE = "force_majeure", "不可抗力", "force majeure"


class PauseReason(Term):
    """Why a clock stands still (中止)."""

    AWAITING_MATERIAL = "awaiting_material", "等待补充材料", "waiting for material"
    AWAITING_APPRAISAL = "awaiting_appraisal", "等待鉴定", "waiting for an appraisal"
    CHILD_IN_HOSPITAL = "child_in_hospital", "儿童住院", "the child is in hospital"
    CONNECTED_PROCEEDING = "connected_proceeding", "等待关联程序", "waiting for a connected proceeding"


class FailReason(Term):
    """Why a task ended without its result (未完成)."""

    FAMILY_MOVED = "family_moved", "家庭迁离", "the family has moved away"
    REFUSED_BY_FAMILY = "refused_by_family", "家庭拒绝", "the family refuses"
    NOT_POSSIBLE = "not_possible", "客观不能", "not possible"
    OVERTAKEN = "overtaken", "已无必要", "no longer needed"


class CloseReason(Term):
    """How a case ends; return to the family comes first (三(二)3)."""

    FAMILY_REUNIFICATION = "family_reunification", "回归家庭", "safe with the family"
    LONG_TERM_PLACEMENT = "long_term_placement", "长期安置", "long-term placement"
    NEEDS_MET = "needs_met", "帮扶完成", "needs met"
    NO_RISK_FOUND = "no_risk_found", "核实无风险", "no risk found"
    MOVED_AND_HANDED_OVER = "moved_and_handed_over", "迁出并移交", "moved and handed over"
    ADULTHOOD = "adulthood", "成年", "came of age"
    DIED = "died", "死亡", "died"
    POLICE_CLOSED = "police_closed", "公安机关结案", "closed by the police"


GONE: tuple[str, ...] = (CloseReason.DIED, CloseReason.ADULTHOOD, CloseReason.MOVED_AND_HANDED_OVER)
"""With which a case of a single child, or a watch, ends for good: nobody will work with the child again."""


class WaiveReason(Term):
    """Why a reporter is not answered, the only way to close without the answer."""

    ANONYMOUS = "anonymous", "匿名报告无法联系", "anonymous and cannot be reached"
    REPORTER_IS_SUSPECT = "reporter_is_suspect", "报告人涉嫌侵害", "the reporter is a suspect"
    WOULD_ENDANGER_CHILD = "would_endanger_child", "告知将危及儿童", "an answer would endanger the child"


class Grade(Term):
    """Grade of risk of 等级评定; the scale is the product's own, the notice gives none."""

    HIGH = "high", "高风险", "high"
    MEDIUM = "medium", "中风险", "medium"
    LOW = "low", "低风险", "low"


class OverrideReason(Term):
    """Why a person grades otherwise than the scale proposes."""

    NEW_FACTS = "new_facts", "入户查明新情况", "the visit showed what the report did not say"
    MITIGATED = "mitigated", "已有保护措施或保护因素", "the risk is already met"
    AGGRAVATED = "aggravated", "风险叠加，高于量表所见", "risks add up to more than the scale sees"
    SCALE_UNFIT = "scale_unfit", "量表未涵盖此情形", "the scale does not know this situation"


class Safety(Term):
    """Whether a child is safe now, as a person on the spot found it."""

    UNKNOWN = "unknown", "未核实", "not yet verified"
    SAFE = "safe", "现在安全", "safe now"
    NOT_FOUND = "not_found", "尚未找到", "not found yet"
    PLACED = "placed", "已临时安置", "placed temporarily"


class Service(Term):
    """The seven protection services of 三(二)4 that a plan is built from."""

    ADMINISTRATIVE_PROTECTION = "administrative_protection", "行政保护", "administrative protection"
    JUDICIAL_INTERVENTION = "judicial_intervention", "司法干预", "judicial intervention"
    ALTERNATIVE_CARE = "alternative_care", "替代照料", "alternative care"
    EDUCATION_SUPPORT = "education_support", "教育帮扶", "education support"
    MEDICAL_TREATMENT = "medical_treatment", "医疗救治", "medical treatment"
    PSYCHOLOGICAL_HELP = "psychological_help", "心理疏导", "psychological help"
    SPIRITUAL_COMFORT = "spiritual_comfort", "精神慰藉", "spiritual comfort"


class Cause(Term):
    """Why a case stands still, as the supervisor sees it."""

    NOT_ACCEPTED = "not_accepted", "无人受理", "nobody has accepted"
    AWAITING_MATERIAL = "awaiting_material", "等待材料", "waiting for material"
    DELIVERY_FAILING = "delivery_failing", "对方系统故障", "the agency's system is failing"
    PAUSED = "paused", "已中止", "paused"
    OVERDUE = "overdue", "超期未办", "past its deadline"
    DUE_SOON = "due_soon", "临期", "due soon"


class Fault(Term):
    """What the reconciler finds wrong with an open case or watch."""

    NO_LIVE_WORKFLOW = "no_live_workflow", "没有运行中的流程", "no workflow conducts it"
    NO_NEXT_DEADLINE = "no_next_deadline", "没有下一时限", "nothing is due next"
    NO_OWNER = "no_owner", "无人负责", "nobody owns it, or whoever did has left"
    ENGINE_STANDS_STILL = (
        "engine_stands_still",
        "时限已过而流程未动",
        "a deadline has passed and the engine has not moved",
    )
    TASKS_DIFFER = "tasks_differ", "任务列表与案件记录不一致", "its tasks differ from its ledger"
    FOLD_DIFFERS = "fold_differs", "案件现状与案件记录不一致", "where it stands differs from its ledger"
    EMERGENCY_UNREVIEWED = "emergency_unreviewed", "紧急调阅逾期未复核", "an emergency read was not reviewed in time"
    LEDGER_UNREADABLE = "ledger_unreadable", "案件记录无法读取", "its ledger cannot be read"
    LINK_STANDS_OPEN = (
        "link_stands_open",
        "关联无法落实回避：须解除关联",
        "its link cannot keep those concerned out, as nobody would oversee it: take the link back",
    )
    DESK_CONCERNED = (
        "desk_concerned",
        "承办单位须回避：须由其他单位办理",
        "it is about the desk that owes a task, a change of the file or the visits, and may not see it: another has to do it",
    )


STREETS = (
    ("001", "右安门街道"),
    ("002", "太平桥街道"),
    ("003", "西罗园街道"),
    ("004", "大红门街道"),
    ("005", "南苑街道"),
    ("006", "东高地街道"),
    ("007", "东铁匠营街道"),
    ("008", "六里桥街道"),
    ("009", "丰台街道"),
    ("010", "新村街道"),
    ("011", "长辛店街道"),
    ("012", "云岗街道"),
    ("013", "方庄街道"),
    ("014", "宛平街道"),
    ("015", "马家堡街道"),
    ("016", "和义街道"),
    ("017", "卢沟桥街道"),
    ("018", "花乡街道"),
    ("020", "成寿寺街道"),
    ("021", "石榴庄街道"),
    ("022", "玉泉营街道"),
    ("023", "看丹街道"),
    ("024", "五里店街道"),
    ("025", "青塔街道"),
    ("100", "北宫镇"),
    ("101", "王佐镇"),
)
"""丰台区's streets and towns, with the last three digits of their divisions."""
