# SPDX-License-Identifier: Apache-2.0
"""A bias check with every measure, intervals, crossings and its facts written, beside fairlearn and the bare scan.

usage: python -m benchmarks.bias [ROWS] [alone]

`alone` leaves fairlearn out: at ten million rows it takes minutes and gigabytes. Files are warm in the page cache,
groups are dictionary-encoded text, two threads.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from benchmarks.measured import HEAD, line, run, telling

ROWS: Final = 1_000_000
NOW: Final = datetime(2026, 11, 10, 3, tzinfo=UTC)
NAMES: Final = {"judged": "ours, measured and judged", "ours": "ours, from file to facts"}


def fill(path: Path, rows: int) -> None:
    """Fifteen groups of people, a third more of some; one in two is good, predictions are right for 8 in 10."""
    import duckdb

    duckdb.execute(f"""
        COPY (
            SELECT ['female', 'male', 'other'][1 + (h % 100 >= 49)::INT + (h % 100 >= 98)::INT] AS sex,
                   ['a', 'b', 'c', 'd', 'e'][1 + (h // 100 % 5)::INT] AS race,
                   (h // 1000 % 2)::TINYINT AS label,
                   CASE WHEN h // 10000 % 10 < 8 THEN h // 1000 % 2 ELSE 1 - h // 1000 % 2 END::TINYINT AS prediction
            FROM (SELECT hash(range) AS h FROM range({rows}))
        ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)""")


def floor(path: str) -> None:
    """Touch the same four columns."""
    import duckdb

    with telling(), duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            "SELECT max(sex), max(race), sum(label), sum(prediction) FROM read_parquet(?)", [path]
        ).fetchall()


def _evaluation() -> Any:  # noqa: ANN401 - as below
    from governance.policy import Evaluation

    given = {"source": {"kind": "logged"}, "label": "label", "prediction": "prediction", "sensitive": ["sex", "race"]}
    return Evaluation.model_validate_json(json.dumps(given))


def _check(*, largest_gap: bool = True) -> Any:  # noqa: ANN401 - heavy types stay out of the other processes
    from governance.policy import BiasLimits, Check, Family, Grouping, Text

    text = Text(ja="偏り", en="bias")
    limits = BiasLimits.model_validate(dict.fromkeys(list(BiasLimits.model_fields)[1:], 0.1))
    grouping = Grouping(intersections=2, largest_gap=largest_gap)
    return Check(family=Family.BIAS, name=text, remedy=text, limits=limits, grouping=grouping)


def judged(path: str) -> None:
    """Ask the open table, and judge every measure of both columns and their crossing, with intervals."""
    from governance.checks import bias, cells
    from governance.core import cubes
    from governance.sources.dataset_file import open_file

    check = _check(largest_gap=False)
    with open_file(Path(path)) as table, telling():
        counted = cells.count(table, _evaluation(), ("sex", "race"), NOW.date())
        bias.judge([cubes.add(counted.cubes.values())], check, _evaluation())


def ours(path: str) -> None:
    """Measure, judge, and write result and counts into a governance database of its own."""
    import numpy as np  # noqa: F401 - imports are no compute

    from governance.checks import bias
    from governance.core.causes import Beside
    from governance.core.terms import VersionKey
    from governance.sources.dataset_file import open_file
    from governance.store import database, gates, statistics
    from governance.store.facts import Telling
    from governance.store.ledger import writing

    evaluation, key = _evaluation(), VersionKey("credit", 1)
    engine = database.connect(_database(Path(path)))
    with telling(), open_file(Path(path)) as table:
        finding = bias.measure(table, _check(), evaluation, today=NOW.date(), beside=Beside())
        with writing(engine) as session:
            by = Telling("benchmark", "benchmark", NOW, NOW)
            statistics.record(session, key, "bias", finding, by)
            gates.record_result(session, (key, "bias"), "0" * 64, finding, telling=by, fresh_since=NOW)


def _database(path: Path) -> SecretStr:
    return SecretStr(f"sqlite:///{path.parent / 'governance.db'}")


def fairlearn(path: str) -> None:
    """The peer: MetricFrame over seven metrics and both columns; no interval."""
    import pandas as pd
    from fairlearn import metrics as fl
    from sklearn import metrics as sk

    wanted = {
        "count": fl.count,
        "selection": fl.selection_rate,
        "tpr": fl.true_positive_rate,
        "false positives": fl.false_positive_rate,
        "fnr": fl.false_negative_rate,
        "precision": sk.precision_score,
        "accuracy": sk.accuracy_score,
    }
    rows = pd.read_parquet(path)
    with telling():
        frame = fl.MetricFrame(
            metrics=wanted, y_true=rows["label"], y_pred=rows["prediction"], sensitive_features=rows[["sex", "race"]]
        )
        frame.difference(), frame.ratio()


def main(rows: int, *, alone: bool) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "evaluation.parquet"
        fill(path, rows)
        from governance.store import database

        database.upgrade(database.connect(_database(path)))
        sys.stdout.write(f"{rows:,} rows, 15 groups, {path.stat().st_size / 1e6:.0f} MB\n{HEAD}")
        bare = run("benchmarks.bias", "floor", str(path))
        sys.stdout.write(line("scan of the columns", bare))
        mine = {way: run("benchmarks.bias", way, str(path)) for way in ("judged", "ours")}
        sys.stdout.write("".join(line(NAMES[way], one, bare) for way, one in mine.items()))
        if not alone:
            peer = run("benchmarks.bias", "fairlearn", str(path))
            sys.stdout.write(line("fairlearn", peer) + "to fairlearn:\n")
            sys.stdout.write("".join(line(NAMES[way], one, peer) for way, one in mine.items()))


if __name__ == "__main__":
    ways = {"floor": floor, "ours": ours, "judged": judged, "fairlearn": fairlearn}
    arguments = sys.argv[1:]
    if arguments and arguments[0] in ways:
        ways[arguments[0]](arguments[1])
    else:
        main(int(next((a for a in arguments if a != "alone"), ROWS)), alone="alone" in arguments)
