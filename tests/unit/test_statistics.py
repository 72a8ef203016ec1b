# SPDX-License-Identifier: Apache-2.0
"""The intervals equal those of statsmodels, and behave where it divides by zero."""

from __future__ import annotations

import math
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from governance.core.statistics import katz, newcombe, wilson, z_score

with warnings.catch_warnings():
    # statsmodels and scipy are oracles here; what they deprecate among themselves is theirs to mend.
    warnings.simplefilter("ignore")
    from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

CONFIDENCE = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@st.composite
def counts(draw: st.DrawFn, least: int = 0) -> tuple[int, int]:
    n = draw(st.one_of(st.integers(1, 50), st.integers(1, 1_000_000)))
    return draw(st.one_of(st.just(least), st.just(n), st.integers(least, n))), n


def test_95_percent_is_1_96_standard_deviations() -> None:
    assert z_score(0.95) == pytest.approx(1.959963984540054, abs=1e-12)


@given(counts(), CONFIDENCE)
def test_wilson_equals_statsmodels(one: tuple[int, int], confidence: float) -> None:
    expected = proportion_confint(*one, alpha=1 - confidence, method="wilson")
    assert wilson(*one, confidence) == pytest.approx(expected, abs=1e-9)


@given(counts(), CONFIDENCE)
def test_wilson_holds_its_share_and_stays_within_0_and_1(one: tuple[int, int], confidence: float) -> None:
    low, high = wilson(*one, confidence)
    assert 0 <= low <= one[0] / one[1] <= high <= 1


@given(counts(), counts(), CONFIDENCE)
def test_newcombe_equals_statsmodels(one: tuple[int, int], other: tuple[int, int], confidence: float) -> None:
    expected = confint_proportions_2indep(*one, *other, method="newcomb", compare="diff", alpha=1 - confidence)
    assert newcombe(*one, *other, confidence) == pytest.approx(expected, abs=1e-9)


@given(counts(), counts(), CONFIDENCE)
def test_newcombe_turned_round_is_the_same_interval(
    one: tuple[int, int], other: tuple[int, int], confidence: float
) -> None:
    low, high = newcombe(*one, *other, confidence)
    assert newcombe(*other, *one, confidence) == pytest.approx((-high, -low), abs=1e-12)


@given(counts(least=1), counts(least=1), CONFIDENCE)
def test_katz_equals_statsmodels(one: tuple[int, int], other: tuple[int, int], confidence: float) -> None:
    assume(one[0] < one[1] or other[0] < other[1])
    expected = confint_proportions_2indep(*one, *other, method="log", compare="ratio", alpha=1 - confidence)
    assert katz(*one, *other, confidence) == pytest.approx(expected, rel=1e-9)


@given(counts(), counts(), CONFIDENCE)
def test_a_zero_count_leaves_one_bound_open_and_the_other_as_walter_has_it(
    one: tuple[int, int], other: tuple[int, int], confidence: float
) -> None:
    one = (0, one[1])
    low, high = katz(*one, *other, confidence)
    expected = confint_proportions_2indep(*one, *other, method="log-adjusted", compare="ratio", alpha=1 - confidence)
    assert low == 0
    assert high == pytest.approx(expected[1], rel=1e-9) if other[0] else high == math.inf
    if other[0]:
        assert katz(*other, *one, confidence) == pytest.approx((1 / high, math.inf), rel=1e-9)


@given(st.integers(1, 10_000), st.integers(1, 10_000), CONFIDENCE)
def test_full_counts_give_no_certainty(n: int, other_n: int, confidence: float) -> None:
    low, high = katz(n, n, other_n, other_n, confidence)
    assert 0 < low < 1 < high
    assert low * high == pytest.approx(1)


@given(counts(), counts(), CONFIDENCE)
def test_katz_holds_its_ratio(one: tuple[int, int], other: tuple[int, int], confidence: float) -> None:
    assume(other[0])
    low, high = katz(*one, *other, confidence)
    assert low <= (one[0] / one[1]) / (other[0] / other[1]) * (1 + 1e-12)
    # Walter's addition shrinks an upper bound, never below the ratio 0 that it belongs to.
    assert high * (1 + 1e-12) >= (one[0] / one[1]) / (other[0] / other[1])
