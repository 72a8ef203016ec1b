# SPDX-License-Identifier: Apache-2.0
"""Read everything that registers, KPIs and packs are made from, as of one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import inventory, twins
from governance.core.kpis import Position
from governance.store import gates as gate_facts
from governance.store import inventory as inventory_facts
from governance.store import oversight, registers

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from governance.policy import Policy
    from governance.store.facts import AsOf


def read(session: Session, policy: Policy, at: AsOf) -> Position:
    """A fixed number of queries, however many models there are."""
    models = inventory_facts.models(session, at)
    decisions = gate_facts.decisions(session, at)
    sweep = inventory_facts.last_sweep(session, at)
    return Position(
        models=models,
        decisions=decisions,
        first_decisions=gate_facts.first_decisions(session, at),
        results=gate_facts.results(session, at),
        risks=registers.risks(session, at),
        findings=inventory.findings(
            models, twins.judged(decisions, models, oversight.copies(session, at), policy), policy
        ),
        waivers=oversight.waivers(session, at),
        swept_at=sweep.effective_at if sweep else None,
        now=at.as_of,
    )
