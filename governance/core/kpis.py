# SPDX-License-Identifier: Apache-2.0
"""Measure the KPIs of the catalogue from facts; what the facts cannot tell stays unknown (KPI)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from governance.core import twins, waivers
from governance.core.gates import aged, required
from governance.core.inventory import FindingKind, InventoryFinding, governed, use_case_of
from governance.core.terms import (
    NOTHING,
    CheckResult,
    GateDecision,
    KpiValue,
    Light,
    RegisteredModel,
    Risk,
    Verdict,
    VersionKey,
    Words,
)
from governance.core.tiers import classify
from governance.core.waivers import Waiver
from governance.policy import Family, KpiTarget, Policy, RiskTier

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Position:
    """Everything that KPIs are measured on, at one moment."""

    models: Sequence[RegisteredModel]
    decisions: Mapping[tuple[VersionKey, str], GateDecision]
    """The newest, by version and gate."""
    first_decisions: Sequence[GateDecision]
    """The first of each version and gate."""
    results: Mapping[VersionKey, Mapping[str, CheckResult]]
    """The newest, by version and check."""
    risks: Sequence[Risk]
    findings: Sequence[InventoryFinding]
    waivers: Sequence[Waiver]
    """As recorded: every one that was ever asked for."""
    swept_at: datetime | None
    """When MLflow was last read in full; None: never, so nothing is known."""
    now: datetime


Share = tuple[float | None, float | None, Words]
"""Numerator, denominator and a remark; a count has no denominator."""

_NO_FORMULA: Final = Words("算式が定義されていない", "no formula for this KPI")
_NEVER_READ: Final = Words("MLflow が一度も取得されていない", "MLflow was never read")
_MIX: Final = {"within": "限度内", "breach": "超過", "not enough evidence": "判断不能"}


def measure(position: Position, policy: Policy) -> tuple[KpiValue, ...]:
    """Every KPI that the policy sets a target for and that a formula here measures."""
    return tuple(
        _value(code, target, _FORMULAS.get(code), position, policy) for code, target in sorted(policy.kpis.kpis.items())
    )


def _value(
    code: str,
    target: KpiTarget,
    formula: Callable[[Position, Policy], Share] | None,
    position: Position,
    policy: Policy,
) -> KpiValue:
    if formula is None or position.swept_at is None:
        return KpiValue(code, None, Light.GREY, detail=_NO_FORMULA if formula is None else _NEVER_READ)
    numerator, denominator, detail = formula(position, policy)
    value = _ratio(numerator, denominator) if target.unit == "share" else numerator
    return KpiValue(code, value, light(value, target), numerator, denominator, detail)


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    return None if numerator is None or not denominator else numerator / denominator


def light(value: float | None, target: KpiTarget) -> Light:
    """The traffic light of a value: grey when unknown or when the KPI only informs."""
    if value is None or target.better == "info" or target.green is None:
        return Light.GREY
    sign = 1 if target.better == "up" else -1
    if sign * value >= sign * target.green:
        return Light.GREEN
    return Light.AMBER if target.amber is not None and sign * value >= sign * target.amber else Light.RED


def _inventory_completeness(at: Position, policy: Policy) -> Share:
    """K-G01: versions with an alias that belong to an owned use case / all versions with an alias."""
    bearing = [
        (model.name, version)
        for model in at.models
        if twins.origin_of(model.name, policy) is None  # a copy that serves is counted with its origin
        for version in {*model.aliases.values(), *model.serving.values()}
    ]
    owned = 0
    for name, _version in bearing:
        _slug, case = use_case_of(name, policy)
        owned += case is not None and case.owner is not None
    return owned, len(bearing), NOTHING


def _first_pass_rate(at: Position, policy: Policy) -> Share:  # noqa: ARG001 - one signature for all
    """K-G03: first decisions that passed / first decisions."""
    return sum(not d.blocks for d in at.first_decisions), len(at.first_decisions), NOTHING


def _ungoverned(at: Position, policy: Policy) -> Share:  # noqa: ARG001 - one signature for all
    """K-G04: versions that hold a protected alias without a valid decision."""
    held = sorted({f.subject for f in at.findings if f.kind is FindingKind.UNGOVERNED_CHAMPION})
    names = ", ".join(held[:10])
    return len(held), None, Words(names, names)


def _data_quality(at: Position, policy: Policy) -> Share:
    """K-Q01: expectations met / expectations required, over the newest data-quality results."""
    met = total = unreadable = 0
    for _version, _tier, name, result in _required_results(at, policy):
        if policy.checks.checks[name].family is not Family.DATA_QUALITY:
            continue
        if result is None or not result.finding.observations:
            unreadable += 1
            total += 1  # what nobody could read was not met
            continue
        met += sum(o.verdict is Verdict.PASS for o in result.finding.observations)
        total += len(result.finding.observations)
    return met, total, Words(f"結果なし {unreadable} 件", f"{unreadable} without a result") if unreadable else NOTHING


def _freshness(at: Position, policy: Policy) -> Share:
    """K-Q02: required checks with a result younger than the tier's maximum age / required checks."""
    fresh = total = 0
    for _version, tier, _name, result in _required_results(at, policy):
        total += 1
        max_age = timedelta(days=policy.tiers.tiers[tier].max_age_days)
        fresh += result is not None and aged(result, max_age, at.now) not in {
            Verdict.STALE,
            Verdict.NOT_RUN,
            Verdict.ERROR,
        }
    return fresh, total, NOTHING


def _fairness_mix(at: Position, policy: Policy) -> Share:
    """K-Q03: slices within the limit / slices judged; the mix is in the remark."""
    mix = dict.fromkeys(_MIX, 0)
    for _version, _tier, name, result in _required_results(at, policy):
        if policy.checks.checks[name].family is Family.BIAS:
            for observation in result.finding.observations if result else ():
                mix[_slice_kind(observation.verdict)] += 1
    said = Words(
        "、".join(f"{_MIX[kind]} {n}" for kind, n in mix.items()), ", ".join(f"{kind} {n}" for kind, n in mix.items())
    )
    return mix["within"], sum(mix.values()), said


def _slice_kind(verdict: Verdict) -> str:
    return {Verdict.PASS: "within", Verdict.WARN: "within", Verdict.FAIL: "breach"}.get(verdict, "not enough evidence")


def _above_appetite(at: Position, policy: Policy) -> Share:
    """K-R01: open risks with a score above the appetite."""
    above = [risk for risk in at.risks if risk.is_open and risk.score > policy.risks.appetite]
    oldest = max(((at.now - risk.opened_at).days for risk in above), default=0)
    return len(above), None, Words(f"最長 {oldest} 日", f"oldest {oldest} days") if above else NOTHING


def _waiver_debt(at: Position, policy: Policy) -> Share:
    """K-R06: ended waivers whose check still closes the gate; the debt of those in force is in the remark."""
    zone = ZoneInfo(policy.calendar.time_zone)
    in_force = waivers.live(at.waivers, zone, now=at.now)
    late = waivers.overdue(at.waivers, at.decisions, zone, now=at.now)
    owed = waivers.debt(in_force, lambda one: _tier_of(one.subject, policy).rank + 1, zone, now=at.now)
    said = Words(f"適用中 {len(in_force)} 件、加重 {owed} 日", f"{len(in_force)} in force, {owed} weighted days")
    return len(late), None, said if in_force else NOTHING


def _tier_of(key: VersionKey, policy: Policy) -> RiskTier:
    _slug, case = use_case_of(key.model, policy)
    return classify(case, policy.tiers)


def _required_results(at: Position, policy: Policy) -> Iterator[tuple[VersionKey, RiskTier, str, CheckResult | None]]:
    """Each check that a gate requires of a governed version, once, with its newest result."""
    for model in at.models:
        _slug, case = use_case_of(model.name, policy)
        if case is None:
            continue
        tier = classify(case, policy.tiers)
        wanted = {
            (version.key, name)
            for code, gate in policy.gates.of_versions.items()
            for version in governed(model, gate, policy)
            for name in required(code, tier, policy)
            if name not in case.exempt
        }
        for key, name in sorted(wanted):
            yield key, tier, name, at.results.get(key, {}).get(name)


_FORMULAS: Final[Mapping[str, Callable[[Position, Policy], Share]]] = {
    "K-G01": _inventory_completeness,
    "K-G03": _first_pass_rate,
    "K-G04": _ungoverned,
    "K-Q01": _data_quality,
    "K-Q02": _freshness,
    "K-Q03": _fairness_mix,
    "K-R01": _above_appetite,
    "K-R06": _waiver_debt,
}
"""KPI of the catalogue -> what measures it."""
