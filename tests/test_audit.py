"""The audit is sealed as a chain: whoever changes it afterwards is found by a program that knows nothing of the service."""

import asyncio
import base64
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from app.db import tables
from app.db.migrate import migrate
from app.db.sealer import LAST, ROWS, Sealer, SealKey, head, leaf, root, trail, written
from app.db.session import engine_of
from app.timestamps import Authority, NotStamped
from deploy.tsa import Authority as Tsa
from deploy.tsa import server_of
from tests.conftest import VAULT
from tests.faults import times

VERIFIER = Path(__file__).parents[1] / "deploy" / "verify_audit.py"
KEY = SealKey.of(base64.b64encode(bytes(range(32))).decode())
OWNER = "set local session_replication_role = replica"
"""What the owner of the database can do, and nobody else: write without the trigger that lets rows only come."""
ROW = {"person_id": "police.officer.1", "agency": "POLICE", "action": "read_content", "stream_id": "case-1"}


@pytest.fixture(scope="module")
async def own(postgres, place):
    """A database of these tests alone, with three seals over thirty rows and the heads that another organisation holds.

    What an attacker does is rolled back once it was found; what the service does stays.
    """
    name = f"sealed_{os.urandom(4).hex()}"
    await _database(postgres, f"create database {name}")
    engine = engine_of(_url(postgres, name), pool=8, vault=VAULT)
    await migrate(engine)
    sealer = Sealer(engine, KEY, place / "anchors")
    for _ in range(3):
        await _write(engine, 10)
        await sealer.seal()
    await sealer.anchor_head()
    yield sealer
    await engine.dispose()


@contextlib.asynccontextmanager
async def _owner(sealer, *statements):
    """As whoever owns the database, for as long as this lasts."""
    async with sealer.engine.connect() as conn:
        await conn.execute(text(OWNER))
        for statement in statements:
            assert (await conn.execute(text(statement))).rowcount
        yield conn
        await conn.rollback()


def _url(postgres, name):
    return postgres.url.rpartition("/")[0] + f"/{name}"


async def _database(postgres, statement):
    engine = engine_of(postgres.url, pool=1)
    async with engine.connect() as conn:
        await (await conn.execution_options(isolation_level="AUTOCOMMIT")).execute(text(statement))
    await engine.dispose()


async def _write(engine, rows):
    for _ in range(rows):
        async with engine.begin() as conn:
            await conn.execute(insert(tables.audit), ROW)


async def _verdict(conn, place, *anchors, roots=None):
    file = place / f"trail-{os.urandom(4).hex()}.jsonl"
    file.write_text("\n".join([line async for line in trail(conn)]))
    more = [part for anchor in anchors for part in ("--anchors", str(anchor))]
    more += ["--tsa-roots", str(roots)] if roots else []
    command = [sys.executable, "-I", str(VERIFIER), str(file), "--key", KEY.public.hex(), *more]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


async def _now(sealer, place):
    async with sealer.engine.connect() as conn:
        return await _verdict(conn, place, sealer.anchor)


async def test_what_nobody_touched_is_whole(own, place):
    await _write(own.engine, 3)
    code, said = await _now(own, place)
    assert code == 0, said
    assert "3 seals over 30 rows, 3 rows wait" in said
    assert "1 anchors hold" in said


ATTACKS = {
    "an update": ["update audit set person_id = 'nobody' where id = 14"],
    "a changed reason": ["update audit set why = 'oversight' where id = 14"],
    "a deletion": ["delete from audit where id = 14"],
    "a swap": ["update audit set person_id = case id when 13 then 'a' else 'b' end where id in (13, 14)"],
    "a swap of places": [
        "update audit set xid = (select max(xid) from audit where id = 3) where id = 14",
    ],
    "a back-dated insert among the old": [
        "insert into audit (person_id, agency, action, stream_id, at, xid)"
        " select 'x', 'POLICE', 'read_content', 'case-1', at, xid from audit where id = 14"
    ],
    "a removed seal": ["delete from seals where number = 2"],
    "a removed seal with its rows": [
        "delete from audit where id between 11 and 20",
        "delete from seals where number = 2",
    ],
    "a seal that says less": ["update seals set rows = 9 where number = 2"],
    "another signature": [
        "update seals set signature = (select signature from seals where number = 1) where number = 2"
    ],
    "the last seal and its rows cut off": ["delete from audit where id > 20", "delete from seals where number = 3"],
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_by_the_owner_of_the_database_is_found(own, place, attack):
    async with _owner(own, *ATTACKS[attack]) as conn:
        code, said = await _verdict(conn, place, own.anchor)
    assert code == 1, said
    assert "FAULT" in said


RUNS = times(3, 50)
PLACES = {"person_id": "'nobody'", "agency": "'NOBODY'", "why": "'oversight'", "stream_id": "'case-2'", "outcome": "'refused'",
          "trace_id": "'0'", "at": "at - interval '1 second'", "fields": "array['name']"}  # fmt: skip


def somewhere(attack, chance):
    """The same kind of attack on other rows of the thirty, and in another column."""
    one, other = chance.sample(range(1, 31), 2)
    column, value = chance.choice(list(PLACES.items()))
    match attack:
        case "update":
            return [f"update audit set {column} = {value} where id = {one}"]
        case "delete":
            return [f"delete from audit where id = {one}"]
        case "swap":
            pairs = f"(({one}, {other}), ({other}, {one}))"
            return [f"update audit a set at = b.at from audit b where (a.id, b.id) in {pairs}"]
        case "back-dated insert":
            named = "insert into audit (person_id, agency, action, stream_id, at, xid)"
            return [f"{named} select 'x', 'POLICE', 'read_content', 'case-1', at, xid from audit where id = {one}"]
        case "truncation":
            last = chance.choice((1, 2))
            return [f"delete from audit where id > {30 - 10 * last}", f"delete from seals where number > {3 - last}"]


@pytest.fixture(scope="module")
def judge():
    """The verifier's judgement of lines, without a process of its own for each."""
    space: dict = {"__name__": "verifier"}
    exec(compile(VERIFIER.read_text(), str(VERIFIER), "exec"), space)
    return lambda lines, anchors: space["faults_of"](lines, [KEY.public], anchors)[0]


@pytest.mark.parametrize("attack", ["update", "delete", "swap", "back-dated insert", "truncation", None])
async def test_each_attack_is_found_wherever_it_is_made_and_nothing_where_none_was(own, judge, attack):
    """Q-S5: fifty times each in a long run; with as many looks at what nobody touched."""
    said = [json.loads(line) for line in own.anchor.read_text().splitlines()]
    anchors, chance, missed = [(one["number"], one["head"]) for one in said], random.Random(5), []
    for _ in range(RUNS):
        statements = somewhere(attack, chance) if attack else []
        async with _owner(own, *statements) as conn:
            lines = [line async for line in trail(conn)]
        if bool(judge(lines, anchors)) is not bool(attack):
            missed.append(statements)
    assert missed == []


async def test_control_a_row_that_is_in_no_seal_yet_can_be_changed_unseen(own, judge):
    """Said in SECURITY.md: so the test can see an attack that is not found."""
    await _write(own.engine, 1)
    async with _owner(own, "update audit set why = 'x' where id = (select max(id) from audit)") as conn:
        assert judge([line async for line in trail(conn)], []) == []
    await own.seal()


async def test_a_row_that_is_laid_into_the_past_is_found_though_its_seal_is_new(own, place):
    async with own.engine.connect() as conn:
        await conn.execute(insert(tables.audit), {**ROW, "at": datetime.now(UTC) - timedelta(hours=3)})
        code, said = await _verdict(conn, place, own.anchor)
        await conn.rollback()
    assert code == 1
    assert "back-dated" in said


async def _drawn_anew(conn, key, ago=timedelta()):
    """One seal over everything, made by whoever holds this key, as if it had been drawn so long ago."""
    await conn.execute(text("delete from seals"))
    rows = (await conn.execute(ROWS)).all()
    below, at = max(row.xid for row in rows) + 1, datetime.now(UTC) - ago
    tree = root(leaf(written(row)) for row in rows)
    made = head(bytes(32), 1, at, below, len(rows), tree)
    seal = {"number": 1, "at": at, "below": below, "rows": len(rows), "root": tree, "head": made, "key_id": key.id,
            "signature": key.private.sign(made)}  # fmt: skip
    await conn.execute(insert(tables.seals), seal)
    return json.dumps({"number": 1, "head": made.hex()})


async def test_the_whole_chain_drawn_anew_with_the_key_is_seen_by_the_anchor_alone(own, place):
    async with _owner(own, "delete from audit where id = 14") as conn:
        new_head = await _drawn_anew(conn, KEY)
        code, said = await _verdict(conn, place)
        assert (code, "a recomputed chain would not be seen" in said) == (0, True)
        assert (await _verdict(conn, place, own.anchor))[0] == 1
        both = place / "both"
        both.write_text(json.dumps({"number": 1, "head": "00" * 32}) + "\n" + new_head)
        code, said = await _verdict(conn, place, both)  # a new head beside the old one hides nothing
        assert (code, "another than the one that was anchored" in said) == (1, True)


@pytest.fixture(scope="module")
def authority(place):
    """A time-stamp authority that nobody here holds the keys of, and the file of its root."""
    made = Tsa()
    (place / "root.pem").write_bytes(made.pem)
    with server_of(made) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made, Authority.of(f"http://127.0.0.1:{server.server_port}/", place / "root.pem"), place / "root.pem"
        server.shutdown()


async def _stamped(own, authority, place, name):
    """An anchor file with a time stamp over the newest head."""
    sealer = Sealer(own.engine, KEY, place / name, authority.stamp)
    await _write(own.engine, 1)
    await sealer.seal()
    await sealer.anchor_head()
    return sealer.anchor


async def test_a_stamped_head_holds_and_a_chain_drawn_anew_is_seen_though_the_anchors_were_drawn_anew_as_well(
    own, place, authority
):
    """The attacker owns the database, the private key and the file of the anchors; the authority alone is not theirs."""
    _, asked, roots = authority
    anchor = await _stamped(own, asked, place, "stamped")
    async with own.engine.connect() as conn:
        code, said = await _verdict(conn, place, anchor, roots=roots)
    assert (code, "1 anchors hold, 1 of them time-stamped" in said) == (0, True), said
    kept = json.loads(anchor.read_text())
    async with _owner(own, "delete from audit where id = 14") as conn:
        drawn = json.loads(await _drawn_anew(conn, KEY)) | {"at": kept["at"]}
        forged = place / "forged"
        for stamp, found in (
            (kept["stamp"], "not valid for this head"),
            (await asked.stamp(bytes.fromhex(drawn["head"])), ""),
        ):
            forged.write_text(json.dumps(drawn | {"stamp": stamp}))
            code, said = await _verdict(conn, place, forged, roots=roots)
            assert (code, found in said) == ((1, True) if found else (0, True)), said
            assert "LATE" not in said
        for written_in_file in (datetime.now(UTC), datetime.now(UTC) - timedelta(days=2)):
            # the seal says when it was drawn, whatever the file of the heads says
            drawn = json.loads(await _drawn_anew(conn, KEY, timedelta(days=2)))
            stamp = await asked.stamp(bytes.fromhex(drawn["head"]))
            forged.write_text(json.dumps(drawn | {"at": written_in_file.isoformat(), "stamp": stamp}))
            code, said = await _verdict(conn, place, forged, roots=roots)
            assert (code, "48 hours after it claims to have been drawn" in said) == (1, True), said


async def test_what_was_sealed_or_stamped_long_after_it_was_is_told(own, place, authority):
    """Whoever draws a chain anew today and says so, or lays one stamp of today over seals that claim to be old, is seen by that."""
    _, asked, roots = authority
    async with _owner(own, "update audit set at = at - interval '3 hours'") as conn:
        await _drawn_anew(conn, KEY)
        code, said = await _verdict(conn, place)
    assert (code, "LATE   seal 1: a row waited 3.0 hours for it" in said) == (0, True), said
    space: dict = {"__name__": "verifier"}
    exec(compile(VERIFIER.read_text(), str(VERIFIER), "exec"), space)
    now = datetime.now(UTC)
    seals = {number: now - timedelta(hours=30 * (5 - number)) for number in range(1, 6)}
    head_of = {number: f"{number:064x}" for number in seals}

    async def stamped(*numbers):
        lines = [
            {"number": one, "head": head_of[one], "stamp": await asked.stamp(bytes.fromhex(head_of[one]))}
            for one in numbers
        ]
        return space["stamps_of"](lines, roots.read_bytes(), seals)

    assert await stamped(5) == ([], ["seals 1 to 4: no time stamp within a day of them"], 1)
    wrong, odd, good = await stamped(1, 5)
    assert (odd, good) == (["seals 1 to 1: no time stamp within a day of them"], 2)
    assert wrong == [
        "anchor 1: stamped 120 hours after it claims to have been drawn",
        "seals 2 to 4: no time stamp within a day of them",
    ]
    assert space["stamps_of"]([], roots.read_bytes(), seals) == (
        [],
        ["seals 1 to 4: no time stamp within a day of them"],
        0,
    )


async def test_an_authority_that_lies_is_another_or_is_away_leaves_the_head_anchored_without_a_stamp(
    own, place, authority
):
    made, asked, roots = authority
    made.lies = True
    try:
        assert "stamp" not in json.loads((await _stamped(own, asked, place, "lied")).read_text())
    finally:
        made.lies = False
    for name, other in (
        ("another", Authority(asked.url, (Tsa().root,))),
        ("away", Authority("http://127.0.0.1:9/", asked.roots)),
    ):
        with pytest.raises(NotStamped):
            await other.stamp(bytes(32))
        assert json.loads((await _stamped(own, other, place, name)).read_text())["head"]
    async with own.engine.connect() as conn:
        code, said = await _verdict(conn, place, place / "away", roots=roots)
    assert (code, "1 anchors hold, 0 of them time-stamped" in said) == (0, True)


async def test_a_chain_signed_with_another_key_is_not_ours(own, place):
    async with _owner(own) as conn:
        await _drawn_anew(conn, SealKey.of(base64.b64encode(bytes(32)).decode()))
        code, said = await _verdict(conn, place)
    assert code == 1
    assert "unknown key" in said


async def test_every_flipped_bit_of_a_trail_is_found(own, judge):
    """Of three seals with their thirty rows, every so many bits; five hundred and more."""
    async with own.engine.connect() as conn:
        lines = [line async for line in trail(conn) if '"row"' in line or '"seal"' in line][:33]
    whole = "\n".join(lines)
    assert judge(lines, []) == []
    missed = []
    for bit in range(0, len(whole.encode()) * 8, 89):
        raw = bytearray(whole.encode())
        raw[bit // 8] ^= 1 << bit % 8
        try:
            found = judge(raw.decode().split("\n"), [])
        except (ValueError, KeyError, TypeError, IndexError, OverflowError, AttributeError):
            found = ["unreadable"]
        if not found:
            missed.append(bit)
    assert missed == []
    assert len(whole.encode()) * 8 // 89 >= 500


async def test_rows_of_slow_transactions_are_all_sealed(own, place):
    """A transaction that ends late keeps the seals from passing it: none of its rows is left out."""

    async def slow(n):
        async with own.engine.begin() as conn:
            await conn.execute(insert(tables.audit), ROW)
            await asyncio.sleep(0.02 * (n % 5))

    async def seal_all_along():
        while True:
            await own.seal()
            await asyncio.sleep(0.01)

    sealing = asyncio.create_task(seal_all_along())
    for _ in range(10):
        await asyncio.gather(*(slow(n) for n in range(6)))
    sealing.cancel()
    await asyncio.gather(sealing, return_exceptions=True)
    await own.seal()
    code, said = await _now(own, place)
    assert code == 0, said
    assert "0 rows wait" in said


async def test_two_sealers_draw_one_chain(own, place):
    other = Sealer(own.engine, KEY)
    for _ in range(5):
        await _write(own.engine, 2)
        await asyncio.gather(own.seal(), other.seal())
    code, said = await _now(own, place)
    assert code == 0, said


async def test_a_large_backlog_is_sealed_in_parts_that_hold(own, place, monkeypatch):
    monkeypatch.setattr("app.db.sealer.MOST", 7)
    await _write(own.engine, 20)
    while await own.seal():
        pass
    code, said = await _now(own, place)
    assert code == 0, said
    assert "0 rows wait" in said


async def test_a_quiet_time_is_sealed_as_well(own, monkeypatch):
    async def seals():
        async with own.engine.connect() as conn:
            return (await conn.execute(LAST)).one()

    await own.seal()
    before = (await seals()).number
    await own.seal()
    assert (await seals()).number == before
    monkeypatch.setattr("app.db.sealer.QUIET", timedelta())
    await own.seal()
    assert ((await seals()).number, (await seals()).rows) == (before + 1, 0)


@pytest.mark.parametrize(
    "statement", ["update audit set why = ''", "delete from audit", "truncate audit", "delete from seals"]
)
async def test_rows_only_come(own, statement):
    async with own.engine.begin() as conn:
        with pytest.raises(Exception, match="only come"):
            await conn.execute(text(statement))


async def test_the_verifier_and_the_sealer_reckon_the_same(own):
    """The root and head of the second seal, by the sealer's own rules, from the rows."""
    async with own.engine.connect() as conn:
        first, second = (await conn.execute(select(tables.seals).order_by(tables.seals.c.number).limit(2))).all()
        lines = [json.loads(line) async for line in trail(conn)]
    rows = [entry["row"] for entry in lines if "row" in entry and first.below <= entry["row"][13] < second.below]
    tree = root(leaf(row) for row in rows)
    assert (tree, head(first.head, 2, second.at, second.below, 10, tree)) == (second.root, second.head)
    assert written([None, ["a"], 1, "x"]) == [None, ["a"], 1, "x"]
