"""Word and Excel: unpacked within bounds, refused where anything in them acts or calls elsewhere, packed anew."""

import re
import zipfile
import zlib
from io import BytesIO

from app.files.images import bare, clean_image, picture_of, require_fit
from app.files.kinds import BadFile, FileFault, Kind
from app.files.parts import require_still

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
TYPES = "[Content_Types].xml"
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


def clean_office(content: bytes) -> tuple[bytes, Kind]:
    """The same document, without its authors and without what its printer, its thumbnails or bytes around the package say."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as package:
            parts = _parts(package)
    except BadFile:
        raise
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as broken:
        raise BadFile(FileFault.UNREADABLE) from broken
    kind = next((kind for mark, kind in MAIN.items() if mark in parts.get(TYPES, b"")), None)
    if b"macroEnabled" in parts.get(TYPES, b""):
        raise BadFile(FileFault.MACROS)
    if kind is None:
        raise BadFile(FileFault.TYPE)
    types = _require_still(parts)
    require_fit(body for body in parts.values() if picture_of(body))
    of_the_file = _of_the_file(parts[TYPES])
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in parts.items():
            said = of_the_file.get(name) or (body if _is_font(name, types) else _cleaned(name, body))
            packed.writestr(zipfile.ZipInfo(name), said, zipfile.ZIP_DEFLATED)
    return out.getvalue(), kind


def _parts(package: zipfile.ZipFile) -> dict[str, bytes]:
    """Names of parts mean the same in small and in large letters."""
    entries, left = package.infolist(), MOST_UNPACKED
    if len(entries) > MOST_PARTS or len({entry.filename.lower() for entry in entries}) != len(entries):
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
    return parts


def _require_still(parts: dict[str, bytes]) -> dict[str, str]:
    """Whatever is no picture or font is read as XML, whatever its name: what a part is, the package says. Its types."""
    types = require_still(parts.get(TYPES, b""))
    replaced = (TYPES, *_of_the_file(parts.get(TYPES, b"")))
    for name, body in parts.items():
        if name not in replaced and picture_of(body) is None and not _is_font(name, types):
            try:
                require_still(body)
            except BadFile as bad:
                known = name.lower().endswith((".xml", ".rels", ".vml"))
                raise bad if known or bad.fault is FileFault.MACROS else BadFile(FileFault.MACROS) from bad
    return types


def _is_font(name: str, types: dict[str, str]) -> bool:
    """By the type that the package gives it, under which no program takes it for a text."""
    low = f"/{name.lower()}"
    return "font" in types.get(low, types.get(f".{low.rpartition('.')[2]}", "")).lower()


def _cleaned(name: str, body: bytes) -> bytes:
    """A picture without its place, told by its content, a text without its authors."""
    form = picture_of(body)
    if isinstance(form, Kind):
        return clean_image(body, form)[0]
    if form:
        return bare(body, form)
    return body if name == TYPES else AUTHORS.sub(lambda one: one[2] or (one[1] or one[3]) + b'""', body)


def _of_the_file(types: bytes) -> dict[str, bytes]:
    found = {
        f"docProps/{name}.xml": EMPTY % said for name, said in (("core", CORE), ("app", EXTENDED), ("custom", CUSTOM))
    }
    for part in PART.findall(types):
        said = next((empty for mark, empty in OF_THE_FILE.items() if mark in part), None)
        if said and (name := NAMED.search(part)):
            found[name[1].decode("utf-8")] = EMPTY % said
    return found
