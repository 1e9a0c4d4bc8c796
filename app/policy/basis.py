"""What a citation means: requirement rows of the notice, facts of law with their status, and the product's own defaults."""

import json
import re
from collections.abc import Iterable
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


NOTICE = "丰政发〔2017〕17号"
ASIDE = re.compile(r"\s*[(（][^)）]*[0-9A-Za-z][^)）]*[)）]|\s+\d{4}-\d{2}-\d{2}$")
"""What a source's name says for those who look after the sources: years of revisions, where it was seen."""
FULL_WIDTH = str.maketrans("()", "（）")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def on_paper(sources: Iterable[str]) -> list[str]:
    """As a document cites: the notice once with all its clauses, then each law with its articles; a default is no basis."""
    clauses: dict[str, list[str]] = {}
    for source in dict.fromkeys(sources):
        if source == DEFAULT or source not in citations():
            continue
        name, clause = (NOTICE, cite(source).clause) if not cite(source).status else _of_law(source)
        if CHINESE.search(name):
            clauses.setdefault(name, []).append(clause)
    cited = [f"{name}{'、'.join(dict.fromkeys(filter(None, said)))}" for name, said in clauses.items()]
    return [one.translate(FULL_WIDTH) for one in cited]


@cache
def _laws() -> dict[str, tuple[str, str]]:
    return {row["id"]: (row["doc"], row["article"]) for row in json.loads((HERE / "deadlines.json").read_text("utf-8"))}


def _of_law(source: str) -> tuple[str, str]:
    document, article = _laws()[source]
    name = ASIDE.sub("", document.partition(";")[0]).strip()
    bare = "〔" in name or "《" in name
    return name if bare else f"《{name}》", "" if article == "—" else article
