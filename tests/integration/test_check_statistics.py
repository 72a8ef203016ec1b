# SPDX-License-Identifier: Apache-2.0
"""What a check counted is a fact: the next version is compared with it, and another policy is tried on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from governance.checks import bias, drift
from governance.core.terms import RegisteredModel, Statistic, Verdict, VersionKey
from governance.steps import checks, model_gate
from governance.store import statistics
from tests import factories
from tests.integration.test_checks import changed, under
from tests.integration.test_steps import KEY, MODEL, TEXT, Company, company

if TYPE_CHECKING:
    from governance.policy import Policy

__all__ = ["company"]
SECOND = VersionKey(MODEL, 2)


def policy(**bias_check: Any) -> Policy:
    text = {"ja": "文", "en": "text"}
    evaluation = {"sensitive": ["sex"], "label": "label", "prediction": "prediction"}
    shift = {"family": "drift", "name": text, "remedy": text, "drift": {"exclude": ["label", "prediction"]}}
    return changed(
        checks={"checks": {"bias": bias_check, "drift": shift}},
        gates={"gates": {"G4": {"required_checks": {"low": ["bias", "drift"]}}}},
        use_cases={"use_cases": {MODEL: {"evaluation": evaluation, "exempt": {}}}},
    )


def deliver(company: Company, version: int, *, gap: float = 0.0, shift: float = 0.0) -> None:
    random, n = np.random.default_rng(version), 8000
    sex, label = random.choice(["f", "m"], n), random.integers(0, 2, n)
    chance = np.where(label == 1, 0.8, 0.3) - gap * (sex == "f")
    prediction = (random.random(n) < chance).astype(int)
    rows = {"sex": sex, "label": label, "prediction": prediction, "income": random.normal(shift, 1, n)}
    target = company.data / MODEL / f"v{version}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(target)


def know(company: Company, *versions: int) -> None:
    known = tuple(factories.version(MODEL, number, description=TEXT) for number in versions)
    company.know(RegisteredModel(MODEL, TEXT, {}, {"champion": versions[-1]}, known))


def counted(company: Company, key: VersionKey, check: str) -> list[Statistic]:
    with company.rt.reading() as session:
        return statistics.of(session, key, check, company.rt.current(session))


def approve_first(company: Company) -> Company:
    """Version 1 passes a gate that asks for bias only; then drift is asked for as well."""
    there = under(company, policy())
    only_bias = changed(
        use_cases=policy().use_cases.model_dump(mode="json"),
        checks=policy().checks.model_dump(mode="json"),
        gates={"gates": {"G4": {"required_checks": {"low": ["bias"]}}}},
    )
    first = under(there, only_bias)
    know(first, 1)
    deliver(first, 1)
    first.run()
    assert model_gate.blocked(first.rt, KEY) == ""
    return there


def test_counts_and_engines_are_recorded_once_with_the_result(company: Company) -> None:
    there = approve_first(company)
    (cube,) = counted(there, KEY, "bias")
    assert cube.name == "cube sex"
    assert sum(cell[3] for cell in cube.content["cells"]) == 8000
    told = checks.explain(there.rt, KEY, "bias")
    assert set(told["engines"]) == {"duckdb", "governance"}
    before = there.counts()
    assert model_gate.check(under(there, policy()).rt, KEY) == ["drift"], "what is fresh is not measured again"
    assert there.counts()["check_statistic"] > before["check_statistic"], "a first profile was kept"
    assert there.verdicts()["drift"] is Verdict.NOT_RUN


def test_the_next_version_is_held_against_the_profile_of_the_approved_one(company: Company) -> None:
    there = approve_first(company)
    model_gate.check(there.rt, KEY)
    know(there, 1, 2)
    deliver(there, 2, shift=0.8, gap=0.3)
    there.run(SECOND)
    verdicts = there.verdicts(SECOND)
    assert (verdicts["drift"], verdicts["bias"]) == (Verdict.FAIL, Verdict.FAIL)
    cause = checks.explain(there.rt, SECOND, "drift")["cause"]
    assert "income" in cause
    assert cause in model_gate.blocked(there.rt, SECOND), "whoever opens the red task reads why"
    there.clock.now = there.clock.now.replace(year=there.clock.now.year + 1)
    model_gate.check(there.rt, SECOND)
    cause = checks.explain(there.rt, SECOND, "bias")["cause"]
    assert f"{MODEL} v1" in cause
    assert "PSI" in cause


def test_another_policy_is_tried_on_stored_counts_and_no_data_are_read(company: Company) -> None:
    there = approve_first(company)
    target = there.data / MODEL / "v1.parquet"
    target.unlink()
    strict = {"selection_rate_ratio": 0.99, "equal_opportunity_difference": None, "accuracy_difference": 0.2}
    rows = checks.replay_under(there.rt, policy(limits=strict), 12)
    (row,) = [row for row in rows if row["check"] == "bias"]
    assert (row["then"], row["now"]) == ("pass", "insufficient"), "a measure that was not judged then is judged now"
    same = checks.replay_under(there.rt, policy(), 12)
    assert [row["now"] for row in same if row["check"] == "bias"] == ["pass"]
    crossed = checks.replay_under(there.rt, policy(min_n=5000), 12)
    assert [row["now"] for row in crossed if row["check"] == "bias"] == ["insufficient"]


def test_the_names_of_statistics_are_those_that_are_read_back() -> None:
    assert bias.past([Statistic("cube sex", {"columns": ["sex"], "cells": [], "suppressed": 0})]) is not None
    assert bias.past([Statistic("profile x", {})]) is None
    assert drift.past([Statistic("cube sex", {})]) == []
