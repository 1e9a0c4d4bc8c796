"""PDF: read and written anew without anything that acts, calls elsewhere, carries files or says who wrote it."""

import base64
import re
import zlib
from io import BytesIO
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream
from pikepdf.settings import set_qpdf_limits

from app.files.images import without_notes
from app.files.kinds import BadFile, FileFault

ACTIVE = (
    "/AA", "/OpenAction", "/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/AF", "/FS", "/XFA", "/Collection", "/RichMediaContent",
    "/RichMediaSettings", "/3DD", "/Movie", "/Sound", "/Rendition", "/Renditions", "/Metadata", "/PieceInfo", "/URI",
)  # fmt: skip
"""Keys that are taken out wherever they stand."""
ACTIONS = (
    "/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToR", "/GoToE", "/Rendition", "/Movie", "/Sound", "/URI",
    "/RichMediaExecute", "/GoTo3DView", "/ResetForm", "/Hide",
)  # fmt: skip
DEEPEST = 100
MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes of one photo, or of one stream of objects; a default."""
ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
set_qpdf_limits(
    flate_max_memory=MOST_UNPACKED, run_length_max_memory=MOST_UNPACKED, png_max_memory=MOST_UNPACKED, tiff_max_memory=MOST_UNPACKED
)  # fmt: skip


def clean_pdf(content: bytes) -> bytes:
    """The same pages."""
    names = ESCAPED.sub(lambda one: bytes.fromhex(one[1].decode()), content)
    if (
        b"/ObjStm" in names and b"/LZW" in names
    ):  # has no limit when it is unpacked, and nobody who writes the one still writes the other
        raise BadFile(FileFault.UNREADABLE)
    try:
        with pikepdf.open(BytesIO(content)) as pdf:
            return _rewritten(pdf)
    except BadFile:
        raise
    except pikepdf.PasswordError:
        raise BadFile(FileFault.LOCKED) from None
    except Exception as broken:
        raise BadFile(FileFault.UNREADABLE) from broken


def _rewritten(pdf: Pdf) -> bytes:
    if pdf.is_encrypted:
        raise BadFile(FileFault.LOCKED)
    if not len(pdf.pages):
        raise BadFile(FileFault.UNREADABLE)
    for thing in pdf.objects:
        _quieten(thing)
    if "/Info" in pdf.trailer:
        del pdf.trailer["/Info"]
    out = BytesIO()
    pdf.save(out, deterministic_id=True)
    return out.getvalue()


def _quieten(thing: Any, depth: int = 0) -> None:
    """In place; what is referred to comes by itself."""
    if depth > DEEPEST:
        raise BadFile(FileFault.UNREADABLE)
    if isinstance(thing, Array):
        for part in thing:
            if not part.is_indirect if isinstance(part, pikepdf.Object) else False:
                _quieten(part, depth + 1)
        return
    if not isinstance(thing, Dictionary | Stream):
        return
    if isinstance(thing, Stream):
        _without_place(thing)
    for key in [key for key in ACTIVE if key in thing]:
        del thing[key]
    if str(thing.get("/S", "")) in ACTIONS:
        thing["/S"] = Name.GoTo  # to nowhere
        for key in [key for key in ("/F", "/Win", "/Mac", "/Unix", "/D", "/Next") if key in thing]:
            del thing[key]
    for key in list(thing.keys()):
        part = thing.get(key)
        if isinstance(part, Dictionary | Array) and not part.is_indirect:
            _quieten(part, depth + 1)


def _without_place(stream: Stream) -> None:
    """A photo in a document knows where it was taken as well, also one that is packed again."""
    coded = stream.get("/Filter")
    names = [str(one) for one in coded] if isinstance(coded, Array) else [str(coded)]
    if names[-1] != "/DCTDecode":
        return
    photo = stream.read_raw_bytes()
    for name in names[:-1]:
        photo = _undone(name, photo)
    stream.write(without_notes(photo), filter=Name.DCTDecode)


def _undone(name: str, packed: bytes) -> bytes:
    """Within bounds; whatever packs a photo in another way is refused."""
    match name:
        case "/FlateDecode":
            unpacking = zlib.decompressobj()
            plain = unpacking.decompress(packed, MOST_UNPACKED)
            if unpacking.unconsumed_tail:
                raise BadFile(FileFault.UNREADABLE)
            return plain
        case "/ASCII85Decode":
            return base64.a85decode(packed.strip().removesuffix(b"~>"))
        case "/ASCIIHexDecode":
            letters = b"".join(packed.partition(b">")[0].split()).decode()
            return bytes.fromhex(letters + "0" * (len(letters) % 2))
        case _:
            raise BadFile(FileFault.UNREADABLE)
