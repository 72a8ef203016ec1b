# SPDX-License-Identifier: Apache-2.0
"""Give an approved version its protected alias (3.2-01b). Only what our own facts say counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.evidence import digest
from governance.core.terms import VersionKey, Words
from governance.steps import alias_actions, oversight
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.runtime import Runtime
    from governance.steps.oversight import Standing


def promotable(rt: Runtime) -> list[VersionKey]:
    """Candidates whose gates are all open and that do not hold the alias of promotion, or not provably, yet."""
    alias = rt.policy.gates.promote_to
    if alias is None:
        return []
    with rt.reading() as session:
        at = rt.current(session)
        standing, ended = oversight.read(session, at), {a.id: a.state for a in facts.actions(session, at)}
    candidates = {
        a for code in rt.policy.gates.protecting(alias) for a in rt.policy.gates.gates[code].candidate_aliases
    }
    candidates -= {name for gate in rt.policy.gates.of_versions.values() for name in gate.protected_aliases}
    found = {
        VersionKey(model.name, number)
        for model in standing.models.values()
        for name, number in model.aliases.items()
        if name in candidates and model.aliases.get(alias, 0) <= number
    }
    return sorted(
        key
        for key in found
        if not oversight.why_not(rt, standing, key, alias) and _is_due(rt, standing, ended, key, alias)
    )


def _is_due(rt: Runtime, standing: Standing, ended: Mapping[str, ActionState], key: VersionKey, alias: str) -> bool:
    """Whether a promotion on these very facts is still to be made, or to be proven.

    Who moved the alias since it was made meant it, or has to be asked. Of a version that holds the alias, only a
    promotion that was begun is to be ended: whoever did it died, or heard no answer.
    """
    decision = standing.recorded[key, rt.policy.gates.protecting(alias)[-1]]
    state = ended.get(_id(key, alias, decision.facts_digest))
    if standing.models[key.model].aliases.get(alias) == key.version:
        return state in {ActionState.BEGUN, ActionState.FAILED}
    return state not in {ActionState.DONE, ActionState.OVERTAKEN}


def promote(rt: Runtime, key: VersionKey, alias: str | None = None) -> AliasAction:
    """Give an approved version its protected alias in MLflow, marked with the decision that carries it.

    Only what our own facts say now counts; nothing that Airflow says does. Somebody who moved the alias meanwhile
    is not overwritten.

    Raises:
        RefusedError: a gate is not open, the alias is not protected, or somebody moved it between the look and the
            write; recorded, and not tried again by itself.
        SourceError: MLflow did not do it.
    """
    wanted = alias or rt.policy.gates.promote_to
    codes = rt.policy.gates.protecting(wanted) if wanted else ()
    if wanted is None or not codes:
        oversight.refuse(
            rt, str(key), f"promote to {wanted}", rt.actor, Words("保護された別名でない", "no gate protects that alias")
        )
    with rt.reading() as session:
        at = rt.current(session)
        standing = oversight.read(session, at, key.model)
    reasons = oversight.why_not(rt, standing, key, wanted)
    decision = standing.recorded.get((key, codes[-1]))
    if reasons or decision is None:
        told = "; ".join(reasons) or "no decision"
        oversight.refuse(rt, str(key), f"promote to {wanted}", rt.actor, Words(told, told))
    before = standing.models[key.model].aliases.get(wanted)
    id_ = _id(key, wanted, decision.facts_digest)
    action = AliasAction(
        id_, ActionKind.PROMOTE, key.model, wanted, before, key.version, decision.id, ActionState.BEGUN, rt.clock()
    )
    marks = {"governance.decision": decision.id, "governance.digest": decision.facts_digest}
    ended = alias_actions.perform(rt, action, {key.version: marks})
    if ended.state is not ActionState.DONE:
        told = f"{wanted} was moved to v{ended.proof['before']} meanwhile; it was left alone"
        oversight.refuse(rt, str(key), f"promote to {wanted}", rt.actor, Words(told, told))
    _require_still(rt, key, ended)
    return ended


def _require_still(rt: Runtime, key: VersionKey, done: AliasAction) -> None:
    """Take a promotion back if the version may not hold the alias any more: a hold may have come in between."""
    with rt.reading() as session:
        standing = oversight.read(session, rt.current(session), key.model)
    reasons = oversight.why_not(rt, standing, key, done.alias)
    if reasons:
        id_ = digest(["take back", done.id, done.attempts])[:16]
        back = AliasAction(
            id_, ActionKind.REVERT, key.model, done.alias, key.version, None, reasons[0], ActionState.BEGUN, rt.clock()
        )
        alias_actions.perform(rt, back, {})
        told = "; ".join(reasons)
        oversight.refuse(rt, str(key), f"promote to {done.alias}", rt.actor, Words(told, told))


def _id(key: VersionKey, alias: str, facts_digest: str) -> str:
    return digest(["promote", key.model, alias, key.version, facts_digest])[:16]
