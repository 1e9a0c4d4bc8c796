"""Workbooks of Excel: written row by row in little memory, read as plain cells, and refused where they hold more than cells."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import xlsxwriter
from python_calamine import CalamineWorkbook
from xlsxwriter.utility import xl_col_to_name

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LARGEST = 16 * 2**20
"""Bytes of a file that is sent; 50,000 rows of a book are a third of it."""
LARGEST_INSIDE = 256 * 2**20
MOST_PARTS, MOST_ROWS, MOST_COLUMNS = 500, 50_000, 200
LONGEST_HEADER = 255
"""More characters a header cannot hold."""
A4, A3 = 9, 8
WIDEST_ON_A4 = 200
"""Widths of columns together that can still be read on one sheet of A4, laid across; wider ones go on A3."""
LINE, TALLEST = 15, 400
"""Points: of one line of a row, and of the highest row that there can be."""
SIGNED = "填报人：　　　　　　　审核人：　　　　　　　单位负责人：　　　　　　　单位（盖章）　　　　　年　　月　　日"
ACTIVE = (
    "vbaproject",
    "macrosheets",
    "activex",
    "embeddings",
    "externallinks",
    "ctrlprops",
    "customui",
    "webextensions",
)
"""Parts by which a workbook does something, or brings something from elsewhere."""
PICKS = "选项"
BLOCK = 2**16


class Unreadable(Exception):
    """What was sent is no workbook that is taken; `code` is stable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Page:
    """One sheet while it is written: rows only come."""

    def __init__(self, book: "Book", name: str, widths: Sequence[int]) -> None:
        self._book, self._sheet, self._row, self._widths = book, book.file.add_worksheet(name), 0, [*widths]
        self._sheet.set_header(_printed("&C&B&A&B\n&8{}", book.stamp))  # under its name
        self._sheet.set_footer(_printed("&L&8{}&R&8&P / &N", book.stamp))
        self._sheet.set_landscape()
        self._sheet.set_paper(A4 if sum(widths) <= WIDEST_ON_A4 else A3)
        self._sheet.set_margins(left=0.4, right=0.4, top=0.9, bottom=0.9)
        self._sheet.center_horizontally()
        self._sheet.hide_gridlines(0)  # on paper they are drawn, too
        self._sheet.fit_to_pages(1, 0)
        self._sheet.repeat_rows(0)
        for n, width in enumerate(widths):
            self._sheet.set_column(n, n, width, book.text)

    def titled(self, title: str) -> None:
        """Printed as a book is handed in: its title over every page, whoever signs and seals it under each."""
        self._sheet.set_header(_printed("&C&B&14{}&B\n&8{}", title, self._book.stamp))
        self._sheet.set_footer(_printed(f"&L&9{SIGNED}\n&8{{}}&R&8&P / &N", self._book.stamp))

    def hide(self, column: int) -> None:
        """It goes along and is read again, and nobody sees it; before the first row."""
        self._sheet.set_column(column, column, None, self._book.text, {"hidden": True})
        self._widths[column] = MOST_ROWS

    def head(self, names: Sequence[str]) -> None:
        """The first row, which stays in sight."""
        self._sheet.freeze_panes(1, 0)
        self._put(names, [self._book.bold] * len(names))

    def add(self, cells: Sequence[Any], bad: Sequence[int] = ()) -> None:
        """One row; the cells that are named are marked."""
        self._put(cells, [self._book.red if n in bad else self._book.text for n in range(len(cells))])

    def _put(self, cells: Sequence[Any], formats: Sequence[Any]) -> None:
        needed = max((_lines(cell, wide) for cell, wide in zip(cells, self._widths, strict=False)), default=1)
        if needed > 1:  # not every program finds the height of a row by itself
            self._sheet.set_row(self._row, min(needed * LINE, TALLEST))
        for n, (cell, form) in enumerate(zip(cells, formats, strict=True)):
            match cell:
                case None | "":
                    if form is self._book.red:
                        self._sheet.write_blank(self._row, n, None, form)
                case int() | float() if not isinstance(cell, bool):
                    self._sheet.write_number(self._row, n, cell, form)
                case _:
                    self._sheet.write_string(self._row, n, str(cell), form)
        self._row += 1

    def filters(self, columns: int) -> None:
        """Arrows over the columns, by which a reader leaves only some rows; after the last row."""
        self._sheet.autofilter(0, 0, max(self._row - 1, 1), columns - 1)

    def choices(self, column: int, first: int, last: int) -> None:
        """A pick list for a column: the rows of the sheet of choices, in the column of the same number."""
        letter = xl_col_to_name(column)
        source = f"={PICKS}!${letter}${first}:${letter}${last}"
        self._sheet.data_validation(1, column, MOST_ROWS, column, {"validate": "list", "source": source})

    def hint(self, column: int, title: str, said: str) -> None:
        """What to write, shown when somebody enters the cell."""
        shown = {"validate": "any", "input_title": title[:32], "input_message": said[:LONGEST_HEADER]}
        self._sheet.data_validation(1, column, MOST_ROWS, column, shown)


class Book:
    """A workbook while it is written; `stamp` stands at the head and the foot of every printed page."""

    def __init__(self, path: Path, stamp: str) -> None:
        self.file = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True, "tmpdir": str(path.parent), "strings_to_formulas": False, "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )  # fmt: skip
        self.stamp = stamp
        cell = {"num_format": "@", "text_wrap": True, "valign": "top"}
        self.text = self.file.add_format(cell)
        self.bold = self.file.add_format({**cell, "bold": True, "bg_color": "#E8EEF4"})
        self.red = self.file.add_format({**cell, "bg_color": "#FFC7CE", "font_color": "#9C0006"})

    def page(self, name: str, widths: Sequence[int]) -> Page:
        """One more sheet."""
        return Page(self, name, widths)

    def facts(self, name: str, facts: Mapping[str, str]) -> None:
        """A sheet of two columns."""
        page = self.page(name, (28, 90))
        for what, said in facts.items():
            page.add((what, said))

    def close(self) -> None:
        """Write everything down."""
        self.file.close()


def _lines(cell: Any, wide: int) -> int:
    """Over how many lines a text runs in a column; a Chinese character is as wide as two letters."""
    if not isinstance(cell, str) or (2 * len(cell) <= wide and "\n" not in cell):
        return 1
    return sum(1 + (len(line) + len(line.encode())) // 2 // (wide + 1) for line in cell.split("\n"))


def _printed(around: str, *texts: str) -> str:
    """Texts between the commands of a header, where `&` commands; the last is cut where it holds no more."""
    *first, last = (text.replace("&", "&&") for text in texts)
    room = LONGEST_HEADER - len(around.format(*first, ""))
    return around.format(*first, last if len(last) <= room else last[:room].rstrip("&"))


def check(sent: bytes) -> None:
    """Raises Unreadable unless this is a plain workbook of a bearable size; nothing is believed that the file says of itself."""
    if len(sent) > LARGEST:
        raise Unreadable("workbook_too_large")
    if not sent.startswith(b"PK\x03\x04"):
        raise Unreadable("not_a_workbook")
    try:
        with zipfile.ZipFile(BytesIO(sent)) as parts:
            _check_parts(parts)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, OSError, ValueError):
        raise Unreadable("not_a_workbook") from None
    except zipfile.zlib.error:  # pyright: ignore[reportAttributeAccessIssue]  (as it is called there)
        raise Unreadable("not_a_workbook") from None


def _check_parts(parts: zipfile.ZipFile) -> None:
    names = parts.namelist()
    if len(names) > MOST_PARTS:
        raise Unreadable("workbook_too_large")
    if "[Content_Types].xml" not in names or "xl/workbook.xml" not in names or len(set(names)) < len(names):
        raise Unreadable("not_a_workbook")
    if any(part in name.lower() for name in names for part in ACTIVE):
        raise Unreadable("workbook_is_active")
    taken = 0
    for name in names:
        last = b""
        with parts.open(name) as part:
            while block := part.read(BLOCK):
                taken += len(block)
                if taken > LARGEST_INSIDE:
                    raise Unreadable("workbook_too_large")
                seen = last + block
                if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen or (name[0] == "[" and b"macroEnabled" in seen):
                    raise Unreadable("workbook_is_active")
                last = block[-16:]


def rows(sent: bytes, sheet: str) -> tuple[int, Iterator[list[Any]]]:
    """How many rows the sheet of that name has, or the first, and each of them, the row of names first; raises Unreadable."""
    check(sent)
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(sent))
        names = book.sheet_names
        page = book.get_sheet_by_name(sheet if sheet in names else names[0])
    except Exception as wrong:  # the reader has many errors of its own, and none of them is ours
        raise Unreadable("not_a_workbook") from wrong
    if page.total_height > MOST_ROWS + 1:
        raise Unreadable("workbook_has_too_many_rows")
    if page.total_width > MOST_COLUMNS:
        raise Unreadable("not_a_workbook")
    return page.total_height, page.iter_rows()
