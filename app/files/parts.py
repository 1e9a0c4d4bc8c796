"""A part of a Word or Excel file, read as the program that opens it reads it: nothing in it may act or call elsewhere.

It is parsed, never searched: one and the same thing can be written with other prefixes, with characters as numbers, or cut into pieces.
"""

import re
from xml.parsers.expat import ExpatError, ParserCreate

from app.files.kinds import BadFile, FileFault

ACTING = re.compile(
    r"vba|macro|activex|oleobject|extensibility|dialogsheet|afchunk|subdocument|attachedtoolbars|keymapcustomizations|externallink"
    r"|(^|/)(package|control|ctrlprop|frame|connections|querytable|attachedtemplate)$",
    re.I,
)
"""What a part is to the one that refers to it, or its type: a program, a document in the document, a template, a source of data."""
HYPERLINK = re.compile(r"/hyperlink$", re.I)
ELSEWHERE = re.compile(r"^\s*([a-z][a-z0-9+.-]*:|//|\\\\)", re.I)
"""An address that leaves the package."""
SHOWN = ("imagedata", "fill", "stroke", "image", "blip", "svgBlip")
"""Elements of drawings that name their picture."""
CALLING = (
    "ddeLink",
    "oleLink",
    "externalBook",
    "webPr",
    "dbPr",
    "olapPr",
    "altChunk",
    "subDoc",
    "control",
    "oleObject",
)
CALLS = re.compile(r"WEBSERVICE\s*\(", re.I)
FETCHES = re.compile(r"DDE|INCLUDE(TEXT|PICTURE)|\bLINK\b|IMPORT", re.I)
"""Fields of Word that start a program or read another file; their words may be cut into pieces."""
FIELDS, FORMULAS = ("instrText", "delInstrText"), ("f", "formula", "formula1", "formula2", "definedName")
LINKED = "Relationship"


def require_still(body: bytes) -> dict[str, str]:
    """Refuse what acts or calls elsewhere when the document is opened; a link that somebody has to follow may stay. Raises BadFile.

    What types it declares, by the name of a part (`/word/document.xml`) or an ending (`.odttf`), in small letters.
    """
    reader = _Reader()
    if body.strip():
        reader.read(body)
    return reader.declared


class _Reader:
    """Of one part."""

    def __init__(self) -> None:
        self.declared: dict[str, str] = {}
        self._inside: list[str] = []
        self._fields: list[str] = []
        self._formulas: list[str] = []

    def read(self, body: bytes) -> None:
        """In UTF-8, or the program that opens it could read other characters than were looked at here."""
        parser = ParserCreate()
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        parser.CharacterDataHandler = self._text
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            _refuse()
        try:
            body.decode("utf-8")
            if b"\0" in body:
                raise LookupError
            parser.Parse(body, True)
        except (ExpatError, UnicodeDecodeError, LookupError):
            raise BadFile(FileFault.UNREADABLE) from None
        if FETCHES.search("".join(self._fields)) or CALLS.search("".join(self._formulas)):
            _refuse()

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
            raise BadFile(FileFault.UNREADABLE)

    def _begins(self, name: str, said: dict[str, str]) -> None:
        element = _local(name)
        self._inside.append(element)
        of = {_local(attribute): value for attribute, value in said.items()}
        if element in CALLING or ACTING.search(of.get("ContentType", "")):
            _refuse()
        if element == LINKED:
            _require_inside(of)
        if element in SHOWN and any(ELSEWHERE.match(of.get(where, "")) for where in ("src", "href", "althref")):
            _refuse()
        if "ContentType" in of:
            self.declared[(of.get("PartName") or f".{of.get('Extension')}").lower()] = of["ContentType"]
        self._fields += [of["instr"]] if "instr" in of else []

    def _ends(self, name: str) -> None:
        self._inside.pop()
        self._formulas += [";"] if _local(name) in FORMULAS else []

    def _text(self, text: str) -> None:
        if any(one in FIELDS for one in self._inside):
            self._fields.append(text)
        elif any(one in FORMULAS for one in self._inside):
            self._formulas.append(text)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse(*_: object) -> None:
    raise BadFile(FileFault.MACROS)


def _require_inside(link: dict[str, str]) -> None:
    """What one part is to another, and where that is."""
    kind, target = link.get("Type", ""), link.get("Target", "")
    if HYPERLINK.search(kind):
        return
    outside = link.get("TargetMode", "").strip().lower() == "external" or ELSEWHERE.match(target)
    if outside or ACTING.search(kind.rpartition("/")[2]):
        _refuse()
