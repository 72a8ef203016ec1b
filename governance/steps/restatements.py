# SPDX-License-Identifier: Apache-2.0
"""Read the months already reported again, with all that is known by now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from governance.core import restatements
from governance.steps import position
from governance.store import late, registers
from governance.store.facts import AsOf

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from governance.core.restatements import Restatement
    from governance.runtime import Runtime
    from governance.store.models import PackRow

_MONTHS: Final = 12
"""How far back published months are read again: a fiscal year."""


def find(rt: Runtime, session: Session, at: AsOf) -> tuple[Restatement, ...]:
    """Every figure of the last twelve packs that facts learnt since have changed; newest month first.

    A month without such a fact costs one query a table; only the others are read twice.
    """
    final = [row for row in registers.packs(session, at) if not row.interim]
    newest = sorted(final, key=lambda row: row.period, reverse=True)[:_MONTHS]
    return tuple(found for row in newest for found in _of_pack(rt, session, row, at))


def _of_pack(rt: Runtime, session: Session, row: PackRow, at: AsOf) -> tuple[Restatement, ...]:
    learnt = late.facts(session, AsOf(row.as_of, row.known_at), at.known_at)
    if not learnt:
        return ()
    policy = registers.policy(session, row.policy_digest) or rt.policy
    before, after = (
        restatements.figures(position.read(session, policy, AsOf(row.as_of, known_at)), policy)
        for known_at in (row.known_at, at.known_at)
    )
    return restatements.compare(row.period, before, after, learnt)
