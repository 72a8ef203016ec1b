# SPDX-License-Identifier: Apache-2.0
"""On fair models `fail` is no more frequent than its nominal level; on unfair ones it is frequent. All simulated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from governance.checks.bootstrap import resampler
from governance.core import bias
from governance.core.cubes import Cell, Cube, by_group
from governance.core.groups import count_groups
from governance.core.measures import MEASURES
from governance.core.terms import Verdict
from governance.policy import BiasLimits, Check, Family, Grouping, Text

TEXT = Text(ja="偏り", en="bias")
NOMINAL = 0.025
"""One side of 95 %."""
RUNS = 1500
ONE = BiasLimits(selection_rate_ratio=None, equal_opportunity_difference=None)


def check(limits: BiasLimits, **grouping: Any) -> Check:
    return Check(family=Family.BIAS, name=TEXT, remedy=TEXT, limits=limits, grouping=Grouping(**grouping))


def drawn(random: np.random.Generator, sizes: list[int], rates: list[float]) -> dict[Any, float]:
    """Groups of people with half of the labels favourable; predictions know nothing but the rate of the group."""
    cells: dict[Any, float] = {}
    for group, (n, rate) in enumerate(zip(sizes, rates, strict=True)):
        counts = random.multinomial(n, [0.5 * rate, 0.5 * (1 - rate), 0.5 * rate, 0.5 * (1 - rate)])
        outcomes = [(1, 1), (1, 0), (0, 1), (0, 0)]
        cells |= {(f"g{group}", *outcome): int(n) for outcome, n in zip(outcomes, counts, strict=True) if n}
    return cells


def share_of(verdict: Verdict, judged: Check, sizes: list[int], rates: list[float], *, runs: int = RUNS) -> float:
    random = np.random.default_rng(20261124)
    resample = resampler(judged.grouping.replicates, judged.confidence)
    ended = [bias.judge({"g": drawn(random, sizes, rates)}, judged, resample=resample).verdict for _ in range(runs)]
    return ended.count(verdict) / runs


def at_most(nominal: float, runs: int = RUNS) -> float:
    """The nominal level and three standard errors of the simulation."""
    return nominal + 3 * math.sqrt(nominal * (1 - nominal) / runs)


def test_two_equal_groups_of_100_are_rarely_called_unfair_though_the_point_estimate_calls_most_of_them_so() -> None:
    judged = check(BiasLimits(equal_opportunity_difference=None))
    assert share_of(Verdict.FAIL, judged, [100, 100], [0.1, 0.1]) <= NOMINAL
    random, naive = np.random.default_rng(1), 0
    for _ in range(RUNS):
        groups = count_groups(drawn(random, [100, 100], [0.1, 0.1]), 1)
        lower, higher = sorted((group.selected for group in groups), key=lambda share: share.share)
        naive += not bias.keeps_ratio(lower, higher, 0.8)
    assert naive / RUNS > 0.5


@pytest.mark.parametrize(
    ("limits", "rates"),
    [
        (BiasLimits(equal_opportunity_difference=None), [0.5, 0.4]),
        (ONE.model_copy(update={"demographic_parity_difference": 0.1}), [0.5, 0.4]),
        (BiasLimits(selection_rate_ratio=None), [0.5, 0.4]),
        (ONE.model_copy(update={"equalized_odds_difference": 0.1}), [0.5, 0.4]),
    ],
    ids=["selection ratio", "parity", "opportunity", "odds"],
)
def test_a_gap_of_exactly_the_limit_fails_no_more_often_than_the_nominal_level(
    limits: BiasLimits, rates: list[float]
) -> None:
    assert share_of(Verdict.FAIL, check(limits), [600, 600], rates) <= at_most(NOMINAL)


def test_eight_groups_at_the_limit_fail_no_more_often_than_two_because_of_holm() -> None:
    limits, sizes, rates = BiasLimits(equal_opportunity_difference=None), [900] + [300] * 7, [0.5] + [0.4] * 7
    assert share_of(Verdict.FAIL, check(limits), sizes, rates) <= at_most(NOMINAL)
    assert share_of(Verdict.FAIL, check(limits, correction="none"), sizes, rates) > 2 * NOMINAL


def test_the_largest_of_five_gaps_fails_rarely_where_every_group_is_the_same() -> None:
    limits = ONE.model_copy(update={"demographic_parity_difference": 0.1})
    judged = check(limits, largest_gap=True, replicates=400)
    assert share_of(Verdict.FAIL, judged, [200] * 5, [0.5] * 5, runs=400) <= at_most(NOMINAL, 400)


def test_a_clear_breach_is_found_with_the_power_that_the_docs_state() -> None:
    judged = check(BiasLimits(equal_opportunity_difference=None))
    assert share_of(Verdict.FAIL, judged, [400, 400], [0.5, 0.3], runs=400) > 0.8
    assert share_of(Verdict.PASS, judged, [4000, 4000], [0.5, 0.47], runs=400) > 0.8


def test_bootstrap_from_counts_has_the_quantiles_of_a_bootstrap_of_rows() -> None:
    random = np.random.default_rng(5)
    group, label = random.integers(0, 3, 2000), random.integers(0, 2, 2000)
    prediction = (random.random(2000) < np.array([0.5, 0.4, 0.3])[group]).astype(int)
    measure = next(one for one in MEASURES if one.name == "demographic_parity_difference")
    cells: dict[Any, float] = {}
    for key in zip(map(str, group), label.tolist(), prediction.tolist(), strict=True):
        cells[key] = cells.get(key, 0) + 1
    groups = count_groups(cells, 1)
    low, high = resampler(20_000, 0.95)(groups, measure)
    gaps = []
    for _ in range(3000):
        rows = random.integers(0, 2000, 2000)
        rates = [prediction[rows][group[rows] == g].mean() for g in range(3)]
        gaps.append(max(rates) - min(rates))
    value = measure.value(groups)
    expected = 2 * value - np.quantile(gaps, [0.975, 0.025])
    assert (low, high) == pytest.approx(expected, abs=0.006)
    assert resampler(20_000, 0.95)(groups, measure) == (low, high), "the same counts give the same interval"


def test_a_cube_of_one_group_says_that_there_is_nobody_to_compare_with() -> None:
    cube = Cube(("sex",), (Cell(("f",), label=True, prediction=True, rows=9, weight=9, square=9),))
    judged = bias.judge({"sex": by_group(cube, ["sex"])}, check(BiasLimits()), favourable=True)
    assert judged.verdict is Verdict.INSUFFICIENT
