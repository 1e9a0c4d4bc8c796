"""Q-S7, Q-S8: who steals the database or a backup reads nobody; each claim with the way in which it would fail."""

import base64
import hashlib
import hmac
import itertools
import secrets
from datetime import date

import pytest
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select, text, update

from app.db import rotation, tables
from app.db.session import engine_of
from app.db.vault import Algorithm, Broken, DataKey, Vault, opened, seal, sealed_row, sealing, unseal, vault_of, written
from app.master_keys import GivenKeys
from tests.canary import filed, in_dump, read, words
from tests.conftest import VAULT

PLAIN = {
    "accounts": "person_id password_hash",
    "drafts": "id token_hash link_id person_id case_id",
    "emergency_reads": "id case_id person_id behalf accounts agency desk reason office verdict reviewed_by review_office",
    "entry_links": "id code_hash unit agency desk division reporter_class name made_by",
    "files": "id owner stream_id media_type",
    "form_drafts": "person_id case_id form",
    "full_views": "id person_id behalf agency desk stream_id case_id reason office fields",
    "guesses": "key wrong_at",
    "identities": "issuer subject person_id",
    "api_keys": "id digest unit agency desk division scopes label made_by replaced_by",
    "approvals": "id act parameters digest case_id reason office person_id behalf proposed_by agency desk approved_by approved_behalf"
    " rejected_by",
    "agencies": "code name_zh name_en aliases",
    "alike": "one other",
    "audit": "person_id behalf agency action stream_id fields children why outcome trace_id",
    "beats": "process build",
    "calendar_days": "day kind name source",
    "calendars": "confirmed_until reason set_by",
    "case_outcomes": "case_id policy since children",
    "cases": "id policy progress division stage urgency branch lead reporter_unit rung linked_to agencies desks about",
    "child_files": "id policy progress division child_id desks merged_into community",
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
    "legal_holds": "id subject_id case_id reason office set_by lift_reason lifted_by approval_id",
    "master_keys": "id",
    "notes": "stream_id kind",
    "notices": "person_id case_id kind subject rung",
    "owed": "id policy progress division matter code subject agency desk rung",
    "people": "id name agency desk roles division unit token_hash staff_no also also_at",
    "policy_versions": "version title effective_from files proposed_by approved_by proposed_behalf approved_behalf",
    "register_entries": "id book desk division kind reason fields marks cases by behalf",
    "reports": "case_id receipt_hash filed_by office reporter_unit happened_on findings",
    "round_units": "round_id unit desk joined",
    "rounds": "id policy progress division code organiser",
    "saved_views": "id person_id query",
    "signals": "about id unit agency sent_id rule policy division desk state outcome child_id case_id happened_on marks decided_by",
    "seals": "root head key_id signature",
    "sessions": "token_hash person_id",
    "sheet_jobs": "id step book person_id actor why month state problem counts faults unread",
    "sheet_parts": "job_id name",
    "submissions": "scope key body_hash case_id",
    "suggestions": "case_id other_id reasons state decided_by",
    "survey_answers": "id survey month marks",
    "survey_invitations": "code_hash survey issued_by issued_on",
    "tasks": "case_id subject kind task agency desk stage basis urgency division state holder rung next_rung delivery",
    "watches": "id policy progress division child_id case_id grade desk offered_to community",
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


def test_a_sealed_value_in_the_place_of_any_other_table_or_column_is_refused():
    """Of rows with one id and one key, as a note and a report of one case have it."""
    key, plain = (
        DataKey("case-1", secrets.token_bytes(32)),
        {"text": "x", "json": "x", "date": date(2016, 3, 4), "bytes": b"x"},
    )
    found = [sealing(table) for table in tables.metadata.tables.values()]
    row = {column.name: "1" for of in found for column in of.table.primary_key if "sealed" not in column.info}
    places = [(of, column) for of in found for column in of.columns]
    assert {of.table.name for of, _ in places} == set(SEALED)
    for of, column in places:
        sealed = VAULT.sealed(of.table, [{**row, column: plain[of.columns[column]]}], key)[0][column]
        assert key.open(sealed, of.place(row, column))
        for other, place in places:
            if (other, place) != (of, column):
                with pytest.raises(Broken):
                    key.open(sealed, other.place(row, place))


def test_no_two_texts_share_the_nonce_of_an_opaque_word():
    nonces = [base64.urlsafe_b64decode(VAULT.word(*said))[1:13] for said in (("c", "a|b"), ("b|c", "a"), ("b|c", "a"))]
    assert nonces[0] != nonces[1] == nonces[2]


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
