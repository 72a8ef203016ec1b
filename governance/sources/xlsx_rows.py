# SPDX-License-Identifier: Apache-2.0
"""Print the rows of an XLSX file as JSON, in a process of its own: `python -I xlsx_rows.py SITE ROWS < file.xlsx`.

A sheet of two cells that lie far apart makes the parser ask for 500 GB and abort. So it runs here, bounded in
memory and time, and takes nobody along. `-I` hides PYTHONPATH: import nothing of ours.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
from datetime import date, datetime, time
from typing import Any, Final

_LIMITS: Final = {resource.RLIMIT_AS: 1 << 30, resource.RLIMIT_CPU: 20, resource.RLIMIT_CORE: 0}
_WRONG: Final = 3
"""Exit code of a file that the parser refuses."""


def main(site: str, rows: int) -> int:
    """Read the first visible worksheet, `rows` of its rows at most; every cell becomes text."""
    _bound()
    sys.path.append(site)
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        sheets = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
        ]
        found = book.get_sheet_by_name(sheets[0]).to_python(skip_empty_area=False, nrows=rows) if sheets else []
    except (CalamineError, OSError) as error:
        sys.stderr.write(str(error))
        return _WRONG
    json.dump([[_text(cell) for cell in row] for row in found], sys.stdout)
    return 0


def _text(cell: Any) -> str:  # noqa: ANN401 - whatever Excel keeps
    """As a person sees the cell: a day without midnight, a whole number without .0; of a formula, its last result."""
    if isinstance(cell, datetime) and cell.time() == time():
        cell = cell.date()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell)


def _bound() -> None:
    for what, limit in _LIMITS.items():
        _, hard = resource.getrlimit(what)
        ceiling = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # Not every system knows every limit; the parent's timeout holds anyway.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (ceiling, ceiling))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
