# SPDX-License-Identifier: Apache-2.0
"""Decide whether a use case or a model version may go on (GATE, 3.2-01b)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Generic
from zoneinfo import ZoneInfo

from governance.core import approvals, holds, vendors
from governance.core.approvals import Outcome, Response, Settled
from governance.core.declared import DeclaredSystem
from governance.core.evidence import digest
from governance.core.holds import Hold
from governance.core.inventory import governed
from governance.core.terms import NOTHING, CheckResult, GateDecision, GateVerdict, K, Reason, Verdict, VersionKey, Words
from governance.core.tiers import classify
from governance.core.waivers import Waiver, covers, live
from governance.policy import RiskTier

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from governance.core.terms import Candidate, ModelVersion, RegisteredModel, Subject
    from governance.policy import Policy, UseCase

UNWAIVABLE: Final = frozenset({"tier", "use_case", "hold", "order", "approval"})
"""Reasons that are no checks: nothing lets them pass."""
_VERDICTS: Final = {
    Outcome.APPROVED: GateVerdict.PASS,
    Outcome.REJECTED: GateVerdict.BLOCK,
    Outcome.PENDING: GateVerdict.PENDING,
}

OPEN = frozenset({Verdict.PASS, Verdict.WARN})
"""Verdicts that let a version through; all others block."""


def required(code: str, tier: RiskTier, policy: Policy) -> tuple[str, ...]:
    """The checks that a gate requires of a tier; of a tier it does not name, those of the highest named."""
    by_tier = policy.gates.gates[code].required_checks
    if tier in by_tier:
        return by_tier[tier]
    return by_tier[max(by_tier, key=lambda named: named.rank)] if by_tier else ()


@dataclass(frozen=True, slots=True)
class Oversight(Generic[K]):
    """What people said about a subject, and what the gates before decided."""

    waivers: tuple[Waiver, ...] = ()
    holds: tuple[Hold, ...] = ()
    responses: tuple[Response[K], ...] = ()
    earlier: Mapping[str, GateDecision[Any]] = field(default_factory=dict)
    """Decisions of this subject's other gates and of its use case's, by gate."""
    slug: str | None = None
    """The use case's name in the policy."""
    systems: tuple[DeclaredSystem, ...] = ()
    """Declared AI systems in use; only where a vendor is held does anybody need them."""


NO_OVERSIGHT: Final[Oversight[Any]] = Oversight()


def held(said: Oversight[Any], key: Subject, slug: str | None, policy: Policy) -> tuple[Hold, ...]:
    """The live holds over a subject, by id. Whoever needs to know asks here: gates, guard and enforcement."""
    if not said.holds:
        return ()
    return holds.over(said.holds, key, slug, vendors.of_use_case(slug, policy, said.systems))


def about(said: Oversight[K], key: K, slug: str | None, policy: Policy) -> Oversight[K]:
    """What of all that people said concerns one subject."""
    return replace(
        said,
        waivers=tuple(w for w in said.waivers if w.subject == key),
        holds=held(said, key, slug, policy),
        responses=tuple(r for r in said.responses if r.subject == key),
        slug=slug,
    )


def decide_each(
    codes: Sequence[str],
    subject: Candidate[K],
    use_case: UseCase | None,
    results: Mapping[str, CheckResult],
    policy: Policy,
    oversight: Oversight[K],
    *,
    now: datetime,
) -> list[GateDecision[K]]:
    """Decide at one gate after the other; each knows what those before it decided just now."""
    tier, earlier = classify(use_case, policy.tiers), dict(oversight.earlier)
    decided: list[GateDecision[K]] = []
    for code in codes:
        given = replace(oversight, earlier=earlier)
        decided.append(decide(code, subject, use_case, tier, results, policy, given, now=now))
        earlier[code] = decided[-1]
    return decided


def decide(  # noqa: PLR0913 - what it weighs, one by one
    code: str,
    subject: Candidate[K],
    use_case: UseCase | None,
    tier: RiskTier,
    results: Mapping[str, CheckResult],
    policy: Policy,
    oversight: Oversight[K] = NO_OVERSIGHT,
    *,
    now: datetime,
) -> GateDecision[K]:
    """Weigh the newest result of every required check, then what people said.

    A hold, a prohibited tier, a model without a use case and a gate before this one that is not open block
    outright. A required check that is missing, stale, failed, in error or undecided blocks unless a live waiver
    covers it. Where the policy wants approval, it has to be given to exactly these facts. Nothing else blocks.
    """
    weighed = {name: results[name] for name in required(code, tier, policy) if name in results}
    reasons = (
        *_standing_orders(code, subject.key, policy, oversight),
        *_reasons(code, use_case, tier, results, policy, now),
    )
    reasons = tuple(_waived(reason, code, subject.key, tier, policy, oversight.waivers, now) for reason in reasons)
    bound = _bound(code, subject, tier, weighed, reasons, policy, oversight)
    facts_digest = digest(bound)
    verdict = GateVerdict.BLOCK if any(reason.blocks for reason in reasons) else GateVerdict.PASS
    approval = approvals.needed(policy.gates.gates[code], tier)
    if approval is not None:
        mine = [r for r in oversight.responses if (r.subject, r.gate) == (subject.key, code)]
        settled = approvals.settle(approval, mine, facts_digest, now=now)
        if verdict is GateVerdict.PASS:
            verdict = _VERDICTS[settled.outcome]
            reasons = (*reasons, _answered(settled, facts_digest, bound))
    return GateDecision(
        subject=subject.key,
        gate=code,
        tier=tier,
        verdict=verdict,
        reasons=reasons,
        policy_digest=policy.digest,
        facts_digest=facts_digest,
        evidence={name: result.id for name, result in weighed.items()},
        at=now,
        bound=bound,
    )


def _standing_orders(code: str, key: Subject, policy: Policy, oversight: Oversight[K]) -> Iterator[Reason]:
    """Holds, and gates that have to be open first."""
    for hold in held(oversight, key, oversight.slug, policy):
        said = Words(f"停止命令 {hold.id}: {hold.reason}", f"hold {hold.id}: {hold.reason}")
        yield Reason("hold", Verdict.FAIL, said, at=hold.ordered_at)
    for earlier in policy.gates.gates[code].after:
        decision = oversight.earlier.get(earlier)
        if decision is None or decision.blocks:
            verdict = Verdict.NOT_RUN if decision is None else Verdict.FAIL
            yield Reason("order", verdict, Words(f"ゲート {earlier} が未通過", f"gate {earlier} is not open yet"))


def _waived(
    reason: Reason,
    code: str,
    key: Subject,
    tier: RiskTier,
    policy: Policy,
    waivers: Sequence[Waiver],
    now: datetime,
) -> Reason:
    """The reason as it is, or no longer blocking where a live waiver covers it."""
    if not reason.blocks or reason.check in UNWAIVABLE:
        return reason
    rule, zone = policy.waivers.tiers.get(tier), ZoneInfo(policy.calendar.time_zone)
    for waiver in live((w for w in waivers if w.subject == key), zone, now=now):
        if covers(waiver, code, reason.check, reason.verdict, rule):
            said = Words(
                f"適用除外 {waiver.id} ({waiver.expires_on} まで): {waiver.control}",
                f"waived until {waiver.expires_on} by {waiver.id}: {waiver.control}",
            )
            return replace(reason, blocks=False, waiver=waiver.id, text=reason.text.then(said))
    return reason


def _answered(settled: Settled[K], facts_digest: str, bound: Mapping[str, str]) -> Reason:
    """What the seats said, as a reason; where answers are missing, what changed since they were given."""
    shown = approvals.code(facts_digest)
    given = ", ".join(f"{r.person} ({r.seat}: {r.answer.value})" for r in settled.counted)
    match settled.outcome:
        case Outcome.APPROVED:
            said = Words(f"承認: {given}。照合コード {shown}", f"approved by {given}; code {shown}")
            return Reason("approval", Verdict.PASS, said, blocks=False)
        case Outcome.REJECTED:
            said = Words(f"却下: {given}。照合コード {shown}", f"rejected: {given}; code {shown}")
            return Reason("approval", Verdict.FAIL, said)
        case Outcome.PENDING:
            seats = ", ".join(settled.missing)
            said = Words(f"承認待ち: {seats}。照合コード {shown}", f"waiting for {seats}; code {shown}")
            return Reason("approval", Verdict.NOT_RUN, said.then(_outdated(settled, bound)))


def _outdated(settled: Settled[K], bound: Mapping[str, str]) -> Words:
    if not settled.outdated:
        return NOTHING
    differs = "; ".join(approvals.changed(settled.outdated[0].bound, bound)) or "?"
    return Words(f"前回の回答後に変わった事実: {differs}", f"changed since the last answer: {differs}")


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


def _bound(
    code: str,
    subject: Candidate[K],
    tier: RiskTier,
    results: Mapping[str, CheckResult],
    reasons: tuple[Reason, ...],
    policy: Policy,
    oversight: Oversight[K],
) -> dict[str, str]:
    """What the decision rests on and is bound to; a re-run with the same data, limits and verdicts leaves it as it is.

    Names start with their kind (`policy.Bound`); kinds that the policy does not call material are left out.
    """
    told = {"subject": str(subject.key), "tier": tier.value, **subject.identity}
    for name, result in results.items():
        told[f"check {name}"] = result.finding.verdict.value
        told[f"data {name}"] = result.finding.data_digest or "-"
        told[f"definition {name}"] = result.definition
    for reason in reasons:
        # A check that ran out of time, or was never run, is told from the reasons alone.
        if reason.blocks or reason.exempt or reason.check not in results:
            told[f"check {reason.check}"] = "exempt" if reason.exempt else reason.verdict.value
        if reason.waiver:
            told[f"waiver {reason.check}"] = reason.waiver
    told |= {f"hold {hold.id}": hold.target for hold in held(oversight, subject.key, oversight.slug, policy)}
    before = {earlier: oversight.earlier.get(earlier) for earlier in policy.gates.gates[code].after}
    told |= {f"gate {earlier}": decision.facts_digest for earlier, decision in before.items() if decision}
    kinds = {"subject", *(kind.value for kind in policy.gates.material)}
    return {name: value for name, value in told.items() if name.split(" ", 1)[0] in kinds}


def standing(
    models: Sequence[RegisteredModel], decisions: Mapping[tuple[VersionKey, str], GateDecision], policy: Policy
) -> list[GateDecision]:
    """The newest decisions on versions that stand at a gate now; blocked first, then by name."""
    found = [
        decisions[version.key, code]
        for code, gate in policy.gates.of_versions.items()
        for model in models
        for version in governed(model, gate, policy)
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
