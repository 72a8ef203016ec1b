# SPDX-License-Identifier: Apache-2.0
"""What enforcing a hold does next, and how far it is proven (3.3-06a)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.evidence import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from governance.core.holds import Hold
    from governance.core.terms import VersionKey
    from governance.policy import Holds

OPEN: Final = frozenset({ActionState.BEGUN, ActionState.FAILED})
"""Not over: done again, it ends."""
_TAKEN: Final = frozenset({ActionKind.ENFORCE, ActionKind.LOOK})


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a hold is proven."""

    removed: tuple[str, ...] = ()
    """`model@alias (vN)`, each proven gone."""
    stopped: tuple[str, ...] = ()
    """`model: HTTP 410`: endpoints that answered as they do once stopped."""
    seconds: float | None = None
    """From the order to the last proof; None: nothing of its scope held a protected alias."""
    missing: tuple[str, ...] = ()
    """What is not proven."""
    is_late: bool = False
    """Something was proven after the limit, or is not proven and the limit is over."""


NOTHING_PROVEN: Final = Proof()


def limit(hold: Hold, policy: Holds) -> datetime:
    """Until when a hold has to be proven. It counts from the order, however often enforcement begins anew."""
    return hold.ordered_at + timedelta(minutes=policy.enforce_minutes)


def of(hold: Hold, models: Iterable[str], actions: Iterable[AliasAction], policy: Holds, *, now: datetime) -> Proof:
    """How far a hold is proven, of the models in its scope and what was done because of it."""
    mine = [a for a in actions if a.ground == hold.id and a.kind in {*_TAKEN, ActionKind.PROBE}]
    done = [a for a in mine if a.state is ActionState.DONE]
    taken = [a for a in done if a.kind is ActionKind.ENFORCE]
    asked = [a for a in done if a.kind is ActionKind.PROBE]
    missing = tuple(_missing(hold, models, mine, policy))
    most = policy.enforce_minutes * 60
    ended = min(now, hold.released_at or now)
    return Proof(
        removed=tuple(f"{a.model}@{a.alias} (v{a.from_version})" for a in taken),
        stopped=tuple(f"{a.model}: HTTP {a.proof.get('status')}" for a in asked),
        seconds=max((a.seconds for a in (*taken, *asked) if a.seconds is not None), default=None),
        missing=missing,
        is_late=any((a.seconds or 0) > most for a in done) or bool(missing and ended > limit(hold, policy)),
    )


def _missing(hold: Hold, models: Iterable[str], mine: Sequence[AliasAction], policy: Holds) -> Iterable[str]:
    """What is begun and not done; of a live hold also models that nobody has looked at, and endpoints not asked."""
    yield from (f"{a.model}@{a.alias}" for a in mine if a.kind is ActionKind.ENFORCE and a.state in OPEN)
    for model in models if hold.is_live else ():
        of_model = [a for a in mine if a.model == model]
        if not any(a.kind in _TAKEN for a in of_model):
            yield model
        if model in policy.endpoints and probe(hold, model, of_model, now=hold.ordered_at) is not None:
            yield f"endpoint of {model}"


def removal(
    hold: Hold, key: VersionKey, alias: str, actions: Iterable[AliasAction], *, now: datetime
) -> tuple[AliasAction, datetime]:
    """The action that takes an alias away, and since when its seconds count.

    That is the order; but once the alias was proven gone, whoever gave it to a version again did so later.
    """
    done = [a for a in actions if a.ground == hold.id and a.model == key.model and a.state is ActionState.DONE]
    came_back = any(a.kind is ActionKind.LOOK or (a.kind is ActionKind.ENFORCE and a.alias == alias) for a in done)
    times = len([a for a in done if (a.kind, a.alias, a.from_version) == (ActionKind.ENFORCE, alias, key.version)])
    id_ = digest(["enforce", hold.id, key.model, alias, key.version, times])[:16]
    action = AliasAction(id_, ActionKind.ENFORCE, key.model, alias, key.version, None, hold.id, ActionState.BEGUN, now)
    return action, now if came_back else hold.ordered_at


def look(hold: Hold, model: str, actions: Iterable[AliasAction], *, now: datetime) -> AliasAction | None:
    """The fact that nothing of a model was to be taken away; None where something was, or that is known."""
    if any(a.kind in _TAKEN and (a.ground, a.model) == (hold.id, model) for a in actions):
        return None
    id_, seconds = digest(["look", hold.id, model])[:16], round((now - hold.ordered_at).total_seconds(), 3)
    proof = {"read_at": now.isoformat()}
    return AliasAction(id_, ActionKind.LOOK, model, "", None, None, hold.id, ActionState.DONE, now, seconds, 1, proof)


def probe(
    hold: Hold, model: str, actions: Iterable[AliasAction], *, now: datetime
) -> tuple[AliasAction, datetime] | None:
    """The question to a model's endpoint, and since when its seconds count.

    None where it has been answered since an alias was last taken away.
    """
    mine = [a for a in actions if (a.ground, a.model) == (hold.id, model)]
    answered = [a for a in mine if a.kind is ActionKind.PROBE and a.state not in OPEN]
    taken = [a.at for a in mine if a.kind is ActionKind.ENFORCE and a.state is ActionState.DONE]
    last = max((a.at for a in answered), default=None)
    if last is not None and all(at <= last for at in taken):
        return None
    id_ = digest(["probe", hold.id, model, len(answered)])[:16]
    action = AliasAction(id_, ActionKind.PROBE, model, "", None, None, hold.id, ActionState.BEGUN, now)
    return action, hold.ordered_at if last is None else max(taken)
