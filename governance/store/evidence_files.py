# SPDX-License-Identifier: Apache-2.0
"""Remember which files the evidence store holds, what they are and what they are about."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from governance.store.facts import record_changed
from governance.store.models import EvidenceFileRow, PackRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from governance.core.terms import FileKind
    from governance.store.facts import AsOf, Telling

_BATCH = 500


def record_file(
    session: Session, subject: str, kind: FileKind, name: str, media_type: str, data: bytes, telling: Telling
) -> str:
    """Append that a file is evidence about `subject`, and return its SHA-256 in hex; told once.

    The file itself goes to the store first (`files.put`): a file without a fact is harmless, a fact without its
    file is not. Told again under another name or kind, the newer one holds.
    """
    row = EvidenceFileRow(
        subject=subject,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        kind=kind.value,
        media_type=media_type,
        name=name,
    )
    where = (EvidenceFileRow.sha256 == row.sha256, EvidenceFileRow.subject == subject)
    record_changed(session, [row], telling, *where)
    return row.sha256


def known_files(session: Session, at: AsOf) -> Iterator[tuple[str, int]]:
    """SHA-256 and size in bytes of every file recorded, each once; memory does not grow with their number."""
    known = (
        select(EvidenceFileRow.sha256, func.min(EvidenceFileRow.size))
        .where(EvidenceFileRow.effective_at <= at.as_of, EvidenceFileRow.recorded_at <= at.known_at)
        .group_by(EvidenceFileRow.sha256)
        .order_by(EvidenceFileRow.sha256)
    )
    yield from ((sha256, size) for sha256, size in session.execute(known.execution_options(yield_per=_BATCH)))


def pack_files(session: Session, at: AsOf) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of every file of every pack published, in the order of publication."""
    known = (
        select(PackRow.files)
        .where(PackRow.effective_at <= at.as_of, PackRow.recorded_at <= at.known_at)
        .order_by(PackRow.recorded_at, PackRow.id)
    )
    for files in session.scalars(known.execution_options(yield_per=_BATCH)):
        yield from sorted(files.items())
