# SPDX-License-Identifier: Apache-2.0
"""Distances between distributions are the textbook's, and noise alone breaks no limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance as oracle

from governance.core import drift
from governance.core.drift import Profile, Rules
from governance.core.terms import Verdict, Words

COUNTS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=2, max_size=20)
RULES = Rules(0.95, 30, {})
NOMINAL = 0.025


def words(*counts: int) -> Profile:
    """As many categories as there are counts, and no other or missing values."""
    names = tuple(str(place) for place in range(len(counts)))
    return Profile("c", (*counts, 0, 0), categories=names)


@given(COUNTS)
def test_distances_equal_scipys(pairs: list[tuple[int, int]]) -> None:
    reference, current = [a for a, _ in pairs], [b for _, b in pairs]
    assume(sum(reference) > 0 and sum(current) > 0)
    assert drift.js(reference, current) == pytest.approx(oracle.jensenshannon(reference, current, base=2), abs=1e-7), (
        "the root makes 1e-14 into 1e-7 at zero distance"
    )
    p, q = np.array(reference) / sum(reference), np.array(current) / sum(current)
    kept = (p > 0) | (q > 0)
    p, q = np.where(p == 0, drift.EMPTY_SHARE, p)[kept], np.where(q == 0, drift.EMPTY_SHARE, q)[kept]
    expected = float(np.sum((q - p) * np.log(q / p)))
    assert drift.psi(reference, current) == pytest.approx(expected, abs=1e-9)


@given(COUNTS)
def test_chi_square_equals_scipys(pairs: list[tuple[int, int]]) -> None:
    reference, current = [a for a, _ in pairs], [b for _, b in pairs]
    assume(sum(reference) > 0 and sum(current) > 0 and sum(1 for a, b in pairs if a or b) > 1)
    table = np.array([pair for pair in pairs if any(pair)]).T
    found = stats.chi2_contingency(table, correction=False)
    statistic, free = drift.chi_square(reference, current)
    assert statistic == pytest.approx(found.statistic, rel=1e-9, abs=1e-9)
    assert free == found.dof


@given(st.integers(0, 10_000), st.floats(-1, 1))
def test_binned_kolmogorov_smirnov_is_scipys_but_for_the_share_of_a_bin(seed: int, shift: float) -> None:
    random = np.random.default_rng(seed)
    before, after = random.normal(size=500), random.normal(shift, size=400)
    edges = tuple(np.quantile(before, np.arange(1, 50) / 50, method="inverted_cdf").tolist())
    counts = [np.bincount(np.searchsorted(edges, values, side="left"), minlength=50) for values in (before, after)]
    reference, current = (Profile("x", (*map(int, c), 0), edges, ()) for c in counts)
    value = drift.ks(reference, current)
    exact = stats.ks_2samp(before, after).statistic
    assert value <= exact + 1e-12
    found = drift.distance("ks", reference, current, 0.1, 0.95)
    assert found.interval.low <= exact <= found.interval.high


@given(COUNTS)
def test_a_distribution_is_at_no_distance_from_itself(pairs: list[tuple[int, int]]) -> None:
    counts = [a for a, _ in pairs]
    assume(sum(counts) >= 30)
    for name in ("psi", "js"):
        seen = drift.judge(name, words(*counts), [words(*counts)], 0.1, RULES).observation
        assert seen.value == 0
        assert seen.verdict in {Verdict.PASS, Verdict.INSUFFICIENT}


@pytest.mark.parametrize("name", ["psi", "js"])
def test_noise_alone_fails_no_more_often_than_the_nominal_level(name: str) -> None:
    """Where the true distance is the limit: shares moved so far that it is met exactly."""
    random, base, runs = np.random.default_rng(7), np.array([0.25, 0.25, 0.25, 0.25]), 2000
    moved = np.array([0.35, 0.15, 0.25, 0.25])
    counts = [(base * 1e9).astype(int).tolist(), (moved * 1e9).astype(int).tolist()]
    limit = drift.psi(*counts) if name == "psi" else drift.js(*counts)
    for n in (200, 2000):
        failed = 0
        for _ in range(runs):
            reference, current = random.multinomial(5 * n, base), random.multinomial(n, moved)
            seen = drift.judge(name, words(*map(int, reference)), [words(*map(int, current))], limit, RULES)
            failed += seen.observation.verdict is Verdict.FAIL
        assert failed / runs <= NOMINAL + 3 * math.sqrt(NOMINAL / runs)


def test_without_drift_a_batch_of_100_never_breaks_a_limit_that_its_point_often_breaks() -> None:
    random, base, naive = np.random.default_rng(8), np.full(10, 0.1), 0
    for _ in range(500):
        reference, current = words(*random.multinomial(100, base)), words(*random.multinomial(100, base))
        naive += drift.psi(reference.cells, current.cells) > 0.2
        assert drift.judge("psi", reference, [current], 0.2, RULES).observation.verdict is not Verdict.FAIL
    assert naive > 100


def test_a_real_shift_is_found_and_told_by_place_not_by_value() -> None:
    reference, current = words(5000, 3000, 2000), words(2000, 3000, 5000)
    assert drift.judge("psi", reference, [current], 0.2, RULES).observation.verdict is Verdict.FAIL
    assert drift.moved(reference, current) == Words(
        "c: 上位 3 番目の値 が +30.0%、上位 1 番目の値 が -30.0%", "c: value no. 3 +30.0%, value no. 1 -30.0% of rows"
    )


def test_a_breach_counts_only_after_so_many_windows_in_a_row() -> None:
    reference, same, moved = words(5000, 5000), words(5000, 5000), words(1000, 9000)

    def verdict(*windows: Profile) -> Verdict:
        return drift.judge("psi", reference, list(windows), 0.2, RULES).observation.verdict

    assert verdict(moved, moved, moved) is Verdict.FAIL
    assert verdict(moved, moved, same) is Verdict.WARN
    assert verdict(same, moved, moved) is Verdict.PASS
    assert verdict(moved, moved, words(3, 4)) is Verdict.INSUFFICIENT, "a window of seven rows tells nothing"
    assert verdict() is Verdict.INSUFFICIENT


def test_a_rise_of_missing_values_is_drift() -> None:
    before, after = Profile("x", (500, 500, 0), (0.0,), (0,)), Profile("x", (300, 300, 400), (0.0,), (0,))
    assert before.cells == (500, 500, 0)
    assert drift.judge("psi", before, [after], 0.2, RULES).observation.verdict is Verdict.FAIL


@given(st.lists(st.integers(0, 100), min_size=12, max_size=12))
def test_a_profile_is_read_as_it_was_written(counts: list[int]) -> None:
    profile = Profile("x", tuple(counts), tuple(float(edge) for edge in range(10)), (1, 4, 8))
    assert Profile.read(profile.content()) == profile
    assert sum(profile.cells) == sum(counts)
    assert len(profile.cells) == 5


@pytest.mark.parametrize(
    ("reference", "current", "psi", "js"),
    [
        ([500, 300, 200], [200, 300, 500], 0.549774439124493, 0.25770974832606103),
        ([120, 80, 40, 60], [100, 90, 55, 55], 0.033453747813897, 0.06458257615670986),
        ([70, 20, 10], [60, 40, 0], 0.8441292564650305, 0.23145677924675),
    ],
)
def test_the_numbers_are_evidentlys(reference: list[int], current: list[int], psi: float, js: float) -> None:
    """As told by `psi_stat_test` and `jensenshannon_stat_test` of evidently 0.7.23 on categories with these counts.

    Its Jensen-Shannon distance is in nats, ours in bits, as is that of nannyml 0.13.1.
    """
    nannyml = {500: 0.3095409536771482, 120: 0.07757157943898169, 70: 0.2780079242188098}
    assert drift.js(reference, current) == pytest.approx(nannyml[reference[0]], abs=1e-12)
    assert drift.psi(reference, current) == pytest.approx(psi, abs=1e-12)
    assert drift.js(reference, current) * math.sqrt(math.log(2)) == pytest.approx(js, abs=1e-12)
