# SPDX-License-Identifier: Apache-2.0
"""Whether a model treats groups of people alike, judged from counts (clause 3.3-07b).

Each group is compared with a reference group: the one the policy names, else the largest. A measure is a share
of people per group, and either

- a ratio, the lower share over the higher one, min(r, 1/r) of group over reference, so that a gap counts in
  whichever direction it goes. It has to be at least the limit (four fifths: EEOC Uniform Guidelines 1978,
  29 CFR 1607.4 D). The Katz interval is turned the same way.
- or a difference, the higher share minus the lower one. It has to be at most the limit (Hardt, Price, Srebro
  2016; Chouldechova 2017). The Newcombe interval is turned the same way.

A pair passes if its whole interval keeps the limit, fails if its whole interval breaks it and that holds up among
all comparisons, and is else `insufficient`: the data cannot tell. What cannot be counted is named, never left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

from governance.core.comparisons import Comparison, breach_p, settle
from governance.core.evaluation import Scalar
from governance.core.groups import Cells, Group, Share, choose_reference, count_groups, shown, type_problem
from governance.core.measures import MEASURES, OPPORTUNITY, SELECTED, SELECTION, Measure
from governance.core.terms import NOTHING, Finding, Observation, Verdict, Words
from governance.core.verdicts import combine
from governance.policy import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from governance.core.statistics import Interval

    Resample = Callable[[Sequence[Group], Measure], Interval]
    """The bootstrap interval of the gap between the highest and the lowest group."""

__all__ = ["CROSSED", "LARGEST", "OPPORTUNITY", "SELECTION", "UNSETTLED", "judge", "keeps_ratio"]

UNSETTLED: Final = Words("信頼区間からは判断できない", "the interval does not settle it")
CROSSED: Final = " × "
"""Between the names of crossed columns, and between the values of a crossed group."""
LARGEST: Final = "largest gap"
_THREE: Final = 3

_NO_COLUMN: Final = Words("公平性を比べる列が集計されていない", "no sensitive column was counted")
_NOBODY: Final = Words(
    "どちらの群にも選ばれた人がなく、比を計算できない", "nobody in either group is selected: there is no ratio"
)
_POINT_KEEPS: Final = Words(
    "点推定は限度を満たすが、信頼区間からは判断できない", "the point keeps the limit, the interval does not settle it"
)
_POINT_BREAKS: Final = Words(
    "点推定は限度を満たさないが、信頼区間からは判断できない",
    "the point breaks the limit, the interval does not settle it",
)
_NAMES: Final = {"prediction": "予測", "label": "正解ラベル"}


@dataclass(frozen=True, slots=True)
class _Rules:
    """What every comparison of a check is judged by."""

    check: Check
    favourable: Scalar
    resample: Resample | None

    @property
    def measures(self) -> list[tuple[Measure, float]]:
        limits = self.check.limits
        told = [(measure, getattr(limits, measure.name)) for measure in MEASURES]
        return [(measure, limit) for measure, limit in told if limit is not None]


def judge(
    counts: Mapping[str, Cells],
    check: Check,
    *,
    favourable: Scalar = 1,
    reference: Mapping[str, Scalar] | None = None,
    resample: Resample | None = None,
) -> Finding:
    """Compare the groups of every sensitive column, and of every crossing of columns.

    Args:
        counts: sensitive column -> (group, label, prediction) -> rows. None and NaN are missing values. A name
            that contains `CROSSED` is a crossing of columns.
        check: limits, confidence, the least number of rows a share may rest on (`min_n`), correction.
        favourable: the label and prediction that a person wants to get; every other value is the opposite.
        reference: sensitive column -> group to compare with; columns not named take their largest group.
        resample: gives the bootstrap interval of the largest gap, judged if `grouping.largest_gap` is set.

    Returns:
        One observation per column, group and measure; the worst verdict counts. No column gives `not_run`.
    """
    compared = compare(counts, check, favourable=favourable, reference=reference, resample=resample)
    n = max((int(sum(cells.values())) for cells in counts.values()), default=0)
    observations = settle(compared, check)
    verdict = combine(observation.verdict for observation in observations)
    return Finding(verdict, observations, n=n, detail=NOTHING if counts else _NO_COLUMN)


def compare(
    counts: Mapping[str, Cells],
    check: Check,
    *,
    favourable: Scalar = 1,
    reference: Mapping[str, Scalar] | None = None,
    resample: Resample | None = None,
) -> list[Comparison]:
    """As `judge`, before the correction for many comparisons."""
    chosen, rules = reference or {}, _Rules(check, favourable, resample if check.grouping.largest_gap else None)
    return [
        comparison
        for column, cells in counts.items()
        for comparison in _column(column, cells, rules, chosen.get(column))
    ]


def needs_labels(check: Check) -> bool:
    """Whether some limit is about more than who is selected: live decisions have no labels yet."""
    judged = [measure for measure in MEASURES if getattr(check.limits, measure.name) is not None]
    return any(rate is not SELECTED for measure in judged for rate in measure.rates)


def keeps_ratio(lower: Share, higher: Share, limit: float) -> bool:
    """Whether the point estimate keeps the limit, exactly: 48 % against 60 % is 80 %, and 80 % passes.

    Integers, because the float quotient calls two in five exact 80 % cases a breach. The limit counts as it
    was typed (0.8 is 4/5). No selection at all keeps no limit.
    """
    return higher.count > 0 and lower.share >= Fraction(repr(limit)) * higher.share


def _column(column: str, cells: Cells, rules: _Rules, reference: Scalar) -> Iterator[Comparison]:
    problem = type_problem(cells, rules.favourable)
    if problem:
        yield Comparison(Observation("rows", column, verdict=Verdict.ERROR, detail=problem))
        return
    groups = count_groups(cells, rules.favourable)
    against = choose_reference(groups, reference)
    if not isinstance(against, Group):
        seen = Observation("groups", column, value=len(groups), verdict=against[0], detail=against[1])
        yield Comparison(seen)
        return
    if CROSSED in column:
        groups, small = _large_enough(groups, against, rules.check)
        yield from map(Comparison, _small(column, small, rules.check))
    else:
        yield from map(Comparison, _unknown_rows(column, groups, needs_labels=needs_labels(rules.check)))
    yield from _compare(column, groups, against, rules)


def _compare(column: str, groups: Sequence[Group], against: Group, rules: _Rules) -> Iterator[Comparison]:
    others = [group for group in groups if group is not against]
    constant = {measure.name: measure.constant(groups) for measure, _limit in rules.measures}
    for group in others:
        where = f"{column}: {group.name} vs {against.name}"
        for measure, limit in rules.measures:
            yield _pair(measure, where, (group, against), limit, rules.check, constant[measure.name])
    if rules.resample is not None and len(groups) >= _THREE:
        for measure, limit in rules.measures:
            yield _largest(measure, column, groups, limit, rules)


def _large_enough(groups: Sequence[Group], against: Group, check: Check) -> tuple[list[Group], list[Group]]:
    kept = [group for group in groups if group is against or group.rows >= check.min_n]
    return kept, [group for group in groups if group not in kept]


def _small(column: str, groups: Sequence[Group], check: Check) -> Iterator[Observation]:
    """Crossings get thin; too thin ones are told in one line, as a warning, for every model has some."""
    if groups:
        rows = sum(group.rows for group in groups)
        text = Words(
            f"{check.min_n} 行に満たない {len(groups)} 群(合計 {shown(rows)} 行)は比べられない",
            f"{len(groups)} groups of fewer than {check.min_n} rows ({shown(rows)} in all) cannot be compared",
        )
        yield Observation("groups", column, value=len(groups), n=int(rows), verdict=Verdict.WARN, detail=text)


def _unknown_rows(column: str, groups: Sequence[Group], *, needs_labels: bool) -> Iterator[Observation]:
    """Rows that no rate can count: a gap may hide in them, so they keep the check from passing."""
    rows = sum(group.rows for group in groups)
    for name, missing in (
        ("prediction", rows - sum(group.selected.n for group in groups)),
        ("label", rows - sum(group.labelled for group in groups)),
    ):
        if missing and (needs_labels or name != "label"):
            text = Words(
                f"{shown(rows)} 行のうち {shown(missing)} 行は{_NAMES[name]}がなく(NULL、NaN、無限大)、どの率にも入らない",
                f"{shown(missing)} of {shown(rows)} rows have no {name} (NULL, NaN or infinite) and are in no rate",
            )
            yield Observation(
                f"rows_without_{name}",
                column,
                value=missing,
                limit=0,
                comparison="==",
                n=int(rows),
                verdict=Verdict.INSUFFICIENT,
                detail=text,
            )


def _pair(
    measure: Measure, where: str, pair: tuple[Group, Group], limit: float, check: Check, constant: Words
) -> Comparison:
    comparison, n, fact = measure.comparison, measure.rows(pair), measure.fact(pair)
    reason = constant or measure.too_little(pair, check)
    if not reason and _is_undefined(measure, pair):
        reason = _NOBODY
    if reason:
        return Comparison(_untold(measure.name, where, (limit, comparison), n, reason.then(fact)))
    interval, breaks = partial(measure.interval, pair), partial(_breaks, limit=limit, comparison=comparison)
    low, high = interval(check.confidence)
    p = breach_p(interval, breaks, check.confidence)
    verdict = _between(low >= limit if measure.is_ratio else -limit <= low and high <= limit, p < 1)
    if verdict is Verdict.INSUFFICIENT:
        fact = fact.then(_unsettled(measure, pair, limit))
    bounds = low, high if math.isfinite(high) else None
    value = measure.value(pair)
    return Comparison(Observation(measure.name, where, value, *bounds, limit, comparison, n, verdict, fact), p)


def _is_undefined(measure: Measure, groups: Sequence[Group]) -> bool:
    """A ratio to nobody."""
    return measure.is_ratio and all(rate.share(group).count == 0 for rate in measure.rates for group in groups)


def _unsettled(measure: Measure, pair: tuple[Group, Group], limit: float) -> Words:
    if not measure.is_ratio:
        return UNSETTLED
    rate = measure.rates[0]
    lower, higher = (rate.share(group) for group in measure.sorted(rate, pair))
    return _POINT_KEEPS if keeps_ratio(lower, higher, limit) else _POINT_BREAKS


def _breaks(interval: Interval, limit: float, comparison: str) -> bool:
    return interval.high < limit if comparison == ">=" else interval.low > limit


def _largest(measure: Measure, column: str, groups: Sequence[Group], limit: float, rules: _Rules) -> Comparison:
    """The gap between the extremes: no closed form, and biased upwards, so bootstrapped."""
    where, comparison, n = f"{column}: {LARGEST}", measure.comparison, measure.rows(groups)
    reason = measure.constant(groups) or measure.too_little(groups, rules.check)
    if not reason and _is_undefined(measure, groups):
        reason = _NOBODY
    if reason:
        return Comparison(_untold(measure.name, where, (limit, comparison), n, reason))
    assert rules.resample is not None  # noqa: S101 - asked by the caller
    interval, fact = rules.resample(groups, measure), measure.fact(groups)
    keeps = interval.low >= limit if measure.is_ratio else interval.high <= limit
    verdict = _between(keeps, _breaks(interval, limit, comparison))
    detail = fact.then(UNSETTLED) if verdict is Verdict.INSUFFICIENT else fact
    value = measure.value(groups)
    return Comparison(Observation(measure.name, where, value, *interval, limit, comparison, n, verdict, detail))


def _untold(name: str, where: str, bound: tuple[float, str], n: int, detail: Words) -> Observation:
    limit, comparison = bound
    return Observation(
        name, where, limit=limit, comparison=comparison, n=n, verdict=Verdict.INSUFFICIENT, detail=detail
    )


def _between(keeps: bool, breaks: bool) -> Verdict:  # noqa: FBT001 - both are read beside their comparison
    return Verdict.PASS if keeps else Verdict.FAIL if breaks else Verdict.INSUFFICIENT
