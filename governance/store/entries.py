# SPDX-License-Identifier: Apache-2.0
"""Find entries of the ledger with the facts that they commit to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import literal, or_, select

from governance.core.evidence import canonical, commitment
from governance.errors import NotFoundError, PolicyError
from governance.store import ledger
from governance.store.models import (
    FACTS,
    AliasEvent,
    CheckResultRow,
    EvidenceFileRow,
    GateDecisionRow,
    LedgerEntry,
    ModelVersionRow,
    PackRow,
    PolicyVersion,
    RegisteredModelRow,
    RiskAssessment,
    SigningKey,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from governance.store.base import Fact

_SHORTEST: Final = 6
_OF_MODEL: Final = (RegisteredModelRow, ModelVersionRow, AliasEvent, CheckResultRow, GateDecisionRow)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry, and the canonical form of the fact's row as it is now."""

    seq: int
    key: str
    body: str
    salt: str | None
    row: str | None

    @property
    def matches(self) -> bool:
        """Whether the row is still the one that was recorded."""
        if self.row is None or self.salt is None:
            return False
        return f'"commitment":"{commitment(self.row.encode(), self.salt)}"' in self.body


def find(session: Session, fact: str) -> StoredEntry:
    """The entry of the fact whose id begins with `fact` (6 hex digits or more).

    Raises:
        NotFoundError: no fact, or more than one, begins so.
    """
    id_ = fact.rpartition("/")[2]
    if len(id_) < _SHORTEST or not set(id_) <= set("0123456789abcdef"):
        raise NotFoundError(
            f"{fact!r} is no fact's id", hint=f"Give {_SHORTEST} hex digits or more, as lists print them."
        )
    found = [entry for table in FACTS for entry in _entries(session, table, table.id.startswith(id_))]
    if len(found) != 1:
        what = "no fact" if not found else f"{len(found)} facts"
        raise NotFoundError(
            f"{what} with an id that begins with {id_}", hint="Copy the id from a list printed with --json."
        )
    return found[0]


def of_period(session: Session, start: datetime, end: datetime, period: str, size: int) -> Iterator[StoredEntry]:
    """Everything that took effect in a period, the packs of it, the policies they name, and the keys."""
    yield from _basis(session, size, _policies(session, start, end))
    for table in FACTS:
        if table not in (PolicyVersion, SigningKey):
            within = (table.effective_at >= start) & (table.effective_at < end)
            wanted = or_(within, PackRow.period == period) if table is PackRow else within
            yield from _entries(session, table, wanted, size)


def of_model(session: Session, model: str, size: int) -> Iterator[StoredEntry]:
    """Everything that is known about one model, and the policies that judged it."""
    decided = select(GateDecisionRow.policy_digest).where(GateDecisionRow.model == model).distinct()
    yield from _basis(session, size, set(session.scalars(decided)))
    for table in _OF_MODEL:
        yield from _entries(session, table, table.model == model, size)
    for about in (RiskAssessment, EvidenceFileRow):
        same = or_(about.subject == model, about.subject.startswith(f"{model} v", autoescape=True))
        yield from _entries(session, about, same, size)


def of_decision(session: Session, decision: str, size: int) -> Iterator[StoredEntry]:
    """A gate decision with all that it can have rested on: the version, its results, its aliases, the policy.

    Raises:
        PolicyError: the fact is no gate decision.
    """
    entry = find(session, decision)
    row = session.get(GateDecisionRow, entry.key.rpartition("/")[2])
    if row is None:
        raise PolicyError(f"{entry.key} is no gate decision", hint="Copy the id from `governance gate list --json`.")
    yield from _basis(session, size, {row.policy_digest})
    yield from _entries(session, GateDecisionRow, GateDecisionRow.id == row.id, size)
    for table in (RegisteredModelRow, AliasEvent):
        yield from _entries(session, table, (table.model == row.model) & (table.recorded_at <= row.recorded_at), size)
    yield from _entries(session, EvidenceFileRow, EvidenceFileRow.subject == row.subject, size)
    for of_version in (ModelVersionRow, CheckResultRow):
        same = (of_version.model == row.model) & (of_version.version == row.version)
        yield from _entries(session, of_version, same & (of_version.recorded_at <= row.recorded_at), size)


def _basis(session: Session, size: int, policies: set[str]) -> Iterator[StoredEntry]:
    yield from _entries(session, SigningKey, literal(value=True), size)
    yield from _entries(session, PolicyVersion, PolicyVersion.policy_digest.in_(sorted(policies)), size)


def _policies(session: Session, start: datetime, end: datetime) -> set[str]:
    found: set[str] = set()
    for table in (GateDecisionRow, PackRow):
        named = select(table.policy_digest).where(table.effective_at >= start, table.effective_at < end)
        found.update(session.scalars(named.distinct()))
    return found


def printed_sizes(session: Session) -> frozenset[int]:
    """Sizes of the checkpoints that packs print."""
    return frozenset(session.scalars(select(PackRow.sealed_size).where(PackRow.sealed_size.is_not(None)).distinct()))


def _entries(
    session: Session, table: type[Fact], where: ColumnElement[bool], size: int | None = None
) -> Iterator[StoredEntry]:
    columns = list(table.__table__.columns)
    names = [column.name for column in columns]
    key = LedgerEntry.key == literal(ledger.key_of(table.__tablename__, "")) + table.id
    entry = (LedgerEntry.seq, LedgerEntry.key, LedgerEntry.body, LedgerEntry.salt)
    found = select(*entry, *columns).join(LedgerEntry, key).where(where).order_by(LedgerEntry.seq)
    if size is not None:
        found = found.where(LedgerEntry.seq < size)
    rows: Sequence[Any] = session.execute(found).all()
    for seq, key_, body, salt, *values in rows:
        yield StoredEntry(seq, key_, body, salt, _row(dict(zip(names, values, strict=True))))


def _row(values: Mapping[str, Any]) -> str:
    return canonical({name: value for name, value in values.items() if value is not None}).decode()
