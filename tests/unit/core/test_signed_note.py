# SPDX-License-Identifier: Apache-2.0
"""A note opens with the key that signed it and with no other, and hostile text is refused by name."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import signed_note
from governance.core.signed_note import Checkpoint, open_note, parse_checkpoint, read_checkpoint
from governance.errors import EvidenceError, PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable

PETER_SECRET: Final = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"  # noqa: S105 - published
PETER: Final = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT: Final = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE: Final = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ROOT: Final = bytes(range(32))
CHECKPOINT: Final = Checkpoint("log.example.co.jp", 42, ROOT)

anything = st.text(st.characters(), max_size=300)
names = st.text(st.characters(exclude_characters="+", exclude_categories=("C", "Z")), min_size=1, max_size=30)
lines = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=30)
texts = st.lists(lines, min_size=1, max_size=6).map(lambda found: "\n".join(found) + "\n")


@cache
def secret(name: str = "log.example.co.jp", _number: int = 0) -> str:
    return signed_note.new_signing_key(name)


def note_and_key() -> tuple[str, str]:
    return signed_note.sign(CHECKPOINT.text, secret()), signed_note.verifier_key(secret())


def test_the_published_example_opens() -> None:
    assert open_note(f"{TEXT}\n{LINE}", [PETER]) == TEXT


def test_signing_the_published_example_gives_the_published_signature() -> None:
    assert signed_note.sign(TEXT, PETER_SECRET) == f"{TEXT}\n{LINE}"
    assert signed_note.verifier_key(PETER_SECRET) == PETER
    assert signed_note.name_of(PETER_SECRET) == signed_note.name_of(PETER) == "PeterNeumann"


@given(names, texts)
def test_what_is_signed_opens_as_it_was(name: str, text: str) -> None:
    key = secret(name)
    assert signed_note.name_of(key) == name
    assert open_note(signed_note.sign(text, key), [PETER, signed_note.verifier_key(key)]) == text


def test_two_keys_are_never_the_same() -> None:
    assert secret(_number=1) != secret(_number=2)


def test_a_checkpoint_comes_back_from_its_note() -> None:
    note, key = note_and_key()
    assert CHECKPOINT.text == f"log.example.co.jp\n42\n{base64.b64encode(ROOT).decode()}\n"
    assert read_checkpoint(note, [key]) == CHECKPOINT


def test_lines_after_the_root_are_signed_but_not_read() -> None:
    note = signed_note.sign(CHECKPOINT.text + "extension 7\nanother\n", secret())
    assert read_checkpoint(note, [signed_note.verifier_key(secret())]) == CHECKPOINT


@given(st.data())
def test_no_altered_note_opens_as_another(data: st.DataObject) -> None:
    note, key = note_and_key()
    at = data.draw(st.integers(0, len(note) - 1))
    forged = note[:at] + data.draw(st.characters() | st.just("")) + note[at + 1 :]
    with suppress(EvidenceError):
        assert open_note(forged, [key]) == CHECKPOINT.text, "only what the signature does not cover may change"


@pytest.mark.parametrize(
    ("old", "new"), [("\n42", "\n43"), ("log.", "dog."), ("42\n", "42 \n"), ("\n\n", "\nmore\n\n")]
)
def test_a_changed_text_does_not_fit_its_signature(old: str, new: str) -> None:
    note, key = note_and_key()
    with pytest.raises(EvidenceError, match="signature does not fit") as caught:
        open_note(note.replace(old, new, 1), [key])
    assert caught.value.hint


def test_signatures_by_others_are_ignored() -> None:
    note, key = note_and_key()
    stranger = signed_note.sign(CHECKPOINT.text, secret("witness.example")).rpartition("\n\n")[2]
    garbage = f"— someone {base64.b64encode(b'12345').decode()}\n"
    for signatures in (stranger + garbage, LINE):
        text, _, mine = note.partition("\n\n")
        assert open_note(f"{text}\n\n{signatures}{mine}", [key]) == CHECKPOINT.text
        assert open_note(f"{text}\n\n{mine}{signatures}", [key]) == CHECKPOINT.text


def test_one_bad_signature_by_a_known_key_spoils_the_note() -> None:
    note, key = note_and_key()
    other = signed_note.sign("another text\n", secret()).rpartition("\n\n")[2]
    with pytest.raises(EvidenceError, match="signature does not fit"):
        open_note(note + other, [key])


def test_another_key_of_the_same_name_is_a_stranger() -> None:
    note, _ = note_and_key()
    with pytest.raises(EvidenceError, match="not signed by a key that we know") as caught:
        open_note(note, [signed_note.verifier_key(secret(_number=1)), PETER])
    assert caught.value.hint


def test_nobody_is_trusted_if_no_key_is_given() -> None:
    with pytest.raises(EvidenceError, match="not signed by a key"):
        open_note(note_and_key()[0], [])


def test_the_key_id_alone_is_no_signature() -> None:
    name, key_id, _ = PETER.split("+")
    for length in (1, 63, 64, 65):
        claimed = base64.b64encode(bytes.fromhex(key_id) + bytes(length)).decode()
        with pytest.raises(EvidenceError, match="signature does not fit"):
            open_note(f"{TEXT}\n— {name} {claimed}\n", [PETER])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        TEXT,
        f"{TEXT}{LINE}",
        f"{TEXT}\n",
        f"{TEXT}\n{LINE}".removesuffix("\n"),
        f"{TEXT}\n{LINE}\n",
        f"{TEXT}\n{LINE}trailing\n",
        f"{TEXT}\n{LINE}".replace("—", "-"),
        f"{TEXT}\n{LINE}".replace("— P", "—P"),
        f"{TEXT}\n{LINE}".replace("AM=", "AM"),
        f"{TEXT}\n{LINE}".replace("AM=", "AN="),
        f"{TEXT}\n— PeterNeumann x08g\n",
        f"{TEXT}\n{LINE}".replace("\n", "\r\n"),
        f"\0{TEXT}\n{LINE}",
        f"\ud800{TEXT}\n{LINE}",
        f"{TEXT}\n{LINE}" + LINE * 1000,
    ],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(EvidenceError, match=r"no signed note|malformed signature line|not signed by") as caught:
        open_note(note, [PETER])
    assert caught.value.hint


@pytest.mark.parametrize("name", ["", " ", "two words", "a+b", "tab\t", "line\n", "full\u3000width", "\0", "\ud800"])
def test_a_name_that_a_key_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(PolicyError, match="cannot name") as caught:
        signed_note.new_signing_key(name)
    assert caught.value.hint


@pytest.mark.parametrize(
    "key",
    [
        "",
        "+",
        "++",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("c74f20a3", "xyz"),
        PETER.replace("c74f20a3", ""),
        PETER.replace("Peter", "Paul"),
        PETER.replace("ARpc", "AhpC"),
        PETER.replace("ARpc", "AQpc"),
        PETER[:-4],
        PETER + "AAAA",
        PETER.removeprefix("PeterNeumann"),
        PETER.replace("PeterNeumann", "\ud800"),
        PETER_SECRET,
    ],
)
def test_what_is_no_verifier_key_is_refused(key: str) -> None:
    with pytest.raises(PolicyError, match="no verifier key") as caught:
        open_note(f"{TEXT}\n{LINE}", [key])
    assert caught.value.hint


@pytest.mark.parametrize(
    "key",
    ["", "PRIVATE+KEY+", PETER, PETER_SECRET[:-4], PETER_SECRET.replace("c74f", "c74e"), PETER_SECRET.replace("AYEK", "AYEL")],
)  # fmt: skip
@pytest.mark.parametrize(
    "use",
    [
        signed_note.verifier_key,
        pytest.param(lambda key: signed_note.sign(TEXT, key), id="sign"),
        pytest.param(lambda key: signed_note.sign_bytes(b"", key), id="sign_bytes"),
    ],
)
def test_a_malformed_signing_key_is_refused_and_never_quoted(use: Callable[[str], Any], key: str) -> None:
    with pytest.raises(PolicyError, match="signing key is malformed") as caught:
        use(key)
    assert caught.value.hint
    assert key.rpartition("+")[2] not in str(caught.value) or not key.rpartition("+")[2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n",
        "a\n1\n",
        "\n1\n" + CHECKPOINT.text.split("\n")[2] + "\n",
        CHECKPOINT.text.removesuffix("\n"),
        CHECKPOINT.text.replace("42", ""),
        CHECKPOINT.text.replace("42", "-1"),
        CHECKPOINT.text.replace("42", "+42"),
        CHECKPOINT.text.replace("42", "042"),
        CHECKPOINT.text.replace("42", " 42"),
        CHECKPOINT.text.replace("42", "4_2"),
        CHECKPOINT.text.replace("42", "٤٢"),
        CHECKPOINT.text.replace("42", "²"),
        CHECKPOINT.text.replace("42", "9" * 5000),
        CHECKPOINT.text.replace("42", "1e3"),
        replace(CHECKPOINT, root=ROOT[1:]).text,
        replace(CHECKPOINT, root=ROOT + b"\0").text,
        CHECKPOINT.text.replace("=", ""),
        CHECKPOINT.text.replace("8=", "9="),
        CHECKPOINT.text.replace("AAE", "AA-"),
    ],
)
def test_what_is_no_checkpoint_is_refused_though_it_is_signed(text: str) -> None:
    with pytest.raises(EvidenceError, match="checkpoint") as caught:
        parse_checkpoint(text)
    assert caught.value.hint


def test_the_empty_log_has_a_checkpoint() -> None:
    empty = replace(CHECKPOINT, size=0)
    assert parse_checkpoint(empty.text) == empty


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_bare_signature_fits_its_own_bytes_and_key_only(data: bytes, other: bytes) -> None:
    signature = signed_note.sign_bytes(data, secret())
    key = signed_note.verifier_key(secret())
    assert signed_note.check_bytes(data, signature, key)
    assert signed_note.check_bytes(other, signature, key) is (data == other)
    assert not signed_note.check_bytes(data, signature, PETER)


@given(anything)
def test_hostile_text_raises_nothing_but_a_refusal(text: str) -> None:
    for use in (parse_checkpoint, signed_note.name_of, signed_note.verifier_key, signed_note.new_signing_key):
        with suppress(EvidenceError, PolicyError):
            use(text)
    for note in (text, f"{text}\n{LINE}", f"{TEXT}\n{text}\n", f"{TEXT}\n— PeterNeumann {text}\n"):
        with suppress(EvidenceError):
            assert open_note(note, [PETER]) == TEXT
    with suppress(PolicyError):
        assert not signed_note.check_bytes(b"", text, PETER)
    key = text + PETER.removeprefix("PeterNeumann")
    with pytest.raises(PolicyError):
        open_note(f"{TEXT}\n{LINE}", [key])


@given(names)
def test_a_text_signed_under_one_name_does_not_open_under_another(name: str) -> None:
    note = signed_note.sign(TEXT, secret(name)).replace(f"— {name} ", "— PeterNeumann ")
    with pytest.raises(EvidenceError):
        open_note(note, [PETER])
