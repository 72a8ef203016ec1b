# SPDX-License-Identifier: Apache-2.0
"""A version must not be worse than the approved one by more than the policy says."""

from __future__ import annotations

from typing import Any

import pytest

from governance.core import gates, performance
from governance.core.performance import Baseline
from governance.core.terms import Finding, Observation, Verdict
from governance.policy import Check, Family, MetricFloor, Text
from tests import factories
from tests.languages import problems

TEXT = Text(ja="性能", en="performance")
CHECK = Check(family=Family.PERFORMANCE, name=TEXT, remedy=TEXT)
SHARE = MetricFloor(metric="accuracy", at_least=0.5, n_metric="n", max_drop=0.05)
ERROR = MetricFloor(metric="error", at_most=0.5, n_metric="n", max_drop=0.05)
POINT = MetricFloor(metric="auc", at_least=0.5, max_drop=0.02)


def judge(floor: MetricFloor, mine: dict[str, float], base: dict[str, float] | None) -> Finding:
    baseline = None if base is None else Baseline(factories.key("credit-scoring", 3), base)
    finding = performance.judge([floor], mine, CHECK, baseline)
    assert [problem for o in finding.observations for problem in problems(o.detail)] == []
    return finding


def drop(floor: MetricFloor, mine: dict[str, float], base: dict[str, float]) -> Observation:
    _floor, seen = judge(floor, mine, base).observations
    assert (seen.slice, seen.comparison, seen.limit) == ("vs credit-scoring v3", "<=", floor.max_drop)
    return seen


@pytest.mark.parametrize(
    ("mine", "base", "n", "verdict"),
    [
        (0.85, 0.86, 5000, Verdict.PASS),
        (0.70, 0.86, 5000, Verdict.FAIL),
        (0.82, 0.86, 200, Verdict.INSUFFICIENT),
        (0.95, 0.86, 200, Verdict.PASS),
        (0.86, 0.86, 20, Verdict.INSUFFICIENT),
    ],
)
def test_the_interval_of_the_difference_decides(mine: float, base: float, n: int, verdict: Verdict) -> None:
    seen = drop(SHARE, {"accuracy": mine, "n": n}, {"accuracy": base, "n": 5000})
    assert seen.verdict is verdict
    assert seen.value == pytest.approx(base - mine)


def test_of_an_error_rate_more_is_worse() -> None:
    seen = drop(ERROR, {"error": 0.30, "n": 5000}, {"error": 0.14, "n": 5000})
    assert seen.verdict is Verdict.FAIL
    assert seen.value == pytest.approx(0.16)
    assert seen.low is not None
    assert seen.low < 0.16
    turned = drop(SHARE, {"accuracy": 0.70, "n": 5000}, {"accuracy": 0.86, "n": 5000})
    assert (seen.low, seen.high) == pytest.approx((turned.low, turned.high))


def test_without_n_the_points_are_compared() -> None:
    assert drop(POINT, {"auc": 0.79}, {"auc": 0.80}).verdict is Verdict.PASS
    assert drop(POINT, {"auc": 0.70}, {"auc": 0.80}).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("mine", "base", "verdict"),
    [
        ({"accuracy": 0.9, "n": 1000}, {}, Verdict.NOT_RUN),
        ({"accuracy": 0.9, "n": 1000}, {"accuracy": 0.9}, Verdict.NOT_RUN),
        ({}, {"accuracy": 0.9, "n": 1000}, Verdict.NOT_RUN),
        ({"accuracy": 0.9, "n": 1000}, {"accuracy": 90.0, "n": 1000}, Verdict.ERROR),
    ],
)
def test_what_cannot_be_compared_is_not_green(mine: dict[str, float], base: dict[str, float], verdict: Verdict) -> None:
    assert drop(SHARE, mine, base).verdict is verdict


def test_the_first_version_has_nothing_to_be_compared_with() -> None:
    finding = judge(POINT, {"auc": 0.9}, None)
    assert (finding.verdict, len(finding.observations)) == (Verdict.PASS, 1)
    assert "no version was approved before" in finding.detail.en


def approved(before: int, **decided: bool) -> Any:
    model = factories.registered(numbers=(1, 2, 3, 4))
    decisions = {}
    for name, blocks in decided.items():
        number, gate = int(name[1]), name[2:] or "G4"
        key = factories.key(number=number)
        decisions[key, gate] = factories.decision(key, blocks=blocks, gate=gate)
    found = gates.approved(model, factories.key(number=before), decisions)
    return found and found.key.version


def test_the_baseline_is_the_newest_older_version_that_every_gate_let_pass() -> None:
    assert approved(4, v1=False, v2=False, v3=True) == 2
    assert approved(4, v1=False, v2G4=False, v2G5=True) == 1
    assert approved(2, v2=False, v3=False) is None
    assert approved(3, v1=False, v3=False, v4=False) == 1
