# SPDX-License-Identifier: Apache-2.0
"""Read a list that people keep in a spreadsheet, CSV or XLSX, to rows of text; nothing in it is evaluated."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import json
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from governance.core.declared import Line
from governance.errors import PolicyError

LARGEST: Final = 10_000_000
"""Bytes of a file."""
LARGEST_UNPACKED: Final = 100_000_000
"""Bytes of all that an XLSX unpacks to."""
MOST_ROWS: Final = 10_000
_PARTS: Final = 1_000
_CHUNK: Final = 1 << 20
_SECONDS: Final = 30
_ENCODINGS: Final = ("utf-8-sig", "cp932")
"""cp932 is what Excel writes as CSV on a Japanese desktop; what is UTF-8 is hardly ever cp932 by chance."""
_PROGRAM: Final = Path(__file__).with_name("xlsx_rows.py")
_AS_CSV: Final = "Save it again as XLSX without a password, or as CSV (UTF-8)."


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as read."""

    lines: tuple[Line, ...]
    digest: str
    """SHA-256 of the file, in hex."""


def read(path: Path) -> Listed:
    """Every row of a CSV or of the first visible sheet of an XLSX, header and empty rows included.

    Raises:
        PolicyError: the file cannot be read, is too large, or is neither CSV nor XLSX.
    """
    readers = {".csv": _csv, ".xlsx": _xlsx}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise PolicyError(f"{path}: neither .csv nor .xlsx", hint="Save the list in one of these formats.")
    data = _bytes(path)
    rows = reader(path, data)
    if len(rows) > MOST_ROWS + 1:
        raise PolicyError(f"{path}: more than {MOST_ROWS:,} rows", hint="Split the list into several files.")
    lines = tuple((number, tuple(row) or ("",)) for number, row in enumerate(rows, 1))
    return Listed(lines, hashlib.sha256(data).hexdigest())


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise PolicyError(f"{path}: {said}", hint="Name a file that you can read.") from error
    if len(data) > LARGEST:
        raise PolicyError(f"{path}: larger than {LARGEST:,} bytes", hint="Split the list into several files.")
    return data


def _csv(path: Path, data: bytes) -> list[list[str]]:
    # Strict: an open quotation mark would else swallow the rest of the list as one cell.
    reader = csv.reader(io.StringIO(_decoded(path, data), newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            rows.append(row)
            if len(rows) > MOST_ROWS + 1:
                break
    except csv.Error as error:
        raise PolicyError(
            f"{path}: line {reader.line_num}: {error}", hint='Close every " and write it twice within a cell.'
        ) from error
    return rows


def _decoded(path: Path, data: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise PolicyError(
        f"{path}: neither UTF-8 nor Shift_JIS (cp932)", hint="In Excel, save it as `CSV UTF-8 (comma delimited)`."
    )


def _xlsx(path: Path, data: bytes) -> list[list[str]]:
    _refuse_bomb(path, data)
    command = [sys.executable, "-I", str(_PROGRAM), _site(), str(MOST_ROWS + 2)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=data, capture_output=True, timeout=_SECONDS, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise PolicyError(f"{path}: reading it did not finish: {error}", hint=_AS_CSV) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0][:200]
        raise PolicyError(f"{path}: cannot be read as XLSX: {said}", hint=_AS_CSV)
    rows: list[list[str]] = json.loads(done.stdout)
    return rows


def _refuse_bomb(path: Path, data: bytes) -> None:
    """Unpack every part, keep nothing, and stop where it grows too large, whatever the archive says of itself."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            if len(parts) > _PARTS or unpacked > LARGEST_UNPACKED:
                raise _too_much(path)
            for part in parts:
                _count(path, archive, part)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise PolicyError(f"{path}: cannot be read as XLSX: {error}", hint=_AS_CSV) from error


def _count(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """A part that unpacks to other than it says fails here by its checksum, before the parser meets it."""
    size = 0
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > LARGEST_UNPACKED:
                raise _too_much(path)


def _too_much(path: Path) -> PolicyError:
    return PolicyError(
        f"{path}: unpacks to more than {LARGEST_UNPACKED:,} bytes or {_PARTS:,} parts",
        hint="Copy the list alone into a new workbook, or save it as CSV.",
    )


def _site() -> str:
    """Where this interpreter finds the parser, for one that does not look at PYTHONPATH."""
    spec = importlib.util.find_spec("python_calamine")
    if spec is None or not spec.submodule_search_locations:
        raise PolicyError("the package python-calamine is not installed", hint="Install it, or save the list as CSV.")
    return str(Path(spec.submodule_search_locations[0]).parent)
