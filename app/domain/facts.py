"""What a reporter ticks about the event, the children, the guardians and the household; *unknown* is an answer everywhere."""

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from app.domain.terms import ReporterClass, ReportKind, Term, Trigger
from app.domain.working_time import BEIJING

_T = TypeVar("_T")


class Known(Term):
    """An answer to a yes-or-no question that nobody need know."""

    YES = "yes", "是", "yes"
    NO = "no", "否", "no"
    UNKNOWN = "unknown", "不清楚", "not known"


class Sex(Term):
    """As in the register; GB/T 2261.1 has the same two and leaves the rest unknown."""

    FEMALE = "female", "女", "female"
    MALE = "male", "男", "male"


class SchoolStage(Term):
    """Where the child belongs by age or register, attending or not."""

    NONE = "none", "未到学龄或已离校", "not of school age"
    KINDERGARTEN = "kindergarten", "学前教育", "kindergarten"
    PRIMARY = "primary", "小学", "primary school"
    JUNIOR = "junior", "初中", "junior secondary school"
    SENIOR = "senior", "高中阶段", "senior secondary school"
    UNKNOWN = "unknown", "不清楚", "not known"


class Relation(Term):
    """What a guardian or carer is to the child."""

    FATHER = "father", "父", "father"
    MOTHER = "mother", "母", "mother"
    STEP_PARENT = "step_parent", "继父母", "step-parent"
    ADOPTIVE_PARENT = "adoptive_parent", "养父母", "adoptive parent"
    GRANDPARENT = "grandparent", "祖父母或外祖父母", "grandparent"
    SIBLING = "sibling", "成年兄姐", "grown brother or sister"
    AUNT_OR_UNCLE = "aunt_or_uncle", "伯叔姑舅姨", "aunt or uncle"
    FOSTER_PARENT = "foster_parent", "寄养人", "foster parent"
    OTHER = "other", "其他人", "somebody else"
    UNKNOWN = "unknown", "不清楚", "not known"


class Whereabouts(Term):
    """Where a guardian is; only AWAY_FOR_WORK makes a child left behind, a business trip is AWAY."""

    HOME = "home", "在家", "at home"
    AWAY = "away", "临时外出", "away for now"
    AWAY_FOR_WORK = "away_for_work", "外出务工", "gone away to work"
    DETAINED = "detained", "被拘留或逮捕", "detained"
    IMPRISONED = "imprisoned", "服刑", "serving a sentence"
    DETOX = "detox", "强制隔离戒毒", "in compulsory detoxification"
    HOSPITAL = "hospital", "住院", "in hospital"
    MISSING = "missing", "失联", "out of contact"
    DEAD = "dead", "死亡", "dead"
    UNKNOWN = "unknown", "不清楚", "not known"


class HarmBy(Term):
    """Who is thought to have harmed the child, besides a guardian who is marked as suspected."""

    FAMILY = "family", "家庭成员", "a member of the family"
    SCHOOLMATE = "schoolmate", "同学", "a schoolmate"
    SCHOOL_STAFF = "school_staff", "教职员工", "staff of the school"
    ACQUAINTANCE = "acquaintance", "熟人", "an acquaintance"
    STRANGER = "stranger", "陌生人", "a stranger"
    ORGANISER = "organiser", "组织者", "somebody who uses children"


class FactsModel(BaseModel):
    """A value: immutable, and a misspelt fact is an error rather than an unknown one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _without_doubles(values: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(values))


class ChildFacts(FactsModel):
    """One child of the report; without name, birth date and number it is still a child."""

    child_id: str = Field(min_length=1, max_length=64)
    is_the_subject: bool = True
    """False for a brother or sister who is not the reason of the report."""
    age_years: int | None = Field(default=None, ge=0, le=17)
    sex: Sex | None = None
    identity_known: Known = Known.UNKNOWN
    hukou_in_district: Known = Known.UNKNOWN
    alone_now: Known = Known.UNKNOWN
    lives_alone: Known = Known.UNKNOWN
    injured: Known = Known.UNKNOWN
    needs_treatment: Known = Known.UNKNOWN
    found: Known = Known.UNKNOWN
    """Of a missing child: seen and safe again."""
    gravely_ill: Known = Known.UNKNOWN
    disabled: Known = Known.UNKNOWN
    disability_grade: int | None = Field(default=None, ge=1, le=4)
    school_stage: SchoolStage = SchoolStage.UNKNOWN
    attending: Known = Known.UNKNOWN
    unable_to_attend: Known = Known.UNKNOWN
    """Illness or disability keeps the child from school; not the same as not going."""
    working: Known = Known.UNKNOWN
    harmed: Known = Known.UNKNOWN
    """Thought to be the victim of maltreatment, abandonment, an accident or unlawful harm, with or without an injury."""
    witnessed_harm: Known = Known.UNKNOWN
    abandoned: Known = Known.UNKNOWN
    parents_not_found: Known = Known.UNKNOWN
    """The search for the parents has ended without any."""
    notice_served: Known = Known.UNKNOWN
    """The public notice for the parents has stood for its whole time (L52)."""
    on_the_street: Known = Known.UNKNOWN
    street_before: Known = Known.UNKNOWN
    in_institution: Known = Known.UNKNOWN
    foster_family: Known = Known.UNKNOWN
    """A family that would foster the child was assessed and found fit."""
    adopter: Known = Known.UNKNOWN
    """Somebody has applied to adopt the child, and was assessed and found fit."""
    lost_family_support: Known = Known.UNKNOWN
    """As assessed: for now the child cannot rely on the family."""
    hiv_affected: Known = Known.UNKNOWN
    impaired: Known = Known.UNKNOWN
    """Body, mind or spirit out of order, or unable to look after oneself or to learn."""
    disability_certificate: Known = Known.UNKNOWN
    needs_rehabilitation: Known = Known.UNKNOWN
    not_prosecuted: Known = Known.UNKNOWN
    """The procuratorate decided not to prosecute, or not to under conditions."""
    needs_guidance: Known = Known.UNKNOWN
    """After an offence: urgently needs help and guidance."""
    procuratorate_confirms: Known = Known.UNKNOWN
    agency_proposes: Known = Known.UNKNOWN
    """An agency has put the child forward as another child in difficulty."""
    conference_decided: Known = Known.UNKNOWN
    """The joint conference has resolved so."""
    conference_refused: Known = Known.UNKNOWN
    """The joint conference has met and not recognised the child."""
    court_appointed_civil: Known = Known.UNKNOWN
    """A court has made civil affairs the guardian."""


class GuardianFacts(FactsModel):
    """A parent or whoever cares for the child; its place in the tuple is its name in `must_not_notify`."""

    relation: Relation = Relation.UNKNOWN
    whereabouts: Whereabouts = Whereabouts.UNKNOWN
    suspected_of_harm: Known = Known.UNKNOWN
    able: Known = Known.UNKNOWN
    """Able to be a guardian: not gravely ill or disabled, not incapacitated."""
    willing: Known = Known.UNKNOWN
    reachable: Known = Known.UNKNOWN
    is_guardian: Known = Known.UNKNOWN
    """In law, of somebody who is no parent; a parent is one until a court decides otherwise."""
    lives_with_child: Known = Known.UNKNOWN
    lives_with_suspect: Known = Known.UNKNOWN
    fit: Known = Known.UNKNOWN
    """Vetted by a competent person and found fit to care."""
    delegated: Known = Known.UNKNOWN
    """The parents have entrusted the child to this person in writing."""
    neglects: Known = Known.UNKNOWN
    persists_after_police: Known = Known.UNKNOWN
    """Went on neglecting the child after the police had admonished."""
    sentenced: Known = Known.UNKNOWN
    """Judged guilty and sentenced, locked up or not."""
    community_correction: Known = Known.UNKNOWN
    uses_drugs: Known = Known.UNKNOWN
    gravely_ill: Known = Known.UNKNOWN
    gravely_disabled: Known = Known.UNKNOWN
    absence_verified: Known = Known.UNKNOWN
    """The police have confirmed that this person cannot be found."""
    revoked: Known = Known.UNKNOWN
    """A court has taken the guardianship away."""
    seeks_work: Known = Known.UNKNOWN


class GuardianSeen(GuardianFacts):
    """The same of somebody in a family that an assessment or a visit gives anew."""

    place: int | None = Field(
        default=None, ge=0, lt=50,
        description="Whom of the reported family this is, by the place there, the first being 0; somebody new has none. A suspect"
        " without one counts as everybody of that relation of whom nothing else is said.",
    )  # fmt: skip


class HouseholdFacts(FactsModel):
    """The home and its means."""

    carer_available_tonight: Known = Known.UNKNOWN
    """A grown-up whom a competent person has found fit; a neighbour's offer alone is *unknown*."""
    on_minimum_living: Known = Known.UNKNOWN
    low_income: Known = Known.UNKNOWN
    cannot_pay_treatment: Known = Known.UNKNOWN
    housing_need: Known = Known.UNKNOWN
    on_destitute_support: Known = Known.UNKNOWN
    """Support of a person in extreme hardship is received."""
    hardship_recognised: Known = Known.UNKNOWN
    """Civil affairs have recognised the family's hardship in another way."""
    another_guardian: Known = Known.UNKNOWN
    """Somebody besides the parents is a guardian in law."""
    rural: Known = Known.UNKNOWN


def _said(facts: FactsModel, *besides: str) -> dict[str, Any]:
    """What is said there, without what is left open."""
    return facts.model_dump(exclude_defaults=True, exclude=set(besides))


def _family(known: tuple[GuardianFacts, ...], later: tuple[GuardianFacts, ...]) -> tuple[GuardianFacts, ...]:
    """Of whom there is one in both, such as the father, the later word counts; of others what is new, unless nothing is said of them."""
    family = list(known)
    for one in later:
        same = [place for place, other in enumerate(family) if other.relation is one.relation]
        said = _said(one, "relation")
        if len(same) == 1 and sum(other.relation is one.relation for other in later) == 1:
            family[same[0]] = family[same[0]].model_copy(update=said)
        elif not same or (said and one not in family):
            family.append(one)
    return tuple(family)


class FactsSeen(FactsModel):
    """What a visit or an assessment found to be otherwise than was known, in codes; a family that is given stands whole for the one before,
    and what was found of one of it, by the relation to the child, is laid over what is known of the only one who is that."""

    child: dict[str, Any] = Field(default_factory=dict)
    household: dict[str, Any] = Field(default_factory=dict)
    guardians: tuple[GuardianSeen, ...] | None = None
    family: dict[Relation, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _are_facts(self) -> Self:
        ChildFacts.model_validate({"child_id": "anybody", **self.child})
        HouseholdFacts.model_validate(self.household)
        for said in self.family.values():
            GuardianFacts.model_validate(said)
        if "child_id" in self.child or any("relation" in said for said in self.family.values()):
            raise ValueError("nobody changes an id")
        return self


class ChildSeen(FactsSeen):
    """The same of one child of several."""

    child_id: str


def _of_one_family(seen: tuple[ChildSeen, ...]) -> tuple[ChildSeen, ...]:
    """A report has one family: of several that differ all but the last would be lost, with whom they suspect."""
    if len({one.guardians for one in seen if one.guardians is not None}) > 1:
        raise ValueError("同一报告只有一组监护人，请只填一次 · A report has one family: give it once, or the same.")
    return seen


SeenOfAll = Annotated[tuple[ChildSeen, ...], Field(max_length=50), AfterValidator(_of_one_family)]


class ReportFacts(FactsModel):
    """The whole report in codes: what the rules see. Narrative text drives no rule and is not here."""

    kind: ReportKind = ReportKind.CONCERN
    reporter_class: ReporterClass = ReporterClass.PUBLIC
    division: str = Field(default="110106", pattern=r"^(\d{9}|110106)$")
    reported_at: AwareDatetime | None = None
    happened_on: date | None = None
    """The day of the event, where somebody knows it; it drives no rule and shows how late a child was discovered."""
    situations: Annotated[tuple[Trigger, ...], AfterValidator(_without_doubles)] = ()
    """The triggers of 三(二)4 and of the named procedures as ticked; empty means *not sure*."""
    nine_situations: Annotated[tuple[Annotated[int, Field(ge=1, le=9)], ...], AfterValidator(_without_doubles)] = ()
    """Numbers of 强制报告意见 第4条."""
    harm_by: Annotated[tuple[HarmBy, ...], AfterValidator(_without_doubles)] = ()
    organised_exploitation: Known = Known.UNKNOWN
    children: tuple[ChildFacts, ...] = Field(default=(), max_length=50)
    guardians: tuple[GuardianFacts, ...] = Field(default=(), max_length=50)
    household: HouseholdFacts = HouseholdFacts()
    possible_duplicate: bool = False
    """Set by the intake's own search, never by the reporter."""

    @model_validator(mode="after")
    def _each_child_once(self) -> Self:
        ids = [child.child_id for child in self.children]
        if len(set(ids)) != len(ids):
            raise ValueError("a child stands twice in one report")
        return self

    @property
    def local_hour(self) -> int | None:
        """The hour of the day in Beijing at which the report came in."""
        return None if self.reported_at is None else self.reported_at.astimezone(BEIJING).hour

    def after_judgment(self) -> Self:
        """The same report once the guardians who were in custody have been sentenced."""
        sentenced = {"whereabouts": Whereabouts.IMPRISONED, "sentenced": Known.YES}
        guardians = tuple(
            one.model_copy(update=sentenced) if one.whereabouts is Whereabouts.DETAINED else one
            for one in self.guardians
        )
        return self.model_copy(update={"guardians": guardians})

    def with_seen(self, child_id: str, seen: FactsSeen) -> Self:
        """The same report once more is known of one child and of the family."""
        children = tuple(
            child.model_validate({**child.model_dump(), **seen.child}) if child.child_id == child_id else child
            for child in self.children
        )
        household = self.household.model_validate({**self.household.model_dump(), **seen.household})
        guardians: tuple[GuardianFacts, ...] = self.guardians if seen.guardians is None else seen.guardians
        for relation, said in seen.family.items():
            guardians = _laid_over(guardians, relation, said)
        return self.model_copy(update={"children": children, "household": household, "guardians": guardians})

    def unclear(self, seen: FactsSeen) -> tuple[Relation, ...]:
        """By which relations something was found of whom nobody can say: several of the family are that to the child."""
        family = self.guardians if seen.guardians is None else seen.guardians
        return tuple(one for one in seen.family if [other.relation for other in family].count(one) > 1)

    def with_later(self, child_id: str, later: Self) -> Self:
        """The same report with what a later one about this child, which calls it the same, says besides; what that leaves open stands.

        Whether a child that is reported missing again was found is asked anew.
        """
        child = next(
            (_said(one, "child_id", "is_the_subject") for one in later.children if one.child_id == child_id), {}
        )
        missing = {"found": Known.UNKNOWN} if Trigger.MISSING in later.situations else {}
        exploited = later.organised_exploitation
        more: dict[str, Any] = {
            name: _without_doubles((*getattr(self, name), *getattr(later, name)))
            for name in ("situations", "nine_situations", "harm_by")
        }
        more |= {} if exploited is Known.UNKNOWN else {"organised_exploitation": exploited}
        more["guardians"] = _family(self.guardians, later.guardians)
        seen = FactsSeen(child=missing | child, household=_said(later.household))
        return self.with_seen(child_id, seen).model_copy(update=more)

    def after_conference(self, child_ids: Collection[str], *, recognised: bool) -> Self:
        """The same report once the joint conference has resolved on these children."""
        fact = "conference_decided" if recognised else "conference_refused"
        children = tuple(
            child.model_copy(update={fact: Known.YES}) if child.child_id in child_ids else child
            for child in self.children
        )
        return self.model_copy(update={"children": children})

    def at(self, instant: datetime) -> Self:
        """The same report, received at `instant`."""
        return self.model_copy(update={"reported_at": instant.astimezone(UTC)})


def _laid_over(
    guardians: tuple[GuardianFacts, ...], relation: Relation, said: dict[str, Any]
) -> tuple[GuardianFacts, ...]:
    """The guardians once more is known of the one who is that to the child, who may not have been named before; of several it is nobody's."""
    named = [one.relation for one in guardians].count(relation)
    if named > 1:
        return guardians
    if not named:
        guardians = (*guardians, GuardianSeen(relation=relation))
    return tuple(
        one.model_validate({**one.model_dump(), **said}) if one.relation is relation else one for one in guardians
    )
