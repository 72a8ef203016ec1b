# SPDX-License-Identifier: Apache-2.0
"""How much a perturbation costs each part of the data, from logged metrics.

Somebody perturbs the evaluation data (typing errors, noise, another camera) and logs the share that is still
right; `base` is the share without perturbation::

    robustness.<slice>.base            0.91      robustness.<slice>.n    800
    robustness.<slice>.<perturbation>  0.88      robustness.<slice>.<perturbation>.n  (if it differs)

The cost is base minus perturbed, in points. Where n is known it is judged on the Newcombe interval (Newcombe
1998, method 10), which takes both for independent samples: for the same rows twice it is too wide, never too narrow.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from governance.core import performance, statistics
from governance.core.terms import Finding, Observation, Verdict, Words
from governance.core.verdicts import combine
from governance.policy import MetricFloor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.policy import Check

PREFIX: Final = "robustness."
BASE: Final = "base"
_N: Final = ".n"

_NO_LIMIT: Final = Words(
    "限度が決められていない。checks.yaml の robustness.max_drop に書く",
    "no limit is set; write `robustness.max_drop` in checks.yaml",
)
_NOTHING_LOGGED: Final = Words(
    "摂動の結果が記録されていない。mlflow.log_metric で robustness.<部分>.base と robustness.<部分>.<摂動> を記録する",
    "no perturbation was logged; log robustness.<slice>.base and robustness.<slice>.<perturbation>",
)
_NO_SHARE: Final = Words("0 から 1 の割合でない", "not a share between 0 and 1")
_NO_ROWS: Final = Words("行数が 1 以上の整数でない", "the number of rows is not a whole number above 0")
_AS_LOGGED: Final = Words("記録値のまま、区間なしで判定", "judged as logged, without an interval")


def judge(metrics: Mapping[str, float], check: Check) -> Finding:
    """Hold the cost of every perturbation against the limit.

    Args:
        metrics: of the version's run, as logged; names as above.
        check: `robustness` with `max_drop` and what must have been tried; `confidence` and `min_n`.

    Returns:
        One observation per slice and perturbation, logged or required. Required and not logged, or without a
        base: `not_run`. Nothing at all: `not_run` with the remedy.
    """
    settings = check.robustness
    if settings is None:
        return Finding(Verdict.NOT_RUN, detail=_NO_LIMIT)
    tried = {(part, perturbation) for part, perturbation in map(_named, metrics) if perturbation}
    wanted = {_split(name) for name in settings.required}
    if not tried | wanted:
        return Finding(Verdict.NOT_RUN, detail=_NOTHING_LOGGED)
    floor = MetricFloor(metric="accuracy_drop", at_most=settings.max_drop)
    observations = tuple(
        replace(_observe(part, perturbation, metrics, floor, check), slice=f"{part}: {perturbation}")
        for part, perturbation in sorted(tried | wanted)
    )
    n = max((observation.n for observation in observations if observation.n is not None), default=None)
    return Finding(combine(observation.verdict for observation in observations), observations, n)


def _named(metric: str) -> tuple[str, str]:
    """The slice and the perturbation that a metric is about; no perturbation for a base, a count or a stranger."""
    part, perturbation = _split(metric.removeprefix(PREFIX))
    is_result = metric.startswith(PREFIX) and part and perturbation not in {BASE, "n"}
    return (part, perturbation) if is_result else ("", "")


def _split(name: str) -> tuple[str, str]:
    part, _dot, perturbation = name.rpartition(".")
    return part, perturbation


def _observe(
    part: str, perturbation: str, metrics: Mapping[str, float], floor: MetricFloor, check: Check
) -> Observation:
    base, perturbed = metrics.get(f"{PREFIX}{part}.{BASE}"), metrics.get(f"{PREFIX}{part}.{perturbation}")
    if base is None or perturbed is None:
        absent = f"{PREFIX}{part}.{BASE if base is None else perturbation}"
        text = Words(f"MLflow の実行に指標 {absent!r} の記録がない", f"the run logged no metric {absent!r}")
        return performance.unjudged(floor, Verdict.NOT_RUN, text)
    if not (0 <= base <= 1 and 0 <= perturbed <= 1):
        return performance.unjudged(floor, Verdict.ERROR, _NO_SHARE)
    of_part = metrics.get(f"{PREFIX}{part}{_N}")
    mine = metrics.get(f"{PREFIX}{part}.{perturbation}{_N}", of_part)
    if of_part is None or mine is None:
        drop = base - perturbed
        return performance.judged(floor, drop, statistics.Interval(drop, drop), None, _AS_LOGGED)
    if not (_is_count(of_part) and _is_count(mine)):
        return performance.unjudged(floor, Verdict.ERROR, _NO_ROWS)
    return _weighed((base, int(of_part)), (perturbed, int(mine)), floor, check)


def _weighed(base: tuple[float, int], perturbed: tuple[float, int], floor: MetricFloor, check: Check) -> Observation:
    (share, n), (other, other_n) = base, perturbed
    rows = min(n, other_n)
    text = Words(f"{rows:,} 行中。{share:.3f} から {other:.3f}", f"of {rows:,} rows; {share:.3f} became {other:.3f}")
    if rows < check.min_n:
        few = Words(f"必要な {check.min_n} 行に足りない", f"fewer than the {check.min_n} rows that the check needs")
        return performance.unjudged(floor, Verdict.INSUFFICIENT, text.then(few), share - other, rows)
    interval = statistics.newcombe(share * n, n, other * other_n, other_n, check.confidence)
    return performance.judged(floor, share - other, interval, rows, text)


def _is_count(n: float) -> bool:
    return math.isfinite(n) and n >= 1 and int(n) == n
