# SPDX-License-Identifier: Apache-2.0
"""Intervals for the gap between the highest and the lowest of several groups, drawn from counts.

A row bootstrap draws rows with replacement; what it then counts is multinomial over the cells. Drawing the counts
themselves gives the same distribution at a cost that does not depend on the number of rows (Efron, Tibshirani
1993, section 6). The largest of several gaps is biased upwards where groups are small; the basic interval, which
mirrors the draws at the estimate, takes that bias off.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from governance.core.measures import FALSE_POSITIVE, PRECISE, SELECTED, TRUE_POSITIVE
from governance.core.statistics import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.core.bias import Resample
    from governance.core.groups import Group
    from governance.core.measures import Measure, Rate

_TP, _FN, _FP, _TN, _UNLABELLED_YES, _UNLABELLED_NO = range(6)
_PARTS = {
    SELECTED.name: ((_TP, _FP, _UNLABELLED_YES), (_FN, _TN, _UNLABELLED_NO)),
    TRUE_POSITIVE.name: ((_TP,), (_FN,)),
    FALSE_POSITIVE.name: ((_FP,), (_TN,)),
    PRECISE.name: ((_TP,), (_FP,)),
}
_ACCURATE = ((_TP, _TN), (_FN, _FP))
"""Rate -> outcomes that count, and outcomes that do not."""


def resampler(replicates: int, confidence: float) -> Resample:
    """A function of groups and a measure to the interval of the largest gap.

    Args:
        replicates: number of draws.
        confidence: two-sided, for example 0.95.

    Returns:
        The same interval for the same counts every time: the seed is their hash.
    """

    @cache
    def drawn(counts: tuple[tuple[float, ...], ...]) -> Any:  # noqa: ANN401 - a numpy array
        return _draws(counts, replicates)

    def resample(groups: Sequence[Group], measure: Measure) -> Interval:
        import numpy as np

        draws = drawn(tuple(map(_outcomes, groups)))
        gaps = np.max([_gap(draws, rate, is_ratio=measure.is_ratio) for rate in measure.rates], axis=0)
        low, high = np.nanquantile(gaps, [(1 - confidence) / 2, (1 + confidence) / 2])
        value = measure.value(groups)
        if measure.is_ratio:
            # Ratios are mirrored where they are symmetric: on the logarithm.
            return Interval(_bounded(value * value / high), _bounded(value * value / low if low else 1.0))
        return Interval(_bounded(2 * value - high), _bounded(2 * value - low))

    return resample


def _outcomes(group: Group) -> tuple[float, ...]:
    tp, fp = group.true_positive.count, group.false_positive.count
    fn, tn = group.true_positive.n - tp, group.false_positive.n - fp
    selected, n = group.selected.count, group.selected.n
    # Weighted counts are sums of fractions, whose differences may fall below nothing by rounding.
    return tuple(max(0.0, part) for part in (tp, fn, fp, tn, selected - tp - fp, n - selected - fn - tn))


def _draws(counts: tuple[tuple[float, ...], ...], replicates: int) -> Any:  # noqa: ANN401 - an array: outcome x replicate x group
    import numpy as np

    cells = np.array(counts)
    seed = int.from_bytes(hashlib.sha256(repr(counts).encode()).digest()[:8])
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = generator.multinomial(round(cells.sum()), (cells / cells.sum()).ravel(), size=replicates)
    return np.ascontiguousarray(drawn.reshape(replicates, *cells.shape).transpose(2, 0, 1))


def _gap(drawn: Any, rate: Rate, *, is_ratio: bool) -> Any:  # noqa: ANN401 - numpy arrays
    import numpy as np

    yes, no = _PARTS.get(rate.name, _ACCURATE)
    count = sum(drawn[part] for part in yes)
    n = count + sum(drawn[part] for part in no)
    # A group that was not drawn has no share, and is left out of that draw.
    share = np.divide(count, n, out=np.full(count.shape, np.nan), where=n > 0)
    lowest, highest = np.nanmin(share, axis=1), np.nanmax(share, axis=1)
    if not is_ratio:
        return highest - lowest
    return np.divide(lowest, highest, out=np.zeros_like(lowest), where=highest > 0)


def _bounded(value: float) -> float:
    return float(min(1.0, max(0.0, value)))
