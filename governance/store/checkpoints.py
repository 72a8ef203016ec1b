# SPDX-License-Identifier: Apache-2.0
"""Sign the ledger as it stands, announce the keys that sign it, and publish checkpoints outside the database."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import fsspec
from sqlalchemy import insert, select

from governance.core import merkle, signed_note
from governance.core.merkle import Frontier
from governance.errors import EvidenceError, PolicyError
from governance.store import facts, ledger
from governance.store.facts import AsOf, newest_one
from governance.store.models import LedgerCheckpoint, LedgerHead, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fsspec import AbstractFileSystem
    from sqlalchemy.orm import Session

    from governance.core.signed_note import Checkpoint
    from governance.store.facts import Telling

_ANNOUNCED: Final = b"governance signing key\n"
_SUFFIX: Final = ".checkpoint"


@dataclass(frozen=True, slots=True)
class Position:
    """Where the ledger stands: its size and root, the moment up to which it knows, and the note that seals it."""

    size: int
    root: bytes
    known_at: datetime
    note: str | None = None

    @property
    def printed_root(self) -> str:
        """The root as notes have it."""
        return printed(self.root)


def printed(root: bytes) -> str:
    """A root as notes have it: base64."""
    return base64.b64encode(root).decode()


def position(session: Session) -> Position:
    """Where the ledger stands now, sealed or not."""
    head = session.scalars(select(LedgerHead)).one()
    root = Frontier.unpack(head.size, head.frontier).root()
    sealed = session.get(LedgerCheckpoint, head.size)
    return Position(head.size, root, head.recorded_at, sealed.note if sealed else None)


def position_at(session: Session, size: int, known_at: datetime) -> Position:
    """Where the ledger stood at `size`, as a pack printed it."""
    sealed = session.get(LedgerCheckpoint, size)
    return Position(size, ledger.root_at(session, size), known_at, sealed.note if sealed else None)


def seal(session: Session, signing_key: str, published: Checkpoint | None = None) -> Position:
    """Sign the ledger as it stands; what is sealed already is left alone.

    Before it signs, it proves to itself that the log still begins with what it signed last, as far as the database
    remembers and as far as was `published` outside of it: it never signs a second history.

    Raises:
        EvidenceError: the log is not an extension of what was sealed or published last.
    """
    now = position(session)
    checkpoint = signed_note.Checkpoint(signed_note.name_of(signing_key), now.size, now.root)
    if published is not None:
        _require_extension(session, published, checkpoint)
    if now.note is not None or now.size == 0:
        return now
    last = newest(session)
    if last is not None:
        _require_extension(session, last, checkpoint)
    note = signed_note.sign(checkpoint.text, signing_key)
    session.execute(insert(LedgerCheckpoint).values(size=now.size, note=note, known_at=now.known_at))
    return Position(now.size, now.root, now.known_at, note)


def _require_extension(session: Session, last: Checkpoint, now: Checkpoint) -> None:
    proof = merkle.consistency(ledger.nodes(session), last.size, now.size) if last.size <= now.size else []
    if not merkle.verify_consistency(last.size, now.size, last.root, now.root, proof):
        raise EvidenceError(
            f"the ledger (size {now.size}) does not extend what was sealed at size {last.size}: not signed",
            hint="Run `governance evidence verify`; keep the database as it is and compare it with the backups.",
        )


def newest(session: Session) -> Checkpoint | None:
    """The last checkpoint that this database remembers; its signature is not checked here."""
    note = session.scalar(select(LedgerCheckpoint.note).order_by(LedgerCheckpoint.size.desc()).limit(1))
    return signed_note.parse_checkpoint(note.rpartition("\n\n")[0] + "\n") if note else None


def note_at(session: Session, size: int) -> str | None:
    """The note over exactly `size` entries."""
    return session.scalar(select(LedgerCheckpoint.note).where(LedgerCheckpoint.size == size))


def newest_sizes(session: Session, count: int) -> frozenset[int]:
    """The sizes of the last `count` checkpoints."""
    return frozenset(session.scalars(select(LedgerCheckpoint.size).order_by(LedgerCheckpoint.size.desc()).limit(count)))


def first_over(session: Session, seq: int) -> tuple[int, str] | None:
    """Size and note of the first checkpoint that covers an entry."""
    found = select(LedgerCheckpoint.size, LedgerCheckpoint.note).where(LedgerCheckpoint.size > seq)
    row = session.execute(found.order_by(LedgerCheckpoint.size).limit(1)).first()
    return (row[0], row[1]) if row else None


def notes(session: Session, after: int = -1) -> Iterator[tuple[int, str]]:
    """Every note over more than `after` entries, smallest first."""
    found = select(LedgerCheckpoint.size, LedgerCheckpoint.note).where(LedgerCheckpoint.size > after)
    return ((size, note) for size, note in session.execute(found.order_by(LedgerCheckpoint.size)))


def announce(session: Session, signing_key: str, previous: str | None, telling: Telling) -> str:
    """Tell the ledger which key seals it from now on, under the signature of the one before (or its own).

    Returns:
        The new verifier key.

    Raises:
        EvidenceError: `previous` is not the key announced last.
    """
    key = signed_note.verifier_key(signing_key)
    if is_announced(session, signing_key, telling):
        return key
    old = signed_note.verifier_key(previous) if previous else None
    _require_same(newest_key(session, telling.position), old)
    row = SigningKey(
        subject="ledger",
        verifier_key=key,
        previous=old,
        signature=signed_note.sign_bytes(announcement(key), previous or signing_key),
        acceptance=signed_note.sign_bytes(announcement(old), signing_key) if old else None,
    )
    facts.record_changed(session, [row], telling)
    return key


def is_announced(session: Session, signing_key: str, telling: Telling) -> bool:
    """Whether a key is the one announced last."""
    known = newest_key(session, telling.position)
    return known is not None and known.verifier_key == signed_note.verifier_key(signing_key)


def require_announced(session: Session, signing_key: str, telling: Telling) -> None:
    """Refuse a key that is not the one announced last.

    Raises:
        EvidenceError: it is another one.
    """
    _require_same(newest_key(session, telling.position), signed_note.verifier_key(signing_key))


def _require_same(known: SigningKey | None, verifier_key: str | None) -> None:
    if (known.verifier_key if known else None) != verifier_key:
        raise EvidenceError(
            "the ledger was sealed with another key, which has to announce the new one",
            hint="Run `governance evidence rotate` with the old key at hand, or restore the old key.",
        )


def announcement(verifier_key: str) -> bytes:
    """What the old key signs to announce a new one, and the new one to accept the old."""
    return _ANNOUNCED + verifier_key.encode()


def newest_key(session: Session, at: AsOf) -> SigningKey | None:
    """The key announced last."""
    return newest_one(session, SigningKey, at)


def key_chain(session: Session) -> Sequence[SigningKey]:
    """Every key announced, oldest first."""
    return session.scalars(select(SigningKey).order_by(SigningKey.recorded_at)).all()


def trusted(verifier_key: str, chain: Iterable[SigningKey]) -> set[str]:
    """The keys that `verifier_key` vouches for: those it announced or accepted, and so on."""
    links = [(link.previous, link.verifier_key) for link in chain if link.previous and _is_signed_by_both(link)]
    known, grown = {verifier_key}, True
    while grown:
        more = {key for link in links for key in link if known & set(link)} - known
        known |= more
        grown = bool(more)
    return known


def _is_signed_by_both(link: SigningKey) -> bool:
    """Without the new key's word, anybody could pose as the one before it."""
    old, new = link.previous or "", link.verifier_key
    try:
        announced = signed_note.check_bytes(announcement(new), link.signature, old)
        return announced and signed_note.check_bytes(announcement(old), link.acceptance or "", new)
    except PolicyError:  # one of the two is no key
        return False


def publish(url: str, size: int, note: str) -> bool:
    """Write a note outside the database, once; returns whether it was new.

    Raises:
        EvidenceError: something else was published for that size.
    """
    fs, directory = _place(url)
    path = f"{directory}/{size:012d}{_SUFFIX}"
    if fs.exists(path):
        if fs.cat_file(path) != note.encode():
            raise EvidenceError(
                f"{path}: another checkpoint was published for size {size}",
                hint="The ledger or the published copy was changed; run `governance evidence verify`.",
            )
        return False
    fs.makedirs(directory, exist_ok=True)
    fs.pipe_file(f"{path}.part", note.encode())
    fs.mv(f"{path}.part", path)
    return True


def published(url: str) -> dict[str, str]:
    """Every note published under a URL, by file name; sorted by size."""
    fs, directory = _place(url)
    fs.invalidate_cache()
    if not fs.exists(directory):
        return {}
    paths = sorted(path for path in fs.ls(directory, detail=False) if path.endswith(_SUFFIX))
    return (
        {path.rpartition("/")[2]: data.decode("utf-8", "replace") for path, data in fs.cat(paths).items()}
        if paths
        else {}
    )


def is_mailed(url: str, day: str) -> bool:
    """Whether a day's checkpoint went out by mail."""
    fs, directory = _place(url)
    return bool(fs.exists(f"{directory}/.mailed-{day}"))


def mark_mailed(url: str, day: str) -> None:
    """Remember that it did."""
    fs, directory = _place(url)
    fs.pipe_file(f"{directory}/.mailed-{day}", b"")


def published_sizes(url: str) -> frozenset[int]:
    """The sizes of the checkpoints published under a URL, by their names alone."""
    fs, directory = _place(url)
    fs.invalidate_cache()
    found = fs.ls(directory, detail=False) if fs.exists(directory) else []
    names = [path.rpartition("/")[2].removesuffix(_SUFFIX) for path in found if path.endswith(_SUFFIX)]
    return frozenset(int(name) for name in names if name.isascii() and name.isdigit())


def newest_published(url: str, keys: set[str]) -> Checkpoint | None:
    """The largest checkpoint outside the database that one of the keys has signed; `verify` tells of all others."""
    fs, directory = _place(url)
    for size in sorted(published_sizes(url), reverse=True):
        try:
            note = fs.cat_file(f"{directory}/{size:012d}{_SUFFIX}").decode("utf-8", "replace")
            return signed_note.read_checkpoint(note, keys)
        except (EvidenceError, FileNotFoundError):  # FileNotFoundError: named like none of ours
            continue
    return None


def _place(url: str) -> tuple[AbstractFileSystem, str]:
    fs, path = fsspec.core.url_to_fs(url)
    return fs, str(path).rstrip("/")
