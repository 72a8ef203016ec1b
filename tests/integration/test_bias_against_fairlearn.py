# SPDX-License-Identifier: Apache-2.0
"""Our rates, ratios and differences are fairlearn's, on random tables."""

from __future__ import annotations

import numpy as np
import pytest

from tests.integration.fairlearn_oracle import assert_agrees


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.filterwarnings("ignore::DeprecationWarning:fairlearn", "ignore::FutureWarning:fairlearn")
def test_rates_ratios_and_differences_equal_fairlearns(seed: int) -> None:
    random = np.random.default_rng(seed)
    n, names = int(random.integers(60, 3000)), ["a", "b", "c", "d"][: int(random.integers(2, 5))]
    group, label = random.choice(names, n), random.integers(0, 2, n)
    prediction = (random.random(n) < random.uniform(0.2, 0.8, 4)[np.searchsorted(names, group)]).astype(int)
    assert_agrees(group.tolist(), label.tolist(), prediction.tolist(), "a")
