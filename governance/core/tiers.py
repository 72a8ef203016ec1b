# SPDX-License-Identifier: Apache-2.0
"""Grade the harm a use case can do (3.3-05a)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.policy import RiskTier

if TYPE_CHECKING:
    from governance.policy import Tiers, UseCase
    from governance.policy.sections import TierRule


def classify(use_case: UseCase | None, policy: Tiers) -> RiskTier:
    """The highest tier that any rule, the default or the use case itself gives.

    A use case may ask for a higher tier than the rules, never for a lower one. A model without a
    use case is treated as high: nobody has said what it can do.
    """
    if use_case is None:
        return RiskTier.HIGH
    tiers = [policy.default, *(rule.tier for rule in policy.rules if _applies(rule, use_case))]
    if use_case.tier is not None:
        tiers.append(use_case.tier)
    return max(tiers, key=lambda tier: tier.rank)


def _applies(rule: TierRule, use_case: UseCase) -> bool:
    return (
        (not rule.domains or use_case.domain in rule.domains)
        and (not rule.audiences or use_case.audience in rule.audiences)
        and (rule.generative is None or rule.generative == use_case.generative)
    )
