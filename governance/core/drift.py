# SPDX-License-Identifier: Apache-2.0
"""How far a column's distribution moved from its reference, judged on counts in the reference's own bins.

Bins are quantiles of the reference, fixed and stored: a limit then means the same on every batch. Effect sizes
decide, for with enough rows every p-value is 0; the chi-square p-value is told and decides nothing.

- `psi`, population stability index, sum of (q - p) ln(q / p) over cells. Empty cells count as a share of 0.0001.
  Without any drift it is (cells - 1)(1/n + 1/m) on average (Yurdakul, Naranjo, J. Risk Model Validation 14 (2020)):
  that is taken off before the lower bound is drawn, so that a small batch raises no alarm.
- `js`, Jensen-Shannon distance, base 2, 0 to 1 (Endres, Schindelin, IEEE Trans. IT 49 (2003)), bounded likewise.
- `ks`, Kolmogorov-Smirnov distance on five times as many bins; the upper bound adds what either function may step
  within a bin. Its interval holds for any distribution (Massart, Ann. Probab. 18 (1990)).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

from governance.core.comparisons import Comparison, normal_tail
from governance.core.statistics import Interval, z_score
from governance.core.terms import NOTHING, Observation, Verdict, Words

EMPTY_SHARE: Final = 1e-4
"""The share that an empty cell counts as, where the other side has rows in it."""
FINE: Final = 5
"""Fine bins per coarse one, for the Kolmogorov-Smirnov distance."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A column counted in fixed cells.

    `counts` has one number per cell: the bins between `edges` (each holds its upper edge), or one per category and
    one for all other values; then one for missing values (NULL, NaN, infinite).
    """

    column: str
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    """Upper edges of the fine bins but the last."""
    coarse: tuple[int, ...] = ()
    """Positions of the edges that bound the coarse bins."""
    categories: tuple[str, ...] | None = None

    @property
    def n(self) -> int:
        """Rows, missing values included."""
        return sum(self.counts)

    @property
    def cells(self) -> tuple[int, ...]:
        """Counts of the coarse cells, missing values last."""
        if self.categories is not None:
            return self.counts
        bounds = (0, *(position + 1 for position in self.coarse), len(self.counts) - 1)
        return (*(sum(self.counts[start:end]) for start, end in pairwise(bounds)), self.counts[-1])

    def counted(self, counts: Sequence[int]) -> Profile:
        """Other rows in the same cells."""
        return Profile(self.column, tuple(counts), self.edges, self.coarse, self.categories)

    def content(self) -> dict[str, Any]:
        """Plain JSON."""
        categories = None if self.categories is None else list(self.categories)
        return {
            "column": self.column,
            "counts": list(self.counts),
            "edges": list(self.edges),
            "coarse": list(self.coarse),
            "categories": categories,
        }

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Profile:
        """The profile that `content` wrote."""
        categories = None if told["categories"] is None else tuple(told["categories"])
        edges = tuple(map(float, told["edges"]))
        return cls(told["column"], tuple(told["counts"]), edges, tuple(told["coarse"]), categories)


@dataclass(frozen=True, slots=True)
class Distance:
    """An effect size with its interval, and how likely such a distance beyond the limit is by chance."""

    value: float
    interval: Interval
    p: float
    """One-sided, of a breach of the limit."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What every column is judged by."""

    confidence: float
    min_n: int
    told: Mapping[str, Words]
    """Column -> what else there is to say, for example a p-value."""


def psi(reference: Sequence[int], current: Sequence[int]) -> float:
    """Population stability index of two rows of counts in the same cells."""
    return sum((q - p) * math.log(q / p) for p, q in _shares(reference, current))


def js(reference: Sequence[int], current: Sequence[int]) -> float:
    """Jensen-Shannon distance, base 2: the root of the divergence."""
    return math.sqrt(max(0.0, _js_divergence(reference, current)))


def ks(reference: Profile, current: Profile) -> float:
    """Largest distance of the two distribution functions at the edges; missing values stay out."""
    (n, m), sums = _present(reference, current), (_cumulated(reference), _cumulated(current))
    return max((abs(a / n - b / m) for a, b in zip(*sums, strict=True)), default=0.0) if n and m else 0.0


def chi_square(reference: Sequence[int], current: Sequence[int]) -> tuple[float, int]:
    """Pearson's statistic of the two-row table and its degrees of freedom; cells empty on both sides stay out."""
    cells = [(a, b) for a, b in zip(reference, current, strict=True) if a or b]
    n, m = sum(a for a, _ in cells), sum(b for _, b in cells)
    if not (n and m):
        return 0.0, 0
    total = n + m
    statistic = sum(
        (seen - (a + b) * side / total) ** 2 / ((a + b) * side / total)
        for a, b in cells
        for seen, side in ((a, n), (b, m))
    )
    return statistic, len(cells) - 1


def distance(name: str, reference: Profile, current: Profile, limit: float, confidence: float) -> Distance:
    """One effect size (`psi`, `js` or `ks`) with its bounds."""
    if name == "ks":
        return _ks(reference, current, limit, confidence)
    value, bias, error = (_psi if name == "psi" else _js)(reference.cells, current.cells)
    # The Jensen-Shannon distance is the root of what the delta method is about.
    bound, root = (limit * limit, math.sqrt) if name == "js" else (limit, float)
    z = z_score(confidence)
    low, high = max(0.0, value - bias - z * error), max(0.0, value + z * error)
    p = normal_tail((value - bias - bound) / error) if error else 1.0
    return Distance(root(max(0.0, value)), Interval(root(low), root(high)), p)


def judge(name: str, reference: Profile, windows: Sequence[Profile], limit: float, rules: Rules) -> Comparison:
    """Hold one effect size of one column against its limit, in each of the newest windows.

    Args:
        name: `psi`, `js` or `ks`.
        reference: the approved version's counts.
        windows: the current counts, newest first, as many as have to break the limit.
        limit: at most.
        rules: confidence, least number of rows.

    Returns:
        The newest window's numbers. `fail` if the interval of every window breaks the limit, `pass` if that of the
        newest keeps it; a breach that is not in every window yet is `warn`; else `insufficient`.
    """
    column, newest = reference.column, windows[0] if windows else reference.counted([])
    few = _few(reference, windows, rules)
    if few:
        verdict, n = Verdict.INSUFFICIENT, newest.n
        return Comparison(Observation(name, column, limit=limit, comparison="<=", n=n, verdict=verdict, detail=few))
    found = [distance(name, reference, window, limit, rules.confidence) for window in windows]
    breaking = [one.interval.low > limit for one in found]
    verdict, text = _verdict(found[0], breaking, limit)
    low, high = found[0].interval
    detail = rules.told.get(column, NOTHING).then(text)
    seen = Observation(name, column, found[0].value, low, high, limit, "<=", newest.n, verdict, detail)
    return Comparison(seen, max(one.p for one in found) if verdict is Verdict.FAIL else 1.0)


def moved(reference: Profile, current: Profile) -> Words:
    """Which cell gained and which lost most, in points of all rows."""
    changes = [
        (current_share - share, position)
        for position, (share, current_share) in enumerate(
            zip(plain_shares(reference.cells), plain_shares(current.cells), strict=True)
        )
    ]
    (loss, lost), (gain, gained) = min(changes), max(changes)
    names = cell_names(reference)
    return Words(
        f"{reference.column}: {names[gained].ja} が {gain:+.1%}、{names[lost].ja} が {loss:+.1%}",
        f"{reference.column}: {names[gained].en} {gain:+.1%}, {names[lost].en} {loss:+.1%} of rows",
    )


def _verdict(newest: Distance, breaking: Sequence[bool], limit: float) -> tuple[Verdict, Words]:
    if all(breaking):
        return Verdict.FAIL, NOTHING
    if newest.interval.high <= limit:
        return Verdict.PASS, NOTHING
    if breaking[0]:
        since = breaking.index(False)
        return Verdict.WARN, Words(
            f"限度超えは直近 {since} 区間で、{len(breaking)} 区間続いて初めて数える",
            f"breaks the limit in the last {since} windows; it counts after {len(breaking)} in a row",
        )
    return Verdict.INSUFFICIENT, Words("信頼区間からは判断できない", "the interval does not settle it")


def _few(reference: Profile, windows: Sequence[Profile], rules: Rules) -> Words:
    least = min([reference.n, *(window.n for window in windows)])
    if windows and least >= rules.min_n:
        return NOTHING
    return Words(
        f"{least if windows else 0:,} 行しかない区間があり、必要な {rules.min_n} 行に足りない",
        f"a window has {least if windows else 0:,} rows, fewer than the {rules.min_n} that a comparison needs",
    )


def _shares(reference: Sequence[int], current: Sequence[int]) -> list[tuple[float, float]]:
    n, m = sum(reference) or 1, sum(current) or 1
    return [
        (a / n if a else EMPTY_SHARE, b / m if b else EMPTY_SHARE)
        for a, b in zip(reference, current, strict=True)
        if a or b
    ]


def plain_shares(counts: Sequence[int]) -> list[float]:
    """Each cell's share of all rows."""
    return [count / (sum(counts) or 1) for count in counts]


def _js_divergence(reference: Sequence[int], current: Sequence[int]) -> float:
    pairs = zip(plain_shares(reference), plain_shares(current), strict=True)
    return sum(_relative(p, (p + q) / 2) / 2 + _relative(q, (p + q) / 2) / 2 for p, q in pairs)


def _relative(p: float, m: float) -> float:
    return p * math.log2(p / m) if p else 0.0


def _psi(reference: Sequence[int], current: Sequence[int]) -> tuple[float, float, float]:
    shares, n, m = _shares(reference, current), sum(reference), sum(current)
    by_p = [(p, math.log(p / q) + 1 - q / p) for p, q in shares]
    by_q = [(q, math.log(q / p) + 1 - p / q) for p, q in shares]
    return _bounded(psi(reference, current), 1.0, (by_p, n), (by_q, m))


def _js(reference: Sequence[int], current: Sequence[int]) -> tuple[float, float, float]:
    shares, n, m = _shares(reference, current), sum(reference), sum(current)
    by_p = [(p, math.log2(2 * p / (p + q)) / 2) for p, q in shares]
    by_q = [(q, math.log2(2 * q / (p + q)) / 2) for p, q in shares]
    # Near 0 the divergence is an eighth of the index, in bits.
    return _bounded(_js_divergence(reference, current), 1 / (8 * math.log(2)), (by_p, n), (by_q, m))


def _bounded(
    value: float, scale: float, *sides: tuple[Sequence[tuple[float, float]], int]
) -> tuple[float, float, float]:
    """Value, its mean without drift, and its standard error: by the delta method, and that without drift."""
    free, sizes = len(sides[0][0]) - 1, sum(1 / rows for _, rows in sides)
    variance = sum(_variance(slopes) / rows for slopes, rows in sides)
    return value, scale * free * sizes, math.sqrt(variance + 2 * free * (scale * sizes) ** 2)


def _variance(slopes: Sequence[tuple[float, float]]) -> float:
    mean = sum(share * slope for share, slope in slopes)
    return max(0.0, sum(share * slope * slope for share, slope in slopes) - mean * mean)


def _ks(reference: Profile, current: Profile, limit: float, confidence: float) -> Distance:
    n, m = _present(reference, current)
    if not (n and m):
        return Distance(0.0, Interval(0.0, 1.0), 1.0)
    value, spread = ks(reference, current), 1 / math.sqrt(n) + 1 / math.sqrt(m)
    margin = math.sqrt(math.log(2 / (1 - confidence)) / 2) * spread
    p = min(1.0, 2 * math.exp(-2 * (max(0.0, value - limit) / spread) ** 2)) / 2
    return Distance(value, Interval(max(0.0, value - margin), min(1.0, _steps(reference, current) + margin)), p)


def _steps(reference: Profile, current: Profile) -> float:
    """The largest distance that the unbinned functions may have: one steps first in a bin, the other last.

    Where a bin holds one value only, both step at once.
    """
    n, m = _present(reference, current)
    a, b = ([0.0, *(count / rows for count in _cumulated(one))] for one, rows in ((reference, n), (current, m)))
    edges = [-math.inf, *reference.edges, math.inf]
    single = [math.nextafter(low, math.inf) == high for low, high in pairwise(edges)]
    ahead = (
        max(abs(a[at + 1] - b[at + 1]), 0.0 if alone else max(a[at + 1] - b[at], b[at + 1] - a[at]))
        for at, alone in enumerate(single)
    )
    return max(ahead)


def _present(*profiles: Profile) -> tuple[int, ...]:
    return tuple(sum(profile.counts[:-1]) for profile in profiles)


def _cumulated(profile: Profile) -> list[int]:
    return list(accumulate(profile.counts[:-1]))


def cell_names(profile: Profile) -> list[Words]:
    """What each coarse cell holds, missing values last; a category by its place, for its name may be personal."""
    missing = Words("欠損", "missing")
    if profile.categories is not None:
        # A category may be personal data: its place is told, not its name.
        names = [
            Words(f"上位 {place + 1} 番目の値", f"value no. {place + 1}") for place in range(len(profile.categories))
        ]
        return [*names, Words("その他の値", "other values"), missing]
    edges = [profile.edges[position] for position in profile.coarse]
    bounds = [-math.inf, *edges, math.inf]
    return [*(_bin_name(low, high) for low, high in pairwise(bounds)), missing]


def _bin_name(low: float, high: float) -> Words:
    name = f"{high:.4g}" if math.nextafter(low, math.inf) == high else f"({low:.4g}, {high:.4g}]"
    return Words(name, name)
