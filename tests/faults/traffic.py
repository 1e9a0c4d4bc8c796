"""People who do not give up: each submits and acts with a key, tries again until there is an answer, and keeps what was acknowledged."""

import asyncio
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx2

from app.demo import BEHAVIOURS, Play
from app.demo_people import People, Refusal
from app.policy.examples import submission_of

PATIENCE = 120
REPORTER = "village.reporter.1"
PUPIL = {
    "residence_division": "110106101", "age_years": 10, "lives_alone": "yes", "alone_now": "yes",
    "school_stage": "primary", "attending": "yes",
}  # fmt: skip
"""A child of whom the police, the street, civil affairs, the committee and the school have to hear."""
WAIT = {"request_in_flight", "database_unavailable", "unavailable"}
"""Codes after which the same request with the same key is the right thing to do."""


@dataclass(frozen=True)
class Ack:
    """One answer that said: this is done. `token` is the unique word of a report's narrative."""

    path: str
    key: str
    answer: dict[str, Any]
    token: str = ""

    @property
    def case_id(self) -> str:
        """The case that it is about."""
        return self.answer["case_id"]


@dataclass
class Stubborn(People):
    """Everybody with a token, over a service that fails; `wrong` are answers that no fault excuses."""

    acks: list[Ack] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    keyed: bool = True
    """Guard removed when false: a client that tries again without its key."""

    async def get(self, person: str | None, path: str) -> Any:
        """Read, however often it takes."""
        return (await self._until_answered("GET", person, path, None)).json()

    async def post(self, person: str, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> Any:
        """Act, once, however often it takes to hear of it; raises Refusal."""
        key, begun = key or uuid.uuid4().hex, time.monotonic()
        answer = await self._until_answered("POST", person, path, body or {}, key)
        if answer.is_error:
            raise Refusal(answer.json()["code"], answer.json())
        self.times.append(time.monotonic() - begun)
        told = answer.json()
        self.acks.append(Ack(path, key, told, (body or {}).get("narrative", "")))
        return told

    async def report(self, **form: Any) -> Ack:
        """A report with a unique word in its narrative, about a child who is like no other."""
        said = {"children": [PUPIL], "situations": ["living_alone"], **form}
        await self.post(REPORTER, "/v1/reports", {"narrative": uuid.uuid4().hex, **said})
        return self.acks[-1]

    async def _until_answered(
        self, method: str, person: str | None, path: str, body: Any, key: str = ""
    ) -> httpx2.Response:
        headers = self._signed(person) | ({"Idempotency-Key": key} if key and self.keyed else {})
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    answer = await self.http.request(method, path, json=body, headers=headers)
                except httpx2.TransportError:
                    answer = None
                if answer is not None and not self._try_again(answer, path):
                    return answer
                await asyncio.sleep(random.uniform(0.05, 0.3))

    def _try_again(self, answer: httpx2.Response, path: str) -> bool:
        if not answer.is_error:
            return False
        code = answer.json().get("code")
        if answer.status_code >= 500 and code not in WAIT:
            self.wrong.append(f"{answer.status_code} {code} at {path.partition('case-')[0]}")
        return code in WAIT or answer.status_code >= 500


class Journey(Play):
    """One case of a worked example through all its steps, its child like no other."""

    def __init__(self, name: str, people: Stubborn) -> None:
        super().__init__(name, people)
        self.form = submission_of(name)
        self.form["narrative"] = uuid.uuid4().hex
        for child in self.form["children"]:
            child |= {"name": f"童{uuid.uuid4().hex[:8]}", "birth_date": None, "id_no": None, "school": None}

    async def report(self) -> None:
        """Once."""
        if not self.case_id:
            first = await self.people.post(REPORTER, "/v1/reports", self.form)
            self.case_id, self.receipt, self.doing = first["case_id"], first["receipt"], "report"

    async def _desk_works(self, referral: dict[str, Any]) -> None:
        """What an agency's system took and then forgot is ended by its desk, once everybody on the ladder has been told."""
        given_up = referral["state"] == "accepted" and not referral["finish"]["rungs"]
        if referral["agency"] in BEHAVIOURS and given_up:
            officer = f"{referral['desk'].lower()}.officer.1"
            done = self.usual.get(referral["id"]) or {"note": "由本部门人员办理"}
            await self._act(officer, f"referrals/{referral['id']}/complete", done)
        else:
            await super()._desk_works(referral)

    async def scenes(self, plays: dict[str, Play]) -> None:
        """None: rules are published once a system, not once a case."""

    async def travel(self) -> None:
        """From the report to the closure."""
        await self.run({})


async def crowd(people: Stubborn, clients: int, until: asyncio.Event) -> None:
    """So many clients file reports, one after the other, until the event."""

    async def client() -> None:
        while not until.is_set():
            await people.report()

    await asyncio.gather(*(client() for _ in range(clients)))
