# SPDX-License-Identifier: Apache-2.0
"""Compare what MLflow holds with what we knew and with what the company said it uses (INV)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from governance.core.evidence import plain
from governance.core.terms import NOTHING, ModelVersion, RegisteredModel, VersionKey, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from governance.core.terms import GateDecision
    from governance.policy import Gate, Policy, UseCase

K = TypeVar("K")
V = TypeVar("V")

_NO_USE_CASE: Final = Words("どのユースケースにも登録されていない", "no use case names it")
_NO_OWNER: Final = Words("責任者が決まっていない", "nobody is named as its owner")
_NOT_HELD: Final = Words("MLflow に存在しない", "MLflow does not hold it")


class FindingKind(StrEnum):
    """What can be out of order in the inventory."""

    ORPHAN = "orphan"
    """A registered model that no use case names."""
    OWNERLESS = "ownerless"
    """A use case without an owner."""
    UNSERVED = "unserved"
    """A use case names a model that MLflow does not hold."""
    UNGOVERNED_CHAMPION = "ungoverned_champion"
    """A version holds a protected alias without a valid gate decision (K-G04)."""


@dataclass(frozen=True, slots=True)
class InventoryFinding:
    """One thing out of order."""

    kind: FindingKind
    subject: str
    use_case: str | None
    detail: Words = NOTHING


@dataclass(frozen=True, slots=True)
class AliasMove:
    """An alias that points elsewhere than before; None stands for nowhere."""

    model: str
    alias: str
    from_version: int | None
    to_version: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two complete readings of MLflow."""

    new_models: tuple[RegisteredModel, ...] = ()
    changed_models: tuple[RegisteredModel, ...] = ()
    retired_models: tuple[RegisteredModel, ...] = ()
    new_versions: tuple[ModelVersion, ...] = ()
    changed_versions: tuple[ModelVersion, ...] = ()
    retired_versions: tuple[ModelVersion, ...] = ()
    alias_moves: tuple[AliasMove, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {name: len(getattr(self, name)) for name in self.__slots__}


def reconcile(seen: Sequence[RegisteredModel], known: Sequence[RegisteredModel]) -> Changes:
    """Tell what is new, changed and gone; `seen` has to be a complete reading.

    Names are compared in plain form, as the store keeps them.
    """
    now, before = {plain(m.name): m for m in seen}, {plain(m.name): m for m in known}
    versions_now, versions_before = _versions(seen), _versions(known)
    return Changes(
        new_models=_added(now, before),
        changed_models=tuple(
            m for name, m in now.items() if name in before and _differs(_facts(m), _facts(before[name]))
        ),
        retired_models=_added(before, now),
        new_versions=_added(versions_now, versions_before),
        changed_versions=tuple(
            v for key, v in versions_now.items() if key in versions_before and _differs(v, versions_before[key])
        ),
        retired_versions=_added(versions_before, versions_now),
        alias_moves=tuple(_alias_moves(now, before)),
    )


def _differs(new: object, old: object) -> bool:
    """Compare in plain form: NaN equals itself there, and text is as the store keeps it."""
    return bool(plain(new) != plain(old))


def _versions(models: Sequence[RegisteredModel]) -> dict[VersionKey, ModelVersion]:
    return {
        VersionKey(plain(version.key.model), version.key.version): version
        for model in models
        for version in model.versions
    }


def _added(now: Mapping[K, V], before: Mapping[K, V]) -> tuple[V, ...]:
    return tuple(value for key, value in now.items() if key not in before)


def _facts(model: RegisteredModel) -> tuple[str, Mapping[str, str]]:
    return model.description, model.tags


def _alias_moves(now: Mapping[str, RegisteredModel], before: Mapping[str, RegisteredModel]) -> Iterator[AliasMove]:
    for name in sorted(now.keys() | before.keys()):
        new = plain(now[name].aliases) if name in now else {}
        old = plain(before[name].aliases) if name in before else {}
        for alias in sorted(new.keys() | old.keys()):
            if new.get(alias) != old.get(alias):
                yield AliasMove(name, alias, old.get(alias), new.get(alias))


def use_case_of(model: str, policy: Policy) -> tuple[str, UseCase] | tuple[None, None]:
    """The use case that names a registered model."""
    for slug, case in policy.use_cases.use_cases.items():
        if model in case.models:
            return slug, case
    return None, None


def findings(
    models: Sequence[RegisteredModel], decisions: Mapping[tuple[VersionKey, str], GateDecision], policy: Policy
) -> tuple[InventoryFinding, ...]:
    """Everything out of order, sorted; `decisions` are the newest by version and gate."""
    found = [*_orphans(models, policy), *_use_case_gaps(models, policy)]
    for code, gate in policy.gates.gates.items():
        found += _ungoverned(models, decisions, code, gate, policy)
    return tuple(sorted(found, key=lambda f: (f.kind, f.subject, f.use_case or "", f.detail.en)))


def _orphans(models: Sequence[RegisteredModel], policy: Policy) -> Iterator[InventoryFinding]:
    named = {model for case in policy.use_cases.use_cases.values() for model in case.models}
    return (InventoryFinding(FindingKind.ORPHAN, m.name, None, _NO_USE_CASE) for m in models if m.name not in named)


def _use_case_gaps(models: Sequence[RegisteredModel], policy: Policy) -> Iterator[InventoryFinding]:
    held = {model.name for model in models}
    for slug, case in policy.use_cases.use_cases.items():
        if case.owner is None:
            yield InventoryFinding(FindingKind.OWNERLESS, slug, slug, _NO_OWNER)
        for model in case.models:
            if model not in held:
                yield InventoryFinding(FindingKind.UNSERVED, model, slug, _NOT_HELD)


def _ungoverned(
    models: Sequence[RegisteredModel],
    decisions: Mapping[tuple[VersionKey, str], GateDecision],
    code: str,
    gate: Gate,
    policy: Policy,
) -> Iterator[InventoryFinding]:
    for model in models:
        for alias, number in sorted(model.aliases.items()):
            key = VersionKey(model.name, number)
            decision = decisions.get((key, code))
            if alias in gate.protected_aliases and (decision is None or decision.blocks):
                ja, en = ("の判定なし", "no decision") if decision is None else (" 不通過", "blocked")
                slug, _ = use_case_of(model.name, policy)
                detail = Words(f"{alias}: {code}{ja}", f"{alias}: {code} {en}")
                yield InventoryFinding(FindingKind.UNGOVERNED_CHAMPION, str(key), slug, detail)


def governed(model: RegisteredModel, gate: Gate) -> tuple[ModelVersion, ...]:
    """The versions of a model that are taken to a gate: holders of its aliases, and the newest."""
    wanted = {
        number for alias, number in model.aliases.items() if alias in (*gate.protected_aliases, *gate.candidate_aliases)
    }
    if gate.latest and model.versions:
        wanted.add(max(version.key.version for version in model.versions))
    return tuple(version for version in model.versions if version.key.version in wanted)
