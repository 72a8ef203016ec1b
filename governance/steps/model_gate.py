# SPDX-License-Identifier: Apache-2.0
"""Take model versions to their gates: plan what is due, check, decide, and say why."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from governance.checks import Beside, needs_table, own, run, unable, unreadable
from governance.core import gates, inventory, tiers
from governance.core.evidence import digest
from governance.core.performance import Baseline
from governance.core.terms import (
    CheckResult,
    Finding,
    GateDecision,
    ModelVersion,
    RegisteredModel,
    Statistic,
    VersionKey,
    Words,
)
from governance.core.wording import check_name, decision_report
from governance.errors import CheckNotRunError, NotFoundError, PolicyError
from governance.policy import Family, Policy, RiskTier, UseCase
from governance.sources import datasets
from governance.steps import evidence_files, evidence_seal, oversight
from governance.store import gates as facts
from governance.store import inventory as inventory_facts
from governance.store import registers, statistics

if TYPE_CHECKING:
    from governance.runtime import Runtime


_SEALED_AT_ONCE: Final = frozenset({RiskTier.HIGH, RiskTier.PROHIBITED})
"""Tiers whose decisions are published as they are taken, so that nobody has an hour to rewrite one."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """A version at a gate with everything that its checks need."""

    version: ModelVersion
    model: RegisteredModel
    slug: str | None
    use_case: UseCase | None
    tier: RiskTier
    results: Mapping[str, CheckResult]
    changed_at: datetime | None
    baseline: Baseline | None
    """What the newest approved version before it logged."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the facts say of a version: newest results, last change, and the decisions on its model."""

    results: Mapping[str, CheckResult]
    changed_at: datetime | None
    decisions: Mapping[tuple[VersionKey, str], GateDecision]


def plan(rt: Runtime) -> list[dict[str, str | int]]:
    """The versions to take to their gates now: something to measure, or a gate that is not open.

    Blocked versions are always planned, so that a run is never green while a gate is red.

    Returns:
        Models and versions, sorted; small enough for XCom.
    """
    with rt.reading() as session:
        at = rt.current(session)
        models, decisions = inventory_facts.models(session, at), facts.decisions(session, at)
        results, changed = facts.results(session, at), inventory_facts.changed_at(session, at)
    wanted = set()
    for model in models:
        for code, gate in rt.policy.gates.of_versions.items():
            for version in inventory.governed(model, gate, rt.policy):
                known = _Known(results.get(version.key, {}), changed.get(version.key), decisions)
                subject = _gather(rt, model, version, known)
                if _is_closed(decisions.get((version.key, code)), rt) or _due(rt, subject):
                    wanted.add(version.key)
    return [{"model": key.model, "version": key.version} for key in sorted(wanted)]


def check(rt: Runtime, key: VersionKey) -> list[str]:
    """Measure every check that is due on a version and record how each ended.

    A check that cannot be carried out is recorded as such and stops neither the others nor the run.

    Returns:
        The names of the checks measured.

    Raises:
        NotFoundError: the inventory does not know the version.
        SourceUnavailableError: data or evidence store did not answer; what was measured before is kept.
        EvidenceError: the evidence store holds something else under the name of a file to keep.
    """
    subject = _read(rt, key)
    names = _due(rt, subject)
    for name in names:
        _record(rt, subject, name, _measure(rt, subject, name))
    return names


def decide(rt: Runtime, key: VersionKey) -> list[str]:
    """Weigh the newest results at every gate the version stands at, and record the decisions.

    Returns:
        The gates decided.
    """
    subject = _read(rt, key)
    codes = _gates_of(rt, subject)
    with rt.writing() as session:
        telling = rt.telling(session)
        registers.record_policy(session, rt.policy, telling)
        said = oversight.of(session, telling.position, key.model, subject.slug)
        cases = oversight.read_use_cases(session, telling.position, said)
        said = replace(said, earlier=oversight.before(rt, cases, subject.slug))
        decided = gates.decide_each(
            codes, subject.version, subject.use_case, subject.results, rt.policy, said, now=telling.at
        )
        for decision in decided:
            facts.record_decision(session, decision, rt.code_version(), telling)
    if subject.tier in _SEALED_AT_ONCE:
        evidence_seal.seal_soon(rt)
    return codes


def blocked(rt: Runtime, key: VersionKey) -> str:
    """Why the version may not go on, one line per reason; empty when every gate is open."""
    closed = [decision for decision in oversight.decisions(rt, key) if decision.blocks]
    reports = [decision_report(decision, rt.settings.language) for decision in closed]
    return "\n".join([*reports, *_causes(rt, key, closed)])


def _causes(rt: Runtime, key: VersionKey, closed: Sequence[GateDecision]) -> list[str]:
    """Why checks that closed a gate ended so, where the data tell."""
    checks = {reason.check for decision in closed for reason in decision.reasons if reason.blocks}
    with rt.reading() as session:
        results = facts.results_of(session, key, rt.current(session))
    language, cause = rt.settings.language, Words("原因", "cause")
    return [
        f"- {cause.in_(language)} ({check_name(check, language)}): {result.finding.cause.in_(language)}"
        for check, result in sorted(results.items())
        if check in checks and result.finding.cause
    ]


def _read(rt: Runtime, key: VersionKey) -> _Subject:
    with rt.reading() as session:
        at = rt.current(session)
        model = inventory_facts.model(session, key.model, at)
        version = next((v for v in model.versions if v.key == key), None) if model else None
        if model is None or version is None:
            raise NotFoundError(f"{key} is not in the inventory", hint="Run inventory_sync, or `governance sync`.")
        results, changed_at = facts.results_of(session, key, at), inventory_facts.version_changed_at(session, key, at)
        return _gather(rt, model, version, _Known(results, changed_at, facts.decisions(session, at, key.model)))


def _gather(rt: Runtime, model: RegisteredModel, version: ModelVersion, known: _Known) -> _Subject:
    slug, case = inventory.use_case_of(model.name, rt.policy)
    tier, before = tiers.classify(case, rt.policy.tiers), gates.approved(model, version.key, known.decisions)
    baseline = Baseline(before.key, before.metrics) if before else None
    return _Subject(version, model, slug, case, tier, known.results, known.changed_at, baseline)


def _gates_of(rt: Runtime, subject: _Subject) -> list[str]:
    return [
        code
        for code, gate in rt.policy.gates.of_versions.items()
        if subject.version in inventory.governed(subject.model, gate, rt.policy)
    ]


def _is_closed(decision: GateDecision | None, rt: Runtime) -> bool:
    """A decision made under another policy is taken again; that alone measures nothing."""
    return decision is None or decision.blocks or decision.policy_digest != rt.policy.digest


def _due(rt: Runtime, subject: _Subject) -> list[str]:
    """The required checks that have to be measured now; none for a model without a use case."""
    case = subject.use_case
    if case is None:
        return []
    recheck = timedelta(days=rt.policy.tiers.tiers[subject.tier].recheck_days)
    wanted = {name for code in _gates_of(rt, subject) for name in gates.required(code, subject.tier, rt.policy)}
    return [
        name
        for name in sorted(wanted - case.exempt.keys())
        if gates.due(
            subject.results.get(name),
            definition(rt, rt.policy, name, case, subject.baseline),
            recheck,
            subject.changed_at,
            now=rt.clock(),
        )
    ]


def definition(rt: Runtime, policy: Policy, name: str, case: UseCase, baseline: Baseline | None) -> str:
    """Digest of all that a policy says about one check on one use case, and of what it is compared with."""
    said = case.model_dump(mode="json", include={"evaluation", "performance", "suite"})
    check = policy.checks.checks[name]
    parts: dict[str, Any] = {
        "check": check.model_dump(mode="json"),
        "use_case": said,
        "suite": _suite_digest(rt, case) if check.family is Family.DATA_QUALITY else None,
    }
    if not isinstance(check.family, Family):
        parts["package"] = own.package_of(check.family)
    compares = check.family is Family.PERFORMANCE and any(floor.max_drop is not None for floor in case.performance)
    if compares or check.family is Family.DRIFT or check.table is not None:
        parts["baseline"] = baseline.subject if baseline else None
    return digest(parts)


def _suite_digest(rt: Runtime, case: UseCase) -> str | None:
    path = rt.settings.suite_dir / f"{case.suite}.yaml"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _measure(rt: Runtime, subject: _Subject, name: str) -> Finding:
    check, case = rt.policy.checks.checks[name], subject.use_case
    assert case is not None  # noqa: S101 - `_due` names no check without a use case
    beside = _beside(rt, subject, name)
    judge = partial(run, check, subject.version, subject.model, case, suite_dir=rt.settings.suite_dir)
    try:
        if not needs_table(check):
            return judge(None, beside=beside)
        with ExitStack() as opened:
            table = opened.enter_context(datasets.open_table(case, subject.version, rt.settings))
            if check.drift.reference and not beside.approved:
                reference = datasets.open_source(check.drift.reference, subject.version, rt.settings)
                beside = replace(beside, reference=opened.enter_context(reference))
            return judge(table, beside=beside)
    except CheckNotRunError as error:
        return unable(error, case, subject.version)
    except PolicyError as error:
        return unreadable(error, case)


def _beside(rt: Runtime, subject: _Subject, name: str) -> Beside:
    """What the version is judged by besides itself: the approved version, what was counted on it, and the day."""
    approved: list[Statistic] = []
    if subject.baseline is not None:
        with rt.reading() as session:
            approved = statistics.of(session, subject.baseline.subject, name, rt.current(session))
    shifts = [seen for one in _drifts(rt, subject) for seen in one.finding.observations]
    now = rt.clock()
    today = now.astimezone(rt.zone).date()
    return Beside(subject.baseline, today, now, tuple(approved), shifts=tuple(shifts))


def _drifts(rt: Runtime, subject: _Subject) -> list[CheckResult]:
    checks = rt.policy.checks.checks
    return [
        result
        for name, result in sorted(subject.results.items())
        if name in checks and checks[name].family is Family.DRIFT
    ]


def _record(rt: Runtime, subject: _Subject, name: str, finding: Finding) -> None:
    case = subject.use_case
    assert case is not None  # noqa: S101 - as above
    recheck = timedelta(days=rt.policy.tiers.tiers[subject.tier].recheck_days)
    kept = evidence_files.put_all(rt.settings, finding.files)
    measured = replace(finding, engines={**finding.engines, "governance": rt.code_version()})
    with rt.writing() as session:
        telling = rt.telling(session)
        statistics.record(session, subject.version.key, name, finding, telling)
        evidence_files.record_all(session, subject.version.key, finding.files, telling)
        facts.record_result(
            session,
            (subject.version.key, name),
            definition(rt, rt.policy, name, case, subject.baseline),
            measured,
            telling=telling,
            fresh_since=max(telling.at - recheck, subject.changed_at or telling.at - recheck),
            files=kept,
        )
