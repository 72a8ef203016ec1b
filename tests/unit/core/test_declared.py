# SPDX-License-Identifier: Apache-2.0
"""A list of declared AI is read as people write it; whatever is wrong with it is told, all at once."""

from __future__ import annotations

from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import declared
from governance.core.declared import COLUMNS, LONGEST, SystemKind, error_line, read, template
from tests import factories
from tests.languages import problems

TODAY: Final = date(2026, 11, 10)
HEADER: Final = tuple(COLUMNS)
GOOD: Final = ("notes", "Notes", "saas", "Example Inc.", "", "J. Doe", "Minutes", "2026-04-01", "no")
ANY: Final = st.one_of(
    st.text(st.characters(), max_size=30),
    st.sampled_from(
        ["", *HEADER, *GOOD, "=1+1", "#", "購入", "2026/13/40", "はい", "x" * 5000, "\ud800", "\0", "９９９９"]
    ),
)


def lines(*rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> list[tuple[int, tuple[str, ...]]]:
    return list(enumerate((header, *rows), 1))


def told(*rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> list[tuple[int, str]]:
    reading = read(lines(*rows, header=header), factories.shipped(), TODAY)
    return [(error.row, error.column) for error in reading.errors]


def one(header: tuple[str, ...] = HEADER, **cells: str) -> declared.DeclaredSystem:
    row = dict(zip(HEADER, GOOD, strict=True)) | cells
    reading = read(lines((*row.values(),), header=header), factories.shipped(), TODAY)
    assert reading.errors == ()
    return reading.systems[0]


@given(st.lists(st.lists(ANY, max_size=11).map(tuple), max_size=6))
def test_no_file_whatever_it_holds_does_more_than_be_told_wrong(rows: list[tuple[str, ...]]) -> None:
    found = read([(n, row or ("",)) for n, row in enumerate(rows, 1)], factories.shipped(), TODAY)
    assert all(1 <= error.row <= max(len(rows), 1) for error in found.errors)


@given(st.lists(st.lists(ANY, min_size=1, max_size=11).map(tuple), min_size=1, max_size=6))
def test_every_row_below_a_good_header_is_a_system_or_an_error(rows: list[tuple[str, ...]]) -> None:
    found = read(lines(*rows), factories.shipped(), TODAY)
    wrong = {error.row for error in found.errors}
    counted = [
        n for n, row in enumerate(rows, 2) if any(c.strip() for c in row) and not row[0].lstrip().startswith("#")
    ]
    assert len(found.systems) + len(wrong) >= len(counted)
    assert wrong <= set(counted)
    for error in found.errors:
        assert problems(error.what) == []
        assert all(len(error_line(error, language)) < 500 for language in ("ja", "en"))


def test_a_list_in_japanese_reads_as_one_in_english() -> None:
    japanese = tuple(names[0] for names in COLUMNS.values())
    assert one(japanese, kind="ＳａａＳ", in_use_since="２０２６／４／１", retired="いいえ") == one()
    assert one(kind="組み込み").kind is SystemKind.EMBEDDED
    assert one(header=tuple(f" {name.upper().replace('_', ' ')} " for name in HEADER)) == one()


@pytest.mark.parametrize("written", ["2026-04-01", "2026/4/1", "2026/04/01", "2026.4.1", "2026年4月1日"])
def test_a_day_is_read_as_excel_writes_it_back(written: str) -> None:
    assert one(in_use_since=written).in_use_since == date(2026, 4, 1)


def test_what_is_left_empty_is_unknown_and_not_an_empty_text() -> None:
    system = one(kind="built", vendor="", owner=" ", use_case="", in_use_since="", retired="")
    assert (system.vendor, system.owner, system.use_case, system.in_use_since) == (None, None, None, None)
    assert system.is_present
    assert not one(retired="yes").is_present


def test_further_columns_are_kept_as_they_were_written() -> None:
    found = read(lines((*GOOD, " =1+1 "), header=(*HEADER, "契約 番号")), factories.shipped(), TODAY)
    assert found.systems[0].details == {"契約 番号": "=1+1"}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("system", cell) for cell in ("", "Notes", "a b", "-a", "x" * 64, "=1+1", "../etc")),
        *(("name", cell) for cell in ("", "   ", "x" * 201)),
        *(("kind", cell) for cell in ("", "model", "=saas")),
        *(("vendor", cell) for cell in ("", "x" * 201)),
        *(("use_case", cell) for cell in ("nowhere", "=1+1")),
        *(("purpose", cell) for cell in ("", "x" * (LONGEST + 1))),
        *(("in_use_since", cell) for cell in ("2026-11-11", "2026-02-30", "1.4.2026", "soon", "0000-01-01")),
        *(("retired", cell) for cell in ("maybe", "2")),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(column: str, cell: str) -> None:
    row = dict(zip(HEADER, GOOD, strict=True)) | {column: cell}
    assert told((*row.values(),)) == [(2, column)]


def test_everything_wrong_is_told_at_once() -> None:
    bad = ("", "", "x", "", "nowhere", "", "", "soon", "maybe")
    assert told(GOOD, bad) == [(3, c) for c in HEADER if c not in {"vendor", "owner"}]


def test_two_rows_of_one_id_are_refused_however_it_is_written() -> None:
    assert told(GOOD, ("ｎｏｔｅｓ", *GOOD[1:])) == [(3, "system")]


def test_a_header_is_held_to_its_columns() -> None:
    assert told(header=("system", "ID", "name", "kind")) == [(1, "purpose"), (1, "system")]
    assert told(header=(*HEADER, "Notes", "notes ")) == []
    assert told(header=(*HEADER, "note", "note")) == [(1, "note")]
    assert [row for row, _ in told(header=(*HEADER, *map(str, range(100))))] == [1]
    assert told((*GOOD, "", "stray"), header=(*HEADER, "")) == [(2, "11")]
    assert told((*GOOD, "stray"), header=(*HEADER, "")) == [(2, "10")]


def test_an_empty_file_says_what_is_missing() -> None:
    reading = read([(1, ("",)), (2, (" ",))], factories.shipped(), TODAY)
    assert [(error.row, problems(error.what)) for error in reading.errors] == [(1, [])]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_template_is_an_empty_list_and_its_example_a_good_row(language: str) -> None:
    header, example = template(language)
    assert read(list(enumerate((header, example), 1)), factories.shipped(), TODAY) == declared.Reading((), ())
    assert told((example[0].removeprefix("# "), *example[1:]), header=header) == []
