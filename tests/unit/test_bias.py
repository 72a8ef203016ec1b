# SPDX-License-Identifier: Apache-2.0
"""Bias is judged on interval bounds, in both directions, and says when the data cannot tell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core import bias
from governance.core.groups import MISSING, Share, plain
from governance.core.terms import Finding, Observation, Verdict
from governance.policy import BiasLimits, Check, Family, Text

if TYPE_CHECKING:
    from governance.core.evaluation import Scalar
    from governance.core.groups import Cells

    Counts = dict[tuple[Scalar, Scalar, Scalar], int]


def check(**changes: Any) -> Check:
    text = Text(ja="偏り", en="bias")
    fields: dict[str, Any] = {"family": Family.BIAS, "name": text, "remedy": text}
    return Check(**(fields | changes))


def cells(**groups: tuple[int, int, int, int]) -> dict[tuple[Scalar, Scalar, Scalar], int]:
    """Group -> true positives, false negatives, false positives, true negatives."""
    outcomes = [(1, 1), (1, 0), (0, 1), (0, 0)]
    return {(name, *outcome): n for name, ns in groups.items() for outcome, n in zip(outcomes, ns, strict=True) if n}


def judge(table: Cells, **options: Any) -> Finding:
    return bias.judge({"sex": table}, check(**options.pop("policy", {})), **options)


def only(finding: Finding, name: str) -> Observation:
    return next(observation for observation in finding.observations if observation.name == name)


def test_two_large_equal_groups_pass_with_every_field_filled() -> None:
    finding = judge(cells(female=(900, 100, 100, 900), male=(900, 100, 100, 900)))
    assert finding.verdict is Verdict.PASS
    assert finding.n == 4000
    ratio, gap = finding.observations
    assert (ratio.name, gap.name) == (bias.SELECTION, bias.OPPORTUNITY)
    assert ratio.slice == gap.slice == "sex: male vs female"
    assert (ratio.value, ratio.limit, ratio.comparison, ratio.n) == (1, 0.8, ">=", 4000)
    assert (gap.value, gap.limit, gap.comparison, gap.n) == (0, 0.1, "<=", 2000)
    assert ratio.low is not None
    assert ratio.high is not None
    assert 0.8 < ratio.low < 1 < ratio.high
    assert "1,000/2,000 (50.0%)" in ratio.detail.en


def test_a_clear_gap_fails_in_whichever_direction_it_goes() -> None:
    for low, high in (("female", "male"), ("male", "female")):
        finding = judge(cells(**{low: (300, 700, 0, 1000), high: (900, 100, 100, 900)}), reference={"sex": "male"})
        assert finding.verdict is Verdict.FAIL
        ratio, gap = finding.observations
        assert ratio.slice == "sex: female vs male"
        assert ratio.value == pytest.approx(0.3)
        assert ratio.high is not None
        assert ratio.high < 0.8
        assert gap.value == pytest.approx(0.6)
        assert gap.low is not None
        assert gap.low > 0.1


def test_a_hundred_people_cannot_tell() -> None:
    finding = judge(cells(female=(10, 0, 0, 90), male=(12, 0, 0, 88)), policy={"min_n": 10})
    ratio = only(finding, bias.SELECTION)
    assert ratio.verdict is Verdict.INSUFFICIENT
    assert "the point keeps the limit, the interval does not settle it" in ratio.detail.en


@pytest.mark.parametrize(
    ("rate", "ratio", "keeps"), [(60, 1.0, True), (45, 0.75, False), (48, 0.8, True), (51, 0.85, True)]
)
def test_eeoc_example_flags_only_45_percent(rate: int, ratio: float, keeps: bool) -> None:  # noqa: FBT001 - a column
    lower, higher = Share(rate, 100), Share(60, 100)
    assert float(lower.share / higher.share) == pytest.approx(ratio)
    assert bias.keeps_ratio(lower, higher, 0.8) is keeps


@given(st.integers(1, 400), st.integers(1, 400))
def test_exactly_four_fifths_keeps_the_limit_whatever_floats_say(count: int, scale: int) -> None:
    higher = Share(5 * count, 5 * count * scale)
    assert bias.keeps_ratio(Share(4 * count, 5 * count * scale), higher, 0.8)
    assert not bias.keeps_ratio(Share(4 * count - 1, 5 * count * scale), higher, 0.8)


def test_berkeley_1973_fails_as_a_whole() -> None:
    women: Counts = {("women", None, 1): 557, ("women", None, 0): 1835 - 557}
    men: Counts = {("men", None, 1): 1198, ("men", None, 0): 2691 - 1198}
    ratio = only(bias.judge({"sex": women | men}, check()), bias.SELECTION)
    assert ratio.slice == "sex: women vs men"
    assert ratio.value == pytest.approx(0.6818, abs=5e-5)
    assert ratio.verdict is Verdict.FAIL
    assert ratio.n == 4526


def test_berkeley_1973_department_a_reverses_the_gap() -> None:
    women: Counts = {("women", None, 1): 89, ("women", None, 0): 19}
    men: Counts = {("men", None, 1): 512, ("men", None, 0): 313}
    ratio = only(bias.judge({"sex": women | men}, check()), bias.SELECTION)
    assert ratio.detail.en.startswith("selected: men 512/825")
    assert ratio.value == pytest.approx((512 / 825) / (89 / 108))


def test_the_largest_known_group_is_the_reference_unless_the_policy_names_one() -> None:
    table = cells(a=(40, 0, 0, 40), b=(50, 0, 0, 50)) | {(None, 1, 1): 200, (None, 0, 0): 200}
    assert {o.slice for o in judge(table).observations} == {"sex: (missing) vs b", "sex: a vs b"}
    named = judge(table, reference={"sex": "a"})
    assert {o.slice for o in named.observations} == {"sex: (missing) vs a", "sex: b vs a"}


def test_people_without_a_group_are_a_group() -> None:
    table = cells(a=(400, 100, 100, 400)) | {(math.nan, 1, 0): 300, (None, 0, 0): 300, (None, 1, 1): 10}
    ratio = only(judge(table), bias.SELECTION)
    assert ratio.slice == "sex: (missing) vs a"
    assert ratio.verdict is Verdict.FAIL


def test_a_small_group_is_named_and_cannot_tell() -> None:
    finding = judge(cells(a=(400, 100, 100, 400), b=(400, 100, 100, 400), c=(5, 5, 5, 5)), reference={"sex": "a"})
    small = [o for o in finding.observations if o.slice == "sex: c vs a"]
    assert [o.verdict for o in small] == [Verdict.INSUFFICIENT] * 2
    assert small[0].detail.en.startswith("c has 20 predictions, fewer than the 30 that a rate needs")
    assert finding.verdict is Verdict.INSUFFICIENT


def test_few_favourable_labels_leave_the_true_positive_rate_open() -> None:
    finding = judge(cells(a=(10, 5, 500, 500), b=(500, 100, 310, 690)))
    assert only(finding, bias.SELECTION).verdict is not Verdict.INSUFFICIENT
    assert "a has 15 favourable labels" in only(finding, bias.OPPORTUNITY).detail.en


@pytest.mark.parametrize(
    ("table", "verdict", "why"),
    [
        ({}, Verdict.INSUFFICIENT, "there are no rows to compare"),
        (cells(a=(50, 50, 50, 50)), Verdict.INSUFFICIENT, "nobody to compare with"),
        (cells(a=(0, 50, 0, 50), b=(0, 50, 0, 50)), Verdict.INSUFFICIENT, "all predictions are favourable or none is"),
        (cells(a=(50, 0, 50, 0), b=(50, 0, 50, 0)), Verdict.INSUFFICIENT, "all predictions are favourable or none is"),
        (cells(a=(0, 0, 50, 50), b=(0, 0, 50, 50)), Verdict.INSUFFICIENT, "all labels are favourable or none is"),
        (cells(a=(50, 50, 0, 0), b=(50, 50, 0, 0)), Verdict.INSUFFICIENT, "all labels are favourable or none is"),
        ({("a", 1, "yes"): 9, ("b", 0, "no"): 9}, Verdict.ERROR, "the prediction column holds text"),
        ({("a", "good", 1): 9, ("b", "bad", 0): 9}, Verdict.ERROR, "the label column holds text"),
        ({(n, 1, 1): 40 for n in range(101)}, Verdict.ERROR, "101 groups, more than 100"),
    ],
)
def test_what_cannot_be_compared_has_a_verdict_and_a_reason(table: Cells, verdict: Verdict, why: str) -> None:
    finding = judge(table)
    assert finding.verdict is verdict
    assert any(why in observation.detail.en for observation in finding.observations)


def test_two_groups_without_any_selection_have_no_ratio() -> None:
    finding = judge(cells(a=(0, 50, 0, 50), b=(0, 50, 0, 50), c=(50, 0, 50, 0)), reference={"sex": "a"})
    between = next(o for o in finding.observations if o.slice == "sex: b vs a" and o.name == bias.SELECTION)
    assert between.value is None
    assert between.detail.en.startswith("nobody in either group is selected")


def test_an_unknown_reference_is_an_error_that_names_the_field() -> None:
    finding = judge(cells(a=(50, 50, 50, 50), b=(50, 50, 50, 50)), reference={"sex": "x"})
    assert finding.verdict is Verdict.ERROR
    assert "correct evaluation.reference in use_cases.yaml" in finding.observations[0].detail.en


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_rows_without_a_prediction_or_label_keep_it_from_passing(missing: float | None) -> None:
    fair = cells(a=(900, 100, 100, 900), b=(900, 100, 100, 900))
    unlabelled: list[tuple[Cells, str]] = [({("a", 1, missing): 7}, "prediction"), ({("a", missing, 1): 7}, "label")]
    for more, name in unlabelled:
        finding = judge({**fair, **more})
        assert finding.verdict is Verdict.INSUFFICIENT
        unknown = only(finding, f"rows_without_{name}")
        assert (unknown.value, unknown.n) == (7, 4007)


def test_no_sensitive_column_is_not_run() -> None:
    assert bias.judge({}, check()).verdict is Verdict.NOT_RUN


def test_names_of_groups_are_short_printable_and_distinct() -> None:
    names = [plain(value) for value in ("x" * 80, "x" * 81, "a\nb", "a\rb", MISSING, None, 1.0, "\udc80")]
    assert len(set(names)) == len(names)
    assert all(name.isprintable() and len(name) < 80 for name in names)
    assert names[5:7] == [MISSING, "1"]


@st.composite
def tables(draw: st.DrawFn) -> dict[tuple[Scalar, Scalar, Scalar], int]:
    value = st.sampled_from([0, 1, None, math.nan])
    group = st.sampled_from(["a", "b", "c", None, 3, 3.5])
    return draw(st.dictionaries(st.tuples(group, value, value), st.integers(1, 5000), max_size=30))


@given(tables(), st.floats(0, 1), st.floats(0, 1), st.integers(1, 100))
def test_whatever_the_counts_it_ends_in_a_verdict_and_finite_numbers(
    table: Cells, ratio: float, difference: float, min_n: int
) -> None:
    limits = BiasLimits(selection_rate_ratio=ratio, equal_opportunity_difference=difference)
    finding = judge(table, policy={"limits": limits, "min_n": min_n})
    for observation in finding.observations:
        numbers = (observation.value, observation.low, observation.high)
        assert all(number is None or math.isfinite(number) for number in numbers)
        assert observation.detail.en
        if observation.verdict in {Verdict.PASS, Verdict.FAIL}:
            assert observation.low is not None
            assert observation.value is not None
            assert observation.low <= observation.value + 1e-12


@given(tables(), st.floats(0.01, 0.99))
def test_a_ratio_passes_or_fails_exactly_as_its_two_sided_interval_says(table: Cells, limit: float) -> None:
    finding = judge(table, policy={"limits": BiasLimits(selection_rate_ratio=limit)})
    for observation in finding.observations:
        if observation.name == bias.SELECTION and observation.verdict is Verdict.PASS:
            assert observation.low is not None
            assert limit <= observation.low
            assert observation.high is None or observation.high <= 1 / limit + 1e-9
