# SPDX-License-Identifier: Apache-2.0
"""Read MLflow in full, reconcile it with what we knew, and remember the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import inventory
from governance.sources import model_registry
from governance.store import gates as gate_facts
from governance.store import inventory as facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from governance.core.inventory import InventoryFinding
    from governance.core.terms import RegisteredModel
    from governance.runtime import Runtime
    from governance.store.facts import AsOf


def sync(rt: Runtime) -> str:
    """Take one complete reading of MLflow; a reading that ends early raises and changes nothing.

    Returns:
        The id of the recorded sweep.
    """
    seen = model_registry.read(rt.settings)
    with rt.writing() as session:
        telling, at = rt.telling(), rt.current()
        changes = inventory.reconcile(seen, facts.models(session, at))
        use_cases = {model.name: inventory.use_case_of(model.name, rt.policy)[0] for model in seen}
        facts.record_changes(session, changes, use_cases, telling)
        found = inventory.findings(seen, gate_facts.decisions(session, at), rt.policy)
        return facts.record_sweep(session, seen, changes, found, telling).id


def findings(rt: Runtime, session: Session, at: AsOf) -> tuple[Sequence[RegisteredModel], tuple[InventoryFinding, ...]]:
    """The models of the inventory and what is out of order among them, as of a moment."""
    models = facts.models(session, at)
    return models, inventory.findings(models, gate_facts.decisions(session, at), rt.policy)
