# SPDX-License-Identifier: Apache-2.0
"""Find the facts that were learnt after something was published about the time of their effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from governance.core.restatements import LateFact
from governance.store.models import FACTS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from governance.store.facts import AsOf


def facts(session: Session, published: AsOf, known_at: datetime) -> tuple[LateFact, ...]:
    """Every fact in effect at a published position that was learnt only after it, in the order of learning."""
    found: list[LateFact] = []
    for table in FACTS:
        told = select(table.id, table.subject, table.effective_at, table.recorded_at).where(
            table.effective_at <= published.as_of,
            table.recorded_at > published.known_at,
            table.recorded_at <= known_at,
        )
        found += [LateFact(table.__tablename__, *row) for row in session.execute(told)]
    return tuple(sorted(found, key=lambda fact: (fact.recorded_at, fact.table, fact.id)))
