# SPDX-License-Identifier: Apache-2.0
"""The inventory as CSV, XLSX and JSON: the same bytes for the same facts, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from governance.core.evidence import plain
from governance.core.exports import KINDS, SERVED, WORDS
from governance.core.wording import label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from governance.core.exports import Entry

_STARTERS: Final = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a cell a formula; in Japanese, full-width signs do too (OWASP, CSV injection)."""
_CELL: Final = 16_000
"""Characters; Excel takes 32,767 UTF-16 units, and XlsxWriter drops a longer text without a word."""
_WIDTHS: Final = (14, 24, 28, 8, 26, 26, 12, 18, 20, 48, 18, 12, 26)


@dataclass(frozen=True, slots=True)
class Edition:
    """For whom the table is written, and of when it is."""

    language: str
    zone: ZoneInfo
    as_of: datetime
    known_at: datetime
    policy_digest: str


def to_csv(entries: Sequence[Entry], edition: Edition) -> bytes:
    """UTF-8 with the mark that Excel needs; every cell quoted, none a formula."""
    return csv_bytes([_header(edition), *(_texts(entry, edition) for entry in entries)])


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Any table of texts as CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([[defused(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def defused(cell: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe goes before what would start one."""
    return f"'{cell}" if cell.startswith(_STARTERS) or cell.lstrip().startswith(_STARTERS) else cell


def to_xlsx(entries: Sequence[Entry], edition: Edition) -> bytes:
    """One sheet of texts, header frozen and filtered; its date is the moment that it shows."""
    import xlsxwriter

    target = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(target, {**options, "strings_to_numbers": False}) as book:
        book.set_properties({"title": "AI inventory", "created": _naive(edition), "comments": _about(edition)})
        sheet = book.add_worksheet("AIインベントリ" if edition.language == "ja" else "AI inventory")
        for column, width in enumerate(_WIDTHS):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(len(entries), 1), len(WORDS) - 1)
        bold = book.add_format({"bold": True})
        _write(sheet, 0, _header(edition), bold)
        for number, entry in enumerate(entries, 1):
            _write(sheet, number, _texts(entry, edition))
    return target.getvalue()


def to_json(entries: Sequence[Entry], edition: Edition) -> bytes:
    """Codes instead of words, both languages, keys sorted; nothing is shortened."""
    document = {
        "as_of": edition.as_of,
        "known_at": edition.known_at,
        "policy_digest": edition.policy_digest,
        "inventory": list(entries),
    }
    return (json.dumps(plain(document), ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _write(sheet: Any, row: int, cells: Sequence[str], style: Any = None) -> None:  # noqa: ANN401 - XlsxWriter's types
    for column, cell in enumerate(cells):
        sheet.write_string(row, column, _cut(cell), style)


def _cut(cell: str) -> str:
    return cell if len(cell) <= _CELL else f"{cell[: _CELL - 1]}…"


def _naive(edition: Edition) -> datetime:
    return edition.as_of.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _about(edition: Edition) -> str:
    moments = f"{edition.as_of.isoformat()} / {edition.known_at.isoformat()}"
    return f"as of / known at: {moments}; policy {edition.policy_digest}"


def _header(edition: Edition) -> list[str]:
    return [words.in_(edition.language) for words in WORDS.values()]


def _texts(entry: Entry, edition: Edition) -> list[str]:
    """One row, in the order of the header."""
    tongue, changed = edition.language, entry.changed_at
    return [
        KINDS[entry.kind].in_(tongue) if entry.kind in KINDS else entry.kind,
        entry.id,
        entry.name,
        "" if entry.versions is None else str(entry.versions),
        ", ".join(f"{alias} → v{number}" for alias, number in entry.aliases.items()),
        entry.use_case_name.in_(tongue),
        label(entry.tier, tongue) if entry.tier else "",
        entry.owner.in_(tongue),
        entry.vendor or "",
        entry.purpose.in_(tongue),
        SERVED[entry.served].in_(tongue),
        entry.in_use_since.isoformat() if entry.in_use_since else "",
        changed.astimezone(edition.zone).isoformat(timespec="seconds") if changed else "",
    ]
