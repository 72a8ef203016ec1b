# SPDX-License-Identifier: Apache-2.0
"""Refresh the risk register from gate decisions and inventory findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import gates, risks
from governance.steps import position
from governance.store import registers

if TYPE_CHECKING:
    from governance.runtime import Runtime


def reassess(rt: Runtime) -> int:
    """Open, keep or close one risk per cause; returns how many assessments were new."""
    with rt.writing() as session:
        telling = rt.telling(session)
        at = position.read(session, rt.policy, telling.position)
        register = risks.reassess(
            gates.standing(at.models, at.decisions, rt.policy), at.findings, at.risks, rt.policy, now=telling.at
        )
        return registers.record_risks(session, register, telling)
