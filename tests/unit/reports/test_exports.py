# SPDX-License-Identifier: Apache-2.0
"""The inventory as a table: the same bytes for the same facts, and nothing in it that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.core import exports
from governance.core.evidence import plain
from governance.core.exports import Served
from governance.core.terms import VersionKey
from governance.errors import ReportError
from governance.reports.exports import defused, to_csv, to_json, to_xlsx
from governance.reports.files import write_whole
from tests import factories
from tests.factories_exports import FORMULAS, HOSTILE, edition, entries, system

if TYPE_CHECKING:
    from pathlib import Path

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def parts(book: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def cells(book: bytes) -> list[str]:
    sheet = ET.fromstring(parts(book)["xl/worksheets/sheet1.xml"])  # noqa: S314 - our own
    return ["".join(cell.itertext()) for cell in sheet.iter(f"{SHEET}c")]


def rows(table: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline=""), strict=True))


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_an_xlsx_is_a_formula_a_link_or_a_number(text: str) -> None:
    book = parts(to_xlsx(entries(text, vendor=text, purpose=text), edition()))
    sheet = book["xl/worksheets/sheet1.xml"]
    assert not re.search(r"<f[ >/]|<hyperlink|<v>", sheet)
    assert not [name for name in book if "externalLink" in name or ("rels" in name and "sheet" in name)]


@pytest.mark.parametrize("text", [text for text in FORMULAS if not text[0].isalnum() and text[0] != "{"])
def test_no_cell_of_a_csv_starts_a_formula(text: str) -> None:
    row = rows(to_csv(entries(text), edition()))[1]
    assert row[2] == f"'{text}"


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(), max_size=40), min_size=1, max_size=3))
def test_any_text_goes_into_every_table_and_comes_out_of_a_csv(texts: list[str]) -> None:
    found = entries(*map(plain, texts))
    table = rows(to_csv(found, edition()))
    assert [row[2] for row in table[1:]] == [defused(plain(text)) for text in texts]
    assert len(cells(to_xlsx(found, edition()))) == len(table) * len(table[0])
    assert [entry["name"] for entry in json.loads(to_json(found, edition()))["inventory"]] == list(map(plain, texts))


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=0x9FFF, exclude_categories=["Cc", "Cs"]), max_size=20), max_size=4))  # fmt: skip
@settings(max_examples=40)
def test_an_xlsx_holds_just_what_the_table_says(texts: list[str]) -> None:
    found = entries(*texts)
    expected = [
        cell.removeprefix("'") if cell[:1] == "'" else cell for row in rows(to_csv(found, edition())) for cell in row
    ]
    assert [c.removeprefix("'") for c in cells(to_xlsx(found, edition()))] == expected


@pytest.mark.parametrize("write", [to_csv, to_xlsx, to_json])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_same_facts_give_the_same_bytes(write: object, language: str) -> None:
    assert callable(write)
    assert write(entries("a", HOSTILE), edition(language)) == write(entries("a", HOSTILE), edition(language))


def test_a_text_longer_than_a_cell_is_cut_where_one_sees_it() -> None:
    shown = cells(to_xlsx(entries("a", purpose="𠮷" * 40_000), edition()))
    assert [cell[-1] for cell in shown if len(cell) > 1000] == ["…"]
    assert all(len(cell.encode("utf-16-le")) // 2 <= 32_767 for cell in shown)


def test_columns_and_words_are_in_the_language_that_is_asked() -> None:
    assert rows(to_csv(entries("a"), edition("ja")))[0][:2] == ["種別", "ID"]
    english = rows(to_csv(entries("a"), edition("en")))
    assert english[0][-1] == "last change"
    assert not re.search("[ぁ-ん]", " ".join(english[0]))
    assert english[1][10] == "no gate"


def test_models_and_declared_systems_stand_in_one_table() -> None:
    model = factories.registered(aliases={"champion": 1, "challenger": 2}, versions=(factories.version(), factories.version(number=2)))  # fmt: skip
    facts = exports.Facts((factories.registered("stray"), model), {}, {"credit-scoring": factories.NOW}, [system()])
    credit, stray, notes = exports.inventory(facts, factories.shipped())
    assert (credit.id, credit.versions, dict(credit.aliases)) == ("credit-scoring", 2, {"challenger": 2, "champion": 1})
    assert (credit.owner.en, credit.use_case, credit.changed_at) == ("Ken Tanaka", "credit-scoring", factories.NOW)
    assert (stray.use_case, stray.owner.en, stray.changed_at) == (None, "", None)
    assert (notes.kind, notes.versions, notes.served) == ("saas", None, Served.NO_GATE)
    shown = rows(to_csv((credit, stray, notes), edition("en")))
    assert shown[1][4] == "challenger → v2, champion → v1"
    assert shown[1][12] == "2026-11-10T12:00:00+09:00"


@pytest.mark.parametrize(
    ("aliases", "decided", "expected"),
    [
        ({}, {}, Served.NOT_HELD),
        ({"candidate": 1}, {1: True}, Served.NOT_HELD),
        ({"champion": 1}, {}, Served.UNDECIDED),
        ({"champion": 1}, {2: False}, Served.UNDECIDED),
        ({"champion": 1}, {1: False}, Served.PASSED),
        ({"champion": 1}, {1: True}, Served.BLOCKED),
        ({"champion": 1, "production": 2}, {1: False}, Served.UNDECIDED),
        ({"champion": 1, "production": 2}, {2: True}, Served.BLOCKED),
    ],
)
def test_the_worst_version_that_serves_counts(
    aliases: dict[str, int], decided: dict[int, bool], expected: Served
) -> None:
    model = factories.registered(numbers=(1, 2), aliases=aliases)
    decisions = {
        (VersionKey(model.name, n), "G4"): factories.decision(factories.key(number=n), blocks=blocks)
        for n, blocks in decided.items()
    }
    assert exports.served(model, decisions, factories.shipped()) is expected


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "table.csv"
    write_whole(target, b"one")
    write_whole(target, b"two")
    assert [path.name for path in target.parent.iterdir()] == ["table.csv"]
    assert target.read_bytes() == b"two"
    (tmp_path / "taken").mkdir()
    for wrong in (tmp_path / "taken", target / "below", tmp_path / "nul\0"):
        with pytest.raises(ReportError, match="directory that you can write"):
            write_whole(wrong, b"three")
    assert not list(tmp_path.rglob("*.part"))
