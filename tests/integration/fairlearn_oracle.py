# SPDX-License-Identifier: Apache-2.0
"""fairlearn as the oracle of our rates, ratios, differences and largest gaps."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from governance.core import bias
from governance.core.bias import LARGEST
from governance.core.groups import count_groups
from governance.core.statistics import Interval
from governance.policy import BiasLimits, Check, Family, Grouping, Text

with warnings.catch_warnings():
    # fairlearn is the oracle here; what it deprecates in pandas and scikit-learn is its own to mend.
    warnings.simplefilter("ignore")
    import fairlearn.metrics as fl
    from sklearn.metrics import accuracy_score, precision_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.core.evaluation import Scalar
    from governance.core.terms import Observation

TEXT: Final = Text(ja="偏り", en="bias")
LIMITS: Final = BiasLimits(
    demographic_parity_difference=0.1,
    false_positive_rate_difference=0.1,
    equalized_odds_difference=0.1,
    predictive_parity_difference=0.1,
    accuracy_difference=0.1,
)
CHECK: Final = Check(
    family=Family.BIAS, name=TEXT, remedy=TEXT, min_n=1, limits=LIMITS, grouping=Grouping(largest_gap=True)
)
RATES: Final = {
    "selected": fl.selection_rate,
    "true_positive": fl.true_positive_rate,
    "false_positive": fl.false_positive_rate,
    "precise": precision_score,
    "accurate": accuracy_score,
}
DIFFERENCES: Final = {
    "demographic_parity_difference": "selected",
    "equal_opportunity_difference": "true_positive",
    "false_positive_rate_difference": "false_positive",
    "predictive_parity_difference": "precise",
    "accuracy_difference": "accurate",
}


def assert_agrees(group: Sequence[str], label: Sequence[int], prediction: Sequence[int], reference: str) -> None:
    """Hold every rate, ratio, difference and largest gap against fairlearn's, to 1e-9."""
    told: dict[str, Any] = {"y_true": label, "y_pred": prediction, "sensitive_features": group}
    frame = fl.MetricFrame(metrics=RATES, **told)
    cells: Counter[tuple[Scalar, Scalar, Scalar]] = Counter(zip(group, label, prediction, strict=True))
    for ours in count_groups(cells, 1):
        for rate in RATES:
            assert float(getattr(ours, rate).share) == pytest.approx(frame.by_group[rate][ours.name], abs=1e-9)
        false_negative = 1 - float(ours.true_positive.share)
        assert false_negative == pytest.approx(1 - frame.by_group["true_positive"][ours.name], abs=1e-9)
    finding = bias.judge({"g": cells}, CHECK, reference={"g": reference}, resample=lambda _groups, _m: Interval(0, 1))
    for seen in finding.observations:
        _assert_gap(seen, told) if LARGEST in seen.slice else _assert_pair(seen, frame.by_group, reference)


def _assert_pair(seen: Observation, rates: Any, reference: str) -> None:
    other = seen.slice.removeprefix("g: ").removesuffix(f" vs {reference}")
    gap = {rate: abs(rates[rate][other] - rates[rate][reference]) for rate in RATES}
    ratio = rates["selected"][other] / rates["selected"][reference]
    expected = {name: gap[rate] for name, rate in DIFFERENCES.items()} | {
        "selection_rate_ratio": min(ratio, 1 / ratio),
        "equalized_odds_difference": max(gap["true_positive"], gap["false_positive"]),
    }
    assert seen.value == pytest.approx(expected[seen.name], abs=1e-9)


def _assert_gap(seen: Observation, told: dict[str, Any]) -> None:
    oracles = {
        "selection_rate_ratio": fl.demographic_parity_ratio,
        "demographic_parity_difference": fl.demographic_parity_difference,
        "equal_opportunity_difference": fl.equal_opportunity_difference,
        "equalized_odds_difference": fl.equalized_odds_difference,
    }
    if seen.name in oracles:
        expected = oracles[seen.name](**told)
    else:
        rate = RATES[DIFFERENCES[seen.name]]
        expected = fl.MetricFrame(metrics=rate, **told).difference()
    assert seen.value == pytest.approx(expected, abs=1e-9)
