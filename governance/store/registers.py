# SPDX-License-Identifier: Apache-2.0
"""Remember risks, KPI values and packs, and read them back as of a moment."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import select

from governance.core.evidence import plain
from governance.core.terms import KpiValue, Light, Risk, Words
from governance.policy import Policy
from governance.store.facts import fact_id, newest, newest_one, record, record_changed
from governance.store.models import KpiValueRow, PackRow, PolicyVersion, RiskAssessment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from governance.core.committee import Pack
    from governance.store.facts import AsOf, Telling


def risks(session: Session, at: AsOf) -> tuple[Risk, ...]:
    """The newest assessment of every risk, open or closed."""
    return tuple(_risk(row) for row in newest(session, RiskAssessment, at))


def record_risks(session: Session, register: Sequence[Risk], telling: Telling) -> int:
    """Append the assessments that differ from the known ones; returns how many."""
    return len(record_changed(session, [_risk_row(risk) for risk in register], telling))


def kpis(session: Session, at: AsOf) -> dict[str, KpiValue]:
    """The newest value of every KPI."""
    return {row.kpi: _kpi(row) for row in newest(session, KpiValueRow, at)}


def record_kpis(
    session: Session,
    values: Sequence[KpiValue],
    policy_digest: str,
    *,
    telling: Telling,
    fresh_since: datetime,
) -> int:
    """Append the values that differ from the known ones or that were last told before `fresh_since`."""
    rows = [_kpi_row(value, policy_digest) for value in values]
    return len(record_changed(session, rows, telling, fresh_since=fresh_since))


def packs(session: Session, at: AsOf) -> Sequence[PackRow]:
    """The newest pack of every period."""
    return newest(session, PackRow, at)


def final_pack(session: Session, period: str, at: AsOf) -> PackRow | None:
    """The pack published for a month that had ended, or None."""
    return newest_one(session, PackRow, at, PackRow.period == period, PackRow.interim.is_(other=False))


def record_pack(session: Session, pack: Pack, files: Mapping[str, str], telling: Telling) -> None:
    """Append that a pack was published, unless the very same one already was."""
    row = PackRow(
        subject=pack.period,
        period=pack.period,
        as_of=pack.as_of,
        known_at=pack.known_at,
        interim=pack.interim,
        policy_digest=pack.policy_digest,
        revision=pack.revision,
        files=dict(files),
        sealed_size=pack.seal.size if pack.seal else None,
    )
    record_changed(session, [row], telling, PackRow.period == pack.period, PackRow.interim.is_(pack.interim))


def policy(session: Session, policy_digest: str) -> Policy | None:
    """The policy with that digest, as it was when something was made under it."""
    row = session.get(PolicyVersion, fact_id(PolicyVersion, policy_digest))
    return Policy.model_validate_json(json.dumps(row.content)) if row else None


def policies(session: Session, at: AsOf) -> list[Policy]:
    """Every policy that something was decided under, the newest first; one that today's code cannot read is left out."""
    known = (
        select(PolicyVersion.content)
        .where(PolicyVersion.effective_at <= at.as_of, PolicyVersion.recorded_at <= at.known_at)
        .order_by(PolicyVersion.effective_at.desc())
    )
    found = []
    for content in session.scalars(known):
        with suppress(ValidationError):
            found.append(Policy.model_validate_json(json.dumps(content)))
    return found


def record_policy(session: Session, policy: Policy, telling: Telling) -> None:
    """Keep a policy whole; told once, whoever uses it."""
    id_ = fact_id(PolicyVersion, policy.digest)
    if session.get(PolicyVersion, id_) is not None:
        return  # a policy of a thousand use cases takes longer to write down than a decision to take
    row = PolicyVersion(
        id=id_,
        subject="policy",
        policy_digest=policy.digest,
        content=policy.model_dump(mode="json"),
    )
    record(session, [row], telling)


def _risk_row(risk: Risk) -> RiskAssessment:
    return RiskAssessment(
        subject=risk.subject,
        rule=risk.rule,
        use_case=risk.use_case,
        likelihood=risk.likelihood,
        impact=risk.impact,
        score=risk.score,
        cause=plain(risk.cause),
        is_open=risk.is_open,
        owner=risk.owner,
        opened_at=risk.opened_at,
        due_on=risk.due_on,
    )


def _risk(row: RiskAssessment) -> Risk:
    return Risk(
        subject=row.subject,
        rule=row.rule,
        use_case=row.use_case,
        likelihood=row.likelihood,
        impact=row.impact,
        cause=Words(**row.cause),
        is_open=row.is_open,
        owner=row.owner,
        opened_at=row.opened_at,
        due_on=row.due_on,
    )


def _kpi_row(value: KpiValue, policy_digest: str) -> KpiValueRow:
    return KpiValueRow(
        subject=value.kpi,
        kpi=value.kpi,
        value=value.value,
        numerator=value.numerator,
        denominator=value.denominator,
        light=value.light.value,
        detail=plain(value.detail),
        policy_digest=policy_digest,
    )


def _kpi(row: KpiValueRow) -> KpiValue:
    return KpiValue(row.kpi, row.value, Light(row.light), row.numerator, row.denominator, Words(**row.detail))
