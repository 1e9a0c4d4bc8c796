"""The district: 丰台区 with its streets and towns, every agency with its desks, and fictional people for each role."""

from dataclasses import dataclass
from datetime import date

from app.domain.opening import desk_of
from app.domain.terms import STREETS, Agency, Role

DISTRICT = "110106"
VALID_FROM = date(2023, 1, 1)

ALIASES: dict[Agency, tuple[str, ...]] = {
    Agency.HEALTH: ("区卫计委", "区卫生和计划生育委员会"),
    Agency.CULTURE: ("区文委", "区文化委员会"),
    Agency.HR: ("区人力社保局", "人力社保", "人保"),
    Agency.HOUSING: ("区住房城乡建设（房管）部门",),
    Agency.EDU: ("区教育委员会",),
    Agency.YL: ("共青团",),
    Agency.STREET: ("街乡（镇）",),
}
"""Names of 2017 or short names under which the notice speaks of an agency of today (guide status C)."""


@dataclass(frozen=True)
class Division:
    """A statistical division; `kind` is district, street or town."""

    code: str
    name: str
    kind: str
    valid_from: date = VALID_FROM


@dataclass(frozen=True)
class Desk:
    """Where referrals lie; a desk belongs to an agency, and to a street where the agency is territorial."""

    id: str
    agency: Agency
    division: str | None
    name: str


@dataclass(frozen=True)
class Person:
    """A fictional person with the roles of a seat."""

    id: str
    name: str
    agency: Agency
    desk: str
    roles: tuple[Role, ...]
    division: str | None = None
    unit: str | None = None


DIVISIONS = (
    Division(DISTRICT, "丰台区", "district"),
    *(Division(f"{DISTRICT}{number}", name, "town" if name.endswith("镇") else "street") for number, name in STREETS),
)


def _desks() -> tuple[Desk, ...]:
    desks = []
    for agency in Agency:
        if agency.is_territorial:
            desks += [Desk(desk_of(agency, d.code), agency, d.code, _office_name(agency, d)) for d in DIVISIONS]
        else:
            desks.append(Desk(agency.value, agency, None, agency.zh))
    return tuple(desks)


def _office_name(agency: Agency, division: Division) -> str:
    """The desk at the district's own code serves a report whose street is not known."""
    if division.code == DISTRICT:
        return f"{division.name}{agency.zh}（街道待定）"
    if agency is Agency.COMM:
        return f"{division.name}{agency.zh}"
    return f"{division.name}{'人民政府' if division.kind == 'town' else '办事处'}"


DESKS = _desks()
TWO_OFFICERS = (Agency.POLICE, Agency.CIVIL, Agency.SW)
REPORTERS = (
    ("school.reporter.1", Agency.SCHOOL, "SCHOOL", "unit-school-1"),
    ("kindergarten.reporter.1", Agency.SCHOOL, "SCHOOL", "unit-kindergarten-1"),
    ("hospital.reporter.1", Agency.HOSPITAL, "HOSPITAL", "unit-hospital-1"),
    ("committee.reporter.1", Agency.COMM, "COMM-110106007", "unit-committee-1"),
    ("village.reporter.1", Agency.COMM, "COMM-110106101", "unit-village-1"),
    ("hotline.reporter.1", Agency.HOTLINE, "HOTLINE", "unit-hotline-1"),
    ("police.reporter.1", Agency.POLICE, "POLICE", "unit-police-1"),
    ("sw.reporter.1", Agency.SW, "SW", "unit-sw-1"),
    ("rescue.reporter.1", Agency.RESCUE, "RESCUE", "unit-rescue-1"),
    ("cwi.reporter.1", Agency.CWI, "CWI", "unit-cwi-1"),
)


def _people() -> tuple[Person, ...]:
    people = []
    for desk in DESKS:
        slug, head = desk.id.lower(), (Role.DESK_HEAD,)
        people.append(_person(f"{slug}.officer.1", desk, (Role.OFFICER,)))
        if desk.agency in TWO_OFFICERS:
            people.append(_person(f"{slug}.officer.2", desk, (Role.OFFICER,)))
        people.append(_person(f"{slug}.head.1", desk, (*head, Role.AGENCY_HEAD) if desk.division else head))
        if not desk.division:
            people.append(_person(f"{slug}.chief.1", desk, (Role.AGENCY_HEAD,)))
        if desk.division in (None, DISTRICT):
            people.append(_person(f"{desk.agency.value.lower()}.machine", desk, (Role.MACHINE,)))
    by_id = {desk.id: desk for desk in DESKS}
    for person, agency, desk_id, unit in REPORTERS:
        desk = by_id[desk_id]
        people.append(Person(person, f"报告人（化名）{unit}", agency, desk_id, (Role.REPORTER,), desk.division, unit))
    people.append(_person("civil.supervisor.1", by_id["CIVIL"], (Role.SUPERVISOR,)))
    people.append(_person("conf.supervisor.1", by_id["CONF"], (Role.SUPERVISOR,)))
    people.append(_person("proc.procurator.1", by_id["PROC"], (Role.PROCURATOR, Role.OFFICER)))
    people.append(_person("admin.1", by_id["CONF"], (Role.ADMIN,)))
    people.append(_person("security.1", by_id["CONF"], (Role.SECURITY_ADMIN,)))
    people.append(_person("auditor.1", by_id["CONF"], (Role.AUDITOR,)))
    return tuple(people)


def _person(person_id: str, desk: Desk, roles: tuple[Role, ...]) -> Person:
    number = person_id.rpartition(".")[2]
    colleague = number if number.isdigit() and number != "1" else ""
    return Person(person_id, f"{desk.name}{roles[0].zh}{colleague}（化名）", desk.agency, desk.id, roles, desk.division)


PEOPLE = _people()
