# SPDX-License-Identifier: Apache-2.0
"""Read MLflow in full, reconcile it with what we knew, and remember the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from governance.core import inventory
from governance.sources import model_registry
from governance.store import gates as gate_facts
from governance.store import inventory as facts

if TYPE_CHECKING:
    from governance.runtime import Runtime


def sync(rt: Runtime) -> dict[str, Any]:
    """Take one complete reading of MLflow; a reading that ends early raises and changes nothing.

    Returns:
        `id` of the recorded sweep, the number of `models` and `versions`, and the counts of `changes`.

    Raises:
        SourceError: MLflow answered wrongly, or did not answer; the last inventory stands.
    """
    seen = model_registry.read(rt.settings)
    with rt.writing() as session:
        telling = rt.telling(session)
        at = telling.position
        changes = inventory.reconcile(seen, facts.models(session, at))
        use_cases = {model.name: inventory.use_case_of(model.name, rt.policy)[0] for model in seen}
        facts.record_changes(session, changes, use_cases, telling)
        found = inventory.findings(seen, gate_facts.decisions(session, at), rt.policy)
        sweep = facts.record_sweep(session, seen, changes, found, telling)
        return {"id": sweep.id, "models": sweep.models, "versions": sweep.versions, "changes": changes.counts}
