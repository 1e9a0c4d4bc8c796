"""Who works with whom: by name, and who may be set to stand in: inside one office, staff for staff, and never by somebody below the seat."""

from app.domain.access import ADMINS, STAFF, Actor
from app.domain.terms import Role

RANKS = (Role.DESK_HEAD, Role.AGENCY_HEAD, Role.SUPERVISOR)
"""From the lowest; whoever has none of them, an officer or a procurator, stands below."""


def may_appoint(by: Actor, absent: Actor, deputy: Actor) -> bool:
    """Anybody staff for their own absence; a head or an administrator for others whose seat is not above their own.

    A deputy appoints nobody for the seat that was lent to them.
    """
    if by.acting_for is not None or not may_stand_in(absent, deputy):
        return False
    if by.person_id == absent.person_id:
        return True
    manages = by.has(Role.DESK_HEAD, Role.AGENCY_HEAD, Role.ADMIN) and _same_office(by, absent)
    return manages and _rank(absent) <= _rank(by)


def may_stand_in(absent: Actor, deputy: Actor) -> bool:
    """Staff for staff of one office and never an administrator, as both are now (`shouhu_seat_of` asks it at each request as well)."""
    staff = absent.has(*STAFF) and deputy.has(*STAFF) and not deputy.has(*ADMINS)
    return staff and _same_office(absent, deputy)


def may_know_names(who: Actor) -> bool:
    """Staff and administrators work together by name; whoever reports for a unit knows nobody's."""
    return who.has(*STAFF, *ADMINS)


def _same_office(one: Actor, other: Actor) -> bool:
    """One agency; of the twenty-six streets and their committees, the same one."""
    return one.agency is other.agency and (not one.agency.is_territorial or one.desk == other.desk)


def _rank(actor: Actor) -> int:
    return max((place for place, role in enumerate(RANKS, 1) if actor.has(role)), default=0)
