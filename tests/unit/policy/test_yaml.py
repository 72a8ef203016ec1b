# SPDX-License-Identifier: Apache-2.0
"""YAML has one reading per file, or an error that names file, line and remedy."""

from __future__ import annotations

import math
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import PolicyError
from governance.policy import yaml

DEEP = "[" * (yaml.MAX_DEPTH + 1) + "]" * (yaml.MAX_DEPTH + 1)
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"

REFUSED = {
    "a key given twice": ("limit: 0.8\nlimit: 0.1\n", 2, "'limit' appears twice"),
    "a nested key given twice": ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "'b' appears twice"),
    "a key given twice, once in quotes": ('a: 1\n"a": 2\n', 2, "'a' appears twice"),
    "no": ("a: 1\nb: no\n", 2, "'no' means different things"),
    "NO": ("country: NO\n", 1, "'NO' means different things"),
    "on": ("a: on\n", 1, "'on' means different things"),
    "y": ("a: y\n", 1, "'y' means different things"),
    "TRUE": ("a: TRUE\n", 1, "'TRUE' means different things"),
    "on as a key": ("on: 1\n", 1, "'on' means different things"),
    "sexagesimal": ("a: 12:30\n", 1, "'12:30' means different things"),
    "octal": ("a: 010\n", 1, "'010' means different things"),
    "octal with fraction": ("a: 010.5\n", 1, "'010.5' means different things"),
    "a new octal": ("a: 0o10\n", 1, "'0o10' means different things"),
    "underscores": ("a: 1_000\n", 1, "'1_000' means different things"),
    "underscores and fraction": ("a: 1_000.5\n", 1, "'1_000.5' means different things"),
    "hexadecimal": ("a: 0x10\n", 1, "'0x10' means different things"),
    "negative hexadecimal": ("a: -0x10\n", 1, "'-0x10' means different things"),
    "a bare fraction": ("a: .5\n", 1, "'.5' means different things"),
    "a bare point": ("a: 5.\n", 1, "'5.' means different things"),
    "infinity": ("a: .inf\n", 1, "'.inf' means different things"),
    "minus infinity": ("a: -.INF\n", 1, "'-.INF' means different things"),
    "not a number": ("a: .nan\n", 1, "'.nan' means different things"),
    "an overflowing number": ("a: 1\nb: 1e999\n", 2, "not a finite number"),
    "a number databases round": ("a: 9007199254740993\n", 1, "beyond 2^53"),
    "a float databases make an integer": ("a: 1e300\n", 1, "beyond 2^53"),
    "a number of 5,000 digits": (f"a: {'9' * 5000}\n", 1, "not a finite number"),
    "an alias bomb": (BOMB, 2, "aliases (*name) are not allowed"),
    "an alias of itself": ("a: &a [*a]\n", 1, "aliases (*name) are not allowed"),
    "a merge key": ("a: 1\n<<: {b: 2}\n", 2, "tag:yaml.org,2002:merge"),
    "an object of Python": ("a: !!python/object/apply:os.system [id]\n", 1, "is not allowed"),
    "an object of Python as a key": ("!!python/name:os.system : 1\n", 1, "is not allowed"),
    "a local tag": ("a: 1\nb: !secret x\n", 2, "tag !secret is not allowed"),
    "a tag that coerces": ('a: !!int "x"\n', 1, "is not allowed"),
    "a tag that empties": ("a: !!map x\n", 1, "is not allowed"),
    "a list as a key": ("? [a, b]\n: 1\n", 1, "a key must be plain text"),
    "a number as a key": ("1: a\n", 1, "key 1 is not text"),
    "nothing as a key": ("~: a\n", 1, "key None is not text"),
    "deep nesting": (f"a: 1\nb: {DEEP}\n", 2, "nested deeper than 40"),
    "very deep nesting": ("[" * 500_000, 1, "nested deeper than 40"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "another document"),
    "a tab": ("a: 1\n\tb: 2\n", 2, "cannot start any token"),
    "an open quote": ('a: 1\nb: "x\n', 3, "end of stream"),
    "a control character": ("a: 1\nb: x\x07y\n", 2, "a control character"),
    "an escaped NUL": ('a: 1\nb: "x\\0y"\n', 2, "not text"),
    "half a surrogate pair": ('a: "\\ud800"\n', 1, "not text"),
    "NUL in a key": ('"x\\0y": 1\n', 1, "not text"),
}


def read(text: str | bytes, directory: Path) -> Any:
    path = directory / "tiers.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return yaml.read(path)[0]


@pytest.mark.parametrize("name", REFUSED)
def test_ambiguous_or_hostile_yaml_is_refused_with_file_line_and_remedy(name: str, tmp_path: Path) -> None:
    text, line, told = REFUSED[name]
    with pytest.raises(PolicyError, match=re.escape(told)) as caught:
        read(text, tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'tiers.yaml'}:{line}: ")
    assert caught.value.hint
    assert not caught.value.retryable


def test_a_file_of_more_than_a_mebibyte_is_not_parsed(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"1,048,577 bytes, more than the 1,048,576 allowed"):
        read(b"#" * (yaml.MAX_BYTES + 1), tmp_path)
    assert read(b"#" * (yaml.MAX_BYTES - 5) + b"\na: 1", tmp_path) == {"a": 1}


def test_a_file_that_is_not_utf8_is_named_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"tiers.yaml:2: not UTF-8 at byte 8") as caught:
        read("a: 1\nb: 日本".encode("shift_jis"), tmp_path)
    assert caught.value.hint == "Save the file as UTF-8."


def test_a_missing_file_and_a_directory_are_named_with_a_remedy(tmp_path: Path) -> None:
    for path, told in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(PolicyError, match=told) as caught:
            yaml.read(path)
        assert str(path) in str(caught.value)
        assert caught.value.hint


def test_a_byte_order_mark_changes_nothing(tmp_path: Path) -> None:
    assert read("\ufeffa: 1\n", tmp_path) == read("a: 1\n", tmp_path) == {"a": 1}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n"])
def test_an_empty_file_reads_as_nothing(text: str, tmp_path: Path) -> None:
    assert read(text, tmp_path) is None


def test_scalars_follow_yaml_1_2(tmp_path: Path) -> None:
    text = 'a: true\nb: -3\nc: 1e-3\nd: null\ne: "no"\nf: 2026-10-31\ng: "010"\nh: 与信\ni: 1.50\nj: +2\nk: ~\n'
    assert read(text, tmp_path) == {
        "a": True, "b": -3, "c": 0.001, "d": None, "e": "no", "f": "2026-10-31", "g": "010", "h": "与信",
        "i": 1.5, "j": 2, "k": None,
    }  # fmt: skip


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    path = tmp_path / "lines.yaml"
    path.write_text("# a comment\na:\n  - x\n  - b: 1\n    c: 2\n", encoding="utf-8")
    _data, lines = yaml.read(path)
    assert lines["a", 0] == 3
    assert lines["a", 1, "b"] == 4
    assert lines["a", 1, "c"] == 5


def quoted(value: Any) -> Any:
    """Quote texts and nothing else, as people do who want no surprises."""
    return pyyaml.dump(value, Dumper=_Quoting, allow_unicode=True)


class _Quoting(pyyaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def represent_quoted(self, text: str) -> pyyaml.Node:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Quoting.add_representer(str, _Quoting.represent_quoted)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_any_json_value_reads_back_equal_or_is_refused(value: Any) -> None:
    text = quoted(value)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        return  # no file can hold it
    with tempfile.TemporaryDirectory() as directory:
        try:
            assert read(text, Path(directory)) == value
        except PolicyError:
            assert _has_no_single_reading(value)


def _has_no_single_reading(value: Any) -> bool:
    match value:
        case dict():
            return any(map(_has_no_single_reading, [*value, *value.values()]))
        case list():
            return any(map(_has_no_single_reading, value))
        case str():
            return re.search("[\0\ud800-\udfff]", value) is not None
        case bool() | None:
            return False
        case _:
            return not math.isfinite(value) or abs(value) >= 2**53


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_read_or_refused_but_never_breaks_the_loader(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        try:
            read(text, Path(directory))
        except PolicyError as error:
            assert re.search(r"tiers\.yaml:\d+: ", str(error))
            assert error.hint


@given(st.binary())
def test_any_bytes_are_read_or_refused_but_never_break_the_loader(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        try:
            read(content, Path(directory))
        except PolicyError as error:
            assert error.hint


@given(st.sampled_from(["yes", "no", "on", "off", "y", "n", "true", "false"]), st.randoms())
def test_a_boolean_of_yaml_1_1_is_never_silently_a_text(word: str, random: Any) -> None:
    cased = "".join(random.choice([c.lower(), c.upper()]) for c in word)
    with tempfile.TemporaryDirectory() as directory:
        if cased in {"true", "false"}:
            assert read(f"a: {cased}\n", Path(directory)) == {"a": cased == "true"}
        else:
            with pytest.raises(PolicyError, match="means different things"):
                read(f"a: {cased}\n", Path(directory))
