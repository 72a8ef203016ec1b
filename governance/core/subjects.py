# SPDX-License-Identifier: Apache-2.0
"""What stands at gates besides model versions: use cases, from intake to build; and what belongs to either (3.2-01)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.core import inventory
from governance.core.terms import Subject, UseCaseKey
from governance.policy import UseCase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.policy import Gate, Policy


@dataclass(frozen=True, slots=True)
class DeclaredUse:
    """A use case as use_cases.yaml declares it; a `Candidate`."""

    key: UseCaseKey
    case: UseCase

    @property
    def identity(self) -> Mapping[str, str]:
        """What it is for, for whom, by whom and with what; how its models are measured is theirs."""
        case = self.case
        return {
            "use_case purpose": f"{case.purpose.ja} / {case.purpose.en}",
            "use_case owner": case.owner or "-",
            "use_case domain": case.domain,
            "use_case audience": case.audience.value,
            "use_case generative": str(case.generative),
            "use_case models": ", ".join(case.models) or "-",
            "use_case vendors": ", ".join(case.vendors) or "-",
        }


def declared(key: UseCaseKey, policy: Policy) -> DeclaredUse | None:
    """The use case of that name; None if the policy names none."""
    case = policy.use_cases.use_cases.get(key.use_case)
    return DeclaredUse(key, case) if case else None


def use_case_of(key: Subject, policy: Policy) -> tuple[str | None, UseCase | None]:
    """The use case that a subject is, or that names its model; None where the policy names none."""
    if isinstance(key, UseCaseKey):
        return key.use_case, policy.use_cases.use_cases.get(key.use_case)
    return inventory.use_case_of(key.model, policy)


def gates_for(key: Subject, policy: Policy) -> Mapping[str, Gate]:
    """The gates that such a subject stands at; none for a use case that the policy no longer names."""
    if not isinstance(key, UseCaseKey):
        return policy.gates.of_versions
    return policy.gates.of_use_cases if key.use_case in policy.use_cases.use_cases else {}
