# SPDX-License-Identifier: Apache-2.0
"""A list comes from any spreadsheet, and a hostile one costs neither memory nor the process that reads it."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from governance.errors import PolicyError
from governance.sources import declared

if TYPE_CHECKING:
    from pathlib import Path

TABLE = [["システムID", "名称"], ["notes", '会議, "議事録"\n髙﨑①'], [], ["x", "=1+1"]]
SPARSE = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


def as_csv(encoding: str, ends: str = "\r\n") -> bytes:
    quoted = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in TABLE)
    return (ends.join(quoted) + ends).encode(encoding)


def as_xlsx(*rows: list[Any], hidden_first: bool = False, **options: Any) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, options) as book:
        if hidden_first:
            secret = book.add_worksheet("hidden")
            secret.write_string(0, 0, "secret")
            secret.hide()
        sheet = book.add_worksheet()
        sheet.activate()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write(number, column, cell, *([day] if isinstance(cell, date) else []))
    return target.getvalue()


def changed(book: bytes, part: str, old: str, new: str) -> bytes:
    """The book with one of its parts replaced."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as before, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            text = before.read(name).decode()
            after.writestr(name, text.replace(old, new) if name == part else text)
    return target.getvalue()


def kept(directory: Path, name: str, data: bytes) -> Path:
    path = directory / name
    path.write_bytes(data)
    return path


def cells(path: Path) -> list[list[str]]:
    """The rows without the empty cells at their ends."""
    found = [list(row) for _, row in declared.read(path).lines]
    return [row[: max((i for i, cell in enumerate(row, 1) if cell), default=0)] for row in found]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("ends", ["\r\n", "\n"])
def test_a_csv_reads_the_same_in_every_encoding_that_excel_writes(tmp_path: Path, encoding: str, ends: str) -> None:
    assert cells(kept(tmp_path, "list.CSV", as_csv(encoding, ends))) == TABLE


def test_an_xlsx_reads_as_its_csv_does(tmp_path: Path) -> None:
    options = {"strings_to_formulas": False}
    assert cells(kept(tmp_path, "list.xlsx", as_xlsx(*TABLE, **options))) == TABLE
    assert cells(kept(tmp_path, "list.xlsx", as_xlsx(*TABLE, hidden_first=True, **options))) == TABLE


def test_cells_are_text_as_a_person_sees_them(tmp_path: Path) -> None:
    row = [date(2026, 4, 1), datetime(2026, 4, 1, 9, 30), 7, 1.5, True, "007"]  # noqa: DTZ001 - Excel knows no zone
    expected = ["2026-04-01", "2026-04-01T09:30:00", "7", "1.5", "True", "007"]
    assert cells(kept(tmp_path, "list.xlsx", as_xlsx(row))) == [expected]


def test_a_formula_is_never_evaluated(tmp_path: Path) -> None:
    assert cells(kept(tmp_path, "list.xlsx", as_xlsx(["=1+1", "a"]))) == [["0", "a"]]


def test_rows_keep_the_numbers_that_a_spreadsheet_shows(tmp_path: Path) -> None:
    path = kept(tmp_path, "list.xlsx", as_xlsx([], [], ["", "b"]))
    assert [(n, row) for n, row in declared.read(path).lines if any(row)] == [(3, ("", "b"))]


def test_a_digest_is_that_of_the_file(tmp_path: Path) -> None:
    assert declared.read(kept(tmp_path, "a.csv", b"a")).digest.startswith("ca978112ca1bbdca")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("list.ods", b"", "neither .csv nor .xlsx"),
        ("list.csv", b"a\n" * 10_002, "more than 10,000 rows"),
        ("list.csv", b"\n" * 10_000_001, "larger than 10,000,000 bytes"),
        ("list.csv", b'a,"b\nc', "line 2"),
        ("list.csv", "あ".encode("euc-jp") * 3 + b"\xff\xfe\x81", "neither UTF-8 nor Shift_JIS"),
        ("list.csv", b"x" * 200_000, "line 0|line 1"),
        ("list.xlsx", b"", "cannot be read as XLSX"),
        ("list.xlsx", b"a,b\n", "cannot be read as XLSX"),
        ("list.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "cannot be read as XLSX"),
    ],
)
def test_a_file_that_is_no_list_says_what_to_do(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    with pytest.raises(PolicyError, match=said) as caught:
        declared.read(kept(tmp_path, name, data))
    assert caught.value.hint


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    for name in ("none.csv", "d.csv", "nul\0.csv"):
        with pytest.raises(PolicyError, match="Name a file that you can read"):
            declared.read(tmp_path / name)


def bomb(size: int, parts: int = 1) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(parts):
            archive.writestr(f"{number}.xml", b"\0" * size)
    return target.getvalue()


def lying(data: bytes, size: int) -> bytes:
    """The same archive, but every directory entry says that its part unpacks to one byte."""
    return data.replace(size.to_bytes(4, "little"), (1).to_bytes(4, "little"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bomb(101_000_000), id="large"),
        pytest.param(bomb(60_000_000, 2), id="large together"),
        pytest.param(bomb(1, 1_001), id="many parts"),
        pytest.param(lying(bomb(101_000_000), 101_000_000), id="lying about its size"),
        pytest.param(
            changed(as_xlsx(["a"]), "xl/worksheets/sheet1.xml", "<sheetData>", f"<sheetData>{SPARSE}"),
            id="two cells far apart",
        ),
        pytest.param(changed(as_xlsx(["a"]), "xl/workbook.xml", "<sheets>", "<sheets"), id="broken"),
    ],
)
def test_a_bomb_is_refused_and_takes_nobody_along(tmp_path: Path, data: bytes) -> None:
    assert len(data) < 1_000_000
    with pytest.raises(PolicyError):
        declared.read(kept(tmp_path, "list.xlsx", data))


def test_a_book_of_too_many_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="more than 10,000 rows"):
        declared.read(kept(tmp_path, "list.xlsx", as_xlsx(*([["a"]] * 10_002))))
