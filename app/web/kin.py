"""The family on a form: a line for each parent or carer, as registrations and changes of a file send it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.domain.facts import Known, Relation, Whereabouts
from app.web.forms import Form

Member = Mapping[str, Any]
LINES = range(1, 5)
"""Lines that a registration offers; more are sent by the API or as Excel. A change has one for everybody who stands there, and two more."""
MOST = 50
GONE = "gone"
"""The tick that takes somebody off the list."""
TEXTS = ("name", "phone", "id_no")
TICKED = ("is_guardian", "lives_with_child", "able")
MASKED = ("含遮蔽符号*，请填写真实内容或保持不变", "This is masked; write the value or leave it as it is.")
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
    for part, text in texts.items():
        if "*" in text:
            form.wrong(name_of(part, line), *MASKED)
    known = {"relation": relation if relation in set(Relation) else Relation.OTHER.value}
    known |= {"whereabouts": where} if where in set(Whereabouts) else {}
    return member | ({"facts": known | ticked} if facts else {})


def is_typed(form: Form, line: int) -> bool:
    """Whether anything stands in a line."""
    names = (name_of(part, line) for part in (*TEXTS, *TICKED, "relation", "whereabouts"))
    return any(form.one(name) not in ("", Whereabouts.UNKNOWN) for name in names)


def typed(members: Sequence[Member]) -> dict[str, list[str]]:
    """Those who stand in a file, as the form would have typed them; masked where the reader sees them masked."""
    return {
        name_of(part, line): [value] for line, one in enumerate(members, 1) for part, value in _as_typed(one).items()
    }


def _as_typed(one: Member) -> dict[str, str]:
    said = {part: str(one.get(part) or "") for part in (*TEXTS, "relation")}
    return said | {"relation": SAID.get(said["relation"], said["relation"])}


def lines(form: Form, standing: int) -> range:
    """The lines of a change."""
    last = max((line for line in range(1, MOST + 1) if is_typed(form, line)), default=0)
    return range(1, min(MOST, max(LINES[-1], standing + 2, last)) + 1)


def changed(form: Form, now: Sequence[Member], *shown: Sequence[Member]) -> list[dict[str, Any]]:
    """All who stand there after the form: whoever was not touched, and what no line shows of somebody, stays as it is.

    `shown` are the same as the form may have shown them, masked or in full: what was left as it was shown stands for what is under it.
    """
    kept = [_kept(form, line, *everybody) for line, everybody in enumerate(zip(now, *shown, strict=True), 1)]
    fresh = [_line(form, line, facts=False) for line in range(len(now) + 1, MOST + 1)]
    return [one for one in (*kept, *fresh) if one]


def _kept(form: Form, line: int, before: Member, *shown: Member) -> dict[str, Any]:
    if form.one(name_of(GONE, line)):
        return {}
    if not is_typed(form, line):
        return dict(before)
    texts = {part: _text(form, name_of(part, line), before.get(part), _of(shown, part)) for part in TEXTS}
    relation = _relation(form, name_of("relation", line), before.get("relation"), _of(shown, "relation"))
    is_other = bool(before.get("name")) and texts["name"] != before["name"]
    is_other = is_other and (relation != before.get("relation") or texts["id_no"] != before.get("id_no"))
    made = {} if is_other else dict(before)
    if made.get("facts") and relation != before.get("relation"):
        made["facts"] = {**made["facts"], "relation": SAID.get(str(relation), Relation.OTHER.value)}
    made |= {**texts, "relation": relation}
    return {part: value for part, value in made.items() if value}


def _of(shown: Iterable[Member], part: str) -> set[str]:
    return {str(one.get(part) or "").strip() for one in shown}


def _text(form: Form, name: str, before: Any, shown: set[str]) -> Any:
    """What was typed; what was left as it was shown is what stands there. Who types what a mask hides has changed something."""
    said = form.one(name)
    if name not in form.typed or said in shown:
        return before
    if "*" in said:
        form.wrong(
            name, "含遮蔽符号*，请填写真实内容或保持不变", "This is masked; write the value or leave it as it is."
        )
    return said


def _relation(form: Form, name: str, before: Any, shown: set[str]) -> Any:
    said, stands = form.one(name), {SAID.get(one, one) for one in shown}
    if name not in form.typed or said in stands or (not said and stands.isdisjoint(Relation)):
        return before
    if not said:
        form.wrong(name, "请选择与儿童的关系", "Please say what this person is to the child.")
    return next((one.zh for one in Relation if one.value == said), said)


def beside(form: Form, members: Sequence[Member]) -> dict[str, list[str]]:
    """The form once more where others stand there by now: what was typed stays, beside whoever it was typed for, or as somebody new."""
    parts = (*TEXTS, "relation", GONE)
    left = [
        {part: form.one(name_of(part, line)) for part in parts if name_of(part, line) in form.typed}
        for line in range(1, MOST + 1) if is_typed(form, line)
    ]  # fmt: skip
    whole: list[Mapping[str, str]] = []
    for shown in map(_as_typed, members):
        best = max(left, key=lambda one: _likeness(one, shown), default={})
        whole.append(best if _likeness(best, shown) else shown)
        left = [one for one in left if one is not whole[-1]]
    whole += [one for one in left if "*" not in one.get("name", "")]  # who was left masked stands there no more
    made = {name_of(part, line): [value] for line, one in enumerate(whole, 1) for part, value in one.items()}
    return {name: values for name, values in form.typed.items() if not name.startswith("kin_")} | made


def _likeness(typed: Mapping[str, str], shown: Mapping[str, str]) -> int:
    """In how much they agree; nothing where the names differ, for then it is somebody else."""
    agree = sum(bool(value) and typed.get(part) == value for part, value in shown.items())
    return agree if typed.get("name") == shown["name"] else 0
