"""Word and Excel: unpacked within bounds, refused where anything in them acts or calls elsewhere, packed anew."""

import html
import re
import zipfile
import zlib
from io import BytesIO

from app.files.images import clean_image
from app.files.kinds import BadFile, FileFault, Kind

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How Office files before 2007, and those with a password, begin."""
PACKED = b"PK\x03\x04"
MOST_PARTS = 2000
MOST_UNPACKED = 100 * 1024 * 1024
"""Bytes; a default."""
MAIN = {
    b"wordprocessingml.document.main+xml": Kind.DOCX,
    b"spreadsheetml.sheet.main+xml": Kind.XLSX,
}
ACTIVE = re.compile(
    r"vba|activex|embeddings/|oleobject|externallinks/|customui|ctrlprops|macrosheets|dialogsheets|\.(bin|svg|emf|wmf|html?|js|exe|dll|vbs|lnk)$",
    re.I,
)
HARMLESS = re.compile(r"printerSettings\d*\.bin$", re.I)
"""Dropped: the settings of a printer, in the format of its driver."""
ELSEWHERE = re.compile(rb"<Relationship\b[^>]*TargetMode\s*=\s*[\"']External[\"'][^>]*>", re.I)
LINK = re.compile(rb"Type\s*=\s*[\"'][^\"']*/hyperlink[\"']", re.I)
CALLS = re.compile(rb"<!DOCTYPE|<!ENTITY|macroEnabled|ddeLink|WEBSERVICE\s*\(", re.I)
FIELD = re.compile(r"<(?:[\w.-]+:)?instrText\b[^>]*>([^<]*)|\binstr\s*=\s*[\"']([^\"']*)")
FETCHES = re.compile(r"DDE|INCLUDE(TEXT|PICTURE)|\bLINK\b|IMPORT", re.I)
"""Fields of Word that start a program or read another file; their words may be cut into pieces."""
EMPTY = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<%b/>'
CORE = b'cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
EXTENDED = b'Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"'
CUSTOM = b'Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"'
OF_THE_FILE = {b"core-properties+xml": CORE, b"extended-properties+xml": EXTENDED, b"custom-properties+xml": CUSTOM}
"""Parts that say who wrote a document, for whom and with what, by their content type, and what is left of them."""
PART = re.compile(rb"<Override\b[^>]*>")
NAMED = re.compile(rb"PartName\s*=\s*[\"']/?([^\"']*)[\"']")
AUTHORS = re.compile(
    rb"(\s(?:[\w.-]+:)?(?:author|initials|originalAuthor|userName|displayName|userId|lastModifiedBy)\s*=\s*)(?:\"[^\"]*\"|'[^']*')"
    rb"|(<(?:[\w.-]+:)?author>)[^<]*|(<(?:[\w.-]+:)?absPath\b[^>]*?\burl\s*=\s*)(?:\"[^\"]*\"|'[^']*')"
)
"""Who commented, changed or last saved it, and from which folder of whose computer."""
PICTURES = {".jpg": Kind.JPEG, ".jpeg": Kind.JPEG, ".png": Kind.PNG}


def clean_office(content: bytes) -> tuple[bytes, Kind]:
    """The same document, without its authors and without what its printer, its thumbnails or bytes around the package say."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as package:
            parts = _parts(package)
    except BadFile:
        raise
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as broken:
        raise BadFile(FileFault.UNREADABLE) from broken
    types = parts.get("[Content_Types].xml", b"")
    kind = next((kind for mark, kind in MAIN.items() if mark in types), None)
    if b"macroEnabled" in types:
        raise BadFile(FileFault.MACROS)
    if kind is None:
        raise BadFile(FileFault.TYPE)
    of_the_file = _of_the_file(types)
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in parts.items():
            said = of_the_file.get(name) or _without_authors(name, _without_place(name, body))
            packed.writestr(zipfile.ZipInfo(name), said, zipfile.ZIP_DEFLATED)
    return out.getvalue(), kind


def _parts(package: zipfile.ZipFile) -> dict[str, bytes]:
    entries, left = package.infolist(), MOST_UNPACKED
    if len(entries) > MOST_PARTS or len({entry.filename for entry in entries}) != len(entries):
        raise BadFile(FileFault.UNREADABLE)
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise BadFile(FileFault.UNREADABLE)
    parts: dict[str, bytes] = {}
    for entry in entries:
        name = entry.filename
        if entry.is_dir() or HARMLESS.search(name):
            continue
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or entry.flag_bits & 1:
            raise BadFile(FileFault.UNREADABLE)
        if ACTIVE.search(name):
            raise BadFile(FileFault.MACROS)
        with package.open(entry) as part:
            parts[name] = part.read(left + 1)  # never more than is left, whatever the entry says of itself
        left -= len(parts[name])
        if left < 0:
            raise BadFile(FileFault.UNREADABLE)
        _require_still(name, parts[name])
    return parts


def _require_still(name: str, body: bytes) -> None:
    """Refuse what acts or calls elsewhere when the document is opened; a link that somebody has to follow may stay."""
    if not name.endswith((".xml", ".rels")):
        return
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFile(FileFault.UNREADABLE) from None
    if "\x00" in text:  # in another coding the patterns would find nothing
        raise BadFile(FileFault.UNREADABLE)
    calls = [one for one in ELSEWHERE.findall(body) if not LINK.search(one)]
    fields = html.unescape("".join(a or b for a, b in FIELD.findall(text)))
    if calls or CALLS.search(body) or FETCHES.search(fields):
        raise BadFile(FileFault.MACROS)


def _without_place(name: str, body: bytes) -> bytes:
    kind = next((kind for ending, kind in PICTURES.items() if name.lower().endswith(ending)), None)
    return clean_image(body, kind)[0] if kind else body


def _of_the_file(types: bytes) -> dict[str, bytes]:
    found = {
        f"docProps/{name}.xml": EMPTY % said for name, said in (("core", CORE), ("app", EXTENDED), ("custom", CUSTOM))
    }
    for part in PART.findall(types):
        said = next((empty for mark, empty in OF_THE_FILE.items() if mark in part), None)
        if said and (name := NAMED.search(part)):
            found[name[1].decode("utf-8")] = EMPTY % said
    return found


def _without_authors(name: str, body: bytes) -> bytes:
    if not name.endswith(".xml") or name == "[Content_Types].xml":
        return body
    return AUTHORS.sub(lambda one: one[2] or (one[1] or one[3]) + b'""', body)
