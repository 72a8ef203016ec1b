# SPDX-License-Identifier: Apache-2.0
"""Errors from sums are NumPy's from rows, and groups whose errors are alike are left alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from governance.core import regression
from governance.core.regression import MISSING, NOT_A_NUMBER, NOT_FINITE, Errors, Sums
from governance.core.terms import Observation, Verdict
from governance.policy import Check, Family, Grouping, Text
from governance.policy.scores import ErrorLimits

TEXT = Text(ja="誤差", en="errors")
NOMINAL = 0.025
"""One side of 95 %."""
Array = np.ndarray[Any, Any]
BOTH = {"error_ratio": 0.8, "mean_error_difference": 0.2}


def check(**settings: Any) -> Check:
    return Check(family=Family.BIAS, name=TEXT, remedy=TEXT, **settings)


def summed(group: Any, labels: Any, errors: Any) -> Errors:
    y, e = np.asarray(labels, dtype=float), np.asarray(errors, dtype=float)
    sums = (float(one.sum()) for one in (e, np.abs(e), e**2, y, y**2, y**3, y**4))
    return Errors(group, 0, 0, len(y), *sums)


def judged(*groups: Errors, settings: Any = None, **limits: float) -> list[Observation]:
    return list(regression.judge_errors({"sex": groups}, ErrorLimits(**limits), check(**(settings or {}))))


def drawn(random: np.random.Generator, group: str, n: int, spread: float = 1.0, shift: float = 0.0) -> Errors:
    return summed(group, random.normal(50, 4, n), random.normal(shift, spread, n))


@given(st.lists(st.floats(-100, 100).map(lambda e: round(e, 3)), min_size=2, max_size=50))
def test_means_and_variances_are_numpys(errors: list[float]) -> None:
    sums, e = regression.fold([summed("g", range(len(errors)), errors)])["g"], np.array(errors)
    assert sums.mean_error == pytest.approx(e.mean(), abs=1e-9)
    assert sums.mae == pytest.approx(np.abs(e).mean(), abs=1e-9)
    n = len(e)
    assert sums.mean_error_variance == pytest.approx(e.var(ddof=1) / n, rel=1e-6, abs=1e-6)
    assert sums.mae_variance == pytest.approx(np.abs(e).var(ddof=1) / n, rel=1e-6, abs=1e-6)


def test_the_gap_is_in_pooled_standard_deviations_of_the_label() -> None:
    random = np.random.default_rng(1)
    y, z, d, e = random.normal(5, 2, 60), random.normal(9, 3, 40), random.normal(1, 1, 60), random.normal(0, 1, 40)
    pair = regression.fold([summed("a", y, d), summed("b", z, e)])
    gap, _variance = regression.standardised((pair["a"], pair["b"]))
    pooled = math.sqrt((59 * y.var(ddof=1) + 39 * z.var(ddof=1)) / 98)
    assert gap == pytest.approx(abs(d.mean() - e.mean()) / pooled, rel=1e-9)
    moved = regression.fold([summed("a", y * 1000, d * 1000), summed("b", z * 1000, e * 1000)])
    assert regression.standardised((moved["a"], moved["b"])) == pytest.approx((gap, _variance), rel=1e-6)


def test_the_interval_of_the_ratio_is_that_of_a_bootstrap_of_rows() -> None:
    random = np.random.default_rng(2)
    d, e = np.abs(random.normal(0, 1, 500)), np.abs(random.normal(0, 1.3, 400))
    pair = regression.fold([summed("a", range(500), d), summed("b", range(400), e)])
    low, high = regression.ratio_interval((pair["a"], pair["b"]), 0.95)
    drawn = [random.choice(d, 500).mean() / random.choice(e, 400).mean() for _ in range(4000)]
    assert (low, high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)
    assert regression.ratio_interval((pair["b"], pair["a"]), 0.95) == pytest.approx((low, high)), "lower over higher"


def test_alike_groups_pass_and_each_measure_finds_its_own_gap() -> None:
    random = np.random.default_rng(3)
    reference = drawn(random, "m", 3000)
    assert {seen.verdict for seen in judged(reference, drawn(random, "f", 2000), **BOTH)} == {Verdict.PASS}
    wide = {seen.name: seen for seen in judged(reference, drawn(random, "f", 2000, 2.0), **BOTH)}
    assert wide["error_ratio"].verdict is Verdict.FAIL
    assert wide["error_ratio"].value == pytest.approx(0.5, abs=0.05)
    assert wide["error_ratio"].n == 5000
    assert "mean absolute error: f 1.5" in wide["error_ratio"].detail.en
    assert wide["mean_error_difference"].verdict is Verdict.PASS
    low = {seen.name: seen for seen in judged(reference, drawn(random, "f", 2000, shift=-2.0), **BOTH)}
    assert low["mean_error_difference"].verdict is Verdict.FAIL
    assert low["mean_error_difference"].value == pytest.approx(0.5, abs=0.05)
    assert low["mean_error_difference"].slice == "sex: f vs m"
    assert "f -2." in low["mean_error_difference"].detail.ja


@pytest.mark.parametrize("n", [60, 400])
def test_gaps_of_exactly_the_limit_fail_no_more_often_than_the_nominal_level_and_are_covered(n: int) -> None:
    random, runs = np.random.default_rng(20261124), 1000
    failed, covered = {"error_ratio": 0, "mean_error_difference": 0}, {"error_ratio": 0, "mean_error_difference": 0}
    for _ in range(runs):
        told = judged(
            drawn(random, "a", n), drawn(random, "b", n, 1.25, 0.8),
            mean_error_difference=0.2, settings={"grouping": Grouping(correction="none")},
        ) + judged(drawn(random, "a", n), drawn(random, "b", n, 1.25), error_ratio=0.8)  # fmt: skip
        for seen in told:
            assert seen.low is not None
            assert seen.high is not None
            assert seen.limit is not None
            failed[seen.name] += seen.verdict is Verdict.FAIL
            covered[seen.name] += seen.low <= seen.limit <= seen.high
    for name, times in failed.items():
        assert 0 < times / runs <= NOMINAL + 3 * math.sqrt(NOMINAL / runs), name
        assert 0.92 <= covered[name] / runs <= 0.98, name


def test_the_variance_of_a_standard_deviation_follows_the_label_and_not_a_normal() -> None:
    random = np.random.default_rng(9)
    for y in (random.exponential(3, 500), random.normal(50, 4, 500), random.integers(0, 2, 500)):
        sums = regression.fold([summed("g", y, y)])["g"]
        fourth = ((y - y.mean()) ** 4).mean()
        assert sums.label_variance_variance == pytest.approx((fourth - y.var(ddof=1) ** 2) / 500, rel=1e-6, abs=1e-12)
    far = regression.fold([summed("g", 1e5 + random.normal(0, 1, 500), np.zeros(500))])["g"]
    assert far.label_variance_variance == pytest.approx(2 / 500, rel=0.3), "the fourth powers have lost their digits"


def test_labels_as_skewed_as_amounts_of_money_raise_no_more_alarms() -> None:
    random, runs, failed = np.random.default_rng(10), 1500, 0
    for _ in range(runs):
        y, z = random.exponential(1, 300), random.exponential(1, 300)
        pair = summed("a", y, random.normal(0, 0.4, 300)), summed("b", z, random.normal(0.2, 0.4, 300))
        failed += judged(*pair, mean_error_difference=0.2)[0].verdict is Verdict.FAIL
    assert failed / runs <= NOMINAL + 3 * math.sqrt(NOMINAL / runs)


def test_equal_groups_fail_rarely() -> None:
    random, runs = np.random.default_rng(5), 600
    limits = {"error_ratio": 0.95, "mean_error_difference": 0.02}
    failed = sum(
        any(seen.verdict is Verdict.FAIL for seen in judged(*(drawn(random, g, 100) for g in "abc"), **limits))
        for _ in range(runs)
    )
    assert failed / runs <= NOMINAL + 3 * math.sqrt(NOMINAL / runs)


def test_errors_without_spread_few_rows_and_labels_of_one_value_are_named_and_insufficient() -> None:
    random = np.random.default_rng(6)
    good, y = drawn(random, "m", 300), random.normal(50, 4, 100)
    for one, reason in (
        (summed("f", y, np.zeros(100)), "all errors of f are the same (0)"),
        (summed("f", y, np.full(100, 0.1)), "all errors of f are the same (0.1)"),
        (drawn(random, "f", 29), "f has 29 rows with a label and a prediction, fewer than the 30"),
        (Errors("f", MISSING, 0, 90), "f has 0 rows"),
    ):
        seen = [told for told in judged(good, one, **BOTH) if " vs " in told.slice]
        assert [told.verdict for told in seen] == [Verdict.INSUFFICIENT] * 2
        assert all(reason in told.detail.en and told.detail.ja and told.value is None for told in seen)
    flat = judged(good, summed("f", [7.0] * 100, random.normal(0, 1, 100)), mean_error_difference=0.1)[0]
    assert (flat.verdict, flat.value) == (Verdict.INSUFFICIENT, None)
    assert "labels hardly differ" in flat.detail.en
    huge = summed("f", 1e12 + random.normal(0, 1, 100), random.normal(0, 1, 100))
    assert judged(good, huge, mean_error_difference=0.1)[0].verdict is Verdict.INSUFFICIENT, "the digits are lost"


def test_rows_without_a_usable_label_or_prediction_are_counted_and_keep_the_check_from_passing() -> None:
    random = np.random.default_rng(7)
    bad = [Errors("f", MISSING, 0, 1), Errors("f", NOT_FINITE, 0, 2), Errors("m", 0, NOT_FINITE, 4)]
    bad += [Errors("m", MISSING, MISSING, 8), Errors("m", NOT_A_NUMBER, 0, 16), Errors("m", 0, NOT_A_NUMBER, 32)]
    seen = judged(drawn(random, "m", 3000), drawn(random, "f", 3000), *bad, **BOTH)
    assert {one.name: (one.value, one.verdict) for one in seen if one.slice == "sex"} == {
        "rows_without_label": (11, Verdict.INSUFFICIENT),
        "rows_without_prediction": (12, Verdict.INSUFFICIENT),
        "labels_not_a_number": (16, Verdict.ERROR),
        "predictions_not_a_number": (32, Verdict.ERROR),
    }
    assert {one.verdict for one in seen if one.slice != "sex"} == {Verdict.PASS}


def test_groups_are_faced_as_in_every_check_of_bias() -> None:
    random = np.random.default_rng(8)
    told = [drawn(random, "a", 50), drawn(random, "b", 100), drawn(random, "a", 60)]
    assert [seen.slice for seen in judged(*told, error_ratio=0.1)] == ["sex: b vs a"], "parts of a group add up"
    limits = ErrorLimits(error_ratio=0.1)
    assert regression.judge_errors({}, limits, check())[0].verdict is Verdict.NOT_RUN
    assert judged(error_ratio=0.5)[0].verdict is Verdict.INSUFFICIENT
    assert judged(told[0], error_ratio=0.5)[0].verdict is Verdict.INSUFFICIENT
    wrong = regression.judge_errors({"sex": told}, limits, check(), {"sex": "x"})
    assert [seen.verdict for seen in wrong] == [Verdict.ERROR]
    many = [drawn(random, f"g{i}", 30) for i in range(101)]
    assert [seen.verdict for seen in judged(*many, error_ratio=0.5)] == [Verdict.ERROR]


@given(
    st.lists(
        st.builds(
            lambda group, states, errors: summed(group, range(len(errors)), errors)._replace(
                label_state=states[0], prediction_state=states[1]
            ),
            st.sampled_from([None, "a", "b", math.nan]),
            st.sampled_from([(0, 0), (0, 0), (-1, 0), (0, -4)]),
            st.lists(st.sampled_from([0.0, 1.0, -1.0, 1e50, 1e-300, 0.3]), min_size=1, max_size=70),
        ),
        max_size=6,
    )
)
def test_no_sums_are_too_odd_for_a_verdict(told: list[Errors]) -> None:
    for one in judged(*told, **BOTH):
        assert one.verdict in {Verdict.PASS, Verdict.FAIL, Verdict.INSUFFICIENT, Verdict.ERROR}
        assert one.detail
        assert one.value is None or math.isfinite(one.value)


def test_sums_of_nothing_are_zero_and_limits_that_are_not_set_do_not_show() -> None:
    assert regression.fold([Errors("f", MISSING, 0, 3)]) == {"f": Sums()}
    assert ErrorLimits(error_ratio=0.8).model_dump() == {"error_ratio": 0.8}
    with pytest.raises(ValidationError, match="give a limit"):
        ErrorLimits()
