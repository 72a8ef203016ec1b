# SPDX-License-Identifier: Apache-2.0
"""Whether a model still does its work: metrics logged to MLflow against the floors of the policy (clause 3.3-07c)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from governance.core import statistics
from governance.core.bias import UNSETTLED
from governance.core.terms import Finding, Observation, Verdict, Words
from governance.core.verdicts import combine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.policy import Check, MetricFloor

_AS_LOGGED: Final = Words("記録値のまま、区間なしで判定", "judged as logged, without an interval")


def judge(floors: Sequence[MetricFloor], metrics: Mapping[str, float], check: Check) -> Finding:
    """Hold every floor (or ceiling) against its metric.

    Args:
        floors: of the use case. None at all gives `not_run` with the remedy.
        metrics: of the version's run, as logged.
        check: `confidence` and `min_n` for metrics that are shares of rows (`n_metric`).

    Returns:
        One observation per floor. A share of n rows is judged on its Wilson interval (Wilson 1927): `pass` if
        the whole interval keeps the limit, `fail` if all of it breaks it, else `insufficient`. A metric without
        n is judged as the point it is. Not logged: `not_run`. Not a finite number, or no share: `error`.
    """
    if not floors:
        return Finding(
            Verdict.NOT_RUN,
            detail=Words(
                "ユースケースに下限がない。use_cases.yaml に performance を書くか、理由を付けて対象外にする",
                "the use case sets no floor; add `performance` in use_cases.yaml, or exempt the check with a reason",
            ),
        )
    observations = tuple(_observe(floor, metrics, check) for floor in floors)
    n = max((observation.n for observation in observations if observation.n is not None), default=None)
    return Finding(combine(observation.verdict for observation in observations), observations, n=n)


def _observe(floor: MetricFloor, metrics: Mapping[str, float], check: Check) -> Observation:
    value = metrics.get(floor.metric)
    if value is None:
        return _unjudged(
            floor,
            Verdict.NOT_RUN,
            Words(
                f"MLflow の実行に指標 {floor.metric!r} の記録がない。mlflow.log_metric で記録する",
                f"the run logged no metric {floor.metric!r}; log it with mlflow.log_metric",
            ),
        )
    if not math.isfinite(value):
        return _unjudged(
            floor,
            Verdict.ERROR,
            Words(f"記録値 {value} は有限の数でない", f"the logged value is {value}, not a finite number"),
        )
    if floor.n_metric is None:
        return _judged(floor, value, statistics.Interval(value, value), None, _AS_LOGGED)
    return _share(floor, value, metrics.get(floor.n_metric), check)


def _share(floor: MetricFloor, value: float, n: float | None, check: Check) -> Observation:
    if n is None:
        return _unjudged(
            floor,
            Verdict.NOT_RUN,
            Words(
                f"{floor.metric!r} の行数を表す指標 {floor.n_metric!r} の記録がない",
                f"the run logged no metric {floor.n_metric!r}, which counts the rows behind {floor.metric!r}",
            ),
            value,
        )
    if not math.isfinite(n) or n < 0 or int(n) != n:
        return _unjudged(
            floor,
            Verdict.ERROR,
            Words(f"{floor.n_metric} = {n} は行数でない", f"{floor.n_metric} is {n}, not a number of rows"),
            value,
        )
    if not 0 <= value <= 1:
        return _unjudged(
            floor,
            Verdict.ERROR,
            Words(
                f"{value} は行の割合でない。use_cases.yaml のこの下限から n_metric を外す",
                f"{value} is not a share of rows; drop n_metric from this floor in use_cases.yaml",
            ),
            value,
        )
    rows = int(n)
    if rows < check.min_n:
        return _unjudged(
            floor,
            Verdict.INSUFFICIENT,
            Words(
                f"{rows:,} 行に基づき、必要な {check.min_n} 行に足りない",
                f"rests on {rows:,} rows, fewer than the {check.min_n} that the check needs",
            ),
            value,
            rows,
        )
    interval = statistics.wilson(value * rows, rows, check.confidence)
    return _judged(floor, value, interval, rows, Words(f"{rows:,} 行中", f"of {rows:,} rows"))


def _judged(
    floor: MetricFloor, value: float, interval: statistics.Interval, n: int | None, detail: Words
) -> Observation:
    limit, comparison = _limit(floor)
    if comparison == ">=":
        keeps, breaks = interval.low >= limit, interval.high < limit
    else:
        keeps, breaks = interval.high <= limit, interval.low > limit
    verdict = Verdict.PASS if keeps else Verdict.FAIL if breaks else Verdict.INSUFFICIENT
    text = UNSETTLED if verdict is Verdict.INSUFFICIENT else detail
    low, high = (None, None) if n is None else interval
    return Observation(floor.metric, "", value, low, high, limit, comparison, n, verdict, text)


def _unjudged(
    floor: MetricFloor, verdict: Verdict, detail: Words, value: float | None = None, n: int | None = None
) -> Observation:
    limit, comparison = _limit(floor)
    return Observation(
        floor.metric, value=value, limit=limit, comparison=comparison, n=n, verdict=verdict, detail=detail
    )


def _limit(floor: MetricFloor) -> tuple[float, str]:
    """The one bound a floor has; the policy allows exactly one."""
    if floor.at_least is not None:
        return floor.at_least, ">="
    return math.inf if floor.at_most is None else floor.at_most, "<="
