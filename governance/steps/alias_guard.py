# SPDX-License-Identifier: Apache-2.0
"""See that no version serves without a valid decision, waiver or hold record (3.2-01b, escalation rule E-05)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from governance.core import alias_guard
from governance.core.alias_guard import ActionKind, ActionState, AliasAction, Case, Move
from governance.core.evidence import digest
from governance.core.terms import VersionKey, Words
from governance.errors import NotFoundError, SourceError
from governance.policy import Mode
from governance.steps import alias_actions, inventory_sync, oversight
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.core.aliases import AliasChange
    from governance.runtime import Runtime
    from governance.steps.oversight import Standing


def guard(rt: Runtime) -> dict[str, Any]:
    """Read MLflow, decide again what time or people changed, and put right every protected alias.

    Returns:
        `reopened`: gates that closed by themselves; `acted`: what was done, by how it ended.

    Raises:
        SourceError: MLflow did not do all of it; what it did is recorded, and the next pass goes on.
    """
    inventory_sync.sync(rt)
    turned = oversight.refresh(rt)
    with rt.reading() as session:
        at = rt.current(session)
        standing = oversight.read(session, at)
        actions, history = facts.actions(session, at), inventory_facts.alias_history(session, at)
    cases = _cases(rt, standing)
    valid = {(c.model, c.alias): n for c in cases if (n := _last_valid(rt, standing, history, c)) is not None}
    moves = alias_guard.moves(cases, actions, valid, rt.policy.gates.mode, rt.clock())
    return {"reopened": len([d for d in turned if d.blocks]), **_carry_out(rt, moves, actions)}


def _carry_out(rt: Runtime, moves: Sequence[Move], actions: Sequence[AliasAction]) -> dict[str, Any]:
    acted: dict[str, int] = {}
    failed: SourceError | None = None
    for move in moves:
        action = _action(rt, move, actions)
        try:
            ended = _put_right(rt, action, move)
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
        orders = oversight.holds_over(rt, standing, key)
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


def _put_right(rt: Runtime, action: AliasAction, move: Move) -> AliasAction:
    if rt.policy.gates.mode is not Mode.OBSERVE or action.kind is ActionKind.ENFORCE:
        _escalate(rt, action)
    if move.case.hold:
        with rt.reading() as session:
            orders = {hold.id: hold.ordered_at for hold in facts.holds(session, rt.current(session))}
        tags = {move.case.version: {"governance.hold": move.case.hold}}
        return alias_actions.perform(rt, action, tags, since=orders[move.case.hold])
    return alias_actions.perform(rt, action, {})


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
    wanted = [alias] if alias and rt.policy.gates.protecting(alias) else _protected_aliases(rt)
    found = dict.fromkeys(reason for name in wanted for reason in oversight.why_not(rt, standing, key, name))
    return key, list(found) if wanted else ["no gate protects an alias"]


def _protected_aliases(rt: Runtime) -> list[str]:
    return sorted({alias for gate in rt.policy.gates.of_versions.values() for alias in gate.protected_aliases})
