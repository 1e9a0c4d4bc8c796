"""The lines of an assessment become the command's facts; a line that says too little is said to."""

import pytest

from app.domain.commands import FileAssessment
from app.domain.facts import ChildFacts, FactsSeen, GuardianFacts, Known, Relation, ReportFacts, Whereabouts
from app.domain.sight import ENGINE
from app.policy.family import family_of
from app.web.facts_seen import facts, seen
from app.web.forms import Form
from app.web.visit_facts import CHANGED, FACTS, PARENTS, changed

TWO = ["ch-1", "ch-2"]
FAMILY = (GuardianFacts(relation=Relation.MOTHER, able=Known.NO), GuardianFacts(relation=Relation.GRANDPARENT))


def lines(*said):
    return Form(
        {
            f"{name}_{n}": [value]
            for n, one in enumerate(said, 1)
            for name, value in zip(("whom", "fact", "known"), one, strict=True)
        }
    )


def known_after(found, children=TWO):
    """The report with what the command says."""
    told = FileAssessment.model_validate({"by": ENGINE, "referral_id": "r", "grade": "low", **found})
    report = ReportFacts(children=tuple(ChildFacts(child_id=one) for one in children), guardians=FAMILY)
    for one in told.seen:
        report = report.with_seen(one.child_id, one)
    return report


@pytest.mark.parametrize("fact", [fact for _, group in facts() for fact, _ in group])
def test_every_fact_that_is_offered_can_be_found(fact):
    group, _, name = fact.partition(".")
    whom = {"child": "child:ch-2", "guardian": "guardian:1"}.get(group, "")
    form = lines((whom, fact, "" if "=" in fact else "no"))
    report = known_after(seen(form, TWO, FAMILY))
    assert form.errors == {}
    of = {"child": report.children[1], "guardian": report.guardians[1], "home": report.household}[group]
    name, _, value = name.partition("=")
    assert getattr(of, name) == (value or "no")
    assert report.children[0] == ChildFacts(child_id="ch-1")
    assert GuardianFacts(**report.guardians[0].model_dump(exclude={"place"})) == FAMILY[0]


def test_several_lines_come_together_and_those_who_were_not_known_join_the_family():
    found = seen(
        lines(
            ("child:ch-2", "child.injured", "yes"), ("child:ch-1", "child.found", "no"), ("", "home.low_income", "unknown"),
            ("new:father", "guardian.whereabouts=detained", ""), ("new:father", "guardian.able", "no"), ("guardian:0", "guardian.able", "yes"),
        ),
        TWO, FAMILY,
    )  # fmt: skip
    report = known_after(found)
    assert [child.injured for child in report.children] == ["unknown", "yes"]
    assert [one.place for one in report.guardians] == [0, 1, None]
    assert [(one.relation, one.able, one.whereabouts) for one in report.guardians] == [
        ("mother", "yes", "unknown"), ("grandparent", "unknown", "unknown"), ("father", "no", "detained"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "beside"),
    [
        (("child:ch-1", "", "yes"), "fact_1"), (("child:ch-1", "child.injured", ""), "known_1"), (("", "child.injured", "yes"), "whom_1"),
        (("child:ch-9", "child.injured", "yes"), "whom_1"), (("child:ch-1", "guardian.able", "yes"), "whom_1"),
        (("guardian:0", "guardian.whereabouts=home", "no"), "known_1"), (("guardian:2", "guardian.able", "no"), "whom_1"),
        (("new:emperor", "guardian.able", "no"), "whom_1"),
    ],
)  # fmt: skip
def test_a_line_that_says_too_little_is_refused_beside_its_field(line, beside):
    form = lines(line)
    assert seen(form, TWO, FAMILY) == {}
    assert list(form.errors) == [beside]


def test_of_an_only_child_nobody_need_be_named_and_no_line_says_nothing():
    assert seen(lines(("", "child.injured", "yes")), ["ch-1"], ()) == {
        "seen": [{"child_id": "ch-1", "child": {"injured": "yes"}, "household": {}}]
    }
    assert seen(lines(), TWO, FAMILY) == {}


def test_that_a_parent_is_able_says_nothing_of_an_illness_or_a_disability():
    said = Form({"facts.father.care": ["able=yes"], "facts.mother.care": ["able=no gravely_ill=yes"]})
    assert changed(said) == {"family": {"father": {"able": "yes"}, "mother": {"able": "no", "gravely_ill": "yes"}}}


def test_a_parent_who_has_recovered_is_said_to_be_well_and_counts_no_more():
    care, unsupporting = f"{FACTS}father.care", "parents_unsupporting"
    report = ReportFacts(
        children=(ChildFacts(child_id="ch-1"),),
        guardians=tuple(
            GuardianFacts(relation=one, able=Known.NO, gravely_ill=Known.YES, whereabouts=Whereabouts.HOME)
            for one in PARENTS
        ),
    )
    counts = list[bool | None]()
    for answer, _ in next(one for one in CHANGED if one.name == care).options[:2]:
        report = report.with_seen("ch-1", FactsSeen.model_validate(changed(Form({care: [answer]}))))
        counts.append(family_of(report.guardians).answers[unsupporting])
    assert counts == [True, False], "that he is able takes no illness back; that he is well does"


@pytest.mark.parametrize(
    "typed", ["home.child_id", "child.child_id", "child.nothing", "home.low_income=7", "guardian.able=x", "x"]
)
def test_what_no_form_offers_is_refused(typed):
    form = lines(("guardian:0" if typed.startswith("guardian") else "child:ch-1", typed, "yes"))
    assert seen(form, TWO, FAMILY) == {}
    assert list(form.errors) == ["fact_1"]
