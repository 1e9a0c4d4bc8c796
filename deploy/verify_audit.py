"""Check an exported audit: python verify_audit.py TRAIL --key PUBLIC [--anchors FILE [--tsa-roots PEM]].

Needs Python and cryptography, and rfc3161-client where time stamps are checked; nothing of the service.

TRAIL comes from `shouhu audit export`, PUBLIC (hexadecimal) from `shouhu audit key` when the service was set up, FILE is kept by
another organisation, and PEM holds the roots of the time-stamp authority. It finds a row that was changed, removed, swapped, added
or back-dated, and seals that were removed or drawn anew. What it cannot find: a change of rows younger than the last seal, and of
seals younger than the last anchor by whoever holds both the database and the private key. A line that begins with LATE is no fault:
something was sealed or stamped long after it was, as after a stop of the service, and as in a chain that was drawn anew today.
"""

import argparse
import base64
import hashlib
import json
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ID, AT, XID = 0, 1, 13
COLUMNS = 15
LONGEST = 120 * 1_000_000
"""Microseconds that a transaction may take: a row is at most so much older than what the seal before its own speaks of."""


WAITED = 900 * 1_000_000
"""Microseconds: rows that wait longer for their seal end the reading of personal data, so they tell of a stop."""
UNSTAMPED = timedelta(hours=24)
"""So long an authority may be away; a seal that it saw later could have been drawn later."""


class Found(NamedTuple):
    """What a trail says: what is wrong with it, what is only odd, each seal's instant by its number, and how many rows there are."""

    faults: list[str]
    late: list[str]
    seals: dict[int, datetime]
    sealed: int
    waiting: int


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def merkle(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:
        pairs = [sha256(b"\1", leaves[n], leaves[n + 1]) for n in range(0, len(leaves) - 1, 2)]
        leaves = pairs + leaves[len(pairs) * 2 :]
    return leaves[0] if leaves else bytes(32)


def groups(lines: Iterable[str]) -> Iterator[tuple[list[Any] | None, list[list[Any]]]]:
    """Each seal with its rows; at the end the rows without one."""
    seal: list[Any] | None = None
    rows: list[list[Any]] = []
    begun = False
    for line in lines:
        entry = json.loads(line)
        if "seal" in entry:
            if begun:
                yield seal, rows
            seal, rows, begun = entry["seal"], [], True
            continue
        if begun and seal and entry["row"][XID] >= seal[2]:  # beyond the bound of the last seal: it waits for the next
            yield seal, rows
            seal, rows = None, []
        begun = True
        rows.append(entry["row"])
    if begun:
        yield seal, rows


def faults_of(lines: Iterable[str], keys: list[bytes], anchors: list[tuple[int, str]]) -> Found:
    """Of a whole trail."""
    trusted = {hashlib.sha256(key).hexdigest()[:16]: Ed25519PublicKey.from_public_bytes(key) for key in keys}
    faults: list[str] = []
    late: list[str] = []
    seals: dict[int, datetime] = {}
    before, floor, last_at, number, sealed, waiting = bytes(32), 0, 0, 0, 0, 0
    heads: dict[int, str] = {}
    for seal, rows in groups(lines):
        faults += _rows(rows, floor, seal, last_at)
        if seal is None:
            waiting += len(rows)
            continue
        where = f"seal {seal[0]}"
        if waiting:
            faults.append(f"{where}: rows without a seal stand before it")
        if seal[0] != number + 1:
            faults.append(f"{where}: follows seal {number}; seals in between were removed")
        tree = merkle([sha256(b"\0", _text(row)) for row in rows])
        if len(rows) != seal[3] or tree.hex() != seal[4]:
            faults.append(f"{where}: its {len(rows)} rows are not the {seal[3]} that were sealed")
        numbers = b"".join(value.to_bytes(8) for value in seal[:4])
        head = sha256(b"\2", before, numbers, bytes.fromhex(seal[4]))
        if head.hex() != seal[5]:
            faults.append(f"{where}: it is not chained to the seal before")
        faults += _signature(where, seal, trusted)
        seals[seal[0]] = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=seal[1])
        waited = seal[1] - min((row[AT] for row in rows), default=seal[1])
        late += [f"{where}: a row waited {waited / 3.6e9:.1f} hours for it"] if waited > WAITED else []
        number, floor, last_at, sealed = seal[0], seal[2], seal[1], sealed + len(rows)
        before, heads[number] = bytes.fromhex(seal[5]), seal[5]
    for anchored, head_then in anchors:
        if anchored not in heads:
            faults.append(f"anchor {anchored}: the seal is gone; the audit was cut off")
        elif heads[anchored] != head_then:
            faults.append(f"anchor {anchored}: the seal is another than the one that was anchored")
    return Found(faults, late, seals, sealed, waiting)


def _text(row: list[Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def _rows(rows: list[list[Any]], floor: int, seal: list[Any] | None, last_at: int) -> list[str]:
    """Each row lies where its transaction and its instant say."""
    where = f"seal {seal[0]}" if seal else "without a seal"
    found = []
    for before, row in zip([None, *rows], rows, strict=False):
        if len(row) != COLUMNS or row[XID] < floor or (seal and row[XID] >= seal[2]):
            found.append(f"{where}: row {row[ID]} does not belong here")
        elif before and before[ID] >= row[ID]:
            found.append(f"{where}: row {row[ID]} is out of order")
        elif row[AT] < last_at - LONGEST or (seal and row[AT] > seal[1] + LONGEST):
            found.append(f"{where}: row {row[ID]} claims an instant that is not of its time; it was back-dated")
    return found


def _unhex(digits: str) -> bytes:
    """As they were written; the same bytes in other letters are something else."""
    raw = bytes.fromhex(digits)
    if raw.hex() != digits:
        raise ValueError(digits)
    return raw


def _signature(where: str, seal: list[Any], trusted: dict[str, Ed25519PublicKey]) -> list[str]:
    key = trusted.get(seal[6])
    if key is None:
        return [f"{where}: signed by an unknown key {seal[6]}"]
    try:
        key.verify(_unhex(seal[7]), _unhex(seal[5]))
    except (InvalidSignature, ValueError):
        return [f"{where}: its signature is not valid"]
    return []


STAMPED_WITHIN = 3600.0
"""Seconds: a head is stamped in its own minute, so one that was stamped so much later was drawn later than it says."""


def stamps_of(said: list[dict[str, Any]], roots: bytes, seals: dict[int, datetime]) -> tuple[list[str], list[str], int]:
    """What is wrong with the time stamps of the anchors, what is only odd, and how many hold.

    When a head was drawn, its seal says: what stands beside it in the file is the word of whoever wrote the file.
    """
    from cryptography.x509 import load_pem_x509_certificates
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    builder = VerifierBuilder()
    for root in load_pem_x509_certificates(roots):
        builder = builder.add_root_certificate(root)
    verifier, faults = builder.build(), []
    stamped: dict[int, datetime] = {}
    for entry in said:
        if "stamp" not in entry:
            continue
        try:
            answer = decode_timestamp_response(base64.b64decode(entry["stamp"]))
            verifier.verify_message(answer, bytes.fromhex(entry["head"]))
        except (VerificationError, ValueError):
            faults.append(f"anchor {entry['number']}: its time stamp is not valid for this head")
            continue
        number, at = entry["number"], answer.tst_info.gen_time
        late = (at - seals.get(number, at)).total_seconds()
        if late > STAMPED_WITHIN:
            faults.append(f"anchor {number}: stamped {late / 3600:.0f} hours after it claims to have been drawn")
        stamped[number] = at
    wrong, odd = _unseen(stamped, seals)
    return faults + wrong, odd, len(stamped)


def _unseen(stamped: dict[int, datetime], seals: dict[int, datetime]) -> tuple[list[str], list[str]]:
    """Seals that no stamp stands for in time: wrong after a day, odd after an hour, for then they may have been drawn anew meanwhile, and
    odd before the first stamp, when there was no authority perhaps."""
    numbers, last = sorted(stamped), max(seals.values(), default=datetime.now(UTC))
    unseen: dict[tuple[int, bool], list[int]] = {}
    for number, drawn in seals.items():
        place = bisect_left(numbers, number)
        waited = (stamped[numbers[place]] if place < len(numbers) else last) - drawn
        if waited.total_seconds() > STAMPED_WITHIN:
            unseen.setdefault((place, waited > UNSTAMPED), []).append(number)
    wrong, odd = list[str](), list[str]()
    for (place, long), of in unseen.items():
        said = f"seals {of[0]} to {of[-1]}: no time stamp within {'a day' if long else 'an hour'} of them"
        (wrong if place and long else odd).append(said)
    return wrong, odd


def anchored(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What another organisation keeps, and what is wrong with its file: one that was named and says nothing was taken away or mistyped."""
    try:
        said = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    except FileNotFoundError:
        return [], [f"anchors: there is no file {path}"]
    return said, [] if said else [f"anchors: {path} holds none"]


def main() -> int:
    """0 when all is well, 1 when it is not; one line for each fault."""
    parser = argparse.ArgumentParser(description="Check an exported audit of Shouhu.")
    parser.add_argument("trail", type=Path)
    parser.add_argument(
        "--key", action="append", required=True, help="public key, hexadecimal; more than one after a change"
    )
    parser.add_argument("--anchors", type=Path, help="the file of the other organisation")
    parser.add_argument("--tsa-roots", type=Path, help="root certificates of the time-stamp authority, in PEM")
    given = parser.parse_args()
    said, gone = anchored(given.anchors) if given.anchors else ([], [])
    anchors = [(entry["number"], entry["head"]) for entry in said]
    with given.trail.open(encoding="utf-8") as lines:
        found = faults_of(lines, [bytes.fromhex(key) for key in given.key], anchors)
    roots = given.tsa_roots.read_bytes() if given.tsa_roots else b""
    wrong, odd, stamped = stamps_of(said, roots, found.seals) if roots else ([], [], 0)
    faults = [*gone, *found.faults, *wrong]
    for kind, told in (("FAULT", faults), ("LATE ", [*found.late, *odd])):
        sys.stdout.writelines(f"{kind}  {one}\n" for one in told)
    held = (
        f"{len(anchors)} anchors hold, {stamped} of them time-stamped"
        if anchors
        else "no anchor was given: a recomputed chain would not be seen"
    )
    state = f"{len(faults)} faults" if faults else f"whole; {held}"
    counts = f"{len(found.seals)} seals over {found.sealed} rows, {found.waiting} rows wait for the next seal"
    sys.stdout.write(f"{counts}: {state}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
