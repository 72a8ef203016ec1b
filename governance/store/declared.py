# SPDX-License-Identifier: Apache-2.0
"""Remember which AI systems the company declared, and read them back as of a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.core.declared import DeclaredSystem as System
from governance.core.declared import SystemKind
from governance.core.evidence import plain
from governance.store.facts import newest, record_changed
from governance.store.models import DeclaredSystem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from governance.store.facts import AsOf, Telling


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a list changed, by id of system."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()


def declared(session: Session, at: AsOf) -> tuple[System, ...]:
    """Every declared system that was in use, by id."""
    return tuple(system for system in _known(session, at).values() if system.is_present)


def changed_at(session: Session, at: AsOf) -> dict[str, datetime]:
    """When each declared system last changed."""
    return {row.system: row.effective_at for row in newest(session, DeclaredSystem, at)}


def record_declared(session: Session, systems: Sequence[System], file_digest: str, telling: Telling) -> Recorded:
    """Append those of `systems` that differ from what is known; what a list does not name stays as it is.

    Args:
        session: as for every store function.
        systems: each under an id of its own.
        file_digest: SHA-256 of the list; a fact names the list that changed it, not each that repeated it.
        telling: who tells it, and when.
    """
    known = _known(session, telling.position)
    differing = [system for system in systems if plain(known.get(system.system)) != plain(system)]
    record_changed(session, [_row(system, file_digest) for system in differing], telling)
    ids = [system.system for system in differing]
    retired = tuple(
        s.system for s in differing if s.system in known and known[s.system].is_present and not s.is_present
    )
    return Recorded(
        new=tuple(id_ for id_ in ids if id_ not in known),
        changed=tuple(id_ for id_ in ids if id_ in known and id_ not in retired),
        unchanged=tuple(system.system for system in systems if system.system not in set(ids)),
        retired=retired,
    )


def _known(session: Session, at: AsOf) -> dict[str, System]:
    return {row.system: _system(row) for row in newest(session, DeclaredSystem, at)}


def _row(system: System, file_digest: str) -> DeclaredSystem:
    return DeclaredSystem(
        subject=system.system,
        system=system.system,
        name=system.name,
        kind=system.kind.value,
        vendor=system.vendor,
        use_case=system.use_case,
        owner=system.owner,
        purpose=system.purpose,
        in_use_since=system.in_use_since,
        details=dict(system.details),
        is_present=system.is_present,
        file_digest=file_digest,
    )


def _system(row: DeclaredSystem) -> System:
    return System(
        system=row.system,
        name=row.name,
        kind=SystemKind(row.kind),
        purpose=row.purpose,
        vendor=row.vendor,
        use_case=row.use_case,
        owner=row.owner,
        in_use_since=row.in_use_since,
        details=row.details,
        is_present=row.is_present,
    )
