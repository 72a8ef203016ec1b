# SPDX-License-Identifier: Apache-2.0
"""Copy an approved version into its protected twin, and record the copy: our own fact, which alone ties the two."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from governance.core import twins
from governance.core.alias_guard import ActionKind, ActionState, AliasAction
from governance.core.evidence import digest
from governance.core.inventory import Changes, use_cases
from governance.errors import SourceError
from governance.sources import protected_models
from governance.steps import alias_actions
from governance.store import inventory as inventory_facts
from governance.store import oversight as facts

if TYPE_CHECKING:
    from governance.core.terms import ModelVersion, VersionKey
    from governance.runtime import Runtime


def copied(rt: Runtime, origin: ModelVersion, target: str, alias: str, decision: str) -> VersionKey:
    """Copy a version into its twin; recorded as begun before MLflow is touched, and as done with what it is a copy of.

    A task that dies in between leaves a copy that serves nobody; done again, it is found again.

    Raises:
        SourceError: MLflow did not do it; that is recorded, and after five attempts escalated.
    """
    began = rt.clock()
    id_ = digest(["copy", target, twins.birth(origin)])[:16]
    action = AliasAction(id_, ActionKind.COPY, target, alias, None, None, decision, ActionState.BEGUN, began)
    attempt = alias_actions.begin(rt, action)
    try:
        copy = protected_models.copy(rt.settings, origin, target)
    except SourceError as error:
        alias_actions.record_failed(rt, attempt, error)
        raise
    proof = {
        "origin": origin.key.model,
        "version": origin.key.version,
        "origin_made": twins.birth(origin),
        "made": twins.birth(copy),
        "read_at": rt.clock().isoformat(),
    }
    seconds = round((rt.clock() - began).total_seconds(), 3)
    ended = replace(attempt, state=ActionState.DONE, to_version=copy.key.version, seconds=seconds, proof=proof)
    with rt.writing() as session:
        telling = rt.telling(session)
        facts.record_action(session, ended, telling)
        known = inventory_facts.model(session, target, telling.position)
        if known is not None and copy.key not in {version.key for version in known.versions}:
            # The inventory knows it before the next reading, so that a pipeline may ask at once.
            inventory_facts.record_changes(session, Changes(new_versions=(copy,)), use_cases(rt.policy), telling)
    return copy.key
