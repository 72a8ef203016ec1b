# SPDX-License-Identifier: Apache-2.0
"""Take use cases to their gates: intake, case, data and build; and say how they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.core import gates, subjects
from governance.core.gate_decisions import Decided, decided
from governance.core.gate_report import Proof
from governance.core.terms import GateDecision, UseCaseKey, Words
from governance.core.wording import decision_report
from governance.errors import NotFoundError
from governance.policy import UseCase
from governance.steps import hold_enforcement, oversight
from governance.store import gate_history, ledger
from governance.store import gates as facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.policy import Policy
    from governance.runtime import Runtime

Decision = GateDecision[UseCaseKey]


@dataclass(frozen=True, slots=True)
class CaseReport:
    """How one gate decided on a use case, what people said about it, and where that is in the ledger."""

    key: UseCaseKey
    case: UseCase
    gate_name: Words
    decision: Decision
    decided: Decided
    proof: Proof


def decide(rt: Runtime) -> list[str]:
    """Take every use case of the policy to its gates, and record what differs from before.

    Returns:
        The use cases that a gate holds back, by name.
    """
    oversight.refresh_use_cases(rt)
    return sorted({one.subject.use_case for one in standing(rt) if one.blocks})


def standing(rt: Runtime) -> list[Decision]:
    """The newest decision of each gate on each use case of the policy, blocked first."""
    with rt.reading() as session:
        found = facts.decisions_on_use_cases(session, rt.current(session)).values()
    return sorted(_there(found, rt.policy), key=lambda one: (not one.blocks, one.subject, one.gate))


def stops(rt: Runtime) -> list[Decision]:
    """Of each use case, the decision of the first gate that is closed, or else of its last gate; blocked first."""
    last: dict[UseCaseKey, Decision] = {}
    for one in sorted(standing(rt), key=lambda one: one.gate):
        if one.subject not in last or not last[one.subject].blocks:
            last[one.subject] = one
    return sorted(last.values(), key=lambda one: (not one.blocks, one.subject))


def _there(found: Iterable[Decision], policy: Policy) -> Iterable[Decision]:
    """Without gates and use cases that the policy no longer has."""
    return (one for one in found if one.gate in subjects.gates_for(one.subject, policy))


def blocked(rt: Runtime, key: UseCaseKey) -> str:
    """Why a use case may not go on, one line per reason; empty when every gate is open."""
    return "\n".join(decision_report(one, rt.settings.language) for one in oversight.decisions(rt, key) if one.blocks)


def read(rt: Runtime, key: UseCaseKey) -> tuple[CaseReport, ...]:
    """One report per gate on a use case, in the order of the gates.

    Raises:
        NotFoundError: the policy names no such use case, or no gate has decided on it.
    """
    case = rt.policy.use_cases.use_cases.get(key.use_case)
    with rt.reading() as session:
        at = rt.current(session)
        stands = oversight.read_use_cases(session, at)
        mine = list(_there((one for (about, _gate), one in stands.recorded.items() if about == key), rt.policy))
        if case is None or not mine:
            raise NotFoundError(f"no gate has decided on {key}", hint="Run use_case_gate, or correct the name.")
        said = gates.about(stands.said, key, key.use_case, rt.policy)
        held = hold_enforcement.lines(rt, session, said.holds, at)
        entries = gate_history.entries_of(session, [ledger.key_of("use_case_decision", one.id) for one in mine])
    found = []
    for one in sorted(mine, key=lambda one: one.gate):
        index, sealed_at = entries.get(ledger.key_of("use_case_decision", one.id), (None, None))
        proof = Proof("use_case_decision", one.id, Words(one.gate, one.gate), index, sealed_at)
        people = decided(one, None, case, said, held, rt.policy, at.as_of)
        name = rt.policy.gates.gates[one.gate].name
        found.append(CaseReport(key, case, Words(name.ja, name.en), one, people, proof))
    return tuple(found)
