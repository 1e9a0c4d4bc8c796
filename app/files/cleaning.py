"""What is kept of a file: its picture or its text, and nothing else of it."""

from app.files.images import FORMATS, clean_image
from app.files.kinds import BadFile, FileFault, Kind, kind_of
from app.files.office import OLD, PACKED, clean_office
from app.files.pdf import clean_pdf


def cleaned(content: bytes) -> tuple[bytes, Kind]:
    """The content as it may be kept, and what it is. Raises BadFile."""
    if content.startswith(OLD):
        raise BadFile(FileFault.OLD_OFFICE)
    if content.startswith(PACKED):
        return clean_office(content)
    kind = kind_of(content)
    if kind and kind in FORMATS:
        return clean_image(content, kind)
    if kind is Kind.PDF:
        return clean_pdf(content), kind
    raise BadFile(FileFault.TYPE)
