"""What a citation means: requirement rows of the notice, facts of law with their status, and the product's own defaults."""

import json
from functools import cache
from pathlib import Path

from pydantic import BaseModel

HERE = Path(__file__).parent
NOT_LAW = ("C", "N")
DEFAULT = "default"


class Citation(BaseModel, frozen=True):
    """One source: `clause` of the notice, or document and article; status A or B for law."""

    id: str
    clause: str
    text: str
    status: str = ""


@cache
def citations() -> dict[str, Citation]:
    """Every source that a row may cite; law from memory or not found is no source."""
    notice = json.loads((HERE / "requirements.json").read_text("utf-8"))
    law = json.loads((HERE / "deadlines.json").read_text("utf-8"))
    found = {row["id"]: Citation(id=row["id"], clause=row["ref"], text="；".join(row["quotes"])) for row in notice}
    for row in law:
        if row["status"] not in NOT_LAW:
            found[row["id"]] = Citation(
                id=row["id"],
                clause=f"{row['doc']} {row['article']}",
                text=row.get("quote", row["value"]),
                status=row["status"],
            )
    found[DEFAULT] = Citation(id=DEFAULT, clause="产品默认", text="product default, not law")
    return found


def cite(source: str) -> Citation:
    """The source behind an id; KeyError when there is none that may be shown."""
    return citations()[source]
