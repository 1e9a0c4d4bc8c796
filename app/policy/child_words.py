"""What the tables ask of one child, in words, so that whoever must find out a missing fact reads no code."""

from app.domain.determination import Category
from app.domain.terms import Trigger
from app.policy.child_view import PREFIX
from app.policy.words import FIELDS, NAMES, Words

ASKED = {
    "age": Words("年龄", "the age"), "is_subject": Words("系被报告儿童", "the child reported"),
    "has_siblings": Words("有兄弟姐妹", "brothers or sisters"),
    "harmed": Words("遭受虐待、遗弃、意外伤害或不法侵害", "victim of maltreatment, abandonment, an accident or harm"),
    "witnessed_harm": Words("目睹侵害", "has witnessed harm"), "abandoned": Words("被遗弃", "abandoned"),
    "parents_not_found": Words("查找不到生父母", "the search for the parents ended without any"),
    "notice_served": Words("寻亲公告期满", "the public notice has run out"),
    "on_the_street": Words("正在流浪", "on the street"), "street_before": Words("有流浪经历", "was on the street before"),
    "in_institution": Words("在机构养育", "lives in an institution"),
    "foster_family": Words("有评估合格的寄养家庭", "a family was found fit to foster the child"),
    "adopter": Words("有评估合格的收养申请人", "an applicant was found fit to adopt the child"),
    "lost_family_support": Words("临时失去家庭依靠（经评估）", "for now without the family's support, as assessed"),
    "hiv_affected": Words("受艾滋病影响", "affected by HIV"),
    "impaired": Words("生理、心理或精神状况异常", "body, mind or spirit out of order"),
    "disability_certificate": Words("持残疾人证", "has a disability certificate"),
    "needs_rehabilitation": Words("需要康复", "needs rehabilitation"),
    "not_prosecuted": Words("检察机关不起诉或附条件不起诉", "not prosecuted, or not under conditions"),
    "needs_guidance": Words("急需帮抚、帮教", "urgently needs help and guidance"),
    "procuratorate_confirms": Words("检察院确认", "confirmed by the procuratorate"),
    "agency_proposes": Words("有关单位提出", "put forward by an agency"),
    "conference_decided": Words("联席会议确定", "resolved by the joint conference"),
    "conference_refused": Words("联席会议不予认定", "not recognised by the joint conference"),
    "court_appointed_civil": Words("法院指定民政部门监护", "a court made civil affairs the guardian"),
    "carer_available_tonight": Words("当晚有合格照料人", "a fit carer tonight"),
    "on_minimum_living": Words("享受最低生活保障", "the family receives the minimum living allowance"),
    "low_income": Words("低收入家庭", "the family has a low income"),
    "cannot_pay_treatment": Words("无力支付医疗费用", "the family cannot pay the treatment"),
    "housing_need": Words("住房困难", "in need of housing"),
    "on_destitute_support": Words("享受特困人员救助供养", "receives support in extreme hardship"),
    "hardship_recognised": Words("民政部门认定的其他困境", "another hardship that civil affairs have recognised"),
    "another_guardian": Words("有其他监护人", "another guardian in law"), "rural": Words("农村", "in the country"),
    "exploited": Words("被组织利用", "exploited by organisers"),
    "harm_by_outsider_alone": Words("加害人均为家庭以外的人", "harmed by outsiders alone"),
    "still_missing": Words("尚未找到", "still missing"), "orphan": Words("父母均已死亡", "both parents are dead"),
    "guardian_dead": Words("监护人死亡", "a guardian is dead"),
    "parents_detained": Words("父母被拘留，无人能到场", "the parents are detained and neither can come"),
    "parents_hospitalised": Words("父母住院，无人能到场", "the parents are in hospital and neither can come"),
    "parents_imprisoned": Words("父母服刑或戒毒，无人能到场", "the parents serve a sentence or detoxification and neither can come"),
    "guardian_detained": Words("监护人被拘留", "a guardian is detained"),
    "guardian_sentenced": Words("监护人被判处刑罚或社区矫正", "a guardian is sentenced or in community correction"),
    "parents_unsupporting": Words("父母均属事实无人抚养情形", "neither parent supports the child in fact"),
    "parents_cannot_care": Words("父母均不能履行监护", "neither parent can care"),
    "parent_in_doubt": Words("父母一方监护存疑", "a parent's guardianship is in doubt"),
    "parent_missing": Words("父母一方失联", "a parent is out of contact"),
    "guardianship_cause": Words("监护人服刑、吸毒、重病或重残", "a guardian serves, uses drugs, is gravely ill or disabled"),
    "guardian_fault": Words("监护人加害或不履行监护", "a guardian harms or neglects"),
    "persists_after_police": Words("经公安教育不改", "goes on after the police have admonished"),
    "revoked": Words("监护人资格被撤销", "a guardianship was revoked"),
    "parent_away_for_work": Words("父母外出务工", "a parent is away for work"),
    "safe_parent": Words("有未涉嫌且可联系的父母一方", "a parent who is no suspect and within reach"),
    "parent_can_care": Words("父母一方有监护能力", "a parent can care"),
    "parent_at_home": Words("有监护能力的父母在家", "an able parent is at home"),
    "kin_offers": Words("亲属愿意照料", "a relative offers care"),
    "kin_fit": Words("亲属经核验合格", "a relative was found fit"),
    "delegated": Words("已书面委托监护", "entrusted in writing"),
    "carer_seeks_work": Words("照料人求职", "the carer looks for work"),
    "in_category": Words("已属某类困境", "of a category already"),
    "multi_difficulty": Words("多重困境", "several difficulties"), "placement": Words("安置", "the placement"),
    "tonight": Words("当晚安置", "tonight's placement"),
}  # fmt: skip


def asked_in_words(name: str) -> Words:
    """A fact of the view as people say it."""
    if name.startswith(PREFIX):
        trigger = Trigger(name.removeprefix(PREFIX))
        return Words(trigger.zh, trigger.en)
    if name in set(Category):
        return Words(Category(name).zh, Category(name).en)
    return ASKED.get(name) or FIELDS.get(name) or NAMES[name]
