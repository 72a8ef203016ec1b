# SPDX-License-Identifier: Apache-2.0
"""Which limit a policy sets for something that was observed, family by family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from governance.policy import Check, Family, UseCase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from governance.core.terms import Observation


@dataclass(frozen=True, slots=True)
class Said:
    """What a policy says of one check on one use case."""

    check: Check
    use_case: UseCase


def limit_of(seen: Observation, said: Said) -> float | None:
    """The limit that a policy sets for what was observed; the stored one where the policy sets none."""
    find = _LIMITS.get(said.check.family) if isinstance(said.check.family, Family) else None
    found = find(seen, said) if find else None
    return seen.limit if found is None else found


def _of_bias(seen: Observation, said: Said) -> float | None:
    limit = getattr(said.check.limits, seen.name, None)
    return float(limit) if isinstance(limit, int | float) else None


def _of_performance(seen: Observation, said: Said) -> float | None:
    """Of a drop (its slice names the approved version) `max_drop`, else the bound on the same side."""
    found = (
        floor.max_drop if seen.slice else _side(seen, floor.at_least, floor.at_most)
        for floor in said.use_case.performance
        if floor.metric == seen.name
    )
    return next((limit for limit in found if limit is not None), None)


def _of_genai(seen: Observation, said: Said) -> float | None:
    rates = said.check.genai.rates if said.check.genai else {}
    found = (_side(seen, limit.at_least, limit.at_most) for rate, limit in rates.items() if rate.value == seen.name)
    return next(found, None)


def _of_robustness(_seen: Observation, said: Said) -> float | None:
    return said.check.robustness.max_drop if said.check.robustness else None


def _of_explanation(seen: Observation, said: Said) -> float | None:
    settings = said.check.explanation
    return settings.max_age_days if settings and seen.comparison == "<=" else None


def _of_documentation(seen: Observation, said: Said) -> float | None:
    if seen.comparison == "<=":
        return said.check.reviewed.max_age_days if said.check.reviewed else None
    if seen.name in said.check.required:
        return said.check.min_characters
    document = said.check.documents.get(seen.name.partition(".")[0])
    return document.min_characters if document else None


def _side(seen: Observation, at_least: float | None, at_most: float | None) -> float | None:
    return at_least if seen.comparison == ">=" else at_most


_LIMITS: Final[Mapping[Family, Callable[[Observation, Said], float | None]]] = {
    Family.BIAS: _of_bias,
    Family.PERFORMANCE: _of_performance,
    Family.GENAI: _of_genai,
    Family.ROBUSTNESS: _of_robustness,
    Family.EXPLANATION: _of_explanation,
    Family.DOCUMENTATION: _of_documentation,
}
