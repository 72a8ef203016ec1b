# SPDX-License-Identifier: Apache-2.0
"""Protected twins: what serves is a copy in `prod.NAME`, and the decision on its origin is what carries it (3.2-01b).

The copy's tag says what it is a copy of, but a tag is text: whoever may edit the twin can write another one. So it
counts only where our own fact of having made the copy says the same, and where the source and the time of creation,
which MLflow sets and nobody edits, are what they were then, of the copy and of its origin: a number may be given anew.
Whatever is not confirmed so may not serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

from governance.core.evidence import digest, plain
from governance.core.terms import NOTHING, VersionKey, Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.core.terms import ModelVersion, RegisteredModel
    from governance.policy import Policy

J = TypeVar("J")

COPIED_FROM: Final = "governance.copied_from"
"""Tag of a copy: name and version of what it is a copy of."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that we made, as our own fact tells it."""

    key: VersionKey
    origin: VersionKey
    made: str
    """`birth` of the copy ..."""
    origin_made: str
    """... and of its origin, as they were then."""


Copies = Mapping[VersionKey, Copy]
"""By the version of the twin."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a twin's version is a copy of, and whether it may serve."""

    key: VersionKey
    origin: VersionKey | None
    """As our own fact of the copy tells it; None: the gate made no such copy."""
    is_confirmed: bool
    """It stands for its origin; else the first reason says why not."""
    is_decided: bool
    """The origin has a report of its own."""
    aliases: tuple[str, ...]
    against: tuple[Words, ...]
    """Why it may not serve; empty if it may."""
    as_of: datetime
    known_at: datetime

    @property
    def verdict(self) -> Words:
        """One sentence."""
        ja, en = ("稼働できない", "may not serve") if self.against else ("稼働してよい", "may serve")
        if self.origin is None:
            return Words(
                f"{self.key} はゲートが作った写しではなく、{ja}", f"{self.key} is no copy that the gate made and {en}"
            )
        if not self.is_confirmed:
            return Words(
                f"{self.key} は {self.origin} の写しと認められず、{ja}",
                f"{self.key} does not stand for {self.origin} and {en}",
            )
        return Words(f"{self.key} は {self.origin} の写しで、{ja}", f"{self.key} is a copy of {self.origin} and {en}")


def twin_of(model: str, policy: Policy) -> str | None:
    """The name under which a model serves; None: there are no twins, or it is one itself."""
    prefix = policy.gates.protected_prefix
    return None if prefix is None or model.startswith(prefix) else prefix + model


def origin_of(model: str, policy: Policy) -> str | None:
    """The model that a twin serves for; None: it is no twin of a model that a use case names."""
    prefix = policy.gates.protected_prefix
    if prefix is None or not model.startswith(prefix):
        return None
    name = model.removeprefix(prefix)
    return name if any(name in case.models for case in policy.use_cases.use_cases.values()) else None


def named(key: VersionKey) -> str:
    """How the tag of a copy names its origin."""
    return f"{key.model}/{key.version}"


def birth(version: ModelVersion) -> str:
    """Digest of what MLflow set when a version was registered, and lets nobody edit."""
    return digest([named(version.key), version.source, version.created_at])


def serving(aliases: Mapping[str, Mapping[str, int]], copies: Copies) -> dict[str, dict[str, int]]:
    """Model -> alias of its twin -> the version that the holder is a copy of, as far as we made the copy.

    `aliases` are those of all models concerned, by model.
    """
    found: dict[str, dict[str, int]] = {}
    for twin, held in aliases.items():
        for alias, number in held.items():
            copy = copies.get(VersionKey(twin, number))
            if copy is not None:
                found.setdefault(copy.origin.model, {})[alias] = copy.origin.version
    return found


def doubt(key: VersionKey, models: Mapping[str, RegisteredModel], copies: Copies, policy: Policy) -> Words:
    """Why a twin's version does not stand for its origin; nothing if it does."""
    copy = copies.get(key)
    if copy is None or copy.origin.model != origin_of(key.model, policy):
        return Words(f"{key}: ゲートが作った写しではない", f"{key}: no copy that the gate made")
    here, there, origin = _version(key, models), _version(copy.origin, models), copy.origin
    if here is None:
        return Words(f"{key}: インベントリにない", f"{key}: not in the inventory")
    if here.tags.get(COPIED_FROM) != plain(named(origin)) or birth(here) != copy.made:
        return Words(
            f"{key}: ゲートが作った {origin} の写しではない", f"{key}: not the copy of {origin} that the gate made"
        )
    if there is None:
        return Words(f"{key}: 写した元の {origin} がない", f"{key}: {origin}, which it is a copy of, is gone")
    if birth(there) != copy.origin_made:
        return Words(
            f"{key}: {origin} は写したときと別のバージョンになっている",
            f"{key}: {origin} is another version than the one that was copied",
        )
    return NOTHING


def judged(
    decisions: Mapping[tuple[VersionKey, str], J], models: Sequence[RegisteredModel], copies: Copies, policy: Policy
) -> Mapping[tuple[VersionKey, str], J]:
    """The decisions, with those on an origin standing for its confirmed copies; a twin's own count for nothing."""
    if policy.gates.protected_prefix is None:
        return decisions
    by_name = {model.name: model for model in models}
    found = {at: decision for at, decision in decisions.items() if origin_of(at[0].model, policy) is None}
    confirmed = [copy for key, copy in copies.items() if not doubt(key, by_name, copies, policy)]
    for copy in confirmed:
        for code in policy.gates.of_versions:
            decision = decisions.get((copy.origin, code))
            if decision is not None:
                found[copy.key, code] = decision
    return found


def _version(key: VersionKey, models: Mapping[str, RegisteredModel]) -> ModelVersion | None:
    model = models.get(key.model)
    return next((version for version in model.versions if version.key == key), None) if model else None
