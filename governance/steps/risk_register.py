# SPDX-License-Identifier: Apache-2.0
"""Refresh the risk register from gate decisions and inventory findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import risks
from governance.core.inventory import governed
from governance.steps import position
from governance.store import registers

if TYPE_CHECKING:
    from governance.core.kpis import Position
    from governance.core.terms import GateDecision
    from governance.policy import Policy
    from governance.runtime import Runtime


def reassess(rt: Runtime) -> int:
    """Open, keep or close one risk per cause; returns how many assessments were new."""
    with rt.writing() as session:
        telling = rt.telling()
        at = position.read(session, rt.policy, rt.current())
        register = risks.reassess(_standing(at, rt.policy), at.findings, at.risks, rt.policy, now=telling.at)
        return registers.record_risks(session, register, telling)


def _standing(at: Position, policy: Policy) -> list[GateDecision]:
    """The newest decisions on versions that still stand at a gate; others are history."""
    return [
        at.decisions[version.key, code]
        for code, gate in policy.gates.gates.items()
        for model in at.models
        for version in governed(model, gate)
        if (version.key, code) in at.decisions
    ]
