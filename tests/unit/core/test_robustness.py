# SPDX-License-Identifier: Apache-2.0
"""What a perturbation costs is judged on its interval; what was required and not tried is not green."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from governance.core import robustness
from governance.core.terms import Finding, Verdict
from governance.policy import Check
from tests.languages import problems


def judge(metrics: dict[str, float], **said: Any) -> Finding:
    text = {"ja": "頑健性", "en": "robustness"}
    content = {"family": "robustness", "name": text, "remedy": text, "robustness": {"max_drop": 0.1} | said}
    finding = robustness.judge(metrics, Check.model_validate_json(json.dumps(content)))
    assert [problem for o in finding.observations for problem in problems(o.detail)] == []
    return finding


def logged(base: float, perturbed: float, n: float | None = None) -> dict[str, float]:
    found = {"robustness.sex=female.base": base, "robustness.sex=female.typos": perturbed}
    return found if n is None else found | {"robustness.sex=female.n": n}


@pytest.mark.parametrize(
    ("base", "perturbed", "n", "verdict"),
    [
        (0.9, 0.89, 2000, Verdict.PASS),
        (0.9, 0.5, 2000, Verdict.FAIL),
        (0.9, 0.85, 100, Verdict.INSUFFICIENT),
        (0.9, 0.89, 29, Verdict.INSUFFICIENT),
        (0.9, 0.85, None, Verdict.PASS),
        (0.9, 0.7, None, Verdict.FAIL),
        (0.9, 0.95, 2000, Verdict.PASS),
        (1.9, 0.5, None, Verdict.ERROR),
        (0.9, math.nan, 2000, Verdict.ERROR),
        (0.9, 0.9, 10.5, Verdict.ERROR),
        (0.9, 0.9, 0, Verdict.ERROR),
    ],
)
def test_the_interval_of_the_drop_decides(base: float, perturbed: float, n: float | None, verdict: Verdict) -> None:
    finding = judge(logged(base, perturbed, n))
    assert finding.verdict is verdict
    assert [(o.name, o.slice) for o in finding.observations] == [("accuracy_drop", "sex=female: typos")]


def test_a_count_of_its_own_and_a_slice_with_dots_are_understood() -> None:
    metrics = {
        "robustness.site.v1.2.base": 0.9,
        "robustness.site.v1.2.noise": 0.9,
        "robustness.site.v1.2.n": 5000,
        "robustness.site.v1.2.noise.n": 1000,
        "accuracy": 0.9,
    }
    (seen,) = judge(metrics).observations
    assert (seen.slice, seen.n, seen.verdict) == ("site.v1.2: noise", 1000, Verdict.PASS)


def test_what_was_required_and_not_logged_is_not_run() -> None:
    finding = judge(logged(0.9, 0.9, 2000), required=["sex=female.typos", "sex=male.typos"])
    assert finding.verdict is Verdict.NOT_RUN
    assert "robustness.sex=male.base" in finding.observations[1].detail.en


def test_nothing_logged_is_not_run() -> None:
    assert judge({"accuracy": 0.9}).verdict is Verdict.NOT_RUN
    assert judge({"robustness.all.base": 0.9, "robustness.all.n": 100}).verdict is Verdict.NOT_RUN
