# SPDX-License-Identifier: Apache-2.0
"""Whether a score treats groups of people alike, judged from one histogram per group (clause 3.3-07b).

A score is a number from 0 to 1 that grows with the chance of the favourable label. Each group is compared with a
reference group, on up to three measures:

- `auc_difference`: how well the score ranks within the group, exact on bins (ties count half), with the variance
  of DeLong, DeLong, Clarke-Pearson (Biometrics 44 (1988) 837-845). Putting unlike scores into one bin moves an AUC
  by at most half of the pairs that share the bin; the interval is wider by that much.
- `calibration_gap`: mean score less share of favourable labels, the calibration in the large (Cox, Biometrika 45
  (1958) 562-565), as a difference between groups.
- `mean_score_difference`: of all scores, labelled or not.

A pair passes if its whole normal interval keeps the limit, fails if its whole interval breaks it and that holds up
among all comparisons (Holm), and is else `insufficient`. Rows without a usable score or label are named.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from governance.core import regression
from governance.core.comparisons import Comparison
from governance.core.cubes import outcome
from governance.core.evaluation import Scalar
from governance.core.groups import plain, type_problem
from governance.core.regression import MISSING, NOT_A_NUMBER, NOT_FINITE, OUTSIDE, held, left_out, normal, too_few
from governance.core.terms import NOTHING, Observation, Verdict, Words
from governance.policy import Check
from governance.policy.scores import ScoreLimits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CALIBRATION_BINS: Final = 15
"""Bins of about equal mass that the calibration error is summed over (Guo et al., ICML 2017)."""

_HALF: Final = 0.5
_TINY: Final = 1e-12
_ONE_SCORE: Final = Words(
    "どちらの群でもスコアがすべて同じで、モデルは誰も区別していない",
    "all scores are the same in both groups: the model sets nobody apart",
)


class Cell(NamedTuple):
    """Rows of one group and label whose scores share a bin, or whose scores are in none."""

    group: Scalar
    label: Scalar
    bin: int
    """From 0; `MISSING` and the like where the rows have no usable score, and the sums are 0."""
    n: int
    total: float = 0.0
    """Sum of the scores."""
    squares: float = 0.0
    """Sum of the squared scores."""
    low: float = 0.0
    """The lowest score."""
    high: float = 0.0


class Estimate(NamedTuple):
    """A number measured on some rows, and the variance of that measurement."""

    value: float
    variance: float


class Bin(NamedTuple):
    """What is known of the scores in one bin."""

    n: int
    total: float
    squares: float
    low: float
    high: float

    def plus(self, other: Bin) -> Bin:
        """Both together."""
        sums = self.n + other.n, self.total + other.total, self.squares + other.squares
        return Bin(*sums, min(self.low, other.low), max(self.high, other.high))


Bins = Mapping[int, Bin]


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one group."""

    positive: Bins
    """Of the rows with the favourable label."""
    negative: Bins
    unlabelled: Bins
    """Of the rows whose label nobody knows."""

    @property
    def labelled(self) -> int:
        """Rows that have a score and a label."""
        return size(self.positive) + size(self.negative)

    @property
    def rows(self) -> int:
        """Rows that have a score."""
        return self.labelled + size(self.unlabelled)

    @property
    def bins(self) -> list[Bin]:
        """All bins, in no order."""
        return [one for part in (self.positive, self.negative, self.unlabelled) for one in part.values()]


def size(bins: Bins) -> int:
    """Rows in all bins."""
    return sum(one.n for one in bins.values())


def fold(cells: Iterable[Cell], favourable: Scalar) -> dict[str, Scores]:
    """The scores of each group by its name; cells may come in any order and more than once."""
    found: dict[str, dict[bool | None, dict[int, Bin]]] = defaultdict(lambda: {True: {}, False: {}, None: {}})
    for cell in cells:
        classes = found[plain(cell.group)]
        if cell.bin >= 0:
            bins, more = classes[outcome(cell.label, favourable)], Bin(*cell[3:])
            bins[cell.bin] = bins[cell.bin].plus(more) if cell.bin in bins else more
    return {name: Scores(one[True], one[False], one[None]) for name, one in found.items()}


def mean_score(scores: Scores) -> Estimate:
    """The mean of all scores of a group, labelled or not, with its variance; at least one row."""
    total, squares = math.fsum(one.total for one in scores.bins), math.fsum(one.squares for one in scores.bins)
    return mean_of(scores.rows, total, squares)


def bias_in_the_large(scores: Scores) -> Estimate:
    """Mean score less share of favourable labels (calibration in the large), with its variance; labelled rows only."""
    both, positives = [*scores.positive.values(), *scores.negative.values()], size(scores.positive)
    favoured = math.fsum(one.total for one in scores.positive.values())
    total, squares = math.fsum(one.total for one in both), math.fsum(one.squares for one in both)
    return mean_of(scores.labelled, total - positives, squares - 2 * favoured + positives)


def mean_of(n: int, total: float, squares: float) -> Estimate:
    """The mean of n numbers within [-1, 1], and its variance, from their sum and sum of squares.

    Numbers that are all the same leave no variance, and 30 people would be certainty; then it is that of half a row
    at a distance of 1.
    """
    mean = total / n
    spread = squares / n - mean * mean
    if n < 2 or spread <= _TINY:  # noqa: PLR2004 - one number has no variance
        return Estimate(mean, _HALF / (n * n))
    return Estimate(mean, spread / (n - 1))


def auc(positive: Bins, negative: Bins) -> Estimate:
    """The share of pairs that the score ranks rightly, ties half, with DeLong's variance; both classes have rows.

    Near 0 and 1, where that variance vanishes and a few people would be certainty, it is at least that of Hanley and
    McNeil (Radiology 143 (1982) 29-36) with half a row on the wrong side.
    """
    m, n = size(positive), size(negative)
    wins = list(_placements(positive, negative))
    losses = [(rows, 1 - share) for rows, share in _placements(negative, positive)]
    area = math.fsum(rows * share for rows, share in wins) / m
    spread = sum(_mean_variance(area, shares, of) for shares, of in ((wins, m), (losses, n)))
    edge = _HALF / min(m, n)
    if spread <= _TINY or not edge <= area <= 1 - edge:
        spread = max(spread, _hanley_mcneil(min(max(area, edge), 1 - edge), m, n))
    return Estimate(area, spread)


def binning_error(positive: Bins, negative: Bins) -> float:
    """How far `auc` may be from the AUC of the unbinned scores: half of the pairs in a bin of unlike scores."""
    pairs = 0
    for place in positive.keys() & negative.keys():
        both = positive[place].plus(negative[place])
        pairs += positive[place].n * negative[place].n * (both.low < both.high)
    return pairs / (2 * size(positive) * size(negative))


def ks(first: Bins, second: Bins) -> float:
    """The Kolmogorov-Smirnov distance of binned scores; both have rows."""
    n, m, gap, largest = size(first), size(second), 0.0, 0.0
    for place in sorted(first.keys() | second.keys()):
        gap += _rows(first, place) / n - _rows(second, place) / m
        largest = max(largest, abs(gap))
    return largest


def calibration_error(scores: Scores, wanted: int = CALIBRATION_BINS) -> float:
    """The mean distance of mean score and share of favourable labels, over bins of about equal mass; labelled rows.

    Biased upwards with few rows, so it informs and is not judged.
    """
    rows, parts = scores.labelled, [0.0] * (wanted + 1)
    seen = 0
    for place in sorted(scores.positive.keys() | scores.negative.keys()):
        both = [bins[place] for bins in (scores.positive, scores.negative) if place in bins]
        # A bin goes where its middle row does, so that a crowded one is not split.
        middle = seen + sum(one.n for one in both) / 2
        parts[int(middle * wanted / rows)] += sum(one.total for one in both) - _rows(scores.positive, place)
        seen += sum(one.n for one in both)
    return math.fsum(map(abs, parts)) / rows


def _placements(mine: Bins, others: Bins) -> Iterator[tuple[int, float]]:
    """Per bin of `mine`: its rows, and the share of `others` below them, ties half."""
    total, below = size(others), 0
    for place in sorted(mine.keys() | others.keys()):
        if place in mine:
            yield mine[place].n, (below + _rows(others, place) / 2) / total
        below += _rows(others, place)


def _mean_variance(mean: float, shares: Iterable[tuple[int, float]], n: int) -> float:
    squares = math.fsum(rows * (share - mean) ** 2 for rows, share in shares)
    return squares / (n - 1) / n if n > 1 else 0.0


def _hanley_mcneil(area: float, m: int, n: int) -> float:
    first, second = area / (2 - area), 2 * area * area / (1 + area)
    square = area * area
    return (area - square + (m - 1) * (first - square) + (n - 1) * (second - square)) / (m * n)


def _rows(bins: Bins, place: int) -> int:
    return bins[place].n if place in bins else 0


def judge_scores(
    histograms: Mapping[str, Sequence[Cell]],
    limits: ScoreLimits,
    check: Check,
    favourable: Scalar = 1,
    reference: Mapping[str, Scalar] | None = None,
) -> tuple[Observation, ...]:
    """Compare the scores of the groups of every sensitive column.

    Args:
        histograms: sensitive column -> cells, as `checks.scores.histogram` counts them.
        limits: of the policy.
        check: confidence, `min_n` (of a group, and of either class where labels count), correction.
        favourable: the label that a person wants to get; every other label is the opposite.
        reference: sensitive column -> group to compare with; columns not named take their largest group.

    Returns:
        One observation per column, group and measure; no column gives one that is `not_run`.
    """
    return regression.settled(compare_scores(histograms, limits, check, favourable, reference), check)


def compare_scores(
    histograms: Mapping[str, Sequence[Cell]],
    limits: ScoreLimits,
    check: Check,
    favourable: Scalar = 1,
    reference: Mapping[str, Scalar] | None = None,
) -> list[Comparison]:
    """As `judge_scores`, before the correction for many comparisons."""
    chosen, rules = reference or {}, _Rules(limits, check, favourable)
    return [one for column, cells in histograms.items() for one in _column(column, cells, rules, chosen.get(column))]


@dataclass(frozen=True, slots=True)
class _Rules:
    limits: ScoreLimits
    check: Check
    favourable: Scalar

    @property
    def measures(self) -> list[tuple[_Measure, float]]:
        told = [(measure, getattr(self.limits, measure.name)) for measure in _MEASURES]
        return [(measure, limit) for measure, limit in told if limit is not None]


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    estimate: Callable[[Scores], Estimate]
    fact: Callable[[str, Scores, float], Words]
    """Of group, scores and confidence."""
    error: Callable[[Scores], float] = lambda _scores: 0.0
    by_label: bool = True
    by_score: bool = True
    """Whether it says nothing where all scores are the same."""

    def rows(self, scores: Scores) -> int:
        return scores.labelled if self.by_label else scores.rows


def _column(column: str, cells: Sequence[Cell], rules: _Rules, wanted: Scalar) -> Iterator[Comparison]:
    by_label = any(measure.by_label for measure, _limit in rules.measures)
    if problem := by_label and type_problem({(None, cell.label, None): 1 for cell in cells}, rules.favourable):
        yield Comparison(Observation("rows", column, verdict=Verdict.ERROR, detail=problem))
        return
    yield from _unusable(column, cells, rules.favourable, by_label=by_label)
    faced = regression.facing(column, ((cell.group, cell.n) for cell in cells), wanted)
    if isinstance(faced, Comparison):
        yield faced
        return
    scores, (against, others) = fold(cells, rules.favourable), faced
    for group in others:
        pair = {name: scores[name] for name in (group.name, against.name)}
        for measure, limit in rules.measures:
            yield _pair(measure, f"{column}: {group.name} vs {against.name}", pair, limit, rules.check)


def _unusable(column: str, cells: Sequence[Cell], favourable: Scalar, *, by_label: bool) -> Iterator[Comparison]:
    of = sum(cell.n for cell in cells)
    for places, (name, verdict, why) in _UNUSABLE.items():
        rows = sum(cell.n for cell in cells if cell.bin in places)
        yield from left_out(name, column, rows, of, verdict, why)
    if by_label:
        rows = sum(cell.n for cell in cells if outcome(cell.label, favourable) is None)
        why = Words("正解ラベルがなく(NULL、NaN、無限大)", "have no label (NULL, NaN or infinite)")
        yield from left_out("rows_without_label", column, rows, of, Verdict.INSUFFICIENT, why)


def _pair(measure: _Measure, where: str, pair: Mapping[str, Scores], limit: float, check: Check) -> Comparison:
    seen = Observation(measure.name, where, limit=limit, comparison="<=", n=sum(map(measure.rows, pair.values())))
    if reason := _untold(measure, pair, check):
        return Comparison(replace(seen, verdict=Verdict.INSUFFICIENT, detail=reason))
    found = [measure.estimate(scores) for scores in pair.values()]
    gap, spread = abs(found[0].value - found[1].value), found[0].variance + found[1].variance
    error, fact = sum(map(measure.error, pair.values())), NOTHING
    for name, scores in pair.items():
        fact = fact.then(measure.fact(name, scores, check.confidence))
    if error:
        fact = fact.then(Words(f"区間への集計による誤差は最大 {error:.2g}", f"binning moves it by {error:.2g} at most"))
    return held(replace(seen, value=gap, detail=fact), partial(normal, gap, spread, error), check.confidence)


def _untold(measure: _Measure, pair: Mapping[str, Scores], check: Check) -> Words:
    """Why the data cannot tell, whatever the numbers say; empty if they can."""
    for name, scores in pair.items():
        reason = _classes(name, scores, check) if measure.by_label else too_few(name, _SCORED, scores.rows, check)
        if reason:
            return reason
    bins = [one for scores in pair.values() for one in scores.bins]
    is_constant = min(one.low for one in bins) == max(one.high for one in bins)
    return _ONE_SCORE if measure.by_score and is_constant else NOTHING


def _classes(name: str, scores: Scores, check: Check) -> Words:
    positives, negatives = size(scores.positive), size(scores.negative)
    if (positives == 0) != (negatives == 0):
        return Words(
            f"{name} の正解ラベルはすべて{'不利' if negatives else '有利'}で、比べるクラスがない",
            f"all labels of {name} are {'un' if negatives else ''}favourable: there is only one class",
        )
    return too_few(name, _FAVOURABLE, positives, check) or too_few(name, _UNFAVOURABLE, negatives, check)


def _area(scores: Scores) -> Estimate:
    return auc(scores.positive, scores.negative)


def _ranked(name: str, scores: Scores, _confidence: float) -> Words:
    text = f"AUC {name} {_area(scores).value:.4f} (KS {ks(scores.positive, scores.negative):.3f})"
    return Words(text, text)


def _calibrated(name: str, scores: Scores, confidence: float) -> Words:
    value, spread = bias_in_the_large(scores)
    low, high = normal(value, spread, 0.0, confidence)
    text = f"{value:+.4f} [{low:+.4f}, {high:+.4f}] (ECE {calibration_error(scores):.3f})"
    return Words(f"{name} の平均スコア - 有利な割合 {text}", f"{name} mean score - favourable share {text}")


def _averaged(name: str, scores: Scores, _confidence: float) -> Words:
    text = f"{name} {mean_score(scores).value:.4f}"
    return Words(f"平均スコア {text}", f"mean score {text}")


_SCORED: Final = Words("スコアのある行", "rows with a score")
_FAVOURABLE: Final = Words("有利な正解ラベルとスコアのある行", "rows with a favourable label and a score")
_UNFAVOURABLE: Final = Words("不利な正解ラベルとスコアのある行", "rows with an unfavourable label and a score")
_NONE: Final = Words("スコアがなく(NULL、NaN、無限大)", "have no score (NULL, NaN or infinite)")
_BEYOND: Final = Words("スコアが 0 から 1 の外にあり", "have a score outside 0 to 1")
_TEXT: Final = Words("スコアが数でなく", "have a score that is no number")
_UNUSABLE: Final = {
    (MISSING, NOT_FINITE): ("rows_without_score", Verdict.INSUFFICIENT, _NONE),
    (OUTSIDE,): ("scores_outside_0_1", Verdict.ERROR, _BEYOND),
    (NOT_A_NUMBER,): ("scores_not_a_number", Verdict.ERROR, _TEXT),
}
_MEASURES: Final = (
    _Measure("auc_difference", _area, _ranked, lambda scores: binning_error(scores.positive, scores.negative)),
    _Measure("calibration_gap", bias_in_the_large, _calibrated, by_score=False),
    _Measure("mean_score_difference", mean_score, _averaged, by_label=False),
)
