"""建档: a committee or street registers a child whom nobody has reported; files that may be about the same child are shown before it counts."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import child_changes, communities, registration
from app.api.context import Conn, Shouhu
from app.db.service import Service
from app.district import DISTRICT
from app.domain.access import Actor
from app.domain.child_terms import FileField, Found, HukouPlace
from app.domain.facts import Known, Relation, SchoolStage, Sex, Whereabouts
from app.domain.identity import id_findings
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import may_register, registers_pupils
from app.domain.terms import Grade
from app.router import Router
from app.web import kin
from app.web.forms import Form, Unfit, in_words
from app.web.frame import STRICT
from app.web.said import STREETS
from app.web.staff import Signed, show
from app.web.words import Pair

router = Router(include_in_schema=False)
CHILDREN, NEW, ROUNDS = "/children", "/children/new", "/rounds"
WHO_IS_AWAY = (
    "留守儿童请填写外出务工的父亲或母亲，以及另一方现在何处；否则不列入留守儿童台账",
    "Of a child left behind please enter the parent who is away for work, and where the other is: else it stands in no such book.",
)
STREET_ASKED = (
    "residence_division", "请选择现居住的街乡（镇），由其核实", "Please choose where the child lives; that street verifies it.",
)  # fmt: skip
TEXTS = ("name", "birth_date", "birth_text", "id_no", "phone", "residence", "hukou", "school")
STREET = FileField.RESIDENCE_DIVISION.value
"""Asked of schools alone: whoever else registers a child does so in their own street."""
STATES: Mapping[str, Pair] = {
    "disabled": ("残疾", "disabled"),
    "gravely_ill": ("重病", "gravely ill"),
    "lives_alone": ("独自居住", "lives alone"),
    "unable_to_attend": ("因病残不能到校", "cannot go to school for illness or disability"),
}
"""What a visit sees of a child and the categories ask for; what is not ticked stays unknown."""
MEANS: Mapping[str, Pair] = {
    "on_minimum_living": ("享受最低生活保障", "on minimum living allowance"),
    "low_income": ("低收入家庭", "low-income household"),
    "on_destitute_support": ("享受特困供养", "on support for extreme hardship"),
}
LATER = (FileField.HEALTH,)
"""What the registration does not hold is entered with it as changes of their own."""
LABELS: Mapping[str, Pair] = {
    **{
        one: (FileField(one).zh, FileField(one).en)
        for one in (*TEXTS, *LATER, STREET, "community", "school_class")
        if one != "birth_text"
    },
    "birth_text": ("大约年龄", "Age, roughly"),
    "found": ("建档原因", "Why"),
    "grade": ("风险等级", "Grade"),
    "evidence": ("佐证", "Evidence"),
    "alike": ("疑似重复", "Possible doubles"),
    **{f"kin_relation_{line}": (f"家庭成员 {line}", f"Family member {line}") for line in kin.LINES},
}
ID_WRONG: Mapping[str, Pair] = {
    "wrong_length": ("身份证号应为18位", "An id number has 18 characters."),
    "wrong_check_digit": ("身份证号校验位不符，请核对", "The check digit does not fit; please compare it."),
    "impossible_birth_date": ("身份证号中的出生日期无效", "The birth date in the number is impossible."),
    "birth_date_differs": ("与出生日期不一致", "It does not agree with the birth date."),
    "sex_differs": ("与性别不一致", "It does not agree with the sex."),
}


@router.get(NEW)
async def fresh(request: Request, conn: Conn, who: Signed) -> Response:
    """An empty form."""
    return await _asked(request, conn, who, Form(), [])


@router.post(NEW)
async def register(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """登记建档, unless somebody has to look at a possible double first; then the child's page says what happens next."""
    form = await Form.of(request)
    given = _given(form, who)
    alike: list[registration.AlikeFile] = []
    if given is not None:
        alike = await form.attempt(conn, lambda: registration.alike_children(given, conn, who, shouhu, form.key)) or []
        if not {one.child_id for one in alike} <= set(form.many("alike")):
            form.wrong("alike", "请先比对疑似重复的档案", "Please compare the files that may be doubles first.")
    done = given and await form.attempt(conn, lambda: _register(form, given, conn, who, shouhu))
    if done is None:
        return await _asked(request, conn, who, form, alike)
    home = f"{ROUNDS}?done=registered" if registers_pupils(who) else f"{CHILDREN}/{done.child_id}?done=registered"
    return RedirectResponse(home, 303, headers=STRICT)


async def _register(
    form: Form, given: registration.NewChild, conn: AsyncConnection, who: Actor, shouhu: Service
) -> registration.Registered:
    """The registration and what it does not hold, at once or not at all."""
    done = await registration.register_child(given, conn, who, shouhu, Response(), form.key)
    if registers_pupils(who):
        return done
    later = {field: form.one(field.value) for field in LATER if form.one(field.value)}
    hukou = form.one("hukou_division")
    later |= {FileField.HUKOU_DIVISION: hukou} if hukou in dict(hukous()) else {}
    community = form.one(FileField.COMMUNITY.value)
    later |= {FileField.COMMUNITY: community} if community else {}
    for field, value in later.items():
        entered = child_changes.EnteredValue(field=field, value=value, seen=0, evidence=given.evidence)
        try:
            await child_changes.enter_change(
                done.child_id, entered, conn, who, shouhu, Response(), f"{form.key}/{field.value}"
            )
        except RequestValidationError as wrong:
            form.wrong(field.value, *in_words(wrong.errors()[0]))
    if form.errors:
        raise Unfit
    return done


def _given(form: Form, who: Actor) -> registration.NewChild | None:
    """The body of the command, with an error beside each field that it lacks."""
    for name, zh, en in (
        ("name", "请填写姓名", "Please enter the name."),
        ("birth_date", "请填写出生日期；不知道的填大约年龄", "Please enter the birth date, or the age roughly."),
        ("residence", "请填写现住址，走访要用", "Please enter the address; whoever visits needs it."),
        ("found", "请选择建档原因", "Please choose why."),
        ("grade", "请选择风险等级", "Please choose a grade."),
        ("evidence", "请写明依据，例如入户排查、家庭申请", "Please say what it rests on, such as a visit to the home."),
        *((STREET_ASKED,) if registers_pupils(who) else ()),
    ):
        if not (form.one(name) or (name == "birth_date" and form.one("birth_text"))):
            form.wrong(name, zh, en)
    family = kin.said(form, facts=True)
    child = {name: form.one(name) for name in TEXTS if form.one(name)}
    child |= {state: Known.YES.value for state in form.many("states") if state in STATES}
    child |= {name: form.one(name) for name in ("sex", "school_stage", "attending") if form.one(name)}
    child |= {STREET: form.one(STREET)} if registers_pupils(who) and form.one(STREET) else {}
    child |= _hukou(form)
    household = {name: form.one(name) for name in (*MEANS, "rural") if form.one(name)}
    fields = {"child": child, "family": family, "household": household} | {
        name: form.one(name) for name in ("found", "grade", "school_class", "evidence", "note")
    }
    if form.one("found") == Found.LEFT_BEHIND and not any(
        one.get("facts", {}).get("whereabouts") == Whereabouts.AWAY_FOR_WORK for one in family
    ):
        form.wrong(kin.name_of("whereabouts", 1), *WHO_IS_AWAY)
    given = _valid(form, fields)
    if given:
        _look_at_number(form, given)
    return None if form.errors else given


def _hukou(form: Form) -> dict[str, str]:
    place = form.one("hukou_division")
    here = Known.NO if place == HukouPlace.OUTSIDE else Known.YES if place else None
    return {"hukou_in_district": here.value} if here else {}


def _valid(form: Form, fields: Mapping[str, Any]) -> registration.NewChild | None:
    """As the API reads it; what is wrong inside the child is said beside the field, which has the same name."""
    inner = Form(form.typed)
    child = inner.valid(registration.ReportedChild, fields["child"])
    for name, words in inner.errors.items():
        form.wrong(name, *words)
    return form.valid(registration.NewChild, {**fields, "child": child}) if child else None


def _look_at_number(form: Form, given: registration.NewChild) -> None:
    child = given.child
    if child.id_no and (wrong := id_findings(child.id_no, child.birth_date, child.sex)):
        form.wrong("id_no", *ID_WRONG[wrong[0]])


async def _asked(
    request: Request, conn: AsyncConnection, who: Actor, form: Form, alike: list[registration.AlikeFile]
) -> Response:
    if not may_register(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    pupils = registers_pupils(who)
    facts = {
        "path": NEW, "form": form, "alike": alike, "labels": LABELS, "sexes": tuple(Sex), "stages": tuple(SchoolStage), "known": tuple(Known),
        "relations": tuple(one for one in Relation if one is not Relation.UNKNOWN), "where": tuple(Whereabouts), "founds": tuple(Found),
        "grades": tuple(Grade), "states": list(STATES.items()), "means": list(MEANS.items()), "lines": kin.LINES, "hukous": hukous(),
        "own": STREETS.get(who.division or "", ""), "open_lines": [line for line in kin.LINES if kin.is_typed(form, line)],
        "pupils": pupils, "streets": [(code, (name, name)) for code, name in STREETS.items() if code != DISTRICT],
        "communities": [] if pupils else [(one.id, (one.name, one.name)) for one in await communities.communities_for(conn, who)],
        "home": (ROUNDS, ("排查", "Screening")) if pupils else ("/books", ("台账", "Books")),
    }  # fmt: skip
    return await show(request, conn, who, "enrolment.html", facts, status=form.status)


def hukous() -> list[tuple[str, Pair]]:
    """Where a hukou may be: a street or town of the district, somewhere in it, or outside."""
    return [
        *((code, (name, name)) for code, name in STREETS.items() if code != DISTRICT),
        *((place.value, (place.zh, place.en)) for place in HukouPlace),
    ]
