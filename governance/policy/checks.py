# SPDX-License-Identifier: Apache-2.0
"""What a check measures and by which limits it judges. File: checks.yaml."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from governance.policy.base import Item, Positive, Section, Slug, Text
from governance.policy.bias import BiasLimits, Grouping
from governance.policy.measures import FamilySettings, OwnFamily


class Family(StrEnum):
    """How a check measures."""

    DATA_QUALITY = "data_quality"
    BIAS = "bias"
    PERFORMANCE = "performance"
    DOCUMENTATION = "documentation"
    GENAI = "genai"
    EXPLANATION = "explanation"
    ROBUSTNESS = "robustness"
    DRIFT = "drift"


def _is_default(grouping: object) -> bool:
    return grouping == Grouping()


def _is_nobody(author: object) -> bool:
    return author is None


class Check(FamilySettings):
    """One check: how it measures and what it judges by."""

    family: Annotated[Family | OwnFamily, Field(union_mode="left_to_right")]
    name: Text
    author: Slug | None = Field(default=None, exclude_if=_is_nobody)
    """Who wrote it (people.yaml): that person approves nothing by it."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    min_n: Positive = 30
    """Below this many rows (per group for bias) the data cannot tell."""
    limits: BiasLimits = BiasLimits()
    grouping: Grouping = Field(default=Grouping(), exclude_if=_is_default)
    """Bias only: how groups are formed and compared."""
    required: tuple[Item, ...] = ()
    """Documentation only: what must be present, `description` or `tag:<name>`."""
    min_characters: Positive = 20
    """Documentation only: below this an item counts as empty."""
    remedy: Text


class Checks(Section):
    """Which checks there are. File: checks.yaml."""

    checks: dict[Slug, Check] = Field(min_length=1)
