# SPDX-License-Identifier: Apache-2.0
"""fairlearn as the oracle of our rates, ratios and differences."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from governance.core import bias
from governance.core.groups import count_groups
from governance.policy import Check, Family, Text

with warnings.catch_warnings():
    # fairlearn is the oracle here; what it deprecates in pandas and scikit-learn is its own to mend.
    warnings.simplefilter("ignore")
    from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.core.evaluation import Scalar

TEXT: Final = Text(ja="偏り", en="bias")
CHECK: Final = Check(family=Family.BIAS, name=TEXT, remedy=TEXT, min_n=1)


def assert_agrees(group: Sequence[str], label: Sequence[int], prediction: Sequence[int], reference: str) -> None:
    """Hold every rate, ratio and difference against fairlearn's, to 1e-9."""
    oracle = MetricFrame(
        metrics={"sr": selection_rate, "tpr": true_positive_rate},
        y_true=label,
        y_pred=prediction,
        sensitive_features=group,
    ).by_group
    cells: Counter[tuple[Scalar, Scalar, Scalar]] = Counter(zip(group, label, prediction, strict=True))
    for ours in count_groups(cells, 1):
        assert float(ours.selected.share) == pytest.approx(oracle["sr"][ours.name], abs=1e-9)
        assert float(ours.true_positive.share) == pytest.approx(oracle["tpr"][ours.name], abs=1e-9)
    observations = bias.judge({"g": cells}, CHECK, reference={"g": reference}).observations
    assert len(observations) == 2 * (len(set(group)) - 1)
    for observation in observations:
        other = observation.slice.removeprefix("g: ").removesuffix(f" vs {reference}")
        if observation.name == bias.SELECTION:
            ratio = oracle["sr"][other] / oracle["sr"][reference]
            assert observation.value == pytest.approx(min(ratio, 1 / ratio), abs=1e-9)
        else:
            assert observation.value == pytest.approx(abs(oracle["tpr"][other] - oracle["tpr"][reference]), abs=1e-9)
