"""A form on a page and the command behind it: what was typed is kept, a refusal stands beside its field, a conflict shows what changed."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from fastapi import Request
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import FormData

from app.api.problems import WRONG, Problem, status_of
from app.api.work import Done, perform
from app.db.ledger import KeyReused, StaleVersion
from app.db.service import Service
from app.domain import commands as c
from app.domain.access import Action, Actor
from app.domain.refusals import RefusalCode, Refused
from app.domain.titles import TITLES
from app.web.said import in_the_way
from app.web.words import BETWEEN, Pair

OVERALL = ""
"""The place of what is wrong with no single field."""
KEY, VERSION = "idempotency_key", "version"
PLAIN: Mapping[str, Pair] = {
    "missing": ("请填写或选择", "Please fill this in."),
    "enum": ("请重新选择", "Please choose again."),
    "literal_error": ("请重新选择", "Please choose again."),
    "decimal_parsing": ("请填写金额，例如 1200 或 1200.50", "Please enter an amount, such as 1200 or 1200.50."),
}
"""What programs are told in their own terms."""
CHANGED = ("在您填写期间，案件已有更新。您填写的内容仍在，请核对后再次提交。",
           "The case has changed while you were writing. What you typed is still here; please check it and send it again.")  # fmt: skip
"""Of a change that cannot be told."""
Beside = Mapping[RefusalCode, str]


def in_words(fault: Mapping[str, Any]) -> Pair:
    """A fault that the API finds in a body, for people."""
    said = str(fault["msg"]).removeprefix("Value error, ")
    zh, between, en = said.partition(BETWEEN)
    if between:
        return zh, en
    known = next((zh for kinds, zh in WRONG.items() if fault["type"] in kinds), "填写有误")
    return PLAIN.get(fault["type"], (known, said))


class Unfit(Exception):
    """What was typed cannot be kept, as the form says beside it; whatever was written with it is undone."""


class Form:
    """What was typed, what is wrong with it, and the state it was typed on. Templates read it through the macros."""

    def __init__(self, typed: Mapping[str, list[str]] | None = None, *, version: int | None = None) -> None:
        self.typed = dict(typed or {})
        self.errors: dict[str, Pair] = {}
        self.since: list[Mapping[str, Any]] = []
        self.is_stale = False
        """It was sent on an older version than stands."""
        self.saved_at: datetime | None = None
        """When what it holds was typed, where that was before this page."""
        self.key = self.one(KEY) or uuid.uuid4().hex
        self.version = version if version is not None else self._number(VERSION)
        self.status = 200

    @classmethod
    async def of(cls, request: Request) -> Self:
        """As it was sent; raises HTTPException where the body is no form."""
        said: FormData = await request.form()
        return cls({name: [str(value) for value in said.getlist(name)] for name in said})

    def one(self, name: str) -> str:
        """The trimmed value of a field; empty where there is none."""
        values = self.typed.get(name) or [""]
        return values[-1].strip()

    def many(self, name: str) -> list[str]:
        """All values of a field, such as ticked boxes."""
        return [value for value in self.typed.get(name, []) if value]

    def wrong(self, name: str, zh: str, en: str) -> None:
        """Say beside a field what is wrong with it; the first word on a field stays."""
        self.errors.setdefault(name, (zh, en))
        self.status = max(self.status, 422)

    def moved(self, of: str, name: str) -> Self:
        """What is wrong with a part of a body is said beside the field that holds it on this page."""
        if of in self.errors:
            self.errors.setdefault(name, self.errors.pop(of))
        return self

    def take(self, other: "Form", name: str) -> None:
        """What was wrong with one of several, said here once; what changed in it is listed with the rest."""
        for words in other.errors.values():
            self.wrong(name, *words)
        self.since += other.since
        self.version = other.version if other.is_stale else self.version
        self.status = self.status if other.status == 200 else other.status

    def built(self, build: Callable[..., c.Command], **fields: Any) -> c.Command | None:
        """The command of these fields, empty ones left out; None with errors beside the fields where it cannot be one."""
        try:
            return build(**{name: value for name, value in fields.items() if value not in ("", None, [])})
        except ValidationError as error:
            self.invalid(error)
            return None

    def valid(self, model: type[BaseModel], fields: Mapping[str, Any]) -> Any:
        """The same for a body of a route that is no command."""
        try:
            return model.model_validate({name: value for name, value in fields.items() if value not in ("", None, [])})
        except ValidationError as error:
            self.invalid(error)
            return None

    def invalid(self, error: ValidationError) -> None:
        """Each mistake in the words of the API, beside its field."""
        for entry in error.errors():
            self.wrong(str(entry["loc"][0]) if entry["loc"] else OVERALL, *in_words(entry))

    def _number(self, name: str) -> int | None:
        said = self.one(name)
        return int(said) if said.isdecimal() and len(said) < 10 else None

    async def attempt(self, conn: AsyncConnection, act: Callable[[], Any], beside: Beside | None = None) -> Any:
        """What `act` answers, or None with the refusal in this form; what it wrote and saw is then undone, the sight of the person too."""
        if self.errors:
            return None
        try:
            async with conn.begin_nested():
                return await act()
        except Unfit:
            pass
        except Refused as refused:
            self._refused(refused, beside or {})
        except StaleVersion as stale:
            self._stale(stale)
        except KeyReused:
            self.key = uuid.uuid4().hex
            self.wrong(OVERALL, "内容已改动，请再次提交", "What you typed has changed since; please send it again.")
        except Problem as problem:
            zh, _, en = problem.title.partition(BETWEEN)
            self.wrong(OVERALL, zh, en)
            self.status = problem.status
        return None

    async def perform(
        self, conn: AsyncConnection, shouhu: Service, who: Actor, case_id: str, command: c.Command | None, action: Action, *,
        referral_id: str | None = None, duty: str | None = None, beside: Beside | None = None,
    ) -> Done | None:  # fmt: skip
        """Record the command as the API does, on the version that was read, once however often it is sent."""
        if command is None:
            return None
        seen = str(self.version) if self.version is not None else None
        return await self.attempt(
            conn,
            lambda: perform(
                conn, shouhu, who, case_id, command, action, key=self.key, if_match=seen, referral_id=referral_id, duty=duty
            ),
            beside,
        )  # fmt: skip

    def _refused(self, refused: Refused, beside: Beside) -> None:
        zh, en = in_the_way(refused.facts)
        self.wrong(beside.get(refused.code, OVERALL), refused.code.zh + zh, refused.code.en + en)
        self.status = status_of(refused.code)

    def show(self, since: Iterable[Mapping[str, Any]]) -> None:
        """What happened while this was typed, by its titles."""
        self.since = [{**row, "title": TITLES.get(row["kind"], (row["kind"], row["kind"]))} for row in since]

    def _stale(self, stale: StaleVersion) -> None:
        """What was typed stays; sent again it is decided on what is shown now."""
        self.show(stale.since)
        self.is_stale = True
        if not stale.since:
            self.wrong(OVERALL, *CHANGED)
        self.version, self.key, self.status = stale.current, uuid.uuid4().hex, 409
