# SPDX-License-Identifier: Apache-2.0
"""How far holds have come, read from the facts: MLflow is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import holds as rules
from governance.core import inventory
from governance.core.alias_guard import ActionKind
from governance.core.gate_decisions import HoldLine, hold_line, models_of
from governance.core.terms import VersionKey
from governance.store import oversight as facts
from governance.store import pages as page_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from governance.core.holds import Hold
    from governance.runtime import Runtime
    from governance.store.facts import AsOf


def lines(rt: Runtime, session: Session, holds: Iterable[Hold], at: AsOf) -> list[HoldLine]:
    """Each hold with its proof, as of a position; three queries, or none where nothing is held."""
    found = list(holds)
    if not found:
        return []
    ids = {hold.id for hold in found}
    actions = [a for a in facts.actions(session, at) if a.kind is ActionKind.ENFORCE and a.ground in ids]
    named = {model for hold in found for model in models_of(hold, rt.policy)}
    aliases = page_facts.aliases(session, at, sorted(named))
    return [hold_line(hold, actions, rt.policy, at.as_of, is_there=_is_there(rt, hold, aliases)) for hold in found]


def _is_there(rt: Runtime, hold: Hold, aliases: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether something of its scope holds a protected alias as far as known."""
    return any(
        rt.policy.gates.protecting(alias) and rules.covers(hold, VersionKey(model, number), slug)
        for model in models_of(hold, rt.policy)
        for slug in (inventory.use_case_of(model, rt.policy)[0],)
        for alias, number in aliases.get(model, {}).items()
    )
