# SPDX-License-Identifier: Apache-2.0
"""What there is to know about checks: which families and limits, what one saw, its past, and its past judged anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from governance.checks import bias, own, probes
from governance.core import gates as gate_rules
from governance.core import inventory, tiers
from governance.core.evidence import plain
from governance.core.performance import Baseline
from governance.core.replay import Rejudged, rejudge
from governance.core.replay_limits import Said
from governance.core.terms import Words
from governance.core.verdicts import combine
from governance.core.wording import finding_line, observation_line, observed
from governance.errors import NotFoundError
from governance.policy import Family
from governance.runtime import NOW, Asked
from governance.steps import model_gate
from governance.store import gates as facts
from governance.store import inventory as inventory_facts
from governance.store import registers, statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from governance.core.terms import (
        CheckResult,
        GateDecision,
        Observation,
        RegisteredModel,
        Statistic,
        Verdict,
        VersionKey,
    )
    from governance.policy import Check, Policy
    from governance.runtime import Runtime
    from governance.settings import Settings

Row = dict[str, Any]
_MONTH_DAYS: Final = 31
_UNKNOWN: Final = Words(
    "記録時のポリシーかスイートが手元になく、何で判定されたか分からない",
    "the policy or suite it was judged by is not at hand",
)
_SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    Family.DATA_QUALITY: ("table",),
    Family.BIAS: ("confidence", "min_n", "limits", "grouping", "scores", "errors"),
    Family.PERFORMANCE: ("confidence", "min_n"),
    Family.DOCUMENTATION: ("required", "min_characters", "documents", "reviewed"),
    Family.GENAI: ("confidence", "min_n", "genai"),
    Family.EXPLANATION: ("explanation",),
    Family.ROBUSTNESS: ("confidence", "min_n", "robustness"),
    Family.DRIFT: ("confidence", "min_n", "drift"),
}
"""What a family judges by, for the listing; of other families, all that a check sets itself."""


def listing(rt: Runtime) -> list[Row]:
    """The families of the product, the company's own as installed, and the checks of the policy with their limits."""
    return [*_families(), *(_check(name, check, rt) for name, check in sorted(rt.policy.checks.checks.items()))]


def _families() -> list[Row]:
    built_in = [_row("family", family.value, family.value, "product") for family in Family]
    return built_in + [
        _row("family", one.name, one.name, f"{one.package} ({one.target})", _shadowed(one)) for one in own.installed()
    ]


def _shadowed(one: own.Installed) -> Sequence[str]:
    return ["not used: the product has a family of that name"] if one.is_shadowed else []


def _check(name: str, check: Check, rt: Runtime) -> Row:
    family = str(check.family)
    source = "product" if isinstance(check.family, Family) else own.package_of(family) or "not installed"
    return _row("check", name, family, source, _limits(check)) | {"title": check.name.in_(rt.settings.language)}


def _row(kind: str, name: str, family: str, source: str, limits: Sequence[str] = ()) -> Row:
    return {"kind": kind, "name": name, "family": family, "source": source, "limits": list(limits), "title": name}


def _limits(check: Check) -> list[str]:
    shown = _SHOWN.get(check.family) if isinstance(check.family, Family) else None
    wanted = set(shown) if shown is not None else check.model_fields_set - {"family", "name", "remedy"}
    said = check.model_dump(mode="json", include=wanted)
    return [f"{path} {value}" for name in sorted(said) for path, value in _leaves(name, said[name])]


def _leaves(where: str, value: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(f"{where}.{key}", inner)]
    if isinstance(value, list):
        return [(where, ", ".join(map(str, value)))] if value else []
    return [] if value is None else [(where, str(value))]


def explain(rt: Runtime, key: VersionKey, check: str, asked: Asked = NOW) -> Row:
    """The newest result of one check on a version with everything it saw.

    Raises:
        NotFoundError: the check never ran on that version.
    """
    with rt.reading() as session:
        at = rt.asked(session, asked)
        result = facts.results_of(session, key, at).get(check)
    if result is None:
        raise NotFoundError(
            f"{key}: no result of the check {check!r}",
            hint="Run `governance check run MODEL VERSION`; `governance check list` names the checks.",
        )
    _slug, case = inventory.use_case_of(key.model, rt.policy)
    max_age = rt.policy.tiers.tiers[tiers.classify(case, rt.policy.tiers)].max_age_days
    verdict = gate_rules.aged(result, timedelta(days=max_age), at.as_of)
    return _result(result, rt.settings.language) | {
        "counts_as": verdict.value,
        "age_days": (at.as_of - result.at).days,
        "max_age_days": max_age,
        "definition": result.definition,
        "data_digest": result.finding.data_digest,
        "files": dict(result.files),
        "cause": result.finding.cause.in_(rt.settings.language),
        "engines": dict(result.finding.engines),
        "observations": [_observation(o, rt.settings.language) for o in result.finding.observations],
    }


def _observation(seen: Observation, language: str) -> Row:
    fields = ("name", "slice", "value", "low", "high", "comparison", "limit", "n")
    said: Row = {field: plain(getattr(seen, field)) for field in fields}
    return said | {
        "observed": observed(seen.name, language),
        "verdict": seen.verdict.value,
        "detail": seen.detail.in_(language),
        "line": observation_line(seen, language),
    }


def history(rt: Runtime, key: VersionKey, check: str | None = None, asked: Asked = NOW) -> list[Row]:
    """Every result of a version, or of one check on it, oldest first."""
    with rt.reading() as session:
        found = facts.history(session, rt.asked(session, asked), key, check=check)
    return [_result(result, rt.settings.language) for result in found]


def _result(result: CheckResult, language: str) -> Row:
    finding = result.finding
    unwell = [o for o in finding.observations if o.verdict.value != "pass"]
    lines = [observation_line(o, language) for o in unwell] or [finding_line(result.check, finding, language)]
    return {
        "at": result.at,
        "subject": str(result.subject),
        "check": result.check,
        "verdict": finding.verdict.value,
        "n": finding.n,
        "detail": finding.detail.in_(language),
        "why": lines,
        "id": result.id,
    }


def replay_under(rt: Runtime, other: Policy, months: int) -> list[Row]:
    """Results of the last months judged again under another policy, as rows; see `rejudged`."""
    return [_replayed(again, rt.settings.language) for again in rejudged(rt, other, months)]


def rejudged(rt: Runtime, other: Policy, months: int) -> list[Rejudged]:
    """Results of the last months judged again under another policy, oldest first; nothing is recorded.

    Args:
        rt: its own policy, and those that decisions were recorded under, tell what a result was judged by.
        other: the policy to try.
        months: how far back, in months of 31 days.
    """
    with rt.reading() as session:
        at = rt.current(session)
        found = facts.history(session, at, since=since(at.as_of, months))
        past, models = registers.policies(session, at), inventory_facts.models(session, at)
        counted = statistics.by_data(session, at, bias.CUBE)
        decisions = facts.decisions(session, at)
    policies = [rt.policy, *(policy for policy in past if policy.digest != rt.policy.digest)]
    baselines = _baselines(models, decisions)
    judged = cache(partial(_judged_by, rt, policies, baselines))
    return [_rejudge(result, judged, other, counted) for result in found]


def since(now: datetime, months: int) -> datetime:
    """The moment so many months of 31 days ago."""
    return now - timedelta(days=_MONTH_DAYS * months)


def _baselines(
    models: Sequence[RegisteredModel], decisions: Mapping[tuple[VersionKey, str], GateDecision]
) -> dict[VersionKey, Baseline]:
    found = {
        version.key: gate_rules.approved(model, version.key, decisions)
        for model in models
        for version in model.versions
    }
    return {key: Baseline(version.key, version.metrics) for key, version in found.items() if version}


def _judged_by(
    rt: Runtime, policies: Sequence[Policy], baselines: Mapping[VersionKey, Baseline], told: tuple[VersionKey, str, str]
) -> Said | None:
    """What the policy said under which a result was recorded: the one that leads to the same definition."""
    key, check, definition = told
    for policy in policies:
        said = _said(policy, key.model, check)
        if said and definition == model_gate.definition(rt, policy, check, said.use_case, baselines.get(key)):
            return said
    return None


def _said(policy: Policy, model: str, check: str) -> Said | None:
    _slug, case = inventory.use_case_of(model, policy)
    found = policy.checks.checks.get(check)
    return Said(found, case) if found and case else None


def _rejudge(
    result: CheckResult,
    judged: Callable[[tuple[VersionKey, str, str]], Said | None],
    other: Policy,
    counted: Mapping[tuple[VersionKey, str, str], Sequence[Statistic]],
) -> Rejudged:
    old = judged((result.subject, result.check, result.definition))
    if old is None:
        return Rejudged(result, None, _UNKNOWN)
    new = _said(other, result.subject.model, result.check)
    told = counted.get((result.subject, result.check, result.finding.data_digest), ())
    verdict = _recounted(result, told, old, new) if new else None
    return Rejudged(result, verdict) if verdict else rejudge(result, old, new)


def _recounted(result: CheckResult, told: Sequence[Statistic], old: Said, new: Said) -> Verdict | None:
    """The verdict of a bias check from its stored counts; None if those are not all, or not what it was judged by."""
    if any(said.check.scores or said.check.errors for said in (old, new)):
        return None
    before, after = old.use_case.evaluation, new.use_case.evaluation
    if (
        not told
        or before is None
        or after is None
        or before != after.model_copy(update={"reference": before.reference})
    ):
        return None
    whole = bias.stored(told)
    if any(cube.suppressed for cube in whole):
        return None
    left_out = [seen.verdict for seen in result.finding.observations if seen.name in bias.LEFT_OUT]
    if combine([bias.judge(whole, old.check, before).verdict, *left_out]) is not result.finding.verdict:
        return None
    return combine([bias.judge(whole, new.check, after).verdict, *left_out])


def _replayed(again: Rejudged, language: str) -> Row:
    return {
        "at": again.result.at,
        "subject": str(again.result.subject),
        "check": again.result.check,
        "then": again.result.finding.verdict.value,
        "now": again.verdict.value if again.verdict else None,
        "differs": again.differs,
        "why": again.why.in_(language),
        "id": again.result.id,
    }


def probe_sets(settings: Settings) -> list[Row]:
    """Every probe of every set, with the digest of its set.

    Raises:
        PolicyError: a set is malformed.
    """
    return [
        {"set": one.slug, "set_digest": one.digest, **probe.model_dump(mode="json")}
        for one in probes.read_all(settings.probe_dir)
        for probe in one.probes
    ]
