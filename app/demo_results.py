"""What the demonstration found: the timeline of each case for people, the answers and the expectations for machines."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from app.demo_found import ASSERTED, found_as_expected
from app.domain.terms import Agency, Rung
from app.policy.basis import DEFAULT, cite
from app.policy.loader import DEMO, load

HELD = {"duplicate_cleared", "expired:duplicate_check", "expired:parents_return_or_delegate"}
WHO, RULE = 18, 14
"""Columns of the timeline that stay readable on a terminal of 80."""
QUIET = ("task_claimed", "duty_met", "duty_opened", "duty_dropped", "delivery_recorded")


@dataclass(frozen=True)
class Expectation:
    """One thing that the case file asks for, and whether it was so."""

    name: str
    met: bool


@dataclass(frozen=True)
class CaseResult:
    """All of one case."""

    name: str
    title: str
    triggers: list[str]
    urgency: str
    police_branch: str | None
    routing: list[dict[str, Any]]
    expectations: list[Expectation]
    timeline: list[dict[str, Any]]
    answer: str | None
    not_covered: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Facts:
    """What was seen of one case."""

    filed: dict[str, Any]
    timeline: list[dict[str, Any]]
    case: dict[str, Any]
    shown: dict[str, Any]
    tried: Mapping[str, Any]
    receipt: str
    other_receipts: list[str]

    def opened(self) -> list[dict[str, Any]]:
        """The referrals in the order in which they opened."""
        return [row for row in self.timeline if row["kind"] == "referral_opened"]

    def at_once(self, *agencies: str) -> bool:
        """They were asked in the transaction of the report."""
        asked = {row["agency"] for row in self.opened() if row["at"] == self.filed["at"]}
        return set(agencies) <= asked


def judge(
    name: str, example: dict[str, Any], timeline: list[dict[str, Any]], case: dict[str, Any], shown: dict[str, Any],
    tried: Mapping[str, Any], *, receipt: str, other_receipts: list[str],
) -> CaseResult:  # fmt: skip
    """Hold a played case against its file."""
    filed, expected = timeline[0], example["expected"]
    facts = Facts(filed, timeline, case, shown, tried, receipt, other_receipts)
    routing = _routing(filed, case["planned"])
    branch = filed["branch"] if filed["branch"] in ("A", "B", "C", "D", "E") else None
    wanted = Counter((r["step"], r["agency"], frozenset(r["basis"])) for r in expected["routing"])
    found = Counter((r["step"], r["agency"], frozenset(b for b in r["basis"] if b.startswith("R"))) for r in routing)
    checks = {
        "triggers": set(filed["triggers"]) == set(expected["triggers"]),
        "urgency": filed["urgency"] == expected["urgency"],
        "police_branch": branch == expected["police_branch"],
        "routing": wanted == found,
        "reporter told of acceptance and outcome": shown["accepted"] and shown["answered"] and bool(shown["answer"]),
        "same submission, same receipt": tried.get("same_receipt_again", False),
    }
    children = expected.get("children", {})
    checks |= {f"left_behind {child}": filed["left_behind"] == said["left_behind"] for child, said in children.items()}
    first = case | {"found": tried.get("found_before", case["found"])}
    checks |= found_as_expected(example, first, filed["policy"])
    checks |= {
        a["check"]: ASSERTED[a["check"]](first["found"], a) for a in expected["assertions"] if a["check"] in ASSERTED
    }
    covered = [a for a in expected["assertions"] if a["check"] in ASSERTIONS]
    checks |= {a["check"]: ASSERTIONS[a["check"]](facts) for a in covered}
    return CaseResult(
        name=name, title=example["title"], triggers=filed["triggers"], urgency=filed["urgency"], police_branch=branch,
        routing=routing, expectations=[Expectation(n, bool(met)) for n, met in checks.items()], timeline=timeline,
        answer=shown["answer"], not_covered=[a["check"] for a in expected["assertions"] if a["check"] not in {*ASSERTIONS, *ASSERTED}],
    )  # fmt: skip


def _routing(filed: dict[str, Any], planned: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pack = load(filed["policy"])
    rows = []
    for step in planned:
        if HELD & set(step["gate"]["events"]) or step["route_id"].startswith("plan:"):
            continue
        route = pack.route(step["route_id"], urgent=True)
        rows.append(
            {"step": step["step"], "agency": step["agency"], "task": route.title_zh, "basis": list(route.basis)}
        )
    return rows


def _sealed(facts: Facts) -> bool:
    return "reporter" not in facts.tried["street_sees"] and "content" in facts.tried["street_sees"]


def _nobody_outside_is_told(facts: Facts) -> bool:
    known = (*(f"{agency}" for agency in Agency), "person", "desk", *Rung, "supervisor")
    told = [address for row in facts.timeline for address in row.get("recipients", ())]
    return "guardian:0" in facts.filed["must_not_notify"] and all(a.partition(":")[0] in known for a in told)


def _not_before_found(facts: Facts) -> bool:
    refused = facts.tried.get("closure-proposal", {})
    return "child_not_found" in refused.get("obstacles", ())


def _before_committee(facts: Facts) -> bool:
    kinds = [row["kind"] for row in facts.timeline]
    reviewed = kinds.index("grade_reviewed") if "grade_reviewed" in kinds else len(kinds)
    return kinds.index("referral_accepted") < reviewed and facts.at_once("POLICE", "CIVIL")


def _transitioned(facts: Facts) -> bool:
    """The judgment, which the police recorded, made of the temporary category the lasting one."""
    found = [one for child in facts.case["found"] for one in child["categories"]]
    return "guardian_sentenced" in facts.case["progress"]["happened"] and "D6" in {
        one["code"] for one in found if one["status"] == "confirmed"
    }


ASSERTIONS: dict[str, Callable[[Facts], bool]] = {
    "must_not_notify": _nobody_outside_is_told,
    "must_seal": _sealed,
    "parallel": lambda f: f.at_once("POLICE", "CIVIL"),
    "committee_review_must_not_block_emergency": _before_committee,
    "sibling_case_created": lambda f: len(f.case["progress"]["children"]) == len(f.filed["children"]) == 2
    and all(child["safety"] == "safe" for child in f.case["progress"]["children"]),
    "timer_started": lambda f: any(r["kind"] == "duty_opened" and r["code"] == "parents_return_or_delegate" for r in f.timeline),
    "child_never_alone_while_timer_runs": lambda f: any(
        r["kind"] == "duty_opened" and r["code"] == "interim_adult_present" and r["at"] == f.filed["at"] for r in f.timeline
    ),
    "if_timer_expires": lambda f: any(s["route_id"] == "a-expired" and s["agency"] == "CIVIL" for s in f.case["planned"]),
    "no_waiting_period": lambda f: f.at_once("POLICE"),
    "case_open_until_found_or_police_closure": _not_before_found,
    "must_merge_into": lambda f: f.tried.get("linked_to_primary", False) and bool(f.case["progress"]["linked_to"]),
    "second_report_gets_own_receipt_and_feedback": lambda f: f.receipt not in f.other_receipts and f.shown["answered"],
    "no_second_search_started": lambda f: {r["agency"] for r in f.opened()} <= {"HOTLINE", "POLICE"},
    "hukou_outside_district_does_not_block_emergency_care": lambda f: f.at_once("CIVIL"),
    "identity_unknown_supported": lambda f: all(c["id_no"] is None and c["birth_date"] is None for c in f.case["content"]["children"]),
    "merge_is_reversible": lambda f: f.tried.get("link_undone", False) and bool(f.case["progress"]["linked_to"]),
    "negative_inquiry_also_recorded": lambda f: f.tried.get("asked_in_vain", False),
    "event_transition": _transitioned,
    "recompute_when_standard_changes": lambda f: f.tried.get("raised", False),
    "hear_applicant_before_reduce_or_stop": lambda f: f.tried.get("heard_first", False),
    "decision_shows_clause": lambda f: all(r["basis"] for r in f.opened()),
}  # fmt: skip


@dataclass(frozen=True)
class Results:
    """All cases, and how long they took."""

    cases: list[CaseResult]
    seconds: float
    behaviours: dict[str, str]

    @property
    def all_met(self) -> bool:
        """Every expectation of every case, and a silent desk that reached the top of the ladder."""
        return all(e.met for case in self.cases for e in case.expectations) and self.reached_top

    @property
    def reached_top(self) -> bool:
        """Whether some desk was escalated on every rung up to the procuratorate."""
        return any(_full_ladders(case) for case in self.cases)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "all_met": self.all_met,
            "seconds": round(self.seconds, 1),
            "silent_desk_reached_procuratorate": self.reached_top,
            "cases": {
                case.name: {
                    "title": case.title, "triggers": case.triggers, "urgency": case.urgency,
                    "police_branch": case.police_branch, "routing": case.routing, "answer": case.answer,
                    "expectations": {e.name: e.met for e in case.expectations}, "not_covered_yet": case.not_covered,
                    "timeline": case.timeline,
                }
                for case in self.cases
            },
        }  # fmt: skip

    def show(self, console: Console) -> None:
        """For people."""
        for case in self.cases:
            _show_case(case, console)
        met = sum(e.met for case in self.cases for e in case.expectations)
        count = sum(len(case.expectations) for case in self.cases)
        console.print(f"\n[bold]{met} of {count} expectations met[/bold] in {self.seconds:.0f} s; ", end="")
        console.print(
            "the silent desk climbed to the procuratorate."
            if self.reached_top
            else "[red]no desk reached the top of the ladder[/red]"
        )


def _full_ladders(case: CaseResult) -> list[str]:
    climbed: dict[str, list[str]] = {}
    for row in case.timeline:
        if row["kind"] == "rung_fired":
            climbed.setdefault(row["subject"], []).append(row["rung"])
    return [subject for subject, rungs in climbed.items() if rungs == [rung.value for rung in Rung]]


def _show_case(case: CaseResult, console: Console) -> None:
    head = f"{case.name}  {case.title}"
    console.rule(f"[bold]{head}")
    console.print(f"urgency {case.urgency} · police branch {case.police_branch or '-'} · {', '.join(case.triggers)}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("after", no_wrap=True, justify="right")
    table.add_column("who", no_wrap=True, min_width=WHO)
    table.add_column("what", overflow="fold", ratio=3)
    table.add_column("rule", overflow="fold", ratio=1, min_width=RULE)
    table.expand = True
    began = datetime.fromisoformat(case.timeline[0]["at"])
    for row in case.timeline:
        if row["kind"] in QUIET:
            continue
        after = (datetime.fromisoformat(row["at"]) - began).total_seconds()
        table.add_row(f"{after:.1f} s", row["by"], told(row, case.timeline[0]["policy"]), _rule(row))
    console.print(table)
    console.print(f"[green]The reporter was answered:[/green] {case.answer}")
    for expectation in case.expectations:
        if not expectation.met:
            console.print(f"[red]not met:[/red] {expectation.name}")


def _rule(row: dict[str, Any]) -> str:
    """The rows and the clauses of the notice that they stand in."""
    basis = [source for source in row.get("basis") or () if source != DEFAULT]
    clauses = dict.fromkeys(cite(source).clause for source in basis if source.startswith("R"))
    return f"{' '.join(basis)} [dim]{' '.join(clauses)}[/dim]" if basis else ""


def _which(duty: str, policy: str) -> str:
    """A post-assessment by its name in the rules and its time there, not by the seconds of the demonstration."""
    spec = load(policy.removesuffix(DEMO)).obligation(duty, urgent=False)
    return f"{spec.title_zh} {spec.title_en} ({spec.time.budget})"


def told(row: dict[str, Any], policy: str) -> str:
    """What happened, in a line."""
    title = f"{row['title_zh']} {row['title_en']}"
    match row["kind"]:
        case "referral_opened":
            instead = f", instead of {row['instead_of']}" if row.get("instead_of") else ""
            return f"{title}: {Agency(row['agency']).zh} {row['desk']} · {row['task']}{instead}"
        case "rung_fired":
            rung = Rung(row["rung"])
            to = ", ".join(row["recipients"])
            return f"[yellow]{title}: {row['subject']} ({row['clock']} deadline) · {rung.zh} {rung.en} → {to}[/yellow]"
        case "post_assessment_filed":
            return f"{title}: {_which(row['code'], policy)}"
        case "stage_entered":
            return f"[bold]{title}: {row['stage']}[/bold]"
        case _:
            about = row.get("referral_id") or row.get("code") or row.get("reason") or ""
            reason = f" ({row['reason']})" if row.get("reason") and row.get("referral_id") else ""
            return f"{title} {about}{reason}"
