"""One person's reading of one case: what several answers or parts of a page show of it is found, put on record and opened once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import Found, found, require, subject_of, told
from app.api.need import Lens, look
from app.db import tables
from app.db.audit import CONTENT_OF, before_reading
from app.db.ledger import REPORTER
from app.db.past import report_of
from app.db.people import behind_accounts
from app.db.service import Service
from app.db.vault import Keys, keys_for, opened, opened_one
from app.domain.access import Action, Actor, Deny, may
from app.domain.disclosure import Told, as_known
from app.domain.events import KeptOutByLink, event_adapter
from app.domain.facts import ReportFacts
from app.domain.masking import EARLIER, hidden_from, texts_without, without
from app.domain.own_part import Part, part_of
from app.domain.policy import Policy
from app.domain.progress import Progress
from app.domain.sight import by_own_hand
from app.domain.stages import closing_obstacles
from app.domain.terms import CloseReason
from app.domain.titles import TITLES
from app.policy.basis import cite
from app.policy.explanation import Explained, as_told, explain, versions_of

NOT_NAMED = REPORTER
"""Instead of the account and the unit of whoever filed the report."""
HIDDEN = ("accept", "finish", "supply", "clock", "steps", "duties", "clocks", "named")
"""Parts of events that are no news to a person."""
ABOUT, BY_LINK = ("about", "about_by_link"), KeptOutByLink.model_fields["kind"].default
"""Of a case and of its events: whom it is about."""
NOTES = "notes"
"""The field of the audit for the texts that came with events."""
PROGRESS, TIMELINE = "progress", "timeline"
"""Those for whoever sees no content, and reads of a child all the same what its case has come to."""
EXPLANATION = "explanation"
"""That for why the case runs as it does."""
NoteOf = Callable[[dict[str, Any], str | None], str | None]


async def content_of(
    conn: AsyncConnection, progress: Progress, keys: Keys | None = None, stored: Row[Any] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The children in the order of the report, in which the rules speak of them as well; and the reporter apart. `keys` and what is
    `stored` are those at hand."""
    case_id, order = progress.case_id, [child.id for child in progress.children]
    keys = await keys_for(conn, case_id) if keys is None else keys
    if stored is None:
        stored = (await conn.execute(CONTENT_OF, {"stream": case_id})).one()
    children = await opened(conn, stored.children or (), tables.children, keys=keys)
    said = await opened_one(conn, stored.report, tables.reports, keys=keys) or {}
    reporter = said.pop("reporter", None) or {}
    content = {name: value for name, value in said.items() if name not in ("case_id", "office")}
    rows = sorted(children, key=lambda one: order.index(one["id"]))
    ours = ("marks", "case_id", "filed_at")
    return {"children": [{k: v for k, v in one.items() if k not in ours} for one in rows], **content}, reporter


async def wrote_report(conn: AsyncConnection, who: Actor, case_id: str) -> bool:
    """Whether the reader or their office filed it: a mask that knew more than they do would answer their guesses."""
    report = tables.reports.c
    row = (await conn.execute(select(report.filed_by, report.office).where(report.case_id == case_id))).one()
    return by_own_hand(who, row.filed_by, row.office)


class Reading:
    """Begin with `reading`. What is read of a person is on record first, and each part is fetched no more than once."""

    def __init__(self, conn: AsyncConnection, who: Actor, shouhu: Service, one: Found) -> None:
        self.conn, self.who, self.shouhu = conn, who, shouhu
        self.progress, self.case_no = one
        self.subject = subject_of(self.progress)
        self._on_record, self._lens = set[str](), Lens(full=False)
        self._rules: Policy | None = None
        self._part: Part | None = None
        self._content: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._facts: tuple[ReportFacts | None, ...] = ()
        self._events: Sequence[RowMapping] | None = None

    def may(self, action: Action) -> bool:
        """In this case as it stands."""
        return not isinstance(may(self.who, action, self.subject), Deny)

    @property
    def is_full(self) -> bool:
        """Whether what was read so far stands in full, for the person has said why; else it is masked."""
        return self._lens.full

    async def rules(self) -> Policy:
        """Those of the case, with the calendar in force."""
        if self._rules is None:
            self._rules = await self.shouhu.ledger.rules(self.conn, self.progress.policy)
        return self._rules

    async def sees(self) -> Told:
        """What the person is told of those whom the case is about."""
        return await told(self.conn, self.who, self.shouhu, self.progress)

    async def part(self) -> Part:
        """How much of the case they are shown."""
        if self._part is None:
            self._part = part_of(self.who, self.progress, await self.sees(), self.subject)
        return self._part

    async def shown(self) -> Progress:
        """Where it stands, as far as they are shown it. Rules are asked of `progress`, pages and answers made of this."""
        return (await self.part()).progress(self.progress)

    async def file(self, *beside: str, reporter: bool = True) -> dict[str, Any]:
        """Where the case stands and what the person may know of it, and with `reporter` also who reported. `beside` are fields that
        will be read after it, so that one row of the audit says all."""
        return (await self.read(*beside, reporter=reporter))()

    async def read(self, *beside: str, reporter: bool = True) -> Callable[[], dict[str, Any]]:
        """What makes the same, once all that it needs is on record and read."""
        rules, part, knows_reporter = await self.rules(), await self.part(), self.may(Action.READ_REPORTER)
        content = await self._content_shown(beside, knows_reporter, named=reporter and knows_reporter)
        untold = await self._untold()
        named = [one for row in await self._recorded() for one in row["body"].get("named", ())] if untold else ()

        def file() -> dict[str, Any]:
            progress, header = self.progress, without_those(untold.difference(named), part.header(self.progress))
            return {
                "id": progress.case_id,
                "case_no": self.case_no,
                "version": progress.version,
                "progress": header | ({"reporter_unit": ""} if part.whole and not knows_reporter else {}),
                "planned": header["steps"],
                "closing_obstacles": closing_obstacles(progress, CloseReason.NEEDS_MET, rules) if part.whole else None,
                **content(),
            }

        return file

    async def _content_shown(
        self, beside: Sequence[str], knows_reporter: bool, *, named: bool
    ) -> Callable[[], dict[str, Any]]:
        """What makes the part of a file that tells of people."""
        if not self.may(Action.READ_CONTENT):
            await self._note("read_case", PROGRESS)
            return dict
        decides, sees = self.may(Action.ADOPT_PLAN), await self.sees()
        fields = [*sees.fields, *(["found"] if decides else []), *beside]
        lens = await self._look(fields, {"read_reporter": ["reporter"]} if named else {})
        content, who = await self._told()
        # until something was assessed, the report itself says who is suspected
        assessed = await self._assessed() if decides or (sees.of_suspicion and self.progress.grade) else None
        proposals = await self._proposals(assessed) if decides and assessed else dict
        # a visitor made the report, and is not told who reported the child before
        typed = EARLIER in who and sees.narrative and await wrote_report(self.conn, self.who, self.progress.case_id)

        def shown() -> dict[str, Any]:
            hidden, see = hidden_from(who, knows=knows_reporter), lens.over((content, who))
            known = as_known(content, assessed) if sees.of_suspicion and self.progress.grade else content
            told = {"content": see(sees.of(texts_without(known, hidden))), **proposals()}
            if typed:
                told["content"]["narrative"] = lens.over((sees.of(content),))(content["narrative"])
            return told | (
                {"reporter": see({name: value for name, value in who.items() if name != EARLIER})} if named else {}
            )

        return shown

    async def _untold(self) -> set[str]:
        """Whom the case is kept from and nobody is told of, unless they were named in it: who stands behind an account that is named,
        and whom linked cases are about, for what comes with a link would say the same."""
        about = self.progress.about
        return {*self.progress.about_by_link, *await behind_accounts(self.conn, about)} if about else set()

    async def timeline(self, own: str | None = None) -> list[dict[str, Any]]:
        """Who did what, when, by which clause; every rung with its planned instant and its recipients. `own` stands where the own office
        wrote something."""
        knows_reporter, rows, part = self.may(Action.READ_REPORTER), [], await self.part()
        note_of, events, untold = await self._notes(knows_reporter, own), await self._happened(), await self._untold()
        for whole, note in events:
            body = part.event(whole)
            if body is None:
                continue
            by_link = whole["about"] if whole["kind"] == BY_LINK else ()
            told = without_those({*untold.difference(whole.get("named", ())), *by_link}, body)
            said = {name: value for name, value in told.items() if name not in HIDDEN or isinstance(value, str)}
            if said["kind"] == "report_filed" and not knows_reporter:
                said |= {"by": NOT_NAMED, "behalf": None} | ({"reporter_unit": NOT_NAMED} if part.whole else {})
            clocks = (body.get(name) for name in ("finish", "accept", "clock"))
            due = next((clock["due_at"] for clock in clocks if isinstance(clock, dict)), None)
            zh, en = TITLES[body["kind"]]
            rows.append({"title_zh": zh, "title_en": en, **said, "due_at": due, "note": note_of(whole, note)})
        return rows

    async def explanation(self) -> list[Explained]:
        """Every decision that the person is shown, by the versions of the rules that made them; what they rest on says much of the child,
        so on record."""
        await self._note("explain_case", EXPLANATION)
        events = [event_adapter.validate_python(row["body"]) for row in await self._recorded()]
        packs = {version: await self.shouhu.ledger.pack(self.conn, version) for version in versions_of(events)}
        return as_told(explain({version: pack.file for version, pack in packs.items()}, events), await self.part())

    async def _note(self, action: str, field: str) -> None:
        """On record, unless it is already, where nothing is looked at through the lens."""
        if field not in self._on_record:
            await before_reading(self.conn, self.who, action, self.progress.case_id, [field])
            self._on_record.add(field)

    async def _look(self, fields: Sequence[str], also: Mapping[str, Sequence[str]] | None = None) -> Lens:
        """On record, unless it is already."""
        if not self._on_record.issuperset(fields):
            case_id = self.progress.case_id
            brings = self._content is None
            self._lens = await look(
                self.conn, self.who, "read_content", case_id, list(fields), also=also, brings=brings
            )
            self._on_record.update(fields)
        return self._lens

    async def _told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if self._content is None:
            self._content = await content_of(self.conn, self.progress, self._lens.keys, self._lens.stored)
        return self._content

    async def _assessed(self) -> ReportFacts | None:
        """The facts of the report with what was found since."""
        if not self._facts:
            self._facts = (await report_of(self.conn, self.progress.case_id, self._lens.keys),)
        return self._facts[0]

    async def _recorded(self) -> Sequence[RowMapping]:
        if self._events is None:
            event, note = tables.events.c, tables.notes.c
            query = (
                select(event.stream_id, event.version, event.body, note.body.label("note"))
                .outerjoin(tables.notes, (note.stream_id == event.stream_id) & (note.version == event.version))
                .where(event.stream_id == self.progress.case_id)
                .order_by(event.version)
            )
            self._events = (await self.conn.execute(query)).mappings().all()
        return self._events

    async def _happened(self) -> list[tuple[dict[str, Any], str | None]]:
        """Each event with the text that came with it, where texts may be read at all."""
        rows = await self._recorded()
        if not self.may(Action.READ_CONTENT):
            return [({**row["body"], "version": row["version"]}, None) for row in rows]
        found = await opened(self.conn, rows, tables.notes, names={"note": "body"}, keys=self._lens.keys)
        return [({**row["body"], "version": row["version"]}, row["note"]) for row in found]

    async def _notes(self, knows_reporter: bool, own: str | None) -> NoteOf:
        """The texts that came with the events: all for those who see all of the case, else those of the own legs and hand.

        What the own office wrote is cleared of what it is told alone: a mask that knew more would answer guesses.
        """
        if not self.may(Action.READ_CONTENT):
            await self._note("read_timeline", TIMELINE)
            return lambda event, note: None
        sees, lens = await self.sees(), await self._look([NOTES])
        known = await self._told()
        see, hidden = lens.over(known), hidden_from(known[1], knows=knows_reporter)
        typed = lens.over((sees.of(known[0]),))
        part = await self.part()

        def note_of(event: dict[str, Any], note: str | None) -> str | None:
            if not note or not (sees.whole or part.wrote(event)):
                return None
            if part.by_own_hand(event):
                return typed(note) if own is None else own
            return see(without(note, hidden))

        return note_of

    async def _proposals(self, facts: ReportFacts) -> Callable[[], dict[str, Any]]:
        """What makes what the rules of the case find in its report and in what has happened since, for those who decide on it; kept
        nowhere."""
        pack = await self.shouhu.ledger.pack(self.conn, self.progress.policy)

        def proposals() -> dict[str, Any]:
            children = pack.found(facts, self.progress.happened)
            sources = dict.fromkeys(source for child in children for source in child.sources)
            return {
                "found": [
                    child.model_dump(mode="json", exclude={"near": True, "benefits": {"near"}}) for child in children
                ],
                "sources": [cite(source).model_dump() for source in sources],
            }

        return proposals


async def reading(conn: AsyncConnection, who: Actor, shouhu: Service, case_id: str) -> Reading:
    """Of a case that the person may see; CASE_NOT_FOUND for all others."""
    one = Reading(conn, who, shouhu, await found(conn, who, case_id))
    require(who, Action.READ_CASE, one.subject)
    return one


def without_those(untold: Collection[str], told: Mapping[str, Any]) -> dict[str, Any]:
    """The same without these among those whom it is about."""
    return {
        name: [one for one in value if one not in untold] if name in ABOUT and isinstance(value, list) else value
        for name, value in told.items()
    }
