# SPDX-License-Identifier: Apache-2.0
"""One table of all AI in use: what MLflow holds and what the company declared besides (INV)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from governance.core import twins
from governance.core.declared import DeclaredSystem, SystemKind
from governance.core.inventory import use_case_of
from governance.core.terms import NOTHING, GateDecision, RegisteredModel, VersionKey, Words
from governance.core.tiers import classify
from governance.policy import RiskTier

if TYPE_CHECKING:
    from governance.policy import Policy, UseCase

MODEL: Final = "model"
"""The kind of an entry that MLflow holds."""


class Served(StrEnum):
    """How the gates decided on the versions that hold protected aliases; the worst holder counts."""

    PASSED = "passed"
    BLOCKED = "blocked"
    UNDECIDED = "undecided"
    NOT_HELD = "not_held"
    """No version holds a protected alias."""
    NO_GATE = "no_gate"
    """MLflow does not hold the system, so no gate sees it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One AI in the inventory; what is empty is unknown or does not apply."""

    kind: str
    """`model`, or a kind of declared system."""
    id: str
    name: str
    versions: int | None
    aliases: Mapping[str, int]
    """Alias -> version."""
    use_case: str | None
    use_case_name: Words
    tier: RiskTier | None
    owner: Words
    vendor: str | None
    purpose: Words
    served: Served
    in_use_since: date | None
    changed_at: datetime | None
    details: Mapping[str, str] = field(default_factory=dict)


WORDS: Final[Mapping[str, Words]] = {
    "kind": Words("種別", "kind"),
    "id": Words("ID", "ID"),
    "name": Words("名称", "name"),
    "versions": Words("版数", "versions"),
    "aliases": Words("エイリアス", "aliases"),
    "use_case": Words("ユースケース", "use case"),
    "tier": Words("リスク区分", "tier"),
    "owner": Words("責任者", "owner"),
    "vendor": Words("ベンダー", "vendor"),
    "purpose": Words("目的", "purpose"),
    "served": Words("稼働中の版のゲート判定", "gate decision of the serving version"),
    "in_use_since": Words("利用開始日", "in use since"),
    "changed_at": Words("最終変更", "last change"),
}
"""Column -> what it is called."""
KINDS: Final[Mapping[str, Words]] = {
    MODEL: Words("MLflowのモデル", "model in MLflow"),
    SystemKind.BOUGHT: Words("購入", "bought"),
    SystemKind.SAAS: Words("SaaS", "SaaS"),
    SystemKind.EMBEDDED: Words("組み込み", "embedded"),
    SystemKind.BUILT: Words("開発", "built"),
}
SERVED: Final[Mapping[Served, Words]] = {
    Served.PASSED: Words("通過", "passed"),
    Served.BLOCKED: Words("不通過", "blocked"),
    Served.UNDECIDED: Words("判定なし", "no decision"),
    Served.NOT_HELD: Words("稼働中の版なし", "no version serves"),
    Served.NO_GATE: Words("ゲート対象外", "no gate"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the table is made from, all as of the same position on both clocks."""

    models: Sequence[RegisteredModel]
    decisions: Mapping[tuple[VersionKey, str], GateDecision]
    models_changed_at: Mapping[str, datetime]
    declared: Sequence[DeclaredSystem] = ()
    declared_changed_at: Mapping[str, datetime] = field(default_factory=dict)


def inventory(facts: Facts, policy: Policy) -> tuple[Entry, ...]:
    """Registered models by name, then declared systems by id; a protected twin is told with its origin."""
    own = (model for model in facts.models if twins.origin_of(model.name, policy) is None)
    models = sorted(own, key=lambda model: model.name)
    declared = sorted(facts.declared, key=lambda system: system.system)
    by_name = {model.name: model for model in facts.models}
    return (
        *(_model(m, by_name.get(twins.twin_of(m.name, policy) or ""), facts, policy) for m in models),
        *(_declared(s, facts, policy) for s in declared),
    )


def _model(model: RegisteredModel, twin: RegisteredModel | None, facts: Facts, policy: Policy) -> Entry:
    slug, case = use_case_of(model.name, policy)
    return Entry(
        kind=MODEL,
        id=model.name,
        name=model.name,
        versions=len(model.versions),
        aliases=dict(sorted(model.aliases.items())) | _through(model, twin),
        use_case=slug,
        use_case_name=_case_name(slug, case),
        tier=classify(case, policy.tiers),
        owner=person(case.owner if case else None, policy),
        vendor=None,
        purpose=Words(case.purpose.ja, case.purpose.en) if case else NOTHING,
        served=served(model, facts.decisions, policy, twin),
        in_use_since=None,
        changed_at=facts.models_changed_at.get(model.name),
    )


def _declared(system: DeclaredSystem, facts: Facts, policy: Policy) -> Entry:
    case = policy.use_cases.use_cases.get(system.use_case or "")
    return Entry(
        kind=system.kind.value,
        id=system.system,
        name=system.name,
        versions=None,
        aliases={},
        use_case=system.use_case,
        use_case_name=_case_name(system.use_case, case),
        # Like a model that no use case names: nobody has said what it can do.
        tier=classify(case, policy.tiers),
        owner=person(system.owner or (case.owner if case else None), policy),
        vendor=system.vendor,
        purpose=Words(system.purpose, system.purpose),
        served=Served.NO_GATE,
        in_use_since=system.in_use_since,
        changed_at=facts.declared_changed_at.get(system.system),
        details=dict(sorted(system.details.items())),
    )


def _through(model: RegisteredModel, twin: RegisteredModel | None) -> dict[str, int]:
    """What serves through the twin, under its full name."""
    return {f"{twin.name}@{alias}": number for alias, number in sorted(model.serving.items())} if twin else {}


def served(
    model: RegisteredModel,
    decisions: Mapping[tuple[VersionKey, str], GateDecision],
    policy: Policy,
    twin: RegisteredModel | None = None,
) -> Served:
    """How the gates decided on the versions that hold their protected aliases, by themselves or by copies in the twin."""
    held = [*model.aliases.items(), *model.serving.items()]
    held += [(alias, 0) for alias in (twin.aliases if twin else ()) if alias not in model.serving]  # nobody's copy
    found = [
        decisions.get((VersionKey(model.name, number), code))
        for code, gate in policy.gates.of_versions.items()
        for alias, number in held
        if alias in gate.protected_aliases
    ]
    if not found:
        return Served.NOT_HELD
    if any(decision is not None and decision.blocks for decision in found):
        return Served.BLOCKED
    return Served.UNDECIDED if None in found else Served.PASSED


def person(who: str | None, policy: Policy) -> Words:
    """The name of somebody whom the policy knows, or what was written."""
    known = policy.people.people.get(who or "")
    return Words(known.name.ja, known.name.en) if known else Words(who or "", who or "")


def _case_name(slug: str | None, case: UseCase | None) -> Words:
    return Words(case.name.ja, case.name.en) if case else Words(slug or "", slug or "")
