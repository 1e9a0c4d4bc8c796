"""Keys of machines: what a system of a school, a hospital or an agency may do, and who may give it a key."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from app.domain.refusals import RefusalCode
from app.domain.sight import ADMINS, Actor
from app.domain.terms import KeyScope, Role
from app.domain.working_time import Value

LASTS = timedelta(days=365)  # default
OVERLAP = timedelta(hours=24)  # default
LONGEST_OVERLAP = timedelta(days=30)  # default
MOST_KEYS = 20  # default
"""Good ones of one unit."""
REPORTING = (KeyScope.REPORT_CREATE, KeyScope.REPORT_READ_OWN, KeyScope.ROUND_ANSWER, KeyScope.SIGNAL_SEND)
"""They show no case; what they show is what their unit itself has sent."""
TASK_WORK = (
    *(f"referral_{verb}" for verb in ("accept", "return", "decline", "pass_on", "complete", "fail", "assess", "pause", "resume")),
    *(f"duty_{verb}" for verb in ("meet", "outcome", "reply")),
)  # fmt: skip
OPENS: Mapping[str, KeyScope] = {
    "file_report": KeyScope.REPORT_CREATE,
    "own_reports": KeyScope.REPORT_READ_OWN,
    **dict.fromkeys(("rounds_asked", "answer_round"), KeyScope.ROUND_ANSWER),
    "send_signals": KeyScope.SIGNAL_SEND,
    **dict.fromkeys(("list_cases", "read_case", "read_timeline", "read_procedures"), KeyScope.TASK_READ),
    **dict.fromkeys(TASK_WORK, KeyScope.TASK_WORK),
}
"""By the name of the route; a route that stands neither here nor in OPEN_TO_ALL is shut for every key."""
BRINGS_FILES = (KeyScope.REPORT_CREATE, KeyScope.TASK_WORK)
"""A file shows nothing to whoever brings it, and comes with a report as with a step of work."""
OPEN_TO_ALL = ("me", "agencies", "desks", "calendar")


def opens(scopes: Collection[KeyScope], route: str) -> bool:
    """Whether a key with these scopes may call this route at all; `may()` is asked as well."""
    if route == "add_file":
        return any(scope in scopes for scope in BRINGS_FILES)
    return route in OPEN_TO_ALL or OPENS.get(route) in scopes


class Bound(Value):
    """To what a key is bound: a reporting unit, or the desk of an agency, which is then the unit."""

    unit: str
    agency: str
    desk: str
    division: str | None = None

    @property
    def is_desk(self) -> bool:
        """Else one unit among others at its desk, such as one school."""
        return self.unit == self.desk


def _heads(actor: Actor, unit: str) -> bool:
    return actor.desk == unit and actor.has(Role.DESK_HEAD, Role.AGENCY_HEAD)


def governs(actor: Actor, unit: str) -> bool:
    """A person of the reporting unit, or who heads the desk."""
    reports = actor.unit == unit and actor.has(Role.REPORTER)
    return (reports or _heads(actor, unit)) and not actor.has(*ADMINS)


def may_issue(actor: Actor, bound: Bound, scopes: Collection[KeyScope]) -> bool:
    """Nobody gives a key that sees more than they do: the system administrator, who sees no case, gives none that does, and a deputy
    none that goes on when the seat was given back."""
    if actor.scopes is not None or actor.acting_for is not None:
        return False
    if set(scopes) <= set(REPORTING):
        return governs(actor, bound.unit) or actor.runs_the_system
    return bound.is_desk and _heads(actor, bound.unit) and governs(actor, bound.unit)


def may_look_after(actor: Actor, unit: str) -> bool:
    """See that there is a key, and end it: also the security administrator, who withdraws what others gave."""
    return actor.scopes is None and (governs(actor, unit) or oversees_keys(actor))


def oversees_keys(actor: Actor) -> bool:
    """Those of all units."""
    return actor.runs_the_system or (actor.has(Role.SECURITY_ADMIN) and not actor.has(Role.ADMIN, Role.AUDITOR))


def overlap_ends(now: datetime, overlap: timedelta, expires_at: datetime) -> datetime:
    """Until when the old key is good beside the new one."""
    return min(now + min(overlap, LONGEST_OVERLAP), expires_at)


def refusal_of(bound: Bound | None, good: int) -> RefusalCode | None:
    """Why there can be no further key, whoever asks."""
    if bound is None:
        return RefusalCode.UNIT_NOT_FOUND
    return RefusalCode.TOO_MANY_KEYS if good >= MOST_KEYS else None
