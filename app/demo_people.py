"""People of the demonstration and of the tests: everybody with a token, acting through the API alone."""

from dataclasses import dataclass
from typing import Any

import httpx2


class Refusal(Exception):
    """A person was refused; on the way through a case that somebody else moves too, the next look decides again."""


@dataclass
class People:
    """Everybody with a token, acting through the API alone."""

    http: httpx2.AsyncClient
    tokens: dict[str, str]

    async def get(self, person: str | None, path: str) -> Any:
        """Read as that person, or as the public."""
        answer = await self.http.get(path, headers=self._signed(person))
        answer.raise_for_status()
        return answer.json()

    async def post(
        self, person: str | None, path: str, body: dict[str, Any] | None = None, *, key: str | None = None
    ) -> Any:
        """Act as that person; raises Refusal."""
        headers = self._signed(person) | ({"Idempotency-Key": key} if key else {})
        answer = await self.http.post(path, json=body or {}, headers=headers)
        if answer.status_code >= 500:
            answer.raise_for_status()
        if answer.is_error:
            raise Refusal(answer.json()["code"], answer.json())
        return answer.json()

    def _signed(self, person: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[person]}"} if person else {}
