# SPDX-License-Identifier: Apache-2.0
"""Do something to a protected alias in MLflow, and record how far it came: begun, then done, failed or overtaken."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.aliases import AliasMove
from governance.core.inventory import Changes, use_cases
from governance.core.terms import Words
from governance.errors import SourceError
from governance.sources import model_registry_write
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from governance.runtime import Runtime

NOTHING_MORE: Final[Mapping[str, str]] = MappingProxyType({})
_MOST_ATTEMPTS: Final = 5


def perform(
    rt: Runtime,
    action: AliasAction,
    tags: Mapping[int, Mapping[str, str]],
    *,
    since: datetime | None = None,
    about: Mapping[str, str] = NOTHING_MORE,
) -> AliasAction:
    """Carry out one action: recorded as begun before MLflow is touched, and with its proof after.

    A task that dies in between leaves it begun; done again, it looks first and moves nothing twice. `since` is
    when the seconds begin to count; default: now. `about` is added to the proof.

    Raises:
        SourceError: MLflow did not do it; that is recorded, and after five attempts escalated.
    """
    began, attempt = rt.clock(), begin(rt, action)
    try:
        moved = model_registry_write.move(
            rt.settings, action.model, action.alias, action.to_version, expected=action.from_version, tags=tags
        )
    except SourceError as error:
        record_failed(rt, attempt, error)
        raise
    state = ActionState.OVERTAKEN if moved.is_overtaken or moved.after != action.to_version else ActionState.DONE
    seconds = round((rt.clock() - (since or began)).total_seconds(), 3)
    proof = {**about, "before": moved.before, "after": moved.after, "read_at": rt.clock().isoformat()}
    return _record_ended(rt, replace(attempt, state=state, seconds=seconds, proof=proof))


def begin(rt: Runtime, action: AliasAction) -> AliasAction:
    """Record that an action begins, once more or for the first time."""
    with rt.writing() as session:
        telling = rt.telling(session)
        known = facts.action(session, action.id, telling.position)
        attempt = replace(action, state=ActionState.BEGUN, attempts=(known.attempts if known else 0) + 1)
        facts.record_action(session, attempt, telling)
    return attempt


def record_failed(rt: Runtime, attempt: AliasAction, error: SourceError) -> None:
    """Record that MLflow did not do it; after five attempts the CAIO is told."""
    failed = replace(attempt, state=ActionState.FAILED, proof={"error": str(error).splitlines()[0]})
    with rt.writing() as session:
        telling = rt.telling(session)
        facts.record_action(session, failed, telling)
        if attempt.attempts >= _MOST_ATTEMPTS:
            text = Words(
                f"{attempt.model} の {attempt.alias} を {attempt.attempts} 回試みたが MLflow が応じない",
                f"{attempt.alias} of {attempt.model}: MLflow refused {attempt.attempts} attempts to {attempt.kind}",
            )
            facts.escalate(session, "E-05", attempt.model, f"{attempt.id} failed", "caio", text, telling)


def _record_ended(rt: Runtime, ended: AliasAction) -> AliasAction:
    """The proof, and the move itself, so that the inventory knows it before the next reading."""
    with rt.writing() as session:
        telling = rt.telling(session)
        facts.record_action(session, ended, telling)
        held = inventory_facts.model(session, ended.model, telling.position)
        now = ended.proof["after"]
        if held is not None and held.aliases.get(ended.alias) != now:
            decision = ended.ground if ended.kind is ActionKind.PROMOTE else None
            move = AliasMove(
                ended.model,
                ended.alias,
                held.aliases.get(ended.alias),
                now,
                seen_after=ended.at,
                decision=decision,
                outside_gate=False if decision and ended.state is ActionState.DONE else None,
            )
            changes = Changes(alias_moves=(move,))
            inventory_facts.record_changes(session, changes, use_cases(rt.policy), telling)
    return ended
