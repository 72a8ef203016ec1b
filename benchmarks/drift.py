# SPDX-License-Identifier: Apache-2.0
"""Drift of twenty columns against a stored reference, beside evidently where there is one, and the bare scan.

usage: python -m benchmarks.drift [ROWS] [PYTHON]

PYTHON is an interpreter that has evidently 0.7 and pandas 2: it does not install beside pandas 3.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.measured import HEAD, line, run, telling

ROWS: Final = 1_000_000
NUMBERS: Final = 12
WORDS: Final = 8
PEER: Final = """
import json, sys, time
import pandas as pd
from evidently import Report
from evidently.metrics import ValueDrift
reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
started = time.perf_counter()
Report([ValueDrift(column=column, method="psi") for column in reference.columns]).run(current, reference)
print(json.dumps({"compute": time.perf_counter() - started}))
"""


def fill(path: Path, rows: int, salt: int) -> None:
    """Twelve columns of numbers of different shapes, eight of words with 3 to 24 values."""
    import duckdb

    numbers = ", ".join(
        f"(ln(1 + hash(range + {salt}, {place}) % 1000003) * {place + 1})::DOUBLE AS n{place}"
        for place in range(NUMBERS)
    )
    words = ", ".join(f"'w' || (hash(range + {salt}, {50 + p}) % {3 * p + 3})::VARCHAR AS w{p}" for p in range(WORDS))
    rows_ = f"SELECT {numbers}, {words} FROM range({rows})"
    duckdb.execute(f"COPY ({rows_}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def floor(_reference: Path, current: Path) -> None:
    """Touch every column of the current file."""
    import duckdb

    names = [f"sum(n{place})" for place in range(NUMBERS)] + [f"max(w{place})" for place in range(WORDS)]
    with telling(), duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"SELECT {', '.join(names)} FROM read_parquet(?)", [str(current)]).fetchall()


def ours(reference: Path, current: Path) -> None:
    """Count the current file in the stored bins of the reference, and judge every column by three measures."""
    import scipy.special  # noqa: F401 - imports are no compute

    from governance.checks import drift, profiles
    from governance.core.comparisons import holm
    from governance.core.drift import Profile, Rules, judge
    from governance.sources.dataset_file import open_file

    stored = [Profile.read(one) for one in json.loads(reference.with_suffix(".json").read_text(encoding="utf-8"))]
    with telling(), open_file(current) as table:
        windows = profiles.count(table, stored)
        told = {one.column: drift.tested(one, windows[one.column][0]) for one in stored}
        rules = Rules(0.95, 30, told)
        holm([judge(name, one, windows[one.column], 0.2, rules) for one in stored for name in ("psi", "js")], 0.95)


def profiled(reference: Path, _current: Path) -> None:
    """Find the reference's quantiles and count it in them: once per approved version."""
    from governance.checks import drift
    from governance.policy import Drift
    from governance.sources.dataset_file import open_file

    started = time.perf_counter()
    with open_file(reference) as table:
        found = [one.content() for one in drift.profiled(table, Drift())]
    seconds = time.perf_counter() - started
    reference.with_suffix(".json").write_text(json.dumps(found), encoding="utf-8")
    sys.stdout.write(json.dumps({"compute": seconds}) + "\n")


def main(rows: int, peer: str | None) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as home:
        files = [Path(home) / f"{name}.parquet" for name in ("reference", "current")]
        for salt, path in enumerate(files):
            fill(path, rows, salt * rows)
        sys.stdout.write(f"{rows:,} rows each, {NUMBERS} columns of numbers and {WORDS} of words\n{HEAD}")
        paths = list(map(str, files))
        once, bare, mine = (run("benchmarks.drift", way, *paths) for way in ("profiled", "floor", "ours"))
        sys.stdout.write(line("scan of the columns", bare) + line("ours, to the scan", mine, bare))
        sys.stdout.write(line("ours, reference once", once))
        if peer:
            (Path(home) / "peer.py").write_text(PEER, encoding="utf-8")
            other = run(str(Path(home) / "peer.py"), *paths, python=peer)
            sys.stdout.write(line("evidently, PSI", other) + line("ours, to evidently", mine, other))


if __name__ == "__main__":
    ways = {"floor": floor, "ours": ours, "profiled": profiled}
    if len(sys.argv) > 1 and sys.argv[1] in ways:
        ways[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS, sys.argv[2] if len(sys.argv) > 2 else None)  # noqa: PLR2004
