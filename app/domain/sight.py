"""Who somebody is and which cases are in their sight: roles, desk, street, unit, and the same rule as data for the reads."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from pydantic import BaseModel

from app.domain.terms import Agency, KeyScope, Role

HEADS = (Role.DESK_HEAD, Role.AGENCY_HEAD, Role.SUPERVISOR)
DESK_STAFF = (Role.OFFICER, Role.DESK_HEAD, Role.PROCURATOR)
STAFF = (*DESK_STAFF, Role.AGENCY_HEAD, Role.SUPERVISOR)
OVERSIGHT = (Agency.CIVIL, Agency.CONF)
ADMINS = (Role.ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR)
"""三员: who runs the system, who gives rights, who reads the audit; three persons, and none of them sees a case."""


INTAKE_DESK = Agency.POLICE.value


class Actor(BaseModel, frozen=True, extra="forbid"):
    """Who asks. A deputy carries the desk and roles of the person in `acting_for`, under the deputy's own id."""

    person_id: str
    agency: Agency
    desk: str
    roles: tuple[Role, ...]
    division: str | None = None
    unit: str | None = None
    """The reporting unit, such as one school; what a reporter may follow hangs on it."""
    acting_for: str | None = None
    scopes: tuple[KeyScope, ...] | None = None
    """Of a machine's key; None for a person, and for a system that signs what it says."""
    also: tuple[str, ...] = ()
    """Further accounts of the same natural person."""
    also_at: tuple[str, ...] = ()
    """The units and local desks of these."""

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody who acts when this actor acts."""
        return (self.person_id, *((self.acting_for,) if self.acting_for else ()), *self.also)

    def is_behind(self, done_by: Iterable[str]) -> bool:
        """Whether somebody who acts here acted there: every act of two persons asks this of whoever would be the second.

        What a deputy does in a lent seat is done by both, and all accounts of a person are that person.
        """
        return not set(self.persons).isdisjoint(done_by)

    def is_in_seat_of(self, other: "Actor") -> bool:
        """Whether both are the same account in the same seat."""
        seats = ((one.person_id, one.acting_for, one.agency, one.desk, {*one.roles}) for one in (self, other))
        return next(seats) == next(seats)

    @property
    def marks(self) -> tuple[str, ...]:
        """Under which a case may be about this actor; the service itself is never concerned."""
        if Role.ENGINE in self.roles:
            return ()
        return (*self.persons, *self.also_at, self.desk, self.agency.value, *((self.unit,) if self.unit else ()))

    def has(self, *roles: Role) -> bool:
        """Whether the actor has one of these roles."""
        return any(role in self.roles for role in roles)

    @property
    def sees_cases(self) -> bool:
        """Whether the scopes of a key show cases, and the key is a desk's: one school among many at a desk sees none."""
        of_cases = (KeyScope.TASK_READ, KeyScope.TASK_WORK)
        return self.scopes is None or (self.unit is None and any(scope in of_cases for scope in self.scopes))

    @property
    def supervises(self) -> bool:
        """A supervisor of civil affairs or of the joint conference office."""
        return self.agency in OVERSIGHT and self.has(Role.SUPERVISOR)

    @property
    def runs_the_system(self) -> bool:
        """The system administrator, and no other of the three beside it."""
        return self.has(Role.ADMIN) and not self.has(Role.SECURITY_ADMIN, Role.AUDITOR)

    @property
    def oversees_district(self) -> bool:
        """The supervisors of civil affairs, and everybody who works in the joint conference office; no administrator."""
        if self.has(*ADMINS):
            return False
        if self.agency is Agency.CONF:
            return self.has(*STAFF)
        return self.agency is Agency.CIVIL and self.has(Role.SUPERVISOR)


ENGINE = Actor(person_id="engine", agency=Agency.CONF, desk="CONF", roles=(Role.ENGINE,))
"""The service itself."""
OPERATOR = Actor(person_id="operator", agency=Agency.CONF, desk="CONF", roles=(Role.ADMIN,))
"""Whoever may run commands on the server, which holds the database itself; the audit says so."""

RECEIPT_HOLDER = Actor(person_id="receipt", agency=Agency.CONF, desk="CONF", roles=())
"""Whoever has a receipt code, known to nobody: the service answers and says on record no more than that a code was shown."""


class Leg(BaseModel, frozen=True, extra="forbid"):
    """The referral or duty that an action is about."""

    agency: Agency
    desk: str
    holder: str | None = None


class CaseSubject(BaseModel, frozen=True, extra="forbid"):
    """What access depends on in a case. `agencies` and `desks` are those in it now; one that sent its leg away has left."""

    case_id: str
    lead: Agency
    agencies: tuple[Agency, ...] = ()
    desks: tuple[str, ...] = ()
    intake_desk: str = INTAKE_DESK
    """The desk that the report was first addressed to; the reporter's name stays there."""
    division: str | None = None
    """Street or town of the case; where a street or committee leads, it is this one's."""
    reporter_unit: str | None = None
    at_procuratorate: bool = False
    """The ladder has reached its top, 检察监督."""
    leg: Leg | None = None
    about: tuple[str, ...] = ()
    """Units, desks, agencies and persons whom the report is about."""
    closure_proposed_by: tuple[str, ...] = ()
    """`Actor.persons` of the proposal; empty when nobody has proposed."""

    def is_led_by(self, actor: Actor) -> bool:
        """Whether the actor's office leads the case; of the twenty-six streets, only the one of the case."""
        own_division = not self.lead.is_territorial or actor.desk == f"{self.lead}-{self.division}"
        return actor.agency is self.lead and own_division


class Scope(BaseModel, frozen=True):
    """Which cases an actor may see, as data for a WHERE clause: the union of its parts."""

    everything: bool = False
    desks: tuple[str, ...] = ()
    agencies: tuple[Agency, ...] = ()
    at_procuratorate: bool = False
    reports_of_unit: str | None = None
    """Progress only, never the case: the reports that this unit made."""
    marks: tuple[str, ...] = ()
    """A case about one of these is in no sight, whatever else opens it."""

    def admits(self, subject: CaseSubject) -> bool:
        """Whether the case itself may be seen."""
        return not self.is_concerned(subject) and (
            self.everything
            or any(desk in subject.desks for desk in self.desks)
            or any(agency in subject.agencies for agency in self.agencies)
            or (self.at_procuratorate and subject.at_procuratorate)
        )

    def admits_progress(self, subject: CaseSubject) -> bool:
        """Whether what a reporter may know of the case may be seen."""
        own = self.reports_of_unit is not None and self.reports_of_unit == subject.reporter_unit
        return (own and not self.is_concerned(subject)) or self.admits(subject)

    def is_concerned(self, subject: CaseSubject) -> bool:
        """利益冲突: the case is about the actor, the actor's unit, desk or agency."""
        return not set(self.marks).isdisjoint(subject.about)


def is_overseen(about: Collection[str], people: Iterable[Actor], *, sealed: bool = False) -> bool:
    """Whether one of these people oversees the district and may see a case that is about these; a sealed one is overseen by those alone
    who see every case of the procuratorate."""
    return any(_oversees(one, sealed) and set(one.marks).isdisjoint(about) for one in people)


def _oversees(actor: Actor, sealed: bool) -> bool:
    return Agency.PROC in scope(actor).agencies if sealed else actor.oversees_district


def scope(actor: Actor) -> Scope:
    """The cases that the actor may see; an administrator sees none, whatever else they are."""
    if actor.has(*ADMINS):
        return Scope()
    unit = actor.unit if actor.has(Role.REPORTER, Role.MACHINE) else None
    if actor.has(Role.ENGINE) or actor.oversees_district:
        return Scope(everything=True, reports_of_unit=unit, marks=actor.marks)
    return Scope(
        desks=_desks(actor),
        agencies=_agencies(actor),
        at_procuratorate=actor.agency is Agency.PROC and actor.has(Role.PROCURATOR),
        reports_of_unit=unit,
        marks=actor.marks,
    )


class Relation(StrEnum):
    """What an actor is to a case; each sees what its duty needs and no more."""

    OWNER = "owner"
    CO_AGENCY = "co_agency"
    FORMER_AGENCY = "former_agency"
    SUPERVISOR = "supervisor"
    REPORTER = "reporter"
    STRANGER = "stranger"


def keeps(actor: Actor) -> tuple[str, ...]:
    """The desks whose watched children the actor keeps files and ledgers of: a street office those of its committees with them."""
    if actor.has(*ADMINS) or not actor.has(*STAFF):
        return ()
    if actor.agency is Agency.STREET:
        return actor.desk, f"{Agency.COMM}-{actor.desk.removeprefix(f'{Agency.STREET}-')}"
    return (actor.desk,)


def divisions(actor: Actor) -> tuple[str, ...]:
    """The street in which the actor registers children and sees those that nobody has reported."""
    return (actor.division,) if actor.agency.is_territorial and actor.division and keeps(actor) else ()


def registers_pupils(actor: Actor) -> bool:
    """Whether the actor enters the pupils whom the screening of a school or kindergarten has found (R048, R049)."""
    is_school = actor.agency is Agency.SCHOOL and actor.unit is not None
    return is_school and actor.has(Role.REPORTER) and not actor.has(*ADMINS)


def may_register(actor: Actor) -> bool:
    """Whether the actor registers children whom nobody has reported: staff of a committee or street, in their own street, and schools
    their pupils, whom the street where they live verifies."""
    return registers_pupils(actor) or (bool(divisions(actor)) and actor.has(*DESK_STAFF))


def office_of(actor: Actor) -> str:
    """Whose colleagues read as typed what the actor wrote: the unit, else the desk; of the one system of all streets or committees, the
    agency. Of who is neither staff nor a system, such as a reporter, nobody."""
    if not actor.has(*STAFF, Role.MACHINE):
        return ""
    return actor.agency.value if _speaks_for_all(actor) else actor.unit or actor.desk


def offices_of(actor: Actor) -> tuple[str, ...]:
    """The offices whose words the actor reads as typed, and whose notes beside any leg they are shown; a system reads no texts."""
    systems = (actor.agency.value,) if actor.agency.is_territorial else ()
    return (office_of(actor), *systems) if actor.has(*STAFF) else ()


def knows_reporters(actor: Actor) -> bool:
    """Whether the actor may have been told who reported: then a mask answers no guess, and colleagues who are not told read it masked."""
    at_intake = actor.desk == INTAKE_DESK and actor.has(Role.OFFICER, Role.DESK_HEAD, Role.MACHINE)
    return at_intake or (actor.agency is Agency.CIVIL and actor.has(Role.SUPERVISOR))


def reads_with(actor: Actor) -> str:
    """The office whose people read as typed what the actor gives as a reason, which others read without who reported."""
    return "" if knows_reporters(actor) else office_of(actor)


def by_own_hand(reader: Actor, author: str | None, office: str | None) -> bool:
    """Whether the reader or their office wrote it: a mask that knew more than they do would answer their guesses of names."""
    return author in reader.persons or office in offices_of(reader)


def _desks(actor: Actor) -> tuple[str, ...]:
    if not actor.has(*STAFF, Role.MACHINE) or not actor.sees_cases:
        return ()
    return keeps(actor) if actor.has(*HEADS) else (actor.desk,)


def _agencies(actor: Actor) -> tuple[Agency, ...]:
    """The head of one street office is not the head of the other twenty-five; their one system speaks for all of them."""
    whole = actor.has(Role.AGENCY_HEAD, Role.SUPERVISOR) and not actor.agency.is_territorial
    whole = whole or (actor.agency is Agency.PROC and actor.has(Role.PROCURATOR))
    whole = whole or (actor.agency is Agency.COMMITTEE and actor.has(*STAFF))
    whole = whole or _speaks_for_all(actor)
    return (actor.agency,) if whole and actor.sees_cases else ()


def _speaks_for_all(actor: Actor) -> bool:
    """The one system of all streets, or of all committees."""
    return actor.agency.is_territorial and actor.has(Role.MACHINE) and not _is_of_one_street(actor)


def _is_of_one_street(actor: Actor) -> bool:
    """By a key; a street has a statistics code of nine digits, the district of six."""
    return actor.scopes is not None and len(actor.division or "") == 9
