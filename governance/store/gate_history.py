# SPDX-License-Identifier: Apache-2.0
"""Read how a gate came to its decision: earlier decisions, the results each rested on, their places in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from governance.core.gate_changes import Passage
from governance.core.terms import GateVerdict, VersionKey
from governance.store.gates import result_of_row
from governance.store.models import CheckResultRow, GateDecisionRow, LedgerCheckpoint, LedgerEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from governance.core.terms import CheckResult
    from governance.store.facts import AsOf


def passages(session: Session, key: VersionKey, at: AsOf) -> dict[str, list[Passage]]:
    """Gate -> every decision on a version in outline, oldest first; one query."""
    row = GateDecisionRow
    found: dict[str, list[Passage]] = {}
    for gate, passage in _passages(session, at, row.model == key.model, row.version == key.version):
        found.setdefault(gate, []).append(passage)
    return found


def last_pass(session: Session, key: VersionKey, gate: str, at: AsOf) -> Passage | None:
    """The newest decision of a gate that let a version through."""
    row = GateDecisionRow
    where = (row.model == key.model, row.version == key.version, row.gate == gate)
    found = _passages(session, at, *where, row.verdict == GateVerdict.PASS.value)
    return found[-1][1] if found else None


def _passages(session: Session, at: AsOf, *where: ColumnElement[bool]) -> list[tuple[str, Passage]]:
    row = GateDecisionRow
    columns = (row.gate, row.id, row.model, row.version, row.effective_at, row.verdict)
    told = (
        select(*columns, row.policy_digest, row.code_version, row.evidence)
        .where(row.effective_at <= at.as_of, row.recorded_at <= at.known_at, *where)
        .order_by(row.effective_at, row.recorded_at, row.id)
    )
    return [
        (gate, Passage(id_, VersionKey(model, version), when, verdict != GateVerdict.PASS.value, *rest))
        for gate, id_, model, version, when, verdict, *rest in session.execute(told)
    ]


def results_by_id(session: Session, ids: Iterable[str]) -> dict[str, CheckResult]:
    """Results by the ids of their facts; one query."""
    wanted = select(CheckResultRow).where(CheckResultRow.id.in_(sorted(set(ids))))
    return {row.id: result_of_row(row) for row in session.scalars(wanted)}


def of_model(session: Session, model: str, check: str, at: AsOf, most: int) -> list[CheckResult]:
    """The newest results of one check on any version of a model, oldest first."""
    row = CheckResultRow
    newest = (
        select(row)
        .where(row.model == model, row.check == check, row.effective_at <= at.as_of, row.recorded_at <= at.known_at)
        .order_by(row.effective_at.desc(), row.recorded_at.desc(), row.id.desc())
        .limit(most)
    )
    return [result_of_row(one) for one in reversed(session.scalars(newest).all())]


def entries_of(session: Session, keys: Sequence[str]) -> dict[str, tuple[int, int | None]]:
    """Key of a fact's entry -> its index, and the size of the first checkpoint over it; two queries."""
    found = select(LedgerEntry.key, LedgerEntry.seq).where(LedgerEntry.key.in_(keys))
    places = {row.key: row.seq for row in session.execute(found)}
    if not places:
        return {}
    over = select(LedgerCheckpoint.size).where(LedgerCheckpoint.size > min(places.values()))
    sizes = list(session.scalars(over.order_by(LedgerCheckpoint.size)))
    return {key: (seq, next((size for size in sizes if size > seq), None)) for key, seq in places.items()}
