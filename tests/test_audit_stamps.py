"""The heads of the chain are stamped by an authority that is not ours: a chain drawn anew is seen though its anchors were drawn anew as well."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from app.db.sealer import Sealer
from app.timestamps import Authority, NotStamped
from deploy.tsa import Authority as Tsa
from deploy.tsa import server_of
from tests.trail import KEY, VERIFIER, as_owner, drawn_anew, sealed_trail, verdict, write


@pytest.fixture(scope="module")
async def own(postgres, place):
    async with sealed_trail(postgres, place) as sealer:
        yield sealer


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
    await write(own.engine, 1)
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
        code, said = await verdict(conn, place, anchor, roots=roots)
    assert (code, "1 anchors hold, 1 of them time-stamped" in said) == (0, True), said
    kept = json.loads(anchor.read_text())
    async with as_owner(own, "delete from audit where id = 14") as conn:
        drawn = json.loads(await drawn_anew(conn, KEY)) | {"at": kept["at"]}
        forged = place / "forged"
        for stamp, found in (
            (kept["stamp"], "not valid for this head"),
            (await asked.stamp(bytes.fromhex(drawn["head"])), ""),
        ):
            forged.write_text(json.dumps(drawn | {"stamp": stamp}))
            code, said = await verdict(conn, place, forged, roots=roots)
            assert (code, found in said) == ((1, True) if found else (0, True)), said
            assert "LATE" not in said
        for written_in_file in (datetime.now(UTC), datetime.now(UTC) - timedelta(days=2)):
            # the seal says when it was drawn, whatever the file of the heads says
            drawn = json.loads(await drawn_anew(conn, KEY, timedelta(days=2)))
            stamp = await asked.stamp(bytes.fromhex(drawn["head"]))
            forged.write_text(json.dumps(drawn | {"at": written_in_file.isoformat(), "stamp": stamp}))
            code, said = await verdict(conn, place, forged, roots=roots)
            assert (code, "48 hours after it claims to have been drawn" in said) == (1, True), said


async def test_what_was_sealed_or_stamped_long_after_it_was_is_told(own, place, authority):
    """Whoever draws a chain anew today and says so, or lays one stamp of today over seals that claim to be old, is seen by that."""
    _, asked, roots = authority
    async with as_owner(own, "update audit set at = at - interval '3 hours'") as conn:
        await drawn_anew(conn, KEY)
        code, said = await verdict(conn, place)
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

    # the last day drawn anew with its old instants, under one honest stamp of now
    seals = {number: now - timedelta(hours=5 * (5 - number)) for number in range(1, 6)}
    assert await stamped(5) == ([], ["seals 1 to 4: no time stamp within an hour of them"], 1)
    seals = {number: now - timedelta(minutes=10 * (5 - number)) for number in range(1, 6)}
    assert await stamped(5) == ([], [], 1)


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
        code, said = await verdict(conn, place, place / "away", roots=roots)
    assert (code, "1 anchors hold, 0 of them time-stamped" in said) == (0, True)
