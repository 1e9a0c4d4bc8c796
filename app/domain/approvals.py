"""Two persons for what cannot be undone: one proposes an act with its parameters and a reason, another with the right approves it.

The closing of a case, the joining of two children's files and the publishing of rules are steps of their own streams, with a desk and a
clock that wait for the second person, and the same rule of who that may be (`Actor.is_behind`); what else needs two is here.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.domain.compartment import may_open
from app.domain.policy import Frozen
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import ADMINS, HEADS, STAFF, Actor, keeps
from app.domain.terms import Agency, Role, Term

MOST_CHILDREN = 50
"""More children than these leave in one export only by two persons; default."""
WAITS = timedelta(days=3)
"""How long a proposal waits for its second person; default."""
HOLDS = timedelta(hours=1)
"""How long after the approval the act may be done; default."""


class Act(Term):
    """What takes two persons."""

    DELETE = "delete", "删除案件内容", "delete the content of a case"
    HOLD = "hold", "解除留存保全", "lift a legal hold"
    UNSEAL = "unseal", "启封", "open a sealed record"
    EXPORT = "export", "导出超过50名儿童", "export more than 50 children"
    UNMASK_LIST = "unmask_list", "列表显示全名全号", "names and numbers of a whole list in full"

    @property
    def is_spent_at_once(self) -> bool:
        """Whether it is done once; a list is turned page by page while the approval holds."""
        return self is not Act.UNMASK_LIST


class Reason(Term):
    """Why."""

    HAND_IN = "hand_in", "上报", "to be handed in"
    VERIFY = "verify", "核对", "to be verified"
    INSPECTION = "inspection", "督查", "for an inspection"
    VISIT = "visit", "集中走访", "for a round of visits"
    OFFICE_WORK = "office_work", "日常工作", "for the work of the office"
    RETENTION_OVER = "retention_over", "保存期限届满", "the time of retention is over"
    BY_LAW = "by_law", "依法办理", "the law asks for it"


class Proposal(Frozen):
    """What was proposed, by whom, and until when it holds."""

    id: str
    act: Act
    digest: str
    proposed_by: tuple[str, ...]
    """Every account of the natural persons behind it."""
    agency: Agency
    desk: str
    expires_at: datetime
    approved: bool = False
    used: bool = False


def digest_of(act: Act, parameters: Mapping[str, Any]) -> str:
    """One for what is to be done exactly; codes and ids only."""
    said = json.dumps({"act": act.value, **parameters}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def may_propose(actor: Actor, act: Act) -> bool:
    """Staff, and of a sealed record whoever may open it; deletion is the supervisors'. The route that does it asks for the rest."""
    if actor.has(*ADMINS, Role.MACHINE) or not actor.has(*STAFF):
        return False
    if act is Act.UNSEAL:
        return may_open(actor)
    return act not in (Act.DELETE, Act.HOLD) or actor.supervises


def require_second(actor: Actor, proposal: Proposal, now: datetime) -> None:
    """Refused unless this is another natural person with the right, in time; nobody approves for whom they stand in, or by a second account."""
    if not _may_approve(actor, proposal):
        raise Refused(RefusalCode.NOT_ALLOWED)
    if actor.is_behind(proposal.proposed_by):
        raise Refused(RefusalCode.SECOND_PERSON_NEEDED)
    if proposal.approved or proposal.used:
        raise Refused(RefusalCode.ALREADY_DONE)
    if now >= proposal.expires_at:
        raise Refused(RefusalCode.APPROVAL_EXPIRED)


def _may_approve(actor: Actor, proposal: Proposal) -> bool:
    if not may_propose(actor, proposal.act) or not actor.has(*HEADS, Role.PROCURATOR):
        return False
    if proposal.act in (Act.DELETE, Act.HOLD, Act.UNSEAL) or actor.supervises:
        return True
    own = proposal.desk in (actor.desk, *keeps(actor))
    return own or (actor.agency is proposal.agency and not actor.agency.is_territorial)
