# SPDX-License-Identifier: Apache-2.0
"""The auditor's program says OK to an honest bundle, and says what is wrong with every other one."""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import io
import json
import runpy
import secrets
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.core import merkle, signed_note
from governance.core.evidence import canonical, commitment
from governance.core.merkle import Frontier, leaf_hash
from governance.core.signed_note import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = ROOT / "tools" / "audit_verify.py"
LOG: Final = "log.example.co.jp"
ANNOUNCED: Final = b"governance signing key\n"
REPORT: Final = b"%PDF-1.7 a report"
SIZE: Final = 21
EARLIER: Final = (1, 8, 13)
WHOLE: Final = "OK 4 entries in the ledger of 21, 4 facts, 1 files, 4 checkpoints"


@cache
def drawn(name: str, _number: int) -> str:
    return signed_note.new_signing_key(name)


def secret(number: int = 0, name: str = LOG) -> str:
    return drawn(name, number)


def public(number: int = 0, name: str = LOG) -> str:
    return signed_note.verifier_key(secret(number, name))


def link(old: int, new: int, *, signer: int | None = None, acceptor: int | None = None) -> dict[str, Any]:
    """The announcement of a key, signed by both, or by somebody else."""
    return {
        "verifier_key": public(new),
        "previous": public(old),
        "signature": signed_note.sign_bytes(
            ANNOUNCED + public(new).encode(), secret(old if signer is None else signer)
        ),
        "acceptance": signed_note.sign_bytes(
            ANNOUNCED + public(old).encode(), secret(new if acceptor is None else acceptor)
        ),
    }


@dataclass
class Fact:
    """A fact with its entry."""

    row: str
    key: str
    body: str
    salt: str

    @property
    def leaf(self) -> bytes:
        return leaf_hash(f"{self.key}\n{self.body}".encode())


def fact(number: int) -> Fact:
    table = "evidence_file" if number == 0 else "gate_decision"
    disclosed = {"sha256": hashlib.sha256(REPORT).hexdigest()} if number == 0 else {"number": number}
    row, salt = canonical({"id": f"{number:06x}", "reason": "与信モデル", **disclosed}), secrets.token_hex(16)
    body = {"commitment": commitment(row, salt), "disclosed": disclosed, "table": table}
    return Fact(row.decode(), f"{table}/{number:06x}", canonical(body).decode(), salt)


@dataclass
class Log:
    """A ledger in memory."""

    facts: list[Fact]

    def nodes(self, level: int, index: int) -> bytes:
        return self.root_of(self.facts[index << level : (index + 1) << level])

    @staticmethod
    def root_of(facts: Iterable[Fact]) -> bytes:
        grown = Frontier()
        for one in facts:
            grown.append(one.leaf)
        return grown.root()

    def note(self, size: int, number: int = 0) -> str:
        text = Checkpoint(LOG, size, self.root_of(self.facts[:size])).text
        return signed_note.sign(text, secret(number))

    def entry(self, seq: int, size: int) -> dict[str, Any]:
        one = self.facts[seq]
        proof = [hash_.hex() for hash_ in merkle.inclusion(self.nodes, seq, size)]
        return {"seq": seq, "key": one.key, "body": one.body, "proof": proof, "row": one.row, "salt": one.salt}

    def earlier(self, old: int, new: int, number: int = 0) -> dict[str, Any]:
        proof = [hash_.hex() for hash_ in merkle.consistency(self.nodes, old, new)]
        return {"size": old, "note": self.note(old, number), "proof": proof}


@cache
def log() -> Log:
    return Log([fact(number) for number in range(SIZE + 4)])


@dataclass
class Bundle:
    """What goes into the zip; tests alter it before it is written."""

    checkpoint: str
    entries: list[dict[str, Any]]
    consistency: list[dict[str, Any]]
    keys: list[dict[str, Any]] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    twice: tuple[str, bytes] | None = None

    def write(self, path: Path) -> Path:
        about = {"format": "governance-evidence-bundle/1", "entries": len(self.entries)} | self.manifest
        members = {
            "checkpoint": self.checkpoint.encode(),
            "entries.jsonl": b"".join(json.dumps(entry).encode() + b"\n" for entry in self.entries),
            "consistency.json": json.dumps(self.consistency).encode(),
            "keys.json": json.dumps(self.keys).encode(),
            "manifest.json": json.dumps(about).encode(),
        } | {f"files/{name}": content for name, content in self.files.items()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
            if self.twice:
                with pytest.warns(UserWarning, match="Duplicate name"):
                    archive.writestr(*self.twice)
        return path


def honest() -> Bundle:
    return Bundle(
        checkpoint=log().note(SIZE),
        entries=[log().entry(seq, SIZE) for seq in (0, 3, 7, 20)],
        consistency=[log().earlier(old, SIZE) for old in EARLIER],
        files={hashlib.sha256(REPORT).hexdigest(): REPORT},
    )


def ask(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)


def run_here(*arguments: Path | str) -> str:
    """What it says, without the cost of another interpreter; whatever else it raises is a failed test."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as stopped:
            return str(stopped.code)
    return said.getvalue()


def verdict(bundle: Bundle, tmp_path: Path, *kept: str, key: str | None = None) -> str:
    """The last line, after comparing it with the exit code."""
    notes = [tmp_path / f"kept{i}.checkpoint" for i in range(len(kept))]
    for path, note in zip(notes, kept, strict=True):
        path.write_text(note, encoding="utf-8")
    told = ask(bundle.write(tmp_path / "bundle.zip"), key or public(), *notes)
    lines = (told.stdout + told.stderr).splitlines()
    assert len(lines) == 1, "one line, and never a traceback"
    assert told.returncode == {"OK": 0, "FAIL": 1}[lines[0].split()[0]]
    return lines[0]


def test_an_honest_bundle_is_ok_and_counted(tmp_path: Path) -> None:
    assert verdict(honest(), tmp_path) == WHOLE


def test_a_withheld_row_is_an_entry_without_a_fact(tmp_path: Path) -> None:
    bundle = honest()
    bundle.files.clear()
    for entry in bundle.entries[:2]:
        entry |= {"row": None, "salt": None}
    assert verdict(bundle, tmp_path) == "OK 4 entries in the ledger of 21, 2 facts, 0 files, 4 checkpoints"


@pytest.mark.parametrize("size", [*EARLIER, SIZE])
def test_a_checkpoint_kept_elsewhere_is_found_in_the_bundle(size: int, tmp_path: Path) -> None:
    assert verdict(honest(), tmp_path, log().note(size), log().note(SIZE)).startswith("OK ")


def test_a_checkpoint_retyped_on_windows_is_the_same(tmp_path: Path) -> None:
    assert verdict(honest(), tmp_path, log().note(8).replace("\n", "\r\n")).startswith("OK ")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9])
def test_every_entry_and_beginning_of_a_small_log_is_proved(size: int, tmp_path: Path) -> None:
    bundle = Bundle(
        log().note(size),
        [log().entry(seq, size) | {"row": None, "salt": None} for seq in range(size)],
        [log().earlier(old, size) for old in range(1, size)],
    )
    counted = f"OK {size} entries in the ledger of {size}, 0 facts, 0 files, {size} checkpoints"
    assert verdict(bundle, tmp_path) == counted


# What was altered


def forge_entry(bundle: Bundle, at: int, **values: Any) -> None:
    bundle.entries[at] |= values


def rewrite_body(bundle: Bundle) -> None:
    forge_entry(bundle, 1, body=bundle.entries[1]["body"].replace("3", "4"))


def rewrite_fact_and_body(bundle: Bundle) -> None:
    forged = fact(3)
    forge_entry(bundle, 1, body=forged.body, row=forged.row, salt=forged.salt)


def swap_proofs(bundle: Bundle) -> None:
    one, other = bundle.entries[1:3]
    one["proof"], other["proof"] = other["proof"], one["proof"]


def alter_note(bundle: Bundle) -> None:
    bundle.checkpoint = bundle.checkpoint.replace("\n21\n", "\n22\n")


def alter_earlier_note(bundle: Bundle) -> None:
    bundle.consistency[1]["note"] = bundle.consistency[1]["note"].replace("\n8\n", "\n7\n")


def rewrite_history(bundle: Bundle) -> None:
    """All is signed with the right key, but entry 2 was another one at size 8."""
    old = Log([*log().facts[:2], fact(99), *log().facts[3:8]])
    bundle.consistency[1] = log().earlier(8, SIZE) | {"note": old.note(8)}


def swap_consistency_proofs(bundle: Bundle) -> None:
    one, other = bundle.consistency[:2]
    one["proof"], other["proof"] = other["proof"], one["proof"]


def claim_a_longer_past(bundle: Bundle) -> None:
    bundle.consistency.append({"size": 24, "note": log().note(24), "proof": []})


def claim_an_empty_past(bundle: Bundle) -> None:
    bundle.consistency.append({"size": 0, "note": log().note(0), "proof": []})


def alter_file(bundle: Bundle) -> None:
    bundle.files = {name: content + b"!" for name, content in bundle.files.items()}


def add_file(bundle: Bundle) -> None:
    bundle.files[hashlib.sha256(b"forged").hexdigest()] = b"forged"


def repeat_entry(bundle: Bundle) -> None:
    bundle.entries.append(bundle.entries[1])


def hide_a_second_list(bundle: Bundle) -> None:
    bundle.twice = ("entries.jsonl", b"")


ALTERATIONS: Final[dict[Callable[[Bundle], object], str]] = {
    rewrite_body: "entry 3 (gate_decision/000003) is not in the sealed ledger",
    rewrite_fact_and_body: "entry 3 (gate_decision/000003) is not in the sealed ledger",
    swap_proofs: "entry 3 (gate_decision/000003) is not in the sealed ledger",
    lambda b: forge_entry(b, 2, key="gate_decision/000008"): "entry 7 (gate_decision/000008) is not in the sealed",
    lambda b: forge_entry(b, 2, seq=6): "entry 6 (gate_decision/000007) is not in the sealed ledger",
    lambda b: forge_entry(b, 2, seq=-1): "entry -1 (gate_decision/000007) is not in the sealed ledger",
    lambda b: forge_entry(b, 3, seq=SIZE): "entry 21 (gate_decision/000014) is not in the sealed ledger",
    lambda b: forge_entry(b, 2, seq=7 + 32): "entry 39 (gate_decision/000007) is not in the sealed ledger",
    lambda b: forge_entry(b, 2, proof=[]): "entry 7 (gate_decision/000007) is not in the sealed ledger",
    lambda b: forge_entry(b, 2, proof=["00"]): "a proof holds something that is no hash",
    lambda b: forge_entry(b, 1, row=b.entries[1]["row"] + " "): "fact of entry 3 (gate_decision/000003) is not what was",
    lambda b: forge_entry(b, 1, row=b.entries[2]["row"]): "fact of entry 3 (gate_decision/000003) is not what was",
    lambda b: forge_entry(b, 1, salt=b.entries[2]["salt"]): "fact of entry 3 (gate_decision/000003) is not what was",
    lambda b: forge_entry(b, 1, salt=None): "this is no bundle",
    lambda b: b.entries[1].pop("row"): "this is no bundle",
    repeat_entry: "4 entries, but the manifest has 5",
    alter_note: "bad signature on the bundle's checkpoint",
    alter_earlier_note: "bad signature on an earlier checkpoint",
    rewrite_history: "history before entry 8 was rewritten",
    swap_consistency_proofs: "history before entry 1 was rewritten",
    claim_a_longer_past: "history before entry 24 was rewritten",
    claim_an_empty_past: "history before entry 0 was rewritten",
    lambda b: b.consistency[1].update(proof=b.consistency[1]["proof"][:-1]): "history before entry 8 was rewritten",
    alter_file: " was altered",
    add_file: " belongs to no entry",
    lambda b: b.files.update({"../../passwd": b""}): "files/../../passwd belongs to no entry",
    lambda b: b.files.clear(): " is missing",
    lambda b: b.manifest.update(format="governance-evidence-bundle/2"): "unknown format",
    lambda b: b.manifest.update(entries=5): "4 entries, but the manifest has 5",
    hide_a_second_list: "the bundle has two files of one name",
}  # fmt: skip


@pytest.mark.parametrize(
    ("alter", "reason"), [pytest.param(*case, id=f"{i}: {case[1]}") for i, case in enumerate(ALTERATIONS.items())]
)
def test_every_alteration_is_named(alter: Callable[[Bundle], object], reason: str, tmp_path: Path) -> None:
    bundle = honest()
    alter(bundle)
    told = verdict(bundle, tmp_path)
    assert told.startswith("FAIL ")
    assert reason in told


def test_a_kept_checkpoint_of_another_history_is_named_with_its_size(tmp_path: Path) -> None:
    other = Log([*log().facts[:2], fact(99), *log().facts[3:]])
    for size in (8, SIZE):
        told = verdict(honest(), tmp_path, log().note(1), other.note(size))
        assert told.endswith(f"kept1.checkpoint: history before entry {size} was rewritten")


def test_a_kept_checkpoint_that_the_bundle_does_not_reach_is_not_passed_over(tmp_path: Path) -> None:
    for size in (5, SIZE + 1):
        assert f"kept0.checkpoint: no proof for size {size}" in verdict(honest(), tmp_path, log().note(size))


def test_a_kept_checkpoint_signed_by_a_stranger_is_refused(tmp_path: Path) -> None:
    told = verdict(honest(), tmp_path, log().note(8, 1))
    assert told.startswith("FAIL no signature by a trusted key on ")
    assert told.endswith("kept0.checkpoint")


def test_a_kept_file_that_is_no_note_is_refused(tmp_path: Path) -> None:
    for note in ("", "OK\n", "\n\n— \n", log().note(8).replace("—", "-")):
        assert verdict(honest(), tmp_path, note).startswith("FAIL ")


# Keys


def test_another_key_of_the_same_name_did_not_sign_this(tmp_path: Path) -> None:
    told = verdict(honest(), tmp_path, key=public(1))
    assert told == "FAIL no signature by a trusted key on the bundle's checkpoint"


@pytest.mark.parametrize("key", ["x", "a+b", "a+b+c", "a+00000000+AAAA"])
def test_what_is_no_key_is_refused(key: str, tmp_path: Path) -> None:
    assert verdict(honest(), tmp_path, key=key).startswith("FAIL ")


def test_a_key_under_another_name_or_id_is_malformed(tmp_path: Path) -> None:
    _, ident, encoded = public().split("+", 2)
    for key in (f"other+{ident}+{encoded}", f"{LOG}+00000000+{encoded}"):
        assert verdict(honest(), tmp_path, key=key) == f"FAIL malformed verifier key {key}"


def rotated(*, keys: list[dict[str, Any]]) -> Bundle:
    """Key 0 sealed up to 8, key 1 up to 13, key 2 seals now."""
    bundle = honest()
    bundle.checkpoint = log().note(SIZE, 2)
    bundle.consistency = [log().earlier(old, SIZE, number) for old, number in ((1, 0), (8, 0), (13, 1))]
    bundle.keys = [{"verifier_key": public(0), "previous": None, "signature": "", "acceptance": None}, *keys]
    return bundle


@pytest.mark.parametrize("given_key", [0, 1, 2])
def test_any_key_of_the_chain_vouches_for_what_follows_and_what_it_replaced(given_key: int, tmp_path: Path) -> None:
    for keys in ([link(0, 1), link(1, 2)], [link(1, 2), link(0, 1)]):
        assert verdict(rotated(keys=keys), tmp_path, log().note(8), key=public(given_key)).startswith("OK ")


@pytest.mark.parametrize(
    "forged",
    [
        link(0, 1, signer=1),
        link(0, 1, signer=2),
        link(0, 1) | {"signature": link(0, 2)["signature"]},
        link(0, 1) | {"signature": ""},
        link(0, 1) | {"previous": None},
        link(0, 1) | {"previous": public(3)},
    ],
    ids=["signed by itself", "signed by another", "of another key", "unsigned", "without a predecessor", "of a stranger"],
)  # fmt: skip
def test_a_key_that_the_old_key_did_not_announce_is_not_trusted(forged: dict[str, Any], tmp_path: Path) -> None:
    told = verdict(rotated(keys=[forged, link(1, 2)]), tmp_path)
    assert told == "FAIL no signature by a trusted key on the bundle's checkpoint"


def test_nobody_becomes_a_predecessor_by_announcing_a_trusted_key(tmp_path: Path) -> None:
    posing = link(3, 0, acceptor=3)
    bundle = honest()
    bundle.keys = [posing]
    bundle.consistency[0] = log().earlier(1, SIZE, 3)
    assert verdict(bundle, tmp_path) == "FAIL no signature by a trusted key on an earlier checkpoint"


def test_a_key_that_was_replaced_seals_no_new_bundle(tmp_path: Path) -> None:
    bundle = honest()
    bundle.keys = [link(0, 1)]
    told = verdict(bundle, tmp_path, key=public(1))
    assert told == "FAIL no signature by a trusted key on the bundle's checkpoint"


def test_a_key_that_was_replaced_announces_no_other_to_those_who_trust_the_new_one(tmp_path: Path) -> None:
    bundle = rotated(keys=[link(0, 1), link(0, 2)])
    told = verdict(bundle, tmp_path, key=public(1))
    assert told == "FAIL no signature by a trusted key on the bundle's checkpoint"


def test_signatures_by_witnesses_are_passed_over(tmp_path: Path) -> None:
    bundle = honest()
    witness = signed_note.sign(bundle.checkpoint.partition("\n\n")[0] + "\n", secret(0, "witness.example"))
    text, _, mine = bundle.checkpoint.partition("\n\n")
    bundle.checkpoint = f"{text}\n\n{witness.rpartition(chr(10) * 2)[2]}{mine}"
    assert verdict(bundle, tmp_path).startswith("OK ")
    assert verdict(bundle, tmp_path, key=public(0, "witness.example")).startswith("FAIL ")


# Hostile files


def test_no_name_in_a_bundle_prints_a_line_of_its_own(tmp_path: Path) -> None:
    bundle = honest()
    forge_entry(bundle, 1, key="x)\nOK 4 entries\r\x1b[2K\u202e\u2028OK")
    told = verdict(bundle, tmp_path)
    assert told.isprintable()
    assert told.startswith("FAIL entry 3 (x)?OK 4 entries??[2K??OK) is not in")


def test_half_of_a_surrogate_pair_is_no_traceback(tmp_path: Path) -> None:
    bundle = honest()
    forge_entry(bundle, 1, key="\ud800")
    assert verdict(bundle, tmp_path).startswith("FAIL ")


MEMBERS: Final = ("checkpoint", "entries.jsonl", "consistency.json", "keys.json", "manifest.json")
BROKEN: Final[dict[str, bytes | None]] = {
    "absent": None,
    "empty": b"",
    "no text": b"\xff\xfe",
    "null": b"null",
    "number": b"1",
    "lists": b"[[1]]",
    "odd": b'{"format": []}',
    "deep": b"[" * 100_000,
    "long": b"1" * 5000,
    "NaN": b"NaN",
}


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_member_is_a_failure_without_a_traceback(name: str, content: bytes | None, tmp_path: Path) -> None:
    whole, broken = honest().write(tmp_path / "whole.zip"), tmp_path / "broken.zip"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w") as target:
        for member in source.namelist():
            replaced = source.read(member) if member != name else content
            if replaced is not None:
                target.writestr(member, replaced)
    told = run_here(broken, public())
    assert told.startswith("FAIL ")
    assert told.isprintable()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_zip_is_ok_only_if_its_content_is_whole(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(honest().write(tmp_path / "whole.zip").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    told = run_here(damaged, public())
    assert told.startswith("FAIL ") or told == f"{WHOLE}\n"


def test_what_is_no_zip_or_not_there_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    for path in ("text.zip", "absent.zip", "."):
        told = ask(tmp_path / path, public())
        assert (told.returncode, told.stderr[:5]) == (1, "FAIL ")
    told = ask(honest().write(tmp_path / "bundle.zip"), public(), tmp_path / "absent.checkpoint")
    assert (told.returncode, told.stderr[:5]) == (1, "FAIL ")


def test_a_bundle_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    path = honest().write(tmp_path / "bundle.zip")
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02") + 24  # the uncompressed size in the central directory
    path.write_bytes(content[:at] + b"\xfe\xff\xff\xff" + content[at + 4 :])
    told = ask(path, public())
    assert told.returncode == 1
    assert "larger than 4 GiB" in told.stderr


@pytest.mark.parametrize("arguments", [(), ("bundle.zip",)], ids=len)
def test_bad_usage_shows_the_usage(arguments: tuple[str, ...]) -> None:
    told = ask(*arguments)
    assert told.returncode == 2
    assert "usage: python3 -I -S audit_verify.py" in told.stderr


# The program itself


def test_the_program_is_read_in_one_sitting_and_imports_the_standard_library_only() -> None:
    source = SCRIPT.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 150
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for found in ast.walk(tree)
        if isinstance(found, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in found.names] if isinstance(found, ast.Import) else [found.module or ""])
    }
    assert imported
    assert imported <= sys.stdlib_module_names


def ed25519(script: dict[str, Any], key: bytes, message: bytes, signature: bytes) -> bool:
    return bool(script["is_signed"](key, message, signature))


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "audit_verify"}
    exec(compile(SCRIPT.read_text(encoding="utf-8"), SCRIPT, "exec"), names)  # noqa: S102 - to test its parts
    return names


@pytest.mark.parametrize(
    ("key", "message", "signature"),
    [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
    ids=["test 1", "test 2", "test 3"],
)
def test_the_signatures_of_rfc_8032_are_accepted_and_their_twins_are_not(
    script: dict[str, Any], key: str, message: str, signature: str
) -> None:
    public_key, said, signed = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert ed25519(script, public_key, said, signed)
    assert not ed25519(script, public_key, said + b"!", signed)
    assert not ed25519(script, public_key, said, signed[:-1])
    twin = int.from_bytes(signed[32:], "little") + script["Q"]
    assert not ed25519(script, public_key, said, signed[:32] + twin.to_bytes(32, "little"))


@settings(max_examples=30)
@given(st.binary(max_size=80), st.integers(0, 511))
def test_one_flipped_bit_spoils_a_signature(script: dict[str, Any], message: bytes, bit: int) -> None:
    signature = bytearray(base64.b64decode(signed_note.sign_bytes(message, secret())))
    key = base64.b64decode(public().split("+", 2)[2])[1:]
    assert ed25519(script, key, message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    assert not ed25519(script, key, message, bytes(signature))


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=10), st.binary(min_size=64, max_size=64))
def test_arbitrary_keys_and_signatures_are_refused_without_an_error(
    script: dict[str, Any], key: bytes, message: bytes, signature: bytes
) -> None:
    library = signed_note.check_bytes(message, base64.b64encode(signature).decode(), public())
    assert not library
    ed25519(script, key, message, signature)
