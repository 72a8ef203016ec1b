# SPDX-License-Identifier: Apache-2.0
"""What gap between groups of people a company tolerates, and how groups are compared (3.3-07b)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from governance.policy.base import Positive, Section, Share


def _is_unset(value: object) -> bool:
    return value is None


_OPTIONAL = Field(default=None, exclude_if=_is_unset)


class BiasLimits(Section):
    """A limit per measure; a measure without one is not judged."""

    selection_rate_ratio: Share | None = 0.8
    """At least (the four-fifths rule)."""
    equal_opportunity_difference: Share | None = 0.1
    """At most: the gap between true positive rates (Hardt, Price, Srebro 2016)."""
    demographic_parity_difference: Share | None = _OPTIONAL
    """At most: the gap between selection rates."""
    false_positive_rate_difference: Share | None = _OPTIONAL
    """At most."""
    equalized_odds_difference: Share | None = _OPTIONAL
    """At most: the larger of the gaps between true and between false positive rates."""
    predictive_parity_difference: Share | None = _OPTIONAL
    """At most: the gap between precisions (Chouldechova 2017)."""
    accuracy_difference: Share | None = _OPTIONAL
    """At most."""


class Grouping(Section):
    """How people are put into groups, and groups compared."""

    intersections: Annotated[int, Field(ge=1, le=4)] = 1
    """Up to so many sensitive columns are crossed with each other; 1 crosses none."""
    correction: Literal["holm", "none"] = "holm"
    """What keeps many comparisons from raising a false alarm (Holm 1979)."""
    largest_gap: bool = False
    """Also judge the gap between the highest and the lowest of three or more groups, by bootstrap."""
    replicates: Annotated[int, Field(ge=200, le=100_000)] = 2_000
    """Draws of the bootstrap."""
    smallest_cell: Positive = 5
    """Cells with fewer rows are not stored (k-anonymity); they are judged all the same."""
