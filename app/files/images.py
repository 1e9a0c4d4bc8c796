"""Photos and screenshots: decoded within bounds and written anew, so that nothing but the picture is left."""

from io import BytesIO

import pi_heif
from PIL import Image, ImageOps

from app.files.kinds import BadFile, FileFault, Kind

MOST_PIXELS = 50_000_000
"""Decoded they take 150 MB; a phone's camera has 12 to 50 million. A default."""
LONGEST_SIDE = 4096
"""Enough to read a page of writing in a photo of it; a default."""
QUALITY = 90
FORMATS = {Kind.JPEG: "JPEG", Kind.PNG: "PNG", Kind.WEBP: "WEBP", Kind.HEIF: "HEIF"}
SHOWN_AS = {Kind.HEIF: Kind.JPEG}
"""No browser shows every HEIC photo."""
pi_heif.register_heif_opener(thumbnails=False)


def clean_image(content: bytes, kind: Kind) -> tuple[bytes, Kind]:
    """The same picture upright, at most so large, without place, camera, profile, comment or anything behind it."""
    try:
        with Image.open(BytesIO(content), formats=[FORMATS[kind]]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise BadFile(FileFault.HUGE_IMAGE)
            if kind is Kind.JPEG:
                image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return _written(upright, SHOWN_AS.get(kind, kind))
    except BadFile:
        raise
    except Image.DecompressionBombError:
        raise BadFile(FileFault.HUGE_IMAGE) from None
    except Exception as broken:  # a decoder fed with hostile bytes raises whatever it likes
        raise BadFile(FileFault.UNREADABLE) from broken


def _written(image: Image.Image, kind: Kind) -> tuple[bytes, Kind]:
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    plain = image.convert("RGBA" if has_alpha and kind is not Kind.JPEG else "RGB")
    bare = Image.new(plain.mode, plain.size)  # a picture of its own: what hung on the old one stays behind
    bare.paste(plain)
    out = BytesIO()
    if kind is Kind.PNG:
        bare.save(out, "PNG")
    else:
        bare.save(out, FORMATS[kind], quality=QUALITY)
    return out.getvalue(), kind


def without_notes(jpeg: bytes) -> bytes:
    """A JPEG inside of a document: its APP1 to APP13 and comments cut out, the coded picture as it was."""
    kept, at = bytearray(jpeg[:2]), 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        marker, size = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if not (0xE1 <= marker <= 0xED or marker == 0xFE):
            kept += jpeg[at : at + 2 + size]
        at += 2 + size
    return bytes(kept + jpeg[at:])
