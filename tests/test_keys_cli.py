"""The copy of the wrapped keys, by the command; the doctor's eye on the key file; keys of the engine's payloads that are renewed."""

import asyncio
import base64
import json
import os
import secrets
import stat
from types import SimpleNamespace

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import delete, func, insert, select, update
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from app.cli import main
from app.db import tables
from app.db.account_tables import identities
from app.db.session import engine_of
from app.db.vault import vault_of
from app.doctor import keys_check
from app.master_keys import FileKeys, vault_for
from app.settings import Settings
from app.temporal import SealingCodec, UnknownKey, data_converter
from tests.conftest import KEY_SETTINGS, KEYS, MARKS, MASTER
from tests.test_doctor import verdicts
from tests.world import World

ROWS = tables.data_keys


@pytest.fixture
def shouhu(postgres, engine, tmp_path, monkeypatch, capsys):
    """The command on this database; its exit code and what it said."""
    for name, value in {**KEY_SETTINGS, "SHOUHU_DATABASE_URL": postgres.url}.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments):
        monkeypatch.setattr("sys.argv", ["shouhu", *arguments])
        code = 0
        try:
            await asyncio.to_thread(main)
        except SystemExit as ended:
            code = ended.code or 0
        said = capsys.readouterr()
        return code, "".join((said.out + said.err).split("\n"))

    return run


async def stored(engine, stream):
    async with engine.connect() as conn:
        return dict((await conn.execute(select(ROWS).where(ROWS.c.stream_id == stream))).mappings().one())


async def test_an_export_brings_the_keys_of_an_older_backup_to_where_they_stand_now(engine, shouhu, tmp_path):
    kept, gone = (f"case-{secrets.token_hex(8)}" for _ in range(2))
    async with engine.begin() as conn:
        now = [vault_of(conn).new_key(stream)[1] for stream in (kept, gone)]
        older = [{**row, "wrapped": "what the backup holds"} for row in now]
        await conn.execute(insert(ROWS), now)
        await conn.execute(
            update(ROWS)
            .where(ROWS.c.stream_id == gone)
            .values(wrapped=None, kek_id=None, destroyed_at=now[0]["created_at"])
        )
    file = tmp_path / "keys.jsonl"
    code, said = await shouhu("keys", "export", str(file))
    lines = {row["stream_id"]: row for row in map(json.loads, file.read_text().splitlines())}
    assert (code, f"{len(lines)} keys in" in said) == (0, True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (lines[kept]["wrapped"], lines[gone]["wrapped"]) == (now[0]["wrapped"], None)
    assert base64.b64encode(MASTER).decode() not in file.read_text()
    before = {stream: await stored(engine, stream) for stream in (kept, gone)}
    async with engine.begin() as conn:  # the older backup comes back
        await conn.execute(delete(ROWS).where(ROWS.c.stream_id.in_([kept, gone])))
        await conn.execute(insert(ROWS), older)
    assert await stored(engine, gone) != before[gone]
    code, said = await shouhu("keys", "restore", str(file))
    assert (code, f"{len(lines)} keys stand as in" in said) == (0, True)
    assert {stream: await stored(engine, stream) for stream in (kept, gone)} == before
    async with engine.begin() as conn:
        assert (await vault_of(conn).keys(conn, [gone])) == {gone: None}
        await conn.execute(delete(ROWS).where(ROWS.c.stream_id.in_([kept, gone])))


@pytest.mark.parametrize("text", ["no export\n", None], ids=["not one", "not there"])
async def test_what_is_no_export_is_told_in_a_sentence_and_changes_nothing(engine, shouhu, tmp_path, text):
    file = tmp_path / "other"
    if text:
        file.write_text(text)
    async with engine.connect() as conn:
        before = (await conn.execute(select(ROWS).order_by(ROWS.c.stream_id))).all()
    code, said = await shouhu("keys", "restore", str(file))
    assert code == 1
    assert "is no export of keys" in said
    assert "Traceback" not in said
    async with engine.connect() as conn:
        assert (await conn.execute(select(ROWS).order_by(ROWS.c.stream_id))).all() == before


async def test_what_is_done_on_the_server_is_on_record(engine, shouhu, tmp_path, monkeypatch):
    """An account, an identity, where an agency's packets go, a unit's link, a copy of the keys: the operator's, never unseen."""
    monkeypatch.setenv("SHOUHU_OIDC_ISSUER", "https://idp.test")
    row = tables.audit.c
    async with engine.connect() as conn:
        newest = (await conn.execute(select(func.max(row.id)))).scalar_one() or 0
    for arguments in (
        ("account", "library.nobody.1"), ("account", "housing.officer.1"), ("identity", "housing.officer.1", "subject-7"),
        ("endpoint", "HOUSING=https://housing.test/referrals"), ("endpoint", "--remove", "HOUSING"),
        ("entry-link", "unit-school-1"), ("keys", "export", str(tmp_path / "copy")),
    ):  # fmt: skip
        code, said = await shouhu(*arguments)
        assert code == (2 if "library.nobody.1" in arguments else 0), said
    async with engine.begin() as conn:
        await conn.execute(delete(tables.accounts).where(tables.accounts.c.person_id == "housing.officer.1"))
        await conn.execute(delete(identities).where(identities.c.person_id == "housing.officer.1"))
        found = (await conn.execute(select(tables.audit).where(row.id > newest, row.person_id == "operator"))).all()
    assert [(one.action, one.stream_id, *one.fields) for one in sorted(found, key=lambda one: one.id)] == [
        ("renew_account", "housing.officer.1"), ("bind_identity", "housing.officer.1"), ("enter_endpoint", None, "agency:HOUSING"),
        ("remove_endpoint", None, "agency:HOUSING"), ("make_entry_link", None, "unit-school-1"), ("export_keys", None),
    ]  # fmt: skip


async def test_a_key_file_that_others_may_read_or_that_lacks_a_key_is_told(postgres, engine, tmp_path):
    what, file = "the keys of content are at hand", tmp_path / "keys.json"

    def written(**master):
        stored = {"master": master, "marks": base64.b64encode(MARKS).decode()}
        file.write_text(json.dumps(stored))
        os.chmod(file, 0o600)

    async def told(**given):
        settings = Settings(**given)
        ours = engine_of(postgres.url, vault=vault_for(settings))
        async with ours.connect() as conn:
            check = await keys_check(conn, settings)
        await ours.dispose()
        return check

    written(**{"m-test": base64.b64encode(MASTER).decode()})
    assert FileKeys(file).current() == "m-test"
    assert (await verdicts(postgres.url, key_file=file))[what].ok
    for mode in (0o640, 0o604, 0o660):
        file.chmod(mode)
        check = await told(key_file=file)
        assert (check.ok, f"chmod 600 {file}" in check.detail) == (False, True)
    written(**{"m-other": base64.b64encode(secrets.token_bytes(32)).decode()})
    assert "m-test is not here" in (await told(key_file=file)).detail
    file.unlink()
    assert not (await told(key_file=file)).ok
    assert not (await told()).ok, "no keys at all"


NEW = {"next": b"a new key of payloads, 32 bytes!", **KEYS}


async def test_payloads_of_the_key_before_are_opened_and_new_ones_have_the_new_key():
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b'{"case": "case-1"}')
    old, new = SealingCodec(KEYS), SealingCodec(NEW)
    (before,), (after,) = await old.encode([plain]), await new.encode([plain])
    assert (before.metadata["key"], after.metadata["key"]) == (b"test", b"next")
    assert await new.decode([before, after]) == [plain, plain]
    for codec, sealed in ((old, after), (SealingCodec({"next": NEW["next"]}), before)):
        with pytest.raises(UnknownKey):
            await codec.decode([sealed])
    swapped = Payload(metadata={**before.metadata, "key": b"next"}, data=before.data)
    with pytest.raises(InvalidTag):
        await SealingCodec({"next": KEYS["test"], "test": NEW["next"]}).decode([swapped])


async def test_a_case_goes_on_under_the_new_key_and_its_failures_say_nothing_in_clear(engine, temporal):
    """Begun under the old key, conducted under the new one; the history holds both, and no text of an error."""
    before = World(engine, temporal)
    async with before.open():
        case = await before.report("CN-02")
        begun = await keys_of(before.handle(case))
    client = await Client.connect(temporal.client.service_client.config.target_host, data_converter=data_converter(NEW))
    after = World(engine, SimpleNamespace(client=client, fast_forward=temporal.fast_forward))
    after.settings, after.relay = before.settings, before.relay
    async with after.open():
        await after.sleep(case, hours=2)
        handle = client.get_workflow_handle(case)
        assert begun == {b"test"}
        assert await keys_of(handle) == {b"test", b"next"}
        assert await handle.query("progress")
        await handle.terminate("the test is over")
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    converter = data_converter(NEW)
    told = ApplicationError("张小明（化名）", "110106", type="x")
    failure = await converter_failure(converter, told)
    assert failure.message == "Encoded failure"
    assert "张小明".encode() not in failure.SerializeToString()
    assert failure.encoded_attributes.metadata["key"] == b"next"
    assert (await converter.decode_failure(failure)).message == "张小明（化名）"


async def converter_failure(converter, error):
    failure = Failure()
    await converter.encode_failure(error, failure)
    return failure


async def keys_of(handle):
    """The keys under which the payloads of a history are sealed."""
    found = set()

    def look(message):
        if isinstance(message, Payload):
            if "key" in message.metadata:
                found.add(message.metadata["key"])
            return
        for field, value in message.ListFields():
            if field.type != field.TYPE_MESSAGE:
                continue
            many = value.values() if hasattr(value, "values") and not hasattr(value, "ListFields") else value
            for one in many if not hasattr(value, "ListFields") else [value]:
                if hasattr(one, "ListFields"):
                    look(one)

    async for event in handle.fetch_history_events():
        look(event)
    return found
