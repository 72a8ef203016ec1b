# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the ledger as signed notes (C2SP signed-note and tlog-checkpoint; Ed25519, RFC 8032)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from governance.core.merkle import HASH_BYTES
from governance.errors import EvidenceError, PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable

_ED25519: Final = b"\x01"
_KEY_BYTES: Final = 33
_ID_BYTES: Final = 4
_PRIVATE: Final = "PRIVATE+KEY+"
_LONGEST: Final = 64 * 1024
_SIGNATURE: Final = "\u2014 "
_NOT_A_CHECKPOINT: Final = "Compare it with another published copy; never edit a published checkpoint."


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's size and root, under the name of the log."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed: three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    id: bytes
    raw: bytes


def new_signing_key(name: str) -> str:
    """Draw a key that signs under `name`; keep it secret.

    Raises:
        PolicyError: the name is empty, or has spaces or a plus sign.
    """
    if not _is_name(name):
        raise PolicyError(f"{name!r} cannot name a log", hint="Take a word such as governance.example.co.jp.")
    seed = secrets.token_bytes(32)
    return f"{_PRIVATE}{name}+{_id(name, _public(seed)).hex()}+{base64.b64encode(_ED25519 + seed).decode()}"


def verifier_key(signing_key: str) -> str:
    """The public half, to be published: `name+id+base64`."""
    key = _signing(signing_key)
    public = _public(key.raw)
    return f"{key.name}+{key.id.hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def name_of(key: str) -> str:
    """The name that a signing or verifier key signs under."""
    return (_signing(key) if key.startswith(_PRIVATE) else _verifying(key)).name


def sign(text: str, signing_key: str) -> str:
    """A whole note: the text (lines, each ended), an empty line, the signature."""
    if not text.endswith("\n"):
        raise EvidenceError("a note's text ends with a line end", hint="Sign a Checkpoint's text.")
    key = _signing(signing_key)
    signature = base64.b64encode(key.id + _sign(key.raw, text.encode())).decode()
    return f"{text}\n{_SIGNATURE}{key.name} {signature}\n"


def sign_bytes(data: bytes, signing_key: str) -> str:
    """The base64 of a bare signature."""
    return base64.b64encode(_sign(_signing(signing_key).raw, data)).decode()


def check_bytes(data: bytes, signature: str, key: str) -> bool:
    """Tell whether a bare signature is that of a verifier key."""
    try:
        return _is_signed(_verifying(key).raw, data, base64.b64decode(signature, validate=True))
    except (binascii.Error, ValueError):
        return False


def open_note(note: str, verifier_keys: Iterable[str]) -> str:
    """Return the text of a note that one of the keys has signed; signatures by others are ignored.

    Raises:
        EvidenceError: the note is malformed, nobody known has signed it, or a known signature does not fit.
        PolicyError: a verifier key is malformed.
    """
    text, signatures = _parts(note)
    known = {(key.name, key.id): key.raw for key in map(_verifying, verifier_keys)}
    mine = [(known[who], signature) for who, signature in signatures if who in known]
    if not mine:
        raise EvidenceError("the note is not signed by a key that we know", hint=_NOT_A_CHECKPOINT)
    if not all(_is_signed(key, text.encode(), signature) for key, signature in mine):
        raise EvidenceError("the note's signature does not fit its text", hint=_NOT_A_CHECKPOINT)
    return text


def read_checkpoint(note: str, verifier_keys: Iterable[str]) -> Checkpoint:
    """Open a note and read the checkpoint in it; raises as `open_note` and `parse_checkpoint` do."""
    return parse_checkpoint(open_note(note, verifier_keys))


def parse_checkpoint(text: str) -> Checkpoint:
    """Read origin, size and root; what follows them is ignored.

    Raises:
        EvidenceError: it is no checkpoint.
    """
    lines = text.split("\n")
    fewest = 4
    if len(lines) < fewest or not lines[0] or lines[-1]:
        raise EvidenceError("the note is no checkpoint: it has not three lines", hint=_NOT_A_CHECKPOINT)
    size = lines[1]
    if not (size.isascii() and size.isdigit()) or len(size) > len(str(2**63)) or str(int(size)) != size:
        raise EvidenceError("the checkpoint's second line is no size", hint=_NOT_A_CHECKPOINT)
    root = _decoded(lines[2])
    if root is None or len(root) != HASH_BYTES:
        raise EvidenceError("the checkpoint's third line is no root of 32 bytes", hint=_NOT_A_CHECKPOINT)
    return Checkpoint(lines[0], int(size), root)


def _parts(note: str) -> tuple[str, list[tuple[tuple[str, bytes], bytes]]]:
    text, found, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if len(note) > _LONGEST or not found or lines[-1] or not all(c == "\n" or c.isprintable() for c in note):
        raise EvidenceError("this is no signed note", hint=_NOT_A_CHECKPOINT)
    return text + "\n", [_signature(line) for line in lines[:-1]]


def _signature(line: str) -> tuple[tuple[str, bytes], bytes]:
    name, _, encoded = line.removeprefix(_SIGNATURE).partition(" ")
    raw = _decoded(encoded) if line.startswith(_SIGNATURE) and name else None
    if raw is None or len(raw) <= _ID_BYTES:
        raise EvidenceError("the note has a malformed signature line", hint=_NOT_A_CHECKPOINT)
    return (name, raw[:_ID_BYTES]), raw[_ID_BYTES:]


def _decoded(encoded: str) -> bytes | None:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == encoded else None


def _signing(key: str) -> _Key:
    parsed = _parsed(key.removeprefix(_PRIVATE)) if key.startswith(_PRIVATE) else None
    if parsed is None or parsed.id != _id(parsed.name, _public(parsed.raw)):
        # The key itself is never quoted: it is a secret.
        raise PolicyError(
            "the signing key is malformed", hint="Make one with `governance evidence keygen` and keep it as it is."
        )
    return parsed


def _verifying(key: str) -> _Key:
    parsed = _parsed(key)
    if parsed is None or parsed.id != _id(parsed.name, parsed.raw):
        raise PolicyError(f"{key[:80]!r} is no verifier key", hint="Copy the line `name+id+key` as it was published.")
    return parsed


def _parsed(key: str) -> _Key | None:
    name, _, rest = key.strip().partition("+")
    id_, _, encoded = rest.partition("+")
    raw = _decoded(encoded)
    if not _is_name(name) or raw is None or len(raw) != _KEY_BYTES or raw[:1] != _ED25519:
        return None
    try:
        return _Key(name, bytes.fromhex(id_), raw[1:])
    except ValueError:
        return None


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and name == "".join(name.split()) and name.isprintable()


def _id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(f"{name}\n".encode() + _ED25519 + public).digest()[:_ID_BYTES]


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _sign(seed: bytes, data: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(data)


def _is_signed(public: bytes, data: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
