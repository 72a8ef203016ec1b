# SPDX-License-Identifier: Apache-2.0
"""Foreign text is printed honestly, or not at all, and never stops a pack."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.reports import fonts
from governance.reports.text import BREAK, guard

ASCII = frozenset(range(0x20, 0x7F)) | {ord("…"), 0x3042, 0x30FC, 0x3164}
ANYTHING = st.text(st.characters(), max_size=60)
"""Surrogates and characters nobody assigned included."""

SOURCE = """#set document(title: "t", date: datetime(year: 2026, month: 11, day: 2))
#set page(width: 6cm, height: auto)
#set text(font: ("Noto Sans CJK JP",), lang: "ja")
#for s in json(bytes(sys.inputs.s)) [#s \\ #strong(s) \\ ]"""


@pytest.mark.parametrize(
    ("foreign", "printed"),
    [
        ("plain", "plain"),
        ("a\tb\nc", "a b c"),
        ("\u202egnp.exe", "[U+202E]gnp.exe"),
        ("🚀", "[U+1F680]"),
        ("\0", "[U+0000]"),
        ("\ue000", "[U+E000]"),
        ("\ud800", "[U+D800]"),
        ("\u3164", "[U+3164]"),
        ("a\u200bb", "a[U+200B]b"),
        ("a\ufe0f", "a"),
    ],
)
def test_what_cannot_be_printed_is_named(foreign: str, printed: str) -> None:
    assert guard(foreign, ASCII) == printed


def test_text_is_cut_with_an_ellipsis_and_never_inside_a_mark() -> None:
    assert guard("ab" + "\0" * 9, ASCII, limit=12) == "ab[U+0000]…"
    assert len(guard("x" * 5000, ASCII).replace(BREAK, "")) == 200


def test_text_that_just_fits_is_not_cut() -> None:
    assert guard("x y" * 4, ASCII, limit=12) == "x y" * 4


def test_only_long_words_may_be_broken() -> None:
    assert BREAK not in guard("documentation of credit-scoring", ASCII)
    assert guard("credit_scoring_model_eu", ASCII) == f"credit_{BREAK}scoring_{BREAK}model_{BREAK}eu"


def test_japanese_breaks_by_itself_except_where_it_does_not() -> None:
    assert BREAK not in guard("あ" * 100, ASCII)
    assert BREAK in guard("ー" * 100, ASCII)


@given(ANYTHING, st.integers(min_value=1, max_value=80))
def test_only_characters_of_the_font_are_printed_and_no_more_than_the_limit(text: str, limit: int) -> None:
    printed = guard(text, ASCII, limit=limit).replace(BREAK, "")
    assert len(printed) <= limit
    assert {ord(char) for char in printed} <= ASCII


@given(ANYTHING)
def test_equal_texts_print_equally(text: str) -> None:
    assert guard(unicodedata.normalize("NFD", text), ASCII) == guard(unicodedata.normalize("NFC", text), ASCII)


@cache
def _fonts() -> Any:
    """Read once: a compile that reads fonts keeps 35 MB."""
    import typst

    directories = [str(directory) for directory in fonts.find(None).directories]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=directories)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(ANYTHING, min_size=1, max_size=40))
def test_any_text_compiles_to_an_archivable_and_accessible_pdf(texts: list[str]) -> None:
    import typst

    guarded = [guard(text, fonts.find(None).charset) for text in texts]
    pdf = typst.compile(
        SOURCE.encode(),
        font_paths=_fonts(),
        sys_inputs={"s": json.dumps(guarded)},
        format="pdf",
        pdf_standards=["a-3a", "ua-1"],
        timestamp=0,
    )
    assert pdf.startswith(b"%PDF")
