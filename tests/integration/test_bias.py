# SPDX-License-Identifier: Apache-2.0
"""Bias is counted where the rows are, the same on every source, and bad rows are named."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from governance.checks import bias
from governance.core import cubes
from governance.core.causes import Beside
from governance.core.terms import Finding, Verdict
from governance.errors import CheckNotRunError
from governance.policy import BiasLimits, Check, Evaluation, Family, Grouping, Text
from governance.policy.scores import ErrorLimits, ScoreLimits
from governance.sources import datasets
from tests.integration.evaluation_tables import KINDS, placed, version

if TYPE_CHECKING:
    from pathlib import Path

TEXT = Text(ja="偏り", en="bias")
TODAY = date(2026, 11, 20)
EVERY = BiasLimits(
    selection_rate_ratio=0.8,
    equal_opportunity_difference=0.1,
    demographic_parity_difference=0.1,
    false_positive_rate_difference=0.1,
    equalized_odds_difference=0.1,
    predictive_parity_difference=0.1,
    accuracy_difference=0.1,
)


def check(**changes: Any) -> Check:
    fields: dict[str, Any] = {"family": Family.BIAS, "name": TEXT, "remedy": TEXT, "limits": EVERY}
    return Check(**(fields | changes))


def people(n: int = 4000, *, seed: int = 1, gap: float = 0.0) -> pd.DataFrame:
    """Three groups by two; women of class 2 are selected `gap` less often."""
    random = np.random.default_rng(seed)
    sex, group = random.choice(["f", "m", "x"], n), random.choice([1, 2], n)
    good = random.random(n) < 0.5
    rate = np.where(good, 0.8, 0.3) - gap * ((sex == "f") & (group == 2))
    return pd.DataFrame(
        {
            "sex": sex,
            "class": group,
            "good": good.astype(int),
            "predicted": (random.random(n) < rate).astype(int),
            "weight": random.integers(1, 4, n),
            "at": pd.Timestamp("2026-11-11 10:00") + pd.to_timedelta(random.integers(0, 10, n), unit="D"),
        }
    )


def measure(kind: str, rows: pd.DataFrame, directory: Path, judged: Check, **evaluation: Any) -> Finding:
    with placed(kind, rows, directory) as (settings, use_case):
        assert use_case.evaluation is not None
        told = use_case.evaluation.model_copy(update={"sensitive": ("sex", "class")} | evaluation)
        case = use_case.model_copy(update={"evaluation": told})
        with datasets.open_table(case, version(), settings) as table:
            return bias.measure(table, judged, told, today=TODAY, beside=Beside())


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_gives_the_same_observations_and_the_same_cubes(kind: str, tmp_path: Path) -> None:
    judged = check(grouping=Grouping(intersections=2, largest_gap=True, replicates=500))
    options = {"weight": "weight", "time": "at", "window_days": 5}
    rows = people()
    (tmp_path / "parquet").mkdir()
    (tmp_path / kind).mkdir(exist_ok=True)
    expected = measure("parquet", rows, tmp_path / "parquet", judged, **options)
    found = measure(kind, rows, tmp_path / kind, judged, **options)
    assert found.observations == expected.observations
    assert {(one.name, one.window): cubes.read(one.content).rows for one in found.statistics} == {
        (one.name, one.window): cubes.read(one.content).rows for one in expected.statistics
    }
    assert [one.window for one in found.statistics] == [f"2026-11-{day}" for day in range(16, 21)]
    recent = rows[rows["at"] >= "2026-11-16"]
    assert found.n == pytest.approx(len(recent) * 0.85, rel=0.05), "the effective size of weights 1 to 3 is 6/7 of it"


def test_stored_days_judged_together_say_what_reading_all_rows_says(tmp_path: Path) -> None:
    judged = check(grouping=Grouping(intersections=2, smallest_cell=1))
    daily = measure("parquet", people(), tmp_path, judged, time="at")
    whole = measure("parquet", people(), tmp_path, judged)
    assert len(daily.statistics) == 10
    stored = cubes.add(cubes.read(one.content) for one in daily.statistics)
    evaluation = Evaluation.model_validate({"source": {"kind": "logged"}, "sensitive": ("sex", "class")})
    again = bias.judge([stored], judged, evaluation)
    assert again.observations == whole.observations == daily.observations


def test_a_gap_in_a_crossing_fails_and_its_cause_is_told_with_numbers(tmp_path: Path) -> None:
    judged = check(grouping=Grouping(intersections=2, largest_gap=True))
    finding = measure("parquet", people(20_000, gap=0.25), tmp_path, judged)
    assert finding.verdict is Verdict.FAIL
    failing = {seen.slice for seen in finding.observations if seen.verdict is Verdict.FAIL}
    assert any("f × 2" in where for where in failing)
    for text in (finding.cause.en, finding.cause.ja):
        assert "f × 2" in text
        assert "%" in text
    assert "the model widens it by" in finding.cause.en


def test_a_fair_model_on_enough_people_passes_every_measure_and_has_no_cause(tmp_path: Path) -> None:
    judged = check(grouping=Grouping(intersections=2, largest_gap=True))
    finding = measure("parquet", people(60_000), tmp_path, judged)
    assert {seen.verdict for seen in finding.observations} == {Verdict.PASS}
    assert not finding.cause
    assert {seen.name for seen in finding.observations} == set(EVERY.model_dump())


@pytest.mark.parametrize(
    ("changes", "evaluation", "name"),
    [
        ({"at": pd.NaT}, {"time": "at"}, "rows_without_time"),
        ({"at": pd.Timestamp("2027-01-01")}, {"time": "at", "window_days": 30}, "rows_without_time"),
        ({"weight": float("nan")}, {"weight": "weight"}, "rows_without_weight"),
        ({"weight": float("inf")}, {"weight": "weight"}, "rows_without_weight"),
        ({"weight": -1.0}, {"weight": "weight"}, "rows_without_weight"),
        ({"weight": 0.0}, {"weight": "weight"}, "rows_without_weight"),
        ({"predicted": None}, {}, "rows_without_prediction"),
        ({"good": None}, {}, "rows_without_label"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_cannot_be_counted_are_named_and_keep_it_from_passing(
    kind: str, changes: dict[str, Any], evaluation: dict[str, Any], name: str, tmp_path: Path
) -> None:
    if kind == "sqlite" and changes.get("weight") == float("inf"):
        pytest.skip("pandas writes infinity to SQLite as NULL")
    rows = people(60_000).astype({"weight": float})
    for column, value in changes.items():
        rows.loc[:6, column] = value
    finding = measure(kind, rows, tmp_path, check(), **evaluation)
    seen = next(seen for seen in finding.observations if seen.name == name)
    assert (finding.verdict, seen.verdict, seen.value) == (Verdict.INSUFFICIENT, Verdict.INSUFFICIENT, 7)


@pytest.mark.parametrize("kind", KINDS)
def test_people_whose_group_nobody_recorded_are_a_group_of_their_own(kind: str, tmp_path: Path) -> None:
    rows = people().astype({"class": float})
    rows.loc[:199, "class"] = float("nan")
    rows.loc[200:399, "class"] = None if kind in {"sqlite", "csv"} else float("inf")
    rows.loc[400:599, "sex"] = None
    finding = measure(kind, rows, tmp_path, check(grouping=Grouping(intersections=2, smallest_cell=1)))
    assert {seen.slice.split(" vs ")[0] for seen in finding.observations} >= {
        "class: (missing)", "sex: (missing)", "sex × class: (missing) × 1",
    }  # fmt: skip
    (cube,) = (cubes.read(json.loads(json.dumps(one.content, allow_nan=False))) for one in finding.statistics)
    assert cube.rows + cube.suppressed == 4000
    assert sum(n for key, n in cubes.by_group(cube, ["class"]).items() if key[0] is None) == 400


def test_a_million_different_values_are_no_groups_of_people(tmp_path: Path) -> None:
    rows = people(20_000).assign(sex=lambda table: table.index.astype(str))
    with pytest.raises(CheckNotRunError, match="column 'sex' has more than 10,000 values"):
        measure("parquet", rows, tmp_path, check())


def test_thin_crossings_are_told_in_one_line_that_closes_no_gate(tmp_path: Path) -> None:
    rows = people(60_000)
    rows.loc[:9, "sex"] = "y"
    finding = measure("parquet", rows, tmp_path, check(grouping=Grouping(intersections=2), min_n=11))
    thin = [seen for seen in finding.observations if seen.name == "groups"]
    assert [(seen.verdict, seen.n) for seen in thin] == [(Verdict.WARN, 10)]


@pytest.mark.parametrize("kind", KINDS)
def test_live_decisions_without_labels_are_judged_by_who_is_selected(kind: str, tmp_path: Path) -> None:
    rows = people(20_000).drop(columns="good")
    selection = BiasLimits(equal_opportunity_difference=None, demographic_parity_difference=0.1)
    assert measure(kind, rows, tmp_path, check(limits=selection), label=None).verdict is Verdict.PASS


def test_text_labels_for_a_numeric_favourable_value_are_an_error(tmp_path: Path) -> None:
    finding = measure("parquet", people().assign(good="yes"), tmp_path, check())
    assert finding.verdict is Verdict.ERROR
    assert "evaluation.favourable" in finding.observations[0].detail.en


@pytest.mark.parametrize("kind", KINDS)
def test_scores_and_errors_are_judged_with_the_rest_and_corrected_together(kind: str, tmp_path: Path) -> None:
    random, rows = np.random.default_rng(3), people(12_000)
    rows["score"] = np.clip(random.beta(2, 2, len(rows)) * 0.5 + 0.4 * rows["good"], 0, 1)
    rows.loc[rows["sex"] == "f", "score"] *= 0.6
    limits = {"calibration_gap": 0.05, "mean_score_difference": 0.05, "auc_difference": 0.1}
    judged = check(limits=BiasLimits(), scores=ScoreLimits.model_validate(limits))
    finding = measure(kind, rows, tmp_path, judged, score="score")
    assert finding.verdict is Verdict.FAIL
    assert {seen.name for seen in finding.observations if seen.verdict is Verdict.FAIL} == {
        "calibration_gap", "mean_score_difference",
    }  # fmt: skip
    assert all("f" in seen.slice for seen in finding.observations if seen.verdict is Verdict.FAIL)


def test_a_regression_is_judged_by_its_errors_and_its_numbers_need_be_no_classes(tmp_path: Path) -> None:
    random, rows = np.random.default_rng(4), people(6000)
    rows["good"] = random.normal(100, 20, len(rows))
    rows["predicted"] = rows["good"] + random.normal(0, np.where(rows["sex"] == "f", 9.0, 3.0))
    none = BiasLimits.model_validate(dict.fromkeys(BiasLimits.model_fields))
    judged = check(limits=none, errors=ErrorLimits(error_ratio=0.8, mean_error_difference=0.2))
    finding = measure("parquet", rows, tmp_path, judged)
    assert finding.n == 6000
    assert {(seen.name, seen.verdict) for seen in finding.observations if "sex: f" in seen.slice} == {
        ("error_ratio", Verdict.FAIL), ("mean_error_difference", Verdict.PASS),
    }  # fmt: skip
