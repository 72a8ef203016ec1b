# SPDX-License-Identifier: Apache-2.0
"""A committee pack as a file: complete, the same every time, and not to be broken by a name."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from governance.errors import ReportError
from governance.reports import fonts
from governance.reports import pack as document
from tests import factories_pack as factory

if TYPE_CHECKING:
    from governance.core.committee import Pack

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "include" / "templates"
LANGUAGES = ("ja", "en")
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
HASH = """
import hashlib, sys
from pathlib import Path
from governance.reports import pack
from tests import factories_pack
pdf = pack.render(factories_pack.sample(), sys.argv[1], template_dir=Path(sys.argv[2]))
print(hashlib.sha256(pdf).hexdigest())
"""


def render(pack: Pack, language: str, **options: Any) -> bytes:
    return document.render(pack, language, **({"template_dir": TEMPLATES} | options))


def streams(pdf: bytes) -> list[bytes]:
    """The content of every compressed stream."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return [_inflated(data) for data in found]


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def attachment(pdf: bytes) -> dict[str, Any]:
    found = next(data for data in streams(pdf) if data.startswith(b'{\n "amber"'))
    read: dict[str, Any] = json.loads(found)
    return read


def texts(pdf: bytes) -> str:
    """What the pages show, read with the map of each font in turn."""
    every = streams(pdf)
    shown = [glyph for data in every if b" Tf " in data for glyph in _glyphs(data)]
    return "\n".join("".join(cmap.get(glyph, "") for glyph in shown) for cmap in map(_cmap, every) if cmap)


def _glyphs(data: bytes) -> list[str]:
    """Two bytes each, written as literal or as hexadecimal strings."""
    found = re.findall(rb"\(((?:[^\\()]|\\.)*)\)|(?<!<)<([0-9A-Fa-f]+)>", data, re.DOTALL)
    runs = [_unescaped(literal) if literal else bytes.fromhex(digits.decode()) for literal, digits in found]
    return [run[i : i + 2].hex().upper() for run in runs for i in range(0, len(run), 2)]


def _unescaped(run: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{1,3}|.)", lambda m: _ESCAPES.get(m[1]) or _byte(m[1]), run, flags=re.DOTALL)


def _byte(code: bytes) -> bytes:
    return bytes([int(code, 8)]) if code.isdigit() else code


def _cmap(data: bytes) -> dict[str, str]:
    pairs = re.findall(r"^<([0-9a-fA-F]{4})> <([0-9a-fA-F]+)>$", data.decode("latin-1"), re.MULTILINE)
    return {glyph: bytes.fromhex(text).decode("utf-16-be") for glyph, text in pairs}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pack_meets_the_archive_and_accessibility_standards(language: str) -> None:
    pdf = render(factory.sample(), language)
    assert pdf.startswith(b"%PDF-1.7")
    assert not document.is_degraded(pdf)
    metadata = pdf.decode("latin-1")
    assert "<pdfuaid:part>1<" in metadata
    assert "<pdfaid:conformance>A<" in metadata


@pytest.mark.parametrize(("seed", "zone", "lang"), [("1", "Asia/Tokyo", "ja_JP.UTF-8"), ("2", "America/New_York", "C")])
def test_a_pack_is_the_same_whatever_process_renders_it(seed: str, zone: str, lang: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": seed,
        "TZ": zone,
        "LANG": lang,
    }
    for language in LANGUAGES:
        done = subprocess.run(
            [sys.executable, "-c", HASH, language, str(TEMPLATES)],
            env=environment, cwd="/", capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == hashlib.sha256(render(factory.sample(), language)).hexdigest()


def test_the_pages_show_names_reasons_and_verdicts() -> None:
    shown = texts(render(factory.sample(), "ja")).replace("\u200b", "")
    for part in ("credit-scoring v1", "選択率の比", "下限 0.80", "不通過", "不明", "速報", "佐藤 花子"):
        assert part in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_are_printed_and_break_nothing(language: str) -> None:
    pdf = render(factory.hostile(), language)
    assert not document.is_degraded(pdf)
    shown = texts(pdf).replace("\u200b", "")
    for part in ("<script>alert(1)</script>", "=1+1", "[U+1F680]", "[U+202E]gnp", '#eval("1")', "与信審査モデル"):
        assert part in shown
    assert "\u202e" not in shown


def test_the_attachment_holds_the_names_as_they_are_and_the_figures_in_full() -> None:
    data = attachment(render(factory.hostile(), "en"))
    assert data["gates"][0]["decision"]["reasons"][0]["observation"]["value"] == 0.712
    names = {line["decision"]["subject"]["model"] for line in data["gates"]}
    assert {"<script>alert(1)</script>", "model-🚀", "x" * 5000} <= names


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_pack_says_so(language: str) -> None:
    shown = texts(render(factory.empty(), language))
    assert shown.count("該当する事項はありません。" if language == "ja" else "None.") == 7


def test_a_value_nobody_knows_is_grey_whatever_light_came_with_it() -> None:
    charset = frozenset(range(0x20, 0xFFFF))
    printed = document.content(factory.sample(), "ja", charset)
    unknown = next(row for row in printed["kpis"] if row["code"] == "K-G04")
    assert unknown["light"] == {"word": "不明", "tone": "grey"}
    assert (unknown["value"], unknown["previous"]) == ("不明", "不明")


def test_blocked_versions_come_first_and_the_highest_risks() -> None:
    printed = document.content(factory.sample(9, 9), "en", frozenset(range(0x20, 0xFFFF)))
    tones = [row["verdict"]["tone"] for row in printed["gates"]]
    scores = [int(row["score"]) for row in printed["risks"]]
    assert tones == sorted(tones, reverse=True)
    assert scores == sorted(scores, reverse=True)


def test_the_content_is_json_and_the_same_twice() -> None:
    charset = frozenset(range(0x20, 0xFFFF))
    first, second = (json.dumps(document.content(factory.hostile(), "ja", charset)) for _ in range(2))
    assert first == second


def test_a_missing_font_directory_is_named_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no fonts there") as caught:
        render(factory.empty(), "en", font_dir=tmp_path / "nowhere")
    assert "GOVERNANCE_FONT_DIR" in str(caught.value)


def test_a_file_that_is_no_font_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.otf").write_bytes(b"no font")
    with pytest.raises(ReportError, match=r"broken\.otf"):
        render(factory.empty(), "en", font_dir=tmp_path)


def test_fonts_may_come_from_a_directory(tmp_path: Path) -> None:
    for directory in fonts.find(None).directories:
        for path in directory.glob("*.otf"):
            (tmp_path / path.name).symlink_to(path)
    assert render(factory.empty(), "ja", font_dir=tmp_path) == render(factory.empty(), "ja")


def test_a_missing_template_is_named_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"pack\.typ: no such template"):
        render(factory.empty(), "en", template_dir=tmp_path)


def test_a_faulty_template_is_told_with_what_the_renderer_said(tmp_path: Path) -> None:
    (tmp_path / "pack.typ").write_text("#unheard-of", encoding="utf-8")
    with pytest.raises(ReportError, match="unheard-of"):
        render(factory.empty(), "en", template_dir=tmp_path)


def test_a_template_cannot_reach_files_outside_or_the_network(tmp_path: Path) -> None:
    for source in ('#read("/etc/passwd")', '#read("../../etc/passwd")', '#import "@preview/cetz:0.3.0"'):
        (tmp_path / "pack.typ").write_text(source, encoding="utf-8")
        with pytest.raises(ReportError, match="could not be set"):
            render(factory.empty(), "en", template_dir=tmp_path)


def test_a_template_that_cannot_meet_the_standards_gives_a_pack_marked_degraded(tmp_path: Path) -> None:
    (tmp_path / "pack.typ").write_text("no title, no date: neither PDF/A nor PDF/UA", encoding="utf-8")
    assert document.is_degraded(render(factory.empty(), "en", template_dir=tmp_path))
