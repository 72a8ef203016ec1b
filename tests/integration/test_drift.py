# SPDX-License-Identifier: Apache-2.0
"""Drift is counted where the rows are, in the reference's bins, the same on every source."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from governance.checks import drift, profiles
from governance.core.drift import Profile
from governance.core.terms import Finding, Verdict
from governance.errors import CheckNotRunError
from governance.policy import Check, Drift, Family, Text
from governance.sources import datasets
from tests.integration.evaluation_tables import KINDS, placed, version

if TYPE_CHECKING:
    from pathlib import Path

TEXT = Text(ja="ドリフト", en="drift")
TODAY = date(2026, 11, 20)


def check(**settings: Any) -> Check:
    return Check(family=Family.DRIFT, name=TEXT, remedy=TEXT, drift=Drift.model_validate(settings))


def rows(n: int = 5000, *, seed: int = 1, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": random.lognormal(10 + shift, 1.5, n),
            "age": random.integers(18, 80, n),
            "flag": random.random(n) < 0.3,
            "region": random.choice(["north", "south", "east"], n, p=[0.5, 0.3, 0.2]),
            "empty": np.nan,
            "customer": [f"customer {number}" for number in range(n)],
            "at": pd.Timestamp("2026-11-01 12:00") + pd.to_timedelta(np.arange(n) % 20, unit="D"),
        }
    )


def measure(
    kind: str, table: pd.DataFrame, directory: Path, judged: Check, reference: list[Profile], **evaluation: Any
) -> Finding:
    directory.mkdir(exist_ok=True)
    with placed(kind, table, directory) as (settings, use_case):
        assert use_case.evaluation is not None
        told = use_case.evaluation.model_copy(update=evaluation)
        with datasets.open_table(use_case, version(), settings) as opened:
            return drift.measure(opened, judged, told, reference=reference, today=TODAY)


def profiled(kind: str, table: pd.DataFrame, directory: Path, judged: Check) -> list[Profile]:
    return drift.past(measure(kind, table, directory, judged, []).statistics)


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_finds_the_same_quantiles_and_the_same_counts(kind: str, tmp_path: Path) -> None:
    table, exclude = rows(), ("flag", "empty", "version")
    judged = check(exclude=exclude)
    expected = {one.column: one for one in profiled("parquet", table, tmp_path / "a", judged)}
    found = {one.column: one for one in profiled(kind, table, tmp_path / "b", judged)}
    assert found.keys() == expected.keys() == {"income", "age", "region"}
    for column, profile in found.items():
        assert profile.counts == expected[column].counts
        assert profile.edges == pytest.approx(expected[column].edges, rel=1e-12)
    deciles = [found["income"].edges[place] for place in found["income"].coarse]
    exact = np.quantile(table["income"], np.arange(1, 10) / 10, method="inverted_cdf")
    assert deciles == pytest.approx(exact, rel=0.05)
    assert all(count == pytest.approx(500, abs=50) for count in found["income"].cells[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_fails_and_its_cause_is_told_while_the_same_distribution_passes(kind: str, tmp_path: Path) -> None:
    judged = check(limits={"psi": 0.2, "js": 0.2, "ks": 0.2}, exclude=("empty", "flag", "version"))
    reference = profiled(kind, rows(), tmp_path / "a", judged)
    same = measure(kind, rows(seed=2), tmp_path / "b", judged, reference)
    assert {seen.verdict for seen in same.observations} == {Verdict.PASS}
    assert {(seen.name, seen.slice) for seen in same.observations} == {
        *((name, column) for name in ("psi", "js", "ks") for column in ("income", "age")),
        ("psi", "region"),
        ("js", "region"),
    }
    moved = measure(kind, rows(seed=3, shift=1.0), tmp_path / "c", judged, reference)
    assert moved.verdict is Verdict.FAIL
    assert {seen.slice for seen in moved.observations if seen.verdict is Verdict.FAIL} == {"income"}
    assert moved.cause.en.startswith("income: (")
    assert "chi-square" in next(seen for seen in moved.observations if seen.slice == "income").detail.en


def test_without_a_reference_nothing_is_compared_and_the_profile_is_kept_for_the_next(tmp_path: Path) -> None:
    finding = measure("parquet", rows(), tmp_path, check(), [])
    assert finding.verdict is Verdict.NOT_RUN
    assert "drift.reference" in finding.detail.en
    assert {one.name for one in finding.statistics} == {
        f"profile {column}" for column in ("income", "age", "flag", "region", "empty")
    }, "times and identifiers have no profile"


def test_windows_are_counted_apart_and_rows_without_a_time_are_named(tmp_path: Path) -> None:
    judged = check(windows=2, window_days=10, exclude=("empty",))
    reference = profiled("parquet", rows(), tmp_path / "a", judged)
    late = rows(seed=4)
    late.loc[late["at"] >= "2026-11-11", "income"] *= 20
    half = measure("parquet", late, tmp_path / "b", judged, reference, time="at")
    income = next(seen for seen in half.observations if seen.slice == "income")
    assert income.verdict is Verdict.WARN
    assert income.n == 2500
    late["income"] = rows(seed=4)["income"] * 20
    late.loc[:4, "at"] = pd.NaT
    both = measure("parquet", late, tmp_path / "c", judged, reference, time="at")
    assert next(seen for seen in both.observations if seen.slice == "income").verdict is Verdict.FAIL
    lost = next(seen for seen in both.observations if seen.name == "rows_without_time")
    assert (lost.value, lost.verdict) == (5, Verdict.INSUFFICIENT)
    assert {one.window for one in both.statistics if one.name == "drift income"} == {"2026-11-20", "2026-11-10"}


@pytest.mark.parametrize("kind", KINDS)
def test_null_nan_and_infinite_values_are_one_cell_of_their_own(kind: str, tmp_path: Path) -> None:
    table = rows(1000)[["income"]]
    reference = profiled(kind, table, tmp_path / "a", check(exclude=("version",)))
    dirty = table.copy()
    dirty.loc[:99, "income"] = np.nan
    if kind != "sqlite":
        dirty.loc[100:149, "income"] = np.inf
        dirty.loc[150:199, "income"] = -np.inf
    finding = measure(kind, dirty, tmp_path / "b", check(exclude=("version",)), reference)
    counted = Profile.read(next(one.content for one in finding.statistics if one.name == "drift income"))
    assert counted.counts[-1] == (100 if kind == "sqlite" else 200)
    assert counted.n == 1000


def test_a_column_that_is_gone_is_an_error_that_names_it(tmp_path: Path) -> None:
    reference = profiled("parquet", rows(), tmp_path / "a", check())
    finding = measure("parquet", rows().drop(columns="age"), tmp_path / "b", check(), reference)
    gone = [seen for seen in finding.observations if seen.verdict is Verdict.ERROR]
    assert [(seen.name, seen.slice) for seen in gone] == [("column", "age")]
    assert finding.verdict is Verdict.ERROR


@pytest.mark.parametrize("values", [[7.0] * 100, [1.0], [0.0, 1e308, -1e308] * 40, [0.1 + 0.2, 0.3] * 60])
def test_odd_columns_get_bins_and_lose_no_row(values: list[float], tmp_path: Path) -> None:
    profile = profiled("parquet", pd.DataFrame({"x": values}), tmp_path, check())[0]
    assert profile.n == len(values)
    assert sum(profile.cells) == len(values)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([5.0] * 500, [900.0] * 500),
        ([5.0] * 500, [-900.0] * 500),
        ([0, 1] * 250, [0, 7] * 250),
        ([0, 1] * 250, [-3, 1] * 250),
        ([0.0] * 475 + list(range(1, 26)), [-1.0] * 475 + list(range(1, 26))),
        ([*np.linspace(0, 1, 492), *(10.0 ** (30 * far) for far in range(1, 9))], list(np.linspace(2, 3, 500))),
    ],
    ids=["constant up", "constant down", "flag up", "flag down", "zeros down", "behind outliers"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_values_that_many_rows_share_and_far_outliers_hide_no_shift(
    kind: str, before: list[float], after: list[float], tmp_path: Path
) -> None:
    judged = check(limits={"psi": 0.2}, exclude=("version",))
    reference = profiled(kind, pd.DataFrame({"x": before}), tmp_path / "a", judged)
    assert sum(reference[0].counts) == 500
    assert measure(kind, pd.DataFrame({"x": after}), tmp_path / "b", judged, reference).verdict is Verdict.FAIL
    assert measure(kind, pd.DataFrame({"x": before}), tmp_path / "c", judged, reference).verdict is Verdict.PASS


def test_a_flag_that_did_not_move_keeps_a_limit_on_kolmogorov_smirnov(tmp_path: Path) -> None:
    judged, flags = check(limits={"ks": 0.1}), pd.DataFrame({"x": [0, 1] * 2500})
    reference = profiled("parquet", flags, tmp_path / "a", judged)
    assert measure("parquet", flags, tmp_path / "b", judged, reference).verdict is Verdict.PASS


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_numbers_that_became_text_never_passes(kind: str, tmp_path: Path) -> None:
    """Files: every value is missing now. Databases: an error that names both types."""
    judged = check(columns=("x",))
    reference = profiled(kind, pd.DataFrame({"x": np.arange(500.0)}), tmp_path / "a", judged)
    finding = measure(kind, pd.DataFrame({"x": ["abc"] * 500}), tmp_path / "b", judged, reference)
    seen = finding.observations[0]
    is_file = kind in {"parquet", "csv"}
    assert (seen.slice, seen.verdict) == ("x", Verdict.FAIL if is_file else Verdict.ERROR)
    assert ("missing +100.0%" in finding.cause.en) if is_file else ("holds numbers" in seen.detail.en)


def test_a_column_of_words_that_became_numbers_is_an_error_that_names_both(tmp_path: Path) -> None:
    judged = check(columns=("x",))
    reference = profiled("parquet", pd.DataFrame({"x": ["a", "b"] * 250}), tmp_path / "a", judged)
    finding = measure("parquet", pd.DataFrame({"x": np.arange(500.0)}), tmp_path / "b", judged, reference)
    assert finding.verdict is Verdict.ERROR
    assert "holds words in the reference and is DOUBLE" in finding.observations[0].detail.en


@pytest.mark.parametrize("named", ["incom", "customer", "at"])
def test_a_named_column_that_cannot_be_judged_is_an_error(named: str, tmp_path: Path) -> None:
    judged = check(columns=("income", named))
    reference = profiled("parquet", rows(), tmp_path / "a", judged)
    finding = measure("parquet", rows(seed=2), tmp_path / "b", judged, reference)
    assert finding.verdict is Verdict.ERROR
    assert [seen.slice for seen in finding.observations if seen.verdict is Verdict.ERROR] == [named]


def test_columns_that_nobody_judged_are_named(tmp_path: Path) -> None:
    reference = profiled("parquet", rows(), tmp_path / "a", check())
    finding = measure("parquet", rows(seed=2).assign(new=1), tmp_path / "b", check(), reference)
    assert finding.detail.en.endswith("'customer', 'at', 'new'")


def test_windows_without_a_time_column_are_refused(tmp_path: Path) -> None:
    judged = check(windows=3, window_days=10)
    reference = profiled("parquet", rows(), tmp_path / "a", judged)
    with pytest.raises(CheckNotRunError, match=r"evaluation\.time"):
        measure("parquet", rows(), tmp_path / "b", judged, reference)


def test_an_empty_table_tells_nothing(tmp_path: Path) -> None:
    reference = profiled("parquet", rows(), tmp_path / "a", check())
    finding = measure("parquet", rows().head(0), tmp_path / "b", check(), reference)
    assert finding.verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("BIGINT", "number"),
        ("DECIMAL(18,2)", "number"),
        ("NUMERIC(10, 2)", "number"),
        ("DOUBLE PRECISION", "number"),
        ("VARCHAR(20)", "word"),
        ("TEXT", "word"),
        ("BOOLEAN", "word"),
        ("ENUM('a', 'b')", "word"),
        ("TIMESTAMP WITH TIME ZONE", None),
        ("DATE", None),
        ("BLOB", None),
        ("INTERVAL", None),
        ("INTEGER[]", None),
        ("STRUCT(a INTEGER)", None),
        ("MAP(VARCHAR, INTEGER)", None),
    ],
)
def test_numbers_and_words_have_profiles_and_times_and_structures_do_not(declared: str, found: str | None) -> None:
    assert profiles.kind(declared) == found
