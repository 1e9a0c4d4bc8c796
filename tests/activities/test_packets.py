"""What each agency is told: every verb's packet holds what its work needs, and nothing else that is known."""

import json
from datetime import date

import pytest

from activities.gateway import Gateway, open_client
from app.domain import disclosure as d
from app.domain.terms import Agency
from app.policy.loader import load
from tests.domain.in_memory import Case
from tests.world import World
from workflows.case import FOR_TASK, OTHERS, VERBS, verb_of

CHILD = {
    "name": "NAME", "sex": "male", "birth_date": date(2017, 5, 1), "birth_text": "ABOUT", "id_no": "NUMBER",
    "residence": "HOME", "division": "110106101", "school": "SCHOOL", "features": "FEATURES", "phone": "PHONE", "hukou": "HUKOU",
}  # fmt: skip
SUSPECT = {
    "name": "SUSPECT",
    "relation": "父",
    "phone": "P1",
    "id_no": "N1",
    "note": "NOTE",
    "facts": {"suspected_of_harm": "yes"},
}
AUNT = {
    "name": "AUNT",
    "relation": "姑",
    "phone": "P2",
    "id_no": "N2",
    "note": "OTHER",
    "facts": {"suspected_of_harm": "no"},
}
VIEW = d.View(
    children=(CHILD,), family=(SUSPECT, AUNT), narrative="NARRATIVE",
    facts={
        "children": [{"child_id": "ch-1", "age_years": 8, "injured": "INJURED", "disability_grade": 2, "disabled": "DISABLED"}],
        "household": {"low_income": "LOW"},
    },
)  # fmt: skip
SECRETS = (
    "NAME", "ABOUT", "NUMBER", "HOME", "SCHOOL", "FEATURES", "PHONE", "HUKOU", "SUSPECT", "AUNT", "P1", "P2", "N1", "N2", "NOTE",
    "OTHER", "NARRATIVE", "INJURED", "DISABLED", "LOW",
)  # fmt: skip
WHO = {"NAME", "ABOUT", "NUMBER", "HOME"}
TOLD = {
    "tell-others": WHO,
    "tell-police": WHO | {"SCHOOL", "FEATURES", "PHONE", "SUSPECT", "AUNT", "P1", "P2", "N1", "N2", "NOTE", "OTHER", "NARRATIVE"},
    "tell-police-kin": WHO | {"AUNT", "P2"},
    "tell-police-dropout": {"NAME", "SCHOOL"},
    "tell-civil": WHO | {"SUSPECT", "AUNT", "P1", "P2", "N1", "N2", "NOTE", "OTHER"},
    "tell-civil-means": WHO | {"HUKOU", "SUSPECT", "AUNT", "N1", "N2", "LOW"},
    "tell-education": {"NAME", "SCHOOL"},
    "tell-education-dropout": {"NAME", "SCHOOL", "HOME", "AUNT", "P2"},
    "tell-health": {"NAME", "ABOUT", "NUMBER", "INJURED"},
    "tell-health-rehabilitation": {"NAME", "ABOUT", "NUMBER", "DISABLED"},
}  # fmt: skip
FILE = load("fengtai-2026.1").file
ROWS = {row.id: row for row in FILE.disclosures}


def sent(row):
    """What leaves by this list."""
    return d.packet(row, Case().progress, VIEW)


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.requirement("R133")
def test_a_packet_holds_what_the_work_needs_and_nothing_else(name):
    written = json.dumps(sent(ROWS[name]))
    assert {secret for secret in SECRETS if f'"{secret}"' in written} == TOLD[name]


def test_every_list_of_the_rules_is_agreed_here():
    assert set(ROWS) == set(TOLD)


@pytest.mark.requirement("R091")
def test_whoever_tells_the_family_is_not_told_of_the_suspect():
    assert verb_of(Agency.POLICE, "notify_without_suspect") == "police_reach_kin"
    row = FILE.lists.of(Agency.POLICE, "notify_without_suspect")
    assert [one["name"] for one in sent(row)["kin"]] == ["AUNT"]
    control = row.model_copy(update={"without_suspects": False})
    assert [one["name"] for one in sent(control)["kin"]] == ["SUSPECT", "AUNT"]


def test_every_task_with_a_verb_of_its_own_is_one_of_the_pack_and_the_rest_of_the_notice_goes_by_policy_data():
    routes = FILE.routes
    assert set(FOR_TASK) <= {(row.agency, row.task) for row in routes}
    own = {row.agency for row in routes if verb_of(row.agency, row.task) != OTHERS}
    assert own == set(VERBS) == {Agency.POLICE, Agency.CIVIL, Agency.EDU, Agency.HEALTH}
    assert len({row.agency for row in routes} - own) >= 15
    for_tasks = {(agency, task) for row in FILE.disclosures for agency in row.agencies for task in row.tasks}
    assert for_tasks == set(FOR_TASK), "a verb of its own has a list of its own"
    for_all = {agency for row in FILE.disclosures if not row.tasks for agency in row.agencies}
    assert for_all == own | {Agency.SCHOOL, Agency.HOSPITAL}


async def test_the_worker_knows_every_verb(engine, temporal):
    async with open_client() as http:
        world = World(engine, temporal)
        world.gateway = Gateway(http)
        known = {activity.__temporal_activity_definition.name for activity in world.worker().config()["activities"]}
    assert {*VERBS.values(), *FOR_TASK.values(), OTHERS} <= known
