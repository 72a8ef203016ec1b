# SPDX-License-Identifier: Apache-2.0
"""Scores from histograms are what scikit-learn, SciPy and NumPy find in the rows, and fair ones are left alone."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats
from sklearn.metrics import roc_auc_score

from governance.core import scores
from governance.core.regression import MISSING, NOT_A_NUMBER, NOT_FINITE, OUTSIDE
from governance.core.scores import Cell, Scores
from governance.core.terms import Observation, Verdict
from governance.policy import Check, Family, Grouping, Text
from governance.policy.scores import ScoreLimits

TEXT = Text(ja="スコア", en="scores")
NOMINAL = 0.025
"""One side of 95 %."""
Array = np.ndarray[Any, Any]
ROWS = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1, allow_subnormal=False)), min_size=2, max_size=80)
ALL = {"auc_difference": 0.1, "calibration_gap": 0.1, "mean_score_difference": 0.1}


def check(**settings: Any) -> Check:
    return Check(family=Family.BIAS, name=TEXT, remedy=TEXT, **settings)


def cells(group: Any, labels: Any, values: Any, bins: int = 1024) -> list[Cell]:
    """What the statement counts, by NumPy."""
    y, s = np.asarray(labels), np.asarray(values, dtype=float)
    place = np.minimum(bins - 1, np.floor(s * bins)).astype(int)
    keys, where, n = np.unique(y * bins + place, return_inverse=True, return_counts=True)
    order = np.argsort(where, kind="stable")
    starts, ordered = np.cumsum(n) - n, s[order]
    columns = (
        np.add.reduceat(ordered, starts),
        np.add.reduceat(ordered**2, starts),
        np.minimum.reduceat(ordered, starts),
        np.maximum.reduceat(ordered, starts),
    )
    rows = zip(keys.tolist(), n.tolist(), *(column.tolist() for column in columns), strict=True)
    return [Cell(group, key // bins, key % bins, *rest) for key, *rest in rows]


def folded(labels: Any, values: Any, bins: int = 1024) -> Scores:
    return scores.fold(cells("g", labels, values, bins), 1)["g"]


def judged(*groups: tuple[str, Any, Any], settings: Any = None, **limits: float) -> list[Observation]:
    told = [cell for group in groups for cell in cells(*group)]
    return list(scores.judge_scores({"sex": told}, ScoreLimits(**limits), check(**(settings or {}))))


def drawn(random: np.random.Generator, n: int, shift: float = 0.0) -> tuple[Array, Array]:
    """Scores that are calibrated but for `shift`."""
    chance = random.beta(2, 2, n)
    return (random.random(n) < chance).astype(int), np.clip(chance + shift, 0, 1)


def delong(labels: Array, values: Array) -> tuple[float, float]:
    """AUC and its variance from every pair, as in the paper."""
    x, y = values[labels == 1], values[labels == 0]
    wins = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return float(wins.mean()), wins.mean(axis=1).var(ddof=1) / len(x) + wins.mean(axis=0).var(ddof=1) / len(y)


@given(ROWS, st.sampled_from([1, 4, 100, 1024]))
def test_the_auc_is_scikit_learns_of_the_binned_scores(rows: list[tuple[int, float]], bins: int) -> None:
    y, s = (np.array(part) for part in zip(*rows, strict=True))
    assume(0 < y.sum() < len(y))
    found = folded(y, s, bins)
    binned = np.minimum(bins - 1, np.floor(s * bins))
    area = scores.auc(found.positive, found.negative).value
    assert area == pytest.approx(roc_auc_score(y, binned), abs=1e-9)
    assert abs(area - roc_auc_score(y, s)) <= scores.binning_error(found.positive, found.negative) + 1e-12


@pytest.mark.parametrize(("seed", "bins"), [(1, 1024), (2, 16), (3, 4)])
def test_the_variance_of_the_auc_is_delongs_over_all_pairs(seed: int, bins: int) -> None:
    y, s = drawn(np.random.default_rng(seed), 150)
    found = folded(y, s, bins)
    area, variance = delong(y, np.floor(s * bins))
    assert scores.auc(found.positive, found.negative) == pytest.approx((area, variance), abs=1e-9)


def test_a_perfect_ranking_of_few_people_is_not_certain() -> None:
    found = folded([0] * 30 + [1] * 30, [0.2] * 30 + [0.8] * 30)
    area, variance = scores.auc(found.positive, found.negative)
    assert area == 1
    assert 0.005 < math.sqrt(variance) < 0.05
    many = folded([0] * 3000 + [1] * 3000, [0.2] * 3000 + [0.8] * 3000)
    assert scores.auc(many.positive, many.negative).variance < variance / 1000


def test_real_ties_cost_no_binning_error_and_scores_that_only_share_a_bin_do() -> None:
    ties, unlike = folded([0, 1], [0.5, 0.5]), folded([0, 1], [0.5, 0.5001])
    assert scores.binning_error(ties.positive, ties.negative) == 0
    assert scores.binning_error(unlike.positive, unlike.negative) == 0.5


@given(ROWS, st.sampled_from([4, 1024]))
def test_ks_is_scipys_of_the_binned_scores(rows: list[tuple[int, float]], bins: int) -> None:
    y, s = (np.array(part) for part in zip(*rows, strict=True))
    assume(1 < y.sum() < len(y) - 1)  # SciPy's p-value, which nobody asked for, divides by 0 else
    found, binned = folded(y, s, bins), np.minimum(bins - 1, np.floor(s * bins))
    expected = stats.ks_2samp(binned[y == 1], binned[y == 0], method="asymp").statistic
    assert scores.ks(found.positive, found.negative) == pytest.approx(expected, abs=1e-9)


@given(ROWS)
def test_means_and_variances_are_numpys(rows: list[tuple[int, float]]) -> None:
    y, s = (np.array(part) for part in zip(*rows, strict=True))
    found = folded(y, s)
    for estimate, values in ((scores.mean_score(found), s), (scores.bias_in_the_large(found), s - y)):
        assert estimate.value == pytest.approx(values.mean(), abs=1e-12)
        if values.var() > 1e-9:
            assert estimate.variance == pytest.approx(values.var(ddof=1) / len(values), rel=1e-5)
        assert estimate.variance > 0


def test_scores_that_are_all_the_same_are_not_certain() -> None:
    assert scores.mean_score(folded([1] * 30, [0.4] * 30)).variance == pytest.approx(1 / 1800)


def test_unlabelled_rows_count_in_the_mean_score_and_nowhere_else() -> None:
    told = [*cells("g", [0, 1], [0.2, 0.6]), Cell("g", None, 1023, 2, 2.0, 2.0, 1.0, 1.0)]
    found = scores.fold(told, 1)["g"]
    assert scores.mean_score(found).value == pytest.approx(0.7)
    assert scores.bias_in_the_large(found).value == pytest.approx(-0.1)
    assert (found.rows, found.labelled) == (4, 2)


def test_the_calibration_error_is_numpys_over_bins_of_equal_mass() -> None:
    y, s = drawn(np.random.default_rng(4), 3000, 0.05)
    order = np.argsort(s)
    parts = np.array_split(order, scores.CALIBRATION_BINS)
    expected = sum(abs(s[part].mean() - y[part].mean()) * len(part) for part in parts) / len(s)
    assert scores.calibration_error(folded(y, s)) == pytest.approx(expected, abs=0.003)
    whole = abs(s.mean() - y.mean())
    assert scores.calibration_error(folded(y, s), 1) == pytest.approx(whole, abs=1e-12)
    assert scores.calibration_error(folded(y, s), 10**6) >= scores.calibration_error(folded(y, s)) - 1e-12


@given(ROWS)
def test_cells_add_up_in_any_order_and_in_parts(rows: list[tuple[int, float]]) -> None:
    y, s = zip(*rows, strict=True)
    half = len(rows) // 2
    whole = folded(y, s)
    parts = [*cells("g", y[half:], s[half:]), *cells("g", y[:half], s[:half])]
    again = scores.fold(parts, 1)["g"]
    for mine, other in ((whole.positive, again.positive), (whole.negative, again.negative)):
        assert mine.keys() == other.keys()
        assert all(mine[at] == pytest.approx(other[at]) for at in mine)


def test_alike_groups_pass_and_each_measure_finds_its_own_gap() -> None:
    random = np.random.default_rng(5)
    (y, s), (z, t) = drawn(random, 4000), drawn(random, 3000)
    assert {seen.verdict for seen in judged(("m", y, s), ("f", z, t), **ALL)} == {Verdict.PASS}
    moved = {seen.name: seen for seen in judged(("m", y, s), ("f", z, np.clip(t - 0.25, 0, 1)), **ALL)}
    assert moved["calibration_gap"].verdict is moved["mean_score_difference"].verdict is Verdict.FAIL
    assert moved["auc_difference"].verdict is not Verdict.FAIL
    noise = {seen.name: seen for seen in judged(("m", y, s), ("f", z, random.permutation(t)), **ALL)}
    assert noise["auc_difference"].verdict is Verdict.FAIL
    assert noise["auc_difference"].slice == "sex: f vs m"
    assert noise["mean_score_difference"].verdict is Verdict.PASS
    assert noise["auc_difference"].n == 7000
    assert "AUC f 0.5" in noise["auc_difference"].detail.en
    assert "(KS " in noise["auc_difference"].detail.ja
    assert "binning moves it by" in noise["auc_difference"].detail.en
    assert "ECE" in noise["calibration_gap"].detail.en


def test_what_only_chance_explains_among_many_groups_does_not_fail_unless_the_policy_says_so() -> None:
    random = np.random.default_rng(1)
    groups = [("ref", *drawn(random, 900))] + [(f"g{i}", *drawn(random, 200)) for i in range(40)]
    alone = judged(*groups, mean_score_difference=0.0, settings={"grouping": Grouping(correction="none")})
    together = judged(*groups, mean_score_difference=0.0)
    assert {seen.verdict for seen in alone} == {Verdict.FAIL, Verdict.INSUFFICIENT}
    assert {seen.verdict for seen in together} == {Verdict.INSUFFICIENT}
    assert any("Holm" in seen.detail.en for seen in together)


def test_the_auc_interval_covers_and_fail_is_rare_where_the_gap_is_the_limit_or_nothing() -> None:
    """Normal scores one and a half standard deviations apart, and two, have AUCs of 0.856 and 0.921."""
    random, runs, n = np.random.default_rng(20261124), 400, 120
    gap = stats.norm.cdf(2 / math.sqrt(2)) - stats.norm.cdf(1.5 / math.sqrt(2))
    covered, at_limit, fair = 0, 0, 0
    for _ in range(runs):
        y = np.repeat([0, 1], n)
        first, second, third = (stats.norm.cdf(random.normal(y * by - by / 2)) for by in (1.5, 2.0, 1.5))
        seen = judged(("a", y, first), ("b", y, second), auc_difference=float(gap))[0]
        assert seen.low is not None
        assert seen.high is not None
        covered += seen.low <= gap <= seen.high or seen.low <= -gap <= seen.high
        at_limit += seen.verdict is Verdict.FAIL
        fair += judged(("a", y, first), ("b", y, third), auc_difference=0.0)[0].verdict is Verdict.FAIL
    assert 0.92 <= covered / runs <= 0.99
    assert at_limit / runs <= NOMINAL + 3 * math.sqrt(NOMINAL / runs)
    assert fair / runs <= 2 * NOMINAL + 3 * math.sqrt(2 * NOMINAL / runs), "a limit of 0 has two sides"


@pytest.mark.parametrize("name", ["auc_difference", "calibration_gap", "mean_score_difference"])
def test_a_fair_score_fails_no_limit_more_often_than_the_nominal_level(name: str) -> None:
    random, runs = np.random.default_rng(8), 300
    groups = ([("a", *drawn(random, 150)), ("b", *drawn(random, 80)), ("c", *drawn(random, 80))] for _ in range(runs))
    failed = sum(any(seen.verdict is Verdict.FAIL for seen in judged(*told, **{name: 0.02})) for told in groups)
    assert failed / runs <= NOMINAL + 3 * math.sqrt(NOMINAL / runs)


def test_a_shift_of_exactly_the_limit_fails_no_more_often_than_the_nominal_level() -> None:
    random, runs, failed = np.random.default_rng(9), 600, {"calibration_gap": 0, "mean_score_difference": 0}
    for _ in range(runs):
        (y, s), (z, t) = drawn(random, 200), drawn(random, 200)
        told = judged(
            ("a", y, s * 0.9), ("b", z, t * 0.9 + 0.1), calibration_gap=0.1, mean_score_difference=0.1,
            settings={"grouping": Grouping(correction="none")},
        )  # fmt: skip
        for seen in told:
            failed[seen.name] += seen.verdict is Verdict.FAIL
    assert max(failed.values()) / runs <= NOMINAL + 3 * math.sqrt(NOMINAL / runs)
    assert min(failed.values()) > 0, "or the test would see nothing"


def test_too_few_rows_or_one_class_are_named_and_insufficient() -> None:
    random = np.random.default_rng(6)
    y, s = drawn(random, 400)
    few = judged(("m", y, s), ("f", [0] * 40 + [1] * 29, random.random(69)), **ALL)
    by_name = {seen.name: seen for seen in few}
    assert by_name["auc_difference"].verdict is by_name["calibration_gap"].verdict is Verdict.INSUFFICIENT
    assert "f has 29 rows with a favourable label" in by_name["auc_difference"].detail.en
    assert by_name["mean_score_difference"].value is not None
    one = judged(("m", y, s), ("f", [1] * 200, random.random(200)), auc_difference=0.1)[0]
    assert (one.verdict, one.value) == (Verdict.INSUFFICIENT, None)
    assert "all labels of f are favourable" in one.detail.en
    assert "有利" in one.detail.ja
    other = judged(("m", y, s), ("f", [0] * 200, random.random(200)), auc_difference=0.1)[0]
    assert "all labels of f are unfavourable" in other.detail.en
    lonely = judged(("m", y, s), auc_difference=0.1)
    assert [seen.verdict for seen in lonely] == [Verdict.INSUFFICIENT]
    assert judged(auc_difference=0.1)[0].verdict is Verdict.INSUFFICIENT


def test_one_score_for_everybody_tells_nothing_and_one_score_per_group_does() -> None:
    y = [0, 1] * 100
    same = judged(("m", y, [0.5] * 200), ("f", y, [0.5] * 200), **ALL)
    assert {seen.name for seen in same if seen.verdict is Verdict.INSUFFICIENT} == {
        "auc_difference",
        "mean_score_difference",
    }
    assert "sets nobody apart" in same[0].detail.en
    apart = judged(("m", y, [0.7] * 200), ("f", y, [0.3] * 200), mean_score_difference=0.1)
    assert apart[0].verdict is Verdict.FAIL


def test_rows_without_a_usable_score_or_label_are_counted_and_keep_the_check_from_passing() -> None:
    random = np.random.default_rng(7)
    told = [*cells("m", *drawn(random, 4000)), *cells("f", *drawn(random, 4000))]
    bad = [Cell("f", 1, at, n) for at, n in ((MISSING, 3), (NOT_FINITE, 4), (OUTSIDE, 5), (NOT_A_NUMBER, 6))]
    bad.append(Cell("m", None, 5, 2, 0.01, 0.0001, 0.005, 0.005))
    seen = scores.judge_scores({"sex": told + bad}, ScoreLimits(**ALL), check())
    rows = {one.name: (one.value, one.verdict) for one in seen if one.slice == "sex"}
    assert rows == {
        "rows_without_score": (7, Verdict.INSUFFICIENT),
        "scores_outside_0_1": (5, Verdict.ERROR),
        "scores_not_a_number": (6, Verdict.ERROR),
        "rows_without_label": (2, Verdict.INSUFFICIENT),
    }
    assert {one.verdict for one in seen if one.slice != "sex"} == {Verdict.PASS}
    unlabelled = scores.judge_scores({"sex": told + bad[4:]}, ScoreLimits(mean_score_difference=0.1), check())
    assert [one.verdict for one in unlabelled] == [Verdict.PASS], "no label is needed for the mean score"


def test_the_reference_is_the_largest_group_or_the_one_that_the_policy_names() -> None:
    random = np.random.default_rng(10)
    told = [cell for name, n in (("a", 90), ("b", 200), (None, 300)) for cell in cells(name, *drawn(random, n))]
    limits, judging = ScoreLimits(mean_score_difference=0.1), check()
    largest = scores.judge_scores({"sex": told}, limits, judging)
    assert {seen.slice for seen in largest} == {"sex: a vs b", "sex: (missing) vs b"}
    named = scores.judge_scores({"sex": told}, limits, judging, reference={"sex": "a"})
    assert {seen.slice for seen in named} == {"sex: b vs a", "sex: (missing) vs a"}
    wrong = scores.judge_scores({"sex": told}, limits, judging, reference={"sex": "x"})
    assert [seen.verdict for seen in wrong] == [Verdict.ERROR]


def test_no_column_is_not_run_and_text_labels_against_a_number_are_an_error() -> None:
    limits = ScoreLimits(auc_difference=0.1)
    assert [one.verdict for one in scores.judge_scores({}, limits, check())] == [Verdict.NOT_RUN]
    text = [Cell(group, "good", 5, 50, 0.25, 0.00125, 0.005, 0.005) for group in "ab"]
    wrong = scores.judge_scores({"sex": text}, limits, check())
    assert [one.verdict for one in wrong] == [Verdict.ERROR]
    assert "holds text" in wrong[0].detail.en
    assert scores.judge_scores({"sex": text}, limits, check(), favourable="good")[0].verdict is Verdict.INSUFFICIENT


@given(
    st.lists(
        st.builds(
            lambda group, label, at, n: Cell(group, label, at, n, n * 0.5, n * 0.25, 0.5, 0.5),
            st.sampled_from([None, "a", "b", math.nan, 1.0, "(missing)"]),
            st.sampled_from([None, 0, 1, math.nan, True, 2]),
            st.integers(-4, 3),
            st.integers(1, 200),
        ),
        max_size=12,
    )
)
def test_no_histogram_is_too_odd_for_a_verdict(told: list[Cell]) -> None:
    seen = scores.judge_scores({"sex": told}, ScoreLimits(**ALL), check())
    assert seen
    for one in seen:
        assert one.verdict in {Verdict.PASS, Verdict.FAIL, Verdict.INSUFFICIENT, Verdict.ERROR}
        assert one.verdict is Verdict.PASS or one.detail
        if one.verdict is Verdict.PASS:
            assert one.low is not None
            assert one.high is not None
            assert one.limit is not None
            assert -one.limit <= one.low <= one.high <= one.limit


def test_limits_that_are_not_set_do_not_show_and_a_section_without_any_is_refused() -> None:
    assert ScoreLimits(auc_difference=0.1).model_dump() == {"auc_difference": 0.1}
    for wrong, value in product(ALL, (-0.1, 1.1)):
        with pytest.raises(ValidationError):
            ScoreLimits.model_validate({wrong: value})
    with pytest.raises(ValidationError, match="give a limit"):
        ScoreLimits()
