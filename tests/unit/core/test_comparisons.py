# SPDX-License-Identifier: Apache-2.0
"""Many comparisons at once raise no more false alarms than one."""

from __future__ import annotations

import math
from functools import partial
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from governance.core import statistics
from governance.core.comparisons import Comparison, breach_p, holm, normal_tail
from governance.core.terms import Observation, Verdict

P_VALUES = st.lists(st.one_of(st.just(1.0), st.floats(1e-12, 0.5)), min_size=1, max_size=12)


def compared(p: float | None) -> Comparison:
    return Comparison(Observation("gap", verdict=Verdict.PASS if p is None or p == 1 else Verdict.FAIL), p)


@given(P_VALUES, st.sampled_from([0.9, 0.95, 0.99]))
def test_what_still_fails_is_what_statsmodels_rejects_by_holm(p_values: list[float], confidence: float) -> None:
    found = holm([compared(p) for p in p_values], confidence)
    with mock.patch("gc.collect"):  # statsmodels collects at each call, over all that the test runner keeps: 0.2 s
        rejected = multipletests(p_values, alpha=(1 - confidence) / 2, method="holm")[0]
    assert [seen.verdict is Verdict.FAIL for seen in found] == [bool(one) for one in rejected]


@given(P_VALUES)
def test_a_breach_that_chance_explains_is_insufficient_and_never_a_pass(p_values: list[float]) -> None:
    for before, after in zip(map(compared, p_values), holm([compared(p) for p in p_values], 0.95), strict=True):
        if before.observation.verdict is Verdict.FAIL:
            assert after.verdict in {Verdict.FAIL, Verdict.INSUFFICIENT}
            assert after.verdict is Verdict.FAIL or "Holm" in after.detail.en
        else:
            assert after == before.observation


def test_a_comparison_without_a_p_value_neither_counts_nor_changes() -> None:
    breach, other = compared(0.02), compared(None)
    assert holm([breach, *[other] * 50], 0.95)[0].verdict is Verdict.FAIL
    assert holm([breach, compared(1.0)], 0.95)[0].verdict is Verdict.INSUFFICIENT


@given(st.integers(0, 400), st.integers(0, 400), st.floats(0.01, 0.5))
def test_the_p_value_agrees_with_the_interval_it_is_read_off(count: int, other: int, limit: float) -> None:
    interval = partial(statistics.newcombe, max(count, other), 400, min(count, other), 400)
    breaks = partial(lambda one, bound: one.low > bound, bound=limit)
    p = breach_p(interval, breaks, 0.95)
    assert (p < 1) is breaks(interval(0.95))
    if 1e-12 < p < 1:
        assert breaks(interval(1 - 2 * p * 1.01))
        assert not breaks(interval(1 - 2 * p * 0.99))


def test_the_p_value_of_a_katz_ratio_is_the_normal_tail_of_its_distance_to_the_limit() -> None:
    interval = partial(statistics.katz, 120, 1000, 240, 1000)
    error = math.sqrt(1 / 120 - 1 / 1000 + 1 / 240 - 1 / 1000)
    expected = normal_tail((math.log(0.8) - math.log(0.5)) / error)
    assert breach_p(interval, lambda one: one.high < 0.8, 0.95) == pytest.approx(expected, rel=1e-6)
