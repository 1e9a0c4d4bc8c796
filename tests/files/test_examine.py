"""Hostile files are refused or come out harmless; harmless ones come out as what they were."""

import asyncio
import base64
import contextlib
import struct
import zipfile
from io import BytesIO

import pikepdf
import pytest
import python_calamine
import xlsxwriter
from PIL import Image

from app.files import examine as door
from app.files.cleaning import cleaned
from app.files.kinds import ENDINGS, BadFile, FileFault, Kind, kept_name
from tests.files import corpus


async def examine(name, content, scanner=""):
    return await door.examine(name, content, scanner, whose="tests")


def plainly(letters):
    """What stands in letters, where something does."""
    try:
        return base64.a85decode(letters.removesuffix(b"~>"))
    except ValueError:
        return b""


def unpacked(content):
    """All that is in a file, however it is packed away in it."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(content)) as package:
            return content + b"".join(package.read(name) for name in package.namelist())
    if content.startswith(b"%PDF"):
        out = BytesIO()
        with pikepdf.open(BytesIO(content)) as pdf:
            found = [thing for thing in pdf.objects if isinstance(thing, pikepdf.Stream)]
            streams = b"".join(thing.read_raw_bytes() + plainly(thing.read_raw_bytes()) for thing in found)
            plain = {"compress_streams": False, "stream_decode_level": pikepdf.StreamDecodeLevel.all}
            pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable, **plain)
        return content + out.getvalue() + streams
    return content


def test_the_corpus_is_as_large_as_promised():
    assert len(corpus.BAD) + len(corpus.NEUTRALISED) >= 60


@pytest.mark.parametrize("name", corpus.BAD)
async def test_a_hostile_file_is_refused_with_its_reason(name):
    content, fault = corpus.BAD[name]
    with pytest.raises(BadFile) as refused:
        await examine(name, content)
    assert refused.value.fault is fault


@pytest.mark.parametrize("name", corpus.NEUTRALISED)
async def test_a_hostile_file_comes_out_without_its_harm(name):
    content, harm = corpus.NEUTRALISED[name]
    assert harm in unpacked(content)  # the test would find it
    taken = await examine(name, content)
    assert harm not in unpacked(taken.content)
    assert "/" not in taken.name
    assert ".." not in taken.name.removesuffix(ENDINGS[taken.kind])


async def test_a_workbook_of_excel_is_the_same_workbook_without_its_author():
    made = BytesIO()
    book = xlsxwriter.Workbook(made)
    book.set_properties({"author": "欧阳作者", "company": "欧阳单位", "manager": "欧阳主任", "comments": "欧阳"})
    book.set_custom_property("经办", "欧阳经办")
    sheet = book.add_worksheet("走访")
    sheet.write(0, 0, "王小明")
    sheet.write_comment(0, 0, "已核对", {"author": "欧阳批注"})
    book.close()
    assert "欧阳".encode() in unpacked(made.getvalue())
    taken = await examine("走访.xlsx", made.getvalue())
    assert "欧阳".encode() not in unpacked(taken.content)
    read = python_calamine.CalamineWorkbook.from_filelike(BytesIO(taken.content)).get_sheet_by_name("走访").to_python()
    assert read == [["王小明"]]
    assert "已核对".encode() in unpacked(taken.content)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
async def test_a_photo_is_the_same_photo_upright_and_knows_no_place(form):
    taken = await examine(f"照片.{form}", corpus.located(form))
    with Image.open(BytesIO(taken.content)) as image:
        assert image.format == form
        assert image.size == (48, 64)  # it was turned by a quarter
        assert not image.getexif()
        assert (
            max(abs(a - b) for a, b in zip(image.convert("RGB").getpixel((20, 20)), (20, 120, 200), strict=True)) < 12
        )
    assert taken.name.startswith("照片.")


async def test_a_photo_of_a_large_camera_is_brought_to_a_size_in_which_writing_is_read():
    taken = await examine("a.jpg", corpus.image(size=(8000, 6000)))
    with Image.open(BytesIO(taken.content)) as image:
        assert 4000 <= max(image.size) <= 4096


def test_documents_keep_their_pages_and_parts():
    content, kind = cleaned(corpus.pdf(corpus._photo))
    assert kind is Kind.PDF
    with pikepdf.open(BytesIO(content)) as pdf:
        assert len(pdf.pages) == 1
        photo = pdf.pages[0].Resources.XObject.P.read_raw_bytes()
    assert Image.open(BytesIO(photo)).size == (64, 48)
    content, kind = cleaned(corpus.office(corpus.SHEET))
    assert kind is Kind.XLSX
    assert zipfile.ZipFile(BytesIO(content)).testzip() is None


def test_pictures_and_fonts_in_a_document_stay_what_they_were():
    font, kind = b"\xff\xfe\0\1 no text", "application/vnd.openxmlformats-officedocument.obfuscatedFont"
    given = {
        "word/fonts/font1.odttf": font,
        "word/media/image1.tiff": corpus.image("TIFF"),
        "word/media/image2.gif": corpus.image("GIF"),
    }
    content, _ = cleaned(corpus.office(parts=given, types=f'<Default Extension="odttf" ContentType="{kind}"/>'))
    with zipfile.ZipFile(BytesIO(content)) as package:
        assert package.read("word/fonts/font1.odttf") == font
        for name, form in (("word/media/image1.tiff", "TIFF"), ("word/media/image2.gif", "GIF")):
            with Image.open(BytesIO(package.read(name))) as image:
                assert (image.format, image.size) == (form, (64, 48))


def test_objects_in_a_stream_of_a_usual_size_are_read():
    assert cleaned(corpus.swollen(1_000_000))[1] is Kind.PDF


def test_a_photo_with_as_many_passes_as_cameras_make_is_taken():
    assert cleaned(corpus.image(size=(640, 480), progressive=True))[1] is Kind.JPEG
    assert cleaned(corpus.image() + b"\xff\xda" * 500)[1] is Kind.JPEG, "what lies behind a picture is no pass over it"


def test_a_link_in_a_document_that_somebody_has_to_follow_may_stay():
    link = {"word/_rels/document.xml.rels": corpus.RELATION.format("hyperlink")}
    assert cleaned(corpus.office(parts=link))[1] is Kind.DOCX


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\Users\\x\\照片 1.JPG", "照片 1.jpg"),
        ("照片\u202egpj.exe", "照片gpj.jpg"),
        ("..", "附件.jpg"),
        ("", "附件.jpg"),
        (".htaccess", "htaccess.jpg"),
        ("a\x00b<c>.jpg", "ab_c_.jpg"),
        ("长" * 300 + ".jpg", "长" * 80 + ".jpg"),
    ],
)
def test_a_name_fools_nobody(given, kept):
    assert kept_name(given, Kind.JPEG) == kept


@contextlib.asynccontextmanager
async def clamd(answer=None):
    """A process's end of the protocol: it reads the parts and knows EICAR."""
    seen = []

    async def serve(reader, writer):
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        content = b""
        while size := struct.unpack("!I", await reader.readexactly(4))[0]:
            content += await reader.readexactly(size)
        seen.append(len(content))
        said = answer or (b"stream: Eicar-Test-Signature FOUND" if corpus.EICAR in content else b"stream: OK")
        writer.write(said + b"\0")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"tcp:127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def test_the_scanner_sees_what_came_and_stops_what_it_knows():
    async with clamd() as (address, seen):
        photo = corpus.image(size=(900, 900)) + b"\0" * 200_000
        assert (await examine("a.jpg", photo, address)).kind is Kind.JPEG
        assert seen == [len(photo)]
        with pytest.raises(BadFile) as refused:
            await examine("a.jpg", corpus.image() + corpus.EICAR, address)
        assert refused.value.fault is FileFault.INFECTED


async def test_without_a_clear_word_of_the_scanner_nothing_is_taken():
    async with clamd(b"INSTREAM size limit exceeded. ERROR") as (address, _):
        with pytest.raises(BadFile) as refused:
            await examine("a.jpg", corpus.image(), address)
        assert refused.value.fault is FileFault.NOT_SCANNED
    with pytest.raises(BadFile) as refused:
        await examine("a.jpg", corpus.image(), address)
    assert refused.value.fault is FileFault.NOT_SCANNED
    with pytest.raises(BadFile) as refused:
        await examine("a.jpg", corpus.image(), "unix:/nowhere/clamd.sock")
    assert refused.value.fault is FileFault.NOT_SCANNED
