# SPDX-License-Identifier: Apache-2.0
"""Who held an alias when, and whether a gate let the version pass: MLflow itself keeps no history of aliases (3.2-01b).

Each complete reading sees the whole alias map, so a move is known to lie between the last reading that showed the old
state and the first that showed the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from governance.core.terms import VersionKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from governance.policy import Policy


class Judged(Protocol):
    """A gate decision, as far as aliases are concerned."""

    @property
    def id(self) -> str:
        """Id of the recorded decision."""

    @property
    def blocks(self) -> bool:
        """True unless the version may go on."""


Standing = Mapping[tuple[VersionKey, str], Judged]
"""The newest decision by version and gate."""


@dataclass(frozen=True, slots=True)
class AliasMove:
    """An alias that points elsewhere than before; None stands for nowhere."""

    model: str
    alias: str
    from_version: int | None
    to_version: int | None
    seen_after: datetime | None = None
    """Start of the last complete reading that still showed the old state; None: nobody had looked before."""
    decision: str | None = None
    """Id of the gate decision that it rests on."""
    outside_gate: bool | None = None
    """A protected alias went to a version without a valid decision; None: no gate protects it, or it was removed."""


@dataclass(frozen=True, slots=True)
class AliasChange:
    """A recorded move: it happened after `move.seen_after` and at the latest at `at`."""

    move: AliasMove
    at: datetime
    """The reading that first showed the new state."""
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """Which version held an alias at a moment, and how sure that is."""

    model: str
    alias: str
    at: datetime
    version: int | None
    """What the last reading up to then showed; None: no version, or nothing was known yet."""
    since: AliasChange | None = None
    """The move that gave it the alias."""
    doubt: AliasChange | None = None
    """A move that may have happened before the moment or after it: its window holds both."""
    seen_until: datetime | None = None
    """Start of the last complete reading; moments after it nobody has looked at. None: nobody ever looked."""

    @property
    def is_certain(self) -> bool:
        """True when readings before and after the moment agree."""
        return self.doubt is None and self.seen_until is not None and self.at <= self.seen_until

    @property
    def possible(self) -> tuple[int | None, ...]:
        """The versions known to come into question, the likeliest first."""
        return (self.version,) if self.doubt is None else (self.version, self.doubt.move.to_version)


@dataclass(frozen=True, slots=True)
class Seen:
    """Which complete readings showed the state that is known."""

    last: datetime | None
    """Start of the last one."""
    before: datetime | None
    """Start of the one before it, for models that the last one missed."""
    missed: frozenset[str] = frozenset()

    def after(self, model: str) -> datetime | None:
        """The last reading that showed the aliases of a model as they are known."""
        return self.before if model in self.missed else self.last


def judge(moves: Iterable[AliasMove], decisions: Standing, policy: Policy, seen: Seen) -> tuple[AliasMove, ...]:
    """Say of each move since when it may have happened, and whether a gate decision carries it."""
    return tuple(_judged(move, decisions, policy, seen.after(move.model)) for move in moves)


def _judged(move: AliasMove, decisions: Standing, policy: Policy, seen_after: datetime | None) -> AliasMove:
    dated = replace(move, seen_after=seen_after)
    codes = [code for code, gate in policy.gates.of_versions.items() if move.alias in gate.protected_aliases]
    if move.to_version is None or not codes:
        return dated
    key = VersionKey(move.model, move.to_version)
    found = [decisions.get((key, code)) for code in codes]
    valid = [decision.id for decision in found if decision is not None and not decision.blocks]
    # Where several gates protect one alias, each has to be open, and the last of them stands for all.
    outside = len(valid) < len(codes)
    return replace(dated, decision=None if outside else valid[-1], outside_gate=outside)


def holder(history: Sequence[AliasChange], model: str, alias: str, at: datetime, seen_until: datetime | None) -> Holder:
    """Answer "which version held the alias at that moment"; `history` is all that is known of moves, of any alias."""
    changes = sorted(_of(history, model, alias), key=lambda change: (change.at, change.recorded_at))
    past = [change for change in changes if change.at <= at]
    following = next((change for change in changes if change.at > at), None)
    doubt = following if following is not None and _may_have_happened(following, at) else None
    since = past[-1] if past else None
    version = since.move.to_version if since else None
    return Holder(model, alias, at, version, since if version is not None else None, doubt, seen_until)


def _of(history: Sequence[AliasChange], model: str, alias: str) -> Iterator[AliasChange]:
    return (change for change in history if (change.move.model, change.move.alias) == (model, alias))


def _may_have_happened(change: AliasChange, at: datetime) -> bool:
    return change.move.seen_after is None or change.move.seen_after < at
