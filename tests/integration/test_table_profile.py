# SPDX-License-Identifier: Apache-2.0
"""A table's shape is the same on every source, and a data-quality check keeps it for the next version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from governance.checks import Beside, run, table_profile
from governance.core.terms import Finding, Statistic, Verdict
from governance.errors import CheckNotRunError
from governance.policy import Check
from governance.sources import datasets
from tests.integration.evaluation_tables import KINDS, MODEL, placed, version

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXT = {"ja": "品質", "en": "quality"}
RULES = {"time": "at", "fresh_within_hours": 48, "volume_change": 0.5, "schema_change": True}
CHECK = Check.model_validate_json(json.dumps({"family": "data_quality", "name": TEXT, "remedy": TEXT, "table": RULES}))
SUITE = "name: credit\nexpectations:\n  - {type: expect_column_values_to_not_be_null, kwargs: {column: amount}}\n"


def rows(n: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "amount": [1.5] * n,
            "name": ["x", None] * (n // 2),
            "at": pd.Timestamp("2026-11-19 06:00") + pd.to_timedelta(range(n), unit="m"),
        }
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_source_tells_the_same_rows_kinds_and_missing_values(kind: str, tmp_path: Path) -> None:
    with placed(kind, rows(), tmp_path) as (settings, case), datasets.open_table(case, version(), settings) as table:
        found = table_profile.shape(table, "at")
    assert found.rows == 40
    assert {one.name: (one.kind, one.missing) for one in found.columns if one.name != "version"} == {
        "amount": ("number", 0), "name": ("word", 20), "at": ("time", 0),
    }  # fmt: skip
    assert found.newest.startswith("2026-11-19 06:39")


def test_the_next_version_is_held_against_the_shape_that_the_last_one_left(tmp_path: Path) -> None:
    (tmp_path / "credit.yaml").write_text(SUITE)
    with placed("parquet", rows(), tmp_path) as (settings, case):

        def check(*approved: Statistic) -> Finding:
            with datasets.open_table(case, version(), settings) as table:
                beside = Beside(now=NOW, approved=approved)
                return run(CHECK, version(), MODEL, case, table, suite_dir=tmp_path, beside=beside)

        first = check()
        assert first.verdict is Verdict.PASS
        assert "no approved version" in first.detail.en
        (kept,) = first.statistics
        again = check(kept)
        assert again.verdict is Verdict.PASS
        assert [seen.name for seen in again.observations[1:]] == [
            "hours_since_newest_row", "volume_change", "schema_change",
        ]  # fmt: skip
        smaller = rows(10).rename(columns={"name": "<b>|name"})
        smaller.to_parquet(tmp_path / "credit-v3.parquet")
        changed = check(kept)
    assert changed.verdict is Verdict.FAIL
    assert {seen.name for seen in changed.observations if seen.verdict is Verdict.FAIL} == {
        "volume_change", "schema_change",
    }  # fmt: skip
    sheet = changed.files["datasheet.md"].decode()
    assert "\\<b\\>\\|name" in sheet
    assert "schema\\_change" in sheet


def test_a_time_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        placed("parquet", rows(), tmp_path) as (settings, case),
        datasets.open_table(case, version(), settings) as table,
        pytest.raises(CheckNotRunError, match="column 'when' is not in the evaluation table"),
    ):
        table_profile.shape(table, "when")
