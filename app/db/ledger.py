"""The ledger: `record()` is the one door through which a case or a watch changes, in one transaction."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, Text, bindparam, cast, func, select, text
from sqlalchemy import case as sql_case
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import projections, tables
from app.db.attention import arranged, benefit_stopped, goes_along, gone, joined, means_changed, needs_help, parted
from app.db.audit import row_of
from app.db.changes import Changes
from app.db.files import bring
from app.db.joining import away, behind, given_back, join, moved, placed, registered
from app.db.linked import REACHES_OTHERS, keep_apart, lock_together, require_overseen
from app.db.parting import part
from app.db.people import is_about_reporter
from app.db.rules import Rules
from app.db.streams import CASE, ROUND, Kind, kind_of, progress_of, stream_row
from app.db.suggestions import is_last_suggested
from app.db.vault import DataKey, Destroyed, vault_of
from app.domain import commands as c
from app.domain import events as e
from app.domain.access import ENGINE, Actor
from app.domain.arrangement import CareArranged
from app.domain.benefit_events import BenefitDecided
from app.domain.benefits import Verdict
from app.domain.case import file_report
from app.domain.child_file import ChangePassed, ChangeRejected
from app.domain.child_terms import FileField
from app.domain.disclosure import told_to
from app.domain.handover import WatchTaken
from app.domain.own_part import Part, part_of
from app.domain.policy import Policy
from app.domain.progress import Answer, Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.rounds import CloseRound, OpenRound, decide_round
from app.domain.supervision import require_no_wider
from app.domain.terms import Grade
from app.domain.visit import Outcome, VisitRecorded, WarningVerified
from app.domain.watch import WatchBegan, WatchEnded
from app.domain.working_time import BEIJING

CHANNEL = "ledger"
MOST_SINCE = 500
"""Events that are looked through for what is new to somebody."""
Content = Mapping[Table, Sequence[Mapping[str, Any]]]
LATER = (
    select(tables.events.c.body)
    .where(tables.events.c.stream_id == bindparam("stream_id"), tables.events.c.version > bindparam("seen"))
    .order_by(tables.events.c.version)
)
BEGINNING = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
"""Two who begin a stream at once go one after the other."""
REPORTER, ANSWERED = "reporter", "unit_returned"
REPORTING = ("report_filed", ANSWERED)
"""Instead of the account of whoever filed the report, or answered a round, which may file some."""


class StaleVersion(Exception):
    """The caller decided on an older version; `since` are the kinds, authors and times of what it has not seen."""

    def __init__(self, current: int, since: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("stale_version")
        self.current = current
        self.since = tuple(since)


class KeyReused(Exception):
    """The idempotency key came back with another command."""


@dataclass(frozen=True)
class Recorded:
    """What a command made: the new version and its events; `replayed` when the key had been used before."""

    stream_id: str
    version: int
    events: tuple[Any, ...]
    progress: Any
    replayed: bool = False


@dataclass
class Ledger(Rules):
    """The door. It decides by the rules of the stream, or by those in force where one begins."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def record(
        self, conn: AsyncConnection, stream_id: str, command: c.Command, *, now: datetime | None = None,
        key: str | None = None, expected: int | None = None,
    ) -> Recorded:  # fmt: skip
        """Lock, decide, append, project, audit. Raises Refused, StaleVersion or KeyReused and leaves nothing behind."""
        now, kind = now or self.clock(), kind_of(stream_id)
        if isinstance(command, REACHES_OTHERS):
            await lock_together(conn, stream_id, command)
        before, policy = await self._locked(conn, kind, stream_id)
        if key and (replay := await self.replayed(conn, stream_id, command, key, before)):
            return replay
        if expected is not None and await self._stands_against(conn, before, expected, stream_id, command):
            shown = await self._shown(conn, before, command.by) if kind is CASE else None
            since = await self.since(conn, stream_id, expected, shown)
            apart = _is_apart(shown, before.version - expected)
            if since or not apart or await self._overwrites(conn, stream_id, expected, command):
                raise StaleVersion(before.version, since)
        held = policy
        if isinstance(command, c.MovePolicy):
            policy = await self.published(conn, command.version)
        events = kind.decide(before, command, policy, now)
        if held is not policy and kind is CASE:
            require_no_wider(before, held, policy)
        if isinstance(command, c.DeclareConflict):
            after = kind.fold(events, before).about
            await require_overseen(conn, before.about, after, sealed=bool(before.sealed_for))
        if not events:
            return Recorded(stream_id, before.version, (), before)
        return await self._append(conn, kind, before, events, command, stream_id, now, key)

    async def file(
        self, conn: AsyncConnection, case_id: str, command: c.FileReport, *, now: datetime | None = None,
        content: Content | None = None, rules: Policy | None = None,
    ) -> Recorded:  # fmt: skip
        """The first events of a new case, with the rows of its content; by the rules of today unless they are at hand."""
        now = now or self.clock()
        events = file_report(case_id, command, rules or await self.current(conn, now), now)
        return await self._append(conn, CASE, None, events, command, case_id, now, None, content)

    async def begin(
        self, conn: AsyncConnection, stream_id: str, command: c.Command, *, now: datetime | None = None,
        key: str | None = None, expected: int | None = None,
    ) -> Recorded:  # fmt: skip
        """The same for a watch or a file, which begins with it where there is none; by the rules of today."""
        now, kind = now or self.clock(), kind_of(stream_id)
        stored = select(kind.table.c.progress).where(kind.table.c.id == stream_id).with_for_update()
        if (found := (await conn.execute(stored)).scalar_one_or_none()) is None:
            await conn.execute(BEGINNING, {"name": stream_id})
            found = (await conn.execute(stored)).scalar_one_or_none()
        before: Any = kind.state.model_validate(found) if found else None
        if before and key and (replay := await self.replayed(conn, stream_id, command, key, before)):
            return replay
        if before and expected is not None and before.version != expected:
            raise StaleVersion(before.version, await self.since(conn, stream_id, expected))
        events = kind.decide(before, command, await self.current(conn, now), now)
        return await self._append(conn, kind, before, events, command, stream_id, now, key)

    async def open_round(self, conn: AsyncConnection, command: OpenRound, now: datetime) -> Recorded:
        """Ask all units; the round before it ends, with those who never answered on record."""
        table = tables.rounds.c
        await conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"round:{command.code}", 0))))
        if (await conn.execute(select(table.id).where(table.id == command.round_id))).first():
            raise Refused(RefusalCode.ALREADY_DONE)
        for earlier in (
            await conn.execute(select(table.id).where(table.code == command.code, table.is_open))
        ).scalars():
            await self.record(conn, earlier, CloseRound(by=command.by), now=now)
        events = decide_round(None, command, await self.current(conn, now), now)
        return await self._append(conn, ROUND, None, events, command, command.round_id, now, None)

    async def _locked(self, conn: AsyncConnection, kind: Kind, stream_id: str) -> tuple[Any, Policy]:
        """The state of the stream, which nobody else can change before the transaction ends, and its rules."""
        row = (await conn.execute(kind.lock, {"stream_id": stream_id})).one_or_none()
        if row is None:
            raise Refused(RefusalCode.CASE_NOT_FOUND)
        return kind.state.model_validate_json(row.progress), await self.at_calendar(conn, row.policy, row.newest)

    async def replayed(
        self, conn: AsyncConnection, stream_id: str, command: c.Command, key: str, now: Any
    ) -> Recorded | None:
        """The first answer, if this person has used the key on this stream before; `now` is where the stream stands."""
        kind, used = kind_of(stream_id), tables.commands.c
        query = select(used.digest, used.from_version, used.to_version).where(
            used.stream_id == stream_id, used.person_id == command.by.person_id, used.key == key
        )
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            return None
        if row.digest != vault_of(conn).digest(_digest(command)):
            raise KeyReused(key)
        ledger = tables.events.c
        bodies = await conn.execute(
            select(ledger.body)
            .where(ledger.stream_id == stream_id, ledger.version.between(row.from_version, row.to_version))
            .order_by(ledger.version)
        )
        events = tuple(kind.adapter.validate_python(body) for body in bodies.scalars())
        return Recorded(stream_id, row.to_version, events, now, replayed=True)

    async def _shown(self, conn: AsyncConnection, progress: Progress, who: Actor) -> Part:
        lists = (await self.pack(conn, progress.policy)).lists
        return part_of(who, progress, told_to(who, progress, lists))

    async def since(
        self, conn: AsyncConnection, stream_id: str, version: int, shown: Part | None = None
    ) -> list[dict[str, Any]]:
        """Kinds, authors and times of the events after that version, the first fifty; never who reported or answered a
        round, nor more than the day of an answer, or an old version would tell. Of a case, those alone that are shown."""
        ledger = tables.events.c
        by = sql_case((ledger.kind.in_(REPORTING), REPORTER), else_=ledger.by).label("by")
        day = func.date_trunc("day", ledger.at, str(BEIJING))
        at = sql_case((ledger.kind == ANSWERED, day), else_=ledger.at).label("at")
        field = ledger.body["field"].astext.label("field")
        about = [ledger.body[name].astext.label(name) for name in ("referral_id", "subject", "code", "office")]
        query = select(ledger.version, ledger.kind, at, by, field, *about).where(
            ledger.stream_id == stream_id, ledger.version > version
        )
        rows = (await conn.execute(query.order_by(ledger.version).limit(MOST_SINCE))).mappings()
        found = [{str(name): value for name, value in row.items()} for row in rows]
        news = [said for row in found if (said := row if shown is None else shown.event(row)) is not None][:50]
        told = ("version", "kind", "at", "by", "field")
        return [{name: row[name] for name in told if row.get(name) is not None} for row in news]

    async def _stands_against(
        self, conn: AsyncConnection, now: Any, expected: int, stream_id: str, command: c.Command
    ) -> bool:
        """Whether something has happened since that the command minds."""
        if command.minds is None or expected >= now.version:
            return expected != now.version
        ledger = tables.events.c
        after = select(ledger.version).where(ledger.stream_id == stream_id, ledger.version > expected)
        return (await conn.execute(after.where(ledger.kind.in_(command.minds)).limit(1))).scalar() is not None

    async def _overwrites(self, conn: AsyncConnection, stream_id: str, expected: int, command: c.Command) -> bool:
        """Whether somebody has found since what the command would replace by what it found."""
        ledger = tables.events.c
        later = select(ledger.version).where(ledger.stream_id == stream_id, ledger.version > expected)
        found = later.where(ledger.body.contains(command.overwrites)).limit(1)
        return bool(command.overwrites) and (await conn.execute(found)).scalar() is not None

    async def _append(
        self, conn: AsyncConnection, kind: Kind, before: Any, events: tuple[Any, ...], command: c.Command,
        stream_id: str, now: datetime, key: str | None, content: Content | None = None,
    ) -> Recorded:  # fmt: skip
        first, changes = before.version + 1 if before else 1, Changes()
        sealing = await _key(conn, changes, stream_id, command, content)
        after = await self._collect(changes, conn, kind, before, events, command, stream_id, now, key, sealing)
        _stream(changes, kind, before, after, stream_id)
        _content(changes, conn, content or {}, sealing)
        await changes.write(conn, CHANNEL)
        if command.files:
            await bring(conn, command.files, command.by.person_id, stream_id, first)
        await self._echo(conn, after, events, command.by, now)
        return Recorded(stream_id, after.version, events, after)

    async def begin_all(
        self, conn: AsyncConnection, asked: Mapping[str, Sequence[c.Command]], *, now: datetime | None = None,
        content: Mapping[str, Content] | None = None, pinned: bool = False,
    ) -> dict[str, list[Any]]:  # fmt: skip
        """What `begin` does, for many streams of one kind whose facts reach no other: a statement for all of them. The events of each.

        `pinned` streams are there already and go by the rules that they are pinned to, as with `record`.
        Raises Refused at the first that the rules refuse. Two who begin a stream at once are not told apart by a lock here:
        the second of them fails as a whole, and may be tried again.
        """
        now = now or self.clock()
        kind, rules, changes = kind_of(next(iter(asked))), await self.current(conn, now), Changes()
        stored = select(kind.table.c.id, cast(kind.table.c.progress, Text)).where(kind.table.c.id.in_(asked))
        rows = await conn.execute(stored.order_by(kind.table.c.id).with_for_update())
        standing: dict[str, Any] = {one: kind.state.model_validate_json(progress) for one, progress in rows}
        own = {one.policy: await self.rules(conn, one.policy) for one in standing.values()} if pinned else {}
        keys, made = await _keys(conn, changes, asked), {stream_id: list[Any]() for stream_id in asked}
        for stream_id, commands in asked.items():
            before = after = standing.get(stream_id)
            by = own.get(before.policy, rules) if before else rules
            for command in commands:
                events = kind.decide(after, command, by, now)
                made[stream_id] += events
                after = await self._collect(
                    changes, conn, kind, after, events, command, stream_id, now, None, keys[stream_id]
                )
            _stream(changes, kind, before, after, stream_id)
            _content(changes, conn, (content or {}).get(stream_id, {}), keys[stream_id])
        await changes.write(conn, CHANNEL)
        return made

    async def _collect(
        self, changes: Changes, conn: AsyncConnection, kind: Kind, before: Any, events: tuple[Any, ...],
        command: c.Command, stream_id: str, now: datetime, key: str | None, sealing: DataKey | None,
    ) -> Any:  # fmt: skip
        """All rows of a command but the stream's own; the state after it."""
        first = before.version + 1 if before else 1
        after = kind.fold(events, before)
        changes.insert(tables.events, projections.event_rows(stream_id, first, events))
        if key:
            used = {
                "stream_id": stream_id, "person_id": command.by.person_id, "key": key, "digest": vault_of(conn).digest(_digest(command)),
                "kind": type(command).__name__, "from_version": first, "to_version": after.version,
            }  # fmt: skip
            changes.insert(tables.commands, [used])
        _content(changes, conn, _said(command, stream_id, first, events[0].kind), sealing)
        await projections.collect(changes, conn, before, after, events, first, now)
        changes.insert(tables.audit, [row_of(command, stream_id, after)])
        return after

    async def _echo(self, conn: AsyncConnection, after: Any, events: tuple[Any, ...], by: Actor, now: datetime) -> None:
        """What a fact of one stream means for another: links, followers, and the watch after a case or a registration."""
        for event in events:
            match event:
                case e.ReportLinked(primary=primary, procedures=owed):
                    last = await is_last_suggested(conn, primary, after.case_id)
                    clocks = {
                        one.code: one.clock for one in after.duties if one.code in owed and one.clock.met_at == event.at
                    }
                    follow = c.AddFollower(
                        by=ENGINE, case_id=after.case_id, procedures=owed, clocks=clocks, settles=last
                    )
                    added = await self.record(conn, primary, follow, now=now)
                    await keep_apart(self, conn, primary, now)
                    await self._follow(conn, after.case_id, added.progress, now)
                case e.ReportUnlinked(primary=primary):
                    if (await progress_of(conn, primary)).is_open:
                        await self.record(conn, primary, c.RemoveFollower(by=ENGINE, case_id=after.case_id), now=now)
                    for parted in (primary, after.case_id):
                        await keep_apart(self, conn, parted, now)
                case e.ConflictDeclared():
                    await keep_apart(self, conn, after.case_id, now, declared=True)
                    await away(self, conn, await behind(conn, after.case_id), now)
                case e.KeptOutByLink():
                    await away(self, conn, await behind(conn, after.case_id), now)
                case e.ReporterAnswered() | e.AnswerWaived() if after.linked_to and after.is_open:
                    await self._follow(conn, after.case_id, await progress_of(conn, after.linked_to), now)
                case e.ReporterAnswered():
                    for follower in after.followers:
                        await self._follow(conn, follower, after, now)
                case e.CaseClosed(reason=reason):
                    for follower in after.followers:
                        await self._follow(conn, follower, after, now)
                    if after.linked_to is None and not after.sealed_for:  # nothing of an offence reaches a committee
                        await given_back(self, conn, after, reason, now)
                case ChangePassed(field=FileField.RESIDENCE_DIVISION, desk=None):
                    await moved(self, conn, after.child_id, after.division, now)
                    await placed(self, conn, after.child_id, now)
                case WatchTaken() | WatchBegan():
                    await placed(self, conn, after.child_id, now)
                    await goes_along(self, conn, after, now)
                case ChangePassed(field=FileField.COMMUNITY, desk=None):
                    await placed(self, conn, after.child_id, now)
                case VisitRecorded(asks_for_help=True) | WarningVerified(outcome=Outcome.HELP):
                    await needs_help(self, conn, after, now)
                case CareArranged():
                    await arranged(self, conn, after, now)
                case WatchEnded(reason=ended):
                    await gone(self, conn, after, ended, by, now)
                case BenefitDecided(child_id=child, verdict=Verdict.STOP) if not after.sealed_for:
                    await benefit_stopped(self, conn, child, now)
                case ChangePassed(field=FileField.MEANS, desk=None):
                    await means_changed(self, conn, after.child_id, now)
                case ChangePassed(joins=str() as other):
                    await join(self, conn, after.child_id, other, now)
                    await joined(self, conn, after.child_id, now)
                    await placed(self, conn, after.child_id, now)
                case ChangePassed(parts=str() as other):
                    await part(self, conn, after.child_id, other, now)
                    await self._apart(conn, (after.child_id, other), now)
                case ChangeRejected(parts=others) if others:
                    for other in others:
                        await part(self, conn, after.child_id, other, now)
                    await self._apart(conn, (after.child_id, *others), now)
                case ChangePassed(watch_begins=Grade() as grade):
                    await registered(self, conn, after, grade, now)
                case _:
                    pass

    async def _apart(self, conn: AsyncConnection, children: Sequence[str], now: datetime) -> None:
        """What else is each child's own once files are parted."""
        await parted(self, conn, children, now)
        for child in children:
            await placed(self, conn, child, now)

    async def _follow(self, conn: AsyncConnection, follower: str, primary: Progress, now: datetime) -> None:
        """One reporter's answer reaches the other; that one waived theirs takes nothing from the other. Whoever one of the cases is about
        is owed an answer of their own: this one says what was found of them, and to whom."""
        answered = primary.answer in (Answer.GIVEN, Answer.FOLLOWED) and not await is_about_reporter(conn, follower)
        follow = c.FollowPrimary(by=ENGINE, answered=answered, closed=primary.closed_reason)
        await self.record(conn, follower, follow, now=now)


def _stream(changes: Changes, kind: Kind, before: Any, after: Any, stream_id: str) -> None:
    row = stream_row(kind, after, stream_id)
    if before is None:
        # the conductor has been told nothing yet
        changes.insert(kind.table, [{**row, "conducted_version": 0}])
    else:
        changes.update(kind.table, ["id"], [row])


def _said(command: c.Command, stream_id: str, version: int, kind: str) -> dict[Table, list[dict[str, Any]]]:
    """What a command says in words: the note of anybody, the content of those that have one."""
    place = {"stream_id": stream_id, "version": version}
    said = {tables.notes: [{**place, "kind": kind, "body": command.note}]} if command.note else {}
    return said | ({tables.contents: [{**place, "body": command.kept}]} if command.kept else {})


async def _key(
    conn: AsyncConnection, changes: Changes, stream_id: str, command: c.Command, content: Content | None
) -> DataKey | None:
    """The key of the stream where something is said; one that begins with content brings its own in the same statement."""
    if content is not None:
        made, row = vault_of(conn).new_key(stream_id)
        changes.insert(tables.data_keys, [row])
        return made
    speaks = bool(command.note) or bool(command.kept)
    return await vault_of(conn).key_of(conn, stream_id) if speaks else None


async def _keys(conn: AsyncConnection, changes: Changes, streams: Collection[str]) -> dict[str, DataKey]:
    """Those of many streams at once; a stream without one brings its own in the same statement. Raises Destroyed."""
    vault = vault_of(conn)
    found = await vault.keys(conn, streams)
    made = [(stream, *vault.new_key(stream)) for stream in streams if stream not in found]
    changes.insert(tables.data_keys, [row for _, _, row in made])
    keys = {stream: key for stream, key in found.items() if key is not None}
    if len(keys) < len(found):
        raise Destroyed(next(stream for stream, key in found.items() if key is None))
    return keys | {stream: key for stream, key, _ in made}


def _content(changes: Changes, conn: AsyncConnection, said: Content, key: DataKey | None) -> None:
    """These rows, sealed where their table is."""
    for table, rows in said.items():
        changes.insert(table, vault_of(conn).sealed(table, rows, key) if table.info and key else rows)


SILENT = ("files", "from_book", "visitor", "over")
"""Came to commands later, so where they say nothing the question is the one that it was before."""


def _is_apart(shown: Part | None, passed: int) -> bool:
    """Whether whoever is shown none of that many events has decided on what they are shown: all of it stands as it was read."""
    return shown is not None and not shown.whole and 0 < passed < MOST_SINCE


def _digest(command: c.Command) -> str:
    """What was asked, by whom and for whom; the same question has the same digest."""
    left_out = {
        "by",
        "blind",
        "proposed",
        "categories",
        "unclear",
        "unfit",
        "staff_of",
        "concerned",
        "of_age",
        *(name for name in SILENT if not getattr(command, name, None)),
    }
    asked = f"{type(command).__name__} {command.by.acting_for} {command.model_dump_json(exclude=left_out)}"
    return hashlib.sha256(asked.encode()).hexdigest()


async def events_since(conn: AsyncConnection, stream_id: str, version: int) -> list[dict[str, Any]]:
    """The bodies of all later events, in order."""
    return list((await conn.execute(LATER, {"stream_id": stream_id, "seen": version})).scalars())
