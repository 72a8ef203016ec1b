# SPDX-License-Identifier: Apache-2.0
"""Keep what people bring as evidence, and tell which files are no longer what was recorded."""

from __future__ import annotations

import hashlib
import mimetypes
from typing import TYPE_CHECKING, Any

from governance.core.terms import FileKind, Words
from governance.errors import EvidenceError, PolicyError
from governance.store import evidence_files as facts
from governance.store import files
from governance.store.verification import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from governance.core.terms import VersionKey
    from governance.runtime import Runtime
    from governance.settings import Settings
    from governance.store.facts import AsOf, Telling

_UNKNOWN_TYPE = "application/octet-stream"
_MISSING = Words("ファイルがない", "the file is missing")
_ALTERED = Words("ファイルの内容または大きさが記録と一致しない", "content or size of the file is not what was recorded")


def keep(rt: Runtime, path: Path, kind: FileKind, subject: str) -> dict[str, Any]:
    """Put a person's file into the evidence store, and record what it is about; doing it twice adds nothing.

    Returns:
        `sha256`, `size` in bytes, `name`, `kind` and `subject`.

    Raises:
        PolicyError: the file cannot be read or is too large, there is no subject, or the store is not usable.
        EvidenceError: the store holds something else under the file's name.
        SourceUnavailableError: the store did not answer.
    """
    if not subject.strip():
        raise PolicyError("the file is about nothing", hint="Name what it is about: a model, a version, a meeting.")
    data = files.read(rt.settings, path)
    files.put(rt.settings, data)
    media_type = mimetypes.guess_type(path.name)[0] or _UNKNOWN_TYPE
    with rt.writing() as session:
        sha256 = facts.record_file(session, subject.strip(), kind, path.name, media_type, data, rt.telling(session))
    return {"sha256": sha256, "size": len(data), "name": path.name, "kind": kind.value, "subject": subject.strip()}


def put_all(settings: Settings, found: Mapping[str, bytes]) -> dict[str, str]:
    """Put a check's files into the evidence store, before any fact refers to them; name -> SHA-256.

    Raises:
        EvidenceError: the store holds something else under a file's name.
        PolicyError: a file is too large, or the store is not usable.
        SourceUnavailableError: the store did not answer.
    """
    return {name: files.put(settings, data) for name, data in found.items()}


def record_all(session: Session, key: VersionKey, found: Mapping[str, bytes], telling: Telling) -> None:
    """Append that a check's files are evidence about a version; they are in the store already."""
    for name, data in found.items():
        media_type = mimetypes.guess_type(name)[0] or _UNKNOWN_TYPE
        kind = FileKind.DATASHEET if name.endswith(".md") else FileKind.GX_RESULT
        facts.record_file(session, str(key), kind, name, media_type, data, telling)


def missing_or_altered(settings: Settings, session: Session, at: AsOf) -> Iterator[Problem]:
    """Compare every evidence file and every published pack with its recorded digest, one after the other.

    Raises:
        PolicyError: the evidence store is not usable.
        SourceUnavailableError: the evidence store did not answer.
    """
    for sha256, size in facts.known_files(session, at):
        if what := _kept_otherwise(settings, sha256, size):
            yield Problem(f"evidence_file {sha256}", what)
    for name, sha256 in facts.pack_files(session, at):
        if what := _published_otherwise(settings.pack_dir, name, sha256):
            yield Problem(f"pack {name}", what)


def _kept_otherwise(settings: Settings, sha256: str, size: int) -> Words | None:
    try:
        if not files.exists(settings, sha256):
            return _MISSING
        files.get(settings, sha256, size)
    except EvidenceError:
        return _ALTERED
    return None


def _published_otherwise(directory: Path, name: str, sha256: str) -> Words | None:
    """What is wrong with a pack's file; a name that leads out of the directory is no pack's."""
    path = directory / name
    if path.parent != directory or not path.is_file():
        return _MISSING
    with path.open("rb") as file:
        return None if hashlib.file_digest(file, "sha256").hexdigest() == sha256 else _ALTERED
