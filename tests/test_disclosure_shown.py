"""What a person at a desk is shown of a family is what its list tells its system, and never somebody whom the list leaves out."""

import pytest

from app.domain.disclosure import Told, as_known, is_suspect, told_to
from app.domain.facts import ChildSeen, GuardianFacts, Known, ReportFacts
from app.domain.sight import Actor
from app.domain.terms import Agency, Role
from app.policy.loader import parse
from tests.activities.test_packets import AUNT, CHILD, SUSPECT
from tests.domain.in_memory import Case
from tests.test_disclosure import PACK, changed


def seat(agency, *, role=Role.OFFICER):
    return Actor(person_id="x", agency=agency, desk=agency.value, roles=(role,))


CONTENT = {"children": [{**CHILD, "id": "ch-1"}], "family": [SUSPECT, AUNT], "narrative": "NARRATIVE", "findings": []}


def shown_to(agency, task, lists, content=CONTENT):
    """To a person at the desk whose leg has this task, in a case that another agency leads."""
    progress = Case().progress
    leg = progress.referrals[0].model_copy(
        update={"agency": agency, "desk": agency.value, "task": task, "assessment": False}
    )
    case = progress.model_copy(update={"lead": Agency.STREET, "referrals": (leg,)})
    return told_to(seat(agency), case, lists).of(content)


def test_a_person_at_the_desk_sees_what_the_list_tells_its_system():
    lists = PACK.lists
    assert shown_to(Agency.CIVIL, "care_tonight", lists)["family"] == [SUSPECT, AUNT]
    assert set(shown_to(Agency.CIVIL, "check_support", lists)["family"][0]) == {"name", "relation", "id_no"}
    pupil = shown_to(Agency.EDU, "support_at_school", lists)
    assert (set(pupil["children"][0]), pupil["family"], "narrative" in pupil) == (
        {"id", "name", "sex", "birth_date", "school", "division"}, [], False,
    )  # fmt: skip
    assert shown_to(Agency.PROC, "anything", lists) == CONTENT
    assert set(shown_to(Agency.FINANCE, "anything", lists)["children"][0]) == {"id", *lists.of_others.children}


def test_a_person_at_the_desk_is_not_shown_a_suspect_that_the_list_leaves_out():
    """Education reaches a family, and a parent who may have hurt the child is nobody's whom it calls."""
    kin = "children: [name, sex, birth_date, school, division, residence], kin: [name, relation, phone], "
    lists = parse(changed((f"{kin}without_suspects: true, ", kin))).lists
    assert [one["name"] for one in shown_to(Agency.EDU, "dropout_control", lists)["family"]] == ["SUSPECT", "AUNT"]
    assert [one["name"] for one in shown_to(Agency.EDU, "dropout_control", PACK.lists)["family"]] == ["AUNT"]


YES = {"suspected_of_harm": "yes"}


def test_whom_an_assessment_suspects_is_not_shown_either():
    known = as_known(CONTENT, ReportFacts(guardians=(GuardianFacts(), GuardianFacts(suspected_of_harm=Known.YES))))
    sees = Told(child=(), kin=(), unsuspected=("name",), narrative=False)
    assert (sees.of(CONTENT)["family"], sees.of(known)["family"]) == ([{"name": "AUNT"}], [])
    assert as_known(CONTENT, None) == CONTENT


@pytest.mark.parametrize(
    ("assessed", "suspects"),
    [
        ([{"relation": "mother", **YES}], {"M"}), ([{"relation": "mother"}, {"relation": "father", **YES}], {"F"}),
        ([{"relation": "mother", "place": 1}, {"relation": "step_parent", "place": 0, **YES}], {"F"}),
        ([{"relation": "grandparent", "place": 3, **YES}], {"H"}), ([{"relation": "grandparent", **YES}], {"G", "H"}),
        ([*({"place": n} for n in range(4)), {"relation": "other", **YES}], set()),
        ([{"place": 0}, {"relation": "other", **YES}], {"M", "G", "H"}), ([YES], {"F", "M", "G", "H"}),
        ([{"relation": "other", "place": 9, **YES}], {"F", "M", "G", "H"}), ([], set()),
    ],
)  # fmt: skip
def test_a_suspect_is_known_by_the_place_in_the_report_and_without_one_is_everybody_it_may_be(assessed, suspects):
    """A family that was given anew may be shorter, in another order, and with others in it."""
    reported = {"F": "father", "M": "mother", "G": "grandparent", "H": "grandparent"}
    family = [{"name": name, "facts": {"relation": relation}} for name, relation in reported.items()]
    seen = ChildSeen.model_validate({"child_id": "ch-1", "guardians": assessed})
    facts = ReportFacts(guardians=tuple(GuardianFacts(relation=one) for one in reported.values()))
    known = as_known({**CONTENT, "family": family}, facts.with_seen("ch-1", seen))["family"]
    assert {one["name"] for one in known if is_suspect(one)} == suspects


def test_what_looks_wrong_with_a_field_is_told_to_whom_the_field_is_told():
    wrong = [{"child": 0, "field": "id_no", "code": "wrong_check_digit"}]
    content = {**CONTENT, "findings": wrong}
    assert shown_to(Agency.PROC, "anything", PACK.lists, content)["findings"] == wrong
    assert shown_to(Agency.HEALTH, "treat_first", PACK.lists, content)["findings"] == wrong
    assert shown_to(Agency.EDU, "support_at_school", PACK.lists, content)["findings"] == []
    about = {**CONTENT, "findings": [{"field": "about", "code": "unknown_concerned", "value": "unit-school-l"}]}
    told = {
        agency: shown_to(agency, "treat_first", PACK.lists, about)["findings"]
        for agency in (Agency.PROC, Agency.HEALTH)
    }
    assert told == {Agency.PROC: about["findings"], Agency.HEALTH: []}
