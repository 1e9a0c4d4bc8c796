"""Histories of many played cases in one small file: unsealed, so that what repeats in them packs well."""

import json
import lzma
from pathlib import Path

from google.protobuf.json_format import MessageToDict, ParseDict
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from app.temporal import code_digest, data_converter
from tests.conftest import KEYS

FOLDER = Path(__file__).parent / "histories"
CODEC = data_converter(KEYS).payload_codec


async def keep(world, name, cases):
    """Write the histories of these cases as one archive of the code that made them."""
    for older in FOLDER.glob(f"{name}-*.jsonl.xz"):
        if older.name.endswith(f"-{code_digest()}.jsonl.xz"):
            older.unlink()
    with lzma.open(FOLDER / f"{name}-{code_digest()}.jsonl.xz", "wt", preset=9 | lzma.PRESET_EXTREME) as lines:
        for n, case in enumerate(cases):
            history = (await world.handle(case).fetch_history()).to_json_dict()
            lines.write(json.dumps({"id": f"{name}-{n}", "history": await _unsealed(history)}) + "\n")


def kept():
    """All archived histories."""
    for path in sorted(FOLDER.glob("*.jsonl.xz")):
        with lzma.open(path, "rt") as lines:
            for line in lines:
                row = json.loads(line)
                yield WorkflowHistory.from_json(row["id"], row["history"])


async def _unsealed(node):
    """The same with every payload in the clear; there is no person in them."""
    if isinstance(node, list):
        return [await _unsealed(part) for part in node]
    if not isinstance(node, dict):
        return node
    if "encoding" in (node.get("metadata") or {}):
        [payload] = await CODEC.decode([ParseDict(node, Payload())])
        return MessageToDict(payload)
    return {name: await _unsealed(part) for name, part in node.items()}
