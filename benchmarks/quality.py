# SPDX-License-Identifier: Apache-2.0
"""Twelve expectations on a Parquet file, beside Great Expectations on pandas in the same run.

usage: python -m benchmarks.quality [ROWS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.measured import HEAD, line, run, telling

ROWS: Final = 1_000_000
SUITE: Final = """
name: orders
expectations:
  - {type: expect_table_row_count_to_be_between, kwargs: {min_value: 1, max_value: 1000000000}}
  - type: expect_table_columns_to_match_set
    kwargs: {column_set: [id, amount, net, age, region, status, score, code]}
  - {type: expect_column_values_to_not_be_null, kwargs: {column: id}}
  - {type: expect_column_values_to_not_be_null, kwargs: {column: amount, mostly: 0.9}}
  - {type: expect_column_values_to_be_unique, kwargs: {column: id}}
  - {type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0, max_value: 1000, mostly: 0.9}}
  - {type: expect_column_values_to_be_between, kwargs: {column: age, min_value: 18, max_value: 100}}
  - {type: expect_column_values_to_be_in_set, kwargs: {column: region, value_set: [north, south, east, west]}}
  - {type: expect_column_values_to_be_in_set, kwargs: {column: status, value_set: [0, 1, 2]}}
  - {type: expect_column_values_to_match_regex, kwargs: {column: code, regex: "^[A-Z]{2}-[0-9]+$"}}
  - {type: expect_column_mean_to_be_between, kwargs: {column: score, min_value: 0.4, max_value: 0.6}}
  - {type: expect_column_pair_values_a_to_be_greater_than_b, kwargs: {column_A: amount, column_B: net, or_equal: true, mostly: 0.9}}
"""


def fill(home: Path, rows: int) -> Path:
    """Orders: a key, two amounts with a few NULLs, small integers, words, a score and a code."""
    import duckdb

    path = home / "orders.parquet"
    duckdb.execute(f"""
        COPY (
            SELECT range AS id,
                   CASE WHEN h % 100 = 0 THEN NULL ELSE (h % 100000) / 100.0 END::DOUBLE AS amount,
                   ((h % 100000) / 100.0 * 0.9)::DOUBLE AS net,
                   (18 + h % 80)::BIGINT AS age,
                   ['north', 'south', 'east', 'west'][1 + (h % 4)::INT] AS region,
                   (h // 7 % 3)::BIGINT AS status,
                   (h // 11 % 10000 / 10000.0)::DOUBLE AS score,
                   'AB-' || (h % 1000)::VARCHAR AS code
            FROM (SELECT range, hash(range) AS h FROM range({rows}))
        ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)""")
    (home / "orders.yaml").write_text(SUITE, encoding="utf-8")
    return path


def floor(path: Path) -> None:
    """Touch the same columns."""
    import duckdb

    with telling(), duckdb.connect(config={"threads": 2}) as connection:
        told = "sum(id), sum(amount), sum(net), sum(age), max(region), sum(status), sum(score), max(code)"
        connection.execute(f"SELECT {told} FROM read_parquet(?)", [str(path)]).fetchall()


def ours(path: Path) -> None:
    """The check as the product runs it, the digest of the file and the evidence included."""
    from governance.checks import data_quality
    from governance.sources.dataset_file import open_file

    with telling(), open_file(path) as table:
        finding = data_quality.measure(table, path.with_suffix(".yaml"))
    _require(finding.verdict.value == "pass")


def great_expectations(path: Path) -> None:
    """The peer: the same suite by Great Expectations on a pandas frame, which it needs to have in memory."""
    import pandas as pd

    from governance.checks import expectations, suites

    built: list[Any] = expectations.build(suites.read(path.with_suffix(".yaml")))
    with telling():
        results = expectations.run(pd.read_parquet(path), built)
    _require(all(result["success"] for result in results))


def _require(is_kept: bool) -> None:  # noqa: FBT001 - one sentence at the place of the call
    if not is_kept:
        sys.exit("an expectation does not hold: the two do not do the same")


def main(rows: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as home:
        path = str(fill(Path(home), rows))
        sys.stdout.write(f"{rows:,} rows, 12 expectations\n{HEAD}")
        bare, mine, peer = (run("benchmarks.quality", way, path) for way in ("floor", "ours", "great_expectations"))
        sys.stdout.write(line("scan of the columns", bare) + line("ours, to the scan", mine, bare))
        sys.stdout.write(line("Great Expectations, pandas", peer) + line("ours, to it", mine, peer))


if __name__ == "__main__":
    ways = {"floor": floor, "ours": ours, "great_expectations": great_expectations}
    if len(sys.argv) > 2:  # noqa: PLR2004 - a way and its file
        ways[sys.argv[1]](Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
