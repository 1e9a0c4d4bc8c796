"""Every act of two persons asks one question of the second: a deputy and whom they stand in for are one for what is done in that seat."""

from datetime import timedelta

import pytest

from app.domain import commands as c
from app.domain import events as e
from app.domain import file_work as fw
from app.domain.approvals import Act, Proposal, require_second
from app.domain.case import decide
from app.domain.emergency import Read, require_reviewer
from app.domain.fold import fold
from app.domain.referral import signed
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import Actor
from app.domain.terms import Agency, CloseReason, Role
from tests.domain.in_memory import MORNING, POLICY, Case
from tests.domain.test_child_file import STREET, File


def somebody(person, seat=None, *, also=()):
    """In the own seat, or in that of somebody who is away; a seat with every right that an act asks for."""
    roles = (Role.OFFICER, Role.DESK_HEAD, Role.AGENCY_HEAD, Role.SUPERVISOR, Role.PROCURATOR)
    return Actor(person_id=person, agency=Agency.CIVIL, desk="CIVIL", roles=roles, acting_for=seat, also=also)


def at(actor, agency, desk):
    return actor.model_copy(update={"agency": agency, "desk": desk})


def closes(first, second):
    proposed = e.ClosureProposed(**signed(first, MORNING), reason=CloseReason.NO_RISK_FOUND)
    decide(fold((proposed,), Case().progress), c.ApproveClosure(by=second), POLICY, MORNING)


def joins(first, second):
    file = File()
    change = file.enter(by=at(first, Agency.STREET, STREET))
    file.do(fw.PassChange(by=at(second, Agency.STREET, STREET), change=change))


def reviews(first, second):
    require_reviewer(second, Read(accounts=first.persons, desk="POLICE", reviewed=False))


def by_approval(act):
    def spends(first, second):
        seat = Agency.PROC if act is Act.UNSEAL else Agency.CIVIL
        asked = Proposal(
            id="a", act=act, digest="d", proposed_by=first.persons, agency=seat, desk=seat.value, expires_at=MORNING + timedelta(days=1)
        )  # fmt: skip
        require_second(at(second, seat, seat.value), asked, MORNING)

    return spends


ACTS = {"close": closes, "join": joins, "review": reviews, **{act.value: by_approval(act) for act in Act}}
ONE = {
    "a deputy, then the absent": (somebody("d", "p"), somebody("p")),
    "the absent, then the deputy in that seat": (somebody("p"), somebody("d", "p")),
    "a deputy, then the same in the own seat": (somebody("d", "p"), somebody("d")),
    "two seats of one deputy": (somebody("d", "p"), somebody("d", "q")),
    "two deputies in one seat": (somebody("d", "p"), somebody("f", "p")),
    "a second account": (somebody("p"), somebody("p2", also=("p",))),
    "a deputy, then another account of the absent": (somebody("d", "p"), somebody("p2", also=("p",))),
}
TWO = {
    "another person": (somebody("p"), somebody("q")),
    "a deputy, then a third": (somebody("d", "p"), somebody("q")),
    "the absent, then whoever could stand in, in the own seat": (somebody("p"), somebody("d")),
}


def refusal(act, first, second):
    try:
        ACTS[act](first, second)
    except Refused as refused:
        return refused.code
    return None


@pytest.mark.parametrize("act", ACTS)
def test_who_acts_in_a_lent_seat_and_who_lent_it_are_one_person_for_every_act(act):
    said = {name: refusal(act, *pair) for name, pair in ONE.items()}
    assert said == dict.fromkeys(ONE, RefusalCode.SECOND_PERSON_NEEDED)
    others = {name: refusal(act, *pair) for name, pair in TWO.items()}
    assert set(others.values()) <= {None, RefusalCode.CANNOT_CLOSE}, others
