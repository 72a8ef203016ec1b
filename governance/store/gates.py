# SPDX-License-Identifier: Apache-2.0
"""Remember check results and gate decisions, and read them back as of a moment."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from governance.core.evidence import plain
from governance.core.terms import (
    NOTHING,
    CheckResult,
    Finding,
    GateDecision,
    GateVerdict,
    K,
    Observation,
    Reason,
    Subject,
    UseCaseKey,
    Verdict,
    VersionKey,
    Words,
)
from governance.policy import RiskTier
from governance.store.base import about, named
from governance.store.facts import newest, record_changed
from governance.store.models import CheckResultRow, GateDecisionRow, UseCaseDecisionRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from governance.store.facts import AsOf, Telling

_OBSERVATIONS: Final = TypeAdapter(tuple[Observation, ...])
_REASONS: Final = TypeAdapter(tuple[Reason, ...])

_DECISIONS: Final[dict[type[Any], type[GateDecisionRow | UseCaseDecisionRow]]] = {
    VersionKey: GateDecisionRow,
    UseCaseKey: UseCaseDecisionRow,
}

Results = dict[VersionKey, dict[str, CheckResult]]
"""Version -> check -> newest result."""


def results(session: Session, at: AsOf) -> Results:
    """The newest result of every check on every version; one query."""
    return _by_version(session, at)


def results_of(session: Session, key: VersionKey, at: AsOf) -> dict[str, CheckResult]:
    """The newest result of every check on one version."""
    found = _by_version(session, at, CheckResultRow.model == key.model, CheckResultRow.version == key.version)
    return found.get(key, {})


def results_of_model(session: Session, model: str, at: AsOf) -> Results:
    """The newest result of every check on every version of one model."""
    return _by_version(session, at, CheckResultRow.model == plain(model))


def history(
    session: Session,
    at: AsOf,
    key: VersionKey | None = None,
    *,
    check: str | None = None,
    since: datetime | None = None,
) -> list[CheckResult]:
    """Every result that was in effect and known at a position, oldest first; one query.

    `key`, `check` and `since` narrow it to one version, one check, and results in effect from a moment on.
    """
    wanted = select(CheckResultRow).where(
        CheckResultRow.effective_at <= at.as_of, CheckResultRow.recorded_at <= at.known_at
    )
    if key is not None:
        wanted = wanted.where(CheckResultRow.model == key.model, CheckResultRow.version == key.version)
    if check is not None:
        wanted = wanted.where(CheckResultRow.check == check)
    if since is not None:
        wanted = wanted.where(CheckResultRow.effective_at >= since)
    ordered = wanted.order_by(CheckResultRow.effective_at, CheckResultRow.recorded_at, CheckResultRow.id)
    return [result_of_row(row) for row in session.scalars(ordered)]


def _by_version(session: Session, at: AsOf, *where: ColumnElement[bool]) -> Results:
    found: Results = defaultdict(dict)
    for row in newest(session, CheckResultRow, at, *where):
        found[VersionKey(row.model, row.version)][row.check] = result_of_row(row)
    return found


def record_result(
    session: Session,
    series: tuple[VersionKey, str],
    definition: str,
    finding: Finding,
    *,
    telling: Telling,
    fresh_since: datetime,
    files: Mapping[str, str] | None = None,
) -> None:
    """Append how a check ended; the same ending within the same interval is told once.

    `series` is the version and the check; `files` names the finding's files by their SHA-256, as the evidence
    store keeps them.
    """
    key, check = series
    row = CheckResultRow(
        subject=str(key),
        model=key.model,
        version=key.version,
        check=check,
        verdict=finding.verdict.value,
        n=finding.n,
        detail=plain(finding.detail),
        observations=[plain(o) for o in finding.observations],
        data_digest=finding.data_digest,
        definition=definition,
        files=dict(files) if files else None,
        cause=plain(finding.cause) if finding.cause else None,
        engines=dict(finding.engines) if finding.engines else None,
    )
    where = (CheckResultRow.model == key.model, CheckResultRow.version == key.version, CheckResultRow.check == check)
    record_changed(session, [row], telling, *where, fresh_since=fresh_since)


def decisions(session: Session, at: AsOf, model: str | None = None) -> dict[tuple[VersionKey, str], GateDecision]:
    """The newest decision of every version and gate, of all models or of one; one query."""
    where = () if model is None else (GateDecisionRow.model == model,)
    rows = newest(session, GateDecisionRow, at, *where)
    return {(row.key, row.gate): decision_of_row(row) for row in rows}


def decisions_on_use_cases(session: Session, at: AsOf) -> dict[tuple[UseCaseKey, str], GateDecision[UseCaseKey]]:
    """The newest decision of every use case and gate; one query."""
    rows = newest(session, UseCaseDecisionRow, at)
    return {(row.key, row.gate): _decision(row, row.key) for row in rows}


def decisions_of(session: Session, key: K, at: AsOf) -> dict[str, GateDecision[K]]:
    """The newest decision of each gate on one subject."""
    table = _DECISIONS[type(key)]
    return {row.gate: _decision(row, key) for row in newest(session, table, at, *about(table, key))}


def bound_of(session: Session, key: Subject, gate: str, facts_digest: str) -> dict[str, str]:
    """The facts under a digest that a gate once decided on, by name; empty if it never did."""
    row = _DECISIONS[type(key)]
    wanted = select(row.bound).where(*about(row, key), row.gate == gate, row.facts_digest == facts_digest)
    return session.scalars(wanted.limit(1)).first() or {}


def decisions_since(session: Session, at: AsOf, since: datetime) -> list[GateDecision]:
    """Every decision in effect from a moment on, oldest first."""
    row = GateDecisionRow
    wanted = select(row).where(row.effective_at >= since, row.effective_at <= at.as_of, row.recorded_at <= at.known_at)
    return [decision_of_row(one) for one in session.scalars(wanted.order_by(row.effective_at, row.gate, row.id))]


def past_on_use_cases(session: Session, at: AsOf) -> list[GateDecision[UseCaseKey]]:
    """Every decision on a use case that was in effect and known at a position, oldest first."""
    row = UseCaseDecisionRow
    wanted = select(row).where(row.effective_at <= at.as_of, row.recorded_at <= at.known_at)
    ordered = wanted.order_by(row.effective_at, row.recorded_at, row.gate, row.id)
    return [_decision(one, one.key) for one in session.scalars(ordered)]


def first_decisions(session: Session, at: AsOf) -> list[GateDecision]:
    """The first decision of each version and gate."""
    series = [getattr(GateDecisionRow, name) for name in GateDecisionRow.series]
    rank = (
        func.row_number()
        .over(
            partition_by=series,
            order_by=(GateDecisionRow.effective_at, GateDecisionRow.recorded_at, GateDecisionRow.id),
        )
        .label("rank")
    )
    known = (
        select(GateDecisionRow, rank)
        .where(GateDecisionRow.effective_at <= at.as_of, GateDecisionRow.recorded_at <= at.known_at)
        .subquery()
    )
    row = aliased(GateDecisionRow, known)
    firsts = select(row).where(known.c.rank == 1).order_by(row.model, row.version, row.gate)
    return [decision_of_row(first) for first in session.scalars(firsts)]


def record_decision(session: Session, decision: GateDecision[K], code_version: str, telling: Telling) -> None:
    """Append a decision unless the newest one says the same on the same evidence."""
    table = _DECISIONS[type(decision.subject)]
    row = table(
        subject=str(decision.subject),
        **named(decision.subject),
        gate=decision.gate,
        tier=decision.tier.value,
        verdict=decision.verdict.value,
        reasons=[plain(reason) for reason in decision.reasons],
        policy_digest=decision.policy_digest,
        facts_digest=decision.facts_digest,
        evidence=dict(decision.evidence),
        code_version=code_version,
        bound=dict(decision.bound) or None,
    )
    record_changed(session, [row], telling, *about(table, decision.subject), table.gate == row.gate)


def tally(session: Session, since: datetime, at: AsOf) -> dict[str, dict[Verdict, int]]:
    """How often each check ended how, from `since` on."""
    counted = (
        select(CheckResultRow.check, CheckResultRow.verdict, func.count())
        .where(
            CheckResultRow.effective_at >= since,
            CheckResultRow.effective_at <= at.as_of,
            CheckResultRow.recorded_at <= at.known_at,
        )
        .group_by(CheckResultRow.check, CheckResultRow.verdict)
    )
    found: dict[str, dict[Verdict, int]] = defaultdict(dict)
    for check, verdict, n in session.execute(counted):
        found[check][Verdict(verdict)] = n
    return found


def result_of_row(row: CheckResultRow) -> CheckResult:
    """A recorded result as the core reads it."""
    observations = _OBSERVATIONS.validate_python(row.observations)
    cause = Words(**row.cause) if row.cause else NOTHING
    finding = Finding(
        Verdict(row.verdict),
        observations,
        row.n,
        Words(**row.detail),
        row.data_digest,
        cause,
        engines=row.engines or {},
    )
    key = VersionKey(row.model, row.version)
    return CheckResult(row.id, key, row.check, row.effective_at, row.definition, finding, row.files or {})


def decision_of_row(row: GateDecisionRow) -> GateDecision:
    """A recorded decision on a version as the core reads it."""
    return _decision(row, row.key)


def _decision(row: GateDecisionRow | UseCaseDecisionRow, key: K) -> GateDecision[K]:
    return GateDecision(
        subject=key,
        gate=row.gate,
        tier=RiskTier(row.tier),
        verdict=GateVerdict(row.verdict),
        reasons=_REASONS.validate_python(row.reasons),
        policy_digest=row.policy_digest,
        facts_digest=row.facts_digest,
        evidence=row.evidence,
        at=row.effective_at,
        id=row.id,
        bound=row.bound or {},
    )
