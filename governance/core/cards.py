# SPDX-License-Identifier: Apache-2.0
"""What is known of one model version, and what nobody can tell: the content of its card (3.3-02a, 3.3-03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from governance.core.exports import person
from governance.core.gates import aged, required
from governance.core.inventory import use_case_of
from governance.core.terms import (
    CheckResult,
    GateDecision,
    ModelVersion,
    RegisteredModel,
    Risk,
    Verdict,
    VersionKey,
    Words,
)
from governance.core.tiers import classify
from governance.core.wording import check_name, label
from governance.policy import RiskTier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.policy import Policy, UseCase

LICENCE_TAGS: Final = ("license", "licence")
STATED: Final[Mapping[str, Words]] = {
    "intended_use": Words("意図された用途", "intended use"),
    "limitations": Words("限界", "limitations"),
    "explanation": Words("説明", "explanation"),
}
"""Tag -> what it is called: what the model's authors say of it themselves."""
_UNKNOWN: Final = frozenset({Verdict.ERROR, Verdict.STALE, Verdict.NOT_RUN, Verdict.INSUFFICIENT})


@dataclass(frozen=True, slots=True)
class Reference:
    """A fact that a card rests on, as the ledger knows it."""

    table: str
    id: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A check and how it stands at the card's moment; an old result is stale."""

    check: str
    verdict: Verdict
    result: CheckResult | None
    required: bool


@dataclass(frozen=True, slots=True)
class RiskLine:
    """An open risk and the name of whoever treats it."""

    risk: Risk
    owner: Words


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card is made from, all as of the same position on both clocks."""

    model: RegisteredModel
    version: ModelVersion
    results: Mapping[str, CheckResult]
    decisions: Mapping[str, GateDecision]
    risks: Sequence[Risk]
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One model version, ready to be shown."""

    version: ModelVersion
    model: RegisteredModel
    aliases: tuple[str, ...]
    use_case: str | None
    use_case_name: Words
    purpose: Words
    tier: RiskTier
    owner: Words
    licence: str
    """As the authors wrote it; empty if they did not."""
    stated: Mapping[str, str]
    """What the authors say of it, by tag: hostile text."""
    checks: tuple[CheckLine, ...]
    decisions: tuple[GateDecision, ...]
    risks: tuple[RiskLine, ...]
    limits: tuple[Words, ...]
    """What cannot be told."""
    references: tuple[Reference, ...]
    policy_digest: str
    as_of: datetime
    known_at: datetime
    company: Words = field(default_factory=Words)

    @property
    def key(self) -> VersionKey:
        """Which version it is about."""
        return self.version.key

    @property
    def fact_id(self) -> str:
        """Id of the newest fact about the version itself."""
        return next((r.id for r in self.references if r.table == "model_version"), "")


def describe(facts: Facts, policy: Policy, as_of: datetime, known_at: datetime) -> Card:
    """Put a card together; the same facts, policy and moments give an equal card."""
    slug, case = use_case_of(facts.model.name, policy)
    tier, key = classify(case, policy.tiers), facts.version.key
    checks = tuple(_checks(facts, case, tier, policy, as_of))
    tags = {**facts.model.tags, **facts.version.tags}
    return Card(
        version=facts.version,
        model=facts.model,
        aliases=facts.model.aliases_of(key.version),
        use_case=slug,
        use_case_name=Words(case.name.ja, case.name.en) if case else Words(),
        purpose=Words(case.purpose.ja, case.purpose.en) if case else Words(),
        tier=tier,
        owner=person(case.owner if case else None, policy),
        licence=next((tags[tag] for tag in LICENCE_TAGS if tags.get(tag, "").strip()), ""),
        stated={tag: tags[tag] for tag in STATED if tags.get(tag, "").strip()},
        checks=checks,
        decisions=tuple(facts.decisions[gate] for gate in sorted(facts.decisions)),
        risks=tuple(_risks(facts.risks, key, policy)),
        limits=tuple(_limits(facts, case, checks)),
        references=facts.references,
        policy_digest=policy.digest,
        as_of=as_of,
        known_at=known_at,
        company=Words(policy.company.name.ja, policy.company.name.en),
    )


def _risks(risks: Sequence[Risk], key: VersionKey, policy: Policy) -> Iterator[RiskLine]:
    """What is open about the version or its model, highest score first."""
    for risk in sorted(risks, key=lambda risk: (-risk.score, risk.subject, risk.rule)):
        if risk.is_open and risk.subject in {str(key), key.model}:
            yield RiskLine(risk, person(risk.owner, policy))


def _checks(facts: Facts, case: UseCase | None, tier: RiskTier, policy: Policy, now: datetime) -> Iterator[CheckLine]:
    """What a gate requires and what was measured besides; a check that does not apply here is left out."""
    wanted = {name for code in policy.gates.of_versions for name in required(code, tier, policy)}
    wanted -= set(case.exempt) if case else set()
    max_age = timedelta(days=policy.tiers.tiers[tier].max_age_days)
    for name in sorted(wanted | set(facts.results)):
        result = facts.results.get(name)
        verdict = aged(result, max_age, now) if result else Verdict.NOT_RUN
        yield CheckLine(name, verdict, result, name in wanted)


def _limits(facts: Facts, case: UseCase | None, checks: Sequence[CheckLine]) -> Iterator[Words]:
    """Everything that a reader might take for known and that nobody can tell."""
    yield from (words for is_missing, words in _gaps(facts, case) if is_missing)
    for line in (line for line in checks if line.verdict in _UNKNOWN):
        yield Words(*(f"{check_name(line.check, t)}: {label(line.verdict, t)}" for t in ("ja", "en")))
    if facts.version.metrics:
        yield Words(
            "指標はモデルの作成者が記録した値で、ここでは測り直していない",
            "metrics are as the model's authors logged them; nobody measured them again here",
        )
    for name, why in sorted((case.exempt if case else {}).items()):
        yield Words(f"{check_name(name, 'ja')}: 対象外({why.ja})", f"{check_name(name, 'en')}: exempt ({why.en})")


def _gaps(facts: Facts, case: UseCase | None) -> Iterator[tuple[bool, Words]]:
    tags = {**facts.model.tags, **facts.version.tags}
    yield case is None, Words("用途が分からない。ユースケースに未登録", "what it is used for: no use case names it")
    yield case is None or case.owner is None, Words("責任者が決まっていない", "nobody is named as its owner")
    yield not facts.version.run_id, Words("学習の実行が分からない", "the run that made it is unknown")
    yield not facts.version.datasets, Words("データセットの記録がない", "no dataset was logged")
    yield not facts.version.metrics, Words("指標の記録がない", "no metric was logged")
    yield (
        not any(tags.get(t, "").strip() for t in LICENCE_TAGS),
        Words("ライセンスの記録がない", "no licence is stated"),
    )
    yield (
        not tags.get("limitations", "").strip(),
        Words("作成者は限界を述べていない", "its authors state no limitation"),
    )
    yield not facts.decisions, Words("ゲート判定がない", "no gate has decided on it")
