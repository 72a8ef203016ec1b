# SPDX-License-Identifier: Apache-2.0
"""A logged metric is held against its floor, with an interval where it is a share of rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import performance
from governance.core.terms import Observation, Verdict
from governance.policy import Check, Family, MetricFloor, Text

TEXT = Text(ja="性能", en="performance")
CHECK = Check(family=Family.PERFORMANCE, name=TEXT, remedy=TEXT)
ACCURACY = MetricFloor(metric="accuracy", at_least=0.8, n_metric="n")
LOSS = MetricFloor(metric="log_loss", at_most=0.5)


def observe(floor: MetricFloor, **metrics: float) -> Observation:
    return performance.judge([floor], metrics, CHECK).observations[0]


@pytest.mark.parametrize(
    ("value", "n", "verdict"),
    [
        (0.85, 1000, Verdict.PASS),
        (0.75, 1000, Verdict.FAIL),
        (0.81, 1000, Verdict.INSUFFICIENT),
        (0.99, 29, Verdict.INSUFFICIENT),
    ],
)
def test_a_share_is_judged_on_its_whole_interval(value: float, n: int, verdict: Verdict) -> None:
    assert observe(ACCURACY, accuracy=value, n=n).verdict is verdict


def test_every_field_of_a_share_is_filled() -> None:
    seen = observe(ACCURACY, accuracy=0.85, n=1000.0)
    assert (seen.name, seen.value, seen.limit, seen.comparison, seen.n) == ("accuracy", 0.85, 0.8, ">=", 1000)
    assert (seen.low, seen.high) == pytest.approx((0.826531, 0.870790), abs=1e-6)


@pytest.mark.parametrize(("value", "verdict"), [(0.5, Verdict.PASS), (0.5000001, Verdict.FAIL)])
def test_without_n_the_point_is_judged(value: float, verdict: Verdict) -> None:
    seen = observe(LOSS, log_loss=value)
    assert (seen.verdict, seen.low, seen.high) == (verdict, None, None)


@pytest.mark.parametrize(
    ("metrics", "verdict", "why"),
    [
        ({}, Verdict.NOT_RUN, "no metric 'accuracy'"),
        ({"accuracy": 0.9}, Verdict.NOT_RUN, "no metric 'n'"),
        ({"accuracy": math.nan, "n": 100}, Verdict.ERROR, "not a finite number"),
        ({"accuracy": math.inf, "n": 100}, Verdict.ERROR, "not a finite number"),
        ({"accuracy": 0.9, "n": math.nan}, Verdict.ERROR, "not a number of rows"),
        ({"accuracy": 0.9, "n": -1}, Verdict.ERROR, "not a number of rows"),
        ({"accuracy": 0.9, "n": 10.5}, Verdict.ERROR, "not a number of rows"),
        ({"accuracy": 90.0, "n": 100}, Verdict.ERROR, "not a share of rows"),
        ({"accuracy": 0.9, "n": 0}, Verdict.INSUFFICIENT, "fewer than the 30"),
    ],
)
def test_what_cannot_be_judged_has_a_verdict_and_a_reason(
    metrics: dict[str, float], verdict: Verdict, why: str
) -> None:
    seen = observe(ACCURACY, **metrics)
    assert seen.verdict is verdict
    assert why in seen.detail.en


def test_no_floor_is_not_run_and_says_where_to_set_one() -> None:
    finding = performance.judge([], {"accuracy": 1.0}, CHECK)
    assert finding.verdict is Verdict.NOT_RUN
    assert "`performance` in use_cases.yaml" in finding.detail.en


def test_the_worst_floor_counts() -> None:
    assert (
        performance.judge([ACCURACY, LOSS], {"accuracy": 0.9, "n": 1000, "log_loss": 9}, CHECK).verdict is Verdict.FAIL
    )


@given(st.floats(0, 1), st.integers(30, 10**6), st.floats(0, 1))
def test_a_ceiling_on_the_error_rate_says_what_a_floor_on_the_hit_rate_says(value: float, n: int, limit: float) -> None:
    floor = MetricFloor(metric="hit", at_least=limit, n_metric="n")
    ceiling = MetricFloor(metric="hit", at_most=limit, n_metric="n")
    up, down = observe(floor, hit=value, n=n).verdict, observe(ceiling, hit=value, n=n).verdict
    assert not (up is Verdict.FAIL and down is Verdict.FAIL)
    assert not (up is Verdict.PASS and down is Verdict.PASS)
