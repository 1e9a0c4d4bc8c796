"""What is told, given and approved beside the access decision, as a table for each room of rules: compartments, the own part of a case,
keys of machines, registers, and acts of two persons."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain, product
from typing import Any

from app.domain import approvals, compartment, keys, own_part, registers
from app.domain import commands as c
from app.domain.disclosure import Told, told_to
from app.domain.facts import ReportFacts
from app.domain.fold import fold
from app.domain.progress import LEFT, State
from app.domain.refusals import Refused
from app.domain.sight import ENGINE, Actor
from app.domain.terms import Agency, KeyScope, Role, Rung, Safety
from app.policy.loader import RELEASE, load
from tests.actors import at_desk
from tests.domain.decisions import AS_THEY_STAND, Mutant
from tests.domain.decisions import mutants as less

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SEATS = dict(AS_THEY_STAND.seats())
SEATS |= {f"{role}@COURT": at_desk("COURT", "me", role) for role in Role}
SEATS["machine, officer"] = at_desk("POLICE", "me", Role.MACHINE, Role.OFFICER)
SEATS["reporter of the desk"] = at_desk("POLICE", "me", Role.REPORTER).model_copy(update={"unit": "POLICE"})
STREET = "STREET-110106023"


def refusal(act: Callable[..., Any], *given: Any) -> str:
    """The first letters of the code that refuses it, or a line."""
    try:
        act(*given)
    except Refused as refused:
        return "".join(word[0] for word in refused.code.value.split("_"))
    return "-"


def signs(said: Iterable[object]) -> str:
    """One for each seat."""
    return "".join("Y" if one is True else "n" if one is False else f"{one};" for one in said)


def reported(guardian: str, **child: str) -> ReportFacts:
    """Two children, of one of whom this is said, and whether a guardian is a suspect."""
    children = [{"child_id": "ch-1"}, {"child_id": "ch-2", **child}]
    return ReportFacts.model_validate({"children": children, "guardians": [{}, {"suspected_of_harm": guardian}]})


FACTS = {
    "nothing": reported("no"), "hiv": reported("no", hiv_affected="yes"), "mental illness": reported("no", impaired="yes"),
    "no illness": reported("unknown", hiv_affected="no", impaired="unknown"), "suspect": reported("yes"),
    "suspect, hiv": reported("yes", hiv_affected="yes"), "suspect, mental illness": reported("yes", impaired="yes"),
}  # fmt: skip
PLACED = {
    "desk": STREET, "by": "street.1", "behalf": "street.1", "note": "street.1", "version": 3,
    "waiting": [{"desk": STREET, "by": "police.1", "behalf": "police.1"}, "street.1"],
}  # fmt: skip
OFFENCES: tuple[dict[str, str], ...] = ({}, {"not_prosecuted": "yes"}, {"procuratorate_confirms": "no"})


def of_compartment(rules: Any) -> Iterator[tuple[str, str]]:
    """By body what is kept back of a child; who opens what is sealed; whom it does not reach."""
    for (name, facts), agency in product(FACTS.items(), Agency):
        yield f"kept back · {name} · {agency}", " ".join(rules.kept_back(agency, (ReportFacts(), facts)))
    for agency in Agency:
        kept_back = rules.kept_back(agency, (ReportFacts(),), suspected=True)
        yield f"kept back · suspect, elsewhere · {agency}", " ".join(kept_back)
        yield f"may be kept back · {agency}", " ".join(rules.asked_of(agency))
        yield f"which desk · {agency}", rules.desk_told(agency, STREET)
        yield f"which street · {agency}", json.dumps(rules.unplaced(PLACED, agency, {"street.1"}))
    for said in OFFENCES:
        child = reported("no", **said).children[1]
        left = rules.without_offence(child).model_dump(exclude_defaults=True, mode="json")
        yield f"offence · {said}", f"{rules.tells_offence(child)} {left}"
    yield "opens what is sealed", signs(rules.may_open(who) for who in SEATS.values())
    yield "own marks", " ".join(",".join(rules.own_marks(who)) for who in SEATS.values())
    for sealed in ((), (Agency.PROC, Agency.COURT)):
        yield f"outside · {sealed}", " ".join(rules.outside(sealed))
        for agency in (Agency.COURT, Agency.EDU):
            instead = rules.inside(sealed, agency, Agency.PROC)
            no = refusal(rules.require_inside, sealed, Agency.PROC, agency), refusal(rules.require_unsealed, sealed)
            yield f"inside · {sealed} · {agency}", f"{instead} {no}"


BOUNDS = (
    ("unit-hotline-1", "HOTLINE", "HOTLINE", None), ("POLICE", "POLICE", "POLICE", None), (STREET, "STREET", STREET, "110106023"),
    ("POLICE", "SCHOOL", "SCHOOL", None),
)  # fmt: skip
SCOPES = tuple(KeyScope)


def of_keys(rules: Any) -> Iterator[tuple[str, str]]:
    """Which route a scope opens, who gives a key, looks after it, and until when it is good."""
    for route in (*keys.OPENS, *keys.OPEN_TO_ALL, "add_file", "read_content"):
        opened = (" ".join(scope for scope in SCOPES if rules.opens((scope,), route)), rules.opens((), route))
        yield f"opens · {route}", f"{opened}"
    people = [*SEATS.values(), *(who.model_copy(update={"scopes": SCOPES}) for who in SEATS.values())]
    bound = None
    for unit, agency, desk, division in BOUNDS:
        bound = rules.Bound(unit=unit, agency=agency, desk=desk, division=division)
        yield f"governs · {unit}@{desk}", signs(rules.governs(who, unit) for who in people)
        yield f"looks after · {unit}@{desk}", signs(rules.may_look_after(who, unit) for who in people)
        for scopes in (*((scope,) for scope in SCOPES), SCOPES):
            yield (
                f"gives · {unit}@{desk} · {' '.join(scopes)}",
                signs(rules.may_issue(who, bound, scopes) for who in people),
            )
    yield "oversees keys", signs(rules.oversees_keys(who) for who in people)
    yield "a further key", f"{[rules.refusal_of(bound, good) for bound, good in ((None, 0), (bound, 0), (bound, 20))]}"


BOOKS = (((Agency.COMM, Agency.STREET), ()), ((Agency.CIVIL,), (Agency.POLICE, Agency.EDU)), ((Agency.POLICE,), ()))


def of_registers(rules: Any) -> Iterator[tuple[str, str]]:
    """Who sees which entries of a register, and who writes there."""
    for keepers, readers in BOOKS:
        book = rules.Register(code="a", zh="甲", en="a", keepers=keepers, readers=readers, basis=("R135",), fields=())
        name = f"{' '.join(keepers)} for {' '.join(readers) or 'nobody'}"
        seen = [rules.sight(who, book) for who in SEATS.values()]
        shown = (
            f"{one.everything:d}{one.nothing:d}{one.shows_private('POLICE'):d}{','.join(one.desks)}" for one in seen
        )
        yield f"register · {name}", " ".join(shown)
        yield f"keeps · {name}", signs(rules.keeps(who, book) for who in SEATS.values())
        for desk, kind in ((None, ""), ("POLICE", "added"), (STREET, "added"), ("POLICE", "ended")):
            told = {"id": "e", "book": "a", "version": 1, "division": "110106", "fields": {}, "by": "x", "behalf": None}
            before = rules.Entry(**told, desk=desk, kind=kind, review_at=None, at=NOW) if desk else None
            written = (refusal(rules._may_write, book, before, who) for who in SEATS.values())
            yield f"writes · {name} · {desk} {kind}", signs(written)


PROPOSALS: Mapping[str, dict[str, Any]] = {
    "waits": {}, "by oneself": {"proposed_by": ("me",)}, "by the absent": {"proposed_by": ("absent",)}, "approved": {"approved": True},
    "used": {"used": True}, "late": {"expires_at": NOW}, "police": {"agency": "POLICE", "desk": "POLICE"},
    "street": {"agency": "STREET", "desk": STREET}, "committee": {"agency": "COMM", "desk": "COMM-110106023"},
    "another desk": {"agency": "POLICE", "desk": "POLICE-2"},
    "of a lent seat": {"agency": "EDU", "desk": "POLICE"},
}  # fmt: skip


def of_approvals(rules: Any) -> Iterator[tuple[str, str]]:
    """Who proposes what takes two, and who may be the second."""
    for act in rules.Act:
        yield f"proposes · {act}", signs(rules.may_propose(who, act) for who in SEATS.values())
        yield f"spent at once · {act}", f"{act.is_spent_at_once}"
        for name, said in PROPOSALS.items():
            made = {"id": "a", "digest": "", "proposed_by": ("x",), "agency": "CIVIL", "desk": "CIVIL"}
            asked = rules.Proposal(**{**made, "act": act, "expires_at": NOW + timedelta(days=1), **said})
            second = (refusal(rules.require_second, who, asked, NOW) for who in SEATS.values())
            yield f"approves · {act} · {name}", signs(second)
    acts = [rules.digest_of(act, said) for act in rules.Act for said in ({"n": 1}, {"n": 2})]
    yield "what is to be done", f"{len(set(acts)) == len(acts)}"


VIOLENCE = ReportFacts.model_validate({
    "reporter_class": "school", "situations": ["suspected_dv"],
    "children": [{"child_id": "ch-1", "age_years": 9, "injured": "yes", "harmed": "yes", "school_stage": "primary"}],
    "guardians": [{"relation": "father", "suspected_of_harm": "yes"}],
})  # fmt: skip


@cache
def pack() -> Any:
    return load(RELEASE)


@cache
def lived() -> tuple[Any, list[dict[str, Any]]]:
    """A case of violence with two legs of every agency and something of each kind, and its events."""
    from tests.domain.test_procedures import DAY, Run  # here, for it reads the rules

    case = Run(VIOLENCE)
    case.leg_ends("stop_violence", "")
    for desk, safety in (("POLICE", Safety.PLACED), ("HOSPITAL", Safety.SAFE), ("SW", Safety.NOT_FOUND)):
        case.do(c.ConfirmSafety(by=at_desk(desk), child_id="ch-1", safety=safety))
    case.do(c.RecordSentence(by=at_desk("POLICE")))
    case.leg_ends("prosecute", "prosecuted", "ch-1", file="丰检刑诉〔2026〕0033号")
    case.end("prosecution.trial", "decided", decided_on=DAY, file="（2026）京0106刑初88号")
    for desk, person in (("EDU", "officer"), ("EDU", "colleague"), ("HOSPITAL", "officer")):
        case.do(c.AddNote(by=at_desk(desk, person)))
    progress = fold(case.events)
    bodies = [one.model_dump(mode="json") for one in case.events]
    return _full(progress, bodies[0]["division"]), [
        one | {"version": n} for n, one in enumerate([*bodies, *_further(progress.division)], 1)
    ]


PICKED = ("steps", "planned_duties", "outcomes")
"""Of which the own ones are picked."""


def _full(progress: Any, division: str) -> Any:
    """With what this case has not come to."""
    first, duty = progress.referrals[0], progress.duties[0]
    plain = {
        "route_id": "plan-own",
        "task": "own_task",
        "assessment": False,
        "state": State.ACCEPTED,
        "instead_of": "leg-EDU",
    }
    clocks = {"accept": first.accept, "finish": None, "supply": None}
    rung = {"fired": (Rung.REMIND,)}
    odd: dict[str, dict[str, Any]] = {
        "leg-EDU": {"instead_of": None, "accept": first.accept.model_copy(update=rung)}, "leg-WF": {"instead_of": "leg-JUSTICE"},
        "leg-HR": {"instead_of": "gone", "finish": first.accept.model_copy(update=rung)},
        "leg-SW": {"assessment": True, "state": State.COMPLETED},
        "leg-HOUSING": {"state": State.COMPLETED, "supply": first.accept.model_copy(update=rung)},
        "before-FINANCE": {"state": LEFT[0]}, "leg-FINANCE": {"state": LEFT[0]},
    }  # fmt: skip
    legs, duties = [*progress.referrals], [*progress.duties]
    for agency in Agency:
        desk = f"{agency}-{division}" if agency.is_territorial else agency.value
        for leg in (f"before-{agency}", f"leg-{agency}"):
            made = {"id": leg, "agency": agency, "desk": desk, **plain, **clocks, **odd.get(leg, {})}
            legs.append(first.model_copy(update=made))
        fired = rung if agency in (Agency.STREET, Agency.YL) else {"fired": ()}
        clock = duty.clock.model_copy(update=fired)
        duties.append(
            duty.model_copy(update={"code": f"own-{agency}:x", "holder": agency, "desk": desk, "clock": clock})
        )
    kept = {name: "said" for name in type(progress).model_fields if not getattr(progress, name) and name not in PICKED}
    steps = tuple(
        progress.steps[0].model_copy(update={"agency": agency, "route_id": f"step-{agency}"}) for agency in Agency
    )
    full = progress.model_copy(update={"referrals": tuple(legs), "duties": tuple(duties), "steps": steps})
    return full, full.model_copy(update=kept | {"about": ("unit-1",), "dropped_steps": ("own-EDU",)})


def _further(division: str) -> list[dict[str, Any]]:
    """Events of kinds that this case has not."""
    by = {"at": "2026-03-02T09:00:00Z", "by": "x", "behalf": None, "office": None}
    said = [{**by, "kind": kind, "more": 1, **dict.fromkeys(fields, "x")} for kind, fields in own_part.COMMON.items()]
    said += [{**by, "kind": kind} for kind in (*own_part.OF_PAYING, "conflict_declared")]
    said += [
        {**by, "kind": kind, "referral_id": leg}
        for kind in own_part.OF_COMING
        for leg in ("leg-EDU", "leg-JUSTICE", "leg-HR")
    ]
    said.append({**by, "kind": "post_assessment_filed", "code": "own-EDU:x", "grade": "low"})
    for kind, person, office, knows in product(
        ("note_added", "conflict_declared", "safety_confirmed"), ("x", "edu.officer", f"street-{division}.officer"),
        (None, "", "EDU", f"STREET-{division}", "SW", "CIVIL"), (False, True, None),
    ):  # fmt: skip
        found = {"child_id": "ch-1", "safety": "safe", **({} if knows is None else {"knows_reporter": knows})}
        said.append({**by, "kind": kind, "by": person, "office": office, **found})
    return said


NOTHING = Told(child=(), kin=(), narrative=False, facts=(), branch=False)
FIELDS = tuple({field for fields in own_part.RESTS_ON.values() for field in fields})


def readers(progress: Any) -> Iterator[tuple[str, Actor, Told]]:
    """Somebody of each agency as told by the lists, and seats that are told apart beside that."""
    for agency in Agency:
        who = at_desk(f"{agency}-{progress.division}" if agency.is_territorial else agency.value)
        yield agency.value, who, told_to(who, progress, pack().lists)
    edu = at_desk("EDU")
    yield "all facts", edu, NOTHING.model_copy(update={"child": FIELDS})
    yield "no facts", edu, NOTHING.model_copy(update={"facts": None})
    yield "branch", edu, NOTHING.model_copy(update={"branch": True})
    for who in (
        edu, at_desk("CIVIL"), at_desk("EDU-2"), at_desk("STREET-110106007"), at_desk(f"STREET-{progress.division}", "head", Role.DESK_HEAD),
        at_desk("SCHOOL", "one", Role.REPORTER), at_desk("CIVIL", "one", Role.SUPERVISOR), ENGINE,
    ):  # fmt: skip
        yield f"nothing {who.person_id}@{who.desk}", who, NOTHING


KNOWN = (
    *({name} for name in own_part.RESTS_ON),
    {"branch"},
    {"children.injured"},
    {"children.hiv_affected"},
    {"suspect"},
)
HEARS = (*(f"desk:{agency}" for agency in Agency), "edu.officer", "desk:EDU-1", "x")


def of_own_part(rules: Any) -> Iterator[tuple[str, str]]:
    """What each desk is shown of one case, what is owed by whom, and on what access depends."""
    (progress, kept), bodies = lived()
    for name, who, told in readers(progress):
        part = rules.part_of(who, progress, told)
        for aspect, said in _shown(part, progress, kept, bodies):
            yield f"{aspect} · {name}", json.dumps(said, ensure_ascii=False, separators=(",", ":"), default=str)
    yield (
        "owing",
        " ".join(f"{sorted(desks)}{sorted(agencies)}" for desks, agencies in map(rules.owing, SEATS.values())),
    )
    for leg, duty in ((None, None), ("leg-EDU", None), ("none", None), (None, "own-EDU:x"), (None, "none")):
        yield f"subject · {leg} {duty}", f"{rules.subject_of(progress, leg, duty)}"
    leads = rules.subject_of(progress).model_copy(update={"lead": Agency.HOUSING, "desks": ("HOUSING",)})
    yield "another subject", f"{rules.part_of(at_desk('HOUSING'), progress, NOTHING, leads).whole}"


def _shown(part: Any, progress: Any, kept: Any, bodies: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    header, events = part.header(progress), [said for body in bodies if (said := part.event(body))]
    shown = part.progress(kept)
    yield "fields", sorted(header)
    yield "legs and duties", [[one["id"] for one in header["referrals"]], [one["code"] for one in header["duties"]]]
    yield "children", [header["children"], header["rung"], [one.safety for one in part.progress(progress).children]]
    yield "beside", [[*one.model_dump().values()] for one in part.beside(progress)]
    yield "progress", sorted(name for name in type(shown).model_fields if getattr(shown, name))
    yield "kinds of events", sorted({" ".join((one["kind"], *sorted(one))) for one in events})
    yield "events", [[one["version"], one.get("by", "")] for one in events]
    yield "wrote", [body["version"] for body in bodies if part.wrote(body)]
    yield "own hand", [body["version"] for body in bodies if part.by_own_hand(body)]
    yield "hears of", [one for one in HEARS if part.hears_of(one)]
    rows = [(table, row) for table in ("disclosures", "routes") for row in ("c-police", "plan-own", *part.told.lists)]
    yield "decisions", [[row for row in rows if part.decided(*row)], sorted(part.rows)]
    yield "knows", [sorted(names) for names in KNOWN if part.knows(names)]
    yield "owes", [agency for agency in Agency if part.owes(f"leg-{agency}")]
    yield "more", [sorted(part.came), part.settles, part.places]


TABLES: Mapping[str, Callable[[Any], Iterator[tuple[str, str]]]] = {
    compartment.__name__: of_compartment, keys.__name__: of_keys, approvals.__name__: of_approvals, registers.__name__: of_registers,
    own_part.__name__: of_own_part,
}  # fmt: skip
OF_REGISTERS = ("sight", "Sight", "keeps", "_may_write")
"""The rest says what an entry looks like and when it is due."""


def everything() -> Iterator[tuple[str, str]]:
    """By the rules as they stand."""
    return chain.from_iterable(table(sys.modules[name]) for name, table in TABLES.items())


EQUAL = {
    ("_may_approve", "Act.DELETE"), ("_may_approve", "Act.HOLD"), ("_may_approve", "actor.desk"),
    ("Part", "leg.instead_of"), ("subject_of", "referral_id"), ("subject_of", "duty"),
}  # fmt: skip
"""Of the same meaning without, by rule: whoever may propose to delete supervises, everybody keeps the own desk, no leg or duty has no name."""


def mutants() -> Iterator[Mutant]:
    """Each of these rooms with a rule less."""
    found = (one for one in less(TABLES) if one.module != registers.__name__ or one.rule in OF_REGISTERS)
    return (one for one in found if (one.rule, one.name.rpartition(" without ")[2]) not in EQUAL)
