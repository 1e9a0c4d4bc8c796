"""Photos and screenshots: decoded within bounds and written anew, so that nothing but the picture is left."""

import re
from collections.abc import Iterable, Mapping
from io import BytesIO

import pi_heif
from PIL import Image, ImageOps

from app.files.kinds import BadFile, FileFault, Kind, kind_of

MOST_PIXELS = 50_000_000
"""Decoded they take 150 MB; a phone's camera has 12 to 50 million. A default."""
MOST_IN_ALL = 6 * MOST_PIXELS
"""Of all pictures in one document; a default."""
MOST_SCANS = 100
"""Passes over a JPEG, each of which costs as much as the whole picture; a camera makes at most some ten. A default."""
NEXT_MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd8])")
LONGEST_SIDE = 4096
"""Enough to read a page of writing in a photo of it; a default."""
QUALITY = 90
FORMATS: Mapping[str, str] = {Kind.JPEG: "JPEG", Kind.PNG: "PNG", Kind.WEBP: "WEBP", Kind.HEIF: "HEIF"}
SHOWN_AS = {Kind.HEIF: Kind.JPEG}
"""No browser shows every HEIC photo."""
pi_heif.register_heif_opener(thumbnails=False)


def picture_of(body: bytes) -> Kind | str | None:
    """The kind of a picture that is taken, or the format of another one that stands in documents; None for what is no picture."""
    kind = kind_of(body)
    if kind in FORMATS:
        return kind
    return next((form for begin, form in IN_DOCUMENTS.items() if body.startswith(begin)), None)


IN_DOCUMENTS = {b"GIF87a": "GIF", b"GIF89a": "GIF", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}


def require_fit(pictures: Iterable[bytes]) -> None:
    """Raises BadFile where those of one document would be too much together; none is decoded for it."""
    left = MOST_IN_ALL
    for body in pictures:
        form = picture_of(body) or ""
        try:
            with Image.open(BytesIO(body), formats=[FORMATS.get(form, form)]) as image:
                left -= image.width * image.height
        except Exception as broken:
            raise BadFile(FileFault.UNREADABLE) from broken
        if left < 0:
            raise BadFile(FileFault.HUGE_IMAGE)


def clean_image(content: bytes, kind: Kind) -> tuple[bytes, Kind]:
    """The same picture upright, at most so large, without place, camera, profile, comment or anything behind it."""
    if kind is Kind.JPEG and _scans(content) > MOST_SCANS:
        raise BadFile(FileFault.UNREADABLE)
    shown = SHOWN_AS.get(kind, kind)
    return bare(content, FORMATS[kind], FORMATS[shown]), shown


def bare(content: bytes, form: str, shown: str = "") -> bytes:
    """The picture alone, in the format in which it is `shown`."""
    try:
        with Image.open(BytesIO(content), formats=[form]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise BadFile(FileFault.HUGE_IMAGE)
            if form == "JPEG":
                image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return _written(upright, shown or form)
    except BadFile:
        raise
    except Image.DecompressionBombError:
        raise BadFile(FileFault.HUGE_IMAGE) from None
    except Exception as broken:  # a decoder fed with hostile bytes raises whatever it likes
        raise BadFile(FileFault.UNREADABLE) from broken


def _scans(jpeg: bytes) -> int:
    """How often its decoder would go over the picture, counted as far as it matters."""
    at, found = 2, 0
    while (marker := NEXT_MARKER.search(jpeg, at)) and marker[1] != b"\xd9" and found <= MOST_SCANS:
        found += marker[1] == b"\xda"
        at = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2], "big")
    return found


def _written(image: Image.Image, form: str) -> bytes:
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    plain = image.convert("RGBA" if has_alpha and form != "JPEG" else "RGB")
    bare = Image.new(plain.mode, plain.size)  # a picture of its own: what hung on the old one stays behind
    bare.paste(plain)
    out = BytesIO()
    bare.save(out, form, **({"quality": QUALITY} if form in ("JPEG", "WEBP") else {}))
    return out.getvalue()


def without_notes(jpeg: bytes) -> bytes:
    """A JPEG inside of a document: its APP1 to APP13 and comments cut out, the coded picture as it was."""
    kept, at = bytearray(jpeg[:2]), 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        marker, size = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if not (0xE1 <= marker <= 0xED or marker == 0xFE):
            kept += jpeg[at : at + 2 + size]
        at += 2 + size
    return bytes(kept + jpeg[at:])
