# SPDX-License-Identifier: Apache-2.0
"""Measure the KPIs and remember their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import kpis
from governance.core.calendar import day_start
from governance.steps import position
from governance.store import registers

if TYPE_CHECKING:
    from governance.runtime import Runtime


def measure(rt: Runtime) -> int:
    """Measure every KPI; a value that stays the same is told once a day. Returns how many were told."""
    with rt.writing() as session:
        telling = rt.telling(session)
        values = kpis.measure(position.read(session, rt.policy, telling.position), rt.policy)
        fresh_since = day_start(telling.at, rt.zone)
        return registers.record_kpis(session, values, rt.policy.digest, telling=telling, fresh_since=fresh_since)
