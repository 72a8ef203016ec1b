# SPDX-License-Identifier: Apache-2.0
"""Compare what MLflow holds with what we knew and with what the company said it uses (INV)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from governance.core import twins
from governance.core.aliases import AliasMove
from governance.core.evidence import plain
from governance.core.terms import NOTHING, ModelVersion, RegisteredModel, VersionKey, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.core.aliases import Standing
    from governance.policy import Gate, Policy, UseCase

K = TypeVar("K")
V = TypeVar("V")

_NO_USE_CASE: Final = Words("どのユースケースにも登録されていない", "no use case names it")
_NO_OWNER: Final = Words("責任者が決まっていない", "nobody is named as its owner")
_FEW: Final = 5
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


Absent = tuple[str, int | None]
"""A model, or one of its versions, that a complete reading missed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one complete reading of MLflow showed: all models with all aliases, and versions as far as they were read."""

    models: tuple[RegisteredModel, ...]
    listed: Mapping[str, frozenset[int]]
    """Model -> the numbers of all its versions. Of a model not in here, versions that were not read are unchanged."""
    is_full: bool
    """Whether every version and run was read."""

    @classmethod
    def whole(cls, models: Sequence[RegisteredModel]) -> Reading:
        """A reading of everything."""
        listed = {model.name: frozenset(version.key.version for version in model.versions) for model in models}
        return cls(tuple(models), listed, is_full=True)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when MLflow is read again."""

    models: tuple[RegisteredModel, ...]
    """What was present; of versions only what MLflow's list of them shows."""
    read_at: datetime
    """When the last complete reading began."""
    doubtful: frozenset[str] = frozenset()
    """Models of which that reading missed a version."""


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
    absent: tuple[Absent, ...] = ()
    """What was missed for the first time, and still counts as present."""

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {name: len(getattr(self, name)) for name in self.__slots__}


def reconcile(seen: Reading, known: Sequence[RegisteredModel], absent: Collection[Absent] = frozenset()) -> Changes:
    """Tell what is new, changed and gone.

    Gone is what this reading misses and the one before it missed as well (`absent`). Of `known`, the versions of
    models that were listed or are missing have to be there; names are compared in plain form, as the store keeps them.
    """
    now, before = {plain(m.name): m for m in seen.models}, {plain(m.name): m for m in known}
    versions_now, versions_before = _versions(seen.models), _versions(known)
    missing = [*_missing_models(now, before), *_missing_versions(seen, now, versions_before)]
    gone = {key for key in missing if key in absent}
    retired = tuple(model for name, model in before.items() if (name, None) in gone)
    names = {plain(model.name) for model in retired}
    return Changes(
        new_models=_added(now, before),
        changed_models=tuple(
            m for name, m in now.items() if name in before and _differs(_facts(m), _facts(before[name]))
        ),
        retired_models=retired,
        new_versions=_added(versions_now, versions_before),
        changed_versions=tuple(
            v for key, v in versions_now.items() if key in versions_before and _differs(v, versions_before[key])
        ),
        retired_versions=tuple(
            v for k, v in versions_before.items() if k.model in names or (k.model, k.version) in gone
        ),
        alias_moves=tuple(_alias_moves(now, before, names)),
        absent=tuple(sorted((key for key in missing if key not in gone), key=lambda key: (key[0], key[1] or 0))),
    )


def _missing_models(now: Mapping[str, object], before: Mapping[str, object]) -> Iterator[Absent]:
    return ((name, None) for name in before if name not in now)


def _missing_versions(
    seen: Reading, now: Mapping[str, object], before: Mapping[VersionKey, ModelVersion]
) -> Iterator[Absent]:
    listed = {plain(name): numbers for name, numbers in seen.listed.items()}
    for key in before:
        if key.model in now and key.version not in listed.get(key.model, (key.version,)):
            yield key.model, key.version


@dataclass(frozen=True, slots=True)
class Drop:
    """So many of a kind were missed at once that somebody has to say whether they are gone."""

    kind: str
    """`models` or `versions`."""
    missing: int
    present: int


def drop(changes: Changes, models: int, versions: int, most: float) -> Drop | None:
    """Tell a drop that is not believed: more than the share `most` and at least five of a kind, or all models.

    `models` and `versions` are how many there were. What was missed before is not counted again: somebody has seen it.
    """
    missing_models = sum(version is None for _, version in changes.absent)
    for kind, missing, present in (
        ("models", missing_models, models),
        ("versions", len(changes.absent) - missing_models, versions),
    ):
        if missing > most * present and (missing >= _FEW or (kind == "models" and missing == present)):
            return Drop(kind, missing, present)
    return None


def present(seen: Reading, known: Sequence[RegisteredModel], changes: Changes) -> tuple[RegisteredModel, ...]:
    """What there is after a reading, missed models for the first time among it; versions as they are in `known`."""
    versions, now = _versions(known), {plain(model.name) for model in seen.models}
    retired = {plain(model.name) for model in changes.retired_models}
    for version in changes.retired_versions:
        versions.pop(version.key, None)
    by_model: dict[str, list[ModelVersion]] = {}
    for key, version in sorted((versions | _versions(seen.models)).items()):
        by_model.setdefault(key.model, []).append(version)
    missed = [m for m in known if plain(m.name) not in now and plain(m.name) not in retired]
    return tuple(replace(m, versions=tuple(by_model.get(plain(m.name), ()))) for m in (*seen.models, *missed))


def with_use_cases(
    changes: Changes, seen: Reading, recorded: Mapping[str, str | None], wanted: Mapping[str, str]
) -> Changes:
    """Count models as changed, too, whose use case the policy names otherwise than it is `recorded`."""
    there = {plain(model.name) for model in (*changes.new_models, *changes.changed_models)}
    moved = tuple(
        model
        for model in seen.models
        if (name := plain(model.name)) not in there and recorded.get(name) != wanted.get(model.name)
    )
    return replace(changes, changed_models=(*changes.changed_models, *moved))


def use_cases(policy: Policy) -> dict[str, str]:
    """Model -> the use case that names it; a protected twin belongs to that of its origin."""
    return {
        name: slug
        for slug, case in policy.use_cases.use_cases.items()
        for model in case.models
        for name in (model, twins.twin_of(model, policy))
        if name is not None
    }


def _differs(new: object, old: object) -> bool:
    """Compare in plain form: NaN equals itself there, and text is as the store keeps it."""
    # Mostly they are equal as they are, and the plain form costs time.
    return new != old and bool(plain(new) != plain(old))


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


def _alias_moves(
    now: Mapping[str, RegisteredModel], before: Mapping[str, RegisteredModel], retired: Collection[str]
) -> Iterator[AliasMove]:
    """The alias map is read whole; a model that is missed for the first time keeps its own."""
    for name in sorted({*now, *retired}):
        new = plain(now[name].aliases) if name in now else {}
        old = plain(before[name].aliases) if name in before else {}
        for alias in sorted(new.keys() | old.keys()):
            if new.get(alias) != old.get(alias):
                yield AliasMove(name, alias, old.get(alias), new.get(alias))


def use_case_of(model: str, policy: Policy) -> tuple[str, UseCase] | tuple[None, None]:
    """The use case that names a registered model; a protected twin belongs to that of its origin."""
    model = twins.origin_of(model, policy) or model
    for slug, case in policy.use_cases.use_cases.items():
        if model in case.models:
            return slug, case
    return None, None


def findings(models: Sequence[RegisteredModel], decisions: Standing, policy: Policy) -> tuple[InventoryFinding, ...]:
    """Everything out of order, sorted; `decisions` are the newest by version and gate, as `twins.judged` tells them."""
    found = [*_orphans(models, policy), *_use_case_gaps(models, policy)]
    for code, gate in policy.gates.of_versions.items():
        found += _ungoverned(models, decisions, code, gate, policy)
    return tuple(sorted(found, key=lambda f: (f.kind, f.subject, f.use_case or "", f.detail.en)))


def _orphans(models: Sequence[RegisteredModel], policy: Policy) -> Iterator[InventoryFinding]:
    named = use_cases(policy)
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
    decisions: Standing,
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


def governed(model: RegisteredModel, gate: Gate, policy: Policy) -> tuple[ModelVersion, ...]:
    """The versions of a model that are taken to a gate: holders of its aliases, and the newest.

    What serves as a copy in the protected twin goes on standing there; the twin itself stands nowhere.
    """
    if twins.origin_of(model.name, policy) is not None:
        return ()
    wanted = {
        number
        for alias, number in (*model.aliases.items(), *model.serving.items())
        if alias in (*gate.protected_aliases, *gate.candidate_aliases)
    }
    if gate.latest and model.versions:
        wanted.add(max(version.key.version for version in model.versions))
    return tuple(version for version in model.versions if version.key.version in wanted)
