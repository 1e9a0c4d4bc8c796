"""Signals of other systems: taken once, matched to a watched child or held for a person, and counted by rule."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from zlib import crc32

from pydantic import Field
from sqlalchemy import (
    Column,
    ColumnElement,
    Date,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    and_,
    any_,
    cast,
    column,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.alike import Alike, alike, marks_of_known
from app.db.columns import Id, Instant, keyed_by, marks, metadata, sealed
from app.db.joining import watched_as
from app.db.ledger import Ledger
from app.db.marks import Marks
from app.db.owed import DISTRICT, open_all, opening, settle
from app.db.people import kept_out, unknown_among
from app.db.signal_desks import desk_for, names, watching
from app.db.sounds import sound_keys
from app.db.vault import Row, opened_one, sealed_row
from app.domain.access import ENGINE, Actor
from app.domain.commands import Concerned
from app.domain.duplicates import SAME_ID, Known
from app.domain.facts import Sex
from app.domain.identity import clean_name, normal_id, normal_phones
from app.domain.owed import Matter, Settled, owed_id
from app.domain.refusals import RefusalCode, Refused
from app.domain.signals import SignalEnd, SignalSpec, SignalState, met
from app.domain.submission import ReportedChild
from app.domain.typed import Form, LongText, Text
from app.domain.visit import RaiseWarning
from app.domain.watch import Watch, watch_id

CERTAIN = 0.98
"""So probable the only match has to be, by its number, before a warning is opened without a person, and ten times surer without one; default."""
MOST_REPEATED = 10
"""Product default: of so many repetitions what they say is kept, the newest; a system that sends on and on fills no row without end."""
MOST_TOLD = 20_000
"""What a report may say at most (app/domain/typed.py)."""
MOST_NAMED = 20
"""As in a report."""
SHELVES = 64
"""Locks over all children of whom signals are compared; one a child would be thousands for a few large batches."""

signals = Table(
    "signals",
    metadata,
    Column("id", Id, primary_key=True),
    Column("unit", Id, nullable=False),
    Column("agency", String(20), nullable=False),
    Column("sent_id", String(80), nullable=False),
    Column("rule", String(40), nullable=False),
    Column("policy", String(60), nullable=False),
    Column("division", String(9), nullable=False),
    Column("desk", String(40), nullable=False),
    Column("state", String(10), nullable=False),
    Column("outcome", String(20)),
    Column("child_id", Id),
    Column("warning", Integer),
    Column("case_id", Id),
    Column("happened_on", Date),
    Column("times", Integer, nullable=False, server_default="1"),
    Column("received_at", Instant, nullable=False),
    Column("decided_by", Id),
    Column("decided_at", Instant),
    Column("about", ARRAY(Id), nullable=False, server_default="{}"),
    sealed("said", "json", nullable=True),
    marks(),
    UniqueConstraint("unit", "sent_id"),
    Index("ix_signals_held", "desk", "received_at", postgresql_where=text("state = 'held'")),
    Index("ix_signals_child", "child_id", "warning", postgresql_where=text("child_id is not null")),
    Index("ix_signals_marks", "marks", postgresql_using="gin"),
    Index(None, "rule", "received_at"),
    info=keyed_by("id"),
    comment="What systems of schools, hospitals, the police and 12345 noticed; `said` is forgotten with a decision that needs it no more.",
)
row = signals.c
ONE_AFTER_ANOTHER = text(
    "select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest(cast(:names as text[])) name"
)


class SignalChild(Form):
    """The child as the other system knows it; nothing need be known."""

    name: Text | None = None
    sex: Sex | None = None
    birth_date: date | None = None
    id_no: Text | None = None
    phone: Text | None = None
    school: Text | None = None
    residence_division: str | None = Field(default=None, pattern=r"^(\d{9}|110106)$")


class Signal(Form):
    """One thing that a system noticed; `id` is its own and is taken once."""

    id: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[\x21-\x7e]+$")]
    child: SignalChild = SignalChild()
    family_phones: tuple[Text, ...] = Field(default=(), max_length=10)
    text: LongText = ""
    count: int = Field(default=0, ge=0, le=10_000)
    """Such as days of absence or contacts, where the rule counts."""
    happened_on: date | None = None
    about: tuple[Concerned, ...] = Field(default=(), max_length=MOST_NAMED)
    """Codes of units, desks, agencies or persons whom it is about, as in a report: another office looks at it, and they do not see it."""

    def known(self) -> Known:
        """As children's files are compared."""
        child, name = self.child, clean_name(self.child.name or "")
        return Known(
            child_id="", name=name, sounds=sound_keys(name), birth_date=child.birth_date,
            sex=child.sex.value if child.sex else None, id_no=normal_id(child.id_no) if child.id_no else "",
            phones=tuple(normal_phones(child.phone, *self.family_phones)), division=child.residence_division or "",
            school=child.school or "",
        )  # fmt: skip

    def reported(self) -> ReportedChild:
        """As a report names the child."""
        return ReportedChild.model_validate(self.child.model_dump())


class Repeated(Form):
    """What the same signal said when it came again."""

    at: datetime
    text: LongText = ""
    count: int = 0
    happened_on: date | None = None


class Said(Signal):
    """A signal as it is kept, with what came again while it waited."""

    again: tuple[Repeated, ...] = ()
    about: tuple[Concerned, ...] = ()

    def with_one_more(self, given: Signal, now: datetime) -> "Said":
        """The same twice is kept once."""
        if any(
            (one.text, one.count, one.happened_on) == (given.text, given.count, given.happened_on)
            for one in (self, *self.again)
        ):
            return self
        more = Repeated(at=now, text=given.text, count=given.count, happened_on=given.happened_on)
        return self.model_copy(update={"again": (*self.again, more)[-MOST_REPEATED:]})

    def without_words(self) -> "Said":
        """How often and when, of the child that it names."""
        again = tuple(one.model_copy(update={"text": ""}) for one in self.again)
        return self.model_copy(update={"text": "", "again": again})

    def told(self, note: str) -> str:
        """All of it in one text, with what a person found; of very long ones the end of what came again is left."""
        texts = dict.fromkeys((self.text, note, *(one.text for one in self.again)))
        return "\n".join(text for text in texts if text)[:MOST_TOLD]


class Taken(Form):
    """What became of a signal. Whether its child is watched is nobody's who sends, nor whether somebody else has sent the same."""

    id: str
    state: Annotated[str, Field(description="taken, also where it was before; or no_rule where no rule listens to it.")]


async def take_all(
    conn: AsyncConnection, ledger: Ledger, given: Sequence[Signal], who: Actor, now: datetime
) -> list[Taken]:
    """Each once; what is the same by its sender's id or by its child is taken one batch after another, or none would see the first."""
    marked = [(one, marks_of_known(conn, one.known())) for one in given]
    await _in_turn(conn, _unit_of(who), (mark for _, of in marked for mark in _sure(of)))
    return [await _take(conn, ledger, one, of, who, now) for one, of in marked]


def _sure(of: Marks) -> list[str]:
    """By its number, or by its name with its birthday."""
    return [*of.number, *of.name_born]


async def _in_turn(conn: AsyncConnection, unit: str, sure: Iterable[str]) -> None:
    """Until this ends nobody else takes what this unit sends, nor what anybody says of a child with one of these marks. The locks have one
    order for all, so no two batches wait for each other."""
    shelves = sorted({crc32(mark.encode()) % SHELVES for mark in sure})
    names = [f"signals:{unit}", *(f"signals-of:{shelf}" for shelf in shelves)]
    await conn.execute(ONE_AFTER_ANOTHER, {"names": names})


def _unit_of(who: Actor) -> str:
    return who.unit or who.desk


async def _take(conn: AsyncConnection, ledger: Ledger, given: Signal, of: Marks, who: Actor, now: datetime) -> Taken:
    """Once: by its own id, and by its child and rule within the rule's time while the first still waits."""
    rules, unit = await ledger.current(conn, now), _unit_of(who)
    if await conn.scalar(select(row.id).where(row.unit == unit, row.sent_id == given.id)):
        return Taken(id=given.id, state="taken")
    rule = met(rules.signals.values(), who.agency, given.text, given.count)
    if rule is None:
        return Taken(id=given.id, state="no_rule")
    about = await kept_out(conn, given.about) if given.about else ()
    watch, division = await _certainly(conn, given.known()), given.child.residence_division or DISTRICT
    desk = await desk_for(conn, rules, division, about, given.text)
    named = bool(about) or desk != await desk_for(conn, rules, division, (), "")
    named = named or (watch is not None and await names(conn, rules, watching(watch), given.text))
    if same := await _same(conn, rule, _sure(of), now, waits_only=named):
        said = Said.model_validate(same["said"]).with_one_more(given, now)
        kept = await sealed_row(conn, signals, {"id": same["id"], "said": _as_kept(said)})
        await conn.execute(update(signals).where(row.id == same["id"]).values(times=row.times + 1, said=kept["said"]))
        if named:
            await concern(conn, ledger, {**same, "said": _as_kept(said)}, given.about, ENGINE, now)
        return Taken(id=given.id, state="taken")
    kept = {
        "id": f"signal-{uuid.uuid4().hex}", "unit": unit, "agency": who.agency.value, "sent_id": given.id, "rule": rule.code,
        "policy": rules.version, "happened_on": given.happened_on, "received_at": now, "marks": of.all,
        "said": _as_kept(given), "about": list(about),
    }  # fmt: skip
    if watch is not None and not named:  # whoever verifies a warning reads nothing of whom it is about
        kept |= await _warned(conn, ledger, rule, watch, now)
    else:
        kept |= await _held(conn, ledger, rule, kept["id"], division, desk, now)
    await conn.execute(insert(signals), await sealed_row(conn, signals, kept))
    return Taken(id=given.id, state="taken")


def _as_kept(said: Signal) -> dict[str, Any]:
    return said.model_dump(mode="json", exclude_none=True)


async def _same(
    conn: AsyncConnection, rule: SignalSpec, sure: list[str], now: datetime, *, waits_only: bool = False
) -> Row | None:
    """The last signal of this rule about a child of the same number, or of the same name and birthday, that still waits: for a person,
    or as a warning that nobody has verified. What was dealt with is none any more. Nobody decides it until this ends. `waits_only` for a
    person: whoever verifies a warning reads nothing of what a signal says."""
    if not sure:
        return None
    watch, own = tables.watches.c, func.concat("watch-", row.child_id)
    here, came = (
        watch.progress["warnings"].contains(func.jsonb_build_array(func.jsonb_build_object(*said)))
        for said in (("number", row.warning), ("number_there", row.warning, "of", own))
    )
    family = watch.child_id == any_(func.shouhu_family(row.child_id))
    one = func.jsonb_array_elements(watch.progress["warnings"]).table_valued(column("value", JSONB), name="one").c.value
    old = one["of"].astext == own, one["number_there"].astext.is_(None), opened_at(one["opened_at"].astext)
    of_old = exists().where(*old).correlate(tables.watches, signals)
    unverified = select(watch.id).where(watch.is_open, family, or_(and_(watch.id == own, here), came, of_old))
    query = select(signals).where(row.rule == rule.code, row.received_at > now - rule.again, row.marks.overlap(sure))
    held = row.state == SignalState.HELD.value
    query = query.where(held if waits_only else or_(held, unverified.exists()))
    found = (await conn.execute(query.order_by(row.received_at.desc()).limit(1).with_for_update(of=signals))).mappings()
    return await opened_one(conn, found.one_or_none(), signals)


def opened_at(instant: ColumnElement[str]) -> ColumnElement[bool]:
    """Of a warning that went along in former days its number there is not said: of its rule one was opened at that instant."""
    events = tables.events.alias("first")
    first, own = events.c, func.concat("watch-", row.child_id)
    there = first.stream_id == own, first.version == row.warning, first.at == cast(instant, Instant)
    by_rule = first.kind == "warning_opened", first.body["rule"].astext == row.rule
    return exists().where(*there, *by_rule).correlate_except(events)


async def _certainly(conn: AsyncConnection, known: Known) -> Watch | None:
    """The open watch over the one child that it is about beyond doubt; several who may be meant are a person's to tell apart."""
    found = await alike(conn, known)
    if len(found) != 1 or not _is_certain(found[0]):
        return None
    return await watch_over(conn, found[0].child_id)


def _is_certain(one: Alike) -> bool:
    return one.match.score >= CERTAIN and (SAME_ID in one.match.reasons or one.match.score >= 1 - (1 - CERTAIN) / 10)


async def watch_over(conn: AsyncConnection, child: str) -> Watch | None:
    """The watch that goes on over a child, also under the file that was joined to it."""
    table = tables.watches.c
    stored = select(table.progress).where(table.id == watch_id(await watched_as(conn, child)), table.is_open)
    found = (await conn.execute(stored)).scalar_one_or_none()
    return Watch.model_validate(found) if found else None


async def warn(conn: AsyncConnection, ledger: Ledger, rule: SignalSpec, watch: Watch, now: datetime) -> int:
    """A warning of this rule waits to be verified; the number of it, also where it waited already."""
    command = RaiseWarning(by=ENGINE, rule=rule.code, basis=rule.basis, urgent=rule.urgent)
    after = (await ledger.record(conn, watch.watch_id, command, now=now)).progress
    return next(warning.number for warning in after.warnings if warning.rule == rule.code)


async def _warned(conn: AsyncConnection, ledger: Ledger, rule: SignalSpec, watch: Watch, now: datetime) -> Row:
    warning = await warn(conn, ledger, rule, watch, now)
    return {
        "state": SignalState.WARNED.value, "child_id": watch.child_id, "warning": warning, "division": watch.division,
        "desk": watch.desk,
    }  # fmt: skip


async def _with(conn: AsyncConnection, before: Collection[str], named: Collection[str]) -> tuple[str, ...]:
    """Whom it is about with these: nobody is pushed out. Beyond so many only codes that are somebody's, so they have an end."""
    every = tuple(dict.fromkeys((*before, *named)))
    beyond = await unknown_among(conn, every[max(MOST_NAMED, len(before)) :]) if len(every) > MOST_NAMED else []
    return tuple(one for one in every if one not in beyond)


async def concern(
    conn: AsyncConnection, ledger: Ledger, signal: Row, named: Collection[str], by: Actor, now: datetime
) -> Row:
    """One that is held is about these too: nothing of it is forgotten, and from a desk that is concerned it goes to another, undecided."""
    said = Said.model_validate(signal["said"])
    said = said.model_copy(update={"about": await _with(conn, said.about, named)})
    about, rules = await kept_out(conn, (*signal["about"], *said.about)), await ledger.current(conn, now)
    desk = await desk_for(conn, rules, signal["division"], about, said.told(""))
    told = {"desk": desk, "about": list(about)}
    sealed_again = await sealed_row(conn, signals, {"id": signal["id"], "said": _as_kept(said)})
    await conn.execute(update(signals).where(row.id == signal["id"]).values(**told, said=sealed_again["said"]))
    if told["desk"] != signal["desk"]:
        rule = rules.signals.get(signal["rule"])
        await settle(conn, ledger, owed_id(Matter.SIGNAL, signal["rule"], signal["id"]), Settled.HANDED_OVER, by, now)
        of, urgent = (signal["rule"], signal["id"], told["desk"], signal["division"]), bool(rule and rule.urgent)
        await open_all(conn, ledger, [opening(Matter.SIGNAL, *of, "signal_check", urgent=urgent)], now)
    return {**signal, **told, "said": _as_kept(said)}


async def _held(
    conn: AsyncConnection, ledger: Ledger, rule: SignalSpec, name: str, division: str, desk: str, now: datetime
) -> Row:
    asked = opening(Matter.SIGNAL, rule.code, name, desk, division, "signal_check", urgent=rule.urgent)
    await open_all(conn, ledger, [asked], now)
    return {"state": SignalState.HELD.value, "child_id": None, "warning": None, "division": division, "desk": desk}


async def waiting(conn: AsyncConnection, signal_id: str, *, to_decide: bool = False) -> Row:
    """One that waits, with what was said: nobody decides it, and nothing of it is forgotten, while it is read. Of several who are about
    `to_decide` it the first does; to whoever comes after a decision there is none."""
    query = select(signals).where(row.id == signal_id, row.state == SignalState.HELD.value)
    found = (await conn.execute(query.with_for_update(read=not to_decide))).mappings().one_or_none()
    signal = await opened_one(conn, found, signals)
    if signal is None:
        raise Refused(RefusalCode.SIGNAL_NOT_FOUND)
    return signal


async def end(
    conn: AsyncConnection, ledger: Ledger, signal: Row, outcome: SignalEnd, by: Actor, now: datetime, **more: Any
) -> None:
    """A person has decided. Where nothing was found, what it said is forgotten later (app/db/dismissed.py): nobody wipes it alone."""
    ended = {"state": SignalState.ENDED.value, "outcome": outcome.value, "decided_by": by.person_id, "decided_at": now}
    await conn.execute(update(signals).where(row.id == signal["id"]).values(**ended, **more))
    await settle(conn, ledger, owed_id(Matter.SIGNAL, signal["rule"], signal["id"]), Settled.DECIDED, by, now)
