"""The family on a form: a line for each parent or carer, as registrations and changes of a file send it."""

from typing import Any

from app.domain.facts import Known, Relation, Whereabouts
from app.web.forms import Form

LINES = range(1, 5)
"""Lines that a form offers; more are sent by the API or as Excel."""
TEXTS = ("name", "phone", "id_no")
TICKED = ("is_guardian", "lives_with_child", "able")
SAID = {one.zh: one.value for one in Relation} | {one.value: one.value for one in Relation}
"""A relation as the register says it, by its code; whatever else stands there is kept as it is."""


def name_of(part: str, line: int) -> str:
    """What a field of a line is called."""
    return f"kin_{part}_{line}"


def said(form: Form, *, facts: bool) -> list[dict[str, Any]]:
    """The lines in which something stands; with what the rules ask of each where `facts` are wanted."""
    lines = [_line(form, line, facts=facts) for line in LINES]
    return [one for one in lines if one]


def _line(form: Form, line: int, *, facts: bool) -> dict[str, Any]:
    texts = {part: form.one(name_of(part, line)) for part in TEXTS if form.one(name_of(part, line))}
    relation, where = form.one(name_of("relation", line)), form.one(name_of("whereabouts", line))
    where = "" if where == Whereabouts.UNKNOWN else where
    ticked = {part: Known.YES.value for part in TICKED if form.one(name_of(part, line))}
    if not is_typed(form, line):
        return {}
    if not relation:
        form.wrong(name_of("relation", line), "请选择与儿童的关系", "Please say what this person is to the child.")
        return texts
    member: dict[str, Any] = {
        **texts,
        "relation": next((one.zh for one in Relation if one.value == relation), relation),
    }
    known = {"relation": relation if relation in set(Relation) else Relation.OTHER.value}
    known |= {"whereabouts": where} if where in set(Whereabouts) else {}
    return member | ({"facts": known | ticked} if facts else {})


def is_typed(form: Form, line: int) -> bool:
    """Whether anything stands in a line."""
    names = (name_of(part, line) for part in (*TEXTS, *TICKED, "relation", "whereabouts"))
    return any(form.one(name) not in ("", Whereabouts.UNKNOWN) for name in names)


def typed(members: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Those who stand in a file, as the form would have typed them."""
    return {
        name_of(part, line): [SAID.get(str(one[part]), str(one[part])) if part == "relation" else str(one[part])]
        for line, one in zip(LINES, members, strict=False)
        for part in (*TEXTS, "relation")
        if one.get(part)
    }
