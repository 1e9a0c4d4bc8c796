"""What the rules find of one child: categories, placement, grade and records, each a proposal with the rows that made it."""

from functools import lru_cache

from app.domain.benefits import Result
from app.domain.entitlement import Comparison
from app.domain.facts import Known
from app.domain.policy import Frozen
from app.domain.terms import Agency, Grade, Term


class Category(Term):
    """The eight kinds of children in difficulty of 二(一), and the left-behind child of 二(二)."""

    D1 = "D1", "家庭贫困儿童", "child of a poor family"
    D2 = "D2", "监护缺失或监护不当儿童", "child without guardianship or badly guarded"
    D3 = "D3", "重病、残疾或身心失常儿童", "child gravely ill, disabled or out of health"
    D4 = "D4", "散居孤儿、流浪儿童", "orphan outside of institutions, street child"
    D5 = "D5", "临时困境儿童", "child in temporary difficulty"
    D6 = "D6", "监护人服刑或社区矫正儿童", "child of a sentenced guardian"
    D7 = "D7", "不起诉待帮教未成年人", "child not prosecuted and in need of guidance"
    D8 = "D8", "联席会议确定的其他困境儿童", "another child in difficulty, by the joint conference"
    LB = "LB", "留守儿童", "left-behind child"


class Standing(Term):
    """How far a category is settled; the best of several rows counts, in this order."""

    CONFIRMED = "confirmed", "符合", "holds"
    PROPOSE = "propose", "提请联席会议", "is put to the joint conference"
    PENDING = "pending", "待检察院确认", "waits for the procuratorate"
    ASSESS = "assess", "待评估", "has to be assessed"
    NOT_YET = "not_yet", "尚未", "not yet"


class Need(Term):
    """What must be done before a later step."""

    PUBLIC_NOTICE = "public_notice_60d", "寻亲公告期满", "the public notice has run out"
    ADOPTION_ASSESSMENT = "adoption_assessment", "收养评估", "the adoption was assessed"
    DNA_SEARCH = "dna_search_done", "血样比对完成", "the search by DNA has ended"
    GUARDIAN_CONSENT = "guardian_consent", "监护人同意", "the guardian consents"


class PlacementCode(Term):
    """Where a child lives and who answers for it."""

    P_PENDING_FOUND = "P_PENDING_FOUND", "查找中不作安置", "none while the child is searched for"
    P_TEMP_PROTECTION = "P_TEMP_PROTECTION", "临时保护", "temporary protection"
    P_SAFE_ADULT = "P_SAFE_ADULT", "安全成年人照料", "with a safe adult"
    P_PARENT_RETURN_OR_DELEGATE = "P_PARENT_RETURN_OR_DELEGATE", "父母返回或委托监护", "the parents return or delegate"
    P_DELEGATE_KIN = "P_DELEGATE_KIN", "委托亲属监护", "entrusted to relatives"
    P_ENTRUST_INSTITUTION = "P_ENTRUST_INSTITUTION", "委托机构监护", "entrusted to an institution"
    P_TEMP_CARE_INSTITUTION = "P_TEMP_CARE_INSTITUTION", "机构临时照料", "temporary care in an institution"
    P_TEMP_GUARDIANSHIP = (
        "P_TEMP_GUARDIANSHIP",
        "经常居住地救助保护机构临时监护",
        "temporary guardianship where the child lives",
    )
    P_CWI_TEMP = "P_CWI_TEMP", "儿童福利机构临时监护", "temporary guardianship of the child welfare institution"
    P_KIN_CARE = "P_KIN_CARE", "亲属抚养", "brought up by relatives"
    P_INSTITUTION = "P_INSTITUTION", "机构养育", "brought up in an institution"
    P_FOSTER = "P_FOSTER", "家庭寄养", "foster care"
    P_ADOPTION = "P_ADOPTION", "依法收养", "adoption"
    P_HUKOU_INSTITUTION = (
        "P_HUKOU_INSTITUTION",
        "户籍地儿童福利机构收留抚养",
        "the child welfare institution of the hukou place",
    )
    P_GUARDIAN_CHANGE = "P_GUARDIAN_CHANGE", "变更或指定监护人", "a court changes or appoints the guardian"
    P_RESCUE_ESCORT = "P_RESCUE_ESCORT", "护送救助保护机构", "escorted to the rescue station"
    P_RETURN_TO_FAMILY = "P_RETURN_TO_FAMILY", "回归家庭", "back to the family"
    P_HOME_WITH_SUPPORT = "P_HOME_WITH_SUPPORT", "家庭照料并综合帮扶", "at home with support"
    P_TO_BE_ASSESSED = "P_TO_BE_ASSESSED", "待评估", "has to be assessed"


class NearMiss(Frozen):
    """A row that would hold if the missing facts turned out so."""

    table: str
    row: str
    missing: tuple[str, ...]


@lru_cache(maxsize=20_000)
def near_miss(table: str, row: str, missing: tuple[str, ...]) -> NearMiss:
    """One for all children of whom the same is missing: there are many of each."""
    return NearMiss(table=table, row=row, missing=missing)


class CategoryFound(Frozen):
    """A category of the child; while it is open, the facts that would decide it."""

    code: Category
    status: Standing
    basis: tuple[str, ...]
    rows: tuple[str, ...]
    missing: tuple[str, ...] = ()


@lru_cache(maxsize=20_000)
def category_found(
    code: Category, status: Standing, basis: tuple[str, ...], rows: tuple[str, ...], missing: tuple[str, ...]
) -> CategoryFound:
    """Likewise one for all who are found so."""
    return CategoryFound(code=code, status=status, basis=basis, rows=rows, missing=missing)


class Rejected(Frozen):
    """An option that was looked at and not taken."""

    row: str
    zh: str
    en: str
    reason_zh: str
    reason_en: str
    basis: tuple[str, ...]


class Placement(Frozen):
    """A proposal; a named officer decides."""

    code: PlacementCode
    row: str
    basis: tuple[str, ...]
    deciders: tuple[Agency, ...]
    parents_decide: bool
    now_zh: str
    now_en: str
    next_zh: str = ""
    next_en: str = ""
    tonight: PlacementCode | None = None
    """Where the child is until this is settled, when nobody fit is there today."""
    rejected: tuple[Rejected, ...] = ()
    gates: tuple[Need, ...] = ()
    """What must be done before the next step."""


class Graded(Frozen):
    """A proposal by the product's own scale; what is unknown can only raise it, up to `at_most`."""

    scale: str
    grade: Grade
    at_most: Grade
    points: int
    emergency: bool
    rows: tuple[str, ...]
    missing: tuple[str, ...] = ()


class Entitlement(Frozen):
    """One answer: a benefit, some together, or the group of which the highest is chosen, with the row that made it."""

    benefit: str
    result: Result
    basis: tuple[str, ...]
    row: str
    ask: tuple[str, ...] = ()
    """The facts that would decide it, while it is open."""


class BenefitsFound(Frozen):
    """All that the rules find of one child's benefits: proposals, which a named officer decides."""

    entitlements: tuple[Entitlement, ...] = ()
    offers: tuple[Entitlement, ...] = ()
    """Services that the plan may take up."""
    comparison: Comparison | None = None
    """Where two of the exclusive group are met."""
    near: tuple[NearMiss, ...] = ()


class ChildFound(Frozen):
    """All that the rules find of one child."""

    child_id: str
    categories: tuple[CategoryFound, ...]
    left_behind: Known
    overlap: tuple[str, ...]
    """The rule by which a left-behind child in difficulty is supported as one in difficulty."""
    multi_difficulty: bool
    placement: Placement
    grade: Graded
    records: tuple[str, ...]
    """Rows of the records that are owed."""
    near: tuple[NearMiss, ...] = ()
    benefits: BenefitsFound = BenefitsFound()

    @property
    def sources(self) -> tuple[str, ...]:
        """Everything that its answers rest on."""
        due = (*self.benefits.entitlements, *self.benefits.offers)
        based = (*self.categories, self.placement, *self.placement.rejected, *due)
        return tuple(dict.fromkeys([*(source for one in based for source in one.basis), *self.overlap]))

    def category(self, code: Category) -> CategoryFound | None:
        """How a category stands, if it is spoken of at all."""
        return next((found for found in self.categories if found.code is code), None)
