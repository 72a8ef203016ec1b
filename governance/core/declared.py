# SPDX-License-Identifier: Apache-2.0
"""AI systems that MLflow does not hold, as people list them: bought, SaaS, embedded or built elsewhere (INV, VND).

A list is accepted as a whole or not at all, and everything wrong with it is told at once.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from governance.core.terms import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from governance.policy import Policy

E = TypeVar("E", bound=StrEnum)
Line = tuple[int, tuple[str, ...]]
"""Number of a row as a spreadsheet counts, and its cells."""

LONGEST: Final = 4_000
"""Characters of one cell."""
MOST_COLUMNS: Final = 100
_SHORT: Final = 200
_SHOWN: Final = 40
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_DAY: Final = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")


class SystemKind(StrEnum):
    """Where a system that MLflow does not hold comes from."""

    BOUGHT = "bought"
    SAAS = "saas"
    EMBEDDED = "embedded"
    """Part of another product."""
    BUILT = "built"
    """Made by or for the company, outside its MLflow."""


@dataclass(frozen=True, slots=True)
class DeclaredSystem:
    """An AI system that MLflow does not hold, as the company declared it."""

    system: str
    """The id that stays the same from one list to the next."""
    name: str
    kind: SystemKind
    purpose: str
    vendor: str | None = None
    use_case: str | None = None
    owner: str | None = None
    in_use_since: date | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    """Further columns of the list, as they were written."""
    is_present: bool = True
    """False once it is out of use."""


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing wrong with a list, and what to do about it."""

    row: int
    column: str
    value: str
    """What was found, shortened: hostile text."""
    what: Words


@dataclass(frozen=True, slots=True)
class Reading:
    """A list as read; `systems` are to be kept only if there is no error."""

    systems: tuple[DeclaredSystem, ...]
    errors: tuple[RowError, ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What cells are held against."""

    use_cases: frozenset[str]
    today: date


COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "system": ("システムID", "ID"),
    "name": ("名称", "システム名"),
    "kind": ("種別", "区分"),
    "vendor": ("ベンダー", "提供元"),
    "use_case": ("ユースケース",),
    "owner": ("責任者",),
    "purpose": ("目的", "用途"),
    "in_use_since": ("利用開始日",),
    "retired": ("廃止",),
}
"""Column -> its names in Japanese; the first is the one that the template shows."""
_REQUIRED: Final = ("system", "name", "kind", "purpose")
_EXAMPLE: Final[Mapping[str, tuple[str, ...]]] = {
    "ja": ("# meeting-notes", "議事録作成支援", "saas", "株式会社例", "", "総務部長", "会議の要約", "2026-04-01", "no"),
    "en": ("# meeting-notes", "Meeting notes", "saas", "Example Inc.", "", "J. Doe", "Minutes", "2026-04-01", "no"),
}
_KINDS: Final[Mapping[str, SystemKind]] = {
    **{kind.value: kind for kind in SystemKind},
    **dict.fromkeys(("購入", "購買"), SystemKind.BOUGHT),
    **dict.fromkeys(("組み込み", "組込み", "組込", "内蔵"), SystemKind.EMBEDDED),
    **dict.fromkeys(("開発", "自社開発", "受託開発"), SystemKind.BUILT),
}
_ANSWERS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("yes", "y", "true", "1", "はい", "済", "廃止"), True),
    **dict.fromkeys(("", "no", "n", "false", "0", "いいえ", "未"), False),
}


def template(language: str) -> tuple[tuple[str, ...], ...]:
    """An empty list to fill in: its header, and an example that counts as a comment."""
    header = tuple(names[0] if language == "ja" else column for column, names in COLUMNS.items())
    return header, _EXAMPLE[language]


def read(lines: Sequence[Line], policy: Policy, today: date) -> Reading:
    """Read a list: its first row names the columns, in English or Japanese; a row that starts with # is a comment.

    Args:
        lines: every row of the file, empty ones too.
        policy: whose use cases a system may serve.
        today: in the company's time zone; nothing can be in use since a later day.
    """
    told = [line for line in lines if any(cell.strip() for cell in line[1]) and not _is_comment(line)]
    if not told:
        return Reading((), (RowError(1, "", "", Words("見出しの行がない", "there is no header; see the template")),))
    (header_row, header), rows = told[0], told[1:]
    columns = tuple(_column(cell) for cell in header)
    wrong = list(_header_errors(header_row, header, columns))
    if wrong:
        return Reading((), tuple(wrong))
    rules = _Rules(frozenset(policy.use_cases.use_cases), today)
    read_rows = [_row(line, header, columns, rules) for line in rows]
    wrong += [error for _, errors in read_rows for error in errors]
    wrong += _repeated(rows, header, columns)
    systems = tuple(system for system, _ in read_rows if system is not None)
    return Reading(systems, tuple(sorted(wrong, key=lambda error: error.row)))


def error_line(error: RowError, language: str) -> str:
    """One error on one line, for the person who made the list."""
    what = error.what.in_(language)
    where = f"{error.row} 行目" if language == "ja" else f"row {error.row}"
    cell = " ".join(part for part in (error.column, repr(error.value) if error.value else "") if part)
    return f"{where}{', ' if cell else ''}{cell}: {what}"


def _is_comment(line: Line) -> bool:
    return line[1][0].lstrip().startswith("#")


def _column(cell: str) -> str:
    """What a column is called in the code; a further column keeps the name that people gave it."""
    name = _even(cell)
    return _NAMES.get(name.casefold().replace(" ", "_"), name)


def _even(text: str) -> str:
    """Full-width letters and digits as half-width ones, as people mean them in an id, a kind or a date."""
    return unicodedata.normalize("NFKC", text).strip()


_NAMES: Final = {
    name.casefold(): column
    for column, names in COLUMNS.items()
    for name in (column, *(unicodedata.normalize("NFKC", name) for name in names))
}


def _header_errors(row: int, header: Sequence[str], columns: Sequence[str]) -> Iterator[RowError]:
    if len(columns) > MOST_COLUMNS:
        said = Words(f"列が {MOST_COLUMNS} を超える。減らす", f"more than {MOST_COLUMNS} columns; drop some")
        yield RowError(row, "", str(len(columns)), said)
    for column in (column for column in _REQUIRED if column not in columns):
        yield RowError(
            row, column, "", Words("この列がない。見出しに足す", "there is no such column; add it to the header")
        )
    for column, times in Counter(filter(None, columns)).items():
        if times > 1:
            same = Words("同じ意味の列が重複している。一つにする", "this column is there more than once; keep one")
            yield RowError(row, _short(column), " / ".join(_named(header, columns, column)), same)
    for cell in header:
        if len(cell) > _SHORT:
            yield RowError(row, "", _short(cell), _too_long(_SHORT))


def _named(header: Sequence[str], columns: Sequence[str], wanted: str) -> list[str]:
    return [_short(cell) for cell, column in zip(header, columns, strict=True) if column == wanted]


def _row(
    line: Line, header: Sequence[str], columns: Sequence[str], rules: _Rules
) -> tuple[DeclaredSystem | None, list[RowError]]:
    """One system, or everything that is wrong with its row."""
    number, cells = line
    found = dict(zip(columns, cells, strict=False))
    titles = dict(zip(columns, header, strict=True))
    values = {name: parse(found.get(name, ""), rules) for name, parse in _PARSERS.items()}
    values["details"] = {name: text.strip() for name, text in found.items() if name and name not in _PARSERS}
    wrong = {name: value for name, value in values.items() if isinstance(value, Words)}
    if values["kind"] in _WITH_VENDOR and values["vendor"] is None:
        wrong["vendor"] = Words("提供元が空。社名を書く", "nobody is named; write who sells or provides it")
    errors = [RowError(number, titles.get(n, n), _short(found.get(n, "")), said) for n, said in wrong.items()]
    errors += _strays(number, cells, columns)
    if errors:
        return None, errors
    retired = values.pop("retired")
    return DeclaredSystem(**values, is_present=not retired), []


def _strays(number: int, cells: Sequence[str], columns: Sequence[str]) -> Iterator[RowError]:
    """Cells that no header names, and cells of further columns that are too long to keep."""
    for position, cell in enumerate(cells):
        name = columns[position] if position < len(columns) else ""
        if not name and cell.strip():
            said = Words(
                "見出しのない列に値がある。見出しを付けるか消す", "no header names this cell; add one, or empty it"
            )
            yield RowError(number, str(position + 1), _short(cell), said)
        elif name not in _PARSERS and len(cell) > LONGEST:
            yield RowError(number, _short(name), _short(cell), _too_long(LONGEST))


def _repeated(rows: Sequence[Line], header: Sequence[str], columns: Sequence[str]) -> Iterator[RowError]:
    place = columns.index("system")
    seen: dict[str, int] = {}
    for number, cells in rows:
        name = _even(cells[place]) if place < len(cells) else ""
        first = seen.setdefault(name, number)
        if name and first != number:
            said = Words(f"{first} 行目と同じ ID。別の ID にする", f"row {first} has the same id; give each its own")
            yield RowError(number, header[place], _short(name), said)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _too_long(limit: int) -> Words:
    return Words(f"{limit:,} 文字を超える。短くする", f"longer than {limit:,} characters; shorten it")


# --- What each column may hold; whoever cannot read a cell says why, in words --------------------------------------


def _id(text: str, _rules: _Rules) -> str | Words:
    name = _even(text)
    if _ID.fullmatch(name):
        return name
    return Words(
        "ID でない。英小文字・数字・- と _ で 63 文字以内にする",
        "no id; write small letters, digits, - and _, at most 63 of them",
    )


def _title(text: str, rules: _Rules) -> str | Words:
    return _optional(text, rules) or Words("空になっている。記入する", "empty; fill it in")


def _optional(text: str, _rules: _Rules) -> str | Words | None:
    return _too_long(_SHORT) if len(text) > _SHORT else text.strip() or None


def _purpose(text: str, _rules: _Rules) -> str | Words:
    if len(text) > LONGEST:
        return _too_long(LONGEST)
    return text.strip() or Words("空になっている。何に使うかを書く", "empty; write what it is used for")


def _kind(text: str, _rules: _Rules) -> SystemKind | Words:
    return _KINDS.get(_even(text).casefold()) or Words(
        "種別でない。bought(購入)・saas・embedded(組み込み)・built(開発)のどれかにする",
        "no kind of system; write bought, saas, embedded or built",
    )


def _use_case(text: str, rules: _Rules) -> str | Words | None:
    name = _even(text)
    if not name or name in rules.use_cases:
        return name or None
    return Words(
        "登録のないユースケース。use_cases.yaml の名前を書くか、空にする",
        "no such use case; write one of use_cases.yaml, or leave it empty",
    )


def _since(text: str, rules: _Rules) -> date | Words | None:
    """A day as ISO writes it, or as Japanese Excel writes it back: 2026/4/1."""
    written = _even(text)
    if not written:
        return None
    match = _DAY.fullmatch(written)
    try:
        day = date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        day = None
    if day is None:
        return Words("日付でない。2026-04-01 のように書く", "no day; write it as 2026-04-01")
    if day > rules.today:
        return Words("未来の日付。利用を始めてから登録する", "a day to come; declare the system when it is in use")
    return day


def _retired(text: str, _rules: _Rules) -> bool | Words:
    answer = _ANSWERS.get(_even(text).casefold())
    return Words("yes か no にする", "neither yes nor no; write one of them") if answer is None else answer


_PARSERS: Final[Mapping[str, Callable[[str, _Rules], Any]]] = {
    "system": _id,
    "name": _title,
    "kind": _kind,
    "vendor": _optional,
    "use_case": _use_case,
    "owner": _optional,
    "purpose": _purpose,
    "in_use_since": _since,
    "retired": _retired,
}
_WITH_VENDOR: Final = (SystemKind.BOUGHT, SystemKind.SAAS, SystemKind.EMBEDDED)
