"""Q-S7, Q-S8: who steals the database or a backup reads nobody; each claim with the way in which it would fail."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import secrets
import stat
import time
import uuid
from datetime import UTC, datetime

import pytest
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from app.db import rotation, tables
from app.db.entries import register_entries
from app.db.intake import file
from app.db.ledger import Ledger
from app.db.migrate import migrate
from app.db.receipts import Receipts
from app.db.session import engine_of
from app.db.vault import (
    Algorithm,
    Broken,
    Destroyed,
    KeyMissing,
    Vault,
    opened,
    seal,
    sealed_row,
    sealing,
    unseal,
    vault_of,
    written,
)
from app.domain import commands as c
from app.domain.access import Actor
from app.domain.submission import Submission
from app.master_keys import FileKeys, GivenKeys, make_key_file
from app.policy.loader import load
from app.seed import seed
from tests.conftest import VAULT
from tests.faults import times

PLAIN = {
    "accounts": "person_id password_hash",
    "drafts": "id token_hash link_id person_id case_id",
    "emergency_reads": "id case_id person_id behalf accounts agency desk reason verdict reviewed_by",
    "entry_links": "id code_hash unit agency desk division reporter_class name made_by",
    "files": "id owner stream_id media_type",
    "form_drafts": "person_id case_id form",
    "full_views": "id person_id behalf agency desk stream_id case_id reason fields",
    "guesses": "key wrong_at",
    "identities": "issuer subject person_id",
    "api_keys": "id digest unit agency desk division scopes label made_by replaced_by",
    "approvals": "id act parameters digest case_id reason person_id behalf proposed_by agency desk approved_by approved_behalf"
    " rejected_by",
    "agencies": "code name_zh name_en aliases",
    "alike": "one other",
    "audit": "person_id behalf agency action stream_id fields children why outcome trace_id",
    "beats": "process build",
    "calendar_days": "day kind name source",
    "calendars": "confirmed_until reason set_by",
    "case_outcomes": "case_id policy since children",
    "cases": "id policy progress division stage urgency branch lead reporter_unit rung linked_to agencies desks about",
    "child_files": "id policy progress division child_id desks merged_into",
    "children": "id case_id sex division marks",
    "circulars": "month body",
    "commands": "stream_id person_id key digest kind",
    "compliance_papers": "id kind made_by body",
    "contents": "stream_id",
    "data_keys": "stream_id wrapped kek_id",
    "deadlines": "case_id subject clock agency stage urgency",
    "deputies": "person_id deputy_id set_by",
    "desks": "id agency division name_zh",
    "disposals": "subject_id kept case_id rule due_on erased_by approval_id",
    "divisions": "code name kind valid_from valid_to",
    "endpoints": "agency url",
    "events": "stream_id kind by body",
    "findings": "stream_id problem",
    "legal_holds": "id subject_id case_id reason set_by lift_reason lifted_by approval_id",
    "master_keys": "id",
    "notes": "stream_id kind",
    "notices": "person_id case_id kind subject rung",
    "owed": "id policy progress division matter code subject agency desk rung",
    "people": "id name agency desk roles division unit token_hash staff_no also",
    "policy_versions": "version title effective_from files proposed_by approved_by proposed_behalf approved_behalf",
    "register_entries": "id book desk division kind reason fields marks by behalf",
    "reports": "case_id receipt_hash filed_by reporter_unit happened_on findings",
    "round_units": "round_id unit desk joined",
    "rounds": "id policy progress division code organiser",
    "saved_views": "id person_id query",
    "signals": "id unit agency sent_id rule policy division desk state outcome child_id case_id happened_on marks decided_by",
    "seals": "root head key_id signature",
    "sessions": "token_hash person_id",
    "sheet_jobs": "id step book person_id actor why month state problem counts faults unread",
    "sheet_parts": "job_id name",
    "submissions": "scope key body_hash case_id",
    "suggestions": "case_id other_id reasons state decided_by",
    "survey_answers": "id survey month marks",
    "survey_invitations": "code_hash survey issued_by issued_on",
    "tasks": "case_id subject kind task agency desk stage basis urgency division state holder rung next_rung delivery",
    "watches": "id policy progress division child_id case_id grade desk offered_to",
}
"""Columns that can hold words and hold nobody's: ids, codes, dates of the law, keyed hashes, official names of offices and staff."""
SEALED = (
    "accounts",
    "approvals",
    "children",
    "contents",
    "drafts",
    "emergency_reads",
    "endpoints",
    "files",
    "form_drafts",
    "full_views",
    "legal_holds",
    "notes",
    "register_entries",
    "reports",
    "saved_views",
    "sheet_parts",
    "signals",
)
WORDLESS = "('integer', 'bigint', 'boolean', 'double precision', 'timestamp with time zone', 'uuid')"
REPORTER = Actor(
    person_id="hotline.reporter.1", agency="HOTLINE", desk="HOTLINE", roles=("reporter",), unit="unit-hotline-1"
)


def form(word):
    return Submission.model_validate(
        {
            "reporter": {"class": "public", "name": word["reporter"], "phone": word["phone"]},
            "children": [
                {
                    "name": word["name"], "id_no": word["id_no"], "birth_date": "2016-03-04", "residence": word["residence"],
                    "school": word["school"], "features": word["features"], "residence_division": "110106002",
                }
            ],
            "family": [{"name": word["guardian"], "note": word["guardian"]}],
            "narrative": word["narrative"],
        }
    )  # fmt: skip


def words():
    fields = ("reporter", "phone", "name", "id_no", "residence", "school", "features", "guardian", "narrative", "note")
    return {field: f"canary{uuid.uuid4().hex[:14]}" for field in fields}


async def filed(conn, word=None):
    ledger = Ledger(load, "fengtai-2026.1")
    word = word or words()
    case = (await file(conn, ledger, Receipts(b"of the seal"), form(word), REPORTER, uuid.uuid4().hex)).case_id
    await ledger.record(conn, case, c.AddNote(by=REPORTER, note=word["note"]), key=uuid.uuid4().hex)
    return case


async def read(conn, case):
    """What the service itself reads of a case."""
    child, report = tables.children, tables.reports
    children = (await conn.execute(select(child).where(child.c.case_id == case))).mappings()
    reports = (await conn.execute(select(report).where(report.c.case_id == case))).mappings()
    return (await opened(conn, children, child))[0], (await opened(conn, reports, report))[0]


async def in_dump(conn, given):
    """How many rows of all tables hold one of the words, as a dump would show them."""
    names = (
        await conn.execute(
            text("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")
        )
    ).scalars()
    found = {}
    for name in names.all():
        query = text(f'select count(*) from "{name}" t where t::text like any (:words)')
        if rows := (await conn.execute(query, {"words": [f"%{one}%" for one in given]})).scalar_one():
            found[name] = rows
    return found


async def test_every_column_that_can_hold_words_is_declared_sealed_or_free_of_persons(engine):
    catalogue = text(
        "select table_name, column_name from information_schema.columns where table_schema = 'public'"
        f" and table_name <> 'alembic_version' and data_type not in {WORDLESS}"
    )
    async with engine.connect() as conn:
        there = {(row.table_name, row.column_name) for row in await conn.execute(catalogue)}
    declared = {(name, column) for name, columns in PLAIN.items() for column in columns.split()}
    sealed = {(t.name, column) for t in tables.metadata.tables.values() for column in sealing(t).columns}
    assert {name for name, _ in sealed} == set(SEALED)
    assert not declared & sealed
    assert there == declared | sealed
    assert there | {("children", "nickname")} != declared | sealed  # a column that somebody adds is missed here


async def test_a_dump_without_the_master_key_names_nobody(engine):
    word = words()
    async with engine.begin() as conn:
        case = await filed(conn, word)
        assert await in_dump(conn, word.values()) == {}
        child, report = await read(conn, case)
        assert (child["name"], child["id_no"], report["narrative"]) == (
            word["name"],
            word["id_no"].upper(),
            word["narrative"],
        )
        assert (report["reporter"]["name"], report["family"][0]["name"]) == (word["reporter"], word["guardian"])
        await conn.execute(
            update(tables.reports).where(tables.reports.c.case_id == case).values(narrative=word["narrative"])
        )
        assert await in_dump(conn, word.values()) == {"reports": 1}  # the search sees what is not sealed
        await conn.rollback()


async def test_neither_marks_nor_digests_are_hashes_that_can_be_tried_out(engine):
    """With the right values and every way of hashing them without a key."""
    async with engine.begin() as conn:
        case = await filed(conn, words() | {"id_no": "11010620160304002X"})
        row = (
            await conn.execute(select(tables.children.c.marks).where(tables.children.c.case_id == case))
        ).scalar_one()
        digests = [
            *(
                await conn.execute(select(tables.submissions.c.body_hash).where(tables.submissions.c.case_id == case))
            ).scalars()
        ]
        digests += (
            await conn.execute(select(tables.commands.c.digest).where(tables.commands.c.stream_id == case))
        ).scalars()
        mine = vault_of(conn).mark("id_no", "11010620160304002X")
        await conn.rollback()
    assert len(digests) == 2
    assert mine in row
    for value in ("11010620160304002X", "id_no|11010620160304002X", "mark|id_no|11010620160304002X"):
        for made in (hashlib.sha256(value.encode()).digest(), hashlib.md5(value.encode()).digest()):
            assert base64.urlsafe_b64encode(made)[:16].decode() not in row
    other = Vault(GivenKeys({"m": secrets.token_bytes(32)}, secrets.token_bytes(32)))
    assert other.mark("id_no", "11010620160304002X") != mine


async def test_a_sealed_value_in_any_other_place_is_refused(engine):
    """Rows, columns and cases of one table swapped with each other, by whoever may write to the database."""
    child = tables.children
    async with engine.begin() as conn:
        two = [await filed(conn) for _ in range(2)]
        rows = [(await conn.execute(select(child).where(child.c.case_id == case))).mappings().one() for case in two]
        places = [(row, column) for row in rows for column in sealing(child).columns if row[column] is not None]
        assert len(places) == 12
        wrong = 0
        for (row, column), (source, other) in itertools.permutations(places, 2):
            with pytest.raises(Broken):
                await opened(conn, [{**row, column: source[other]}], child)
            wrong += 1
        assert wrong == 132
        assert len(await opened(conn, rows, child)) == 2  # each in its own place is read
        one = select(tables.data_keys.c.wrapped).where(tables.data_keys.c.stream_id == two[0])
        theirs = update(tables.data_keys).where(tables.data_keys.c.stream_id == two[1])
        await conn.execute(theirs.values(wrapped=one.scalar_subquery()))
        with pytest.raises(Broken):  # nor does the key of one case serve another
            await opened(conn, rows, child)
        await conn.rollback()


async def test_a_spoilt_case_stops_no_report_of_the_same_child(engine):
    """Its own pages say that it is broken; a search that meets it goes on, with an error in the log."""
    word, child = words(), tables.children
    async with engine.begin() as conn:
        other, spoilt = await filed(conn), await filed(conn, word)
        key, wrapped = tables.data_keys.c, select(tables.data_keys.c.wrapped)
        theirs = wrapped.where(key.stream_id == other).scalar_subquery()
        await conn.execute(update(tables.data_keys).where(key.stream_id == spoilt).values(wrapped=theirs))
        with structlog.testing.capture_logs() as logged:
            assert await filed(conn, word) not in (other, spoilt)
        assert {"event": "unreadable", "table": "data_keys", "stream": spoilt, "log_level": "error"} in logged
        rows = (await conn.execute(select(child).where(child.c.case_id == spoilt))).mappings().all()
        with pytest.raises(Broken):
            await opened(conn, rows, child)
        await conn.rollback()


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_both_ciphers_open_what_they_sealed_and_nothing_that_was_touched(algorithm):
    secret, plain = secrets.token_bytes(32), "某某（化名）".encode()
    sealed = seal(secret, plain, "children|name|ch-1", algorithm)
    assert unseal(secret, sealed, "children|name|ch-1") == plain
    assert seal(secret, plain, "children|name|ch-1", algorithm) != sealed
    raw = bytearray(sealed)
    for n in range(len(raw)):
        touched = bytes(raw[:n]) + bytes([raw[n] ^ 1]) + bytes(raw[n + 1 :])
        with pytest.raises(Broken):
            unseal(secret, touched, "children|name|ch-1")
    assert unseal(secret, written(sealed), "children|name|ch-1") == plain
    for wrong in ("", "AQ==", "plain text", b"", sealed[:20]):
        with pytest.raises(Broken):
            unseal(secret, wrong, "children|name|ch-1")


async def test_the_setting_changes_the_cipher_of_what_is_new_alone(postgres, engine):
    other = engine_of(postgres.url, pool=1, vault=Vault(VAULT.master, Algorithm.SM4))
    child = tables.children
    try:
        async with other.begin() as conn:
            case = await filed(conn)
            stored = (await conn.execute(select(child).where(child.c.case_id == case))).mappings().one()
    finally:
        await other.dispose()
    assert base64.b64decode(stored["name"])[0] == 2
    async with engine.begin() as conn:
        assert (await read(conn, case))[0]["name"].startswith("canary")
        row = await sealed_row(conn, child, {"id": stored["id"], "case_id": case, "name": "新"})
        assert base64.b64decode(row["name"])[0] == 1


class Device:
    """Gives nothing out but what C_Encrypt, C_Decrypt and C_Sign of PKCS#11 do: its keys have handles and stay inside."""

    def __init__(self):
        self._inside = {"hsm-1": AESGCM(secrets.token_bytes(32)), "marks": secrets.token_bytes(32)}
        self.asked = []

    def current(self):
        return "hsm-1"

    def known(self):
        return frozenset({"hsm-1"})

    def wrap(self, key_id, secret, place):
        self.asked.append("encrypt")
        nonce = secrets.token_bytes(12)
        return (nonce + self._inside[key_id].encrypt(nonce, secret, place.encode())).hex()

    def unwrap(self, key_id, wrapped, place):
        self.asked.append("decrypt")
        raw = bytes.fromhex(wrapped)
        return self._inside[key_id].decrypt(raw[:12], raw[12:], place.encode())

    def mac(self, message):
        self.asked.append("sign")
        return hmac.digest(self._inside["marks"], message, "sha256")


async def test_the_master_keys_may_lie_in_a_device_that_never_gives_them_out(postgres, engine):
    device = Device()
    other = engine_of(postgres.url, pool=1, vault=Vault(device))
    try:
        async with other.connect() as conn:
            await rotation.enter(conn)
            case = await filed(conn)
            assert (await read(conn, case))[0]["name"].startswith("canary")
            query = select(tables.data_keys.c.kek_id).where(tables.data_keys.c.stream_id == case)
            assert (await conn.execute(query)).scalar_one() == "hsm-1"
            await conn.rollback()
    finally:
        await other.dispose()
    assert set(device.asked) == {"encrypt", "decrypt", "sign"}


async def test_secrets_of_the_installation_are_sealed_and_no_wall_shows_their_key(engine, walled):
    row = {"agency": "EDU", "secret": "whsec_x"}
    async with engine.begin() as conn:
        stored = await sealed_row(conn, tables.endpoints, row)
        assert (await opened(conn, [stored], tables.endpoints)) == [row]
    async with walled.connect() as conn:
        assert (await conn.execute(text("select count(*) from data_keys"))).scalar_one() == 0
        assert (await opened(conn, [stored], tables.endpoints)) == [row]  # a sign-in has nobody yet who could see it


@pytest.fixture
def keys(tmp_path):
    """A key file."""
    path = tmp_path / "keys.json"
    make_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return FileKeys(path)


@pytest.fixture
async def own(postgres, engine, keys):
    """A database of its own with the keys of that file."""
    name = f"sealed_{secrets.token_hex(4)}"
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text(f"create database {name}"))
    ours = engine_of(postgres.url.rpartition("/")[0] + f"/{name}", pool=8, vault=Vault(FileKeys(keys.path)))
    yield ours
    await ours.dispose()
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text(f"drop database {name} with (force)"))


@pytest.fixture
async def district(own):
    await migrate(own)
    async with own.begin() as conn:
        await seed(conn, tokens={})
    return own


ROWS, A_SECOND = times(2_000, 10_000), 20


@contextlib.asynccontextmanager
async def load_of(engine, cases, errors, done):
    """Twenty requests a second that read, and new reports among them, whether or not the last was answered."""

    async def one(n):
        try:
            async with engine.begin() as conn:
                made = [await filed(conn)] if n % 5 == 0 else []
                child, _ = await read(conn, (made or cases)[n % len(made or cases)])
                assert child["name"].startswith("canary")
            cases.extend(made)
        except Exception as failure:
            errors.append(failure)
        done.append(n)

    async def go():
        began = time.monotonic()
        async with asyncio.TaskGroup() as asked:
            for n in itertools.count():
                asked.create_task(one(n))
                if over.is_set():
                    return
                await asyncio.sleep(max(0.0, began + (n + 1) / A_SECOND - time.monotonic()))

    over = asyncio.Event()
    at_work = asyncio.create_task(go())
    try:
        yield
    finally:
        over.set()
        await at_work


async def test_the_master_key_is_renewed_under_load_and_the_old_one_opens_nothing_more(district, keys, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 100)
    before = keys.current()
    stale = Vault(GivenKeys({before: base64.b64decode(json.loads(keys.path.read_text())["master"][before])}, b"k" * 32))
    async with district.begin() as conn:
        cases = [await filed(conn) for _ in range(3)]
        await conn.execute(insert(tables.data_keys), [vault_of(conn).new_key(f"case-many-{n}")[1] for n in range(ROWS)])
    errors, done, told, began = [], [], [], time.monotonic()
    async with load_of(district, cases, errors, done):
        after = keys.renew()
        turned = await rotation.rotate(district, lambda done, whole: told.append((done, whole)))
        assert keys.keep_only(after) == [before]
        await asyncio.sleep(0.2)
        spent = time.monotonic() - began
    assert errors == []
    assert len(done) > 10
    assert len(done) > 0.8 * A_SECOND * spent, "so many a second"
    assert turned >= ROWS + 3
    assert told[0][0] == 100
    assert told[-1][0] == told[-1][1] == turned
    async with district.begin() as conn:
        assert (await rotation.standing(conn)).by_master.keys() == {after}
        assert [(await read(conn, case))[0]["name"][:6] for case in cases] == ["canary"] * len(cases)
        await rotation.require_keys(conn)
    with pytest.raises(IntegrityError):  # a process that still wraps with the old key loses nothing: it is refused
        async with district.begin() as conn:
            await conn.execute(insert(tables.data_keys), stale.new_key("case-late")[1])


async def test_control_a_master_key_that_goes_before_all_is_wrapped_anew_is_missed(district, keys):
    async with district.begin() as conn:
        case = await filed(conn)
    keys.keep_only(keys.renew())
    async with district.begin() as conn:
        with pytest.raises(KeyMissing):
            await read(conn, case)
        with pytest.raises(KeyMissing):
            await rotation.require_keys(conn)


async def test_a_destroyed_case_is_read_by_nobody_nor_from_an_older_backup_once_the_master_key_is_renewed(
    district, keys
):
    async with district.begin() as conn:
        gone, kept = await filed(conn), await filed(conn)
        backup = [dict(row) for row in (await conn.execute(select(tables.data_keys))).mappings()]
    async with district.begin() as conn:
        assert await rotation.destroy(conn, [gone], datetime.now(UTC)) == 1
    async with district.begin() as conn:
        child, report = await read(conn, gone)
        assert {child[name] for name in sealing(tables.children).columns} == {None}
        assert (report["narrative"], report["reporter"]) == (None, None)
        assert (await read(conn, kept))[0]["name"].startswith("canary")
        assert (await rotation.standing(conn)).since_rotation == 1
    with pytest.raises(Destroyed):
        async with district.begin() as conn:
            await sealed_row(conn, tables.notes, {"stream_id": gone, "version": 9, "body": "x"})

    async def restored(conn, streams):
        """The rows of the older backup in place of those of now."""
        for row in backup:
            if row["stream_id"] in streams:
                held = {"id": row["kek_id"], "since": datetime.now(UTC)}
                await conn.execute(text("insert into master_keys values (:id, :since) on conflict do nothing"), held)
                mine = update(tables.data_keys).where(tables.data_keys.c.stream_id == row["stream_id"])
                await conn.execute(mine.values(**row))

    async with district.begin() as conn:  # until then the backup still opens it: said in SECURITY.md
        await restored(conn, [gone])
        assert (await read(conn, gone))[0]["name"].startswith("canary")
        await conn.rollback()
    after = keys.renew()
    await rotation.rotate(district, lambda done, whole: None)
    keys.keep_only(after)
    async with district.begin() as conn:
        assert (await rotation.standing(conn)).since_rotation == 0
        assert (await read(conn, kept))[0]["name"].startswith(
            "canary"
        )  # its content is as old as the backup, its key of now
        await restored(conn, [gone, kept])
        for case in (gone, kept):
            with pytest.raises(KeyMissing):
                await read(conn, case)
        await conn.rollback()


OLD = {
    "children": {
        "id": "ch-old", "case_id": "case-old", "name": "欧阳小满", "birth_date": "2016-03-04", "id_no": "11010620160304002X",
        "phone": "13900000751", "phones": "{13900000751}", "guardians": "{}", "sound_keys": "{o}", "division": "110106002",
    },
    "reports": {
        "case_id": "case-old", "receipt_hash": "h", "filed_by": "x", "reporter_unit": "u", "reporter": '{"name": "老师"}',
        "narrative": "独自在家", "family": '[{"name": "父亲"}]', "facts": '{"happened_on": "2026-05-04"}', "findings": "[]",
    },
    "notes": {"stream_id": "case-old", "version": "2", "kind": "k", "body": "补充"},
    "contents": {"stream_id": "file-ch-old", "version": "1", "body": '{"value": "新址"}'},
    "register_entries": {
        "id": "entry-old", "version": "1", "book": "services", "desk": "EDU", "division": "110106", "kind": "opened",
        "fields": "{}", "private": '{"child": "ch-old", "by": "志愿者"}', "by": "x",
    },
    "full_views": {
        "id": "view-old", "person_id": "p", "agency": "CIVIL", "desk": "CIVIL", "stream_id": "case-old", "case_id": "case-old",
        "reason": "visit", "note": "核对门牌", "fields": "{}", "opened_at": "2026-05-05", "until": "2026-05-05",
    },
    "endpoints": {"agency": "EDU", "url": "http://x", "secret": "whsec_old", "supports_lookup": "false"},
    "commands": {
        "stream_id": "case-old", "person_id": "p", "key": "k", "digest": "d" * 64, "kind": "AddNote", "from_version": "2",
        "to_version": "2",
    },
}  # fmt: skip
AT = {"children": "filed_at", "register_entries": "at"}
SAID = (
    "欧阳小满",
    "11010620160304002X",
    "13900000751",
    "老师",
    "独自在家",
    "父亲",
    "补充",
    "新址",
    "志愿者",
    "whsec_old",
    "核对门牌",
)


async def test_rows_of_an_older_release_are_sealed_by_the_migration_and_read_as_before(own, postgres):
    await migrate(own, "0025")
    async with own.begin() as conn:
        sight = {"stage": "report", "urgency": "normal", "lead": "CIVIL", "reporter_unit": "u", "division": "110106"}
        case = {
            "id": "case-old",
            "version": 1,
            "policy": "p",
            "progress": {},
            "is_open": True,
            "agencies": [],
            "desks": [],
        }
        await conn.execute(insert(tables.cases), case | sight | {"filed_at": datetime.now(UTC)})
        for name, row in OLD.items():
            values = [f"'{value}'" for value in row.values()] + (["now()"] if name in AT else [])
            columns = [f'"{column}"' for column in (*row, *([AT[name]] if name in AT else []))]
            await conn.exec_driver_sql(f"insert into {name} ({', '.join(columns)}) values ({', '.join(values)})")
        assert len(await in_dump(conn, SAID)) == 7
    keyless = engine_of(own.url.render_as_string(hide_password=False), pool=1)
    with pytest.raises(RuntimeError, match="give the keys"):
        await migrate(keyless)
    await keyless.dispose()
    await migrate(own)
    async with own.begin() as conn:
        assert await in_dump(conn, SAID) == {}
        child, report = await read(conn, "case-old")
        assert (child["name"], child["id_no"], f"{child['birth_date']}") == (
            "欧阳小满",
            "11010620160304002X",
            "2016-03-04",
        )
        assert (report["narrative"], report["reporter"], report["family"]) == (
            "独自在家",
            {"name": "老师"},
            [{"name": "父亲"}],
        )
        assert f"{report['happened_on']}" == "2026-05-04"
        for table, column, value in (
            (tables.notes, "body", "补充"), (tables.contents, "body", {"value": "新址"}), (tables.endpoints, "secret", "whsec_old"),
            (tables.full_views, "note", "核对门牌"),
            (register_entries, "private", {"child": "ch-old", "by": "志愿者"}),
        ):  # fmt: skip
            (row,) = await opened(conn, (await conn.execute(select(table))).mappings(), table)
            assert row[column] == value
        vault = vault_of(conn)
        assert {vault.mark("id_no", "11010620160304002X"), vault.mark("phone", "13900000751")} <= set(child["marks"])
        entry = (await conn.execute(select(register_entries.c.marks))).scalar_one()
        assert entry == [vault.mark("child", "ch-old")]
        assert (await conn.execute(select(tables.commands.c.digest))).scalar_one() == vault.digest("d" * 64)
