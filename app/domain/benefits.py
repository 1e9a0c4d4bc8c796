"""The benefits and services of the notice by their official names, what the rules may answer of each, and the amounts by date."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.domain.terms import Service, Term
from app.domain.working_time import Value

Yuan = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]


class Benefit(Term):
    """What a child or a family may receive: living support, medical help, schooling, and what a service gives."""

    B_DIFF = "B_DIFF", "困境儿童生活保障", "living support of a child in difficulty"
    B_DB = "B_DB", "最低生活保障", "minimum living allowance"
    B_DIS2 = "B_DIS2", "残疾人两项补贴", "the two disability subsidies"
    B_DIS_LIVING = "B_DIS_LIVING", "困难残疾人生活补贴", "living subsidy of a disabled person in hardship"
    B_DIS_NURSING = "B_DIS_NURSING", "重度残疾人护理补贴", "nursing subsidy of a severely disabled person"
    B_TK = "B_TK", "特困人员救助供养", "support of a person in extreme hardship"
    TEMP_LIVING = "TEMP_LIVING", "临时性生活保障", "temporary living support"
    MED_PREF = "MED_PREF", "医疗保险适当倾斜", "preference in medical insurance"
    MED_ASSIST_WATERFALL = "MED_ASSIST_WATERFALL", "医疗保障有效衔接", "the joint payers of a medical bill"
    MED_BASIC = "MED_BASIC", "城乡居民基本医疗保险", "basic medical insurance"
    MED_SERIOUS = "MED_SERIOUS", "大病保险", "insurance of serious illness"
    MED_ASSIST = "MED_ASSIST", "医疗救助", "medical assistance"
    TEMP_AID = "TEMP_AID", "临时救助", "temporary assistance"
    CHARITY = "CHARITY", "慈善救助", "charitable aid"
    FEE_WAIVER = "FEE_WAIVER", "减免医疗费用", "reduced or waived medical fees"
    PUBLIC_HEALTH = "PUBLIC_HEALTH", "基本公共卫生服务", "basic public health services"
    EDU_AID = "EDU_AID", "分类教育资助", "education aid by category"
    INCLUSIVE_SCHOOLING = "INCLUSIVE_SCHOOLING", "随班就读", "schooling in an ordinary class"
    HOME_TEACHING = "HOME_TEACHING", "送教上门", "teaching at home"
    SCHOOLING_KEPT = "SCHOOLING_KEPT", "控辍保学", "return to and completion of compulsory schooling"
    GIRL_SCHOOLING = "GIRL_SCHOOLING", "困境女童完成义务教育帮扶", "help for girls to complete compulsory schooling"
    HOUSING = "HOUSING", "保障性住房", "public housing"
    GUARDIAN_EMPLOYMENT = "GUARDIAN_EMPLOYMENT", "家庭成员就业创业服务", "employment services for the family"
    REHAB = "REHAB", "残疾儿童康复", "rehabilitation"
    DPF_AID = "DPF_AID", "扶残助残资助", "funds for disabled persons"
    PSYCH = "PSYCH", Service.PSYCHOLOGICAL_HELP.zh, Service.PSYCHOLOGICAL_HELP.en
    LB_CARE = "LB_CARE", "留守儿童关爱", "care for a left-behind child"
    FAMILY_EDU = "FAMILY_EDU", "家庭教育指导服务", "guidance in family education"
    VOLUNTEER = "VOLUNTEER", "志愿服务", "volunteer services"
    PAIRING = "PAIRING", "一对一帮扶", "one-to-one help"
    LEGAL_AID = "LEGAL_AID", "法律援助", "legal aid"
    ADOPTION = "ADOPTION", "依法收养", "adoption"


def parts_of(benefit: Benefit) -> tuple[Benefit, ...]:
    """What is summed: the two subsidies are two, every other benefit is itself."""
    return (Benefit.B_DIS_LIVING, Benefit.B_DIS_NURSING) if benefit is Benefit.B_DIS2 else (benefit,)


class Verdict(Term):
    """What an officer decides of a benefit."""

    GRANT = "grant", "批准", "granted"
    REFUSE = "refuse", "不予批准", "refused"
    CHANGE = "change", "调整", "changed"
    STOP = "stop", "终止", "stopped"

    @property
    def of_one_that_is_held(self) -> bool:
        """Only what a child receives can be changed or stopped, and only what it does not, granted or refused."""
        return self in (Verdict.CHANGE, Verdict.STOP)


class Result(Term):
    """What the rules answer of a benefit; the service proposes, a named officer decides (L95)."""

    GRANT = "grant", "给予", "is due"
    GRANT_BY_REFERENCE = "grant_by_reference", "参照执行", "is due by reference to another policy"
    EXISTING = "existing", "已享受", "is received already"
    KEEP = "keep", "继续享受", "goes on"
    CANDIDATE = "candidate", "待确认后给予", "is due once the category is confirmed"
    ASSESS = "assess", "待评估", "has to be assessed"
    ASSESS_LATER = "assess_later", "临时困境结束后评估", "is assessed once the temporary state ends"
    CHOOSE_HIGHEST = "choose_highest", "择高享受其中一项", "one of these, the highest"
    ALLOWED = "allowed", "可同时享受", "may be received together"
    NOTICE_SILENT = "notice_silent", "本通知未规定", "the notice is silent; a person decides by other policy"
    EXCLUDED_NOW = "excluded_now", "目前不享受", "is not due now"
    REFER = "refer", "转介办理", "is referred to the competent agency"
    OPEN = "open", "启动办理", "is opened"
    PLAN = "plan", "列入帮扶方案", "belongs into the plan"
    BLOCKED_UNTIL_GATE = "blocked_until_gate", "条件具备前不得办理", "is blocked until its gates are passed"

    @property
    def gives(self) -> bool:
        """Something is given now, so an unknown fact must never lead here."""
        return self in (Result.GRANT, Result.GRANT_BY_REFERENCE)


class Amount(Value):
    """What a benefit is a month from a date on; no amount is shipped as a fact (L70), so each names its source."""

    benefit: Benefit
    yuan: Yuan
    effective_from: date
    source: str = Field(min_length=1)
    fictional: bool = False
    """For tests and rehearsals; shown wherever the amount is."""


class Standards(Value):
    """All amounts that the district has entered, old ones too."""

    amounts: tuple[Amount, ...] = ()

    @model_validator(mode="after")
    def _one_a_day(self) -> Self:
        named = [(amount.benefit, amount.effective_from) for amount in self.amounts]
        if doubles := sorted({f"{benefit} {day}" for benefit, day in named if named.count((benefit, day)) > 1}):
            raise ValueError(f"two amounts from the same date: {', '.join(doubles)}")
        return self

    def of(self, benefit: Benefit, on: date) -> Amount | None:
        """The amount in force on a day, if one was entered."""
        in_force = [a for a in self.amounts if a.benefit is benefit and a.effective_from <= on]
        return max(in_force, key=lambda amount: amount.effective_from, default=None)
