"""Which files are taken, told by their content alone, and the name under which one is kept."""

import re
import unicodedata

from app.domain.terms import Term

LARGEST = 10 * 1024 * 1024
"""Bytes of one file; a default."""
MOST_FILES = 10
"""Of one report or one step of work; a default."""


class Kind(Term):
    """What is taken; the value is the media type under which it is served."""

    JPEG = "image/jpeg", "JPEG照片", "JPEG photo"
    PNG = "image/png", "PNG图片", "PNG image"
    WEBP = "image/webp", "WebP图片", "WebP image"
    HEIF = "image/heif", "HEIC照片", "HEIC photo"
    PDF = "application/pdf", "PDF文件", "PDF"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "Word文档", "Word document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "Excel表格", "Excel workbook"


ENDINGS = {
    Kind.JPEG: ".jpg", Kind.PNG: ".png", Kind.WEBP: ".webp", Kind.HEIF: ".heic", Kind.PDF: ".pdf", Kind.DOCX: ".docx",
    Kind.XLSX: ".xlsx",
}  # fmt: skip
ACCEPT = ",".join([*dict.fromkeys(kind.value for kind in Kind), *ENDINGS.values()])
"""For a file field of a form."""


class FileFault(Term):
    """Why a file is not taken; the pages and the API say it by this code."""

    EMPTY = "file_empty", "文件是空的", "The file is empty."
    TOO_LARGE = "file_too_large", "文件超过10 MB，请压缩或分开上传", "The file is larger than 10 MB."
    TOO_MANY = "too_many_files", "附件太多，最多10个", "There are too many files; ten at most."
    NO_ROOM = (
        "no_room",
        "本单位等待提交的附件过多，请先提交文字，稍后再补照片",
        "Too many files of your unit wait to be sent; send the text first, and photos later.",
    )
    TYPE = (
        "file_type_not_taken",
        "不支持这种文件。可以上传照片、截图、PDF、Word（docx）或Excel（xlsx）",
        "This kind of file is not taken. Photos, screenshots, PDF, Word (docx) and Excel (xlsx) are.",
    )
    OLD_OFFICE = (
        "file_old_office",
        "不支持旧版Office文件，请另存为PDF、docx或xlsx",
        "Old Office files are not taken; save it as PDF, docx or xlsx.",
    )
    MACROS = (
        "file_has_macros",
        "文件含有宏、控件或外部链接，请另存为PDF再上传",
        "The file has macros, controls or links to elsewhere; save it as PDF.",
    )
    LOCKED = "file_locked", "文件设有密码，请去掉密码后上传", "The file has a password; remove it first."
    UNREADABLE = "file_unreadable", "文件已损坏，无法打开", "The file is damaged and cannot be opened."
    TOO_COSTLY = (
        "file_takes_too_long",
        "检查这个文件用时过长，请换成照片或另存为PDF再上传",
        "It takes too long to look through this file; send a photo, or save it anew as PDF.",
    )
    HUGE_IMAGE = "image_too_large", "图片的像素太多，请缩小后上传", "The image has too many pixels."
    INFECTED = "file_infected", "文件被杀毒软件拦截", "The virus scanner stopped the file."
    NOT_SCANNED = "scanner_away", "杀毒服务暂不可用，请稍后再传", "The virus scanner is away; try again soon."
    BUSY = "files_busy", "正在检查的附件较多，请稍后再传", "Many files are being looked at; try again soon."


AGAIN_SOON = (FileFault.NOT_SCANNED, FileFault.BUSY)
"""What is no fault of the file."""


class BadFile(Exception):
    """A file that is not taken, and why; nothing of it is repeated."""

    def __init__(self, fault: FileFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def kind_of(content: bytes) -> Kind | None:
    """By the first bytes; an office document is told by its parts, later. None for whatever else."""
    if content.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Kind.WEBP
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"):
        return Kind.HEIF
    return Kind.PDF if content.startswith(b"%PDF-") else None


HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Control characters, and those that turn or hide the text around them, as in `gpj.exe` written backwards."""
NOT_IN_NAMES = re.compile(r'[<>:"|?*\x00-\x1f]')
LONGEST = 80


def kept_name(given: str, kind: Kind) -> str:
    """The last part of what was given, without anything that a file system or a reader could be fooled by, with the ending of its kind."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFKC", given))[-1]
    seen = "".join(char for char in last if unicodedata.category(char) not in HIDDEN)
    stem = NOT_IN_NAMES.sub("_", seen).rpartition(".")
    plain = (stem[0] or stem[2]).strip(" .")[:LONGEST]
    return (plain or "附件") + ENDINGS[kind]
