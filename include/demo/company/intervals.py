# SPDX-License-Identifier: Apache-2.0
"""Says how sure one can be of a rate, a gap or a ratio: Wilson, Newcombe, Katz."""

from __future__ import annotations

from math import exp, sqrt
from statistics import NormalDist
from typing import NamedTuple

Z95 = NormalDist().inv_cdf(0.975)


class Count(NamedTuple):
    """How many of how many."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        """Return hits as a share; nobody asked gives not-a-number."""
        return self.hits / self.of if self.of else float("nan")


class Estimate(NamedTuple):
    """A value with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Print it as a report does."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson(count: Count) -> Estimate:
    """Bound one rate."""
    shrink = 1 + Z95**2 / count.of
    centre = (count.rate + Z95**2 / (2 * count.of)) / shrink
    spread = count.rate * (1 - count.rate) / count.of + Z95**2 / (4 * count.of**2)
    half = Z95 * sqrt(spread) / shrink
    return Estimate(count.rate, centre - half, centre + half)


def newcombe(left: Count, right: Count) -> Estimate:
    """Bound the gap between two rates, left minus right."""
    one, two = wilson(left), wilson(right)
    gap = one.value - two.value
    below = sqrt((one.value - one.low) ** 2 + (two.high - two.value) ** 2)
    above = sqrt((one.high - one.value) ** 2 + (two.value - two.low) ** 2)
    return Estimate(gap, gap - below, gap + above)


def katz(left: Count, right: Count) -> Estimate:
    """Bound the ratio of two rates, left to right, on the log scale."""
    ratio = left.rate / right.rate
    spread = 1 / left.hits - 1 / left.of + 1 / right.hits - 1 / right.of
    factor = exp(Z95 * sqrt(spread))
    return Estimate(ratio, ratio / factor, ratio * factor)
