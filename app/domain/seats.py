"""Who works where and as what: seats and accounts are one administrator's, roles another's (三员分立), and nobody changes their own."""

from collections.abc import Collection

from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import ADMINS, OVERSIGHT, STAFF, Actor
from app.domain.terms import Agency, Role

GIVEN = tuple(role for role in Role if role not in (Role.MACHINE, Role.ENGINE))
"""What a person may be; systems have keys."""


def may_see_seats(actor: Actor) -> bool:
    """The three administrators, the supervisors, and the heads of an office."""
    return actor.has(*ADMINS, Role.DESK_HEAD, Role.AGENCY_HEAD) or actor.supervises


def sees_every_seat(actor: Actor) -> bool:
    """Heads see those of their own agency alone."""
    return actor.has(*ADMINS) or (actor.agency in OVERSIGHT and actor.has(Role.SUPERVISOR))


def require_another(actor: Actor, person_id: str) -> None:
    """Nobody changes their own seat, account or roles, by whatever account."""
    if actor.is_behind((person_id,)):
        raise Refused(RefusalCode.SECOND_PERSON_NEEDED)


def require_fit(roles: Collection[Role], agency: Agency, unit: str | None) -> None:
    """三员 are three persons, and none of them works on cases; a prosecutor sits at the procuratorate, a reporter belongs to a unit."""
    admins = [role for role in roles if role in ADMINS]
    mixed = len(admins) > 1 or (admins and len(roles) > len(admins))
    misplaced = Role.PROCURATOR in roles and agency is not Agency.PROC
    homeless = Role.REPORTER in roles and (unit is None or any(role in STAFF for role in roles))
    if mixed or misplaced or homeless or any(role not in GIVEN for role in roles):
        raise Refused(RefusalCode.ROLES_UNFIT)
