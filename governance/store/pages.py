# SPDX-License-Identifier: Apache-2.0
"""Read what a page shows of thousands of models: outlines, a page at a time, a fixed number of queries."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from governance.core.gate_changes import Passage
from governance.core.terms import GateVerdict, ModelVersion, VersionKey
from governance.policy import RiskTier
from governance.store.gates import decision_of_row
from governance.store.models import (
    AliasEvent,
    CheckResultRow,
    GateDecisionRow,
    LedgerEntry,
    ModelVersionRow,
    RegisteredModelRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Row, Subquery
    from sqlalchemy.orm import Session

    from governance.core.terms import GateDecision
    from governance.store.base import Fact
    from governance.store.facts import AsOf

_STANDING: Final = ("gate_decision/", "model_version/", "alias_event/", "registered_model/")
"""Entries of facts that decide which versions stand at gates, and how."""
_MOST_ENTRIES: Final = 5_000
_MOST_MODELS: Final = 500


@dataclass(frozen=True, slots=True)
class Outline:
    """A gate decision without its reasons."""

    id: str
    key: VersionKey
    gate: str
    tier: RiskTier
    blocks: bool
    at: datetime
    is_pending: bool = False
    """Only people's answers are missing."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the newest run of a check on a version ended."""

    key: VersionKey
    check: str
    verdict: str
    at: datetime


def models(session: Session, at: AsOf, wanted: str, *, offset: int, most: int) -> tuple[list[str], int]:
    """Names of present models that contain a text, a page of them, and how many there are in all."""
    row = RegisteredModelRow
    where = [row.model.icontains(wanted, autoescape=True)] if wanted else []
    newest = _newest(row, at, (row.model, row.is_present), *where)
    there = newest.c.rank == 1, newest.c.is_present
    total = session.scalar(select(func.count()).select_from(newest).where(*there)) or 0
    page = select(newest.c.model).where(*there).order_by(newest.c.model).offset(offset).limit(most)
    return list(session.scalars(page)), total


def aliases(session: Session, at: AsOf, names: Iterable[str] | None = None) -> dict[str, dict[str, int]]:
    """Model -> alias -> version, of some models or of all."""
    row = AliasEvent
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for one in _current(session, row, at, (row.model, row.alias, row.to_version), names):
        if one.to_version is not None:
            found[one.model][one.alias] = one.to_version
    return found


def versions(session: Session, at: AsOf, names: Iterable[str] | None = None) -> dict[str, list[ModelVersion]]:
    """Model -> its present versions, of which only the numbers are told."""
    row = ModelVersionRow
    found: dict[str, list[ModelVersion]] = defaultdict(list)
    for one in _current(session, row, at, (row.model, row.version, row.is_present), names):
        if one.is_present:
            found[one.model].append(ModelVersion(VersionKey(one.model, one.version)))
    return found


def tags(session: Session, at: AsOf, names: Iterable[str]) -> dict[VersionKey, dict[str, str]]:
    """The tags of every version of some models."""
    row = ModelVersionRow
    found = _current(session, row, at, (row.model, row.version, row.tags), names)
    return {VersionKey(one.model, one.version): one.tags for one in found}


def outlines(session: Session, at: AsOf, names: Iterable[str] | None = None) -> list[Outline]:
    """The newest decision of every version and gate, of some models or of all."""
    row = GateDecisionRow
    columns = (row.id, row.model, row.version, row.gate, row.tier, row.verdict, row.effective_at)
    return [
        Outline(
            one.id,
            VersionKey(one.model, one.version),
            one.gate,
            RiskTier(one.tier),
            one.verdict != GateVerdict.PASS.value,
            one.effective_at,
            one.verdict == GateVerdict.PENDING.value,
        )
        for one in _current(session, row, at, columns, names)
    ]


def decisions_by_id(session: Session, ids: Iterable[str]) -> dict[str, GateDecision]:
    """Whole decisions by the ids of their facts."""
    wanted = select(GateDecisionRow).where(GateDecisionRow.id.in_(sorted(set(ids))))
    return {row.id: decision_of_row(row) for row in session.scalars(wanted)}


def ended(session: Session, at: AsOf, model: str) -> list[Ended]:
    """How the newest run of each check on each version of a model ended."""
    row = CheckResultRow
    columns = (row.model, row.version, row.check, row.verdict, row.effective_at)
    return [
        Ended(VersionKey(one.model, one.version), one.check, one.verdict, one.effective_at)
        for one in _current(session, row, at, columns, [model])
    ]


def touched(session: Session, size: int) -> set[str] | None:
    """Models that entries beyond a size of the ledger tell of; None if those are too many to be read one by one."""
    told = select(LedgerEntry.key, LedgerEntry.body).where(LedgerEntry.seq >= size).limit(_MOST_ENTRIES + 1)
    found = session.execute(told).all()
    names = {json.loads(row.body)["disclosed"]["model"] for row in found if row.key.startswith(_STANDING)}
    return None if len(found) > _MOST_ENTRIES or len(names) > _MOST_MODELS else names


def told_by(
    session: Session, source: str, since: datetime | None, until: datetime | None, most: int
) -> list[VersionKey]:
    """Some versions that gates decided on within a run; its moments, where they are known, keep the search short."""
    row = GateDecisionRow
    where = [row.source == source]
    where += [row.effective_at >= since] if since else []
    where += [row.effective_at <= until] if until else []
    found = session.execute(select(row.model, row.version).where(*where).distinct().limit(most))
    return sorted(VersionKey(one.model, one.version) for one in found)


def passages_of_model(session: Session, model: str, at: AsOf, most: int) -> list[tuple[str, Passage]]:
    """The newest decisions on any version of a model in outline, with their gates, newest first."""
    row = GateDecisionRow
    columns = (row.gate, row.id, row.model, row.version, row.effective_at, row.verdict)
    told = (
        select(*columns, row.policy_digest, row.code_version, row.evidence)
        .where(row.model == model, row.effective_at <= at.as_of, row.recorded_at <= at.known_at)
        .order_by(row.effective_at.desc(), row.recorded_at.desc(), row.id.desc())
        .limit(most)
    )
    return [
        (gate, Passage(id_, VersionKey(name, version), when, verdict != GateVerdict.PASS.value, *rest))
        for gate, id_, name, version, when, verdict, *rest in session.execute(told)
    ]


def _current(
    session: Session, table: type[Fact], at: AsOf, columns: tuple[Any, ...], names: Iterable[str] | None
) -> Sequence[Row[Any]]:
    where = [] if names is None else [columns[[column.key for column in columns].index("model")].in_(names)]
    newest = _newest(table, at, columns, *where)
    shown = (newest.c[column.key] for column in columns)
    return session.execute(select(*shown).where(newest.c.rank == 1)).all()


def _newest(table: type[Fact], at: AsOf, columns: tuple[Any, ...], *where: ColumnElement[bool]) -> Subquery:
    """Some columns of every fact, the newest of each series ranked first."""
    order = (table.effective_at.desc(), table.recorded_at.desc(), table.id.desc())
    series = [getattr(table, name) for name in table.series]
    rank = func.row_number().over(partition_by=series, order_by=order).label("rank")
    known = table.effective_at <= at.as_of, table.recorded_at <= at.known_at
    return select(*columns, rank).where(*known, *where).subquery()
