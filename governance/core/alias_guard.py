# SPDX-License-Identifier: Apache-2.0
"""What to do about a protected alias on a version that may not hold it (3.2-01b, 3.3-06a; escalation rule E-05)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from governance.core.terms import VersionKey
from governance.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from governance.core.aliases import AliasChange
    from governance.core.terms import RegisteredModel
    from governance.policy import Policy

RELEASE: Final = timedelta(minutes=15)
"""So long a begun promotion may take; meanwhile nobody else touches the alias."""


class ActionKind(StrEnum):
    """What the pipeline does to an alias."""

    COPY = "copy"
    """Copy an approved version into its protected twin, so that the alias may be set on the copy."""
    PROMOTE = "promote"
    REVERT = "revert"
    """Give it back to the last version that may hold it, or take it away where there is none."""
    ENFORCE = "enforce"
    """Take it away because of a hold."""
    LOOK = "look"
    """Because of a hold MLflow was asked, and no version of its scope held a protected alias of the model."""
    PROBE = "probe"
    """Because of a hold the model's endpoint was asked whether it has stopped."""
    REPORT = "report"
    """Nothing but say so."""


class ActionState(StrEnum):
    """How far an action has come."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    """It did not come about in time; the next pass begins anew."""
    OVERTAKEN = "overtaken"
    """Somebody else moved the alias meanwhile, so it was left alone."""


@dataclass(frozen=True, slots=True)
class AliasAction:
    """Something done to an alias, and what proves it."""

    id: str
    kind: ActionKind
    model: str
    alias: str
    """Empty where none was touched."""
    from_version: int | None
    """Who held it when the action began."""
    to_version: int | None
    """Who is to hold it; None: nobody."""
    ground: str
    """Id of the decision or hold that it rests on, or in words why the version may not hold the alias."""
    state: ActionState
    at: datetime
    seconds: float | None = None
    """From the order, or from the beginning, to the proof."""
    attempts: int = 0
    proof: Mapping[str, Any] = field(default_factory=dict)
    """What MLflow answered when it was asked who holds the alias, or the endpoint when it was asked at all."""


@dataclass(frozen=True, slots=True)
class Case:
    """A protected alias, the version that holds it, and why it must not; `reasons` empty: it may."""

    model: str
    alias: str
    version: int
    reasons: tuple[str, ...]
    hold: str | None = None
    """Id of the hold over it, if one is."""


@dataclass(frozen=True, slots=True)
class Move:
    """What to do about a case."""

    case: Case
    kind: ActionKind
    to_version: int | None = None


def moves(
    cases: Iterable[Case],
    actions: Sequence[AliasAction],
    valid: Mapping[tuple[str, str], int],
    mode: Mode,
    now: datetime,
) -> list[Move]:
    """What to do now; an alias with a begun promotion is left alone until that is over.

    `valid` names, by model and alias, the last version that held the alias and still may. A hold is enforced in
    every mode. What was only reported is reported once.
    """
    busy = {
        (a.model, a.alias, version) for a in actions if _releasing(a, now) for version in (a.from_version, a.to_version)
    }
    told = {(a.model, a.alias, a.from_version, a.ground) for a in actions if a.kind is ActionKind.REPORT}
    found = []
    for case in cases:
        if not case.reasons:
            continue
        if case.hold is not None:
            found.append(Move(case, ActionKind.ENFORCE))
        elif (case.model, case.alias, case.version) in busy:
            continue
        elif mode is Mode.PREVENT:
            found.append(Move(case, ActionKind.REVERT, valid.get((case.model, case.alias))))
        elif (case.model, case.alias, case.version, ground(case)) not in told:
            found.append(Move(case, ActionKind.REPORT, case.version))
    return found


def half_done(actions: Iterable[AliasAction], held: Mapping[tuple[str, str], int]) -> list[AliasAction]:
    """Aliases given back or taken away whose proof is missing, because whoever did it died or heard no answer.

    One that is still where it was is a case of its own; it may hold the alias by now.
    """
    return [
        a
        for a in actions
        if a.kind is ActionKind.REVERT
        and a.state in {ActionState.BEGUN, ActionState.FAILED}
        and held.get((a.model, a.alias)) != a.from_version
    ]


def ground(case: Case) -> str:
    """Why the version may not hold the alias, as an action states it."""
    return case.hold or "; ".join(case.reasons)


def _releasing(action: AliasAction, now: datetime) -> bool:
    return action.kind is ActionKind.PROMOTE and action.state is ActionState.BEGUN and now - action.at < RELEASE


def earlier_holders(history: Iterable[AliasChange], model: str, alias: str, now_on: int) -> list[int]:
    """The versions that held an alias before, newest first, without the one that holds it now."""
    changes = sorted((c for c in history if (c.move.model, c.move.alias) == (model, alias)), key=lambda c: c.at)
    numbers = [n for c in changes for n in (c.move.from_version, c.move.to_version) if n is not None]
    return [n for n in dict.fromkeys(reversed(numbers)) if n != now_on]


def protected(models: Iterable[RegisteredModel], policy: Policy) -> list[tuple[VersionKey, str]]:
    """Every version that holds a protected alias, with that alias."""
    guarded = {alias for gate in policy.gates.of_versions.values() for alias in gate.protected_aliases}
    return [
        (VersionKey(model.name, number), alias)
        for model in models
        for alias, number in sorted(model.aliases.items())
        if alias in guarded
    ]
