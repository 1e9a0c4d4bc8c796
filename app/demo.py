"""The demonstration: reporters, desks, silent agencies and supervisors play the worked cases on a running system."""

import asyncio
import signal
import subprocess
import sys
import time
from typing import Any

import httpx2
from rich.console import Console

from app.db.session import engine_of
from app.demo_people import People, Refusal
from app.demo_results import CaseResult, Results, judge
from app.demo_scenes import ask_in_vain, raise_and_cut, undo_a_link
from app.embedded import EmbeddedError, die_with_parent
from app.endpoints import enter, new_secret, parse
from app.policy.examples import examples, submission_of
from app.stack import ROOT, Stack

BEHAVIOURS = {"HEALTH": ("accept", 1.0), "DPF": ("slow", 3.0), "HR": ("decline", 0.5), "EDU": ("silent", 0.0)}
REPORTERS = {
    "CN-01": "hospital.reporter.1", "CN-02": "village.reporter.1", "CN-03": "school.reporter.1",
    "CN-04": "hotline.reporter.1", "CN-05": "police.reporter.1", "CN-07": "committee.reporter.1", "CN-08": "police.reporter.1",
}  # fmt: skip
SAFE = ("safe", "placed")
PATIENCE = 100.0
PACE = 0.35


async def play(stack: Stack, screen: Console) -> Results:
    """All seven cases at once; raises EmbeddedError when they do not end in time."""
    simulators = await _simulators(stack)
    began = time.monotonic()
    try:
        async with httpx2.AsyncClient(base_url=stack.url, timeout=20, trust_env=False) as http:
            people = People(http, stack.tokens)
            plays = {case: Play(case, people) for case in examples()}
            with screen.status("") as status:
                ticker = asyncio.create_task(_tick(plays, status, began))
                try:
                    async with asyncio.timeout(PATIENCE):
                        await plays["CN-03"].report()
                        await asyncio.gather(*(p.run(plays) for p in plays.values()))
                except TimeoutError:
                    stuck = ", ".join(f"{p.name} ({p.doing})" for p in plays.values() if not p.closed)
                    raise EmbeddedError(f"These cases did not end in time: {stuck}") from None
                finally:
                    ticker.cancel()
            results = [await _result(play, people, plays) for play in plays.values()]
    finally:
        for process in simulators:
            process.terminate()
    return Results(results, time.monotonic() - began, {a: b for a, (b, _) in BEHAVIOURS.items()})


async def _tick(plays: dict[str, "Play"], status: Any, began: float) -> None:
    while True:
        done = " ".join(f"[{'green' if p.closed else 'yellow'}]{p.name}[/] {p.doing}" for p in plays.values())
        status.update(f"{time.monotonic() - began:3.0f} s  {done}")
        await asyncio.sleep(0.2)


async def _simulators(stack: Stack) -> list[subprocess.Popen[str]]:
    """Agencies with systems of their own, each a process; their addresses are entered as an administrator would."""
    processes, endpoints = [], []
    for agency, (behaviour, delay) in BEHAVIOURS.items():
        secret = new_secret()
        command = [
            sys.executable, "-m", "deploy.simulator", "--agency", agency, "--port", "0", "--behaviour", behaviour,
            "--secret", secret, "--callback", stack.url, "--delay", str(delay), "--log", str(stack.data / f"{agency}.jsonl"),
        ]  # fmt: skip
        command += ["--reason", "no_capacity"] if behaviour == "decline" else []
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )  # fmt: skip
        line = await asyncio.to_thread(process.stdout.readline) if process.stdout else ""
        port = line.strip().rpartition("port=")[2]
        if not port.isdigit():
            raise EmbeddedError(f"the simulator of {agency} did not start")
        processes.append(process)
        endpoints.append(parse(f"{agency}=http://127.0.0.1:{port}/referrals", secret, lookup=True))
    engine = engine_of(stack.postgres.url if stack.postgres else "", vault=stack.vault)
    async with engine.begin() as conn:
        for endpoint in endpoints:
            await enter(conn, endpoint)
    await engine.dispose()
    return processes


class Play:
    """One case, played by its people until it is closed."""

    def __init__(self, name: str, people: People) -> None:
        self.name, self.people = name, people
        self.case_id = self.receipt = ""
        self.doing, self.closed = "waiting", False
        self.tried: dict[str, Any] = {}
        self.usual: dict[str, dict[str, Any]] = {}
        """How each step of a procedure that is owed usually ends."""

    async def report(self) -> None:
        """The reporter submits once; a second click gives the same receipt."""
        if self.case_id:
            return
        form, reporter = submission_of(self.name), REPORTERS[self.name]
        key = f"demo-{self.name}"
        first = await self.people.post(reporter, "/v1/reports", form, key=key)
        again = await self.people.post(reporter, "/v1/reports", form, key=key)
        self.tried["same_receipt_again"] = first == again
        self.case_id, self.receipt, self.doing = first["case_id"], first["receipt"], "report"

    async def run(self, plays: dict[str, "Play"]) -> None:
        """Look, let everybody do what is theirs, look again."""
        await self.report()
        await self.scenes(plays)
        while not self.closed:
            case = await self.people.get("civil.supervisor.1", f"/v1/cases/{self.case_id}")
            now = case["progress"]
            self.doing, self.closed = now["stage"], now["stage"] == "closed"
            if not self.closed and not now["linked_to"]:
                steps = await self.people.get("civil.supervisor.1", f"/v1/cases/{self.case_id}/procedures")
                self.usual = {step["subject"]: step["usual"] for step in steps["open"]}
                await self._everybody_acts(now)
            await asyncio.sleep(PACE)

    async def scenes(self, plays: dict[str, "Play"]) -> None:
        """What is shown of this case beside its main course, once a system."""
        if self.name == "CN-04":
            await self._link(plays["CN-03"])
            again = (REPORTERS[self.name], submission_of(self.name), plays["CN-03"].case_id)
            self.tried["link_undone"] = await undo_a_link(self.people, *again)
        elif self.name == "CN-05":
            self.tried["asked_in_vain"] = await ask_in_vain(self.people)
        elif self.name == "CN-07":
            self.tried |= await raise_and_cut(self.people, self.case_id, examples()[self.name])

    async def _link(self, primary: "Play") -> None:
        while not (found := await self.people.get("police.officer.1", f"/v1/cases/{self.case_id}/suggestions")):
            await asyncio.sleep(PACE)
        self.tried["suggestion"] = found[0]
        await self.people.post("police.officer.1", f"/v1/cases/{self.case_id}/link", {"primary": found[0]["other_id"]})
        self.tried["linked_to_primary"] = found[0]["other_id"] == primary.case_id

    async def _act(self, person: str, what: str, body: dict[str, Any] | None = None) -> None:
        try:
            await self.people.post(person, f"/v1/cases/{self.case_id}/{what}", body)
        except Refusal as refusal:
            self.tried[what] = refusal.args[1]

    async def _everybody_acts(self, now: dict[str, Any]) -> None:
        for referral in now["referrals"]:
            await self._desk_works(referral)
        for duty in now["duties"]:
            if duty["is_open"] and duty["code"] in ("interim_adult_present", "parents_return_or_delegate"):
                await self._act(f"{duty['desk'].lower()}.officer.1", f"duties/{duty['code']}/meet")
            elif duty["is_open"] and duty["code"].startswith("supervision_reply"):
                note = {"note": "书面回复检察机关：已整改（演示）"}
                await self._act(f"{duty['desk'].lower()}.officer.1", f"duties/{duty['code']}/reply", note)
            elif duty["is_open"] and (usual := self.usual.get(duty["code"])):
                await self._act(f"{duty['desk'].lower()}.officer.1", f"duties/{duty['code']}/outcome", usual)
        await self._police_look(now)
        await self._lead_decides(now)

    async def _desk_works(self, referral: dict[str, Any]) -> None:
        if referral["agency"] in BEHAVIOURS or referral["state"] not in ("sent", "accepted"):
            return
        officer, leg = f"{referral['desk'].lower()}.officer.1", f"referrals/{referral['id']}"
        if referral["state"] == "sent":
            await self._act(officer, f"{leg}/accept")
        elif referral["assessment"]:
            await self._act(
                officer, f"{leg}/assess", {"grade": "medium", "override": "mitigated", "note": "入户探访后评定（演示）"}
            )
        else:
            await self._act(officer, f"{leg}/complete", self.usual.get(referral["id"]) or {"note": "已办理（演示）"})

    async def _police_look(self, now: dict[str, Any]) -> None:
        if self.name == "CN-05" and now["stage"] == "assess" and "guardian_sentenced" not in now["happened"]:
            case = await self.people.get("civil.supervisor.1", f"/v1/cases/{self.case_id}")
            self.tried["found_before"] = case["found"]
            await self._act("police.officer.1", "sentence")
        if now["urgency"] == "normal" or all(child["safety"] in SAFE for child in now["children"]):
            return
        if self.name == "CN-03" and "closure-proposal" not in self.tried:
            await self._act("civil.officer.1", "closure-proposal", {"reason": "needs_met"})
            return
        for child in now["children"]:
            await self._act("police.officer.1", "safety", {"child_id": child["id"], "safety": "safe"})

    async def _lead_decides(self, now: dict[str, Any]) -> None:
        owed = {duty["code"] for duty in now["duties"] if duty["is_open"]}
        if "committee_review" in owed:
            await self._act(
                "committee.officer.1",
                "grade-review",
                {"grade": "medium", "override": "mitigated", "present": 5, "recused": 1},
            )
        if now["stage"] == "assess" and not now["plan_adopted"] and not now["referrals_open"]:
            items = [{"agency": "WF", "service": "psychological_help"}]
            await self._act("civil.officer.1", "plan", {"items": items})
        if now["stage"] == "review":
            await self._close(now)

    async def _close(self, now: dict[str, Any]) -> None:
        if not now["post_assessed"]:
            await self._act("sw.officer.1", "post-assessment", {"grade": "low", "note": "后期评估（演示）"})
        elif not now["answered"]:
            await self._act("civil.officer.1", "answer", {"note": "儿童已安全，后续帮扶已落实。感谢您的报告。"})
        elif all(r["state"] != "silent" or "procuratorate" in r["accept"]["fired"] for r in now["referrals"]):
            await self._act("civil.officer.1", "closure-proposal", {"reason": "family_reunification"})
            await self._act("civil.head.1", "closure-approval")


async def _result(play: Play, people: People, plays: dict[str, Play]) -> CaseResult:
    timeline = await people.get("civil.supervisor.1", f"/v1/cases/{play.case_id}/timeline")
    why = {"need": "inspection", "note": "核对演示结果"}
    await people.post("civil.supervisor.1", f"/v1/cases/{play.case_id}/full-view", why)  # names are masked until then
    case = await people.get("civil.supervisor.1", f"/v1/cases/{play.case_id}")
    shown = await people.post(None, "/v1/progress", {"receipt": play.receipt})
    if play.name == "CN-01":
        play.tried["street_sees"] = await people.get("sw.officer.1", f"/v1/cases/{play.case_id}")
    others = [other.receipt for other in plays.values() if other is not play]
    return judge(
        play.name, examples()[play.name], timeline, case, shown, play.tried, other_receipts=others, receipt=play.receipt
    )
