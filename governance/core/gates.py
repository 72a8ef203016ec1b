# SPDX-License-Identifier: Apache-2.0
"""Decide whether a model version may go on (GATE, 3.2-01b)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from governance.core.evidence import digest
from governance.core.inventory import governed
from governance.core.terms import CheckResult, GateDecision, GateVerdict, Reason, Verdict, Words
from governance.policy import RiskTier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from governance.core.terms import ModelVersion, RegisteredModel, VersionKey
    from governance.policy import Policy, UseCase

OPEN = frozenset({Verdict.PASS, Verdict.WARN})
"""Verdicts that let a version through; all others block."""


def required(code: str, tier: RiskTier, policy: Policy) -> tuple[str, ...]:
    """The checks that a gate requires of a tier; of a tier it does not name, those of the highest named."""
    by_tier = policy.gates.gates[code].required_checks
    if tier in by_tier:
        return by_tier[tier]
    return by_tier[max(by_tier, key=lambda named: named.rank)] if by_tier else ()


def decide(
    code: str,
    subject: ModelVersion,
    use_case: UseCase | None,
    tier: RiskTier,
    results: Mapping[str, CheckResult],
    policy: Policy,
    *,
    now: datetime,
) -> GateDecision:
    """Weigh the newest result of every required check.

    A prohibited tier and a model without a use case block outright. A required check that is
    missing, stale, failed, in error or undecided blocks too. Nothing else does.
    """
    weighed = {name: results[name] for name in required(code, tier, policy) if name in results}
    reasons = tuple(_reasons(code, use_case, tier, results, policy, now))
    verdict = GateVerdict.BLOCK if any(reason.blocks for reason in reasons) else GateVerdict.PASS
    return GateDecision(
        subject=subject.key,
        gate=code,
        tier=tier,
        verdict=verdict,
        reasons=reasons,
        policy_digest=policy.digest,
        facts_digest=_facts_digest(subject, tier, weighed, reasons),
        evidence={name: result.id for name, result in weighed.items()},
        at=now,
    )


def _reasons(
    code: str,
    use_case: UseCase | None,
    tier: RiskTier,
    results: Mapping[str, CheckResult],
    policy: Policy,
    now: datetime,
) -> Iterator[Reason]:
    if tier is RiskTier.PROHIBITED:
        yield Reason("tier", Verdict.FAIL, Words("ポリシーで禁止された用途", "the policy prohibits this use"))
    if use_case is None:
        yield Reason(
            "use_case",
            Verdict.FAIL,
            Words(
                "どのユースケースにも登録されていない。use_cases.yaml に登録するか、廃止する",
                "no use case names this model; add it to use_cases.yaml or retire it",
            ),
        )
        return
    max_age = timedelta(days=policy.tiers.tiers[tier].max_age_days)
    for name in required(code, tier, policy):
        if name in use_case.exempt:
            why = use_case.exempt[name]
            yield Reason(name, Verdict.PASS, Words(why.ja, why.en), blocks=False, exempt=True)
        else:
            yield from _weigh(name, results.get(name), max_age, now)


def _weigh(name: str, result: CheckResult | None, max_age: timedelta, now: datetime) -> Iterator[Reason]:
    if result is None:
        yield Reason(name, Verdict.NOT_RUN)
        return
    verdict = aged(result, max_age, now)
    if verdict is Verdict.STALE:
        day = f"{result.at:%Y-%m-%d}"
        said = Words(f"最終実施 {day}、期限 {max_age.days} 日", f"last run {day}, older than {max_age.days} days")
        yield Reason(name, verdict, said, at=result.at)
        return
    yield from _explain(name, result)


def aged(result: CheckResult, max_age: timedelta, now: datetime) -> Verdict:
    """The verdict of a result today: an old one is stale, whatever it said."""
    return Verdict.STALE if now - result.at > max_age else result.finding.verdict


def _explain(name: str, result: CheckResult) -> Iterator[Reason]:
    """One reason per observation that is not well, or the check's own words where none says why it closes the gate."""
    finding = result.finding
    if finding.verdict is Verdict.PASS:
        return
    unwell = [o for o in finding.observations if o.verdict is not Verdict.PASS]
    if not unwell or (finding.verdict not in OPEN and all(o.verdict in OPEN for o in unwell)):
        yield Reason(name, finding.verdict, finding.detail, at=result.at, blocks=finding.verdict not in OPEN)
    for observation in unwell:
        yield Reason(
            name,
            observation.verdict,
            observation.detail,
            observation,
            result.at,
            blocks=observation.verdict not in OPEN,
        )


def _facts_digest(
    subject: ModelVersion, tier: RiskTier, results: Mapping[str, CheckResult], reasons: tuple[Reason, ...]
) -> str:
    """What the decision rested on; a re-run with the same data, limits and verdicts leaves it as it is."""
    return digest(
        {
            "subject": subject.key,
            "run": subject.run_id,
            "tier": tier,
            "datasets": subject.datasets,
            "results": {name: [r.finding.verdict, r.finding.data_digest, r.definition] for name, r in results.items()},
            "reasons": [[r.check, r.verdict, r.blocks] for r in reasons],
        }
    )


def standing(
    models: Sequence[RegisteredModel], decisions: Mapping[tuple[VersionKey, str], GateDecision], policy: Policy
) -> list[GateDecision]:
    """The newest decisions on versions that stand at a gate now; blocked first, then by name."""
    found = [
        decisions[version.key, code]
        for code, gate in policy.gates.gates.items()
        for model in models
        for version in governed(model, gate)
        if (version.key, code) in decisions
    ]
    return sorted(found, key=lambda decision: (not decision.blocks, decision.subject, decision.gate))


def approved(
    model: RegisteredModel, before: VersionKey, decisions: Mapping[tuple[VersionKey, str], GateDecision]
) -> ModelVersion | None:
    """The newest version older than `before` that every gate which decided on it let pass; None if there is none."""
    verdicts: dict[VersionKey, list[bool]] = {}
    for (key, _gate), decision in decisions.items():
        verdicts.setdefault(key, []).append(not decision.blocks)
    older = [v for v in model.versions if v.key < before and all(verdicts.get(v.key, [False]))]
    return max(older, key=lambda version: version.key, default=None)


def due(
    result: CheckResult | None, definition: str, recheck: timedelta, changed_at: datetime | None, *, now: datetime
) -> bool:
    """Whether a check has to be measured (again).

    It is when it never ran or could not be carried out, when its `definition` (digest of the policy
    it runs under) or its subject (`changed_at`) changed since, or when the recheck interval is over.
    """
    if result is None or result.finding.verdict in {Verdict.ERROR, Verdict.NOT_RUN} or result.definition != definition:
        return True
    return (changed_at is not None and changed_at > result.at) or now - result.at >= recheck
