# SPDX-License-Identifier: Apache-2.0
"""Files under the name that their content gives them: written once, compared with that name at every reading.

`ab/abcdef...`: the SHA-256 in hex, below its first two digits. The store is a directory or anything that fsspec
knows; an object store takes its credentials from where its driver looks for them (for S3: AWS_* in the
environment), never from here.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import fsspec

from governance.errors import EvidenceError, GovernanceError, PolicyError, SourceUnavailableError

if TYPE_CHECKING:
    from collections.abc import Generator

    from fsspec.spec import AbstractFileSystem

    from governance.settings import Settings

_NAME: Final = re.compile(r"[0-9a-f]{64}")
_KEEP: Final = "Keep the store as it is and restore the file from a copy; `governance evidence verify` lists them all."


def put(settings: Settings, data: bytes | Path) -> str:
    """Keep a file, and return its SHA-256 in hex; what is there already is compared and left alone.

    Raises:
        PolicyError: the file is too large or unreadable, or the store's URL or driver is not usable.
        EvidenceError: under that name lies something else.
        SourceUnavailableError: the store did not take it.
    """
    content = data if isinstance(data, bytes) else read(settings, data)
    if len(content) > settings.evidence_max_bytes:
        raise _too_large(f"a file of {len(content):,} bytes", settings.evidence_max_bytes)
    sha256 = hashlib.sha256(content).hexdigest()
    with _place(settings, sha256) as (fs, path):
        if not fs.exists(path):
            _write(fs, path, content)
        _require_same(_bytes(fs, path, sha256, len(content)), sha256)
    return sha256


def get(settings: Settings, sha256: str, size: int | None = None) -> bytes:
    """A file's content, as it was when it was put there.

    Args:
        settings: where the store is, and how large a file may be.
        sha256: of the file, 64 hex digits.
        size: of the file in bytes, where it is recorded.

    Raises:
        EvidenceError: the file is missing, altered or larger than it may be.
        PolicyError: the store's URL or driver is not usable.
        SourceUnavailableError: the store did not answer.
    """
    limit = settings.evidence_max_bytes if size is None else size
    with _place(settings, sha256) as (fs, path):
        return _require_same(_bytes(fs, path, sha256, limit), sha256)


def exists(settings: Settings, sha256: str) -> bool:
    """Whether there is a file of that name; whether it is the right one, only `get` tells.

    Raises:
        EvidenceError: `sha256` is not the name of a file here.
        PolicyError: the store's URL or driver is not usable.
        SourceUnavailableError: the store did not answer.
    """
    with _place(settings, sha256) as (fs, path):
        return bool(fs.exists(path))


def read(settings: Settings, path: Path) -> bytes:
    """A file that somebody brings, as far as it may become evidence.

    Raises:
        PolicyError: the file cannot be read or is too large.
    """
    limit = settings.evidence_max_bytes
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror or error}", hint="Name a file that you can read.") from error
    if len(content) > limit:
        raise _too_large(str(path), limit)
    return content


@contextmanager
def _place(settings: Settings, sha256: str) -> Generator[tuple[AbstractFileSystem, str]]:
    """The file system and the path below it; nothing but a digest ever becomes part of a path."""
    if not _NAME.fullmatch(sha256):
        raise EvidenceError(
            f"{sha256[:80]!r} is not the name of an evidence file",
            hint="Evidence files are named by their SHA-256: 64 hex digits in lower case.",
        )
    fs, root = _file_system(settings.evidence_url)
    try:
        yield fs, f"{root.rstrip('/')}/{sha256[:2]}/{sha256}"
    except GovernanceError:
        raise
    except Exception as error:  # drivers raise what their library does: botocore, aiohttp, google.auth
        raise SourceUnavailableError(
            f"the evidence store did not answer for {sha256}: {error or type(error).__name__}",
            hint="Check GOVERNANCE_EVIDENCE_URL: that it can be reached and written, and that it has room.",
        ) from error


def _file_system(url: str) -> tuple[AbstractFileSystem, str]:
    try:
        fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        protocol = url.partition("://")[0]
        raise PolicyError(
            f"GOVERNANCE_EVIDENCE_URL: {protocol}:// cannot be used: {error}",
            hint="Name a directory, or install the driver of that protocol beside governance (s3:// needs `s3fs`).",
        ) from error
    return fs, str(root)


def _too_large(what: str, limit: int) -> PolicyError:
    return PolicyError(
        f"{what} is larger than {limit:,} bytes, the most that an evidence file may have",
        hint="Keep a smaller file, or raise GOVERNANCE_EVIDENCE_MAX_BYTES.",
    )


def _write(fs: AbstractFileSystem, path: str, content: bytes) -> None:
    """Whole or not at all. Object stores do that by themselves, most of them without overwriting."""
    if getattr(fs, "local_file", False):
        _write_local(Path(path), content)
        return
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    with suppress(FileExistsError):  # somebody else was first; what lies there is compared next
        try:
            fs.pipe_file(path, content, mode="create")
        except (NotImplementedError, TypeError, ValueError):  # the driver knows no exclusive write
            fs.pipe_file(path, content)


def _write_local(path: Path, content: bytes) -> None:
    """On disk before it has its name, so that a crash leaves no half of a file under it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """The name, too, is on disk before any fact refers to it."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bytes(fs: AbstractFileSystem, path: str, sha256: str, limit: int) -> bytes:
    """As many bytes as there may be, and one more to tell."""
    try:
        with fs.open(path, "rb") as file:
            content = bytes(file.read(limit + 1))
    except FileNotFoundError as error:
        raise EvidenceError(f"evidence file {sha256} is missing", hint=_KEEP) from error
    if len(content) > limit:
        raise EvidenceError(f"evidence file {sha256} is larger than the {limit:,} bytes it may have", hint=_KEEP)
    return content


def _require_same(content: bytes, sha256: str) -> bytes:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise EvidenceError(f"evidence file {sha256} was altered: its content has another digest", hint=_KEEP)
    return content
