# SPDX-License-Identifier: Apache-2.0
"""Give an approved version its protected alias (3.2-01b). Only what our own facts say counts.

Where the policy names a `protected_prefix`, a copy of the version in its protected twin gets the alias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import gates, twins
from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.evidence import digest
from governance.core.terms import VersionKey, Words
from governance.errors import NotFoundError
from governance.steps import alias_actions, oversight, twin_copies
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.core.terms import GateDecision, RegisteredModel
    from governance.policy import Policy
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
        if twins.origin_of(model.name, rt.policy) is None
        for name, number in model.aliases.items()
        if name in candidates and _holders(model, rt.policy).get(alias, 0) <= number
    }
    return sorted(
        key
        for key in found
        if not oversight.why_not(rt, standing, key, alias) and _is_due(rt, standing, ended, key, alias)
    )


def _holders(model: RegisteredModel, policy: Policy) -> Mapping[str, int]:
    """Alias -> the version that serves under it: the model's own, or the one that its twin has a copy of."""
    return model.aliases if twins.twin_of(model.name, policy) is None else model.serving


def _is_due(rt: Runtime, standing: Standing, ended: Mapping[str, ActionState], key: VersionKey, alias: str) -> bool:
    """Whether a promotion on these very facts is still to be made, or to be proven.

    Who moved the alias since it was made meant it, or has to be asked. Of a version that holds the alias, only a
    promotion that was begun is to be ended: whoever did it died, or heard no answer.
    """
    decision = standing.recorded[key, rt.policy.gates.protecting(alias)[-1]]
    state = ended.get(_id(rt, key, alias, decision.facts_digest))
    if _holders(standing.models[key.model], rt.policy).get(alias) == key.version:
        return state in {ActionState.BEGUN, ActionState.FAILED}
    return state not in {ActionState.DONE, ActionState.OVERTAKEN}


def promote(rt: Runtime, key: VersionKey, alias: str | None = None) -> AliasAction:
    """Give an approved version its protected alias in MLflow, marked with the decision that carries it.

    Only what our own facts say now counts; nothing that Airflow says does. Somebody who moved the alias meanwhile
    is not overwritten. Where there are protected twins, the version is copied into its own first.

    Raises:
        RefusedError: a gate is not open, the alias is not protected, or somebody moved it between the look and the
            write; recorded, and not tried again by itself.
        NotFoundError: the inventory knows no such twin.
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
        twin = inventory_facts.model(session, twins.twin_of(key.model, rt.policy) or "", at)
    _refuse_twin(rt, standing, key, twin, wanted)
    reasons = oversight.why_not(rt, standing, key, wanted)
    decision = standing.recorded.get((key, codes[-1]))
    if reasons or decision is None:
        told = "; ".join(reasons) or "no decision"
        oversight.refuse(rt, str(key), f"promote to {wanted}", rt.actor, Words(told, told))
    ended = _promoted(rt, standing, key, twin, wanted, decision)
    if ended.state is not ActionState.DONE:
        told = f"{wanted} was moved to v{ended.proof['before']} meanwhile; it was left alone"
        oversight.refuse(rt, str(key), f"promote to {wanted}", rt.actor, Words(told, told))
    _require_still(rt, key, ended)
    return ended


def _refuse_twin(rt: Runtime, standing: Standing, key: VersionKey, twin: RegisteredModel | None, alias: str) -> None:
    """Refuse where a copy would have nowhere to go, or must not go there."""
    origin, name = twins.origin_of(key.model, rt.policy), twins.twin_of(key.model, rt.policy)
    if origin is not None:
        why = Words(f"{origin} の版を昇格させる", f"a twin gets copies only: promote the version of {origin}")
        oversight.refuse(rt, str(key), f"promote to {alias}", rt.actor, why)
    if name is None:
        return
    if twin is None:
        # Nobody tried what they may not: nothing to record every five minutes until somebody sets the twin up.
        raise NotFoundError(
            f"{name}, under which {key.model} serves, is not in the inventory",
            hint="Run `governance mlflow protect`, then `governance sync`.",
        )
    if orders := gates.held(standing.said, VersionKey(name, 0), None, rt.policy):
        why = Words(f"{name} に停止命令 {orders[0].id}", f"hold {orders[0].id} is on {name}")
        oversight.refuse(rt, str(key), f"promote to {alias}", rt.actor, why)


def _promoted(
    rt: Runtime,
    standing: Standing,
    key: VersionKey,
    twin: RegisteredModel | None,
    alias: str,
    decision: GateDecision,
) -> AliasAction:
    holder, about = key, {}
    if twin is not None:
        version = next(one for one in standing.models[key.model].versions if one.key == key)
        holder = twin_copies.copied(rt, version, twin.name, alias, decision.id)
        about = {"origin": twins.named(key), "copy": twins.named(holder)}
    before = (twin or standing.models[key.model]).aliases.get(alias)
    id_ = _id(rt, key, alias, decision.facts_digest)
    action = AliasAction(
        id_, ActionKind.PROMOTE, holder.model, alias, before, holder.version, decision.id, ActionState.BEGUN, rt.clock()
    )
    marks = {"governance.decision": decision.id, "governance.digest": decision.facts_digest}
    return alias_actions.perform(rt, action, {holder.version: marks}, about=about)


def _require_still(rt: Runtime, key: VersionKey, done: AliasAction) -> None:
    """Take a promotion back if the version may not hold the alias any more: a hold may have come in between."""
    assert done.to_version is not None  # noqa: S101 - a promotion gives the alias to somebody
    with rt.reading() as session:
        standing = oversight.read(session, rt.current(session), done.model)
    reasons = oversight.why_not(rt, standing, VersionKey(done.model, done.to_version), done.alias)
    if reasons:
        id_ = digest(["take back", done.id, done.attempts])[:16]
        back = AliasAction(
            id_,
            ActionKind.REVERT,
            done.model,
            done.alias,
            done.to_version,
            None,
            reasons[0],
            ActionState.BEGUN,
            rt.clock(),
        )
        alias_actions.perform(rt, back, {})
        told = "; ".join(reasons)
        oversight.refuse(rt, str(key), f"promote to {done.alias}", rt.actor, Words(told, told))


def _id(rt: Runtime, key: VersionKey, alias: str, facts_digest: str) -> str:
    where = twins.twin_of(key.model, rt.policy) or key.model
    return digest(["promote", where, alias, key.version, facts_digest])[:16]
