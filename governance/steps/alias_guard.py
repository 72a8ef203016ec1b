# SPDX-License-Identifier: Apache-2.0
"""See that no version serves without a valid decision, waiver or hold record (3.2-01b, escalation rule E-05)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from governance.core import alias_guard, hold_proof
from governance.core.alias_guard import ActionKind, ActionState, AliasAction, Case, Move
from governance.core.evidence import digest
from governance.core.terms import VersionKey, Words
from governance.errors import NotFoundError, SourceError
from governance.policy import Mode
from governance.steps import alias_actions, hold_enforcement, inventory_sync, oversight
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from governance.core.aliases import AliasChange
    from governance.core.holds import Hold
    from governance.runtime import Runtime
    from governance.steps.oversight import Standing


def guard(rt: Runtime) -> dict[str, Any]:
    """Read MLflow, decide again what time or people changed, and put right every protected alias.

    Returns:
        `reopened`: gates that closed by themselves; `unproven`: holds that are not proven yet; `acted`: what was
        done, by how it ended.

    Raises:
        SourceError: MLflow did not do all of it; what it did is recorded, and the next pass goes on.
    """
    try:
        inventory_sync.sync(rt)
    finally:  # a waiver ends at midnight, and a result grows old, whether MLflow answers or not
        turned = oversight.refresh(rt)
    unproven = hold_enforcement.go_on(rt)
    with rt.reading() as session:
        at = rt.current(session)
        standing = oversight.read(session, at)
        actions, history = facts.actions(session, at), inventory_facts.alias_history(session, at)
    cases = _cases(rt, standing)
    valid = {(c.model, c.alias): n for c in cases if (n := _last_valid(rt, standing, history, c)) is not None}
    moves = alias_guard.moves(cases, actions, valid, rt.policy.gates.mode, rt.clock())
    acted = _carry_out(rt, moves, actions, standing)
    return {"reopened": len([d for d in turned if d.blocks]), "unproven": unproven, **acted}


def _carry_out(
    rt: Runtime, moves: Sequence[Move], actions: Sequence[AliasAction], standing: Standing
) -> dict[str, Any]:
    acted: dict[str, int] = {}
    failed: SourceError | None = None
    ends: list[Callable[[], AliasAction]] = [partial(_put_right, rt, move, actions, standing) for move in moves]
    held = {(model.name, alias): n for model in standing.models.values() for alias, n in model.aliases.items()}
    ends += [partial(alias_actions.perform, rt, begun, {}) for begun in alias_guard.half_done(actions, held)]
    for end in ends:
        try:
            ended = end()
        except SourceError as error:
            failed = error
            continue
        acted[f"{ended.kind} {ended.state}"] = acted.get(f"{ended.kind} {ended.state}", 0) + 1
    if failed is not None:
        raise failed
    return {"acted": acted}


def _cases(rt: Runtime, standing: Standing) -> list[Case]:
    found = []
    for key, alias in alias_guard.protected(standing.models.values(), rt.policy):
        orders = oversight.held_by(rt, standing, key)
        reasons = oversight.why_not(rt, standing, key, alias)
        hold = orders[0].id if orders else None
        found.append(Case(key.model, alias, key.version, tuple(reasons), hold))
    return found


def _last_valid(rt: Runtime, standing: Standing, history: Sequence[AliasChange], case: Case) -> int | None:
    """The newest earlier holder that may hold the alias now."""
    if not case.reasons or rt.policy.gates.mode is not Mode.PREVENT:
        return None
    for number in alias_guard.earlier_holders(history, case.model, case.alias, case.version):
        if not oversight.why_not(rt, standing, VersionKey(case.model, number), case.alias):
            return number
    return None


def _action(rt: Runtime, move: Move, actions: Sequence[AliasAction]) -> AliasAction:
    """The same case is one action until it is done; the same trespass again is another."""
    case, ground = move.case, alias_guard.ground(move.case)
    same = [a for a in actions if (a.model, a.alias, a.from_version) == (case.model, case.alias, case.version)]
    done = len([a for a in same if a.kind is move.kind and a.state is ActionState.DONE])
    id_ = digest([move.kind.value, case.model, case.alias, case.version, ground, done])[:16]
    to_version = case.version if move.kind is ActionKind.REPORT else move.to_version
    return AliasAction(
        id_, move.kind, case.model, case.alias, case.version, to_version, ground, ActionState.BEGUN, rt.clock()
    )


def _put_right(rt: Runtime, move: Move, actions: Sequence[AliasAction], standing: Standing) -> AliasAction:
    if move.case.hold is not None:
        hold = next(hold for hold in standing.said.holds if hold.id == move.case.hold)
        return _take_back(rt, hold, VersionKey(move.case.model, move.case.version), move.case.alias, actions)
    action = _action(rt, move, actions)
    if rt.policy.gates.mode is not Mode.OBSERVE:
        _escalate(rt, action)
    return alias_actions.perform(rt, action, {})


def _take_back(rt: Runtime, hold: Hold, key: VersionKey, alias: str, actions: Sequence[AliasAction]) -> AliasAction:
    """Of a hold that was enforced, whoever moved the alias again trespassed; before that, nobody has."""
    action, since = hold_proof.removal(hold, key, alias, actions, now=rt.clock())
    if since != hold.ordered_at:
        _escalate(rt, action)
    return hold_enforcement.take_away(rt, hold, key, alias)


def _escalate(rt: Runtime, action: AliasAction) -> None:
    """Once per trespass, before anything is touched."""
    done = {ActionKind.REPORT: ("報告のみ", "reported")}.get(action.kind, ("差し戻し", "reverted"))
    text = Words(
        f"{action.model} v{action.from_version} が {action.alias} を保持: {action.ground} ({done[0]})",
        f"{action.model} v{action.from_version} holds {action.alias}: {action.ground} ({done[1]})",
    )
    with rt.writing() as session:
        facts.escalate(session, "E-05", action.model, action.id, "caio", text, rt.telling(session))


def check(
    rt: Runtime, model: str, version: int | None = None, alias: str | None = None
) -> tuple[VersionKey, list[str]]:
    """Whether a version may serve, from the facts alone: MLflow is not asked.

    Of `alias` the version is the one that the last reading of MLflow saw; of a version without an alias, every gate
    that protects one has to be open.

    Returns:
        The version, and why it may not serve; empty if it may.

    Raises:
        NotFoundError: the inventory knows no such model, version or alias.
    """
    with rt.reading() as session:
        standing = oversight.read(session, rt.current(session), model)
    known = standing.models.get(model)
    number = version if version is not None else (known.aliases.get(alias or "") if known else None)
    if known is None or number is None:
        what = f"models:/{model}@{alias}" if alias else f"models:/{model}/{version}"
        raise NotFoundError(f"{what} is not in the inventory", hint="Run `governance sync`, or correct the name.")
    key = VersionKey(model, number)
    return key, [reason.en for reason in oversight.may_not_serve(rt, standing, key, alias)]
