"""The words of the child file: its sections and fields, the steps of a change and why one is not taken."""

from app.domain.terms import Term


class Section(Term):
    """A part of the child file; who sees which stands in the pack."""

    IDENTITY = "identity", "基本身份", "identity"
    RESIDENCE = "residence", "居住与户籍", "residence and hukou"
    SCHOOL = "school", "就学", "school"
    HEALTH = "health", "健康状况", "health"
    FAMILY = "family", "家庭与监护", "family and guardianship"
    MEANS = "means", "家庭经济状况", "means of the family"
    CATEGORIES = "categories", "困境与留守类别", "categories"
    GRADE = "grade", "风险等级", "grade of risk"
    BENEFITS = "benefits", "保障待遇", "benefits"
    PLACEMENT = "placement", "安置", "placement"
    CASES = "cases", "个案", "cases"
    VISITS = "visits", "走访探视", "visits"


class FileField(Term):
    """What a committee enters of a child, with its official name."""

    NAME = "name", "姓名", "name"
    SEX = "sex", "性别", "sex"
    BIRTH_DATE = "birth_date", "出生日期", "birth date"
    ID_NO = "id_no", "身份证号", "id number"
    PHONE = "phone", "联系电话", "phone"
    RESIDENCE = "residence", "现居住地址", "residence"
    RESIDENCE_DIVISION = "residence_division", "现居住街乡（镇）", "street or town of the residence"
    COMMUNITY = "community", "所在社区（村）", "community or village"
    HUKOU = "hukou", "户籍地址", "address of the hukou"
    HUKOU_DIVISION = "hukou_division", "户籍所在区划", "division of the hukou"
    SCHOOL = "school", "就读学校", "school"
    SCHOOL_CLASS = "school_class", "年级班级", "year and class"
    HEALTH = "health", "健康状况", "health"
    FEATURES = "features", "体貌特征", "features"
    GUARDIANS = "guardians", "父母及监护人", "parents and guardians"
    HOUSEHOLD = "household", "家庭成员及住房", "household and home"
    MEANS = "means", "家庭收入及救助", "income of the family and its support"
    REGISTRATION = "registration", "建档登记", "the child as it was registered, all fields at once"
    SAME_AS = "same_as", "合并重复档案", "another file is about the same child"
    PARTED = "parted", "拆分档案", "two files are not about one child after all"


SECTION_OF = {
    FileField.NAME: Section.IDENTITY, FileField.SEX: Section.IDENTITY, FileField.BIRTH_DATE: Section.IDENTITY,
    FileField.ID_NO: Section.IDENTITY, FileField.FEATURES: Section.IDENTITY, FileField.PHONE: Section.RESIDENCE,
    FileField.RESIDENCE: Section.RESIDENCE, FileField.RESIDENCE_DIVISION: Section.RESIDENCE,
    FileField.COMMUNITY: Section.RESIDENCE, FileField.HUKOU: Section.RESIDENCE,
    FileField.HUKOU_DIVISION: Section.RESIDENCE, FileField.SCHOOL: Section.SCHOOL,
    FileField.SCHOOL_CLASS: Section.SCHOOL, FileField.HEALTH: Section.HEALTH, FileField.GUARDIANS: Section.FAMILY,
    FileField.HOUSEHOLD: Section.FAMILY, FileField.MEANS: Section.MEANS,
    FileField.REGISTRATION: Section.IDENTITY, FileField.SAME_AS: Section.IDENTITY, FileField.PARTED: Section.IDENTITY,
}  # fmt: skip


WHOLE = (FileField.REGISTRATION, FileField.SAME_AS, FileField.PARTED)
"""Changes of the file as a whole: they hold no value."""
PLACE = (FileField.RESIDENCE, FileField.RESIDENCE_DIVISION, FileField.COMMUNITY, FileField.PHONE, FileField.HOUSEHOLD)
"""Where a child lives by what was entered after the report."""
GUARDED = (*(one for one in PLACE if one is not FileField.COMMUNITY), FileField.HEALTH)
"""What may be kept back from a body that enters it (app/domain/compartment.py); communities are entered by whoever is told them."""
LINKS = (FileField.SAME_AS, FileField.PARTED)
"""Those that name another child."""


class HukouPlace(Term):
    """Where a hukou is that is of no street or town in particular."""

    DISTRICT = "110106", "丰台区内（街乡镇不详）", "in Fengtai, street not known"
    OUTSIDE = "outside", "丰台区外", "outside of Fengtai"


class Found(Term):
    """How a child that nobody has reported came to be registered."""

    LEFT_BEHIND = "left_behind", "排查发现留守儿童", "a left-behind child was found"
    IN_DIFFICULTY = "in_difficulty", "走访发现困境儿童", "a child in difficulty was found"
    MOVED_IN = "moved_in", "家庭迁入", "a household has moved in"
    APPLIED = "applied", "家庭申请", "the family asked for it"


class NotTaken(Term):
    """Why a change is not taken into the file."""

    NOT_CONFIRMED = "not_confirmed", "核实不符", "what was found is otherwise"
    EVIDENCE_MISSING = "evidence_missing", "缺少佐证", "evidence is missing"
    ENTERED_WRONGLY = "entered_wrongly", "录入有误", "entered wrongly"
