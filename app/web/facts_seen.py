"""查明的情况: what an assessment found otherwise than was reported, a line each; nothing has to be said, and no text drives a rule."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from app.domain.facts import ChildFacts, GuardianFacts, HouseholdFacts, Known, Relation, SchoolStage, Whereabouts
from app.policy.said import fact_name
from app.web.forms import Form
from app.web.words import Pair

LINES = range(1, 7)
"""Lines that the form offers; more are sent by the API."""
HOME = "home"
MODELS: Mapping[str, type[BaseModel]] = {"child": ChildFacts, "guardian": GuardianFacts, HOME: HouseholdFacts}
TITLES: Mapping[str, Pair] = {
    "child": ("孩子", "The child"), "guardian": ("监护人", "A guardian"), HOME: ("家庭", "The household"),
}  # fmt: skip
LISTS = {"whereabouts": Whereabouts, "school_stage": SchoolStage}
DECIDED_ELSEWHERE = {"is_the_subject", "conference_decided", "conference_refused"}
"""The report says whom it is about, and the joint conference resolves by a procedure of its own."""


class Subject(NamedTuple):
    """Somebody of whom something may be found: a child, a guardian who is known, or one who was not."""

    key: str
    words: Pair


def subjects(children: Iterable[tuple[str, Pair]], family: Sequence[GuardianFacts]) -> list[Subject]:
    """All of a case, the children by name; the household needs nobody."""
    known = [
        Subject(f"guardian:{n}", (f"监护人：{one.relation.zh}", f"guardian: {one.relation.en}"))
        for n, one in enumerate(family)
    ]
    others = [
        Subject(f"new:{one.value}", (f"此前不知道的监护人：{one.zh}", f"a guardian not known before: {one.en}"))
        for one in Relation
        if one is not Relation.UNKNOWN
    ]
    return [*(Subject(f"child:{key}", name) for key, name in children), *known, *others]


def facts() -> list[tuple[Pair, list[tuple[str, Pair]]]]:
    """What may be found, in groups."""
    return [(TITLES[group], list(_of(group, model))) for group, model in MODELS.items()]


def _of(group: str, model: type[BaseModel]) -> Iterable[tuple[str, Pair]]:
    for name, field in model.model_fields.items():
        words = fact_name(name)
        if name in LISTS:
            yield from (
                (f"{group}.{name}={one.value}", (f"{words[0]}：{one.zh}", f"{words[1]}: {one.en}"))
                for one in LISTS[name]
            )
        elif field.annotation is Known and name not in DECIDED_ELSEWHERE:
            yield f"{group}.{name}", words


def seen(form: Form, children: Sequence[str], family: Sequence[GuardianFacts]) -> dict[str, Any]:
    """The lines as the command takes them; with an error beside a line that says too little, or of whom it cannot be."""
    found: dict[str, dict[str, dict[str, str]]] = {"child": {}, "guardian": {}, HOME: {}}
    for n in LINES:
        whom, fact, answer = (form.one(f"{name}_{n}") for name in ("whom", "fact", "known"))
        if not (fact or answer or whom):
            continue
        group, _, what = fact.partition(".")
        name, _, value = what.partition("=")
        if fact not in OFFERED:
            form.wrong(f"fact_{n}", "请选择查明了什么", "Please choose what was found.")
        elif value and answer not in ("", Known.YES.value):
            form.wrong(
                f"known_{n}",
                "这一项只能答“是”；不是的，请选实际情况",
                "Only yes fits here; else choose what is the case.",
            )
        elif not (value or answer):
            form.wrong(f"known_{n}", "请选择是或否", "Please choose yes or no.")
        elif (of := _whose(group, whom, children, family)) is None:
            form.wrong(f"whom_{n}", "请选择是谁的情况", "Please choose whom it is about.")
        else:
            found[group].setdefault(of, {})[name] = value or answer
    return {"seen": _as_seen(found, children, family)} if any(found.values()) and not form.errors else {}


OFFERED = frozenset(fact for _, group in facts() for fact, _ in group)


def _whose(group: str, whom: str, children: Sequence[str], family: Sequence[GuardianFacts]) -> str | None:
    """Of the only child where none is named; of nobody else unless named."""
    if group == HOME:
        return HOME
    if group == "child" and not whom and len(children) == 1:
        return children[0]
    known = {one.key for one in subjects(((child, ("", "")) for child in children), family)}
    kind, _, key = whom.partition(":")
    if whom not in known or (kind == "child") != (group == "child"):
        return None
    return key if kind == "child" else whom


def _as_seen(
    found: Mapping[str, Mapping[str, Mapping[str, str]]], children: Sequence[str], family: Sequence[GuardianFacts]
) -> list[dict[str, Any]]:
    """A child each; what is of the whole family stands with the first."""
    together: dict[str, Any] = {"household": dict(found[HOME].get(HOME, {}))}
    if found["guardian"]:
        known = [
            {"place": n, **one.model_dump(mode="json"), **found["guardian"].get(f"guardian:{n}", {})}
            for n, one in enumerate(family)
        ]
        others = [
            {"relation": whom.partition(":")[2], **said}
            for whom, said in found["guardian"].items()
            if whom.startswith("new:")
        ]
        together["guardians"] = [*known, *others]
    first = next(iter(found["child"]), children[0])
    named = {first: {}, **found["child"]}
    return [
        {"child_id": child, "child": dict(said), **(together if child == first else {})}
        for child, said in named.items()
    ]
