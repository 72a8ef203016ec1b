# SPDX-License-Identifier: Apache-2.0
"""How much harm a use case can do."""

from __future__ import annotations

from enum import StrEnum


class RiskTier(StrEnum):
    """How much harm a use case can do (3.3-05a), least first."""

    LOW = "low"
    LIMITED = "limited"
    HIGH = "high"
    PROHIBITED = "prohibited"

    @property
    def rank(self) -> int:
        """0 for the least harmful tier."""
        return list(RiskTier).index(self)
