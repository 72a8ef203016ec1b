# SPDX-License-Identifier: Apache-2.0
"""Our rates, ratios and differences are fairlearn's, on random tables."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from governance.core import bias
from governance.core.groups import count_groups
from governance.policy import Check, Family, Text

with warnings.catch_warnings():
    # fairlearn is the oracle here; what it deprecates in pandas and scikit-learn is its own to mend.
    warnings.simplefilter("ignore")
    from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate

if TYPE_CHECKING:
    from governance.core.evaluation import Scalar

TEXT = Text(ja="偏り", en="bias")
CHECK = Check(family=Family.BIAS, name=TEXT, remedy=TEXT, min_n=1)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.filterwarnings("ignore::DeprecationWarning:fairlearn", "ignore::FutureWarning:fairlearn")
def test_rates_ratios_and_differences_equal_fairlearns(seed: int) -> None:
    random = np.random.default_rng(seed)
    n, names = int(random.integers(60, 3000)), ["a", "b", "c", "d"][: int(random.integers(2, 5))]
    group, label = random.choice(names, n), random.integers(0, 2, n)
    prediction = (random.random(n) < random.uniform(0.2, 0.8, 4)[np.searchsorted(names, group)]).astype(int)
    oracle = MetricFrame(
        metrics={"sr": selection_rate, "tpr": true_positive_rate},
        y_true=label,
        y_pred=prediction,
        sensitive_features=group,
    ).by_group
    cells: Counter[tuple[Scalar, Scalar, Scalar]] = Counter(
        zip(group.tolist(), label.tolist(), prediction.tolist(), strict=True)
    )
    for ours in count_groups(cells, 1):
        assert float(ours.selected.share) == pytest.approx(oracle["sr"][ours.name], abs=1e-9)
        assert float(ours.true_positive.share) == pytest.approx(oracle["tpr"][ours.name], abs=1e-9)
    observations = bias.judge({"g": cells}, CHECK, reference={"g": "a"}).observations
    assert len(observations) == 2 * (len(names) - 1)
    for observation in observations:
        other = observation.slice.removeprefix("g: ").removesuffix(" vs a")
        if observation.name == bias.SELECTION:
            ratio = oracle["sr"][other] / oracle["sr"]["a"]
            assert observation.value == pytest.approx(min(ratio, 1 / ratio), abs=1e-9)
        else:
            assert observation.value == pytest.approx(abs(oracle["tpr"][other] - oracle["tpr"]["a"]), abs=1e-9)
