# SPDX-License-Identifier: Apache-2.0
"""Whether a model still does its work: metrics logged to MLflow against the floors of the policy (clause 3.3-07c)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from governance.core import statistics
from governance.core.bias import UNSETTLED
from governance.core.terms import NOTHING, Finding, Observation, Verdict, VersionKey, Words
from governance.core.verdicts import combine
from governance.policy import MetricFloor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from governance.policy import Check

_AS_LOGGED: Final = Words("記録値のまま、区間なしで判定", "judged as logged, without an interval")
_FIRST: Final = Words("比べる承認済みの版がない", "no version was approved before: nothing to compare with")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the approved version logged."""

    subject: VersionKey
    metrics: Mapping[str, float]


def judge(
    floors: Sequence[MetricFloor], metrics: Mapping[str, float], check: Check, baseline: Baseline | None = None
) -> Finding:
    """Hold every floor (or ceiling) against its metric, and the metric against the approved version's.

    Args:
        floors: of the use case. None at all gives `not_run` with the remedy.
        metrics: of the version's run, as logged.
        check: `confidence` and `min_n` for metrics that are shares of rows (`n_metric`).
        baseline: the approved version, for floors with `max_drop`; None if no version was approved before.

    Returns:
        One observation per floor. A share of n rows is judged on its Wilson interval (Wilson 1927): `pass` if
        the whole interval keeps the limit, `fail` if all of it breaks it, else `insufficient`. A metric without
        n is judged as the point it is. Not logged: `not_run`. Not a finite number, or no share: `error`.
        One more per floor with `max_drop`: how much worse than the baseline, in the metric's unit, with the
        Newcombe interval (Newcombe 1998) if both are shares of n rows, judged in the same way.
    """
    if not floors:
        return Finding(
            Verdict.NOT_RUN,
            detail=Words(
                "ユースケースに下限がない。use_cases.yaml に performance を書くか、理由を付けて対象外にする",
                "the use case sets no floor; add `performance` in use_cases.yaml, or exempt the check with a reason",
            ),
        )
    observations = tuple(seen for floor in floors for seen in _floor(floor, metrics, check, baseline))
    n = max((observation.n for observation in observations if observation.n is not None), default=None)
    compares = any(floor.max_drop is not None for floor in floors)
    detail = _FIRST if compares and baseline is None else NOTHING
    return Finding(combine(observation.verdict for observation in observations), observations, n=n, detail=detail)


def _floor(
    floor: MetricFloor, metrics: Mapping[str, float], check: Check, baseline: Baseline | None
) -> Iterator[Observation]:
    seen = observe(floor, metrics, check)
    yield seen
    if floor.max_drop is not None and baseline is not None:
        yield _drop(floor, seen, observe(floor, baseline.metrics, check), baseline, check)


def _drop(floor: MetricFloor, mine: Observation, base: Observation, baseline: Baseline, check: Check) -> Observation:
    """How much worse `mine` is than `base`; a positive number is worse, whichever way the metric goes."""
    ceiling = MetricFloor(metric=floor.metric, at_most=floor.max_drop)
    where = f"vs {baseline.subject}"
    for seen, owner in ((mine, None), (base, baseline.subject)):
        if seen.value is None or seen.verdict is Verdict.ERROR or (floor.n_metric and not seen.n):
            return replace(_unjudged_drop(ceiling, seen, owner), slice=where)
    assert mine.value is not None and base.value is not None  # noqa: S101, PT018 - seen above
    worse = base.value - mine.value if floor.at_least is not None else mine.value - base.value
    interval, n = statistics.Interval(worse, worse), None
    if mine.n and base.n:
        interval, n = _newcombe(floor, mine, base, check), min(mine.n, base.n)
    text = _AS_LOGGED if n is None else Words(f"{baseline.subject} より悪化", f"worse than {baseline.subject}")
    seen = judged(ceiling, worse, interval, n, text)
    if n is not None and n < check.min_n:
        seen = replace(seen, verdict=Verdict.INSUFFICIENT, detail=_few(n, check))
    return replace(seen, slice=where)


def _newcombe(floor: MetricFloor, mine: Observation, base: Observation, check: Check) -> statistics.Interval:
    better, other = (base, mine) if floor.at_least is not None else (mine, base)
    assert better.value is not None and better.n and other.value is not None and other.n  # noqa: S101, PT018 - seen above
    return statistics.newcombe(better.value * better.n, better.n, other.value * other.n, other.n, check.confidence)


def _unjudged_drop(ceiling: MetricFloor, seen: Observation, owner: VersionKey | None) -> Observation:
    if owner is None:
        text = Words("この版の値が分からず比べられない", "nothing to compare: the value of this version is not known")
    else:
        text = Words(
            f"承認済みの {owner} の値が分からず比べられない。その実行に指標を記録する",
            f"nothing to compare with: log the metric and its n on the run of the approved {owner}",
        )
    verdict = Verdict.ERROR if seen.verdict is Verdict.ERROR else Verdict.NOT_RUN
    return unjudged(ceiling, verdict, text)


def observe(floor: MetricFloor, metrics: Mapping[str, float], check: Check) -> Observation:
    """One floor held against its metric, as `judge` does."""
    value = metrics.get(floor.metric)
    if value is None:
        return unjudged(
            floor,
            Verdict.NOT_RUN,
            Words(
                f"MLflow の実行に指標 {floor.metric!r} の記録がない。mlflow.log_metric で記録する",
                f"the run logged no metric {floor.metric!r}; log it with mlflow.log_metric",
            ),
        )
    if not math.isfinite(value):
        return unjudged(
            floor,
            Verdict.ERROR,
            Words(f"記録値 {value} は有限の数でない", f"the logged value is {value}, not a finite number"),
        )
    if floor.n_metric is None:
        return judged(floor, value, statistics.Interval(value, value), None, _AS_LOGGED)
    return _share(floor, value, metrics.get(floor.n_metric), check)


def _share(floor: MetricFloor, value: float, n: float | None, check: Check) -> Observation:
    if n is None:
        return unjudged(
            floor,
            Verdict.NOT_RUN,
            Words(
                f"{floor.metric!r} の行数を表す指標 {floor.n_metric!r} の記録がない",
                f"the run logged no metric {floor.n_metric!r}, which counts the rows behind {floor.metric!r}",
            ),
            value,
        )
    if not math.isfinite(n) or n < 0 or int(n) != n:
        return unjudged(
            floor,
            Verdict.ERROR,
            Words(f"{floor.n_metric} = {n} は行数でない", f"{floor.n_metric} is {n}, not a number of rows"),
            value,
        )
    if not 0 <= value <= 1:
        return unjudged(
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
        return unjudged(
            floor,
            Verdict.INSUFFICIENT,
            _few(rows, check),
            value,
            rows,
        )
    interval = statistics.wilson(value * rows, rows, check.confidence)
    return judged(floor, value, interval, rows, Words(f"{rows:,} 行中", f"of {rows:,} rows"))


def _few(rows: int, check: Check) -> Words:
    return Words(
        f"{rows:,} 行に基づき、必要な {check.min_n} 行に足りない",
        f"rests on {rows:,} rows, fewer than the {check.min_n} that the check needs",
    )


def judged(
    floor: MetricFloor, value: float, interval: statistics.Interval, n: int | None, detail: Words
) -> Observation:
    """A value held against its floor: the whole interval keeps it, all of it breaks it, or nobody can tell."""
    limit, comparison = _limit(floor)
    if comparison == ">=":
        keeps, breaks = interval.low >= limit, interval.high < limit
    else:
        keeps, breaks = interval.high <= limit, interval.low > limit
    verdict = Verdict.PASS if keeps else Verdict.FAIL if breaks else Verdict.INSUFFICIENT
    text = UNSETTLED if verdict is Verdict.INSUFFICIENT else detail
    low, high = (None, None) if n is None else interval
    return Observation(floor.metric, "", value, low, high, limit, comparison, n, verdict, text)


def unjudged(
    floor: MetricFloor, verdict: Verdict, detail: Words, value: float | None = None, n: int | None = None
) -> Observation:
    """A floor whose metric could not be judged, and why."""
    limit, comparison = _limit(floor)
    return Observation(
        floor.metric, value=value, limit=limit, comparison=comparison, n=n, verdict=verdict, detail=detail
    )


def _limit(floor: MetricFloor) -> tuple[float, str]:
    """The one bound a floor has; the policy allows exactly one."""
    if floor.at_least is not None:
        return floor.at_least, ">="
    return math.inf if floor.at_most is None else floor.at_most, "<="
