"""The scorecard worked out from nothing but the rows of the ledger: one walk over all events, with no query, no projection and no fold."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from statistics import median

import pytest

AGAIN, BEIJING = timedelta(days=90), timezone(timedelta(hours=8))
SOON_ENOUGH = timedelta(days=7)
NOT_MET = ("referral_withdrawn", "referral_reassigned")
MET = ("referral_declined", "referral_passed_on", "referral_completed", "referral_failed", "assessment_filed")
STOPPED = {
    "clock_paused": True,
    "referral_returned": True,
    "clock_resumed": False,
    "material_supplied": False,
    "referral_accepted": False,
}
DISTRICT = "110106"
COUNTS = ("reports", "reported_again", "answered", "visits", "visits_missed", "visits_overdue", "asked", "returned")


def of_its_day(at):
    """The midnight before: answers are counted by days."""
    return at.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)


def when(said):
    return datetime.fromisoformat(said)


class Deadlines:
    """Those of one case: each line is when it began to stand, when it stopped to, and whether it was met by then."""

    def __init__(self):
        self.lines, self.standing, self.silent, self.stops = [], {}, set(), []
        self.over = None

    def open(self, subject, clock, at, due, agency):
        line = {
            "subject": subject,
            "clock": clock,
            "agency": agency,
            "since": at,
            "due": when(due),
            "ended": None,
            "met": False,
        }
        self.standing[subject, clock] = line
        self.lines.append(line)

    def close(self, at, met, *, subject=None, clocks=("accept", "finish", "duty")):
        for key in [key for key in self.standing if subject in (None, key[0]) and key[1] in clocks]:
            line = self.standing.pop(key)
            line |= {"ended": at, "met": met and line["subject"] not in self.silent}

    def move(self, subject, clock, at, due):
        old = self.standing.get((subject, clock))
        if old and old["due"] != when(due):
            old["ended"] = at
            self.open(subject, clock, at, due, old["agency"])

    def take(self, row):
        said, at = row.body, row.at
        if self.over not in (None, at):
            self.end()
        subject = said.get("referral_id") or said.get("code")
        if row.kind in STOPPED:
            self.stops.append((at, subject, STOPPED[row.kind]))
        match row.kind:
            case "referral_opened":
                self.open(subject, "accept", at, said["accept"]["due_at"], said["agency"])
            case "referral_accepted":
                agency = next(line["agency"] for line in self.lines if line["subject"] == subject)
                self.silent.discard(subject)
                self.close(at, met=True, subject=subject, clocks=("accept",))
                self.open(subject, "finish", at, said["finish"]["due_at"], agency)
            case "referral_left_silent":
                self.silent.add(subject)
            case "duty_opened":
                self.open(subject, "duty", at, said["clock"]["due_at"], said["holder"])
            case "deadlines_recomputed":
                for moved in said["clocks"]:
                    self.move(moved["subject"], moved["clock"], at, moved["moved"]["due_at"])
            case "duty_met" | "duty_dropped":
                self.close(at, met=row.kind == "duty_met", subject=subject, clocks=("duty",))
            case "case_closed":
                self.over = at
            case kind if kind in (*MET, *NOT_MET):
                self.close(at, met=kind in MET, subject=subject, clocks=("accept", "finish"))
            case _:
                for clock in ("accept", "finish"):
                    if isinstance(said.get(clock), dict):
                        self.move(subject, clock, at, said[clock]["due_at"])

    def end(self):
        """What the last step of the case left standing is over with it."""
        if self.over:
            self.close(self.over, met=False)
            self.over = None

    def due(self, since, until):
        """(agency, clock, whether in time) of each that fell due in the period and stood then, or was met."""
        self.end()
        for line in self.lines:
            if not since <= line["due"] <= until or line["since"] > until or line["ended"] == line["since"]:
                continue
            in_time = line["met"] and line["ended"] <= line["due"]
            stood = line["ended"] is None or line["ended"] > line["due"] or line["met"]
            stops = [stopped for at, subject, stopped in self.stops if subject == line["subject"] and at <= line["due"]]
            if stood and (in_time or not (stops and stops[-1])):
                yield line["agency"], line["clock"], in_time


class Raw:
    """What the walk remembers, up to `until`; afterwards `cards` has what each street did since `since`."""

    def __init__(self, rows, since, until, hidden_from):
        self.since, self.until = since, until
        self.cards = defaultdict(
            lambda: {
                "rungs": Counter(),
                "hours": [],
                "n": Counter(),
                "kept": defaultdict(Counter),
                "silent": defaultdict(Counter),
                "screened": defaultdict(Counter),
                "led": defaultdict(lambda: {"n": Counter(), "hours": []}),
            }
        )
        self.lead, self.holder, self.led_first = {}, {}, {}
        self.owed, self.late = {}, {}
        self.due, self.resting = {}, set()
        self.division, self.filed, self.safe, self.answered = {}, {}, {}, set()
        self.children, self.closed, self.primary = {}, defaultdict(list), {}
        self.rounds, self.back, self.deadlines = {}, {}, defaultdict(Deadlines)
        hidden = {
            row.stream_id for row in rows
            if row.stream_id.startswith("case-") and hidden_from & {*row.body.get("about", ())}
        }  # fmt: skip
        kept = {}
        for row in rows:
            if row.kind == "file_belongs":
                kept[row.body["child_id"]] = row.body.get("primary") or row.body["child_id"]
        theirs = {
            kept.get(child, child)
            for row in rows
            if row.kind == "report_filed" and row.stream_id in hidden
            for child in [*row.body["children"], *filter(None, [(row.body.get("watch") or "")[6:]])]
        }
        hidden |= {f"watch-{child}" for child in theirs | {one for one, primary in kept.items() if primary in theirs}}
        for row in rows:
            if row.stream_id.startswith("round-"):
                self._round(row)
            elif row.kind == "file_belongs" and row.at <= until:
                self.primary[row.body["child_id"]] = row.body.get("primary")
            elif row.stream_id not in hidden and row.stream_id.startswith(("case-", "watch-")):
                if row.stream_id.startswith("case-"):
                    self.deadlines[row.stream_id].take(row)
                if row.kind in ("report_filed", "watch_began", "watch_taken"):
                    self.division[row.stream_id] = row.body["division"]
                if row.at <= until:
                    self._fact(row)
        self._sum_up()

    def _fact(self, row):
        stream, inside = row.stream_id, row.at >= self.since
        card = self.cards[self.division[stream]] if inside else None
        if row.kind in ("watch_began", "watch_parted", "visit_carried"):
            self._owes(stream, row.body)
        self._watched(row)
        if row.kind in ("report_filed", "plan_adopted"):
            self.lead[stream] = row.body["lead"]
        match row.kind:
            case "report_filed":
                self.children[stream] = [*row.body["children"], *filter(None, [(row.body.get("watch") or "")[6:]])]
                if inside:
                    self.led_first[stream] = row.body["lead"]
                    self.filed[stream] = row.at
            case "case_closed":
                self.closed[stream].append(row.at)
            case "report_unlinked":
                self.closed.pop(stream, None)
            case "safety_confirmed":
                self.safe.setdefault(stream, row.at)
            case "reporter_answered" | "answer_waived":
                self.answered.add(stream)
            case "rung_fired" if inside:
                card["rungs"][row.body["rung"]] += 1
                silent = (
                    self.lead[stream] if row.body["clock"] == "supply" else self.holder[stream, row.body["subject"]]
                )
                card["silent"][silent][row.body["rung"]] += 1
            case "referral_opened":
                self.holder[stream, row.body["referral_id"]] = row.body["agency"]
            case "duty_opened":
                self.holder[stream, row.body["code"]] = row.body["holder"]
            case "visit_recorded":
                self._visited(stream, row.body, row.at)
                self.cards[self.division[stream]]["n"]["visits"] += int(inside and not row.body.get("before_watch"))
            case "visit_rung_fired" if row.body["rung"] == "desk_head":
                self.late[stream] = card, row.at, self.owed[stream]
                self.cards[self.division[stream]]["n"]["visits_missed"] += int(inside)

    def _watched(self, row):
        """Whether a watch goes on, and when its next visit is due, whichever event says so."""
        if row.kind in ("watch_ended", "watch_suspended", "watch_undone"):
            self.resting.add(row.stream_id)
        elif row.kind in ("watch_began", "watch_resumed", "watch_parted"):
            self.resting.discard(row.stream_id)
        clock = row.body.get("visit") or row.body.get("anew", {}).get("visit")
        if row.stream_id.startswith("watch-") and clock:
            self.due[row.stream_id] = when(clock["due_at"])

    def _visited(self, stream, said, at):
        """What was made by its day and sent within the days after takes back what counted as missed, whoever came or sent meanwhile."""
        on = when(said["visited_on"] + "T23:59:59").replace(tzinfo=BEIJING)
        card, told, (began, due) = self.late.get(stream, (None, at, (on, on)))
        if began < on <= due:
            del self.late[stream]
            if card is not None and at <= told + SOON_ENOUGH:
                card["n"]["visits_missed"] -= 1
        if on > self.owed[stream][0]:
            self._owes(stream, said)

    def _owes(self, stream, said):
        self.owed[stream] = when(said["visit"]["started_at"]), when(said["visit"]["due_at"])

    def _round(self, row):
        match row.kind:
            case "round_opened":
                self.rounds[row.stream_id] = [row.body["units"], when(row.body["clock"]["due_at"])]
            case "round_recomputed" if row.at <= self.until:
                self.rounds[row.stream_id][1] = when(row.body["clock"]["due_at"])
            case "unit_returned":
                self.back.setdefault((row.stream_id, row.body["unit"]), row.at)

    def _sum_up(self):
        for stream, at in self.filed.items():
            mine = self.cards[self.division[stream]]
            mine["n"] += Counter(reports=1, answered=int(stream in self.answered))
            mine["n"]["reported_again"] += any(self._again(child, at) for child in self.children[stream])
            led = mine["led"][self.led_first[stream]]
            led["n"] += Counter(reports=1, answered=int(stream in self.answered), found_safe=int(stream in self.safe))
            if stream in self.safe:
                hours = (self.safe[stream] - at).total_seconds() / 3600
                mine["hours"].append(hours)
                led["hours"].append(hours)
        for round_id, (units, due) in self.rounds.items():
            for asked in units if self.since <= due <= self.until else ():
                (agency, _, street), back = asked["desk"].partition("-"), self.back.get((round_id, asked["unit"]))
                screened = Counter(asked=1, returned=int(back is not None and of_its_day(back) < self.until))
                card = self.cards[street or DISTRICT]  # a school stands behind a desk of the district
                card["n"] += screened
                card["screened"][agency] += screened
        for stream in {stream for stream, due in self.due.items() if due <= self.until} - self.resting:
            self.cards[self.division[stream]]["n"]["visits_overdue"] += 1
        for stream, deadlines in self.deadlines.items():
            for agency, clock, in_time in deadlines.due(self.since, self.until):
                of = "accept" if clock == "accept" else "finish"
                self.cards[self.division[stream]]["kept"][agency] += Counter(
                    {f"{of}_due": 1, f"{of}_on_time": int(in_time)}
                )

    def _again(self, child, filed):
        """Whether a case of this child had been closed, in whichever of the files that belong together now."""
        whole = self._whole(child)
        return any(
            timedelta() <= filed - at <= AGAIN
            for case, instants in self.closed.items() if whole in map(self._whole, self.children[case])
            for at in instants
        )  # fmt: skip

    def _whole(self, child):
        return self.primary.get(child) or child


def by_agency(card):
    """What the answer has to say of each agency in a street."""
    names = ("accept_due", "accept_on_time", "finish_due", "finish_on_time")
    found = {}
    for agency in card["kept"].keys() | card["silent"].keys() | card["screened"].keys() | card["led"].keys():
        led = card["led"].get(agency, {"n": Counter(), "hours": []})
        found[agency] = {name: card["kept"][agency][name] for name in names}
        found[agency] |= {name: card["screened"][agency][name] for name in ("asked", "returned")}
        found[agency] |= {name: led["n"][name] for name in ("reports", "answered", "found_safe")}
        found[agency] |= {"rungs": dict(card["silent"][agency]), "hours_to_safety": middle(led["hours"])}
    return found


def middle(hours):
    return pytest.approx(median(hours), abs=1e-6) if hours else None
