"""The access decision as one table over seats, actions and cases, and the same rules with one taken away."""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from app.domain import access, sight
from app.domain.terms import Agency, KeyScope, Role

RULES = ("app.domain.sight", "app.domain.access")
PLACES = (
    ("CIVIL", "CIVIL", None, None), ("POLICE", "POLICE", None, None), ("EDU", "EDU", None, None), ("CONF", "CONF", None, None),
    ("HOTLINE", "HOTLINE", None, "unit-hotline-1"), ("STREET", "STREET-110106023", "110106023", None),
    ("COMM", "COMM-110106023", "110106023", "COMM-110106023"), ("STREET", "STREET-110106007", "110106007", None),
    ("COMMITTEE", "COMMITTEE", None, None), ("PROC", "PROC", None, None), ("SW", "SW", None, None), ("HOSPITAL", "HOSPITAL", None, None),
    ("INSURANCE", "INSURANCE", None, None), ("HEALTH", "HEALTH", None, None),
    ("STREET", "STREET", "110106", None), ("COMM", "COMM-110106023", None, None), ("HR", "HR", "110106", None),
    ("SCHOOL", "SCHOOL", None, "unit-school-1"), ("SCHOOL", "SCHOOL", None, None),
)  # fmt: skip
KEYED = ("POLICE", "HOTLINE", "STREET", "COMM")
"""Where systems have keys."""
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "police leg": {"leg": ("POLICE", "POLICE", None)},
    "held by a colleague": {"leg": ("POLICE", "POLICE", "somebody")},
    "held by oneself": {"leg": ("POLICE", "POLICE", "me")},
    "held by the absent": {"leg": ("POLICE", "POLICE", "absent")},
    "street leg": {"leg": ("STREET", "STREET-110106023", None), "desks": ("STREET-110106023", "COMM-110106023"), "agencies": ("STREET",)},
    "another street leads": {"lead": "STREET", "division": "110106007", "desks": ("STREET-110106007",), "agencies": ("STREET",)},
    "two streets": {"lead": "STREET", "division": "110106007", "desks": ("STREET-110106007", "STREET-110106023"), "agencies": ("STREET",),
                    "leg": ("STREET", "STREET-110106023", None)},
    "no unit": {"reporter_unit": None},
    "a committee of the street": {"lead": "COMM", "desks": ("COMM-110106023",), "agencies": ("COMM",)},
    "at the procuratorate": {"at_procuratorate": True},
    "about the agency": {"about": ("POLICE", "CIVIL", "CONF", "HOTLINE", "COMM", "STREET")},
    "about the desk": {"about": ("STREET-110106023",), "desks": ("STREET-110106023",)},
    "about the unit": {"about": ("unit-hotline-1",)},
    "about the person": {"about": ("me", "absent", "other-account")},
    "closure proposed": {"closure_proposed_by": ("somebody",)},
    "closure proposed by oneself": {"closure_proposed_by": ("me",)},
    "closure proposed by another account": {"closure_proposed_by": ("other-account",)},
    "police lead": {"lead": "POLICE", "closure_proposed_by": ("somebody",)},
    "all agencies": {"agencies": ("CIVIL", "POLICE", "COMMITTEE", "SW", "HOSPITAL", "INSURANCE", "HEALTH", "EDU", "STREET", "COMM"),
                     "desks": ("CIVIL", "POLICE", "COMMITTEE", "SW", "HOSPITAL", "INSURANCE", "HEALTH", "EDU"), "intake_desk": "EDU"},
}  # fmt: skip


SIGNS = {
    "case_not_found": "·", "not_allowed": "n", "referral_not_found": "r", "not_your_desk": "d", "held_by_colleague": "h",
    "not_the_holder": "o", "closure_not_proposed": "p", "second_person_needed": "s",
}  # fmt: skip


class Decisions(NamedTuple):
    """The rules as modules, which may be changed ones."""

    sight: Any
    access: Any
    people: list[Any] | None = None
    """The seats, where they were made before."""

    def seats(self) -> Iterator[tuple[str, Any]]:
        """Everybody who may ask, by a readable name."""
        actor = self.sight.Actor
        for agency, desk, division, unit in PLACES:
            here = {"person_id": "me", "agency": Agency(agency), "desk": desk, "division": division, "unit": unit}
            place = f"{desk} {division or ''} {unit or ''}".strip()
            for role in Role:
                yield f"{role}@{place}", actor(roles=(role,), **here)
            for scopes in ((), *((scope,) for scope in KeyScope), tuple(KeyScope)) if agency in KEYED else ():
                yield f"key {'+'.join(scopes)}@{place}", actor(roles=(Role.MACHINE,), scopes=scopes, **here)
        for agency, desk, division, unit in (*PLACES[:4], PLACES[-2]):
            here = {"person_id": "me", "agency": Agency(agency), "desk": desk, "division": division, "unit": unit}
            for admin in (Role.ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR):
                for other in (
                    Role.SUPERVISOR,
                    Role.DESK_HEAD,
                    Role.REPORTER,
                    Role.ADMIN,
                    Role.SECURITY_ADMIN,
                    Role.AUDITOR,
                ):
                    yield f"{admin}+{other}@{desk}", actor(roles=(admin, other), **here)
            for role in (Role.OFFICER, Role.DESK_HEAD):
                yield f"deputy {role}@{desk}", actor(roles=(role,), acting_for="absent", **here)
                others = {"also": ("other-account",), "also_at": ("unit-other",)}
                yield f"two accounts {role}@{desk}", actor(roles=(role,), **others, **here)
        yield "engine", self.sight.ENGINE

    def cases(self) -> Iterator[tuple[str, Any]]:
        """Every kind of case that a rule asks for."""
        for name, said in CASES.items():
            leg = said.get("leg")
            base = {
                "case_id": "case", "lead": "CIVIL", "agencies": ("CIVIL", "POLICE"), "desks": ("CIVIL", "POLICE"),
                "division": "110106023", "reporter_unit": "unit-hotline-1",
            }  # fmt: skip
            made = {**base, **said, "leg": self.sight.Leg(agency=leg[0], desk=leg[1], holder=leg[2]) if leg else None}
            yield name, self.sight.CaseSubject(**made)
        yield "none", None

    def table(self, of: str = "") -> Iterator[tuple[str, str]]:
        """For each action and case a sign for each seat: `Y`, `n` not allowed, `·` does not exist, else a letter for the refusal.

        Those actions first that the rule of this name decides.
        """
        seats = self.people or [who for _, who in self.seats()]
        rules = {**self.access.OFFICE_RULES, **self.access.CASE_RULES}
        own = [action for action in self.access.Action if getattr(rules.get(action), "__name__", "") == of]
        for actions in (own, [action for action in self.access.Action if action not in own]):
            for (name, case), action in product(self.cases(), actions):
                said = (self.access.may(who, action, case) for who in seats)
                yield (
                    f"{action} · {name}",
                    "".join("Y" if one.allowed else SIGNS.get(one.reason.value, "?") for one in said),
                )

    def sights(self) -> Iterator[tuple[str, str]]:
        """For each seat what it keeps, oversees and registers, under which marks a case may be about it, and whose words it reads as typed."""
        for name, who in self.seats():
            allowed = self.sight.scope(who)
            parts = (self.sight.keeps(who), self.sight.divisions(who), who.marks, allowed.desks, allowed.agencies)
            office = self.sight.office_of(who)
            words = (("me", None), (None, None), ("somebody", office), ("somebody", who.agency.value))
            flags = (
                who.oversees_district, allowed.everything, allowed.at_procuratorate, self.sight.registers_pupils(who),
                self.sight.may_register(who), self.sight.knows_reporters(who),
                *(self.sight.is_overseen((), [who], sealed=sealed) for sealed in (False, True)), self.sight.is_overseen(("me",), [who]),
                *(self.sight.by_own_hand(who, *by) for by in words),
            )  # fmt: skip
            signs = "".join(str(int(flag)) for flag in flags)
            said = [
                signs,
                office or "-",
                self.sight.reads_with(who) or "-",
                allowed.reports_of_unit or "-",
                *(",".join(part) or "-" for part in parts),
            ]
            yield f"sight · {name}", " ".join(one or "-" for one in said)


AS_THEY_STAND = Decisions(sight, access)


def changed(mutant: "Mutant") -> Decisions:
    """The rules with one less: its module read from the changed tree, and access anew where the sight below it has changed."""
    names = RULES if mutant.module == RULES[0] else RULES[1:]
    kept = {name: sys.modules[name] for name in RULES}
    now = {**kept, **anew(names, mutant)}
    made = Decisions(now[RULES[0]], now[RULES[1]])
    return made if mutant.module == RULES[0] else made._replace(people=SEATS)


def anew(names: Iterable[str], mutant: "Mutant") -> dict[str, ModuleType]:
    """These modules read again, each by those before it, one of them with a rule less."""
    kept = {name: sys.modules[name] for name in names}
    made: dict[str, ModuleType] = {}
    try:
        for name in kept:
            tree = mutant.tree if name == mutant.module else _read(name)
            made[name] = sys.modules[name] = ModuleType(name)
            made[name].__file__ = kept[name].__file__
            exec(compile(tree, name, "exec"), made[name].__dict__)
        return made
    finally:
        sys.modules.update(kept)


SEATS = [who for _, who in AS_THEY_STAND.seats()]


class Mutant(NamedTuple):
    """One rule less."""

    module: str
    name: str
    rule: str
    """The function it stands in."""
    place: int
    """Of the node, in the order of `ast.walk`."""
    change: Callable[[Any], object]

    @property
    def tree(self) -> ast.Module:
        """The module without it."""
        tree = _read(self.module)
        self.change(next(node for n, node in enumerate(ast.walk(tree)) if n == self.place))
        return ast.fix_missing_locations(tree)


def _read(module: str) -> ast.Module:
    return ast.parse(Path(str(sys.modules[module].__file__)).read_text("utf-8"))


def mutants(modules: Iterable[str] = RULES) -> Iterator[Mutant]:
    """Each condition of an `and` or `or` left out, each early answer or refusal left out, each `not` turned, each condition of a choice among
    many left out, each member of a list of roles, agencies or actions, each entry of a mapping and each part of what PostgreSQL is asked
    left out."""
    for module in modules:
        tree = _read(module)
        named = (rule for rule in tree.body if isinstance(rule, ast.FunctionDef | ast.ClassDef))
        rules = {id(part): rule.name for rule in named for part in ast.walk(rule)}
        for number, node in enumerate(ast.walk(tree)):
            for said, change in _changes(node):
                name = f"{module.rpartition('.')[2]}:{getattr(node, 'lineno', 0)} {said}"
                yield Mutant(module, name, rules.get(id(node), ""), number, change)


def _changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    match node:
        case ast.BoolOp(values=values):
            for n, one in enumerate(values):
                left_out = ast.Constant(value=isinstance(node.op, ast.And))
                yield f"without {ast.unparse(one)}", lambda at, n=n, by=left_out: at.values.__setitem__(n, by)
        case ast.If(body=[ast.Return() | ast.Raise()], test=test):
            yield f"never if {ast.unparse(test)}", lambda at: setattr(at, "test", ast.Constant(value=False))
        case ast.IfExp(test=test):
            yield f"always {ast.unparse(node)[:50]}", lambda at: setattr(at, "test", ast.Constant(value=True))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield (
                f"not turned {ast.unparse(operand)}",
                lambda at: setattr(at, "operand", ast.UnaryOp(ast.Not(), at.operand)),
            )
        case ast.Tuple(elts=elts, ctx=ast.Load()) if len(elts) > 1 and all(
            isinstance(one, ast.Attribute | ast.Starred) for one in elts
        ):
            for n, one in enumerate(elts):
                yield f"list without {ast.unparse(one)}", lambda at, n=n: at.elts.pop(n)
        case ast.Dict(keys=keys):
            for n, one in enumerate(keys):
                yield (
                    f"entry without {ast.unparse(one or node.values[n])}",
                    lambda at, n=n: (at.keys.pop(n), at.values.pop(n)),
                )
        case ast.comprehension(ifs=[_, *_] as ifs):
            for n, one in enumerate(ifs):
                yield f"any, not if {ast.unparse(one)}", lambda at, n=n: at.ifs.pop(n)
        case ast.Call(func=ast.Name(id="and_" | "or_") | ast.Attribute(attr="where"), args=[_, _, *_] as args):
            for n, one in enumerate(args):
                yield f"asked without {ast.unparse(one)}", lambda at, n=n: at.args.pop(n)
        case ast.Call(func=ast.Attribute(attr="has"), args=args) if args:
            for n, one in enumerate(args):
                yield f"has() without {ast.unparse(one)}", lambda at, n=n: at.args.pop(n)
        case _:
            pass
