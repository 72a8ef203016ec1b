# SPDX-License-Identifier: Apache-2.0
"""Turn open failures into risks, and close them when their cause is gone (RSK)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from governance.core.inventory import InventoryFinding, use_case_of
from governance.core.terms import GateDecision, Light, Reason, Risk, Words
from governance.core.tiers import classify
from governance.core.verdicts import combine
from governance.core.wording import gist
from governance.policy import RiskTier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from governance.policy import Policy
    from governance.policy.sections import Outcome, Risks

SERVED_FAULT = "fail"
"""The likelihood key that inventory findings use: the fault is there, not merely possible."""


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why a risk ought to be open."""

    subject: str
    rule: str
    use_case: str | None
    tier: RiskTier
    verdict: str
    text: Words
    owner: str | None


def reassess(
    decisions: Sequence[GateDecision],
    findings: Sequence[InventoryFinding],
    known: Sequence[Risk],
    policy: Policy,
    *,
    now: datetime,
) -> tuple[Risk, ...]:
    """The register as it stands now: one open risk per cause, and the known ones without cause closed.

    Args:
        decisions: the newest decision of each governed version.
        findings: what is out of order in the inventory.
        known: the newest assessment of each risk, open or closed.
        policy: how likelihood and impact follow from verdict and tier.
        now: a risk that opens now is due `due_days` later; one that stays open keeps its dates.
    """
    before = {(risk.subject, risk.rule): risk for risk in known}
    causes = {(c.subject, c.rule): c for c in [*_from_decisions(decisions, policy), *_from_findings(findings, policy)]}
    today = now.astimezone(ZoneInfo(policy.calendar.time_zone)).date()
    register = [_risk(cause, before.get(key), policy, now, today) for key, cause in causes.items()]
    register += [replace(risk, is_open=False) for key, risk in before.items() if key not in causes]
    return tuple(sorted((r for r in register if r is not None), key=lambda r: (r.subject, r.rule)))


def _from_decisions(decisions: Sequence[GateDecision], policy: Policy) -> list[_Cause]:
    causes = []
    for decision in decisions:
        slug, case = use_case_of(decision.subject.model, policy)
        by_check: dict[str, list[Reason]] = {}
        for reason in decision.reasons:
            if reason.blocks:
                by_check.setdefault(reason.check, []).append(reason)
        causes += [
            _Cause(
                subject=str(decision.subject),
                rule=check,
                use_case=slug,
                tier=decision.tier,
                verdict=combine(reason.verdict for reason in reasons),
                text=gist(reasons),
                owner=case.owner if case else None,
            )
            for check, reasons in by_check.items()
        ]
    return causes


def _from_findings(findings: Sequence[InventoryFinding], policy: Policy) -> list[_Cause]:
    causes = []
    for finding in findings:
        case = policy.use_cases.use_cases.get(finding.use_case or "")
        causes.append(
            _Cause(
                subject=finding.subject,
                rule=finding.kind.value,
                use_case=finding.use_case,
                tier=classify(case, policy.tiers),
                verdict=SERVED_FAULT,
                text=finding.detail,
                owner=case.owner if case else None,
            )
        )
    return causes


def _risk(cause: _Cause, before: Risk | None, policy: Policy, now: datetime, today: date) -> Risk | None:
    rule = policy.risks.rules.get(cause.rule)
    likelihood = rule.likelihood.get(cast("Outcome", cause.verdict)) if rule else None
    if rule is None or likelihood is None:
        return replace(before, is_open=False) if before else None
    stays = before is not None and before.is_open
    return Risk(
        subject=cause.subject,
        rule=cause.rule,
        use_case=cause.use_case,
        likelihood=likelihood,
        impact=rule.impact[cause.tier],
        cause=cause.text,
        is_open=True,
        owner=cause.owner,
        opened_at=before.opened_at if before and stays else now,
        due_on=before.due_on if before and stays else today + timedelta(days=rule.due_days),
    )


def light(score: int, policy: Risks) -> Light:
    """Red above the appetite, amber from the policy's mark on, else green."""
    if score > policy.appetite:
        return Light.RED
    return Light.AMBER if score >= policy.amber else Light.GREEN


def heat_map(risks: Sequence[Risk]) -> Mapping[tuple[int, int], int]:
    """Open risks per (likelihood, impact)."""
    cells: dict[tuple[int, int], int] = {}
    for risk in risks:
        if risk.is_open:
            cell = (risk.likelihood, risk.impact)
            cells[cell] = cells.get(cell, 0) + 1
    return cells
