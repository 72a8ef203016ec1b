# SPDX-License-Identifier: Apache-2.0
"""Two groups held against a limit by an interval, and many such comparisons at once.

A comparison keeps the limit if its whole interval does, breaks it if its whole interval does, and is else
`insufficient`. Who looks at twenty pairs at 95 % sees a breach by chance; so a breach has to hold up among all
comparisons of the check (Holm, Scand. J. Statist. 6 (1979) 65-70). A pass needs no such correction: it claims
that every pair keeps the limit, and each pair has shown that by itself (Berger, Technometrics 24 (1982) 295-300).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from governance.core.terms import Observation, Verdict, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from governance.core.statistics import Interval
    from governance.policy import Check

_STEPS: Final = 60
_LARGEST_Z: Final = 7.5
"""Beyond this many standard deviations (3 in 10^14) a confidence rounds to 1."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """An observation, and how likely such a breach is if the limit is in fact kept."""

    observation: Observation
    p: float | None = None
    """One-sided; None if nothing was computed, 1 if the interval does not break the limit."""


def breach_p(interval: Callable[[float], Interval], breaks: Callable[[Interval], bool], confidence: float) -> float:
    """The one-sided p-value of a breach, read off the interval itself.

    Args:
        interval: of a confidence.
        breaks: whether an interval lies wholly beyond the limit.
        confidence: the nominal one.

    Returns:
        Half of one less the largest confidence whose interval still breaks the limit, so that verdict and p-value
        cannot disagree; 1 if even the nominal interval does not.
    """
    if not breaks(interval(confidence)):
        return 1.0
    low, high = NormalDist().inv_cdf((1 + confidence) / 2), _LARGEST_Z
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if breaks(interval(2 * NormalDist().cdf(middle) - 1)):
            low = middle
        else:
            high = middle
    return normal_tail(low)


def normal_tail(z: float) -> float:
    """The share of a normal above `z` standard deviations."""
    return math.erfc(z / math.sqrt(2)) / 2


def holm(comparisons: Sequence[Comparison], confidence: float) -> list[Observation]:
    """The observations, where a breach that chance explains among so many comparisons is `insufficient`.

    Args:
        comparisons: all of the check; those without a p-value are not counted.
        confidence: two-sided, for example 0.95: breaches are tested at half of the rest.
    """
    told = sorted((c.p, position) for position, c in enumerate(comparisons) if c.p is not None)
    level, holds = (1 - confidence) / 2, set[int]()
    for rank, (p, position) in enumerate(told):
        # Twice the rounding of the confidences that p was read off.
        if p > level / (len(told) - rank) * (1 + 1e-9):
            break
        holds.add(position)
    return [
        one.observation
        if one.observation.verdict is not Verdict.FAIL or one.p is None or position in holds
        else _by_chance(one.observation, len(told))
        for position, one in enumerate(comparisons)
    ]


def settle(compared: Sequence[Comparison], check: Check) -> tuple[Observation, ...]:
    """All comparisons of a check, corrected together as its policy says."""
    if check.grouping.correction == "holm":
        return tuple(holm(compared, check.confidence))
    return tuple(one.observation for one in compared)


def _by_chance(seen: Observation, among: int) -> Observation:
    text = Words(
        f"単独では限度を超えるが、{among} 件の比較の中では偶然でも起こる(Holm 補正)",
        f"breaks the limit taken alone; among {among} comparisons chance explains it (Holm)",
    )
    return replace(seen, verdict=Verdict.INSUFFICIENT, detail=seen.detail.then(text))
