# SPDX-License-Identifier: Apache-2.0
"""Whether predicted numbers treat groups of people alike, judged from sums of errors (clause 3.3-07b).

An error is prediction less label. Each group is compared with a reference group, on up to two measures:

- `error_ratio`: the lower mean absolute error over the higher one, with a normal interval of its logarithm (delta
  method). It has to be at least the limit.
- `mean_error_difference`: the gap between the mean errors, in standard deviations of the label pooled within both
  groups (Cohen, Statistical power analysis, 1988), so that it does not depend on the unit. Its variance includes
  that of the standard deviation, from the label's fourth moment (delta method), for amounts of money are no normal.
  It has to be at most the limit.

A pair passes if its whole interval keeps the limit, fails if its whole interval breaks it and that holds up among
all comparisons (Holm), and is else `insufficient`. Rows without a usable label or prediction are named.

Scores (`core.scores`) are compared in the same way, by `facing`, `held`, `left_out` and `settled`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from governance.core.bias import UNSETTLED
from governance.core.comparisons import Comparison, breach_p, settle
from governance.core.groups import Group, choose_reference, count_groups, plain
from governance.core.statistics import Interval, z_score
from governance.core.terms import NOTHING, Observation, Verdict, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from governance.core.evaluation import Scalar
    from governance.policy import Check
    from governance.policy.scores import ErrorLimits

USABLE: Final = 0
MISSING: Final = -1
"""NULL."""
NOT_FINITE: Final = -2
"""NaN, infinite, or beyond what can be squared and added."""
OUTSIDE: Final = -3
"""A score below 0 or above 1."""
NOT_A_NUMBER: Final = -4
"""Text in a column of numbers."""

_CANCELLED: Final = 1e-11
"""A variance below this part of the mean square has lost its digits in the sums."""
_LOST: Final = 1e-9
"""The same for a fourth moment."""
_NO_COLUMN: Final = Words("公平性を比べる列が集計されていない", "no sensitive column was counted")
_ALIKE: Final = Words(
    "正解ラベルがほとんど同じ値で、誤差の尺度にならない", "the labels hardly differ: no scale for errors"
)


class Errors(NamedTuple):
    """Rows of one group that are in the same state, and the sums over them; an error is prediction less label."""

    group: Scalar
    label_state: int
    """`USABLE`, or why the label is not."""
    prediction_state: int
    n: int
    total: float = 0.0
    """Sum of the errors; this and what follows is 0 unless both states are `USABLE`."""
    absolute: float = 0.0
    """Sum of the absolute errors."""
    squares: float = 0.0
    """Sum of the squared errors."""
    labels: float = 0.0
    """Sum of the labels, and below of their powers."""
    label_squares: float = 0.0
    label_cubes: float = 0.0
    label_fourths: float = 0.0


class Sums(NamedTuple):
    """The usable rows of one group."""

    n: int = 0
    total: float = 0.0
    absolute: float = 0.0
    squares: float = 0.0
    labels: float = 0.0
    label_squares: float = 0.0
    label_cubes: float = 0.0
    label_fourths: float = 0.0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(self.n + other.n, *(mine + more for mine, more in zip(self[1:], other[1:], strict=True)))

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return self.absolute / self.n

    @property
    def mean_error(self) -> float:
        """Above 0 where predictions are too high."""
        return self.total / self.n

    @property
    def mae_variance(self) -> float:
        """Of `mae` as a measurement."""
        return variance(self.n, self.absolute, self.squares) / self.n

    @property
    def mean_error_variance(self) -> float:
        """Of `mean_error` as a measurement."""
        return variance(self.n, self.total, self.squares) / self.n

    @property
    def label_variance(self) -> float:
        """0 where the labels do not differ, or not enough for the digits of the sums."""
        return variance(self.n, self.labels, self.label_squares)

    @property
    def label_variance_variance(self) -> float:
        """Of `label_variance` as a measurement; as of a normal where the digits do not suffice for the fourth moment."""
        mean, square = self.labels / self.n, self.label_variance**2
        parts = self.label_fourths - 4 * mean * self.label_cubes + 6 * mean**2 * self.label_squares
        fourth = parts / self.n - 3 * mean**4
        is_lost = fourth < square or fourth * self.n <= _LOST * self.label_fourths
        return (2 * square if is_lost else fourth - square) / self.n


def variance(n: int, total: float, squares: float) -> float:
    """The sample variance of n numbers from their sum and sum of squares; 0 where the sums cannot tell it from 0."""
    spread = squares - total * total / n
    return 0.0 if n <= 1 or spread <= _CANCELLED * squares else spread / (n - 1)


def ratio_interval(pair: tuple[Sums, Sums], confidence: float) -> Interval:
    """For the lower mean absolute error over the higher one; both errors vary and are not 0."""
    low, high = sorted(pair, key=lambda sums: sums.mae)
    centre, spread = math.log(low.mae / high.mae), sum(sums.mae_variance / sums.mae**2 for sums in pair)
    half = z_score(confidence) * math.sqrt(spread)
    return Interval(math.exp(centre - half), math.exp(centre + half))


def standardised(pair: tuple[Sums, Sums]) -> tuple[float, float]:
    """The gap between the mean errors in standard deviations of the label, and its variance; labels vary."""
    free = sum(sums.n for sums in pair) - 2
    shares = [(sums.n - 1) / free for sums in pair]
    scale = sum(share * sums.label_variance for share, sums in zip(shares, pair, strict=True))
    unsure = sum(share**2 * sums.label_variance_variance for share, sums in zip(shares, pair, strict=True))
    gap = abs(pair[0].mean_error - pair[1].mean_error) / math.sqrt(scale)
    return gap, sum(sums.mean_error_variance for sums in pair) / scale + gap**2 * unsure / (4 * scale**2)


def judge_errors(
    errors: Mapping[str, Sequence[Errors]],
    limits: ErrorLimits,
    check: Check,
    reference: Mapping[str, Scalar] | None = None,
) -> tuple[Observation, ...]:
    """Compare the errors in the groups of every sensitive column.

    Args:
        errors: sensitive column -> sums, as `checks.scores.errors` adds them up.
        limits: of the policy.
        check: confidence, `min_n` of a group, correction.
        reference: sensitive column -> group to compare with; columns not named take their largest group.

    Returns:
        One observation per column, group and measure; no column gives one that is `not_run`.
    """
    return settled(compare_errors(errors, limits, check, reference), check)


def compare_errors(
    errors: Mapping[str, Sequence[Errors]],
    limits: ErrorLimits,
    check: Check,
    reference: Mapping[str, Scalar] | None = None,
) -> list[Comparison]:
    """As `judge_errors`, before the correction for many comparisons."""
    chosen = reference or {}
    return [one for column, sums in errors.items() for one in _column(column, sums, limits, check, chosen.get(column))]


def _column(
    column: str, errors: Sequence[Errors], limits: ErrorLimits, check: Check, wanted: Scalar
) -> Iterator[Comparison]:
    yield from _unusable(column, errors)
    faced = facing(column, ((one.group, one.n) for one in errors), wanted)
    if isinstance(faced, Comparison):
        yield faced
        return
    sums, (against, others) = fold(errors), faced
    for group in others:
        where, pair = f"{column}: {group.name} vs {against.name}", {n: sums[n] for n in (group.name, against.name)}
        if limits.error_ratio is not None:
            yield _ratio(where, pair, limits.error_ratio, check)
        if limits.mean_error_difference is not None:
            yield _difference(where, pair, limits.mean_error_difference, check)


def fold(errors: Iterable[Errors]) -> dict[str, Sums]:
    """The usable rows of each group by its name; parts may come in any order and more than once."""
    found: dict[str, Sums] = defaultdict(Sums)
    for one in errors:
        name, usable = plain(one.group), one.label_state == one.prediction_state == USABLE
        found[name] = found[name].plus(Sums(*one[3:])) if usable else found[name]
    return dict(found)


def _unusable(column: str, errors: Sequence[Errors]) -> Iterator[Comparison]:
    of = sum(one.n for one in errors)
    for name, ja, states in (
        ("label", "正解ラベル", [(one.label_state, one.n) for one in errors]),
        ("prediction", "予測", [(one.prediction_state, one.n) for one in errors]),
    ):
        missing = sum(n for state, n in states if state in {MISSING, NOT_FINITE})
        why = Words(f"{ja}がなく(NULL、NaN、無限大)", f"have no {name} (NULL, NaN or infinite)")
        yield from left_out(f"rows_without_{name}", column, missing, of, Verdict.INSUFFICIENT, why)
        texts = sum(n for state, n in states if state == NOT_A_NUMBER)
        why = Words(f"{ja}が数でなく", f"have a {name} that is no number")
        yield from left_out(f"{name}s_not_a_number", column, texts, of, Verdict.ERROR, why)


def _ratio(where: str, pair: Mapping[str, Sums], limit: float, check: Check) -> Comparison:
    both = _both(pair)
    seen = Observation("error_ratio", where, limit=limit, comparison=">=", n=both[0].n + both[1].n)
    reason = _few(pair, check) or _untold(pair, lambda sums: sums.mae_variance)
    if reason:
        return Comparison(replace(seen, verdict=Verdict.INSUFFICIENT, detail=reason))
    told = ", ".join(f"{name} {sums.mae:.4g}" for name, sums in pair.items())
    fact = Words(f"平均絶対誤差: {told}", f"mean absolute error: {told}")
    value = min(sums.mae for sums in both) / max(sums.mae for sums in both)
    return held(replace(seen, value=value, detail=fact), partial(ratio_interval, both), check.confidence)


def _difference(where: str, pair: Mapping[str, Sums], limit: float, check: Check) -> Comparison:
    both = _both(pair)
    seen = Observation("mean_error_difference", where, limit=limit, comparison="<=", n=both[0].n + both[1].n)
    reason = _few(pair, check) or _untold(pair, lambda sums: sums.mean_error_variance)
    if not reason and not all(sums.label_variance for sums in both):
        reason = _ALIKE
    if reason:
        return Comparison(replace(seen, verdict=Verdict.INSUFFICIENT, detail=reason))
    told = ", ".join(f"{name} {sums.mean_error:+.4g}" for name, sums in pair.items())
    fact = Words(f"予測 - 正解の平均: {told}", f"mean prediction - label: {told}")
    value, spread = standardised(both)
    return held(replace(seen, value=value, detail=fact), partial(normal, value, spread, 0.0), check.confidence)


def _both(pair: Mapping[str, Sums]) -> tuple[Sums, Sums]:
    first, second = pair.values()
    return first, second


def _few(pair: Mapping[str, Sums], check: Check) -> Words:
    rows = Words("正解ラベルと予測のある行", "rows with a label and a prediction")
    return next((text for name, sums in pair.items() if (text := too_few(name, rows, sums.n, check))), NOTHING)


def _untold(pair: Mapping[str, Sums], spread: Callable[[Sums], float]) -> Words:
    """Errors that are all the same have no interval: nothing says how far another row would be off."""
    for name, sums in pair.items():
        if not spread(sums):
            return Words(
                f"{name} の誤差がすべて同じ({sums.mean_error:.4g})で、区間を計算できない",
                f"all errors of {name} are the same ({sums.mean_error:.4g}): there is no interval",
            )
    return NOTHING


# ---- how groups are compared, errors and scores alike


def facing(column: str, counts: Iterable[tuple[Scalar, int]], wanted: Scalar) -> tuple[Group, list[Group]] | Comparison:
    """The reference group and all others, or why there is nothing to compare.

    Args:
        column: the sensitive column.
        counts: its values, each as often as one likes, and their rows.
        wanted: the reference group that the policy names, or None for the largest.
    """
    rows: dict[Scalar, int] = defaultdict(int)
    for group, n in counts:
        rows[group] += n
    groups = count_groups({(group, None, None): n for group, n in rows.items()}, None)
    against = choose_reference(groups, wanted)
    if isinstance(against, Group):
        return against, [group for group in groups if group is not against]
    return Comparison(Observation("groups", column, value=len(groups), verdict=against[0], detail=against[1]))


def held(seen: Observation, interval: Callable[[float], Interval], confidence: float) -> Comparison:
    """Hold `seen` against its limit: a ratio (`>=`), or a gap (`<=`) that counts in both directions.

    Args:
        seen: everything but bounds and verdict.
        interval: of a confidence.
        confidence: two-sided, for example 0.95.
    """
    limit, is_ratio = seen.limit or 0.0, seen.comparison == ">="
    low, high = interval(confidence)
    keeps = low >= limit if is_ratio else -limit <= low and high <= limit
    p = breach_p(interval, lambda one: one.high < limit if is_ratio else one.low > limit, confidence)
    verdict = Verdict.PASS if keeps else Verdict.FAIL if p < 1 else Verdict.INSUFFICIENT
    detail = seen.detail.then(UNSETTLED) if verdict is Verdict.INSUFFICIENT else seen.detail
    return Comparison(replace(seen, low=low, high=high, verdict=verdict, detail=detail), p)


def normal(value: float, spread: float, error: float, confidence: float) -> Interval:
    """The interval of a normal around `value` with variance `spread`, wider by `error` on both sides."""
    half = z_score(confidence) * math.sqrt(spread) + error
    return Interval(value - half, value + half)


def left_out(name: str, column: str, rows: int, of: int, verdict: Verdict, why: Words) -> Iterator[Comparison]:
    """Rows that no measure can count: a gap may hide in them, so they keep the check from passing."""
    if rows:
        text = Words(
            f"{of:,} 行のうち {rows:,} 行は{why.ja}、どの指標にも入らない",
            f"{rows:,} of {of:,} rows {why.en} and are in no measure",
        )
        yield Comparison(Observation(name, column, rows, None, None, 0, "==", of, verdict, text))


def too_few(name: str, of: Words, n: int, check: Check) -> Words:
    """What a group has too little of; empty if it has enough."""
    if n >= check.min_n:
        return NOTHING
    return Words(
        f"{name} の{of.ja}は {n:,} 件で、必要な {check.min_n} 件に足りない",
        f"{name} has {n:,} {of.en}, fewer than the {check.min_n} that a comparison needs",
    )


def settled(compared: Sequence[Comparison], check: Check) -> tuple[Observation, ...]:
    """The observations, corrected for their number if the check says so; none at all gives one that is `not_run`."""
    if not compared:
        return (Observation("groups", verdict=Verdict.NOT_RUN, detail=_NO_COLUMN),)
    return settle(compared, check)
